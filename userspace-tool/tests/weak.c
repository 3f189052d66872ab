// SPDX-License-Identifier: GPL-2.0
/* Weak references and objects by id: who is alive for whom, and who is told that it is dead. */
#include <sys/stat.h>

#include "cgroup_test.h"
#include "weak_test.h"

TEST_F(shape, weak_reference_does_not_count)
{
	__s64 x = NEW(NEW, self->weakable), w = NEW(WEAK, x), y;
	char name[8] = "";

	EXPECT_COUNT(1, x);
	EXPECT_COUNT(1, w);
	EXPECT_EQ(0, CALL(IS, w, x));
	EXPECT_LT(0, CALL(TYPEOF, w, ptr(name), sizeof(name)));
	EXPECT_STREQ("weakref", name);
	y = NEW(DEREF, w);
	EXPECT_SAME(x, y);
	EXPECT_COUNT(2, x);
	CLOSE(x);
	/* what it gave is as strong as any other */
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_COUNT(1, y);
	EXPECT_EQ(2, STAT(objects));
}

TEST_F(shape, dead_for_its_weak_references)
{
	__s64 x = NEW(NEW, self->weakable), w = NEW(WEAK, x), v = NEW(WEAK, x), y;

	CLOSE(x);
	EXPECT_EQ(2, STAT(objects));
	EXPECT_DEAD(w);
	/* the same block, another object */
	y = NEW(NEW, self->weakable);
	EXPECT_DEAD(w);
	EXPECT_DEAD(v);
	w = NEW(WEAK, y);
	CLOSE(NEW(DEREF, w));
	EXPECT_DEAD(v);
}

TEST_F(shape, weak_reference_dies_first)
{
	__s64 x = NEW(NEW, self->weakable), w[3];
	int i;

	for (i = 0; i < 3; i++)
		w[i] = NEW(WEAK, x, REFSLAB_WEAK_CALLBACK);
	CLOSE(w[1]);
	CLOSE(w[0]);
	CLOSE(w[2]);
	EXPECT_COUNT(1, x);
	EXPECT_EQ(1, STAT(objects));
	CLOSE(x);
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(shape, callback_once)
{
	__s64 x = NEW(NEW, self->weakable), plain = NEW(WEAK, x), y;
	__s64 w = NEW(WEAK, x, REFSLAB_WEAK_CALLBACK), id = test_id(self->fd, x);

	EXPECT_NO_EVENT();
	CLOSE(x);
	y = EVENT(WEAKREF, id);
	EXPECT_SAME(w, y);
	EXPECT_COUNT(2, w);
	EXPECT_DEAD(y);
	EXPECT_DEAD(plain);
	EXPECT_NO_EVENT();
	CLOSE(y);
	CLOSE(w);
	EXPECT_NO_EVENT();
	EXPECT_EQ(1, STAT(objects));
}

/* The event holds the weak reference. */
TEST_F(shape, callback_of_a_weak_reference_dropped_since)
{
	__s64 x = NEW(NEW, self->weakable), id = test_id(self->fd, x);
	__s64 w = NEW(WEAK, x, REFSLAB_WEAK_CALLBACK), y;

	CLOSE(x);
	CLOSE(w);
	EXPECT_EQ(1, STAT(objects));
	test_heap_check(_metadata, &self->heap);
	y = EVENT(WEAKREF, id);
	EXPECT_COUNT(1, y);
	CLOSE(y);
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(shape, by_id)
{
	__s64 x = NEW(NEW, self->weakable), id = test_id(self->fd, x), l = NEW(LIST), y;

	y = NEW(BYID, id);
	EXPECT_SAME(x, y);
	EXPECT_COUNT(2, x);
	/* alive, though nobody has a handle */
	APPEND(l, x);
	CLOSE(x);
	CLOSE(y);
	y = NEW(BYID, id);
	EXPECT_EQ(id, test_id(self->fd, y));
	CLOSE(l);
	EXPECT_COUNT(1, y);
	CLOSE(y);
	EXPECT_EQ(0, CALL(BYID, id));
	/* the block is in use again */
	y = NEW(NEW, self->weakable);
	EXPECT_EQ(0, CALL(BYID, id));
	EXPECT_LT(id, test_id(self->fd, y));
	EXPECT_EQ(0, CALL(BYID, id));
	CLOSE(NEW(BYID, test_id(self->fd, y)));
}

TEST_F(graph, alive_until_the_cycle_is_collected)
{
	__s64 a = NODE(), b = NODE(), leaf = NODE(), w = NEW(WEAK, a), v = NEW(WEAK, leaf), x;

	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(b, 1, leaf);
	CLOSE(a);
	CLOSE(b);
	CLOSE(leaf);
	x = NEW(DEREF, w);
	EXPECT_COUNT(2, x);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(x);
	/* what was referred to in passing is garbage again */
	CLOSE(NEW(DEREF, v));
	EXPECT_EQ(3, CALL(COLLECT, 2));
	EXPECT_DEAD(w);
	EXPECT_DEAD(v);
	EXPECT_EQ(2, STAT(objects));
}

TEST_F(graph, by_id_until_the_cycle_is_collected)
{
	__s64 a = PLAIN(), id = test_id(self->fd, a);

	LINK(a, 0, a);
	CLOSE(a);
	a = NEW(BYID, id);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(a);
	EXPECT_EQ(1, CALL(COLLECT, 2));
	EXPECT_EQ(0, CALL(BYID, id));
}

TEST_F(graph, callback_of_a_collected_cycle)
{
	__s64 a = NODE(), b = NODE(), w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK), v;
	__s64 id_a = test_id(self->fd, a), id_b = test_id(self->fd, b), l = NEW(LIST);

	v = NEW(WEAK, b, REFSLAB_WEAK_CALLBACK);
	APPEND(l, v);
	CLOSE(v);
	LINK(a, 0, b);
	LINK(b, 0, a);
	CLOSE(a);
	CLOSE(b);
	EXPECT_NO_EVENT();
	EXPECT_EQ(2, CALL(COLLECT, 2));
	/* in no particular order */
	v = test_event(self->fd).id;
	EXPECT_TRUE(v == id_a || v == id_b);
	EVENT(WEAKREF, id_a + id_b - v);
	EXPECT_NO_EVENT();
	EXPECT_DEAD(w);
}

/* A weak reference that is garbage itself has nobody to tell. */
TEST_F(graph, no_callback_from_within_the_garbage)
{
	__s64 a = NODE(), l = NEW(LIST), w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK);

	APPEND(l, l);
	APPEND(l, w);
	APPEND(l, a);
	LINK(a, 0, l);
	LINK(a, 1, w);
	CLOSE(a);
	CLOSE(w);
	CLOSE(l);
	EXPECT_EQ(3, CALL(COLLECT, 2));
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, STAT(objects));
}

