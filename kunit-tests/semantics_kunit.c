// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers, weak references and garbage together, where one thing may come between others: what
 * CPython's own tests ask for and no other suite here shows. doc/cpython-tests.md has the whole
 * list of them.
 */
#include <linux/err.h>

#include "../kmod/refslab.h"
#include "fixture.h"

#define LEFT	0
#define RIGHT	1

/* What an object's finalizer does, besides looking whether everything is as it should be. */
enum kind {
	SIMPLE,
	RESURRECTOR,		/* keeps a reference to its object */
	SUICIDAL,		/* takes it out of the ring */
};

struct payload {
	enum kind kind;
	unsigned int number;
	bool suicided;
};

#define RING	6

static struct {
	unsigned int runs[RING];
	void *survivor[RING];
	unsigned int insane;
	unsigned int releases;
} seen;

/* As its neighbours know it: theirs is it, and it is theirs, unless one of them has left. */
static bool sane(void *obj, unsigned int slot)
{
	struct payload *mine = refslab_payload(obj), *payload;
	void *other = refslab_follow(obj, slot), *back;
	bool ok;

	if (!other)
		return mine->suicided;
	payload = refslab_payload(other);
	back = refslab_follow(other, slot == LEFT ? RIGHT : LEFT);
	ok = !mine->suicided && back == (payload->suicided ? NULL : obj);
	refslab_put(back);
	refslab_put(other);
	return ok;
}

static void ring_finalize(void *obj)
{
	struct payload *payload = refslab_payload(obj);

	seen.runs[payload->number]++;
	seen.insane += !sane(obj, LEFT) + !sane(obj, RIGHT);
	switch (payload->kind) {
	case SIMPLE:
		break;
	case RESURRECTOR:
		seen.survivor[payload->number] = refslab_get(obj);
		break;
	case SUICIDAL:
		payload->suicided = true;
		refslab_link(obj, LEFT, NULL);
		refslab_link(obj, RIGHT, NULL);
		break;
	}
}

static void count_release(void *obj)
{
	seen.releases++;
}

static const struct refslab_type_ops ring_ops = {
	.name = "ring", .nr_slots = 2, .payload = sizeof(struct payload), .weakref = true,
	.finalize = ring_finalize, .release = count_release,
};

static const struct refslab_type_ops plain_ops = {
	.name = "plain", .nr_slots = 2, .payload = 8, .weakref = true,
};

static const struct refslab_type_ops acyclic_ops = {
	.name = "acyclic", .nr_slots = 1, .acyclic = true,
};

