// SPDX-License-Identifier: GPL-2.0
/*
 * Objects by id.
 */
#include "../kmod/refslab.h"
#include "fixture.h"

static void published_objects_are_found(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 4);
	struct refslab_type *big = refslab_fixture_type(test, "big", 1, 3000, 0);
	struct refslab_object *obj[3] = {
		refslab_fixture_object(test, type), refslab_fixture_object(test, big),
		refslab_fixture_int(test, 12345),
	};
	struct refslab_object *got;
	unsigned int i;
	u64 id[3];

	for (i = 0; i < 3; i++) {
		id[i] = obj[i]->id;
		KUNIT_EXPECT_NULL(test, refslab_ident_get(objects, id[i]));
		KUNIT_EXPECT_EQ(test, refslab_ident_publish(obj[i], GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_ident_publish(obj[i], GFP_KERNEL), 0);
		got = refslab_ident_get(objects, id[i]);
		KUNIT_EXPECT_PTR_EQ(test, got, obj[i]);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[i]), 2);
		refslab_put(got);
	}
	KUNIT_EXPECT_NULL(test, refslab_ident_get(objects, 0));
	KUNIT_EXPECT_NULL(test, refslab_ident_get(objects, U64_MAX));
	for (i = 0; i < 3; i++)
		refslab_put(obj[i]);
	/* the pair's block has another object already */
	obj[0] = refslab_fixture_object(test, type);
	refslab_heap_trim(refslab_fixture_heap(test));
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_NULL(test, refslab_ident_get(objects, id[i]));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[0]), 1);
	refslab_put(obj[0]);
}

static void garbage_is_not_found(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type), *got;
	u64 id = obj->id;

	refslab_slot_set(obj, 0, obj);
	KUNIT_EXPECT_EQ(test, refslab_ident_publish(obj, GFP_KERNEL), 0);
	refslab_put(obj);
	/* garbage nobody has found yet may be brought back */
	got = refslab_ident_get(objects, id);
	KUNIT_EXPECT_PTR_EQ(test, got, obj);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 0L);
	refslab_put(got);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 1L);
	KUNIT_EXPECT_NULL(test, refslab_ident_get(objects, id));
}

/* Those that died do not pile up, and those that live stay. */
static void the_dead_are_forgotten(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *keep[100], *obj;
	u64 most = 0;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		keep[i] = refslab_fixture_object(test, type);
		KUNIT_ASSERT_EQ(test, refslab_ident_publish(keep[i], GFP_KERNEL), 0);
	}
	for (i = 0; i < 20000; i++) {
		obj = refslab_fixture_object(test, type);
		KUNIT_ASSERT_EQ(test, refslab_ident_publish(obj, GFP_KERNEL), 0);
		refslab_put(obj);
		most = max(most, objects->idents_nr);
	}
	KUNIT_EXPECT_LT(test, most, 4000ULL);
	for (i = 0; i < 100; i++) {
		obj = refslab_ident_get(objects, keep[i]->id);
		KUNIT_EXPECT_PTR_EQ(test, obj, keep[i]);
		refslab_put(obj);
		refslab_put(keep[i]);
	}
}

static struct kunit_case ident_cases[] = {
	KUNIT_CASE(published_objects_are_found),
	KUNIT_CASE(garbage_is_not_found),
	KUNIT_CASE(the_dead_are_forgotten),
	{}
};

static struct kunit_suite ident_suite = {
	.name = "refslab-ident",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = ident_cases,
};

kunit_test_suite(ident_suite);
