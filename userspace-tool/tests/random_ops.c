// SPDX-License-Identifier: GPL-2.0
/*
 * Operations at random: any opcode with any operands. Half of them are of the kinds that the
 * operation takes, so that many are right, and there is something to lose. Whatever the answers
 * are, they are documented errors; results come of operations that succeeded only; memory that was
 * not named is not written; and the kernel's checker finds the heap consistent after each round.
 *
 * REFSLAB_TEST_SEED and REFSLAB_TEST_RANDOM_ROUNDS say which rounds there are.
 */
#include <sys/mman.h>

#include "refslab_test.h"

#define OPS		64	/* in one submit */
#define SUBMITS		100	/* in one round */
#define ROOM		(2u << 20)	/* bytes the kernel may write; no operation writes more */
#define RESULTS		64
#define NAMES		1024	/* of types, in what is only read */

/* Errors that uapi/refslab.h names, of some operation or of all. */
static const int documented[] = {
	EOPNOTSUPP, EINVAL, ENOENT, EPROTOTYPE, EFAULT, EMFILE, ENOMEM, EOVERFLOW, EEXIST, ENOSPC,
	E2BIG, EILSEQ, ERANGE, ENODATA, ENOKEY, ESTALE,
};

struct play {
	__u64 random;
	int fd;
	__u32 heap;
	char *room;		/* written by the kernel */
	char *source;		/* read by it */
	char *read_only, *hole, *edge;
	__u64 results[RESULTS];	/* of operations that succeeded: handles, most of them */
	unsigned long done, failed;
	bool was_done[REFSLAB_OP_LAST + 1];	/* by opcode */
};

static unsigned int below(struct play *p, unsigned int n)
{
	return test_random(&p->random) % n;
}

static __u64 number(struct play *p)
{
	/* none of them an address at which there is something */
	static const __u64 numbers[] = {
		0, 1, 2, 3, 7, 8, 12, 24, 31, 32, 48, 63, 64, 255, 256, 4095, 4096, 65535, 65536,
		(1 << 20) - 1, 1 << 20, (1 << 20) + 1, REFSLAB_MAX_HANDLE,
		1ull << 31, REFSLAB_GEN_ALL, 1ull << 32, (1ull << 32) + 1, 1ull << 52, 1ull << 62,
		0x7ff0000000000000ull, 0x7ff8000000000001ull, 1ull << 63, ~0ull - 7, ~0ull,
	};

	if (below(p, 2))
		return below(p, 5);
	return numbers[below(p, ARRAY_SIZE(numbers))];
}

static __u64 pointer(struct play *p)
{
	switch (below(p, 12)) {
	case 0:
		return ptr(p->read_only);
	case 1:
		return ptr(p->hole);
	case 2:
		return ptr(p->edge);
	case 3:
		return 0xffff888000001000ull;
	case 4:
		return 1ull << 63 | below(p, 4096);
	case 5:
	case 6:
		return ptr(p->room);
	default:
		return ptr(p->source + 16 * below(p, 8));
	}
}

/*
 * Only what is in the room may be written, and it ends in a hole: an operation that wrote more than
 * it may would be seen.
 */
static __u64 operand(struct play *p)
{
	switch (below(p, 8)) {
	case 0:
		return number(p);
	case 1:
		return pointer(p);
	case 2:
		return below(p, 16);
	default:
		return p->results[below(p, RESULTS)];
	}
}

/*
 * What operands are about: h an object, i an index, n a number, t a type, d its definition and D
 * the size of that, s text, a letters, l and L a length, H handles, r room and R its size in
 * records, E in entries, N in roots, w and W three words of it; m and M a type's name, v a kind of
 * value.
 */
