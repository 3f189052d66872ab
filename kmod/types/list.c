// SPDX-License-Identifier: GPL-2.0
/*
 * list: a growable array of references. All of it is object/table.c's; this gives it a name.
 */
#include "types.h"

#define LIST_CACHE	80	/* as CPython's PyList_MAXFREELIST */

/**
 * refslab_list_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR, as refslab_type_create().
 */
struct refslab_type *refslab_list_register(struct refslab_heap *heap, gfp_t gfp)
{
	const struct refslab_type_params params = {
		.name = "list",
		.flags = REFSLAB_TYPE_TABLE,
		.cache_limit = LIST_CACHE,
	};

	return refslab_type_create(&heap->objects, &params, gfp);
}

/**
 * refslab_list_new() - make an empty list
 * @heap: a heap with the built-in types
 * @gfp: allocation flags
 *
 * Return: the list with one reference, the caller's; NULL when there is no memory.
 */
struct refslab_object *refslab_list_new(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_object_alloc(heap->types.list_type, gfp);
}
REFSLAB_EXPORT_TEST(refslab_list_new);

/**
 * refslab_list_is() - is it a list?
 * @obj: an object the caller holds a reference on
 */
bool refslab_list_is(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	return type == refslab_heap_of_objects(type->objects)->types.list_type;
}
REFSLAB_EXPORT_TEST(refslab_list_is);
