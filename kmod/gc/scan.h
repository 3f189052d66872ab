/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One scan: what scan.c, mark.c, resurrect.c and garbage.c share.
 */
#ifndef _REFSLAB_SCAN_H
#define _REFSLAB_SCAN_H

#include <linux/bitmap.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "gc.h"
#include "../refslab.h"

/* Where the bytes of an arena's blocks are; see struct refslab_pool.scratch. */
struct refslab_scan_map {
	unsigned long arena;
	u8 *scratch;
};

/**
 * struct refslab_scan - a scan under way
 * @objects:	the heap's objects
 * @mem:	their memory, held until the verdict has been carried to the dead objects
 * @seq:	number of the scan: a pool's marks are valid when they carry it
 * @generation:	the oldest generation scanned
 * @filter:	of old objects, only candidates are looked at, and what they reach
 * @map:	arenas seen so far, by address, or NULL: the struct pages that else lead to them
 *		fall into few sets of a processor's caches
 * @map_mask:	number of entries less one
 * @pools:	pools with objects of the set scanned, linked through marks.scan_next
 * @tail:	end of that list
 * @gray:	arenas with objects to follow, linked through their gray_next
 * @gray_tail:	end of that list
 * @gray_large: large blocks with objects to follow, linked through marks.gray_next
 * @marking:	counts have done their work: who is found to be touched is marked
 * @settling:	objects may be DYING: those found reachable have it taken back
 * @swept:	when all of the set was last compared with its snapshots (jiffies)
 * @skipped:	old objects that cannot have become garbage since they were judged
 * @visited:	objects in the set
 * @promoted:	objects the snapshot moved to an older generation
 * @touched:	objects kept because somebody touched them
 * @dead:	objects found dead, and to be torn down
 * @unreachable: objects found dead
 * @uncollectable: those of them that cannot be torn down
 * @announced:	events for user space to finalize objects, to be queued after the verdict
 * @finalized:	finalizers that were called
 * @passes:	settling passes
 * @pauses:	for tests: how often it gave way in the middle of an object
 * @begin:	when the current part began, in ns
 * @part_ns:	how long each took so far
 * @work:	done since it looked at the clock last
 * @looked:	when that was, in ns; it has given way since, too
 * @longest_ns:	the longest from one look to the next
 */
struct refslab_scan {
	struct refslab_objects *objects;
	struct refslab_mem *mem;
	u64 seq;
	unsigned int generation;
	bool filter;
	struct refslab_scan_map *map;
	unsigned long map_mask;
	struct refslab_pool *pools;
	struct refslab_pool **tail;
	struct refslab_arena *gray;
	struct refslab_arena **gray_tail;
	struct refslab_pool *gray_large;
	bool marking;
	bool settling;
	unsigned long swept;
	u64 skipped;
	u64 visited;
	u64 promoted;
	u64 touched;
	u64 dead;
	u64 unreachable;
	u64 uncollectable;
	struct list_head announced;
	u64 finalized;
	u32 passes;
	u32 pauses;
	u64 begin;
	u64 part_ns[REFSLAB_GC_PARTS];
	unsigned int work;
	u64 looked;
	u64 longest_ns;
};

static inline struct refslab_container *refslab_scan_object(const struct refslab_pool *pool,
							    unsigned int index)
{
	return refslab_mem_block(pool, index);
}

/* The first blocks of a pool are brought near; the processor sees to those that follow. */
static inline void refslab_scan_prefetch(const struct refslab_pool *pool)
{
	unsigned int i;

	if (!pool)
		return;
	for (i = 0; i < 8; i++)
		prefetch(pool->base + i * SMP_CACHE_BYTES);
}

/* Blocks of the set not marked so far; the block at hand may be marked meanwhile. */
#define for_each_unmarked(index, pool)						\
	for_each_andnot_bit(index, (pool)->marks.in_scan, (pool)->marks.marked,	\
			    REFSLAB_POOL_MARKS)

