// SPDX-License-Identifier: GPL-2.0
/*
 * The checker of a memory's invariants: each kind of damage, alone, is found; and changes meanwhile
 * break nothing.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/string.h>

#include "mem_fixture.h"

static void expect_found(struct kunit *test, const char *what)
{
	struct mem_fixture *f = test->priv;

	f->why[0] = '\0';
	KUNIT_EXPECT_EQ_MSG(test, refslab_mem_check(&f->mem, 0, f->why, sizeof(f->why)), -EUCLEAN,
			    "%s", what);
	KUNIT_EXPECT_GT_MSG(test, strlen(f->why), 0, "%s", what);
}

#define EXPECT_FOUND(lvalue, wrong) do {			\
	typeof(lvalue) *__place = &(lvalue);			\
	typeof(lvalue) __right = *__place;			\
								\
	*__place = wrong;					\
	expect_found(test, #lvalue " = " #wrong);		\
	*__place = __right;					\
} while (0)

static void check_pools(struct kunit *test)
{
	void *blocks[4], *full, *empty;
	struct refslab_pool *pool;
	struct refslab_class *class;
	unsigned int i;

	for (i = 0; i < 8; i++)
		full = mem_alloc(test, REFSLAB_MEM_RAW, 512);
	for (i = 0; i < 4; i++)
		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 64);
	mem_free(test, REFSLAB_MEM_ATOM, 64, blocks[2]);
	mem_free(test, REFSLAB_MEM_ATOM, 64, blocks[1]);
	pool = mem_pool(test, blocks[0]);
	class = &mem_of(test)->classes[REFSLAB_MEM_ATOM][3];
	empty = &pool->arena->pools[10];
	MEM_EXPECT_SOUND(test);

	EXPECT_FOUND(pool->used, 1);
	EXPECT_FOUND(pool->used, 3);
	EXPECT_FOUND(pool->used, 0);
	EXPECT_FOUND(pool->carved, 3);
	EXPECT_FOUND(pool->carved, 5);
	EXPECT_FOUND(pool->carved, pool->capacity + 1);
	EXPECT_FOUND(pool->size, 48);
	EXPECT_FOUND(pool->size, 0);
	EXPECT_FOUND(pool->size, 1024);
	EXPECT_FOUND(pool->capacity, 63);
	EXPECT_FOUND(pool->recip, pool->recip + 1);
	EXPECT_FOUND(pool->kind, REFSLAB_MEM_CONTAINER);
	EXPECT_FOUND(pool->kind, REFSLAB_MEM_KINDS);
	EXPECT_FOUND(pool->state, REFSLAB_POOL_FULL);
	EXPECT_FOUND(pool->state, REFSLAB_POOL_LIMBO);
	EXPECT_FOUND(pool->state, REFSLAB_POOL_EMPTY);
	EXPECT_FOUND(pool->state, REFSLAB_POOL_LIMBO + 1);
	EXPECT_FOUND(pool->number, 5);
	EXPECT_FOUND(pool->arena, NULL);
	EXPECT_FOUND(pool->base, pool->base + 16);
	EXPECT_FOUND(mem_pool(test, full)->state, REFSLAB_POOL_USED);
	EXPECT_FOUND(((struct refslab_pool *)empty)->state, REFSLAB_POOL_USED);
	EXPECT_FOUND(((struct refslab_pool *)empty)->kind, REFSLAB_MEM_ATOM);

	/* The free list: 1, 2, end. */
	EXPECT_FOUND(pool->freeblock, NULL);
	EXPECT_FOUND(pool->freeblock, blocks[2]);
	EXPECT_FOUND(pool->freeblock, pool->base - 64);
	EXPECT_FOUND(pool->freeblock, pool->base + REFSLAB_POOL_SIZE);
	EXPECT_FOUND(pool->freeblock, blocks[1] + 16);
	EXPECT_FOUND(pool->freeblock, pool->base + 10 * 64);
	EXPECT_FOUND(*(void **)(blocks[2] + REFSLAB_MEM_LINK), blocks[1]);
	EXPECT_FOUND(*(void **)(blocks[2] + REFSLAB_MEM_LINK), blocks[2]);
	EXPECT_FOUND(*(void **)(blocks[1] + REFSLAB_MEM_LINK), NULL);

	/* The class. */
	EXPECT_FOUND(class->blocks, 3);
	EXPECT_FOUND(class->nr_used, 0);
	EXPECT_FOUND(class->nr_used, 2);
	EXPECT_FOUND(class->nr_full, 1);
	EXPECT_FOUND(class->nr_limbo, 1);
	list_move(&pool->node, &class->limbo);
	expect_found(test, "a used pool on the limbo list");
	list_move(&pool->node, &class[1].used);
	expect_found(test, "a pool on another class's list");
	list_del_init(&pool->node);
	expect_found(test, "a used pool on no list");
	list_add(&pool->node, &class->used);
}

