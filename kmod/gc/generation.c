// SPDX-License-Identifier: GPL-2.0
/*
 * Generations: which objects are scanned when, as in CPython.
 *
 * Automatic scans run from the heap's work: one when the count of young containers exceeds
 * threshold 0, of the oldest generation whose count exceeds its threshold.
 */
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "gc.h"
#include "../../uapi/refslab.h"
#include "../refslab.h"

/*
 * An allocator that is this many thresholds ahead of the collector scans itself. While a scan is
 * under way already, it goes on until it is ahead by a quarter of what survived the last full scan,
 * too; then it waits. So of containers made since a scan began there are never many more than that.
 */
#define HELP_FACTOR	8

/* Every so many full scans look at all objects: a net for versions that wrapped between two. */
#define UNFILTERED	10

static bool automatic(struct refslab_gc *gc)
{
	return READ_ONCE(gc->enabled) && !READ_ONCE(gc->closing) &&
	       READ_ONCE(gc->generation[0].threshold);
}

/*
 * Sets the number of containers that may be made before somebody looks again. Whoever changes what
 * that is computed from sets it afterwards. Another who computed it before may set it last, to what
 * is never reached, and nobody would look again: so he looks whether it is still as it was.
 */
static void set_limit(struct refslab_gc *gc)
{
	long threshold, left;
	bool on;

	do {
		/* changed before the limits are set; pairs with the other one */
		smp_mb();
		on = automatic(gc);
		threshold = READ_ONCE(gc->generation[0].threshold);
		left = threshold + 1 - refslab_objects_young(gc->objects);
		refslab_objects_young_reset(gc->objects, on ? max(left, 0L) : LONG_MAX);
		/* the limits are set before it is looked again */
		smp_mb();
	} while (on != automatic(gc) || threshold != READ_ONCE(gc->generation[0].threshold));
}

static bool due(struct refslab_gc *gc)
{
	return automatic(gc) &&
	       refslab_objects_young(gc->objects) > READ_ONCE(gc->generation[0].threshold);
}

/* Sets the limits and sees to it that nobody passed them unnoticed while they were being set. */
static void rearm(struct refslab_gc *gc)
{
	set_limit(gc);
	/* the limits are set before the count is read; who counts does so before he reads his */
	smp_mb();
	if (due(gc))
		queue_work(gc->objects->wq, &gc->work);
}

/*
 * A full scan of many old objects for few new ones would make the total cost quadratic: wait until
 * those that came since the last one exceed a quarter of those that survived it.
 */
static bool full_scan_pays(struct refslab_gc *gc)
{
	return gc->old_pending > gc->old_survivors / 4;
}

static unsigned int choose(struct refslab_gc *gc)
{
	struct refslab_generation *generation = gc->generation;

	if (generation[2].count > generation[2].threshold && full_scan_pays(gc))
		return 2;
	return generation[1].count > generation[1].threshold;
}

static void run(struct refslab_gc *gc, unsigned int g, bool all, struct refslab_gc_result *result,
		struct refslab_dead *garbage)
{
	struct refslab_generation *generation = gc->generation;
	u64 survivors, trash;
	unsigned int i;
	u64 begin = ktime_get_ns();
	struct refslab_gc_info info = { .generation = g };
	bool filter;

	lockdep_assert_held(&gc->scan_lock);
	blocking_notifier_call_chain(&gc->notifier, REFSLAB_GC_START, &info);
	refslab_objects_young_take(gc->objects);
	set_limit(gc);
	for (i = 0; i <= g; i++)
		WRITE_ONCE(generation[i].count, 0);
	if (g + 1 < REFSLAB_GENERATIONS_NR)
		WRITE_ONCE(generation[g + 1].count, generation[g + 1].count + 1);

	filter = g == REFSLAB_GENERATIONS_NR - 1 && READ_ONCE(gc->filter) &&
		 gc->full++ % UNFILTERED && !all;
	refslab_scan(gc, g, filter, result, garbage);
	atomic_inc(&gc->tearing);
	trash = atomic64_add_return(result->dead, &gc->trash);
	if (trash > gc->max_trash)
		WRITE_ONCE(gc->max_trash, trash);

	/* read without the lock by whoever wants to know: whole numbers, each for itself */
	WRITE_ONCE(generation[g].collections, generation[g].collections + 1);
	WRITE_ONCE(generation[g].collected,
		   generation[g].collected + result->unreachable - result->uncollectable);
	WRITE_ONCE(generation[g].uncollectable,
		   generation[g].uncollectable + result->uncollectable);
	survivors = gc->last.skipped + gc->last.visited - gc->last.unreachable;
	if (g == 1) {
		gc->old_pending += survivors;
	} else if (g == 2) {
		gc->old_pending = 0;
		WRITE_ONCE(gc->old_survivors, survivors);
	}
	info.collected = result->unreachable - result->uncollectable;
	info.uncollectable = result->uncollectable;
	info.duration_ns = ktime_get_ns() - begin;
	blocking_notifier_call_chain(&gc->notifier, REFSLAB_GC_STOP, &info);
}

