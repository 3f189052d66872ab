// SPDX-License-Identifier: GPL-2.0
/*
 * Tuples: complete from the start, unchanged to the end, in caches of their own.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

static const u32 lengths[] = {
	1, 2, 7, 8, 9, 18, 19, 20, 21, 255, 256, 257, 511, 512, 513, 5000, REFSLAB_MAX_TUPLE,
};

/* An array for so many elements. */
static struct refslab_object **room_for(struct kunit *test, u32 len)
{
	struct refslab_object **elements = kvcalloc(len, sizeof(*elements), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, elements);
	return elements;
}

static struct refslab_object *tuple_of(struct kunit *test, struct refslab_object *const *elements,
				       u32 len)
{
	struct refslab_object *obj;

	obj = refslab_tuple_new(refslab_fixture_heap(test), elements, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	return obj;
}

/* Of so many times the same. */
static struct refslab_object *repeat(struct kunit *test, struct refslab_object *element, u32 len)
{
	struct refslab_object **elements = room_for(test, len), *obj;
	u32 i;

	for (i = 0; i < len; i++)
		elements[i] = element;
	obj = tuple_of(test, elements, len);
	kvfree(elements);
	return obj;
}

static void expect_elements(struct kunit *test, u32 len)
{
	struct refslab_object **elements = room_for(test, len), *obj, *element;
	struct refslab_heap *heap = refslab_fixture_heap(test);
	u32 i, wrong = 0;

	for (i = 0; i < len; i++)
		elements[i] = i == len / 2 ? refslab_fixture_list(test) :
					     refslab_fixture_int(test, i);
	obj = tuple_of(test, elements, len);
	KUNIT_EXPECT_EQ(test, refslab_tuple_len(obj), len);
	KUNIT_EXPECT_TRUE(test, refslab_tuple_is(obj));
	KUNIT_EXPECT_TRUE(test, refslab_object_tracked(obj));
	KUNIT_EXPECT_PTR_EQ(test, refslab_object_type(obj)->base, heap->types.tuple_type);
	for (i = 0; i < len; i++) {
		element = refslab_tuple_get(obj, i);
		wrong += element != elements[i] || refslab_fixture_count(element) != 3;
		refslab_object_put(element);
		refslab_object_put(elements[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_tuple_get(obj, len)), -ERANGE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_tuple_get(obj, U32_MAX)), -ERANGE);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	refslab_fixture_check_held(test, &obj, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), len + 1);
	refslab_object_put(obj);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	kvfree(elements);
}

static void tuples_have_their_elements(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		expect_elements(test, lengths[i]);
}

