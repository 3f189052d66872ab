// SPDX-License-Identifier: GPL-2.0
/*
 * The in-kernel API: refslab.h in terms of what is below. See there for the types.
 */
#include <linux/err.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "heap.h"
#include "refslab.h"
#include "../uapi/refslab.h"

/**
 * refslab_heap_create() - make a heap
 * @name: for people, as shown in debugfs; copied, at most 31 bytes of it
 * @params: see there; NULL for the defaults
 *
 * Context: may sleep. Return: the heap, for refslab_heap_destroy(), or ERR_PTR(-ENOMEM).
 */
struct refslab_heap *refslab_heap_create(const char *name, const struct refslab_heap_params *params)
{
	static const struct refslab_heap_params defaults;

	return refslab_heap_new(name, params ?: &defaults, false, GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(refslab_heap_create);

static void report_left(struct refslab_heap *heap)
{
	struct refslab_type *type;
	unsigned long number;
	u64 n;

	n = refslab_count(heap);
	if (!n)
		return;
	pr_warn("refslab: heap %u (%s) destroyed with %llu live objects\n", heap->id, heap->name,
		n);
	xa_for_each(&heap->objects.types, number, type) {
		n = refslab_objects_count_type(type);
		if (n)
			pr_warn("refslab: heap %u (%s): %llu of type %s\n", heap->id, heap->name, n,
				type->name);
	}
}

/**
 * refslab_heap_destroy() - end a heap
 * @heap: the heap, used by nobody any more; NULL is fine
 *
 * Collects what garbage there is, frozen or not. Objects that are still referred to afterwards are
 * a bug of the caller's: they are reported, with how many of each type, their release() runs, and
 * their memory goes nevertheless.
 *
 * Context: may sleep.
 */
void refslab_heap_destroy(struct refslab_heap *heap)
{
	struct refslab_gc_result result;

	if (!heap)
		return;
	refslab_generation_stop(&heap->gc);
	refslab_generation_set_debug(&heap->gc, 0);
	refslab_garbage_empty(&heap->gc);
	refslab_freeze_undo(&heap->gc, false);
	/*
	 * What was past somebody's budget may still hold cycles, and those objects past it again;
	 * and a finalizer is called once, so that it ends with those who bring objects back.
	 */
	do {
		refslab_destroy_settle(&heap->objects);
		refslab_generation_collect(&heap->gc, REFSLAB_GENERATIONS_NR - 1, &result, false);
	} while (result.unreachable > result.uncollectable || result.finalized);
	refslab_destroy_settle(&heap->objects);
	report_left(heap);
	refslab_heap_put_sync(heap);
}
EXPORT_SYMBOL_GPL(refslab_heap_destroy);

/**
 * refslab_type_register() - define a type of objects
 * @heap: the heap they will live in
 * @ops: what they are like; must stay until the heap is destroyed
 *
 * Context: may sleep. Return: the type, which lives as long as the heap, or an ERR_PTR: -EINVAL
 * @ops makes no sense or is over a limit, -EEXIST the name is taken, -ENOSPC 1024 types, -ENOMEM.
 */
struct refslab_type *refslab_type_register(struct refslab_heap *heap,
					   const struct refslab_type_ops *ops)
{
	const struct refslab_type_params params = {
		.name = ops->name,
		.ops = ops,
		.acyclic = ops->acyclic,
		.nr_slots = ops->nr_slots,
		.body = ops->payload,
		.cache_limit = ops->cache_limit,
	};

	if (!ops->name || refslab_heap_name_len(ops->name) <= 0)
		return ERR_PTR(-EINVAL);
	if (ops->nr_slots > REFSLAB_MAX_SLOTS || ops->payload > REFSLAB_MAX_PAYLOAD ||
	    ops->cache_limit > REFSLAB_MAX_CACHE)
		return ERR_PTR(-EINVAL);
	if (!ops->traverse != !ops->clear)
		return ERR_PTR(-EINVAL);
	return refslab_type_create(&heap->objects, &params, GFP_KERNEL);
}
EXPORT_SYMBOL_GPL(refslab_type_register);

/**
 * refslab_alloc() - make an object
 * @type: its type
 * @gfp: allocation flags, honoured; with __GFP_ACCOUNT, pages are charged to the caller's memory
 *	cgroup
 *
 * Slots are empty and the payload is zero. When @gfp allows sleeping, the call may scan and destroy
 * garbage (an allocator that outruns the collector, or memory that ran out), and so run release()
 * of other objects.
 *
 * Context: task context, as @gfp says, not under a lock that an interrupt takes, too; the caller
 * holds no lock that a release() takes.
 *
 * Return: the object with one reference, the caller's; NULL when there is no memory.
 */
void *refslab_alloc(struct refslab_type *type, gfp_t gfp)
{
	return refslab_object_alloc(type, gfp);
}
EXPORT_SYMBOL_GPL(refslab_alloc);

/**
 * refslab_payload() - where an object's payload is
 * @obj: the object
 *
 * Context: any. Return: the payload, aligned to 8 bytes; good while a reference is held.
 */
void *refslab_payload(void *obj)
{
	return refslab_object_body(obj, refslab_object_type(obj));
}
EXPORT_SYMBOL_GPL(refslab_payload);

/**
 * refslab_link() - store a counted reference in a slot
 * @from: the object whose slot it is; the caller holds a reference on it
 * @slot: index, from 0
 * @to: what to refer to; NULL empties the slot. Of the same heap. The caller's reference on it
 *	stays the caller's
 *
 * What the slot referred to before loses a reference.
 *
 * Context: task context. Return: 0, -EPROTOTYPE no slots, -ERANGE no such slot, -EINVAL of another
 * heap, -EOVERFLOW too many references (2^27) on @to.
 */
int refslab_link(void *from, unsigned int slot, void *to)
{
	if (to && refslab_object_type(to)->objects != refslab_object_type(from)->objects)
		return -EINVAL;
	return refslab_slot_set(from, slot, to);
}
EXPORT_SYMBOL_GPL(refslab_link);

/**
 * refslab_follow() - load the reference in a slot
 * @from: the object whose slot it is; the caller holds a reference on it
 * @slot: index, from 0
 *
 * Context: task context. Return: a strong reference; NULL when the slot is empty;
 * ERR_PTR(-EPROTOTYPE), (-ERANGE), (-EOVERFLOW).
 */
void *refslab_follow(void *from, unsigned int slot)
{
	return refslab_slot_get(from, slot);
}
EXPORT_SYMBOL_GPL(refslab_follow);

/**
 * refslab_assign() - change a reference that traverse() visits
 * @from: the object in whose payload it is; the caller holds a reference on it
 * @where: the reference
 * @to: what to refer to; NULL for nothing. Of the same heap. The caller's reference on it stays
 *	the caller's
 *
 * What @where referred to before loses a reference, under the same hold of the lock: the collector
 * relies on it.
 *
 * Context: task context, not under refslab_lock(). Return: 0, -EINVAL of another heap, -EOVERFLOW.
 */
int refslab_assign(void *from, void **where, void *to)
{
	struct refslab_object *obj = from, *target = to, *last;

	if (to && refslab_object_type(target)->objects != refslab_object_type(obj)->objects)
		return -EINVAL;
	if (to && !refslab_word_try_get(&target->word))
		return -EOVERFLOW;
	refslab_object_lock(obj);
	last = refslab_slot_displace(where, target);
	refslab_object_unlock(obj);

	if (last)
		refslab_destroy_last(last);
	return 0;
}
EXPORT_SYMBOL_GPL(refslab_assign);

/**
 * refslab_load() - load a reference that traverse() visits
 * @from: the object in whose payload it is; the caller holds a reference on it
 * @where: the reference
 *
 * Context: task context, not under refslab_lock(). Return: a strong reference, or NULL.
 */
void *refslab_load(void *from, void **where)
{
	struct refslab_object *target;

	refslab_object_lock(from);
	target = *where;
	if (target)
		refslab_word_get(&target->word);
	refslab_object_unlock(from);
	return target;
}
EXPORT_SYMBOL_GPL(refslab_load);

/**
 * refslab_lock() - keep traverse() out, to change where references are kept
 * @obj: the object; the caller holds a reference on it
 *
 * No reference may be added, dropped or lost meanwhile. A spin lock: no sleeping, no other object's
 * lock. Context: task context.
 */
void refslab_lock(void *obj)
	__acquires(bitlock)
{
	refslab_object_lock(obj);
}
EXPORT_SYMBOL_GPL(refslab_lock);

/**
 * refslab_unlock() - the opposite of refslab_lock()
 * @obj: the object
 *
 * Context: that of refslab_lock().
 */
void refslab_unlock(void *obj)
	__releases(bitlock)
{
	refslab_object_unlock(obj);
}
EXPORT_SYMBOL_GPL(refslab_unlock);

/**
 * refslab_weak() - make a weak reference
 * @obj: the object; the caller holds a reference on it
 * @callback: called once when the object dies, or is to be finalized, unless the weak reference
 *	died first; gets the weak reference. Must not sleep, nor take a lock that is held when
 *	references are put; references it puts are dropped later. NULL: none
 * @arg: for @callback
 * @gfp: allocation flags
 *
 * Context: task context, as @gfp says. Return: the weak reference, an object of its own with one
 * reference, the caller's; ERR_PTR(-EPROTOTYPE) a type without weak references, ERR_PTR(-ENOMEM).
 */
void *refslab_weak(void *obj, void (*callback)(void *weak, void *arg), void *arg, gfp_t gfp)
{
	const struct refslab_weak_params params = { .callback = callback, .arg = arg };

	return refslab_weak_new(obj, &params, gfp);
}
EXPORT_SYMBOL_GPL(refslab_weak);

/**
 * refslab_upgrade() - take a reference by way of a weak one
 * @weak: from refslab_weak(); the caller holds a reference on it
 *
 * May wait for the collector to decide whether the object is garbage. Context: may sleep.
 *
 * Return: a strong reference; NULL when the object is dead or was finalized since;
 * ERR_PTR(-EPROTOTYPE) @weak is no weak reference, ERR_PTR(-EOVERFLOW) too many references (2^27)
 * on the object.
 */
void *refslab_upgrade(void *weak)
{
	struct refslab_type *type = refslab_object_type(weak);

	if (type != type->objects->weak_type)
		return ERR_PTR(-EPROTOTYPE);
	return refslab_weak_get(weak);
}
EXPORT_SYMBOL_GPL(refslab_upgrade);

/**
 * refslab_referents() - call a function for what an object refers to
 * @obj: the object; the caller holds a reference on it
 * @fn: called once for each reference, with one held on @target that is dropped afterwards; may
 *	sleep; not 0 ends it
 * @arg: for @fn
 *
 * Context: may sleep. Return: 0, or what @fn returned.
 */
int refslab_referents(void *obj, int (*fn)(void *target, void *arg), void *arg)
{
	struct refslab_object *targets[16];
	unsigned int i, n;
	u64 cursor = 0;
	int ret = 0;

	do {
		n = refslab_referents_take(obj, &cursor, targets, ARRAY_SIZE(targets));
		for (i = 0; i < n; i++) {
			ret = ret ?: fn(targets[i], arg);
			refslab_object_put(targets[i]);
		}
	} while (cursor && !ret);
	return ret;
}
EXPORT_SYMBOL_GPL(refslab_referents);

struct caller {
	int (*fn)(void *obj, void *arg);
	void *arg;
};

static int call(struct refslab_object *obj, void *arg)
{
	struct caller *caller = arg;

	return caller->fn(obj, caller->arg);
}

/**
 * refslab_referrers() - call a function for every object that refers to another
 * @obj: that other; the caller holds a reference on it
 * @fn: called once for each such object, with a reference held on @owner that is dropped
 *	afterwards; may sleep; not 0 ends it
 * @arg: for @fn
 *
 * Looks at every object of the heap, and gives way in between: for people who look for a mistake,
 * not for programs. An object that somebody changes meanwhile may be missing.
 *
 * Context: may sleep. Return: 0, or what @fn returned.
 */
int refslab_referrers(void *obj, int (*fn)(void *owner, void *arg), void *arg)
{
	struct caller caller = { .fn = fn, .arg = arg };
	u64 cursor = 0;

	return refslab_referents_search(obj, &cursor, U64_MAX, call, &caller);
}
EXPORT_SYMBOL_GPL(refslab_referrers);

/**
 * refslab_collect() - scan now, and destroy the garbage found
 * @heap: the heap
 * @generation: the oldest generation to scan; 2 is everything, and 2 | REFSLAB_COLLECT_ALL also old
 *	objects that cannot have become garbage, as they have lost no reference
 *
 * Context: may sleep; the caller holds no lock that a release() takes.
 *
 * Return: objects found unreachable, -EINVAL no such generation.
 */
long refslab_collect(struct refslab_heap *heap, int generation)
{
	struct refslab_gc_result result;
	int err;

	err = refslab_generation_collect(&heap->gc, generation, &result, false);
	return err ?: result.unreachable;
}
EXPORT_SYMBOL_GPL(refslab_collect);

/**
 * refslab_enable() - turn automatic scans on
 * @heap: the heap
 *
 * Context: any.
 */
void refslab_enable(struct refslab_heap *heap)
{
	refslab_generation_enable(&heap->gc, true);
}
EXPORT_SYMBOL_GPL(refslab_enable);

/**
 * refslab_disable() - turn automatic scans off
 * @heap: the heap
 *
 * A scan under way goes on. Context: any.
 */
void refslab_disable(struct refslab_heap *heap)
{
	refslab_generation_enable(&heap->gc, false);
}
EXPORT_SYMBOL_GPL(refslab_disable);

/**
 * refslab_freeze() - keep scans from looking at the tracked objects there are now
 * @heap: the heap
 *
 * For what will live for ever. A frozen object is counted, and destroyed with its last reference,
 * as ever; a cycle of frozen objects is not found. Objects made afterwards are scanned as usual.
 *
 * Context: may sleep; waits for a scan under way.
 */
void refslab_freeze(struct refslab_heap *heap)
{
	refslab_freeze_all(&heap->gc, false);
}
EXPORT_SYMBOL_GPL(refslab_freeze);

/**
 * refslab_unfreeze() - have full scans look at all frozen objects again
 * @heap: the heap
 *
 * They are in generation 2 afterwards. Context: may sleep; waits for a scan under way.
 */
void refslab_unfreeze(struct refslab_heap *heap)
{
	refslab_freeze_undo(&heap->gc, false);
}
EXPORT_SYMBOL_GPL(refslab_unfreeze);

/**
 * refslab_freeze_number() - count frozen objects
 * @heap: the heap
 *
 * Looks at every object. Exact when nobody makes objects meanwhile. Context: may sleep; waits for a
 * scan under way.
 */
u64 refslab_freeze_number(struct refslab_heap *heap)
{
	u64 nr;

	refslab_freeze_count(&heap->gc, false, &nr);
	return nr;
}
EXPORT_SYMBOL_GPL(refslab_freeze_number);

/**
 * refslab_set_debug() - set the debug flags of the collector
 * @heap: the heap
 * @flags: REFSLAB_DEBUG_*; 0: none
 *
 * Lines go to the log, rate limited. Clearing REFSLAB_DEBUG_SAVEALL does not empty the list of
 * garbage. Context: any. Return: 0, -EOPNOTSUPP an unknown flag.
 */
int refslab_set_debug(struct refslab_heap *heap, u32 flags)
{
	return refslab_generation_set_debug(&heap->gc, flags);
}
EXPORT_SYMBOL_GPL(refslab_set_debug);

/**
 * refslab_get_debug() - the debug flags of the collector
 * @heap: the heap
 *
 * Context: any.
 */
u32 refslab_get_debug(struct refslab_heap *heap)
{
	return READ_ONCE(heap->gc.debug);
}
EXPORT_SYMBOL_GPL(refslab_get_debug);

/**
 * refslab_garbage() - call a function for every object on the list of garbage
 * @heap: the heap
 * @fn: called with a reference held on @obj that is dropped afterwards, the oldest first; may
 *	sleep; not 0 ends it
 * @arg: for @fn
 *
 * On the list are, each with a reference of the list's, objects that a scan found dead while
 * REFSLAB_DEBUG_SAVEALL was set, and those that cannot be collected, as their type's clear() left
 * references in place. When memory for the list is missing they are not there, and the former are
 * destroyed as usual.
 *
 * Context: may sleep. Return: 0, or what @fn returned.
 */
int refslab_garbage(struct refslab_heap *heap, int (*fn)(void *obj, void *arg), void *arg)
{
	struct refslab_object *objects[16];
	unsigned int i, n;
	u64 cursor = 0;
	int ret = 0;

	do {
		n = refslab_garbage_take(&heap->gc, &cursor, objects, ARRAY_SIZE(objects));
		for (i = 0; i < n; i++) {
			ret = ret ?: fn(objects[i], arg);
			refslab_object_put(objects[i]);
		}
	} while (cursor && !ret);
	return ret;
}
EXPORT_SYMBOL_GPL(refslab_garbage);

/**
 * refslab_empty_garbage() - let go of all objects on the list of garbage
 * @heap: the heap
 *
 * They are like others then: destroyed when nobody refers to them, in cycles by the next scan.
 *
 * Context: may sleep; the caller holds no lock that a release() takes. Return: how many there were.
 */
u64 refslab_empty_garbage(struct refslab_heap *heap)
{
	return refslab_garbage_empty(&heap->gc);
}
EXPORT_SYMBOL_GPL(refslab_empty_garbage);

/**
 * refslab_notifier_register() - have a function called around every scan
 * @heap: the heap
 * @nb: the function, called with enum refslab_gc_action and struct refslab_gc_info; returns
 *	NOTIFY_OK. Must stay until refslab_notifier_unregister()
 *
 * It runs in task context, in whoever scans, and may sleep; the scan, and all who wait for one,
 * wait for it. It must not wait for a scan of this heap: not collect, freeze or destroy it, nor
 * allocate in it with flags that allow sleeping, nor register or unregister here. As scans run in
 * allocations too, it takes no lock that is held around refslab_alloc(), refslab_collect() and the
 * like. When registered during a scan it is called for its stop alone.
 *
 * Context: may sleep. Return: 0, -EEXIST it is registered already, of which the kernel warns, too.
 */
int refslab_notifier_register(struct refslab_heap *heap, struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&heap->gc.notifier, nb);
}
EXPORT_SYMBOL_GPL(refslab_notifier_register);

/**
 * refslab_notifier_unregister() - the opposite; it does not run any more afterwards
 * @heap: the heap
 * @nb: the function
 *
 * Context: may sleep. Return: 0, -ENOENT it is not registered.
 */
int refslab_notifier_unregister(struct refslab_heap *heap, struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&heap->gc.notifier, nb);
}
EXPORT_SYMBOL_GPL(refslab_notifier_unregister);

/**
 * refslab_trim() - empty the caches of dead objects and give empty arenas back
 * @heap: the heap
 *
 * Context: may sleep. Return: bytes given back to the kernel.
 */
u64 refslab_trim(struct refslab_heap *heap)
{
	return refslab_heap_trim(heap);
}
EXPORT_SYMBOL_GPL(refslab_trim);

/**
 * refslab_count() - live objects of a heap
 * @heap: the heap
 *
 * Exact when nobody else works on the heap. Context: may sleep.
 */
u64 refslab_count(struct refslab_heap *heap)
{
	u64 all, tracked, cached;

	refslab_objects_count(&heap->objects, &all, &tracked, &cached);
	return all;
}
EXPORT_SYMBOL_GPL(refslab_count);
