// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: dicts, sets and instances of a thread with a model. Keys are small ints and names of one
 * letter, which are constants, and the thread's own objects, by identity: so there are cycles
 * through keys, too. What is there and what is not, the model knows.
 */
#include <errno.h>

#include "stress_model.h"

/* An edge that is, or could be, a key, and a handle on it. */
struct key {
	int edge;
	__u32 handle;
	bool can_be_one;
};

bool refslab_stress_keyed_start(struct model_thread *t)
{
	unsigned int i;
	int err;

	for (i = 0; i < MODEL_CONSTANTS; i++) {
		char name = 'a' + i;

		err = refslab_op_int(t->session, i, &t->numbers[i]);
		if (!refslab_stress_check(t->stress, REFSLAB_OP_INT, err))
			return false;
		err = refslab_op_str(t->session, &name, 1, &t->names[i]);
		if (!refslab_stress_check(t->stress, REFSLAB_OP_STR, err))
			return false;
	}
	return true;
}

void refslab_stress_keyed_end(struct model_thread *t)
{
	unsigned int i;

	for (i = 0; i < MODEL_CONSTANTS; i++) {
		refslab_stress_check(t->stress, REFSLAB_OP_CLOSE,
				     refslab_op_close(t->session, t->numbers[i]));
		refslab_stress_check(t->stress, REFSLAB_OP_CLOSE,
				     refslab_op_close(t->session, t->names[i]));
	}
}

/* Counts an operation, which has to succeed if @there, and otherwise must not find its key. */
static bool did_find(struct model_thread *t, unsigned int opcode, int err, bool there)
{
	if (there || err != -ENOKEY) {
		if (!there && !err)
			refslab_stress_fail(t->stress, "%s: a key that is not there was found",
					    refslab_opcode_name(opcode));
		return did(t, opcode, err) && there;
	}
	t->operations++;
	return false;
}

/* Counts an operation, which has to answer what the model knows. */
static bool answered(struct model_thread *t, unsigned int opcode, int err, bool answer, bool want)
{
	if (!did(t, opcode, err))
		return false;
	if (answer == want)
		return true;
	refslab_stress_fail(t->stress, "%s: says %u", refslab_opcode_name(opcode), answer);
	return false;
}

/* Adds the entry of a key, at the end, or gives it another value. */
static void model_put(struct model_thread *t, int object, int key, int at, int value)
{
	struct model_object *o = &t->model.objects[object];
	unsigned int end = o->nr_edges;

	if (at >= 0)
		o->edges[at + 1] = value;
	else if (!refslab_model_insert(&t->model, object, end, key) ||
		 !refslab_model_insert(&t->model, object, end + 1, value))
		no_memory(t);
}

static void model_take_out(struct model_thread *t, int object, int at)
{
	unsigned int i, stride = refslab_model_stride(&t->model.objects[object]);

	for (i = 0; i < stride; i++)
		refslab_model_remove(&t->model, object, at);
}

static struct key key_of_hold(struct model_thread *t, const struct model_hold *hold)
{
	enum model_kind kind = t->model.objects[hold->object].kind;

	return (struct key){
		.edge = hold->object,
		.handle = hold->handle,
		.can_be_one = kind == MODEL_SLOTS || kind == MODEL_INSTANCE,
	};
}

/* Half of the time one that is there, if a handle is held on it; others are there or not. */
static struct key pick_key(struct model_thread *t, int object)
{
	const struct model_object *o = &t->model.objects[object];
	unsigned int n = o->nr_edges / refslab_model_stride(o), i;
	int edge = MODEL_CONSTANT((int)below(t, MODEL_CONSTANTS));

	if (n && below(t, 2)) {
		edge = o->edges[below(t, n) * refslab_model_stride(o)];
		for (i = 0; edge >= 0 && i < t->model.nr_holds; i++)
			if (t->model.holds[i].object == edge)
				return key_of_hold(t, &t->model.holds[i]);
	}
	if (edge >= 0 || below(t, 2))
		return key_of_hold(t, &t->model.holds[below(t, t->model.nr_holds)]);
	return (struct key){ edge, t->numbers[MODEL_CONSTANT(edge)], true };
}

/* A container that changes is no key, and nothing is done with it. */
static void refuse(struct model_thread *t, const struct model_hold *hold, const struct key *key,
		   bool is_set)
{
	unsigned int opcode = is_set ? REFSLAB_OP_ADD : REFSLAB_OP_DICT_SETITEM;
	bool added;
	int err;

	if (is_set)
		err = refslab_op_add(t->session, hold->handle, key->handle, &added);
	else
		err = refslab_op_dict_setitem(t->session, hold->handle, key->handle, key->handle);
	t->operations++;
	if (err != -EPROTOTYPE)
		refslab_stress_fail(t->stress, "%s: errno %d for what cannot be a key",
				    refslab_opcode_name(opcode), -err);
}

