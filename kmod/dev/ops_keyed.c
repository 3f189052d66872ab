// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on dicts, sets and instances; whether something is in a container, and what is in it.
 * See enum refslab_opcode for what each takes and gives.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../types/types.h"
#include "dev.h"

/* Elements of a list or tuple that are compared before others get a turn. */
#define COMPARED	16

/* Elements taken before it is looked for a signal. */
#define ELEMENTS	1024U

int refslab_op_dict(struct refslab_call *call)
{
	return refslab_session_answer_new(call, refslab_dict_new(call->heap, REFSLAB_DEV_GFP));
}

int refslab_op_set(struct refslab_call *call)
{
	return refslab_session_answer_new(call, refslab_set_new(call->heap, REFSLAB_DEV_GFP));
}

int refslab_op_instance(struct refslab_call *call)
{
	return refslab_session_answer_new(call, refslab_instance_new(call->heap, REFSLAB_DEV_GFP));
}

/* --- entries -------------------------------------------------------------------------------- */

int refslab_op_dict_setitem(struct refslab_call *call)
{
	return refslab_keyed_set(call->obj[0], call->obj[1], call->obj[2], REFSLAB_DEV_GFP);
}

int refslab_op_dict_item(struct refslab_call *call)
{
	return refslab_session_answer(call, refslab_keyed_get(call->obj[0], call->obj[1]));
}

int refslab_op_dict_item_byvalue(struct refslab_call *call)
{
	struct refslab_probe probe;
	int err = refslab_atom_read_probe(call, 1, &probe);

	if (err)
		return err;
	err = refslab_session_answer(call, refslab_keyed_get(call->obj[0], probe.obj));
	refslab_probe_end(&probe);
	return err;
}

int refslab_op_dict_delitem(struct refslab_call *call)
{
	return refslab_keyed_delete(call->obj[0], call->obj[1]);
}

int refslab_op_add(struct refslab_call *call)
{
	int ret = refslab_keyed_add(call->obj[0], call->obj[1], REFSLAB_DEV_GFP);

	if (ret < 0)
		return ret;
	call->result[0] = ret;
	return 0;
}

int refslab_op_discard(struct refslab_call *call)
{
	int err = refslab_keyed_delete(call->obj[0], call->obj[1]);

	if (err && err != -ENOKEY)
		return err;
	call->result[0] = !err;
	return 0;
}

/*
 * The name of an attribute; operands 1 and 2 are where it is and how long. Who only looks makes no
 * object for that: it may have no right to, and the heap may be full.
 */
static struct refslab_object *get_name(struct refslab_call *call, bool make)
{
	char name[REFSLAB_MAX_ATTRIBUTE];
	int len = refslab_submit_copy_name(call, 1, name, sizeof(name));

	if (len < 0)
		return ERR_PTR(len);
	if (!make)
		return refslab_instance_find_name(call->heap, name, len);
	return refslab_instance_name(call->heap, name, len, REFSLAB_DEV_GFP);
}

int refslab_op_setattr(struct refslab_call *call)
{
	struct refslab_object *name = get_name(call, true);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = refslab_keyed_set(call->obj[0], name, call->obj[3], REFSLAB_DEV_GFP);
	refslab_object_put(name);
	return err;
}

int refslab_op_getattr(struct refslab_call *call)
{
	struct refslab_object *name = get_name(call, false);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = refslab_session_answer(call, refslab_keyed_get(call->obj[0], name));
	refslab_object_put(name);
	return err;
}

int refslab_op_delattr(struct refslab_call *call)
{
	struct refslab_object *name = get_name(call, false);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = refslab_keyed_delete(call->obj[0], name);
	refslab_object_put(name);
	return err;
}

/* --- is it in there? ------------------------------------------------------------------------ */

/*
 * Is there an element in a list or tuple that is equal to another object? Elements that others move
 * meanwhile may be missed.
 */
static int is_element(struct refslab_object *obj, struct refslab_object *wanted)
{
	struct refslab_object *to[COMPARED];
	bool found = false;
	u64 cursor = 0;
	unsigned int n;

	do {
		n = refslab_referents_take(obj, &cursor, to, ARRAY_SIZE(to));
		while (n--) {
			found = found || refslab_key_equal(wanted, to[n]);
			refslab_object_put(to[n]);
		}
		if (fatal_signal_pending(current))
			return -EINTR;
	} while (!found && cursor);
	return found;
}

static int contains(struct refslab_call *call, struct refslab_object *wanted)
{
	int ret;

	if (refslab_keyed_is(call->obj[0]))
		ret = refslab_keyed_contains(call->obj[0], wanted);
	else
		ret = is_element(call->obj[0], wanted);
	if (ret < 0)
		return ret;
	call->result[0] = ret;
	return 0;
}

int refslab_op_contains(struct refslab_call *call)
{
	return contains(call, call->obj[1]);
}

