// SPDX-License-Identifier: GPL-2.0
/*
 * The frame of the ABI: layout, numbers, the ioctls' rules about sizes, flags, reserved fields
 * and pointers. One wrong thing a test. Built for 32-bit too.
 */
#include <assert.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "refslab_test.h"

#define AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field)

static_assert(sizeof(struct refslab_query) == 56, "refslab_query");
AT(refslab_query, size, 0);
AT(refslab_query, reserved, 4);
AT(refslab_query, features, 8);
AT(refslab_query, max_ops, 16);
AT(refslab_query, nr_opcodes, 20);
AT(refslab_query, version, 24);

static_assert(sizeof(struct refslab_create) == 80, "refslab_create");
AT(refslab_create, size, 0);
AT(refslab_create, flags, 4);
AT(refslab_create, features, 8);
AT(refslab_create, max_bytes, 16);
AT(refslab_create, name, 24);
AT(refslab_create, heap_id, 56);
AT(refslab_create, reserved, 60);
AT(refslab_create, max_objects, 64);
AT(refslab_create, max_handles, 72);

static_assert(sizeof(struct refslab_attach) == 32, "refslab_attach");
AT(refslab_attach, size, 0);
AT(refslab_attach, flags, 4);
AT(refslab_attach, features, 8);
AT(refslab_attach, fd, 16);
AT(refslab_attach, heap_id, 20);
AT(refslab_attach, rights, 24);
AT(refslab_attach, reserved, 28);

static_assert(sizeof(struct refslab_submit) == 32, "refslab_submit");
AT(refslab_submit, size, 0);
AT(refslab_submit, flags, 4);
AT(refslab_submit, ops, 8);
AT(refslab_submit, count, 16);
AT(refslab_submit, done, 20);
AT(refslab_submit, error, 24);
AT(refslab_submit, reserved, 28);

static_assert(sizeof(struct refslab_op) == 64, "refslab_op");
AT(refslab_op, opcode, 0);
AT(refslab_op, flags, 2);
AT(refslab_op, from, 4);
AT(refslab_op, arg, 8);
AT(refslab_op, result, 40);
AT(refslab_op, error, 56);
AT(refslab_op, reserved, 60);

static_assert(sizeof(struct refslab_type_def) == 16, "refslab_type_def");
AT(refslab_type_def, flags, 0);
AT(refslab_type_def, nr_slots, 4);
AT(refslab_type_def, payload, 8);
AT(refslab_type_def, cache_limit, 12);

static_assert(sizeof(struct refslab_record) == 24, "refslab_record");
AT(refslab_record, id, 0);
AT(refslab_record, type, 8);
AT(refslab_record, refcount, 12);
AT(refslab_record, generation, 16);
AT(refslab_record, bytes, 20);

static_assert(sizeof(struct refslab_limits) == 24, "refslab_limits");
AT(refslab_limits, max_bytes, 0);
AT(refslab_limits, max_objects, 8);
AT(refslab_limits, max_handles, 16);

static_assert(sizeof(struct refslab_root_record) == 272, "refslab_root_record");
AT(refslab_root_record, id, 0);
AT(refslab_root_record, type, 8);
AT(refslab_root_record, len, 12);
AT(refslab_root_record, name, 16);

static_assert(sizeof(struct refslab_event_record) == 32, "refslab_event_record");
AT(refslab_event_record, event, 0);
AT(refslab_event_record, handle, 4);
AT(refslab_event_record, id, 8);
AT(refslab_event_record, reserved, 16);

static_assert(sizeof(struct refslab_gc_record) == 32, "refslab_gc_record");
AT(refslab_gc_record, event, 0);
AT(refslab_gc_record, handle, 4);
AT(refslab_gc_record, collected, 8);
AT(refslab_gc_record, duration_ns, 16);
AT(refslab_gc_record, generation, 24);
AT(refslab_gc_record, uncollectable, 28);

static_assert(sizeof(struct refslab_gc_stats) == 72, "refslab_gc_stats");
AT(refslab_gc_stats, gen[1].collections, 24);
AT(refslab_gc_stats, gen[1].collected, 32);
AT(refslab_gc_stats, gen[1].uncollectable, 40);

