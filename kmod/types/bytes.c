// SPDX-License-Identifier: GPL-2.0
/*
 * bytes: a string of bytes, immutable. The empty one is a constant.
 */
#include <linux/string.h>

#include "types.h"

/**
 * struct bytes - the body
 * @len:	bytes of @data
 * @hash:	of them, once somebody has asked; else 0
 * @data:	the bytes
 */
struct bytes {
	u32 len;
	u32 hash;
	u8 data[];
};

static_assert(sizeof(struct bytes) <= REFSLAB_CONSTANTS_BODY);

static struct bytes *bytes_of(const struct refslab_object *obj)
{
	return refslab_object_body(obj, refslab_object_type(obj));
}

/**
 * refslab_bytes_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR.
 */
struct refslab_type *refslab_bytes_register(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "bytes",
		.flags = REFSLAB_TYPE_SIZED,
		.body = sizeof(struct bytes),
	}, gfp);
}

/**
 * refslab_bytes_begin() - begin to make a bytes that is not empty
 * @heap: a heap with the built-in types
 * @len: its length, at most REFSLAB_MAX_BYTES
 * @gfp: allocation flags
 * @data: out: what the caller fills in
 *
 * Return: the object, for refslab_object_publish() or refslab_object_cancel(), or NULL.
 */
struct refslab_object *refslab_bytes_begin(struct refslab_heap *heap, u32 len, gfp_t gfp,
					   void **data)
{
	struct refslab_object *obj = refslab_object_begin_sized(heap->types.bytes_type, len, gfp);
	struct bytes *bytes;

	if (!obj)
		return NULL;
	bytes = bytes_of(obj);
	bytes->len = len;
	*data = bytes->data;
	return obj;
}

/**
 * refslab_bytes_probe() - make a probe for a bytes
 * @probe: out: the probe, for refslab_probe_end() unless this fails
 * @heap: a heap with the built-in types
 * @len: its length
 * @gfp: allocation flags
 * @data: out: what the caller fills in
 *
 * Return: 0, or as refslab_bytes_new(), -E2BIG, -ENOMEM.
 */
int refslab_bytes_probe(struct refslab_probe *probe, struct refslab_heap *heap, u32 len, gfp_t gfp,
			void **data)
{
	struct refslab_object *obj;

	if (len > REFSLAB_MAX_BYTES)
		return -E2BIG;
	obj = refslab_probe_begin(probe, heap->types.bytes_type, len, gfp);
	if (!obj)
		return -ENOMEM;
	bytes_of(obj)->len = len;
	*data = bytes_of(obj)->data;
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_bytes_probe);

/**
 * refslab_bytes_new() - make a bytes
 * @heap: a heap with the built-in types
 * @data: what is in it
 * @len: its length
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with a reference of the caller's, or an ERR_PTR: -E2BIG
 * over REFSLAB_MAX_BYTES, -ENOMEM.
 */
struct refslab_object *refslab_bytes_new(struct refslab_heap *heap, const void *data, size_t len,
					 gfp_t gfp)
{
	struct refslab_object *obj;
	void *to;

	if (!len)
		return refslab_constants_bytes(heap);
	if (len > REFSLAB_MAX_BYTES)
		return ERR_PTR(-E2BIG);
	obj = refslab_bytes_begin(heap, len, gfp, &to);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	memcpy(to, data, len);
	refslab_object_publish(obj, gfp);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_bytes_new);

/**
 * refslab_bytes_value() - what is in a bytes
 * @obj: an object the caller holds a reference on, of a heap with the built-in types
 * @data: out: the bytes, good for as long as that reference
 * @len: out: how many
 *
 * Return: 0, or -EPROTOTYPE when it is not a bytes.
 */
int refslab_bytes_value(struct refslab_object *obj, const void **data, size_t *len)
{
	struct refslab_type *type = refslab_object_type(obj);
	const struct bytes *bytes;

	if (type != refslab_heap_of_objects(type->objects)->types.bytes_type)
		return -EPROTOTYPE;
	bytes = bytes_of(obj);
	*data = bytes->data;
	*len = bytes->len;
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_bytes_value);

/**
 * refslab_bytes_hash() - a hash of the bytes
 * @obj: a bytes the caller holds a reference on
 *
 * Context: as refslab_key_hash_memory().
 */
u32 refslab_bytes_hash(struct refslab_object *obj)
{
	struct bytes *bytes = bytes_of(obj);

	return refslab_key_hash_memory(refslab_object_type(obj)->objects, &bytes->hash, bytes->data,
				       bytes->len);
}

/**
 * refslab_bytes_equal() - are the bytes the same?
 * @a: a bytes the caller holds a reference on
 * @b: likewise, of the same heap
 */
bool refslab_bytes_equal(struct refslab_object *a, struct refslab_object *b)
{
	const struct bytes *x = bytes_of(a), *y = bytes_of(b);

	return x->len == y->len && !memcmp(x->data, y->data, x->len);
}
