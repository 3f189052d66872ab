// SPDX-License-Identifier: GPL-2.0
/*
 * The scan: finds the garbage among the objects of the generations scanned, while everybody else
 * goes on working.
 *
 * Garbage cannot be touched, as nobody holds a reference to it. So a scan may run beside everything
 * else if it can tell afterwards, for each object, whether its count changed meanwhile. The version
 * in the reference word tells. S is the set scanned: what phase 1 passed, and every block that was
 * snapshotted stays in S until the scan ends, whatever becomes of the object in it.
 *
 *   phase                                                      here
 *   1 Snapshot   version and count of each x of S              snapshot_pools(),
 *                                                             refslab_mark_closure()
 *     smp_mb()   all of it before phase 2                      refslab_scan()
 *   2 Subtract   gc_refs(x) -= 1 for each reference in S       subtract_references()
 *   3 Mark       from every x with gc_refs != 0                refslab_mark_roots(),
 *                                                             refslab_mark_follow()
 *   4 Settle     whole passes over what is unmarked: untouched refslab_scan_settle(),
 *                becomes DYING by compare-and-exchange,        settle_pass()
 *                touched is marked with all it reaches; until
 *                one whole pass finds nothing touched. What
 *                user space is to finalize is marked, too,     refslab_resurrect_announced()
 *                with all it reaches, and 4 done again
 *   5 Verdict    what is unmarked is the dead set: publish     verdict()
 *                DEAD, wake those who wait
 *   6 Finalizers weak references to the dead are cleared and   refslab_resurrect()
 *                finalizers run; who is referred to from
 *                outside afterwards survives: 1 to 4 again,
 *                of the dead alone. What is not to be torn     refslab_garbage_sift()
 *                down is put on a list instead
 *   7 Tear down  the collector's reference on each keeps the   refslab_scan_tear_down()
 *                dead in place while their references are
 *                taken out; then it is dropped
 *
 * Why nothing alive is ever called dead: let x be unmarked at the verdict. x did not change between
 * its snapshot and its last check, so the references it had when it was snapshotted were all in
 * slots of S when phase 2 read them. To take one out, somebody would have had to touch x under the
 * lock of that slot, before the marking could see the slot empty; so those slots stayed. A marked
 * predecessor would have marked x; so all predecessors of x are unmarked too: nobody outside refers
 * to the dead set, and nobody can begin to, but by an upgrade from no reference: before DYING that
 * makes the compare-and-exchange fail, after it, it waits.
 *
 * That phases 2 and 3 read a long table in chunks makes no difference. While the lock is free, the
 * table has the scan's place, and who inserts or removes before it moves it along (rule R3): what
 * stays in the table is read once in each phase, as if all were read at one time. What is taken out
 * is touched under the lock; what is inserted, its inserter holds a reference to, which is a root
 * until it is dropped, and dropping it is a touch.
 *
 * Memory order. Gets are relaxed: each is ordered by the lock of the slot the reference was read
 * from or by the reference that is held already. As phase 2 may read slots without it, a reference
 * for a slot is taken with a full barrier. A put is a full barrier, too. Phases 1 and 2 are kept
 * apart by smp_mb(). The object's lock, taken to follow its references, orders the later check of
 * its targets: whoever took a target out did so, and touched it, under that lock (rule R2). The
 * compare-and-exchange of DYING and the upgrade's are on one word, so coherence alone decides who
 * came first. The verdict is a release (atomic64_add_return()), an upgrade that reads DEAD needs no
 * more. The rules are those of doc/collector.md.
 *
 * Lock order: gc->scan_lock; then the notifiers' lock, or objects->destroy_lock, which is let go
 * before a scan begins; then mem's locks and objects->pools_lock, each alone; then one object's
 * lock.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "scan.h"
#include "../trace.h"

/*
 * The version has 32 bits. Every object of S is compared with its snapshot at least this often, and
 * remembered as touched when it differs, so that only 2^32 changes of one word within the interval
 * could be missed: four thousand million atomic operations on one cache line in two seconds.
 */
#define SWEEP_INTERVAL	(2 * HZ)

/* Entries of a scan's map of arenas: 1 MiB for heaps of 8 GiB and more. */
#define MAP_MAX		65536UL

#if IS_ENABLED(CONFIG_KUNIT)
enum refslab_sabotage refslab_scan_sabotage;
REFSLAB_EXPORT_TEST(refslab_scan_sabotage);

