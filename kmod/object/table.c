// SPDX-License-Identifier: GPL-2.0
/*
 * References in a growable table: the body of a list, and of what has keys (index.c). In the latter
 * there are places without a reference, too, and what is added is added at the end.
 *
 * The object's lock protects the table. Up to REFSLAB_BTREE_LEAF references are a plain array; more
 * are in a B-tree (btree.c), and go back to an array when few are left. So nobody ever moves more
 * than a leaf's references, or frees more than a few nodes, at a time, however long the table is.
 *
 * A scan reads a long table in chunks and lets go of the lock in between. Its place is in the table
 * meanwhile: who inserts or removes before it moves it along (rule R3). Then what lies before it is
 * what the scan saw, or was inserted since; what lies behind it, it has not seen. So of the
 * elements that stay, each is seen once; what comes and what goes is touched by who does it (rules
 * R1 and R2), and the scan keeps it. And nothing needs to be done to elements that are shifted.
 *
 * Storage is allocated without the lock and put in place under it, and what is no longer needed is
 * freed without it.
 */
#include <linux/string.h>

#include "object.h"

/* As lists grow in CPython: by an eighth and a little, so that appending costs O(1). */
static u32 room_for(u32 len)
{
	return min_t(u32, (len + (len >> 3) + 6) & ~3U, REFSLAB_BTREE_LEAF);
}

static size_t bytes_of(u32 cap)
{
	return (size_t)cap * sizeof(void *);
}

static_assert(REFSLAB_BTREE_NODE == REFSLAB_BTREE_LEAF * sizeof(void *));

static void free_vec(struct refslab_objects *objects, void *vec, u32 cap)
{
	if (vec)
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, bytes_of(cap), vec);
}

/**
 * refslab_table_free_nodes() - free nodes of a tree that are not needed any more
 * @objects: the heap's objects
 * @unused: the first of them, or NULL; see refslab_btree_remove()
 *
 * Context: task context, no object's lock held.
 */
void refslab_table_free_nodes(struct refslab_objects *objects, void *unused)
{
	void *next;

	for (; unused; unused = next) {
		next = *(void **)unused;
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, REFSLAB_BTREE_NODE, unused);
	}
}

/*
 * Puts the array @vec in place when it holds all there is; returns what is to be freed. Object's
 * lock held.
 */
static void **replace_vec(struct refslab_table *table, void **vec, u32 *cap)
{
	void **old = table->vec;
	u32 old_cap = table->cap;

	if (table->height || table->len > *cap)
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

static bool has_tree(const struct refslab_table *table)
{
	return table->height || table->cap == REFSLAB_BTREE_LEAF;
}

/* Object's lock held. Returns -EAGAIN when there is no room: in a tree, without a @spare node. */
static int place(struct refslab_table *table, u32 index, bool append, void *to, void **spare)
{
	u32 len = table->len;
	int err;

	if (append)
		index = len;
	if (unlikely(index > len))
		return -ERANGE;
	if (unlikely(len == REFSLAB_TABLE_MAX))
		return -E2BIG;
	if (likely(!table->height && len < table->cap)) {
		memmove(&table->vec[index + 1], &table->vec[index], bytes_of(len - index));
		table->vec[index] = to;
		table->len++;
	} else {
		err = has_tree(table) ? refslab_btree_insert(table, index, to, spare) : -EAGAIN;
		if (err)
			return err;
	}
	if (unlikely(index < table->scan_end)) {
		table->scan_end++;
		table->scan_next += index < table->scan_next;
	}
	return 0;
}

/**
 * refslab_table_make_room() - get memory for one step towards room for more elements
 * @obj: an object of a type with a table; the caller holds a reference on it
 * @nr: how many more
 * @spare: out: memory for the next step, when it takes a node; it was used up
 * @gfp: allocation flags
 *
 * Context: no object's lock held; as @gfp says. Return: 0 or -ENOMEM.
 */
int refslab_table_make_room(struct refslab_object *obj, u32 nr, void **spare, gfp_t gfp)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_table *table = refslab_object_table(obj);
	bool tree;
	u32 len;

	refslab_object_lock(obj);
	tree = has_tree(table);
	len = table->len;
	refslab_object_unlock(obj);
	if (!tree)
		return grow(objects, obj, room_for(len + nr), gfp);
	if (!*spare)
		*spare = refslab_objects_mem_alloc(objects, REFSLAB_MEM_RAW, REFSLAB_BTREE_NODE,
						   gfp);
	return *spare ? 0 : -ENOMEM;
}

/**
 * refslab_table_free_spare() - free what refslab_table_make_room() got and nobody used
 * @objects: the heap's objects
 * @spare: the memory, or NULL
 */
void refslab_table_free_spare(struct refslab_objects *objects, void *spare)
{
	free_vec(objects, spare, REFSLAB_BTREE_LEAF);
}

/**
 * refslab_table_push() - append elements, to be filled in
 * @table: the table, to which only this ever adds; the object's lock is held
 * @nr: how many: 1, or always 2
 * @max: references it may have then
 * @spare: from refslab_table_make_room(), or NULL; NULL afterwards if it was used
 *
 * Return: where they are, side by side, for the caller to fill in; ERR_PTR(-EAGAIN) when there is
 * no room, ERR_PTR(-E2BIG).
 */
void **refslab_table_push(struct refslab_table *table, u32 nr, u32 max, void **spare)
{
	void **tail;
	u32 i, n;
	int err;

	if (unlikely(table->len + nr > max))
		return ERR_PTR(-E2BIG);
	if (likely(!table->height && table->len + nr <= table->cap)) {
		table->len += nr;
		return &table->vec[table->len - nr];
	}
	if (!has_tree(table))
		return ERR_PTR(-EAGAIN);
	/* a leaf's room is even: there is room for none of two, or for both */
	for (i = 0; i < nr; i++) {
		err = refslab_btree_insert(table, table->len, NULL, spare);
		if (err) {
			WARN_ON_ONCE(i);
			return ERR_PTR(err);
		}
	}
	tail = refslab_btree_tail(table, &n);
	return tail + n - nr;
}

