// SPDX-License-Identifier: GPL-2.0
/*
 * Marking: what is reachable, from what is known to be.
 *
 * Gray objects (marked, references not yet followed) are a bitmap per pool, and pools with gray
 * objects a queue. A pool's gray objects are followed together, in address order: breadth first,
 * without recursion, and without a word of memory per object.
 */
#include "scan.h"

/**
 * refslab_mark() - an object of the set is reachable
 * @scan: the scan
 * @pool: the object's pool
 * @index: its number there
 *
 * Does nothing when it is marked already; otherwise it becomes gray.
 */
void refslab_mark(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_pool_marks *marks = &pool->marks;

	if (__test_and_set_bit(index, marks->marked))
		return;
	__set_bit(index, marks->gray);
	if (marks->gray_queued)
		return;
	marks->gray_queued = 1;
	marks->gray_next = NULL;
	*scan->gray_tail = pool;
	scan->gray_tail = &marks->gray_next;
}

static struct refslab_pool *next_gray(struct refslab_scan *scan)
{
	struct refslab_pool *pool = scan->gray;

	if (!pool)
		return NULL;
	scan->gray = pool->marks.gray_next;
	if (!scan->gray)
		scan->gray_tail = &scan->gray;
	pool->marks.gray_queued = 0;
	return pool;
}

static void mark_target(void *target, void *arg)
{
	struct refslab_scan *scan = arg;
	struct refslab_pool *pool;
	unsigned int index;

	if (target && refslab_scan_has(scan, target, &pool, &index))
		refslab_mark(scan, pool, index);
}

/*
 * Notes of one who is found alive, and was not touched since his snapshot, how many puts he has had
 * so far, for cannot_be_garbage() of the next full scan. Who was touched has no note, and is a
 * candidate then. Nobody looks at the snapshot of who is marked any more.
 */
static void judge(struct refslab_pool *pool, unsigned int index, struct refslab_container *x)
{
	u64 word = refslab_word_read(&x->obj.word);

	if (refslab_word_version(word) != x->snap)
		return;
	x->snap = refslab_word_version(word) - refslab_word_count(word);
	__set_bit(index, pool->marks.judged);
}

/* The pool to be followed next: its gray objects are brought near. */
static void prefetch_gray(struct refslab_scan *scan)
{
	struct refslab_pool *pool = scan->gray;
	unsigned int index, n = 0;

	if (!pool)
		return;
	for_each_set_bit(index, pool->marks.gray, REFSLAB_POOL_MARKS) {
		prefetchw(refslab_scan_object(pool, index));
		if (++n == 8)
			break;
	}
}

static void follow(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_container *x = refslab_scan_object(pool, index);
	struct refslab_object *obj = &x->obj;

	refslab_scan_references(obj, mark_target, scan);
	if (scan->generation == REFSLAB_GENERATIONS_NR - 1)
		judge(pool, index, x);
	/* somebody may have freed and filled the block since: harmless if the bit is gone */
	if (scan->settling && (refslab_word_read(&obj->word) & REFSLAB_WORD_DYING))
		atomic64_andnot(REFSLAB_WORD_DYING, &obj->word);
}

/* The next gray object of a pool, which is gray no more; REFSLAB_POOL_MARKS when there is none. */
static unsigned int take_gray(struct refslab_pool *pool)
{
	unsigned int index = find_first_bit(pool->marks.gray, REFSLAB_POOL_MARKS);

	if (index < REFSLAB_POOL_MARKS)
		__clear_bit(index, pool->marks.gray);
	return index;
}

/**
 * refslab_mark_follow() - mark all that gray objects reach
 * @scan: the scan
 *
 * Context: may sleep.
 */
void refslab_mark_follow(struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int index;

	while ((pool = next_gray(scan))) {
		prefetch_gray(scan);
		while ((index = take_gray(pool)) < REFSLAB_POOL_MARKS)
			follow(scan, pool, index);
		refslab_scan_breathe(scan);
	}
}

static void include_target(void *target, void *arg)
{
	struct refslab_scan *scan = arg;
	struct refslab_pool *pool;
	unsigned int index;
	bool alive;

	if (!target)
		return;
	pool = refslab_mem_pool_of(scan->mem, target);
	/* a pool the scan did not pass has nothing that could have been judged */
	if (pool->marks.seq != scan->seq)
		return;
	index = refslab_mem_index(pool, target);
	if (test_bit(index, pool->marks.in_scan) || !refslab_scan_snapshot(pool, index, &alive))
		return;
	/* it was left out, and now is not */
	if (test_bit(index, pool->marks.judged))
		scan->skipped--;
	refslab_scan_add(scan, pool, index);
	refslab_mark(scan, pool, index);
}

/**
 * refslab_mark_closure() - add to the set all that it reaches
 * @scan: the scan, in phase 1
 *
 * A cycle that became garbage since it was judged has a candidate, and that reaches the rest of it.
 * Uses the marks, and leaves them as they were: without any. Context: may sleep.
 */
void refslab_mark_closure(struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int index;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_set_bit(index, pool->marks.in_scan, REFSLAB_POOL_MARKS)
			refslab_mark(scan, pool, index);
		cond_resched();
	}
	while ((pool = next_gray(scan))) {
		while ((index = take_gray(pool)) < REFSLAB_POOL_MARKS)
			refslab_scan_references(&refslab_scan_object(pool, index)->obj,
						include_target, scan);
		cond_resched();
	}
	for (pool = scan->pools; pool; pool = pool->marks.scan_next)
		bitmap_zero(pool->marks.marked, REFSLAB_POOL_MARKS);
}