/* Sleeps between two chunks of a table now and then, so that others get to change it. */
bool refslab_scan_dawdles;
REFSLAB_EXPORT_TEST(refslab_scan_dawdles);

static void dawdle(struct refslab_scan *scan)
{
	if (READ_ONCE(refslab_scan_dawdles) && !(++scan->pauses % 4))
		schedule_timeout_uninterruptible(1);
}
#else
static void dawdle(struct refslab_scan *scan)
{
}
#endif

/**
 * refslab_scan_pause() - give way between two chunks of what an object refers to
 * @scan: the scan
 * @obj: the object; its lock is held before and after
 * @type: its type
 *
 * Return: whether it is an object of the same type still.
 */
bool refslab_scan_pause(struct refslab_scan *scan, struct refslab_object *obj,
			const struct refslab_type *type)
{
	refslab_object_unlock(obj);
	dawdle(scan);
	refslab_scan_breathe(scan);
	refslab_object_lock(obj);
	return refslab_object_type(obj) == type;
}

static bool touched(const struct refslab_container *x, u64 word)
{
	return refslab_word_version(word) != x->snap;
}

/* Adds what has passed since the last part's end to the time of this one. */
static void end_part(struct refslab_scan *scan, enum refslab_gc_part part)
{
	u64 now = ktime_get_ns();

	trace_refslab_scan_phase(scan, part, now - scan->begin);
	scan->part_ns[part] += now - scan->begin;
	scan->begin = now;
}

/*
 * Sees to it that what somebody touched is reached: as a root while counts are being taken, marked
 * without following it yet afterwards.
 */
static void sweep(struct refslab_scan *scan)
{
	struct refslab_container *x;
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_set_bit(n, pool->marks.in_scan, REFSLAB_POOL_MARKS) {
			x = refslab_scan_object(pool, n);
			if (scan->marking && test_bit(n, pool->marks.marked))
				continue;
			if (!touched(x, refslab_word_read(&x->obj.word)))
				continue;
			if (scan->marking)
				refslab_mark(scan, pool, n);
			else
				refslab_scan_set_refs(refslab_mem_scratch_at(pool, n), x, U32_MAX);
			scan->touched++;
		}
		refslab_scan_yield(scan);
	}
	scan->swept = jiffies;
}

/*
 * Looks at the clock when it has done about so much: a pool's references are POOL_WORK, its marks
 * LIGHT_WORK.
 */
#define CLOCK_WORK	32
#define POOL_WORK	16
#define LIGHT_WORK	4

static __always_inline void give_way(struct refslab_scan *scan, unsigned int work)
{
	u64 now;

	scan->work += work;
	if (scan->work < CLOCK_WORK) {
		cond_resched();
		return;
	}
	scan->work = 0;
	now = ktime_get_ns();
	scan->longest_ns = max(scan->longest_ns, now - scan->looked);
	scan->looked = now;
	if (cond_resched())
		scan->looked = ktime_get_ns();
}

/**
 * refslab_scan_yield() - give way, between two pools that took little time
 * @scan: the scan
 *
 * Context: may sleep, no lock held but the scan's.
 */
void refslab_scan_yield(struct refslab_scan *scan)
{
	give_way(scan, LIGHT_WORK);
}

/**
 * refslab_scan_breathe() - give way, between two pools, and see to it that no version wraps
 * @scan: the scan
 *
 * Context: may sleep, no lock held but the scan's.
 */
void refslab_scan_breathe(struct refslab_scan *scan)
{
	give_way(scan, POOL_WORK);
	if (unlikely(time_after(jiffies, scan->swept + SWEEP_INTERVAL)))
		sweep(scan);
}

/* --- phase 1: snapshot ---------------------------------------------------------------------- */

/* The block's word was @word, with a read barrier since. */
static __always_inline bool snapshot(struct refslab_pool *pool, unsigned int index, u64 word,
				     bool *alive)
{
	struct refslab_container *x = refslab_scan_object(pool, index);
	struct refslab_type *type;

	*alive = false;
	/* free, or being torn down: then its references stay unsubtracted and keep their targets */
	if (!refslab_word_count(word))
		return false;
	type = refslab_object_type(&x->obj);
	if (!type || !(type->flags & REFSLAB_TYPE_TRACKED))
		return false;
	*alive = true;
	if (word & (REFSLAB_WORD_FIXED | REFSLAB_WORD_DEAD))
		return false;
	refslab_scan_set_refs(refslab_mem_scratch_at(pool, index), x, refslab_word_count(word));
	x->snap = refslab_word_version(word);
	return true;
}

