// SPDX-License-Identifier: GPL-2.0
/*
 * Weak references.
 */
#include <linux/err.h>
#include <linux/notifier.h>
#include <linux/percpu.h>

#include "../kmod/refslab.h"
#include "fixture.h"

static const struct refslab_type_ops node_ops = {
	.name = "node", .nr_slots = 2, .payload = 8, .cache_limit = 8, .weakref = true,
};

static const struct refslab_type_ops leaf_ops = {
	.name = "leaf", .payload = 8, .weakref = true,
};

static const struct refslab_type_ops big_ops = {
	.name = "big", .nr_slots = 1, .payload = 4000, .weakref = true,
};

static struct refslab_type *make_type(struct kunit *test, const struct refslab_type_ops *ops)
{
	struct refslab_type *type = refslab_type_register(refslab_fixture_heap(test), ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

static void *weak(struct kunit *test, void *obj)
{
	void *w = refslab_weak(obj, NULL, NULL, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w);
	return w;
}

/* The order of callbacks, and which. */
struct calls {
	unsigned int nr;
	void *weak[8];
};

static void note(void *weak, void *arg)
{
	struct calls *calls = arg;

	if (calls->nr < ARRAY_SIZE(calls->weak))
		calls->weak[calls->nr] = weak;
	calls->nr++;
}

static void *weak_noted(struct kunit *test, void *obj, struct calls *calls)
{
	void *w = refslab_weak(obj, note, calls, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w);
	return w;
}

static void does_not_count(struct kunit *test)
{
	const struct refslab_type_ops *const ops[] = { &node_ops, &leaf_ops, &big_ops };
	unsigned int i;
	void *obj, *w, *got;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		obj = refslab_fixture_object(test, make_type(test, ops[i]));
		w = weak(test, obj);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		got = refslab_upgrade(w);
		KUNIT_EXPECT_PTR_EQ(test, got, obj);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 2);
		KUNIT_EXPECT_EQ(test, refslab_weak_target(w), ((struct refslab_object *)obj)->id);
		refslab_put(got);
		refslab_put(obj);
		KUNIT_EXPECT_NULL(test, refslab_upgrade(w));
		KUNIT_EXPECT_NULL(test, refslab_upgrade(w));
		refslab_put(w);
	}
}

/* The target's block holds another object of its type soon: a weak reference is not taken in. */
static void does_not_find_the_next_in_the_block(struct kunit *test)
{
	struct refslab_type *type = make_type(test, &node_ops);
	void *obj = refslab_fixture_object(test, type), *w = weak(test, obj), *next;

	refslab_put(obj);
	next = refslab_fixture_object(test, type);
	KUNIT_EXPECT_PTR_EQ(test, next, obj);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(w));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(next), 1);
	refslab_put(next);
	refslab_put(w);
}

/* Nor by memory that is gone altogether. */
static void outlives_the_memory_of_its_target(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *a = refslab_fixture_object(test, make_type(test, &node_ops)), *wa = weak(test, a);
	void *b = refslab_fixture_object(test, make_type(test, &big_ops)), *wb = weak(test, b);

	refslab_put(a);
	refslab_put(b);
	refslab_heap_trim(heap);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(wa));
	KUNIT_EXPECT_NULL(test, refslab_upgrade(wb));
	refslab_put(wa);
	refslab_put(wb);
}

static void only_types_that_allow_it(struct kunit *test)
{
	struct refslab_object *obj[3] = {
		refslab_fixture_int(test, 1), refslab_fixture_list(test),
		refslab_fixture_object(test, refslab_fixture_type(test, "plain", 1, 8, 0)),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(obj); i++) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_weak(obj[i], NULL, NULL, GFP_KERNEL)),
				-EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_upgrade(obj[i])), -EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[i]), 1);
		refslab_object_put(obj[i]);
	}
}

