// SPDX-License-Identifier: GPL-2.0
/*
 * What finalizers bring back: phase 6 of the scan, with what has to come before it.
 *
 * Finalizers for user space are events with a strong reference, so their objects live on, with all
 * that they reach: they are sorted out before the verdict, as if somebody held them all along. The
 * events are queued after it.
 *
 * A kernel type's finalizer is called after the verdict: the garbage is in nobody's hands then, and
 * DEAD keeps out who would come by way of a weak reference or an id. What a finalizer leaves a
 * reference to is known to the rest of the world from then on, so who is reachable now is found out
 * with the same care as at first: the garbage is snapshotted anew and goes through phases 1 to 4
 * once more. The collector's own reference on each is discounted. No door needs closing: nobody
 * comes from no reference to what is DEAD, so a whole pass without a touched object is enough.
 *
 *   step                                                       here
 *   before the verdict: events get their references, they and  refslab_resurrect_announced()
 *     all they reach are marked; then phase 4 once more        refslab_scan()
 *   weak references to those are cleared, events queued        post_announced()
 *   weak references to all of the dead are cleared             clear_weak_of()
 *   finalizers run, once in an object's life                   finalize()
 *   phase 1: the dead alone; of each count, ours is taken off  snapshot_garbage()
 *   phases 2 to 4; close_door() finds all doors closed         refslab_scan_mark(),
 *                                                              refslab_scan_settle()
 *   who is marked: DEAD is taken back, then our reference      refslab_resurrect_marked()
 *
 * All weak references to the dead go before the first finalizer runs, so what it brings back lives
 * on without. In the model in doc/model/ the steps are called TELL, POST, CLEAR, RUN, SNAP,
 * SUBTRACT, BACK; its README has the shortcuts that were seen to fail.
 */
#include "scan.h"

typedef void (*unmarked_fn)(struct refslab_scan *scan, struct refslab_pool *pool,
			    unsigned int index);

/* Calls @fn for each object of the set that is not marked. */
static void visit_unmarked(struct refslab_scan *scan, unmarked_fn fn)
{
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool)
			fn(scan, pool, n);
		refslab_scan_yield(scan);
	}
}

static bool wanted(const struct refslab_scan *scan, u32 flags)
{
	return READ_ONCE(scan->objects->extras) & flags;
}

/* --- finalizers for user space -------------------------------------------------------------- */

static void announce(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_object *obj = &refslab_scan_object(pool, index)->obj;

	if (!(refslab_object_type(obj)->flags & REFSLAB_TYPE_NOTIFY) ||
	    !refslab_finalize_begin(obj))
		return;
	/* the event's reference */
	refslab_word_get(&obj->word);
	list_add_tail(&refslab_event_of(obj)->node, &scan->announced);
	refslab_event_of(obj)->obj = obj;
	refslab_mark(scan, pool, index);
}

/**
 * refslab_resurrect_announced() - let live what user space is to finalize, with all it reaches
 * @scan: the scan, all of it settled
 *
 * Nobody can touch what is unmarked while it is marked here, but for who comes by way of a weak
 * reference to an object that is marked already: so the scan has to be settled again.
 *
 * Context: may sleep. Return: whether there was anything.
 */
bool refslab_resurrect_announced(struct refslab_scan *scan)
{
	if (!wanted(scan, REFSLAB_TYPE_NOTIFY) || !refslab_event_heard(&scan->objects->events))
		return false;
	visit_unmarked(scan, announce);
	if (list_empty(&scan->announced))
		return false;
	refslab_mark_follow(scan);
	return true;
}

static void post_announced(struct refslab_scan *scan)
{
	struct refslab_object *obj;
	struct refslab_event *event;

	while (!list_empty(&scan->announced)) {
		event = list_first_entry(&scan->announced, struct refslab_event, node);
		list_del_init(&event->node);
		obj = event->obj;
		refslab_weak_clear_all(obj, refslab_object_type(obj));
		/* whoever listened may have gone meanwhile */
		if (!refslab_event_post(&scan->objects->events, obj))
			refslab_object_put(obj);
	}
}

/* --- the kernel's finalizers ---------------------------------------------------------------- */

static void clear_weak_of(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_object *obj = &refslab_scan_object(pool, index)->obj;
	struct refslab_type *type = refslab_object_type(obj);

	if (type->flags & REFSLAB_TYPE_EXTRA)
		refslab_weak_clear_all(obj, type);
}

static void finalize(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_object *obj = &refslab_scan_object(pool, index)->obj;
	struct refslab_type *type = refslab_object_type(obj);

	if (!(type->flags & REFSLAB_TYPE_FINALIZE) ||
	    !refslab_finalize_begin(obj))
		return;
	refslab_destroy_call(obj, type->ops->finalize);
	scan->finalized++;
}

/* Phase 1 again: the set is the garbage alone, and the collector's references do not count. */
static void snapshot_garbage(struct refslab_scan *scan)
{
	struct refslab_container *x;
	struct refslab_pool *pool;
	unsigned int n;
	u64 word;

	scan->swept = jiffies;
	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		bitmap_andnot(pool->marks.in_scan, pool->marks.in_scan, pool->marks.marked,
			      REFSLAB_POOL_MARKS);
		bitmap_zero(pool->marks.marked, REFSLAB_POOL_MARKS);
		for_each_set_bit(n, pool->marks.in_scan, REFSLAB_POOL_MARKS) {
			x = refslab_scan_object(pool, n);
			word = atomic64_read_acquire(&x->obj.word);
			refslab_scan_set_refs(refslab_mem_scratch_at(pool, n), x,
					      refslab_word_count(word) - 1);
			x->snap = refslab_word_version(word);
		}
		refslab_scan_yield(scan);
	}
	/* as in refslab_scan(): every snapshot before the first reference */
	smp_mb();
}

/**
 * refslab_resurrect_marked() - what is marked is alive again; the collector's reference goes
 * @scan: the scan, after the verdict; its set is the garbage alone
 *
 * Context: may sleep.
 */
void refslab_resurrect_marked(struct refslab_scan *scan)
{
	struct refslab_object *obj;
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_set_bit(n, pool->marks.in_scan, REFSLAB_POOL_MARKS) {
			if (!test_bit(n, pool->marks.marked))
				continue;
			obj = &refslab_scan_object(pool, n)->obj;
			atomic64_andnot(REFSLAB_WORD_DEAD | REFSLAB_WORD_DYING, &obj->word);
			scan->dead--;
			if (refslab_object_type(obj) == scan->objects->weak_type)
				refslab_weak_brought_back(obj);
			refslab_object_put(obj);
		}
		refslab_scan_yield(scan);
	}
}

/**
 * refslab_resurrect() - phase 6: clear weak references, run finalizers, look who lives on
 * @scan: the scan, after the verdict
 *
 * What is in the set and unmarked afterwards is garbage for good. Context: may sleep.
 */
void refslab_resurrect(struct refslab_scan *scan)
{
	post_announced(scan);
	if (!wanted(scan, REFSLAB_TYPE_EXTRA) || !scan->dead)
		return;
	visit_unmarked(scan, clear_weak_of);
	if (wanted(scan, REFSLAB_TYPE_FINALIZE))
		visit_unmarked(scan, finalize);
	if (!scan->finalized || refslab_sabotaged(REFSLAB_SABOTAGE_RESURRECTED))
		return;
	/* nobody is DYING without being DEAD any more: following takes nothing back */
	scan->settling = false;
	snapshot_garbage(scan);
	refslab_scan_mark(scan);
	refslab_scan_settle(scan);
	refslab_resurrect_marked(scan);
}
