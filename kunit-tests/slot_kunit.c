// SPDX-License-Identifier: GPL-2.0
/*
 * References in fixed slots.
 */
#include <linux/err.h>

#include "fixture.h"

static void set_and_get_count(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "triple", 3, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type), *got;
	struct refslab_object *a = refslab_fixture_int(test, 1);
	struct refslab_object *b = refslab_fixture_int(test, 2);
	u32 version = refslab_fixture_version(a), i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_NULL(test, refslab_slot_get(obj, i));
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, a), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_NULL(test, refslab_slot_get(obj, 0));
	KUNIT_EXPECT_NULL(test, refslab_slot_get(obj, 2));
	got = refslab_slot_get(obj, 1);
	KUNIT_EXPECT_PTR_EQ(test, got, a);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 3);
	refslab_object_put(got);
	/* the same once more changes nothing, but is seen by a scan */
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, a), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_version(a), version + 5);
	/* another takes its place */
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 2);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	refslab_object_put(a);
	refslab_object_put(b);
	refslab_object_put(obj);
}

static void errors_change_nothing(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);
	struct refslab_object *to = refslab_fixture_int(test, 2);
	u64 word = refslab_word_read(&to->word);
	const u32 beyond[] = { 2, 3, 255, 65536, U32_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, beyond[i], to), -ERANGE);
		KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, beyond[i], NULL), -ERANGE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_slot_get(obj, beyond[i])), -ERANGE);
	}
	KUNIT_EXPECT_EQ(test, refslab_slot_set(atom, 0, to), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_slot_get(atom, 0)), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(list, 0, to), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(list, 0, NULL), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_slot_get(list, 0)), -EPROTOTYPE);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&to->word), word);
	refslab_object_put(to);
	refslab_object_put(atom);
	refslab_object_put(list);
	refslab_object_put(obj);
}

static void too_many_references_are_refused(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);
	struct refslab_object *to = refslab_fixture_int(test, 1);
	struct refslab_object *other = refslab_fixture_int(test, 2), *got;
	u64 word;

	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, to), 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, other), 0);
	refslab_fixture_pretend(to, REFSLAB_COUNT_MAX - 3);
	/* 2^27 - 1: one more goes */
	got = refslab_slot_get(obj, 0);
	KUNIT_EXPECT_PTR_EQ(test, got, to);
	word = refslab_word_read(&to->word);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_slot_get(obj, 0)), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, to), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&to->word), word);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(other), 2);
	refslab_object_put(got);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, to), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(other), 1);
	refslab_fixture_pretend(to, -(s32)(REFSLAB_COUNT_MAX - 3));
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(to), 1);
	refslab_object_put(to);
	refslab_object_put(other);
}

static void displaced_last_reference_is_destroyed(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);
	struct refslab_object *inner = refslab_fixture_object(test, type);
	struct refslab_object *atom = refslab_fixture_int(test, 1);

	refslab_slot_set(inner, 0, atom);
	refslab_slot_set(obj, 0, inner);
	refslab_object_put(inner);
	refslab_object_put(atom);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 3);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 1);
	refslab_object_put(obj);
}

static void an_object_may_refer_to_itself(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);

	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, obj), 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, obj), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 3);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, NULL), 0);
	/* the last reference goes by the object's own slot */
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static void the_most_slots_work(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "wide", 65535, 8, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type), *got;
	struct refslab_object *atom = refslab_fixture_int(test, 1);
	u32 i, failed = 0;

	for (i = 0; i < 65535; i++)
		failed += refslab_slot_set(obj, i, atom) != 0;
	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 65535, atom), -ERANGE);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 65536);
	/* the payload is behind them */
	*(u64 *)refslab_object_body(obj, type) = ~0ULL;
	got = refslab_slot_get(obj, 65534);
	KUNIT_EXPECT_PTR_EQ(test, got, atom);
	refslab_object_put(got);
	refslab_object_put(obj);
	refslab_fixture_settle(refslab_fixture_heap(test));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_object_put(atom);
}

struct contest {
	struct refslab_object *obj;
	struct refslab_object *targets[4];
	atomic_t wrong;
};

static void contend(unsigned int nr, void *arg)
{
	struct contest *contest = arg;
	struct refslab_object *got;
	unsigned int i, t;

	for (i = 0; i < 50000; i++) {
		t = (i + nr) % 5;
		if (refslab_slot_set(contest->obj, 0, t < 4 ? contest->targets[t] : NULL))
			atomic_inc(&contest->wrong);
		got = refslab_slot_get(contest->obj, 0);
		if (IS_ERR(got)) {
			atomic_inc(&contest->wrong);
			continue;
		}
		if (!got)
			continue;
		for (t = 0; t < 4 && contest->targets[t] != got; t++)
			;
		if (t == 4)
			atomic_inc(&contest->wrong);
		refslab_object_put(got);
	}
}

static void many_may_change_one_slot(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "pair", 1, 0, 0);
	struct contest contest = { .obj = refslab_fixture_object(test, type) };
	u32 sum = 0;
	int i;

	for (i = 0; i < 4; i++)
		contest.targets[i] = refslab_fixture_int(test, i);
	refslab_fixture_on_cpus(test, contend, &contest);
	KUNIT_EXPECT_EQ(test, atomic_read(&contest.wrong), 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(contest.obj, 0, contest.targets[0]), 0);
	for (i = 0; i < 4; i++)
		sum += refslab_fixture_count(contest.targets[i]);
	KUNIT_EXPECT_EQ(test, sum, 5);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(contest.targets[0]), 2);
	refslab_object_put(contest.obj);
	for (i = 0; i < 4; i++)
		refslab_object_put(contest.targets[i]);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(set_and_get_count),
	KUNIT_CASE(errors_change_nothing),
	KUNIT_CASE(too_many_references_are_refused),
	KUNIT_CASE(displaced_last_reference_is_destroyed),
	KUNIT_CASE(an_object_may_refer_to_itself),
	KUNIT_CASE(the_most_slots_work),
	KUNIT_CASE(many_may_change_one_slot),
	{ }
};

static struct kunit_suite slot_suite = {
	.name = "refslab-slot",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = slot_cases,
};

kunit_test_suite(slot_suite);
