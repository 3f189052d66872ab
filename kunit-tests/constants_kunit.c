// SPDX-License-Identifier: GPL-2.0
/*
 * Constants: there from the beginning, the same for everybody, and nobody's to count.
 */
#include <linux/err.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "fixture.h"

#define INTS		262
#define CONSTANTS	(INTS + 256 + 3)

/* All there are, with a reference on each, in the order of their ids. */
static struct refslab_object **all_of(struct kunit *test)
{
	struct refslab_object **all = kunit_kcalloc(test, CONSTANTS, sizeof(*all), GFP_KERNEL);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	unsigned int n = 0;
	char utf8[2];
	int i;

	KUNIT_ASSERT_NOT_NULL(test, all);
	for (i = -5; i <= 256; i++)
		all[n++] = refslab_int_new(heap, i, GFP_KERNEL);
	for (i = 0; i < 256; i++) {
		utf8[0] = i < 128 ? i : 0xc0 | i >> 6;
		utf8[1] = 0x80 | (i & 0x3f);
		all[n++] = refslab_str_new(heap, utf8, i < 128 ? 1 : 2, GFP_KERNEL);
	}
	all[n++] = refslab_str_new(heap, "", 0, GFP_KERNEL);
	all[n++] = refslab_bytes_new(heap, "", 0, GFP_KERNEL);
	all[n++] = refslab_tuple_new(heap, NULL, 0, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, n, CONSTANTS);
	return all;
}

static void put_all(struct refslab_object **all)
{
	unsigned int i;

	for (i = 0; i < CONSTANTS; i++)
		refslab_object_put(all[i]);
}

static void equal_ones_are_the_same(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object **all = all_of(test), **again = all_of(test);
	unsigned int i;

	for (i = 0; i < CONSTANTS; i++) {
		KUNIT_EXPECT_PTR_EQ(test, all[i], again[i]);
		KUNIT_EXPECT_TRUE(test, refslab_constant_is(objects, all[i]));
		KUNIT_EXPECT_EQ(test, all[i]->id, all[0]->id + i);
		if (i)
			KUNIT_EXPECT_PTR_NE(test, all[i], all[i - 1]);
	}
	put_all(all);
	put_all(again);
}

static void they_have_their_values(struct kunit *test)
{
	struct refslab_object **all = all_of(test);
	const void *data = NULL;
	unsigned int i;
	char utf8[4];
	size_t len;
	s64 value;
	u32 at;

	for (i = 0; i < INTS; i++) {
		KUNIT_EXPECT_EQ(test, refslab_int_value(all[i], &value), 0);
		KUNIT_EXPECT_EQ(test, value, (s64)i - 5);
	}
	for (i = 0; i < 256; i++) {
		at = 0;
		len = refslab_str_utf8(all[INTS + i], &at, utf8, sizeof(utf8));
		KUNIT_EXPECT_EQ(test, refslab_str_len(all[INTS + i]), 1);
		KUNIT_EXPECT_EQ(test, refslab_str_width(all[INTS + i]), 1);
		KUNIT_EXPECT_EQ(test, len, i < 128 ? 1 : 2);
		KUNIT_EXPECT_EQ(test, i < 128 ? utf8[0] : (utf8[0] & 3) << 6 | (utf8[1] & 0x3f), i);
	}
	KUNIT_EXPECT_EQ(test, refslab_str_len(all[INTS + 256]), 0);
	KUNIT_EXPECT_EQ(test, refslab_bytes_value(all[INTS + 257], &data, &len), 0);
	KUNIT_EXPECT_EQ(test, len, 0);
	KUNIT_EXPECT_TRUE(test, refslab_tuple_is(all[INTS + 258]));
	KUNIT_EXPECT_EQ(test, refslab_tuple_len(all[INTS + 258]), 0);
	put_all(all);
}

