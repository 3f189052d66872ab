// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: every thread has objects of its own and a model of them. They run beside one another and
 * beside the collector; between rounds all is still, and the heap has to be what the models say:
 * the same objects, each with its reference count, its slots and elements, and no garbage.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "model.h"
#include "stress.h"

#define RECORDS		4096		/* read at once */
#define EDGES		1024u		/* compared at once, with 3 operations each */
#define TO_BE_KNOWN	(~0u)		/* no handle is */

struct model_thread {
	struct stress *stress;
	struct refslab_session *session;
	struct refslab_batch *batch;
	struct stress_random random;
	pthread_t thread;
	struct model model;
	__u32 list_type;
	unsigned int goal;		/* handles to have, about */
	__u64 operations;
};

/* What is looked at between rounds. */
struct contents {
	struct refslab_record *records;	/* by id */
	size_t count;
	__u64 edges;			/* compared */
};

static unsigned int below(struct model_thread *t, unsigned int n)
{
	return refslab_stress_random(&t->random, n);
}

static bool did(struct model_thread *t, unsigned int opcode, int err)
{
	t->operations++;
	return refslab_stress_check(t->stress, opcode, err);
}

static void no_memory(struct model_thread *t)
{
	refslab_stress_fail(t->stress, "no memory for the model");
}

/* The handle of an object from a slot or list, kept or dropped. */
static void take(struct model_thread *t, __u32 handle, int object)
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
	unsigned int what = below(t, 40);
	enum stress_type type = what < STRESS_TYPES ? what : STRESS_NODE;
	bool is_list = what >= 24;
	unsigned int done;
	int made, object, err;

	refslab_batch_reset(b);
	if (is_list)
		made = refslab_batch_op(b, REFSLAB_OP_LIST);
	else
		made = refslab_batch_op(b, REFSLAB_OP_NEW, refslab_value(t->stress->type[type]));
	refslab_batch_op(b, REFSLAB_OP_ID, refslab_result(made));
	err = refslab_batch_submit(b, t->session, &done);
	t->operations += done;
	if (!refslab_stress_check(t->stress, refslab_batch_opcode(b, done), err))
		return;
	object = refslab_model_add(&t->model, refslab_batch_result(b, 1, 0),
				   is_list ? t->list_type : t->stress->type[type], is_list,
				   is_list ? 0 : refslab_stress_slots[type]);
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
			take(t, handle, o->edges[i]);
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
		take(t, handle, object);
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
			take(t, handle, object);
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
	else if (t->model.objects[hold.object].is_list)
		use_list(t, &hold, &target);
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

