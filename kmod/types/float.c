// SPDX-License-Identifier: GPL-2.0
/*
 * float: an IEEE 754 double, immutable. The kernel does no arithmetic with it: it is 64 bits.
 */
#include "types.h"

#define CACHE_LIMIT	100	/* as CPython's PyFloat_MAXFREELIST */

/**
 * refslab_float_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR.
 */
struct refslab_type *refslab_float_register(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "float",
		.body = sizeof(u64),
		.cache_limit = CACHE_LIMIT,
	}, gfp);
}

/**
 * refslab_float_new() - make a float
 * @heap: a heap with the built-in types
 * @bits: its value
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with one reference, the caller's, or NULL when there
 * is no memory.
 */
struct refslab_object *refslab_float_new(struct refslab_heap *heap, u64 bits, gfp_t gfp)
{
	struct refslab_type *type = heap->types.float_type;
	struct refslab_object *obj = refslab_object_begin(type, gfp);

	if (!obj)
		return NULL;
	*(u64 *)refslab_object_body(obj, type) = bits;
	refslab_object_publish(obj, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_float_new);

/**
 * refslab_float_value() - the value of a float
 * @obj: an object the caller holds a reference on, of a heap with the built-in types
 * @bits: out: its value
 *
 * Return: 0, or -EPROTOTYPE when it is not a float.
 */
int refslab_float_value(struct refslab_object *obj, u64 *bits)
{
	struct refslab_type *type = refslab_object_type(obj);

	if (type != refslab_heap_of_objects(type->objects)->types.float_type)
		return -EPROTOTYPE;
	*bits = *(u64 *)refslab_object_body(obj, type);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_float_value);
