// SPDX-License-Identifier: GPL-2.0
/*
 * The controls that Python's gc module has beside collect, thresholds and counts, from user space.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "weak_test.h"

#define FREEZE()	ASSERT_EQ(0, CALL(FREEZE))
#define UNFREEZE()	ASSERT_EQ(0, CALL(UNFREEZE))
#define EXPECT_GENERATION(g, h)	EXPECT_EQ(g, test_generation(self->fd, h))

/* --- freezing ------------------------------------------------------------------------------- */

TEST_F(graph, freeze)
{
	struct refslab_record records[8];
	__s64 a = PLAIN(), b, i = NEW(INT, 1007);
	int n;

	ASSERT_EQ(0, CALL(COLLECT, 2));
	b = PLAIN();
	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(b, 1, i);
	EXPECT_EQ(0, CALL(FREEZECOUNT));
	FREEZE();
	EXPECT_EQ(2, CALL(FREEZECOUNT));
	EXPECT_GENERATION(REFSLAB_GEN_FROZEN, a);
	EXPECT_GENERATION(REFSLAB_GEN_FROZEN, b);
	EXPECT_GENERATION(-1, i);
	/* listed as such, and in no generation */
	n = test_records(self->fd, REFSLAB_GEN_FROZEN, records, 8);
	ASSERT_EQ(2, n);
	EXPECT_NE(NULL, test_record(records, n, test_id(self->fd, a)));
	EXPECT_NE(NULL, test_record(records, n, test_id(self->fd, b)));
	EXPECT_EQ(REFSLAB_GEN_FROZEN, records[0].generation);
	EXPECT_EQ(3, test_records(self->fd, REFSLAB_GEN_ALL, records, 8));
	for (n = 0; n < 3; n++)
		EXPECT_EQ(0, test_records(self->fd, n, records, 8));
	test_heap_check(_metadata, &self->heap);

	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(3, STAT(objects));
	UNFREEZE();
	EXPECT_EQ(0, CALL(FREEZECOUNT));
	EXPECT_EQ(2, test_records(self->fd, 2, records, 8));
	EXPECT_EQ(0, CALL(COLLECT, 1));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
}

TEST_F(graph, what_comes_after_a_freeze_is_scanned)
{
	__s64 old = PLAIN(), a;

	FREEZE();
	a = PLAIN();
	EXPECT_GENERATION(0, a);
	LINK(a, 0, a);
	LINK(a, 1, old);
	EXPECT_COUNT(2, old);
	CLOSE(a);
	EXPECT_EQ(1, CALL(COLLECT, 0));
	EXPECT_COUNT(1, old);
	/* a second freeze takes what came since, and keeps the first */
	a = PLAIN();
	EXPECT_EQ(1, CALL(FREEZECOUNT));
	FREEZE();
	EXPECT_EQ(2, CALL(FREEZECOUNT));
	/* frozen or not, the last reference is the end */
	CLOSE(old);
	EXPECT_EQ(1, CALL(FREEZECOUNT));
	EXPECT_EQ(1, STAT(objects));
	CLOSE(a);
}

TEST_F(graph, freeze_begins_to_count_anew)
{
	__u32 count[3];
	int i;

	for (i = 0; i < 5; i++)
		PLAIN();
	ASSERT_EQ(0, CALL(COLLECT, 0));
	for (i = 0; i < 3; i++)
		PLAIN();
	ASSERT_EQ(0, CALL(GET_COUNT, ptr(count), sizeof(count)));
	EXPECT_EQ(3, count[0]);
	EXPECT_EQ(1, count[1]);
	FREEZE();
	ASSERT_EQ(0, CALL(GET_COUNT, ptr(count), sizeof(count)));
	EXPECT_EQ(0, count[0] | count[1] | count[2]);
	EXPECT_EQ(8, CALL(FREEZECOUNT));
}

/* Finalizers of what was frozen are announced as ever. */
TEST_F(graph, frozen_objects_are_finalized)
{
	__s64 a = FINAL(), w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK), id = test_id(self->fd, a), h;

	FREEZE();
	CLOSE(a);
	EXPECT_DEAD(w);
	CLOSE(EVENT(WEAKREF, id));
	h = EVENT(FINALIZE, id);
	CLOSE(h);
	EXPECT_NO_EVENT();
	EXPECT_EQ(1, STAT(objects));
}

