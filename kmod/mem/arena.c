// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: 256 KiB of memory each, aligned to that, cut into 64 pools.
 *
 * An arena is one allocation of contiguous pages where these are to be had, and its first page
 * leads back to the descriptor. On a machine whose memory is in pieces it is made of single pages,
 * mapped with vmap(), and mem->mapped leads back by address.
 *
 * Usable arenas stand in buckets by their number of empty pools; the fullest one serves first, so
 * that nearly empty ones drain. One without a pool in use goes back at once, unless somebody holds
 * the memory: then the last release sees to it.
 *
 * Memory comes and goes outside of all locks. mem->lock: see the top of pool.c.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mem.h"

#define ARENA_ORDER	(REFSLAB_ARENA_SHIFT - PAGE_SHIFT)
#define ARENA_PAGES	BIT(ARENA_ORDER)

static_assert(PAGE_SHIFT <= REFSLAB_ARENA_SHIFT);
static_assert(REFSLAB_ARENA_POOLS == 64, "usable_map has a bit for each number of empty pools");
/* A descriptor is all that an arena costs: mind what it takes. */
static_assert(sizeof(struct refslab_arena) <= 6 * 4096);

/*
 * An array of pools is not close to a power of two: whole pages waste less than kmalloc() does. The
 * lists' heads are in it and the pages of an arena of single pages hang on it, so kmemleak has to
 * know it (it knows what vmalloc() returns).
 */
static struct refslab_arena *arena_alloc_descriptor(struct refslab_mem *mem, gfp_t gfp)
{
	const size_t size = sizeof(struct refslab_arena);
	struct refslab_arena *arena;