static void check_owners(struct kunit *test)
{
	void *block = mem_alloc(test, REFSLAB_MEM_ATOM, MEM_BIG), *full;
	struct refslab_pool *nobodys, *pool, **own, **elsewhere;
	struct refslab_class *class;
	unsigned int i;

	for (i = 1; i <= MEM_BIG_PER_POOL; i++)
		pool = mem_pool(test, mem_alloc(test, REFSLAB_MEM_ATOM, MEM_BIG));
	for (i = 0; i < MEM_BIG_PER_POOL; i++)
		full = mem_alloc(test, REFSLAB_MEM_RAW, MEM_BIG);
	mem_free(test, REFSLAB_MEM_ATOM, MEM_BIG, block);
	nobodys = mem_pool(test, block);
	class = &mem_of(test)->classes[REFSLAB_MEM_ATOM][REFSLAB_NR_CLASSES - 1];
	own = &raw_cpu_ptr(mem_of(test)->cpu)->own[REFSLAB_MEM_ATOM][REFSLAB_NR_CLASSES - 1];
	elsewhere = own - 1;
	KUNIT_ASSERT_PTR_EQ(test, *own, pool);
	MEM_EXPECT_SOUND(test);

	EXPECT_FOUND(*own, NULL);
	EXPECT_FOUND(*own, nobodys);
	EXPECT_FOUND(*own, mem_pool(test, full));
	EXPECT_FOUND(*elsewhere, pool);
	EXPECT_FOUND(pool->own, NULL);
	EXPECT_FOUND(pool->own, elsewhere);
	EXPECT_FOUND(nobodys->own, own);
	EXPECT_FOUND(mem_pool(test, full)->own, own);
	EXPECT_FOUND(pool->arena->pools[20].own, own);
	list_move_tail(&nobodys->node, &class->used);
	expect_found(test, "a pool that is nobody's behind one that is owned");
	list_move(&nobodys->node, &class->used);
}

static void check_arenas(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void **blocks = mem_fill_arenas(test, 2);
	struct refslab_arena *full, *arena;

	mem_free_pools(test, blocks, 1, 3, 7);
	full = xa_load(&mem->arenas, 0);
	arena = xa_load(&mem->arenas, 1);
	MEM_EXPECT_SOUND(test);

	EXPECT_FOUND(arena->nr_free, 6);
	EXPECT_FOUND(arena->nr_free, 8);
	EXPECT_FOUND(arena->number, 0);
	EXPECT_FOUND(arena->base, arena->base + REFSLAB_POOL_SIZE);
	EXPECT_FOUND(arena->base, full->base);
	EXPECT_FOUND(mem->usable_map, 0);
	EXPECT_FOUND(mem->usable_map, mem->usable_map | 1);
	EXPECT_FOUND(mem->nr_arenas, 1);
	EXPECT_FOUND(mem->nr_empty, 6);
	EXPECT_FOUND(mem->arenas_made, 3);
	EXPECT_FOUND(mem->arenas_returned, 1);
	list_move(&arena->node, &mem->usable[8]);
	expect_found(test, "an arena in a wrong bucket");
	list_move(&arena->node, &mem->full);
	expect_found(test, "an arena with empty pools among the full ones");
	list_move(&arena->node, &mem->usable[7]);
	list_del_init(&full->node);
	expect_found(test, "a full arena on no list");
	list_add(&full->node, &mem->full);
	list_move(&arena->pools[3].node, &full->freepools);
	expect_found(test, "an empty pool on another arena's list");
	list_move(&arena->pools[3].node, &arena->freepools);
	list_move(&arena->pools[0].node, &arena->freepools);
	expect_found(test, "a full pool among the empty ones");
	list_del_init(&arena->pools[0].node);

	/* An arena without a pool in use is right as long as somebody holds it. */
	refslab_mem_hold(mem);
	mem_free_pools(test, blocks, 1, 0, 3);
	mem_free_pools(test, blocks, 1, 10, 54);
	MEM_EXPECT_SOUND(test);
	EXPECT_FOUND(mem->holds, 0);
	refslab_mem_release(mem);
}

