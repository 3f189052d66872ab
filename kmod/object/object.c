// SPDX-License-Identifier: GPL-2.0
/*
 * One object's life: made, referred to, freed.
 *
 * A block keeps its word and its head when its object dies. The version goes on counting, so that a
 * collector that still has the block in its set sees it touched; the head keeps naming the last
 * type, so that it can be locked and looked at (its references are gone, so there is nothing to
 * see).
 */
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "object.h"
#include "../trace.h"

#define YOUNG_DEBT	64	/* frees a CPU may be ahead before the sum is looked at */

/*
 * A block's head names its last object's type, or none. A scan may hold its lock, so that is taken;
 * none has looked at a block without a head yet.
 */
static void set_type(struct refslab_object *obj, struct refslab_type *type)
{
	unsigned long head = READ_ONCE(obj->head);

	if (type->kind == REFSLAB_MEM_ATOM || !head) {
		WRITE_ONCE(obj->head, (unsigned long)type);
		return;
	}
	if ((head & ~REFSLAB_HEAD_FLAGS) == (unsigned long)type)
		return;
	refslab_object_lock(obj);
	/* the lock is as it is, where one processor needs none */
	head = READ_ONCE(obj->head) & BIT(REFSLAB_HEAD_LOCK);
	WRITE_ONCE(obj->head, (unsigned long)type | head);
	refslab_object_unlock(obj);
}

/* Makes a block, as the pools give it, like one from the type's cache. */
static void prepare(struct refslab_object *obj, struct refslab_type *type, u32 size)
{
	size_t header = type->flags & REFSLAB_TYPE_CONTAINER ? sizeof(struct refslab_container) :
							       sizeof(struct refslab_object);

	memset((void *)obj + header, 0, size - header);
	set_type(obj, type);
}

/*
 * Tells the collector that the block at @obj holds a young object. The object is published already
 * (its count is 1, with a full barrier behind it). The scanner takes the pool off the list, takes
 * the bits, and only then looks at the objects, with full barriers in between (snapshot_pool() in
 * gc/scan.c). So either it sees the object or we see the bit cleared; and when we set the bit,
 * either it takes that or we see the pool off the list.
 */
static void mark_young(struct refslab_objects *objects, struct refslab_object *obj)
{
	struct refslab_pool *pool = refslab_mem_pool_of(&objects->mem, obj);
	unsigned int index = refslab_mem_index(pool, obj);

	/* full barrier: the list is looked at afterwards; pairs with snapshot_listed_pools() */
	if (!test_bit(index, pool->marks.young) && !test_and_set_bit(index, pool->marks.young))
		refslab_objects_queue_pool(objects, pool, 0);
}

/*
 * Switches preemption off on a CPU that has an id for one more object, and so may make it. Returns
 * its number, or -1, with preemption as it was: the heap has as many objects as it may.
 */
static __always_inline int get_cpu_with_ids(struct refslab_objects *objects, gfp_t gfp)
{
	int cpu = get_cpu();
	struct refslab_objects_cpu *own = per_cpu_ptr(objects->cpu, cpu);

	while (unlikely(own->next_id == own->last_id)) {
		put_cpu();
		if (!refslab_objects_take_ids(objects, gfp))
			return -1;
		cpu = get_cpu();
		own = per_cpu_ptr(objects->cpu, cpu);
	}
	return cpu;
}

static void init_extra(struct refslab_type *type, struct refslab_object *obj)
{
	struct refslab_extra *extra = refslab_object_extra(obj, type);

	INIT_LIST_HEAD(&extra->weak);
	INIT_LIST_HEAD(&extra->event.node);
	extra->id = obj->id;
	refslab_object_lock(obj);
	/* as in refslab_finalize_begin() */
	data_race((__clear_bit(REFSLAB_HEAD_FINALIZED, &obj->head), 0));
	refslab_object_unlock(obj);
}

/*
 * Gives an object its number and counts it, on a CPU from get_cpu_with_ids(). Returns whether it
 * may be time for somebody to look how many young ones there are.
 */
