// SPDX-License-Identifier: GPL-2.0
/*
 * Garbage that lives on: what REFSLAB_DEBUG_SAVEALL keeps, and what cannot be collected.
 */
#include <linux/err.h>

#include "../kmod/refslab.h"
#include "fixture.h"

#define MANY	500

/* A type whose clear() may leave its second reference in place, as @stubborn says. */
struct holder {
	void *first, *second;
	bool stubborn;
};

static unsigned int releases, finalizers;

/* Called by traverse() of an object whose clear() has left something in place. */
static void (*meddle)(struct refslab_object *obj);

static void holder_traverse(void *obj, refslab_visit_t visit, void *arg)
{
	struct holder *holder = refslab_payload(obj);

	if (meddle && holder->stubborn && !holder->first)
		meddle(obj);
	visit(holder->first, arg);
	visit(holder->second, arg);
}

static void holder_clear(void *obj, void *drop)
{
	struct holder *holder = refslab_payload(obj);

	refslab_drop(drop, holder->first);
	holder->first = NULL;
	if (holder->stubborn)
		return;
	refslab_drop(drop, holder->second);
	holder->second = NULL;
}

static void holder_release(void *obj)
{
	releases++;
}

static void holder_finalize(void *obj)
{
	finalizers++;
}

static const struct refslab_type_ops holder_ops = {
	.name = "holder", .payload = sizeof(struct holder), .cache_limit = 8, .weakref = true,
	.traverse = holder_traverse, .clear = holder_clear, .release = holder_release,
	.finalize = holder_finalize,
};

static struct refslab_type *holder_type;

static int init(struct kunit *test)
{
	int err = refslab_fixture_init(test);

	releases = 0;
	finalizers = 0;
	meddle = NULL;
	if (err)
		return err;
	holder_type = refslab_type_register(refslab_fixture_heap(test), &holder_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, holder_type);
	return 0;
}

static struct refslab_gc *gc_of(struct kunit *test)
{
	return &refslab_fixture_heap(test)->gc;
}

static struct refslab_object *holder(struct kunit *test, void *first, void *second, bool stubborn)
{
	struct refslab_object *obj = refslab_fixture_object(test, holder_type);
	struct holder *holder = refslab_payload(obj);

	holder->stubborn = stubborn;
	refslab_assign(obj, &holder->first, first);
	refslab_assign(obj, &holder->second, second);
	return obj;
}

static void refer(struct refslab_object *obj, void *first, void *second)
{
	struct holder *holder = refslab_payload(obj);

	refslab_assign(obj, &holder->first, first);
	refslab_assign(obj, &holder->second, second);
}

static struct refslab_gc_result collect(struct kunit *test, unsigned int generation)
{
	struct refslab_gc_result result = { .unreachable = -1, .uncollectable = -1 };

	KUNIT_EXPECT_EQ(test, refslab_generation_collect(gc_of(test), generation, &result, false),
			0);
	return result;
}

static void expect_found(struct kunit *test, struct refslab_gc_result result, u64 unreachable,
			 u64 uncollectable)
{
	KUNIT_EXPECT_EQ(test, result.unreachable, unreachable);
	KUNIT_EXPECT_EQ(test, result.uncollectable, uncollectable);
}

struct listed {
	void *obj[8];
	unsigned int nr;
};

static int note(void *obj, void *arg)
{
	struct listed *listed = arg;

	if (listed->nr < ARRAY_SIZE(listed->obj))
		listed->obj[listed->nr] = obj;
	listed->nr++;
	return 0;
}

static struct listed garbage(struct kunit *test)
{
	struct listed listed = { };

	KUNIT_EXPECT_EQ(test, refslab_garbage(refslab_fixture_heap(test), note, &listed), 0);
	return listed;
}

static u64 live(struct kunit *test)
{
	return refslab_fixture_live(refslab_fixture_heap(test));
}

