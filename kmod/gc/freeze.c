// SPDX-License-Identifier: GPL-2.0
/*
 * Freezing: objects that will live for ever are set aside, so that scans do not look at them.
 *
 * A frozen object is a live tracked one that is in no generation: neither young nor middle nor old.
 * No scan takes it into its set, so what it refers to has references from outside and lives. It is
 * counted as ever, and dies as ever when its last reference goes; an object made in its block is
 * young, like any other, and so is one that its finalizer brings back.
 *
 * Context of all functions: may sleep.
 */
#include "gc.h"

typedef u64 (*pool_fn)(struct refslab_objects *objects, struct refslab_pool *pool);

/* Calls @fn for each pool of containers; the sum of what it returns. The scan's lock is held. */
static u64 sum_of_pools(struct refslab_gc *gc, pool_fn fn)
{
	struct refslab_mem *mem = &gc->objects->mem;
	struct refslab_pool *pool;
	u64 cursor = 0, sum = 0;

	lockdep_assert_held(&gc->scan_lock);
	refslab_mem_hold(mem);
	while ((pool = refslab_mem_next_pool(mem, &cursor))) {
		if (pool->kind == REFSLAB_MEM_CONTAINER)
			sum += fn(gc->objects, pool);
		cond_resched();
	}
	refslab_mem_release(mem);
	return sum;
}

/*
 * Whoever makes an object meanwhile has set its bit before, and it is frozen; or sees the bit
 * cleared, sets it, and finds the pool off the list: see mark_young().
 */
static u64 freeze_pool(struct refslab_objects *objects, struct refslab_pool *pool)
{
	struct refslab_pool_marks *marks = &pool->marks;
	unsigned int i;

	refslab_objects_unqueue_pool(objects, pool);
	/* off the lists before the bits are cleared: pairs with mark_young() */
	smp_mb();
	for (i = 0; i < BITS_TO_LONGS(REFSLAB_POOL_MARKS); i++)
		if (READ_ONCE(marks->young[i]))
			xchg(&marks->young[i], 0);
	bitmap_zero(marks->middle, REFSLAB_POOL_MARKS);
	bitmap_zero(marks->old, REFSLAB_POOL_MARKS);
	bitmap_zero(marks->judged, REFSLAB_POOL_MARKS);
	return 0;
}

static bool is_frozen(const struct refslab_pool *pool, unsigned int index)
{
	const struct refslab_object *obj = refslab_mem_block(pool, index);

	if (test_bit(index, pool->marks.young) || test_bit(index, pool->marks.middle) ||
	    test_bit(index, pool->marks.old))
		return false;
	/* acquire: a count above 0 comes with the object's type */
	return refslab_word_count(atomic64_read_acquire(&obj->word)) && refslab_object_tracked(obj);
}

/*
 * How many of a pool are frozen; with @undo they are old afterwards. An object that is just being
 * made has no mark yet; it gets its own, which then is the one.
 */
static u64 frozen_of_pool(struct refslab_pool *pool, bool undo)
{
	/* pairs with pool_take(): what is below was zeroed */
	unsigned int i, carved = smp_load_acquire(&pool->carved);
	u64 nr = 0;

	for (i = 0; i < carved; i++) {
		if (!is_frozen(pool, i))
			continue;
		if (undo)
			__set_bit(i, pool->marks.old);
		nr++;
	}
	return nr;
}

static u64 unfreeze_pool(struct refslab_objects *objects, struct refslab_pool *pool)
{
	return frozen_of_pool(pool, true);
}

static u64 count_pool(struct refslab_objects *objects, struct refslab_pool *pool)
{
	return frozen_of_pool(pool, false);
}

/**
 * refslab_freeze_all() - freeze all tracked objects there are
 * @gc: the collector
 * @interruptible: whether a signal ends the wait for a scan under way
 *
 * All counts begin at 0 again. Return: 0 or -EINTR.
 */
int refslab_freeze_all(struct refslab_gc *gc, bool interruptible)
{
	int err = refslab_generation_lock(gc, interruptible);

	if (err)
		return err;
	WRITE_ONCE(gc->objects->frozen, true);
	sum_of_pools(gc, freeze_pool);
	WRITE_ONCE(gc->old_survivors, 0);
	gc->old_pending = 0;
	refslab_generation_restart(gc);
	mutex_unlock(&gc->scan_lock);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_freeze_all);

/**
 * refslab_freeze_undo() - move all frozen objects to generation 2
 * @gc: the collector
 * @interruptible: whether a signal ends the wait for a scan under way
 *
 * Return: 0 or -EINTR.
 */
int refslab_freeze_undo(struct refslab_gc *gc, bool interruptible)
{
	int err = refslab_generation_lock(gc, interruptible);

	if (err)
		return err;
	if (gc->objects->frozen)
		gc->old_pending += sum_of_pools(gc, unfreeze_pool);
	WRITE_ONCE(gc->objects->frozen, false);
	mutex_unlock(&gc->scan_lock);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_freeze_undo);

/**
 * refslab_freeze_count() - count frozen objects
 * @gc: the collector
 * @interruptible: whether a signal ends the wait for a scan under way
 * @nr: out: how many; exact when nobody makes objects meanwhile
 *
 * Looks at all objects, and touches none. Return: 0 or -EINTR.
 */
int refslab_freeze_count(struct refslab_gc *gc, bool interruptible, u64 *nr)
{
	int err = refslab_generation_lock(gc, interruptible);

	if (err)
		return err;
	*nr = gc->objects->frozen ? sum_of_pools(gc, count_pool) : 0;
	mutex_unlock(&gc->scan_lock);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_freeze_count);
