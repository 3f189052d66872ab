// SPDX-License-Identifier: GPL-2.0
/*
 * The reference word's rare cases: flags set, saturation, misuse. See word.h for the layout.
 */
#include <linux/export.h>
#include <linux/printk.h>

#include "word.h"

/**
 * refslab_word_fix() - make an object immortal
 * @word: its word
 *
 * From now on gets and puts change nothing that matters: the count stands where no number of racing
 * ones can carry it to either end. Context: any; the caller holds a reference.
 */
void refslab_word_fix(atomic64_t *word)
{
	u64 old = refslab_word_read(word), new;

	do {
		new = old & ~(u64)(REFSLAB_WORD_COUNT | REFSLAB_WORD_DYING | REFSLAB_WORD_DEAD);
		new |= REFSLAB_WORD_FIXED | (REFSLAB_COUNT_FIXED & REFSLAB_WORD_COUNT);
		new += REFSLAB_WORD_VERSION;
	} while (!atomic64_try_cmpxchg_relaxed(word, (s64 *)&old, new));
}
REFSLAB_EXPORT_TEST(refslab_word_fix);

/*
 * Somebody's mistake, told where gets and puts are inlined, with the caller. Once for each object,
 * as its count is fixed then.
 */
#define complain(_what)									\
	pr_err_ratelimited("refslab: " _what ", in %pS; the object leaks from now on\n",	\
			   __builtin_return_address(0))

/* A fixed count drifts by the difference of gets and puts: bring it back long before an end. */
static void recentre(atomic64_t *word, u64 new)
{
	u32 count = refslab_word_count(new);

	if (count < REFSLAB_COUNT_FIXED - REFSLAB_COUNT_MAX / 2 ||
	    count > REFSLAB_COUNT_FIXED + REFSLAB_COUNT_MAX / 2)
		refslab_word_fix(word);
}

/**
 * refslab_word_get_slow() - what refslab_word_get() leaves to do
 * @word: the word
 * @new: what it became
 */
void refslab_word_get_slow(atomic64_t *word, u64 new)
{
	u32 count = refslab_word_count(new);

	if (new & REFSLAB_WORD_FIXED) {
		recentre(word, new);
	} else if (count == 1) {
		complain("reference taken on a dead object");
		refslab_word_fix(word);
	} else if (count >= REFSLAB_COUNT_SATURATED) {
		complain("reference count saturated");
		refslab_word_fix(word);
	}
	/* else DYING alone: the collector will see the new version */
}
EXPORT_SYMBOL_GPL(refslab_word_get_slow);

/**
 * refslab_word_put_slow() - what refslab_word_put() leaves to do
 * @word: the word
 * @new: what it became
 *
 * Return: true when the count reached 0.
 */
bool refslab_word_put_slow(atomic64_t *word, u64 new)
{
	u32 count = refslab_word_count(new);

	/* the borrow of a count of 0 turns every bit on */
	if (unlikely((u32)new == U32_MAX)) {
		complain("reference dropped that nobody held");
		refslab_word_fix(word);
		return false;
	}
	if (new & REFSLAB_WORD_FIXED) {
		recentre(word, new);
		return false;
	}
	return !count;
}
EXPORT_SYMBOL_GPL(refslab_word_put_slow);

/**
 * refslab_word_try_get() - take a reference unless the count is at its limit
 * @word: the word of an object the caller holds a reference (or its slot's lock) on
 *
 * Full barrier, for refslab_slot_displace(). Return: false when the object has REFSLAB_COUNT_MAX
 * references or more.
 */
bool refslab_word_try_get(atomic64_t *word)
{
	u64 old = refslab_word_read(word);

	do {
		if (unlikely(!(old & REFSLAB_WORD_FIXED) &&
			     refslab_word_count(old) >= REFSLAB_COUNT_MAX))
			return false;
	} while (!atomic64_try_cmpxchg(word, (s64 *)&old, old + REFSLAB_WORD_GET));
	if (unlikely(old & REFSLAB_WORD_FIXED))
		recentre(word, old + REFSLAB_WORD_GET);
	return true;
}
REFSLAB_EXPORT_TEST(refslab_word_try_get);