static void flags_are_pythons(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);

	KUNIT_EXPECT_EQ(test, refslab_get_debug(heap), 0);
	KUNIT_EXPECT_EQ(test, refslab_set_debug(heap, 38), 0);
	KUNIT_EXPECT_EQ(test, refslab_get_debug(heap), REFSLAB_DEBUG_LEAK);
	KUNIT_EXPECT_EQ(test, REFSLAB_DEBUG_LEAK, REFSLAB_DEBUG_COLLECTABLE |
			REFSLAB_DEBUG_UNCOLLECTABLE | REFSLAB_DEBUG_SAVEALL);
	KUNIT_EXPECT_EQ(test, refslab_set_debug(heap, 8), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, refslab_set_debug(heap, 64), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, refslab_get_debug(heap), REFSLAB_DEBUG_LEAK);
	KUNIT_EXPECT_EQ(test, refslab_set_debug(heap, 0), 0);
}

/* It lives on whole, in the next generation, without its weak references, finalized. */
static void saved_garbage_lives_on(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *a, *b, *leaf = refslab_fixture_int(test, 1000);
	struct listed listed;
	void *weak;
	u64 id;

	a = holder(test, NULL, leaf, false);
	b = holder(test, a, a, false);
	refer(a, b, leaf);
	refslab_put(leaf);
	id = a->id;
	weak = refslab_weak(a, NULL, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	refslab_set_debug(heap, REFSLAB_DEBUG_SAVEALL);
	refslab_put(a);
	refslab_put(b);
	expect_found(test, collect(test, 0), 2, 0);
	KUNIT_EXPECT_EQ(test, finalizers, 2);
	KUNIT_EXPECT_EQ(test, releases, 0);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	refslab_fixture_check_held(test, NULL, 0);

	listed = garbage(test);
	KUNIT_ASSERT_EQ(test, listed.nr, 2);
	KUNIT_EXPECT_TRUE(test, listed.obj[0] == a || listed.obj[1] == a);
	KUNIT_EXPECT_TRUE(test, listed.obj[0] == b || listed.obj[1] == b);
	KUNIT_EXPECT_EQ(test, a->id, id);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 3);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(a), 1);
	KUNIT_EXPECT_PTR_EQ(test, ((struct holder *)refslab_payload(a))->second, (void *)leaf);
	/* it can be found and weakly referred to, like any other */
	weak = refslab_weak(a, NULL, NULL, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, refslab_upgrade(weak), (void *)a);
	refslab_put(a);
	/* kept by the list from the next scan, flag or not */
	expect_found(test, collect(test, 2), 0, 0);
	refslab_set_debug(heap, 0);
	expect_found(test, collect(test, 2), 0, 0);
	KUNIT_EXPECT_EQ(test, garbage(test).nr, 2);

	KUNIT_EXPECT_EQ(test, refslab_empty_garbage(heap), 2);
	KUNIT_EXPECT_EQ(test, refslab_empty_garbage(heap), 0);
	KUNIT_EXPECT_EQ(test, garbage(test).nr, 0);
	expect_found(test, collect(test, 2), 2, 0);
	/* once in a life */
	KUNIT_EXPECT_EQ(test, finalizers, 2);
	KUNIT_EXPECT_EQ(test, releases, 2);
	refslab_put(weak);
	KUNIT_EXPECT_EQ(test, live(test), 0);
	KUNIT_EXPECT_EQ(test, gc_of(test)->generation[0].collected, 2);
	KUNIT_EXPECT_EQ(test, gc_of(test)->generation[2].collected, 2);
}

/* A long list, in order, read in parts; and the end of the heap takes it. */
static void the_list_may_be_long(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_type *type = refslab_type_register(heap, &(struct refslab_type_ops) {
		.name = "node", .nr_slots = 1,
	});
	struct refslab_object *to[7], *obj;
	u64 cursor = 0, n = 0;
	unsigned int i, k;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	refslab_set_debug(heap, REFSLAB_DEBUG_SAVEALL);
	for (i = 0; i < MANY; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), MANY);
	do {
		k = refslab_garbage_take(&heap->gc, &cursor, to, ARRAY_SIZE(to));
		KUNIT_EXPECT_TRUE(test, k == ARRAY_SIZE(to) || !cursor);
		for (i = 0; i < k; i++)
			refslab_put(to[i]);
		n += k;
	} while (cursor);
	KUNIT_EXPECT_EQ(test, n, MANY);
	KUNIT_EXPECT_EQ(test, heap->gc.garbage_nr, MANY);
	refslab_heap_put_sync(heap);
}