static const char * const kinds[REFSLAB_OP_LAST + 1] = {
	[REFSLAB_OP_TYPE] = "sldD", [REFSLAB_OP_NEW] = "t", [REFSLAB_OP_INT] = "n",
	[REFSLAB_OP_STR] = "sl", [REFSLAB_OP_LIST] = "", [REFSLAB_OP_DUP] = "h",
	[REFSLAB_OP_CLOSE] = "h", [REFSLAB_OP_IS] = "hh", [REFSLAB_OP_SETSLOT] = "hih",
	[REFSLAB_OP_CLEARSLOT] = "hi", [REFSLAB_OP_SLOT] = "hi", [REFSLAB_OP_WRITE] = "hisl",
	[REFSLAB_OP_READ] = "hirl", [REFSLAB_OP_APPEND] = "hh", [REFSLAB_OP_INSERT] = "hih",
	[REFSLAB_OP_POP] = "hi", [REFSLAB_OP_SETITEM] = "hih", [REFSLAB_OP_DELITEM] = "hi",
	[REFSLAB_OP_ITEM] = "hi", [REFSLAB_OP_LEN] = "h", [REFSLAB_OP_INT_VALUE] = "h",
	[REFSLAB_OP_STR_VALUE] = "hrl", [REFSLAB_OP_TYPEOF] = "hrl", [REFSLAB_OP_REFCOUNT] = "h",
	[REFSLAB_OP_ID] = "h", [REFSLAB_OP_TRACKED] = "h", [REFSLAB_OP_BLOCK] = "h",
	[REFSLAB_OP_COLLECT] = "i", [REFSLAB_OP_SET_THRESHOLD] = "nnn",
	[REFSLAB_OP_GET_THRESHOLD] = "wW", [REFSLAB_OP_GET_COUNT] = "wW",
	[REFSLAB_OP_GET_STATS] = "rl", [REFSLAB_OP_OBJECTS] = "nirR", [REFSLAB_OP_STAT] = "rl",
	[REFSLAB_OP_WEAK] = "hi", [REFSLAB_OP_DEREF] = "h", [REFSLAB_OP_BYID] = "n",
	[REFSLAB_OP_FINALIZED] = "h", [REFSLAB_OP_REFERENTS] = "hnrR",
	[REFSLAB_OP_REFERRERS] = "hnrR", [REFSLAB_OP_SET_DEBUG] = "i",
	[REFSLAB_OP_GARBAGE] = "nrR", [REFSLAB_OP_WATCH] = "i",
	[REFSLAB_OP_FLOAT] = "n", [REFSLAB_OP_FLOAT_VALUE] = "h", [REFSLAB_OP_BYTES] = "sl",
	[REFSLAB_OP_BYTES_VALUE] = "hrl", [REFSLAB_OP_TUPLE] = "Hi", [REFSLAB_OP_DICT] = "",
	[REFSLAB_OP_SET] = "", [REFSLAB_OP_INSTANCE] = "", [REFSLAB_OP_DICT_SETITEM] = "hhh",
	[REFSLAB_OP_DICT_ITEM] = "hh", [REFSLAB_OP_DICT_DELITEM] = "hh", [REFSLAB_OP_ADD] = "hh",
	[REFSLAB_OP_DISCARD] = "hh", [REFSLAB_OP_CONTAINS] = "hh",
	[REFSLAB_OP_SETATTR] = "haLh", [REFSLAB_OP_GETATTR] = "haL",
	[REFSLAB_OP_DELATTR] = "haL", [REFSLAB_OP_ITEMS] = "hnrE",
	[REFSLAB_OP_PUBLISH] = "haL", [REFSLAB_OP_LOOKUP] = "aL", [REFSLAB_OP_UNPUBLISH] = "aL",
	[REFSLAB_OP_ROOTS] = "nrN", [REFSLAB_OP_SET_LIMITS] = "zW", [REFSLAB_OP_GET_LIMITS] = "rl",
	[REFSLAB_OP_MAP] = "h", [REFSLAB_OP_TYPE_FIND] = "mMrl",
	[REFSLAB_OP_DICT_ITEM_BYVALUE] = "hvsl", [REFSLAB_OP_CONTAINS_BYVALUE] = "hvsl",
};

