// SPDX-License-Identifier: GPL-2.0
/*
 * References in a growable table: the body of a list.
 *
 * The object's lock protects the table. A scan reads a long table in chunks and lets go of the lock
 * in between, with @chunked set: whoever shifts elements meanwhile bumps each of them, so that none
 * the scan saw twice, or never, counts as untouched (rule R3).
 *
 * Storage is allocated without the lock and put in place under it.
 */
#include <linux/string.h>

#include "object.h"

/* As lists grow in CPython: by an eighth and a little, so that appending costs O(1). */
static u32 room_for(u32 len)
{
	return min((len + (len >> 3) + 6) & ~3U, REFSLAB_TABLE_MAX);
}

static size_t bytes_of(u32 cap)
{
	return (size_t)cap * sizeof(void *);
}

static void free_vec(struct refslab_objects *objects, void **vec, u32 cap)
{
	if (vec)
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, bytes_of(cap), vec);
}

/*
 * Puts @vec in place when it holds all there is; returns what is to be freed. Object's lock held.
 */
static void **replace_vec(struct refslab_table *table, void **vec, u32 *cap)
{
	void **old = table->vec;
	u32 old_cap = table->cap;

	if (table->len > *cap)
		return vec;
	if (table->len)
		memcpy(vec, old, bytes_of(table->len));
	table->vec = vec;
	table->cap = *cap;
	*cap = old_cap;
	return old;
}

/*
 * Moves the references to @vec, which has room for @cap, and frees what is left over. Object's lock
 * not held; others may have changed the table since.
 */
static void move_to(struct refslab_objects *objects, struct refslab_object *obj, void **vec,
		    u32 cap)
{
	refslab_object_lock(obj);
	vec = replace_vec(refslab_object_table(obj), vec, &cap);
	refslab_object_unlock(obj);
	free_vec(objects, vec, cap);
}

static int grow(struct refslab_objects *objects, struct refslab_object *obj, u32 cap, gfp_t gfp)
{
	void **vec = refslab_objects_mem_alloc(objects, REFSLAB_MEM_RAW, bytes_of(cap), gfp);

	if (!vec)
		return -ENOMEM;
	move_to(objects, obj, vec, cap);
	return 0;
}

/* Elements from @first on are about to be shifted under the eyes of a scan. */
static void bump_from(struct refslab_table *table, u32 first)
{
	u32 i;

	if (likely(!table->chunked))
		return;
	for (i = first; i < table->len; i++)
		refslab_word_bump(&((struct refslab_object *)table->vec[i])->word);
}

static int insert(struct refslab_object *obj, u32 index, bool append, struct refslab_object *to,
		  gfp_t gfp)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_table *table = refslab_object_table(obj);
	u32 len;
	int err;

	if (!refslab_word_try_get(&to->word))
		return -EOVERFLOW;
	for (;;) {
		refslab_object_lock(obj);
		len = table->len;
		if (append)
			index = len;
		if (index > len || len == REFSLAB_TABLE_MAX) {
			err = index > len ? -ERANGE : -E2BIG;
			break;
		}
		if (len < table->cap) {
			bump_from(table, index);
			memmove(&table->vec[index + 1], &table->vec[index], bytes_of(len - index));
			table->vec[index] = to;
			table->len++;
			refslab_object_unlock(obj);
			return 0;
		}
		refslab_object_unlock(obj);
		err = grow(objects, obj, room_for(len + 1), gfp);
		if (err)
			goto out_put;
	}
	refslab_object_unlock(obj);
out_put:
	refslab_object_put(to);
	return err;
}

/**
 * refslab_table_insert() - insert a reference
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @index: before this element; the length means the end
 * @to: what to refer to, counted; the caller's own reference stays the caller's
 * @gfp: allocation flags
 *
 * Context: task context, no object's lock held; as @gfp says.
 *
 * Return: 0, -ERANGE, -E2BIG (2^24 elements), -EOVERFLOW, -ENOMEM.
 */
int refslab_table_insert(struct refslab_object *obj, u32 index, struct refslab_object *to,
			 gfp_t gfp)
{
	return insert(obj, index, false, to, gfp);
}
REFSLAB_EXPORT_TEST(refslab_table_insert);

/**
 * refslab_table_append() - append a reference
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @to: what to refer to, counted; the caller's own reference stays the caller's
 * @gfp: allocation flags
 *
 * As refslab_table_insert() at the end.
 */
int refslab_table_append(struct refslab_object *obj, struct refslab_object *to, gfp_t gfp)
{
	return insert(obj, 0, true, to, gfp);
}
REFSLAB_EXPORT_TEST(refslab_table_append);

