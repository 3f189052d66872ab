// SPDX-License-Identifier: GPL-2.0
/*
 * Generations: counts, thresholds, promotion, and automatic scans.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "../kmod/heap.h"
#include "../kmod/refslab.h"
#include "../kmod/types/types.h"
#include "fixture.h"

struct generation_test {
	struct refslab_heap *heap;
	struct refslab_type *node;
};

static int generation_init(struct kunit *test)
{
	static const struct refslab_type_ops node = { .name = "node", .nr_slots = 1 };
	const struct refslab_heap_params params = { .disabled = true };
	struct generation_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	t->heap = refslab_heap_new("generation", &params, true, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->heap);
	t->node = refslab_type_register(t->heap, &node);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->node);
	test->priv = t;
	return 0;
}

static void generation_exit(struct kunit *test)
{
	struct generation_test *t = test->priv;
	char why[160] = "";

	if (!t || IS_ERR_OR_NULL(t->heap))
		return;
	refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ(test, refslab_count(t->heap), 0ULL);
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(t->heap, why, sizeof(why)), 0, "%s", why);
	refslab_heap_destroy(t->heap);
}

static void make_garbage(struct kunit *test, int n)
{
	struct generation_test *t = test->priv;
	void *obj;

	while (n--) {
		obj = refslab_alloc(t->node, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
}

static void expect_counts(struct kunit *test, u32 c0, u32 c1, u32 c2)
{
	struct generation_test *t = test->priv;
	u32 count[3];

	refslab_generation_get_counts(&t->heap->gc, count);
	KUNIT_EXPECT_EQ(test, count[0], c0);
	KUNIT_EXPECT_EQ(test, count[1], c1);
	KUNIT_EXPECT_EQ(test, count[2], c2);
}

static void generation_counts(struct kunit *test)
{
	struct generation_test *t = test->priv;
	void *obj[10];
	int i;

	expect_counts(test, 0, 0, 0);
	for (i = 0; i < 10; i++)
		obj[i] = refslab_alloc(t->node, GFP_KERNEL);
	expect_counts(test, 10, 0, 0);
	for (i = 0; i < 4; i++)
		refslab_put(obj[i]);
	expect_counts(test, 6, 0, 0);
	refslab_collect(t->heap, 0);
	expect_counts(test, 0, 1, 0);
	refslab_collect(t->heap, 0);
	expect_counts(test, 0, 2, 0);
	refslab_collect(t->heap, 1);
	expect_counts(test, 0, 0, 1);
	refslab_collect(t->heap, 2);
	expect_counts(test, 0, 0, 0);
	/* freeing old objects does not go below 0, nor put off the next scan */
	for (i = 4; i < 10; i++)
		refslab_put(obj[i]);
	expect_counts(test, 0, 0, 0);
	obj[0] = refslab_alloc(t->node, GFP_KERNEL);
	expect_counts(test, 1, 0, 0);
	refslab_put(obj[0]);
}

static void generation_promotion(struct kunit *test)
{
	struct generation_test *t = test->priv;
	void *a = refslab_alloc(t->node, GFP_KERNEL), *b;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 0U);
	refslab_collect(t->heap, 0);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 1U);
	refslab_collect(t->heap, 0);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 1U);
	/* younger ones are merged in, and move with the rest */
	b = refslab_alloc(t->node, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	refslab_collect(t->heap, 1);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 2U);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(b), 2U);
	refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 2U);
	refslab_put(b);
	/* a block filled anew is young again */
	b = refslab_alloc(t->node, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(b), 0U);
	refslab_put(a);
	refslab_put(b);
}

static bool wait_for(u64 *value, u64 want)
{
	int i;

	for (i = 0; i < 1000 && READ_ONCE(*value) != want; i++)
		msleep(20);
	return READ_ONCE(*value) == want;
}

/* A scan starts when the count exceeds the threshold: with the 701st, not with the 700th. */
static void generation_threshold(struct kunit *test)
{
	struct generation_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;

	refslab_enable(t->heap);
	make_garbage(test, 700);
	msleep(50);
	KUNIT_EXPECT_EQ(test, READ_ONCE(gc->generation[0].collections), 0ULL);
	make_garbage(test, 1);
	KUNIT_EXPECT_TRUE(test, wait_for(&gc->generation[0].collections, 1));
	refslab_generation_stop(gc);
	/* it may have begun before the 701st, just made, was dropped */
	KUNIT_EXPECT_GE(test, gc->generation[0].collected, 700ULL);
	expect_counts(test, 0, 1, 0);
}

