/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector: generations, thresholds, and the scan.
 */
#ifndef _REFSLAB_GC_H
#define _REFSLAB_GC_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../object/object.h"

#define REFSLAB_GENERATIONS_NR	3

/* What refslab_generation_of() says of frozen objects, which are in none. */
#define REFSLAB_GENERATION_FROZEN	REFSLAB_GENERATIONS_NR

/**
 * struct refslab_generation - the counters of one generation
 * @threshold:	scan when @count exceeds it
 * @count:	of 1 and 2: scans of the next younger since the last of this one (0's is counted per
 *		CPU)
 * @collections: scans finished
 * @collected:	objects found dead by them, and not uncollectable
 * @uncollectable: objects found dead that could not be destroyed
 */
struct refslab_generation {
	u32 threshold;
	u32 count;
	u64 collections;
	u64 collected;
	u64 uncollectable;
};

/* Parts of a scan whose duration is told. */
enum refslab_gc_part {
	REFSLAB_GC_SNAPSHOT,
	REFSLAB_GC_SUBTRACT,
	REFSLAB_GC_MARK,
	REFSLAB_GC_SETTLE,	/* to the verdict */
	REFSLAB_GC_FINALIZE,
	REFSLAB_GC_PARTS,
};

/**
 * struct refslab_gc_last - what the last scan did, for those who look
 * @generation: which
 * @visited:	objects in the set scanned
 * @skipped:	old objects left out of it, as they cannot be garbage
 * @touched:	objects kept because somebody touched them meanwhile
 * @unreachable: objects found dead
 * @passes:	settling passes
 * @window_ns:	from the first snapshot to the verdict
 * @part_ns:	how long each part took
 * @longest_ns:	the longest it did not give way, by its own clock, or longer: it looks at that every
 *		few pools. No lock is held longer
 */
struct refslab_gc_last {
	u32 generation;
	u64 visited;
	u64 skipped;
	u64 touched;
	u64 unreachable;
	u32 passes;
	u64 window_ns;
	u64 part_ns[REFSLAB_GC_PARTS];
	u64 longest_ns;
};

/**
 * struct refslab_gc - the collector of a heap
 * @objects:	the heap's objects
 * @scan_lock:	one scan at a time; protects everything below but @enabled, @debug, @garbage,
 *		@trash, @tearing and @torn
 * @generation: counters
 * @enabled:	automatic scans
 * @closing:	no new automatic scan
 * @work:	automatic scans
 * @full:	full scans so far
 * @filter:	full scans leave out what cannot be garbage, all but every tenth
 * @seq:	number of the current or last scan
 * @old_survivors: objects that survived the last full scan
 * @old_pending: objects moved into generation 2 since
 * @last:	see there
 * @trash:	objects found dead and not yet destroyed, by this scan and those before
 * @max_trash:	the most there ever were
 * @notifier:	called around every scan; its lock nests in @scan_lock
 * @debug:	REFSLAB_DEBUG_*
 * @heap_name:	whose collector it is, for the log
 * @garbage:	what lives on though it was found dead, each with a reference; under its own lock
 * @garbage_next: number for the next one there
 * @garbage_nr:	how many there are
 * @garbage_lost: how many could not be put there, for lack of memory, so far
 * @garbage_fails: for tests: there is none
 * @tearing:	scans whose garbage is still being torn down
 * @torn:	those who wait until there is none
 */
struct refslab_gc {
	struct refslab_objects *objects;
	struct mutex scan_lock;
	struct refslab_generation generation[REFSLAB_GENERATIONS_NR];
	bool enabled;
	bool closing;
	struct work_struct work;
	u64 full;
	bool filter;
	u64 seq;
	u64 old_survivors;
	u64 old_pending;
	struct refslab_gc_last last;
	atomic64_t trash;
	u64 max_trash;
	struct blocking_notifier_head notifier;
	u32 debug;
	const char *heap_name;
	struct xarray garbage;
	unsigned long garbage_next;
	u64 garbage_nr;
	u64 garbage_lost;
#if IS_ENABLED(CONFIG_KUNIT)
	bool garbage_fails;
#endif
	atomic_t tearing;
	wait_queue_head_t torn;
};

