// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation and reference counting, one thread: ours, and what people use today.
 *
 * Loops are the same on both sides: no clock, no branch but the check for failure.
 */
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "bench.h"

#define WARM_UP	10000

/* The limit is that of CPython's lists. */
const struct refslab_type_ops bench_node_ops = {
	.name = "node",
	.nr_slots = BENCH_NODE_SLOTS,
	.cache_limit = 80,
};

/* Since 6.4 there is a flag for it; before, nothing of this size was there to be merged with. */
#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE	0
#endif

/**
 * bench_slab_create() - a cache of the kernel's own allocator
 * @size: bytes of an object
 *
 * Return: the cache or NULL.
 */
struct kmem_cache *bench_slab_create(size_t size)
{
	return kmem_cache_create("refslab_bench", size, 0, SLAB_NO_MERGE, NULL);
}

static struct refslab_heap *make_heap(bool scans, struct refslab_type **nodes)
{
	const struct refslab_heap_params params = { .disabled = !scans };
	struct refslab_heap *heap = refslab_heap_create("bench", &params);

	if (IS_ERR(heap))
		return heap;
	*nodes = refslab_type_register(heap, &bench_node_ops);
	if (!IS_ERR(*nodes))
		return heap;
	refslab_heap_destroy(heap);
	return ERR_CAST(*nodes);
}

/* --- allocate and free one ------------------------------------------------------------------ */

static int pairs_ours(struct refslab_type *nodes, u64 n)
{
	void *obj;

	while (n--) {
		obj = refslab_alloc(nodes, GFP_KERNEL);
		if (!obj)
			return -ENOMEM;
		refslab_put(obj);
	}
	return 0;
}

static int pairs_slab(struct kmem_cache *cache, u64 n)
{
	void *obj;

	while (n--) {
		obj = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!obj)
			return -ENOMEM;
		kmem_cache_free(cache, obj);
	}
	return 0;
}

/* What people write by hand: counted, and on a list so that all can be found. */
struct tracked {
	struct kref ref;
	struct list_head node;
	void *slot[BENCH_NODE_SLOTS];
};

static struct kmem_cache *tracked_cache;
static LIST_HEAD(tracked);
static DEFINE_SPINLOCK(tracked_lock);

static void tracked_free(struct kref *ref)
{
	struct tracked *obj = container_of(ref, struct tracked, ref);

	spin_lock(&tracked_lock);
	list_del(&obj->node);
	spin_unlock(&tracked_lock);
	kmem_cache_free(tracked_cache, obj);
}

static int pairs_tracked(u64 n)
{
	struct tracked *obj;

	while (n--) {
		obj = kmem_cache_alloc(tracked_cache, GFP_KERNEL);
		if (!obj)
			return -ENOMEM;
		kref_init(&obj->ref);
		spin_lock(&tracked_lock);
		list_add(&obj->node, &tracked);
		spin_unlock(&tracked_lock);
		kref_put(&obj->ref, tracked_free);
	}
	return 0;
}

/* pair side=refslab|slab|tracked n=: ns */
static int run_pair(struct bench_call *call)
{
	bool ours = bench_is(call, "side", "refslab"), hand = bench_is(call, "side", "tracked");
	size_t bytes = hand ? max(BENCH_NODE_BYTES, sizeof(struct tracked)) : BENCH_NODE_BYTES;
	u64 n = bench_arg(call, "n", 1000000), begin = 0, rounds;
	struct refslab_type *nodes = NULL;
	struct refslab_heap *heap = NULL;
	struct kmem_cache *cache = NULL;
	int err = 0;

	if (ours) {
		heap = make_heap(true, &nodes);
		if (IS_ERR(heap))
			return PTR_ERR(heap);
	} else {
		cache = bench_slab_create(bytes);
		if (!cache)
			return -ENOMEM;
		tracked_cache = cache;
	}
	for (rounds = WARM_UP; !err; rounds = n) {
		begin = ktime_get_ns();
		err = ours ? pairs_ours(nodes, rounds) :
		      hand ? pairs_tracked(rounds) : pairs_slab(cache, rounds);
		if (rounds == n)
			break;
	}
	bench_say(call, "ns", ktime_get_ns() - begin);
	bench_say(call, "n", n);
	if (ours)
		refslab_heap_destroy(heap);
	kmem_cache_destroy(cache);
	return err;
}

/* --- many at a time ------------------------------------------------------------------------- */

/*
 * bulk side=refslab|slab n=: alloc_ns free_ns. Automatic scans are off: a million objects that all
 * live would be scanned again and again, and it is allocation that is measured.
 */
