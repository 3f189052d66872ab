// SPDX-License-Identifier: GPL-2.0
/*
 * str: a text, immutable: valid UTF-8 to programs, 1, 2 or 4 bytes a character inside, by the
 * widest one: Latin-1, UCS-2, UCS-4. A NUL may be part of it.
 *
 * The empty one and those of one Latin-1 character are constants; what looks like a name is
 * interned (intern.c).
 */
#include <linux/ctype.h>
#include <linux/string.h>

#include "str.h"
#include "../../uapi/refslab.h"

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
 * struct text - what there is to know of a text before a str is made of it
 * @len:	characters
 * @shift:	bytes of the widest: 1 << @shift
 * @ascii:	all are below 0x80
 * @name:	all are letters, digits and underscores
 */
struct text {
	u32 len;
	u8 shift;
	bool ascii;
	bool name;
};

/* May it be in a name? ctype.h's idea of a letter includes Latin-1. */
static bool is_of_name(u8 c)
{
	return isascii(c) && (isalnum(c) || c == '_');
}

/* Returns false when it is not valid UTF-8. */
static bool measure(const u8 *s, size_t bytes, struct text *text)
{
	u8 highest = 0;
	size_t i, n;

	*text = (struct text){ .name = true };
	for (i = 0; i < bytes; i += n) {
		n = character(s + i, bytes - i);
		if (!n)
			return false;
		highest = max(highest, s[i]);
		text->name &= is_of_name(s[i]);
		text->len++;
	}
	text->ascii = highest < 0x80;
	/* the first byte of a character tells: up to U+00FF, up to U+FFFF */
	text->shift = highest <= 0xc3 ? 0 : highest <= 0xef ? 1 : 2;
	return true;
}

/* The valid character at @s; *@n: its bytes. */
static u32 decode(const u8 *s, size_t *n)
{
	u32 c = s[0];
	size_t i;

	*n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*n > 1)
		c &= 0x7f >> *n;
	for (i = 1; i < *n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

static size_t encoded_length(u32 c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void encode(u32 c, u8 *to, size_t n)
{
	static const u8 first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t i;

	for (i = n - 1; i; i--) {
		to[i] = 0x80 | (c & 0x3f);
		c >>= 6;
	}
	to[0] = first[n] | c;
}

static u32 char_at(const struct refslab_str *str, u32 i)
{
	switch (str->shift) {
	case 0:
		return str->data[i];
	case 1:
		return ((const u16 *)str->data)[i];
	default:
		return ((const u32 *)str->data)[i];
	}
}

static void set_char_at(struct refslab_str *str, u32 i, u32 c)
{
	switch (str->shift) {
	case 0:
		str->data[i] = c;
		break;
	case 1:
		((u16 *)str->data)[i] = c;
		break;
	default:
		((u32 *)str->data)[i] = c;
	}
}

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
		.body = sizeof(struct refslab_str),
	}, gfp);
}

static void fill(struct refslab_str *str, const u8 *utf8, const struct text *text)
{
	size_t n;
	u32 i;

	str->len = text->len;
	str->shift = text->shift;
	str->ascii = text->ascii;
	if (text->ascii) {
		memcpy(str->data, utf8, text->len);
	} else {
		for (i = 0; i < text->len; i++, utf8 += n)
			set_char_at(str, i, decode(utf8, &n));
	}
}

static struct refslab_object *make(struct refslab_heap *heap, const u8 *utf8,
				   const struct text *text, gfp_t gfp)
{
	struct refslab_type *type = heap->types.str_type;
	struct refslab_object *obj;

	obj = refslab_object_begin_sized(type, text->len << text->shift, gfp);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	fill(refslab_str_of(obj), utf8, text);
	refslab_object_publish(obj, gfp);
	return obj;
}

/**
 * refslab_str_new() - make a str
 * @heap: a heap with the built-in types
 * @utf8: the text
 * @len: its bytes
 * @gfp: allocation flags
 *
 * Context: as @gfp says. Return: the object with a reference of the caller's, or an ERR_PTR: -E2BIG
 * over REFSLAB_MAX_STR, -EILSEQ not valid UTF-8, -EOVERFLOW, -ENOMEM.
 */
struct refslab_object *refslab_str_new(struct refslab_heap *heap, const char *utf8, size_t len,
				       gfp_t gfp)
{
	const u8 *s = (const u8 *)utf8;
	struct text text;
	size_t n;

	if (len > REFSLAB_MAX_STR)
		return ERR_PTR(-E2BIG);
	if (!measure(s, len, &text))
		return ERR_PTR(-EILSEQ);
	if (!text.len)
		return refslab_constants_empty_str(heap);
	if (text.len == 1 && !text.shift)
		return refslab_constants_str(heap, decode(s, &n));
	if (text.name && len <= REFSLAB_MAX_NAME)
		return refslab_intern_get(heap, utf8, len, gfp);
	return make(heap, s, &text, gfp);
}
REFSLAB_EXPORT_TEST(refslab_str_new);

