// SPDX-License-Identifier: GPL-2.0
/*
 * Twenty processes on one heap, one of which is killed every 50 ms, in the middle of whatever it
 * does. Each works on a part of the graph of its own, and on what all share; references lead from
 * part to part. Before it submits changes to its part, a worker writes down in shared memory what
 * they are: so whoever looks at the part of a dead worker knows what must be there, namely what was
 * there before and the first so many of these changes. REFSLAB_TEST_CROWD_SECONDS says how long,
 * REFSLAB_TEST_SEED for which random numbers.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "refslab_test.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	1800

#define WORKERS		20
#define KILL_EVERY_MS	50
#define MAX_CHANGES	8	/* in one submission */
#define MAX_LIST	24
#define KEYS		8
#define LINKS		4
#define VALUES		1000	/* of ints: some are constants, others objects */
#define LAST_CONSTANT	256
#define KEPT		32	/* handles a worker leaves open, to be closed by its death */
#define PART_OBJECTS	4	/* a part's root and its three containers */

/* What is in a part. A key without a value has ABSENT, a link that leads nowhere NOWHERE. */
#define ABSENT		0xffff
#define NOWHERE		0xff

struct state {
	__u16 len;
	__u16 list[MAX_LIST];
	__u16 dict[KEYS];
	__u8 links[LINKS];
};

enum kind {
	APPEND,
	POP,
	SETITEM,
	DICT_SET,
	DICT_DEL,
	LINK,
	UNLINK,
	KINDS
};

struct change {
	__u16 kind;
	__u16 at;
	__u16 value;
};

/*
 * The model of one part. Only its worker writes to it, and when that is dead, the survivor. @word
 * says at once which state is the last one known to be there, and whether changes to it are under
 * way; the other state is then what comes of them.
 */
#define CURRENT		1u
#define UNDER_WAY	2u

struct part {
	__u32 word;
	__u32 nr_changes;
	struct state states[2];
	struct change changes[MAX_CHANGES];
	__u64 id;
	__u64 submitted;
	int error;
};

static void part_name(char name[16], unsigned int number)
{
	snprintf(name, 16, "part%u", number);
}

static __s64 look_up(int fd, const char *name)
{
	return call(fd, LOOKUP, ptr(name), strlen(name));
}

static __s64 look_up_part(int fd, unsigned int number)
{
	char name[16];

	part_name(name, number);
	return look_up(fd, name);
}

/* --- the model ------------------------------------------------------------------------------- */

static struct state empty_state(void)
{
	struct state state = { };

	memset(state.dict, 0xff, sizeof(state.dict));
	memset(state.links, NOWHERE, sizeof(state.links));
	return state;
}

static void apply(struct state *state, const struct change *change)
{
	switch (change->kind) {
	case APPEND:
		state->list[state->len++] = change->value;
		break;
	case POP:
		state->len--;
		memmove(&state->list[change->at], &state->list[change->at + 1],
			(state->len - change->at) * sizeof(state->list[0]));
		state->list[state->len] = 0;
		break;
	case SETITEM:
		state->list[change->at] = change->value;
		break;
	case DICT_SET:
		state->dict[change->at] = change->value;
		break;
	case DICT_DEL:
		state->dict[change->at] = ABSENT;
		break;
	case LINK:
	case UNLINK:
		state->links[change->at] = change->value;
		break;
	}
}

/* A change that can be made to the state. */
static struct change any_change(const struct state *state, __u64 *random)
{
	struct change change = { .kind = test_random(random) % KINDS };

	change.value = test_random(random) % VALUES;
	if ((change.kind == POP || change.kind == SETITEM) && !state->len)
		change.kind = APPEND;
	if (change.kind == APPEND && state->len == MAX_LIST)
		change.kind = POP;
	switch (change.kind) {
	case POP:
	case SETITEM:
		change.at = test_random(random) % state->len;
		break;
	case DICT_SET:
	case DICT_DEL:
		change.at = test_random(random) % KEYS;
		if (state->dict[change.at] == ABSENT)
			change.kind = DICT_SET;
		break;
	case LINK:
		change.at = test_random(random) % LINKS;
		change.value = test_random(random) % WORKERS;
		break;
	case UNLINK:
		change.at = test_random(random) % LINKS;
		change.value = NOWHERE;
		break;
	}
	return change;
}

