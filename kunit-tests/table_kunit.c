// SPDX-License-Identifier: GPL-2.0
/*
 * References in a growable table, against a plain array.
 */
#include <linux/err.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../uapi/refslab.h"
#include "fixture.h"

/* Fills a list with new ints 0 .. n - 1, to which only the list refers. */
static void fill(struct kunit *test, struct refslab_object *list, u32 n)
{
	struct refslab_object *obj;
	u32 i, failed = 0;

	for (i = 0; i < n; i++) {
		obj = refslab_fixture_int(test, i);
		failed += refslab_table_append(list, obj, GFP_KERNEL) != 0;
		refslab_object_put(obj);
	}
	KUNIT_ASSERT_EQ(test, failed, 0);
}

static s64 value_at(struct kunit *test, struct refslab_object *list, u32 index)
{
	struct refslab_object *obj = refslab_table_get(list, index);
	s64 value = -1;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, refslab_int_value(obj, &value), 0);
	refslab_object_put(obj);
	return value;
}

static void insert_works_at_every_position(struct kunit *test)
{
	const u32 n = 9;
	struct refslab_object *list, *obj;
	u32 at, i;

	for (at = 0; at <= n; at++) {
		list = refslab_fixture_list(test);
		fill(test, list, n);
		obj = refslab_fixture_int(test, 100);
		KUNIT_EXPECT_EQ(test, refslab_table_insert(list, at, obj, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 2);
		KUNIT_ASSERT_EQ(test, refslab_table_len(list), n + 1);
		for (i = 0; i <= n; i++)
			KUNIT_EXPECT_EQ(test, value_at(test, list, i),
					i == at ? 100 : i < at ? i : i - 1);
		refslab_object_put(list);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		refslab_object_put(obj);
	}
}

static void take_works_at_every_position(struct kunit *test)
{
	const u32 n = 9;
	struct refslab_object *list, *obj;
	s64 value;
	u32 at, i;

	for (at = 0; at < n; at++) {
		list = refslab_fixture_list(test);
		fill(test, list, n);
		obj = refslab_table_take(list, at);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		KUNIT_EXPECT_EQ(test, refslab_int_value(obj, &value), 0);
		KUNIT_EXPECT_EQ(test, value, at);
		KUNIT_ASSERT_EQ(test, refslab_table_len(list), n - 1);
		for (i = 0; i < n - 1; i++)
			KUNIT_EXPECT_EQ(test, value_at(test, list, i), i < at ? i : i + 1);
		refslab_object_put(obj);
		refslab_object_put(list);
	}
}

static void errors_change_nothing(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *obj = refslab_fixture_int(test, 1);
	const u32 n = 5;
	u32 count, bytes;
	u32 beyond;

	for (beyond = 0; beyond < 2; beyond++) {
		bytes = refslab_table_bytes(list);
		count = refslab_table_len(list);
		KUNIT_EXPECT_EQ(test, refslab_table_insert(list, count + 1, obj, GFP_KERNEL),
				-ERANGE);
		KUNIT_EXPECT_EQ(test, refslab_table_insert(list, U32_MAX, obj, GFP_KERNEL),
				-ERANGE);
		KUNIT_EXPECT_EQ(test, refslab_table_set(list, count, obj), -ERANGE);
		KUNIT_EXPECT_EQ(test, refslab_table_set(list, U32_MAX, obj), -ERANGE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_table_get(list, count)), -ERANGE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_table_get(list, U32_MAX)), -ERANGE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_table_take(list, count)), -ERANGE);
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_table_take(list, U32_MAX)), -ERANGE);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		KUNIT_EXPECT_EQ(test, refslab_table_len(list), count);
		KUNIT_EXPECT_EQ(test, refslab_table_bytes(list), bytes);
		/* first an empty list, then one with elements */
		if (!beyond)
			fill(test, list, n);
	}
	refslab_object_put(obj);
	refslab_object_put(list);
}

