// SPDX-License-Identifier: GPL-2.0
/*
 * Texts: UTF-8 in and out, 1, 2 or 4 bytes a character inside.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

struct text {
	const char *bytes;
	size_t len;
};

#define TEXT(literal)	{ literal, sizeof(literal) - 1 }

static const struct text valid[] = {
	TEXT(""), TEXT("a"), TEXT("hello"), TEXT("\0"), TEXT("a\0b"), TEXT("\x7f"),
	/* first and last of each length */
	TEXT("\xc2\x80"), TEXT("\xdf\xbf"), TEXT("\xe0\xa0\x80"), TEXT("\xef\xbf\xbf"),
	TEXT("\xf0\x90\x80\x80"), TEXT("\xf4\x8f\xbf\xbf"),
	/* around the surrogates */
	TEXT("\xed\x9f\xbf"), TEXT("\xee\x80\x80"),
	TEXT("\xe1\x80\x80"), TEXT("\xec\xbf\xbf"), TEXT("\xf1\x80\x80\x80"),
	TEXT("\xf3\xbf\xbf\xbf"), TEXT("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x8d."),
};

static const struct text invalid[] = {
	/* never part of UTF-8 */
	TEXT("\xff"), TEXT("\xfe"), TEXT("\xf5\x80\x80\x80"), TEXT("\xf8\x88\x80\x80\x80"),
	/* continuation without a beginning */
	TEXT("\x80"), TEXT("\xbf"), TEXT("a\x80"),
	/* cut off */
	TEXT("\xc2"), TEXT("\xe2"), TEXT("\xe2\x82"), TEXT("\xf0"), TEXT("\xf0\x9f"),
	TEXT("\xf0\x9f\x90"), TEXT("abc\xe2\x82"),
	/* something else where a continuation belongs */
	TEXT("\xc2x"), TEXT("\xc2\xc2"), TEXT("\xe2x\x80"), TEXT("\xe2\x82x"),
	TEXT("\xf0\x9f\x90x"), TEXT("\xf0\x9fx\x80"), TEXT("\xe2\x82\xc0"),
	TEXT("\xc2\x7f"), TEXT("\xc2\0"),
	/* longer than need be */
	TEXT("\xc0\x80"), TEXT("\xc1\xbf"), TEXT("\xe0\x80\x80"), TEXT("\xe0\x9f\xbf"),
	TEXT("\xf0\x80\x80\x80"), TEXT("\xf0\x8f\xbf\xbf"),
	/* surrogates */
	TEXT("\xed\xa0\x80"), TEXT("\xed\xbf\xbf"), TEXT("\xed\xa0\xbd\xed\xb2\xa9"),
	/* beyond U+10FFFF */
	TEXT("\xf4\x90\x80\x80"), TEXT("\xf4\xbf\xbf\xbf"),
};

/* Is it this text, when it is read in pieces of so many bytes? */
static bool reads_as(struct refslab_object *obj, const char *text, size_t len, size_t room)
{
	char piece[64];
	size_t done = 0, n;
	u32 at = 0;

	while ((n = refslab_str_utf8(obj, &at, piece, room))) {
		if (n > room || done + n > len || memcmp(text + done, piece, n))
			return false;
		done += n;
	}
	return done == len && at == refslab_str_len(obj);
}

