// SPDX-License-Identifier: GPL-2.0
/*
 * Interned strs: one for each text, for as long as somebody holds it.
 */
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "fixture.h"

static struct refslab_object *str(struct kunit *test, const char *text)
{
	struct refslab_object *obj;

	obj = refslab_str_new(refslab_fixture_heap(test), text, strlen(text), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	return obj;
}

static unsigned int nr_names(struct kunit *test)
{
	return atomic_read(&refslab_fixture_heap(test)->names.table.nelems);
}

static void names_are_one_object(struct kunit *test)
{
	static const char *const names[] = {
		"ab", "_1", "42", "x_y_z", "__init__", "A_very_long_name_of_something_or_other_42",
	};
	struct refslab_object *obj[ARRAY_SIZE(names)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		obj[i] = str(test, names[i]);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[i]), 1);
	}
	KUNIT_EXPECT_EQ(test, nr_names(test), ARRAY_SIZE(names));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		KUNIT_EXPECT_PTR_EQ(test, str(test, names[i]), obj[i]);
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj[i]), 2);
		KUNIT_EXPECT_TRUE(test, refslab_str_is(obj[i]));
		KUNIT_EXPECT_EQ(test, refslab_str_len(obj[i]), strlen(names[i]));
		KUNIT_EXPECT_EQ(test, memcmp(refslab_str_ascii(obj[i]), names[i],
					     strlen(names[i])), 0);
		KUNIT_EXPECT_STREQ(test, refslab_object_type(obj[i])->base->name, "str");
		refslab_object_put(obj[i]);
	}
	KUNIT_EXPECT_EQ(test, nr_names(test), ARRAY_SIZE(names));
	for (i = 0; i < ARRAY_SIZE(names); i++)
		refslab_object_put(obj[i]);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static void other_texts_are_not(struct kunit *test)
{
	static const char *const texts[] = {
		"a b", "a-b", "caf\xc3\xa9", "ab\n", "a.b", "\xc4\x80",
	};
	struct refslab_object *obj, *other;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		obj = str(test, texts[i]);
		other = str(test, texts[i]);
		KUNIT_EXPECT_PTR_NE(test, obj, other);
		KUNIT_EXPECT_TRUE(test, refslab_key_equal(obj, other));
		refslab_object_put(obj);
		refslab_object_put(other);
	}
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
}

static void very_long_names_are_not(struct kunit *test)
{
	char *text = kunit_kzalloc(test, REFSLAB_MAX_NAME + 2, GFP_KERNEL);
	struct refslab_object *obj, *other;

	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', REFSLAB_MAX_NAME);
	obj = str(test, text);
	other = str(test, text);
	KUNIT_EXPECT_PTR_EQ(test, obj, other);
	refslab_object_put(obj);
	refslab_object_put(other);
	text[REFSLAB_MAX_NAME] = 'x';
	obj = str(test, text);
	other = str(test, text);
	KUNIT_EXPECT_PTR_NE(test, obj, other);
	refslab_object_put(obj);
	refslab_object_put(other);
}

/* In interrupts nothing is destroyed there and then. */
static void put_for_later(struct refslab_object *obj)
{
	local_irq_disable();
	refslab_object_put(obj);
	local_irq_enable();
}

static void a_dying_name_is_not_handed_out(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *dying, *obj;
	struct refslab_fixture_worker worker;

	refslab_fixture_worker_stop(test, &worker, heap);
	dying = str(test, "name");
	put_for_later(dying);
	KUNIT_EXPECT_EQ(test, nr_names(test), 1);
	obj = str(test, "name");
	KUNIT_EXPECT_PTR_NE(test, obj, dying);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(dying), 0);
	KUNIT_EXPECT_EQ(test, nr_names(test), 1);
	refslab_fixture_worker_go(&worker);
	/* that one's end did not take this one out */
	KUNIT_EXPECT_EQ(test, nr_names(test), 1);
	KUNIT_EXPECT_PTR_EQ(test, str(test, "name"), obj);
	refslab_object_put(obj);
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
}

static void no_reference_too_many(struct kunit *test)
{
	struct refslab_object *obj = str(test, "name");

	refslab_fixture_pretend(obj, REFSLAB_COUNT_MAX - 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_str_new(refslab_fixture_heap(test), "name", 4,
						      GFP_KERNEL)), -EOVERFLOW);
	refslab_fixture_pretend(obj, -(s32)(REFSLAB_COUNT_MAX - 1));
	refslab_object_put(obj);
}