/* --- referents and referrers ---------------------------------------------------------------- */

/* The records of one call; their number, and where to go on. */
static int refer(int fd, unsigned int opcode, __u64 h, __u64 *cursor,
		 struct refslab_record *records, unsigned int max)
{
	const __u64 arg[4] = { h, *cursor, ptr(records), max * sizeof(*records) };
	__u64 result[2];
	int err = test_call(fd, opcode, arg, result);

	if (err)
		return err;
	*cursor = result[1];
	return result[0];
}

/* All of them, @grain at a time. */
static int refer_all(int fd, unsigned int opcode, __u64 h, struct refslab_record *records,
		     unsigned int max, unsigned int grain)
{
	unsigned int n = 0;
	__u64 cursor = 0;
	int k;

	do {
		if (n + grain > max)
			return -ENOBUFS;
		k = refer(fd, opcode, h, &cursor, records + n, grain);
		if (k < 0)
			return k;
		n += k;
	} while (cursor);
	return n;
}

#define REFERENTS(h, r, grain) \
	refer_all(self->fd, REFSLAB_OP_REFERENTS, h, r, ARRAY_SIZE(r), grain)
#define REFERRERS(h, r, grain) \
	refer_all(self->fd, REFSLAB_OP_REFERRERS, h, r, ARRAY_SIZE(r), grain)

TEST_F(graph, referents)
{
	struct refslab_record r[8];
	__s64 a = PLAIN(), b = NODE(), i = NEW(INT, 1000), l = NEW(LIST);
	unsigned int grain;

	EXPECT_EQ(0, REFERENTS(a, r, 4));
	EXPECT_EQ(0, REFERENTS(i, r, 4));
	EXPECT_EQ(0, REFERENTS(l, r, 4));
	LINK(a, 1, b);
	EXPECT_EQ(1, REFERENTS(a, r, 4));
	EXPECT_EQ(test_id(self->fd, b), (__s64)r[0].id);
	EXPECT_EQ((__u32)self->node, r[0].type);
	EXPECT_EQ(2, r[0].refcount);
	EXPECT_EQ(0, r[0].generation);
	EXPECT_LE(48, r[0].bytes);

	/* in order, one for each reference, at any grain */
	APPEND(l, a);
	APPEND(l, i);
	APPEND(l, a);
	APPEND(l, l);
	for (grain = 1; grain <= 4; grain++) {
		memset(r, 0xff, sizeof(r));
		ASSERT_EQ(4, REFERENTS(l, r, grain));
		EXPECT_EQ(test_id(self->fd, a), (__s64)r[0].id);
		EXPECT_EQ(test_id(self->fd, i), (__s64)r[1].id);
		EXPECT_EQ(test_id(self->fd, a), (__s64)r[2].id);
		EXPECT_EQ(test_id(self->fd, l), (__s64)r[3].id);
		EXPECT_EQ(3, r[0].refcount);
		EXPECT_EQ(2, r[3].refcount);
		EXPECT_EQ(REFSLAB_GEN_ALL, r[1].generation);
		EXPECT_EQ(~0ull, r[4].id);
	}
	/* told by an id that leads there */
	EXPECT_SAME(NEW(BYID, r[1].id), i);
	CLOSE(l);
	ASSERT_EQ(1, CALL(COLLECT, 2));
	EXPECT_COUNT(1, a);
	EXPECT_COUNT(2, i);
}

TEST_F(graph, referrers)
{
	struct refslab_record r[8];
	__s64 x = PLAIN(), a = PLAIN(), l = NEW(LIST), i = NEW(INT, 1000);
	int n;

	EXPECT_EQ(0, REFERRERS(x, r, 4));
	LINK(a, 0, x);
	LINK(a, 1, x);
	APPEND(l, i);
	APPEND(l, x);
	LINK(x, 0, x);
	for (n = 1; n <= 4; n++) {
		memset(r, 0xff, sizeof(r));
		ASSERT_EQ(3, REFERRERS(x, r, n));
		qsort(r, 3, sizeof(*r), test_record_order);
		EXPECT_NE(NULL, test_record(r, 3, test_id(self->fd, a)));
		EXPECT_NE(NULL, test_record(r, 3, test_id(self->fd, l)));
		ASSERT_NE(NULL, test_record(r, 3, test_id(self->fd, x)));
		EXPECT_EQ(5, test_record(r, 3, test_id(self->fd, x))->refcount);
		EXPECT_EQ(1, test_record(r, 3, test_id(self->fd, a))->refcount);
	}
	EXPECT_EQ(1, REFERRERS(i, r, 4));
	EXPECT_EQ(test_id(self->fd, l), (__s64)r[0].id);
	EXPECT_EQ(0, REFERRERS(a, r, 4));
	/* no reference is left behind */
	EXPECT_COUNT(5, x);
	EXPECT_COUNT(1, a);
	CLOSE(a);
	CLOSE(l);
	CLOSE(x);
	EXPECT_EQ(1, CALL(COLLECT, 2));
}

