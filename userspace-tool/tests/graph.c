// SPDX-License-Identifier: GPL-2.0
/*
 * Random graphs against plain reachability. Each seed builds a graph of lists and nodes, edits and
 * drops at random, and says beforehand what reference counting alone frees, what is unreachable
 * then, and what survives with which counts and edges. collect(2) must agree exactly.
 *
 * REFSLAB_TEST_SEEDS: how many seeds (200), REFSLAB_TEST_SEED: the first (1),
 * REFSLAB_TEST_OBJECTS: objects of a graph (10000).
 */
#include "refslab_test.h"

#define NODE_SLOTS	4
#define BATCH		4096

struct model_object {
	__s64 handle;		/* 0: dropped */
	__u64 id;
	bool list;
	bool alive;
	bool seen;
	__u32 count;		/* references, handles included */
	__u32 nr_edges;
	__u32 room;
	int *edges;		/* numbers of objects; -1: an empty slot */
};

struct model {
	int n;
	struct model_object *objects;
	int *stack;
};

struct batch {
	int fd;
	int err;
	unsigned int n;
	struct refslab_op ops[BATCH];
};

FIXTURE(graph) {
	struct test_heap heap;
	int fd;
	struct model model;
	struct batch *batch;
};

FIXTURE_SETUP(graph)
{
	self->model.n = test_env("REFSLAB_TEST_OBJECTS", 10000);
	self->model.objects = calloc(self->model.n, sizeof(*self->model.objects));
	self->model.stack = calloc(self->model.n, sizeof(*self->model.stack));
	self->batch = calloc(1, sizeof(*self->batch));
	ASSERT_NE(NULL, self->model.objects);
	ASSERT_NE(NULL, self->model.stack);
	ASSERT_NE(NULL, self->batch);
	self->heap.fd = -1;
}

FIXTURE_TEARDOWN(graph)
{
	test_heap_close(_metadata, &self->heap);
}

/* Collections on the way may not find anything: everything has a handle then. */
static void flush(struct batch *b)
{
	unsigned int i;

	if (b->n)
		b->err = b->err ?: test_submit(b->fd, b->ops, b->n, NULL);
	for (i = 0; i < b->n; i++)
		if (b->ops[i].opcode == REFSLAB_OP_COLLECT && b->ops[i].result[0])
			b->err = b->err ?: -EBADMSG;
	b->n = 0;
}

static void add(struct batch *b, struct refslab_op op)
{
	if (b->n == BATCH)
		flush(b);
	b->ops[b->n++] = op;
}

static void model_push(struct model_object *o, int to)
{
	if (o->nr_edges == o->room) {
		o->room = o->room ? 2 * o->room : 4;
		o->edges = realloc(o->edges, o->room * sizeof(*o->edges));
		if (!o->edges)
			abort();
	}
	o->edges[o->nr_edges++] = to;
}

/* A reference is gone; whatever reaches 0 dies, with all that only it held. */
static void model_put(struct model *m, int i)
{
	int n = 0;
	__u32 k;

	if (--m->objects[i].count)
		return;
	m->stack[n++] = i;
	while (n) {
		struct model_object *o = &m->objects[m->stack[--n]];

		o->alive = false;
		for (k = 0; k < o->nr_edges; k++)
			if (o->edges[k] >= 0 && !--m->objects[o->edges[k]].count)
				m->stack[n++] = o->edges[k];
		o->nr_edges = 0;
	}
}

/* Marks what handles reach; returns how many alive objects they do not. */
static int model_unreachable(struct model *m)
{
	int i, n = 0, unreachable = 0;
	__u32 k;

	for (i = 0; i < m->n; i++) {
		m->objects[i].seen = m->objects[i].handle;
		if (m->objects[i].seen)
			m->stack[n++] = i;
	}
	while (n) {
		struct model_object *o = &m->objects[m->stack[--n]];

		for (k = 0; k < o->nr_edges; k++) {
			if (o->edges[k] < 0 || m->objects[o->edges[k]].seen)
				continue;
			m->objects[o->edges[k]].seen = true;
			m->stack[n++] = o->edges[k];
		}
	}
	for (i = 0; i < m->n; i++)
		unreachable += m->objects[i].alive && !m->objects[i].seen;
	return unreachable;
}

