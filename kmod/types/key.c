// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: hash and equality of what a dict or a set is searched for.
 *
 * A key never changes: it is an int or a str, or an object of which only its identity counts.
 *
 * The hash is keyed with a random number of the heap's, so that nobody can make keys that all fall
 * into the same place.
 */
#include <linux/sched.h>

#include "types.h"

/* Bytes hashed before others get a chance to run. */
#define CHUNK	0x10000

/**
 * refslab_key_hash_memory() - hash of a long value, kept by its object
 * @objects: the heap's objects
 * @cached: where the object keeps it; 0: it has not been asked for yet
 * @data: the value
 * @len: its bytes
 *
 * Context: may sleep the first time. Return: the hash, not 0.
 */
u32 refslab_key_hash_memory(struct refslab_objects *objects, u32 *cached, const void *data,
			    size_t len)
{
	const siphash_key_t *key = &refslab_heap_of_objects(objects)->hash_key;
	u32 hash = READ_ONCE(*cached);
	u64 sum = 0;
	size_t n;

	if (hash)
		return hash;
	for (;;) {
		n = min_t(size_t, len, CHUNK);
		sum = siphash_2u64(siphash(data, n, key), sum, key);
		len -= n;
		if (!len)
			break;
		data += n;
		cond_resched();
	}
	hash = (u32)sum ?: 1;
	/* whoever else computes it at the same time gets the same */
	WRITE_ONCE(*cached, hash);
	return hash;
}

static u32 hash_number(struct refslab_objects *objects, u64 number)
{
	return siphash_1u64(number, &refslab_heap_of_objects(objects)->hash_key);
}

static bool by_identity(const struct refslab_type *type)
{
	return type->flags & (REFSLAB_TYPE_USER | REFSLAB_TYPE_IDENTITY);
}

/**
 * refslab_key_hash() - the hash of a key
 * @key: an object the caller holds a reference on, of a heap with the built-in types
 * @hash: out: alike for keys that are equal, for the heap's life
 *
 * Context: may sleep, and take long the first time. Return: 0, or -EPROTOTYPE when the object
 * cannot be a key.
 */
int refslab_key_hash(struct refslab_object *key, u32 *hash)
{
	struct refslab_type *type = refslab_object_type(key);
	struct refslab_heap *heap = refslab_heap_of_objects(type->objects);
	s64 value;

	if (type == heap->types.str_type)
		*hash = refslab_str_hash(key);
	else if (!refslab_int_value(key, &value))
		*hash = hash_number(type->objects, value);
	else if (by_identity(type))
		*hash = hash_number(type->objects, (unsigned long)key);
	else
		return -EPROTOTYPE;
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_key_hash);

/**
 * refslab_key_hash_again() - the hash of a key that was hashed before
 * @key: refslab_key_hash() has been called with it
 *
 * Context: any; an object's lock may be held.
 */
u32 refslab_key_hash_again(struct refslab_object *key)
{
	u32 hash = 0;

	WARN_ON_ONCE(refslab_key_hash(key, &hash));
	return hash;
}
REFSLAB_EXPORT_TEST(refslab_key_hash_again);

/**
 * refslab_key_equal() - are two keys the same?
 * @a: an object the caller holds a reference on
 * @b: another of the same heap, likewise
 *
 * An object is equal to itself, whatever it is. Context: may sleep, and take long.
 */
bool refslab_key_equal(struct refslab_object *a, struct refslab_object *b)
{
	struct refslab_type *type = refslab_object_type(a);
	struct refslab_heap *heap = refslab_heap_of_objects(type->objects);
	s64 x, y;

	if (a == b)
		return true;
	if (type == heap->types.str_type)
		return refslab_object_type(b) == type && refslab_str_equal(a, b);
	return !refslab_int_value(a, &x) && !refslab_int_value(b, &y) && x == y;
}
REFSLAB_EXPORT_TEST(refslab_key_equal);
