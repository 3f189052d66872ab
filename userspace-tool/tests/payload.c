// SPDX-License-Identifier: GPL-2.0
/*
 * Payloads that are mapped: what is seen, by whom, and until when; what is refused; and that a
 * mapping never shows another object's bytes, whatever the order in which objects, mappings,
 * processes and heaps end.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "refslab_test.h"

/* Bytes of most payloads here: several pages, and the last one not full. */
#define PAGES	5
#define SIZE	(PAGES * 4096u - 100)
#define MAPPED	(PAGES * 4096u)
#define WINDOW	(64u << 20)

/* UFFD_FEATURE_WP_ASYNC, which the headers may not have; 6.7 */
#define FEATURE_WP_ASYNC	0x8000u

FIXTURE(payload) {
	struct test_heap heap;
	int fd;
	__s64 type;
};

/* What touching memory gives instead of a byte. */
#define BUS	(-SIGBUS)

static __thread sigjmp_buf jump;

static void on_signal(int nr)
{
	siglongjmp(jump, nr);
}

/* A byte of memory that may not be there: the byte, or BUS. */
static int peek(const unsigned char *at)
{
	int nr = sigsetjmp(jump, 1);

	return nr ? -nr : __atomic_load_n(at, __ATOMIC_RELAXED);
}

FIXTURE_SETUP(payload)
{
	struct sigaction action = { .sa_handler = on_signal };

	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	self->type = test_type(self->fd, "Page", 1, SIZE, 4, REFSLAB_TYPE_MAPPED);
	ASSERT_LT(0, self->type);
}

FIXTURE_TEARDOWN(payload)
{
	test_heap_close(_metadata, &self->heap);
}

#define STAT(field)	(test_stat(self->fd).field)

static __s64 new(int fd, __s64 type)
{
	return call(fd, NEW, type);
}

static __u64 place_of(int fd, __s64 h)
{
	return call(fd, MAP, h);
}

/* NULL, with errno, when it is refused. */
static unsigned char *map_at(int fd, __u64 offset, size_t len, int prot, int flags)
{
	void *at = mmap64(NULL, len, prot, flags, fd, offset);

	return at == MAP_FAILED ? NULL : at;
}

static unsigned char *map_object(int fd, __s64 h)
{
	return map_at(fd, place_of(fd, h), MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* Is every byte of the mapping this one? */
static bool is_all(const unsigned char *at, size_t len, unsigned char c)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i] != c)
			return false;
	return true;
}

/* Bytes of memory from which nothing can be read. */
static bool is_gone(const unsigned char *at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += 4096)
		if (peek(at + i) != BUS || peek(at + i + 4095) != BUS)
			return false;
	return true;
}

/* A child that does something with what it has inherited, and says whether all was well. */
#define IN_CHILD(...) ({						\
	int __status = -1;						\
	pid_t __pid = fork();						\
									\
	if (!__pid)							\
		_exit((__VA_ARGS__) ? 0 : 1);				\
	waitpid(__pid, &__status, 0);					\
	WIFEXITED(__status) && !WEXITSTATUS(__status);			\
})

TEST_F(payload, where)
{
	const __u64 plain = test_type(self->fd, "Plain", 0, SIZE, 0, 0);
	__u64 result[2];
	__s64 x, y, z;

	x = new(self->fd, self->type);
	ASSERT_LT(0, x);
	ASSERT_EQ(0, test_call(self->fd, REFSLAB_OP_MAP, (const __u64[4]) { x }, result));
	EXPECT_EQ(4096, result[0]);
	EXPECT_EQ(SIZE, result[1]);
	y = new(self->fd, self->type);
	EXPECT_EQ(4096 + MAPPED, place_of(self->fd, y));
	EXPECT_EQ(2 * MAPPED, STAT(bytes_mapped));
	EXPECT_EQ(STAT(arenas) * (256 << 10) + 2 * MAPPED, STAT(bytes_reserved));
	z = new(self->fd, plain);
	EXPECT_EQ(-EPROTOTYPE, CALL(MAP, z));
	z = CALL(LIST);
	EXPECT_EQ(-EPROTOTYPE, CALL(MAP, z));
	/* The lowest place that is free. */
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(MAPPED, STAT(bytes_mapped));
	x = new(self->fd, self->type);
	EXPECT_EQ(4096, place_of(self->fd, x));
	/* As ever: slots beside the payload, and cycles. */
	EXPECT_EQ(0, CALL(SETSLOT, x, 0, y));
	EXPECT_EQ(0, CALL(SETSLOT, y, 0, x));
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(0, CALL(CLOSE, y));
	EXPECT_EQ(2 * MAPPED, STAT(bytes_mapped));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(0, STAT(bytes_mapped));
}