/* Takes the unreachable out, and the references they held with them. */
static void model_collect(struct model *m)
{
	__u32 k;
	int i;

	for (i = 0; i < m->n; i++) {
		struct model_object *o = &m->objects[i];

		if (!o->alive || o->seen)
			continue;
		o->alive = false;
		for (k = 0; k < o->nr_edges; k++)
			if (o->edges[k] >= 0)
				m->objects[o->edges[k]].count--;
		o->nr_edges = 0;
	}
}

static int model_alive(const struct model *m)
{
	int i, n = 0;

	for (i = 0; i < m->n; i++)
		n += m->objects[i].alive;
	return n;
}

static void build_objects(struct model *m, struct batch *b, __s64 type, __u64 *seed)
{
	unsigned int lists = test_random(seed) % 100;
	int i, k, first;

	/* A pair of operations each, and ids and handles to take before the batch goes. */
	for (first = 0; first < m->n; first += BATCH / 2) {
		int n = m->n - first < BATCH / 2 ? m->n - first : BATCH / 2;

		for (i = 0; i < n; i++) {
			struct model_object *o = &m->objects[first + i];

			o->list = test_random(seed) % 100 < lists;
			add(b, o->list ? op(LIST) : op(NEW, type));
			add(b, opf(ID, F(0), 2 * i));
		}
		flush(b);
		for (i = 0; i < n; i++) {
			struct model_object *o = &m->objects[first + i];

			o->handle = b->ops[2 * i].result[0];
			o->id = b->ops[2 * i + 1].result[0];
			o->alive = true;
			o->count = 1;
			o->nr_edges = 0;
			for (k = 0; !o->list && k < NODE_SLOTS; k++)
				model_push(o, -1);
		}
	}
}

/* One random change of the edges of an object we have a handle of; to another likewise. */
static void edit(struct model *m, struct batch *b, __u64 *seed, bool local)
{
	int i = test_random(seed) % m->n, to, old = -1;
	struct model_object *o = &m->objects[i];
	unsigned int what = test_random(seed) % 16;
	__u32 at;

	to = local ? (int)((i + test_random(seed) % 8) % m->n) : (int)(test_random(seed) % m->n);
	if (!o->handle || !m->objects[to].handle)
		return;
	if (!o->list) {
		at = test_random(seed) % NODE_SLOTS;
		old = o->edges[at];
		if (what < 13) {
			add(b, op(SETSLOT, o->handle, at, m->objects[to].handle));
			o->edges[at] = to;
			m->objects[to].count++;
		} else {
			add(b, op(CLEARSLOT, o->handle, at));
			o->edges[at] = -1;
		}
	} else if (what < 10 || !o->nr_edges) {
		add(b, op(APPEND, o->handle, m->objects[to].handle));
		model_push(o, to);
		m->objects[to].count++;
	} else if (what < 12) {
		at = test_random(seed) % (o->nr_edges + 1);
		add(b, op(INSERT, o->handle, at, m->objects[to].handle));
		model_push(o, to);
		memmove(o->edges + at + 1, o->edges + at,
			(o->nr_edges - 1 - at) * sizeof(*o->edges));
		o->edges[at] = to;
		m->objects[to].count++;
	} else {
		at = test_random(seed) % o->nr_edges;
		old = o->edges[at];
		if (what < 14) {
			add(b, op(SETITEM, o->handle, at, m->objects[to].handle));
			o->edges[at] = to;
			m->objects[to].count++;
		} else {
			add(b, op(DELITEM, o->handle, at));
			memmove(o->edges + at, o->edges + at + 1,
				(--o->nr_edges - at) * sizeof(*o->edges));
		}
	}
	if (old >= 0)
		model_put(m, old);
}

