// SPDX-License-Identifier: GPL-2.0
/*
 * Constants: objects that a heap has from its beginning to its end.
 *
 * They lie together in a block of their own, outside the arenas: nobody walks them, and they are in
 * no count of objects, nor of the heap's bytes. They have no references, and their word is fixed:
 * references on them come and go without meaning anything.
 *
 * To the memory's functions each is a large block, and all have one descriptor: so who comes along
 * a reference finds a pool that no scan has passed, and a byte that says so, and nobody needs to
 * ask whether an object is a constant.
 */
#include <linux/slab.h>

#include "object.h"
#include "../refslab.h"

/* What lies before a large block: the address of its descriptor. */
#define HEAD		sizeof(struct refslab_pool *)

/**
 * struct refslab_constants - the constants of a heap
 * @pool:	what refslab_mem_pool_of() finds
 * @nr:		how many
 * @stride:	bytes from one to the next
 * @base:	the first
 * @memory:	where they are
 */
struct refslab_constants {
	struct refslab_pool pool;
	unsigned int nr;
	u32 stride;
	void *base;
	u8 memory[];
};

/**
 * refslab_constant_init() - make room for a heap's constants
 * @objects: the heap's objects, none of which has been made yet
 * @nr: how many
 * @size: bytes of the largest, header included
 * @gfp: allocation flags; may sleep
 *
 * refslab_constant_set() has to be called for each. Return: 0, -ENOMEM, or -EINVAL: too many.
 */
int refslab_constant_init(struct refslab_objects *objects, unsigned int nr, u32 size, gfp_t gfp)
{
	u32 stride = ALIGN(HEAD + size, 2 * HEAD);
	struct refslab_constants *c;

	if (WARN_ON_ONCE(nr > REFSLAB_CONSTANTS_MAX))
		return -EINVAL;
	c = kvzalloc(struct_size(c, memory, (size_t)nr * stride + 2 * HEAD), gfp);
	if (!c)
		return -ENOMEM;
	c->nr = nr;
	c->stride = stride;
	/* as refslab_mem_is_large() wants it */
	c->base = PTR_ALIGN(&c->memory[0], 2 * HEAD) + HEAD;
	c->pool.base = c->base;
	c->pool.scratch = &c->pool.large_scratch;
	c->pool.size = stride - HEAD;
	c->pool.capacity = 1;
	c->pool.carved = 1;
	c->pool.used = 1;
	c->pool.kind = REFSLAB_MEM_ATOM;
	c->pool.state = REFSLAB_POOL_FULL;
	objects->constants = c;
	return 0;
}

/**
 * refslab_constant_set() - make a constant
 * @objects: the heap's objects
 * @n: which
 * @type: its type, of atoms
 *
 * Return: the object; its payload is zero, and the caller's to fill in, before anybody uses the
 * heap.
 */
struct refslab_object *refslab_constant_set(struct refslab_objects *objects, unsigned int n,
					    struct refslab_type *type)
{
	struct refslab_constants *c = objects->constants;
	struct refslab_object *obj = refslab_constant(objects, n);

	((struct refslab_pool **)obj)[-1] = &c->pool;
	obj->head = (unsigned long)type;
	obj->id = REFSLAB_CONSTANT_ID + n;
	refslab_word_fix(&obj->word);
	return obj;
}

/**
 * refslab_constant() - a constant
 * @objects: the heap's objects
 * @n: which, less than there are
 */
struct refslab_object *refslab_constant(struct refslab_objects *objects, unsigned int n)
{
	return objects->constants->base + n * objects->constants->stride;
}

/**
 * refslab_constant_is() - is it a constant?
 * @objects: the heap's objects
 * @obj: one of them
 */
bool refslab_constant_is(struct refslab_objects *objects, const struct refslab_object *obj)
{
	return objects->constants && refslab_mem_is_large(obj) &&
	       refslab_mem_pool_of(&objects->mem, obj) == &objects->constants->pool;
}
REFSLAB_EXPORT_TEST(refslab_constant_is);

/**
 * refslab_constant_find() - the constant with an id
 * @objects: the heap's objects
 * @id: any number
 *
 * Return: NULL when it is no constant's.
 */
struct refslab_object *refslab_constant_find(struct refslab_objects *objects, u64 id)
{
	struct refslab_constants *c = objects->constants;

	if (!c || id < REFSLAB_CONSTANT_ID || id - REFSLAB_CONSTANT_ID >= c->nr)
		return NULL;
	return refslab_constant(objects, id - REFSLAB_CONSTANT_ID);
}

/**
 * refslab_constant_destroy() - free them
 * @objects: the heap's objects, with nobody left to refer to one
 */
void refslab_constant_destroy(struct refslab_objects *objects)
{
	kvfree(objects->constants);
	objects->constants = NULL;
}
