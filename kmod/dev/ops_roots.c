// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on published roots. See enum refslab_opcode for what each takes and gives.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

/* Operands @arg and the next are where a name is and how long. Returns its length or an error. */
static int read_name(const struct refslab_call *call, unsigned int arg,
		     char name[REFSLAB_MAX_ROOT_NAME])
{
	int len = refslab_submit_copy_name(call, arg, name, REFSLAB_MAX_ROOT_NAME);

	return len < 0 || refslab_str_is_identifier(name, len) ? len : -EINVAL;
}

int refslab_op_publish(struct refslab_call *call)
{
	char name[REFSLAB_MAX_ROOT_NAME];
	int len = read_name(call, 1, name);

	if (len < 0)
		return len;
	return refslab_roots_publish(call->heap, name, len, call->obj[0], REFSLAB_DEV_GFP);
}

int refslab_op_lookup(struct refslab_call *call)
{
	char name[REFSLAB_MAX_ROOT_NAME];
	int len = read_name(call, 0, name);

	if (len < 0)
		return len;
	return refslab_session_answer(call, refslab_roots_lookup(call->heap, name, len));
}

int refslab_op_unpublish(struct refslab_call *call)
{
	char name[REFSLAB_MAX_ROOT_NAME];
	int len = read_name(call, 0, name);

	if (len < 0)
		return len;
	return refslab_roots_unpublish(call->heap, name, len);
}

/* Writes the next root. Returns 1, 0 at the end, or a negative errno. */
static int write_root(struct refslab_heap *heap, unsigned long *number,
		      struct refslab_root_record __user *to)
{
	struct refslab_root_record record;
	struct refslab_object *obj = refslab_roots_next(heap, number, &record);
	int err;

	if (!obj)
		return 0;
	/* whoever is told an id may ask for it */
	err = refslab_ident_publish(obj, REFSLAB_DEV_GFP);
	if (!err && copy_to_user(to, &record, sizeof(record)))
		err = -EFAULT;
	refslab_object_put(obj);
	return err ?: 1;
}

int refslab_op_roots(struct refslab_call *call)
{
	struct refslab_root_record __user *to = u64_to_user_ptr(call->arg[1]);
	unsigned long number = min_t(u64, call->arg[0], REFSLAB_MAX_ROOTS + 1);
	u64 n = call->arg[2], done;
	int ret = 1;

	if (!n || n > SZ_1M || n % sizeof(*to))
		return -EINVAL;
	n /= sizeof(*to);
	/* one at least: a cursor of 0 would be the end */
	for (done = 0; done < n && (!done || !signal_pending(current)); done++, number++) {
		ret = write_root(call->heap, &number, to + done);
		if (ret <= 0)
			break;
		cond_resched();
	}
	if (ret < 0)
		return ret;
	call->result[0] = done;
	call->result[1] = ret ? number : 0;
	return 0;
}