/*
 * Weak references made while every other allocation brings a scan about: those outside the garbage
 * are called back, once each, those inside never.
 */
TEST_F(graph, made_while_scans_run)
{
	enum { N = 500 };
	__s64 target = NODE(), a, w, inside, id[N];
	struct refslab_event_record record;
	bool called[N] = { };
	int i, k, n = 0;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 1, 1, 1));
	ASSERT_EQ(0, CALL(ENABLE));
	for (i = 0; i < N; i++) {
		/*
		 * A cycle with a weak reference to what lives. (One to the cycle itself may be
		 * called back: it was closed while the scan began that finds the cycle, and lives.)
		 */
		a = NODE();
		id[i] = test_id(self->fd, a);
		inside = NEW(WEAK, target, REFSLAB_WEAK_CALLBACK);
		LINK(a, 0, a);
		LINK(a, 1, inside);
		CLOSE(inside);
		w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK);
		CLOSE(a);
		if (i % 10 == 0) {
			EXPECT_LE(0, CALL(COLLECT, 2));
			EXPECT_DEAD(w);
		}
	}
	ASSERT_EQ(0, CALL(DISABLE));
	EXPECT_LE(0, CALL(COLLECT, 2));
	while ((record = test_event(self->fd)).event) {
		ASSERT_EQ(REFSLAB_EVENT_WEAKREF, record.event);
		for (k = 0; k < N && id[k] != (__s64)record.id; k++)
			;
		ASSERT_GT(N, k);
		EXPECT_FALSE(called[k]);
		called[k] = true;
		n++;
		CLOSE(record.handle);
		/* and callbacks that collect */
		if (n % 50 == 0)
			EXPECT_EQ(0, CALL(COLLECT, 2));
	}
	EXPECT_EQ(N, n);
	/* the weak references, and their target */
	EXPECT_EQ(N + 1, STAT(objects));
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(target);
	EXPECT_NO_EVENT();
}

