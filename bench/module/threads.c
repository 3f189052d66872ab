// SPDX-License-Identifier: GPL-2.0
/*
 * What others notice of a scan, and what two CPUs do: threads beside each other on one heap.
 *
 * Who waits here sleeps: User Mode Linux preempts nobody from an interrupt, so a loop that only
 * looks at a variable would keep its CPU from everybody, cond_resched() or not.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kthread.h>

#include "bench.h"

/* --- threads -------------------------------------------------------------------------------- */

static int thread_main(void *data)
{
	struct bench_thread *thread = data;

	thread->fn(thread->arg);
	complete(&thread->done);
	return 0;
}

/**
 * bench_thread_start() - run a function on a CPU
 * @thread: to fill in
 * @cpu: where; taken modulo the CPUs there are
 * @fn: the function
 * @arg: for @fn
 *
 * Return: 0, and bench_thread_join() has to follow; or an error.
 */
int bench_thread_start(struct bench_thread *thread, unsigned int cpu, void (*fn)(void *arg),
		       void *arg)
{
	cpu %= num_online_cpus();
	thread->fn = fn;
	thread->arg = arg;
	init_completion(&thread->done);
	thread->task = kthread_create_on_cpu(thread_main, thread, cpu, "refslab_bench/%u");
	if (IS_ERR(thread->task))
		return PTR_ERR(thread->task);
	get_task_struct(thread->task);
	wake_up_process(thread->task);
	return 0;
}

/**
 * bench_thread_join() - wait until a thread has ended
 * @thread: from bench_thread_start()
 */
void bench_thread_join(struct bench_thread *thread)
{
	wait_for_completion(&thread->done);
	kthread_stop(thread->task);
	put_task_struct(thread->task);
}

/* --- full scans back to back ---------------------------------------------------------------- */

/**
 * struct scanner - a thread that scans
 * @heap:	what
 * @begun:	the first scan is about to begin
 * @stop:	end after the scan under way
 * @scans:	full scans done
 */
struct scanner {
	struct refslab_heap *heap;
	struct completion begun;
	bool stop;
	u64 scans;
};

static void scanner_main(void *arg)
{
	struct scanner *scanner = arg;

	complete(&scanner->begun);
	while (!READ_ONCE(scanner->stop)) {
		refslab_collect(scanner->heap, 2);
		scanner->scans++;
		cond_resched();
	}
}

/* --- how long operations take --------------------------------------------------------------- */

/* Buckets: exact below 64 ns, then 64 to each power of two, so at most 1.6 % wide. */
#define BUCKETS		(64 * 36)

struct histogram {
	u64 nr;
	u64 max;
	u32 bucket[BUCKETS];
};

static void count_time(struct histogram *histogram, u64 ns)
{
	unsigned int shift = ns < 64 ? 0 : fls64(ns) - 7;
	unsigned int at = ns < 64 ? ns : 64 * (shift + 1) + ((ns >> shift) & 63);

	histogram->bucket[min(at, BUCKETS - 1U)]++;
	histogram->nr++;
	histogram->max = max(histogram->max, ns);
}

/* The upper end of the bucket below which @part of @whole are. */
static u64 quantile(const struct histogram *histogram, u64 part, u64 whole)
{
	u64 rank = div64_u64(histogram->nr * part, whole), seen = 0;
	unsigned int i, shift;

	for (i = 0; i < BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen > rank)
			break;
	}
	if (i >= BUCKETS)
		return histogram->max;
	if (i < 64)
		return i;
	shift = i / 64 - 1;
	return min(((64ULL + i % 64 + 1) << shift) - 1, histogram->max);
}

/**
 * struct mutator - a thread that works on a graph
 * @graph:	the graph
 * @timed:	look at the clock for each operation, too
 * @until_ns:	how long
 * @scanner:	not before it has begun; NULL: nobody scans
 * @seed:	which objects
 * @ops:	operations done
 * @ns:	time they took
 * @err:	what went wrong
 * @times:	of single operations
 */
struct mutator {
	struct bench_graph *graph;
	bool timed;
	u64 until_ns;
	struct scanner *scanner;
	u64 seed;
	u64 ops;
	u64 ns;
	int err;
	struct histogram times;
};

