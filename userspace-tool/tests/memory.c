// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as a program can see it: blocks and their size classes, the types' caches, pools and
 * arenas in their states, large blocks, the limit, and nothing of one object left in another.
 *
 * Everything stays on one CPU, because the caches are per CPU. What needs arenas that drain works
 * with atoms: pools of containers may wait for the collector before they go.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup_test.h"
#include "refslab_test.h"

#define ARENA		(256u << 10)
#define POOLS		64u
#define POOL		4096u
#define CONTAINER	32u	/* bytes of header */
#define ATOM		24u

FIXTURE(memory) {
	struct test_heap heap;
	int fd;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
}

FIXTURE_TEARDOWN(memory)
{
	test_heap_close(_metadata, &self->heap);
}

FIXTURE(limited) {
	struct test_heap heap;
	int fd;
};

FIXTURE_SETUP(limited)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 4 * ARENA);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
}

FIXTURE_TEARDOWN(limited)
{
	EXPECT_GE(4 * ARENA, test_stat(self->fd).bytes_reserved);
	test_heap_close(_metadata, &self->heap);
}

#define STAT(field)	(test_stat(self->fd).field)

static unsigned int round16(unsigned int bytes)
{
	return (bytes + 15) / 16 * 16;
}

/* A type of atoms whose blocks have @bytes bytes, or of containers with one slot. */
static __s64 atom_type(int fd, const char *name, __u32 bytes, __u32 cache_limit)
{
	return test_type(fd, name, 0, bytes - ATOM, cache_limit, 0);
}

static __s64 node_type(int fd, const char *name, __u32 bytes, __u32 cache_limit)
{
	return test_type(fd, name, 1, bytes - CONTAINER - 8, cache_limit, 0);
}

/* Makes @n objects; 0 or what stopped it. */
static int make(int fd, __s64 type, __s64 *h, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		h[i] = call(fd, NEW, type);
		if (h[i] < 0)
			return h[i];
	}
	return 0;
}

static int drop(int fd, const __s64 *h, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n; i++)
		err = call(fd, CLOSE, h[i]) ?: err;
	return err;
}

/* Where a block is: its arena, and a number for its place there. */
struct place {
	__u64 arena;
	__u32 pool, block;
};

static struct place place(int fd, __s64 h)
{
	__u64 result[2] = { -2ull, -2ull };

	test_call(fd, REFSLAB_OP_BLOCK, (const __u64[4]) { h }, result);
	return (struct place) { result[0], result[1] >> 32, (__u32)result[1] };
}

static bool same(struct place a, struct place b)
{
	return a.arena == b.arena && a.pool == b.pool && a.block == b.block;
}

#define EXPECT_PLACE(where, h)	EXPECT_TRUE(same(where, place(self->fd, h)))

/* The block of an object, by its record. */
static unsigned int block_bytes(int fd, __s64 h)
{
	struct refslab_record records[64];
	int n = test_records(fd, REFSLAB_GEN_ALL, records, 64);
	const struct refslab_record *r = test_record(records, n < 0 ? 0 : n, test_id(fd, h));

	return r ? r->bytes : 0;
}

TEST_F(memory, empty_heap_takes_nothing)
{
	struct refslab_stat stat = test_stat(self->fd), zero = { 0 };

	EXPECT_EQ(0, memcmp(&stat, &zero, sizeof(zero)));
}

TEST_F(memory, request_of_42_bytes_takes_48)
{
	__s64 t = node_type(self->fd, "t", 42, 0), h;

	h = CALL(NEW, t);
	EXPECT_EQ(48, block_bytes(self->fd, h));
	EXPECT_EQ(48, STAT(bytes_used));
}

