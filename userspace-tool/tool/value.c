// SPDX-License-Identifier: GPL-2.0
/*
 * What an object says, with what its elements say.
 *
 * Numbers, strings and bytes are themselves; containers are arrays of their elements, dicts arrays
 * of pairs. A JSON object always stands for an object of which no more is said than its type and
 * its id, but for the attributes of an instance: for one of a type without a value, and for a
 * container that is too deep or too large, or that is inside itself.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"
#include "value.h"

#define MAX_DEPTH	8
#define MAX_ELEMENTS	10000		/* in all containers together */
#define MAX_TEXT	(16u << 20)	/* bytes of strings and bytes in containers */
#define AT_ONCE		128

struct walk {
	struct job *job;
	__u64 path[MAX_DEPTH];		/* ids of the containers that this is in */
	unsigned int depth;
	__u64 elements_left;
	size_t text_left;
	char *text;			/* room for the longest str or bytes */
};

static struct json_object *value_of(struct walk *walk, __u32 handle);

/* One more result; takes @value over, NULL stands for a failure that was told. */
static bool put(struct walk *walk, struct json_object *array, struct json_object *value)
{
	if (!value)
		return false;
	if (!json_object_array_add(array, value))
		return true;
	json_object_put(value);
	return refslab_job_no_memory(walk->job);
}

/* A double has its digits there. */
static struct json_object *checked(struct walk *walk, struct json_object *value,
				   enum value_kind kind)
{
	if (!value)
		refslab_job_no_memory(walk->job);
	else if (kind != VALUE_PLAIN)
		json_object_set_userdata(value, (void *)(uintptr_t)kind, NULL);
	return value;
}

enum value_kind refslab_value_kind(const struct json_object *value)
{
	if (json_object_is_type(value, json_type_double))
		return VALUE_PLAIN;
	return (uintptr_t)json_object_get_userdata((struct json_object *)value);
}

static struct json_object *reference(struct walk *walk, const char *type, __u32 handle)
{
	struct json_object *o = json_object_new_object();
	__u64 id = 0;
	int err;

	if (!checked(walk, o, VALUE_REFERENCE))
		return NULL;
	err = refslab_op_id(walk->job->session, handle, &id);
	if (!refslab_job_check(walk->job, REFSLAB_OP_ID, err)) {
		json_object_put(o);
		return NULL;
	}
	json_object_object_add(o, "typeof", json_object_new_string(type));
	json_object_object_add(o, "id", json_object_new_uint64(id));
	return o;
}

static struct json_object *int_value(struct walk *walk, __u32 handle)
{
	__s64 value;
	int err = refslab_op_int_value(walk->job->session, handle, &value);

	if (!refslab_job_check(walk->job, REFSLAB_OP_INT_VALUE, err))
		return NULL;
	return checked(walk, json_object_new_int64(value), VALUE_PLAIN);
}

static struct json_object *float_value(struct walk *walk, __u32 handle)
{
	char text[40];
	__u64 result[2];
	double d;
	int err;

	err = refslab_job_call(walk->job, REFSLAB_OP_FLOAT_VALUE, (const __u64[4]) { handle },
			       result);
	if (!refslab_job_check(walk->job, REFSLAB_OP_FLOAT_VALUE, err))
		return NULL;
	memcpy(&d, result, sizeof(d));
	refslab_tool_float(d, text);
	if (isnan(d) || isinf(d))
		return checked(walk, json_object_new_string(text), VALUE_FLOAT);
	return checked(walk, json_object_new_double_s(d, text), VALUE_PLAIN);
}

/* Copies a str or bytes to @walk->text. 1, 0 when it is too long here, -1 on a failure. */
static int read_text(struct walk *walk, unsigned int opcode, __u32 handle, __u64 *len)
{
	__u64 result[2];
	int err;

	err = refslab_job_call(walk->job, opcode,
			       (const __u64[4]) { handle, (__u64)(size_t)walk->text,
						  REFSLAB_MAX_STR }, result);
	if (!refslab_job_check(walk->job, opcode, err))
		return -1;
	*len = result[0];
	/* one that stands alone is always said */
	if (!walk->depth)
		return 1;
	if (*len > walk->text_left)
		return 0;
	walk->text_left -= *len;
	return 1;
}

