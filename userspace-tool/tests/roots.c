// SPDX-License-Identifier: GPL-2.0
/*
 * Published roots: what a heap keeps under a name, for all its sessions, whatever becomes of the
 * one that published it.
 *
 * REFSLAB_TEST_ROOTS_MS: how long each race lasts (300).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "refslab_test.h"

static __s64 publish(int fd, __u64 h, const char *name)
{
	return call(fd, PUBLISH, h, ptr(name), strlen(name));
}

static __s64 lookup(int fd, const char *name)
{
	return call(fd, LOOKUP, ptr(name), strlen(name));
}

static __s64 unpublish(int fd, const char *name)
{
	return call(fd, UNPUBLISH, ptr(name), strlen(name));
}

/* All roots, by calls with room for @room; how many, or a negative errno. */
static int list(int fd, struct refslab_root_record *records, unsigned int max, unsigned int room)
{
	__u64 result[2] = { };
	unsigned int n = 0;
	int err;

	do {
		if (n + room > max)
			return -ENOBUFS;
		err = test_call(fd, REFSLAB_OP_ROOTS,
				(const __u64[4]) { result[1], ptr(records + n),
						   room * sizeof(*records) }, result);
		if (err)
			return err;
		n += result[0];
	} while (result[1]);
	return n;
}

FIXTURE(roots) {
	struct test_heap heap;
	int other;
};

