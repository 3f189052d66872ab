// SPDX-License-Identifier: GPL-2.0
/*
 * librefslab: what its header promises besides the operations, which the other tests have without
 * it. Many threads on one session; batches; sentences for errors.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include <librefslab.h>

#include "refslab_test.h"

FIXTURE(library) {
	struct refslab_session *s;
	struct test_heap heap;
};

FIXTURE_SETUP(library)
{
	ASSERT_EQ(0, refslab_session_open(NULL, &self->s));
	ASSERT_EQ(0, refslab_session_create(self->s, "library", 0, &self->heap.id));
	self->heap.fd = refslab_session_fd(self->s);
}

FIXTURE_TEARDOWN(library)
{
	test_heap_check(_metadata, &self->heap);
	refslab_session_close(self->s);
	test_expect_nothing_left(_metadata);
}

/* What each thread does with a list all share, and lists of its own in a ring. */
enum { ROUNDS = 3000 };

struct worker {
	struct refslab_session *s;
	__u32 shared;
	__s64 sum;		/* of the numbers it took out of the shared list */
	unsigned int taken;
	int err;
	pthread_t thread;
};

static int work_once(struct worker *w, int i)
{
	struct refslab_batch *b = refslab_batch_new();
	int number, list, err;
	__u32 x;
	__s64 value;

	if (!b)
		return -ENOMEM;
	number = refslab_batch_op(b, REFSLAB_OP_INT, refslab_value(i));
	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_value(w->shared), refslab_result(number));
	list = refslab_batch_op(b, REFSLAB_OP_LIST);
	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_result(list), refslab_result(list));
	refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(list));
	refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(number));
	err = refslab_batch_submit(b, w->s, NULL);
	refslab_batch_free(b);
	if (err || i % 2)
		return err;
	/* each leaves the list longer than it found it: there is an element */
	err = refslab_op_pop(w->s, w->shared, 0, &x);
	if (!err)
		err = refslab_op_int_value(w->s, x, &value);
	if (err)
		return err;
	w->sum += value;
	w->taken++;
	return refslab_op_close(w->s, x);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int i;

	for (i = 0; i < ROUNDS && !w->err; i++)
		w->err = work_once(w, i);
	return NULL;
}

/* Everything that was put in comes out once, and nothing else is left. */
TEST_F(library, two_threads_on_one_session)
{
	struct worker workers[2] = { };
	__s64 sum = 0, value;
	__u64 len, collected;
	unsigned int taken = 0, i;
	__u32 shared, x;

	ASSERT_EQ(0, refslab_op_list(self->s, &shared));
	for (i = 0; i < 2; i++) {
		workers[i].s = self->s;
		workers[i].shared = shared;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		ASSERT_EQ(0, workers[i].err);
		sum += workers[i].sum;
		taken += workers[i].taken;
	}
	EXPECT_EQ(ROUNDS, taken);
	ASSERT_EQ(0, refslab_op_len(self->s, shared, &len));
	ASSERT_EQ(ROUNDS, len);
	for (; len; len--) {
		ASSERT_EQ(0, refslab_op_pop(self->s, shared, 0, &x));
		ASSERT_EQ(0, refslab_op_int_value(self->s, x, &value));
		ASSERT_EQ(0, refslab_op_close(self->s, x));
		sum += value;
	}
	EXPECT_EQ(2ll * ROUNDS * (ROUNDS - 1) / 2, sum);
	ASSERT_EQ(0, refslab_op_close(self->s, shared));
	EXPECT_EQ(0, refslab_op_collect(self->s, 2, &collected, NULL));
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
	EXPECT_EQ(0, test_stat(self->heap.fd).handles);
}

/* A handle is closed by one thread only, whoever is quicker. */
struct closer {
	struct refslab_session *s;
	__u32 *handles;
	unsigned int closed;
	int err;
	pthread_t thread;
};

static void *close_all(void *arg)
{
	struct closer *c = arg;
	int i, err;

	for (i = 0; i < ROUNDS && !c->err; i++) {
		err = refslab_op_close(c->s, c->handles[i]);
		if (!err)
			c->closed++;
		else if (err != -ENOENT)
			c->err = err;
	}
	return NULL;
}

