// SPDX-License-Identifier: GPL-2.0
/*
 * The in-kernel API, as another module sees it.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/slab.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

/*
 * A type with a layout of its own: an array of references that grows, apart from the object, and
 * one reference beside it.
 */
struct bag {
	void *label;
	void **items;
	u32 nr;
};

static int releases, releases_with_references;

static void bag_traverse(void *obj, refslab_visit_t visit, void *arg)
{
	struct bag *bag = refslab_payload(obj);
	u32 i;

	visit(bag->label, arg);
	for (i = 0; i < bag->nr; i++)
		visit(bag->items[i], arg);
}

static void bag_clear(void *obj, void *drop)
{
	struct bag *bag = refslab_payload(obj);
	u32 i;

	refslab_drop(drop, bag->label);
	bag->label = NULL;
	for (i = 0; i < bag->nr; i++) {
		refslab_drop(drop, bag->items[i]);
		bag->items[i] = NULL;
	}
}

static void bag_release(void *obj)
{
	struct bag *bag = refslab_payload(obj);
	u32 i;

	releases++;
	releases_with_references += !!bag->label;
	for (i = 0; i < bag->nr; i++)
		releases_with_references += !!bag->items[i];
	bag->nr = 0;
	kfree(bag->items);
	bag->items = NULL;
}

static const struct refslab_type_ops bag_ops = {
	.name = "bag",
	.payload = sizeof(struct bag),
	.cache_limit = 16,
	.traverse = bag_traverse,
	.clear = bag_clear,
	.release = bag_release,
};

static const struct refslab_type_ops pair_ops = {
	.name = "pair",
	.nr_slots = 2,
	.payload = 8,
	.cache_limit = 16,
};

static struct refslab_heap *make_heap(struct kunit *test)
{
	const struct refslab_heap_params params = { .disabled = true };
	struct refslab_heap *heap = refslab_heap_create("api", &params);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	releases = 0;
	releases_with_references = 0;
	return heap;
}

static struct refslab_type *make_type(struct kunit *test, struct refslab_heap *heap,
				      const struct refslab_type_ops *ops)
{
	struct refslab_type *type = refslab_type_register(heap, ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

static void *make(struct kunit *test, struct refslab_type *type)
{
	void *obj = refslab_alloc(type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static u32 count(void *obj)
{
	return refslab_fixture_count(obj);
}

static int put_into_bag(void *obj, void *item)
{
	struct bag *bag = refslab_payload(obj);
	void **items, **old;

	items = kcalloc(bag->nr + 1, sizeof(*items), GFP_KERNEL);
	if (!items)
		return -ENOMEM;
	refslab_lock(obj);
	old = bag->items;
	if (old)
		memcpy(items, old, bag->nr * sizeof(*items));
	bag->items = items;
	bag->nr++;
	refslab_unlock(obj);
	kfree(old);
	return refslab_assign(obj, &bag->items[bag->nr - 1], item);
}

static void expect_sound(struct kunit *test, struct refslab_heap *heap)
{
	char why[160];

	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(heap, why, sizeof(why)), 0, "%s", why);
}

/* Everything must be gone but what the type's cache keeps. */
static void end_heap(struct kunit *test, struct refslab_heap *heap)
{
	unsigned int heaps = refslab_heap_number();

	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 0);
	expect_sound(test, heap);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, refslab_heap_number(), heaps - 1);
}

/* --- heaps and types ------------------------------------------------------------------------ */

static void a_heap_needs_no_parameters(struct kunit *test)
{
	struct refslab_heap *heap = refslab_heap_create("defaults", NULL);
	u32 threshold[3];

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	refslab_generation_get_thresholds(&heap->gc, threshold);
	KUNIT_EXPECT_EQ(test, threshold[0], 700);
	KUNIT_EXPECT_EQ(test, threshold[1], 10);
	KUNIT_EXPECT_EQ(test, threshold[2], 10);
	KUNIT_EXPECT_STREQ(test, heap->name, "defaults");
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 0);
	end_heap(test, heap);
}

