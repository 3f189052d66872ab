// SPDX-License-Identifier: GPL-2.0
/*
 * The workload of cyclotron, a stress test of CPython's collector: units of objects are made, some
 * of them cyclic, and kept until enough live; then all are let go at once. So there is always
 * garbage of both sorts, and how much of it waits is what the automatic scans make of it.
 * bench/peer/cyclotron.py does the same; both draw the same random numbers in the same order.
 */
#include <linux/err.h>

#include "bench.h"

#define BRANCH_BITS	4
#define BRANCH_SLOTS	BIT(BRANCH_BITS)
#define REINSERTED	20		/* percent */

/**
 * struct cyclotron - a run
 * @heap:	the heap; automatic scans are on
 * @node:	a link of a chain: the next, the witness
 * @branch:	of a tree
 * @record:	a leaf of a tree, with a reference that stays empty
 * @tree:	the root, itself when it is cyclic, the witness
 * @witness:	knows when its unit is freed
 * @size:	objects of a unit: links of a chain, records of a tree
 * @percent:	how many of 100 units are cyclic
 * @trees:	units are trees
 * @seed:	of the random numbers
 * @order:	scratch: the order in which records are inserted
 * @trash:	objects let go and not yet freed
 */
struct cyclotron {
	struct refslab_heap *heap;
	struct refslab_type *node;
	struct refslab_type *branch;
	struct refslab_type *record;
	struct refslab_type *tree;
	struct refslab_type *witness;
	u64 size;
	u64 percent;
	bool trees;
	u64 seed;
	u32 *order;
	atomic64_t trash;
};

struct witness {
	struct cyclotron *run;
	u64 count;
};

static void witness_release(void *obj)
{
	struct witness *witness = refslab_payload(obj);

	if (witness->run)
		atomic64_sub(witness->count, &witness->run->trash);
}

static const struct refslab_type_ops node_ops = {
	.name = "node", .nr_slots = 2, .cache_limit = 80,
};

static const struct refslab_type_ops branch_ops = {
	.name = "branch", .nr_slots = BRANCH_SLOTS, .cache_limit = 80,
};

static const struct refslab_type_ops record_ops = {
	.name = "record", .nr_slots = 1, .payload = sizeof(u64), .cache_limit = 80,
};

static const struct refslab_type_ops tree_ops = {
	.name = "tree", .nr_slots = 3, .cache_limit = 80,
};

static const struct refslab_type_ops witness_ops = {
	.name = "witness", .payload = sizeof(struct witness), .release = witness_release,
	.cache_limit = 80,
};

/* Stores a reference that the caller has just got, and gives it up. */
static int store(void *from, unsigned int slot, void *to)
{
	int err;

	if (!to)
		return -ENOMEM;
	err = refslab_link(from, slot, to);
	refslab_put(to);
	return err;
}

static int add_witness(struct cyclotron *run, void *unit, unsigned int slot)
{
	void *obj = refslab_alloc(run->witness, GFP_KERNEL);
	struct witness *witness;

	if (!obj)
		return -ENOMEM;
	witness = refslab_payload(obj);
	witness->run = run;
	witness->count = run->size;
	return store(unit, slot, obj);
}

static void *make_chain(struct cyclotron *run, bool cyclic)
{
	void *first = refslab_alloc(run->node, GFP_KERNEL), *last = first, *next;
	int err = first ? add_witness(run, first, 1) : -ENOMEM;
	u64 i;

	for (i = 1; i < run->size && !err; i++) {
		next = refslab_alloc(run->node, GFP_KERNEL);
		err = store(last, 0, next);
		/* alive through the first */
		last = next;
	}
	if (!err && cyclic)
		err = refslab_link(last, 0, first);
	if (!err)
		return first;
	refslab_put(first);
	return ERR_PTR(err);
}

/*
 * The branch whose slot a record belongs to, with a reference on it; made if it is not there. A
 * tree is as high as it has to be for run->size records.
 */
static void *find_branch(struct cyclotron *run, void *tree, u32 key)
{
	void *at = refslab_follow(tree, 0), *next;
	unsigned int bits = 0, slot;
	int err = 0;

	while (run->size > 1ULL << (bits + BRANCH_BITS))
		bits += BRANCH_BITS;
	for (; bits && !IS_ERR_OR_NULL(at) && !err; bits -= BRANCH_BITS) {
		slot = (key >> bits) % BRANCH_SLOTS;
		next = refslab_follow(at, slot);
		if (!next) {
			next = refslab_alloc(run->branch, GFP_KERNEL);
			err = next ? refslab_link(at, slot, next) : -ENOMEM;
		}
		refslab_put(at);
		at = next;
	}
	if (!err || !at)
		return at ?: ERR_PTR(-ENOMEM);
	refslab_put(at);
	return ERR_PTR(err);
}

static int insert(struct cyclotron *run, void *tree, u32 key)
{
	void *branch = find_branch(run, tree, key), *record;
	int err;

	if (IS_ERR(branch))
		return PTR_ERR(branch);
	record = refslab_alloc(run->record, GFP_KERNEL);
	if (record)
		*(u64 *)refslab_payload(record) = key;
	err = store(branch, key % BRANCH_SLOTS, record);
	refslab_put(branch);
	return err;
}

static int delete(struct cyclotron *run, void *tree, u32 key)
{
	void *branch = find_branch(run, tree, key);
	int err;

	if (IS_ERR(branch))
		return PTR_ERR(branch);
	err = refslab_link(branch, key % BRANCH_SLOTS, NULL);
	refslab_put(branch);
	return err;
}

