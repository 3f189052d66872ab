// SPDX-License-Identifier: GPL-2.0
/*
 * Containers whose entries are found by keys: dict, set, instance. An entry is a key, or a key and
 * a value, in a table (object/table.c) in the order in which the keys came; beyond eight places an
 * index (object/index.c) knows where. Both are the object's lock's.
 *
 * Keys are hashed and compared without the lock, as either may take long: under it, entries are
 * found by identity, or have the same hash; of one of those a reference is taken, the lock dropped,
 * the keys compared, and then it is looked again. Keys never change, so what was found out of two
 * objects stays true.
 *
 * A deleted entry leaves its place empty. When more places are empty than not, each further change
 * moves a few entries together. That moves references within the table, under the lock and without
 * touching them (rule R1 of doc/collector.md), which is right as long as each phase of a scan reads
 * a table as if at one time: it does when the table is read under one hold of the lock, and when it
 * is read in chunks, none is moved from the first chunk to the last, which the scan's place in the
 * table tells (scan_end). A reference that did move then could go from where the scan is yet to
 * look to where it has been: not subtracted, and harmless; or not marked, and its target lost.
 * Places at the end are given up at any time, as they are empty. Phase 2 reads them without the
 * lock only in objects with few slots. For others who read in chunks, @changes tells.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "types.h"
#include "../../uapi/refslab.h"

static_assert(REFSLAB_MAX_DICT == REFSLAB_KEYED_MAX);

/* Places up to which there is no index. */
#define FEW		8

/* Empty places that are left alone. */
#define SPARE_PLACES	8

/* Entries moved, and places looked at, under one hold of the lock. */
#define MOVES		8
#define LOOKS		64

/* Entries handed out under one hold of the lock, and places looked at. */
#define TAKES		64

#define NONE		REFSLAB_INDEX_NONE

/* For refslab_keyed_take(): the next place, with the changes before it; never 0. */
#define CURSOR_BITS	25

static_assert(REFSLAB_KEYED_PLACES < BIT(CURSOR_BITS));

/**
 * struct search - a key being looked for
 * @key:	the key
 * @hash:	its hash
 * @equal:	an equal key that was met, with a reference, or NULL
 * @unequal:	likewise the last one met that has the hash and is not equal
 * @changes:	of the container, when it was looked at last
 * @at:		which of the candidates is to be compared
 * @passed:	candidates that were, and are not equal, if there was no change
 */
struct search {
	struct refslab_object *key;
	u32 hash;
	struct refslab_object *equal;
	struct refslab_object *unequal;
	u64 changes;
	u32 at;
	u32 passed;
};

/**
 * struct room - memory for one more entry, and what is not needed any more
 * @node:	for the table
 * @index:	for the index
 * @for_table:	it is the table that needs memory
 * @nodes:	of the table, to be freed
 * @blocks:	of the index, to be freed
 */
struct room {
	void *node;
	struct refslab_index_spare index;
	bool for_table;
	void *nodes;
	void *blocks;
};

/* References in an entry. */
static u32 width_of(const struct refslab_object *obj)
{
	return refslab_object_type(obj)->flags & REFSLAB_TYPE_PAIRS ? 2 : 1;
}

/* The object's lock is held by the callers of all that takes a struct refslab_keyed. */

static u32 places(const struct refslab_keyed *keyed, u32 width)
{
	return keyed->table.len / width;
}

static struct refslab_object **entry_at(const struct refslab_keyed *keyed, u32 width, u32 place)
{
	u32 run;

	return (struct refslab_object **)refslab_table_at(&keyed->table, place * width, &run);
}

static bool has_index(const struct refslab_keyed *keyed)
{
	return keyed->index.leaf;
}

/* --- finding -------------------------------------------------------------------------------- */

/* Is it the entry that is looked for? If that is not known, it is the candidate, unless it was. */
static bool is_it(struct search *search, struct refslab_object *key, u32 *nr,
		  struct refslab_object **candidate)
{
	u32 n;

	if (key == search->key || key == search->equal)
		return true;
	n = (*nr)++;
	if (!*candidate && n >= search->passed && key != search->unequal) {
		*candidate = key;
		search->at = n;
	}
	return false;
}

static u32 look_at_few(const struct refslab_keyed *keyed, u32 width, struct search *search,
		       struct refslab_object **candidate)
{
	struct refslab_object *key;
	u32 i, n = places(keyed, width), nr = 0;

