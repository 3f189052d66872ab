// SPDX-License-Identifier: GPL-2.0
/*
 * A heap's objects as a whole: making and ending the bookkeeping, and the count of young containers
 * that starts scans.
 *
 * The count is spread over the CPUs. Each looks at the sum only when its own part reaches a limit
 * that is set so that all limits together stay below what is left; as the threshold comes near, the
 * limits of all CPUs are taken back, so that a scan starts on the very allocation that exceeds it.
 */
#include <linux/cpu.h>
#include <linux/math64.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "object.h"
#include "../trace.h"

#define ID_BATCH	256

/**
 * refslab_objects_young() - containers made minus containers freed since the last scan of 0
 * @objects: the heap's objects
 *
 * Never negative: freeing old objects does not put off the next scan. Context: any.
 */
long refslab_objects_young(struct refslab_objects *objects)
{
	long sum = atomic_long_read(&objects->young_base);
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(objects->cpu, cpu)->young);
	if (sum < 0) {
		atomic_long_sub(sum, &objects->young_base);
		sum = 0;
	}
	return sum;
}
REFSLAB_EXPORT_TEST(refslab_objects_young);

/**
 * refslab_objects_young_fold() - move this CPU's part of the count, which is negative, to the rest
 * @objects: the heap's objects
 *
 * So that freeing old objects does not put off the next scan by more than a few allocations.
 * Context: preemption off.
 */
void refslab_objects_young_fold(struct refslab_objects *objects)
{
	struct refslab_objects_cpu *cpu = this_cpu_ptr(objects->cpu);

	atomic_long_add(cpu->young, &objects->young_base);
	WRITE_ONCE(cpu->young, 0);
	WRITE_ONCE(cpu->young_limit, LONG_MIN);
	refslab_objects_young(objects);
}

/**
 * refslab_objects_young_take() - begin to count from 0 again
 * @objects: the heap's objects
 */
void refslab_objects_young_take(struct refslab_objects *objects)
{
	atomic_long_sub(refslab_objects_young(objects), &objects->young_base);
}
REFSLAB_EXPORT_TEST(refslab_objects_young_take);

/**
 * refslab_objects_young_reset() - share out what is left until the next look
 * @objects: the heap's objects
 * @left: containers that may be made before somebody must look; LONG_MAX: as many as they like
 *
 * Context: any. Racing calls are harmless: a limit set too high is lowered by the next look.
 */
void refslab_objects_young_reset(struct refslab_objects *objects, long left)
{
	long share = left == LONG_MAX ? LONG_MAX / 2 : left / (2 * (long)num_possible_cpus());
	struct refslab_objects_cpu *cpu;
	int i;

	for_each_possible_cpu(i) {
		cpu = per_cpu_ptr(objects->cpu, i);
		WRITE_ONCE(cpu->young_limit,
			   share ? max(READ_ONCE(cpu->young), 0L) + share : LONG_MIN);
	}
}
REFSLAB_EXPORT_TEST(refslab_objects_young_reset);

/**
 * refslab_objects_count_type() - count the live objects of a type
 * @type: the type
 *
 * Exact when nobody else works on the heap. Context: any.
 */
u64 refslab_objects_count_type(struct refslab_type *type)
{
	struct refslab_cache_cpu *cache;
	s64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		cache = per_cpu_ptr(type->cache.cpu, cpu);
		n += READ_ONCE(cache->made) - READ_ONCE(cache->freed);
	}
	/* made here and freed there while we looked elsewhere */
	return max(n, 0LL);
}
REFSLAB_EXPORT_TEST(refslab_objects_count_type);

/**
 * refslab_objects_count() - count live objects and the memory of cached ones
 * @objects: the heap's objects
 * @all: out: live objects
 * @tracked: out: those of them the collector looks after
 * @cached_bytes: out: bytes of blocks kept by the caches
 *
 * Exact when nobody else works on the heap. Context: any.
 */