TEST_F(payload, types)
{
	const __u32 flag = REFSLAB_TYPE_MAPPED;

	EXPECT_EQ(-EINVAL, test_type(self->fd, "None", 0, 0, 0, flag));
	EXPECT_EQ(-EINVAL, test_type(self->fd, "Large", 0, REFSLAB_MAX_MAPPED + 1, 0, flag));
	EXPECT_EQ(-EINVAL, test_type(self->fd, "Larger", 0, ~0u, 0, flag));
	EXPECT_EQ(-EINVAL, test_type(self->fd, "Plain", 0, REFSLAB_MAX_PAYLOAD + 1, 0, 0));
	EXPECT_LT(0, test_type(self->fd, "Most", 0, REFSLAB_MAX_MAPPED, 0, flag));
	EXPECT_LT(0, test_type(self->fd, "All", 3, 1, 7, flag | REFSLAB_TYPE_ACYCLIC |
			       REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF));
}

TEST_F(payload, shared)
{
	__s64 x = new(self->fd, self->type);
	unsigned char *a = map_object(self->fd, x), *b = map_object(self->fd, x), in[8];

	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	ASSERT_NE(a, b);
	EXPECT_TRUE(is_all(a, MAPPED, 0));
	a[0] = 'a';
	a[4095] = 'b';
	b[4096] = 'c';
	a[SIZE - 1] = 'd';
	EXPECT_EQ('a', b[0]);
	EXPECT_EQ('b', b[4095]);
	EXPECT_EQ('c', a[4096]);
	EXPECT_EQ('d', b[SIZE - 1]);
	/* And by operations. */
	EXPECT_EQ(0, CALL(READ, x, 4094, ptr(in), 4));
	EXPECT_EQ(0, memcmp(in, "\0bc\0", 4));
	EXPECT_EQ(0, CALL(WRITE, x, 4 * 4096 - 2, ptr("wxyz"), 4));
	EXPECT_EQ(0, memcmp(a + 4 * 4096 - 2, "wxyz", 4));
	EXPECT_EQ(-ERANGE, CALL(READ, x, SIZE - 3, ptr(in), 4));
	EXPECT_EQ(-ERANGE, CALL(WRITE, x, SIZE, ptr(in), 1));
	EXPECT_EQ(0, CALL(WRITE, x, SIZE, ptr(in), 0));
	/* A child sees it, and is seen. */
	EXPECT_TRUE(IN_CHILD(a[0] == 'a' && (b[1] = 'C')));
	EXPECT_EQ('C', a[1]);
	EXPECT_EQ(0, munmap(a, MAPPED));
	EXPECT_EQ('C', b[1]);
	EXPECT_EQ(0, munmap(b, MAPPED));
	/* It is the object's, mapped or not. */
	EXPECT_EQ(0, CALL(READ, x, 0, ptr(in), 2));
	EXPECT_EQ(0, memcmp(in, "aC", 2));
}

TEST_F(payload, at_once)
{
	const __u32 size = 4u << 20;
	__s64 type = test_type(self->fd, "Big", 0, size, 0, REFSLAB_TYPE_MAPPED);
	__s64 x = new(self->fd, type);
	unsigned char *buf, *at;
	__u32 i;

	ASSERT_LT(0, x);
	buf = malloc(size);
	at = map_at(self->fd, place_of(self->fd, x), size, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, at);
	EXPECT_EQ(-E2BIG, CALL(WRITE, x, 0, ptr(buf), REFSLAB_MAX_PAYLOAD + 1));
	EXPECT_EQ(-E2BIG, CALL(READ, x, 0, ptr(buf), size));
	for (i = 0; i < size; i++)
		buf[i] = i * 7 + i / 4099;
	for (i = 0; i < size; i += REFSLAB_MAX_PAYLOAD)
		EXPECT_EQ(0, CALL(WRITE, x, i, ptr(buf + i), REFSLAB_MAX_PAYLOAD));
	EXPECT_EQ(0, memcmp(at, buf, size));
	memset(buf, 0, size);
	for (i = 0; i < size; i += REFSLAB_MAX_PAYLOAD)
		EXPECT_EQ(0, CALL(READ, x, i, ptr(buf + i), REFSLAB_MAX_PAYLOAD));
	EXPECT_EQ(0, memcmp(at, buf, size));
	/* A write that fails changes nothing. */
	EXPECT_EQ(-EFAULT, CALL(WRITE, x, 0, 16, 100000));
	EXPECT_EQ(0, memcmp(at, buf, size));
	EXPECT_EQ(0, munmap(at, size));
	free(buf);
}

