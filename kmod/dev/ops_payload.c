// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on payloads, those that lie in the object's block and those that are pages of their
 * own and can be mapped. See enum refslab_opcode for what each takes and gives.
 *
 * User memory is copied without any lock, by way of a buffer.
 */
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"

#define SMALL		256	/* bytes copied by way of the stack */

/* Is [offset, offset + n) within the payload, and not too much at a time? */
static int check_range(const struct refslab_call *call, u64 offset, u64 n)
{
	const struct refslab_type *type = refslab_object_type(call->obj[0]);

	if (n > type->payload || offset > type->payload - n)
		return -ERANGE;
	return n > REFSLAB_MAX_PAYLOAD ? -E2BIG : 0;
}

/* Copies to or from an object's payload, with its lock held for a page at a time. */
static void copy_locked(struct refslab_object *obj, u32 offset, void *buf, size_t len, bool write)
{
	const struct refslab_type *type = refslab_object_type(obj);
	void *body = refslab_object_body(obj, type);
	size_t n;

	for (; len; len -= n, offset += n, buf += n) {
		n = min_t(size_t, len, SZ_4K);
		refslab_object_lock(obj);
		if (type->flags & REFSLAB_TYPE_PAGES)
			refslab_payload_copy(*refslab_object_payload(obj, type), offset, buf, n,
					     write);
		else if (write)
			memcpy(body + offset, buf, n);
		else
			memcpy(buf, body + offset, n);
		refslab_object_unlock(obj);
		cond_resched();
	}
}

int refslab_op_write(struct refslab_call *call)
{
	u64 n = call->arg[3];
	u8 small[SMALL], *buf = small;
	int err;

	err = check_range(call, call->arg[1], n);
	if (err)
		return err;
	/* all of it first: a write that fails changes nothing */
	if (n > sizeof(small))
		buf = kvmalloc(n, REFSLAB_DEV_GFP);
	if (!buf)
		return -ENOMEM;
	if (copy_from_user(buf, u64_to_user_ptr(call->arg[2]), n))
		err = -EFAULT;
	else
		copy_locked(call->obj[0], call->arg[1], buf, n, true);
	if (buf != small)
		kvfree(buf);
	return err;
}

int refslab_op_read(struct refslab_call *call)
{
	u64 offset = call->arg[1], n = call->arg[3];
	void __user *to = u64_to_user_ptr(call->arg[2]);
	size_t room = min_t(u64, n, SZ_4K), len;
	u8 small[SMALL], *buf = small;
	int err;

	err = check_range(call, offset, n);
	if (err)
		return err;
	if (room > sizeof(small))
		buf = kmalloc(room, REFSLAB_DEV_GFP);
	if (!buf)
		return -ENOMEM;
	for (; n && !err; n -= len, offset += len, to += len) {
		len = min_t(u64, n, room);
		copy_locked(call->obj[0], offset, buf, len, false);
		if (copy_to_user(to, buf, len))
			err = -EFAULT;
	}
	if (buf != small)
		kfree(buf);
	return err;
}

int refslab_op_map(struct refslab_call *call)
{
	const struct refslab_type *type = refslab_object_type(call->obj[0]);
	const struct refslab_payload *payload = *refslab_object_payload(call->obj[0], type);

	/* neither changes while the object lives */
	call->result[0] = (u64)payload->first << PAGE_SHIFT;
	call->result[1] = type->payload;
	return 0;
}
