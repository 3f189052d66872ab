/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, /sys/kernel/tracing/events/refslab/. Turned off, each is a jump label's no-op: what
 * an event is to tell is gathered behind it.
 *
 * Objects are told by heap and id, never by address. An object has one refslab_alloc and one
 * refslab_destroy. The latter comes when nothing can bring the object back any more, which is
 * before its memory is reused, and before it loses its id to the list of the dead.
 *
 * A scan's events carry its heap and number: refslab_scan_start, refslab_scan_phase for every part
 * as it ends, refslab_promote after the snapshot, refslab_commit after the verdict and
 * refslab_scan_stop. Where finalizers ran, subtract and mark come twice: see gc/resurrect.c.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM refslab

#if !defined(_REFSLAB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _REFSLAB_TRACE_H

#include <linux/tracepoint.h>

struct refslab_object;
struct refslab_scan;
struct refslab_type;

#ifndef REFSLAB_DESTROY_BY
#define REFSLAB_DESTROY_BY
/* Why an object is destroyed. */
enum refslab_destroy_by {
	REFSLAB_BY_COUNT,	/* its last reference was dropped */
	REFSLAB_BY_SCAN,	/* the collector found it dead */
	REFSLAB_BY_HEAP,	/* its heap ended */
};
#endif

TRACE_DEFINE_ENUM(REFSLAB_BY_COUNT);
TRACE_DEFINE_ENUM(REFSLAB_BY_SCAN);
TRACE_DEFINE_ENUM(REFSLAB_BY_HEAP);
TRACE_DEFINE_ENUM(REFSLAB_GC_SNAPSHOT);
TRACE_DEFINE_ENUM(REFSLAB_GC_SUBTRACT);
TRACE_DEFINE_ENUM(REFSLAB_GC_MARK);
TRACE_DEFINE_ENUM(REFSLAB_GC_SETTLE);
TRACE_DEFINE_ENUM(REFSLAB_GC_FINALIZE);

TRACE_EVENT(refslab_alloc,
	TP_PROTO(const struct refslab_type *type, const struct refslab_object *obj),
	TP_ARGS(type, obj),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, heap)
		__string(type, type->base->name)
	),
	TP_fast_assign(
		__entry->id = obj->id;
		__entry->heap = type->objects->heap_id;
		refslab_compat_assign_str(type, type->base->name);
	),
	TP_printk("heap=%u id=%llu type=%s", __entry->heap, __entry->id, __get_str(type))
);

TRACE_EVENT(refslab_destroy,
	TP_PROTO(const struct refslab_type *type, u64 id, unsigned int by),
	TP_ARGS(type, id, by),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, heap)
		__field(u32, by)
		__string(type, type->base->name)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->heap = type->objects->heap_id;
		__entry->by = by;
		refslab_compat_assign_str(type, type->base->name);
	),
	TP_printk("heap=%u id=%llu type=%s by=%s", __entry->heap, __entry->id, __get_str(type),
		  __print_symbolic(__entry->by, { REFSLAB_BY_COUNT, "count" },
				   { REFSLAB_BY_SCAN, "scan" }, { REFSLAB_BY_HEAP, "heap" }))
);

TRACE_EVENT(refslab_scan_start,
	TP_PROTO(const struct refslab_scan *scan),
	TP_ARGS(scan),
	TP_STRUCT__entry(
		__field(u64, scan)
		__field(u32, heap)
		__field(u32, generation)
		__field(bool, filter)
	),
	TP_fast_assign(
		__entry->scan = scan->seq;
		__entry->heap = scan->objects->heap_id;
		__entry->generation = scan->generation;
		__entry->filter = scan->filter;
	),
	TP_printk("heap=%u scan=%llu generation=%u filter=%u", __entry->heap, __entry->scan,
		  __entry->generation, __entry->filter)
);

