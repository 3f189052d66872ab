// SPDX-License-Identifier: GPL-2.0
/*
 * What never changes, as a program sees it: constants, floats, texts and which of them are one
 * object, bytes, tuples; and the caches of their types.
 */
#include <pthread.h>

#include "refslab_test.h"

#define IMMORTAL	((__s64)REFSLAB_REFCOUNT_IMMORTAL)

FIXTURE(atoms) {
	struct test_heap heap;
	int fd;
};

FIXTURE_SETUP(atoms)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
	ASSERT_EQ(0, test_pin());
}

FIXTURE_TEARDOWN(atoms)
{
	test_heap_close(_metadata, &self->heap);
}

#define STAT(field)	((__s64)test_stat(self->fd).field)
#define STR(text)	CALL(STR, ptr(text), strlen(text))
#define TUPLE(...)	tuple(self->fd, sizeof((__u32[]) { __VA_ARGS__ }) / 4,	\
			      (__u32[]) { __VA_ARGS__ })

/* Are they one object? Closes both. */
#define EXPECT_ONE(yes, a, b) do {					\
	__s64 __a = (a), __b = (b);					\
									\
	EXPECT_EQ(yes, CALL(IS, __a, __b));				\
	EXPECT_EQ(0, CALL(CLOSE, __a));					\
	EXPECT_EQ(0, CALL(CLOSE, __b));					\
} while (0)

static __s64 tuple(int fd, __u32 n, const __u32 *elements)
{
	return call(fd, TUPLE, ptr(elements), n);
}

struct place {
	__u64 arena, block;
};

static struct place place(int fd, __u64 h)
{
	__u64 result[2] = { 0 };

	test_call(fd, REFSLAB_OP_BLOCK, (const __u64[4]) { h }, result);
	return (struct place) { result[0], result[1] };
}

/* --- constants ------------------------------------------------------------------------------ */

TEST_F(atoms, constants)
{
	const __s64 h[] = {
		NEW(INT, -5), NEW(INT, 0), NEW(INT, 256), NEW(STR, ptr("x"), 1),
		NEW(STR, ptr("\303\277"), 2), NEW(STR, 0, 0), NEW(BYTES, 0, 0), NEW(TUPLE, 0, 0),
	};
	struct refslab_record record;
	__s64 list = NEW(LIST), id, again;
	__u64 result[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(h); i++) {
		EXPECT_EQ(IMMORTAL, CALL(REFCOUNT, h[i]));
		EXPECT_EQ(-1, test_generation(self->fd, h[i]));
		EXPECT_EQ(0, CALL(FINALIZED, h[i]));
		EXPECT_EQ(~0ull, place(self->fd, h[i]).arena);
		EXPECT_EQ(~0ull, place(self->fd, h[i]).block);
		id = CALL(ID, h[i]);
		EXPECT_LT(0, id);
		again = CALL(BYID, id);
		EXPECT_LT(0, again);
		EXPECT_EQ(1, CALL(IS, again, h[i]));
		EXPECT_EQ(0, CALL(CLOSE, again));
		EXPECT_EQ(0, CALL(APPEND, list, h[i]));
		EXPECT_EQ(0, test_call(self->fd, REFSLAB_OP_REFERENTS,
				       (const __u64[4]) { h[i], 0, ptr(&record), sizeof(record) },
				       result));
		EXPECT_EQ(0, result[0]);
		EXPECT_EQ(0, test_call(self->fd, REFSLAB_OP_REFERRERS,
				       (const __u64[4]) { h[i], 0, ptr(&record), sizeof(record) },
				       result));
		EXPECT_EQ(1, result[0]);
		EXPECT_EQ(CALL(ID, list), record.id);
	}
	EXPECT_EQ(0, test_call(self->fd, REFSLAB_OP_REFERENTS,
			       (const __u64[4]) { list, 0, ptr(&record), sizeof(record) },
			       result));
	EXPECT_EQ(1, result[0]);
	EXPECT_EQ(CALL(ID, h[0]), record.id);
	EXPECT_EQ(REFSLAB_REFCOUNT_IMMORTAL, record.refcount);
	EXPECT_EQ(REFSLAB_GEN_ALL, record.generation);
	/* the list is all there is */
	EXPECT_EQ(1, STAT(objects));
	EXPECT_EQ(ARRAY_SIZE(h) + 1, STAT(handles));
	EXPECT_EQ(-EPROTOTYPE, CALL(WEAK, h[0], 0));
}

