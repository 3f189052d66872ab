// SPDX-License-Identifier: GPL-2.0
/*
 * refslab watch: what the collector does in a heap of another process, live.
 *
 * The process's descriptor of the heap is borrowed for as long as it takes to attach a session of
 * our own, without any right: it changes nothing, and is told of scans only, so that no event of an
 * object is taken from whom it is meant for. Signals end us as they end anybody.
 */
#define _GNU_SOURCE		/* syscall(): glibc has pidfd_open() since 2.36 only */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <json-c/json.h>

#include "events.h"
#include "fdinfo.h"
#include "look.h"
#include "output.h"
#include "tool.h"

#define LOOK_SECONDS	2	/* from one look at who uses the heap to the next */

/**
 * struct watch - a heap that is watched
 * @pid:	the process; when that has no session of the heap any more, another one that has
 * @has_fd:	@fd was asked for
 * @fd:		its descriptor
 * @pidfd:	of the process that was asked for; -1 once it has ended
 * @heap:	the heap's number
 * @session:	ours
 * @json:	print objects
 * @count:	end after so many events; 0: never
 * @shown:	how many there were
 * @seconds:	end after so many; infinite: never
 */
struct watch {
	__u32 pid;
	bool has_fd;
	int fd;
	int pidfd;
	__u32 heap;
	struct refslab_session *session;
	bool json;
	__u64 count;
	__u64 shown;
	double seconds;
};

/* --- to the heap ----------------------------------------------------------------------------- */

/* Why the process's descriptor could not be had; always false. */
static bool explain(const struct watch *w, int err)
{
	const char *why = strerror(err);

	switch (err) {
	case ENOENT:
	case ESRCH:
	case EINVAL:		/* a thread has that number, but no process */
		why = "there is none";
		break;
	case EACCES:
	case EPERM:
		why = "only who may trace it may take its descriptors, see pidfd_getfd(2)";
		break;
	case EBADF:
		why = "has closed the session";
		break;
	case ENOSYS:
		why = "this kernel, or a filter of system calls, knows no pidfd_getfd(2)";
		break;
	}
	refslab_tool_error("process %u: %s", w->pid, why);
	return false;
}

static void list_heaps(const struct watch *w, struct json_object *sessions)
{
	size_t i;

	refslab_tool_error("process %u has sessions of several heaps; --fd says which:", w->pid);
	for (i = 0; i < json_object_array_length(sessions); i++) {
		struct json_object *session = json_object_array_get_idx(sessions, i);

		refslab_tool_error("--fd %lld: heap %lld %s", refslab_look_number(session, "fd"),
				   refslab_look_number(session, "heap"),
				   refslab_look_text(session, "heap-name"));
	}
}

/* Which descriptor, and of which heap. False, having said why, when there is none, or several. */
static bool choose(struct watch *w)
{
	struct json_object *sessions = refslab_fdinfo_sessions(w->pid), *chosen = NULL;
	bool several = false;
	size_t i;

	if (!sessions)
		return explain(w, errno);
	for (i = 0; i < json_object_array_length(sessions); i++) {
		struct json_object *session = json_object_array_get_idx(sessions, i);

		if (w->has_fd && refslab_look_number(session, "fd") != w->fd)
			continue;
		if (!chosen)
			chosen = session;
		several |= refslab_look_number(session, "heap") !=
			   refslab_look_number(chosen, "heap");
	}
	if (several) {
		list_heaps(w, sessions);
	} else if (chosen) {
		w->fd = refslab_look_number(chosen, "fd");
		w->heap = refslab_look_number(chosen, "heap");
	} else if (w->has_fd) {
		refslab_tool_error("process %u: descriptor %d is no session with a heap", w->pid,
				   w->fd);
	} else {
		refslab_tool_error("process %u has no session with a heap", w->pid);
	}
	json_object_put(sessions);
	return chosen && !several;
}

