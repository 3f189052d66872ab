// SPDX-License-Identifier: GPL-2.0
/*
 * pass WAY CPUS COUNT TRIPS: COUNT references are passed from one process to another and back,
 * TRIPS times; the two are pinned to two CPUs, or to one. Prints ns=... trips=....
 *
 * Who passes a reference on has none any more; what it refers to is looked at in the end. WAY:
 *
 *   refslab  each process has a session. The giver stores the references in slots of an object that
 *            both have a handle on, and drops its own; the taker makes handles of them and clears
 *            the slots: a submit to give, one to take.
 *   scm      descriptors of memfds, each in a message of a Unix socket (SCM_RIGHTS). The giver
 *            closes its own.
 *   socket   8 bytes, in the same messages.
 *   robust   shared memory: numbers of counted objects in a mailbox, all under a robust mutex.
 *   nothing  what it takes to wake one another.
 *
 * The wake-up is the same for all, a futex in memory that both share. Of all there is that costs
 * least, so that it hides least of the rest, and it says nothing else, as an eventfd or a socket
 * would. But a message wakes who waits for it: "scm-alone" and "socket-alone" wait in recvmmsg().
 */
#include "bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define WARM_UP		20	/* trips */
#define MAX_COUNT	256
#define MAILBOX		"mailbox"

/* What the processes share: the futexes, and all that "robust" needs. */
struct shared {
	__u32 given[2];
	pthread_mutex_t lock;
	__u64 mailbox[2][MAX_COUNT];
	__u64 references[MAX_COUNT];	/* but those that are in a mailbox */
};

struct end;

struct way {
	void (*prepare)(struct end *end);	/* before there are two processes, */
	void (*join)(struct end *end);		/* in the second one, */
	void (*make)(struct end *end);		/* and in the first one */
	void (*give)(struct end *end);
	void (*take)(struct end *end);
	void (*check)(struct end *end);		/* in the first one, which has them all again */
};

/**
 * struct end - one of the two processes
 * @way:	how references are passed
 * @own_wakeup:	that wakes the other end, too
 * @self:	0: makes the references and gives first; 1
 * @count:	references
 * @taken:	times that this end has been given them
 * @shared:	what both have
 * @fd:		the session, or the socket
 * @other_fd:	before there are two processes: the second one's socket
 * @mailbox:	handle
 * @ref:	the references: handles, descriptors or numbers
 * @first:	what they referred to at first
 */
struct end {
	const struct way *way;
	bool own_wakeup;
	unsigned int self;
	unsigned int count;
	__u32 taken;
	struct shared *shared;
	int fd;
	int other_fd;
	__u64 mailbox;
	__u64 ref[MAX_COUNT];
	__u64 first[MAX_COUNT];
};

static void wrong(const char *what)
{
	errno = EPROTO;
	fail(what);
}

/* --- the wake-up ---------------------------------------------------------------------------- */

static void wake_other(struct end *end)
{
	__u32 *given = &end->shared->given[end->self];

	__atomic_fetch_add(given, 1, __ATOMIC_SEQ_CST);
	if (syscall(SYS_futex, given, FUTEX_WAKE, 1, NULL, NULL, 0) < 0)
		fail("futex");
}

static void wait_for_other(struct end *end)
{
	__u32 *given = &end->shared->given[!end->self];

	while (__atomic_load_n(given, __ATOMIC_SEQ_CST) == end->taken)
		if (syscall(SYS_futex, given, FUTEX_WAIT, end->taken, NULL, NULL, 0) &&
		    errno != EAGAIN && errno != EINTR)
			fail("futex");
	end->taken++;
}

static void nothing(struct end *end)
{
	(void)end;
}

/* --- refslab -------------------------------------------------------------------------------- */

static void refslab_prepare(struct end *end)
{
	__u64 type;

	end->fd = make_heap();
	type = make_type(end->fd, MAILBOX, 2 * end->count);
	end->mailbox = one(end->fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_NEW, .arg = { type } });
	one(end->fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_PUBLISH,
		.arg = { end->mailbox, (unsigned long)MAILBOX, strlen(MAILBOX) } });
}

