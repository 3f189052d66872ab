// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: types, objects, handles, slots, and looking at an object. See enum refslab_opcode for
 * what each takes and gives. Operands that are handles are objects already, of the right type, kept
 * by a reference of the operation's own or, in quick ones, by their handles.
 */
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

static int read_type_def(const struct refslab_call *call, struct refslab_type_def *def)
{
	u64 size = call->arg[3];
	int err;

	if (size < offsetofend(struct refslab_type_def, cache_limit))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(def, sizeof(*def), u64_to_user_ptr(call->arg[2]), size);
	if (err)
		return err;
	if (def->flags & ~(REFSLAB_TYPE_ACYCLIC | REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF |
			   REFSLAB_TYPE_MAPPED))
		return -EOPNOTSUPP;
	if (def->nr_slots > REFSLAB_MAX_SLOTS || def->cache_limit > REFSLAB_MAX_CACHE)
		return -EINVAL;
	if (def->flags & REFSLAB_TYPE_MAPPED)
		return def->payload && def->payload <= REFSLAB_MAX_MAPPED ? 0 : -EINVAL;
	return def->payload <= REFSLAB_MAX_PAYLOAD ? 0 : -EINVAL;
}

/* Operands 0 and 1 are where a type's name is and how long. */
static int read_type_name(const struct refslab_call *call, char name[REFSLAB_NAME_MAX + 1])
{
	int len = refslab_submit_copy_name(call, 0, name, REFSLAB_NAME_MAX);

	if (len < 0)
		return len;
	name[len] = '\0';
	return refslab_str_is_identifier(name, len) ? 0 : -EINVAL;
}

int refslab_op_type(struct refslab_call *call)
{
	char name[REFSLAB_NAME_MAX + 1];
	int err = read_type_name(call, name);
	struct refslab_type_def def;
	struct refslab_type *type;

	if (err)
		return err;
	err = read_type_def(call, &def);
	if (err)
		return err;

	type = refslab_type_create(&call->heap->objects, &(struct refslab_type_params) {
		.name = name,
		.flags = REFSLAB_TYPE_USER |
			 (def.flags & REFSLAB_TYPE_FINALIZER ? REFSLAB_TYPE_NOTIFY : 0) |
			 (def.flags & REFSLAB_TYPE_WEAKREF ? REFSLAB_TYPE_WEAKABLE : 0) |
			 (def.flags & REFSLAB_TYPE_MAPPED ? REFSLAB_TYPE_PAGES : 0),
		.acyclic = def.flags & REFSLAB_TYPE_ACYCLIC,
		.nr_slots = def.nr_slots,
		.body = def.payload,
		.cache_limit = def.cache_limit,
	}, REFSLAB_DEV_GFP);
	if (IS_ERR(type))
		return PTR_ERR(type);
	call->result[0] = type->number;
	return 0;
}

int refslab_op_type_find(struct refslab_call *call)
{
	struct refslab_type_def def = { };
	char name[REFSLAB_NAME_MAX + 1];
	int err = read_type_name(call, name);
	const struct refslab_type *type;

	if (err)
		return err;
	type = refslab_type_find_name(&call->heap->objects, name);
	if (!type)
		return -ENOENT;
	if (type->flags & REFSLAB_TYPE_USER) {
		def.flags = (type->flags & REFSLAB_TYPE_TRACKED ? 0 : REFSLAB_TYPE_ACYCLIC) |
			    (type->flags & REFSLAB_TYPE_NOTIFY ? REFSLAB_TYPE_FINALIZER : 0) |
			    (type->flags & REFSLAB_TYPE_WEAKABLE ? REFSLAB_TYPE_WEAKREF : 0) |
			    (type->flags & REFSLAB_TYPE_PAGES ? REFSLAB_TYPE_MAPPED : 0);
		def.nr_slots = type->nr_slots;
		def.payload = type->payload;
		def.cache_limit = type->cache.limit;
		call->result[1] = 1;
	}
	call->result[0] = type->number;
	return refslab_submit_copy_out(call, 2, &def, sizeof(def));
}

int refslab_op_new(struct refslab_call *call)
{
	struct refslab_type *type = NULL;
	struct refslab_object *obj;

	if (call->arg[0] <= REFSLAB_MAX_TYPES)
		type = refslab_type_find(&call->heap->objects, call->arg[0]);
	if (!type)
		return -ENOENT;
	if (!(type->flags & REFSLAB_TYPE_USER))
		return -EPROTOTYPE;
	obj = type->flags & REFSLAB_TYPE_PAGES ? refslab_object_alloc_pages(type, REFSLAB_DEV_GFP) :
						 refslab_object_alloc(type, REFSLAB_DEV_GFP);
	return refslab_session_answer_new(call, obj);
}

int refslab_op_dup(struct refslab_call *call)
{
	if (!refslab_word_try_get(&call->obj[0]->word))
		return -EOVERFLOW;
	return refslab_session_answer_quick(call, call->obj[0]);
}

int refslab_op_close(struct refslab_call *call)
{
	return refslab_session_close(call->session, call->arg[0], &call->last);
}

int refslab_op_is(struct refslab_call *call)
{
	call->result[0] = call->obj[0] == call->obj[1];
	return 0;
}

int refslab_op_setslot(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_slot_exchange(call->obj[0], call->arg[1], call->obj[2], &call->last);
}

int refslab_op_clearslot(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_slot_exchange(call->obj[0], call->arg[1], NULL, &call->last);
}

int refslab_op_slot(struct refslab_call *call)
{
	struct refslab_object *target;

	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	target = refslab_slot_get(call->obj[0], call->arg[1]);
	return refslab_session_answer_quick(call, target ?: ERR_PTR(-ENODATA));
}

int refslab_op_typeof(struct refslab_call *call)
{
	const struct refslab_type *type = refslab_object_type(call->obj[0])->base;
	size_t len = strlen(type->name);

	call->result[0] = type->number;
	call->result[1] = len;
	return refslab_submit_copy_out(call, 1, type->name, len);
}

int refslab_op_refcount(struct refslab_call *call)
{
	call->result[0] = refslab_word_told(refslab_word_read(&call->obj[0]->word), 0);
	return 0;
}

int refslab_op_id(struct refslab_call *call)
{
	/* known from now on, for REFSLAB_OP_BYID */
	int err = refslab_ident_publish(call->obj[0], REFSLAB_DEV_GFP);

	if (!err)
		call->result[0] = call->obj[0]->id;
	return err;
}

int refslab_op_tracked(struct refslab_call *call)
{
	if (refslab_object_tracked(call->obj[0])) {
		call->result[0] = 1;
		call->result[1] = refslab_generation_of(call->obj[0]);
	}
	return 0;
}

int refslab_op_block(struct refslab_call *call)
{
	struct refslab_object *obj = call->obj[0];
	struct refslab_pool *pool = refslab_mem_pool_of(&call->heap->objects.mem, obj);

	if (refslab_constant_is(&call->heap->objects, obj)) {
		call->result[0] = ~0ULL;
		call->result[1] = ~0ULL;
		return 0;
	}
	call->result[0] = pool->arena ? pool->arena->number : ~0ULL;
	call->result[1] = (u64)pool->number << 32 | refslab_mem_index(pool, obj);
	return 0;
}