static void strs_keep_their_text(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj;
	unsigned int i;
	size_t room;

	for (i = 0; i < ARRAY_SIZE(valid); i++) {
		obj = refslab_str_new(heap, valid[i].bytes, valid[i].len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		for (room = 4; room < 12; room++)
			KUNIT_EXPECT_TRUE_MSG(test,
					      reads_as(obj, valid[i].bytes, valid[i].len, room),
					      "text %u: %*ph", i, (int)valid[i].len,
					      valid[i].bytes);
		KUNIT_EXPECT_TRUE(test, refslab_str_is(obj));
		KUNIT_EXPECT_FALSE(test, refslab_object_tracked(obj));
		refslab_object_put(obj);
	}
}

static void bad_text_makes_no_str(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_object *obj;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		obj = refslab_str_new(heap, invalid[i].bytes, invalid[i].len, GFP_KERNEL);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(obj), -EILSEQ, "text %u: %*ph", i,
				    (int)invalid[i].len, invalid[i].bytes);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

/* header, length, hash */
#define BYTES(chars, width)	(24 + 8 + (chars) * (width))

static const struct {
	struct text text;
	u32 chars;
	unsigned int width;
} widths[] = {
	{ TEXT("0123456789 "), 11, 1 },
	{ TEXT("caf\xc3\xa9 cr\xc3\xa8me"), 10, 1 },
	/* the last of one byte, the first of two */
	{ TEXT("0123456789 \xc3\xbf"), 12, 1 },
	{ TEXT("0123456789 \xc4\x80"), 12, 2 },
	{ TEXT("\xe2\x82\xac\xe2\x82\xac"), 2, 2 },
	/* the last of two, the first of four */
	{ TEXT("0123456789\xef\xbf\xbf"), 11, 2 },
	{ TEXT("0123456789\xf0\x90\x80\x80"), 11, 4 },
	{ TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d."), 4, 4 },
};

static void the_widest_character_decides(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	const struct text *text;
	struct refslab_object *obj;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		text = &widths[i].text;
		obj = refslab_str_new(heap, text->bytes, text->len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, refslab_str_len(obj), widths[i].chars);
		KUNIT_EXPECT_EQ(test, refslab_str_width(obj), widths[i].width);
		KUNIT_EXPECT_EQ(test, refslab_object_bytes(obj),
				round_up(BYTES(widths[i].chars, widths[i].width), 16));
		KUNIT_EXPECT_EQ(test, !refslab_str_ascii(obj), widths[i].chars != text->len);
		KUNIT_EXPECT_TRUE(test, reads_as(obj, text->bytes, text->len, 5));
		KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 1);
		refslab_object_put(obj);
	}
}

static void expect_long(struct kunit *test, const char *text, size_t len, u32 chars,
			unsigned int width)
{
	struct refslab_object *obj;

	obj = refslab_str_new(refslab_fixture_heap(test), text, len, GFP_KERNEL);
	if (IS_ERR(obj)) {
		KUNIT_FAIL(test, "the longest str: %ld", PTR_ERR(obj));
		return;
	}
	KUNIT_EXPECT_EQ(test, refslab_str_len(obj), chars);
	KUNIT_EXPECT_EQ(test, refslab_str_width(obj), width);
	KUNIT_EXPECT_TRUE(test, reads_as(obj, text, len, 64));
	refslab_object_put(obj);
}

static void strs_may_be_a_mebibyte(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	char *bytes = kvmalloc(REFSLAB_MAX_STR + 1, GFP_KERNEL);
	struct refslab_object *obj;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	memset(bytes, 'x', REFSLAB_MAX_STR + 1);
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	/* too long is told before ill-formed */
	bytes[5] = 0xff;
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -E2BIG);
	bytes[5] = ' ';
	expect_long(test, bytes, REFSLAB_MAX_STR, REFSLAB_MAX_STR, 1);
	/* one wide character makes four times as much of it */
	memcpy(bytes + 7, "\xf0\x9f\x90\x8d", 4);
	expect_long(test, bytes, REFSLAB_MAX_STR, REFSLAB_MAX_STR - 3, 4);
	atomic_set(&heap->objects.mem.fail_at, 1);
	obj = refslab_str_new(heap, bytes, REFSLAB_MAX_STR, GFP_ATOMIC | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, PTR_ERR(obj), -ENOMEM);
	atomic_set(&heap->objects.mem.fail_at, 0);
	kvfree(bytes);
}

static void only_strs_are_strs(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);
	struct refslab_object *bytes;

	bytes = refslab_bytes_new(refslab_fixture_heap(test), "text", 4, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bytes);
	KUNIT_EXPECT_FALSE(test, refslab_str_is(list));
	KUNIT_EXPECT_FALSE(test, refslab_str_is(atom));
	KUNIT_EXPECT_FALSE(test, refslab_str_is(bytes));
	refslab_object_put(list);
	refslab_object_put(atom);
	refslab_object_put(bytes);
}

static struct kunit_case str_cases[] = {
	KUNIT_CASE(strs_keep_their_text),
	KUNIT_CASE(bad_text_makes_no_str),
	KUNIT_CASE(the_widest_character_decides),
	KUNIT_CASE(strs_may_be_a_mebibyte),
	KUNIT_CASE(only_strs_are_strs),
	{ }
};

static struct kunit_suite str_suite = {
	.name = "refslab-str",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = str_cases,
};

kunit_test_suite(str_suite);