static __always_inline bool begin(struct refslab_type *type, struct refslab_object *obj, int cpu)
{
	struct refslab_objects_cpu *own = per_cpu_ptr(type->objects->cpu, cpu);
	struct refslab_cache_cpu *cache = per_cpu_ptr(type->cache.cpu, cpu);

	WRITE_ONCE(cache->made, cache->made + 1);
	obj->id = own->next_id++;
	if (!(type->flags & REFSLAB_TYPE_TRACKED))
		return false;
	if (unlikely(own->young < 0))
		refslab_objects_young_fold(type->objects);
	WRITE_ONCE(own->young, own->young + 1);
	return own->young >= READ_ONCE(own->young_limit);
}

/* Makes an object known, which is complete but for its count. */
static __always_inline void publish(struct refslab_type *type, struct refslab_object *obj,
				    bool look, gfp_t gfp)
{
	if (unlikely(type->flags & REFSLAB_TYPE_EXTRA))
		init_extra(type, obj);
	/*
	 * The count was 0, so this makes it 1, whatever the version and DYING are. Full barrier:
	 * the object is complete for whoever sees the count, and for mark_young().
	 */
	atomic64_add_return(REFSLAB_WORD_GET, &obj->word);
	trace_refslab_alloc(type, obj);
	if (!(type->flags & REFSLAB_TYPE_TRACKED))
		return;
	mark_young(type->objects, obj);
	if (unlikely(look))
		type->objects->hooks->young_limit(type->objects, gfp);
}

/* Makes of a block as the pools give it an object that is not known yet. */
static struct refslab_object *begin_anew(struct refslab_type *type, struct refslab_object *obj,
					 u32 size, gfp_t gfp, bool *look)
{
	int cpu;

	if (!obj)
		return NULL;
	prepare(obj, type, size);
	cpu = get_cpu_with_ids(type->objects, gfp);
	if (unlikely(cpu < 0)) {
		refslab_mem_free(&type->objects->mem, type->kind, size, obj);
		return NULL;
	}
	*look = begin(type, obj, cpu);
	put_cpu();
	return obj;
}

/* Makes an object of the type's usual size that is not known yet. */
static __always_inline struct refslab_object *make(struct refslab_type *type, gfp_t gfp, bool *look)
{
	int cpu = get_cpu_with_ids(type->objects, gfp);
	struct refslab_object *obj;
	bool cached;

	if (unlikely(cpu < 0))
		return NULL;
	obj = refslab_cache_pop(per_cpu_ptr(type->cache.cpu, cpu));
	cached = obj;
	if (!obj)
		obj = refslab_cache_pop_loose(per_cpu_ptr(type->cache.cpu, cpu));
	if (likely(obj))
		*look = begin(type, obj, cpu);
	put_cpu();
	if (unlikely(!obj))
		return begin_anew(type, refslab_cache_refill(type, gfp), type->size, gfp, look);
	if (!cached)
		prepare(obj, type, type->size);
	else if (type->body)
		memset(refslab_object_body(obj, type), 0, type->body);
	return obj;
}

/**
 * refslab_object_alloc() - make an object
 * @type: its type, not of REFSLAB_TYPE_SIZED
 * @gfp: allocation flags
 *
 * The object's references are empty and its payload is zero. Context: task context; as @gfp says,
 * locks may be held. Return: the object with one reference, the caller's; NULL when there is no
 * memory.
 */
struct refslab_object *refslab_object_alloc(struct refslab_type *type, gfp_t gfp)
{
	struct refslab_object *obj;
	bool look = false;

	obj = make(type, gfp, &look);
	if (likely(obj))
		publish(type, obj, look, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_object_alloc);

/**
 * refslab_object_begin() - begin to make an object that never changes
 * @type: its type, not of REFSLAB_TYPE_SIZED
 * @gfp: allocation flags
 *
 * The object is as from refslab_object_alloc(), but its count is 0: nobody finds it before it is
 * complete. The caller fills it in, references by the rules, as a scan may know the block; and then
 * calls refslab_object_publish() or refslab_object_cancel().
 *
 * Context: as refslab_object_alloc(). Return: the object, or NULL.
 */
struct refslab_object *refslab_object_begin(struct refslab_type *type, gfp_t gfp)
{
	bool look;

	return make(type, gfp, &look);
}

/**
 * refslab_object_begin_sized() - refslab_object_begin() for an object with a size of its own
 * @type: its type, of REFSLAB_TYPE_SIZED
 * @extra: bytes beyond the type's body
 * @gfp: allocation flags
 */
struct refslab_object *refslab_object_begin_sized(struct refslab_type *type, u32 extra, gfp_t gfp)
{
	u32 size = type->size + extra;
	bool look;

