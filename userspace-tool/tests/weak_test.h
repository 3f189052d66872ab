/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of weak references, finalizers and events share. */
#ifndef _WEAK_TEST_H
#define _WEAK_TEST_H

#include "refslab_test.h"

#define STAT(field)	(test_stat(self->fd).field)

#define LINK(from, slot, to)	ASSERT_EQ(0, CALL(SETSLOT, from, slot, to))
#define APPEND(list, to)	ASSERT_EQ(0, CALL(APPEND, list, to))
#define CLOSE(h)		ASSERT_EQ(0, CALL(CLOSE, h))
#define EXPECT_COUNT(n, h)	EXPECT_EQ(n, test_refcount(self->fd, h))
#define EXPECT_SAME(a, b)	EXPECT_EQ(1, CALL(IS, a, b))
#define EXPECT_DEAD(w)		EXPECT_EQ(0, CALL(DEREF, w))

#define EXPECT_NO_EVENT()	EXPECT_EQ(0, test_event(self->fd).event)

/* The next event is of this kind and of this object; its handle. */
#define EVENT(kind, of) ({						\
	struct refslab_event_record __e = test_event(self->fd);		\
									\
	EXPECT_EQ(REFSLAB_EVENT_##kind, __e.event);			\
	EXPECT_EQ(of, __e.id);						\
	EXPECT_EQ(0, __e.reserved[0] | __e.reserved[1]);		\
	(__s64)__e.handle;						\
})

/* Objects of every shape. */

FIXTURE(shape) {
	struct test_heap heap;
	int fd;
	__s64 weakable, final;	/* types; the latter weakable, too */
};

FIXTURE_VARIANT(shape) {
	__u32 nr_slots, payload, flags;
};

FIXTURE_VARIANT_ADD(shape, atom) {
	.payload = 16,
};

FIXTURE_VARIANT_ADD(shape, container) {
	.nr_slots = 2,
	.payload = 16,
};

FIXTURE_VARIANT_ADD(shape, acyclic) {
	.nr_slots = 2,
	.payload = 16,
	.flags = REFSLAB_TYPE_ACYCLIC,
};

/* The payload ends at an odd address, and in blocks of their own. */
FIXTURE_VARIANT_ADD(shape, large) {
	.nr_slots = 300,
	.payload = 5001,
};

FIXTURE_SETUP(shape)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, &self->heap, 0);
	self->fd = self->heap.fd;
	ASSERT_EQ(0, test_nonblock(self->fd, true));
	ASSERT_EQ(0, CALL(DISABLE));
	self->weakable = test_type(self->fd, "weakable", variant->nr_slots, variant->payload, 4,
				   variant->flags | REFSLAB_TYPE_WEAKREF);
	self->final = test_type(self->fd, "final", variant->nr_slots, variant->payload, 4,
				variant->flags | REFSLAB_TYPE_FINALIZER | REFSLAB_TYPE_WEAKREF);
	ASSERT_LT(0, self->weakable);
	ASSERT_LT(0, self->final);
}

FIXTURE_TEARDOWN(shape)
{
	test_heap_close(_metadata, &self->heap);
}

/* A heap with types for graphs, of 2 slots: @node weakable, @final with a finalizer, too. */
static inline void test_graph_open(struct __test_metadata *_metadata, struct test_heap *heap,
				   __s64 *plain, __s64 *node, __s64 *final)
{
	ASSERT_EQ(0, test_pin());
	test_heap_open(_metadata, heap, 0);
	ASSERT_EQ(0, test_nonblock(heap->fd, true));
	ASSERT_EQ(0, call(heap->fd, DISABLE));
	*plain = test_type(heap->fd, "plain", 2, 8, 0, 0);
	*node = test_type(heap->fd, "node", 2, 8, 0, REFSLAB_TYPE_WEAKREF);
	*final = test_type(heap->fd, "final", 2, 8, 0,
			   REFSLAB_TYPE_WEAKREF | REFSLAB_TYPE_FINALIZER);
	ASSERT_LT(0, *plain);
	ASSERT_LT(0, *node);
	ASSERT_LT(0, *final);
}

FIXTURE(graph) {
	struct test_heap heap;
	int fd;
	__s64 plain, node, final;	/* types */
};

FIXTURE_SETUP(graph)
{
	test_graph_open(_metadata, &self->heap, &self->plain, &self->node, &self->final);
	self->fd = self->heap.fd;
}

FIXTURE_TEARDOWN(graph)
{
	test_heap_close(_metadata, &self->heap);
}

/* Handles of new ones. */
#define PLAIN()	NEW(NEW, self->plain)
#define NODE()	NEW(NEW, self->node)
#define FINAL()	NEW(NEW, self->final)

#endif /* _WEAK_TEST_H */
