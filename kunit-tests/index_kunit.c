// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a keyed container, against a plain array: entry i has a hash and position i.
 */
#include <linux/prandom.h>

#include "fixture.h"

/**
 * struct model - an index and what is in it
 * @dict:	whose index it is
 * @index:	the index
 * @hash:	of each position
 * @in:		is there an entry with it?
 * @n:		positions
 * @nr:		entries
 */
struct model {
	struct refslab_object *dict;
	struct refslab_index *index;
	u32 *hash;
	u8 *in;
	u32 n;
	u32 nr;
	struct rnd_state rnd;
};

enum kind { RANDOM, FEW_BITS, ONE_LEAF, SAME, IN_TURN, KINDS };

static u32 hash_of(struct model *m, enum kind which, u32 i)
{
	u32 random = prandom_u32_state(&m->rnd);

	switch (which) {
	case FEW_BITS:
		return random & 0xe0040007;
	case ONE_LEAF:
		return 0xabcd4000 | (random & 0x1fff);
	case SAME:
		return 0x12345678;
	case IN_TURN:
		/* all have the same home in any leaf */
		return i << 12;
	default:
		return random;
	}
}

static struct model *begin(struct kunit *test, enum kind kind, u32 n)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->rnd, 20261121 + kind);
	m->dict = refslab_dict_new(refslab_fixture_heap(test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->dict);
	m->index = &refslab_object_keyed(m->dict)->index;
	m->n = n;
	m->hash = kvmalloc_array(n, sizeof(*m->hash), GFP_KERNEL);
	m->in = kvzalloc(n, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->hash);
	KUNIT_ASSERT_NOT_NULL(test, m->in);
	for (i = 0; i < n; i++)
		m->hash[i] = hash_of(m, kind, i);
	return m;
}

/* The index goes with its dict. */
static void end(struct model *m)
{
	refslab_object_put(m->dict);
	kvfree(m->hash);
	kvfree(m->in);
}

/* Returns 0 or what refslab_index_make_room() says but -EAGAIN. */
static int insert(struct kunit *test, struct model *m, u32 i)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct refslab_index_spare spare = { };
	int err;

	for (;;) {
		err = refslab_index_make_room(m->index, m->hash[i], &spare);
		if (err != -EAGAIN)
			break;
		if (spare.block)
			refslab_mem_free(mem, REFSLAB_MEM_RAW, spare.size, spare.block);
		spare.size = spare.wanted;
		spare.block = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, spare.size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, spare.block);
		/* whatever was there */
		memset(spare.block, 0xa5, spare.size);
	}
	if (spare.block)
		refslab_mem_free(mem, REFSLAB_MEM_RAW, spare.size, spare.block);
	if (err)
		return err;
	refslab_index_add(m->index, m->hash[i], i);
	m->in[i] = 1;
	m->nr++;
	return 0;
}

static void take_out(struct kunit *test, struct model *m, u32 i)
{
	void *unused = NULL;

	refslab_index_remove(m->index, m->hash[i], i, &unused);
	refslab_index_free_blocks(refslab_fixture_objects(test), unused);
	m->in[i] = 0;
	m->nr--;
}

static u32 times_found(struct model *m, u32 i)
{
	struct refslab_index_cursor cursor;
	u32 at, n = 0;

	for (at = refslab_index_first(m->index, m->hash[i], &cursor); at != REFSLAB_INDEX_NONE;
	     at = refslab_index_next(&cursor))
		n += at == i;
	return n;
}

static void compare(struct kunit *test, struct model *m)
{
	u32 i, wrong = 0;

	for (i = 0; i < m->n; i++)
		wrong += times_found(m, i) != m->in[i];
	KUNIT_ASSERT_EQ(test, wrong, 0);
	KUNIT_ASSERT_EQ(test, refslab_index_entries(m->index), m->nr);
}

