// SPDX-License-Identifier: GPL-2.0
/*
 * dict, set and instance, against a plain model.
 */
#include <linux/err.h>
#include <linux/prandom.h>

#include "../kmod/refslab.h"
#include "fixture.h"

#define KEYS		6000
#define VALUES		64

enum kind { INTS, STRS, INSTANCES };

/**
 * struct model - a container and what is in it
 * @obj:	a dict or a set
 * @pairs:	it is a dict
 * @kind:	of its keys
 * @value:	objects that are values
 * @known:	objects that are keys: key k, if it is kept
 * @key:	the object that is key k in the container, or NULL
 * @of:		its value's number
 * @seq:	when it came
 * @live:	how many are there
 * @now:	counts what comes
 */
struct model {
	struct refslab_object *obj;
	bool pairs;
	enum kind kind;
	struct refslab_object *value[VALUES];
	struct refslab_object *known[KEYS];
	struct refslab_object *key[KEYS];
	u8 of[KEYS];
	u32 seq[KEYS];
	u32 live;
	u32 now;
	struct rnd_state rnd;
};

static u32 pick(struct model *m, u32 n)
{
	return prandom_u32_state(&m->rnd) % n;
}

static struct refslab_object *new_dict(struct kunit *test)
{
	struct refslab_object *obj = refslab_dict_new(refslab_fixture_heap(test), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static struct refslab_object *new_set(struct kunit *test)
{
	struct refslab_object *obj = refslab_set_new(refslab_fixture_heap(test), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

static struct refslab_object *new_instance(struct kunit *test)
{
	struct refslab_object *obj = refslab_instance_new(refslab_fixture_heap(test), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

/* Key k: the kept object, or another that is equal, if there can be one. With a reference. */
static struct refslab_object *key_of(struct kunit *test, struct model *m, u32 k)
{
	struct refslab_object *key;
	char text[64];
	int len;

	if (m->known[k] && (m->kind == INSTANCES || pick(m, 2))) {
		refslab_word_get(&m->known[k]->word);
		return m->known[k];
	}
	switch (m->kind) {
	case INTS:
		/* neither small nor close together */
		return refslab_fixture_int(test, (s64)k * 1000003 - 777);
	case STRS:
		len = snprintf(text, sizeof(text), "key-%u-of-a-dict-with-a-long-name", k);
		key = refslab_str_new(refslab_fixture_heap(test), text, len, GFP_KERNEL);
		break;
	default:
		key = new_instance(test);
		refslab_word_get(&key->word);
		m->known[k] = key;
		break;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	return key;
}

static struct model *begin(struct kunit *test, bool pairs, enum kind kind)
{
	struct model *m = kvzalloc(sizeof(*m), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->rnd, 20261121 + kind + 10 * pairs);
	m->pairs = pairs;
	m->kind = kind;
	m->obj = pairs ? new_dict(test) : new_set(test);
	for (i = 0; i < VALUES; i++)
		m->value[i] = refslab_fixture_list(test);
	for (i = 0; i < KEYS; i += 3)
		m->known[i] = key_of(test, m, i);
	if (kind == INSTANCES)
		for (i = 0; i < KEYS; i += 3)
			refslab_object_put(m->known[i]);
	return m;
}

static void end(struct kunit *test, struct model *m)
{
	u32 i, wrong = 0;

	refslab_object_put(m->obj);
	refslab_destroy_settle(refslab_fixture_objects(test));
	for (i = 0; i < VALUES; i++) {
		wrong += refslab_fixture_count(m->value[i]) != 1;
		refslab_object_put(m->value[i]);
	}
	for (i = 0; i < KEYS; i++) {
		if (!m->known[i])
			continue;
		wrong += refslab_fixture_count(m->known[i]) != 1;
		refslab_object_put(m->known[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kvfree(m);
}

static void model_set(struct kunit *test, struct model *m, u32 k)
{
	struct refslab_object *key = key_of(test, m, k);
	bool fresh = !m->key[k];
	u32 v = pick(m, VALUES);

	if (m->pairs) {
		KUNIT_ASSERT_EQ(test, refslab_keyed_set(m->obj, key, m->value[v], GFP_KERNEL), 0);
		m->of[k] = v;
	} else {
		KUNIT_ASSERT_EQ(test, refslab_keyed_add(m->obj, key, GFP_KERNEL), fresh);
	}
	if (fresh) {
		m->key[k] = key;
		m->seq[k] = ++m->now;
		m->live++;
	}
	refslab_object_put(key);
}

static void model_delete(struct kunit *test, struct model *m, u32 k)
{
	struct refslab_object *key = key_of(test, m, k);

	KUNIT_ASSERT_EQ(test, refslab_keyed_delete(m->obj, key), m->key[k] ? 0 : -ENOKEY);
	m->live -= !!m->key[k];
	m->key[k] = NULL;
	refslab_object_put(key);
}

static void model_look(struct kunit *test, struct model *m, u32 k)
{
	struct refslab_object *key = key_of(test, m, k), *value;

	KUNIT_ASSERT_EQ(test, refslab_keyed_contains(m->obj, key), !!m->key[k]);
	if (m->pairs) {
		value = refslab_keyed_get(m->obj, key);
		if (m->key[k]) {
			KUNIT_ASSERT_PTR_EQ(test, value, m->value[m->of[k]]);
			refslab_object_put(value);
		} else {
			KUNIT_ASSERT_EQ(test, PTR_ERR(value), -ENOKEY);
		}
	}
	refslab_object_put(key);
}

/* The key that has the number after @seq; what is not there any more is left out. */
static u32 next_key(const u32 *by_seq, u32 *seq)
{
	while (!by_seq[++*seq])
		;
	return by_seq[*seq] - 1;
}

/* All entries, in order, the very objects that were given. */
static void compare(struct kunit *test, struct model *m)
{
	u32 i, k, nr = 0, seq = 0, wrong = 0, width = m->pairs ? 2 : 1;
	u32 *by_seq = kvcalloc(m->now + 1, sizeof(*by_seq), GFP_KERNEL);
	struct refslab_object *to[22];
	const char *why;
	u64 cursor = 0;
	int n;

	KUNIT_ASSERT_NOT_NULL(test, by_seq);
	for (k = 0; k < KEYS; k++)
		if (m->key[k])
			by_seq[m->seq[k]] = k + 1;
	KUNIT_ASSERT_EQ(test, refslab_keyed_len(m->obj), m->live);
	why = refslab_keyed_check(m->obj);
	KUNIT_ASSERT_NULL_MSG(test, why, "%s", why);
	do {
		n = refslab_keyed_take(m->obj, &cursor, to, ARRAY_SIZE(to));
		KUNIT_ASSERT_GE(test, n, 0);
		for (i = 0; i < n; i += width, nr++) {
			if (nr < m->live) {
				k = next_key(by_seq, &seq);
				wrong += to[i] != m->key[k];
				wrong += m->pairs && to[i + 1] != m->value[m->of[k]];
			}
		}
		for (i = 0; i < n; i++)
			refslab_object_put(to[i]);
	} while (cursor);
	kvfree(by_seq);
	KUNIT_ASSERT_EQ(test, nr, m->live);
	KUNIT_ASSERT_EQ(test, wrong, 0);
}

/* Which of @range keys, mostly set while it grows, and deleted while it shrinks. */
static void random_step(struct kunit *test, struct model *m, u32 range, bool grow)
{
	u32 k = pick(m, range), what = pick(m, 16);

	if (what < 3)
		model_look(test, m, k);
	else if ((what < 12) == grow)
		model_set(test, m, k);
	else
		model_delete(test, m, k);
}

static void random_history(struct kunit *test, bool pairs, enum kind kind, u32 steps)
{
	static const u32 ranges[] = { 6, 30, 500, KEYS };
	struct model *m = begin(test, pairs, kind);
	u32 r, i, each = steps / ARRAY_SIZE(ranges);

	for (r = 0; r < ARRAY_SIZE(ranges); r++) {
		for (i = 0; i < each; i++) {
			random_step(test, m, ranges[r], i / (each / 6) % 2 == 0);
			if (ranges[r] < 100 ? !(i % 64) : !(i % 2048))
				compare(test, m);
		}
		for (i = 0; i < KEYS; i++)
			if (m->key[i])
				model_delete(test, m, i);
		compare(test, m);
		/* nothing is kept for what is not there */
		KUNIT_EXPECT_EQ(test, refslab_keyed_bytes(m->obj), 0ULL);
		cond_resched();
	}
	end(test, m);
}

static void a_dict_of_ints_matches_a_model(struct kunit *test)
{
	random_history(test, true, INTS, 100000);
}

static void a_dict_of_strs_matches_a_model(struct kunit *test)
{
	random_history(test, true, STRS, 50000);
}

static void a_set_of_ints_matches_a_model(struct kunit *test)
{
	random_history(test, false, INTS, 100000);
}

static void a_set_of_instances_matches_a_model(struct kunit *test)
{
	random_history(test, false, INSTANCES, 50000);
}

/* --- shapes --------------------------------------------------------------------------------- */

static int set_number(struct kunit *test, struct refslab_object *dict, u32 i)
{
	struct refslab_object *key = refslab_fixture_int(test, i + 1000);
	int err = refslab_keyed_set(dict, key, key, GFP_KERNEL);

	refslab_object_put(key);
	return err;
}

static int delete_number(struct kunit *test, struct refslab_object *dict, u32 i)
{
	struct refslab_object *key = refslab_fixture_int(test, i + 1000);
	int err = refslab_keyed_delete(dict, key);

	refslab_object_put(key);
	return err;
}

enum order { FRONT, BACK, MIXED, ORDERS };

static u32 in_order(enum order order, u32 i, u32 n)
{
	switch (order) {
	case FRONT:
		return i;
	case BACK:
		return n - 1 - i;
	default:
		return (u64)i * 7919 % n;
	}
}

/* To the radix index and back to nothing; never much more than is needed. */
static void memory_follows_the_entries(struct kunit *test)
{
	const u32 n = IS_ENABLED(CONFIG_KASAN) ? 50000 : 250000;
	struct refslab_object *dict = new_dict(test);
	u32 order, i, wrong = 0;
	const char *why;
	u64 top;

	for (order = 0; order < ORDERS; order++) {
		for (i = 0; i < n; i++)
			wrong += set_number(test, dict, i) != 0;
		KUNIT_ASSERT_EQ(test, wrong, 0);
		top = refslab_keyed_bytes(dict);
		KUNIT_EXPECT_TRUE(test, refslab_object_keyed(dict)->index.is_node);
		KUNIT_EXPECT_LE(test, top, 48ULL * n);
		for (i = 0; i < n; i++) {
			wrong += delete_number(test, dict, in_order(order, i, n)) != 0;
			if (i == n * 9 / 10) {
				why = refslab_keyed_check(dict);
				KUNIT_EXPECT_NULL_MSG(test, why, "%s", why);
				KUNIT_EXPECT_LE(test, refslab_keyed_bytes(dict), top / 3);
			}
		}
		KUNIT_ASSERT_EQ(test, wrong, 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_bytes(dict), 0ULL);
		cond_resched();
	}
	refslab_object_put(dict);
}

/* A queue: what comes goes, the oldest first. Places are used again, and not ever more of them. */
static void a_queue_does_not_grow(struct kunit *test)
{
	const u32 n = 1000;
	struct refslab_object *dict = new_dict(test);
	u32 i, wrong = 0, most = 0;

	for (i = 0; i < 100 * n; i++) {
		wrong += set_number(test, dict, i) != 0;
		if (i >= n)
			wrong += delete_number(test, dict, i - n) != 0;
		most = max(most, refslab_object_table(dict)->len);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), n);
	/* places are twice as many as entries, plus what comes while they are moved together */
	KUNIT_EXPECT_LE(test, most, 2 * 5 * n / 2);
	refslab_object_put(dict);
}

/* While a scan is between two chunks, nothing moves; before and after, it does. */
static void nothing_moves_under_a_scan(struct kunit *test)
{
	const u32 n = 3000;
	struct refslab_object *dict = new_dict(test);
	struct refslab_table *table = refslab_object_table(dict);
	struct refslab_keyed *keyed = refslab_object_keyed(dict);
	u32 i, run, wrong = 0;
	void *last;

	for (i = 0; i < n; i++)
		wrong += set_number(test, dict, i) != 0;
	last = *refslab_table_at(table, 2 * n - 2, &run);
	table->scan_next = 256;
	table->scan_end = table->len;
	for (i = 0; i < n - 1; i++)
		wrong += delete_number(test, dict, i) != 0;
	KUNIT_EXPECT_EQ(test, table->len, 2 * n);
	KUNIT_EXPECT_PTR_EQ(test, *refslab_table_at(table, 2 * n - 2, &run), last);
	KUNIT_EXPECT_EQ(test, keyed->gap_end, 0);
	/* what comes is behind what the scan goes to see; what goes from the end shortens that */
	wrong += set_number(test, dict, n) != 0;
	KUNIT_EXPECT_EQ(test, table->scan_end, 2 * n);
	KUNIT_EXPECT_EQ(test, table->len, 2 * n + 2);
	wrong += delete_number(test, dict, n) != 0;
	wrong += delete_number(test, dict, n - 1) != 0;
	KUNIT_EXPECT_EQ(test, table->len, 0);
	KUNIT_EXPECT_EQ(test, table->scan_next, 0);
	KUNIT_EXPECT_EQ(test, table->scan_end, 0);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	refslab_object_put(dict);
}

/* --- references ----------------------------------------------------------------------------- */

static void counts_are_exact(struct kunit *test)
{
	struct refslab_object *dict = new_dict(test), *set = new_set(test), *got;
	struct refslab_object *a = refslab_fixture_int(test, 1000), *b, *c, *d;

	b = refslab_fixture_int(test, 1000);
	c = refslab_fixture_list(test);
	d = refslab_fixture_list(test);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, a, c, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(c), 2);
	/* an equal key: the old one stays, with another value */
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, b, d, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(c), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(d), 2);
	got = refslab_keyed_get(dict, b);
	KUNIT_EXPECT_PTR_EQ(test, got, d);
	refslab_object_put(got);
	/* the value is the container itself, too */
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, b, dict, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(dict), 2);
	KUNIT_EXPECT_EQ(test, refslab_keyed_delete(dict, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(dict), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	KUNIT_EXPECT_EQ(test, refslab_keyed_delete(dict, b), -ENOKEY);
	KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, a, GFP_KERNEL), 1);
	KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, b, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, b), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	KUNIT_EXPECT_EQ(test, refslab_keyed_delete(set, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	refslab_object_put(a);
	refslab_object_put(b);
	refslab_object_put(c);
	refslab_object_put(d);
	refslab_object_put(dict);
	refslab_object_put(set);
}

static void what_cannot_be_a_key_is_refused(struct kunit *test)
{
	struct refslab_object *dict = new_dict(test), *set = new_set(test);
	struct refslab_object *key[3];
	u32 i;

	key[0] = refslab_fixture_list(test);
	key[1] = new_dict(test);
	key[2] = new_set(test);
	for (i = 0; i < ARRAY_SIZE(key); i++) {
		KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, key[i], dict, GFP_KERNEL),
				-EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, key[i], GFP_KERNEL), -EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_keyed_get(dict, key[i])), -EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, refslab_keyed_delete(dict, key[i]), -EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, key[i]), -EPROTOTYPE);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(key[i]), 1);
		refslab_object_put(key[i]);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(dict), 1);
	refslab_object_put(dict);
	refslab_object_put(set);
}

static void too_many_references_are_refused(struct kunit *test)
{
	struct refslab_object *dict = new_dict(test), *set = new_set(test), *to[2];
	struct refslab_object *a = refslab_fixture_int(test, 1000);
	struct refslab_object *b = refslab_fixture_int(test, 1001);
	u64 word, cursor = 0;

	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, b, a, GFP_KERNEL), 0);
	refslab_fixture_pretend(a, REFSLAB_COUNT_MAX - 2);
	word = refslab_word_read(&a->word);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, b, a, GFP_KERNEL), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, a, b, GFP_KERNEL), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, a, GFP_KERNEL), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_keyed_get(dict, b)), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_keyed_take(dict, &cursor, to, 2), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&a->word), word);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 2);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), 1);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(set), 0);
	refslab_fixture_pretend(a, -(s32)(REFSLAB_COUNT_MAX - 2));
	refslab_object_put(dict);
	refslab_object_put(set);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	refslab_object_put(a);
	refslab_object_put(b);
}

