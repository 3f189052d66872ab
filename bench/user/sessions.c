// SPDX-License-Identifier: GPL-2.0
/*
 * sessions HEAPS PROCESSES ROUNDS: processes with a session and a CPU each, which work beside each
 * other on objects of their own: on one heap (HEAPS "one"), or each on its own ("own"), which says
 * what the machine gives. A round is what the module's worker does, in four operations: allocate,
 * link, drop the handle, unlink and so free. 64 rounds in a submit, ROUNDS of them each.
 * Prints ns=... ops=..., from the first one's begin to the last one's end.
 */
#include "bench.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#define WARM_UP		20	/* submits */
#define ROUND		4	/* operations */
#define COUNT		256
#define OWNER		1	/* the first handle of a session */
#define MAX_PROCESSES	64

/* What the processes share. */
struct start {
	pthread_barrier_t all_there;
	struct {
		long long begin;
		long long end;
	} times[MAX_PROCESSES];
};

static struct start *make_start(unsigned int processes)
{
	struct start *start = mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	if (start == MAP_FAILED)
		fail("shared memory");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	errno = pthread_barrier_init(&start->all_there, &attr, processes);
	if (errno)
		fail("a barrier");
	return start;
}

static void fill(struct refslab_op *ops, __u64 type)
{
	const struct refslab_op round[ROUND] = {
		{ .opcode = REFSLAB_OP_NEW, .arg = { type } },
		{ .opcode = REFSLAB_OP_SETSLOT, .from = 4, .arg = { OWNER, 0, 0 } },
		{ .opcode = REFSLAB_OP_CLOSE, .from = 1, .arg = { 0 } },
		{ .opcode = REFSLAB_OP_CLEARSLOT, .arg = { OWNER, 0 } },
	};
	unsigned int i, k;

	for (i = 0; i < COUNT; i++) {
		ops[i] = round[i % ROUND];
		/* what .from says is an operand is the round's object, made by its first one */
		for (k = 0; k < 3; k++)
			if (ops[i].from >> k & 1)
				ops[i].arg[k] = i - i % ROUND;
	}
}

static void work(struct start *start, unsigned int self, int fd, __u64 type, unsigned long submits)
{
	const struct refslab_op new = { .opcode = REFSLAB_OP_NEW, .arg = { type } };
	struct refslab_op ops[COUNT], filled[COUNT];
	unsigned long i;

	pin(self);
	if (one(fd, new) != OWNER)
		fail("handles do not count from 1");
	fill(filled, type);
	for (i = 0; i < WARM_UP + submits; i++) {
		if (i == WARM_UP) {
			pthread_barrier_wait(&start->all_there);
			start->times[self].begin = now();
		}
		memcpy(ops, filled, sizeof(ops));
		submit(fd, ops, COUNT);
	}
	start->times[self].end = now();
}

static void wait_for_all(unsigned int processes)
{
	int status;

	/* one that failed is missed at the barrier: the others end with this process */
	while (processes--)
		if (wait(&status) < 0 || status)
			exit(1);
}

int main(int argc, char **argv)
{
	unsigned long processes, submits, i;
	long long begin, end;
	struct start *start;
	bool one_heap;
	__u64 type = 0;
	int heap = -1;

	if (argc != 4)
		return 2;
	one_heap = !strcmp(argv[1], "one");
	processes = strtoul(argv[2], NULL, 0);
	submits = strtoul(argv[3], NULL, 0) * ROUND / COUNT;
	if ((!one_heap && strcmp(argv[1], "own")) || !processes || processes > MAX_PROCESSES)
		return 2;
	if (!submits)
		submits = 1;
	start = make_start(processes);
	keep_busy(processes);
	if (one_heap) {
		heap = make_heap();
		type = make_type(heap, "node", 2);
	}
	for (i = 0; i < processes; i++) {
		if (fork_along())
			continue;
		if (one_heap) {
			work(start, i, attach_heap(heap), type, submits);
		} else {
			heap = make_heap();
			work(start, i, heap, make_type(heap, "node", 2), submits);
		}
		return 0;
	}
	wait_for_all(processes);
	begin = start->times[0].begin;
	end = start->times[0].end;
	for (i = 1; i < processes; i++) {
		if (start->times[i].begin < begin)
			begin = start->times[i].begin;
		if (start->times[i].end > end)
			end = start->times[i].end;
	}
	printf("ns=%lld ops=%lu\n", end - begin, processes * submits * COUNT);
	return 0;
}