static void refslab_join(struct end *end)
{
	int inherited = end->fd;

	end->fd = attach_heap(inherited);
	close(inherited);
	end->mailbox = one(end->fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_LOOKUP, .arg = { (unsigned long)MAILBOX, strlen(MAILBOX) } });
}

static __u64 refslab_id(struct end *end, unsigned int i)
{
	return one(end->fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_ID, .arg = { end->ref[i] } });
}

static __u64 refslab_count(struct end *end, unsigned int i)
{
	return one(end->fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_REFCOUNT, .arg = { end->ref[i] } });
}

static void refslab_make(struct end *end)
{
	__u64 type = make_type(end->fd, "node", 2);
	unsigned int i;

	for (i = 0; i < end->count; i++) {
		end->ref[i] = one(end->fd, (struct refslab_op) {
			.opcode = REFSLAB_OP_NEW, .arg = { type } });
		end->first[i] = refslab_id(end, i);
	}
}

static void refslab_give(struct end *end)
{
	struct refslab_op ops[2 * MAX_COUNT];
	unsigned int i;

	for (i = 0; i < end->count; i++) {
		ops[2 * i] = (struct refslab_op) {
			.opcode = REFSLAB_OP_SETSLOT,
			.arg = { end->mailbox, end->self * end->count + i, end->ref[i] } };
		ops[2 * i + 1] = (struct refslab_op) {
			.opcode = REFSLAB_OP_CLOSE, .arg = { end->ref[i] } };
	}
	submit(end->fd, ops, 2 * end->count);
}

static void refslab_take(struct end *end)
{
	struct refslab_op ops[2 * MAX_COUNT];
	unsigned int i;

	for (i = 0; i < end->count; i++) {
		ops[2 * i] = (struct refslab_op) {
			.opcode = REFSLAB_OP_SLOT,
			.arg = { end->mailbox, !end->self * end->count + i } };
		ops[2 * i + 1] = (struct refslab_op) {
			.opcode = REFSLAB_OP_CLEARSLOT,
			.arg = { end->mailbox, !end->self * end->count + i } };
	}
	submit(end->fd, ops, 2 * end->count);
	for (i = 0; i < end->count; i++)
		end->ref[i] = ops[2 * i].result[0];
}

/* The same objects, each with this handle and no other reference. */
static void refslab_check(struct end *end)
{
	unsigned int i;

	for (i = 0; i < end->count; i++)
		if (refslab_id(end, i) != end->first[i] || refslab_count(end, i) != 1)
			wrong("another object came back");
}

static const struct way refslab_way = {
	.prepare = refslab_prepare,
	.join = refslab_join,
	.make = refslab_make,
	.give = refslab_give,
	.take = refslab_take,
	.check = refslab_check,
};

/* --- messages ------------------------------------------------------------------------------- */

/* A message and what it consists of; MAX_COUNT of them go by one call. */
struct message {
	__u64 value;
	struct iovec iov;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
};

static struct message messages[MAX_COUNT];
static struct mmsghdr headers[MAX_COUNT];

static void message_set_up(struct end *end, bool descriptors)
{
	unsigned int i;

	for (i = 0; i < end->count; i++) {
		struct message *m = &messages[i];
		struct msghdr *msg = &headers[i].msg_hdr;

		m->iov = (struct iovec) { .iov_base = &m->value, .iov_len = sizeof(m->value) };
		*msg = (struct msghdr) { .msg_iov = &m->iov, .msg_iovlen = 1 };
		if (descriptors) {
			msg->msg_control = m->control.buf;
			msg->msg_controllen = sizeof(m->control.buf);
		}
	}
}

