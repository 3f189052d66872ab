// SPDX-License-Identifier: GPL-2.0
/*
 * REFSLAB_IOC_SUBMIT and the one table of operations: what each is called, which right it needs,
 * which operands it has and what carries it out. Rights and fields that must be 0 are checked,
 * earlier results are filled in, and handles are turned into objects here and nowhere else.
 *
 * The array is read once, as a whole, and a byte of each of its pages is written back before
 * anything is done: memory that cannot be read or written is found out while the heap is still
 * unchanged. An array that becomes unwritable during the call costs the caller the results, not the
 * kernel anything: what is done stays done, and handles nobody learnt of go when the file is
 * closed.
 */
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

/**
 * enum operand - what an operand is
 * @NONE:	not there: must be 0
 * @NUMBER:	anything the operation itself judges: an index, a size, a type, user memory
 * @HANDLE:	a handle, as a number
 * @OBJECT:	a handle of any object; the rest are handles too
 * @INSTANCE:	of a user-defined type
 * @SLOTTED:	of a user-defined type with slots
 * @MAPPED:	of a user-defined type with a mappable payload
 * @INT:	of an int
 * @STR:	of a str
 * @FLOAT:	of a float
 * @BYTES:	of a bytes
 * @LIST:	of a list
 * @SEQUENCE:	of a list or tuple
 * @DICT:	of a dict
 * @SET:	of a set
 * @ATTRIBUTED:	of an instance, which has attributes
 * @COLLECTION:	of a list, tuple, dict or set
 * @CONTAINER:	of one of those, or an instance
 * @WEAK:	of a weak reference
 */
enum operand {
	NONE,
	NUMBER,
	HANDLE,
	OBJECT,
	INSTANCE,
	SLOTTED,
	MAPPED,
	INT,
	STR,
	FLOAT,
	BYTES,
	LIST,
	SEQUENCE,
	DICT,
	SET,
	ATTRIBUTED,
	COLLECTION,
	CONTAINER,
	WEAK,
};

/* Bytes of dead objects' mappable payloads that one submission frees itself, or one payload. */
#define REAP_BUDGET	SZ_64M

#define KEPT_OPS	256U	/* a session keeps a buffer for as many operations */
#define RUN		16U	/* quick operations in one hold of the handles' lock, at most */
#define MAX_OPERANDS	ARRAY_SIZE(((struct refslab_op *)NULL)->arg)

/* The right that an operation needs; what only looks, or is about handles alone, needs none. */
#define LOOK	0
#define CHANGE	REFSLAB_RIGHT_CHANGE
#define COLLECT	REFSLAB_RIGHT_COLLECT
#define LIMITS	REFSLAB_RIGHT_LIMITS

/**
 * struct operation - one of them
 * @name:	what it is called
 * @fn:		carries it out; may sleep; or NULL:
 * @quick:	carries it out, with the lock of the session's handles held; these keep the objects,
 *		so that there is no need for references of the operation's own
 * @right:	the right it needs
 * @operands:	enum operand
 * @used:	bit i: operand i is there
 * @objects:	bit i: and is a handle, to be looked up
 */
struct operation {
	const char *name;
	int (*fn)(struct refslab_call *call);
	int (*quick)(struct refslab_call *call);
	u8 right;
	u8 operands[MAX_OPERANDS];
	u8 used;
	u8 objects;
};

/* Bit i: operand i is @_least or one that comes after it. */
#define OPERANDS_FROM(_least, _a, _b, _c, _d, ...)			\
	(((_a) >= (_least)) | ((_b) >= (_least)) << 1 |			\
	 ((_c) >= (_least)) << 2 | ((_d) >= (_least)) << 3)

#define OPERATION_BY(_how, _name, _right, ...) {			\
		.name = #_name,						\
		._how = refslab_op_##_name,				\
		.right = (_right),					\
		.operands = { __VA_ARGS__ },				\
		.used = OPERANDS_FROM(NUMBER, __VA_ARGS__, NONE, NONE, NONE), \
		.objects = OPERANDS_FROM(OBJECT, __VA_ARGS__, NONE, NONE, NONE), \
	}

