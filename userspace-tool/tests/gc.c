// SPDX-License-Identifier: GPL-2.0
/*
 * The collector as CPython's users know it: what is garbage and what is not, generations, counts
 * and thresholds, automatic scans, and the controls.
 */
#include "refslab_test.h"

FIXTURE(gc) {
	struct test_heap heap;
	int fd;
	__s64 node;	/* type: 2 slots */
};

FIXTURE_SETUP(gc)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	self->node = test_type(self->fd, "node", 2, 0, 100, 0);
	ASSERT_LT(0, self->node);
}

FIXTURE_TEARDOWN(gc)
{
	test_heap_close(_metadata, &self->heap);
}

#define STAT(field)	(test_stat(self->fd).field)
#define GC(g, field)	(test_gc_stats(self->fd).gen[g].field)

#define NODE()			NEW(NEW, self->node)
#define LINK(from, slot, to)	ASSERT_EQ(0, CALL(SETSLOT, from, slot, to))
#define APPEND(list, to)	ASSERT_EQ(0, CALL(APPEND, list, to))
#define CLOSE(h)		ASSERT_EQ(0, CALL(CLOSE, h))
#define EXPECT_COUNT(n, h)	EXPECT_EQ(n, test_refcount(self->fd, h))
#define EXPECT_GENERATION(g, h)	EXPECT_EQ(g, test_generation(self->fd, h))

struct three {
	__u32 n[3];
};

static struct three counts(int fd)
{
	struct three c = { { ~0u, ~0u, ~0u } };

	call(fd, GET_COUNT, ptr(c.n), sizeof(c.n));
	return c;
}

#define EXPECT_COUNTS(c0, c1, c2) do {					\
	struct three __c = counts(self->fd);				\
									\
	EXPECT_EQ(c0, __c.n[0]);					\
	EXPECT_EQ(c1, __c.n[1]);					\
	EXPECT_EQ(c2, __c.n[2]);					\
} while (0)

/* A cycle of @n nodes with a handle on the first. */
static __s64 ring(int fd, __s64 type, unsigned int n)
{
	__s64 first = call(fd, NEW, type), last = call(fd, DUP, first), next;
	int err = 0;

	while (--n) {
		next = call(fd, NEW, type);
		err = err ?: call(fd, SETSLOT, last, 0, next) ?: call(fd, CLOSE, last);
		last = next;
	}
	err = err ?: call(fd, SETSLOT, last, 0, first) ?: call(fd, CLOSE, last);
	return err ?: first;
}

/* Long enough for a scan that should not be to have come. */
#define NO_SCAN_MS	300

TEST_F(gc, defaults)
{
	struct three t;

	EXPECT_EQ(1, CALL(ISENABLED));
	ASSERT_EQ(0, CALL(GET_THRESHOLD, ptr(t.n), sizeof(t.n)));
	EXPECT_EQ(700, t.n[0]);
	EXPECT_EQ(10, t.n[1]);
	EXPECT_EQ(10, t.n[2]);
	EXPECT_COUNTS(0, 0, 0);
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 1000000, 2, (1u << 31) - 1));
	ASSERT_EQ(0, CALL(GET_THRESHOLD, ptr(t.n), sizeof(t.n)));
	EXPECT_EQ(1000000, t.n[0]);
	EXPECT_EQ(2, t.n[1]);
	EXPECT_EQ((1u << 31) - 1, t.n[2]);
}

TEST_F(gc, enable_and_disable)
{
	EXPECT_EQ(0, CALL(DISABLE));
	EXPECT_EQ(0, CALL(ISENABLED));
	EXPECT_EQ(0, CALL(DISABLE));
	EXPECT_EQ(0, CALL(ENABLE));
	EXPECT_EQ(1, CALL(ISENABLED));
}

