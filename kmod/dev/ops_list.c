// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on lists, and the length of anything. An index is a u64 in the ABI and a u32 below
 * it: one that does not fit is beyond every list.
 */
#include "../types/types.h"
#include "dev.h"

static_assert(REFSLAB_MAX_LIST == REFSLAB_TABLE_MAX);

int refslab_op_list(struct refslab_call *call)
{
	return refslab_session_answer_new(call, refslab_list_new(call->heap, REFSLAB_DEV_GFP));
}

int refslab_op_append(struct refslab_call *call)
{
	return refslab_table_append(call->obj[0], call->obj[1], REFSLAB_DEV_GFP);
}

int refslab_op_insert(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_table_insert(call->obj[0], call->arg[1], call->obj[2], REFSLAB_DEV_GFP);
}

int refslab_op_pop(struct refslab_call *call)
{
	struct refslab_object *element;
	u32 handle;
	int err;

	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	/* the handle first: once the element is out, nothing may fail */
	err = refslab_session_reserve(call->session, &handle);
	if (err)
		return err;
	element = refslab_table_take(call->obj[0], call->arg[1]);
	if (IS_ERR(element)) {
		refslab_session_abort(call->session, handle);
		return PTR_ERR(element);
	}
	refslab_session_commit(call->session, handle, element);
	call->result[0] = handle;
	return 0;
}

int refslab_op_setitem(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_table_set(call->obj[0], call->arg[1], call->obj[2]);
}

int refslab_op_delitem(struct refslab_call *call)
{
	struct refslab_object *element;

	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	element = refslab_table_take(call->obj[0], call->arg[1]);
	if (IS_ERR(element))
		return PTR_ERR(element);
	refslab_object_put(element);
	return 0;
}

int refslab_op_item(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_session_answer_quick(call,
					    refslab_sequence_get(call->obj[0], call->arg[1]));
}

int refslab_op_len(struct refslab_call *call)
{
	struct refslab_object *obj = call->obj[0];
	const void *data;
	size_t len;

	if (refslab_list_is(obj) || refslab_tuple_is(obj))
		call->result[0] = refslab_sequence_len(obj);
	else if (refslab_keyed_is(obj))
		call->result[0] = refslab_keyed_len(obj);
	else if (refslab_str_is(obj))
		call->result[0] = refslab_str_len(obj);
	else if (!refslab_bytes_value(obj, &data, &len))
		call->result[0] = len;
	else
		call->result[0] = refslab_object_type(obj)->nr_slots;
	return 0;
}
