// SPDX-License-Identifier: GPL-2.0
/* What of an object's value is worth showing in a picture. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "tool.h"

#define STR_BYTES	32	/* of a str, before it is cut */
#define BYTES_BYTES	16	/* likewise of a bytes, two digits each */
#define KEY_BYTES	16	/* of a str that is short enough to be a label */

/* As a script would write it, cut when it is long; what is not ASCII stays as it is. */
static char *quote(const char *text, size_t len, bool cut)
{
	char *quoted = malloc(4 * len + 8), *to = quoted;
	size_t i;

	if (!quoted)
		return NULL;
	/* not in the middle of a character */
	while (cut && len && (text[len] & 0xc0) == 0x80)
		len--;
	*to++ = '"';
	for (i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (c < ' ' || c == 0x7f)
			to += sprintf(to, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			to += sprintf(to, "\\%c", c);
		else
			*to++ = c;
	}
	strcpy(to, cut ? "\"…" : "\"");
	return quoted;
}

static char *hex(const unsigned char *bytes, size_t len, bool cut)
{
	char *text = malloc(2 * len + 4), *to = text;
	size_t i;

	for (i = 0; text && i < len; i++)
		to += sprintf(to, "%02x", bytes[i]);
	if (text)
		strcpy(to, cut ? "…" : "");
	return text;
}

bool refslab_graph_value(struct graph *graph, __u32 handle, char **value)
{
	unsigned char bytes[BYTES_BYTES];
	char text[STR_BYTES + 1], number[40];
	size_t len;
	double d;
	__s64 n;

	*value = NULL;
	/* an object of a type that has no value just has none, and no bytes are nothing to show */
	if (!refslab_op_int_value(graph->session, handle, &n)) {
		snprintf(number, sizeof(number), "%lld", n);
		*value = strdup(number);
	} else if (!refslab_op_str_value(graph->session, handle, text, sizeof(text), &len)) {
		*value = quote(text, len > STR_BYTES ? STR_BYTES : len, len > STR_BYTES);
	} else if (!refslab_op_float_value(graph->session, handle, &d)) {
		refslab_tool_float(d, number);
		*value = strdup(number);
	} else if (!refslab_op_bytes_value(graph->session, handle, bytes, sizeof(bytes), &len) &&
		   len) {
		*value = hex(bytes, len > BYTES_BYTES ? BYTES_BYTES : len, len > BYTES_BYTES);
	} else {
		return true;
	}
	return *value ? true : refslab_graph_fail(graph, 0, -ENOMEM);
}

bool refslab_graph_key_value(struct graph *graph, __u32 handle, char **value)
{
	size_t len;

	*value = NULL;
	if (!refslab_op_bytes_value(graph->session, handle, NULL, 0, &len))
		return true;
	if (!refslab_op_str_value(graph->session, handle, NULL, 0, &len) && len > KEY_BYTES)
		return true;
	return refslab_graph_value(graph, handle, value);
}

bool refslab_graph_attribute(struct graph *graph, __u32 handle, char **name)
{
	char text[REFSLAB_MAX_ATTRIBUTE + 4];
	size_t len;
	int err;

	err = refslab_op_str_value(graph->session, handle, text, REFSLAB_MAX_ATTRIBUTE, &len);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_STR_VALUE, err);
	/* an identifier: there is nothing in it to quote, nor characters of several bytes */
	if (len > STR_BYTES)
		strcpy(text + STR_BYTES, "…");
	else
		text[len] = '\0';
	*name = strdup(text);
	return *name ? true : refslab_graph_fail(graph, 0, -ENOMEM);
}