/* B1 */
TEST_F(gc, only_containers_are_tracked)
{
	__s64 bare = test_type(self->fd, "bare", 0, 8, 0, 0);
	__s64 acyclic = test_type(self->fd, "acyclic", 2, 8, 0, REFSLAB_TYPE_ACYCLIC);

	EXPECT_GENERATION(-1, NEW(INT, 1005));
	EXPECT_GENERATION(-1, NEW(STR, ptr("a str"), 5));
	EXPECT_GENERATION(-1, NEW(NEW, bare));
	EXPECT_GENERATION(-1, NEW(NEW, acyclic));
	EXPECT_EQ(0, STAT(tracked));
	EXPECT_GENERATION(0, NEW(LIST));
	EXPECT_GENERATION(0, NODE());
	EXPECT_EQ(2, STAT(tracked));
	EXPECT_EQ(6, STAT(objects));
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(6, STAT(objects));
}

TEST_F(gc, object_that_refers_to_itself)
{
	__s64 a = NODE(), l = NEW(LIST);

	LINK(a, 0, a);
	LINK(a, 1, a);
	APPEND(l, l);
	EXPECT_COUNT(3, a);
	EXPECT_COUNT(2, l);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(a);
	CLOSE(l);
	EXPECT_EQ(2, STAT(objects));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, STAT(bytes_used));
}

/* C6 */
TEST_F(gc, collect_counts_what_is_unreachable)
{
	__u64 result[2];
	__s64 h = ring(self->fd, self->node, 1000);

	ASSERT_LT(0, h);
	ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_COLLECT, (const __u64[4]) { 2 }, result));
	EXPECT_EQ(0, result[0]);
	CLOSE(h);
	ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_COLLECT, (const __u64[4]) { 2 }, result));
	EXPECT_EQ(1000, result[0]);
	EXPECT_EQ(0, result[1]);
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, CALL(COLLECT, 2));
}

/* B2 */
TEST_F(gc, scans_leave_counts_alone)
{
	__s64 h = ring(self->fd, self->node, 3), a = CALL(SLOT, h, 0), l = NEW(LIST);
	int i, g;

	for (i = 0; i < 5; i++)
		APPEND(l, a);
	LINK(h, 1, l);
	for (g = 0; g <= 2; g++) {
		EXPECT_EQ(0, CALL(COLLECT, g));
		EXPECT_COUNT(2, h);
		EXPECT_COUNT(7, a);
		EXPECT_COUNT(2, l);
	}
}

