// SPDX-License-Identifier: GPL-2.0
/* Lines of a script, one after the other. */
#define _GNU_SOURCE		/* sched_getcpu() */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lines.h"
#include "output.h"
#include "tool.h"

bool refslab_lines_limit(const struct refslab_command *cmd, const char *text, __u64 *max_bytes)
{
	const char *wrong = refslab_tool_bytes(text, max_bytes);

	if (wrong)
		refslab_tool_usage(cmd, "--limit %s", wrong);
	return !wrong;
}

/* Caches are per CPU: on one of them the block freed last is the one that is used next. */
static void pin(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		refslab_tool_error("cannot stay on CPU %d: %s", cpu, strerror(errno));
}

bool refslab_lines_open(struct lines *lines, const char *heap_name, __u64 max_bytes)
{
	struct refslab_session *session = refslab_tool_session(heap_name, max_bytes, NULL);

	lines->failed = true;
	if (!session)
		return false;
	if (!refslab_statements_start(&lines->script, session)) {
		refslab_tool_error("%s", lines->script.error);
		refslab_session_close(session);
		lines->script.session = NULL;
		return false;
	}
	lines->script.json = lines->json;
	lines->failed = false;
	pin();
	return true;
}

void refslab_lines_close(struct lines *lines)
{
	if (!lines->script.session)
		return;
	refslab_statements_stop(&lines->script);
	refslab_session_close(lines->script.session);
	lines->script.session = NULL;
}

static void say(const struct lines *lines, const char *message, bool ignored)
{
	if (lines->file)
		fprintf(stderr, "refslab: %s:%lu: %s%s\n", lines->file, lines->line, message,
			ignored ? " (ignored)" : "");
	else
		fprintf(stderr, "refslab: %s%s\n", message, ignored ? " (ignored)" : "");
}

void refslab_lines_complain(struct lines *lines, const char *fmt, ...)
{
	char message[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	say(lines, message, false);
	lines->failed = true;
}

bool refslab_lines_run(struct lines *lines, const char *text, size_t len)
{
	struct json_object *result = NULL;
	const char *error = NULL;
	struct parser_line line;
	bool ok;

	lines->line++;
	if (lines->echo)
		printf("> %.*s\n", (int)len, text);
	if (!refslab_parser_read(&line, text, len))
		error = line.error;
	else if (!lines->check && !refslab_statements_run(&lines->script, &line, &result))
		error = lines->script.error;

	if (error)
		say(lines, error, line.ignore && !lines->check);
	if (result && lines->json)
		refslab_tool_json(result);
	else if (result && !lines->quiet)
		refslab_output_line(&line, result);
	if (result && !lines->json)
		json_object_put(result);

	ok = !error || (line.ignore && !lines->check);
	lines->failed |= !ok;
	refslab_parser_free(&line);
	return ok || lines->check || lines->go_on;
}

void refslab_lines_run_stream(struct lines *lines, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&text, &room, f)) >= 0) {
		if (len && text[len - 1] == '\n')
			len--;
		if (!refslab_lines_run(lines, text, len))
			break;
	}
	free(text);
	if (ferror(f)) {
		refslab_tool_error("%s: %s", lines->file, strerror(errno));
		lines->failed = true;
	}
}
