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
u32 refslab_str_hash(struct refslab_object *obj);
bool refslab_str_equal(struct refslab_object *a, struct refslab_object *b);

/* list.c: growable lists */
struct refslab_type *refslab_list_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_list_new(struct refslab_heap *heap, gfp_t gfp);
bool refslab_list_is(struct refslab_object *obj);

/* key.c: hash and equality of what can be a key */
int refslab_key_hash(struct refslab_object *key, u32 *hash);
u32 refslab_key_hash_again(struct refslab_object *key);
bool refslab_key_equal(struct refslab_object *a, struct refslab_object *b);
u32 refslab_key_hash_memory(struct refslab_objects *objects, u32 *cached, const void *data,
			    size_t len);

#endif /* _REFSLAB_TYPES_H */
