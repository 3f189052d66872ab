// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of a heap: bytes, objects, handles; set when it is made, changed while it is in use.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>

#include "refslab_test.h"

enum { BATCH = 256 };	/* objects that a processor makes without looking at the limit */

static int set_limits(int fd, __u64 bytes, __u64 objects, __u64 handles)
{
	const struct refslab_limits limits = { bytes, objects, handles };

	return call(fd, SET_LIMITS, ptr(&limits), sizeof(limits));
}

static struct refslab_limits get_limits(int fd)
{
	struct refslab_limits limits;

	memset(&limits, 0xff, sizeof(limits));
	call(fd, GET_LIMITS, ptr(&limits), sizeof(limits));
	return limits;
}

FIXTURE(limits) {
	struct test_heap heap;
	int fd;
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
}

FIXTURE_TEARDOWN(limits)
{
	test_heap_close(_metadata, &self->heap);
}

TEST_F(limits, none_at_first)
{
	struct refslab_limits l = get_limits(self->fd);

	EXPECT_EQ(0, l.max_bytes);
	EXPECT_EQ(0, l.max_objects);
	EXPECT_EQ(0, l.max_handles);
}

/* What the caller does not know of stays as it is, and is not written beyond its memory. */
TEST_F(limits, shorter_and_longer_structures)
{
	__u64 longer[4] = { 1u << 20, 1000, 2000, 0 };
	struct refslab_limits l;

	ASSERT_EQ(0, call(self->fd, SET_LIMITS, ptr(longer), sizeof(longer)));
	l = get_limits(self->fd);
	EXPECT_EQ(1u << 20, l.max_bytes);
	EXPECT_EQ(1000, l.max_objects);
	EXPECT_EQ(2000, l.max_handles);
	longer[0] = 0;
	ASSERT_EQ(0, call(self->fd, SET_LIMITS, ptr(longer), sizeof(longer[0])));
	l = get_limits(self->fd);
	EXPECT_EQ(0, l.max_bytes);
	EXPECT_EQ(1000, l.max_objects);
	longer[3] = 1;
	EXPECT_EQ(-E2BIG, call(self->fd, SET_LIMITS, ptr(longer), sizeof(longer)));
	memset(longer, 0xff, sizeof(longer));
	ASSERT_EQ(0, call(self->fd, GET_LIMITS, ptr(longer), 12));
	EXPECT_EQ(0, longer[0]);
	EXPECT_EQ(0xffffffff000003e8ull, longer[1]);
	EXPECT_EQ(~0ull, longer[2]);
}

enum {
	ROUNDS = 200,		/* of setting limits, in one submission */
	CROWD = 100,		/* sessions, each of which has to learn of a limit of handles */
};

struct short_setter {
	int fd;
	int err;
	atomic_bool stop;
};

/* A program that knows of one limit, and sets that. */
static void *set_first(void *arg)
{
	static const __u64 max_bytes = 1u << 30;
	struct refslab_op ops[ROUNDS];
	struct short_setter *s = arg;
	int i;

	while (!s->stop && !s->err) {
		for (i = 0; i < ROUNDS; i++)
			ops[i] = op(SET_LIMITS, ptr(&max_bytes), sizeof(max_bytes));
		s->err = test_submit(s->fd, ops, ROUNDS, NULL);
	}
	return NULL;
}

/* And those it does not know of are others' to set, at any time. */
TEST_F(limits, shorter_structure_beside_a_whole_one)
{
	double end = test_now() + test_env("REFSLAB_TEST_RACE_MS", 2000) / 2e3;
	struct short_setter other = { .fd = test_attach(self->fd, 0) };
	struct refslab_limits set[ROUNDS], got[ROUNDS];
	struct refslab_op ops[2 * ROUNDS];
	int fd[CROWD], i, wrong = 0;
	pthread_t thread;
	cpu_set_t all;

	ASSERT_LE(0, other.fd);
	for (i = 0; i < CROWD; i++) {
		fd[i] = test_attach(self->fd, 0);
		ASSERT_LE(0, fd[i]);
	}
	memset(&all, 0xff, sizeof(all));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	ASSERT_EQ(0, pthread_create(&thread, NULL, set_first, &other));
	do {
		for (i = 0; i < ROUNDS; i++) {
			/* with and without a limit of handles, which is what takes long */
			set[i] = (struct refslab_limits){ 0, 1000000 + i, i % 2 * (2000000 + i) };
			ops[2 * i] = op(SET_LIMITS, ptr(&set[i]), sizeof(set[i]));
			ops[2 * i + 1] = op(GET_LIMITS, ptr(&got[i]), sizeof(got[i]));
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, 2 * ROUNDS, NULL));
		for (i = 0; i < ROUNDS; i++)
			wrong += set[i].max_objects != got[i].max_objects ||
				 set[i].max_handles != got[i].max_handles;
	} while (test_now() < end && !wrong);
	EXPECT_EQ(0, wrong);
	other.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, other.err);
	for (i = 0; i < CROWD; i++)
		close(fd[i]);
	close(other.fd);
}