/* B5: A <-> B, A -> C */
TEST_F(gc, leaf_dies_with_its_cycle)
{
	__s64 a = NODE(), b = NODE(), c = NODE(), atom = NEW(INT, 1001);

	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(a, 1, c);
	LINK(c, 0, atom);
	CLOSE(a);
	CLOSE(b);
	CLOSE(c);
	EXPECT_EQ(4, STAT(objects));
	/* Atoms are not tracked and so not counted. */
	EXPECT_EQ(3, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
	EXPECT_COUNT(1, atom);
}

TEST_F(gc, leaf_with_another_reference_survives)
{
	__s64 a = NODE(), b = NODE(), c = NODE(), other = NODE();

	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(a, 1, c);
	LINK(b, 1, c);
	LINK(other, 0, c);
	EXPECT_COUNT(4, c);
	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_COUNT(2, c);
	CLOSE(other);
	EXPECT_COUNT(1, c);
	EXPECT_EQ(1, STAT(objects));
}

/* A cycle that something alive refers to is alive, and dead when that is. */
TEST_F(gc, cycle_held_by_a_list)
{
	__s64 l = NEW(LIST), inner = NEW(LIST), h = ring(self->fd, self->node, 10);

	APPEND(l, inner);
	APPEND(inner, h);
	CLOSE(inner);
	CLOSE(h);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(12, STAT(objects));
	ASSERT_EQ(0, CALL(DELITEM, l, 0));
	EXPECT_EQ(11, STAT(objects));
	EXPECT_EQ(10, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
}

TEST_F(gc, garbage_that_garbage_refers_to)
{
	__s64 a = ring(self->fd, self->node, 5), b = ring(self->fd, self->node, 7), last = a;
	int i;

	LINK(a, 1, b);
	for (i = 0; i < 20; i++) {
		__s64 next = NODE();

		LINK(last, 1, next);
		CLOSE(last);
		last = next;
	}
	LINK(last, 1, b);
	CLOSE(last);
	/* The first ring lost its edge to the second on the way to the tail, which has it. */
	EXPECT_EQ(5 + 20 + 7, STAT(objects));
	EXPECT_EQ(5 + 20, CALL(COLLECT, 2));
	EXPECT_COUNT(2, b);
	CLOSE(b);
	EXPECT_EQ(7, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(gc, large_cycle_of_lists)
{
	enum { N = 50000, BATCH = 4000 };
	struct refslab_op *ops = calloc(BATCH, sizeof(*ops));
	__s64 l = NEW(LIST);
	int i, k;

	ASSERT_EQ(0, CALL(DISABLE));
	/* Each new list is in the first and refers to it. */
	for (i = 0; i < N; i += BATCH / 4) {
		for (k = 0; k < BATCH; k += 4) {
			ops[k] = op(LIST);
			ops[k + 1] = opf(APPEND, F(0), k, l);
			ops[k + 2] = opf(APPEND, F(1), l, k);
			ops[k + 3] = opf(CLOSE, F(0), k);
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, BATCH, NULL));
	}
	EXPECT_COUNT(N + 1, l);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	CLOSE(l);
	EXPECT_EQ(N + 1, CALL(COLLECT, 2));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(objects) == 0));
	EXPECT_EQ(0, STAT(bytes_used));
}

/* By the program's word never part of a cycle: where it is, the collector does not see it. */
TEST_F(gc, acyclic_types_are_left_alone)
{
	__s64 t = test_type(self->fd, "acyclic", 1, 0, 0, REFSLAB_TYPE_ACYCLIC), a, b, c;

	a = NEW(NEW, t);
	LINK(a, 0, a);
	CLOSE(a);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
	/* What it refers to is held from outside. */
	b = NODE();
	c = NEW(NEW, t);
	LINK(b, 0, b);
	LINK(c, 0, b);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(3, STAT(objects));
	CLOSE(c);
	EXPECT_EQ(1, CALL(COLLECT, 2));
	/* And counting frees it as it does all others. */
	a = NEW(NEW, t);
	b = NEW(NEW, t);
	LINK(a, 0, b);
	CLOSE(b);
	CLOSE(a);
	EXPECT_EQ(1, STAT(objects));
}

/* C1 */
TEST_F(gc, survivors_move_up)
{
	__s64 a = NODE(), b, c;

	EXPECT_GENERATION(0, a);
	ASSERT_EQ(0, CALL(COLLECT, 0));
	EXPECT_GENERATION(1, a);
	b = NODE();
	ASSERT_EQ(0, CALL(COLLECT, 0));
	EXPECT_GENERATION(1, a);
	EXPECT_GENERATION(1, b);
	ASSERT_EQ(0, CALL(COLLECT, 1));
	EXPECT_GENERATION(2, a);
	EXPECT_GENERATION(2, b);
	c = NODE();
	ASSERT_EQ(0, CALL(COLLECT, 2));
	EXPECT_GENERATION(2, a);
	EXPECT_GENERATION(2, c);
}

/* C3: the younger are merged into the one scanned, and move with it. */
TEST_F(gc, younger_generations_are_scanned_too)
{
	__s64 a = NODE(), b;

	ASSERT_EQ(0, CALL(COLLECT, 0));
	b = NODE();
	ASSERT_EQ(0, CALL(COLLECT, 1));
	EXPECT_GENERATION(2, a);
	EXPECT_GENERATION(2, b);
}

TEST_F(gc, objects_of_a_generation)
{
	struct refslab_record records[64];
	__s64 h[30], atom = NEW(INT, 1001);
	int i, g, n;

	for (i = 0; i < 30; i++) {
		h[i] = NODE();
		ASSERT_EQ(0, i == 9 ? CALL(COLLECT, 1) : i == 19 ? CALL(COLLECT, 0) : 0);
	}
	for (g = 0; g <= 2; g++) {
		n = test_records(self->fd, g, records, 64);
		EXPECT_EQ(10, n);
		for (i = 0; i < 30; i++) {
			bool in = test_record(records, n, test_id(self->fd, h[i]));

			EXPECT_EQ(i / 10 == 2 - g, in);
			EXPECT_EQ(2 - i / 10, test_generation(self->fd, h[i]));
		}
		for (i = 0; i < n; i++)
			EXPECT_EQ(g, records[i].generation);
	}
	n = test_records(self->fd, REFSLAB_GEN_ALL, records, 64);
	EXPECT_EQ(31, n);
	EXPECT_NE(NULL, test_record(records, n, test_id(self->fd, atom)));
}

/* What older garbage holds waits for the older scan. */
TEST_F(gc, young_scan_leaves_the_old_alone)
{
	__s64 old = ring(self->fd, self->node, 4), young;

	ASSERT_EQ(0, CALL(COLLECT, 1));
	young = ring(self->fd, self->node, 3);
	LINK(old, 1, young);
	CLOSE(young);
	CLOSE(old);
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_EQ(0, CALL(COLLECT, 1));
	EXPECT_EQ(7, STAT(objects));
	EXPECT_EQ(7, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
}

TEST_F(gc, young_scan_finds_young_garbage)
{
	__s64 middle = ring(self->fd, self->node, 4), old;

	ASSERT_EQ(0, CALL(COLLECT, 1));
	old = middle;
	middle = ring(self->fd, self->node, 5);
	ASSERT_EQ(0, CALL(COLLECT, 0));
	CLOSE(ring(self->fd, self->node, 6));
	CLOSE(middle);
	CLOSE(old);
	EXPECT_EQ(6, CALL(COLLECT, 0));
	EXPECT_EQ(5, CALL(COLLECT, 1));
	EXPECT_EQ(4, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(6, GC(0, collected));
	EXPECT_EQ(5, GC(1, collected));
	EXPECT_EQ(4, GC(2, collected));
}

/* C2, C3 */
TEST_F(gc, counts)
{
	__s64 h[20];
	int i;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 0, 10, 10));
	for (i = 0; i < 20; i++)
		h[i] = i % 2 ? NODE() : NEW(LIST);
	EXPECT_COUNTS(20, 0, 0);
	/* Atoms are no containers. */
	CLOSE(NEW(INT, 1004));
	NEW(STR, ptr("x"), 1);
	EXPECT_COUNTS(20, 0, 0);
	for (i = 0; i < 5; i++)
		CLOSE(h[i]);
	EXPECT_COUNTS(15, 0, 0);
	ASSERT_EQ(0, CALL(COLLECT, 0));
	EXPECT_COUNTS(0, 1, 0);
	NODE();
	ASSERT_EQ(0, CALL(COLLECT, 0));
	EXPECT_COUNTS(0, 2, 0);
	ASSERT_EQ(0, CALL(COLLECT, 1));
	EXPECT_COUNTS(0, 0, 1);
	ASSERT_EQ(0, CALL(COLLECT, 0));
	ASSERT_EQ(0, CALL(COLLECT, 1));
	EXPECT_COUNTS(0, 0, 2);
	NODE();
	NODE();
	EXPECT_COUNTS(2, 0, 2);
	ASSERT_EQ(0, CALL(COLLECT, 2));
	EXPECT_COUNTS(0, 0, 0);
}

/* More deallocations than allocations: an unsigned count says 0. */
TEST_F(gc, count_does_not_go_below_zero)
{
	__s64 h[50];
	int i;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 0, 10, 10));
	for (i = 0; i < 50; i++)
		h[i] = NODE();
	ASSERT_EQ(0, CALL(COLLECT, 0));
	for (i = 0; i < 50; i++)
		CLOSE(h[i]);
	EXPECT_COUNTS(0, 1, 0);
}