static void a_full_dict_is_refused(struct kunit *test)
{
	struct refslab_object *dict = new_dict(test), *key = refslab_fixture_int(test, 1000);
	struct refslab_keyed *keyed = refslab_object_keyed(dict);

	KUNIT_EXPECT_EQ(test, set_number(test, dict, 1), 0);
	keyed->live = REFSLAB_KEYED_MAX;
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, key, key, GFP_KERNEL), -E2BIG);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(key), 1);
	/* a key that is there can have another value */
	KUNIT_EXPECT_EQ(test, set_number(test, dict, 1), 0);
	keyed->live = 1;
	refslab_object_put(key);
	refslab_object_put(dict);
}

/* --- iterating ------------------------------------------------------------------------------ */

static void iterating_notices_keys_that_come_and_go(struct kunit *test)
{
	struct refslab_object *dict = new_dict(test), *to[20], *key;
	u64 cursor = 0, before;
	u32 i;
	int n;

	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, set_number(test, dict, i), 0);
	n = refslab_keyed_take(dict, &cursor, to, ARRAY_SIZE(to));
	KUNIT_EXPECT_EQ(test, n, 20);
	while (n)
		refslab_object_put(to[--n]);
	/* another value is none */
	key = refslab_fixture_int(test, 1050);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, key, dict, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, key, key, GFP_KERNEL), 0);
	refslab_object_put(key);
	before = cursor;
	n = refslab_keyed_take(dict, &cursor, to, ARRAY_SIZE(to));
	KUNIT_EXPECT_EQ(test, n, 20);
	while (n)
		refslab_object_put(to[--n]);
	cursor = before;
	KUNIT_EXPECT_EQ(test, set_number(test, dict, 100), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_take(dict, &cursor, to, ARRAY_SIZE(to)), -ESTALE);
	cursor = before;
	KUNIT_EXPECT_EQ(test, delete_number(test, dict, 100), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_take(dict, &cursor, to, ARRAY_SIZE(to)), -ESTALE);
	refslab_object_put(dict);
}