static void parameters_take_effect(struct kunit *test)
{
	const struct refslab_heap_params params = {
		.max_bytes = 1 << 20,
		.threshold = { 5, 6, 7 },
		.disabled = true,
	};
	struct refslab_heap *heap;
	struct refslab_type *type;
	void **objs;
	u32 threshold[3];
	u64 n, most = (1 << 20) / 48 + 1;

	objs = kunit_kcalloc(test, most, sizeof(*objs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs);
	heap = refslab_heap_create("a name that is longer than what a heap keeps", &params);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	refslab_generation_get_thresholds(&heap->gc, threshold);
	KUNIT_EXPECT_EQ(test, threshold[0], 5);
	KUNIT_EXPECT_EQ(test, threshold[1], 6);
	KUNIT_EXPECT_EQ(test, threshold[2], 7);
	KUNIT_EXPECT_STREQ(test, heap->name, "a name that is longer than what");
	type = make_type(test, heap, &pair_ops);
	/* until the limit; then NULL, and what there is still works */
	for (n = 0; n < most; n++) {
		objs[n] = refslab_alloc(type, GFP_KERNEL);
		if (!objs[n])
			break;
	}
	KUNIT_EXPECT_LT(test, n, most);
	KUNIT_EXPECT_GT(test, n, most / 2);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), n);
	KUNIT_EXPECT_LE(test, atomic64_read(&heap->objects.mem.reserved), 1 << 20);
	KUNIT_EXPECT_EQ(test, refslab_link(objs[0], 0, objs[1]), 0);
	while (n--)
		refslab_put(objs[n]);
	end_heap(test, heap);
}

/* Garbage in the way of an allocation is collected first. */
static void garbage_makes_room(struct kunit *test)
{
	const struct refslab_heap_params params = { .max_bytes = 1 << 20, .disabled = true };
	struct refslab_heap *heap = refslab_heap_create("small", &params);
	struct refslab_type *type;
	unsigned int i, failed = 0;
	void *obj;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	type = make_type(test, heap, &pair_ops);
	for (i = 0; i < 60000; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		if (!obj) {
			failed++;
			break;
		}
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_GT(test, refslab_collect(heap, 2), 0);
	end_heap(test, heap);
}

static void type_register_refuses_one_wrong_field(struct kunit *test)
{
	static const char longest[] = "0123456789012345678901234567890";
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type_ops ops;
	struct refslab_type *type;

#define REFUSED(field, value) do {							\
	ops = bag_ops;									\
	ops.field = value;								\
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_register(heap, &ops)), -EINVAL);	\
} while (0)

	REFUSED(name, NULL);
	REFUSED(name, "");
	REFUSED(name, "01234567890123456789012345678901");
	REFUSED(name, "two words");
	REFUSED(name, "line\n");
	REFUSED(name, "\xc3\xa4");
	REFUSED(nr_slots, REFSLAB_MAX_SLOTS + 1);
	REFUSED(nr_slots, U32_MAX);
	REFUSED(payload, REFSLAB_MAX_PAYLOAD + 1);
	REFUSED(payload, U32_MAX);
	REFUSED(cache_limit, REFSLAB_MAX_CACHE + 1);
	REFUSED(cache_limit, U32_MAX);
	REFUSED(traverse, NULL);
	REFUSED(clear, NULL);
#undef REFUSED
	/* weakref is number 1 */
	KUNIT_EXPECT_NULL(test, refslab_type_find(&heap->objects, 2));

	/* and takes each at its limit */
	ops = bag_ops;
	ops.name = longest;
	ops.nr_slots = REFSLAB_MAX_SLOTS;
	ops.payload = REFSLAB_MAX_PAYLOAD;
	ops.cache_limit = REFSLAB_MAX_CACHE;
	type = make_type(test, heap, &ops);
	KUNIT_EXPECT_STREQ(test, type->name, longest);
	KUNIT_EXPECT_EQ(test, type->number, 2);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_register(heap, &ops)), -EEXIST);
	/* the least there is */
	ops = (struct refslab_type_ops){ .name = "x" };
	type = make_type(test, heap, &ops);
	refslab_put(make(test, type));
	end_heap(test, heap);
}

/* --- references in slots -------------------------------------------------------------------- */

