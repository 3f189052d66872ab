// SPDX-License-Identifier: GPL-2.0
/*
 * Interned strs: of those with the same text there is one. It is gone when nobody holds it.
 *
 * A heap's names are in a hash table, which holds no references. A name is taken out by its type's
 * release(), after its count has reached 0 and before its block is freed, and all this, lookups
 * included, is done under one lock: so what is found in the table is memory of a name's, and its
 * count tells whether it is alive. One that is dying is no obstacle: it is taken out there and
 * then, and its own release() finds it gone.
 *
 * A new name is complete when it is put in, but for its count, which becomes 1 under the same hold
 * of the lock: so nobody takes it for a dying one, and nobody finds one that is not in the table by
 * walking the heap.
 *
 * The table grows and shrinks in a work of its own, which looks at names under its buckets' locks
 * only, and taking one out takes those, too. In 6.1 they switch bottom halves off, and run those
 * that wait when on again, which shall not be within ours: so ours does that, too.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>

#include "str.h"

/**
 * struct name - what a name is searched by
 * @text:	the text
 * @len:	its characters, and bytes
 * @hash:	its hash
 */
struct name {
	const char *text;
	u32 len;
	u32 hash;
};

static u32 hash_key(const void *data, u32 len, u32 seed)
{
	const struct name *key = data;

	return jhash_1word(key->hash, seed);
}

static u32 hash_name(const void *obj, u32 len, u32 seed)
{
	return jhash_1word(refslab_str_of(obj)->hash, seed);
}

/* Not 0: another. */
static int compare(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct refslab_str *str = refslab_str_of(obj);
	const struct name *key = arg->key;

	return str->hash != key->hash || str->len != key->len ||
	       memcmp(str->data, key->text, key->len);
}

static const struct rhashtable_params params = {
	.head_offset = sizeof(struct refslab_object) + offsetof(struct refslab_name, node),
	.hashfn = hash_key,
	.obj_hashfn = hash_name,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

static struct rhash_head *node_of(struct refslab_object *obj)
{
	struct refslab_name *name = refslab_object_body(obj, refslab_object_type(obj));

	return &name->node;
}

static void release(void *obj)
{
	struct refslab_heap *heap = refslab_heap_of_objects(refslab_object_type(obj)->objects);

	spin_lock_bh(&heap->names.lock);
	/* it is gone already when another has taken its place */
	rhashtable_remove_fast(&heap->names.table, node_of(obj), params);
	spin_unlock_bh(&heap->names.lock);
}

static const struct refslab_type_ops ops = {
	.release = release,
};

/**
 * refslab_intern_register() - make a heap's table of names, and their type
 * @heap: the heap, with the type of strs
 * @gfp: allocation flags; may sleep
 *
 * Return: the type, or an ERR_PTR.
 */
struct refslab_type *refslab_intern_register(struct refslab_heap *heap, gfp_t gfp)
{
	int err;

	spin_lock_init(&heap->names.lock);
	err = rhashtable_init(&heap->names.table, &params);
	if (err)
		return ERR_PTR(err);
	heap->names.made = true;
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "str/interned",
		.base = heap->types.str_type,
		.ops = &ops,
		.flags = REFSLAB_TYPE_SIZED,
		.body = sizeof(struct refslab_name),
	}, gfp);
}

/**
 * refslab_intern_destroy() - free a heap's table of names
 * @heap: the heap, all of whose objects are gone
 */
void refslab_intern_destroy(struct refslab_heap *heap)
{
	if (heap->names.made)
		rhashtable_destroy(&heap->names.table);
	heap->names.made = false;
}

/* A reference on the name that is alive, if there is one. Lock held. */
static struct refslab_object *find(struct refslab_heap *heap, const struct name *key)
{
	struct refslab_object *obj;

	obj = rhashtable_lookup_fast(&heap->names.table, key, params);
	if (!obj)
		return NULL;
	switch (refslab_object_try_upgrade(obj)) {
	case REFSLAB_UPGRADE_DONE:
		return obj;
	case REFSLAB_UPGRADE_FULL:
		return ERR_PTR(-EOVERFLOW);
	default:
		/* the collector has no say in an atom's life: it is dead, and makes room */
		rhashtable_remove_fast(&heap->names.table, node_of(obj), params);
		return NULL;
	}
}

/* Puts a new name in, unless somebody else was first. */
static struct refslab_object *add(struct refslab_heap *heap, const struct name *key,
				  struct refslab_object *obj, gfp_t gfp)
{
	struct refslab_object *other;
	int err = 0;

	spin_lock_bh(&heap->names.lock);
	other = find(heap, key);
	if (!other) {
		err = rhashtable_insert_fast(&heap->names.table, node_of(obj), params);
		if (!err)
			refslab_object_publish(obj, gfp);
	}
	spin_unlock_bh(&heap->names.lock);
	if (!other && !err)
		return obj;
	refslab_object_cancel(obj);
	/* a table that cannot grow */
	return other ?: ERR_PTR(-ENOMEM);
}

static struct refslab_object *look_up(struct refslab_heap *heap, const struct name *key)
{
	struct refslab_object *obj;

	spin_lock_bh(&heap->names.lock);
	obj = find(heap, key);
	spin_unlock_bh(&heap->names.lock);
	return obj;
}

/**
 * refslab_intern_find() - the str with a text of which there is to be one, if it is there
 * @heap: a heap with the built-in types
 * @text: ASCII
 * @len: its bytes
 *
 * Return: the object with a reference of the caller's; NULL; or ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_intern_find(struct refslab_heap *heap, const char *text, u32 len)
{
	struct name key = { .text = text, .len = len };

	refslab_key_hash_memory(&heap->objects, &key.hash, text, len);
	return look_up(heap, &key);
}

/**
 * refslab_intern_get() - the str with a text of which there is to be one
 * @heap: a heap with the built-in types
 * @text: ASCII
 * @len: its bytes
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with a reference of the caller's, or an ERR_PTR:
 * -EOVERFLOW, -ENOMEM.
 */
struct refslab_object *refslab_intern_get(struct refslab_heap *heap, const char *text, u32 len,
					  gfp_t gfp)
{
	struct name key = { .text = text, .len = len };
	struct refslab_object *obj;
	struct refslab_str *str;

	refslab_key_hash_memory(&heap->objects, &key.hash, text, len);
	obj = look_up(heap, &key);
	if (obj)
		return obj;
	obj = refslab_object_begin_sized(heap->types.name_type, len, gfp);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	str = refslab_str_of(obj);
	str->len = len;
	str->ascii = 1;
	str->hash = key.hash;
	memcpy(str->data, text, len);
	return add(heap, &key, obj, gfp);
}