/* Every size there is, up to the last class. */
TEST_F(memory, size_classes)
{
	char name[32];
	unsigned int bytes;
	__s64 t, h;

	for (bytes = CONTAINER + 8; bytes <= 512; bytes++) {
		snprintf(name, sizeof(name), "node%u", bytes);
		t = node_type(self->fd, name, bytes, 0);
		h = CALL(NEW, t);
		ASSERT_LT(0, h);
		EXPECT_EQ(round16(bytes), block_bytes(self->fd, h));
		EXPECT_EQ(round16(bytes), STAT(bytes_used));
		EXPECT_GT(POOL / round16(bytes), place(self->fd, h).block);
		EXPECT_GT(POOLS, place(self->fd, h).pool);
		ASSERT_EQ(0, CALL(CLOSE, h));
		snprintf(name, sizeof(name), "atom%u", bytes);
		t = atom_type(self->fd, name, bytes, 0);
		h = CALL(NEW, t);
		ASSERT_LT(0, h);
		EXPECT_EQ(round16(bytes), block_bytes(self->fd, h));
		ASSERT_EQ(0, CALL(CLOSE, h));
	}
	EXPECT_EQ(0, STAT(bytes_used));
	EXPECT_EQ(0, STAT(large));
}

TEST_F(memory, large_blocks)
{
	static const unsigned int sizes[] = { 513, 528, 4096, 5000, 300000, (1 << 20) + ATOM };
	char name[32];
	unsigned int i;
	__s64 t, h;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "t%u", i);
		t = atom_type(self->fd, name, sizes[i], 0);
		h = CALL(NEW, t);
		ASSERT_LT(0, h);
		EXPECT_EQ(1, STAT(large));
		EXPECT_EQ(0, STAT(arenas));
		EXPECT_EQ(~0ull, place(self->fd, h).arena);
		EXPECT_LE(sizes[i], block_bytes(self->fd, h));
		EXPECT_LE(sizes[i], STAT(bytes_used));
		EXPECT_LE(STAT(bytes_used), STAT(bytes_reserved));
		EXPECT_EQ(0, CALL(CLOSE, h));
		EXPECT_EQ(0, STAT(large));
		EXPECT_EQ(0, STAT(bytes_used));
		EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0));
	}
}

/* Free one, make one, and it is the same block; free three, and they come back in reverse. */
TEST_F(memory, cache_is_last_in_first_out)
{
	__s64 t = node_type(self->fd, "t", 96, 100), h[10];
	struct place was[10];
	int i;

	ASSERT_EQ(0, make(self->fd, t, h, 10));
	for (i = 0; i < 10; i++)
		was[i] = place(self->fd, h[i]);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, CALL(CLOSE, h[i]));
		h[i] = CALL(NEW, t);
		EXPECT_PLACE(was[i], h[i]);
	}
	ASSERT_EQ(0, CALL(CLOSE, h[7]) ?: CALL(CLOSE, h[2]) ?: CALL(CLOSE, h[5]));
	EXPECT_EQ(3 * 96, STAT(bytes_cached));
	EXPECT_EQ(7 * 96, STAT(bytes_used));
	EXPECT_PLACE(was[5], CALL(NEW, t));
	EXPECT_PLACE(was[2], CALL(NEW, t));
	EXPECT_PLACE(was[7], CALL(NEW, t));
	EXPECT_EQ(0, STAT(bytes_cached));
}

TEST_F(memory, cache_limits)
{
	static const unsigned int limits[] = { 0, 1, 5, 16, 100, 1000 };
	static __s64 h[1100];
	char name[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		__s64 t;

		snprintf(name, sizeof(name), "t%u", limits[i]);
		t = node_type(self->fd, name, 64, limits[i]);
		ASSERT_EQ(0, make(self->fd, t, h, 1100));
		EXPECT_EQ(0, STAT(bytes_cached));
		ASSERT_EQ(0, drop(self->fd, h, 1100));
		EXPECT_EQ(limits[i] * 64, STAT(bytes_cached));
		EXPECT_EQ(0, STAT(bytes_used));
		EXPECT_EQ(0, STAT(objects));
		/* And once more, from the cache this time. */
		ASSERT_EQ(0, make(self->fd, t, h, 1100));
		EXPECT_EQ(0, STAT(bytes_cached));
		ASSERT_EQ(0, drop(self->fd, h, 1100));
		EXPECT_LE(0, CALL(TRIM));
		EXPECT_EQ(0, STAT(bytes_cached));
	}
}

TEST_F(memory, cache_of_lists)
{
	static __s64 h[200];
	unsigned int i;

	for (i = 0; i < 200; i++)
		h[i] = CALL(LIST);
	i = STAT(bytes_used) / 200;
	ASSERT_EQ(0, drop(self->fd, h, 200));
	EXPECT_EQ(80 * i, STAT(bytes_cached));
}