void refslab_objects_count(struct refslab_objects *objects, u64 *all, u64 *tracked,
			   u64 *cached_bytes)
{
	struct refslab_type *type;
	unsigned long number;
	u64 n;

	*all = 0;
	*tracked = 0;
	*cached_bytes = 0;
	xa_for_each(&objects->types, number, type) {
		n = refslab_objects_count_type(type);
		*all += n;
		if (type->flags & REFSLAB_TYPE_TRACKED)
			*tracked += n;
		*cached_bytes += refslab_cache_count(type) * refslab_type_block(type);
	}
}
REFSLAB_EXPORT_TEST(refslab_objects_count);

/* Memory ran out. Returns whether garbage was got out of the way, and trying again may help. */
static bool reclaimed(struct refslab_objects *objects, gfp_t gfp)
{
	/* who is being killed needs no memory any more */
	return refslab_objects_may_collect(gfp) && !fatal_signal_pending(current) &&
	       objects->hooks->reclaim(objects);
}

/**
 * refslab_objects_mem_alloc() - refslab_mem_alloc() that gets garbage out of the way first
 * @objects: the heap's objects
 * @kind: what the block is for
 * @size: bytes
 * @gfp: allocation flags
 *
 * When memory or the heap's limit ran out and @gfp allows sleeping, collects, trims and tries
 * again. Context: as @gfp says; when it may sleep, the caller holds no lock that a finalizer could
 * take.
 *
 * Return: the block or NULL.
 */
void *refslab_objects_mem_alloc(struct refslab_objects *objects, enum refslab_mem_kind kind,
				size_t size, gfp_t gfp)
{
	void *block = refslab_mem_alloc(&objects->mem, kind, size, gfp);

	if (unlikely(!block) && reclaimed(objects, gfp))
		block = refslab_mem_alloc(&objects->mem, kind, size, gfp);
	return block;
}

/**
 * refslab_objects_mem_alloc_batch() - the same for some blocks of objects at once
 * @objects: the heap's objects
 * @kind: what they are for
 * @size: bytes of each, at most REFSLAB_CLASS_MAX
 * @nr: how many at most
 * @gfp: allocation flags
 * @list: out: see refslab_mem_alloc_batch()
 *
 * Return: how many there are.
 */
unsigned int refslab_objects_mem_alloc_batch(struct refslab_objects *objects,
					     enum refslab_mem_kind kind, size_t size,
					     unsigned int nr, gfp_t gfp, void **list)
{
	unsigned int n = refslab_mem_alloc_batch(&objects->mem, kind, size, nr, gfp, list);

	if (unlikely(!n) && reclaimed(objects, gfp))
		n = refslab_mem_alloc_batch(&objects->mem, kind, size, nr, gfp, list);
	return n;
}

static bool may_be_constants(u64 first)
{
	return first + ID_BATCH > REFSLAB_CONSTANT_ID &&
	       first < REFSLAB_CONSTANT_ID + REFSLAB_CONSTANTS_MAX;
}

/* As many ids as a CPU may have now: as the limit comes near, so few that it is always asked. */
static u32 ids_left(struct refslab_objects *objects)
{
	u64 max_objects = READ_ONCE(objects->max_objects);
	u64 all, tracked, cached_bytes;

	if (!max_objects)
		return ID_BATCH;
	refslab_objects_count(objects, &all, &tracked, &cached_bytes);
	if (all >= max_objects)
		return 0;
	return clamp_t(u64, div_u64(max_objects - all, 4 * num_possible_cpus()), 1, ID_BATCH);
}

/**
 * refslab_objects_take_ids() - have this CPU have ids again, which are objects it may make
 * @objects: the heap's objects
 * @gfp: allocation flags
 *
 * Here, and nowhere else, the limit of the number of objects is looked at. Each CPU may make as
 * many as it has ids for without asking again, and ids it does not use stay its own: so the limit
 * is exact for who makes all objects on one CPU, and may otherwise be exceeded by what the others
 * have, ID_BATCH each at most, and a quarter of the limit all together (or one each).
 *
 * Collects first when the limit is reached and @gfp allows it. Context: as @gfp says. Return: false
 * when the limit is in the way; otherwise the CPU has ids, or had, as another may be first.
 */
