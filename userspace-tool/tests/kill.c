// SPDX-License-Identifier: GPL-2.0
/*
 * A process is killed in the middle of whatever it was doing: everything it held is gone, and what
 * others share with it is whole.
 *
 * REFSLAB_TEST_KILLS: how many are killed in each way (30).
 */
#include <pthread.h>
#include <signal.h>

#include "refslab_test.h"

#define BATCH	3000u

struct work {
	int fd;
	__u64 seed;
};

/*
 * Never ends: lists and nodes in cycles and chains, made, linked, dropped and collected. What it
 * does to the heap fails now and then, as handles come and go.
 */
static void *work(void *arg)
{
	struct work *w = arg;
	struct refslab_op *ops = calloc(BATCH, sizeof(*ops));
	__s64 type = test_type(w->fd, "node", 3, 100, 50, 0);	/* one thread makes it */
	__s64 root = call(w->fd, LIST), other;
	unsigned int i;

	for (;;) {
		for (i = 0; i + 6 <= BATCH; i += 6) {
			ops[i] = type <= 0 || test_random(&w->seed) % 2 ? op(LIST) : op(NEW, type);
			ops[i + 1] = opf(APPEND, F(1), root, i);
			ops[i + 2] = op(LIST);
			ops[i + 3] = opf(APPEND, F(0) | F(1), i + 2, i + 2);
			ops[i + 4] = opf(APPEND, F(0), i + 2, root);
			ops[i + 5] = test_random(&w->seed) % 4 ? opf(CLOSE, F(0), i + 2) :
								 opf(DUP, F(0), i);
		}
		test_submit(w->fd, ops, i, NULL);
		switch (test_random(&w->seed) % 8) {
		case 0:
			call(w->fd, COLLECT, test_random(&w->seed) % 3);
			break;
		case 1:
			call(w->fd, TRIM);
			break;
		case 2:
			other = call(w->fd, LIST);
			call(w->fd, CLOSE, root);
			root = other;
			break;
		case 3:
			for (i = 0; i < BATCH; i++)
				ops[i] = op(POP, root, 0);
			test_submit(w->fd, ops, BATCH, NULL);
			break;
		}
	}
	return NULL;
}

struct child {
	pid_t pid;
	int ready;
};

/*
 * A child with @threads at work, on @fd or a heap of its own. It says when it is about to begin;
 * its memory is limited by its heap, not by how late it is killed.
 */
static struct child start(int fd, unsigned int threads, __u64 seed)
{
	struct child child = { -1, -1 };
	struct work w[8];
	pthread_t thread;
	int pipefd[2];
	unsigned int i;
	__u32 id;

	if (pipe(pipefd))
		return child;
	child.ready = pipefd[0];
	child.pid = fork();
	if (child.pid) {
		close(pipefd[1]);
		return child;
	}
	if (fd < 0) {
		fd = test_open();
		if (test_create(fd, 64u << 20, &id))
			_exit(1);
	}
	for (i = 0; i < threads; i++)
		w[i] = (struct work) { fd, seed * 8 + i };
	if (write(pipefd[1], "r", 1) != 1)
		_exit(1);
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, work, &w[i]))
			_exit(1);
	work(&w[0]);
	_exit(1);
}

/* Between one and forty milliseconds after it began. */
static int kill_later(struct child child, __u64 *seed)
{
	int status = -1;
	char c;

	if (child.pid < 0 || read(child.ready, &c, 1) != 1)
		return -1;
	close(child.ready);
	test_sleep_ms(1 + test_random(seed) % 40);
	kill(child.pid, SIGKILL);
	waitpid(child.pid, &status, 0);
	return status;
}

FIXTURE(killed) {
	unsigned long kills;
	__u64 seed;
};

FIXTURE_SETUP(killed)
{
	self->kills = test_env("REFSLAB_TEST_KILLS", 30);
	self->seed = test_env("REFSLAB_TEST_SEED", 1);
}

FIXTURE_TEARDOWN(killed)
{
	test_expect_nothing_left(_metadata);
}

TEST_F_TIMEOUT(killed, one_thread, 1800)
{
	unsigned long i;

	for (i = 0; i < self->kills; i++) {
		ASSERT_EQ(SIGKILL, kill_later(start(-1, 1, self->seed + i), &self->seed));
		test_expect_nothing_left(_metadata);
	}
}

TEST_F_TIMEOUT(killed, many_threads, 1800)
{
	unsigned long i;

	for (i = 0; i < self->kills; i++) {
		ASSERT_EQ(SIGKILL, kill_later(start(-1, 4, self->seed + i), &self->seed));
		test_expect_nothing_left(_metadata);
	}
}

TEST_F_TIMEOUT(killed, many_at_once, 1800)
{
	struct child child[4];
	unsigned long i, k;

	for (i = 0; i < self->kills; i += 4) {
		for (k = 0; k < 4; k++)
			child[k] = start(-1, 2, self->seed + i + k);
		for (k = 0; k < 4; k++)
			ASSERT_EQ(SIGKILL, kill_later(child[k], &self->seed));
		test_expect_nothing_left(_metadata);
	}
}

/* A session that was inherited outlives whoever is killed, and so do its objects. */
TEST_F_TIMEOUT(killed, session_of_others_stays, 1800)
{
	struct test_heap heap;
	__s64 mine, l;
	char in[6] = "";
	unsigned long i;

	test_heap_open(_metadata, &heap, 64u << 20);
	l = call(heap.fd, LIST);
	mine = test_str(heap.fd, "mine!");
	ASSERT_EQ(0, call(heap.fd, APPEND, l, mine));
	for (i = 0; i < self->kills; i++) {
		ASSERT_EQ(SIGKILL, kill_later(start(heap.fd, 2, self->seed + i), &self->seed));
		test_heap_check(_metadata, &heap);
		EXPECT_EQ(1, call(heap.fd, LEN, l));
		EXPECT_EQ(2, test_refcount(heap.fd, mine));
		EXPECT_EQ(5, call(heap.fd, STR_VALUE, mine, ptr(in), 5));
		EXPECT_STREQ("mine!", in);
		if (test_stat(heap.fd).bytes_reserved > 48u << 20) {
			/* What the dead left in the shared session fills it in the end. */
			test_heap_close(_metadata, &heap);
			test_heap_open(_metadata, &heap, 64u << 20);
			l = call(heap.fd, LIST);
			mine = test_str(heap.fd, "mine!");
			ASSERT_EQ(0, call(heap.fd, APPEND, l, mine));
		}
	}
	test_heap_close(_metadata, &heap);
}

TEST_HARNESS_MAIN
