// SPDX-License-Identifier: GPL-2.0
/*
 * dicts, sets and instances as a program sees them; whether something is in a container, and what
 * is in it.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "refslab_test.h"

FIXTURE(keyed) {
	struct test_heap heap;
	int fd;
	__s64 node;	/* type: 2 slots */
};

FIXTURE_SETUP(keyed)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
	self->node = test_type(self->fd, "node", 2, 0, 16, REFSLAB_TYPE_WEAKREF);
	ASSERT_LT(0, self->node);
}

FIXTURE_TEARDOWN(keyed)
{
	test_heap_close(_metadata, &self->heap);
}

#define OBJECTS()	test_stat(self->fd).objects

#define STR(text)	NEW(STR, ptr(text), strlen(text))
#define EXPECT_COUNT(n, h)	EXPECT_EQ(n, test_refcount(self->fd, h))

/* Whether two handles name the same object; closes the first. */
#define EXPECT_SAME(got, h) do {					\
	__s64 __got = (got);						\
									\
	EXPECT_LT(0, __got);						\
	EXPECT_EQ(1, CALL(IS, __got, h));				\
	EXPECT_EQ(0, CALL(CLOSE, __got));				\
} while (0)

static __s64 attr(int fd, unsigned int opcode, __u64 o, const char *name, __u64 value)
{
	const __u64 arg[4] = { o, ptr(name), strlen(name), value };

	return test_call1(fd, opcode, arg);
}

#define SETATTR(o, name, x)	attr(self->fd, REFSLAB_OP_SETATTR, o, name, x)
#define GETATTR(o, name)	attr(self->fd, REFSLAB_OP_GETATTR, o, name, 0)
#define DELATTR(o, name)	attr(self->fd, REFSLAB_OP_DELATTR, o, name, 0)

/* One call; the number of entries or -errno. */
static int items(int fd, __u64 h, __u64 *cursor, struct refslab_entry *entries, unsigned int max)
{
	__u64 result[2];
	const __u64 arg[4] = { h, *cursor, ptr(entries), max * sizeof(*entries) };
	int err = test_call(fd, REFSLAB_OP_ITEMS, arg, result);

	if (err)
		return err;
	*cursor = result[1];
	return result[0];
}

#define ITEMS(h, cursor, entries, max)	items(self->fd, h, cursor, entries, max)

static void close_entries(int fd, const struct refslab_entry *entries, int n)
{
	while (n-- > 0) {
		call(fd, CLOSE, entries[n].key);
		if (entries[n].value)
			call(fd, CLOSE, entries[n].value);
	}
}

TEST_F(keyed, new_ones_are_empty)
{
	struct refslab_entry entry;
	__s64 h[] = { NEW(DICT), NEW(SET), NEW(INSTANCE) };
	static const char *const name[] = { "dict", "set", "instance" };
	char text[16];
	__u64 cursor;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_COUNT(1, h[i]);
		EXPECT_EQ(0, CALL(LEN, h[i]));
		EXPECT_EQ(0, test_generation(self->fd, h[i]));
		memset(text, 0, sizeof(text));
		EXPECT_LT(0, CALL(TYPEOF, h[i], ptr(text), sizeof(text)));
		EXPECT_STREQ(name[i], text);
		cursor = 0;
		EXPECT_EQ(0, ITEMS(h[i], &cursor, &entry, 1));
		EXPECT_EQ(0, cursor);
	}
	EXPECT_EQ(3, OBJECTS());
}

TEST_F(keyed, dict)
{
	__s64 d = NEW(DICT), k = STR("a key, not interned"), k2 = STR("a key, not interned");
	__s64 v = NEW(LIST), v2 = NEW(LIST);

	EXPECT_EQ(0, CALL(IS, k, k2));
	EXPECT_EQ(-ENOKEY, CALL(DICT_ITEM, d, k));
	EXPECT_EQ(-ENOKEY, CALL(DICT_DELITEM, d, k));
	EXPECT_EQ(0, CALL(CONTAINS, d, k));
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, k, v));
	EXPECT_COUNT(2, k);
	EXPECT_COUNT(2, v);
	EXPECT_EQ(1, CALL(LEN, d));
	EXPECT_SAME(CALL(DICT_ITEM, d, k), v);
	EXPECT_SAME(CALL(DICT_ITEM, d, k2), v);
	EXPECT_EQ(1, CALL(CONTAINS, d, k2));
	/* an equal key: the old one stays, the value is another */
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, k2, v2));
	EXPECT_COUNT(2, k);
	EXPECT_COUNT(1, k2);
	EXPECT_COUNT(1, v);
	EXPECT_COUNT(2, v2);
	EXPECT_EQ(1, CALL(LEN, d));
	EXPECT_EQ(0, CALL(DICT_DELITEM, d, k2));
	EXPECT_COUNT(1, k);
	EXPECT_COUNT(1, v2);
	EXPECT_EQ(0, CALL(LEN, d));
	EXPECT_EQ(-ENOKEY, CALL(DICT_DELITEM, d, k));
	/* a value that only the dict has dies with its entry, or with the dict */
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, k, v));
	EXPECT_EQ(0, CALL(CLOSE, v));
	EXPECT_EQ(5, OBJECTS());
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, k, v2));
	EXPECT_EQ(4, OBJECTS());
	EXPECT_EQ(0, CALL(CLOSE, v2));
	EXPECT_EQ(0, CALL(CLOSE, d));
	EXPECT_EQ(2, OBJECTS());
	EXPECT_COUNT(1, k);
}