#define REFUSED(error, ...) ({						\
	errno = 0;							\
	EXPECT_EQ(NULL, map_at(__VA_ARGS__));				\
	EXPECT_EQ(error, errno);					\
})

TEST_F(payload, refused)
{
	const int fd = self->fd, both = PROT_READ | PROT_WRITE;
	__s64 x = new(self->fd, self->type), y = new(self->fd, self->type);
	__u64 at = place_of(self->fd, x);
	unsigned char *mapped;
	int none = test_open();

	ASSERT_LT(0, y);
	REFUSED(ENOTCONN, none, 0, 4096, both, MAP_SHARED);
	REFUSED(ENOTCONN, none, at, 4096, both, MAP_SHARED);
	close(none);
	REFUSED(EINVAL, fd, at, MAPPED, both, MAP_PRIVATE);
	REFUSED(EINVAL, fd, 0, MAPPED, PROT_READ, MAP_PRIVATE);
	/* EPERM: where devices are mounted noexec, nobody gets as far as us */
	errno = 0;
	EXPECT_EQ(NULL, map_at(fd, at, MAPPED, PROT_READ | PROT_EXEC, MAP_SHARED));
	EXPECT_TRUE(errno == EACCES || errno == EPERM);
	/* Of one payload all, or of none. */
	REFUSED(ENXIO, fd, at, MAPPED + 4096, both, MAP_SHARED);
	REFUSED(ENXIO, fd, at + 4096, MAPPED, both, MAP_SHARED);
	REFUSED(ENXIO, fd, at + 2 * MAPPED, 4096, both, MAP_SHARED);
	REFUSED(ENXIO, fd, REFSLAB_WINDOW - 4096, 4096, both, MAP_SHARED);
	REFUSED(EINVAL, fd, at + 1, 4096, both, MAP_SHARED);
	mapped = map_at(fd, at + 4096, 2 * 4096, both, MAP_SHARED);
	ASSERT_NE(NULL, mapped);
	EXPECT_EQ(0, CALL(WRITE, x, 4096, ptr("part"), 4));
	EXPECT_EQ(0, memcmp(mapped, "part", 4));
	EXPECT_EQ(-1, mprotect(mapped, 4096, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mremap(mapped, 2 * 4096, 3 * 4096, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(mapped, 0, 4096, MREMAP_MAYMOVE));
	EXPECT_EQ(0, munmap(mapped, 2 * 4096));
	/* Of the dead nothing. */
	EXPECT_EQ(0, CALL(CLOSE, x));
	REFUSED(ENXIO, fd, at, 4096, both, MAP_SHARED);
}

/* A file that is open for reading only: nothing can be written, by no way round. */
TEST_F(payload, read_only_file)
{
	int fd = open(TEST_DEVICE, O_RDONLY | O_CLOEXEC), mem;
	unsigned char *at;
	__s64 type, x;
	__u32 id;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, test_create(fd, 0, &id));
	type = test_type(fd, "Page", 0, SIZE, 0, REFSLAB_TYPE_MAPPED);
	x = new(fd, type);
	ASSERT_LT(0, x);
	REFUSED(EACCES, fd, place_of(fd, x), MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED);
	at = map_at(fd, place_of(fd, x), MAPPED, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, at);
	EXPECT_EQ(-1, mprotect(at, MAPPED, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	EXPECT_EQ(-1, pwrite64(mem, "x", 1, (uintptr_t)at));
	close(mem);
	EXPECT_EQ(0, CALL(DISABLE));
	EXPECT_EQ(0, call(fd, WRITE, x, 0, ptr("w"), 1));
	EXPECT_EQ('w', at[0]);
	EXPECT_EQ(0, munmap(at, MAPPED));
	EXPECT_EQ(0, close(fd));
}

/* Sessions of one heap map the same; one that may only read reads. All ends with the object. */
TEST_F(payload, attached)
{
	int reader = test_attach(self->fd, REFSLAB_ATTACH_READONLY);
	int writer = test_attach(self->fd, 0), mem;
	__s64 x = new(self->fd, self->type);
	unsigned char *a, *b, *c, *window;
	__u64 at = place_of(self->fd, x);

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	REFUSED(EACCES, reader, at, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED);
	REFUSED(EACCES, reader, 0, WINDOW, PROT_WRITE, MAP_SHARED);
	a = map_object(self->fd, x);
	b = map_at(writer, at, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED);
	c = map_at(reader, at, MAPPED, PROT_READ, MAP_SHARED);
	window = map_at(reader, 0, WINDOW, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	ASSERT_NE(NULL, c);
	ASSERT_NE(NULL, window);
	a[0] = 'a';
	b[4096] = 'b';
	EXPECT_EQ('a', c[0]);
	EXPECT_EQ('b', window[at + 4096]);
	EXPECT_EQ(-1, mprotect(c, MAPPED, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(window, WINDOW, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	EXPECT_EQ(-1, pwrite64(mem, "x", 1, (uintptr_t)c));
	EXPECT_EQ('a', c[0]);
	EXPECT_EQ(1, pwrite64(mem, "x", 1, (uintptr_t)b));
	EXPECT_EQ('x', c[0]);
	close(mem);
	/* A session that ends takes its own mappings along, and nobody else's. */
	EXPECT_EQ(0, munmap(b, MAPPED));
	EXPECT_EQ(0, close(writer));
	EXPECT_EQ('x', c[0]);
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_TRUE(is_gone(a, MAPPED));
	EXPECT_TRUE(is_gone(c, MAPPED));
	EXPECT_TRUE(is_gone(window, at + MAPPED));
	EXPECT_EQ(0, munmap(a, MAPPED));
	EXPECT_EQ(0, munmap(c, MAPPED));
	EXPECT_EQ(0, munmap(window, WINDOW));
	EXPECT_EQ(0, close(reader));
}

/* Nothing of what an object held is there when its pages serve again. */
TEST_F(payload, zeroed)
{
	unsigned int round, i;
	__s64 x[16];

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 16; i++) {
			unsigned char *at;

			x[i] = new(self->fd, self->type);
			ASSERT_LT(0, x[i]);
			at = map_object(self->fd, x[i]);
			ASSERT_NE(NULL, at);
			ASSERT_TRUE(is_all(at, MAPPED, 0));
			memset(at, 0xff, MAPPED);
			ASSERT_EQ(0, munmap(at, MAPPED));
		}
		for (i = 0; i < 16; i++)
			ASSERT_EQ(0, CALL(CLOSE, x[i]));
		ASSERT_EQ(0, STAT(bytes_mapped));
	}
}

/* Mapped when the object dies: gone with the operation, and never anybody else's. */
TEST_F(payload, dead)
{
	__s64 x = new(self->fd, self->type), y, z;
	__u64 place = place_of(self->fd, x);
	unsigned char *a = map_object(self->fd, x), *b = map_object(self->fd, x), *c;
	unsigned int i;

	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	memset(a, 'a', MAPPED);
	/* The mapping is no reference. */
	EXPECT_EQ(1, test_refcount(self->fd, x));
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(0, STAT(bytes_mapped));
	EXPECT_TRUE(is_gone(a, MAPPED));
	/* Not touched before. */
	EXPECT_TRUE(is_gone(b, MAPPED));
	/* Mappings keep the place: others are elsewhere, and do not appear here. */
	for (i = 0; i < 50; i++) {
		y = new(self->fd, self->type);
		ASSERT_NE(place, place_of(self->fd, y));
		ASSERT_EQ(0, CALL(WRITE, y, 0, ptr("yyyy"), 4));
		ASSERT_EQ(BUS, peek(a));
	}
	EXPECT_TRUE(is_gone(a, MAPPED));
	EXPECT_EQ(0, munmap(a, MAPPED));
	z = new(self->fd, self->type);
	EXPECT_NE(place, place_of(self->fd, z));
	/* Parts keep all of it. */
	EXPECT_EQ(0, munmap(b, 4096));
	EXPECT_EQ(0, munmap(b + 2 * 4096, MAPPED - 2 * 4096));
	z = new(self->fd, self->type);
	EXPECT_NE(place, place_of(self->fd, z));
	EXPECT_TRUE(is_gone(b + 4096, 4096));
	EXPECT_EQ(0, munmap(b + 4096, 4096));
	z = new(self->fd, self->type);
	EXPECT_EQ(place, place_of(self->fd, z));
	c = map_object(self->fd, z);
	ASSERT_NE(NULL, c);
	EXPECT_TRUE(is_all(c, MAPPED, 0));
	EXPECT_EQ(0, munmap(c, MAPPED));
}

/* A mapping in pieces, moved, with rights of their own: all of them end with the object. */
TEST_F(payload, pieces)
{
	__s64 x = new(self->fd, self->type), y;
	__u64 place = place_of(self->fd, x);
	unsigned char *at = map_object(self->fd, x), *moved;
	void *there;

	ASSERT_NE(NULL, at);
	memset(at, 'p', MAPPED);
	EXPECT_EQ(0, mprotect(at + 4096, 4096, PROT_READ));
	EXPECT_EQ('p', at[4096]);
	EXPECT_EQ(0, munmap(at + 2 * 4096, 4096));
	there = mmap(NULL, MAPPED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, there);
	moved = mremap(at + 3 * 4096, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, there);
	ASSERT_EQ(there, moved);
	EXPECT_EQ('p', moved[0]);
	moved[4096] = 'q';
	EXPECT_EQ(0, madvise(at, 4096, MADV_DONTNEED));
	EXPECT_EQ('p', at[0]);
	/* Shorter. */
	EXPECT_EQ(moved, mremap(moved, 2 * 4096, 4096, 0));
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_TRUE(is_gone(at, 4096));
	EXPECT_EQ(BUS, peek(at + 4096));
	EXPECT_TRUE(is_gone(moved, 4096));
	y = new(self->fd, self->type);
	EXPECT_NE(place, place_of(self->fd, y));
	EXPECT_EQ(0, munmap(at, 2 * 4096));
	EXPECT_EQ(0, munmap(there, MAPPED));
	EXPECT_EQ(place, place_of(self->fd, new(self->fd, self->type)));
}

/* What is there now, whoever it is: the first page never, others as objects come and go. */
TEST_F(payload, window)
{
	unsigned char *window = map_at(self->fd, 0, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED);
	__s64 x, y;

	ASSERT_NE(NULL, window);
	EXPECT_TRUE(is_gone(window, 4096 + MAPPED));
	EXPECT_EQ(BUS, peek(window + WINDOW - 1));
	x = new(self->fd, self->type);
	ASSERT_EQ(4096, place_of(self->fd, x));
	EXPECT_EQ(BUS, peek(window));
	EXPECT_TRUE(is_all(window + 4096, MAPPED, 0));
	EXPECT_EQ(BUS, peek(window + 4096 + MAPPED));
	memset(window + 4096, 'x', MAPPED);
	y = new(self->fd, self->type);
	EXPECT_TRUE(is_all(window + place_of(self->fd, y), MAPPED, 0));
	EXPECT_TRUE(IN_CHILD(window[4096] == 'x' && (window[5000] = 'c')));
	EXPECT_EQ('c', window[5000]);
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_TRUE(is_gone(window, 4096 + MAPPED));
	EXPECT_EQ(0, peek(window + place_of(self->fd, y)));
	/* No place is kept by the window. */
	x = new(self->fd, self->type);
	ASSERT_EQ(4096, place_of(self->fd, x));
	EXPECT_TRUE(is_all(window + 4096, MAPPED, 0));
	EXPECT_EQ(0, munmap(window, 4096 + 4096));
	EXPECT_EQ(0, window[2 * 4096]);
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(BUS, peek(window + 2 * 4096));
	EXPECT_EQ(0, munmap(window + 2 * 4096, WINDOW - 2 * 4096));
#ifdef __LP64__
	window = map_at(self->fd, 0, REFSLAB_WINDOW, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, window);
	EXPECT_EQ(0, window[place_of(self->fd, y)]);
	EXPECT_EQ(BUS, peek(window + REFSLAB_WINDOW - 1));
	EXPECT_EQ(0, munmap(window, REFSLAB_WINDOW));
	REFUSED(ENXIO, self->fd, 0, REFSLAB_WINDOW + 4096, PROT_READ, MAP_SHARED);
#endif
}

/* Two heaps have places of the same numbers, and nothing else in common. */
TEST_F(payload, two_heaps)
{
	unsigned char *a, *b;
	__s64 type, x, y;
	__u32 id;
	int fd = test_open();

	ASSERT_EQ(0, test_create(fd, 0, &id));
	type = test_type(fd, "Page", 0, SIZE, 0, REFSLAB_TYPE_MAPPED);
	x = new(self->fd, self->type);
	y = new(fd, type);
	ASSERT_EQ(place_of(self->fd, x), place_of(fd, y));
	a = map_object(self->fd, x);
	b = map_object(fd, y);
	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	memset(a, 'a', MAPPED);
	EXPECT_TRUE(is_all(b, MAPPED, 0));
	memset(b, 'b', MAPPED);
	EXPECT_EQ(0, call(fd, CLOSE, y));
	EXPECT_TRUE(is_gone(b, MAPPED));
	EXPECT_TRUE(is_all(a, MAPPED, 'a'));
	EXPECT_EQ(0, munmap(a, MAPPED));
	EXPECT_EQ(0, munmap(b, MAPPED));
	EXPECT_EQ(0, close(fd));
}

/* A mapping keeps the session, as a descriptor does: here the child's is the last. */
TEST_F(payload, parent_dies_first)
{
	int to[2], from[2], status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, pipe(from));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* the parent of the one that stays */
		int fd = test_open();
		unsigned char *at;
		__s64 type, x;
		__u32 id;

		close(self->fd);
		if (test_create(fd, 0, &id))
			_exit(1);
		type = test_type(fd, "Page", 0, SIZE, 0, REFSLAB_TYPE_MAPPED);
		x = new(fd, type);
		at = map_object(fd, x);
		if (!at)
			_exit(2);
		at[0] = 'p';
		if (fork())
			_exit(0);
		close(fd);
		if (read(to[0], &c, 1) != 1)
			_exit(3);
		/* nobody has a descriptor, and the object lives */
		c = at[0] == 'p' ? 'y' : 'n';
		at[1] = 'c';
		_exit(write(from[1], &c, 1) != 1);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, write(to[1], "g", 1));
	EXPECT_EQ(1, read(from[0], &c, 1));
	EXPECT_EQ('y', c);
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
	/* the teardown sees whether all of it goes with the last mapping */
}

/* The descriptor is closed, the mapping stays: so do session, handles, heap, until munmap(). */
TEST_F(payload, closed_while_mapped)
{
	unsigned char *at, *window;
	char text[4096];
	__s64 type, x;
	__u32 id;
	int fd = test_open();

	ASSERT_EQ(0, test_create(fd, 0, &id));
	type = test_type(fd, "Page", 0, SIZE, 0, REFSLAB_TYPE_MAPPED);
	x = new(fd, type);
	at = map_object(fd, x);
	window = map_at(fd, 0, WINDOW, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, at);
	ASSERT_NE(NULL, window);
	at[0] = '1';
	EXPECT_EQ(0, close(fd));
	at[4096] = '2';
	EXPECT_EQ('1', window[4096]);
	EXPECT_EQ('2', window[2 * 4096]);
	EXPECT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/check", id));
	EXPECT_STREQ("ok\n", text);
	EXPECT_EQ(0, munmap(at, MAPPED));
	EXPECT_EQ('1', window[4096]);
	EXPECT_EQ(0, munmap(window, WINDOW));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS,
			     test_debugfs(text, sizeof(text), "heaps/%u/check", id) < 0));
}

/* A process that writes to its mappings as fast as it can, and is killed at it. */
TEST_F(payload, killed)
{
	unsigned int round, rounds = test_env("REFSLAB_TEST_KILLS", 20);
	int status;
	char c;

	for (round = 0; round < rounds; round++) {
		int ready[2];
		pid_t pid;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int fd = test_open();
			__s64 type, h[8];
			unsigned int i;
			__u32 id;

			close(self->fd);
			if (test_create(fd, 0, &id))
				_exit(1);
			type = test_type(fd, "Page", 0, SIZE, 0, REFSLAB_TYPE_MAPPED);
			for (i = 0;; i++) {
				unsigned char *at;

				if (i >= 8)
					call(fd, CLOSE, h[i % 8]);
				h[i % 8] = new(fd, type);
				at = map_object(fd, h[i % 8]);
				if (!at)
					_exit(2);
				memset(at, i, MAPPED);
				if (i % 3)
					munmap(at, MAPPED);
				if (i == 8 && write(ready[1], "r", 1) != 1)
					_exit(3);
			}
		}
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &c, 1));
		test_sleep_ms(round % 7);
		EXPECT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		close(ready[0]);
	}
}

