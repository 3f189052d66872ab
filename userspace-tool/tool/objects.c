// SPDX-License-Identifier: GPL-2.0
/* Statements about objects. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"
#include "words.h"

static bool do_int(struct job *job)
{
	return refslab_job_make(job, REFSLAB_OP_INT, job->number[0], 0, 0);
}

static bool do_float(struct job *job)
{
	__u64 bits;

	memcpy(&bits, &job->line->args[0].real, sizeof(bits));
	return refslab_job_make(job, REFSLAB_OP_FLOAT, bits, 0, 0);
}

static bool do_str(struct job *job)
{
	const struct parser_arg *text = &job->line->args[0];

	return refslab_job_make(job, REFSLAB_OP_STR, (uintptr_t)text->text, text->len, 0);
}

static bool do_bytes(struct job *job)
{
	const struct parser_arg *bytes = &job->line->args[0];

	return refslab_job_make(job, REFSLAB_OP_BYTES, (uintptr_t)bytes->text, bytes->len, 0);
}

static bool do_type(struct job *job)
{
	struct refslab_type_def def = { };
	const char *name = job->line->args[0].text;
	unsigned int i;
	__u32 type;
	int err;

	for (i = 1; i < job->line->nr_args; i++) {
		const struct parser_arg *arg = &job->line->args[i];

		if (arg->option->value == WORDS_SLOTS)
			def.nr_slots = arg->number;
		else if (arg->option->value == WORDS_PAYLOAD)
			def.payload = arg->number;
		else if (arg->option->value == WORDS_CACHE)
			def.cache_limit = arg->number;
		else
			def.flags |= arg->option->value;
	}
	err = refslab_op_type(job->session, name, &def, &type);
	if (!refslab_job_check(job, REFSLAB_OP_TYPE, err))
		return false;
	return refslab_names_add_type(job->script->names, name, type) || refslab_job_no_memory(job);
}

/* One that the script has not defined: the heap may have it. */
static bool find_type(struct job *job, const char *name, struct refslab_type_def *def, __u32 *type,
		      bool *own)
{
	int err = refslab_op_type_find(job->session, name, def, type, own);

	if (err == -ENOENT || err == -EINVAL)
		return refslab_job_fail(job, "there is no type '%.40s'", name);
	return refslab_job_check(job, REFSLAB_OP_TYPE_FIND, err);
}

/* As the options of "type" have it. */
static bool do_typeinfo(struct job *job)
{
	struct refslab_type_def def;
	char text[128] = "built-in";
	__u32 type;
	bool own;

	if (!find_type(job, job->line->args[0].text, &def, &type, &own))
		return false;
	if (own)
		snprintf(text, sizeof(text), "slots=%u payload=%u cache=%u%s%s%s%s", def.nr_slots,
			 def.payload, def.cache_limit,
			 def.flags & REFSLAB_TYPE_ACYCLIC ? " acyclic" : "",
			 def.flags & REFSLAB_TYPE_FINALIZER ? " finalizer" : "",
			 def.flags & REFSLAB_TYPE_WEAKREF ? " weakref" : "",
			 def.flags & REFSLAB_TYPE_MAPPED ? " mapped" : "");
	return refslab_job_say(job, "typeinfo", json_object_new_string(text));
}

static bool do_new(struct job *job)
{
	const char *name = job->line->args[0].text;
	__u32 type, handle;
	int err;

	if (!refslab_names_find_type(job->script->names, name, &type) &&
	    !find_type(job, name, NULL, &type, NULL))
		return false;
	err = refslab_op_new(job->session, type, &handle);
	return refslab_job_bind_new(job, REFSLAB_OP_NEW, err, handle);
}

static bool do_copy(struct job *job)
{
	__u32 handle;
	int err = refslab_op_dup(job->session, job->arg[0], &handle);

	return refslab_job_bind_new(job, REFSLAB_OP_DUP, err, handle);
}

static bool do_del(struct job *job)
{
	const struct parser_line *line = job->line;
	unsigned int i;

	for (i = 0; i < line->nr_args; i++) {
		const char *name = line->args[i].text;
		__u32 handle = refslab_names_get(job->script->names, name);
		int err = refslab_op_close(job->session, handle);

		if (!refslab_job_check(job, REFSLAB_OP_CLOSE, err))
			return false;
		refslab_names_unset(job->script->names, name);
	}
	return true;
}

static bool do_setslot(struct job *job)
{
	int err;

	err = refslab_op_setslot(job->session, job->arg[0], job->number[1], job->arg[2]);
	return refslab_job_check(job, REFSLAB_OP_SETSLOT, err);
}

static bool do_clearslot(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_CLEARSLOT,
				 refslab_op_clearslot(job->session, job->arg[0], job->number[1]));
}

static bool do_slot(struct job *job)
{
	__u32 handle;
	int err = refslab_op_slot(job->session, job->arg[0], job->number[1], &handle);

	return refslab_job_bind_new(job, REFSLAB_OP_SLOT, err, handle);
}

