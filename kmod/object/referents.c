// SPDX-License-Identifier: GPL-2.0
/*
 * What an object refers to, and who refers to it.
 *
 * References are read under the lock of the object that has them, a chunk at a time, and whoever is
 * handed out has a reference of its own: taken under that lock, or by the walk of the refchain. An
 * object that somebody changes meanwhile may be told as it was, or as it is, or, when the elements
 * of a list shift between two chunks, with one left out.
 */
#include <linux/sched.h>

#include "object.h"
#include "../refslab.h"

/**
 * struct taker - references being taken from one object
 * @at:		number of the reference at hand, while traverse() runs
 * @next:	number of the first reference not looked at
 * @to:		where they go
 * @nr:		how many are there
 * @max:	how many fit
 */
struct taker {
	u64 at;
	u64 next;
	struct refslab_object **to;
	unsigned int nr;
	unsigned int max;
};

static void take(struct taker *t, struct refslab_object *target)
{
	t->next++;
	if (!target)
		return;
	/* references in flight have room beyond REFSLAB_COUNT_MAX to themselves */
	refslab_word_get(&target->word);
	t->to[t->nr++] = target;
}

static void take_visited(void *target, void *arg)
{
	struct taker *t = arg;

	if (t->at++ == t->next && t->nr < t->max)
		take(t, target);
}

/*
 * The reference with a number, in slots or a table, and how many follow it there side by side, a
 * chunk at most; NULL when there are no more of these.
 */
static void **run_at(struct refslab_object *obj, struct refslab_type *type, u64 n, u32 *run)
{
	struct refslab_table *table;
	void **at;

	if (n < type->nr_slots) {
		*run = min_t(u32, type->nr_slots - n, REFSLAB_CHUNK);
		return refslab_object_slots(obj) + n;
	}
	if (!(type->flags & REFSLAB_TYPE_TABLE))
		return NULL;
	table = refslab_object_table(obj);
	n -= type->nr_slots;
	if (n >= table->len)
		return NULL;
	at = refslab_table_at(table, n, run);
	*run = min_t(u32, *run, REFSLAB_CHUNK);
	return at;
}

/* Are there references from a number on, in slots or a table? */
static bool has_from(struct refslab_object *obj, struct refslab_type *type, u64 n)
{
	u64 total = type->nr_slots;

	if (type->flags & REFSLAB_TYPE_TABLE)
		total += refslab_object_table(obj)->len;
	return n < total;
}

/* One hold of the lock. Returns whether there may be more. */
static bool take_chunk(struct refslab_object *obj, struct refslab_type *type, struct taker *t)
{
	bool more;
	void **at;
	u32 i, n;

	refslab_object_lock(obj);
	at = run_at(obj, type, t->next, &n);
	for (i = 0; at && i < n && t->nr < t->max; i++)
		take(t, at[i]);
	more = has_from(obj, type, t->next);
	if (!more && type->ops && type->ops->traverse) {
		t->at = type->nr_slots;
		type->ops->traverse(obj, take_visited, t);
		more = t->at > t->next;
	}
	refslab_object_unlock(obj);
	return more;
}

/**
 * refslab_referents_take() - take references on what an object refers to
 * @obj: the object; the caller holds a reference on it
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @to: out: the targets, in order, one for each reference, with one of the caller's each
 * @max: how many fit there, not 0
 *
 * Context: may sleep, no object's lock held. Return: how many there are; fewer than @max at the end
 * only.
 */
unsigned int refslab_referents_take(struct refslab_object *obj, u64 *cursor,
				    struct refslab_object **to, unsigned int max)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct taker t = { .next = *cursor, .to = to, .max = max };
	bool more = type->flags & REFSLAB_TYPE_CONTAINER;

	while (more && t.nr < max) {
		more = take_chunk(obj, type, &t);
		cond_resched();
	}
	*cursor = more ? t.next : 0;
	return t.nr;
}
REFSLAB_EXPORT_TEST(refslab_referents_take);

/**
 * struct search - a search for those who refer to an object
 * @target:	the object
 * @found:	the one at hand does
 * @budget:	holds of locks that are left
 * @fn:		called for those
 * @arg:	for @fn
 */
struct search {
	const struct refslab_object *target;
	bool found;
	u64 budget;
	refslab_walk_fn fn;
	void *arg;
};

static void compare(void *target, void *arg)
{
	struct search *search = arg;

	search->found |= target == search->target;
}

static bool refers(struct search *search, struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);
	bool more = true;
	void **at;
	u64 next = 0;
	u32 i, n;

	search->found = false;
	while (more && !search->found) {
		refslab_object_lock(obj);
		at = run_at(obj, type, next, &n);
		for (i = 0; at && i < n; i++)
			compare(at[i], search);
		next += at ? n : 0;
		more = has_from(obj, type, next);
		if (!more && type->ops && type->ops->traverse)
			type->ops->traverse(obj, compare, search);
		refslab_object_unlock(obj);
		if (search->budget)
			search->budget--;
		cond_resched();
	}
	return search->found;
}

static int look(struct refslab_object *obj, void *arg)
{
	struct search *search = arg;

	if (!search->budget)
		return 1;
	return refers(search, obj) ? search->fn(obj, search->arg) : 0;
}

/**
 * refslab_referents_search() - call a function for every object that refers to another
 * @obj: that other; the caller holds a reference on it
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @budget: objects, or hundreds of references of large ones, to look at; a little more it may be
 * @fn: called with a reference held, once for each object, may sleep; not 0 stops the search before
 *	the next object and leaves @cursor at this one
 * @arg: for @fn
 *
 * Context: may sleep, no object's lock held. Return: 0 at the end, 1 when the budget ended, or what
 * @fn returned.
 */
int refslab_referents_search(struct refslab_object *obj, u64 *cursor, u64 budget,
			     refslab_walk_fn fn, void *arg)
{
	struct search search = { .target = obj, .budget = budget, .fn = fn, .arg = arg };

	return refslab_walk_containers(refslab_object_type(obj)->objects, cursor, look, &search);
}
REFSLAB_EXPORT_TEST(refslab_referents_search);
