// SPDX-License-Identifier: GPL-2.0
/* refslab stat: the counters of all heaps together, or of one. */
#define _GNU_SOURCE		/* asprintf() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "output.h"
#include "tool.h"

static int stat_main(int argc, char **argv)
{
	const struct refslab_command *cmd = &refslab_stat_command;
	const char *mount = REFSLAB_DEBUGFS_MOUNT;
	struct json_object *stat;
	bool json = false;
	char *file;
	__u64 heap;
	int status;

	status = refslab_debugfs_options(cmd, argc, argv, &mount, &json);
	if (status >= 0)
		return status;
	if (argc - optind > 1)
		return refslab_tool_usage(cmd, "stat takes one heap at most");

	if (optind == argc) {
		stat = refslab_debugfs_read(mount, "stats");
	} else {
		if (!refslab_tool_number(cmd, "HEAP", argv[optind], ~0u, &heap))
			return REFSLAB_EXIT_USAGE;
		if (asprintf(&file, "heaps/%llu/stats", heap) < 0)
			return REFSLAB_EXIT_FAILED;
		stat = refslab_debugfs_read(mount, file);
		free(file);
	}
	if (!stat) {
		refslab_debugfs_explain(mount, errno);
		return REFSLAB_EXIT_FAILED;
	}
	if (json) {
		refslab_tool_json(stat);
	} else {
		refslab_output_pairs(stat);
		json_object_put(stat);
	}
	return REFSLAB_EXIT_OK;
}

const struct refslab_command refslab_stat_command = {
	.name = "stat",
	.summary = "counters of all heaps together, or of one",
	.help =
	"Usage: refslab stat [--json] [HEAP]\n"
	"Prints the counters of all heaps together and the number of heaps, or those of the heap\n"
	"with that number ('refslab heaps' lists them). Reads debugfs, which only root may.\n\n"
	"  -d, --debugfs DIR  where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json         one object with the counters' names as keys\n"
	"  -h, --help         this text\n",
	.main = stat_main,
};
