// SPDX-License-Identifier: GPL-2.0
/*
 * The number of handles: each session's own, the sum, and a limit that comes when there are some.
 */
#include "fixture.h"

#define SESSIONS	3

struct sessions {
	struct refslab_heap *heap;
	spinlock_t lock[SESSIONS];
	struct refslab_quota quota[SESSIONS];
};

static struct sessions *begin(struct kunit *test)
{
	struct sessions *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->heap = refslab_fixture_heap(test);
	for (i = 0; i < SESSIONS; i++) {
		spin_lock_init(&s->lock[i]);
		refslab_quota_add(s->heap, &s->quota[i], &s->lock[i]);
	}
	return s;
}

static void end(struct sessions *s)
{
	unsigned int i;

	for (i = 0; i < SESSIONS; i++)
		refslab_quota_remove(&s->quota[i]);
	synchronize_rcu();
}

static bool take(struct sessions *s, unsigned int i)
{
	bool taken;

	spin_lock(&s->lock[i]);
	taken = refslab_quota_take(&s->quota[i]);
	spin_unlock(&s->lock[i]);
	return taken;
}

static void give(struct sessions *s, unsigned int i)
{
	spin_lock(&s->lock[i]);
	refslab_quota_give(&s->quota[i]);
	spin_unlock(&s->lock[i]);
}

static void expect(struct kunit *test, struct sessions *s, u64 taken, u64 counted)
{
	struct refslab_stat stat;

	refslab_heap_stat(s->heap, &stat);
	KUNIT_EXPECT_EQ(test, stat.handles, taken);
	KUNIT_EXPECT_EQ(test, atomic64_read(&s->heap->quota.counted), (s64)counted);
}

static void set_limit(struct sessions *s, u64 max)
{
	struct refslab_limits limits;

	refslab_heap_get_limits(s->heap, &limits);
	limits.max_handles = max;
	refslab_heap_set_limits(s->heap, &limits, sizeof(limits));
}

static void a_limit_counts_what_there_is(struct kunit *test)
{
	struct sessions *s = begin(test);
	struct refslab_quota late = { };
	unsigned int i, k;
	spinlock_t late_lock;

	for (i = 0; i < SESSIONS; i++)
		for (k = 0; k < 2 * i; k++)
			KUNIT_ASSERT_TRUE(test, take(s, i));
	give(s, 2);
	expect(test, s, 5, 0);
	set_limit(s, 6);
	expect(test, s, 5, 5);
	KUNIT_EXPECT_TRUE(test, take(s, 0));
	KUNIT_EXPECT_FALSE(test, take(s, 0));
	KUNIT_EXPECT_FALSE(test, take(s, 1));
	expect(test, s, 6, 6);
	/* of another session makes room as well; who comes later is bound, too */
	give(s, 2);
	spin_lock_init(&late_lock);
	refslab_quota_add(s->heap, &late, &late_lock);
	KUNIT_EXPECT_TRUE(test, refslab_quota_take(&late));
	KUNIT_EXPECT_FALSE(test, take(s, 1));
	expect(test, s, 6, 6);
	/* below what there is, and above */
	set_limit(s, 3);
	expect(test, s, 6, 6);
	give(s, 2);
	KUNIT_EXPECT_FALSE(test, take(s, 2));
	set_limit(s, 7);
	KUNIT_EXPECT_TRUE(test, take(s, 2));
	expect(test, s, 6, 6);
	set_limit(s, 0);
	expect(test, s, 6, 0);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_TRUE(test, take(s, 1));
	expect(test, s, 16, 0);
	/* and once more */
	set_limit(s, 17);
	expect(test, s, 16, 16);
	KUNIT_EXPECT_TRUE(test, take(s, 0));
	KUNIT_EXPECT_FALSE(test, take(s, 0));
	spin_lock(&late_lock);
	refslab_quota_give(&late);
	spin_unlock(&late_lock);
	refslab_quota_remove(&late);
	for (i = 0; i < SESSIONS; i++)
		while (s->quota[i].taken)
			give(s, i);
	expect(test, s, 0, 0);
	set_limit(s, 0);
	end(s);
}

static struct kunit_case quota_cases[] = {
	KUNIT_CASE(a_limit_counts_what_there_is),
	{ }
};

static struct kunit_suite quota_suite = {
	.name = "refslab-quota",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = quota_cases,
};

kunit_test_suite(quota_suite);
