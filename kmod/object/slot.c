// SPDX-License-Identifier: GPL-2.0
/*
 * References in the fixed slots of an object.
 */
#include "object.h"

/**
 * refslab_slot_exchange() - store a reference in a slot, and destroy nothing
 * @obj: the object; the caller holds a reference on it
 * @slot: index
 * @to: as for refslab_slot_set()
 * @last: out: what the slot referred to when that was its last reference, for
 *	refslab_destroy_last(); else it stays what it was
 *
 * Context: task context, no object's lock held; does not sleep. Return: as refslab_slot_set().
 */
int refslab_slot_exchange(struct refslab_object *obj, u32 slot, struct refslab_object *to,
			  struct refslab_object **last)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_object *old;

	if (!type->nr_slots)
		return -EPROTOTYPE;
	if (slot >= type->nr_slots)
		return -ERANGE;
	if (to && !refslab_word_try_get(&to->word))
		return -EOVERFLOW;

	refslab_object_lock(obj);
	old = refslab_slot_displace(&refslab_object_slots(obj)[slot], to);
	refslab_object_unlock(obj);
	if (old)
		*last = old;
	return 0;
}

/**
 * refslab_slot_set() - store a reference in a slot
 * @obj: the object; the caller holds a reference on it
 * @slot: index
 * @to: what the slot refers to from now on, counted; NULL empties it. The caller's own reference
 *	on it stays the caller's
 *
 * What the slot referred to loses a reference, and is destroyed when that was the last.
 * Context: task context, no object's lock held.
 *
 * Return: 0, -EPROTOTYPE when objects of the type have no slots, -ERANGE, -EOVERFLOW.
 */
int refslab_slot_set(struct refslab_object *obj, u32 slot, struct refslab_object *to)
{
	struct refslab_object *last = NULL;
	int err = refslab_slot_exchange(obj, slot, to, &last);

	if (last)
		refslab_destroy_last(last);
	return err;
}
REFSLAB_EXPORT_TEST(refslab_slot_set);

/**
 * refslab_slot_get() - load the reference in a slot
 * @obj: the object; the caller holds a reference on it
 * @slot: index
 *
 * Context: task context, no object's lock held.
 *
 * Return: a strong reference, NULL when the slot is empty, ERR_PTR(-EPROTOTYPE), (-ERANGE) or
 * (-EOVERFLOW).
 */
struct refslab_object *refslab_slot_get(struct refslab_object *obj, u32 slot)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_object *target;

	if (!type->nr_slots)
		return ERR_PTR(-EPROTOTYPE);
	if (slot >= type->nr_slots)
		return ERR_PTR(-ERANGE);
	refslab_object_lock(obj);
	target = refslab_object_slots(obj)[slot];
	if (target && !refslab_word_try_get(&target->word))
		target = ERR_PTR(-EOVERFLOW);
	refslab_object_unlock(obj);
	return target;
}
REFSLAB_EXPORT_TEST(refslab_slot_get);
