// SPDX-License-Identifier: GPL-2.0
/*
 * The checker: what must be true of a heap that nobody works on. Not for hot paths: it walks
 * everything, with memory for a counter per block, and runs only when it is asked to.
 *
 *   memory	used + free + untouched = capacity, lists = states: refslab_mem_check()
 *   blocks	of a pool of objects: allocated = alive + kept by a type's cache
 *   counts	of an object: references in containers + handles + roots + events + the list of
 *		garbage (+ what the caller says it holds)
 *   keys	of a dict, set or instance: each is where its index says
 *   caches	only dead objects of the type, as many as they say, within the limit
 *   collector	each tracked object is in exactly one generation, or frozen; no scan's flag is left
 *		over
 *   totals	the counters of objects, tracked objects and handles
 *
 * Scans are kept out by the collector's lock, and what waits to be destroyed is waited for. All
 * else is up to the caller: with others at work the answer may be wrong, but nothing breaks.
 */
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "../dev/dev.h"
#include "../types/types.h"
#include "inspect.h"

/* A block's counter: references found, and whether it is in a cache. */
#define FOUND_CACHED	BIT(31)

/**
 * struct check - a check under way
 * @heap:	what is checked
 * @pools:	counters of each pool's blocks, by arena and number within it
 * @larges:	counters of large blocks, by number
 * @constants:	references to constants
 * @exact:	every reference there is can be found
 * @stray:	a reference led to something that is no block of an object
 * @unsound:	an object is not as it must be
 * @alive:	objects found
 * @tracked:	those of them the collector looks after
 * @handles:	handles found
 * @why:	where to say what is wrong
 * @len:	size of that
 */
struct check {
	struct refslab_heap *heap;
	struct xarray pools;
	struct xarray larges;
	u32 constants;
	bool exact;
	bool stray;
	bool unsound;
	u64 alive;
	u64 tracked;
	u64 handles;
	char *why;
	size_t len;
};

static __printf(2, 3) int fail(struct check *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(c->why, c->len, fmt, args);
	va_end(args);
	return -EUCLEAN;
}

static struct xarray *counters_of(struct check *c, const struct refslab_pool *pool)
{
	return pool->arena ? &c->pools : &c->larges;
}

static unsigned long key_of(const struct refslab_pool *pool)
{
	unsigned long arena = pool->arena ? pool->arena->number : 0;

	return arena * REFSLAB_ARENA_POOLS + pool->number;
}

static u32 *found_in(struct check *c, const struct refslab_pool *pool)
{
	return xa_load(counters_of(c, pool), key_of(pool));
}

static int make_counters(struct check *c)
{
	struct refslab_mem *mem = &c->heap->objects.mem;
	struct refslab_pool *pool;
	u64 cursor = 0;
	u32 *found;
	int err;

	while ((pool = refslab_mem_next_pool(mem, &cursor))) {
		found = kcalloc(pool->capacity, sizeof(*found), GFP_KERNEL);
		if (!found)
			return -ENOMEM;
		err = xa_insert(counters_of(c, pool), key_of(pool), found, GFP_KERNEL);
		if (err) {
			kfree(found);
			return err;
		}
		cond_resched();
	}
	return 0;
}

static void free_counters(struct xarray *xa)
{
	unsigned long key;
	u32 *found;

	xa_for_each(xa, key, found)
		kfree(found);
	xa_destroy(xa);
}

static u32 *counter(struct check *c, struct refslab_object *obj)
{
	struct refslab_pool *pool = refslab_mem_pool_of(&c->heap->objects.mem, obj);
	u32 *found;

	/* its count does not matter */
	if (refslab_constant_is(&c->heap->objects, obj))
		return &c->constants;
	found = found_in(c, pool);
	return found ? &found[refslab_mem_index(pool, obj)] : NULL;
}

/* Called under an object's lock. */
static void found_reference(struct refslab_object *target, void *arg)
{
	struct check *c = arg;
	u32 *found = counter(c, target);

	if (found)
		++*found;
	else
		c->stray = true;
}

