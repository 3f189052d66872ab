// SPDX-License-Identifier: GPL-2.0
/* refslab map: what the arenas and pools of a heap are used for. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "look.h"
#include "map.h"
#include "tool.h"

const char *const refslab_map_states[MAP_STATES] = { "empty", "used", "full", "limbo" };
const char *const refslab_map_kinds[MAP_KINDS] = { "raw", "atom", "container" };
const char *const refslab_map_words[MAP_KINDS] = { "raw memory", "atoms", "containers" };

/* The number of a word, -1 when it is none of them. */
static int find_word(const char *const *words, int n, const char *word)
{
	while (n-- && strcmp(words[n], word))
		;
	return n;
}

static bool add_pool(struct map *map, struct json_object *row)
{
	__u32 arena = refslab_look_number(row, "arena");
	__u64 number = refslab_look_number(row, "pool");
	int state = find_word(refslab_map_states, MAP_STATES, refslab_look_text(row, "state"));
	int kind = find_word(refslab_map_kinds, MAP_KINDS, refslab_look_text(row, "kind"));
	struct map_arena *more;
	struct map_pool *pool;

	if (state < 0 || number >= MAP_POOLS || (kind < 0 && state != MAP_EMPTY)) {
		errno = EPROTO;
		return false;
	}
	if (!map->nr_arenas || map->arenas[map->nr_arenas - 1].number != arena) {
		more = reallocarray(map->arenas, map->nr_arenas + 1, sizeof(*more));
		if (!more)
			return false;
		map->arenas = more;
		more[map->nr_arenas++] = (struct map_arena){ .number = arena };
	}
	pool = &map->arenas[map->nr_arenas - 1].pools[number];
	*pool = (struct map_pool){
		.state = state,
		.kind = kind < 0 ? MAP_RAW : kind,
		.size = refslab_look_number(row, "size"),
		.used = refslab_look_number(row, "used"),
		.carved = refslab_look_number(row, "carved"),
		.total = refslab_look_number(row, "total"),
	};
	/* numbers of a pool that is being made into another one may be of either */
	if (pool->carved > pool->total)
		pool->carved = pool->total;
	if (pool->used > pool->carved)
		pool->used = pool->carved;
	map->states[state]++;
	if (state != MAP_EMPTY)
		map->of[state][kind]++;
	map->bytes_used += (__u64)pool->used * pool->size;
	return true;
}

/* False with errno set. */
static bool read_map(const char *mount, struct json_object *heap, struct map *map)
{
	struct json_object *rows;
	bool ok = true;
	size_t i;

	*map = (struct map){
		.heap = refslab_look_number(heap, "heap"),
		.name = refslab_look_text(heap, "name"),
		.large = refslab_look_number(heap, "large"),
	};
	rows = refslab_look_table(mount, map->heap, "pools");
	if (!rows)
		return false;
	for (i = 0; ok && i < json_object_array_length(rows); i++)
		ok = add_pool(map, json_object_array_get_idx(rows, i));
	json_object_put(rows);
	return ok;
}

void refslab_map_seen(const struct map *maps, size_t count, struct map_seen *seen)
{
	int state, kind;
	size_t i;

	*seen = (struct map_seen){ };
	for (i = 0; i < count; i++) {
		seen->empty += maps[i].states[MAP_EMPTY];
		seen->limbo += maps[i].states[MAP_LIMBO];
		for (state = 0; state < MAP_STATES; state++)
			for (kind = 0; kind < MAP_KINDS; kind++)
				seen->of[state][kind] += maps[i].of[state][kind];
	}
}

const char *refslab_map_large(const struct map *map, char text[40])
{
	text[0] = '\0';
	if (map->large)
		snprintf(text, 40, ", %llu large block%s", map->large, map->large == 1 ? "" : "s");
	return text;
}

/* --- in a terminal --------------------------------------------------------------------------- */

/* Of the kinds; of a number of colours that all terminals have that have any. */
static const char *const colours[MAP_KINDS] = { "\033[33m", "\033[36m", "\033[32m" };
static const char letters[MAP_KINDS] = { 'r', 'a', 'c' };
static const char colour_limbo[] = "\033[31m";
static const char colour_empty[] = "\033[90m";
static const char colour_end[] = "\033[0m";

struct style {
	bool colour;
	bool blocks;		/* characters that are a bar */
};

