/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects: header, types, references, destruction. Everything here works on one heap's
 * struct refslab_objects and knows nothing of generations.
 *
 * An atom's block:       word, head, id                          | payload
 * A container's block:   word, head, id, gc_refs, snap           | slots, payload (or a table)
 *
 * Objects that may have weak references or a finalizer have a struct refslab_extra behind that.
 *
 * @head is the type's address with flag bits in its low end, bit 0 being the object's lock. The
 * lock protects the object's slots (or its table).
 */
#ifndef _REFSLAB_OBJECT_H
#define _REFSLAB_OBJECT_H

#include <linux/bit_spinlock.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched/mm.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../mem/mem.h"
#include "cache.h"
#include "word.h"

struct refslab_type;
struct refslab_type_ops;
struct refslab_constants;
struct refslab_objects;

/**
 * struct refslab_object - header of every object
 * @word:	the reference word; stays with the block
 * @head:	type | flags; stays with the block, changes only under the lock bit
 * @id:		while alive: a number that is never used again in the heap
 * @link:	while dying: on a list of objects to destroy; a free block's link lies here too
 */
struct refslab_object {
	atomic64_t word;
	unsigned long head;
	union {
		u64 id;
		struct llist_node link;
	};
};

/**
 * struct refslab_container - header of an object that can hold references
 * @obj:	the common part
 * @gc_refs:	scratch of the collector, and nobody else's: references not accounted for yet, when
 *		they are too many for the pool's byte
 * @snap:	likewise; during a scan, version of @obj.word when it looked first; between scans,
 *		its version less its count when it was judged, if it was
 */
struct refslab_container {
	struct refslab_object obj;
	u32 gc_refs;
	u32 snap;
};

/**
 * struct refslab_table - a growable table of references, the body of a list, or where that begins
 * @vec:	the references; NULL while @cap is 0
 * @root:	instead, while @height is not 0: the B-tree they are in
 * @len:	how many there are
 * @cap:	room for how many has been allocated; nodes above the leaves count, too
 * @height:	levels above the leaves
 * @scan_next:	a scan is between two chunks of the table, and goes on with this element; else 0
 * @scan_end:	and ends before this one; else 0
 */
struct refslab_table {
	union {
		void **vec;
		struct refslab_btree_node *root;
	};
	u32 len;
	u32 cap;
	u32 height;
	u32 scan_next;
	u32 scan_end;
};

struct refslab_index_leaf;
struct refslab_index_node;

/**
 * struct refslab_index - hashes of keys, and where their entries are
 * @leaf:	all there is; NULL: nothing
 * @node:	instead, when @is_node: pointers to leaves
 * @blocks:	then: blocks of REFSLAB_INDEX_BLOCK bytes, less one
 * @is_node:	see there
 * @freed:	while it is torn down: what comes before this pointer of @node is gone already
 * @freed_below: likewise of the node that one leads to
 */
struct refslab_index {
	union {
		struct refslab_index_leaf *leaf;
		struct refslab_index_node *node;
	};
	u32 blocks;
	bool is_node;
	u32 freed;
	u32 freed_below;
};

/**
 * struct refslab_keyed - the body of a container whose entries are found by keys
 * @table:	the entries in the order they came, one or two references each; none: it was deleted
 * @index:	where they are, by their keys' hashes; none, while there are few
 * @changes:	how often a key came, went or changed its place
 * @live:	entries
 * @gap:	entries are being moved together: those before this one have been
 * @gap_end:	and there is none from @gap to here; 0: nothing is being moved
 */
struct refslab_keyed {
	struct refslab_table table;
	struct refslab_index index;
	u64 changes;
	u32 live;
	u32 gap;
	u32 gap_end;
};

/**
 * struct refslab_event - something that user space is to be told, with a reference of its own on an
 *	object; lies in that object, so that it needs no memory when it happens
 * @node:	on struct refslab_events.queue
 * @obj:	the object
 */
struct refslab_event {
	struct list_head node;
	struct refslab_object *obj;
};

/**
 * struct refslab_extra - what objects of types with REFSLAB_TYPE_EXTRA have behind their payload
 * @weak:	weak references to the object, under refslab_objects.weak_lock
 * @event:	that its finalizer is to run
 * @id:		the object's id, also while it is dying
 */
