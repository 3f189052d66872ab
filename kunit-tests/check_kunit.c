// SPDX-License-Identifier: GPL-2.0
/*
 * The checker of a heap's invariants: each kind of damage, alone, is found; and a sound heap is not
 * called damaged.
 */
#include <linux/string.h>

#include "../kmod/dev/dev.h"
#include "../kmod/inspect/inspect.h"
#include "fixture.h"

/**
 * struct check_world - a heap with a bit of everything, in which the test holds @node and @list
 * @type:	type of @node and @leaf
 * @node:	refers to @leaf and to itself
 * @leaf:	held by @node and @list
 * @list:	refers to @node, @leaf and an int
 * @held:	what the test holds
 */
struct check_world {
	struct refslab_type *type;
	struct refslab_object *node;
	struct refslab_object *leaf;
	struct refslab_object *list;
	struct refslab_object *held[2];
};

static void world_make(struct kunit *test, struct check_world *w)
{
	struct refslab_object *number = refslab_fixture_int(test, 1);

	refslab_fixture_pin(test, 0);
	w->type = refslab_fixture_type(test, "node", 2, 0, 8);
	w->node = refslab_fixture_object(test, w->type);
	w->leaf = refslab_fixture_object(test, w->type);
	w->list = refslab_fixture_list(test);
	KUNIT_ASSERT_EQ(test, refslab_slot_set(w->node, 0, w->leaf), 0);
	KUNIT_ASSERT_EQ(test, refslab_slot_set(w->node, 1, w->node), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(w->list, w->node, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(w->list, w->leaf, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(w->list, number, GFP_KERNEL), 0);
	refslab_object_put(number);
	refslab_object_put(w->leaf);
	w->held[0] = w->node;
	w->held[1] = w->list;
	refslab_fixture_check_held(test, w->held, 2);
}

static void world_end(struct kunit *test, struct check_world *w)
{
	refslab_fixture_check_held(test, w->held, 2);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(w->node, 1, NULL), 0);
	refslab_object_put(w->node);
	refslab_object_put(w->list);
}

static void expect_found(struct kunit *test, struct check_world *w, const char *what)
{
	char why[160];

	KUNIT_EXPECT_EQ_MSG(test, refslab_check_heap(refslab_fixture_heap(test), w->held, 2, why,
						     sizeof(why)), -EUCLEAN, "%s", what);
	KUNIT_EXPECT_GT_MSG(test, strlen(why), 0, "%s", what);
}

#define EXPECT_FOUND(lvalue, wrong) do {			\
	typeof(lvalue) *__place = &(lvalue);			\
	typeof(lvalue) __right = *__place;			\
								\
	*__place = wrong;					\
	expect_found(test, &w, #lvalue " = " #wrong);		\
	*__place = __right;					\
} while (0)

/* The same for a word or a counter, by adding @n to it. */
#define EXPECT_FOUND_ADDED(atomic, n) do {			\
	atomic64_add(n, atomic);				\
	expect_found(test, &w, #atomic " + " #n);		\
	atomic64_sub(n, atomic);				\
} while (0)

static void check_counts(struct kunit *test)
{
	struct check_world w;

	world_make(test, &w);
	EXPECT_FOUND_ADDED(&w.node->word, 1);
	EXPECT_FOUND_ADDED(&w.node->word, -1);
	EXPECT_FOUND_ADDED(&w.leaf->word, 1);
	EXPECT_FOUND_ADDED(&w.leaf->word, -1);
	/* alive for its holders, dead by its count */
	EXPECT_FOUND_ADDED(&w.leaf->word, -2);
	EXPECT_FOUND_ADDED(&w.list->word, 1);
	EXPECT_FOUND_ADDED(&w.list->word, (s64)REFSLAB_WORD_DYING);
	EXPECT_FOUND_ADDED(&w.list->word, (s64)REFSLAB_WORD_DEAD);
	EXPECT_FOUND(refslab_object_slots(w.node)[0], NULL);
	EXPECT_FOUND(refslab_object_slots(w.node)[0], w.list);
	EXPECT_FOUND(refslab_object_table(w.list)->vec[0], w.leaf);
	EXPECT_FOUND(refslab_object_table(w.list)->len, 2);
	EXPECT_FOUND(w.held[0], w.leaf);
	EXPECT_FOUND(w.leaf->id, 0);
	EXPECT_FOUND(w.leaf->id, U64_MAX / 2);
	world_end(test, &w);
}

/* What the test holds is not told: counts may only be too high. */
static void check_kernel_heap(struct kunit *test)
{
	const struct refslab_heap_params params = { .disabled = true };
	struct refslab_heap *heap = refslab_heap_new("kunit", &params, false, GFP_KERNEL);
	const struct refslab_type_params node = { .name = "node", .nr_slots = 1 };
	struct refslab_object *obj;
	struct refslab_type *type;
	char why[160];

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	type = refslab_type_create(&heap->objects, &node, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	obj = refslab_fixture_object(test, type);
	KUNIT_ASSERT_EQ(test, refslab_slot_set(obj, 0, obj), 0);
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
	KUNIT_EXPECT_EQ(test, refslab_check_heap(heap, NULL, 0, why, sizeof(why)), -EUCLEAN);
	KUNIT_EXPECT_EQ_MSG(test, refslab_check_heap(heap, &obj, 1, why, sizeof(why)), 0, "%s",
			    why);
	/* one too few: the reference in the slot alone is all the count may be */
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
	refslab_fixture_pretend(obj, 1);
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
	refslab_object_slots(obj)[0] = NULL;
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
	refslab_object_put(obj);
	refslab_object_slots(obj)[0] = obj;
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, NULL), 0);
	refslab_heap_put_sync(heap);
}

