// SPDX-License-Identifier: GPL-2.0
/*
 * Several sessions on one heap: how a descriptor gets to another process, which rights its session
 * has, what of all that lives on when somebody dies.
 *
 * REFSLAB_TEST_ATTACH_MS: how long each race lasts (300).
 */
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "refslab_test.h"

static unsigned int race_ms(void)
{
	return test_env("REFSLAB_TEST_ATTACH_MS", 300);
}

/* Attaches the session of @fd through that of @other; 0 or a negative errno. */
static int attach_fd(int fd, int other, __u32 flags, struct refslab_attach *answer)
{
	struct refslab_attach attach = { .size = sizeof(attach), .flags = flags, .fd = other };
	int err = test_ioctl(fd, REFSLAB_IOC_ATTACH, &attach);

	if (answer)
		*answer = attach;
	return err;
}

static bool send_fd(int to, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { };
	struct iovec iov = { .iov_base = "f", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(to, &msg, 0) == 1;
}

static int receive_fd(int from)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

FIXTURE(attach) {
	struct test_heap heap;
	int other;
};

FIXTURE_SETUP(attach)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->other = test_open();
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(attach)
{
	if (self->other >= 0)
		close(self->other);
	test_heap_close(_metadata, &self->heap);
}

/* --- the ioctl ------------------------------------------------------------------------------ */

TEST_F(attach, shares_the_heap_and_no_handles)
{
	struct refslab_attach answer;
	__s64 l, mine;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, 0, &answer));
	EXPECT_EQ(self->heap.id, answer.heap_id);
	EXPECT_EQ(REFSLAB_RIGHTS_ALL, answer.rights);
	l = call(self->heap.fd, LIST);
	ASSERT_LT(0, l);
	EXPECT_EQ(-ENOENT, call(self->other, LEN, l));
	mine = call(self->other, BYID, test_id(self->heap.fd, l));
	ASSERT_LT(0, mine);
	EXPECT_EQ(2, test_refcount(self->heap.fd, l));
	EXPECT_EQ(0, call(self->other, APPEND, mine, mine));
	EXPECT_EQ(1, call(self->heap.fd, LEN, l));
	EXPECT_LT(0, call(self->other, POP, mine, 0));
}

TEST_F(attach, every_error)
{
	struct refslab_attach attach = { .size = sizeof(attach), .fd = self->heap.fd };
	int heapless = test_open(), null = open("/dev/null", O_RDWR), path;

	ASSERT_LE(0, heapless);
	ASSERT_LE(0, null);
	EXPECT_EQ(-EBADF, attach_fd(self->other, -1, 0, NULL));
	EXPECT_EQ(-EBADF, attach_fd(self->other, 1000000, 0, NULL));
	/* what O_PATH opened is a name, not a session */
	path = open(TEST_DEVICE, O_PATH);
	ASSERT_LE(0, path);
	EXPECT_EQ(-EBADF, attach_fd(self->other, path, 0, NULL));
	EXPECT_EQ(-EINVAL, attach_fd(self->other, null, 0, NULL));
	EXPECT_EQ(-EINVAL, attach_fd(self->other, self->other, 0, NULL));
	EXPECT_EQ(-EINVAL, attach_fd(self->heap.fd, self->heap.fd, 0, NULL));
	EXPECT_EQ(-ENOTCONN, attach_fd(self->other, heapless, 0, NULL));
	EXPECT_EQ(-EISCONN, attach_fd(self->heap.fd, heapless, 0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, attach_fd(self->other, self->heap.fd, 1u << 3, NULL));
	EXPECT_EQ(-EOPNOTSUPP, attach_fd(self->other, self->heap.fd, 1u << 31, NULL));
	attach.features = 1;
	EXPECT_EQ(-EOPNOTSUPP, test_ioctl(self->other, REFSLAB_IOC_ATTACH, &attach));
	attach.features = 0;
	attach.reserved = 1;
	EXPECT_EQ(-EINVAL, test_ioctl(self->other, REFSLAB_IOC_ATTACH, &attach));
	attach.reserved = 0;
	attach.size = sizeof(attach) - 1;
	EXPECT_EQ(-EINVAL, test_ioctl(self->other, REFSLAB_IOC_ATTACH, &attach));
	EXPECT_EQ(-EFAULT, test_ioctl(self->other, REFSLAB_IOC_ATTACH, NULL));
	/* after all that it has none, and can have one */
	EXPECT_EQ(-ENOTCONN, call(self->other, LIST));
	EXPECT_EQ(0, attach_fd(self->other, self->heap.fd, 0, NULL));
	EXPECT_EQ(-EISCONN, attach_fd(self->other, self->heap.fd, 0, NULL));
	EXPECT_EQ(-EISCONN, test_create(self->other, 0, &attach.heap_id));
	close(path);
	close(null);
	close(heapless);
}

/* What the kernel cannot write back attaches nothing. */
TEST_F(attach, answer_that_cannot_be_written)
{
	struct refslab_attach attach = { .size = sizeof(attach), .fd = self->heap.fd };
	char path[] = "/tmp/attach.XXXXXX";
	void *p = MAP_FAILED;
	int fd = mkstemp(path);

	ASSERT_LE(0, fd);
	unlink(path);
	ASSERT_EQ((ssize_t)sizeof(attach), write(fd, &attach, sizeof(attach)));
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-EFAULT, test_ioctl(self->other, REFSLAB_IOC_ATTACH, p));
	EXPECT_EQ(-ENOTCONN, call(self->other, LIST));
	munmap(p, 4096);
	close(fd);
}

