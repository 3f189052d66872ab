// SPDX-License-Identifier: GPL-2.0
/*
 * Pools: 4 KiB of blocks of one size class, for one kind of content.
 *
 * Lock order
 *
 *   class->lock	the class's lists, its pools' state, owners, blocks
 *     mem->lock	arenas and their empty pools, numbers, holds, limbo_larges
 *       xa_lock	of mem->arenas, mapped and larges
 *       what mem->retire() takes
 *
 * All of them are plain spin locks, taken in process context only, and never while memory is
 * allocated or given back. Two classes' locks are never held together.
 *
 * Who holds the memory
 *
 * Whether a pool of objects that lost its last block leaves its class is decided under both locks,
 * from mem->holds. refslab_mem_hold() raises that under mem->lock; so once it returned, every
 * decision sees it, and every earlier one is over. The pool then stays in limbo.
 */
#include <linux/sched.h>
#include <linux/string.h>

#include "mem.h"

/* The stable bytes, the link, and the rest of the smallest block. */
#define POOL_ZEROED	REFSLAB_OBJECT_MIN

static_assert(REFSLAB_MEM_LINK + sizeof(void *) <= REFSLAB_OBJECT_MIN);
static_assert(REFSLAB_POOL_SIZE / REFSLAB_OBJECT_MIN <= REFSLAB_POOL_MARKS);
/* No pool goes from full to drained with one block. */
static_assert(REFSLAB_POOL_SIZE / REFSLAB_CLASS_MAX > 1);

static struct refslab_class *pool_class(struct refslab_mem *mem, enum refslab_mem_kind kind,
					size_t block_size)
{
	return &mem->classes[kind][block_size / REFSLAB_CLASS_STEP - 1];
}

/* Where this CPU's pool of a class is. The class's lock is held, and keeps us here. */
static struct refslab_pool **pool_own(struct refslab_mem *mem, enum refslab_mem_kind kind,
				      size_t block_size)
{
	return &this_cpu_ptr(mem->cpu)->own[kind][block_size / REFSLAB_CLASS_STEP - 1];
}

/*
 * The pool is on no list, and walkers skip it until its kind says that it holds objects. Until then
 * it is an empty one, and the lock of those keeps refslab_mem_check() from seeing half of this.
 */
static void pool_assign(struct refslab_mem *mem, struct refslab_pool *pool,
			enum refslab_mem_kind kind, size_t block_size)
{
	spin_lock(&mem->lock);
	pool->size = block_size;
	pool->recip = DIV_ROUND_UP(1U << 20, block_size);
	pool->capacity = REFSLAB_POOL_SIZE / block_size;
	pool->used = 0;
	pool->carved = 0;
	pool->freeblock = NULL;
	pool->state = REFSLAB_POOL_USED;
	if (kind != REFSLAB_MEM_RAW)
		memset(&pool->marks, 0, sizeof(pool->marks));
	/* Pairs with refslab_mem_next_pool(). */
	smp_store_release(&pool->kind, kind);
	spin_unlock(&mem->lock);
}

/* The pool, which is used, becomes a CPU's that has none: behind those that are nobody's. */
static void pool_claim(struct refslab_class *class, struct refslab_pool *pool,
		       struct refslab_pool **own)
{
	lockdep_assert_held(&class->lock);
	list_move_tail(&pool->node, &class->used);
	pool->own = own;
	*own = pool;
}

/* The pool, which is about to leave the used list, is nobody's any more. */
static void pool_disclaim(struct refslab_pool *pool)
{
	if (pool->own)
		*pool->own = NULL;
	pool->own = NULL;
}

/* A pool with a block to give, which is the CPU's of @own then, or NULL. */
static struct refslab_pool *pool_find(struct refslab_class *class, struct refslab_pool **own)
{
	struct refslab_pool *pool = *own;

	lockdep_assert_held(&class->lock);
	if (likely(pool))
		return pool;
	pool = list_first_entry_or_null(&class->used, struct refslab_pool, node);
	/* those that have an owner come last */
	if (!pool || pool->own) {
		pool = list_first_entry_or_null(&class->limbo, struct refslab_pool, node);
		if (!pool)
			return NULL;
		pool->state = REFSLAB_POOL_USED;
		class->nr_limbo--;
		class->nr_used++;
	}
	pool_claim(class, pool, own);
	return pool;
}

