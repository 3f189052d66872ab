// SPDX-License-Identifier: GPL-2.0
/*
 * Published roots: objects that a heap keeps under a name, for whoever is attached to it.
 *
 * A root has a strong reference that is nobody's but the heap's: it stays whatever becomes of who
 * published it, and goes with the heap. To the collector it is what a handle is, a reference from
 * outside, taken and dropped by the same rules.
 *
 * A heap's roots are in a hash table by name, and in an xarray by number, for those who list them.
 * Both are changed, and looked at, under the xarray's lock; whoever finds a root under it may take
 * a reference on its object, as the root's own is there until the lock is released. Nothing is
 * copied, destroyed or allocated under the lock but what the table allocates itself. Bottom halves
 * are off, as with names (types/intern.c): in 6.1 the table's own locks do that, too. The table's
 * worker looks at roots without our lock, so they are freed after a grace period.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "heap.h"

#define NUMBERS		XA_LIMIT(1, REFSLAB_MAX_ROOTS)

/**
 * struct root - a published root
 * @node:	in the table of names
 * @rcu:	to be freed
 * @obj:	the object, with a reference
 * @number:	in the xarray
 * @len:	bytes of the name
 * @name:	the name, without a NUL
 */
struct root {
	struct rhash_head node;
	struct rcu_head rcu;
	struct refslab_object *obj;
	u32 number;
	u32 len;
	char name[];
};

/**
 * struct root_name - what a root is searched by
 * @name:	the name
 * @len:	its bytes
 */
struct root_name {
	const char *name;
	u32 len;
};

static u32 hash_key(const void *data, u32 len, u32 seed)
{
	const struct root_name *key = data;

	return jhash(key->name, key->len, seed);
}

static u32 hash_root(const void *data, u32 len, u32 seed)
{
	const struct root *root = data;

	return jhash(root->name, root->len, seed);
}

/* Not 0: another. */
static int compare(struct rhashtable_compare_arg *arg, const void *data)
{
	const struct root *root = data;
	const struct root_name *key = arg->key;

	return root->len != key->len || memcmp(root->name, key->name, key->len);
}

static const struct rhashtable_params params = {
	.head_offset = offsetof(struct root, node),
	.hashfn = hash_key,
	.obj_hashfn = hash_root,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

/**
 * refslab_roots_init() - make a heap's tables of roots, with none in them
 * @heap: the heap
 *
 * Context: may sleep. Return: 0 or -ENOMEM.
 */
int refslab_roots_init(struct refslab_heap *heap)
{
	int err = rhashtable_init(&heap->roots.by_name, &params);

	if (err)
		return err;
	xa_init_flags(&heap->roots.by_number,
		      XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	heap->roots.made = true;
	return 0;
}

/**
 * refslab_roots_destroy() - free a heap's roots
 * @heap: the heap, which nobody uses any more
 *
 * The objects are left to refslab_objects_empty(), with all the others. Context: may sleep.
 */
void refslab_roots_destroy(struct refslab_heap *heap)
{
	struct root *root;
	unsigned long number;

	if (!heap->roots.made)
		return;
	heap->roots.made = false;
	/* first, as its worker looks at them */
	rhashtable_destroy(&heap->roots.by_name);
	xa_for_each(&heap->roots.by_number, number, root) {
		kfree(root);
		cond_resched();
	}
	xa_destroy(&heap->roots.by_number);
	WRITE_ONCE(heap->roots.nr, 0);
}

static struct root *new_root(const char *name, u32 len, struct refslab_object *obj, gfp_t gfp)
{
	struct root *root;

	if (refslab_mem_fail(&refslab_object_type(obj)->objects->mem))
		return NULL;
	root = kmalloc(struct_size(root, name, len), gfp);
	if (!root)
		return NULL;
	root->obj = obj;
	root->len = len;
	memcpy(root->name, name, len);
	return root;
}

/* Puts a root into both tables. The lock is held; it may be released and taken again at first. */
static int add(struct refslab_heap *heap, struct root *root, gfp_t gfp)
{
	const struct root_name key = { .name = root->name, .len = root->len };
	struct xarray *by_number = &heap->roots.by_number;
	int err;

	if (refslab_mem_fail(&heap->objects.mem))
		return -ENOMEM;
	/* a number that nobody finds anything by */
	err = __xa_alloc(by_number, &root->number, NULL, NUMBERS, gfp);
	if (err)
		return err == -EBUSY ? -ENOSPC : err;
	err = rhashtable_lookup_insert_key(&heap->roots.by_name, &key, &root->node, params);
	if (err) {
		__xa_erase(by_number, root->number);
		/* anything else is a table that cannot grow */
		return err == -EEXIST ? err : -ENOMEM;
	}
	/* the place is there already: nothing is allocated */
	__xa_store(by_number, root->number, root, GFP_NOWAIT);
	WRITE_ONCE(heap->roots.nr, heap->roots.nr + 1);
	return 0;
}

/**
 * refslab_roots_publish() - have the heap keep an object under a name
 * @heap: a heap with the built-in types
 * @name: an identifier; copied
 * @len: its bytes, at most REFSLAB_MAX_ROOT_NAME
 * @obj: the object; the caller has a reference, and keeps it
 * @gfp: allocation flags; may sleep
 *
 * Context: may sleep. Return: 0, -EEXIST there is one of that name, -ENOSPC there are
 * REFSLAB_MAX_ROOTS, -EOVERFLOW, -ENOMEM.
 */
int refslab_roots_publish(struct refslab_heap *heap, const char *name, u32 len,
			  struct refslab_object *obj, gfp_t gfp)
{
	struct root *root = new_root(name, len, obj, gfp);
	int err;

	if (!root)
		return -ENOMEM;
	if (!refslab_word_try_get(&obj->word)) {
		kfree(root);
		return -EOVERFLOW;
	}
	xa_lock_bh(&heap->roots.by_number);
	err = add(heap, root, gfp);
	xa_unlock_bh(&heap->roots.by_number);
	if (err) {
		refslab_object_put(obj);
		kfree(root);
	}
	return err;
}
REFSLAB_EXPORT_TEST(refslab_roots_publish);

/**
 * refslab_roots_lookup() - the object of a name
 * @heap: a heap with the built-in types
 * @name: any bytes
 * @len: how many
 *
 * Context: task context. Return: the object with a reference of the caller's, ERR_PTR(-ENODATA)
 * when there is none of that name, ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_roots_lookup(struct refslab_heap *heap, const char *name, u32 len)
{
	const struct root_name key = { .name = name, .len = len };
	struct refslab_object *obj = ERR_PTR(-ENODATA);
	struct root *root;

	xa_lock_bh(&heap->roots.by_number);
	root = rhashtable_lookup_fast(&heap->roots.by_name, &key, params);
	if (root) {
		/* the root's reference is there as long as the lock is held */
		obj = root->obj;
		if (!refslab_word_try_get(&obj->word))
			obj = ERR_PTR(-EOVERFLOW);
	}
	xa_unlock_bh(&heap->roots.by_number);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_roots_lookup);

