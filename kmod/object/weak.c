// SPDX-License-Identifier: GPL-2.0
/*
 * Weak references: objects that know where another one is, and do not keep it.
 *
 * A weak reference has the id and the place of its target (see walk.c), and looks there: it never
 * follows a pointer to memory that may be gone. The target has a list of its weak references, so
 * that those can be cleared before the target's finalizer runs, and called back when it dies. A
 * weak reference that dies first leaves the list.
 *
 * objects->weak_lock protects the lists. It nests in nothing and nothing is taken under it, but for
 * the reference word of a weak reference, which stays while it is on a list.
 *
 * Weak references are tracked by the collector, though they hold no references, so that one that is
 * garbage itself is known as such when its target's verdict is: it is not called back.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "object.h"
#include "../refslab.h"

#define WEAK_CACHE	80

/**
 * struct weak - body of a weak reference
 * @id:		of the target
 * @place:	where that is, or was
 * @node:	on the target's list, unless @cleared
 * @event:	that the target died
 * @cleared:	the target is dead, or its finalizer is about to run or ran
 * @missed:	it was not called back then, as it was garbage itself
 * @of_finalized: the finalizer had run when the weak reference was made
 * @params:	what to do when it dies
 */
struct weak {
	u64 id;
	u64 place;
	struct list_head node;
	struct refslab_event event;
	bool cleared;
	bool missed;
	bool of_finalized;
	struct refslab_weak_params params;
};

static struct weak *weak_of(struct refslab_object *obj)
{
	return (void *)refslab_object_slots(obj);
}

static struct refslab_object *object_of(struct weak *weak)
{
	return &((struct refslab_container *)weak - 1)->obj;
}

/* The weak reference dies before its target, or after it. */
static void weak_release(void *obj)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct weak *weak = weak_of(obj);

	spin_lock(&objects->weak_lock);
	if (!weak->cleared)
		list_del(&weak->node);
	weak->cleared = true;
	spin_unlock(&objects->weak_lock);
}

/**
 * refslab_weak_new() - make a weak reference
 * @target: the object; the caller holds a reference on it
 * @params: what to do when it dies
 * @gfp: allocation flags
 *
 * Context: task context; as @gfp says. Return: the weak reference, an object with one reference,
 * the caller's; ERR_PTR(-EPROTOTYPE) when objects of the type cannot have any, ERR_PTR(-ENOMEM).
 */
struct refslab_object *refslab_weak_new(struct refslab_object *target,
					const struct refslab_weak_params *params, gfp_t gfp)
{
	struct refslab_type *type = refslab_object_type(target);
	struct refslab_objects *objects = type->objects;
	struct refslab_object *obj;
	struct weak *weak;

	if (!(type->flags & REFSLAB_TYPE_WEAKABLE))
		return ERR_PTR(-EPROTOTYPE);
	obj = refslab_object_begin(objects->weak_type, gfp);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	weak = weak_of(obj);
	weak->id = target->id;
	weak->place = refslab_walk_place(target);
	weak->params = *params;
	weak->of_finalized = refslab_finalize_done(target);
	/* it is complete for who finds it by walking the heap */
	refslab_object_publish(obj, gfp);
	spin_lock(&objects->weak_lock);
	/* the most recent is called back first */
	list_add(&weak->node, &refslab_object_extra(target, type)->weak);
	spin_unlock(&objects->weak_lock);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_weak_new);

/**
 * refslab_weak_get() - take a strong reference by way of a weak one
 * @weak_obj: the weak reference; the caller holds a reference on it
 *
 * Waits for the collector's verdict when there is to be one. Context: may sleep.
 *
 * Return: a strong reference on the target, NULL when that is dead or was finalized since the weak
 * reference was made, ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_weak_get(struct refslab_object *weak_obj)
{
	struct refslab_objects *objects = refslab_object_type(weak_obj)->objects;
	struct weak *weak = weak_of(weak_obj);
	struct refslab_object *target;

	if (READ_ONCE(weak->cleared))
		return NULL;
	target = refslab_walk_find(objects, weak->place, weak->id);
	/* alive, but brought back by its finalizer, or about to be told to user space */
	if (!IS_ERR_OR_NULL(target) &&
	    (READ_ONCE(weak->cleared) || refslab_finalize_done(target) != weak->of_finalized)) {
		refslab_object_put(target);
		target = NULL;
	}
	return target;
}
REFSLAB_EXPORT_TEST(refslab_weak_get);

/**
 * refslab_weak_target() - the id of a weak reference's target, dead or alive
 * @weak_obj: the weak reference; the caller holds a reference on it
 */
u64 refslab_weak_target(struct refslab_object *weak_obj)
{
	return weak_of(weak_obj)->id;
}
REFSLAB_EXPORT_TEST(refslab_weak_target);

/**
 * refslab_weak_event() - the event that lies in a weak reference
 * @weak_obj: the weak reference
 */
struct refslab_event *refslab_weak_event(struct refslab_object *weak_obj)
{
	return &weak_of(weak_obj)->event;
}

