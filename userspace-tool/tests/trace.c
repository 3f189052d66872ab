// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, as tracefs tells them: what each says, of whom, in which order, and how often.
 */
#include <ctype.h>
#include <sys/stat.h>

#include "weak_test.h"

/* A buffer of its own, so that nobody else's events are in it. */
#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/refslab_test"

/*
 * Names of processes are not read here. Without them the kernel leaves the code of its scheduler as
 * it is while events are switched: some releases of QEMU lose a processor that runs code which
 * another changes, and the scheduler's always runs.
 */
#define RECORD_NAMES	TRACEFS "/options/record-cmd"

#define EVENTS_MAX	4096

struct event {
	char name[24];		/* without "refslab_" */
	char args[232];
};

FIXTURE(trace) {
	struct test_heap heap;
	int fd;
	__s64 plain, node, final;	/* types, as in weak_test.h */
	struct event *events;
	int nr;
};

FIXTURE_SETUP(trace)
{
	self->events = calloc(EVENTS_MAX, sizeof(*self->events));
	ASSERT_NE(NULL, self->events);
	rmdir(INSTANCE);
	/* an instance begins with the options of the whole */
	ASSERT_EQ(0, test_write_file(RECORD_NAMES, "0"));
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	ASSERT_EQ(0, test_write_file(RECORD_NAMES, "1"));
	ASSERT_EQ(0, test_write_file(INSTANCE "/buffer_size_kb", "4096"));
	ASSERT_EQ(0, test_write_file(INSTANCE "/events/refslab/enable", "1"));
	test_graph_open(_metadata, &self->heap, &self->plain, &self->node, &self->final);
	self->fd = self->heap.fd;
}

FIXTURE_TEARDOWN(trace)
{
	test_write_file(INSTANCE "/events/refslab/enable", "0");
	EXPECT_EQ(0, rmdir(INSTANCE));
	test_heap_close(_metadata, &self->heap);
	free(self->events);
}

/* The number of an event's argument, or -ENOENT. */
static long long number(const struct event *event, const char *name)
{
	const char *at = event->args;
	size_t len = strlen(name);

	while (*at) {
		if (!strncmp(at, name, len) && at[len] == '=')
			return strtoll(at + len + 1, NULL, 10);
		at = strchrnul(at, ' ');
		at += *at == ' ';
	}
	return -ENOENT;
}

static bool has(const struct event *event, const char *argument)
{
	const char *at = strstr(event->args, argument);
	size_t len = strlen(argument);

	return at && (at == event->args || at[-1] == ' ') && (!at[len] || isspace(at[len]));
}

/* Reads the events of a heap so far, oldest first; returns how many, or -errno. */
static int read_events(struct event *events, __u32 heap)
{
	static char line[512];
	FILE *file = fopen(INSTANCE "/trace", "r");
	struct event *event = events;
	char *at, *args;

	if (!file)
		return -errno;
	while (event < events + EVENTS_MAX && fgets(line, sizeof(line), file)) {
		at = strstr(line, ": refslab_");
		args = at ? strstr(at + 2, ": ") : NULL;
		if (!args)
			continue;
		*args = '\0';
		args[strcspn(args + 2, "\n") + 2] = '\0';
		snprintf(event->name, sizeof(event->name), "%s", at + strlen(": refslab_"));
		snprintf(event->args, sizeof(event->args), "%s", args + 2);
		if (number(event, "heap") == heap)
			event++;
	}
	fclose(file);
	return event - events;
}

/* How many there are with a name and an id; @last: out, one of them. */
static int count(const struct event *events, int nr, const char *name, __s64 id,
		 const struct event **last)
{
	int i, n = 0;

	for (i = 0; i < nr; i++) {
		if (strcmp(events[i].name, name) || (id && number(&events[i], "id") != id))
			continue;
		n++;
		if (last)
			*last = &events[i];
	}
	return n;
}