static void no_memory_changes_nothing(struct kunit *test)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops));
	void **w = kunit_kcalloc(test, 5000, sizeof(*w), GFP_KERNEL);
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, w);
	/* until one would need memory from the kernel */
	atomic_set(&mem->fail_at, 1);
	for (n = 0; n < 5000; n++) {
		w[n] = refslab_weak(obj, NULL, NULL, GFP_ATOMIC | __GFP_NOWARN);
		if (IS_ERR(w[n]))
			break;
	}
	KUNIT_ASSERT_LT(test, n, 5000);
	KUNIT_EXPECT_EQ(test, PTR_ERR(w[n]), -ENOMEM);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	while (n--)
		refslab_put(w[n]);
	refslab_put(obj);
}

static void callbacks_come_once(struct kunit *test)
{
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops)), *w[3];
	struct calls calls = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = weak_noted(test, obj, &calls);
	/* this one dies first, and is never called */
	refslab_put(w[1]);
	KUNIT_EXPECT_EQ(test, calls.nr, 0);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, calls.nr, 2);
	/* the most recent first */
	KUNIT_EXPECT_PTR_EQ(test, calls.weak[0], w[2]);
	KUNIT_EXPECT_PTR_EQ(test, calls.weak[1], w[0]);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(w[0]));
	refslab_put(w[0]);
	refslab_put(w[2]);
	KUNIT_EXPECT_EQ(test, calls.nr, 2);
}

/* A weak reference to the object that holds it is alive when that dies, and is called. */
static void held_by_its_target(struct kunit *test)
{
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops)), *w;
	struct calls calls = { };

	w = weak_noted(test, obj, &calls);
	KUNIT_EXPECT_EQ(test, refslab_link(obj, 0, w), 0);
	refslab_put(w);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, calls.nr, 1);
	KUNIT_EXPECT_PTR_EQ(test, calls.weak[0], w);
}

/* One outside the garbage is called, one that is garbage itself is not. */
static void of_a_cycle(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = make_type(test, &node_ops);
	void *a = refslab_fixture_object(test, type), *b = refslab_fixture_object(test, type);
	struct calls calls = { };
	void *outside, *inside;

	refslab_link(a, 0, b);
	refslab_link(b, 0, a);
	outside = weak_noted(test, a, &calls);
	inside = weak_noted(test, a, &calls);
	refslab_link(b, 1, inside);
	refslab_put(inside);
	refslab_put(a);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, calls.nr, 0);
	/* a and b, and the weak reference inside */
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3L);
	KUNIT_EXPECT_EQ(test, calls.nr, 1);
	KUNIT_EXPECT_PTR_EQ(test, calls.weak[0], outside);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(outside));
	refslab_put(outside);
}

/* A scan that finds the target alive leaves its weak references alone. */
static void scans_do_not_disturb(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops)), *w = weak(test, obj);
	void *got;
	int i;

	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, i % 3), 0L);
		got = refslab_upgrade(w);
		KUNIT_EXPECT_PTR_EQ(test, got, obj);
		refslab_put(got);
	}
	refslab_put(obj);
	refslab_put(w);
}

struct look {
	struct notifier_block nb;
	struct refslab_heap *heap;
	u64 target;
	unsigned int seen;
	unsigned int other;
};

static int look_at(struct refslab_object *obj, void *arg)
{
	struct look *look = arg;
	void *got;

	if (refslab_object_type(obj) != look->heap->objects.weak_type)
		return 0;
	look->seen++;
	got = refslab_upgrade(obj);
	if (refslab_weak_target(obj) != look->target || !got)
		look->other++;
	refslab_put(got);
	return 0;
}

static int look_at_all(struct notifier_block *nb, unsigned long action, void *data)
{
	struct look *look = container_of(nb, struct look, nb);
	u64 cursor = 0;

	if (action == REFSLAB_GC_START)
		refslab_walk(&look->heap->objects, &cursor, look_at, look);
	return NOTIFY_OK;
}

