/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reference word: version (high 32 bits) | flags (3 bits) | count (29 bits), one atomic.
 *
 * Each change of the count bumps the version in the same instruction: that is how the collector
 * can tell, after the fact, whether an object was touched while it looked elsewhere. The version
 * belongs to the block's memory, not to the object in it: freeing and reusing a block keeps
 * counting up.
 *
 *   DYING     the collector is about to call the object dead; whoever wants a reference without
 *             holding one waits for the verdict
 *   DEAD      the collector's verdict: garbage; no new reference is to be had
 *   FIXED     immortal or saturated: the count means nothing any more and the object stays
 *
 * get adds (1 << 32) + 1. put adds (1 << 32) - 1: for a count above 0 the low half carries, so
 * that the version rises by one and the count falls by one; flags are not disturbed. A count of
 * 0 must never be put: the carry would not come and the borrow would turn on every flag, which
 * is how underflow is noticed.
 */
#ifndef _REFSLAB_WORD_H
#define _REFSLAB_WORD_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>

#define REFSLAB_WORD_DYING	BIT(31)
#define REFSLAB_WORD_DEAD	BIT(30)
#define REFSLAB_WORD_FIXED	BIT(29)
#define REFSLAB_WORD_COUNT	(REFSLAB_WORD_FIXED - 1)

/* Nobody who can be told takes a reference beyond this. */
#define REFSLAB_COUNT_MAX	BIT(27)
/* A count that gets here in spite of that is fixed at REFSLAB_COUNT_FIXED, far from both ends. */
#define REFSLAB_COUNT_SATURATED	BIT(28)
#define REFSLAB_COUNT_FIXED	(BIT(28) + BIT(27))

#define REFSLAB_WORD_VERSION	BIT_ULL(32)
#define REFSLAB_WORD_GET	(REFSLAB_WORD_VERSION + 1)
#define REFSLAB_WORD_PUT	(REFSLAB_WORD_VERSION - 1)

static inline u32 refslab_word_count(u64 word)
{
	return word & REFSLAB_WORD_COUNT;
}

static inline u32 refslab_word_version(u64 word)
{
	return word >> 32;
}

/* What people are told of the count of an immortal object: there is none that means anything. */
#define REFSLAB_COUNT_TOLD	U32_MAX

/* What people are told of a count: without @ours, who are asking. */
static inline u32 refslab_word_told(u64 word, u32 ours)
{
	return word & REFSLAB_WORD_FIXED ? REFSLAB_COUNT_TOLD : refslab_word_count(word) - ours;
}

static inline u64 refslab_word_read(const atomic64_t *word)
{
	return atomic64_read(word);
}

void refslab_word_get_slow(atomic64_t *word, u64 new);
bool refslab_word_put_slow(atomic64_t *word, u64 new);
bool refslab_word_try_get(atomic64_t *word);
void refslab_word_fix(atomic64_t *word);

/**
 * refslab_word_get() - take a reference when one is held already (or the slot's lock)
 * @word: the object's word
 *
 * Unordered: the caller's own reference, or the lock, orders it. Context: any.
 */
static inline void refslab_word_get(atomic64_t *word)
{
	u64 new = atomic64_add_return_relaxed(REFSLAB_WORD_GET, word);

	/* a count of 1 means that it was 0; a flag or saturation makes the low half large */
	if (unlikely((u32)new - 2 >= REFSLAB_COUNT_SATURATED - 2))
		refslab_word_get_slow(word, new);
}

/**
 * refslab_word_put() - drop a reference
 * @word: the object's word
 *
 * Release; acquire when the count reaches 0: a full barrier costs the same. Context: any.
 *
 * Return: true when this was the last one: the caller must destroy the object.
 */
static inline bool refslab_word_put(atomic64_t *word)
{
	u64 new = atomic64_add_return(REFSLAB_WORD_PUT, word);

	if (unlikely((u32)new - 1 >= REFSLAB_COUNT_SATURATED - 1))
		return refslab_word_put_slow(word, new);
	return false;
}

/**
 * refslab_word_bump() - say that a reference moved without the count changing
 * @word: the object's word
 *
 * By two, as a get and a put would (the collector counts puts). Context: any, with the lock of the
 * slot that the reference leaves.
 */
static inline void refslab_word_bump(atomic64_t *word)
{
	atomic64_add(2 * REFSLAB_WORD_VERSION, word);
}

#endif /* _REFSLAB_WORD_H */
