// SPDX-License-Identifier: GPL-2.0
/*
 * Mappable payloads: zeroed pages of their own, places in the window, what keeps a place, and that
 * each attempt to get memory may fail.
 */
#include <linux/fs.h>
#include <linux/rwsem.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "mem_fixture.h"

static struct refslab_payload *make(struct kunit *test, u32 bytes)
{
	struct refslab_payload *payload;

	payload = refslab_payload_alloc(mem_of(test), bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, payload);
	return payload;
}

static u64 reserved(struct kunit *test)
{
	return atomic64_read(&mem_of(test)->reserved);
}

/* Gone when this returns. */
static void drop(struct kunit *test, struct refslab_payload *payload)
{
	refslab_payload_free(payload);
	refslab_payload_reap(mem_of(test), U64_MAX);
}

static void payload_pages(struct kunit *test)
{
	static const u32 sizes[] = { 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 600 * PAGE_SIZE };
	unsigned int i, round;
	unsigned long n;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct refslab_payload *payload = make(test, sizes[i]);

			KUNIT_EXPECT_EQ(test, payload->nr, DIV_ROUND_UP(sizes[i], PAGE_SIZE));
			KUNIT_EXPECT_EQ(test, payload->first, 1);
			KUNIT_EXPECT_EQ(test, reserved(test), payload->nr * PAGE_SIZE);
			for (n = 0; n < payload->nr; n++) {
				void *page = page_address(payload->pages[n]);

				KUNIT_ASSERT_NULL(test, memchr_inv(page, 0, PAGE_SIZE));
				KUNIT_ASSERT_EQ(test, page_count(payload->pages[n]), 1);
				/* to be found by the next one */
				memset(page, 0xa5, PAGE_SIZE);
			}
			MEM_EXPECT_SOUND(test);
			drop(test, payload);
			KUNIT_EXPECT_EQ(test, reserved(test), 0);
			MEM_EXPECT_SOUND(test);
		}
	}
}

static void payload_copy(struct kunit *test)
{
	struct refslab_payload *payload = make(test, 3 * PAGE_SIZE);
	u8 *from = kunit_kzalloc(test, 3 * PAGE_SIZE, GFP_KERNEL);
	u8 *to = kunit_kzalloc(test, 3 * PAGE_SIZE, GFP_KERNEL);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, from);
	KUNIT_ASSERT_NOT_NULL(test, to);
	for (i = 0; i < 3 * PAGE_SIZE; i++)
		from[i] = i * 13 + i / 251;
	refslab_payload_copy(payload, 0, from, 3 * PAGE_SIZE, true);
	refslab_payload_copy(payload, 0, to, 3 * PAGE_SIZE, false);
	KUNIT_EXPECT_EQ(test, memcmp(from, to, 3 * PAGE_SIZE), 0);
	/* across a border, and nothing beside it */
	refslab_payload_copy(payload, PAGE_SIZE - 3, "border", 6, true);
	memcpy(from + PAGE_SIZE - 3, "border", 6);
	refslab_payload_copy(payload, 0, to, 3 * PAGE_SIZE, false);
	KUNIT_EXPECT_EQ(test, memcmp(from, to, 3 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(page_address(payload->pages[1]), "der", 3), 0);
	drop(test, payload);
}

/* The lowest place that is large enough; the first page is nobody's. */
static void payload_places(struct kunit *test)
{
	struct refslab_payload *payload[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		payload[i] = make(test, 10 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, payload[i]->first, 1 + 10 * i);
	}
	drop(test, payload[1]);
	payload[1] = make(test, 11 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, payload[1]->first, 41);
	drop(test, payload[2]);
	payload[2] = make(test, 20 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, payload[2]->first, 11);
	MEM_EXPECT_SOUND(test);
	for (i = 0; i < 4; i++)
		drop(test, payload[i]);
	payload[0] = make(test, 1);
	KUNIT_EXPECT_EQ(test, payload[0]->first, 1);
	drop(test, payload[0]);
}