static void too_many_references_are_refused(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *obj = refslab_fixture_int(test, 1);
	u64 word;

	fill(test, list, 3);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), 0);
	refslab_fixture_pretend(obj, REFSLAB_COUNT_MAX - 2);
	word = refslab_word_read(&obj->word);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_table_insert(list, 0, obj, GFP_KERNEL), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_table_set(list, 0, obj), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_table_get(list, 3)), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, refslab_word_read(&obj->word), word);
	KUNIT_EXPECT_EQ(test, refslab_table_len(list), 4);
	KUNIT_EXPECT_EQ(test, value_at(test, list, 0), 0);
	refslab_fixture_pretend(obj, -(s32)(REFSLAB_COUNT_MAX - 2));
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	refslab_object_put(obj);
}

static void a_full_list_is_refused(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *obj = refslab_fixture_int(test, 1);
	struct refslab_table *table = refslab_object_table(list);
	struct refslab_table before = *table;

	/* 2^24 real elements would take 128 MiB, and nothing here looks at them */
	table->len = REFSLAB_MAX_LIST;
	table->cap = REFSLAB_MAX_LIST;
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), -E2BIG);
	KUNIT_EXPECT_EQ(test, refslab_table_insert(list, 0, obj, GFP_KERNEL), -E2BIG);
	KUNIT_EXPECT_EQ(test, refslab_table_insert(list, REFSLAB_MAX_LIST, obj, GFP_KERNEL),
			-E2BIG);
	KUNIT_EXPECT_EQ(test, refslab_table_insert(list, REFSLAB_MAX_LIST + 1, obj, GFP_KERNEL),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, table->len, REFSLAB_MAX_LIST);
	*table = before;
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	refslab_object_put(obj);
	refslab_object_put(list);
}

static void no_memory_changes_nothing(struct kunit *test)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *obj = refslab_fixture_int(test, 1);
	struct refslab_table *table = refslab_object_table(list);
	u32 len, i;

	/* until the next growth must come from the large allocator */
	fill(test, list, 200);
	while (table->len < table->cap)
		fill(test, list, 1);
	len = table->len;
	atomic_set(&mem->fail_at, 1);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_ATOMIC | __GFP_NOWARN), -ENOMEM);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->fail_at), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	KUNIT_EXPECT_EQ(test, refslab_table_len(list), len);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, obj, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, value_at(test, list, len), 1);
	refslab_object_put(refslab_table_take(list, len));
	/* shrinking without memory leaves the room as it is */
	for (i = len; i; i--) {
		atomic_set(&mem->fail_at, 1);
		refslab_object_put(refslab_table_take(list, i - 1));
	}
	atomic_set(&mem->fail_at, 0);
	KUNIT_EXPECT_EQ(test, refslab_table_len(list), 0);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
	refslab_object_put(obj);
}

static void room_grows_and_shrinks(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test), *obj;
	struct refslab_table *table = refslab_object_table(list);
	u32 n, cap = 0, grown = 0, unused = 0;
	s64 value;

	KUNIT_EXPECT_EQ(test, refslab_table_bytes(list), 0);
	for (n = 1; n <= 10000; n++) {
		fill(test, list, 1);
		KUNIT_ASSERT_GE(test, table->cap, table->len);
		/* never much more than an eighth beyond what is needed, or a leaf and a root */
		KUNIT_ASSERT_LE(test, table->cap, n + max(n / 8 + 8, 2 * REFSLAB_BTREE_LEAF *
							  (n > REFSLAB_BTREE_LEAF)));
		grown += table->cap != cap;
		cap = table->cap;
	}
	/* appending costs O(1): far fewer growths than elements */
	KUNIT_EXPECT_LT(test, grown, 100);
	KUNIT_EXPECT_EQ(test, refslab_table_bytes(list), cap * sizeof(void *));
	for (; n > 1; n--) {
		obj = refslab_table_take(list, n - 2);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_ASSERT_EQ(test, refslab_int_value(obj, &value), 0);
		KUNIT_ASSERT_GE(test, table->cap, table->len);
		unused += table->cap > 16 && table->cap > 2 * table->len + 1 +
			  2 * REFSLAB_BTREE_LEAF * (table->height > 0);
		refslab_object_put(obj);
	}
	/* no more than half of it is ever unused */
	KUNIT_EXPECT_EQ(test, unused, 0);
	KUNIT_EXPECT_LE(test, table->cap, 16);
	refslab_object_put(list);
}

