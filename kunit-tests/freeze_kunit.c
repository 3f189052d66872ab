// SPDX-License-Identifier: GPL-2.0
/*
 * Freezing: what scans look at and what not, and that nothing else changes.
 */
#include "../kmod/refslab.h"
#include "fixture.h"

/* More than a pool's worth, so that there are pools on every list. */
#define MANY	300

static u64 frozen(struct kunit *test)
{
	return refslab_freeze_number(refslab_fixture_heap(test));
}

static long collect(struct kunit *test, int generation)
{
	return refslab_collect(refslab_fixture_heap(test), generation);
}

/* An object that refers to itself, and the caller's reference on it. */
static struct refslab_object *cycle(struct kunit *test, struct refslab_type *type)
{
	struct refslab_object *obj = refslab_fixture_object(test, type);

	KUNIT_ASSERT_EQ(test, refslab_link(obj, 0, obj), 0);
	return obj;
}

static struct refslab_object **make_room(struct kunit *test)
{
	struct refslab_object **obj = kunit_kcalloc(test, MANY, sizeof(*obj), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

/* One of each generation: young, middle, old, in this order. */
static void make_three(struct kunit *test, struct refslab_type *type,
		       struct refslab_object *three[3])
{
	three[2] = cycle(test, type);
	collect(test, 1);
	three[1] = cycle(test, type);
	collect(test, 0);
	three[0] = cycle(test, type);
}

static void expect_generation(struct kunit *test, struct refslab_object *const three[3],
			      const unsigned int generation[3])
{
	int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, refslab_generation_of(three[i]), generation[i]);
}

/* Garbage that was frozen stays; what was made since goes; unfrozen, the rest goes. */
static void scans_pass_over_what_is_frozen(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 10);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *three[3], *fresh;

	make_three(test, type, three);
	expect_generation(test, three, (const unsigned int[]) { 0, 1, 2 });
	KUNIT_EXPECT_EQ(test, frozen(test), 0);
	refslab_freeze(heap);
	expect_generation(test, three, (const unsigned int[]) { 3, 3, 3 });
	KUNIT_EXPECT_EQ(test, frozen(test), 3);
	refslab_fixture_check_held(test, three, 3);

	fresh = cycle(test, type);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(fresh), 0);
	refslab_put(fresh);
	refslab_put(three[0]);
	refslab_put(three[1]);
	refslab_put(three[2]);
	KUNIT_EXPECT_EQ(test, collect(test, 2), 1);
	KUNIT_EXPECT_EQ(test, heap->gc.last.visited, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 3);
	KUNIT_EXPECT_EQ(test, frozen(test), 3);
	refslab_fixture_check_held(test, NULL, 0);

	refslab_unfreeze(heap);
	KUNIT_EXPECT_EQ(test, frozen(test), 0);
	refslab_fixture_check_held(test, NULL, 0);
	KUNIT_EXPECT_EQ(test, collect(test, 1), 0);
	KUNIT_EXPECT_EQ(test, collect(test, 2), 3);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

/* What is frozen refers to the rest from outside: it keeps it, also when it is garbage itself. */
static void what_is_frozen_is_a_root(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 10);
	struct refslab_object *old = cycle(test, type), *fresh;
	struct refslab_heap *heap = refslab_fixture_heap(test);
	int i;

	refslab_freeze(heap);
	fresh = cycle(test, type);
	KUNIT_ASSERT_EQ(test, refslab_link(old, 1, fresh), 0);
	KUNIT_ASSERT_EQ(test, refslab_link(fresh, 1, old), 0);
	refslab_put(fresh);
	/* an unfiltered full scan and filtered ones: they follow references */
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, collect(test, 2), 0);
		KUNIT_EXPECT_EQ(test, refslab_generation_of(old), REFSLAB_GENERATION_FROZEN);
	}
	refslab_put(old);
	KUNIT_EXPECT_EQ(test, collect(test, 2), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 2);
	refslab_unfreeze(heap);
	KUNIT_EXPECT_EQ(test, collect(test, 2), 2);
}

/* The last reference destroys what is frozen; the block's next object is young. */
static void frozen_objects_die_as_ever(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 10);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *a = refslab_fixture_object(test, type), *b;

	collect(test, 2);
	refslab_freeze(heap);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	KUNIT_EXPECT_EQ(test, frozen(test), 0);
	b = cycle(test, type);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(b), 0);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, collect(test, 0), 1);
	refslab_unfreeze(heap);
}

/* Filtered full scans remember whom they judged: not beyond a freeze. */
static void judgements_are_forgotten(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 10);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object **obj = make_room(test);
	int i;

	for (i = 0; i < MANY; i++)
		obj[i] = cycle(test, type);
	collect(test, 2);
	collect(test, 2);
	KUNIT_EXPECT_EQ(test, heap->gc.last.skipped, MANY);
	refslab_freeze(heap);
	KUNIT_EXPECT_EQ(test, frozen(test), MANY);
	for (i = 0; i < MANY; i += 2)
		refslab_put(obj[i]);
	collect(test, 2);
	KUNIT_EXPECT_EQ(test, heap->gc.last.visited + heap->gc.last.skipped, 0);
	refslab_unfreeze(heap);
	KUNIT_EXPECT_EQ(test, collect(test, 2), MANY / 2);
	KUNIT_EXPECT_EQ(test, heap->gc.last.visited, MANY);
	for (i = 1; i < MANY; i += 2)
		refslab_put(obj[i]);
	KUNIT_EXPECT_EQ(test, collect(test, 2), MANY / 2);
}