/**
 * refslab_scan_snapshot() - note an object's version and count, unless it stays out
 * @pool: a pool of containers
 * @index: a block of it
 * @alive: out: it holds a tracked object that is not garbage yet
 *
 * Return: true when the object can be in the set.
 */
bool refslab_scan_snapshot(struct refslab_pool *pool, unsigned int index, bool *alive)
{
	u64 word = atomic64_read_acquire(&refslab_scan_object(pool, index)->obj.word);

	return snapshot(pool, index, word, alive);
}

static void add_pool(struct refslab_scan *scan, struct refslab_pool *pool)
{
	struct refslab_pool_marks *marks = &pool->marks;

	if (marks->listed)
		return;
	marks->listed = 1;
	marks->scan_next = NULL;
	*scan->tail = pool;
	scan->tail = &marks->scan_next;
}

/**
 * refslab_scan_add() - add an object to the set
 * @scan: the scan
 * @pool: the object's pool, which the scan has passed
 * @index: its number there; it was snapshotted
 */
void refslab_scan_add(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int index)
{
	struct refslab_pool_marks *marks = &pool->marks;

	__set_bit(index, marks->in_scan);
	/* its note of that makes room for the version */
	__clear_bit(index, marks->judged);
	scan->visited++;
	add_pool(scan, pool);
}

/*
 * Old objects that cannot have become garbage since a full scan judged them: a cycle becomes
 * garbage only when a reference on one of its objects is dropped and others stay. Gets and puts
 * together raise the version, and their difference the count, so version less count tells the puts
 * (twice): as long as it is the same, there was none. See doc/collector.md.
 */
static unsigned long cannot_be_garbage(struct refslab_scan *scan, struct refslab_pool *pool,
				       unsigned int i)
{
	const struct refslab_pool_marks *marks = &pool->marks;
	unsigned long bits = marks->old[i] & marks->judged[i] & ~marks->middle[i], out = bits;
	struct refslab_container *x;
	u64 word;

	for (; bits; bits &= bits - 1) {
		x = refslab_scan_object(pool, i * BITS_PER_LONG + __ffs(bits));
		word = refslab_word_read(&x->obj.word);
		if (refslab_word_version(word) - refslab_word_count(word) != x->snap)
			out &= ~(bits & -bits);
	}
	scan->skipped += hweight_long(out);
	return out;
}

static const atomic64_t *word_of(const struct refslab_pool *pool, unsigned int i,
				 unsigned long bits)
{
	return &refslab_scan_object(pool, i * BITS_PER_LONG + __ffs(bits))->obj.word;
}

/*
 * Takes those of some blocks of a pool into the set that can be in it, and moves them to the next
 * generation: garbage will not live to notice.
 */
static void snapshot_blocks(struct refslab_scan *scan, struct refslab_pool *pool, unsigned int i,
			    unsigned long blocks)
{
	struct refslab_pool_marks *marks = &pool->marks;
	unsigned long bits, in = 0, live = 0;
	u64 word[BITS_PER_LONG] __uninitialized;
	unsigned int n = 0;
	bool alive;

	for (bits = blocks; bits; bits &= bits - 1)
		word[n++] = refslab_word_read(word_of(pool, i, bits));
	/* who sees a count sees the object complete: pairs with make(). One barrier for all. */
	smp_rmb();
	n = 0;
	for (bits = blocks; bits; bits &= bits - 1) {
		if (snapshot(pool, i * BITS_PER_LONG + __ffs(bits), word[n++], &alive))
			in |= bits & -bits;
		if (alive)
			live |= bits & -bits;
	}
	scan->promoted += hweight_long(live & ~(scan->generation ? marks->old[i] :
								   marks->middle[i]));
	marks->middle[i] &= ~blocks;
	marks->old[i] &= ~blocks;
	if (scan->generation)
		marks->old[i] |= live;
	else
		marks->middle[i] |= live;
	if (!in)
		return;
	marks->in_scan[i] = in;
	/* an object's note of that made room for the version */
	marks->judged[i] &= ~in;
	scan->visited += hweight_long(in);
	add_pool(scan, pool);
}