/* What a scan frees is not a deallocation since that scan. */
TEST_F(gc, garbage_does_not_upset_the_count)
{
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 0, 10, 10));
	CLOSE(ring(self->fd, self->node, 100));
	EXPECT_COUNTS(100, 0, 0);
	EXPECT_EQ(100, CALL(COLLECT, 0));
	EXPECT_COUNTS(0, 1, 0);
	NODE();
	EXPECT_COUNTS(1, 1, 0);
}

TEST_F(gc, stats)
{
	ASSERT_EQ(0, CALL(DISABLE));
	EXPECT_EQ(0, GC(0, collections));
	CLOSE(ring(self->fd, self->node, 8));
	ASSERT_EQ(8, CALL(COLLECT, 0));
	ASSERT_EQ(0, CALL(COLLECT, 0));
	ASSERT_EQ(0, CALL(COLLECT, 1));
	CLOSE(ring(self->fd, self->node, 9));
	ASSERT_EQ(9, CALL(COLLECT, 2));
	EXPECT_EQ(2, GC(0, collections));
	EXPECT_EQ(1, GC(1, collections));
	EXPECT_EQ(1, GC(2, collections));
	EXPECT_EQ(8, GC(0, collected));
	EXPECT_EQ(0, GC(1, collected));
	EXPECT_EQ(9, GC(2, collected));
	EXPECT_EQ(0, GC(0, uncollectable) + GC(1, uncollectable) + GC(2, uncollectable));
}