static void link_and_follow_count(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	struct refslab_type *bag = make_type(test, heap, &bag_ops);
	void *a = make(test, pair), *b = make(test, pair), *c = make(test, bag), *got;

	KUNIT_EXPECT_EQ(test, refslab_count(heap), 3);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)refslab_payload(a), 8));
	KUNIT_EXPECT_PTR_EQ(test, refslab_get(a), a);
	KUNIT_EXPECT_EQ(test, count(a), 2);
	refslab_put(a);
	refslab_put(NULL);

	KUNIT_EXPECT_NULL(test, refslab_follow(a, 0));
	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, b), 0);
	KUNIT_EXPECT_EQ(test, count(b), 2);
	got = refslab_follow(a, 0);
	KUNIT_EXPECT_PTR_EQ(test, got, b);
	KUNIT_EXPECT_EQ(test, count(b), 3);
	refslab_put(got);
	expect_sound(test, heap);

	KUNIT_EXPECT_EQ(test, refslab_link(a, 2, b), -ERANGE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_follow(a, 2)), -ERANGE);
	KUNIT_EXPECT_EQ(test, refslab_link(c, 0, b), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_follow(c, 0)), -EPROTOTYPE);
	refslab_fixture_pretend(b, REFSLAB_COUNT_MAX - 2);
	KUNIT_EXPECT_EQ(test, refslab_link(a, 1, b), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_follow(a, 0)), -EOVERFLOW);
	refslab_fixture_pretend(b, -(s32)(REFSLAB_COUNT_MAX - 2));
	KUNIT_EXPECT_EQ(test, count(b), 2);

	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, count(b), 1);
	refslab_put(a);
	refslab_put(b);
	refslab_put(c);
	end_heap(test, heap);
}

static void heaps_do_not_mix(struct kunit *test)
{
	struct refslab_heap *one = make_heap(test), *two = make_heap(test);
	void *a = make(test, make_type(test, one, &pair_ops));
	void *b = make(test, make_type(test, two, &pair_ops));
	void *bag = make(test, make_type(test, one, &bag_ops));
	struct bag *payload = refslab_payload(bag);
	u64 word = refslab_word_read(&((struct refslab_object *)b)->word);

	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, b), -EINVAL);
	KUNIT_EXPECT_EQ(test, refslab_link(b, 0, a), -EINVAL);
	KUNIT_EXPECT_EQ(test, refslab_assign(bag, &payload->label, b), -EINVAL);
	KUNIT_EXPECT_NULL(test, payload->label);
	KUNIT_EXPECT_NULL(test, refslab_follow(a, 0));
	KUNIT_EXPECT_EQ(test, refslab_word_read(&((struct refslab_object *)b)->word), word);
	KUNIT_EXPECT_EQ(test, count(a), 1);
	refslab_put(a);
	refslab_put(bag);
	end_heap(test, one);
	refslab_put(b);
	end_heap(test, two);
}

/* --- references in the payload -------------------------------------------------------------- */

static void assign_and_load_count(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	void *obj = make(test, type), *a = make(test, pair), *b = make(test, pair), *got;
	struct bag *bag = refslab_payload(obj);

	KUNIT_EXPECT_NULL(test, refslab_load(obj, &bag->label));
	KUNIT_EXPECT_EQ(test, refslab_assign(obj, &bag->label, a), 0);
	KUNIT_EXPECT_EQ(test, count(a), 2);
	got = refslab_load(obj, &bag->label);
	KUNIT_EXPECT_PTR_EQ(test, got, a);
	KUNIT_EXPECT_EQ(test, count(a), 3);
	refslab_put(got);
	KUNIT_EXPECT_EQ(test, refslab_assign(obj, &bag->label, b), 0);
	KUNIT_EXPECT_EQ(test, count(a), 1);
	KUNIT_EXPECT_EQ(test, count(b), 2);
	refslab_fixture_pretend(a, REFSLAB_COUNT_MAX - 1);
	KUNIT_EXPECT_EQ(test, refslab_assign(obj, &bag->label, a), -EOVERFLOW);
	refslab_fixture_pretend(a, -(s32)(REFSLAB_COUNT_MAX - 1));
	KUNIT_EXPECT_PTR_EQ(test, bag->label, b);
	KUNIT_EXPECT_EQ(test, count(b), 2);
	expect_sound(test, heap);
	/* the last reference displaced */
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 3);
	KUNIT_EXPECT_EQ(test, refslab_assign(obj, &bag->label, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 2);
	refslab_put(a);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, releases, 1);
	end_heap(test, heap);
}

