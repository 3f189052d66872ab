// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: threads race on the same objects.
 *
 * Handles stand in a table that all threads share. To use one it is only read, so that its object
 * may go, and its number come to mean another object, at any moment: operations then fail with
 * -ENOENT or one of the errors of an object that is not what was expected. To drop one it is
 * exchanged for another, so that each is closed exactly once, and closing must succeed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "stress_race.h"

#define MAX_INDEX	16	/* lists stay about that short */
#define BURST		64	/* operations of a burst */

static const struct {
	const char *name;
	int err;
} race_errors[RACE_ERRORS] = {
	[RACE_ENOENT] = { "ENOENT", -ENOENT },
	[RACE_EPROTOTYPE] = { "EPROTOTYPE", -EPROTOTYPE },
	[RACE_ERANGE] = { "ERANGE", -ERANGE },
	[RACE_ENODATA] = { "ENODATA", -ENODATA },
	[RACE_ENOKEY] = { "ENOKEY", -ENOKEY },
	[RACE_ESTALE] = { "ESTALE", -ESTALE },
};

bool refslab_race_did(struct race_thread *t, unsigned int opcode, int err, unsigned int allowed)
{
	unsigned int i;

	t->operations++;
	if (!err)
		return true;
	for (i = 0; i < RACE_ERRORS; i++) {
		if (err != race_errors[i].err || !(allowed & 1u << i))
			continue;
		t->errors[i]++;
		return false;
	}
	return refslab_stress_check(t->stress, opcode, err);
}

void refslab_race_drop(struct race_thread *t, __u32 handle)
{
	if (handle)
		refslab_race_did(t, REFSLAB_OP_CLOSE, refslab_op_close(t->session, handle), 0);
}

/* Gives a handle to the table, which may be 0, and drops the one that was in its place. */
static void put(struct race_thread *t, __u32 handle, enum race_kind kind)
{
	__u64 entry = (__u64)kind << 32 | handle;

	entry = atomic_exchange(&t->table[below(t, t->stress->objects)], entry);
	refslab_race_drop(t, entry);
}

__u32 refslab_race_pick(struct race_thread *t)
{
	unsigned int i;
	__u32 handle = 0;

	for (i = 0; !handle && i < 8; i++)
		handle = atomic_load(&t->table[below(t, t->stress->objects)]);
	return handle;
}

__u32 refslab_race_pick_kind(struct race_thread *t, enum race_kind kind)
{
	unsigned int i;
	__u64 entry;

	for (i = 0; i < 16; i++) {
		entry = atomic_load(&t->table[below(t, t->stress->objects)]);
		if (entry && entry >> 32 == kind)
			return entry;
	}
	return refslab_race_pick(t);
}

static enum race_kind kind_of(const struct race_thread *t, __u32 type)
{
	enum model_kind kind;

	for (kind = MODEL_LIST; kind < MODEL_KINDS; kind++)
		if (type == t->stress->built_in[kind])
			return (enum race_kind)kind;
	if (type == t->stress->type[STRESS_NODE] || type == t->stress->type[STRESS_WIDE])
		return RACE_NODE;
	return RACE_OTHER;
}

void refslab_race_follow(struct race_thread *t, unsigned int opcode, __u32 handle, __u64 index,
			 unsigned int allowed)
{
	struct refslab_op ops[2] = {
		{ .opcode = opcode, .arg = { handle, index } },
		{ .opcode = REFSLAB_OP_TYPEOF, .from = 1 },
	};
	unsigned int done;
	int err = refslab_session_submit(t->session, ops, 2, &done);

	/* Nobody can drop the new handle, so that the second operation has no excuse. */
	if (!refslab_race_did(t, done ? REFSLAB_OP_TYPEOF : opcode, err, done ? 0 : allowed))
		return;
	t->operations++;
	if (opcode == REFSLAB_OP_DUP || below(t, 2))
		put(t, ops[0].result[0], kind_of(t, ops[1].result[0]));
	else
		refslab_race_drop(t, ops[0].result[0]);
}

static int do_make(struct race_thread *t, unsigned int opcode, __u32 *handle)
{
	struct refslab_op op = { .opcode = opcode };
	int err = refslab_session_submit(t->session, &op, 1, NULL);

	*handle = op.result[0];
	return err;
}

