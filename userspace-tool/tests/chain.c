// SPDX-License-Identifier: GPL-2.0
/*
 * A chain of ten million objects, each held by the one before it, is dropped at its head: nobody's
 * close may have to destroy it all, and no stack may grow with it.
 *
 * REFSLAB_TEST_CHAIN: its length (10000000). Needs about 60 bytes an object.
 */
#include "refslab_test.h"

/* What a close may destroy by itself; the rest is the kernel's worker's. */
#define CLOSE_BUDGET	REFSLAB_BUDGET

/* Fewer objects would say nothing about a budget. */
#define LEAST		(4 * CLOSE_BUDGET)

/* Seconds of its own time that a close may take of ten million, where time means something. */
#define CLOSE_SECONDS	0.5

/* Bytes of one object at least, and how many of them make a difference in /proc/meminfo. */
#define OBJECT_BYTES	40
#define VISIBLE		(100u << 20)

FIXTURE(chain) {
	struct test_heap heap;
	int fd;
	unsigned long length;
	long long free_kb;	/* before there was a chain */
	__s64 head;
};

/* The head is the object made last: each new one refers to the one before. */
static int build(int fd, unsigned long length, __s64 *head)
{
	static struct refslab_op ops[4095];
	__s64 type = test_type(fd, "link", 1, 0, 0, 0), last;
	unsigned int n;
	int err;

	if (type < 0)
		return type;
	last = call(fd, NEW, type);
	for (length--; length; length -= n / 3) {
		for (n = 0; n < 4095 && n / 3 < length; n += 3) {
			ops[n] = op(NEW, type);
			ops[n + 1] = n ? opf(SETSLOT, F(0) | F(2), n, 0, n - 3) :
					 opf(SETSLOT, F(0), n, 0, last);
			ops[n + 2] = n ? opf(CLOSE, F(0), n - 3) : op(CLOSE, last);
		}
		err = test_submit(fd, ops, n, NULL);
		if (err)
			return err;
		last = ops[n - 3].result[0];
	}
	*head = last;
	return 0;
}

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static long long left(void)
{
	char text[4096];

	return test_debugfs(text, sizeof(text), "stats") < 0 ? -1 : test_counter(text, "objects");
}

static long long free_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	long long kb = -1;
	char line[128];

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemFree: %lld", &kb) != 1)
		;
	if (f)
		fclose(f);
	return kb;
}

FIXTURE_SETUP(chain)
{
	double start = test_now();

	self->free_kb = free_kb();
	ASSERT_LT(0, self->free_kb);
	self->length = test_env("REFSLAB_TEST_CHAIN", 10000000);
	ASSERT_LE(LEAST, self->length);
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, call(self->fd, DISABLE));
	ASSERT_EQ(0, build(self->fd, self->length, &self->head));
	ASSERT_EQ(self->length, test_stat(self->fd).objects);
	ASSERT_EQ(1, test_stat(self->fd).handles);
	TH_LOG("%lu objects made in %.2f s", self->length, test_now() - start);
}

FIXTURE_TEARDOWN(chain)
{
	test_heap_close(_metadata, &self->heap);
}

static void report(struct __test_metadata *_metadata, const char *what, double wall, double own,
		   double all)
{
	TH_LOG("%s: %.4f s, %.4f s of its own; all gone after %.2f s", what, wall, own, all);
	if (!test_slow_kernel())
		EXPECT_GT(CLOSE_SECONDS, own);
}

/* Ten million take a debug kernel minutes. */
#define GONE_MS		(20 * 60 * 1000)

/* The operation after the close sees how much is left at the moment the close was done. */
TEST_F_TIMEOUT(chain, handle_is_closed, 3600)
{
	struct refslab_stat stat = { 0 };
	struct refslab_op ops[] = {
		op(CLOSE, self->head), op(STAT, ptr(&stat), sizeof(stat)),
	};
	double wall = test_now(), own = own_time(), all = wall;

	ASSERT_EQ(0, test_submit(self->fd, ops, 2, NULL));
	wall = test_now() - wall;
	own = own_time() - own;
	/* The worker may have got somewhere too, but not beyond half of it. */
	EXPECT_LE((self->length - CLOSE_BUDGET) / 2, stat.objects);
	EXPECT_EQ(0, stat.handles);
	/* The heap is of use meanwhile. */
	EXPECT_LT(0, call(self->fd, LIST));
	EXPECT_TRUE(wait_for(GONE_MS, test_stat(self->fd).objects == 1));
	report(_metadata, "close of the handle", wall, own, test_now() - all);
}

/*
 * Nothing of the heap is left to ask then but the module's totals. They must not say 0 as long as
 * the memory is not back: where the chain is long enough, the system's own figure bears witness.
 */
TEST_F_TIMEOUT(chain, session_is_closed, 3600)
{
	double wall = test_now(), own = own_time(), all = wall;
	long long objects, missing;

	ASSERT_EQ(0, close(self->fd));
	wall = test_now() - wall;
	own = own_time() - own;
	objects = left();
	self->heap.fd = -1;
	EXPECT_TRUE(wait_for(GONE_MS, left() == 0));
	missing = (self->free_kb - free_kb()) * 1024;
	if (self->length * OBJECT_BYTES >= VISIBLE)
		EXPECT_GT((long long)self->length * OBJECT_BYTES / 4, missing);
	report(_metadata, "close of the session", wall, own, test_now() - all);
	TH_LOG("%lld objects were left when it returned, %lld bytes missing when none was", objects,
	       missing);
	test_expect_nothing_left(_metadata);
}

/* Hung on a cycle it is garbage, and the collector takes it apart without a stack too. */
TEST_F_TIMEOUT(chain, chain_is_collected, 3600)
{
	__s64 cycle = call(self->fd, LIST);
	double all;

	ASSERT_EQ(0, call(self->fd, APPEND, cycle, self->head));
	ASSERT_EQ(0, call(self->fd, APPEND, cycle, cycle));
	ASSERT_EQ(0, call(self->fd, CLOSE, self->head));
	EXPECT_EQ(0, call(self->fd, COLLECT, 2));
	ASSERT_EQ(0, call(self->fd, CLOSE, cycle));
	all = test_now();
	EXPECT_EQ(self->length + 1, call(self->fd, COLLECT, 2));
	TH_LOG("collected in %.2f s", test_now() - all);
	EXPECT_TRUE(wait_for(GONE_MS, test_stat(self->fd).objects == 0));
}

TEST_HARNESS_MAIN
