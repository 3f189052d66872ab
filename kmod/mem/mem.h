/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of a heap: arenas, pools, blocks, large blocks. Knows nothing of objects.
 *
 *   arena   256 KiB from the page allocator, aligned to its size, cut into 64 pools
 *   pool    4 KiB, cut into blocks of one size class, for one kind of content
 *   block   a multiple of 16 bytes up to 512: untouched (never carved), free, or allocated
 *   large   what is bigger: one block from the kernel's large allocator
 *   payload whole pages that user space may map, see payload.c
 *
 * A pool is *used* (some blocks allocated, some not: on its class's used list), *full* (on no
 * list), *empty* (on its arena's freepools, ready for any class) or, while somebody holds the
 * memory (refslab_mem_hold()), in *limbo*: without an allocated block, but still of its class.
 *
 * A used pool may be *owned* by a CPU: it serves this CPU alone, so that two CPUs at work do not
 * write to the same cache lines. A CPU owns one pool of a class at most, until that is full or
 * drained, and takes from another's only when no memory is to be had. Blocks go back to their pools
 * from everywhere.
 *
 * Usable arenas are ordered by the number of their free pools and the one with the fewest is
 * served first, so that nearly empty ones drain; one whose pools are all empty goes back.
 *
 * The first REFSLAB_MEM_STABLE bytes of a block are *type-stable*: they are zeroed when the block
 * is carved, never written by this layer afterwards, and stay memory of the same kind and block
 * size while the memory is held. That is what lets the collector look at a block it holds no
 * reference on.
 */
#ifndef _REFSLAB_MEM_H
#define _REFSLAB_MEM_H

#include <linux/align.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "payload.h"

#define REFSLAB_ARENA_SHIFT	18
#define REFSLAB_ARENA_SIZE	BIT(REFSLAB_ARENA_SHIFT)
#define REFSLAB_POOL_SHIFT	12
#define REFSLAB_POOL_SIZE	BIT(REFSLAB_POOL_SHIFT)
#define REFSLAB_ARENA_POOLS	(1U << (REFSLAB_ARENA_SHIFT - REFSLAB_POOL_SHIFT))
#define REFSLAB_CLASS_STEP	16U
#define REFSLAB_CLASS_MAX	512U
#define REFSLAB_NR_CLASSES	(REFSLAB_CLASS_MAX / REFSLAB_CLASS_STEP)

/*
 * Blocks that hold objects are at least 32 bytes, so their pools have at most this many, and no two
 * begin in the same 32 bytes.
 */
#define REFSLAB_OBJECT_MIN	32U
#define REFSLAB_POOL_MARKS	128U

/**
 * enum refslab_mem_kind - what a pool's blocks hold; kinds never share a pool
 * @REFSLAB_MEM_RAW:	plain memory (tables); nothing of it is type-stable
 * @REFSLAB_MEM_ATOM:	objects without references; blocks of at least 32 bytes
 * @REFSLAB_MEM_CONTAINER: objects with references; blocks of at least 32 bytes
 * @REFSLAB_MEM_KINDS:	how many there are
 */
enum refslab_mem_kind {
	REFSLAB_MEM_RAW,
	REFSLAB_MEM_ATOM,
	REFSLAB_MEM_CONTAINER,
	REFSLAB_MEM_KINDS
};

/* In blocks of objects a free block's link lies behind the stable bytes (word and type). */
#define REFSLAB_MEM_STABLE	16U
#define REFSLAB_MEM_LINK	REFSLAB_MEM_STABLE

/**
 * enum refslab_pool_state - see the top of this file
 * @REFSLAB_POOL_EMPTY:	on its arena's freepools
 * @REFSLAB_POOL_USED:	on its class's used list
 * @REFSLAB_POOL_FULL:	on no list; a large block in use too
 * @REFSLAB_POOL_LIMBO:	on its class's limbo list; a large block freed: on limbo_larges
 */
enum refslab_pool_state {
	REFSLAB_POOL_EMPTY,
	REFSLAB_POOL_USED,
	REFSLAB_POOL_FULL,
	REFSLAB_POOL_LIMBO,
};

/**
 * struct refslab_pool_marks - side data of a pool for the collector
 *
 * One bit per block, at the block's index. Zeroed when a pool is given to a class of objects and
 * when a large block is made, otherwise not touched by this layer. Before the pool leaves its class
 * or the large block is freed, refslab_mem.retire takes it off the collector's lists.
 *
 * @seq:	the scan that @in_scan and @marked belong to
 * @in_scan:	the object belongs to the set scanned, when @seq is the scan's
 * @marked:	found to be reachable, and its references followed
 * @young:	set by whoever fills a block with a tracked object, cleared by the scanner; atomic
 * @middle:	the object is in generation 1 (unless young)
 * @old:	the object is in generation 2 (unless young or middle)
 * @judged:	the object was found alive by a full scan; the collector's note of that is good
 * @scan_next:	next pool of the scan
 * @gray_next:	of a large block: the next large one with a gray object
 * @node:	links of the collector's lists of pools with objects of generations 0 and 1
 * @queued:	on those lists
 * @listed:	the pool is on the scan's list, when @seq is the scan's
 */
struct refslab_pool_marks {
	u64 seq;
	DECLARE_BITMAP(in_scan, REFSLAB_POOL_MARKS);
	DECLARE_BITMAP(marked, REFSLAB_POOL_MARKS);
	DECLARE_BITMAP(young, REFSLAB_POOL_MARKS);
	DECLARE_BITMAP(middle, REFSLAB_POOL_MARKS);
	DECLARE_BITMAP(old, REFSLAB_POOL_MARKS);
	DECLARE_BITMAP(judged, REFSLAB_POOL_MARKS);
	struct refslab_pool *scan_next;
	struct refslab_pool *gray_next;
	struct list_head node[2];
	u8 queued[2];
	u8 listed;
};

/**
 * struct refslab_pool - descriptor of a pool, or of one large block
 * @base:	first block
 * @scratch:	of the collector: a byte for each block, at its offset from @base in units of
 *		REFSLAB_OBJECT_MIN; in the arena's descriptor, or @large_scratch. 0 between scans
 * @size:	bytes of a block
 * @recip:	index of a block = (offset from @base * @recip) >> 20
 * @capacity:	blocks the pool has; 1 for a large block
 * @kind:	enum refslab_mem_kind; REFSLAB_MEM_RAW too while the pool is empty
 * @state:	enum refslab_pool_state
 * @marks:	see there
 * @used:	blocks allocated
 * @carved:	blocks carved so far: those at @carved and above are untouched
 * @number:	number of the pool within its arena, or of the large block within the heap
 * @arena:	its arena; NULL for a large block
 * @node:	on the class's used or limbo list, or its arena's freepools
 * @own:	the pointer of the CPU that owns it, in struct refslab_mem_cpu; NULL: nobody's
 * @freeblock:	first free block, linked through the blocks
 * @large_scratch: see @scratch
 *
 * @base, @size, @recip, @capacity and @kind are set when the pool is given to a class and stay
 * until it is empty; the rest (except @marks) is protected by the class's lock, and by the memory's
 * lock when the pool is empty or large.
 *
 * Who holds the memory may look without a lock: @kind is written last, with release, so whoever
 * reads ATOM or CONTAINER there with acquire finds the rest and @marks set up; @carved is raised
 * with release after the block was zeroed.
 */
struct refslab_pool {
	void *base;
	u8 *scratch;
	u32 size;
	u32 recip;
	u16 capacity;
	u8 kind;
	u8 state;
	u16 used;
	u16 carved;
	struct refslab_pool_marks marks;
	u32 number;
	u8 large_scratch;
	struct refslab_arena *arena;
	struct list_head node;
	struct refslab_pool **own;
	void *freeblock;
};

/**
 * struct refslab_arena - descriptor of an arena
 * @scratch:	see struct refslab_pool. What a scan looks up for each reference is here, close
 *		together: a byte for each REFSLAB_OBJECT_MIN bytes of the arena
 * @gray:	of the collector: pools with gray objects; not 0: the arena is on its list
 * @gray_next:	next arena on that list
 * @base:	its memory, aligned to REFSLAB_ARENA_SIZE
 * @number:	number within the heap, not used again before 2^32 others
 * @nr_free:	empty pools
 * @node:	on the list of usable arenas with @nr_free empty pools, or of the full ones
 * @freepools:	the empty pools
 * @mapping:	when made of single pages: the mapping they are seen through, else NULL
 * @pages:	when made of single pages: those, twice over
 * @dead:	link while the arena waits to be freed, or unmapped
 * @pools:	its pools, in address order
 */
struct refslab_arena {
	u8 scratch[REFSLAB_ARENA_SIZE / REFSLAB_OBJECT_MIN];
	u64 gray;
	struct refslab_arena *gray_next;
	void *base;
	u32 number;
	u32 nr_free;
	struct list_head node;
	struct list_head freepools;
	void *mapping;
	struct page **pages;
	struct llist_node dead;
	struct refslab_pool pools[REFSLAB_ARENA_POOLS];
};

/**
 * struct refslab_class - one size class of one kind
 * @lock:	protects the lists, their pools and who owns them
 * @used:	pools with a block to give: nobody's, last used first, then those that CPUs own
 * @limbo:	pools without an allocated block while the memory is held
 * @blocks:	blocks allocated
 * @nr_used:	pools on @used
 * @nr_full:	full pools
 * @nr_limbo:	pools in limbo
 */
struct refslab_class {
	spinlock_t lock;	/* see above */
	u32 nr_used;
	struct list_head used;
	struct list_head limbo;
	unsigned long blocks;
	u32 nr_full;
	u32 nr_limbo;
} ____cacheline_aligned_in_smp;

/**
 * struct refslab_mem_cpu - a CPU's part of the memory of a heap
 * @own:	the pools it owns, by kind and class; NULL: none. Protected by the class's lock
 */
struct refslab_mem_cpu {
	struct refslab_pool *own[REFSLAB_MEM_KINDS][REFSLAB_NR_CLASSES];
};

/**
 * struct refslab_mem - the memory of a heap
 * @classes:	the size classes, by kind
 * @cpu:	the per-CPU parts
 * @lock:	protects everything below that is not atomic
 * @usable:	arenas by their number of empty pools (1 .. 64)
 * @usable_map:	bit n - 1: usable[n] is not empty
 * @full:	arenas without an empty pool
 * @arenas:	arenas by number
 * @mapped:	arenas made of single pages, by address >> REFSLAB_ARENA_SHIFT
 * @larges:	descriptors of large blocks of objects, by number; those in limbo included
 * @limbo_larges: large blocks of objects freed while the memory was held
 * @holds:	who holds the memory, see refslab_mem_hold()
 * @retire:	called for a pool of objects before it leaves its class, and for a large block
 *		before it is freed: nobody holds the memory, no block is allocated. Under the
 *		class's lock and @lock, so it must not call this layer. May be NULL; set before
 *		the first block is allocated
 * @max_bytes:	limit of @reserved; 0: none
 * @limit_set:	the limit was changed since: @reserved may be above it
 * @reserved:	bytes taken from the kernel (arenas, large blocks, pages of payloads)
 * @large_bytes: of those, large blocks in use
 * @returning:	of those, on their way back: large blocks in limbo, what waits for @unmap_work
 * @nr_large:	large blocks in use
 * @nr_arenas:	arenas held
 * @nr_empty:	empty pools
 * @arenas_made: arenas taken from the kernel so far
 * @arenas_returned: arenas given back so far
 * @next_arena:	number for the next arena
 * @next_large:	number for the next large block of an object
 * @unmap:	vmalloc'ed memory to free where sleeping is allowed
 * @unmap_arenas: arenas to free there
 * @unmap_work:	does it
 * @unmap_lock:	held while it is done: who takes it finds done what was on the lists before
 * @window:	mappable payloads
 * @single_pages: for tests: make arenas of single pages
 * @fail_at:	for tests: the how manieth attempt to get memory fails; 0: none
 */
struct refslab_mem {
	struct refslab_class classes[REFSLAB_MEM_KINDS][REFSLAB_NR_CLASSES];
	struct refslab_mem_cpu __percpu *cpu;
	spinlock_t lock;	/* see above */
	struct list_head usable[REFSLAB_ARENA_POOLS + 1];
	u64 usable_map;
	struct list_head full;
	struct xarray arenas;
	struct xarray mapped;
	struct xarray larges;
	struct list_head limbo_larges;
	unsigned int holds;
	void (*retire)(struct refslab_mem *mem, struct refslab_pool *pool);
	u64 max_bytes;
	bool limit_set;
	atomic64_t reserved;
	atomic64_t large_bytes;
	atomic64_t returning;
	atomic_long_t nr_large;
	unsigned long nr_arenas;
	unsigned long nr_empty;
	u64 arenas_made;
	u64 arenas_returned;
	u32 next_arena;
	u32 next_large;
	struct llist_head unmap;
	struct llist_head unmap_arenas;
	struct work_struct unmap_work;
	struct mutex unmap_lock;	/* see above */
	struct refslab_window window;
#if IS_ENABLED(CONFIG_KUNIT)
	bool single_pages;
	atomic_t fail_at;
#endif
};

/**
 * struct refslab_mem_usage - what refslab_mem_usage() tells
 * @bytes_allocated: blocks allocated (the types' caches included), large blocks
 * @bytes_reserved: bytes taken from the kernel: arenas, large blocks, pages of payloads
 * @bytes_mapped: of those, pages of payloads
 * @arenas:	arenas held
 * @pools_used:	pools with both allocated and free blocks
 * @pools_full:	pools without a free block
 * @pools_empty: pools without an allocated block, those in limbo included
 * @large:	large blocks
 * @arenas_made: arenas taken from the kernel so far
 * @arenas_returned: arenas given back so far
 */
struct refslab_mem_usage {
	u64 bytes_allocated;
	u64 bytes_reserved;
	u64 bytes_mapped;
	u64 arenas;
	u64 pools_used;
	u64 pools_full;
	u64 pools_empty;
	u64 large;
	u64 arenas_made;
	u64 arenas_returned;
};

void refslab_mem_init(struct refslab_mem *mem, struct refslab_mem_cpu __percpu *cpu, u64 max_bytes);
void refslab_mem_set_limit(struct refslab_mem *mem, u64 max_bytes);
void refslab_mem_destroy(struct refslab_mem *mem);
void *refslab_mem_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			gfp_t gfp);
void refslab_mem_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
		      void *block);