TEST_F(atoms, constants_stay)
{
	__s64 id = CALL(ID, NEW(INT, 7)), h, i;

	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, STAT(arenas));
	for (i = 0; i < 10000; i++)
		ASSERT_EQ(0, CALL(CLOSE, NEW(INT, 7)));
	h = NEW(INT, 7);
	EXPECT_EQ(id, CALL(ID, h));
	EXPECT_EQ(7, CALL(INT_VALUE, h));
	EXPECT_EQ(IMMORTAL, CALL(REFCOUNT, h));
	EXPECT_LE(0, CALL(TRIM));
	EXPECT_EQ(id, CALL(ID, NEW(INT, 7)));
}

TEST_F(atoms, what_is_one_object)
{
	EXPECT_ONE(1, NEW(INT, -5), NEW(INT, -5));
	EXPECT_ONE(1, NEW(INT, 256), NEW(INT, 256));
	EXPECT_ONE(0, NEW(INT, 257), NEW(INT, 257));
	EXPECT_ONE(0, NEW(INT, -6), NEW(INT, -6));
	EXPECT_ONE(1, STR(""), STR(""));
	EXPECT_ONE(1, STR(" "), STR(" "));
	EXPECT_ONE(1, STR("\303\251"), STR("\303\251"));
	EXPECT_ONE(0, STR("\342\202\254"), STR("\342\202\254"));
	EXPECT_ONE(1, STR("name"), STR("name"));
	EXPECT_ONE(1, STR("_42"), STR("_42"));
	EXPECT_ONE(0, STR("a name"), STR("a name"));
	EXPECT_ONE(0, STR("n\303\244me"), STR("n\303\244me"));
	EXPECT_ONE(1, NEW(BYTES, 0, 0), NEW(BYTES, 0, 0));
	EXPECT_ONE(0, NEW(BYTES, ptr("x"), 1), NEW(BYTES, ptr("x"), 1));
	EXPECT_ONE(1, NEW(TUPLE, 0, 0), NEW(TUPLE, 0, 0));
	EXPECT_ONE(0, TUPLE(NEW(INT, 1)), TUPLE(NEW(INT, 1)));
	EXPECT_ONE(0, NEW(FLOAT, 0), NEW(FLOAT, 0));
	EXPECT_ONE(0, NEW(INT, 0), NEW(FLOAT, 0));
	EXPECT_ONE(0, STR(""), NEW(BYTES, 0, 0));
}

/* --- floats, texts, bytes ------------------------------------------------------------------- */

TEST_F(atoms, float_values)
{
	const __u64 values[] = {
		0, 1ull << 63, 0x3ff8000000000000, 0x7ff0000000000000, 0x7ff8dead0000beef, ~0ull,
	};
	__u64 result[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		__s64 h = NEW(FLOAT, values[i]);

		EXPECT_EQ(0, test_call(self->fd, REFSLAB_OP_FLOAT_VALUE, (const __u64[4]) { h },
				       result));
		EXPECT_EQ(values[i], result[0]);
		EXPECT_EQ(1, CALL(REFCOUNT, h));
		EXPECT_EQ(-1, test_generation(self->fd, h));
	}
}

TEST_F(atoms, texts)
{
	static const struct {
		const char *text;
		__s64 chars;
	} texts[] = {
		{ "", 0 }, { "x", 1 }, { "plain text", 10 }, { "a_name", 6 },
		{ "gr\303\274n", 4 }, { "\342\202\254 42", 4 }, { "\360\237\220\215", 1 },
		{ "z \303\251 \342\202\254 \360\237\220\215", 7 },
	};
	char in[64];
	unsigned int i;
	__s64 h, n;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		__s64 len = strlen(texts[i].text);

		h = STR(texts[i].text);
		EXPECT_EQ(texts[i].chars, CALL(LEN, h));
		/* as many bytes as are wanted, though that may be half a character */
		for (n = 0; n <= len + 1; n++) {
			memset(in, 0x55, sizeof(in));
			EXPECT_EQ(len, CALL(STR_VALUE, h, ptr(in), n));
			EXPECT_EQ(0, memcmp(in, texts[i].text, n < len ? n : len));
			EXPECT_EQ(0x55, in[n < len ? n : len]);
		}
	}
}