TEST_F(keyed, set)
{
	__s64 s = NEW(SET), x = NEW(INT, 1000), y = NEW(INT, 1000), z = NEW(INT, 1001);

	EXPECT_EQ(1, CALL(ADD, s, x));
	EXPECT_EQ(0, CALL(ADD, s, x));
	EXPECT_EQ(0, CALL(ADD, s, y));
	EXPECT_COUNT(2, x);
	EXPECT_COUNT(1, y);
	EXPECT_EQ(1, CALL(LEN, s));
	EXPECT_EQ(1, CALL(CONTAINS, s, y));
	EXPECT_EQ(0, CALL(CONTAINS, s, z));
	EXPECT_EQ(0, CALL(DISCARD, s, z));
	EXPECT_EQ(1, CALL(DISCARD, s, y));
	EXPECT_EQ(0, CALL(DISCARD, s, y));
	EXPECT_COUNT(1, x);
	EXPECT_EQ(0, CALL(LEN, s));
}

TEST_F(keyed, instance)
{
	__s64 o = NEW(INSTANCE), x = NEW(LIST), y = NEW(LIST);
	char longest[REFSLAB_MAX_ATTRIBUTE + 2];

	EXPECT_EQ(-ENOKEY, GETATTR(o, "x"));
	EXPECT_EQ(-ENOKEY, DELATTR(o, "x"));
	EXPECT_EQ(0, SETATTR(o, "x", x));
	EXPECT_EQ(0, SETATTR(o, "_y_2", y));
	EXPECT_EQ(2, CALL(LEN, o));
	EXPECT_SAME(GETATTR(o, "x"), x);
	EXPECT_SAME(GETATTR(o, "_y_2"), y);
	EXPECT_EQ(0, SETATTR(o, "x", y));
	EXPECT_COUNT(1, x);
	EXPECT_COUNT(3, y);
	EXPECT_EQ(0, DELATTR(o, "x"));
	EXPECT_EQ(-ENOKEY, GETATTR(o, "x"));
	EXPECT_COUNT(2, y);
	memset(longest, 'n', sizeof(longest));
	longest[REFSLAB_MAX_ATTRIBUTE] = '\0';
	EXPECT_EQ(0, SETATTR(o, longest, x));
	EXPECT_SAME(GETATTR(o, longest), x);
	EXPECT_EQ(0, DELATTR(o, longest));
	EXPECT_COUNT(1, x);
	/* it is a key itself */
	EXPECT_EQ(0, CALL(DICT_SETITEM, NEW(DICT), o, o));
	EXPECT_COUNT(3, o);
}

TEST_F(keyed, keys_are_equal_as_in_python)
{
	const double one = 1e3, half = 1000.5;
	__u64 bits, half_bits;
	__s64 d = NEW(DICT), v = NEW(LIST), f, n = NEW(INT, 1000), t, t2, node;
	__u32 h[2];

	memcpy(&bits, &one, sizeof(bits));
	memcpy(&half_bits, &half, sizeof(half_bits));
	f = NEW(FLOAT, bits);
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, n, v));
	EXPECT_EQ(1, CALL(CONTAINS, d, f));
	EXPECT_EQ(0, CALL(CONTAINS, d, NEW(FLOAT, half_bits)));
	EXPECT_EQ(0, CALL(CONTAINS, d, STR("1000")));
	/* bytes and strs are not */
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, NEW(BYTES, ptr("abc"), 3), v));
	EXPECT_EQ(1, CALL(CONTAINS, d, NEW(BYTES, ptr("abc"), 3)));
	EXPECT_EQ(0, CALL(CONTAINS, d, NEW(STR, ptr("abc"), 3)));
	/* tuples by what is in them */
	node = NEW(NEW, self->node);
	h[0] = n;
	h[1] = node;
	t = NEW(TUPLE, ptr(h), 2);
	h[0] = f;
	t2 = NEW(TUPLE, ptr(h), 2);
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, t, v));
	EXPECT_EQ(1, CALL(CONTAINS, d, t2));
	/* objects by themselves */
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, node, v));
	EXPECT_EQ(0, CALL(CONTAINS, d, NEW(NEW, self->node)));
	EXPECT_SAME(CALL(DICT_ITEM, d, node), v);
	EXPECT_EQ(4, CALL(LEN, d));
}