/* Carves up to @nr blocks and puts them on @list, the lowest first. Returns how many. */
static unsigned int pool_carve(struct refslab_pool *pool, unsigned int nr, void **list)
{
	unsigned int i;
	void *block;

	nr = min_t(unsigned int, nr, pool->capacity - pool->carved);
	for (i = nr; i--;) {
		block = refslab_mem_block(pool, pool->carved + i);
		if (pool->kind != REFSLAB_MEM_RAW)
			memset(block, 0, POOL_ZEROED);
		*refslab_mem_link(pool->kind, block) = *list;
		*list = block;
	}
	/* For those who look without the lock: below carved, blocks are zeroed. */
	smp_wmb();
	WRITE_ONCE(pool->carved, pool->carved + nr);
	return nr;
}

/* Takes up to @nr blocks, at least one: free ones, or untouched ones when there are none. */
static unsigned int pool_take(struct refslab_class *class, struct refslab_pool *pool,
			      unsigned int nr, void **list)
{
	unsigned int n = 0;
	void *block;

	lockdep_assert_held(&class->lock);
	while (n < nr && (block = pool->freeblock)) {
		pool->freeblock = *refslab_mem_link(pool->kind, block);
		*refslab_mem_link(pool->kind, block) = *list;
		*list = block;
		n++;
	}
	if (!n)
		n = pool_carve(pool, nr, list);
	class->blocks += n;
	pool->used += n;
	if (pool->used == pool->capacity) {
		pool_disclaim(pool);
		pool->state = REFSLAB_POOL_FULL;
		list_del_init(&pool->node);
		class->nr_used--;
		class->nr_full++;
	}
	return n;
}

/**
 * refslab_pool_init() - initialise what this file owns of a memory
 * @mem: the memory
 */
void refslab_pool_init(struct refslab_mem *mem)
{
	unsigned int kind, i;

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < REFSLAB_NR_CLASSES; i++) {
			struct refslab_class *class = &mem->classes[kind][i];

			spin_lock_init(&class->lock);
			INIT_LIST_HEAD(&class->used);
			INIT_LIST_HEAD(&class->limbo);
		}
	}
}

/**
 * refslab_pool_alloc() - allocate blocks from a pool
 * @mem: the memory
 * @kind: what they will hold
 * @size: bytes asked for, at most REFSLAB_CLASS_MAX
 * @nr: how many at most; all come from one pool
 * @gfp: how to get an arena if there is no free block
 * @list: where they are put in front, linked through refslab_mem_link()
 *
 * Context: process; sleeps if @gfp allows it.
 * Return: how many there are; 0: no memory.
 */
unsigned int refslab_pool_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
				unsigned int nr, gfp_t gfp, void **list)
{
	size_t block_size = refslab_mem_size(kind, size);
	struct refslab_class *class = pool_class(mem, kind, block_size);
	struct refslab_pool *pool, **own;
	unsigned int n = 0;

	spin_lock(&class->lock);
	pool = pool_find(class, pool_own(mem, kind, block_size));
	if (unlikely(!pool)) {
		spin_unlock(&class->lock);
		pool = refslab_arena_take_pool(mem, gfp);
		if (pool)
			pool_assign(mem, pool, kind, block_size);
		spin_lock(&class->lock);
		/* We may have moved, or others on this CPU have been quicker. */
		own = pool_own(mem, kind, block_size);
		if (pool) {
			list_add(&pool->node, &class->used);
			class->nr_used++;
			if (likely(!*own))
				pool_claim(class, pool, own);
		} else {
			/* Somebody may have freed a block meanwhile, or another CPU has some. */
			pool = pool_find(class, own) ?:
			       list_first_entry_or_null(&class->used, struct refslab_pool, node);
		}
	}
	if (likely(pool))
		n = pool_take(class, pool, nr, list);
	spin_unlock(&class->lock);
	return n;
}

/* The pool leaves its class. Returns an arena to free, as put_pool does. */
static struct refslab_arena *pool_leave(struct refslab_mem *mem, struct refslab_pool *pool)
{
	list_del(&pool->node);
	if (pool->kind != REFSLAB_MEM_RAW && mem->retire)
		mem->retire(mem, pool);
	return refslab_arena_put_pool(mem, pool);
}

/* The pool, on the used list, lost its last block. Returns an arena to free, as put_pool does. */
static struct refslab_arena *pool_drained(struct refslab_mem *mem, struct refslab_class *class,
					  struct refslab_pool *pool)
{
	struct refslab_arena *arena = NULL;