/* --- the collector -------------------------------------------------------------------------- */

static void cycles_through_keys_and_values_are_collected(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *dict, *set, *instance, *name, *key;
	u32 i, large;

	/* few entries, and so many that a scan reads them in chunks */
	for (large = 0; large < 2; large++) {
		dict = new_dict(test);
		set = new_set(test);
		instance = new_instance(test);
		for (i = 0; i < (large ? 2000 : 3); i++) {
			KUNIT_EXPECT_EQ(test, set_number(test, dict, i), 0);
			key = refslab_fixture_int(test, i + 1000);
			KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, key, GFP_KERNEL), 1);
			refslab_object_put(key);
		}
		/* some places are empty */
		for (i = 0; i < (large ? 700 : 2); i++)
			KUNIT_EXPECT_EQ(test, delete_number(test, dict, i), 0);
		/* instance -> set -> instance as a key; dict -> instance as a key, dict */
		name = refslab_instance_name(heap, "set", 3, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
		KUNIT_EXPECT_EQ(test, refslab_keyed_set(instance, name, set, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, instance, GFP_KERNEL), 1);
		KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, instance, dict, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_set(instance, name, dict, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, name, set, GFP_KERNEL), 0);
		refslab_object_put(name);
		refslab_object_put(dict);
		refslab_object_put(set);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0L);
		KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, instance), 1);
		refslab_object_put(instance);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3L);
		KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0ULL);
	}
}

