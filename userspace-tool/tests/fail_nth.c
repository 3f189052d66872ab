// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation that a call makes, and every copy from or to the program, fails once: the first,
 * then the second, until the call is through without one failing. Whatever it says, the heap is
 * sound, and either as before or as after a call that worked.
 *
 * That takes a kernel with fault injection (um-debug, debug); elsewhere there is nothing to test.
 */
#include <dirent.h>
#include <sys/mman.h>

#include "refslab_test.h"

enum {
	MAX_STEPS = 2000,
	NTH_MAX = 2000,		/* no call has so many; were there one, it would not end */
	LONG_TUPLE = 30,	/* its references are in a table */
	FILLED = 1024,		/* elements of a list that is a tree, */
	FEW = 8,		/* and of a dict that has no index yet */
	NODE = 64,		/* slots of a node of an xarray */
	EVENTS = 3,
	PAGES = 3,
};

/* --- the kernel's fault injection ----------------------------------------------------------- */

static int fail_nth = -1;

static int set_knob(const char *what, const char *knob, const char *value)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", what, knob);
	return test_write_file(path, value);
}

/* Does this kernel have any? */
static bool can_fail(void)
{
	char path[60];

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", gettid());
	fail_nth = open(path, O_RDWR | O_CLOEXEC);
	return fail_nth >= 0;
}

/* What may wait fails, too, and of any size; nothing in the log, which would take longest. */
static int set_knobs(void)
{
	return set_knob("failslab", "ignore-gfp-wait", "N") ?:
	       set_knob("failslab", "verbose", "0") ?:
	       set_knob("fail_page_alloc", "ignore-gfp-wait", "N") ?:
	       set_knob("fail_page_alloc", "ignore-gfp-highmem", "N") ?:
	       set_knob("fail_page_alloc", "min-order", "0") ?:
	       set_knob("fail_page_alloc", "verbose", "0") ?:
	       set_knob("fail_usercopy", "verbose", "0");
}

/* From here on, the @n-th chance to fail is taken. */
static bool arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(fail_nth, text, len, 0) == len;
}

/* Did one fail? What is left of the number may fail what is read, or written, here. */
static bool disarm(void)
{
	char text[16] = "";
	ssize_t len = pread(fail_nth, text, sizeof(text) - 1, 0);
	bool failed = len > 0 && !atoi(text);

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return failed;
}

/* What a call may say when something failed on its way. */
static bool is_fault(int err)
{
	return err == -ENOMEM || err == -EFAULT;
}

/* --- a program that uses all operations ------------------------------------------------------ */

struct program {
	struct refslab_op ops[MAX_STEPS];
	bool tried[MAX_STEPS];	/* one at a time; the others are there for those behind them */
	int nr;
	__u32 elements[LONG_TUPLE];	/* of tuples: handles that are there before */
};

static struct program program;
static char text[100000], bytes[100000];
static struct refslab_record records[64];
static struct refslab_entry entries[64];
static struct refslab_root_record roots[4];
static __u32 three[3];
static struct refslab_gc_stats gc_stats;
static struct refslab_stat stat_buf;
static struct refslab_limits limits = { 1u << 30, 1u << 20, 1u << 20 };
static struct refslab_type_def found;

static const struct refslab_type_def node_def = {
	.nr_slots = 2, .payload = 64, .cache_limit = 4, .flags = REFSLAB_TYPE_WEAKREF,
};

static const struct refslab_type_def big_def = { .nr_slots = 40, .payload = 9000 };
static const struct refslab_type_def mapped_def = {
	.payload = PAGES * 4096, .flags = REFSLAB_TYPE_MAPPED,
};

static const struct refslab_type_def final_def = {
	.nr_slots = 1, .flags = REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF,
};

/* Adds an operation; its number, for operands of later ones. */
static int add(struct refslab_op op)
{
	program.ops[program.nr] = op;
	return program.nr++;
}

/* And maybe is tried, with everything in it that can fail. */
static int try_if(bool tried, struct refslab_op op)
{
	program.tried[program.nr] = tried;
	return add(op);
}

static int try(struct refslab_op op)
{
	return try_if(true, op);
}