int refslab_op_contains_byvalue(struct refslab_call *call)
{
	struct refslab_probe probe;
	int err = refslab_atom_read_probe(call, 1, &probe);

	if (err)
		return err;
	err = contains(call, probe.obj);
	refslab_probe_end(&probe);
	return err;
}

/* --- what is in there ----------------------------------------------------------------------- */

/**
 * struct items - entries on their way to user memory
 * @obj:	the container
 * @width:	objects in an entry
 * @cursor:	where to begin; then, where to go on
 * @room:	entries that fit
 * @nr:		objects that are there
 * @objects:	keys and values in turns, or elements, with a reference each
 * @entries:	their handles
 */
struct items {
	struct refslab_object *obj;
	u32 width;
	u64 cursor;
	u32 room;
	u32 nr;
	struct refslab_object **objects;
	struct refslab_entry *entries;
};

static u32 *handle_of(struct items *items, u32 i)
{
	struct refslab_entry *entry = &items->entries[i / items->width];

	return i % items->width ? &entry->value : &entry->key;
}

static u32 length_of(struct refslab_object *obj)
{
	if (refslab_keyed_is(obj))
		return refslab_keyed_len(obj);
	return refslab_sequence_len(obj);
}

/* The next elements of a list or tuple, as refslab_keyed_take(). */
static int take_elements(struct refslab_object *obj, u64 *cursor, struct refslab_object **to,
			 u32 max)
{
	struct refslab_object *element;
	u32 n;

	for (n = 0; n < max && *cursor < length_of(obj); n++, ++*cursor) {
		element = refslab_sequence_get(obj, *cursor);
		/* the list has just become shorter */
		if (element == ERR_PTR(-ERANGE))
			break;
		if (IS_ERR(element)) {
			while (n--)
				refslab_object_put(to[n]);
			return PTR_ERR(element);
		}
		to[n] = element;
		cond_resched();
	}
	if (*cursor >= length_of(obj))
		*cursor = 0;
	return n;
}

/* References on as many entries as there is room for. A signal ends it early, with some. */
static int take_items(struct items *items)
{
	u32 room = items->room * items->width;
	int n;

	do {
		if (refslab_keyed_is(items->obj))
			n = refslab_keyed_take(items->obj, &items->cursor,
					       items->objects + items->nr, room - items->nr);
		else
			n = take_elements(items->obj, &items->cursor,
					  items->objects + items->nr,
					  min(room - items->nr, ELEMENTS));
		if (n < 0)
			return n;
		items->nr += n;
	} while (items->cursor && items->nr < room && !signal_pending(current));
	return 0;
}

static void abort_handles(struct refslab_call *call, struct items *items, u32 nr)
{
	while (nr--) {
		refslab_session_abort(call->session, *handle_of(items, nr));
		cond_resched();
	}
}

/* Handles for all, which nobody else can use before user space has been told. */
static int hand_out(struct refslab_call *call, struct items *items)
{
	u32 i, nr = items->nr / items->width;
	int err;

	for (i = 0; i < items->nr; i++) {
		err = refslab_session_reserve(call->session, handle_of(items, i));
		if (err) {
			abort_handles(call, items, i);
			return err;
		}
		cond_resched();
	}
	if (copy_to_user(u64_to_user_ptr(call->arg[2]), items->entries,
			 nr * sizeof(*items->entries))) {
		abort_handles(call, items, items->nr);
		return -EFAULT;
	}
	for (i = 0; i < items->nr; i++) {
		refslab_session_commit(call->session, *handle_of(items, i), items->objects[i]);
		cond_resched();
	}
	call->result[0] = nr;
	call->result[1] = items->cursor;
	items->nr = 0;
	return 0;
}

static int write_items(struct refslab_call *call, struct items *items)
{
	int err = take_items(items);

	if (!err)
		err = hand_out(call, items);
	while (items->nr) {
		refslab_object_put(items->objects[--items->nr]);
		cond_resched();
	}
	return err;
}

int refslab_op_items(struct refslab_call *call)
{
	struct items items = { .obj = call->obj[0], .width = 1, .cursor = call->arg[1] };
	u64 n = call->arg[3];
	int err = -ENOMEM;

	if (!n || n > SZ_1M || n % sizeof(*items.entries))
		return -EINVAL;
	if (refslab_object_type(items.obj)->flags & REFSLAB_TYPE_PAIRS)
		items.width = 2;
	/* no more than there are */
	items.room = clamp_t(u64, length_of(items.obj), 1, n / sizeof(*items.entries));
	items.entries = kvcalloc(items.room, sizeof(*items.entries), REFSLAB_DEV_GFP);
	items.objects = kvmalloc_array(items.room, items.width * sizeof(*items.objects),
				       REFSLAB_DEV_GFP);
	if (items.entries && items.objects)
		err = write_items(call, &items);
	kvfree(items.objects);
	kvfree(items.entries);
	return err;
}