static void generation_disabled(struct kunit *test)
{
	const u32 off[3] = { 0, 10, 10 };
	struct generation_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;

	make_garbage(test, 2000);
	msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(gc->generation[0].collections), 0ULL);
	refslab_generation_set_thresholds(gc, off);
	refslab_enable(t->heap);
	make_garbage(test, 2000);
	msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(gc->generation[0].collections), 0ULL);
	expect_counts(test, 4000, 0, 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 4000L);
}

static u64 young_scans(struct refslab_gc *gc)
{
	return READ_ONCE(gc->generation[0].collections) + READ_ONCE(gc->generation[1].collections);
}

/* Every eleventh scan of 0 is one of 1, and full ones come when enough has grown old. */
static void generation_oldest(struct kunit *test)
{
	const u32 threshold[3] = { 10, 2, 1 };
	struct generation_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;
	struct refslab_fixture_worker worker;
	int i;

	refslab_generation_set_thresholds(gc, threshold);
	refslab_enable(t->heap);
	for (i = 0; i < 60; i++) {
		/* not before the last one was dropped: it would survive */
		refslab_fixture_worker_stop(test, &worker, t->heap);
		make_garbage(test, 11);
		refslab_fixture_worker_go(&worker);
		KUNIT_ASSERT_EQ(test, young_scans(gc), i + 1ULL);
	}
	refslab_generation_stop(gc);
	/* three scans of 0, then one of 1 */
	KUNIT_EXPECT_EQ(test, gc->generation[0].collections, 45ULL);
	KUNIT_EXPECT_EQ(test, gc->generation[1].collections, 15ULL);
	/* nothing grew old, so no full scan */
	KUNIT_EXPECT_EQ(test, gc->generation[2].collections, 0ULL);
}

/*
 * An automatic full scan waits until what came since exceeds a quarter of what survived the last.
 */
static void generation_quarter(struct kunit *test)
{
	struct generation_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;
	void *keep[130];
	int i;

	for (i = 0; i < 100; i++)
		keep[i] = refslab_alloc(t->node, GFP_KERNEL);
	refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ(test, gc->old_survivors, 100ULL);
	for (; i < 125; i++)
		keep[i] = refslab_alloc(t->node, GFP_KERNEL);
	refslab_collect(t->heap, 1);
	KUNIT_EXPECT_EQ(test, gc->old_pending, 25ULL);
	/* the count of 2 is far over its threshold now */
	WRITE_ONCE(gc->generation[2].count, 1000);
	WRITE_ONCE(gc->generation[1].count, 1000);
	WRITE_ONCE(gc->generation[0].threshold, 5);
	refslab_enable(t->heap);
	make_garbage(test, 6);
	KUNIT_EXPECT_TRUE(test, wait_for(&gc->generation[1].collections, 2));
	KUNIT_EXPECT_EQ(test, READ_ONCE(gc->generation[2].collections), 1ULL);
	refslab_disable(t->heap);
	for (; i < 130; i++)
		keep[i] = refslab_alloc(t->node, GFP_KERNEL);
	refslab_collect(t->heap, 1);
	/* and what was in flight while a scan passed */
	KUNIT_EXPECT_GE(test, gc->old_pending, 30ULL);
	WRITE_ONCE(gc->generation[2].count, 1000);
	refslab_enable(t->heap);
	make_garbage(test, 6);
	KUNIT_EXPECT_TRUE(test, wait_for(&gc->generation[2].collections, 2));
	refslab_disable(t->heap);
	while (i--)
		refslab_put(keep[i]);
}

/* An allocator without pause is made to help: garbage stays behind, also when the worker does. */
static void generation_outrun(struct kunit *test)
{
	struct generation_test *t = test->priv;
	u64 most = 0;
	int i;

	refslab_enable(t->heap);
	for (i = 0; i < 100; i++) {
		make_garbage(test, 1000);
		most = max(most, refslab_count(t->heap));
	}
	refslab_generation_stop(&t->heap->gc);
	KUNIT_EXPECT_LT(test, most, 60000ULL);
}

static int scan_all(void *arg)
{
	struct refslab_heap *heap = arg;

	while (!kthread_should_stop()) {
		refslab_collect(heap, 2);
		cond_resched();
	}
	return 0;
}

/*
 * Garbage is bounded however fast it is made, and however long scans take. Of what was made since a
 * scan began there is no more than MADE, of what a scan found neither; and this thread, the heap's
 * work and the thread that scans may each be destroying what they found.
 */
