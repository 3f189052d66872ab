// SPDX-License-Identifier: GPL-2.0
/*
 * Large blocks: address, descriptor, what is charged, and what a hold keeps.
 */
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "mem_fixture.h"

/* Bytes in front of an object's block. */
#define HEAD		24
/* More than the page allocator has in one piece: certainly mapped. */
#define MAPPED		(8UL << 20)

static DEFINE_SPINLOCK(some_lock);

static void large_objects(struct kunit *test)
{
	static const size_t sizes[] = { 513, 528, 1000, 1024, 4072, 4096, 100000, 1 << 20, MAPPED };
	struct refslab_mem *mem = mem_of(test);
	unsigned int kind, i;

	for (kind = REFSLAB_MEM_ATOM; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			u8 *block = mem_alloc(test, kind, sizes[i]);
			struct refslab_pool *pool;

			KUNIT_ASSERT_EQ(test, (unsigned long)block % 16, 8);
			KUNIT_ASSERT_TRUE(test, refslab_mem_is_large(block));
			pool = mem_pool(test, block);
			KUNIT_EXPECT_PTR_EQ(test, pool->base, (void *)block);
			KUNIT_EXPECT_EQ(test, pool->size, sizes[i]);
			KUNIT_EXPECT_EQ(test, pool->capacity, 1);
			KUNIT_EXPECT_EQ(test, pool->carved, 1);
			KUNIT_EXPECT_EQ(test, pool->used, 1);
			KUNIT_EXPECT_EQ(test, pool->kind, kind);
			KUNIT_EXPECT_NULL(test, pool->arena);
			KUNIT_EXPECT_EQ(test, refslab_mem_index(pool, block), 0);
			KUNIT_EXPECT_PTR_EQ(test, refslab_mem_block(pool, 0), (void *)block);
			KUNIT_EXPECT_PTR_EQ(test, xa_load(&mem->larges, pool->number),
					    (void *)pool);
			KUNIT_EXPECT_NULL(test, memchr_inv(&pool->marks, 0, sizeof(pool->marks)));
			KUNIT_EXPECT_NULL(test, memchr_inv(block, 0, 32));
			KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), sizes[i] + HEAD);
			KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->nr_large), 1);
			/* All of it is there. */
			memset(block, 0xff, sizes[i]);
			KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, block), pool);
			MEM_EXPECT_SOUND(test);
			mem_free(test, kind, sizes[i], block);
			refslab_mem_settle(mem);
			KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
			KUNIT_EXPECT_TRUE(test, xa_empty(&mem->larges));
		}
	}
	KUNIT_EXPECT_EQ(test, ((struct mem_fixture *)test->priv)->retired,
			2 * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_EQ(test, mem->arenas_made, 0);
}

static void large_plain(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	u8 *block;

	block = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, 5000, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_NULL(test, memchr_inv(block, 0, 5000));
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 5000);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->large_bytes), 5000);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->nr_large), 1);
	KUNIT_EXPECT_TRUE(test, xa_empty(&mem->larges));
	MEM_EXPECT_SOUND(test);
	/* A hold keeps objects, not this. */
	refslab_mem_hold(mem);
	mem_free(test, REFSLAB_MEM_RAW, 5000, block);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
	refslab_mem_release(mem);
}

/* Mapped memory may be freed under a lock; it is counted until it is really gone. */
static void large_free_atomic(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *raw = mem_alloc(test, REFSLAB_MEM_RAW, MAPPED);
	void *object = mem_alloc(test, REFSLAB_MEM_ATOM, MAPPED);

	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(raw));
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(object));
	/* Keeps what is on its way on its way. */
	mutex_lock(&mem->unmap_lock);
	spin_lock(&some_lock);
	mem_free(test, REFSLAB_MEM_RAW, MAPPED, raw);
	mem_free(test, REFSLAB_MEM_ATOM, MAPPED, object);
	spin_unlock(&some_lock);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->nr_large), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->large_bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->returning), 2 * MAPPED + HEAD);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 2 * MAPPED + HEAD);
	mutex_unlock(&mem->unmap_lock);
	refslab_mem_settle(mem);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->returning), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
}