/* Fields are only ever added at the end, so these stay for ever. */
static_assert(sizeof(struct refslab_stat) >= 120, "refslab_stat");
AT(refslab_stat, objects, 0);
AT(refslab_stat, tracked, 8);
AT(refslab_stat, handles, 16);
AT(refslab_stat, bytes_used, 24);
AT(refslab_stat, bytes_cached, 32);
AT(refslab_stat, bytes_reserved, 40);
AT(refslab_stat, arenas, 48);
AT(refslab_stat, pools_used, 56);
AT(refslab_stat, pools_full, 64);
AT(refslab_stat, pools_empty, 72);
AT(refslab_stat, large, 80);
AT(refslab_stat, arenas_made, 88);
AT(refslab_stat, arenas_returned, 96);
AT(refslab_stat, max_trash, 104);
AT(refslab_stat, events, 112);
AT(refslab_stat, roots, 120);
AT(refslab_stat, bytes_mapped, 128);

static_assert(REFSLAB_IOC_QUERY == 0xe200, "QUERY");
static_assert(REFSLAB_IOC_CREATE == 0xe201, "CREATE");
static_assert(REFSLAB_IOC_SUBMIT == 0xe202, "SUBMIT");
static_assert(REFSLAB_IOC_ATTACH == 0xe203, "ATTACH");

#define OPCODE(name, number) static_assert(REFSLAB_OP_##name == (number), #name)
OPCODE(TYPE, 1);
OPCODE(NEW, 2);
OPCODE(INT, 3);
OPCODE(STR, 4);
OPCODE(LIST, 5);
OPCODE(DUP, 6);
OPCODE(CLOSE, 7);
OPCODE(IS, 8);
OPCODE(SETSLOT, 9);
OPCODE(CLEARSLOT, 10);
OPCODE(SLOT, 11);
OPCODE(WRITE, 12);
OPCODE(READ, 13);
OPCODE(APPEND, 14);
OPCODE(INSERT, 15);
OPCODE(POP, 16);
OPCODE(SETITEM, 17);
OPCODE(DELITEM, 18);
OPCODE(ITEM, 19);
OPCODE(LEN, 20);
OPCODE(INT_VALUE, 21);
OPCODE(STR_VALUE, 22);
OPCODE(TYPEOF, 23);
OPCODE(REFCOUNT, 24);
OPCODE(ID, 25);
OPCODE(TRACKED, 26);
OPCODE(BLOCK, 27);
OPCODE(COLLECT, 28);
OPCODE(ENABLE, 29);
OPCODE(DISABLE, 30);
OPCODE(ISENABLED, 31);
OPCODE(SET_THRESHOLD, 32);
OPCODE(GET_THRESHOLD, 33);
OPCODE(GET_COUNT, 34);
OPCODE(GET_STATS, 35);
OPCODE(OBJECTS, 36);
OPCODE(TRIM, 37);
OPCODE(STAT, 38);
OPCODE(WEAK, 39);
OPCODE(DEREF, 40);
OPCODE(BYID, 41);
OPCODE(FINALIZED, 42);
OPCODE(FREEZE, 43);
OPCODE(UNFREEZE, 44);
OPCODE(FREEZECOUNT, 45);
OPCODE(REFERENTS, 46);
OPCODE(REFERRERS, 47);
OPCODE(SET_DEBUG, 48);
OPCODE(GET_DEBUG, 49);
OPCODE(GARBAGE, 50);
OPCODE(EMPTY_GARBAGE, 51);
OPCODE(WATCH, 52);
OPCODE(FLOAT, 53);
OPCODE(FLOAT_VALUE, 54);
OPCODE(BYTES, 55);
OPCODE(BYTES_VALUE, 56);
OPCODE(TUPLE, 57);
OPCODE(MAP, 77);
OPCODE(TYPE_FIND, 78);
OPCODE(DICT_ITEM_BYVALUE, 79);
OPCODE(CONTAINS_BYVALUE, 80);