static void take_bumps_what_it_takes_by_two(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test), *objs[4];
	u32 version[4], i;

	for (i = 0; i < 4; i++) {
		objs[i] = refslab_fixture_int(test, i);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, objs[i], GFP_KERNEL), 0);
		version[i] = refslab_fixture_version(objs[i]);
	}
	KUNIT_EXPECT_PTR_EQ(test, refslab_table_take(list, 1), objs[1]);
	/* a reference moved into a local: seen by a scan, though the count is the same */
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(objs[1]), 2);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, refslab_fixture_version(objs[i]),
				version[i] + (i == 1 ? 2 : 0));
	refslab_object_put(objs[1]);
	refslab_object_put(list);
	for (i = 0; i < 4; i++)
		refslab_object_put(objs[i]);
}

/* A scan's place goes along with the elements around it, which nobody touches. */
static void shifts_carry_the_scan_along(struct kunit *test)
{
	const u32 next = 4, end = 7;
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_table *table = refslab_object_table(list);
	struct refslab_object *objs[8], *extra = refslab_fixture_int(test, 100);
	u32 version[8], i;

	for (i = 0; i < 8; i++) {
		objs[i] = refslab_fixture_int(test, i);
		KUNIT_EXPECT_EQ(test, refslab_table_append(list, objs[i], GFP_KERNEL), 0);
		version[i] = refslab_fixture_version(objs[i]);
	}
	for (i = 0; i <= 8; i++) {
		table->scan_next = next;
		table->scan_end = end;
		/* what comes at the place itself has still to be visited, at the end not */
		KUNIT_EXPECT_EQ(test, refslab_table_insert(list, i, extra, GFP_KERNEL), 0);
		KUNIT_EXPECT_EQ(test, table->scan_next, next + (i < next));
		KUNIT_EXPECT_EQ(test, table->scan_end, end + (i < end));
		table->scan_next = next;
		table->scan_end = end;
		KUNIT_EXPECT_PTR_EQ(test, refslab_table_take(list, i), extra);
		KUNIT_EXPECT_EQ(test, table->scan_next, next - (i < next));
		KUNIT_EXPECT_EQ(test, table->scan_end, end - (i < end));
		refslab_object_put(extra);
	}
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, refslab_fixture_version(objs[i]), version[i]);

	/* none is under way */
	table->scan_next = 0;
	table->scan_end = 0;
	KUNIT_EXPECT_EQ(test, refslab_table_insert(list, 0, extra, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, table->scan_next, 0);
	KUNIT_EXPECT_EQ(test, table->scan_end, 0);
	refslab_object_put(extra);
	refslab_object_put(list);
	for (i = 0; i < 8; i++)
		refslab_object_put(objs[i]);
}

static void displaced_last_reference_is_destroyed(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *inner = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 5);

	fill(test, inner, 10);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, inner, GFP_KERNEL), 0);
	refslab_object_put(inner);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 13);
	KUNIT_EXPECT_EQ(test, refslab_table_set(list, 0, atom), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 2);
	/* the same for the same */
	KUNIT_EXPECT_EQ(test, refslab_table_set(list, 0, atom), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 2);
	refslab_object_put(atom);
	refslab_object_put(list);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

/* --- against a model ------------------------------------------------------------------------ */

#define MODEL_OBJS	16
#define MODEL_MAX	500
#define MODEL_STEPS	10000