/* Takes out those with a name; returns how many are left. */
static int without(struct event *events, int nr, const char *name)
{
	int i, n = 0;

	for (i = 0; i < nr; i++)
		if (strcmp(events[i].name, name))
			events[n++] = events[i];
	return n;
}

#define READ()	({							\
	self->nr = read_events(self->events, self->heap.id);		\
	ASSERT_LE(0, self->nr);						\
	ASSERT_GT(EVENTS_MAX, self->nr);				\
})

#define COUNT(name, id)	count(self->events, self->nr, name, id, NULL)

/* The one event with a name and an id (0: whatever it is). */
#define ONE(name, id)	({						\
	const struct event *__event = NULL;				\
									\
	ASSERT_EQ(1, count(self->events, self->nr, name, id, &__event));	\
	__event;							\
})

#define EXPECT_HAS(event, argument)	({				\
	EXPECT_TRUE(has(event, argument))				\
		TH_LOG("%s: no %s in: %s", (event)->name, argument, (event)->args);	\
})

/* Nothing that has happened so far is told of again. */
#define FORGET()	ASSERT_EQ(0, test_write_file(INSTANCE "/trace", ""))

#define COLLECT(generation)	CALL(COLLECT, generation)

/* Each object is told of with its own id, also when it dies with others, and before its memory. */
TEST_F(trace, alloc_and_destroy)
{
	__s64 a = PLAIN(), b = NODE(), leaf = NEW(STR, ptr("leaf"), 4);
	__s64 id_a = test_id(self->fd, a), id_b = test_id(self->fd, b);
	__s64 id_leaf = test_id(self->fd, leaf), id_again;

	LINK(a, 0, b);
	LINK(b, 1, leaf);
	CLOSE(b);
	CLOSE(leaf);
	READ();
	EXPECT_HAS(ONE("alloc", id_a), "type=plain");
	EXPECT_HAS(ONE("alloc", id_b), "type=node");
	EXPECT_HAS(ONE("alloc", id_leaf), "type=str");
	EXPECT_EQ(3, COUNT("alloc", 0));
	EXPECT_EQ(0, COUNT("destroy", 0));
	EXPECT_EQ(3, self->nr);

	CLOSE(a);
	id_again = test_id(self->fd, PLAIN());
	READ();
	EXPECT_HAS(ONE("destroy", id_a), "type=plain");
	EXPECT_HAS(ONE("destroy", id_b), "type=node");
	EXPECT_HAS(ONE("destroy", id_leaf), "type=str");
	EXPECT_HAS(ONE("destroy", id_a), "by=count");
	EXPECT_HAS(ONE("destroy", id_b), "by=count");
	EXPECT_HAS(ONE("destroy", id_leaf), "by=count");
	EXPECT_LT(ONE("destroy", id_a), ONE("alloc", id_again));
	EXPECT_EQ(7, self->nr);
}