TEST_F(atoms, long_texts)
{
	static const char *const chars[] = { "x", "\303\251", "\342\202\254", "\360\237\220\215" };
	char *out = malloc(REFSLAB_MAX_STR), *in = malloc(REFSLAB_MAX_STR);
	unsigned int i;
	__s64 h;

	for (i = 0; i < ARRAY_SIZE(chars); i++) {
		__u64 width = i + 1, n = REFSLAB_MAX_STR / width, j;

		for (j = 0; j < n; j++)
			memcpy(out + j * width, chars[i], width);
		h = NEW(STR, ptr(out), n * width);
		EXPECT_EQ(n, CALL(LEN, h));
		memset(in, 0, REFSLAB_MAX_STR);
		EXPECT_EQ(n * width, CALL(STR_VALUE, h, ptr(in), REFSLAB_MAX_STR));
		EXPECT_EQ(0, memcmp(in, out, n * width));
		EXPECT_EQ(0, CALL(CLOSE, h));
	}
	free(out);
	free(in);
}

TEST_F(atoms, bytes_values)
{
	char *out = malloc(REFSLAB_MAX_BYTES), *in = malloc(REFSLAB_MAX_BYTES);
	__s64 h = NEW(BYTES, ptr("\0\377\300."), 4);
	__u64 seed = 42, i;

	EXPECT_EQ(4, CALL(LEN, h));
	memset(in, 0x55, 8);
	EXPECT_EQ(4, CALL(BYTES_VALUE, h, ptr(in), 3));
	EXPECT_EQ(0, memcmp(in, "\0\377\300\x55", 4));
	EXPECT_EQ(4, CALL(BYTES_VALUE, h, ptr(in), 8));
	EXPECT_EQ(0, memcmp(in, "\0\377\300.\x55", 5));
	EXPECT_EQ(0, CALL(LEN, NEW(BYTES, 0, 0)));
	for (i = 0; i < REFSLAB_MAX_BYTES; i += sizeof(seed)) {
		__u64 some = test_random(&seed);

		memcpy(out + i, &some, sizeof(some));
	}
	h = NEW(BYTES, ptr(out), REFSLAB_MAX_BYTES);
	EXPECT_EQ(REFSLAB_MAX_BYTES, CALL(BYTES_VALUE, h, ptr(in), REFSLAB_MAX_BYTES));
	EXPECT_EQ(0, memcmp(in, out, REFSLAB_MAX_BYTES));
	free(out);
	free(in);
}

/* --- names ---------------------------------------------------------------------------------- */

TEST_F(atoms, names_go_with_their_last_holder)
{
	__s64 a = STR("name"), b = STR("name"), id = CALL(ID, a), list = NEW(LIST);

	EXPECT_EQ(2, CALL(REFCOUNT, a));
	EXPECT_EQ(2, STAT(objects));
	EXPECT_EQ(0, CALL(APPEND, list, b));
	EXPECT_EQ(0, CALL(CLOSE, a));
	EXPECT_EQ(0, CALL(CLOSE, b));
	a = STR("name");
	EXPECT_EQ(id, CALL(ID, a));
	EXPECT_EQ(2, CALL(REFCOUNT, a));
	EXPECT_EQ(0, CALL(CLOSE, a));
	EXPECT_EQ(0, CALL(CLOSE, list));
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, CALL(BYID, id));
	a = STR("name");
	EXPECT_NE(id, CALL(ID, a));
	EXPECT_EQ(1, CALL(REFCOUNT, a));
}

TEST_F(atoms, forms_of_a_type_are_one_type)
{
	const __s64 strs[] = { STR(""), STR("x"), STR("name"), STR("a text"), STR("\342\202\254") };
	const __s64 one = NEW(INT, 1);
	static __u32 many[100];
	struct refslab_record records[64];
	char name[32] = "";
	__s64 str, tuple_type, h;
	unsigned int i;
	int n;

	str = CALL(TYPEOF, strs[0], ptr(name), sizeof(name));
	EXPECT_STREQ("str", name);
	for (i = 0; i < ARRAY_SIZE(strs); i++)
		EXPECT_EQ(str, CALL(TYPEOF, strs[i], ptr(name), sizeof(name)));
	memset(name, 0, sizeof(name));
	tuple_type = CALL(TYPEOF, NEW(TUPLE, 0, 0), ptr(name), sizeof(name));
	EXPECT_STREQ("tuple", name);
	for (i = 0; i < 30; i++) {
		many[i] = one;
		h = CALL(TUPLE, ptr(many), i + 1);
		memset(name, 0, sizeof(name));
		EXPECT_EQ(tuple_type, CALL(TYPEOF, h, ptr(name), sizeof(name)));
		EXPECT_STREQ("tuple", name);
	}
	n = test_records(self->fd, REFSLAB_GEN_ALL, records, 64);
	EXPECT_EQ(30 + 3, n);
	for (i = 0; (int)i < n; i++)
		EXPECT_TRUE(records[i].type == tuple_type || records[i].type == str);
	EXPECT_EQ(-EPROTOTYPE, CALL(NEW, tuple_type));
}