/* A page in a pipe outlives the object: as it was, and nobody else's. */
TEST_F(payload, in_a_pipe)
{
	__s64 x = new(self->fd, self->type);
	unsigned char *at = map_object(self->fd, x), in[4096];
	struct iovec page = { .iov_base = at, .iov_len = 4096 };
	unsigned int i;
	int fds[2];

	ASSERT_NE(NULL, at);
	memset(at, 's', 4096);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(4096, vmsplice(fds[1], &page, 1, 0));
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(0, STAT(bytes_mapped));
	EXPECT_TRUE(is_gone(at, MAPPED));
	EXPECT_EQ(0, munmap(at, MAPPED));
	for (i = 0; i < 200; i++) {
		x = new(self->fd, self->type);
		at = map_object(self->fd, x);
		ASSERT_NE(NULL, at);
		ASSERT_TRUE(is_all(at, 4096, 0));
		memset(at, 'o', MAPPED);
		ASSERT_EQ(0, munmap(at, MAPPED));
	}
	EXPECT_EQ(4096, read(fds[0], in, 4096));
	EXPECT_TRUE(is_all(in, 4096, 's'));
	close(fds[0]);
	close(fds[1]);
}

/* A finalizer's handle keeps the payload as it keeps the rest. */
TEST_F(payload, finalizer)
{
	__s64 type = test_type(self->fd, "Final", 0, SIZE, 0,
			       REFSLAB_TYPE_MAPPED | REFSLAB_TYPE_FINALIZER);
	__s64 x = new(self->fd, type);
	unsigned char *at = map_object(self->fd, x);
	struct refslab_event_record event;

	ASSERT_NE(NULL, at);
	at[7] = 'f';
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	EXPECT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ('f', peek(at + 7));
	event = test_event(self->fd);
	ASSERT_EQ(REFSLAB_EVENT_FINALIZE, event.event);
	EXPECT_EQ('f', peek(at + 7));
	EXPECT_EQ(0, CALL(CLOSE, event.handle));
	EXPECT_TRUE(is_gone(at, MAPPED));
	EXPECT_EQ(0, munmap(at, MAPPED));
}