struct refslab_extra {
	struct list_head weak;
	struct refslab_event event;
	u64 id;
};

/* Bits of refslab_object.head below the type's address. */
#define REFSLAB_HEAD_LOCK	0		/* bit number: the object's lock */
#define REFSLAB_HEAD_FINALIZED	1		/* bit number: its finalizer ran or was announced */
#define REFSLAB_HEAD_FLAGS	255UL
#define REFSLAB_TYPE_ALIGN	256

#define REFSLAB_TYPES_MAX	1024
/* Types whose objects are another's in everybody's eyes have numbers of their own above that. */
#define REFSLAB_TYPES_ALL	(REFSLAB_TYPES_MAX + 64)

/* struct refslab_type.flags */
#define REFSLAB_TYPE_CONTAINER	BIT(0)		/* has the long header */
#define REFSLAB_TYPE_TRACKED	BIT(1)		/* the collector looks after its objects */
#define REFSLAB_TYPE_TABLE	BIT(2)		/* the body is a struct refslab_table */
#define REFSLAB_TYPE_USER	BIT(3)		/* defined from user space */
/* each object has a size of its own; never cached */
#define REFSLAB_TYPE_SIZED	BIT(4)
#define REFSLAB_TYPE_WEAKABLE	BIT(5)		/* objects may have weak references */
#define REFSLAB_TYPE_FINALIZE	BIT(6)		/* @ops has a finalizer */
#define REFSLAB_TYPE_NOTIFY	BIT(7)		/* the finalizer is an event for user space */
/* a container with few slots, and references nowhere else: see REFSLAB_FEW */
#define REFSLAB_TYPE_FEW	BIT(8)
/* no references but those, and nothing to be called or told when an object dies */
#define REFSLAB_TYPE_PLAIN	BIT(9)
#define REFSLAB_TYPE_CLEARS	BIT(10)		/* tracked, and @ops has clear(), which may fail */
/* objects can be keys, each different from all others; those of REFSLAB_TYPE_USER can, too */
#define REFSLAB_TYPE_IDENTITY	BIT(11)
#define REFSLAB_TYPE_INDEX	BIT(12)		/* the body is a struct refslab_keyed */
#define REFSLAB_TYPE_PAIRS	BIT(13)		/* its entries are two references each */
/* the payload is a struct refslab_payload, and the body leads to that */
#define REFSLAB_TYPE_PAGES	BIT(14)
#define REFSLAB_TYPE_EXTRA	(REFSLAB_TYPE_WEAKABLE | REFSLAB_TYPE_FINALIZE | \
				 REFSLAB_TYPE_NOTIFY)

/**
 * struct refslab_type - a type of objects; lives as long as its heap
 * @cache:	dead objects kept for reuse
 * @objects:	the heap's objects
 * @base:	the type that people are told: itself, unless it is one of several forms of another
 * @ops:	of a kernel type, else NULL
 * @flags:	REFSLAB_TYPE_*
 * @kind:	enum refslab_mem_kind
 * @number:	number within the heap, from 1
 * @nr_slots:	references in an object, after the header
 * @body:	bytes after the slots (payload)
 * @payload:	bytes of payload: @body, unless it is elsewhere (REFSLAB_TYPE_PAGES)
 * @extra:	where struct refslab_extra is, from the object's address; 0: nowhere
 * @size:	bytes of an object's block, header included, as asked for
 * @name:	for people
 */
struct refslab_type {
	struct refslab_cache cache;
	struct refslab_objects *objects;
	struct refslab_type *base;
	const struct refslab_type_ops *ops;
	u32 flags;
	u8 kind;
	u32 number;
	u32 nr_slots;
	u32 body;
	u32 payload;
	u32 extra;
	u32 size;
	char name[32];
};

/**
 * struct refslab_events - what user space is to be told
 * @lock:	protects everything below
 * @queue:	events, each with a reference on its object
 * @nr:		how many
 * @listeners:	sessions that may read them; without one, nothing is queued
 * @wait:	those who wait for one
 */
