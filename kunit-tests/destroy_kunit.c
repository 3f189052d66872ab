// SPDX-License-Identifier: GPL-2.0
/*
 * Taking objects apart: any depth, any width, in bites.
 */
#include <linux/percpu.h>

#include "../kmod/refslab.h"
#include "fixture.h"

/* A chain by slot 0; returns its head, all else being referred to by the chain only. */
static struct refslab_object *make_chain(struct kunit *test, struct refslab_type *type, u32 n,
					 struct refslab_object *tail)
{
	struct refslab_object *head = tail, *obj;
	u32 i, failed = 0;

	for (i = 0; i < n; i++) {
		obj = refslab_fixture_object(test, type);
		failed += refslab_slot_set(obj, 0, head) != 0;
		refslab_put(head);
		head = obj;
	}
	KUNIT_ASSERT_EQ(test, failed, 0);
	return head;
}

static void a_chain_of_a_million_goes(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "link", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1), *head;
	const u32 n = 1000000;

	refslab_get(atom);
	head = make_chain(test, type, n, atom);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n + 1);
	refslab_put(head);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_put(atom);
}

static void put_destroys_a_bounded_number(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "link", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_fixture_worker worker;
	struct refslab_object *head;
	const u32 n = 30000;

	head = make_chain(test, type, n, NULL);
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_put(head);
	/* one for the object, one for its reference */
	KUNIT_EXPECT_EQ(test, refslab_fixture_freed(type), REFSLAB_DESTROY_BUDGET / 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n - REFSLAB_DESTROY_BUDGET / 2);
	refslab_fixture_worker_go(&worker);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void put_within_the_budget_leaves_nothing_to_do(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "link", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_fixture_worker worker;
	struct refslab_object *head;

	head = make_chain(test, type, REFSLAB_DESTROY_BUDGET / 2, NULL);
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_put(head);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	KUNIT_EXPECT_TRUE(test, llist_empty(&heap->objects.dead));
	refslab_fixture_worker_go(&worker);
}

static void a_wide_list_goes(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *list = refslab_fixture_list(test), *obj;
	struct refslab_fixture_worker worker;
	const u32 n = 100000;
	u32 i, failed = 0;

	for (i = 0; i < n; i++) {
		obj = refslab_fixture_int(test, i);
		failed += refslab_table_append(list, obj, GFP_KERNEL) != 0;
		refslab_object_put(obj);
	}
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n + 1);
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_object_put(list);
	/* most of it is past the budget of one put */
	KUNIT_EXPECT_GE(test, refslab_fixture_live(heap), n + 1 - REFSLAB_DESTROY_BUDGET);
	refslab_fixture_worker_go(&worker);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void shared_elements_survive(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *a = refslab_fixture_list(test), *b = refslab_fixture_list(test);
	struct refslab_object *twice = refslab_fixture_int(test, 1), *obj;
	const u32 n = 20000;
	u32 i, wrong = 0;
	s64 value;

	for (i = 0; i < n; i++) {
		obj = refslab_fixture_int(test, i);
		wrong += refslab_table_append(a, obj, GFP_KERNEL) != 0;
		wrong += refslab_table_append(b, obj, GFP_KERNEL) != 0;
		wrong += refslab_table_append(a, twice, GFP_KERNEL) != 0;
		refslab_object_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(twice), n + 1);
	refslab_object_put(a);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(twice), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n + 2);
	KUNIT_EXPECT_EQ(test, refslab_table_len(b), n);
	for (i = 0; i < n; i++) {
		obj = refslab_table_get(b, i);
		wrong += refslab_fixture_count(obj) != 2 || refslab_int_value(obj, &value) ||
			 value != i;
		refslab_object_put(obj);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	refslab_object_put(b);
	refslab_object_put(twice);
}

static void nested_lists_go(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *outer = refslab_fixture_list(test), *next;
	const u32 n = 20000;
	u32 i, failed = 0;

	/* list of (list of (... , int), int) */
	for (i = 0; i < n; i++) {
		struct refslab_object *atom = refslab_fixture_int(test, i);

		next = refslab_fixture_list(test);
		failed += refslab_table_append(next, outer, GFP_KERNEL) != 0;
		failed += refslab_table_append(next, atom, GFP_KERNEL) != 0;
		refslab_object_put(atom);
		refslab_object_put(outer);
		outer = next;
	}
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 2 * n + 1);
	refslab_object_put(outer);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

/* Slots of an object with many, all taken. */
static struct refslab_object *make_wide(struct kunit *test, u32 slots)
{
	struct refslab_type *type = refslab_fixture_type(test, "wide", slots, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type), *atom;
	u32 i;

	for (i = 0; i < slots; i++) {
		atom = refslab_fixture_int(test, i);
		KUNIT_ASSERT_EQ(test, refslab_slot_set(obj, i, atom), 0);
		refslab_object_put(atom);
	}
	return obj;
}

static u32 slots_taken(struct refslab_object *obj)
{
	u32 i, n = 0;

	for (i = 0; i < refslab_object_type(obj)->nr_slots; i++)
		n += !!refslab_object_slots(obj)[i];
	return n;
}

static void references_go_as_the_budget_allows(struct kunit *test)
{
	const u32 slots = 1000, budgets[] = { 0, 1, 10, 255, 256, 257, 100, 0, 1 };
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_dead dead = { };
	struct refslab_object *obj = make_wide(test, slots);
	u32 left = slots, budget;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		budget = budgets[i];
		KUNIT_EXPECT_FALSE(test, refslab_destroy_references(obj, &dead, &budget));
		KUNIT_EXPECT_EQ(test, budget, 0);
		left -= budgets[i];
		KUNIT_EXPECT_EQ(test, slots_taken(obj), left);
	}
	/* exactly enough is enough */
	budget = left;
	KUNIT_EXPECT_TRUE(test, refslab_destroy_references(obj, &dead, &budget));
	KUNIT_EXPECT_EQ(test, budget, 0);
	KUNIT_EXPECT_EQ(test, slots_taken(obj), 0);
	/* what is empty needs none */
	KUNIT_EXPECT_TRUE(test, refslab_destroy_references(obj, &dead, &budget));
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), slots + 1);
	refslab_destroy_all(objects, &dead);
	KUNIT_EXPECT_NULL(test, dead.first);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 1);
	refslab_object_put(obj);
}