/* Attaches our session through the process's. False, having said why. */
static bool attach(struct watch *w)
{
	__u32 heap;
	int fd, err;

	fd = syscall(SYS_pidfd_getfd, w->pidfd, w->fd, 0);
	if (fd < 0)
		return explain(w, errno);
	err = refslab_session_attach(w->session, fd, REFSLAB_ATTACH_READONLY, &heap, NULL);
	/* it is a session of theirs: whatever it holds goes when they say so */
	close(fd);
	if (err) {
		refslab_tool_error("process %u: %s", w->pid,
				   refslab_strerror(REFSLAB_CALL_ATTACH, err));
		return false;
	}
	/* another session has the number by now */
	if (heap != w->heap)
		return explain(w, EBADF);
	err = refslab_op_watch(w->session, REFSLAB_WATCH_GC);
	if (err)
		refslab_tool_error("heap %u: %s", w->heap, refslab_strerror(REFSLAB_OP_WATCH, err));
	return !err;
}

/* --- what happens there ---------------------------------------------------------------------- */

/* Has the process a session of the heap? With 0: has any process one that may change the heap? */
static __u32 find_process(const struct watch *w, __u32 pid)
{
	struct json_object *sessions = refslab_fdinfo_sessions(pid);
	__u32 found = 0;
	size_t i;

	for (i = 0; sessions && !found && i < json_object_array_length(sessions); i++) {
		struct json_object *session = json_object_array_get_idx(sessions, i);

		if (refslab_look_number(session, "heap") == w->heap &&
		    (pid || strcmp(refslab_look_text(session, "rights"), "none")))
			found = refslab_look_number(session, "pid");
	}
	json_object_put(sessions);
	return found;
}

/*
 * Is there any process left besides those who only look, as we do? The one that is known to have a
 * session is asked first: to ask all takes long.
 */
static bool is_used(struct watch *w)
{
	__u32 pid = find_process(w, w->pid) ?: find_process(w, 0);

	if (pid)
		w->pid = pid;
	return pid;
}

/* Shows what there is. -1, or an exit status when that was the end. */
static int show(struct watch *w)
{
	struct refslab_event_record events[REFSLAB_MAX_GC_EVENTS];
	struct json_object *row;
	size_t i, n;
	int err;

	err = refslab_read_events(w->session, events, ARRAY_SIZE(events), &n);
	if (err) {
		refslab_tool_error("heap %u: %s", w->heap,
				   refslab_strerror(REFSLAB_CALL_READ_EVENTS, err));
		return REFSLAB_EXIT_FAILED;
	}
	for (i = 0; i < n; i++) {
		/* they are of scans, and bring no handle: we have no right to others */
		row = refslab_events_row(w->session, &events[i]);
		if (!row) {
			refslab_tool_error("no memory");
			return REFSLAB_EXIT_FAILED;
		}
		if (w->json) {
			refslab_tool_json(row);
		} else {
			refslab_output_event(row);
			json_object_put(row);
		}
		/* each line at once; one that could not be written is no reason to go on */
		if (!refslab_tool_flush(stdout))
			return REFSLAB_EXIT_FAILED;
		if (++w->shown == w->count)
			return REFSLAB_EXIT_OK;
	}
	return -1;
}

/* Nothing more comes, or nobody waits for it; was it as many as were asked for? */
static int end(const struct watch *w)
{
	if (!w->count)
		return REFSLAB_EXIT_OK;
	refslab_tool_error("%llu of %llu events came", w->shown, w->count);
	return REFSLAB_EXIT_FAILED;
}

/* What happened before the others left was told before. */
static int end_with_heap(struct watch *w)
{
	struct pollfd events = { .fd = refslab_session_fd(w->session), .events = POLLIN };
	int status;

	while (poll(&events, 1, 0) > 0) {
		status = show(w);
		if (status >= 0)
			return status;
	}
	refslab_tool_error("heap %u: no process that you may look into can change it any more",
			   w->heap);
	return end(w);
}

/* The time to wait, in milliseconds, until one of two moments. */
static int time_left(double now, double a, double b)
{
	double left = fmin(a, b) - now;

	return left > 0 ? ceil(left * 1e3) : 0;
}