TEST_F(library, two_threads_close_the_same_handles)
{
	static __u32 handles[ROUNDS];
	struct closer closers[2] = { };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, refslab_op_list(self->s, &handles[i]));
	for (i = 0; i < 2; i++) {
		closers[i].s = self->s;
		closers[i].handles = handles;
		ASSERT_EQ(0, pthread_create(&closers[i].thread, NULL, close_all, &closers[i]));
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(closers[i].thread, NULL));
		EXPECT_EQ(0, closers[i].err);
	}
	EXPECT_EQ(ROUNDS, closers[0].closed + closers[1].closed);
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
}

/* A thread waits in refslab_read_events() while another one works. */
static void *wait_for_event(void *arg)
{
	struct closer *c = arg;
	struct refslab_event_record event;
	size_t count;

	c->err = refslab_read_events(c->s, &event, 1, &count);
	if (!c->err && count == 1)
		c->err = refslab_op_close(c->s, event.handle);
	c->closed = count;
	return NULL;
}

TEST_F(library, events_come_to_a_thread_that_waits)
{
	const struct refslab_type_def def = { .flags = REFSLAB_TYPE_FINALIZER };
	struct closer waiter = { .s = self->s };
	__u32 type, x;

	ASSERT_EQ(0, refslab_op_type(self->s, "Final", &def, &type));
	ASSERT_EQ(0, pthread_create(&waiter.thread, NULL, wait_for_event, &waiter));
	ASSERT_EQ(0, refslab_op_new(self->s, type, &x));
	ASSERT_EQ(0, refslab_op_close(self->s, x));
	ASSERT_EQ(0, pthread_join(waiter.thread, NULL));
	EXPECT_EQ(0, waiter.err);
	EXPECT_EQ(1, waiter.closed);
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
}

/* A payload mapped, by itself and in the window; gone with the object. */
TEST_F(library, a_payload_is_mapped)
{
	const struct refslab_type_def def = { .flags = REFSLAB_TYPE_MAPPED, .payload = 5000 };
	char *at, *window, in[5] = "";
	__u64 offset, len;
	size_t mapped;
	__u32 type, x;

	ASSERT_EQ(0, refslab_op_type(self->s, "Page", &def, &type));
	ASSERT_EQ(0, refslab_op_new(self->s, type, &x));
	ASSERT_EQ(0, refslab_op_map(self->s, x, &offset, &len));
	EXPECT_EQ(5000, len);
	ASSERT_EQ(0, refslab_map_object(self->s, x, PROT_READ | PROT_WRITE, (void **)&at, &mapped));
	EXPECT_EQ(5000, mapped);
	ASSERT_EQ(0, refslab_map_window(self->s, PROT_READ, 1u << 20, (void **)&window));
	strcpy(at + 4990, "text");
	EXPECT_STREQ("text", window + offset + 4990);
	EXPECT_EQ(0, refslab_op_read(self->s, x, 4990, in, 4));
	EXPECT_STREQ("text", in);
	/* -EACCES, or -EPERM where devices are mounted noexec */
	EXPECT_GT(0, refslab_map_object(self->s, x, PROT_READ | PROT_EXEC, (void **)&at, &mapped));
	EXPECT_EQ(0, refslab_op_close(self->s, x));
	EXPECT_EQ(-ENOENT, refslab_map_object(self->s, x, PROT_READ, (void **)&at, &mapped));
	EXPECT_EQ(0, munmap(at, mapped));
	EXPECT_EQ(0, munmap(window, 1u << 20));
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);
}