bool refslab_objects_take_ids(struct refslab_objects *objects, gfp_t gfp)
{
	struct refslab_objects_cpu *cpu;
	u32 n = ids_left(objects);

	if (unlikely(!n) && reclaimed(objects, gfp))
		n = ids_left(objects);
	if (!n)
		return false;
	cpu = get_cpu_ptr(objects->cpu);
	if (cpu->next_id == cpu->last_id) {
		do {
			cpu->next_id = atomic64_fetch_add_relaxed(n, &objects->next_id);
		} while (may_be_constants(cpu->next_id));
		cpu->last_id = cpu->next_id + n;
	}
	put_cpu_ptr(objects->cpu);
	return true;
}

/**
 * refslab_objects_payload_alloc() - the same for a mappable payload
 * @objects: the heap's objects
 * @bytes: how many
 * @gfp: allocation flags; may sleep
 *
 * Return: the payload or NULL.
 */
struct refslab_payload *refslab_objects_payload_alloc(struct refslab_objects *objects, u32 bytes,
						      gfp_t gfp)
{
	struct refslab_payload *payload = refslab_payload_alloc(&objects->mem, bytes, gfp);

	if (unlikely(!payload) && reclaimed(objects, gfp))
		payload = refslab_payload_alloc(&objects->mem, bytes, gfp);
	return payload;
}

static void drain_work(struct work_struct *work)
{
	refslab_cache_drain_cpu(container_of(work, struct refslab_objects_cpu, drain)->objects);
}

/**
 * refslab_objects_queue_pool() - have the collector look at a pool
 * @objects: the heap's objects
 * @pool: has an object of the generation
 * @generation: 0 or 1
 *
 * Context: any but interrupts.
 */
void refslab_objects_queue_pool(struct refslab_objects *objects, struct refslab_pool *pool,
				unsigned int generation)
{
	if (READ_ONCE(pool->marks.queued[generation]))
		return;
	spin_lock(&objects->pools_lock);
	if (!pool->marks.queued[generation]) {
		list_add_tail(&pool->marks.node[generation], &objects->pools[generation]);
		WRITE_ONCE(pool->marks.queued[generation], 1);
	}
	spin_unlock(&objects->pools_lock);
}

/**
 * refslab_objects_unqueue_pool() - take a pool off the collector's lists
 * @objects: the heap's objects
 * @pool: the pool
 *
 * Context: any but interrupts.
 */
void refslab_objects_unqueue_pool(struct refslab_objects *objects, struct refslab_pool *pool)
{
	unsigned int i;

	if (!READ_ONCE(pool->marks.queued[0]) && !READ_ONCE(pool->marks.queued[1]))
		return;
	spin_lock(&objects->pools_lock);
	for (i = 0; i < ARRAY_SIZE(objects->pools); i++) {
		if (pool->marks.queued[i])
			list_del(&pool->marks.node[i]);
		/* the scanner may look without the lock whether it is on the list */
		WRITE_ONCE(pool->marks.queued[i], 0);
	}
	spin_unlock(&objects->pools_lock);
}

/* A pool without objects goes off the collector's lists. */
static void retire(struct refslab_mem *mem, struct refslab_pool *pool)
{
	refslab_objects_unqueue_pool(container_of(mem, struct refslab_objects, mem), pool);
}

/**
 * refslab_objects_init() - make the bookkeeping of a heap's objects
 * @objects: to fill in
 * @hooks: what the layers above do
 * @wq: where the heap's works run
 * @max_bytes: limit of the memory, 0 for none
 *
 * Context: may sleep. Return: 0 or -ENOMEM.
 */
int refslab_objects_init(struct refslab_objects *objects, const struct refslab_objects_hooks *hooks,
			 struct workqueue_struct *wq, u64 max_bytes)
{
	struct refslab_objects_cpu *cpu;
	unsigned int i;

