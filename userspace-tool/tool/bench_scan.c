// SPDX-License-Identifier: GPL-2.0
/* Lines of refslab bench: scans of many objects, and the memory that these take. */
#include <stdlib.h>

#include "bench.h"
#include "stress.h"

#define SEED	1
#define ROW	10	/* scans of an idle heap that make a run */
#define CHUNK	(REFSLAB_MAX_OPS / 2)	/* objects in a submit that takes two operations for each */

/* What the heap holds: a list of all nodes, or the last of a chain. */
enum { ALL };

struct scan {
	struct bench_heap heap;
	__u64 objects;		/* as asked for */
	__u32 *node;		/* their handles, while the graph is made */
};

/* No scan but those that are measured. */
static bool open_heap(struct bench_heap *heap, const char *line)
{
	int err;

	if (!refslab_bench_open(heap, line, NULL))
		return false;
	err = refslab_op_disable(heap->session);
	if (refslab_bench_check(line, REFSLAB_OP_DISABLE, err))
		return true;
	return refslab_bench_close(heap, false);
}

static void *begin_without_heap(const struct bench_line *line, __u64 objects)
{
	struct scan *scan = refslab_bench_alloc(line->name, sizeof(*scan));

	if (!scan)
		return NULL;
	scan->objects = objects;
	scan->heap.line = line->name;
	return scan;
}

static void *begin(const struct bench_line *line, __u64 objects)
{
	struct scan *scan = begin_without_heap(line, objects);

	if (!scan || open_heap(&scan->heap, line->name))
		return scan;
	free(scan);
	return NULL;
}

static bool end(void *state, bool ok)
{
	struct scan *scan = state;

	ok = refslab_bench_close(&scan->heap, ok);
	free(scan->node);
	free(scan);
	return ok;
}

/* An empty batch, for how many of @left when it has room for @room. */
static __u64 begin_batch(struct bench_heap *heap, __u64 left, __u64 room)
{
	refslab_batch_reset(heap->batch);
	return left < room ? left : room;
}

/* A list of nodes. */
static bool make_nodes(struct scan *scan)
{
	struct bench_heap *heap = &scan->heap;
	const __u32 list = heap->held[ALL];
	__u64 i, k, n;
	int made;

	for (i = 0; i < scan->objects; i += n) {
		n = begin_batch(heap, scan->objects - i, CHUNK);
		for (k = 0; k < n; k++) {
			made = refslab_batch_op(heap->batch, REFSLAB_OP_NEW,
						refslab_value(heap->type));
			refslab_batch_op(heap->batch, REFSLAB_OP_APPEND, refslab_value(list),
					 refslab_result(made));
		}
		if (!refslab_bench_submit(heap, heap->session))
			return false;
		for (k = 0; k < n; k++)
			scan->node[i + k] = refslab_batch_result(heap->batch, 2 * k, 0);
	}
	return true;
}

/* Each slot refers to some node. */
static bool link_nodes(struct scan *scan)
{
	struct bench_heap *heap = &scan->heap;
	struct stress_random random;
	unsigned int slot;
	__u64 i, k, n;
	__u32 to;

	refslab_stress_seed(&random, SEED, 0);
	for (i = 0; i < scan->objects; i += n) {
		n = begin_batch(heap, scan->objects - i, CHUNK);
		for (k = 0; k < n; k++) {
			for (slot = 0; slot < BENCH_SLOTS; slot++) {
				to = scan->node[refslab_stress_random(&random, scan->objects)];
				refslab_batch_op(heap->batch, REFSLAB_OP_SETSLOT,
						 refslab_value(scan->node[i + k]),
						 refslab_value(slot), refslab_value(to));
			}
		}
		if (!refslab_bench_submit(heap, heap->session))
			return false;
	}
	return true;
}

static bool drop_nodes(struct scan *scan)
{
	struct bench_heap *heap = &scan->heap;
	__u64 i, k, n;

	for (i = 0; i < scan->objects; i += n) {
		n = begin_batch(heap, scan->objects - i, CHUNK);
		for (k = 0; k < n; k++)
			refslab_batch_op(heap->batch, REFSLAB_OP_CLOSE,
					 refslab_value(scan->node[i + k]));
		if (!refslab_bench_submit(heap, heap->session))
			return false;
	}
	return true;
}

