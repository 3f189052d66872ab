// SPDX-License-Identifier: GPL-2.0
/* Statements about weak references, objects by id, finalizers and events. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "events.h"
#include "job.h"

static bool do_weak(struct job *job)
{
	__u32 flags = 0;

	if (job->line->nr_args > 1)
		flags = job->line->args[1].option->value;
	return refslab_job_make(job, REFSLAB_OP_WEAK, job->arg[0], flags, 0);
}

/* The target stands for what is alive; for what is dead it stands for nothing, and says so. */
static bool bind_alive(struct job *job, unsigned int opcode, int err, __u32 handle)
{
	if (err || handle)
		return refslab_job_bind_new(job, opcode, err, handle);
	return refslab_job_unbind(job) && refslab_job_say_flag(job, "dead", true);
}

static bool do_deref(struct job *job)
{
	__u32 handle = 0;
	int err = refslab_op_deref(job->session, job->arg[0], &handle);

	return bind_alive(job, REFSLAB_OP_DEREF, err, handle);
}

static bool do_byid(struct job *job)
{
	__u32 handle = 0;
	int err = refslab_op_byid(job->session, job->number[0], &handle);

	return bind_alive(job, REFSLAB_OP_BYID, err, handle);
}

static bool do_finalized(struct job *job)
{
	bool finalized;
	int err = refslab_op_finalized(job->session, job->arg[0], &finalized);

	return refslab_job_check(job, REFSLAB_OP_FINALIZED, err) &&
	       refslab_job_say_flag(job, "finalized", finalized);
}

/* Never waits: a script is alone with its session, so what poll() has seen is there to be read. */
static int read_pending(struct job *job, struct refslab_event_record *records, size_t max,
			size_t *count)
{
	struct pollfd pollfd = { .fd = refslab_session_fd(job->session), .events = POLLIN };
	int ready = poll(&pollfd, 1, 0);

	*count = 0;
	if (ready < 0)
		return -errno;
	if (!(pollfd.revents & POLLIN))
		return 0;
	return refslab_read_events(job->session, records, max, count);
}

static bool do_event(struct job *job)
{
	struct refslab_event_record event;
	size_t count;
	int err = read_pending(job, &event, 1, &count);

	if (!refslab_job_check(job, 0, err))
		return false;
	if (!count)
		return refslab_job_fail(job, "no event");
	job->result = refslab_events_row(job->session, &event);
	if (!job->result) {
		if (event.handle)
			refslab_op_close(job->session, event.handle);
		return refslab_job_no_memory(job);
	}
	return event.handle ? refslab_job_bind(job, event.handle) : refslab_job_unbind(job);
}

/* All that are pending; false, with the error in *@err, when that did not work to the end. */
static bool read_all(struct job *job, struct refslab_event_record **records, size_t *count,
		     int *err)
{
	struct refslab_event_record *more;
	size_t room = 0, n;

	*records = NULL;
	*count = 0;
	do {
		if (*count == room) {
			room = room ? 2 * room : 64;
			more = reallocarray(*records, room, sizeof(*more));
			*err = more ? 0 : -ENOMEM;
			if (!more)
				return false;
			*records = more;
		}
		*err = read_pending(job, *records + *count, room - *count, &n);
		*count += n;
	} while (!*err && n);
	return !*err;
}

/*
 * The events there are when the line begins. Their handles are dropped afterwards; what happens
 * then is for the next line.
 */
static bool do_events(struct job *job)
{
	struct json_object *events = json_object_new_array();
	struct refslab_event_record *records;
	size_t i, count;
	bool ok;
	int err;

	ok = read_all(job, &records, &count, &err);
	if (!ok)
		refslab_job_check(job, 0, err);
	for (i = 0; ok && i < count; i++) {
		struct json_object *row = refslab_events_row(job->session, &records[i]);

		ok = events && row && !json_object_array_add(events, row);
		if (!ok)
			refslab_job_no_memory(job);
	}
	for (i = 0; i < count; i++) {
		if (!records[i].handle)
			continue;
		err = refslab_op_close(job->session, records[i].handle);
		if (ok)
			ok = refslab_job_check(job, REFSLAB_OP_CLOSE, err);
	}
	free(records);
	job->result = events;
	return ok;
}

static bool do_watch(struct job *job)
{
	__u32 flags = job->line->args[0].option->value;

	return refslab_job_check(job, REFSLAB_OP_WATCH, refslab_op_watch(job->session, flags));
}

const struct job_statement refslab_weak_statements[] = {
	{ "weak", do_weak },
	{ "deref", do_deref },
	{ "byid", do_byid },
	{ "finalized", do_finalized },
	{ "event", do_event },
	{ "events", do_events },
	{ "watch", do_watch },
	{ }
};
