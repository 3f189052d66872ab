// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that make, link, unlink, follow and drop objects of one heap at random, reach them by
 * weak references and ids, and have finalizers bring some back, while the collector runs back to
 * back. Each object carries a mark that its release() destroys, and everybody looks at the mark of
 * every object he holds: an object freed while alive does not stay unnoticed.
 *
 * And threads that do nothing but insert into long lists, and take out of them, at random places,
 * objects that nobody else refers to, while the collector goes through those lists in chunks.
 *
 * And threads that do the same with dicts, which grow and shrink, so that entries are moved
 * together all the time, look up what is there, and iterate.
 *
 * refslab_kunit.stress_seconds= says how long (default 3), refslab_kunit.stress_threads= how many
 * (4). refslab_kunit.sabotage= leaves a step of the scan out, to see that the test notices.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "../kmod/heap.h"
#include "../kmod/refslab.h"
#include "../kmod/types/types.h"

static unsigned int stress_seconds = 3;
module_param(stress_seconds, uint, 0444);
MODULE_PARM_DESC(stress_seconds, "how long the stress tests run, in seconds");
static unsigned int stress_threads = 4;
module_param(stress_threads, uint, 0444);
MODULE_PARM_DESC(stress_threads, "threads of the stress tests, 1 to 32");

static unsigned int sabotage;
module_param(sabotage, uint, 0444);
MODULE_PARM_DESC(sabotage, "leave a step of the scan out (enum refslab_sabotage): must fail");

#define ROOTS		16
#define LISTS		4
#define LONG		2000	/* elements of a long one */
#define DICTS		4
#define KEYS		3000	/* of a dict */
#define DICT_FIRST	1000	/* its smallest key */
#define SLOTS		3
#define HELD		12
#define WEAK		16
#define MARK		0x616c697665212121ULL
#define MAX_THREADS	32
/* A slow guest goes on until the collector has had its turns, but not for ever. */
#define MIN_SCANS	10
#define PATIENCE	120
/* KUnit gives a case 300 s, and the kernel calls insmod hung before. */
#define SLICE		60

enum kind {
	SMALL,
	BIG,
	PLAIN,
	KINDS,
};

struct stress {
	struct refslab_heap *heap;
	struct refslab_type *type[KINDS];
	void *root[ROOTS];
	struct refslab_object *list[LISTS];
	struct refslab_object *dict[DICTS];
	spinlock_t weak_lock;	/* protects @weak */
	void *weak[WEAK];
	u64 id[WEAK];
	u32 seed;
	bool ending;		/* finalizers bring nobody back */
	atomic_t called;
	atomic64_t upgraded;
	atomic64_t found;
	atomic64_t finalized;
	atomic_t bad;
	atomic64_t operations;
	atomic64_t scans;
	atomic64_t unreachable;
	atomic64_t walked;
	atomic64_t iterated;
	atomic64_t stale;
};

struct worker {
	struct stress *stress;
	struct task_struct *task;
	struct rnd_state rnd;
	void *held[HELD];
};

static struct stress *the_stress;

/* Brings every fourth back, by way of a root. */
static void stress_finalize(void *obj)
{
	struct stress *s = the_stress;
	u32 n = get_random_u32();

	if (READ_ONCE(*(u64 *)refslab_payload(obj)) != MARK)
		atomic_inc(&s->bad);
	atomic64_inc(&s->finalized);
	if (!(n % 4) && !READ_ONCE(s->ending))
		refslab_link(s->root[n / 4 % ROOTS], n / 64 % SLOTS, obj);
}

static void stress_called(void *weak, void *arg)
{
	atomic_inc(&((struct stress *)arg)->called);
}

static void stress_release(void *obj)
{
	u64 *mark = refslab_payload(obj);

	if (READ_ONCE(*mark) != MARK)
		pr_err("refslab-stress: released an object without a mark: %llx\n", *mark);
	WRITE_ONCE(*mark, 0xdeadULL);
}

static u32 pick(struct worker *w, u32 n)
{
	return prandom_u32_state(&w->rnd) % n;
}

