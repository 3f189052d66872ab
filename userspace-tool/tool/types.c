// SPDX-License-Identifier: GPL-2.0
/* refslab types: objects and caches by type, and what has grown between two moments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "look.h"
#include "tool.h"

/* What is summed up when several heaps have a type of the name, and compared between moments. */
static const char *const counters[] = {
	"live", "bytes", "cached", "hits", "misses", "made", "freed",
};

static __s64 number(struct json_object *o, const char *key)
{
	return refslab_look_number(o, key);
}

static const char *name_of(struct json_object *type)
{
	return refslab_look_text(type, "name");
}

static struct json_object *find(struct json_object *types, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(types); i++) {
		struct json_object *type = json_object_array_get_idx(types, i);

		if (!strcmp(name_of(type), name))
			return type;
	}
	return NULL;
}

static void set(struct json_object *o, const char *key, __s64 n)
{
	json_object_object_add(o, key, json_object_new_int64(n));
}

/* A row of debugfs joins those of its name. */
static void add_row(struct json_object *types, struct json_object *row)
{
	const char *name = refslab_look_text(row, "name");
	const char *flags = refslab_look_text(row, "flags");
	struct json_object *type = find(types, name);
	__s64 values[ARRAY_SIZE(counters)];
	size_t i;

	if (!type) {
		type = json_object_new_object();
		json_object_object_add(type, "name", json_object_new_string(name));
		json_object_object_add(type, "exact", json_object_new_boolean(true));
		json_object_object_add(type, "mapped", json_object_new_boolean(false));
		json_object_array_add(types, type);
	}
	/* lists have tables, and of a str each has its own size: there is more than blocks */
	if (strchr(flags, 'l') || strchr(flags, 's'))
		json_object_object_add(type, "exact", json_object_new_boolean(false));
	/* and pages for each payload */
	if (strchr(flags, 'm')) {
		json_object_object_add(type, "exact", json_object_new_boolean(false));
		json_object_object_add(type, "mapped", json_object_new_boolean(true));
	}
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		values[i] = number(row, counters[i]);
	values[1] = number(row, "live") * number(row, "size");
	values[4] = number(row, "made") - number(row, "hits");
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		set(type, counters[i], number(type, counters[i]) + values[i]);
}

static struct json_object *read_types(const struct look_options *options)
{
	struct json_object *heaps, *o, *types;
	size_t i, j;

	heaps = refslab_look_heaps(options->mount, options->has_heap ? &options->heap : NULL, true,
				   false);
	if (!heaps) {
		refslab_debugfs_explain(options->mount, errno);
		return NULL;
	}
	o = json_object_new_object();
	types = json_object_new_array();
	for (i = 0; i < json_object_array_length(heaps); i++) {
		struct json_object *rows, *heap = json_object_array_get_idx(heaps, i);

		rows = json_object_object_get(heap, "types");
		for (j = 0; j < json_object_array_length(rows); j++)
			add_row(types, json_object_array_get_idx(rows, j));
	}
	json_object_put(heaps);
	json_object_object_add(o, "types", types);
	return o;
}

/* Adds "growth" to each: what the counters have changed by. Types that are gone have lost all. */
static void compare(struct json_object *before, struct json_object *now)
{
	struct json_object *old = json_object_object_get(before, "types");
	struct json_object *types = json_object_object_get(now, "types");
	size_t i, j;

	for (i = 0; old && i < json_object_array_length(old); i++) {
		struct json_object *gone = json_object_array_get_idx(old, i), *type;

		if (find(types, name_of(gone)))
			continue;
		type = json_object_new_object();
		json_object_object_add(type, "name", json_object_new_string(name_of(gone)));
		json_object_object_add(type, "exact",
				       json_object_get(json_object_object_get(gone, "exact")));
		json_object_object_add(type, "mapped",
				       json_object_get(json_object_object_get(gone, "mapped")));
		for (j = 0; j < ARRAY_SIZE(counters); j++)
			set(type, counters[j], 0);
		json_object_array_add(types, type);
	}
	for (i = 0; i < json_object_array_length(types); i++) {
		struct json_object *type = json_object_array_get_idx(types, i);
		struct json_object *growth = json_object_new_object();
		struct json_object *was = old ? find(old, name_of(type)) : NULL;

		for (j = 0; j < ARRAY_SIZE(counters); j++)
			set(growth, counters[j], number(type, counters[j]) -
						 (was ? number(was, counters[j]) : 0));
		json_object_object_add(type, "growth", growth);
	}
}

