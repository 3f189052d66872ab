/* SPDX-License-Identifier: GPL-2.0 */
/* What the sub-commands share: their table, error messages, exit statuses. */
#ifndef _REFSLAB_TOOL_H
#define _REFSLAB_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "librefslab.h"

struct json_object;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* The compiler checks the arguments against the format. */
#ifndef __printf
#define __printf(fmt, args)	__attribute__((	\
	__format__(__printf__, fmt, args)))
#endif

enum refslab_exit {
	REFSLAB_EXIT_OK,
	REFSLAB_EXIT_FAILED,		/* something that was asked for did not work */
	REFSLAB_EXIT_USAGE,		/* the command line makes no sense */
};

struct refslab_command {
	const char *name;
	const char *summary;
	const char *help;		/* all of --help */
	/* @argv[1] and on are the sub-command's; returns the exit status. */
	int (*main)(int argc, char **argv);
};

extern const struct refslab_command refslab_run_command;
extern const struct refslab_command refslab_shell_command;
extern const struct refslab_command refslab_stat_command;
extern const struct refslab_command refslab_heaps_command;
extern const struct refslab_command refslab_stress_command;
extern const struct refslab_command refslab_bench_command;
extern const struct refslab_command refslab_graph_command;
extern const struct refslab_command refslab_map_command;
extern const struct refslab_command refslab_types_command;
extern const struct refslab_command refslab_top_command;
extern const struct refslab_command refslab_watch_command;
extern const struct refslab_command refslab_metrics_command;
extern const struct refslab_command refslab_version_command;

/* "refslab: message" on stderr. */
void refslab_tool_error(const char *fmt, ...) __printf(1, 2);

/* The same and where to find help; returns REFSLAB_EXIT_USAGE. */
int refslab_tool_usage(const struct refslab_command *cmd, const char *fmt, ...) __printf(2, 3);

/* --help: prints it, returns REFSLAB_EXIT_OK. */
int refslab_tool_help(const struct refslab_command *cmd);

/*
 * A number of bytes for a heap's limit: 1048576, 1024K, 1M; 0 for none. NULL, or what is wrong with
 * @text, as a sentence whose subject is missing.
 */
const char *refslab_tool_bytes(const char *text, __u64 *bytes);

/*
 * An unsigned decimal number of at most @max, nothing else in @text. Returns false, and says so as
 * a usage error of @cmd, when it is not one.
 */
bool refslab_tool_number(const struct refslab_command *cmd, const char *option, const char *text,
			 __u64 max, __u64 *number);

/* Opens a session, without a heap; NULL, with a message, when that fails. */
struct refslab_session *refslab_tool_open(void);

/* Opens a session and makes a heap; NULL, with a message, when that fails. */
struct refslab_session *refslab_tool_session(const char *heap_name, __u64 max_bytes,
					     __u32 *heap_id);

/* Writes @text into XML or a label of Graphviz's. */
void refslab_tool_markup(FILE *to, const char *text);

/* The fewest digits that are read as the same number again, and never those of an int. */
void refslab_tool_float(double d, char text[40]);

/* Whether all that was written to @to so far could be: what failed before is not told again. */
bool refslab_tool_flush(FILE *to);

/* Prints one JSON object on a line, or an array's objects on a line each, and drops it. */
void refslab_tool_json(struct json_object *object);

#endif /* _REFSLAB_TOOL_H */
