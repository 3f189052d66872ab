// SPDX-License-Identifier: GPL-2.0
/*
 * Functions called around every scan, and the number of events that wait.
 */
#include <linux/delay.h>
#include <linux/notifier.h>

#include "../kmod/refslab.h"
#include "fixture.h"

struct witness {
	struct notifier_block nb;
	struct refslab_heap *heap;
	unsigned int starts[3], stops[3];
	unsigned int wrong;	/* calls out of turn */
	bool inside;
	u64 live_at_start;
	struct refslab_gc_info last;
};

static int witness(struct notifier_block *nb, unsigned long action, void *data)
{
	struct witness *w = container_of(nb, struct witness, nb);
	const struct refslab_gc_info *info = data;

	/* sleeping is allowed */
	might_sleep();
	if (info->generation > 2) {
		w->wrong++;
	} else if (action == REFSLAB_GC_START) {
		w->wrong += w->inside || info->collected || info->duration_ns;
		w->inside = true;
		w->starts[info->generation]++;
		w->live_at_start = refslab_count(w->heap);
	} else if (action == REFSLAB_GC_STOP) {
		w->wrong += !w->inside || !info->duration_ns;
		w->inside = false;
		w->stops[info->generation]++;
		w->last = *info;
	} else {
		w->wrong++;
	}
	return NOTIFY_OK;
}

static void make_garbage(struct kunit *test, struct refslab_type *type, unsigned int n)
{
	struct refslab_object *obj;

	while (n--) {
		obj = refslab_fixture_object(test, type);
		refslab_link(obj, 0, obj);
		refslab_put(obj);
	}
}

static void start_and_stop_of_every_scan(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct witness w = { .nb.notifier_call = witness, .heap = heap };
	unsigned int g;

	refslab_collect(heap, 2);
	KUNIT_ASSERT_EQ(test, refslab_notifier_register(heap, &w.nb), 0);
	for (g = 0; g < 3; g++) {
		make_garbage(test, type, 10 + g);
		KUNIT_EXPECT_EQ(test, refslab_collect(heap, g), 10 + g);
		KUNIT_EXPECT_EQ(test, w.starts[g], 1);
		KUNIT_EXPECT_EQ(test, w.stops[g], 1);
		KUNIT_EXPECT_EQ(test, w.live_at_start, 10 + g);
		KUNIT_EXPECT_EQ(test, w.last.generation, g);
		KUNIT_EXPECT_EQ(test, w.last.collected, 10 + g);
		KUNIT_EXPECT_EQ(test, w.last.uncollectable, 0);
		KUNIT_EXPECT_LT(test, w.last.duration_ns, 10ULL * NSEC_PER_SEC);
	}
	KUNIT_EXPECT_EQ(test, w.wrong, 0);
	KUNIT_EXPECT_EQ(test, refslab_notifier_unregister(heap, &w.nb), 0);
	KUNIT_EXPECT_EQ(test, refslab_notifier_unregister(heap, &w.nb), -ENOENT);
	refslab_collect(heap, 2);
	KUNIT_EXPECT_EQ(test, w.starts[2], 1);
}

static void automatic_scans_tell_too(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct witness w[2] = {
		{ .nb.notifier_call = witness, .heap = heap },
		{ .nb.notifier_call = witness, .heap = heap },
	};
	unsigned int i;

	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, refslab_notifier_register(heap, &w[i].nb), 0);
	refslab_enable(heap);
	make_garbage(test, type, 2000);
	for (i = 0; i < 500 && !READ_ONCE(w[1].stops[0]); i++)
		msleep(20);
	refslab_disable(heap);
	flush_work(&heap->gc.work);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, refslab_notifier_unregister(heap, &w[i].nb), 0);
		KUNIT_EXPECT_GE(test, w[i].stops[0], 1);
		KUNIT_EXPECT_EQ(test, w[i].starts[0], w[i].stops[0]);
		KUNIT_EXPECT_EQ(test, w[i].stops[0], heap->gc.generation[0].collections);
		KUNIT_EXPECT_EQ(test, w[i].wrong, 0);
	}
	refslab_collect(heap, 2);
}

/* Garbage that is kept was collected, as Python counts. */
static void saved_garbage_counts(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 1, 0, 0);
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct witness w = { .nb.notifier_call = witness, .heap = heap };

	KUNIT_ASSERT_EQ(test, refslab_notifier_register(heap, &w.nb), 0);
	refslab_set_debug(heap, REFSLAB_DEBUG_SAVEALL);
	make_garbage(test, type, 5);
	refslab_collect(heap, 1);
	KUNIT_EXPECT_EQ(test, w.last.collected, 5);
	refslab_set_debug(heap, 0);
	refslab_empty_garbage(heap);
	refslab_collect(heap, 2);
	KUNIT_EXPECT_EQ(test, w.last.collected, 5);
	KUNIT_EXPECT_EQ(test, refslab_notifier_unregister(heap, &w.nb), 0);
}

static u64 waiting(struct kunit *test)
{
	struct refslab_stat stat;

	refslab_heap_stat(refslab_fixture_heap(test), &stat);
	return stat.events;
}

static void events_are_counted(struct kunit *test)
{
	const struct refslab_type_params params = {
		.name = "event", .body = 8, .flags = REFSLAB_TYPE_USER | REFSLAB_TYPE_NOTIFY,
	};
	struct refslab_events *events = &refslab_fixture_objects(test)->events;
	struct refslab_object *obj;
	struct refslab_type *type;
	unsigned int i;

	type = refslab_type_create(refslab_fixture_objects(test), &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	refslab_event_listen(events);
	KUNIT_EXPECT_EQ(test, waiting(test), 0);
	for (i = 0; i < 3; i++)
		refslab_put(refslab_fixture_object(test, type));
	KUNIT_EXPECT_EQ(test, waiting(test), 3);
	obj = refslab_event_take(events);
	KUNIT_EXPECT_EQ(test, waiting(test), 2);
	refslab_event_untake(events, obj);
	KUNIT_EXPECT_EQ(test, waiting(test), 3);
	refslab_fixture_check(test);
	while ((obj = refslab_event_take(events)))
		refslab_put(obj);
	KUNIT_EXPECT_EQ(test, waiting(test), 0);
	refslab_event_unlisten(events);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(start_and_stop_of_every_scan),
	KUNIT_CASE(automatic_scans_tell_too),
	KUNIT_CASE(saved_garbage_counts),
	KUNIT_CASE(events_are_counted),
	{}
};

static struct kunit_suite suite = {
	.name = "refslab-notifier",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
