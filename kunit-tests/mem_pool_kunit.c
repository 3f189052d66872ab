// SPDX-License-Identifier: GPL-2.0
/*
 * Pools and blocks: sizes, states, what is touched when, and what a hold keeps in place.
 */
#include <linux/bitmap.h>
#include <linux/string.h>

#include "mem_fixture.h"

static const char *const kind_names[] = { "raw", "atom", "container" };

static struct refslab_class *class_of(struct kunit *test, const struct refslab_pool *pool)
{
	return &mem_of(test)->classes[pool->kind][pool->size / REFSLAB_CLASS_STEP - 1];
}

static bool on_list(const struct refslab_pool *pool, const struct list_head *list)
{
	const struct list_head *node;

	list_for_each(node, list) {
		if (node == &pool->node)
			return true;
	}
	return false;
}

/* The pool's state, and with it the list it is on: that one and no other. */
static void expect_state(struct kunit *test, struct refslab_pool *pool, unsigned int state)
{
	KUNIT_EXPECT_EQ(test, pool->state, state);
	KUNIT_EXPECT_EQ(test, on_list(pool, &pool->arena->freepools), state == REFSLAB_POOL_EMPTY);
	if (state != REFSLAB_POOL_EMPTY) {
		struct refslab_class *class = class_of(test, pool);

		KUNIT_EXPECT_EQ(test, on_list(pool, &class->used), state == REFSLAB_POOL_USED);
		KUNIT_EXPECT_EQ(test, on_list(pool, &class->limbo), state == REFSLAB_POOL_LIMBO);
	}
	KUNIT_EXPECT_EQ(test, list_empty(&pool->node), state == REFSLAB_POOL_FULL);
	MEM_EXPECT_SOUND(test);
}

static void pool_sizes(struct kunit *test)
{
	unsigned int kind, size;

	KUNIT_EXPECT_EQ(test, mem_pool(test, mem_alloc(test, REFSLAB_MEM_CONTAINER, 42))->size, 48);
	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		unsigned int least = kind == REFSLAB_MEM_RAW ? 16 : 32;

		for (size = 0; size <= REFSLAB_CLASS_MAX; size++) {
			void *block = mem_alloc(test, kind, size);
			unsigned int expected = max(least, (size + 15) / 16 * 16);

			KUNIT_ASSERT_EQ_MSG(test, mem_pool(test, block)->size, expected,
					    "%s of %u bytes", kind_names[kind], size);
			KUNIT_ASSERT_EQ(test, refslab_mem_size(kind, size), expected);
			KUNIT_ASSERT_EQ(test, mem_pool(test, block)->kind, kind);
			KUNIT_ASSERT_FALSE(test, refslab_mem_is_large(block));
			mem_free(test, kind, size, block);
		}
	}
	KUNIT_EXPECT_EQ(test, refslab_mem_size(REFSLAB_MEM_ATOM, 513), 513);
}

static void fill_one_pool(struct kunit *test, unsigned int kind, unsigned int size, void **blocks)
{
	unsigned int capacity = REFSLAB_POOL_SIZE / size;
	DECLARE_BITMAP(seen, 256);
	unsigned int i;

	bitmap_zero(seen, 256);
	for (i = 0; i < capacity; i++) {
		unsigned long address;
		struct refslab_pool *pool;
		unsigned int index;

		blocks[i] = mem_alloc(test, kind, size);
		address = (unsigned long)blocks[i];
		pool = mem_pool(test, blocks[i]);
		KUNIT_ASSERT_PTR_EQ(test, pool, mem_pool(test, blocks[0]));
		KUNIT_ASSERT_EQ(test, pool->capacity, capacity);
		KUNIT_ASSERT_EQ(test, pool->state == REFSLAB_POOL_FULL, i + 1 == capacity);
		KUNIT_ASSERT_TRUE(test, IS_ALIGNED(address, 16));
		index = refslab_mem_index(pool, blocks[i]);
		KUNIT_ASSERT_LT(test, index, capacity);
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(index, seen));
		KUNIT_ASSERT_PTR_EQ(test, refslab_mem_block(pool, index), blocks[i]);
		KUNIT_ASSERT_GE(test, address, (unsigned long)pool->base);
		KUNIT_ASSERT_LE(test, address + size,
				(unsigned long)pool->base + REFSLAB_POOL_SIZE);
	}
}

