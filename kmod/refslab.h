/* SPDX-License-Identifier: GPL-2.0 */
/*
 * refslab: the in-kernel API. What another module includes.
 *
 * A *heap* holds objects. An *object* is a reference-counted block with *slots* (counted references
 * to other objects of the same heap) and a *payload* (the caller's data). When its count reaches 0
 * it is destroyed at once; a cycle that nobody can reach any more is found and freed by the
 * collector, which runs beside everything else. Types with their own layout describe their
 * references with traverse() and clear().
 *
 * All functions are exported GPL-only. Objects are passed as void pointers: the address that
 * refslab_alloc() returned.
 */
#ifndef _REFSLAB_H
#define _REFSLAB_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "object/word.h"

struct notifier_block;
struct refslab_heap;
struct refslab_object;
struct refslab_type;

/**
 * struct refslab_heap_params - how to make a heap; all zero is fine
 * @max_bytes:	limit of the memory taken from the kernel, in bytes; 0: none
 * @threshold:	thresholds of the three generations; 0, 0, 0: the defaults 700, 10, 10
 * @disabled:	start with automatic scans off
 */
struct refslab_heap_params {
	u64 max_bytes;
	u32 threshold[3];
	bool disabled;
};

/**
 * typedef refslab_visit_t - what traverse() calls for each reference
 * @target:	the object referred to, or NULL
 * @arg:	as given to traverse()
 */
typedef void (*refslab_visit_t)(void *target, void *arg);

/**
 * struct refslab_type_ops - a type of objects
 * @name:	unique in the heap, 1 to 31 printable ASCII characters without blanks, and not
 *		"weakref"
 * @nr_slots:	references in slots, 0 .. 65535, used through refslab_link() and refslab_follow()
 * @payload:	bytes of payload, 0 .. 1 MiB
 * @cache_limit: dead objects kept for reuse, 0 .. 65536
 * @acyclic:	objects of the type are never part of a cycle: the collector leaves them alone
 * @traverse:	optional; calls @visit for every counted reference kept in the payload. Runs under
 *		the object's lock; must not sleep. Such references change through refslab_assign()
 *		only, and where they are kept (an array that grows) under refslab_lock(). Must also
 *		be harmless on a payload of zeroes and after clear() and release(): the collector
 *		may look at a block that has just been freed or filled anew
 * @clear:	needed with @traverse; empties those references and hands each to refslab_drop();
 *		objects with references that it leaves in place cannot be collected.
 *		Runs under the object's lock; must not sleep. Storage of their own, when release()
 *		is to free it, is unhooked here: traverse() may run beside release()
 * @release:	optional; the object is about to be freed: let go of what else its payload owns. Its
 *		references are gone already. Must not sleep; references it puts are dropped later
 * @finalize:	optional; the object's last reference went, or it is garbage of a cycle. It is
 *		whole, and may be given new references: then it lives on. Runs once in an object's
 *		life, after weak references to it were cleared. Must not sleep; references it puts
 *		are dropped later
 * @weakref:	objects may have weak references
 */
struct refslab_type_ops {
	const char *name;
	u32 nr_slots;
	u32 payload;
	u32 cache_limit;
	bool acyclic;
	void (*traverse)(void *obj, refslab_visit_t visit, void *arg);
	void (*clear)(void *obj, void *drop);
	void (*release)(void *obj);
	void (*finalize)(void *obj);
	bool weakref;
};

/* Debug flags of a heap's collector, as in Python's gc module. */
#define REFSLAB_DEBUG_STATS		0x1u	/* a line in the log for each scan */
#define REFSLAB_DEBUG_COLLECTABLE	0x2u	/* one for each object found to be garbage */
#define REFSLAB_DEBUG_UNCOLLECTABLE	0x4u	/* one for each that cannot be destroyed */
#define REFSLAB_DEBUG_SAVEALL		0x20u	/* garbage is put on a list, and not destroyed */
#define REFSLAB_DEBUG_LEAK		0x26u	/* the three last */

/* What a notifier is called with; see refslab_notifier_register(). */
enum refslab_gc_action {
	REFSLAB_GC_START = 1,
	REFSLAB_GC_STOP,
};

/**
 * struct refslab_gc_info - a scan, for notifiers
 * @generation:	the oldest generation scanned
 * @collected:	at its stop: objects found dead and to be destroyed, or with
 *	REFSLAB_DEBUG_SAVEALL kept
 * @uncollectable: objects found dead that cannot be destroyed
 * @duration_ns: how long it took; destroying what was found comes after that
 */
struct refslab_gc_info {
	unsigned int generation;
	u64 collected;
	u64 uncollectable;
	u64 duration_ns;
};

struct refslab_heap *refslab_heap_create(const char *name,
					 const struct refslab_heap_params *params);
void refslab_heap_destroy(struct refslab_heap *heap);
struct refslab_type *refslab_type_register(struct refslab_heap *heap,
					   const struct refslab_type_ops *ops);

void *refslab_alloc(struct refslab_type *type, gfp_t gfp);
void *refslab_payload(void *obj);

/**
 * refslab_get() - take one more reference
 * @obj: the object; the caller holds a reference
 *
 * Context: any. Return: @obj.
 */
static inline void *refslab_get(void *obj)
{
	refslab_word_get(obj);
	return obj;
}

void refslab_destroy_last(struct refslab_object *obj);

/**
 * refslab_put() - drop a reference
 * @obj: the object, or NULL; it may be gone afterwards
 *
 * The last reference destroys the object, and what only it referred to: up to a budget of 8192
 * objects and references here, the rest in a worker, all of it there when called in an
 * interrupt, with interrupts or bottom halves off, or from a release().
 *
 * Context: any but NMI, not in traverse() or clear() (see refslab_drop()) or under refslab_lock().
 */
static __always_inline void refslab_put(void *obj)	/* so that a mistake is told where it is */
{
	if (obj && refslab_word_put(obj))
		refslab_destroy_last(obj);
}

int refslab_link(void *from, unsigned int slot, void *to);
void *refslab_follow(void *from, unsigned int slot);

int refslab_assign(void *from, void **where, void *to);
void *refslab_load(void *from, void **where);
void refslab_lock(void *obj);
void refslab_unlock(void *obj);
void refslab_drop(void *drop, void *target);

void *refslab_weak(void *obj, void (*callback)(void *weak, void *arg), void *arg, gfp_t gfp);
void *refslab_upgrade(void *weak);

int refslab_referents(void *obj, int (*fn)(void *target, void *arg), void *arg);
int refslab_referrers(void *obj, int (*fn)(void *owner, void *arg), void *arg);

#define REFSLAB_COLLECT_ALL	0x100u
long refslab_collect(struct refslab_heap *heap, int generation);
void refslab_enable(struct refslab_heap *heap);
void refslab_disable(struct refslab_heap *heap);
void refslab_freeze(struct refslab_heap *heap);
void refslab_unfreeze(struct refslab_heap *heap);
u64 refslab_freeze_number(struct refslab_heap *heap);
int refslab_set_debug(struct refslab_heap *heap, u32 flags);
u32 refslab_get_debug(struct refslab_heap *heap);
int refslab_garbage(struct refslab_heap *heap, int (*fn)(void *obj, void *arg), void *arg);
u64 refslab_empty_garbage(struct refslab_heap *heap);
int refslab_notifier_register(struct refslab_heap *heap, struct notifier_block *nb);
int refslab_notifier_unregister(struct refslab_heap *heap, struct notifier_block *nb);
u64 refslab_trim(struct refslab_heap *heap);
u64 refslab_count(struct refslab_heap *heap);

#endif /* _REFSLAB_H */