/* --- how a descriptor gets to another process ----------------------------------------------- */

/* In a child: attaches through @fd, and leaves an int, the object's id told to the parent. */
static void child_makes_an_int(int fd, int tell)
{
	int mine = test_attach(fd, 0);
	__s64 h = call(mine, INT, 12345), id = h > 0 ? test_id(mine, h) : h;

	if (write(tell, &id, sizeof(id)) != sizeof(id))
		_exit(1);
	/* lives until it is killed */
	for (;;)
		pause();
}

/* In the parent: the int is there, and when the child is killed, only its reference goes. */
static void expect_its_int(struct __test_metadata *_metadata, int fd, pid_t pid, int from)
{
	__s64 id = -1, h;
	int status;

	ASSERT_EQ((ssize_t)sizeof(id), read(from, &id, sizeof(id)));
	ASSERT_LT(0, id);
	h = call(fd, BYID, id);
	ASSERT_LT(0, h);
	EXPECT_EQ(12345, call(fd, INT_VALUE, h));
	EXPECT_EQ(2, test_refcount(fd, h));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_refcount(fd, h) == 1));
}

TEST_F(attach, by_scm_rights)
{
	int pair[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* only what comes through the socket */
		close(self->heap.fd);
		child_makes_an_int(receive_fd(pair[1]), pair[1]);
	}
	ASSERT_TRUE(send_fd(pair[0], self->heap.fd));
	expect_its_int(_metadata, self->heap.fd, pid, pair[0]);
	close(pair[0]);
	close(pair[1]);
}

TEST_F(attach, by_fork)
{
	int pipefd[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		child_makes_an_int(self->heap.fd, pipefd[1]);
	expect_its_int(_metadata, self->heap.fd, pid, pipefd[0]);
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_F(attach, by_pidfd_getfd)
{
	int pipefd[2], pidfd, fd, status;
	__s64 l, h;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct test_heap own = { .fd = test_open() };

		if (test_create(own.fd, 0, &own.id) || call(own.fd, LIST) != 1)
			_exit(1);
		if (write(pipefd[1], &own.fd, sizeof(own.fd)) != sizeof(own.fd))
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ((ssize_t)sizeof(fd), read(pipefd[0], &fd, sizeof(fd)));
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	fd = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (fd < 0 && errno == EPERM) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		SKIP(return, "the kernel has no pidfd_getfd() for us");
	}
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, attach_fd(self->other, fd, 0, NULL));
	/* of another heap than ours, which is its maker's: the handle is known to that session */
	l = call(fd, ID, 1);
	h = call(self->other, BYID, l);
	ASSERT_LT(0, h);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* the maker is gone, the heap is the attached session's */
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_refcount(self->other, h) == 1));
	EXPECT_EQ(0, call(self->other, LEN, h));
	close(pidfd);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* --- rights --------------------------------------------------------------------------------- */

