// SPDX-License-Identifier: GPL-2.0
/*
 * One object's life: made, referred to, destroyed, from every context.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "fixture.h"

/* What the last release() saw. */
static struct {
	unsigned int times;
	struct task_struct *task;
	bool in_task;
} released;

static void note_release(void *obj)
{
	released.times++;
	released.task = current;
	released.in_task = in_task();
}

static const struct refslab_type_ops noting_ops = {
	.name = "noting",
	.nr_slots = 2,
	.release = note_release,
};

static struct refslab_type *noting_type(struct kunit *test, struct refslab_heap *heap)
{
	struct refslab_type *type = refslab_type_register(heap, &noting_ops);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	memset(&released, 0, sizeof(released));
	return type;
}

/* --- counts --------------------------------------------------------------------------------- */

static void count_follows_references(struct kunit *test)
{
	struct refslab_type *pair = refslab_fixture_type(test, "pair", 2, 0, 0);
	struct refslab_object *a = refslab_fixture_object(test, pair);
	struct refslab_object *b = refslab_fixture_object(test, pair);
	struct refslab_object *list = refslab_fixture_list(test), *got;

	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	refslab_get(b);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 2);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);

	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 0, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 1, b), 0);
	KUNIT_EXPECT_EQ(test, refslab_table_append(list, b, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 4);
	/* an operation in flight */
	got = refslab_slot_get(a, 1);
	KUNIT_EXPECT_PTR_EQ(test, got, b);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 5);
	refslab_put(got);
	/* overwritten, emptied, removed, container destroyed */
	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 0, a), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 3);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	refslab_put(refslab_table_take(list, 0));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 2);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	refslab_put(list);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static void last_put_destroys_at_once(struct kunit *test)
{
	struct refslab_type *type = noting_type(test, refslab_fixture_heap(test));
	struct refslab_object *a = refslab_fixture_object(test, type);
	struct refslab_object *b = refslab_fixture_object(test, type);
	struct refslab_object *atom = refslab_fixture_int(test, 7);

	refslab_slot_set(a, 0, b);
	refslab_slot_set(b, 1, atom);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, released.times, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 2);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, released.times, 2);
	KUNIT_EXPECT_PTR_EQ(test, released.task, current);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 1);
	refslab_put(atom);
}

static void immortal_objects_stay(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_type *type = noting_type(test, heap);
	struct refslab_object *obj = refslab_object_alloc(type, GFP_KERNEL);
	u32 count;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	refslab_word_fix(&obj->word);
	count = refslab_fixture_count(obj);
	for (i = 0; i < 1000; i++)
		refslab_put(obj);
	for (i = 0; i < 1000; i++)
		refslab_get(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), count);
	KUNIT_EXPECT_EQ(test, released.times, 0);
	/* nor does the collector take it, whoever refers to it */
	KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, 0, obj), 0);
	KUNIT_EXPECT_EQ(test, refslab_collect(heap, 2), 0);
	KUNIT_EXPECT_EQ(test, released.times, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
	refslab_heap_put_sync(heap);
	KUNIT_EXPECT_EQ(test, released.times, 1);
}

static void saturated_objects_leak_and_do_no_harm(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_type *type = noting_type(test, heap);
	struct refslab_object *a = refslab_object_alloc(type, GFP_KERNEL);
	struct refslab_object *b = refslab_object_alloc(type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	/* who can be told is */
	refslab_fixture_pretend(b, REFSLAB_COUNT_MAX - 1);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 0, b), -EOVERFLOW);
	/* who cannot saturates it in the end */
	refslab_fixture_pretend(b, REFSLAB_COUNT_SATURATED - REFSLAB_COUNT_MAX - 1);
	refslab_get(b);
	KUNIT_EXPECT_TRUE(test, refslab_word_read(&b->word) & REFSLAB_WORD_FIXED);
	refslab_put(b);
	refslab_put(b);
	KUNIT_EXPECT_EQ(test, refslab_slot_set(a, 0, b), 0);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, released.times, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 1);
	refslab_heap_put_sync(heap);
	KUNIT_EXPECT_EQ(test, released.times, 2);
}

