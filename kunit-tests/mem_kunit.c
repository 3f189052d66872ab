// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as a whole: the limit, every failure, long random runs, many threads.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>

#include "mem_fixture.h"

#define ARENA_PAGES	(REFSLAB_ARENA_SIZE / PAGE_SIZE)

static void mem_limit(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	unsigned int n = 0;
	void *raw;

	mem->max_bytes = 3 * REFSLAB_ARENA_SIZE + 10000;
	while (n < 4 * MEM_BIG_PER_ARENA &&
	       refslab_mem_alloc(mem, REFSLAB_MEM_ATOM, MEM_BIG, GFP_KERNEL))
		n++;
	KUNIT_EXPECT_EQ(test, n, 3 * MEM_BIG_PER_ARENA);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 3);
	MEM_EXPECT_SOUND(test);

	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 10001, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_ATOM, 10000, GFP_KERNEL));
	raw = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 10000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, raw);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), mem->max_bytes);
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 513, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 513, GFP_NOWAIT));
	MEM_EXPECT_SOUND(test);
	mem_free(test, REFSLAB_MEM_RAW, 10000, raw);
	raw = mem_alloc(test, REFSLAB_MEM_RAW, 513);
	mem_free(test, REFSLAB_MEM_RAW, 513, raw);

	/* A limit that is less than anything. */
	mem->max_bytes = 1;
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 513, GFP_KERNEL));
	mem->max_bytes = 0;
}

/* What waits to be unmapped counts, but is no reason to fail for those who can wait. */
static void mem_limit_waits(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	unsigned int i;
	void *block;

	mem->single_pages = true;
	mem->max_bytes = REFSLAB_ARENA_SIZE;
	for (i = 0; i < 100; i++) {
		block = mem_alloc(test, REFSLAB_MEM_ATOM, 32);
		mem_free(test, REFSLAB_MEM_ATOM, 32, block);
	}
	KUNIT_EXPECT_EQ(test, mem->arenas_made, 100);

	mem->max_bytes = 10UL << 20;
	for (i = 0; i < 10; i++) {
		block = mem_alloc(test, REFSLAB_MEM_RAW, 8UL << 20);
		mem_free(test, REFSLAB_MEM_RAW, 8UL << 20, block);
	}
}

/*
 * Let each attempt to get memory fail in turn until none is left. Says how many there were, and
 * how many of these failures failed the allocation.
 */
static unsigned int sweep(struct kunit *test, enum refslab_mem_kind kind, size_t size,
			  unsigned int *refused)
{
	struct refslab_mem *mem = mem_of(test);
	unsigned int nth, left;
	void *block;

	*refused = 0;
	for (nth = 1; nth < 1000; nth++) {
		atomic_set(&mem->fail_at, nth);
		block = refslab_mem_alloc(mem, kind, size, GFP_KERNEL);
		left = atomic_read(&mem->fail_at);
		atomic_set(&mem->fail_at, 0);
		MEM_EXPECT_SOUND(test);
		if (block)
			mem_free(test, kind, size, block);
		else
			++*refused;
		refslab_mem_settle(mem);
		KUNIT_ASSERT_EQ(test, atomic64_read(&mem->reserved), 0);
		KUNIT_ASSERT_TRUE(test, xa_empty(&mem->arenas));
		KUNIT_ASSERT_TRUE(test, xa_empty(&mem->mapped));
		KUNIT_ASSERT_TRUE(test, xa_empty(&mem->larges));
		if (left) {
			KUNIT_EXPECT_NOT_NULL(test, block);
			break;
		}
	}
	return nth - 1;
}

static void mem_failures(struct kunit *test)
{
	unsigned int refused;

	/* Charge, descriptor, its pages, pages, number. Both sorts of pages have a fallback. */
	KUNIT_EXPECT_EQ(test, sweep(test, REFSLAB_MEM_ATOM, 32, &refused), 5);
	KUNIT_EXPECT_EQ(test, refused, 3);
	/* Charge, descriptor, its pages, array, each page, mapping, address, number. */
	mem_of(test)->single_pages = true;
	KUNIT_EXPECT_EQ(test, sweep(test, REFSLAB_MEM_ATOM, 32, &refused), ARENA_PAGES + 7);
	KUNIT_EXPECT_EQ(test, refused, ARENA_PAGES + 6);
	/* Charge, memory. */
	KUNIT_EXPECT_EQ(test, sweep(test, REFSLAB_MEM_RAW, 10000, &refused), 2);
	KUNIT_EXPECT_EQ(test, refused, 2);
	/* Charge, descriptor, memory, number. */
	KUNIT_EXPECT_EQ(test, sweep(test, REFSLAB_MEM_CONTAINER, 10000, &refused), 4);
	KUNIT_EXPECT_EQ(test, refused, 4);
}

