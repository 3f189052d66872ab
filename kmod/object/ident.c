// SPDX-License-Identifier: GPL-2.0
/*
 * Objects by id: a reference on the object that has an id, if it is still alive.
 *
 * Only ids that somebody has asked for are remembered, each with the place of its object as numbers
 * (see walk.c). What dies is not forgotten there and then, so that dying costs nothing: whoever
 * looks finds another id at the place, or nothing. When there are twice as many as were alive the
 * last time, the dead are swept out.
 */
#include <linux/sched/signal.h>

#include "object.h"
#include "../refslab.h"

#define SWEEP_MIN	1024

static void forget_dead(struct refslab_objects *objects)
{
	unsigned long id;
	void *entry;

	refslab_mem_hold(&objects->mem);
	xa_for_each(&objects->idents, id, entry) {
		/* the next one to publish goes on */
		if (fatal_signal_pending(current))
			break;
		if (!refslab_walk_alive(objects, xa_to_value(entry), id)) {
			xa_lock(&objects->idents);
			if (__xa_erase(&objects->idents, id))
				objects->idents_nr--;
			xa_unlock(&objects->idents);
		}
		cond_resched();
	}
	refslab_mem_release(&objects->mem);
	xa_lock(&objects->idents);
	objects->idents_sweep = 2 * objects->idents_nr + SWEEP_MIN;
	xa_unlock(&objects->idents);
}

/**
 * refslab_ident_publish() - remember where an object is, so that it is found by its id
 * @obj: the object; the caller holds a reference on it
 * @gfp: allocation flags; may sleep
 *
 * Return: 0 or -ENOMEM.
 */
int refslab_ident_publish(struct refslab_object *obj, gfp_t gfp)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	bool sweep;
	int err;

	/* a constant is found without */
	if (xa_load(&objects->idents, obj->id) || refslab_constant_is(objects, obj))
		return 0;
	xa_lock(&objects->idents);
	err = __xa_insert(&objects->idents, obj->id, xa_mk_value(refslab_walk_place(obj)), gfp);
	if (!err)
		objects->idents_nr++;
	sweep = objects->idents_nr > objects->idents_sweep;
	if (sweep)
		objects->idents_sweep = U64_MAX;
	xa_unlock(&objects->idents);
	if (sweep)
		forget_dead(objects);
	/* somebody else was first */
	return err == -EBUSY ? 0 : err;
}
REFSLAB_EXPORT_TEST(refslab_ident_publish);

/**
 * refslab_ident_get() - a reference on the object with an id
 * @objects: the heap's objects
 * @id: any number; found if refslab_ident_publish() was called with the object, or it is a constant
 *
 * Waits for the collector's verdict when there is to be one. Context: may sleep.
 *
 * Return: a strong reference, NULL when there is no such object any more, or never was,
 * ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_ident_get(struct refslab_objects *objects, u64 id)
{
	void *entry = xa_load(&objects->idents, id);
	struct refslab_object *constant;

	constant = entry ? NULL : refslab_constant_find(objects, id);
	if (constant) {
		refslab_word_get(&constant->word);
		return constant;
	}
	return entry ? refslab_walk_find(objects, xa_to_value(entry), id) : NULL;
}
REFSLAB_EXPORT_TEST(refslab_ident_get);
