// SPDX-License-Identifier: GPL-2.0
/*
 * Statements about lists, tuples, dicts, sets and instances.
 *
 * setitem, delitem and item are for lists and tuples when their second operand is a number, and for
 * dicts when it is the name of an object: that object is the key.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"

#define NOT_A_KEY	\
	"lists, dicts, sets, weak references and what contains them cannot be a key"

/* What is made first takes the rest of the batch to fill it. */
static bool fits_batch(struct job *job, unsigned int ops)
{
	if (ops < REFSLAB_MAX_OPS)
		return true;
	return refslab_job_fail(job, "at most %u to begin with", REFSLAB_MAX_OPS - 1);
}

/*
 * An operation that says EPROTOTYPE of a container of this type, and does not tell of what: the
 * container is of another type than the operation works on, or does not change, or the operand
 * cannot be a key. NULL: what the library says fits.
 */
static const char *explain(unsigned int opcode, const char *type)
{
	bool tuple = !strcmp(type, "tuple"), dict = !strcmp(type, "dict");
	bool list = !strcmp(type, "list"), set = !strcmp(type, "set");

	switch (opcode) {
	case REFSLAB_OP_SETITEM:
	case REFSLAB_OP_DELITEM:
		if (tuple)
			return "a tuple does not change";
		return dict ? "a dict takes the name of a key, not an index" : NULL;
	case REFSLAB_OP_ITEM:
		return dict ? "a dict takes the name of a key, not an index" : NULL;
	case REFSLAB_OP_DICT_SETITEM:
	case REFSLAB_OP_DICT_DELITEM:
		if (tuple)
			return "a tuple does not change";
		break;
	case REFSLAB_OP_DICT_ITEM:
		if (tuple)
			return "a tuple takes an index, not the name of a key";
		if (!dict && !list)
			return "only lists, tuples and dicts have items";
		break;
	case REFSLAB_OP_ADD:
	case REFSLAB_OP_DISCARD:
		return set ? NOT_A_KEY : "the object is not a set";
	case REFSLAB_OP_CONTAINS:
		return set || dict ? NOT_A_KEY : "the object is no dict, set, list or tuple";
	default:
		return NULL;
	}
	if (list)
		return "a list takes an index, not the name of a key";
	return dict ? NOT_A_KEY : "the object is not a dict";
}

/* As refslab_job_check(), of an operation on the container that is the first operand. */
static bool check_container(struct job *job, unsigned int opcode, int err)
{
	char type[REFSLAB_NAME_MAX + 1] = "";
	const char *why = NULL;

	if (err == -EPROTOTYPE &&
	    !refslab_op_typeof(job->session, job->arg[0], type, REFSLAB_NAME_MAX, NULL, NULL))
		why = explain(opcode, type);
	return why ? refslab_job_fail(job, "%s", why) : refslab_job_check(job, opcode, err);
}

static __u32 handle_of(struct job *job, unsigned int i)
{
	return refslab_names_get(job->script->names, job->line->args[i].text);
}

/* Of what puts something into a container that is new, only that can be of the wrong type. */
static bool bind_filled(struct job *job)
{
	int err = refslab_job_bind_batch(job);

	if (err == -EPROTOTYPE)
		return refslab_job_fail(job, NOT_A_KEY);
	return !err;
}

/* An empty one, and @opcode puts each of the operands into it. */
static bool make_and_fill(struct job *job, unsigned int make, unsigned int opcode)
{
	struct refslab_batch *batch = job->script->batch;
	unsigned int i;

	if (!fits_batch(job, job->line->nr_args))
		return false;
	refslab_batch_op(batch, make);
	for (i = 0; i < job->line->nr_args; i++)
		refslab_batch_op(batch, opcode, refslab_result(0),
				 refslab_value(handle_of(job, i)));
	return bind_filled(job);
}

static bool do_list(struct job *job)
{
	return make_and_fill(job, REFSLAB_OP_LIST, REFSLAB_OP_APPEND);
}

static bool do_set(struct job *job)
{
	return make_and_fill(job, REFSLAB_OP_SET, REFSLAB_OP_ADD);
}

static bool do_dict(struct job *job)
{
	struct refslab_batch *batch = job->script->batch;
	unsigned int i;

	if (!fits_batch(job, job->line->nr_args / 2))
		return false;
	refslab_batch_op(batch, REFSLAB_OP_DICT);
	for (i = 0; i < job->line->nr_args; i += 2)
		refslab_batch_op(batch, REFSLAB_OP_DICT_SETITEM, refslab_result(0),
				 refslab_value(handle_of(job, i)),
				 refslab_value(handle_of(job, i + 1)));
	return bind_filled(job);
}

static bool do_tuple(struct job *job)
{
	unsigned int i, n = job->line->nr_args;
	__u32 *handles;
	bool ok;

	handles = reallocarray(NULL, n + 1, sizeof(*handles));
	if (!handles)
		return refslab_job_no_memory(job);
	for (i = 0; i < n; i++)
		handles[i] = handle_of(job, i);
	ok = refslab_job_make(job, REFSLAB_OP_TUPLE, n ? (uintptr_t)handles : 0, n, 0);
	free(handles);
	return ok;
}

static bool do_instance(struct job *job)
{
	return refslab_job_make(job, REFSLAB_OP_INSTANCE, 0, 0, 0);
}

static bool do_append(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_APPEND,
				 refslab_op_append(job->session, job->arg[0], job->arg[1]));
}