/* One call does not look at a heap of any size. */
TEST_F(graph, referrers_of_a_large_heap)
{
	const unsigned int many = test_slow_kernel() ? 100000 : 300000;
	struct refslab_record r[4];
	__s64 first = PLAIN(), last, x = NEW(INT, 1001), l = NEW(LIST);
	unsigned int i, found = 0, calls = 0;
	struct refslab_op ops[3];
	__u64 cursor = 0;
	int n;

	last = CALL(DUP, first);
	for (i = 0; i < many; i++) {
		ops[0] = op(NEW, self->plain);
		ops[1] = opf(SETSLOT, F(2), last, 0, 0);
		ops[2] = op(CLOSE, last);
		ASSERT_EQ(0, test_submit(self->fd, ops, 3, NULL));
		last = ops[0].result[0];
		if (i % (many / 5) == 0)
			LINK(last, 1, x);
	}
	LINK(last, 1, x);
	APPEND(l, x);
	do {
		n = refer(self->fd, REFSLAB_OP_REFERRERS, x, &cursor, r, 4);
		ASSERT_LE(0, n);
		found += n;
		calls++;
	} while (cursor);
	EXPECT_EQ(7, found);
	EXPECT_LT(many / 65536, calls);
	EXPECT_GT(20, calls);
	CLOSE(first);
	CLOSE(last);
}

/* --- debug flags and garbage ---------------------------------------------------------------- */

TEST_F(graph, debug_flags)
{
	EXPECT_EQ(0, CALL(GET_DEBUG));
	EXPECT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_LEAK | REFSLAB_DEBUG_STATS));
	EXPECT_EQ(39, CALL(GET_DEBUG));
	EXPECT_EQ(-EOPNOTSUPP, CALL(SET_DEBUG, 8));
	EXPECT_EQ(39, CALL(GET_DEBUG));
	EXPECT_EQ(0, CALL(SET_DEBUG, 0));
	EXPECT_EQ(0, CALL(GET_DEBUG));
}

/* The records of the list of garbage, @grain at a time. */
static int garbage(int fd, struct refslab_record *records, unsigned int max, unsigned int grain)
{
	__u64 result[2] = { 0 };
	unsigned int n = 0;
	int err;

	do {
		if (n + grain > max)
			return -ENOBUFS;
		err = test_call(fd, REFSLAB_OP_GARBAGE,
				(const __u64[4]) { result[1], ptr(records + n),
						  grain * sizeof(*records) }, result);
		if (err)
			return err;
		n += result[0];
	} while (result[1]);
	return n;
}

#define GARBAGE(r, grain)	garbage(self->fd, r, ARRAY_SIZE(r), grain)

/* Two that refer to each other, and to @leaf, without handles; their ids. */
static int pair(int fd, __s64 type, __s64 leaf, __s64 id[2])
{
	__s64 a = call(fd, NEW, type), b = call(fd, NEW, type);
	int err;

	id[0] = test_id(fd, a);
	id[1] = test_id(fd, b);
	err = call(fd, SETSLOT, a, 0, b) ?: call(fd, SETSLOT, b, 0, a) ?:
	      call(fd, SETSLOT, a, 1, leaf);
	return err ?: call(fd, CLOSE, a) ?: call(fd, CLOSE, b);
}