/* Lengths at which tables and indexes grow, among others. */
static bool is_when_to_grow(int len)
{
	return len == 6 || len == 9 || !(len & (len - 1));
}

static void use_objects(int node)
{
	int big_type = try(op(TYPE, ptr("Big"), 3, ptr(&big_def), sizeof(big_def)));
	int mapped_type = try(op(TYPE, ptr("Mapped"), 6, ptr(&mapped_def), sizeof(mapped_def)));
	int a = try(opf(NEW, F(0), node)), b = add(opf(NEW, F(0), node));
	int big = try(opf(NEW, F(0), big_type)), mapped = try(opf(NEW, F(0), mapped_type));
	int w;

	try(opf(SETSLOT, F(0) | F(2), a, 0, b));
	try(opf(SETSLOT, F(0) | F(2), a, 0, big));
	try(opf(SLOT, F(0), a, 0));
	try(opf(WRITE, F(0), a, 1, ptr(bytes), 40));
	try(opf(WRITE, F(0), big, 1, ptr(bytes), 8000));
	try(opf(READ, F(0), big, 1, ptr(bytes), 8000));
	try(opf(WRITE, F(0), mapped, 1, ptr(bytes), 8000));
	try(opf(MAP, F(0), mapped));
	try(opf(DUP, F(0), a));
	try(opf(IS, F(0) | F(1), a, b));
	try(opf(TYPEOF, F(0), a, ptr(text), 32));
	try(opf(REFCOUNT, F(0), a));
	try(opf(ID, F(0), a));
	try(opf(BLOCK, F(0), big));
	try(opf(TRACKED, F(0), a));
	try(op(TYPE_FIND, ptr("Big"), 3, ptr(&found), sizeof(found)));
	w = try(opf(WEAK, F(0), a, REFSLAB_WEAK_CALLBACK));
	try(opf(WEAK, F(0), a, 0));
	try(opf(DEREF, F(0), w));
	try(opf(PUBLISH, F(0), a, ptr("root"), 4));
	try(op(LOOKUP, ptr("root"), 4));
	try(op(ROOTS, 0, ptr(roots), sizeof(roots)));
	try(opf(CLEARSLOT, F(0), a, 0));
	try(op(OBJECTS, 0, REFSLAB_GEN_ALL, ptr(records), sizeof(records)));
	try(opf(REFERRERS, F(0), a, 0, ptr(records), sizeof(records)));
	try(op(UNPUBLISH, ptr("root"), 4));
}

static void use_atoms(void)
{
	int str, data;

	str = try(op(STR, ptr(text), 20));
	try(op(STR, ptr(text), 3000));
	try(op(STR, ptr(text), sizeof(text)));
	try(op(STR, ptr("a b"), 3));
	try(opf(STR_VALUE, F(0), str, ptr(text), 20));
	try(op(INT, 100000));
	try(op(INT, 7));
	try(op(FLOAT, 0x4000000000000000));
	data = try(op(BYTES, ptr(bytes), 5000));
	try(op(BYTES, ptr(bytes), sizeof(bytes)));
	try(opf(BYTES_VALUE, F(0), data, ptr(bytes), 5000));
	try(op(TUPLE, ptr(program.elements), 3));
	try(op(TUPLE, ptr(program.elements), LONG_TUPLE));
}

static void use_lists(int node)
{
	int list = try(op(LIST)), x = add(opf(NEW, F(0), node)), i;

	for (i = 0; i < FILLED; i++)
		try_if(is_when_to_grow(i), opf(APPEND, F(0) | F(1), list, x));
	try(opf(INSERT, F(0) | F(2), list, 5, x));
	try(opf(INSERT, F(0) | F(2), list, 600, x));
	try(opf(SETITEM, F(0) | F(2), list, 700, x));
	try(opf(ITEM, F(0), list, 700));
	try(opf(REFERENTS, F(0), list, 0, ptr(records), sizeof(records)));
	try(opf(ITEMS, F(0), list, 0, ptr(entries), sizeof(entries)));
	try(opf(CONTAINS, F(0) | F(1), list, x));
	try(opf(CONTAINS_BYVALUE, F(0), list, REFSLAB_VALUE_STR, ptr("a b"), 3));
	try(opf(DELITEM, F(0), list, 3));
	try(opf(POP, F(0), list, 0));
	try(opf(LEN, F(0), list));
	try(opf(CLOSE, F(0), list));
}

