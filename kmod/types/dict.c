// SPDX-License-Identifier: GPL-2.0
/*
 * dict: values by keys, in the order in which the keys came. All of it is keyed.c's; this gives it
 * a name.
 */
#include "types.h"

#define DICT_CACHE	80	/* as CPython's PyDict_MAXFREELIST */

/**
 * refslab_dict_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR, as refslab_type_create().
 */
struct refslab_type *refslab_dict_register(struct refslab_heap *heap, gfp_t gfp)
{
	const struct refslab_type_params params = {
		.name = "dict",
		.flags = REFSLAB_TYPE_TABLE | REFSLAB_TYPE_INDEX | REFSLAB_TYPE_PAIRS,
		.cache_limit = DICT_CACHE,
	};

	return refslab_type_create(&heap->objects, &params, gfp);
}

/**
 * refslab_dict_new() - make an empty dict
 * @heap: a heap with the built-in types
 * @gfp: allocation flags
 *
 * Return: the dict with one reference, the caller's; NULL when there is no memory.
 */
struct refslab_object *refslab_dict_new(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_object_alloc(heap->types.dict_type, gfp);
}
REFSLAB_EXPORT_TEST(refslab_dict_new);
