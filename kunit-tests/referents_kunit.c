// SPDX-License-Identifier: GPL-2.0
/*
 * What an object refers to, and who refers to it.
 */
#include <linux/err.h>

#include "../kmod/refslab.h"
#include "fixture.h"

#define MANY	1000

/* A type whose references are in its payload, the second at any time NULL. */
struct pouch {
	void *first, *never, *last;
};

static void pouch_traverse(void *obj, refslab_visit_t visit, void *arg)
{
	struct pouch *pouch = refslab_payload(obj);

	visit(pouch->first, arg);
	visit(pouch->never, arg);
	visit(pouch->last, arg);
}

static void pouch_clear(void *obj, void *drop)
{
	struct pouch *pouch = refslab_payload(obj);

	refslab_drop(drop, pouch->first);
	refslab_drop(drop, pouch->last);
	pouch->first = NULL;
	pouch->last = NULL;
}

static const struct refslab_type_ops pouch_ops = {
	.name = "pouch", .nr_slots = 2, .payload = sizeof(struct pouch), .cache_limit = 8,
	.traverse = pouch_traverse, .clear = pouch_clear,
};

struct found {
	struct refslab_object *obj[16];
	unsigned int nr;
	unsigned int stop_at;	/* give up when there are so many */
};

static int find(void *obj, void *arg)
{
	struct found *found = arg;

	if (found->nr < ARRAY_SIZE(found->obj))
		found->obj[found->nr] = obj;
	found->nr++;
	return found->nr == found->stop_at ? 77 : 0;
}

static bool has(const struct found *found, const struct refslab_object *obj)
{
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, found->nr, ARRAY_SIZE(found->obj)); i++)
		if (found->obj[i] == obj)
			return true;
	return false;
}

