// SPDX-License-Identifier: GPL-2.0
/*
 * str: a string of valid UTF-8, immutable, without a terminating NUL; a NUL may be part of it.
 */
#include <linux/string.h>

#include "types.h"
#include "../../uapi/refslab.h"

/**
 * struct str - the body of a str
 * @len:	bytes of @utf8
 * @hash:	of the text, once somebody has asked; else 0
 * @utf8:	the text
 */
struct str {
	u32 len;
	u32 hash;
	char utf8[];
};

/*
 * Length of the character at @s, of which @left bytes are there; 0 when it is not valid UTF-8.
 * What is the smallest value for each length, and what the surrogates leave out, can be told from
 * the second byte (Unicode, table 3-7: well-formed UTF-8 byte sequences).
 */
static size_t character(const u8 *s, size_t left)
{
	u8 low = 0x80, high = 0xbf;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	switch (s[0]) {
	case 0xe0:
		low = 0xa0;
		break;
	case 0xed:
		high = 0x9f;
		break;
	case 0xf0:
		low = 0x90;
		break;
	case 0xf4:
		high = 0x8f;
		break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/**
 * refslab_str_is_utf8() - is this valid UTF-8?
 * @utf8: the bytes
 * @len: how many
 *
 * Overlong forms, surrogates, and what is beyond U+10FFFF or cut off are not.
 */
bool refslab_str_is_utf8(const char *utf8, size_t len)
{
	const u8 *s = (const u8 *)utf8;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = character(s + i, len - i);
		if (!n)
			return false;
	}
	return true;
}
REFSLAB_EXPORT_TEST(refslab_str_is_utf8);

/**
 * refslab_str_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR.
 */
struct refslab_type *refslab_str_register(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_type_create(&heap->objects, &(struct refslab_type_params) {
		.name = "str",
		.flags = REFSLAB_TYPE_SIZED,
		.body = sizeof(struct str),
	}, gfp);
}

/**
 * refslab_str_new() - make a str
 * @heap: a heap with the built-in types
 * @utf8: the text
 * @len: its bytes
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with one reference, the caller's, or an ERR_PTR:
 * -E2BIG over REFSLAB_MAX_STR, -EILSEQ not valid UTF-8, -ENOMEM.
 */
struct refslab_object *refslab_str_new(struct refslab_heap *heap, const char *utf8, size_t len,
				       gfp_t gfp)
{
	struct refslab_type *type = heap->types.str_type;
	struct refslab_object *obj;
	struct str *str;

	if (len > REFSLAB_MAX_STR)
		return ERR_PTR(-E2BIG);
	if (!refslab_str_is_utf8(utf8, len))
		return ERR_PTR(-EILSEQ);
	obj = refslab_object_alloc_sized(type, len, gfp);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	str = refslab_object_body(obj, type);
	str->len = len;
	memcpy(str->utf8, utf8, len);
	return obj;
}
REFSLAB_EXPORT_TEST(refslab_str_new);

/**
 * refslab_str_value() - the text of a str
 * @obj: an object the caller holds a reference on, of a heap with the built-in types
 * @utf8: out: the text, good for as long as that reference
 * @len: out: its bytes
 *
 * Return: 0, or -EPROTOTYPE when it is not a str.
 */
int refslab_str_value(struct refslab_object *obj, const char **utf8, size_t *len)
{
	struct refslab_type *type = refslab_object_type(obj);
	const struct str *str;

	if (type != refslab_heap_of_objects(type->objects)->types.str_type)
		return -EPROTOTYPE;
	str = refslab_object_body(obj, type);
	*utf8 = str->utf8;
	*len = str->len;
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_str_value);

/**
 * refslab_str_hash() - a hash of the text
 * @obj: a str the caller holds a reference on
 *
 * Remembered in the object, so that only the first call is long. Context: the first time, task
 * context, may sleep.
 */
u32 refslab_str_hash(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct str *str = refslab_object_body(obj, type);

	return refslab_key_hash_memory(type->objects, &str->hash, str->utf8, str->len);
}

/**
 * refslab_str_equal() - is the text the same?
 * @a: a str the caller holds a reference on
 * @b: likewise, of the same heap
 */
bool refslab_str_equal(struct refslab_object *a, struct refslab_object *b)
{
	const struct str *x = refslab_object_body(a, refslab_object_type(a));
	const struct str *y = refslab_object_body(b, refslab_object_type(b));

	return x->len == y->len && !memcmp(x->utf8, y->utf8, x->len);
}
