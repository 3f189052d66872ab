// SPDX-License-Identifier: GPL-2.0
/*
 * Probes: values to search a container with. A probe looks like an object, so that it can be hashed
 * and compared as one, but it is in no heap: whoever only looks something up need not make it
 * first. Nobody takes a reference on one, and it is equal to objects by its value alone.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "types.h"

/**
 * refslab_probe_begin() - begin to make a probe
 * @probe: the probe
 * @type: what it is to look like, a type of atoms
 * @extra: bytes beyond the type's body
 * @gfp: allocation flags, for a large one
 *
 * Return: the object, whose payload is zero and the caller's to fill in, or NULL.
 */
struct refslab_object *refslab_probe_begin(struct refslab_probe *probe, struct refslab_type *type,
					   u32 extra, gfp_t gfp)
{
	size_t size = type->size + extra;

	if (size > sizeof(probe->room)) {
		probe->obj = kvzalloc(size, gfp);
		if (!probe->obj)
			return NULL;
	} else {
		probe->obj = memset(probe->room, 0, size);
	}
	probe->obj->head = (unsigned long)type;
	refslab_word_fix(&probe->obj->word);
	return probe->obj;
}

static void make_number(struct refslab_probe *probe, struct refslab_type *type, u64 bits)
{
	/* it is small: no memory is needed */
	struct refslab_object *obj = refslab_probe_begin(probe, type, 0, GFP_NOWAIT);

	*(u64 *)refslab_object_body(obj, type) = bits;
}

/**
 * refslab_probe_int() - make a probe for an int
 * @probe: out: the probe
 * @heap: a heap with the built-in types
 * @value: the value
 */
void refslab_probe_int(struct refslab_probe *probe, struct refslab_heap *heap, s64 value)
{
	make_number(probe, heap->types.int_type, value);
}
REFSLAB_EXPORT_TEST(refslab_probe_int);

/**
 * refslab_probe_float() - make a probe for a float
 * @probe: out: the probe
 * @heap: a heap with the built-in types
 * @bits: the value
 */
void refslab_probe_float(struct refslab_probe *probe, struct refslab_heap *heap, u64 bits)
{
	make_number(probe, heap->types.float_type, bits);
}
REFSLAB_EXPORT_TEST(refslab_probe_float);

/**
 * refslab_probe_end() - a probe is not needed any more
 * @probe: the probe
 */
void refslab_probe_end(struct refslab_probe *probe)
{
	if ((void *)probe->obj != probe->room)
		kvfree(probe->obj);
}
REFSLAB_EXPORT_TEST(refslab_probe_end);