static void generation_bound(struct kunit *test)
{
	enum { ALIVE = 20000, SLACK = 2000, MADE = 8 * 700 + ALIVE / 4 + SLACK };
	struct generation_test *t = test->priv;
	struct refslab_gc *gc = &t->heap->gc;
	struct refslab_object *list = refslab_list_new(t->heap, GFP_KERNEL);
	s64 reserved, most_reserved = 0;
	struct task_struct *task;
	u64 most = 0;
	void *obj;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, list);
	for (i = 0; i < ALIVE; i++) {
		obj = refslab_alloc(t->node, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), 0);
		refslab_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 2), 0L);
	KUNIT_EXPECT_EQ(test, gc->old_survivors, (u64)ALIVE + 1);
	KUNIT_EXPECT_EQ(test, gc->max_trash, 0ULL);
	reserved = atomic64_read(&t->heap->objects.mem.reserved);
	/* full scans of everything, one after the other, and each takes its time on the list */
	gc->filter = false;
	WRITE_ONCE(refslab_scan_dawdles, true);
	refslab_enable(t->heap);
	task = kthread_run(scan_all, t->heap, "refslab-scan");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	for (i = 0; i < 700; i++) {
		make_garbage(test, 100);
		most = max(most, refslab_count(t->heap) - ALIVE - 1);
		most_reserved = max(most_reserved,
				    atomic64_read(&t->heap->objects.mem.reserved) - reserved);
	}
	WRITE_ONCE(refslab_scan_dawdles, false);
	kthread_stop(task);
	refslab_generation_stop(gc);
	kunit_info(test, "at most %llu of garbage, %llu found at one time, %lld bytes\n", most,
		   gc->max_trash, most_reserved);
	KUNIT_EXPECT_LT(test, most, 4ULL * MADE);
	KUNIT_EXPECT_GT(test, gc->max_trash, 0ULL);
	KUNIT_EXPECT_LT(test, gc->max_trash, 3ULL * MADE);
	/* nodes take 48 bytes; and a few arenas are in use for little */
	KUNIT_EXPECT_LT(test, most_reserved, 4LL * MADE * 48 + 4 * SZ_256K);
	refslab_put(list);
	refslab_collect(t->heap, 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&gc->trash), 0LL);
}

/* With a limit, memory runs out only when what is alive needs it. */
static void generation_limit(struct kunit *test)
{
	static const struct refslab_type_ops node = {
		.name = "node", .nr_slots = 1, .payload = 200,
	};
	const struct refslab_heap_params params = { .max_bytes = 512 * 1024, .disabled = true };
	struct refslab_heap *heap = refslab_heap_create("limit", &params);
	struct refslab_type *type;
	void *obj, *first = NULL;
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	type = refslab_type_register(heap, &node);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	/* twenty times the limit in garbage cycles */
	for (i = 0; i < 50000; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
	KUNIT_EXPECT_GT(test, heap->gc.generation[2].collections, 10ULL);
	/* now it stays alive, as a chain */
	for (i = 0; i < 50000; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		if (!obj)
			break;
		refslab_link(obj, 0, first);
		refslab_put(first);
		first = obj;
	}
	KUNIT_EXPECT_GT(test, i, 1500);
	KUNIT_EXPECT_LT(test, i, 2200);
	KUNIT_EXPECT_LE(test, atomic64_read(&heap->objects.mem.reserved), 512 * 1024LL);
	refslab_put(first);
	obj = refslab_alloc(type, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	refslab_put(obj);
	refslab_heap_destroy(heap);
}

/* A full heap with a long list in it: who may not collect, or need not, does not. */
static void generation_full_heap(struct kunit *test)
{
	static const struct refslab_type_ops node = { .name = "node", .nr_slots = 1 };
	const struct refslab_heap_params params = { .max_bytes = 1 << 20, .disabled = true };
	struct refslab_heap *heap = refslab_heap_new("full", &params, true, GFP_KERNEL);
	const gfp_t atomic = GFP_ATOMIC | __GFP_NOWARN;
	struct refslab_object *list;
	struct refslab_type *type;
	void *obj, *first = NULL;
	unsigned int flags;
	u32 n;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	type = refslab_type_register(heap, &node);
	list = refslab_list_new(heap, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	KUNIT_ASSERT_NOT_NULL(test, list);
	for (n = 0; n < 10000; n++)
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, list, GFP_KERNEL), 0);
	while ((obj = refslab_alloc(type, atomic))) {
		refslab_link(obj, 0, first);
		refslab_put(first);
		first = obj;
	}

	KUNIT_EXPECT_NULL(test, refslab_alloc(type, GFP_NOIO | __GFP_NOWARN));
	flags = memalloc_noio_save();
	KUNIT_EXPECT_NULL(test, refslab_alloc(type, GFP_KERNEL | __GFP_NOWARN));
	memalloc_noio_restore(flags);
	/* each element that is taken out makes the list try to give room back */
	while (n--)
		refslab_object_put(refslab_table_take(list, n));
	KUNIT_EXPECT_EQ(test, heap->gc.generation[2].collections, 0ULL);
	/* who may collect does, before he is refused */
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, list, atomic), 0);
	refslab_object_put(list);
	obj = refslab_alloc(type, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, heap->gc.generation[2].collections, 1ULL);
	KUNIT_EXPECT_EQ(test, heap->gc.generation[2].collected, 1ULL);
	refslab_put(obj);
	refslab_put(first);
	refslab_heap_destroy(heap);
}