static void put_too_many_leaks_and_does_no_harm(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_extra_heap(test);
	struct refslab_type *type = noting_type(test, heap);
	struct refslab_object *other = refslab_object_alloc(type, GFP_KERNEL);
	struct refslab_object *obj = refslab_object_alloc(type, GFP_KERNEL), *again;

	/* keeps the pool, and so the block, where they are */
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, released.times, 1);
	/* must not free the block once more, so that nobody gets it twice */
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, released.times, 1);
	KUNIT_EXPECT_TRUE(test, refslab_word_read(&obj->word) & REFSLAB_WORD_FIXED);
	again = refslab_object_alloc(type, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	KUNIT_EXPECT_PTR_NE(test, (struct refslab_object *)refslab_object_alloc(type, GFP_KERNEL),
			    again);
	refslab_put(again);
	KUNIT_EXPECT_EQ(test, released.times, 1);
	refslab_heap_put_sync(heap);
	KUNIT_EXPECT_EQ(test, released.times, 4);
}

/* --- making --------------------------------------------------------------------------------- */

#define IDS	3000

struct ids {
	struct refslab_type *type;
	u64 *id;
	atomic_t failed;
};

static void make_ids(unsigned int nr, void *arg)
{
	struct refslab_object *obj;
	struct ids *ids = arg;
	unsigned int i;

	for (i = 0; i < IDS; i++) {
		obj = refslab_object_alloc(ids->type, GFP_KERNEL);
		if (!obj) {
			atomic_inc(&ids->failed);
			return;
		}
		ids->id[nr * IDS + i] = obj->id;
		/* its block is used again at once, its id never */
		refslab_put(obj);
	}
}

static int compare_ids(const void *a, const void *b)
{
	u64 x = *(u64 *)a, y = *(u64 *)b;

	return x < y ? -1 : x > y;
}

static void ids_are_unique_over_cpus(struct kunit *test)
{
	size_t n = num_online_cpus() * IDS, i, same = 0;
	struct ids ids = { };

	ids.type = refslab_fixture_type(test, "numbered", 1, 0, 10);
	ids.id = kunit_kcalloc(test, n, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ids.id);
	refslab_fixture_on_cpus(test, make_ids, &ids);
	KUNIT_ASSERT_EQ(test, atomic_read(&ids.failed), 0);
	sort(ids.id, n, sizeof(u64), compare_ids, NULL);
	KUNIT_EXPECT_NE(test, ids.id[0], 0);
	for (i = 1; i < n; i++)
		same += ids.id[i] == ids.id[i - 1];
	KUNIT_EXPECT_EQ(test, same, 0);
}

static void payload_is_zeroed_on_reuse(struct kunit *test)
{
	/* from the cache, from a pool, large; of an atom and of a container */
	const struct { u32 slots, body, cache; } kinds[] = {
		{ 0, 40, 10 }, { 2, 40, 10 }, { 0, 40, 0 }, { 2, 40, 0 },
		{ 0, 3, 0 }, { 0, 5000, 0 }, { 3, 5000, 0 }, { 3, 5000, 4 },
	};
	struct refslab_object *atom = refslab_fixture_int(test, 1), *obj, *self;
	struct refslab_type *type;
	unsigned int i, slot;
	char name[16];
	void *body;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		scnprintf(name, sizeof(name), "kind%u", i);
		type = refslab_fixture_type(test, name, kinds[i].slots, kinds[i].body,
					    kinds[i].cache);
		obj = refslab_fixture_object(test, type);
		self = obj;
		body = refslab_object_body(obj, type);
		KUNIT_EXPECT_NULL(test, memchr_inv(body, 0, kinds[i].body));
		memset(body, 0xa5, kinds[i].body);
		for (slot = 0; slot < kinds[i].slots; slot++)
			KUNIT_EXPECT_EQ(test, refslab_slot_set(obj, slot, atom), 0);
		refslab_put(obj);
		obj = refslab_fixture_object(test, type);
		if (kinds[i].cache)
			KUNIT_EXPECT_PTR_EQ(test, obj, self);
		KUNIT_EXPECT_NULL(test, memchr_inv(refslab_object_body(obj, type), 0,
						   kinds[i].body));
		for (slot = 0; slot < kinds[i].slots; slot++)
			KUNIT_EXPECT_NULL(test, refslab_slot_get(obj, slot));
		refslab_put(obj);
	}
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(atom), 1);
	refslab_put(atom);
}