FIXTURE_SETUP(roots)
{
	test_heap_open(_metadata, &self->heap, 0);
	ASSERT_EQ(0, call(self->heap.fd, DISABLE));
	self->other = test_attach(self->heap.fd, 0);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(roots)
{
	if (self->other >= 0)
		close(self->other);
	test_heap_close(_metadata, &self->heap);
}

TEST_F(roots, another_session_finds_it)
{
	__s64 l = call(self->heap.fd, LIST), h, again;

	ASSERT_EQ(0, publish(self->heap.fd, l, "queue"));
	EXPECT_EQ(2, test_refcount(self->heap.fd, l));
	EXPECT_EQ(1, test_stat(self->other).roots);
	h = lookup(self->other, "queue");
	ASSERT_LT(0, h);
	EXPECT_EQ(test_id(self->heap.fd, l), test_id(self->other, h));
	EXPECT_EQ(3, test_refcount(self->heap.fd, l));
	again = lookup(self->heap.fd, "queue");
	EXPECT_EQ(1, call(self->heap.fd, IS, l, again));
	EXPECT_EQ(0, unpublish(self->other, "queue"));
	EXPECT_EQ(3, test_refcount(self->heap.fd, l));
	EXPECT_EQ(-ENODATA, lookup(self->heap.fd, "queue"));
	EXPECT_EQ(0, test_stat(self->other).roots);
}

TEST_F(roots, names)
{
	char longest[REFSLAB_MAX_ROOT_NAME + 1];
	__s64 l = call(self->heap.fd, LIST);

	memset(longest, 'x', sizeof(longest));
	EXPECT_EQ(0, publish(self->heap.fd, l, "a"));
	EXPECT_EQ(0, publish(self->heap.fd, l, "_"));
	EXPECT_EQ(0, publish(self->heap.fd, l, "A9"));
	EXPECT_EQ(0, call(self->heap.fd, PUBLISH, l, ptr(longest), REFSLAB_MAX_ROOT_NAME));
	EXPECT_EQ(-EINVAL, call(self->heap.fd, PUBLISH, l, ptr(longest),
				REFSLAB_MAX_ROOT_NAME + 1));
	EXPECT_EQ(-EINVAL, publish(self->heap.fd, l, ""));
	EXPECT_EQ(-EINVAL, publish(self->heap.fd, l, "9"));
	EXPECT_EQ(-EINVAL, publish(self->heap.fd, l, "a b"));
	EXPECT_EQ(-EEXIST, publish(self->heap.fd, l, "a"));
	EXPECT_EQ(-ENODATA, lookup(self->heap.fd, "b"));
	/* the one is the other's beginning */
	EXPECT_EQ(-ENODATA, lookup(self->heap.fd, "A"));
	EXPECT_EQ(-ENODATA, unpublish(self->heap.fd, "A99"));
	EXPECT_EQ(-ENOENT, publish(self->heap.fd, 1000, "b"));
	EXPECT_EQ(5, test_refcount(self->heap.fd, l));
	EXPECT_EQ(0, unpublish(self->heap.fd, "a"));
	EXPECT_EQ(0, publish(self->heap.fd, l, "a"));
}

/* The root keeps the object, and what that refers to, and a cycle through it. */
TEST_F(roots, keeps_what_nobody_has_a_handle_on)
{
	__s64 l = call(self->heap.fd, LIST), h;

	ASSERT_EQ(0, call(self->heap.fd, APPEND, l, l));
	ASSERT_EQ(0, publish(self->heap.fd, l, "cycle"));
	ASSERT_EQ(0, call(self->heap.fd, CLOSE, l));
	EXPECT_EQ(0, call(self->heap.fd, COLLECT, 2));
	EXPECT_EQ(1, test_stat(self->heap.fd).objects);
	test_heap_check(_metadata, &self->heap);
	h = lookup(self->heap.fd, "cycle");
	EXPECT_EQ(1, call(self->heap.fd, LEN, h));
	EXPECT_EQ(0, call(self->heap.fd, CLOSE, h));
	EXPECT_EQ(0, unpublish(self->heap.fd, "cycle"));
	EXPECT_EQ(1, test_stat(self->heap.fd).objects);
	EXPECT_EQ(1, call(self->heap.fd, COLLECT, 2));
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
}

TEST_F(roots, rights)
{
	int readonly = test_attach(self->heap.fd, REFSLAB_ATTACH_READONLY);
	__s64 l = call(self->heap.fd, LIST), h;

	ASSERT_LE(0, readonly);
	ASSERT_EQ(0, publish(self->heap.fd, l, "list"));
	h = lookup(readonly, "list");
	ASSERT_LT(0, h);
	EXPECT_EQ(0, call(readonly, LEN, h));
	EXPECT_EQ(-EPERM, publish(readonly, h, "mine"));
	EXPECT_EQ(-EPERM, unpublish(readonly, "list"));
	EXPECT_EQ(1, test_stat(self->heap.fd).roots);
	close(readonly);
}

TEST_F(roots, as_many_as_there_may_be)
{
	static struct refslab_root_record records[REFSLAB_MAX_ROOTS + 64];
	static bool seen[REFSLAB_MAX_ROOTS];
	__s64 l = call(self->heap.fd, LIST), id = test_id(self->heap.fd, l);
	unsigned int i, number;
	char name[16], *end;

	for (i = 0; i < REFSLAB_MAX_ROOTS; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		ASSERT_EQ(0, publish(self->heap.fd, l, name));
	}
	EXPECT_EQ(-ENOSPC, publish(self->heap.fd, l, "one_more"));
	EXPECT_EQ(REFSLAB_MAX_ROOTS + 1, test_refcount(self->heap.fd, l));
	ASSERT_EQ(REFSLAB_MAX_ROOTS, list(self->other, records, ARRAY_SIZE(records), 50));
	for (i = 0; i < REFSLAB_MAX_ROOTS; i++) {
		ASSERT_EQ('r', records[i].name[0]);
		number = strtoul(records[i].name + 1, &end, 10);
		ASSERT_EQ('\0', *end);
		ASSERT_GT(REFSLAB_MAX_ROOTS, number);
		EXPECT_FALSE(seen[number]);
		seen[number] = true;
		EXPECT_EQ(id, records[i].id);
		EXPECT_EQ(strlen(records[i].name), records[i].len);
	}
	EXPECT_EQ(0, unpublish(self->other, "r77"));
	EXPECT_EQ(0, publish(self->other, lookup(self->other, "r78"), "one_more"));
	/* and all go with the heap */
}

TEST_F(roots, listing)
{
	struct refslab_root_record records[4], zero = { };
	__u64 result[2];

	EXPECT_EQ(0, list(self->heap.fd, records, 4, 2));
	ASSERT_EQ(0, publish(self->heap.fd, call(self->heap.fd, INT, 1000), "i"));
	memset(records, 0xff, sizeof(records));
	ASSERT_EQ(1, list(self->heap.fd, records, 4, 2));
	EXPECT_STREQ("i", records[0].name);
	/* nothing of the kernel's is behind the name */
	EXPECT_EQ(0, memcmp(records[0].name + 1, zero.name, sizeof(zero.name) - 1));
	/* whoever is told an id may ask for it */
	EXPECT_LT(0, call(self->other, BYID, records[0].id));
	/* a cursor from nowhere is past the end */
	ASSERT_EQ(0, test_call(self->heap.fd, REFSLAB_OP_ROOTS,
			       (const __u64[4]) { ~0ull, ptr(records), sizeof(records) },
			       result));
	EXPECT_EQ(0, result[0]);
	EXPECT_EQ(0, result[1]);
	EXPECT_EQ(-EFAULT, call(self->heap.fd, ROOTS, 0, 0, sizeof(records)));
}

static atomic_int alarms;

static void on_alarm(int nr)
{
	(void)nr;
	alarms++;
}

/* A signal may make a call shorter, but never the end. */
TEST_F(roots, listing_under_signals)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	__s64 h = call(self->heap.fd, LIST);
	struct refslab_root_record records[8];
	unsigned long calls = 0, wrong = 0;
	char name[] = "r0";
	double end;

	for (; name[1] < '4'; name[1]++)
		ASSERT_EQ(0, publish(self->heap.fd, h, name));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	end = test_now() + test_env("REFSLAB_TEST_ROOTS_MS", 300) / 1e3;
	for (; test_now() < end || !atomic_load(&alarms); calls++)
		wrong += list(self->heap.fd, records, 8, 4) != 4;
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_LT(0, atomic_load(&alarms));
	EXPECT_EQ(0, wrong) {
		TH_LOG("%lu of %lu, %d signals", wrong, calls, atomic_load(&alarms));
	}
}