/*
 * The collector's byte of a block. During a scan: whether the object is in the set; at first, one
 * more than the references to it that are not accounted for yet, or REFSLAB_SCAN_MANY when that
 * many and their number is in the object; in the end whether it was found to be reachable, and
 * whether its references were followed.
 */
#define REFSLAB_SCAN_OUT	0
#define REFSLAB_SCAN_MANY	253
#define REFSLAB_SCAN_GRAY	254
#define REFSLAB_SCAN_BLACK	255

/* The byte of a block in @scan's memory. */
static __always_inline u8 *refslab_scan_scratch(const struct refslab_scan *scan, const void *block)
{
	unsigned long offset = (unsigned long)block & (REFSLAB_ARENA_SIZE - 1);
	unsigned long arena = (unsigned long)block >> REFSLAB_ARENA_SHIFT;
	struct refslab_scan_map *at;

	if (unlikely(!scan->map || refslab_mem_is_large(block)))
		return refslab_mem_scratch(scan->mem, block);
	at = &scan->map[arena & scan->map_mask];
	if (unlikely(at->arena != arena)) {
		at->arena = arena;
		at->scratch = refslab_mem_arena_of(scan->mem, block)->scratch;
	}
	return at->scratch + offset / REFSLAB_OBJECT_MIN;
}

/* Is it in the set, and not marked? */
static inline bool refslab_scan_white(u8 scratch)
{
	return (u8)(scratch - 1) < REFSLAB_SCAN_GRAY - 1;
}

static inline void refslab_scan_set_refs(u8 *scratch, struct refslab_container *x, u32 refs)
{
	if (likely(refs < REFSLAB_SCAN_MANY - 1)) {
		*scratch = refs + 1;
		return;
	}
	x->gc_refs = refs;
	*scratch = REFSLAB_SCAN_MANY;
}

/* Are there references to it that are not accounted for? Of an object not marked so far. */
static inline bool refslab_scan_is_root(u8 scratch, const struct refslab_container *x)
{
	return scratch == REFSLAB_SCAN_MANY ? x->gc_refs : scratch > 1;
}

/*
 * References wait in a pipe until the bytes of what they refer to have been brought near: each
 * costs a trip to memory.
 */
#define REFSLAB_SCAN_PIPE	16

struct refslab_scan_pipe {
	struct refslab_scan *scan;
	unsigned int nr;
	u8 *scratch[REFSLAB_SCAN_PIPE];
	void *target[REFSLAB_SCAN_PIPE];
};

typedef void (*refslab_scan_arrive_t)(struct refslab_scan *scan, u8 *scratch, void *target);

/* Puts @target in, and has @arrive look at what comes out. */
static __always_inline void refslab_scan_push(struct refslab_scan_pipe *pipe, void *target,
					      refslab_scan_arrive_t arrive)
{
	unsigned int n = pipe->nr++ % REFSLAB_SCAN_PIPE;
	u8 *scratch = pipe->scratch[n];

	/* nothing is there at first */
	if (likely(scratch))
		arrive(pipe->scan, scratch, pipe->target[n]);
	pipe->target[n] = target;
	pipe->scratch[n] = refslab_scan_scratch(pipe->scan, target);
	prefetchw(pipe->scratch[n]);
}

/* Has @arrive look at what is in it. */
static __always_inline void refslab_scan_flush(struct refslab_scan_pipe *pipe,
					       refslab_scan_arrive_t arrive)
{
	unsigned int n;

	for (n = 0; n < REFSLAB_SCAN_PIPE; n++) {
		if (pipe->scratch[n])
			arrive(pipe->scan, pipe->scratch[n], pipe->target[n]);
		pipe->scratch[n] = NULL;
	}
}

/* scan.c */
void refslab_scan_yield(struct refslab_scan *scan);
void refslab_scan_breathe(struct refslab_scan *scan);
bool refslab_scan_pause(struct refslab_scan *scan, struct refslab_object *obj,
			const struct refslab_type *type);