/* Whoever finds a weak reference finds its object by it, also while it is being made. */
static void is_found_complete(struct kunit *test)
{
	const u32 threshold[3] = { 1, 1000, 1000 };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops)), *w[100];
	struct look look = {
		.nb.notifier_call = look_at_all, .heap = heap,
		.target = ((struct refslab_object *)obj)->id,
	};
	struct refslab_fixture_worker worker;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, refslab_notifier_register(heap, &look.nb), 0);
	/* who makes too many scans himself, in the middle of it */
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_generation_set_thresholds(&heap->gc, threshold);
	refslab_enable(heap);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = weak(test, obj);
	refslab_disable(heap);
	refslab_fixture_worker_go(&worker);
	refslab_notifier_unregister(heap, &look.nb);
	KUNIT_EXPECT_GT(test, look.seen, 0);
	KUNIT_EXPECT_EQ(test, look.other, 0);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		refslab_put(w[i]);
	refslab_put(obj);
}

/* The budget of one put() counts weak references, too; the worker does the rest. */
static void many_to_one(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops));
	struct refslab_object *list = refslab_fixture_list(test);
	unsigned int i, n = 3 * REFSLAB_DESTROY_BUDGET, alive = 0;
	struct refslab_fixture_worker worker;
	struct refslab_object *w;
	void *got;

	for (i = 0; i < n; i++) {
		w = weak(test, obj);
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, w, GFP_KERNEL), 0);
		refslab_put(w);
	}
	refslab_fixture_worker_stop(test, &worker, heap);
	refslab_put(obj);
	KUNIT_EXPECT_FALSE(test, llist_empty(&heap->objects.dead));
	/* none of them finds it, cleared or not */
	for (i = 0; i < n; i++) {
		w = refslab_table_get(list, i);
		got = refslab_upgrade(w);
		alive += !!got;
		refslab_put(w);
	}
	KUNIT_EXPECT_EQ(test, alive, 0);
	refslab_fixture_worker_go(&worker);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n + 1ULL);
	refslab_put(list);
}

static void too_many_references_are_refused(struct kunit *test)
{
	void *obj = refslab_fixture_object(test, make_type(test, &node_ops)), *w = weak(test, obj);
	u64 id = ((struct refslab_object *)obj)->id, word;

	KUNIT_ASSERT_EQ(test, refslab_ident_publish(obj, GFP_KERNEL), 0);
	refslab_fixture_pretend(obj, REFSLAB_COUNT_MAX - 1);
	word = refslab_word_read(&((struct refslab_object *)obj)->word);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_upgrade(w)), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_ident_get(refslab_fixture_objects(test), id)),
			-EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&((struct refslab_object *)obj)->word), word);
	refslab_fixture_pretend(obj, 1 - (s32)REFSLAB_COUNT_MAX);
	refslab_put(obj);
	refslab_put(w);
}

/* Each callback drops the next object: one after the other, not one in the other. */
struct nest {
	void *obj[64];
	void *weak[64];
	unsigned int nr;
	unsigned int deepest;
};

/* The worker may begin with the next on another CPU before this one is done. */
static DEFINE_PER_CPU(unsigned int, nest_depth);

static void nest_call(void *weak, void *arg)
{
	struct nest *nest = arg;
	void *obj = nest->nr < ARRAY_SIZE(nest->obj) ? nest->obj[nest->nr++] : NULL;

	nest->deepest = max(nest->deepest, __this_cpu_inc_return(nest_depth));
	refslab_put(obj);
	__this_cpu_dec(nest_depth);
}

static void callbacks_do_not_nest(struct kunit *test)
{
	struct nest *nest = kunit_kzalloc(test, sizeof(*nest), GFP_KERNEL);
	struct refslab_type *type = make_type(test, &node_ops);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, nest);
	for (i = 0; i < ARRAY_SIZE(nest->obj); i++) {
		nest->obj[i] = refslab_fixture_object(test, type);
		nest->weak[i] = refslab_weak(nest->obj[i], nest_call, nest, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, nest->weak[i]);
	}
	nest->nr = 1;
	refslab_put(nest->obj[0]);
	refslab_fixture_settle(refslab_fixture_heap(test));
	KUNIT_EXPECT_EQ(test, nest->nr, ARRAY_SIZE(nest->obj));
	KUNIT_EXPECT_EQ(test, nest->deepest, 1);
	for (i = 0; i < ARRAY_SIZE(nest->obj); i++)
		refslab_put(nest->weak[i]);
}