/* How many objects are in it: ints that are no constants. */
static unsigned int count_ints(const struct state *state)
{
	unsigned int i, n = 0;

	for (i = 0; i < state->len; i++)
		n += state->list[i] > LAST_CONSTANT;
	for (i = 0; i < KEYS; i++)
		n += state->dict[i] != ABSENT && state->dict[i] > LAST_CONSTANT;
	return n;
}

/* --- a worker -------------------------------------------------------------------------------- */

struct worker {
	int fd;
	struct part *part;
	__u64 random;
	__u64 list, dict, links, commons;
	__u64 keys[KEYS];
	__u64 nothing;
	__u32 type;
	__u64 kept[KEPT];
	unsigned int nr_kept;
	/* the submission that is being put together */
	struct refslab_op ops[4 * MAX_CHANGES];
	unsigned int nr_ops;
	char names[MAX_CHANGES][16];
};

static unsigned int add(struct worker *w, struct refslab_op op)
{
	w->ops[w->nr_ops] = op;
	return w->nr_ops++;
}

/* A change as operations, just one of which changes the part. */
static void add_change(struct worker *w, const struct change *change, char name[16])
{
	unsigned int value;

	switch (change->kind) {
	case APPEND:
		value = add(w, op(INT, change->value));
		add(w, opf(APPEND, F(1), w->list, value));
		add(w, opf(CLOSE, F(0), value));
		break;
	case POP:
		value = add(w, op(POP, w->list, change->at));
		add(w, opf(CLOSE, F(0), value));
		break;
	case SETITEM:
		value = add(w, op(INT, change->value));
		add(w, opf(SETITEM, F(2), w->list, change->at, value));
		add(w, opf(CLOSE, F(0), value));
		break;
	case DICT_SET:
		value = add(w, op(INT, change->value));
		add(w, opf(DICT_SETITEM, F(2), w->dict, w->keys[change->at], value));
		add(w, opf(CLOSE, F(0), value));
		break;
	case DICT_DEL:
		add(w, op(DICT_DELITEM, w->dict, w->keys[change->at]));
		break;
	case LINK:
		part_name(name, change->value);
		value = add(w, op(LOOKUP, ptr(name), strlen(name)));
		add(w, opf(SETITEM, F(2), w->links, change->at, value));
		add(w, opf(CLOSE, F(0), value));
		break;
	case UNLINK:
		add(w, op(SETITEM, w->links, change->at, w->nothing));
		break;
	}
}

static int change_part(struct worker *w)
{
	unsigned int current = w->part->word & CURRENT, i;
	struct part *part = w->part;
	struct state *next = &part->states[!current];
	int err;

	*next = part->states[current];
	part->nr_changes = 1 + test_random(&w->random) % MAX_CHANGES;
	w->nr_ops = 0;
	for (i = 0; i < part->nr_changes; i++) {
		part->changes[i] = any_change(next, &w->random);
		apply(next, &part->changes[i]);
		add_change(w, &part->changes[i], w->names[i]);
	}
	__atomic_store_n(&part->word, current | UNDER_WAY, __ATOMIC_RELEASE);
	err = test_submit(w->fd, w->ops, w->nr_ops, NULL);
	if (err)
		return err;
	__atomic_store_n(&part->word, !current, __ATOMIC_RELEASE);
	part->submitted++;
	return 0;
}

/*
 * Garbage in cycles, through what all share and all change at the same time: nobody knows what is
 * in it at any moment.
 */