static struct refslab_type *make_type(struct kunit *test, const struct refslab_type_ops *ops)
{
	struct refslab_type *type = refslab_type_register(refslab_fixture_heap(test), ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

static void *make_weak(struct kunit *test, void *obj, void (*callback)(void *weak, void *arg),
		       void *arg)
{
	void *weak = refslab_weak(obj, callback, arg, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	return weak;
}

static enum refslab_upgrade try_upgrade(void *obj)
{
	enum refslab_upgrade upgrade = refslab_object_try_upgrade(obj);

	if (upgrade == REFSLAB_UPGRADE_DONE)
		refslab_put(obj);
	return upgrade;
}

static int init(struct kunit *test)
{
	memset(&seen, 0, sizeof(seen));
	return refslab_fixture_init(test);
}

/* --- rings of all kinds --------------------------------------------------------------------- */

static const struct ring {
	const char *name;
	unsigned int nr;
	enum kind kind[RING];
} rings[] = {
	{ "one that does nothing", 1, { SIMPLE } },
	{ "one that comes back", 1, { RESURRECTOR } },
	{ "one that takes itself apart", 1, { SUICIDAL } },
	{ "all do nothing", 3, { SIMPLE, SIMPLE, SIMPLE } },
	{ "all come back", 3, { RESURRECTOR, RESURRECTOR, RESURRECTOR } },
	{ "all take themselves out", 3, { SUICIDAL, SUICIDAL, SUICIDAL } },
	{ "every other takes itself out", 4, { SUICIDAL, SIMPLE, SUICIDAL, SIMPLE } },
	{ "two take themselves out", 4, { SUICIDAL, SUICIDAL, SIMPLE, SIMPLE } },
	{ "every other comes back", 4, { RESURRECTOR, SIMPLE, RESURRECTOR, SIMPLE } },
	{ "some of each, by turns", 6,
	  { RESURRECTOR, SIMPLE, SUICIDAL, RESURRECTOR, SIMPLE, SUICIDAL } },
	{ "some of each, one after the other", 6,
	  { RESURRECTOR, RESURRECTOR, SIMPLE, SIMPLE, SUICIDAL, SUICIDAL } },
};

static unsigned int total(const unsigned int *n)
{
	unsigned int i, sum = 0;

	for (i = 0; i < RING; i++)
		sum += n[i];
	return sum;
}

static void check_ring(struct kunit *test, struct refslab_type *type, const struct ring *ring)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *held[RING];
	void *obj[RING], *weak[RING];
	unsigned int i, nr = 0;
	struct payload *payload;
	long first, second;

	memset(&seen, 0, sizeof(seen));
	for (i = 0; i < ring->nr; i++) {
		obj[i] = refslab_fixture_object(test, type);
		payload = refslab_payload(obj[i]);
		payload->kind = ring->kind[i];
		payload->number = i;
		weak[i] = make_weak(test, obj[i], NULL, NULL);
	}
	for (i = 0; i < ring->nr; i++) {
		refslab_link(obj[i], LEFT, obj[(i + ring->nr - 1) % ring->nr]);
		refslab_link(obj[i], RIGHT, obj[(i + 1) % ring->nr]);
	}
	for (i = 0; i < ring->nr; i++)
		refslab_put(obj[i]);

	first = refslab_collect(heap, 2);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_EQ_MSG(test, seen.insane, 0, "%s", ring->name);
	for (i = 0; i < ring->nr; i++) {
		KUNIT_EXPECT_EQ_MSG(test, seen.runs[i], 1, "%s", ring->name);
		KUNIT_EXPECT_EQ_MSG(test, !!seen.survivor[i], ring->kind[i] == RESURRECTOR, "%s",
				    ring->name);
		KUNIT_EXPECT_NULL_MSG(test, refslab_upgrade(weak[i]), "%s", ring->name);
		if (seen.survivor[i])
			held[nr++] = seen.survivor[i];
		refslab_put(weak[i]);
	}
	refslab_fixture_check_held(test, held, nr);
	/* neither brought back nor counted as found: there is nothing between the two */
	KUNIT_EXPECT_EQ_MSG(test, (u64)(ring->nr - first), refslab_fixture_live(heap), "%s",
			    ring->name);
	KUNIT_EXPECT_EQ_MSG(test, (unsigned int)first, seen.releases, "%s", ring->name);

	while (nr)
		refslab_put(held[--nr]);
	second = refslab_collect(heap, 2);
	refslab_fixture_settle(heap);
	KUNIT_EXPECT_LE_MSG(test, second, (long)ring->nr - first, "%s", ring->name);
	KUNIT_EXPECT_EQ_MSG(test, total(seen.runs), ring->nr, "%s", ring->name);
	KUNIT_EXPECT_EQ_MSG(test, seen.releases, ring->nr, "%s", ring->name);
	KUNIT_EXPECT_EQ_MSG(test, refslab_fixture_live(heap), 0ULL, "%s", ring->name);
}

static void rings_of_all_kinds_are_finalized(struct kunit *test)
{
	struct refslab_type *type = make_type(test, &ring_ops);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rings); i++)
		check_ring(test, type, &rings[i]);
}

/* What is brought back is counted nowhere, and what is not is found in spite of it. */
static void only_what_died_counts(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_generation *old = &heap->gc.generation[2];
	struct refslab_type *type = make_type(test, &ring_ops);
	unsigned int i, back;
	void *obj;

	for (back = 0; back < 2; back++) {
		for (i = 0; i < 100 + back; i++) {
			obj = refslab_fixture_object(test, type);
			if (i == 100)
				((struct payload *)refslab_payload(obj))->kind = RESURRECTOR;
			refslab_link(obj, LEFT, obj);
			refslab_link(obj, RIGHT, obj);
			refslab_put(obj);
		}
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 100L);
		KUNIT_EXPECT_EQ(test, old->collected, 100ULL * (back + 1));
		KUNIT_EXPECT_EQ(test, old->uncollectable, 0ULL);
	}
	refslab_put(seen.survivor[0]);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, old->collected, 201ULL);
}