/* C2: a scan starts when the count exceeds the threshold, and not before. */
TEST_F(gc, threshold_is_exceeded)
{
	int i;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 100, 1000, 1000));
	for (i = 0; i < 100; i++)
		NODE();
	test_sleep_ms(NO_SCAN_MS);
	EXPECT_EQ(0, GC(0, collections));
	EXPECT_COUNTS(100, 0, 0);
	NODE();
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, GC(0, collections) == 1));
	EXPECT_COUNTS(0, 1, 0);
	test_sleep_ms(NO_SCAN_MS);
	EXPECT_EQ(1, GC(0, collections));
}

TEST_F(gc, deallocations_put_a_scan_off)
{
	int i;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 100, 1000, 1000));
	for (i = 0; i < 5000; i++) {
		__s64 h = NODE();

		if (i % 100)
			CLOSE(h);
	}
	test_sleep_ms(NO_SCAN_MS);
	EXPECT_EQ(0, GC(0, collections));
	EXPECT_COUNTS(50, 0, 0);
}

/*
 * C5. Garbage of the last threshold's worth of objects stays, and a few objects that a scan met
 * while they were being made: those wait for a scan of the generation they moved to.
 */
TEST_F(gc, automatic_scans_collect)
{
	enum { N = 20000, REST = 700 + 100 };
	int i;

	for (i = 0; i < N; i++) {
		__s64 h = NODE();

		LINK(h, 0, h);
		CLOSE(h);
	}
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(objects) <= REST));
	EXPECT_LT(0, GC(0, collections));
	EXPECT_LE(N - REST, GC(0, collected) + GC(1, collected) + GC(2, collected));
}

TEST_F(gc, disabled_means_no_automatic_scan)
{
	int i;

	ASSERT_EQ(0, CALL(DISABLE));
	for (i = 0; i < 2000; i++)
		NODE();
	test_sleep_ms(NO_SCAN_MS);
	EXPECT_EQ(0, GC(0, collections));
	EXPECT_COUNTS(2000, 0, 0);
	/* By hand it works as ever. */
	CLOSE(ring(self->fd, self->node, 2));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	for (i = 0; i < 2000; i++)
		NODE();
	ASSERT_EQ(0, CALL(ENABLE));
	NODE();
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, GC(0, collections) == 1));
}

TEST_F(gc, threshold_0_means_no_automatic_scan)
{
	int i;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 0, 0, 0));
	EXPECT_EQ(1, CALL(ISENABLED));
	for (i = 0; i < 2000; i++)
		NODE();
	test_sleep_ms(NO_SCAN_MS);
	EXPECT_EQ(0, GC(0, collections));
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 10, 10, 10));
	NODE();
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, GC(0, collections) == 1));
}

