// SPDX-License-Identifier: GPL-2.0
/*
 * The memory's invariants, checked from the outside in: what the arenas' pools say of themselves
 * must be what the lists and the counters say.
 *
 * Each piece is looked at under its lock, so that nothing breaks when others are at work meanwhile;
 * but then the pieces may not fit each other. A list is walked as a whole: with very many pools
 * that is some milliseconds, for those who ask.
 */
#include <linux/bitmap.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "mem.h"

/* Most blocks a pool can have. */
#define CHECK_BLOCKS	(REFSLAB_POOL_SIZE / REFSLAB_CLASS_STEP)

struct check {
	struct refslab_mem *mem;
	unsigned int own_holds;
	char *why;
	size_t len;
	unsigned long arenas;
	u64 payload_bytes;
	unsigned long pools[REFSLAB_POOL_LIMBO + 1];
};

__printf(2, 3)
static int fail(struct check *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(c->why, c->len, fmt, args);
	va_end(args);
	return -EUCLEAN;
}

static int fail_pool(struct check *c, const struct refslab_pool *pool, const char *what)
{
	return fail(c, "arena %u pool %u: %s (kind %u state %u size %u, %u used, %u carved of %u)",
		    pool->arena->number, pool->number, what, pool->kind, pool->state, pool->size,
		    pool->used, pool->carved, pool->capacity);
}

/* used + free + untouched = capacity, and the free blocks are different blocks of the pool. */
static int check_blocks(struct check *c, const struct refslab_pool *pool)
{
	unsigned int link = pool->kind == REFSLAB_MEM_RAW ? 0 : REFSLAB_MEM_LINK;
	DECLARE_BITMAP(seen, CHECK_BLOCKS);
	unsigned int nr_free = 0, index;
	void *block;

	if (pool->carved > pool->capacity)
		return fail_pool(c, pool, "more blocks carved than there are");
	bitmap_zero(seen, CHECK_BLOCKS);
	for (block = pool->freeblock; block; block = *(void **)(block + link)) {
		if (block < pool->base || block >= pool->base + REFSLAB_POOL_SIZE)
			return fail_pool(c, pool, "a free block outside the pool");
		index = refslab_mem_index(pool, block);
		if (index >= pool->carved || refslab_mem_block(pool, index) != block)
			return fail_pool(c, pool, "a free block that is no carved block");
		if (__test_and_set_bit(index, seen))
			return fail_pool(c, pool, "the list of free blocks is a cycle");
		nr_free++;
	}
	if (pool->used + nr_free != pool->carved)
		return fail_pool(c, pool, "used and free blocks are not all that were carved");
	return 0;
}

/* Does somebody hold the memory besides the caller? */
static bool is_held(const struct check *c)
{
	return READ_ONCE(c->mem->holds) > c->own_holds;
}

/* What a pool says of itself while others may change it; looked at again under a lock. */
#define at_this_moment(field)	data_race(READ_ONCE(field))

/*
 * What protects a pool: its class's lock, or that of the memory when it has no class. A guess,
 * unless the memory's lock is held, which everybody has who changes the answer.
 */
static spinlock_t *lock_of(struct refslab_mem *mem, const struct refslab_pool *pool)
{
	unsigned int kind = at_this_moment(pool->kind), size = at_this_moment(pool->size);
	unsigned int state = at_this_moment(pool->state);

	if (state == REFSLAB_POOL_EMPTY || kind >= REFSLAB_MEM_KINDS || !size ||
	    size > REFSLAB_CLASS_MAX)
		return &mem->lock;
	return &mem->classes[kind][DIV_ROUND_UP(size, REFSLAB_CLASS_STEP) - 1].lock;
}

