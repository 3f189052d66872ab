// SPDX-License-Identifier: GPL-2.0
/* Reading the module's files in debugfs. */
#define _GNU_SOURCE		/* asprintf() */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "tool.h"

static struct json_object *parse_value(const char *text)
{
	char *end;
	__u64 n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (isdigit((unsigned char)text[0]) && !*end && !errno)
		return json_object_new_uint64(n);
	return json_object_new_string(text);
}

static int parse_line(struct json_object *o, char *line)
{
	char *name = strtok(line, " \t\n");
	char *value = strtok(NULL, " \t\n");

	if (!name)
		return 0;
	if (!value || strtok(NULL, " \t\n"))
		return -EPROTO;
	/* A heap may be called by a number. */
	return json_object_object_add(o, name, strcmp(name, "name") ? parse_value(value) :
				      json_object_new_string(value)) ? -ENOMEM : 0;
}

struct json_object *refslab_debugfs_read(const char *mount, const char *file)
{
	struct json_object *o;
	char *path, *line = NULL;
	size_t room = 0;
	int err = 0;
	FILE *f;

	if (asprintf(&path, "%s/refslab/%s", mount, file) < 0)
		return NULL;
	f = fopen(path, "re");
	free(path);
	if (!f)
		return NULL;

	o = json_object_new_object();
	while (!err && getline(&line, &room, f) > 0)
		err = parse_line(o, line);
	/* A heap may end while it is read. */
	if (!err && ferror(f))
		err = -ENOENT;
	free(line);
	fclose(f);
	if (!err)
		return o;
	json_object_put(o);
	errno = -err;
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	__u32 x = *(const __u32 *)a, y = *(const __u32 *)b;

	return x < y ? -1 : x > y;
}

int refslab_debugfs_heaps(const char *mount, __u32 **ids, size_t *count)
{
	struct dirent *entry;
	size_t room = 0;
	char *path;
	DIR *dir;

	*ids = NULL;
	*count = 0;
	if (asprintf(&path, "%s/refslab/heaps", mount) < 0)
		return -ENOMEM;
	dir = opendir(path);
	free(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (*count == room) {
			__u32 *more;

			room = room ? 2 * room : 16;
			more = reallocarray(*ids, room, sizeof(**ids));
			if (!more) {
				free(*ids);
				closedir(dir);
				return -ENOMEM;
			}
			*ids = more;
		}
		(*ids)[(*count)++] = strtoul(entry->d_name, NULL, 10);
	}
	closedir(dir);
	if (*count)
		qsort(*ids, *count, sizeof(**ids), by_number);
	return 0;
}

void refslab_debugfs_explain(const char *mount, int err)
{
	char *path = NULL;

	switch (err) {
	case EACCES:
	case EPERM:
		refslab_tool_error("%s/refslab: only root may look there", mount);
		return;
	case ENOENT:
	case ENOTDIR:
		/* "heaps" is there whenever the module is. */
		if (asprintf(&path, "%s/refslab/heaps", mount) < 0)
			path = NULL;
		if (path && !access(path, F_OK))
			refslab_tool_error("there is no such heap");
		else
			refslab_tool_error("%s/refslab: %s", mount,
					   "the module is not loaded or debugfs is not mounted");
		free(path);
		return;
	default:
		refslab_tool_error("%s/refslab: %s", mount, strerror(err));
	}
}

int refslab_debugfs_options(const struct refslab_command *cmd, int argc, char **argv,
			    const char **mount, bool *json)
{
	static const struct option options[] = {
		{ "debugfs", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:jh", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			*mount = optarg;
			break;
		case 'j':
			*json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	return -1;
}