struct model {
	struct refslab_object *list;
	struct refslab_object *objs[MODEL_OBJS];
	struct refslab_object *held[MODEL_OBJS + 1];
	u8 at[MODEL_MAX];	/* number in objs */
	u32 len;
	u32 refs[MODEL_OBJS];
};

static void model_insert(struct kunit *test, struct model *model, u32 index, u8 which)
{
	int err = refslab_table_insert(model->list, index, model->objs[which], GFP_KERNEL);

	KUNIT_ASSERT_EQ(test, err, 0);
	memmove(&model->at[index + 1], &model->at[index], model->len - index);
	model->at[index] = which;
	model->len++;
	model->refs[which]++;
}

static void model_take(struct kunit *test, struct model *model, u32 index)
{
	struct refslab_object *obj = refslab_table_take(model->list, index);
	u8 which = model->at[index];

	KUNIT_ASSERT_PTR_EQ(test, obj, model->objs[which]);
	refslab_object_put(obj);
	model->len--;
	memmove(&model->at[index], &model->at[index + 1], model->len - index);
	model->refs[which]--;
}

static void model_set(struct kunit *test, struct model *model, u32 index, u8 which)
{
	KUNIT_ASSERT_EQ(test, refslab_table_set(model->list, index, model->objs[which]), 0);
	model->refs[model->at[index]]--;
	model->at[index] = which;
	model->refs[which]++;
}

static void model_compare(struct kunit *test, struct model *model)
{
	struct refslab_table *table = refslab_object_table(model->list);
	u32 i, run, wrong = 0;

	KUNIT_ASSERT_EQ(test, table->len, model->len);
	for (i = 0; i < model->len; i++)
		wrong += *refslab_table_at(table, i, &run) != model->objs[model->at[i]];
	for (i = 0; i < MODEL_OBJS; i++)
		wrong += refslab_fixture_count(model->objs[i]) != model->refs[i] + 1;
	KUNIT_ASSERT_EQ(test, wrong, 0);
}

static void random_operations_match_an_array(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct rnd_state rnd;
	u32 step, i, what, grow = 1;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 20240607);
	model->list = refslab_fixture_list(test);
	for (i = 0; i < MODEL_OBJS; i++) {
		model->objs[i] = refslab_fixture_int(test, i);
		model->held[i] = model->objs[i];
	}
	model->held[MODEL_OBJS] = model->list;
	for (step = 0; step < MODEL_STEPS; step++) {
		/* up to the top and down to nothing, in turns */
		if (model->len == MODEL_MAX)
			grow = 0;
		if (!model->len)
			grow = 1;
		what = prandom_u32_state(&rnd) % 8;
		i = prandom_u32_state(&rnd);
		if (model->len && what < 2)
			model_set(test, model, i % model->len, i >> 16 & (MODEL_OBJS - 1));
		else if (model->len && what < (grow ? 3 : 7))
			model_take(test, model, i % model->len);
		else if (model->len < MODEL_MAX)
			model_insert(test, model, i % (model->len + 1), i >> 16 & (MODEL_OBJS - 1));
		model_compare(test, model);
	}
	refslab_fixture_check_held(test, model->held, MODEL_OBJS + 1);
	refslab_object_put(model->list);
	for (i = 0; i < MODEL_OBJS; i++) {
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(model->objs[i]), 1);
		refslab_object_put(model->objs[i]);
	}
}

/* --- long tables ---------------------------------------------------------------------------- */

#define LONG_OBJS	1024
#define LONG_MOST	300000

struct long_model {
	struct refslab_object *list;
	struct refslab_object *objs[LONG_OBJS];
	u16 *at;	/* number in objs */
	u32 len;
	struct rnd_state rnd;
};

static u32 long_pick(struct long_model *model, u32 n)
{
	return prandom_u32_state(&model->rnd) % n;
}