static void block_keeps_type_and_version(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "kept", 2, 8, 0);
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct refslab_object *obj = refslab_fixture_object(test, type), *again;
	u64 id = obj->id;
	u32 version;

	version = refslab_fixture_version(obj);
	refslab_mem_hold(mem);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 0);
	KUNIT_EXPECT_PTR_EQ(test, refslab_object_type(obj), type);
	KUNIT_EXPECT_EQ(test, refslab_fixture_version(obj), version + 1);
	KUNIT_EXPECT_FALSE(test, refslab_object_upgrade(obj));
	again = refslab_fixture_object(test, type);
	KUNIT_EXPECT_PTR_EQ(test, again, obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_version(again), version + 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(again), 1);
	KUNIT_EXPECT_NE(test, again->id, id);
	refslab_mem_release(mem);
	refslab_put(again);
}

static bool is_young(struct kunit *test, struct refslab_object *obj)
{
	struct refslab_pool *pool = refslab_mem_pool_of(&refslab_fixture_objects(test)->mem, obj);

	return test_bit(refslab_mem_index(pool, obj), pool->marks.young);
}

static void only_tracked_objects_are_young(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object *pair = refslab_fixture_object(test,
					refslab_fixture_type(test, "pair", 2, 0, 0));
	struct refslab_object *list = refslab_fixture_list(test);
	struct refslab_object *atom = refslab_fixture_int(test, 1);

	KUNIT_EXPECT_EQ(test, is_young(test, pair), 1);
	KUNIT_EXPECT_EQ(test, is_young(test, list), 1);
	KUNIT_EXPECT_EQ(test, is_young(test, atom), 0);
	KUNIT_EXPECT_TRUE(test, refslab_mem_pool_of(&objects->mem, pair)->marks.queued[0]);
	KUNIT_EXPECT_TRUE(test, refslab_object_tracked(pair));
	KUNIT_EXPECT_TRUE(test, refslab_object_tracked(list));
	KUNIT_EXPECT_FALSE(test, refslab_object_tracked(atom));
	KUNIT_EXPECT_EQ(test, refslab_objects_young(objects), 2);
	refslab_put(pair);
	KUNIT_EXPECT_EQ(test, refslab_objects_young(objects), 1);
	refslab_put(list);
	refslab_put(atom);
}

static void alloc_works_under_a_spinlock(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "atomic", 2, 0, 0);
	struct refslab_object **objs;
	const unsigned int n = 2000;
	unsigned int i, failed = 0;
	spinlock_t lock;	/* of some caller's; protects nothing */

	spin_lock_init(&lock);
	objs = kunit_kcalloc(test, n, sizeof(*objs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < n; i++) {
		spin_lock(&lock);
		objs[i] = refslab_object_alloc(type, GFP_ATOMIC);
		spin_unlock(&lock);
		failed += !objs[i];
	}
	KUNIT_EXPECT_EQ(test, failed, 0);
	for (i = 0; i < n; i++) {
		spin_lock(&lock);
		refslab_put(objs[i]);
		spin_unlock(&lock);
	}
}