static bool do_write(struct job *job)
{
	const struct parser_arg *bytes = &job->line->args[2];
	int err;

	err = refslab_op_write(job->session, job->arg[0], job->number[1], bytes->text,
			       bytes->len);
	return refslab_job_check(job, REFSLAB_OP_WRITE, err);
}

/* JSON has no bytes: byte N becomes character N, in UTF-8. */
static struct json_object *text_of_bytes(const unsigned char *bytes, size_t len)
{
	struct json_object *o;
	char *text = malloc(2 * len + 1);
	size_t i, n = 0;

	if (!text)
		return NULL;
	for (i = 0; i < len; i++) {
		if (bytes[i] >= 0x80) {
			text[n++] = 0xc0 | bytes[i] >> 6;
			text[n++] = 0x80 | (bytes[i] & 0x3f);
		} else {
			text[n++] = bytes[i];
		}
	}
	o = json_object_new_string_len(text, n);
	free(text);
	return o;
}

static bool do_read(struct job *job)
{
	__u64 len = job->number[2];
	unsigned char *bytes;
	bool ok;
	int err;

	bytes = malloc(len + 1);
	if (!bytes)
		return refslab_job_no_memory(job);
	err = refslab_op_read(job->session, job->arg[0], job->number[1], bytes, len);
	ok = refslab_job_check(job, REFSLAB_OP_READ, err) &&
	     refslab_job_say(job, "read", text_of_bytes(bytes, len));
	free(bytes);
	return ok;
}

static bool do_map(struct job *job)
{
	__u64 offset, len;
	int err = refslab_op_map(job->session, job->arg[0], &offset, &len);

	return refslab_job_check(job, REFSLAB_OP_MAP, err) &&
	       refslab_job_say_number(job, "offset", offset) &&
	       refslab_job_say_number(job, "length", len);
}

static bool do_refcount(struct job *job)
{
	__u32 count;
	int err = refslab_op_refcount(job->session, job->arg[0], &count);

	return refslab_job_check(job, REFSLAB_OP_REFCOUNT, err) &&
	       refslab_job_say_number(job, "refcount", count);
}

static bool do_id(struct job *job)
{
	__u64 id;
	int err = refslab_op_id(job->session, job->arg[0], &id);

	return refslab_job_check(job, REFSLAB_OP_ID, err) && refslab_job_say_number(job, "id", id);
}

static bool do_typeof(struct job *job)
{
	char name[REFSLAB_NAME_MAX];
	size_t len;
	int err;

	err = refslab_op_typeof(job->session, job->arg[0], name, sizeof(name), NULL, &len);
	if (!refslab_job_check(job, REFSLAB_OP_TYPEOF, err))
		return false;
	if (len > sizeof(name))
		len = sizeof(name);
	return refslab_job_say(job, "typeof", json_object_new_string_len(name, len));
}

static bool do_is(struct job *job)
{
	bool same;
	int err = refslab_op_is(job->session, job->arg[0], job->arg[1], &same);

	return refslab_job_check(job, REFSLAB_OP_IS, err) && refslab_job_say_flag(job, "is", same);
}

static bool do_tracked(struct job *job)
{
	bool tracked;
	int err = refslab_op_tracked(job->session, job->arg[0], &tracked, NULL);

	return refslab_job_check(job, REFSLAB_OP_TRACKED, err) &&
	       refslab_job_say_flag(job, "tracked", tracked);
}

static bool do_block(struct job *job)
{
	struct refslab_block block;
	char text[64];
	int err = refslab_op_block(job->session, job->arg[0], &block);

	if (!refslab_job_check(job, REFSLAB_OP_BLOCK, err))
		return false;
	if (block.arena == REFSLAB_ARENA_LARGE && block.pool == REFSLAB_POOL_CONSTANT)
		snprintf(text, sizeof(text), "constant");
	else if (block.arena == REFSLAB_ARENA_LARGE)
		snprintf(text, sizeof(text), "large.%u", block.pool);
	else
		snprintf(text, sizeof(text), "%llu.%u.%u", block.arena, block.pool, block.block);
	return refslab_job_say(job, "block", json_object_new_string(text));
}

const struct job_statement refslab_objects_statements[] = {
	{ "=", do_copy },
	{ "int", do_int },
	{ "float", do_float },
	{ "str", do_str },
	{ "bytes", do_bytes },
	{ "type", do_type },
	{ "new", do_new },
	{ "typeinfo", do_typeinfo },
	{ "del", do_del },
	{ "setslot", do_setslot },
	{ "clearslot", do_clearslot },
	{ "slot", do_slot },
	{ "write", do_write },
	{ "read", do_read },
	{ "map", do_map },
	{ "refcount", do_refcount },
	{ "id", do_id },
	{ "typeof", do_typeof },
	{ "is", do_is },
	{ "tracked", do_tracked },
	{ "block", do_block },
	{ }
};
