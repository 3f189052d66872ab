// SPDX-License-Identifier: GPL-2.0
/*
 * Objects as a program sees them: counts and what counts, handles, slots, payload, lists, ints and
 * strs, ids, and operations that feed one another.
 */
#include <pthread.h>

#include "refslab_test.h"

FIXTURE(objects) {
	struct test_heap heap;
	int fd;
	__s64 node;	/* type: 2 slots, 64 bytes */
};

FIXTURE_SETUP(objects)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
	self->node = test_type(self->fd, "node", 2, 64, 16, 0);
	ASSERT_LT(0, self->node);
}

FIXTURE_TEARDOWN(objects)
{
	test_heap_close(_metadata, &self->heap);
}

#define OBJECTS()	test_stat(self->fd).objects

#define EXPECT_COUNT(n, h)	EXPECT_EQ(n, test_refcount(self->fd, h))

/* Whether two handles name the same object; closes the first. */
#define EXPECT_SAME(got, h) do {					\
	__s64 __got = (got);						\
									\
	EXPECT_LT(0, __got);						\
	EXPECT_EQ(1, CALL(IS, __got, h));				\
	EXPECT_EQ(0, CALL(CLOSE, __got));				\
} while (0)

TEST_F(objects, new_object_has_count_1)
{
	EXPECT_COUNT(1, NEW(NEW, self->node));
	EXPECT_COUNT(1, NEW(LIST));
	EXPECT_COUNT(1, NEW(INT, 1007));
	EXPECT_COUNT(1, NEW(STR, ptr("x y"), 3));
	EXPECT_EQ(4, OBJECTS());
	EXPECT_EQ(4, test_stat(self->fd).handles);
}

TEST_F(objects, handles_count)
{
	__s64 h = NEW(NEW, self->node), second = NEW(DUP, h), third = NEW(DUP, second);

	EXPECT_NE(h, second);
	EXPECT_NE(second, third);
	EXPECT_COUNT(3, h);
	EXPECT_COUNT(3, third);
	EXPECT_EQ(3, test_stat(self->fd).handles);
	EXPECT_EQ(1, OBJECTS());
	EXPECT_EQ(0, CALL(CLOSE, h));
	EXPECT_EQ(-ENOENT, CALL(REFCOUNT, h));
	EXPECT_EQ(-ENOENT, CALL(CLOSE, h));
	EXPECT_COUNT(2, second);
	EXPECT_EQ(0, CALL(CLOSE, third));
	EXPECT_COUNT(1, second);
}

/* More than the places that a session keeps for the next handles. */
#define MANY_HANDLES	200

TEST_F(objects, closed_handles_are_used_again)
{
	__s64 h = NEW(NEW, self->node), dup[MANY_HANDLES], got;
	bool there[MANY_HANDLES + 2] = { };
	int i, round;

	for (i = 0; i < MANY_HANDLES; i++)
		dup[i] = NEW(DUP, h);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY_HANDLES; i++)
			ASSERT_EQ(0, CALL(CLOSE, dup[round == 1 ? MANY_HANDLES - 1 - i : i]));
		/* whether its place was kept or not, it is no handle */
		for (i = 0; i < MANY_HANDLES; i++) {
			ASSERT_EQ(-ENOENT, CALL(REFCOUNT, dup[i]));
			ASSERT_EQ(-ENOENT, CALL(CLOSE, dup[i]));
			ASSERT_EQ(-ENOENT, CALL(APPEND, dup[i], h));
			ASSERT_EQ(-ENOENT, CALL(TYPEOF, dup[i], 0, 0));
		}
		EXPECT_COUNT(1, h);
		EXPECT_EQ(1, test_stat(self->fd).handles);
		memset(there, 0, sizeof(there));
		for (i = 0; i < MANY_HANDLES; i++) {
			dup[i] = NEW(DUP, h);
			ASSERT_GE(MANY_HANDLES + 1, dup[i]);
			ASSERT_NE(h, dup[i]);
			ASSERT_FALSE(there[dup[i]]);
			there[dup[i]] = true;
		}
		EXPECT_COUNT(MANY_HANDLES + 1, h);
		EXPECT_EQ(MANY_HANDLES + 1, test_stat(self->fd).handles);
	}
	/* the one closed last comes first; one that could not be used is not lost */
	ASSERT_EQ(0, CALL(CLOSE, dup[17]));
	ASSERT_EQ(0, CALL(CLOSE, dup[4]));
	got = NEW(LIST);
	EXPECT_EQ(dup[4], got);
	EXPECT_EQ(-ERANGE, CALL(POP, got, 0));
	EXPECT_EQ(-ENODATA, CALL(SLOT, h, 0));
	EXPECT_EQ(dup[17], NEW(DUP, h));
}