static void sets_may_have_weak_references(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *set = new_set(test), *instance = new_instance(test), *name;
	struct refslab_object *dict = new_dict(test);
	void *to_set = refslab_weak(set, NULL, NULL, GFP_KERNEL), *got;
	void *to_instance = refslab_weak(instance, NULL, NULL, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, to_set);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, to_instance);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_weak(dict, NULL, NULL, GFP_KERNEL)), -EPROTOTYPE);
	got = refslab_upgrade(to_set);
	KUNIT_EXPECT_PTR_EQ(test, got, (void *)set);
	refslab_put(got);
	/* in a cycle, they go when it goes */
	name = refslab_instance_name(heap, "x", 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(instance, name, set, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, instance, GFP_KERNEL), 1);
	refslab_object_put(name);
	refslab_object_put(set);
	refslab_object_put(instance);
	got = refslab_upgrade(to_instance);
	KUNIT_EXPECT_PTR_EQ(test, got, (void *)instance);
	refslab_put(got);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 2L);
	KUNIT_EXPECT_NULL(test, refslab_upgrade(to_set));
	KUNIT_EXPECT_NULL(test, refslab_upgrade(to_instance));
	refslab_put(to_set);
	refslab_put(to_instance);
	refslab_object_put(dict);
}

static void node_finalize(void *obj)
{
	/* brings back what it refers to, by way of what its heap keeps */
	void *keeper = refslab_follow(obj, 0);

	refslab_link(keeper, 0, obj);
	refslab_put(keeper);
}