static void message_prepare(struct end *end)
{
	/* COUNT messages have to fit in; the most that needs no right to ask for */
	int pair[2], bytes = 212992, i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	for (i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)))
			fail("SO_SNDBUF");
	end->fd = pair[0];
	end->other_fd = pair[1];
}

static void message_join(struct end *end)
{
	close(end->fd);
	end->fd = end->other_fd;
}

static void message_send(struct end *end)
{
	if (sendmmsg(end->fd, headers, end->count, 0) != (int)end->count)
		fail("sendmmsg");
}

static void message_receive(struct end *end)
{
	/* after the wake-up all are there */
	int flags = MSG_CMSG_CLOEXEC | (end->own_wakeup ? 0 : MSG_DONTWAIT);

	if (recvmmsg(end->fd, headers, end->count, flags, NULL) != (int)end->count)
		fail("recvmmsg");
}

static __u64 scm_inode(struct end *end, unsigned int i)
{
	struct stat stat;

	if (fstat(end->ref[i], &stat))
		fail("fstat");
	return stat.st_ino;
}

static void scm_make(struct end *end)
{
	unsigned int i;

	close(end->other_fd);
	for (i = 0; i < end->count; i++) {
		int fd = memfd_create("bench", MFD_CLOEXEC);

		if (fd < 0)
			fail("memfd_create");
		end->ref[i] = fd;
		end->first[i] = scm_inode(end, i);
	}
}

static void scm_give(struct end *end)
{
	unsigned int i;

	message_set_up(end, true);
	for (i = 0; i < end->count; i++) {
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&headers[i].msg_hdr);
		int fd = end->ref[i];

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	message_send(end);
	for (i = 0; i < end->count; i++)
		close(end->ref[i]);
}

static void scm_take(struct end *end)
{
	unsigned int i;

	message_set_up(end, true);
	message_receive(end);
	for (i = 0; i < end->count; i++) {
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&headers[i].msg_hdr);
		int fd;

		if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
			wrong("no descriptor came");
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		end->ref[i] = fd;
	}
}

static void scm_check(struct end *end)
{
	unsigned int i;

	for (i = 0; i < end->count; i++)
		if (scm_inode(end, i) != end->first[i])
			wrong("another file came back");
}

static const struct way scm_way = {
	.prepare = message_prepare,
	.join = message_join,
	.make = scm_make,
	.give = scm_give,
	.take = scm_take,
	.check = scm_check,
};

static void socket_make(struct end *end)
{
	unsigned int i;

	close(end->other_fd);
	for (i = 0; i < end->count; i++) {
		end->ref[i] = ~(__u64)i;
		end->first[i] = end->ref[i];
	}
}

static void socket_give(struct end *end)
{
	unsigned int i;

	message_set_up(end, false);
	for (i = 0; i < end->count; i++) {
		messages[i].value = end->ref[i];
		end->ref[i] = 0;
	}
	message_send(end);
}

static void socket_take(struct end *end)
{
	unsigned int i;

	message_set_up(end, false);
	message_receive(end);
	for (i = 0; i < end->count; i++)
		end->ref[i] = messages[i].value;
}

static void number_check(struct end *end)
{
	unsigned int i;

	for (i = 0; i < end->count; i++)
		if (end->ref[i] != end->first[i])
			wrong("another number came back");
}

static const struct way socket_way = {
	.prepare = message_prepare,
	.join = message_join,
	.make = socket_make,
	.give = socket_give,
	.take = socket_take,
	.check = number_check,
};

/* --- shared memory -------------------------------------------------------------------------- */

static void robust_prepare(struct end *end)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	errno = pthread_mutex_init(&end->shared->lock, &attr);
	if (errno)
		fail("a robust mutex");
}

static void robust_lock(struct end *end)
{
	errno = pthread_mutex_lock(&end->shared->lock);
	if (errno)
		fail("a robust mutex");
}

static void robust_make(struct end *end)
{
	unsigned int i;

	for (i = 0; i < end->count; i++) {
		end->ref[i] = i;
		end->first[i] = i;
		end->shared->references[i] = 1;
	}
}