static void a_dying_bag_drops_what_it_holds(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	void *obj = make(test, type), *inner = make(test, type), *kept = make(test, pair), *item;
	struct bag *bag = refslab_payload(obj);
	int i;

	for (i = 0; i < 20; i++) {
		item = make(test, pair);
		KUNIT_EXPECT_EQ(test, put_into_bag(obj, item), 0);
		KUNIT_EXPECT_EQ(test, put_into_bag(inner, kept), 0);
		refslab_put(item);
	}
	KUNIT_EXPECT_EQ(test, put_into_bag(obj, kept), 0);
	KUNIT_EXPECT_EQ(test, refslab_assign(obj, &bag->label, inner), 0);
	refslab_put(inner);
	KUNIT_EXPECT_EQ(test, count(kept), 22);
	expect_sound(test, heap);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 23);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, releases, 2);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 1);
	KUNIT_EXPECT_EQ(test, count(kept), 1);
	refslab_put(kept);
	end_heap(test, heap);
}

static void cycles_through_traverse_are_collected(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	void *a = make(test, type), *b = make(test, type), *c = make(test, pair);
	void *leaf = make(test, pair);
	struct bag *bag = refslab_payload(b);

	/* a -> b -> c -> a, by the array, the label and a slot; b -> leaf */
	KUNIT_EXPECT_EQ(test, put_into_bag(a, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_assign(b, &bag->label, c), 0);
	KUNIT_EXPECT_EQ(test, refslab_link(c, 0, a), 0);
	KUNIT_EXPECT_EQ(test, put_into_bag(b, leaf), 0);
	refslab_put(b);
	refslab_put(c);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 4);
	KUNIT_EXPECT_EQ(test, count(a), 2);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 0), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3);
	KUNIT_EXPECT_EQ(test, releases, 2);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 1);
	KUNIT_EXPECT_EQ(test, count(leaf), 1);
	refslab_put(leaf);
	end_heap(test, heap);
}

static void collect_refuses_other_generations(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);

	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, INT_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, heap->gc.generation[2].collections, 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 0), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 1), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	KUNIT_EXPECT_EQ(test, heap->gc.generation[2].collections, 1);
	end_heap(test, heap);
}

static void enable_and_disable_automatic_scans(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	void *obj;
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 5000; i++) {
			obj = make(test, pair);
			KUNIT_EXPECT_EQ(test, refslab_link(obj, 0, obj), 0);
			refslab_put(obj);
		}
		flush_work(&heap->gc.work);
		if (round) {
			KUNIT_EXPECT_GT(test, heap->gc.generation[0].collections, 0);
			KUNIT_EXPECT_LT(test, refslab_count(heap), 5000);
		} else {
			KUNIT_EXPECT_EQ(test, heap->gc.generation[0].collections, 0);
			KUNIT_EXPECT_EQ(test, refslab_count(heap), 5000);
			KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 5000);
			refslab_enable(heap);
		}
	}
	refslab_disable(heap);
	flush_work(&heap->gc.work);
	refslab_collect(heap, 2);
	end_heap(test, heap);
}

static void trim_gives_memory_back(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);

	refslab_put(make(test, pair));
	KUNIT_EXPECT_EQ(test, refslab_trim(heap), REFSLAB_ARENA_SIZE);
	KUNIT_EXPECT_EQ(test, refslab_trim(heap), 0);
	end_heap(test, heap);
}

/* --- the end of a heap ---------------------------------------------------------------------- */

static void destroying_a_heap_collects_its_garbage(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	void *a = make(test, type), *b = make(test, type);

	KUNIT_EXPECT_EQ(test, put_into_bag(a, b), 0);
	KUNIT_EXPECT_EQ(test, put_into_bag(b, a), 0);
	refslab_put(a);
	refslab_put(b);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 2);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
}

/* A cycle that is held only by what still waits for the worker is garbage too. */
static void destroying_a_heap_waits_for_its_worker_first(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	struct refslab_type *pair = make_type(test, heap, &pair_ops);
	void *a = make(test, type), *head, *obj;
	int i;

	KUNIT_EXPECT_EQ(test, put_into_bag(a, a), 0);
	head = a;
	for (i = 0; i < 200000; i++) {
		obj = make(test, pair);
		refslab_link(obj, 0, head);
		refslab_put(head);
		head = obj;
	}
	refslab_put(head);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
}

/* The payload is a counted reference that only release() knows of. */
static void chain_release(void *obj)
{
	releases++;
	refslab_put(*(void **)refslab_payload(obj));
}

static const struct refslab_type_ops chain_ops = {
	.name = "chain",
	.payload = sizeof(void *),
	.release = chain_release,
};