static_assert(REFSLAB_TYPE_ACYCLIC == 1, "ACYCLIC");
static_assert(REFSLAB_TYPE_FINALIZER == 2, "FINALIZER");
static_assert(REFSLAB_TYPE_WEAKREF == 4, "WEAKREF");
static_assert(REFSLAB_TYPE_MAPPED == 8, "MAPPED");
static_assert(REFSLAB_VALUE_INT == 1, "VALUE_INT");
static_assert(REFSLAB_VALUE_FLOAT == 2, "VALUE_FLOAT");
static_assert(REFSLAB_VALUE_STR == 3, "VALUE_STR");
static_assert(REFSLAB_VALUE_BYTES == 4, "VALUE_BYTES");
static_assert(REFSLAB_WINDOW == 1ull << 44, "WINDOW");
static_assert(REFSLAB_WEAK_CALLBACK == 1, "CALLBACK");
static_assert(REFSLAB_EVENT_FINALIZE == 1, "EVENT_FINALIZE");
static_assert(REFSLAB_EVENT_WEAKREF == 2, "EVENT_WEAKREF");
static_assert(REFSLAB_DEBUG_STATS == 1, "DEBUG_STATS");
static_assert(REFSLAB_DEBUG_COLLECTABLE == 2, "DEBUG_COLLECTABLE");
static_assert(REFSLAB_DEBUG_UNCOLLECTABLE == 4, "DEBUG_UNCOLLECTABLE");
static_assert(REFSLAB_DEBUG_SAVEALL == 32, "DEBUG_SAVEALL");
static_assert(REFSLAB_DEBUG_LEAK == 38, "DEBUG_LEAK");
static_assert(REFSLAB_COLLECT_ALL == 0x100, "COLLECT_ALL");
static_assert(REFSLAB_EVENT_GC_START == 3, "EVENT_GC_START");
static_assert(REFSLAB_EVENT_GC_STOP == 4, "EVENT_GC_STOP");
static_assert(REFSLAB_EVENT_GC_LOST == 5, "EVENT_GC_LOST");
static_assert(REFSLAB_WATCH_GC == 1, "WATCH_GC");
static_assert(REFSLAB_MAX_NAME == 4096, "MAX_NAME");
static_assert(REFSLAB_MAX_BYTES == 1 << 20, "MAX_BYTES");
static_assert(REFSLAB_MAX_TUPLE == 65535, "MAX_TUPLE");
static_assert(REFSLAB_REFCOUNT_IMMORTAL == ~0u, "REFCOUNT_IMMORTAL");
static_assert(REFSLAB_GEN_FROZEN == 3, "GEN_FROZEN");
static_assert(REFSLAB_GEN_ALL == 0xffffffff, "GEN_ALL");

/* A structure longer than today's kernel knows. */
#define LONGER(type) struct { struct type now; __u8 later[64]; }

/* Two pages, the second of which is not there; things may be put across the edge. */
struct edge {
	char *base;
	char *end;
};

static struct edge edge_new(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct edge edge;

	edge.base = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (edge.base == MAP_FAILED)
		abort();
	munmap(edge.base + page, page);
	edge.end = edge.base + page;
	return edge;
}

/* A copy of @size bytes that the kernel can read and not write. */
static void *read_only(const void *from, size_t size)
{
	struct edge edge = edge_new();

	memcpy(edge.base, from, size);
	mprotect(edge.base, edge.end - edge.base, PROT_READ);
	return edge.base;
}

FIXTURE(session) {
	int fd;
	struct refslab_query query;
	struct refslab_create create;
};

FIXTURE_SETUP(session)
{
	self->fd = test_open();
	ASSERT_LE(0, self->fd);
	self->query = (struct refslab_query) { .size = sizeof(self->query) };
	self->create = (struct refslab_create) { .size = sizeof(self->create), .name = "abi" };
}

FIXTURE_TEARDOWN(session)
{
	/* Whatever was refused left the session as it was: without a heap, able to get one. */
	self->create = (struct refslab_create) { .size = sizeof(self->create), .name = "after" };
	EXPECT_EQ(0, test_ioctl(self->fd, REFSLAB_IOC_CREATE, &self->create));
	close(self->fd);
	test_expect_nothing_left(_metadata);
}

#define QUERY()		test_ioctl(self->fd, REFSLAB_IOC_QUERY, &self->query)
#define CREATE()	test_ioctl(self->fd, REFSLAB_IOC_CREATE, &self->create)

TEST_F(session, unknown_ioctl)
{
	EXPECT_EQ(-ENOTTY, test_ioctl(self->fd, _IO(REFSLAB_IOC_MAGIC, 0x20), &self->query));
}

TEST_F(session, unknown_ioctl_last_number)
{
	EXPECT_EQ(-ENOTTY, test_ioctl(self->fd, _IO(REFSLAB_IOC_MAGIC, 0xff), &self->query));
}