static void check_generations(struct kunit *test)
{
	struct refslab_gc_result result;
	struct refslab_pool_marks *marks;
	struct refslab_pool *pool;
	struct check_world w;
	unsigned int i;

	world_make(test, &w);
	pool = refslab_mem_pool_of(&refslab_fixture_objects(test)->mem, w.leaf);
	i = refslab_mem_index(pool, w.leaf);
	marks = &pool->marks;
	EXPECT_FOUND(marks->young[0], 0);
	EXPECT_FOUND(marks->queued[0], 0);

	KUNIT_ASSERT_EQ(test, refslab_generation_collect(&refslab_fixture_heap(test)->gc, 0,
							 &result, false), 0);
	refslab_fixture_check_held(test, w.held, 2);
	EXPECT_FOUND(marks->middle[0], 0);
	EXPECT_FOUND(marks->queued[1], 0);
	EXPECT_FOUND(marks->old[0], BIT(i));

	KUNIT_ASSERT_EQ(test, refslab_generation_collect(&refslab_fixture_heap(test)->gc, 2,
							 &result, false), 0);
	refslab_fixture_check_held(test, w.held, 2);
	EXPECT_FOUND(marks->old[0], 0);
	EXPECT_FOUND(marks->middle[0], BIT(i));
	world_end(test, &w);
}

static void check_caches(struct kunit *test)
{
	struct refslab_object *dead[2];
	struct refslab_cache_cpu *cache;
	struct check_world w;
	unsigned int i;

	world_make(test, &w);
	for (i = 0; i < ARRAY_SIZE(dead); i++)
		dead[i] = refslab_fixture_object(test, w.type);
	for (i = 0; i < ARRAY_SIZE(dead); i++)
		refslab_object_put(dead[i]);
	cache = per_cpu_ptr(w.type->cache.cpu, 0);
	KUNIT_ASSERT_EQ(test, cache->nr, 2);
	refslab_fixture_check_held(test, w.held, 2);

	EXPECT_FOUND(cache->nr, 1);
	EXPECT_FOUND(cache->nr, 3);
	EXPECT_FOUND(cache->cap, 1);
	EXPECT_FOUND(cache->cap, cache->cap + 1);
	EXPECT_FOUND(w.type->cache.limit, 9);
	/* the two again and again; the second lost; one of another type; one alive */
	EXPECT_FOUND(*(void **)((void *)dead[0] + REFSLAB_MEM_LINK), dead[1]);
	EXPECT_FOUND(*(void **)((void *)dead[1] + REFSLAB_MEM_LINK), NULL);
	EXPECT_FOUND(dead[0]->head, w.list->head);
	EXPECT_FOUND_ADDED(&dead[0]->word, 1);
	world_end(test, &w);
}

static void check_blocks(struct kunit *test)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct check_world w;
	void *lost;

	world_make(test, &w);
	lost = refslab_mem_alloc(mem, REFSLAB_MEM_CONTAINER, w.type->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lost);
	expect_found(test, &w, "a block without an object");
	refslab_mem_free(mem, REFSLAB_MEM_CONTAINER, w.type->size, lost);

	EXPECT_FOUND(mem->nr_empty, 3);
	world_end(test, &w);
}

static void check_totals(struct kunit *test)
{
	struct refslab_cache_cpu *cache;
	struct check_world w;

	world_make(test, &w);
	cache = per_cpu_ptr(w.type->cache.cpu, 0);
	EXPECT_FOUND(cache->made, cache->made + 1);
	EXPECT_FOUND(cache->freed, cache->freed + 1);
	EXPECT_FOUND_ADDED(&refslab_fixture_heap(test)->quota.counted, 1);
	EXPECT_FOUND_ADDED(&refslab_fixture_heap(test)->quota.counted, -1);
	world_end(test, &w);
}

static void check_handles(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_session *session;
	struct check_world w;

	world_make(test, &w);
	session = kunit_kzalloc(test, sizeof(*session), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, session);
	session->heap = heap;
	xa_init_flags(&session->handles, XA_FLAGS_ALLOC1);
	list_add(&session->node, &heap->sessions);
	KUNIT_ASSERT_EQ(test, xa_err(xa_store(&session->handles, 5, w.leaf, GFP_KERNEL)), 0);
	refslab_quota_add(heap, &session->quota, &session->handles.xa_lock);
	KUNIT_ASSERT_TRUE(test, refslab_quota_take(&session->quota));
	expect_found(test, &w, "a handle without a reference");

	refslab_word_get(&w.leaf->word);
	refslab_fixture_check_held(test, w.held, 2);
	EXPECT_FOUND(session->quota.taken, 0);
	refslab_quota_limit(heap, 10);
	EXPECT_FOUND_ADDED(&heap->quota.counted, 1);
	refslab_quota_limit(heap, 0);
	refslab_word_get(&w.leaf->word);
	expect_found(test, &w, "a reference without a handle");
	refslab_object_put(w.leaf);

	list_del(&session->node);
	xa_destroy(&session->handles);
	refslab_quota_give(&session->quota);
	refslab_quota_remove(&session->quota);
	refslab_object_put(w.leaf);
	world_end(test, &w);
}

static struct kunit_case check_cases[] = {
	KUNIT_CASE(check_counts),
	KUNIT_CASE(check_kernel_heap),
	KUNIT_CASE(check_generations),
	KUNIT_CASE(check_caches),
	KUNIT_CASE(check_blocks),
	KUNIT_CASE(check_totals),
	KUNIT_CASE(check_handles),
	{ }
};

static struct kunit_suite check_suite = {
	.name = "refslab-check",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = check_cases,
};

kunit_test_suite(check_suite);
