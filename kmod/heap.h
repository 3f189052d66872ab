/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A heap: objects, their collector, limits, life time.
 */
#ifndef _REFSLAB_HEAP_H
#define _REFSLAB_HEAP_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#include "gc/gc.h"
#include "object/object.h"
#include "refslab.h"
#include "../uapi/refslab.h"

/* Tuples of up to so many elements have them in slots, each length with a cache of its own. */
#define REFSLAB_TUPLE_SLOTS	19

/**
 * struct refslab_quota - the handles of a session, see quota.c
 * @heap:	of which they are
 * @node:	on the heap's list of them
 * @lock:	the session's own; protects the next two
 * @taken:	how many, those included that do not stand for anything yet
 * @counted:	they are part of @heap->quota.counted
 */
struct refslab_quota {
	struct refslab_heap *heap;
	struct list_head node;
	spinlock_t *lock;
	u64 taken;
	bool counted;
};

/**
 * struct refslab_heap - a heap
 * @objects:	objects and memory
 * @gc:		collector
 * @ref:	sessions and others who keep it
 * @node:	on the list of all heaps
 * @id:		number of the heap, for debugfs
 * @name:	for people
 * @types:	the built-in ones; of tuples and names, those inside the kernel, too. @types.tuples:
 *		by length, [0] for the longer ones, each made when it is needed
 * @names:	the interned strs, see types/intern.c
 * @roots:	objects published under names, see roots.c: by name and by number, and how many
 * @hash_key:	random, so that nobody can make keys whose hashes are the same
 * @sessions:	sessions attached (dev/)
 * @sessions_lock: protects them
 * @quota:	handles of all sessions, see quota.c: the list of them, @quota.lock for that and the
 *		limit, the number of those counted together, and the limit; 0: none
 * @dying:	its last reference went; it still counts in the totals until its memory is back
 * @free_work:	frees the heap after its last reference went
 * @dir:	its debugfs directory
 */
struct refslab_heap {
	struct refslab_objects objects;
	struct refslab_gc gc;
	struct kref ref;
	struct list_head node;
	u32 id;
	char name[32];
	struct {
		struct refslab_type *int_type;
		struct refslab_type *str_type;
		struct refslab_type *list_type;
		struct refslab_type *dict_type;
		struct refslab_type *set_type;
		struct refslab_type *instance_type;
		struct refslab_type *float_type;
		struct refslab_type *bytes_type;
		struct refslab_type *tuple_type;
		struct refslab_type *tuples[REFSLAB_TUPLE_SLOTS + 1];
		struct refslab_type *name_type;
	} types;
	struct {
		spinlock_t lock;	/* see there */
		struct rhashtable table;
		bool made;
	} names;
	struct {
		struct xarray by_number;
		struct rhashtable by_name;
		u64 nr;
		bool made;
	} roots;
	siphash_key_t hash_key;
	struct list_head sessions;
	struct mutex sessions_lock;
	struct {
		struct list_head list;
		struct mutex lock;	/* see there */
		atomic64_t counted;
		u64 max;
	} quota;
	bool dying;
	struct work_struct free_work;
	struct dentry *dir;
};

static inline struct refslab_heap *refslab_heap_of_objects(struct refslab_objects *objects)
{
	return container_of(objects, struct refslab_heap, objects);
}

/* heap.c */
struct refslab_heap *refslab_heap_new(const char *name, const struct refslab_heap_params *params,
				      bool builtin_types, gfp_t gfp);
void refslab_heap_get(struct refslab_heap *heap);
void refslab_heap_put(struct refslab_heap *heap);
void refslab_heap_put_sync(struct refslab_heap *heap);
unsigned int refslab_heap_number(void);
u64 refslab_heap_trim(struct refslab_heap *heap);
int refslab_heap_name_len(const char *name);

void refslab_heap_get_limits(struct refslab_heap *heap, struct refslab_limits *limits);
void refslab_heap_set_limits(struct refslab_heap *heap, const struct refslab_limits *limits,
			     size_t size);
void refslab_heap_stat(struct refslab_heap *heap, struct refslab_stat *stat);
void refslab_heap_totals(struct refslab_stat *totals);
int refslab_heap_check(struct refslab_heap *heap, char *why, size_t len);
int refslab_heap_module_init(void);
void refslab_heap_module_exit(void);

/* quota.c */
void refslab_quota_add(struct refslab_heap *heap, struct refslab_quota *quota, spinlock_t *lock);
void refslab_quota_remove(struct refslab_quota *quota);
bool __refslab_quota_take(struct refslab_quota *quota);
void refslab_quota_limit(struct refslab_heap *heap, u64 max);
u64 refslab_quota_taken(struct refslab_heap *heap);

/**
 * refslab_quota_take() - one more handle
 * @quota: of the session
 *
 * Context: its lock is held. Return: false, the heap has as many as it may.
 */
static inline bool refslab_quota_take(struct refslab_quota *quota)
{
	if (unlikely(quota->counted) && !__refslab_quota_take(quota))
		return false;
	WRITE_ONCE(quota->taken, quota->taken + 1);
	return true;
}

/**
 * refslab_quota_give() - one handle less
 * @quota: of the session
 *
 * Context: its lock is held.
 */
static inline void refslab_quota_give(struct refslab_quota *quota)
{
	WRITE_ONCE(quota->taken, quota->taken - 1);
	if (unlikely(quota->counted))
		atomic64_dec(&quota->heap->quota.counted);
}

/* roots.c */
int refslab_roots_init(struct refslab_heap *heap);
void refslab_roots_destroy(struct refslab_heap *heap);
int refslab_roots_publish(struct refslab_heap *heap, const char *name, u32 len,
			  struct refslab_object *obj, gfp_t gfp);
struct refslab_object *refslab_roots_lookup(struct refslab_heap *heap, const char *name, u32 len);
int refslab_roots_unpublish(struct refslab_heap *heap, const char *name, u32 len);
struct refslab_object *refslab_roots_next(struct refslab_heap *heap, unsigned long *number,
					  struct refslab_root_record *record);
u64 refslab_roots_for_each(struct refslab_heap *heap, refslab_visit_fn fn, void *arg);

#endif /* _REFSLAB_HEAP_H */