/* Closes all handles but about @keep in 1000. */
static void drop_handles(struct model *m, struct batch *b, __u64 *seed, unsigned int keep)
{
	int i;

	for (i = 0; i < m->n; i++) {
		struct model_object *o = &m->objects[i];

		if (!o->handle || test_random(seed) % 1000 < keep)
			continue;
		add(b, op(CLOSE, o->handle));
		o->handle = 0;
		model_put(m, i);
	}
}

/* Everything the kernel has is what the model has: ids, counts, nothing more, nothing less. */
static void expect_objects(struct __test_metadata *_metadata, struct model *m, int fd, __u64 seed)
{
	int alive = model_alive(m), i, n, wrong = 0;
	struct refslab_record *records = calloc(alive + 64, sizeof(*records));

	ASSERT_TRUE(wait_for(TEST_SETTLE_MS, test_stat(fd).objects == (__u64)alive)) {
		TH_LOG("seed %llu: %llu objects, expected %d", (unsigned long long)seed,
		       (unsigned long long)test_stat(fd).objects, alive);
	}
	ASSERT_NE(NULL, records);
	n = test_records(fd, REFSLAB_GEN_ALL, records, alive + 64);
	ASSERT_EQ(alive, n);
	for (i = 0; i < m->n; i++) {
		const struct model_object *o = &m->objects[i];
		const struct refslab_record *r = test_record(records, n, o->id);

		if (o->alive != !!r || (r && r->refcount != o->count))
			wrong++;
	}
	free(records);
	ASSERT_EQ(0, wrong) {
		TH_LOG("seed %llu: %d objects are not what they should be",
		       (unsigned long long)seed, wrong);
	}
}

/* What of an object goes into the batch that is being filled. */
struct question {
	struct model_object *o;
	__u32 k;		/* its next edge */
	struct model_object *about[BATCH];
	struct model_object *empty;	/* has an empty slot, @empty_at */
	__u32 empty_at;
	struct refslab_record referents[NODE_SLOTS];	/* only counted */
};

static __u64 nr_referents(const struct model_object *o)
{
	__u64 n = 0;
	__u32 k;

	for (k = 0; k < o->nr_edges; k++)
		n += o->edges[k] >= 0;
	return n;
}

/*
 * The length of an object, and the next of its edges, as far as the batch has room. That a node's
 * other slots are empty is seen from how many references it has.
 */
static void ask(struct model *m, struct batch *b, struct question *q)
{
	struct model_object *o = q->o;

	if (!q->k) {
		q->about[b->n] = o;
		add(b, op(LEN, o->handle));
		if (!o->list) {
			q->about[b->n] = o;
			add(b, op(REFERENTS, o->handle, 0, ptr(q->referents),
				  sizeof(q->referents)));
		}
	}
	for (; q->k < o->nr_edges && b->n + 3 <= BATCH; q->k++) {
		struct model_object *to = &m->objects[o->edges[q->k]];

		if (o->edges[q->k] < 0) {
			q->empty = o;
			q->empty_at = q->k;
			continue;
		}
		add(b, o->list ? op(ITEM, o->handle, q->k) : op(SLOT, o->handle, q->k));
		q->about[b->n] = to;
		add(b, opf(ID, F(0), b->n - 1));
		if (to->handle)
			add(b, opf(CLOSE, F(0), b->n - 2));
		else
			to->handle = -1;
	}
}

/* Carries the batch out. Objects found for the first time come on the stack. */
static int wrong_answers(struct model *m, struct batch *b, struct question *q, int *n)
{
	unsigned int nr = b->n, i;
	int wrong = 0;

	flush(b);
	if (b->err)
		return 1;
	for (i = 0; i < nr; i++) {
		const struct refslab_op *answer = &b->ops[i];
		struct model_object *o = q->about[i];

		if (answer->opcode == REFSLAB_OP_LEN)
			wrong += answer->result[0] != o->nr_edges;
		if (answer->opcode == REFSLAB_OP_REFERENTS)
			wrong += answer->result[0] != nr_referents(o);
		if (answer->opcode != REFSLAB_OP_ID)
			continue;
		wrong += answer->result[0] != o->id;
		if (o->handle == -1) {
			o->handle = answer[-1].result[0];
			o->count++;
			m->stack[(*n)++] = o - m->objects;
		}
	}
	/* One of the empty ones is asked for itself: that ends a batch. */
	if (q->empty)
		wrong += call(b->fd, SLOT, q->empty->handle, q->empty_at) != -ENODATA;
	q->empty = NULL;
	return wrong;
}