/*
 * Takes the objects of a pool that belong to the generations scanned into the set. @has_young: the
 * pool was listed so; what became young since is none of this scan's.
 */
static void snapshot_pool(struct refslab_scan *scan, struct refslab_pool *pool, bool has_young)
{
	struct refslab_pool_marks *marks = &pool->marks;
	unsigned long young = 0, bits;
	unsigned int i;

	if (marks->seq == scan->seq)
		return;
	marks->seq = scan->seq;
	marks->listed = 0;
	bitmap_zero(marks->in_scan, REFSLAB_POOL_MARKS);
	bitmap_zero(marks->marked, REFSLAB_POOL_MARKS);

	for (i = 0; i < BITS_TO_LONGS(REFSLAB_POOL_MARKS); i++) {
		/* taken, with a full barrier, before the objects are looked at: see mark_young() */
		if (has_young)
			young = READ_ONCE(marks->young[i]) ? xchg(&marks->young[i], 0) : 0;
		/* a block filled anew is young, whatever its last object was */
		marks->middle[i] &= ~young;
		marks->old[i] &= ~young;
		marks->judged[i] &= ~young;
		bits = young;
		if (scan->generation >= 1)
			bits |= marks->middle[i];
		if (scan->generation >= 2)
			bits |= marks->old[i];
		if (scan->filter)
			bits &= ~cannot_be_garbage(scan, pool, i);
		snapshot_blocks(scan, pool, i, bits);
	}
	if (!bitmap_empty(marks->middle, REFSLAB_POOL_MARKS))
		refslab_objects_queue_pool(scan->objects, pool, 1);
}

/*
 * Takes the pools off a generation's list, one by one, and their objects into the set. Whoever has
 * set a young bit meanwhile is seen, or finds the pool off the list: see mark_young().
 */
static void snapshot_listed_pools(struct refslab_scan *scan, unsigned int generation)
{
	struct refslab_objects *objects = scan->objects;
	struct refslab_pool *pool;
	LIST_HEAD(pools);

	spin_lock(&objects->pools_lock);
	list_splice_init(&objects->pools[generation], &pools);
	while (!list_empty(&pools)) {
		pool = list_first_entry(&pools, struct refslab_pool, marks.node[generation]);
		list_del(&pool->marks.node[generation]);
		WRITE_ONCE(pool->marks.queued[generation], 0);
		spin_unlock(&objects->pools_lock);
		/* off the list before its bits are looked at */
		smp_mb();
		snapshot_pool(scan, pool, !generation);
		refslab_scan_breathe(scan);
		spin_lock(&objects->pools_lock);
	}
	spin_unlock(&objects->pools_lock);
}

/* As refslab_mem_next_pool(), which would look the arena up for each pool anew. */
static void snapshot_all_pools(struct refslab_scan *scan)
{
	struct refslab_arena *arena;
	struct refslab_pool *pool;
	unsigned long number;
	unsigned int i;

	xa_for_each(&scan->mem->arenas, number, arena) {
		for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
			pool = &arena->pools[i];
			if (i + 2 < REFSLAB_ARENA_POOLS)
				refslab_scan_prefetch(pool + 2);
			/* pairs with pool_assign() */
			if (smp_load_acquire(&pool->kind) == REFSLAB_MEM_CONTAINER)
				snapshot_pool(scan, pool, false);
			refslab_scan_breathe(scan);
		}
	}
	xa_for_each(&scan->mem->larges, number, pool) {
		if (pool->kind == REFSLAB_MEM_CONTAINER)
			snapshot_pool(scan, pool, false);
		refslab_scan_breathe(scan);
	}
}

/* Takes in what was left out. */
static void snapshot_skipped(struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int index;
	u64 cursor = 0;
	bool alive;

	while ((pool = refslab_mem_next_pool(scan->mem, &cursor))) {
		if (pool->kind == REFSLAB_MEM_CONTAINER && pool->marks.seq == scan->seq)
			for_each_set_bit(index, pool->marks.judged, REFSLAB_POOL_MARKS)
				if (refslab_scan_snapshot(pool, index, &alive))
					refslab_scan_add(scan, pool, index);
		refslab_scan_breathe(scan);
	}
	scan->skipped = 0;
}