/* One operation for each opcode with the right it needs, as the ABI says. */
static const struct {
	const char *name;
	unsigned int opcode;
	__u32 right;
} needs[] = {
#define NEEDS(name, right)	{ #name, REFSLAB_OP_##name, REFSLAB_RIGHT_##right }
#define FREE(name)		{ #name, REFSLAB_OP_##name, 0 }
	NEEDS(TYPE, CHANGE), NEEDS(NEW, CHANGE), NEEDS(INT, CHANGE), NEEDS(STR, CHANGE),
	NEEDS(LIST, CHANGE), FREE(DUP), FREE(CLOSE), FREE(IS), NEEDS(SETSLOT, CHANGE),
	NEEDS(CLEARSLOT, CHANGE), FREE(SLOT), NEEDS(WRITE, CHANGE), FREE(READ),
	NEEDS(APPEND, CHANGE), NEEDS(INSERT, CHANGE), NEEDS(POP, CHANGE),
	NEEDS(SETITEM, CHANGE), NEEDS(DELITEM, CHANGE), FREE(ITEM), FREE(LEN), FREE(INT_VALUE),
	FREE(STR_VALUE), FREE(TYPEOF), FREE(REFCOUNT), FREE(ID), FREE(TRACKED), FREE(BLOCK),
	NEEDS(COLLECT, COLLECT), NEEDS(ENABLE, COLLECT), NEEDS(DISABLE, COLLECT),
	FREE(ISENABLED), NEEDS(SET_THRESHOLD, COLLECT), FREE(GET_THRESHOLD), FREE(GET_COUNT),
	FREE(GET_STATS), FREE(OBJECTS), NEEDS(TRIM, COLLECT), FREE(STAT), NEEDS(WEAK, CHANGE),
	FREE(DEREF), FREE(BYID), FREE(FINALIZED), NEEDS(FREEZE, COLLECT),
	NEEDS(UNFREEZE, COLLECT), FREE(FREEZECOUNT), FREE(REFERENTS), FREE(REFERRERS),
	NEEDS(SET_DEBUG, COLLECT), FREE(GET_DEBUG), FREE(GARBAGE),
	NEEDS(EMPTY_GARBAGE, COLLECT), FREE(WATCH), NEEDS(FLOAT, CHANGE), FREE(FLOAT_VALUE),
	NEEDS(BYTES, CHANGE), FREE(BYTES_VALUE), NEEDS(TUPLE, CHANGE), NEEDS(DICT, CHANGE),
	NEEDS(SET, CHANGE), NEEDS(INSTANCE, CHANGE), NEEDS(DICT_SETITEM, CHANGE),
	FREE(DICT_ITEM), NEEDS(DICT_DELITEM, CHANGE), NEEDS(ADD, CHANGE),
	NEEDS(DISCARD, CHANGE), FREE(CONTAINS), NEEDS(SETATTR, CHANGE), FREE(GETATTR),
	NEEDS(DELATTR, CHANGE), FREE(ITEMS), NEEDS(PUBLISH, CHANGE), FREE(LOOKUP),
	NEEDS(UNPUBLISH, CHANGE), FREE(ROOTS), NEEDS(SET_LIMITS, LIMITS), FREE(GET_LIMITS),
	FREE(MAP), FREE(TYPE_FIND), FREE(DICT_ITEM_BYVALUE), FREE(CONTAINS_BYVALUE),
};

