// SPDX-License-Identifier: GPL-2.0
/*
 * The scan: what is found dead, what survives, and what happens to both.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../kmod/heap.h"
#include "../kmod/refslab.h"
#include "../kmod/types/types.h"

#define WHY	160

struct scan_test {
	struct refslab_heap *heap;
	struct refslab_type *node;	/* two slots, 8 bytes */
	struct refslab_type *big;	/* two slots, 1000 bytes: a large block */
	struct refslab_type *leaf;	/* acyclic, one slot */
};

static int scan_init(struct kunit *test)
{
	static const struct refslab_type_ops node = {
		.name = "node", .nr_slots = 2, .payload = 8, .cache_limit = 16,
	};
	static const struct refslab_type_ops big = {
		.name = "big", .nr_slots = 2, .payload = 1000, .cache_limit = 4,
	};
	static const struct refslab_type_ops leaf = {
		.name = "leaf", .nr_slots = 1, .acyclic = true,
	};
	const struct refslab_heap_params params = { .disabled = true };
	struct scan_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	t->heap = refslab_heap_new("scan", &params, true, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->heap);
	t->node = refslab_type_register(t->heap, &node);
	t->big = refslab_type_register(t->heap, &big);
	t->leaf = refslab_type_register(t->heap, &leaf);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->node);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->big);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->leaf);
	test->priv = t;
	return 0;
}

static void scan_exit(struct kunit *test)
{
	struct scan_test *t = test->priv;
	char why[WHY] = "";

	if (!t || IS_ERR_OR_NULL(t->heap))
		return;
	KUNIT_EXPECT_GE(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 0ULL);
	KUNIT_EXPECT_EQ_MSG(test, refslab_mem_check(&t->heap->objects.mem, 0, why, sizeof(why)), 0,
			    "%s", why);
	refslab_trim(t->heap);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->heap->objects.mem.reserved), 0LL);
	refslab_heap_put_sync(t->heap);
}

static void *make(struct kunit *test, struct refslab_type *type)
{
	void *obj = refslab_alloc(type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static u32 count_of(void *obj)
{
	return refslab_word_count(refslab_word_read(&((struct refslab_object *)obj)->word));
}

static void scan_pair(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->node), *b = make(test, t->node);

	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_link(b, 0, a), 0);
	refslab_put(a);
	/* still held through b */
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 2ULL);
	KUNIT_EXPECT_EQ(test, count_of(a), 1U);
	KUNIT_EXPECT_EQ(test, count_of(b), 2U);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 2ULL);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 2L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 0ULL);
}

static void scan_self(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->node);

	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, a), 0);
	KUNIT_EXPECT_EQ(test, refslab_link(a, 1, a), 0);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 1ULL);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 0), 1L);
}

/* A leaf that hangs off a cycle dies with it, unless it is also referred to from outside. */
static void scan_leaf(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a, *b, *c;
	int outside;

	for (outside = 0; outside < 2; outside++) {
		a = make(test, t->node);
		b = make(test, t->node);
		c = make(test, t->node);
		refslab_link(a, 0, b);
		refslab_link(b, 0, a);
		refslab_link(a, 1, c);
		refslab_put(a);
		refslab_put(b);
		if (!outside)
			refslab_put(c);
		KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), outside ? 2L : 3L);
		KUNIT_EXPECT_EQ(test, refslab_count(t->heap), outside ? 1ULL : 0ULL);
		if (outside) {
			KUNIT_EXPECT_EQ(test, count_of(c), 1U);
			refslab_put(c);
		}
	}
}

/* Untracked objects keep what they refer to alive, and die when the garbage lets go of them. */
static void scan_acyclic(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->node), *leaf = make(test, t->leaf), *b = make(test, t->node);

	KUNIT_EXPECT_FALSE(test, refslab_object_tracked(leaf));
	refslab_link(leaf, 0, a);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 3ULL);
	refslab_link(b, 0, b);
	refslab_link(b, 1, leaf);
	refslab_put(leaf);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 0ULL);
}