static void referents_come_in_order(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 5, 8, 0);
	struct refslab_object *obj = refslab_fixture_object(test, type);
	struct refslab_object *a = refslab_fixture_int(test, 1000), *b = refslab_fixture_list(test);
	struct found found = { };

	KUNIT_EXPECT_EQ(test, refslab_referents(obj, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 0);
	KUNIT_EXPECT_EQ(test, refslab_referents(a, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 0);
	/* one for each reference, empty slots left out */
	refslab_link(obj, 1, b);
	refslab_link(obj, 2, a);
	refslab_link(obj, 4, b);
	KUNIT_EXPECT_EQ(test, refslab_referents(obj, find, &found), 0);
	KUNIT_ASSERT_EQ(test, found.nr, 3);
	KUNIT_EXPECT_PTR_EQ(test, found.obj[0], b);
	KUNIT_EXPECT_PTR_EQ(test, found.obj[1], a);
	KUNIT_EXPECT_PTR_EQ(test, found.obj[2], b);
	/* what the function returns ends it, and no reference is left */
	found = (struct found) { .stop_at = 2 };
	KUNIT_EXPECT_EQ(test, refslab_referents(obj, find, &found), 77);
	KUNIT_EXPECT_EQ(test, found.nr, 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 3);
	refslab_put(obj);
	refslab_put(a);
	refslab_put(b);
}

static struct refslab_object *make_pouch(struct kunit *test, void *first, void *last)
{
	struct refslab_type *type = refslab_type_register(refslab_fixture_heap(test), &pouch_ops);
	struct refslab_object *obj;
	struct pouch *pouch;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	obj = refslab_fixture_object(test, type);
	pouch = refslab_payload(obj);
	refslab_assign(obj, &pouch->first, first);
	refslab_assign(obj, &pouch->last, last);
	return obj;
}

static void traverse_tells_the_rest(struct kunit *test)
{
	struct refslab_object *a = refslab_fixture_int(test, 1000), *b = refslab_fixture_list(test);
	struct refslab_object *obj = make_pouch(test, a, b), *to[8];
	struct found found = { };
	u64 cursor;
	unsigned int i, n, grain;

	refslab_link(obj, 1, b);
	/* the slots first, then the payload's; at any grain */
	for (grain = 1; grain <= 4; grain++) {
		cursor = 0;
		n = 0;
		do {
			n += refslab_referents_take(obj, &cursor, to + n, grain);
			KUNIT_ASSERT_LE(test, n, 3);
		} while (cursor);
		KUNIT_ASSERT_EQ(test, n, 3);
		KUNIT_EXPECT_PTR_EQ(test, to[0], b);
		KUNIT_EXPECT_PTR_EQ(test, to[1], a);
		KUNIT_EXPECT_PTR_EQ(test, to[2], b);
		for (i = 0; i < n; i++)
			refslab_put(to[i]);
	}
	KUNIT_EXPECT_EQ(test, refslab_referrers(a, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 1);
	KUNIT_EXPECT_PTR_EQ(test, found.obj[0], obj);
	refslab_put(obj);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(a), 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(b), 1);
	refslab_put(a);
	refslab_put(b);
}

/* Longer than what is read under one hold of the lock, and than the room there is. */
static void long_lists_come_in_parts(struct kunit *test)
{
	struct refslab_object *list = refslab_fixture_list(test), *to[64], *element;
	unsigned int n = 0, i, k, wrong = 0;
	u64 first = 0, cursor = 0;

	refslab_fixture_pin(test, cpumask_first(cpu_online_mask));
	for (i = 0; i < MANY; i++) {
		element = refslab_fixture_int(test, 10000 + i);
		first = i ? first : element->id;
		KUNIT_ASSERT_EQ(test, refslab_table_append(list, element, GFP_KERNEL), 0);
		refslab_put(element);
	}
	refslab_fixture_unpin(test);
	do {
		k = refslab_referents_take(list, &cursor, to, ARRAY_SIZE(to));
		KUNIT_EXPECT_TRUE(test, k == ARRAY_SIZE(to) || !cursor);
		for (i = 0; i < k; i++, n++) {
			wrong += to[i]->id != first + n || refslab_fixture_count(to[i]) != 2;
			refslab_put(to[i]);
		}
	} while (cursor);
	KUNIT_EXPECT_EQ(test, n, MANY);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	refslab_put(list);
}

static void referrers_are_all_found(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 8, 0);
	struct refslab_object *x = refslab_fixture_object(test, type), *other;
	struct refslab_object *by_slot = refslab_fixture_object(test, type);
	struct refslab_object *far = refslab_fixture_list(test);
	struct found found = { };
	unsigned int i;

	other = refslab_fixture_int(test, 1000);
	KUNIT_EXPECT_EQ(test, refslab_referrers(x, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 0);
	/* twice in one object is once; at the far end of a long list; itself; nobody else */
	refslab_link(by_slot, 0, x);
	refslab_link(by_slot, 1, x);
	for (i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, refslab_table_append(far, other, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, refslab_table_append(far, x, GFP_KERNEL), 0);
	refslab_link(x, 1, x);
	KUNIT_EXPECT_EQ(test, refslab_referrers(x, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 3);
	KUNIT_EXPECT_TRUE(test, has(&found, by_slot));
	KUNIT_EXPECT_TRUE(test, has(&found, far));
	KUNIT_EXPECT_TRUE(test, has(&found, x));
	found = (struct found) { .stop_at = 1 };
	KUNIT_EXPECT_EQ(test, refslab_referrers(x, find, &found), 77);
	KUNIT_EXPECT_EQ(test, found.nr, 1);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(x), 5);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(far), 1);
	refslab_link(x, 1, NULL);
	refslab_put(by_slot);
	refslab_put(far);
	refslab_put(x);
	refslab_put(other);
}

static int find_object(struct refslab_object *obj, void *arg)
{
	return find(obj, arg);
}

/* A search goes on where its budget ended. */
static void searches_go_on(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 1, 0, 0);
	struct refslab_object *x = refslab_fixture_object(test, type), **obj;
	struct found found = { };
	unsigned int i, calls = 0;
	u64 cursor = 0;
	int ret;

	obj = kunit_kcalloc(test, MANY, sizeof(*obj), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	for (i = 0; i < MANY; i++) {
		obj[i] = refslab_fixture_object(test, type);
		if (i % 100 == 50)
			refslab_link(obj[i], 0, x);
	}
	do {
		ret = refslab_referents_search(x, &cursor, 64, find_object, &found);
		KUNIT_EXPECT_EQ(test, !ret, !cursor);
		calls++;
	} while (ret == 1 && calls < MANY);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, found.nr, 10);
	/* 64 a call */
	KUNIT_EXPECT_EQ(test, calls, DIV_ROUND_UP(MANY + 1, 64));
	for (i = 0; i < MANY; i++)
		refslab_put(obj[i]);
	refslab_put(x);
}

