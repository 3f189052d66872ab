// SPDX-License-Identifier: GPL-2.0
/*
 * Per-type caches: the limit, whose a block is, and how the room is shared out.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "fixture.h"

static struct refslab_object **make_many(struct kunit *test, struct refslab_type *type, size_t n)
{
	struct refslab_object **objs = kunit_kcalloc(test, n, sizeof(*objs), GFP_KERNEL);
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < n; i++)
		objs[i] = refslab_fixture_object(test, type);
	return objs;
}

static u32 block_of(const struct refslab_type *type)
{
	return refslab_mem_size(type->kind, type->size);
}

static void put_many(struct refslab_object **objs, size_t n)
{
	while (n--)
		refslab_object_put(objs[n]);
}

static void one_cpu_may_use_all_of_the_limit(struct kunit *test)
{
	const u32 limits[] = { 0, 1, 5, 7, 8, 16, 17, 100, 1000 };
	struct refslab_object **objs;
	struct refslab_type *type;
	unsigned int i;
	char name[16];
	size_t n;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		scnprintf(name, sizeof(name), "limit%u", limits[i]);
		type = refslab_fixture_type(test, name, 2, 0, limits[i]);
		n = 2 * limits[i] + 10;
		objs = make_many(test, type, n);
		put_many(objs, n);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), limits[i]);
		KUNIT_EXPECT_EQ(test, atomic_read(&type->cache.spare), 0);
		KUNIT_EXPECT_EQ(test, refslab_fixture_freed(type), n);
	}
	refslab_fixture_check(test);
}

static void reuse_is_last_in_first_out(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "lifo", 2, 0, 20);
	struct refslab_object **objs, *obj;
	const int n = 20;
	int i;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	objs = make_many(test, type, n);
	for (i = 0; i < n; i++)
		refslab_object_put(objs[i]);
	KUNIT_EXPECT_EQ(test, refslab_cache_count(type), n);
	for (i = n - 1; i >= 0; i--) {
		obj = refslab_fixture_object(test, type);
		KUNIT_EXPECT_PTR_EQ(test, obj, objs[i]);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), i);
	}
	put_many(objs, n);
}

static bool among(struct refslab_object *obj, struct refslab_object **objs, size_t n)
{
	while (n--)
		if (objs[n] == obj)
			return true;
	return false;
}

static void a_type_never_serves_another(struct kunit *test)
{
	/* same size and kind, so that but for the cache they would share blocks */
	struct refslab_type *mine = refslab_fixture_type(test, "mine", 2, 0, 50);
	struct refslab_type *other = refslab_fixture_type(test, "other", 1, 8, 50);
	struct refslab_object **mines, **others;
	const size_t n = 50;
	size_t i, shared = 0;

	KUNIT_ASSERT_EQ(test, mine->size, other->size);
	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	mines = make_many(test, mine, n);
	put_many(mines, n);
	others = make_many(test, other, n);
	for (i = 0; i < n; i++)
		shared += among(others[i], mines, n);
	KUNIT_EXPECT_EQ(test, shared, 0);
	KUNIT_EXPECT_EQ(test, refslab_cache_count(mine), n);
	put_many(others, n);
	/* and each gets its own back */
	others = make_many(test, mine, n);
	for (i = 0; i < n; i++)
		shared += among(others[i], mines, n);
	KUNIT_EXPECT_EQ(test, shared, n);
	put_many(others, n);
}

static void hits_are_counted(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "hit", 0, 8, 10);
	struct refslab_object **objs;
	u64 cached, all, tracked;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	objs = make_many(test, type, 15);
	KUNIT_EXPECT_EQ(test, refslab_fixture_hits(type), 0);
	put_many(objs, 15);
	refslab_objects_count(refslab_fixture_objects(test), &all, &tracked, &cached);
	KUNIT_EXPECT_EQ(test, cached, 10 * block_of(type));
	objs = make_many(test, type, 15);
	KUNIT_EXPECT_EQ(test, refslab_fixture_hits(type), 10);
	put_many(objs, 15);
	KUNIT_EXPECT_EQ(test, refslab_fixture_freed(type), 30);
}

