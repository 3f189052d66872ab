// SPDX-License-Identifier: GPL-2.0
/* Batches: an array of operations that grows, and operands that are earlier results. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "librefslab.h"

#define MAX_OPERANDS	4

struct refslab_batch {
	struct refslab_op *ops;
	unsigned int count;
	unsigned int room;
	int error;		/* the first one while adding */
};

struct refslab_batch *refslab_batch_new(void)
{
	return calloc(1, sizeof(struct refslab_batch));
}

void refslab_batch_free(struct refslab_batch *batch)
{
	if (!batch)
		return;
	free(batch->ops);
	free(batch);
}

void refslab_batch_reset(struct refslab_batch *batch)
{
	batch->count = 0;
	batch->error = 0;
}

static int fail(struct refslab_batch *batch, int err)
{
	if (!batch->error)
		batch->error = err;
	return err;
}

static int grow(struct refslab_batch *batch)
{
	unsigned int room = batch->room ? 2 * batch->room : 16;
	struct refslab_op *ops;

	if (batch->count < batch->room)
		return 0;
	ops = reallocarray(batch->ops, room, sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	batch->ops = ops;
	batch->room = room;
	return 0;
}

int refslab_batch_add(struct refslab_batch *batch, unsigned int opcode,
		      const struct refslab_operand *operands, unsigned int count)
{
	struct refslab_op op = { .opcode = opcode };
	unsigned int i;

	if (batch->count == REFSLAB_MAX_OPS)
		return fail(batch, -E2BIG);
	if (opcode != op.opcode || count > MAX_OPERANDS)
		return fail(batch, -EINVAL);
	for (i = 0; i < count; i++) {
		op.arg[i] = operands[i].value;
		if (!operands[i].is_result)
			continue;
		if (operands[i].value >= batch->count)
			return fail(batch, -EINVAL);
		op.from |= 1u << i;
	}
	if (grow(batch))
		return fail(batch, -ENOMEM);
	batch->ops[batch->count] = op;
	return batch->count++;
}

unsigned int refslab_batch_count(const struct refslab_batch *batch)
{
	return batch->count;
}

int refslab_batch_submit(struct refslab_batch *batch, struct refslab_session *session,
			 unsigned int *done)
{
	unsigned int i;

	if (done)
		*done = 0;
	if (batch->error)
		return batch->error;
	if (!batch->count)
		return 0;
	/* What an earlier submit answered is not part of the question. */
	for (i = 0; i < batch->count; i++) {
		memset(batch->ops[i].result, 0, sizeof(batch->ops[i].result));
		batch->ops[i].error = 0;
	}
	return refslab_session_submit(session, batch->ops, batch->count, done);
}

__u64 refslab_batch_result(const struct refslab_batch *batch, int index, unsigned int which)
{
	if (index < 0 || (unsigned int)index >= batch->count || which > 1)
		return 0;
	return batch->ops[index].result[which];
}

unsigned int refslab_batch_opcode(const struct refslab_batch *batch, unsigned int index)
{
	return index < batch->count ? batch->ops[index].opcode : 0;
}
