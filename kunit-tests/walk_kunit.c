// SPDX-License-Identifier: GPL-2.0
/*
 * The refchain: every live object seen once, wherever a walk stops, whatever others do.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "fixture.h"

#define LIVE	3000

/* Objects of all kinds that stay; seen[] has how often each was met, by id from the first on. */
struct crowd {
	struct refslab_object *objs[LIVE];
	unsigned int seen[LIVE];
	u64 first;
	u64 others;
	u64 dead;
	unsigned int stop_after;
	unsigned int met;
};

static int meet(struct refslab_object *obj, void *arg)
{
	struct crowd *crowd = arg;

	/* full: this one has to wait for the next walk */
	if (crowd->met == crowd->stop_after)
		return 1;
	crowd->met++;
	if (refslab_fixture_count(obj) < 1)
		crowd->dead++;
	if (obj->id >= crowd->first && obj->id < crowd->first + LIVE &&
	    crowd->objs[obj->id - crowd->first] == obj)
		crowd->seen[obj->id - crowd->first]++;
	else
		crowd->others++;
	return 0;
}

static struct crowd *make_crowd(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct refslab_type *types[5];
	struct refslab_object *obj;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	types[0] = refslab_fixture_type(test, "atom", 0, 8, 0);
	types[1] = refslab_fixture_type(test, "pair", 2, 0, 50);
	types[2] = refslab_fixture_type(test, "broad", 40, 100, 10);
	types[3] = refslab_fixture_type(test, "large atom", 0, 3000, 0);
	types[4] = refslab_fixture_type(test, "large", 100, 0, 3);
	/* one CPU gives ids in order, 256 at a time */
	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (i = 0; i < LIVE; i++) {
		obj = refslab_fixture_object(test, types[i % 50 ? i % 3 : 3 + i / 50 % 2]);
		if (!i)
			crowd->first = obj->id;
		KUNIT_ASSERT_EQ(test, obj->id, crowd->first + i);
		crowd->objs[i] = obj;
	}
	refslab_fixture_unpin(test);
	crowd->stop_after = UINT_MAX;
	return crowd;
}

static void expect_all_seen(struct kunit *test, struct crowd *crowd, unsigned int times)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < LIVE; i++)
		wrong += crowd->objs[i] && crowd->seen[i] != times;
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, crowd->dead, 0);
}

static void end_crowd(struct crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < LIVE; i++)
		if (crowd->objs[i])
			refslab_object_put(crowd->objs[i]);
}

static void an_empty_heap_has_nothing(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	u64 cursor = 0;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->stop_after = UINT_MAX;
	KUNIT_EXPECT_EQ(test, refslab_walk(refslab_fixture_objects(test), &cursor, meet, crowd), 0);
	KUNIT_EXPECT_EQ(test, cursor, 0);
	KUNIT_EXPECT_EQ(test, crowd->met, 0);
}

static void each_object_is_seen_once(struct kunit *test)
{
	struct crowd *crowd = make_crowd(test);
	u64 cursor = 0, word;

	word = refslab_fixture_count(crowd->objs[0]);
	KUNIT_EXPECT_EQ(test, refslab_walk(refslab_fixture_objects(test), &cursor, meet, crowd), 0);
	KUNIT_EXPECT_EQ(test, cursor, 0);
	KUNIT_EXPECT_EQ(test, crowd->met, LIVE);
	expect_all_seen(test, crowd, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(crowd->objs[0]), word);
	end_crowd(crowd);
}

static void dead_objects_are_not_seen(struct kunit *test)
{
	struct crowd *crowd = make_crowd(test);
	u64 cursor = 0;
	unsigned int i;

	/* some blocks go to a cache, some to their pool; some pools empty */
	for (i = 0; i < LIVE; i++) {
		if (i % 7 < 5 || (i > 1000 && i < 2000)) {
			refslab_object_put(crowd->objs[i]);
			crowd->objs[i] = NULL;
		}
	}
	refslab_walk(refslab_fixture_objects(test), &cursor, meet, crowd);
	expect_all_seen(test, crowd, 1);
	KUNIT_EXPECT_EQ(test, crowd->others, 0);
	KUNIT_EXPECT_EQ(test, crowd->met, refslab_fixture_live(refslab_fixture_heap(test)));
	end_crowd(crowd);
}

static void walks_go_on_where_they_stopped(struct kunit *test)
{
	const unsigned int grains[] = { 1, 2, 3, 7, 63, 64, 65, 1000, LIVE - 1, LIVE, LIVE + 1 };
	struct crowd *crowd = make_crowd(test);
	unsigned int g, walks, met;
	u64 cursor;
	int ret;

	for (g = 0; g < ARRAY_SIZE(grains); g++) {
		crowd->stop_after = grains[g];
		cursor = 0;
		walks = 0;
		met = 0;
		do {
			crowd->met = 0;
			ret = refslab_walk(refslab_fixture_objects(test), &cursor, meet, crowd);
			KUNIT_EXPECT_EQ(test, !ret, !cursor);
			met += crowd->met;
			walks++;
		} while (ret && walks <= LIVE);
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, met, LIVE);
		KUNIT_EXPECT_EQ(test, walks, DIV_ROUND_UP(LIVE, grains[g]));
		expect_all_seen(test, crowd, g + 1);
	}
	KUNIT_EXPECT_EQ(test, crowd->others, 0);
	end_crowd(crowd);
}