static void long_insert(struct kunit *test, struct long_model *model, u32 index)
{
	u16 which = long_pick(model, LONG_OBJS);

	KUNIT_ASSERT_EQ(test, refslab_table_insert(model->list, index, model->objs[which],
						   GFP_KERNEL), 0);
	memmove(&model->at[index + 1], &model->at[index], (model->len - index) * sizeof(u16));
	model->at[index] = which;
	model->len++;
}

static void long_take(struct kunit *test, struct long_model *model, u32 index)
{
	struct refslab_object *obj = refslab_table_take(model->list, index);

	KUNIT_ASSERT_PTR_EQ(test, obj, model->objs[model->at[index]]);
	refslab_object_put(obj);
	model->len--;
	memmove(&model->at[index], &model->at[index + 1], (model->len - index) * sizeof(u16));
}

/* All elements, the way a scan reads them, and each on its own. */
static void long_compare(struct kunit *test, struct long_model *model)
{
	struct refslab_table *table = refslab_object_table(model->list);
	u32 i, k, run, wrong = 0;
	void **vec;

	KUNIT_ASSERT_EQ(test, table->len, model->len);
	KUNIT_ASSERT_GE(test, table->cap, table->len);
	for (i = 0; i < model->len; i += run) {
		vec = refslab_table_at(table, i, &run);
		KUNIT_ASSERT_GT(test, run, 0);
		KUNIT_ASSERT_LE(test, run, REFSLAB_BTREE_LEAF);
		KUNIT_ASSERT_LE(test, i + run, model->len);
		for (k = 0; k < run; k++)
			wrong += vec[k] != model->objs[model->at[i + k]];
	}
	for (i = 0; i < model->len; i++)
		wrong += *refslab_table_at(table, i, &run) != model->objs[model->at[i]];
	KUNIT_ASSERT_EQ(test, wrong, 0);
}

static void long_begin(struct kunit *test, struct long_model *model)
{
	u32 i;

	model->at = kvmalloc_array(LONG_MOST, sizeof(u16), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model->at);
	prandom_seed_state(&model->rnd, 20261121);
	model->list = refslab_fixture_list(test);
	for (i = 0; i < LONG_OBJS; i++)
		model->objs[i] = refslab_fixture_int(test, i);
}

static void long_end(struct kunit *test, struct long_model *model)
{
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	u32 i, wrong = 0;

	KUNIT_EXPECT_GT(test, atomic_long_read(&mem->nr_large), model->len ? 0L : -1L);
	refslab_object_put(model->list);
	refslab_destroy_settle(refslab_fixture_objects(test));
	/* every node went back */
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->nr_large), 0L);
	for (i = 0; i < LONG_OBJS; i++) {
		wrong += refslab_fixture_count(model->objs[i]) != 1;
		refslab_object_put(model->objs[i]);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kvfree(model->at);
}

/* Up and down again, at random places, by way of all sizes and shapes of the tree. */
static void long_tables_match_an_array(struct kunit *test)
{
	struct long_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct refslab_table *table;
	u32 top, cap, i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	long_begin(test, model);
	table = refslab_object_table(model->list);
	for (top = 500; top <= 32000; top *= 4) {
		while (model->len < top) {
			long_insert(test, model, long_pick(model, model->len + 1));
			if (!long_pick(model, 4))
				long_take(test, model, long_pick(model, model->len));
		}
		long_compare(test, model);
		/* at random places, leaves are at least half full */
		KUNIT_EXPECT_LE(test, table->cap, 2 * table->len + 3 * REFSLAB_BTREE_LEAF);
		for (i = 0; model->len > 100; i++) {
			long_take(test, model, long_pick(model, model->len));
			if (!(i % 1024))
				long_compare(test, model);
			if (model->len == top / 8)
				KUNIT_EXPECT_LE(test, table->cap,
						4 * table->len + 3 * REFSLAB_BTREE_LEAF);
		}
		long_compare(test, model);
		cond_resched();
	}
	/* an array again, with little room to spare */
	KUNIT_EXPECT_EQ(test, table->height, 0);
	cap = table->cap;
	KUNIT_EXPECT_LE(test, cap, 2 * model->len + 1);
	long_end(test, model);
}

