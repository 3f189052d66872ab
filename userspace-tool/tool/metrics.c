// SPDX-License-Identifier: GPL-2.0
/*
 * refslab metrics: what the module counts, in the text format of Prometheus, version 0.0.4.
 *
 * The samples of a metric have to stand together, so all are collected before any is printed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "look.h"
#include "tool.h"

#define NS	(1.0 / 1000000000)

enum source { OF_HEAP, OF_GENERATION, OF_TYPE };

/* A metric, from a key of what look.h reads. */
static const struct metric {
	const char *name;
	enum source source;
	const char *key;
	const char *label;	/* one more label, and its value */
	const char *value;
	const char *help;	/* NULL: as the metric before */
	double scale;		/* to base units; 0: 1 */
} metrics[] = {
	{ "refslab_objects", OF_HEAP, "objects", NULL, NULL, "Live objects.", 0 },
	{ "refslab_objects_tracked", OF_HEAP, "tracked", NULL, NULL,
	  "Live objects that the collector looks after.", 0 },
	{ "refslab_handles", OF_HEAP, "handles", NULL, NULL, "Handles of all sessions.", 0 },
	{ "refslab_used_bytes", OF_HEAP, "bytes_used", NULL, NULL,
	  "Bytes of blocks in use, with tables of lists.", 0 },
	{ "refslab_cached_bytes", OF_HEAP, "bytes_cached", NULL, NULL,
	  "Bytes of blocks kept by the caches of types.", 0 },
	{ "refslab_reserved_bytes", OF_HEAP, "bytes_reserved", NULL, NULL,
	  "Bytes taken from the kernel.", 0 },
	{ "refslab_mapped_bytes", OF_HEAP, "bytes_mapped", NULL, NULL,
	  "Bytes of pages of mappable payloads.", 0 },
	{ "refslab_arenas", OF_HEAP, "arenas", NULL, NULL, "Arenas held.", 0 },
	{ "refslab_pools", OF_HEAP, "pools_used", "state", "used", "Pools, by their state.", 0 },
	{ "refslab_pools", OF_HEAP, "pools_full", "state", "full", NULL, 0 },
	{ "refslab_pools", OF_HEAP, "pools_empty", "state", "empty", NULL, 0 },
	{ "refslab_large_blocks", OF_HEAP, "large", NULL, NULL, "Large blocks.", 0 },
	{ "refslab_arenas_made_total", OF_HEAP, "arenas_made", NULL, NULL,
	  "Arenas taken from the kernel.", 0 },
	{ "refslab_arenas_returned_total", OF_HEAP, "arenas_returned", NULL, NULL,
	  "Arenas given back to the kernel.", 0 },
	{ "refslab_max_trash_objects", OF_HEAP, "max_trash", NULL, NULL,
	  "Objects found unreachable and not destroyed yet, the most at one time.", 0 },
	{ "refslab_events_pending", OF_HEAP, "events", NULL, NULL,
	  "Events of objects that wait to be read.", 0 },
	{ "refslab_roots", OF_HEAP, "roots", NULL, NULL,
	  "Objects published under a name.", 0 },
	{ "refslab_gc_last_scan_seconds", OF_HEAP, "last_ns", NULL, NULL,
	  "How long the last scan took to its verdict.", NS },
	{ "refslab_gc_longest_stretch_seconds", OF_HEAP, "longest_ns", NULL, NULL,
	  "The longest that the last scan went on without giving way.", NS },
	{ "refslab_gc_collections_total", OF_GENERATION, "collections", NULL, NULL,
	  "Scans finished, by generation.", 0 },
	{ "refslab_gc_collected_objects_total", OF_GENERATION, "collected", NULL, NULL,
	  "Objects found unreachable by scans.", 0 },
	{ "refslab_gc_uncollectable_objects_total", OF_GENERATION, "uncollectable", NULL, NULL,
	  "Objects found unreachable that could not be destroyed.", 0 },
	{ "refslab_gc_threshold", OF_GENERATION, "threshold", NULL, NULL,
	  "The count that an automatic scan starts beyond.", 0 },
	{ "refslab_gc_count", OF_GENERATION, "count", NULL, NULL,
	  "The count that is compared with the threshold.", 0 },
	{ "refslab_gc_generation_objects", OF_GENERATION, "objects", NULL, NULL,
	  "Objects in the generation.", 0 },
	{ "refslab_type_objects", OF_TYPE, "live", NULL, NULL, "Live objects, by type.", 0 },
	{ "refslab_type_cached_objects", OF_TYPE, "cached", NULL, NULL,
	  "Dead objects kept for reuse, by type.", 0 },
	{ "refslab_type_made_objects_total", OF_TYPE, "made", NULL, NULL,
	  "Objects made, by type.", 0 },
	{ "refslab_type_freed_objects_total", OF_TYPE, "freed", NULL, NULL,
	  "Objects destroyed, by type.", 0 },
	{ "refslab_type_cache_hits_total", OF_TYPE, "hits", NULL, NULL,
	  "Objects made from a block of their type's cache.", 0 },
};

/* Of a value of a label: as the format has it. */
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			printf("\\%c", *text);
		else if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
}