static void there_is_a_longest(struct kunit *test)
{
	struct refslab_object **elements = room_for(test, REFSLAB_MAX_TUPLE + 1), *obj;

	obj = refslab_tuple_new(refslab_fixture_heap(test), elements, REFSLAB_MAX_TUPLE + 1,
				GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	kvfree(elements);
}

/* Each length up to 19 has a type of its own, made when it is needed; the longer ones share one. */
static void lengths_do_not_mix(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *zero = refslab_int_new(heap, 0, GFP_KERNEL), *obj, *other;
	u32 len;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (len = 0; len <= REFSLAB_TUPLE_SLOTS; len++)
		KUNIT_EXPECT_NULL(test, heap->types.tuples[len]);
	for (len = 1; len <= 25; len++) {
		obj = repeat(test, zero, len);
		KUNIT_EXPECT_PTR_EQ(test, refslab_object_type(obj),
				    heap->types.tuples[len < 20 ? len : 0]);
		refslab_object_put(obj);
		/* no other gets its block, of its size or not, and the next of its kind does */
		other = len > 1 ? repeat(test, zero, len - 1) : refslab_fixture_list(test);
		if (len <= 20)
			KUNIT_EXPECT_PTR_NE(test, other, obj);
		refslab_object_put(other);
		other = repeat(test, zero, len);
		if (len < 20)
			KUNIT_EXPECT_PTR_EQ(test, other, obj);
		refslab_object_put(other);
	}
	KUNIT_EXPECT_STREQ(test, heap->types.tuples[7]->name, "tuple/7");
	KUNIT_EXPECT_STREQ(test, heap->types.tuples[0]->name, "tuple/20+");
	KUNIT_EXPECT_EQ(test, heap->types.tuples[0]->cache.limit, 0);
}

static void expect_undone(struct kunit *test, u32 len, u32 full)
{
	struct refslab_object **elements = room_for(test, len), *obj;
	struct refslab_heap *heap = refslab_fixture_heap(test);
	u32 i, wrong = 0;

	for (i = 0; i < len; i++)
		elements[i] = refslab_fixture_int(test, i);
	refslab_fixture_pretend(elements[full], REFSLAB_COUNT_MAX - 1);
	obj = refslab_tuple_new(heap, elements, len, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -EOVERFLOW);
	refslab_fixture_pretend(elements[full], -(s32)(REFSLAB_COUNT_MAX - 1));
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), len);
	for (i = 0; i < len; i++) {
		wrong += refslab_fixture_count(elements[i]) != 1;
		refslab_object_put(elements[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kvfree(elements);
}

static void an_element_with_too_many_references_undoes_all(struct kunit *test)
{
	expect_undone(test, 1, 0);
	expect_undone(test, 2, 1);
	expect_undone(test, 19, 10);
	expect_undone(test, 20, 19);
	expect_undone(test, 5000, 4321);
}

static void without_memory_nothing_is_left(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1), *obj;
	struct refslab_object **elements = room_for(test, 5000);
	static const u32 lens[] = { 600, 5000 };
	unsigned int i, at, failed;

	for (i = 0; i < 5000; i++)
		elements[i] = atom;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		/* with its type there */
		refslab_object_put(tuple_of(test, elements, lens[i]));
		refslab_heap_trim(heap);
		for (at = 1, failed = 0; ; at++) {
			atomic_set(&heap->objects.mem.fail_at, at);
			obj = refslab_tuple_new(heap, elements, lens[i],
						GFP_NOWAIT | __GFP_NOWARN);
			atomic_set(&heap->objects.mem.fail_at, 0);
			if (!IS_ERR(obj))
				break;
			KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -ENOMEM);
			KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
			KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
			refslab_heap_trim(heap);
			failed++;
		}
		KUNIT_EXPECT_GE(test, failed, 1);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1 + lens[i]);
		refslab_object_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_object_put(atom);
	/* now the heap is empty, and short ones need memory, too */
	refslab_heap_trim(heap);
	elements[0] = refslab_constants_tuple(heap);
	atomic_set(&heap->objects.mem.fail_at, 1);
	obj = refslab_tuple_new(heap, elements, 1, GFP_NOWAIT | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -ENOMEM);
	atomic_set(&heap->objects.mem.fail_at, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	refslab_object_put(elements[0]);
	kvfree(elements);
}

static int count_tuples(struct refslab_object *obj, void *arg)
{
	*(unsigned int *)arg += refslab_tuple_is(obj);
	return 0;
}

static unsigned int walk_tuples(struct kunit *test)
{
	unsigned int found = 0;
	u64 cursor = 0;

	refslab_walk(refslab_fixture_objects(test), &cursor, count_tuples, &found);
	return found;
}

/*
 * Nobody finds one that is not complete; a scan neither takes it for garbage nor what it holds,
 * though nothing else does.
 */
static void expect_hidden(struct kunit *test, u32 len)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj, *list;
	u32 i;

	obj = refslab_tuple_begin(heap, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	for (i = 0; i < len; i++) {
		list = refslab_fixture_list(test);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, list, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_tuple_put(obj, i, list, GFP_KERNEL), 0);
		refslab_object_put(list);
		if (!(i % 10))
			KUNIT_EXPECT_EQ(test, refslab_collect(heap, i % 3), 0);
	}
	KUNIT_EXPECT_EQ(test, walk_tuples(test), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	refslab_object_publish(obj, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, walk_tuples(test), 1);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	KUNIT_EXPECT_EQ(test, refslab_tuple_len(obj), len);
	refslab_object_put(obj);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), len);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void half_a_tuple_is_nobodys(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj, *list;

	expect_hidden(test, 3);
	expect_hidden(test, 19);
	expect_hidden(test, 40);
	expect_hidden(test, 700);
	/* given up */
	obj = refslab_tuple_begin(heap, 5, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	list = refslab_fixture_list(test);
	KUNIT_EXPECT_EQ(test, refslab_tuple_put(obj, 0, list, GFP_KERNEL), 0);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	refslab_object_cancel(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void cycles_through_tuples_are_found(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *list, *obj;
	static const u32 lens[] = { 1, 19, 300 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		list = refslab_fixture_list(test);
		obj = repeat(test, list, lens[i]);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), 0);
		refslab_object_put(list);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
		refslab_object_put(obj);
		KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 2);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2);
		KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	}
}