static void make(struct race_thread *t)
{
	unsigned int opcode, what = below(t, 26);
	enum race_kind kind = RACE_OTHER;
	char text[64];
	__u32 handle;
	int err;

	memset(text, 'a' + what, sizeof(text));
	if (what < 6) {
		opcode = REFSLAB_OP_LIST;
		kind = RACE_LIST;
		err = refslab_op_list(t->session, &handle);
	} else if (what < 8) {
		opcode = REFSLAB_OP_INT;
		err = refslab_op_int(t->session, t->operations, &handle);
	} else if (what < 10) {
		opcode = REFSLAB_OP_STR;
		err = refslab_op_str(t->session, text, below(t, sizeof(text)), &handle);
	} else if (what >= 20) {
		kind = RACE_DICT + what % 3;
		opcode = refslab_stress_makes[kind];
		err = do_make(t, opcode, &handle);
	} else {
		/* Nodes mostly. */
		enum stress_type type = what < 16 ? STRESS_NODE : what - 16;

		opcode = REFSLAB_OP_NEW;
		kind = kind_of(t, t->stress->type[type]);
		err = refslab_op_new(t->session, t->stress->type[type], &handle);
	}
	if (refslab_race_did(t, opcode, err, 0))
		put(t, handle, kind);
}

/* A node and a list that refer to each other and to a shared object, dropped in the same call. */
static void make_garbage(struct race_thread *t)
{
	struct refslab_batch *b = t->batch;
	struct refslab_operand node, list;
	unsigned int done;
	__u32 other = refslab_race_pick(t);
	int err;

	refslab_batch_reset(b);
	node = refslab_result(refslab_batch_op(b, REFSLAB_OP_NEW,
					       refslab_value(t->stress->type[STRESS_NODE])));
	list = refslab_result(refslab_batch_op(b, REFSLAB_OP_LIST));
	refslab_batch_op(b, REFSLAB_OP_APPEND, list, node);
	refslab_batch_op(b, REFSLAB_OP_SETSLOT, node, refslab_value(0), list);
	refslab_batch_op(b, REFSLAB_OP_CLOSE, node);
	refslab_batch_op(b, REFSLAB_OP_APPEND, list, refslab_value(other));
	refslab_batch_op(b, REFSLAB_OP_CLOSE, list);
	err = refslab_batch_submit(b, t->session, &done);
	/* Only the shared object may be missing; the list's handle is then still there. */
	if (!refslab_race_did(t, refslab_batch_opcode(b, done), err, done == 5 ? ANY_OBJECT : 0) &&
	    done == 5)
		refslab_race_drop(t, refslab_batch_result(b, 1, 0));
	t->operations += done;
}

static void use_slot(struct race_thread *t)
{
	__u32 object = refslab_race_pick_kind(t, RACE_NODE);
	unsigned int i = below(t, 4);
	int err;

	switch (below(t, 8)) {
	case 0:
	case 1:
		refslab_race_follow(t, REFSLAB_OP_SLOT, object, i, SLOT);
		break;
	case 2:
		err = refslab_op_clearslot(t->session, object, i);
		refslab_race_did(t, REFSLAB_OP_CLEARSLOT, err, INDEXED);
		break;
	default:
		err = refslab_op_setslot(t->session, object, i, refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_SETSLOT, err, INDEXED);
	}
}

static void use_list(struct race_thread *t)
{
	__u32 list = refslab_race_pick_kind(t, RACE_LIST);
	unsigned int i = below(t, MAX_INDEX);
	__u64 len;
	int err;

	switch (below(t, 12)) {
	case 0:
		err = refslab_op_insert(t->session, list, i / 4, refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_INSERT, err, INDEXED);
		break;
	case 1:
		refslab_race_follow(t, REFSLAB_OP_POP, list, i, INDEXED);
		break;
	case 2:
		err = refslab_op_setitem(t->session, list, i, refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_SETITEM, err, INDEXED);
		break;
	case 3:
		err = refslab_op_delitem(t->session, list, i / 2);
		refslab_race_did(t, REFSLAB_OP_DELITEM, err, INDEXED);
		break;
	case 4:
	case 5:
		refslab_race_follow(t, REFSLAB_OP_ITEM, list, i / 2, INDEXED);
		break;
	case 6:
		err = refslab_op_len(t->session, list, &len);
		if (refslab_race_did(t, REFSLAB_OP_LEN, err, ONE_TYPE) && len > MAX_INDEX) {
			err = refslab_op_delitem(t->session, list, 0);
			refslab_race_did(t, REFSLAB_OP_DELITEM, err, INDEXED);
		}
		break;
	default:
		err = refslab_op_append(t->session, list, refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_APPEND, err, ONE_TYPE);
	}
}