static void print_text(struct json_object *labels, double value)
{
	const char *separator = "{";

	json_object_object_foreach(labels, key, label) {
		printf("%s%s=\"", separator, key);
		print_escaped(json_object_get_string(label));
		putchar('"');
		separator = ",";
	}
	/* counts are exact up to 10^15 */
	printf("%s %.15g\n", *separator == ',' ? "}" : "", value);
}

static void print_json(const struct metric *m, const char *type, struct json_object *labels,
		       double value)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "metric", json_object_new_string(m->name));
	json_object_object_add(o, "type", json_object_new_string(type));
	json_object_object_add(o, "labels", json_object_get(labels));
	json_object_object_add(o, "value", value == (__s64)value ?
			       json_object_new_int64(value) : json_object_new_double(value));
	refslab_tool_json(o);
}

static const char *type_of(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && !strcmp(name + len - 6, "_total") ? "counter" : "gauge";
}

/* One sample: a row's value, and what tells it from others of the metric. */
static void print_sample(const struct metric *m, struct json_object *heap, struct json_object *row,
			 const char *label, bool json)
{
	struct json_object *labels = json_object_new_object();
	double value = refslab_look_number(row, m->key) * (m->scale ? m->scale : 1);

	json_object_object_add(labels, "heap",
			       json_object_new_string(refslab_look_text(heap, "heap")));
	if (*refslab_look_text(heap, "name"))
		json_object_object_add(labels, "name",
				       json_object_new_string(refslab_look_text(heap, "name")));
	if (label) {
		const char *text = refslab_look_text(row, *label == 't' ? "name" : label);

		json_object_object_add(labels, label, json_object_new_string(text));
	}
	if (m->label)
		json_object_object_add(labels, m->label, json_object_new_string(m->value));
	if (json) {
		print_json(m, type_of(m->name), labels, value);
	} else {
		fputs(m->name, stdout);
		print_text(labels, value);
	}
	json_object_put(labels);
}

static void print_metric(const struct metric *m, struct json_object *heaps, bool json)
{
	size_t i, j;

	if (m->help && !json)
		printf("# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
		       type_of(m->name));
	for (i = 0; i < json_object_array_length(heaps); i++) {
		struct json_object *heap = json_object_array_get_idx(heaps, i);
		const char *label = m->source == OF_TYPE ? "type" : "generation";
		struct json_object *rows;

		if (m->source == OF_HEAP) {
			print_sample(m, heap, heap, NULL, json);
			continue;
		}
		rows = json_object_object_get(heap, m->source == OF_TYPE ? "types" : "generations");
		for (j = 0; j < json_object_array_length(rows); j++)
			print_sample(m, heap, json_object_array_get_idx(rows, j), label, json);
	}
}

/* What is of no heap. */
static void print_general(struct json_object *heaps, bool json)
{
	static const struct metric number = {
		.name = "refslab_heaps", .help = "Heaps there are.",
	}, build = {
		.name = "refslab_build_info", .help = "The version of the tool, as a label.",
	};
	struct json_object *labels = json_object_new_object();
	size_t n = json_object_array_length(heaps);

	if (json) {
		print_json(&number, "gauge", labels, n);
		json_object_object_add(labels, "version",
				       json_object_new_string(refslab_version()));
		print_json(&build, "gauge", labels, 1);
	} else {
		printf("# HELP %s %s\n# TYPE %s gauge\n%s %zu\n", number.name, number.help,
		       number.name, number.name, n);
		printf("# HELP %s %s\n# TYPE %s gauge\n%s{version=\"%s\"} 1\n", build.name,
		       build.help, build.name, build.name, refslab_version());
	}
	json_object_put(labels);
}

static int metrics_main(int argc, char **argv)
{
	const struct refslab_command *cmd = &refslab_metrics_command;
	const char *mount = REFSLAB_DEBUGFS_MOUNT;
	struct json_object *heaps;
	bool json = false;
	int status;
	size_t i;

	status = refslab_debugfs_options(cmd, argc, argv, &mount, &json);
	if (status >= 0)
		return status;
	if (optind < argc)
		return refslab_tool_usage(cmd, "metrics takes no argument");
	heaps = refslab_look_heaps(mount, NULL, true, true);
	if (!heaps) {
		refslab_debugfs_explain(mount, errno);
		return REFSLAB_EXIT_FAILED;
	}
	print_general(heaps, json);
	for (i = 0; i < ARRAY_SIZE(metrics); i++)
		print_metric(&metrics[i], heaps, json);
	json_object_put(heaps);
	return REFSLAB_EXIT_OK;
}

const struct refslab_command refslab_metrics_command = {
	.name = "metrics",
	.summary = "all counters, for Prometheus",
	.help =
	"Usage: refslab metrics [--debugfs DIR] [--json]\n"
	"Prints what the module counts in the text format of Prometheus: of each heap its objects,\n"
	"memory, arenas and pools, of each generation its scans and what they found, of each type its\n"
	"objects and cache. For the textfile collector of node_exporter:\n"
	"  refslab metrics >refslab.prom.new && mv refslab.prom.new refslab.prom\n"
	"Reads debugfs, which only root may.\n\n"
	"  -d, --debugfs DIR  where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json         one object a sample: metric, type, labels, value\n"
	"  -h, --help         this text\n",
	.main = metrics_main,
};