static bool is_alive(const struct refslab_object *obj)
{
	return refslab_word_count(refslab_word_read(&obj->word));
}

typedef int (*block_fn)(struct check *c, struct refslab_pool *pool, unsigned int index);

/* Calls @fn for each carved block of each pool of objects. */
static int walk_blocks(struct check *c, block_fn fn)
{
	struct refslab_mem *mem = &c->heap->objects.mem;
	struct refslab_pool *pool;
	unsigned int i, carved;
	u64 cursor = 0;
	int err;

	while ((pool = refslab_mem_next_pool(mem, &cursor))) {
		/* pairs with the release in pool_take(): what is below was zeroed */
		carved = smp_load_acquire(&pool->carved);
		for (i = 0; i < carved; i++) {
			err = fn(c, pool, i);
			if (err)
				return err;
		}
		cond_resched();
	}
	return 0;
}

/* Without its id: a dead object's is a list's link by now, which is nobody's business. */
static int has_flag(struct check *c, const struct refslab_object *obj)
{
	return fail(c, "an object of type %s has a scan's flag, and there is no scan",
		    refslab_object_type(obj)->name);
}

static void check_keys(struct check *c, struct refslab_object *obj)
{
	const char *why;

	if (!refslab_keyed_is(obj))
		return;
	why = refslab_keyed_check(obj);
	if (!why)
		return;
	c->unsound = true;
	fail(c, "object %llu (%s) has %s", obj->id, refslab_object_type(obj)->name, why);
}

static int count_references(struct check *c, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_object *obj = refslab_mem_block(pool, index);
	u64 word = refslab_word_read(&obj->word);

	if (!refslab_word_count(word))
		return 0;
	/* before the upgrade, which would wait for a verdict that never comes */
	if (word & (REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD))
		return has_flag(c, obj);
	/* it must not turn into another while it is walked, should somebody be at work after all */
	if (refslab_object_upgrade(obj) != REFSLAB_UPGRADE_DONE)
		return 0;
	refslab_walk_references(obj, found_reference, c);
	if (c->stray)
		fail(c, "object %llu (%s) refers to something that is no object", obj->id,
		     refslab_object_type(obj)->name);
	else
		check_keys(c, obj);
	refslab_object_put(obj);
	return c->stray || c->unsound ? -EUCLEAN : 0;
}

static int count_handles(struct check *c)
{
	struct refslab_session *session;
	struct refslab_object *obj;
	unsigned long handle;
	u64 nr;

	list_for_each_entry(session, &c->heap->sessions, node) {
		nr = 0;
		xa_for_each(&session->handles, handle, obj) {
			found_reference(obj, c);
			nr++;
		}
		if (nr != session->quota.taken)
			return fail(c, "session of process %d: %llu handles found, %llu counted",
				    session->pid, nr, session->quota.taken);
		c->handles += nr;
	}
	if (c->stray)
		return fail(c, "a handle stands for something that is no object");
	return 0;
}

/* Events hold references, too. Their queue is short, or the heap is in use. */
static int count_events(struct check *c)
{
	struct refslab_events *events = &c->heap->objects.events;
	struct refslab_event *event;
	u64 nr = 0, counted;

	spin_lock(&events->lock);
	list_for_each_entry(event, &events->queue, node) {
		found_reference(event->obj, c);
		nr++;
	}
	counted = events->nr;
	spin_unlock(&events->lock);
	if (nr != counted)
		return fail(c, "%llu events, %llu counted", nr, counted);
	if (c->stray)
		return fail(c, "an event is of something that is no object");
	return 0;
}

/* And what is published. */
static int count_roots(struct check *c)
{
	u64 nr = refslab_roots_for_each(c->heap, found_reference, c);

	if (c->stray)
		return fail(c, "a root is something that is no object");
	if (nr != c->heap->roots.nr)
		return fail(c, "%llu roots, %llu counted", nr, c->heap->roots.nr);
	return 0;
}