/* --- everybody at once ---------------------------------------------------------------------- */

#define RACE_MARK	0x6d61726bULL

struct race {
	struct refslab_heap *heap;
	struct refslab_type *type;
	spinlock_t lock;	/* protects @obj and @weak */
	void *obj[8];
	void *weak[8];
	atomic_t called;
	atomic_t made;
	atomic_t bad;
	atomic_t upgraded;
};

static void race_call(void *weak, void *arg)
{
	atomic_inc(&((struct race *)arg)->called);
}

/* Makes a cycle of two with a weak reference, and drops whatever was in the same place. */
static void race_make(struct race *race, unsigned int i)
{
	void *a = refslab_alloc(race->type, GFP_KERNEL), *b, *w, *old, *old_weak;

	if (!a)
		return;
	*(u64 *)refslab_payload(a) = RACE_MARK;
	b = refslab_alloc(race->type, GFP_KERNEL);
	w = refslab_weak(a, race_call, race, GFP_KERNEL);
	if (!b || IS_ERR(w)) {
		refslab_put(b);
		refslab_put(a);
		if (!IS_ERR(w))
			refslab_put(w);
		return;
	}
	*(u64 *)refslab_payload(b) = RACE_MARK;
	refslab_link(a, 0, b);
	refslab_link(b, 0, a);
	refslab_put(b);
	atomic_inc(&race->made);
	spin_lock(&race->lock);
	old = race->obj[i];
	old_weak = race->weak[i];
	race->obj[i] = a;
	race->weak[i] = w;
	spin_unlock(&race->lock);
	refslab_put(old);
	/* called before it goes, or not at all: so let it go only after the collection */
	if (old_weak) {
		refslab_collect(race->heap, i % 3);
		refslab_put(old_weak);
	}
}

static void race_run(unsigned int nr, void *arg)
{
	struct race *race = arg;
	void *w, *got;
	u32 i;

	for (i = 0; i < 3000; i++) {
		if (!(i % 8)) {
			race_make(race, (nr + i / 8) % 8);
			continue;
		}
		spin_lock(&race->lock);
		w = race->weak[i % 8];
		if (w)
			refslab_get(w);
		spin_unlock(&race->lock);
		if (!w)
			continue;
		got = refslab_upgrade(w);
		if (got) {
			atomic_inc(&race->upgraded);
			if (*(u64 *)refslab_payload(got) != RACE_MARK)
				atomic_inc(&race->bad);
		}
		refslab_put(got);
		refslab_put(w);
	}
}

/* Upgrades against scans that find the same objects dead. */
static void upgrades_race_scans(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->heap = refslab_fixture_heap(test);
	race->type = make_type(test, &node_ops);
	spin_lock_init(&race->lock);
	refslab_fixture_on_cpus(test, race_run, race);
	for (i = 0; i < 8; i++)
		refslab_put(race->obj[i]);
	refslab_collect(race->heap, 2);
	for (i = 0; i < 8; i++)
		refslab_put(race->weak[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->bad), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&race->upgraded), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&race->called), 0);
	KUNIT_EXPECT_LE(test, atomic_read(&race->called), atomic_read(&race->made));
}

static struct kunit_case weak_cases[] = {
	KUNIT_CASE(does_not_count),
	KUNIT_CASE(does_not_find_the_next_in_the_block),
	KUNIT_CASE(outlives_the_memory_of_its_target),
	KUNIT_CASE(only_types_that_allow_it),
	KUNIT_CASE(no_memory_changes_nothing),
	KUNIT_CASE(callbacks_come_once),
	KUNIT_CASE(held_by_its_target),
	KUNIT_CASE(of_a_cycle),
	KUNIT_CASE(scans_do_not_disturb),
	KUNIT_CASE(is_found_complete),
	KUNIT_CASE(many_to_one),
	KUNIT_CASE(too_many_references_are_refused),
	KUNIT_CASE(callbacks_do_not_nest),
	KUNIT_CASE(upgrades_race_scans),
	{}
};

static struct kunit_suite weak_suite = {
	.name = "refslab-weak",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = weak_cases,
};

kunit_test_suite(weak_suite);
