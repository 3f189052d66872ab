/* SPDX-License-Identifier: GPL-2.0 */
/* What the module tells of its heaps at one moment, for those who compare, draw and export it. */
#ifndef _REFSLAB_LOOK_H
#define _REFSLAB_LOOK_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct refslab_command;

/*
 * A file of rows below a line of titles as an array of objects, whose keys are the titles; of lines
 * that begin with # nothing. NULL with errno set when it cannot be read.
 */
struct json_object *refslab_look_table(const char *mount, __u32 heap, const char *file);

/*
 * One heap: "heap", "name" when it has one, the counters of stats; with @types the rows of the file
 * types as "types"; with @scans those of generations as "generations", and of the last scan
 * "last_ns" and "longest_ns". NULL with errno set.
 */
struct json_object *refslab_look_heap(const char *mount, __u32 heap, bool types, bool scans);

/*
 * Those of all heaps, as an array, or of @only when it is not NULL. Heaps that end meanwhile are
 * left out. NULL with errno set when it cannot be read, or @only is not there.
 */
struct json_object *refslab_look_heaps(const char *mount, const __u32 *only, bool types,
				       bool scans);

/* The number of a key, 0 when there is none. */
__s64 refslab_look_number(struct json_object *o, const char *key);
/* The text of a key, "" when there is none. */
const char *refslab_look_text(struct json_object *o, const char *key);

/* How much a number has changed by, with its sign, but for 0; returns @text. */
const char *refslab_look_change(__s64 n, char text[24]);

/* Seconds, of a clock that only goes forward. */
double refslab_look_clock(void);

/* How refslab types and refslab stat compare two moments. */
struct look_options {
	const char *mount;
	bool json;
	bool all;		/* rows with nothing in them, too; refslab types only */
	const char *since;	/* a file of an earlier moment, or NULL */
	const char *save;	/* where this moment goes, or NULL */
	double interval;	/* seconds from one to the other, or 0 */
	bool has_heap;
	__u32 heap;
	__u32 pid;		/* 0: none; refslab stat only */
};

/* A number of seconds. False, having said so as a usage error of @cmd, when it is none. */
bool refslab_look_seconds(const struct refslab_command *cmd, const char *option, const char *text,
			  double *seconds);

/* The number of a process, in the same way. */
bool refslab_look_pid(const struct refslab_command *cmd, const char *option, const char *text,
		      __u32 *pid);

/* Reads a command line. An exit status when the sub-command ends there; -1 to go on. */
int refslab_look_options(const struct refslab_command *cmd, int argc, char **argv,
			 struct look_options *options);

/*
 * The moment now, and the one to compare it with, NULL when there is none: "kind" is what a file
 * has to be of. Each is an object that @read makes, NULL having said why. Returns an exit status.
 */
int refslab_look_moments(const struct look_options *options, const char *kind,
			 struct json_object *(*read)(const struct look_options *options),
			 struct json_object **before, struct json_object **now);

#endif /* _REFSLAB_LOOK_H */
