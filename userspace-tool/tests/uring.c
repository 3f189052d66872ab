// SPDX-License-Identifier: GPL-2.0
/*
 * Operations by io_uring: the same answers and errors as the ioctl's, in flight while others work,
 * cancelled, and left behind by a process that ends.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <liburing.h>

#include "refslab_test.h"

/* IORING_URING_CMD_MULTISHOT, which liburing's headers may not have; 6.18 */
#define URING_CMD_MULTISHOT	0x2u
#define NOWHERE	((void *)(uintptr_t)16)

/* Puts a command into the ring's queue; its entry, until it is submitted. */
static struct io_uring_sqe *queue(struct io_uring *ring, int fd, const void *submit,
				  unsigned int flags, __u64 data)
{
	struct refslab_uring payload = { .arg = ptr(submit) };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = REFSLAB_URING_SUBMIT;
	sqe->flags |= flags;
	sqe->user_data = data;
	memcpy(sqe->cmd, &payload, sizeof(payload));
	return sqe;
}

/* The result of a completion, and whose it was. */
static int reap(struct io_uring *ring, __u64 *data)
{
	struct io_uring_cqe *cqe;
	int err = io_uring_wait_cqe(ring, &cqe), res;

	if (err)
		return err;
	res = cqe->res;
	if (data)
		*data = cqe->user_data;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static struct refslab_submit submit_of(struct refslab_op *ops, __u32 count)
{
	return (struct refslab_submit) {
		.size = sizeof(struct refslab_submit), .ops = ptr(ops), .count = count,
	};
}

/* One command and its result. */
static int command(struct io_uring *ring, int fd, const void *submit)
{
	queue(ring, fd, submit, 0, 0);
	if (io_uring_submit(ring) != 1)
		return -EIO;
	return reap(ring, NULL);
}

static int by_ring(struct io_uring *ring, int fd, struct refslab_op *ops, __u32 count, __u32 *done)
{
	struct refslab_submit submit = submit_of(ops, count);
	int err = command(ring, fd, &submit);

	if (done)
		*done = submit.done;
	return err ?: submit.error;
}

FIXTURE(uring) {
	struct test_heap heap;
	struct io_uring ring;
};

FIXTURE_SETUP(uring)
{
	test_heap_open(_metadata, &self->heap, 0);
	ASSERT_EQ(0, io_uring_queue_init(64, &self->ring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	test_heap_close(_metadata, &self->heap);
}

/* Every kind of answer: results, operands from results, user memory, an operation that fails. */
TEST_F(uring, same_as_ioctl)
{
	struct refslab_type_def def = { .nr_slots = 3, .payload = 8 };
	char text[2][8] = { "", "" };
	struct refslab_op ops[2][12];
	struct test_heap other;
	__u32 done[2];
	int err[2], i;

	for (i = 0; i < 2; i++) {
		struct refslab_op all[] = {
			op(TYPE, ptr("node"), 4, ptr(&def), sizeof(def)),
			opf(NEW, F(0), 0),
			op(STR, ptr("hello"), 5),
			opf(SETSLOT, F(0) | F(2), 1, 2, 2),
			opf(SLOT, F(0), 1, 2),
			opf(STR_VALUE, F(0), 4, ptr(text[i]), 5),
			op(LIST),
			opf(APPEND, F(0) | F(1), 6, 6),
			opf(CLOSE, F(0), 6),
			op(COLLECT, 2),
			opf(SLOT, F(0), 1, 0),
			op(LIST),
		};

		ASSERT_EQ(sizeof(ops[i]), sizeof(all));
		memcpy(ops[i], all, sizeof(all));
	}
	test_heap_open(_metadata, &other, 0);
	err[0] = test_submit(other.fd, ops[0], 12, &done[0]);
	err[1] = by_ring(&self->ring, self->heap.fd, ops[1], 12, &done[1]);
	EXPECT_EQ(-ENODATA, err[0]);
	EXPECT_EQ(err[0], err[1]);
	EXPECT_EQ(10, done[0]);
	EXPECT_EQ(done[0], done[1]);
	EXPECT_STREQ("hello", text[1]);
	EXPECT_EQ(1, ops[1][9].result[0]);
	ops[0][5].arg[1] = ops[1][5].arg[1];
	EXPECT_EQ(0, memcmp(ops[0], ops[1], sizeof(ops[0])));
	close(other.fd);
}

/* Whatever is wrong with a command, the heap stays as it was. */
TEST_F(uring, errors)
{
	struct refslab_op ops[] = { op(LIST) };
	struct refslab_submit good = submit_of(ops, 1), submit;
	int fd = self->heap.fd, empty = test_open();
	struct io_uring *ring = &self->ring;
	struct refslab_op *readonly;
	struct io_uring_sqe *sqe;
	int err;
	struct {
		struct refslab_submit submit;
		__u64 more;
	} longer = { good, 1 };

	ASSERT_LE(0, empty);
	readonly = mmap(NULL, sizeof(*ops), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, readonly);

	EXPECT_EQ(-EFAULT, command(ring, fd, NULL));
	EXPECT_EQ(-EFAULT, command(ring, fd, NOWHERE));
	EXPECT_EQ(-EFAULT, by_ring(ring, fd, NOWHERE, 1, NULL));
	EXPECT_EQ(-EFAULT, by_ring(ring, fd, readonly, 1, NULL));
	EXPECT_EQ(-ENOTCONN, command(ring, empty, &good));
	EXPECT_EQ(-EINVAL, by_ring(ring, fd, ops, 0, NULL));
	EXPECT_EQ(-E2BIG, by_ring(ring, fd, ops, REFSLAB_MAX_OPS + 1, NULL));
	submit = good;
	submit.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, command(ring, fd, &submit));
	submit = good;
	submit.size = 8;
	EXPECT_EQ(-EINVAL, command(ring, fd, &submit));
	longer.submit.size = sizeof(longer);
	EXPECT_EQ(-E2BIG, command(ring, fd, &longer));

	/* of the entry itself */
	sqe = queue(ring, fd, &good, 0, 0);
	sqe->cmd_op = REFSLAB_IOC_CREATE;
	ASSERT_EQ(1, io_uring_submit(ring));
	EXPECT_EQ(-EOPNOTSUPP, reap(ring, NULL));
	sqe = queue(ring, fd, &good, 0, 0);
	sqe->cmd[sizeof(__u64)] = 1;
	ASSERT_EQ(1, io_uring_submit(ring));
	EXPECT_EQ(-EINVAL, reap(ring, NULL));
	/* a command that never completes where io_uring knows of it; before, io_uring refuses it */
	sqe = queue(ring, fd, &good, IOSQE_BUFFER_SELECT, 0);
	sqe->rw_flags = URING_CMD_MULTISHOT;
	ASSERT_EQ(1, io_uring_submit(ring));
	err = reap(ring, NULL);
	EXPECT_TRUE(err == -EOPNOTSUPP || err == -EINVAL) {
		TH_LOG("multishot: %d", err);
	}

	EXPECT_EQ(0, test_stat(fd).handles);
	EXPECT_EQ(0, test_stat(fd).objects);
	EXPECT_EQ(0, command(ring, fd, &good));
	EXPECT_EQ(1, good.done);
	EXPECT_EQ(1, test_stat(fd).handles);
	munmap(readonly, sizeof(*ops));
	close(empty);
}

/* A session's rights are the same by either way. */
TEST_F(uring, rights)
{
	int fd = test_attach(self->heap.fd, REFSLAB_ATTACH_READONLY);
	struct refslab_op ops[] = { op(ISENABLED), op(LIST) };
	__u32 done;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, by_ring(&self->ring, fd, ops, 2, &done));
	EXPECT_EQ(1, done);
	EXPECT_EQ(-EPERM, ops[1].error);
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
	close(fd);
}

/* Linked commands come one after the other: each finds what the one before left. */
TEST_F(uring, linked_in_order)
{
	enum { N = 32 };
	struct refslab_submit submit[N];
	struct refslab_op ops[N][2];
	int fd = self->heap.fd, i;
	__s64 l = call(fd, LIST);

	ASSERT_LT(0, l);
	for (i = 0; i < N; i++) {
		ops[i][0] = op(LEN, l);
		ops[i][1] = op(APPEND, l, l);
		submit[i] = submit_of(ops[i], 2);
		queue(&self->ring, fd, &submit[i], i < N - 1 ? IOSQE_IO_LINK : 0, i);
	}
	ASSERT_EQ(N, io_uring_submit(&self->ring));
	for (i = 0; i < N; i++)
		EXPECT_EQ(0, reap(&self->ring, NULL));
	for (i = 0; i < N; i++) {
		EXPECT_EQ(0, submit[i].error);
		EXPECT_EQ(2, submit[i].done);
		EXPECT_EQ(i, ops[i][0].result[0]);
	}
}

/* A thread of the kernel's picks the entries up. */
TEST_F(uring, polled_queue)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 10 };
	struct refslab_op ops[] = { op(LIST), opf(APPEND, F(0) | F(1), 0, 0), opf(LEN, F(0), 0) };
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init_params(8, &ring, &params));
	EXPECT_EQ(0, by_ring(&ring, self->heap.fd, ops, 3, NULL));
	EXPECT_EQ(1, ops[2].result[0]);
	io_uring_queue_exit(&ring);
}