static int check_pool_locked(struct check *c, const struct refslab_arena *arena, unsigned int i)
{
	const struct refslab_pool *pool = &arena->pools[i];
	bool right;

	if (pool->arena != arena || pool->number != i ||
	    pool->base != arena->base + i * REFSLAB_POOL_SIZE)
		return fail(c, "arena %u pool %u: not where it should be", arena->number, i);
	if (pool->state > REFSLAB_POOL_LIMBO || pool->kind >= REFSLAB_MEM_KINDS)
		return fail_pool(c, pool, "no such state or kind");
	c->pools[pool->state]++;
	if (pool->own && pool->state != REFSLAB_POOL_USED)
		return fail_pool(c, pool, "a CPU owns it, and it is not used");
	if (pool->state == REFSLAB_POOL_EMPTY) {
		if (pool->kind != REFSLAB_MEM_RAW)
			return fail_pool(c, pool, "empty, but it has a kind");
		return 0;
	}
	if (!pool->size || pool->size != refslab_mem_size(pool->kind, pool->size) ||
	    pool->size > REFSLAB_CLASS_MAX || pool->capacity != REFSLAB_POOL_SIZE / pool->size ||
	    pool->recip != DIV_ROUND_UP(1U << 20, pool->size))
		return fail_pool(c, pool, "size, capacity and recip do not fit");
	switch (pool->state) {
	case REFSLAB_POOL_USED:
		right = pool->used && pool->used < pool->capacity;
		break;
	case REFSLAB_POOL_FULL:
		right = pool->used == pool->capacity && list_empty(&pool->node);
		break;
	default:
		right = !pool->used && pool->kind != REFSLAB_MEM_RAW && is_held(c);
		break;
	}
	if (!right)
		return fail_pool(c, pool, "in the wrong state");
	return check_blocks(c, pool);
}

static int check_pool(struct check *c, const struct refslab_arena *arena, unsigned int i)
{
	const struct refslab_pool *pool = &arena->pools[i];

	for (;;) {
		spinlock_t *lock = lock_of(c->mem, pool);
		bool same;
		int err;

		spin_lock(lock);
		if (lock == &c->mem->lock) {
			same = lock_of(c->mem, pool) == lock;
		} else {
			spin_lock(&c->mem->lock);
			same = lock_of(c->mem, pool) == lock;
			spin_unlock(&c->mem->lock);
		}
		if (same) {
			err = check_pool_locked(c, arena, i);
			spin_unlock(lock);
			return err;
		}
		spin_unlock(lock);
	}
}

/* @empty: how many of its pools say they are. */
static int check_freepools(struct check *c, const struct refslab_arena *arena, unsigned long empty)
{
	const struct refslab_pool *pool;
	unsigned int nr_free = 0;

	lockdep_assert_held(&c->mem->lock);
	list_for_each_entry(pool, &arena->freepools, node) {
		if (++nr_free > REFSLAB_ARENA_POOLS || pool->arena != arena ||
		    pool->state != REFSLAB_POOL_EMPTY)
			return fail(c, "arena %u: a pool on freepools is not empty or not its",
				    arena->number);
	}
	if (nr_free != arena->nr_free || nr_free != empty)
		return fail(c, "arena %u: %u pools on freepools, %lu empty, nr_free %u",
			    arena->number, nr_free, empty, arena->nr_free);
	if (nr_free == REFSLAB_ARENA_POOLS && !is_held(c))
		return fail(c, "arena %u: no pool in use, and it was not given back",
			    arena->number);
	return 0;
}

static int check_arena(struct check *c, const struct refslab_arena *arena)
{
	unsigned long empty = c->pools[REFSLAB_POOL_EMPTY];
	unsigned int i;
	int err;

	if (!IS_ALIGNED((unsigned long)arena->base, REFSLAB_ARENA_SIZE) ||
	    refslab_mem_arena_of(c->mem, arena->base) != arena)
		return fail(c, "arena %u: its memory does not lead back to it", arena->number);
	for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
		err = check_pool(c, arena, i);
		if (err)
			return err;
	}
	spin_lock(&c->mem->lock);
	err = check_freepools(c, arena, c->pools[REFSLAB_POOL_EMPTY] - empty);
	spin_unlock(&c->mem->lock);
	return err;
}

/* Every arena is in the bucket of its number of empty pools: as many as there are, no other. */
static int check_buckets(struct check *c)
{
	const struct refslab_mem *mem = c->mem;
	const struct refslab_arena *arena;
	unsigned long listed = 0;
	unsigned int n;

	lockdep_assert_held(&mem->lock);
	for (n = 0; n <= REFSLAB_ARENA_POOLS; n++) {
		const struct list_head *bucket = n ? &mem->usable[n] : &mem->full;

		list_for_each_entry(arena, bucket, node) {
			if (++listed > c->arenas || arena->nr_free != n ||
			    xa_load((struct xarray *)&mem->arenas, arena->number) != arena)
				return fail(c, "bucket %u has an arena of another", n);
		}
		if (n && list_empty(bucket) != !(mem->usable_map & BIT_ULL(n - 1)))
			return fail(c, "bucket %u: usable_map %#llx is wrong", n,
				    mem->usable_map);
	}
	if (listed != c->arenas || mem->nr_arenas != c->arenas)
		return fail(c, "%lu arenas, %lu in buckets, %lu counted", c->arenas, listed,
			    mem->nr_arenas);
	if (mem->arenas_made - mem->arenas_returned != c->arenas)
		return fail(c, "%lu arenas, %llu made, %llu returned", c->arenas,
			    mem->arenas_made, mem->arenas_returned);
	if (mem->nr_empty != c->pools[REFSLAB_POOL_EMPTY])
		return fail(c, "%lu empty pools, %lu counted", c->pools[REFSLAB_POOL_EMPTY],
			    mem->nr_empty);
	return 0;
}