static void use_dicts(int node)
{
	int dict = try(op(DICT)), set = try(op(SET)), instance = try(op(INSTANCE));
	int x = add(opf(NEW, F(0), node)), key = 0, i;

	for (i = 0; i < 4 * FEW + 2; i++) {
		key = add(op(INT, 1000 + i));
		try_if(is_when_to_grow(i), opf(DICT_SETITEM, F(0) | F(1) | F(2), dict, key, x));
		try_if(is_when_to_grow(i), opf(ADD, F(0) | F(1), set, key));
	}
	key = add(op(STR, ptr("a key"), 5));
	try(opf(DICT_SETITEM, F(0) | F(1) | F(2), dict, key, dict));
	try(opf(DICT_SETITEM, F(0) | F(1) | F(2), dict, key, x));
	try(opf(DICT_ITEM, F(0) | F(1), dict, key));
	try(opf(DICT_ITEM_BYVALUE, F(0), dict, REFSLAB_VALUE_STR, ptr("a key"), 5));
	try(opf(CONTAINS_BYVALUE, F(0), dict, REFSLAB_VALUE_INT, 1000));
	try(opf(CONTAINS, F(0) | F(1), dict, key));
	try(opf(ITEMS, F(0), dict, 0, ptr(entries), sizeof(entries)));
	try(opf(REFERENTS, F(0), dict, 0, ptr(records), sizeof(records)));
	try(opf(DICT_DELITEM, F(0) | F(1), dict, key));
	try(opf(DISCARD, F(0) | F(1), set, key));
	try(opf(SETATTR, F(0) | F(3), instance, ptr("one"), 3, x));
	try(opf(SETATTR, F(0) | F(3), instance, ptr("two"), 3, x));
	try(opf(GETATTR, F(0), instance, ptr("two"), 3));
	try(opf(DELATTR, F(0), instance, ptr("one"), 3));
}

static void use_collector(int node)
{
	int final = try(op(TYPE, ptr("Final"), 5, ptr(&final_def), sizeof(final_def)));
	int a = add(opf(NEW, F(0), node)), f = add(opf(NEW, F(0), final));

	try(op(WATCH, REFSLAB_WATCH_GC));
	try(op(SET_THRESHOLD, 700, 10, 10));
	try(op(GET_THRESHOLD, ptr(three), sizeof(three)));
	try(op(GET_COUNT, ptr(three), sizeof(three)));
	try(op(GET_STATS, ptr(&gc_stats), sizeof(gc_stats)));
	try(op(STAT, ptr(&stat_buf), sizeof(stat_buf)));
	try(op(SET_LIMITS, ptr(&limits), sizeof(limits)));
	try(op(GET_LIMITS, ptr(&limits), sizeof(limits)));
	try(op(FREEZE));
	try(op(FREEZECOUNT));
	try(op(UNFREEZE));
	try(op(TRIM));
	/* garbage, some of it to be finalized, and a list of it */
	add(opf(SETSLOT, F(0) | F(2), a, 0, a));
	add(opf(SETSLOT, F(0) | F(2), f, 0, f));
	add(opf(WEAK, F(0), f, REFSLAB_WEAK_CALLBACK));
	try(opf(CLOSE, F(0), f));
	try(opf(CLOSE, F(0), a));
	try(op(COLLECT, 2));
	a = add(opf(NEW, F(0), node));
	add(opf(SETSLOT, F(0) | F(2), a, 0, a));
	try(op(SET_DEBUG, REFSLAB_DEBUG_SAVEALL));
	add(opf(CLOSE, F(0), a));
	try(op(COLLECT, 2));
	try(op(GARBAGE, 0, ptr(records), sizeof(records)));
	try(op(EMPTY_GARBAGE));
}