/* Types and values that another session made, found by name and by value. */
TEST_F(library, names_and_values_are_found)
{
	const struct refslab_type_def def = {
		.flags = REFSLAB_TYPE_WEAKREF, .nr_slots = 3, .payload = 10, .cache_limit = 4,
	};
	const struct refslab_key integer = { .kind = REFSLAB_VALUE_INT, .integer = -1000 };
	const struct refslab_key real = { .kind = REFSLAB_VALUE_FLOAT, .real = -1000.0 };
	const struct refslab_key text = { .kind = REFSLAB_VALUE_STR, .data = "k", .len = 1 };
	const struct refslab_key bytes = { .kind = REFSLAB_VALUE_BYTES, .data = "k", .len = 1 };
	const struct refslab_key unknown = { .kind = 77 };
	struct refslab_type_def found;
	struct refslab_session *other;
	__u32 type, number, dict, key, key2, x;
	bool own = false, contained;
	__u64 id;
	int err;

	ASSERT_EQ(0, refslab_op_type(self->s, "Triple", &def, &type));
	ASSERT_EQ(0, refslab_op_dict(self->s, &dict));
	ASSERT_EQ(0, refslab_op_int(self->s, -1000, &key));
	ASSERT_EQ(0, refslab_op_str(self->s, "k", 1, &key2));
	ASSERT_EQ(0, refslab_op_dict_setitem(self->s, dict, key, key2));
	ASSERT_EQ(0, refslab_op_dict_setitem(self->s, dict, key2, key));
	ASSERT_EQ(0, refslab_op_id(self->s, dict, &id));
	ASSERT_EQ(0, refslab_session_open(NULL, &other));
	ASSERT_EQ(0, refslab_session_attach(other, refslab_session_fd(self->s),
					    REFSLAB_ATTACH_READONLY, NULL, NULL));

	EXPECT_EQ(0, refslab_op_type_find(other, "Triple", &found, &number, &own));
	EXPECT_EQ(type, number);
	EXPECT_TRUE(own);
	EXPECT_EQ(0, memcmp(&def, &found, sizeof(def)));
	EXPECT_EQ(0, refslab_op_type_find(other, "dict", NULL, &number, &own));
	EXPECT_FALSE(own);
	EXPECT_EQ(0, refslab_op_type_find(other, "Triple", NULL, &number, NULL));
	err = refslab_op_type_find(other, "Double", &found, &number, &own);
	EXPECT_STREQ("the heap has no type of that name",
		     refslab_strerror(REFSLAB_OP_TYPE_FIND, err));

	ASSERT_EQ(0, refslab_op_byid(other, id, &dict));
	ASSERT_EQ(0, refslab_op_dict_item_byvalue(other, dict, &integer, &x));
	EXPECT_EQ(0, refslab_op_close(other, x));
	ASSERT_EQ(0, refslab_op_dict_item_byvalue(other, dict, &text, &x));
	EXPECT_EQ(0, refslab_op_close(other, x));
	err = refslab_op_dict_item_byvalue(other, dict, &bytes, &x);
	EXPECT_STREQ("the dict has no such key",
		     refslab_strerror(REFSLAB_OP_DICT_ITEM_BYVALUE, err));
	EXPECT_EQ(0, refslab_op_contains_byvalue(other, dict, &real, &contained));
	EXPECT_TRUE(contained);
	EXPECT_EQ(0, refslab_op_contains_byvalue(other, dict, &bytes, &contained));
	EXPECT_FALSE(contained);
	err = refslab_op_contains_byvalue(other, dict, &unknown, &contained);
	EXPECT_STREQ("this kernel does not know the kind of value",
		     refslab_strerror(REFSLAB_OP_CONTAINS_BYVALUE, err));
	refslab_session_close(other);
}

/* Room for more than the kernel writes at once is no mistake, nor is room beyond all memory. */
TEST_F(library, any_room_is_enough)
{
	const size_t room[] = { 1u << 16, SIZE_MAX / sizeof(struct refslab_record) + 2, SIZE_MAX };
	struct refslab_root_record *roots = malloc(2u << 20);
	struct refslab_record *records = malloc(2u << 20);
	struct refslab_entry *entries = malloc(2u << 20);
	__u32 list, seven;
	size_t i, count;
	__u64 cursor;

	ASSERT_NE(NULL, roots);
	ASSERT_NE(NULL, records);
	ASSERT_NE(NULL, entries);
	ASSERT_EQ(0, refslab_op_list(self->s, &list));
	ASSERT_EQ(0, refslab_op_int(self->s, 1007, &seven));
	ASSERT_EQ(0, refslab_op_append(self->s, list, seven));
	ASSERT_EQ(0, refslab_op_publish(self->s, list, "root"));
	for (i = 0; i < ARRAY_SIZE(room); i++) {
		cursor = 0;
		EXPECT_EQ(0, refslab_op_objects(self->s, &cursor, REFSLAB_GEN_ALL, records, room[i],
						&count));
		EXPECT_EQ(2, count);
		EXPECT_EQ(0, cursor);
		EXPECT_EQ(0, refslab_op_referents(self->s, list, &cursor, records, room[i],
						  &count));
		EXPECT_EQ(1, count);
		cursor = 0;
		EXPECT_EQ(0, refslab_op_referrers(self->s, seven, &cursor, records, room[i],
						  &count));
		EXPECT_EQ(1, count);
		cursor = 0;
		EXPECT_EQ(0, refslab_op_garbage(self->s, &cursor, records, room[i], &count));
		EXPECT_EQ(0, count);
		EXPECT_EQ(0, refslab_op_roots(self->s, &cursor, roots, room[i], &count));
		EXPECT_EQ(1, count);
		cursor = 0;
		EXPECT_EQ(0, refslab_op_items(self->s, list, &cursor, entries, room[i], &count));
		ASSERT_EQ(1, count);
		EXPECT_EQ(0, refslab_op_close(self->s, entries->key));
	}
	ASSERT_EQ(0, refslab_op_unpublish(self->s, "root"));
	free(entries);
	free(records);
	free(roots);
}