TEST_F(graph, saveall)
{
	__s64 leaf = NEW(INT, 1000), id[2], a;
	struct refslab_record r[8];
	struct refslab_gc_stats stats;
	unsigned int grain;

	ASSERT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_SAVEALL));
	ASSERT_EQ(0, pair(self->fd, self->node, leaf, id));
	CLOSE(leaf);
	EXPECT_EQ(2, CALL(COLLECT, 0));
	EXPECT_EQ(3, STAT(objects));
	EXPECT_EQ(0, STAT(handles));
	test_heap_check(_metadata, &self->heap);
	for (grain = 1; grain <= 3; grain++) {
		memset(r, 0xff, sizeof(r));
		ASSERT_EQ(2, GARBAGE(r, grain));
		EXPECT_TRUE((r[0].id == (__u64)id[0] && r[1].id == (__u64)id[1]) ||
			    (r[0].id == (__u64)id[1] && r[1].id == (__u64)id[0]));
		EXPECT_EQ(2, r[0].refcount);
		EXPECT_EQ(1, r[0].generation);
		EXPECT_EQ((__u32)self->node, r[0].type);
	}
	/* whole, and as good as any */
	a = NEW(BYID, id[0]);
	EXPECT_COUNT(3, a);
	EXPECT_EQ(id[1], test_id(self->fd, NEW(SLOT, a, 0)));
	EXPECT_EQ(1000, CALL(INT_VALUE, NEW(SLOT, a, 1)));
	NEW(WEAK, a, 0);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	stats = test_gc_stats(self->fd);
	EXPECT_EQ(2, stats.gen[0].collected);
	EXPECT_EQ(0, stats.gen[0].uncollectable);
	/* flags off do not empty it */
	ASSERT_EQ(0, CALL(SET_DEBUG, 0));
	EXPECT_EQ(2, GARBAGE(r, 4));
	EXPECT_EQ(2, CALL(EMPTY_GARBAGE));
	EXPECT_EQ(0, CALL(EMPTY_GARBAGE));
	EXPECT_EQ(0, GARBAGE(r, 4));
	/* held by handles, and then by nobody */
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_COUNT(2, a);
	test_heap_check(_metadata, &self->heap);
}

TEST_F(graph, garbage_without_the_list_dies)
{
	__s64 leaf = NEW(INT, 1000), id[2];

	ASSERT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_SAVEALL));
	ASSERT_EQ(0, pair(self->fd, self->plain, leaf, id));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	ASSERT_EQ(0, CALL(SET_DEBUG, 0));
	ASSERT_EQ(2, CALL(EMPTY_GARBAGE));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
	EXPECT_EQ(0, CALL(BYID, id[0]));
	EXPECT_COUNT(1, leaf);
}

/* Events come as ever before it is kept; the heap may end with the list full. */
TEST_F(graph, saveall_after_finalizers)
{
	struct refslab_record r[4];
	__s64 a = FINAL(), w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK), id = test_id(self->fd, a);

	ASSERT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_SAVEALL));
	LINK(a, 0, a);
	CLOSE(a);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(0, GARBAGE(r, 4));
	CLOSE(EVENT(WEAKREF, id));
	CLOSE(EVENT(FINALIZE, id));
	EXPECT_EQ(1, CALL(COLLECT, 2));
	EXPECT_NO_EVENT();
	EXPECT_DEAD(w);
	ASSERT_EQ(1, GARBAGE(r, 4));
	EXPECT_EQ(id, (__s64)r[0].id);
	a = NEW(BYID, id);
	EXPECT_EQ(1, CALL(FINALIZED, a));
}

/* What the log gets is for people, who must not learn where anything lies. */
TEST_F(graph, debug_lines)
{
	const int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned int stats = 0, collectable = 0, addresses = 0;
	char heap[32], line[1024];
	__s64 id[2], leaf = NEW(INT, 1001);
	ssize_t n;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, lseek(fd, 0, SEEK_END));
	snprintf(heap, sizeof(heap), "refslab: heap %u (test): ", self->heap.id);
	ASSERT_EQ(0, pair(self->fd, self->plain, leaf, id));
	ASSERT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_STATS | REFSLAB_DEBUG_COLLECTABLE));
	ASSERT_EQ(2, CALL(COLLECT, 2));
	while ((n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (!strstr(line, heap))
			continue;
		stats += !!strstr(line, "scan of generation 2: 2 objects, 2 unreachable, 0 un");
		collectable += !!strstr(line, "collectable object") && strstr(line, "(plain)");
		addresses += !!strstr(line, "ffff8") || strstr(line, "0x");
	}
	EXPECT_EQ(1, stats);
	EXPECT_EQ(2, collectable);
	EXPECT_EQ(0, addresses);
	close(fd);
}

