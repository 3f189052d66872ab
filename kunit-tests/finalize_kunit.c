// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers: of objects whose last reference goes, and of garbage (gc/resurrect.c).
 */
#include <linux/err.h>

#include "../kmod/refslab.h"
#include "fixture.h"

/* What the finalizer of "node" is to do, and what it did. */
static struct {
	void *rescue;		/* when it is this one: keep it */
	void *kept;		/* a new reference */
	bool drop_slot;		/* empty slot 1 */
	bool make_weak;		/* make a weak reference to itself, and keep that */
	void *weak;
	unsigned int runs;
	unsigned int releases;
	unsigned int not_whole;	/* runs on an object whose slot 0 was empty */
} plan;

static void node_finalize(void *obj)
{
	void *to = refslab_follow(obj, 0);

	plan.runs++;
	if (!to)
		plan.not_whole++;
	refslab_put(to);
	if (obj == plan.rescue)
		WRITE_ONCE(plan.kept, refslab_get(obj));
	if (plan.drop_slot)
		refslab_link(obj, 1, NULL);
	if (plan.make_weak)
		plan.weak = refslab_weak(obj, NULL, NULL, GFP_ATOMIC);
}

static void node_release(void *obj)
{
	plan.releases++;
}

static const struct refslab_type_ops node_ops = {
	.name = "node", .nr_slots = 2, .payload = 8, .cache_limit = 8, .weakref = true,
	.finalize = node_finalize, .release = node_release,
};

static int init(struct kunit *test)
{
	memset(&plan, 0, sizeof(plan));
	return refslab_fixture_init(test);
}

static struct refslab_type *node_type(struct kunit *test)
{
	struct refslab_type *type = refslab_type_register(refslab_fixture_heap(test), &node_ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

/* A type whose finalizers are events. */
static struct refslab_type *event_type(struct kunit *test)
{
	const struct refslab_type_params params = {
		.name = "event", .nr_slots = 2, .body = 8, .cache_limit = 8,
		.flags = REFSLAB_TYPE_USER | REFSLAB_TYPE_NOTIFY | REFSLAB_TYPE_WEAKABLE,
	};
	struct refslab_type *type;

	type = refslab_type_create(refslab_fixture_objects(test), &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

/* An object with an int in slot 0, so that it is seen to be whole. */
static void *make(struct kunit *test, struct refslab_type *type)
{
	void *obj = refslab_fixture_object(test, type), *to = refslab_fixture_int(test, 1000);

	KUNIT_ASSERT_EQ(test, refslab_link(obj, 0, to), 0);
	refslab_put(to);
	return obj;
}

static void *make_cycle(struct kunit *test, struct refslab_type *type)
{
	void *obj = make(test, type);

	KUNIT_ASSERT_EQ(test, refslab_link(obj, 1, obj), 0);
	return obj;
}

static struct refslab_events *events_of(struct kunit *test)
{
	return &refslab_fixture_objects(test)->events;
}

static void the_last_put_finalizes(struct kunit *test)
{
	void *obj = make(test, node_type(test));

	KUNIT_EXPECT_FALSE(test, refslab_finalize_done(obj));
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, plan.runs, 1);
	KUNIT_EXPECT_EQ(test, plan.not_whole, 0);
	KUNIT_EXPECT_EQ(test, plan.releases, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0ULL);
}

static void it_runs_once_in_a_life(struct kunit *test)
{
	struct refslab_type *type = node_type(test);
	void *obj = make(test, type), *weak = refslab_weak(obj, NULL, NULL, GFP_KERNEL), *next;
	u64 id = ((struct refslab_object *)obj)->id;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	plan.rescue = obj;
	refslab_put(obj);
	KUNIT_EXPECT_PTR_EQ(test, plan.kept, obj);
	KUNIT_EXPECT_EQ(test, plan.releases, 0);
	/* it is what it was, but for its weak references */
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	KUNIT_EXPECT_EQ(test, ((struct refslab_object *)obj)->id, id);
	KUNIT_EXPECT_TRUE(test, refslab_finalize_done(obj));
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	weak = refslab_weak(obj, NULL, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	KUNIT_EXPECT_PTR_EQ(test, refslab_upgrade(weak), obj);
	refslab_put(obj);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, plan.runs, 1);
	KUNIT_EXPECT_EQ(test, plan.releases, 1);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	/* the next object in the same block has a life of its own */
	plan.rescue = NULL;
	next = make(test, type);
	KUNIT_EXPECT_PTR_EQ(test, next, obj);
	KUNIT_EXPECT_FALSE(test, refslab_finalize_done(next));
	refslab_put(next);
	KUNIT_EXPECT_EQ(test, plan.runs, 2);
}

/* A scan that passes while the object has no reference must not lose it. */
static void what_comes_back_is_still_collected(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void *obj = make(test, node_type(test));

	refslab_collect(heap, 2);
	refslab_collect(heap, 2);
	plan.rescue = obj;
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_generation_of(obj), 0);
	refslab_fixture_check_held(test, (struct refslab_object *const[]){ obj }, 1);
	KUNIT_EXPECT_EQ(test, refslab_link(obj, 1, obj), 0);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, plan.runs, 1);
}

static void weak_references_a_finalizer_makes_die(struct kunit *test)
{
	void *obj = make(test, node_type(test));

	plan.make_weak = true;
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, plan.releases, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, plan.weak);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(plan.weak));
	refslab_put(plan.weak);
}

