// SPDX-License-Identifier: GPL-2.0
/* What the sub-commands share. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "tool.h"

static void say(const char *fmt, va_list ap)
{
	fputs("refslab: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void refslab_tool_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

bool refslab_tool_flush(FILE *to)
{
	return !fflush(to) && !ferror(to);
}

int refslab_tool_usage(const struct refslab_command *cmd, const char *fmt, ...)
{
	va_list ap;

	/* With no message getopt has given one. */
	if (fmt) {
		va_start(ap, fmt);
		say(fmt, ap);
		va_end(ap);
	}
	fprintf(stderr, "Try 'refslab %s --help'.\n", cmd->name);
	return REFSLAB_EXIT_USAGE;
}

int refslab_tool_help(const struct refslab_command *cmd)
{
	fputs(cmd->help, stdout);
	return REFSLAB_EXIT_OK;
}

bool refslab_tool_number(const struct refslab_command *cmd, const char *option, const char *text,
			 __u64 max, __u64 *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	/* strtoull() takes signs and leading blanks, and wraps negative numbers. */
	if (isdigit((unsigned char)text[0]) && !*end && !errno && *number <= max)
		return true;
	refslab_tool_usage(cmd, "%s is a number from 0 to %llu, not '%s'", option, max, text);
	return false;
}

#define ARENA	262144		/* bytes; without one there is no object */

const char *refslab_tool_bytes(const char *text, __u64 *bytes)
{
	static const char units[] = "KMG";
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	*bytes = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)*text) || *end || errno || *bytes > ~0ull >> shift)
		return "takes a number of bytes below 2^64; K, M or G may stand behind it";
	*bytes <<= shift;
	return !*bytes || *bytes >= ARENA ? NULL :
	       "is 0 or at least 262144, the bytes of an arena";
}

struct refslab_session *refslab_tool_open(void)
{
	struct refslab_session *session;
	int err = refslab_session_open(NULL, &session);

	if (!err)
		return session;
	refslab_tool_error("%s: %s", REFSLAB_DEVICE, refslab_strerror(REFSLAB_CALL_OPEN, err));
	return NULL;
}

struct refslab_session *refslab_tool_session(const char *heap_name, __u64 max_bytes,
					     __u32 *heap_id)
{
	struct refslab_session *session = refslab_tool_open();
	int err;

	if (!session)
		return NULL;
	err = refslab_session_create(session, heap_name, max_bytes, heap_id);
	if (err) {
		refslab_tool_error("cannot make a heap: %s",
				   refslab_strerror(REFSLAB_CALL_CREATE, err));
		refslab_session_close(session);
		return NULL;
	}
	return session;
}

static void print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
}

void refslab_tool_json(struct json_object *object)
{
	size_t i;

	if (!json_object_is_type(object, json_type_array))
		print_json(object);
	else
		for (i = 0; i < json_object_array_length(object); i++)
			print_json(json_object_array_get_idx(object, i));
	json_object_put(object);
}

void refslab_tool_markup(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", to);
		else if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else if (*text == '"')
			fputs("&quot;", to);
		else
			putc(*text, to);
	}
}

void refslab_tool_float(double d, char text[40])
{
	int digits = 14;

	if (isnan(d)) {
		strcpy(text, "nan");
		return;
	}
	do {
		snprintf(text, 40, "%.*g", ++digits, d);
	} while (digits < 17 && strtod(text, NULL) != d);
	if (!isinf(d) && !strpbrk(text, ".e"))
		strcat(text, ".0");
}
