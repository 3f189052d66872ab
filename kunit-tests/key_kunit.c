// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: what is equal, and that equal keys have the same hash.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "fixture.h"

enum kind {
	INT,
	FLOAT,
	STR,
	BYTES,
	TUPLE,
};

/**
 * struct value - what an object is made of
 * @kind:	its type
 * @bits:	the value of an int or a float; of a tuple, what it has: the ends of an int, a float
 *		and a str each, in 8, 8 and 16 bits
 * @text:	the value of a str or a bytes
 */
struct value {
	enum kind kind;
	u64 bits;
	const char *text;
};

#define DOUBLE(bits)	{ FLOAT, bits }
#define ONE		0x3ff0000000000000	/* 1.0 */
#define NEGATIVE	BIT_ULL(63)

/*
 * Values in the same class are equal, and those of different classes are not.
 */
static const struct {
	struct value value;
	int class;
} values[] = {
	{ { INT, 0 }, 0 },
	{ DOUBLE(0), 0 },
	/* -0.0 */
	{ DOUBLE(NEGATIVE), 0 },
	{ { INT, 1 }, 1 },
	{ DOUBLE(ONE), 1 },
	{ { INT, -1 }, 2 },
	{ DOUBLE(NEGATIVE | ONE), 2 },
	{ { INT, 1000 }, 3 },
	{ DOUBLE(0x408f400000000000), 3 },
	/* 0.5, 1.5, -1.5 */
	{ DOUBLE(0x3fe0000000000000), 4 },
	{ DOUBLE(0x3ff8000000000000), 5 },
	{ DOUBLE(NEGATIVE | 0x3ff8000000000000), 6 },
	/* the smallest, and the largest that is not normal */
	{ DOUBLE(1), 7 },
	{ DOUBLE(NEGATIVE | 1), 8 },
	{ DOUBLE(0x000fffffffffffff), 9 },
	/* 2^52 - 0.5, 2^52, 2^53, and what lies between no doubles */
	{ DOUBLE(0x432fffffffffffff), 10 },
	{ DOUBLE(0x4330000000000000), 11 },
	{ { INT, 1ULL << 52 }, 11 },
	{ DOUBLE(0x4340000000000000), 12 },
	{ { INT, 1ULL << 53 }, 12 },
	{ { INT, (1ULL << 53) + 1 }, 13 },
	{ { INT, (1ULL << 53) - 1 }, 14 },
	{ DOUBLE(0x433fffffffffffff), 14 },
	/* 2^62; 2^63 - 1024, the largest double that an int is equal to; 2^63, which is larger */
	{ { INT, 1ULL << 62 }, 15 },
	{ DOUBLE(0x43d0000000000000), 15 },
	{ { INT, (1ULL << 63) - 1024 }, 16 },
	{ DOUBLE(0x43dfffffffffffff), 16 },
	{ { INT, S64_MAX }, 17 },
	{ DOUBLE(0x43e0000000000000), 18 },
	/* -2^63, which is not, and the next one */
	{ { INT, NEGATIVE }, 19 },
	{ DOUBLE(0xc3e0000000000000), 19 },
	{ DOUBLE(0xc3e0000000000001), 20 },
	{ { INT, NEGATIVE + 1 }, 21 },
	/* 2^64, 1e300, infinity */
	{ DOUBLE(0x43f0000000000000), 22 },
	{ DOUBLE(0x7e37e43c8800759c), 23 },
	{ DOUBLE(0x7ff0000000000000), 24 },
	{ DOUBLE(0xfff0000000000000), 25 },
	{ { STR, .text = "" }, 30 },
	{ { STR, .text = "a" }, 31 },
	{ { STR, .text = "name" }, 32 },
	{ { STR, .text = "name" }, 32 },
	{ { STR, .text = "no name" }, 33 },
	{ { STR, .text = "no name" }, 33 },
	{ { STR, .text = "no namf" }, 34 },
	{ { STR, .text = "no nam" }, 35 },
	{ { STR, .text = "1" }, 36 },
	/* the same bytes inside, of another width */
	{ { STR, .text = "A\x01 B" }, 37 },
	{ { STR, .text = "\xc3\xa9\xe2\x82\xac" }, 38 },
	{ { STR, .text = "\xc3\xa9\xe2\x82\xac" }, 38 },
	{ { STR, .text = "\xf0\x9f\x90\x8d" }, 39 },
	{ { STR, .text = "\xf0\x9f\x90\x8d" }, 39 },
	{ { BYTES, .text = "" }, 50 },
	{ { BYTES, .text = "name" }, 51 },
	{ { BYTES, .text = "name" }, 51 },
	{ { BYTES, .text = "no name" }, 52 },
	{ { BYTES, .text = "1" }, 53 },
	{ { TUPLE, 0 }, 60 },
	{ { TUPLE, 1, "name" }, 61 },
	{ { TUPLE, 1, "name" }, 61 },
	{ { TUPLE, 1, "no name" }, 62 },
	{ { TUPLE, 1, "no name" }, 62 },
	{ { TUPLE, 2, "no name" }, 63 },
	/* 1.0 in place of 1 */
	{ { TUPLE, 3, "no name" }, 63 },
	{ { TUPLE, 19, "x y" }, 64 },
	{ { TUPLE, 19, "x y" }, 64 },
	{ { TUPLE, 40, "x y" }, 65 },
	{ { TUPLE, 40, "x y" }, 65 },
	{ { TUPLE, 40, "x z" }, 66 },
	{ { TUPLE, 41, "x y" }, 67 },
};

