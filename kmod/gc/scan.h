/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One scan, between scan.c and mark.c.
 */
#ifndef _REFSLAB_SCAN_H
#define _REFSLAB_SCAN_H

#include <linux/bitmap.h>
#include <linux/prefetch.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "gc.h"
#include "../refslab.h"

/**
 * struct refslab_scan - a scan under way
 * @objects:	the heap's objects
 * @mem:	their memory, held until the verdict has been carried to the dead objects
 * @seq:	number of the scan: a pool's marks are valid when they carry it
 * @generation:	the oldest generation scanned
 * @filter:	of old objects, only candidates are looked at, and what they reach
 * @pools:	pools with objects of the set scanned, linked through marks.scan_next
 * @tail:	end of that list
 * @gray:	pools with objects to follow, linked through marks.gray_next
 * @gray_tail:	end of that list
 * @settling:	objects may be DYING: those found reachable have it taken back
 * @swept:	when all of the set was last compared with its snapshots (jiffies)
 * @skipped:	old objects that cannot have become garbage since they were judged
 * @visited:	objects in the set
 * @touched:	objects kept because somebody touched them
 * @dead:	objects found dead
 * @announced:	events for user space to finalize objects, to be queued after the verdict
 * @finalized:	finalizers that were called
 * @passes:	settling passes
 * @begin:	when the current part began, in ns
 * @part_ns:	how long each took so far
 */
struct refslab_scan {
	struct refslab_objects *objects;
	struct refslab_mem *mem;
	u64 seq;
	unsigned int generation;
	bool filter;
	struct refslab_pool *pools;
	struct refslab_pool **tail;
	struct refslab_pool *gray;
	struct refslab_pool **gray_tail;
	bool settling;
	unsigned long swept;
	u64 skipped;
	u64 visited;
	u64 touched;
	u64 dead;
	struct list_head announced;
	u64 finalized;
	u32 passes;
	u64 begin;
	u64 part_ns[REFSLAB_GC_PARTS];
};

static inline struct refslab_container *refslab_scan_object(const struct refslab_pool *pool,
							    unsigned int index)
{
	return refslab_mem_block(pool, index);
}

/* Blocks of the set not marked so far; the block at hand may be marked meanwhile. */
#define for_each_unmarked(index, pool)						\
	for_each_andnot_bit(index, (pool)->marks.in_scan, (pool)->marks.marked,	\
			    REFSLAB_POOL_MARKS)

/*
 * References to an object of the set that are not accounted for yet: a byte in its pool's marks, so
 * that those of many objects lie close together; REFSLAB_SCAN_MANY when they are in the object.
 */
#define REFSLAB_SCAN_MANY	255

static inline u32 refslab_scan_refs(const struct refslab_pool *pool, unsigned int index)
{
	u32 refs = pool->marks.refs[index];

	return likely(refs != REFSLAB_SCAN_MANY) ? refs : refslab_scan_object(pool, index)->gc_refs;
}

static inline void refslab_scan_set_refs(struct refslab_pool *pool, unsigned int index, u32 refs)
{
	if (unlikely(refs >= REFSLAB_SCAN_MANY))
		refslab_scan_object(pool, index)->gc_refs = refs;
	pool->marks.refs[index] = min_t(u32, refs, REFSLAB_SCAN_MANY);
}

/* One reference less. Below 0, where only a reference that moves can bring it, it is a root. */
static inline void refslab_scan_take_ref(struct refslab_pool *pool, unsigned int index)
{
	u8 *refs = &pool->marks.refs[index];

	if (likely(*refs && *refs != REFSLAB_SCAN_MANY))
		--*refs;
	else
		refslab_scan_set_refs(pool, index, refslab_scan_refs(pool, index) - 1);
}

/* Is @target in the set scanned? Then where. Does not touch the object. */
static inline bool refslab_scan_has(const struct refslab_scan *scan, const void *target,
				    struct refslab_pool **pool, unsigned int *index)
{
	*pool = refslab_mem_pool_of(scan->mem, target);
	if ((*pool)->marks.seq != scan->seq)
		return false;
	*index = refslab_mem_index(*pool, target);
	return test_bit(*index, (*pool)->marks.in_scan);
}

/**
 * refslab_scan_references() - call @visit for each reference of a block of the set scanned
 * @obj: the block; the object in it may be gone, or another, by now
 * @visit: called under the object's lock
 * @arg: for @visit
 *
 * Reads the references whole under one hold of the lock, or, when there are many, in chunks. What
 * moves between two chunks is touched by whoever moves it (rules R1 to R3), and so is what a block
 * refers to after it died and was filled anew.
 */
static __always_inline void refslab_scan_references(struct refslab_object *obj,
						    refslab_visit_t visit, void *arg)
{
	struct refslab_table *table = NULL;
	struct refslab_type *type, *first;
	u32 i = 0, n, end;
	void **vec;

	refslab_object_lock(obj);
	first = refslab_object_type(obj);
	if (!first || !(first->flags & REFSLAB_TYPE_CONTAINER))
		goto out;
	if (first->flags & REFSLAB_TYPE_TABLE)
		table = refslab_object_table(obj);
	if (first->ops && first->ops->traverse)
		first->ops->traverse(obj, visit, arg);
	for (;;) {
		vec = table ? table->vec : refslab_object_slots(obj);
		n = table ? table->len : first->nr_slots;
		end = min(n, i + REFSLAB_CHUNK);
		for (; i < end; i++)
			if (vec[i])
				visit(vec[i], arg);
		if (i >= n)
			break;
		if (table)
			table->chunked = 1;
		refslab_object_unlock(obj);
		cond_resched();
		refslab_object_lock(obj);
		type = refslab_object_type(obj);
		if (type != first)
			goto out;
	}
	if (table)
		table->chunked = 0;
out:
	refslab_object_unlock(obj);
}

/* mark.c */
void refslab_mark(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index);
void refslab_mark_follow(struct refslab_scan *scan);
void refslab_mark_closure(struct refslab_scan *scan);

/* scan.c */
void refslab_scan_breathe(struct refslab_scan *scan);
bool refslab_scan_snapshot(struct refslab_pool *pool, unsigned int index, bool *alive);
void refslab_scan_add(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index);
void refslab_scan_mark(struct refslab_scan *scan);
void refslab_scan_settle(struct refslab_scan *scan);

/* resurrect.c */
bool refslab_resurrect_announced(struct refslab_scan *scan);
void refslab_resurrect(struct refslab_scan *scan);

#endif /* _REFSLAB_SCAN_H */