TEST_F(objects, is)
{
	__s64 a = NEW(NEW, self->node), b = NEW(NEW, self->node), a2 = NEW(DUP, a);

	EXPECT_EQ(1, CALL(IS, a, a));
	EXPECT_EQ(1, CALL(IS, a, a2));
	EXPECT_EQ(0, CALL(IS, a, b));
	EXPECT_EQ(0, CALL(IS, b, a2));
}

TEST_F(objects, destroyed_at_once)
{
	__s64 a = NEW(NEW, self->node), b = NEW(NEW, self->node);

	EXPECT_EQ(0, CALL(CLOSE, a));
	EXPECT_EQ(1, OBJECTS());
	EXPECT_EQ(0, CALL(CLOSE, b));
	EXPECT_EQ(0, OBJECTS());
	EXPECT_EQ(0, test_stat(self->fd).bytes_used);
}

TEST_F(objects, destruction_cascades_at_once)
{
	__s64 root = NEW(NEW, self->node), l = NEW(LIST), leaf = NEW(INT, 1003), kept = NEW(LIST);

	EXPECT_EQ(0, CALL(SETSLOT, root, 0, l));
	EXPECT_EQ(0, CALL(APPEND, l, leaf));
	EXPECT_EQ(0, CALL(APPEND, l, kept));
	EXPECT_EQ(0, CALL(SETSLOT, root, 1, kept));
	EXPECT_COUNT(3, kept);
	EXPECT_EQ(0, CALL(CLOSE, l));
	EXPECT_EQ(0, CALL(CLOSE, leaf));
	EXPECT_EQ(4, OBJECTS());
	EXPECT_EQ(0, CALL(CLOSE, root));
	EXPECT_EQ(1, OBJECTS());
	EXPECT_COUNT(1, kept);
}

TEST_F(objects, slots_count)
{
	__s64 a = NEW(NEW, self->node), b = NEW(NEW, self->node), c = NEW(INT, 1001);

	EXPECT_EQ(-ENODATA, CALL(SLOT, a, 0));
	EXPECT_EQ(0, CALL(SETSLOT, a, 0, b));
	EXPECT_EQ(0, CALL(SETSLOT, a, 1, b));
	EXPECT_COUNT(3, b);
	EXPECT_COUNT(1, a);
	EXPECT_SAME(CALL(SLOT, a, 1), b);
	EXPECT_COUNT(3, b);
	/* Overwritten by another, by itself, and emptied. */
	EXPECT_EQ(0, CALL(SETSLOT, a, 0, c));
	EXPECT_COUNT(2, b);
	EXPECT_COUNT(2, c);
	EXPECT_EQ(0, CALL(SETSLOT, a, 0, c));
	EXPECT_COUNT(2, c);
	EXPECT_EQ(0, CALL(CLEARSLOT, a, 0));
	EXPECT_COUNT(1, c);
	EXPECT_EQ(-ENODATA, CALL(SLOT, a, 0));
	EXPECT_EQ(0, CALL(CLEARSLOT, a, 0));
	EXPECT_EQ(2, CALL(LEN, a));
}

TEST_F(objects, slot_that_holds_the_last_reference)
{
	__s64 a = NEW(NEW, self->node), b = NEW(NEW, self->node);

	EXPECT_EQ(0, CALL(SETSLOT, a, 0, b));
	EXPECT_EQ(0, CALL(CLOSE, b));
	EXPECT_EQ(2, OBJECTS());
	EXPECT_EQ(0, CALL(SETSLOT, a, 0, a));
	EXPECT_EQ(1, OBJECTS());
	EXPECT_COUNT(2, a);
	EXPECT_EQ(0, CALL(CLEARSLOT, a, 0));
	EXPECT_COUNT(1, a);
}

TEST_F(objects, widest_type)
{
	__s64 t = test_type(self->fd, "widest", REFSLAB_MAX_SLOTS, REFSLAB_MAX_PAYLOAD,
			    REFSLAB_MAX_CACHE, 0);
	__s64 a, i = NEW(INT, 1005);
	char c = 'x';

	ASSERT_LT(0, t);
	a = NEW(NEW, t);
	EXPECT_EQ(REFSLAB_MAX_SLOTS, CALL(LEN, a));
	EXPECT_EQ(-ENODATA, CALL(SLOT, a, REFSLAB_MAX_SLOTS - 1));
	EXPECT_EQ(-ERANGE, CALL(SLOT, a, REFSLAB_MAX_SLOTS));
	EXPECT_EQ(0, CALL(SETSLOT, a, REFSLAB_MAX_SLOTS - 1, i));
	EXPECT_EQ(0, CALL(WRITE, a, REFSLAB_MAX_PAYLOAD - 1, ptr(&c), 1));
	EXPECT_SAME(CALL(SLOT, a, REFSLAB_MAX_SLOTS - 1), i);
	EXPECT_EQ(0, CALL(CLOSE, a));
	EXPECT_COUNT(1, i);
	EXPECT_EQ(1, OBJECTS());
}

