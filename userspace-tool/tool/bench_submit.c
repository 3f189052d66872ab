// SPDX-License-Identifier: GPL-2.0
/* Lines of refslab bench: operations, and the way into the kernel that they take. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "bench.h"

#define OPS	256	/* operations in a submit */

/* Objects that are there from the beginning to the end, as indices into what is held. */
enum { OWNER, OTHER, THIRD, HELD };

/**
 * struct mix - a round of operations
 * @add:	adds one to the heap's batch
 * @nr:		operations in it
 * @makes:	the number of one whose result is a handle, or -1
 */
struct mix {
	void (*add)(struct bench_heap *heap, const struct refslab_operand *held);
	unsigned int nr;
	int makes;
};

struct submit {
	struct bench_heap heap;
	const struct mix *mix;		/* NULL: the line has none */
};

/* An object is made, put into a graph, found there, taken out again and freed. */
static void add_all(struct bench_heap *heap, const struct refslab_operand *held)
{
	struct refslab_batch *b = heap->batch;
	const struct refslab_operand slot = refslab_value(0), other_slot = refslab_value(1);
	struct refslab_operand made, found;

	made = refslab_result(refslab_batch_op(b, REFSLAB_OP_NEW, refslab_value(heap->type)));
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, held[OWNER], slot, made);
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, made, other_slot, held[OTHER]);
	found = refslab_result(refslab_batch_op(b, REFSLAB_OP_SLOT, held[OWNER], slot));
	refslab_batch_op(b, REFSLAB_OP_CLOSE, found);
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, held[OWNER], other_slot, held[OTHER]);
	refslab_batch_op(b, REFSLAB_OP_CLEARSLOT, held[OWNER], slot);
	refslab_batch_op(b, REFSLAB_OP_CLOSE, made);
}

static void add_link(struct bench_heap *heap, const struct refslab_operand *held)
{
	const struct refslab_operand slot = refslab_value(0);

	refslab_batch_op(heap->batch, REFSLAB_OP_SETSLOT, held[OWNER], slot, held[OTHER]);
	refslab_batch_op(heap->batch, REFSLAB_OP_SETSLOT, held[OWNER], slot, held[THIRD]);
}

static void add_load(struct bench_heap *heap, const struct refslab_operand *held)
{
	int loaded = refslab_batch_op(heap->batch, REFSLAB_OP_SLOT, held[OWNER], refslab_value(1));

	refslab_batch_op(heap->batch, REFSLAB_OP_CLOSE, refslab_result(loaded));
}

static void add_new(struct bench_heap *heap, const struct refslab_operand *held)
{
	int made = refslab_batch_op(heap->batch, REFSLAB_OP_NEW, refslab_value(heap->type));

	(void)held;
	refslab_batch_op(heap->batch, REFSLAB_OP_CLOSE, refslab_result(made));
}

static const struct mix all = { add_all, 8, 3 }, links = { add_link, 2, -1 },
			loads = { add_load, 2, 0 }, news = { add_new, 2, 0 };

/* Fills the batch with the line's rounds. */
static void fill(struct submit *submit)
{
	struct refslab_operand held[HELD];
	unsigned int i;

	for (i = 0; i < HELD; i++)
		held[i] = refslab_value(submit->heap.held[i]);
	for (i = 0; i < OPS; i += submit->mix->nr)
		submit->mix->add(&submit->heap, held);
}

static bool make_objects(struct submit *submit)
{
	struct bench_heap *heap = &submit->heap;
	unsigned int i;
	int err;

	for (i = 0; i < HELD; i++)
		if (!refslab_bench_hold(heap))
			return false;
	err = refslab_op_setslot(heap->session, heap->held[OWNER], 1, heap->held[OTHER]);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_SETSLOT, err))
		return false;
	if (submit->mix)
		fill(submit);
	return true;
}

static bool end(void *state, bool ok)
{
	struct submit *submit = state;

	ok = refslab_bench_close(&submit->heap, ok);
	free(submit);
	return ok;
}

static void *begin(const struct bench_line *line, __u64 objects)
{
	struct submit *submit = refslab_bench_alloc(line->name, sizeof(*submit));

	(void)objects;
	if (!submit)
		return NULL;
	submit->mix = line->arg;
	if (!refslab_bench_open(&submit->heap, line->name, NULL)) {
		free(submit);
		return NULL;
	}
	if (make_objects(submit))
		return submit;
	end(submit, false);
	return NULL;
}