/* --- events of scans ------------------------------------------------------------------------ */

/* The next event is of a scan of generation @g. */
#define EXPECT_SCAN(kind, g, found) do {					\
	struct refslab_gc_record __r = test_gc_event(self->fd);			\
										\
	EXPECT_EQ(REFSLAB_EVENT_GC_##kind, __r.event);				\
	EXPECT_EQ(0, __r.handle);						\
	EXPECT_EQ(g, __r.generation);						\
	EXPECT_EQ(found, __r.collected);					\
	EXPECT_EQ(0, __r.uncollectable);					\
	EXPECT_EQ(__r.event == REFSLAB_EVENT_GC_STOP, !!__r.duration_ns);	\
} while (0)

#define WATCH(flags)	ASSERT_EQ(0, CALL(WATCH, flags))

TEST_F(graph, scans_are_events)
{
	__s64 leaf = NEW(INT, 1001), id[2];
	unsigned int g;

	/* not for those who did not ask */
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_NO_EVENT();
	WATCH(REFSLAB_WATCH_GC);
	WATCH(REFSLAB_WATCH_GC);
	EXPECT_NO_EVENT();
	for (g = 0; g < 3; g++) {
		ASSERT_EQ(0, pair(self->fd, self->plain, leaf, id));
		EXPECT_EQ(2, CALL(COLLECT, g));
		EXPECT_SCAN(START, g, 0);
		EXPECT_SCAN(STOP, g, 2);
	}
	EXPECT_NO_EVENT();
	/* no longer, and what waited is dropped */
	EXPECT_EQ(0, CALL(COLLECT, 0));
	WATCH(0);
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_NO_EVENT();
	EXPECT_EQ(-EOPNOTSUPP, CALL(WATCH, 2));
	WATCH(REFSLAB_WATCH_GC);
	EXPECT_EQ(0, CALL(COLLECT, 1));
	EXPECT_SCAN(START, 1, 0);
	EXPECT_SCAN(STOP, 1, 0);
	/* the session may end with some, and while it watches */
	EXPECT_EQ(0, CALL(COLLECT, 0));
}

TEST_F(graph, automatic_scans_are_events)
{
	struct refslab_gc_record start, stop;
	unsigned int i;

	WATCH(REFSLAB_WATCH_GC);
	ASSERT_EQ(0, CALL(ENABLE));
	for (i = 0; i < 750; i++)
		PLAIN();
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, (start = test_gc_event(self->fd)).event));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, (stop = test_gc_event(self->fd)).event));
	EXPECT_EQ(REFSLAB_EVENT_GC_START, start.event);
	EXPECT_EQ(0, start.generation);
	EXPECT_EQ(REFSLAB_EVENT_GC_STOP, stop.event);
	EXPECT_EQ(0, stop.generation);
	EXPECT_EQ(0, stop.collected);
}

/* Events of objects are not kept waiting, nor lost, by those of scans. */
TEST_F(graph, objects_come_before_scans)
{
	struct refslab_event_record records[200];
	__s64 id[100];
	int i, n;

	WATCH(REFSLAB_WATCH_GC);
	for (i = 0; i < 100; i++) {
		__s64 h = FINAL();

		id[i] = test_id(self->fd, h);
		EXPECT_EQ(0, CALL(COLLECT, 0));
		CLOSE(h);
	}
	EXPECT_EQ(100, STAT(events));
	n = test_events(self->fd, records, 200);
	ASSERT_EQ(165, n);
	EXPECT_EQ(0, STAT(events));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(REFSLAB_EVENT_FINALIZE, records[i].event);
		EXPECT_EQ(id[i], (__s64)records[i].id);
		CLOSE(records[i].handle);
	}
	/* as many as may wait, and how many were too many */
	for (; i < 164; i++)
		EXPECT_EQ(i % 2 ? REFSLAB_EVENT_GC_STOP : REFSLAB_EVENT_GC_START,
			  records[i].event);
	EXPECT_EQ(REFSLAB_EVENT_GC_LOST, records[i].event);
	EXPECT_EQ(0, records[i].handle);
	EXPECT_EQ(200 - REFSLAB_MAX_GC_EVENTS, records[i].id);
	EXPECT_NO_EVENT();
}