static int litter(struct worker *w)
{
	__s64 len = call(w->fd, LEN, w->commons), other;
	__u64 a, b;
	int err;

	w->nr_ops = 0;
	add(w, op(LIST));
	add(w, op(NEW, w->type));
	add(w, opf(APPEND, F(0) | F(1), 0, 1));
	add(w, opf(SETSLOT, F(0) | F(2), 1, 0, 0));
	add(w, opf(WEAK, F(0), 1));
	err = test_submit(w->fd, w->ops, w->nr_ops, NULL);
	if (err)
		return err;
	a = w->ops[0].result[0];
	b = w->ops[1].result[0];
	/* another one's, if it is still there */
	other = len > 0 ? call(w->fd, ITEM, w->commons, test_random(&w->random) % len) : -ERANGE;
	if (other > 0) {
		err = call(w->fd, SETSLOT, b, 1, other) ?: call(w->fd, CLOSE, other);
		if (err)
			return err;
	} else if (other != -ERANGE) {
		return other;
	}
	err = call(w->fd, APPEND, w->commons, test_random(&w->random) % 2 ? a : b);
	if (err)
		return err;
	if (len > 100) {
		other = call(w->fd, POP, w->commons, test_random(&w->random) % 100);
		if (other > 0)
			err = call(w->fd, CLOSE, other);
		else if (other != -ERANGE)
			return other;
	}
	w->kept[w->nr_kept++] = a;
	err = err ?: call(w->fd, CLOSE, b) ?: call(w->fd, CLOSE, w->ops[4].result[0]);
	if (err || w->nr_kept < KEPT)
		return err;
	while (w->nr_kept && !err)
		err = call(w->fd, CLOSE, w->kept[--w->nr_kept]);
	return err;
}

/* What it works with, by handles of its own. 0 or a negative errno. */
static int equip(struct worker *w, unsigned int number)
{
	__u64 *const members[] = { &w->list, &w->dict, &w->links };
	__s64 root = look_up_part(w->fd, number), h = root;
	unsigned int i;

	for (i = 0; i < 3 && h > 0; i++) {
		h = call(w->fd, ITEM, root, i);
		*members[i] = h;
	}
	for (i = 0; i < KEYS && h > 0; i++) {
		h = call(w->fd, INT, i);
		w->keys[i] = h;
	}
	if (h > 0) {
		h = call(w->fd, INT, 0);
		w->nothing = h;
	}
	if (h > 0) {
		h = look_up(w->fd, "commons");
		w->commons = h;
	}
	return h < 0 ? h : call(w->fd, CLOSE, root);
}

static void work(int heap_fd, struct part *part, unsigned int number, __u32 type, __u64 random)
{
	static struct worker worker;
	struct worker *w = &worker;
	int err;

	w->part = part;
	w->type = type;
	w->random = random;
	w->fd = test_attach(heap_fd, 0);
	close(heap_fd);
	err = w->fd < 0 ? w->fd : equip(w, number);
	while (!err)
		err = test_random(&w->random) % 4 ? change_part(w) : litter(w);
	part->error = err;
	_exit(1);
}

/* --- the survivor ---------------------------------------------------------------------------- */

struct crowd {
	struct test_heap heap;
	struct part *parts;
	__u64 keys[KEYS];
	__u64 random;
	__u32 type;
	pid_t pids[WORKERS];
	unsigned int deaths;
	unsigned int interrupted;
};

static void publish(struct __test_metadata *_metadata, int fd, const char *name, __s64 h)
{
	ASSERT_LT(0, h);
	ASSERT_EQ(0, call(fd, PUBLISH, h, ptr(name), strlen(name)));
}

static void make_part(struct __test_metadata *_metadata, int fd, struct part *part,
		      unsigned int number)
{
	const __s64 members[] = { call(fd, LIST), call(fd, DICT), call(fd, LIST) };
	__s64 root = call(fd, LIST), nothing = call(fd, INT, 0);
	char name[16];
	size_t i;

	for (i = 0; i < LINKS; i++)
		ASSERT_EQ(0, call(fd, APPEND, members[2], nothing));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, call(fd, APPEND, root, members[i]));
		ASSERT_EQ(0, call(fd, CLOSE, members[i]));
	}
	part_name(name, number);
	publish(_metadata, fd, name, root);
	part->id = test_id(fd, root);
	part->states[0] = empty_state();
	ASSERT_EQ(0, call(fd, CLOSE, root));
	ASSERT_EQ(0, call(fd, CLOSE, nothing));
}

