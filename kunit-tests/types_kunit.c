// SPDX-License-Identifier: GPL-2.0
/*
 * The built-in types: int, str, list.
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
		obj = refslab_fixture_int(test, values[i]);
		value = ~values[i];
		KUNIT_EXPECT_EQ(test, refslab_int_value(obj, &value), 0);
		KUNIT_EXPECT_EQ(test, value, values[i]);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
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

/* --- str ------------------------------------------------------------------------------------ */

struct text {
	const char *bytes;
	size_t len;
};

#define TEXT(literal)	{ literal, sizeof(literal) - 1 }

static const struct text valid[] = {
	TEXT(""), TEXT("a"), TEXT("hello"), TEXT("\0"), TEXT("a\0b"), TEXT("\x7f"),
	/* first and last of each length */
	TEXT("\xc2\x80"), TEXT("\xdf\xbf"), TEXT("\xe0\xa0\x80"), TEXT("\xef\xbf\xbf"),
	TEXT("\xf0\x90\x80\x80"), TEXT("\xf4\x8f\xbf\xbf"),
	/* around the surrogates */
	TEXT("\xed\x9f\xbf"), TEXT("\xee\x80\x80"),
	TEXT("\xe1\x80\x80"), TEXT("\xec\xbf\xbf"), TEXT("\xf1\x80\x80\x80"),
	TEXT("\xf3\xbf\xbf\xbf"), TEXT("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x8d."),
};

static const struct text invalid[] = {
	/* never part of UTF-8 */
	TEXT("\xff"), TEXT("\xfe"), TEXT("\xf5\x80\x80\x80"), TEXT("\xf8\x88\x80\x80\x80"),
	/* continuation without a beginning */
	TEXT("\x80"), TEXT("\xbf"), TEXT("a\x80"),
	/* cut off */
	TEXT("\xc2"), TEXT("\xe2"), TEXT("\xe2\x82"), TEXT("\xf0"), TEXT("\xf0\x9f"),
	TEXT("\xf0\x9f\x90"), TEXT("abc\xe2\x82"),
	/* something else where a continuation belongs */
	TEXT("\xc2x"), TEXT("\xc2\xc2"), TEXT("\xe2x\x80"), TEXT("\xe2\x82x"),
	TEXT("\xf0\x9f\x90x"), TEXT("\xf0\x9fx\x80"), TEXT("\xe2\x82\xc0"),
	TEXT("\xc2\x7f"), TEXT("\xc2\0"),
	/* longer than need be */
	TEXT("\xc0\x80"), TEXT("\xc1\xbf"), TEXT("\xe0\x80\x80"), TEXT("\xe0\x9f\xbf"),
	TEXT("\xf0\x80\x80\x80"), TEXT("\xf0\x8f\xbf\xbf"),
	/* surrogates */
	TEXT("\xed\xa0\x80"), TEXT("\xed\xbf\xbf"), TEXT("\xed\xa0\xbd\xed\xb2\xa9"),
	/* beyond U+10FFFF */
	TEXT("\xf4\x90\x80\x80"), TEXT("\xf4\xbf\xbf\xbf"),
};

static void utf8_is_told_from_the_rest(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(valid); i++)
		KUNIT_EXPECT_TRUE_MSG(test, refslab_str_is_utf8(valid[i].bytes, valid[i].len),
				      "valid text %u: %*ph", i, (int)valid[i].len, valid[i].bytes);
	for (i = 0; i < ARRAY_SIZE(invalid); i++)
		KUNIT_EXPECT_FALSE_MSG(test, refslab_str_is_utf8(invalid[i].bytes, invalid[i].len),
				       "invalid text %u: %*ph", i, (int)invalid[i].len,
				       invalid[i].bytes);
}

static void strs_keep_their_text(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj;
	const char *text;
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(valid); i++) {
		obj = refslab_str_new(heap, valid[i].bytes, valid[i].len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, refslab_str_value(obj, &text, &len), 0);
		KUNIT_ASSERT_EQ(test, len, valid[i].len);
		KUNIT_EXPECT_EQ(test, memcmp(text, valid[i].bytes, len), 0);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		KUNIT_EXPECT_FALSE(test, refslab_object_tracked(obj));
		refslab_object_put(obj);
	}
}

static void bad_text_makes_no_str(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		obj = refslab_str_new(heap, invalid[i].bytes, invalid[i].len, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -EILSEQ);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void strs_may_be_a_mebibyte(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	char *bytes = kvmalloc(REFSLAB_MAX_STR + 1, GFP_KERNEL);
	struct refslab_object *obj;
	const char *text;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	memset(bytes, 'x', REFSLAB_MAX_STR + 1);
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	/* too long is told before ill-formed */
	bytes[5] = 0xff;
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	bytes[5] = 'y';
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR, GFP_KERNEL);
	if (IS_ERR(obj)) {
		KUNIT_FAIL(test, "the longest str: %ld", PTR_ERR(obj));
	} else {
		KUNIT_EXPECT_EQ(test, refslab_str_value(obj, &text, &len), 0);
		KUNIT_EXPECT_EQ(test, len, REFSLAB_MAX_STR);
		KUNIT_EXPECT_EQ(test, memcmp(text, bytes, len), 0);
		refslab_object_put(obj);
	}
	atomic_set(&heap->objects.mem.fail_at, 1);
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR, GFP_ATOMIC | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -ENOMEM);
	atomic_set(&heap->objects.mem.fail_at, 0);
	kvfree(bytes);
}

static void only_strs_have_text(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);
	const char *text = "untouched";
	size_t len = 9;

	KUNIT_EXPECT_EQ(test, refslab_str_value(list, &text, &len), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_str_value(atom, &text, &len), -EPROTOTYPE);
	KUNIT_EXPECT_STREQ(test, text, "untouched");
	KUNIT_EXPECT_EQ(test, len, 9);
	refslab_object_put(list);
	refslab_object_put(atom);
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
	KUNIT_CASE(utf8_is_told_from_the_rest),
	KUNIT_CASE(strs_keep_their_text),
	KUNIT_CASE(bad_text_makes_no_str),
	KUNIT_CASE(strs_may_be_a_mebibyte),
	KUNIT_CASE(only_strs_have_text),
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
