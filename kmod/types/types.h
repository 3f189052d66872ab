/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types that come with every user heap.
 */
#ifndef _REFSLAB_TYPES_H
#define _REFSLAB_TYPES_H

#include "../heap.h"

/* int.c: 64-bit signed integers */
struct refslab_type *refslab_int_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_int_new(struct refslab_heap *heap, s64 value, gfp_t gfp);
int refslab_int_value(struct refslab_object *obj, s64 *value);

/* str.c: strings of valid UTF-8, immutable */
struct refslab_type *refslab_str_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_str_new(struct refslab_heap *heap, const char *utf8, size_t len,
				       gfp_t gfp);
bool refslab_str_is_utf8(const char *utf8, size_t len);
int refslab_str_value(struct refslab_object *obj, const char **utf8, size_t *len);

/* list.c: growable lists */
struct refslab_type *refslab_list_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_list_new(struct refslab_heap *heap, gfp_t gfp);
bool refslab_list_is(struct refslab_object *obj);

#endif /* _REFSLAB_TYPES_H */
