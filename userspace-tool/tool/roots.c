// SPDX-License-Identifier: GPL-2.0
/* Statements about what a heap keeps under a name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"

#define AT_ONCE		256

static bool do_publish(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_PUBLISH,
				 refslab_op_publish(job->session, job->arg[0],
						    job->line->args[1].text));
}

static bool do_lookup(struct job *job)
{
	__u32 handle = 0;
	int err = refslab_op_lookup(job->session, job->line->args[0].text, &handle);

	return refslab_job_bind_new(job, REFSLAB_OP_LOOKUP, err, handle);
}

static bool do_unpublish(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_UNPUBLISH,
				 refslab_op_unpublish(job->session, job->line->args[0].text));
}

static int compare(const void *a, const void *b)
{
	const struct refslab_root_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* All there are, by name; NULL with *@err or for want of memory. */
static struct refslab_root_record *fetch(struct job *job, size_t *count, int *err)
{
	struct refslab_root_record *roots = NULL, *more;
	__u64 cursor = 0;
	size_t n;

	*count = 0;
	do {
		more = reallocarray(roots, *count + AT_ONCE, sizeof(*roots));
		*err = more ? refslab_op_roots(job->session, &cursor, more + *count, AT_ONCE, &n) :
			      -ENOMEM;
		if (more)
			roots = more;
		if (*err) {
			free(roots);
			return NULL;
		}
		*count += n;
	} while (cursor);
	qsort(roots, *count, sizeof(*roots), compare);
	return roots;
}

static bool do_roots(struct job *job)
{
	struct json_object *array = json_object_new_array(), *row;
	struct refslab_root_record *roots;
	size_t count, i;
	bool ok = array;
	int err;

	roots = fetch(job, &count, &err);
	for (i = 0; ok && !err && i < count; i++) {
		row = json_object_new_object();
		ok = row && !json_object_object_add(row, "name",
						    json_object_new_string(roots[i].name)) &&
		     !json_object_object_add(row, "id", json_object_new_uint64(roots[i].id)) &&
		     !json_object_array_add(array, row);
	}
	free(roots);
	if (ok && !err)
		return refslab_job_say(job, "roots", array);
	json_object_put(array);
	return err ? refslab_job_check(job, REFSLAB_OP_ROOTS, err) : refslab_job_no_memory(job);
}

const struct job_statement refslab_roots_statements[] = {
	{ "publish", do_publish },
	{ "lookup", do_lookup },
	{ "unpublish", do_unpublish },
	{ "roots", do_roots },
	{ }
};
