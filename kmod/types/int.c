// SPDX-License-Identifier: GPL-2.0
/*
 * int: a 64-bit signed integer, immutable. The small ones are constants.
 */
#include "types.h"

/* Dead ints kept for reuse: as many as floats, which come and go alike. */
#define CACHE_LIMIT	100

/**
 * refslab_int_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR.
 */
struct refslab_type *refslab_int_register(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "int",
		.body = sizeof(s64),
		.cache_limit = CACHE_LIMIT,
	}, gfp);
}

/**
 * refslab_int_new() - make an int
 * @heap: a heap with the built-in types
 * @value: its value
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with a reference of the caller's, or NULL when there is
 * no memory.
 */
struct refslab_object *refslab_int_new(struct refslab_heap *heap, s64 value, gfp_t gfp)
{
	struct refslab_type *type = heap->types.int_type;
	struct refslab_object *obj = refslab_constants_int(heap, value);

	if (obj)
		return obj;
	obj = refslab_object_begin(type, gfp);
	if (!obj)
		return NULL;
	*(s64 *)refslab_object_body(obj, type) = value;
	refslab_object_publish(obj, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_int_new);

/**
 * refslab_int_value() - the value of an int
 * @obj: an object the caller holds a reference on, of a heap with the built-in types
 * @value: out: its value
 *
 * Return: 0, or -EPROTOTYPE when it is not an int.
 */
int refslab_int_value(struct refslab_object *obj, s64 *value)
{
	struct refslab_type *type = refslab_object_type(obj);

	if (type != refslab_heap_of_objects(type->objects)->types.int_type)
		return -EPROTOTYPE;
	*value = *(s64 *)refslab_object_body(obj, type);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_int_value);