static_assert(ARRAY_SIZE(needs) == REFSLAB_OP_LAST, "an operation without its right");

/* Operands that are wrong for everything: who has the right is told something else than EPERM. */
static void expect_rights(struct __test_metadata *_metadata, int fd, __u32 rights)
{
	const __u64 wrong[4] = { ~0ull, ~0ull, ~0ull, ~0ull };
	__u64 result[2];
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		ASSERT_EQ(i + 1, needs[i].opcode);
		err = test_call(fd, needs[i].opcode, wrong, result);
		EXPECT_EQ(!!(needs[i].right & ~rights), err == -EPERM) {
			TH_LOG("%s with rights %x: %d", needs[i].name, rights, err);
		}
	}
}

TEST_F(attach, each_flag_takes_its_rights_away)
{
	static const struct {
		__u32 flags, rights;
	} rows[] = {
		{ 0, REFSLAB_RIGHTS_ALL },
		{ REFSLAB_ATTACH_READONLY, 0 },
		{ REFSLAB_ATTACH_NO_COLLECT, REFSLAB_RIGHT_CHANGE | REFSLAB_RIGHT_LIMITS },
		{ REFSLAB_ATTACH_NO_LIMITS, REFSLAB_RIGHT_CHANGE | REFSLAB_RIGHT_COLLECT },
		{ REFSLAB_ATTACH_NO_COLLECT | REFSLAB_ATTACH_NO_LIMITS, REFSLAB_RIGHT_CHANGE },
	};
	struct refslab_attach answer;
	unsigned int i;
	int fd;

	expect_rights(_metadata, self->heap.fd, REFSLAB_RIGHTS_ALL);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		fd = test_open();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, attach_fd(fd, self->heap.fd, rows[i].flags, &answer));
		EXPECT_EQ(rows[i].rights, answer.rights);
		expect_rights(_metadata, fd, rows[i].rights);
		close(fd);
	}
}

TEST_F(attach, rights_shrink_and_never_grow)
{
	struct refslab_attach answer;
	int no_collect, third;

	no_collect = test_attach(self->heap.fd, REFSLAB_ATTACH_NO_COLLECT);
	ASSERT_LE(0, no_collect);
	ASSERT_EQ(0, attach_fd(self->other, no_collect, REFSLAB_ATTACH_NO_LIMITS, &answer));
	EXPECT_EQ(REFSLAB_RIGHT_CHANGE, answer.rights);
	/* asking for nothing to be taken away gives nothing back */
	third = test_open();
	ASSERT_LE(0, third);
	ASSERT_EQ(0, attach_fd(third, self->other, 0, &answer));
	EXPECT_EQ(REFSLAB_RIGHT_CHANGE, answer.rights);
	expect_rights(_metadata, third, REFSLAB_RIGHT_CHANGE);
	/* nor does the end of those in between */
	close(no_collect);
	close(self->other);
	self->other = test_open();
	ASSERT_EQ(0, attach_fd(self->other, third, REFSLAB_ATTACH_READONLY, &answer));
	EXPECT_EQ(0, answer.rights);
	expect_rights(_metadata, self->other, 0);
	EXPECT_EQ(-EPERM, call(third, COLLECT, 2));
	EXPECT_LT(0, call(third, LIST));
	close(third);
}