struct worker {
	int fd;
	__s64 list;
	int err;
};

enum { RINGS = 4, COMMANDS = 64, OPS = 32 };

/* A ring of its own on the heap of all, as many commands in flight as there are. */
static void *ring_of_its_own(void *arg)
{
	static const struct refslab_op round[] = {
		op(LIST), opf(APPEND, F(0) | F(1), 0, 0), opf(CLOSE, F(0), 0),
	};
	struct worker *w = arg;
	struct refslab_submit *submit = calloc(COMMANDS, sizeof(*submit));
	struct refslab_op *ops = calloc(COMMANDS * 4 * OPS, sizeof(*ops)), *o = ops;
	struct io_uring ring;
	int i, k, j;

	w->err = submit && ops ? io_uring_queue_init(COMMANDS, &ring, 0) : -ENOMEM;
	if (w->err)
		return NULL;
	for (i = 0; i < COMMANDS; i++) {
		submit[i] = submit_of(o, 4 * OPS);
		for (k = 0; k < OPS; k++, o += 4) {
			for (j = 0; j < 3; j++) {
				o[j] = round[j];
				o[j].arg[0] = 4 * k;
			}
			o[0].arg[0] = 0;
			o[1].arg[1] = 4 * k;
			o[3] = op(APPEND, w->list, w->list);
		}
		queue(&ring, w->fd, &submit[i], 0, i);
	}
	if (io_uring_submit(&ring) != COMMANDS)
		w->err = -EIO;
	for (i = 0; i < COMMANDS && !w->err; i++)
		w->err = reap(&ring, NULL);
	for (i = 0; i < COMMANDS && !w->err; i++)
		w->err = submit[i].error ?: submit[i].done == 4 * OPS ? 0 : -EIO;
	io_uring_queue_exit(&ring);
	free(submit);
	free(ops);
	return NULL;
}

