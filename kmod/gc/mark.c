// SPDX-License-Identifier: GPL-2.0
/*
 * Marking: what is reachable, from what is known to be.
 *
 * Gray objects (marked, references not yet followed) are told by their byte; a pool with gray
 * objects is a bit in its arena, and arenas with such pools are a queue. A pool's gray objects are
 * followed together, in address order: breadth first, but for what refers to an object of the same
 * pool, which comes next; without recursion, and without a word of memory per object. Whose
 * references were followed is black, and has a bit in marks.marked.
 */
#include "scan.h"

/* Has the object's pool followed, some time. @scratch: the block's byte */
static void queue(struct refslab_scan *scan, u8 *scratch, const void *block)
{
	unsigned long offset = (unsigned long)block & (REFSLAB_ARENA_SIZE - 1);
	struct refslab_arena *arena;
	struct refslab_pool *pool;

	if (unlikely(refslab_mem_is_large(block))) {
		pool = refslab_mem_pool_of(scan->mem, block);
		pool->marks.gray_next = scan->gray_large;
		scan->gray_large = pool;
		return;
	}
	scratch -= offset / REFSLAB_OBJECT_MIN;
	arena = container_of(scratch, struct refslab_arena, scratch[0]);
	if (!arena->gray) {
		arena->gray_next = NULL;
		*scan->gray_tail = arena;
		scan->gray_tail = &arena->gray_next;
	}
	arena->gray |= BIT_ULL(offset >> REFSLAB_POOL_SHIFT);
}

static __always_inline void shade(struct refslab_scan *scan, u8 *scratch, void *block)
{
	if (!refslab_scan_white(*scratch))
		return;
	*scratch = REFSLAB_SCAN_GRAY;
	queue(scan, scratch, block);
}

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
	shade(scan, refslab_mem_scratch_at(pool, index), refslab_scan_object(pool, index));
}

static struct refslab_arena *next_gray(struct refslab_scan *scan)
{
	struct refslab_arena *arena = scan->gray;

	if (!arena)
		return NULL;
	scan->gray = arena->gray_next;
	if (!scan->gray)
		scan->gray_tail = &scan->gray;
	return arena;
}

static struct refslab_pool *next_gray_large(struct refslab_scan *scan)
{
	struct refslab_pool *pool = scan->gray_large;

	if (pool)
		scan->gray_large = pool->marks.gray_next;
	return pool;
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

static void reach(void *target, void *arg)
{
	if (target)
		refslab_scan_push(arg, target, shade);
}

/* Are two blocks in the same pool? Then what a scan needs of the one is near at the other. */
static __always_inline bool neighbours(const void *block, const void *other)
{
	return ((unsigned long)block ^ (unsigned long)other) < REFSLAB_POOL_SIZE &&
	       !refslab_mem_is_large(block);
}

/* Instead of the number of a block. */
#define NONE		(-1)
#define OTHER_KIND	(-2)	/* and nothing was read */

/*
 * Reads few slots at once, under the object's lock, and lets go of it before anything is done about
 * them. Returns a neighbour that is to be followed next, or NONE; or OTHER_KIND. Preemption is off.
 */
static __always_inline int reach_few(struct refslab_scan_pipe *pipe, struct refslab_pool *pool,
				     struct refslab_object *obj)
{
	struct refslab_type *type;
	void *target[REFSLAB_FEW] __uninitialized;
	int next = NONE, index;
	u32 i, n;
	u8 *near;

