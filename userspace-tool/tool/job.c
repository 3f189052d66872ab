// SPDX-License-Identifier: GPL-2.0
/*
 * What the statements share: failing, answering, and giving names. Whatever makes an object gives
 * its name the new handle first and drops the handle the name had afterwards, so that a failing
 * line changes nothing.
 */
#define _GNU_SOURCE		/* strerrorname_np() */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"

bool refslab_job_fail(struct job *job, const char *fmt, ...)
{
	char *error = job->script->error;
	va_list ap;
	int len = 0;

	/* y = x has no word to name. */
	if (job->line->word != &refslab_parser_copy)
		len = snprintf(error, sizeof(job->script->error), "%s: ", job->line->word->word);
	va_start(ap, fmt);
	vsnprintf(error + len, sizeof(job->script->error) - len, fmt, ap);
	va_end(ap);
	return false;
}

bool refslab_job_no_memory(struct job *job)
{
	return refslab_job_fail(job, "no memory");
}

bool refslab_job_check(struct job *job, unsigned int opcode, int err)
{
	const char *name = strerrorname_np(-err);

	if (!err)
		return true;
	return refslab_job_fail(job, "%s (%s)", refslab_strerror(opcode, err), name ? name : "?");
}

bool refslab_job_say(struct job *job, const char *key, struct json_object *value)
{
	if (!job->result)
		job->result = json_object_new_object();
	if (job->result && !json_object_object_add(job->result, key, value))
		return true;
	json_object_put(value);
	return refslab_job_no_memory(job);
}

bool refslab_job_say_number(struct job *job, const char *key, __u64 value)
{
	return refslab_job_say(job, key, json_object_new_uint64(value));
}

bool refslab_job_say_flag(struct job *job, const char *key, bool value)
{
	return refslab_job_say(job, key, json_object_new_boolean(value));
}

bool refslab_job_bind(struct job *job, __u32 handle)
{
	__u32 old;

	if (!refslab_names_set(job->script->names, job->line->target, handle, &old)) {
		refslab_op_close(job->session, handle);
		return refslab_job_no_memory(job);
	}
	if (!old)
		return true;
	return refslab_job_check(job, REFSLAB_OP_CLOSE, refslab_op_close(job->session, old));
}

bool refslab_job_bind_new(struct job *job, unsigned int opcode, int err, __u32 handle)
{
	return refslab_job_check(job, opcode, err) && refslab_job_bind(job, handle);
}

bool refslab_job_unbind(struct job *job)
{
	__u32 old = refslab_names_get(job->script->names, job->line->target);

	if (!old)
		return true;
	refslab_names_unset(job->script->names, job->line->target);
	return refslab_job_check(job, REFSLAB_OP_CLOSE, refslab_op_close(job->session, old));
}

int refslab_job_call(struct job *job, unsigned int opcode, const __u64 arg[4], __u64 result[2])
{
	struct refslab_op op = { .opcode = opcode };
	int err;

	memcpy(op.arg, arg, sizeof(op.arg));
	err = refslab_session_submit(job->session, &op, 1, NULL);
	if (result)
		memcpy(result, op.result, sizeof(op.result));
	return err;
}

bool refslab_job_make(struct job *job, unsigned int opcode, __u64 arg0, __u64 arg1, __u64 arg2)
{
	__u64 result[2];
	int err = refslab_job_call(job, opcode, (const __u64[4]) { arg0, arg1, arg2 }, result);

	return refslab_job_bind_new(job, opcode, err, result[0]);
}

int refslab_job_bind_batch(struct job *job)
{
	struct refslab_batch *batch = job->script->batch;
	unsigned int done;
	__u32 handle;
	int err;

	err = refslab_batch_submit(batch, job->session, &done);
	handle = done ? refslab_batch_result(batch, 0, 0) : 0;
	if (!err)
		return refslab_job_bind(job, handle) ? 0 : -ENOMEM;
	if (handle)
		refslab_op_close(job->session, handle);
	refslab_job_check(job, refslab_batch_opcode(batch, done), err);
	return err;
}
