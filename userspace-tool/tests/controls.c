// SPDX-License-Identifier: GPL-2.0
/*
 * The controls that Python's gc module has beside collect, thresholds and counts, from user space.
 */
#include "weak_test.h"

#define FREEZE()	ASSERT_EQ(0, CALL(FREEZE))
#define UNFREEZE()	ASSERT_EQ(0, CALL(UNFREEZE))
#define EXPECT_GENERATION(g, h)	EXPECT_EQ(g, test_generation(self->fd, h))

/* --- freezing ------------------------------------------------------------------------------- */

TEST_F(graph, freeze)
{
	struct refslab_record records[8];
	__s64 a = PLAIN(), b, i = NEW(INT, 7);
	int n;

	ASSERT_EQ(0, CALL(COLLECT, 2));
	b = PLAIN();
	LINK(a, 0, b);
	LINK(b, 0, a);
	LINK(b, 1, i);
	EXPECT_EQ(0, CALL(FREEZECOUNT));
	FREEZE();
	EXPECT_EQ(2, CALL(FREEZECOUNT));
	EXPECT_GENERATION(REFSLAB_GEN_FROZEN, a);
	EXPECT_GENERATION(REFSLAB_GEN_FROZEN, b);
	EXPECT_GENERATION(-1, i);
	/* listed as such, and in no generation */
	n = test_records(self->fd, REFSLAB_GEN_FROZEN, records, 8);
	ASSERT_EQ(2, n);
	EXPECT_NE(NULL, test_record(records, n, test_id(self->fd, a)));
	EXPECT_NE(NULL, test_record(records, n, test_id(self->fd, b)));
	EXPECT_EQ(REFSLAB_GEN_FROZEN, records[0].generation);
	EXPECT_EQ(3, test_records(self->fd, REFSLAB_GEN_ALL, records, 8));
	for (n = 0; n < 3; n++)
		EXPECT_EQ(0, test_records(self->fd, n, records, 8));
	test_heap_check(_metadata, &self->heap);

	CLOSE(a);
	CLOSE(b);
	EXPECT_EQ(0, CALL(COLLECT, 2));
	EXPECT_EQ(3, STAT(objects));
	UNFREEZE();
	EXPECT_EQ(0, CALL(FREEZECOUNT));
	EXPECT_EQ(2, test_records(self->fd, 2, records, 8));
	EXPECT_EQ(0, CALL(COLLECT, 1));
	EXPECT_EQ(2, CALL(COLLECT, 2));
	EXPECT_EQ(1, STAT(objects));
}

TEST_F(graph, what_comes_after_a_freeze_is_scanned)
{
	__s64 old = PLAIN(), a;

	FREEZE();
	a = PLAIN();
	EXPECT_GENERATION(0, a);
	LINK(a, 0, a);
	LINK(a, 1, old);
	EXPECT_COUNT(2, old);
	CLOSE(a);
	EXPECT_EQ(1, CALL(COLLECT, 0));
	EXPECT_COUNT(1, old);
	/* a second freeze takes what came since, and keeps the first */
	a = PLAIN();
	EXPECT_EQ(1, CALL(FREEZECOUNT));
	FREEZE();
	EXPECT_EQ(2, CALL(FREEZECOUNT));
	/* frozen or not, the last reference is the end */
	CLOSE(old);
	EXPECT_EQ(1, CALL(FREEZECOUNT));
	EXPECT_EQ(1, STAT(objects));
	CLOSE(a);
}

TEST_F(graph, freeze_begins_to_count_anew)
{
	__u32 count[3];
	int i;

	for (i = 0; i < 5; i++)
		PLAIN();
	ASSERT_EQ(0, CALL(COLLECT, 0));
	for (i = 0; i < 3; i++)
		PLAIN();
	ASSERT_EQ(0, CALL(GET_COUNT, ptr(count), sizeof(count)));
	EXPECT_EQ(3, count[0]);
	EXPECT_EQ(1, count[1]);
	FREEZE();
	ASSERT_EQ(0, CALL(GET_COUNT, ptr(count), sizeof(count)));
	EXPECT_EQ(0, count[0] | count[1] | count[2]);
	EXPECT_EQ(8, CALL(FREEZECOUNT));
}

/* Finalizers of what was frozen are announced as ever. */
TEST_F(graph, frozen_objects_are_finalized)
{
	__s64 a = FINAL(), w = NEW(WEAK, a, REFSLAB_WEAK_CALLBACK), id = test_id(self->fd, a), h;

	FREEZE();
	CLOSE(a);
	EXPECT_DEAD(w);
	CLOSE(EVENT(WEAKREF, id));
	h = EVENT(FINALIZE, id);
	CLOSE(h);
	EXPECT_NO_EVENT();
	EXPECT_EQ(1, STAT(objects));
}

TEST_HARNESS_MAIN
