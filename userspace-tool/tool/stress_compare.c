// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: all is still, and the heap has to be what the models say: the same objects, each with its
 * reference count, its slots, elements and entries, and no garbage.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "stress_model.h"

#define RECORDS		4096		/* read at once */
#define EDGES		1024u		/* compared at once, with 3 operations each */
#define ENTRIES		256		/* of a dict, set or instance, read at once */
#define TO_BE_KNOWN	(~0u)		/* no handle is */

static int by_id(const void *a, const void *b)
{
	const struct refslab_record *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static bool read_contents(struct stress *stress, struct contents *contents)
{
	struct refslab_record *more;
	size_t count, room = 0;
	__u64 cursor = 0;
	int err;

	contents->count = 0;
	do {
		if (room - contents->count < RECORDS) {
			room += RECORDS;
			more = reallocarray(contents->records, room, sizeof(*more));
			if (!more) {
				refslab_stress_fail(stress, "no memory for the heap's contents");
				return false;
			}
			contents->records = more;
		}
		err = refslab_op_objects(stress->session, &cursor, REFSLAB_GEN_ALL,
					 contents->records + contents->count, RECORDS, &count);
		if (!refslab_stress_check(stress, REFSLAB_OP_OBJECTS, err))
			return false;
		contents->count += count;
	} while (cursor);
	if (contents->count)
		qsort(contents->records, contents->count, sizeof(*contents->records), by_id);
	return true;
}

static const struct refslab_record *find_record(const struct contents *contents, __u64 id)
{
	const struct refslab_record key = { .id = id };

	if (!contents->count)
		return NULL;
	return bsearch(&key, contents->records, contents->count, sizeof(key), by_id);
}

/* Has an object of the model more references than it should? */
static bool has_more(const struct model *m, const struct contents *contents)
{
	const struct refslab_record *r;
	int i;

	for (i = 0; i < m->nr_objects; i++) {
		r = find_record(contents, m->objects[i].id);
		if (r && r->refcount > m->objects[i].refcount)
			return true;
	}
	return false;
}

/*
 * Somebody else may look at the heap, too, by debugfs, and has a reference on what is looked at.
 * What is wrong stays wrong, so it is looked at again.
 */
static bool read_contents_at_rest(struct stress *stress, const struct model_thread *threads,
				  struct contents *contents)
{
	const struct timespec a_while = { .tv_nsec = 100 * 1000 * 1000 };
	unsigned int look, i;
	bool more;

	for (look = 0; look < 50; look++) {
		if (!read_contents(stress, contents))
			return false;
		for (i = 0, more = false; i < stress->threads && !more; i++)
			more = has_more(&threads[i].model, contents);
		if (!more)
			break;
		nanosleep(&a_while, NULL);
	}
	return true;
}

/* The objects of one model, against the list of all. */
static void compare_objects(struct model_thread *t, const struct contents *contents)
{
	int i;

	for (i = 0; i < t->model.nr_objects; i++) {
		const struct model_object *o = &t->model.objects[i];
		const struct refslab_record *r = find_record(contents, o->id);

		if (!r && o->alive)
			refslab_stress_fail(t->stress, "object %llu is missing", o->id);
		else if (r && !o->alive)
			refslab_stress_fail(t->stress, "object %llu should be dead", o->id);
		else if (r && (r->refcount != o->refcount || r->type != o->type))
			refslab_stress_fail(t->stress,
					    "object %llu: refcount %u, type %u, not %u, %u",
					    o->id, r->refcount, r->type, o->refcount, o->type);
	}
}

/* An empty slot, which an operation only says by failing. */
static void compare_empty(struct model_thread *t, const struct model_object *o, unsigned int i,
			  __u32 handle)
{
	__u32 found;
	int err = refslab_op_slot(t->session, handle, i, &found);

	if (err != -ENODATA)
		refslab_stress_fail(t->stress, "object %llu slot %u is not empty: errno %d", o->id,
				    i, -err);
}

/*
 * Edges @first to @end - 1 of an object, in one batch. The targets are wanted, too: the first
 * handle made for one stays, in @handles, and the target is put in @waiting. Returns how many
 * wait then.
 */
static int compare_some(struct model_thread *t, const struct model_object *o, unsigned int first,
			unsigned int end, __u32 *handles, int *waiting, int nr_waiting)
{
	unsigned int follow = o->kind == MODEL_LIST ? REFSLAB_OP_ITEM : REFSLAB_OP_SLOT;
	__u32 handle = handles[o - t->model.objects];
	struct refslab_batch *b = t->batch;
	/*
	 * An empty slot takes a call of its own, for one object in eight: one that is not empty
	 * shows as well in the count of what it refers to.
	 */
	bool look_at_empty = !below(t, 8);
	unsigned int i, done;
	int err, op = 0;

	refslab_batch_reset(b);
	for (i = first; i < end; i++) {
		int found, target = o->edges[i];

		if (target == MODEL_EMPTY && look_at_empty)
			compare_empty(t, o, i, handle);
		if (target == MODEL_EMPTY)
			continue;
		found = refslab_batch_op(b, follow, refslab_value(handle), refslab_value(i));
		refslab_batch_op(b, REFSLAB_OP_ID, refslab_result(found));
		if (handles[target])
			refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_result(found));
		else
			waiting[nr_waiting++] = target;
		if (!handles[target])
			handles[target] = TO_BE_KNOWN;
	}
	err = refslab_batch_submit(b, t->session, &done);
	if (!refslab_stress_check(t->stress, refslab_batch_opcode(b, done), err))
		return nr_waiting;
	for (i = first; i < end; i++) {
		int target = o->edges[i];
		__u64 id = refslab_batch_result(b, op + 1, 0);

		if (target == MODEL_EMPTY)
			continue;
		if (id != t->model.objects[target].id)
			refslab_stress_fail(t->stress,
					    "object %llu, slot or element %u: %llu, not %llu",
					    o->id, i, id, t->model.objects[target].id);
		if (handles[target] == TO_BE_KNOWN)
			handles[target] = refslab_batch_result(b, op, 0);
		op += 2;
		if (refslab_batch_opcode(b, op) == REFSLAB_OP_CLOSE)
			op++;
	}
	return nr_waiting;
}

