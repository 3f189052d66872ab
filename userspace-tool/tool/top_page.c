// SPDX-License-Identifier: GPL-2.0
/* What refslab top shows: all heaps, or one of them with its generations and types. */
#define _GNU_SOURCE		/* vasprintf(), qsort_r() */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "look.h"
#include "tool.h"
#include "top.h"

static const struct {
	const char *title;
	const char *key;	/* of look.h's heap, NULL: worked out */
	const char *json;
	char letter;		/* the key that sorts by it */
	int width;
} columns[TOP_COLUMNS] = {
	[TOP_HEAP] = { "HEAP", "heap", "heap", 'n', 5 },
	[TOP_OBJECTS] = { "OBJECTS", "objects", "objects", 'o', 9 },
	[TOP_TRACKED] = { "TRACKED", "tracked", "tracked", 't', 9 },
	[TOP_USED] = { "USED", "bytes_used", "bytes_used", 'b', 7 },
	[TOP_RESERVED] = { "RESV", "bytes_reserved", "bytes_reserved", 'r', 7 },
	[TOP_RATE] = { "MADE/S", NULL, "made_per_second", 'a', 8 },
	[TOP_SCANS] = { "SCANS", NULL, "scans", 's', 7 },
	[TOP_LAST] = { "SCAN", "last_ns", "last_scan_ns", 'l', 7 },
	[TOP_LONGEST] = { "PAUSE", "longest_ns", "longest_ns", 'p', 7 },
};

const char *refslab_top_title(enum top_column column, char *key)
{
	*key = columns[column].letter;
	return columns[column].title;
}

static struct json_object *find_heap(struct json_object *heaps, __s64 id)
{
	size_t i;

	for (i = 0; heaps && i < json_object_array_length(heaps); i++)
		if (refslab_look_number(json_object_array_get_idx(heaps, i), "heap") == id)
			return json_object_array_get_idx(heaps, i);
	return NULL;
}

static __u64 sum(struct json_object *heap, const char *rows, const char *key)
{
	struct json_object *array = heap ? json_object_object_get(heap, rows) : NULL;
	__u64 n = 0;
	size_t i;

	for (i = 0; array && i < json_object_array_length(array); i++)
		n += refslab_look_number(json_object_array_get_idx(array, i), key);
	return n;
}

static int order(const void *a, const void *b, void *arg)
{
	enum top_column sort = *(enum top_column *)arg;
	const struct top_heap *x = a, *y = b;

	/* the largest first, but for the number */
	if (sort != TOP_HEAP && x->value[sort] != y->value[sort])
		return x->value[sort] > y->value[sort] ? -1 : 1;
	return x->value[TOP_HEAP] < y->value[TOP_HEAP] ? -1 :
	       x->value[TOP_HEAP] > y->value[TOP_HEAP];
}

static void fill_heap(const struct top *top, struct top_heap *row, struct json_object *heap)
{
	size_t i;

	row->heap = heap;
	row->before = find_heap(top->before, refslab_look_number(heap, "heap"));
	for (i = 0; i < TOP_COLUMNS; i++)
		if (columns[i].key)
			row->value[i] = refslab_look_number(heap, columns[i].key);
	row->value[TOP_SCANS] = sum(heap, "generations", "collections");
	row->value[TOP_RATE] = -1;
	if (row->before && top->elapsed > 0)
		row->value[TOP_RATE] = (sum(heap, "types", "made") -
					sum(row->before, "types", "made")) / top->elapsed;
}

bool refslab_top_read(struct top *top)
{
	struct json_object *now = refslab_look_heaps(top->mount, NULL, true, true);
	double clock = refslab_look_clock();
	size_t i;

	if (!now)
		return false;
	json_object_put(top->before);
	free(top->heaps);
	top->before = top->now;
	top->now = now;
	top->elapsed = clock - top->clock;
	top->clock = clock;
	top->nr_heaps = json_object_array_length(now);
	top->heaps = calloc(top->nr_heaps + 1, sizeof(*top->heaps));
	if (!top->heaps) {
		top->nr_heaps = 0;
		return false;
	}
	for (i = 0; i < top->nr_heaps; i++)
		fill_heap(top, &top->heaps[i], json_object_array_get_idx(now, i));
	refslab_top_sort(top);
	return true;
}

void refslab_top_sort(struct top *top)
{
	qsort_r(top->heaps, top->nr_heaps, sizeof(*top->heaps), order, &top->sort);
}

