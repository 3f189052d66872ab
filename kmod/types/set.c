// SPDX-License-Identifier: GPL-2.0
/*
 * set: keys, each once, in the order in which they came. All of it is keyed.c's; this gives it a
 * name.
 */
#include "types.h"

#define SET_CACHE	80	/* as CPython's PySet_MAXFREELIST, while it had one */

/**
 * refslab_set_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR, as refslab_type_create().
 */
struct refslab_type *refslab_set_register(struct refslab_heap *heap, gfp_t gfp)
{
	const struct refslab_type_params params = {
		.name = "set",
		.flags = REFSLAB_TYPE_TABLE | REFSLAB_TYPE_INDEX | REFSLAB_TYPE_WEAKABLE,
		.cache_limit = SET_CACHE,
	};

	return refslab_type_create(&heap->objects, &params, gfp);
}

/**
 * refslab_set_new() - make an empty set
 * @heap: a heap with the built-in types
 * @gfp: allocation flags
 *
 * Return: the set with one reference, the caller's; NULL when there is no memory.
 */
struct refslab_object *refslab_set_new(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_object_alloc(heap->types.set_type, gfp);
}
REFSLAB_EXPORT_TEST(refslab_set_new);