TEST_F(objects, payload)
{
	char out[64], in[64], zero[64] = { 0 };
	__s64 h;
	int i;

	for (i = 0; i < 64; i++)
		out[i] = i + 1;
	h = NEW(NEW, self->node);
	memset(in, 0xff, sizeof(in));
	EXPECT_EQ(0, CALL(READ, h, 0, ptr(in), 64));
	EXPECT_EQ(0, memcmp(in, zero, 64));
	EXPECT_EQ(0, CALL(WRITE, h, 3, ptr(out), 61));
	EXPECT_EQ(0, CALL(READ, h, 0, ptr(in), 64));
	EXPECT_EQ(0, memcmp(in, zero, 3));
	EXPECT_EQ(0, memcmp(in + 3, out, 61));
	memset(in, 0x77, sizeof(in));
	EXPECT_EQ(0, CALL(READ, h, 63, ptr(in), 1));
	EXPECT_EQ(out[60], in[0]);
	EXPECT_EQ(0x77, in[1]);
	/* Slots are not payload. */
	EXPECT_EQ(-ENODATA, CALL(SLOT, h, 0));
	EXPECT_EQ(-ENODATA, CALL(SLOT, h, 1));
}

TEST_F(objects, int_values)
{
	static const __u64 values[] = {
		0, 1, -1ull, -5ull, 256, 1ull << 63, (1ull << 63) - 1, ~9ull,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		__u64 result[2];

		ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_INT_VALUE,
				       (const __u64[4]) { NEW(INT, values[i]) }, result));
		EXPECT_EQ(values[i], result[0]);
		EXPECT_EQ(0, result[1]);
	}
}

TEST_F(objects, str_values)
{
	static const char *const values[] = {
		"", "a", "hello", "gr\303\274n", "\342\202\254", "\360\237\230\200", "\177\302\200",
		"\357\277\277", "\364\217\277\277", "\355\237\277\356\200\200",
	};
	static const __s64 chars[] = { 0, 1, 5, 4, 1, 1, 2, 1, 1, 2 };
	char in[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		size_t len = strlen(values[i]);
		__s64 h = NEW(STR, ptr(values[i]), len);

		EXPECT_EQ(chars[i], CALL(LEN, h));
		memset(in, 0x55, sizeof(in));
		EXPECT_EQ(len, CALL(STR_VALUE, h, ptr(in), sizeof(in)));
		EXPECT_EQ(0, memcmp(in, values[i], len));
		EXPECT_EQ(0x55, in[len]);
	}
}

TEST_F(objects, str_value_copies_at_most_n_bytes)
{
	__s64 h = NEW(STR, ptr("hello"), 5);
	char in[8] = "........";

	EXPECT_EQ(5, CALL(STR_VALUE, h, ptr(in), 2));
	EXPECT_EQ(0, memcmp(in, "he......", 8));
	EXPECT_EQ(5, CALL(STR_VALUE, h, ptr(in), 0));
	EXPECT_EQ(0, memcmp(in, "he......", 8));
}

TEST_F(objects, str_with_nul_and_longest)
{
	char *out = malloc(REFSLAB_MAX_STR), *in = malloc(REFSLAB_MAX_STR);
	__s64 h = NEW(STR, ptr("a\0b"), 3);

	EXPECT_EQ(3, CALL(STR_VALUE, h, ptr(in), 3));
	EXPECT_EQ(0, memcmp("a\0b", in, 3));
	memset(out, 'z', REFSLAB_MAX_STR);
	h = NEW(STR, ptr(out), REFSLAB_MAX_STR);
	EXPECT_EQ(REFSLAB_MAX_STR, CALL(STR_VALUE, h, ptr(in), REFSLAB_MAX_STR));
	EXPECT_EQ(0, memcmp(in, out, REFSLAB_MAX_STR));
}

TEST_F(objects, typeof_names)
{
	const struct { __s64 h; const char *name; } of[] = {
		{ NEW(INT, 1001), "int" }, { NEW(STR, 0, 0), "str" }, { NEW(LIST), "list" },
		{ NEW(NEW, self->node), "node" },
	};
	__u64 result[2];
	char name[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(of); i++) {
		memset(name, 0, sizeof(name));
		ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_TYPEOF,
				       (const __u64[4]) { of[i].h, ptr(name), sizeof(name) - 1 },
				       result));
		EXPECT_STREQ(of[i].name, name);
		EXPECT_EQ(strlen(of[i].name), result[1]);
		EXPECT_LT(0, result[0]);
		EXPECT_EQ(!strcmp(name, "node"), (__s64)result[0] == self->node);
	}
	strcpy(name, "....");
	EXPECT_EQ(self->node, CALL(TYPEOF, of[3].h, ptr(name), 2));
	EXPECT_STREQ("no..", name);
}

TEST_F(objects, len_of_others)
{
	EXPECT_EQ(2, CALL(LEN, NEW(NEW, self->node)));
	EXPECT_EQ(0, CALL(LEN, NEW(INT, 1009)));
	EXPECT_EQ(0, CALL(LEN, NEW(LIST)));
}