/**
 * refslab_table_set() - overwrite an element
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @index: which
 * @to: what to refer to, counted; the caller's own reference stays the caller's
 *
 * Context: task context, no object's lock held. Return: 0, -ERANGE, -EOVERFLOW.
 */
int refslab_table_set(struct refslab_object *obj, u32 index, struct refslab_object *to)
{
	struct refslab_table *table = refslab_object_table(obj);
	struct refslab_object *last;

	if (!refslab_word_try_get(&to->word))
		return -EOVERFLOW;
	refslab_object_lock(obj);
	if (index >= table->len) {
		refslab_object_unlock(obj);
		refslab_object_put(to);
		return -ERANGE;
	}
	last = refslab_slot_displace(&table->vec[index], to);
	refslab_object_unlock(obj);

	if (last)
		refslab_destroy_last(last);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_table_set);

/* Gives room back when most of it is unused. Failing to is harmless, and not worth a collection. */
static void shrink(struct refslab_object *obj, u32 len, u32 cap)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	void **vec;

	if (cap <= 16 || len >= cap / 2)
		return;
	cap = room_for(len);
	vec = refslab_mem_alloc(&objects->mem, REFSLAB_MEM_RAW, bytes_of(cap),
				GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	if (vec)
		move_to(objects, obj, vec, cap);
}

/**
 * refslab_table_take() - take an element out
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @index: which
 *
 * Context: may sleep. Return: the element with the table's reference, now the caller's;
 * ERR_PTR(-ERANGE).
 */
struct refslab_object *refslab_table_take(struct refslab_object *obj, u32 index)
{
	struct refslab_table *table = refslab_object_table(obj);
	struct refslab_object *element;
	u32 len, cap;

	refslab_object_lock(obj);
	if (index >= table->len) {
		refslab_object_unlock(obj);
		return ERR_PTR(-ERANGE);
	}
	element = table->vec[index];
	/* a reference moves from a slot into a local: its word must move too (rule R1) */
	refslab_word_bump(&element->word);
	bump_from(table, index + 1);
	table->len--;
	memmove(&table->vec[index], &table->vec[index + 1], bytes_of(table->len - index));
	len = table->len;
	cap = table->cap;
	refslab_object_unlock(obj);

	shrink(obj, len, cap);
	return element;
}
REFSLAB_EXPORT_TEST(refslab_table_take);

/**
 * refslab_table_get() - load an element
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @index: which
 *
 * Context: task context, no object's lock held. Return: a strong reference, ERR_PTR(-ERANGE) or
 * ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_table_get(struct refslab_object *obj, u32 index)
{
	struct refslab_table *table = refslab_object_table(obj);
	struct refslab_object *element;

	refslab_object_lock(obj);
	if (index >= table->len)
		element = ERR_PTR(-ERANGE);
	else if (!refslab_word_try_get(&((struct refslab_object *)table->vec[index])->word))
		element = ERR_PTR(-EOVERFLOW);
	else
		element = table->vec[index];
	refslab_object_unlock(obj);
	return element;
}
REFSLAB_EXPORT_TEST(refslab_table_get);

/**
 * refslab_table_len() - number of elements
 * @obj: an object of a type with a table; the caller holds a reference on it
 */
u32 refslab_table_len(struct refslab_object *obj)
{
	return READ_ONCE(refslab_object_table(obj)->len);
}
REFSLAB_EXPORT_TEST(refslab_table_len);

/**
 * refslab_table_bytes() - bytes of the table's storage
 * @obj: an object of a type with a table; the caller holds a reference on it
 */
u32 refslab_table_bytes(struct refslab_object *obj)
{
	return bytes_of(READ_ONCE(refslab_object_table(obj)->cap));
}
REFSLAB_EXPORT_TEST(refslab_table_bytes);

/**
 * refslab_table_free() - free the storage of a table, without regard to elements left in it
 * @objects: the heap's objects
 * @obj: an object of a type with a table, used by nobody but a scan
 *
 * Context: task context, no object's lock held.
 */
void refslab_table_free(struct refslab_objects *objects, struct refslab_object *obj)
{
	struct refslab_table *table = refslab_object_table(obj);
	void **vec;
	u32 cap;

	if (!table->vec)
		return;
	refslab_object_lock(obj);
	vec = table->vec;
	cap = table->cap;
	table->vec = NULL;
	table->len = 0;
	table->cap = 0;
	refslab_object_unlock(obj);
	free_vec(objects, vec, cap);
}
