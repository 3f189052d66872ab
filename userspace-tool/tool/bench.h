/* SPDX-License-Identifier: GPL-2.0 */
/* What the lines of refslab bench share. */
#ifndef _REFSLAB_BENCH_H
#define _REFSLAB_BENCH_H

#include "tool.h"

#define BENCH_SLOTS	2	/* references that a node can hold */

/**
 * struct bench_line - something that is measured
 * @name:	as on the command line
 * @unit:	of the figure
 * @what:	a few words on it, for the table
 * @once:	a run is one measurement, however long that takes; otherwise as many repetitions are
 *		made as take RUN_NS
 * @in_turns:	with the next line, when both are asked for
 * @arg:	what the functions tell lines by that share them
 * @begin:	sets up, with @objects where that is what is measured; NULL, having said why
 * @measure:	does it @times times. @ns: out, what that took; @value: out, the figure. False,
 *		having said why, also when less was done than it should have been
 * @end:	cleans up after @begin; false, having said why, when something is left in the heap.
 *		@ok: all has gone well so far; otherwise there is no telling what is left, and false
 */
struct bench_line {
	const char *name;
	const char *unit;
	const char *what;
	bool once;
	bool in_turns;
	const void *arg;
	void *(*begin)(const struct bench_line *line, __u64 objects);
	bool (*measure)(void *state, __u64 times, __u64 *ns, double *value);
	bool (*end)(void *state, bool ok);
};

/* Each ends with an empty one. */
extern const struct bench_line refslab_bench_submit_lines[];
extern const struct bench_line refslab_bench_pass_lines[];
extern const struct bench_line refslab_bench_scan_lines[];
extern const struct bench_line refslab_bench_payload_lines[];

/* CLOCK_MONOTONIC */
__u64 refslab_bench_now(void);

/* False, having said so, unless @err is 0. @opcode: as for refslab_strerror(). */
bool refslab_bench_check(const char *line, unsigned int opcode, int err);

/* Zeroed memory; NULL, having said so, when there is none. */
void *refslab_bench_alloc(const char *line, size_t size);

/* Sorts @values and returns the one in the middle, or what is between the two. */
double refslab_bench_median(double *values, unsigned int n);

/* Says what went wrong; returns false. */
bool refslab_bench_fail(const char *line, const char *fmt, ...) __printf(2, 3);

/**
 * struct bench_heap - a heap of a line's own
 * @line:	its name, for messages
 * @session:	with the heap
 * @batch:	for refslab_bench_submit()
 * @type:	number of a type of the line's
 * @held:	handles that the line has
 * @nr_held:	how many
 */
struct bench_heap {
	const char *line;
	struct refslab_session *session;
	struct refslab_batch *batch;
	__u32 type;
	__u32 held[3];
	unsigned int nr_held;
};

/* A heap with a type @def, NULL: that of nodes. False, having said why, with nothing to close. */
bool refslab_bench_open(struct bench_heap *heap, const char *line,
			const struct refslab_type_def *def);

/*
 * Drops what is held and ends the heap. False, having said so, when objects were left in it. When
 * it was not @ok so far there may be other handles than are held: they go with the heap, and false.
 */
bool refslab_bench_close(struct bench_heap *heap, bool ok);

/* Makes an object of @heap->type and holds it; false, having said why. */
bool refslab_bench_hold(struct bench_heap *heap);

/* Carries out @heap->batch, all of it, in a session of the heap; false, having said why. */
bool refslab_bench_submit(struct bench_heap *heap, struct refslab_session *session);

/* Waits until there are @objects in the heap; false, having said so, if that does not come true. */
bool refslab_bench_wait(struct bench_heap *heap, __u64 objects);

#endif /* _REFSLAB_BENCH_H */