#define OPERATION(_opcode, ...)						\
	[REFSLAB_OP_##_opcode] = OPERATION_BY(fn, __VA_ARGS__)

/* One that is over soon: neither sleeps nor allocates, copies from or to programs or destroys. */
#define QUICK(_opcode, ...)						\
	[REFSLAB_OP_##_opcode] = OPERATION_BY(quick, __VA_ARGS__)

static const struct operation operations[] = {
	OPERATION(TYPE, type, CHANGE, NUMBER, NUMBER, NUMBER, NUMBER),
	OPERATION(NEW, new, CHANGE, NUMBER),
	OPERATION(INT, int, CHANGE, NUMBER),
	OPERATION(STR, str, CHANGE, NUMBER, NUMBER),
	OPERATION(LIST, list, CHANGE, NONE),
	QUICK(DUP, dup, LOOK, OBJECT),
	QUICK(CLOSE, close, LOOK, HANDLE),
	QUICK(IS, is, LOOK, OBJECT, OBJECT),
	QUICK(SETSLOT, setslot, CHANGE, SLOTTED, NUMBER, OBJECT),
	QUICK(CLEARSLOT, clearslot, CHANGE, SLOTTED, NUMBER),
	QUICK(SLOT, slot, LOOK, SLOTTED, NUMBER),
	OPERATION(WRITE, write, CHANGE, INSTANCE, NUMBER, NUMBER, NUMBER),
	OPERATION(READ, read, LOOK, INSTANCE, NUMBER, NUMBER, NUMBER),
	OPERATION(APPEND, append, CHANGE, LIST, OBJECT),
	OPERATION(INSERT, insert, CHANGE, LIST, NUMBER, OBJECT),
	OPERATION(POP, pop, CHANGE, LIST, NUMBER),
	OPERATION(SETITEM, setitem, CHANGE, LIST, NUMBER, OBJECT),
	OPERATION(DELITEM, delitem, CHANGE, LIST, NUMBER),
	QUICK(ITEM, item, LOOK, SEQUENCE, NUMBER),
	QUICK(LEN, len, LOOK, OBJECT),
	QUICK(INT_VALUE, int_value, LOOK, INT),
	OPERATION(STR_VALUE, str_value, LOOK, STR, NUMBER, NUMBER),
	OPERATION(TYPEOF, typeof, LOOK, OBJECT, NUMBER, NUMBER),
	QUICK(REFCOUNT, refcount, LOOK, OBJECT),
	OPERATION(ID, id, LOOK, OBJECT),
	QUICK(TRACKED, tracked, LOOK, OBJECT),
	OPERATION(BLOCK, block, LOOK, OBJECT),
	OPERATION(COLLECT, collect, COLLECT, NUMBER),
	OPERATION(ENABLE, enable, COLLECT, NONE),
	OPERATION(DISABLE, disable, COLLECT, NONE),
	OPERATION(ISENABLED, isenabled, LOOK, NONE),
	OPERATION(SET_THRESHOLD, set_threshold, COLLECT, NUMBER, NUMBER, NUMBER),
	OPERATION(GET_THRESHOLD, get_threshold, LOOK, NUMBER, NUMBER),
	OPERATION(GET_COUNT, get_count, LOOK, NUMBER, NUMBER),
	OPERATION(GET_STATS, get_stats, LOOK, NUMBER, NUMBER),
	OPERATION(OBJECTS, objects, LOOK, NUMBER, NUMBER, NUMBER, NUMBER),
	OPERATION(TRIM, trim, COLLECT, NONE),
	OPERATION(STAT, stat, LOOK, NUMBER, NUMBER),
	OPERATION(WEAK, weak, CHANGE, OBJECT, NUMBER),
	OPERATION(DEREF, deref, LOOK, WEAK),
	OPERATION(BYID, byid, LOOK, NUMBER),
	QUICK(FINALIZED, finalized, LOOK, OBJECT),
	OPERATION(FREEZE, freeze, COLLECT, NONE),
	OPERATION(UNFREEZE, unfreeze, COLLECT, NONE),
	OPERATION(FREEZECOUNT, freezecount, LOOK, NONE),
	OPERATION(REFERENTS, referents, LOOK, OBJECT, NUMBER, NUMBER, NUMBER),
	OPERATION(REFERRERS, referrers, LOOK, OBJECT, NUMBER, NUMBER, NUMBER),
	OPERATION(SET_DEBUG, set_debug, COLLECT, NUMBER),
	OPERATION(GET_DEBUG, get_debug, LOOK, NONE),
	OPERATION(GARBAGE, garbage, LOOK, NUMBER, NUMBER, NUMBER),
	OPERATION(EMPTY_GARBAGE, empty_garbage, COLLECT, NONE),
	OPERATION(WATCH, watch, LOOK, NUMBER),
	OPERATION(FLOAT, float, CHANGE, NUMBER),
	QUICK(FLOAT_VALUE, float_value, LOOK, FLOAT),
	OPERATION(BYTES, bytes, CHANGE, NUMBER, NUMBER),
	OPERATION(BYTES_VALUE, bytes_value, LOOK, BYTES, NUMBER, NUMBER),
	OPERATION(TUPLE, tuple, CHANGE, NUMBER, NUMBER),
	OPERATION(DICT, dict, CHANGE, NONE),
	OPERATION(SET, set, CHANGE, NONE),
	OPERATION(INSTANCE, instance, CHANGE, NONE),
	OPERATION(DICT_SETITEM, dict_setitem, CHANGE, DICT, OBJECT, OBJECT),
	OPERATION(DICT_ITEM, dict_item, LOOK, DICT, OBJECT),
	OPERATION(DICT_DELITEM, dict_delitem, CHANGE, DICT, OBJECT),
	OPERATION(ADD, add, CHANGE, SET, OBJECT),
	OPERATION(DISCARD, discard, CHANGE, SET, OBJECT),
	OPERATION(CONTAINS, contains, LOOK, COLLECTION, OBJECT),
	OPERATION(SETATTR, setattr, CHANGE, ATTRIBUTED, NUMBER, NUMBER, OBJECT),
	OPERATION(GETATTR, getattr, LOOK, ATTRIBUTED, NUMBER, NUMBER),
	OPERATION(DELATTR, delattr, CHANGE, ATTRIBUTED, NUMBER, NUMBER),
	OPERATION(ITEMS, items, LOOK, CONTAINER, NUMBER, NUMBER, NUMBER),
	OPERATION(PUBLISH, publish, CHANGE, OBJECT, NUMBER, NUMBER),
	OPERATION(LOOKUP, lookup, LOOK, NUMBER, NUMBER),
	OPERATION(UNPUBLISH, unpublish, CHANGE, NUMBER, NUMBER),
	OPERATION(ROOTS, roots, LOOK, NUMBER, NUMBER, NUMBER),
	OPERATION(SET_LIMITS, set_limits, LIMITS, NUMBER, NUMBER),
	OPERATION(GET_LIMITS, get_limits, LOOK, NUMBER, NUMBER),
	OPERATION(MAP, map, LOOK, MAPPED),
	OPERATION(TYPE_FIND, type_find, LOOK, NUMBER, NUMBER, NUMBER, NUMBER),
	OPERATION(DICT_ITEM_BYVALUE, dict_item_byvalue, LOOK, DICT, NUMBER, NUMBER, NUMBER),
	OPERATION(CONTAINS_BYVALUE, contains_byvalue, LOOK, COLLECTION, NUMBER, NUMBER, NUMBER),
};

static_assert(ARRAY_SIZE(operations) == REFSLAB_OP_LAST + 1);

/**
 * refslab_submit_copy_name() - copy a name from where an operand points
 * @call: the operation
 * @arg: number of that operand; the next one is how long the name is
 * @name: where to
 * @max: room there, without a NUL, which is not written either
 *
 * Context: may sleep. Return: how long it is, -EINVAL not from 1 to @max, -EFAULT.
 */
int refslab_submit_copy_name(const struct refslab_call *call, unsigned int arg, char *name,
			     size_t max)
{
	u64 len = call->arg[arg + 1];

	if (!len || len > max)
		return -EINVAL;
	return copy_from_user(name, u64_to_user_ptr(call->arg[arg]), len) ? -EFAULT : (int)len;
}

/**
 * refslab_submit_copy_out() - copy to where an operand points
 * @call: the operation
 * @arg: number of that operand; the next one is how much room there is
 * @from: what to copy, as much of it as fits
 * @len: its bytes
 *
 * Context: may sleep. Return: 0 or -EFAULT.
 */
int refslab_submit_copy_out(const struct refslab_call *call, unsigned int arg, const void *from,
			    size_t len)
{
	size_t n = min_t(u64, call->arg[arg + 1], len);

	return copy_to_user(u64_to_user_ptr(call->arg[arg]), from, n) ? -EFAULT : 0;
}

/**
 * refslab_submit_name() - what an operation is called
 * @opcode: any number
 *
 * Return: its name, "-" when there is none.
 */
const char *refslab_submit_name(u16 opcode)
{
	if (opcode >= ARRAY_SIZE(operations) || !operations[opcode].name)
		return "-";
	return operations[opcode].name;
}

/* The operands as numbers, with results of earlier operations filled in. */
static int read_operands(struct refslab_call *call, const struct operation *operation,
			 const struct refslab_op *ops, u32 nr)
{
	const struct refslab_op *op = &ops[nr];
	unsigned int used = operation->used, left, i;
	u64 unused = 0;

	if (op->from & ~used)
		return -EINVAL;
	/* without branches: which operands there are differs from one operation to the next */
	for (i = 0; i < MAX_OPERANDS; i++) {
		call->arg[i] = op->arg[i];
		unused |= used & BIT(i) ? 0 : op->arg[i];
	}
	if (unused)
		return -EINVAL;
	for (left = op->from; left; left &= left - 1) {
		i = __ffs(left);
		if (op->arg[i] >= nr)
			return -EINVAL;
		call->arg[i] = ops[array_index_nospec(op->arg[i], nr)].result[0];
	}
	return 0;
}

static bool is_a(const struct refslab_heap *heap, const struct refslab_type *type, u8 operand)
{
	switch (operand) {
	case INSTANCE:
		return type->flags & REFSLAB_TYPE_USER;
	case SLOTTED:
		return (type->flags & REFSLAB_TYPE_USER) && type->nr_slots;
	case MAPPED:
		return type->flags & REFSLAB_TYPE_PAGES;
	case INT:
		return type == heap->types.int_type;
	case STR:
		return type->base == heap->types.str_type;
	case FLOAT:
		return type == heap->types.float_type;
	case BYTES:
		return type == heap->types.bytes_type;
	case LIST:
		return type == heap->types.list_type;
	case SEQUENCE:
		return type == heap->types.list_type || type->base == heap->types.tuple_type;
	case DICT:
		return type == heap->types.dict_type;
	case SET:
		return type == heap->types.set_type;
	case ATTRIBUTED:
		return type == heap->types.instance_type;
	case COLLECTION:
		return type == heap->types.dict_type || type == heap->types.set_type ||
		       is_a(heap, type, SEQUENCE);
	case CONTAINER:
		return type == heap->types.instance_type || is_a(heap, type, COLLECTION);
	case WEAK:
		return type == heap->objects.weak_type;
	default:
		return true;
	}
}

/* The objects that handles among the operands stand for. The handles' lock is held. */
static int find_objects(struct refslab_call *call, const struct operation *operation)
{
	struct refslab_object *obj;
	unsigned int left, i;

	for (left = operation->objects; left; left &= left - 1) {
		i = __ffs(left);
		obj = refslab_session_find(call->session, call->arg[i]);
		if (!obj)
			return -ENOENT;
		if (!is_a(call->heap, refslab_object_type(obj), operation->operands[i]))
			return -EPROTOTYPE;
		call->obj[i] = obj;
	}
	return 0;
}

/* Lets go of the handles' lock, should a run of quick operations hold it. */
static void end_run(struct refslab_call *call)
{
	if (!call->run)
		return;
	call->run = 0;
	/* as in refslab_session_run() */
	__acquire(&call->session->handles.xa_lock);
	xa_unlock(&call->session->handles);
}

/* What an operation found to be dead under the handles' lock. */
static void destroy_last(struct refslab_call *call)
{
	struct refslab_object *last = call->last;

	if (likely(!last))
		return;
	call->last = NULL;
	end_run(call);
	refslab_destroy_last(last);
}

/* The lock of the handles stays held for the next one, see run_goes_on(). */
static int carry_out_quick(struct refslab_call *call, const struct operation *operation)
{
	int err;

	refslab_session_run(call);
	err = find_objects(call, operation);
	if (!err)
		err = operation->quick(call);
	destroy_last(call);
	return err;
}

static int carry_out_other(struct refslab_call *call, const struct operation *operation)
{
	struct xarray *handles = &call->session->handles;
	unsigned int left;
	int err = 0;

	end_run(call);
	if (operation->objects) {
		xa_lock(handles);
		err = find_objects(call, operation);
		/* these cannot fail, see refslab_session_get() */
		for (left = err ? 0 : operation->objects; left; left &= left - 1)
			refslab_word_get(&call->obj[__ffs(left)]->word);
		xa_unlock(handles);
	}
	if (err)
		return err;
	err = operation->fn(call);
	destroy_last(call);
	if (!operation->objects)
		return err;
	end_run(call);
	for (left = operation->objects; left; left &= left - 1)
		refslab_object_put(call->obj[__ffs(left)]);
	return err;
}

/* Carries out operation @nr of @ops and leaves its results there. */
static int carry_out(struct refslab_call *call, struct refslab_op *ops, u32 nr)
{
	const struct operation *operation;
	struct refslab_op *op = &ops[nr];
	int err;

	if (op->flags || !op->opcode || op->opcode > REFSLAB_OP_LAST)
		return -EOPNOTSUPP;
	operation = &operations[array_index_nospec(op->opcode, ARRAY_SIZE(operations))];
	if (unlikely(operation->right & ~call->session->rights))
		return -EPERM;
	if (op->result[0] | op->result[1] | op->error | op->reserved)
		return -EINVAL;
	call->result[0] = 0;
	call->result[1] = 0;
	err = read_operands(call, operation, ops, nr);
	if (err)
		return err;
	err = operation->quick ? carry_out_quick(call, operation) :
				 carry_out_other(call, operation);
	if (err)
		return err;
	op->result[0] = call->result[0];
	op->result[1] = call->result[1];
	return 0;
}

/*
 * A run ends after so many, which is the longest that others wait for the handles' lock and that
 * preemption is off; and after each operation while somebody else submits, so that threads of a
 * session take turns by operations, and what races they have show. What made an object may have
 * taken long, and each that does begins another run: so there it is asked who else waits.
 */
static bool run_goes_on(const struct refslab_call *call)
{
	if (call->run == 1 && (signal_pending(current) || need_resched()))
		return false;
	return call->run && call->run < RUN && atomic_read(&call->session->submits) == 1;
}

/* Carries them out until one fails or a signal comes; answers in @submit. */
static void carry_out_all(struct refslab_session *session, struct refslab_op *ops,
			  struct refslab_submit *submit)
{
	/* one for all of them, as some kernels are built to clear what is on the stack */
	struct refslab_call call = { .session = session, .heap = session->heap };
	u32 nr;

	atomic_inc(&session->submits);
	for (nr = 0; nr < submit->count; nr++) {
		submit->error = carry_out(&call, ops, nr);
		if (submit->error) {
			ops[nr].error = submit->error;
			break;
		}
		if (run_goes_on(&call))
			continue;
		end_run(&call);
		WRITE_ONCE(session->last_opcode, ops[nr].opcode);
		cond_resched();
		/* after one at least, so that a program under a hail of signals gets on */
		if (signal_pending(current) && nr + 1 < submit->count) {
			submit->error = -EINTR;
			nr++;
			break;
		}
	}
	end_run(&call);
	atomic_dec(&session->submits);
	if (nr)
		WRITE_ONCE(session->last_opcode, ops[nr - 1].opcode);
	submit->done = nr;
	/* whoever is told that an object is dead finds nothing of it in memory */
	refslab_payload_reap(&session->heap->objects.mem, REAP_BUDGET);
	atomic64_add(nr, &session->operations);
}

/* Can the answers be written? That is a matter of pages: each gets a byte that it has. */
static int try_write(void __user *to, const void *from, size_t bytes)
{
	size_t at, next;

	for (at = 0; at < bytes; at = next) {
		if (put_user(*(const u8 *)(from + at), (u8 __user *)(to + at)))
			return -EFAULT;
		next = at + PAGE_SIZE - offset_in_page((unsigned long)to + at);
	}
	return 0;
}

static int submit_ops(struct refslab_ucmd *ucmd, struct refslab_op *ops)
{
	struct refslab_submit *submit = &ucmd->cmd.submit;
	struct refslab_op __user *uops = u64_to_user_ptr(submit->ops);
	size_t bytes = submit->count * sizeof(*ops);
	int err;

	if (copy_from_user(ops, uops, bytes))
		return -EFAULT;
	submit->done = 0;
	err = try_write(uops, ops, bytes);
	if (err)
		return err;
	err = refslab_device_respond(ucmd, sizeof(*submit));
	if (err)
		return err;

	carry_out_all(ucmd->session, ops, submit);
	bytes = min(submit->done + 1, submit->count) * sizeof(*ops);
	if (copy_to_user(uops, ops, bytes))
		err = -EFAULT;
	return refslab_device_respond(ucmd, sizeof(*submit)) ?: err;
}

/*
 * Room for the operations of a submit. What is enough for most stays with the session, for one at a
 * time: who submits beside that one, or more than that, gets memory for it.
 */
static struct refslab_op *get_buffer(struct refslab_session *session, u32 count)
{
	struct refslab_op *ops;

	if (count <= KEPT_OPS && !test_and_set_bit_lock(0, &session->buffer_used)) {
		ops = session->buffer;
		if (!ops)
			ops = kvmalloc_array(KEPT_OPS, sizeof(*ops), REFSLAB_DEV_GFP);
		WRITE_ONCE(session->buffer, ops);
		if (!ops)
			clear_bit_unlock(0, &session->buffer_used);
		return ops;
	}
	return kvmalloc_array(count, sizeof(*ops), REFSLAB_DEV_GFP);
}

static void put_buffer(struct refslab_session *session, struct refslab_op *ops)
{
	if (ops == READ_ONCE(session->buffer))
		clear_bit_unlock(0, &session->buffer_used);
	else
		kvfree(ops);
}

/**
 * refslab_submit_ioctl() - REFSLAB_IOC_SUBMIT
 * @ucmd: the ioctl
 *
 * Return: 0 or a negative errno.
 */
int refslab_submit_ioctl(struct refslab_ucmd *ucmd)
{
	struct refslab_submit *submit = &ucmd->cmd.submit;
	struct refslab_op *ops;
	int err;

	if (submit->flags)
		return -EOPNOTSUPP;
	if (!submit->count || submit->error || submit->reserved)
		return -EINVAL;
	if (submit->count > REFSLAB_MAX_OPS)
		return -E2BIG;
	/* pairs with the release in session.c; it stays until the file is closed */
	if (!smp_load_acquire(&ucmd->session->heap))
		return -ENOTCONN;

	ops = get_buffer(ucmd->session, submit->count);
	if (!ops)
		return -ENOMEM;
	err = submit_ops(ucmd, ops);
	put_buffer(ucmd->session, ops);
	return err;
}