struct refslab_events {
	spinlock_t lock;	/* see above */
	struct list_head queue;
	u64 nr;
	unsigned int listeners;
	wait_queue_head_t wait;
};

/**
 * struct refslab_objects_cpu - per-CPU part of struct refslab_objects
 * @next_id:	next id this CPU may give, and with it make an object
 * @last_id:	the first it may not
 * @young:	containers made minus containers freed, since the collector took it last (signed)
 * @young_limit: look at the sum of all CPUs when @young gets here
 * @drain:	work that empties this CPU's part of the caches
 * @objects:	for that work
 * @releasing:	a type's release() or finalize(), or a callback, is running here: do not nest
 *		destruction
 * @mem:	of the heap's memory
 */
struct refslab_objects_cpu {
	u64 next_id, last_id;
	long young;
	long young_limit;
	bool releasing;
	struct work_struct drain;
	struct refslab_objects *objects;
	struct refslab_mem_cpu mem;
};

/**
 * struct refslab_objects_hooks - what the object layer asks of those above it
 * @young_limit: the number of young containers may have passed what was agreed: look.
 *		May be called with spinlocks held; @gfp tells whether it may sleep
 * @reclaim:	memory ran out: collect and trim; may sleep. Returns true when trying again may help
 */
struct refslab_objects_hooks {
	void (*young_limit)(struct refslab_objects *objects, gfp_t gfp);
	bool (*reclaim)(struct refslab_objects *objects);
};

/**
 * struct refslab_objects - the objects of a heap
 * @mem:	the heap's memory
 * @heap_id:	the heap's number, for tracepoints and the log
 * @cpu:	per-CPU part
 * @hooks:	see there
 * @types:	types by number, from 1
 * @types_lock:	serialises the making of types, and who looks after the caches of an offline CPU
 * @next_id:	first id not yet given to a CPU
 * @max_objects: limit of the live objects, see refslab_objects_take_ids(); 0: none
 * @young_base:	correction of the sum of the CPUs' @young
 * @pools_lock:	protects the two lists of pools below; innermost but for the objects' locks
 * @pools:	pools with objects of generation 0, and of generation 1, for the collector
 * @frozen:	some objects are in no generation: the collector does not look at them
 * @dead:	objects whose count reached 0 and that wait for the worker
 * @destroy_work: destroys them
 * @destroy_lock: held while that is done; nests in a scan's lock only, and no release() may sleep
 * @wq:		where works of this heap run
 * @verdict:	those who wait for the collector's verdict on a DYING object
 * @weak_type:	the type of weak references
 * @weak_lock:	protects the lists of weak references, struct refslab_extra.weak; nests in nothing
 * @extras:	REFSLAB_TYPE_EXTRA and _CLEARS flags of all types together: what there is to do at
 *		all
 * @ending:	the heap ends: no finalizer is called any more
 * @events:	finalizers and callbacks of weak references that user space has to run
 * @constants:	objects that are always there, see constant.c; NULL: none
 * @idents:	where objects are whose ids somebody has asked for, by id
 * @idents_nr:	how many, under its lock
 * @idents_sweep: forget the dead ones when there are so many, likewise
 */
struct refslab_objects {
	struct refslab_mem mem;
	u32 heap_id;
	struct refslab_objects_cpu __percpu *cpu;
	const struct refslab_objects_hooks *hooks;
	struct xarray types;
	struct mutex types_lock;
	atomic64_t next_id;
	u64 max_objects;
	atomic_long_t young_base;
	spinlock_t pools_lock;
	struct list_head pools[2];
	bool frozen;
	struct llist_head dead;
	struct work_struct destroy_work;
	struct mutex destroy_lock;	/* see above */
	struct workqueue_struct *wq;
	wait_queue_head_t verdict;
	struct refslab_type *weak_type;
	spinlock_t weak_lock;	/* see above */
	u32 extras;
	bool ending;
	struct refslab_events events;
	struct refslab_constants *constants;
	struct xarray idents;
	u64 idents_nr;
	u64 idents_sweep;
};

/*
 * Objects and references that one put(), or one close(), destroys itself; the rest is the worker's.
 */
#define REFSLAB_DESTROY_BUDGET	8192

/* References in a table. */
#define REFSLAB_TABLE_MAX	0x1000000U