/* A dict and a set hang off an object that its finalizer brings back: they are whole. */
static void what_is_brought_back_is_whole(struct kunit *test)
{
	static const struct refslab_type_ops ops = {
		.name = "phoenix", .nr_slots = 3, .finalize = node_finalize,
	};
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = refslab_type_register(heap, &ops);
	struct refslab_object *dict = new_dict(test), *set = new_set(test), *key;
	struct refslab_object *keeper = refslab_fixture_object(test,
							       refslab_fixture_type(test, "keeper",
										    1, 0, 0));
	void *phoenix;
	u32 i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	phoenix = refslab_fixture_object(test, type);
	for (i = 0; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, set_number(test, dict, i), 0);
		key = refslab_fixture_int(test, i + 1000);
		KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, key, GFP_KERNEL), 1);
		refslab_object_put(key);
	}
	KUNIT_EXPECT_EQ(test, refslab_link(phoenix, 0, keeper), 0);
	KUNIT_EXPECT_EQ(test, refslab_link(phoenix, 1, dict), 0);
	KUNIT_EXPECT_EQ(test, refslab_link(phoenix, 2, set), 0);
	key = refslab_fixture_int(test, 7);
	KUNIT_EXPECT_EQ(test, refslab_keyed_set(dict, key, phoenix, GFP_KERNEL), 0);
	refslab_object_put(key);
	refslab_put(phoenix);
	refslab_object_put(dict);
	refslab_object_put(set);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0L);
	phoenix = refslab_follow(keeper, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, phoenix);
	dict = refslab_follow(phoenix, 1);
	set = refslab_follow(phoenix, 2);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), 1001);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(set), 1000);
	KUNIT_EXPECT_NULL(test, refslab_keyed_check(dict));
	KUNIT_EXPECT_NULL(test, refslab_keyed_check(set));
	refslab_object_put(dict);
	refslab_object_put(set);
	refslab_put(phoenix);
	KUNIT_EXPECT_EQ(test, refslab_link(keeper, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 3L);
	refslab_object_put(keeper);
}

