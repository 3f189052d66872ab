// SPDX-License-Identifier: GPL-2.0
/*
 * instance: an object with named attributes, which are entries of keyed.c with strs as keys; itself
 * a key by its identity.
 */
#include <linux/err.h>

#include "types.h"
#include "../../uapi/refslab.h"

#define INSTANCE_CACHE	80	/* as dicts, which is what most of it is */

/**
 * refslab_instance_register() - define the type in a heap
 * @heap: the heap
 * @gfp: allocation flags; may sleep
 *
 * Return: the type or an ERR_PTR, as refslab_type_create().
 */
struct refslab_type *refslab_instance_register(struct refslab_heap *heap, gfp_t gfp)
{
	const struct refslab_type_params params = {
		.name = "instance",
		.flags = REFSLAB_TYPE_TABLE | REFSLAB_TYPE_INDEX | REFSLAB_TYPE_PAIRS |
			 REFSLAB_TYPE_WEAKABLE | REFSLAB_TYPE_IDENTITY,
		.cache_limit = INSTANCE_CACHE,
	};

	return refslab_type_create(&heap->objects, &params, gfp);
}

/**
 * refslab_instance_new() - make an instance without attributes
 * @heap: a heap with the built-in types
 * @gfp: allocation flags
 *
 * Return: the instance with one reference, the caller's; NULL when there is no memory.
 */
struct refslab_object *refslab_instance_new(struct refslab_heap *heap, gfp_t gfp)
{
	return refslab_object_alloc(heap->types.instance_type, gfp);
}
REFSLAB_EXPORT_TEST(refslab_instance_new);

static bool is_name(const char *name, size_t len)
{
	return len && len <= REFSLAB_MAX_ATTRIBUTE && refslab_str_is_identifier(name, len);
}

static_assert(REFSLAB_MAX_ATTRIBUTE <= REFSLAB_MAX_NAME);

/**
 * refslab_instance_find_name() - the name of an attribute, if any instance may have such a one
 * @heap: a heap with the built-in types
 * @name: the name
 * @len: its bytes
 *
 * Names are constants or interned, so what is not there already is the name of no attribute, and
 * need not be made to find that out.
 *
 * Return: the str with a reference, the caller's; ERR_PTR(-EINVAL): as refslab_instance_name();
 * ERR_PTR(-ENOKEY): it is not there; or ERR_PTR(-EOVERFLOW).
 */
struct refslab_object *refslab_instance_find_name(struct refslab_heap *heap, const char *name,
						  size_t len)
{
	if (!is_name(name, len))
		return ERR_PTR(-EINVAL);
	if (len == 1)
		return refslab_constants_str(heap, name[0]);
	return refslab_intern_find(heap, name, len) ?: ERR_PTR(-ENOKEY);
}
REFSLAB_EXPORT_TEST(refslab_instance_find_name);

/**
 * refslab_instance_name() - the name of an attribute, as a str
 * @heap: a heap with the built-in types
 * @name: the name
 * @len: its bytes
 * @gfp: allocation flags
 *
 * Return: the str with a reference, the caller's; ERR_PTR(-EINVAL): it is no identifier
 * [A-Za-z_][A-Za-z0-9_]* of at most REFSLAB_MAX_ATTRIBUTE bytes, or ERR_PTR(-ENOMEM).
 */
struct refslab_object *refslab_instance_name(struct refslab_heap *heap, const char *name,
					     size_t len, gfp_t gfp)
{
	if (!is_name(name, len))
		return ERR_PTR(-EINVAL);
	return refslab_str_new(heap, name, len, gfp);
}
REFSLAB_EXPORT_TEST(refslab_instance_name);