static int id_order(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

TEST_F(objects, ids_are_never_used_again)
{
	enum { N = 20000 };
	struct refslab_op *ops = calloc(4095, sizeof(*ops));
	__u64 *ids = calloc(N, sizeof(*ids));
	unsigned int i, n = 0;

	/* Make, ask, close: the same block over and over. */
	while (n < N) {
		for (i = 0; i < 4095; i += 3) {
			ops[i] = op(NEW, self->node);
			ops[i + 1] = opf(ID, F(0), i);
			ops[i + 2] = opf(CLOSE, F(0), i);
		}
		ASSERT_EQ(0, test_submit(self->fd, ops, 4095, NULL));
		for (i = 0; i < 4095 && n < N; i += 3)
			ids[n++] = ops[i + 1].result[0];
	}
	EXPECT_EQ(0, OBJECTS());
	for (i = 0; i < N; i++)
		EXPECT_NE(0, ids[i]);
	qsort(ids, N, sizeof(*ids), id_order);
	for (i = 1; i < N; i++)
		ASSERT_NE(ids[i - 1], ids[i]);
}

TEST_F(objects, types_are_limited)
{
	char name[32];
	unsigned int i;
	__s64 t = 0;

	for (i = 0; i < REFSLAB_MAX_TYPES && t >= 0; i++) {
		snprintf(name, sizeof(name), "_t%u", i);
		t = test_type(self->fd, name, 1, 0, 0, 0);
	}
	EXPECT_EQ(-ENOSPC, t);
	/* The ten built-in ones, "node", and the others make up the limit. */
	EXPECT_EQ(REFSLAB_MAX_TYPES - 11, i - 1);
	EXPECT_LT(0, CALL(NEW, self->node));
}

/* What TYPE_FIND tells of a type: its number, or -errno. */
static __s64 find_type(int fd, const char *name, struct refslab_type_def *def, bool *own)
{
	const __u64 arg[4] = { ptr(name), strlen(name), ptr(def), sizeof(*def) };
	__u64 result[2];
	int err = test_call(fd, REFSLAB_OP_TYPE_FIND, arg, result);

	if (err)
		return err;
	*own = result[1];
	return result[0];
}

TEST_F(objects, types_are_found)
{
	static const struct refslab_type_def defs[] = {
		{ 0, 0, 0, 0 },
		{ 0, 3, 100, 7 },
		{ REFSLAB_TYPE_ACYCLIC, 1, 0, 0 },
		{ REFSLAB_TYPE_FINALIZER, 1, 1, REFSLAB_MAX_CACHE },
		{ REFSLAB_TYPE_WEAKREF, 2, 8, 1 },
		{ REFSLAB_TYPE_MAPPED, REFSLAB_MAX_SLOTS, REFSLAB_MAX_MAPPED, 2 },
		{ REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF | REFSLAB_TYPE_MAPPED |
		  REFSLAB_TYPE_ACYCLIC, 5, 4097, 3 },
	};
	static const char *const built_in[] = {
		"int", "float", "str", "bytes", "tuple", "list", "dict", "set", "instance",
		"weakref",
	};
	int other = test_attach(self->fd, REFSLAB_ATTACH_READONLY);
	struct refslab_type_def def, expected;
	__s64 t = call(self->fd, TUPLE, ptr(((__u32[]) { NEW(INT, 1) })), 1);
	char name[] = "t0";
	unsigned int i;
	bool own;

	ASSERT_LE(0, other);
	for (i = 0; i < ARRAY_SIZE(defs); i++, name[1]++) {
		EXPECT_EQ(-ENOENT, find_type(other, name, &def, &own));
		t = CALL(TYPE, ptr(name), 2, ptr(&defs[i]), sizeof(defs[i]));
		ASSERT_LT(0, t);
		memset(&def, 0xff, sizeof(def));
		own = false;
		/* a session that may only look, of another program it may be */
		EXPECT_EQ(t, find_type(other, name, &def, &own));
		EXPECT_TRUE(own);
		expected = defs[i];
		/* without slots nothing can be part of a cycle */
		expected.flags |= expected.nr_slots ? 0 : REFSLAB_TYPE_ACYCLIC;
		EXPECT_EQ(0, memcmp(&expected, &def, sizeof(def)));
	}
	for (i = 0; i < ARRAY_SIZE(built_in); i++) {
		memset(&def, 0xff, sizeof(def));
		own = true;
		t = find_type(other, built_in[i], &def, &own);
		ASSERT_LT(0, t);
		EXPECT_FALSE(own);
		expected = (struct refslab_type_def) { };
		EXPECT_EQ(0, memcmp(&expected, &def, sizeof(def)));
		EXPECT_EQ(-EPROTOTYPE, CALL(NEW, t));
	}
	EXPECT_EQ(CALL(TYPEOF, NEW(LIST), 0, 0), find_type(other, "list", &def, &own));
	/* forms of a type that there are inside are nobody's business */
	EXPECT_EQ(-EINVAL, find_type(other, "tuple/1", &def, &own));
	EXPECT_EQ(-EINVAL, find_type(other, "str/interned", &def, &own));
	/* no more than there is room for */
	memset(&def, 0xff, sizeof(def));
	EXPECT_LT(0, call(other, TYPE_FIND, ptr("t1"), 2, ptr(&def), 8));
	EXPECT_EQ(3, def.nr_slots);
	EXPECT_EQ(~0u, def.payload);
	EXPECT_LT(0, call(other, TYPE_FIND, ptr("t1"), 2, 0, 0));
	close(other);
}

TEST_F(objects, longest_type_name)
{
	const char *name = "A234567890_234567890_2345678901";
	__s64 t = test_type(self->fd, name, 0, 0, 0, 0);
	char in[64] = "";

	ASSERT_EQ(REFSLAB_NAME_MAX, strlen(name));
	ASSERT_LT(0, t);
	EXPECT_EQ(t, CALL(TYPEOF, NEW(NEW, t), ptr(in), 63));
	EXPECT_STREQ(name, in);
	EXPECT_EQ(-EEXIST, test_type(self->fd, name, 1, 1, 1, 0));
	EXPECT_EQ(-EEXIST, test_type(self->fd, "list", 0, 0, 0, 0));
}

TEST_F(objects, list_counts_elements)
{
	__s64 l = NEW(LIST), a = NEW(NEW, self->node), b = NEW(NEW, self->node);

	EXPECT_EQ(0, CALL(APPEND, l, a));
	EXPECT_EQ(0, CALL(APPEND, l, a));
	EXPECT_COUNT(3, a);
	EXPECT_EQ(0, CALL(SETITEM, l, 0, b));
	EXPECT_COUNT(2, a);
	EXPECT_COUNT(2, b);
	EXPECT_EQ(0, CALL(DELITEM, l, 1));
	EXPECT_COUNT(1, a);
	EXPECT_EQ(1, CALL(LEN, l));
	/* Popping moves the reference into the new handle. */
	EXPECT_SAME(CALL(POP, l, 0), b);
	EXPECT_COUNT(1, b);
	EXPECT_EQ(0, CALL(LEN, l));
	EXPECT_EQ(-ERANGE, CALL(POP, l, 0));
	EXPECT_EQ(-ERANGE, CALL(ITEM, l, 0));
	EXPECT_EQ(-ERANGE, CALL(DELITEM, l, 0));
	EXPECT_EQ(-ERANGE, CALL(SETITEM, l, 0, a));
	EXPECT_EQ(-ERANGE, CALL(INSERT, l, 1, a));
	EXPECT_COUNT(1, a);
	EXPECT_COUNT(1, l);
}

TEST_F(objects, list_drops_what_only_it_held)
{
	__s64 l = NEW(LIST), a = NEW(INT, 1001);

	EXPECT_EQ(0, CALL(APPEND, l, a));
	EXPECT_EQ(0, CALL(CLOSE, a));
	EXPECT_EQ(2, OBJECTS());
	EXPECT_EQ(0, CALL(SETITEM, l, 0, l));
	EXPECT_EQ(1, OBJECTS());
	EXPECT_COUNT(2, l);
	EXPECT_EQ(0, CALL(DELITEM, l, 0));
	EXPECT_COUNT(1, l);
}

/* The same list in plain C; random edits of every sort, then every element compared. */
TEST_F(objects, list_edits_against_a_model)
{
	enum { INTS = 50, STEPS = 4000 };
	__s64 ints[INTS], l = NEW(LIST), h;
	unsigned int model[STEPS], len = 0, count[INTS], i, k, at, what;
	__u64 seed = 1;

	for (i = 0; i < INTS; i++)
		ints[i] = NEW(INT, 1000 + i);
	for (i = 0; i < STEPS; i++) {
		k = test_random(&seed) % INTS;
		at = test_random(&seed) % (len + 1);
		what = test_random(&seed) % 8;
		if (what < 3 || !len) {
			ASSERT_EQ(0, CALL(INSERT, l, at, ints[k]));
			memmove(model + at + 1, model + at, (len++ - at) * sizeof(*model));
			model[at] = k;
		} else if (what < 4) {
			ASSERT_EQ(0, CALL(APPEND, l, ints[k]));
			model[len++] = k;
		} else if (what < 5) {
			at %= len;
			ASSERT_EQ(0, CALL(SETITEM, l, at, ints[k]));
			model[at] = k;
		} else {
			at %= len;
			if (what < 7) {
				ASSERT_EQ(0, CALL(DELITEM, l, at));
			} else {
				h = NEW(POP, l, at);
				ASSERT_EQ(1000 + model[at], CALL(INT_VALUE, h));
				ASSERT_EQ(0, CALL(CLOSE, h));
			}
			memmove(model + at, model + at + 1, (--len - at) * sizeof(*model));
		}
		ASSERT_EQ(len, CALL(LEN, l));
	}
	memset(count, 0, sizeof(count));
	for (i = 0; i < len; i++) {
		h = NEW(ITEM, l, i);
		ASSERT_EQ(1000 + model[i], CALL(INT_VALUE, h));
		ASSERT_EQ(0, CALL(CLOSE, h));
		count[model[i]]++;
	}
	for (i = 0; i < INTS; i++)
		EXPECT_COUNT(1 + count[i], ints[i]);
	test_heap_check(_metadata, &self->heap);
}

TEST_F(objects, list_of_100000)
{
	enum { N = 100000, BATCH = 4000 };
	struct refslab_op *ops = calloc(BATCH, sizeof(*ops));
	__s64 l = NEW(LIST), a = NEW(NEW, self->node);
	__u64 used = test_stat(self->fd).bytes_used;
	unsigned int i, k;

	for (i = 0; i < N; i += BATCH) {
		for (k = 0; k < BATCH; k++)
			ops[k] = op(APPEND, l, a);
		ASSERT_EQ(0, test_submit(self->fd, ops, BATCH, NULL));
	}
	EXPECT_EQ(N, CALL(LEN, l));
	EXPECT_COUNT(N + 1, a);
	/* The table is memory of the heap, and not twice what it needs. */
	EXPECT_LE(used + N * 8, test_stat(self->fd).bytes_used);
	EXPECT_GE(used + N * 16, test_stat(self->fd).bytes_used);
	/* At the front, where all have to move. */
	EXPECT_EQ(0, CALL(INSERT, l, 0, l));
	EXPECT_SAME(CALL(POP, l, 0), l);
	EXPECT_SAME(CALL(ITEM, l, N - 1), a);
	test_heap_check(_metadata, &self->heap);
	for (i = 0; i < N; i += BATCH) {
		for (k = 0; k < BATCH; k++)
			ops[k] = op(DELITEM, l, N - 1 - i - k);
		ASSERT_EQ(0, test_submit(self->fd, ops, BATCH, NULL));
	}
	EXPECT_EQ(0, CALL(LEN, l));
	EXPECT_COUNT(1, a);
}

TEST_F(objects, results_feed_operations)
{
	struct refslab_op ops[] = {
		op(NEW, self->node),
		op(LIST),
		opf(SETSLOT, F(0) | F(2), 0, 1, 1),
		opf(SLOT, F(0), 0, 1),
		opf(LEN, F(0), 1),
		opf(INSERT, F(0) | F(1) | F(2), 3, 4, 0), /* at its length */
		opf(ITEM, F(0), 1, 0),
		opf(IS, F(0) | F(1), 6, 0),
		opf(CLOSE, F(0), 6),
		opf(REFCOUNT, F(0), 0),
		opf(REFCOUNT, F(0), 1),
	};
	__u32 done;

	ASSERT_EQ(0, test_submit(self->fd, ops, ARRAY_SIZE(ops), &done));
	EXPECT_EQ(ARRAY_SIZE(ops), done);
	EXPECT_EQ(0, ops[4].result[0]);
	EXPECT_EQ(1, ops[7].result[0]);
	EXPECT_EQ(2, ops[9].result[0]);
	EXPECT_EQ(3, ops[10].result[0]);
	EXPECT_EQ(1, CALL(LEN, ops[1].result[0]));
	EXPECT_EQ(3, test_stat(self->fd).handles);
}

TEST_F(objects, result_of_an_operation_that_has_none)
{
	__s64 a = NEW(LIST);
	struct refslab_op ops[] = { op(APPEND, a, a), opf(REFCOUNT, F(0), 0) };
	__u32 done;

	EXPECT_EQ(-ENOENT, test_submit(self->fd, ops, 2, &done));
	EXPECT_EQ(1, done);
}

TEST_F(objects, failure_in_the_middle)
{
	struct refslab_op ops[] = {
		op(LIST), op(INT, 1003), opf(APPEND, F(0) | F(1), 1, 0), op(LIST),
	};
	__u32 done;

	EXPECT_EQ(-EPROTOTYPE, test_submit(self->fd, ops, 4, &done));
	EXPECT_EQ(2, done);
	EXPECT_EQ(-EPROTOTYPE, ops[2].error);
	EXPECT_EQ(0, ops[3].result[0]);
	EXPECT_EQ(2, OBJECTS());
	EXPECT_COUNT(1, ops[0].result[0]);
	EXPECT_COUNT(1, ops[1].result[0]);
}

/* Every object exactly once, whatever the size of the window, and the records tell the truth. */
TEST_F(objects, records)
{
	enum { N = 1000 };
	struct refslab_record records[N + 64], window[7];
	__u64 result[2] = { 0, 0 }, ids[N];
	__s64 h[N];
	int i, n = 0;

	for (i = 0; i < N; i++) {
		h[i] = i % 3 ? NEW(NEW, self->node) : NEW(INT, 1000 + i);
		ids[i] = test_id(self->fd, h[i]);
		ASSERT_EQ(0, i % 3 == 2 ? CALL(SETSLOT, h[i], 0, h[i - 1]) : 0);
	}
	do {
		ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_OBJECTS,
				       (const __u64[4]) { result[1], REFSLAB_GEN_ALL, ptr(window),
							 sizeof(window) }, result));
		ASSERT_GE(ARRAY_SIZE(window), result[0]);
		ASSERT_GE(N, n + (int)result[0]);
		memcpy(records + n, window, result[0] * sizeof(*window));
		n += result[0];
	} while (result[1]);
	ASSERT_EQ(N, n);
	qsort(records, n, sizeof(*records), test_record_order);
	for (i = 0; i < N; i++) {
		const struct refslab_record *r = test_record(records, n, ids[i]);

		ASSERT_NE(NULL, r);
		EXPECT_EQ(i % 3 == 1 && i + 1 < N ? 2 : 1, r->refcount);
		EXPECT_EQ(i % 3 ? 0 : REFSLAB_GEN_ALL, r->generation);
		EXPECT_EQ(i % 3 != 0, r->type == self->node);
		EXPECT_EQ(0, r->bytes % 16);
	}
}

