// SPDX-License-Identifier: GPL-2.0
/*
 * How long operations on a dict take: each, beside those of the kernel's rhashtable with the same
 * keys, and the longest of many. What is measured is printed; what must hold is that it works.
 *
 * refslab_kunit.keyed_entries= says how many entries the largest dict has (default 20000).
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/rhashtable.h>
#include <linux/sort.h>

#include "fixture.h"

static unsigned int keyed_entries = 20000;
module_param(keyed_entries, uint, 0444);
MODULE_PARM_DESC(keyed_entries, "entries of the largest dict whose operations are timed");

#define ROUNDS		5
#define FIRST		1000	/* the smallest key */
#define LEAST		20000	/* operations timed together, at least */

enum { INSERT, LOOK_UP, DELETE, PARTS };

static const char *const part_name[PARTS] = { "insertion", "look-up", "deletion" };

struct item {
	struct rhash_head head;
	u64 key;
};

static const struct rhashtable_params item_params = {
	.head_offset = offsetof(struct item, head),
	.key_offset = offsetof(struct item, key),
	.key_len = sizeof(u64),
	.automatic_shrinking = true,
};

/**
 * struct keys - what is inserted
 * @nr:		keys
 * @key:	ints, each also its own value
 * @item:	the same for rhashtable
 * @failed:	operations that did not do what they should
 */
struct keys {
	u32 nr;
	struct refslab_object **key;
	struct item *item;
	u32 failed;
};

/* Neither in the order in which they came, nor at random. */
static u32 mixed(const struct keys *keys, u32 i)
{
	return (u64)i * 7919 % keys->nr;
}

static void make_keys(struct kunit *test, struct keys *keys, u32 nr)
{
	u32 i;

	*keys = (struct keys){ .nr = nr };
	keys->key = kvmalloc_array(nr, sizeof(*keys->key), GFP_KERNEL);
	keys->item = kvmalloc_array(nr, sizeof(*keys->item), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, keys->key);
	KUNIT_ASSERT_NOT_NULL(test, keys->item);
	for (i = 0; i < nr; i++) {
		keys->key[i] = refslab_fixture_int(test, FIRST + i);
		keys->item[i].key = FIRST + i;
	}
}

static void free_keys(struct kunit *test, struct keys *keys)
{
	u32 i;

	for (i = 0; i < keys->nr; i++)
		refslab_object_put(keys->key[i]);
	kvfree(keys->key);
	kvfree(keys->item);
	KUNIT_EXPECT_EQ(test, keys->failed, 0);
}

static void time_dict(struct keys *keys, struct refslab_object *dict, u64 *ns)
{
	struct refslab_object *value;
	u64 t[PARTS + 1];
	u32 i;

	t[0] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++)
		keys->failed += refslab_keyed_set(dict, keys->key[i], keys->key[i],
						  GFP_KERNEL) != 0;
	t[1] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++) {
		value = refslab_keyed_get(dict, keys->key[mixed(keys, i)]);
		keys->failed += value != keys->key[mixed(keys, i)];
		refslab_object_put(value);
	}
	t[2] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++)
		keys->failed += refslab_keyed_delete(dict, keys->key[mixed(keys, i)]) != 0;
	t[3] = ktime_get_ns();
	for (i = 0; i < PARTS; i++)
		ns[i] += t[i + 1] - t[i];
	cond_resched();
}

static void time_rhashtable(struct keys *keys, struct rhashtable *table, u64 *ns)
{
	struct item *item;
	u64 t[PARTS + 1], key;
	u32 i;

	t[0] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++)
		keys->failed += rhashtable_insert_fast(table, &keys->item[i].head,
						       item_params) != 0;
	t[1] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++) {
		key = FIRST + mixed(keys, i);
		rcu_read_lock();
		item = rhashtable_lookup(table, &key, item_params);
		keys->failed += item != &keys->item[mixed(keys, i)];
		rcu_read_unlock();
	}
	t[2] = ktime_get_ns();
	for (i = 0; i < keys->nr; i++)
		keys->failed += rhashtable_remove_fast(table, &keys->item[mixed(keys, i)].head,
						       item_params) != 0;
	t[3] = ktime_get_ns();
	for (i = 0; i < PARTS; i++)
		ns[i] += t[i + 1] - t[i];
	cond_resched();
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static u64 median(u64 *ns)
{
	sort(ns, ROUNDS, sizeof(*ns), compare_u64, NULL);
	return ns[ROUNDS / 2];
}