static void look(struct worker *w, void *obj)
{
	if (obj && READ_ONCE(*(u64 *)refslab_payload(obj)) != MARK)
		atomic_inc(&w->stress->bad);
}

static void hold(struct worker *w, void *obj)
{
	u32 i = pick(w, HELD);

	look(w, obj);
	look(w, w->held[i]);
	refslab_put(w->held[i]);
	w->held[i] = obj;
}

static void *some(struct worker *w)
{
	void *obj = w->held[pick(w, HELD)];

	look(w, obj);
	return obj;
}

static void *make_of(struct worker *w, enum kind kind)
{
	void *obj = refslab_alloc(w->stress->type[pick(w, 8) ? kind : BIG], GFP_KERNEL);

	if (obj)
		WRITE_ONCE(*(u64 *)refslab_payload(obj), MARK);
	return obj;
}

static void *make_marked(struct worker *w)
{
	return make_of(w, SMALL);
}

static void keep_weak(struct worker *w, void *obj)
{
	void *weak = refslab_weak(obj, stress_called, w->stress, GFP_KERNEL), *old;
	u32 i = pick(w, WEAK);

	if (IS_ERR(weak))
		return;
	spin_lock(&w->stress->weak_lock);
	old = w->stress->weak[i];
	w->stress->weak[i] = weak;
	spin_unlock(&w->stress->weak_lock);
	refslab_put(old);
}

static void follow_weak(struct worker *w)
{
	u32 i = pick(w, WEAK);
	void *weak, *obj;

	spin_lock(&w->stress->weak_lock);
	weak = w->stress->weak[i];
	if (weak)
		refslab_get(weak);
	spin_unlock(&w->stress->weak_lock);
	if (!weak)
		return;
	obj = refslab_upgrade(weak);
	refslab_put(weak);
	if (obj) {
		atomic64_inc(&w->stress->upgraded);
		hold(w, obj);
	}
}

static void by_id(struct worker *w)
{
	void *obj = some(w);
	u32 i = pick(w, WEAK);

	if (obj && pick(w, 2)) {
		if (!refslab_ident_publish(obj, GFP_KERNEL))
			WRITE_ONCE(w->stress->id[i], ((struct refslab_object *)obj)->id);
		return;
	}
	obj = refslab_ident_get(&w->stress->heap->objects, READ_ONCE(w->stress->id[i]));
	if (obj) {
		atomic64_inc(&w->stress->found);
		hold(w, obj);
	}
}

static void weakly(struct worker *w)
{
	void *obj;

	switch (pick(w, 4)) {
	case 0:
		obj = some(w);
		if (obj && refslab_object_type(obj)->flags & REFSLAB_TYPE_WEAKABLE)
			keep_weak(w, obj);
		break;
	case 1:
		by_id(w);
		break;
	default:
		follow_weak(w);
		break;
	}
}

static void on_lists(struct worker *w)
{
	struct refslab_object *list = w->stress->list[pick(w, LISTS)], *obj;
	u32 len = refslab_table_len(list);

	switch (pick(w, 6)) {
	case 0:
		obj = some(w);
		if (obj && len < 2000)
			refslab_table_append(list, obj, GFP_KERNEL);
		break;
	case 1:
		obj = some(w);
		if (obj && len < 2000)
			refslab_table_insert(list, len ? pick(w, len) : 0, obj, GFP_KERNEL);
		break;
	case 2:
		obj = some(w);
		if (obj && len)
			refslab_table_set(list, pick(w, len), obj);
		break;
	case 3:
		obj = len ? refslab_table_get(list, pick(w, len)) : NULL;
		if (!IS_ERR_OR_NULL(obj))
			hold(w, obj);
		break;
	default:
		obj = len ? refslab_table_take(list, pick(w, len)) : NULL;
		if (!IS_ERR_OR_NULL(obj))
			hold(w, obj);
		break;
	}
}

