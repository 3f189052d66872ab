// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a heap as those above see it: sends a request to the pools or to the large blocks,
 * counts what was taken from the kernel, and tells who looks at the memory when it may go away.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "mem.h"

/* Nothing in here takes these as they are: no high order to warn about, nothing movable. */
#define MEM_GFP_IGNORED	(__GFP_ZERO | __GFP_COMP | __GFP_NOFAIL | __GFP_HIGHMEM | __GFP_MOVABLE)

/* Lies in the freed memory itself, so that freeing cannot fail. */
struct mem_later {
	struct llist_node node;
	u64 bytes;
};

static_assert(sizeof(struct mem_later) <= REFSLAB_CLASS_MAX);

static void mem_unmap_blocks(struct refslab_mem *mem)
{
	struct mem_later *later, *next;

	mutex_lock(&mem->unmap_lock);
	refslab_arena_unmap_all(mem);
	llist_for_each_entry_safe(later, next, llist_del_all(&mem->unmap), node) {
		u64 bytes = later->bytes;

		vfree(later);
		atomic64_sub(bytes, &mem->returning);
		refslab_mem_uncharge(mem, bytes);
		cond_resched();
	}
	mutex_unlock(&mem->unmap_lock);
}

static void mem_unmap_all(struct refslab_mem *mem)
{
	refslab_payload_reap(mem, U64_MAX);
	mem_unmap_blocks(mem);
}

static void mem_unmap_work(struct work_struct *work)
{
	mem_unmap_all(container_of(work, struct refslab_mem, unmap_work));
}

/**
 * refslab_mem_free_later() - free vmalloc'ed memory where sleeping is allowed
 * @mem: the memory it is charged to
 * @vmalloced: the memory
 * @bytes: what it is charged with; in mem->returning already
 *
 * Context: process, may be atomic.
 */
void refslab_mem_free_later(struct refslab_mem *mem, void *vmalloced, u64 bytes)
{
	struct mem_later *later = vmalloced;

	later->bytes = bytes;
	llist_add(&later->node, &mem->unmap);
	queue_work(system_dfl_wq, &mem->unmap_work);
}

static bool mem_try_charge(struct refslab_mem *mem, u64 bytes)
{
	s64 old = atomic64_read(&mem->reserved);
	u64 max_bytes = READ_ONCE(mem->max_bytes);

	do {
		if (max_bytes && (bytes > max_bytes || old > max_bytes - bytes))
			return false;
	} while (!atomic64_try_cmpxchg(&mem->reserved, &old, old + bytes));
	return true;
}

/**
 * refslab_mem_charge() - count bytes about to be taken from the kernel
 * @mem: the memory
 * @bytes: how many
 * @gfp: if it allows to sleep, what waits to be freed is freed before giving up
 *
 * What is counted never exceeds the limit, unless that was lowered, and memory is counted from
 * before it is taken until after it is given back.
 *
 * Return: false when the limit is in the way.
 */
bool refslab_mem_charge(struct refslab_mem *mem, u64 bytes, gfp_t gfp)
{
	if (refslab_mem_fail(mem))
		return false;
	if (likely(mem_try_charge(mem, bytes)))
		return true;
	if (!gfpflags_allow_blocking(gfp))
		return false;
	refslab_mem_settle(mem);
	return mem_try_charge(mem, bytes);
}
REFSLAB_EXPORT_TEST(refslab_mem_charge);

/**
 * refslab_mem_uncharge() - count bytes as given back
 * @mem: the memory
 * @bytes: how many
 */
void refslab_mem_uncharge(struct refslab_mem *mem, u64 bytes)
{
	atomic64_sub(bytes, &mem->reserved);
}
REFSLAB_EXPORT_TEST(refslab_mem_uncharge);

/**
 * refslab_mem_init() - make a memory, with nothing in it
 * @mem: the memory
 * @cpu: its per-CPU parts, zeroed: the caller's, to be freed after refslab_mem_destroy()
 * @max_bytes: limit of what it takes from the kernel, in bytes of arenas, large blocks and pages of
 *	payloads; 0: none
 */
