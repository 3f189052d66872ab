// SPDX-License-Identifier: GPL-2.0
/*
 * The objects that every user heap has from the beginning: small ints, strs of one Latin-1
 * character, and what is empty. Whoever makes an equal one gets the same.
 */
#include "str.h"

/* Their numbers: the ints, the characters, the rest. */
#define INT_FIRST	(-5)
#define INT_LAST	256
#define CHARS		256

enum {
	INTS,
	STRS = INTS + INT_LAST - INT_FIRST + 1,
	EMPTY_STR = STRS + CHARS,
	EMPTY_BYTES,
	EMPTY_TUPLE,
	NR_CONSTANTS
};

static_assert(sizeof(s64) <= REFSLAB_CONSTANTS_BODY);
static_assert(sizeof(struct refslab_str) + 1 <= REFSLAB_CONSTANTS_BODY);

static void set_str(struct refslab_heap *heap, unsigned int n, unsigned int len, u8 c)
{
	struct refslab_type *type = heap->types.str_type;
	struct refslab_str *str;

	str = refslab_str_of(refslab_constant_set(&heap->objects, n, type));
	str->len = len;
	str->ascii = c < 0x80;
	if (len)
		str->data[0] = c;
}

/**
 * refslab_constants_make() - make the constants of a heap
 * @heap: the heap, with its types, and without an object
 * @gfp: allocation flags; may sleep
 *
 * Return: 0 or -ENOMEM.
 */
int refslab_constants_make(struct refslab_heap *heap, gfp_t gfp)
{
	struct refslab_objects *objects = &heap->objects;
	struct refslab_type *type = heap->types.int_type;
	struct refslab_object *obj;
	unsigned int i;
	int err;

	err = refslab_constant_init(objects, NR_CONSTANTS,
				    sizeof(struct refslab_object) + REFSLAB_CONSTANTS_BODY, gfp);
	if (err)
		return err;
	for (i = 0; i < STRS - INTS; i++) {
		obj = refslab_constant_set(objects, INTS + i, type);
		*(s64 *)refslab_object_body(obj, type) = INT_FIRST + (int)i;
	}
	for (i = 0; i < CHARS; i++)
		set_str(heap, STRS + i, 1, i);
	set_str(heap, EMPTY_STR, 0, 0);
	/* nothing is what their payload says */
	refslab_constant_set(objects, EMPTY_BYTES, heap->types.bytes_type);
	refslab_constant_set(objects, EMPTY_TUPLE, heap->types.tuple_type);
	return 0;
}

static struct refslab_object *get(struct refslab_heap *heap, unsigned int n)
{
	struct refslab_object *obj = refslab_constant(&heap->objects, n);

	refslab_word_get(&obj->word);
	return obj;
}

/**
 * refslab_constants_int() - the int with a value, when that is small
 * @heap: a heap with the built-in types
 * @value: the value
 *
 * Return: the object with a reference of the caller's, or NULL.
 */
struct refslab_object *refslab_constants_int(struct refslab_heap *heap, s64 value)
{
	if (value < INT_FIRST || value > INT_LAST)
		return NULL;
	return get(heap, INTS + value - INT_FIRST);
}

/**
 * refslab_constants_str() - the str of one Latin-1 character
 * @heap: a heap with the built-in types
 * @c: the character
 */
struct refslab_object *refslab_constants_str(struct refslab_heap *heap, u8 c)
{
	return get(heap, STRS + c);
}

/**
 * refslab_constants_empty_str() - the empty str
 * @heap: a heap with the built-in types
 */
struct refslab_object *refslab_constants_empty_str(struct refslab_heap *heap)
{
	return get(heap, EMPTY_STR);
}

/**
 * refslab_constants_bytes() - the empty bytes
 * @heap: a heap with the built-in types
 */
struct refslab_object *refslab_constants_bytes(struct refslab_heap *heap)
{
	return get(heap, EMPTY_BYTES);
}

/**
 * refslab_constants_tuple() - the empty tuple
 * @heap: a heap with the built-in types
 */
struct refslab_object *refslab_constants_tuple(struct refslab_heap *heap)
{
	return get(heap, EMPTY_TUPLE);
}
REFSLAB_EXPORT_TEST(refslab_constants_tuple);