struct race {
	int fd;
	unsigned int rounds;
	const char *failed;
};

/* Everybody makes and drops the same few names. */
static void *race(void *arg)
{
	static const char *const names[] = { "alpha", "beta", "gamma" };
	struct race *race = arg;
	unsigned int i;
	char text[8];

	for (i = 0; i < race->rounds && !race->failed; i++) {
		const char *name = names[i % 3];
		struct refslab_op ops[] = {
			op(STR, ptr(name), strlen(name)), op(STR, ptr(name), strlen(name)),
			opf(IS, F(0) | F(1), 0, 1),
			opf(STR_VALUE, F(0), 0, ptr(text), sizeof(text)),
			opf(CLOSE, F(0), 0), opf(CLOSE, F(0), 1),
		};

		if (test_submit(race->fd, ops, ARRAY_SIZE(ops), NULL))
			race->failed = "an operation failed";
		else if (ops[2].result[0] != 1)
			race->failed = "there were two of a name";
		else if (ops[3].result[0] != strlen(name) || memcmp(text, name, strlen(name)))
			race->failed = "a name has another's text";
	}
	return NULL;
}

TEST_F(atoms, threads_agree_on_names)
{
	const unsigned int rounds = test_slow_kernel() ? 3000 : 20000;
	struct race r[2];
	pthread_t thread[2];
	cpu_set_t all;
	unsigned int i;

	/* each where it likes */
	memset(&all, 0xff, sizeof(all));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	for (i = 0; i < 2; i++) {
		r[i] = (struct race) { .fd = self->fd, .rounds = rounds };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, race, &r[i]));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
	EXPECT_STREQ("", r[0].failed ?: "");
	EXPECT_STREQ("", r[1].failed ?: "");
	EXPECT_EQ(0, STAT(objects));
	EXPECT_EQ(0, STAT(handles));
}

/* --- tuples --------------------------------------------------------------------------------- */

TEST_F(atoms, tuples_have_their_elements)
{
	static const __u32 lens[] = { 1, 2, 8, 9, 19, 20, 64, 65, 600, REFSLAB_MAX_TUPLE };
	static __u32 elements[REFSLAB_MAX_TUPLE];
	__s64 leaf = NEW(INT, 1000), list = NEW(LIST), t, h;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		__u32 n = lens[i];

		for (j = 0; j < n; j++)
			elements[j] = j % 2 ? list : leaf;
		t = NEW(TUPLE, ptr(elements), n);
		EXPECT_EQ(n, CALL(LEN, t));
		EXPECT_EQ(1, CALL(REFCOUNT, t));
		EXPECT_EQ(1 + (n + 1) / 2, CALL(REFCOUNT, leaf));
		EXPECT_EQ(1 + n / 2, CALL(REFCOUNT, list));
		EXPECT_EQ(0, test_generation(self->fd, t));
		for (j = 0; j < n; j += 1 + n / 50) {
			h = NEW(ITEM, t, j);
			EXPECT_ONE(1, h, CALL(DUP, j % 2 ? list : leaf));
		}
		EXPECT_EQ(-ERANGE, CALL(ITEM, t, n));
		EXPECT_EQ(-ERANGE, CALL(ITEM, t, ~0ull));
		EXPECT_EQ(0, CALL(CLOSE, t));
		EXPECT_TRUE(wait_for(TEST_SETTLE_MS, CALL(REFCOUNT, leaf) == 1));
		EXPECT_TRUE(wait_for(TEST_SETTLE_MS, CALL(REFCOUNT, list) == 1));
	}
	EXPECT_EQ(-ERANGE, CALL(ITEM, NEW(TUPLE, 0, 0), 0));
}

