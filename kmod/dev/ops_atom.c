// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on what never changes: ints, floats, strs, bytes, tuples. Each is made complete: what
 * it is made of is checked and copied before anybody can know it.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

#define SMALL		256	/* bytes copied by way of the stack */
#define HANDLES		64	/* handles read at a time */

int refslab_op_int(struct refslab_call *call)
{
	struct refslab_object *obj = refslab_int_new(call->heap, call->arg[0], REFSLAB_DEV_GFP);

	return refslab_session_answer_new(call, obj);
}

int refslab_op_int_value(struct refslab_call *call)
{
	s64 value;
	int err = refslab_int_value(call->obj[0], &value);

	if (!err)
		call->result[0] = value;
	return err;
}

int refslab_op_float(struct refslab_call *call)
{
	struct refslab_object *obj = refslab_float_new(call->heap, call->arg[0], REFSLAB_DEV_GFP);

	return refslab_session_answer_new(call, obj);
}

int refslab_op_float_value(struct refslab_call *call)
{
	return refslab_float_value(call->obj[0], &call->result[0]);
}

static void free_text(char *text, const char small[SMALL])
{
	if (text != small)
		kvfree(text);
}

/* Operands @arg and the next are where a text is and how long. At @small when it fits there. */
static char *read_text(const struct refslab_call *call, unsigned int arg, char small[SMALL])
{
	u64 len = call->arg[arg + 1];
	char *text = small;

	if (len > REFSLAB_MAX_STR)
		return ERR_PTR(-E2BIG);
	if (len > SMALL)
		text = kvmalloc(len, REFSLAB_DEV_GFP);
	if (!text)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(text, u64_to_user_ptr(call->arg[arg]), len))
		return text;
	free_text(text, small);
	return ERR_PTR(-EFAULT);
}

int refslab_op_str(struct refslab_call *call)
{
	struct refslab_object *obj;
	char small[SMALL], *text;

	text = read_text(call, 0, small);
	if (IS_ERR(text))
		return PTR_ERR(text);
	obj = refslab_str_new(call->heap, text, call->arg[1], REFSLAB_DEV_GFP);
	free_text(text, small);
	return refslab_session_answer(call, obj);
}

/* Immutable, and kept by the operation's reference: a text is read piece by piece. */
int refslab_op_str_value(struct refslab_call *call)
{
	struct refslab_object *obj = call->obj[0];
	void __user *to = u64_to_user_ptr(call->arg[1]);
	const char *ascii = refslab_str_ascii(obj);
	u64 room = call->arg[2], total = 0;
	char buf[SMALL];
	size_t n, len;
	u32 at = 0;

	if (ascii) {
		len = refslab_str_len(obj);
		call->result[0] = len;
		return refslab_submit_copy_out(call, 1, ascii, len);
	}
	while ((len = refslab_str_utf8(obj, &at, buf, sizeof(buf)))) {
		n = total < room ? min_t(u64, room - total, len) : 0;
		if (copy_to_user(to + total, buf, n))
			return -EFAULT;
		total += len;
		cond_resched();
	}
	call->result[0] = total;
	return 0;
}

int refslab_op_bytes(struct refslab_call *call)
{
	u64 len = call->arg[1];
	struct refslab_object *obj;
	void *data;

	if (len > REFSLAB_MAX_BYTES)
		return -E2BIG;
	if (!len) {
		obj = refslab_bytes_new(call->heap, NULL, 0, REFSLAB_DEV_GFP);
		return refslab_session_answer(call, obj);
	}
	obj = refslab_bytes_begin(call->heap, len, REFSLAB_DEV_GFP, &data);
	if (!obj)
		return -ENOMEM;
	if (copy_from_user(data, u64_to_user_ptr(call->arg[0]), len)) {
		refslab_object_cancel(obj);
		return -EFAULT;
	}
	refslab_object_publish(obj, REFSLAB_DEV_GFP);
	return refslab_session_answer(call, obj);
}