TEST_F(attach, readonly_looks_and_changes_nothing)
{
	__s64 l = call(self->heap.fd, LIST), i = call(self->heap.fd, INT, 1000), mine, e;
	struct refslab_stat before;

	ASSERT_EQ(0, call(self->heap.fd, APPEND, l, i));
	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_READONLY, NULL));
	mine = call(self->other, BYID, test_id(self->heap.fd, l));
	ASSERT_LT(0, mine);
	before = test_stat(self->heap.fd);
	EXPECT_EQ(1, call(self->other, LEN, mine));
	e = call(self->other, ITEM, mine, 0);
	ASSERT_LT(0, e);
	EXPECT_EQ(1000, call(self->other, INT_VALUE, e));
	EXPECT_EQ(-EPERM, call(self->other, APPEND, mine, e));
	EXPECT_EQ(-EPERM, call(self->other, POP, mine, 0));
	EXPECT_EQ(-EPERM, call(self->other, INT, 1001));
	EXPECT_EQ(-EPERM, call(self->other, COLLECT, 0));
	EXPECT_EQ(1, call(self->heap.fd, LEN, l));
	EXPECT_EQ(before.objects, test_stat(self->heap.fd).objects);
	/* what it holds is held */
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, i));
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, l));
	EXPECT_EQ(1, call(self->other, LEN, mine));
	EXPECT_EQ(0, call(self->other, CLOSE, mine));
	EXPECT_EQ(1000, call(self->other, INT_VALUE, e));
}

/* An operation that is refused stops a batch like any other error. */
TEST_F(attach, refused_in_a_batch)
{
	struct refslab_op ops[3] = { op(ISENABLED), op(LIST), op(ISENABLED) };
	__u32 done;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_READONLY, NULL));
	EXPECT_EQ(-EPERM, test_submit(self->other, ops, 3, &done));
	EXPECT_EQ(1, done);
	EXPECT_EQ(-EPERM, ops[1].error);
}

/* --- events --------------------------------------------------------------------------------- */

static int readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

TEST_F(attach, readonly_is_told_of_scans_only)
{
	struct refslab_event_record event;
	__s64 type, h;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_READONLY, NULL));
	type = test_type(self->heap.fd, "file", 0, 8, 0, REFSLAB_TYPE_FINALIZER);
	h = call(self->heap.fd, NEW, type);
	ASSERT_LT(0, h);
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, h));
	EXPECT_EQ(1, test_stat(self->heap.fd).events);
	EXPECT_EQ(0, readable(self->other));
	EXPECT_EQ(-EPERM, test_events(self->other, &event, 1));

	ASSERT_EQ(0, test_nonblock(self->other, true));
	ASSERT_EQ(0, call(self->other, WATCH, REFSLAB_WATCH_GC));
	EXPECT_EQ(0, readable(self->other));
	EXPECT_EQ(-EAGAIN, test_events(self->other, &event, 1));
	ASSERT_LE(0, call(self->heap.fd, COLLECT, 0));
	EXPECT_EQ(POLLIN, readable(self->other) & POLLIN);
	EXPECT_EQ(REFSLAB_EVENT_GC_START, test_gc_event(self->other).event);
	EXPECT_EQ(REFSLAB_EVENT_GC_STOP, test_gc_event(self->other).event);
	EXPECT_EQ(-EAGAIN, test_events(self->other, &event, 1));
	ASSERT_EQ(0, call(self->other, WATCH, 0));
	EXPECT_EQ(-EPERM, test_events(self->other, &event, 1));

	/* the event is where it was */
	EXPECT_EQ(1, test_stat(self->heap.fd).events);
	event = test_event(self->heap.fd);
	EXPECT_EQ(REFSLAB_EVENT_FINALIZE, event.event);
	EXPECT_EQ(0, call(self->heap.fd, CLOSE, event.handle));
}

/* Nobody who may run finalizers is left: objects die without, and so does what waited. */
TEST_F(attach, readonly_alone_hears_no_finalizers)
{
	__s64 type, waits, later, mine;
	__u64 id;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_READONLY, NULL));
	type = test_type(self->heap.fd, "file", 0, 8, 0, REFSLAB_TYPE_FINALIZER);
	waits = call(self->heap.fd, NEW, type);
	later = call(self->heap.fd, NEW, type);
	id = test_id(self->heap.fd, later);
	mine = call(self->other, BYID, id);
	ASSERT_LT(0, mine);
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, waits));
	EXPECT_EQ(1, test_stat(self->other).events);
	close(self->heap.fd);
	self->heap.fd = self->other;
	self->other = -1;
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(self->heap.fd).events == 0));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(self->heap.fd).objects == 1));
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, mine));
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
	EXPECT_EQ(0, test_stat(self->heap.fd).events);
}