/* Grown at one end, then taken from at either, and at one place in the middle. */
static void long_tables_grow_at_either_end(struct kunit *test)
{
	struct long_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	const u32 top = 290000, some = 1500;
	struct refslab_table *table;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	long_begin(test, model);
	table = refslab_object_table(model->list);
	while (model->len < top)
		long_insert(test, model, model->len);
	/* what is only appended to has full nodes */
	KUNIT_EXPECT_EQ(test, table->height, 2);
	KUNIT_EXPECT_LE(test, table->cap, model->len + 6 * REFSLAB_BTREE_LEAF);
	long_compare(test, model);
	for (i = 0; i < some; i++)
		long_insert(test, model, 0);
	long_compare(test, model);
	for (i = 0; i < some; i++)
		long_insert(test, model, top / 2);
	long_compare(test, model);
	for (i = 0; i < 2 * some; i++)
		long_take(test, model, top / 2 - some);
	long_compare(test, model);
	for (i = 0; i < 2 * some; i++)
		long_take(test, model, 0);
	long_compare(test, model);
	for (i = 0; i < some; i++) {
		long_insert(test, model, model->len);
		long_take(test, model, 0);
	}
	long_compare(test, model);
	while (model->len > some)
		long_take(test, model, model->len - 1);
	long_compare(test, model);
	KUNIT_EXPECT_LE(test, table->cap, 2 * model->len + 3 * REFSLAB_BTREE_LEAF);
	long_end(test, model);
}