TEST_F(roots, debugfs)
{
	char text[4096], want[64];
	__s64 l = call(self->heap.fd, LIST);

	ASSERT_EQ(0, publish(self->heap.fd, l, "shown"));
	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/roots", self->heap.id));
	snprintf(want, sizeof(want), "\n%-20lld list ", (long long)test_id(self->heap.fd, l));
	EXPECT_NE(NULL, strstr(text, want));
	EXPECT_NE(NULL, strstr(text, " 2 shown\n"));
	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/stats", self->heap.id));
	EXPECT_EQ(1, test_counter(text, "roots"));
}

TEST_F(roots, publisher_is_killed)
{
	int pipefd[2], status;
	char text[8] = "";
	pid_t pid;
	__s64 h, s;
	char c;

	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = test_attach(self->heap.fd, REFSLAB_ATTACH_NO_COLLECT);
		__s64 l = call(fd, LIST);

		call(fd, APPEND, l, test_str(fd, "message"));
		if (publish(fd, l, "inbox") || write(pipefd[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			call(fd, CLOSE, call(fd, LIST));
	}
	ASSERT_EQ(1, read(pipefd[0], &c, 1));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	h = lookup(self->heap.fd, "inbox");
	ASSERT_LT(0, h);
	s = call(self->heap.fd, ITEM, h, 0);
	EXPECT_EQ(7, call(self->heap.fd, STR_VALUE, s, ptr(text), 7));
	EXPECT_STREQ("message", text);
	/* nothing else of it is left */
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_refcount(self->heap.fd, h) == 2));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(self->heap.fd).objects == 2));
	close(pipefd[0]);
	close(pipefd[1]);
}

