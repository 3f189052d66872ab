// SPDX-License-Identifier: GPL-2.0
/*
 * submit MIX ROUNDS COUNT: our side of submit_op. Operations that a program asks for, COUNT in a
 * REFSLAB_IOC_SUBMIT, in rounds of the same calls as the module makes for the peer, see there.
 * Prints ns=... ops=..., what they took and how many there were.
 *
 * The array is filled in before each submit, as a program has to, and that is in the time.
 * MIX "nothing" is what it takes to get into the kernel and back: ioctls it does not know.
 */
#include "bench.h"

#define WARM_UP	20	/* submits */

/* The first three handles of the session. */
enum { OWNER = 1, OTHER, THIRD };

struct step {
	__u16 opcode;
	__u8 from;	/* bit i: args[i] counts from the round's first operation */
	__u64 arg[3];
};

struct mix {
	const char *name;
	unsigned int nr;
	struct step step[8];
};

static __u64 type;

static struct mix mixes[] = {
	/* an object is made, put into a graph, found there, taken out again and freed */
	{ "all", 8, {
		{ REFSLAB_OP_NEW, 0, { 0 } },
		{ REFSLAB_OP_SETSLOT, 4, { OWNER, 0, 0 } },
		{ REFSLAB_OP_SETSLOT, 1, { 0, 1, OTHER } },
		{ REFSLAB_OP_SLOT, 0, { OWNER, 0 } },
		{ REFSLAB_OP_CLOSE, 1, { 3 } },
		{ REFSLAB_OP_SETSLOT, 0, { OWNER, 1, OTHER } },
		{ REFSLAB_OP_CLEARSLOT, 0, { OWNER, 0 } },
		{ REFSLAB_OP_CLOSE, 1, { 0 } },
	} },
	{ "link", 2, {
		{ REFSLAB_OP_SETSLOT, 0, { OWNER, 0, OTHER } },
		{ REFSLAB_OP_SETSLOT, 0, { OWNER, 0, THIRD } },
	} },
	{ "load", 2, {
		{ REFSLAB_OP_SLOT, 0, { OWNER, 1 } },
		{ REFSLAB_OP_CLOSE, 1, { 0 } },
	} },
	{ "new", 2, {
		{ REFSLAB_OP_NEW, 0, { 0 } },
		{ REFSLAB_OP_CLOSE, 1, { 0 } },
	} },
};

static int make_nodes(void)
{
	int fd = make_heap();
	__u64 handle;

	type = make_type(fd, "node", 2);
	for (handle = OWNER; handle <= THIRD; handle++) {
		struct refslab_op new = { .opcode = REFSLAB_OP_NEW, .arg = { type } };

		if (one(fd, new) != handle)
			fail("handles do not count from 1");
	}
	one(fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_SETSLOT, .arg = { OWNER, 1, OTHER } });
	return fd;
}

static void fill(struct refslab_op *ops, const struct mix *mix, __u32 count)
{
	const struct step *step;
	__u32 i, k;

	memset(ops, 0, count * sizeof(*ops));
	for (i = 0; i < count; i++) {
		step = &mix->step[i % mix->nr];
		ops[i].opcode = step->opcode;
		ops[i].from = step->from;
		for (k = 0; k < 3; k++)
			ops[i].arg[k] = step->arg[k] + (step->from >> k & 1 ? i - i % mix->nr : 0);
		if (step->opcode == REFSLAB_OP_NEW)
			ops[i].arg[0] = type;
	}
}

static void nothing(int fd, unsigned long n)
{
	long long begin = now();
	unsigned long i;

	for (i = 0; i < n; i++)
		if (ioctl(fd, _IO(REFSLAB_IOC_MAGIC, 0xff), 0) != -1)
			fail("an unknown ioctl");
	printf("ns=%lld ops=%lu\n", now() - begin, n);
}

int main(int argc, char **argv)
{
	unsigned long submits, i;
	struct refslab_op *ops, *filled;
	const struct mix *mix = NULL;
	long long begin = 0;
	__u32 count;
	int fd;

	if (argc != 4)
		return 2;
	pin(0);
	keep_busy(1);
	fd = make_nodes();
	count = strtoul(argv[3], NULL, 0);
	if (!strcmp(argv[1], "nothing")) {
		nothing(fd, strtoul(argv[2], NULL, 0));
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(mixes); i++)
		if (!strcmp(argv[1], mixes[i].name))
			mix = &mixes[i];
	ops = calloc(count, sizeof(*ops));
	filled = calloc(count, sizeof(*ops));
	if (!mix || !count || !ops || !filled)
		return 2;
	submits = strtoul(argv[2], NULL, 0) * mix->nr / count;
	if (!submits)
		submits = 1;
	fill(filled, mix, count);
	for (i = 0; i < WARM_UP + submits; i++) {
		if (i == WARM_UP)
			begin = now();
		memcpy(ops, filled, count * sizeof(*ops));
		submit(fd, ops, count);
	}
	printf("ns=%lld ops=%lu\n", now() - begin, submits * count);
	return 0;
}
