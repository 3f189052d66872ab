// SPDX-License-Identifier: GPL-2.0
/* Statements about the collector and the heap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "job.h"
#include "words.h"

static bool say_generations(struct job *job, const char *key,
			    const __u32 value[REFSLAB_GENERATIONS])
{
	struct json_object *array = json_object_new_array_ext(REFSLAB_GENERATIONS);
	unsigned int g;

	for (g = 0; array && g < REFSLAB_GENERATIONS; g++)
		json_object_array_add(array, json_object_new_int64(value[g]));
	return refslab_job_say(job, key, array);
}

static bool do_collect(struct job *job)
{
	__u32 g = REFSLAB_GENERATIONS - 1, all = 0;
	__u64 unreachable, uncollectable;
	unsigned int i;
	int err;

	for (i = 0; i < job->line->nr_args; i++) {
		if (job->line->args[i].option)
			all = job->line->args[i].option->value;
		else
			g = job->line->args[i].number;
	}
	err = refslab_op_collect(job->session, g | all, &unreachable, &uncollectable);
	return refslab_job_check(job, REFSLAB_OP_COLLECT, err) &&
	       refslab_job_say_number(job, "collect", g) &&
	       refslab_job_say_number(job, "unreachable", unreachable) &&
	       refslab_job_say_number(job, "uncollectable", uncollectable);
}

static bool do_threshold(struct job *job)
{
	__u32 t[REFSLAB_GENERATIONS];
	unsigned int g;
	int err;

	if (!job->line->nr_args) {
		err = refslab_op_get_threshold(job->session, t);
		return refslab_job_check(job, REFSLAB_OP_GET_THRESHOLD, err) &&
		       say_generations(job, "threshold", t);
	}
	for (g = 0; g < REFSLAB_GENERATIONS; g++)
		t[g] = job->number[g];
	return refslab_job_check(job, REFSLAB_OP_SET_THRESHOLD,
				 refslab_op_set_threshold(job->session, t));
}

static bool do_count(struct job *job)
{
	__u32 count[REFSLAB_GENERATIONS];
	int err = refslab_op_get_count(job->session, count);

	return refslab_job_check(job, REFSLAB_OP_GET_COUNT, err) &&
	       say_generations(job, "count", count);
}

static bool do_enable(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_ENABLE, refslab_op_enable(job->session));
}

static bool do_disable(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_DISABLE, refslab_op_disable(job->session));
}

static bool do_enabled(struct job *job)
{
	bool enabled;
	int err = refslab_op_isenabled(job->session, &enabled);

	return refslab_job_check(job, REFSLAB_OP_ISENABLED, err) &&
	       refslab_job_say_flag(job, "enabled", enabled);
}

static bool do_stats(struct job *job)
{
	struct refslab_gc_stats stats;
	struct json_object *array;
	unsigned int g;
	int err = refslab_op_get_stats(job->session, &stats);

	if (!refslab_job_check(job, REFSLAB_OP_GET_STATS, err))
		return false;
	array = json_object_new_array_ext(REFSLAB_GENERATIONS);
	for (g = 0; array && g < REFSLAB_GENERATIONS; g++) {
		struct json_object *row = json_object_new_object();

		json_object_object_add(row, "collections",
				       json_object_new_uint64(stats.gen[g].collections));
		json_object_object_add(row, "collected",
				       json_object_new_uint64(stats.gen[g].collected));
		json_object_object_add(row, "uncollectable",
				       json_object_new_uint64(stats.gen[g].uncollectable));
		json_object_array_add(array, row);
	}
	return refslab_job_say(job, "stats", array);
}

/* One option is more than one flag: not shown. */
static const struct {
	const char *name;
	__u32 flag;
} debug_flags[] = {
	{ "STATS", REFSLAB_DEBUG_STATS },
	{ "COLLECTABLE", REFSLAB_DEBUG_COLLECTABLE },
	{ "UNCOLLECTABLE", REFSLAB_DEBUG_UNCOLLECTABLE },
	{ "SAVEALL", REFSLAB_DEBUG_SAVEALL },
};

static bool say_debug(struct job *job)
{
	struct json_object *array;
	unsigned int i;
	__u32 flags;
	int err = refslab_op_get_debug(job->session, &flags);

	if (!refslab_job_check(job, REFSLAB_OP_GET_DEBUG, err))
		return false;
	array = json_object_new_array();
	for (i = 0; array && i < ARRAY_SIZE(debug_flags); i++)
		if (flags & debug_flags[i].flag)
			json_object_array_add(array, json_object_new_string(debug_flags[i].name));
	return refslab_job_say(job, "debug", array);
}

