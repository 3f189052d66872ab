/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: the raw ABI in as few words as possible, the heap every fixture is built
 * on, and what must hold of it at the end. The tests do not use librefslab: they pin the ABI.
 */
#ifndef _REFSLAB_TEST_H
#define _REFSLAB_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <refslab.h>
#include <kselftest_harness.h>

/* Debug kernels under emulation take their time. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#define TEST_DEVICE	"/dev/refslab"
#define TEST_DEBUGFS	"/sys/kernel/debug/refslab"
/* How long what is freed, or collected, may take: on a busy machine more. */
#define TEST_SETTLE_MS	((unsigned int)test_env("REFSLAB_TEST_SETTLE_MS", 60000))

/* struct refslab_op.from */
#define F(i)	(1u << (i))

static inline __u64 ptr(const void *p)
{
	return (uintptr_t)p;
}

static inline int test_open(void)
{
	int fd = open(TEST_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* 0 or a negative errno. */
static inline int test_ioctl(int fd, unsigned long cmd, const void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static inline int test_create(int fd, __u64 max_bytes, __u32 *heap_id)
{
	struct refslab_create create = {
		.size = sizeof(create),
		.max_bytes = max_bytes,
		.name = "test",
	};
	int err = test_ioctl(fd, REFSLAB_IOC_CREATE, &create);

	if (!err)
		*heap_id = create.heap_id;
	return err;
}

/* A new session on the heap of another one; flags: REFSLAB_ATTACH_*. Or a negative errno. */
static inline int test_attach(int other, __u32 flags)
{
	struct refslab_attach attach = { .size = sizeof(attach), .flags = flags, .fd = other };
	int fd = test_open(), err;

	if (fd < 0)
		return fd;
	err = test_ioctl(fd, REFSLAB_IOC_ATTACH, &attach);
	if (err)
		close(fd);
	return err ?: fd;
}

/* What stopped the submission: the ioctl's error, or an operation's. */
static inline int test_submit(int fd, struct refslab_op *ops, __u32 count, __u32 *done)
{
	struct refslab_submit submit = {
		.size = sizeof(submit),
		.ops = ptr(ops),
		.count = count,
	};
	int err = test_ioctl(fd, REFSLAB_IOC_SUBMIT, &submit);

	if (done)
		*done = submit.done;
	return err ?: submit.error;
}

static inline int test_call(int fd, unsigned int opcode, const __u64 arg[4], __u64 result[2])
{
	struct refslab_op op = { .opcode = opcode };
	int err;

	memcpy(op.arg, arg, sizeof(op.arg));
	err = test_submit(fd, &op, 1, NULL);
	result[0] = op.result[0];
	result[1] = op.result[1];
	return err;
}

/*
 * One operation by its bare name: call(fd, APPEND, list, element). Gives result[0], or a negative
 * errno; for the few whose result may look negative there is test_call().
 */
#define call(fd, name, ...)	test_call1(fd, REFSLAB_OP_##name, (const __u64[4]) { __VA_ARGS__ })

static inline __s64 test_call1(int fd, unsigned int opcode, const __u64 arg[4])
{
	__u64 result[2];
	int err = test_call(fd, opcode, arg, result);

	return err ?: (__s64)result[0];
}

/* In a TEST_F whose fixture has an fd: an operation; and one that gives a handle, which it must. */
#define CALL(name, ...)	call(self->fd, name, ##__VA_ARGS__)
#define NEW(name, ...) ({						\
	/* not by CALL(), which may be what is around this */		\
	__s64 __h = test_call1(self->fd, REFSLAB_OP_##name, (const __u64[4]) { __VA_ARGS__ });	\
									\
	ASSERT_LT(0, __h);						\
	ASSERT_GE(REFSLAB_MAX_HANDLE, __h);				\
	__h;								\
})

/* An operation, and one some of whose operands are results of earlier ones. */
#define op(name, ...)	opf(name, 0, ##__VA_ARGS__)
#define opf(name, bits, ...)						\
	((struct refslab_op) {						\
		.opcode = REFSLAB_OP_##name,				\
		.from = (bits),						\
		.arg = { __VA_ARGS__ },					\
	})

static inline __s64 test_type(int fd, const char *name, __u32 nr_slots, __u32 payload,
			      __u32 cache_limit, __u32 flags)
{
	struct refslab_type_def def = {
		.flags = flags,
		.nr_slots = nr_slots,
		.payload = payload,
		.cache_limit = cache_limit,
	};

	return call(fd, TYPE, ptr(name), strlen(name), ptr(&def), sizeof(def));
}

static inline __s64 test_str(int fd, const char *s)
{
	return call(fd, STR, ptr(s), strlen(s));
}

static inline __s64 test_id(int fd, __u64 h)
{
	return call(fd, ID, h);
}

static inline __s64 test_refcount(int fd, __u64 h)
{
	return call(fd, REFCOUNT, h);
}

/* The generation of a tracked object, -1 of another. */
static inline int test_generation(int fd, __u64 h)
{
	__u64 result[2];
	int err = test_call(fd, REFSLAB_OP_TRACKED, (const __u64[4]) { h }, result);

	if (err)
		return err < -1 ? err : -EIO;
	return result[0] ? (int)result[1] : -1;
}

static inline struct refslab_stat test_stat(int fd)
{
	struct refslab_stat stat;

	memset(&stat, 0xff, sizeof(stat));
	call(fd, STAT, ptr(&stat), sizeof(stat));
	return stat;
}

static inline struct refslab_gc_stats test_gc_stats(int fd)
{
	struct refslab_gc_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	call(fd, GET_STATS, ptr(&stats), sizeof(stats));
	return stats;
}

static inline double test_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void test_sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

/* Waits until @cond holds, at most @ms milliseconds; the value is whether it does. */
#define wait_for(ms, cond) ({						\
	double __end = test_now() + (ms) / 1e3;			\
	bool __held;							\
									\
	while (!(__held = !!(cond)) && test_now() < __end)		\
		test_sleep_ms(2);					\
	__held;								\
})