static __u64 scans(int fd)
{
	const struct refslab_gc_stats s = test_gc_stats(fd);

	return s.gen[0].collections + s.gen[1].collections + s.gen[2].collections;
}

/* Eleven new objects, one more than the threshold, and the scan that they bring about. */
#define BATCH(list) do {						\
	__u64 __before = scans(self->fd);				\
	int __i;							\
									\
	for (__i = 0; __i < 11; __i++) {				\
		__s64 __h = NODE();					\
									\
		APPEND(list, __h);					\
		CLOSE(__h);						\
	}								\
	ASSERT_TRUE(wait_for(TEST_SETTLE_MS, scans(self->fd) == __before + 1));	\
} while (0)

/* C3: the oldest generation whose count exceeds its threshold. */
TEST_F(gc, oldest_due_generation_is_scanned)
{
	__s64 l = NEW(LIST);

	ASSERT_EQ(0, CALL(COLLECT, 2));
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 10, 1, 1000));
	BATCH(l);
	EXPECT_EQ(1, GC(0, collections));
	EXPECT_COUNTS(0, 1, 0);
	BATCH(l);
	EXPECT_EQ(2, GC(0, collections));
	EXPECT_COUNTS(0, 2, 0);
	/* count1 exceeds 1 now. */
	BATCH(l);
	EXPECT_EQ(2, GC(0, collections));
	EXPECT_EQ(1, GC(1, collections));
	EXPECT_COUNTS(0, 0, 1);
	BATCH(l);
	EXPECT_EQ(3, GC(0, collections));
	EXPECT_COUNTS(0, 1, 1);
	EXPECT_EQ(1, GC(2, collections));
}

/* C4: full scans wait until what is new there exceeds a quarter of what survived the last one. */
TEST_F(gc, full_scans_wait_for_a_quarter)
{
	enum { OLD = 1000 };
	__s64 l = NEW(LIST), h;
	int i, made;

	ASSERT_EQ(0, CALL(SET_THRESHOLD, 0, 0, 0));
	for (i = 1; i < OLD; i++) {
		h = NODE();
		APPEND(l, h);
		CLOSE(h);
	}
	ASSERT_EQ(0, CALL(COLLECT, 2));
	ASSERT_EQ(0, CALL(SET_THRESHOLD, 10, 0, 0));
	for (made = 0; GC(2, collections) == 1 && made < OLD; made += 11)
		BATCH(l);
	EXPECT_EQ(2, GC(2, collections));
	EXPECT_LT(OLD / 4, made);
	/* Every other scan is one of generation 1: a few batches are on their way up. */
	EXPECT_GE(OLD / 4 + 5 * 11, made);
	/* And from then on of a larger number. */
	for (made = 0; made < OLD / 4; made += 11)
		BATCH(l);
	EXPECT_EQ(2, GC(2, collections));
}

/* Several at once: one scan at a time, and every cycle found exactly once. */
TEST_F(gc, collect_from_many_processes)
{
	enum { RINGS = 200, EACH = 5, CHILDREN = 4 };
	__u64 found = 0;
	int i, status, pipefd[2];

	ASSERT_EQ(0, CALL(DISABLE));
	ASSERT_EQ(0, pipe(pipefd));
	for (i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			__s64 sum = 0, n = 0;
			int k;

			for (k = 0; k < RINGS && n >= 0; k++) {
				n = call(self->fd, CLOSE, ring(self->fd, self->node, EACH));
				n = n ?: call(self->fd, COLLECT, k % 3);
				sum += n;
			}
			_exit(n < 0 || write(pipefd[1], &sum, sizeof(sum)) != sizeof(sum));
		}
	}
	for (i = 0; i < CHILDREN; i++) {
		__u64 sum = 0;

		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
		EXPECT_EQ(sizeof(sum), read(pipefd[0], &sum, sizeof(sum)));
		found += sum;
	}
	found += CALL(COLLECT, 2);
	EXPECT_EQ(CHILDREN * RINGS * EACH, found);
	EXPECT_EQ(0, STAT(objects));
}

TEST_HARNESS_MAIN