static int check_list(struct check *c, const struct list_head *list, unsigned int kind,
		      unsigned int size, enum refslab_pool_state state, unsigned int expected)
{
	const struct refslab_pool *pool;
	unsigned int n = 0;

	list_for_each_entry(pool, list, node) {
		if (pool->state != state || pool->kind != kind || pool->size != size)
			return fail_pool(c, pool, "on the list of another state, kind or size");
		if (++n > expected)
			break;
	}
	if (n != expected)
		return fail(c, "kind %u size %u: not %u pools on the list of state %u", kind, size,
			    expected, state);
	return 0;
}

/*
 * On the used list come the pools that nobody owns and then the owned ones: as many as CPUs say
 * they own, and those they say.
 */
static int check_owners(struct check *c, const struct refslab_class *class, unsigned int kind,
			unsigned int size)
{
	unsigned int i = size / REFSLAB_CLASS_STEP - 1, owned = 0, owners = 0;
	const struct refslab_pool *pool;
	int cpu;

	lockdep_assert_held(&class->lock);
	list_for_each_entry(pool, &class->used, node) {
		if (!pool->own && owned)
			return fail_pool(c, pool, "nobody's, behind one that a CPU owns");
		owned += !!pool->own;
	}
	for_each_possible_cpu(cpu) {
		struct refslab_pool **own = &per_cpu_ptr(c->mem->cpu, cpu)->own[kind][i];

		pool = *own;
		if (!pool)
			continue;
		if (pool->own != own || pool->state != REFSLAB_POOL_USED || pool->kind != kind ||
		    pool->size != size)
			return fail(c, "kind %u size %u: CPU %d has a pool that is not its", kind,
				    size, cpu);
		owners++;
	}
	if (owned != owners)
		return fail(c, "kind %u size %u: %u pools are owned, %u CPUs own one", kind, size,
			    owned, owners);
	return 0;
}

static int check_class(struct check *c, const struct refslab_class *class, unsigned int kind,
		       unsigned int size)
{
	const struct refslab_pool *pool;
	unsigned long blocks;
	int err;

	lockdep_assert_held(&class->lock);
	err = check_list(c, &class->used, kind, size, REFSLAB_POOL_USED, class->nr_used);
	if (!err)
		err = check_list(c, &class->limbo, kind, size, REFSLAB_POOL_LIMBO, class->nr_limbo);
	if (!err)
		err = check_owners(c, class, kind, size);
	if (err)
		return err;
	blocks = class->nr_full * (REFSLAB_POOL_SIZE / size);
	list_for_each_entry(pool, &class->used, node)
		blocks += pool->used;
	if (blocks != class->blocks)
		return fail(c, "kind %u size %u: %lu blocks, %lu counted", kind, size, blocks,
			    class->blocks);
	return 0;
}

/* With the sums, every pool in a state is on the list of that state: none is elsewhere. */
static int check_classes(struct check *c)
{
	unsigned long used = 0, full = 0, limbo = 0;
	unsigned int kind, i;
	int err;

	for (kind = 0; kind < REFSLAB_MEM_KINDS; kind++) {
		for (i = 0; i < REFSLAB_NR_CLASSES; i++) {
			struct refslab_class *class = &c->mem->classes[kind][i];

			spin_lock(&class->lock);
			err = check_class(c, class, kind, (i + 1) * REFSLAB_CLASS_STEP);
			used += class->nr_used;
			full += class->nr_full;
			limbo += class->nr_limbo;
			spin_unlock(&class->lock);
			if (err)
				return err;
		}
	}
	if (used != c->pools[REFSLAB_POOL_USED] || full != c->pools[REFSLAB_POOL_FULL] ||
	    limbo != c->pools[REFSLAB_POOL_LIMBO])
		return fail(c, "pools: %lu used, %lu full, %lu limbo; counted %lu, %lu, %lu",
			    c->pools[REFSLAB_POOL_USED], c->pools[REFSLAB_POOL_FULL],
			    c->pools[REFSLAB_POOL_LIMBO], used, full, limbo);
	return 0;
}