/* @last: the colour of the pool before it */
static void print_pool(const struct map_pool *pool, const struct style *style, const char **last)
{
	static const char *const bars[] = {
		"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█",
	};
	const char *colour = colours[pool->kind];

	if (pool->state == MAP_EMPTY)
		colour = colour_empty;
	else if (pool->state == MAP_LIMBO)
		colour = colour_limbo;
	if (style->colour && colour != *last)
		fputs(colour, stdout);
	*last = colour;
	if (pool->state == MAP_EMPTY)
		fputs(".", stdout);
	else if (pool->state == MAP_LIMBO)
		fputs("x", stdout);
	else if (style->blocks)
		fputs(bars[pool->state == MAP_FULL ? 7 : 7 * pool->used / (pool->total + 1)],
		      stdout);
	else if (pool->state == MAP_FULL)
		putchar(toupper(letters[pool->kind]));
	else if (style->colour)
		/* the colour has the kind: there is room for how full it is */
		printf("%u", pool->total ? 9 * pool->used / pool->total : 0);
	else
		putchar(letters[pool->kind]);
}

static void print_arena(const struct map_arena *arena, const struct style *style)
{
	const char *last = NULL;
	__u64 used = 0;
	size_t i;

	printf("%8u ", arena->number);
	for (i = 0; i < MAP_POOLS; i++) {
		print_pool(&arena->pools[i], style, &last);
		used += (__u64)arena->pools[i].used * arena->pools[i].size;
	}
	printf("%s %3llu%%\n", style->colour ? colour_end : "", used * 100 / (MAP_POOLS * 4096));
}

/* An item of the legend: the same words with colours and without. */
static void explain(const struct style *style, const char *colour, const char *sign,
		    const char *word)
{
	printf("  %s%s %s%s", style->colour ? colour : "", sign, word,
	       style->colour ? colour_end : "");
}

static void print_legend(const struct map *maps, size_t count, const struct style *style)
{
	struct map_seen seen;
	char full[2 * MAP_KINDS + 1] = "", letter[2] = "";
	const char *sign;
	int kind;

	refslab_map_seen(maps, count, &seen);
	fputs("       ", stdout);
	for (kind = MAP_KINDS - 1; kind >= 0; kind--) {
		__u32 is_full = seen.of[MAP_FULL][kind];

		if (!seen.of[MAP_USED][kind] && !is_full)
			continue;
		letter[0] = letters[kind];
		sign = style->blocks ? "▁▄█" : style->colour ? "0-9" : letter;
		explain(style, colours[kind], sign, refslab_map_words[kind]);
		if (is_full)
			sprintf(full + strlen(full), "%s%c", *full ? " " : "",
				toupper(letters[kind]));
	}
	if (*full)
		explain(style, "", style->blocks ? "█" : full, "full");
	if (seen.empty)
		explain(style, colour_empty, ".", "empty");
	if (seen.limbo)
		explain(style, colour_limbo, "x", "in limbo");
	putchar('\n');
}

static void print_map(const struct map *map, const struct style *style)
{
	__u64 bytes = (__u64)map->nr_arenas * MAP_POOLS * 4096;
	char large[40];
	size_t i;

	printf("heap %u%s%s: %zu arena%s, pools: %u used, %u full, %u empty", map->heap,
	       *map->name ? " " : "", map->name, map->nr_arenas, map->nr_arenas == 1 ? "" : "s",
	       map->states[MAP_USED], map->states[MAP_FULL], map->states[MAP_EMPTY]);
	if (map->states[MAP_LIMBO])
		printf(", %u in limbo", map->states[MAP_LIMBO]);
	printf("; %llu of %llu KiB in blocks%s\n", map->bytes_used >> 10, bytes >> 10,
	       refslab_map_large(map, large));
	for (i = 0; i < map->nr_arenas; i++)
		print_arena(&map->arenas[i], style);
}

static void print_maps(const struct map *maps, size_t count)
{
	struct style style = { };
	size_t i, arenas = 0;

	setlocale(LC_CTYPE, "");
	style.colour = isatty(STDOUT_FILENO) && strcmp(getenv("TERM") ?: "dumb", "dumb") &&
		       !getenv("NO_COLOR");
	style.blocks = style.colour && !strcmp(nl_langinfo(CODESET), "UTF-8");
	for (i = 0; i < count; i++) {
		print_map(&maps[i], &style);
		arenas += maps[i].nr_arenas;
	}
	if (arenas)
		print_legend(maps, count, &style);
}

/* --- the command ----------------------------------------------------------------------------- */

static void add_number(struct json_object *o, const char *key, __u32 n)
{
	json_object_object_add(o, key, json_object_new_int64(n));
}

