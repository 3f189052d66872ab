// SPDX-License-Identifier: GPL-2.0
/*
 * Garbage that lives on: Python's gc.garbage, with the debug flags that fill it.
 *
 * With REFSLAB_DEBUG_SAVEALL, what a scan found dead is not torn down: after its weak references
 * were cleared and its finalizers ran, DEAD is taken back, and the collector's own reference
 * becomes the list's. When memory for the list is missing, all that this scan found is destroyed as
 * usual, which is counted: keeping a part of it would keep objects whose neighbours are being taken
 * apart.
 *
 * What cannot be collected are objects of kernel types whose clear() leaves references in place,
 * with all that they reach: tearing it down would leave references to what is gone. Only heaps with
 * types that have clear() pay for finding that out. Such objects are put on the list, too.
 *
 * Every object on the list has a reference of the list's, taken away under the list's lock only: so
 * whoever finds an object there under the lock may take another.
 */
#include <linux/printk.h>

#include "scan.h"

#define LIST_GFP	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/* --- the log -------------------------------------------------------------------------------- */

static void tell(const struct refslab_gc *gc, const char *what, const struct refslab_object *obj)
{
	pr_info_ratelimited("refslab: heap %u (%s): %s object %llu (%s)\n", gc->objects->heap_id,
			    gc->heap_name, what, obj->id, refslab_object_type(obj)->name);
}

/**
 * refslab_garbage_tell_stats() - say what a scan did, if somebody wants to know
 * @gc: the collector
 * @result: what was found
 * @ns: how long the scan took
 */
void refslab_garbage_tell_stats(const struct refslab_gc *gc, const struct refslab_gc_result *result,
				u64 ns)
{
	const struct refslab_gc_last *last = &gc->last;

	if (!(READ_ONCE(gc->debug) & REFSLAB_DEBUG_STATS))
		return;
	pr_info_ratelimited("refslab: heap %u (%s): scan of generation %u: %llu objects, %llu unreachable, %llu uncollectable, %llu ns, %llu ns of them to the verdict\n",
			    gc->objects->heap_id, gc->heap_name, last->generation,
			    last->visited + last->skipped, result->unreachable,
			    result->uncollectable, ns, last->window_ns);
}

static void tell_all(struct refslab_gc *gc, struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool)
			tell(gc, "collectable", &refslab_scan_object(pool, n)->obj);
		cond_resched();
	}
}

/* --- the list ------------------------------------------------------------------------------- */

/* Has places for @nr objects from @ahead of the list's end on. */
static bool reserve(struct refslab_gc *gc, u64 ahead, u64 nr)
{
	u64 next = gc->garbage_next + ahead, i;

#if IS_ENABLED(CONFIG_KUNIT)
	if (READ_ONCE(gc->garbage_fails))
		return false;
#endif
	for (i = 0; i < nr; i++) {
		if (xa_reserve(&gc->garbage, next + i, LIST_GFP))
			break;
		cond_resched();
	}
	if (i == nr)
		return true;
	while (i--) {
		xa_release(&gc->garbage, next + i);
		cond_resched();
	}
	return false;
}

/*
 * The place, @ahead of the list's end, is there already, and is beyond what anybody looks at. The
 * caller's reference becomes the list's.
 */
static void add(struct refslab_gc *gc, struct refslab_object *obj, u64 ahead)
{
	WARN_ON_ONCE(xa_store(&gc->garbage, gc->garbage_next + ahead, obj, GFP_NOWAIT));
}

/* What was added, @nr of them, is on the list from now on. */
static void show(struct refslab_gc *gc, u64 nr)
{
	xa_lock(&gc->garbage);
	gc->garbage_next += nr;
	gc->garbage_nr += nr;
	xa_unlock(&gc->garbage);
}

/**
 * refslab_garbage_take() - take references on what is on the list
 * @gc: the collector
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @to: out: the objects, the oldest first, with a reference of the caller's each
 * @max: how many fit there
 *
 * Return: how many there are.
 */