static void write_program(void)
{
	int node;

	memset(&program, 0, sizeof(program));
	memset(text, 'x', sizeof(text));
	text[1] = ' ';		/* no identifier: not interned */
	add(op(DISABLE));
	node = try(op(TYPE, ptr("Node"), 4, ptr(&node_def), sizeof(node_def)));
	use_atoms();
	use_objects(node);
	use_dicts(node);
	use_collector(node);
	/* many operations: the last, as all before the one that is tried are done anew for it */
	use_lists(node);
}

/* --- a run of it ----------------------------------------------------------------------------- */

/* What an operation that fails leaves as it was. */
struct state {
	__u64 objects, tracked, handles, events, roots;
};

static struct state state_of(int fd)
{
	const struct refslab_stat stat = test_stat(fd);

	return (struct state) {
		stat.objects, stat.tracked, stat.handles, stat.events, stat.roots,
	};
}

static bool same(const struct state *a, const struct state *b)
{
	return !memcmp(a, b, sizeof(*a));
}

struct attempt {
	bool failed;		/* something failed on the way */
	int call, op;		/* what the ioctl said, and the operation */
	struct state before, after;
	char check[200];
};

static void resolve(struct refslab_op *op, const struct refslab_op *done)
{
	int i;

	for (i = 0; i < 4; i++)
		if (op->from & F(i))
			op->arg[i] = done[op->arg[i]].result[0];
	op->from = 0;
}

/* A new heap with what the program's tuples are made of; its session, or a negative errno. */
static int begin(__u32 *heap)
{
	int fd = test_open(), err, i;

	if (fd < 0)
		return fd;
	err = test_create(fd, 0, heap);
	if (err) {
		close(fd);
		return err;
	}
	for (i = 0; i < LONG_TUPLE; i++)
		program.elements[i] = call(fd, INT, 100000 + i);
	return fd;
}

/* Makes handles, until the next one takes a new node of the session's xarray. */
static int fill_node(int fd, __u64 handle)
{
	__s64 nr = state_of(fd).handles, last;

	/* the last one is their number when there is no free one below it */
	do {
		last = call(fd, DUP, handle);
		nr++;
	} while (last > 0 && (last != nr || last % NODE != NODE - 1));
	return last < 0 ? last : 0;
}

/* A heap on which the program was carried out up to operation @step; then that one, armed. */
static int attempt(int step, unsigned int n, struct attempt *a)
{
	static struct refslab_op done[MAX_STEPS];
	struct refslab_op op = program.ops[step];
	struct refslab_submit submit = {
		.size = sizeof(submit), .ops = ptr(&op), .count = 1,
	};
	int fd, err = 0;
	__u32 heap;

	memset(a, 0, sizeof(*a));
	fd = begin(&heap);
	if (fd < 0)
		return fd;
	memcpy(done, program.ops, sizeof(done));
	if (step)
		err = test_submit(fd, done, step, NULL);
	if (!err)
		err = fill_node(fd, program.elements[0]);
	if (!err) {
		resolve(&op, done);
		a->before = state_of(fd);
		if (n && !arm(n))
			err = -EIO;
		a->call = test_ioctl(fd, REFSLAB_IOC_SUBMIT, &submit);
		a->failed = n && disarm();
		a->op = submit.error;
		a->after = state_of(fd);
		test_debugfs(a->check, sizeof(a->check), "heaps/%u/check", heap);
	}
	close(fd);
	return err;
}

/* Tells what is wrong with an attempt; NULL: nothing is. */
static const char *judge(const struct attempt *a, const struct state *done)
{
	if (strcmp(a->check, "ok\n"))
		return a->check;
	if (a->call && !is_fault(a->call))
		return "the call's error";
	if (a->op && !is_fault(a->op))
		return "the operation's error";
	if ((a->call || a->op) && !a->failed)
		return "an error without a fault";
	/* what cannot be told may have been done, or not been begun */
	if (a->call)
		return same(&a->after, &a->before) || same(&a->after, done) ? NULL :
		       "neither as before nor as after";
	if (a->op)
		return same(&a->after, &a->before) ? NULL : "it failed, and changed something";
	return same(&a->after, done) ? NULL : "it worked, and did something else";
}