/* --- who is called back, and what is there then --------------------------------------------- */

struct calls {
	void *obj[8];		/* nobody must find any of these any more */
	unsigned int nr;
	unsigned int found;
};

static void look_for_all(void *weak, void *arg)
{
	struct calls *calls = arg;
	unsigned int i;

	calls->nr++;
	for (i = 0; i < ARRAY_SIZE(calls->obj); i++)
		if (calls->obj[i])
			calls->found += try_upgrade(calls->obj[i]) != REFSLAB_UPGRADE_DEAD;
}

/* In a callback the object is dead, for its other weak references as well. */
static void callbacks_find_the_object_dead(struct kunit *test)
{
	struct refslab_type *type = make_type(test, &plain_ops);
	struct calls calls = { };
	void *weak[3];
	unsigned int i;

	calls.obj[0] = refslab_fixture_object(test, type);
	for (i = 0; i < ARRAY_SIZE(weak); i++)
		weak[i] = make_weak(test, calls.obj[0], look_for_all, &calls);
	refslab_put(calls.obj[0]);
	KUNIT_EXPECT_EQ(test, calls.nr, 3);
	KUNIT_EXPECT_EQ(test, calls.found, 0);
	for (i = 0; i < ARRAY_SIZE(weak); i++)
		refslab_put(weak[i]);
}

/* And so is all that is garbage with it. */
static void callbacks_find_all_garbage_dead(struct kunit *test)
{
	struct refslab_type *type = make_type(test, &plain_ops);
	struct calls calls = { };
	void *weak[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(weak); i++) {
		calls.obj[i] = refslab_fixture_object(test, type);
		weak[i] = make_weak(test, calls.obj[i], look_for_all, &calls);
		refslab_link(calls.obj[i], 0, calls.obj[i]);
	}
	for (i = 0; i < ARRAY_SIZE(weak); i++)
		refslab_put(calls.obj[i]);
	KUNIT_EXPECT_EQ(test, calls.nr, 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 8L);
	KUNIT_EXPECT_EQ(test, calls.nr, 8);
	KUNIT_EXPECT_EQ(test, calls.found, 0);
	for (i = 0; i < ARRAY_SIZE(weak); i++)
		refslab_put(weak[i]);
}

/* A chain goes, with a callback for each: none finds its object, nor what referred to that. */
static void callbacks_during_a_long_destruction(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = make_type(test, &plain_ops);
	unsigned int i, n = 100, found = 0, called = 0;
	struct calls *calls = kunit_kcalloc(test, n, sizeof(*calls), GFP_KERNEL);
	void **weak = kunit_kcalloc(test, n, sizeof(*weak), GFP_KERNEL);
	void *head = NULL, *obj;

	KUNIT_ASSERT_NOT_NULL(test, calls);
	KUNIT_ASSERT_NOT_NULL(test, weak);
	for (i = 0; i < n; i++) {
		obj = refslab_fixture_object(test, type);
		refslab_link(obj, 0, head);
		refslab_put(head);
		head = obj;
		calls[i].obj[0] = obj;
		/* what it refers to is alive still, what referred to it is not */
		if (i)
			calls[i - 1].obj[1] = obj;
		weak[i] = make_weak(test, obj, look_for_all, &calls[i]);
	}
	refslab_put(head);
	refslab_fixture_settle(heap);
	for (i = 0; i < n; i++) {
		found += calls[i].found;
		called += calls[i].nr;
		refslab_put(weak[i]);
	}
	KUNIT_EXPECT_EQ(test, called, n);
	KUNIT_EXPECT_EQ(test, found, 0);
}

