// SPDX-License-Identifier: GPL-2.0
/*
 * The built-in types: int, float, bytes, list. The others have suites of their own.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

/* --- int ------------------------------------------------------------------------------------ */

static void ints_keep_their_value(struct kunit *test)
{
	const s64 values[] = { 0, 1, -1, 42, S32_MIN, S32_MAX, S64_MIN, S64_MAX };
	struct refslab_object *obj;
	unsigned int i;
	s64 value;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		obj = refslab_int_new(refslab_fixture_heap(test), values[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		value = ~values[i];
		KUNIT_EXPECT_EQ(test, refslab_int_value(obj, &value), 0);
		KUNIT_EXPECT_EQ(test, value, values[i]);
		KUNIT_EXPECT_FALSE(test, refslab_object_tracked(obj));
		refslab_object_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_heap(test)->types.int_type->cache.limit, 100);
}

static void only_ints_have_an_int_value(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *str = refslab_str_new(heap, "1", 1, GFP_KERNEL);
	struct refslab_object *own = refslab_fixture_object(test,
					refslab_fixture_type(test, "own", 0, 8, 0));
	s64 value = 77;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, str);
	KUNIT_EXPECT_EQ(test, refslab_int_value(list, &value), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_int_value(str, &value), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_int_value(own, &value), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, value, 77);
	refslab_object_put(list);
	refslab_object_put(str);
	refslab_object_put(own);
}

/* --- float ---------------------------------------------------------------------------------- */

static const u64 doubles[] = {
	0, 1, 0x8000000000000000, 0x3ff0000000000000, 0x7ff0000000000000, 0x7ff8000000000000,
	0xfff8dead0000beef, 0x7fefffffffffffff, U64_MAX,
};