/* Entries of a keyed container; as many places may be without one before they are got rid of. */
#define REFSLAB_KEYED_MAX	0x800000U
#define REFSLAB_KEYED_PLACES	(2 * REFSLAB_KEYED_MAX)

/* Bytes of a block of a large index. */
#define REFSLAB_INDEX_BLOCK	4096

/* References in a leaf, the longest table without a tree; bytes of a leaf, and of a node above. */
#define REFSLAB_BTREE_LEAF	512
#define REFSLAB_BTREE_NODE	4096

/*
 * Levels above the leaves. Two leaves have 192 references, so two nodes above (at least 128 leaves)
 * have 12 thousand, two above those 760 thousand: REFSLAB_TABLE_MAX takes 46 of them at most, and
 * all fit in one.
 */
#define REFSLAB_BTREE_HEIGHT	3

/* Slots looked at, or torn down, under one hold of an object's lock. */
#define REFSLAB_CHUNK		256

/* Slots that a scan reads at once. */
#define REFSLAB_FEW		8

static inline struct refslab_type *refslab_object_type(const struct refslab_object *obj)
{
	return (struct refslab_type *)(READ_ONCE(obj->head) & ~REFSLAB_HEAD_FLAGS);
}

/*
 * The object's lock. Innermost of all locks: nothing is taken, allocated or waited for under it,
 * and nobody holds two.
 */
static inline void refslab_object_lock(struct refslab_object *obj)
{
	bit_spin_lock(REFSLAB_HEAD_LOCK, &obj->head);
}

static inline void refslab_object_unlock(struct refslab_object *obj)
{
	/*
	 * head changes under the lock only, so that the store need not be atomic: who waits for the
	 * lock sets a bit that is set, and who looks at the type beside sees the same in either
	 * word. KCSAN takes the store for a plain one; it is one instruction, or marked.
	 */
	data_race((__bit_spin_unlock(REFSLAB_HEAD_LOCK, &obj->head), 0));
}

static inline void **refslab_object_slots(const struct refslab_object *obj)
{
	return (void **)((struct refslab_container *)obj + 1);
}

/* The same for who has preemption off already, and goes on to the next object at once. */
static inline void refslab_object_lock_next(struct refslab_object *obj)
{
	while (unlikely(test_and_set_bit_lock(REFSLAB_HEAD_LOCK, &obj->head)))
		cpu_relax();
	__acquire(bitlock);
}

static inline void refslab_object_unlock_next(struct refslab_object *obj)
{
	/* as in refslab_object_unlock() */
	data_race((__clear_bit_unlock(REFSLAB_HEAD_LOCK, &obj->head), 0));
	__release(bitlock);
}

static inline struct refslab_keyed *refslab_object_keyed(const struct refslab_object *obj)
{
	return (struct refslab_keyed *)((struct refslab_container *)obj + 1);
}

static inline struct refslab_table *refslab_object_table(const struct refslab_object *obj)
{
	return (struct refslab_table *)((struct refslab_container *)obj + 1);
}

/**
 * refslab_object_body() - where an object's payload begins
 * @obj: the object
 * @type: its type
 */
static inline void *refslab_object_body(const struct refslab_object *obj,
					const struct refslab_type *type)
{
	if (type->flags & REFSLAB_TYPE_CONTAINER)
		return refslab_object_slots(obj) + type->nr_slots;
	return (void *)(obj + 1);
}

/**
 * refslab_object_payload() - where an object's mappable payload is noted
 * @obj: the object, of REFSLAB_TYPE_PAGES
 * @type: its type
 */
static inline struct refslab_payload **refslab_object_payload(const struct refslab_object *obj,
							      const struct refslab_type *type)
{
	return refslab_object_body(obj, type);
}

static inline struct refslab_extra *refslab_object_extra(struct refslab_object *obj,
							 const struct refslab_type *type)
{
	return (void *)obj + type->extra;
}

/* objects.c: the whole of a heap's objects */
/* May an allocation with these flags scan and destroy, and run whatever release() does? */
static inline bool refslab_objects_may_collect(gfp_t gfp)
{
	return (current_gfp_context(gfp) & GFP_KERNEL) == GFP_KERNEL;
}