static void garbage_is_finalized(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = node_type(test);
	void *obj[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		obj[i] = make(test, type);
	for (i = 0; i < 3; i++)
		refslab_link(obj[i], 1, obj[(i + 1) % 3]);
	for (i = 0; i < 3; i++)
		refslab_put(obj[i]);
	KUNIT_EXPECT_EQ(test, plan.runs, 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3L);
	KUNIT_EXPECT_EQ(test, plan.runs, 3);
	KUNIT_EXPECT_EQ(test, plan.not_whole, 0);
	KUNIT_EXPECT_EQ(test, plan.releases, 3);
}

/* One of a ring of three is rescued, and a tail: what it reaches lives on, the rest does not. */
static void rescued_garbage_lives_on(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = node_type(test);
	void *ring[3], *apart, *weak;
	unsigned int i;

	for (i = 0; i < 3; i++)
		ring[i] = make(test, type);
	for (i = 0; i < 3; i++)
		refslab_link(ring[i], 1, ring[(i + 1) % 3]);
	/* points at the ring, and nothing of the ring at it */
	apart = make_cycle(test, type);
	refslab_link(apart, 0, ring[1]);
	weak = refslab_weak(ring[2], NULL, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	for (i = 0; i < 3; i++)
		refslab_put(ring[i]);
	refslab_put(apart);

	plan.rescue = ring[0];
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 0), 1L);
	KUNIT_EXPECT_EQ(test, plan.runs, 4);
	KUNIT_EXPECT_EQ(test, plan.releases, 1);
	KUNIT_EXPECT_PTR_EQ(test, plan.kept, ring[0]);
	/* the kept reference, and one in the ring each */
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(ring[0]), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(ring[1]), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(ring[2]), 1);
	/* into the next older generation */
	KUNIT_EXPECT_EQ(test, refslab_generation_of(ring[2]), 1);
	/* weak references were cleared before */
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	refslab_fixture_check_held(test, (struct refslab_object *const[]){ ring[0] }, 1);

	/* the second time they go without */
	refslab_put(ring[0]);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3L);
	KUNIT_EXPECT_EQ(test, plan.runs, 4);
	KUNIT_EXPECT_EQ(test, plan.releases, 4);
}

/* A finalizer that takes the garbage apart itself. */
static void a_finalizer_may_break_the_cycle(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = node_type(test);
	void *a = make(test, type), *b = make(test, type);

	refslab_link(a, 1, b);
	refslab_link(b, 1, a);
	refslab_put(a);
	refslab_put(b);
	plan.drop_slot = true;
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2L);
	KUNIT_EXPECT_EQ(test, plan.runs, 2);
	KUNIT_EXPECT_EQ(test, plan.releases, 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
}

/* --- finalizers that are events ------------------------------------------------------------- */

static void unheard_events_are_none(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = event_type(test);

	refslab_put(make(test, type));
	refslab_put(make_cycle(test, type));
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
	KUNIT_EXPECT_FALSE(test, refslab_event_pending(events_of(test)));
}