static __u64 of_kind(struct play *p, char kind)
{
	switch (kind) {
	case 'h':
		return p->results[below(p, RESULTS)];
	case 'i':
		return below(p, 4);
	case 't':
		return below(p, 20);
	case 's':
		return ptr(p->source + below(p, 8));
	case 'a':
		return ptr(p->source + 96 + below(p, 8));
	case 'L':
		return 1 + below(p, 3);
	case 'm':
		return ptr(p->source + NAMES + 2 * below(p, 4));
	case 'M':
		return 2;
	case 'v':
		return REFSLAB_VALUE_STR + below(p, 2);
	case 'H':
		return ptr(p->source + 64 + 4 * below(p, 4));
	case 'E':
		return sizeof(struct refslab_entry) * (1 + below(p, 100));
	case 'N':
		return sizeof(struct refslab_root_record) * (1 + below(p, 10));
	case 'd':
		return ptr(p->source + 16 * (1 + below(p, 3)));
	case 'D':
		return sizeof(struct refslab_type_def);
	case 'l':
		return below(p, 32);
	case 'r':
	case 'w':
		return ptr(p->room);
	case 'R':
		return sizeof(struct refslab_record) * (1 + below(p, 100));
	case 'W':
		return 12;
	case 'z':
		return ptr(p->room);
	default:
		return number(p);
	}
}

static struct refslab_op any_op(struct play *p, unsigned int nr)
{
	static const unsigned int makers[] = {
		REFSLAB_OP_INT, REFSLAB_OP_LIST, REFSLAB_OP_NEW, REFSLAB_OP_STR, REFSLAB_OP_DUP,
		REFSLAB_OP_WEAK, REFSLAB_OP_APPEND, REFSLAB_OP_SETSLOT, REFSLAB_OP_TUPLE,
		REFSLAB_OP_DICT, REFSLAB_OP_SET, REFSLAB_OP_INSTANCE, REFSLAB_OP_DICT_SETITEM,
		REFSLAB_OP_ADD, REFSLAB_OP_SETATTR,
	};
	struct refslab_op op = { .opcode = below(p, REFSLAB_OP_LAST + 2) };
	const char *kind = "";
	unsigned int i, nr_args;

	if (!below(p, 4))
		op.opcode = makers[below(p, ARRAY_SIZE(makers))];
	/* what is dropped is nothing to play with */
	if (op.opcode == REFSLAB_OP_CLOSE && below(p, 4))
		op.opcode = REFSLAB_OP_DUP;
	nr_args = below(p, 5);
	for (i = 0; i < nr_args; i++) {
		op.arg[i] = operand(p);
		if (nr && !below(p, 6)) {
			op.from |= F(i);
			op.arg[i] = below(p, nr + 1);
		}
	}
	if (op.opcode <= REFSLAB_OP_LAST && kinds[op.opcode])
		kind = kinds[op.opcode];
	if (below(p, 2)) {
		op.from = 0;
		for (i = 0; i < ARRAY_SIZE(op.arg); i++)
			op.arg[i] = *kind ? of_kind(p, *kind++) : 0;
	}
	if (!below(p, 100))
		op.flags = 1u << below(p, 16);
	if (!below(p, 100))
		op.from |= 1u << below(p, 32);
	if (!below(p, 200))
		op.reserved = number(p);
	if (!below(p, 200))
		op.result[below(p, 2)] = number(p);
	if (!below(p, 200))
		op.error = number(p);
	return op;
}

static bool is_documented(int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(documented); i++)
		if (err == -documented[i])
			return true;
	return false;
}

/* One operation after the other that fails is left out, and the rest is submitted again. */
static void submit_any(struct __test_metadata *_metadata, struct play *p)
{
	struct refslab_op ops[OPS], before[OPS];
	unsigned int i, first = 0;
	int err;

	for (i = 0; i < OPS; i++)
		ops[i] = any_op(p, i);
	while (first < OPS) {
		struct refslab_submit submit = {
			.size = sizeof(submit), .ops = ptr(ops + first), .count = OPS - first,
		};

		memcpy(before, ops, sizeof(ops));
		err = test_ioctl(p->fd, REFSLAB_IOC_SUBMIT, &submit);
		ASSERT_EQ(0, err);
		ASSERT_GE(OPS - first, submit.done);
		for (i = first; i < first + submit.done; i++) {
			ASSERT_EQ(0, ops[i].error);
			ASSERT_EQ(before[i].opcode, ops[i].opcode);
			ASSERT_GE(REFSLAB_OP_LAST, ops[i].opcode);
			p->was_done[ops[i].opcode] = true;
			if (ops[i].result[0])
				p->results[below(p, RESULTS)] = ops[i].result[0];
		}
		p->done += submit.done;
		first += submit.done;
		if (first == OPS) {
			ASSERT_EQ(0, submit.error);
			break;
		}
		ASSERT_TRUE(is_documented(submit.error)) {
			TH_LOG("opcode %u: error %d", ops[first].opcode, submit.error);
		}
		/* but for the error all is as it was */
		ASSERT_EQ(submit.error, ops[first].error);
		ops[first].error = before[first].error;
		ASSERT_EQ(0, memcmp(&ops[first], &before[first],
				    (OPS - first) * sizeof(*ops)));
		p->failed++;
		first++;
	}
}