static void step(struct worker *w)
{
	void *from, *to;

	switch (pick(w, 18)) {
	case 0 ... 3:
		to = make_marked(w);
		if (to)
			hold(w, to);
		break;
	case 4 ... 6:
		from = some(w);
		to = some(w);
		if (from)
			refslab_link(from, pick(w, SLOTS), to);
		break;
	case 7:
		from = some(w);
		if (from)
			refslab_link(from, pick(w, SLOTS), NULL);
		break;
	case 8 ... 10:
		from = some(w);
		to = from ? refslab_follow(from, pick(w, SLOTS)) : NULL;
		if (!IS_ERR_OR_NULL(to))
			hold(w, to);
		break;
	case 11:
		refslab_link(w->stress->root[pick(w, ROOTS)], pick(w, SLOTS), some(w));
		break;
	case 12:
		to = refslab_follow(w->stress->root[pick(w, ROOTS)], pick(w, SLOTS));
		if (!IS_ERR_OR_NULL(to))
			hold(w, to);
		break;
	case 13:
		hold(w, NULL);
		break;
	case 14 ... 15:
		weakly(w);
		break;
	default:
		on_lists(w);
		break;
	}
}

static int work(void *arg)
{
	struct worker *w = arg;
	u64 n = 0;
	u32 i;

	while (!kthread_should_stop()) {
		for (i = 0; i < 64; i++)
			step(w);
		n += 64;
		cond_resched();
	}
	for (i = 0; i < HELD; i++) {
		look(w, w->held[i]);
		refslab_put(w->held[i]);
	}
	atomic64_add(n, &w->stress->operations);
	return 0;
}

/* An element of one long list, with its only reference, if there is one. */
static void *take_some(struct worker *w)
{
	struct refslab_object *list = w->stress->list[pick(w, LISTS)], *obj;
	u32 len = refslab_table_len(list);

	obj = len ? refslab_table_take(list, pick(w, len)) : NULL;
	if (IS_ERR(obj))
		return NULL;
	look(w, obj);
	return obj;
}

static void step_long(struct worker *w)
{
	struct refslab_object *list = w->stress->list[pick(w, LISTS)];
	u32 len = refslab_table_len(list);
	void *obj;

	/* from one list to another, or new, or away for good */
	obj = len > LONG || pick(w, 2) ? take_some(w) : make_of(w, PLAIN);
	if (obj && len < LONG)
		refslab_table_insert(list, pick(w, len + 1), obj, GFP_KERNEL);
	refslab_put(obj);
}

static int work_long(void *arg)
{
	struct worker *w = arg;
	u64 n = 0;

	while (!kthread_should_stop()) {
		step_long(w);
		/* a scan shall find that most stay, and some go */
		if (!(++n % 256))
			schedule_timeout_uninterruptible(1);
	}
	atomic64_add(n, &w->stress->operations);
	return 0;
}

/* All of a dict, until somebody changes its keys. */
static void iterate(struct worker *w, struct refslab_object *dict)
{
	struct refslab_object *to[32];
	u64 cursor = 0;
	int i, n;

	do {
		n = refslab_keyed_take(dict, &cursor, to, ARRAY_SIZE(to));
		for (i = 0; i < n; i++) {
			if (i % 2)
				look(w, to[i]);
			refslab_object_put(to[i]);
		}
		if (n > 0)
			atomic64_add(n / 2, &w->stress->iterated);
	} while (n >= 0 && cursor);
	if (n == -ESTALE)
		atomic64_inc(&w->stress->stale);
}

/* The value of a key of a dict, if there is one; taken out, that may be its only reference. */
static void *value_of(struct worker *w, struct refslab_object *dict, struct refslab_object *key,
		      bool take)
{
	void *obj = refslab_keyed_get(dict, key);

	if (IS_ERR(obj))
		return NULL;
	look(w, obj);
	if (take)
		refslab_keyed_delete(dict, key);
	return obj;
}

