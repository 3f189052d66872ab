// SPDX-License-Identifier: GPL-2.0
/*
 * read() and poll() of a session: which events come, in which order and how many, what is lost when
 * something goes wrong (nothing), and what is left when nobody reads them (nothing either).
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "weak_test.h"

#define RECORD	sizeof(struct refslab_event_record)

FIXTURE(events) {
	struct test_heap heap;
	int fd;
	__s64 type;	/* payload of 8 bytes, with a finalizer */
	__s64 id[16];
};

FIXTURE_SETUP(events)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	ASSERT_EQ(0, CALL(DISABLE));
	self->type = test_type(self->fd, "final", 0, 8, 100,
			       REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF);
	ASSERT_LT(0, self->type);
}

FIXTURE_TEARDOWN(events)
{
	test_heap_close(_metadata, &self->heap);
}

/* The last reference of a new object goes: its id, or -errno. */
static __s64 cause(int fd, __s64 type)
{
	__s64 h = call(fd, NEW, type), id = test_id(fd, h);
	int err = call(fd, CLOSE, h);

	return err ?: id;
}

/* Causes @n events at once, a multiple of 1000; 0 or -errno. */
static int cause_many(int fd, __s64 type, unsigned int n)
{
	static struct refslab_op ops[2000];
	unsigned int i;
	int err = 0;

	for (; n && !err; n -= 1000) {
		for (i = 0; i < 2000; i += 2) {
			ops[i] = op(NEW, type);
			ops[i + 1] = opf(CLOSE, F(0), i);
		}
		err = test_submit(fd, ops, 2000, NULL);
	}
	return err;
}

#define CAUSE(n) do {							\
	for (int __i = 0; __i < (n); __i++) {				\
		self->id[__i] = cause(self->fd, self->type);		\
		ASSERT_LT(0, self->id[__i]);				\
	}								\
} while (0)

#define POLL(ms) ({							\
	struct pollfd __p = { .fd = self->fd, .events = POLLIN };	\
	int __n = poll(&__p, 1, ms);					\
									\
	__n > 0 ? __p.revents : __n;					\
})

TEST(without_heap)
{
	struct refslab_event_record record;
	struct pollfd pollfd = { .fd = test_open(), .events = POLLIN };
	__u32 heap_id;

	ASSERT_LE(0, pollfd.fd);
	EXPECT_EQ(-ENOTCONN, test_events(pollfd.fd, &record, 1));
	EXPECT_EQ(0, test_nonblock(pollfd.fd, true));
	EXPECT_EQ(-ENOTCONN, test_events(pollfd.fd, &record, 1));
	/* there is nothing to wait for, so it does not */
	EXPECT_EQ(1, poll(&pollfd, 1, -1));
	EXPECT_EQ(POLLERR, pollfd.revents);
	EXPECT_EQ(0, test_create(pollfd.fd, 0, &heap_id));
	EXPECT_EQ(0, poll(&pollfd, 1, 0));
	close(pollfd.fd);
}

TEST_F(events, oldest_first)
{
	struct refslab_event_record records[16];
	__s64 h[10], id[10];
	int i, n;

	for (i = 0; i < 10; i++) {
		h[i] = NEW(NEW, self->type);
		id[i] = test_id(self->fd, h[i]);
	}
	/* as they die, not as they were made; with weak references between them */
	for (i = 0; i < 10; i++) {
		if (i == 5)
			NEW(WEAK, h[5 * 7 % 10], REFSLAB_WEAK_CALLBACK);
		CLOSE(h[i * 7 % 10]);
	}
	memset(records, 0xff, sizeof(records));
	n = test_events(self->fd, records, 16);
	ASSERT_EQ(11, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(i == 5 ? REFSLAB_EVENT_WEAKREF : REFSLAB_EVENT_FINALIZE,
			  records[i].event);
		EXPECT_EQ(id[(i > 5 ? i - 1 : i) * 7 % 10], (__s64)records[i].id);
		EXPECT_EQ(0, records[i].reserved[0] | records[i].reserved[1]);
		CLOSE(records[i].handle);
	}
	EXPECT_EQ(0xff, ((__u8 *)&records[n])[0]);
}