static void memory_open(struct __test_metadata *_metadata, struct play *p)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, ROOM + 4 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	p->read_only = map;
	p->source = map + page / 2;
	p->room = map + page;
	p->edge = map + page + ROOM - 2;
	p->hole = map + page + ROOM;
	/* names, definitions of types, handles, text */
	snprintf(p->source, 64, "Type%u_name", below(p, 1000));
	memcpy(p->source + 16, &(struct refslab_type_def) { .nr_slots = 2, .payload = 64 }, 16);
	memcpy(p->source + 32, &(struct refslab_type_def) { .flags = 6, .nr_slots = 1 }, 16);
	memcpy(p->source + 48, &(struct refslab_type_def) { .flags = 1, .payload = 1u << 20 }, 16);
	memcpy(p->source + 64, (const __u32[]) { 1, 2, 3, 4, 5, 6, 7, 8 }, 32);
	memset(p->source + 96, 'x', page / 2 - 96);
	memcpy(p->source + NAMES, "T0T1T2T3", 8);
	mprotect(map, page, PROT_READ);
	munmap(p->hole, page);
}

static void play_open(struct __test_metadata *_metadata, struct play *p, __u64 seed)
{
	static const __u64 limits[] = { 0, 1u << 20, 8u << 20, 64u << 20 };
	unsigned int i;

	p->random = seed;
	p->fd = test_open();
	ASSERT_LE(0, p->fd);
	ASSERT_EQ(0, test_create(p->fd, limits[1 + below(p, 3)], &p->heap));
	ASSERT_EQ(0, test_nonblock(p->fd, true));
	for (i = 0; i < 4; i++) {
		char name[] = { 'T', '0' + i, '\0' };

		ASSERT_LT(0, test_type(p->fd, name, i, 16 * i, i,
				       (i & 1 ? REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF : 0) |
				       (i & 2 ? REFSLAB_TYPE_MAPPED : 0)));
	}
	for (i = 0; i < RESULTS; i++)
		p->results[i] = below(p, 8);
}

static void play_round(struct __test_metadata *_metadata, struct play *p, __u64 seed)
{
	struct refslab_event_record events[16];
	struct test_heap heap;
	unsigned int i;

	play_open(_metadata, p, seed);
	for (i = 0; i < SUBMITS; i++) {
		submit_any(_metadata, p);
		if (!below(p, 10))
			test_events(p->fd, events, below(p, 17));
	}
	heap = (struct test_heap) { p->fd, p->heap };
	test_heap_check(_metadata, &heap);
	close(p->fd);
}

TEST(random_ops)
{
	unsigned long rounds = test_env("REFSLAB_TEST_RANDOM_ROUNDS", test_slow_kernel() ? 5 : 100);
	__u64 seed = test_env("REFSLAB_TEST_SEED", time(NULL) ^ (unsigned long)getpid() << 20);
	struct play play = { .fd = -1 };
	unsigned long i, nr = 0;

	TH_LOG("REFSLAB_TEST_SEED=%llu REFSLAB_TEST_RANDOM_ROUNDS=%lu",
	       (unsigned long long)seed, rounds);
	play.random = seed;
	memory_open(_metadata, &play);
	for (i = 0; i < rounds && _metadata->passed; i++)
		play_round(_metadata, &play, seed + i);
	for (i = 1; i <= REFSLAB_OP_LAST; i++) {
		nr += play.was_done[i];
		if (!play.was_done[i])
			TH_LOG("never right: opcode %lu", i);
	}
	TH_LOG("%lu operations of %lu opcodes were carried out, %lu refused", play.done, nr,
	       play.failed);
	/* or else it was no test */
	EXPECT_LT(play.failed / 20, play.done);
	EXPECT_LT(REFSLAB_OP_LAST * (rounds < 50 ? 7 : 9) / 10, nr);
	test_expect_nothing_left(_metadata);
}

TEST_HARNESS_MAIN