/* It dies in the same close as its object, but before it, or after it. */
TEST_F(graph, both_die_with_a_list)
{
	__s64 a, w, l, id;
	int first;

	for (first = 0; first < 2; first++) {
		l = NEW(LIST);
		a = NODE();
		id = test_id(self->fd, a);
		w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK);
		APPEND(l, first ? w : a);
		APPEND(l, first ? a : w);
		CLOSE(a);
		CLOSE(w);
		CLOSE(l);
		/* which of them goes first is nobody's business, but at most one event */
		a = test_event(self->fd).event;
		EXPECT_TRUE(!a || a == REFSLAB_EVENT_WEAKREF);
		EXPECT_NO_EVENT();
		EXPECT_EQ(0, CALL(BYID, id));
	}
}

TEST_F(graph, in_lists_and_slots)
{
	__s64 a = NODE(), l = NEW(LIST), n = PLAIN(), w = NEW(WEAK, a), x;

	EXPECT_EQ(0, test_generation(self->fd, w));
	APPEND(l, w);
	LINK(n, 1, w);
	EXPECT_COUNT(3, w);
	CLOSE(w);
	w = NEW(ITEM, l, 0);
	x = NEW(DEREF, w);
	EXPECT_SAME(a, x);
	CLOSE(x);
	CLOSE(w);
	CLOSE(l);
	/* an object that has a weak reference to itself is no cycle */
	w = NEW(SLOT, n, 1);
	LINK(a, 0, w);
	CLOSE(w);
	CLOSE(n);
	EXPECT_EQ(2, STAT(objects));
	CLOSE(a);
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(graph, what_cannot_have_one)
{
	__s64 a = NODE(), w = NEW(WEAK, a);

	EXPECT_EQ(-EPROTOTYPE, CALL(WEAK, w));
	EXPECT_EQ(-EPROTOTYPE, CALL(WEAK, PLAIN()));
	EXPECT_EQ(-EPROTOTYPE, CALL(WEAK, NEW(LIST)));
	EXPECT_EQ(-EPROTOTYPE, CALL(DEREF, a));
	EXPECT_EQ(0, CALL(FINALIZED, w));
}

/* One result is the next one's operand; of what is dead it is no handle. */
TEST_F(graph, in_one_submit)
{
	struct refslab_op ops[] = {
		op(NEW, self->node),
		opf(WEAK, F(0), 0),
		opf(DEREF, F(0), 1),
		opf(IS, F(0) | F(1), 0, 2),
		opf(CLOSE, F(0), 0),
		opf(CLOSE, F(0), 2),
		opf(DEREF, F(0), 1),
		opf(DUP, F(0), 6),
	};
	__u32 done;

	EXPECT_EQ(-ENOENT, test_submit(self->fd, ops, ARRAY_SIZE(ops), &done));
	EXPECT_EQ(7, done);
	EXPECT_EQ(1, ops[3].result[0]);
	EXPECT_EQ(0, ops[6].result[0]);
}

/* More than one close() may clear itself. */
TEST_F(graph, many_to_one_object)
{
	enum { N = 20000 };
	static __s64 w[N];
	__s64 a = NODE(), id = test_id(self->fd, a);
	struct refslab_event_record records[64];
	int i, k, n = 0, got = 0;

	for (i = 0; i < N; i++)
		w[i] = NEW(WEAK, a, i % 2 ? REFSLAB_WEAK_CALLBACK : 0);
	/* some leave from the middle */
	for (i = 0; i < N; i += 10) {
		CLOSE(w[i]);
		CLOSE(w[i + 5]);
	}
	CLOSE(a);
	while (wait_for(TEST_SETTLE_MS, (n = test_events(self->fd, records, 64)) != -EAGAIN)) {
		ASSERT_LT(0, n);
		for (k = 0; k < n; k++) {
			EXPECT_EQ(REFSLAB_EVENT_WEAKREF, records[k].event);
			EXPECT_EQ(id, records[k].id);
			CLOSE(records[k].handle);
		}
		got += n;
		if (got >= N / 2 - N / 10)
			break;
	}
	EXPECT_EQ(N / 2 - N / 10, got);
	EXPECT_NO_EVENT();
	for (i = 1; i < N; i += 10)
		EXPECT_DEAD(w[i]);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(objects) == N - N / 5));
}