TEST_F(events, whole_records_only)
{
	struct refslab_event_record records[4];

	CAUSE(3);
	memset(records, 0xff, sizeof(records));
	EXPECT_EQ(RECORD, read(self->fd, records, RECORD + RECORD / 2));
	EXPECT_EQ(self->id[0], (__s64)records[0].id);
	EXPECT_EQ(~0u, records[1].event);
	EXPECT_EQ(RECORD, read(self->fd, records, 2 * RECORD - 1));
	EXPECT_EQ(self->id[1], (__s64)records[0].id);
	EXPECT_EQ(~0u, records[1].event);
	EXPECT_EQ(RECORD, read(self->fd, records, sizeof(records)));
	EXPECT_EQ(self->id[2], (__s64)records[0].id);
	EXPECT_EQ(~0u, records[1].event);
}

TEST_F(events, no_room_for_one)
{
	struct refslab_event_record record;
	unsigned int size;

	for (size = 0; size < RECORD; size++) {
		errno = 0;
		EXPECT_EQ(-1, read(self->fd, &record, size));
		EXPECT_EQ(EINVAL, errno);
	}
	CAUSE(1);
	for (size = 0; size < RECORD; size++) {
		errno = 0;
		EXPECT_EQ(-1, read(self->fd, &record, size));
		EXPECT_EQ(EINVAL, errno);
	}
	CLOSE(EVENT(FINALIZE, self->id[0]));
}

TEST_F(events, nothing_to_read)
{
	struct refslab_event_record record;

	EXPECT_EQ(-EAGAIN, test_events(self->fd, &record, 1));
	CAUSE(1);
	CLOSE(EVENT(FINALIZE, self->id[0]));
	EXPECT_EQ(-EAGAIN, test_events(self->fd, &record, 1));
}

TEST_F(events, memory_that_cannot_be_written)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0), *end = map + page;
	struct refslab_event_record *last = (void *)(end - RECORD);
	struct refslab_stat before, after;
	void *bad[3] = { NULL, end - RECORD / 2, end };
	unsigned int i;

	ASSERT_NE(MAP_FAILED, map);
	munmap(end, page);
	CAUSE(3);
	before = test_stat(self->fd);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EFAULT, test_events(self->fd, bad[i], 2));
	mprotect(map, page, PROT_READ);
	EXPECT_EQ(-EFAULT, test_events(self->fd, (void *)map, 2));
	mprotect(map, page, PROT_READ | PROT_WRITE);
	after = test_stat(self->fd);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	test_heap_check(_metadata, &self->heap);

	/* the second one has no place: it is not lost, nor is the first */
	EXPECT_EQ(1, test_events(self->fd, last, 2));
	EXPECT_EQ(self->id[0], (__s64)last->id);
	EXPECT_COUNT(1, last->handle);
	EXPECT_EQ(before.handles + 1, test_stat(self->fd).handles);
	EVENT(FINALIZE, self->id[1]);
	EVENT(FINALIZE, self->id[2]);
	EXPECT_NO_EVENT();
	EXPECT_EQ(3, test_stat(self->fd).handles);
	munmap(map, page);
}

TEST_F(events, poll)
{
	EXPECT_EQ(0, POLL(0));
	EXPECT_EQ(0, POLL(20));
	CAUSE(2);
	EXPECT_EQ(POLLIN, POLL(0));
	EVENT(FINALIZE, self->id[0]);
	EXPECT_EQ(POLLIN, POLL(-1));
	EVENT(FINALIZE, self->id[1]);
	EXPECT_EQ(0, POLL(0));
}

/* Somebody else causes an event, a little later. */
struct later {
	pthread_t thread;
	int fd;
	__s64 handle;
};