/*
 * A tuple of the text, and of the int or the float 1 when there are 2 or 3; of more: so many times
 * the text.
 */
static struct refslab_object *make_tuple(struct kunit *test, const struct value *value)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *elements[64], *obj;
	u32 len = value->bits == 3 ? 2 : value->bits, i;

	for (i = 0; i < len; i++)
		elements[i] = refslab_str_new(heap, value->text, strlen(value->text), GFP_KERNEL);
	if (len == 2) {
		refslab_object_put(elements[1]);
		elements[1] = value->bits == 3 ? refslab_float_new(heap, ONE, GFP_KERNEL) :
						 refslab_int_new(heap, 1, GFP_KERNEL);
	}
	obj = refslab_tuple_new(heap, elements, len, GFP_KERNEL);
	for (i = 0; i < len; i++)
		refslab_object_put(elements[i]);
	return obj;
}

static struct refslab_object *make(struct kunit *test, const struct value *value)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);

	switch (value->kind) {
	case INT:
		return refslab_int_new(heap, value->bits, GFP_KERNEL);
	case FLOAT:
		return refslab_float_new(heap, value->bits, GFP_KERNEL);
	case STR:
		return refslab_str_new(heap, value->text, strlen(value->text), GFP_KERNEL);
	case BYTES:
		return refslab_bytes_new(heap, value->text, strlen(value->text), GFP_KERNEL);
	default:
		return make_tuple(test, value);
	}
}

static bool is_bytes(unsigned int i)
{
	return values[i].value.kind == BYTES;
}

static void equality_is_pythons(struct kunit *test)
{
	struct refslab_object *obj[ARRAY_SIZE(values)];
	u32 hash[ARRAY_SIZE(values)];
	unsigned int i, j;
	bool same;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		obj[i] = make(test, &values[i].value);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj[i]);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(obj[i], &hash[i]), 0);
		KUNIT_EXPECT_EQ(test, refslab_key_hash_again(obj[i]), hash[i]);
	}
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			same = values[i].class == values[j].class;
			KUNIT_EXPECT_EQ_MSG(test, refslab_key_equal(obj[i], obj[j]), same,
					    "values %u and %u", i, j);
			/* a str and a bytes may have the same, as in Python */
			if (is_bytes(i) != is_bytes(j))
				continue;
			/* keyed with a random number: once in a million runs two others agree */
			KUNIT_EXPECT_EQ_MSG(test, hash[i] == hash[j], same, "values %u and %u", i,
					    j);
		}
	}
	for (i = 0; i < ARRAY_SIZE(values); i++)
		refslab_object_put(obj[i]);
}

