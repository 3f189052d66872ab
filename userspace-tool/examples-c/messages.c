// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between processes that are killed all the time, and none is lost or answered twice.
 *
 *	messages [SECONDS [CONSUMERS]]		5 seconds and 3 consumers
 *
 * A producer puts messages into inboxes, each consumer answers those in its own, and the parent
 * reads the answers, drops old conversations, and kills a consumer again and again. What they share
 * is a heap, under these names:
 *
 *	inbox0, inbox1 ...	lists of messages, the oldest first; each goes to the next inbox
 *	log			a list of all messages that the parent has not dropped yet
 *
 *	message: number, text, replies --> list --> reply: text, reply_to --> the message again
 *
 * A conversation is a cycle. Once it is out of its inbox and the log nobody can reach it, and the
 * collector finds it, while everybody goes on.
 *
 * Why nothing is lost. A process can be killed between any two operations, also between those of
 * one submit, but each operation is done or not done. So only their order counts:
 *
 *	producer	make the message - append it to the log - append it to an inbox
 *	consumer	look at the first in the inbox - when it has no reply: work, make the
 *			reply - append it to the replies - take the message out of the inbox
 *
 * A consumer that dies before its reply is among the replies has changed nothing that others see:
 * what it had made hung on its handles, and went with them. The message is still the first in the
 * inbox, and the successor begins it again; the work is done at least once. After that one append
 * the message is answered. When the consumer dies now, its successor finds the message with a reply
 * and only takes it out. No lock is needed, as an inbox has one owner: nobody else removes anything
 * from it, and a successor is started after its predecessor is dead and gone.
 *
 *	cc messages.c $(pkg-config --cflags --libs librefslab) -o messages
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librefslab.h>

#define MAX_CONSUMERS	64
#define MAX_SECONDS	86400
#define MAX_INBOX	16		/* messages that wait; then the producer does, too */
#define MAX_LOG		1000		/* conversations in the log, likewise */
#define AT_A_TIME	50		/* conversations that the parent looks at between kills */
#define HEAP_BYTES	(16u << 20)	/* a leak would soon be noticed */
#define PATIENCE	120		/* seconds for the consumers to finish what is left */

/* What producer and consumers need not do is what they cannot do. */
#define WORKER		(REFSLAB_ATTACH_NO_COLLECT | REFSLAB_ATTACH_NO_LIMITS)

/* This process's session, its batch of operations, and the number of consumers. */
static struct refslab_session *s;
static struct refslab_batch *b;
static unsigned int consumers = 3;

static void check(unsigned int opcode, int err)
{
	const char *name = refslab_opcode_name(opcode);

	if (!err)
		return;
	fprintf(stderr, "messages: %s: %s\n", name ? name : "session",
		refslab_strerror(opcode, err));
	exit(1);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* For a random time, so that a kill may hit any step. */
static void dawdle(unsigned int max_us)
{
	usleep(rand() % max_us);
}

/* --- what the graph is made of --------------------------------------------------------------- */

static void submit(void)
{
	unsigned int done = 0;
	int err = refslab_batch_submit(b, s, &done);

	check(refslab_batch_opcode(b, done), err);
	refslab_batch_reset(b);
}

static void batch_close(int result)
{
	refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(result));
}

/* object.name = the result of an operation, whose handle is dropped: the object has it now. */
static void batch_set(struct refslab_operand object, const char *name, int result)
{
	refslab_batch_op(b, REFSLAB_OP_SETATTR, object, refslab_pointer(name),
			 refslab_value(strlen(name)), refslab_result(result));
	batch_close(result);
}

static int batch_text(const char *text)
{
	return refslab_batch_op(b, REFSLAB_OP_STR, refslab_pointer(text),
				refslab_value(strlen(text)));
}

static int batch_int(__s64 value)
{
	return refslab_batch_op(b, REFSLAB_OP_INT, refslab_value(value));
}

static __u32 lookup(const char *format, unsigned int number)
{
	char name[32];
	__u32 handle;

	snprintf(name, sizeof(name), format, number);
	check(REFSLAB_OP_LOOKUP, refslab_op_lookup(s, name, &handle));
	return handle;
}

static __u32 get(__u32 object, const char *name)
{
	__u32 handle;

	check(REFSLAB_OP_GETATTR, refslab_op_getattr(s, object, name, &handle));
	return handle;
}