int refslab_op_bytes_value(struct refslab_call *call)
{
	const void *data;
	size_t len;
	int err = refslab_bytes_value(call->obj[0], &data, &len);

	if (err)
		return err;
	call->result[0] = len;
	return refslab_submit_copy_out(call, 1, data, len);
}

/* Puts the object of a handle into a tuple. */
static int put_handle(struct refslab_call *call, struct refslab_object *tuple, u32 index,
		      u32 handle)
{
	struct refslab_object *element = refslab_session_get(call->session, handle);
	int err;

	if (!element)
		return -ENOENT;
	err = refslab_tuple_put(tuple, index, element, REFSLAB_DEV_GFP);
	refslab_object_put(element);
	return err;
}

static int put_handles(struct refslab_call *call, struct refslab_object *tuple, u32 len)
{
	const u32 __user *from = u64_to_user_ptr(call->arg[0]);
	u32 handles[HANDLES], done, n, i;
	int err;

	for (done = 0; done < len; done += n) {
		n = min_t(u32, len - done, HANDLES);
		if (copy_from_user(handles, from + done, n * sizeof(u32)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			err = put_handle(call, tuple, done + i, handles[i]);
			if (err)
				return err;
		}
		cond_resched();
	}
	return 0;
}

int refslab_op_tuple(struct refslab_call *call)
{
	u64 len = call->arg[1];
	struct refslab_object *obj;
	int err;

	if (len > REFSLAB_MAX_TUPLE)
		return -E2BIG;
	if (!len) {
		obj = refslab_tuple_new(call->heap, NULL, 0, REFSLAB_DEV_GFP);
		return refslab_session_answer(call, obj);
	}
	obj = refslab_tuple_begin(call->heap, len, REFSLAB_DEV_GFP);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	err = put_handles(call, obj, len);
	if (err) {
		refslab_object_cancel(obj);
		return err;
	}
	refslab_object_publish(obj, REFSLAB_DEV_GFP);
	return refslab_session_answer(call, obj);
}

/* --- by value ------------------------------------------------------------------------------- */

static int probe_str(const struct refslab_call *call, unsigned int arg,
		     struct refslab_probe *probe)
{
	char small[SMALL], *text;
	int err;

	text = read_text(call, arg, small);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = refslab_str_probe(probe, call->heap, text, call->arg[arg + 1], REFSLAB_DEV_GFP);
	free_text(text, small);
	return err;
}

static int probe_bytes(const struct refslab_call *call, unsigned int arg,
		       struct refslab_probe *probe)
{
	u64 len = call->arg[arg + 1];
	void *data;
	int err;

	if (len > REFSLAB_MAX_BYTES)
		return -E2BIG;
	err = refslab_bytes_probe(probe, call->heap, len, REFSLAB_DEV_GFP, &data);
	if (err || !copy_from_user(data, u64_to_user_ptr(call->arg[arg]), len))
		return err;
	refslab_probe_end(probe);
	return -EFAULT;
}

/**
 * refslab_atom_read_probe() - a probe for a value that is given by operands
 * @call: the operation
 * @arg: number of the operand that is the kind of value, which the next two are
 * @probe: out: the probe, for refslab_probe_end() unless this fails
 *
 * Context: may sleep. Return: 0, -EOPNOTSUPP no such kind, -EINVAL, -E2BIG, -EILSEQ, -EFAULT,
 * -ENOMEM.
 */
int refslab_atom_read_probe(const struct refslab_call *call, unsigned int arg,
			    struct refslab_probe *probe)
{
	u64 kind = call->arg[arg], value = call->arg[arg + 1];

	if (kind == REFSLAB_VALUE_STR)
		return probe_str(call, arg + 1, probe);
	if (kind == REFSLAB_VALUE_BYTES)
		return probe_bytes(call, arg + 1, probe);
	if (kind != REFSLAB_VALUE_INT && kind != REFSLAB_VALUE_FLOAT)
		return -EOPNOTSUPP;
	if (call->arg[arg + 2])
		return -EINVAL;
	if (kind == REFSLAB_VALUE_INT)
		refslab_probe_int(probe, call->heap, value);
	else
		refslab_probe_float(probe, call->heap, value);
	return 0;
}