/* As the scan reads a table, with others at work between two chunks: what stays is seen once. */
static void what_stays_is_seen_once(struct kunit *test)
{
	struct long_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	u32 i, n, run, index, round, len, wrong = 0, stayed = 0;
	struct refslab_table *table;
	u8 *seen, *gone;

	KUNIT_ASSERT_NOT_NULL(test, model);
	seen = kunit_kzalloc(test, LONG_OBJS, GFP_KERNEL);
	gone = kunit_kzalloc(test, LONG_OBJS, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_NOT_NULL(test, gone);
	long_begin(test, model);
	table = refslab_object_table(model->list);
	for (round = 0; round < 100; round++) {
		/* each object once; a short one is an array, a long one a tree */
		len = round % 2 ? LONG_OBJS : REFSLAB_BTREE_LEAF - 100;
		while (model->len)
			long_take(test, model, model->len - 1);
		for (i = 0; i < len; i++) {
			long_insert(test, model, i);
			refslab_table_set(model->list, i, model->objs[i]);
			model->at[i] = i;
		}
		memset(seen, 0, LONG_OBJS);
		memset(gone, 0, LONG_OBJS);
		table->scan_end = len;
		while (table->scan_next < table->scan_end) {
			index = table->scan_next;
			refslab_table_at(table, index, &run);
			run = min3(run, table->scan_end - index, 32U);
			for (i = 0; i < run; i++)
				seen[model->at[index + i]]++;
			table->scan_next += run;
			for (n = long_pick(model, 64); n; n--) {
				index = long_pick(model, model->len + 1);
				if (long_pick(model, 2)) {
					long_insert(test, model, index);
					gone[model->at[index]] = 1;
				} else if (index < model->len) {
					gone[model->at[index]] = 1;
					long_take(test, model, index);
				}
			}
		}
		for (i = 0; i < len; i++) {
			if (gone[i])
				continue;
			stayed++;
			wrong += seen[i] != 1;
		}
		table->scan_next = 0;
		table->scan_end = 0;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_GT(test, stayed, 1000);
	long_end(test, model);
}

/* A tree grows by whoever may sleep, and by whoever may not as long as there is memory. */
static void a_long_table_without_memory_stays_as_it_is(struct kunit *test)
{
	struct long_model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	u32 i, refused = 0, cap;

	KUNIT_ASSERT_NOT_NULL(test, model);
	long_begin(test, model);
	while (model->len < REFSLAB_BTREE_LEAF)
		long_insert(test, model, model->len);
	for (i = 0; i < 4000; i++) {
		cap = refslab_table_bytes(model->list);
		atomic_set(&mem->fail_at, 1);
		if (refslab_table_insert(model->list, 1, model->objs[0],
					 GFP_ATOMIC | __GFP_NOWARN)) {
			refused++;
			KUNIT_ASSERT_EQ(test, atomic_read(&mem->fail_at), 0);
			KUNIT_ASSERT_EQ(test, refslab_table_bytes(model->list), cap);
			long_compare(test, model);
			long_insert(test, model, 1);
		} else {
			refslab_object_put(refslab_table_take(model->list, 1));
			atomic_set(&mem->fail_at, 0);
			long_insert(test, model, 1);
		}
	}
	atomic_set(&mem->fail_at, 0);
	/* once for each leaf, and for the root */
	KUNIT_EXPECT_GT(test, refused, 4000 / REFSLAB_BTREE_LEAF);
	long_compare(test, model);
	long_end(test, model);
}

struct contest {
	struct refslab_object *list;
	struct refslab_object *obj;
	u32 round;
	atomic_t wrong;
};

static void contend(unsigned int nr, void *arg)
{
	struct contest *contest = arg;
	struct refslab_object *got;
	u32 i, pushed = 0, round = contest->round;

	for (i = 0; i < 200 * round; i++) {
		if (i % round < round / 2) {
			if (refslab_table_insert(contest->list, 0, contest->obj, GFP_KERNEL))
				atomic_inc(&contest->wrong);
			else
				pushed++;
		} else if (pushed) {
			got = refslab_table_take(contest->list, 0);
			if (got != contest->obj)
				atomic_inc(&contest->wrong);
			else
				refslab_object_put(got);
			pushed--;
		}
	}
}

static void check_contest(struct kunit *test, u32 round)
{
	struct contest contest = {
		.list = refslab_fixture_list(test),
		.obj = refslab_fixture_int(test, 1),
		.round = round,
	};

	refslab_fixture_on_cpus(test, contend, &contest);
	KUNIT_EXPECT_EQ(test, atomic_read(&contest.wrong), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_len(contest.list), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(contest.obj), 1);
	refslab_object_put(contest.list);
	refslab_object_put(contest.obj);
}

static void many_may_change_one_table(struct kunit *test)
{
	check_contest(test, 100);
}

/* From an array to a tree and back, over and over. */
static void many_may_change_one_long_table(struct kunit *test)
{
	check_contest(test, 3000);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(insert_works_at_every_position),
	KUNIT_CASE(take_works_at_every_position),
	KUNIT_CASE(errors_change_nothing),
	KUNIT_CASE(too_many_references_are_refused),
	KUNIT_CASE(a_full_list_is_refused),
	KUNIT_CASE(no_memory_changes_nothing),
	KUNIT_CASE(room_grows_and_shrinks),
	KUNIT_CASE(take_bumps_what_it_takes_by_two),
	KUNIT_CASE(shifts_carry_the_scan_along),
	KUNIT_CASE(displaced_last_reference_is_destroyed),
	KUNIT_CASE(random_operations_match_an_array),
	KUNIT_CASE(long_tables_match_an_array),
	KUNIT_CASE(long_tables_grow_at_either_end),
	KUNIT_CASE(what_stays_is_seen_once),
	KUNIT_CASE(a_long_table_without_memory_stays_as_it_is),
	KUNIT_CASE(many_may_change_one_table),
	KUNIT_CASE(many_may_change_one_long_table),
	{ }
};

static struct kunit_suite table_suite = {
	.name = "refslab-table",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