static void open_crowd(struct __test_metadata *_metadata, struct crowd *crowd)
{
	__s64 commons;
	int fd, i;

	test_heap_open(_metadata, &crowd->heap, 0);
	fd = crowd->heap.fd;
	crowd->random = test_env("REFSLAB_TEST_SEED", time(NULL));
	printf("# seed %llu\n", (unsigned long long)crowd->random);
	crowd->parts = mmap(NULL, WORKERS * sizeof(*crowd->parts), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, crowd->parts);
	for (i = 0; i < KEYS; i++)
		crowd->keys[i] = call(fd, INT, i);
	crowd->type = test_type(fd, "Node", 2, 16, 0, REFSLAB_TYPE_WEAKREF);
	ASSERT_EQ(0, call(fd, SET_THRESHOLD, 200, 5, 5));
	commons = call(fd, LIST);
	publish(_metadata, fd, "commons", commons);
	ASSERT_EQ(0, call(fd, CLOSE, commons));
	for (i = 0; i < WORKERS; i++)
		make_part(_metadata, fd, &crowd->parts[i], i);
}

static void start(struct __test_metadata *_metadata, struct crowd *crowd, unsigned int number)
{
	__u64 random = test_random(&crowd->random);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(crowd->heap.fd, &crowd->parts[number], number, crowd->type, random);
	}
	crowd->pids[number] = pid;
}

static void see_list(struct __test_metadata *_metadata, int fd, __u64 list, struct state *seen)
{
	struct refslab_op ops[3 * MAX_LIST];
	__s64 len = call(fd, LEN, list);
	int i;

	ASSERT_LE(0, len);
	ASSERT_GE(MAX_LIST, len);
	seen->len = len;
	for (i = 0; i < len; i++) {
		ops[3 * i] = op(ITEM, list, i);
		ops[3 * i + 1] = opf(INT_VALUE, F(0), 3 * i);
		ops[3 * i + 2] = opf(CLOSE, F(0), 3 * i);
	}
	ASSERT_EQ(0, len ? test_submit(fd, ops, 3 * len, NULL) : 0);
	for (i = 0; i < len; i++)
		seen->list[i] = ops[3 * i + 1].result[0];
}

static void see_dict(struct __test_metadata *_metadata, int fd, __u64 dict, const __u64 *keys,
		     struct state *seen)
{
	unsigned int i, n = 0;
	__s64 h;

	for (i = 0; i < KEYS; i++) {
		h = call(fd, DICT_ITEM, dict, keys[i]);
		if (h == -ENOKEY)
			continue;
		ASSERT_LT(0, h);
		seen->dict[i] = call(fd, INT_VALUE, h);
		ASSERT_EQ(0, call(fd, CLOSE, h));
		n++;
	}
	ASSERT_EQ(n, call(fd, LEN, dict));
}

static void see_links(struct __test_metadata *_metadata, int fd, __u64 links,
		      const struct part *parts, struct state *seen)
{
	unsigned int i, p;
	__s64 h, id;

	ASSERT_EQ(LINKS, call(fd, LEN, links));
	for (i = 0; i < LINKS; i++) {
		h = call(fd, ITEM, links, i);
		id = test_id(fd, h);
		for (p = 0; p < WORKERS; p++)
			if ((__u64)id == parts[p].id)
				seen->links[i] = p;
		if (seen->links[i] == NOWHERE)
			ASSERT_EQ(0, call(fd, INT_VALUE, h));
		ASSERT_EQ(0, call(fd, CLOSE, h));
	}
}

/* What is in a part that nobody works on. */
static struct state see(struct __test_metadata *_metadata, struct crowd *crowd, unsigned int number)
{
	struct state seen = empty_state();
	int fd = crowd->heap.fd, i;
	__s64 root, members[3];