/* c leads to a and to a weak reference to it, and a to neither: all are garbage, none is called. */
static void not_called_when_reachable_one_way(struct kunit *test)
{
	struct refslab_type *type = make_type(test, &plain_ops);
	struct refslab_object *list = refslab_fixture_list(test);
	void *a = refslab_fixture_object(test, type), *weak;
	struct calls calls = { };

	weak = make_weak(test, a, look_for_all, &calls);
	KUNIT_ASSERT_EQ(test, refslab_table_append(list, list, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(list, a, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(list, weak, GFP_KERNEL), 0);
	refslab_put(weak);
	refslab_put(a);
	refslab_put(list);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 3L);
	KUNIT_EXPECT_EQ(test, calls.nr, 0);
}

/*
 * a -> acyclic -> z: the collector does not see that z is garbage. It dies when a is torn down. The
 * weak reference to it is garbage, too, which may be torn down before or after it.
 */
static void garbage_is_not_called_by_what_it_leads_to(struct kunit *test)
{
	struct refslab_type *plain = make_type(test, &plain_ops);
	struct refslab_type *acyclic = make_type(test, &acyclic_ops);
	void *a, *y, *z, *weak, *cycle;
	struct calls calls = { };
	unsigned int order;

	/* whichever lies first in memory */
	for (order = 0; order < 2; order++) {
		cycle = order ? refslab_fixture_object(test, plain) : NULL;
		a = refslab_fixture_object(test, plain);
		if (!cycle)
			cycle = refslab_fixture_object(test, plain);
		y = refslab_fixture_object(test, acyclic);
		z = refslab_fixture_object(test, plain);
		weak = make_weak(test, z, look_for_all, &calls);
		refslab_link(y, 0, z);
		refslab_link(a, 0, y);
		refslab_link(a, 1, a);
		refslab_link(cycle, 0, cycle);
		refslab_link(cycle, 1, weak);
		refslab_put(weak);
		refslab_put(z);
		refslab_put(y);
		refslab_put(cycle);
		refslab_put(a);
		KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 3L);
		KUNIT_EXPECT_EQ(test, calls.nr, 0);
		KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0ULL);
	}
}

static void keeper_finalize(void *obj)
{
	struct payload *payload = refslab_payload(obj);

	if (payload->kind == RESURRECTOR)
		seen.survivor[0] = refslab_get(obj);
}

/* A weak reference that a finalizer brings back is told what it missed as garbage. */
static void brought_back_and_called(struct kunit *test)
{
	static const struct refslab_type_ops keeper_ops = {
		.name = "keeper", .nr_slots = 2, .payload = sizeof(struct payload),
		.finalize = keeper_finalize,
	};
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *keeper = make_type(test, &keeper_ops);
	struct refslab_type *plain = make_type(test, &plain_ops);
	struct calls calls = { };
	void *obj, *target, *weak;
	unsigned int back;

	for (back = 0; back < 2; back++) {
		memset(&seen, 0, sizeof(seen));
		obj = refslab_fixture_object(test, keeper);
		((struct payload *)refslab_payload(obj))->kind = back ? RESURRECTOR : SIMPLE;
		target = refslab_fixture_object(test, plain);
		weak = make_weak(test, target, look_for_all, &calls);
		/* obj -> weak and itself; target -> itself */
		refslab_link(obj, LEFT, weak);
		refslab_link(obj, RIGHT, obj);
		refslab_link(target, 0, target);
		refslab_put(weak);
		refslab_put(target);
		refslab_put(obj);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), back ? 1L : 3L);
		KUNIT_EXPECT_EQ(test, calls.nr, back);
	}
	weak = refslab_follow(seen.survivor[0], LEFT);
	KUNIT_ASSERT_NOT_NULL(test, weak);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(weak), 2);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	refslab_put(seen.survivor[0]);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2L);
	KUNIT_EXPECT_EQ(test, calls.nr, 1);
}

/* --- from within the tear-down -------------------------------------------------------------- */

static struct {
	void *garbage[2];
	void *weak;
	void *outside;
	unsigned int runs;
	unsigned int found;
} late;