static void the_last_put_announces(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = event_type(test);
	void *a = make(test, type), *b = make(test, type), *to;
	u64 id = ((struct refslab_object *)b)->id;

	refslab_event_listen(events_of(test));
	refslab_put(b);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 4ULL);
	/* the event's reference is one of those that the checker finds */
	refslab_fixture_check_held(test, NULL, 0);
	/* in order, whole, with the id they had */
	KUNIT_EXPECT_PTR_EQ(test, (void *)refslab_event_take(events_of(test)), b);
	KUNIT_EXPECT_PTR_EQ(test, (void *)refslab_event_take(events_of(test)), a);
	KUNIT_EXPECT_NULL(test, refslab_event_take(events_of(test)));
	KUNIT_EXPECT_EQ(test, ((struct refslab_object *)b)->id, id);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	KUNIT_EXPECT_TRUE(test, refslab_finalize_done(b));
	to = refslab_follow(b, 0);
	KUNIT_EXPECT_NOT_NULL(test, to);
	refslab_put(to);
	/* put back, it is the first again */
	refslab_event_untake(events_of(test), a);
	refslab_event_untake(events_of(test), b);
	KUNIT_EXPECT_PTR_EQ(test, (void *)refslab_event_take(events_of(test)), b);
	KUNIT_EXPECT_PTR_EQ(test, (void *)refslab_event_take(events_of(test)), a);
	refslab_put(a);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
	refslab_event_unlisten(events_of(test));
}

/* What the collector announces lives on with all it reaches, and is not counted. */
static void garbage_is_announced(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *plain = refslab_fixture_type(test, "plain", 2, 0, 0);
	struct refslab_object *event = make_cycle(test, event_type(test));
	struct refslab_object *behind = refslab_fixture_object(test, plain);
	struct refslab_object *apart = refslab_fixture_object(test, plain);
	void *weak = refslab_weak(event, NULL, NULL, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	refslab_event_listen(events_of(test));
	/* event -> behind <-> behind; apart -> event, apart -> apart */
	refslab_slot_set(event, 0, behind);
	refslab_slot_set(behind, 0, behind);
	refslab_slot_set(apart, 0, event);
	refslab_slot_set(apart, 1, apart);
	refslab_put(event);
	refslab_put(behind);
	refslab_put(apart);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 3ULL);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(weak));
	refslab_put(weak);
	refslab_fixture_check_held(test, NULL, 0);
	/* it is announced once */
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0L);
	KUNIT_EXPECT_PTR_EQ(test, refslab_event_take(events_of(test)), event);
	KUNIT_EXPECT_NULL(test, refslab_event_take(events_of(test)));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(behind), 2);
	refslab_put(event);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2L);
	KUNIT_EXPECT_FALSE(test, refslab_event_pending(events_of(test)));
	refslab_event_unlisten(events_of(test));
}

/* Announcing costs as much of the budget as destroying. */
static void announcing_is_bounded(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = event_type(test);
	struct refslab_fixture_worker worker;
	struct refslab_object *obj;
	struct refslab_dead dead = { };
	unsigned int i, nr = 0;

	refslab_event_listen(events_of(test));
	refslab_fixture_worker_stop(test, &worker, heap);
	for (i = 0; i < 100; i++) {
		obj = make(test, type);
		KUNIT_ASSERT_TRUE(test, refslab_word_put(&obj->word));
		refslab_destroy_add(&dead, obj);
	}
	refslab_destroy_run(&heap->objects, &dead, 10);
	while ((obj = refslab_event_take(events_of(test)))) {
		refslab_put(obj);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, nr, 10);
	refslab_fixture_worker_go(&worker);
	for (; (obj = refslab_event_take(events_of(test))); nr++)
		refslab_put(obj);
	KUNIT_EXPECT_EQ(test, nr, 100);
	refslab_event_unlisten(events_of(test));
}

static void weak_callbacks_are_events(struct kunit *test)
{
	const struct refslab_weak_params params = { .notify = true };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = event_type(test);
	struct refslab_object *obj = make_cycle(test, type), *weak, *first;

	refslab_event_listen(events_of(test));
	weak = refslab_weak_new(obj, &params, GFP_KERNEL);
	first = refslab_weak_new(obj, &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, weak);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, first);
	refslab_put(first);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0L);
	/* the weak reference's comes first, then the finalizer's */
	KUNIT_EXPECT_PTR_EQ(test, refslab_event_take(events_of(test)), weak);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(weak), 2);
	KUNIT_EXPECT_EQ(test, refslab_weak_target(weak), obj->id);
	KUNIT_EXPECT_PTR_EQ(test, refslab_event_take(events_of(test)), obj);
	KUNIT_EXPECT_NULL(test, refslab_event_take(events_of(test)));
	refslab_put(weak);
	refslab_put(weak);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 1L);
	refslab_event_unlisten(events_of(test));
}

