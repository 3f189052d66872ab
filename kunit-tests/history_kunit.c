// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories of six objects against a plain model: after every step both must agree on who is
 * alive and in which generation, whose finalizer ran, and which weak references are dead. One
 * thread, so all of it is exact.
 *
 * refslab_kunit.histories= says how many (default 2000), refslab_kunit.history_seed= where to
 * begin.
 */
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#include "../kmod/refslab.h"
#include "fixture.h"

static unsigned int histories = 2000;
module_param(histories, uint, 0444);
MODULE_PARM_DESC(histories, "random histories compared with a model");
static unsigned int history_seed = 1;
module_param(history_seed, uint, 0444);
MODULE_PARM_DESC(history_seed, "number of the first history");

#define NR	6
#define SLOTS	2
#define STEPS	60
#define NOBODY	-1

/* What the model knows of an object. */
struct model {
	bool alive;
	bool finalizer;		/* its type has one */
	bool rescues;		/* which keeps a reference */
	bool finalized;
	bool weak;		/* there is a weak reference */
	bool cleared;		/* which is dead */
	unsigned int generation;
	unsigned int held;	/* by the test */
	int slot[SLOTS];
};

/* And what is there. */
struct real {
	struct refslab_object *obj;
	struct refslab_object *weak;
	unsigned int rescued;	/* references the finalizer kept */
	bool rescues;
	bool released;
};

static struct history {
	struct refslab_heap *heap;
	struct refslab_type *plain, *final;
	struct model model[NR];
	struct real real[NR];
	struct rnd_state rnd;
} *h;

static u32 pick(u32 n)
{
	return prandom_u32_state(&h->rnd) % n;
}

/* --- the model ------------------------------------------------------------------------------ */

static unsigned int count(int i)
{
	unsigned int n = h->model[i].held;
	int k, s;

	for (k = 0; k < NR; k++)
		for (s = 0; s < SLOTS; s++)
			n += h->model[k].alive && h->model[k].slot[s] == i;
	return n;
}

static void finalize(struct model *m)
{
	m->cleared = true;
	if (!m->finalizer || m->finalized)
		return;
	m->finalized = true;
	m->held += m->rescues;
}

/* Destroys whoever has no reference any more, until there is nobody. */
static void settle(void)
{
	struct model *m;
	bool found;
	int i;

	do {
		found = false;
		for (i = 0; i < NR; i++) {
			m = &h->model[i];
			if (!m->alive || count(i))
				continue;
			finalize(m);
			/* brought back, it begins anew */
			if (m->held)
				m->generation = 0;
			else
				m->alive = false;
			found = true;
		}
	} while (found);
}

static void reach(int i, unsigned long within, unsigned long *reached)
{
	int s;

	if (i == NOBODY || !test_bit(i, &within) || __test_and_set_bit(i, reached))
		return;
	for (s = 0; s < SLOTS; s++)
		reach(h->model[i].slot[s], within, reached);
}

/* Whoever of a set is reachable from a reference that is not in it. */
static unsigned long reachable(unsigned long set)
{
	unsigned long reached = 0;
	struct model *m;
	int i, s;

	for (i = 0; i < NR; i++) {
		m = &h->model[i];
		if (test_bit(i, &set) && m->held)
			reach(i, set, &reached);
		for (s = 0; s < SLOTS; s++)
			if (m->alive && !test_bit(i, &set))
				reach(m->slot[s], set, &reached);
	}
	return reached;
}

static unsigned int model_collect(unsigned int generation)
{
	unsigned long set = 0, dead;
	unsigned int found = 0;
	int i, s;

	for (i = 0; i < NR; i++)
		if (h->model[i].alive && h->model[i].generation <= generation)
			__set_bit(i, &set);
	dead = set & ~reachable(set);
	for_each_set_bit(i, &set, NR)
		h->model[i].generation = min(generation + 1, 2U);
	for_each_set_bit(i, &dead, NR)
		finalize(&h->model[i]);
	dead &= ~reachable(dead);
	for_each_set_bit(i, &dead, NR) {
		h->model[i].alive = false;
		for (s = 0; s < SLOTS; s++)
			h->model[i].slot[s] = NOBODY;
		found++;
	}
	settle();
	return found;
}

/* --- and the real thing --------------------------------------------------------------------- */

/* The payload is the object's number. */
static struct real *real_of(void *obj)
{
	return &h->real[*(u64 *)refslab_payload(obj)];
}

static void real_finalize(void *obj)
{
	struct real *r = real_of(obj);

	if (r->rescues) {
		refslab_get(obj);
		r->rescued++;
	}
}

static void real_release(void *obj)
{
	real_of(obj)->released = true;
}

static const struct refslab_type_ops plain_ops = {
	.name = "plain", .nr_slots = SLOTS, .payload = 8, .cache_limit = 4, .weakref = true,
	.release = real_release,
};

static const struct refslab_type_ops final_ops = {
	.name = "final", .nr_slots = SLOTS, .payload = 8, .cache_limit = 4, .weakref = true,
	.release = real_release, .finalize = real_finalize,
};