unsigned int refslab_mem_alloc_batch(struct refslab_mem *mem, enum refslab_mem_kind kind,
				     size_t size, unsigned int nr, gfp_t gfp, void **list);
void refslab_mem_free_batch(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			    void *list);
void refslab_mem_hold(struct refslab_mem *mem);
void refslab_mem_release(struct refslab_mem *mem);
void refslab_mem_settle(struct refslab_mem *mem);
struct refslab_pool *refslab_mem_find_pool(struct refslab_mem *mem, u64 at);
struct refslab_pool *refslab_mem_next_pool(struct refslab_mem *mem, u64 *cursor);
void refslab_mem_usage(struct refslab_mem *mem, struct refslab_mem_usage *usage);
void refslab_mem_usage_now(struct refslab_mem *mem, struct refslab_mem_usage *usage);
int refslab_mem_check(struct refslab_mem *mem, unsigned int own_holds, char *why, size_t len);

/* between the files of mem/ */
void refslab_arena_init(struct refslab_mem *mem);
struct refslab_pool *refslab_arena_take_pool(struct refslab_mem *mem, gfp_t gfp);
struct refslab_arena *refslab_arena_put_pool(struct refslab_mem *mem, struct refslab_pool *pool);
void refslab_arena_free(struct refslab_mem *mem, struct refslab_arena *arena);
void refslab_arena_sweep_empty(struct refslab_mem *mem);
void refslab_arena_unmap_all(struct refslab_mem *mem);
struct refslab_arena *refslab_arena_of_mapped(struct refslab_mem *mem, const void *block);
void refslab_arena_destroy_all(struct refslab_mem *mem);
void refslab_pool_init(struct refslab_mem *mem);
unsigned int refslab_pool_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
				unsigned int nr, gfp_t gfp, void **list);