TEST_F(session, ioctl_of_another_magic)
{
	EXPECT_EQ(-ENOTTY, test_ioctl(self->fd, _IO(REFSLAB_IOC_MAGIC + 1, 0x00), &self->query));
}

TEST_F(session, ioctl_with_size_in_its_number)
{
	EXPECT_EQ(-ENOTTY, test_ioctl(self->fd, _IOWR(REFSLAB_IOC_MAGIC, 0x00,
						      struct refslab_query), &self->query));
}

TEST_F(session, query)
{
	size_t len;

	memset(&self->query, 0xa5, sizeof(self->query));
	self->query.size = sizeof(self->query);
	self->query.reserved = 0;
	ASSERT_EQ(0, QUERY());
	EXPECT_EQ(REFSLAB_FEATURES, self->query.features);
	EXPECT_EQ(REFSLAB_MAX_OPS, self->query.max_ops);
	EXPECT_EQ((__u32)REFSLAB_OP_LAST, self->query.nr_opcodes);
	len = strnlen(self->query.version, sizeof(self->query.version));
	EXPECT_LT(0, len);
	ASSERT_GT(sizeof(self->query.version), len);
	for (; len < sizeof(self->query.version); len++)
		EXPECT_EQ(0, self->query.version[len]);
}

TEST_F(session, query_longer_with_zeroes)
{
	LONGER(refslab_query) longer = { .now = self->query };

	longer.now.size = sizeof(longer);
	ASSERT_EQ(0, test_ioctl(self->fd, REFSLAB_IOC_QUERY, &longer));
	EXPECT_EQ((__u32)REFSLAB_OP_LAST, longer.now.nr_opcodes);
}

TEST_F(session, query_longer_with_something)
{
	LONGER(refslab_query) longer = { .now = self->query };

	longer.now.size = sizeof(longer);
	longer.later[63] = 1;
	EXPECT_EQ(-E2BIG, test_ioctl(self->fd, REFSLAB_IOC_QUERY, &longer));
}

TEST_F(session, query_too_short)
{
	for (self->query.size = 0; self->query.size < 8; self->query.size++)
		EXPECT_EQ(-EINVAL, QUERY());
}

TEST_F(session, query_size_beyond_memory)
{
	int err;

	self->query.size = ~0u;
	err = QUERY();
	EXPECT_TRUE(err == -E2BIG || err == -EFAULT);
}

TEST_F(session, query_reserved)
{
	self->query.reserved = 1;
	EXPECT_EQ(-EINVAL, QUERY());
}

TEST_F(session, query_null)
{
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_QUERY, NULL));
}

TEST_F(session, query_ends_unreadable)
{
	struct edge edge = edge_new();

	memcpy(edge.end - 8, &self->query, 8);
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_QUERY, edge.end - 8));
}

TEST_F(session, query_not_writable)
{
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_QUERY,
				      read_only(&self->query, sizeof(self->query))));
}

TEST_F(session, create_too_short)
{
	/* Whatever is that short lacks a name. */
	for (self->create.size = 0; self->create.size < 24; self->create.size++)
		EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_longer_with_something)
{
	LONGER(refslab_create) longer = { .now = self->create };

	longer.now.size = sizeof(longer);
	longer.later[0] = 1;
	EXPECT_EQ(-E2BIG, test_ioctl(self->fd, REFSLAB_IOC_CREATE, &longer));
}

TEST_F(session, create_flags)
{
	self->create.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, CREATE());
}

TEST_F(session, create_unknown_feature)
{
	self->create.features = 1ull << 63;
	EXPECT_EQ(-EOPNOTSUPP, CREATE());
}

TEST_F(session, create_reserved)
{
	self->create.reserved = 1;
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_not_terminated)
{
	memset(self->create.name, 'x', sizeof(self->create.name));
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_not_padded)
{
	self->create.name[REFSLAB_NAME_MAX] = 0;
	self->create.name[5] = 'x';
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_space)
{
	self->create.name[1] = ' ';
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_newline)
{
	self->create.name[1] = '\n';
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_delete)
{
	self->create.name[1] = 0x7f;
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_name_not_ascii)
{
	self->create.name[1] = (char)0xe4;
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(session, create_null)
{
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_CREATE, NULL));
}

TEST_F(session, create_ends_unreadable)
{
	struct edge edge = edge_new();

	memcpy(edge.end - 32, &self->create, 32);
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_CREATE, edge.end - 32));
}