/* Without memory for the list it is destroyed as usual, and that is counted. */
static void without_memory_nothing_is_saved(struct kunit *test)
{
	struct refslab_object *a = holder(test, NULL, NULL, false);
	struct refslab_gc *gc = gc_of(test);

	refer(a, a, a);
	refslab_set_debug(refslab_fixture_heap(test), REFSLAB_DEBUG_SAVEALL);
	gc->garbage_fails = true;
	refslab_put(a);
	expect_found(test, collect(test, 2), 1, 0);
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_EQ(test, gc->garbage_lost, 1);
	KUNIT_EXPECT_EQ(test, garbage(test).nr, 0);
	KUNIT_EXPECT_EQ(test, live(test), 0);
	gc->garbage_fails = false;
}

/* What refuses to let go stays, with what it reaches; it alone is on the list. */
static void what_does_not_let_go_is_uncollectable(struct kunit *test)
{
	struct refslab_type *node = refslab_fixture_type(test, "node", 2, 0, 0);
	struct refslab_object *a, *b, *c, *leaf = refslab_fixture_int(test, 1000);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct listed listed;
	u64 id;

	/* a <-> b -> c: a does not let go of b; another cycle, beside, is none of this */
	a = holder(test, leaf, NULL, true);
	b = refslab_fixture_object(test, node);
	c = refslab_fixture_object(test, node);
	refer(a, leaf, b);
	refslab_link(b, 0, a);
	refslab_link(b, 1, c);
	id = b->id;
	refslab_put(a);
	refslab_put(b);
	refslab_put(c);
	a = holder(test, NULL, NULL, false);
	refer(a, a, leaf);
	refslab_put(a);
	refslab_put(leaf);
	refslab_set_debug(heap, REFSLAB_DEBUG_UNCOLLECTABLE);
	expect_found(test, collect(test, 2), 4, 3);
	KUNIT_EXPECT_EQ(test, releases, 1);
	/* a let go of the leaf before */
	KUNIT_EXPECT_EQ(test, live(test), 3);
	refslab_fixture_check_held(test, NULL, 0);
	listed = garbage(test);
	KUNIT_ASSERT_EQ(test, listed.nr, 1);
	a = listed.obj[0];
	KUNIT_EXPECT_PTR_EQ(test, refslab_object_type(a), holder_type);
	b = ((struct holder *)refslab_payload(a))->second;
	KUNIT_EXPECT_EQ(test, b->id, id);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(b), 2);
	c = refslab_follow(b, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, c);
	refslab_put(c);
	KUNIT_EXPECT_EQ(test, gc_of(test)->generation[2].collected, 1);
	KUNIT_EXPECT_EQ(test, gc_of(test)->generation[2].uncollectable, 3);

	/* on the list it is left alone; off it, it is found again */
	expect_found(test, collect(test, 2), 0, 0);
	KUNIT_EXPECT_EQ(test, refslab_empty_garbage(heap), 1);
	expect_found(test, collect(test, 2), 3, 3);
	refslab_fixture_check_held(test, NULL, 0);
	/* until it gives in */
	((struct holder *)refslab_payload(a))->stubborn = false;
	KUNIT_EXPECT_EQ(test, refslab_empty_garbage(heap), 1);
	expect_found(test, collect(test, 2), 3, 0);
	KUNIT_EXPECT_EQ(test, releases, 2);
	KUNIT_EXPECT_EQ(test, live(test), 0);
}

/* What was taken from a list that the scan has not got to the end of. */
static struct {
	struct refslab_gc *gc;
	unsigned int looked;
	unsigned int found;
	struct refslab_object *taken;
} early;

/*
 * Whoever finds two objects on the list takes what the other one refers to, before the scan, which
 * is at @obj, gets there.
 */
