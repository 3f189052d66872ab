// SPDX-License-Identifier: GPL-2.0
/*
 * Graphs of many two-slot objects, kept from one command to the next, and scans of them.
 */
#include <linux/delay.h>
#include <linux/err.h>

#include "bench.h"

#define GRAPHS	4

static struct bench_graph *graphs[GRAPHS];

static const struct refslab_type_ops hub_ops = {
	.name = "hub",
	.nr_slots = BENCH_HUB_SLOTS,
};

/**
 * bench_graph_find() - the graph that a command is about
 * @call: the command; id= has the graph's number
 *
 * Return: the graph or NULL.
 */
struct bench_graph *bench_graph_find(const struct bench_call *call)
{
	u64 id = bench_arg(call, "id", 0);

	return id < GRAPHS ? graphs[id] : NULL;
}

static void free_graph(struct bench_graph *graph)
{
	refslab_put(graph->root);
	refslab_heap_destroy(graph->heap);
	kvfree(graph->node);
	kfree(graph);
}

/**
 * bench_graph_drop_all() - free all graphs
 */
void bench_graph_drop_all(void)
{
	unsigned int i;

	for (i = 0; i < GRAPHS; i++) {
		if (graphs[i])
			free_graph(graphs[i]);
		graphs[i] = NULL;
	}
}

static struct bench_graph *new_graph(u64 n)
{
	static const struct refslab_heap_params params = { .disabled = true };
	struct bench_graph *graph = kzalloc(sizeof(*graph), GFP_KERNEL);

	if (!graph)
		return ERR_PTR(-ENOMEM);
	graph->n = n;
	graph->node = kvcalloc(max(n, 1ULL), sizeof(*graph->node), GFP_KERNEL);
	graph->heap = graph->node ? refslab_heap_create("bench", &params) : ERR_PTR(-ENOMEM);
	if (IS_ERR(graph->heap)) {
		kvfree(graph->node);
		kfree(graph);
		return ERR_PTR(-ENOMEM);
	}
	return graph;
}

/* The nodes, each in a slot of a hub, and the hubs in slots of the root. */
static int make_nodes(struct bench_graph *graph)
{
	int err = 0;
	void *hub;
	u64 i;

	graph->root = refslab_alloc(graph->hubs, GFP_KERNEL);
	if (!graph->root)
		return -ENOMEM;
	for (i = 0; i < graph->n && !err; i++) {
		if (i % BENCH_HUB_SLOTS == 0) {
			hub = refslab_alloc(graph->hubs, GFP_KERNEL);
			if (!hub)
				return -ENOMEM;
			err = refslab_link(graph->root, i / BENCH_HUB_SLOTS, hub);
			refslab_put(hub);
			if (err)
				return err;
			graph->hub = hub;
		}
		graph->node[i] = refslab_alloc(graph->nodes, GFP_KERNEL);
		if (!graph->node[i])
			return -ENOMEM;
		err = refslab_link(graph->hub, i % BENCH_HUB_SLOTS, graph->node[i]);
		refslab_put(graph->node[i]);
		if (i % 4096 == 0)
			cond_resched();
	}
	return err;
}

/* @sum: in the end tells graphs apart: that the peer's is the same */
static int link_random(struct bench_graph *graph, u64 seed, u64 *sum)
{
	unsigned int slot;
	int err = 0;
	u64 i, to;

	for (i = 0; i < graph->n && !err; i++) {
		for (slot = 0; slot < BENCH_NODE_SLOTS && !err; slot++) {
			to = bench_random_below(&seed, graph->n);
			err = refslab_link(graph->node[i], slot, graph->node[to]);
			*sum = *sum * 31 + to;
		}
		if (i % 4096 == 0)
			cond_resched();
	}
	return err;
}

static int link_ring(struct bench_graph *graph)
{
	u64 i, n = graph->n;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		err = refslab_link(graph->node[i], 0, graph->node[i ? i - 1 : n - 1]) ?:
		      refslab_link(graph->node[i], 1, graph->node[i + 1 < n ? i + 1 : 0]);
		if (i % 4096 == 0)
			cond_resched();
	}
	return err;
}

/* graph id= kind=random|ring|loose n= seed=: bytes that it takes, all told; sum of the edges */
static int run_graph(struct bench_call *call)
{
	u64 id = bench_arg(call, "id", 0), n = bench_arg(call, "n", 1000000), before, after;
	struct bench_graph *graph;
	u64 sum = 0;
	int err;

	if (id >= GRAPHS || graphs[id] || n > (u64)BENCH_HUB_SLOTS * BENCH_HUB_SLOTS)
		return -EINVAL;
	graph = new_graph(n);
	if (IS_ERR(graph))
		return PTR_ERR(graph);
	before = bench_free_bytes();
	graph->nodes = refslab_type_register(graph->heap, &bench_node_ops);
	graph->hubs = refslab_type_register(graph->heap, &hub_ops);
	err = PTR_ERR_OR_ZERO(graph->nodes) ?: PTR_ERR_OR_ZERO(graph->hubs) ?: make_nodes(graph);
	if (!err && bench_is(call, "kind", "random"))
		err = link_random(graph, bench_arg(call, "seed", 1), &sum);
	else if (!err && bench_is(call, "kind", "ring"))
		err = link_ring(graph);
	if (err) {
		free_graph(graph);
		return err;
	}
	after = bench_free_bytes();
	bench_say(call, "bytes", before > after ? before - after : 0);
	bench_say(call, "sum", sum);
	graphs[id] = graph;
	return 0;
}

