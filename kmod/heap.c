// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps: objects and their collector put together, limits, memory pressure, life time.
 *
 * Locks: heaps_lock is outermost and is not held while a heap is taken apart.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "heap.h"
#include "inspect/inspect.h"
#include "types/types.h"

static const u32 default_threshold[REFSLAB_GENERATIONS_NR] = { 700, 10, 10 };

static struct workqueue_struct *heaps_wq;
static LIST_HEAD(heaps);
static DEFINE_MUTEX(heaps_lock);
static u32 last_id;
static atomic_t nr_heaps = ATOMIC_INIT(0);

/* --- what the layers below ask for ---------------------------------------------------------- */

static void young_limit(struct refslab_objects *objects, gfp_t gfp)
{
	refslab_generation_young_limit(&refslab_heap_of_objects(objects)->gc, gfp);
}

/* Memory ran out: -ENOMEM comes only after a full scan and a trim. */
static bool reclaim(struct refslab_objects *objects)
{
	struct refslab_heap *heap = refslab_heap_of_objects(objects);
	struct refslab_gc_result result;

	if (refslab_generation_collect(&heap->gc, REFSLAB_GENERATIONS_NR - 1, &result, false))
		return false;
	refslab_heap_trim(heap);
	return true;
}

static const struct refslab_objects_hooks hooks = {
	.young_limit = young_limit,
	.reclaim = reclaim,
};

/* --- life time ------------------------------------------------------------------------------ */

static int add_builtin_types(struct refslab_heap *heap, gfp_t gfp)
{
	const struct {
		struct refslab_type *(*make)(struct refslab_heap *heap, gfp_t gfp);
		struct refslab_type **at;
	} builtin[] = {
		{ refslab_int_register, &heap->types.int_type },
		{ refslab_str_register, &heap->types.str_type },
		{ refslab_list_register, &heap->types.list_type },
		{ refslab_float_register, &heap->types.float_type },
		{ refslab_bytes_register, &heap->types.bytes_type },
		{ refslab_tuple_register, &heap->types.tuple_type },
		{ refslab_dict_register, &heap->types.dict_type },
		{ refslab_set_register, &heap->types.set_type },
		{ refslab_instance_register, &heap->types.instance_type },
		{ refslab_intern_register, &heap->types.name_type },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(builtin); i++) {
		*builtin[i].at = builtin[i].make(heap, gfp);
		if (IS_ERR(*builtin[i].at))
			return PTR_ERR(*builtin[i].at);
	}
	return refslab_constants_make(heap, gfp);
}

/* Nobody has a reference on the heap or on what is in it. */
static void take_apart(struct refslab_heap *heap)
{
	mutex_lock(&heaps_lock);
	heap->dying = true;
	mutex_unlock(&heaps_lock);
	refslab_debugfs_heap_remove(heap);
	refslab_generation_stop(&heap->gc);
	refslab_roots_destroy(heap);
	refslab_objects_empty(&heap->objects);
	mutex_lock(&heaps_lock);
	list_del(&heap->node);
	mutex_unlock(&heaps_lock);
	refslab_intern_destroy(heap);
	refslab_objects_destroy(&heap->objects);
	/* what was there is gone with the rest */
	xa_destroy(&heap->gc.garbage);
	mutex_destroy(&heap->gc.scan_lock);
	mutex_destroy(&heap->sessions_lock);
	mutex_destroy(&heap->quota.lock);
	kvfree(heap);
	atomic_dec(&nr_heaps);
}

static void free_work(struct work_struct *work)
{
	take_apart(container_of(work, struct refslab_heap, free_work));
}

static void free_later(struct kref *ref)
{
	struct refslab_heap *heap = container_of(ref, struct refslab_heap, ref);

	queue_work(heaps_wq, &heap->free_work);
}