static void take_early(struct refslab_object *obj)
{
	struct refslab_object *to[4], *other;
	u64 cursor = 0;
	unsigned int n;
	void **second;

	early.looked++;
	n = refslab_garbage_take(early.gc, &cursor, to, ARRAY_SIZE(to));
	early.found += n;
	if (n == 2 && !early.taken) {
		other = to[to[0] == obj];
		second = &((struct holder *)refslab_payload(other))->second;
		early.taken = refslab_load(other, second);
		refslab_assign(other, second, NULL);
	}
	while (n)
		refslab_put(to[--n]);
}

/* Nobody finds on the list what the scan has yet to look at, and what may be torn down. */
static void the_list_has_only_what_lives(struct kunit *test)
{
	struct refslab_type *node = refslab_fixture_type(test, "node", 2, 0, 0);
	struct refslab_object *a[2], *b[2], *c;
	struct listed listed;
	unsigned int i;

	/* two of a -> b -> a, each b with a c of its own */
	for (i = 0; i < 2; i++) {
		b[i] = refslab_fixture_object(test, node);
		a[i] = holder(test, NULL, b[i], true);
		c = refslab_fixture_object(test, node);
		refslab_link(b[i], 0, a[i]);
		refslab_link(b[i], 1, c);
		refslab_put(c);
		refslab_put(b[i]);
	}
	memset(&early, 0, sizeof(early));
	early.gc = gc_of(test);
	meddle = take_early;
	for (i = 0; i < 2; i++)
		refslab_put(a[i]);
	expect_found(test, collect(test, 2), 6, 6);
	meddle = NULL;
	KUNIT_EXPECT_GT(test, early.looked, 0);
	KUNIT_EXPECT_EQ(test, early.found, 0);
	/* what somebody holds is whole */
	if (early.taken) {
		c = refslab_follow(early.taken, 1);
		KUNIT_EXPECT_NOT_NULL(test, c);
		refslab_put(c);
		refslab_put(early.taken);
	}
	listed = garbage(test);
	KUNIT_EXPECT_EQ(test, listed.nr, 2);
	refslab_fixture_check_held(test, NULL, 0);
	for (i = 0; i < listed.nr; i++)
		((struct holder *)refslab_payload(listed.obj[i]))->stubborn = false;
	KUNIT_EXPECT_EQ(test, refslab_empty_garbage(refslab_fixture_heap(test)), 2);
	expect_found(test, collect(test, 2), 6, 0);
	KUNIT_EXPECT_EQ(test, live(test), 0);
}

/* Nor is it lost when there is no memory for the list: the next scan finds it. */
static void uncollectable_without_memory(struct kunit *test)
{
	struct refslab_object *a = holder(test, NULL, NULL, true);
	struct refslab_gc *gc = gc_of(test);

	refer(a, NULL, a);
	gc->garbage_fails = true;
	refslab_put(a);
	expect_found(test, collect(test, 2), 1, 1);
	KUNIT_EXPECT_EQ(test, gc->garbage_lost, 1);
	KUNIT_EXPECT_EQ(test, garbage(test).nr, 0);
	KUNIT_EXPECT_EQ(test, live(test), 1);
	refslab_fixture_check_held(test, NULL, 0);
	gc->garbage_fails = false;
	expect_found(test, collect(test, 2), 1, 1);
	KUNIT_EXPECT_EQ(test, garbage(test).nr, 1);
	((struct holder *)refslab_payload(a))->stubborn = false;
	refslab_empty_garbage(refslab_fixture_heap(test));
	expect_found(test, collect(test, 2), 1, 0);
}

/* With SAVEALL nothing is tried, so nothing is known to be uncollectable. */
static void saveall_comes_first(struct kunit *test)
{
	struct refslab_object *a = holder(test, NULL, NULL, true);
	struct refslab_heap *heap = refslab_fixture_heap(test);

	refer(a, a, a);
	refslab_put(a);
	refslab_set_debug(heap, REFSLAB_DEBUG_LEAK | REFSLAB_DEBUG_STATS);
	expect_found(test, collect(test, 2), 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, ((struct holder *)refslab_payload(a))->first, (void *)a);
	((struct holder *)refslab_payload(a))->stubborn = false;
	refslab_set_debug(heap, 0);
	refslab_empty_garbage(heap);
	expect_found(test, collect(test, 2), 1, 0);
}