static void scan_large(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->big), *b = make(test, t->node);

	KUNIT_EXPECT_TRUE(test, refslab_mem_is_large(a));
	refslab_link(a, 0, b);
	refslab_link(b, 0, a);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 0), 0L);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 1U);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(b), 1U);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 0), 0L);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 1), 2L);
}

/* Lists longer than a chunk, in cycles through elements at both ends. */
static void scan_long_list(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct refslab_object *list;
	void *node;
	int i;

	list = refslab_list_new(t->heap, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, list);
	for (i = 0; i < 10 * REFSLAB_CHUNK + 7; i++) {
		node = make(test, t->node);
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, node, GFP_KERNEL), 0);
		refslab_link(node, 0, list);
		refslab_put(node);
	}
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), (u64)i + 1);
	KUNIT_EXPECT_EQ(test, refslab_object_table(list)->scan_end, 0U);
	refslab_put(list);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), (long)i + 1);
}

/* Garbage held by older garbage waits for the older scan. */
static void scan_old_garbage(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *old = make(test, t->node), *young = make(test, t->node);

	refslab_link(old, 0, old);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(old), 2U);
	refslab_put(young);
	young = make(test, t->node);
	refslab_link(young, 0, young);
	refslab_link(old, 1, young);
	refslab_put(young);
	refslab_put(old);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 0), 0L);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 1), 0L);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 2L);
}

/* An immortal object is a root, and never garbage. */
static void scan_fixed(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->node), *b = make(test, t->node);
	struct refslab_object *obj = a;

	refslab_link(a, 0, b);
	refslab_link(b, 0, a);
	refslab_word_fix(&obj->word);
	refslab_put(a);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 2ULL);
	KUNIT_EXPECT_EQ(test, count_of(b), 1U);
	/* mortal again, for the end of the test: as many references as there are */
	atomic64_set(&obj->word, REFSLAB_WORD_VERSION * 1000 + 1);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 2L);
}

/* Reaching a dead object's memory by walking must fail before and after it is destroyed. */
static int count_object(struct refslab_object *obj, void *arg)
{
	++*(u64 *)arg;
	return 0;
}

static void scan_leaves_no_marks(struct kunit *test)
{
	struct scan_test *t = test->priv;
	void *a = make(test, t->node), *b = make(test, t->node);
	u64 cursor = 0, seen = 0;

	refslab_link(b, 0, b);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&((struct refslab_object *)a)->word) &
			(REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD), 0ULL);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&((struct refslab_object *)b)->word) &
			(REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD | REFSLAB_WORD_COUNT), 0ULL);
	KUNIT_EXPECT_EQ(test, refslab_walk(&t->heap->objects, &cursor, count_object, &seen), 0);
	KUNIT_EXPECT_EQ(test, seen, 1ULL);
	refslab_put(a);
}

/* --- random graphs against a plain computation ---------------------------------------------- */

#define NODES	1500
#define SEEDS	60

struct graph {
	void *obj[NODES];
	u16 out[NODES][2];	/* index + 1 */
	bool held[NODES];
	bool alive[NODES];
	u16 stack[NODES];
};

static int reach(struct graph *g)
{
	int i, s, n = 0, top = 0;

	memset(g->alive, 0, sizeof(g->alive));
	for (i = 0; i < NODES; i++) {
		if (g->held[i]) {
			g->alive[i] = true;
			g->stack[top++] = i;
		}
	}
	while (top) {
		i = g->stack[--top];
		n++;
		for (s = 0; s < 2; s++) {
			int to = g->out[i][s] - 1;

			if (to >= 0 && !g->alive[to]) {
				g->alive[to] = true;
				g->stack[top++] = to;
			}
		}
	}
	return n;
}