static bool do_debug(struct job *job)
{
	const struct parser_line *line = job->line;
	__u32 flags = 0;
	unsigned int i;

	if (!line->nr_args)
		return say_debug(job);
	for (i = 0; i < line->nr_args; i++)
		flags |= line->args[i].option->value;
	return refslab_job_check(job, REFSLAB_OP_SET_DEBUG,
				 refslab_op_set_debug(job->session, flags));
}

static bool do_freeze(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_FREEZE, refslab_op_freeze(job->session));
}

static bool do_unfreeze(struct job *job)
{
	return refslab_job_check(job, REFSLAB_OP_UNFREEZE, refslab_op_unfreeze(job->session));
}

static bool do_freezecount(struct job *job)
{
	__u64 count;
	int err = refslab_op_freezecount(job->session, &count);

	return refslab_job_check(job, REFSLAB_OP_FREEZECOUNT, err) &&
	       refslab_job_say_number(job, "freezecount", count);
}

static bool do_trim(struct job *job)
{
	__u64 bytes;
	int err = refslab_op_trim(job->session, &bytes);

	return refslab_job_check(job, REFSLAB_OP_TRIM, err) &&
	       refslab_job_say_number(job, "trim", bytes);
}

static bool do_stat(struct job *job)
{
	struct refslab_stat s;
	int err = refslab_op_stat(job->session, &s);

	return refslab_job_check(job, REFSLAB_OP_STAT, err) &&
	       refslab_job_say_number(job, "objects", s.objects) &&
	       refslab_job_say_number(job, "tracked", s.tracked) &&
	       refslab_job_say_number(job, "handles", s.handles) &&
	       refslab_job_say_number(job, "bytes_used", s.bytes_used) &&
	       refslab_job_say_number(job, "bytes_cached", s.bytes_cached) &&
	       refslab_job_say_number(job, "bytes_reserved", s.bytes_reserved) &&
	       refslab_job_say_number(job, "arenas", s.arenas) &&
	       refslab_job_say_number(job, "pools_used", s.pools_used) &&
	       refslab_job_say_number(job, "pools_full", s.pools_full) &&
	       refslab_job_say_number(job, "pools_empty", s.pools_empty) &&
	       refslab_job_say_number(job, "large", s.large) &&
	       refslab_job_say_number(job, "arenas_made", s.arenas_made) &&
	       refslab_job_say_number(job, "arenas_returned", s.arenas_returned) &&
	       refslab_job_say_number(job, "max_trash", s.max_trash) &&
	       refslab_job_say_number(job, "events", s.events) &&
	       refslab_job_say_number(job, "roots", s.roots) &&
	       refslab_job_say_number(job, "bytes_mapped", s.bytes_mapped);
}

static bool do_limits(struct job *job)
{
	const struct parser_arg *arg = job->line->args;
	struct refslab_limits l;
	unsigned int i;
	int err;

	err = refslab_op_get_limits(job->session, &l);
	if (!refslab_job_check(job, REFSLAB_OP_GET_LIMITS, err))
		return false;
	for (i = 0; i < job->line->nr_args; i++) {
		switch (arg[i].option->value) {
		case WORDS_BYTES:
			l.max_bytes = arg[i].number;
			break;
		case WORDS_OBJECTS:
			l.max_objects = arg[i].number;
			break;
		case WORDS_HANDLES:
			l.max_handles = arg[i].number;
			break;
		}
	}
	if (job->line->nr_args)
		return refslab_job_check(job, REFSLAB_OP_SET_LIMITS,
					 refslab_op_set_limits(job->session, &l));
	return refslab_job_say_number(job, "max_bytes", l.max_bytes) &&
	       refslab_job_say_number(job, "max_objects", l.max_objects) &&
	       refslab_job_say_number(job, "max_handles", l.max_handles);
}

static bool do_sleep(struct job *job)
{
	__u64 ms = job->number[0];
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	/* only a signal that somebody catches */
	return !nanosleep(&left, NULL) ||
	       refslab_job_fail(job, "%s", errno == EINTR ? "interrupted" : strerror(errno));
}

const struct job_statement refslab_collector_statements[] = {
	{ "collect", do_collect },
	{ "threshold", do_threshold },
	{ "count", do_count },
	{ "enable", do_enable },
	{ "disable", do_disable },
	{ "enabled", do_enabled },
	{ "stats", do_stats },
	{ "debug", do_debug },
	{ "freeze", do_freeze },
	{ "unfreeze", do_unfreeze },
	{ "freezecount", do_freezecount },
	{ "trim", do_trim },
	{ "stat", do_stat },
	{ "limits", do_limits },
	{ "sleep", do_sleep },
	{ }
};