unsigned int refslab_garbage_take(struct refslab_gc *gc, u64 *cursor, struct refslab_object **to,
				  unsigned int max)
{
	XA_STATE(xas, &gc->garbage, *cursor);
	struct refslab_object *obj;
	unsigned int n = 0;
	unsigned long end;

	*cursor = 0;
	xas_lock(&xas);
	/* above are places that are only reserved, and may be many */
	end = gc->garbage_next;
	while (end && (obj = xas_find(&xas, end - 1))) {
		if (n == max) {
			*cursor = xas.xa_index;
			break;
		}
		refslab_word_get(&obj->word);
		to[n++] = obj;
	}
	xas_unlock(&xas);
	return n;
}
REFSLAB_EXPORT_TEST(refslab_garbage_take);

/**
 * refslab_garbage_empty() - let go of what is on the list
 * @gc: the collector
 *
 * What nobody else refers to is destroyed, cycles by the scan that finds them next. What comes onto
 * the list meanwhile stays. Context: may sleep. Return: how many there were.
 */
u64 refslab_garbage_empty(struct refslab_gc *gc)
{
	struct refslab_object *obj;
	unsigned long index = 0, end;
	u64 nr = 0;

	xa_lock(&gc->garbage);
	end = gc->garbage_next - 1;
	xa_unlock(&gc->garbage);
	while ((obj = xa_find(&gc->garbage, &index, end, XA_PRESENT))) {
		xa_lock(&gc->garbage);
		/* somebody else may be emptying it, too */
		obj = __xa_erase(&gc->garbage, index);
		if (obj)
			gc->garbage_nr--;
		xa_unlock(&gc->garbage);
		if (obj) {
			refslab_object_put(obj);
			nr++;
		}
		cond_resched();
	}
	return nr;
}
REFSLAB_EXPORT_TEST(refslab_garbage_empty);

/* --- what a scan found ---------------------------------------------------------------------- */

/* All the garbage lives on: first all of it, so that nobody meets a neighbour that is DEAD. */
static void save_all(struct refslab_gc *gc, struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int n;
	u64 nr = 0;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool)
			atomic64_andnot(REFSLAB_WORD_DEAD | REFSLAB_WORD_DYING,
					&refslab_scan_object(pool, n)->obj.word);
		cond_resched();
	}
	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool)
			add(gc, &refslab_scan_object(pool, n)->obj, nr++);
		bitmap_copy(pool->marks.marked, pool->marks.in_scan, REFSLAB_POOL_MARKS);
		cond_resched();
	}
	show(gc, nr);
	scan->dead = 0;
}

static void note_left(void *target, void *arg)
{
	if (target)
		*(bool *)arg = true;
}

/* Has an object let go of its references; false when it does not. */
static bool clear(struct refslab_object *obj, struct refslab_type *type, struct refslab_dead *dead)
{
	bool left = false;

	refslab_object_lock(obj);
	type->ops->clear(obj, dead);
	type->ops->traverse(obj, note_left, &left);
	refslab_object_unlock(obj);
	return !left;
}

/* Makes those gray that do not let go. Returns whether there are any. */
static bool mark_stubborn(struct refslab_scan *scan, struct refslab_dead *dead)
{
	struct refslab_object *obj;
	struct refslab_type *type;
	struct refslab_pool *pool;
	bool any = false;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		bitmap_andnot(pool->marks.in_scan, pool->marks.in_scan, pool->marks.marked,
			      REFSLAB_POOL_MARKS);
		bitmap_zero(pool->marks.marked, REFSLAB_POOL_MARKS);
		for_each_unmarked(n, pool) {
			obj = &refslab_scan_object(pool, n)->obj;
			type = refslab_object_type(obj);
			if (!(type->flags & REFSLAB_TYPE_CLEARS) || clear(obj, type, dead))
				continue;
			refslab_mark(scan, pool, n);
			any = true;
		}
		cond_resched();
	}
	return any;
}

