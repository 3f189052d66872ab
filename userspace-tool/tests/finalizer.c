// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers: when they are announced, what they find, and what becomes of the object afterwards.
 * How the events are read is in events.c.
 */
#include "weak_test.h"

/* What a finalizer finds: everything. */
TEST_F(shape, finalizer)
{
	static char payload[5001], in[5001];
	__s64 x = NEW(NEW, self->final), id = test_id(self->fd, x), y, target;
	unsigned int i;

	memset(payload, 'p', sizeof(payload));
	ASSERT_EQ(0, CALL(WRITE, x, 0, ptr(payload), variant->payload));
	for (i = 0; i < variant->nr_slots; i++) {
		target = NEW(INT, 1000 + i);
		LINK(x, i, target);
		CLOSE(target);
	}
	EXPECT_EQ(0, CALL(FINALIZED, x));
	EXPECT_NO_EVENT();
	CLOSE(x);

	EXPECT_EQ(1 + variant->nr_slots, STAT(objects));
	EXPECT_EQ(0, STAT(handles));
	test_heap_check(_metadata, &self->heap);
	x = EVENT(FINALIZE, id);
	EXPECT_EQ(1, STAT(handles));
	EXPECT_COUNT(1, x);
	EXPECT_EQ(id, test_id(self->fd, x));
	EXPECT_EQ(1, CALL(FINALIZED, x));
	ASSERT_EQ(0, CALL(READ, x, 0, ptr(in), variant->payload));
	EXPECT_EQ(0, memcmp(payload, in, variant->payload));
	for (i = 0; i < variant->nr_slots; i++) {
		target = NEW(SLOT, x, i);
		EXPECT_EQ(1000 + i, CALL(INT_VALUE, target));
		CLOSE(target);
	}
	EXPECT_NO_EVENT();

	CLOSE(x);
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, CALL(BYID, id));
	/* what lives in the block next has its finalizer yet to come */
	y = NEW(NEW, self->final);
	EXPECT_EQ(0, CALL(FINALIZED, y));
	id = test_id(self->fd, y);
	CLOSE(y);
	CLOSE(EVENT(FINALIZE, id));
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(shape, resurrection)
{
	__s64 x = NEW(NEW, self->final), id = test_id(self->fd, x), l = NEW(LIST), w, y;

	CLOSE(x);
	x = EVENT(FINALIZE, id);
	APPEND(l, x);
	CLOSE(x);
	/* alive and well, until the list goes */
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(2, STAT(objects));
	x = NEW(ITEM, l, 0);
	EXPECT_EQ(id, test_id(self->fd, x));
	EXPECT_EQ(1, CALL(FINALIZED, x));
	w = NEW(WEAK, x, REFSLAB_WEAK_CALLBACK);
	y = NEW(DEREF, w);
	EXPECT_SAME(x, y);
	CLOSE(x);
	CLOSE(y);
	EXPECT_NO_EVENT();
	CLOSE(l);
	/* without a finalizer now, but the new weak reference is told */
	EXPECT_SAME(w, EVENT(WEAKREF, id));
	EXPECT_NO_EVENT();
	EXPECT_DEAD(w);
	EXPECT_EQ(1, STAT(objects));
}

/* Weak references are cleared before the finalizer is announced, and stay so. */
TEST_F(shape, weak_references_go_before_the_finalizer)
{
	__s64 x = NEW(NEW, self->final), id = test_id(self->fd, x), y;
	__s64 w = NEW(WEAK, x, REFSLAB_WEAK_CALLBACK), v = NEW(WEAK, x);

	CLOSE(x);
	EXPECT_DEAD(w);
	EXPECT_DEAD(v);
	CLOSE(EVENT(WEAKREF, id));
	/* by its id it is there: it is not dead */
	y = NEW(BYID, id);
	x = EVENT(FINALIZE, id);
	EXPECT_SAME(x, y);
	EXPECT_DEAD(w);
	EXPECT_DEAD(v);
	CLOSE(x);
	CLOSE(y);
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, CALL(BYID, id));
	EXPECT_EQ(2, STAT(objects));
}

/* Finalizers and cycles. */

/* a <-> b, b -> leaf: b and what hangs off it are there for the finalizer of a. */
TEST_F(graph, finalizer_in_a_cycle)
{
	__s64 a = FINAL(), b = NODE(), leaf = NEW(STR, ptr("leaf"), 4), id = test_id(self->fd, a);
	__s64 w = NEW(WEAK, a), v = NEW(WEAK, b);
	char in[5] = "";
	int generation;

	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(b, 1, leaf);
	CLOSE(a);
	CLOSE(b);
	CLOSE(leaf);
	for (generation = 0; generation < 3; generation++) {
		EXPECT_EQ(0, CALL(COLLECT, generation));
		test_heap_check(_metadata, &self->heap);
	}
	EXPECT_EQ(5, STAT(objects));
	EXPECT_DEAD(w);
	a = EVENT(FINALIZE, id);
	EXPECT_NO_EVENT();
	EXPECT_COUNT(2, a);
	b = NEW(SLOT, a, 0);
	/* nobody finalized it */
	EXPECT_SAME(b, NEW(DEREF, v));
	leaf = NEW(SLOT, b, 1);
	EXPECT_EQ(4, CALL(STR_VALUE, leaf, ptr(in), 4));
	EXPECT_STREQ("leaf", in);
	CLOSE(a);
	EXPECT_EQ(0, CALL(COLLECT, 2));
}