/* The gap is told where it is. */
TEST_F(graph, lost_events_of_scans_are_told_in_their_place)
{
	struct refslab_gc_record r;
	int i;

	WATCH(REFSLAB_WATCH_GC);
	for (i = 0; i < 33; i++)
		EXPECT_EQ(0, CALL(COLLECT, 0));
	/* room for one is none: the notice takes a place, too */
	EXPECT_SCAN(START, 0, 0);
	EXPECT_EQ(0, CALL(COLLECT, 1));
	for (i = 1; i < 4; i++) {
		r = test_gc_event(self->fd);
		EXPECT_EQ(i % 2 ? REFSLAB_EVENT_GC_STOP : REFSLAB_EVENT_GC_START, r.event);
	}
	/* four are free now: the notice, and two more */
	EXPECT_EQ(0, CALL(COLLECT, 2));
	for (i = 4; i < 64; i++) {
		r = test_gc_event(self->fd);
		EXPECT_EQ(i % 2 ? REFSLAB_EVENT_GC_STOP : REFSLAB_EVENT_GC_START, r.event);
		EXPECT_EQ(0, r.generation);
	}
	r = test_gc_event(self->fd);
	EXPECT_EQ(REFSLAB_EVENT_GC_LOST, r.event);
	EXPECT_EQ(4, r.collected);
	EXPECT_SCAN(START, 2, 0);
	EXPECT_SCAN(STOP, 2, 0);
	EXPECT_NO_EVENT();
}

TEST_F(graph, memory_for_events_of_scans)
{
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct refslab_gc_record r;

	ASSERT_NE(MAP_FAILED, nowhere);
	WATCH(REFSLAB_WATCH_GC);
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_EQ(-EFAULT, test_events(self->fd, nowhere, 2));
	EXPECT_EQ(-1, read(self->fd, &r, sizeof(r) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_SCAN(START, 0, 0);
	EXPECT_EQ(-EFAULT, test_events(self->fd, nowhere, 1));
	EXPECT_SCAN(STOP, 0, 0);
	EXPECT_NO_EVENT();
}

static void *collect_later(void *arg)
{
	test_sleep_ms(50);
	call(*(int *)arg, COLLECT, 1);
	return NULL;
}

TEST_F(graph, who_waits_is_woken_by_scans)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };
	pthread_t thread;

	WATCH(REFSLAB_WATCH_GC);
	EXPECT_EQ(0, poll(&pollfd, 1, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, collect_later, &self->fd));
	EXPECT_EQ(1, poll(&pollfd, 1, TEST_SETTLE_MS));
	EXPECT_EQ(POLLIN, pollfd.revents);
	pthread_join(thread, NULL);
	EXPECT_SCAN(START, 1, 0);
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	EXPECT_SCAN(STOP, 1, 0);
	EXPECT_EQ(0, poll(&pollfd, 1, 0));

	ASSERT_EQ(0, test_nonblock(self->fd, false));
	ASSERT_EQ(0, pthread_create(&thread, NULL, collect_later, &self->fd));
	EXPECT_SCAN(START, 1, 0);
	EXPECT_SCAN(STOP, 1, 0);
	pthread_join(thread, NULL);
	ASSERT_EQ(0, test_nonblock(self->fd, true));
}

/* Scans, readers and the switch at once. */
struct busy {
	int fd;
	bool end;
	unsigned long scans, read, lost, wrong;
};

static void *busy_scans(void *arg)
{
	struct busy *busy = arg;

	while (!__atomic_load_n(&busy->end, __ATOMIC_RELAXED)) {
		call(busy->fd, COLLECT, 0);
		busy->scans++;
	}
	return NULL;
}