TEST_F(memory, cache_never_serves_another_type)
{
	__s64 a = node_type(self->fd, "a", 96, 100), b = node_type(self->fd, "b", 96, 100);
	__s64 h[20], other[20];
	struct place was[20];
	int i, k;

	ASSERT_EQ(0, make(self->fd, a, h, 20));
	for (i = 0; i < 20; i++)
		was[i] = place(self->fd, h[i]);
	ASSERT_EQ(0, drop(self->fd, h, 20));
	ASSERT_EQ(0, make(self->fd, b, other, 20));
	EXPECT_EQ(20 * 96, STAT(bytes_cached));
	for (i = 0; i < 20; i++)
		for (k = 0; k < 20; k++)
			EXPECT_FALSE(same(was[i], place(self->fd, other[k])));
	for (i = 19; i >= 0; i--)
		EXPECT_PLACE(was[i], CALL(NEW, a));
}

/* Without a cache the pool gives what was freed last first, and what is untouched last. */
TEST_F(memory, pool_is_last_in_first_out)
{
	__s64 t = atom_type(self->fd, "t", 256, 0), h[6];
	struct place was[6];
	int i;

	ASSERT_EQ(0, make(self->fd, t, h, 6));
	for (i = 0; i < 6; i++) {
		was[i] = place(self->fd, h[i]);
		EXPECT_EQ(was[0].pool, was[i].pool);
		EXPECT_EQ(i, was[i].block);
	}
	ASSERT_EQ(0, CALL(CLOSE, h[4]) ?: CALL(CLOSE, h[1]) ?: CALL(CLOSE, h[3]));
	EXPECT_EQ(0, STAT(bytes_cached));
	EXPECT_PLACE(was[3], CALL(NEW, t));
	EXPECT_PLACE(was[1], CALL(NEW, t));
	EXPECT_PLACE(was[4], CALL(NEW, t));
	EXPECT_EQ(6, place(self->fd, CALL(NEW, t)).block);
}

TEST_F(memory, pools_change_their_state)
{
	__s64 t = atom_type(self->fd, "t", 512, 0), h[9];

#define EXPECT_POOLS(used, full, empty) do {				\
	EXPECT_EQ(used, STAT(pools_used));				\
	EXPECT_EQ(full, STAT(pools_full));				\
	EXPECT_EQ(empty, STAT(pools_empty));				\
} while (0)
	ASSERT_EQ(0, make(self->fd, t, h, 1));
	EXPECT_EQ(1, STAT(arenas));
	EXPECT_EQ(ARENA, STAT(bytes_reserved));
	EXPECT_POOLS(1, 0, 63);
	ASSERT_EQ(0, make(self->fd, t, h + 1, 7));
	EXPECT_POOLS(0, 1, 63);
	ASSERT_EQ(0, make(self->fd, t, h + 8, 1));
	EXPECT_POOLS(1, 1, 62);
	ASSERT_EQ(0, drop(self->fd, h, 1));
	EXPECT_POOLS(2, 0, 62);
	ASSERT_EQ(0, drop(self->fd, h + 8, 1));
	EXPECT_POOLS(1, 0, 63);
	ASSERT_EQ(0, drop(self->fd, h + 1, 7));
	CALL(TRIM);
	EXPECT_POOLS(0, 0, 0);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0));
}

/* An empty pool is ready for any class. */
TEST_F(memory, empty_pool_changes_its_class)
{
	__s64 a = atom_type(self->fd, "a", 512, 0), b = atom_type(self->fd, "b", 64, 0);
	__s64 h[9], other;
	struct place was;

	ASSERT_EQ(0, make(self->fd, a, h, 9));
	was = place(self->fd, h[8]);
	EXPECT_NE(was.pool, place(self->fd, h[0]).pool);
	ASSERT_EQ(0, drop(self->fd, h + 8, 1));
	other = CALL(NEW, b);
	EXPECT_EQ(was.arena, place(self->fd, other).arena);
	EXPECT_EQ(was.pool, place(self->fd, other).pool);
}

/*
 * Arenas 0, 1, 2 get 10, 20 and 5 empty pools. What needs a pool now takes all of arena 2 first,
 * then of 0, then of 1, and no new arena; and one whose pools are all empty goes back at once.
 */