static bool do_insert(struct job *job)
{
	int err;

	err = refslab_op_insert(job->session, job->arg[0], job->number[1], job->arg[2]);
	return refslab_job_check(job, REFSLAB_OP_INSERT, err);
}

static bool do_pop(struct job *job)
{
	__u32 handle;
	int err;

	err = refslab_op_pop(job->session, job->arg[0], job->number[1], &handle);
	if (job->line->target)
		return refslab_job_bind_new(job, REFSLAB_OP_POP, err, handle);
	if (!refslab_job_check(job, REFSLAB_OP_POP, err))
		return false;
	return refslab_job_check(job, REFSLAB_OP_CLOSE, refslab_op_close(job->session, handle));
}

/* Carries out what is one operation with an index and another with a key. */
static bool by_index_or_key(struct job *job, unsigned int index_op, unsigned int key_op,
			    __u64 result[2])
{
	bool by_index = job->line->args[1].has_number;
	unsigned int opcode = by_index ? index_op : key_op;
	const __u64 arg[4] = {
		job->arg[0], by_index ? job->number[1] : job->arg[1], job->arg[2],
	};

	return check_container(job, opcode, refslab_job_call(job, opcode, arg, result));
}

static bool do_setitem(struct job *job)
{
	return by_index_or_key(job, REFSLAB_OP_SETITEM, REFSLAB_OP_DICT_SETITEM, NULL);
}

static bool do_delitem(struct job *job)
{
	return by_index_or_key(job, REFSLAB_OP_DELITEM, REFSLAB_OP_DICT_DELITEM, NULL);
}

static bool do_item(struct job *job)
{
	__u64 result[2];

	return by_index_or_key(job, REFSLAB_OP_ITEM, REFSLAB_OP_DICT_ITEM, result) &&
	       refslab_job_bind(job, result[0]);
}

static bool do_len(struct job *job)
{
	__u64 len;
	int err = refslab_op_len(job->session, job->arg[0], &len);

	return refslab_job_check(job, REFSLAB_OP_LEN, err) &&
	       refslab_job_say_number(job, "len", len);
}

/* Says what an operation with two objects answers, yes or no, under the statement's word. */
static bool ask(struct job *job, unsigned int opcode)
{
	__u64 result[2];
	int err = refslab_job_call(job, opcode, (const __u64[4]) { job->arg[0], job->arg[1] },
				   result);

	return check_container(job, opcode, err) &&
	       refslab_job_say_flag(job, job->line->word->word, result[0]);
}

static bool do_add(struct job *job)
{
	return ask(job, REFSLAB_OP_ADD);
}

static bool do_discard(struct job *job)
{
	return ask(job, REFSLAB_OP_DISCARD);
}

static bool do_contains(struct job *job)
{
	return ask(job, REFSLAB_OP_CONTAINS);
}

/* With a name, what a dict has for the value; without, whether it is there. */
static bool do_find(struct job *job)
{
	const struct parser_arg *arg = &job->line->args[1];
	struct refslab_key key = { .kind = arg->value };
	bool found;
	__u32 handle;
	int err;

	if (key.kind == REFSLAB_VALUE_INT) {
		key.integer = arg->number;
	} else if (key.kind == REFSLAB_VALUE_FLOAT) {
		key.real = arg->real;
	} else {
		key.data = arg->text;
		key.len = arg->len;
	}
	if (job->line->target) {
		err = refslab_op_dict_item_byvalue(job->session, job->arg[0], &key, &handle);
		return refslab_job_bind_new(job, REFSLAB_OP_DICT_ITEM_BYVALUE, err, handle);
	}
	err = refslab_op_contains_byvalue(job->session, job->arg[0], &key, &found);
	return refslab_job_check(job, REFSLAB_OP_CONTAINS_BYVALUE, err) &&
	       refslab_job_say_flag(job, "find", found);
}

/* An operation with an object, the name of an attribute and perhaps one more object. */
static bool attribute(struct job *job, unsigned int opcode, __u64 result[2])
{
	const struct parser_arg *name = &job->line->args[1];
	const __u64 arg[4] = { job->arg[0], (uintptr_t)name->text, name->len, job->arg[2] };

	return refslab_job_check(job, opcode, refslab_job_call(job, opcode, arg, result));
}

static bool do_setattr(struct job *job)
{
	return attribute(job, REFSLAB_OP_SETATTR, NULL);
}

static bool do_getattr(struct job *job)
{
	__u64 result[2];

	return attribute(job, REFSLAB_OP_GETATTR, result) && refslab_job_bind(job, result[0]);
}

static bool do_delattr(struct job *job)
{
	return attribute(job, REFSLAB_OP_DELATTR, NULL);
}

const struct job_statement refslab_containers_statements[] = {
	{ "list", do_list },
	{ "tuple", do_tuple },
	{ "dict", do_dict },
	{ "set", do_set },
	{ "instance", do_instance },
	{ "append", do_append },
	{ "insert", do_insert },
	{ "pop", do_pop },
	{ "setitem", do_setitem },
	{ "delitem", do_delitem },
	{ "item", do_item },
	{ "len", do_len },
	{ "add", do_add },
	{ "discard", do_discard },
	{ "contains", do_contains },
	{ "find", do_find },
	{ "setattr", do_setattr },
	{ "getattr", do_getattr },
	{ "delattr", do_delattr },
	{ }
};
