// SPDX-License-Identifier: GPL-2.0
/*
 * tuple: references that never change. The empty tuple is a constant.
 *
 * One of up to REFSLAB_TUPLE_SLOTS elements has them in slots. Each length has a type of its own
 * inside the kernel, so that each has a cache of its own, made when the first tuple of the length
 * is; a longer one has a table, as a list. All are of the type "tuple" to people.
 *
 * A tuple is filled before it is known: nobody finds it by walking the heap, and a scan has it
 * neither among what it looks at nor, with its count of 0, takes it for dead. A scan may know the
 * block from the object that was there before, though. So elements are put in as into any object:
 * touched first, under the lock.
 */
#include "types.h"

#define CACHE_LIMIT	2000	/* of each length, as CPython's PyTuple_MAXFREELIST */

/**
 * struct long_tuple - one with a table
 * @container:	as all have
 * @table:	the elements
 * @hash:	once somebody has asked; else 0
 */
struct long_tuple {
	struct refslab_container container;
	struct refslab_table table;
	u32 hash;
};

/* Types are made one after the other. */
static DEFINE_MUTEX(types_lock);

/**
 * refslab_tuple_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type, whose only object is the empty tuple, or an ERR_PTR.
 */
struct refslab_type *refslab_tuple_register(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "tuple",
	}, gfp);
}

static struct refslab_type *make_type(struct refslab_heap *heap, u32 nr, gfp_t gfp)
{
	struct refslab_type_params params = { .base = heap->types.tuple_type };
	char name[32];

	params.name = name;
	if (nr) {
		snprintf(name, sizeof(name), "tuple/%u", nr);
		params.nr_slots = nr;
		params.cache_limit = CACHE_LIMIT;
	} else {
		snprintf(name, sizeof(name), "tuple/%u+", REFSLAB_TUPLE_SLOTS + 1);
		params.flags = REFSLAB_TYPE_TABLE;
		params.body = sizeof(struct long_tuple) - offsetofend(struct long_tuple, table);
	}
	return refslab_type_create(&heap->objects, &params, gfp);
}

/* The type of tuples of a length; made now, if there has been none so far. */
static struct refslab_type *type_of_length(struct refslab_heap *heap, u32 len, gfp_t gfp)
{
	u32 nr = len <= REFSLAB_TUPLE_SLOTS ? len : 0;
	struct refslab_type **at = &heap->types.tuples[nr];
	/* pairs with the release below, with which the type is complete */
	struct refslab_type *type = smp_load_acquire(at);

	if (likely(type))
		return type;
	mutex_lock(&types_lock);
	type = *at;
	if (!type) {
		type = make_type(heap, nr, gfp);
		if (!IS_ERR(type)) {
			/* complete for who finds it without the lock: pairs with the acquire */
			smp_store_release(at, type);
		}
	}
	mutex_unlock(&types_lock);
	return type;
}

/**
 * refslab_tuple_begin() - begin to make a tuple that is not empty
 * @heap: a heap with the built-in types
 * @len: its length, 1 .. REFSLAB_MAX_TUPLE
 * @gfp: allocation flags; may sleep
 *
 * Return: the tuple, for refslab_tuple_put() with each element in order and then
 * refslab_object_publish(), or refslab_object_cancel(); ERR_PTR(-ENOMEM).
 */
struct refslab_object *refslab_tuple_begin(struct refslab_heap *heap, u32 len, gfp_t gfp)
{
	struct refslab_type *type = type_of_length(heap, len, gfp);
	struct refslab_object *obj;

	if (IS_ERR(type))
		return ERR_CAST(type);
	obj = refslab_object_begin(type, gfp);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	if (type->flags & REFSLAB_TYPE_TABLE)
		((struct long_tuple *)obj)->hash = 0;
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_tuple_begin);

/**
 * refslab_tuple_put() - put an element into a tuple that is not known yet
 * @obj: from refslab_tuple_begin()
 * @index: number of the element
 * @element: counted; the caller's own reference stays the caller's
 * @gfp: allocation flags; may sleep
 *
 * Return: 0, -EOVERFLOW, -ENOMEM.
 */