	for (i = 0; i < n; i++)
		if (*entry_at(keyed, width, i) == search->key)
			return i;
	for (i = 0; i < n; i++) {
		key = *entry_at(keyed, width, i);
		if (key && refslab_key_hash_again(key) == search->hash &&
		    is_it(search, key, &nr, candidate))
			return i;
	}
	return NONE;
}

static u32 look_in_index(const struct refslab_keyed *keyed, u32 width, struct search *search,
			 struct refslab_object **candidate)
{
	struct refslab_index_cursor cursor;
	u32 i, nr = 0;

	for (i = refslab_index_first(&keyed->index, search->hash, &cursor); i != NONE;
	     i = refslab_index_next(&cursor))
		if (is_it(search, *entry_at(keyed, width, i), &nr, candidate))
			return i;
	return NONE;
}

/* Where the entry is, or NONE; then there may be a candidate to compare. */
static u32 look(const struct refslab_keyed *keyed, u32 width, struct search *search,
		struct refslab_object **candidate)
{
	u32 place;

	*candidate = NULL;
	if (search->changes != keyed->changes) {
		search->changes = keyed->changes;
		search->passed = 0;
	}
	if (has_index(keyed))
		place = look_in_index(keyed, width, search, candidate);
	else
		place = look_at_few(keyed, width, search, candidate);
	if (place != NONE)
		*candidate = NULL;
	return place;
}

/* Compares the key with another, on which there is a reference, which becomes the search's. */
static void compare(struct search *search, struct refslab_object *candidate)
{
	bool equal = refslab_key_equal(search->key, candidate);

	swap(*(equal ? &search->equal : &search->unequal), candidate);
	if (candidate)
		refslab_object_put(candidate);
	if (!equal)
		search->passed = search->at + 1;
}

/*
 * Looks for a key, and takes the object's lock. @place: out: where it is, or NONE. When several
 * others have the same hash, and somebody changes the container all the time, it may begin again
 * and again: returns -EINTR for a signal that kills, else 0.
 */
static int find(struct refslab_object *obj, struct search *search, u32 *place)
	__acquires(bitlock)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	u32 width = width_of(obj);
	struct refslab_object *candidate;

	refslab_object_lock(obj);
	for (;;) {
		*place = look(keyed, width, search, &candidate);
		if (likely(!candidate))
			return 0;
		/* references in flight have room beyond REFSLAB_COUNT_MAX to themselves */
		refslab_word_get(&candidate->word);
		refslab_object_unlock(obj);
		compare(search, candidate);
		cond_resched();
		refslab_object_lock(obj);
		if (fatal_signal_pending(current)) {
			*place = NONE;
			return -EINTR;
		}
	}
}

static int begin(struct search *search, struct refslab_object *key)
{
	*search = (struct search){ .key = key };
	return refslab_key_hash(key, &search->hash);
}

static void end(struct search *search)
{
	if (search->equal)
		refslab_object_put(search->equal);
	if (search->unequal)
		refslab_object_put(search->unequal);
}

/* --- moving together ------------------------------------------------------------------------ */

static void shorten(struct refslab_keyed *keyed, u32 width, u32 n, struct room *room)
{
	u32 left;

	refslab_table_shorten(&keyed->table, n * width, &room->nodes);
	left = places(keyed, width);
	keyed->gap = min(keyed->gap, left);
	keyed->gap_end = min(keyed->gap_end, left);
}

/* Gives up empty places at the end, some of them. */
static void trim(struct refslab_keyed *keyed, u32 width, struct room *room)
{
	u32 i;

	for (i = 0; i < MOVES && keyed->table.len; i++) {
		if (*entry_at(keyed, width, places(keyed, width) - 1))
			break;
		shorten(keyed, width, 1, room);
	}
}

static void move(struct refslab_keyed *keyed, u32 width, u32 from, u32 to)
{
	struct refslab_object **old = entry_at(keyed, width, from);
	struct refslab_object **new = entry_at(keyed, width, to);
	u32 i;

	if (has_index(keyed))
		refslab_index_move(&keyed->index, refslab_key_hash_again(*old), from, to);
	for (i = 0; i < width; i++) {
		WRITE_ONCE(new[i], old[i]);
		WRITE_ONCE(old[i], NULL);
	}
	keyed->changes++;
}