bool refslab_scan_snapshot(struct refslab_pool *pool, unsigned int index, bool *alive);
void refslab_scan_add(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index);
void refslab_scan_mark(struct refslab_scan *scan);
void refslab_scan_settle(struct refslab_scan *scan);

/*
 * The references in the table of @obj, whose lock is held. Those of a long one are read in chunks.
 * Meanwhile the table has the scan's place, which those who insert and remove carry along: each
 * element that stays is visited once, and only once (rule R3). Elements that are appended need not
 * be, and nobody keeps the scan from coming to the end by appending.
 */
static __always_inline void refslab_scan_table(struct refslab_scan *scan,
					       struct refslab_object *obj,
					       const struct refslab_type *type,
					       refslab_visit_t visit, void *arg)
{
	struct refslab_table *table = refslab_object_table(obj);
	u32 i, n, next = 0, end = table->len;
	void **vec;

	while (next < end) {
		vec = refslab_table_at(table, next, &n);
		n = min3(n, end - next, (u32)REFSLAB_CHUNK);
		for (i = 0; i < n; i++)
			visit(vec[i], arg);
		next += n;
		if (next == end)
			break;
		table->scan_next = next;
		table->scan_end = end;
		if (!refslab_scan_pause(scan, obj, type))
			return;
		/* what came instead of an object that died has a table without a scan's place */
		if (!refslab_sabotaged(REFSLAB_SABOTAGE_PLACE))
			next = table->scan_next;
		end = table->scan_end;
	}
	if (table->scan_end) {
		table->scan_next = 0;
		table->scan_end = 0;
	}
}

/**
 * refslab_scan_references() - call @visit for each reference of a block of the set scanned
 * @scan: the scan
 * @obj: the block; the object in it may be gone, or another, by now
 * @visit: called under the object's lock
 * @arg: for @visit
 *
 * Reads the references whole under one hold of the lock, or, when there are many, in chunks. What
 * moves between two chunks is touched by whoever moves it (rules R1 and R2), or its table tells the
 * scan (R3). What a block refers to after it died and was filled anew was touched, too.
 */
static __always_inline void refslab_scan_references(struct refslab_scan *scan,
						    struct refslab_object *obj,
						    refslab_visit_t visit, void *arg)
{
	struct refslab_type *type;
	u32 i = 0, end;
	void **slots;

	refslab_object_lock(obj);
	type = refslab_object_type(obj);
	if (!type || !(type->flags & REFSLAB_TYPE_CONTAINER))
		goto out;
	if (type->ops && type->ops->traverse)
		type->ops->traverse(obj, visit, arg);
	if (type->flags & REFSLAB_TYPE_TABLE) {
		refslab_scan_table(scan, obj, type, visit, arg);
		goto out;
	}
	slots = refslab_object_slots(obj);
	for (;;) {
		end = min(type->nr_slots, i + REFSLAB_CHUNK);
		for (; i < end; i++)
			if (slots[i])
				visit(slots[i], arg);
		if (i == type->nr_slots || !refslab_scan_pause(scan, obj, type))
			break;
	}
out:
	refslab_object_unlock(obj);
}

/* mark.c */
void refslab_mark(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index);
void refslab_mark_roots(struct refslab_scan *scan);
void refslab_mark_follow(struct refslab_scan *scan);
void refslab_mark_closure(struct refslab_scan *scan);

/* resurrect.c */
bool refslab_resurrect_announced(struct refslab_scan *scan);
void refslab_resurrect(struct refslab_scan *scan);
void refslab_resurrect_marked(struct refslab_scan *scan);

/* garbage.c */
void refslab_garbage_sift(struct refslab_gc *gc, struct refslab_scan *scan);
void refslab_garbage_tell_stats(const struct refslab_gc *gc, const struct refslab_gc_result *result,
				u64 ns);

#endif /* _REFSLAB_SCAN_H */