/* The caches are per CPU: whoever looks at one stays on its CPU. */
static inline int test_pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static inline unsigned long test_env(const char *name, unsigned long other)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : other;
}

/* A kernel that looks for mistakes: nothing is timed there. */
static inline bool test_slow_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK) ||
	       !access("/proc/lockdep", F_OK);
}

/* splitmix64: a seed gives the same test on every machine. */
static inline __u64 test_random(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Reads a file of the module's debugfs directory; -errno or its length. */
static inline int test_debugfs(char *buf, size_t size, const char *fmt, ...)
{
	char path[128];
	ssize_t n, len = 0;
	va_list args;
	int fd, used;

	used = snprintf(path, sizeof(path), "%s/", TEST_DEBUGFS);
	va_start(args, fmt);
	vsnprintf(path + used, sizeof(path) - used, fmt, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		len = -errno;
	buf[len < 0 ? 0 : len] = '\0';
	close(fd);
	return len;
}

/* Writes to a file of the kernel's, in place of what is in it. 0 or -errno. */
static inline int test_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The value of a line "name value"; -ENOENT. */
static inline long long test_counter(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text && *text; text = strchr(text, '\n'), text = text ? text + 1 : NULL)
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtoll(text + len, NULL, 10);
	return -ENOENT;
}

/*
 * Is anything left of any heap? Arenas made and returned may be totals since the module was
 * loaded; then they are equal.
 */
static inline bool test_nothing_left(char *text, size_t size)
{
	static const char *const zero[] = {
		"heaps", "objects", "tracked", "handles", "bytes_used", "bytes_cached",
		"bytes_reserved", "bytes_mapped", "arenas", "pools_used", "pools_full",
		"pools_empty", "large",
	};
	size_t i;

	if (test_debugfs(text, size, "stats") < 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		if (test_counter(text, zero[i]) != 0)
			return false;
	return test_counter(text, "arenas_made") == test_counter(text, "arenas_returned");
}

/* Number of events read, or -errno. */
static inline int test_events(int fd, struct refslab_event_record *records, unsigned int max)
{
	ssize_t n = read(fd, records, max * sizeof(*records));

	if (n < 0)
		return -errno;
	return n % sizeof(*records) ? -EIO : n / (int)sizeof(*records);
}

/* The oldest event, which is one of a scan; one with event 0 when there is none. */
static inline struct refslab_gc_record test_gc_event(int fd)
{
	struct refslab_gc_record record;

	if (read(fd, &record, sizeof(record)) != sizeof(record))
		memset(&record, 0, sizeof(record));
	return record;
}

/* The oldest event of a session with O_NONBLOCK; one with event 0 when there is none. */
static inline struct refslab_event_record test_event(int fd)
{
	struct refslab_event_record record;
	int n = test_events(fd, &record, 1);

	if (n != 1)
		memset(&record, 0, sizeof(record));
	if (n != 1 && n != -EAGAIN)
		record.event = ~0u;
	return record;
}

static inline int test_nonblock(int fd, bool on)
{
	return fcntl(fd, F_SETFL, on ? O_RDWR | O_NONBLOCK : O_RDWR) ? -errno : 0;
}

/* A heap and the session that made it. */
struct test_heap {
	int fd;
	__u32 id;
};

static inline void test_heap_open(struct __test_metadata *_metadata, struct test_heap *heap,
				  __u64 max_bytes)
{
	heap->fd = test_open();
	ASSERT_LE(0, heap->fd);
	ASSERT_EQ(0, test_create(heap->fd, max_bytes, &heap->id));
}

/*
 * The rest is for teardowns too and so must not assert: the harness would tear down again.
 *
 * The kernel walks the whole heap and says "ok", or what is inconsistent in it.
 */
static inline void test_heap_check(struct __test_metadata *_metadata, const struct test_heap *heap)
{
	char text[4096];

	EXPECT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/check", heap->id));
	EXPECT_STREQ("ok\n", text);
}

/*
 * Freeing is the kernel's work and may outlast the last close. REFSLAB_TEST_ALONE=0: others have
 * heaps, too.
 */
static inline void test_expect_nothing_left(struct __test_metadata *_metadata)
{
	char text[4096] = "";

	if (!test_env("REFSLAB_TEST_ALONE", 1))
		return;
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_nothing_left(text, sizeof(text)))) {
		TH_LOG("left after %u ms:\n%s", TEST_SETTLE_MS, text);
	}
}