static void snapshot_pools(struct refslab_scan *scan)
{
	scan->swept = jiffies;
	snapshot_listed_pools(scan, 0);
	if (scan->generation >= 1)
		snapshot_listed_pools(scan, 1);
	if (scan->generation >= 2)
		snapshot_all_pools(scan);
	/* when few are left out, looking for those that are reached costs more than it saves */
	if (scan->skipped > scan->visited)
		refslab_mark_closure(scan);
	else if (scan->skipped)
		snapshot_skipped(scan);
}

/* --- phase 2: subtract ---------------------------------------------------------------------- */

/* One reference less. Below 0, where only a reference that moves can bring it, it is a root. */
static __always_inline void take_off(struct refslab_scan *scan, u8 *scratch, void *target)
{
	u32 refs;

	if (likely(*scratch > 1 && *scratch < REFSLAB_SCAN_MANY)) {
		--*scratch;
	} else if (refslab_scan_white(*scratch)) {
		refs = *scratch == 1 ? 0 : ((struct refslab_container *)target)->gc_refs;
		refslab_scan_set_refs(scratch, target, refs - 1);
	}
}

static void subtract(void *target, void *arg)
{
	if (target)
		refslab_scan_push(arg, target, take_off);
}

/*
 * Phase 2 may read slots without the object's lock, as long as they are slots: the object is the
 * one that was snapshotted when its version is the same afterwards. Objects with few slots are read
 * so, some at a time, as the barrier between the two costs more than the reading.
 */
#define BATCH		16

struct batch {
	unsigned int nr;
	unsigned int end[BATCH];
	struct refslab_container *x[BATCH];
	void *target[BATCH * REFSLAB_FEW];
};

static void subtract_batch(struct refslab_scan_pipe *pipe, struct batch *batch)
{
	unsigned int n, i = 0;

	/*
	 * The slots are read before the version: pairs with the full barrier in make(). And whoever
	 * is seen in one is seen touched later: pairs with refslab_slot_displace().
	 */
	smp_rmb();
	for (n = 0; n < batch->nr; n++) {
		if (unlikely(touched(batch->x[n], refslab_word_read(&batch->x[n]->obj.word)))) {
			refslab_scan_references(pipe->scan, &batch->x[n]->obj, subtract, pipe);
			i = batch->end[n];
			continue;
		}
		for (; i < batch->end[n]; i++)
			subtract(batch->target[i], pipe);
	}
	batch->nr = 0;
}

static __always_inline void subtract_from(struct refslab_scan_pipe *pipe, struct batch *batch,
					  struct refslab_container *x)
{
	struct refslab_type *type = refslab_object_type(&x->obj);
	unsigned int end = batch->nr ? batch->end[batch->nr - 1] : 0;
	void **slots = refslab_object_slots(&x->obj);
	u32 i;

	if (unlikely(!(type->flags & REFSLAB_TYPE_FEW))) {
		refslab_scan_references(pipe->scan, &x->obj, subtract, pipe);
		return;
	}
	for (i = 0; i < type->nr_slots; i++)
		batch->target[end++] = READ_ONCE(slots[i]);
	batch->x[batch->nr] = x;
	batch->end[batch->nr++] = end;
	if (batch->nr == BATCH)
		subtract_batch(pipe, batch);
}

static void subtract_references(struct refslab_scan *scan)
{
	struct refslab_scan_pipe pipe = { .scan = scan };
	struct batch batch __uninitialized;
	struct refslab_pool *pool;
	unsigned long bits;
	unsigned int i, n;

	batch.nr = 0;
	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for (i = 0; i < BITS_TO_LONGS(REFSLAB_POOL_MARKS); i++) {
			for (bits = pool->marks.in_scan[i]; bits; bits &= bits - 1) {
				n = i * BITS_PER_LONG + __ffs(bits);
				subtract_from(&pipe, &batch, refslab_scan_object(pool, n));
			}
		}
		subtract_batch(&pipe, &batch);
		refslab_scan_breathe(scan);
	}
	refslab_scan_flush(&pipe, take_off);
}

/**
 * refslab_scan_mark() - phases 2 and 3: mark what is reachable from outside the set
 * @scan: the scan; every object of the set was snapshotted, with a full barrier since
 *
 * Context: may sleep.
 */