/* @grow: more come than go */
static void step_dict(struct worker *w, bool grow)
{
	struct refslab_object *from = w->stress->dict[pick(w, DICTS)];
	struct refslab_object *to = w->stress->dict[pick(w, DICTS)];
	struct refslab_object *key = refslab_int_new(w->stress->heap, DICT_FIRST + pick(w, KEYS),
						     GFP_KERNEL);
	void *obj = NULL;

	if (!key)
		return;
	switch (pick(w, 8)) {
	case 0 ... 1:
		/* from one to another */
		obj = value_of(w, from, key, true);
		if (obj)
			refslab_keyed_set(to, key, obj, GFP_KERNEL);
		break;
	case 2:
		obj = value_of(w, from, key, false);
		break;
	case 3 ... 5:
		if (grow) {
			obj = make_of(w, PLAIN);
			if (obj)
				refslab_keyed_set(to, key, obj, GFP_KERNEL);
			break;
		}
		fallthrough;
	default:
		if (!grow || !pick(w, 4))
			refslab_keyed_delete(from, key);
		break;
	}
	refslab_put(obj);
	refslab_object_put(key);
}

static int work_dict(void *arg)
{
	struct worker *w = arg;
	u64 n = 0;

	while (!kthread_should_stop()) {
		step_dict(w, n / 4096 % 2 == 0);
		if (!(++n % 4096))
			iterate(w, w->stress->dict[pick(w, DICTS)]);
		/* as in work_long() */
		if (!(n % 256))
			schedule_timeout_uninterruptible(1);
	}
	atomic64_add(n, &w->stress->operations);
	return 0;
}

static int scan_back_to_back(void *arg)
{
	struct stress *s = arg;
	u32 n = 0;
	long found;

	while (!kthread_should_stop()) {
		found = refslab_collect(s->heap, n++ % 3);
		if (found > 0)
			atomic64_add(found, &s->unreachable);
		atomic64_inc(&s->scans);
		cond_resched();
	}
	return 0;
}

static int walk_one(struct refslab_object *obj, void *arg)
{
	struct refslab_type *type = refslab_object_type(obj);
	struct stress *s = arg;

	atomic64_inc(&s->walked);
	/* just made, and its mark not yet written, or marked: but never released */
	if ((type == s->type[SMALL] || type == s->type[BIG] || type == s->type[PLAIN]) &&
	    READ_ONCE(*(u64 *)refslab_payload(obj)) == 0xdeadULL)
		atomic_inc(&s->bad);
	return 0;
}

/* Upgrades from no reference, against the collector's closing door. */
static int walk_back_to_back(void *arg)
{
	struct stress *s = arg;
	u64 cursor;

	while (!kthread_should_stop()) {
		cursor = 0;
		refslab_walk(&s->heap->objects, &cursor, walk_one, s);
		cond_resched();
	}
	return 0;
}

static void make_heap(struct kunit *test, struct stress *s)
{
	static const struct refslab_type_ops small = {
		.name = "small", .nr_slots = SLOTS, .payload = 8, .cache_limit = 32,
		.release = stress_release, .finalize = stress_finalize, .weakref = true,
	};
	static const struct refslab_type_ops big = {
		.name = "big", .nr_slots = SLOTS, .payload = 600, .cache_limit = 4,
		.release = stress_release, .weakref = true,
	};
	/* what a scan takes for dead is: no finalizer has it looked at again */
	static const struct refslab_type_ops plain = {
		.name = "plain", .nr_slots = SLOTS, .payload = 8, .cache_limit = 32,
		.release = stress_release,
	};
	const struct refslab_heap_params params = { };
	int i;

	the_stress = s;
	spin_lock_init(&s->weak_lock);
	s->heap = refslab_heap_new("stress", &params, true, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s->heap);
	s->type[SMALL] = refslab_type_register(s->heap, &small);
	s->type[BIG] = refslab_type_register(s->heap, &big);
	s->type[PLAIN] = refslab_type_register(s->heap, &plain);
	for (i = 0; i < KINDS; i++)
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s->type[i]);
	for (i = 0; i < ROOTS; i++) {
		s->root[i] = refslab_alloc(s->type[SMALL], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->root[i]);
		*(u64 *)refslab_payload(s->root[i]) = MARK;
	}
	for (i = 0; i < LISTS; i++) {
		s->list[i] = refslab_list_new(s->heap, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->list[i]);
	}
	for (i = 0; i < DICTS; i++) {
		s->dict[i] = refslab_dict_new(s->heap, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->dict[i]);
	}
}