/* A dead dict's block goes to the type's cache, up to 80, and comes back empty. */
static void blocks_are_used_again(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *types[] = { heap->types.dict_type, heap->types.set_type,
					 heap->types.instance_type };
	struct refslab_object *obj, *again, *many[100];
	u32 t, i;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (t = 0; t < ARRAY_SIZE(types); t++) {
		obj = refslab_fixture_object(test, types[t]);
		for (i = 0; i < 1000; i++) {
			struct refslab_object *key = refslab_fixture_int(test, i + 1000);

			KUNIT_ASSERT_GE(test, types[t]->flags & REFSLAB_TYPE_PAIRS ?
					refslab_keyed_set(obj, key, key, GFP_KERNEL) :
					refslab_keyed_add(obj, key, GFP_KERNEL), 0);
			refslab_object_put(key);
		}
		refslab_object_put(obj);
		again = refslab_fixture_object(test, types[t]);
		KUNIT_EXPECT_PTR_EQ(test, again, obj);
		KUNIT_EXPECT_EQ(test, refslab_keyed_len(again), 0);
		KUNIT_EXPECT_EQ(test, refslab_keyed_bytes(again), 0ULL);
		KUNIT_EXPECT_NULL(test, memchr_inv(refslab_object_keyed(again), 0,
						   sizeof(struct refslab_keyed)));
		refslab_object_put(again);
		for (i = 0; i < ARRAY_SIZE(many); i++)
			many[i] = refslab_fixture_object(test, types[t]);
		for (i = 0; i < ARRAY_SIZE(many); i++)
			refslab_object_put(many[i]);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(types[t]), 80ULL);
	}
	refslab_fixture_unpin(test);
}