void refslab_scan_mark(struct refslab_scan *scan)
{
	scan->marking = false;
	subtract_references(scan);
	end_part(scan, REFSLAB_GC_SUBTRACT);
	scan->marking = true;
	refslab_mark_roots(scan);
	end_part(scan, REFSLAB_GC_MARK);
}

/* --- phase 4: settle ------------------------------------------------------------------------ */

/* Makes x DYING when nobody touched it since its snapshot, or finds it so, or DEAD already. */
static bool close_door(struct refslab_container *x)
{
	u64 word = refslab_word_read(&x->obj.word);

	if (touched(x, word) && !refslab_sabotaged(REFSLAB_SABOTAGE_TOUCHED))
		return false;
	if (word & (REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD))
		return true;
	return atomic64_try_cmpxchg(&x->obj.word, (s64 *)&word, word | REFSLAB_WORD_DYING);
}

/* One whole pass over what is unmarked. Returns whether something touched was found. */
static bool settle_pass(struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int n;
	bool found = false;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool) {
			if (close_door(refslab_scan_object(pool, n)))
				continue;
			scan->touched++;
			refslab_mark(scan, pool, n);
			found = true;
		}
		refslab_scan_yield(scan);
	}
	scan->swept = jiffies;
	scan->passes++;
	return found;
}

/**
 * refslab_scan_settle() - phase 4: pass over what is unmarked until nothing touched is found
 * @scan: the scan, marked
 *
 * A sweep while following marks, too, may find something touched; but whatever it marks is followed
 * before refslab_mark_follow() returns, and the next pass looks at all that is unmarked then.
 *
 * Context: may sleep.
 */
void refslab_scan_settle(struct refslab_scan *scan)
{
	while (settle_pass(scan)) {
		refslab_mark_follow(scan);
		if (refslab_sabotaged(REFSLAB_SABOTAGE_PASS))
			break;
	}
}

/* --- phase 5: verdict ----------------------------------------------------------------------- */

/*
 * Takes the collector's reference on each of the dead set and publishes DEAD. The release orders
 * what the scan saw before it; nobody but failing upgrades looks at these words any more.
 */
static void verdict(struct refslab_scan *scan)
{
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool) {
			atomic64_add_return(REFSLAB_WORD_GET + REFSLAB_WORD_DEAD,
					    &refslab_scan_object(pool, n)->obj.word);
			scan->dead++;
		}
		refslab_scan_yield(scan);
	}
	wake_up_all(&scan->objects->verdict);
}

/* As between scans: nobody is in the set. */
static void wipe(struct refslab_scan *scan)
{
	struct refslab_pool *pool;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		memset(pool->scratch, REFSLAB_SCAN_OUT,
		       pool->arena ? REFSLAB_POOL_SIZE / REFSLAB_OBJECT_MIN : 1);
		refslab_scan_yield(scan);
	}
}

/* Puts the garbage on a list, which takes each object's id. */
static void gather(struct refslab_scan *scan, struct refslab_dead *garbage)
{
	struct refslab_object *obj;
	struct refslab_pool *pool;
	unsigned int n;

	for (pool = scan->pools; pool; pool = pool->marks.scan_next) {
		for_each_unmarked(n, pool) {
			obj = &refslab_scan_object(pool, n)->obj;
			if (trace_refslab_destroy_enabled())
				trace_refslab_destroy(refslab_object_type(obj), obj->id,
						      REFSLAB_BY_SCAN);
			refslab_destroy_add(garbage, obj);
		}
		refslab_scan_yield(scan);
	}
}