/*
 * What lives all the time is seen exactly once, whatever goes and comes between the calls: here
 * the very pool in which the last call ended, and a pool of another size before and after it.
 */
TEST_F(objects, records_while_others_come_and_go)
{
	enum { EACH = 8, N = 200 * EACH, WINDOW = 5 };
	__s64 type = test_type(self->fd, "big", 0, 512 - 24, 0, 0);
	__s64 other = test_type(self->fd, "other", 0, 100, 0, 0);
	struct refslab_record window[WINDOW];
	static unsigned int seen[N];
	static __u64 ids[N];
	static __s64 h[N];
	__u64 result[2] = { 0, 0 };
	int i, k, last = 0, turn = 0;

	for (i = 0; i < N; i++) {
		h[i] = NEW(NEW, type);
		ids[i] = test_id(self->fd, h[i]);
	}
	do {
		ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_OBJECTS,
				       (const __u64[4]) { result[1], REFSLAB_GEN_ALL, ptr(window),
							  sizeof(window) }, result));
		for (i = 0; i < (int)result[0]; i++) {
			for (k = 0; k < N; k++) {
				if (window[i].id != ids[k])
					continue;
				seen[k]++;
				last = k;
			}
		}
		if (turn++ % 3 == 0) {
			/* Pools are filled one after the other, so these are all of one. */
			for (i = last / EACH * EACH; i < last / EACH * EACH + EACH; i++) {
				ASSERT_EQ(0, h[i] ? CALL(CLOSE, h[i]) : 0);
				h[i] = 0;
			}
		} else if (turn % 10 == 0) {
			for (i = 0; i < 30; i++)
				NEW(NEW, other);
		}
		ASSERT_GT(10 * N, turn);
	} while (result[1]);
	for (i = 0, k = 0; i < N; i++)
		k += h[i] ? seen[i] != 1 : seen[i] > 1;
	EXPECT_EQ(0, k) {
		TH_LOG("%d of %d objects were missed or seen twice", k, N);
	}
}