static int by_id(const void *a, const void *b)
{
	const struct refslab_record *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static bool read_contents(struct stress *stress, struct contents *contents)
{
	struct refslab_record *more;
	size_t count, room = 0;
	__u64 cursor = 0;
	int err;

	contents->count = 0;
	do {
		if (room - contents->count < RECORDS) {
			room += RECORDS;
			more = reallocarray(contents->records, room, sizeof(*more));
			if (!more) {
				refslab_stress_fail(stress, "no memory for the heap's contents");
				return false;
			}
			contents->records = more;
		}
		err = refslab_op_objects(stress->session, &cursor, REFSLAB_GEN_ALL,
					 contents->records + contents->count, RECORDS, &count);
		if (!refslab_stress_check(stress, REFSLAB_OP_OBJECTS, err))
			return false;
		contents->count += count;
	} while (cursor);
	if (contents->count)
		qsort(contents->records, contents->count, sizeof(*contents->records), by_id);
	return true;
}

/* The objects of one model, against the list of all. */
static void compare_objects(struct model_thread *t, const struct contents *contents)
{
	int i;

	for (i = 0; i < t->model.nr_objects; i++) {
		const struct model_object *o = &t->model.objects[i];
		const struct refslab_record key = { .id = o->id }, *r = NULL;

		if (contents->count)
			r = bsearch(&key, contents->records, contents->count, sizeof(key), by_id);
		if (!r && o->alive)
			refslab_stress_fail(t->stress, "object %llu is missing", o->id);
		else if (r && !o->alive)
			refslab_stress_fail(t->stress, "object %llu should be dead", o->id);
		else if (r && (r->refcount != o->refcount || r->type != o->type))
			refslab_stress_fail(t->stress,
					    "object %llu: refcount %u, type %u, not %u, %u",
					    o->id, r->refcount, r->type, o->refcount, o->type);
	}
}

/* An empty slot, which an operation only says by failing. */
static void compare_empty(struct model_thread *t, const struct model_object *o, unsigned int i,
			  __u32 handle)
{
	__u32 found;
	int err = refslab_op_slot(t->session, handle, i, &found);

	if (err != -ENODATA)
		refslab_stress_fail(t->stress, "object %llu slot %u is not empty: errno %d", o->id,
				    i, -err);
}

/*
 * Edges @first to @end - 1 of an object, in one batch. The targets are wanted, too: the first
 * handle made for one stays, in @handles, and the target is put in @waiting. Returns how many
 * wait then.
 */
static int compare_some(struct model_thread *t, const struct model_object *o, unsigned int first,
			unsigned int end, __u32 *handles, int *waiting, int nr_waiting)
{
	unsigned int follow = o->is_list ? REFSLAB_OP_ITEM : REFSLAB_OP_SLOT;
	__u32 handle = handles[o - t->model.objects];
	struct refslab_batch *b = t->batch;
	/*
	 * An empty slot takes a call of its own, for one object in eight: one that is not empty
	 * shows as well in the count of what it refers to.
	 */
	bool look_at_empty = !below(t, 8);
	unsigned int i, done;
	int err, op = 0;

	refslab_batch_reset(b);
	for (i = first; i < end; i++) {
		int found, target = o->edges[i];

		if (target == MODEL_EMPTY && look_at_empty)
			compare_empty(t, o, i, handle);
		if (target == MODEL_EMPTY)
			continue;
		found = refslab_batch_op(b, follow, refslab_value(handle), refslab_value(i));
		refslab_batch_op(b, REFSLAB_OP_ID, refslab_result(found));
		if (handles[target])
			refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(found));
		else
			waiting[nr_waiting++] = target;
		if (!handles[target])
			handles[target] = TO_BE_KNOWN;
	}
	err = refslab_batch_submit(b, t->session, &done);
	if (!refslab_stress_check(t->stress, refslab_batch_opcode(b, done), err))
		return nr_waiting;
	for (i = first; i < end; i++) {
		int target = o->edges[i];
		__u64 id = refslab_batch_result(b, op + 1, 0);

		if (target == MODEL_EMPTY)
			continue;
		if (id != t->model.objects[target].id)
			refslab_stress_fail(t->stress,
					    "object %llu, slot or element %u: %llu, not %llu",
					    o->id, i, id, t->model.objects[target].id);
		if (handles[target] == TO_BE_KNOWN)
			handles[target] = refslab_batch_result(b, op, 0);
		op += 2;
		if (refslab_batch_opcode(b, op) == REFSLAB_OP_CLOSE)
			op++;
	}
	return nr_waiting;
}

