// SPDX-License-Identifier: GPL-2.0
/* What the module tells of its heaps at one moment, and two moments to compare. */
#define _GNU_SOURCE		/* asprintf() */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "look.h"
#include "tool.h"

#define MAX_COLUMNS	40	/* and words of a name */

__s64 refslab_look_number(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_int64(value) : 0;
}

const char *refslab_look_text(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) ?: "" : "";
}

const char *refslab_look_change(__s64 n, char text[24])
{
	snprintf(text, 24, n ? "%+lld" : "%lld", n);
	return text;
}

double refslab_look_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static FILE *open_file(const char *mount, __u32 heap, const char *file)
{
	char *path;
	FILE *f;

	if (asprintf(&path, "%s/refslab/heaps/%u/%s", mount, heap, file) < 0)
		return NULL;
	f = fopen(path, "re");
	free(path);
	return f;
}

static int split(char *line, char **words)
{
	int n = 0;
	char *word;

	for (word = strtok(line, " \t\n"); word; word = strtok(NULL, " \t\n")) {
		if (n == MAX_COLUMNS)
			return -1;
		words[n++] = word;
	}
	return n;
}

/* Kernel code may call its types anything: what is too much belongs to the name, in front. */
static int join_name(char **words, int n, int columns)
{
	int i, more = n - columns;

	for (i = 0; i < more; i++)
		words[i][strlen(words[i])] = ' ';
	for (i = 1; i < columns; i++)
		words[i] = words[i + more];
	return columns;
}

static struct json_object *value_of(const char *text)
{
	char *end;
	__s64 n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (*text && !*end && !errno && (isdigit((unsigned char)*text) || *text == '-'))
		return json_object_new_int64(n);
	return json_object_new_string(text);
}

struct json_object *refslab_look_table(const char *mount, __u32 heap, const char *file)
{
	char *titles[MAX_COLUMNS], *words[MAX_COLUMNS], *header = NULL, *line = NULL;
	struct json_object *rows = json_object_new_array();
	FILE *f = open_file(mount, heap, file);
	int i, n, columns = 0, err = 0;
	size_t room = 0, line_room = 0;

	if (!f) {
		json_object_put(rows);
		return NULL;
	}
	if (getline(&header, &room, f) > 0)
		columns = split(header, titles);
	while (!err && getline(&line, &line_room, f) > 0) {
		struct json_object *row;

		if (*line == '#')
			continue;
		n = split(line, words);
		if (n > columns && columns > 0 && !strcmp(titles[0], "name"))
			n = join_name(words, n, columns);
		if (n != columns) {
			err = EPROTO;
			break;
		}
		row = json_object_new_object();
		for (i = 0; i < n; i++)
			/* a type may be called by a number */
			json_object_object_add(row, titles[i], strcmp(titles[i], "name") ?
					       value_of(words[i]) :
					       json_object_new_string(words[i]));
		json_object_array_add(rows, row);
	}
	/* the heap may end while it is read */
	if (!err && ferror(f))
		err = ENOENT;
	if (!err && columns <= 0)
		err = EPROTO;
	free(header);
	free(line);
	fclose(f);
	if (!err)
		return rows;
	json_object_put(rows);
	errno = err;
	return NULL;
}

/* How long the last scan took, and its longest stretch. */
static bool add_last_scan(struct json_object *o, const char *mount, __u32 heap)
{
	FILE *f = open_file(mount, heap, "generations");
	static const struct {
		const char *begin;
		const char *key;
	} lines[] = {
		{ "# last scan took: ", "last_ns" },
		{ "# longest stretch without giving way: ", "longest_ns" },
	};
	char *line = NULL;
	size_t room = 0, i;

	if (!f)
		return false;
	while (getline(&line, &room, f) > 0) {
		for (i = 0; i < ARRAY_SIZE(lines); i++) {
			size_t len = strlen(lines[i].begin);
			__u64 ns;

			if (strncmp(line, lines[i].begin, len))
				continue;
			ns = strtoull(line + len, NULL, 10);
			json_object_object_add(o, lines[i].key, json_object_new_uint64(ns));
		}
	}
	free(line);
	fclose(f);
	return true;
}