/* --- random graphs against a plain model ---------------------------------------------------- */

#define NODES	12
#define ROUNDS	400

struct model_node {
	struct refslab_object *obj;
	int slot[2];		/* -1: empty */
	bool held;
	bool finalized;
	bool alive;
};

static void model_reach(struct model_node *node, int i, unsigned long *reached)
{
	int k;

	if (i < 0 || __test_and_set_bit(i, reached))
		return;
	for (k = 0; k < 2; k++)
		model_reach(node, node[i].slot[k], reached);
}

static unsigned long model_held(struct model_node *node)
{
	unsigned long reached = 0;
	int i;

	for (i = 0; i < NODES; i++)
		if (node[i].alive && node[i].held)
			model_reach(node, i, &reached);
	return reached;
}

/* Who is announced when what nobody holds is collected; they hold on to what they reach. */
static unsigned long model_collect(struct model_node *node)
{
	unsigned long held = model_held(node), announced = 0, kept;
	int i;

	for (i = 0; i < NODES; i++)
		if (node[i].alive && !test_bit(i, &held) && !node[i].finalized)
			__set_bit(i, &announced);
	kept = held;
	for (i = 0; i < NODES; i++)
		if (test_bit(i, &announced))
			model_reach(node, i, &kept);
	for (i = 0; i < NODES; i++)
		node[i].alive &= test_bit(i, &kept);
	return announced;
}

static u32 random_below(u32 *seed, u32 n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % n;
}

/* Cycles only, so that nothing dies but by the collector; half of what is announced is kept. */
static void random_graphs_match_a_model(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct model_node *node = kunit_kcalloc(test, NODES, sizeof(*node), GFP_KERNEL);
	struct refslab_type *type = event_type(test);
	unsigned long announced, seen;
	u32 seed = 1, wrong = 0;
	struct refslab_object *obj;
	int round, i, k;

	KUNIT_ASSERT_NOT_NULL(test, node);
	refslab_event_listen(events_of(test));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < NODES; i++) {
			if (node[i].alive)
				continue;
			node[i] = (struct model_node){
				.obj = refslab_fixture_object(test, type),
				.slot = { i, -1 }, .held = true, .alive = true,
			};
			/* holds itself: no put() brings it to 0 */
			refslab_slot_set(node[i].obj, 0, node[i].obj);
		}
		for (k = 0; k < NODES; k++) {
			i = random_below(&seed, NODES);
			node[i].slot[1] = (int)(random_below(&seed, NODES + 2)) - 2;
			if (node[i].slot[1] < 0)
				node[i].slot[1] = -1;
			refslab_slot_set(node[i].obj, 1, node[i].slot[1] < 0 ? NULL :
					 node[node[i].slot[1]].obj);
		}
		for (i = 0; i < NODES; i++) {
			if (node[i].held && random_below(&seed, 2)) {
				node[i].held = false;
				refslab_put(node[i].obj);
			}
		}
		announced = model_collect(node);
		refslab_collect(heap, 2);
		seen = 0;
		while ((obj = refslab_event_take(events_of(test)))) {
			for (i = 0; i < NODES && node[i].obj != obj; i++)
				;
			KUNIT_ASSERT_LT(test, i, NODES);
			__set_bit(i, &seen);
			node[i].finalized = true;
			if (random_below(&seed, 2))
				refslab_put(obj);
			else
				node[i].held = true;
		}
		wrong += seen != announced;
		for (i = 0, k = 0; i < NODES; i++)
			k += node[i].alive;
		wrong += refslab_fixture_live(heap) != k;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	refslab_event_unlisten(events_of(test));
	for (i = 0; i < NODES; i++)
		if (node[i].alive && node[i].held)
			refslab_put(node[i].obj);
	refslab_collect(heap, 2);
}

/* --- everybody at once ---------------------------------------------------------------------- */

#define RACE_TARGETS	50
#define RACE_WEAKS	20
#define RACE_ROUNDS	300
#define RACE_TIME	(3 * HZ)	/* at most */