TEST_F(limits, given_when_the_heap_is_made)
{
	struct refslab_create create = {
		.size = sizeof(create), .name = "few", .max_bytes = 4u << 20, .max_objects = 10,
		.max_handles = 5,
	};
	int fd = test_open(), i;
	struct refslab_limits l;
	__s64 list;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, test_ioctl(fd, REFSLAB_IOC_CREATE, &create));
	l = get_limits(fd);
	EXPECT_EQ(4u << 20, l.max_bytes);
	EXPECT_EQ(10, l.max_objects);
	EXPECT_EQ(5, l.max_handles);
	/* an older program's structure ends before the new limits */
	close(fd);
	fd = test_open();
	create.size = offsetof(struct refslab_create, max_objects);
	ASSERT_EQ(0, test_ioctl(fd, REFSLAB_IOC_CREATE, &create));
	EXPECT_EQ(0, get_limits(fd).max_objects);
	EXPECT_EQ(4u << 20, get_limits(fd).max_bytes);
	for (i = 0; i < 20; i++) {
		list = call(fd, LIST);
		EXPECT_LT(0, list);
	}
	close(fd);
}

TEST_F(limits, right)
{
	int no_limits = test_attach(self->fd, REFSLAB_ATTACH_NO_LIMITS);

	ASSERT_LE(0, no_limits);
	ASSERT_EQ(0, set_limits(self->fd, 0, 100, 0));
	EXPECT_EQ(100, get_limits(no_limits).max_objects);
	EXPECT_EQ(-EPERM, set_limits(no_limits, 0, 0, 0));
	EXPECT_EQ(100, get_limits(self->fd).max_objects);
	/* they are the heap's, and so for all its sessions */
	EXPECT_LT(0, call(no_limits, LIST));
	close(no_limits);
}

/* --- objects -------------------------------------------------------------------------------- */

TEST_F(limits, objects_are_exact_on_one_processor)
{
	enum { MOST = 1000 };
	__s64 h = 0;
	int i;

	ASSERT_EQ(0, set_limits(self->fd, 0, MOST, 0));
	for (i = 0; i < MOST; i++) {
		h = call(self->fd, INT, 1000 + i);
		ASSERT_LT(0, h);
	}
	EXPECT_LT(0, call(self->fd, INT, 1));	/* a constant is no new object */
	EXPECT_EQ(-ENOMEM, call(self->fd, LIST));
	EXPECT_EQ(-ENOMEM, call(self->fd, STR, ptr("some text, not a name"), 21));
	EXPECT_EQ(MOST, test_stat(self->fd).objects);
	EXPECT_EQ(0, call(self->fd, CLOSE, h));
	EXPECT_LT(0, call(self->fd, LIST));
	EXPECT_EQ(-ENOMEM, call(self->fd, LIST));
	ASSERT_EQ(0, set_limits(self->fd, 0, 0, 0));
	EXPECT_LT(0, call(self->fd, LIST));
}

