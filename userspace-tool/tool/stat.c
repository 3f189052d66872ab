// SPDX-License-Identifier: GPL-2.0
/* refslab stat: the counters of all heaps together, or of one, and what they have changed by. */
#define _GNU_SOURCE		/* asprintf() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "fdinfo.h"
#include "look.h"
#include "output.h"
#include "tool.h"

#define ARENA_BYTES	(256 << 10)

static struct json_object *read_stats(const struct look_options *options)
{
	struct json_object *stats, *o;
	char *file;

	if (!options->has_heap) {
		stats = refslab_debugfs_read(options->mount, "stats");
	} else {
		if (asprintf(&file, "heaps/%u/stats", options->heap) < 0)
			return NULL;
		stats = refslab_debugfs_read(options->mount, file);
		free(file);
	}
	if (!stats) {
		refslab_debugfs_explain(options->mount, errno);
		return NULL;
	}
	o = json_object_new_object();
	json_object_object_add(o, "stats", stats);
	return o;
}

/* What went back to the kernel, as bytes, is none of the module's own counters. */
static void add_given_back(struct json_object *stats)
{
	__u64 arenas = refslab_look_number(stats, "arenas_returned");

	json_object_object_add(stats, "bytes_given_back",
			       json_object_new_uint64(arenas * ARENA_BYTES));
}

static struct json_object *change(struct json_object *before, struct json_object *now)
{
	struct json_object *o = json_object_new_object();

	json_object_object_foreach(now, key, value) {
		__s64 more = json_object_get_int64(value) - refslab_look_number(before, key);

		json_object_object_add(o, key, json_object_new_int64(more));
	}
	return o;
}

static void print_change(struct json_object *before, struct json_object *now,
			 struct json_object *diff)
{
	char text[24];

	printf("%-16s %14s %14s %14s\n", "", "BEFORE", "NOW", "CHANGE");
	json_object_object_foreach(now, key, value)
		printf("%-16s %14lld %14s %14s\n", key,
		       refslab_look_number(before, key),
		       json_object_get_string(value),
		       refslab_look_change(refslab_look_number(diff, key), text));
}

static void compare(struct json_object *before, struct json_object *now, bool json)
{
	struct json_object *diff, *o;

	add_given_back(before);
	add_given_back(now);
	diff = change(before, now);
	if (!json) {
		print_change(before, now, diff);
		json_object_put(diff);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "before", json_object_get(before));
	json_object_object_add(o, "now", json_object_get(now));
	json_object_object_add(o, "change", diff);
	refslab_tool_json(o);
}

/* The sessions of a process. */
static int print_process(const struct look_options *options)
{
	struct json_object *sessions = refslab_fdinfo_sessions(options->pid);
	size_t i;

	if (!sessions) {
		refslab_tool_error("process %u: %s", options->pid, errno == ENOENT ?
				   "there is none" : strerror(errno));
		return REFSLAB_EXIT_FAILED;
	}
	if (!json_object_array_length(sessions)) {
		refslab_tool_error("process %u has no session with a heap", options->pid);
		json_object_put(sessions);
		return REFSLAB_EXIT_FAILED;
	}
	if (options->json) {
		refslab_tool_json(sessions);
		return REFSLAB_EXIT_OK;
	}
	for (i = 0; i < json_object_array_length(sessions); i++) {
		if (i)
			putchar('\n');
		refslab_output_pairs(json_object_array_get_idx(sessions, i));
	}
	json_object_put(sessions);
	return REFSLAB_EXIT_OK;
}

static int stat_main(int argc, char **argv)
{
	struct json_object *before, *now, *stats;
	struct look_options options;
	int status;

	status = refslab_look_options(&refslab_stat_command, argc, argv, &options);
	if (status >= 0)
		return status;
	if (options.pid)
		return print_process(&options);
	status = refslab_look_moments(&options, "stat", read_stats, &before, &now);
	if (status)
		return status;
	stats = json_object_object_get(now, "stats");
	if (before)
		compare(json_object_object_get(before, "stats"), stats, options.json);
	else if (options.json)
		refslab_tool_json(json_object_get(stats));
	else
		refslab_output_pairs(stats);
	json_object_put(before);
	json_object_put(now);
	return REFSLAB_EXIT_OK;
}

const struct refslab_command refslab_stat_command = {
	.name = "stat",
	.summary = "counters of all heaps together, or of one",
	.help =
	"Usage: refslab stat [OPTION...] [HEAP]\n"
	"       refslab stat --pid PID [--json]\n"
	"Prints the counters of all heaps together and the number of heaps, or those of the heap\n"
	"with that number ('refslab heaps' lists them). With an earlier moment to compare with: both,\n"
	"and what they have changed by; bytes_given_back are arenas returned to the kernel.\n"
	"Reads debugfs, which only root may. With --pid it prints what /proc tells of a process's\n"
	"sessions and their heaps, without root, for whoever may look into the process.\n\n"
	"      --pid PID      the sessions of that process, a number from 1\n"
	"      --save FILE    keep this moment in a file\n"
	"      --since FILE   compare with a moment that was saved, of the same heap or heaps\n"
	"      --interval S   compare with S seconds ago, which are spent waiting\n"
	"  -d, --debugfs DIR  where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json         one object with the counters' names as keys; of two moments, one with\n"
	"                     \"before\", \"now\" and \"change\"\n"
	"  -h, --help         this text\n",
	.main = stat_main,
};