static __u32 item(__u32 list, __u64 index)
{
	__u32 handle;

	check(REFSLAB_OP_ITEM, refslab_op_item(s, list, index, &handle));
	return handle;
}

static __u64 length(__u32 object)
{
	__u64 len;

	check(REFSLAB_OP_LEN, refslab_op_len(s, object, &len));
	return len;
}

static void drop(__u32 handle)
{
	check(REFSLAB_OP_CLOSE, refslab_op_close(s, handle));
}

/* The value of a number among the attributes, 0 when it is not there. */
static __s64 get_int(__u32 object, const char *name)
{
	__s64 value = 0;
	__u32 handle;
	int err = refslab_op_getattr(s, object, name, &handle);

	if (err == -ENOKEY)
		return 0;
	check(REFSLAB_OP_GETATTR, err);
	check(REFSLAB_OP_INT_VALUE, refslab_op_int_value(s, handle, &value));
	drop(handle);
	return value;
}

static void get_text(__u32 object, char *text, size_t size)
{
	__u32 handle = get(object, "text");
	size_t len;

	check(REFSLAB_OP_STR_VALUE, refslab_op_str_value(s, handle, text, size - 1, &len));
	text[len < size ? len : size - 1] = '\0';
	drop(handle);
}

static __u64 count_replies(__u32 message)
{
	__u32 replies = get(message, "replies");
	__u64 count = length(replies);

	drop(replies);
	return count;
}

/* --- the producer ---------------------------------------------------------------------------- */

static void produce_message(long number, __u32 log, __u32 inbox)
{
	char text[32];
	int message;

	snprintf(text, sizeof(text), "message %ld", number);
	message = refslab_batch_op(b, REFSLAB_OP_INSTANCE);
	batch_set(refslab_result(message), "number", batch_int(number));
	batch_set(refslab_result(message), "text", batch_text(text));
	batch_set(refslab_result(message), "replies", refslab_batch_op(b, REFSLAB_OP_LIST));
	/* Whoever sees it sees all of it. */
	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_value(log), refslab_result(message));
	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_value(inbox), refslab_result(message));
	batch_close(message);
	submit();
}

static int receive_fd(int from)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &consumers, sizeof(consumers) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(consumers))
		die("recvmsg");
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
		fprintf(stderr, "messages: no descriptor came\n");
		exit(1);
	}
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/*
 * Another program, which need not be a child: all that it has of its parent is a socket, which is
 * its standard input. Through that come the heap and an order to stop, and the number of messages
 * goes back.
 */
static int produce(void)
{
	__u32 inbox[MAX_CONSUMERS], log;
	long number = 0;
	unsigned int i;
	char stop;
	int fd = receive_fd(0);

	check(REFSLAB_CALL_OPEN, refslab_session_open(NULL, &s));
	check(REFSLAB_CALL_ATTACH, refslab_session_attach(s, fd, WORKER, NULL, NULL));
	close(fd);
	log = lookup("log", 0);
	for (i = 0; i < consumers; i++)
		inbox[i] = lookup("inbox%u", i);
	while (recv(0, &stop, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
		i = number % consumers;
		if (length(inbox[i]) >= MAX_INBOX || length(log) >= MAX_LOG)
			dawdle(1000);
		else
			produce_message(number++, log, inbox[i]);
	}
	return send(0, &number, sizeof(number), MSG_NOSIGNAL) != sizeof(number);
}

/* --- a consumer ------------------------------------------------------------------------------ */

/* The work: the answer is the message in capitals. */
static void answer(__u32 message)
{
	__u32 replies = get(message, "replies");
	char text[64];
	int reply, i;

	get_text(message, text, sizeof(text));
	for (i = 0; text[i]; i++)
		text[i] = toupper(text[i]);
	dawdle(200);

	reply = refslab_batch_op(b, REFSLAB_OP_INSTANCE);
	batch_set(refslab_result(reply), "text", batch_text(text));
	batch_set(refslab_result(reply), "reply_to",
		  refslab_batch_op(b, REFSLAB_OP_DUP, refslab_value(message)));
	/* Up to here nobody but us knows of the reply; from here on everybody does. */
	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_value(replies), refslab_result(reply));
	batch_close(reply);
	submit();
	drop(replies);
}

static void note(__u32 message, const char *name, __s64 value)
{
	batch_set(refslab_value(message), name, batch_int(value));
	submit();
}