/*
 * Puts what is gray on the list, with a reference of the list's, but so that nobody finds it yet.
 * Returns how many there are. A sweep is to find nothing touched afterwards, though the collector
 * itself touched all of it.
 */
static u64 add_gray(struct refslab_gc *gc, struct refslab_scan *scan)
{
	struct refslab_container *x;
	struct refslab_object *obj;
	struct refslab_pool *pool;
	unsigned int n;
	u64 nr = 0;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_set_bit(n, pool->marks.in_scan, REFSLAB_POOL_MARKS) {
			x = refslab_scan_object(pool, n);
			obj = &x->obj;
			x->snap = refslab_word_version(refslab_word_read(&obj->word));
			if (*refslab_mem_scratch_at(pool, n) != REFSLAB_SCAN_GRAY)
				continue;
			if (!reserve(gc, nr, 1)) {
				WRITE_ONCE(gc->garbage_lost, gc->garbage_lost + 1);
				continue;
			}
			refslab_word_get(&obj->word);
			x->snap = refslab_word_version(refslab_word_read(&obj->word));
			add(gc, obj, nr++);
		}
		cond_resched();
	}
	return nr;
}

static void tell_marked(struct refslab_gc *gc, struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_set_bit(n, pool->marks.marked, REFSLAB_POOL_MARKS)
			tell(gc, "uncollectable", &refslab_scan_object(pool, n)->obj);
		cond_resched();
	}
}

/*
 * Sorts out what cannot be collected. Nobody but the garbage refers to it, upgrades fail on DEAD,
 * and what is on the list is not found there before all of it is alive again: so nothing can be
 * touched meanwhile, and one pass is enough.
 */
static void keep_uncollectable(struct refslab_gc *gc, struct refslab_scan *scan)
{
	struct refslab_dead dropped = { };
	u64 dead = scan->dead, nr;
	bool any;

	any = mark_stubborn(scan, &dropped);
	/* what is not garbage, and had its last reference there */
	refslab_destroy_all(scan->objects, &dropped);
	if (!any)
		return;
	nr = add_gray(gc, scan);
	/* all that they reach stays with them */
	scan->settling = false;
	refslab_mark_follow(scan);
	if (READ_ONCE(gc->debug) & REFSLAB_DEBUG_UNCOLLECTABLE)
		tell_marked(gc, scan);
	refslab_resurrect_marked(scan);
	show(gc, nr);
	scan->uncollectable = dead - scan->dead;
}

/**
 * refslab_garbage_sift() - keep what is not to be destroyed of what a scan found
 * @gc: the collector
 * @scan: the scan, after phase 6
 *
 * What is in the set and unmarked afterwards is to be torn down. Context: may sleep.
 */
void refslab_garbage_sift(struct refslab_gc *gc, struct refslab_scan *scan)
{
	u32 debug = READ_ONCE(gc->debug);

	scan->unreachable = scan->dead;
	if (!scan->dead)
		return;
	if (unlikely(debug & REFSLAB_DEBUG_COLLECTABLE))
		tell_all(gc, scan);
	if (unlikely(debug & REFSLAB_DEBUG_SAVEALL)) {
		if (reserve(gc, 0, scan->dead)) {
			save_all(gc, scan);
			return;
		}
		WRITE_ONCE(gc->garbage_lost, gc->garbage_lost + scan->dead);
	}
	if (READ_ONCE(scan->objects->extras) & REFSLAB_TYPE_CLEARS)
		keep_uncollectable(gc, scan);
}

/**
 * refslab_garbage_init() - make an empty list
 * @gc: the collector
 */
void refslab_garbage_init(struct refslab_gc *gc)
{
	xa_init_flags(&gc->garbage, XA_FLAGS_ACCOUNT);
	/* a cursor of 0 is the beginning, and the end */
	gc->garbage_next = 1;
}