/* Looking for an attribute makes nothing, so it neither collects for room nor wants any. */
TEST_F(limits, looking_takes_no_room)
{
	int ro = test_attach(self->fd, REFSLAB_ATTACH_READONLY), i;
	__s64 o = call(self->fd, INSTANCE), mine;
	__u64 scans;

	ASSERT_LE(0, ro);
	ASSERT_LT(0, o);
	mine = call(ro, BYID, test_id(self->fd, o));
	ASSERT_LT(0, mine);
	ASSERT_EQ(0, call(self->fd, SETATTR, o, ptr("there"), 5, o));
	ASSERT_EQ(0, call(self->fd, SETATTR, o, ptr("t"), 1, o));
	ASSERT_EQ(0, set_limits(self->fd, 0, 1, 0));
	/* those that ids were there for already */
	for (i = 0; i < 1000; i++)
		if (call(self->fd, LIST) < 0)
			break;
	ASSERT_EQ(-ENOMEM, call(self->fd, LIST));
	scans = test_gc_stats(self->fd).gen[2].collections;
	EXPECT_EQ(-ENOKEY, call(ro, GETATTR, mine, ptr("absent"), 6));
	EXPECT_EQ(-ENOKEY, call(ro, GETATTR, mine, ptr("a"), 1));
	EXPECT_EQ(-ENOKEY, call(self->fd, DELATTR, o, ptr("absent"), 6));
	EXPECT_LT(0, call(ro, GETATTR, mine, ptr("there"), 5));
	EXPECT_LT(0, call(ro, GETATTR, mine, ptr("t"), 1));
	EXPECT_EQ(-EINVAL, call(ro, GETATTR, mine, ptr("1"), 1));
	EXPECT_EQ(scans, test_gc_stats(self->fd).gen[2].collections);
	EXPECT_EQ(0, call(self->fd, DELATTR, o, ptr("there"), 5));
	EXPECT_EQ(-ENOKEY, call(ro, GETATTR, mine, ptr("there"), 5));
	close(ro);
}

/* Large ones, and such of types with a cache, and reused blocks, are objects like others. */
TEST_F(limits, objects_of_any_size)
{
	__s64 small, large, h[20];
	int i, round;

	small = test_type(self->fd, "small", 1, 8, 100, 0);
	large = test_type(self->fd, "large", 1, 100000, 0, 0);
	ASSERT_EQ(0, set_limits(self->fd, 0, 20, 0));
	/* ids that this processor has already */
	for (i = 0; i < BATCH; i++)
		ASSERT_EQ(0, call(self->fd, CLOSE, call(self->fd, LIST)));
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 20; i++) {
			h[i] = call(self->fd, NEW, i % 2 ? small : large);
			ASSERT_LT(0, h[i]);
		}
		ASSERT_EQ(-ENOMEM, call(self->fd, NEW, small));
		ASSERT_EQ(-ENOMEM, call(self->fd, NEW, large));
		ASSERT_EQ(-ENOMEM, call(self->fd, TUPLE, ptr((__u32[]) { h[0] }), 1));
		ASSERT_EQ(20, test_stat(self->fd).objects);
		for (i = 0; i < 20; i++)
			ASSERT_EQ(0, call(self->fd, CLOSE, h[i]));
	}
}

/* -ENOMEM comes after a full collection: cycles that nobody reaches are no obstacle. */
TEST_F(limits, garbage_makes_room)
{
	__s64 kept = call(self->fd, LIST), l;
	int i;

	ASSERT_EQ(0, set_limits(self->fd, 0, 500, 0));
	for (i = 0; i < 20000; i++) {
		l = call(self->fd, LIST);
		ASSERT_LT(0, l);
		ASSERT_EQ(0, call(self->fd, APPEND, l, l));
		ASSERT_EQ(0, call(self->fd, CLOSE, l));
	}
	EXPECT_GE(500 + BATCH, test_stat(self->fd).objects);
	EXPECT_EQ(1, test_refcount(self->fd, kept));
	EXPECT_EQ(0, call(self->fd, ISENABLED));
}

TEST_F(limits, lowered_below_what_there_is)
{
	__s64 h[2000], large;
	int i;

	for (i = 0; i < 2000; i++)
		h[i] = call(self->fd, LIST);
	ASSERT_LT(0, h[1999]);
	ASSERT_EQ(0, set_limits(self->fd, 1, 100, 10));
	/* what there is stays, and is whole */
	EXPECT_EQ(2000, test_stat(self->fd).objects);
	EXPECT_EQ(0, call(self->fd, LEN, h[1000]));
	test_heap_check(_metadata, &self->heap);
	EXPECT_EQ(-EMFILE, call(self->fd, DUP, h[0]));
	for (i = 0; i < 1991; i++)
		ASSERT_EQ(0, call(self->fd, CLOSE, h[i]));
	EXPECT_LT(0, call(self->fd, DUP, h[1999]));
	EXPECT_EQ(-EMFILE, call(self->fd, DUP, h[1999]));
	/* memory is above its limit as long as it is in use */
	large = test_type(self->fd, "large", 0, 100000, 0, 0);
	ASSERT_EQ(0, set_limits(self->fd, 1, 0, 0));
	EXPECT_LT(1, test_stat(self->fd).bytes_reserved);
	EXPECT_EQ(-ENOMEM, call(self->fd, NEW, large));
	ASSERT_EQ(0, set_limits(self->fd, 0, 0, 0));
	EXPECT_LT(0, call(self->fd, NEW, large));
}

