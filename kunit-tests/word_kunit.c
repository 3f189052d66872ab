// SPDX-License-Identifier: GPL-2.0
/*
 * The reference word: arithmetic, limits, misuse.
 */
#include "fixture.h"

#define WORD(version, low)	((u64)(u32)(version) << 32 | (u32)(low))
#define FLAGS			(REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD | REFSLAB_WORD_FIXED)
#define FIXED_LOW		(REFSLAB_WORD_FIXED | REFSLAB_COUNT_FIXED)

/* Counts at which no carry, borrow or comparison may go wrong. */
static const u32 counts[] = {
	2, 3, 255, 256, 65535, 65536, REFSLAB_COUNT_MAX - 1, REFSLAB_COUNT_MAX,
	REFSLAB_COUNT_MAX + 1, REFSLAB_COUNT_SATURATED - 2,
};

static const u32 versions[] = { 0, 1, 0x7fffffff, 0x80000000, U32_MAX - 1, U32_MAX };

static const u32 verdicts[] = {
	0, REFSLAB_WORD_DYING, REFSLAB_WORD_DEAD, REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD,
};

static void get_adds_one_to_both(struct kunit *test)
{
	unsigned int c, v, f;
	atomic64_t word;

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		for (v = 0; v < ARRAY_SIZE(versions); v++) {
			for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
				atomic64_set(&word, WORD(versions[v], verdicts[f] | counts[c]));
				refslab_word_get(&word);
				KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
						WORD(versions[v] + 1,
						     verdicts[f] | (counts[c] + 1)));
			}
		}
	}
}

static void put_takes_one_and_counts_versions_up(struct kunit *test)
{
	unsigned int c, v, f;
	atomic64_t word;

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		for (v = 0; v < ARRAY_SIZE(versions); v++) {
			for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
				atomic64_set(&word, WORD(versions[v], verdicts[f] | counts[c]));
				KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
				KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
						WORD(versions[v] + 1,
						     verdicts[f] | (counts[c] - 1)));
			}
		}
	}
}

static void last_put_is_told(struct kunit *test)
{
	unsigned int v, f;
	atomic64_t word;

	for (v = 0; v < ARRAY_SIZE(versions); v++) {
		for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
			atomic64_set(&word, WORD(versions[v], verdicts[f] | 1));
			KUNIT_EXPECT_TRUE(test, refslab_word_put(&word));
			KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
					WORD(versions[v] + 1, verdicts[f]));
		}
	}
}

static void bump_is_two_versions_and_no_count(struct kunit *test)
{
	unsigned int c, v, f;
	atomic64_t word;

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		for (v = 0; v < ARRAY_SIZE(versions); v++) {
			for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
				atomic64_set(&word, WORD(versions[v], verdicts[f] | counts[c]));
				refslab_word_bump(&word);
				KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
						WORD(versions[v] + 2, verdicts[f] | counts[c]));
			}
		}
	}
}

static void puts_can_be_told_from_gets(struct kunit *test)
{
	const u32 gets = 1000, puts = 300, bumps = 7;
	u32 versions_up, counts_up, i;
	atomic64_t word;

	/* the version wraps meanwhile */
	atomic64_set(&word, WORD(U32_MAX - 100, 1));
	for (i = 0; i < gets; i++)
		refslab_word_get(&word);
	for (i = 0; i < puts; i++)
		refslab_word_put(&word);
	for (i = 0; i < bumps; i++)
		refslab_word_bump(&word);
	versions_up = refslab_word_version(refslab_word_read(&word)) - (U32_MAX - 100);
	counts_up = refslab_word_count(refslab_word_read(&word)) - 1;
	KUNIT_EXPECT_EQ(test, counts_up, gets - puts);
	KUNIT_EXPECT_EQ(test, (versions_up - counts_up) / 2, puts + bumps);
}

static void saturation_fixes_the_count(struct kunit *test)
{
	unsigned int f;
	atomic64_t word;
	u64 now;

	for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
		atomic64_set(&word, WORD(3, verdicts[f] | (REFSLAB_COUNT_SATURATED - 2)));
		refslab_word_get(&word);
		KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
				WORD(4, verdicts[f] | (REFSLAB_COUNT_SATURATED - 1)));
		refslab_word_get(&word);
		now = refslab_word_read(&word);
		KUNIT_EXPECT_EQ(test, (u32)now, FIXED_LOW);
		KUNIT_EXPECT_GT(test, refslab_word_version(now), 4);
		KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
		KUNIT_EXPECT_TRUE(test, refslab_word_read(&word) & REFSLAB_WORD_FIXED);
	}
}

static void underflow_fixes_the_count(struct kunit *test)
{
	unsigned int v, f;
	atomic64_t word;
	u64 now;

	for (v = 0; v < ARRAY_SIZE(versions); v++) {
		for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
			atomic64_set(&word, WORD(versions[v], verdicts[f]));
			KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
			now = refslab_word_read(&word);
			KUNIT_EXPECT_EQ(test, (u32)now, FIXED_LOW);
			/* touched, and not thrown back */
			KUNIT_EXPECT_NE(test, refslab_word_version(now), versions[v]);
			KUNIT_EXPECT_LE(test, refslab_word_version(now) - versions[v], 3);
			/* nobody destroys it by putting on */
			KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
			KUNIT_EXPECT_TRUE(test, refslab_word_read(&word) & REFSLAB_WORD_FIXED);
		}
	}
}

static void get_on_the_dead_is_caught(struct kunit *test)
{
	unsigned int f;
	atomic64_t word;
	u64 now;

	for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
		atomic64_set(&word, WORD(9, verdicts[f]));
		refslab_word_get(&word);
		now = refslab_word_read(&word);
		KUNIT_EXPECT_EQ(test, (u32)now, FIXED_LOW);
		KUNIT_EXPECT_GT(test, refslab_word_version(now), 9);
		/* whoever gives that reference back destroys nothing a second time */
		KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
	}
}