TEST_F(memory, arenas_with_fewest_free_pools_first)
{
	enum { EACH = 512, N = 3 * EACH, B_EACH = POOL / 224 };
	static const unsigned int empty[3] = { 10, 20, 5 };
	static const unsigned int order[3] = { 2, 0, 1 };
	__s64 a = atom_type(self->fd, "a", 512, 0), b = atom_type(self->fd, "b", 224, 0);
	static __s64 h[N], other;
	unsigned int i, k, n;
	__u64 arena[3];

	ASSERT_EQ(0, make(self->fd, a, h, N));
	EXPECT_EQ(3, STAT(arenas));
	EXPECT_EQ(192, STAT(pools_full));
	EXPECT_EQ(0, STAT(pools_empty));
	for (i = 0; i < 3; i++)
		arena[i] = place(self->fd, h[i * EACH]).arena;
	for (i = 0; i < N; i++) {
		struct place p = place(self->fd, h[i]);

		/* An arena is used up before the next is taken. */
		ASSERT_EQ(arena[i / EACH], p.arena);
		if (p.pool < empty[i / EACH]) {
			ASSERT_EQ(0, CALL(CLOSE, h[i]));
			h[i] = 0;
		}
	}
	EXPECT_EQ(35, STAT(pools_empty));
	for (k = 0; k < 3; k++) {
		for (n = 0; n < empty[order[k]] * B_EACH; n++) {
			other = CALL(NEW, b);
			ASSERT_LT(0, other);
			ASSERT_EQ(arena[order[k]], place(self->fd, other).arena);
		}
	}
	EXPECT_EQ(0, STAT(pools_empty));
	EXPECT_EQ(3, STAT(arenas_made));
	EXPECT_EQ(0, STAT(arenas_returned));
	EXPECT_LT(0, CALL(NEW, b));
	EXPECT_EQ(4, STAT(arenas));
	test_heap_check(_metadata, &self->heap);
}

TEST_F(memory, empty_arenas_go_back)
{
	enum { EACH = 512, N = 4 * EACH };
	__s64 t = atom_type(self->fd, "t", 512, 0);
	static __s64 h[N];

	ASSERT_EQ(0, make(self->fd, t, h, N));
	EXPECT_EQ(4 * ARENA, STAT(bytes_reserved));
	/* One in the middle, then the others but for one block, then that. */
	ASSERT_EQ(0, drop(self->fd, h + EACH, EACH));
	EXPECT_EQ(1, STAT(arenas_returned));
	EXPECT_EQ(3, STAT(arenas));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 3 * ARENA));
	ASSERT_EQ(0, drop(self->fd, h, EACH) ?: drop(self->fd, h + 2 * EACH, EACH) ?:
		     drop(self->fd, h + 3 * EACH + 1, EACH - 1));
	EXPECT_EQ(3, STAT(arenas_returned));
	EXPECT_EQ(1, STAT(arenas));
	ASSERT_EQ(0, drop(self->fd, h + 3 * EACH, 1));
	CALL(TRIM);
	EXPECT_EQ(4, STAT(arenas_returned));
	EXPECT_EQ(4, STAT(arenas_made));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0));
}

TEST_F(memory, trim_tells_what_it_gave_back)
{
	enum { N = 4000 };
	static __s64 h[N];
	__s64 t = node_type(self->fd, "t", 512, 65536), given;
	__u64 reserved;

	ASSERT_EQ(0, make(self->fd, t, h, N));
	ASSERT_EQ(0, drop(self->fd, h, N));
	EXPECT_EQ(N * 512, STAT(bytes_cached));
	reserved = STAT(bytes_reserved);
	EXPECT_LE(N * 512, reserved);
	given = CALL(TRIM);
	EXPECT_EQ(reserved, given);
	EXPECT_EQ(0, STAT(bytes_cached));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0));
	EXPECT_EQ(0, STAT(arenas));
	EXPECT_EQ(0, CALL(TRIM));
}