	root = look_up_part(fd, number);
	ASSERT_LT(0, root);
	for (i = 0; i < 3; i++)
		members[i] = call(fd, ITEM, root, i);
	see_list(_metadata, fd, members[0], &seen);
	see_dict(_metadata, fd, members[1], crowd->keys, &seen);
	see_links(_metadata, fd, members[2], crowd->parts, &seen);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, call(fd, CLOSE, members[i]));
	ASSERT_EQ(0, call(fd, CLOSE, root));
	return seen;
}

/* The part of a dead worker is what it was, and the first so many of the changes under way. */
static void take_over(struct __test_metadata *_metadata, struct crowd *crowd, unsigned int number)
{
	struct part *part = &crowd->parts[number];
	struct state *state = &part->states[part->word & CURRENT];
	struct state seen = see(_metadata, crowd, number);
	unsigned int made = 0;

	if (part->word & UNDER_WAY) {
		crowd->interrupted++;
		while (memcmp(state, &seen, sizeof(seen)) && made < part->nr_changes)
			apply(state, &part->changes[made++]);
	}
	ASSERT_EQ(0, memcmp(state, &seen, sizeof(seen))) {
		TH_LOG("part %u is not what %u changes of %u under way can have made of it",
		       number, made, part->word & UNDER_WAY ? part->nr_changes : 0);
	}
	part->word &= CURRENT;
}

/* It must be at work still: who ends by itself has found something wrong. */
static void kill_one(struct __test_metadata *_metadata, struct crowd *crowd, unsigned int number)
{
	int status;

	ASSERT_EQ(0, kill(crowd->pids[number], SIGKILL));
	ASSERT_EQ(crowd->pids[number], waitpid(crowd->pids[number], &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		TH_LOG("worker %u: %s", number, strerror(-crowd->parts[number].error));
	}
	crowd->deaths++;
	take_over(_metadata, crowd, number);
}

/* Nothing is left but what the model says: garbage is found, handles of the dead are closed. */
static bool only_parts_left(struct crowd *crowd, __u64 objects)
{
	struct refslab_stat stat;

	if (call(crowd->heap.fd, COLLECT, 2) < 0)
		return false;
	stat = test_stat(crowd->heap.fd);
	return stat.objects == objects && stat.handles == KEYS;
}

TEST(killed_at_random)
{
	unsigned int seconds = test_env("REFSLAB_TEST_CROWD_SECONDS", 10), number;
	struct crowd crowd = { };
	__u64 objects = 0, submitted = 0;
	struct refslab_stat stat;
	double end;

	open_crowd(_metadata, &crowd);
	for (number = 0; number < WORKERS; number++)
		start(_metadata, &crowd, number);
	end = test_now() + seconds;
	while (test_now() < end) {
		test_sleep_ms(KILL_EVERY_MS);
		number = test_random(&crowd.random) % WORKERS;
		kill_one(_metadata, &crowd, number);
		start(_metadata, &crowd, number);
	}
	for (number = 0; number < WORKERS; number++)
		kill_one(_metadata, &crowd, number);
	for (number = 0; number < WORKERS; number++) {
		const struct part *part = &crowd.parts[number];

		/* others' work has changed nothing since */
		take_over(_metadata, &crowd, number);
		objects += PART_OBJECTS + count_ints(&part->states[part->word]);
		submitted += part->submitted;
	}
	ASSERT_EQ(0, call(crowd.heap.fd, UNPUBLISH, ptr("commons"), strlen("commons")));
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, only_parts_left(&crowd, objects))) {
		stat = test_stat(crowd.heap.fd);
		TH_LOG("%llu objects, %llu handles; should be %llu, %d",
		       (unsigned long long)stat.objects, (unsigned long long)stat.handles,
		       (unsigned long long)objects, KEYS);
	}
	printf("# %u killed, %u of them at work on their part; %llu submissions done\n",
	       crowd.deaths, crowd.interrupted, (unsigned long long)submitted);
	fflush(stdout);
	EXPECT_LT(0, submitted);
	EXPECT_LT(0, crowd.interrupted);
	munmap(crowd.parts, WORKERS * sizeof(*crowd.parts));
	test_heap_close(_metadata, &crowd.heap);
}

TEST_HARNESS_MAIN
