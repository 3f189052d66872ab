// SPDX-License-Identifier: GPL-2.0
/*
 * Pools that CPUs own: who is served from which, when a pool changes hands, and that nothing lies
 * idle when there is no other memory. The test's thread goes from one CPU to the other.
 */
#include <linux/cpumask.h>

#include "mem_fixture.h"

#define SIZE		64
#define PER_POOL	(REFSLAB_POOL_SIZE / SIZE)

/* The two CPUs. */
static unsigned int cpus[2];

static int owner_init(struct kunit *test)
{
	cpus[0] = cpumask_first(cpu_online_mask);
	cpus[1] = cpumask_next(cpus[0], cpu_online_mask);
	if (cpus[1] >= nr_cpu_ids)
		kunit_skip(test, "there is one CPU");
	return mem_fixture_init(test);
}

static struct refslab_pool *owned(struct kunit *test, unsigned int nr, enum refslab_mem_kind kind)
{
	return per_cpu_ptr(mem_of(test)->cpu, cpus[nr])->own[kind][SIZE / REFSLAB_CLASS_STEP - 1];
}

static void *alloc_on(struct kunit *test, unsigned int nr, enum refslab_mem_kind kind)
{
	refslab_fixture_pin(test, cpus[nr]);
	return mem_alloc(test, kind, SIZE);
}

static void free_on(struct kunit *test, unsigned int nr, enum refslab_mem_kind kind, void *block)
{
	refslab_fixture_pin(test, cpus[nr]);
	mem_free(test, kind, SIZE, block);
}

/* Pool @pool is the CPU's, or (@nr below 0) nobody's. */
static void expect_owner(struct kunit *test, struct refslab_pool *pool, int nr)
{
	int i;

	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ_MSG(test, owned(test, i, pool->kind) == pool, i == nr, "CPU %d", i);
	KUNIT_EXPECT_EQ(test, !pool->own, nr < 0);
	MEM_EXPECT_SOUND(test);
}

/* In turns, so that without owners each pool would have blocks of both. */
static void owner_two_cpus(struct kunit *test)
{
	enum { NR = 3 * PER_POOL + 5 };
	void **blocks[2];
	unsigned int kind, nr, i, k, shared;

	for (nr = 0; nr < 2; nr++) {
		blocks[nr] = kunit_kcalloc(test, NR, sizeof(void *), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, blocks[nr]);
	}
	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		struct refslab_class *class =
			&mem_of(test)->classes[kind][SIZE / REFSLAB_CLASS_STEP - 1];

		for (i = 0; i < NR; i++) {
			for (nr = 0; nr < 2; nr++)
				blocks[nr][i] = alloc_on(test, nr, kind);
			KUNIT_EXPECT_LE(test, class->nr_used, 2);
			/* to the pool it came from, of which the other CPU gets no more for that */
			if (i % 7 == 3) {
				free_on(test, 1, kind, blocks[0][i]);
				blocks[1][i + 1] = alloc_on(test, 1, kind);
				blocks[0][i++] = alloc_on(test, 0, kind);
				blocks[0][i] = alloc_on(test, 0, kind);
			}
		}
		for (shared = i = 0; i < NR; i++)
			for (k = 0; k < NR; k++)
				shared += mem_pool(test, blocks[0][i]) ==
					  mem_pool(test, blocks[1][k]);
		KUNIT_EXPECT_EQ(test, shared, 0);
		/* both have pools that are full, and one that is not */
		KUNIT_EXPECT_EQ(test, class->nr_used, 2);
		KUNIT_EXPECT_EQ(test, class->nr_full, 6);
		MEM_EXPECT_SOUND(test);
		for (i = 0; i < NR; i++)
			for (nr = 0; nr < 2; nr++)
				free_on(test, !nr, kind, blocks[nr][i]);
	}
	KUNIT_EXPECT_EQ(test, mem_of(test)->nr_arenas, 0);
}

/* What has become nobody's is used before what is empty. */
static void owner_nobodys_first(struct kunit *test)
{
	void *blocks[2][PER_POOL + 1], *more;
	unsigned int nr, i;

	for (i = 0; i <= PER_POOL; i++)
		for (nr = 0; nr < 2; nr++)
			blocks[nr][i] = alloc_on(test, nr, REFSLAB_MEM_ATOM);
	free_on(test, 0, REFSLAB_MEM_ATOM, blocks[0][7]);
	expect_owner(test, mem_pool(test, blocks[0][7]), -1);
	/* a CPU's own comes before that */
	for (i = 1; i < PER_POOL; i++) {
		more = alloc_on(test, 1, REFSLAB_MEM_ATOM);
		KUNIT_ASSERT_PTR_EQ(test, mem_pool(test, more),
				    mem_pool(test, blocks[1][PER_POOL]));
	}
	KUNIT_EXPECT_PTR_EQ(test, alloc_on(test, 1, REFSLAB_MEM_ATOM), blocks[0][7]);
	/* and as the last block of it is gone, it is full */
	expect_owner(test, mem_pool(test, blocks[0][7]), -1);
	free_on(test, 1, REFSLAB_MEM_ATOM, blocks[0][7]);
	free_on(test, 1, REFSLAB_MEM_ATOM, blocks[0][8]);
	KUNIT_EXPECT_PTR_EQ(test, alloc_on(test, 1, REFSLAB_MEM_ATOM), blocks[0][8]);
	expect_owner(test, mem_pool(test, blocks[0][7]), 1);
	expect_owner(test, mem_pool(test, blocks[0][PER_POOL]), 0);
}