/* Everything mixed, in all generations; after the last object nothing stays. */
TEST_F(memory, everything_goes_back)
{
	enum { N = 20000 };
	static __s64 h[N];
	__s64 small = node_type(self->fd, "small", 48, 100);
	__s64 large = node_type(self->fd, "large", 900, 10);
	__s64 atom = atom_type(self->fd, "atom", 128, 50);
	__u64 seed = 11;
	int i, k;

	for (i = 0; i < N; i++) {
		switch (test_random(&seed) % 6) {
		case 0:
			h[i] = CALL(NEW, small);
			break;
		case 1:
			h[i] = CALL(NEW, atom);
			break;
		case 2:
			h[i] = CALL(INT, 1000 + i);
			break;
		case 3:
			h[i] = i % 50 ? test_str(self->fd, "some text") : CALL(NEW, large);
			break;
		default:
			h[i] = CALL(LIST);
			for (k = 0; k < i % 9; k++)
				ASSERT_EQ(0, CALL(APPEND, h[i], h[i]));
		}
		ASSERT_LT(0, h[i]);
		ASSERT_EQ(0, i == N / 2 || i == N / 3 * 2 ? CALL(COLLECT, i == N / 2) : 0);
	}
	for (i = N - 1; i > 0; i--) {
		__s64 t = h[i];

		k = test_random(&seed) % (i + 1);
		h[i] = h[k];
		h[k] = t;
	}
	ASSERT_EQ(0, drop(self->fd, h, N / 2));
	test_heap_check(_metadata, &self->heap);
	ASSERT_EQ(0, drop(self->fd, h + N / 2, N / 2));
	EXPECT_LT(0, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, STAT(bytes_used));
	EXPECT_LE(0, CALL(TRIM));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0));
	EXPECT_EQ(0, STAT(arenas) + STAT(large));
	EXPECT_EQ(STAT(arenas_made), STAT(arenas_returned));
}

/* drop_caches asks every shrinker for everything. */
TEST_F(memory, pressure_empties_the_caches)
{
	enum { N = 4000 };
	static __s64 h[N];
	__s64 t = atom_type(self->fd, "t", 512, 65536);
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no drop_caches: %s", strerror(errno));
	ASSERT_EQ(0, make(self->fd, t, h, N));
	ASSERT_EQ(0, drop(self->fd, h, N));
	EXPECT_EQ(N * 512, STAT(bytes_cached));
	ASSERT_EQ(1, write(fd, "2", 1));
	close(fd);
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_cached) == 0));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, STAT(bytes_reserved) == 0)) {
		TH_LOG("%llu bytes are still reserved", (unsigned long long)STAT(bytes_reserved));
	}
}