static void table_references_go_as_the_budget_allows(struct kunit *test)
{
	const u32 n = 1000, budgets[] = { 0, 1, 10, 255, 256, 257, 0 };
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object *list = refslab_fixture_list(test), *obj;
	struct refslab_dead dead = { };
	u32 left = n, budget;
	unsigned int i;

	for (i = 0; i < n; i++) {
		obj = refslab_fixture_int(test, i);
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), 0);
		refslab_object_put(obj);
	}
	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		budget = budgets[i];
		KUNIT_EXPECT_FALSE(test, refslab_destroy_references(list, &dead, &budget));
		KUNIT_EXPECT_EQ(test, budget, 0);
		left -= budgets[i];
		KUNIT_EXPECT_EQ(test, refslab_table_len(list), left);
	}
	budget = left + 5;
	KUNIT_EXPECT_TRUE(test, refslab_destroy_references(list, &dead, &budget));
	KUNIT_EXPECT_EQ(test, budget, 5);
	KUNIT_EXPECT_EQ(test, refslab_table_bytes(list), 0);
	refslab_destroy_all(objects, &dead);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

/* From nothing to more than enough, nothing is lost or destroyed twice. */
static void any_budget_hands_the_rest_over(struct kunit *test)
{
	const u32 budgets[] = {
		0, 1, 2, 3, 4, 19, 20, 21, 22, 23, 24, 25, 41, 60, 61, 79, 80, 81, 82, 1000
	};
	const u32 slots = 20;
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_fixture_type(test, "wide", slots, 0, 0);
	struct refslab_type *link = refslab_fixture_type(test, "link", 1, 0, 0);
	struct refslab_fixture_worker worker;
	struct refslab_object *obj, *target;
	struct refslab_dead dead;
	u32 budget, b, i, all;

	for (b = 0; b < ARRAY_SIZE(budgets); b++) {
		budget = budgets[b];
		obj = refslab_fixture_object(test, type);
		for (i = 0; i < slots; i++) {
			target = make_chain(test, link, 2, NULL);
			KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, i, target), 0);
			refslab_put(target);
		}
		all = refslab_fixture_live(heap);
		KUNIT_EXPECT_EQ(test, all, 2 * slots + 1);
		refslab_fixture_worker_stop(test, &worker, heap);
		KUNIT_ASSERT_TRUE(test, refslab_word_put(&obj->word));
		dead = (struct refslab_dead){ };
		refslab_destroy_add(&dead, obj);
		refslab_destroy_run(objects, &dead, budget);
		KUNIT_EXPECT_NULL(test, dead.first);
		/* an object costs one, so does a reference: 81 in all */
		KUNIT_EXPECT_GE(test, refslab_fixture_live(heap) + budget, all);
		KUNIT_EXPECT_EQ(test, !refslab_fixture_live(heap), budget >= 81);
		refslab_fixture_worker_go(&worker);
		KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
	}
}