/* Until somebody kills it: there is no other way to end it, so that this one is well tested. */
static void consume(unsigned int number, int fd)
{
	__u32 inbox, message;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srand(getpid());
	check(REFSLAB_CALL_OPEN, refslab_session_open(NULL, &s));
	check(REFSLAB_CALL_ATTACH, refslab_session_attach(s, fd, WORKER, NULL, NULL));
	close(fd);
	inbox = lookup("inbox%u", number);
	for (;;) {
		err = refslab_op_item(s, inbox, 0, &message);
		if (err == -ERANGE) {
			dawdle(1000);
			continue;
		}
		check(REFSLAB_OP_ITEM, err);
		if (count_replies(message)) {
			note(message, "finished", 1);
		} else {
			note(message, "tries", get_int(message, "tries") + 1);
			answer(message);
		}
		dawdle(200);
		check(REFSLAB_OP_DELITEM, refslab_op_delitem(s, inbox, 0));
		drop(message);
	}
}

/* --- the parent ------------------------------------------------------------------------------ */

static struct {
	long sent, answered, killed, failed, again, finished, twice, wrong;
} tally;

static pid_t start_consumer(unsigned int number, int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		/* Our session stays open as long as we have it, and is nothing for a child. */
		refslab_session_close(s);
		consume(number, fd);
	}
	return pid;
}

/* Who is dead after waitpid() holds nothing any more. */
static void kill_consumer(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		tally.failed++;
	tally.killed++;
}

static pid_t start_producer(int fd, int *to)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { };
	struct iovec iov = { &consumers, sizeof(consumers) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(pair[1], 0);
		execl("/proc/self/exe", "messages", "producer", NULL);
		die("exec");
	}
	close(pair[1]);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, MSG_NOSIGNAL) != sizeof(consumers))
		die("sendmsg");
	*to = pair[0];
	return pid;
}

/* Stops it; the number of messages that it has sent. */
static long stop_producer(pid_t pid, int to)
{
	long sent = 0;
	int status;

	if (send(to, "", 1, MSG_NOSIGNAL) != 1 ||
	    recv(to, &sent, sizeof(sent), MSG_WAITALL) != sizeof(sent) ||
	    waitpid(pid, &status, 0) != pid || status)
		tally.failed++;
	close(to);
	return sent;
}

static void look_at(__u32 message)
{
	__u32 replies = get(message, "replies"), reply, to;
	__u64 count = length(replies);
	char text[64], expected[64];
	bool same;

	tally.again += get_int(message, "tries") > 1;
	tally.finished += get_int(message, "finished");
	tally.twice += count > 1;
	if (count) {
		reply = item(replies, 0);
		to = get(reply, "reply_to");
		check(REFSLAB_OP_IS, refslab_op_is(s, to, message, &same));
		get_text(reply, text, sizeof(text));
		snprintf(expected, sizeof(expected), "MESSAGE %ld", tally.answered);
		tally.wrong += !same || strcmp(text, expected) ||
			       get_int(message, "number") != tally.answered;
		tally.answered++;
		drop(to);
		drop(reply);
	}
	drop(replies);
}

/*
 * Looks at the oldest conversations, some or all, and drops them. A message is done with when the
 * next one in the same inbox is answered, as it is out of the inbox by then; at the end all are.
 */
static void audit(__u32 log, bool all)
{
	__u64 count, keep = all ? 0 : consumers;
	unsigned int i;
	__u32 message;

	for (i = 0; length(log) > keep && (all || i < AT_A_TIME); i++) {
		if (!all) {
			message = item(log, consumers);
			count = count_replies(message);
			drop(message);
			if (!count)
				return;
		}
		message = item(log, 0);
		look_at(message);
		drop(message);
		check(REFSLAB_OP_DELITEM, refslab_op_delitem(s, log, 0));
	}
}

static bool inboxes_empty(void)
{
	bool empty = true;
	unsigned int i;
	__u32 inbox;

	for (i = 0; i < consumers; i++) {
		inbox = lookup("inbox%u", i);
		empty = empty && !length(inbox);
		drop(inbox);
	}
	return empty;
}

static void publish_list(const char *format, unsigned int number)
{
	char name[32];
	__u32 list;

	snprintf(name, sizeof(name), format, number);
	check(REFSLAB_OP_LIST, refslab_op_list(s, &list));
	check(REFSLAB_OP_PUBLISH, refslab_op_publish(s, list, name));
	drop(list);
}