/* The heap's limit: -ENOMEM from NEW, after a collection; never SIGBUS later. */
TEST_F(payload, limit)
{
	const __u32 arena = 256u << 10, size = 128u << 10;
	__s64 type, most, x, y, z;
	unsigned char *at;
	__u32 id;
	int fd = test_open();

	ASSERT_EQ(0, test_create(fd, arena + 2 * size, &id));
	type = test_type(fd, "Page", 1, size, 0, REFSLAB_TYPE_MAPPED);
	most = test_type(fd, "Most", 1, REFSLAB_MAX_MAPPED, 0, REFSLAB_TYPE_MAPPED);
	EXPECT_EQ(0, call(fd, DISABLE));
	x = new(fd, type);
	y = new(fd, type);
	ASSERT_LT(0, x);
	ASSERT_LT(0, y);
	EXPECT_EQ(-ENOMEM, new(fd, type));
	EXPECT_EQ(-ENOMEM, new(fd, most));
	EXPECT_EQ(arena + 2 * size, test_stat(fd).bytes_reserved);
	/* What there is can be used. */
	at = map_at(fd, place_of(fd, x), size, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(NULL, at);
	memset(at, 1, size);
	EXPECT_EQ(0, munmap(at, size));
	/* Garbage makes room. */
	EXPECT_EQ(0, call(fd, SETSLOT, x, 0, x));
	EXPECT_EQ(0, call(fd, CLOSE, x));
	EXPECT_EQ(2 * size, test_stat(fd).bytes_mapped);
	z = new(fd, type);
	EXPECT_LT(0, z);
	EXPECT_EQ(-ENOMEM, new(fd, type));
	EXPECT_EQ(0, call(fd, CLOSE, y));
	EXPECT_LT(0, new(fd, type));
	EXPECT_EQ(0, close(fd));
}

/* --- faults beside deaths ------------------------------------------------------------------- */

#define RACERS	3

struct race {
	unsigned char *window;
	pthread_rwlock_t lock;	/* what is below stays mapped while it is held for reading */
	unsigned char *at;
	__u64 id;
	atomic_bool stop;
	atomic_ullong wrong;
	atomic_ulong seen, gone;
};

/* 4 bytes of memory that may not be there, or -1. */
static __u64 peek_id(const __u32 *at)
{
	return sigsetjmp(jump, 1) ? ~0ull : __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void *racer(void *arg)
{
	struct race *race = arg;
	__u64 random = (uintptr_t)&random;

	while (!race->stop) {
		unsigned int i;

		pthread_rwlock_rdlock(&race->lock);
		for (i = 0; i < 64; i++) {
			size_t page = test_random(&random) % PAGES * 4096;
			__u64 id = peek_id((__u32 *)(race->at + page));

			/* this object's, not yet written, or dead: nobody else's; 0: none yet */
			if (id == ~0ull)
				race->gone += race->id > 0;
			else if (id && id != race->id)
				race->wrong = id;
			else
				race->seen++;
			/* somebody's, or nobody's */
			id = peek_id((__u32 *)(race->window + 4096 + page));
			if (id != ~0ull && id > race->id)
				race->wrong = id;
		}
		pthread_rwlock_unlock(&race->lock);
	}
	return NULL;
}

TEST_F(payload, race)
{
	const double seconds = test_env("REFSLAB_TEST_RACE_MS", 2000) / 1e3;
	double end;
	/* or the racers would never let us in */
	struct race race = { .lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP };
	pthread_t threads[RACERS];
	unsigned int i, rounds = 0;

	race.window = map_at(self->fd, 0, WINDOW, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, race.window);
	race.at = race.window;
	for (i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, racer, &race));
	end = test_now() + seconds;
	/* on a busy host longer: both are to be seen */
	while (!race.wrong && (test_now() < end || !race.seen || !race.gone)) {
		__s64 x = new(self->fd, self->type);
		unsigned char *at, *old;

		if (x < 0)
			break;
		at = map_object(self->fd, x);
		if (!at)
			break;
		pthread_rwlock_wrlock(&race.lock);
		old = race.at;
		race.at = at;
		race.id = ++rounds;
		pthread_rwlock_unlock(&race.lock);
		if (old != race.window)
			munmap(old, MAPPED);
		for (i = 0; i < PAGES; i++)
			__atomic_store_n((__u32 *)(at + i * 4096), rounds, __ATOMIC_RELAXED);
		if (rounds % 2)
			sched_yield();
		/* while they look */
		CALL(CLOSE, x);
		if (rounds % 3)
			sched_yield();
	}
	race.stop = true;
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, atomic_load(&race.wrong));
	EXPECT_LE(end, test_now());
	EXPECT_LT(0, atomic_load(&race.seen));
	EXPECT_LT(0, atomic_load(&race.gone));
	TH_LOG("%u objects, %lu times seen, %lu times gone", rounds,
	       atomic_load(&race.seen), atomic_load(&race.gone));
	if (race.at != race.window)
		EXPECT_EQ(0, munmap(race.at, MAPPED));
	EXPECT_EQ(0, munmap(race.window, WINDOW));
}