/* A cursor is the kernel's to make sense of; a made-up one must only do no harm. */
TEST_F(objects, cursors_that_nobody_gave)
{
	struct refslab_record records[8];
	__u64 seed = 3, result[2], cursor;
	__s64 l = NEW(LIST);
	int i, err;

	for (i = 0; i < 2000; i++) {
		cursor = test_random(&seed) >> (i % 64);
		err = test_call(self->fd, REFSLAB_OP_OBJECTS,
				(const __u64[4]) { cursor, REFSLAB_GEN_ALL, ptr(records),
						  sizeof(records) }, result);
		ASSERT_TRUE(!err || err == -EINVAL);
		ASSERT_TRUE(err || result[0] <= 1);
	}
	EXPECT_COUNT(1, l);
}

struct race {
	int fd;
	__u64 node;
	unsigned int turns;
	__aligned_u64 handle;	/* the one everybody fights for */
	const char *failed;
};

/* Uses a handle that another thread closes and makes anew: gone it may be, broken not. */
static void *race_user(void *arg)
{
	struct race *r = arg;
	unsigned int i;
	__s64 h, got;

	for (i = 0; i < r->turns; i++) {
		h = __atomic_load_n(&r->handle, __ATOMIC_RELAXED);
		switch (i % 4) {
		case 0:
			got = call(r->fd, REFCOUNT, h);
			if (got < 1 && got != -ENOENT)
				r->failed = "REFCOUNT";
			break;
		case 1:
			got = call(r->fd, DUP, h);
			if (got > 0 && call(r->fd, CLOSE, got))
				r->failed = "CLOSE of a duplicate";
			else if (got <= 0 && got != -ENOENT)
				r->failed = "DUP";
			break;
		case 2:
			got = call(r->fd, SETSLOT, h, 0, h);
			if (got && got != -ENOENT)
				r->failed = "SETSLOT";
			break;
		case 3:
			got = call(r->fd, SLOT, h, 0);
			if (got > 0 && call(r->fd, CLOSE, got))
				r->failed = "CLOSE of a slot";
			else if (got <= 0 && got != -ENOENT && got != -ENODATA)
				r->failed = "SLOT";
			break;
		}
	}
	return NULL;
}

