// SPDX-License-Identifier: GPL-2.0
/*
 * Per-type caches of dead objects: a dead object's block waits here for the next object of its
 * type, last in first out, and never serves another type.
 *
 * Each CPU has its own list, touched only by that CPU, in task context with preemption off: the
 * common allocation takes no lock. The type's limit is shared out as it is needed: a CPU whose list
 * is as long as it may be borrows room from what is spare, a batch at a time, and all lists
 * together never exceed the limit. Room goes back when the list is drained.
 *
 * Beyond that, blocks go back to their pools, and come from them, some at a time, so that the
 * pools' lock is not taken for each: a CPU has a second list of *loose* blocks. There are some only
 * while many objects are made in a row, or freed, and who wants to know how much memory is used has
 * them put back first: refslab_cache_settle().
 */
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "object.h"

/**
 * refslab_cache_init() - make an empty cache
 * @cache: to fill in
 * @limit: most objects it keeps; 0: none
 * @gfp: allocation flags; may sleep
 *
 * Return: 0 or -ENOMEM.
 */
int refslab_cache_init(struct refslab_cache *cache, u32 limit, gfp_t gfp)
{
	cache->cpu = alloc_percpu_gfp(struct refslab_cache_cpu, gfp);
	if (!cache->cpu)
		return -ENOMEM;
	cache->limit = limit;
	cache->batch = clamp(limit / 8, 1U, 16U);
	atomic_set(&cache->spare, limit);
	return 0;
}

/**
 * refslab_cache_borrow() - room for more blocks on a CPU
 * @cache: the cache
 *
 * Return: for how many; the CPU's from now on.
 */
u32 refslab_cache_borrow(struct refslab_cache *cache)
{
	int spare = atomic_read(&cache->spare), take;

	do {
		take = min_t(int, spare, cache->batch);
		if (take <= 0)
			return 0;
	} while (!atomic_try_cmpxchg_relaxed(&cache->spare, &spare, spare - take));
	return take;
}

/**
 * refslab_cache_refill() - a block from the pools
 * @type: the type it is for, not of REFSLAB_TYPE_SIZED
 * @gfp: allocation flags
 *
 * Puts some more by, in the middle of a long streak. Context: as @gfp says, as for
 * refslab_objects_mem_alloc(). Return: the block or NULL.
 */
void *refslab_cache_refill(struct refslab_type *type, gfp_t gfp)
{
	struct refslab_cache_cpu *cpu;
	void *list, *last;
	unsigned int n, i;

	if (type->size > REFSLAB_CLASS_MAX)
		return refslab_objects_mem_alloc(type->objects, type->kind, type->size, gfp);
	preempt_disable();
	cpu = this_cpu_ptr(type->cache.cpu);
	n = cpu->streak < REFSLAB_CACHE_STREAK ? 1 : REFSLAB_CACHE_LOOSE / 2;
	cpu->streak = max(cpu->streak, 0) + 1;
	preempt_enable();
	n = refslab_objects_mem_alloc_batch(type->objects, type->kind, type->size, n, gfp, &list);
	if (n <= 1)
		return list;
	for (last = list, i = 1; i < n; i++)
		last = *refslab_cache_link(last);
	preempt_disable();
	/* there are others when we have moved meanwhile */
	cpu = this_cpu_ptr(type->cache.cpu);
	*refslab_cache_link(last) = cpu->loose;
	cpu->loose = *refslab_cache_link(list);
	WRITE_ONCE(cpu->nr_loose, cpu->nr_loose + n - 1);
	preempt_enable();
	return list;
}

/* Takes a CPU's list and its room away. The caller is alone with it. */
static void *detach(struct refslab_type *type, struct refslab_cache_cpu *cpu)
{
	void *block = cpu->head;

	cpu->head = NULL;
	WRITE_ONCE(cpu->nr, 0);
	atomic_add(cpu->cap, &type->cache.spare);
	WRITE_ONCE(cpu->cap, 0);
	return block;
}

static void *detach_loose(struct refslab_cache_cpu *cpu)
{
	void *block = cpu->loose;

	cpu->loose = NULL;
	WRITE_ONCE(cpu->nr_loose, 0);
	cpu->streak = 0;
	return block;
}

/**
 * refslab_cache_give_back() - free loose blocks
 * @type: their type
 * @list: the blocks, linked, the one that was freed last in front; NULL: none
 *
 * It is the next to be used again. Context: task context.
 */
void refslab_cache_give_back(struct refslab_type *type, void *list)
{
	void *block, *next, *reversed = NULL, **last;
	unsigned int n;

	while ((block = list)) {
		list = *refslab_cache_link(block);
		*refslab_cache_link(block) = reversed;
		reversed = block;
	}
	/* there are more than a batch when several have put some by at once */
	for (block = reversed; block; block = next) {
		next = block;
		for (n = 0; n < REFSLAB_CACHE_LOOSE && next; n++) {
			last = refslab_cache_link(next);
			next = *last;
		}
		*last = NULL;
		refslab_mem_free_batch(&type->objects->mem, type->kind, type->size, block);
	}
}