/* a <-> b -> leaf, and kept, a list that holds one object. */
TEST_F(trace, scan)
{
	static const char *const order[] = {
		"scan_start", "scan_phase", "promote", "scan_phase", "scan_phase", "scan_phase",
		"commit", "scan_phase", "scan_stop",
	};
	static const char *const parts[] = {
		"part=snapshot", NULL, "part=subtract", "part=mark", "part=settle", NULL,
		"part=finalize",
	};
	__s64 a = PLAIN(), b = NODE(), leaf = NEW(STR, ptr("leaf"), 4), list = NEW(LIST);
	__s64 id_a = test_id(self->fd, a), id_b = test_id(self->fd, b);
	__s64 id_leaf = test_id(self->fd, leaf), kept = PLAIN();
	long long scan, sum = 0;
	unsigned int i;

	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(b, 1, leaf);
	APPEND(list, kept);
	CLOSE(a);
	CLOSE(b);
	CLOSE(leaf);
	FORGET();
	EXPECT_EQ(2, COLLECT(2));
	READ();
	ASSERT_EQ(ARRAY_SIZE(order) + 3, self->nr);
	scan = number(&self->events[0], "scan");
	EXPECT_LT(0, scan);

	/* what the scan found is told of before it ends, what hangs off it when that goes */
	EXPECT_HAS(ONE("destroy", id_a), "by=scan");
	EXPECT_HAS(ONE("destroy", id_b), "by=scan");
	EXPECT_HAS(ONE("destroy", id_leaf), "by=count");
	EXPECT_LT(ONE("destroy", id_b), ONE("scan_stop", 0));
	EXPECT_LT(ONE("scan_stop", 0), ONE("destroy", id_leaf));

	self->nr = without(self->events, self->nr, "destroy");
	ASSERT_EQ(ARRAY_SIZE(order), self->nr);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		EXPECT_STREQ(order[i], self->events[i].name);
		EXPECT_EQ(scan, number(&self->events[i], "scan"));
		if (strcmp(order[i], "scan_phase"))
			continue;
		EXPECT_HAS(&self->events[i], parts[i - 1]);
		EXPECT_LT(0, number(&self->events[i], "ns"));
		sum += number(&self->events[i], "ns");
	}
	EXPECT_HAS(ONE("scan_start", 0), "generation=2");
	EXPECT_HAS(ONE("scan_start", 0), "filter=0");
	EXPECT_HAS(ONE("promote", 0), "generation=2");
	EXPECT_HAS(ONE("promote", 0), "objects=4");
	EXPECT_HAS(ONE("commit", 0), "generation=2");
	EXPECT_HAS(ONE("commit", 0), "dead=2");
	EXPECT_HAS(ONE("scan_stop", 0), "generation=2");
	EXPECT_HAS(ONE("scan_stop", 0), "visited=4");
	EXPECT_HAS(ONE("scan_stop", 0), "skipped=0");
	EXPECT_HAS(ONE("scan_stop", 0), "touched=0");
	EXPECT_HAS(ONE("scan_stop", 0), "unreachable=2");
	EXPECT_EQ(sum, number(ONE("scan_stop", 0), "ns"));
	EXPECT_EQ(sum - number(&self->events[7], "ns"), number(ONE("commit", 0), "window_ns"));
}

/* What SAVEALL keeps was unreachable, too. */
TEST_F(trace, saved)
{
	__s64 a = PLAIN();

	ASSERT_EQ(0, CALL(SET_DEBUG, REFSLAB_DEBUG_SAVEALL));
	LINK(a, 0, a);
	CLOSE(a);
	FORGET();
	EXPECT_EQ(1, COLLECT(2));
	READ();
	EXPECT_HAS(ONE("commit", 0), "dead=1");
	EXPECT_HAS(ONE("scan_stop", 0), "unreachable=1");
}

/* Objects move on once, and those of the last generation stay where they are. */
TEST_F(trace, promote)
{
	static const struct {
		unsigned int made, scanned;
		const char *to, *moved;
	} scans[] = {
		{ 3, 0, "generation=1", "objects=3" },
		{ 2, 0, "generation=1", "objects=2" },
		{ 1, 1, "generation=2", "objects=6" },
		{ 1, 2, "generation=2", "objects=1" },
		{ 0, 2, "generation=2", "objects=0" },
		{ 0, 0, "generation=1", "objects=0" },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(scans); i++) {
		for (j = 0; j < scans[i].made; j++)
			PLAIN();
		FORGET();
		EXPECT_EQ(0, COLLECT(scans[i].scanned));
		READ();
		EXPECT_HAS(ONE("promote", 0), scans[i].to);
		EXPECT_HAS(ONE("promote", 0), scans[i].moved);
		EXPECT_EQ(scans[i].scanned, number(ONE("scan_stop", 0), "generation"));
	}
}