static void end_heap(struct kunit *test, struct stress *s)
{
	char why[160] = "";
	u64 cursor = 0;
	int i;

	/* what a scan or the worker still has to destroy is counted, but no walk sees it */
	refslab_generation_stop(&s->heap->gc);
	refslab_destroy_settle(&s->heap->objects);
	atomic64_set(&s->walked, 0);
	refslab_walk(&s->heap->objects, &cursor, walk_one, s);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&s->walked), refslab_count(s->heap));
	WRITE_ONCE(s->ending, true);
	for (i = 0; i < WEAK; i++)
		refslab_put(s->weak[i]);
	for (i = 0; i < ROOTS; i++)
		refslab_put(s->root[i]);
	for (i = 0; i < LISTS; i++)
		refslab_put(s->list[i]);
	for (i = 0; i < DICTS; i++) {
		KUNIT_EXPECT_NULL(test, refslab_keyed_check(s->dict[i]));
		refslab_put(s->dict[i]);
	}
	refslab_collect(s->heap, 2);
	refslab_destroy_settle(&s->heap->objects);
	KUNIT_EXPECT_EQ(test, refslab_count(s->heap), 0ULL);
	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(s->heap, why, sizeof(why)), 0, "%s", why);
	refslab_trim(s->heap);
	KUNIT_EXPECT_EQ(test, atomic64_read(&s->heap->objects.mem.reserved), 0LL);
	refslab_heap_put_sync(s->heap);
}

static bool enough(const struct stress *s)
{
	return atomic64_read(&s->scans) > MIN_SCANS && atomic64_read(&s->unreachable) > 0;
}

/* The seconds of each slice. */
static const void *REFSLAB_COMPAT_PARAMS(slices)
{
	static unsigned int left, slice;

	if (!prev) {
		refslab_compat_param("stress_seconds", &stress_seconds);
		left = stress_seconds;
	} else if (!left) {
		return NULL;
	}
	slice = min_t(unsigned int, left, SLICE);
	left -= slice;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u s, %u to go", slice, left);
	return &slice;
}

/* A heap to be stressed, as the parameters say. */
static struct stress *begin(struct kunit *test, unsigned int seconds)
{
	struct stress *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	refslab_compat_param("stress_threads", &stress_threads);
	refslab_compat_param("sabotage", &sabotage);
	stress_threads = clamp(stress_threads, 1U, (unsigned int)MAX_THREADS);
	KUNIT_ASSERT_NOT_NULL(test, s);
	s->seed = get_random_u32();
	kunit_info(test, "seed %u, %u threads, %u s\n", s->seed, stress_threads, seconds);
	make_heap(test, s);
	return s;
}

static struct worker *start_workers(struct kunit *test, struct stress *s, int (*fn)(void *worker),
				    const char *name)
{
	struct worker *w = kunit_kcalloc(test, stress_threads, sizeof(*w), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	for (i = 0; i < stress_threads; i++) {
		w[i].stress = s;
		prandom_seed_state(&w[i].rnd, s->seed + i);
		w[i].task = kthread_run(fn, &w[i], "%s/%u", name, i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w[i].task);
	}
	return w;
}

static void stop_workers(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < stress_threads; i++)
		kthread_stop(w[i].task);
}