/**
 * refslab_heap_new() - make a heap
 * @name: for people; copied
 * @params: see there
 * @builtin_types: with int, str, list and so on, and their constants
 * @gfp: allocation flags; may sleep
 *
 * Context: may sleep. Return: the heap with one reference, the caller's, or ERR_PTR(-ENOMEM).
 */
struct refslab_heap *refslab_heap_new(const char *name, const struct refslab_heap_params *params,
				      bool builtin_types, gfp_t gfp)
{
	const u32 *threshold = params->threshold;
	struct refslab_heap *heap;
	int err;

	heap = kvzalloc(sizeof(*heap), gfp);
	if (!heap)
		return ERR_PTR(-ENOMEM);
	err = refslab_objects_init(&heap->objects, &hooks, heaps_wq, params->max_bytes);
	if (err)
		goto out_free;
	err = refslab_weak_init(&heap->objects, gfp);
	if (err)
		goto out_objects;
	if (!threshold[0] && !threshold[1] && !threshold[2])
		threshold = default_threshold;
	refslab_generation_init(&heap->gc, &heap->objects, threshold, !params->disabled);
	kref_init(&heap->ref);
	get_random_bytes(&heap->hash_key, sizeof(heap->hash_key));
	strscpy(heap->name, name, sizeof(heap->name));
	heap->gc.heap_name = heap->name;
	INIT_LIST_HEAD(&heap->sessions);
	mutex_init(&heap->sessions_lock);
	INIT_LIST_HEAD(&heap->quota.list);
	mutex_init(&heap->quota.lock);
	INIT_WORK(&heap->free_work, free_work);
	if (builtin_types) {
		err = refslab_roots_init(heap) ?: add_builtin_types(heap, gfp);
		if (err)
			goto out_objects;
	}

	atomic_inc(&nr_heaps);
	mutex_lock(&heaps_lock);
	heap->id = ++last_id;
	heap->objects.heap_id = heap->id;
	list_add_tail(&heap->node, &heaps);
	mutex_unlock(&heaps_lock);
	refslab_debugfs_heap_add(heap);
	return heap;

out_objects:
	refslab_roots_destroy(heap);
	refslab_objects_empty(&heap->objects);
	refslab_intern_destroy(heap);
	refslab_objects_destroy(&heap->objects);
out_free:
	kvfree(heap);
	return ERR_PTR(err);
}
REFSLAB_EXPORT_TEST(refslab_heap_new);

/**
 * refslab_heap_get() - take a reference on a heap
 * @heap: the caller holds one
 */
void refslab_heap_get(struct refslab_heap *heap)
{
	kref_get(&heap->ref);
}
REFSLAB_EXPORT_TEST(refslab_heap_get);

/**
 * refslab_heap_put() - drop a reference on a heap
 * @heap: with the last one, the heap and everything in it goes, in a work
 *
 * Context: any that may queue a work.
 */
void refslab_heap_put(struct refslab_heap *heap)
{
	kref_put(&heap->ref, free_later);
}
REFSLAB_EXPORT_TEST(refslab_heap_put);

static void free_by_caller(struct kref *ref)
{
}

/**
 * refslab_heap_put_sync() - drop the last reference on a heap and wait until everything is gone
 * @heap: nobody else has a reference
 *
 * Context: may sleep.
 */
void refslab_heap_put_sync(struct refslab_heap *heap)
{
	if (!WARN_ON_ONCE(!kref_put(&heap->ref, free_by_caller)))
		take_apart(heap);
}
REFSLAB_EXPORT_TEST(refslab_heap_put_sync);

/* --- use ------------------------------------------------------------------------------------ */

/**
 * refslab_heap_trim() - empty the caches of all types and give empty arenas back
 * @heap: the heap
 *
 * Context: may sleep. Return: bytes given back to the kernel meanwhile.
 */
u64 refslab_heap_trim(struct refslab_heap *heap)
{
	struct refslab_mem *mem = &heap->objects.mem;
	s64 before, after;

	refslab_mem_settle(mem);
	before = atomic64_read(&mem->reserved);
	refslab_cache_drain_all(&heap->objects);
	refslab_mem_settle(mem);
	after = atomic64_read(&mem->reserved);
	return before > after ? before - after : 0;
}
REFSLAB_EXPORT_TEST(refslab_heap_trim);