static unsigned long free_pages_now(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}

/* kmemleak sees what a failure forgets of kmalloc(), but no pages. */
static void mem_failures_give_pages_back(struct kunit *test)
{
	/* After the pages of an arena, or half of them, were taken. */
	static const struct { bool single_pages; unsigned int fail_at; } points[] = {
		{ false, 5 }, { true, 5 + ARENA_PAGES / 2 }, { true, 5 + ARENA_PAGES },
		{ true, 6 + ARENA_PAGES }, { true, 7 + ARENA_PAGES },
	};
	struct refslab_mem *mem = mem_of(test);
	unsigned int i, n;
	long before, lost;

	for (i = 0; i < ARRAY_SIZE(points); i++) {
		mem->single_pages = points[i].single_pages;
		before = free_pages_now();
		for (n = 0; n < 200; n++) {
			atomic_set(&mem->fail_at, points[i].fail_at);
			KUNIT_ASSERT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_ATOM, 32,
								  GFP_KERNEL));
			KUNIT_ASSERT_EQ(test, atomic_read(&mem->fail_at), 0);
		}
		lost = before - (long)free_pages_now();
		/* The rest of the system may take some meanwhile, but not that many. */
		KUNIT_EXPECT_LT_MSG(test, lost, (long)(100 * ARENA_PAGES / 2), "point %u", i);
	}
}

/* A block as the random tests keep it: its bytes behind the link are @fill. */
struct held_block {
	u8 *block;
	u32 size;
	u8 kind;
	u8 fill;
};

static size_t random_size(struct rnd_state *rnd)
{
	u32 dice = prandom_u32_state(rnd) % 1000;

	if (dice < 900)
		return 1 + prandom_u32_state(rnd) % REFSLAB_CLASS_MAX;
	if (dice < 999)
		return REFSLAB_CLASS_MAX + 1 + prandom_u32_state(rnd) % 20000;
	return (9UL << 19) + prandom_u32_state(rnd) % 20000;
}

/* Bytes of the block that are not @fill, but the tag. */
static u32 head_of(const struct held_block *b)
{
	return b->kind == REFSLAB_MEM_RAW ? 0 : min_t(u32, b->size, REFSLAB_MEM_STABLE);
}

/* Of an object, what its stable bytes say about the block it is in. */
static u64 tag_of(unsigned int kind, u32 block_size)
{
	return 0xabcd000000000000 | (u64)kind << 32 | block_size;
}

/* @size: 0 for any */
static bool block_make(struct refslab_mem *mem, struct held_block *b, struct rnd_state *rnd,
		       u32 size, gfp_t gfp)
{
	u32 head;

	b->kind = prandom_u32_state(rnd) % REFSLAB_MEM_KINDS;
	b->size = size ?: random_size(rnd);
	b->fill = prandom_u32_state(rnd);
	b->block = refslab_mem_alloc(mem, b->kind, b->size, gfp);
	if (!b->block)
		return false;
	head = head_of(b);
	memset(b->block + head, b->fill, b->size - head);
	if (head)
		WRITE_ONCE(*(u64 *)b->block, tag_of(b->kind, refslab_mem_size(b->kind, b->size)));
	return true;
}

/* Says whether nobody else wrote into the block. */
static bool block_end(struct refslab_mem *mem, struct held_block *b)
{
	u32 head = head_of(b);
	bool right = !memchr_inv(b->block + head, b->fill, b->size - head);

	if (head && READ_ONCE(*(u64 *)b->block) !=
	    tag_of(b->kind, refslab_mem_size(b->kind, b->size)))
		right = false;
	refslab_mem_free(mem, b->kind, b->size, b->block);
	b->block = NULL;
	return right;
}

#define RANDOM_BLOCKS	6000
#define RANDOM_STEPS	60000

