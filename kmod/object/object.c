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

#define ID_BATCH	256
#define YOUNG_DEBT	64	/* frees a CPU may be ahead before the sum is looked at */

/* A fresh block's head names another type or none: a scan may hold its lock, so take that. */
static void set_type(struct refslab_object *obj, struct refslab_type *type)
{
	if (type->kind == REFSLAB_MEM_ATOM) {
		WRITE_ONCE(obj->head, (unsigned long)type);
		return;
	}
	refslab_object_lock(obj);
	WRITE_ONCE(obj->head, (unsigned long)type | BIT(REFSLAB_HEAD_LOCK));
	refslab_object_unlock(obj);
}

static size_t header_bytes(const struct refslab_type *type)
{
	return type->flags & REFSLAB_TYPE_CONTAINER ? sizeof(struct refslab_container) :
						      sizeof(struct refslab_object);
}

static struct refslab_object *alloc_block(struct refslab_type *type, u32 size, gfp_t gfp)
{
	struct refslab_object *obj;
	size_t header = header_bytes(type);

	obj = refslab_objects_mem_alloc(type->objects, type->kind, size, gfp);
	if (!obj)
		return NULL;
	memset((void *)obj + header, 0, size - header);
	set_type(obj, type);
	preempt_disable();
	__this_cpu_inc(type->cache.cpu->made);
	preempt_enable();
	return obj;
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

static u64 next_id(struct refslab_objects *objects, struct refslab_objects_cpu *cpu)
{
	if (unlikely(cpu->next_id == cpu->last_id)) {
		cpu->next_id = atomic64_fetch_add_relaxed(ID_BATCH, &objects->next_id);
		cpu->last_id = cpu->next_id + ID_BATCH;
	}
	return cpu->next_id++;
}

static void init_extra(struct refslab_type *type, struct refslab_object *obj)
{
	struct refslab_extra *extra = refslab_object_extra(obj, type);

	INIT_LIST_HEAD(&extra->weak);
	INIT_LIST_HEAD(&extra->event.node);
	extra->id = obj->id;
	refslab_object_lock(obj);
	__clear_bit(REFSLAB_HEAD_FINALIZED, &obj->head);
	refslab_object_unlock(obj);
}

static struct refslab_object *make(struct refslab_type *type, struct refslab_object *obj, gfp_t gfp)
{
	struct refslab_objects *objects = type->objects;
	struct refslab_objects_cpu *cpu;
	bool look = false;

	preempt_disable();
	cpu = this_cpu_ptr(objects->cpu);
	obj->id = next_id(objects, cpu);
	if (type->flags & REFSLAB_TYPE_TRACKED) {
		if (unlikely(cpu->young < 0))
			refslab_objects_young_fold(objects);
		WRITE_ONCE(cpu->young, cpu->young + 1);
		look = cpu->young >= READ_ONCE(cpu->young_limit);
	}
	preempt_enable();
	if (unlikely(type->flags & REFSLAB_TYPE_EXTRA))
		init_extra(type, obj);

	/*
	 * The count was 0, so this makes it 1, whatever the version and DYING are. Full barrier:
	 * the object is complete for whoever sees the count, and for mark_young().
	 */
	atomic64_add_return(REFSLAB_WORD_GET, &obj->word);
	if (type->flags & REFSLAB_TYPE_TRACKED) {
		mark_young(objects, obj);
		if (unlikely(look))
			objects->hooks->young_limit(objects, gfp);
	}
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

	preempt_disable();
	obj = refslab_cache_pop(type);
	preempt_enable();
	if (obj) {
		/* its references were emptied when its last object died */
		memset(refslab_object_body(obj, type), 0, type->body);
	} else {
		obj = alloc_block(type, type->size, gfp);
		if (!obj)
			return NULL;
	}
	return make(type, obj, gfp);
}
REFSLAB_EXPORT_TEST(refslab_object_alloc);

/**
 * refslab_object_alloc_sized() - make an object with a size of its own
 * @type: its type, of REFSLAB_TYPE_SIZED
 * @extra: bytes beyond the type's body
 * @gfp: allocation flags
 *
 * As refslab_object_alloc().
 */
struct refslab_object *refslab_object_alloc_sized(struct refslab_type *type, u32 extra, gfp_t gfp)
{
	struct refslab_object *obj = alloc_block(type, type->size + extra, gfp);

	return obj ? make(type, obj, gfp) : NULL;
}
REFSLAB_EXPORT_TEST(refslab_object_alloc_sized);

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
	struct refslab_objects *objects = type->objects;
	bool counts = type->flags & REFSLAB_TYPE_TRACKED, kept = false;
	u32 size = type->size;

	/* a verdict ends with the object; a scan's DYING is the scan's to take back */
	if (unlikely(refslab_word_read(&obj->word) & REFSLAB_WORD_DEAD)) {
		atomic64_andnot(REFSLAB_WORD_DEAD | REFSLAB_WORD_DYING, &obj->word);
		/* what a scan found does not make up for what was made since */
		counts = false;
	}

	preempt_disable();
	__this_cpu_inc(type->cache.cpu->freed);
	if (counts && __this_cpu_dec_return(objects->cpu->young) <= -YOUNG_DEBT)
		refslab_objects_young_fold(objects);
	if (type->flags & REFSLAB_TYPE_SIZED)
		size = refslab_object_bytes(obj);
	else
		kept = refslab_cache_push(type, obj);
	preempt_enable();
	if (!kept)
		refslab_mem_free(&objects->mem, type->kind, size, obj);
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