/* An error while a batch is made comes when it is submitted, and nothing is done. */
TEST_F(library, a_batch_remembers_its_error)
{
	struct refslab_batch *b = refslab_batch_new();
	unsigned int done = 7;
	int list;

	ASSERT_NE(NULL, b);
	EXPECT_EQ(0, refslab_batch_submit(b, self->s, &done));
	EXPECT_EQ(0, done);
	list = refslab_batch_op(b, REFSLAB_OP_LIST);
	EXPECT_EQ(0, list);
	EXPECT_EQ(1, refslab_batch_count(b));
	EXPECT_EQ(-EINVAL, refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(1)));
	EXPECT_EQ(-EINVAL, refslab_batch_submit(b, self->s, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, refslab_batch_opcode(b, 1));
	EXPECT_NE(NULL, strstr(refslab_strerror(REFSLAB_CALL_SUBMIT, -EINVAL), "takes the result"));
	EXPECT_EQ(0, test_stat(self->heap.fd).objects);

	refslab_batch_reset(b);
	EXPECT_EQ(0, refslab_batch_count(b));
	list = refslab_batch_op(b, REFSLAB_OP_LIST);
	refslab_batch_op(b, REFSLAB_OP_POP, refslab_result(list), refslab_value(0));
	EXPECT_EQ(2, refslab_batch_count(b));
	EXPECT_EQ(-ERANGE, refslab_batch_submit(b, self->s, &done));
	EXPECT_EQ(1, done);
	EXPECT_EQ(REFSLAB_OP_POP, refslab_batch_opcode(b, done));
	ASSERT_LT(0, refslab_batch_result(b, list, 0));
	EXPECT_EQ(0, refslab_op_close(self->s, refslab_batch_result(b, list, 0)));
	refslab_batch_free(b);
}

/* Every operation has a name, and an error of it a sentence of its own. */
TEST(words)
{
	unsigned int opcode;

	for (opcode = 1; opcode <= REFSLAB_OP_LAST; opcode++) {
		EXPECT_NE(NULL, refslab_opcode_name(opcode));
		/* ours, not the C library's */
		EXPECT_STRNE(strerror(ENOENT), refslab_strerror(opcode, -ENOENT));
	}
	EXPECT_EQ(NULL, refslab_opcode_name(REFSLAB_OP_LAST + 1));
	EXPECT_STREQ("no such handle", refslab_strerror(REFSLAB_OP_LEN, -ENOENT));
	EXPECT_STREQ("no such type", refslab_strerror(REFSLAB_OP_NEW, -ENOENT));
	EXPECT_STREQ("the list has no such element", refslab_strerror(REFSLAB_OP_POP, ERANGE));
	EXPECT_STREQ("the list has no such element", refslab_strerror(REFSLAB_OP_POP, -ERANGE));
	EXPECT_STREQ("success", refslab_strerror(REFSLAB_OP_POP, 0));
	EXPECT_NE(NULL, strstr(refslab_strerror(REFSLAB_OP_TYPE, EINVAL), "mapped: 1 B-1 GiB"));
	EXPECT_STREQ("there is no event", refslab_strerror(0, -EAGAIN));
	EXPECT_NE(NULL, refslab_strerror(0, 4000));
}