/* Records in random order; then some of them go and are made again, to scatter them in memory. */
static int fill_tree(struct cyclotron *run, void *tree)
{
	u64 i, j, again = div64_u64(run->size * REINSERTED, 100);
	int err = 0;

	for (i = 0; i < run->size; i++)
		run->order[i] = i;
	for (i = run->size - 1; i > 0; i--) {
		j = bench_random_below(&run->seed, i + 1);
		swap(run->order[i], run->order[j]);
	}
	for (i = 0; i < run->size && !err; i++)
		err = insert(run, tree, run->order[i]);
	for (i = 0; i < again && !err; i++)
		err = delete(run, tree, i);
	for (i = 0; i < again && !err; i++)
		err = insert(run, tree, i);
	return err;
}

static void *make_tree(struct cyclotron *run, bool cyclic)
{
	void *tree = refslab_alloc(run->tree, GFP_KERNEL);
	int err;

	if (!tree)
		return ERR_PTR(-ENOMEM);
	err = store(tree, 0, refslab_alloc(run->branch, GFP_KERNEL)) ?:
	      add_witness(run, tree, 2) ?: fill_tree(run, tree);
	if (!err && cyclic)
		err = refslab_link(tree, 1, tree);
	if (!err)
		return tree;
	refslab_put(tree);
	return ERR_PTR(err);
}

static int register_types(struct cyclotron *run)
{
	run->node = refslab_type_register(run->heap, &node_ops);
	run->branch = refslab_type_register(run->heap, &branch_ops);
	run->record = refslab_type_register(run->heap, &record_ops);
	run->tree = refslab_type_register(run->heap, &tree_ops);
	run->witness = refslab_type_register(run->heap, &witness_ops);
	return PTR_ERR_OR_ZERO(run->node) ?: PTR_ERR_OR_ZERO(run->branch) ?:
	       PTR_ERR_OR_ZERO(run->record) ?: PTR_ERR_OR_ZERO(run->tree) ?:
	       PTR_ERR_OR_ZERO(run->witness);
}

/* What is said of a run, besides struct cyclotron. */
struct outcome {
	u64 ns;
	u64 peak_bytes;
	u64 stall_ns;
	u64 max_trash;
};

static int spin(struct cyclotron *run, u64 live, u64 total, void **holder, struct outcome *out)
{
	u64 begin = ktime_get_ns(), start, free, lowest, made, nr = 0, i;
	bool cyclic;
	void *unit;

	free = bench_free_bytes();
	lowest = free;
	for (made = 0; made < total; made += run->size) {
		start = ktime_get_ns();
		cyclic = bench_random_below(&run->seed, 100) < run->percent;
		unit = run->trees ? make_tree(run, cyclic) : make_chain(run, cyclic);
		out->stall_ns = max(out->stall_ns, ktime_get_ns() - start);
		if (IS_ERR(unit))
			break;
		holder[nr++] = unit;
		if (nr % 32 == 0)
			lowest = min(lowest, bench_free_bytes());
		if (nr * run->size < live)
			continue;
		atomic64_add(nr * run->size, &run->trash);
		for (i = 0; i < nr; i++)
			refslab_put(holder[i]);
		nr = 0;
		out->max_trash = max_t(u64, out->max_trash, atomic64_read(&run->trash));
		cond_resched();
	}
	out->ns = ktime_get_ns() - begin;
	out->peak_bytes = free - min(free, min(lowest, bench_free_bytes()));
	for (i = 0; i < nr; i++)
		refslab_put(holder[i]);
	return made < total ? PTR_ERR(unit) : 0;
}

/*
 * cyclotron shape=chain|tree size= live= percent= total= seed=: ns; peak_bytes, how much less of
 * the machine's memory was free at the worst moment; stall_ns, the longest time to make one unit;
 * max_trash, objects let go but not freed, at most; seed, as it is now
 */
static int run_cyclotron(struct bench_call *call)
{
	u64 live = bench_arg(call, "live", 10000), total = bench_arg(call, "total", 1000000);
	struct cyclotron run = {
		.size = bench_arg(call, "size", 4),
		.percent = bench_arg(call, "percent", 100),
		.trees = bench_is(call, "shape", "tree"),
		.seed = bench_arg(call, "seed", 1),
	};
	struct outcome out = { };
	void **holder;
	int err;

	if (!run.size || run.size > U32_MAX || live > U32_MAX)
		return -EINVAL;
	holder = kvcalloc(div64_u64(live, run.size) + 1, sizeof(*holder), GFP_KERNEL);
	run.order = kvcalloc(run.size, sizeof(*run.order), GFP_KERNEL);
	run.heap = holder && run.order ? refslab_heap_create("cyclotron", NULL) : ERR_PTR(-ENOMEM);
	err = PTR_ERR_OR_ZERO(run.heap);
	if (err)
		goto out;
	err = register_types(&run) ?: spin(&run, live, total, holder, &out);
	refslab_heap_destroy(run.heap);
	bench_say(call, "ns", out.ns);
	bench_say(call, "peak_bytes", out.peak_bytes);
	bench_say(call, "stall_ns", out.stall_ns);
	bench_say(call, "max_trash", out.max_trash);
	bench_say(call, "seed", run.seed);
out:
	kvfree(holder);
	kvfree(run.order);
	return err;
}

const struct bench_command bench_cyclotron_commands[] = {
	{ "cyclotron", run_cyclotron },
	{ }
};