TEST_F(session, create_not_writable)
{
	EXPECT_EQ(-EFAULT, test_ioctl(self->fd, REFSLAB_IOC_CREATE,
				      read_only(&self->create, sizeof(self->create))));
}

TEST_F(session, submit_without_heap)
{
	struct refslab_op ops[] = { op(LIST) };

	EXPECT_EQ(-ENOTCONN, test_submit(self->fd, ops, 1, NULL));
}

TEST(create_longest_name)
{
	struct refslab_create create = { .size = sizeof(create) };
	char text[4096], line[64];
	int fd = test_open();

	ASSERT_LE(0, fd);
	memset(create.name, '~', REFSLAB_NAME_MAX);
	create.name[0] = '!';
	ASSERT_EQ(0, test_ioctl(fd, REFSLAB_IOC_CREATE, &create));
	snprintf(line, sizeof(line), "heaps/%u/stats", create.heap_id);
	EXPECT_LT(0, test_debugfs(text, sizeof(text), "%s", line));
	close(fd);
	test_expect_nothing_left(_metadata);
}

TEST(create_longer_with_zeroes)
{
	LONGER(refslab_create) longer = {
		.now = { .size = sizeof(longer), .name = "abi", .features = REFSLAB_FEATURES },
	};
	int fd = test_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, test_ioctl(fd, REFSLAB_IOC_CREATE, &longer));
	EXPECT_EQ(REFSLAB_FEATURES, longer.now.features);
	EXPECT_EQ(sizeof(longer), longer.now.size);
	close(fd);
	test_expect_nothing_left(_metadata);
}

TEST(heaps_have_different_ids)
{
	__u32 id[2] = { 0, 0 };
	int fd[2] = { test_open(), test_open() };

	ASSERT_EQ(0, test_create(fd[0], 0, &id[0]));
	ASSERT_EQ(0, test_create(fd[1], 0, &id[1]));
	EXPECT_NE(id[0], id[1]);
	close(fd[0]);
	close(fd[1]);
	test_expect_nothing_left(_metadata);
}

/* A handle, like all else, means nothing in another session. */
TEST(heaps_are_private)
{
	int fd[2] = { test_open(), test_open() };
	__u32 id;
	__s64 h;

	ASSERT_EQ(0, test_create(fd[0], 0, &id));
	ASSERT_EQ(0, test_create(fd[1], 0, &id));
	h = call(fd[0], LIST);
	ASSERT_LT(0, h);
	EXPECT_EQ(-ENOENT, test_id(fd[1], h));
	EXPECT_EQ(0, test_stat(fd[1]).objects);
	close(fd[0]);
	close(fd[1]);
	test_expect_nothing_left(_metadata);
}

FIXTURE(submit) {
	struct test_heap heap;
	struct refslab_op ops[2];
	struct refslab_submit submit;
};

FIXTURE_SETUP(submit)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->ops[0] = op(LIST);
	self->ops[1] = op(LIST);
	self->submit = (struct refslab_submit) {
		.size = sizeof(self->submit),
		.ops = ptr(self->ops),
		.count = 2,
	};
}

FIXTURE_TEARDOWN(submit)
{
	test_heap_close(_metadata, &self->heap);
}

#define SUBMIT()	test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT, &self->submit)

/* A submission refused as a whole did nothing. */
#define EXPECT_REFUSED(errno_, err) do {				\
	EXPECT_EQ(-(errno_), err);					\
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);			\
	EXPECT_EQ(0, test_stat(self->heap.fd).handles);			\
} while (0)

TEST_F(submit, works)
{
	self->submit.done = 77;
	ASSERT_EQ(0, SUBMIT());
	EXPECT_EQ(2, self->submit.done);
	EXPECT_EQ(0, self->submit.error);
	EXPECT_LT(0, self->ops[0].result[0]);
	EXPECT_LT(0, self->ops[1].result[0]);
	EXPECT_GE(REFSLAB_MAX_HANDLE, self->ops[0].result[0]);
	EXPECT_NE(self->ops[0].result[0], self->ops[1].result[0]);
}

TEST_F(submit, create_twice)
{
	__u32 id;

	EXPECT_EQ(-EISCONN, test_create(self->heap.fd, 0, &id));
}