/* A pool of each class, block by block. */
static void pool_classes(struct kunit *test)
{
	void *keep = mem_alloc(test, REFSLAB_MEM_RAW, 496);
	void **blocks = kunit_kcalloc(test, 256, sizeof(*blocks), GFP_KERNEL);
	unsigned int kind, size, i, classes = 0;

	KUNIT_ASSERT_NOT_NULL(test, blocks);
	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		size = kind == REFSLAB_MEM_RAW ? 16 : 32;
		for (; size <= REFSLAB_CLASS_MAX; size += 16) {
			struct refslab_pool *pool;

			/* That pool is there already. */
			if (kind == REFSLAB_MEM_RAW && size == 496)
				continue;
			fill_one_pool(test, kind, size, blocks);
			pool = mem_pool(test, blocks[0]);
			expect_state(test, pool, REFSLAB_POOL_FULL);
			KUNIT_ASSERT_EQ(test, class_of(test, pool)->blocks, pool->capacity);
			for (i = 0; i < pool->capacity; i++)
				mem_free(test, kind, size, blocks[i]);
			expect_state(test, pool, REFSLAB_POOL_EMPTY);
			classes++;
		}
	}
	KUNIT_EXPECT_EQ(test, classes, 32 - 1 + 31 + 31);
	mem_free(test, REFSLAB_MEM_RAW, 496, keep);
}

static void pool_states(struct kunit *test)
{
	void *keep = mem_alloc(test, REFSLAB_MEM_RAW, 64);
	struct refslab_pool *pool;
	void *blocks[8], *extra;
	unsigned int i;

	for (i = 0; i < 7; i++) {
		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
		expect_state(test, mem_pool(test, blocks[i]), REFSLAB_POOL_USED);
	}
	pool = mem_pool(test, blocks[0]);
	blocks[7] = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	expect_state(test, pool, REFSLAB_POOL_FULL);
	/* A full pool serves nobody. */
	extra = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	KUNIT_EXPECT_PTR_NE(test, mem_pool(test, extra), pool);
	mem_free(test, REFSLAB_MEM_ATOM, 512, extra);
	mem_free(test, REFSLAB_MEM_ATOM, 512, blocks[3]);
	expect_state(test, pool, REFSLAB_POOL_USED);
	KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, REFSLAB_MEM_ATOM, 512), blocks[3]);
	expect_state(test, pool, REFSLAB_POOL_FULL);
	for (i = 0; i < 8; i++)
		mem_free(test, REFSLAB_MEM_ATOM, 512, blocks[i]);
	expect_state(test, pool, REFSLAB_POOL_EMPTY);
	KUNIT_EXPECT_EQ(test, pool->kind, REFSLAB_MEM_RAW);

	/* Ready for any class, and the one that became empty last is taken first. */
	extra = mem_alloc(test, REFSLAB_MEM_CONTAINER, 32);
	KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, extra), pool);
	KUNIT_EXPECT_EQ(test, pool->capacity, 128);
	KUNIT_EXPECT_EQ(test, pool->carved, 1);
	mem_free(test, REFSLAB_MEM_CONTAINER, 32, extra);
	mem_free(test, REFSLAB_MEM_RAW, 64, keep);
}

static void pool_lifo(struct kunit *test)
{
	unsigned int kind, i;
	void *blocks[5];

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < 5; i++)
			blocks[i] = mem_alloc(test, kind, 64);
		for (i = 0; i < 4; i++)
			mem_free(test, kind, 64, blocks[i]);
		while (i--)
			KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, kind, 64), blocks[i]);
	}
}

/* The pool that got a block back last serves first. */
static void pool_used_order(struct kunit *test)
{
	void *blocks[16];
	unsigned int i;

	for (i = 0; i < 16; i++)
		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	KUNIT_ASSERT_PTR_NE(test, mem_pool(test, blocks[0]), mem_pool(test, blocks[8]));
	mem_free(test, REFSLAB_MEM_ATOM, 512, blocks[2]);
	mem_free(test, REFSLAB_MEM_ATOM, 512, blocks[11]);
	MEM_EXPECT_SOUND(test);
	KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, REFSLAB_MEM_ATOM, 512), blocks[11]);
	KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, REFSLAB_MEM_ATOM, 512), blocks[2]);
}

