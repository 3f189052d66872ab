// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: every thread has objects of its own and a model of them. They run beside one another and
 * beside the collector; between rounds all is still, and the heap has to be what the models say:
 * the same objects, each with its reference count, its slots, elements and entries, and no garbage.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "stress_model.h"

void refslab_stress_model_take(struct model_thread *t, __u32 handle, int object)
{
	if (below(t, 4)) {
		if (!refslab_model_hold(&t->model, handle, object))
			no_memory(t);
	} else {
		did(t, REFSLAB_OP_CLOSE, refslab_op_close(t->session, handle));
	}
}

/* Makes an object and learns its id in the same call. */
static void make(struct model_thread *t)
{
	struct refslab_batch *b = t->batch;
	unsigned int what = below(t, 40), done;
	enum stress_type type = what < STRESS_TYPES ? what : STRESS_NODE;
	enum model_kind kind = what < 18 ? MODEL_SLOTS : what < 28 ? MODEL_LIST :
			       what < 33 ? MODEL_DICT : what < 37 ? MODEL_SET : MODEL_INSTANCE;
	bool has_slots = kind == MODEL_SLOTS;
	int made, object, err;
	__u32 number;

	number = has_slots ? t->stress->type[type] : t->stress->built_in[kind];
	refslab_batch_reset(b);
	if (has_slots)
		made = refslab_batch_op(b, REFSLAB_OP_NEW, refslab_value(number));
	else
		made = refslab_batch_op(b, refslab_stress_makes[kind]);
	refslab_batch_op(b, REFSLAB_OP_ID, refslab_result(made));
	err = refslab_batch_submit(b, t->session, &done);
	t->operations += done;
	if (!refslab_stress_check(t->stress, refslab_batch_opcode(b, done), err))
		return;
	object = refslab_model_add(&t->model, refslab_batch_result(b, 1, 0), number, kind,
				   has_slots ? refslab_stress_slots[type] : 0);
	if (object < 0 ||
	    !refslab_model_hold(&t->model, refslab_batch_result(b, made, 0), object))
		no_memory(t);
}

static void duplicate(struct model_thread *t, const struct model_hold *hold)
{
	int object = hold->object;
	__u32 copy;
	int err = refslab_op_dup(t->session, hold->handle, &copy);

	if (did(t, REFSLAB_OP_DUP, err) && !refslab_model_hold(&t->model, copy, object))
		no_memory(t);
}

static void drop(struct model_thread *t, unsigned int hold)
{
	int err = refslab_op_close(t->session, t->model.holds[hold].handle);

	if (did(t, REFSLAB_OP_CLOSE, err))
		refslab_model_release(&t->model, hold);
}

static void use_slot(struct model_thread *t, const struct model_hold *hold,
		     const struct model_hold *target)
{
	struct model_object *o = &t->model.objects[hold->object];
	unsigned int i = below(t, o->nr_edges);
	__u32 handle;
	int err;

	switch (below(t, 8)) {
	case 0:
		err = refslab_op_clearslot(t->session, hold->handle, i);
		if (did(t, REFSLAB_OP_CLEARSLOT, err))
			o->edges[i] = MODEL_EMPTY;
		break;
	case 1:
	case 2:
		err = refslab_op_slot(t->session, hold->handle, i, &handle);
		if (o->edges[i] == MODEL_EMPTY) {
			if (err != -ENODATA)
				refslab_stress_fail(t->stress, "object %llu slot %u is not empty",
						    o->id, i);
			break;
		}
		if (did(t, REFSLAB_OP_SLOT, err))
			refslab_stress_model_take(t, handle, o->edges[i]);
		break;
	default:
		err = refslab_op_setslot(t->session, hold->handle, i, target->handle);
		if (did(t, REFSLAB_OP_SETSLOT, err))
			o->edges[i] = target->object;
	}
}

/* Of a list that has elements. */
static void use_element(struct model_thread *t, const struct model_hold *hold,
			const struct model_hold *target)
{
	int list = hold->object;
	struct model_object *o = &t->model.objects[list];
	unsigned int i = below(t, o->nr_edges);
	int object = o->edges[i];
	__u32 handle;
	int err;

	switch (below(t, 4)) {
	case 0:
		err = refslab_op_pop(t->session, hold->handle, i, &handle);
		if (!did(t, REFSLAB_OP_POP, err))
			break;
		refslab_model_remove(&t->model, list, i);
		refslab_stress_model_take(t, handle, object);
		break;
	case 1:
		err = refslab_op_setitem(t->session, hold->handle, i, target->handle);
		if (did(t, REFSLAB_OP_SETITEM, err))
			o->edges[i] = target->object;
		break;
	case 2:
		err = refslab_op_delitem(t->session, hold->handle, i);
		if (did(t, REFSLAB_OP_DELITEM, err))
			refslab_model_remove(&t->model, list, i);
		break;
	default:
		err = refslab_op_item(t->session, hold->handle, i, &handle);
		if (did(t, REFSLAB_OP_ITEM, err))
			refslab_stress_model_take(t, handle, object);
	}
}

