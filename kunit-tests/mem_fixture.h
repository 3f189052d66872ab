/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of memory share: a memory per test, checked and destroyed after it.
 */
#ifndef _REFSLAB_MEM_FIXTURE_H
#define _REFSLAB_MEM_FIXTURE_H

#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "fixture.h"
#include "mem/mem.h"

/**
 * struct mem_fixture - test->priv
 * @mem: the memory under test
 * @cpu: its per-CPU parts
 * @why: what refslab_mem_check() said last
 * @retired: calls of mem->retire()
 * @retired_wrong: those of them with the memory held or a block allocated
 */
struct mem_fixture {
	struct refslab_mem mem;
	struct refslab_mem_cpu __percpu *cpu;
	char why[200];
	unsigned int retired;
	unsigned int retired_wrong;
};

/* Every invariant holds. */
#define MEM_EXPECT_SOUND(test) do {							\
	struct kunit *__test = (test);							\
	struct mem_fixture *__f = __test->priv;						\
	int __err = refslab_mem_check(&__f->mem, 0, __f->why, sizeof(__f->why));		\
											\
	KUNIT_EXPECT_EQ_MSG(__test, __err, 0, "%s", __f->why);				\
} while (0)

static inline struct refslab_mem *mem_of(struct kunit *test)
{
	return &((struct mem_fixture *)test->priv)->mem;
}

static inline void mem_fixture_retire(struct refslab_mem *mem, struct refslab_pool *pool)
{
	struct mem_fixture *f = container_of(mem, struct mem_fixture, mem);

	f->retired++;
	if (mem->holds || pool->used || pool->kind == REFSLAB_MEM_RAW)
		f->retired_wrong++;
}

/* The test stays on one CPU, whose pools serve it. */
static inline int mem_fixture_init(struct kunit *test)
{
	struct mem_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->cpu = alloc_percpu(struct refslab_mem_cpu);
	if (!f->cpu)
		return -ENOMEM;
	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	refslab_mem_init(&f->mem, f->cpu, 0);
	f->mem.retire = mem_fixture_retire;
	test->priv = f;
	return 0;
}

static inline void mem_fixture_exit(struct kunit *test)
{
	struct mem_fixture *f = test->priv;

	if (!f)
		return;
	/* What a failed test may have left. */
	atomic_set(&f->mem.fail_at, 0);
	while (f->mem.holds)
		refslab_mem_release(&f->mem);
	MEM_EXPECT_SOUND(test);
	KUNIT_EXPECT_EQ(test, f->retired_wrong, 0);
	refslab_mem_destroy(&f->mem);
	KUNIT_EXPECT_EQ(test, atomic64_read(&f->mem.reserved), 0);
	free_percpu(f->cpu);
	refslab_fixture_unpin(test);
}

static inline void *mem_alloc(struct kunit *test, enum refslab_mem_kind kind, size_t size)
{
	void *block = refslab_mem_alloc(mem_of(test), kind, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, block);
	return block;
}

static inline void mem_free(struct kunit *test, enum refslab_mem_kind kind, size_t size,
			    void *block)
{
	refslab_mem_free(mem_of(test), kind, size, block);
}

static inline struct refslab_pool *mem_pool(struct kunit *test, void *block)
{
	return refslab_mem_pool_of(mem_of(test), block);
}

/* All pools of arena 0 .. @nr - 1 full of atoms of 512 bytes, in the order of their addresses. */
#define MEM_BIG			512
#define MEM_BIG_PER_POOL	(REFSLAB_POOL_SIZE / MEM_BIG)
#define MEM_BIG_PER_ARENA	(REFSLAB_ARENA_POOLS * MEM_BIG_PER_POOL)

static inline void **mem_fill_arenas(struct kunit *test, unsigned int nr)
{
	void **blocks = kunit_kcalloc(test, nr * MEM_BIG_PER_ARENA, sizeof(*blocks), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, blocks);
	for (i = 0; i < nr * MEM_BIG_PER_ARENA; i++) {
		struct refslab_pool *pool;

		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, MEM_BIG);
		pool = mem_pool(test, blocks[i]);
		KUNIT_ASSERT_EQ(test, pool->arena->number, i / MEM_BIG_PER_ARENA);
		KUNIT_ASSERT_EQ(test, pool->number,
				i % MEM_BIG_PER_ARENA / MEM_BIG_PER_POOL);
	}
	KUNIT_ASSERT_EQ(test, mem_of(test)->nr_arenas, nr);
	return blocks;
}

/* Free the blocks of pools @first .. @first + @nr - 1 of an arena made by mem_fill_arenas(). */
static inline void mem_free_pools(struct kunit *test, void **blocks, unsigned int arena,
				  unsigned int first, unsigned int nr)
{
	void **block = &blocks[arena * MEM_BIG_PER_ARENA + first * MEM_BIG_PER_POOL];
	unsigned int i;

	for (i = 0; i < nr * MEM_BIG_PER_POOL; i++)
		mem_free(test, REFSLAB_MEM_ATOM, MEM_BIG, block[i]);
}

#endif /* _REFSLAB_MEM_FIXTURE_H */