/* What grew most first, by bytes, then by objects; without a growth, what is largest. */
static int order(const void *a, const void *b)
{
	static const char *const keys[] = { "bytes", "live", "made" };
	struct json_object *x = *(struct json_object * const *)a;
	struct json_object *y = *(struct json_object * const *)b;
	struct json_object *gx = json_object_object_get(x, "growth");
	struct json_object *gy = json_object_object_get(y, "growth");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		__s64 n = number(gx ? gx : x, keys[i]), m = number(gy ? gy : y, keys[i]);

		if (n != m)
			return n > m ? -1 : 1;
	}
	return strcmp(name_of(x), name_of(y));
}

/* Is there, or was there since the moment to compare with, anything of the type? */
static bool is_worth_a_row(struct json_object *type)
{
	static const char *const now[] = { "live", "cached" }, *const since[] = { "made", "freed" };
	struct json_object *growth = json_object_object_get(type, "growth");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(now); i++)
		if (number(type, now[i]))
			return true;
	for (i = 0; growth && i < ARRAY_SIZE(since); i++)
		if (number(growth, since[i]))
			return true;
	return false;
}

/* " mapped" behind the name of a type whose payloads are. */
static const char *kind_of(struct json_object *type)
{
	return json_object_get_boolean(json_object_object_get(type, "mapped")) ? " mapped" : "";
}

static void print_growth(struct json_object *type, char more)
{
	struct json_object *g = json_object_object_get(type, "growth");
	char live[24], bytes[24];

	refslab_look_change(number(g, "live"), live);
	refslab_look_change(number(g, "bytes"), bytes);
	printf("%11s %14s %12lld %14lld%c %10lld %10lld  %s%s\n", live, bytes,
	       number(type, "live"), number(type, "bytes"), more, number(g, "made"),
	       number(g, "freed"), name_of(type), kind_of(type));
}

static void print_row(struct json_object *type, char more)
{
	char hits[24] = "-", misses[24] = "-";

	if (number(type, "made")) {
		snprintf(hits, sizeof(hits), "%lld", number(type, "hits"));
		snprintf(misses, sizeof(misses), "%lld", number(type, "misses"));
	}
	printf("%11lld %14lld%c %10lld %12s %12s  %s%s\n", number(type, "live"),
	       number(type, "bytes"), more, number(type, "cached"), hits, misses, name_of(type),
	       kind_of(type));
}

static void print_rows(struct json_object *types, bool growth, bool all)
{
	size_t i;

	if (growth)
		printf("%11s %14s %12s %14s  %10s %10s  TYPE\n", "GROWTH", "BYTES", "LIVE", "BYTES",
		       "MADE", "FREED");
	else
		printf("%11s %14s  %10s %12s %12s  TYPE\n", "LIVE", "BYTES", "CACHED", "HITS",
		       "MISSES");
	for (i = 0; i < json_object_array_length(types); i++) {
		struct json_object *type = json_object_array_get_idx(types, i);
		bool exact = json_object_get_boolean(json_object_object_get(type, "exact"));

		if (!all && !is_worth_a_row(type))
			continue;
		if (growth)
			print_growth(type, exact ? ' ' : '+');
		else
			print_row(type, exact ? ' ' : '+');
	}
}

static int types_main(int argc, char **argv)
{
	struct json_object *before, *now, *types;
	struct look_options options;
	int status;

	status = refslab_look_options(&refslab_types_command, argc, argv, &options);
	if (status < 0)
		status = refslab_look_moments(&options, "types", read_types, &before, &now);
	else
		return status;
	if (status)
		return status;
	if (before)
		compare(before, now);
	types = json_object_object_get(now, "types");
	json_object_array_sort(types, order);
	if (options.json)
		refslab_tool_json(json_object_get(types));
	else
		print_rows(types, before, options.all);
	json_object_put(before);
	json_object_put(now);
	return REFSLAB_EXIT_OK;
}

const struct refslab_command refslab_types_command = {
	.name = "types",
	.summary = "objects by type, and which have become more",
	.help =
	"Usage: refslab types [OPTION...] [HEAP]\n"
	"Prints a line for each type of all heaps together, or of one: live objects and their bytes,\n"
	"dead ones kept for reuse, and of the objects made how many reused one of those (hits) or not\n"
	"(misses), the largest first. A + behind the bytes: and what their tables, texts or mapped\n"
	"payloads take; mapped behind the name: the payloads are.\n"
	"With an earlier moment to compare with: how many objects and bytes there are more, and how\n"
	"many were made and freed meanwhile, what grew most first: what leaks.\n"
	"Types with no object live, kept, or made or freed meanwhile are left out. Reads debugfs,\n"
	"which only root may.\n\n"
	"      --all         those types, too\n"
	"      --save FILE   keep this moment in a file\n"
	"      --since FILE  compare with a moment that was saved, of the same heap or heaps\n"
	"      --interval S  compare with S seconds ago, which are spent waiting\n"
	"  -d, --debugfs DIR where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json        one object a type, all of them\n"
	"  -h, --help        this text\n",
	.main = types_main,
};