TEST_F(graph, finalized_cycle_is_garbage_the_next_time)
{
	__s64 a = FINAL(), b = PLAIN(), id = test_id(self->fd, a);

	LINK(a, 0, b);
	LINK(b, 0, a);
	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	/* while the event waits, it is alive */
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(EVENT(FINALIZE, id));
	EXPECT_EQ(2, STAT(objects));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(graph, all_finalizers_of_a_cycle)
{
	enum { N = 100 };
	struct refslab_event_record records[N + 1];
	__s64 h[N], id[N];
	int i, k, n;

	for (i = 0; i < N; i++) {
		h[i] = FINAL();
		id[i] = test_id(self->fd, h[i]);
	}
	for (i = 0; i < N; i++)
		LINK(h[i], 0, h[(i + 1) % N]);
	for (i = 0; i < N; i++)
		CLOSE(h[i]);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	n = test_events(self->fd, records, N + 1);
	ASSERT_EQ(N, n);
	for (i = 0; i < N; i++) {
		for (k = 0; k < N && (__s64)records[k].id != id[i]; k++)
			;
		ASSERT_GT(N, k);
		EXPECT_EQ(REFSLAB_EVENT_FINALIZE, records[k].event);
		EXPECT_COUNT(2, records[k].handle);
		CLOSE(records[k].handle);
	}
	EXPECT_NO_EVENT();
	EXPECT_EQ(N, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
}

/* The cycle is garbage, what hangs off it is to be finalized: a container, and an atom. */
TEST_F(graph, finalizer_that_hangs_off_a_cycle)
{
	__s64 atom = test_type(self->fd, "atom", 0, 8, 0, REFSLAB_TYPE_FINALIZER);
	__s64 a, b, f, type, id;

	for (type = self->final; type; type = type == self->final ? atom : 0) {
		a = PLAIN();
		b = PLAIN();
		f = NEW(NEW, type);
		id = test_id(self->fd, f);
		LINK(a, 0, b);
		LINK(b, 0, a);
		LINK(b, 1, f);
		CLOSE(a);
		CLOSE(b);
		CLOSE(f);
		EXPECT_EQ(2, CALL(COLLECT, 2));
		EXPECT_EQ(1, STAT(objects));
		test_heap_check(_metadata, &self->heap);
		f = EVENT(FINALIZE, id);
		EXPECT_COUNT(1, f);
		CLOSE(f);
		EXPECT_EQ(0, STAT(objects));
		EXPECT_NO_EVENT();
	}
}

/* One that leads to the cycle is gone by its count before anybody collects. */
TEST_F(graph, finalizer_that_leads_to_a_cycle)
{
	__s64 f = FINAL(), a = NODE(), id = test_id(self->fd, f), w = NEW(WEAK, a);

	LINK(f, 0, a);
	LINK(a, 0, a);
	CLOSE(a);
	CLOSE(f);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	f = EVENT(FINALIZE, id);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(f);
	CLOSE(NEW(DEREF, w));
	EXPECT_EQ(1, CALL(COLLECT, 2));
	EXPECT_DEAD(w);
}

/* The finalizer takes its object out of the cycle and keeps the other one. */
TEST_F(graph, finalizer_that_mends_a_cycle)
{
	__s64 a = FINAL(), b = NODE(), id = test_id(self->fd, a), w = NEW(WEAK, b);

	LINK(a, 0, b);
	LINK(b, 0, a);
	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	a = EVENT(FINALIZE, id);
	b = NEW(SLOT, a, 0);
	ASSERT_EQ(0, CALL(CLEARSLOT, b, 0));
	CLOSE(a);
	EXPECT_EQ(0, CALL(BYID, id));
	EXPECT_SAME(b, NEW(DEREF, w));
	EXPECT_EQ(0, CALL(COLLECT, 2));
}

/* Nested lists, each with an object to be finalized, and a scan at every 17th of these. */
TEST_F(graph, scans_between_finalizers)
{
	enum { DEPTH = 150, N = 2 * DEPTH };
	struct refslab_event_record record;
	__s64 id[N], list = 0, outer, f;
	bool seen[N] = { };
	int i, k, n = 0;

	for (i = 0; i < N; i++) {
		f = FINAL();
		id[i] = test_id(self->fd, f);
		outer = NEW(LIST);
		APPEND(outer, f);
		CLOSE(f);
		if (i % DEPTH) {
			APPEND(outer, list);
			CLOSE(list);
		} else if (i) {
			/* those of the first half go; the second half has a cycle inside */
			CLOSE(list);
			APPEND(outer, outer);
		}
		list = outer;
	}
	CLOSE(list);
	while ((record = test_event(self->fd)).event) {
		ASSERT_EQ(REFSLAB_EVENT_FINALIZE, record.event);
		for (k = 0; k < N && id[k] != (__s64)record.id; k++)
			;
		ASSERT_GT(N, k);
		EXPECT_FALSE(seen[k]);
		seen[k] = true;
		CLOSE(record.handle);
		if (++n % 17 == 0)
			ASSERT_LE(0, CALL(COLLECT, 2));
	}
	EXPECT_EQ(N, n);
	EXPECT_LE(0, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
}

/* An automatic scan announces, too. */
TEST_F(graph, automatic_scan)
{
	__s64 a = FINAL(), id = test_id(self->fd, a);
	struct refslab_event_record record = { 0 };

	LINK(a, 0, a);
	CLOSE(a);
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 10, 10, 10));
	ASSERT_EQ(0, CALL(ENABLE));
	ASSERT_TRUE(wait_for(TEST_SETTLE_MS, ({
		CLOSE(NEW(LIST));
		NEW(LIST);
		record = test_event(self->fd);
		record.event;
	})));
	EXPECT_EQ(REFSLAB_EVENT_FINALIZE, record.event);
	EXPECT_EQ(id, record.id);
	ASSERT_EQ(0, CALL(DISABLE));
}

TEST_HARNESS_MAIN