/**
 * refslab_str_probe() - make a probe for a str
 * @probe: out: the probe, for refslab_probe_end() unless this fails
 * @heap: a heap with the built-in types
 * @utf8: the text
 * @len: its bytes
 * @gfp: allocation flags
 *
 * Return: 0, or as refslab_str_new(), -E2BIG, -EILSEQ, -ENOMEM.
 */
int refslab_str_probe(struct refslab_probe *probe, struct refslab_heap *heap, const char *utf8,
		      size_t len, gfp_t gfp)
{
	struct refslab_object *obj;
	struct text text;

	if (len > REFSLAB_MAX_STR)
		return -E2BIG;
	if (!measure((const u8 *)utf8, len, &text))
		return -EILSEQ;
	obj = refslab_probe_begin(probe, heap->types.str_type, text.len << text.shift, gfp);
	if (!obj)
		return -ENOMEM;
	fill(refslab_str_of(obj), (const u8 *)utf8, &text);
	return 0;
}
REFSLAB_EXPORT_TEST(refslab_str_probe);

/**
 * refslab_str_is() - is it a str?
 * @obj: an object the caller holds a reference on
 */
bool refslab_str_is(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	return type->base == refslab_heap_of_objects(type->objects)->types.str_type;
}
REFSLAB_EXPORT_TEST(refslab_str_is);

/**
 * refslab_str_is_identifier() - is it an identifier, [A-Za-z_][A-Za-z0-9_]*?
 * @name: the text
 * @len: its bytes, not 0
 */
bool refslab_str_is_identifier(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_of_name(name[i]))
			return false;
	return !isdigit(name[0]);
}

/**
 * refslab_str_len() - how many characters a str has
 * @obj: a str the caller holds a reference on
 */
u32 refslab_str_len(struct refslab_object *obj)
{
	return refslab_str_of(obj)->len;
}
REFSLAB_EXPORT_TEST(refslab_str_len);

/**
 * refslab_str_width() - bytes that a character of a str takes
 * @obj: a str the caller holds a reference on
 */
unsigned int refslab_str_width(struct refslab_object *obj)
{
	return 1U << refslab_str_of(obj)->shift;
}
REFSLAB_EXPORT_TEST(refslab_str_width);

/**
 * refslab_str_ascii() - the text of a str in one piece
 * @obj: a str the caller holds a reference on
 *
 * Return: its characters, a byte each, good for as long as that reference, when all are ASCII; else
 * NULL.
 */
const char *refslab_str_ascii(struct refslab_object *obj)
{
	const struct refslab_str *str = refslab_str_of(obj);

	return str->ascii ? (const char *)str->data : NULL;
}
REFSLAB_EXPORT_TEST(refslab_str_ascii);

/**
 * refslab_str_utf8() - a piece of a str's text
 * @obj: a str the caller holds a reference on
 * @at: the character to begin with; out: the first that did not fit, or the length
 * @to: out: whole characters as UTF-8
 * @room: how many bytes fit there, 4 at least
 *
 * Return: how many bytes there are; 0 at the end.
 */
size_t refslab_str_utf8(struct refslab_object *obj, u32 *at, char *to, size_t room)
{
	const struct refslab_str *str = refslab_str_of(obj);
	size_t done = 0, n;
	u32 c;

	while (*at < str->len) {
		c = char_at(str, *at);
		n = encoded_length(c);
		if (n > room - done)
			break;
		encode(c, to + done, n);
		done += n;
		++*at;
	}
	return done;
}
REFSLAB_EXPORT_TEST(refslab_str_utf8);

/**
 * refslab_str_hash() - a hash of the text
 * @obj: a str the caller holds a reference on
 *
 * Remembered in the object, so that only the first call is long. Context: as
 * refslab_key_hash_memory().
 */
u32 refslab_str_hash(struct refslab_object *obj)
{
	struct refslab_str *str = refslab_str_of(obj);

	return refslab_key_hash_memory(refslab_object_type(obj)->objects, &str->hash, str->data,
				       str->len << str->shift);
}

/**
 * refslab_str_equal() - is the text the same?
 * @a: a str the caller holds a reference on
 * @b: likewise, of the same heap
 *
 * The same text is always stored in the same way.
 */
bool refslab_str_equal(struct refslab_object *a, struct refslab_object *b)
{
	const struct refslab_str *x = refslab_str_of(a), *y = refslab_str_of(b);

	return x->len == y->len && x->shift == y->shift &&
	       !memcmp(x->data, y->data, x->len << x->shift);
}
