/* SPDX-License-Identifier: GPL-2.0 */
/* refslab top: what it shows (top_page.c), and showing it (top.c). */
#ifndef _REFSLAB_TOP_H
#define _REFSLAB_TOP_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum top_column {
	TOP_HEAP, TOP_OBJECTS, TOP_TRACKED, TOP_USED, TOP_RESERVED, TOP_RATE, TOP_SCANS, TOP_LAST,
	TOP_LONGEST, TOP_COLUMNS
};

/* A heap, as its row shows it. */
struct top_heap {
	double value[TOP_COLUMNS];	/* of the rate: less than 0 when it is not known yet */
	struct json_object *heap;	/* as from refslab_look_heap() */
	struct json_object *before;	/* the same one time earlier, or NULL */
};

struct top {
	const char *mount;
	struct json_object *now;	/* as from refslab_look_heaps() */
	struct json_object *before;	/* or NULL */
	double clock;
	double elapsed;			/* since before */
	struct top_heap *heaps;		/* in the order they are shown */
	size_t nr_heaps;
	enum top_column sort;
	bool inside;			/* shows one heap */
	bool all;			/* and types of it with nothing in them */
	__u32 heap;			/* the one that is shown, or marked */
};

/* The text of a screen: a page's lines are as long as they are, and as many. */
struct top_page {
	char **lines;
	size_t nr;
	size_t room;
	size_t title;			/* the line above the rows that scroll */
	size_t marked;			/* the line of the marked heap; 0: none */
};

/* Takes the next moment. False with errno set when it cannot be read. */
bool refslab_top_read(struct top *top);

/* Puts the heaps into the order of top->sort. */
void refslab_top_sort(struct top *top);
void refslab_top_free(struct top *top);

/* The title of a column and the key that sorts by it. */
const char *refslab_top_title(enum top_column column, char *key);

/* The lines that are to be shown now. */
void refslab_top_fill(const struct top *top, struct top_page *page);
void refslab_top_clear(struct top_page *page);

/* A heap's row as JSON. */
struct json_object *refslab_top_json(const struct top_heap *heap);

#endif /* _REFSLAB_TOP_H */