/* Without memory for it the scan is slower. */
static void make_map(struct refslab_scan *scan)
{
	unsigned long n = roundup_pow_of_two(2 * READ_ONCE(scan->mem->nr_arenas) + 1);

	n = min(n, MAP_MAX);
	scan->map = kvcalloc(n, sizeof(*scan->map), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	scan->map_mask = n - 1;
}

/* Whoever wants to know reads it without a lock: whole numbers, of this scan or of the last. */
static void tell_last(struct refslab_gc_last *last, const struct refslab_scan *scan, u64 window)
{
	unsigned int i;

	WRITE_ONCE(last->generation, scan->generation);
	WRITE_ONCE(last->visited, scan->visited);
	WRITE_ONCE(last->skipped, scan->skipped);
	WRITE_ONCE(last->touched, scan->touched);
	WRITE_ONCE(last->unreachable, scan->unreachable);
	WRITE_ONCE(last->passes, scan->passes);
	WRITE_ONCE(last->window_ns, window);
	WRITE_ONCE(last->longest_ns, scan->longest_ns);
	for (i = 0; i < REFSLAB_GC_PARTS; i++)
		WRITE_ONCE(last->part_ns[i], scan->part_ns[i]);
}

/**
 * refslab_scan() - scan a generation with all younger ones
 * @gc: the collector; its scan_lock is held
 * @generation: the oldest generation scanned
 * @filter: leave out old objects that cannot have become garbage since the last full scan
 * @result: out: what was found
 * @garbage: out: the dead objects, each with a reference of the collector's; for
 *	refslab_scan_tear_down()
 *
 * Survivors move to the next older generation. Context: may sleep.
 */
void refslab_scan(struct refslab_gc *gc, unsigned int generation, bool filter,
		  struct refslab_gc_result *result, struct refslab_dead *garbage)
{
	struct refslab_scan scan = {
		.objects = gc->objects,
		.mem = &gc->objects->mem,
		.seq = ++gc->seq,
		.generation = generation,
		.filter = filter,
	};
	u64 begin = ktime_get_ns(), window;

	scan.begin = begin;
	scan.looked = begin;
	scan.tail = &scan.pools;
	scan.gray_tail = &scan.gray;
	INIT_LIST_HEAD(&scan.announced);
	trace_refslab_scan_start(&scan);
	refslab_mem_hold(scan.mem);
	if (generation == REFSLAB_GENERATIONS_NR - 1)
		make_map(&scan);

	snapshot_pools(&scan);
	end_part(&scan, REFSLAB_GC_SNAPSHOT);
	trace_refslab_promote(&scan);
	/*
	 * Every snapshot is taken before the first slot is read: a reference that moved between
	 * two slots under the eyes of phase 2 moved after its target's snapshot, and touched it.
	 */
	smp_mb();
	refslab_scan_mark(&scan);
	scan.settling = true;
	refslab_scan_settle(&scan);
	if (refslab_resurrect_announced(&scan))
		refslab_scan_settle(&scan);
	verdict(&scan);
	end_part(&scan, REFSLAB_GC_SETTLE);
	window = scan.begin - begin;
	trace_refslab_commit(&scan, window);
	refslab_resurrect(&scan);
	refslab_garbage_sift(gc, &scan);
	gather(&scan, garbage);
	wipe(&scan);
	end_part(&scan, REFSLAB_GC_FINALIZE);
	kvfree(scan.map);
	refslab_mem_release(scan.mem);
	trace_refslab_scan_stop(&scan, scan.begin - begin);

	result->unreachable = scan.unreachable;
	result->uncollectable = scan.uncollectable;
	result->dead = scan.dead;
	result->finalized = scan.finalized;
	tell_last(&gc->last, &scan, window);
	refslab_garbage_tell_stats(gc, result, scan.begin - begin);
}

/* Objects after which those still waiting are counted anew. */
#define TEAR_BATCH	256

/**
 * refslab_scan_tear_down() - destroy what a scan found dead
 * @gc: the collector
 * @garbage: from refslab_scan(); empty afterwards
 *
 * References inside the garbage are taken out, and counts bring the objects to 0 through the
 * ordinary path. Needs no lock: nobody else can reach them. Context: may sleep.
 */
void refslab_scan_tear_down(struct refslab_gc *gc, struct refslab_dead *garbage)
{
	struct refslab_objects *objects = gc->objects;
	struct refslab_dead dead = { };
	struct refslab_object *obj;
	u32 budget, done = 0;

	while (garbage->first) {
		obj = llist_entry(garbage->first, struct refslab_object, link);
		garbage->first = garbage->first->next;
		do {
			budget = REFSLAB_CHUNK;
			if (refslab_destroy_references(obj, &dead, &budget))
				budget = U32_MAX;
			refslab_destroy_all(objects, &dead);
			cond_resched();
		} while (budget != U32_MAX);
		if (refslab_word_put(&obj->word)) {
			refslab_destroy_add(&dead, obj);
			refslab_destroy_all(objects, &dead);
		}
		if (++done == TEAR_BATCH || !garbage->first) {
			atomic64_sub(done, &gc->trash);
			done = 0;
		}
	}
}