/* Adds what a file of values says. */
static bool add_values(struct json_object *o, const char *mount, __u32 heap, const char *name)
{
	struct json_object *values;
	char *file;

	if (asprintf(&file, "heaps/%u/%s", heap, name) < 0)
		return false;
	values = refslab_debugfs_read(mount, file);
	free(file);
	if (!values)
		return false;
	json_object_object_foreach(values, key, value)
		json_object_object_add(o, key, json_object_get(value));
	json_object_put(values);
	return true;
}

static bool add_table(struct json_object *o, const char *mount, __u32 heap, const char *file)
{
	struct json_object *rows = refslab_look_table(mount, heap, file);

	return rows && !json_object_object_add(o, file, rows);
}

struct json_object *refslab_look_heap(const char *mount, __u32 heap, bool types, bool scans)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "heap", json_object_new_int64(heap));
	if (add_values(o, mount, heap, "name") && add_values(o, mount, heap, "stats") &&
	    (!types || add_table(o, mount, heap, "types")) &&
	    (!scans || (add_table(o, mount, heap, "generations") &&
			add_last_scan(o, mount, heap))))
		return o;
	json_object_put(o);
	return NULL;
}

struct json_object *refslab_look_heaps(const char *mount, const __u32 *only, bool types,
				       bool scans)
{
	struct json_object *heaps = json_object_new_array(), *heap;
	size_t i, count = 1;
	__u32 *ids = NULL;
	int err = 0;

	if (!only)
		err = -refslab_debugfs_heaps(mount, &ids, &count);
	for (i = 0; !err && i < count; i++) {
		heap = refslab_look_heap(mount, only ? *only : ids[i], types, scans);
		if (heap)
			json_object_array_add(heaps, heap);
		else if (only || errno != ENOENT)
			err = errno;
	}
	free(ids);
	if (!err)
		return heaps;
	json_object_put(heaps);
	errno = err;
	return NULL;
}

/* --- two moments ----------------------------------------------------------------------------- */

enum { OPTION_ALL = 256, OPTION_INTERVAL, OPTION_PID, OPTION_SAVE, OPTION_SINCE };

bool refslab_look_seconds(const struct refslab_command *cmd, const char *option, const char *text,
			  double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (isdigit((unsigned char)*text) && !*end && *seconds > 0 && *seconds <= 86400)
		return true;
	refslab_tool_usage(cmd, "%s is a number of seconds up to 86400, not '%s'", option, text);
	return false;
}

bool refslab_look_pid(const struct refslab_command *cmd, const char *option, const char *text,
		      __u32 *pid)
{
	unsigned long long n = 0;
	char *end;

	if (isdigit((unsigned char)*text))
		n = strtoull(text, &end, 10);
	if (n && !*end && n <= INT_MAX) {
		*pid = n;
		return true;
	}
	refslab_tool_usage(cmd, "%s is a number from 1 to %d, not '%s'", option, INT_MAX, text);
	return false;
}

int refslab_look_options(const struct refslab_command *cmd, int argc, char **argv,
			 struct look_options *options)
{
	static const struct option long_options[] = {
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "debugfs", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, OPTION_INTERVAL },
		{ "pid", required_argument, NULL, OPTION_PID },
		{ "save", required_argument, NULL, OPTION_SAVE },
		{ "since", required_argument, NULL, OPTION_SINCE },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	__u64 heap;
	int c;