	return begin_anew(type, refslab_objects_mem_alloc(type->objects, type->kind, size, gfp),
			  size, gfp, &look);
}
REFSLAB_EXPORT_TEST(refslab_object_begin_sized);

/**
 * refslab_object_publish() - an object is complete
 * @obj: from refslab_object_begin(); it has one reference now, the caller's
 * @gfp: allocation flags
 *
 * Context: as refslab_object_alloc().
 */
void refslab_object_publish(struct refslab_object *obj, gfp_t gfp)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_objects_cpu *own = raw_cpu_ptr(type->objects->cpu);

	/* of another CPU, it may be, when we have moved: it is only a hint */
	publish(type, obj, READ_ONCE(own->young) >= READ_ONCE(own->young_limit), gfp);
}
REFSLAB_EXPORT_TEST(refslab_object_publish);

/**
 * refslab_object_cancel() - an object is not to be
 * @obj: from refslab_object_begin(); references in it are dropped
 *
 * Context: task context, may sleep when there are references.
 */
void refslab_object_cancel(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_dead dead = { };
	u32 budget;

	do {
		budget = REFSLAB_CHUNK;
		if (refslab_destroy_references(obj, &dead, &budget))
			budget = U32_MAX;
		if (dead.first)
			refslab_destroy_all(type->objects, &dead);
	} while (budget != U32_MAX);
	refslab_object_free(obj, type);
}
REFSLAB_EXPORT_TEST(refslab_object_cancel);

/**
 * refslab_object_alloc_pages() - make an object with a mappable payload
 * @type: its type, of REFSLAB_TYPE_PAGES
 * @gfp: allocation flags; may sleep
 *
 * Otherwise as refslab_object_alloc(). Context: may sleep.
 */
struct refslab_object *refslab_object_alloc_pages(struct refslab_type *type, gfp_t gfp)
{
	struct refslab_payload *payload;
	struct refslab_object *obj;

	payload = refslab_objects_payload_alloc(type->objects, type->payload, gfp);
	if (!payload)
		return NULL;
	obj = refslab_object_begin(type, gfp);
	if (!obj) {
		refslab_payload_free(payload);
		return NULL;
	}
	*refslab_object_payload(obj, type) = payload;
	refslab_object_publish(obj, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_object_alloc_pages);

/**
 * refslab_object_free_pages() - a dead object's mappable payload goes, if it has one
 * @obj: its count is 0, or its heap ends
 * @type: its type
 *
 * Context: any that may queue a work.
 */
void refslab_object_free_pages(struct refslab_object *obj, struct refslab_type *type)
{
	struct refslab_payload **payload;

	if (likely(!(type->flags & REFSLAB_TYPE_PAGES)))
		return;
	payload = refslab_object_payload(obj, type);
	refslab_payload_free(*payload);
	*payload = NULL;
}

/**
 * refslab_object_bytes() - size of an object's block
 * @obj: an object the caller holds a reference on
 */
u32 refslab_object_bytes(struct refslab_object *obj)
{
	return refslab_mem_pool_of(&refslab_object_type(obj)->objects->mem, obj)->size;
}
REFSLAB_EXPORT_TEST(refslab_object_bytes);

/**
 * refslab_object_free() - give a dead object's block to its type's cache or its pool
 * @obj: its count is 0, its references are gone, nobody else will free it
 * @type: its type
 *
 * Context: task context.
 */
void refslab_object_free(struct refslab_object *obj, struct refslab_type *type)
{
	struct refslab_mem *mem = &type->objects->mem;
	bool counts = type->flags & REFSLAB_TYPE_TRACKED;
	struct refslab_objects_cpu *own;
	struct refslab_cache_cpu *cache;
	bool kept = true;
	void *back = NULL;
	int cpu;

	/* a verdict ends with the object; a scan's DYING is the scan's to take back */
	if (unlikely(refslab_word_read(&obj->word) & REFSLAB_WORD_DEAD)) {
		atomic64_andnot(REFSLAB_WORD_DEAD | REFSLAB_WORD_DYING, &obj->word);
		/* what a scan found does not make up for what was made since */
		counts = false;
	}

	cpu = get_cpu();
	cache = per_cpu_ptr(type->cache.cpu, cpu);
	own = per_cpu_ptr(type->objects->cpu, cpu);
	WRITE_ONCE(cache->freed, cache->freed + 1);
	if (counts) {
		WRITE_ONCE(own->young, own->young - 1);
		if (unlikely(own->young <= -YOUNG_DEBT))
			refslab_objects_young_fold(type->objects);
	}
	if (unlikely(type->flags & REFSLAB_TYPE_SIZED))
		kept = false;
	else if (likely(refslab_cache_push(&type->cache, cache, obj)))
		cache->streak = 0;
	else
		kept = type->size <= REFSLAB_CLASS_MAX &&
		       refslab_cache_push_loose(cache, obj, &back);
	put_cpu();
	if (unlikely(back))
		refslab_cache_give_back(type, back);
	if (unlikely(!kept))
		refslab_mem_free(mem, type->kind, refslab_object_bytes(obj), obj);
}

/**
 * refslab_object_revive() - bring an object back whose count has reached 0
 * @obj: the object, of REFSLAB_TYPE_EXTRA, in nobody else's hands, with all its references
 *
 * It has one reference then, the caller's. A scan may have passed while the count was 0 and taken
 * it off its generation: it is young again. Context: task context.
 */
void refslab_object_revive(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	/* lost to the list of the dead */
	obj->id = refslab_object_extra(obj, type)->id;
	/* full barrier: as in make() */
	atomic64_add_return(REFSLAB_WORD_GET, &obj->word);
	if (type->flags & REFSLAB_TYPE_TRACKED)
		mark_young(type->objects, obj);
}

/**
 * refslab_object_try_upgrade() - take a reference on an object while holding none
 * @obj: memory that is known to stay an object's (refslab_mem_hold())
 *
 * Context: any. Return: see enum refslab_upgrade.
 */
enum refslab_upgrade refslab_object_try_upgrade(struct refslab_object *obj)
{
	u64 old = refslab_word_read(&obj->word);

