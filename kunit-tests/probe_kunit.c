// SPDX-License-Identifier: GPL-2.0
/*
 * Probes: dicts and sets searched with values that are not in the heap.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

/* Characters of 1, 2 and 4 bytes inside, and of 1 to 4 in UTF-8. */
static const char *const characters[] = {
	"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x8d",
};

/* Around what fits into a probe, and far beyond. */
static const u32 lengths[] = { 0, 1, 2, 60, 65, 71, 72, 73, 140, 144, 145, 280, 288, 289, 4000 };

#define TEXT_MAX	(4000 + 4)

/* @nr characters, the last of which is @last. Returns their bytes. */
static size_t write_text(char *text, u32 nr, const char *last)
{
	size_t len = strlen(last);

	if (!nr)
		return 0;
	memset(text, 'x', nr - 1);
	memcpy(text + nr - 1, last, len);
	return nr - 1 + len;
}

/* Looks a text up, as a str or as a bytes: the value, with a reference, or an ERR_PTR. */
static struct refslab_object *look_up(struct kunit *test, struct refslab_object *dict,
				      const char *text, size_t len, bool bytes)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *value;
	struct refslab_probe *probe;
	void *data;
	int err;

	probe = kmalloc(sizeof(*probe), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, probe);
	/* whatever was there before is not to matter */
	memset(probe, 0xa5, sizeof(*probe));
	if (bytes) {
		err = refslab_bytes_probe(probe, heap, len, GFP_KERNEL, &data);
		if (!err)
			memcpy(data, text, len);
	} else {
		err = refslab_str_probe(probe, heap, text, len, GFP_KERNEL);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
	value = refslab_keyed_get(dict, probe->obj);
	KUNIT_EXPECT_EQ(test, refslab_keyed_contains(dict, probe->obj), !IS_ERR(value));
	refslab_probe_end(probe);
	kfree(probe);
	return value;
}

static void expect_absent(struct kunit *test, struct refslab_object *dict, const char *text,
			  size_t len, bool bytes)
{
	KUNIT_EXPECT_EQ(test, PTR_ERR(look_up(test, dict, text, len, bytes)), -ENOKEY);
}

/* A dict with this one key: it is found, and what is like it is not. */
static void expect_found(struct kunit *test, char *text, size_t len, bool bytes)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *dict, *key, *value = refslab_fixture_list(test), *found;
	u64 live;

	dict = refslab_dict_new(heap, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dict);
	key = bytes ? refslab_bytes_new(heap, text, len, GFP_KERNEL) :
		      refslab_str_new(heap, text, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	KUNIT_ASSERT_EQ(test, refslab_keyed_set(dict, key, value, GFP_KERNEL), 0);

	live = refslab_fixture_live(heap);
	found = look_up(test, dict, text, len, bytes);
	KUNIT_EXPECT_PTR_EQ(test, found, value);
	if (!IS_ERR(found))
		refslab_object_put(found);
	expect_absent(test, dict, text, len, !bytes);
	expect_absent(test, dict, "other", 5, bytes);
	if (len)
		expect_absent(test, dict, "", 0, bytes);
	/* nothing of all that is in the heap */
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), live);
	refslab_object_put(key);
	refslab_object_put(value);
	refslab_object_put(dict);
}

static void texts_are_found(struct kunit *test)
{
	char *text = kunit_kmalloc(test, TEXT_MAX, GFP_KERNEL);
	unsigned int i, j;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (j = 0; j < ARRAY_SIZE(characters); j++) {
			len = write_text(text, lengths[i], characters[j]);
			expect_found(test, text, len, false);
			expect_found(test, text, len, true);
		}
	}
}

static void numbers_are_found_among_many(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_probe *probe = kunit_kmalloc(test, sizeof(*probe), GFP_KERNEL);
	struct refslab_object *set, *key;
	u32 wrong = 0;
	s64 i;

	KUNIT_ASSERT_NOT_NULL(test, probe);
	set = refslab_set_new(heap, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, set);
	for (i = 0; i < 3000; i += 3) {
		key = refslab_fixture_int(test, i);
		KUNIT_ASSERT_EQ(test, refslab_keyed_add(set, key, GFP_KERNEL), 1);
		refslab_object_put(key);
		/* few, and then enough for an index */
		refslab_probe_int(probe, heap, i);
		wrong += refslab_keyed_contains(set, probe->obj) != 1;
		refslab_probe_int(probe, heap, i + 3);
		wrong += refslab_keyed_contains(set, probe->obj) != 0;
		refslab_probe_end(probe);
	}
	for (i = -10; i < 3010; i++) {
		refslab_probe_int(probe, heap, i);
		wrong += refslab_keyed_contains(set, probe->obj) !=
			 (i >= 0 && i < 3000 && !(i % 3));
		refslab_probe_end(probe);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* 999.0, 999.5, and what is not even equal to itself */
	refslab_probe_float(probe, heap, 0x408f380000000000);
	KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, probe->obj), 1);
	refslab_probe_float(probe, heap, 0x408f3c0000000000);
	KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, probe->obj), 0);
	key = refslab_float_new(heap, 0x7ff8000000000000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, key);
	KUNIT_EXPECT_EQ(test, refslab_keyed_add(set, key, GFP_KERNEL), 1);
	refslab_probe_float(probe, heap, 0x7ff8000000000000);
	KUNIT_EXPECT_EQ(test, refslab_keyed_contains(set, probe->obj), 0);
	refslab_object_put(key);
	refslab_object_put(set);
}

static void what_makes_no_object_makes_no_probe(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_probe *probe = kunit_kmalloc(test, sizeof(*probe), GFP_KERNEL);
	void *data;

	KUNIT_ASSERT_NOT_NULL(test, probe);
	KUNIT_EXPECT_EQ(test, refslab_str_probe(probe, heap, "a\xff", 2, GFP_KERNEL), -EILSEQ);
	KUNIT_EXPECT_EQ(test, refslab_str_probe(probe, heap, "a", REFSLAB_MAX_STR + 1, GFP_KERNEL),
			-E2BIG);
	KUNIT_EXPECT_EQ(test, refslab_bytes_probe(probe, heap, REFSLAB_MAX_BYTES + 1, GFP_KERNEL,
						  &data), -E2BIG);
}

static struct kunit_case probe_cases[] = {
	KUNIT_CASE(texts_are_found),
	KUNIT_CASE(numbers_are_found_among_many),
	KUNIT_CASE(what_makes_no_object_makes_no_probe),
	{ }
};

static struct kunit_suite probe_suite = {
	.name = "refslab-probe",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = probe_cases,
};

kunit_test_suite(probe_suite);