#define TABLE	(2ul << 20)	/* what one page table maps */

struct dropper {
	unsigned char *at;
	atomic_bool stop;
};

static void *drop_pages(void *arg)
{
	struct dropper *dropper = arg;

	while (!dropper->stop)
		madvise(dropper->at, TABLE, MADV_DONTNEED);
	return NULL;
}

/* Page tables that come and go are no business of who touches an object that is alive. */
TEST_F(payload, page_tables_come_and_go)
{
	const double seconds = test_env("REFSLAB_TEST_RACE_MS", 2000) / 1e3;
	__s64 type = test_type(self->fd, "Table", 0, 2 * TABLE, 0, REFSLAB_TYPE_MAPPED);
	__s64 x = new(self->fd, type);
	unsigned long touches = 0, gone = 0;
	struct dropper dropper = { };
	unsigned char *at;
	pthread_t thread;
	double end;

	ASSERT_LT(0, x);
	at = map_at(self->fd, place_of(self->fd, x), 2 * TABLE, PROT_READ, MAP_SHARED);
	ASSERT_NE(NULL, at);
	dropper.at = (unsigned char *)(((uintptr_t)at + TABLE - 1) & ~(TABLE - 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, drop_pages, &dropper));
	end = test_now() + seconds;
	do {
		gone += peek(dropper.at + touches * 4096 % TABLE) == BUS;
		touches++;
	} while (test_now() < end);
	dropper.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, gone) {
		TH_LOG("%lu of %lu", gone, touches);
	}
	EXPECT_EQ(0, munmap(at, 2 * TABLE));
	EXPECT_EQ(0, CALL(CLOSE, x));
}

