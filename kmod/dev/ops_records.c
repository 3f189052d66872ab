// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that list objects: all of them, those of a generation, what an object refers to, who
 * refers to it, garbage that is kept. Each writes as many records as there is room for, and a
 * cursor to go on with. See enum refslab_opcode for what each takes and gives.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"

/* Records written to user memory at a time, by way of a buffer. */
#define RECORDS		(SZ_32K / sizeof(struct refslab_record))

/* Objects looked at, at most, by one REFSLAB_OP_REFERRERS: some milliseconds. */
#define SEARCH_BUDGET	65536

/**
 * struct harvest - records on their way to user memory
 * @heap:	the heap
 * @operand:	the object asked about, which has a reference of the operation's; or NULL
 * @generation:	the one asked for, or REFSLAB_GEN_ALL
 * @records:	the buffer
 * @nr:		records there
 * @room:	how many fit
 * @enough:	this was as much as one operation may do
 * @err:	what stopped it
 */
struct harvest {
	struct refslab_heap *heap;
	struct refslab_object *operand;
	u32 generation;
	struct refslab_record *records;
	u32 nr;
	u32 room;
	bool enough;
	int err;
};

/*
 * Fills the buffer from *@cursor on, and leaves there where to go on, 0 at the end. Returns whether
 * there is more.
 */
typedef bool (*fetch_fn)(struct harvest *h, u64 *cursor);

/* Adds an object on which @ours references are there because of this operation. */
static void add_record(struct harvest *h, struct refslab_object *obj, u32 ours)
{
	u32 generation = REFSLAB_GEN_ALL;

	if (refslab_object_tracked(obj))
		generation = refslab_generation_of(obj);
	if (h->generation != REFSLAB_GEN_ALL && h->generation != generation)
		return;
	h->err = refslab_ident_publish(obj, REFSLAB_DEV_GFP);
	if (h->err)
		return;
	h->records[h->nr++] = (struct refslab_record) {
		.id = obj->id,
		.type = refslab_object_type(obj)->base->number,
		.refcount = refslab_word_told(refslab_word_read(&obj->word),
					      ours + (obj == h->operand)),
		.generation = generation,
		.bytes = refslab_object_bytes(obj),
	};
}

/* For a walk: not 0 ends it before this object. */
static int meet(struct refslab_object *obj, void *arg)
{
	struct harvest *h = arg;

	if (h->nr == h->room || signal_pending(current))
		return 1;
	add_record(h, obj, 1);
	return h->err;
}

/* A signal ends the listing early: what there is by then is an answer too, with a cursor. */
static int write_all(struct refslab_call *call, struct harvest *h, fetch_fn fetch, u64 cursor,
		     struct refslab_record __user *to, u32 total)
{
	u32 done = 0;
	bool more;

	do {
		h->nr = 0;
		h->room = min_t(u32, total - done, RECORDS);
		more = fetch(h, &cursor);
		if (h->err)
			return h->err;
		if (copy_to_user(to + done, h->records, h->nr * sizeof(*to)))
			return -EFAULT;
		done += h->nr;
	} while (more && !h->enough && done < total && !signal_pending(current));
	call->result[0] = done;
	call->result[1] = cursor;
	return 0;
}

/* @p, @n: the room in user memory. */
static int write_records(struct refslab_call *call, struct harvest *h, fetch_fn fetch, u64 cursor,
			 u64 p, u64 n)
{
	u32 total;
	int err;

	if (!n || n > SZ_1M || n % sizeof(struct refslab_record))
		return -EINVAL;
	total = n / sizeof(struct refslab_record);
	h->heap = call->heap;
	h->records = kvmalloc_array(min_t(u32, total, RECORDS), sizeof(*h->records),
				    REFSLAB_DEV_GFP);
	if (!h->records)
		return -ENOMEM;
	err = write_all(call, h, fetch, cursor, u64_to_user_ptr(p), total);
	kvfree(h->records);
	return err;
}

static bool fetch_objects(struct harvest *h, u64 *cursor)
{
	return refslab_walk(&h->heap->objects, cursor, meet, h);
}

int refslab_op_objects(struct refslab_call *call)
{
	u64 generation = call->arg[1];
	struct harvest h = { .generation = generation };

	if (generation > REFSLAB_GEN_FROZEN && generation != REFSLAB_GEN_ALL)
		return -EINVAL;
	return write_records(call, &h, fetch_objects, call->arg[0], call->arg[2], call->arg[3]);
}

/* Takes references from a cursor on; the same object may come more than once. */
typedef unsigned int (*take_fn)(struct harvest *h, u64 *cursor, struct refslab_object **to,
				unsigned int max);

static bool fetch_by(struct harvest *h, u64 *cursor, take_fn take)
{
	struct refslab_object *objects[16];
	unsigned int i, j, n, ours;

	do {
		n = min_t(u32, h->room - h->nr, ARRAY_SIZE(objects));
		n = take(h, cursor, objects, n);
		for (i = 0; i < n; i++) {
			for (j = i, ours = 0; j < n; j++)
				ours += objects[j] == objects[i];
			if (!h->err)
				add_record(h, objects[i], ours);
			refslab_object_put(objects[i]);
		}
	} while (*cursor && !h->err && h->nr < h->room);
	return *cursor;
}

static unsigned int take_referents(struct harvest *h, u64 *cursor, struct refslab_object **to,
				   unsigned int max)
{
	return refslab_referents_take(h->operand, cursor, to, max);
}

static bool fetch_referents(struct harvest *h, u64 *cursor)
{
	return fetch_by(h, cursor, take_referents);
}

int refslab_op_referents(struct refslab_call *call)
{
	struct harvest h = { .operand = call->obj[0], .generation = REFSLAB_GEN_ALL };

	return write_records(call, &h, fetch_referents, call->arg[1], call->arg[2], call->arg[3]);
}

static bool fetch_referrers(struct harvest *h, u64 *cursor)
{
	bool more;

	more = refslab_referents_search(h->operand, cursor, SEARCH_BUDGET, meet, h);
	h->enough = h->nr < h->room;
	return more;
}

int refslab_op_referrers(struct refslab_call *call)
{
	struct harvest h = { .operand = call->obj[0], .generation = REFSLAB_GEN_ALL };

	return write_records(call, &h, fetch_referrers, call->arg[1], call->arg[2], call->arg[3]);
}

static unsigned int take_garbage(struct harvest *h, u64 *cursor, struct refslab_object **to,
				 unsigned int max)
{
	return refslab_garbage_take(&h->heap->gc, cursor, to, max);
}

static bool fetch_garbage(struct harvest *h, u64 *cursor)
{
	return fetch_by(h, cursor, take_garbage);
}

int refslab_op_garbage(struct refslab_call *call)
{
	struct harvest h = { .generation = REFSLAB_GEN_ALL };

	return write_records(call, &h, fetch_garbage, call->arg[0], call->arg[1], call->arg[2]);
}