/* The end of a heap of the kernel's, with both kinds on the list. */
static void a_heap_ends_with_garbage(struct kunit *test)
{
	struct refslab_heap *heap = refslab_heap_create("garbage", NULL);
	struct refslab_type *type;
	struct refslab_object *obj;
	struct holder *holder;
	int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	type = refslab_type_register(heap, &holder_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	for (i = 0; i < 10; i++) {
		obj = refslab_alloc(type, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		holder = refslab_payload(obj);
		holder->stubborn = i == 5;
		refslab_assign(obj, &holder->second, obj);
		refslab_put(obj);
	}
	refslab_set_debug(heap, REFSLAB_DEBUG_SAVEALL);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 10);
	KUNIT_EXPECT_EQ(test, refslab_count(heap), 10);
	/* nine are collected; one is reported, and goes with the rest */
	refslab_heap_destroy(heap);
	KUNIT_EXPECT_EQ(test, releases, 10);
}

/* --- while others work ---------------------------------------------------------------------- */

struct race {
	struct kunit *test;
	struct refslab_type *type;
	atomic_t makers;
	u64 emptied;
};

static void make_cycle(struct refslab_type *type)
{
	struct refslab_object *obj = refslab_alloc(type, GFP_KERNEL);

	if (obj)
		refslab_link(obj, 0, obj);
	refslab_put(obj);
}

static void save_or_make(unsigned int nr, void *arg)
{
	struct race *race = arg;
	struct refslab_heap *heap = refslab_fixture_heap(race->test);
	struct refslab_object *to[16];
	u64 cursor = 0;
	unsigned int i;

	for (i = 0; nr && i < 50000; i++) {
		make_cycle(race->type);
		/* whoever takes it from the list may hold it beyond */
		if (i % 16 == 0) {
			unsigned int n = refslab_garbage_take(&heap->gc, &cursor, to, 16);

			while (n)
				refslab_put(to[--n]);
		}
		cond_resched();
	}
	if (nr) {
		atomic_dec(&race->makers);
		return;
	}
	for (i = 0; atomic_read(&race->makers) || i < 12; i++) {
		refslab_set_debug(heap, i % 3 ? REFSLAB_DEBUG_SAVEALL : 0);
		make_cycle(race->type);
		refslab_collect(heap, i % 3);
		if (i % 4 == 0)
			race->emptied += refslab_empty_garbage(heap);
	}
}

static void saving_races_with_readers(struct kunit *test)
{
	struct race race = {
		.test = test,
		.type = refslab_fixture_type(test, "node", 1, 0, 10),
		.makers = ATOMIC_INIT(num_online_cpus() - 1),
	};

	refslab_fixture_on_cpus(test, save_or_make, &race);
	KUNIT_EXPECT_GT(test, race.emptied, 0);
	refslab_fixture_check_held(test, NULL, 0);
	refslab_set_debug(refslab_fixture_heap(test), 0);
	refslab_empty_garbage(refslab_fixture_heap(test));
	collect(test, 2);
	KUNIT_EXPECT_EQ(test, live(test), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(flags_are_pythons),
	KUNIT_CASE(saved_garbage_lives_on),
	KUNIT_CASE(the_list_may_be_long),
	KUNIT_CASE(without_memory_nothing_is_saved),
	KUNIT_CASE(what_does_not_let_go_is_uncollectable),
	KUNIT_CASE(the_list_has_only_what_lives),
	KUNIT_CASE(uncollectable_without_memory),
	KUNIT_CASE(saveall_comes_first),
	KUNIT_CASE(a_heap_ends_with_garbage),
	KUNIT_CASE(saving_races_with_readers),
	{}
};

static struct kunit_suite suite = {
	.name = "refslab-garbage",
	.init = init,
	.exit = refslab_fixture_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