/* pairs id= n=: n objects in pairs that refer to each other, and nobody to them */
static int run_pairs(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);
	u64 n = bench_arg(call, "n", 1000000), i;
	void *a, *b;
	int err = 0;

	if (!graph)
		return -ENOENT;
	for (i = 0; i < n / 2 && !err; i++) {
		a = refslab_alloc(graph->nodes, GFP_KERNEL);
		b = refslab_alloc(graph->nodes, GFP_KERNEL);
		err = a && b ? refslab_link(a, 0, b) ?: refslab_link(b, 0, a) : -ENOMEM;
		refslab_put(a);
		refslab_put(b);
		if (i % 4096 == 0)
			cond_resched();
	}
	return err;
}

/*
 * touch id=: one reference more and one less on each object. A full scan may leave out what lost no
 * reference since the last one; after this it may leave out nothing.
 */
static int run_touch(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);
	u64 i;

	if (!graph)
		return -ENOENT;
	for (i = 0; i < graph->n; i++) {
		if (!graph->node[i])
			continue;
		refslab_get(graph->node[i]);
		refslab_put(graph->node[i]);
		if (i % 4096 == 0)
			cond_resched();
	}
	return 0;
}

/* collect id= generation=: ns unreachable */
static int run_collect(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);
	u64 begin, end;
	long found;

	if (!graph)
		return -ENOENT;
	begin = ktime_get_ns();
	found = refslab_collect(graph->heap, bench_arg(call, "generation", 2));
	end = ktime_get_ns();
	if (found < 0)
		return found;
	bench_say(call, "ns", end - begin);
	bench_say(call, "unreachable", found);
	return 0;
}

/*
 * young id= n=: ns of a scan of generation 0, which is a ring of n objects just made, all alive.
 * They go afterwards.
 */
static int run_young(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);
	u64 n = bench_arg(call, "n", 700), i, made, begin, end;
	long found = 0;
	void **node;
	int err = 0;

	if (!graph || !n)
		return -ENOENT;
	node = kvcalloc(n, sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	/* nothing younger is left of the last time */
	refslab_collect(graph->heap, 0);
	for (made = 0; made < n; made++) {
		node[made] = refslab_alloc(graph->nodes, GFP_KERNEL);
		if (!node[made])
			break;
	}
	if (made < n)
		err = -ENOMEM;
	for (i = 0; i < n && !err; i++)
		err = refslab_link(node[i], 0, node[i + 1 < n ? i + 1 : 0]);
	begin = ktime_get_ns();
	if (!err)
		found = refslab_collect(graph->heap, 0);
	end = ktime_get_ns();
	for (i = 0; i < made; i++) {
		refslab_link(node[i], 0, NULL);
		refslab_put(node[i]);
	}
	kvfree(node);
	bench_say(call, "ns", end - begin);
	bench_say(call, "unreachable", found);
	return err;
}

/*
 * thin id= percent= seed=: takes each node with that chance out of its hub, so that it is freed,
 * then trims. For a graph whose nodes do not refer to each other.
 */
static int run_thin(struct bench_call *call)
{
	u64 percent = bench_arg(call, "percent", 90), seed = bench_arg(call, "seed", 1), i;
	struct bench_graph *graph = bench_graph_find(call);
	void *hub = NULL;
	int err = 0;

	if (!graph)
		return -ENOENT;
	for (i = 0; i < graph->n && !err; i++) {
		if (i % BENCH_HUB_SLOTS == 0) {
			refslab_put(hub);
			hub = refslab_follow(graph->root, i / BENCH_HUB_SLOTS);
			if (IS_ERR_OR_NULL(hub))
				return -EIO;
		}
		if (bench_random_below(&seed, 100) >= percent || !graph->node[i])
			continue;
		graph->node[i] = NULL;
		err = refslab_link(hub, i % BENCH_HUB_SLOTS, NULL);
	}
	refslab_put(hub);
	refslab_trim(graph->heap);
	return err;
}

/* empty id=: drops all that a graph holds, and trims; the heap stays */
static int run_empty(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);

	if (!graph)
		return -ENOENT;
	refslab_put(graph->root);
	graph->root = NULL;
	graph->hub = NULL;
	graph->n = 0;
	refslab_collect(graph->heap, 2);
	/* what was past the budget of one put is a worker's */
	while (refslab_count(graph->heap))
		fsleep(USEC_PER_MSEC);
	refslab_trim(graph->heap);
	return 0;
}

/* drop id=: frees a graph, heap and all */
static int run_drop(struct bench_call *call)
{
	u64 id = bench_arg(call, "id", 0);

	if (!bench_graph_find(call))
		return -ENOENT;
	free_graph(graphs[id]);
	graphs[id] = NULL;
	return 0;
}

const struct bench_command bench_graph_commands[] = {
	{ "graph", run_graph },
	{ "pairs", run_pairs },
	{ "touch", run_touch },
	{ "collect", run_collect },
	{ "young", run_young },
	{ "thin", run_thin },
	{ "empty", run_empty },
	{ "drop", run_drop },
	{ }
};
