// SPDX-License-Identifier: GPL-2.0
/*
 * See fixture.h.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "../kmod/inspect/inspect.h"
#include "fixture.h"

#define WHY_LEN	160

/**
 * refslab_fixture_extra_heap() - make one more heap
 * @test: the test, which must end the heap
 */
struct refslab_heap *refslab_fixture_extra_heap(struct kunit *test)
{
	const struct refslab_heap_params params = { .disabled = true };
	struct refslab_heap *heap = refslab_heap_new("kunit", &params, true, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	return heap;
}

/**
 * refslab_fixture_init() - make the test's heap
 */
int refslab_fixture_init(struct kunit *test)
{
	struct refslab_fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	fixture->heaps = refslab_heap_number();
	fixture->heap = refslab_fixture_extra_heap(test);
	test->priv = fixture;
	return 0;
}

/**
 * refslab_fixture_settle() - wait until what was handed to the heap's worker is destroyed
 *
 * A release() that puts the last reference on something has the worker run once more.
 */
void refslab_fixture_settle(struct refslab_heap *heap)
{
	while (flush_work(&heap->objects.destroy_work))
		;
}

/**
 * refslab_fixture_check() - the test's heap must be sound, the test holding no object
 */
void refslab_fixture_check(struct kunit *test)
{
	char why[WHY_LEN];

	KUNIT_EXPECT_EQ_MSG(test, refslab_heap_check(refslab_fixture_heap(test), why, sizeof(why)),
			    0, "%s", why);
}

/**
 * refslab_fixture_check_held() - the test's heap must be sound, to the last reference
 * @test: the test
 * @held: the test's own references
 * @nr: how many
 */
void refslab_fixture_check_held(struct kunit *test, struct refslab_object *const *held, size_t nr)
{
	char why[WHY_LEN];

	KUNIT_EXPECT_EQ_MSG(test, refslab_check_heap(refslab_fixture_heap(test), held, nr, why,
						     sizeof(why)), 0, "%s", why);
}

/**
 * refslab_fixture_exit() - the test's heap must be sound, empty, and go
 */
void refslab_fixture_exit(struct kunit *test)
{
	struct refslab_fixture *fixture = test->priv;
	struct refslab_stat stat;

	if (!fixture)
		return;
	refslab_fixture_unpin(test);
	refslab_fixture_settle(fixture->heap);
	refslab_fixture_check(test);
	refslab_heap_trim(fixture->heap);
	refslab_heap_stat(fixture->heap, &stat);
	KUNIT_EXPECT_EQ(test, stat.objects, 0);
	KUNIT_EXPECT_EQ(test, stat.tracked, 0);
	KUNIT_EXPECT_EQ(test, stat.bytes_used, 0);
	KUNIT_EXPECT_EQ(test, stat.bytes_cached, 0);
	KUNIT_EXPECT_EQ(test, stat.bytes_reserved, 0);
	KUNIT_EXPECT_EQ(test, stat.large, 0);
	refslab_heap_put_sync(fixture->heap);
	KUNIT_EXPECT_EQ(test, refslab_heap_number(), fixture->heaps);
	test->priv = NULL;
}

/**
 * refslab_fixture_live() - live objects of a heap
 */
u64 refslab_fixture_live(struct refslab_heap *heap)
{
	u64 all, tracked, cached;

	refslab_objects_count(&heap->objects, &all, &tracked, &cached);
	return all;
}

/**
 * refslab_fixture_freed() - objects of a type destroyed so far
 */
u64 refslab_fixture_freed(struct refslab_type *type)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(type->cache.cpu, cpu)->freed);
	return n;
}

/**
 * refslab_fixture_hits() - objects of a type that came from its cache so far
 */
u64 refslab_fixture_hits(struct refslab_type *type)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(type->cache.cpu, cpu)->hits);
	return n;
}