static void without_memory_there_is_none(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);

	atomic_set(&heap->objects.mem.fail_at, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_str_new(heap, "name", 4,
						      GFP_ATOMIC | __GFP_NOWARN)), -ENOMEM);
	atomic_set(&heap->objects.mem.fail_at, 0);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

/* Nothing is left of a name that the table refuses, as one that cannot grow does. */
static void a_table_that_cannot_grow(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	unsigned int max = heap->names.table.max_elems, i;
	struct refslab_object *obj = str(test, "name"), *again;

	heap->names.table.max_elems = 1;
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_str_new(heap, "other", 5, GFP_KERNEL)),
				-ENOMEM);
	KUNIT_EXPECT_EQ(test, nr_names(test), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
	/* what is there is found as before */
	again = str(test, "name");
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	refslab_object_put(again);
	refslab_fixture_check_held(test, &obj, 1);
	heap->names.table.max_elems = max;
	again = str(test, "other");
	KUNIT_EXPECT_EQ(test, nr_names(test), 2);
	refslab_object_put(again);
	refslab_object_put(obj);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
}

#define MANY	20000

static void there_may_be_many(struct kunit *test)
{
	struct refslab_object **objs = kvcalloc(MANY, sizeof(*objs), GFP_KERNEL);
	unsigned int i, wrong = 0;
	char name[16];

	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "name_%u", i);
		objs[i] = str(test, name);
	}
	KUNIT_EXPECT_EQ(test, nr_names(test), MANY);
	for (i = 0; i < MANY; i++) {
		struct refslab_object *again;

		snprintf(name, sizeof(name), "name_%u", i);
		again = str(test, name);
		wrong += again != objs[i];
		refslab_object_put(again);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	for (i = 0; i < MANY; i++)
		refslab_object_put(objs[i]);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
	kvfree(objs);
}

/* with KASAN, on a processor that is emulated, 20,000 take the better part of a minute */
#define RACES	(IS_ENABLED(CONFIG_KASAN) ? 4000 : 20000)

struct race {
	struct refslab_heap *heap;
	atomic_t wrong;
	atomic_t failed;
};

/* Makes and drops the same few names as the others; who holds one gets the same again. */
static void race(unsigned int nr, void *arg)
{
	static const char *const names[] = { "alpha", "beta", "gamma" };
	struct race *race = arg;
	struct refslab_object *obj, *again;
	const char *name;
	unsigned int i;

	for (i = 0; i < RACES; i++) {
		name = names[(i * 7 + nr) % ARRAY_SIZE(names)];
		obj = refslab_str_new(race->heap, name, strlen(name), GFP_KERNEL);
		if (IS_ERR(obj)) {
			atomic_inc(&race->failed);
			continue;
		}
		again = refslab_str_new(race->heap, name, strlen(name), GFP_KERNEL);
		if (again != obj || refslab_str_len(obj) != strlen(name) ||
		    memcmp(refslab_str_ascii(obj), name, strlen(name)))
			atomic_inc(&race->wrong);
		if (!IS_ERR(again))
			refslab_object_put(again);
		if (i % 5)
			refslab_object_put(obj);
		else
			put_for_later(obj);
		if (!(i % 256))
			cond_resched();
	}
}

static void processors_agree_on_names(struct kunit *test)
{
	struct race w = { .heap = refslab_fixture_heap(test) };

	refslab_fixture_on_cpus(test, race, &w);
	refslab_fixture_settle(w.heap);
	KUNIT_EXPECT_EQ(test, atomic_read(&w.wrong), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&w.failed), 0);
	KUNIT_EXPECT_EQ(test, nr_names(test), 0);
}

static void a_heap_may_end_with_names(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	char name[16];
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "name_%u", i);
		KUNIT_EXPECT_FALSE(test, IS_ERR(refslab_str_new(heap, name, strlen(name),
								GFP_KERNEL)));
	}
	refslab_heap_put_sync(heap);
}

static struct kunit_case intern_cases[] = {
	KUNIT_CASE(names_are_one_object),
	KUNIT_CASE(other_texts_are_not),
	KUNIT_CASE(very_long_names_are_not),
	KUNIT_CASE(a_dying_name_is_not_handed_out),
	KUNIT_CASE(no_reference_too_many),
	KUNIT_CASE(without_memory_there_is_none),
	KUNIT_CASE(a_table_that_cannot_grow),
	KUNIT_CASE(there_may_be_many),
	KUNIT_CASE(processors_agree_on_names),
	KUNIT_CASE(a_heap_may_end_with_names),
	{ }
};

static struct kunit_suite intern_suite = {
	.name = "refslab-intern",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = intern_cases,
};

kunit_test_suite(intern_suite);