static void *busy_reader(void *arg)
{
	struct busy *busy = arg;
	struct refslab_gc_record r;

	while (!__atomic_load_n(&busy->end, __ATOMIC_RELAXED)) {
		r = test_gc_event(busy->fd);
		__atomic_add_fetch(&busy->read, !!r.event, __ATOMIC_RELAXED);
		if (r.event == REFSLAB_EVENT_GC_LOST)
			__atomic_add_fetch(&busy->lost, r.collected, __ATOMIC_RELAXED);
		else if (r.event && (r.event < REFSLAB_EVENT_GC_START ||
				     r.event > REFSLAB_EVENT_GC_STOP || r.generation))
			__atomic_add_fetch(&busy->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(graph, scans_readers_and_the_switch_at_once)
{
	struct busy busy = { .fd = self->fd };
	pthread_t scans, readers[2];
	int i;

	WATCH(REFSLAB_WATCH_GC);
	ASSERT_EQ(0, pthread_create(&scans, NULL, busy_scans, &busy));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, busy_reader, &busy));
	for (i = 0; i < 100; i++) {
		test_sleep_ms(5);
		if (i % 10 == 9) {
			EXPECT_EQ(0, CALL(WATCH, 0));
			EXPECT_EQ(0, CALL(WATCH, REFSLAB_WATCH_GC));
		}
	}
	__atomic_store_n(&busy.end, true, __ATOMIC_RELAXED);
	pthread_join(scans, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	EXPECT_LT(0, busy.scans);
	EXPECT_LT(0, busy.read);
	EXPECT_EQ(0, busy.wrong);
	/* each notice stands for one at least */
	EXPECT_GE(2 * busy.scans, busy.read);
}

/*
 * Memory that whoever touches it waits for, until the descriptor is closed; or a negative errno,
 * -EOPNOTSUPP where the kernel has nothing of that kind.
 */
static int fault_for_ever(void *at, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)at, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -EOPNOTSUPP;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

struct slow_reader {
	int fd;
	struct refslab_gc_record *to;
	ssize_t n;
};

static void *read_slowly(void *arg)
{
	struct slow_reader *reader = arg;

	reader->n = read(reader->fd, reader->to, sizeof(*reader->to));
	return NULL;
}

/* Who waits for a reader that waits for its memory can be killed, and has changed nothing. */
TEST_F(graph, switching_off_waits_for_a_reader_and_can_be_killed)
{
	const size_t size = sysconf(_SC_PAGESIZE);
	struct slow_reader reader = { .fd = self->fd };
	struct pollfd touched = { .events = POLLIN };
	pthread_t thread;
	int uffd, status;
	pid_t pid;

	reader.to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, reader.to);
	uffd = fault_for_ever(reader.to, size);
	if (uffd == -EOPNOTSUPP)
		SKIP(return, "no userfaultfd()");
	ASSERT_LE(0, uffd);
	WATCH(REFSLAB_WATCH_GC);
	EXPECT_EQ(0, CALL(COLLECT, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_slowly, &reader));
	touched.fd = uffd;
	ASSERT_EQ(1, poll(&touched, 1, TEST_SETTLE_MS));
	ASSERT_EQ(POLLIN, touched.revents);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(call(self->fd, WATCH, 0) ? 1 : 0);
	test_sleep_ms(200);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, waitpid(pid, &status, WNOHANG) == pid));

	/* the page is there now, and what was read lies in it */
	close(uffd);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(sizeof(*reader.to), reader.n);
	EXPECT_EQ(REFSLAB_EVENT_GC_START, reader.to->event);
	EXPECT_SCAN(STOP, 0, 0);
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_SCAN(START, 0, 0);
	munmap(reader.to, size);
}

TEST_F(graph, events_that_wait_are_counted)
{
	int i;

	for (i = 0; i < 3; i++)
		CLOSE(FINAL());
	EXPECT_EQ(3, STAT(events));
	CLOSE(test_event(self->fd).handle);
	EXPECT_EQ(2, STAT(events));
	test_heap_check(_metadata, &self->heap);
	/* those of scans have nothing to keep */
	WATCH(REFSLAB_WATCH_GC);
	EXPECT_EQ(0, CALL(COLLECT, 0));
	EXPECT_EQ(2, STAT(events));
}

/* A program that knows the structure as it was gets as much. */
TEST_F(graph, stat_as_it_was)
{
	struct { __u64 was[13], beyond; } s = { .beyond = 77 };

	ASSERT_EQ(0, CALL(STAT, ptr(&s), sizeof(s.was)));
	EXPECT_EQ(77, s.beyond);
}

TEST_F(graph, the_name_is_in_debugfs)
{
	char text[4096];

	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/name", self->heap.id));
	EXPECT_EQ(0, strcmp(text, "name test\n"));
	ASSERT_LT(0, test_debugfs(text, sizeof(text), "heaps/%u/stats", self->heap.id));
	EXPECT_EQ(0, test_counter(text, "events"));
}

TEST_HARNESS_MAIN