void refslab_mem_init(struct refslab_mem *mem, struct refslab_mem_cpu __percpu *cpu, u64 max_bytes)
{
	memset(mem, 0, sizeof(*mem));
	mem->cpu = cpu;
	refslab_arena_init(mem);
	refslab_pool_init(mem);
	xa_init(&mem->larges);
	INIT_LIST_HEAD(&mem->limbo_larges);
	mem->max_bytes = max_bytes;
	init_llist_head(&mem->unmap);
	INIT_WORK(&mem->unmap_work, mem_unmap_work);
	mutex_init(&mem->unmap_lock);
	refslab_payload_init(mem);
}
REFSLAB_EXPORT_TEST(refslab_mem_init);

/**
 * refslab_mem_set_limit() - change the limit of what the memory takes from the kernel
 * @mem: the memory
 * @max_bytes: as for refslab_mem_init()
 *
 * What is above it already stays, and no more is taken before it is not. Context: any.
 */
void refslab_mem_set_limit(struct refslab_mem *mem, u64 max_bytes)
{
	WRITE_ONCE(mem->limit_set, true);
	WRITE_ONCE(mem->max_bytes, max_bytes);
}
REFSLAB_EXPORT_TEST(refslab_mem_set_limit);

/**
 * refslab_mem_destroy() - give everything back, whatever is still allocated
 * @mem: the memory, which nobody uses or holds any more
 *
 * refslab_mem_usage() goes on working, for those who still count the heap.
 *
 * All but large blocks of plain memory, which nothing here leads to: the caller has to free those
 * before, and a warning tells when it did not.
 *
 * Context: process, sleeps.
 */
void refslab_mem_destroy(struct refslab_mem *mem)
{
	WARN_ON_ONCE(mem->holds);
	refslab_large_destroy_all(mem);
	refslab_arena_destroy_all(mem);
	cancel_work_sync(&mem->unmap_work);
	mem_unmap_all(mem);
	refslab_payload_destroy(mem);
	WARN_ONCE(atomic64_read(&mem->reserved), "refslab: %lld bytes of a heap were not freed\n",
		  atomic64_read(&mem->reserved));
	xa_destroy(&mem->arenas);
	xa_destroy(&mem->mapped);
	xa_destroy(&mem->larges);
}
REFSLAB_EXPORT_TEST(refslab_mem_destroy);

/**
 * refslab_mem_alloc() - allocate a block
 * @mem: the memory
 * @kind: what it will hold
 * @size: bytes, up to about 2 GiB
 * @gfp: how to get more from the kernel. __GFP_ZERO zeroes plain memory; blocks of objects come
 *	with their first REFSLAB_MEM_STABLE bytes as the last object left them, zero the first time
 *
 * Context: process; sleeps if @gfp allows it.
 * Return: the block, aligned to 16 bytes (to 8 if it is large and an object's), or NULL: no memory,
 * or the limit reached.
 */
void *refslab_mem_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size, gfp_t gfp)
{
	bool zero = kind == REFSLAB_MEM_RAW && (gfp & __GFP_ZERO);
	void *block = NULL;

	gfp &= ~MEM_GFP_IGNORED;
	might_alloc(gfp);
	if (unlikely(size > REFSLAB_CLASS_MAX))
		return refslab_large_alloc(mem, kind, size, zero ? gfp | __GFP_ZERO : gfp);
	refslab_pool_alloc(mem, kind, size, 1, gfp, &block);
	if (zero && block)
		memset(block, 0, size);
	return block;
}
REFSLAB_EXPORT_TEST(refslab_mem_alloc);

/**
 * refslab_mem_alloc_batch() - allocate some blocks of objects at once
 * @mem: the memory
 * @kind: what they will hold; not REFSLAB_MEM_RAW
 * @size: bytes of each, at most REFSLAB_CLASS_MAX
 * @nr: how many at most
 * @gfp: as for refslab_mem_alloc()
 * @list: out: the blocks, linked through refslab_mem_link(); NULL when there is no memory
 *
 * They come from one pool, and no pool is taken into use for more than the first.
 *
 * Context: process; sleeps if @gfp allows it. Return: how many there are.
 */
unsigned int refslab_mem_alloc_batch(struct refslab_mem *mem, enum refslab_mem_kind kind,
				     size_t size, unsigned int nr, gfp_t gfp, void **list)
{
	gfp &= ~MEM_GFP_IGNORED;
	might_alloc(gfp);
	*list = NULL;
	return refslab_pool_alloc(mem, kind, size, nr, gfp, list);
}
REFSLAB_EXPORT_TEST(refslab_mem_alloc_batch);