/* Is what slot @slot of the owner refers to the one of the objects held? */
static bool refers_to(struct submit *submit, __u64 slot, unsigned int which)
{
	struct bench_heap *heap = &submit->heap;
	bool same = false;
	__u32 handle;
	int err;

	err = refslab_op_slot(heap->session, heap->held[OWNER], slot, &handle);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_SLOT, err))
		return false;
	err = refslab_op_is(heap->session, handle, heap->held[which], &same);
	refslab_op_close(heap->session, handle);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_IS, err))
		return false;
	return same || refslab_bench_fail(heap->line, "a slot refers to another object");
}

/* Nothing but the three objects, and as they should be; the last submit made all its handles. */
static bool as_it_should_be(struct submit *submit)
{
	const struct mix *mix = submit->mix;
	struct bench_heap *heap = &submit->heap;
	struct refslab_stat stat;
	unsigned int i;
	int err;

	for (i = 0; mix && mix->makes >= 0 && i < OPS; i += mix->nr)
		if (!refslab_batch_result(heap->batch, i + mix->makes, 0))
			return refslab_bench_fail(heap->line, "an operation made no handle");
	err = refslab_op_stat(heap->session, &stat);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_STAT, err))
		return false;
	if (stat.objects != HELD || stat.handles != HELD)
		return refslab_bench_fail(heap->line, "%llu objects and %llu handles, not %u",
					  stat.objects, stat.handles, HELD);
	return (mix != &links || refers_to(submit, 0, THIRD)) && refers_to(submit, 1, OTHER);
}

static bool measure_ops(void *state, __u64 times, __u64 *ns, double *value)
{
	struct submit *submit = state;
	struct bench_heap *heap = &submit->heap;
	__u64 i, start = refslab_bench_now();

	for (i = 0; i < times; i++)
		if (!refslab_bench_submit(heap, heap->session))
			return false;
	*ns = refslab_bench_now() - start;
	*value = *ns / ((double)times * OPS);
	return as_it_should_be(submit);
}

static bool measure_one(void *state, __u64 times, __u64 *ns, double *value)
{
	struct submit *submit = state;
	struct bench_heap *heap = &submit->heap;
	__u64 i, start = refslab_bench_now();
	unsigned int which = OTHER;
	int err;

	for (i = 0; i < times; i++) {
		which = i & 1 ? THIRD : OTHER;
		err = refslab_op_setslot(heap->session, heap->held[OWNER], 0, heap->held[which]);
		if (err)
			return refslab_bench_check(heap->line, REFSLAB_OP_SETSLOT, err);
	}
	*ns = refslab_bench_now() - start;
	*value = *ns / (double)times;
	return refers_to(submit, 0, which) && as_it_should_be(submit);
}

static bool measure_refused(void *state, __u64 times, __u64 *ns, double *value)
{
	struct submit *submit = state;
	int fd = refslab_session_fd(submit->heap.session);
	__u64 i, start = refslab_bench_now();

	for (i = 0; i < times; i++)
		if (ioctl(fd, _IO(REFSLAB_IOC_MAGIC, 0xff), 0) != -1 || errno != ENOTTY)
			return refslab_bench_fail(submit->heap.line, "an ioctl was not refused");
	*ns = refslab_bench_now() - start;
	*value = *ns / (double)times;
	return true;
}

#define LINE(_name, _what, _measure, _arg)					\
	{									\
		.name = _name, .unit = "ns", .what = _what, .arg = _arg,	\
		.begin = begin, .measure = _measure, .end = end,		\
	}

const struct bench_line refslab_bench_submit_lines[] = {
	LINE("ioctl_refused", "the way into the kernel and back", measure_refused, NULL),
	LINE("submit_one", "a reference stored, one operation in a submit", measure_one, NULL),
	LINE("submit_op", "an operation of 256: objects' lives", measure_ops, &all),
	LINE("submit_op_link", "of 256: a reference stored", measure_ops, &links),
	LINE("submit_op_load", "of 256: a reference loaded, dropped", measure_ops, &loads),
	LINE("submit_op_new", "of 256: an object made, dropped", measure_ops, &news),
	{ }
};
