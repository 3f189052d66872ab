// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: where they lie, which one serves, when they go back, and the fallback to single pages.
 */
#include <linux/bitmap.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "mem_fixture.h"

#define ARENA_PAGES	(REFSLAB_ARENA_SIZE / PAGE_SIZE)

static DEFINE_SPINLOCK(some_lock);

static void arena_layout(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *block = mem_alloc(test, REFSLAB_MEM_ATOM, 32);
	struct refslab_arena *arena = mem_pool(test, block)->arena;
	unsigned int i;

	KUNIT_EXPECT_PTR_EQ(test, xa_load(&mem->arenas, 0), (void *)arena);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)arena->base, REFSLAB_ARENA_SIZE));
	KUNIT_EXPECT_NULL(test, arena->mapping);
	for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
		struct refslab_pool *pool = &arena->pools[i];

		KUNIT_EXPECT_PTR_EQ(test, pool->base, arena->base + i * REFSLAB_POOL_SIZE);
		KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, pool->base), pool);
	}
	KUNIT_EXPECT_EQ(test, arena->nr_free, REFSLAB_ARENA_POOLS - 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), REFSLAB_ARENA_SIZE);
	MEM_EXPECT_SOUND(test);

	mem_free(test, REFSLAB_MEM_ATOM, 32, block);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
}

/* A whole pool's worth of plain blocks; says which arena served. */
static unsigned int take_pool(struct kunit *test, void **blocks)
{
	unsigned int i;

	for (i = 0; i < MEM_BIG_PER_POOL; i++) {
		blocks[i] = mem_alloc(test, REFSLAB_MEM_RAW, MEM_BIG);
		KUNIT_ASSERT_PTR_EQ(test, mem_pool(test, blocks[i]), mem_pool(test, blocks[0]));
	}
	return mem_pool(test, blocks[0])->arena->number;
}

static void arena_fewest_first(struct kunit *test)
{
	/* Arena, and how many pools of it become empty; the order in which they then serve. */
	static const struct { unsigned int arena, empty; } order[] = { {1, 3}, {0, 10}, {2, 20} };
	void **blocks = mem_fill_arenas(test, 3);
	void *taken[MEM_BIG_PER_POOL];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		mem_free_pools(test, blocks, order[i].arena, 5, order[i].empty);
	MEM_EXPECT_SOUND(test);
	KUNIT_EXPECT_EQ(test, mem_of(test)->usable_map,
			BIT_ULL(3 - 1) | BIT_ULL(10 - 1) | BIT_ULL(20 - 1));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		for (n = 0; n < order[i].empty; n++)
			KUNIT_ASSERT_EQ_MSG(test, take_pool(test, taken), order[i].arena,
					    "pool %u of arena %u", n, order[i].arena);
	}
	KUNIT_EXPECT_EQ(test, mem_of(test)->usable_map, 0);
	KUNIT_EXPECT_EQ(test, take_pool(test, taken), 3);
	MEM_EXPECT_SOUND(test);
}

static void arena_drains(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void **blocks = mem_fill_arenas(test, 3);
	void *taken[MEM_BIG_PER_POOL];
	unsigned int round, i;

	mem_free_pools(test, blocks, 0, 0, 63);
	mem_free_pools(test, blocks, 1, 0, 9);
	mem_free_pools(test, blocks, 2, 0, 11);
	for (round = 0; round < 100; round++) {
		KUNIT_ASSERT_NE(test, take_pool(test, taken), 0);
		for (i = 0; i < MEM_BIG_PER_POOL; i++)
			mem_free(test, REFSLAB_MEM_RAW, MEM_BIG, taken[i]);
	}
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 3);
	KUNIT_EXPECT_EQ(test, mem->arenas_returned, 0);

	/* The last block of the nearly empty one, and it goes at once. */
	mem_free_pools(test, blocks, 0, 63, 1);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 2);
	KUNIT_EXPECT_EQ(test, mem->arenas_returned, 1);
	KUNIT_EXPECT_NULL(test, xa_load(&mem->arenas, 0));
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 2 * REFSLAB_ARENA_SIZE);
	MEM_EXPECT_SOUND(test);

	mem_free_pools(test, blocks, 1, 9, 55);
	mem_free_pools(test, blocks, 2, 11, 53);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_EQ(test, mem->arenas_made, 3);
	KUNIT_EXPECT_EQ(test, mem->arenas_returned, 3);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
}

static void arena_numbers(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *first, *block;
	u64 cursor = 0;

	block = mem_alloc(test, REFSLAB_MEM_ATOM, 32);
	KUNIT_EXPECT_EQ(test, mem_pool(test, block)->arena->number, 0);
	mem_free(test, REFSLAB_MEM_ATOM, 32, block);
	first = mem_alloc(test, REFSLAB_MEM_ATOM, 32);
	KUNIT_EXPECT_EQ(test, mem_pool(test, first)->arena->number, 1);
	mem_free(test, REFSLAB_MEM_ATOM, 32, first);

	/* After 2^32 others: the last number, then the first that is not in use. */
	mem->next_arena = 0;
	mem_fill_arenas(test, 2);
	mem->next_arena = U32_MAX;
	first = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	KUNIT_EXPECT_EQ(test, mem_pool(test, first)->arena->number, U32_MAX);
	while (mem->usable_map)
		mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	while (!mem->usable_map)
		block = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	KUNIT_EXPECT_EQ(test, mem_pool(test, block)->arena->number, 2);
	MEM_EXPECT_SOUND(test);

	/* A walk comes to the last number, and to an end after it. */
	refslab_mem_hold(mem);
	block = NULL;
	while (1) {
		struct refslab_pool *pool = refslab_mem_next_pool(mem, &cursor);

		if (!pool)
			break;
		block = pool;
	}
	KUNIT_EXPECT_NOT_NULL(test, block);
	if (block)
		KUNIT_EXPECT_EQ(test, ((struct refslab_pool *)block)->arena->number, U32_MAX);
	refslab_mem_release(mem);
}