/* Of all but tuples. */
static void make_probe(struct kunit *test, const struct value *value, struct refslab_probe *probe)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	size_t len = value->text ? strlen(value->text) : 0;
	int err = 0;
	void *data;

	if (value->kind == INT) {
		refslab_probe_int(probe, heap, value->bits);
	} else if (value->kind == FLOAT) {
		refslab_probe_float(probe, heap, value->bits);
	} else if (value->kind == STR) {
		err = refslab_str_probe(probe, heap, value->text, len, GFP_KERNEL);
	} else {
		err = refslab_bytes_probe(probe, heap, len, GFP_KERNEL, &data);
		if (!err)
			memcpy(data, value->text, len);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void a_probe_is_what_it_looks_like(struct kunit *test)
{
	struct refslab_object *obj[ARRAY_SIZE(values)];
	struct refslab_probe *probe;
	unsigned int i, j;
	u32 hash, other;
	bool same;

	probe = kunit_kmalloc(test, sizeof(*probe), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, probe);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		obj[i] = make(test, &values[i].value);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj[i]);
	}
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		if (values[i].value.kind == TUPLE)
			continue;
		make_probe(test, &values[i].value, probe);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(probe->obj, &hash), 0);
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			same = values[i].class == values[j].class;
			KUNIT_EXPECT_EQ_MSG(test, refslab_key_equal(probe->obj, obj[j]), same,
					    "values %u and %u", i, j);
			KUNIT_EXPECT_EQ(test, refslab_key_hash(obj[j], &other), 0);
			if (same)
				KUNIT_EXPECT_EQ_MSG(test, hash, other, "values %u and %u", i, j);
		}
		refslab_probe_end(probe);
	}
	for (i = 0; i < ARRAY_SIZE(values); i++)
		refslab_object_put(obj[i]);
}

static void not_a_number_is_itself_alone(struct kunit *test)
{
	static const u64 nans[] = { 0x7ff8000000000000, 0x7ff8000000000000, 0xfff0000000000001 };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *nan[3], *tuple[3];
	unsigned int i, j;
	u32 hash;

	for (i = 0; i < ARRAY_SIZE(nan); i++) {
		nan[i] = refslab_float_new(heap, nans[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, nan[i]);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(nan[i], &hash), 0);
	}
	/* tuples with the same one are equal, as in Python */
	for (i = 0; i < ARRAY_SIZE(tuple); i++) {
		tuple[i] = refslab_tuple_new(heap, &nan[i / 2], 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tuple[i]);
	}
	for (i = 0; i < ARRAY_SIZE(nan); i++) {
		for (j = 0; j < ARRAY_SIZE(nan); j++) {
			KUNIT_EXPECT_EQ(test, refslab_key_equal(nan[i], nan[j]), i == j);
			KUNIT_EXPECT_EQ(test, refslab_key_equal(tuple[i], tuple[j]),
					i / 2 == j / 2);
		}
	}
	KUNIT_EXPECT_EQ(test, refslab_key_hash_again(tuple[0]), refslab_key_hash_again(tuple[1]));
	for (i = 0; i < ARRAY_SIZE(nan); i++) {
		refslab_object_put(nan[i]);
		refslab_object_put(tuple[i]);
	}
}

static void expect_no_key(struct kunit *test, struct refslab_object *obj)
{
	u32 hash;

	KUNIT_EXPECT_EQ(test, refslab_key_hash(obj, &hash), -EPROTOTYPE);
	KUNIT_EXPECT_TRUE(test, refslab_key_equal(obj, obj));
	refslab_object_put(obj);
}

static void what_may_change_is_no_key(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *inner, *list = refslab_fixture_list(test), *many[20];
	unsigned int i;

	expect_no_key(test, refslab_tuple_new(heap, &list, 1, GFP_KERNEL));
	inner = refslab_tuple_new(heap, NULL, 0, GFP_KERNEL);
	expect_no_key(test, refslab_tuple_new(heap, &inner, 1, GFP_KERNEL));
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = i < 19 ? inner : list;
	expect_no_key(test, refslab_tuple_new(heap, many, ARRAY_SIZE(many), GFP_KERNEL));
	expect_no_key(test, list);
	/* a kernel's own type, of which nobody said that it may be one */
	expect_no_key(test, refslab_fixture_object(test, refslab_fixture_type(test, "own", 1, 8,
									      0)));
	refslab_object_put(inner);
}