/* What a program makes the module allocate is charged to the program's memory cgroup. */
TEST_F(memory, cgroup_is_charged)
{
	enum { N = 40000 };
	static __s64 h[N];
	__s64 small = node_type(self->fd, "small", 512, 0);
	__s64 large = node_type(self->fd, "large", 1 << 20, 0);
	long long before, charged;

	if (test_write_file(CGROUPS "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory cgroups");
	ASSERT_TRUE(!mkdir(CGROUP, 0755) || errno == EEXIST);
	ASSERT_EQ(0, test_write_file(CGROUP "/cgroup.procs", "0"));
	before = memory_current();
	ASSERT_LE(0, before);
	ASSERT_EQ(0, make(self->fd, small, h, N));
	charged = memory_current() - before;
	EXPECT_LE((long long)STAT(bytes_reserved) * 95 / 100, charged);
	ASSERT_EQ(0, drop(self->fd, h, N));

	before = memory_current();
	ASSERT_EQ(0, make(self->fd, large, h, 16));
	charged = memory_current() - before;
	EXPECT_LE(15 << 20, charged);
	ASSERT_EQ(0, drop(self->fd, h, 16));
	ASSERT_EQ(0, test_write_file(CGROUPS "/cgroup.procs", "0"));
}

/* Makes @n objects that only @list refers to afterwards; 0 or a negative errno. */
static int make_in_list(int fd, __s64 type, __s64 list, unsigned int n)
{
	struct refslab_op ops[3 * 64];
	unsigned int i, k;
	int err = 0;

	for (i = 0; i < n && !err; i += 64) {
		for (k = 0; k < 3 * 64; k += 3) {
			ops[k] = op(NEW, type);
			ops[k + 1] = opf(APPEND, F(1), list, k);
			ops[k + 2] = opf(CLOSE, F(0), k);
		}
		err = test_submit(fd, ops, 3 * 64, NULL);
	}
	return err;
}

/* In the cgroup, and attached to the heap of somebody who is not in it. */
static void make_as_another(int heap_fd, __s64 type, unsigned int n)
{
	int fd = test_attach(heap_fd, 0);
	__s64 list;

	if (fd < 0 || test_write_file(CGROUP "/cgroup.procs", "0"))
		_exit(1);
	list = call(fd, LOOKUP, ptr("all"), 3);
	_exit(list < 0 || make_in_list(fd, type, list, n));
}

/*
 * In a heap of several, memory is charged to whoever makes objects, and not to the heap's maker;
 * it stays so while they live, whatever becomes of him.
 */
TEST_F(memory, cgroup_of_an_attached_session)
{
	enum { N = 40000 };
	__s64 type = node_type(self->fd, "small", 512, 0), list = CALL(LIST);
	long long before, charged, slack = 2 << 20;
	__u64 reserved;
	int status;
	pid_t pid;

	if (test_write_file(CGROUPS "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory cgroups");
	ASSERT_TRUE(!mkdir(CGROUP, 0755) || errno == EEXIST);
	ASSERT_EQ(0, CALL(PUBLISH, list, ptr("all"), 3));
	before = memory_current();
	ASSERT_LE(0, before);

	/* ours, outside */
	ASSERT_EQ(0, make_in_list(self->fd, type, list, N));
	reserved = STAT(bytes_reserved);
	EXPECT_LE(N * 512, reserved);
	EXPECT_GE(slack, memory_current() - before);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		make_as_another(self->fd, type, N);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	reserved = STAT(bytes_reserved) - reserved;
	EXPECT_LE(N * 512, reserved);
	charged = memory_current() - before;
	EXPECT_LE((long long)reserved * 95 / 100, charged);
	EXPECT_GE((long long)reserved * 3 / 2, charged);

	ASSERT_EQ(0, make_in_list(self->fd, type, list, N));
	EXPECT_GE(charged + slack, memory_current() - before);
	ASSERT_EQ(0, CALL(UNPUBLISH, ptr("all"), 3) ?: CALL(CLOSE, list));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, memory_current() - before <= slack));
}

/* A payload is all zero and slots are empty, whatever the block was before: cached, free, large. */
TEST_F(memory, nothing_of_another_object_shows)
{
	static const unsigned int sizes[] = { 96, 512, 2000, 70000 };
	static char dirt[70000], in[70000], zero[70000];
	unsigned int i, k, n, cache;
	__s64 a, b, h[40];
	char name[32];

	memset(dirt, 0xaa, sizeof(dirt));
	for (i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		unsigned int bytes = sizes[i / 2];

		cache = i % 2 ? 10 : 0;
		snprintf(name, sizeof(name), "a%u", i);
		a = node_type(self->fd, name, bytes, cache);
		snprintf(name, sizeof(name), "b%u", i);
		b = test_type(self->fd, name, 3, bytes - CONTAINER - 24, cache, 0);
		n = bytes - CONTAINER - 8;
		ASSERT_EQ(0, make(self->fd, a, h, 40));
		for (k = 0; k < 40; k++) {
			ASSERT_EQ(0, CALL(WRITE, h[k], 0, ptr(dirt), n));
			ASSERT_EQ(0, CALL(SETSLOT, h[k], 0, h[0]));
		}
		ASSERT_EQ(0, CALL(CLEARSLOT, h[0], 0));
		ASSERT_EQ(0, drop(self->fd, h, 40));
		ASSERT_EQ(0, make(self->fd, a, h, 20));
		ASSERT_EQ(0, make(self->fd, b, h + 20, 20));
		for (k = 0; k < 40; k++) {
			unsigned int room = k < 20 ? n : n - 16;

			memset(in, 0xff, room);
			ASSERT_EQ(0, CALL(READ, h[k], 0, ptr(in), room));
			ASSERT_EQ(0, memcmp(in, zero, room));
			ASSERT_EQ(-ENODATA, CALL(SLOT, h[k], 0));
			ASSERT_EQ(k < 20 ? -ERANGE : -ENODATA, CALL(SLOT, h[k], 2));
		}
		ASSERT_EQ(0, drop(self->fd, h, 40));
	}
}