/**
 * refslab_mem_free_batch() - free some blocks of objects at once
 * @mem: the memory
 * @kind: as they were allocated
 * @size: as they were allocated, at most REFSLAB_CLASS_MAX
 * @list: the blocks, linked through refslab_mem_link(); some dozens at most: a lock is held
 *
 * As refslab_mem_free(). Context: process, may be atomic.
 */
void refslab_mem_free_batch(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			    void *list)
{
	refslab_pool_free(mem, kind, size, list);
}
REFSLAB_EXPORT_TEST(refslab_mem_free_batch);

/**
 * refslab_mem_free() - free a block
 * @mem: the memory
 * @kind: as it was allocated
 * @size: as it was allocated
 * @block: the block
 *
 * Leaves the first REFSLAB_MEM_STABLE bytes of a block of an object alone.
 *
 * Context: process, may be atomic.
 */
void refslab_mem_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size, void *block)
{
	if (unlikely(size > REFSLAB_CLASS_MAX)) {
		refslab_large_free(mem, kind, size, block);
		return;
	}
	*refslab_mem_link(kind, block) = NULL;
	refslab_pool_free(mem, kind, size, block);
}
REFSLAB_EXPORT_TEST(refslab_mem_free);

/**
 * refslab_mem_hold() - keep the memory of objects in place
 * @mem: the memory
 *
 * From the return of this function to the matching refslab_mem_release(), no arena and no large
 * block of an object is given back, and no pool of objects serves another kind or size: a pointer
 * to an object, found by whatever means, leads to the first bytes of an object or of what was one.
 * Plain memory is not kept. Holds nest, and others' count too.
 *
 * Context: process, may be atomic.
 */
void refslab_mem_hold(struct refslab_mem *mem)
{
	spin_lock(&mem->lock);
	mem->holds++;
	spin_unlock(&mem->lock);
}
REFSLAB_EXPORT_TEST(refslab_mem_hold);

/**
 * refslab_mem_release() - end a hold
 * @mem: the memory
 *
 * The last one gives back what was kept.
 *
 * Context: process, sleeps; takes time when much was freed during the hold.
 */
void refslab_mem_release(struct refslab_mem *mem)
{
	bool last;

	might_sleep();
	spin_lock(&mem->lock);
	WARN_ON_ONCE(!mem->holds);
	last = !--mem->holds;
	spin_unlock(&mem->lock);
	if (!last)
		return;
	refslab_pool_sweep_limbo(mem);
	refslab_large_sweep_limbo(mem);
	refslab_arena_sweep_empty(mem);
}
REFSLAB_EXPORT_TEST(refslab_mem_release);

/**
 * refslab_mem_settle() - wait until what was freed is back with the kernel, and counted so
 * @mem: the memory
 *
 * Mapped memory (arenas of single pages, very large blocks, payloads) is left to a work item; this
 * does what is left of it, or waits for it. While others free, that is as much as was there, not
 * always the same.
 *
 * Context: process, sleeps.
 */
void refslab_mem_settle(struct refslab_mem *mem)
{
	refslab_payload_settle(mem);
	mem_unmap_blocks(mem);
}
REFSLAB_EXPORT_TEST(refslab_mem_settle);

/* A walker's cursor: arena number and pool number; or this bit, and a large block's number. */
#define CURSOR_LARGE	BIT_ULL(63)
#define CURSOR_POOLS	(REFSLAB_ARENA_SHIFT - REFSLAB_POOL_SHIFT)

/**
 * refslab_mem_next_pool() - walk the pools of objects
 * @mem: the memory, held by the caller
 * @cursor: 0 to begin with
 *
 * Goes through the pools that belong to a class of ATOM or CONTAINER, whatever their state, arena
 * by arena in address order, then the large blocks. Pools that get their class meanwhile may or may
 * not be seen. See struct refslab_pool for what may be read of them; of @carved with
 * smp_load_acquire().
 *
 * Context: any in which the caller can hold the memory.
 * Return: a pool, or NULL at the end.
 */
struct refslab_pool *refslab_mem_next_pool(struct refslab_mem *mem, u64 *cursor)
{
	struct refslab_arena *arena;
	struct refslab_pool *pool;
	unsigned long number;
	u64 at = *cursor;