/* Some blocks at once: of one pool, and never a pool more than the first block needs. */
static void pool_batches(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	const unsigned int size = 48, capacity = REFSLAB_POOL_SIZE / size;
	struct refslab_pool *pool = NULL;
	unsigned int n, used = 0;
	void *list, *all = NULL, *next;

	while (used < capacity) {
		n = refslab_mem_alloc_batch(mem, REFSLAB_MEM_CONTAINER, size, 16, GFP_KERNEL,
					    &list);
		KUNIT_ASSERT_EQ(test, n, min(16U, capacity - used));
		used += n;
		for (; list; list = next, n--) {
			next = *refslab_mem_link(REFSLAB_MEM_CONTAINER, list);
			pool = pool ?: mem_pool(test, list);
			KUNIT_ASSERT_PTR_EQ(test, mem_pool(test, list), pool);
			KUNIT_EXPECT_NULL(test, memchr_inv(list, 0, REFSLAB_MEM_STABLE));
			*refslab_mem_link(REFSLAB_MEM_CONTAINER, list) = all;
			all = list;
		}
		KUNIT_EXPECT_EQ(test, n, 0);
		KUNIT_EXPECT_EQ(test, pool->used, used);
		MEM_EXPECT_SOUND(test);
	}
	expect_state(test, pool, REFSLAB_POOL_FULL);
	/* free ones before untouched ones, and no more than there are */
	next = *refslab_mem_link(REFSLAB_MEM_CONTAINER, all);
	list = *refslab_mem_link(REFSLAB_MEM_CONTAINER, next);
	*refslab_mem_link(REFSLAB_MEM_CONTAINER, next) = NULL;
	refslab_mem_free_batch(mem, REFSLAB_MEM_CONTAINER, size, all);
	all = list;
	expect_state(test, pool, REFSLAB_POOL_USED);
	n = refslab_mem_alloc_batch(mem, REFSLAB_MEM_CONTAINER, size, 16, GFP_KERNEL, &list);
	KUNIT_EXPECT_EQ(test, n, 2);
	refslab_mem_free_batch(mem, REFSLAB_MEM_CONTAINER, size, list);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 1);
	/* the last ones take the arena along */
	refslab_mem_free_batch(mem, REFSLAB_MEM_CONTAINER, size, all);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	atomic_set(&mem->fail_at, 1);
	KUNIT_EXPECT_EQ(test, refslab_mem_alloc_batch(mem, REFSLAB_MEM_CONTAINER, size, 16,
						      GFP_KERNEL, &list), 0);
	KUNIT_EXPECT_NULL(test, list);
}

/* Memory is not touched before it is needed, and then no more of it than that. */
static void pool_untouched(struct kunit *test)
{
	unsigned int kind;

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		u8 *first = mem_alloc(test, kind, 64), *second;
		struct refslab_pool *pool = mem_pool(test, first);
		/* of plain memory, the link of a list of one */
		unsigned int zeroed = kind == REFSLAB_MEM_RAW ? sizeof(void *) : 32;

		KUNIT_ASSERT_PTR_EQ(test, pool->base, (void *)first);
		KUNIT_EXPECT_EQ(test, pool->carved, 1);
		memset(first, 0xa5, REFSLAB_POOL_SIZE);
		second = mem_alloc(test, kind, 64);
		KUNIT_EXPECT_PTR_EQ(test, second, first + 64);
		KUNIT_EXPECT_EQ(test, pool->carved, 2);
		KUNIT_EXPECT_NULL(test, memchr_inv(first, 0xa5, 64));
		KUNIT_EXPECT_NULL(test, memchr_inv(second, 0, zeroed));
		KUNIT_EXPECT_NULL(test, memchr_inv(second + zeroed, 0xa5,
						   REFSLAB_POOL_SIZE - 64 - zeroed));
		/* A free block comes before an untouched one. */
		mem_free(test, kind, 64, first);
		KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, kind, 64), (void *)first);
		KUNIT_EXPECT_EQ(test, pool->carved, 2);
		KUNIT_EXPECT_NULL(test, memchr_inv(second + 64, 0xa5, REFSLAB_POOL_SIZE - 128));
		mem_free(test, kind, 64, second);
		mem_free(test, kind, 64, first);
	}
}

