/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The body of a str, between str.c and intern.c.
 */
#ifndef _REFSLAB_STR_H
#define _REFSLAB_STR_H

#include <linux/rhashtable-types.h>

#include "types.h"

/**
 * struct refslab_str - a text
 * @len:	characters
 * @shift:	bytes of each: 1 << @shift, as many as the widest takes
 * @ascii:	all of them are below 0x80
 * @hash:	of the text, once somebody has asked; else 0
 * @data:	the characters, as code points
 */
struct refslab_str {
	u32 len : 29;
	u32 shift : 2;
	u32 ascii : 1;
	u32 hash;
	u8 data[];
};

/**
 * struct refslab_name - body of an interned str
 * @node:	in the heap's table of names
 * @str:	the text, which is ASCII
 */
struct refslab_name {
	struct rhash_head node;
	struct refslab_str str;
};

/* The text comes last in either. */
static inline struct refslab_str *refslab_str_of(const struct refslab_object *obj)
{
	const struct refslab_type *type = refslab_object_type(obj);

	return refslab_object_body(obj, type) + type->body - sizeof(struct refslab_str);
}

#endif /* _REFSLAB_STR_H */