/* Plain large blocks are only counted: nothing leads to them. */
static int check_larges(struct check *c)
{
	struct refslab_mem *mem = c->mem;
	u64 reserved = atomic64_read(&mem->reserved);
	u64 in_use = 0, limbo_bytes = 0, sum;
	unsigned long number, nr_used = 0, nr_limbo = 0, listed = 0;
	struct refslab_pool *pool;

	lockdep_assert_held(&mem->lock);
	xa_for_each(&mem->larges, number, pool) {
		u64 bytes = refslab_large_charge(pool->kind, pool->size);

		if (pool->number != number || pool->kind == REFSLAB_MEM_RAW || pool->arena ||
		    pool->capacity != 1 || pool->carved != 1 || pool->recip ||
		    refslab_mem_pool_of(mem, pool->base) != pool)
			return fail(c, "large block %lu: descriptor is wrong", number);
		if (pool->state == REFSLAB_POOL_FULL && pool->used == 1) {
			nr_used++;
			in_use += bytes;
		} else if (pool->state == REFSLAB_POOL_LIMBO && !pool->used && is_held(c)) {
			nr_limbo++;
			limbo_bytes += bytes;
		} else {
			return fail(c, "large block %lu: state %u, used %u, %u holds", number,
				    pool->state, pool->used, mem->holds);
		}
	}
	list_for_each_entry(pool, &mem->limbo_larges, node) {
		if (++listed > nr_limbo || pool->state != REFSLAB_POOL_LIMBO)
			break;
	}
	if (listed != nr_limbo)
		return fail(c, "%lu large blocks in limbo, but not on the list", nr_limbo);
	if (atomic_long_read(&mem->nr_large) < nr_used || atomic64_read(&mem->large_bytes) < in_use)
		return fail(c, "%lu large blocks of %llu bytes, %lu of %lld counted", nr_used,
			    in_use, atomic_long_read(&mem->nr_large),
			    atomic64_read(&mem->large_bytes));
	if (atomic64_read(&mem->returning) != limbo_bytes)
		return fail(c, "%llu bytes in limbo, %lld returning", limbo_bytes,
			    atomic64_read(&mem->returning));
	sum = c->arenas * REFSLAB_ARENA_SIZE + atomic64_read(&mem->large_bytes) + limbo_bytes +
	      c->payload_bytes;
	if (reserved != sum ||
	    (mem->max_bytes && !mem->limit_set && reserved > mem->max_bytes))
		return fail(c, "%llu bytes reserved of %llu, %llu in arenas, blocks, payloads",
			    reserved, mem->max_bytes, sum);
	return 0;
}

/* With those that died since, which are counted until they are freed. */
static int check_payloads(struct check *c)
{
	u64 counted;

	if (!refslab_payload_check(c->mem, &c->payload_bytes))
		return fail(c, "the window of payloads is not sound");
	counted = atomic64_read(&c->mem->window.bytes);
	if (counted != c->payload_bytes)
		return fail(c, "%llu bytes of payloads, %llu counted", c->payload_bytes, counted);
	return 0;
}

/**
 * refslab_mem_check() - check every invariant of a memory
 * @mem: the memory. When others use it meanwhile, the caller must hold it, and the answer may be
 *	wrong
 * @own_holds: how often the caller holds it
 * @why: where to put a sentence about what is wrong
 * @len: size of @why
 *
 * Context: process, sleeps.
 * Return: 0, or -EUCLEAN.
 */
int refslab_mem_check(struct refslab_mem *mem, unsigned int own_holds, char *why, size_t len)
{
	struct check c = { .mem = mem, .own_holds = own_holds, .why = why, .len = len };
	struct refslab_arena *arena;
	unsigned long number;
	int err;

	refslab_mem_settle(mem);
	xa_for_each(&mem->arenas, number, arena) {
		if (arena->number != number)
			return fail(&c, "arena %lu has number %u", number, arena->number);
		c.arenas++;
		err = check_arena(&c, arena);
		if (err)
			return err;
		cond_resched();
	}
	err = check_classes(&c);
	if (!err)
		err = check_payloads(&c);
	if (err)
		return err;
	spin_lock(&mem->lock);
	err = check_buckets(&c);
	if (!err)
		err = check_larges(&c);
	spin_unlock(&mem->lock);
	return err;
}
REFSLAB_EXPORT_TEST(refslab_mem_check);