static void *race_closer(void *arg)
{
	struct race *r = arg;
	unsigned int i;
	__s64 h, got;

	for (i = 0; i < r->turns; i++) {
		h = __atomic_load_n(&r->handle, __ATOMIC_RELAXED);
		got = call(r->fd, CLOSE, h);
		if (got)
			r->failed = "CLOSE";
		h = call(r->fd, NEW, r->node);
		if (h <= 0)
			r->failed = "NEW";
		__atomic_store_n(&r->handle, h, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(objects, close_while_another_thread_uses)
{
	struct race race = {
		.fd = self->fd,
		.node = self->node,
		.turns = test_slow_kernel() ? 2000 : 20000,
		.handle = NEW(NEW, self->node),
	};
	pthread_t closer, user[3];
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&closer, NULL, race_closer, &race));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&user[i], NULL, race_user, &race));
	for (i = 0; i < 3; i++)
		pthread_join(user[i], NULL);
	pthread_join(closer, NULL);
	EXPECT_STREQ("", race.failed ?: "");
	/* What closed over itself is garbage now, and all of it is found. */
	EXPECT_EQ(0, CALL(CLEARSLOT, race.handle, 0));
	EXPECT_LE(0, CALL(COLLECT, 2));
	EXPECT_EQ(1, OBJECTS());
	EXPECT_COUNT(1, race.handle);
	EXPECT_EQ(1, test_stat(self->fd).handles);
}

