// SPDX-License-Identifier: GPL-2.0
/*
 * A hundred heaps: what the kernel's workers do for one of them does not wait for the others.
 *
 * Some heaps are hogs. Their graphs take long to scan, and are scanned all the time, while garbage
 * is made there, so that their workers always have to wait for a scan to end; the others are small,
 * and make garbage as fast as they can. Meanwhile one more heap wants its turn: a scan that is due,
 * the destruction of more than its owner does himself, the end of a session with many handles. Each
 * must be done, on the average, in less than half the time that a scan of a hog takes: time enough
 * on a slow or busy machine, too, which makes the hogs' scans as slow, but not for waiting in a
 * queue behind the hogs.
 *
 * REFSLAB_TEST_FAIR_REFERENCES: in the graph of each hog (3 million). On kernels that look for
 * mistakes there are few, and nothing is timed.
 */
#include <pthread.h>

#include "refslab_test.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define HEAPS		100
#define HOGS		3
#define SMALL		(HEAPS - HOGS - 1)
#define ROUNDS		(test_slow_kernel() ? 1 : 5)
#define MANY		(REFSLAB_BUDGET + REFSLAB_BUDGET / 4)

struct hog {
	int fd;
	pthread_t scanner, maker;
	double scan;		/* of the longest of its scans, in seconds */
	unsigned long scans;
	int error;
};

static struct hog hogs[HOGS];
static int small[SMALL];
static bool stop;