/* Handles would be roots, and nothing left to mark: the list alone is held. */
static bool make_graph(struct scan *scan)
{
	struct bench_heap *heap = &scan->heap;
	int err;

	scan->node = refslab_bench_alloc(heap->line, scan->objects * sizeof(*scan->node));
	if (!scan->node)
		return false;
	err = refslab_op_list(heap->session, &heap->held[ALL]);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_LIST, err))
		return false;
	heap->nr_held = 1;
	if (!make_nodes(scan) || !link_nodes(scan) || !drop_nodes(scan))
		return false;
	free(scan->node);
	scan->node = NULL;
	return true;
}

/* A full scan; @generation may have REFSLAB_COLLECT_ALL with it. */
static bool collect(struct bench_heap *heap, unsigned int generation, __u64 expected)
{
	__u64 unreachable;
	int err;

	err = refslab_op_collect(heap->session, generation, &unreachable, NULL);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_COLLECT, err))
		return false;
	if (unreachable != expected)
		return refslab_bench_fail(heap->line, "%llu objects were unreachable, not %llu",
					  unreachable, expected);
	return true;
}

/* Full scans of the heap so far. */
static bool count_scans(struct bench_heap *heap, __u64 *scans)
{
	struct refslab_gc_stats stats;
	int err = refslab_op_get_stats(heap->session, &stats);

	if (!refslab_bench_check(heap->line, REFSLAB_OP_GET_STATS, err))
		return false;
	*scans = stats.gen[REFSLAB_GENERATIONS - 1].collections;
	return true;
}

/* There were @wanted since there had been @before, and no object has gone. */
static bool has_scanned(struct scan *scan, __u64 before, __u64 wanted)
{
	__u64 scans;

	if (!count_scans(&scan->heap, &scans))
		return false;
	if (scans - before != wanted)
		return refslab_bench_fail(scan->heap.line, "%llu scans, not %llu", scans - before,
					  wanted);
	return refslab_bench_wait(&scan->heap, scan->objects + 1);
}

static void *begin_graph(const struct bench_line *line, __u64 objects)
{
	struct scan *scan = begin(line, objects);

	if (!scan)
		return NULL;
	if (make_graph(scan) && collect(&scan->heap, 2, 0))
		return scan;
	end(scan, false);
	return NULL;
}

static bool measure_live(void *state, __u64 times, __u64 *ns, double *value)
{
	struct scan *scan = state;
	__u64 i, start, before;

	if (!count_scans(&scan->heap, &before))
		return false;
	start = refslab_bench_now();
	for (i = 0; i < times; i++)
		if (!collect(&scan->heap, 2 | REFSLAB_COLLECT_ALL, 0))
			return false;
	*ns = refslab_bench_now() - start;
	*value = *ns / ((double)times * scan->objects);
	return has_scanned(scan, before, times);
}

/* The median of several in a row, as now and then one looks at all objects. */
static bool measure_idle(void *state, __u64 times, __u64 *ns, double *value)
{
	struct scan *scan = state;
	__u64 start, before, one;
	double took[ROW];
	unsigned int i;

	(void)times;
	*ns = 0;
	if (!count_scans(&scan->heap, &before))
		return false;
	for (i = 0; i < ROW; i++) {
		start = refslab_bench_now();
		if (!collect(&scan->heap, 2, 0))
			return false;
		one = refslab_bench_now() - start;
		took[i] = one;
		*ns += one;
	}
	*value = refslab_bench_median(took, ROW) / scan->objects;
	return has_scanned(scan, before, ROW);
}

/* Two that refer to each other, and nobody to them. */
static void add_pair(struct bench_heap *heap)
{
	const struct refslab_operand type = refslab_value(heap->type), slot = refslab_value(0);
	struct refslab_batch *b = heap->batch;
	struct refslab_operand one, other;

	one = refslab_result(refslab_batch_op(b, REFSLAB_OP_NEW, type));
	other = refslab_result(refslab_batch_op(b, REFSLAB_OP_NEW, type));
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, one, slot, other);
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, other, slot, one);
	refslab_batch_op(b, REFSLAB_OP_CLOSE, one);
	refslab_batch_op(b, REFSLAB_OP_CLOSE, other);
}