static void mem_random(struct kunit *test)
{
	struct held_block *blocks = kunit_kcalloc(test, RANDOM_BLOCKS, sizeof(*blocks), GFP_KERNEL);
	struct refslab_mem *mem = mem_of(test);
	u64 seed = get_random_u64();
	unsigned int step, i;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, blocks);
	kunit_info(test, "seed %#llx\n", seed);
	prandom_seed_state(&rnd, seed);
	for (step = 1; step <= RANDOM_STEPS; step++) {
		/* Fill up and drain in turns, at last whole, so that arenas come and go. */
		bool fill = step / 10000 % 2 == 0;
		struct held_block *b = &blocks[prandom_u32_state(&rnd) % RANDOM_BLOCKS];

		if (!b->block && (fill || prandom_u32_state(&rnd) % 64 == 0))
			KUNIT_ASSERT_TRUE(test, block_make(mem, b, &rnd, 0, GFP_KERNEL));
		else if (b->block && (!fill || prandom_u32_state(&rnd) % 8 == 0))
			KUNIT_ASSERT_TRUE_MSG(test, block_end(mem, b), "step %u", step);
		if (prandom_u32_state(&rnd) % 500 == 0) {
			if (mem->holds && prandom_u32_state(&rnd) % 2)
				refslab_mem_release(mem);
			else if (mem->holds < 3)
				refslab_mem_hold(mem);
			mem->single_pages = prandom_u32_state(&rnd) % 4 == 0;
		}
		if (step % 1000 == 0)
			MEM_EXPECT_SOUND(test);
		if (step % 20000)
			continue;
		for (i = 0; i < RANDOM_BLOCKS; i++) {
			if (blocks[i].block)
				KUNIT_EXPECT_TRUE(test, block_end(mem, &blocks[i]));
		}
		MEM_EXPECT_SOUND(test);
	}
	while (mem->holds)
		refslab_mem_release(mem);
	refslab_mem_settle(mem);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
	KUNIT_EXPECT_GT(test, mem->arenas_made, 3);
}

#define THREADS		4
#define THREAD_BLOCKS	1000
#define THREAD_ROUNDS	12

struct worker {
	struct refslab_mem *mem;
	struct task_struct *task;
	struct completion done;
	struct held_block *blocks;
	u64 seed;
	unsigned long made;
	unsigned long refused;
	unsigned long damaged;
	unsigned long over_limit;
};

