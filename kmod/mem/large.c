// SPDX-License-Identifier: GPL-2.0
/*
 * Large blocks: what is bigger than the largest size class, from the kernel's large allocator.
 *
 * Plain memory is just that, and whoever allocated it has the only reference. A block of an object
 * has a descriptor of its own, found through the word before the block:
 *
 *   memory, aligned to 16    +16: descriptor    +24: block, of pool->size bytes
 *
 * so that a block at 8 modulo 16 is large and one at 0 is in a pool. The descriptor is in
 * mem->larges from before the block is handed out until its memory is freed: a block freed while
 * somebody holds the memory stays there, in limbo, and walkers can go on looking at it until the
 * last release.
 *
 * A block is charged with its size, and these 24 bytes if it is an object's.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "mem.h"

#define LARGE_HEAD	24U
/* What kvmalloc() takes at most. */
#define LARGE_MAX	(INT_MAX - LARGE_HEAD)

/**
 * refslab_large_charge() - bytes that a large block is charged with
 * @kind: what it holds
 * @size: its size
 */
u64 refslab_large_charge(enum refslab_mem_kind kind, size_t size)
{
	return kind == REFSLAB_MEM_RAW ? size : size + LARGE_HEAD;
}

static int large_number(struct refslab_mem *mem, struct refslab_pool *pool, gfp_t gfp)
{
	int err;

	do {
		if (refslab_mem_fail(mem))
			return -ENOMEM;
		spin_lock(&mem->lock);
		pool->number = mem->next_large++;
		spin_unlock(&mem->lock);
		err = xa_insert(&mem->larges, pool->number, pool, gfp);
	} while (unlikely(err == -EBUSY));
	return err;
}

static void *large_alloc_memory(struct refslab_mem *mem, size_t bytes, gfp_t gfp)
{
	return refslab_mem_fail(mem) ? NULL : kvmalloc(bytes, gfp | __GFP_NOWARN);
}

static void *large_alloc_object(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
				gfp_t gfp)
{
	struct refslab_pool *pool = NULL;
	void *memory, *block;

	if (!refslab_mem_fail(mem))
		pool = kzalloc(sizeof(*pool), gfp);
	if (!pool)
		return NULL;
	memory = large_alloc_memory(mem, LARGE_HEAD + size, gfp);
	if (!memory)
		goto free_pool;
	/* kmalloc() aligns what is bigger than 512 bytes, and vmalloc() everything. */
	if (WARN_ON_ONCE(!IS_ALIGNED((unsigned long)memory, 16)))
		goto free_memory;
	block = memory + LARGE_HEAD;
	((struct refslab_pool **)block)[-1] = pool;
	memset(block, 0, REFSLAB_OBJECT_MIN);

	pool->base = block;
	pool->scratch = &pool->large_scratch;
	pool->size = size;
	pool->capacity = 1;
	pool->carved = 1;
	pool->used = 1;
	pool->kind = kind;
	pool->state = REFSLAB_POOL_FULL;
	INIT_LIST_HEAD(&pool->node);
	if (large_number(mem, pool, gfp))
		goto free_memory;
	return block;

free_memory:
	kvfree(memory);
free_pool:
	kfree(pool);
	return NULL;
}

/**
 * refslab_large_alloc() - allocate a large block
 * @mem: the memory
 * @kind: what it will hold
 * @size: bytes asked for, more than REFSLAB_CLASS_MAX
 * @gfp: how to get the memory; only what may sleep can get more than the page allocator has in one
 *	piece
 *
 * Context: process; sleeps if @gfp allows it.
 * Return: the block, or NULL, also when @size is over about 2 GiB.
 */
void *refslab_large_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			  gfp_t gfp)
{
	u64 bytes = refslab_large_charge(kind, size);
	void *block;

	if (size > LARGE_MAX || !refslab_mem_charge(mem, bytes, gfp))
		return NULL;
	if (kind == REFSLAB_MEM_RAW)
		block = large_alloc_memory(mem, size, gfp);
	else
		block = large_alloc_object(mem, kind, size, gfp);
	if (!block) {
		refslab_mem_uncharge(mem, bytes);
		return NULL;
	}
	atomic64_add(bytes, &mem->large_bytes);
	atomic_long_inc(&mem->nr_large);
	return block;
}

