/* SPDX-License-Identifier: GPL-2.0 */
/* A script that is being run: one session, one heap, its names. */
#ifndef _REFSLAB_SCRIPT_H
#define _REFSLAB_SCRIPT_H

#include <stdbool.h>

#include "librefslab.h"
#include "names.h"
#include "parser.h"

struct json_object;

struct script {
	struct refslab_session *session;
	struct refslab_batch *batch;	/* empty between statements */
	struct names *names;
	bool json;			/* the standard output is one JSON object a line */
	char error[256];		/* why the last statement failed */
};

/* False, with a message in @script->error, when there is no memory. */
bool refslab_statements_start(struct script *script, struct refslab_session *session);
void refslab_statements_stop(struct script *script);

/*
 * Carries out one line. *@result: what it has to say, the caller's to drop, NULL for nothing; an
 * object, or an array of objects that are a line each. False, with a message in @script->error,
 * when it failed.
 */
bool refslab_statements_run(struct script *script, const struct parser_line *line,
			    struct json_object **result);

#endif /* _REFSLAB_SCRIPT_H */