	gfp |= __GFP_ZERO | __GFP_NOWARN;
	if (refslab_mem_fail(mem))
		return NULL;
	if (!refslab_mem_fail(mem)) {
		arena = alloc_pages_exact(size, (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY);
		if (arena) {
			kmemleak_alloc(arena, size, 1, gfp);
			return arena;
		}
	}
	return gfpflags_allow_blocking(gfp) ? __vmalloc(size, gfp) : NULL;
}

/* Sleeps when it is mapped. */
static void arena_free_descriptor(struct refslab_arena *arena)
{
	if (is_vmalloc_addr(arena)) {
		vfree(arena);
		return;
	}
	kmemleak_free(arena);
	free_pages_exact(arena, sizeof(*arena));
}

static bool arena_alloc_contiguous(struct refslab_mem *mem, struct refslab_arena *arena, gfp_t gfp)
{
	struct page *page;

#if IS_ENABLED(CONFIG_KUNIT)
	if (mem->single_pages)
		return false;
#endif
	if (refslab_mem_fail(mem))
		return false;
	/* There is a fallback: no reason to try hard, still less to warn. */
	gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY | __GFP_NOWARN;
	page = alloc_pages(gfp, ARENA_ORDER);
	if (!page)
		return false;
	arena->base = page_address(page);
	/* Page frames are aligned; the direct map need not be, on every architecture. */
	if (unlikely(!IS_ALIGNED((unsigned long)arena->base, REFSLAB_ARENA_SIZE))) {
		__free_pages(page, ARENA_ORDER);
		return false;
	}
	set_page_private(page, (unsigned long)arena);
	return true;
}

/* vmap() takes no gfp: tell its allocations by the task's scope. */
static void *arena_map(struct page **pages, unsigned int count, gfp_t gfp)
{
	unsigned int scope;
	void *mapping;

	if (!(gfp & __GFP_IO)) {
		scope = memalloc_noio_save();
		mapping = vmap(pages, count, VM_MAP, PAGE_KERNEL);
		memalloc_noio_restore(scope);
	} else if (!(gfp & __GFP_FS)) {
		scope = memalloc_nofs_save();
		mapping = vmap(pages, count, VM_MAP, PAGE_KERNEL);
		memalloc_nofs_restore(scope);
	} else {
		mapping = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	}
	return mapping;
}

/*
 * vmap() does not align. The pages are mapped twice, one time after the other: the aligned window
 * in that has each of them exactly once.
 */
static bool arena_alloc_single(struct refslab_mem *mem, struct refslab_arena *arena, gfp_t gfp)
{
	unsigned int i;

	if (!gfpflags_allow_blocking(gfp))
		return false;
	if (!refslab_mem_fail(mem))
		arena->pages = kmalloc_array(2 * ARENA_PAGES, sizeof(*arena->pages), gfp);
	if (!arena->pages)
		return false;
	for (i = 0; i < ARENA_PAGES; i++) {
		struct page *page = refslab_mem_fail(mem) ? NULL : alloc_page(gfp);

		if (!page)
			goto free_pages;
		arena->pages[i] = page;
		arena->pages[i + ARENA_PAGES] = page;
	}
	if (!refslab_mem_fail(mem))
		arena->mapping = arena_map(arena->pages, 2 * ARENA_PAGES, gfp);
	if (!arena->mapping)
		goto free_pages;
	arena->base = PTR_ALIGN(arena->mapping, REFSLAB_ARENA_SIZE);
	if (refslab_mem_fail(mem) ||
	    xa_insert(&mem->mapped, (unsigned long)arena->base >> REFSLAB_ARENA_SHIFT, arena, gfp))
		goto unmap;
	return true;

unmap:
	vunmap(arena->mapping);
	arena->mapping = NULL;
free_pages:
	while (i--)
		__free_page(arena->pages[i]);
	kfree(arena->pages);
	arena->pages = NULL;
	return false;
}

/* Sleeps when the arena is made of single pages. */
static void arena_free_memory(struct refslab_mem *mem, struct refslab_arena *arena)
{
	unsigned int i;

	kmemleak_free(arena->base);
	if (arena->mapping) {
		xa_erase(&mem->mapped, (unsigned long)arena->base >> REFSLAB_ARENA_SHIFT);
		vunmap(arena->mapping);
		for (i = 0; i < ARENA_PAGES; i++)
			__free_page(arena->pages[i]);
		kfree(arena->pages);
	} else {
		struct page *page = virt_to_page(arena->base);

		set_page_private(page, 0);
		__free_pages(page, ARENA_ORDER);
	}
}

/* Makes the arena known to walkers, who see nothing in it yet. */
static int arena_number(struct refslab_mem *mem, struct refslab_arena *arena, gfp_t gfp)
{
	int err;

	do {
		if (refslab_mem_fail(mem))
			return -ENOMEM;
		spin_lock(&mem->lock);
		arena->number = mem->next_arena++;
		spin_unlock(&mem->lock);
		err = xa_insert(&mem->arenas, arena->number, arena, gfp);
	} while (unlikely(err == -EBUSY));
	return err;
}

static struct refslab_arena *arena_make(struct refslab_mem *mem, gfp_t gfp)
{
	struct refslab_arena *arena;
	unsigned int i;

	if (!refslab_mem_charge(mem, REFSLAB_ARENA_SIZE, gfp))
		return NULL;
	arena = arena_alloc_descriptor(mem, gfp);
	if (!arena)
		goto uncharge;
	if (!arena_alloc_contiguous(mem, arena, gfp) && !arena_alloc_single(mem, arena, gfp))
		goto free_arena;
	/*
	 * Only objects in the arena refer to their tables, so kmemleak must read it. It does when
	 * it finds a reference to the arena itself: the descriptor's.
	 */
	kmemleak_alloc(arena->base, REFSLAB_ARENA_SIZE, 1, gfp);

	INIT_LIST_HEAD(&arena->freepools);
	arena->nr_free = REFSLAB_ARENA_POOLS;
	for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
		struct refslab_pool *pool = &arena->pools[i];

		pool->base = arena->base + i * REFSLAB_POOL_SIZE;
		pool->scratch = &arena->scratch[i * REFSLAB_POOL_SIZE / REFSLAB_OBJECT_MIN];
		pool->arena = arena;
		pool->number = i;
		list_add_tail(&pool->node, &arena->freepools);
	}
	if (arena_number(mem, arena, gfp))
		goto free_memory;
	return arena;

free_memory:
	arena_free_memory(mem, arena);
free_arena:
	arena_free_descriptor(arena);
uncharge:
	refslab_mem_uncharge(mem, REFSLAB_ARENA_SIZE);
	return NULL;
}

