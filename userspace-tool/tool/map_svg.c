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

static void put_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", to);
		else if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else
			putc(*text, to);
	}
}

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

static void put_legend(FILE *to, double y)
{
	static const struct {
		struct map_pool pool;
		const char *text;
	} items[] = {
		{ { MAP_FULL, MAP_CONTAINER, 64, 64, 64, 64 }, "containers, full" },
		{ { MAP_USED, MAP_CONTAINER, 64, 26, 48, 64 }, "used, free and untouched blocks" },
		{ { MAP_FULL, MAP_ATOM, 32, 128, 128, 128 }, "atoms" },
		{ { MAP_FULL, MAP_RAW, 32, 128, 128, 128 }, "raw: tables" },
		{ { MAP_EMPTY, MAP_RAW, 0, 0, 0, 0 }, "empty" },
		{ { MAP_LIMBO, MAP_RAW, 32, 0, 128, 128 }, "limbo" },
	};
	double x = LEFT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		put_cell(to, x, y, &items[i].pool);
		fprintf(to, "<text x=\"%g\" y=\"%g\">", x + CELL + 6, y + CELL - 3);
		put_text(to, items[i].text);
		fputs("</text>\n", to);
		x += CELL + 30 + 6.2 * strlen(items[i].text);
	}
}

static void put_title(FILE *to, double y, const struct map *map)
{
	fprintf(to, "<text x=\"%d\" y=\"%g\" font-size=\"13\" font-weight=\"bold\">", LEFT, y);
	fprintf(to, "heap %u ", map->heap);
	put_text(to, map->name);
	fprintf(to, "</text>\n<text x=\"%d\" y=\"%g\" text-anchor=\"end\">",
		LEFT + MAP_POOLS * PITCH, y);
	fprintf(to, "%zu arena%s; pools: %u used, %u full, %u empty; ", map->nr_arenas,
		map->nr_arenas == 1 ? "" : "s", map->states[MAP_USED], map->states[MAP_FULL],
		map->states[MAP_EMPTY]);
	fprintf(to, "%llu of %llu KiB in blocks</text>\n", map->bytes_used >> 10,
		(__u64)map->nr_arenas * MAP_POOLS * 4);
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
	put_legend(to, y + 16);
	fputs("</svg>\n", to);
}