void *refslab_objects_mem_alloc(struct refslab_objects *objects, enum refslab_mem_kind kind,
				size_t size, gfp_t gfp);
unsigned int refslab_objects_mem_alloc_batch(struct refslab_objects *objects,
					     enum refslab_mem_kind kind, size_t size,
					     unsigned int nr, gfp_t gfp, void **list);
struct refslab_payload *refslab_objects_payload_alloc(struct refslab_objects *objects, u32 bytes,
						      gfp_t gfp);
int refslab_objects_init(struct refslab_objects *objects, const struct refslab_objects_hooks *hooks,
			 struct workqueue_struct *wq, u64 max_bytes);
void refslab_objects_empty(struct refslab_objects *objects);
void refslab_objects_destroy(struct refslab_objects *objects);
long refslab_objects_young(struct refslab_objects *objects);
void refslab_objects_young_fold(struct refslab_objects *objects);
void refslab_objects_young_take(struct refslab_objects *objects);
void refslab_objects_queue_pool(struct refslab_objects *objects, struct refslab_pool *pool,
				unsigned int generation);
void refslab_objects_unqueue_pool(struct refslab_objects *objects, struct refslab_pool *pool);
void refslab_objects_young_reset(struct refslab_objects *objects, long threshold);
u64 refslab_objects_count_type(struct refslab_type *type);
void refslab_objects_count(struct refslab_objects *objects, u64 *all, u64 *tracked,
			   u64 *cached_bytes);
bool refslab_objects_take_ids(struct refslab_objects *objects, gfp_t gfp);

/* object.c: making and freeing objects, references held by the caller */

/**
 * enum refslab_upgrade - what became of an attempt to get a reference while holding none
 * @REFSLAB_UPGRADE_DEAD: the object is dead
 * @REFSLAB_UPGRADE_WAIT: the collector has not decided yet
 * @REFSLAB_UPGRADE_DONE: there is one
 * @REFSLAB_UPGRADE_FULL: the object is alive, and has REFSLAB_COUNT_MAX references
 */
enum refslab_upgrade {
	REFSLAB_UPGRADE_DEAD,
	REFSLAB_UPGRADE_WAIT,
	REFSLAB_UPGRADE_DONE,
	REFSLAB_UPGRADE_FULL,
};

struct refslab_object *refslab_object_alloc(struct refslab_type *type, gfp_t gfp);
struct refslab_object *refslab_object_alloc_pages(struct refslab_type *type, gfp_t gfp);
void refslab_object_free_pages(struct refslab_object *obj, struct refslab_type *type);
struct refslab_object *refslab_object_begin(struct refslab_type *type, gfp_t gfp);
struct refslab_object *refslab_object_begin_sized(struct refslab_type *type, u32 extra, gfp_t gfp);
void refslab_object_publish(struct refslab_object *obj, gfp_t gfp);
void refslab_object_cancel(struct refslab_object *obj);
u32 refslab_object_bytes(struct refslab_object *obj);
void refslab_object_free(struct refslab_object *obj, struct refslab_type *type);
enum refslab_upgrade refslab_object_try_upgrade(struct refslab_object *obj);
enum refslab_upgrade refslab_object_upgrade(struct refslab_object *obj);
void refslab_object_revive(struct refslab_object *obj);
bool refslab_object_tracked(const struct refslab_object *obj);

/* type.c */

/* What a block of the type takes: rounding, and a large block's head, included. */
static inline u64 refslab_type_block(const struct refslab_type *type)
{
	if (type->size > REFSLAB_CLASS_MAX)
		return refslab_large_charge(type->kind, type->size);
	return round_up(type->size, REFSLAB_CLASS_STEP);
}

/**
 * struct refslab_type_params - a type to be
 * @name: copied; unique in the heap
 * @base: the type that this is another form of, or NULL
 * @ops: of a kernel type, or NULL
 * @flags: REFSLAB_TYPE_TABLE, _INDEX (with _TABLE), _PAIRS, _USER, _SIZED, _CONTAINER, _WEAKABLE,
 *	_FINALIZE, _NOTIFY, _IDENTITY, _PAGES; the others follow from the rest
 * @acyclic: never part of a cycle
 * @nr_slots: references in slots
 * @body: bytes after the slots (a table's not counted); with _PAGES bytes of the payload
 * @cache_limit: dead objects kept
 */