static void alloc_fails_at_the_limit_and_after_failure_works(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "big", 2, 100000, 0);
	struct refslab_mem *mem = &refslab_fixture_objects(test)->mem;
	struct refslab_object *obj;

	atomic_set(&mem->fail_at, 1);
	KUNIT_EXPECT_NULL(test, refslab_object_alloc(type, GFP_ATOMIC | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
	KUNIT_EXPECT_EQ(test, refslab_objects_young(refslab_fixture_objects(test)), 0);
	/* who may sleep tries again after a scan and a trim */
	atomic_set(&mem->fail_at, 1);
	obj = refslab_object_alloc(type, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	refslab_put(obj);
}

static struct refslab_object *new_sized(struct kunit *test, struct refslab_type *type, u32 extra)
{
	struct refslab_object *obj = refslab_object_begin_sized(type, extra, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	refslab_object_publish(obj, GFP_KERNEL);
	return obj;
}

static void sized_objects_have_their_own_size(struct kunit *test)
{
	const u32 extra[] = { 0, 1, 15, 16, 17, 400, 480, 481, 488, 489, 600, 4096, 100000 };
	const struct refslab_type_params params = {
		.name = "sized", .flags = REFSLAB_TYPE_SIZED, .body = 4, .cache_limit = 0,
	};
	struct refslab_type *type = refslab_type_create(refslab_fixture_objects(test), &params,
							GFP_KERNEL);
	struct refslab_object *obj, *again;
	struct refslab_stat stat;
	unsigned int i;
	u32 need;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	for (i = 0; i < ARRAY_SIZE(extra); i++) {
		obj = new_sized(test, type, extra[i]);
		need = sizeof(*obj) + 4 + extra[i];
		KUNIT_EXPECT_EQ(test, refslab_object_bytes(obj),
				refslab_mem_size(REFSLAB_MEM_ATOM, need));
		KUNIT_EXPECT_NULL(test, memchr_inv(refslab_object_body(obj, type), 0,
						   4 + extra[i]));
		memset(refslab_object_body(obj, type), 0x5a, 4 + extra[i]);
		refslab_heap_stat(refslab_fixture_heap(test), &stat);
		/* a large block has a head of its own */
		KUNIT_EXPECT_GE(test, stat.bytes_used, refslab_object_bytes(obj));
		if (need <= REFSLAB_CLASS_MAX)
			KUNIT_EXPECT_EQ(test, stat.bytes_used, refslab_object_bytes(obj));
		KUNIT_EXPECT_EQ(test, stat.large, need > REFSLAB_CLASS_MAX);
		refslab_put(obj);
		KUNIT_EXPECT_EQ(test, refslab_cache_count(type), 0);
		again = new_sized(test, type, extra[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(refslab_object_body(again, type), 0,
						   4 + extra[i]));
		refslab_put(again);
	}
}

/* --- other contexts ------------------------------------------------------------------------- */

struct interrupt {
	struct irq_work irq;
	struct tasklet_struct tasklet;
	struct refslab_object *obj;
	bool in_task;
	unsigned int times;
	struct completion done;
};

static void put_in_interrupt(struct interrupt *interrupt)
{
	interrupt->in_task = in_task();
	refslab_put(interrupt->obj);
	interrupt->times = released.times;
	complete(&interrupt->done);
}

static void put_in_irq(struct irq_work *work)
{
	put_in_interrupt(container_of(work, struct interrupt, irq));
}

static void put_in_tasklet(struct tasklet_struct *tasklet)
{
	put_in_interrupt(container_of(tasklet, struct interrupt, tasklet));
}

static void put_from_interrupts(struct kunit *test, bool hard)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_type *type = noting_type(test, heap);
	struct refslab_fixture_worker worker;
	struct interrupt interrupt = { .in_task = true };
	struct refslab_object *head = NULL, *obj;
	const unsigned int n = 100;
	unsigned int i;

	/* a chain: none of it may be taken apart in the interrupt */
	for (i = 0; i < n; i++) {
		obj = refslab_fixture_object(test, type);
		refslab_slot_set(obj, 0, head);
		refslab_put(head);
		head = obj;
	}
	interrupt.obj = head;
	init_completion(&interrupt.done);
	refslab_fixture_worker_stop(test, &worker, heap);
	if (hard) {
		init_irq_work(&interrupt.irq, put_in_irq);
		irq_work_queue(&interrupt.irq);
		irq_work_sync(&interrupt.irq);
	} else {
		tasklet_setup(&interrupt.tasklet, put_in_tasklet);
		tasklet_schedule(&interrupt.tasklet);
		wait_for_completion(&interrupt.done);
		tasklet_kill(&interrupt.tasklet);
	}
	KUNIT_EXPECT_FALSE(test, interrupt.in_task);
	KUNIT_EXPECT_EQ(test, interrupt.times, 0);
	KUNIT_EXPECT_EQ(test, released.times, 0);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), n);
	refslab_fixture_worker_go(&worker);
	KUNIT_EXPECT_EQ(test, released.times, n);
	KUNIT_EXPECT_TRUE(test, released.in_task);
	KUNIT_EXPECT_PTR_NE(test, released.task, current);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(heap), 0);
}