static void identity_is_a_key(struct kunit *test)
{
	static const u32 flags[] = { REFSLAB_TYPE_USER, REFSLAB_TYPE_IDENTITY };
	static const char *const names[] = { "user", "identity" };
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object *a, *b, *tuple;
	struct refslab_type *type;
	unsigned int i;
	u32 x, y;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		type = refslab_type_create(objects, &(struct refslab_type_params) {
			.name = names[i],
			.flags = flags[i],
			.body = 8,
		}, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
		a = refslab_fixture_object(test, type);
		b = refslab_fixture_object(test, type);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(a, &x), 0);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(b, &y), 0);
		KUNIT_EXPECT_NE(test, x, y);
		KUNIT_EXPECT_EQ(test, refslab_key_hash_again(a), x);
		KUNIT_EXPECT_TRUE(test, refslab_key_equal(a, a));
		KUNIT_EXPECT_FALSE(test, refslab_key_equal(a, b));
		tuple = refslab_tuple_new(refslab_fixture_heap(test), &a, 1, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(tuple, &x), 0);
		refslab_object_put(tuple);
		refslab_object_put(a);
		refslab_object_put(b);
	}
}

/* A long one has its hash in pieces, and remembers it. */
static void long_keys_are_remembered(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	u8 *data = kvmalloc(REFSLAB_MAX_BYTES, GFP_KERNEL);
	struct refslab_object *a, *b, *c;
	u32 x, y, z;

	KUNIT_ASSERT_NOT_NULL(test, data);
	memset(data, 'x', REFSLAB_MAX_BYTES);
	a = refslab_bytes_new(heap, data, REFSLAB_MAX_BYTES, GFP_KERNEL);
	b = refslab_bytes_new(heap, data, REFSLAB_MAX_BYTES, GFP_KERNEL);
	data[0x10000] = 'y';
	c = refslab_bytes_new(heap, data, REFSLAB_MAX_BYTES, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, refslab_key_hash(a, &x), 0);
	KUNIT_EXPECT_EQ(test, refslab_key_hash(b, &y), 0);
	KUNIT_EXPECT_EQ(test, refslab_key_hash(c, &z), 0);
	KUNIT_EXPECT_EQ(test, x, y);
	KUNIT_EXPECT_NE(test, x, z);
	KUNIT_EXPECT_TRUE(test, refslab_key_equal(a, b));
	KUNIT_EXPECT_FALSE(test, refslab_key_equal(a, c));
	/* it is not computed again: as if under a lock */
	preempt_disable();
	KUNIT_EXPECT_EQ(test, refslab_key_hash_again(a), x);
	preempt_enable();
	refslab_object_put(a);
	refslab_object_put(b);
	refslab_object_put(c);
	kvfree(data);
}

static void nobody_knows_another_heaps_hashes(struct kunit *test)
{
	struct refslab_heap *other = refslab_fixture_extra_heap(test);
	unsigned int i, same = 0;
	u32 x, y;

	for (i = 0; i < 16; i++) {
		KUNIT_EXPECT_EQ(test, refslab_key_hash(refslab_int_new(refslab_fixture_heap(test),
								       i, GFP_KERNEL), &x), 0);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(refslab_int_new(other, i, GFP_KERNEL), &y),
				0);
		same += x == y;
	}
	KUNIT_EXPECT_LT(test, same, 2);
	refslab_heap_put_sync(other);
}

static struct kunit_case key_cases[] = {
	KUNIT_CASE(equality_is_pythons),
	KUNIT_CASE(a_probe_is_what_it_looks_like),
	KUNIT_CASE(not_a_number_is_itself_alone),
	KUNIT_CASE(what_may_change_is_no_key),
	KUNIT_CASE(identity_is_a_key),
	KUNIT_CASE(long_keys_are_remembered),
	KUNIT_CASE(nobody_knows_another_heaps_hashes),
	{ }
};

static struct kunit_suite key_suite = {
	.name = "refslab-key",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = key_cases,
};

kunit_test_suite(key_suite);