struct refslab_type_params {
	const char *name;
	struct refslab_type *base;
	const struct refslab_type_ops *ops;
	u32 flags;
	bool acyclic;
	u32 nr_slots;
	u32 body;
	u32 cache_limit;
};

struct refslab_type *refslab_type_create(struct refslab_objects *objects,
					 const struct refslab_type_params *params, gfp_t gfp);
struct refslab_type *refslab_type_find(struct refslab_objects *objects, u32 number);
struct refslab_type *refslab_type_find_name(struct refslab_objects *objects, const char *name);
void refslab_type_destroy_all(struct refslab_objects *objects);

/* slot.c: references in fixed slots */

/**
 * refslab_slot_displace() - put a reference where another was
 * @where: where an object keeps a reference; the object's lock is held
 * @to: a reference that becomes the slot's, taken by refslab_word_try_get(), whose full barrier has
 *	it seen taken by who sees it here: pairs with subtract_batch(); NULL for none
 *
 * What was there loses its reference before the lock goes (rule R2). Return: what was there when
 * that was its last one, for refslab_destroy_last() without the lock; else NULL.
 */
static inline struct refslab_object *refslab_slot_displace(void **where, struct refslab_object *to)
{
	struct refslab_object *old = *where;

	WRITE_ONCE(*where, to);
	return old && refslab_word_put(&old->word) ? old : NULL;
}

int refslab_slot_exchange(struct refslab_object *obj, u32 slot, struct refslab_object *to,
			  struct refslab_object **last);
int refslab_slot_set(struct refslab_object *obj, u32 slot, struct refslab_object *to);
struct refslab_object *refslab_slot_get(struct refslab_object *obj, u32 slot);

/* table.c: references in a growable table */
int refslab_table_insert(struct refslab_object *obj, u32 index, struct refslab_object *to,
			 gfp_t gfp);
int refslab_table_append(struct refslab_object *obj, struct refslab_object *to, gfp_t gfp);
int refslab_table_set(struct refslab_object *obj, u32 index, struct refslab_object *to);
struct refslab_object *refslab_table_take(struct refslab_object *obj, u32 index);
struct refslab_object *refslab_table_get(struct refslab_object *obj, u32 index);
u32 refslab_table_len(struct refslab_object *obj);
void refslab_table_free(struct refslab_objects *objects, struct refslab_object *obj);
u32 refslab_table_bytes(struct refslab_object *obj);
void refslab_table_shorten(struct refslab_table *table, u32 n, void **unused);
void refslab_table_free_nodes(struct refslab_objects *objects, void *unused);
void **refslab_table_push(struct refslab_table *table, u32 nr, u32 max, void **spare);
int refslab_table_make_room(struct refslab_object *obj, u32 nr, void **spare, gfp_t gfp);
void refslab_table_free_spare(struct refslab_objects *objects, void *spare);
bool refslab_table_wasteful(const struct refslab_table *table);
void refslab_table_shrink(struct refslab_object *obj);

/* index.c: positions by hash */
#define REFSLAB_INDEX_NONE	U32_MAX

/**
 * struct refslab_index_cursor - an entry of an index
 * @leaf:	the leaf it is in
 * @i:		the cell to go on with
 * @hash:	what is searched for
 */
struct refslab_index_cursor {
	struct refslab_index_leaf *leaf;
	u32 i;
	u32 hash;
};

/**
 * struct refslab_index_spare - memory for an index, got without the object's lock
 * @block:	from refslab_mem_alloc(), REFSLAB_MEM_RAW; or NULL
 * @size:	its size
 * @wanted:	the size that is needed
 */
struct refslab_index_spare {
	void *block;
	u32 size;
	u32 wanted;
};

u32 refslab_index_first(const struct refslab_index *index, u32 hash,
			struct refslab_index_cursor *cursor);
u32 refslab_index_next(struct refslab_index_cursor *cursor);
int refslab_index_make_room(struct refslab_index *index, u32 hash,
			    struct refslab_index_spare *spare);