/*
 * Walks along every edge of every survivor and compares the ids at its end. Objects without a
 * handle get one on the way.
 */
static void expect_edges(struct __test_metadata *_metadata, struct model *m, struct batch *b,
			 __u64 seed)
{
	struct question q = {};
	int i, n = 0, wrong = 0;

	for (i = 0; i < m->n; i++)
		if (m->objects[i].handle)
			m->stack[n++] = i;
	while (!b->err && (n || q.o)) {
		while (b->n + 5 <= BATCH && (n || q.o)) {
			if (!q.o) {
				q.o = &m->objects[m->stack[--n]];
				q.k = 0;
			}
			ask(m, b, &q);
			if (q.k == q.o->nr_edges)
				q.o = NULL;
		}
		wrong += wrong_answers(m, b, &q, &n);
	}
	for (i = 0; i < m->n; i++)
		if (m->objects[i].alive && !m->objects[i].handle)
			wrong++;
	ASSERT_EQ(0, wrong) {
		TH_LOG("seed %llu: %d edges are wrong", (unsigned long long)seed, wrong);
	}
}

static void one_graph(struct __test_metadata *_metadata, struct test_heap *heap, struct model *m,
		      struct batch *b, __u64 seed)
{
	static const unsigned int keep[] = { 2, 20, 100, 400 };
	__u64 random = seed * 1000003;
	int edits, i, round, expected;
	__s64 type, found;
	bool local;

	test_heap_open(_metadata, heap, 0);
	b->fd = heap->fd;
	ASSERT_EQ(0, call(b->fd, DISABLE));
	type = test_type(b->fd, "node", NODE_SLOTS, 8, 100, 0);
	build_objects(m, b, type, &random);
	ASSERT_EQ(0, b->err);
	/* From mostly trees to one knot; near edges make many small cycles, far ones one large. */
	edits = m->n / 2 + test_random(&random) % (3 * m->n);
	local = test_random(&random) % 2;
	for (i = 0; i < edits; i++) {
		edit(m, b, &random, local);
		if (seed % 3 == 0 && i % (m->n / 2) == 0)
			add(b, op(COLLECT, test_random(&random) % 3));
	}
	flush(b);
	ASSERT_EQ(0, b->err);

	for (round = 0; round < 3; round++) {
		if (round < 2)
			drop_handles(m, b, &random, keep[(seed + round) % 4]);
		else
			drop_handles(m, b, &random, 0);
		flush(b);
		ASSERT_EQ(0, b->err);
		expect_objects(_metadata, m, b->fd, seed);
		expected = model_unreachable(m);
		found = call(b->fd, COLLECT, 2);
		ASSERT_EQ(expected, found) {
			TH_LOG("seed %llu, round %d", (unsigned long long)seed, round);
		}
		model_collect(m);
		expect_objects(_metadata, m, b->fd, seed);
		ASSERT_EQ(0, call(b->fd, COLLECT, 2));
		/* From here on the survivors all have handles, to be dropped anew. */
		expect_edges(_metadata, m, b, seed);
		expect_objects(_metadata, m, b->fd, seed);
	}
	ASSERT_EQ(0, model_alive(m));
	test_heap_close(_metadata, heap);
}

TEST_F_TIMEOUT(graph, collect_finds_exactly_what_is_unreachable, 3600)
{
	unsigned long seeds = test_env("REFSLAB_TEST_SEEDS", 200);
	__u64 first = test_env("REFSLAB_TEST_SEED", 1), seed;

	for (seed = first; seed < first + seeds && _metadata->passed; seed++)
		one_graph(_metadata, &self->heap, &self->model, self->batch, seed);
	TH_LOG("%lu graphs of %d objects", seeds, self->model.n);
}

TEST_HARNESS_MAIN
