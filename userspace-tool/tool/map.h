/* SPDX-License-Identifier: GPL-2.0 */
/* The map of a heap's memory: its arenas and pools, as text (map.c) and as SVG (map_svg.c). */
#ifndef _REFSLAB_MAP_H
#define _REFSLAB_MAP_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

#define MAP_POOLS	64	/* of an arena */

enum map_state { MAP_EMPTY, MAP_USED, MAP_FULL, MAP_LIMBO, MAP_STATES };
enum map_kind { MAP_RAW, MAP_ATOM, MAP_CONTAINER, MAP_KINDS };

struct map_pool {
	enum map_state state;
	enum map_kind kind;
	__u32 size;		/* bytes of a block */
	__u32 used;		/* blocks */
	__u32 carved;
	__u32 total;
};

struct map_arena {
	__u32 number;
	struct map_pool pools[MAP_POOLS];
};

struct map {
	__u32 heap;
	const char *name;
	struct map_arena *arenas;
	size_t nr_arenas;
	/* sums */
	__u32 states[MAP_STATES];
	__u32 of[MAP_STATES][MAP_KINDS];	/* pools that are not empty */
	__u64 large;		/* blocks outside of pools */
	__u64 bytes_used;
};

/* What a legend has to explain: the sums of several maps. */
struct map_seen {
	__u32 of[MAP_STATES][MAP_KINDS];
	__u32 empty;
	__u32 limbo;
};

void refslab_map_seen(const struct map *maps, size_t count, struct map_seen *seen);

extern const char *const refslab_map_states[MAP_STATES];
extern const char *const refslab_map_kinds[MAP_KINDS];
extern const char *const refslab_map_words[MAP_KINDS];	/* what they are called in a legend */

/* What a heap's line says of its large blocks: "" or ", 14 large blocks". */
const char *refslab_map_large(const struct map *map, char text[40]);

/* All maps in one picture, below one another. */
void refslab_map_write_svg(const struct map *maps, size_t count, FILE *to);

#endif /* _REFSLAB_MAP_H */
