// SPDX-License-Identifier: GPL-2.0
/* Results for people. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "librefslab.h"
#include "output.h"
#include "parser.h"
#include "value.h"

/* As a script would write it; what is not ASCII stays as it is. */
static void print_string(const char *text, size_t len)
{
	size_t i;

	putchar('"');
	for (i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (c == '\n')
			fputs("\\n", stdout);
		else if (c == '\t')
			fputs("\\t", stdout);
		else if (c == '\\' || c == '"')
			printf("\\%c", c);
		else if (c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* A string of the result that stands for bytes: one character each, see text_of_bytes(). */
static void print_bytes(const char *text, size_t len)
{
	size_t i;

	putchar('"');
	for (i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (c >= 0xc2 && i + 1 < len)
			c = (c & 0x03) << 6 | (text[++i] & 0x3f);
		if (c == '\\' || c == '"')
			printf("\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_tree(struct json_object *value);

static void print_elements(struct json_object *array, bool pairs)
{
	size_t i;

	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i);

		fputs(i ? ", " : "", stdout);
		if (!pairs) {
			print_tree(element);
			continue;
		}
		print_tree(json_object_array_get_idx(element, 0));
		fputs(": ", stdout);
		print_tree(json_object_array_get_idx(element, 1));
	}
}

/* <list 12, len 3>, <instance 12: x=1, y=2> */
static void print_object(struct json_object *value)
{
	struct json_object *attributes, *len;
	const char *separator = ": ";

	printf("<%s %s", json_object_get_string(json_object_object_get(value, "typeof")),
	       json_object_get_string(json_object_object_get(value, "id")));
	if (json_object_object_get_ex(value, "len", &len))
		printf(", len %s", json_object_get_string(len));
	if (json_object_object_get_ex(value, "attributes", &attributes)) {
		json_object_object_foreach(attributes, name, attribute) {
			printf("%s%s=", separator, name);
			print_tree(attribute);
			separator = ", ";
		}
	}
	putchar('>');
}

/* As Python would, but for bytes, and what is only named. */
static void print_tree(struct json_object *value)
{
	size_t n = json_object_is_type(value, json_type_array) ?
		   json_object_array_length(value) : 0;

	switch (refslab_value_kind(value)) {
	case VALUE_PLAIN:
		if (json_object_is_type(value, json_type_string))
			print_string(json_object_get_string(value),
				     json_object_get_string_len(value));
		else
			fputs(json_object_get_string(value), stdout);
		break;
	case VALUE_FLOAT:
		fputs(json_object_get_string(value), stdout);
		break;
	case VALUE_BYTES:
		printf("bytes %s", json_object_get_string(value));
		break;
	case VALUE_LIST:
		putchar('[');
		print_elements(value, false);
		putchar(']');
		break;
	case VALUE_TUPLE:
		putchar('(');
		print_elements(value, false);
		fputs(n == 1 ? ",)" : ")", stdout);
		break;
	case VALUE_SET:
		fputs(n ? "{" : "set(", stdout);
		print_elements(value, false);
		putchar(n ? '}' : ')');
		break;
	case VALUE_DICT:
		putchar('{');
		print_elements(value, true);
		putchar('}');
		break;
	case VALUE_INSTANCE:
	case VALUE_REFERENCE:
		print_object(value);
	}
}

static void print_value(const char *word, struct json_object *value)
{
	size_t i;

	if (!strcmp(word, "value")) {
		print_tree(value);
		return;
	}
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		fputs(json_object_get_boolean(value) ? "yes" : "no", stdout);
		break;
	case json_type_array:
		if (!json_object_array_length(value))
			fputs("off", stdout);
		for (i = 0; i < json_object_array_length(value); i++)
			printf("%s%s", i ? " " : "",
			       json_object_get_string(json_object_array_get_idx(value, i)));
		break;
	case json_type_string:
		if (!strcmp(word, "read"))
			print_bytes(json_object_get_string(value),
				    json_object_get_string_len(value));
		else
			fputs(json_object_get_string(value), stdout);
		break;
	default:
		fputs(json_object_get_string(value), stdout);
	}
}

/* Of a count of references; NULL: there is none. */
static bool is_constant(struct json_object *count)
{
	return count && json_object_get_int64(count) == REFSLAB_REFCOUNT_IMMORTAL;
}

static const char *text_of(struct json_object *row, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(row, key, &value) || !value)
		return "-";
	return json_object_get_string(value);
}

static void print_collect(struct json_object *result)
{
	printf("collect %s: %s unreachable, %s uncollectable\n", text_of(result, "collect"),
	       text_of(result, "unreachable"), text_of(result, "uncollectable"));
}

static void print_stats(struct json_object *generations)
{
	size_t i;

	puts("stats:  generation  collections   collected  uncollectable");
	for (i = 0; i < json_object_array_length(generations); i++) {
		struct json_object *row = json_object_array_get_idx(generations, i);

		printf("        %10zu  %11s  %10s  %13s\n", i, text_of(row, "collections"),
		       text_of(row, "collected"), text_of(row, "uncollectable"));
	}
}

/* The generation that an object is in, if any. */
static const char *generation_of(struct json_object *row)
{
	const char *generation = text_of(row, "generation");

	return strcmp(generation, "3") ? generation : "frozen";
}

static const char *refcount_of(struct json_object *row)
{
	return is_constant(json_object_object_get(row, "refcount")) ? "-" :
	       text_of(row, "refcount");
}

/* The longest of them, as those of constants are, but at least what most tables have. */
static int id_width(struct json_object *objects)
{
	size_t i, len, width = 10;

	for (i = 0; i < json_object_array_length(objects); i++) {
		len = strlen(text_of(json_object_array_get_idx(objects, i), "id"));
		if (len > width)
			width = len;
	}
	return width;
}

/* How many, after what the line says, and a table of them. */
static void print_objects(struct json_object *objects)
{
	size_t i, n = json_object_array_length(objects);
	int width = id_width(objects);

	printf("%zu\n", n);
	if (n)
		printf("  %*s  TYPE              REFCOUNT  GENERATION     BYTES\n", width, "ID");
	for (i = 0; i < n; i++) {
		struct json_object *row = json_object_array_get_idx(objects, i);

		printf("  %*s  %-16s  %8s  %10s  %8s\n", width, text_of(row, "id"),
		       text_of(row, "type"), refcount_of(row),
		       generation_of(row), text_of(row, "bytes"));
	}
}

void refslab_output_pairs(struct json_object *object)
{
	json_object_object_foreach(object, key, value)
		printf("%-16s %14s\n", key, json_object_get_string(value));
}

/* A heap's counters, on four lines rather than thirteen. */
static void print_stat(struct json_object *result)
{
	const char *separator = "stat: ";

	json_object_object_foreach(result, key, value) {
		if (!strcmp(key, "bytes_used") || !strcmp(key, "arenas") ||
		    !strcmp(key, "arenas_made"))
			separator = "\n      ";
		printf("%s%s %s", separator, key, json_object_get_string(value));
		separator = ", ";
	}
	putchar('\n');
}

void refslab_output_event(struct json_object *event)
{
	const char *separator = "";

	json_object_object_foreach(event, key, value) {
		printf("%s%s%s", separator, key, strcmp(key, "event") ? " " : ": ");
		fputs(json_object_get_string(value), stdout);
		separator = ", ";
	}
	putchar('\n');
}

/* How many, and a table of them. */
static void print_roots(struct json_object *roots)
{
	size_t i, n = json_object_array_length(roots);
	int width = id_width(roots);

	printf("roots: %zu\n", n);
	if (n)
		printf("  %*s  NAME\n", width, "ID");
	for (i = 0; i < n; i++) {
		struct json_object *row = json_object_array_get_idx(roots, i);

		printf("  %*s  %s\n", width, text_of(row, "id"), text_of(row, "name"));
	}
}

/* limits: max_bytes none, max_objects 1000, max_handles none */
static void print_limits(struct json_object *result)
{
	const char *separator = "limits: ";

	json_object_object_foreach(result, key, value) {
		printf("%s%s %s", separator, key, json_object_get_int64(value) ?
						  json_object_get_string(value) : "none");
		separator = ", ";
	}
	putchar('\n');
}

static void print_quoted(const struct parser_arg *arg)
{
	putchar(' ');
	print_string(arg->text, arg->len);
}

static void print_hex(const struct parser_arg *arg)
{
	size_t i;

	fputs(" bytes:", stdout);
	for (i = 0; i < arg->len; i++)
		printf("%02x", (unsigned char)arg->text[i]);
}

static void print_words(const struct parser_line *line)
{
	unsigned int i;

	fputs(line->word->word, stdout);
	for (i = 0; i < line->nr_args; i++) {
		if (line->args[i].value == REFSLAB_VALUE_STR)
			print_quoted(&line->args[i]);
		else if (line->args[i].value == REFSLAB_VALUE_BYTES)
			print_hex(&line->args[i]);
		else if (line->args[i].has_number)
			printf(" %lld", line->args[i].number);
		else
			printf(" %s", line->args[i].text);
	}
	fputs(": ", stdout);
}

static void print_graph(struct json_object *result)
{
	const char *objects = text_of(result, "objects");
	const char *references = text_of(result, "references");

	printf("graph %s: %s object%s, %s reference%s", text_of(result, "graph"), objects,
	       strcmp(objects, "1") ? "s" : "", references, strcmp(references, "1") ? "s" : "");
	printf(", %s left out\n", text_of(result, "left_out"));
}

/* map x: offset 4096, length 100 */
static void print_map(const struct parser_line *line, struct json_object *result)
{
	print_words(line);
	printf("offset %s, length %s\n", text_of(result, "offset"), text_of(result, "length"));
}

static bool is_records(const char *word)
{
	return !strcmp(word, "objects") || !strcmp(word, "garbage") ||
	       !strcmp(word, "referents") || !strcmp(word, "referrers");
}

void refslab_output_line(const struct parser_line *line, struct json_object *result)
{
	const char *word = line->word->word;
	struct json_object *value;
	size_t i;

	if (json_object_is_type(result, json_type_array)) {
		for (i = 0; i < json_object_array_length(result); i++)
			refslab_output_event(json_object_array_get_idx(result, i));
	} else if (!strcmp(word, "event")) {
		refslab_output_event(result);
	} else if (json_object_object_get_ex(result, "dead", &value)) {
		print_words(line);
		puts("dead");
	} else if (!strcmp(word, "refcount") &&
		   is_constant(json_object_object_get(result, word))) {
		print_words(line);
		puts("constant, not counted");
	} else if (!strcmp(word, "collect")) {
		print_collect(result);
	} else if (!strcmp(word, "graph")) {
		print_graph(result);
	} else if (!strcmp(word, "map")) {
		print_map(line, result);
	} else if (!strcmp(word, "stat")) {
		print_stat(result);
	} else if (!strcmp(word, "limits")) {
		print_limits(result);
	} else if (json_object_object_get_ex(result, "roots", &value) && !strcmp(word, "roots")) {
		print_roots(value);
	} else if (json_object_object_get_ex(result, "stats", &value)) {
		print_stats(value);
	} else if (json_object_object_get_ex(result, word, &value) && is_records(word)) {
		/* a generation is in every row anyway */
		if (!strcmp(word, "objects"))
			fputs("objects: ", stdout);
		else
			print_words(line);
		print_objects(value);
	} else if (json_object_object_get_ex(result, word, &value)) {
		/* The statement, then the answer. */
		print_words(line);
		print_value(word, value);
		putchar('\n');
	}
}
