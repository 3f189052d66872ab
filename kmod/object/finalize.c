// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers of objects whose last reference goes. (The collector finalizes garbage itself, see
 * gc/resurrect.c.)
 *
 * A finalizer runs once in an object's life, on an object that is whole and has a reference: the
 * kernel type's function, or an event for user space. Whoever takes a reference meanwhile brings
 * the object back for good; it dies without a finalizer the next time.
 */
#include "object.h"
#include "../refslab.h"

/**
 * refslab_finalize_begin() - claim the one run of an object's finalizer
 * @obj: the object
 *
 * Context: any, no object's lock held. Return: false when it ran, or was announced, before.
 */
bool refslab_finalize_begin(struct refslab_object *obj)
{
	bool first;

	refslab_object_lock(obj);
	/* beside the lock others look at the type, which stays; see refslab_object_unlock() */
	first = !data_race(__test_and_set_bit(REFSLAB_HEAD_FINALIZED, &obj->head));
	refslab_object_unlock(obj);
	return first;
}

/**
 * refslab_finalize_last() - finalize an object whose count has reached 0, unless that was done
 * @obj: the object, in nobody else's hands; its weak references are cleared, its references are not
 * @type: its type, of REFSLAB_TYPE_EXTRA
 *
 * Context: task context, no lock of the heap held.
 *
 * Return: true when the object lives on, out of the caller's hands; false when it is to be
 * destroyed now.
 */
bool refslab_finalize_last(struct refslab_object *obj, struct refslab_type *type)
{
	struct refslab_objects *objects = type->objects;

	/* once: not when some of its references are gone, nor for what the collector found dead */
	if (!refslab_finalize_begin(obj) ||
	    (refslab_word_read(&obj->word) & REFSLAB_WORD_DEAD) || READ_ONCE(objects->ending))
		return false;
	if (type->flags & REFSLAB_TYPE_FINALIZE) {
		refslab_object_revive(obj);
		refslab_destroy_call(obj, type->ops->finalize);
	} else if ((type->flags & REFSLAB_TYPE_NOTIFY) && refslab_event_heard(&objects->events)) {
		refslab_object_revive(obj);
		if (refslab_event_post(&objects->events, obj))
			return true;
	} else {
		return false;
	}
	return !refslab_word_put(&obj->word);
}