static void use_list(struct model_thread *t, const struct model_hold *hold,
		     const struct model_hold *target)
{
	struct model_object *o = &t->model.objects[hold->object];
	unsigned int i = o->nr_edges;
	int err;

	if (o->nr_edges && below(t, 2)) {
		use_element(t, hold, target);
		return;
	}
	if (below(t, 2)) {
		i = below(t, o->nr_edges + 1);
		err = refslab_op_insert(t->session, hold->handle, i, target->handle);
		did(t, REFSLAB_OP_INSERT, err);
	} else {
		err = refslab_op_append(t->session, hold->handle, target->handle);
		did(t, REFSLAB_OP_APPEND, err);
	}
	if (!err && !refslab_model_insert(&t->model, hold->object, i, target->object))
		no_memory(t);
}

/* One operation of a thread on its own objects, in the heap and in the model. */
static void step(struct model_thread *t)
{
	unsigned int n = t->model.nr_holds, what = below(t, 100);
	/* Copies: holds[] may move. */
	struct model_hold hold, target;
	unsigned int i;

	if (!n || (what < 20 && n < t->goal)) {
		make(t);
		return;
	}
	i = below(t, n);
	hold = t->model.holds[i];
	target = t->model.holds[below(t, n)];
	if (what < 40)
		drop(t, i);
	else if (what < 45)
		duplicate(t, &hold);
	else if (t->model.objects[hold.object].kind == MODEL_LIST)
		use_list(t, &hold, &target);
	else if (t->model.objects[hold.object].kind != MODEL_SLOTS)
		refslab_stress_keyed_use(t, &hold, &target);
	else if (t->model.objects[hold.object].nr_edges)
		use_slot(t, &hold, &target);
}

static void *mutate(void *arg)
{
	struct model_thread *t = arg;
	unsigned int steps = 4 * t->goal;

	while (steps-- && !atomic_load(&t->stress->failed))
		step(t);
	return NULL;
}

/* Models begin the next round without the dead; one that has grown too much begins anew. */
static void tidy(struct stress *stress, struct model_thread *t)
{
	unsigned int i;

	if (!refslab_model_compact(&t->model)) {
		no_memory(t);
		return;
	}
	if (t->model.nr_objects < 8 * (int)t->goal)
		return;
	for (i = 0; i < t->model.nr_holds; i++)
		did(t, REFSLAB_OP_CLOSE, refslab_op_close(stress->session,
							  t->model.holds[i].handle));
	t->model.nr_holds = 0;
}

static void run_round(struct stress *stress, struct model_thread *threads)
{
	unsigned int i, started;
	int err;

	if (!refslab_stress_start_collector(stress))
		return;
	for (started = 0; started < stress->threads; started++) {
		err = pthread_create(&threads[started].thread, NULL, mutate, &threads[started]);
		if (err) {
			refslab_stress_fail(stress, "no thread: %s", strerror(err));
			break;
		}
	}
	for (i = 0; i < started; i++)
		pthread_join(threads[i].thread, NULL);
	refslab_stress_join_collector(stress);
	refslab_stress_invariants(stress);
}

static void print_round(struct stress *stress, unsigned int round, struct model_thread *threads,
			const struct contents *contents)
{
	struct json_object *o;
	__u64 operations = 0;
	unsigned int i;

	for (i = 0; i < stress->threads; i++)
		operations += threads[i].operations;
	if (stress->json) {
		o = json_object_new_object();
		json_object_object_add(o, "round", json_object_new_int64(round));
		json_object_object_add(o, "operations", json_object_new_uint64(operations));
		json_object_object_add(o, "objects", json_object_new_uint64(contents->count));
		json_object_object_add(o, "edges", json_object_new_uint64(contents->edges));
		refslab_tool_json(o);
		return;
	}
	/* Objects and edges of this round, the operations of all so far. */
	if (round % 10 == 0 || round == stress->rounds)
		printf("round %5u  %10llu operations  %8zu objects  %8llu edges compared\n",
		       round, operations, contents->count, contents->edges);
}

void refslab_stress_model(struct stress *stress)
{
	struct model_thread *threads = calloc(stress->threads, sizeof(*threads));
	struct contents contents = { };
	unsigned int i, n, round;

	if (!threads) {
		refslab_stress_fail(stress, "no memory");
		goto out;
	}
	for (i = 0; i < stress->threads; i++) {
		threads[i].stress = stress;
		threads[i].session = stress->session;
		threads[i].goal = stress->objects / stress->threads + 1;
		threads[i].batch = refslab_batch_new();
		refslab_stress_seed(&threads[i].random, stress->seed, i);
		if (!threads[i].batch) {
			refslab_stress_fail(stress, "no memory");
			goto out;
		}
		if (!refslab_stress_keyed_start(&threads[i]))
			goto out;
	}
	for (round = 1; round <= stress->rounds; round++) {
		contents.edges = 0;
		run_round(stress, threads);
		if (!atomic_load(&stress->failed))
			refslab_stress_compare(stress, threads, &contents);
		if (atomic_load(&stress->failed))
			break;
		print_round(stress, round, threads, &contents);
		for (i = 0; i < stress->threads; i++)
			tidy(stress, &threads[i]);
	}
	for (i = 0; i < stress->threads; i++) {
		for (n = 0; n < threads[i].model.nr_holds; n++)
			refslab_stress_check(stress, REFSLAB_OP_CLOSE,
					     refslab_op_close(stress->session,
							      threads[i].model.holds[n].handle));
		refslab_stress_keyed_end(&threads[i]);
	}
out:
	for (i = 0; threads && i < stress->threads; i++) {
		refslab_batch_free(threads[i].batch);
		refslab_model_free(&threads[i].model);
	}
	free(contents.records);
	free(threads);
}