/* No room is left to the last block, and one that is freed is there for the next. */
TEST_F(limited, memory_ends_when_really_full)
{
	enum { MOST = 4 * 512 };
	__s64 t = atom_type(self->fd, "t", 512, 0), h[MOST + 1];

	ASSERT_EQ(0, make(self->fd, t, h, MOST));
	EXPECT_EQ(4 * ARENA, STAT(bytes_used));
	EXPECT_EQ(-ENOMEM, CALL(NEW, t));
	EXPECT_EQ(-ENOMEM, CALL(NEW, t));
	EXPECT_EQ(MOST, STAT(objects));
	EXPECT_EQ(MOST, STAT(handles));
	EXPECT_EQ(4 * ARENA, STAT(bytes_reserved));
	ASSERT_EQ(0, CALL(CLOSE, h[777]));
	EXPECT_LT(0, CALL(NEW, t));
	EXPECT_EQ(-ENOMEM, CALL(NEW, t));
}

TEST_F(limited, large_blocks_count)
{
	__s64 t = atom_type(self->fd, "t", 200000, 0), h;
	int i;

	for (i = 0; (h = CALL(NEW, t)) > 0; i++)
		EXPECT_GE(4 * ARENA, STAT(bytes_reserved));
	EXPECT_EQ(-ENOMEM, h);
	/* Pages round up, and not by much. */
	EXPECT_EQ(5, i);
	EXPECT_EQ(5, STAT(large));
}

TEST_F(limited, caches_give_way)
{
	enum { MOST = 4 * 512 };
	__s64 a = atom_type(self->fd, "a", 512, 65536), b = atom_type(self->fd, "b", 256, 0);
	__s64 h[MOST];
	int i;

	ASSERT_EQ(0, make(self->fd, a, h, MOST));
	ASSERT_EQ(0, drop(self->fd, h, MOST));
	EXPECT_EQ(4 * ARENA, STAT(bytes_cached));
	for (i = 0; i < 2 * MOST; i++)
		ASSERT_LT(0, CALL(NEW, b));
	EXPECT_EQ(0, STAT(bytes_cached));
}

/* Twenty times the limit in garbage cycles, though automatic scans are off. */
TEST_F(limited, garbage_is_collected_first)
{
	__s64 t = node_type(self->fd, "t", 512, 0), kept = CALL(NEW, t), h;
	char out[100], in[100];
	int i;

	memset(out, 'k', sizeof(out));
	ASSERT_EQ(0, CALL(WRITE, kept, 0, ptr(out), sizeof(out)));
	for (i = 0; i < 40000; i++) {
		h = CALL(NEW, t);
		ASSERT_LT(0, h);
		ASSERT_EQ(0, CALL(SETSLOT, h, 0, h));
		ASSERT_EQ(0, CALL(CLOSE, h));
	}
	EXPECT_EQ(0, CALL(ISENABLED));
	EXPECT_GE(4 * 512, STAT(objects));
	EXPECT_EQ(1, test_refcount(self->fd, kept));
	ASSERT_EQ(0, CALL(READ, kept, 0, ptr(in), sizeof(in)));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
}

/* A list that cannot grow stays as it was. */
TEST_F(limited, list_that_cannot_grow)
{
	__s64 l = CALL(LIST), i = CALL(INT, 1001), err, len = 0;
	struct refslab_op ops[64];
	unsigned int k;
	__u32 done;

	do {
		for (k = 0; k < 64; k++)
			ops[k] = op(APPEND, l, i);
		err = test_submit(self->fd, ops, 64, &done);
		len += done;
		ASSERT_GT(4 * ARENA / 8, len);
	} while (!err);
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_LT(ARENA / 8, len);
	EXPECT_EQ(len, CALL(LEN, l));
	EXPECT_EQ(len + 1, test_refcount(self->fd, i));
	EXPECT_EQ(-ENOMEM, CALL(INSERT, l, 0, i));
	EXPECT_EQ(len, CALL(LEN, l));
	EXPECT_EQ(0, CALL(DELITEM, l, len - 1));
	EXPECT_EQ(0, CALL(APPEND, l, l));
	EXPECT_EQ(len, CALL(LEN, l));
	EXPECT_EQ(0, CALL(SETITEM, l, len - 1, i));
}

TEST_HARNESS_MAIN