TEST_F(attach, another_session_reads_the_events)
{
	struct refslab_event_record event;
	__s64 type, h;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_NO_COLLECT, NULL));
	type = test_type(self->heap.fd, "file", 0, 8, 0, REFSLAB_TYPE_FINALIZER);
	h = call(self->heap.fd, NEW, type);
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, h));
	event = test_event(self->other);
	EXPECT_EQ(REFSLAB_EVENT_FINALIZE, event.event);
	EXPECT_EQ(-ENOENT, call(self->heap.fd, LEN, event.handle));
	EXPECT_EQ(0, call(self->other, CLOSE, event.handle));
	EXPECT_EQ(0, test_stat(self->other).objects);
}

/* --- fdinfo --------------------------------------------------------------------------------- */

/* What the line of a key says; "" when there is none. */
static const char *shown(int fd, const char *key)
{
	static char text[4096];
	char path[64], *line, *end;
	ssize_t n = -1;
	int in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in >= 0) {
		n = read(in, text, sizeof(text) - 1);
		close(in);
	}
	text[n < 0 ? 0 : n] = '\0';
	line = strstr(text, key);
	if (!line || line[strlen(key)] != ':' || line[strlen(key) + 1] != '\t')
		return "";
	line += strlen(key) + 2;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return line;
}

TEST_F(attach, fdinfo)
{
	const struct refslab_limits limits = { 8u << 20, 1000, 2000 };
	__s64 l = call(self->heap.fd, LIST);
	char id[16];

	EXPECT_STREQ("0", shown(self->other, "refslab-heap"));
	EXPECT_STREQ("", shown(self->other, "refslab-rights"));
	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, REFSLAB_ATTACH_NO_COLLECT, NULL));
	snprintf(id, sizeof(id), "%u", self->heap.id);
	EXPECT_STREQ(id, shown(self->other, "refslab-heap"));
	EXPECT_STREQ(id, shown(self->heap.fd, "refslab-heap"));
	EXPECT_STREQ("test", shown(self->other, "refslab-heap-name"));
	EXPECT_STREQ("change collect limits", shown(self->heap.fd, "refslab-rights"));
	EXPECT_STREQ("change limits", shown(self->other, "refslab-rights"));
	EXPECT_STREQ("1", shown(self->heap.fd, "refslab-handles"));
	EXPECT_STREQ("0", shown(self->other, "refslab-handles"));
	EXPECT_STREQ("1", shown(self->heap.fd, "refslab-operations"));
	EXPECT_STREQ("1", shown(self->other, "refslab-heap-objects"));
	EXPECT_STREQ("1", shown(self->other, "refslab-heap-handles"));
	EXPECT_STREQ("262144", shown(self->other, "refslab-heap-bytes"));
	EXPECT_STREQ("0", shown(self->other, "refslab-heap-roots"));
	EXPECT_STREQ("0", shown(self->other, "refslab-heap-max-objects"));
	ASSERT_EQ(0, call(self->other, PUBLISH, call(self->other, BYID,
						     test_id(self->heap.fd, l)), ptr("l"), 1));
	ASSERT_EQ(0, call(self->other, SET_LIMITS, ptr(&limits), sizeof(limits)));
	EXPECT_STREQ("1", shown(self->other, "refslab-heap-roots"));
	EXPECT_STREQ("8388608", shown(self->other, "refslab-heap-max-bytes"));
	EXPECT_STREQ("1000", shown(self->other, "refslab-heap-max-objects"));
	EXPECT_STREQ("2000", shown(self->other, "refslab-heap-max-handles"));
	close(self->other);
	self->other = test_attach(self->heap.fd, REFSLAB_ATTACH_READONLY);
	EXPECT_STREQ("none", shown(self->other, "refslab-rights"));
}

