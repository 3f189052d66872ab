/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-type caches of dead objects, and blocks on their way from and to the pools.
 */
#ifndef _REFSLAB_CACHE_H
#define _REFSLAB_CACHE_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "../mem/mem.h"

struct refslab_objects;
struct refslab_type;

/* Blocks on their way, of a type and CPU: so many are moved at a time. */
#define REFSLAB_CACHE_LOOSE	32

/* So many objects have to be made in a row, or freed, before any are. */
#define REFSLAB_CACHE_STREAK	64

/**
 * struct refslab_cache_cpu - one CPU's share of a type's cache; touched by its CPU only, in task
 *	context with preemption off
 * @head:	dead blocks, last in first out
 * @nr:		how many
 * @cap:	how many it may keep; borrowed from struct refslab_cache.spare
 * @made:	objects made on this CPU
 * @freed:	objects destroyed on this CPU
 * @hits:	those of @made that came from the cache
 * @loose:	blocks on their way from the pools or to them, with whatever is in them
 * @nr_loose:	how many
 * @streak:	blocks taken from the pools since an object was last freed; less than 0: given back
 *		since one was last taken
 */
struct refslab_cache_cpu {
	void *head;
	u32 nr;
	u32 cap;
	u64 made;
	u64 freed;
	u64 hits;
	void *loose;
	u32 nr_loose;
	s32 streak;
};

/**
 * struct refslab_cache - a type's cache of dead objects
 * @cpu:	the per-CPU parts
 * @limit:	most objects it keeps, on all CPUs together
 * @batch:	how many a CPU borrows at a time
 * @spare:	what no CPU has borrowed
 */
struct refslab_cache {
	struct refslab_cache_cpu __percpu *cpu;
	u32 limit;
	u32 batch;
	atomic_t spare;
};

/* The link of a cached block: a free block's, which is the same for all kinds of objects. */
static inline void **refslab_cache_link(void *block)
{
	return refslab_mem_link(REFSLAB_MEM_ATOM, block);
}

u32 refslab_cache_borrow(struct refslab_cache *cache);

/**
 * refslab_cache_pop() - take the block that was cached last on this CPU
 * @cpu: the CPU's part of the type's cache
 *
 * Context: task, preemption off.
 *
 * Return: a block of the type with its word and head as its last object left them, and its
 * references empty; or NULL.
 */
static inline void *refslab_cache_pop(struct refslab_cache_cpu *cpu)
{
	void *block = cpu->head;

	if (!block)
		return NULL;
	cpu->head = *refslab_cache_link(block);
	/* others look at the numbers at any time, and want no more than whole ones */
	WRITE_ONCE(cpu->nr, cpu->nr - 1);
	WRITE_ONCE(cpu->hits, cpu->hits + 1);
	return block;
}

/**
 * refslab_cache_push() - keep a dead object's block
 * @cache: the type's cache
 * @cpu: the CPU's part of it
 * @block: nobody refers to it
 *
 * Context: task, preemption off. Return: false when the cache is full: the block is the caller's.
 */
static inline bool refslab_cache_push(struct refslab_cache *cache, struct refslab_cache_cpu *cpu,
				      void *block)
{
	if (unlikely(cpu->nr >= cpu->cap)) {
		WRITE_ONCE(cpu->cap, cpu->cap + refslab_cache_borrow(cache));
		if (cpu->nr >= cpu->cap)
			return false;
	}
	*refslab_cache_link(block) = cpu->head;
	cpu->head = block;
	WRITE_ONCE(cpu->nr, cpu->nr + 1);
	return true;
}

/**
 * refslab_cache_pop_loose() - take a block that is on its way
 * @cpu: the CPU's part of the type's cache
 *
 * Context: task, preemption off. Return: a block as the pools give it, or NULL.
 */
static inline void *refslab_cache_pop_loose(struct refslab_cache_cpu *cpu)
{
	void *block = cpu->loose;

	if (!block)
		return NULL;
	cpu->loose = *refslab_cache_link(block);
	WRITE_ONCE(cpu->nr_loose, cpu->nr_loose - 1);
	cpu->streak = max(cpu->streak, 0) + 1;
	return block;
}

/**
 * refslab_cache_push_loose() - send a block on its way to its pool, if others go with it
 * @cpu: the CPU's part of the type's cache
 * @block: nobody refers to it
 * @back: out: blocks for refslab_cache_give_back(), or unchanged
 *
 * What is loose already is used before what is in the pools, so this one joins it, to be the next.
 *
 * Context: task, preemption off. Return: false when the block is the caller's.
 */
static inline bool refslab_cache_push_loose(struct refslab_cache_cpu *cpu, void *block,
					    void **back)
{
	cpu->streak = min(cpu->streak, 0) - 1;
	if (!cpu->loose && cpu->streak > -REFSLAB_CACHE_STREAK)
		return false;
	*refslab_cache_link(block) = cpu->loose;
	cpu->loose = block;
	WRITE_ONCE(cpu->nr_loose, cpu->nr_loose + 1);
	if (cpu->nr_loose < REFSLAB_CACHE_LOOSE)
		return true;
	*back = cpu->loose;
	cpu->loose = NULL;
	WRITE_ONCE(cpu->nr_loose, 0);
	return true;
}

void refslab_cache_give_back(struct refslab_type *type, void *list);
int refslab_cache_init(struct refslab_cache *cache, u32 limit, gfp_t gfp);
void refslab_cache_destroy(struct refslab_type *type);
void *refslab_cache_refill(struct refslab_type *type, gfp_t gfp);
void refslab_cache_settle(struct refslab_objects *objects);
void refslab_cache_drain_cpu(struct refslab_objects *objects);
void refslab_cache_drain_all(struct refslab_objects *objects);
void refslab_cache_drain_async(struct refslab_objects *objects);
u64 refslab_cache_count(struct refslab_type *type);

#endif /* _REFSLAB_CACHE_H */