/* The first bytes of an object outlive it. */
static void pool_stable_bytes(struct kunit *test)
{
	void *keep = mem_alloc(test, REFSLAB_MEM_CONTAINER, 32);
	unsigned int i;
	u8 *blocks[20];

	for (i = 0; i < 20; i++) {
		blocks[i] = mem_alloc(test, REFSLAB_MEM_CONTAINER, 32);
		memset(blocks[i], i + 1, 32);
	}
	for (i = 0; i < 20; i++)
		mem_free(test, REFSLAB_MEM_CONTAINER, 32, blocks[i]);
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(blocks[i], i + 1, REFSLAB_MEM_STABLE));
	for (i = 20; i--;) {
		KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, REFSLAB_MEM_CONTAINER, 32),
				    (void *)blocks[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(blocks[i], i + 1, REFSLAB_MEM_STABLE));
	}
	mem_free(test, REFSLAB_MEM_CONTAINER, 32, keep);
}

static void pool_zero_flag(struct kunit *test)
{
	u8 *block = mem_alloc(test, REFSLAB_MEM_RAW, 80);

	memset(block, 0xff, 80);
	mem_alloc(test, REFSLAB_MEM_RAW, 80);
	mem_free(test, REFSLAB_MEM_RAW, 80, block);
	KUNIT_EXPECT_PTR_EQ(test, (u8 *)refslab_mem_alloc(mem_of(test), REFSLAB_MEM_RAW, 75,
							  GFP_KERNEL | __GFP_ZERO), block);
	KUNIT_EXPECT_NULL(test, memchr_inv(block, 0, 75));

	/* But an object's stable bytes are not this flag's. */
	block = mem_alloc(test, REFSLAB_MEM_ATOM, 80);
	mem_alloc(test, REFSLAB_MEM_ATOM, 80);
	memset(block, 0xff, 80);
	mem_free(test, REFSLAB_MEM_ATOM, 80, block);
	KUNIT_EXPECT_PTR_EQ(test, (u8 *)refslab_mem_alloc(mem_of(test), REFSLAB_MEM_ATOM, 80,
							  GFP_KERNEL | __GFP_ZERO), block);
	KUNIT_EXPECT_NULL(test, memchr_inv(block, 0xff, REFSLAB_MEM_STABLE));
}

/* Side data is clean when a class gets the pool, and stays as long as it has it. */
static void pool_marks(struct kunit *test)
{
	void *keep = mem_alloc(test, REFSLAB_MEM_RAW, 64);
	void *block = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	struct refslab_pool *pool = mem_pool(test, block);

	KUNIT_EXPECT_NULL(test, memchr_inv(&pool->marks, 0, sizeof(pool->marks)));
	memset(&pool->marks, 0x5a, sizeof(pool->marks));
	refslab_mem_hold(mem_of(test));
	mem_free(test, REFSLAB_MEM_CONTAINER, 48, block);
	block = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, block), pool);
	KUNIT_EXPECT_NULL(test, memchr_inv(&pool->marks, 0x5a, sizeof(pool->marks)));
	refslab_mem_release(mem_of(test));
	mem_free(test, REFSLAB_MEM_CONTAINER, 48, block);
	block = mem_alloc(test, REFSLAB_MEM_CONTAINER, 48);
	KUNIT_EXPECT_PTR_EQ(test, mem_pool(test, block), pool);
	KUNIT_EXPECT_NULL(test, memchr_inv(&pool->marks, 0, sizeof(pool->marks)));
	mem_free(test, REFSLAB_MEM_CONTAINER, 48, block);
	mem_free(test, REFSLAB_MEM_RAW, 64, keep);
}