/* All places before @gap_end have been looked at: gives up those behind @gap, a leaf at most. */
static void give_up(struct refslab_keyed *keyed, u32 width, struct room *room)
{
	u32 n = places(keyed, width) - keyed->gap, nr;

	refslab_table_tail(&keyed->table, &nr);
	if (n)
		shorten(keyed, width, min(n, nr / width), room);
	if (places(keyed, width) == keyed->gap) {
		keyed->gap = 0;
		keyed->gap_end = 0;
	}
}

/* One step of moving entries together. Never while a scan is between two chunks of the table. */
static void step(struct refslab_keyed *keyed, u32 width, struct room *room)
{
	u32 n = places(keyed, width), looks, moves = 0;

	if (keyed->table.scan_end && !refslab_sabotaged(REFSLAB_SABOTAGE_MOVE))
		return;
	for (looks = 0; looks < LOOKS && moves < MOVES && keyed->gap_end < n; looks++) {
		if (*entry_at(keyed, width, keyed->gap_end)) {
			if (keyed->gap != keyed->gap_end) {
				move(keyed, width, keyed->gap_end, keyed->gap);
				moves++;
			}
			keyed->gap++;
		}
		keyed->gap_end++;
	}
	if (keyed->gap_end == n)
		give_up(keyed, width, room);
}

static void move_together(struct refslab_keyed *keyed, u32 width, struct room *room)
{
	u32 empty = places(keyed, width) - keyed->live;

	if (unlikely(keyed->gap_end || (empty > SPARE_PLACES && empty > keyed->live)))
		step(keyed, width, room);
}

/* Without the lock. */
static void discard(struct refslab_object *obj, struct room *room)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;

	if (unlikely(room->nodes))
		refslab_table_free_nodes(objects, room->nodes);
	if (unlikely(room->blocks))
		refslab_index_free_blocks(objects, room->blocks);
	if (unlikely(room->node))
		refslab_table_free_spare(objects, room->node);
	if (unlikely(room->index.block))
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, room->index.size,
				 room->index.block);
}

/* --- adding --------------------------------------------------------------------------------- */

/* An index for one entry more. */
static int make_index(struct refslab_keyed *keyed, u32 width, u32 hash, struct room *room)
{
	struct refslab_object *key;
	bool none = !has_index(keyed);
	u32 i;
	int err;

	err = refslab_index_make_room(&keyed->index, hash, &room->index);
	if (err || !none)
		return err;
	for (i = 0; i < places(keyed, width); i++) {
		key = *entry_at(keyed, width, i);
		if (key)
			refslab_index_add(&keyed->index, refslab_key_hash_again(key), i);
	}
	return 0;
}

/*
 * Adds an entry, with the references the caller has for it. Returns 0, -EAGAIN when it takes memory
 * (more), -E2BIG.
 */
static int add(struct refslab_keyed *keyed, u32 width, u32 hash, struct refslab_object *key,
	       struct refslab_object *value, struct room *room)
{
	void **where;
	int err;

	room->for_table = false;
	if (unlikely(keyed->live == REFSLAB_KEYED_MAX))
		return -E2BIG;
	/* a few places, some of them empty: all of it is one step */
	if (!has_index(keyed) && places(keyed, width) == FEW && keyed->live < FEW)
		step(keyed, width, room);
	if (has_index(keyed) || places(keyed, width) >= FEW) {
		err = make_index(keyed, width, hash, room);
		if (err)
			return err;
	}
	where = refslab_table_push(&keyed->table, width, REFSLAB_KEYED_PLACES * width, &room->node);
	if (IS_ERR(where)) {
		room->for_table = true;
		return PTR_ERR(where);
	}
	WRITE_ONCE(where[0], key);
	if (width == 2)
		WRITE_ONCE(where[1], value);
	if (has_index(keyed))
		refslab_index_add(&keyed->index, hash, places(keyed, width) - 1);
	keyed->live++;
	keyed->changes++;
	move_together(keyed, width, room);
	return 0;
}

/* Memory for add(), without the lock. */
static int provide(struct refslab_object *obj, struct room *room, gfp_t gfp)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_index_spare *index = &room->index;

	if (room->for_table)
		return refslab_table_make_room(obj, width_of(obj), &room->node, gfp);
	if (index->block)
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, index->size, index->block);
	index->size = index->wanted;
	index->block = refslab_objects_mem_alloc(objects, REFSLAB_MEM_RAW, index->size, gfp);
	return index->block ? 0 : -ENOMEM;
}

/*
 * Stores @value for the key; or, when it is NULL, adds the key if it is not there. The references
 * are the caller's own, taken for this; what is not stored is the caller's still. Returns 1 when
 * the key was added, else 0, or a negative errno.
 */
