// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: hash and equality of what a dict or a set is searched for.
 *
 * A key never changes: it is an int, a float, a str, a bytes, a tuple of keys that are no tuples,
 * or an object of which only its identity counts. Keys are equal as in Python: by value, an int and
 * a float of the same value, too; and what is equal has the same hash.
 *
 * The hash is keyed with a random number of the heap's, so that nobody can make keys that all fall
 * into the same place.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>

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

/**
 * struct number - the value of an int or a float
 * @integer:	it is @value; else the double with the bits @value, which is no integer, or one that
 *		no int is equal to
 * @nan:	a double that is equal to none
 * @value:	see above
 */
struct number {
	bool integer;
	bool nan;
	u64 value;
};

#define FRACTION_BITS	52
#define EXPONENT_MAX	0x7ff
#define EXPONENT_BIAS	1075	/* what 1 in the last place of a fraction has */

/* The kernel does no arithmetic with floating-point numbers. */
static struct number number_of_double(u64 bits)
{
	u64 fraction = bits & (BIT_ULL(FRACTION_BITS) - 1), magnitude;
	int exponent = bits >> FRACTION_BITS & EXPONENT_MAX, shift = exponent - EXPONENT_BIAS;
	struct number number = { .value = bits };
	bool negative = bits >> 63;

	if (exponent == EXPONENT_MAX) {
		number.nan = fraction;
		return number;
	}
	/* 0, or nearly */
	if (!exponent) {
		number.integer = !fraction;
		number.value = number.integer ? 0 : bits;
		return number;
	}
	magnitude = fraction | BIT_ULL(FRACTION_BITS);
	if (shift > 63 - FRACTION_BITS || shift < -FRACTION_BITS)
		return number;
	if (shift < 0) {
		if (magnitude & (BIT_ULL(-shift) - 1))
			return number;
		magnitude >>= -shift;
	} else {
		magnitude <<= shift;
	}
	if (magnitude > (u64)S64_MAX + negative)
		return number;
	number.integer = true;
	number.value = negative ? -magnitude : magnitude;
	return number;
}

/* Returns false when it is none. */
static bool get_number(struct refslab_object *obj, struct number *number)
{
	s64 value;
	u64 bits;

	if (!refslab_int_value(obj, &value))
		*number = (struct number){ .integer = true, .value = value };
	else if (!refslab_float_value(obj, &bits))
		*number = number_of_double(bits);
	else
		return false;
	return true;
}

static u32 hash_identity(const struct refslab_object *obj, const siphash_key_t *key)
{
	return siphash_1u64((unsigned long)obj, key);
}

static u32 hash_number(const struct refslab_object *obj, const struct number *number,
		       const siphash_key_t *key)
{
	if (number->nan)
		return hash_identity(obj, key);
	if (number->integer)
		return siphash_1u64(number->value, key);
	return siphash_2u64(number->value, 1, key);
}

/* Of anything but a tuple. */
static int hash_one(struct refslab_object *obj, u32 *hash)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct refslab_heap *heap = refslab_heap_of_objects(type->objects);
	struct number number;

	if (refslab_str_is(obj))
		*hash = refslab_str_hash(obj);
	else if (get_number(obj, &number))
		*hash = hash_number(obj, &number, &heap->hash_key);
	else if (type == heap->types.bytes_type)
		*hash = refslab_bytes_hash(obj);
	else if (type->flags & (REFSLAB_TYPE_USER | REFSLAB_TYPE_IDENTITY))
		*hash = hash_identity(obj, &heap->hash_key);
	else
		return -EPROTOTYPE;
	return 0;
}

static int hash_tuple(struct refslab_object *obj, u32 *hash)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	const siphash_key_t *key = &refslab_heap_of_objects(objects)->hash_key;
	u32 *kept = refslab_tuple_hash(obj), len = refslab_tuple_len(obj), one, i;
	u64 sum = len;
	int err;

	if (kept) {
		*hash = READ_ONCE(*kept);
		if (*hash)
			return 0;
	}
	for (i = 0; i < len; i++) {
		err = hash_one(refslab_tuple_at(obj, i), &one);
		if (err)
			return err;
		sum = siphash_2u64(sum, one, key);
		/* a short one may be hashed under a lock */
		if (kept && !(i % 64))
			cond_resched();
	}
	*hash = (u32)sum ?: 1;
	if (kept)
		WRITE_ONCE(*kept, *hash);
	return 0;
}

/**
 * refslab_key_hash() - the hash of a key
 * @key: an object the caller holds a reference on, of a heap with the built-in types
 * @hash: out: alike for keys that are equal, for the heap's life
 *
 * What takes long to hash remembers it. Context: may sleep, and take long the first time. Return:
 * 0, or -EPROTOTYPE when the object cannot be a key.
 */
int refslab_key_hash(struct refslab_object *key, u32 *hash)
{
	return refslab_tuple_is(key) ? hash_tuple(key, hash) : hash_one(key, hash);
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

/* Of anything but two tuples. */
static bool equal_one(struct refslab_object *a, struct refslab_object *b)
{
	struct refslab_type *type = refslab_object_type(a);
	struct number x, y;

	if (a == b)
		return true;
	if (refslab_str_is(a))
		return refslab_str_is(b) && refslab_str_equal(a, b);
	if (type == refslab_heap_of_objects(type->objects)->types.bytes_type)
		return refslab_object_type(b) == type && refslab_bytes_equal(a, b);
	return get_number(a, &x) && get_number(b, &y) && !x.nan && !y.nan &&
	       x.integer == y.integer && x.value == y.value;
}

/**
 * refslab_key_equal() - are two keys the same?
 * @a: an object the caller holds a reference on
 * @b: another of the same heap, likewise
 *
 * An object is equal to itself, whatever it is; and tuples in tuples, which are no keys, and all
 * else that has no value, to nothing else. Context: may sleep, and take long.
 */
bool refslab_key_equal(struct refslab_object *a, struct refslab_object *b)
{
	u32 len, i;

	if (a == b)
		return true;
	if (!refslab_tuple_is(a) || !refslab_tuple_is(b))
		return equal_one(a, b);
	len = refslab_tuple_len(a);
	if (refslab_tuple_len(b) != len)
		return false;
	for (i = 0; i < len; i++) {
		if (!equal_one(refslab_tuple_at(a, i), refslab_tuple_at(b, i)))
			return false;
		/* who waits for this looks for the signal, too, and makes nothing of the answer */
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
	return true;
}
REFSLAB_EXPORT_TEST(refslab_key_equal);