	*options = (struct look_options){ .mount = REFSLAB_DEBUGFS_MOUNT };
	while ((c = getopt_long(argc, argv, "d:jh", long_options, NULL)) != -1) {
		switch (c) {
		case 'd':
			options->mount = optarg;
			break;
		case OPTION_ALL:
			if (cmd != &refslab_types_command)
				return refslab_tool_usage(cmd, "%s has no --all", cmd->name);
			options->all = true;
			break;
		case OPTION_INTERVAL:
			if (!refslab_look_seconds(cmd, "--interval", optarg, &options->interval))
				return REFSLAB_EXIT_USAGE;
			break;
		case OPTION_PID:
			if (cmd != &refslab_stat_command)
				return refslab_tool_usage(cmd, "%s has no --pid", cmd->name);
			if (!refslab_look_pid(cmd, "--pid", optarg, &options->pid))
				return REFSLAB_EXIT_USAGE;
			break;
		case OPTION_SAVE:
			options->save = optarg;
			break;
		case OPTION_SINCE:
			options->since = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (options->since && options->interval)
		return refslab_tool_usage(cmd, "--since and --interval exclude each other");
	if (argc - optind > 1)
		return refslab_tool_usage(cmd, "%s takes one heap at most", cmd->name);
	options->has_heap = optind < argc;
	if (options->pid && (options->has_heap || options->since || options->save ||
			     options->interval))
		return refslab_tool_usage(cmd, "--pid goes with --json only");
	if (!options->has_heap)
		return -1;
	if (!refslab_tool_number(cmd, "HEAP", argv[optind], ~0u, &heap))
		return REFSLAB_EXIT_USAGE;
	options->heap = heap;
	return -1;
}

static void explain_other(const struct look_options *options, struct json_object *heap)
{
	char was[32] = "all heaps", is[32] = "all heaps";

	if (heap)
		snprintf(was, sizeof(was), "heap %lld", (long long)json_object_get_int64(heap));
	if (options->has_heap)
		snprintf(is, sizeof(is), "heap %u", options->heap);
	refslab_tool_error("%s was saved of %s, not of %s", options->since, was, is);
}

/* A moment that was saved, of the same kind and the same heap; NULL having said what is wrong. */
static struct json_object *load(const struct look_options *options, const char *kind)
{
	struct json_object *o = json_object_from_file(options->since);
	struct json_object *heap;
	bool has_heap;

	if (!o) {
		refslab_tool_error("%s: %s", options->since, access(options->since, R_OK) ?
				   strerror(errno) : "is not what --save writes");
		return NULL;
	}
	has_heap = json_object_object_get_ex(o, "heap", &heap);
	if (strcmp(refslab_look_text(o, "moment"), kind))
		refslab_tool_error("%s: is not what refslab %s --save writes", options->since,
				   kind);
	else if (has_heap != options->has_heap ||
		 (has_heap && json_object_get_int64(heap) != options->heap))
		explain_other(options, has_heap ? heap : NULL);
	else
		return o;
	json_object_put(o);
	return NULL;
}

/* What it is of goes with it. */
static struct json_object *take(const struct look_options *options, const char *kind,
				struct json_object *(*read)(const struct look_options *options))
{
	struct json_object *o = read(options);

	if (!o)
		return NULL;
	json_object_object_add(o, "moment", json_object_new_string(kind));
	if (options->has_heap)
		json_object_object_add(o, "heap", json_object_new_int64(options->heap));
	json_object_object_add(o, "clock", json_object_new_double(refslab_look_clock()));
	return o;
}

int refslab_look_moments(const struct look_options *options, const char *kind,
			 struct json_object *(*read)(const struct look_options *options),
			 struct json_object **before, struct json_object **now)
{
	*before = NULL;
	*now = NULL;
	if (options->since)
		*before = load(options, kind);
	else if (options->interval)
		*before = take(options, kind, read);
	if (!*before && (options->since || options->interval))
		return REFSLAB_EXIT_FAILED;
	if (options->interval)
		nanosleep(&(struct timespec){
			.tv_sec = options->interval,
			.tv_nsec = 1e9 * (options->interval - (long)options->interval),
		}, NULL);
	*now = take(options, kind, read);
	if (*now && options->save && json_object_to_file_ext(options->save, *now,
							     JSON_C_TO_STRING_PRETTY)) {
		refslab_tool_error("%s: %s", options->save, strerror(errno));
		json_object_put(*now);
		*now = NULL;
	}
	if (*now)
		return REFSLAB_EXIT_OK;
	json_object_put(*before);
	*before = NULL;
	return REFSLAB_EXIT_FAILED;
}