static void fill_stat(struct refslab_heap *heap, struct refslab_stat *stat, bool wait)
{
	struct refslab_mem_usage usage;

	refslab_objects_count(&heap->objects, &stat->objects, &stat->tracked, &stat->bytes_cached);
	/* of one that is dying, only the numbers are good */
	if (!heap->dying)
		refslab_cache_settle(&heap->objects);
	if (wait)
		refslab_mem_usage(&heap->objects.mem, &usage);
	else
		refslab_mem_usage_now(&heap->objects.mem, &usage);
	stat->handles = refslab_quota_taken(heap);
	stat->bytes_used = usage.bytes_allocated > stat->bytes_cached ?
			   usage.bytes_allocated - stat->bytes_cached : 0;
	stat->bytes_reserved = usage.bytes_reserved;
	stat->arenas = usage.arenas;
	stat->pools_used = usage.pools_used;
	stat->pools_full = usage.pools_full;
	stat->pools_empty = usage.pools_empty;
	stat->large = usage.large;
	stat->arenas_made = usage.arenas_made;
	stat->arenas_returned = usage.arenas_returned;
	stat->max_trash = READ_ONCE(heap->gc.max_trash);
	stat->events = READ_ONCE(heap->objects.events.nr);
	stat->roots = READ_ONCE(heap->roots.nr);
	stat->bytes_mapped = usage.bytes_mapped;
}

/**
 * refslab_heap_stat() - how much there is of what
 * @heap: the heap
 * @stat: out; exact when nobody else works on the heap
 *
 * Context: may sleep, until memory on its way back is there.
 */
void refslab_heap_stat(struct refslab_heap *heap, struct refslab_stat *stat)
{
	fill_stat(heap, stat, true);
}
REFSLAB_EXPORT_TEST(refslab_heap_stat);

static void add_stat(struct refslab_heap *heap, struct refslab_stat *totals)
{
	struct refslab_stat stat;
	size_t i;

	fill_stat(heap, &stat, false);
	for (i = 0; i < sizeof(stat) / sizeof(u64); i++)
		((u64 *)totals)[i] += ((const u64 *)&stat)[i];
}

/**
 * refslab_heap_totals() - how much there is of what in all heaps, those being taken apart included
 * @totals: out; memory on its way back is counted until it is there
 *
 * Context: may sleep.
 */
void refslab_heap_totals(struct refslab_stat *totals)
{
	struct refslab_heap *heap;

	memset(totals, 0, sizeof(*totals));
	mutex_lock(&heaps_lock);
	list_for_each_entry(heap, &heaps, node)
		add_stat(heap, totals);
	mutex_unlock(&heaps_lock);
}

/**
 * refslab_heap_name_len() - length of a name, if it can be one of a heap or a type
 * @name: ends with a 0 within REFSLAB_NAME_MAX + 1 bytes, or has as many
 *
 * Names are columns in debugfs: words of printable ASCII. Context: any.
 *
 * Return: the length, 0 for no name, -EINVAL too long or not such a word.
 */
int refslab_heap_name_len(const char *name)
{
	size_t len = strnlen(name, REFSLAB_NAME_MAX + 1), i;

	if (len > REFSLAB_NAME_MAX)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (name[i] < 0x21 || name[i] > 0x7e)
			return -EINVAL;
	return len;
}

/**
 * refslab_heap_get_limits() - what a heap may have at most
 * @heap: the heap
 * @limits: out
 */
void refslab_heap_get_limits(struct refslab_heap *heap, struct refslab_limits *limits)
{
	limits->max_bytes = READ_ONCE(heap->objects.mem.max_bytes);
	limits->max_objects = READ_ONCE(heap->objects.max_objects);
	limits->max_handles = READ_ONCE(heap->quota.max);
}
REFSLAB_EXPORT_TEST(refslab_heap_get_limits);