#define MUTATOR_OPS	6	/* operations of a round */

static void lap(struct mutator *m, u64 *last)
{
	u64 now;

	if (!m->timed)
		return;
	now = ktime_get_ns();
	count_time(&m->times, now - *last);
	*last = now;
}

/*
 * One round on random objects: load a reference and drop it, store one, make an object that refers
 * to another, and free it.
 */
static int mutate(struct mutator *m)
{
	struct bench_graph *graph = m->graph;
	void *x = graph->node[bench_random_below(&m->seed, graph->n)];
	void *y = graph->node[bench_random_below(&m->seed, graph->n)];
	u64 last = m->timed ? ktime_get_ns() : 0;
	void *obj;
	int err;

	obj = refslab_follow(x, 0);
	lap(m, &last);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	refslab_put(obj);
	lap(m, &last);
	err = refslab_link(x, 1, y);
	lap(m, &last);
	if (err)
		return err;
	obj = refslab_alloc(graph->nodes, GFP_KERNEL);
	lap(m, &last);
	if (!obj)
		return -ENOMEM;
	err = refslab_link(obj, 0, x);
	lap(m, &last);
	refslab_put(obj);
	lap(m, &last);
	return err;
}

static void mutator_main(void *arg)
{
	struct mutator *m = arg;
	unsigned int i;
	u64 begin, now;

	if (m->scanner)
		wait_for_completion(&m->scanner->begun);
	begin = ktime_get_ns();
	do {
		for (i = 0; i < 64 && !m->err; i++)
			m->err = mutate(m);
		m->ops += i * MUTATOR_OPS;
		now = ktime_get_ns();
		cond_resched();
	} while (!m->err && now - begin < m->until_ns);
	m->ns = now - begin;
}

/*
 * mutate id= ms= seed= scan=0|1 timed=0|1: ops ns scans; timed: p50 p99 p9999 max, in ns. The
 * mutator has CPU 1; on CPU 0 full scans run back to back, or nothing. Times of operations have a
 * look at the clock in them, with scans and without.
 */
static int run_mutate(struct bench_call *call)
{
	struct bench_graph *graph = bench_graph_find(call);
	struct bench_thread work, scan;
	struct scanner scanner = { };
	struct mutator *m;
	int err;

	if (!graph || !graph->n || !graph->node[0])
		return -ENOENT;
	m = kvzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->graph = graph;
	m->timed = bench_arg(call, "timed", 0);
	m->until_ns = bench_arg(call, "ms", 1000) * NSEC_PER_MSEC;
	m->seed = bench_arg(call, "seed", 1);
	m->scanner = bench_arg(call, "scan", 0) ? &scanner : NULL;
	scanner.heap = graph->heap;
	init_completion(&scanner.begun);
	err = bench_thread_start(&work, 1, mutator_main, m);
	if (err)
		goto out;
	if (m->scanner) {
		err = bench_thread_start(&scan, 0, scanner_main, &scanner);
		/* or the mutator would wait for it for ever */
		if (err)
			complete(&scanner.begun);
	}
	bench_thread_join(&work);
	WRITE_ONCE(scanner.stop, true);
	if (m->scanner && !err)
		bench_thread_join(&scan);
	err = err ?: m->err;
	bench_say(call, "ops", m->ops);
	bench_say(call, "ns", m->ns);
	bench_say(call, "scans", scanner.scans);
	if (m->timed) {
		bench_say(call, "p50", quantile(&m->times, 1, 2));
		bench_say(call, "p99", quantile(&m->times, 99, 100));
		bench_say(call, "p9999", quantile(&m->times, 9999, 10000));
		bench_say(call, "max", m->times.max);
	}
out:
	kvfree(m);
	return err;
}

/* --- two CPUs ------------------------------------------------------------------------------- */

/**
 * struct worker - a thread that works on objects of its own
 * @nodes:	type of the objects; NULL: the kernel's allocator, @cache
 * @cache:	see there
 * @go:		all are there
 * @n:		rounds to do
 * @begin:	when it began
 * @end:	when it ended
 * @err:	what went wrong
 */
