/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types that come with every user heap.
 */
#ifndef _REFSLAB_TYPES_H
#define _REFSLAB_TYPES_H

#include "../heap.h"

struct refslab_probe;

/* constants.c: objects that are always there */

/* Room for the payload of any of them. */
#define REFSLAB_CONSTANTS_BODY	16

int refslab_constants_make(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_constants_int(struct refslab_heap *heap, s64 value);
struct refslab_object *refslab_constants_str(struct refslab_heap *heap, u8 c);
struct refslab_object *refslab_constants_empty_str(struct refslab_heap *heap);
struct refslab_object *refslab_constants_bytes(struct refslab_heap *heap);
struct refslab_object *refslab_constants_tuple(struct refslab_heap *heap);

/* int.c: 64-bit signed integers */
struct refslab_type *refslab_int_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_int_new(struct refslab_heap *heap, s64 value, gfp_t gfp);
int refslab_int_value(struct refslab_object *obj, s64 *value);

/* float.c: doubles, as their bits */
struct refslab_type *refslab_float_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_float_new(struct refslab_heap *heap, u64 bits, gfp_t gfp);
int refslab_float_value(struct refslab_object *obj, u64 *bits);

/* str.c: texts, immutable */
struct refslab_type *refslab_str_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_str_new(struct refslab_heap *heap, const char *utf8, size_t len,
				       gfp_t gfp);
int refslab_str_probe(struct refslab_probe *probe, struct refslab_heap *heap, const char *utf8,
		      size_t len, gfp_t gfp);
bool refslab_str_is(struct refslab_object *obj);
bool refslab_str_is_identifier(const char *name, size_t len);
u32 refslab_str_len(struct refslab_object *obj);
unsigned int refslab_str_width(struct refslab_object *obj);
const char *refslab_str_ascii(struct refslab_object *obj);
size_t refslab_str_utf8(struct refslab_object *obj, u32 *at, char *to, size_t room);
u32 refslab_str_hash(struct refslab_object *obj);
bool refslab_str_equal(struct refslab_object *a, struct refslab_object *b);

/* intern.c: of some texts there is one str only */
struct refslab_type *refslab_intern_register(struct refslab_heap *heap, gfp_t gfp);
void refslab_intern_destroy(struct refslab_heap *heap);
struct refslab_object *refslab_intern_find(struct refslab_heap *heap, const char *text, u32 len);
struct refslab_object *refslab_intern_get(struct refslab_heap *heap, const char *text, u32 len,
					  gfp_t gfp);

/* bytes.c: strings of bytes, immutable */
struct refslab_type *refslab_bytes_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_bytes_new(struct refslab_heap *heap, const void *data, size_t len,
					 gfp_t gfp);
struct refslab_object *refslab_bytes_begin(struct refslab_heap *heap, u32 len, gfp_t gfp,
					   void **data);
int refslab_bytes_probe(struct refslab_probe *probe, struct refslab_heap *heap, u32 len, gfp_t gfp,
			void **data);
int refslab_bytes_value(struct refslab_object *obj, const void **data, size_t *len);
u32 refslab_bytes_hash(struct refslab_object *obj);
bool refslab_bytes_equal(struct refslab_object *a, struct refslab_object *b);

/* tuple.c: references that never change */
struct refslab_type *refslab_tuple_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_tuple_begin(struct refslab_heap *heap, u32 len, gfp_t gfp);
int refslab_tuple_put(struct refslab_object *obj, u32 index, struct refslab_object *element,
		      gfp_t gfp);
struct refslab_object *refslab_tuple_new(struct refslab_heap *heap,
					 struct refslab_object *const *elements, u32 len,
					 gfp_t gfp);
bool refslab_tuple_is(struct refslab_object *obj);
u32 refslab_tuple_len(struct refslab_object *obj);
struct refslab_object *refslab_tuple_at(struct refslab_object *obj, u32 index);
struct refslab_object *refslab_tuple_get(struct refslab_object *obj, u32 index);
u32 *refslab_tuple_hash(struct refslab_object *obj);

/* list.c: growable lists */
struct refslab_type *refslab_list_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_list_new(struct refslab_heap *heap, gfp_t gfp);
bool refslab_list_is(struct refslab_object *obj);

/**
 * refslab_sequence_len() - number of elements
 * @obj: a list or a tuple the caller holds a reference on
 */
static inline u32 refslab_sequence_len(struct refslab_object *obj)
{
	return refslab_list_is(obj) ? refslab_table_len(obj) : refslab_tuple_len(obj);
}

/**
 * refslab_sequence_get() - load an element
 * @obj: a list or a tuple the caller holds a reference on
 * @index: which
 *
 * Return: a strong reference, ERR_PTR(-ERANGE) or ERR_PTR(-EOVERFLOW).
 */
static inline struct refslab_object *refslab_sequence_get(struct refslab_object *obj, u32 index)
{
	return refslab_list_is(obj) ? refslab_table_get(obj, index) : refslab_tuple_get(obj, index);
}

/* keyed.c: what dict, set and instance have in common */

/**
 * refslab_keyed_is() - is it a dict, a set or an instance?
 * @obj: an object the caller holds a reference on
 */
static inline bool refslab_keyed_is(const struct refslab_object *obj)
{
	return refslab_object_type(obj)->flags & REFSLAB_TYPE_INDEX;
}

int refslab_keyed_set(struct refslab_object *obj, struct refslab_object *key,
		      struct refslab_object *value, gfp_t gfp);
int refslab_keyed_add(struct refslab_object *obj, struct refslab_object *key, gfp_t gfp);
struct refslab_object *refslab_keyed_get(struct refslab_object *obj, struct refslab_object *key);
int refslab_keyed_contains(struct refslab_object *obj, struct refslab_object *key);
int refslab_keyed_delete(struct refslab_object *obj, struct refslab_object *key);
u32 refslab_keyed_len(struct refslab_object *obj);
u64 refslab_keyed_bytes(struct refslab_object *obj);
int refslab_keyed_take(struct refslab_object *obj, u64 *cursor, struct refslab_object **to,
		       u32 max);
const char *refslab_keyed_check(struct refslab_object *obj);

/* dict.c: values by keys */
struct refslab_type *refslab_dict_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_dict_new(struct refslab_heap *heap, gfp_t gfp);

/* set.c: keys, each once */
struct refslab_type *refslab_set_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_set_new(struct refslab_heap *heap, gfp_t gfp);

/* instance.c: named attributes */
struct refslab_type *refslab_instance_register(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_instance_new(struct refslab_heap *heap, gfp_t gfp);
struct refslab_object *refslab_instance_name(struct refslab_heap *heap, const char *name,
					     size_t len, gfp_t gfp);
struct refslab_object *refslab_instance_find_name(struct refslab_heap *heap, const char *name,
						  size_t len);

/* probe.c: values to search with, which are in no heap */

/**
 * struct refslab_probe - a value to search with
 * @obj:	looks like an object: for refslab_key_hash(), refslab_key_equal(),
 *		refslab_keyed_get() and refslab_keyed_contains(), and nothing that takes a reference
 * @room:	where it is, when it is small
 */
struct refslab_probe {
	struct refslab_object *obj;
	u64 room[40];
};

struct refslab_object *refslab_probe_begin(struct refslab_probe *probe, struct refslab_type *type,
					   u32 extra, gfp_t gfp);
void refslab_probe_int(struct refslab_probe *probe, struct refslab_heap *heap, s64 value);
void refslab_probe_float(struct refslab_probe *probe, struct refslab_heap *heap, u64 bits);
void refslab_probe_end(struct refslab_probe *probe);

/* key.c: hash and equality of what can be a key */
int refslab_key_hash(struct refslab_object *key, u32 *hash);
u32 refslab_key_hash_again(struct refslab_object *key);
bool refslab_key_equal(struct refslab_object *a, struct refslab_object *b);
u32 refslab_key_hash_memory(struct refslab_objects *objects, u32 *cached, const void *data,
			    size_t len);

#endif /* _REFSLAB_TYPES_H */