TEST_F(keyed, errors_change_nothing)
{
	__s64 d = NEW(DICT), s = NEW(SET), o = NEW(INSTANCE), l = NEW(LIST), n = NEW(INT, 1000);
	static const char *const bad[] = { "", "1x", "a b", "a-b", "\xc3\xa4", "x\n" };
	const __s64 unhashable[] = { l, d, s };
	struct refslab_entry entry[4];
	struct refslab_stat before, after;
	char longest[300];
	__u64 cursor = 0;
	size_t i;

	ASSERT_EQ(0, CALL(DICT_SETITEM, d, n, n));
	ASSERT_EQ(1, CALL(ADD, s, n));
	ASSERT_EQ(0, SETATTR(o, "there", n));
	before = test_stat(self->fd);
	for (i = 0; i < ARRAY_SIZE(unhashable); i++) {
		EXPECT_EQ(-EPROTOTYPE, CALL(DICT_SETITEM, d, unhashable[i], n));
		EXPECT_EQ(-EPROTOTYPE, CALL(DICT_ITEM, d, unhashable[i]));
		EXPECT_EQ(-EPROTOTYPE, CALL(DICT_DELITEM, d, unhashable[i]));
		EXPECT_EQ(-EPROTOTYPE, CALL(ADD, s, unhashable[i]));
		EXPECT_EQ(-EPROTOTYPE, CALL(DISCARD, s, unhashable[i]));
		EXPECT_EQ(-EPROTOTYPE, CALL(CONTAINS, d, unhashable[i]));
		EXPECT_EQ(-EPROTOTYPE, CALL(CONTAINS, s, unhashable[i]));
	}
	/* of another type */
	EXPECT_EQ(-EPROTOTYPE, CALL(DICT_SETITEM, s, n, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(DICT_SETITEM, o, n, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(DICT_ITEM, l, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(DICT_DELITEM, s, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(ADD, d, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(DISCARD, d, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(CONTAINS, o, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(CONTAINS, n, n));
	EXPECT_EQ(-EPROTOTYPE, SETATTR(d, "x", n));
	EXPECT_EQ(-EPROTOTYPE, GETATTR(l, "x"));
	EXPECT_EQ(-EPROTOTYPE, DELATTR(n, "x"));
	EXPECT_EQ(-EPROTOTYPE, ITEMS(n, &cursor, entry, 4));
	EXPECT_EQ(-EPROTOTYPE, CALL(APPEND, d, n));
	EXPECT_EQ(-EPROTOTYPE, CALL(ITEM, d, 0));
	EXPECT_EQ(-EPROTOTYPE, CALL(WEAK, d, 0));
	/* no handles */
	EXPECT_EQ(-ENOENT, CALL(DICT_SETITEM, d, n, 12345));
	EXPECT_EQ(-ENOENT, CALL(DICT_SETITEM, d, 12345, n));
	EXPECT_EQ(-ENOENT, CALL(ADD, 12345, n));
	EXPECT_EQ(-ENOENT, SETATTR(o, "x", 12345));
	/* names */
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, SETATTR(o, bad[i], n));
		EXPECT_EQ(-EINVAL, GETATTR(o, bad[i]));
		EXPECT_EQ(-EINVAL, DELATTR(o, bad[i]));
	}
	memset(longest, 'n', sizeof(longest));
	EXPECT_EQ(-EINVAL, CALL(SETATTR, o, ptr(longest), 256, n));
	EXPECT_EQ(-EINVAL, CALL(SETATTR, o, ptr(longest), 1ull << 32, n));
	EXPECT_EQ(-EFAULT, CALL(SETATTR, o, 0, 3, n));
	EXPECT_EQ(-EFAULT, CALL(GETATTR, o, 1ull << 63, 3));
	/* room for entries */
	EXPECT_EQ(-EINVAL, CALL(ITEMS, d, 0, ptr(entry), 0));
	EXPECT_EQ(-EINVAL, CALL(ITEMS, d, 0, ptr(entry), 12));
	EXPECT_EQ(-EINVAL, CALL(ITEMS, d, 0, ptr(entry), (1u << 20) + 8));
	EXPECT_EQ(-EINVAL, CALL(ITEMS, d, 0, ptr(entry), (1ull << 32) + 8));
	EXPECT_EQ(-EFAULT, CALL(ITEMS, d, 0, 0, 8));
	EXPECT_EQ(-EFAULT, CALL(ITEMS, o, 0, 1ull << 63, 8));
	EXPECT_EQ(-EFAULT, CALL(ITEMS, l = NEW(LIST), 0, 0, 8) ?: -EFAULT);
	EXPECT_EQ(0, CALL(CLOSE, l));
	after = test_stat(self->fd);
	/* blocks that were free may be another's by now */
	after.bytes_cached = before.bytes_cached;
	EXPECT_EQ(before.objects, after.objects);
	EXPECT_EQ(before.handles, after.handles);
	EXPECT_EQ(before.bytes_used, after.bytes_used);
	EXPECT_COUNT(5, n);
	EXPECT_EQ(1, CALL(LEN, d));
	EXPECT_EQ(1, CALL(LEN, s));
	EXPECT_EQ(1, CALL(LEN, o));
}

/* Insertion order, with what was deleted gone and what was set again where it was. */
TEST_F(keyed, items_come_in_order)
{
	enum { N = 300 };
	struct refslab_entry entries[N];
	__s64 d = NEW(DICT), s = NEW(SET), k[N], value;
	__u64 cursor;
	int i, n, got, room;

	for (i = 0; i < N; i++) {
		k[i] = NEW(INT, 1000 + (i * 37) % N);
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, k[i], d));
		ASSERT_EQ(1, CALL(ADD, s, k[i]));
	}
	for (i = 0; i < N; i += 3) {
		ASSERT_EQ(0, CALL(DICT_DELITEM, d, k[i]));
		ASSERT_EQ(1, CALL(DISCARD, s, k[i]));
	}
	for (i = 1; i < N; i += 3)
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, k[i], k[i]));
	for (room = 1; room <= 256; room *= 16) {
		for (cursor = 0, n = 0, i = 0;; n += got) {
			got = ITEMS(d, &cursor, entries, room);
			ASSERT_LE(0, got);
			ASSERT_GE(room, got);
			for (int e = 0; e < got; e++, i++) {
				i += i % 3 == 0;
				EXPECT_EQ(1, CALL(IS, entries[e].key, k[i]));
				value = i % 3 == 1 ? k[i] : d;
				EXPECT_EQ(1, CALL(IS, entries[e].value, value));
			}
			close_entries(self->fd, entries, got);
			if (!cursor)
				break;
		}
		EXPECT_EQ(N * 2 / 3, n + got);
		for (cursor = 0, n = 0, i = 0;; n += got) {
			got = ITEMS(s, &cursor, entries, room);
			ASSERT_LE(0, got);
			for (int e = 0; e < got; e++, i++) {
				i += i % 3 == 0;
				EXPECT_EQ(1, CALL(IS, entries[e].key, k[i]));
				EXPECT_EQ(0, entries[e].value);
			}
			close_entries(self->fd, entries, got);
			if (!cursor)
				break;
		}
		EXPECT_EQ(N * 2 / 3, n + got);
	}
	EXPECT_EQ(N + 2, test_stat(self->fd).handles);
	/* the dict is a value of its own */
	EXPECT_EQ(0, CALL(CLOSE, d));
	EXPECT_EQ(1, CALL(COLLECT, 2));
}

TEST_F(keyed, items_of_instances_lists_and_tuples)
{
	struct refslab_entry entries[8];
	__s64 o = NEW(INSTANCE), l = NEW(LIST), t, x = NEW(LIST), y = NEW(SET);
	__u32 h[] = { x, y, x };
	__u64 cursor = 0;
	char text[8] = "";

	ASSERT_EQ(0, SETATTR(o, "first", x));
	ASSERT_EQ(0, SETATTR(o, "second", y));
	ASSERT_EQ(2, ITEMS(o, &cursor, entries, 8));
	EXPECT_EQ(0, cursor);
	EXPECT_EQ(6, CALL(STR_VALUE, entries[1].key, ptr(text), sizeof(text)));
	EXPECT_STREQ("second", text);
	EXPECT_EQ(1, CALL(IS, entries[0].value, x));
	EXPECT_EQ(1, CALL(IS, entries[1].value, y));
	close_entries(self->fd, entries, 2);
	t = NEW(TUPLE, ptr(h), 3);
	EXPECT_EQ(0, CALL(APPEND, l, y));
	EXPECT_EQ(0, CALL(APPEND, l, x));
	EXPECT_EQ(0, CALL(APPEND, l, y));
	ASSERT_EQ(3, ITEMS(t, &cursor, entries, 8));
	EXPECT_EQ(0, cursor);
	EXPECT_EQ(1, CALL(IS, entries[1].key, y));
	EXPECT_EQ(1, CALL(IS, entries[2].key, x));
	EXPECT_EQ(0, entries[2].value);
	close_entries(self->fd, entries, 3);
	ASSERT_EQ(2, ITEMS(l, &cursor, entries, 2));
	EXPECT_NE(0, cursor);
	EXPECT_EQ(1, CALL(IS, entries[1].key, x));
	close_entries(self->fd, entries, 2);
	/* it goes on by index, whatever happens to the list */
	EXPECT_EQ(0, CALL(DELITEM, l, 0));
	EXPECT_EQ(0, CALL(APPEND, l, x));
	ASSERT_EQ(1, ITEMS(l, &cursor, entries, 8));
	EXPECT_EQ(0, cursor);
	EXPECT_EQ(1, CALL(IS, entries[0].key, x));
	close_entries(self->fd, entries, 1);
	/* beyond the end */
	cursor = 1ull << 40;
	EXPECT_EQ(0, ITEMS(l, &cursor, entries, 8));
	EXPECT_EQ(0, cursor);
}

TEST_F(keyed, items_go_stale)
{
	struct refslab_entry entries[4];
	__s64 d = NEW(DICT), k[10], more = NEW(INT, 5000);
	__u64 cursor = 0, before, cursors[3], i;

	for (i = 0; i < 10; i++) {
		k[i] = NEW(INT, 1000 + i);
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, k[i], d));
	}
	ASSERT_EQ(4, ITEMS(d, &cursor, entries, 4));
	close_entries(self->fd, entries, 4);
	before = cursor;
	/* a value is no key */
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, k[5], k[5]));
	ASSERT_EQ(4, ITEMS(d, &cursor, entries, 4));
	close_entries(self->fd, entries, 4);
	EXPECT_EQ(0, CALL(DICT_SETITEM, d, more, d));
	EXPECT_EQ(-ESTALE, ITEMS(d, &cursor, entries, 4));
	EXPECT_EQ(0, CALL(DICT_DELITEM, d, more));
	cursor = before;
	EXPECT_EQ(-ESTALE, ITEMS(d, &cursor, entries, 4));
	/* whatever a program makes up */
	cursors[0] = 1;
	cursors[1] = ~0ull;
	cursors[2] = before ^ 1ull << 40;
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-ESTALE, ITEMS(d, &cursors[i], entries, 4));
	EXPECT_EQ(13 - 1, test_stat(self->fd).handles);
	EXPECT_EQ(0, CALL(CLOSE, d));
	EXPECT_EQ(1, CALL(COLLECT, 2));
}