/* The pool at which a walk stopped goes away before the walk goes on. */
static void a_cursor_outlives_its_pool(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct crowd *crowd = make_crowd(test);
	struct refslab_pool *pool, *at;
	unsigned int i, walks = 0;
	u64 cursor = 0;
	int ret;

	do {
		/* 5 at a time: in the middle of pools mostly */
		crowd->stop_after = 5;
		crowd->met = 0;
		ret = refslab_walk(&heap->objects, &cursor, meet, crowd);
		if (!ret || ++walks % 3)
			continue;
		/* find the pool with both objects seen and not seen: there the walk stopped */
		at = NULL;
		for (i = 0; i < LIVE && !at; i++) {
			if (!crowd->objs[i] || crowd->seen[i])
				continue;
			pool = refslab_mem_pool_of(&heap->objects.mem, crowd->objs[i]);
			if (refslab_mem_index(pool, crowd->objs[i]) > 0) {
				struct refslab_object *first = refslab_mem_block(pool, 0);
				u64 n = first->id - crowd->first;

				if (n < LIVE && crowd->objs[n] == first && crowd->seen[n])
					at = pool;
			}
		}
		for (i = 0; at && i < LIVE; i++) {
			if (!crowd->objs[i] ||
			    refslab_mem_pool_of(&heap->objects.mem, crowd->objs[i]) != at)
				continue;
			refslab_object_put(crowd->objs[i]);
			crowd->objs[i] = NULL;
		}
		refslab_heap_trim(heap);
	} while (ret && walks < 2 * LIVE);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, walks, 9);
	expect_all_seen(test, crowd, 1);
	end_crowd(crowd);
}

/* --- beside others -------------------------------------------------------------------------- */

struct others {
	struct refslab_type *types[4];
	struct refslab_object *objs[300];
	struct refslab_objects *objects;
	atomic_t failed;
	u64 rounds;
};

/* Makes and frees objects of the kinds that are walked, so that pools come, go and change class. */
static int come_and_go(void *arg)
{
	struct others *others = arg;
	struct refslab_object **objs = others->objs;
	unsigned int i, n;

	while (!kthread_should_stop()) {
		n = 1 + others->rounds % ARRAY_SIZE(others->objs);
		for (i = 0; i < n; i++) {
			objs[i] = refslab_object_alloc(others->types[(i + others->rounds) % 4],
						       GFP_KERNEL);
			if (!objs[i]) {
				atomic_inc(&others->failed);
				break;
			}
			if (i && others->types[(i + others->rounds) % 4]->nr_slots)
				refslab_slot_set(objs[i], 0, objs[i - 1]);
		}
		while (i--)
			refslab_object_put(objs[i]);
		if (others->rounds++ % 16 == 0)
			refslab_cache_drain_all(others->objects);
		cond_resched();
	}
	return 0;
}

static void others_do_not_disturb_a_walk(struct kunit *test)
{
	struct crowd *crowd = make_crowd(test);
	struct others *others = kunit_kzalloc(test, sizeof(*others), GFP_KERNEL);
	const unsigned int walks = 200;
	struct task_struct *task;
	unsigned int i, n, wrong = 0;
	u64 cursor;

	KUNIT_ASSERT_NOT_NULL(test, others);
	others->objects = refslab_fixture_objects(test);
	others->types[0] = refslab_fixture_type(test, "other atom", 0, 8, 0);
	others->types[1] = refslab_fixture_type(test, "other pair", 2, 0, 20);
	others->types[2] = refslab_fixture_type(test, "other broad", 41, 0, 0);
	others->types[3] = refslab_fixture_type(test, "other large", 100, 0, 0);
	task = kthread_run(come_and_go, others, "refslab-others");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	for (i = 0; i < walks || (READ_ONCE(others->rounds) < 300 && i < 100 * walks); i++) {
		memset(crowd->seen, 0, sizeof(crowd->seen));
		cursor = 0;
		crowd->met = 0;
		/* in one go, and in bites between which pools come and go */
		crowd->stop_after = i & 1 ? 100 : UINT_MAX;
		while (refslab_walk(others->objects, &cursor, meet, crowd))
			crowd->met = 0;
		for (n = 0; n < LIVE; n++)
			wrong += crowd->seen[n] != 1;
		cond_resched();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, crowd->dead, 0);
	KUNIT_EXPECT_GT(test, crowd->others, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&others->failed), 0);
	end_crowd(crowd);
}

/* --- references ----------------------------------------------------------------------------- */

static void add_value(struct refslab_object *target, void *arg)
{
	s64 value = 0;

	refslab_int_value(target, &value);
	*(s64 *)arg += value;
}

static void references_are_all_visited(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "five", 5, 16, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);
	struct refslab_object *list = refslab_fixture_list(test), *atom;
	s64 sum = 0;
	int i;

	for (i = 0; i < 4; i++) {
		atom = refslab_fixture_int(test, 1LL << i);
		/* slot 0 stays empty */
		KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, i + 1, atom), 0);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, atom, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, atom, GFP_KERNEL), 0);
		refslab_object_put(atom);
	}
	refslab_walk_references(obj, add_value, &sum);
	KUNIT_EXPECT_EQ(test, sum, 15);
	refslab_walk_references(list, add_value, &sum);
	KUNIT_EXPECT_EQ(test, sum, 45);
	atom = refslab_table_get(list, 0);
	refslab_walk_references(atom, add_value, &sum);
	KUNIT_EXPECT_EQ(test, sum, 45);
	refslab_object_put(atom);
	refslab_object_put(list);
	refslab_object_put(obj);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE(an_empty_heap_has_nothing),
	KUNIT_CASE(each_object_is_seen_once),
	KUNIT_CASE(dead_objects_are_not_seen),
	KUNIT_CASE(walks_go_on_where_they_stopped),
	KUNIT_CASE(a_cursor_outlives_its_pool),
	KUNIT_CASE(others_do_not_disturb_a_walk),
	KUNIT_CASE(references_are_all_visited),
	{ }
};

static struct kunit_suite walk_suite = {
	.name = "refslab-walk",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