/* Up and down again, by way of all shapes. */
static void matches_an_array(struct kunit *test)
{
	static const enum kind kinds[] = { RANDOM, FEW_BITS, IN_TURN };
	const u32 tops[] = { 5, 12, 200, 384, 1000, 20000 };
	/* one thread has no races to be found, and KCSAN makes it some hundred times slower */
	const u32 most = IS_ENABLED(CONFIG_KCSAN) ? 3000 : 30000;
	struct model *m;
	u32 k, t, i, n;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		/* a few hashes only: a leaf has room for so many */
		n = kinds[k] == FEW_BITS ? 2000 : most;
		m = begin(test, kinds[k], n);
		for (t = 0; t < ARRAY_SIZE(tops) && tops[t] < n; t++) {
			while (m->nr < tops[t]) {
				i = prandom_u32_state(&m->rnd) % n;
				if (!m->in[i])
					KUNIT_ASSERT_EQ(test, insert(test, m, i), 0);
				i = prandom_u32_state(&m->rnd) % (3 * n);
				if (i < n && m->in[i])
					take_out(test, m, i);
			}
			compare(test, m);
			if (kinds[k] == RANDOM && tops[t] > 1000)
				/* at least a third of it is in use */
				KUNIT_EXPECT_LE(test, refslab_index_bytes(m->index),
						24ULL * m->nr);
			while (m->nr > tops[t] / 10) {
				i = prandom_u32_state(&m->rnd) % n;
				if (m->in[i])
					take_out(test, m, i);
			}
			compare(test, m);
			for (i = 0; i < n; i++)
				if (m->in[i])
					take_out(test, m, i);
			compare(test, m);
			/* one leaf at most, whatever it was */
			KUNIT_EXPECT_LE(test, refslab_index_bytes(m->index),
					(u64)REFSLAB_INDEX_BLOCK);
		}
		end(m);
		cond_resched();
	}
}

/* Hashes that nobody makes: they are found all the same, and too many are refused. */
static void many_equal_hashes_are_refused(struct kunit *test)
{
	static const enum kind kinds[] = { SAME, ONE_LEAF };
	struct model *m;
	u32 k, i;
	int err;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		m = begin(test, kinds[k], 600);
		for (i = 0, err = 0; i < m->n && !err; i++)
			err = insert(test, m, i);
		KUNIT_EXPECT_EQ(test, err, -E2BIG);
		KUNIT_EXPECT_GE(test, m->nr, 384);
		KUNIT_EXPECT_LT(test, m->nr, 512);
		compare(test, m);
		/* others have room */
		m->hash[m->n - 1] = 0x87654321;
		KUNIT_EXPECT_EQ(test, insert(test, m, m->n - 1), 0);
		take_out(test, m, m->n - 1);
		/* and the next, when one has gone */
		take_out(test, m, 17);
		KUNIT_EXPECT_EQ(test, insert(test, m, 599), 0);
		compare(test, m);
		for (i = 0; i < m->n; i++)
			if (m->in[i])
				take_out(test, m, i);
		compare(test, m);
		KUNIT_EXPECT_LE(test, refslab_index_bytes(m->index), (u64)REFSLAB_INDEX_BLOCK);
		end(m);
	}
}

static void entries_change_their_position(struct kunit *test)
{
	struct model *m = begin(test, RANDOM, 4000);
	u32 i;

	for (i = 0; i < m->n; i += 2)
		KUNIT_ASSERT_EQ(test, insert(test, m, i), 0);
	for (i = 0; i < m->n; i += 2) {
		refslab_index_move(m->index, m->hash[i], i, i + 1);
		m->hash[i + 1] = m->hash[i];
		m->in[i] = 0;
		m->in[i + 1] = 1;
	}
	compare(test, m);
	end(m);
}