/*
 * Pages that userfaultfd was to protect before there were any, where it agrees to (kernels from 6.7
 * on, until they refused mappings like these): touching them is an error, not a fault that is taken
 * for ever. The kernel is asked to touch them, as a signal would end a loop of the program's own.
 */
TEST_F(payload, protected_before_it_was_touched)
{
	const int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURE_WP_ASYNC };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect protect = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	__s64 x = new(self->fd, self->type);
	unsigned char *at, zero = 0;
	int pipes[2];

	ASSERT_LT(0, x);
	at = map_object(self->fd, x);
	ASSERT_NE(NULL, at);
	ASSERT_EQ(0, pipe(pipes));
	range.range.start = ptr(at);
	range.range.len = MAPPED;
	protect.range = range.range;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range) ||
	    ioctl(uffd, UFFDIO_WRITEPROTECT, &protect))
		TH_LOG("no protection here: %s", strerror(errno));
	else
		EXPECT_EQ(-1, write(pipes[1], at, 1));
	if (uffd >= 0)
		close(uffd);
	/* unprotected again */
	EXPECT_EQ(0, madvise(at, MAPPED, MADV_DONTNEED));
	EXPECT_EQ(1, write(pipes[1], &zero, 1));
	EXPECT_EQ(0, at[0]);
	close(pipes[0]);
	close(pipes[1]);
	EXPECT_EQ(0, munmap(at, MAPPED));
	EXPECT_EQ(0, CALL(CLOSE, x));
}

TEST_HARNESS_MAIN