static void drain_gives_blocks_and_room_back(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "drained", 2, 0, 100);
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_mem_usage usage;
	struct refslab_object **objs;
	unsigned int cpu;

	/* whichever CPU had the room, the next one gets it */
	for_each_online_cpu(cpu) {
		refslab_fixture_pin(test, cpu);
		objs = make_many(test, type, 200);
		put_many(objs, 200);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), 100);
		refslab_cache_drain_all(objects);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&type->cache.spare), 100);
		refslab_mem_usage(&objects->mem, &usage);
		KUNIT_EXPECT_EQ(test, usage.bytes_allocated, 0);
		refslab_fixture_check(test);
	}
}

static void trim_returns_arenas(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "trimmed", 2, 0, 65536);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object **objs;
	struct refslab_stat stat;
	const size_t n = 65536;
	u64 arenas;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	objs = make_many(test, type, n);
	refslab_heap_stat(heap, &stat);
	arenas = stat.arenas;
	KUNIT_EXPECT_GE(test, arenas * REFSLAB_ARENA_SIZE, n * block_of(type));
	put_many(objs, n);
	refslab_heap_stat(heap, &stat);
	/* cached memory is not given back before somebody asks */
	KUNIT_EXPECT_EQ(test, stat.arenas, arenas);
	KUNIT_EXPECT_EQ(test, stat.bytes_cached, n * block_of(type));
	KUNIT_EXPECT_EQ(test, stat.bytes_used, 0);
	KUNIT_EXPECT_EQ(test, refslab_heap_trim(heap), arenas * REFSLAB_ARENA_SIZE);
	refslab_heap_stat(heap, &stat);
	KUNIT_EXPECT_EQ(test, stat.arenas, 0);
	KUNIT_EXPECT_EQ(test, stat.arenas_returned, stat.arenas_made);
	KUNIT_EXPECT_EQ(test, stat.bytes_reserved, 0);
	KUNIT_EXPECT_EQ(test, refslab_heap_trim(heap), 0);
}

#define CROWD_LIMIT	60
#define CROWD_HOLDS	80

struct crowd {
	struct refslab_type *type;
	atomic_t over;
	atomic_t failed;
	atomic_t most;
};

/* Makes and drops a number of objects that goes up and down, so that room is wanted everywhere. */
static void come_and_go(unsigned int nr, void *arg)
{
	struct refslab_object *objs[CROWD_HOLDS];
	struct crowd *crowd = arg;
	unsigned int round, i, n;
	u64 cached;

	for (round = 0; round < 3000; round++) {
		n = 1 + (round * 7 + nr * 13) % CROWD_HOLDS;
		for (i = 0; i < n; i++) {
			objs[i] = refslab_object_alloc(crowd->type, GFP_KERNEL);
			if (!objs[i]) {
				atomic_inc(&crowd->failed);
				break;
			}
		}
		while (i--)
			refslab_object_put(objs[i]);
		/* each CPU's part is within its room, which only grows: so is any sum of reads */
		cached = refslab_cache_count(crowd->type);
		if (cached > CROWD_LIMIT)
			atomic_inc(&crowd->over);
		if (cached > atomic_read(&crowd->most))
			atomic_set(&crowd->most, cached);
	}
}

static void all_cpus_together_keep_to_the_limit(struct kunit *test)
{
	struct crowd crowd = { .type = refslab_fixture_type(test, "crowd", 1, 0, CROWD_LIMIT) };
	u64 room = 0;
	int cpu;

	refslab_fixture_on_cpus(test, come_and_go, &crowd);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd.failed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd.over), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd.most), CROWD_LIMIT / 2);
	for_each_possible_cpu(cpu)
		room += per_cpu_ptr(crowd.type->cache.cpu, cpu)->cap;
	KUNIT_EXPECT_EQ(test, room + atomic_read(&crowd.type->cache.spare), CROWD_LIMIT);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

struct drains {
	struct crowd crowd;
	struct refslab_objects *objects;
};

static int drain_thread(void *arg)
{
	struct drains *drains = arg;

	while (!kthread_should_stop()) {
		refslab_cache_drain_all(drains->objects);
		refslab_cache_drain_async(drains->objects);
		usleep_range(50, 100);
	}
	return 0;
}

