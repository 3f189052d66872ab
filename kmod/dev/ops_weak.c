// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: weak references, objects by id, finalizers. See enum refslab_opcode for what each
 * takes and gives.
 */
#include "dev.h"

/* A handle for an object that is still alive; 0 for one that is not. */
static int install_alive(struct refslab_call *call, struct refslab_object *obj)
{
	return obj ? refslab_session_answer(call, obj) : 0;
}

int refslab_op_weak(struct refslab_call *call)
{
	const struct refslab_weak_params params = {
		.notify = call->arg[1] & REFSLAB_WEAK_CALLBACK,
	};

	if (call->arg[1] & ~(u64)REFSLAB_WEAK_CALLBACK)
		return -EOPNOTSUPP;
	return refslab_session_answer(call, refslab_weak_new(call->obj[0], &params,
							     REFSLAB_DEV_GFP));
}

int refslab_op_deref(struct refslab_call *call)
{
	return install_alive(call, refslab_weak_get(call->obj[0]));
}

int refslab_op_byid(struct refslab_call *call)
{
	return install_alive(call, refslab_ident_get(&call->heap->objects, call->arg[0]));
}

int refslab_op_finalized(struct refslab_call *call)
{
	call->result[0] = refslab_finalize_done(call->obj[0]);
	return 0;
}