/* Runs when garbage is torn down that leads to its object, which is none. */
static void late_finalize(void *obj)
{
	unsigned int i;

	late.runs++;
	for (i = 0; i < ARRAY_SIZE(late.garbage); i++)
		if (late.garbage[i])
			late.found += try_upgrade(late.garbage[i]) != REFSLAB_UPGRADE_DEAD;
}

static void late_call(void *weak, void *arg)
{
	late_finalize(NULL);
}

static const struct refslab_type_ops late_ops = {
	.name = "late", .nr_slots = 1, .weakref = true, .finalize = late_finalize,
};

/*
 * An old object dies because the young garbage that held it is torn down. Its finalizer, and the
 * callback of a weak reference to it, look for other garbage of the same scan: it is dead.
 */
static void tear_down_shows_no_garbage(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *plain = make_type(test, &plain_ops);
	void *old = refslab_fixture_object(test, make_type(test, &late_ops)), *weak, *obj[3];
	unsigned int i;

	memset(&late, 0, sizeof(late));
	refslab_collect(heap, 2);
	weak = make_weak(test, old, late_call, NULL);
	/* others before and behind it, in memory and so in the order of the tear-down */
	for (i = 0; i < 3; i++) {
		obj[i] = refslab_fixture_object(test, plain);
		refslab_link(obj[i], 0, obj[i]);
	}
	refslab_link(obj[1], 1, old);
	late.garbage[0] = obj[0];
	late.garbage[1] = obj[2];
	refslab_put(old);
	for (i = 0; i < 3; i++)
		refslab_put(obj[i]);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(old), 2);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 0), 3L);
	refslab_fixture_settle(heap);
	/* the finalizer, and the callback */
	KUNIT_EXPECT_EQ(test, late.runs, 2);
	KUNIT_EXPECT_EQ(test, late.found, 0);
	refslab_put(weak);
}

static void cyclic_finalize(void *obj)
{
	late.garbage[0] = refslab_follow(obj, 0);
	late.weak = refslab_weak(late.garbage[0], NULL, NULL, GFP_ATOMIC);
	refslab_put(late.garbage[0]);
	/* from now on the garbage alone has it */
	refslab_put(late.outside);
}

/* A weak reference that a finalizer makes to other garbage does not help either. */
static void weak_references_made_to_garbage_die(struct kunit *test)
{
	static const struct refslab_type_ops cyclic_ops = {
		.name = "cyclic", .nr_slots = 2, .finalize = cyclic_finalize,
	};
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *cyclic = refslab_fixture_object(test, make_type(test, &cyclic_ops));
	void *other = refslab_fixture_object(test, make_type(test, &plain_ops));

	memset(&late, 0, sizeof(late));
	late.outside = refslab_fixture_object(test, make_type(test, &late_ops));
	refslab_link(cyclic, 0, other);
	refslab_link(cyclic, 1, late.outside);
	refslab_link(other, 0, cyclic);
	refslab_put(cyclic);
	refslab_put(other);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2L);
	refslab_fixture_settle(heap);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, late.weak);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(late.weak));
	KUNIT_EXPECT_EQ(test, late.runs, 1);
	KUNIT_EXPECT_EQ(test, late.found, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1ULL);
	refslab_put(late.weak);
}

/*
 * Between the moment when a scan decides that user space is to finalize an object and the one when
 * its weak references are cleared it can be reached again: through none that it had before.
 */
static void announced_objects_are_not_reached(struct kunit *test)
{
	const struct refslab_type_params params = {
		.name = "event", .nr_slots = 1,
		.flags = REFSLAB_TYPE_USER | REFSLAB_TYPE_NOTIFY | REFSLAB_TYPE_WEAKABLE,
	};
	struct refslab_type *type;
	struct refslab_object *obj;
	void *before, *after;

	type = refslab_type_create(refslab_fixture_objects(test), &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	obj = refslab_fixture_object(test, type);
	before = make_weak(test, obj, NULL, NULL);
	/* as announce() has it */
	refslab_object_lock(obj);
	__set_bit(REFSLAB_HEAD_FINALIZED, &obj->head);
	refslab_object_unlock(obj);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(before));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	after = make_weak(test, obj, NULL, NULL);
	KUNIT_EXPECT_PTR_EQ(test, refslab_upgrade(after), (void *)obj);
	refslab_put(obj);
	refslab_put(obj);
	refslab_put(before);
	refslab_put(after);
}

