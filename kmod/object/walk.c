// SPDX-License-Identifier: GPL-2.0
/*
 * The refchain: every live object of a heap, found by walking the pools, while others go on.
 *
 * The memory is held during the walk, so blocks stay blocks. Whoever is looked at is upgraded
 * first: a live object, or nothing.
 */
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
		if (!refslab_object_upgrade(obj))
			continue;
		ret = fn(obj, arg);
		refslab_object_put(obj);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * refslab_walk() - call a function for every live object
 * @objects: the heap's objects
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @fn: called with a reference held, may sleep; not 0 stops the walk before the next object and
 *	leaves @cursor at this one
 * @arg: for @fn
 *
 * Objects alive during the whole walk are all seen once; those made or destroyed meanwhile may or
 * may not be. Context: may sleep.
 *
 * Return: 0 at the end, or what @fn returned.
 */
int refslab_walk(struct refslab_objects *objects, u64 *cursor, refslab_walk_fn fn, void *arg)
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
REFSLAB_EXPORT_TEST(refslab_walk);

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
 * Context: task context, no object's lock held; the lock is held throughout: for tests and checks.
 */
void refslab_walk_references(struct refslab_object *obj, refslab_visit_fn fn, void *arg)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct visit visit = { fn, arg };
	struct refslab_table *table;
	void **slots;
	u32 i;

	if (!(type->flags & REFSLAB_TYPE_CONTAINER))
		return;
	refslab_object_lock(obj);
	slots = refslab_object_slots(obj);
	for (i = 0; i < type->nr_slots; i++)
		if (slots[i])
			fn(slots[i], arg);
	if (type->flags & REFSLAB_TYPE_TABLE) {
		table = refslab_object_table(obj);
		for (i = 0; i < table->len; i++)
			fn(table->vec[i], arg);
	}
	if (type->ops && type->ops->traverse)
		type->ops->traverse(obj, visit_custom, &visit);
	refslab_object_unlock(obj);
}
REFSLAB_EXPORT_TEST(refslab_walk_references);