/**
 * struct race - weak references that a finalizer brings back while their objects die
 * @test:	the test
 * @type:	of those objects
 * @node:	garbage, which brings back what it refers to
 * @target:	the objects
 * @weak:	the first of the weak references to each
 * @called:	callbacks
 */
struct race {
	struct kunit *test;
	struct refslab_type *type;
	void *node;
	void *target[RACE_TARGETS];
	struct refslab_object *weak[RACE_TARGETS];
	atomic_t called;
};

static void race_call(void *weak, void *arg)
{
	atomic_inc(&((struct race *)arg)->called);
}

static void race_make(struct race *race, struct refslab_type *type)
{
	struct refslab_object *list = refslab_fixture_list(race->test);
	unsigned int i, k;
	void *weak;

	race->node = refslab_fixture_object(race->test, type);
	refslab_link(race->node, 0, list);
	refslab_link(race->node, 1, race->node);
	for (i = 0; i < RACE_TARGETS; i++) {
		race->target[i] = refslab_fixture_object(race->test, race->type);
		for (k = 0; k < RACE_WEAKS; k++) {
			weak = refslab_weak(race->target[i], race_call, race, GFP_KERNEL);
			KUNIT_ASSERT_NOT_ERR_OR_NULL(race->test, weak);
			refslab_table_append(list, weak, GFP_KERNEL);
			if (!k)
				race->weak[i] = weak;
			refslab_put(weak);
		}
	}
	KUNIT_ASSERT_EQ(race->test, refslab_table_len(list), RACE_TARGETS * RACE_WEAKS);
	refslab_put(list);
	plan.kept = NULL;
	plan.rescue = race->node;
	refslab_put(race->node);
}

/* The first scans; the second lets each object die as the first of its weak references is back. */
static void race_run(unsigned int nr, void *arg)
{
	struct race *race = arg;
	unsigned int i;

	if (!nr)
		refslab_collect(refslab_fixture_heap(race->test), 2);
	if (nr != (num_online_cpus() > 1))
		return;
	while (!READ_ONCE(plan.kept))
		cond_resched();
	for (i = 0; i < RACE_TARGETS; i++) {
		while (refslab_word_read(&race->weak[i]->word) & REFSLAB_WORD_DEAD)
			cond_resched();
		refslab_put(race->target[i]);
	}
}

/* Each weak reference is called back, whoever gets to it first. */
static void weak_references_come_back_as_their_objects_die(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct refslab_type *type = node_type(test);
	unsigned long end;
	int round = 0;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	race->type = refslab_type_register(refslab_fixture_heap(test), &(struct refslab_type_ops) {
		.name = "target", .weakref = true,
	});
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, race->type);
	end = jiffies + RACE_TIME;
	do {
		race_make(race, type);
		refslab_fixture_on_cpus(test, race_run, race);
		refslab_fixture_settle(refslab_fixture_heap(test));
		KUNIT_ASSERT_PTR_EQ(test, plan.kept, race->node);
		plan.rescue = NULL;
		refslab_link(plan.kept, 1, NULL);
		refslab_put(plan.kept);
		round++;
	} while (round < RACE_ROUNDS && time_before(jiffies, end));
	KUNIT_EXPECT_GT(test, round, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->called), RACE_TARGETS * RACE_WEAKS * round);
}

static struct kunit_case finalize_cases[] = {
	KUNIT_CASE(the_last_put_finalizes),
	KUNIT_CASE(it_runs_once_in_a_life),
	KUNIT_CASE(what_comes_back_is_still_collected),
	KUNIT_CASE(weak_references_a_finalizer_makes_die),
	KUNIT_CASE(garbage_is_finalized),
	KUNIT_CASE(rescued_garbage_lives_on),
	KUNIT_CASE(a_finalizer_may_break_the_cycle),
	KUNIT_CASE(unheard_events_are_none),
	KUNIT_CASE(the_last_put_announces),
	KUNIT_CASE(garbage_is_announced),
	KUNIT_CASE(announcing_is_bounded),
	KUNIT_CASE(weak_callbacks_are_events),
	KUNIT_CASE(random_graphs_match_a_model),
	KUNIT_CASE(weak_references_come_back_as_their_objects_die),
	{}
};

static struct kunit_suite finalize_suite = {
	.name = "refslab-finalize",
	.init = init,
	.exit = refslab_fixture_exit,
	.test_cases = finalize_cases,
};

kunit_test_suite(finalize_suite);
