// SPDX-License-Identifier: GPL-2.0
/* Statements that list objects. */
#include <stdlib.h>

#include <json-c/json.h>

#include "job.h"

#define AT_ONCE		4096

/*
 * Types that the script defined it knows; the name of a built-in one is learnt from the first
 * object of it that is listed. NULL when that is gone already.
 */
static const char *type_name(struct job *job, const struct refslab_record *record)
{
	const char *known = refslab_names_type_name(job->script->names, record->type);
	char name[REFSLAB_NAME_MAX + 1] = "";
	__u32 handle = 0;
	int err;

	if (known || refslab_op_byid(job->session, record->id, &handle) || !handle)
		return known;
	err = refslab_op_typeof(job->session, handle, name, REFSLAB_NAME_MAX, NULL, NULL);
	refslab_op_close(job->session, handle);
	if (!err)
		refslab_names_add_type(job->script->names, name, record->type);
	return refslab_names_type_name(job->script->names, record->type);
}

static struct json_object *row_of_record(struct job *job, const struct refslab_record *record)
{
	const char *type = type_name(job, record);
	struct json_object *row = json_object_new_object();

	json_object_object_add(row, "id", json_object_new_uint64(record->id));
	json_object_object_add(row, "type", type ? json_object_new_string(type) :
					   json_object_new_int64(record->type));
	json_object_object_add(row, "refcount", json_object_new_int64(record->refcount));
	json_object_object_add(row, "generation", record->generation == REFSLAB_GEN_ALL ? NULL :
						  json_object_new_int64(record->generation));
	json_object_object_add(row, "bytes", json_object_new_int64(record->bytes));
	return row;
}

/* One call of the library that writes records from a cursor on. */
typedef int (*fetch_fn)(struct job *job, __u64 *cursor, struct refslab_record *records,
			size_t *count);

/* Lists all there are, as the value of the statement's word. */
static bool list(struct job *job, unsigned int opcode, fetch_fn fetch)
{
	struct json_object *array = json_object_new_array();
	struct refslab_record *records;
	size_t count, i;
	__u64 cursor = 0;
	int err;

	records = reallocarray(NULL, AT_ONCE, sizeof(*records));
	if (!records || !array) {
		free(records);
		json_object_put(array);
		return refslab_job_no_memory(job);
	}
	do {
		err = fetch(job, &cursor, records, &count);
		for (i = 0; !err && i < count; i++)
			json_object_array_add(array, row_of_record(job, &records[i]));
	} while (!err && cursor);
	free(records);
	if (!err)
		return refslab_job_say(job, job->line->word->word, array);
	json_object_put(array);
	return refslab_job_check(job, opcode, err);
}

static int fetch_objects(struct job *job, __u64 *cursor, struct refslab_record *records,
			 size_t *count)
{
	__u64 g = REFSLAB_GEN_ALL;

	if (job->line->nr_args)
		g = job->number[0];
	return refslab_op_objects(job->session, cursor, g, records, AT_ONCE, count);
}

static bool do_objects(struct job *job)
{
	return list(job, REFSLAB_OP_OBJECTS, fetch_objects);
}

static int fetch_referents(struct job *job, __u64 *cursor, struct refslab_record *records,
			   size_t *count)
{
	return refslab_op_referents(job->session, job->arg[0], cursor, records, AT_ONCE, count);
}

static bool do_referents(struct job *job)
{
	return list(job, REFSLAB_OP_REFERENTS, fetch_referents);
}

static int fetch_referrers(struct job *job, __u64 *cursor, struct refslab_record *records,
			   size_t *count)
{
	return refslab_op_referrers(job->session, job->arg[0], cursor, records, AT_ONCE, count);
}

static bool do_referrers(struct job *job)
{
	return list(job, REFSLAB_OP_REFERRERS, fetch_referrers);
}

static int fetch_garbage(struct job *job, __u64 *cursor, struct refslab_record *records,
			 size_t *count)
{
	return refslab_op_garbage(job->session, cursor, records, AT_ONCE, count);
}

static bool do_garbage(struct job *job)
{
	if (!job->line->nr_args)
		return list(job, REFSLAB_OP_GARBAGE, fetch_garbage);
	return refslab_job_check(job, REFSLAB_OP_EMPTY_GARBAGE,
				 refslab_op_empty_garbage(job->session, NULL));
}

const struct job_statement refslab_records_statements[] = {
	{ "objects", do_objects },
	{ "referents", do_referents },
	{ "referrers", do_referrers },
	{ "garbage", do_garbage },
	{ }
};
