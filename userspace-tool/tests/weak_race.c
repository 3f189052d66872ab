// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that look for objects by id and by weak references, while others drop and collect them.
 *
 * REFSLAB_TEST_SECONDS: how long (5).
 */
#include <poll.h>
#include <pthread.h>

#include "weak_test.h"

#define ENTRIES		64
#define MUTATORS	6
#define LITTER		300
#define PATIENCE	60	/* s */

/* In a payload, beside the id: slot 0 refers to the object itself. */
#define CYCLIC		0x8000000000000000ull

struct entry {
	pthread_mutex_t lock;
	__u64 handle;	/* 0: none */
	__u64 id;
	__u64 former_id;	/* of the one before, which is garbage by now, or soon */
};

/*
 * Six threads make objects, whose payload is their id, put them where the others find the ids, and
 * drop the references of others; one collects, one reads events. Whatever handle a look-up gives is
 * its thread's own, so every operation on it has to work, and the payload has to be right.
 */
struct race {
	int fd;
	__s64 type[2];	/* weakable; with a finalizer, too */
	double end;
	struct entry entry[ENTRIES];
	const char *failed;	/* the first failure */
	long long value;
	__u64 found, dead, events, scans;
};

struct racer {
	struct race *race;
	__u64 seed;
};

static void must(struct race *race, const char *what, bool well, long long value)
{
	const char *none = NULL;

	if (!well && __atomic_compare_exchange_n(&race->failed, &none, what, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		race->value = value;
}

static bool was_race(struct race *race)
{
	return __atomic_load_n(&race->found, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&race->dead, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&race->events, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&race->scans, __ATOMIC_RELAXED);
}

/* Where all is slow it goes on until everything has happened, but not for ever. */
static bool over(struct race *race)
{
	double now = test_now();

	return __atomic_load_n(&race->failed, __ATOMIC_RELAXED) ||
	       (now >= race->end && (was_race(race) || now >= race->end + PATIENCE));
}

static void drop(struct race *race, __u64 h)
{
	int err = call(race->fd, CLOSE, h);

	must(race, "handle cannot be closed", !err, err);
}

/* What a collector that took it for dead would have taken out of it: its reference to itself. */
static void look_longer(struct race *race, __u64 h)
{
	struct refslab_op ops[] = {
		op(SLOT, h, 0),
		opf(IS, F(0), 0, h),
		opf(CLOSE, F(0), 0),
	};
	int err;

	sched_yield();
	err = test_submit(race->fd, ops, ARRAY_SIZE(ops), NULL);
	must(race, "no reference in a live object", !err, err);
	must(race, "reference to another object", err || ops[1].result[0], h);
}

/*
 * An operation that gives a handle on the object with an id, if that is alive, and a look at what
 * it gives. Whether there was one.
 */
static bool look(struct race *race, struct refslab_op first, __u64 id)
{
	__u64 payload = 0;
	struct refslab_op ops[] = {
		first,
		opf(READ, F(0), 0, 0, ptr(&payload), sizeof(payload)),
		opf(ID, F(0), 0),
	};
	__u32 done;
	int err = test_submit(race->fd, ops, ARRAY_SIZE(ops), &done);

	if (err == -ENOENT && done == 1 && !ops[0].result[0])
		return false;
	must(race, "nothing is found, but with an error", !err, err);
	if (err)
		return false;
	must(race, "payload of another object", (payload & ~CYCLIC) == id, payload);
	must(race, "id of another object", ops[2].result[0] == id, ops[2].result[0]);
	if (payload & CYCLIC)
		look_longer(race, ops[0].result[0]);
	drop(race, ops[0].result[0]);
	return true;
}

/* A new object in the place of another, half of the time in a cycle. */
static void replace(struct race *race, __u64 *seed)
{
	struct entry *entry = &race->entry[test_random(seed) % ENTRIES];
	struct refslab_op ops[] = {
		op(NEW, race->type[test_random(seed) % 2]),
		opf(ID, F(0), 0),
		opf(SETSLOT, F(0) | F(2), 0, 0, 0),
	};
	bool cyclic = test_random(seed) % 2;
	int err = test_submit(race->fd, ops, cyclic ? 3 : 2, NULL);
	__u64 h = ops[0].result[0], id = ops[1].result[0], old, payload;

	must(race, "no object can be made", !err, err);
	if (err)
		return;
	payload = id | (cyclic ? CYCLIC : 0);
	err = call(race->fd, WRITE, h, 0, ptr(&payload), sizeof(payload));
	must(race, "payload cannot be written", !err, err);
	pthread_mutex_lock(&entry->lock);
	old = entry->handle;
	entry->handle = h;
	entry->former_id = entry->id;
	entry->id = id;
	pthread_mutex_unlock(&entry->lock);
	if (old)
		drop(race, old);
}

/* The more garbage a scan finds, the longer is its way to the verdict, and the more come by. */
static void litter(struct race *race)
{
	struct refslab_op ops[3 * LITTER];
	int i, err;

	for (i = 0; i < 3 * LITTER; i += 3) {
		ops[i] = op(NEW, race->type[0]);
		ops[i + 1] = opf(SETSLOT, F(0) | F(2), i, 0, i);
		ops[i + 2] = opf(CLOSE, F(0), i);
	}
	err = test_submit(race->fd, ops, 3 * LITTER, NULL);
	must(race, "garbage cannot be made", !err, err);
}

static __u64 pick(struct race *race, __u64 *seed)
{
	struct entry *entry = &race->entry[test_random(seed) % ENTRIES];
	__u64 id;

	pthread_mutex_lock(&entry->lock);
	id = test_random(seed) % 2 ? entry->id : entry->former_id;
	pthread_mutex_unlock(&entry->lock);
	return id;
}

struct weak {
	__u64 handle;	/* 0: none */
	__u64 id;
	bool dead;
};

/* A weak reference of the thread's own in the place of another. */
static void refer_weakly(struct race *race, struct weak *weak, __u64 *seed)
{
	__u64 id = pick(race, seed);
	struct refslab_op ops[] = {
		op(BYID, id),
		opf(WEAK, F(0), 0, test_random(seed) % 2 ? REFSLAB_WEAK_CALLBACK : 0),
		opf(CLOSE, F(0), 0),
	};
	__u32 done;
	int err = test_submit(race->fd, ops, ARRAY_SIZE(ops), &done);

	must(race, "weak reference cannot be made",
	     !err || (err == -ENOENT && done == 1 && !ops[0].result[0]), err);
	if (err)
		return;
	if (weak->handle)
		drop(race, weak->handle);
	*weak = (struct weak) { .handle = ops[1].result[0], .id = id };
}

static void follow(struct race *race, struct weak *weak)
{
	bool alive;

	if (!weak->handle)
		return;
	alive = look(race, op(DEREF, weak->handle), weak->id);
	must(race, "alive after it was dead", !alive || !weak->dead, weak->id);
	weak->dead = !alive;
	__atomic_fetch_add(alive ? &race->found : &race->dead, 1, __ATOMIC_RELAXED);
}

/* A reference between any two, which may close a cycle; one of them may be dead. */
static void link_any(struct race *race, __u64 *seed)
{
	struct refslab_op ops[] = {
		op(BYID, pick(race, seed)),
		op(BYID, pick(race, seed)),
		opf(SETSLOT, F(0) | F(2), 0, 1, 1),
	};
	int i, err = test_submit(race->fd, ops, ARRAY_SIZE(ops), NULL);

	must(race, "slot cannot be set", !err || err == -ENOENT, err);
	for (i = 0; i < 2; i++)
		if (ops[i].result[0])
			drop(race, ops[i].result[0]);
}

static void *mutate(void *arg)
{
	struct racer *me = arg;
	struct race *race = me->race;
	struct weak weak[16] = { { 0 } };
	unsigned int i;
	__u64 id;

	while (!over(race)) {
		i = test_random(&me->seed) % ARRAY_SIZE(weak);
		switch (test_random(&me->seed) % 8) {
		case 0:
			replace(race, &me->seed);
			if (test_random(&me->seed) % 8 == 0)
				litter(race);
			break;
		case 1:
		case 2:
			id = pick(race, &me->seed);
			look(race, op(BYID, id), id);
			break;
		case 3:
			refer_weakly(race, &weak[i], &me->seed);
			break;
		case 4:
			link_any(race, &me->seed);
			break;
		default:
			follow(race, &weak[i]);
		}
	}
	for (i = 0; i < ARRAY_SIZE(weak); i++)
		if (weak[i].handle)
			drop(race, weak[i].handle);
	return NULL;
}

static void *collect(void *arg)
{
	struct racer *me = arg;
	__s64 n;

	while (!over(me->race)) {
		n = call(me->race->fd, COLLECT, test_random(&me->seed) % 3);
		must(me->race, "scan failed", n >= 0, n);
		me->race->scans++;
		/* not always one after the other: somebody has to make the garbage */
		if (test_random(&me->seed) % 2)
			usleep(test_random(&me->seed) % 2000);
	}
	return NULL;
}

/* Reads what events there are; true when there was one. */
static bool hear(struct race *race)
{
	struct refslab_event_record record = test_event(race->fd);
	__s64 ret;

	if (!record.event)
		return false;
	race->events++;
	if (record.event == REFSLAB_EVENT_FINALIZE) {
		look(race, op(DUP, record.handle), record.id);
		ret = call(race->fd, FINALIZED, record.handle);
		must(race, "finalizer of what was not finalized", ret == 1, ret);
	} else {
		must(race, "unknown event", record.event == REFSLAB_EVENT_WEAKREF, record.event);
		ret = call(race->fd, DEREF, record.handle);
		must(race, "called back by what is alive", !ret, ret);
	}
	drop(race, record.handle);
	return true;
}

static void *listen(void *arg)
{
	struct racer *me = arg;
	struct pollfd pollfd = { .fd = me->race->fd, .events = POLLIN };

	while (!over(me->race)) {
		poll(&pollfd, 1, 100);
		hear(me->race);
	}
	return NULL;
}

TEST_F(graph, race)
{
	static struct race race;
	struct racer racer[MUTATORS + 2];
	pthread_t thread[MUTATORS + 2];
	unsigned int seconds = test_env("REFSLAB_TEST_SECONDS", 5);
	cpu_set_t all;
	int i;

	/* the fixture has pinned us */
	memset(&all, 0xff, sizeof(all));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	race = (struct race) {
		.fd = self->fd,
		.type = { self->node, self->final },
		.end = test_now() + seconds,
	};
	for (i = 0; i < ENTRIES; i++)
		pthread_mutex_init(&race.entry[i].lock, NULL);
	for (i = 0; i < MUTATORS + 2; i++) {
		racer[i] = (struct racer) { &race, test_env("REFSLAB_TEST_SEED", 1) * 8 + i };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL,
					    i < MUTATORS ? mutate : i == MUTATORS ? collect :
										    listen,
					    &racer[i]));
	}
	for (i = 0; i < MUTATORS + 2; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < ENTRIES; i++)
		if (race.entry[i].handle)
			drop(&race, race.entry[i].handle);

	/* finalizers of what finalizers keep, round by round */
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, ({
		ASSERT_LE(0, CALL(COLLECT, 2));
		while (hear(&race))
			;
		STAT(objects) == 0;
	})));
	EXPECT_EQ(0, STAT(handles));
	EXPECT_EQ(NULL, race.failed) {
		TH_LOG("%s: %lld", race.failed, race.value);
	}
	/* it was a race */
	EXPECT_LT(0, race.found);
	EXPECT_LT(0, race.dead);
	EXPECT_LT(0, race.events);
	EXPECT_LT(0, race.scans);
	TH_LOG("%llu found, %llu dead, %llu events, %llu scans in %u s",
	       (unsigned long long)race.found, (unsigned long long)race.dead,
	       (unsigned long long)race.events, (unsigned long long)race.scans, seconds);
}

TEST_HARNESS_MAIN