/**
 * struct refslab_gc_result - what a collection found
 * @unreachable: objects found dead
 * @uncollectable: those of them that could not be destroyed
 * @dead: those of them that are to be destroyed
 * @finalized: finalizers called: what these brought back, or made, may be garbage again by now
 */
struct refslab_gc_result {
	u64 unreachable;
	u64 uncollectable;
	u64 dead;
	u64 finalized;
};

/* generation.c: thresholds, counts, automatic scans */
void refslab_generation_init(struct refslab_gc *gc, struct refslab_objects *objects,
			     const u32 threshold[3], bool enabled);
void refslab_generation_stop(struct refslab_gc *gc);
void refslab_generation_young_limit(struct refslab_gc *gc, gfp_t gfp);
int refslab_generation_lock(struct refslab_gc *gc, bool interruptible);
int refslab_generation_collect(struct refslab_gc *gc, unsigned int generation,
			       struct refslab_gc_result *result, bool interruptible);
void refslab_generation_enable(struct refslab_gc *gc, bool enable);
void refslab_generation_set_thresholds(struct refslab_gc *gc, const u32 threshold[3]);
void refslab_generation_get_thresholds(struct refslab_gc *gc, u32 threshold[3]);
void refslab_generation_get_counts(struct refslab_gc *gc, u32 count[3]);
void refslab_generation_restart(struct refslab_gc *gc);
int refslab_generation_set_debug(struct refslab_gc *gc, u64 flags);
unsigned int refslab_generation_of(const struct refslab_object *obj);

/* freeze.c: objects set aside */
int refslab_freeze_all(struct refslab_gc *gc, bool interruptible);
int refslab_freeze_undo(struct refslab_gc *gc, bool interruptible);
int refslab_freeze_count(struct refslab_gc *gc, bool interruptible, u64 *nr);

/* garbage.c: what lives on though it was found dead */
void refslab_garbage_init(struct refslab_gc *gc);
unsigned int refslab_garbage_take(struct refslab_gc *gc, u64 *cursor, struct refslab_object **to,
				  unsigned int max);
u64 refslab_garbage_empty(struct refslab_gc *gc);

/* scan.c: one scan */

/*
 * Leaves a step of the scan out, so that the stress test can be seen to notice: only in kernels
 * built for tests, and set by nobody but the test.
 */
enum refslab_sabotage {
	REFSLAB_SABOTAGE_NONE,
	REFSLAB_SABOTAGE_TOUCHED,	/* what was touched meanwhile is garbage all the same */
	REFSLAB_SABOTAGE_RESURRECTED,	/* and so is what a finalizer brought back */
	REFSLAB_SABOTAGE_PASS,		/* one settling pass, whatever it finds; takes minutes */
	REFSLAB_SABOTAGE_PLACE,		/* nobody carries the scan's place in a table along */
	REFSLAB_SABOTAGE_MOVE,		/* entries are moved together under a scan */
};

#if IS_ENABLED(CONFIG_KUNIT)
extern enum refslab_sabotage refslab_scan_sabotage;
extern bool refslab_scan_dawdles;
#endif

static inline bool refslab_sabotaged(enum refslab_sabotage what)
{
#if IS_ENABLED(CONFIG_KUNIT)
	return unlikely(READ_ONCE(refslab_scan_sabotage) == what);
#else
	return false;
#endif
}

void refslab_scan(struct refslab_gc *gc, unsigned int generation, bool filter,
		  struct refslab_gc_result *result, struct refslab_dead *garbage);
void refslab_scan_tear_down(struct refslab_gc *gc, struct refslab_dead *garbage);

#endif /* _REFSLAB_GC_H */