/* A handle of an entry: what it stands for is asked, and it is kept if there was none on that. */
static int ask(struct model_thread *t, __u32 handle, int target, bool is_name, __u32 *handles,
	       int *waiting, int nr_waiting, __u32 *close)
{
	const __u32 *constants = is_name ? t->names : t->numbers;

	*close = handle;
	if (target < 0) {
		refslab_batch_op(t->batch, REFSLAB_OP_IS, refslab_value(handle),
				 refslab_value(constants[MODEL_CONSTANT(target)]));
		return nr_waiting;
	}
	refslab_batch_op(t->batch, REFSLAB_OP_ID, refslab_value(handle));
	if (!handles[target]) {
		handles[target] = handle;
		waiting[nr_waiting++] = target;
		*close = 0;
	}
	return nr_waiting;
}

/* The entries of a dict, a set or an instance from edge @first on, in order, as compare_some(). */
static int compare_entries(struct model_thread *t, const struct model_object *o,
			   unsigned int first, const struct refslab_entry *entries, size_t count,
			   __u32 *handles, int *waiting, int nr_waiting)
{
	unsigned int stride = refslab_model_stride(o), i, n = count * stride, done;
	struct refslab_batch *b = t->batch;
	__u32 close[2 * ENTRIES];
	int err;

	refslab_batch_reset(b);
	for (i = 0; i < n; i++) {
		const struct refslab_entry *e = &entries[i / stride];
		bool is_key = i % stride == 0;

		nr_waiting = ask(t, is_key ? e->key : e->value, o->edges[first + i],
				 is_key && o->kind == MODEL_INSTANCE, handles, waiting, nr_waiting,
				 &close[i]);
	}
	for (i = 0; i < n; i++)
		if (close[i])
			refslab_batch_op(b, REFSLAB_OP_CLOSE, refslab_value(close[i]));
	err = refslab_batch_submit(b, t->session, &done);
	if (!refslab_stress_check(t->stress, refslab_batch_opcode(b, done), err))
		return nr_waiting;
	for (i = 0; i < n; i++) {
		int target = o->edges[first + i];
		__u64 want = target < 0 ? 1 : t->model.objects[target].id;

		if (refslab_batch_result(b, i, 0) != want)
			refslab_stress_fail(t->stress, "object %llu, entry %u: not the %s it has",
					    o->id, (first + i) / stride,
					    i % stride ? "value" : "key");
	}
	return nr_waiting;
}