/* --- threads that share a session and its handles --------------------------------------------- */

#define MIX_HANDLES	128	/* numbers they use */
#define MIX_OPS		8	/* in a submit */

struct mix {
	int fd;
	__s64 node;
	unsigned int turns, seed;
	int failed;
};

static struct refslab_op mix_op(struct mix *m)
{
	__u64 a = 1 + rand_r(&m->seed) % MIX_HANDLES, b = 1 + rand_r(&m->seed) % MIX_HANDLES;
	__u64 slot = rand_r(&m->seed) % 2;

	/* more are closed than made */
	switch (rand_r(&m->seed) % 16) {
	case 0:
		return op(NEW, m->node);
	case 1:
		return op(LIST);
	case 2:
		return op(DUP, a);
	case 3:
	case 4:
		return op(SLOT, a, slot);
	case 5:
		return op(ITEM, a, 0);
	case 6:
	case 7:
		return op(SETSLOT, a, slot, b);
	case 8:
		return op(CLEARSLOT, a, slot);
	case 9:
		return op(APPEND, a, b);
	case 10:
		return slot ? op(IS, a, b) : op(LEN, a);
	case 11:
		return slot ? op(REFCOUNT, a) : op(TRACKED, a);
	default:
		return op(CLOSE, a);
	}
}

static void *mix_thread(void *arg)
{
	struct refslab_op ops[MIX_OPS];
	struct mix *m = arg;
	unsigned int i;
	__u32 at, done;
	int err;

	while (m->turns-- && !m->failed) {
		for (i = 0; i < MIX_OPS; i++)
			ops[i] = mix_op(m);
		/* the others did what they wanted with the handles: go on with the next one */
		for (at = 0; at < MIX_OPS; at += done + 1) {
			err = test_submit(m->fd, ops + at, MIX_OPS - at, &done);
			if (err && err != -ENOENT && err != -EPROTOTYPE && err != -ENODATA &&
			    err != -ERANGE)
				m->failed = err;
		}
	}
	return NULL;
}

TEST_F(objects, threads_with_the_same_handles)
{
	struct mix mix[3];
	pthread_t thread[3];
	unsigned int i;
	__u64 h;

	ASSERT_EQ(0, CALL(ENABLE));
	for (i = 0; i < 3; i++) {
		mix[i] = (struct mix) {
			.fd = self->fd,
			.node = self->node,
			.turns = test_slow_kernel() ? 2000 : 20000,
			.seed = i,
		};
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, mix_thread, &mix[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, mix[i].failed);
	}
	/* each handle stands for something, or is not one; the places kept are not counted */
	for (h = 1; test_stat(self->fd).handles; h++) {
		ASSERT_GE(REFSLAB_MAX_HANDLE, h);
		if (CALL(LEN, h) >= 0)
			ASSERT_EQ(0, CALL(CLOSE, h));
		ASSERT_EQ(-ENOENT, CALL(CLOSE, h));
	}
	EXPECT_LE(0, CALL(COLLECT, 2));
	EXPECT_EQ(0, OBJECTS());
}

TEST_HARNESS_MAIN
