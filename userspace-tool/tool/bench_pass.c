// SPDX-License-Identifier: GPL-2.0
/*
 * A line of refslab bench: a reference is passed from one session to another and back. Both are of
 * this process, so that nobody has to be woken up: that takes more than all of the rest.
 */
#include <stdlib.h>

#include "bench.h"

#define ROOT	"mailbox"

/* What the first session holds: an object to pass others by, in its slot 0, and one to pass. */
enum { MAILBOX, PASSED };

struct end {
	struct refslab_session *session;
	__u32 mailbox;		/* the session's handle */
};

struct pass {
	struct bench_heap heap;
	struct end end[2];	/* the first one has the heap's session */
	__u64 id;		/* of what is passed */
};

/* The second session has the mailbox from the heap, by a name. */
static bool attach(struct pass *pass)
{
	struct end *first = &pass->end[0], *second = &pass->end[1];
	const char *line = pass->heap.line;
	int fd = refslab_session_fd(first->session), err;

	err = refslab_session_open(NULL, &second->session);
	if (!refslab_bench_check(line, REFSLAB_CALL_OPEN, err))
		return false;
	err = refslab_session_attach(second->session, fd, 0, NULL, NULL);
	if (!refslab_bench_check(line, REFSLAB_CALL_ATTACH, err))
		return false;
	err = refslab_op_publish(first->session, first->mailbox, ROOT);
	if (!refslab_bench_check(line, REFSLAB_OP_PUBLISH, err))
		return false;
	err = refslab_op_lookup(second->session, ROOT, &second->mailbox);
	if (!refslab_bench_check(line, REFSLAB_OP_LOOKUP, err))
		return false;
	err = refslab_op_unpublish(first->session, ROOT);
	return refslab_bench_check(line, REFSLAB_OP_UNPUBLISH, err);
}

static bool make_objects(struct pass *pass)
{
	struct bench_heap *heap = &pass->heap;
	int err;

	if (!refslab_bench_hold(heap) || !refslab_bench_hold(heap))
		return false;
	pass->end[0].session = heap->session;
	pass->end[0].mailbox = heap->held[MAILBOX];
	err = refslab_op_id(heap->session, heap->held[PASSED], &pass->id);
	return refslab_bench_check(heap->line, REFSLAB_OP_ID, err);
}

static bool end(void *state, bool ok)
{
	struct pass *pass = state;

	refslab_session_close(pass->end[1].session);
	ok = refslab_bench_close(&pass->heap, ok);
	free(pass);
	return ok;
}

static void *begin(const struct bench_line *line, __u64 objects)
{
	struct pass *pass = refslab_bench_alloc(line->name, sizeof(*pass));

	(void)objects;
	if (!pass)
		return NULL;
	if (!refslab_bench_open(&pass->heap, line->name, NULL)) {
		free(pass);
		return NULL;
	}
	if (make_objects(pass) && attach(pass))
		return pass;
	end(pass, false);
	return NULL;
}

/* Stores the reference and drops the giver's own. */
static bool give(struct pass *pass, const struct end *giver, __u32 passed)
{
	struct refslab_batch *b = pass->heap.batch;

	refslab_batch_reset(b);
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, refslab_value(giver->mailbox), refslab_value(0),
			 refslab_value(passed));
	refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_value(passed));
	return refslab_bench_submit(&pass->heap, giver->session);
}

/* Loads it, and empties the slot. */
static bool take(struct pass *pass, const struct end *taker, __u32 *passed)
{
	const struct refslab_operand mailbox = refslab_value(taker->mailbox);
	struct refslab_batch *b = pass->heap.batch;

	refslab_batch_reset(b);
	refslab_batch_op(b, REFSLAB_OP_SLOT, mailbox, refslab_value(0));
	refslab_batch_op(b, REFSLAB_OP_CLEARSLOT, mailbox, refslab_value(0));
	if (!refslab_bench_submit(&pass->heap, taker->session))
		return false;
	*passed = refslab_batch_result(b, 0, 0);
	return true;
}

/* The same object came back, and there is one reference on it. */
static bool came_back(struct pass *pass)
{
	struct bench_heap *heap = &pass->heap;
	__u32 count;
	__u64 id;
	int err;

	err = refslab_op_id(heap->session, heap->held[PASSED], &id);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_ID, err))
		return false;
	err = refslab_op_refcount(heap->session, heap->held[PASSED], &count);
	if (!refslab_bench_check(heap->line, REFSLAB_OP_REFCOUNT, err))
		return false;
	if (id != pass->id || count != 1)
		return refslab_bench_fail(heap->line, "object %llu came back as %llu, count %u",
					  pass->id, id, count);
	return true;
}

static bool measure(void *state, __u64 times, __u64 *ns, double *value)
{
	struct pass *pass = state;
	__u32 *passed = &pass->heap.held[PASSED];
	__u64 i, start = refslab_bench_now();

	for (i = 0; i < times; i++)
		if (!give(pass, &pass->end[0], *passed) || !take(pass, &pass->end[1], passed) ||
		    !give(pass, &pass->end[1], *passed) || !take(pass, &pass->end[0], passed))
			return false;
	*ns = refslab_bench_now() - start;
	*value = *ns / (2.0 * times);
	return came_back(pass);
}

const struct bench_line refslab_bench_pass_lines[] = {
	{
		.name = "reference_pass", .unit = "ns",
		.what = "a reference passed to another session",
		.begin = begin, .measure = measure, .end = end,
	},
	{ }
};
