/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of objects and types share: a heap for each test, which must be empty, sound and
 * gone at the test's end.
 */
#ifndef _REFSLAB_KUNIT_FIXTURE_H
#define _REFSLAB_KUNIT_FIXTURE_H

#include <kunit/test.h>

#include "../kmod/heap.h"
#include "../kmod/types/types.h"

/**
 * struct refslab_fixture - a test's surroundings, in test->priv
 * @heap:	with the built-in types, automatic scans off
 * @heaps:	how many heaps there were before
 */
struct refslab_fixture {
	struct refslab_heap *heap;
	unsigned int heaps;
};

/* .init and .exit of a suite */
int refslab_fixture_init(struct kunit *test);
void refslab_fixture_exit(struct kunit *test);

static inline struct refslab_heap *refslab_fixture_heap(struct kunit *test)
{
	return ((struct refslab_fixture *)test->priv)->heap;
}

static inline struct refslab_objects *refslab_fixture_objects(struct kunit *test)
{
	return &refslab_fixture_heap(test)->objects;
}

struct refslab_heap *refslab_fixture_extra_heap(struct kunit *test);
void refslab_fixture_settle(struct refslab_heap *heap);
void refslab_fixture_check(struct kunit *test);
void refslab_fixture_check_held(struct kunit *test, struct refslab_object *const *held, size_t nr);
u64 refslab_fixture_live(struct refslab_heap *heap);
u64 refslab_fixture_freed(struct refslab_type *type);
u64 refslab_fixture_hits(struct refslab_type *type);

/* Types without kernel functions, and objects of them; the test ends when there is no memory. */
struct refslab_type *refslab_fixture_type(struct kunit *test, const char *name, u32 nr_slots,
					  u32 body, u32 cache_limit);
struct refslab_object *refslab_fixture_object(struct kunit *test, struct refslab_type *type);
/* Its own object, also when there is a constant with the value. */
struct refslab_object *refslab_fixture_int(struct kunit *test, s64 value);
struct refslab_object *refslab_fixture_list(struct kunit *test);

/* One thread for each online CPU runs @fn there; waits for all. @fn gets a number from 0. */
void refslab_fixture_on_cpus(struct kunit *test, void (*fn)(unsigned int nr, void *arg), void *arg);

/* The test's own thread stays on one CPU, or may run anywhere again. */
void refslab_fixture_pin(struct kunit *test, unsigned int cpu);
void refslab_fixture_unpin(struct kunit *test);

/**
 * struct refslab_fixture_worker - the heap's worker kept from working
 * @wq:		runs one work at a time
 * @block:	waits for @go
 * @go:		ends that
 * @heap:	whose
 * @before:	the heap's own workqueue
 */
struct refslab_fixture_worker {
	struct workqueue_struct *wq;
	struct work_struct block;
	struct completion go;
	struct refslab_heap *heap;
	struct workqueue_struct *before;
};

void refslab_fixture_worker_stop(struct kunit *test, struct refslab_fixture_worker *worker,
				 struct refslab_heap *heap);
void refslab_fixture_worker_go(struct refslab_fixture_worker *worker);

static inline u32 refslab_fixture_count(const struct refslab_object *obj)
{
	return refslab_word_count(refslab_word_read(&obj->word));
}

static inline u32 refslab_fixture_version(const struct refslab_object *obj)
{
	return refslab_word_version(refslab_word_read(&obj->word));
}

/* Pretends that there are @n more references, or fewer: 2^27 real ones take 1 GiB of slots. */
static inline void refslab_fixture_pretend(struct refslab_object *obj, s32 n)
{
	atomic64_add(n, &obj->word);
}

#endif /* _REFSLAB_KUNIT_FIXTURE_H */