static struct json_object *str_value(struct walk *walk, __u32 handle)
{
	__u64 len;
	int ret = read_text(walk, REFSLAB_OP_STR_VALUE, handle, &len);

	if (ret <= 0)
		return ret ? NULL : reference(walk, "str", handle);
	return checked(walk, json_object_new_string_len(walk->text, len), VALUE_PLAIN);
}

static struct json_object *bytes_value(struct walk *walk, __u32 handle)
{
	static const char digits[] = "0123456789abcdef";
	struct json_object *o;
	char *hex;
	__u64 i, len;
	int ret = read_text(walk, REFSLAB_OP_BYTES_VALUE, handle, &len);

	if (ret <= 0)
		return ret ? NULL : reference(walk, "bytes", handle);
	hex = malloc(2 * len + 1);
	if (!hex) {
		refslab_job_no_memory(walk->job);
		return NULL;
	}
	for (i = 0; i < len; i++) {
		hex[2 * i] = digits[(unsigned char)walk->text[i] >> 4];
		hex[2 * i + 1] = digits[walk->text[i] & 0xf];
	}
	o = checked(walk, json_object_new_string_len(hex, 2 * len), VALUE_BYTES);
	free(hex);
	return o;
}

static bool put_pair(struct walk *walk, struct json_object *array, const struct refslab_entry *e)
{
	struct json_object *pair = json_object_new_array_ext(2);

	if (!checked(walk, pair, VALUE_PLAIN))
		return false;
	if (put(walk, pair, value_of(walk, e->key)) && put(walk, pair, value_of(walk, e->value)))
		return put(walk, array, pair);
	json_object_put(pair);
	return false;
}

static bool put_attribute(struct walk *walk, struct json_object *attributes,
			  const struct refslab_entry *e)
{
	struct json_object *name = value_of(walk, e->key);
	struct json_object *value = name ? value_of(walk, e->value) : NULL;
	bool ok = value;

	if (ok && json_object_object_add(attributes, json_object_get_string(name), value)) {
		json_object_put(value);
		ok = refslab_job_no_memory(walk->job);
	}
	json_object_put(name);
	return ok;
}

static bool put_entry(struct walk *walk, struct json_object *to, enum value_kind kind,
		      const struct refslab_entry *e)
{
	if (kind == VALUE_DICT)
		return put_pair(walk, to, e);
	if (kind == VALUE_INSTANCE)
		return put_attribute(walk, to, e);
	return put(walk, to, value_of(walk, e->key));
}

/* Handles of a dict's or an instance's entries come in twos. */
static int close_entries(struct walk *walk, const struct refslab_entry *entries, unsigned int n)
{
	struct refslab_batch *batch = walk->job->script->batch;
	unsigned int i;
	int err;

	refslab_batch_reset(batch);
	for (i = 0; i < n; i++) {
		refslab_batch_op(batch, REFSLAB_OP_CLOSE, refslab_value(entries[i].key));
		if (entries[i].value)
			refslab_batch_op(batch, REFSLAB_OP_CLOSE, refslab_value(entries[i].value));
	}
	err = refslab_batch_submit(batch, walk->job->session, NULL);
	refslab_batch_reset(batch);
	return err;
}