static int worker_run(void *arg)
{
	struct worker *w = arg;
	struct rnd_state rnd;
	unsigned int round, i;

	prandom_seed_state(&rnd, w->seed);
	for (round = 0; round < THREAD_ROUNDS; round++) {
		/* All, then none: pools and arenas come and go, the more so with large blocks. */
		u32 size = round % 2 ? REFSLAB_CLASS_MAX : 0;

		for (i = 0; i < THREAD_BLOCKS; i++) {
			gfp_t gfp = prandom_u32_state(&rnd) % 8 ? GFP_KERNEL : GFP_NOWAIT;

			if (block_make(w->mem, &w->blocks[i], &rnd, size, gfp | __GFP_NOWARN))
				w->made++;
			else
				w->refused++;
			if (atomic64_read(&w->mem->reserved) > w->mem->max_bytes)
				w->over_limit++;
			/* Some do not live long. */
			if (w->blocks[i].block && prandom_u32_state(&rnd) % 4 == 0 &&
			    !block_end(w->mem, &w->blocks[i]))
				w->damaged++;
			cond_resched();
		}
		for (i = 0; i < THREAD_BLOCKS; i++) {
			if (w->blocks[i].block && !block_end(w->mem, &w->blocks[i]))
				w->damaged++;
		}
		cond_resched();
	}
	complete(&w->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

struct walker {
	struct refslab_mem *mem;
	struct task_struct *task;
	unsigned long walks;
	unsigned long pools;
	unsigned long wrong;
};

/*
 * As the collector does: reads the first word of each block that was ever carved. It says what
 * pool it was written in, so a pool that changed its class or went away shows.
 */
static void walk_pool(struct walker *w, struct refslab_pool *pool)
{
	/* Pairs with the release when a block was carved and zeroed. */
	unsigned int carved = smp_load_acquire(&pool->carved);
	unsigned int i;

	if (carved > pool->capacity || pool->kind == REFSLAB_MEM_RAW)
		w->wrong++;
	for (i = 0; i < carved; i++) {
		void *block = refslab_mem_block(pool, i);
		u64 word = READ_ONCE(*(u64 *)block);

		if (word && word != tag_of(pool->kind, pool->size))
			w->wrong++;
		if (refslab_mem_pool_of(w->mem, block) != pool ||
		    refslab_mem_index(pool, block) != i)
			w->wrong++;
	}
}

static int walker_run(void *arg)
{
	struct walker *w = arg;
	struct refslab_pool *pool;
	u64 cursor, last;

	while (!kthread_should_stop()) {
		cursor = 0;
		refslab_mem_hold(w->mem);
		do {
			last = cursor;
			pool = refslab_mem_next_pool(w->mem, &cursor);
			if (cursor <= last)
				w->wrong++;
			if (pool) {
				walk_pool(w, pool);
				w->pools++;
			}
			cond_resched();
		} while (pool);
		refslab_mem_release(w->mem);
		w->walks++;
		WRITE_ONCE(w->mem->single_pages, w->walks % 4 == 0);
		/* The memory is not held all the time. */
		usleep_range(500, 2000);
	}
	return 0;
}

static void mem_threads(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct walker walkers[2] = {};
	struct worker *workers;
	unsigned int i;

	/* Tight enough to be in the way now and then. */
	mem->max_bytes = 40UL << 20;
	workers = kunit_kcalloc(test, THREADS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (i = 0; i < THREADS; i++) {
		workers[i].mem = mem;
		workers[i].seed = get_random_u64();
		init_completion(&workers[i].done);
		workers[i].blocks = kunit_kcalloc(test, THREAD_BLOCKS, sizeof(struct held_block),
						  GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, workers[i].blocks);
	}
	for (i = 0; i < THREADS; i++)
		workers[i].task = kthread_run(worker_run, &workers[i], "refslab_worker");
	for (i = 0; i < ARRAY_SIZE(walkers); i++) {
		walkers[i].mem = mem;
		walkers[i].task = kthread_run(walker_run, &walkers[i], "refslab_walker");
	}
	/* Before any assertion: they use what the test owns. */
	for (i = 0; i < THREADS; i++) {
		if (IS_ERR(workers[i].task))
			continue;
		wait_for_completion(&workers[i].done);
		kthread_stop(workers[i].task);
	}
	for (i = 0; i < ARRAY_SIZE(walkers); i++) {
		if (!IS_ERR(walkers[i].task))
			kthread_stop(walkers[i].task);
	}
	for (i = 0; i < THREADS; i++) {
		KUNIT_EXPECT_FALSE(test, IS_ERR(workers[i].task));
		KUNIT_EXPECT_EQ(test, workers[i].made + workers[i].refused,
				THREAD_ROUNDS * THREAD_BLOCKS);
		KUNIT_EXPECT_GT(test, workers[i].made, workers[i].refused);
		KUNIT_EXPECT_EQ(test, workers[i].damaged, 0);
		KUNIT_EXPECT_EQ(test, workers[i].over_limit, 0);
		kunit_info(test, "worker %u: %lu blocks made, %lu refused\n", i, workers[i].made,
			   workers[i].refused);
	}
	for (i = 0; i < ARRAY_SIZE(walkers); i++) {
		KUNIT_EXPECT_FALSE(test, IS_ERR(walkers[i].task));
		KUNIT_EXPECT_GT(test, walkers[i].pools, 0);
		KUNIT_EXPECT_EQ(test, walkers[i].wrong, 0);
		kunit_info(test, "walker %u: %lu walks, %lu pools\n", i, walkers[i].walks,
			   walkers[i].pools);
	}
	MEM_EXPECT_SOUND(test);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
	kunit_info(test, "%llu arenas made\n", mem->arenas_made);
}

static struct kunit_case mem_cases[] = {
	KUNIT_CASE(mem_limit),
	KUNIT_CASE(mem_limit_waits),
	KUNIT_CASE(mem_failures),
	KUNIT_CASE(mem_failures_give_pages_back),
	KUNIT_CASE(mem_random),
	KUNIT_CASE(mem_threads),
	{}
};

static struct kunit_suite mem_suite = {
	.name = "refslab-mem",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_cases,
};

kunit_test_suite(mem_suite);
