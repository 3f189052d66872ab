// SPDX-License-Identifier: GPL-2.0
/*
 * Per-type caches of dead objects: a dead object's block waits here for the next object of its
 * type, last in first out, and never serves another type.
 *
 * Each CPU has its own list, touched only by that CPU, in task context with preemption off: the
 * common allocation takes no lock. The type's limit is shared out as it is needed: a CPU whose list
 * is as long as it may be borrows room from what is spare, a batch at a time, and all lists
 * together never exceed the limit. Room goes back when the list is drained.
 */
#include <linux/cpu.h>
#include <linux/slab.h>

#include "object.h"

/* The link of a cached block, where a free block of a pool has its own. */
static void **link_of(void *block)
{
	return block + REFSLAB_MEM_LINK;
}

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
 * refslab_cache_pop() - take the block that was cached last on this CPU
 * @type: its type
 *
 * Also counts the object that the caller is about to make. Context: task, preemption off.
 *
 * Return: a block of the type with its word and head as its last object left them, or NULL.
 */
void *refslab_cache_pop(struct refslab_type *type)
{
	struct refslab_cache_cpu *cpu = this_cpu_ptr(type->cache.cpu);
	void *block = cpu->head;

	if (!block)
		return NULL;
	cpu->head = *link_of(block);
	cpu->nr--;
	cpu->hits++;
	cpu->made++;
	return block;
}

static u32 borrow(struct refslab_cache *cache)
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
 * refslab_cache_push() - keep a dead object's block
 * @type: its type
 * @block: nobody refers to it
 *
 * Context: task, preemption off. Return: false when the cache is full: the block is the caller's.
 */
bool refslab_cache_push(struct refslab_type *type, void *block)
{
	struct refslab_cache_cpu *cpu = this_cpu_ptr(type->cache.cpu);

	if (unlikely(cpu->nr >= cpu->cap)) {
		WRITE_ONCE(cpu->cap, cpu->cap + borrow(&type->cache));
		if (cpu->nr >= cpu->cap)
			return false;
	}
	*link_of(block) = cpu->head;
	cpu->head = block;
	WRITE_ONCE(cpu->nr, cpu->nr + 1);
	return true;
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

static void free_blocks(struct refslab_type *type, void *block)
{
	void *next;

	for (; block; block = next) {
		next = *link_of(block);
		refslab_mem_free(&type->objects->mem, type->kind, type->size, block);
		cond_resched();
	}
}

/**
 * refslab_cache_drain_cpu() - give back what this CPU keeps, of all types of a heap
 * @objects: the heap's objects
 *
 * Context: a work bound to the CPU.
 */
void refslab_cache_drain_cpu(struct refslab_objects *objects)
{
	struct refslab_type *type;
	unsigned long number;
	void *block;

	xa_for_each(&objects->types, number, type) {
		preempt_disable();
		block = detach(type, this_cpu_ptr(type->cache.cpu));
		preempt_enable();
		free_blocks(type, block);
	}
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
	return false;
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
	struct refslab_type *type;
	unsigned long number;
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		queue_drain(objects, cpu);
	for_each_possible_cpu(cpu) {
		if (cpu_online(cpu)) {
			flush_work(&per_cpu_ptr(objects->cpu, cpu)->drain);
			continue;
		}
		/* nobody runs there; @types_lock keeps two of us apart */
		mutex_lock(&objects->types_lock);
		xa_for_each(&objects->types, number, type)
			free_blocks(type, detach(type, per_cpu_ptr(type->cache.cpu, cpu)));
		mutex_unlock(&objects->types_lock);
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