/**
 * refslab_roots_unpublish() - end a root
 * @heap: a heap with the built-in types
 * @name: any bytes
 * @len: how many
 *
 * Drops the root's reference. Context: task context. Return: 0 or -ENODATA.
 */
int refslab_roots_unpublish(struct refslab_heap *heap, const char *name, u32 len)
{
	const struct root_name key = { .name = name, .len = len };
	struct root *root;

	xa_lock_bh(&heap->roots.by_number);
	root = rhashtable_lookup_fast(&heap->roots.by_name, &key, params);
	if (root) {
		rhashtable_remove_fast(&heap->roots.by_name, &root->node, params);
		__xa_erase(&heap->roots.by_number, root->number);
		WRITE_ONCE(heap->roots.nr, heap->roots.nr - 1);
	}
	xa_unlock_bh(&heap->roots.by_number);
	if (!root)
		return -ENODATA;
	refslab_object_put(root->obj);
	kfree_rcu(root, rcu);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_roots_unpublish);

/**
 * refslab_roots_next() - go through the roots
 * @heap: any heap
 * @number: where to begin, 0 at first; out: the root's number
 * @record: out: what there is to know of it
 *
 * Those that come or go meanwhile may be missed. Context: task context. Return: the object with a
 * reference of the caller's, or NULL at the end.
 */
struct refslab_object *refslab_roots_next(struct refslab_heap *heap, unsigned long *number,
					  struct refslab_root_record *record)
{
	struct refslab_object *obj = NULL;
	struct root *root;

	if (!heap->roots.made)
		return NULL;
	memset(record, 0, sizeof(*record));
	xa_lock_bh(&heap->roots.by_number);
	root = xa_find(&heap->roots.by_number, number, REFSLAB_MAX_ROOTS, XA_PRESENT);
	if (root) {
		obj = root->obj;
		/* of an operation in flight: see refslab_session_get() */
		refslab_word_get(&obj->word);
		record->id = obj->id;
		record->type = refslab_object_type(obj)->base->number;
		record->len = root->len;
		memcpy(record->name, root->name, root->len);
	}
	xa_unlock_bh(&heap->roots.by_number);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_roots_next);

/**
 * refslab_roots_for_each() - call a function for the object of each root, for the checker
 * @heap: any heap
 * @fn: called under the lock
 * @arg: for @fn
 *
 * Return: how many there are.
 */
u64 refslab_roots_for_each(struct refslab_heap *heap, refslab_visit_fn fn, void *arg)
{
	unsigned long number;
	struct root *root;
	u64 nr = 0;

	if (!heap->roots.made)
		return 0;
	xa_lock_bh(&heap->roots.by_number);
	xa_for_each(&heap->roots.by_number, number, root) {
		fn(root->obj, arg);
		nr++;
	}
	xa_unlock_bh(&heap->roots.by_number);
	return nr;
}