void refslab_pool_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
		       void *list);
void refslab_pool_sweep_limbo(struct refslab_mem *mem);
void *refslab_large_alloc(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			  gfp_t gfp);
void refslab_large_free(struct refslab_mem *mem, enum refslab_mem_kind kind, size_t size,
			void *block);
void refslab_large_sweep_limbo(struct refslab_mem *mem);
void refslab_large_destroy_all(struct refslab_mem *mem);
u64 refslab_large_charge(enum refslab_mem_kind kind, size_t size);
void refslab_mem_free_later(struct refslab_mem *mem, void *vmalloced, u64 bytes);
bool refslab_mem_charge(struct refslab_mem *mem, u64 bytes, gfp_t gfp);
void refslab_mem_uncharge(struct refslab_mem *mem, u64 bytes);

/* Whether a test wants this attempt to get memory to fail. */
static inline bool refslab_mem_fail(struct refslab_mem *mem)
{
#if IS_ENABLED(CONFIG_KUNIT)
	return unlikely(atomic_dec_if_positive(&mem->fail_at) == 0);
#else
	return false;
#endif
}

/**
 * refslab_mem_size() - bytes that a block takes
 * @kind: what it holds
 * @size: bytes asked for
 *
 * A large block takes what was asked for.
 */
static inline size_t refslab_mem_size(enum refslab_mem_kind kind, size_t size)
{
	if (unlikely(size > REFSLAB_CLASS_MAX))
		return size;
	if (kind != REFSLAB_MEM_RAW && size < REFSLAB_OBJECT_MIN)
		return REFSLAB_OBJECT_MIN;
	return size ? ALIGN(size, REFSLAB_CLASS_STEP) : REFSLAB_CLASS_STEP;
}