static void payload_find(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *a = make(test, 4 * PAGE_SIZE), *b = make(test, 4 * PAGE_SIZE);
	static const struct { unsigned long first, nr; int which; } cases[] = {
		{ 0, 1, 0 }, { 0, 4, 0 }, { 1, 0, 1 }, { 1, 1, 1 }, { 1, 4, 1 }, { 1, 5, 0 },
		{ 2, 3, 1 }, { 2, 4, 0 }, { 4, 1, 1 }, { 4, 2, 0 }, { 5, 1, 2 }, { 5, 4, 2 },
		{ 8, 1, 2 }, { 8, 2, 0 }, { 9, 1, 0 }, { 1, ULONG_MAX, 0 }, { ULONG_MAX, 1, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refslab_payload *found, *wanted[] = { NULL, a, b };

		found = refslab_payload_find(mem, cases[i].first, cases[i].nr);
		KUNIT_EXPECT_PTR_EQ_MSG(test, found, wanted[cases[i].which], "case %u", i);
		if (found)
			refslab_payload_put(found);
	}
	drop(test, a);
	KUNIT_EXPECT_NULL(test, refslab_payload_find(mem, 1, 1));
	drop(test, b);
	KUNIT_EXPECT_NULL(test, refslab_payload_find(mem, 5, 1));
}

/* A mapping keeps the place of a dead payload, and none of its pages. */
static void payload_kept(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *payload = make(test, 4 * PAGE_SIZE), *other;
	struct page *page = payload->pages[0];

	KUNIT_ASSERT_PTR_EQ(test, refslab_payload_find(mem, 2, 2), payload);
	get_page(page);
	memset(page_address(page), 0x11, PAGE_SIZE);
	drop(test, payload);
	KUNIT_EXPECT_NULL(test, payload->pages);
	KUNIT_EXPECT_EQ(test, reserved(test), 0);
	/* who has a reference on a page keeps that, as it was */
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0x11, PAGE_SIZE));
	put_page(page);
	KUNIT_EXPECT_NULL(test, refslab_payload_find(mem, 2, 2));
	other = make(test, 1);
	KUNIT_EXPECT_EQ(test, other->first, 5);
	MEM_EXPECT_SOUND(test);
	drop(test, other);
	refslab_payload_put(payload);
	other = make(test, 1);
	KUNIT_EXPECT_EQ(test, other->first, 1);
	drop(test, other);
}

/* Dead ones are the worker's, wherever they died; those who can wait may do it themselves. */
static void payload_reap(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	static DEFINE_SPINLOCK(some_lock);
	unsigned int i;

	/* keeps the worker waiting */
	mutex_lock(&mem->unmap_lock);
	for (i = 0; i < 3; i++) {
		struct refslab_payload *payload = make(test, 10 * PAGE_SIZE);

		spin_lock(&some_lock);
		refslab_payload_free(payload);
		spin_unlock(&some_lock);
	}
	KUNIT_EXPECT_EQ(test, reserved(test), 30 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->window.dying), 3);
	mutex_unlock(&mem->unmap_lock);
	refslab_payload_reap(mem, U64_MAX);
	KUNIT_EXPECT_EQ(test, reserved(test), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->window.dying), 0);
	/* or the worker alone */
	for (i = 0; i < 3; i++)
		refslab_payload_free(make(test, 10 * PAGE_SIZE));
	flush_work(&mem->unmap_work);
	KUNIT_EXPECT_EQ(test, reserved(test), 0);
}

