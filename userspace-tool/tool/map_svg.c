// SPDX-License-Identifier: GPL-2.0
/* The map of heaps' memory as SVG: a row an arena, a square a pool, filled as blocks are used. */
#include <string.h>

#include "map.h"
#include "tool.h"

#define LEFT		84
#define CELL		13
#define GAP		2
#define PITCH		(CELL + GAP)
#define WIDTH		(LEFT + MAP_POOLS * PITCH + 60)
#define TITLE		40	/* above the arenas of a heap */
#define LEGEND		44

static const char *const colours[MAP_KINDS] = { "#c9973a", "#3f8fb5", "#4f9a51" };

/* The part of a cell's square that is so high and begins so far down. */
static void put_rect(FILE *to, double x, double y, double height, const char *style)
{
	fprintf(to, "<rect x=\"%g\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" %s/>\n", x, y, CELL,
		height, style);
}

/* Filled from below: in use, and pale what has been carved and is free. */
static void put_cell(FILE *to, double x, double y, const struct map_pool *pool)
{
	const char *colour = pool->state == MAP_LIMBO ? "#c0392b" : colours[pool->kind];
	double used = 0, carved = 0;
	char style[80];

	if (pool->state == MAP_EMPTY) {
		put_rect(to, x, y, CELL, "fill=\"#f4f4f4\" stroke=\"#ddd\" stroke-width=\"0.5\"");
		return;
	}
	if (pool->total) {
		used = (double)CELL * pool->used / pool->total;
		carved = (double)CELL * pool->carved / pool->total;
	}
	fprintf(to, "<g><title>pool of %u-byte blocks, %s, %s: %u of %u in use", pool->size,
		refslab_map_kinds[pool->kind], refslab_map_states[pool->state], pool->used,
		pool->total);
	fprintf(to, ", %u untouched</title>\n", pool->total - pool->carved);
	snprintf(style, sizeof(style), "fill=\"#fff\" stroke=\"%s\"", colour);
	put_rect(to, x, y, CELL, style);
	if (carved > used) {
		snprintf(style, sizeof(style), "fill=\"%s\" fill-opacity=\"0.3\"", colour);
		put_rect(to, x, y + CELL - carved, carved - used, style);
	}
	snprintf(style, sizeof(style), "fill=\"%s\"", colour);
	put_rect(to, x, y + CELL - used, used, style);
	fputs("</g>\n", to);
}

static void put_arena(FILE *to, double y, const struct map_arena *arena)
{
	__u64 used = 0;
	int i;

	fprintf(to, "<text x=\"%d\" y=\"%g\" text-anchor=\"end\">arena %u</text>\n", LEFT - 10,
		y + CELL - 3, arena->number);
	for (i = 0; i < MAP_POOLS; i++) {
		put_cell(to, LEFT + i * PITCH, y, &arena->pools[i]);
		used += (__u64)arena->pools[i].used * arena->pools[i].size;
	}
	fprintf(to, "<text x=\"%d\" y=\"%g\">%llu %%</text>\n", LEFT + MAP_POOLS * PITCH + 8,
		y + CELL - 3, used * 100 / (MAP_POOLS * 4096));
}

/* Of a kind or a state that occurs. Returns where the next one begins. */
static double put_item(FILE *to, double x, double y, const struct map_pool *pool, const char *text)
{
	put_cell(to, x, y, pool);
	fprintf(to, "<text x=\"%g\" y=\"%g\">", x + CELL + 6, y + CELL - 3);
	refslab_tool_markup(to, text);
	fputs("</text>\n", to);
	return x + CELL + 30 + 6.2 * strlen(text);
}

static void put_legend(FILE *to, double y, const struct map *maps, size_t count)
{
	static const struct map_pool empty = { .state = MAP_EMPTY };
	static const struct map_pool limbo = { MAP_LIMBO, MAP_RAW, 32, 0, 128, 128 };
	struct map_seen seen;
	double x = LEFT;
	int kind, partly = -1;

	refslab_map_seen(maps, count, &seen);
	for (kind = MAP_KINDS - 1; kind >= 0; kind--) {
		struct map_pool full = { MAP_FULL, kind, 32, 128, 128, 128 };

		if (seen.of[MAP_USED][kind] && partly < 0)
			partly = kind;
		if (seen.of[MAP_USED][kind] || seen.of[MAP_FULL][kind])
			x = put_item(to, x, y, &full, refslab_map_words[kind]);
	}
	if (partly >= 0) {
		struct map_pool pool = { MAP_USED, partly, 32, 50, 96, 128 };

		x = put_item(to, x, y, &pool, "partly used: used, free and untouched blocks");
	}
	if (seen.empty)
		x = put_item(to, x, y, &empty, "empty");
	if (seen.limbo)
		put_item(to, x, y, &limbo, "in limbo");
}

static void put_title(FILE *to, double y, const struct map *map)
{
	char large[40];

	fprintf(to, "<text x=\"%d\" y=\"%g\" font-size=\"13\" font-weight=\"bold\">", LEFT, y);
	fprintf(to, "heap %u ", map->heap);
	refslab_tool_markup(to, map->name);
	fprintf(to, "</text>\n<text x=\"%d\" y=\"%g\" text-anchor=\"end\">",
		LEFT + MAP_POOLS * PITCH, y);
	fprintf(to, "%zu arena%s; pools: %u used, %u full, %u empty", map->nr_arenas,
		map->nr_arenas == 1 ? "" : "s", map->states[MAP_USED], map->states[MAP_FULL],
		map->states[MAP_EMPTY]);
	if (map->states[MAP_LIMBO])
		fprintf(to, ", %u in limbo", map->states[MAP_LIMBO]);
	fprintf(to, "; %llu of %llu KiB in blocks%s</text>\n", map->bytes_used >> 10,
		(__u64)map->nr_arenas * MAP_POOLS * 4, refslab_map_large(map, large));
}

void refslab_map_write_svg(const struct map *maps, size_t count, FILE *to)
{
	size_t i, j, height = LEGEND;
	double y = 0;

	for (i = 0; i < count; i++)
		height += TITLE + maps[i].nr_arenas * PITCH;
	fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\"", WIDTH,
		height);
	fprintf(to, " viewBox=\"0 0 %d %zu\" font-family=\"Helvetica, Arial, sans-serif\"", WIDTH,
		height);
	fputs(" font-size=\"11\" fill=\"#303030\">\n", to);
	fprintf(to, "<rect width=\"%d\" height=\"%zu\" fill=\"#fff\"/>\n", WIDTH, height);
	for (i = 0; i < count; i++) {
		put_title(to, y + 25, &maps[i]);
		y += TITLE;
		for (j = 0; j < maps[i].nr_arenas; j++, y += PITCH)
			put_arena(to, y, &maps[i].arenas[j]);
	}
	put_legend(to, y + 16, maps, count);
	fputs("</svg>\n", to);
}