	objects->cpu = alloc_percpu_gfp(struct refslab_objects_cpu, GFP_KERNEL_ACCOUNT);
	if (!objects->cpu)
		return -ENOMEM;
	for_each_possible_cpu(i) {
		cpu = per_cpu_ptr(objects->cpu, i);
		cpu->objects = objects;
		cpu->young_limit = LONG_MIN;
		INIT_WORK(&cpu->drain, drain_work);
	}
	refslab_mem_init(&objects->mem, &objects->cpu->mem, max_bytes);
	objects->hooks = hooks;
	objects->wq = wq;
	xa_init_flags(&objects->types, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&objects->types_lock);
	atomic64_set(&objects->next_id, 1);
	atomic_long_set(&objects->young_base, 0);
	spin_lock_init(&objects->pools_lock);
	for (i = 0; i < ARRAY_SIZE(objects->pools); i++)
		INIT_LIST_HEAD(&objects->pools[i]);
	objects->mem.retire = retire;
	init_llist_head(&objects->dead);
	INIT_WORK(&objects->destroy_work, refslab_destroy_work);
	mutex_init(&objects->destroy_lock);
	init_waitqueue_head(&objects->verdict);
	spin_lock_init(&objects->weak_lock);
	refslab_event_init(&objects->events);
	xa_init_flags(&objects->idents, XA_FLAGS_ACCOUNT);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_objects_init);

/*
 * Ends one object as its heap ends: what it owns outside the heap's pages goes, and nothing else.
 */
static int abandon(struct refslab_object *obj, void *arg)
{
	struct refslab_objects *objects = arg;
	struct refslab_type *type = refslab_object_type(obj);
	u32 budget = REFSLAB_CHUNK;

	trace_refslab_destroy(type, obj->id, REFSLAB_BY_HEAP);
	/* a release() that puts it must not destroy it once more */
	refslab_word_fix(&obj->word);
	if (type->flags & REFSLAB_TYPE_TABLE)
		refslab_table_free(objects, obj);
	while (type->flags & REFSLAB_TYPE_INDEX && !refslab_index_free(obj, &budget)) {
		budget = REFSLAB_CHUNK;
		cond_resched();
	}
	refslab_destroy_release(obj, type);
	refslab_object_free_pages(obj, type);
	return 0;
}

/*
 * Destroys what waits for the worker, here: this may run in a work of the same workqueue, where
 * waiting for another that has not begun could take the last place from it.
 */
static void finish_dead(struct refslab_objects *objects)
{
	while (cancel_work_sync(&objects->destroy_work) || !llist_empty(&objects->dead))
		refslab_destroy_work(&objects->destroy_work);
}

/**
 * refslab_objects_empty() - give up all objects and give the memory back
 * @objects: nobody works with them any more
 *
 * Objects that are still alive are let go of without any order; their release() runs, and no
 * finalizer. The numbers of refslab_objects_count() stay readable, and nothing else does. Context:
 * may sleep, for long.
 */
void refslab_objects_empty(struct refslab_objects *objects)
{
	u64 cursor = 0;
	int cpu;

	finish_dead(objects);
	WRITE_ONCE(objects->ending, true);
	refslab_walk(objects, &cursor, abandon, objects);
	/* what release() may have put */
	finish_dead(objects);
	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu_ptr(objects->cpu, cpu)->drain);
	refslab_mem_destroy(&objects->mem);
}
REFSLAB_EXPORT_TEST(refslab_objects_empty);

/**
 * refslab_objects_destroy() - end the bookkeeping, after refslab_objects_empty()
 * @objects: nobody looks at them any more
 *
 * Context: may sleep.
 */
void refslab_objects_destroy(struct refslab_objects *objects)
{
	refslab_constant_destroy(objects);
	refslab_type_destroy_all(objects);
	xa_destroy(&objects->types);
	xa_destroy(&objects->idents);
	mutex_destroy(&objects->types_lock);
	mutex_destroy(&objects->destroy_lock);
	free_percpu(objects->cpu);
}
REFSLAB_EXPORT_TEST(refslab_objects_destroy);
