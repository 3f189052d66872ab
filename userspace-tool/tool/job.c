// SPDX-License-Identifier: GPL-2.0
/* What the statements share: failing, and answering. */
#define _GNU_SOURCE		/* strerrorname_np() */
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