static void robust_give(struct end *end)
{
	struct shared *shared = end->shared;
	unsigned int i;

	robust_lock(end);
	for (i = 0; i < end->count; i++) {
		shared->mailbox[end->self][i] = end->ref[i] + 1;
		shared->references[end->ref[i]]--;
		end->ref[i] = ~0ull;
	}
	pthread_mutex_unlock(&shared->lock);
}

static void robust_take(struct end *end)
{
	struct shared *shared = end->shared;
	__u64 *mailbox = shared->mailbox[!end->self];
	unsigned int i;

	robust_lock(end);
	for (i = 0; i < end->count; i++) {
		if (!mailbox[i])
			wrong("nothing came");
		end->ref[i] = mailbox[i] - 1;
		shared->references[end->ref[i]]++;
		mailbox[i] = 0;
	}
	pthread_mutex_unlock(&shared->lock);
}

static void robust_check(struct end *end)
{
	unsigned int i;

	number_check(end);
	for (i = 0; i < end->count; i++)
		if (end->shared->references[i] != 1)
			wrong("a reference too many, or too few");
}

static const struct way robust_way = {
	.prepare = robust_prepare,
	.join = nothing,
	.make = robust_make,
	.give = robust_give,
	.take = robust_take,
	.check = robust_check,
};

/* --- all of them ---------------------------------------------------------------------------- */

static const struct way nothing_way = {
	nothing, nothing, nothing, nothing, nothing, nothing
};

static const struct {
	const char *name;
	const struct way *way;
	bool own_wakeup;
} ways[] = {
	{ "refslab", &refslab_way, false },
	{ "scm", &scm_way, false },
	{ "scm-alone", &scm_way, true },
	{ "socket", &socket_way, false },
	{ "socket-alone", &socket_way, true },
	{ "robust", &robust_way, false },
	{ "nothing", &nothing_way, false },
};

static void give(struct end *end)
{
	end->way->give(end);
	if (!end->own_wakeup)
		wake_other(end);
}

static void take(struct end *end)
{
	if (!end->own_wakeup)
		wait_for_other(end);
	end->way->take(end);
}

static void answer(struct end *end, unsigned long trips)
{
	end->self = 1;
	end->way->join(end);
	while (trips--) {
		take(end);
		give(end);
	}
	/* its end would be a signal for the other process, amid its last submit */
	for (;;)
		pause();
}

/* The other process has failed: there is nobody to wait for. */
static void on_child(int signal)
{
	int status;

	(void)signal;
	if (wait(&status) > 0 && status)
		_exit(1);
}

int main(int argc, char **argv)
{
	unsigned long cpus, trips, i;
	struct end end = { .fd = -1, .other_fd = -1 };
	long long begin = 0, ns;
	pid_t child;

	if (argc != 5)
		return 2;
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			end.way = ways[i].way;
			end.own_wakeup = ways[i].own_wakeup;
		}
	cpus = strtoul(argv[2], NULL, 0);
	end.count = strtoul(argv[3], NULL, 0);
	trips = strtoul(argv[4], NULL, 0);
	if (!end.way || !cpus || cpus > 2 || !end.count || end.count > MAX_COUNT || !trips)
		return 2;

	end.shared = mmap(NULL, sizeof(*end.shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (end.shared == MAP_FAILED)
		fail("shared memory");
	signal(SIGCHLD, on_child);
	end.way->prepare(&end);
	pin(0);
	child = fork_along();
	if (!child) {
		pin(cpus - 1);
		answer(&end, WARM_UP + trips);
	}
	end.way->make(&end);
	for (i = 0; i < WARM_UP + trips; i++) {
		if (i == WARM_UP)
			begin = now();
		give(&end);
		take(&end);
	}
	ns = now() - begin;
	signal(SIGCHLD, SIG_DFL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	end.way->check(&end);
	printf("ns=%lld trips=%lu\n", ns, trips);
	return 0;
}