TEST_F(uring, many_rings_one_heap)
{
	int fd = self->heap.fd, i;
	struct worker w[RINGS];
	pthread_t thread[RINGS];
	__s64 l = call(fd, LIST);

	for (i = 0; i < RINGS; i++) {
		w[i] = (struct worker) { fd, l, -1 };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, ring_of_its_own, &w[i]));
	}
	/* the ioctl beside them */
	for (i = 0; i < 50; i++)
		EXPECT_LE(0, call(fd, COLLECT, i % 3));
	for (i = 0; i < RINGS; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, w[i].err);
	}
	EXPECT_EQ(RINGS * COMMANDS * OPS, call(fd, LEN, l));
	EXPECT_EQ(RINGS * COMMANDS * OPS + 1, test_refcount(fd, l));
	EXPECT_LE(0, call(fd, COLLECT, 2));
	EXPECT_EQ(1, test_stat(fd).objects);
	EXPECT_EQ(1, test_stat(fd).handles);
}

/* What takes so long that it is under way when something happens to it. */
static int long_work(int fd, struct refslab_op *ops)
{
	struct refslab_op fill[] = { op(LIST), opf(APPEND, F(0), 0, 0) };
	__s64 all = call(fd, LIST);
	int i, err = 0;

	for (i = 0; i < 3000 && !err; i++) {
		fill[0] = op(LIST);
		fill[1] = op(APPEND, all, 0);
		fill[1].from = F(1);
		err = test_submit(fd, fill, 2, NULL);
	}
	for (i = 0; i < (int)REFSLAB_MAX_OPS; i++)
		ops[i] = op(COLLECT, 2 | REFSLAB_COLLECT_ALL);
	return err;
}