TEST_F(atoms, nothing_changes_a_tuple)
{
	__s64 node_type = test_type(self->fd, "node", 1, 8, 0, 0);
	__s64 leaf = NEW(INT, 1000), t[3];
	static __u32 many[40];
	unsigned int i;

	ASSERT_LT(0, node_type);
	for (i = 0; i < 40; i++)
		many[i] = leaf;
	t[0] = NEW(TUPLE, 0, 0);
	t[1] = NEW(TUPLE, ptr(many), 2);
	t[2] = NEW(TUPLE, ptr(many), 40);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EPROTOTYPE, CALL(SETITEM, t[i], 0, leaf));
		EXPECT_EQ(-EPROTOTYPE, CALL(DELITEM, t[i], 0));
		EXPECT_EQ(-EPROTOTYPE, CALL(APPEND, t[i], leaf));
		EXPECT_EQ(-EPROTOTYPE, CALL(INSERT, t[i], 0, leaf));
		EXPECT_EQ(-EPROTOTYPE, CALL(POP, t[i], 0));
		EXPECT_EQ(-EPROTOTYPE, CALL(SETSLOT, t[i], 0, leaf));
		EXPECT_EQ(-EPROTOTYPE, CALL(CLEARSLOT, t[i], 0));
		EXPECT_EQ(-EPROTOTYPE, CALL(SLOT, t[i], 0));
		EXPECT_EQ(-EPROTOTYPE, CALL(WRITE, t[i], 0, ptr(many), 1));
		EXPECT_EQ(-EPROTOTYPE, CALL(READ, t[i], 0, ptr(many), 1));
	}
	EXPECT_EQ(1 + 42, CALL(REFCOUNT, leaf));
}

TEST_F(atoms, failing_to_make_a_tuple_changes_nothing)
{
	static __u32 elements[5000];
	__s64 leaf = NEW(INT, 1000);
	unsigned int i, n;

	for (i = 0; i < 5000; i++)
		elements[i] = leaf;
	for (n = 2; n <= 5000; n = n * 3 - 1) {
		elements[n - 1] = 1000000;
		EXPECT_EQ(-ENOENT, CALL(TUPLE, ptr(elements), n));
		elements[n - 1] = leaf;
		EXPECT_EQ(1, CALL(REFCOUNT, leaf));
		EXPECT_EQ(1, STAT(objects));
	}
	EXPECT_EQ(-EFAULT, CALL(TUPLE, 0, 3));
	EXPECT_EQ(-E2BIG, CALL(TUPLE, ptr(elements), REFSLAB_MAX_TUPLE + 1));
	EXPECT_EQ(1, STAT(handles));
}

TEST_F(atoms, cycles_through_tuples)
{
	__s64 list = NEW(LIST), leaf = NEW(INT, 1000), t = TUPLE(leaf, list);

	EXPECT_EQ(0, CALL(APPEND, list, t));
	EXPECT_EQ(0, CALL(CLOSE, t));
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(0, CALL(CLOSE, list));
	EXPECT_EQ(3, STAT(objects));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
	EXPECT_EQ(1, CALL(REFCOUNT, leaf));
}

/* --- caches --------------------------------------------------------------------------------- */

/* The row of a type in debugfs: cached, hits, misses; false when there is none. */
static bool cache_of(const struct test_heap *heap, const char *name, long long of[3])
{
	static char text[1 << 16];
	unsigned int limit;
	char *line, *end;
	char word[64];

	if (test_debugfs(text, sizeof(text), "heaps/%u/types", heap->id) < 0)
		return false;
	for (line = strtok_r(text, "\n", &end); line; line = strtok_r(NULL, "\n", &end))
		if (sscanf(line, "%63s %*u %*u %*u %*u %*s %u %lld %lld %lld", word, &limit,
			   &of[0], &of[1], &of[2]) == 5 && !strcmp(word, name))
			return true;
	return false;
}

static __s64 make_one(int fd, const char *type)
{
	__s64 zero = call(fd, INT, 0), h = -EINVAL;
	__u32 elements[32], n, i;

	for (i = 0; i < 32; i++)
		elements[i] = zero;
	if (!strcmp(type, "float"))
		h = call(fd, FLOAT, 1);
	else if (!strcmp(type, "list"))
		h = call(fd, LIST);
	else if (sscanf(type, "tuple/%u", &n) == 1)
		h = call(fd, TUPLE, ptr(elements), n);
	call(fd, CLOSE, zero);
	return h;
}