static void pool_hold(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct mem_fixture *f = test->priv;
	struct refslab_pool *atom, *container, *raw;
	void *a, *c, *r;

	a = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	c = mem_alloc(test, REFSLAB_MEM_CONTAINER, 32);
	r = mem_alloc(test, REFSLAB_MEM_RAW, 32);
	atom = mem_pool(test, a);
	container = mem_pool(test, c);
	raw = mem_pool(test, r);

	refslab_mem_hold(mem);
	refslab_mem_hold(mem);
	mem_free(test, REFSLAB_MEM_ATOM, 512, a);
	mem_free(test, REFSLAB_MEM_CONTAINER, 32, c);
	mem_free(test, REFSLAB_MEM_RAW, 32, r);
	expect_state(test, atom, REFSLAB_POOL_LIMBO);
	expect_state(test, container, REFSLAB_POOL_LIMBO);
	expect_state(test, raw, REFSLAB_POOL_EMPTY);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 1);
	KUNIT_EXPECT_EQ(test, f->retired, 0);

	/* Not for another class, and not for the same size of another kind. */
	c = mem_alloc(test, REFSLAB_MEM_CONTAINER, 512);
	KUNIT_EXPECT_PTR_NE(test, mem_pool(test, c), atom);
	mem_free(test, REFSLAB_MEM_CONTAINER, 512, c);
	expect_state(test, mem_pool(test, c), REFSLAB_POOL_LIMBO);
	/* For its own at once. */
	KUNIT_EXPECT_PTR_EQ(test, mem_alloc(test, REFSLAB_MEM_ATOM, 512), a);
	expect_state(test, atom, REFSLAB_POOL_USED);

	/* Only the last release lets go. */
	refslab_mem_release(mem);
	expect_state(test, container, REFSLAB_POOL_LIMBO);
	refslab_mem_release(mem);
	expect_state(test, container, REFSLAB_POOL_EMPTY);
	expect_state(test, atom, REFSLAB_POOL_USED);
	KUNIT_EXPECT_EQ(test, f->retired, 2);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 1);

	mem_free(test, REFSLAB_MEM_ATOM, 512, a);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_EQ(test, f->retired, 3);
}

/* Arenas that became empty during a hold go with its end, whatever emptied them. */
static void pool_hold_arenas(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void **blocks = mem_fill_arenas(test, 3);
	void *raw;

	mem_free_pools(test, blocks, 2, 0, REFSLAB_ARENA_POOLS);
	raw = mem_alloc(test, REFSLAB_MEM_RAW, 512);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 3);
	refslab_mem_hold(mem);
	mem_free_pools(test, blocks, 0, 0, REFSLAB_ARENA_POOLS);
	mem_free(test, REFSLAB_MEM_RAW, 512, raw);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 3);
	KUNIT_EXPECT_EQ(test, mem->nr_empty, 64);
	MEM_EXPECT_SOUND(test);
	refslab_mem_release(mem);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 1);
	mem_free_pools(test, blocks, 1, 0, REFSLAB_ARENA_POOLS);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
}

/* Somebody holds the memory again between the last release and its sweep: nothing goes. */
static void pool_hold_again(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	void *blocks[20], *large[3];
	struct refslab_pool *pool;
	unsigned int i;

	for (i = 0; i < 20; i++)
		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	for (i = 0; i < 3; i++)
		large[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 1000);
	pool = mem_pool(test, blocks[0]);
	refslab_mem_hold(mem);
	for (i = 0; i < 20; i++)
		mem_free(test, REFSLAB_MEM_ATOM, 512, blocks[i]);
	for (i = 0; i < 3; i++)
		mem_free(test, REFSLAB_MEM_ATOM, 1000, large[i]);
	KUNIT_EXPECT_EQ(test, class_of(test, pool)->nr_limbo, 3);
	refslab_pool_sweep_limbo(mem);
	refslab_large_sweep_limbo(mem);
	refslab_arena_sweep_empty(mem);
	expect_state(test, pool, REFSLAB_POOL_LIMBO);
	KUNIT_EXPECT_EQ(test, class_of(test, pool)->nr_limbo, 3);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, mem_pool(test, large[i])->state, REFSLAB_POOL_LIMBO);
	KUNIT_EXPECT_EQ(test, ((struct mem_fixture *)test->priv)->retired, 0);
	refslab_mem_release(mem);
	KUNIT_EXPECT_EQ(test, ((struct mem_fixture *)test->priv)->retired, 6);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&mem->larges));
}

