// SPDX-License-Identifier: GPL-2.0
/* Carrying out script lines: names become handles, then the line's statement runs. */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"

/* Every name among the operands stands for something, or nothing is done. */
static bool look_up_names(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->line->nr_args; i++) {
		const struct parser_arg *arg = &job->line->args[i];
		__u32 handle;

		if (i < ARRAY_SIZE(job->number))
			job->number[i] = arg->number;
		if (arg->form != 'n' && (arg->form != 'k' || arg->has_number))
			continue;
		handle = refslab_names_get(job->script->names, arg->text);
		if (!handle)
			return refslab_job_fail(job, "there is no object '%.40s'", arg->text);
		if (i < ARRAY_SIZE(job->arg))
			job->arg[i] = handle;
	}
	return true;
}

static const struct job_statement * const tables[] = {
	refslab_objects_statements, refslab_containers_statements, refslab_value_statements,
	refslab_weak_statements, refslab_collector_statements, refslab_records_statements,
	refslab_graph_statements, refslab_roots_statements,
};

static const struct job_statement *find(const struct job_statement *s, const char *word)
{
	for (; s->word; s++)
		if (!strcmp(word, s->word))
			return s;
	return NULL;
}

bool refslab_statements_run(struct script *script, const struct parser_line *line,
			    struct json_object **result)
{
	struct job job = { .script = script, .line = line, .session = script->session };
	const struct job_statement *statement = NULL;
	unsigned int i;
	bool ok;

	*result = NULL;
	if (!line->word)
		return true;
	if (!look_up_names(&job))
		return false;
	for (i = 0; !statement && i < ARRAY_SIZE(tables); i++)
		statement = find(tables[i], line->word->word);
	ok = statement ? statement->run(&job) : refslab_job_fail(&job, "cannot be carried out");
	refslab_batch_reset(script->batch);
	if (ok)
		*result = job.result;
	else
		json_object_put(job.result);
	return ok;
}

bool refslab_statements_start(struct script *script, struct refslab_session *session)
{
	*script = (struct script){
		.session = session,
		.batch = refslab_batch_new(),
		.names = refslab_names_new(),
	};
	if (script->batch && script->names)
		return true;
	refslab_statements_stop(script);
	snprintf(script->error, sizeof(script->error), "no memory");
	return false;
}

void refslab_statements_stop(struct script *script)
{
	refslab_batch_free(script->batch);
	refslab_names_free(script->names);
	script->batch = NULL;
	script->names = NULL;
}
