/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plain model of some objects of a heap: what there is, who refers to whom, by which handles.
 *
 *	holds[]				a handle and the object it is for
 *	   |
 *	   v
 *	objects[] --edges[]--> objects[]	the targets of slots or elements, by index
 *
 * It says what a heap has to hold; how it is kept there it does not know.
 */
#ifndef _REFSLAB_MODEL_H
#define _REFSLAB_MODEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define MODEL_EMPTY	(-1)

struct model_object {
	__u64 id;
	__u32 type;
	bool is_list;
	int *edges;
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
int refslab_model_add(struct model *model, __u64 id, __u32 type, bool is_list,
		      unsigned int nr_slots);
bool refslab_model_hold(struct model *model, __u32 handle, int object);
bool refslab_model_insert(struct model *model, int list, unsigned int index, int target);

/* Forgets holds[@hold]; the last one takes its place. */
void refslab_model_release(struct model *model, unsigned int hold);
void refslab_model_remove(struct model *model, int list, unsigned int index);

/*
 * Finds the objects that holds reach, and what counts they have: one for each hold and for each
 * edge from a living object. Returns how many live, or -1 when there is no memory.
 */
int refslab_model_mark(struct model *model);

/* Forgets the objects that the last refslab_model_mark() did not reach. */
bool refslab_model_compact(struct model *model);

void refslab_model_free(struct model *model);

#endif /* _REFSLAB_MODEL_H */
