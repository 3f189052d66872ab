// SPDX-License-Identifier: GPL-2.0
/*
 * librefslab from C: two lists that contain each other, which only the collector can free, and an
 * object that is to be finalized, which poll(2) tells of.
 *
 *	cc cycle.c $(pkg-config --cflags --libs librefslab) -o cycle
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <librefslab.h>

/* A program that goes on would drop what it holds instead; the session's end does it here. */
static void check(unsigned int opcode, int err)
{
	const char *name = refslab_opcode_name(opcode);

	if (!err)
		return;
	fprintf(stderr, "cycle: %s: %s\n", name ? name : "session", refslab_strerror(opcode, err));
	exit(1);
}

static unsigned long long live_objects(struct refslab_session *s)
{
	struct refslab_stat stat;

	check(REFSLAB_OP_STAT, refslab_op_stat(s, &stat));
	return stat.objects;
}

static void two_lists(struct refslab_session *s)
{
	__u64 unreachable, uncollectable;
	__u32 a, b, count;

	check(REFSLAB_OP_LIST, refslab_op_list(s, &a));
	check(REFSLAB_OP_LIST, refslab_op_list(s, &b));
	check(REFSLAB_OP_APPEND, refslab_op_append(s, a, b));
	check(REFSLAB_OP_APPEND, refslab_op_append(s, b, a));
	check(REFSLAB_OP_REFCOUNT, refslab_op_refcount(s, a, &count));
	printf("two lists, each in the other: %u references to the first\n", count);

	check(REFSLAB_OP_CLOSE, refslab_op_close(s, a));
	check(REFSLAB_OP_CLOSE, refslab_op_close(s, b));
	printf("dropped: %llu objects\n", live_objects(s));

	check(REFSLAB_OP_COLLECT, refslab_op_collect(s, 2, &unreachable, &uncollectable));
	printf("collected: %llu unreachable, %llu objects left\n",
	       (unsigned long long)unreachable, live_objects(s));
}

static void say_goodbye(struct refslab_session *s)
{
	const struct refslab_type_def def = {
		.flags = REFSLAB_TYPE_FINALIZER,
		.nr_slots = 1,
		.payload = 16,
	};
	struct pollfd pollfd = { .fd = refslab_session_fd(s), .events = POLLIN };
	struct refslab_event_record event;
	char text[16] = "goodbye";
	__u32 type, node;
	size_t count;

	check(REFSLAB_OP_TYPE, refslab_op_type(s, "Node", &def, &type));
	check(REFSLAB_OP_NEW, refslab_op_new(s, type, &node));
	check(REFSLAB_OP_WRITE, refslab_op_write(s, node, 0, text, sizeof(text)));
	printf("a node with a finalizer: %d events\n", poll(&pollfd, 1, 0));

	/* Its last reference: now somebody else has to say goodbye to it. */
	check(REFSLAB_OP_CLOSE, refslab_op_close(s, node));
	if (poll(&pollfd, 1, 10000) != 1 || !(pollfd.revents & POLLIN)) {
		fprintf(stderr, "cycle: no event\n");
		exit(1);
	}
	check(REFSLAB_CALL_READ_EVENTS, refslab_read_events(s, &event, 1, &count));
	check(REFSLAB_OP_READ, refslab_op_read(s, event.handle, 0, text, sizeof(text)));
	printf("dropped: %zu event%s, it says %.16s\n", count,
	       event.event == REFSLAB_EVENT_FINALIZE ? " of a finalizer" : "", text);

	/* The event's handle is the last reference there is. */
	check(REFSLAB_OP_CLOSE, refslab_op_close(s, event.handle));
	printf("finalized: %llu objects left\n", live_objects(s));
}

int main(void)
{
	struct refslab_session *s;

	check(REFSLAB_CALL_OPEN, refslab_session_open(NULL, &s));
	check(REFSLAB_CALL_CREATE, refslab_session_create(s, "cycle", 0, NULL));
	two_lists(s);
	say_goodbye(s);
	refslab_session_close(s);
	return 0;
}