TEST_F(submit, query_needs_no_heap_and_minds_none)
{
	struct refslab_query query = { .size = sizeof(query) };

	EXPECT_EQ(0, test_ioctl(self->heap.fd, REFSLAB_IOC_QUERY, &query));
}

TEST_F(submit, too_short)
{
	/* Whatever is that short lacks a count. */
	for (self->submit.size = 0; self->submit.size <= 16; self->submit.size++)
		EXPECT_REFUSED(EINVAL, SUBMIT());
}

TEST_F(submit, longer_with_zeroes)
{
	LONGER(refslab_submit) longer = { .now = self->submit };

	longer.now.size = sizeof(longer);
	ASSERT_EQ(0, test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT, &longer));
	EXPECT_EQ(2, longer.now.done);
	EXPECT_EQ(2, test_stat(self->heap.fd).objects);
}

TEST_F(submit, longer_with_something)
{
	LONGER(refslab_submit) longer = { .now = self->submit };

	longer.now.size = sizeof(longer);
	longer.later[13] = 1;
	EXPECT_REFUSED(E2BIG, test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT, &longer));
}

TEST_F(submit, flags)
{
	self->submit.flags = 1;
	EXPECT_REFUSED(EOPNOTSUPP, SUBMIT());
}

TEST_F(submit, reserved)
{
	self->submit.reserved = 1;
	EXPECT_REFUSED(EINVAL, SUBMIT());
}

TEST_F(submit, error_not_zero)
{
	self->submit.error = -1;
	EXPECT_REFUSED(EINVAL, SUBMIT());
}

TEST_F(submit, count_zero)
{
	self->submit.count = 0;
	EXPECT_REFUSED(EINVAL, SUBMIT());
}

TEST_F(submit, count_over_the_limit)
{
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS + 1, sizeof(*ops));
	unsigned int i;

	ASSERT_NE(NULL, ops);
	for (i = 0; i <= REFSLAB_MAX_OPS; i++)
		ops[i] = op(LIST);
	self->submit.ops = ptr(ops);
	self->submit.count = REFSLAB_MAX_OPS + 1;
	EXPECT_REFUSED(E2BIG, SUBMIT());
	self->submit.count = REFSLAB_MAX_OPS;
	EXPECT_EQ(0, SUBMIT());
	EXPECT_EQ(REFSLAB_MAX_OPS, self->submit.done);
	EXPECT_EQ(REFSLAB_MAX_OPS, test_stat(self->heap.fd).objects);
}

TEST_F(submit, null)
{
	EXPECT_REFUSED(EFAULT, test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT, NULL));
}

TEST_F(submit, ends_unreadable)
{
	struct edge edge = edge_new();

	memcpy(edge.end - 24, &self->submit, 24);
	EXPECT_REFUSED(EFAULT, test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT, edge.end - 24));
}

TEST_F(submit, ops_null)
{
	EXPECT_REFUSED(EFAULT, test_submit(self->heap.fd, NULL, 1, NULL));
}

TEST_F(submit, ops_kernel_address)
{
	self->submit.ops = 0xffff888000000000ull;
	EXPECT_REFUSED(EFAULT, SUBMIT() ?: self->submit.error);
}

/* The second operation cannot be read. What was carried out before it, if anything, is told. */
TEST_F(submit, ops_end_unreadable)
{
	struct edge edge = edge_new();
	struct refslab_op *first = (struct refslab_op *)edge.end - 1;
	int err;

	*first = self->ops[0];
	self->submit.ops = ptr(first);
	err = SUBMIT();
	if (!err) {
		EXPECT_EQ(-EFAULT, self->submit.error);
		EXPECT_EQ(self->submit.done, test_stat(self->heap.fd).objects);
	} else {
		EXPECT_REFUSED(EFAULT, err);
	}
}

/* A result that cannot be given must not leave an object nobody knows the handle of. */
TEST_F(submit, ops_not_writable)
{
	struct refslab_op *ops = read_only(self->ops, sizeof(self->ops));

	EXPECT_REFUSED(EFAULT, test_submit(self->heap.fd, ops, 2, NULL));
}

TEST_F(submit, not_writable)
{
	EXPECT_EQ(-EFAULT, test_ioctl(self->heap.fd, REFSLAB_IOC_SUBMIT,
				      read_only(&self->submit, sizeof(self->submit))));
}