static void floats_keep_their_bits(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj;
	unsigned int i;
	u64 bits;

	for (i = 0; i < ARRAY_SIZE(doubles); i++) {
		obj = refslab_float_new(heap, doubles[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		bits = ~doubles[i];
		KUNIT_EXPECT_EQ(test, refslab_float_value(obj, &bits), 0);
		KUNIT_EXPECT_EQ(test, bits, doubles[i]);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		KUNIT_EXPECT_FALSE(test, refslab_object_tracked(obj));
		refslab_object_put(obj);
	}
	obj = refslab_fixture_int(test, 1);
	bits = 77;
	KUNIT_EXPECT_EQ(test, refslab_float_value(obj, &bits), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, bits, 77);
	refslab_object_put(obj);
	refslab_heap_trim(heap);
	atomic_set(&heap->objects.mem.fail_at, 1);
	KUNIT_EXPECT_NULL(test, refslab_float_new(heap, 1, GFP_ATOMIC | __GFP_NOWARN));
	atomic_set(&heap->objects.mem.fail_at, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

/* Last in first out, whatever others do meanwhile, and never more than the limit. */
static void expect_cache(struct kunit *test, struct refslab_type *type, u32 limit)
{
	struct refslab_object **objs = kunit_kcalloc(test, limit + 1, sizeof(*objs), GFP_KERNEL);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj, *other;
	u64 hits;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	KUNIT_EXPECT_EQ(test, type->cache.limit, limit);
	for (i = 0; i <= limit; i++)
		objs[i] = refslab_fixture_object(test, type);
	hits = refslab_fixture_hits(type);
	for (i = 0; i <= limit; i++) {
		refslab_object_put(objs[i]);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), min(i + 1, limit));
	}
	for (i = limit; i--; ) {
		/* of the same size class, and of others */
		other = refslab_bytes_new(heap, "0123456789", i % 11, GFP_KERNEL);
		obj = refslab_fixture_object(test, type);
		KUNIT_EXPECT_PTR_EQ(test, obj, objs[i]);
		refslab_object_put(other);
	}
	KUNIT_EXPECT_EQ(test, refslab_cache_count(type), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_hits(type) - hits, limit);
	obj = refslab_fixture_object(test, type);
	KUNIT_EXPECT_EQ(test, refslab_fixture_hits(type) - hits, limit);
	refslab_object_put(obj);
	for (i = 0; i < limit; i++)
		refslab_object_put(objs[i]);
}

static void caches_are_as_in_python(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *elements[REFSLAB_TUPLE_SLOTS], *tuple;
	unsigned int i;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	expect_cache(test, heap->types.float_type, 100);
	expect_cache(test, heap->types.int_type, 100);
	expect_cache(test, heap->types.list_type, 80);
	for (i = 0; i < ARRAY_SIZE(elements); i++)
		elements[i] = refslab_constants_tuple(heap);
	for (i = 1; i <= ARRAY_SIZE(elements); i++) {
		tuple = refslab_tuple_new(heap, elements, i, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tuple);
		refslab_object_put(tuple);
		refslab_heap_trim(heap);
		if (i % 6 == 1)
			expect_cache(test, heap->types.tuples[i], 2000);
		KUNIT_EXPECT_EQ(test, heap->types.tuples[i]->cache.limit, 2000);
	}
	refslab_object_put(elements[0]);
}

/* --- bytes ---------------------------------------------------------------------------------- */

static void bytes_keep_what_is_in_them(struct kunit *test)
{
	const char *const texts[] = { "\0", "\xff\xfe", "not \xc3 UTF-8", "\0\0\0" };
	const size_t lens[] = { 1, 2, 11, 3 };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj, *same;
	const void *data;
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		obj = refslab_bytes_new(heap, texts[i], lens[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, refslab_bytes_value(obj, &data, &len), 0);
		KUNIT_ASSERT_EQ(test, len, lens[i]);
		KUNIT_EXPECT_EQ(test, memcmp(data, texts[i], len), 0);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		same = refslab_bytes_new(heap, texts[i], lens[i], GFP_KERNEL);
		KUNIT_EXPECT_PTR_NE(test, same, obj);
		refslab_object_put(same);
		refslab_object_put(obj);
	}
	obj = refslab_fixture_int(test, 1);
	KUNIT_EXPECT_EQ(test, refslab_bytes_value(obj, &data, &len), -EPROTOTYPE);
	refslab_object_put(obj);
}

static void bytes_may_be_a_mebibyte(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	u8 *bytes = kvmalloc(REFSLAB_MAX_BYTES + 1, GFP_KERNEL);
	struct refslab_object *obj;
	const void *data;
	size_t len = 0;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	memset(bytes, 0xa5, REFSLAB_MAX_BYTES + 1);
	obj = refslab_bytes_new(heap, bytes, REFSLAB_MAX_BYTES + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	obj = refslab_bytes_new(heap, bytes, REFSLAB_MAX_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, refslab_bytes_value(obj, &data, &len), 0);
	KUNIT_EXPECT_EQ(test, len, REFSLAB_MAX_BYTES);
	KUNIT_EXPECT_EQ(test, memcmp(data, bytes, REFSLAB_MAX_BYTES), 0);
	refslab_object_put(obj);
	atomic_set(&heap->objects.mem.fail_at, 1);
	obj = refslab_bytes_new(heap, bytes, REFSLAB_MAX_BYTES, GFP_ATOMIC | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -ENOMEM);
	atomic_set(&heap->objects.mem.fail_at, 0);
	kvfree(bytes);
}

/* --- list ----------------------------------------------------------------------------------- */

static void lists_are_tracked_and_empty(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);

	KUNIT_EXPECT_EQ(test, refslab_table_len(list), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_bytes(list), 0);
	KUNIT_EXPECT_TRUE(test, refslab_object_tracked(list));
	KUNIT_EXPECT_TRUE(test, refslab_list_is(list));
	KUNIT_EXPECT_FALSE(test, refslab_list_is(atom));
	KUNIT_EXPECT_EQ(test, refslab_fixture_heap(test)->types.list_type->cache.limit, 80);
	refslab_object_put(atom);
	refslab_object_put(list);
}

static void a_reused_list_is_empty(struct kunit *test)
{
	struct refslab_object *atom = refslab_fixture_int(test, 1), *list, *again;
	int i;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	list = refslab_fixture_list(test);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, atom, GFP_KERNEL), 0);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	again = refslab_fixture_list(test);
	KUNIT_EXPECT_PTR_EQ(test, again, list);
	KUNIT_EXPECT_EQ(test, refslab_table_len(again), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_bytes(again), 0);
	refslab_object_put(again);
	refslab_object_put(atom);
}

static void a_list_that_holds_itself_is_collected(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);

	KUNIT_EXPECT_EQ(test, refslab_table_append(list, list, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, atom, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 2);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_object_put(atom);
}

static struct kunit_case types_cases[] = {
	KUNIT_CASE(ints_keep_their_value),
	KUNIT_CASE(only_ints_have_an_int_value),
	KUNIT_CASE(floats_keep_their_bits),
	KUNIT_CASE(bytes_keep_what_is_in_them),
	KUNIT_CASE(bytes_may_be_a_mebibyte),
	KUNIT_CASE(caches_are_as_in_python),
	KUNIT_CASE(lists_are_tracked_and_empty),
	KUNIT_CASE(a_reused_list_is_empty),
	KUNIT_CASE(a_list_that_holds_itself_is_collected),
	{ }
};

static struct kunit_suite types_suite = {
	.name = "refslab-types",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = types_cases,
};

kunit_test_suite(types_suite);