static int store(struct refslab_object *obj, struct search *search, struct refslab_object *value,
		 gfp_t gfp)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	struct refslab_object *last = NULL;
	u32 width = width_of(obj), place;
	struct room room = { };
	int err;

	for (;;) {
		err = find(obj, search, &place);
		if (!err && place == NONE) {
			err = add(keyed, width, search->hash, search->key, value, &room) ?: 1;
		} else if (!err && value) {
			last = refslab_slot_displace((void **)entry_at(keyed, width, place) + 1,
						     value);
		}
		refslab_object_unlock(obj);
		if (likely(err != -EAGAIN))
			break;
		err = provide(obj, &room, gfp);
		if (err)
			break;
	}
	discard(obj, &room);
	if (last)
		refslab_destroy_last(last);
	return err;
}

/**
 * refslab_keyed_set() - store a value for a key
 * @obj: a dict or an instance; the caller holds a reference on it
 * @key: the key; a key that is there stays, and has a new value
 * @value: the value
 * @gfp: allocation flags
 *
 * The caller's own references stay the caller's. What was there loses its reference.
 * Context: task context, no object's lock held; may sleep for long keys.
 *
 * Return: 0, -EPROTOTYPE (it cannot be a key), -E2BIG (2^23 entries), -EOVERFLOW, -ENOMEM, -EINTR
 * (the task is being killed).
 */
int refslab_keyed_set(struct refslab_object *obj, struct refslab_object *key,
		      struct refslab_object *value, gfp_t gfp)
{
	struct search search;
	int err;

	err = begin(&search, key);
	if (err)
		return err;
	if (!refslab_word_try_get(&key->word))
		return -EOVERFLOW;
	err = -EOVERFLOW;
	if (refslab_word_try_get(&value->word)) {
		err = store(obj, &search, value, gfp);
		if (err < 0)
			refslab_object_put(value);
	}
	if (err <= 0)
		refslab_object_put(key);
	end(&search);
	return min(err, 0);
}
REFSLAB_EXPORT_TEST(refslab_keyed_set);

/**
 * refslab_keyed_add() - add an element to a set
 * @obj: the set; the caller holds a reference on it
 * @key: the element; the caller's own reference stays the caller's
 * @gfp: allocation flags
 *
 * Context: as refslab_keyed_set().
 *
 * Return: 1 when it was added, 0 when an equal one was there, errors as refslab_keyed_set().
 */
int refslab_keyed_add(struct refslab_object *obj, struct refslab_object *key, gfp_t gfp)
{
	struct search search;
	int ret;

	ret = begin(&search, key);
	if (ret)
		return ret;
	if (!refslab_word_try_get(&key->word))
		return -EOVERFLOW;
	ret = store(obj, &search, NULL, gfp);
	if (ret <= 0)
		refslab_object_put(key);
	end(&search);
	return ret;
}
REFSLAB_EXPORT_TEST(refslab_keyed_add);

/* --- looking -------------------------------------------------------------------------------- */

/**
 * refslab_keyed_get() - the value of a key
 * @obj: a dict or an instance; the caller holds a reference on it
 * @key: the key
 *
 * Context: as refslab_keyed_set(). Return: a strong reference on the value, ERR_PTR(-ENOKEY),
 * (-EPROTOTYPE), (-EOVERFLOW) or (-EINTR).
 */
struct refslab_object *refslab_keyed_get(struct refslab_object *obj, struct refslab_object *key)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	struct refslab_object *value = NULL;
	struct search search;
	u32 place;
	int err;

	err = begin(&search, key);
	if (err)
		return ERR_PTR(err);
	err = find(obj, &search, &place);
	if (place != NONE) {
		value = entry_at(keyed, width_of(obj), place)[1];
		if (!refslab_word_try_get(&value->word))
			err = -EOVERFLOW;
	} else if (!err) {
		err = -ENOKEY;
	}
	refslab_object_unlock(obj);
	end(&search);
	return err ? ERR_PTR(err) : value;
}
REFSLAB_EXPORT_TEST(refslab_keyed_get);

/**
 * refslab_keyed_contains() - is there such a key?
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 * @key: the key
 *
 * Context: as refslab_keyed_set(). Return: 0 or 1; -EPROTOTYPE, -EINTR.
 */
