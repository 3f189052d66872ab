/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plain model of some objects of a heap: what there is, who refers to whom, by which handles.
 *
 *	holds[]				a handle and the object it is for
 *	   |
 *	   v
 *	objects[] --edges[]--> objects[]	the targets of slots, elements, keys and values
 *
 * It says what a heap has to hold; how it is kept there it does not know.
 */
#ifndef _REFSLAB_MODEL_H
#define _REFSLAB_MODEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define MODEL_EMPTY		(-1)
/* Keys that every heap has anyway; an edge to number n is MODEL_CONSTANT(n), and so back again. */
#define MODEL_CONSTANTS		16
#define MODEL_CONSTANT(n)	(-2 - (n))

enum model_kind {
	MODEL_SLOTS, MODEL_LIST, MODEL_DICT, MODEL_SET, MODEL_INSTANCE,
	MODEL_KINDS,
};

struct model_object {
	__u64 id;
	__u32 type;
	enum model_kind kind;
	int *edges;			/* of a dict and an instance key, value, key, value... */
	unsigned int nr_edges;
	unsigned int room;
	/* Filled by refslab_model_mark(). */
	bool alive;
	unsigned int refcount;
};

struct model_hold {
	__u32 handle;
	int object;
};

struct model {
	struct model_object *objects;
	int nr_objects;
	int object_room;
	struct model_hold *holds;
	unsigned int nr_holds;
	unsigned int hold_room;
};

/* These give the new one's index, or say false, when there is no memory: -1, false. */
int refslab_model_add(struct model *model, __u64 id, __u32 type, enum model_kind kind,
		      unsigned int nr_slots);
bool refslab_model_hold(struct model *model, __u32 handle, int object);
bool refslab_model_insert(struct model *model, int object, unsigned int index, int target);

/* Forgets holds[@hold]; the last one takes its place. */
void refslab_model_release(struct model *model, unsigned int hold);
void refslab_model_remove(struct model *model, int object, unsigned int index);

/* Edges of an entry. */
static inline unsigned int refslab_model_stride(const struct model_object *o)
{
	return o->kind == MODEL_DICT || o->kind == MODEL_INSTANCE ? 2 : 1;
}

/* The edge of dict, set or instance @object that is @key; -1: there is none. */
int refslab_model_find(const struct model *model, int object, int key);

/*
 * Finds the objects that holds reach, and what counts they have: one for each hold and for each
 * edge from a living object. Returns how many live, or -1 when there is no memory.
 */
int refslab_model_mark(struct model *model);

/* Forgets the objects that the last refslab_model_mark() did not reach. */
bool refslab_model_compact(struct model *model);

void refslab_model_free(struct model *model);

#endif /* _REFSLAB_MODEL_H */