	lockdep_assert_held(&class->lock);
	pool_disclaim(pool);
	class->nr_used--;
	spin_lock(&mem->lock);
	if (pool->kind != REFSLAB_MEM_RAW && mem->holds) {
		pool->state = REFSLAB_POOL_LIMBO;
		list_move(&pool->node, &class->limbo);
		class->nr_limbo++;
	} else {
		arena = pool_leave(mem, pool);
	}
	spin_unlock(&mem->lock);
	return arena;
}

/* Puts a block back. Returns an arena to free, as put_pool does. */
static struct refslab_arena *pool_give(struct refslab_mem *mem, struct refslab_class *class,
				       struct refslab_pool *pool, void *block)
{
	lockdep_assert_held(&class->lock);
	*refslab_mem_link(pool->kind, block) = pool->freeblock;
	pool->freeblock = block;
	pool->used--;
	class->blocks--;
	if (unlikely(!pool->used))
		return pool_drained(mem, class, pool);
	if (pool->state == REFSLAB_POOL_FULL) {
		pool->state = REFSLAB_POOL_USED;
		list_add(&pool->node, &class->used);
		class->nr_full--;
		class->nr_used++;
	}
	return NULL;
}

/**
 * refslab_pool_free() - give blocks back to their pools
 * @mem: the memory
 * @kind: as they were allocated
 * @size: as they were allocated
 * @list: the blocks, linked through refslab_mem_link(); few, as a lock is held
 *
 * Context: process, may be atomic.
 */
void refslab_pool_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
		       void *list)
{
	size_t block_size = refslab_mem_size(kind, size);
	struct refslab_class *class = pool_class(mem, kind, block_size);
	struct llist_node *arenas = NULL;
	struct refslab_arena *arena;
	struct refslab_pool *pool;
	void *block;

	spin_lock(&class->lock);
	while ((block = list)) {
		list = *refslab_mem_link(kind, block);
		pool = refslab_mem_pool_of(mem, block);
		/* A block that is lost does less harm than one on a wrong list. */
		if (WARN_ON_ONCE(pool->kind != kind || pool->size != block_size))
			continue;
		arena = pool_give(mem, class, pool, block);
		if (unlikely(arena)) {
			arena->dead.next = arenas;
			arenas = &arena->dead;
		}
	}
	spin_unlock(&class->lock);
	while (arenas) {
		arena = llist_entry(arenas, struct refslab_arena, dead);
		arenas = arenas->next;
		refslab_arena_free(mem, arena);
	}
}

/*
 * Returns whether it is worth going on: nobody holds the memory. Otherwise the last who does
 * sweeps, and finds here what is left, @pool among it, as he comes by mem->lock first.
 */
static bool pool_sweep_one(struct refslab_mem *mem, struct refslab_class *class,
			   struct refslab_pool *pool, struct list_head *left)
{
	struct refslab_arena *arena = NULL;
	bool held;

	spin_lock(&class->lock);
	spin_lock(&mem->lock);
	held = mem->holds;
	if (held) {
		list_splice_init(left, &class->limbo);
	} else {
		class->nr_limbo--;
		arena = pool_leave(mem, pool);
	}
	spin_unlock(&mem->lock);
	spin_unlock(&class->lock);
	if (arena)
		refslab_arena_free(mem, arena);
	return !held;
}

static bool pool_sweep_class(struct refslab_mem *mem, struct refslab_class *class)
{
	struct refslab_pool *pool, *next;
	LIST_HEAD(limbo);

	/* There may be very many: hold the locks for one at a time. */
	spin_lock(&class->lock);
	list_splice_init(&class->limbo, &limbo);
	spin_unlock(&class->lock);

	list_for_each_entry_safe(pool, next, &limbo, node) {
		if (!pool_sweep_one(mem, class, pool, &limbo))
			return false;
		cond_resched();
	}
	return true;
}

/**
 * refslab_pool_sweep_limbo() - make pools in limbo empty
 * @mem: the memory
 *
 * Stops when somebody holds the memory again.
 *
 * Context: process, sleeps.
 */
void refslab_pool_sweep_limbo(struct refslab_mem *mem)
{
	unsigned int kind, i;

	for (kind = REFSLAB_MEM_ATOM; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < REFSLAB_NR_CLASSES; i++) {
			struct refslab_class *class = &mem->classes[kind][i];

			/*
			 * Who put a pool there before the last hold ended did so under mem->lock,
			 * which the caller has taken since: it is seen here.
			 */
			if (list_empty(&class->limbo))
				continue;
			if (!pool_sweep_class(mem, class))
				return;
		}
	}
}
REFSLAB_EXPORT_TEST(refslab_pool_sweep_limbo);
