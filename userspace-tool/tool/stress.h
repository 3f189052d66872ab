/* SPDX-License-Identifier: GPL-2.0 */
/* What the two kinds of stress share. */
#ifndef _REFSLAB_STRESS_H
#define _REFSLAB_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "model.h"
#include "tool.h"

enum stress_type {
	STRESS_NODE,		/* 4 slots, a small block, cached */
	STRESS_WIDE,		/* 64 slots, above the largest size class */
	STRESS_BARE,		/* 2 slots, no cache */
	STRESS_LEAF,		/* payload only, acyclic */
	STRESS_TYPES,
};

struct stress {
	struct refslab_session *session;
	__u32 heap;			/* its number in debugfs */
	unsigned int looks;		/* at the heap's invariants */
	bool json;
	unsigned int threads;
	unsigned int seconds;
	unsigned int rounds;
	unsigned int objects;
	__u64 seed;

	__u32 type[STRESS_TYPES];
	__u32 built_in[MODEL_KINDS];	/* the numbers of list, dict, set and instance */
	atomic_bool stop;
	atomic_bool failed;
	atomic_bool crowded;		/* more objects than wanted: drop rather than make */

	/* The collector thread's own. */
	pthread_t collector;
	__u64 scans;
	__u64 unreachable;
};

extern const unsigned int refslab_stress_slots[STRESS_TYPES];
extern const unsigned int refslab_stress_payload[STRESS_TYPES];

/* The operations that make them. */
extern const unsigned int refslab_stress_makes[MODEL_KINDS];

/* A stream of random numbers, one for each thread. */
struct stress_random {
	struct drand48_data data;
};

void refslab_stress_seed(struct stress_random *random, __u64 seed, unsigned int stream);

/* 0 .. @below - 1 */
unsigned int refslab_stress_random(struct stress_random *random, unsigned int below);

/* Says what went wrong and stops everything. */
void refslab_stress_fail(struct stress *stress, const char *fmt, ...) __printf(2, 3);

/* Fails unless @err is 0. */
bool refslab_stress_check(struct stress *stress, unsigned int opcode, int err);

/*
 * Has the module walk the heap, on which nobody works, and fails unless it is consistent. Does
 * nothing where debugfs cannot be read.
 */
void refslab_stress_invariants(struct stress *stress);

/* A thread that scans generations 0, 1 and 2 back to back until @stress->stop. */
bool refslab_stress_start_collector(struct stress *stress);
void refslab_stress_join_collector(struct stress *stress);

/*
 * Waits, for 10 seconds at most, until the heap has @objects objects: destruction is finished by
 * the kernel's own threads when it is a lot. With @collect it scans again while it waits, for a
 * cycle that something half destroyed still refers to.
 */
bool refslab_stress_settle(struct stress *stress, __u64 objects, bool collect);

/* Threads race on the same objects; they share all handles. */
void refslab_stress_race(struct stress *stress);

/* Each thread has objects of its own, and the heap is compared with a model of them. */
void refslab_stress_model(struct stress *stress);

#endif /* _REFSLAB_STRESS_H */
