// SPDX-License-Identifier: GPL-2.0
/* refslab heaps: one line for each heap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "fdinfo.h"
#include "librefslab.h"
#include "look.h"
#include "tool.h"

static const struct {
	const char *key;
	const char *title;
	int width;
} columns[] = {
	{ "heap", "HEAP", 5 },
	{ "objects", "OBJECTS", 10 },
	{ "tracked", "TRACKED", 10 },
	{ "handles", "HANDLES", 10 },
	{ "bytes_used", "USED", 12 },
	{ "bytes_cached", "CACHED", 12 },
	{ "bytes_reserved", "RESERVED", 12 },
	{ "arenas", "ARENAS", 8 },
};

static void print_row(struct json_object *heap)
{
	struct json_object *name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		struct json_object *value;

		if (json_object_object_get_ex(heap, columns[i].key, &value))
			printf("%*s", columns[i].width, json_object_get_string(value));
		else
			printf("%*s", columns[i].width, "-");
	}
	if (json_object_object_get_ex(heap, "name", &name))
		printf("  %s", json_object_get_string(name));
	putchar('\n');
}

static void print_titles(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		printf("%*s%s", columns[i].width, columns[i].title,
		       i + 1 < ARRAY_SIZE(columns) ? "" : "  NAME\n");
}

/* Those of processes that the caller may look into. */
static int list_own(bool json)
{
	struct json_object *heaps = refslab_fdinfo_heaps();
	size_t i;

	if (!heaps) {
		refslab_tool_error("/proc: %s", strerror(errno));
		return REFSLAB_EXIT_FAILED;
	}
	if (json) {
		refslab_tool_json(heaps);
		return REFSLAB_EXIT_OK;
	}
	print_titles();
	for (i = 0; i < json_object_array_length(heaps); i++)
		print_row(json_object_array_get_idx(heaps, i));
	json_object_put(heaps);
	return REFSLAB_EXIT_OK;
}

static int list_heaps(const char *mount, bool json)
{
	__u32 *ids;
	size_t count, i;
	int err;

	err = refslab_debugfs_heaps(mount, &ids, &count);
	/* where debugfs is not mounted, it is no help to be told so without being root */
	if (err == -EACCES || err == -EPERM ||
	    (err == -ENOENT && geteuid() && !access(REFSLAB_DEVICE, F_OK)))
		return list_own(json);
	if (err) {
		refslab_debugfs_explain(mount, -err);
		return REFSLAB_EXIT_FAILED;
	}
	if (!json)
		print_titles();
	for (i = 0; i < count; i++) {
		struct json_object *heap = refslab_look_heap(mount, ids[i], false, false);

		/* It ended since the folder was read. */
		if (!heap && errno == ENOENT)
			continue;
		if (!heap) {
			refslab_debugfs_explain(mount, errno);
			free(ids);
			return REFSLAB_EXIT_FAILED;
		}
		if (json) {
			refslab_tool_json(heap);
		} else {
			print_row(heap);
			json_object_put(heap);
		}
	}
	free(ids);
	return REFSLAB_EXIT_OK;
}

static int heaps_main(int argc, char **argv)
{
	const char *mount = REFSLAB_DEBUGFS_MOUNT;
	bool json = false;
	int status;

	status = refslab_debugfs_options(&refslab_heaps_command, argc, argv, &mount, &json);
	if (status >= 0)
		return status;
	if (optind < argc)
		return refslab_tool_usage(&refslab_heaps_command, "heaps takes no argument");
	return list_heaps(mount, json);
}

const struct refslab_command refslab_heaps_command = {
	.name = "heaps",
	.summary = "one line for each heap there is",
	.help =
	"Usage: refslab heaps [--debugfs DIR] [--json]\n"
	"Prints a line for each heap: its number, objects, those of them the collector tracks,\n"
	"handles, bytes used, cached and reserved, arenas, its name.\n"
	"Reads debugfs, which only root may. Others are told of the heaps of their own processes, by\n"
	"/proc: objects, handles, bytes reserved, name.\n\n"
	"  -d, --debugfs DIR  where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json         one object a heap, \"heap\" and the names of the counters as keys\n"
	"  -h, --help         this text\n",
	.main = heaps_main,
};