/* Where the link of a free block is, in the block. */
static inline void **refslab_mem_link(enum refslab_mem_kind kind, void *block)
{
	return block + (kind == REFSLAB_MEM_RAW ? 0 : REFSLAB_MEM_LINK);
}

/*
 * Large blocks of objects lie at 8 modulo 16 and all others at 0, so that the address alone tells;
 * the word before a large block is its descriptor.
 */
static inline bool refslab_mem_is_large(const void *block)
{
	return (unsigned long)block & 8;
}

static inline struct refslab_arena *refslab_mem_arena_of(struct refslab_mem *mem, const void *block)
{
	unsigned long base = (unsigned long)block & ~(REFSLAB_ARENA_SIZE - 1);

	/* Whoever has a block of a mapped arena sees that there are some. */
	if (unlikely(!data_race(xa_empty(&mem->mapped))) && is_vmalloc_addr(block))
		return refslab_arena_of_mapped(mem, block);
	return (struct refslab_arena *)page_private(virt_to_page((void *)base));
}

/**
 * refslab_mem_pool_of() - the pool a block lies in
 * @mem: the memory
 * @block: a block of kind ATOM or CONTAINER, allocated or known to stay by a hold
 *
 * Does not touch the block's memory, unless it is large. Context: any.
 */
static inline struct refslab_pool *refslab_mem_pool_of(struct refslab_mem *mem, const void *block)
{
	unsigned long offset = (unsigned long)block & (REFSLAB_ARENA_SIZE - 1);

	if (unlikely(refslab_mem_is_large(block)))
		return ((struct refslab_pool **)block)[-1];
	return &refslab_mem_arena_of(mem, block)->pools[offset >> REFSLAB_POOL_SHIFT];
}