int refslab_keyed_contains(struct refslab_object *obj, struct refslab_object *key)
{
	struct search search;
	u32 place;
	int err;

	err = begin(&search, key);
	if (err)
		return err;
	err = find(obj, &search, &place);
	refslab_object_unlock(obj);
	end(&search);
	return err ?: place != NONE;
}
REFSLAB_EXPORT_TEST(refslab_keyed_contains);

/**
 * refslab_keyed_len() - number of entries
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 */
u32 refslab_keyed_len(struct refslab_object *obj)
{
	/* as refslab_table_len() */
	return data_race(READ_ONCE(refslab_object_keyed(obj)->live));
}
REFSLAB_EXPORT_TEST(refslab_keyed_len);

/**
 * refslab_keyed_bytes() - bytes of what an object has besides its block
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 */
u64 refslab_keyed_bytes(struct refslab_object *obj)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	u64 bytes;

	refslab_object_lock(obj);
	bytes = refslab_index_bytes(&keyed->index) + refslab_table_bytes(obj);
	refslab_object_unlock(obj);
	return bytes;
}
REFSLAB_EXPORT_TEST(refslab_keyed_bytes);

static u64 cursor_at(const struct refslab_keyed *keyed, u32 place)
{
	return keyed->changes << CURSOR_BITS | place;
}

/* One hold of the lock. Returns how many references there are, or a negative errno. */
static int take_some(struct refslab_object *obj, u64 *cursor, struct refslab_object **to, u32 max)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	u32 width = width_of(obj), place, looks, i, n = 0;
	struct refslab_object **entry;
	int err = 0;

	refslab_object_lock(obj);
	place = *cursor & (BIT(CURSOR_BITS) - 1);
	if (*cursor && *cursor != cursor_at(keyed, place))
		err = -ESTALE;
	for (looks = 0; !err && looks < TAKES && n + width <= max && place < places(keyed, width);
	     looks++, place++) {
		entry = entry_at(keyed, width, place);
		for (i = 0; *entry && i < width && !err; i++) {
			if (refslab_word_try_get(&entry[i]->word))
				to[n++] = entry[i];
			else
				err = -EOVERFLOW;
		}
	}
	*cursor = place < places(keyed, width) ? cursor_at(keyed, place) : 0;
	refslab_object_unlock(obj);
	if (!err)
		return n;
	while (n--)
		refslab_object_put(to[n]);
	return err;
}

/**
 * refslab_keyed_take() - take references on keys and values, in order
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 * @cursor: where to begin, 0 for the beginning; out: where to go on, 0 at the end
 * @to: out: keys and values in turns, or elements, with one of the caller's references each
 * @max: how many fit there, an even number, not 0
 *
 * Context: may sleep, no object's lock held. Return: how many there are, which may be fewer than
 * fit, or none, before the end, too; -ESTALE: keys came or went; -EOVERFLOW.
 */
int refslab_keyed_take(struct refslab_object *obj, u64 *cursor, struct refslab_object **to, u32 max)
{
	int n;

	do {
		n = take_some(obj, cursor, to, max);
		cond_resched();
	} while (!n && *cursor && !signal_pending(current));
	return n;
}
REFSLAB_EXPORT_TEST(refslab_keyed_take);

/* --- deleting ------------------------------------------------------------------------------- */

/* Gives back what an object without entries has left, a leaf at a time. */
static void empty(struct refslab_object *obj)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	u32 width = width_of(obj);
	struct room room;
	bool more;
	u32 nr;

	do {
		room = (struct room){ };
		refslab_object_lock(obj);
		more = !keyed->live && keyed->table.len;
		if (more) {
			refslab_table_tail(&keyed->table, &nr);
			shorten(keyed, width, nr / width, &room);
		}
		refslab_object_unlock(obj);
		discard(obj, &room);
		cond_resched();
	} while (more);
}

/* Has the index take less memory, if there is some for that. */
static void shrink_index(struct refslab_object *obj, u32 wanted)
{
	struct refslab_objects *objects = refslab_object_type(obj)->objects;
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	void *block = NULL;
	u32 size = wanted;

	if (wanted != NONE) {
		block = refslab_mem_alloc(&objects->mem, REFSLAB_MEM_RAW, size,
					  GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
		if (!block)
			return;
	}
	refslab_object_lock(obj);
	/* without an index there must be few places */
	if (block || !keyed->table.len)
		block = refslab_index_shrink(&keyed->index, block, &size);
	refslab_object_unlock(obj);
	if (block)
		refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, size, block);
}