/* What a release() lets go of is garbage as well, be it a chain of such or a cycle at its end. */
static void destroying_a_heap_waits_for_what_release_puts(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &chain_ops);
	void *head = make(test, make_type(test, heap, &bag_ops)), *obj;
	const int n = 3000;
	int i;

	KUNIT_EXPECT_EQ(test, put_into_bag(head, head), 0);
	for (i = 0; i < n; i++) {
		obj = make(test, type);
		*(void **)refslab_payload(obj) = head;
		head = obj;
	}
	refslab_put(head);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, n + 1);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
}

/* No scan looks at frozen objects, but the last ones do. */
static void destroying_a_heap_collects_frozen_garbage(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	void *a = make(test, type);

	KUNIT_EXPECT_EQ(test, put_into_bag(a, a), 0);
	refslab_freeze(heap);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_EQ(test, releases_with_references, 0);
}

/* Each that is garbage makes one more as it is finalized, for some generations. */
struct heir {
	struct refslab_type *type;
	int generations;
};

static void heir_finalize(void *obj)
{
	struct heir *mine = refslab_payload(obj), *its;
	void *next;

	if (!mine->generations)
		return;
	next = refslab_alloc(mine->type, GFP_ATOMIC);
	if (!next)
		return;
	its = refslab_payload(next);
	its->type = mine->type;
	its->generations = mine->generations - 1;
	/* as what is new refers to it, this one is brought back; both are garbage from here on */
	refslab_link(next, 0, obj);
	refslab_link(obj, 1, next);
	refslab_put(next);
}

static void heir_release(void *obj)
{
	releases++;
}

static const struct refslab_type_ops heir_ops = {
	.name = "heir",
	.nr_slots = 2,
	.payload = sizeof(struct heir),
	.finalize = heir_finalize,
	.release = heir_release,
};

static void destroying_a_heap_collects_what_finalizers_make(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &heir_ops);
	void *a = make(test, type);

	*(struct heir *)refslab_payload(a) = (struct heir) { .type = type, .generations = 3 };
	KUNIT_EXPECT_EQ(test, refslab_link(a, 0, a), 0);
	refslab_put(a);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 4);
}

static void destroying_a_heap_releases_what_is_left(struct kunit *test)
{
	struct refslab_heap *heap = make_heap(test);
	struct refslab_type *type = make_type(test, heap, &bag_ops);
	unsigned int heaps = refslab_heap_number();
	void *a = make(test, type), *b = make(test, type);

	/* a bug of the caller's: reported, and nothing leaks (the array would) */
	KUNIT_EXPECT_EQ(test, put_into_bag(a, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_objects_count_type(type), 2);
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 2);
	KUNIT_EXPECT_EQ(test, refslab_heap_number(), heaps - 1);
}

static void destroying_no_heap_is_fine(struct kunit *test)
{
	unsigned int heaps = refslab_heap_number();

	refslab_heap_destroy(NULL);
	KUNIT_EXPECT_EQ(test, refslab_heap_number(), heaps);
}

static struct kunit_case api_cases[] = {
	KUNIT_CASE(a_heap_needs_no_parameters),
	KUNIT_CASE(parameters_take_effect),
	KUNIT_CASE(garbage_makes_room),
	KUNIT_CASE(type_register_refuses_one_wrong_field),
	KUNIT_CASE(link_and_follow_count),
	KUNIT_CASE(heaps_do_not_mix),
	KUNIT_CASE(assign_and_load_count),
	KUNIT_CASE(a_dying_bag_drops_what_it_holds),
	KUNIT_CASE(cycles_through_traverse_are_collected),
	KUNIT_CASE(collect_refuses_other_generations),
	KUNIT_CASE(enable_and_disable_automatic_scans),
	KUNIT_CASE(trim_gives_memory_back),
	KUNIT_CASE(destroying_a_heap_collects_its_garbage),
	KUNIT_CASE(destroying_a_heap_waits_for_its_worker_first),
	KUNIT_CASE(destroying_a_heap_waits_for_what_release_puts),
	KUNIT_CASE(destroying_a_heap_collects_frozen_garbage),
	KUNIT_CASE(destroying_a_heap_collects_what_finalizers_make),
	KUNIT_CASE(destroying_a_heap_releases_what_is_left),
	KUNIT_CASE(destroying_no_heap_is_fine),
	{ }
};

static struct kunit_suite api_suite = {
	.name = "refslab-api",
	.test_cases = api_cases,
};

kunit_test_suite(api_suite);