/* A heap that ends with entries in it: the fixture's check of memory is not for those. */
static void a_heap_ends_with_large_ones_alive(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_object *dict = refslab_dict_new(heap, GFP_KERNEL), *key;
	u32 i, wrong = 0;

	KUNIT_ASSERT_NOT_NULL(test, dict);
	for (i = 0; i < 20000; i++) {
		key = refslab_int_new(heap, i + 1000, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, key);
		wrong += refslab_keyed_set(dict, key, dict, GFP_KERNEL) != 0;
		refslab_object_put(key);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* kmemleak, and the warnings of what ends with the heap, tell of anything left */
	refslab_heap_put_sync(heap);
}

/* --- without memory ------------------------------------------------------------------------- */

/* Each allocation of each insertion up to a size fails once: nothing has changed then. */
static void no_memory_changes_nothing(struct kunit *test)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct refslab_object *dict = new_dict(test), *key;
	u32 i, nth, refused = 0, wrong = 0;
	const char *why;
	int err;

	/* elsewhere there may be a pool of this CPU's to take from */
	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (i = 0; i < 3000; i++) {
		key = refslab_fixture_int(test, i + 1000);
		for (nth = 1;; nth++) {
			atomic_set(&mem->fail_at, nth);
			err = refslab_keyed_set(dict, key, dict, gfp);
			if (atomic_read(&mem->fail_at))
				break;
			refused++;
			wrong += err != -ENOMEM || refslab_keyed_len(dict) != i ||
				 refslab_keyed_contains(dict, key) != 0 ||
				 refslab_fixture_count(key) != 1 ||
				 refslab_fixture_count(dict) != i + 1;
			why = refslab_keyed_check(dict);
			KUNIT_ASSERT_NULL_MSG(test, why, "%s", why);
		}
		atomic_set(&mem->fail_at, 0);
		wrong += err != 0;
		refslab_object_put(key);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* leaves of either kind, at least */
	KUNIT_EXPECT_GT(test, refused, 20);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), 3000);
	/* shrinking without memory leaves things as they are */
	for (i = 0; i < 3000; i++) {
		key = refslab_fixture_int(test, i + 1000);
		atomic_set(&mem->fail_at, 1);
		wrong += refslab_keyed_delete(dict, key) != 0;
		atomic_set(&mem->fail_at, 0);
		refslab_object_put(key);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_len(dict), 0);
	KUNIT_EXPECT_EQ(test, refslab_keyed_bytes(dict), 0ULL);
	refslab_object_put(dict);
}

/* --- names ---------------------------------------------------------------------------------- */

static void names_of_attributes_are_identifiers(struct kunit *test)
{
	static const char *const good[] = { "x", "_", "a1", "Z_9", "__init__" };
	static const char *const bad[] = { "1", "a-b", "a b", "\xc3\xa4", "a.b", "\xe4" };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *name;
	char longest[256];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		name = refslab_instance_name(heap, good[i], strlen(good[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
		refslab_object_put(name);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_instance_name(heap, bad[i], strlen(bad[i]),
								    GFP_KERNEL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_instance_name(heap, "", 0, GFP_KERNEL)), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	name = refslab_instance_name(heap, longest, 255, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	refslab_object_put(name);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_instance_name(heap, longest, 256, GFP_KERNEL)),
			-EINVAL);
}

static struct kunit_case keyed_cases[] = {
	KUNIT_CASE(a_dict_of_ints_matches_a_model),
	KUNIT_CASE(a_dict_of_strs_matches_a_model),
	KUNIT_CASE(a_set_of_ints_matches_a_model),
	KUNIT_CASE(a_set_of_instances_matches_a_model),
	KUNIT_CASE(memory_follows_the_entries),
	KUNIT_CASE(a_queue_does_not_grow),
	KUNIT_CASE(nothing_moves_under_a_scan),
	KUNIT_CASE(counts_are_exact),
	KUNIT_CASE(what_cannot_be_a_key_is_refused),
	KUNIT_CASE(too_many_references_are_refused),
	KUNIT_CASE(a_full_dict_is_refused),
	KUNIT_CASE(iterating_notices_keys_that_come_and_go),
	KUNIT_CASE(cycles_through_keys_and_values_are_collected),
	KUNIT_CASE(sets_may_have_weak_references),
	KUNIT_CASE(what_is_brought_back_is_whole),
	KUNIT_CASE(blocks_are_used_again),
	KUNIT_CASE(a_heap_ends_with_large_ones_alive),
	KUNIT_CASE(no_memory_changes_nothing),
	KUNIT_CASE(names_of_attributes_are_identifiers),
	{ }
};

static struct kunit_suite keyed_suite = {
	.name = "refslab-keyed",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = keyed_cases,
};

kunit_test_suite(keyed_suite);
