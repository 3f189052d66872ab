// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: types, objects, handles, slots, payload, and looking at an object. See enum
 * refslab_opcode for what each takes and gives. Operands that are handles are objects already, of
 * the right type, with a reference of the operation's own.
 *
 * User memory is copied without any lock, by way of a buffer.
 */
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

#define SMALL		256	/* bytes copied by way of the stack */

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
	if (def->flags & ~(REFSLAB_TYPE_ACYCLIC | REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF))
		return -EOPNOTSUPP;
	if (def->nr_slots > REFSLAB_MAX_SLOTS || def->payload > REFSLAB_MAX_PAYLOAD ||
	    def->cache_limit > REFSLAB_MAX_CACHE)
		return -EINVAL;
	return 0;
}

int refslab_op_type(struct refslab_call *call)
{
	char name[REFSLAB_NAME_MAX + 1];
	u64 len = call->arg[1];
	struct refslab_type_def def;
	struct refslab_type *type;
	int err;

	if (!len || len > REFSLAB_NAME_MAX)
		return -EINVAL;
	if (copy_from_user(name, u64_to_user_ptr(call->arg[0]), len))
		return -EFAULT;
	name[len] = '\0';
	if (!refslab_str_is_identifier(name, len))
		return -EINVAL;
	err = read_type_def(call, &def);
	if (err)
		return err;

	type = refslab_type_create(&call->heap->objects, &(struct refslab_type_params) {
		.name = name,
		.flags = REFSLAB_TYPE_USER |
			 (def.flags & REFSLAB_TYPE_FINALIZER ? REFSLAB_TYPE_NOTIFY : 0) |
			 (def.flags & REFSLAB_TYPE_WEAKREF ? REFSLAB_TYPE_WEAKABLE : 0),
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

int refslab_op_new(struct refslab_call *call)
{
	struct refslab_type *type = NULL;

	if (call->arg[0] <= REFSLAB_MAX_TYPES)
		type = refslab_type_find(&call->heap->objects, call->arg[0]);
	if (!type)
		return -ENOENT;
	if (!(type->flags & REFSLAB_TYPE_USER))
		return -EPROTOTYPE;
	return refslab_session_answer(call, refslab_object_alloc(type, REFSLAB_DEV_GFP));
}

int refslab_op_dup(struct refslab_call *call)
{
	if (!refslab_word_try_get(&call->obj[0]->word))
		return -EOVERFLOW;
	return refslab_session_answer(call, call->obj[0]);
}

int refslab_op_close(struct refslab_call *call)
{
	return refslab_session_close(call->session, call->arg[0]);
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
	return refslab_slot_set(call->obj[0], call->arg[1], call->obj[2]);
}

int refslab_op_clearslot(struct refslab_call *call)
{
	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	return refslab_slot_set(call->obj[0], call->arg[1], NULL);
}

int refslab_op_slot(struct refslab_call *call)
{
	struct refslab_object *target;

	if (call->arg[1] > U32_MAX)
		return -ERANGE;
	target = refslab_slot_get(call->obj[0], call->arg[1]);
	return refslab_session_answer(call, target ?: ERR_PTR(-ENODATA));
}

/* Where [offset, offset + n) of the payload is; NULL when it is not within it. */
static void *payload_of(const struct refslab_call *call, u64 offset, u64 n)
{
	struct refslab_type *type = refslab_object_type(call->obj[0]);

	if (n > type->body || offset > type->body - n)
		return NULL;
	return refslab_object_body(call->obj[0], type) + offset;
}

/* memcpy() to or from an object's payload, with its lock held for a page at a time. */
static void copy_locked(struct refslab_object *obj, void *to, const void *from, size_t len)
{
	size_t n;

	for (; len; len -= n, to += n, from += n) {
		n = min_t(size_t, len, SZ_4K);
		refslab_object_lock(obj);
		memcpy(to, from, n);
		refslab_object_unlock(obj);
		cond_resched();
	}
}

int refslab_op_write(struct refslab_call *call)
{
	u64 n = call->arg[3];
	void *payload = payload_of(call, call->arg[1], n);
	u8 small[SMALL], *buf = small;
	int err = 0;

	if (!payload)
		return -ERANGE;
	/* all of it first: a write that fails changes nothing */
	if (n > sizeof(small))
		buf = kvmalloc(n, REFSLAB_DEV_GFP);
	if (!buf)
		return -ENOMEM;
	if (copy_from_user(buf, u64_to_user_ptr(call->arg[2]), n))
		err = -EFAULT;
	else
		copy_locked(call->obj[0], payload, buf, n);
	if (buf != small)
		kvfree(buf);
	return err;
}

int refslab_op_read(struct refslab_call *call)
{
	u64 n = call->arg[3];
	const void *payload = payload_of(call, call->arg[1], n);
	void __user *to = u64_to_user_ptr(call->arg[2]);
	size_t room = min_t(u64, n, SZ_4K), len;
	u8 small[SMALL], *buf = small;
	int err = 0;

	if (!payload)
		return -ERANGE;
	if (room > sizeof(small))
		buf = kmalloc(room, REFSLAB_DEV_GFP);
	if (!buf)
		return -ENOMEM;
	for (; n && !err; n -= len, payload += len, to += len) {
		len = min_t(u64, n, room);
		copy_locked(call->obj[0], buf, payload, len);
		if (copy_to_user(to, buf, len))
			err = -EFAULT;
	}
	if (buf != small)
		kfree(buf);
	return err;
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
	/* without the reference of this very operation */
	u32 count = refslab_word_told(refslab_word_read(&call->obj[0]->word), 1);

	/* the handle's own is missing: it was closed meanwhile */
	if (!count)
		return -ENOENT;
	call->result[0] = count;
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
