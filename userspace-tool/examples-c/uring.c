// SPDX-License-Identifier: GPL-2.0
/*
 * A heap by io_uring: a scan goes on in the kernel while the program does something else.
 *
 *	cc uring.c $(pkg-config --cflags --libs librefslab liburing) -o uring
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <liburing.h>
#include <librefslab.h>

#define PAIRS	1000

static void check(const char *what, int err)
{
	if (!err)
		return;
	fprintf(stderr, "uring: %s: %s\n", what, strerror(-err));
	exit(1);
}

/* Has the ring carry out what @submit says, some time from now on. */
static void begin(struct io_uring *ring, int fd, const struct refslab_submit *submit)
{
	struct refslab_uring command = { .arg = (unsigned long)submit };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = REFSLAB_URING_SUBMIT;
	memcpy(sqe->cmd, &command, sizeof(command));
	if (io_uring_submit(ring) != 1)
		check("submit", -EIO);
}

static int finish(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int res = io_uring_wait_cqe(ring, &cqe);

	if (!res) {
		res = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	return res;
}

/* Lists that contain each other, of which nobody holds a handle. */
static void make_garbage(struct refslab_session *s)
{
	__u32 a, b;
	int i;

	for (i = 0; i < PAIRS; i++) {
		check("list", refslab_op_list(s, &a));
		check("list", refslab_op_list(s, &b));
		check("append", refslab_op_append(s, a, b));
		check("append", refslab_op_append(s, b, a));
		check("close", refslab_op_close(s, a));
		check("close", refslab_op_close(s, b));
	}
}

int main(void)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_COLLECT, .arg = { 2 } };
	struct refslab_submit submit = {
		.size = sizeof(submit), .ops = (unsigned long)&op, .count = 1,
	};
	struct refslab_session *s;
	struct io_uring ring;
	__u32 text;

	check("session", refslab_session_open(NULL, &s));
	check("heap", refslab_session_create(s, "uring", 0, NULL));
	check("disable", refslab_op_disable(s));
	check("ring", io_uring_queue_init(4, &ring, 0));
	make_garbage(s);

	begin(&ring, refslab_session_fd(s), &submit);
	check("str", refslab_op_str(s, "meanwhile", 9, &text));
	check("collect", finish(&ring) ?: submit.error);
	printf("collected: %llu lists\n", (unsigned long long)op.result[0]);

	io_uring_queue_exit(&ring);
	refslab_session_close(s);
	return 0;
}
