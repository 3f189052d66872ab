/* SPDX-License-Identifier: GPL-2.0 */
/* One script line while it is carried out, and what the statements share. */
#ifndef _REFSLAB_JOB_H
#define _REFSLAB_JOB_H

#include <stdbool.h>

#include "script.h"
#include "tool.h"

struct json_object;

struct job {
	struct script *script;
	const struct parser_line *line;
	struct refslab_session *session;
	/* Of the first operands: the handles of names, and the numbers. */
	__u32 arg[3];
	__u64 number[3];
	struct json_object *result;	/* an object; or an array of them, a line each */
};

struct job_statement {
	const char *word;		/* as in refslab_parser_words; the last one's is NULL */
	bool (*run)(struct job *job);
};

extern const struct job_statement refslab_objects_statements[];
extern const struct job_statement refslab_containers_statements[];
extern const struct job_statement refslab_value_statements[];
extern const struct job_statement refslab_weak_statements[];
extern const struct job_statement refslab_collector_statements[];
extern const struct job_statement refslab_records_statements[];
extern const struct job_statement refslab_graph_statements[];
extern const struct job_statement refslab_roots_statements[];

/* The line failed, and why. Return false, as do the next two when there is something to say. */
bool refslab_job_fail(struct job *job, const char *fmt, ...) __printf(2, 3);
bool refslab_job_no_memory(struct job *job);

/* True when @err is 0, otherwise says what went wrong with operation @opcode. */
bool refslab_job_check(struct job *job, unsigned int opcode, int err);

/* Adds to the result; takes @value over, NULL stands for no memory. */
bool refslab_job_say(struct job *job, const char *key, struct json_object *value);
bool refslab_job_say_number(struct job *job, const char *key, __u64 value);
bool refslab_job_say_flag(struct job *job, const char *key, bool value);

/* The line's target stands for @handle from now on; the handle it stood for before is dropped. */
bool refslab_job_bind(struct job *job, __u32 handle);

/* The same when @err is 0, otherwise says what went wrong with operation @opcode. */
bool refslab_job_bind_new(struct job *job, unsigned int opcode, int err, __u32 handle);

/* The same with the first result of an operation that takes these operands. */
bool refslab_job_make(struct job *job, unsigned int opcode, __u64 arg0, __u64 arg1, __u64 arg2);

/* Carries out an operation; its results go to @result, which may be NULL. Returns its error. */
int refslab_job_call(struct job *job, unsigned int opcode, const __u64 arg[4], __u64 result[2]);

/* The target stands for nothing from now on. */
bool refslab_job_unbind(struct job *job);

/*
 * Submits the batch, whose operation 0 makes an object, and binds that. When a later operation
 * fails the object goes again. Returns 0, or the error, which was told.
 */
int refslab_job_bind_batch(struct job *job);

#endif /* _REFSLAB_JOB_H */