static void a_new_one_has_no_hash(struct kunit *test)
{
	struct refslab_object *atom = refslab_fixture_int(test, 1), *obj;
	unsigned int i;
	u32 hash;

	for (i = 0; i < 10; i++) {
		obj = repeat(test, atom, 20);
		KUNIT_ASSERT_NOT_NULL(test, refslab_tuple_hash(obj));
		KUNIT_EXPECT_EQ(test, *refslab_tuple_hash(obj), 0);
		KUNIT_EXPECT_EQ(test, refslab_key_hash(obj, &hash), 0);
		KUNIT_EXPECT_EQ(test, *refslab_tuple_hash(obj), hash);
		refslab_object_put(obj);
	}
	obj = repeat(test, atom, 19);
	KUNIT_EXPECT_NULL(test, refslab_tuple_hash(obj));
	refslab_object_put(obj);
	refslab_object_put(atom);
}

#define ROUNDS	2000

struct race {
	struct refslab_heap *heap;
	struct refslab_object *shared;
	atomic_t wrong;
};

/* Tuples of a list that all share, in cycles, while the first one scans. */
static void race(unsigned int nr, void *arg)
{
	struct refslab_object *elements[30], *obj, *element;
	struct race *race = arg;
	unsigned int i, j, len;

	for (i = 0; i < ROUNDS; i++) {
		len = 1 + i % ARRAY_SIZE(elements);
		for (j = 0; j < len; j++)
			elements[j] = race->shared;
		elements[0] = refslab_list_new(race->heap, GFP_KERNEL);
		if (!elements[0]) {
			atomic_inc(&race->wrong);
			break;
		}
		obj = refslab_tuple_new(race->heap, elements, len, GFP_KERNEL);
		if (IS_ERR(obj) || refslab_table_append(elements[0], obj, GFP_KERNEL))
			atomic_inc(&race->wrong);
		refslab_object_put(elements[0]);
		if (IS_ERR(obj))
			break;
		if (!nr && !(i % 50))
			refslab_collect(race->heap, i / 50 % 3);
		element = refslab_tuple_get(obj, len - 1);
		if (element != elements[len - 1])
			atomic_inc(&race->wrong);
		refslab_object_put(element);
		refslab_object_put(obj);
		cond_resched();
	}
}

static void scans_run_beside(struct kunit *test)
{
	struct race w = { .heap = refslab_fixture_heap(test) };

	w.shared = refslab_fixture_list(test);
	refslab_fixture_on_cpus(test, race, &w);
	refslab_collect(w.heap, 2);
	refslab_fixture_settle(w.heap);
	KUNIT_EXPECT_EQ(test, atomic_read(&w.wrong), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(w.shared), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(w.heap), 1);
	refslab_object_put(w.shared);
}

static struct kunit_case tuple_cases[] = {
	KUNIT_CASE(tuples_have_their_elements),
	KUNIT_CASE(there_is_a_longest),
	KUNIT_CASE(lengths_do_not_mix),
	KUNIT_CASE(an_element_with_too_many_references_undoes_all),
	KUNIT_CASE(without_memory_nothing_is_left),
	KUNIT_CASE(half_a_tuple_is_nobodys),
	KUNIT_CASE(cycles_through_tuples_are_found),
	KUNIT_CASE(a_new_one_has_no_hash),
	KUNIT_CASE(scans_run_beside),
	{ }
};

static struct kunit_suite tuple_suite = {
	.name = "refslab-tuple",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = tuple_cases,
};

kunit_test_suite(tuple_suite);