static void expect_counts(struct kunit *test, u32 c0, u32 c1, u32 c2)
{
	u32 count[3];

	refslab_generation_get_counts(&refslab_fixture_heap(test)->gc, count);
	KUNIT_EXPECT_EQ(test, count[0], c0);
	KUNIT_EXPECT_EQ(test, count[1], c1);
	KUNIT_EXPECT_EQ(test, count[2], c2);
}

static void counts_begin_anew(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 10);
	struct refslab_gc *gc = &refslab_fixture_heap(test)->gc;
	struct refslab_object *three[3];
	int i;

	make_three(test, type, three);
	expect_counts(test, 1, 1, 1);
	refslab_freeze(refslab_fixture_heap(test));
	expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, gc->old_survivors, 0);
	KUNIT_EXPECT_EQ(test, gc->old_pending, 0);
	refslab_unfreeze(refslab_fixture_heap(test));
	/* the next automatic full scan has these to look at */
	KUNIT_EXPECT_EQ(test, gc->old_pending, 3);
	for (i = 0; i < 3; i++)
		refslab_put(three[i]);
	KUNIT_EXPECT_EQ(test, collect(test, 2), 3);
}

/* Pools on the lists of the young and the middle go off them, and come back with new objects. */
static void young_scans_visit_no_frozen_pool(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 0);
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object **obj = make_room(test), *fresh;
	int i;

	for (i = 0; i < MANY; i++) {
		obj[i] = cycle(test, type);
		if (i == MANY / 2)
			collect(test, 0);
	}
	KUNIT_EXPECT_FALSE(test, list_empty(&objects->pools[0]));
	KUNIT_EXPECT_FALSE(test, list_empty(&objects->pools[1]));
	refslab_freeze(refslab_fixture_heap(test));
	KUNIT_EXPECT_TRUE(test, list_empty(&objects->pools[0]));
	KUNIT_EXPECT_TRUE(test, list_empty(&objects->pools[1]));
	fresh = cycle(test, type);
	KUNIT_EXPECT_FALSE(test, list_empty(&objects->pools[0]));
	refslab_put(fresh);
	KUNIT_EXPECT_EQ(test, collect(test, 0), 1);
	refslab_unfreeze(refslab_fixture_heap(test));
	for (i = 0; i < MANY; i++)
		refslab_put(obj[i]);
	KUNIT_EXPECT_EQ(test, collect(test, 2), MANY);
}

/* Atoms and untracked containers are in no generation anyway. */
static void only_tracked_objects_count(struct kunit *test)
{
	const struct refslab_type_params params = {
		.name = "acyclic", .acyclic = true, .nr_slots = 1,
	};
	struct refslab_type *acyclic;
	struct refslab_object *obj[3];
	int i;

	acyclic = refslab_type_create(refslab_fixture_objects(test), &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, acyclic);
	obj[0] = refslab_fixture_int(test, 5000);
	obj[1] = refslab_fixture_object(test, acyclic);
	obj[2] = refslab_fixture_list(test);
	refslab_freeze(refslab_fixture_heap(test));
	KUNIT_EXPECT_EQ(test, frozen(test), 1);
	for (i = 0; i < 3; i++)
		refslab_put(obj[i]);
	KUNIT_EXPECT_EQ(test, frozen(test), 0);
	refslab_unfreeze(refslab_fixture_heap(test));
}

/* --- while others work ---------------------------------------------------------------------- */

struct race {
	struct kunit *test;
	struct refslab_type *type;
	atomic_t makers;
	unsigned int freezes;
};

static void make_garbage(struct race *race)
{
	void *obj;
	int i;

	for (i = 0; i < 50000; i++) {
		obj = refslab_alloc(race->type, GFP_KERNEL);
		if (obj)
			refslab_link(obj, 0, obj);
		refslab_put(obj);
		cond_resched();
	}
	atomic_dec(&race->makers);
}

/* The first freezes and thaws and scans until the others have made their garbage. */
static void freeze_or_make(unsigned int nr, void *arg)
{
	struct race *race = arg;
	struct refslab_heap *heap = refslab_fixture_heap(race->test);

	if (nr) {
		make_garbage(race);
		return;
	}
	do {
		refslab_freeze(heap);
		refslab_freeze_number(heap);
		refslab_collect(heap, race->freezes % 2);
		refslab_unfreeze(heap);
		refslab_collect(heap, race->freezes % 3);
		race->freezes++;
		cond_resched();
	} while (atomic_read(&race->makers) || race->freezes < 12);
}

static void nothing_is_lost_beside_allocations(struct kunit *test)
{
	struct race race = {
		.test = test,
		.type = refslab_fixture_type(test, "node", 2, 0, 10),
		.makers = ATOMIC_INIT(num_online_cpus() - 1),
	};

	refslab_fixture_on_cpus(test, freeze_or_make, &race);
	refslab_freeze(refslab_fixture_heap(test));
	refslab_fixture_check_held(test, NULL, 0);
	refslab_unfreeze(refslab_fixture_heap(test));
	refslab_fixture_check_held(test, NULL, 0);
	collect(test, 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(scans_pass_over_what_is_frozen),
	KUNIT_CASE(what_is_frozen_is_a_root),
	KUNIT_CASE(frozen_objects_die_as_ever),
	KUNIT_CASE(judgements_are_forgotten),
	KUNIT_CASE(counts_begin_anew),
	KUNIT_CASE(young_scans_visit_no_frozen_pool),
	KUNIT_CASE(only_tracked_objects_count),
	KUNIT_CASE(nothing_is_lost_beside_allocations),
	{}
};

static struct kunit_suite suite = {
	.name = "refslab-freeze",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