static void *close_later(void *arg)
{
	struct later *later = arg;

	test_sleep_ms(50);
	call(later->fd, CLOSE, later->handle);
	return NULL;
}

TEST_F(events, poll_is_woken)
{
	struct later later = { .fd = self->fd, .handle = NEW(NEW, self->type) };
	__s64 id = test_id(self->fd, later.handle);

	ASSERT_EQ(0, pthread_create(&later.thread, NULL, close_later, &later));
	EXPECT_EQ(POLLIN, POLL(TEST_SETTLE_MS));
	EVENT(FINALIZE, id);
	pthread_join(later.thread, NULL);
}

TEST_F(events, reader_is_woken)
{
	struct later later = { .fd = self->fd, .handle = NEW(NEW, self->type) };
	struct refslab_event_record records[2];
	__s64 id = test_id(self->fd, later.handle);

	ASSERT_EQ(0, test_nonblock(self->fd, false));
	ASSERT_EQ(0, pthread_create(&later.thread, NULL, close_later, &later));
	/* waits for the first, not for more */
	EXPECT_EQ(1, test_events(self->fd, records, 2));
	EXPECT_EQ(REFSLAB_EVENT_FINALIZE, records[0].event);
	EXPECT_EQ(id, (__s64)records[0].id);
	pthread_join(later.thread, NULL);
	EXPECT_COUNT(1, records[0].handle);
}

static int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	__atomic_fetch_add(&alarms, 1, __ATOMIC_RELAXED);
}

TEST_F(events, signal_ends_the_wait)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	struct refslab_event_record record;

	ASSERT_EQ(0, test_nonblock(self->fd, false));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &every, NULL));
	EXPECT_EQ(-EINTR, test_events(self->fd, &record, 1));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	/* what is there is read, whatever is pending */
	CAUSE(1);
	raise(SIGALRM);
	EXPECT_EQ(1, test_events(self->fd, &record, 1));
	EXPECT_EQ(self->id[0], (__s64)record.id);
}

static void *alarm_and_close_later(void *arg)
{
	struct later *later = arg;
	int i;

	for (i = 0; i < 5; i++) {
		test_sleep_ms(20);
		kill(getpid(), SIGALRM);
	}
	call(later->fd, CLOSE, later->handle);
	return NULL;
}

/* As with any read(), the program may ask for it to go on. */
TEST_F(events, signal_with_restart)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct later later = { .fd = self->fd, .handle = NEW(NEW, self->type) };
	struct refslab_event_record record;
	int before = alarms;

	ASSERT_EQ(0, test_nonblock(self->fd, false));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, pthread_create(&later.thread, NULL, alarm_and_close_later, &later));
	EXPECT_EQ(1, test_events(self->fd, &record, 1));
	pthread_join(later.thread, NULL);
	EXPECT_LT(before, __atomic_load_n(&alarms, __ATOMIC_RELAXED));
}

/* Several readers: each event is read by one of them. */
#define READERS	4
#define SHARED	20000

struct reader {
	pthread_t thread;
	int fd;
	__u32 *seen;	/* by id, how often; of all */
	__u64 highest;
	unsigned int nr;
	int err;
};

static void *read_until_told(void *arg)
{
	struct reader *reader = arg;
	struct refslab_event_record records[7];
	int i, n;

	for (;;) {
		n = test_events(reader->fd, records, 7);
		if (n < 0) {
			reader->err = n;
			return NULL;
		}
		for (i = 0; i < n; i++) {
			/* a weak reference's is the sign to stop */
			if (records[i].event == REFSLAB_EVENT_WEAKREF)
				return NULL;
			if (records[i].id <= reader->highest)
				__atomic_fetch_add(&reader->seen[records[i].id], 1,
						   __ATOMIC_RELAXED);
			reader->nr++;
			call(reader->fd, CLOSE, records[i].handle);
		}
	}
}