/* The bytes are in mem->returning until the memory is back. */
static void large_free_memory(struct refslab_mem *mem, void *memory, u64 bytes)
{
	if (is_vmalloc_addr(memory)) {
		refslab_mem_free_later(mem, memory, bytes);
		return;
	}
	kfree(memory);
	atomic64_sub(bytes, &mem->returning);
	refslab_mem_uncharge(mem, bytes);
}

/* Nobody finds it after this. */
static void large_forget(struct refslab_mem *mem, struct refslab_pool *pool)
{
	lockdep_assert_held(&mem->lock);
	if (mem->retire)
		mem->retire(mem, pool);
	xa_erase(&mem->larges, pool->number);
}

/* The descriptor is on no list, and nobody can find it. */
static void large_free_object(struct refslab_mem *mem, struct refslab_pool *pool)
{
	u64 bytes = refslab_large_charge(pool->kind, pool->size);

	large_free_memory(mem, pool->base - LARGE_HEAD, bytes);
	kfree(pool);
}

static void large_uncount(struct refslab_mem *mem, u64 bytes)
{
	atomic64_add(bytes, &mem->returning);
	atomic64_sub(bytes, &mem->large_bytes);
	atomic_long_dec(&mem->nr_large);
}

/**
 * refslab_large_free() - free a large block
 * @mem: the memory
 * @kind: as it was allocated
 * @size: as it was allocated
 * @block: the block
 *
 * Context: process, may be atomic. What has to sleep is left to mem->unmap_work.
 */
void refslab_large_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			void *block)
{
	u64 bytes = refslab_large_charge(kind, size);
	struct refslab_pool *pool;
	bool stays;

	if (kind == REFSLAB_MEM_RAW) {
		large_uncount(mem, bytes);
		large_free_memory(mem, block, bytes);
		return;
	}

	pool = refslab_mem_pool_of(mem, block);
	/* A block that is lost does less harm than another one freed. */
	if (WARN_ON_ONCE(pool->base != block || pool->kind != kind || pool->size != size))
		return;
	large_uncount(mem, bytes);
	spin_lock(&mem->lock);
	pool->used = 0;
	stays = mem->holds;
	if (stays) {
		pool->state = REFSLAB_POOL_LIMBO;
		list_add_tail(&pool->node, &mem->limbo_larges);
	} else {
		large_forget(mem, pool);
	}
	spin_unlock(&mem->lock);
	if (!stays)
		large_free_object(mem, pool);
}

/**
 * refslab_large_sweep_limbo() - free the large blocks in limbo
 * @mem: the memory
 *
 * Stops when somebody holds the memory again.
 *
 * Context: process, sleeps.
 */
void refslab_large_sweep_limbo(struct refslab_mem *mem)
{
	struct refslab_pool *pool, *next;
	LIST_HEAD(limbo);

	spin_lock(&mem->lock);
	list_splice_init(&mem->limbo_larges, &limbo);
	spin_unlock(&mem->lock);

	list_for_each_entry_safe(pool, next, &limbo, node) {
		spin_lock(&mem->lock);
		if (mem->holds) {
			list_splice_init(&limbo, &mem->limbo_larges);
			spin_unlock(&mem->lock);
			return;
		}
		list_del(&pool->node);
		large_forget(mem, pool);
		spin_unlock(&mem->lock);
		large_free_object(mem, pool);
		cond_resched();
	}
}
REFSLAB_EXPORT_TEST(refslab_large_sweep_limbo);

/**
 * refslab_large_destroy_all() - free all large blocks of objects, allocated or not
 * @mem: the memory, which nobody uses any more
 *
 * Context: process, sleeps.
 */
void refslab_large_destroy_all(struct refslab_mem *mem)
{
	struct refslab_pool *pool;
	unsigned long number;

	xa_for_each(&mem->larges, number, pool) {
		xa_erase(&mem->larges, number);
		if (pool->state == REFSLAB_POOL_LIMBO)
			list_del(&pool->node);
		else
			large_uncount(mem, refslab_large_charge(pool->kind, pool->size));
		large_free_object(mem, pool);
		cond_resched();
	}
}
