/* SPDX-License-Identifier: GPL-2.0 */
/*
 * refslab_bench.ko: what its files share.
 *
 * A command is a line written to /sys/kernel/debug/refslab_bench/command, a name and then
 * key=value words; reading the file gives what was measured, name=value, one a line. Each command
 * measures one side once: who compares gives the commands in turns.
 */
#ifndef _REFSLAB_BENCH_H
#define _REFSLAB_BENCH_H

#include <linux/completion.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#include "object/object.h"
#include "refslab.h"

struct bench_call;

/**
 * struct bench_command - a command
 * @name:	first word of the line
 * @run:	measures; may sleep; one at a time. Return: 0 or an error, which the writer gets
 */
struct bench_command {
	const char *name;
	int (*run)(struct bench_call *call);
};

/* main.c */
u64 bench_arg(const struct bench_call *call, const char *key, u64 missing);
const char *bench_word(const struct bench_call *call, const char *key);
bool bench_is(const struct bench_call *call, const char *key, const char *word);
void bench_say(struct bench_call *call, const char *key, u64 value);
void bench_say_string(struct bench_call *call, const char *key, const char *value);

/* The tables of commands, each ended by an empty one; alloc.c, graph.c and so on. */
extern const struct bench_command bench_alloc_commands[];
extern const struct bench_command bench_graph_commands[];
extern const struct bench_command bench_thread_commands[];
extern const struct bench_command bench_cyclotron_commands[];
extern const struct bench_command bench_submit_commands[];

/* What is measured most: an object with two slots, and the bytes it takes. */
#define BENCH_NODE_SLOTS	2
#define BENCH_NODE_BYTES	ALIGN(sizeof(struct refslab_container) + \
				      BENCH_NODE_SLOTS * sizeof(void *), REFSLAB_CLASS_STEP)
/* With its header it stays below a power of two, which is what large blocks are rounded up to. */
#define BENCH_HUB_SLOTS		65472U

extern const struct refslab_type_ops bench_node_ops;

/* A cache of the same bytes that the slab allocator keeps apart from others. */
struct kmem_cache *bench_slab_create(size_t size);

/**
 * struct bench_graph - objects of one heap, and where they are
 * @heap:	the heap; automatic scans are off
 * @nodes:	type of the nodes, of two slots
 * @hubs:	type of what keeps them alive, of BENCH_HUB_SLOTS slots
 * @root:	the hub of the hubs whose slots refer to the nodes; the one reference from outside
 * @hub:	one of those hubs: the biggest object of the heap
 * @node:	the nodes, alive through @root; NULL when all are garbage
 * @n:		how many
 */
struct bench_graph {
	struct refslab_heap *heap;
	struct refslab_type *nodes;
	struct refslab_type *hubs;
	void *root;
	void *hub;
	void **node;
	u64 n;
};

struct bench_graph *bench_graph_find(const struct bench_call *call);
void bench_graph_drop_all(void);
void bench_slab_drop(void);

/* The generator that the peers have, too, so that both make the same graph. */
static inline u64 bench_random(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static inline u64 bench_random_below(u64 *state, u64 n)
{
	u64 rest;

	div64_u64_rem(bench_random(state), n, &rest);
	return rest;
}

static inline u64 bench_free_bytes(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return (u64)info.freeram << PAGE_SHIFT;
}

/**
 * struct bench_thread - a thread on a CPU of its own
 * @task:	the thread
 * @done:	its function returned
 * @fn:		the function
 * @arg:	for @fn
 */
struct bench_thread {
	struct task_struct *task;
	struct completion done;
	void (*fn)(void *arg);
	void *arg;
};

/* threads.c */
int bench_thread_start(struct bench_thread *thread, unsigned int cpu, void (*fn)(void *arg),
		       void *arg);
void bench_thread_join(struct bench_thread *thread);

#endif /* _REFSLAB_BENCH_H */