static void finish(struct refslab_gc *gc, struct refslab_dead *garbage)
{
	refslab_scan_tear_down(gc, garbage);
	if (atomic_dec_and_test(&gc->tearing))
		wake_up_all(&gc->torn);
	/* what died with the garbage was counted off */
	rearm(gc);
}

/*
 * One scan, if one is due. The scan's lock is held, and released. Where the next is due already it
 * is queued by rearm(), at the end.
 */
static void scan_and_unlock(struct refslab_gc *gc)
{
	struct refslab_dead garbage = { };
	struct refslab_gc_result result;
	bool ran = due(gc);

	if (ran)
		run(gc, choose(gc), false, &result, &garbage);
	mutex_unlock(&gc->scan_lock);
	if (ran)
		finish(gc, &garbage);
	else
		rearm(gc);
}

/*
 * One scan at a time: heaps whose owners never pause take turns with what others wait for, and do
 * not keep their places in the workqueue.
 */
static void automatic_work(struct work_struct *work)
{
	struct refslab_gc *gc = container_of(work, struct refslab_gc, work);

	mutex_lock(&gc->scan_lock);
	scan_and_unlock(gc);
}

/*
 * Scans in the allocator's own context. When a scan is under way, waits for it first if @far, and
 * otherwise leaves it at that.
 */
static void help(struct refslab_gc *gc, bool far)
{
	if (!mutex_trylock(&gc->scan_lock)) {
		if (!far)
			refslab_objects_young_reset(gc->objects,
						    READ_ONCE(gc->generation[0].threshold));
		/* who is being killed will not make much more */
		if (!far || mutex_lock_killable(&gc->scan_lock))
			return;
	}
	/* unless somebody else who waited has done it */
	scan_and_unlock(gc);
}

/**
 * refslab_generation_young_limit() - look whether a scan is due
 * @gc: the collector
 * @gfp: whether the caller, who has just made a container, may sleep
 *
 * Context: as @gfp says.
 */
void refslab_generation_young_limit(struct refslab_gc *gc, gfp_t gfp)
{
	long threshold = READ_ONCE(gc->generation[0].threshold);
	long young = refslab_objects_young(gc->objects), ahead;

	if (!automatic(gc) || young <= threshold) {
		rearm(gc);
		return;
	}
	queue_work(gc->objects->wq, &gc->work);
	ahead = young - threshold * HELP_FACTOR;
	if (ahead > 0 && refslab_objects_may_collect(gfp))
		help(gc, ahead > (long)(READ_ONCE(gc->old_survivors) / 4));
	else
		refslab_objects_young_reset(gc->objects, threshold);
}

/*
 * What waits to be destroyed, by the worker or by who scanned before, refers to other objects as if
 * it were alive: it would keep them from this scan. Nothing that is waited for needs the scan's
 * lock.
 */
static int finish_others(struct refslab_gc *gc, bool interruptible)
{
	if (!interruptible)
		wait_event(gc->torn, !atomic_read(&gc->tearing));
	else if (wait_event_interruptible(gc->torn, !atomic_read(&gc->tearing)))
		return -EINTR;
	return refslab_destroy_finish(gc->objects, interruptible);
}

/**
 * refslab_generation_lock() - take the lock that keeps scans apart
 * @gc: the collector
 * @interruptible: whether a signal ends the wait for a scan under way
 *
 * Context: may sleep. Return: 0 or -EINTR.
 */
int refslab_generation_lock(struct refslab_gc *gc, bool interruptible)
{
	if (interruptible)
		return mutex_lock_interruptible(&gc->scan_lock);
	mutex_lock(&gc->scan_lock);
	return 0;
}

/**
 * refslab_generation_collect() - scan now
 * @gc: the collector
 * @generation: the oldest to scan; with REFSLAB_COLLECT_ALL nothing of it is left out
 * @result: out: what was found
 * @interruptible: whether a signal ends the wait for a scan under way
 *
 * What was dropped, or found, before and is still to be destroyed is destroyed first; the garbage
 * is destroyed before this returns. Context: may sleep; the caller holds no lock that a type's
 * release() takes.
 *
 * Return: 0, -EINVAL no such generation, -EINTR.
 */
int refslab_generation_collect(struct refslab_gc *gc, unsigned int generation,
			       struct refslab_gc_result *result, bool interruptible)
{
	bool all = generation & REFSLAB_COLLECT_ALL;
	struct refslab_dead garbage = { };
	int err;

	generation &= ~REFSLAB_COLLECT_ALL;
	if (generation >= REFSLAB_GENERATIONS_NR)
		return -EINVAL;
	err = refslab_generation_lock(gc, interruptible);
	if (err)
		return err;
	err = finish_others(gc, interruptible);
	if (!err)
		run(gc, generation, all, result, &garbage);
	mutex_unlock(&gc->scan_lock);
	if (!err)
		finish(gc, &garbage);
	return err;
}
REFSLAB_EXPORT_TEST(refslab_generation_collect);

/**
 * refslab_generation_enable() - turn automatic scans on or off
 * @gc: the collector
 * @enable: which
 */