/* An object that its finalizer gets is not destroyed, but when it is done. */
TEST_F(trace, finalizer)
{
	__s64 a = FINAL(), b = FINAL(), id_a = test_id(self->fd, a), id_b = test_id(self->fd, b);

	CLOSE(a);
	/* b is found by a scan, and given back all the same */
	LINK(b, 0, b);
	CLOSE(b);
	FORGET();
	EXPECT_EQ(0, COLLECT(2));
	a = EVENT(FINALIZE, id_a);
	b = EVENT(FINALIZE, id_b);
	READ();
	EXPECT_EQ(0, COUNT("destroy", 0));
	EXPECT_HAS(ONE("commit", 0), "dead=0");
	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(1, COLLECT(2));
	READ();
	EXPECT_HAS(ONE("destroy", id_a), "by=count");
	EXPECT_HAS(ONE("destroy", id_b), "by=scan");
	EXPECT_HAS(ONE("destroy", id_a), "type=final");
}

/* What is left when the heap ends. */
TEST_F(trace, heap_end)
{
	__s64 a = PLAIN(), b = NODE(), id_a = test_id(self->fd, a), id_b = test_id(self->fd, b);

	LINK(a, 0, b);
	LINK(b, 0, a);
	CLOSE(a);
	CLOSE(b);
	test_heap_close(_metadata, &self->heap);
	READ();
	EXPECT_HAS(ONE("destroy", id_a), "by=heap");
	EXPECT_HAS(ONE("destroy", id_b), "by=heap");
}

/* Whatever happens: as many deaths as births, each id once, and no address. */
TEST_F(trace, every_object_dies_once)
{
	const __s64 types[] = { self->plain, self->node, self->final };
	__u64 seed = 1;
	__s64 h[16] = { 0 };
	int i, j, nr;

	for (i = 0; i < 600; i++) {
		j = test_random(&seed) % ARRAY_SIZE(h);
		if (h[j])
			CLOSE(h[j]);
		switch (test_random(&seed) % 5) {
		case 0:
			h[j] = NEW(INT, 1000 + i);
			break;
		case 1:
			h[j] = NEW(LIST);
			break;
		default:
			h[j] = NEW(NEW, types[i % ARRAY_SIZE(types)]);
			nr = test_random(&seed) % ARRAY_SIZE(h);
			if (h[nr])
				LINK(h[j], 0, h[nr]);
			LINK(h[j], 1, h[j]);
		}
		if (i % 100 == 99)
			EXPECT_LE(0, COLLECT(i / 100 % 3));
	}
	test_heap_close(_metadata, &self->heap);
	READ();
	EXPECT_LE(600, COUNT("alloc", 0));
	EXPECT_EQ(COUNT("alloc", 0), COUNT("destroy", 0));
	for (i = 0; i < self->nr; i++) {
		const struct event *event = &self->events[i];

		EXPECT_EQ(NULL, strstr(event->args, "0x"));
		EXPECT_EQ(NULL, strstr(event->args, "ffff"));
		if (!strcmp(event->name, "alloc")) {
			EXPECT_EQ(1, COUNT("alloc", number(event, "id")));
			EXPECT_EQ(1, COUNT("destroy", number(event, "id")))
				TH_LOG("alive: %s", event->args);
		}
	}
}

TEST_F(trace, off)
{
	ASSERT_EQ(0, test_write_file(INSTANCE "/events/refslab/enable", "0"));
	CLOSE(PLAIN());
	EXPECT_EQ(0, COLLECT(2));
	READ();
	EXPECT_EQ(0, self->nr);
	ASSERT_EQ(0, test_write_file(INSTANCE "/events/refslab/refslab_alloc/enable", "1"));
	CLOSE(PLAIN());
	EXPECT_EQ(0, COLLECT(2));
	READ();
	EXPECT_EQ(1, self->nr);
	EXPECT_EQ(1, COUNT("alloc", 0));
}

TEST_HARNESS_MAIN