TEST_F(submit, stops_at_the_first_failure)
{
	struct refslab_op ops[] = {
		op(LIST),
		opf(APPEND, F(0) | F(1), 0, 0),
		op(CLOSE, 12345),
		op(LIST),
	};
	const struct refslab_op untouched = ops[3];

	self->submit.ops = ptr(ops);
	self->submit.count = 4;
	ASSERT_EQ(0, SUBMIT());
	EXPECT_EQ(2, self->submit.done);
	EXPECT_EQ(-ENOENT, self->submit.error);
	EXPECT_EQ(0, ops[0].error);
	EXPECT_EQ(0, ops[1].error);
	EXPECT_EQ(-ENOENT, ops[2].error);
	EXPECT_EQ(0, ops[2].result[0]);
	EXPECT_EQ(0, memcmp(&ops[3], &untouched, sizeof(untouched)));
	EXPECT_EQ(1, test_stat(self->heap.fd).objects);
	EXPECT_EQ(1, call(self->heap.fd, LEN, ops[0].result[0]));
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Collections of a heap that is not empty, more of them than an alarm clock waits for. */
TEST_F(submit, signal_stops_between_operations)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every = { { 0, 20000 }, { 0, 20000 } };
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS, sizeof(*ops));
	unsigned int i, done = 0;
	__s64 l;

	ASSERT_NE(NULL, ops);
	l = call(self->heap.fd, LIST);
	for (i = 0; i < REFSLAB_MAX_OPS; i += 2) {
		ops[i] = op(LIST);
		ops[i + 1] = opf(APPEND, F(1), l, i);
	}
	ASSERT_EQ(0, test_submit(self->heap.fd, ops, REFSLAB_MAX_OPS, NULL));

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &every, NULL));
	/* One submission could be lucky: a hundred of them last for seconds. */
	for (i = 0; i < 100 && !self->submit.error; i++) {
		unsigned int k;

		for (k = 0; k < REFSLAB_MAX_OPS; k++)
			ops[k] = op(COLLECT, 2);
		self->submit.ops = ptr(ops);
		self->submit.count = REFSLAB_MAX_OPS;
		ASSERT_EQ(0, SUBMIT());
		done = self->submit.done;
	}
	setitimer(ITIMER_REAL, &(struct itimerval) { 0 }, NULL);
	EXPECT_EQ(-EINTR, self->submit.error);
	ASSERT_GT(REFSLAB_MAX_OPS, done);
	for (i = 0; i < REFSLAB_MAX_OPS; i++) {
		if (ops[i].error != (i == done ? -EINTR : 0) && !(i == done && !ops[i].error))
			break;
	}
	EXPECT_EQ(REFSLAB_MAX_OPS, i);
}

/* What gives handles to objects, and quick operations that go on from there. */
TEST_F(submit, signal_stops_what_makes_objects)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every = { { 0, 20000 }, { 0, 20000 } };
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS, sizeof(*ops));
	double begin = test_now();
	unsigned int i;

	ASSERT_NE(NULL, ops);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &every, NULL));
	/* the alarm goes off in one of them */
	while (!self->submit.error && test_now() - begin < 10) {
		for (i = 0; i < REFSLAB_MAX_OPS; i += 2) {
			ops[i] = op(INT, 1);
			ops[i + 1] = opf(CLOSE, F(0), i);
		}
		self->submit.ops = ptr(ops);
		self->submit.count = REFSLAB_MAX_OPS;
		ASSERT_EQ(0, SUBMIT());
	}
	setitimer(ITIMER_REAL, &(struct itimerval) { 0 }, NULL);
	EXPECT_EQ(-EINTR, self->submit.error);
	EXPECT_GT(REFSLAB_MAX_OPS, self->submit.done);
	free(ops);
}

TEST_F(submit, last_operation_is_in_debugfs)
{
	struct refslab_op ops[] = { op(LIST), opf(LEN, F(0), 0), op(REFCOUNT, 12345) };
	char text[4096];

	ASSERT_EQ(0, test_submit(self->heap.fd, ops, 2, NULL));
	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/sessions", self->heap.id));
	EXPECT_NE(NULL, strstr(text, " 2 len\n"));
	/* one that fails was not carried out */
	EXPECT_EQ(-ENOENT, test_submit(self->heap.fd, ops + 2, 1, NULL));
	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/sessions", self->heap.id));
	EXPECT_NE(NULL, strstr(text, " 2 len\n"));
}

TEST_HARNESS_MAIN