/* --- scans that finalizers bring about ------------------------------------------------------ */

#define NEST		60
#define ROUNDS		200

static struct {
	struct refslab_type *outer, *inner;
	atomic_t made, finalized, failed;
} nest;

/* Makes garbage while others are destroyed. */
static void nest_finalize(void *obj)
{
	void *cycle = refslab_alloc(nest.outer, GFP_ATOMIC);

	atomic_inc(&nest.finalized);
	if (!cycle)
		return;
	refslab_link(cycle, 0, cycle);
	refslab_put(cycle);
}

static const struct refslab_type_ops outer_ops = { .name = "outer", .nr_slots = 1 };
static const struct refslab_type_ops inner_ops = {
	.name = "inner", .nr_slots = 1, .finalize = nest_finalize,
};

/* outer -> inner -> outer -> ..., dropped at once, and the like as a cycle */
static void nest_run(unsigned int nr, void *arg)
{
	unsigned int round, i;
	void *obj, *in;

	for (round = 0; round < ROUNDS; round++) {
		obj = NULL;
		for (i = 0; i < 2 * NEST; i++) {
			in = obj;
			obj = refslab_alloc(i % 2 ? nest.outer : nest.inner, GFP_KERNEL);
			if (!obj) {
				atomic_inc(&nest.failed);
				refslab_put(in);
				break;
			}
			atomic_add(i % 2 == 0, &nest.made);
			if (!in && round % 2)
				refslab_link(obj, 0, obj);
			else
				refslab_link(obj, 0, in);
			refslab_put(in);
		}
		refslab_put(obj);
	}
}

/*
 * Deep structures with finalizers that allocate, on all CPUs, with scans at every other allocation:
 * each is finalized once, and none is left.
 */
static void nested_finalizers_and_scans(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	const u32 threshold[3] = { 1, 1, 1 };

	memset(&nest, 0, sizeof(nest));
	nest.outer = make_type(test, &outer_ops);
	nest.inner = make_type(test, &inner_ops);
	refslab_generation_set_thresholds(&heap->gc, threshold);
	refslab_enable(heap);
	refslab_fixture_on_cpus(test, nest_run, NULL);
	refslab_disable(heap);
	refslab_collect(heap, 2);
	refslab_fixture_settle(heap);
	refslab_collect(heap, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&nest.failed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&nest.made), NEST * ROUNDS * num_online_cpus());
	KUNIT_EXPECT_EQ(test, atomic_read(&nest.finalized), atomic_read(&nest.made));
	KUNIT_EXPECT_GT(test, heap->gc.generation[0].collections +
			heap->gc.generation[1].collections + heap->gc.generation[2].collections,
			2ULL);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
}

static struct kunit_case semantics_cases[] = {
	KUNIT_CASE(rings_of_all_kinds_are_finalized),
	KUNIT_CASE(only_what_died_counts),
	KUNIT_CASE(callbacks_find_the_object_dead),
	KUNIT_CASE(callbacks_find_all_garbage_dead),
	KUNIT_CASE(callbacks_during_a_long_destruction),
	KUNIT_CASE(not_called_when_reachable_one_way),
	KUNIT_CASE(garbage_is_not_called_by_what_it_leads_to),
	KUNIT_CASE(brought_back_and_called),
	KUNIT_CASE(tear_down_shows_no_garbage),
	KUNIT_CASE(weak_references_made_to_garbage_die),
	KUNIT_CASE(announced_objects_are_not_reached),
	KUNIT_CASE(nested_finalizers_and_scans),
	{}
};

static struct kunit_suite semantics_suite = {
	.name = "refslab-semantics",
	.init = init,
	.exit = refslab_fixture_exit,
	.test_cases = semantics_cases,
};

kunit_test_suite(semantics_suite);