static void random_graph(struct kunit *test, struct graph *g, u32 seed)
{
	struct scan_test *t = test->priv;
	int i, s, to, alive;
	struct rnd_state rnd;
	long found;
	u64 before;

	prandom_seed_state(&rnd, seed);
	memset(g, 0, sizeof(*g));
	for (i = 0; i < NODES; i++)
		g->obj[i] = make(test, prandom_u32_state(&rnd) % 16 ? t->node : t->big);
	for (i = 0; i < NODES; i++) {
		for (s = 0; s < 2; s++) {
			if (prandom_u32_state(&rnd) % 4 == 0)
				continue;
			to = prandom_u32_state(&rnd) % NODES;
			g->out[i][s] = to + 1;
			KUNIT_ASSERT_EQ(test, refslab_link(g->obj[i], s, g->obj[to]), 0);
		}
	}
	for (i = 0; i < NODES; i++) {
		g->held[i] = prandom_u32_state(&rnd) % 64 == 0;
		if (!g->held[i])
			refslab_put(g->obj[i]);
	}
	alive = reach(g);
	before = refslab_count(t->heap);
	found = refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ_MSG(test, (long)before - alive, found, "seed %u", seed);
	KUNIT_EXPECT_EQ_MSG(test, refslab_count(t->heap), (u64)alive, "seed %u", seed);
	for (i = 0; i < NODES; i++)
		if (g->held[i])
			refslab_put(g->obj[i]);
	refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ_MSG(test, refslab_count(t->heap), 0ULL, "seed %u", seed);
}

static void scan_random_graphs(struct kunit *test)
{
	struct graph *g = vmalloc(sizeof(*g));
	u32 seed;

	KUNIT_ASSERT_NOT_NULL(test, g);
	for (seed = 1; seed <= SEEDS; seed++) {
		random_graph(test, g, seed);
		cond_resched();
	}
	vfree(g);
}

/* A full scan leaves out who cannot be garbage, and nobody else. */
static void scan_candidates(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;
	void *a[100], *got;
	int i;

	for (i = 0; i < 100; i++)
		a[i] = make(test, t->node);
	for (i = 0; i < 100; i++)
		refslab_link(a[i], 0, a[(i + 1) % 100]);
	/* the first looks at all there is, whatever it is told */
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->last.visited, 100ULL);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->last.visited, 0ULL);
	KUNIT_EXPECT_EQ(test, gc->last.skipped, 100ULL);
	/* references that are only taken make no candidate */
	got = refslab_follow(a[7], 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->last.visited, 0ULL);
	/* one that is dropped does, and it reaches the whole ring */
	refslab_put(got);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->last.visited, 100ULL);
	KUNIT_EXPECT_EQ(test, gc->last.skipped, 0ULL);
	/* young scans take no note */
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 1), 0L);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->last.skipped, 100ULL);
	for (i = 0; i < 100; i++)
		refslab_put(a[i]);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 100L);
}

/* Every tenth looks at everything. */
static void scan_unfiltered(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;
	void *a = make(test, t->node);
	int i, all = 0;

	for (i = 0; i < 40; i++) {
		KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
		all += gc->last.visited;
	}
	KUNIT_EXPECT_EQ(test, all, 4);
	/* and whoever says so */
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2 | REFSLAB_COLLECT_ALL), 0L);
		KUNIT_EXPECT_EQ(test, gc->last.visited, 1ULL);
	}
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 3 | REFSLAB_COLLECT_ALL), -EINVAL);
	/* all of them when told so */
	WRITE_ONCE(gc->filter, false);
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
		KUNIT_EXPECT_EQ(test, gc->last.visited, 1ULL);
	}
	refslab_put(a);
}

static struct kunit_case scan_cases[] = {
	KUNIT_CASE(scan_pair),
	KUNIT_CASE(scan_self),
	KUNIT_CASE(scan_leaf),
	KUNIT_CASE(scan_acyclic),
	KUNIT_CASE(scan_large),
	KUNIT_CASE(scan_long_list),
	KUNIT_CASE(scan_old_garbage),
	KUNIT_CASE(scan_fixed),
	KUNIT_CASE(scan_leaves_no_marks),
	KUNIT_CASE(scan_random_graphs),
	KUNIT_CASE(scan_candidates),
	KUNIT_CASE(scan_unfiltered),
	{}
};

static struct kunit_suite scan_suite = {
	.name = "refslab-scan",
	.init = scan_init,
	.exit = scan_exit,
	.test_cases = scan_cases,
};

kunit_test_suite(scan_suite);