/* What waits to be freed is no reason to fail. */
static void payload_limit(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *payload;
	unsigned int i;

	mem->max_bytes = 8 * PAGE_SIZE;
	for (i = 0; i < 20; i++)
		refslab_payload_free(make(test, 8 * PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, refslab_payload_alloc(mem, 8 * PAGE_SIZE + 1, GFP_KERNEL));
	payload = make(test, 4 * PAGE_SIZE + 1);
	KUNIT_EXPECT_NULL(test, refslab_payload_alloc(mem, 4 * PAGE_SIZE, GFP_KERNEL));
	drop(test, payload);
	drop(test, make(test, 8 * PAGE_SIZE));
	mem->max_bytes = 0;
}

/* No memory changes nothing, wherever it is missing. */
static void payload_no_memory(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *kept = make(test, 5 * PAGE_SIZE), *payload = NULL;
	unsigned int nth;

	for (nth = 1; nth < 100; nth++) {
		atomic_set(&mem->fail_at, nth);
		payload = refslab_payload_alloc(mem, 3 * PAGE_SIZE, GFP_KERNEL);
		atomic_set(&mem->fail_at, 0);
		if (payload)
			break;
		KUNIT_EXPECT_EQ(test, reserved(test), 5 * PAGE_SIZE);
		MEM_EXPECT_SOUND(test);
	}
	/* charge, descriptor, array, pages (at once, or one by one), place */
	KUNIT_EXPECT_GE(test, nth, 6);
	KUNIT_EXPECT_LE(test, nth, 8);
	KUNIT_ASSERT_NOT_NULL(test, payload);
	KUNIT_EXPECT_EQ(test, payload->first, 6);
	drop(test, payload);
	drop(test, kept);
}

/* A place is given back also when the first attempt to erase it finds no memory. */
static void payload_erase_no_memory(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *payload = make(test, 4 * PAGE_SIZE), *other;

	KUNIT_ASSERT_PTR_EQ(test, refslab_payload_find(mem, 1, 1), payload);
	drop(test, payload);
	KUNIT_EXPECT_FALSE(test, mtree_empty(&mem->window.tree));
	atomic_set(&mem->fail_at, 1);
	refslab_payload_put(payload);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->fail_at), 0);
	KUNIT_EXPECT_TRUE(test, mtree_empty(&mem->window.tree));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&mem->window.lock));
	MEM_EXPECT_SOUND(test);
	/* by the worker, too, on its way through all that is dead */
	payload = make(test, 4 * PAGE_SIZE);
	other = make(test, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, payload->first, 1);
	atomic_set(&mem->fail_at, 1);
	refslab_payload_free(payload);
	refslab_payload_free(other);
	flush_work(&mem->unmap_work);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->fail_at), 0);
	KUNIT_EXPECT_TRUE(test, mtree_empty(&mem->window.tree));
	KUNIT_EXPECT_EQ(test, reserved(test), 0);
	MEM_EXPECT_SOUND(test);
}

/* A live one without references is damage; a dead one is not, which waits to be erased. */
static void payload_check_refs(struct kunit *test)
{
	struct refslab_mem *mem = mem_of(test);
	struct refslab_payload *payload = make(test, PAGE_SIZE);
	u64 bytes;

	refcount_set(&payload->refs, 0);
	KUNIT_EXPECT_FALSE(test, refslab_payload_check(mem, &bytes));
	refcount_set(&payload->refs, 1);
	KUNIT_EXPECT_TRUE(test, refslab_payload_check(mem, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, PAGE_SIZE);
	KUNIT_ASSERT_PTR_EQ(test, refslab_payload_find(mem, 1, 1), payload);
	drop(test, payload);
	refcount_set(&payload->refs, 0);
	KUNIT_EXPECT_TRUE(test, refslab_payload_check(mem, &bytes));
	KUNIT_EXPECT_EQ(test, bytes, 0);
	refcount_set(&payload->refs, 1);
	refslab_payload_put(payload);
}

/* One each in turn, for ever so often: places do not leak, and never overlap. */
static void payload_random(struct kunit *test)
{
	struct refslab_payload *payload[32] = { };
	unsigned int i, at;

	for (i = 0; i < 2000; i++) {
		at = i * 7919 % 32;
		if (payload[at])
			refslab_payload_free(payload[at]);
		payload[at] = make(test, 1 + i * 104729 % (20 * PAGE_SIZE));
		if (i % 100 == 99)
			MEM_EXPECT_SOUND(test);
	}
	for (at = 0; at < 32; at++)
		drop(test, payload[at]);
	KUNIT_EXPECT_EQ(test, reserved(test), 0);
	KUNIT_EXPECT_TRUE(test, mtree_empty(&mem_of(test)->window.tree));
}

static struct kunit_case mem_payload_cases[] = {
	KUNIT_CASE(payload_pages),
	KUNIT_CASE(payload_copy),
	KUNIT_CASE(payload_places),
	KUNIT_CASE(payload_find),
	KUNIT_CASE(payload_kept),
	KUNIT_CASE(payload_reap),
	KUNIT_CASE(payload_limit),
	KUNIT_CASE(payload_no_memory),
	KUNIT_CASE(payload_erase_no_memory),
	KUNIT_CASE(payload_check_refs),
	KUNIT_CASE(payload_random),
	{ }
};

static struct kunit_suite mem_payload_suite = {
	.name = "refslab-mem-payload",
	.init = mem_fixture_init,
	.exit = mem_fixture_exit,
	.test_cases = mem_payload_cases,
};

kunit_test_suite(mem_payload_suite);