/* Every edge of what lives, from the handles on; handles made on the way are dropped again. */
static void compare_edges(struct model_thread *t, struct contents *contents)
{
	struct model *m = &t->model;
	__u32 *handles = calloc(m->nr_objects + 1, sizeof(*handles));
	bool *held = calloc(m->nr_objects + 1, sizeof(*held));
	int *waiting = calloc(m->nr_objects + 1, sizeof(*waiting));
	int i, nr_waiting = 0;
	unsigned int n;
	__u64 len;

	if (!handles || !held || !waiting) {
		no_memory(t);
		goto out;
	}
	for (n = 0; n < m->nr_holds; n++) {
		int object = m->holds[n].object;

		if (!held[object])
			waiting[nr_waiting++] = object;
		held[object] = true;
		handles[object] = m->holds[n].handle;
	}
	while (nr_waiting && !atomic_load(&t->stress->failed)) {
		int object = waiting[--nr_waiting];
		const struct model_object *o = &m->objects[object];
		int err = refslab_op_len(t->session, handles[object], &len);

		if (!refslab_stress_check(t->stress, REFSLAB_OP_LEN, err))
			break;
		if (len != o->nr_edges)
			refslab_stress_fail(t->stress, "object %llu has length %llu, not %u",
					    o->id, len, o->nr_edges);
		for (n = 0; n < o->nr_edges && !atomic_load(&t->stress->failed); n += EDGES) {
			unsigned int end = o->nr_edges - n > EDGES ? n + EDGES : o->nr_edges;

			nr_waiting = compare_some(t, o, n, end, handles, waiting, nr_waiting);
		}
		contents->edges += o->nr_edges;
	}
	for (i = 0; i < m->nr_objects; i++)
		if (handles[i] && handles[i] != TO_BE_KNOWN && !held[i])
			refslab_stress_check(t->stress, REFSLAB_OP_CLOSE,
					     refslab_op_close(t->session, handles[i]));
out:
	free(handles);
	free(held);
	free(waiting);
}

/* All is still: the heap against all models. */
static void compare(struct stress *stress, struct model_thread *threads, struct contents *contents)
{
	__u64 unreachable, alive = 0;
	unsigned int i;
	int err, n;

	err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
	if (!refslab_stress_check(stress, REFSLAB_OP_COLLECT, err))
		return;
	stress->scans++;
	stress->unreachable += unreachable;
	for (i = 0; i < stress->threads; i++) {
		n = refslab_model_mark(&threads[i].model);
		if (n < 0) {
			no_memory(&threads[i]);
			return;
		}
		alive += n;
	}
	/* No further scan here: this one had to find all there was. */
	if (!refslab_stress_settle(stress, alive, false) || !read_contents(stress, contents))
		return;
	if (contents->count != alive)
		refslab_stress_fail(stress, "%zu objects listed where %llu should be",
				    contents->count, alive);
	for (i = 0; i < stress->threads; i++) {
		compare_objects(&threads[i], contents);
		compare_edges(&threads[i], contents);
	}
	err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
	if (refslab_stress_check(stress, REFSLAB_OP_COLLECT, err) && unreachable)
		refslab_stress_fail(stress, "a second scan found %llu more", unreachable);
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
	__u32 list_type;

	if (!refslab_stress_list_type(stress, &list_type))
		goto out;
	if (!threads) {
		refslab_stress_fail(stress, "no memory");
		goto out;
	}
	for (i = 0; i < stress->threads; i++) {
		threads[i].stress = stress;
		threads[i].session = stress->session;
		threads[i].list_type = list_type;
		threads[i].goal = stress->objects / stress->threads + 1;
		threads[i].batch = refslab_batch_new();
		refslab_stress_seed(&threads[i].random, stress->seed, i);
		if (!threads[i].batch) {
			refslab_stress_fail(stress, "no memory");
			goto out;
		}
	}
	for (round = 1; round <= stress->rounds; round++) {
		contents.edges = 0;
		run_round(stress, threads);
		if (!atomic_load(&stress->failed))
			compare(stress, threads, &contents);
		if (atomic_load(&stress->failed))
			break;
		print_round(stress, round, threads, &contents);
		for (i = 0; i < stress->threads; i++)
			tidy(stress, &threads[i]);
	}
	for (i = 0; i < stress->threads; i++)
		for (n = 0; n < threads[i].model.nr_holds; n++)
			refslab_stress_check(stress, REFSLAB_OP_CLOSE,
					     refslab_op_close(stress->session,
							      threads[i].model.holds[n].handle));
out:
	for (i = 0; threads && i < stress->threads; i++) {
		refslab_batch_free(threads[i].batch);
		refslab_model_free(&threads[i].model);
	}
	free(contents.records);
	free(threads);
}