void refslab_index_add(struct refslab_index *index, u32 hash, u32 position);
void refslab_index_move(struct refslab_index *index, u32 hash, u32 from, u32 to);
void refslab_index_remove(struct refslab_index *index, u32 hash, u32 position, void **unused);
u32 refslab_index_wasteful(const struct refslab_index *index);
void *refslab_index_shrink(struct refslab_index *index, void *block, u32 *size);
u64 refslab_index_bytes(const struct refslab_index *index);
bool refslab_index_count(const struct refslab_index *index, u32 *at, u32 *n);
u32 refslab_index_entries(const struct refslab_index *index);
void refslab_index_free_blocks(struct refslab_objects *objects, void *unused);
bool refslab_index_free(struct refslab_object *obj, u32 *budget);

/* btree.c: the references of a long table */
void **refslab_btree_find(const struct refslab_table *table, u32 index, u32 *run);
int refslab_btree_insert(struct refslab_table *table, u32 index, void *to, void **spare);
void *refslab_btree_remove(struct refslab_table *table, u32 index, void **unused);
void **refslab_btree_tail(const struct refslab_table *table, u32 *nr);
void refslab_btree_cut(struct refslab_table *table, void **unused);
void refslab_btree_shorten(struct refslab_table *table, u32 n, void **unused);

/**
 * refslab_table_at() - where an element is
 * @table: the table; the object's lock is held
 * @index: below its length
 * @run: out: elements that lie there one after the other, from this one on
 */
static inline void **refslab_table_at(const struct refslab_table *table, u32 index, u32 *run)
{
	if (unlikely(table->height))
		return refslab_btree_find(table, index, run);
	*run = table->len - index;
	return &table->vec[index];
}

/**
 * refslab_table_tail() - where the last elements are
 * @table: the table; the object's lock is held
 * @nr: out: how many lie there
 */
static inline void **refslab_table_tail(const struct refslab_table *table, u32 *nr)
{
	if (unlikely(table->height))
		return refslab_btree_tail(table, nr);
	*nr = table->len;
	return table->vec;
}

/* destroy.c: taking objects apart */

/**
 * struct refslab_dead - objects whose count reached 0, last in first out, in nobody's hands but
 * ours
 * @first:	link of the one added last
 * @last:	link of the one added first, while there is any
 */
struct refslab_dead {
	struct llist_node *first;
	struct llist_node *last;
};

static inline void refslab_destroy_add(struct refslab_dead *dead, struct refslab_object *obj)
{
	if (!dead->first)
		dead->last = &obj->link;
	obj->link.next = dead->first;
	dead->first = &obj->link;
}

void refslab_destroy_last(struct refslab_object *obj);

/**
 * refslab_object_put() - drop a reference
 * @obj: the object; it may be gone afterwards
 *
 * The last reference destroys the object and what only it referred to, up to
 * REFSLAB_DESTROY_BUDGET here and the rest in a worker; all of it in a worker when called in an
 * interrupt, or with interrupts or bottom halves off. Context: any but NMI, not under an object's
 * lock.
 */
static inline void refslab_object_put(struct refslab_object *obj)
{
	if (refslab_word_put(&obj->word))
		refslab_destroy_last(obj);
}

void refslab_destroy_put(struct refslab_dead *dead, struct refslab_object *obj);
void refslab_destroy_enter(struct refslab_objects *objects);
void refslab_destroy_leave(struct refslab_objects *objects);
void refslab_destroy_call(struct refslab_object *obj, void (*fn)(void *obj));
void refslab_destroy_release(struct refslab_object *obj, struct refslab_type *type);
bool refslab_destroy_references(struct refslab_object *obj, struct refslab_dead *dead, u32 *budget);
void refslab_destroy_run(struct refslab_objects *objects, struct refslab_dead *dead, u32 budget);
void refslab_destroy_all(struct refslab_objects *objects, struct refslab_dead *dead);
void refslab_destroy_work(struct work_struct *work);
int refslab_destroy_finish(struct refslab_objects *objects, bool interruptible);
void refslab_destroy_settle(struct refslab_objects *objects);

