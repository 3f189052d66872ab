// SPDX-License-Identifier: GPL-2.0
/* A plain model of some objects of a heap. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

static bool grow(void **array, unsigned int *room, unsigned int count, size_t size)
{
	unsigned int more = *room ? 2 * *room : 8;
	void *bigger;

	if (count < *room)
		return true;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return false;
	*array = bigger;
	*room = more;
	return true;
}

int refslab_model_add(struct model *model, __u64 id, __u32 type, enum model_kind kind,
		      unsigned int nr_slots)
{
	struct model_object object = {
		.id = id, .type = type, .kind = kind, .nr_edges = nr_slots, .room = nr_slots,
	};
	unsigned int i, room = model->object_room;
	void *objects = model->objects;

	if (!grow(&objects, &room, model->nr_objects, sizeof(object)))
		return -1;
	model->objects = objects;
	model->object_room = room;
	if (nr_slots) {
		object.edges = reallocarray(NULL, nr_slots, sizeof(*object.edges));
		if (!object.edges)
			return -1;
	}
	for (i = 0; i < nr_slots; i++)
		object.edges[i] = MODEL_EMPTY;
	model->objects[model->nr_objects] = object;
	return model->nr_objects++;
}

bool refslab_model_hold(struct model *model, __u32 handle, int object)
{
	void *holds = model->holds;

	if (!grow(&holds, &model->hold_room, model->nr_holds, sizeof(*model->holds)))
		return false;
	model->holds = holds;
	model->holds[model->nr_holds++] = (struct model_hold){ handle, object };
	return true;
}

void refslab_model_release(struct model *model, unsigned int hold)
{
	model->holds[hold] = model->holds[--model->nr_holds];
}

bool refslab_model_insert(struct model *model, int object, unsigned int index, int target)
{
	struct model_object *o = &model->objects[object];
	void *edges = o->edges;

	if (!grow(&edges, &o->room, o->nr_edges, sizeof(*o->edges)))
		return false;
	o->edges = edges;
	memmove(&o->edges[index + 1], &o->edges[index],
		(o->nr_edges - index) * sizeof(*o->edges));
	o->edges[index] = target;
	o->nr_edges++;
	return true;
}

void refslab_model_remove(struct model *model, int object, unsigned int index)
{
	struct model_object *o = &model->objects[object];

	o->nr_edges--;
	memmove(&o->edges[index], &o->edges[index + 1],
		(o->nr_edges - index) * sizeof(*o->edges));
}

int refslab_model_find(const struct model *model, int object, int key)
{
	const struct model_object *o = &model->objects[object];
	unsigned int i;

	for (i = 0; i < o->nr_edges; i += refslab_model_stride(o))
		if (o->edges[i] == key)
			return i;
	return -1;
}

/* One more reference to @object, the first of which makes it wait for its edges to be followed. */
static int count_reference(struct model *model, int object, int *waiting, int nr_waiting)
{
	struct model_object *o = &model->objects[object];

	o->refcount++;
	if (!o->alive) {
		o->alive = true;
		waiting[nr_waiting++] = object;
	}
	return nr_waiting;
}

int refslab_model_mark(struct model *model)
{
	int i, nr_alive = 0, nr_waiting = 0;
	unsigned int n;
	int *waiting;

	/* Each object waits once. */
	waiting = reallocarray(NULL, model->nr_objects + 1, sizeof(*waiting));
	if (!waiting)
		return -1;
	for (i = 0; i < model->nr_objects; i++) {
		model->objects[i].alive = false;
		model->objects[i].refcount = 0;
	}
	for (n = 0; n < model->nr_holds; n++)
		nr_waiting = count_reference(model, model->holds[n].object, waiting, nr_waiting);
	while (nr_waiting) {
		const struct model_object *o = &model->objects[waiting[--nr_waiting]];

		nr_alive++;
		for (n = 0; n < o->nr_edges; n++)
			if (o->edges[n] >= 0)
				nr_waiting = count_reference(model, o->edges[n], waiting,
							     nr_waiting);
	}
	free(waiting);
	return nr_alive;
}

bool refslab_model_compact(struct model *model)
{
	int i, *moved_to, nr = 0;
	unsigned int n;

	moved_to = reallocarray(NULL, model->nr_objects + 1, sizeof(*moved_to));
	if (!moved_to)
		return false;
	for (i = 0; i < model->nr_objects; i++) {
		if (!model->objects[i].alive) {
			free(model->objects[i].edges);
			continue;
		}
		moved_to[i] = nr;
		model->objects[nr++] = model->objects[i];
	}
	model->nr_objects = nr;
	for (i = 0; i < nr; i++) {
		struct model_object *o = &model->objects[i];

		for (n = 0; n < o->nr_edges; n++)
			if (o->edges[n] >= 0)
				o->edges[n] = moved_to[o->edges[n]];
	}
	for (n = 0; n < model->nr_holds; n++)
		model->holds[n].object = moved_to[model->holds[n].object];
	free(moved_to);
	return true;
}

void refslab_model_free(struct model *model)
{
	int i;

	for (i = 0; i < model->nr_objects; i++)
		free(model->objects[i].edges);
	free(model->objects);
	free(model->holds);
	*model = (struct model){ };
}