/* --- races ---------------------------------------------------------------------------------- */

struct race {
	int fd;
	bool stop;
	unsigned long found, missed;
	int bad;
};

static bool tried(struct race *r)
{
	return __atomic_load_n(&r->found, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->missed, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->bad, __ATOMIC_RELAXED);
}

static void *look_up_all_the_time(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		__s64 h = lookup(r->fd, "now_and_then");

		if (h == -ENODATA) {
			r->missed++;
			continue;
		}
		/* what was found is whole, and ours, although its only root may be gone */
		if (h < 0 || call(r->fd, LEN, h) != 1 || call(r->fd, CLOSE, h))
			r->bad = -EIO;
		r->found++;
	}
	return NULL;
}

static void *list_all_the_time(void *arg)
{
	struct refslab_root_record records[8];
	struct race *r = arg;
	int n;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		n = list(r->fd, records, 8, 4);
		if (n < 0)
			r->bad = n;
		else if (n)
			r->found++;
		else
			r->missed++;
	}
	return NULL;
}

TEST_F(roots, lookup_racing_with_unpublish)
{
	struct race looking = { .fd = self->other }, listing = { .fd = self->other };
	pthread_t looker, lister;
	double end;
	__s64 l, i;

	ASSERT_EQ(0, pthread_create(&looker, NULL, look_up_all_the_time, &looking));
	ASSERT_EQ(0, pthread_create(&lister, NULL, list_all_the_time, &listing));
	end = test_now() + test_env("REFSLAB_TEST_ROOTS_MS", 300) / 1e3;
	while (test_now() < end || !tried(&looking)) {
		l = call(self->heap.fd, LIST);
		i = call(self->heap.fd, INT, 1000);
		ASSERT_EQ(0, call(self->heap.fd, APPEND, l, i));
		ASSERT_EQ(0, publish(self->heap.fd, l, "now_and_then"));
		/* from here on the root's is the only reference */
		ASSERT_EQ(0, call(self->heap.fd, CLOSE, l));
		ASSERT_EQ(0, call(self->heap.fd, CLOSE, i));
		ASSERT_EQ(0, unpublish(self->heap.fd, "now_and_then"));
	}
	__atomic_store_n(&looking.stop, true, __ATOMIC_RELEASE);
	__atomic_store_n(&listing.stop, true, __ATOMIC_RELEASE);
	pthread_join(looker, NULL);
	pthread_join(lister, NULL);
	TH_LOG("looked up: %lu there, %lu not; listed: %lu, %lu", looking.found, looking.missed,
	       listing.found, listing.missed);
	EXPECT_EQ(0, looking.bad);
	EXPECT_EQ(0, listing.bad);
	EXPECT_LT(0, looking.found + looking.missed);
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
	EXPECT_EQ(0, test_stat(self->heap.fd).roots);
}

static void *publish_all_the_time(void *arg)
{
	struct race *r = arg;
	__s64 l = call(r->fd, LIST), err;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		err = publish(r->fd, l, "contested");
		if (err == -EEXIST) {
			r->missed++;
			continue;
		}
		/* nobody else unpublishes what this one published */
		if (err || unpublish(r->fd, "contested"))
			r->bad = -EIO;
		r->found++;
	}
	call(r->fd, CLOSE, l);
	return NULL;
}

TEST_F(roots, one_name_has_one_root)
{
	struct race r[2] = { { .fd = self->heap.fd }, { .fd = self->other } };
	pthread_t thread[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, publish_all_the_time, &r[i]));
	test_sleep_ms(test_env("REFSLAB_TEST_ROOTS_MS", 300));
	wait_for(TEST_SETTLE_MS, tried(&r[0]) || tried(&r[1]));
	for (i = 0; i < 2; i++)
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, r[0].bad);
	EXPECT_EQ(0, r[1].bad);
	EXPECT_LT(0, r[0].found + r[1].found);
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
}

TEST_HARNESS_MAIN