/* --- release() ------------------------------------------------------------------------------ */

static int deepest, releases, left;

/* The worker may begin with the next on another CPU before this one is done. */
static DEFINE_PER_CPU(int, depth);

/* The payload is a counted reference that only release() knows of. */
static void release_next(void *obj)
{
	void **next = refslab_payload(obj);

	deepest = max(deepest, __this_cpu_inc_return(depth));
	releases++;
	refslab_put(*next);
	*next = NULL;
	__this_cpu_dec(depth);
}

static const struct refslab_type_ops nesting_ops = {
	.name = "nesting",
	.payload = sizeof(void *),
	.release = release_next,
};

static void release_that_puts_does_not_nest(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_type_register(heap, &nesting_ops);
	struct refslab_object *head = NULL, *obj;
	const int n = 20000;
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	deepest = 0;
	releases = 0;
	for (i = 0; i < n; i++) {
		obj = refslab_fixture_object(test, type);
		*(void **)refslab_payload(obj) = head;
		head = obj;
	}
	refslab_put(head);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, releases, n);
	KUNIT_EXPECT_EQ(test, deepest, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void check_gone(void *obj)
{
	struct refslab_type *type = refslab_object_type(obj);
	u32 i;

	releases++;
	for (i = 0; i < type->nr_slots; i++)
		left += !!refslab_object_slots(obj)[i];
}

static const struct refslab_type_ops checking_ops = {
	.name = "checking",
	.nr_slots = 600,
	.release = check_gone,
};

/* Nothing is destroyed, and no lock of the pools taken, where an interrupt could wait for it. */
static void put_with_interrupts_off_leaves_it_to_the_worker(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_fixture_type(test, "node", 1, 0, 0);
	struct refslab_object *obj[2];
	u64 freed = refslab_fixture_freed(type);
	unsigned long flags;

	obj[0] = refslab_fixture_object(test, type);
	obj[1] = refslab_fixture_object(test, type);
	local_irq_save(flags);
	refslab_object_put(obj[0]);
	local_irq_restore(flags);
	local_bh_disable();
	refslab_object_put(obj[1]);
	local_bh_enable();
	refslab_destroy_settle(&heap->objects);
	KUNIT_EXPECT_EQ(test, refslab_fixture_freed(type), freed + 2);
}

static void release_runs_once_and_after_the_references_went(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_objects *objects = &heap->objects;
	struct refslab_type *type = refslab_type_register(heap, &checking_ops);
	struct refslab_object *obj, *atom = refslab_fixture_int(test, 1);
	struct refslab_fixture_worker worker;
	struct refslab_dead dead = { };
	u32 i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	releases = 0;
	left = 0;
	obj = refslab_fixture_object(test, type);
	for (i = 0; i < 600; i++)
		KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, i, atom), 0);
	refslab_fixture_worker_stop(test, &worker, heap);
	KUNIT_ASSERT_TRUE(test, refslab_word_put(&obj->word));
	refslab_destroy_add(&dead, obj);
	refslab_destroy_run(objects, &dead, 300);
	KUNIT_EXPECT_EQ(test, releases, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 301);
	refslab_fixture_worker_go(&worker);
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_EQ(test, left, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_put(atom);
}

