// SPDX-License-Identifier: GPL-2.0
/*
 * Taking objects apart: without recursion, and in bites.
 *
 * An object whose count reached 0 is in nobody's hands but those of who put it there. Its
 * references are taken out under its lock, each dropped before the lock is released (rule R2: the
 * collector must see the target touched whenever it can see the edge gone). Targets that reach 0
 * join a list threaded through their headers; so a chain of any length takes one list and no stack.
 *
 * Past a budget the list goes to the heap's worker, which gives way after every bite.
 */
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "object.h"
#include "../refslab.h"
#include "../trace.h"

#define BITE	1024

/* What a scan found dead has been told by it already. */
static bool by_scan(const struct refslab_object *obj)
{
	return refslab_word_read(&obj->word) & REFSLAB_WORD_DEAD;
}

/*
 * Tells of an object whose count reached 0, while it has its id. One that keeps it elsewhere may
 * yet be brought back by its finalizer: it is told of as it is freed, see bite().
 */
static noinline void tell_last(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	if (!(type->flags & REFSLAB_TYPE_EXTRA) && !by_scan(obj))
		trace_refslab_destroy(type, obj->id, REFSLAB_BY_COUNT);
}

/* Puts an object whose count has just reached 0 on a list, which takes its id. */
static void add_last(struct refslab_dead *dead, struct refslab_object *obj)
{
	if (trace_refslab_destroy_enabled())
		tell_last(obj);
	refslab_destroy_add(dead, obj);
}

static void put_into(struct refslab_dead *dead, struct refslab_object *obj)
{
	if (refslab_word_put(&obj->word))
		add_last(dead, obj);
}

/**
 * refslab_destroy_put() - drop a reference, and keep the object for later when it was the last
 * @dead: objects whose count reached 0
 * @obj: the object
 *
 * Context: task context.
 */
void refslab_destroy_put(struct refslab_dead *dead, struct refslab_object *obj)
{
	put_into(dead, obj);
}

/**
 * refslab_drop() - let go of a reference from within clear()
 * @drop: as given to clear()
 * @target: the object no longer referred to; NULL is fine
 */
void refslab_drop(void *drop, void *target)
{
	if (target)
		put_into(drop, target);
}
EXPORT_SYMBOL_GPL(refslab_drop);

static bool clear_slots(struct refslab_object *obj, u32 n, struct refslab_dead *dead, u32 *budget)
{
	void **slots = refslab_object_slots(obj);
	u32 i = 0, end;

	for (;;) {
		/* nobody but the caller changes them any more */
		while (i < n && !slots[i])
			i++;
		if (i == n)
			return true;
		if (!*budget)
			return false;
		end = min(n, i + REFSLAB_CHUNK);
		refslab_object_lock(obj);
		for (; i < end && *budget; i++) {
			struct refslab_object *target = slots[i];

			if (!target)
				continue;
			WRITE_ONCE(slots[i], NULL);
			put_into(dead, target);
			--*budget;
		}
		refslab_object_unlock(obj);
	}
}

static bool clear_table(struct refslab_object *obj, struct refslab_type *type,
			struct refslab_dead *dead, u32 *budget)
{
	struct refslab_table *table = refslab_object_table(obj);
	struct refslab_objects *objects = type->objects;
	void **vec, *unused;
	u32 n, nr;

	while (table->len) {
		if (!*budget)
			return false;
		unused = NULL;
		refslab_object_lock(obj);
		vec = refslab_table_tail(table, &nr);
		for (n = 0; n < REFSLAB_CHUNK && n < nr && *budget; n++, --*budget)
			if (vec[nr - n - 1])
				put_into(dead, vec[nr - n - 1]);
		refslab_table_shorten(table, n, &unused);
		refslab_object_unlock(obj);
		refslab_table_free_nodes(objects, unused);
	}
	refslab_table_free(objects, obj);
	return !(type->flags & REFSLAB_TYPE_INDEX) || refslab_index_free(obj, budget);
}

/**
 * refslab_destroy_references() - take an object's references out and drop them
 * @obj: an object nobody else changes: its count is 0, or the collector has found it dead
 * @dead: where targets go that reach 0
 * @budget: references that may still be dropped; lowered
 *
 * Context: task context, no object's lock held. Return: true when all are out, false when the
 * budget ended.
 */