/* So does the list of what lives on though it was garbage. */
static int count_garbage(struct check *c)
{
	struct refslab_gc *gc = &c->heap->gc;
	struct refslab_object *obj;
	unsigned long index;
	u64 nr = 0;

	xa_for_each(&gc->garbage, index, obj) {
		found_reference(obj, c);
		nr++;
	}
	if (c->stray)
		return fail(c, "the list of garbage has something that is no object");
	if (nr != gc->garbage_nr)
		return fail(c, "%llu objects on the list of garbage, %llu counted", nr,
			    gc->garbage_nr);
	return 0;
}

static int check_cached(struct check *c, struct refslab_type *type, struct refslab_cache_cpu *cache)
{
	struct refslab_object *obj = cache->head;
	u32 *found;
	u32 nr = 0;

	for (; obj; obj = *(void **)((void *)obj + REFSLAB_MEM_LINK)) {
		if (nr++ == cache->nr)
			break;
		found = counter(c, obj);
		if (!found)
			return fail(c, "type %s: its cache has something that is no block",
				    type->name);
		if (*found & FOUND_CACHED)
			return fail(c, "type %s: a block is in its cache twice", type->name);
		if (is_alive(obj) || refslab_object_type(obj) != type)
			return fail(c, "type %s: its cache has a block with count %u of type %s",
				    type->name, refslab_word_count(refslab_word_read(&obj->word)),
				    refslab_object_type(obj)->name);
		*found |= FOUND_CACHED;
	}
	if (nr != cache->nr || cache->nr > cache->cap)
		return fail(c, "type %s: a cache of %u has %u blocks or more, counted %u",
			    type->name, cache->cap, nr, cache->nr);
	return 0;
}

/**
 * struct cpu_check - the check of the caches of one CPU
 * @c:		the check
 * @cpu:	which
 * @room:	out: room for how many its caches have, by type number
 */
struct cpu_check {
	struct check *c;
	int cpu;
	u32 *room;
};

/* On that CPU, as nobody else may touch its caches while it is up. */
static int check_cpu(void *arg)
{
	struct cpu_check *cc = arg;
	struct refslab_cache_cpu *cache;
	struct refslab_type *type;
	unsigned long number;
	int err = 0;

	xa_for_each_range(&cc->c->heap->objects.types, number, type, 1, REFSLAB_TYPES_ALL) {
		cache = per_cpu_ptr(type->cache.cpu, cc->cpu);
		preempt_disable();
		cc->room[number] += cache->cap;
		err = check_cached(cc->c, type, cache);
		preempt_enable();
		if (err)
			break;
	}
	return err;
}

static int check_room(struct check *c, const u32 *room)
{
	struct refslab_type *type;
	unsigned long number;
	u64 sum;

	xa_for_each_range(&c->heap->objects.types, number, type, 1, REFSLAB_TYPES_ALL) {
		sum = room[number] + atomic_read(&type->cache.spare);
		if (sum != type->cache.limit)
			return fail(c, "type %s: caches have room for %llu, the limit is %u",
				    type->name, sum, type->cache.limit);
	}
	return 0;
}

static int check_caches(struct check *c)
{
	struct cpu_check cc = { .c = c };
	int err = 0;

	cc.room = kvcalloc(REFSLAB_TYPES_ALL + 1, sizeof(*cc.room), GFP_KERNEL);
	if (!cc.room)
		return -ENOMEM;
	cpus_read_lock();
	for_each_possible_cpu(cc.cpu) {
		if (cpu_online(cc.cpu)) {
			err = smp_call_on_cpu(cc.cpu, check_cpu, &cc, false);
		} else {
			/* as put_back_offline() has it */
			mutex_lock(&c->heap->objects.types_lock);
			err = check_cpu(&cc);
			mutex_unlock(&c->heap->objects.types_lock);
		}
		if (err)
			break;
	}
	cpus_read_unlock();
	if (!err)
		err = check_room(c, cc.room);
	kvfree(cc.room);
	return err;
}