static void put_in_a_hard_interrupt_is_the_workers(struct kunit *test)
{
	put_from_interrupts(test, true);
}

static void put_in_a_soft_interrupt_is_the_workers(struct kunit *test)
{
	put_from_interrupts(test, false);
}

/* --- references from none ------------------------------------------------------------------- */

struct upgrade {
	struct refslab_object *obj;
	bool got;
	struct completion done;
};

static int upgrade_thread(void *arg)
{
	struct upgrade *upgrade = arg;

	upgrade->got = refslab_object_upgrade(upgrade->obj);
	kthread_complete_and_exit(&upgrade->done, 0);
}

/* An object somebody wants while the collector is about to decide, and what it decides. */
static void upgrade_waits(struct kunit *test, bool dead)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	/* cached when it is dead, so that the test can still look at it */
	struct refslab_object *obj = refslab_fixture_object(test,
					refslab_fixture_type(test, "pair", 2, 0, 1));
	struct upgrade upgrade = { .obj = obj };
	struct task_struct *task;

	init_completion(&upgrade.done);
	atomic64_or(REFSLAB_WORD_DYING, &obj->word);
	task = kthread_run(upgrade_thread, &upgrade, "refslab-upgrade");
	if (IS_ERR(task)) {
		atomic64_andnot(REFSLAB_WORD_DYING, &obj->word);
		refslab_put(obj);
		KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(task));
		return;
	}
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&upgrade.done, HZ / 10));
	/* a holder does not wait */
	refslab_get(obj);
	refslab_put(obj);
	if (dead)
		atomic64_or(REFSLAB_WORD_DEAD, &obj->word);
	else
		atomic64_andnot(REFSLAB_WORD_DYING, &obj->word);
	wake_up_all(&objects->verdict);
	wait_for_completion(&upgrade.done);
	KUNIT_EXPECT_EQ(test, upgrade.got, !dead);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), dead ? 1 : 2);
	if (upgrade.got)
		refslab_put(obj);
	refslab_put(obj);
	/* the verdict ended with the object */
	KUNIT_EXPECT_EQ(test, (u32)refslab_word_read(&obj->word), 0);
}

static void upgrade_waits_and_gets_the_living(struct kunit *test)
{
	upgrade_waits(test, false);
}

static void upgrade_waits_and_fails_on_the_dead(struct kunit *test)
{
	upgrade_waits(test, true);
}

static void upgrade_counts(struct kunit *test)
{
	struct refslab_object *obj = refslab_fixture_int(test, 3);

	KUNIT_EXPECT_TRUE(test, refslab_object_upgrade(obj));
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(obj), 2);
	refslab_put(obj);
	refslab_put(obj);
}

static struct kunit_case object_cases[] = {
	KUNIT_CASE(count_follows_references),
	KUNIT_CASE(last_put_destroys_at_once),
	KUNIT_CASE(immortal_objects_stay),
	KUNIT_CASE(saturated_objects_leak_and_do_no_harm),
	KUNIT_CASE(put_too_many_leaks_and_does_no_harm),
	KUNIT_CASE(ids_are_unique_over_cpus),
	KUNIT_CASE(payload_is_zeroed_on_reuse),
	KUNIT_CASE(block_keeps_type_and_version),
	KUNIT_CASE(only_tracked_objects_are_young),
	KUNIT_CASE(alloc_works_under_a_spinlock),
	KUNIT_CASE(alloc_fails_at_the_limit_and_after_failure_works),
	KUNIT_CASE(sized_objects_have_their_own_size),
	KUNIT_CASE(put_in_a_hard_interrupt_is_the_workers),
	KUNIT_CASE(put_in_a_soft_interrupt_is_the_workers),
	KUNIT_CASE(upgrade_waits_and_gets_the_living),
	KUNIT_CASE(upgrade_waits_and_fails_on_the_dead),
	KUNIT_CASE(upgrade_counts),
	{ }
};

static struct kunit_suite object_suite = {
	.name = "refslab-object",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = object_cases,
};

kunit_test_suite(object_suite);