bool refslab_destroy_references(struct refslab_object *obj, struct refslab_dead *dead, u32 *budget)
{
	struct refslab_type *type = refslab_object_type(obj);

	if (!(type->flags & REFSLAB_TYPE_CONTAINER))
		return true;
	if (type->nr_slots && !clear_slots(obj, type->nr_slots, dead, budget))
		return false;
	if (type->flags & REFSLAB_TYPE_TABLE)
		return clear_table(obj, type, dead, budget);
	if (type->ops && type->ops->clear) {
		refslab_object_lock(obj);
		type->ops->clear(obj, dead);
		refslab_object_unlock(obj);
	}
	return true;
}
REFSLAB_EXPORT_TEST(refslab_destroy_references);

/**
 * refslab_destroy_enter() - before a call of somebody else's function while objects are destroyed
 * @objects: the heap's objects
 *
 * Until refslab_destroy_leave(), what is put is left to the worker, so that nothing nests, and
 * nobody may sleep. Context: task context.
 */
void refslab_destroy_enter(struct refslab_objects *objects)
{
	preempt_disable();
	__this_cpu_write(objects->cpu->releasing, true);
}

/**
 * refslab_destroy_leave() - after it
 * @objects: the heap's objects
 */
void refslab_destroy_leave(struct refslab_objects *objects)
{
	__this_cpu_write(objects->cpu->releasing, false);
	preempt_enable();
}

/**
 * refslab_destroy_call() - call a kernel type's release() or finalize()
 * @obj: the object
 * @fn: what to call
 *
 * Context: task context.
 */
void refslab_destroy_call(struct refslab_object *obj, void (*fn)(void *obj))
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;

	refslab_destroy_enter(objects);
	fn(obj);
	refslab_destroy_leave(objects);
}

/**
 * refslab_destroy_release() - run a kernel type's release()
 * @obj: the object
 * @type: its type
 */
void refslab_destroy_release(struct refslab_object *obj, struct refslab_type *type)
{
	if (type->ops && type->ops->release)
		refslab_destroy_call(obj, type->ops->release);
}

/*
 * Destroys objects of @dead until it is empty or the budget ends. Returns -EAGAIN when somebody has
 * to wait for the collector's verdict first.
 */
static int bite(struct refslab_dead *dead, u32 *budget)
{
	struct refslab_object *obj;
	struct refslab_type *type;
	int err;

	while (dead->first && *budget) {
		obj = llist_entry(dead->first, struct refslab_object, link);
		dead->first = dead->first->next;
		type = refslab_object_type(obj);
		if (unlikely(type->flags & REFSLAB_TYPE_EXTRA)) {
			err = refslab_weak_clear(obj, type, budget);
			if (err) {
				refslab_destroy_add(dead, obj);
				return err;
			}
			if (*budget)
				--*budget;
			if (refslab_finalize_last(obj, type))
				continue;
			/* the finalizer may have made new ones */
			err = refslab_weak_clear(obj, type, budget);
			if (err) {
				refslab_destroy_add(dead, obj);
				return err;
			}
		}
		if (!refslab_destroy_references(obj, dead, budget)) {
			refslab_destroy_add(dead, obj);
			return 0;
		}
		if (*budget)
			--*budget;
		if (trace_refslab_destroy_enabled() && (type->flags & REFSLAB_TYPE_EXTRA) &&
		    !by_scan(obj))
			trace_refslab_destroy(type, refslab_object_extra(obj, type)->id,
					      REFSLAB_BY_COUNT);
		refslab_destroy_release(obj, type);
		refslab_object_free_pages(obj, type);
		refslab_object_free(obj, type);
	}
	return 0;
}

static void hand_over(struct refslab_objects *objects, struct refslab_dead *dead)
{
	llist_add_batch(dead->first, dead->last, &objects->dead);
	dead->first = NULL;
	queue_work(objects->wq, &objects->destroy_work);
}

/**
 * refslab_destroy_run() - destroy dead objects here, up to a budget, and the rest in the worker
 * @objects: the heap's objects
 * @dead: objects whose count reached 0; empty afterwards
 * @budget: objects and references
 *
 * Context: task context, no object's lock held.
 */