static void their_neighbours_are_none(struct kunit *test)
{
	static const char *const texts[] = { "ab", "-", "\xc4\x80" };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj[5];
	unsigned int i;

	obj[0] = refslab_int_new(heap, -6, GFP_KERNEL);
	obj[1] = refslab_int_new(heap, 257, GFP_KERNEL);
	obj[2] = refslab_str_new(heap, texts[0], 2, GFP_KERNEL);
	obj[3] = refslab_str_new(heap, texts[2], 2, GFP_KERNEL);
	obj[4] = refslab_bytes_new(heap, texts[1], 1, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(obj); i++) {
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj[i]);
		KUNIT_EXPECT_FALSE(test, refslab_constant_is(&heap->objects, obj[i]));
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[i]), 1);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), ARRAY_SIZE(obj));
	for (i = 0; i < ARRAY_SIZE(obj); i++)
		refslab_object_put(obj[i]);
}

/* Not by any number of puts: more than there are references that can be told. */
static void they_do_not_die(struct kunit *test)
{
	struct refslab_object *obj = refslab_int_new(refslab_fixture_heap(test), 7, GFP_KERNEL);
	s64 value = 0;
	int i;

	for (i = 0; i < 1000; i++)
		refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_word_told(refslab_word_read(&obj->word), 1), U32_MAX);
	refslab_fixture_pretend(obj, -(s32)(REFSLAB_COUNT_MAX / 2));
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), REFSLAB_COUNT_FIXED);
	refslab_fixture_pretend(obj, REFSLAB_COUNT_MAX / 2);
	refslab_object_put(refslab_int_new(refslab_fixture_heap(test), 7, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, refslab_word_try_get(&obj->word));
	KUNIT_EXPECT_EQ(test, refslab_object_upgrade(obj), REFSLAB_UPGRADE_DONE);
	KUNIT_EXPECT_EQ(test, refslab_int_value(obj, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 7);
}

static int count_one(struct refslab_object *obj, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static void nobody_counts_them(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object **all = all_of(test);
	unsigned int walked = 0;
	struct refslab_stat stat;
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, refslab_walk(&heap->objects, &cursor, count_one, &walked), 0);
	KUNIT_EXPECT_EQ(test, walked, 0);
	refslab_heap_stat(heap, &stat);
	KUNIT_EXPECT_EQ(test, stat.objects, 0);
	KUNIT_EXPECT_EQ(test, stat.bytes_used, 0);
	KUNIT_EXPECT_EQ(test, stat.bytes_reserved, 0);
	KUNIT_EXPECT_EQ(test, stat.arenas, 0);
	KUNIT_EXPECT_EQ(test, stat.large, 0);
	KUNIT_EXPECT_FALSE(test, refslab_object_tracked(all[CONSTANTS - 1]));
	KUNIT_EXPECT_EQ(test, refslab_object_bytes(all[0]), 40);
	put_all(all);
}

static void ids_find_them(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object **all = all_of(test), *found;
	u64 first = all[0]->id, last = all[CONSTANTS - 1]->id;
	unsigned int i;

	for (i = 0; i < CONSTANTS; i++) {
		found = refslab_ident_get(objects, all[i]->id);
		KUNIT_EXPECT_PTR_EQ(test, found, all[i]);
		KUNIT_EXPECT_EQ(test, refslab_ident_publish(all[i], GFP_KERNEL), 0);
	}
	KUNIT_EXPECT_EQ(test, objects->idents_nr, 0);
	KUNIT_EXPECT_PTR_EQ(test, refslab_ident_get(objects, first - 1), NULL);
	KUNIT_EXPECT_PTR_EQ(test, refslab_ident_get(objects, last + 1), NULL);
	for (i = 0; i < 1000; i++) {
		found = refslab_fixture_int(test, i);
		KUNIT_EXPECT_TRUE(test, found->id < first || found->id > last);
		refslab_object_put(found);
	}
	put_all(all);
}

/* However many objects there have been, none has an id of theirs. */
static void their_ids_are_theirs(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object *obj;
	u64 id = 0, last = 0;
	unsigned int i;

	atomic64_set(&objects->next_id, REFSLAB_CONSTANT_ID - 1000);
	for (i = 0; i < 10000 && last < REFSLAB_CONSTANT_ID + 2000; i++) {
		obj = refslab_fixture_int(test, 1000);
		id = obj->id;
		refslab_object_put(obj);
		KUNIT_EXPECT_TRUE(test, id < REFSLAB_CONSTANT_ID ||
				  id >= REFSLAB_CONSTANT_ID + REFSLAB_CONSTANTS_MAX);
		last = max(last, id);
	}
	KUNIT_EXPECT_GT(test, last, REFSLAB_CONSTANT_ID + 2000 - 1);
}

/* A list with all of them, and itself. */
static struct refslab_object *list_of(struct kunit *test, struct refslab_object **all)
{
	struct refslab_object *list = refslab_fixture_list(test);
	unsigned int i;

	for (i = 0; i < CONSTANTS; i++)
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, all[i], GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, list, GFP_KERNEL), 0);
	return list;
}

