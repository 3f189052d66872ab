// SPDX-License-Identifier: GPL-2.0
/*
 * Types: what an object of a heap looks like. A type lives as long as its heap.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "object.h"
#include "../refslab.h"

/**
 * refslab_type_find_name() - the type of a name
 * @objects: the heap's objects
 * @name: the name
 *
 * Return: the type, good for the heap's life, or NULL.
 */
struct refslab_type *refslab_type_find_name(struct refslab_objects *objects, const char *name)
{
	struct refslab_type *type;
	unsigned long number;

	/* there are few, and programs ask once for each */
	xa_for_each(&objects->types, number, type)
		if (!strcmp(type->name, name))
			return type;
	return NULL;
}
REFSLAB_EXPORT_TEST(refslab_type_find_name);

static void lay_out(struct refslab_type *type, const struct refslab_type_params *params)
{
	bool table = params->flags & REFSLAB_TYPE_TABLE;
	bool custom = params->ops && params->ops->traverse;

	type->flags = params->flags;
	type->nr_slots = params->nr_slots;
	type->body = params->flags & REFSLAB_TYPE_PAGES ? sizeof(struct refslab_payload *) :
							   params->body;
	type->payload = params->body;
	if (params->nr_slots || table || custom || (params->flags & REFSLAB_TYPE_CONTAINER)) {
		type->flags |= REFSLAB_TYPE_CONTAINER;
		if (!params->acyclic)
			type->flags |= REFSLAB_TYPE_TRACKED;
		if (!table && !custom && params->nr_slots <= REFSLAB_FEW)
			type->flags |= REFSLAB_TYPE_FEW;
		type->kind = REFSLAB_MEM_CONTAINER;
		type->size = sizeof(struct refslab_container);
	} else {
		type->kind = REFSLAB_MEM_ATOM;
		type->size = sizeof(struct refslab_object);
	}
	type->size += params->nr_slots * sizeof(void *) + type->body;
	if (params->flags & REFSLAB_TYPE_INDEX)
		type->size += sizeof(struct refslab_keyed);
	else if (table)
		type->size += sizeof(struct refslab_table);
	if (params->ops && params->ops->finalize)
		type->flags |= REFSLAB_TYPE_FINALIZE;
	if (params->ops && params->ops->clear && (type->flags & REFSLAB_TYPE_TRACKED))
		type->flags |= REFSLAB_TYPE_CLEARS;
	if (params->ops && params->ops->weakref)
		type->flags |= REFSLAB_TYPE_WEAKABLE;
	if (!(type->flags & (REFSLAB_TYPE_EXTRA | REFSLAB_TYPE_PAGES)) &&
	    !(params->ops && params->ops->release) &&
	    !(type->flags & REFSLAB_TYPE_CONTAINER && !(type->flags & REFSLAB_TYPE_FEW)))
		type->flags |= REFSLAB_TYPE_PLAIN;
	if (type->flags & REFSLAB_TYPE_EXTRA) {
		type->extra = ALIGN(type->size, 8);
		type->size = type->extra + sizeof(struct refslab_extra);
	}
}

/**
 * refslab_type_create() - define a type
 * @objects: the heap's objects
 * @params: what it is like; checked by the caller
 * @gfp: allocation flags; may sleep
 *
 * Return: the type, or an ERR_PTR: -EEXIST the name is taken, -ENOSPC no number left, -ENOMEM.
 */
struct refslab_type *refslab_type_create(struct refslab_objects *objects,
					 const struct refslab_type_params *params, gfp_t gfp)
{
	struct refslab_type *type;
	int err;

	if (refslab_mem_fail(&objects->mem))
		return ERR_PTR(-ENOMEM);
	/* only sizes that are powers of two are aligned to themselves */
	type = kzalloc(roundup_pow_of_two(max_t(size_t, sizeof(*type), REFSLAB_TYPE_ALIGN)), gfp);
	if (!type)
		return ERR_PTR(-ENOMEM);
	if (WARN_ON_ONCE((unsigned long)type & REFSLAB_HEAD_FLAGS)) {
		err = -ENOMEM;
		goto out_free;
	}
	type->objects = objects;
	type->base = params->base ?: type;
	type->ops = params->ops;
	strscpy(type->name, params->name, sizeof(type->name));
	lay_out(type, params);
	err = refslab_mem_fail(&objects->mem) ? -ENOMEM :
	      refslab_cache_init(&type->cache, params->cache_limit, gfp);
	if (err)
		goto out_free;

	mutex_lock(&objects->types_lock);
	/* before anybody can have an object of it */
	WRITE_ONCE(objects->extras, objects->extras |
				    (type->flags & (REFSLAB_TYPE_EXTRA | REFSLAB_TYPE_CLEARS)));
	if (refslab_type_find_name(objects, type->name))
		err = -EEXIST;
	else if (refslab_mem_fail(&objects->mem))
		err = -ENOMEM;
	else
		err = xa_alloc(&objects->types, &type->number, type,
			       params->base ? XA_LIMIT(REFSLAB_TYPES_MAX + 1, REFSLAB_TYPES_ALL) :
					      XA_LIMIT(1, REFSLAB_TYPES_MAX), gfp);
	mutex_unlock(&objects->types_lock);
	if (!err)
		return type;
	if (err == -EBUSY)
		err = -ENOSPC;
	free_percpu(type->cache.cpu);
out_free:
	kfree(type);
	return ERR_PTR(err);
}
REFSLAB_EXPORT_TEST(refslab_type_create);

/**
 * refslab_type_find() - the type of a number
 * @objects: the heap's objects
 * @number: as in struct refslab_type
 *
 * Return: the type, good for the heap's life, or NULL.
 */
struct refslab_type *refslab_type_find(struct refslab_objects *objects, u32 number)
{
	return xa_load(&objects->types, number);
}
REFSLAB_EXPORT_TEST(refslab_type_find);

/**
 * refslab_type_destroy_all() - free all types with their caches; the objects are gone already
 * @objects: the heap's objects
 */
void refslab_type_destroy_all(struct refslab_objects *objects)
{
	struct refslab_type *type;
	unsigned long number;

	xa_for_each(&objects->types, number, type) {
		xa_erase(&objects->types, number);
		refslab_cache_destroy(type);
		kfree(type);
	}
}