static inline void test_heap_close(struct __test_metadata *_metadata, struct test_heap *heap)
{
	if (heap->fd < 0)
		return;
	test_heap_check(_metadata, heap);
	EXPECT_EQ(0, close(heap->fd));
	heap->fd = -1;
	test_expect_nothing_left(_metadata);
}

/* The records of all objects of a generation, sorted by id; the number of them or -errno. */
static inline int test_record_order(const void *a, const void *b)
{
	const struct refslab_record *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static inline int test_records(int fd, __u32 generation, struct refslab_record *records, int max)
{
	const __u64 chunk = 1024;
	__u64 result[2] = { 0 };
	int err, n = 0;

	do {
		__u64 room = max - n < (int)chunk ? max - n : (int)chunk;

		if (!room)
			return -ENOBUFS;
		err = test_call(fd, REFSLAB_OP_OBJECTS,
				(const __u64[4]) { result[1], generation, ptr(records + n),
						  room * sizeof(*records) }, result);
		if (err)
			return err;
		n += result[0];
	} while (result[1]);
	qsort(records, n, sizeof(*records), test_record_order);
	return n;
}

static inline const struct refslab_record *
test_record(const struct refslab_record *records, int n, __u64 id)
{
	const struct refslab_record key = { .id = id };

	return bsearch(&key, records, n, sizeof(key), test_record_order);
}

#endif /* _REFSLAB_TEST_H */