void refslab_top_free(struct top *top)
{
	json_object_put(top->before);
	json_object_put(top->now);
	free(top->heaps);
	*top = (struct top){ };
}

/* --- lines ----------------------------------------------------------------------------------- */

static __printf(2, 3) void add(struct top_page *page, const char *fmt, ...)
{
	char *line, **more;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&line, fmt, ap);
	va_end(ap);
	/* without memory a line is missing, until the next time */
	if (len < 0)
		return;
	if (page->nr == page->room) {
		more = reallocarray(page->lines, page->room + 32, sizeof(*more));
		if (!more) {
			free(line);
			return;
		}
		page->lines = more;
		page->room += 32;
	}
	page->lines[page->nr++] = line;
}

void refslab_top_clear(struct top_page *page)
{
	size_t i;

	for (i = 0; i < page->nr; i++)
		free(page->lines[i]);
	free(page->lines);
	*page = (struct top_page){ };
}

/* 1023K, 9.8M: at most six characters. */
static const char *bytes(double n, char *text, size_t size)
{
	static const char units[] = "BKMGTPE";
	int i = 0;

	for (; n >= 1000 && units[i + 1]; i++)
		n /= 1024;
	snprintf(text, size, i && n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[i]);
	return text;
}

static const char *duration(double ns, char *text, size_t size)
{
	/* five characters, up to an hour and a half */
	if (ns >= 1e9)
		snprintf(text, size, "%.2fs", ns / 1e9);
	else if (ns >= 1e6)
		snprintf(text, size, ns < 1e8 ? "%.1fms" : "%.0fms", ns / 1e6);
	else
		snprintf(text, size, "%.0fus", ns / 1e3);
	return text;
}

static const char *plural(double n)
{
	return n == 1 ? "" : "s";
}

static const char *cell(enum top_column column, double value, char *text, size_t size)
{
	switch (column) {
	case TOP_USED:
	case TOP_RESERVED:
		return bytes(value, text, size);
	case TOP_LAST:
	case TOP_LONGEST:
		return duration(value, text, size);
	default:
		/* a rate that is not known yet */
		snprintf(text, size, value < 0 ? "-" : "%.0f", value);
		return text;
	}
}

static void add_heaps(const struct top *top, struct top_page *page)
{
	char row[160], text[32];
	size_t i, j, at;

	for (j = 0, at = 0; j < TOP_COLUMNS; j++)
		at += snprintf(row + at, sizeof(row) - at, "%*s%c", columns[j].width - 1,
			       columns[j].title, j == top->sort ? '*' : ' ');
	page->title = page->nr;
	add(page, "%s NAME", row);
	for (i = 0; i < top->nr_heaps; i++) {
		const struct top_heap *heap = &top->heaps[i];

		for (j = 0, at = 0; j < TOP_COLUMNS; j++)
			at += snprintf(row + at, sizeof(row) - at, "%*s ", columns[j].width - 1,
				       cell(j, heap->value[j], text, sizeof(text)));
		if (heap->value[TOP_HEAP] == top->heap)
			page->marked = page->nr;
		add(page, "%s %s", row, refslab_look_text(heap->heap, "name"));
	}
}

static void add_generations(struct json_object *heap, struct top_page *page)
{
	struct json_object *rows = json_object_object_get(heap, "generations");
	size_t i;

	add(page, "GENERATION    OBJECTS  THRESHOLD      COUNT      SCANS  COLLECTED");
	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *g = json_object_array_get_idx(rows, i);

		add(page, "%10llu %10llu %10llu %10llu %10llu %10llu",
		    refslab_look_number(g, "generation"), refslab_look_number(g, "objects"),
		    refslab_look_number(g, "threshold"), refslab_look_number(g, "count"),
		    refslab_look_number(g, "collections"), refslab_look_number(g, "collected"));
	}
}

static int by_live(const void *a, const void *b)
{
	__u64 x = refslab_look_number(*(struct json_object * const *)a, "live");
	__u64 y = refslab_look_number(*(struct json_object * const *)b, "live");

	return x > y ? -1 : x < y;
}

static struct json_object *find_type(struct json_object *heap, const char *name)
{
	struct json_object *rows = heap ? json_object_object_get(heap, "types") : NULL;
	size_t i;

	for (i = 0; rows && i < json_object_array_length(rows); i++)
		if (!strcmp(refslab_look_text(json_object_array_get_idx(rows, i), "name"), name))
			return json_object_array_get_idx(rows, i);
	return NULL;
}