/* Takes the value out with its entry. */
static void pop(struct model_thread *t, const struct model_hold *hold, const struct key *key,
		int at)
{
	struct refslab_operand dict = refslab_value(hold->handle), k = refslab_value(key->handle);
	struct refslab_batch *b = t->batch;
	unsigned int done;
	int err, value;

	refslab_batch_reset(b);
	refslab_batch_op(b, REFSLAB_OP_DICT_ITEM, dict, k);
	refslab_batch_op(b, REFSLAB_OP_DICT_DELITEM, dict, k);
	err = refslab_batch_submit(b, t->session, &done);
	t->operations += done;
	if (!did_find(t, refslab_batch_opcode(b, done), err, at >= 0))
		return;
	value = t->model.objects[hold->object].edges[at + 1];
	model_take_out(t, hold->object, at);
	refslab_stress_model_take(t, refslab_batch_result(b, 0, 0), value);
}

static void use_dict(struct model_thread *t, const struct model_hold *hold, const struct key *key,
		     const struct model_hold *target)
{
	int at = refslab_model_find(&t->model, hold->object, key->edge);
	__u32 value;
	bool is;
	int err;

	switch (below(t, 8)) {
	case 0:
		err = refslab_op_dict_delitem(t->session, hold->handle, key->handle);
		if (did_find(t, REFSLAB_OP_DICT_DELITEM, err, at >= 0))
			model_take_out(t, hold->object, at);
		break;
	case 1:
		pop(t, hold, key, at);
		break;
	case 2:
	case 3:
		err = refslab_op_dict_item(t->session, hold->handle, key->handle, &value);
		if (did_find(t, REFSLAB_OP_DICT_ITEM, err, at >= 0))
			refslab_stress_model_take(t, value,
						  t->model.objects[hold->object].edges[at + 1]);
		break;
	case 4:
		err = refslab_op_contains(t->session, hold->handle, key->handle, &is);
		answered(t, REFSLAB_OP_CONTAINS, err, is, at >= 0);
		break;
	default:
		err = refslab_op_dict_setitem(t->session, hold->handle, key->handle,
					      target->handle);
		if (did(t, REFSLAB_OP_DICT_SETITEM, err))
			model_put(t, hold->object, key->edge, at, target->object);
	}
}

static void use_set(struct model_thread *t, const struct model_hold *hold, const struct key *key)
{
	int at = refslab_model_find(&t->model, hold->object, key->edge);
	unsigned int end = t->model.objects[hold->object].nr_edges;
	bool is;
	int err;

	switch (below(t, 8)) {
	case 0:
	case 1:
		err = refslab_op_discard(t->session, hold->handle, key->handle, &is);
		if (answered(t, REFSLAB_OP_DISCARD, err, is, at >= 0) && is)
			model_take_out(t, hold->object, at);
		break;
	case 2:
	case 3:
		err = refslab_op_contains(t->session, hold->handle, key->handle, &is);
		answered(t, REFSLAB_OP_CONTAINS, err, is, at >= 0);
		break;
	default:
		err = refslab_op_add(t->session, hold->handle, key->handle, &is);
		if (answered(t, REFSLAB_OP_ADD, err, is, at < 0) && is &&
		    !refslab_model_insert(&t->model, hold->object, end, key->edge))
			no_memory(t);
	}
}

static void use_instance(struct model_thread *t, const struct model_hold *hold,
			 const struct model_hold *target)
{
	unsigned int n = below(t, MODEL_CONSTANTS);
	int key = MODEL_CONSTANT((int)n);
	int at = refslab_model_find(&t->model, hold->object, key);
	char name[] = { 'a' + n, 0 };
	__u32 value;
	int err;

	switch (below(t, 8)) {
	case 0:
	case 1:
		err = refslab_op_delattr(t->session, hold->handle, name);
		if (did_find(t, REFSLAB_OP_DELATTR, err, at >= 0))
			model_take_out(t, hold->object, at);
		break;
	case 2:
	case 3:
		err = refslab_op_getattr(t->session, hold->handle, name, &value);
		if (did_find(t, REFSLAB_OP_GETATTR, err, at >= 0))
			refslab_stress_model_take(t, value,
						  t->model.objects[hold->object].edges[at + 1]);
		break;
	default:
		err = refslab_op_setattr(t->session, hold->handle, name, target->handle);
		if (did(t, REFSLAB_OP_SETATTR, err))
			model_put(t, hold->object, key, at, target->object);
	}
}

void refslab_stress_keyed_use(struct model_thread *t, const struct model_hold *hold,
			      const struct model_hold *target)
{
	enum model_kind kind = t->model.objects[hold->object].kind;
	struct key key;

	if (kind == MODEL_INSTANCE) {
		use_instance(t, hold, target);
		return;
	}
	key = pick_key(t, hold->object);
	if (!key.can_be_one)
		refuse(t, hold, &key, kind == MODEL_SET);
	else if (kind == MODEL_SET)
		use_set(t, hold, &key);
	else
		use_dict(t, hold, &key, target);
}
