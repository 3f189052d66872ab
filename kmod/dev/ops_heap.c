// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on the collector and on the heap as a whole. See enum refslab_opcode for what each
 * takes and gives.
 */
#include <linux/uaccess.h>

#include "dev.h"

/* A structure that may grow: the caller gets as much as it has room for, but not nothing. */
static int copy_struct(const struct refslab_call *call, const void *from, size_t size)
{
	u64 n = call->arg[1];

	if (!n)
		return -EINVAL;
	return copy_to_user(u64_to_user_ptr(call->arg[0]), from, min_t(u64, n, size)) ? -EFAULT : 0;
}

static int copy_three(const struct refslab_call *call, const u32 three[REFSLAB_GENERATIONS])
{
	size_t size = REFSLAB_GENERATIONS * sizeof(u32);

	if (call->arg[1] != size)
		return -EINVAL;
	return copy_to_user(u64_to_user_ptr(call->arg[0]), three, size) ? -EFAULT : 0;
}

int refslab_op_collect(struct refslab_call *call)
{
	struct refslab_gc_result result = { };
	int err;

	if ((call->arg[0] & ~(u64)REFSLAB_COLLECT_ALL) >= REFSLAB_GENERATIONS)
		return -EINVAL;
	err = refslab_generation_collect(&call->heap->gc, call->arg[0], &result, true);
	if (err)
		return err;
	call->result[0] = result.unreachable;
	call->result[1] = result.uncollectable;
	return 0;
}

int refslab_op_enable(struct refslab_call *call)
{
	refslab_generation_enable(&call->heap->gc, true);
	return 0;
}

int refslab_op_disable(struct refslab_call *call)
{
	refslab_generation_enable(&call->heap->gc, false);
	return 0;
}

int refslab_op_isenabled(struct refslab_call *call)
{
	call->result[0] = READ_ONCE(call->heap->gc.enabled);
	return 0;
}

int refslab_op_set_threshold(struct refslab_call *call)
{
	u32 threshold[REFSLAB_GENERATIONS];
	unsigned int i;

	for (i = 0; i < REFSLAB_GENERATIONS; i++) {
		if (call->arg[i] > S32_MAX)
			return -EINVAL;
		threshold[i] = call->arg[i];
	}
	refslab_generation_set_thresholds(&call->heap->gc, threshold);
	return 0;
}

int refslab_op_get_threshold(struct refslab_call *call)
{
	u32 threshold[REFSLAB_GENERATIONS];

	refslab_generation_get_thresholds(&call->heap->gc, threshold);
	return copy_three(call, threshold);
}

int refslab_op_get_count(struct refslab_call *call)
{
	u32 count[REFSLAB_GENERATIONS];

	refslab_generation_get_counts(&call->heap->gc, count);
	return copy_three(call, count);
}

int refslab_op_get_stats(struct refslab_call *call)
{
	const struct refslab_generation *generation = call->heap->gc.generation;
	struct refslab_gc_stats stats = { };
	unsigned int i;

	/* without the scan's lock, so as not to wait for a scan */
	for (i = 0; i < REFSLAB_GENERATIONS; i++) {
		stats.gen[i].collections = READ_ONCE(generation[i].collections);
		stats.gen[i].collected = READ_ONCE(generation[i].collected);
		stats.gen[i].uncollectable = READ_ONCE(generation[i].uncollectable);
	}
	return copy_struct(call, &stats, sizeof(stats));
}

static_assert(REFSLAB_GEN_FROZEN == REFSLAB_GENERATION_FROZEN);

int refslab_op_freeze(struct refslab_call *call)
{
	return refslab_freeze_all(&call->heap->gc, true);
}

int refslab_op_unfreeze(struct refslab_call *call)
{
	return refslab_freeze_undo(&call->heap->gc, true);
}

int refslab_op_freezecount(struct refslab_call *call)
{
	return refslab_freeze_count(&call->heap->gc, true, &call->result[0]);
}

int refslab_op_set_debug(struct refslab_call *call)
{
	return refslab_generation_set_debug(&call->heap->gc, call->arg[0]);
}

int refslab_op_get_debug(struct refslab_call *call)
{
	call->result[0] = READ_ONCE(call->heap->gc.debug);
	return 0;
}

int refslab_op_empty_garbage(struct refslab_call *call)
{
	call->result[0] = refslab_garbage_empty(&call->heap->gc);
	return 0;
}

int refslab_op_trim(struct refslab_call *call)
{
	call->result[0] = refslab_heap_trim(call->heap);
	return 0;
}

int refslab_op_stat(struct refslab_call *call)
{
	struct refslab_stat stat;

	refslab_heap_stat(call->heap, &stat);
	return copy_struct(call, &stat, sizeof(stat));
}

/* What the caller's structure does not have stays as it is. */
int refslab_op_set_limits(struct refslab_call *call)
{
	struct refslab_limits limits = { };
	u64 n = call->arg[1];
	int err;

	if (!n || n % sizeof(u64))
		return -EINVAL;
	if (n > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&limits, sizeof(limits), u64_to_user_ptr(call->arg[0]), n);
	if (err)
		return err;
	refslab_heap_set_limits(call->heap, &limits, n);
	return 0;
}

int refslab_op_get_limits(struct refslab_call *call)
{
	struct refslab_limits limits;

	refslab_heap_get_limits(call->heap, &limits);
	return copy_struct(call, &limits, sizeof(limits));
}