static bool put_all(struct walk *walk, struct json_object *to, enum value_kind kind, __u32 handle)
{
	struct refslab_entry entries[AT_ONCE];
	__u64 result[2] = { 0 };
	unsigned int i, n;
	bool ok;
	int err;

	do {
		const __u64 arg[4] = { handle, result[1], (__u64)(size_t)entries, sizeof(entries) };

		err = refslab_job_call(walk->job, REFSLAB_OP_ITEMS, arg, result);
		if (!refslab_job_check(walk->job, REFSLAB_OP_ITEMS, err))
			return false;
		n = result[0];
		for (i = 0, ok = true; ok && i < n; i++)
			ok = put_entry(walk, to, kind, &entries[i]);
		err = close_entries(walk, entries, n);
		/* what went wrong first is what is told */
		if (ok)
			ok = refslab_job_check(walk->job, REFSLAB_OP_CLOSE, err);
	} while (ok && result[1]);
	return ok;
}

static bool is_inside(const struct walk *walk, __u64 id)
{
	unsigned int i;

	for (i = 0; i < walk->depth; i++)
		if (walk->path[i] == id)
			return true;
	return false;
}

static struct json_object *container_value(struct walk *walk, const char *type,
					   enum value_kind kind, __u32 handle)
{
	struct json_object *o, *to;
	__u64 id, len;
	bool ok;
	int err;

	err = refslab_op_id(walk->job->session, handle, &id);
	if (!refslab_job_check(walk->job, REFSLAB_OP_ID, err))
		return NULL;
	err = refslab_op_len(walk->job->session, handle, &len);
	if (!refslab_job_check(walk->job, REFSLAB_OP_LEN, err))
		return NULL;
	if (walk->depth == MAX_DEPTH || is_inside(walk, id) || len > walk->elements_left) {
		o = reference(walk, type, handle);
		if (o)
			json_object_object_add(o, "len", json_object_new_uint64(len));
		return o;
	}
	walk->elements_left -= len;
	if (kind == VALUE_INSTANCE) {
		o = reference(walk, type, handle);
		to = o ? json_object_new_object() : NULL;
		if (to)
			json_object_object_add(o, "attributes", to);
	} else {
		o = json_object_new_array();
		to = o;
	}
	if (!checked(walk, to, VALUE_PLAIN)) {
		json_object_put(o);
		return NULL;
	}
	checked(walk, o, kind);
	walk->path[walk->depth++] = id;
	ok = put_all(walk, to, kind, handle);
	walk->depth--;
	if (ok)
		return o;
	json_object_put(o);
	return NULL;
}

static const struct {
	const char *type;
	enum value_kind kind;
} containers[] = {
	{ "list", VALUE_LIST }, { "tuple", VALUE_TUPLE }, { "set", VALUE_SET },
	{ "dict", VALUE_DICT }, { "instance", VALUE_INSTANCE },
};

/* NULL when that failed, which was told. */
static struct json_object *value_of(struct walk *walk, __u32 handle)
{
	char type[REFSLAB_NAME_MAX + 1] = "";
	unsigned int i;
	int err;

	err = refslab_op_typeof(walk->job->session, handle, type, REFSLAB_NAME_MAX, NULL, NULL);
	if (!refslab_job_check(walk->job, REFSLAB_OP_TYPEOF, err))
		return NULL;
	if (!strcmp(type, "int"))
		return int_value(walk, handle);
	if (!strcmp(type, "float"))
		return float_value(walk, handle);
	if (!strcmp(type, "str"))
		return str_value(walk, handle);
	if (!strcmp(type, "bytes"))
		return bytes_value(walk, handle);
	for (i = 0; i < ARRAY_SIZE(containers); i++)
		if (!strcmp(type, containers[i].type))
			return container_value(walk, type, containers[i].kind, handle);
	return reference(walk, type, handle);
}

static bool do_value(struct job *job)
{
	struct walk walk = {
		.job = job, .elements_left = MAX_ELEMENTS, .text_left = MAX_TEXT,
	};
	struct json_object *value;

	walk.text = malloc(REFSLAB_MAX_STR);
	if (!walk.text)
		return refslab_job_no_memory(job);
	value = value_of(&walk, job->arg[0]);
	free(walk.text);
	return value && refslab_job_say(job, "value", value);
}

const struct job_statement refslab_value_statements[] = {
	{ "value", do_value },
	{ }
};