TEST_F(events, several_readers)
{
	struct reader reader[READERS];
	__s64 type = test_type(self->fd, "sign", 0, 0, 0, REFSLAB_TYPE_WEAKREF), sign[READERS];
	__s64 first = cause(self->fd, self->type);
	__u32 *seen = calloc(first + 2 * SHARED, sizeof(*seen));
	unsigned int i, sum = 0, once = 0, often = 0;

	ASSERT_LT(0, first);
	ASSERT_NE(NULL, seen);
	ASSERT_EQ(0, test_nonblock(self->fd, false));
	for (i = 0; i < READERS; i++) {
		sign[i] = NEW(NEW, type);
		NEW(WEAK, sign[i], REFSLAB_WEAK_CALLBACK);
		reader[i] = (struct reader) {
			.fd = self->fd, .seen = seen, .highest = first + 2 * SHARED - 1,
		};
		ASSERT_EQ(0, pthread_create(&reader[i].thread, NULL, read_until_told, &reader[i]));
	}
	ASSERT_EQ(0, cause_many(self->fd, self->type, SHARED));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, POLL(0) == 0));
	/* one for each of them */
	for (i = 0; i < READERS; i++) {
		CLOSE(sign[i]);
		EXPECT_TRUE(wait_for(TEST_SETTLE_MS, POLL(0) == 0));
	}
	for (i = 0; i < READERS; i++) {
		pthread_join(reader[i].thread, NULL);
		EXPECT_EQ(0, reader[i].err);
		sum += reader[i].nr;
	}
	for (i = 0; i < (unsigned int)first + 2 * SHARED; i++) {
		once += seen[i] == 1;
		often += seen[i] > 1;
	}
	EXPECT_EQ(SHARED + 1, sum);
	EXPECT_EQ(SHARED + 1, once);
	EXPECT_EQ(0, often);
	free(seen);
}

/* One close and many events: the caller's budget ends, the worker does the rest. */
TEST_F(events, hundred_thousand_by_one_close)
{
	enum { BATCH = 1000 };
	const int nr = test_slow_kernel() ? 20000 : 100000;
	static struct refslab_op ops[3 * BATCH];
	static struct refslab_event_record records[1000];
	__s64 l = NEW(LIST);
	int i, k, n, got = 0;
	__u64 sum = 0, expected = 0;

	for (i = 0; i < nr; i += BATCH) {
		for (k = 0; k < 3 * BATCH; k += 3) {
			ops[k] = op(NEW, self->type);
			ops[k + 1] = opf(APPEND, F(1), l, k);
			ops[k + 2] = opf(CLOSE, F(0), k);
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, 3 * BATCH, NULL));
	}
	/* their ids: one by one, as the list has them */
	for (i = 0; i < nr; i += BATCH) {
		for (k = 0; k < 3 * BATCH; k += 3) {
			ops[k] = op(ITEM, l, i + k / 3);
			ops[k + 1] = opf(ID, F(0), k);
			ops[k + 2] = opf(CLOSE, F(0), k);
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, 3 * BATCH, NULL));
		for (k = 0; k < 3 * BATCH; k += 3)
			expected += ops[k + 1].result[0];
	}
	CLOSE(l);
	ASSERT_EQ(0, test_nonblock(self->fd, false));
	while (got < nr) {
		n = test_events(self->fd, records, 1000);
		ASSERT_LT(0, n);
		for (k = 0; k < n; k++) {
			EXPECT_EQ(REFSLAB_EVENT_FINALIZE, records[k].event);
			sum += records[k].id;
			ops[k] = op(CLOSE, records[k].handle);
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, n, NULL));
		got += n;
	}
	EXPECT_EQ(nr, got);
	EXPECT_EQ(expected, sum);
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	EXPECT_NO_EVENT();
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(objects) == 0));
	EXPECT_EQ(0, STAT(handles));
}