/* --- the end -------------------------------------------------------------------------------- */

TEST_F(attach, heap_ends_with_its_last_session)
{
	char text[256];
	__u32 id = self->heap.id;

	ASSERT_EQ(0, attach_fd(self->other, self->heap.fd, 0, NULL));
	close(self->heap.fd);
	self->heap.fd = self->other;
	self->other = -1;
	ASSERT_LT(0, call(self->heap.fd, LIST));
	EXPECT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/stats", id));
	close(self->heap.fd);
	self->heap.fd = -1;
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_debugfs(text, sizeof(text), "heaps/%u/stats",
							  id) == -ENOENT));
	test_expect_nothing_left(_metadata);
}

struct race {
	int fd;
	int pair[2];
	bool stop;
	unsigned long attached;
	int bad;
};

/*
 * Descriptors of sessions come by the socket, and are closed while somebody attaches through them:
 * now and then the attaching call has the file's last reference.
 */
static void *close_what_others_attach_through(void *arg)
{
	struct race *r = arg;
	int fd;

	while (read(r->pair[1], &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	return NULL;
}

TEST_F(attach, racing_with_close_of_the_other)
{
	struct race r = { .fd = self->heap.fd };
	unsigned long attached = 0, late = 0;
	double end;
	pthread_t closer;
	int through, fd, err;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, r.pair));
	ASSERT_EQ(0, pthread_create(&closer, NULL, close_what_others_attach_through, &r));
	end = test_now() + race_ms() / 1e3;
	do {
		through = test_attach(self->heap.fd, 0);
		fd = test_open();
		ASSERT_LE(0, through);
		ASSERT_LE(0, fd);
		ASSERT_EQ((ssize_t)sizeof(through), write(r.pair[0], &through, sizeof(through)));
		err = attach_fd(fd, through, 0, NULL);
		/* its number may be another file's already: only one that is the new one's own */
		if (!err) {
			attached++;
			EXPECT_LT(0, call(fd, LIST));
		} else {
			late++;
			EXPECT_TRUE(err == -EBADF || err == -EINVAL);
		}
		close(fd);
	} while (test_now() < end);
	close(r.pair[0]);
	pthread_join(closer, NULL);
	close(r.pair[1]);
	TH_LOG("%lu attached, %lu too late", attached, late);
	EXPECT_LT(0, attached + late);
}

/* Two sessions without a heap, each of which wants the other's, while one makes one. */
static void *attach_again(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		int err = attach_fd(r->pair[0], r->pair[1], 0, NULL);

		if (!err) {
			if (call(r->pair[0], LIST) <= 0)
				r->bad = -EIO;
			return NULL;
		}
		if (err != -ENOTCONN && err != -EISCONN)
			r->bad = err;
	}
	return NULL;
}

TEST_F(attach, racing_with_create_and_one_another)
{
	double end = test_now() + race_ms() / 1e3;
	pthread_t a, b;
	__u32 id;

	do {
		struct race x = { .pair = { test_open(), test_open() } };
		struct race y = { .pair = { x.pair[1], x.pair[0] } };

		ASSERT_LE(0, x.pair[0]);
		ASSERT_LE(0, x.pair[1]);
		ASSERT_EQ(0, pthread_create(&a, NULL, attach_again, &x));
		ASSERT_EQ(0, pthread_create(&b, NULL, attach_again, &y));
		ASSERT_EQ(0, test_create(x.pair[1], 0, &id));
		pthread_join(a, NULL);
		__atomic_store_n(&y.stop, true, __ATOMIC_RELEASE);
		pthread_join(b, NULL);
		EXPECT_EQ(0, x.bad);
		EXPECT_EQ(0, y.bad);
		close(x.pair[0]);
		close(x.pair[1]);
	} while (test_now() < end);
}

TEST_HARNESS_MAIN