/* After an entry went. */
static noinline void tidy(struct refslab_object *obj, u32 wanted, bool table)
{
	if (wanted == NONE)
		empty(obj);
	if (wanted)
		shrink_index(obj, wanted);
	if (table || wanted == NONE)
		refslab_table_shrink(obj);
}

/* Takes an entry out. @last: out: those of it whose last reference that was. */
static void take_out(struct refslab_keyed *keyed, u32 width, u32 hash, u32 place,
		     struct refslab_object **last, struct room *room)
{
	struct refslab_object **entry = entry_at(keyed, width, place);
	u32 i;

	for (i = 0; i < width; i++)
		last[i] = refslab_slot_displace((void **)&entry[i], NULL);
	if (has_index(keyed))
		refslab_index_remove(&keyed->index, hash, place, &room->blocks);
	keyed->live--;
	keyed->changes++;
	trim(keyed, width, room);
	move_together(keyed, width, room);
}

/**
 * refslab_keyed_delete() - delete an entry
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 * @key: the key
 *
 * Context: may sleep, no object's lock held. Return: 0, -ENOKEY, -EPROTOTYPE, -EINTR.
 */
int refslab_keyed_delete(struct refslab_object *obj, struct refslab_object *key)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	struct refslab_object *last[2] = { };
	u32 wanted = 0, place, i;
	struct room room = { };
	struct search search;
	bool table = false;
	int err;

	err = begin(&search, key);
	if (err)
		return err;
	err = find(obj, &search, &place);
	if (place != NONE) {
		take_out(keyed, width_of(obj), search.hash, place, last, &room);
		wanted = refslab_index_wasteful(&keyed->index);
		table = refslab_table_wasteful(&keyed->table);
	} else if (!err) {
		err = -ENOKEY;
	}
	refslab_object_unlock(obj);
	discard(obj, &room);
	if (unlikely(wanted || table))
		tidy(obj, wanted, table);
	for (i = 0; i < ARRAY_SIZE(last); i++)
		if (last[i])
			refslab_destroy_last(last[i]);
	end(&search);
	return err;
}
REFSLAB_EXPORT_TEST(refslab_keyed_delete);

/* --- checking ------------------------------------------------------------------------------- */

/* Does the index know of the entry, once? */
static bool is_indexed(const struct refslab_keyed *keyed, u32 hash, u32 place)
{
	struct refslab_index_cursor cursor;
	u32 i, n = 0;

	for (i = refslab_index_first(&keyed->index, hash, &cursor); i != NONE;
	     i = refslab_index_next(&cursor))
		n += i == place;
	return n == 1;
}

/**
 * refslab_keyed_check() - is a container with keys as it must be?
 * @obj: a dict, a set or an instance; the caller holds a reference on it
 *
 * Nobody may change it meanwhile. Context: may sleep, no object's lock held.
 *
 * Return: NULL, or what is wrong.
 */
const char *refslab_keyed_check(struct refslab_object *obj)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);
	u32 width = width_of(obj), i, at = 0, live = 0, indexed = 0;
	struct refslab_object **entry;
	const char *why = NULL;
	bool more = true;

	for (i = 0; more && !why; i++) {
		refslab_object_lock(obj);
		/* somebody may change it all the same */
		more = i < places(keyed, width);
		if (more) {
			entry = entry_at(keyed, width, i);
			live += !!*entry;
			if (width == 2 && !entry[0] != !entry[1])
				why = "a key or a value alone";
			else if (*entry && i >= keyed->gap && i < keyed->gap_end)
				why = "an entry in the gap";
			else if (*entry && has_index(keyed) &&
				 !is_indexed(keyed, refslab_key_hash_again(*entry), i))
				why = "an entry that the index does not know";
		} else if (keyed->table.len % width) {
			why = "half an entry";
		} else if (!has_index(keyed) && i > FEW) {
			why = "many entries without an index";
		} else if (live != keyed->live) {
			why = "not as many entries as were counted";
		}
		refslab_object_unlock(obj);
		if (!(i % 1024))
			cond_resched();
	}
	do {
		refslab_object_lock(obj);
		more = refslab_index_count(&keyed->index, &at, &indexed);
		if (!more && !why && has_index(keyed) && indexed != live)
			why = "an index with other entries";
		refslab_object_unlock(obj);
		cond_resched();
	} while (more);
	return why;
}
REFSLAB_EXPORT_TEST(refslab_keyed_check);