static int compare_keyed(struct model_thread *t, const struct model_object *o, __u32 *handles,
			 int *waiting, int nr_waiting)
{
	__u32 handle = handles[o - t->model.objects];
	struct refslab_entry entries[ENTRIES];
	unsigned int stride = refslab_model_stride(o), n = 0;
	__u64 cursor = 0;
	size_t count;
	int err;

	do {
		err = refslab_op_items(t->session, handle, &cursor, entries, ENTRIES, &count);
		if (!refslab_stress_check(t->stress, REFSLAB_OP_ITEMS, err))
			return nr_waiting;
		if (n + count * stride > o->nr_edges) {
			refslab_stress_fail(t->stress, "object %llu has more than %u entries",
					    o->id, o->nr_edges / stride);
			return nr_waiting;
		}
		nr_waiting = compare_entries(t, o, n, entries, count, handles, waiting,
					     nr_waiting);
		n += count * stride;
	} while (cursor && !atomic_load(&t->stress->failed));
	if (n != o->nr_edges)
		refslab_stress_fail(t->stress, "object %llu has %u entries, not %u", o->id,
				    n / stride, o->nr_edges / stride);
	return nr_waiting;
}

static int compare_indexed(struct model_thread *t, const struct model_object *o, __u32 *handles,
			   int *waiting, int nr_waiting)
{
	unsigned int n;

	for (n = 0; n < o->nr_edges && !atomic_load(&t->stress->failed); n += EDGES) {
		unsigned int end = o->nr_edges - n > EDGES ? n + EDGES : o->nr_edges;

		nr_waiting = compare_some(t, o, n, end, handles, waiting, nr_waiting);
	}
	return nr_waiting;
}

/* Every edge of what lives, from the handles on; handles made on the way are dropped again. */
static void compare_edges(struct model_thread *t, struct contents *contents)
{
	struct model *m = &t->model;
	__u32 *handles = calloc(m->nr_objects + 1, sizeof(*handles));
	bool *held = calloc(m->nr_objects + 1, sizeof(*held));
	int *waiting = calloc(m->nr_objects + 1, sizeof(*waiting));
	int i, nr_waiting = 0;
	unsigned int n;
	__u64 len;

	if (!handles || !held || !waiting) {
		no_memory(t);
		goto out;
	}
	for (n = 0; n < m->nr_holds; n++) {
		int object = m->holds[n].object;

		if (!held[object])
			waiting[nr_waiting++] = object;
		held[object] = true;
		handles[object] = m->holds[n].handle;
	}
	while (nr_waiting && !atomic_load(&t->stress->failed)) {
		int object = waiting[--nr_waiting];
		const struct model_object *o = &m->objects[object];
		int err = refslab_op_len(t->session, handles[object], &len);

		if (!refslab_stress_check(t->stress, REFSLAB_OP_LEN, err))
			break;
		if (len != o->nr_edges / refslab_model_stride(o))
			refslab_stress_fail(t->stress, "object %llu has length %llu, not %u", o->id,
					    len, o->nr_edges / refslab_model_stride(o));
		if (o->kind == MODEL_SLOTS || o->kind == MODEL_LIST)
			nr_waiting = compare_indexed(t, o, handles, waiting, nr_waiting);
		else
			nr_waiting = compare_keyed(t, o, handles, waiting, nr_waiting);
		contents->edges += o->nr_edges;
	}
	for (i = 0; i < m->nr_objects; i++)
		if (handles[i] && handles[i] != TO_BE_KNOWN && !held[i])
			refslab_stress_check(t->stress, REFSLAB_OP_CLOSE,
					     refslab_op_close(t->session, handles[i]));
out:
	free(handles);
	free(held);
	free(waiting);
}

void refslab_stress_compare(struct stress *stress, struct model_thread *threads,
			    struct contents *contents)
{
	__u64 unreachable, alive = 0;
	unsigned int i;
	int err, n;

	err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
	if (!refslab_stress_check(stress, REFSLAB_OP_COLLECT, err))
		return;
	stress->scans++;
	stress->unreachable += unreachable;
	for (i = 0; i < stress->threads; i++) {
		n = refslab_model_mark(&threads[i].model);
		if (n < 0) {
			no_memory(&threads[i]);
			return;
		}
		alive += n;
	}
	/* No further scan here: this one had to find all there was. */
	if (!refslab_stress_settle(stress, alive, false) ||
	    !read_contents_at_rest(stress, threads, contents))
		return;
	if (contents->count != alive)
		refslab_stress_fail(stress, "%zu objects listed where %llu should be",
				    contents->count, alive);
	for (i = 0; i < stress->threads; i++) {
		compare_objects(&threads[i], contents);
		compare_edges(&threads[i], contents);
	}
	err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
	if (refslab_stress_check(stress, REFSLAB_OP_COLLECT, err) && unreachable)
		refslab_stress_fail(stress, "a second scan found %llu more", unreachable);
}