TEST(operations)
{
	unsigned int faults = 0, errors = 0, wrong = 0, steps = 0, n;
	const char *what;
	struct attempt a;
	struct state done;
	int step;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	write_program();
	for (step = 0; step < program.nr && wrong < 20; step++) {
		if (!program.tried[step])
			continue;
		steps++;
		ASSERT_EQ(0, attempt(step, 0, &a));
		EXPECT_EQ(0, a.call | a.op) {
			TH_LOG("step %d: %d %d", step, a.call, a.op);
		}
		done = a.after;
		for (n = 1, a.failed = true; a.failed && n < NTH_MAX; n++) {
			ASSERT_EQ(0, attempt(step, n, &a));
			faults += a.failed;
			errors += a.call || a.op;
			what = judge(&a, &done);
			wrong += !!what;
			EXPECT_EQ(NULL, what) {
				TH_LOG("step %d, opcode %d, fault %u (%d, %d): %s", step,
				       program.ops[step].opcode, n, a.call, a.op, what);
			}
		}
		EXPECT_GT(NTH_MAX, n);
	}
	TH_LOG("%u operations, %u faults, %u of them told", steps, faults, errors);
	/* each copies its operations from the program and back */
	EXPECT_LT(3 * steps, faults);
	EXPECT_LT(steps, errors);
	test_expect_nothing_left(_metadata);
}

/* The whole of it at once: a submit of as many operations as it has. */
TEST(one_submit)
{
	static struct refslab_op ops[MAX_STEPS];
	unsigned int n, faults = 0, stopped = 0;
	bool failed = true;
	__u32 heap, done;
	char check[200];
	int fd, err;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	write_program();
	for (n = 1; failed && n < NTH_MAX; n++) {
		fd = begin(&heap);
		ASSERT_LE(0, fd);
		memcpy(ops, program.ops, sizeof(ops));
		ASSERT_TRUE(arm(n));
		err = test_submit(fd, ops, program.nr, &done);
		failed = disarm();
		faults += failed;
		stopped += err != 0;
		EXPECT_TRUE(!err || (failed && is_fault(err))) {
			TH_LOG("fault %u: %d at operation %u", n, err, done);
		}
		test_debugfs(check, sizeof(check), "heaps/%u/check", heap);
		EXPECT_STREQ("ok\n", check);
		close(fd);
	}
	TH_LOG("%u faults, %u of them told", faults, stopped);
	EXPECT_GT(NTH_MAX, n);
	EXPECT_LT(50, stopped);
	test_expect_nothing_left(_metadata);
}

/* --- other calls ----------------------------------------------------------------------------- */

/* Turns of a loop, until one is through without a fault. */
struct turn {
	unsigned int n;
	bool failed;
};

#define for_each_fault(turn) \
	for ((turn) = (struct turn) { 1, true }; (turn).failed && (turn).n < NTH_MAX; (turn).n++)

/* It went well, or a fault is why not. */
static bool is_fine(const struct turn *turn, int result)
{
	if (result >= 0 || (turn->failed && is_fault(result)))
		return true;
	fprintf(stderr, "fault %u: %d, %sinjected\n", turn->n, result, turn->failed ? "" : "not ");
	return false;
}

/* In each: the call, armed; what it said, 0 or more or a negative errno. */
#define FAULTY(turn, call) ({						\
	int __result;							\
									\
	ASSERT_TRUE(arm((turn).n));					\
	__result = (call);						\
	(turn).failed = disarm();					\
	EXPECT_TRUE(is_fine(&(turn), __result));			\
	__result;							\
})

TEST(open_and_create)
{
	struct turn turn;
	int fd, err, again;
	__u32 heap;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	for_each_fault(turn) {
		fd = FAULTY(turn, test_open());
		if (fd >= 0)
			close(fd);
	}
	EXPECT_LT(3, turn.n);
	for_each_fault(turn) {
		fd = test_open();
		err = FAULTY(turn, test_create(fd, 0, &heap));
		/* there is a heap now, or it can be made; if that could not be told, either */
		again = test_create(fd, 0, &heap);
		EXPECT_TRUE(again == -EISCONN ? err != -ENOMEM : err && !again) {
			TH_LOG("fault %u: %d, then %d", turn.n, err, again);
		}
		EXPECT_LT(0, call(fd, LIST));
		close(fd);
	}
	EXPECT_LT(20, turn.n);
	test_expect_nothing_left(_metadata);
}