/**
 * refslab_mem_index() - number of a block within its pool
 * @pool: the pool
 * @block: address of the first byte of one of its blocks
 */
static inline unsigned int refslab_mem_index(const struct refslab_pool *pool, const void *block)
{
	return ((u32)(block - pool->base) * pool->recip) >> 20;
}

/**
 * refslab_mem_block() - address of a block by its number within the pool
 * @pool: the pool
 * @index: number of the block, below @pool->capacity
 */
static inline void *refslab_mem_block(const struct refslab_pool *pool, unsigned int index)
{
	return pool->base + index * pool->size;
}

/**
 * refslab_mem_scratch() - the collector's byte of a block
 * @mem: the memory
 * @block: as for refslab_mem_pool_of()
 *
 * Does not touch the block's memory, nor its pool's descriptor, unless it is large. Context: any.
 */
static inline u8 *refslab_mem_scratch(struct refslab_mem *mem, const void *block)
{
	unsigned long offset = (unsigned long)block & (REFSLAB_ARENA_SIZE - 1);

	if (unlikely(refslab_mem_is_large(block)))
		return &((struct refslab_pool **)block)[-1]->large_scratch;
	return &refslab_mem_arena_of(mem, block)->scratch[offset / REFSLAB_OBJECT_MIN];
}

/**
 * refslab_mem_scratch_at() - the collector's byte of a block, by the block's number
 * @pool: the pool
 * @index: number of the block
 */
static inline u8 *refslab_mem_scratch_at(const struct refslab_pool *pool, unsigned int index)
{
	return &pool->scratch[index * pool->size / REFSLAB_OBJECT_MIN];
}

#endif /* _REFSLAB_MEM_H */