/* What waits for the worker keeps nothing alive when somebody collects. */
static void collect_does_not_wait_in_vain(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_fixture_worker worker;
	struct refslab_object *obj, *first;
	unsigned int i;

	/* a chain past the budget, with a cycle at its end */
	first = refslab_fixture_object(test, type);
	KUNIT_ASSERT_EQ(test, refslab_slot_set(first, 0, first), 0);
	for (i = 0; i < 2 * REFSLAB_DESTROY_BUDGET; i++) {
		obj = refslab_fixture_object(test, type);
		KUNIT_ASSERT_EQ(test, refslab_slot_set(obj, 0, first), 0);
		refslab_object_put(first);
		first = obj;
	}
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_object_put(first);
	KUNIT_EXPECT_FALSE(test, llist_empty(&heap->objects.dead));
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
	refslab_fixture_worker_go(&worker);
}

static unsigned int ended;

static void end_release(void *obj)
{
	ended++;
}

/*
 * What has as many references as an object may have goes with its heap as all else does. kmemleak,
 * and the warnings of what ends with the heap, tell of anything left.
 */
static void a_heap_ends_with_too_many_references(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	const struct refslab_type_params mapped = {
		.name = "mapped", .flags = REFSLAB_TYPE_USER | REFSLAB_TYPE_PAGES, .body = 1,
	};
	struct refslab_object *obj[4];
	struct refslab_type *type;
	unsigned int i;

	type = refslab_type_register(heap, &(struct refslab_type_ops) {
		.name = "end", .nr_slots = 1, .release = end_release,
	});
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	obj[0] = refslab_object_alloc(type, GFP_KERNEL);
	obj[1] = refslab_list_new(heap, GFP_KERNEL);
	obj[2] = refslab_str_new(heap, "name", 4, GFP_KERNEL);
	type = refslab_type_create(&heap->objects, &mapped, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	obj[3] = refslab_object_alloc_pages(type, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(obj); i++)
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj[i]);
	/* so long that the table is a block of its own */
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, refslab_table_append(obj[1], obj[0], GFP_KERNEL), 0);
	for (i = 0; i < ARRAY_SIZE(obj); i++)
		refslab_fixture_pretend(obj[i], REFSLAB_COUNT_MAX - refslab_fixture_count(obj[i]));
	ended = 0;
	refslab_heap_put_sync(heap);
	KUNIT_EXPECT_EQ(test, ended, 1);
}

static struct kunit_case destroy_cases[] = {
	KUNIT_CASE(a_chain_of_a_million_goes),
	KUNIT_CASE(put_destroys_a_bounded_number),
	KUNIT_CASE(put_within_the_budget_leaves_nothing_to_do),
	KUNIT_CASE(a_wide_list_goes),
	KUNIT_CASE(shared_elements_survive),
	KUNIT_CASE(nested_lists_go),
	KUNIT_CASE(references_go_as_the_budget_allows),
	KUNIT_CASE(table_references_go_as_the_budget_allows),
	KUNIT_CASE(any_budget_hands_the_rest_over),
	KUNIT_CASE(release_that_puts_does_not_nest),
	KUNIT_CASE(put_with_interrupts_off_leaves_it_to_the_worker),
	KUNIT_CASE(release_runs_once_and_after_the_references_went),
	KUNIT_CASE(collect_does_not_wait_in_vain),
	KUNIT_CASE(a_heap_ends_with_too_many_references),
	{ }
};

static struct kunit_suite destroy_suite = {
	.name = "refslab-destroy",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = destroy_cases,
};

kunit_test_suite(destroy_suite);