/* walk.c: the refchain */
typedef int (*refslab_walk_fn)(struct refslab_object *obj, void *arg);
int refslab_walk(struct refslab_objects *objects, u64 *cursor, refslab_walk_fn fn, void *arg);
int refslab_walk_containers(struct refslab_objects *objects, u64 *cursor, refslab_walk_fn fn,
			    void *arg);
u64 refslab_walk_place(struct refslab_object *obj);
struct refslab_object *refslab_walk_find(struct refslab_objects *objects, u64 place, u64 id);
bool refslab_walk_alive(struct refslab_objects *objects, u64 place, u64 id);
typedef void (*refslab_visit_fn)(struct refslab_object *target, void *arg);
void refslab_walk_references(struct refslab_object *obj, refslab_visit_fn fn, void *arg);

/* referents.c: who refers to whom */
unsigned int refslab_referents_take(struct refslab_object *obj, u64 *cursor,
				    struct refslab_object **to, unsigned int max);
int refslab_referents_search(struct refslab_object *obj, u64 *cursor, u64 budget,
			     refslab_walk_fn fn, void *arg);

/* weak.c: weak references */

/**
 * struct refslab_weak_params - what a weak reference is to do when its object dies
 * @notify: tell user space
 * @callback: call this, in task context, without sleeping; or NULL
 * @arg: for @callback
 */
struct refslab_weak_params {
	bool notify;
	void (*callback)(void *weak, void *arg);
	void *arg;
};

struct refslab_object *refslab_weak_new(struct refslab_object *target,
					const struct refslab_weak_params *params, gfp_t gfp);
struct refslab_object *refslab_weak_get(struct refslab_object *weak);
u64 refslab_weak_target(struct refslab_object *weak);
struct refslab_event *refslab_weak_event(struct refslab_object *weak);
int refslab_weak_clear(struct refslab_object *obj, struct refslab_type *type, u32 *budget);
void refslab_weak_clear_all(struct refslab_object *obj, struct refslab_type *type);
void refslab_weak_brought_back(struct refslab_object *weak);
int refslab_weak_init(struct refslab_objects *objects, gfp_t gfp);

/* finalize.c: finalizers */
bool refslab_finalize_last(struct refslab_object *obj, struct refslab_type *type);

bool refslab_finalize_begin(struct refslab_object *obj);

/* Did its finalizer run, or was it announced? */
static inline bool refslab_finalize_done(const struct refslab_object *obj)
{
	return test_bit(REFSLAB_HEAD_FINALIZED, &obj->head);
}

/* event.c: what user space is to be told */
void refslab_event_init(struct refslab_events *events);
void refslab_event_listen(struct refslab_events *events);
void refslab_event_unlisten(struct refslab_events *events);
bool refslab_event_heard(const struct refslab_events *events);
bool refslab_event_post(struct refslab_events *events, struct refslab_object *obj);
bool refslab_event_pending(const struct refslab_events *events);
struct refslab_object *refslab_event_take(struct refslab_events *events);
void refslab_event_untake(struct refslab_events *events, struct refslab_object *obj);
struct refslab_event *refslab_event_of(struct refslab_object *obj);

/* constant.c: objects that are always there */

/*
 * Ids that are theirs, and no other object's: not in the way of those that count up from 1, and
 * small enough for programs whose numbers are doubles.
 */
#define REFSLAB_CONSTANT_ID	BIT_ULL(52)
#define REFSLAB_CONSTANTS_MAX	1024

int refslab_constant_init(struct refslab_objects *objects, unsigned int nr, u32 size, gfp_t gfp);
struct refslab_object *refslab_constant_set(struct refslab_objects *objects, unsigned int n,
					    struct refslab_type *type);
struct refslab_object *refslab_constant(struct refslab_objects *objects, unsigned int n);
bool refslab_constant_is(struct refslab_objects *objects, const struct refslab_object *obj);
struct refslab_object *refslab_constant_find(struct refslab_objects *objects, u64 id);
void refslab_constant_destroy(struct refslab_objects *objects);

/* ident.c: objects by id */
int refslab_ident_publish(struct refslab_object *obj, gfp_t gfp);
struct refslab_object *refslab_ident_get(struct refslab_objects *objects, u64 id);

#endif /* _REFSLAB_OBJECT_H */