void refslab_destroy_run(struct refslab_objects *objects, struct refslab_dead *dead, u32 budget)
{
	bite(dead, &budget);
	if (dead->first)
		hand_over(objects, dead);
}
REFSLAB_EXPORT_TEST(refslab_destroy_run);

/**
 * refslab_destroy_all() - destroy dead objects to the last
 * @objects: the heap's objects
 * @dead: objects whose count reached 0; empty afterwards
 *
 * Context: may sleep.
 */
void refslab_destroy_all(struct refslab_objects *objects, struct refslab_dead *dead)
{
	u32 budget;

	while (dead->first) {
		budget = BITE;
		if (bite(dead, &budget) == -EAGAIN)
			schedule_timeout_uninterruptible(1);
		cond_resched();
	}
}
REFSLAB_EXPORT_TEST(refslab_destroy_all);

/* Destroys what was handed over so far. Returns whether there was anything. */
static bool run_handed_over(struct refslab_objects *objects)
{
	struct refslab_dead dead = { .first = llist_del_all(&objects->dead) };
	bool any = dead.first;

	lockdep_assert_held(&objects->destroy_lock);
	refslab_destroy_all(objects, &dead);
	return any;
}

/**
 * refslab_destroy_work() - the heap's worker
 * @work: struct refslab_objects.destroy_work
 */
void refslab_destroy_work(struct work_struct *work)
{
	struct refslab_objects *objects = container_of(work, struct refslab_objects, destroy_work);
	bool more;

	/* a release() may hand over more meanwhile; others get the lock in between */
	do {
		mutex_lock(&objects->destroy_lock);
		more = run_handed_over(objects);
		mutex_unlock(&objects->destroy_lock);
	} while (more);
}

/**
 * refslab_destroy_finish() - have done what was handed to the worker before
 * @objects: the heap's objects
 * @interruptible: whether a signal ends the wait for the worker
 *
 * What still waits for the worker refers to other objects as if it were alive, and a scan would
 * keep those. Context: may sleep; the caller holds no lock that a release() takes.
 *
 * Return: 0 or -EINTR.
 */
int refslab_destroy_finish(struct refslab_objects *objects, bool interruptible)
{
	if (!interruptible)
		mutex_lock(&objects->destroy_lock);
	else if (mutex_lock_interruptible(&objects->destroy_lock))
		return -EINTR;
	run_handed_over(objects);
	mutex_unlock(&objects->destroy_lock);
	return 0;
}

/**
 * refslab_destroy_settle() - wait until the worker has nothing left
 * @objects: the heap's objects
 *
 * Context: may sleep, for long; not from the worker.
 */
void refslab_destroy_settle(struct refslab_objects *objects)
{
	/* a run may have handed over to the next */
	while (flush_work(&objects->destroy_work))
		cond_resched();
}
REFSLAB_EXPORT_TEST(refslab_destroy_settle);

/* Is there nothing to be done about an object of such a type but to free it? */
static bool empty(struct refslab_object *obj, struct refslab_type *type)
{
	u32 i;

	for (i = 0; i < type->nr_slots; i++)
		if (refslab_object_slots(obj)[i])
			return false;
	return true;
}

/**
 * refslab_destroy_last() - destroy an object whose count has just reached 0
 * @obj: the object
 *
 * Context: any but NMI, not under an object's lock.
 */
void refslab_destroy_last(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_objects *objects = type->objects;
	struct refslab_dead dead = { };

	if (trace_refslab_destroy_enabled())
		tell_last(obj);
	/*
	 * The pools' locks are plain ones: not under a lock that an interrupt takes, too. In a
	 * release() preemption is off; otherwise another CPU's flag, read by one who moves, only
	 * leaves more to the worker.
	 */
	if (unlikely(in_interrupt() || irqs_disabled() ||
		     raw_cpu_read(objects->cpu->releasing))) {
		refslab_destroy_add(&dead, obj);
		hand_over(objects, &dead);
	} else if (likely(type->flags & REFSLAB_TYPE_PLAIN) && empty(obj, type)) {
		refslab_object_free(obj, type);
	} else {
		refslab_destroy_add(&dead, obj);
		refslab_destroy_run(objects, &dead, REFSLAB_DESTROY_BUDGET);
	}
}
EXPORT_SYMBOL_GPL(refslab_destroy_last);
