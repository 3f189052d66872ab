/* SPDX-License-Identifier: GPL-2.0 */
/* Lines of a script, one after the other: carried out, their results printed, or their errors. */
#ifndef _REFSLAB_LINES_H
#define _REFSLAB_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "script.h"
#include "tool.h"

struct refslab_command;

struct lines {
	bool json;
	bool echo;
	bool quiet;			/* answers are not printed */
	bool check;			/* only look for lines that make no sense; all of them */
	bool go_on;			/* a line that fails does not end the script */
	const char *file;		/* for messages; NULL: they name no place */
	unsigned long line;
	bool failed;			/* some line did, and did not begin with - */
	struct script script;
};

/* The number of --limit; false, with a message, when it makes no sense. */
bool refslab_lines_limit(const struct refslab_command *cmd, const char *text, __u64 *max_bytes);

/*
 * Opens a session and makes a heap; the process stays on its CPU from now on. False, with a
 * message, when that fails. refslab_lines_close() is fine in any case.
 */
bool refslab_lines_open(struct lines *lines, const char *heap_name, __u64 max_bytes);
void refslab_lines_close(struct lines *lines);

/* False when the script stops here. */
bool refslab_lines_run(struct lines *lines, const char *text, size_t len);

/* What is wrong with the line that was begun, as of one that was run. */
void refslab_lines_complain(struct lines *lines, const char *fmt, ...) __printf(2, 3);
void refslab_lines_run_stream(struct lines *lines, FILE *f);

#endif /* _REFSLAB_LINES_H */
