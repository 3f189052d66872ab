// SPDX-License-Identifier: GPL-2.0
/*
 * The refchain: every live object of a heap, found by walking the pools, while others go on.
 *
 * The memory is held during the walk, so blocks stay blocks. Whoever is looked at is upgraded
 * first: a live object, or nothing.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "object.h"
#include "../refslab.h"

/*
 * A cursor: where refslab_mem_next_pool() has the pool, and the block to go on with. Its own cursor
 * uses the top bit and at most 40 low ones; the bit below the top tells a cursor from 0, the end.
 */
#define CURSOR_BLOCK_BITS	9
#define CURSOR_BLOCK_MASK	((1U << CURSOR_BLOCK_BITS) - 1)
#define CURSOR_TOP		BIT_ULL(63)
#define CURSOR_INSIDE		BIT_ULL(62)

static u64 pack(u64 at, unsigned int block)
{
	return (at & CURSOR_TOP) | CURSOR_INSIDE | (at & ~CURSOR_TOP) << CURSOR_BLOCK_BITS | block;
}

static u64 unpack(u64 cursor, unsigned int *block)
{
	*block = cursor & CURSOR_BLOCK_MASK;
	return (cursor & CURSOR_TOP) |
	       (cursor & ~(CURSOR_TOP | CURSOR_INSIDE)) >> CURSOR_BLOCK_BITS;
}

/* Takes a reference for the walk. */
static bool take(struct refslab_object *obj)
{
	enum refslab_upgrade upgrade = refslab_object_upgrade(obj);

	/* has as many as it may have; but whose heap ends, nobody else takes any, or drops all */
	if (unlikely(upgrade == REFSLAB_UPGRADE_FULL) &&
	    READ_ONCE(refslab_object_type(obj)->objects->ending)) {
		refslab_word_get(&obj->word);
		return true;
	}
	return upgrade == REFSLAB_UPGRADE_DONE;
}

static int walk_pool(struct refslab_pool *pool, unsigned int *block, refslab_walk_fn fn, void *arg)
{
	struct refslab_object *obj;
	unsigned int carved;
	int ret;

	/* blocks below are zeroed or filled: pairs with pool_take() */
	carved = smp_load_acquire(&pool->carved);

	for (; *block < carved; ++*block) {
		obj = refslab_mem_block(pool, *block);
		if (!refslab_word_count(refslab_word_read(&obj->word)))
			continue;
		if (!take(obj))
			continue;
		ret = fn(obj, arg);
		refslab_object_put(obj);
		if (ret)
			return ret;
	}
	return 0;
}

static int walk(struct refslab_objects *objects, u64 *cursor, bool containers, refslab_walk_fn fn,
		void *arg)
{
	struct refslab_pool *pool;
	unsigned int block;
	u64 next, at;
	int ret = 0;

	next = unpack(*cursor, &block);
	at = next;
	refslab_mem_hold(&objects->mem);
	while ((pool = refslab_mem_next_pool(&objects->mem, &next))) {
		/* the cursor's pool may have gone meanwhile, or be another */
		if (next != at + 1)
			block = 0;
		if (!containers || pool->kind == REFSLAB_MEM_CONTAINER)
			ret = walk_pool(pool, &block, fn, arg);
		if (ret)
			break;
		block = 0;
		cond_resched();
	}
	refslab_mem_release(&objects->mem);
	*cursor = ret ? pack(next - 1, block) : 0;
	return ret;
}

/**
 * refslab_walk() - call a function for every live object
 * @objects: the heap's objects
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @fn: called with a reference held, may sleep; not 0 stops the walk before the next object and
 *	leaves @cursor at this one
 * @arg: for @fn
 *
 * Objects alive during the whole walk are all seen once (one with 2^27 references is not, unless
 * the heap ends); those made or destroyed meanwhile may or may not be. Context: may sleep.
 *
 * Return: 0 at the end, or what @fn returned.
 */
int refslab_walk(struct refslab_objects *objects, u64 *cursor, refslab_walk_fn fn, void *arg)
{
	return walk(objects, cursor, false, fn, arg);
}
REFSLAB_EXPORT_TEST(refslab_walk);

/**
 * refslab_walk_containers() - call a function for every live object that may hold references
 * @objects: the heap's objects
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @fn: as for refslab_walk()
 * @arg: for @fn
 *
 * As refslab_walk(), without touching atoms.
 */
int refslab_walk_containers(struct refslab_objects *objects, u64 *cursor, refslab_walk_fn fn,
			    void *arg)
{
	return walk(objects, cursor, true, fn, arg);
}

/*
 * A place: a pool and a block in it as numbers, 62 bits; the cursor's top bit is the highest of
 * them. Unlike an address it can be looked at when the memory there may be gone.
 */
#define PLACE_LARGE	BIT_ULL(61)

/**
 * refslab_walk_place() - where an object is
 * @obj: the object; the caller holds a reference on it
 *
 * Return: its place, for refslab_walk_find(): its own while it lives, less than 2^62.
 */