static void add_types(const struct top *top, const struct top_heap *heap, struct top_page *page)
{
	struct json_object *rows = json_object_object_get(heap->heap, "types");
	char rate[32], size[32], hits[32];
	size_t i;

	json_object_array_sort(rows, by_live);
	page->title = page->nr;
	add(page, "      LIVE    BYTES    MADE/S    CACHED  HITS  TYPE");
	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *type = json_object_array_get_idx(rows, i), *was;
		const char *name = refslab_look_text(type, "name");
		__u64 made = refslab_look_number(type, "made"), since;

		was = find_type(heap->before, name);
		since = was ? made - refslab_look_number(was, "made") : 0;
		if (!top->all && !since && !refslab_look_number(type, "live") &&
		    !refslab_look_number(type, "cached"))
			continue;
		snprintf(rate, sizeof(rate), "-");
		if (was && top->elapsed > 0)
			snprintf(rate, sizeof(rate), "%.0f", since / top->elapsed);
		snprintf(hits, sizeof(hits), "-");
		if (made)
			snprintf(hits, sizeof(hits), "%llu%%",
				 refslab_look_number(type, "hits") * 100 / made);
		bytes((double)refslab_look_number(type, "live") * refslab_look_number(type, "size"),
		      size, sizeof(size));
		add(page, "%10llu %8s %9s %9llu %5s  %s", refslab_look_number(type, "live"),
		    size, rate, refslab_look_number(type, "cached"), hits, name);
	}
}

static void add_heap(const struct top *top, struct top_page *page)
{
	char used[32], cached[32], reserved[32], last[32], longest[32];
	const struct top_heap *heap = NULL;
	__u64 handles, arenas;
	size_t i;

	for (i = 0; i < top->nr_heaps; i++)
		if (top->heaps[i].value[TOP_HEAP] == top->heap)
			heap = &top->heaps[i];
	if (!heap) {
		add(page, "heap %u has ended", top->heap);
		return;
	}
	handles = refslab_look_number(heap->heap, "handles");
	arenas = refslab_look_number(heap->heap, "arenas");
	add(page, "heap %u %s: %.0f object%s, %llu handle%s, %llu arena%s", top->heap,
	    refslab_look_text(heap->heap, "name"), heap->value[TOP_OBJECTS],
	    plural(heap->value[TOP_OBJECTS]), handles, plural(handles), arenas, plural(arenas));
	add(page, "memory: %s used, %s cached, %s reserved; last scan %s, pause %s",
	    bytes(heap->value[TOP_USED], used, sizeof(used)),
	    bytes(refslab_look_number(heap->heap, "bytes_cached"), cached, sizeof(cached)),
	    bytes(heap->value[TOP_RESERVED], reserved, sizeof(reserved)),
	    duration(heap->value[TOP_LAST], last, sizeof(last)),
	    duration(heap->value[TOP_LONGEST], longest, sizeof(longest)));
	add(page, "%s", "");
	add_generations(heap->heap, page);
	add(page, "%s", "");
	add_types(top, heap, page);
}

void refslab_top_fill(const struct top *top, struct top_page *page)
{
	double objects = 0, reserved = 0, rate = 0;
	char text[32], clock[16];
	time_t now = time(NULL);
	struct tm tm;
	size_t i;

	*page = (struct top_page){ };
	for (i = 0; i < top->nr_heaps; i++) {
		objects += top->heaps[i].value[TOP_OBJECTS];
		reserved += top->heaps[i].value[TOP_RESERVED];
		if (top->heaps[i].value[TOP_RATE] > 0)
			rate += top->heaps[i].value[TOP_RATE];
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	add(page, "refslab top - %s, %zu heap%s, %.0f object%s, %s reserved, %.0f made/s", clock,
	    top->nr_heaps, plural(top->nr_heaps), objects, plural(objects),
	    bytes(reserved, text, sizeof(text)), rate);
	add(page, "%s", "");
	if (top->inside)
		add_heap(top, page);
	else
		add_heaps(top, page);
}

struct json_object *refslab_top_json(const struct top_heap *heap)
{
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < TOP_COLUMNS; i++)
		json_object_object_add(o, columns[i].json, heap->value[i] < 0 ? NULL :
				       json_object_new_int64(heap->value[i]));
	/* one without a name has none, as of heaps and metrics */
	if (*refslab_look_text(heap->heap, "name"))
		json_object_object_add(o, "name",
				       json_object_new_string(refslab_look_text(heap->heap,
										"name")));
	return o;
}