	while (!(at & CURSOR_LARGE)) {
		number = at >> CURSOR_POOLS;
		arena = xa_find(&mem->arenas, &number, U32_MAX, XA_PRESENT);
		if (!arena) {
			at = CURSOR_LARGE;
			break;
		}
		if (number != at >> CURSOR_POOLS)
			at = (u64)number << CURSOR_POOLS;
		do {
			pool = &arena->pools[at++ % REFSLAB_ARENA_POOLS];
			/* Pairs with pool_assign(). */
			if (smp_load_acquire(&pool->kind) != REFSLAB_MEM_RAW) {
				*cursor = at;
				return pool;
			}
		} while (at % REFSLAB_ARENA_POOLS);
	}

	number = at & ~CURSOR_LARGE;
	pool = number > U32_MAX ? NULL : xa_find(&mem->larges, &number, U32_MAX, XA_PRESENT);
	*cursor = CURSOR_LARGE | (pool ? (u64)number + 1 : BIT_ULL(32));
	return pool;
}
REFSLAB_EXPORT_TEST(refslab_mem_next_pool);

/**
 * refslab_mem_find_pool() - the pool of objects that a walker's cursor names
 * @mem: the memory, held by the caller
 * @at: what refslab_mem_next_pool() would begin with to return the pool; may be out of date
 *
 * Takes the same time whatever is there. Context: any in which the caller can hold the memory.
 * Return: the pool, or NULL when there is none there now.
 */
struct refslab_pool *refslab_mem_find_pool(struct refslab_mem *mem, u64 at)
{
	struct refslab_arena *arena;
	struct refslab_pool *pool;

	if (at & CURSOR_LARGE)
		return xa_load(&mem->larges, at & ~CURSOR_LARGE);
	arena = xa_load(&mem->arenas, at >> CURSOR_POOLS);
	if (!arena)
		return NULL;
	pool = &arena->pools[at % REFSLAB_ARENA_POOLS];
	/* Pairs with pool_assign(). */
	return smp_load_acquire(&pool->kind) != REFSLAB_MEM_RAW ? pool : NULL;
}

/* A whole number; who changes it has the class's lock, which is not taken to look at it. */
#define of_any_moment(number)	data_race(READ_ONCE(number))

/**
 * refslab_mem_usage_now() - refslab_mem_usage() for those who hold a lock that others want
 * @mem: the memory
 * @usage: where to put it
 *
 * Payloads on their way back are counted as long as they are mapped: how long it takes to unmap
 * them is up to those who did.
 *
 * Context: process, sleeps.
 */
void refslab_mem_usage_now(struct refslab_mem *mem, struct refslab_mem_usage *usage)
{
	unsigned int kind, i;

	memset(usage, 0, sizeof(*usage));
	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < REFSLAB_NR_CLASSES; i++) {
			struct refslab_class *class = &mem->classes[kind][i];
			u64 blocks = of_any_moment(class->blocks);

			usage->bytes_allocated += blocks * (i + 1) * REFSLAB_CLASS_STEP;
			usage->pools_used += of_any_moment(class->nr_used);
			usage->pools_full += of_any_moment(class->nr_full);
			usage->pools_empty += of_any_moment(class->nr_limbo);
		}
	}
	usage->bytes_allocated += atomic64_read(&mem->large_bytes);
	usage->bytes_reserved = atomic64_read(&mem->reserved);
	usage->bytes_mapped = atomic64_read(&mem->window.bytes);
	usage->large = atomic_long_read(&mem->nr_large);
	spin_lock(&mem->lock);
	usage->pools_empty += mem->nr_empty;
	usage->arenas = mem->nr_arenas;
	usage->arenas_made = mem->arenas_made;
	usage->arenas_returned = mem->arenas_returned;
	spin_unlock(&mem->lock);
}

/**
 * refslab_mem_usage() - how much memory there is
 * @mem: the memory
 * @usage: where to put it
 *
 * Waits for memory on its way back, see refslab_mem_settle(). Exact when nothing else runs.
 *
 * Context: process, sleeps.
 */
void refslab_mem_usage(struct refslab_mem *mem, struct refslab_mem_usage *usage)
{
	refslab_mem_settle(mem);
	refslab_mem_usage_now(mem, usage);
}
REFSLAB_EXPORT_TEST(refslab_mem_usage);