/* In exactly one generation, and where a scan of that finds it; or frozen. */
static int check_generation(struct check *c, const struct refslab_pool *pool, unsigned int index,
			    const struct refslab_object *obj)
{
	const struct refslab_pool_marks *marks = &pool->marks;
	bool young = test_bit(index, marks->young);
	bool middle = test_bit(index, marks->middle);
	bool old = test_bit(index, marks->old);

	c->tracked++;
	if (c->heap->objects.frozen && !young && !middle && !old)
		return 0;
	/* what the block's last object left does not count for a young one */
	if (!young && middle + old != 1)
		return fail(c, "object %llu (%s) is in %d generations", obj->id,
			    refslab_object_type(obj)->name, middle + old);
	if (young && !marks->queued[0])
		return fail(c, "object %llu (%s) is young and its pool is not listed so", obj->id,
			    refslab_object_type(obj)->name);
	if (!young && middle && !marks->queued[1])
		return fail(c, "object %llu (%s) is in generation 1 and its pool is not listed so",
			    obj->id, refslab_object_type(obj)->name);
	return 0;
}

static int check_dead(struct check *c, const struct refslab_pool *pool, unsigned int index,
		      u32 found)
{
	found &= ~FOUND_CACHED;
	if (found)
		return fail(c, "block %u.%u.%u: %u references to a dead object",
			    pool->arena ? pool->arena->number : ~0U, pool->number, index, found);
	return 0;
}

static int check_block(struct check *c, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_object *obj = refslab_mem_block(pool, index);
	u64 word = refslab_word_read(&obj->word);
	u32 *found = found_in(c, pool);
	struct refslab_type *type;

	if (!found)
		return fail(c, "a pool was made meanwhile: the heap is in use");
	if (!refslab_word_count(word))
		return check_dead(c, pool, index, found[index]);

	if (word & (REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD))
		return has_flag(c, obj);
	type = refslab_object_type(obj);
	c->alive++;
	if (!obj->id || obj->id >= atomic64_read(&c->heap->objects.next_id))
		return fail(c, "an object of type %s has an id that was never given", type->name);
	if (!(word & REFSLAB_WORD_FIXED) &&
	    (c->exact ? found[index] != refslab_word_count(word) :
			found[index] > refslab_word_count(word)))
		return fail(c, "object %llu (%s): count %u, %u references found", obj->id,
			    type->name, refslab_word_count(word), found[index]);
	if (type->flags & REFSLAB_TYPE_TRACKED)
		return check_generation(c, pool, index, obj);
	return 0;
}

/* Blocks allocated in each pool of objects are alive or cached: none is lost. */
static int check_used(struct check *c)
{
	struct refslab_mem *mem = &c->heap->objects.mem;
	struct refslab_pool *pool;
	u64 cursor = 0;
	unsigned int i, used;
	u32 *found;

	while ((pool = refslab_mem_next_pool(mem, &cursor))) {
		found = found_in(c, pool);
		if (!found)
			return fail(c, "a pool was made meanwhile: the heap is in use");
		for (i = 0, used = 0; i < pool->carved; i++)
			used += is_alive(refslab_mem_block(pool, i)) || (found[i] & FOUND_CACHED);
		if (used != pool->used)
			return fail(c, "pool %u.%u: %u blocks allocated, %u alive or cached",
				    pool->arena ? pool->arena->number : ~0U, pool->number,
				    pool->used, used);
		cond_resched();
	}
	return 0;
}

