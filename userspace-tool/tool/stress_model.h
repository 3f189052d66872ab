/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of stress with a model share: a thread with its objects, and their comparison. */
#ifndef _REFSLAB_STRESS_MODEL_H
#define _REFSLAB_STRESS_MODEL_H

#include "model.h"
#include "stress.h"

struct model_thread {
	struct stress *stress;
	struct refslab_session *session;
	struct refslab_batch *batch;
	struct stress_random random;
	pthread_t thread;
	struct model model;
	/* Handles on keys that every heap has from its beginning, and that count nowhere. */
	__u32 numbers[MODEL_CONSTANTS];
	__u32 names[MODEL_CONSTANTS];
	unsigned int goal;		/* handles to have, about */
	__u64 operations;
};

/* What is looked at between rounds. */
struct contents {
	struct refslab_record *records;	/* by id */
	size_t count;
	__u64 edges;			/* compared */
};

/* 0 .. @n - 1 */
static inline unsigned int below(struct model_thread *t, unsigned int n)
{
	return refslab_stress_random(&t->random, n);
}

/* Counts an operation; fails unless @err is 0. */
static inline bool did(struct model_thread *t, unsigned int opcode, int err)
{
	t->operations++;
	return refslab_stress_check(t->stress, opcode, err);
}

static inline void no_memory(struct model_thread *t)
{
	refslab_stress_fail(t->stress, "no memory for the model");
}

/* The handle of an object that was inside of another, kept or dropped. */
void refslab_stress_model_take(struct model_thread *t, __u32 handle, int object);

/* The keys of a thread that are constants; false having failed. */
bool refslab_stress_keyed_start(struct model_thread *t);
void refslab_stress_keyed_end(struct model_thread *t);

/* One operation on a dict, a set or an instance. */
void refslab_stress_keyed_use(struct model_thread *t, const struct model_hold *hold,
			      const struct model_hold *target);

/* All is still: the heap against all models. */
void refslab_stress_compare(struct stress *stress, struct model_thread *threads,
			    struct contents *contents);

#endif /* _REFSLAB_STRESS_MODEL_H */