u64 refslab_walk_place(struct refslab_object *obj)
{
	struct refslab_pool *pool;
	unsigned int block;
	u64 at;

	pool = refslab_mem_pool_of(&refslab_object_type(obj)->objects->mem, obj);
	block = refslab_mem_index(pool, obj);
	if (!pool->arena)
		return PLACE_LARGE | (u64)pool->number << CURSOR_BLOCK_BITS | block;
	at = (u64)pool->arena->number * REFSLAB_ARENA_POOLS + pool->number;
	return at << CURSOR_BLOCK_BITS | block;
}

/* What is at a place now, if anything. The memory is held. */
static struct refslab_object *look_at(struct refslab_mem *mem, u64 place)
{
	unsigned int block = place & CURSOR_BLOCK_MASK;
	u64 at = (place & ~PLACE_LARGE) >> CURSOR_BLOCK_BITS;
	struct refslab_pool *pool;

	if (place & PLACE_LARGE)
		at |= CURSOR_TOP;
	pool = refslab_mem_find_pool(mem, at);
	/* pairs with pool_take() */
	if (!pool || block >= smp_load_acquire(&pool->carved))
		return NULL;
	return refslab_mem_block(pool, block);
}

/**
 * refslab_walk_find() - a reference on the object with an id at a place
 * @objects: the heap's objects
 * @place: from refslab_walk_place()
 * @id: the object's id
 *
 * Waits for the collector's verdict when there is to be one. Context: may sleep.
 *
 * Return: a strong reference, NULL when the object is dead, ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_walk_find(struct refslab_objects *objects, u64 place, u64 id)
{
	enum refslab_upgrade upgrade = REFSLAB_UPGRADE_DEAD;
	struct refslab_object *obj;

	refslab_mem_hold(&objects->mem);
	obj = look_at(&objects->mem, place);
	/*
	 * What is another object for certain is not touched. The block may be free, or be filled
	 * just now: then this is a link, or half a number, and the upgrade fails, or the id tells.
	 */
	if (obj && data_race(READ_ONCE(obj->id)) == id)
		upgrade = refslab_object_upgrade(obj);
	if (upgrade == REFSLAB_UPGRADE_DONE && obj->id != id) {
		refslab_object_put(obj);
		upgrade = REFSLAB_UPGRADE_DEAD;
	}
	refslab_mem_release(&objects->mem);
	if (upgrade == REFSLAB_UPGRADE_FULL)
		return ERR_PTR(-EOVERFLOW);
	return upgrade == REFSLAB_UPGRADE_DONE ? obj : NULL;
}
REFSLAB_EXPORT_TEST(refslab_walk_find);

/**
 * refslab_walk_alive() - may the object with an id at a place still be alive?
 * @objects: the heap's objects
 * @place: from refslab_walk_place()
 * @id: the object's id
 *
 * Touches nothing, and waits for nothing. Context: the memory is held.
 *
 * Return: false when it is dead for good; true may be an object that is dying.
 */
bool refslab_walk_alive(struct refslab_objects *objects, u64 place, u64 id)
{
	struct refslab_object *obj;
	struct refslab_type *type;
	bool alive = false;

	obj = look_at(&objects->mem, place);
	/* acquire: a count above 0 comes with the object's type and id */
	if (obj && refslab_word_count(atomic64_read_acquire(&obj->word)))
		/* and stays, unless it dies: then either answer is right */
		alive = data_race(READ_ONCE(obj->id)) == id;
	type = obj ? refslab_object_type(obj) : NULL;
	if (type && (type->flags & REFSLAB_TYPE_EXTRA))
		/* its finalizer may bring it back; one that is made there just now has another */
		alive |= data_race(READ_ONCE(refslab_object_extra(obj, type)->id)) == id;
	return alive;
}

struct visit {
	refslab_visit_fn fn;
	void *arg;
};

static void visit_custom(void *target, void *arg)
{
	struct visit *visit = arg;

	if (target)
		visit->fn(target, visit->arg);
}

/**
 * refslab_walk_references() - call a function for every reference an object holds
 * @obj: the object; the caller holds a reference on it
 * @fn: called under the object's lock with each target; must not sleep or take references' locks
 * @arg: for @fn
 *
 * The elements of a long table are visited in chunks, with the lock released in between: all of
 * them if nobody changes it meanwhile. For tests and checks. Context: may sleep, no object's lock
 * held.
 */
void refslab_walk_references(struct refslab_object *obj, refslab_visit_fn fn, void *arg)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct visit visit = { fn, arg };
	struct refslab_table *table;
	u32 i, n, next = 0;
	void **slots;

	if (!(type->flags & REFSLAB_TYPE_CONTAINER))
		return;
	refslab_object_lock(obj);
	slots = refslab_object_slots(obj);
	for (i = 0; i < type->nr_slots; i++)
		if (slots[i])
			fn(slots[i], arg);
	if (type->ops && type->ops->traverse)
		type->ops->traverse(obj, visit_custom, &visit);
	if (type->flags & REFSLAB_TYPE_TABLE) {
		table = refslab_object_table(obj);
		while (next < table->len) {
			slots = refslab_table_at(table, next, &n);
			n = min_t(u32, n, REFSLAB_CHUNK);
			for (i = 0; i < n; i++)
				if (slots[i])
					fn(slots[i], arg);
			next += n;
			refslab_object_unlock(obj);
			cond_resched();
			refslab_object_lock(obj);
		}
	}
	refslab_object_unlock(obj);
}
REFSLAB_EXPORT_TEST(refslab_walk_references);