TEST_F(atoms, caches)
{
	static const struct {
		const char *type;
		unsigned int limit;
	} of[] = {
		{ "float", 100 }, { "list", 80 }, { "tuple/1", 2000 }, { "tuple/2", 2000 },
		{ "tuple/10", 2000 }, { "tuple/19", 2000 },
	};
	long long before[3], after[3];
	static __s64 h[2001];
	struct place was;
	unsigned int i, j;
	__s64 other;

	for (i = 0; i < ARRAY_SIZE(of); i++) {
		unsigned int limit = of[i].limit;

		/* last in, first out, with others in between */
		h[0] = make_one(self->fd, of[i].type);
		ASSERT_LT(0, h[0]);
		was = place(self->fd, h[0]);
		for (j = 0; j < 10; j++) {
			ASSERT_EQ(0, CALL(CLOSE, h[0]));
			other = make_one(self->fd, of[(i + j % 5 + 1) % ARRAY_SIZE(of)].type);
			h[0] = make_one(self->fd, of[i].type);
			EXPECT_EQ(was.arena, place(self->fd, h[0]).arena);
			EXPECT_EQ(was.block, place(self->fd, h[0]).block);
			EXPECT_EQ(0, CALL(CLOSE, other));
		}
		EXPECT_LE(0, CALL(TRIM));
		/* one more than are kept */
		for (j = 1; j <= limit; j++)
			h[j] = make_one(self->fd, of[i].type);
		ASSERT_TRUE(cache_of(&self->heap, of[i].type, before));
		EXPECT_EQ(0, before[0]);
		for (j = 0; j <= limit; j++)
			ASSERT_EQ(0, CALL(CLOSE, h[j]));
		ASSERT_TRUE(cache_of(&self->heap, of[i].type, after));
		EXPECT_EQ(limit, after[0]);
		for (j = 0; j <= limit; j++)
			h[j] = make_one(self->fd, of[i].type);
		ASSERT_TRUE(cache_of(&self->heap, of[i].type, after));
		EXPECT_EQ(0, after[0]);
		EXPECT_EQ(before[1] + limit, after[1]);
		EXPECT_EQ(before[2] + 1, after[2]);
		for (j = 0; j <= limit; j++)
			ASSERT_EQ(0, CALL(CLOSE, h[j]));
	}
	EXPECT_LE(0, CALL(TRIM));
	EXPECT_EQ(0, STAT(bytes_cached));
	EXPECT_EQ(0, STAT(arenas));
}

/* --- memory that runs out ------------------------------------------------------------------- */

TEST(atoms_in_a_full_heap)
{
	static char text[3000];
	static __u32 many[5000];
	struct test_heap heap;
	__s64 list, h, n = 0;
	unsigned int i;

	test_heap_open(_metadata, &heap, 1 << 20);
	list = call(heap.fd, LIST);
	memset(text, 'n', sizeof(text));
	/* names until there is no room, each held by the list */
	for (;;) {
		snprintf(text, 16, "name_%09u", (unsigned int)n);
		text[14] = '_';
		h = call(heap.fd, STR, ptr(text), sizeof(text));
		if (h < 0)
			break;
		if (call(heap.fd, APPEND, list, h) || call(heap.fd, CLOSE, h))
			break;
		n++;
	}
	EXPECT_EQ(-ENOMEM, h);
	EXPECT_LT(100, n);
	for (i = 0; i < 5000; i++)
		many[i] = list;
	EXPECT_EQ(-ENOMEM, call(heap.fd, TUPLE, ptr(many), 5000));
	EXPECT_EQ(-ENOMEM, call(heap.fd, BYTES, ptr(many), sizeof(many)));
	EXPECT_EQ(1, call(heap.fd, REFCOUNT, list));
	EXPECT_EQ(n + 1, test_stat(heap.fd).objects);
	/* what is there already takes no room */
	snprintf(text, 16, "name_%09d", 7);
	text[14] = '_';
	h = call(heap.fd, STR, ptr(text), sizeof(text));
	EXPECT_LT(0, h);
	EXPECT_EQ(2, call(heap.fd, REFCOUNT, h));
	EXPECT_LT(0, call(heap.fd, INT, 7));
	test_heap_close(_metadata, &heap);
}

TEST_HARNESS_MAIN