static void try_get_refuses_at_its_limit(struct kunit *test)
{
	const u32 refused[] = {
		REFSLAB_COUNT_MAX, REFSLAB_COUNT_MAX + 1, REFSLAB_COUNT_SATURATED - 1
	};
	unsigned int i, f;
	atomic64_t word;
	u64 before;

	KUNIT_EXPECT_EQ(test, REFSLAB_COUNT_MAX, 1U << 27);
	KUNIT_EXPECT_EQ(test, REFSLAB_COUNT_SATURATED, 1U << 28);
	for (f = 0; f < ARRAY_SIZE(verdicts); f++) {
		for (i = 0; i < ARRAY_SIZE(refused); i++) {
			before = WORD(U32_MAX, verdicts[f] | refused[i]);
			atomic64_set(&word, before);
			KUNIT_EXPECT_FALSE(test, refslab_word_try_get(&word));
			KUNIT_EXPECT_EQ(test, refslab_word_read(&word), before);
		}
		atomic64_set(&word, WORD(U32_MAX, verdicts[f] | (REFSLAB_COUNT_MAX - 1)));
		KUNIT_EXPECT_TRUE(test, refslab_word_try_get(&word));
		KUNIT_EXPECT_EQ(test, refslab_word_read(&word),
				WORD(0, verdicts[f] | REFSLAB_COUNT_MAX));
	}
}

static void fixing_takes_verdicts_back(struct kunit *test)
{
	atomic64_t word;

	atomic64_set(&word, WORD(1, REFSLAB_WORD_DYING | 3));
	refslab_word_fix(&word);
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word), FIXED_LOW);
	KUNIT_EXPECT_EQ(test, refslab_word_version(refslab_word_read(&word)), 2);
}

static void fixed_counts_stay_for_millions(struct kunit *test)
{
	const u32 n = 3000000;
	bool last = false;
	atomic64_t word;
	u32 i, version;

	atomic64_set(&word, WORD(0, 1));
	refslab_word_fix(&word);
	version = refslab_word_version(refslab_word_read(&word));
	for (i = 0; i < n; i++)
		refslab_word_get(&word);
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word) & FLAGS, REFSLAB_WORD_FIXED);
	for (i = 0; i < 2 * n; i++)
		last |= refslab_word_put(&word);
	KUNIT_EXPECT_FALSE(test, last);
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word) & FLAGS, REFSLAB_WORD_FIXED);
	KUNIT_EXPECT_EQ(test, refslab_word_version(refslab_word_read(&word)), version + 3 * n);
}

/* Far from the middle, each way of changing a fixed count must bring it back. */
static void fixed_counts_are_recentred(struct kunit *test)
{
	const u32 high = REFSLAB_COUNT_FIXED + REFSLAB_COUNT_MAX / 2 + 1;
	const u32 low = REFSLAB_COUNT_FIXED - REFSLAB_COUNT_MAX / 2 - 1;
	atomic64_t word;

	atomic64_set(&word, WORD(0, REFSLAB_WORD_FIXED | high));
	refslab_word_get(&word);
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word), FIXED_LOW);

	atomic64_set(&word, WORD(0, REFSLAB_WORD_FIXED | low));
	KUNIT_EXPECT_FALSE(test, refslab_word_put(&word));
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word), FIXED_LOW);

	atomic64_set(&word, WORD(0, REFSLAB_WORD_FIXED | high));
	KUNIT_EXPECT_TRUE(test, refslab_word_try_get(&word));
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&word), FIXED_LOW);
}

struct contest {
	atomic64_t word;
	u32 rounds;
	atomic_t lasts;
};

static void contend(unsigned int nr, void *arg)
{
	struct contest *contest = arg;
	u32 i;

	for (i = 0; i < contest->rounds; i++) {
		if (i & 1)
			refslab_word_get(&contest->word);
		else
			refslab_word_try_get(&contest->word);
		if (refslab_word_put(&contest->word))
			atomic_inc(&contest->lasts);
	}
}

static void changes_of_all_cpus_are_counted(struct kunit *test)
{
	struct contest contest = { .rounds = 200000 };
	u32 n = num_online_cpus();

	atomic64_set(&contest.word, WORD(U32_MAX, REFSLAB_WORD_DYING | 1));
	refslab_fixture_on_cpus(test, contend, &contest);
	KUNIT_EXPECT_EQ(test, atomic_read(&contest.lasts), 0);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&contest.word),
			WORD(U32_MAX + 2 * n * contest.rounds, REFSLAB_WORD_DYING | 1));
}

static struct kunit_case word_cases[] = {
	KUNIT_CASE(get_adds_one_to_both),
	KUNIT_CASE(put_takes_one_and_counts_versions_up),
	KUNIT_CASE(last_put_is_told),
	KUNIT_CASE(bump_is_two_versions_and_no_count),
	KUNIT_CASE(puts_can_be_told_from_gets),
	KUNIT_CASE(saturation_fixes_the_count),
	KUNIT_CASE(underflow_fixes_the_count),
	KUNIT_CASE(get_on_the_dead_is_caught),
	KUNIT_CASE(try_get_refuses_at_its_limit),
	KUNIT_CASE(fixing_takes_verdicts_back),
	KUNIT_CASE(fixed_counts_stay_for_millions),
	KUNIT_CASE(fixed_counts_are_recentred),
	KUNIT_CASE(changes_of_all_cpus_are_counted),
	{ }
};

static struct kunit_suite word_suite = {
	.name = "refslab-word",
	.test_cases = word_cases,
};

kunit_test_suite(word_suite);