/* Each is finalized when the one before it is dropped. */
TEST_F(events, chain_of_finalizers)
{
	enum { N = 1000 };
	__s64 type = test_type(self->fd, "link", 1, 0, 0, REFSLAB_TYPE_FINALIZER);
	__s64 h, last = 0, id[N];
	int i;

	for (i = N; i--;) {
		h = NEW(NEW, type);
		id[i] = test_id(self->fd, h);
		if (last) {
			ASSERT_EQ(0, CALL(SETSLOT, h, 0, last));
			CLOSE(last);
		}
		last = h;
	}
	CLOSE(last);
	for (i = 0; i < N; i++) {
		h = EVENT(FINALIZE, id[i]);
		EXPECT_NO_EVENT();
		EXPECT_EQ(N - i, STAT(objects));
		CLOSE(h);
	}
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, STAT(objects));
}

/* The rest ends in the fixture's teardown, which wants nothing to be left. */

TEST_F(events, unread_at_close)
{
	__s64 h;

	CAUSE(16);
	h = NEW(NEW, self->type);
	NEW(WEAK, h, REFSLAB_WEAK_CALLBACK);
	CLOSE(h);
	EXPECT_EQ(18, STAT(objects));
}

TEST_F(events, many_unread_at_close)
{
	ASSERT_EQ(0, cause_many(self->fd, self->type, 100000));
	EXPECT_EQ(100000, STAT(objects));
	EXPECT_EQ(0, STAT(handles));
}

/* There are handles, too: what dies with the session dies without a finalizer. */
TEST_F(events, finalizable_at_close)
{
	static struct refslab_op ops[1000];
	unsigned int i, k;
	__s64 a, b, type;

	for (i = 0; i < 100; i++) {
		for (k = 0; k < 1000; k++)
			ops[k] = op(NEW, self->type);
		ASSERT_EQ(0, test_submit(self->fd, ops, 1000, NULL));
	}
	ASSERT_EQ(0, cause_many(self->fd, self->type, 10000));
	type = test_type(self->fd, "node", 2, 8, 0, REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF);
	a = NEW(NEW, type);
	b = NEW(NEW, type);
	ASSERT_EQ(0, CALL(SETSLOT, a, 0, b));
	ASSERT_EQ(0, CALL(SETSLOT, b, 0, a));
	NEW(WEAK, a, REFSLAB_WEAK_CALLBACK);
	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(110003, STAT(objects));
}

/* A killed process, with events that it has not read, or while it waits for one. */

struct child {
	pid_t pid;
	int ready;
};

static struct child start(unsigned int events)
{
	struct child child = { -1, -1 };
	struct refslab_event_record record;
	int fd, pipefd[2];
	__s64 type;
	__u32 id;

	if (pipe(pipefd))
		return child;
	child.ready = pipefd[0];
	child.pid = fork();
	if (child.pid) {
		close(pipefd[1]);
		return child;
	}
	fd = test_open();
	if (fd < 0 || test_create(fd, 0, &id))
		_exit(1);
	type = test_type(fd, "final", 2, 8, 0, REFSLAB_TYPE_FINALIZER);
	if (cause_many(fd, type, events) || write(pipefd[1], "r", 1) != 1)
		_exit(1);
	if (!events)
		test_events(fd, &record, 1);
	for (;;)
		pause();
}

static int kill_when_ready(struct child child)
{
	int status = -1;
	char c;

	if (child.pid < 0 || read(child.ready, &c, 1) != 1)
		return -1;
	close(child.ready);
	test_sleep_ms(20);
	kill(child.pid, SIGKILL);
	waitpid(child.pid, &status, 0);
	return status;
}

TEST(killed_with_unread_events)
{
	EXPECT_EQ(SIGKILL, kill_when_ready(start(10000)));
	test_expect_nothing_left(_metadata);
}

TEST(killed_while_waiting)
{
	EXPECT_EQ(SIGKILL, kill_when_ready(start(0)));
	test_expect_nothing_left(_metadata);
}

TEST_HARNESS_MAIN