static int check_totals(struct check *c)
{
	u64 all, tracked, cached_bytes;
	u64 handles = refslab_quota_taken(c->heap);
	s64 counted = atomic64_read(&c->heap->quota.counted);

	refslab_objects_count(&c->heap->objects, &all, &tracked, &cached_bytes);
	if (all != c->alive || tracked != c->tracked)
		return fail(c, "%llu objects, %llu of them tracked; counted %llu, %llu", c->alive,
			    c->tracked, all, tracked);
	if (handles != c->handles)
		return fail(c, "%llu handles, counted %llu", c->handles, handles);
	/* together only while there is a limit */
	if (counted != (READ_ONCE(c->heap->quota.max) ? handles : 0))
		return fail(c, "%llu handles, %lld counted against the limit", handles, counted);
	return 0;
}

static int check_all(struct check *c, struct refslab_object *const *held, size_t nr_held)
{
	size_t i;
	int err;

	err = make_counters(c);
	if (!err)
		err = walk_blocks(c, count_references);
	if (!err) {
		mutex_lock(&c->heap->sessions_lock);
		err = count_handles(c);
		mutex_unlock(&c->heap->sessions_lock);
	}
	if (!err)
		err = count_events(c);
	if (!err)
		err = count_roots(c);
	if (!err)
		err = count_garbage(c);
	for (i = 0; i < nr_held; i++)
		found_reference(held[i], c);
	if (!err)
		err = check_caches(c);
	if (!err)
		err = walk_blocks(c, check_block);
	if (!err)
		err = check_used(c);
	if (!err)
		err = check_totals(c);
	return err;
}

static int check_heap(struct check *c, struct refslab_object *const *held, size_t nr_held)
{
	struct refslab_objects *objects = &c->heap->objects;
	unsigned int i;
	int err;

	/*
	 * A scan that is still tearing down, and those due after it, one of each generation; then
	 * what they left. With others at work there might be no end to it.
	 */
	for (i = 0; i <= REFSLAB_GENERATIONS && flush_work(&c->heap->gc.work); i++)
		cond_resched();
	refslab_destroy_settle(objects);
	refslab_cache_settle(objects);
	mutex_lock(&c->heap->gc.scan_lock);
	refslab_mem_hold(&objects->mem);
	err = refslab_mem_check(&objects->mem, 1, c->why, c->len);
	if (!err)
		err = check_all(c, held, nr_held);
	refslab_mem_release(&objects->mem);
	mutex_unlock(&c->heap->gc.scan_lock);
	free_counters(&c->pools);
	free_counters(&c->larges);
	return err;
}

static void init_check(struct check *c, struct refslab_heap *heap, bool exact, char *why,
		       size_t len)
{
	*c = (struct check) { .heap = heap, .exact = exact, .why = why, .len = len };
	xa_init(&c->pools);
	xa_init(&c->larges);
	strscpy(why, "", len);
}

/**
 * refslab_check_heap() - check every invariant of a heap, all references being known
 * @heap: the heap, which nobody works on meanwhile
 * @held: objects the caller holds references on, one entry for each reference
 * @nr_held: how many
 * @why: where to put a sentence about what is wrong
 * @len: size of @why
 *
 * Context: may sleep; not from a work of the heap, no lock of the heap held.
 * Return: 0, -EUCLEAN with the reason in @why, -ENOMEM.
 */
int refslab_check_heap(struct refslab_heap *heap, struct refslab_object *const *held,
		       size_t nr_held, char *why, size_t len)
{
	struct check c;

	init_check(&c, heap, true, why, len);
	return check_heap(&c, held, nr_held);
}
REFSLAB_EXPORT_TEST(refslab_check_heap);

/**
 * refslab_heap_check() - check every invariant of a heap
 * @heap: the heap, which nobody works on meanwhile
 * @why: where to put a sentence about what is wrong
 * @len: size of @why
 *
 * In a heap made by kernel code, whose references in variables cannot be seen, counts may be higher
 * than what is found, not lower. Otherwise as refslab_check_heap().
 */
int refslab_heap_check(struct refslab_heap *heap, char *why, size_t len)
{
	struct check c;

	/* only heaps of user space have these */
	init_check(&c, heap, heap->types.list_type, why, len);
	return check_heap(&c, NULL, 0);
}
REFSLAB_EXPORT_TEST(refslab_heap_check);