static void free_blocks(struct refslab_type *type, void *block)
{
	void *next;

	for (; block; block = next) {
		next = *refslab_cache_link(block);
		refslab_mem_free(&type->objects->mem, type->kind, type->size, block);
		cond_resched();
	}
}

/* Puts back what is loose on this CPU, and with @all what the caches keep, too. */
static void put_back(struct refslab_objects *objects, bool all)
{
	struct refslab_type *type;
	unsigned long number;
	void *loose, *kept;

	xa_for_each(&objects->types, number, type) {
		preempt_disable();
		loose = detach_loose(this_cpu_ptr(type->cache.cpu));
		kept = all ? detach(type, this_cpu_ptr(type->cache.cpu)) : NULL;
		preempt_enable();
		refslab_cache_give_back(type, loose);
		free_blocks(type, kept);
	}
}

/* The same of a CPU that nobody runs on. @types_lock keeps two of us apart. */
static void put_back_offline(struct refslab_objects *objects, int cpu, bool all)
{
	struct refslab_cache_cpu *part;
	struct refslab_type *type;
	unsigned long number;

	mutex_lock(&objects->types_lock);
	xa_for_each(&objects->types, number, type) {
		part = per_cpu_ptr(type->cache.cpu, cpu);
		refslab_cache_give_back(type, detach_loose(part));
		if (all)
			free_blocks(type, detach(type, part));
	}
	mutex_unlock(&objects->types_lock);
}

static int settle_cpu(void *objects)
{
	put_back(objects, false);
	return 0;
}

static bool has_loose(struct refslab_objects *objects, int cpu)
{
	struct refslab_type *type;
	unsigned long number;

	xa_for_each(&objects->types, number, type)
		if (READ_ONCE(per_cpu_ptr(type->cache.cpu, cpu)->nr_loose))
			return true;
	return false;
}

/**
 * refslab_cache_settle() - have every CPU put back blocks that are on their way
 * @objects: the heap's objects
 *
 * Afterwards, and with nobody at work, what the pools have given out are objects and what the
 * caches keep. Context: may sleep; not from a work of the same heap.
 */
void refslab_cache_settle(struct refslab_objects *objects)
{
	int cpu;

	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		if (!has_loose(objects, cpu))
			continue;
		if (cpu_online(cpu))
			smp_call_on_cpu(cpu, settle_cpu, objects, false);
		else
			put_back_offline(objects, cpu, false);
	}
	cpus_read_unlock();
}
REFSLAB_EXPORT_TEST(refslab_cache_settle);

/**
 * refslab_cache_drain_cpu() - give back what this CPU keeps, of all types of a heap
 * @objects: the heap's objects
 *
 * Context: a work bound to the CPU.
 */
void refslab_cache_drain_cpu(struct refslab_objects *objects)
{
	put_back(objects, true);
}
REFSLAB_EXPORT_TEST(refslab_cache_drain_cpu);

/* Whether a CPU keeps anything, or room for it. */
static bool keeps(struct refslab_objects *objects, int cpu)
{
	struct refslab_type *type;
	unsigned long number;

	xa_for_each(&objects->types, number, type)
		if (READ_ONCE(per_cpu_ptr(type->cache.cpu, cpu)->cap))
			return true;
	return has_loose(objects, cpu);
}

static void queue_drain(struct refslab_objects *objects, int cpu)
{
	if (keeps(objects, cpu))
		queue_work_on(cpu, system_highpri_wq, &per_cpu_ptr(objects->cpu, cpu)->drain);
}

/**
 * refslab_cache_drain_async() - have every CPU give back what it keeps, some time soon
 * @objects: the heap's objects
 *
 * Context: any that may take the workqueue's locks.
 */
void refslab_cache_drain_async(struct refslab_objects *objects)
{
	int cpu;

	for_each_online_cpu(cpu)
		queue_drain(objects, cpu);
}
REFSLAB_EXPORT_TEST(refslab_cache_drain_async);

/**
 * refslab_cache_drain_all() - have every CPU give back what it keeps, and wait
 * @objects: the heap's objects
 *
 * Context: may sleep; not from a work of the same heap.
 */
void refslab_cache_drain_all(struct refslab_objects *objects)
{
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		queue_drain(objects, cpu);
	for_each_possible_cpu(cpu) {
		if (cpu_online(cpu))
			flush_work(&per_cpu_ptr(objects->cpu, cpu)->drain);
		else
			put_back_offline(objects, cpu, true);
	}
	cpus_read_unlock();
}
REFSLAB_EXPORT_TEST(refslab_cache_drain_all);

/**
 * refslab_cache_destroy() - free a type's cache; the blocks it kept are gone already
 * @type: the type
 */
void refslab_cache_destroy(struct refslab_type *type)
{
	free_percpu(type->cache.cpu);
}

/**
 * refslab_cache_count() - dead objects kept, on all CPUs
 * @type: the type
 */
u64 refslab_cache_count(struct refslab_type *type)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(type->cache.cpu, cpu)->nr);
	return n;
}
REFSLAB_EXPORT_TEST(refslab_cache_count);