struct worker {
	struct refslab_type *nodes;
	struct kmem_cache *cache;
	struct completion *go;
	u64 n;
	u64 begin;
	u64 end;
	int err;
};

static int work_ours(struct worker *worker)
{
	void *owner = refslab_alloc(worker->nodes, GFP_KERNEL), *obj;
	int err = owner ? 0 : -ENOMEM;
	u64 i;

	for (i = 0; i < worker->n && !err; i++) {
		obj = refslab_alloc(worker->nodes, GFP_KERNEL);
		err = obj ? refslab_link(owner, 0, obj) : -ENOMEM;
		refslab_put(obj);
		refslab_link(owner, 0, NULL);
	}
	refslab_put(owner);
	return err;
}

static int work_slab(struct worker *worker)
{
	void *obj;
	u64 i;

	for (i = 0; i < worker->n; i++) {
		obj = kmem_cache_alloc(worker->cache, GFP_KERNEL);
		if (!obj)
			return -ENOMEM;
		kmem_cache_free(worker->cache, obj);
	}
	return 0;
}

static void worker_main(void *arg)
{
	struct worker *worker = arg;

	wait_for_completion(worker->go);
	worker->begin = ktime_get_ns();
	worker->err = worker->nodes ? work_ours(worker) : work_slab(worker);
	worker->end = ktime_get_ns();
}

/*
 * scaling cpus=1|2 side=refslab|slab n=: ns from the first one's begin to the last one's end, in
 * which each CPU did n rounds: allocate, link, unlink and so free; the kernel's allocator:
 * allocate, free. Different objects, one heap.
 */
static int run_scaling(struct bench_call *call)
{
	bool ours = bench_is(call, "side", "refslab");
	u64 n = bench_arg(call, "n", 1000000), begin = U64_MAX, end = 0;
	unsigned int cpus = bench_arg(call, "cpus", 1), i, started;
	struct refslab_type *nodes = NULL;
	struct refslab_heap *heap = NULL;
	struct kmem_cache *cache = NULL;
	struct bench_thread thread[2];
	struct worker worker[2] = { };
	DECLARE_COMPLETION_ONSTACK(go);
	int err = 0;

	if (!cpus || cpus > ARRAY_SIZE(worker))
		return -EINVAL;
	if (ours) {
		heap = refslab_heap_create("bench", NULL);
		if (IS_ERR(heap))
			return PTR_ERR(heap);
		nodes = refslab_type_register(heap, &bench_node_ops);
		if (IS_ERR(nodes)) {
			refslab_heap_destroy(heap);
			return PTR_ERR(nodes);
		}
	} else {
		cache = bench_slab_create(BENCH_NODE_BYTES);
		if (!cache)
			return -ENOMEM;
	}
	for (started = 0; started < cpus && !err; started++) {
		worker[started] = (struct worker){
			.nodes = nodes, .cache = cache, .go = &go, .n = n,
		};
		err = bench_thread_start(&thread[started], started, worker_main, &worker[started]);
		if (err)
			break;
	}
	complete_all(&go);
	for (i = 0; i < started; i++) {
		bench_thread_join(&thread[i]);
		err = err ?: worker[i].err;
		begin = min(begin, worker[i].begin);
		end = max(end, worker[i].end);
	}
	bench_say(call, "ns", end - begin);
	bench_say(call, "rounds", n * cpus);
	if (ours)
		refslab_heap_destroy(heap);
	kmem_cache_destroy(cache);
	return err;
}

/*
 * idle ns=: looks at the clock for as long, gives way, and says the longest from one look to
 * the next: what a scan of the same duration would tell of itself if it did nothing.
 */
static int run_idle(struct bench_call *call)
{
	u64 begin = ktime_get_ns(), end = begin + bench_arg(call, "ns", NSEC_PER_MSEC);
	u64 looked = begin, now, longest = 0;

	do {
		now = ktime_get_ns();
		longest = max(longest, now - looked);
		looked = cond_resched() ? ktime_get_ns() : now;
	} while (now < end);
	bench_say(call, "longest_ns", longest);
	return 0;
}

const struct bench_command bench_thread_commands[] = {
	{ "idle", run_idle },
	{ "mutate", run_mutate },
	{ "scaling", run_scaling },
	{ }
};