static void stress_race(struct kunit *test)
{
	unsigned int seconds = *(const unsigned int *)test->param_value;
	struct task_struct *scanner, *walker;
	struct stress *s;
	struct worker *w;
	unsigned int i;

	s = begin(test, seconds);
	WRITE_ONCE(refslab_scan_sabotage, sabotage);
	w = start_workers(test, s, work, "refslab-stress");
	scanner = kthread_run(scan_back_to_back, s, "refslab-scan");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, scanner);
	walker = kthread_run(walk_back_to_back, s, "refslab-walk");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, walker);
	msleep(seconds * 1000);
	for (i = 0; i < PATIENCE && !enough(s); i++)
		msleep(1000);
	kthread_stop(walker);
	stop_workers(w);
	kthread_stop(scanner);

	kunit_info(test, "%lld operations, %lld scans, %lld unreachable, %lld walked\n",
		   atomic64_read(&s->operations), atomic64_read(&s->scans),
		   atomic64_read(&s->unreachable), atomic64_read(&s->walked));
	kunit_info(test, "%lld upgraded, %lld found by id, %lld finalized, %d called back\n",
		   atomic64_read(&s->upgraded), atomic64_read(&s->found),
		   atomic64_read(&s->finalized), atomic_read(&s->called));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->bad), 0);
	KUNIT_EXPECT_GT(test, atomic64_read(&s->upgraded), 0LL);
	KUNIT_EXPECT_GT(test, atomic64_read(&s->found), 0LL);
	KUNIT_EXPECT_GT(test, atomic64_read(&s->finalized), 0LL);
	KUNIT_EXPECT_GT(test, atomic_read(&s->called), 0);
	KUNIT_EXPECT_TRUE(test, enough(s));
	end_heap(test, s);
}

/* Threads at tables, while the collector reads those in chunks, and sleeps in between. */
static struct stress *stress_tables(struct kunit *test, int (*fn)(void *worker), const char *name)
{
	unsigned int seconds = *(const unsigned int *)test->param_value;
	struct task_struct *scanner;
	struct stress *s;
	struct worker *w;
	unsigned int i;

	s = begin(test, seconds);
	/* a table that nobody refers to anew is no candidate */
	WRITE_ONCE(s->heap->gc.filter, false);
	WRITE_ONCE(s->ending, true);
	WRITE_ONCE(refslab_scan_sabotage, sabotage);
	WRITE_ONCE(refslab_scan_dawdles, true);
	w = start_workers(test, s, fn, name);
	scanner = kthread_run(scan_back_to_back, s, "refslab-scan");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, scanner);
	msleep(seconds * 1000);
	for (i = 0; i < PATIENCE && atomic64_read(&s->scans) <= MIN_SCANS; i++)
		msleep(1000);
	stop_workers(w);
	kthread_stop(scanner);
	WRITE_ONCE(refslab_scan_dawdles, false);

	kunit_info(test, "%lld operations, %lld scans, %lld unreachable\n",
		   atomic64_read(&s->operations), atomic64_read(&s->scans),
		   atomic64_read(&s->unreachable));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->bad), 0);
	/* each is in a table, or freed by who took it out: there is no garbage */
	KUNIT_EXPECT_EQ(test, atomic64_read(&s->unreachable), 0LL);
	KUNIT_EXPECT_GT(test, atomic64_read(&s->scans), (long long)MIN_SCANS);
	return s;
}

static void stress_long_lists(struct kunit *test)
{
	struct stress *s = stress_tables(test, work_long, "refslab-long");
	unsigned int i;

	for (i = 0; i < LISTS; i++)
		KUNIT_EXPECT_GT(test, refslab_table_len(s->list[i]), (u32)REFSLAB_BTREE_LEAF);
	end_heap(test, s);
}

static void stress_dicts(struct kunit *test)
{
	struct stress *s = stress_tables(test, work_dict, "refslab-dict");

	kunit_info(test, "%lld iterated, %lld times stale\n", atomic64_read(&s->iterated),
		   atomic64_read(&s->stale));
	KUNIT_EXPECT_GT(test, atomic64_read(&s->iterated), 0LL);
	end_heap(test, s);
}

static struct kunit_case stress_cases[] = {
	KUNIT_CASE_PARAM(stress_long_lists, slices),
	KUNIT_CASE_PARAM(stress_dicts, slices),
	KUNIT_CASE_PARAM(stress_race, slices),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "refslab-stress",
	.test_cases = stress_cases,
};

kunit_test_suite(stress_suite);