static bool stopping(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* One after the other, in the time of whoever asks for it. */
static void *scan_all_the_time(void *arg)
{
	struct hog *hog = arg;
	double begin;
	__s64 found;

	while (!stopping()) {
		begin = test_now();
		found = call(hog->fd, COLLECT, 2 | REFSLAB_COLLECT_ALL);
		if (found < 0 && found != -EINTR)
			hog->error = found;
		begin = test_now() - begin;
		if (begin > hog->scan)
			hog->scan = begin;
		__atomic_add_fetch(&hog->scans, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Lists that contain themselves, more than a generation has room for. */
static int make_garbage(int fd, unsigned int n)
{
	struct refslab_op ops[3 * 64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		ops[3 * i] = op(LIST);
		ops[3 * i + 1] = opf(APPEND, F(0) | F(1), 3 * i, 3 * i);
		ops[3 * i + 2] = opf(CLOSE, F(0), 3 * i);
	}
	return test_submit(fd, ops, 3 * n, NULL);
}

/* The worker has something to do, and cannot begin before the scan under way is over. */
static void *keep_worker_waiting(void *arg)
{
	struct hog *hog = arg;
	int err;

	while (!stopping()) {
		err = make_garbage(hog->fd, 64);
		if (err)
			hog->error = err;
		test_sleep_ms(1);
	}
	return NULL;
}

static void *make_small_garbage(void *arg)
{
	int *error = arg, err;
	unsigned int i;

	while (!stopping()) {
		for (i = 0; i < SMALL; i++) {
			err = make_garbage(small[i], 64);
			if (err)
				*error = err;
		}
	}
	return NULL;
}

/* One object, referred to so many times: little memory for a long scan. */
static void open_hog(struct __test_metadata *_metadata, struct hog *hog, unsigned long references)
{
	static __u32 elements[REFSLAB_MAX_TUPLE];
	__s64 list, tuple;
	unsigned long i;
	__u32 id;

	hog->fd = test_open();
	ASSERT_LE(0, hog->fd);
	ASSERT_EQ(0, test_create(hog->fd, 0, &id));
	list = call(hog->fd, LIST);
	ASSERT_LT(0, list);
	for (i = 0; i < REFSLAB_MAX_TUPLE; i++)
		elements[i] = list;
	for (i = 0; i < references; i += REFSLAB_MAX_TUPLE) {
		tuple = call(hog->fd, TUPLE, ptr(elements), REFSLAB_MAX_TUPLE);
		ASSERT_LT(0, tuple);
		ASSERT_EQ(0, call(hog->fd, APPEND, list, tuple));
		ASSERT_EQ(0, call(hog->fd, CLOSE, tuple));
	}
	ASSERT_EQ(0, call(hog->fd, SET_THRESHOLD, 50, 10, 10));
}

/* A chain of many objects, more than one operation destroys itself. */
static __s64 make_chain(int fd)
{
	static struct refslab_op ops[3 * 1024];
	__s64 head = call(fd, LIST);
	unsigned int i, k;

	for (i = 0; i < MANY && head > 0; i += 1024) {
		for (k = 0; k < 1024; k++) {
			ops[3 * k] = op(LIST);
			ops[3 * k + 1] = k ? opf(APPEND, F(0) | F(1), 3 * k, 3 * k - 3) :
					     opf(APPEND, F(0), 0, head);
			ops[3 * k + 2] = k ? opf(CLOSE, F(0), 3 * k - 3) : op(CLOSE, head);
		}
		if (test_submit(fd, ops, 3 * 1024, NULL))
			return -EIO;
		head = ops[3 * 1023].result[0];
	}
	return head;
}

static __u64 scans_of(int fd)
{
	struct refslab_gc_stats stats = test_gc_stats(fd);

	return stats.gen[0].collections + stats.gen[1].collections + stats.gen[2].collections;
}

/* Until then it is there, however long that takes. */
#define seconds_until(cond) ({						\
	double __begin = test_now();					\
									\
	EXPECT_TRUE(wait_for(200000, cond));				\
	test_now() - __begin;						\
})

/* Seconds until a scan that is due has been, by the worker. */
static double wait_for_scan(struct __test_metadata *_metadata, int fd)
{
	__u64 before = scans_of(fd);

	EXPECT_EQ(0, make_garbage(fd, 64));
	return seconds_until(scans_of(fd) > before);
}

static double wait_for_destruction(struct __test_metadata *_metadata, int fd)
{
	__s64 head;

	EXPECT_EQ(0, call(fd, DISABLE));
	head = make_chain(fd);
	EXPECT_LT(0, head);
	EXPECT_LE(MANY, test_stat(fd).objects);
	EXPECT_EQ(0, call(fd, CLOSE, head));
	head = seconds_until(test_stat(fd).objects < 100) * 1e6;
	EXPECT_EQ(0, call(fd, ENABLE));
	return head / 1e6;
}

/* Seconds until a session with many handles is gone, and its heap, too. */
static double wait_for_end(struct __test_metadata *_metadata)
{
	static struct refslab_op ops[1024];
	char text[4096];
	unsigned int i, k;
	__u32 id = 0;
	int fd = test_open();

	EXPECT_LE(0, fd);
	EXPECT_EQ(0, test_create(fd, 0, &id));
	for (i = 0; i < MANY; i += 1024) {
		for (k = 0; k < 1024; k++)
			ops[k] = op(INSTANCE);
		EXPECT_EQ(0, test_submit(fd, ops, 1024, NULL));
	}
	EXPECT_EQ(0, close(fd));
	return seconds_until(test_debugfs(text, sizeof(text), "heaps/%u/stats", id) == -ENOENT);
}

FIXTURE(fair) {
	struct test_heap heap;
	pthread_t maker;
	int error;
};

FIXTURE_SETUP(fair)
{
	unsigned long references = test_env("REFSLAB_TEST_FAIR_REFERENCES",
					    test_slow_kernel() ? 100000 : 3000000);
	unsigned int i;
	__u32 id;

	test_heap_open(_metadata, &self->heap, 0);
	ASSERT_EQ(0, call(self->heap.fd, SET_THRESHOLD, 50, 10, 10));
	for (i = 0; i < SMALL; i++) {
		small[i] = test_open();
		ASSERT_LE(0, small[i]);
		ASSERT_EQ(0, test_create(small[i], 0, &id));
		ASSERT_EQ(0, call(small[i], SET_THRESHOLD, 50, 10, 10));
	}
	for (i = 0; i < HOGS; i++)
		open_hog(_metadata, &hogs[i], references);
	for (i = 0; i < HOGS; i++) {
		ASSERT_EQ(0, pthread_create(&hogs[i].scanner, NULL, scan_all_the_time, &hogs[i]));
		ASSERT_EQ(0, pthread_create(&hogs[i].maker, NULL, keep_worker_waiting, &hogs[i]));
	}
	ASSERT_EQ(0, pthread_create(&self->maker, NULL, make_small_garbage, &self->error));
}

FIXTURE_TEARDOWN(fair)
{
	unsigned int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, pthread_join(self->maker, NULL));
	EXPECT_EQ(0, self->error);
	for (i = 0; i < HOGS; i++) {
		EXPECT_EQ(0, pthread_join(hogs[i].scanner, NULL));
		EXPECT_EQ(0, pthread_join(hogs[i].maker, NULL));
		EXPECT_EQ(0, hogs[i].error);
		close(hogs[i].fd);
	}
	for (i = 0; i < SMALL; i++)
		close(small[i]);
	test_heap_close(_metadata, &self->heap);
}

static bool hogs_scanned(unsigned long scans)
{
	unsigned int i;

	for (i = 0; i < HOGS; i++)
		if (__atomic_load_n(&hogs[i].scans, __ATOMIC_RELAXED) < scans)
			return false;
	return true;
}

TEST_F(fair, workers_serve_all_heaps)
{
	double scan = 0, destruction = 0, end = 0, bound = 0;
	unsigned int i, k;

	ASSERT_TRUE(wait_for(200000, hogs_scanned(1)));
	for (i = 0; i < ROUNDS || !hogs_scanned(2); i++) {
		scan += wait_for_scan(_metadata, self->heap.fd);
		destruction += wait_for_destruction(_metadata, self->heap.fd);
		end += wait_for_end(_metadata);
		test_sleep_ms(10);
	}
	for (k = 0; k < HOGS; k++)
		bound = hogs[k].scan / 2 > bound ? hogs[k].scan / 2 : bound;
	TH_LOG("%u rounds, ms: scan %.1f, destruction %.1f, end %.1f; bound %.1f", i,
	       1e3 * scan / i, 1e3 * destruction / i, 1e3 * end / i, 1e3 * bound);
	if (test_slow_kernel())
		return;
	EXPECT_GT(bound, scan / i);
	EXPECT_GT(bound, destruction / i);
	EXPECT_GT(bound, end / i);
}

TEST_HARNESS_MAIN