/* As in Python: equal to nothing, but found where the object itself is looked for. */
TEST_F(keyed, not_a_number_as_key)
{
	const __u64 bits = 0x7ff8ull << 48;
	__s64 d = NEW(DICT), s = NEW(SET), v[] = { NEW(INT, 1), NEW(INT, 2) };
	__s64 nan[] = { NEW(FLOAT, bits), NEW(FLOAT, bits) };
	int i;

	EXPECT_EQ(0, CALL(IS, nan[0], nan[1]));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-ENOKEY, CALL(DICT_ITEM, d, nan[i]));
		EXPECT_EQ(0, CALL(CONTAINS, s, nan[i]));
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, nan[i], v[i]));
		EXPECT_EQ(1, CALL(ADD, s, nan[i]));
		EXPECT_EQ(0, CALL(ADD, s, nan[i]));
	}
	EXPECT_EQ(2, CALL(LEN, d));
	EXPECT_EQ(2, CALL(LEN, s));
	for (i = 0; i < 2; i++)
		EXPECT_SAME(CALL(DICT_ITEM, d, nan[i]), v[i]);
	EXPECT_EQ(0, CALL(DICT_DELITEM, d, nan[0]));
	EXPECT_EQ(1, CALL(DISCARD, s, nan[0]));
	EXPECT_EQ(0, CALL(CONTAINS, d, nan[0]));
	EXPECT_EQ(1, CALL(CONTAINS, d, nan[1]));
	EXPECT_EQ(1, CALL(CONTAINS, s, nan[1]));
}