static void look(struct race_thread *t)
{
	struct refslab_block block;
	__u32 object = refslab_race_pick(t);
	char bytes[32] = { };
	unsigned int generation;
	bool flag;
	__s64 value;
	__u64 n;
	__u32 count;
	int err;

	switch (below(t, 9)) {
	case 0:
		err = refslab_op_refcount(t->session, object, &count);
		refslab_race_did(t, REFSLAB_OP_REFCOUNT, err, ANY_OBJECT);
		break;
	case 1:
		err = refslab_op_id(t->session, object, &n);
		refslab_race_did(t, REFSLAB_OP_ID, err, ANY_OBJECT);
		break;
	case 2:
		err = refslab_op_tracked(t->session, object, &flag, &generation);
		refslab_race_did(t, REFSLAB_OP_TRACKED, err, ANY_OBJECT);
		break;
	case 3:
		err = refslab_op_typeof(t->session, object, bytes, sizeof(bytes), NULL, NULL);
		refslab_race_did(t, REFSLAB_OP_TYPEOF, err, ANY_OBJECT);
		break;
	case 4:
		err = refslab_op_is(t->session, object, refslab_race_pick(t), &flag);
		refslab_race_did(t, REFSLAB_OP_IS, err, ANY_OBJECT);
		break;
	case 5:
		err = refslab_op_block(t->session, object, &block);
		refslab_race_did(t, REFSLAB_OP_BLOCK, err, ANY_OBJECT);
		break;
	case 6:
		err = refslab_op_int_value(t->session, object, &value);
		refslab_race_did(t, REFSLAB_OP_INT_VALUE, err, ONE_TYPE);
		break;
	case 7:
		err = refslab_op_write(t->session, object, below(t, 32), bytes, 1);
		refslab_race_did(t, REFSLAB_OP_WRITE, err, INDEXED);
		break;
	default:
		err = refslab_op_read(t->session, object, below(t, 32), bytes, 1);
		refslab_race_did(t, REFSLAB_OP_READ, err, INDEXED);
	}
}

/*
 * Many links in one call, where nothing but the kernel takes time. An operation that fails stops
 * the call: what is behind it is submitted again.
 */
static void burst(struct race_thread *t)
{
	static const __u16 opcodes[] = {
		REFSLAB_OP_SETSLOT, REFSLAB_OP_SETSLOT, REFSLAB_OP_SETSLOT, REFSLAB_OP_SETSLOT,
		REFSLAB_OP_INSERT, REFSLAB_OP_INSERT, REFSLAB_OP_SETITEM, REFSLAB_OP_SETITEM,
		REFSLAB_OP_CLEARSLOT, REFSLAB_OP_DELITEM,
		REFSLAB_OP_DICT_SETITEM, REFSLAB_OP_DICT_DELITEM,
	};
	struct refslab_op ops[BURST] = { };
	unsigned int i, at = 0, done;
	int err;

	for (i = 0; i < BURST; i++) {
		bool is_dict;

		ops[i].opcode = opcodes[below(t, ARRAY_SIZE(opcodes))];
		is_dict = ops[i].opcode == REFSLAB_OP_DICT_SETITEM ||
			  ops[i].opcode == REFSLAB_OP_DICT_DELITEM;
		if (ops[i].opcode == REFSLAB_OP_SETSLOT || ops[i].opcode == REFSLAB_OP_CLEARSLOT)
			ops[i].arg[0] = refslab_race_pick_kind(t, RACE_NODE);
		else
			ops[i].arg[0] = refslab_race_pick_kind(t, is_dict ? RACE_DICT : RACE_LIST);
		ops[i].arg[1] = is_dict ? refslab_race_pick(t) : below(t, 3);
		if (ops[i].opcode != REFSLAB_OP_CLEARSLOT && ops[i].opcode != REFSLAB_OP_DELITEM &&
		    ops[i].opcode != REFSLAB_OP_DICT_DELITEM)
			ops[i].arg[2] = refslab_race_pick(t);
	}
	while (at < BURST && !atomic_load(&t->stress->stop)) {
		err = refslab_session_submit(t->session, ops + at, BURST - at, &done);
		t->operations += done;
		at += done;
		if (err)
			refslab_race_did(t, ops[at].opcode, err, INDEXED | KEYED);
		at++;
	}
}