/* Sessions with heaps of their own come and go; the same numbers mean other things there. */
TEST_F(graph, beside_other_sessions)
{
	__s64 a = NODE(), l = NEW(LIST), w, id = test_id(self->fd, a), x, type;
	int fd = test_open();
	__u32 heap_id;

	ASSERT_LE(0, fd);
	w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK);
	APPEND(l, a);
	CLOSE(a);
	ASSERT_EQ(0, test_create(fd, 0, &heap_id));
	ASSERT_EQ(0, test_nonblock(fd, true));
	type = test_type(fd, "node", 2, 8, 0, REFSLAB_TYPE_WEAKREF);
	a = call(fd, NEW, type);
	ASSERT_LT(0, call(fd, WEAK, a, REFSLAB_WEAK_CALLBACK));
	EXPECT_EQ(0, call(fd, BYID, id));
	ASSERT_EQ(0, call(fd, CLOSE, a));
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, close(fd));
	EXPECT_NO_EVENT();

	x = NEW(DEREF, w);
	EXPECT_EQ(id, test_id(self->fd, x));
	CLOSE(x);
	CLOSE(l);
	EXPECT_SAME(w, EVENT(WEAKREF, id));
}

/* Ids. */

TEST_F(graph, ids_nobody_was_told)
{
	struct refslab_record records[8];
	__s64 a = NODE(), b = NODE(), s = NEW(STR, ptr("text"), 4), id = test_id(self->fd, a);

	/* ids are given in order on one CPU, see below */
	EXPECT_EQ(0, CALL(BYID, id + 1));
	EXPECT_EQ(0, CALL(BYID, id + 2));
	ASSERT_EQ(3, test_records(self->fd, REFSLAB_GEN_ALL, records, 8));
	EXPECT_SAME(b, NEW(BYID, id + 1));
	EXPECT_SAME(s, NEW(BYID, id + 2));
	EXPECT_EQ(id + 1, test_id(self->fd, b));
	EXPECT_EQ(id + 2, test_id(self->fd, s));
	EXPECT_EQ(0, CALL(BYID, 0));
	EXPECT_EQ(0, CALL(BYID, id + 3));
	EXPECT_EQ(0, CALL(BYID, id + (1ull << 32)));
	EXPECT_EQ(0, CALL(BYID, 1ull << 63));
	EXPECT_EQ(0, CALL(BYID, ~0ull));
}

#define BATCH	1365

/* Makes objects, has their ids told and drops them; the last id. */
static __s64 tell(int fd, __s64 type, unsigned int batches)
{
	static struct refslab_op ops[3 * BATCH];
	int i, err = 0;

	for (; batches && !err; batches--) {
		for (i = 0; i < 3 * BATCH; i += 3) {
			ops[i] = op(NEW, type);
			ops[i + 1] = opf(ID, F(0), i);
			ops[i + 2] = opf(CLOSE, F(0), i);
		}
		err = test_submit(fd, ops, 3 * BATCH, NULL);
	}
	return err ?: (__s64)ops[3 * BATCH - 2].result[0];
}

/* Ids of objects that did not live long are forgotten, those of others are not. */
TEST_F(graph, told_ids_do_not_pile_up)
{
	enum { KEPT = 1000 };
	static __s64 kept[KEPT], id[KEPT];
	/* where memory is freed late, and comes with more around it, the charge means nothing */
	bool slow = test_slow_kernel();
	bool look = !slow && !test_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	unsigned int n = slow ? 20000 : 400000;
	long long before = 0, charged;
	__s64 last, h;
	int i;

	for (i = 0; i < KEPT; i++) {
		kept[i] = NODE();
		id[i] = test_id(self->fd, kept[i]);
		ASSERT_LT(0, id[i]);
	}
	if (look) {
		ASSERT_TRUE(!mkdir(CGROUP, 0755) || errno == EEXIST);
		ASSERT_EQ(0, test_write_file(CGROUP "/cgroup.procs", "0"));
	}
	/* everything else that takes memory has taken it then */
	ASSERT_LT(0, tell(self->fd, self->plain, 10));
	if (look) {
		before = memory_current();
		ASSERT_LE(0, before);
	}
	last = tell(self->fd, self->plain, n / BATCH);
	ASSERT_LT(0, last);
	if (look) {
		/* 64 of them lie in a node of 576 bytes */
		charged = memory_current() - before;
		EXPECT_GT(n * 9 / 2, charged);
		TH_LOG("%lld bytes more after %u ids", charged, n);
		ASSERT_EQ(0, test_write_file(CGROUPS "/cgroup.procs", "0"));
	} else {
		TH_LOG("the memory they take was not looked at");
	}
	for (i = 0; i < KEPT; i++) {
		h = NEW(BYID, id[i]);
		EXPECT_SAME(kept[i], h);
		CLOSE(h);
	}
	EXPECT_EQ(0, CALL(BYID, last));
	EXPECT_EQ(0, CALL(BYID, last - 100));
}

TEST_HARNESS_MAIN