static void scans_pass_them_by(struct kunit *test)
{
	struct refslab_object **all = all_of(test), *lists[16], *garbage;
	struct refslab_heap *heap = refslab_fixture_heap(test);
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		lists[i] = list_of(test, all);
	/* from the second full scan on, what was not touched is left out, and found again */
	for (round = 0; round < 3; round++) {
		garbage = list_of(test, all);
		KUNIT_EXPECT_EQ(test, refslab_table_append(garbage, lists[round], GFP_KERNEL), 0);
		refslab_object_put(garbage);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, round), 1);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	}
	refslab_fixture_check_held(test, lists, ARRAY_SIZE(lists));
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		refslab_object_put(lists[i]);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), ARRAY_SIZE(lists));
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	for (i = 0; i < CONSTANTS; i++)
		KUNIT_EXPECT_FALSE(test, refslab_word_read(&all[i]->word) &
					 (REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD));
	put_all(all);
}

static int note(struct refslab_object *obj, void *arg)
{
	*(struct refslab_object **)arg = obj;
	return 0;
}

static void references_lead_to_them(struct kunit *test)
{
	struct refslab_object **all = all_of(test), *list = list_of(test, all), *to[8], *owner;
	unsigned int i, n, seen = 0;
	u64 cursor = 0;

	do {
		n = refslab_referents_take(list, &cursor, to, ARRAY_SIZE(to));
		for (i = 0; i < n; i++, seen++) {
			KUNIT_EXPECT_PTR_EQ(test, to[i], seen < CONSTANTS ? all[seen] : list);
			refslab_object_put(to[i]);
		}
	} while (cursor);
	KUNIT_EXPECT_EQ(test, seen, CONSTANTS + 1);
	for (i = 0; i < CONSTANTS; i += 52) {
		owner = NULL;
		KUNIT_EXPECT_EQ(test, refslab_referents_search(all[i], &cursor, U64_MAX, note,
							       &owner), 0);
		KUNIT_EXPECT_PTR_EQ(test, owner, list);
	}
	KUNIT_EXPECT_EQ(test, refslab_referents_take(all[CONSTANTS - 1], &cursor, to, 1), 0);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 1);
	put_all(all);
}

static void each_heap_has_its_own(struct kunit *test)
{
	struct refslab_heap *other = refslab_fixture_extra_heap(test);
	struct refslab_object *here, *there;

	here = refslab_int_new(refslab_fixture_heap(test), 0, GFP_KERNEL);
	there = refslab_int_new(other, 0, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, here, there);
	KUNIT_EXPECT_FALSE(test, refslab_constant_is(refslab_fixture_objects(test), there));
	refslab_heap_put_sync(other);
}

static struct kunit_case constants_cases[] = {
	KUNIT_CASE(equal_ones_are_the_same),
	KUNIT_CASE(they_have_their_values),
	KUNIT_CASE(their_neighbours_are_none),
	KUNIT_CASE(they_do_not_die),
	KUNIT_CASE(nobody_counts_them),
	KUNIT_CASE(ids_find_them),
	KUNIT_CASE(their_ids_are_theirs),
	KUNIT_CASE(scans_pass_them_by),
	KUNIT_CASE(references_lead_to_them),
	KUNIT_CASE(each_heap_has_its_own),
	{ }
};

static struct kunit_suite constants_suite = {
	.name = "refslab-constants",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = constants_cases,
};

kunit_test_suite(constants_suite);