/* Now and then, what concerns the whole heap. */
static void use_heap(struct race_thread *t)
{
	struct refslab_record records[256];
	__u64 cursor = 0, bytes;
	size_t count;
	int err;

	if (below(t, 2)) {
		err = refslab_op_trim(t->session, &bytes);
		refslab_race_did(t, REFSLAB_OP_TRIM, err, 0);
		return;
	}
	do {
		err = refslab_op_objects(t->session, &cursor, REFSLAB_GEN_ALL, records,
					 ARRAY_SIZE(records), &count);
	} while (refslab_race_did(t, REFSLAB_OP_OBJECTS, err, 0) && cursor &&
		 !atomic_load(&t->stress->stop));
}

static void *race(void *arg)
{
	struct race_thread *t = arg;

	while (!atomic_load(&t->stress->stop)) {
		unsigned int what = below(t, 10000);

		if (atomic_load(&t->stress->crowded) && what & 1)
			put(t, 0, RACE_OTHER);
		else if (what < 1700)
			make(t);
		else if (what < 2000)
			make_garbage(t);
		else if (what < 2800)
			put(t, 0, RACE_OTHER);
		else if (what < 3100)
			refslab_race_follow(t, REFSLAB_OP_DUP, refslab_race_pick(t), 0, ANY_OBJECT);
		else if (what < 4000)
			burst(t);
		else if (what < 6000)
			use_slot(t);
		else if (what < 7800)
			use_list(t);
		else if (what < 9200)
			refslab_race_keyed(t);
		else if (what < 9998)
			look(t);
		else
			use_heap(t);
	}
	return NULL;
}

static void print_thread(struct stress *stress, unsigned int number, struct race_thread *t)
{
	struct json_object *o, *errors;
	unsigned int i;

	if (!stress->json) {
		if (!number) {
			printf("%-6s  %12s", "thread", "operations");
			for (i = 0; i < RACE_ERRORS; i++)
				printf("  %10s", race_errors[i].name);
			putchar('\n');
		}
		printf("%6u  %12llu", number, t->operations);
		for (i = 0; i < RACE_ERRORS; i++)
			printf("  %10llu", t->errors[i]);
		putchar('\n');
		return;
	}
	o = json_object_new_object();
	errors = json_object_new_object();
	json_object_object_add(o, "thread", json_object_new_int64(number));
	json_object_object_add(o, "operations", json_object_new_uint64(t->operations));
	for (i = 0; i < RACE_ERRORS; i++)
		json_object_object_add(errors, race_errors[i].name,
				       json_object_new_uint64(t->errors[i]));
	json_object_object_add(o, "errors", errors);
	refslab_tool_json(o);
}

/* Threads start with numbers of their own and end when the time is over or one has failed. */
static void run_threads(struct stress *stress, struct race_thread *threads)
{
	const struct timespec tick = { .tv_nsec = 50 * 1000000 };
	struct timespec now, end;
	unsigned int i, started;
	int err;

	for (started = 0; started < stress->threads; started++) {
		struct race_thread *t = &threads[started];

		err = pthread_create(&t->thread, NULL, race, t);
		if (err) {
			refslab_stress_fail(stress, "no thread: %s", strerror(err));
			break;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += stress->seconds;
	do {
		nanosleep(&tick, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!atomic_load(&stress->stop) && (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec)));
	atomic_store(&stress->stop, true);
	for (i = 0; i < started; i++)
		pthread_join(threads[i].thread, NULL);
}

void refslab_stress_race(struct stress *stress)
{
	atomic_ullong *table = calloc(stress->objects, sizeof(*table));
	struct race_thread *threads = calloc(stress->threads, sizeof(*threads));
	unsigned int i;

	if (!table || !threads) {
		refslab_stress_fail(stress, "no memory");
		goto out;
	}
	for (i = 0; i < stress->threads; i++) {
		threads[i].stress = stress;
		threads[i].session = stress->session;
		threads[i].table = table;
		threads[i].batch = refslab_batch_new();
		refslab_stress_seed(&threads[i].random, stress->seed, i);
		if (!threads[i].batch) {
			refslab_stress_fail(stress, "no memory");
			goto out;
		}
	}
	if (refslab_stress_start_collector(stress)) {
		run_threads(stress, threads);
		refslab_stress_join_collector(stress);
		refslab_stress_invariants(stress);
	}
	for (i = 0; i < stress->threads; i++)
		print_thread(stress, i, &threads[i]);
	for (i = 0; i < stress->objects; i++)
		refslab_race_drop(&threads[0], (__u32)atomic_exchange(&table[i], 0));
out:
	for (i = 0; threads && i < stress->threads; i++)
		refslab_batch_free(threads[i].batch);
	free(threads);
	free((void *)table);
}