static bool calls_back(const struct weak *weak)
{
	return weak->params.notify || weak->params.callback;
}

/* Tells whoever wants to know. The caller's reference goes. */
static void call_back(struct refslab_objects *objects, struct weak *weak)
{
	struct refslab_object *obj = object_of(weak);

	if (weak->params.callback) {
		refslab_destroy_enter(objects);
		weak->params.callback(obj, weak->params.arg);
		refslab_destroy_leave(objects);
	}
	if (!weak->params.notify || !refslab_event_post(&objects->events, obj))
		refslab_object_put(obj);
}

/* See refslab_weak_clear(). */
static int clear(struct refslab_objects *objects, struct list_head *list, u32 *budget)
{
	enum refslab_upgrade upgrade;
	struct weak *weak;
	int err = 0;

	while (!err && !list_empty_careful(list)) {
		if (!*budget)
			return -E2BIG;
		--*budget;
		upgrade = REFSLAB_UPGRADE_DEAD;
		spin_lock(&objects->weak_lock);
		weak = list_first_entry_or_null(list, struct weak, node);
		if (weak && calls_back(weak))
			upgrade = refslab_object_try_upgrade(object_of(weak));
		if (upgrade == REFSLAB_UPGRADE_WAIT) {
			err = -EAGAIN;
		} else if (weak) {
			list_del(&weak->node);
			WRITE_ONCE(weak->cleared, true);
			weak->missed = upgrade == REFSLAB_UPGRADE_DEAD && calls_back(weak);
		}
		spin_unlock(&objects->weak_lock);
		if (upgrade == REFSLAB_UPGRADE_FULL)
			refslab_word_get(&object_of(weak)->word);
		if (upgrade >= REFSLAB_UPGRADE_DONE)
			call_back(objects, weak);
	}
	return err;
}

/**
 * refslab_weak_clear() - clear the weak references to an object that dies
 * @obj: the object: its count is 0
 * @type: its type, of REFSLAB_TYPE_EXTRA
 * @budget: how many may be cleared; lowered
 *
 * Weak references that are alive themselves are called back.
 *
 * Context: task context, no lock of the heap held.
 *
 * Return: 0 when all are cleared, -E2BIG when the budget ended, -EAGAIN when the collector has not
 * yet decided on one of them: try again where sleeping is allowed.
 */
int refslab_weak_clear(struct refslab_object *obj, struct refslab_type *type, u32 *budget)
{
	/* nobody adds to the list any more: that takes a reference */
	return clear(type->objects, &refslab_object_extra(obj, type)->weak, budget);
}
REFSLAB_EXPORT_TEST(refslab_weak_clear);

/**
 * refslab_weak_clear_all() - clear the weak references that there are to an object now
 * @obj: the object, which is garbage, or to be finalized
 * @type: its type, of REFSLAB_TYPE_EXTRA
 *
 * Those that are made meanwhile stay. Context: may sleep; after the verdict.
 */
void refslab_weak_clear_all(struct refslab_object *obj, struct refslab_type *type)
{
	struct refslab_objects *objects = type->objects;
	u32 budget;
	LIST_HEAD(list);

	spin_lock(&objects->weak_lock);
	list_splice_init(&refslab_object_extra(obj, type)->weak, &list);
	spin_unlock(&objects->weak_lock);
	do {
		budget = REFSLAB_CHUNK;
		cond_resched();
	} while (clear(objects, &list, &budget));
}

/**
 * refslab_weak_brought_back() - a weak reference that was garbage lives on
 * @weak_obj: the weak reference; the caller holds a reference on it
 *
 * If its object's were cleared meanwhile, it is called back now. Context: may sleep.
 */
void refslab_weak_brought_back(struct refslab_object *weak_obj)
{
	struct refslab_objects *objects = refslab_object_type(weak_obj)->objects;
	struct weak *weak = weak_of(weak_obj);
	bool missed;

	/* who clears it just now has found it dead and noted that, or finds it alive */
	spin_lock(&objects->weak_lock);
	missed = weak->missed;
	weak->missed = false;
	spin_unlock(&objects->weak_lock);
	if (!missed)
		return;
	refslab_word_get(&weak_obj->word);
	call_back(objects, weak);
}

/**
 * refslab_weak_init() - define the type of weak references in a heap
 * @objects: the heap's objects
 * @gfp: allocation flags; may sleep
 *
 * Return: 0 or -ENOMEM.
 */
int refslab_weak_init(struct refslab_objects *objects, gfp_t gfp)
{
	static const struct refslab_type_ops ops = { .release = weak_release };
	const struct refslab_type_params params = {
		.name = "weakref",
		.ops = &ops,
		.flags = REFSLAB_TYPE_CONTAINER,
		.body = sizeof(struct weak),
		.cache_limit = WEAK_CACHE,
	};
	struct refslab_type *type = refslab_type_create(objects, &params, gfp);

	if (IS_ERR(type))
		return PTR_ERR(type);
	objects->weak_type = type;
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_weak_init);