static void one_leaf_shrinks(struct kunit *test)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct model *m = begin(test, RANDOM, 300);
	u32 i, size;
	void *block;

	KUNIT_EXPECT_EQ(test, refslab_index_wasteful(m->index), 0);
	for (i = 0; i < m->n; i++)
		KUNIT_ASSERT_EQ(test, insert(test, m, i), 0);
	KUNIT_EXPECT_EQ(test, refslab_index_wasteful(m->index), 0);
	for (i = 0; i < m->n; i++) {
		take_out(test, m, i);
		size = refslab_index_wasteful(m->index);
		if (!size || size == REFSLAB_INDEX_NONE)
			continue;
		block = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, block);
		memset(block, 0xa5, size);
		block = refslab_index_shrink(m->index, block, &size);
		KUNIT_ASSERT_NOT_NULL(test, block);
		refslab_mem_free(mem, REFSLAB_MEM_RAW, size, block);
		compare(test, m);
	}
	KUNIT_EXPECT_EQ(test, refslab_index_wasteful(m->index), REFSLAB_INDEX_NONE);
	KUNIT_EXPECT_EQ(test, refslab_index_bytes(m->index), 128ULL);
	block = refslab_index_shrink(m->index, NULL, &size);
	KUNIT_EXPECT_EQ(test, refslab_index_bytes(m->index), 0ULL);
	KUNIT_ASSERT_NOT_NULL(test, block);
	refslab_mem_free(mem, REFSLAB_MEM_RAW, size, block);
	end(m);
}

/* The fixture sees that nothing is left, and that nothing was freed twice. */
static void goes_in_bites(struct kunit *test)
{
	const u32 nr[] = { 0, 1, 300, 5000, 300000 };
	u32 k, i, bites, budget;
	struct model *m;
	u64 blocks;

	for (k = 0; k < ARRAY_SIZE(nr); k++) {
		m = begin(test, RANDOM, nr[k] ?: 1);
		for (i = 0; i < nr[k]; i++)
			KUNIT_ASSERT_EQ(test, insert(test, m, i), 0);
		blocks = refslab_index_bytes(m->index) / REFSLAB_INDEX_BLOCK;
		for (bites = 0, budget = 3; !refslab_index_free(m->dict, &budget); budget = 3)
			bites++;
		/* nodes cost nothing */
		KUNIT_EXPECT_GE(test, bites, blocks / 8);
		KUNIT_EXPECT_LE(test, bites, blocks / 3);
		KUNIT_EXPECT_EQ(test, refslab_index_bytes(m->index), 0ULL);
		m->nr = 0;
		end(m);
		cond_resched();
	}
}

/* Entries with one hash stay in the order in which a search meets them. */
static void same_hash_keeps_its_order(struct kunit *test)
{
	struct refslab_index_cursor cursor;
	struct model *m = begin(test, RANDOM, 14);
	u32 i;

	m->hash[0] = 0x1230000f;
	m->hash[1] = 0x1230000f;
	for (i = 2; i < m->n; i++)
		m->hash[i] = 0x45600000 + i + 1;
	for (i = 0; i < 12; i++)
		KUNIT_ASSERT_EQ(test, insert(test, m, i), 0);
	KUNIT_EXPECT_EQ(test, refslab_index_first(m->index, m->hash[0], &cursor), 0);
	KUNIT_EXPECT_EQ(test, refslab_index_next(&cursor), 1);
	/* the leaf grows */
	KUNIT_ASSERT_EQ(test, insert(test, m, 12), 0);
	KUNIT_EXPECT_EQ(test, refslab_index_first(m->index, m->hash[0], &cursor), 0);
	KUNIT_EXPECT_EQ(test, refslab_index_next(&cursor), 1);
	end(m);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(same_hash_keeps_its_order),
	KUNIT_CASE(matches_an_array),
	KUNIT_CASE(many_equal_hashes_are_refused),
	KUNIT_CASE(entries_change_their_position),
	KUNIT_CASE(one_leaf_shrinks),
	KUNIT_CASE(goes_in_bites),
	{ }
};

static struct kunit_suite index_suite = {
	.name = "refslab-index",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = index_cases,
};

kunit_test_suite(index_suite);