/* The same of calls that are no operations: what each says of the errors that it really gives. */
TEST_F(library, words_of_calls)
{
	struct refslab_session *other, *only;
	struct refslab_event_record record;
	__u64 over = REFSLAB_WINDOW + 4096;
	struct refslab_query query;
	unsigned int call;
	size_t count, len;
	__u32 list;
	void *at;
	int err;

	for (call = REFSLAB_CALL_OPEN; call <= REFSLAB_CALL_MAP_WINDOW; call++) {
		EXPECT_EQ(NULL, refslab_opcode_name(call));
		EXPECT_STREQ("interrupted by a signal", refslab_strerror(call, -EINTR));
		EXPECT_STREQ("success", refslab_strerror(call, 0));
	}

	err = refslab_session_open("/nonexistent", &other);
	EXPECT_STREQ("no such device: the refslab module is not loaded",
		     refslab_strerror(REFSLAB_CALL_OPEN, err));
	ASSERT_EQ(0, refslab_session_open("/dev/null", &other));
	err = refslab_session_query(other, &query);
	EXPECT_STREQ("the device is another than refslab's",
		     refslab_strerror(REFSLAB_CALL_QUERY, err));
	refslab_session_close(other);

	ASSERT_EQ(0, refslab_session_open(NULL, &other));
	err = refslab_session_create(other, "a b", 0, NULL);
	EXPECT_STREQ("a heap's name is at most 31 printable ASCII characters without blanks",
		     refslab_strerror(REFSLAB_CALL_CREATE, err));
	err = refslab_session_attach(other, -1, 0, NULL, NULL);
	EXPECT_STREQ("there is no such file descriptor",
		     refslab_strerror(REFSLAB_CALL_ATTACH, err));
	err = refslab_session_attach(other, refslab_session_fd(other), 0, NULL, NULL);
	EXPECT_STREQ("the descriptor is none of another session",
		     refslab_strerror(REFSLAB_CALL_ATTACH, err));
	ASSERT_EQ(0, refslab_session_open(NULL, &only));
	err = refslab_session_attach(only, refslab_session_fd(other), 0, NULL, NULL);
	EXPECT_STREQ("the other session has no heap", refslab_strerror(REFSLAB_CALL_ATTACH, err));

	ASSERT_EQ(0, refslab_session_attach(only, refslab_session_fd(self->s),
					    REFSLAB_ATTACH_READONLY, NULL, NULL));
	err = refslab_read_events(only, &record, 1, &count);
	EXPECT_STREQ("the session was attached without the right to read events of objects",
		     refslab_strerror(REFSLAB_CALL_READ_EVENTS, err));
	err = refslab_read_events(self->s, &record, 0, &count);
	EXPECT_STREQ("there is no room for an event",
		     refslab_strerror(REFSLAB_CALL_READ_EVENTS, err));

	ASSERT_EQ(0, refslab_op_list(self->s, &list));
	err = refslab_map_object(self->s, list, PROT_READ, &at, &len);
	EXPECT_STREQ("only objects of types that are mapped have a place",
		     refslab_strerror(REFSLAB_CALL_MAP_OBJECT, err));
	ASSERT_EQ(0, refslab_op_close(self->s, list));
	err = refslab_map_object(self->s, list, PROT_READ, &at, &len);
	EXPECT_STREQ("no such handle", refslab_strerror(REFSLAB_CALL_MAP_OBJECT, err));

	err = refslab_map_window(only, PROT_READ | PROT_WRITE, 4096, &at);
	EXPECT_STREQ("the session may only read, or what is mapped was to be executable",
		     refslab_strerror(REFSLAB_CALL_MAP_WINDOW, err));
	err = refslab_map_window(self->s, PROT_READ, 0, &at);
	EXPECT_STREQ("a mapping has at least one byte",
		     refslab_strerror(REFSLAB_CALL_MAP_WINDOW, err));
	/* what a 32-bit program can ask for never is */
	if (over <= SIZE_MAX) {
		err = refslab_map_window(self->s, PROT_READ, over, &at);
		EXPECT_STREQ("that is larger than the window",
			     refslab_strerror(REFSLAB_CALL_MAP_WINDOW, err));
	}

	refslab_session_close(only);
	refslab_session_close(other);
}

TEST_HARNESS_MAIN