/* Each page of the arena is seen through its window exactly once. */
static void expect_own_pages(struct kunit *test, const struct refslab_arena *arena)
{
	DECLARE_BITMAP(seen, ARENA_PAGES);
	unsigned int i, n;

	bitmap_zero(seen, ARENA_PAGES);
	for (i = 0; i < ARENA_PAGES; i++) {
		struct page *page = vmalloc_to_page(arena->base + i * PAGE_SIZE);

		for (n = 0; n < ARENA_PAGES && arena->pages[n] != page; n++)
			;
		KUNIT_ASSERT_LT_MSG(test, n, ARENA_PAGES, "page %u is not the arena's", i);
		KUNIT_ASSERT_FALSE_MSG(test, __test_and_set_bit(n, seen), "page %u is twice there",
				       n);
	}
}

static void arena_single_pages(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_arena *arena;
	unsigned long number;
	void **blocks;
	unsigned int i;
	void *other;

	mem->single_pages = true;
	blocks = mem_fill_arenas(test, 2);
	xa_for_each(&mem->arenas, number, arena) {
		KUNIT_ASSERT_NOT_NULL(test, arena->mapping);
		KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(arena->base));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)arena->base, REFSLAB_ARENA_SIZE));
		expect_own_pages(test, arena);
	}
	for (i = 0; i < 2 * MEM_BIG_PER_ARENA; i++) {
		struct refslab_pool *pool = mem_pool(test, blocks[i]);

		KUNIT_ASSERT_EQ(test, refslab_mem_index(pool, blocks[i]), i % MEM_BIG_PER_POOL);
		memset32(blocks[i], i, MEM_BIG / sizeof(u32));
	}
	for (i = 0; i < 2 * MEM_BIG_PER_ARENA; i++) {
		u32 *words = blocks[i];

		KUNIT_ASSERT_EQ(test, words[0], i);
		KUNIT_ASSERT_EQ(test, words[MEM_BIG / sizeof(u32) - 1], i);
	}
	/* Beside one in a piece. */
	mem->single_pages = false;
	other = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	KUNIT_EXPECT_NULL(test, mem_pool(test, other)->arena->mapping);
	KUNIT_EXPECT_EQ(test, mem_pool(test, other)->arena->number, 2);
	MEM_EXPECT_SOUND(test);

	mem_free_pools(test, blocks, 0, 0, REFSLAB_ARENA_POOLS);
	mem_free_pools(test, blocks, 1, 0, REFSLAB_ARENA_POOLS);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 1);
	refslab_mem_settle(mem);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), REFSLAB_ARENA_SIZE);
	KUNIT_EXPECT_TRUE(test, xa_empty(&mem->mapped));
}

/* Where sleeping is not allowed there is no mapping either: a clean failure. */
static void arena_single_pages_atomic(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *block, *raw;

	mem->single_pages = true;
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_ATOM, 32, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
	MEM_EXPECT_SOUND(test);

	/* What is there already can be had. */
	block = mem_alloc(test, REFSLAB_MEM_ATOM, 32);
	raw = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 32, GFP_NOWAIT);
	KUNIT_ASSERT_NOT_NULL(test, raw);
	/* And giving back is possible under a lock. */
	spin_lock(&some_lock);
	mem_free(test, REFSLAB_MEM_ATOM, 32, block);
	mem_free(test, REFSLAB_MEM_RAW, 32, raw);
	spin_unlock(&some_lock);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
}

/* The stock of arenas of a memory that is destroyed as it is, of both sorts. */
static void arena_destroy_in_use(struct kunit *test)
{
	mem_fill_arenas(test, 2);
	mem_of(test)->single_pages = true;
	mem_alloc(test, REFSLAB_MEM_CONTAINER, 32);
	mem_alloc(test, REFSLAB_MEM_ATOM, 100000);
	KUNIT_EXPECT_EQ(test, mem_of(test)->nr_arenas, 3);
}

static struct kunit_case mem_arena_cases[] = {
	KUNIT_CASE(arena_layout),
	KUNIT_CASE(arena_fewest_first),
	KUNIT_CASE(arena_drains),
	KUNIT_CASE(arena_numbers),
	KUNIT_CASE(arena_single_pages),
	KUNIT_CASE(arena_single_pages_atomic),
	KUNIT_CASE(arena_destroy_in_use),
	{}
};

static struct kunit_suite mem_arena_suite = {
	.name = "refslab-mem-arena",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_arena_cases,
};

kunit_test_suite(mem_arena_suite);