/* Many processors at once: not more than documented. */
TEST_F(limits, objects_made_by_children)
{
	enum { MOST = 4000, CHILDREN = 4 };
	unsigned int cpus = sysconf(_SC_NPROCESSORS_CONF), i;
	pid_t pid[CHILDREN];
	int status;
	__u64 most;

	ASSERT_EQ(0, set_limits(self->fd, 0, MOST, 0));
	for (i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		ASSERT_LE(0, pid[i]);
		if (!pid[i]) {
			cpu_set_t set;
			__s64 h;

			CPU_ZERO(&set);
			CPU_SET(i % cpus, &set);
			sched_setaffinity(0, sizeof(set), &set);
			do {
				h = call(self->fd, LIST);
			} while (h > 0);
			_exit(h == -ENOMEM ? 0 : 1);
		}
	}
	for (i = 0; i < CHILDREN; i++) {
		ASSERT_EQ(pid[i], waitpid(pid[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	most = test_stat(self->fd).objects;
	TH_LOG("%llu objects of %u, %u processors", (unsigned long long)most, MOST, cpus);
	EXPECT_LE(MOST, most);
	EXPECT_GE(MOST + MOST / 4 + cpus, most);
	EXPECT_GE(MOST + BATCH * cpus, most);
}

/* --- handles -------------------------------------------------------------------------------- */

TEST_F(limits, handles)
{
	int other = test_attach(self->fd, 0);
	__s64 l = call(self->fd, LIST), last, type;
	struct refslab_event_record event;
	struct refslab_entry entries[8];
	__u64 id = test_id(self->fd, l);
	int i;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, call(self->fd, APPEND, l, l));
	type = test_type(self->fd, "file", 0, 0, 0, REFSLAB_TYPE_FINALIZER);
	ASSERT_EQ(0, set_limits(self->fd, 0, 0, 10));
	for (i = 1; i < 10; i++)
		ASSERT_LT(0, call(i % 2 ? other : self->fd, BYID, id));
	/* of all sessions together, by whatever makes one; nothing else happens */
	EXPECT_EQ(-EMFILE, call(other, BYID, id));
	EXPECT_EQ(-EMFILE, call(self->fd, DUP, l));
	EXPECT_EQ(-EMFILE, call(self->fd, LIST));
	EXPECT_EQ(-EMFILE, call(self->fd, POP, l, 0));
	EXPECT_EQ(-EMFILE, call(self->fd, ITEMS, l, 0, ptr(entries), sizeof(entries)));
	EXPECT_EQ(1, call(self->fd, LEN, l));
	EXPECT_EQ(10, test_stat(self->fd).handles);
	EXPECT_EQ(1, test_stat(self->fd).objects);
	/* those of a session that ends make room */
	close(other);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(self->fd).handles == 5));
	for (i = 5; i < 9; i++)
		ASSERT_LT(0, call(self->fd, DUP, l));
	/* an event that there is no handle for stays */
	last = call(self->fd, NEW, type);
	ASSERT_LT(0, last);
	ASSERT_EQ(0, call(self->fd, CLOSE, last));
	last = call(self->fd, DUP, l);
	ASSERT_LT(0, last);
	EXPECT_EQ(-EMFILE, test_events(self->fd, &event, 1));
	ASSERT_EQ(0, call(self->fd, CLOSE, last));
	EXPECT_EQ(1, test_events(self->fd, &event, 1));
	EXPECT_EQ(10, test_stat(self->fd).handles);
	EXPECT_EQ(0, call(self->fd, CLOSE, event.handle));
	EXPECT_EQ(1, test_stat(self->fd).objects);
	/* the place of a closed one is kept, and is none that may be had */
	EXPECT_EQ(9, test_stat(self->fd).handles);
	ASSERT_EQ(0, set_limits(self->fd, 0, 0, 9));
	EXPECT_EQ(-EMFILE, call(self->fd, DUP, l));
	EXPECT_EQ(-EMFILE, call(self->fd, ITEM, l, 0));
	EXPECT_EQ(-EMFILE, call(self->fd, LIST));
	EXPECT_EQ(9, test_stat(self->fd).handles);
	EXPECT_EQ(1, test_stat(self->fd).objects);
	ASSERT_EQ(0, set_limits(self->fd, 0, 0, 10));
	EXPECT_EQ(event.handle, call(self->fd, ITEM, l, 0));
}

enum { SESSIONS = 4, KEPT = 10 };

struct churn {
	pthread_t thread;
	int fd;
	int most;		/* handles besides those kept */
	atomic_bool *stop;
	int err;
};

/* Makes handles and closes them, some at a time; a limit may come at any moment. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	__s64 h[64];
	int n, i;

	do {
		for (n = 0; n < c->most; n++) {
			h[n] = call(c->fd, DUP, 1);
			if (h[n] < 0)
				break;
		}
		if (n < c->most && h[n] != -EMFILE)
			c->err = h[n];
		for (i = 0; i < n; i++)
			if (call(c->fd, CLOSE, h[i]))
				c->err = 1;
	} while (!*c->stop && !c->err);
	return NULL;
}

/* Each session counts its own handles; a limit, while there is one, counts those of all. */
TEST_F(limits, handles_of_several_sessions)
{
	__u64 id = test_id(self->fd, call(self->fd, LIST));
	const int turns = test_slow_kernel() ? 200 : 1000;
	struct churn c[SESSIONS] = { };
	atomic_bool stop = false;
	__s64 one_more;
	int i, k;

	for (i = 0; i < SESSIONS; i++) {
		c[i].fd = i ? test_attach(self->fd, 0) : self->fd;
		ASSERT_LE(0, c[i].fd);
		c[i].most = 16 * (i + 1);
		c[i].stop = &stop;
		/* the first ones stand for nothing any more, but their places are kept */
		for (k = i ? 0 : 1; k < KEPT + 5; k++)
			ASSERT_EQ(k + 1, call(c[i].fd, BYID, id));
		for (k = KEPT; k < KEPT + 5; k++)
			ASSERT_EQ(0, call(c[i].fd, CLOSE, k + 1));
	}
	EXPECT_EQ(SESSIONS * KEPT, test_stat(self->fd).handles);
	for (i = 0; i < SESSIONS; i++)
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, churn, &c[i]));
	for (i = 0; i < turns; i++) {
		/* none, one that is reached now and then, one that is not */
		ASSERT_EQ(0, set_limits(self->fd, 0, 0, (i % 3) * (SESSIONS * KEPT + 100)));
		EXPECT_LE(SESSIONS * KEPT, test_stat(self->fd).handles);
		EXPECT_GE(SESSIONS * KEPT + 16 + 32 + 48 + 64, test_stat(self->fd).handles);
	}
	stop = true;
	for (i = 0; i < SESSIONS; i++) {
		ASSERT_EQ(0, pthread_join(c[i].thread, NULL));
		EXPECT_EQ(0, c[i].err);
	}
	EXPECT_EQ(SESSIONS * KEPT, test_stat(self->fd).handles);
	test_heap_check(_metadata, &self->heap);
	for (k = 0; k < 2; k++) {
		ASSERT_EQ(0, set_limits(self->fd, 0, 0, SESSIONS * KEPT + 1));
		one_more = call(c[k].fd, DUP, 1);
		EXPECT_LT(0, one_more);
		for (i = 0; i < SESSIONS; i++)
			EXPECT_EQ(-EMFILE, call(c[i].fd, DUP, 1));
		EXPECT_EQ(SESSIONS * KEPT + 1, test_stat(self->fd).handles);
		test_heap_check(_metadata, &self->heap);
		EXPECT_EQ(0, call(c[k].fd, CLOSE, one_more));
		ASSERT_EQ(0, set_limits(self->fd, 0, 0, 0));
	}
	for (i = 1; i < SESSIONS; i++)
		close(c[i].fd);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(self->fd).handles == KEPT));
}

TEST_HARNESS_MAIN