static void make(struct kunit *test, int i)
{
	struct model *m = &h->model[i];
	struct real *r = &h->real[i];

	*m = (struct model){
		.alive = true, .held = 1, .finalizer = pick(2), .rescues = pick(3) == 0,
		.slot = { NOBODY, NOBODY },
	};
	*r = (struct real){ .rescues = m->rescues };
	r->obj = refslab_alloc(m->finalizer ? h->final : h->plain, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r->obj);
	*(u64 *)refslab_payload(r->obj) = i;
}

static void link(int i, unsigned int slot, int to)
{
	h->model[i].slot[slot] = to;
	settle();
	refslab_link(h->real[i].obj, slot, to == NOBODY ? NULL : h->real[to].obj);
}

static void drop(int i)
{
	h->model[i].held--;
	settle();
	refslab_put(h->real[i].obj);
}

static void make_weak(struct kunit *test, int i)
{
	h->model[i].weak = true;
	h->model[i].cleared = false;
	h->real[i].weak = refslab_weak(h->real[i].obj, NULL, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->real[i].weak);
}

static void drop_weak(int i)
{
	h->model[i].weak = false;
	refslab_put(h->real[i].weak);
	h->real[i].weak = NULL;
}

static void step(struct kunit *test)
{
	int i = pick(NR), to = pick(NR);
	struct model *m = &h->model[i];
	unsigned int slot = pick(SLOTS), generation = pick(3);
	struct refslab_object *got;

	switch (pick(12)) {
	case 0 ... 2:
		if (!m->alive && !m->weak)
			make(test, i);
		break;
	case 3 ... 5:
		if (m->held && h->model[to].held)
			link(i, slot, to);
		break;
	case 6:
		if (m->held)
			link(i, slot, NOBODY);
		break;
	case 7 ... 8:
		if (m->held)
			drop(i);
		break;
	case 9:
		if (m->held && !m->weak)
			make_weak(test, i);
		else if (m->weak && pick(2))
			drop_weak(i);
		break;
	case 10:
		/* garbage that nobody has found yet comes back, too */
		got = m->weak ? refslab_upgrade(h->real[i].weak) : NULL;
		if (m->weak)
			KUNIT_EXPECT_EQ(test, !!got, m->alive && !m->cleared);
		m->held += !!got;
		break;
	default:
		KUNIT_EXPECT_EQ(test, refslab_collect(h->heap, generation),
				(long)model_collect(generation));
		break;
	}
}

/* A description of the first difference, or NULL. */
static const char *difference(void)
{
	struct refslab_object *got;
	struct model *m;
	struct real *r;
	int i;

	for (i = 0; i < NR; i++) {
		m = &h->model[i];
		r = &h->real[i];
		if (!r->obj)
			continue;
		if (m->alive == r->released)
			return m->alive ? "dead, and should not be" : "alive, and should not be";
		/* not always: who was upgraded is a candidate of the next scan anyway */
		if (m->weak && !pick(8)) {
			got = refslab_upgrade(r->weak);
			refslab_put(got);
			if (!!got != (m->alive && !m->cleared))
				return "weak reference";
		}
		if (!m->alive)
			continue;
		if (refslab_fixture_count(r->obj) != count(i))
			return "count";
		if (refslab_finalize_done(r->obj) != m->finalized)
			return "finalizer";
		if (refslab_generation_of(r->obj) != m->generation)
			return "generation";
	}
	return NULL;
}

/* Everybody goes; finalizers may bring some back once. */
static void end(struct kunit *test)
{
	int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < NR; i++)
			while (h->model[i].held)
				drop(i);
		model_collect(2);
		refslab_collect(h->heap, 2);
	}
	for (i = 0; i < NR; i++)
		if (h->model[i].weak)
			drop_weak(i);
	KUNIT_EXPECT_EQ(test, refslab_fixture_live(h->heap), 0ULL);
}

static void histories_match_a_model(struct kunit *test)
{
	const char *what = NULL;
	unsigned int n, i;

	refslab_compat_param("histories", &histories);
	refslab_compat_param("history_seed", &history_seed);
	h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, h);
	h->heap = refslab_fixture_heap(test);
	h->plain = refslab_type_register(h->heap, &plain_ops);
	h->final = refslab_type_register(h->heap, &final_ops);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->plain);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->final);
	for (n = 0; n < histories && !what; n++) {
		prandom_seed_state(&h->rnd, history_seed + n);
		memset(h->model, 0, sizeof(h->model));
		memset(h->real, 0, sizeof(h->real));
		for (i = 0; i < STEPS && !what; i++) {
			step(test);
			what = difference();
		}
		if (what)
			KUNIT_FAIL(test, "history %u, step %u: %s", history_seed + n, i, what);
		end(test);
		cond_resched();
	}
	kunit_info(test, "%u histories\n", n);
}

static struct kunit_case history_cases[] = {
	KUNIT_CASE(histories_match_a_model),
	{}
};

static struct kunit_suite history_suite = {
	.name = "refslab-history",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = history_cases,
};

kunit_test_suite(history_suite);