static bool make_pairs(struct bench_heap *heap, __u64 pairs)
{
	const __u64 room = REFSLAB_MAX_OPS / 6;
	__u64 i, k, n;

	for (i = 0; i < pairs; i += n) {
		n = begin_batch(heap, pairs - i, room);
		for (k = 0; k < n; k++)
			add_pair(heap);
		if (!refslab_bench_submit(heap, heap->session))
			return false;
	}
	return true;
}

static bool measure_garbage(void *state, __u64 times, __u64 *ns, double *value)
{
	struct scan *scan = state;
	__u64 pairs = scan->objects / 2, start;

	(void)times;
	if (!make_pairs(&scan->heap, pairs) || !refslab_bench_wait(&scan->heap, 2 * pairs))
		return false;
	start = refslab_bench_now();
	if (!collect(&scan->heap, 2, 2 * pairs) || !refslab_bench_wait(&scan->heap, 0))
		return false;
	*ns = refslab_bench_now() - start;
	*value = *ns / (2.0 * pairs);
	return true;
}

/* A chain: what the objects take, without a list of them or handles on them. */
static bool make_chain(struct bench_heap *heap, __u64 objects)
{
	const __u64 room = REFSLAB_MAX_OPS / 3;
	struct refslab_operand made, last;
	__u64 i, k, n;
	int node;

	for (i = 1; i < objects; i += n) {
		n = begin_batch(heap, objects - i, room);
		last = refslab_value(heap->held[ALL]);
		for (k = 0, node = 0; k < n; k++) {
			node = refslab_batch_op(heap->batch, REFSLAB_OP_NEW,
						refslab_value(heap->type));
			made = refslab_result(node);
			refslab_batch_op(heap->batch, REFSLAB_OP_SETSLOT, made, refslab_value(0),
					 last);
			refslab_batch_op(heap->batch, REFSLAB_OP_CLOSE, last);
			last = made;
		}
		if (!refslab_bench_submit(heap, heap->session))
			return false;
		heap->held[ALL] = refslab_batch_result(heap->batch, node, 0);
	}
	return true;
}

static bool weigh(struct bench_heap *heap, __u64 objects, double *value)
{
	struct refslab_stat before, after;
	int err;

	err = refslab_op_stat(heap->session, &before);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_STAT, err))
		return false;
	if (!refslab_bench_hold(heap) || !make_chain(heap, objects))
		return false;
	err = refslab_op_stat(heap->session, &after);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_STAT, err))
		return false;
	if (after.objects != objects || after.bytes_reserved <= before.bytes_reserved)
		return refslab_bench_fail(heap->line, "%llu objects in %llu bytes, not %llu",
					  after.objects, after.bytes_reserved, objects);
	*value = (after.bytes_reserved - before.bytes_reserved) / (double)objects;
	return true;
}

/* Each run on a heap of its own: one that was used has kept some of its memory. */
static bool measure_bytes(void *state, __u64 times, __u64 *ns, double *value)
{
	struct scan *scan = state;
	bool ok;

	(void)times;
	*ns = 0;
	if (!open_heap(&scan->heap, scan->heap.line))
		return false;
	ok = weigh(&scan->heap, scan->objects, value);
	return refslab_bench_close(&scan->heap, ok);
}

static bool end_without_heap(void *state, bool ok)
{
	free(state);
	return ok;
}

const struct bench_line refslab_bench_scan_lines[] = {
	{
		.name = "scan_live", .unit = "ns/object",
		.what = "a full scan, all are alive",
		.begin = begin_graph, .measure = measure_live, .end = end,
	},
	{
		.name = "scan_garbage", .unit = "ns/object", .once = true,
		.what = "found dead in pairs, and freed",
		.begin = begin, .measure = measure_garbage, .end = end,
	},
	{
		.name = "scan_idle", .unit = "ns/object", .once = true,
		.what = "a further scan, nothing has changed",
		.begin = begin_graph, .measure = measure_idle, .end = end,
	},
	{
		.name = "bytes_per_object", .unit = "B", .once = true,
		.what = "taken from the kernel, two slots each",
		.begin = begin_without_heap, .measure = measure_bytes, .end = end_without_heap,
	},
	{ }
};