static void time_size(struct kunit *test, u32 nr)
{
	u64 ours[PARTS][ROUNDS], theirs[PARTS][ROUNDS], sum[PARTS];
	u32 repeat = max(1U, LEAST / nr), round, i, part;
	struct rhashtable *table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	struct refslab_object *dict;
	struct keys keys;

	KUNIT_ASSERT_NOT_NULL(test, table);
	make_keys(test, &keys, nr);
	dict = refslab_dict_new(refslab_fixture_heap(test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dict);
	KUNIT_ASSERT_EQ(test, rhashtable_init(table, &item_params), 0);
	for (round = 0; round < ROUNDS; round++) {
		memset(sum, 0, sizeof(sum));
		for (i = 0; i < repeat; i++)
			time_dict(&keys, dict, sum);
		for (part = 0; part < PARTS; part++)
			ours[part][round] = div_u64(sum[part], nr * repeat);
		memset(sum, 0, sizeof(sum));
		for (i = 0; i < repeat; i++)
			time_rhashtable(&keys, table, sum);
		for (part = 0; part < PARTS; part++)
			theirs[part][round] = div_u64(sum[part], nr * repeat);
	}
	for (part = 0; part < PARTS; part++)
		kunit_info(test, "%u entries: %s %llu ns, rhashtable %llu ns\n", nr,
			   part_name[part], median(ours[part]), median(theirs[part]));
	rhashtable_destroy(table);
	refslab_object_put(dict);
	free_keys(test, &keys);
}

static void beside_rhashtable(struct kunit *test)
{
	/* a table that grows beside its users is nothing that it likes */
	if (IS_ENABLED(CONFIG_KCSAN))
		kunit_skip(test, "rhashtable has races of its own, inlined here");
	/* and on an emulated processor it takes minutes; the other case has large dicts, too */
	if (IS_ENABLED(CONFIG_KASAN))
		kunit_skip(test, "with KASAN the figures would say nothing");
	refslab_compat_param("keyed_entries", &keyed_entries);
	time_size(test, 10);
	time_size(test, 1000);
	time_size(test, max(keyed_entries, 1000U));
}

/*
 * Each operation, several times: what is done to a dict with the same keys in the same order is the
 * same. So the shortest time of each is what it takes, and the longest of those is the longest that
 * anybody has to wait for another's operation; memory is got and given back within that, too, which
 * nobody waits for.
 */
static void the_longest_operation(struct kunit *test)
{
	u32 nr = keyed_entries, round, i, over[2] = { };
	u64 worst[2] = { }, begin;
	struct refslab_object *dict;
	struct keys keys;
	u32 *ns;

	make_keys(test, &keys, nr);
	ns = kvmalloc_array(2 * (size_t)nr, sizeof(*ns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ns);
	memset32(ns, U32_MAX, 2 * (size_t)nr);
	dict = refslab_dict_new(refslab_fixture_heap(test), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dict);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < nr; i++) {
			begin = ktime_get_ns();
			keys.failed += refslab_keyed_set(dict, keys.key[i], keys.key[i],
							 GFP_KERNEL) != 0;
			ns[i] = min_t(u64, ns[i], ktime_get_ns() - begin);
			cond_resched();
		}
		for (i = 0; i < nr; i++) {
			begin = ktime_get_ns();
			keys.failed += refslab_keyed_delete(dict, keys.key[i]) != 0;
			ns[nr + i] = min_t(u64, ns[nr + i], ktime_get_ns() - begin);
			cond_resched();
		}
	}
	for (i = 0; i < 2 * nr; i++) {
		worst[i / nr] = max_t(u64, worst[i / nr], ns[i]);
		over[i / nr] += ns[i] > 5000;
	}
	for (i = 0; i < 2; i++)
		kunit_info(test, "%u entries: the longest %s %llu ns, %u over 5 us\n", nr,
			   i ? "deletion" : "insertion", worst[i], over[i]);
	kvfree(ns);
	refslab_object_put(dict);
	free_keys(test, &keys);
}

static struct kunit_case keyed_speed_cases[] = {
	KUNIT_CASE(beside_rhashtable),
	KUNIT_CASE(the_longest_operation),
	{ }
};

static struct kunit_suite keyed_speed_suite = {
	.name = "refslab-keyed-speed",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = keyed_speed_cases,
};

kunit_test_suite(keyed_speed_suite);