void refslab_generation_enable(struct refslab_gc *gc, bool enable)
{
	WRITE_ONCE(gc->enabled, enable);
	set_limit(gc);
}
REFSLAB_EXPORT_TEST(refslab_generation_enable);

/**
 * refslab_generation_set_thresholds() - set when scans happen
 * @gc: the collector
 * @threshold: of the three generations; the first being 0 turns automatic scans off
 */
void refslab_generation_set_thresholds(struct refslab_gc *gc, const u32 threshold[3])
{
	unsigned int i;

	for (i = 0; i < REFSLAB_GENERATIONS_NR; i++)
		WRITE_ONCE(gc->generation[i].threshold, threshold[i]);
	set_limit(gc);
}
REFSLAB_EXPORT_TEST(refslab_generation_set_thresholds);

/**
 * refslab_generation_get_thresholds() - the opposite
 * @gc: the collector
 * @threshold: out
 */
void refslab_generation_get_thresholds(struct refslab_gc *gc, u32 threshold[3])
{
	unsigned int i;

	for (i = 0; i < REFSLAB_GENERATIONS_NR; i++)
		threshold[i] = READ_ONCE(gc->generation[i].threshold);
}
REFSLAB_EXPORT_TEST(refslab_generation_get_thresholds);

/**
 * refslab_generation_get_counts() - how far each generation is from its next scan
 * @gc: the collector
 * @count: out: containers made minus freed since the last scan of 0; scans of 0 since the last of
 *	1; scans of 1 since the last of 2
 */
void refslab_generation_get_counts(struct refslab_gc *gc, u32 count[3])
{
	count[0] = min_t(long, refslab_objects_young(gc->objects), U32_MAX);
	count[1] = READ_ONCE(gc->generation[1].count);
	count[2] = READ_ONCE(gc->generation[2].count);
}
REFSLAB_EXPORT_TEST(refslab_generation_get_counts);

/**
 * refslab_generation_restart() - count from 0 again, as there is nothing left to scan
 * @gc: the collector; its scan_lock is held
 */
void refslab_generation_restart(struct refslab_gc *gc)
{
	unsigned int i;

	lockdep_assert_held(&gc->scan_lock);
	refslab_objects_young_take(gc->objects);
	for (i = 0; i < REFSLAB_GENERATIONS_NR; i++)
		WRITE_ONCE(gc->generation[i].count, 0);
	rearm(gc);
}

/**
 * refslab_generation_of() - the generation an object is in
 * @obj: a tracked object the caller holds a reference on
 *
 * Return: 0 to 2, REFSLAB_GENERATION_FROZEN. While a scan moves it from one to the next, any.
 */
unsigned int refslab_generation_of(const struct refslab_object *obj)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_pool *pool = refslab_mem_pool_of(&objects->mem, obj);
	unsigned int index = refslab_mem_index(pool, obj);

	if (test_bit(index, pool->marks.young))
		return 0;
	/* a scan may be moving objects of the same word: then either answer was right lately */
	if (data_race(test_bit(index, pool->marks.middle)))
		return 1;
	/* likewise */
	if (!READ_ONCE(objects->frozen) || data_race(test_bit(index, pool->marks.old)))
		return 2;
	return REFSLAB_GENERATION_FROZEN;
}
REFSLAB_EXPORT_TEST(refslab_generation_of);

/**
 * refslab_generation_init() - make a collector
 * @gc: to fill in
 * @objects: the heap's objects
 * @threshold: of the three generations
 * @enabled: automatic scans
 */
void refslab_generation_init(struct refslab_gc *gc, struct refslab_objects *objects,
			     const u32 threshold[3], bool enabled)
{
	gc->objects = objects;
	mutex_init(&gc->scan_lock);
	init_waitqueue_head(&gc->torn);
	INIT_WORK(&gc->work, automatic_work);
	gc->enabled = enabled;
	gc->filter = true;
	BLOCKING_INIT_NOTIFIER_HEAD(&gc->notifier);
	refslab_garbage_init(gc);
	refslab_generation_set_thresholds(gc, threshold);
}
REFSLAB_EXPORT_TEST(refslab_generation_init);

/**
 * refslab_generation_set_debug() - set the debug flags
 * @gc: the collector
 * @flags: REFSLAB_DEBUG_*
 *
 * Return: 0, -EOPNOTSUPP an unknown flag.
 */
int refslab_generation_set_debug(struct refslab_gc *gc, u64 flags)
{
	if (flags & ~(u64)(REFSLAB_DEBUG_STATS | REFSLAB_DEBUG_LEAK))
		return -EOPNOTSUPP;
	WRITE_ONCE(gc->debug, flags);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_generation_set_debug);

/**
 * refslab_generation_stop() - no more automatic scans, for good; waits for one under way
 * @gc: the collector
 */
void refslab_generation_stop(struct refslab_gc *gc)
{
	WRITE_ONCE(gc->closing, true);
	cancel_work_sync(&gc->work);
}
REFSLAB_EXPORT_TEST(refslab_generation_stop);
