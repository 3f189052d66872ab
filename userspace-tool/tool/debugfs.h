/* SPDX-License-Identifier: GPL-2.0 */
/* The module's files in debugfs. */
#ifndef _REFSLAB_DEBUGFS_H
#define _REFSLAB_DEBUGFS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct refslab_command;

#define REFSLAB_DEBUGFS_MOUNT	"/sys/kernel/debug"

/*
 * The options of sub-commands that read them: --debugfs, --json, --help. Returns an exit status
 * when the sub-command ends there; -1 to go on, with the operands at optind.
 */
int refslab_debugfs_options(const struct refslab_command *cmd, int argc, char **argv,
			    const char **mount, bool *json);

/*
 * A file of "name value" lines as one JSON object, in the file's order.
 * @mount: where debugfs is mounted; @file: below its refslab/ folder
 * NULL with errno set when it cannot be read (EPROTO: the file is something else).
 */
struct json_object *refslab_debugfs_read(const char *mount, const char *file);

/* The ids of the heaps there are, ascending, to be freed; -errno. */
int refslab_debugfs_heaps(const char *mount, __u32 **ids, size_t *count);

/* Says why the files cannot be read. */
void refslab_debugfs_explain(const char *mount, int err);

#endif /* _REFSLAB_DEBUGFS_H */