static int insert(struct refslab_object *obj, u32 index, bool append, struct refslab_object *to,
		  gfp_t gfp)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_table *table = refslab_object_table(obj);
	void *spare = NULL;
	int err;

	if (!refslab_word_try_get(&to->word))
		return -EOVERFLOW;
	for (;;) {
		refslab_object_lock(obj);
		err = place(table, index, append, to, &spare);
		refslab_object_unlock(obj);
		if (likely(err != -EAGAIN))
			break;
		err = refslab_table_make_room(obj, 1, &spare, gfp);
		if (err)
			break;
	}
	if (unlikely(spare))
		refslab_table_free_spare(objects, spare);
	if (unlikely(err))
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
	u32 run;

	if (!refslab_word_try_get(&to->word))
		return -EOVERFLOW;
	refslab_object_lock(obj);
	if (index >= table->len) {
		refslab_object_unlock(obj);
		refslab_object_put(to);
		return -ERANGE;
	}
	last = refslab_slot_displace(refslab_table_at(table, index, &run), to);
	refslab_object_unlock(obj);

	if (last)
		refslab_destroy_last(last);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_table_set);

static bool has_waste(u32 cap, u32 len)
{
	return cap > 16 && len < cap / 2;
}

/*
 * Gives room in an array back when most of it is unused. Failing to is harmless, and not worth a
 * collection.
 */
static noinline void shrink(struct refslab_object *obj, u32 len)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	u32 cap = room_for(len);
	void **vec;

	vec = refslab_mem_alloc(&objects->mem, REFSLAB_MEM_RAW, bytes_of(cap),
				GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	if (vec)
		move_to(objects, obj, vec, cap);
}

/**
 * refslab_table_wasteful() - could the table do with less memory?
 * @table: the table; the object's lock is held
 *
 * Return: whether refslab_table_shrink() is worth it.
 */
bool refslab_table_wasteful(const struct refslab_table *table)
{
	return !table->height && (table->len ? has_waste(table->cap, table->len) : table->cap);
}

/**
 * refslab_table_shrink() - give room back that is not used
 * @obj: an object of a type with a table; the caller holds a reference on it
 *
 * Context: may sleep, no object's lock held.
 */
void refslab_table_shrink(struct refslab_object *obj)
{
	struct refslab_table *table = refslab_object_table(obj);
	void **vec = NULL;
	u32 len, cap;

	refslab_object_lock(obj);
	len = table->len;
	cap = table->height ? 0 : table->cap;
	if (!len && cap) {
		vec = table->vec;
		table->vec = NULL;
		table->cap = 0;
	}
	refslab_object_unlock(obj);
	if (vec)
		free_vec(refslab_object_type(obj)->objects, vec, cap);
	else if (has_waste(cap, len))
		shrink(obj, len);
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
	void *unused = NULL;
	u32 len, cap = 0;

	refslab_object_lock(obj);
	if (index >= table->len) {
		refslab_object_unlock(obj);
		return ERR_PTR(-ERANGE);
	}
	if (likely(!table->height)) {
		element = table->vec[index];
		len = --table->len;
		memmove(&table->vec[index], &table->vec[index + 1], bytes_of(len - index));
	} else {
		element = refslab_btree_remove(table, index, &unused);
		len = table->len;
	}
	/* a reference moves from a slot into a local: its word must move too (rule R1) */
	refslab_word_bump(&element->word);
	if (unlikely(index < table->scan_end)) {
		table->scan_end--;
		table->scan_next -= index < table->scan_next;
	}
	if (likely(!table->height))
		cap = table->cap;
	refslab_object_unlock(obj);

	if (unlikely(unused))
		refslab_table_free_nodes(refslab_object_type(obj)->objects, unused);
	if (unlikely(has_waste(cap, len)))
		shrink(obj, len);
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
	struct refslab_object *element = ERR_PTR(-ERANGE);
	u32 run;

	refslab_object_lock(obj);
	if (likely(index < table->len)) {
		element = *refslab_table_at(table, index, &run);
		if (unlikely(!refslab_word_try_get(&element->word)))
			element = ERR_PTR(-EOVERFLOW);
	}
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
	/* beside the lock under which it changes: either length is right, and a u32 comes whole */
	return data_race(READ_ONCE(refslab_object_table(obj)->len));
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
 * refslab_table_shorten() - forget elements at the end
 * @table: of an object that is being taken apart, or whose elements there are none; the object's
 *	lock is held
 * @n: how many, all from refslab_table_tail()
 * @unused: nodes not needed any more, for refslab_table_free_nodes()
 */
void refslab_table_shorten(struct refslab_table *table, u32 n, void **unused)
{
	if (table->height)
		refslab_btree_shorten(table, n, unused);
	else
		table->len -= n;
	table->scan_next = min(table->scan_next, table->len);
	table->scan_end = min(table->scan_end, table->len);
}

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
	void **vec, *unused;
	u32 cap;

	if (!table->cap)
		return;
	while (table->height) {
		unused = NULL;
		refslab_object_lock(obj);
		refslab_btree_cut(table, &unused);
		refslab_object_unlock(obj);
		refslab_table_free_nodes(objects, unused);
	}
	refslab_object_lock(obj);
	vec = table->vec;
	cap = table->cap;
	memset(table, 0, sizeof(*table));
	refslab_object_unlock(obj);
	free_vec(objects, vec, cap);
}