int refslab_tuple_put(struct refslab_object *obj, u32 index, struct refslab_object *element,
		      gfp_t gfp)
{
	if (refslab_object_type(obj)->flags & REFSLAB_TYPE_TABLE)
		return refslab_table_append(obj, element, gfp);
	return refslab_slot_set(obj, index, element);
}
REFSLAB_EXPORT_TEST(refslab_tuple_put);

/**
 * refslab_tuple_new() - make a tuple
 * @heap: a heap with the built-in types
 * @elements: what it is to refer to, the caller holding a reference on each
 * @len: how many
 * @gfp: allocation flags; may sleep
 *
 * Return: the tuple with a reference of the caller's, or an ERR_PTR: -E2BIG over REFSLAB_MAX_TUPLE,
 * -EOVERFLOW, -ENOMEM.
 */
struct refslab_object *refslab_tuple_new(struct refslab_heap *heap,
					 struct refslab_object *const *elements, u32 len, gfp_t gfp)
{
	struct refslab_object *obj;
	int err;
	u32 i;

	if (!len)
		return refslab_constants_tuple(heap);
	if (len > REFSLAB_MAX_TUPLE)
		return ERR_PTR(-E2BIG);
	obj = refslab_tuple_begin(heap, len, gfp);
	if (IS_ERR(obj))
		return obj;
	for (i = 0; i < len; i++) {
		err = refslab_tuple_put(obj, i, elements[i], gfp);
		if (err) {
			refslab_object_cancel(obj);
			return ERR_PTR(err);
		}
	}
	refslab_object_publish(obj, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_tuple_new);

/**
 * refslab_tuple_is() - is it a tuple?
 * @obj: an object the caller holds a reference on
 */
bool refslab_tuple_is(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	return type->base == refslab_heap_of_objects(type->objects)->types.tuple_type;
}
REFSLAB_EXPORT_TEST(refslab_tuple_is);

/**
 * refslab_tuple_len() - number of elements
 * @obj: a tuple the caller holds a reference on
 */
u32 refslab_tuple_len(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	return type->flags & REFSLAB_TYPE_TABLE ? refslab_table_len(obj) : type->nr_slots;
}
REFSLAB_EXPORT_TEST(refslab_tuple_len);

/**
 * refslab_tuple_at() - an element of a tuple
 * @obj: a tuple the caller holds a reference on
 * @index: less than its length
 *
 * Needs no lock, as it never changes. Context: any. Return: the element, with the tuple's own
 * reference, good for as long as the caller's on that.
 */
struct refslab_object *refslab_tuple_at(struct refslab_object *obj, u32 index)
{
	u32 run;

	if (refslab_object_type(obj)->flags & REFSLAB_TYPE_TABLE)
		return *refslab_table_at(refslab_object_table(obj), index, &run);
	return refslab_object_slots(obj)[index];
}

/**
 * refslab_tuple_get() - load an element
 * @obj: a tuple the caller holds a reference on
 * @index: which
 *
 * Return: a strong reference, ERR_PTR(-ERANGE) or ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_tuple_get(struct refslab_object *obj, u32 index)
{
	struct refslab_object *element;

	if (index >= refslab_tuple_len(obj))
		return ERR_PTR(-ERANGE);
	element = refslab_tuple_at(obj, index);
	return refslab_word_try_get(&element->word) ? element : ERR_PTR(-EOVERFLOW);
}
REFSLAB_EXPORT_TEST(refslab_tuple_get);

/**
 * refslab_tuple_hash() - where a tuple keeps its hash
 * @obj: a tuple the caller holds a reference on
 *
 * Return: the place, 0 there until somebody has asked; NULL: it is short, and has none.
 */
u32 *refslab_tuple_hash(struct refslab_object *obj)
{
	if (!(refslab_object_type(obj)->flags & REFSLAB_TYPE_TABLE))
		return NULL;
	return &((struct long_tuple *)obj)->hash;
}
REFSLAB_EXPORT_TEST(refslab_tuple_hash);