static int watch(struct watch *w)
{
	double now = refslab_look_clock(), until = now + w->seconds, look = now + LOOK_SECONDS;
	struct pollfd fds[] = {
		{ .fd = refslab_session_fd(w->session), .events = POLLIN },
		{ .fd = w->pidfd, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};
	int status;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), time_left(now, until, look)) < 0) {
			refslab_tool_error("poll: %s", strerror(errno));
			return REFSLAB_EXIT_FAILED;
		}
		status = fds[0].revents & POLLIN ? show(w) : -1;
		if (status >= 0)
			return status;
		/* as if we had something to say to a pipe that nobody reads any more */
		if (fds[2].revents & (POLLERR | POLLHUP)) {
			raise(SIGPIPE);
			refslab_tool_error("standard output: %s", strerror(EPIPE));
			return REFSLAB_EXIT_FAILED;
		}
		now = refslab_look_clock();
		if (now >= until)
			return end(w);
		if (!fds[1].revents && now < look)
			continue;
		if (!is_used(w))
			return end_with_heap(w);
		/* it has ended, which is said for ever */
		if (fds[1].revents)
			fds[1].fd = -1;
		look = now + LOOK_SECONDS;
	}
}

static int open_and_watch(struct watch *w)
{
	int status = REFSLAB_EXIT_FAILED;

	/* first, so that the process looked into is the one the descriptor is taken from */
	w->pidfd = syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd < 0) {
		explain(w, errno);
		return status;
	}
	if (choose(w))
		w->session = refslab_tool_open();
	if (w->session && attach(w))
		status = watch(w);
	refslab_session_close(w->session);
	close(w->pidfd);
	return status;
}

/* --- the command ----------------------------------------------------------------------------- */

enum { OPTION_FD = 256, OPTION_FOR, OPTION_PID };

static int watch_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "fd", required_argument, NULL, OPTION_FD },
		{ "for", required_argument, NULL, OPTION_FOR },
		{ "pid", required_argument, NULL, OPTION_PID },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_watch_command;
	struct watch w = { .seconds = INFINITY };
	__u64 fd;
	int c;

	while ((c = getopt_long(argc, argv, "n:jh", options, NULL)) != -1) {
		switch (c) {
		case OPTION_FD:
			if (!refslab_tool_number(cmd, "--fd", optarg, INT_MAX, &fd))
				return REFSLAB_EXIT_USAGE;
			w.fd = fd;
			w.has_fd = true;
			break;
		case OPTION_FOR:
			if (!refslab_look_seconds(cmd, "--for", optarg, &w.seconds))
				return REFSLAB_EXIT_USAGE;
			break;
		case OPTION_PID:
			if (!refslab_look_pid(cmd, "--pid", optarg, &w.pid))
				return REFSLAB_EXIT_USAGE;
			break;
		case 'n':
			if (!refslab_tool_number(cmd, "--count", optarg, ~0u, &w.count))
				return REFSLAB_EXIT_USAGE;
			if (!w.count)
				return refslab_tool_usage(cmd, "--count is at least 1");
			break;
		case 'j':
			w.json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (argc - optind + !!w.pid != 1)
		return refslab_tool_usage(cmd, "watch takes one process, PID or --pid PID");
	if (!w.pid && !refslab_look_pid(cmd, "PID", argv[optind], &w.pid))
		return REFSLAB_EXIT_USAGE;
	return open_and_watch(&w);
}

const struct refslab_command refslab_watch_command = {
	.name = "watch",
	.summary = "what the collector does in a process's heap, live",
	.help =
	"Usage: refslab watch [OPTION...] PID\n"
	"       refslab watch [OPTION...] --pid PID\n"
	"Prints a line when a scan of the heap of that process starts, and one when it stops: what it\n"
	"was of, the objects found and destroyed, those that cannot be destroyed, and how long it took.\n"
	"For whoever may trace the process. Nothing is changed in the heap, and its finalizers and\n"
	"callbacks go to whom they went before. Ends, and says so, when no process is left that can\n"
	"change the heap; until then, and as long as it is watched, the heap is there.\n\n"
	"      --pid PID      the process, a number from 1; the same as PID without --pid\n"
	"      --fd FD        the process's descriptor of the heap, when it has several heaps\n"
	"  -n, --count N      end after N events; exit status 1 when fewer came\n"
	"      --for SECONDS  end after that time\n"
	"  -j, --json         one object an event, as of the statement events of 'refslab run'\n"
	"  -h, --help         this text\n",
	.main = watch_main,
};