static struct {
	struct refslab_type *type;
	void *made[10];
	unsigned int nr;
} spawn;

static void spawn_release(void *obj)
{
	if (spawn.nr < ARRAY_SIZE(spawn.made))
		spawn.made[spawn.nr++] = refslab_alloc(spawn.type, GFP_ATOMIC);
}

/* What is made while garbage is torn down counts, whatever is freed meanwhile. */
static void generation_made_meanwhile(struct kunit *test)
{
	static const struct refslab_type_ops spawner = {
		.name = "spawner", .nr_slots = 1, .release = spawn_release,
	};
	struct generation_test *t = test->priv;
	struct refslab_type *type = refslab_type_register(t->heap, &spawner);
	void *obj;
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	memset(&spawn, 0, sizeof(spawn));
	spawn.type = t->node;
	for (i = 0; i < 10; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_collect(t->heap, 0), 10L);
	expect_counts(test, 10, 1, 0);
	while (spawn.nr)
		refslab_put(spawn.made[--spawn.nr]);
	expect_counts(test, 0, 1, 0);
}

#define TURNS		20000
#define TURNING		(2 * HZ)	/* at most */

/**
 * struct switches - two threads that turn automatic scans on and off at once
 * @test:	the test
 * @nr:		how many threads there are
 * @arrived:	how often one of them has waited for the other
 * @end:	when to stop, in jiffies
 * @stop:	it is time
 * @bad:	turns after which scans were on, and nobody would have looked whether one is due
 */
struct switches {
	struct kunit *test;
	unsigned int nr;
	atomic_t arrived;
	unsigned long end;
	bool stop;
	unsigned int bad;
};

static void meet(struct switches *s, int times)
{
	atomic_inc(&s->arrived);
	while (atomic_read(&s->arrived) < times * s->nr) {
		cpu_relax();
		cond_resched();
	}
}

static bool somebody_looks(struct refslab_heap *heap)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (READ_ONCE(per_cpu_ptr(heap->objects.cpu, cpu)->young_limit) > 1000000)
			return false;
	return true;
}

static void turn(unsigned int nr, void *arg)
{
	struct switches *s = arg;
	struct generation_test *t = s->test->priv;
	int i;

	if (nr >= s->nr)
		return;
	for (i = 0; i < TURNS && !READ_ONCE(s->stop); i++) {
		meet(s, 2 * i + 1);
		refslab_generation_enable(&t->heap->gc, (i + nr) % 2);
		if (!nr && time_after(jiffies, s->end))
			WRITE_ONCE(s->stop, true);
		meet(s, 2 * i + 2);
		if (!nr && READ_ONCE(t->heap->gc.enabled) && !somebody_looks(t->heap))
			s->bad++;
	}
}

/* Whoever is last: when automatic scans are on, somebody looks whether one is due. */
static void generation_switched_at_once(struct kunit *test)
{
	struct switches s = {
		.test = test, .nr = min(num_online_cpus(), 2U), .end = jiffies + TURNING,
	};
	struct generation_test *t = test->priv;

	refslab_fixture_on_cpus(test, turn, &s);
	KUNIT_EXPECT_EQ(test, s.bad, 0U);
	refslab_disable(t->heap);
}

static struct kunit_case generation_cases[] = {
	KUNIT_CASE(generation_counts),
	KUNIT_CASE(generation_promotion),
	KUNIT_CASE(generation_threshold),
	KUNIT_CASE(generation_disabled),
	KUNIT_CASE(generation_oldest),
	KUNIT_CASE(generation_quarter),
	KUNIT_CASE(generation_outrun),
	KUNIT_CASE(generation_bound),
	KUNIT_CASE(generation_limit),
	KUNIT_CASE(generation_full_heap),
	KUNIT_CASE(generation_made_meanwhile),
	KUNIT_CASE(generation_switched_at_once),
	{}
};

static struct kunit_suite generation_suite = {
	.name = "refslab-generation",
	.init = generation_init,
	.exit = generation_exit,
	.test_cases = generation_cases,
};

kunit_test_suite(generation_suite);