static void drains_beside_everything_lose_nothing(struct kunit *test)
{
	struct drains drains = { .objects = refslab_fixture_objects(test) };
	struct refslab_type *type = refslab_fixture_type(test, "crowd", 1, 0, CROWD_LIMIT);
	struct task_struct *task;

	drains.crowd.type = type;
	task = kthread_run(drain_thread, &drains, "refslab-drain");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	refslab_fixture_on_cpus(test, come_and_go, &drains.crowd);
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, atomic_read(&drains.crowd.failed), 0);
	refslab_cache_drain_all(drains.objects);
	KUNIT_EXPECT_EQ(test, refslab_cache_count(type), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&type->cache.spare), CROWD_LIMIT);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static u32 loose_of(struct refslab_type *type)
{
	u32 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += per_cpu_ptr(type->cache.cpu, cpu)->nr_loose;
	return n;
}

/* Blocks are taken and given back some at a time; who asks what is used does not see it. */
static void blocks_on_their_way_do_not_count(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "loose", 2, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	u32 most = 0, n, made = 0;
	struct refslab_object **objs;
	struct refslab_stat stat;

	objs = kunit_kcalloc(test, 300, sizeof(*objs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs);
	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (; made < 300; made++) {
		objs[made] = refslab_fixture_object(test, type);
		n = loose_of(type);
		most = max(most, n);
		if (made < 64)
			KUNIT_EXPECT_EQ(test, n, 0);
	}
	KUNIT_EXPECT_GT(test, most, 0);
	KUNIT_EXPECT_LT(test, most, REFSLAB_CACHE_LOOSE);
	refslab_heap_stat(heap, &stat);
	KUNIT_EXPECT_EQ(test, loose_of(type), 0);
	KUNIT_EXPECT_EQ(test, stat.objects, 300);
	KUNIT_EXPECT_EQ(test, stat.bytes_used, 300 * block_of(type));
	KUNIT_EXPECT_EQ(test, stat.bytes_cached, 0);
	KUNIT_EXPECT_EQ(test, stat.pools_used + stat.pools_full,
			DIV_ROUND_UP(300, REFSLAB_POOL_SIZE / block_of(type)));
	refslab_fixture_check_held(test, objs, 300);
	for (most = 0; made--;) {
		refslab_object_put(objs[made]);
		n = loose_of(type);
		most = max(most, n);
		if (made > 300 - 64)
			KUNIT_EXPECT_EQ(test, n, 0);
	}
	KUNIT_EXPECT_EQ(test, most, REFSLAB_CACHE_LOOSE - 1);
	KUNIT_EXPECT_GT(test, n, 0);
	refslab_heap_stat(heap, &stat);
	KUNIT_EXPECT_EQ(test, stat.bytes_used, 0);
	KUNIT_EXPECT_EQ(test, stat.arenas, 0);
}

/* Without a cache, too, a block that has just been freed is the next to be used. */
static void reuse_is_last_in_first_out_without_a_cache(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "lifo0", 2, 0, 0);
	struct refslab_object *a, *b, *c;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	a = refslab_fixture_object(test, type);
	b = refslab_fixture_object(test, type);
	/* keeps the pool */
	c = refslab_fixture_object(test, type);
	refslab_object_put(a);
	refslab_object_put(b);
	KUNIT_EXPECT_PTR_EQ(test, refslab_fixture_object(test, type), b);
	KUNIT_EXPECT_PTR_EQ(test, refslab_fixture_object(test, type), a);
	KUNIT_EXPECT_EQ(test, refslab_fixture_hits(type), 0);
	refslab_object_put(a);
	refslab_object_put(b);
	refslab_object_put(c);
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE(one_cpu_may_use_all_of_the_limit),
	KUNIT_CASE(reuse_is_last_in_first_out),
	KUNIT_CASE(reuse_is_last_in_first_out_without_a_cache),
	KUNIT_CASE(blocks_on_their_way_do_not_count),
	KUNIT_CASE(a_type_never_serves_another),
	KUNIT_CASE(hits_are_counted),
	KUNIT_CASE(drain_gives_blocks_and_room_back),
	KUNIT_CASE(trim_returns_arenas),
	KUNIT_CASE(all_cpus_together_keep_to_the_limit),
	KUNIT_CASE(drains_beside_everything_lose_nothing),
	{ }
};

static struct kunit_suite cache_suite = {
	.name = "refslab-cache",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = cache_cases,
};

kunit_test_suite(cache_suite);