/**
 * refslab_heap_set_limits() - change what a heap may have at most
 * @heap: the heap
 * @limits: 0: none
 * @size: bytes of @limits that are given; the limits behind those stay as they are, also when
 *	somebody else is setting them
 *
 * What there is more of already stays. Each is looked at by those who want more, one by one.
 * Context: may sleep.
 */
void refslab_heap_set_limits(struct refslab_heap *heap, const struct refslab_limits *limits,
			     size_t size)
{
	if (size >= offsetofend(struct refslab_limits, max_bytes))
		refslab_mem_set_limit(&heap->objects.mem, limits->max_bytes);
	if (size >= offsetofend(struct refslab_limits, max_objects))
		WRITE_ONCE(heap->objects.max_objects, limits->max_objects);
	if (size >= offsetofend(struct refslab_limits, max_handles))
		refslab_quota_limit(heap, limits->max_handles);
}
REFSLAB_EXPORT_TEST(refslab_heap_set_limits);

/**
 * refslab_heap_number() - how many heaps there are, those being taken apart included
 */
unsigned int refslab_heap_number(void)
{
	return atomic_read(&nr_heaps);
}
REFSLAB_EXPORT_TEST(refslab_heap_number);

/* --- memory pressure ------------------------------------------------------------------------ */

/* At most what the caches keep: the room that CPUs have borrowed. Cheap, as reclaim asks often. */
static unsigned long cached_pages(struct refslab_heap *heap)
{
	struct refslab_type *type;
	unsigned long number;
	u64 bytes = 0;

	xa_for_each(&heap->objects.types, number, type)
		bytes += (type->cache.limit - atomic_read(&type->cache.spare)) *
			 refslab_type_block(type);
	cond_resched();
	return bytes >> PAGE_SHIFT;
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct refslab_heap *heap;
	unsigned long pages = 0;

	/* whoever holds it may be waiting for memory */
	if (!mutex_trylock(&heaps_lock))
		return 0;
	list_for_each_entry(heap, &heaps, node)
		pages += cached_pages(heap);
	mutex_unlock(&heaps_lock);
	return pages ?: SHRINK_EMPTY;
}

/*
 * The caches belong to their CPUs, so each is emptied by a work there; reclaim is not made to wait
 * for it. Emptied pools and arenas go back as their last block comes in.
 */
static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct refslab_heap *heap;

	if (!mutex_trylock(&heaps_lock))
		return SHRINK_STOP;
	list_for_each_entry(heap, &heaps, node)
		if (!heap->dying && cached_pages(heap))
			refslab_cache_drain_async(&heap->objects);
	mutex_unlock(&heaps_lock);
	return SHRINK_STOP;
}

static struct shrinker *heaps_shrinker;

/**
 * refslab_heap_module_init() - what all heaps share
 *
 * Return: 0 or -ENOMEM.
 */
int refslab_heap_module_init(void)
{
	heaps_wq = alloc_workqueue("refslab", WQ_UNBOUND, 0);
	if (!heaps_wq)
		return -ENOMEM;
	heaps_shrinker = refslab_compat_shrinker_register("refslab", shrink_count, shrink_scan);
	if (!heaps_shrinker) {
		destroy_workqueue(heaps_wq);
		return -ENOMEM;
	}
	return 0;
}

/**
 * refslab_heap_module_exit() - wait until the last heap is gone
 */
void refslab_heap_module_exit(void)
{
	struct refslab_heap *heap;

	refslab_compat_shrinker_free(heaps_shrinker);
	destroy_workqueue(heaps_wq);
	/* those of kernel code that forgot about them */
	list_for_each_entry(heap, &heaps, node)
		pr_err("refslab: heap %u (%s) was never destroyed\n", heap->id, heap->name);
	WARN_ON(refslab_heap_number());
}