static struct json_object *json_of(const struct map_pool *pool)
{
	const char *state = refslab_map_states[pool->state], *kind = refslab_map_kinds[pool->kind];
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "state", json_object_new_string(state));
	if (pool->state == MAP_EMPTY)
		return o;
	json_object_object_add(o, "kind", json_object_new_string(kind));
	add_number(o, "size", pool->size);
	add_number(o, "used", pool->used);
	add_number(o, "carved", pool->carved);
	add_number(o, "total", pool->total);
	return o;
}

static void print_json(const struct map *map)
{
	size_t i, j;

	for (i = 0; i < map->nr_arenas; i++) {
		struct json_object *o = json_object_new_object();
		struct json_object *pools = json_object_new_array();

		for (j = 0; j < MAP_POOLS; j++)
			json_object_array_add(pools, json_of(&map->arenas[i].pools[j]));
		add_number(o, "heap", map->heap);
		add_number(o, "arena", map->arenas[i].number);
		json_object_object_add(o, "pools", pools);
		refslab_tool_json(o);
	}
}

static bool write_svg(const char *path, const struct map *maps, size_t count)
{
	FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
	bool ok;

	if (to)
		refslab_map_write_svg(maps, count, to);
	ok = to && refslab_tool_flush(to);
	if (!ok)
		refslab_tool_error("%s: %s", path, strerror(errno));
	if (to && to != stdout)
		fclose(to);
	return ok;
}

static int show(const char *mount, struct json_object *heaps, bool only, const char *svg, bool json)
{
	size_t i, count = 0, n = json_object_array_length(heaps);
	int status = REFSLAB_EXIT_OK;
	struct map *maps;

	maps = calloc(n + 1, sizeof(*maps));
	for (i = 0; maps && i < n; i++) {
		if (read_map(mount, json_object_array_get_idx(heaps, i), &maps[count])) {
			count++;
			continue;
		}
		free(maps[count].arenas);
		/* one of several may have ended */
		if (only || errno != ENOENT) {
			refslab_debugfs_explain(mount, errno);
			status = REFSLAB_EXIT_FAILED;
			break;
		}
	}
	if (!maps)
		status = REFSLAB_EXIT_FAILED;
	else if (!status && svg && !write_svg(svg, maps, count))
		status = REFSLAB_EXIT_FAILED;
	if (!status && !svg && !json)
		print_maps(maps, count);
	for (i = 0; i < count; i++) {
		if (!status && json)
			print_json(&maps[i]);
		free(maps[i].arenas);
	}
	free(maps);
	return status;
}

static int map_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debugfs", required_argument, NULL, 'd' },
		{ "svg", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_map_command;
	const char *mount = REFSLAB_DEBUGFS_MOUNT, *svg = NULL;
	struct json_object *heaps;
	__u64 number = 0;
	bool json = false;
	__u32 heap;
	int c, status;

	while ((c = getopt_long(argc, argv, "d:jh", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			mount = optarg;
			break;
		case 's':
			svg = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (argc - optind > 1)
		return refslab_tool_usage(cmd, "map takes one heap at most");
	if (svg && json && !strcmp(svg, "-"))
		return refslab_tool_usage(cmd, "--svg - and --json exclude each other");
	if (optind < argc && !refslab_tool_number(cmd, "HEAP", argv[optind], ~0u, &number))
		return REFSLAB_EXIT_USAGE;
	heap = number;
	heaps = refslab_look_heaps(mount, optind < argc ? &heap : NULL, false, false);
	if (!heaps) {
		refslab_debugfs_explain(mount, errno);
		return REFSLAB_EXIT_FAILED;
	}
	status = show(mount, heaps, optind < argc, svg, json);
	json_object_put(heaps);
	return status;
}

const struct refslab_command refslab_map_command = {
	.name = "map",
	.summary = "what arenas and pools are used for",
	.help =
	"Usage: refslab map [OPTION...] [HEAP]\n"
	"Prints a line for each arena of all heaps, or of one, with a character for each of its 64\n"
	"pools: what kind of memory it has (containers, atoms, raw), and how much of it is in use; at\n"
	"the end of the line, the part of the arena that is in blocks in use, caches' included.\n"
	"In a terminal a colour is the kind, and the height of a bar, or a digit, how much is in use;\n"
	"elsewhere the letter is the kind, and a capital one is full.\n"
	"Reads debugfs, which only root may.\n\n"
	"      --svg FILE     write a picture instead; - is the standard output\n"
	"  -d, --debugfs DIR  where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json         one object an arena, with its pools\n"
	"  -h, --help         this text\n",
	.main = map_main,
};
