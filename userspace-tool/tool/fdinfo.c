// SPDX-License-Identifier: GPL-2.0
/* What /proc tells of sessions: those of processes that the caller may look into. */
#define _GNU_SOURCE		/* asprintf() */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fdinfo.h"
#include "look.h"
#include "tool.h"

#define PREFIX	"refslab-"

/* Adds a line "refslab-KEY:\tVALUE". */
static void add_line(struct json_object *o, char *line)
{
	char *key = line + strlen(PREFIX), *value = strchr(key, ':');

	if (!value)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, "\n")] = '\0';
	/* a heap may be called by a number, and rights are words */
	json_object_object_add(o, key, !strcmp(key, "heap-name") || !strcmp(key, "rights") ?
				       json_object_new_string(value) :
				       json_object_new_uint64(strtoull(value, NULL, 10)));
}

/* The session behind a descriptor; NULL when there is none with a heap, or it cannot be read. */
static struct json_object *read_session(const char *pid, const char *fd)
{
	struct json_object *o = NULL;
	char *path, *line = NULL;
	size_t room = 0;
	FILE *f;

	if (asprintf(&path, "/proc/%s/fdinfo/%s", pid, fd) < 0)
		return NULL;
	f = fopen(path, "re");
	free(path);
	if (!f)
		return NULL;
	while (getline(&line, &room, f) > 0) {
		if (strncmp(line, PREFIX, strlen(PREFIX)))
			continue;
		if (!o) {
			o = json_object_new_object();
			json_object_object_add(o, "pid", json_object_new_int64(atoll(pid)));
			json_object_object_add(o, "fd", json_object_new_int64(atoll(fd)));
		}
		add_line(o, line);
	}
	free(line);
	fclose(f);
	if (refslab_look_number(o, "heap"))
		return o;
	json_object_put(o);
	return NULL;
}

static int add_process(struct json_object *sessions, const char *pid)
{
	struct json_object *session;
	struct dirent *entry;
	char *path;
	DIR *dir;

	if (asprintf(&path, "/proc/%s/fdinfo", pid) < 0)
		return -ENOMEM;
	dir = opendir(path);
	free(path);
	if (!dir)
		return -errno;
	errno = 0;
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		session = read_session(pid, entry->d_name);
		if (session)
			json_object_array_add(sessions, session);
	}
	closedir(dir);
	return 0;
}

struct json_object *refslab_fdinfo_sessions(__u32 pid)
{
	struct json_object *sessions = json_object_new_array();
	struct dirent *entry;
	char text[16];
	DIR *dir;
	int err;

	if (pid) {
		snprintf(text, sizeof(text), "%u", pid);
		err = add_process(sessions, text);
		if (!err)
			return sessions;
		json_object_put(sessions);
		errno = -err;
		return NULL;
	}
	dir = opendir("/proc");
	if (!dir) {
		json_object_put(sessions);
		return NULL;
	}
	/* processes of others, and those that have ended meanwhile, are left out */
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			add_process(sessions, entry->d_name);
	closedir(dir);
	return sessions;
}

static int by_heap(const void *a, const void *b)
{
	__s64 x = refslab_look_number(*(struct json_object * const *)a, "heap");
	__s64 y = refslab_look_number(*(struct json_object * const *)b, "heap");

	return x < y ? -1 : x > y;
}

/* Under the names that they have in debugfs. */
static struct json_object *heap_of(struct json_object *session)
{
	static const char *const numbers[][2] = {
		{ "heap", "heap" },
		{ "heap-objects", "objects" },
		{ "heap-handles", "handles" },
		{ "heap-bytes", "bytes_reserved" },
		{ "heap-roots", "roots" },
	};
	const char *name = refslab_look_text(session, "heap-name");
	struct json_object *heap = json_object_new_object();
	__s64 number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		number = refslab_look_number(session, numbers[i][0]);
		json_object_object_add(heap, numbers[i][1], json_object_new_int64(number));
	}
	if (*name)
		json_object_object_add(heap, "name", json_object_new_string(name));
	return heap;
}

struct json_object *refslab_fdinfo_heaps(void)
{
	struct json_object *sessions = refslab_fdinfo_sessions(0), *heaps, *session;
	__s64 last = 0;
	size_t i;

	if (!sessions)
		return NULL;
	json_object_array_sort(sessions, by_heap);
	heaps = json_object_new_array();
	for (i = 0; i < json_object_array_length(sessions); i++) {
		session = json_object_array_get_idx(sessions, i);
		if (refslab_look_number(session, "heap") == last)
			continue;
		last = refslab_look_number(session, "heap");
		json_object_array_add(heaps, heap_of(session));
	}
	json_object_put(sessions);
	return heaps;
}