static void check_sums(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *atom = mem_alloc(test, REFSLAB_MEM_ATOM, 600);
	void *limbo = mem_alloc(test, REFSLAB_MEM_ATOM, 700);
	void *raw = mem_alloc(test, REFSLAB_MEM_RAW, 800);
	struct refslab_pool *pool = mem_pool(test, atom);

	mem_alloc(test, REFSLAB_MEM_ATOM, 32);
	refslab_mem_hold(mem);
	mem_free(test, REFSLAB_MEM_ATOM, 700, limbo);
	MEM_EXPECT_SOUND(test);

	EXPECT_FOUND(pool->used, 0);
	EXPECT_FOUND(pool->state, REFSLAB_POOL_LIMBO);
	EXPECT_FOUND(pool->number, 7);
	EXPECT_FOUND(pool->capacity, 2);
	EXPECT_FOUND(pool->carved, 0);
	EXPECT_FOUND(pool->recip, 1);
	EXPECT_FOUND(pool->kind, REFSLAB_MEM_RAW);
	EXPECT_FOUND(pool->size, 6000);
	EXPECT_FOUND(((struct refslab_pool **)atom)[-1], mem_pool(test, limbo));
	list_del_init(&mem_pool(test, limbo)->node);
	expect_found(test, "a large block in limbo that is not on the list");
	list_add(&mem_pool(test, limbo)->node, &mem->limbo_larges);
	EXPECT_FOUND(mem->nr_large.counter, 0);
	EXPECT_FOUND(mem->large_bytes.counter, 600);
	EXPECT_FOUND(mem->returning.counter, 0);
	EXPECT_FOUND(mem->reserved.counter, mem->reserved.counter + 16);
	EXPECT_FOUND(mem->max_bytes, mem->reserved.counter - 1);
	refslab_mem_release(mem);
	mem_free(test, REFSLAB_MEM_RAW, 800, raw);
}

#define CHURN_BLOCKS	600
#define CHURN_TIME	(HZ / 2)

struct churn {
	struct refslab_mem *mem;
	unsigned int rounds;
	void *blocks[CHURN_BLOCKS];
};

/* Pools come, fill, drain and change their kind and size, arenas with them. */
static int churn_thread(void *arg)
{
	static const size_t sizes[] = { 48, 64, 496, 512, 600 };
	struct churn *churn = arg;
	unsigned int round, i;

	for (round = 0; !kthread_should_stop(); round++) {
		enum refslab_mem_kind kind = round % REFSLAB_MEM_KINDS;
		size_t size = sizes[round % ARRAY_SIZE(sizes)];

		for (i = 0; i < CHURN_BLOCKS; i++)
			churn->blocks[i] = refslab_mem_alloc(churn->mem, kind, size, GFP_KERNEL);
		for (i = 0; i < CHURN_BLOCKS; i++)
			if (churn->blocks[i])
				refslab_mem_free(churn->mem, kind, size, churn->blocks[i]);
		WRITE_ONCE(churn->rounds, round + 1);
		/* else the first things looked at never fit, and no others are */
		usleep_range(10, 100);
	}
	return round;
}

static void check_races_changes(struct kunit *test)
{
	struct churn *churn = kunit_kzalloc(test, sizeof(*churn), GFP_KERNEL);
	struct mem_fixture *f = test->priv;
	struct task_struct *task;
	unsigned int checks = 0;
	unsigned long end;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, churn);
	churn->mem = &f->mem;
	task = kthread_run(churn_thread, churn, "refslab-churn");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	end = jiffies + CHURN_TIME;
	/* until it ran, too, should its processor stand still */
	do {
		refslab_mem_hold(&f->mem);
		/* it may have seen things that do not fit each other */
		err = refslab_mem_check(&f->mem, 1, f->why, sizeof(f->why));
		refslab_mem_release(&f->mem);
		KUNIT_EXPECT_TRUE(test, !err || err == -EUCLEAN);
		checks++;
		cond_resched();
	} while (time_before(jiffies, end) || !READ_ONCE(churn->rounds));
	KUNIT_EXPECT_GT(test, kthread_stop(task), 0);
	KUNIT_EXPECT_GT(test, checks, 0);
	MEM_EXPECT_SOUND(test);
}

static struct kunit_case mem_check_cases[] = {
	KUNIT_CASE(check_pools),
	KUNIT_CASE(check_owners),
	KUNIT_CASE(check_arenas),
	KUNIT_CASE(check_sums),
	KUNIT_CASE(check_races_changes),
	{}
};

static struct kunit_suite mem_check_suite = {
	.name = "refslab-mem-check",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_check_cases,
};

kunit_test_suite(mem_check_suite);