	refslab_object_lock_next(obj);
	type = refslab_object_type(obj);
	if (unlikely(!type || !(type->flags & REFSLAB_TYPE_FEW))) {
		refslab_object_unlock_next(obj);
		return OTHER_KIND;
	}
	n = type->nr_slots;
	for (i = 0; i < n; i++)
		target[i] = refslab_object_slots(obj)[i];
	refslab_object_unlock_next(obj);
	for (i = 0; i < n; i++) {
		if (!neighbours(obj, target[i])) {
			reach(target[i], pipe);
			continue;
		}
		index = refslab_mem_index(pool, target[i]);
		near = refslab_mem_scratch_at(pool, index);
		if (next != NONE)
			shade(pipe->scan, near, target[i]);
		else if (refslab_scan_white(*near))
			next = index;
	}
	return next;
}

/*
 * Makes a marked object black. Preemption is off, but for objects with many references.
 *
 * Returns an object of the same pool that it refers to, unmarked so far, or NONE. That is to be
 * followed at once: else a chain through a pool would take one visit to the pool for each link.
 */
static __always_inline int follow(struct refslab_scan_pipe *pipe, struct refslab_pool *pool,
				  unsigned int index)
{
	struct refslab_container *x = refslab_scan_object(pool, index);
	struct refslab_scan *scan = pipe->scan;
	struct refslab_object *obj = &x->obj;
	int next;

	*refslab_mem_scratch_at(pool, index) = REFSLAB_SCAN_BLACK;
	__set_bit(index, pool->marks.marked);
	next = reach_few(pipe, pool, obj);
	if (unlikely(next == OTHER_KIND)) {
		next = NONE;
		preempt_enable();
		refslab_scan_references(scan, obj, reach, pipe);
		preempt_disable();
	}
	if (scan->generation == REFSLAB_GENERATIONS_NR - 1)
		judge(pool, index, x);
	/* somebody may have freed and filled the block since: harmless if the bit is gone */
	if (scan->settling && (refslab_word_read(&obj->word) & REFSLAB_WORD_DYING))
		atomic64_andnot(REFSLAB_WORD_DYING, &obj->word);
	return next;
}

/* Blocks of the set that are not black, when the word of the bitmaps is looked at. */
static unsigned long pending(const struct refslab_pool *pool, unsigned int i)
{
	return pool->marks.in_scan[i] & ~pool->marks.marked[i];
}

/* Whether an object that was unmarked, or gray, is to be followed; it may have been meanwhile. */
static __always_inline bool is_next(struct refslab_pool *pool, unsigned int index, bool roots)
{
	u8 scratch = *refslab_mem_scratch_at(pool, index);

	if (scratch == REFSLAB_SCAN_GRAY || scratch == REFSLAB_SCAN_BLACK)
		return scratch == REFSLAB_SCAN_GRAY;
	return roots && refslab_scan_is_root(scratch, refslab_scan_object(pool, index));
}

/* @roots: counts decide, too; else only who is gray is followed. */
static __always_inline void follow_pool(struct refslab_scan_pipe *pipe, struct refslab_pool *pool,
					bool roots)
{
	unsigned long bits;
	unsigned int i;
	int n;

	preempt_disable();
	for (i = 0; i < BITS_TO_LONGS(REFSLAB_POOL_MARKS); i++) {
		for (bits = pending(pool, i); bits; bits &= bits - 1) {
			n = i * BITS_PER_LONG + __ffs(bits);
			if (!is_next(pool, n, roots))
				continue;
			do {
				n = follow(pipe, pool, n);
			} while (n != NONE);
		}
	}
	preempt_enable();
	refslab_scan_breathe(pipe->scan);
}

/* The first of @pools. */
static const struct refslab_pool *next_of(const struct refslab_arena *arena, u64 pools)
{
	return pools ? &arena->pools[__ffs64(pools)] : NULL;
}

static void follow_arena(struct refslab_scan_pipe *pipe, struct refslab_arena *arena)
{
	u64 pools = arena->gray;

	/* whoever becomes gray from here on has it queued again */
	arena->gray = 0;
	for (; pools; pools &= pools - 1) {
		refslab_scan_prefetch(next_of(arena, pools & (pools - 1)));
		follow_pool(pipe, &arena->pools[__ffs64(pools)], false);
	}
}

static void follow_all(struct refslab_scan_pipe *pipe)
{
	struct refslab_scan *scan = pipe->scan;
	struct refslab_arena *arena;
	struct refslab_pool *large;

	do {
		while ((large = next_gray_large(scan)))
			follow_pool(pipe, large, false);
		while ((arena = next_gray(scan)))
			follow_arena(pipe, arena);
		refslab_scan_flush(pipe, shade);
	} while (scan->gray || scan->gray_large);
}

/**
 * refslab_mark_follow() - mark all that gray objects reach
 * @scan: the scan
 *
 * Context: may sleep.
 */
void refslab_mark_follow(struct refslab_scan *scan)
{
	struct refslab_scan_pipe pipe = { .scan = scan };

	follow_all(&pipe);
}

/**
 * refslab_mark_roots() - mark all that is reachable from outside the set
 * @scan: the scan, after phase 2
 *
 * Context: may sleep.
 */
void refslab_mark_roots(struct refslab_scan *scan)
{
	struct refslab_scan_pipe pipe = { .scan = scan };
	struct refslab_pool *pool;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		refslab_scan_prefetch(pool->marks.scan_next);
		follow_pool(&pipe, pool, true);
	}
	follow_all(&pipe);
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
	/* what is in the set is not judged any more; what is frozen or born since stays outside */
	if (!test_bit(index, pool->marks.judged) || !refslab_scan_snapshot(pool, index, &alive))
		return;
	/* it was left out, and now is not */
	scan->skipped--;
	refslab_scan_add(scan, pool, index);
	queue(scan, refslab_mem_scratch_at(pool, index), target);
}

static void include_from(struct refslab_scan *scan, struct refslab_pool *pool)
{
	unsigned int i, n;

	for (i = 0; i < BITS_TO_LONGS(REFSLAB_POOL_MARKS); i++) {
		while (pending(pool, i)) {
			n = i * BITS_PER_LONG + __ffs(pending(pool, i));
			__set_bit(n, pool->marks.marked);
			refslab_scan_references(scan, &refslab_scan_object(pool, n)->obj,
						include_target, scan);
		}
	}
	refslab_scan_breathe(scan);
}

/**
 * refslab_mark_closure() - add to the set all that it reaches
 * @scan: the scan, in phase 1
 *
 * A cycle that became garbage since it was judged has a candidate, and that reaches the rest of it.
 * Uses marks.marked, and leaves it as it was: empty. Context: may sleep.
 */
void refslab_mark_closure(struct refslab_scan *scan)
{
	struct refslab_arena *arena;
	struct refslab_pool *pool;
	u64 pools;

	/* what is added is of a pool at the list's end, or is queued */
	for (pool = scan->pools; pool; pool = pool->marks.scan_next)
		include_from(scan, pool);
	while (scan->gray || scan->gray_large) {
		while ((pool = next_gray_large(scan)))
			include_from(scan, pool);
		while ((arena = next_gray(scan))) {
			pools = arena->gray;
			arena->gray = 0;
			for (; pools; pools &= pools - 1)
				include_from(scan, &arena->pools[__ffs64(pools)]);
		}
	}
	for (pool = scan->pools; pool; pool = pool->marks.scan_next)
		bitmap_zero(pool->marks.marked, REFSLAB_POOL_MARKS);
}