/* A part has ended; @ns of it were not told before. */
TRACE_EVENT(refslab_scan_phase,
	TP_PROTO(const struct refslab_scan *scan, unsigned int part, u64 ns),
	TP_ARGS(scan, part, ns),
	TP_STRUCT__entry(
		__field(u64, scan)
		__field(u64, ns)
		__field(u32, heap)
		__field(u32, part)
	),
	TP_fast_assign(
		__entry->scan = scan->seq;
		__entry->ns = ns;
		__entry->heap = scan->objects->heap_id;
		__entry->part = part;
	),
	TP_printk("heap=%u scan=%llu part=%s ns=%llu", __entry->heap, __entry->scan,
		  __print_symbolic(__entry->part, { REFSLAB_GC_SNAPSHOT, "snapshot" },
				   { REFSLAB_GC_SUBTRACT, "subtract" },
				   { REFSLAB_GC_MARK, "mark" },
				   { REFSLAB_GC_SETTLE, "settle" },
				   { REFSLAB_GC_FINALIZE, "finalize" }),
		  __entry->ns)
);

/*
 * The snapshot has moved @objects into @generation. What is garbage among them moves, too: it will
 * not live to notice.
 */
TRACE_EVENT(refslab_promote,
	TP_PROTO(const struct refslab_scan *scan),
	TP_ARGS(scan),
	TP_STRUCT__entry(
		__field(u64, scan)
		__field(u64, objects)
		__field(u32, heap)
		__field(u32, generation)
	),
	TP_fast_assign(
		__entry->scan = scan->seq;
		__entry->objects = scan->promoted;
		__entry->heap = scan->objects->heap_id;
		__entry->generation = min(scan->generation + 1, REFSLAB_GENERATIONS_NR - 1U);
	),
	TP_printk("heap=%u scan=%llu generation=%u objects=%llu", __entry->heap, __entry->scan,
		  __entry->generation, __entry->objects)
);

/* The verdict: @dead objects became DEAD, after @passes settling passes. */
TRACE_EVENT(refslab_commit,
	TP_PROTO(const struct refslab_scan *scan, u64 window_ns),
	TP_ARGS(scan, window_ns),
	TP_STRUCT__entry(
		__field(u64, scan)
		__field(u64, dead)
		__field(u64, window_ns)
		__field(u32, heap)
		__field(u32, generation)
		__field(u32, passes)
	),
	TP_fast_assign(
		__entry->scan = scan->seq;
		__entry->dead = scan->dead;
		__entry->window_ns = window_ns;
		__entry->heap = scan->objects->heap_id;
		__entry->generation = scan->generation;
		__entry->passes = scan->passes;
	),
	TP_printk("heap=%u scan=%llu generation=%u dead=%llu passes=%u window_ns=%llu",
		  __entry->heap, __entry->scan, __entry->generation, __entry->dead,
		  __entry->passes, __entry->window_ns)
);

/* @unreachable is what stayed dead: finalizers may have brought back some of refslab_commit's. */
TRACE_EVENT(refslab_scan_stop,
	TP_PROTO(const struct refslab_scan *scan, u64 ns),
	TP_ARGS(scan, ns),
	TP_STRUCT__entry(
		__field(u64, scan)
		__field(u64, visited)
		__field(u64, skipped)
		__field(u64, touched)
		__field(u64, unreachable)
		__field(u64, ns)
		__field(u32, heap)
		__field(u32, generation)
	),
	TP_fast_assign(
		__entry->scan = scan->seq;
		__entry->visited = scan->visited;
		__entry->skipped = scan->skipped;
		__entry->touched = scan->touched;
		__entry->unreachable = scan->unreachable;
		__entry->ns = ns;
		__entry->heap = scan->objects->heap_id;
		__entry->generation = scan->generation;
	),
	TP_printk("heap=%u scan=%llu generation=%u visited=%llu skipped=%llu touched=%llu unreachable=%llu ns=%llu",
		  __entry->heap, __entry->scan, __entry->generation, __entry->visited,
		  __entry->skipped, __entry->touched, __entry->unreachable, __entry->ns)
);

#endif /* _REFSLAB_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