/* What cannot be written costs no handle. */
TEST_F(keyed, items_make_all_handles_or_none)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct refslab_entry *edge;
	__s64 d = NEW(DICT), k;
	__u64 cursor = 0, handles;
	int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_READ));
	edge = (struct refslab_entry *)(map + page) - 3;
	for (i = 0; i < 8; i++) {
		k = NEW(INT, 1000 + i);
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, k, k));
		ASSERT_EQ(0, CALL(CLOSE, k));
	}
	handles = test_stat(self->fd).handles;
	EXPECT_EQ(-EFAULT, ITEMS(d, &cursor, edge, 8));
	EXPECT_EQ(handles, test_stat(self->fd).handles);
	EXPECT_EQ(3, ITEMS(d, &cursor, edge, 3));
	EXPECT_EQ(handles + 6, test_stat(self->fd).handles);
	close_entries(self->fd, edge, 3);
	munmap(map, 2 * page);
}

TEST_F(keyed, contains)
{
	__s64 l = NEW(LIST), x = NEW(INT, 1000), y = NEW(INT, 1000), z = NEW(INT, 1001);
	__s64 t, other, i;
	__u32 h[3];

	other = NEW(LIST);
	h[0] = other;
	h[1] = x;
	h[2] = z;
	t = NEW(TUPLE, ptr(h), 3);
	EXPECT_EQ(0, CALL(CONTAINS, l, x));
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, CALL(APPEND, l, z));
	EXPECT_EQ(0, CALL(CONTAINS, l, y));
	EXPECT_EQ(0, CALL(APPEND, l, x));
	EXPECT_EQ(1, CALL(CONTAINS, l, y));
	EXPECT_EQ(1, CALL(CONTAINS, t, y));
	/* what is no key, by identity */
	EXPECT_EQ(1, CALL(CONTAINS, t, other));
	EXPECT_EQ(0, CALL(CONTAINS, t, l));
	EXPECT_EQ(0, CALL(CONTAINS, l, other));
	EXPECT_EQ(0, CALL(APPEND, l, l));
	EXPECT_EQ(1, CALL(CONTAINS, l, l));
	EXPECT_COUNT(1, y);
	EXPECT_EQ(0, CALL(CLOSE, l));
	EXPECT_EQ(1, CALL(COLLECT, 2));
}

/* A value as the operands that it is. */
struct value {
	__u64 kind, value, len;
};

static struct value int_value(__s64 i)
{
	return (struct value) { REFSLAB_VALUE_INT, i, 0 };
}

static struct value float_value(double d)
{
	struct value v = { .kind = REFSLAB_VALUE_FLOAT };

	memcpy(&v.value, &d, sizeof(d));
	return v;
}

static struct value str_value(const char *s)
{
	return (struct value) { REFSLAB_VALUE_STR, ptr(s), strlen(s) };
}

static struct value bytes_value(const char *s)
{
	return (struct value) { REFSLAB_VALUE_BYTES, ptr(s), strlen(s) };
}

static __s64 by_value(int fd, unsigned int opcode, __u64 h, struct value v)
{
	return test_call1(fd, opcode, (const __u64[4]) { h, v.kind, v.value, v.len });
}

#define ITEM_BY(fd, h, v)	by_value(fd, REFSLAB_OP_DICT_ITEM_BYVALUE, h, v)
#define CONTAINS_BY(fd, h, v)	by_value(fd, REFSLAB_OP_CONTAINS_BYVALUE, h, v)

