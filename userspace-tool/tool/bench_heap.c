// SPDX-License-Identifier: GPL-2.0
/* Heaps that refslab bench measures with, each of one line alone. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define WAIT_NS	60000000000ull

__u64 refslab_bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

bool refslab_bench_fail(const char *line, const char *fmt, ...)
{
	char message[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	refslab_tool_error("bench: %s: %s", line, message);
	return false;
}

void *refslab_bench_alloc(const char *line, size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		refslab_bench_fail(line, "out of memory");
	return memory;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double refslab_bench_median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare);
	return n & 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

bool refslab_bench_check(const char *line, unsigned int opcode, int err)
{
	const char *name = refslab_opcode_name(opcode);

	if (!err)
		return true;
	return refslab_bench_fail(line, "%s%s%s", name ? name : "", name ? ": " : "",
				  refslab_strerror(opcode, err));
}

bool refslab_bench_open(struct bench_heap *heap, const char *line,
			const struct refslab_type_def *def)
{
	static const struct refslab_type_def node = { .nr_slots = BENCH_SLOTS, .cache_limit = 80 };
	int err;

	*heap = (struct bench_heap) { .line = line };
	heap->session = refslab_tool_session("bench", 0, NULL);
	if (!heap->session)
		return false;
	heap->batch = refslab_batch_new();
	if (!heap->batch) {
		refslab_bench_fail(line, "out of memory");
	} else {
		err = refslab_op_type(heap->session, "bench", def ? def : &node, &heap->type);
		if (refslab_bench_check(line, REFSLAB_OP_TYPE, err))
			return true;
		refslab_batch_free(heap->batch);
	}
	refslab_session_close(heap->session);
	heap->session = NULL;
	return false;
}

static bool drop_all(struct bench_heap *heap)
{
	__u64 unreachable;
	bool ok = true;
	int err;

	while (ok && heap->nr_held) {
		err = refslab_op_close(heap->session, heap->held[--heap->nr_held]);
		ok = refslab_bench_check(heap->line, REFSLAB_OP_CLOSE, err);
	}
	if (!ok)
		return false;
	err = refslab_op_collect(heap->session, 2 | REFSLAB_COLLECT_ALL, &unreachable, NULL);
	return refslab_bench_check(heap->line, REFSLAB_OP_COLLECT, err);
}

/* Not left to the end of the heap: a worker would do it, while the next line is measured. */
bool refslab_bench_close(struct bench_heap *heap, bool ok)
{
	ok = ok && drop_all(heap) && refslab_bench_wait(heap, 0);
	refslab_batch_free(heap->batch);
	refslab_session_close(heap->session);
	return ok;
}

bool refslab_bench_hold(struct bench_heap *heap)
{
	int err;

	if (heap->nr_held == ARRAY_SIZE(heap->held))
		return refslab_bench_fail(heap->line, "holds too much");
	err = refslab_op_new(heap->session, heap->type, &heap->held[heap->nr_held]);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_NEW, err))
		return false;
	heap->nr_held++;
	return true;
}

bool refslab_bench_submit(struct bench_heap *heap, struct refslab_session *session)
{
	unsigned int done, opcode;
	int err;

	err = refslab_batch_submit(heap->batch, session, &done);
	if (!err)
		return true;
	opcode = refslab_batch_opcode(heap->batch, done);
	return refslab_bench_check(heap->line, opcode ? opcode : REFSLAB_CALL_SUBMIT, err);
}

bool refslab_bench_wait(struct bench_heap *heap, __u64 objects)
{
	static const struct timespec a_while = { .tv_nsec = 100000 };
	__u64 end = refslab_bench_now() + WAIT_NS;
	struct refslab_stat stat;
	int err;

	for (;;) {
		err = refslab_op_stat(heap->session, &stat);
		if (!refslab_bench_check(heap->line, REFSLAB_OP_STAT, err))
			return false;
		if (stat.objects == objects)
			return true;
		if (refslab_bench_now() > end)
			return refslab_bench_fail(heap->line, "%llu objects in the heap, not %llu",
						  stat.objects, objects);
		nanosleep(&a_while, NULL);
	}
}