static void large_limbo(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct mem_fixture *f = test->priv;
	u64 *first = mem_alloc(test, REFSLAB_MEM_CONTAINER, 600), *second;
	struct refslab_pool *pool = mem_pool(test, first);

	first[0] = 77;
	refslab_mem_hold(mem);
	refslab_mem_hold(mem);
	mem_free(test, REFSLAB_MEM_CONTAINER, 600, first);
	KUNIT_EXPECT_EQ(test, first[0], 77);
	KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, first), pool);
	KUNIT_EXPECT_EQ(test, pool->state, REFSLAB_POOL_LIMBO);
	KUNIT_EXPECT_EQ(test, pool->used, 0);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&mem->larges, pool->number), (void *)pool);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->nr_large), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->large_bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 600 + HEAD);
	MEM_EXPECT_SOUND(test);

	/* It does not serve again. */
	second = mem_alloc(test, REFSLAB_MEM_CONTAINER, 600);
	KUNIT_EXPECT_PTR_NE(test, second, first);
	refslab_mem_release(mem);
	KUNIT_EXPECT_EQ(test, first[0], 77);
	KUNIT_EXPECT_EQ(test, f->retired, 0);
	refslab_mem_release(mem);
	KUNIT_EXPECT_EQ(test, f->retired, 1);
	KUNIT_EXPECT_NULL(test, xa_load(&mem->larges, 0));
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 600 + HEAD);
	MEM_EXPECT_SOUND(test);
	mem_free(test, REFSLAB_MEM_CONTAINER, 600, second);
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem->reserved), 0);
}

static void large_numbers(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *block = mem_alloc(test, REFSLAB_MEM_ATOM, 600);

	KUNIT_EXPECT_EQ(test, mem_pool(test, block)->number, 0);
	mem->next_large = U32_MAX;
	block = mem_alloc(test, REFSLAB_MEM_ATOM, 600);
	KUNIT_EXPECT_EQ(test, mem_pool(test, block)->number, U32_MAX);
	/* 0 is taken. */
	block = mem_alloc(test, REFSLAB_MEM_ATOM, 600);
	KUNIT_EXPECT_EQ(test, mem_pool(test, block)->number, 1);
	MEM_EXPECT_SOUND(test);
}

static void large_too_large(struct kunit *test)
{
	static const size_t sizes[] = { (size_t)INT_MAX + 1, 1UL << 32, SIZE_MAX - 8, SIZE_MAX };
	unsigned int kind, i;

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem_of(test), kind, sizes[i],
								  GFP_KERNEL));
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem_of(test)->reserved), 0);
}

/* A memory destroyed with objects in use, and in limbo. */
static void large_destroy(struct kunit *test)
{
	void *block = mem_alloc(test, REFSLAB_MEM_ATOM, 600);

	mem_alloc(test, REFSLAB_MEM_CONTAINER, MAPPED);
	mem_alloc(test, REFSLAB_MEM_CONTAINER, 2000);
	refslab_mem_hold(mem_of(test));
	mem_free(test, REFSLAB_MEM_ATOM, 600, block);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem_of(test)->nr_large), 2);
	/* What a release would do, but for the sweep. */
	mem_of(test)->holds = 0;
	refslab_mem_destroy(mem_of(test));
	KUNIT_EXPECT_EQ(test, atomic64_read(&mem_of(test)->reserved), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem_of(test)->nr_large), 0);
	refslab_mem_init(mem_of(test), mem_of(test)->cpu, 0);
}

static struct kunit_case mem_large_cases[] = {
	KUNIT_CASE(large_objects),
	KUNIT_CASE(large_plain),
	KUNIT_CASE(large_free_atomic),
	KUNIT_CASE(large_limbo),
	KUNIT_CASE(large_numbers),
	KUNIT_CASE(large_too_large),
	KUNIT_CASE(large_destroy),
	{}
};

static struct kunit_suite mem_large_suite = {
	.name = "refslab-mem-large",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_large_cases,
};

kunit_test_suite(mem_large_suite);