TEST_F(uring, cancelled)
{
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS, sizeof(*ops));
	struct refslab_submit submit = submit_of(ops, REFSLAB_MAX_OPS);
	int fd = self->heap.fd, i, res, command = -1, cancel = -1;
	struct io_uring_sqe *sqe;
	__u64 data;

	ASSERT_NE(NULL, ops);
	ASSERT_EQ(0, long_work(fd, ops));
	queue(&self->ring, fd, &submit, 0, 1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	/* it is at work when scans are being counted */
	ASSERT_TRUE(wait_for(TEST_SETTLE_MS, test_gc_stats(fd).gen[2].collections > 2));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		res = reap(&self->ring, &data);
		if (data == 1)
			command = res;
		else
			cancel = res;
	}
	EXPECT_EQ(-EALREADY, cancel);
	EXPECT_EQ(0, command);
	EXPECT_EQ(-EINTR, submit.error);
	EXPECT_LT(2, submit.done);
	EXPECT_GT(REFSLAB_MAX_OPS, submit.done);
	/* and the next one is not in the least interrupted */
	ops[0] = op(COLLECT, 2);
	ops[1] = op(LIST);
	EXPECT_EQ(0, by_ring(&self->ring, fd, ops, 2, NULL));
	free(ops);
}

/* A process with commands in flight that ends: by itself, after its ring, or killed. */
static void end_in_flight(struct __test_metadata *_metadata, int how)
{
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS, sizeof(*ops));
	struct refslab_submit submit[4];
	struct io_uring ring;
	int fd, i, status;
	pid_t pid;
	__u32 id;

	ASSERT_NE(NULL, ops);
	pid = fork();
	if (!pid) {
		fd = test_open();
		if (test_create(fd, 0, &id) || long_work(fd, ops) ||
		    io_uring_queue_init(8, &ring, 0))
			_exit(2);
		for (i = 0; i < 4; i++) {
			submit[i] = submit_of(ops, REFSLAB_MAX_OPS);
			queue(&ring, fd, &submit[i], 0, i);
		}
		if (io_uring_submit(&ring) != 4 ||
		    !wait_for(TEST_SETTLE_MS, test_gc_stats(fd).gen[2].collections > 2))
			_exit(3);
		if (how == 1)
			io_uring_queue_exit(&ring);
		if (how == 2)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(how == 2 ? SIGKILL : 0, status);
	free(ops);
	test_expect_nothing_left(_metadata);
}

TEST(exit_in_flight)
{
	end_in_flight(_metadata, 0);
}

TEST(ring_closed_in_flight)
{
	end_in_flight(_metadata, 1);
}

TEST(killed_in_flight)
{
	end_in_flight(_metadata, 2);
}

/* The file is closed while a command is under way: that keeps it until it is done. */
TEST(session_closed_in_flight)
{
	struct refslab_op *ops = calloc(REFSLAB_MAX_OPS, sizeof(*ops));
	struct refslab_submit submit = submit_of(ops, 64);
	int fd = test_open(), i;
	struct io_uring ring;
	__u32 id;

	ASSERT_NE(NULL, ops);
	ASSERT_EQ(0, test_create(fd, 0, &id));
	ASSERT_EQ(0, long_work(fd, ops));
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	queue(&ring, fd, &submit, 0, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, reap(&ring, NULL));
	EXPECT_EQ(0, submit.error);
	EXPECT_EQ(64, submit.done);
	for (i = 0; i < 64; i++)
		EXPECT_EQ(0, ops[i].error);
	io_uring_queue_exit(&ring);
	free(ops);
	test_expect_nothing_left(_metadata);
}

TEST_HARNESS_MAIN
