/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of stress without a model share: a thread, and the table of all handles. */
#ifndef _REFSLAB_STRESS_RACE_H
#define _REFSLAB_STRESS_RACE_H

#include "stress.h"

/* Errors that a handle which changed its meaning may cause; and sets of them, a bit each. */
enum race_error {
	RACE_ENOENT, RACE_EPROTOTYPE, RACE_ERANGE, RACE_ENODATA, RACE_ENOKEY, RACE_ESTALE,
	RACE_ERRORS,
};

enum race_errors {
	ANY_OBJECT = 1u << RACE_ENOENT,
	ONE_TYPE = ANY_OBJECT | 1u << RACE_EPROTOTYPE,
	INDEXED = ONE_TYPE | 1u << RACE_ERANGE,
	SLOT = INDEXED | 1u << RACE_ENODATA,
	KEYED = ONE_TYPE | 1u << RACE_ENOKEY,
	ITERATED = ONE_TYPE | 1u << RACE_ESTALE,
};

/*
 * What the table has: a handle, and above it what its object was when it was put there, so that
 * most operations find what they are for.
 */
enum race_kind {
	RACE_OTHER = MODEL_KINDS,
	RACE_NODE = MODEL_SLOTS, RACE_LIST = MODEL_LIST, RACE_DICT = MODEL_DICT,
	RACE_SET = MODEL_SET, RACE_INSTANCE = MODEL_INSTANCE,
};

struct race_thread {
	struct stress *stress;
	struct refslab_session *session;
	atomic_ullong *table;
	struct refslab_batch *batch;
	struct stress_random random;
	pthread_t thread;
	__u64 operations;
	__u64 errors[RACE_ERRORS];
};

static inline unsigned int below(struct race_thread *t, unsigned int n)
{
	return refslab_stress_random(&t->random, n);
}

/* Counts an operation; true when it succeeded. @allowed: bits of the errors it may fail with. */
bool refslab_race_did(struct race_thread *t, unsigned int opcode, int err, unsigned int allowed);

void refslab_race_drop(struct race_thread *t, __u32 handle);

/* A handle of the table, which may be anybody's and gone by now; 0 when none was found. */
__u32 refslab_race_pick(struct race_thread *t);

/* The same for an object that was of that kind; any other when none was found. */
__u32 refslab_race_pick_kind(struct race_thread *t, enum race_kind kind);

/*
 * SLOT, ITEM, POP, DUP or DICT_ITEM: the handle that comes of it goes to the table or is dropped.
 * @operand: an index, or the handle of a key.
 */
void refslab_race_follow(struct race_thread *t, unsigned int opcode, __u32 handle, __u64 operand,
			 unsigned int allowed);

/* One operation on a dict, a set or an instance. */
void refslab_race_keyed(struct race_thread *t);

#endif /* _REFSLAB_STRESS_RACE_H */