/* Lets go of everything. What is left then are cycles; how many objects are left after those? */
static __u64 empty_heap(__u64 *found)
{
	struct refslab_gc_stats stats;
	struct refslab_stat stat;
	__u64 unreachable;
	unsigned int i;
	char name[32];

	check(REFSLAB_OP_UNPUBLISH, refslab_op_unpublish(s, "log"));
	for (i = 0; i < consumers; i++) {
		snprintf(name, sizeof(name), "inbox%u", i);
		check(REFSLAB_OP_UNPUBLISH, refslab_op_unpublish(s, name));
	}
	check(REFSLAB_OP_COLLECT, refslab_op_collect(s, 2, &unreachable, NULL));
	check(REFSLAB_OP_STAT, refslab_op_stat(s, &stat));
	check(REFSLAB_OP_GET_STATS, refslab_op_get_stats(s, &stats));
	for (i = 0, *found = 0; i < REFSLAB_GENERATIONS; i++)
		*found += stats.gen[i].collected;
	return stat.objects;
}

static bool run(unsigned int seconds)
{
	struct refslab_session *given;
	pid_t consumer[MAX_CONSUMERS], producer;
	__u64 left, found;
	unsigned int i;
	time_t end;
	__u32 log;
	int to;

	srand(getpid());
	check(REFSLAB_CALL_OPEN, refslab_session_open(NULL, &s));
	check(REFSLAB_CALL_CREATE, refslab_session_create(s, "messages", HEAP_BYTES, NULL));
	publish_list("log", 0);
	for (i = 0; i < consumers; i++)
		publish_list("inbox%u", i);

	/* Whoever is given our own descriptor may do all that we may: so here is another one. */
	check(REFSLAB_CALL_OPEN, refslab_session_open(NULL, &given));
	check(REFSLAB_CALL_ATTACH,
	      refslab_session_attach(given, refslab_session_fd(s), WORKER, NULL, NULL));
	producer = start_producer(refslab_session_fd(given), &to);
	for (i = 0; i < consumers; i++)
		consumer[i] = start_consumer(i, refslab_session_fd(given));

	log = lookup("log", 0);
	for (end = time(NULL) + seconds; time(NULL) < end;) {
		dawdle(20000);
		i = rand() % consumers;
		kill_consumer(consumer[i]);
		consumer[i] = start_consumer(i, refslab_session_fd(given));
		audit(log, false);
	}
	tally.sent = stop_producer(producer, to);
	for (end = time(NULL) + PATIENCE; !inboxes_empty() && time(NULL) < end;)
		usleep(1000);
	for (i = 0; i < consumers; i++)
		kill_consumer(consumer[i]);
	refslab_session_close(given);
	audit(log, true);
	drop(log);
	left = empty_heap(&found);

	printf("messages sent: %ld\nanswered: %ld\nconsumers killed: %ld\n",
	       tally.sent, tally.answered, tally.killed);
	printf("begun again by a successor: %ld\nfinished by a successor: %ld\n",
	       tally.again, tally.finished);
	printf("objects found by the collector: %llu\n", (unsigned long long)found);
	printf("messages lost: %ld\nanswered twice: %ld\nanswered wrongly: %ld\n",
	       tally.sent - tally.answered, tally.twice, tally.wrong);
	printf("processes failed: %ld\nobjects left: %llu\n", tally.failed,
	       (unsigned long long)left);
	refslab_session_close(s);
	return tally.sent && tally.sent == tally.answered && !tally.twice && !tally.wrong &&
	       !tally.failed && !left;
}

/* Digits, and nothing else: a number from 1 to @max; 0 for what is none. */
static unsigned int read_number(const char *text, unsigned long max)
{
	unsigned long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	number = strtoul(text, &end, 10);
	return errno || *end || number > max ? 0 : number;
}

int main(int argc, char **argv)
{
	unsigned int seconds = 5;

	b = refslab_batch_new();
	if (!b)
		die("memory");
	if (argc == 2 && !strcmp(argv[1], "producer"))
		return produce();
	if (argc > 1)
		seconds = read_number(argv[1], MAX_SECONDS);
	if (argc > 2)
		consumers = read_number(argv[2], MAX_CONSUMERS);
	if (argc > 3 || !seconds || !consumers) {
		fprintf(stderr, "usage: messages [SECONDS [CONSUMERS]], at most %u and %u\n",
			MAX_SECONDS, MAX_CONSUMERS);
		return 2;
	}
	return run(seconds) ? 0 : 1;
}