	do {
		if (!refslab_word_count(old) || (old & REFSLAB_WORD_DEAD))
			return REFSLAB_UPGRADE_DEAD;
		if (old & REFSLAB_WORD_DYING)
			return REFSLAB_UPGRADE_WAIT;
		if (unlikely(!(old & REFSLAB_WORD_FIXED) &&
			     refslab_word_count(old) >= REFSLAB_COUNT_MAX))
			return REFSLAB_UPGRADE_FULL;
		/* acquire: what the object held when it was published is seen */
	} while (!atomic64_try_cmpxchg_acquire(&obj->word, (s64 *)&old, old + REFSLAB_WORD_GET));
	if (unlikely(old & REFSLAB_WORD_FIXED))
		refslab_word_get_slow(&obj->word, old + REFSLAB_WORD_GET);
	return REFSLAB_UPGRADE_DONE;
}
REFSLAB_EXPORT_TEST(refslab_object_try_upgrade);

static bool awaits_verdict(struct refslab_object *obj)
{
	u64 word = refslab_word_read(&obj->word);

	return (word & (REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD)) == REFSLAB_WORD_DYING;
}

/**
 * refslab_object_upgrade() - take a reference on an object while holding none
 * @obj: memory that is known to stay an object's (refslab_mem_hold())
 *
 * Waits for the collector's verdict when there is to be one, so the caller must hold no object's
 * lock. Context: may sleep. Return: REFSLAB_UPGRADE_DONE with a reference, _DEAD or _FULL.
 */
enum refslab_upgrade refslab_object_upgrade(struct refslab_object *obj)
{
	enum refslab_upgrade upgrade;

	for (;;) {
		upgrade = refslab_object_try_upgrade(obj);
		if (upgrade != REFSLAB_UPGRADE_WAIT)
			return upgrade;
		wait_event(refslab_object_type(obj)->objects->verdict, !awaits_verdict(obj));
	}
}
REFSLAB_EXPORT_TEST(refslab_object_upgrade);

/**
 * refslab_object_tracked() - does the collector look after the object?
 * @obj: an object the caller holds a reference on
 */
bool refslab_object_tracked(const struct refslab_object *obj)
{
	return refslab_object_type(obj)->flags & REFSLAB_TYPE_TRACKED;
}
REFSLAB_EXPORT_TEST(refslab_object_tracked);