FIXTURE(faulty) {
	struct test_heap heap;
	int fd;
};

FIXTURE_SETUP(faulty)
{
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, CALL(DISABLE));
}

FIXTURE_TEARDOWN(faulty)
{
	test_heap_close(_metadata, &self->heap);
}

TEST_F(faulty, attach)
{
	struct turn turn;
	int fd;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	for_each_fault(turn) {
		fd = FAULTY(turn, test_attach(self->fd, REFSLAB_ATTACH_READONLY));
		if (fd >= 0) {
			EXPECT_EQ(-EPERM, call(fd, LIST));
			close(fd);
		}
	}
	EXPECT_LT(5, turn.n);
	EXPECT_EQ(0, test_stat(self->fd).handles);
}

/* No event is lost, nor told twice. */
TEST_F(faulty, events)
{
	__s64 type = test_type(self->fd, "Final", 0, 8, 0, REFSLAB_TYPE_FINALIZER);
	struct refslab_event_record got[EVENTS];
	int nr = 0, faults = 0, n, i;
	struct turn turn;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	ASSERT_LT(0, type);
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	for (i = 0; i < EVENTS; i++)
		ASSERT_EQ(0, CALL(CLOSE, NEW(NEW, type)));
	for_each_fault(turn) {
		n = FAULTY(turn, test_events(self->fd, got + nr, EVENTS - nr));
		faults += turn.failed;
		nr += n > 0 ? n : 0;
		EXPECT_EQ(EVENTS - nr, test_stat(self->fd).events);
		if (nr == EVENTS)
			break;
		turn.failed = true;
	}
	EXPECT_LT(0, faults);
	ASSERT_EQ(EVENTS, nr);
	for (i = 0; i < EVENTS; i++) {
		EXPECT_EQ(got[0].id + i, got[i].id);
		EXPECT_EQ(0, CALL(CLOSE, got[i].handle));
	}
	EXPECT_EQ(0, test_stat(self->fd).objects);
}

static int map(int fd, __u64 place, char **at)
{
	*at = mmap64(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place);
	return *at == MAP_FAILED ? -errno : 0;
}

TEST_F(faulty, mapping)
{
	__s64 type = test_type(self->fd, "Mapped", 0, PAGES * 4096, 0, REFSLAB_TYPE_MAPPED);
	__s64 x = NEW(NEW, type);
	__u64 place = CALL(MAP, x);
	struct turn turn;
	char *at;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	for_each_fault(turn) {
		if (FAULTY(turn, map(self->fd, place, &at)))
			continue;
		at[0] = turn.n;
		EXPECT_EQ(0, munmap(at, PAGES * 4096));
	}
	EXPECT_LT(2, turn.n);
	ASSERT_EQ(0, CALL(CLOSE, x));
	EXPECT_EQ(0, test_stat(self->fd).bytes_mapped);
}

static int read_file(const char *path)
{
	static char content[200000];
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, content, sizeof(content))) > 0)
		;
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

static void expect_readable(struct __test_metadata *_metadata, const char *path)
{
	struct turn turn;

	for_each_fault(turn)
		FAULTY(turn, read_file(path));
	EXPECT_LT(2, turn.n);
}

/* What root reads of a heap, and everybody of a session. */
TEST_F(faulty, files)
{
	char path[400], dir[80];
	struct dirent *entry;
	int files = 0;
	DIR *d;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, set_knobs());
	snprintf(dir, sizeof(dir), "%s/heaps/%u", TEST_DEBUGFS, self->heap.id);
	d = opendir(dir);
	ASSERT_NE(NULL, d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		expect_readable(_metadata, path);
		files++;
	}
	closedir(d);
	EXPECT_LT(8, files);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	expect_readable(_metadata, path);
}

TEST_HARNESS_MAIN