/* By who may only look, without an object for what is looked up. */
TEST_F(keyed, values_are_looked_up)
{
	int other = test_attach(self->fd, REFSLAB_ATTACH_READONLY);
	static char longest[REFSLAB_MAX_STR + 1];
	__s64 d = NEW(DICT), s = NEW(SET), l = NEW(LIST), t, k[6], values[6], seen[4];
	struct refslab_stat before;
	unsigned int i, j;

	ASSERT_LE(0, other);
	memset(longest, 'q', REFSLAB_MAX_STR);
	k[0] = NEW(INT, 1000);
	k[1] = NEW(FLOAT, 0x3ff8000000000000);	/* 1.5 */
	k[2] = STR("name");
	k[3] = STR("gr\303\274n \342\202\254");
	k[4] = NEW(BYTES, ptr("name"), 4);
	k[5] = NEW(STR, ptr(longest), REFSLAB_MAX_STR);
	for (i = 0; i < 6; i++) {
		values[i] = NEW(LIST);
		ASSERT_EQ(0, CALL(DICT_SETITEM, d, k[i], values[i]));
		ASSERT_EQ(1, CALL(ADD, s, k[i]));
		ASSERT_EQ(0, CALL(APPEND, l, k[i]));
	}
	t = NEW(TUPLE, ptr(((__u32[]) { k[0], k[1], k[2], k[3], k[4], k[5] })), 6);
	seen[0] = call(other, BYID, test_id(self->fd, d));
	seen[1] = call(other, BYID, test_id(self->fd, s));
	seen[2] = call(other, BYID, test_id(self->fd, l));
	seen[3] = call(other, BYID, test_id(self->fd, t));
	before = test_stat(self->fd);
#define EXPECT_FOUND(nr, v) do {					\
	__s64 __h = ITEM_BY(other, seen[0], v);				\
									\
	EXPECT_LT(0, __h);						\
	EXPECT_EQ(test_id(self->fd, values[nr]), test_id(other, __h));	\
	EXPECT_EQ(0, call(other, CLOSE, __h));				\
	for (j = 0; j < 4; j++)						\
		EXPECT_EQ(1, CONTAINS_BY(other, seen[j], v));		\
} while (0)
#define EXPECT_ABSENT(v) do {						\
	EXPECT_EQ(-ENOKEY, ITEM_BY(other, seen[0], v));			\
	for (j = 0; j < 4; j++)						\
		EXPECT_EQ(0, CONTAINS_BY(other, seen[j], v));		\
} while (0)
	EXPECT_FOUND(0, int_value(1000));
	EXPECT_FOUND(0, float_value(1000.0));
	EXPECT_FOUND(1, float_value(1.5));
	EXPECT_FOUND(2, str_value("name"));
	EXPECT_FOUND(3, str_value("gr\303\274n \342\202\254"));
	EXPECT_FOUND(4, bytes_value("name"));
	EXPECT_FOUND(5, str_value(longest));
	EXPECT_ABSENT(int_value(1));
	EXPECT_ABSENT(int_value(-1));
	EXPECT_ABSENT(float_value(1000.5));
	EXPECT_ABSENT(float_value(__builtin_nan("")));
	EXPECT_ABSENT(str_value("nam"));
	EXPECT_ABSENT(str_value(""));
	EXPECT_ABSENT(str_value("gr\303\274n"));
	EXPECT_ABSENT(bytes_value(longest));
	EXPECT_ABSENT(bytes_value(""));
	/* nothing was made for that, and no handle is left */
	EXPECT_EQ(before.objects, test_stat(self->fd).objects);
	EXPECT_EQ(before.handles, test_stat(self->fd).handles);
	EXPECT_EQ(before.bytes_used, test_stat(self->fd).bytes_used);
	/* others than these have no entries, or none with values */
	EXPECT_EQ(-EPROTOTYPE, ITEM_BY(self->fd, s, int_value(1)));
	EXPECT_EQ(-EPROTOTYPE, ITEM_BY(self->fd, l, int_value(1)));
	EXPECT_EQ(-EPROTOTYPE, CONTAINS_BY(self->fd, k[2], int_value(1)));
	close(other);
}

TEST_F(keyed, cycles_are_collected)
{
	__s64 d = NEW(DICT), s = NEW(SET), o = NEW(INSTANCE), n = NEW(NEW, self->node);

	ASSERT_EQ(0, CALL(DICT_SETITEM, d, o, d));
	ASSERT_EQ(0, CALL(DICT_SETITEM, d, n, s));
	ASSERT_EQ(1, CALL(ADD, s, o));
	ASSERT_EQ(0, SETATTR(o, "dict", d));
	ASSERT_EQ(0, CALL(SETSLOT, n, 0, o));
	ASSERT_EQ(0, CALL(CLOSE, d));
	ASSERT_EQ(0, CALL(CLOSE, s));
	ASSERT_EQ(0, CALL(CLOSE, n));
	EXPECT_EQ(0, CALL(COLLECT, 2));
	d = CALL(GETATTR, o, ptr("dict"), 4);
	ASSERT_LT(0, d);
	EXPECT_EQ(2, CALL(LEN, d));
	ASSERT_EQ(0, CALL(CLOSE, d));
	ASSERT_EQ(0, CALL(CLOSE, o));
	EXPECT_EQ(4, CALL(COLLECT, 2));
	EXPECT_EQ(0, OBJECTS());
}

