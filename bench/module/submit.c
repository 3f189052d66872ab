// SPDX-License-Identifier: GPL-2.0
/*
 * The peer of submit_op: the calls that user/submit.c asks for, made here. Who calls has pointers
 * where a program has handles, and holds references as a program does: the object of a new handle
 * is one that was made or loaded, and a handle closed is a reference dropped.
 */
#include <linux/err.h>

#include "bench.h"

/**
 * struct calls - what the calls are made on
 * @nodes:	type of the objects
 * @owner:	in slot 1 it refers to @other
 * @other:	another object
 * @third:	another one
 */
struct calls {
	struct refslab_type *nodes;
	void *owner;
	void *other;
	void *third;
};

/* An object is made, put into a graph, found there, taken out again and freed. */
static int round_all(struct calls *c)
{
	void *obj = refslab_alloc(c->nodes, GFP_KERNEL_ACCOUNT), *found;
	int err;

	if (!obj)
		return -ENOMEM;
	err = refslab_link(c->owner, 0, obj);
	err = err ?: refslab_link(obj, 1, c->other);
	found = refslab_follow(c->owner, 0);
	err = err ?: PTR_ERR_OR_ZERO(found);
	if (!err)
		refslab_put(found);
	err = err ?: refslab_link(c->owner, 1, c->other);
	err = err ?: refslab_link(c->owner, 0, NULL);
	refslab_put(obj);
	return err;
}

static int round_link(struct calls *c)
{
	return refslab_link(c->owner, 0, c->other) ?: refslab_link(c->owner, 0, c->third);
}

static int round_load(struct calls *c)
{
	void *obj = refslab_follow(c->owner, 1);

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	refslab_put(obj);
	return 0;
}

static int round_new(struct calls *c)
{
	void *obj = refslab_alloc(c->nodes, GFP_KERNEL_ACCOUNT);

	if (!obj)
		return -ENOMEM;
	refslab_put(obj);
	return 0;
}

/* The rounds and their calls. */
static const struct {
	const char *name;
	unsigned int nr;
	int (*round)(struct calls *c);
} mixes[] = {
	{ "all", 8, round_all },
	{ "link", 2, round_link },
	{ "load", 2, round_load },
	{ "new", 2, round_new },
};

static int make(struct calls *c, struct refslab_heap *heap)
{
	c->nodes = refslab_type_register(heap, &bench_node_ops);
	if (IS_ERR(c->nodes))
		return PTR_ERR(c->nodes);
	c->owner = refslab_alloc(c->nodes, GFP_KERNEL);
	c->other = refslab_alloc(c->nodes, GFP_KERNEL);
	c->third = refslab_alloc(c->nodes, GFP_KERNEL);
	if (!c->owner || !c->other || !c->third)
		return -ENOMEM;
	return refslab_link(c->owner, 1, c->other);
}

/* calls mix=all|link|load|new n=rounds: ns ops */
static int run_calls(struct bench_call *call)
{
	u64 n = bench_arg(call, "n", 1000000), i, warm = min(n, 1000ULL), begin = 0;
	struct refslab_heap *heap;
	struct calls c = { };
	unsigned int mix;
	int err;

	for (mix = 0; mix < ARRAY_SIZE(mixes); mix++)
		if (bench_is(call, "mix", mixes[mix].name))
			break;
	if (mix == ARRAY_SIZE(mixes))
		return -EINVAL;
	heap = refslab_heap_create("bench", NULL);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	err = make(&c, heap);
	for (i = 0; i < warm + n && !err; i++) {
		if (i == warm)
			begin = ktime_get_ns();
		err = mixes[mix].round(&c);
	}
	bench_say(call, "ns", ktime_get_ns() - begin);
	bench_say(call, "ops", n * mixes[mix].nr);
	refslab_put(c.owner);
	refslab_put(c.other);
	refslab_put(c.third);
	refslab_heap_destroy(heap);
	return err;
}

const struct bench_command bench_submit_commands[] = {
	{ "calls", run_calls },
	{ }
};