static int run_bulk(struct bench_call *call)
{
	u64 n = bench_arg(call, "n", 1000000), i, done, begin, middle, end;
	bool ours = bench_is(call, "side", "refslab");
	struct refslab_type *nodes = NULL;
	struct refslab_heap *heap = NULL;
	struct kmem_cache *cache = NULL;
	void **obj = kvcalloc(n, sizeof(*obj), GFP_KERNEL);
	int err = -ENOMEM;

	if (!obj)
		return -ENOMEM;
	if (ours) {
		heap = make_heap(false, &nodes);
		if (IS_ERR(heap)) {
			kvfree(obj);
			return PTR_ERR(heap);
		}
	} else {
		cache = bench_slab_create(BENCH_NODE_BYTES);
		if (!cache)
			goto out;
	}
	begin = ktime_get_ns();
	if (ours) {
		for (done = 0; done < n; done++) {
			obj[done] = refslab_alloc(nodes, GFP_KERNEL);
			if (!obj[done])
				break;
		}
	} else {
		for (done = 0; done < n; done++) {
			obj[done] = kmem_cache_alloc(cache, GFP_KERNEL);
			if (!obj[done])
				break;
		}
	}
	middle = ktime_get_ns();
	if (ours) {
		for (i = 0; i < done; i++)
			refslab_put(obj[i]);
	} else {
		for (i = 0; i < done; i++)
			kmem_cache_free(cache, obj[i]);
	}
	end = ktime_get_ns();
	err = done == n ? 0 : -ENOMEM;
	bench_say(call, "alloc_ns", middle - begin);
	bench_say(call, "free_ns", end - middle);
	bench_say(call, "n", n);
out:
	if (ours)
		refslab_heap_destroy(heap);
	kmem_cache_destroy(cache);
	kvfree(obj);
	return err;
}

/* --- counting ------------------------------------------------------------------------------- */

static void never(struct kref *ref)
{
}

/* get_put side=refslab|kref n=: ns */
static int run_get_put(struct bench_call *call)
{
	u64 n = bench_arg(call, "n", 1000000), i, begin, end;
	struct refslab_type *nodes;
	struct refslab_heap *heap;
	struct tracked *theirs;
	int err = -ENOMEM;
	void *obj;

	heap = make_heap(true, &nodes);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	obj = refslab_alloc(nodes, GFP_KERNEL);
	theirs = kzalloc(sizeof(*theirs), GFP_KERNEL);
	if (!obj || !theirs)
		goto out;
	kref_init(&theirs->ref);
	begin = ktime_get_ns();
	if (bench_is(call, "side", "refslab")) {
		for (i = 0; i < n; i++) {
			refslab_get(obj);
			refslab_put(obj);
		}
	} else {
		for (i = 0; i < n; i++) {
			kref_get(&theirs->ref);
			kref_put(&theirs->ref, never);
		}
	}
	end = ktime_get_ns();
	bench_say(call, "ns", end - begin);
	bench_say(call, "n", n);
	err = 0;
out:
	kfree(theirs);
	refslab_put(obj);
	refslab_heap_destroy(heap);
	return err;
}

/* --- what comes back ------------------------------------------------------------------------ */

static struct kmem_cache *held_cache;
static void **held;
static u64 held_n;

/**
 * bench_slab_drop() - free what slab_hold made
 */
void bench_slab_drop(void)
{
	u64 i;

	if (!held_cache)
		return;
	for (i = 0; i < held_n; i++)
		if (held[i])
			kmem_cache_free(held_cache, held[i]);
	kmem_cache_destroy(held_cache);
	kvfree(held);
	held_cache = NULL;
}

/* slab_hold n=: makes objects of the kernel's allocator; /proc/slabinfo tells what they take */
static int run_slab_hold(struct bench_call *call)
{
	u64 n = bench_arg(call, "n", 1000000);

	bench_slab_drop();
	held = kvcalloc(n, sizeof(*held), GFP_KERNEL);
	held_cache = held ? bench_slab_create(BENCH_NODE_BYTES) : NULL;
	if (!held_cache) {
		kvfree(held);
		return -ENOMEM;
	}
	for (held_n = 0; held_n < n; held_n++) {
		held[held_n] = kmem_cache_alloc(held_cache, GFP_KERNEL);
		if (!held[held_n])
			return -ENOMEM;
	}
	return 0;
}

/* slab_thin percent= seed=: frees each with that chance, then what is empty goes back */
static int run_slab_thin(struct bench_call *call)
{
	u64 percent = bench_arg(call, "percent", 90), seed = bench_arg(call, "seed", 1), i;

	if (!held_cache)
		return -ENOENT;
	for (i = 0; i < held_n; i++) {
		if (bench_random_below(&seed, 100) >= percent || !held[i])
			continue;
		kmem_cache_free(held_cache, held[i]);
		held[i] = NULL;
	}
	kmem_cache_shrink(held_cache);
	return 0;
}

static int run_slab_drop(struct bench_call *call)
{
	bench_slab_drop();
	return 0;
}

/*
 * prefault: takes nearly all memory, touches it and gives it back. A guest's memory is made by the
 * host as it is touched first, which would be charged to whoever happens to come first.
 */
static int run_prefault(struct bench_call *call)
{
	u64 keep = bench_arg(call, "keep", 128 << 20);
	struct page *pages = NULL, *page;

	while (bench_free_bytes() > keep + (PAGE_SIZE << 9)) {
		page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 9);
		if (!page)
			break;
		memset(page_address(page), 1, PAGE_SIZE << 9);
		set_page_private(page, (unsigned long)pages);
		pages = page;
		cond_resched();
	}
	while (pages) {
		page = pages;
		pages = (struct page *)page_private(page);
		set_page_private(page, 0);
		__free_pages(page, 9);
	}
	return 0;
}

const struct bench_command bench_alloc_commands[] = {
	{ "pair", run_pair },
	{ "bulk", run_bulk },
	{ "get_put", run_get_put },
	{ "slab_hold", run_slab_hold },
	{ "slab_thin", run_slab_thin },
	{ "slab_drop", run_slab_drop },
	{ "prefault", run_prefault },
	{ }
};