/* Garbage that is not yet found is still there, and is found afterwards none the less. */
static void garbage_can_be_looked_at(struct kunit *test)
{
	struct refslab_type *type = refslab_fixture_type(test, "node", 2, 0, 0);
	struct refslab_object *leaf = refslab_fixture_list(test), *a;
	struct found found = { };

	a = refslab_fixture_object(test, type);
	refslab_link(a, 0, a);
	refslab_link(a, 1, leaf);
	refslab_put(a);
	KUNIT_EXPECT_EQ(test, refslab_referrers(leaf, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 1);
	KUNIT_EXPECT_EQ(test, refslab_collect(refslab_fixture_heap(test), 2), 1);
	found.nr = 0;
	KUNIT_EXPECT_EQ(test, refslab_referrers(leaf, find, &found), 0);
	KUNIT_EXPECT_EQ(test, found.nr, 0);
	refslab_put(leaf);
}

/* --- while others work ---------------------------------------------------------------------- */

struct race {
	struct kunit *test;
	struct refslab_type *type;
	struct refslab_object *hub, *list;
	atomic_t makers;
	u64 seen;
};

static int count(void *obj, void *arg)
{
	*(u64 *)arg += 1;
	return 0;
}

/* Everybody refers to the hub and is referred to by the list, for a while; some stay. */
static void change(struct race *race)
{
	struct refslab_object *obj;
	int i;

	for (i = 0; i < 20100; i++) {
		obj = refslab_alloc(race->type, GFP_KERNEL);
		if (!obj)
			break;
		refslab_link(obj, 0, race->hub);
		if (i % 3)
			refslab_link(obj, 1, obj);
		if (!refslab_table_insert(race->list, 0, obj, GFP_KERNEL) && i % 500 >= 250) {
			refslab_put(refslab_table_take(race->list, 0));
			refslab_put(refslab_table_take(race->list, 0));
		}
		refslab_put(obj);
		cond_resched();
	}
	atomic_dec(&race->makers);
}

static void look_or_change(unsigned int nr, void *arg)
{
	struct race *race = arg;
	bool last;

	if (nr) {
		change(race);
		return;
	}
	/* once more when all is done, as others may not get to run before that */
	do {
		last = !atomic_read(&race->makers);
		refslab_referrers(race->hub, count, &race->seen);
		refslab_referents(race->list, count, &race->seen);
		refslab_collect(refslab_fixture_heap(race->test), race->seen % 3);
	} while (!last);
}

static void looking_disturbs_nobody(struct kunit *test)
{
	struct race race = {
		.test = test,
		.type = refslab_fixture_type(test, "node", 2, 0, 10),
		.hub = refslab_fixture_list(test),
		.list = refslab_fixture_list(test),
		.makers = ATOMIC_INIT(num_online_cpus() - 1),
	};

	refslab_fixture_on_cpus(test, look_or_change, &race);
	if (num_online_cpus() > 1)
		KUNIT_EXPECT_GT(test, race.seen, 0);
	refslab_fixture_check_held(test, (struct refslab_object *[]) { race.hub, race.list }, 2);
	refslab_put(race.list);
	refslab_collect(refslab_fixture_heap(test), 2);
	KUNIT_EXPECT_EQ(test, refslab_fixture_count(race.hub), 1);
	refslab_put(race.hub);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(refslab_fixture_heap(test)), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(referents_come_in_order),
	KUNIT_CASE(traverse_tells_the_rest),
	KUNIT_CASE(long_lists_come_in_parts),
	KUNIT_CASE(referrers_are_all_found),
	KUNIT_CASE(searches_go_on),
	KUNIT_CASE(garbage_can_be_looked_at),
	KUNIT_CASE(looking_disturbs_nobody),
	{}
};

static struct kunit_suite suite = {
	.name = "refslab-referents",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
