// SPDX-License-Identifier: GPL-2.0
/*
 * Published roots, inside the kernel: references of the heap's own, for the checker, the collector
 * and the heap's end.
 */
#include "../kmod/refslab.h"
#include "fixture.h"

static int publish(struct refslab_heap *heap, const char *name, struct refslab_object *obj)
{
	return refslab_roots_publish(heap, name, strlen(name), obj, GFP_KERNEL);
}

static void a_root_is_a_reference(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 4);
	struct refslab_object *obj = refslab_fixture_object(test, type), *got;

	refslab_slot_set(obj, 0, obj);
	KUNIT_EXPECT_EQ(test, publish(heap, "pair", obj), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 3);
	refslab_fixture_check_held(test, &obj, 1);
	KUNIT_EXPECT_EQ(test, publish(heap, "pair", obj), -EEXIST);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 3);
	refslab_put(obj);
	/* a cycle that only the root refers to is no garbage */
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0L);
	refslab_fixture_check(test);
	got = refslab_roots_lookup(heap, "pair", 4);
	KUNIT_EXPECT_PTR_EQ(test, got, obj);
	KUNIT_EXPECT_PTR_EQ(test, refslab_roots_lookup(heap, "pai", 3), ERR_PTR(-ENODATA));
	refslab_put(got);
	KUNIT_EXPECT_EQ(test, refslab_roots_unpublish(heap, "pair", 4), 0);
	KUNIT_EXPECT_EQ(test, refslab_roots_unpublish(heap, "pair", 4), -ENODATA);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
}

static void a_full_count_is_no_root(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_type *type;
	struct refslab_object *obj;

	type = refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "pair", .nr_slots = 2,
	}, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(type));
	obj = refslab_object_alloc(type, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, publish(heap, "a", obj), 0);
	refslab_fixture_pretend(obj, REFSLAB_COUNT_MAX);
	KUNIT_EXPECT_EQ(test, publish(heap, "b", obj), -EOVERFLOW);
	KUNIT_EXPECT_PTR_EQ(test, refslab_roots_lookup(heap, "a", 1), ERR_PTR(-EOVERFLOW));
	KUNIT_EXPECT_EQ(test, heap->roots.nr, 1ULL);
	refslab_heap_put_sync(heap);
}

/* Roots are no obstacle: the fixture sees that nothing of the heap is left. */
static void the_heap_ends_with_its_roots(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_object *list;
	char name[16];
	int i;

	for (i = 0; i < 1000; i++) {
		list = refslab_list_new(heap, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(list));
		snprintf(name, sizeof(name), "r%d", i);
		KUNIT_ASSERT_EQ(test, publish(heap, name, list), 0);
		refslab_put(list);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1000ULL);
	refslab_heap_put_sync(heap);
}

static void expect_no_root(struct kunit *test, struct refslab_heap *heap,
			   struct refslab_object *obj)
{
	KUNIT_EXPECT_EQ(test, heap->roots.nr, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&heap->roots.by_name.nelems), 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&heap->roots.by_number));
	KUNIT_EXPECT_PTR_EQ(test, refslab_roots_lookup(heap, "name", 4), ERR_PTR(-ENODATA));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	refslab_fixture_check_held(test, &obj, 1);
}

/* Whatever there is no memory for, nothing is left of the root; and it can be tried again. */
static void without_memory_there_is_no_root(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj = refslab_fixture_list(test);
	unsigned int nth, max = heap->roots.by_name.max_elems;

	/* the root, its number */
	for (nth = 1; nth <= 2; nth++) {
		atomic_set(&heap->objects.mem.fail_at, nth);
		KUNIT_EXPECT_EQ(test, publish(heap, "name", obj), -ENOMEM);
		KUNIT_EXPECT_EQ(test, atomic_read(&heap->objects.mem.fail_at), 0);
		expect_no_root(test, heap, obj);
	}
	/* the table refuses what it cannot grow for */
	heap->roots.by_name.max_elems = 0;
	KUNIT_EXPECT_EQ(test, publish(heap, "name", obj), -ENOMEM);
	expect_no_root(test, heap, obj);
	heap->roots.by_name.max_elems = max;
	/* the number that was given back is the first one again */
	KUNIT_EXPECT_EQ(test, publish(heap, "name", obj), 0);
	KUNIT_EXPECT_NOT_NULL(test, xa_load(&heap->roots.by_number, 1));
	/* one that is there is no less there for a second that is not */
	heap->roots.by_name.max_elems = 1;
	KUNIT_EXPECT_EQ(test, publish(heap, "other", obj), -ENOMEM);
	KUNIT_EXPECT_EQ(test, publish(heap, "name", obj), -EEXIST);
	KUNIT_EXPECT_EQ(test, heap->roots.nr, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 2);
	heap->roots.by_name.max_elems = max;
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_roots_unpublish(heap, "name", 4), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static struct kunit_case roots_cases[] = {
	KUNIT_CASE(a_root_is_a_reference),
	KUNIT_CASE(a_full_count_is_no_root),
	KUNIT_CASE(the_heap_ends_with_its_roots),
	KUNIT_CASE(without_memory_there_is_no_root),
	{}
};

static struct kunit_suite roots_suite = {
	.name = "refslab-roots",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = roots_cases,
};

kunit_test_suite(roots_suite);