/* Every pool of objects that has a class, in order of arena and address, then the large blocks. */
static void pool_walk(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_pool *pool, *expected[5];
	void *block, *large[2];
	unsigned int i, n = 0;
	u64 cursor = 0;

	expected[0] = mem_pool(test, mem_alloc(test, REFSLAB_MEM_CONTAINER, 48));
	mem_alloc(test, REFSLAB_MEM_RAW, 48);
	for (i = 0; i < 8; i++)
		block = mem_alloc(test, REFSLAB_MEM_ATOM, 512);
	expected[1] = mem_pool(test, block);
	KUNIT_EXPECT_EQ(test, expected[1]->state, REFSLAB_POOL_FULL);
	large[0] = mem_alloc(test, REFSLAB_MEM_ATOM, 600);
	expected[3] = mem_pool(test, large[0]);
	large[1] = mem_alloc(test, REFSLAB_MEM_CONTAINER, 6000);
	expected[4] = mem_pool(test, large[1]);
	block = mem_alloc(test, REFSLAB_MEM_RAW, 6000);
	refslab_mem_hold(mem);
	expected[2] = mem_pool(test, mem_alloc(test, REFSLAB_MEM_CONTAINER, 96));
	mem_free(test, REFSLAB_MEM_CONTAINER, 96, expected[2]->base);
	mem_free(test, REFSLAB_MEM_CONTAINER, 6000, large[1]);
	while (n < 6) {
		pool = refslab_mem_next_pool(mem, &cursor);
		if (!pool)
			break;
		if (n < 5)
			KUNIT_EXPECT_PTR_EQ_MSG(test, pool, expected[n], "number %u", n);
		n++;
	}
	KUNIT_EXPECT_EQ(test, n, 5);
	/* The end is the end. */
	KUNIT_EXPECT_NULL(test, refslab_mem_next_pool(mem, &cursor));
	refslab_mem_release(mem);

	cursor = 0;
	n = 0;
	refslab_mem_hold(mem);
	while (refslab_mem_next_pool(mem, &cursor))
		n++;
	KUNIT_EXPECT_EQ(test, n, 3);
	refslab_mem_release(mem);
	mem_free(test, REFSLAB_MEM_RAW, 6000, block);
}

static void pool_usage(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_mem_usage usage;
	void *blocks[9];
	unsigned int i;

	for (i = 0; i < 9; i++)
		blocks[i] = mem_alloc(test, REFSLAB_MEM_ATOM, 500);
	mem_alloc(test, REFSLAB_MEM_CONTAINER, 42);
	refslab_mem_usage(mem, &usage);
	KUNIT_EXPECT_EQ(test, usage.bytes_allocated, 9 * 512 + 48);
	KUNIT_EXPECT_EQ(test, usage.bytes_reserved, REFSLAB_ARENA_SIZE);
	KUNIT_EXPECT_EQ(test, usage.arenas, 1);
	KUNIT_EXPECT_EQ(test, usage.pools_used, 2);
	KUNIT_EXPECT_EQ(test, usage.pools_full, 1);
	KUNIT_EXPECT_EQ(test, usage.pools_empty, 61);
	KUNIT_EXPECT_EQ(test, usage.large, 0);
	KUNIT_EXPECT_EQ(test, usage.arenas_made, 1);
	KUNIT_EXPECT_EQ(test, usage.arenas_returned, 0);

	refslab_mem_hold(mem);
	for (i = 0; i < 9; i++)
		mem_free(test, REFSLAB_MEM_ATOM, 500, blocks[i]);
	refslab_mem_usage(mem, &usage);
	KUNIT_EXPECT_EQ(test, usage.bytes_allocated, 48);
	KUNIT_EXPECT_EQ(test, usage.pools_used, 1);
	KUNIT_EXPECT_EQ(test, usage.pools_full, 0);
	KUNIT_EXPECT_EQ(test, usage.pools_empty, 63);
	refslab_mem_release(mem);
	refslab_mem_usage(mem, &usage);
	KUNIT_EXPECT_EQ(test, usage.pools_empty, 63);
}

static struct kunit_case mem_pool_cases[] = {
	KUNIT_CASE(pool_sizes),
	KUNIT_CASE(pool_classes),
	KUNIT_CASE(pool_states),
	KUNIT_CASE(pool_lifo),
	KUNIT_CASE(pool_used_order),
	KUNIT_CASE(pool_batches),
	KUNIT_CASE(pool_untouched),
	KUNIT_CASE(pool_stable_bytes),
	KUNIT_CASE(pool_zero_flag),
	KUNIT_CASE(pool_marks),
	KUNIT_CASE(pool_hold),
	KUNIT_CASE(pool_hold_arenas),
	KUNIT_CASE(pool_hold_again),
	KUNIT_CASE(pool_walk),
	KUNIT_CASE(pool_usage),
	{}
};

static struct kunit_suite mem_pool_suite = {
	.name = "refslab-mem-pool",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_pool_cases,
};

kunit_test_suite(mem_pool_suite);