/* The other CPU's, to the last block; but it stays its. */
static void owner_out_of_memory(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_pool *pool;
	void *block;
	unsigned int i;

	block = alloc_on(test, 0, REFSLAB_MEM_ATOM);
	pool = mem_pool(test, block);
	for (i = 0; i < (REFSLAB_ARENA_POOLS - 1) * MEM_BIG_PER_POOL; i++)
		mem_alloc(test, REFSLAB_MEM_ATOM, MEM_BIG);
	KUNIT_ASSERT_EQ(test, mem->nr_empty, 0);
	refslab_mem_set_limit(mem, REFSLAB_ARENA_SIZE);
	for (i = 1; i < PER_POOL; i++) {
		expect_owner(test, pool, 0);
		KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, alloc_on(test, 1, REFSLAB_MEM_ATOM)),
				    pool);
	}
	expect_owner(test, pool, -1);
	KUNIT_EXPECT_NULL(test, refslab_mem_alloc(mem, REFSLAB_MEM_ATOM, SIZE, GFP_KERNEL));
	free_on(test, 0, REFSLAB_MEM_ATOM, block);
	KUNIT_EXPECT_PTR_EQ(test, alloc_on(test, 1, REFSLAB_MEM_ATOM), block);
}

static void owner_changes(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *keep = mem_alloc(test, REFSLAB_MEM_RAW, MEM_BIG);
	struct refslab_pool *pool;
	void *blocks[PER_POOL];
	unsigned int kind, i;

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		/* full */
		for (i = 0; i < PER_POOL; i++) {
			blocks[i] = alloc_on(test, 0, kind);
			pool = mem_pool(test, blocks[i]);
			expect_owner(test, pool, i + 1 == PER_POOL ? -1 : 0);
		}
		/* nobody's, then who comes first */
		free_on(test, 0, kind, blocks[0]);
		free_on(test, 0, kind, blocks[1]);
		expect_owner(test, pool, -1);
		KUNIT_EXPECT_PTR_EQ(test, alloc_on(test, 1, kind), blocks[1]);
		expect_owner(test, pool, 1);
		/* drained, by the other CPU: it leaves its class */
		for (i = 1; i < PER_POOL; i++)
			free_on(test, 0, kind, blocks[i]);
		KUNIT_EXPECT_EQ(test, pool->state, REFSLAB_POOL_EMPTY);
		KUNIT_EXPECT_NULL(test, owned(test, 1, kind));
		expect_owner(test, pool, -1);
		/* or it goes to limbo, and from there to who comes first */
		blocks[0] = alloc_on(test, 1, kind);
		KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, blocks[0]), pool);
		expect_owner(test, pool, 1);
		refslab_mem_hold(mem);
		free_on(test, 0, kind, blocks[0]);
		KUNIT_EXPECT_EQ(test, pool->state,
				kind == REFSLAB_MEM_RAW ? REFSLAB_POOL_EMPTY : REFSLAB_POOL_LIMBO);
		KUNIT_EXPECT_NULL(test, owned(test, 1, kind));
		KUNIT_EXPECT_NULL(test, pool->own);
		blocks[0] = alloc_on(test, 0, kind);
		KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, blocks[0]), pool);
		refslab_mem_release(mem);
		expect_owner(test, pool, 0);
		free_on(test, 1, kind, blocks[0]);
		expect_owner(test, pool, -1);
	}
	mem_free(test, REFSLAB_MEM_RAW, MEM_BIG, keep);
}

static struct kunit_case mem_owner_cases[] = {
	KUNIT_CASE(owner_two_cpus),
	KUNIT_CASE(owner_nobodys_first),
	KUNIT_CASE(owner_out_of_memory),
	KUNIT_CASE(owner_changes),
	{}
};

static struct kunit_suite mem_owner_suite = {
	.name = "refslab-mem-owner",
	.init = owner_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_owner_cases,
};

kunit_test_suite(mem_owner_suite);