/* Sleeps when the arena, or its descriptor, is mapped. */
static void arena_free_now(struct refslab_mem *mem, struct refslab_arena *arena)
{
	arena_free_memory(mem, arena);
	arena_free_descriptor(arena);
	refslab_mem_uncharge(mem, REFSLAB_ARENA_SIZE);
}

static void arena_list(struct refslab_mem *mem, struct refslab_arena *arena)
{
	lockdep_assert_held(&mem->lock);
	if (arena->nr_free) {
		list_add(&arena->node, &mem->usable[arena->nr_free]);
		mem->usable_map |= BIT_ULL(arena->nr_free - 1);
	} else {
		list_add(&arena->node, &mem->full);
	}
}

static void arena_unlist(struct refslab_mem *mem, struct refslab_arena *arena)
{
	lockdep_assert_held(&mem->lock);
	list_del(&arena->node);
	if (arena->nr_free && list_empty(&mem->usable[arena->nr_free]))
		mem->usable_map &= ~BIT_ULL(arena->nr_free - 1);
}

/* The arena is on no list: nobody finds it after this. */
static void arena_forget(struct refslab_mem *mem, struct refslab_arena *arena)
{
	lockdep_assert_held(&mem->lock);
	xa_erase(&mem->arenas, arena->number);
	mem->nr_arenas--;
	mem->nr_empty -= arena->nr_free;
	mem->arenas_returned++;
}

/* The arena is on no list before, and on the right one after. */
static struct refslab_pool *arena_take(struct refslab_mem *mem, struct refslab_arena *arena)
{
	struct refslab_pool *pool = list_first_entry(&arena->freepools, struct refslab_pool, node);

	list_del_init(&pool->node);
	arena->nr_free--;
	mem->nr_empty--;
	arena_list(mem, arena);
	return pool;
}

static struct refslab_pool *arena_take_fewest(struct refslab_mem *mem)
{
	struct refslab_arena *arena;

	lockdep_assert_held(&mem->lock);
	if (!mem->usable_map)
		return NULL;
	arena = list_first_entry(&mem->usable[__ffs64(mem->usable_map) + 1],
				 struct refslab_arena, node);
	arena_unlist(mem, arena);
	return arena_take(mem, arena);
}

/**
 * refslab_arena_init() - initialise what this file owns of a memory
 * @mem: the memory
 */
void refslab_arena_init(struct refslab_mem *mem)
{
	unsigned int i;

	spin_lock_init(&mem->lock);
	for (i = 0; i <= REFSLAB_ARENA_POOLS; i++)
		INIT_LIST_HEAD(&mem->usable[i]);
	INIT_LIST_HEAD(&mem->full);
	xa_init(&mem->arenas);
	xa_init(&mem->mapped);
	init_llist_head(&mem->unmap_arenas);
}

/**
 * refslab_arena_take_pool() - take an empty pool
 * @mem: the memory
 * @gfp: how to get an arena if no pool is empty
 *
 * The pool comes from the arena with the fewest empty ones. Its memory is as it was left.
 *
 * Context: process, no lock of this layer held; sleeps if @gfp allows it.
 * Return: the pool, on no list, or NULL.
 */
struct refslab_pool *refslab_arena_take_pool(struct refslab_mem *mem, gfp_t gfp)
{
	struct refslab_arena *arena;
	struct refslab_pool *pool;

	spin_lock(&mem->lock);
	pool = arena_take_fewest(mem);
	spin_unlock(&mem->lock);
	if (pool)
		return pool;

	arena = arena_make(mem, gfp);
	spin_lock(&mem->lock);
	if (arena) {
		mem->nr_arenas++;
		mem->arenas_made++;
		mem->nr_empty += REFSLAB_ARENA_POOLS;
		/* From this one, else it could stay without a pool in use. */
		pool = arena_take(mem, arena);
	} else {
		/* A pool may have become empty meanwhile. */
		pool = arena_take_fewest(mem);
	}
	spin_unlock(&mem->lock);
	return pool;
}