struct refslab_type *refslab_fixture_type(struct kunit *test, const char *name, u32 nr_slots,
					  u32 body, u32 cache_limit)
{
	const struct refslab_type_params params = {
		.name = name,
		.nr_slots = nr_slots,
		.body = body,
		.cache_limit = cache_limit,
	};
	struct refslab_type *type;

	type = refslab_type_create(refslab_fixture_objects(test), &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	return type;
}

struct refslab_object *refslab_fixture_object(struct kunit *test, struct refslab_type *type)
{
	struct refslab_object *obj = refslab_object_alloc(type, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

struct refslab_object *refslab_fixture_int(struct kunit *test, s64 value)
{
	struct refslab_type *type = refslab_fixture_heap(test)->types.int_type;
	struct refslab_object *obj = refslab_fixture_object(test, type);

	*(s64 *)refslab_object_body(obj, type) = value;
	return obj;
}

struct refslab_object *refslab_fixture_list(struct kunit *test)
{
	struct refslab_object *obj = refslab_list_new(refslab_fixture_heap(test), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	return obj;
}

/* --- threads -------------------------------------------------------------------------------- */

struct part {
	void (*fn)(unsigned int nr, void *arg);
	void *arg;
	unsigned int nr;
	struct completion done;
};

static int part_thread(void *arg)
{
	struct part *part = arg;

	part->fn(part->nr, part->arg);
	kthread_complete_and_exit(&part->done, 0);
}

void refslab_fixture_on_cpus(struct kunit *test, void (*fn)(unsigned int nr, void *arg), void *arg)
{
	struct part *parts = kunit_kcalloc(test, nr_cpu_ids, sizeof(*parts), GFP_KERNEL);
	struct task_struct *task;
	unsigned int i, n = 0;
	int cpu;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		parts[n] = (struct part){ .fn = fn, .arg = arg, .nr = n };
		init_completion(&parts[n].done);
		task = kthread_create(part_thread, &parts[n], "refslab-kunit/%d", cpu);
		if (IS_ERR(task)) {
			KUNIT_FAIL(test, "no thread for CPU %d: %ld", cpu, PTR_ERR(task));
			break;
		}
		kthread_bind(task, cpu);
		wake_up_process(task);
		n++;
	}
	cpus_read_unlock();
	for (i = 0; i < n; i++)
		wait_for_completion(&parts[i].done);
}

void refslab_fixture_pin(struct kunit *test, unsigned int cpu)
{
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)), 0);
}

void refslab_fixture_unpin(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, set_cpus_allowed_ptr(current, cpu_possible_mask), 0);
}

/* --- the worker ----------------------------------------------------------------------------- */

static void block(struct work_struct *work)
{
	struct refslab_fixture_worker *worker;

	worker = container_of(work, struct refslab_fixture_worker, block);
	wait_for_completion(&worker->go);
}

/**
 * refslab_fixture_worker_stop() - keep a heap's worker from destroying anything
 * @test: the test
 * @worker: to fill in, for refslab_fixture_worker_go()
 * @heap: the heap
 */
void refslab_fixture_worker_stop(struct kunit *test, struct refslab_fixture_worker *worker,
				 struct refslab_heap *heap)
{
	worker->wq = alloc_ordered_workqueue("refslab-kunit", 0);
	KUNIT_ASSERT_NOT_NULL(test, worker->wq);
	INIT_WORK_ONSTACK(&worker->block, block);
	init_completion(&worker->go);
	refslab_fixture_settle(heap);
	worker->heap = heap;
	worker->before = heap->objects.wq;
	heap->objects.wq = worker->wq;
	queue_work(worker->wq, &worker->block);
}

/**
 * refslab_fixture_worker_go() - let it work, and wait until it has done everything
 */
void refslab_fixture_worker_go(struct refslab_fixture_worker *worker)
{
	complete(&worker->go);
	refslab_fixture_settle(worker->heap);
	worker->heap->objects.wq = worker->before;
	destroy_workqueue(worker->wq);
	destroy_work_on_stack(&worker->block);
}