TEST_F(keyed, sets_and_instances_have_weak_references)
{
	__s64 s = NEW(SET), o = NEW(INSTANCE), ws = NEW(WEAK, s, REFSLAB_WEAK_CALLBACK);
	__s64 wo = NEW(WEAK, o, 0), id = test_id(self->fd, s);
	struct refslab_event_record event;

	EXPECT_SAME(CALL(DEREF, ws), s);
	EXPECT_SAME(CALL(DEREF, wo), o);
	EXPECT_SAME(CALL(BYID, id), s);
	ASSERT_EQ(0, CALL(CLOSE, s));
	ASSERT_EQ(0, CALL(CLOSE, o));
	EXPECT_EQ(0, CALL(DEREF, ws));
	EXPECT_EQ(0, CALL(DEREF, wo));
	EXPECT_EQ(0, CALL(BYID, id));
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	event = test_event(self->fd);
	EXPECT_EQ(REFSLAB_EVENT_WEAKREF, event.event);
	EXPECT_EQ(id, event.id);
	EXPECT_EQ(0, CALL(CLOSE, event.handle));
}

/* Referents are the entries; what refers to a key or a value is the dict. */
TEST_F(keyed, who_refers_to_whom)
{
	struct refslab_record records[16];
	__s64 d = NEW(DICT), k = NEW(INT, 1000), v = NEW(LIST), gone = NEW(INT, 1001);
	__u64 result[2], id = test_id(self->fd, d);

	ASSERT_EQ(0, CALL(DICT_SETITEM, d, gone, gone));
	ASSERT_EQ(0, CALL(DICT_SETITEM, d, k, v));
	ASSERT_EQ(0, CALL(DICT_DELITEM, d, gone));
	ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_REFERENTS,
			       (const __u64[4]) { d, 0, ptr(records), sizeof(records) }, result));
	ASSERT_EQ(2, result[0]);
	EXPECT_EQ(test_id(self->fd, k), records[0].id);
	EXPECT_EQ(test_id(self->fd, v), records[1].id);
	ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_REFERRERS,
			       (const __u64[4]) { v, 0, ptr(records), sizeof(records) }, result));
	ASSERT_EQ(1, result[0]);
	EXPECT_EQ(id, records[0].id);
}

/* Puts @nr numbers into a dict, each under itself, or takes them out. Returns what went wrong. */
static int each_number(int fd, __s64 dict, __u64 nr, bool put)
{
	enum { BATCH = 1000 };
	static struct refslab_op ops[3 * BATCH];
	__u64 i, n = 0;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		ops[n] = op(INT, 1000 + i);
		ops[n + 1] = put ? opf(DICT_SETITEM, F(1) | F(2), dict, n, n) :
				   opf(DICT_DELITEM, F(1), dict, n);
		ops[n + 2] = opf(CLOSE, F(0), n);
		n += 3;
		if (n == 3 * BATCH || i == nr - 1) {
			err = test_submit(fd, ops, n, NULL);
			n = 0;
		}
	}
	return err;
}

/* Memory grows with the entries and goes with them; a large dict goes at once, or soon. */
TEST_F(keyed, memory_comes_back)
{
	const __u64 nr = test_env("REFSLAB_TEST_OBJECTS", 100000);
	__u64 before;
	__s64 d = NEW(DICT);

	before = test_stat(self->fd).bytes_used;
	ASSERT_EQ(0, each_number(self->fd, d, nr, true));
	EXPECT_EQ(nr, CALL(LEN, d));
	EXPECT_LT(before + 24 * nr, test_stat(self->fd).bytes_used);
	test_heap_check(_metadata, &self->heap);
	ASSERT_EQ(0, each_number(self->fd, d, nr, false));
	EXPECT_EQ(before, test_stat(self->fd).bytes_used);
	ASSERT_EQ(0, each_number(self->fd, d, nr, true));
	ASSERT_EQ(0, CALL(CLOSE, d));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, !OBJECTS()));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, !test_stat(self->fd).bytes_used));
}

struct race {
	int fd;
	__u64 dict;
	unsigned int nr;
	bool *stop;
	unsigned long bad, done, stale;
};