/**
 * refslab_arena_put_pool() - give a pool back that has no allocated block and is on no list
 * @mem: the memory
 * @pool: the pool
 *
 * Context: mem->lock held.
 * Return: an arena that has to go to refslab_arena_free() once the locks are dropped, or NULL.
 */
struct refslab_arena *refslab_arena_put_pool(struct refslab_mem *mem, struct refslab_pool *pool)
{
	struct refslab_arena *arena = pool->arena;

	arena_unlist(mem, arena);
	pool->state = REFSLAB_POOL_EMPTY;
	/* No walker takes it for a pool of objects while its next class sets it up. */
	WRITE_ONCE(pool->kind, REFSLAB_MEM_RAW);
	list_add(&pool->node, &arena->freepools);
	arena->nr_free++;
	mem->nr_empty++;
	if (arena->nr_free == REFSLAB_ARENA_POOLS && !mem->holds) {
		arena_forget(mem, arena);
		return arena;
	}
	arena_list(mem, arena);
	return NULL;
}

/**
 * refslab_arena_free() - give an arena back to the kernel
 * @mem: the memory
 * @arena: what refslab_arena_put_pool() returned
 *
 * Context: process, may be atomic. What has to sleep is left to mem->unmap_work.
 */
void refslab_arena_free(struct refslab_mem *mem, struct refslab_arena *arena)
{
	if (likely(!arena->mapping && !is_vmalloc_addr(arena))) {
		arena_free_now(mem, arena);
		return;
	}
	atomic64_add(REFSLAB_ARENA_SIZE, &mem->returning);
	llist_add(&arena->dead, &mem->unmap_arenas);
	queue_work(system_dfl_wq, &mem->unmap_work);
}

/**
 * refslab_arena_unmap_all() - free the arenas that wait for it
 * @mem: the memory
 *
 * Context: process, sleeps.
 */
void refslab_arena_unmap_all(struct refslab_mem *mem)
{
	struct refslab_arena *arena, *next;

	llist_for_each_entry_safe(arena, next, llist_del_all(&mem->unmap_arenas), dead) {
		arena_free_now(mem, arena);
		atomic64_sub(REFSLAB_ARENA_SIZE, &mem->returning);
		cond_resched();
	}
}

/**
 * refslab_arena_sweep_empty() - give back the arenas without a pool in use
 * @mem: the memory
 *
 * Does nothing while somebody holds the memory.
 *
 * Context: process, sleeps.
 */
void refslab_arena_sweep_empty(struct refslab_mem *mem)
{
	struct refslab_arena *arena;

	do {
		arena = NULL;
		spin_lock(&mem->lock);
		if (!mem->holds)
			arena = list_first_entry_or_null(&mem->usable[REFSLAB_ARENA_POOLS],
							 struct refslab_arena, node);
		if (arena) {
			arena_unlist(mem, arena);
			arena_forget(mem, arena);
		}
		spin_unlock(&mem->lock);
		if (arena)
			refslab_arena_free(mem, arena);
		cond_resched();
	} while (arena);
}
REFSLAB_EXPORT_TEST(refslab_arena_sweep_empty);

/**
 * refslab_arena_of_mapped() - the arena of a block in mapped memory
 * @mem: the memory
 * @block: a block in an arena that is made of single pages
 *
 * Context: any.
 */
struct refslab_arena *refslab_arena_of_mapped(struct refslab_mem *mem, const void *block)
{
	return xa_load(&mem->mapped, (unsigned long)block >> REFSLAB_ARENA_SHIFT);
}
REFSLAB_EXPORT_TEST(refslab_arena_of_mapped);

/**
 * refslab_arena_destroy_all() - give all arenas back, whatever is allocated in them
 * @mem: the memory, which nobody uses any more
 *
 * Context: process, sleeps.
 */
void refslab_arena_destroy_all(struct refslab_mem *mem)
{
	struct refslab_arena *arena;
	unsigned long number;

	xa_for_each(&mem->arenas, number, arena) {
		spin_lock(&mem->lock);
		arena_unlist(mem, arena);
		arena_forget(mem, arena);
		spin_unlock(&mem->lock);
		arena_free_now(mem, arena);
		cond_resched();
	}
}
