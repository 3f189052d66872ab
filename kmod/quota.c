// SPDX-License-Identifier: GPL-2.0
/*
 * How many handles a heap has, and may have. Each session counts its own, under a lock it holds
 * anyway, so that sessions on different CPUs share nothing; how many there are is the sum. Only
 * while there is a limit are they counted together, in one number that everybody writes: when one
 * is set, those of each session are added to that number, and the limit holds once all are in it.
 *
 * Locks: heap->quota.lock, and within it the sessions' own, one at a time.
 */
#include <linux/rculist.h>
#include <linux/sched.h>

#include "heap.h"

/**
 * refslab_quota_add() - let a session's handles be the heap's
 * @heap: the heap
 * @quota: zeroes; there are no handles yet
 * @lock: what is held by who takes a handle or gives one back
 *
 * Context: may sleep.
 */
void refslab_quota_add(struct refslab_heap *heap, struct refslab_quota *quota, spinlock_t *lock)
{
	quota->heap = heap;
	quota->lock = lock;
	mutex_lock(&heap->quota.lock);
	quota->counted = heap->quota.max;
	list_add_tail_rcu(&quota->node, &heap->quota.list);
	mutex_unlock(&heap->quota.lock);
}
REFSLAB_EXPORT_TEST(refslab_quota_add);

/**
 * refslab_quota_remove() - the session ends
 * @quota: its memory must last until an RCU grace period is over; there are no handles any more
 *
 * Context: may sleep.
 */
void refslab_quota_remove(struct refslab_quota *quota)
{
	struct refslab_heap *heap = quota->heap;

	WARN_ON_ONCE(quota->taken);
	mutex_lock(&heap->quota.lock);
	list_del_rcu(&quota->node);
	mutex_unlock(&heap->quota.lock);
}
REFSLAB_EXPORT_TEST(refslab_quota_remove);

/* Counts one more together with all others, unless there are as many as there may be. */
bool __refslab_quota_take(struct refslab_quota *quota)
{
	atomic64_t *counted = &quota->heap->quota.counted;
	/* none: one is being set, or was just removed */
	u64 max = READ_ONCE(quota->heap->quota.max) ?: U64_MAX;
	s64 old = atomic64_read(counted);

	do {
		if ((u64)old >= max)
			return false;
	} while (!atomic64_try_cmpxchg(counted, &old, old + 1));
	return true;
}
REFSLAB_EXPORT_TEST(__refslab_quota_take);

/* From now on a session's handles are counted together with all others, or are not. */
static void set_counted(struct refslab_quota *quota, bool counted)
{
	spin_lock(quota->lock);
	if (quota->counted != counted) {
		quota->counted = counted;
		atomic64_add(counted ? quota->taken : -quota->taken, &quota->heap->quota.counted);
	}
	spin_unlock(quota->lock);
}

/**
 * refslab_quota_limit() - change how many handles a heap may have
 * @heap: the heap
 * @max: 0: any number; what there is more of already stays
 *
 * Context: may sleep.
 */
void refslab_quota_limit(struct refslab_heap *heap, u64 max)
{
	struct refslab_quota *quota;

	mutex_lock(&heap->quota.lock);
	/* from limit to limit all are counted already */
	if (!max != !heap->quota.max) {
		if (!max)
			WRITE_ONCE(heap->quota.max, 0);
		list_for_each_entry(quota, &heap->quota.list, node) {
			set_counted(quota, max);
			cond_resched();
		}
	}
	WRITE_ONCE(heap->quota.max, max);
	mutex_unlock(&heap->quota.lock);
}
REFSLAB_EXPORT_TEST(refslab_quota_limit);

/**
 * refslab_quota_taken() - how many handles a heap has
 * @heap: the heap
 *
 * Waits for nobody. Return: their number, exact while none is taken or given back.
 */
u64 refslab_quota_taken(struct refslab_heap *heap)
{
	struct refslab_quota *quota;
	u64 taken = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(quota, &heap->quota.list, node)
		taken += READ_ONCE(quota->taken);
	rcu_read_unlock();
	return taken;
}
REFSLAB_EXPORT_TEST(refslab_quota_taken);