static void *race(void *arg)
{
	struct race *r = arg;
	struct refslab_entry entries[64];
	__u64 state = r->nr, cursor;
	__s64 k, v, ret;
	int n;

	while (!__atomic_load_n(r->stop, __ATOMIC_RELAXED)) {
		k = call(r->fd, INT, 1000 + test_random(&state) % 2000);
		switch (test_random(&state) % 8) {
		case 0 ... 2:
			v = call(r->fd, LIST);
			r->bad += call(r->fd, DICT_SETITEM, r->dict, k, v) != 0;
			/* a cycle now and then */
			if (!(test_random(&state) % 4))
				r->bad += call(r->fd, APPEND, v, v) != 0;
			call(r->fd, CLOSE, v);
			break;
		case 3 ... 5:
			ret = call(r->fd, DICT_DELITEM, r->dict, k);
			r->bad += ret && ret != -ENOKEY;
			break;
		case 6:
			v = call(r->fd, DICT_ITEM, r->dict, k);
			r->bad += v < 0 && v != -ENOKEY;
			if (v > 0) {
				r->bad += call(r->fd, LEN, v) > 1;
				call(r->fd, CLOSE, v);
			}
			break;
		default:
			cursor = 0;
			do {
				n = items(r->fd, r->dict, &cursor, entries, 64);
				close_entries(r->fd, entries, n);
			} while (n >= 0 && cursor);
			r->bad += n < 0 && n != -ESTALE;
			r->stale += n == -ESTALE;
			break;
		}
		call(r->fd, CLOSE, k);
		__atomic_add_fetch(&r->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned long done_by(const struct race *r, unsigned int n)
{
	unsigned long done = 0;

	while (n--)
		done += __atomic_load_n(&r[n].done, __ATOMIC_RELAXED);
	return done;
}

/* Threads at one dict, while scans run back to back. */
TEST_F(keyed, many_use_one_dict)
{
	enum { THREADS = 4 };
	bool stop = false;
	struct race r[THREADS];
	pthread_t thread[THREADS];
	__s64 d = NEW(DICT);
	unsigned int i, scans = 0;
	unsigned long done;
	double end;

	for (i = 0; i < THREADS; i++) {
		r[i] = (struct race){ .fd = self->fd, .dict = d, .nr = i, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, race, &r[i]));
	}
	end = test_now() + 2;
	do {
		EXPECT_LE(0, CALL(COLLECT, scans % 3 | (scans % 2 ? REFSLAB_COLLECT_ALL : 0)));
		scans++;
	} while (test_now() < end || done_by(r, THREADS) <= THREADS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, r[i].bad);
	}
	done = done_by(r, THREADS);
	TH_LOG("%lu operations, %u scans", done, scans);
	EXPECT_LT(THREADS, done);
	test_heap_check(_metadata, &self->heap);
	EXPECT_EQ(0, CALL(CLOSE, d));
}

enum { LOOKED_AT = 40000 };

/* What changes the set, from its end, where memory is given back first. */
static void *come_and_go(void *arg)
{
	static struct refslab_op ops[REFSLAB_MAX_OPS];
	struct race *r = arg;
	unsigned int i, n, all;

	while (!__atomic_load_n(r->stop, __ATOMIC_RELAXED)) {
		for (all = 0; all < 2 * LOOKED_AT; all += n) {
			n = all < LOOKED_AT ? LOOKED_AT - all : 2 * LOOKED_AT - all;
			if (n > ARRAY_SIZE(ops) / 3)
				n = ARRAY_SIZE(ops) / 3;
			memset(ops, 0, sizeof(ops));
			for (i = 0; i < n; i++) {
				bool add = all < LOOKED_AT;
				__u64 value = 1000 + (add ? all + i : 2 * LOOKED_AT - all - i - 1);

				ops[3 * i] = op(INT, value);
				ops[3 * i + 1] = opf(ADD, F(1), r->dict, 3 * i);
				if (!add)
					ops[3 * i + 1].opcode = REFSLAB_OP_DISCARD;
				ops[3 * i + 2] = opf(CLOSE, F(0), 3 * i);
			}
			r->bad += test_submit(r->fd, ops, 3 * n, NULL) != 0;
		}
		__atomic_add_fetch(&r->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The checker is for heaps at rest, but does no harm to others. */
TEST_F(keyed, checked_while_it_changes)
{
	bool stop = false;
	struct race r = { .fd = self->fd, .dict = NEW(SET), .stop = &stop };
	unsigned int looks = 0;
	pthread_t thread;
	char text[512];
	double end;

	ASSERT_EQ(0, pthread_create(&thread, NULL, come_and_go, &r));
	end = test_now() + 2;
	do {
		EXPECT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/check", self->heap.id));
		looks++;
	} while (test_now() < end || !done_by(&r, 1));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, r.bad);
	TH_LOG("looked %u times, %lu rounds", looks, r.done);
	test_heap_check(_metadata, &self->heap);
	EXPECT_EQ(0, CALL(CLOSE, r.dict));
}

/* Compares two tuples that are equal but for the end, which takes long. */
static void compare_long_tuples(int fd)
{
	static __u32 handle[REFSLAB_MAX_TUPLE];
	static char text[REFSLAB_MAX_STR];
	__s64 s, list = call(fd, LIST), tuple = 0;
	unsigned int i, k;

	memset(text, ' ', sizeof(text));
	memcpy(text, "\xf0\x9f\x98\x80", 4);
	for (k = 0; k < 2; k++) {
		s = call(fd, STR, ptr(text), sizeof(text));
		for (i = 0; i < ARRAY_SIZE(handle); i++)
			handle[i] = s;
		handle[i - 1] = call(fd, INT, k);
		tuple = call(fd, TUPLE, ptr(handle), ARRAY_SIZE(handle));
		if (!k)
			call(fd, APPEND, list, tuple);
	}
	call(fd, CONTAINS, list, tuple);
}

TEST_F(keyed, killed_while_it_compares)
{
	double killed;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		compare_long_tuples(self->fd);
		_exit(0);
	}
	test_sleep_ms(1500);
	killed = test_now();
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_GT(5, test_now() - killed);
}

TEST_HARNESS_MAIN
