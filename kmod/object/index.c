// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a keyed container: from a key's hash to where its entry is.
 *
 * A leaf is a hash table of its own, open addressing with linear probing: up to 512 cells of a hash
 * and a position, the first of which is the leaf's head. One leaf, which doubles, is all there is
 * for up to 384 entries. Beyond that it is extendible hashing: nodes of 512 pointers to leaves,
 * found by the hash's highest bits, neighbouring pointers leading to one leaf as long as that is
 * enough. A leaf that is full is split in two by the next bit of the hash; where a node's nine bits
 * are used up, a node of its own comes in the leaf's place. Two levels are enough for 2^23 entries
 * 40 times over. So no step ever moves more than one leaf's entries, however many there are: there
 * is no moment at which all of a large table is hashed anew. rhashtable does that beside the others
 * and the kernel's other tables under a lock or not at all; and none of them keeps its memory
 * within a heap's limit.
 *
 * Two leaves that differ in one bit only become one again when they could fill half of it.
 *
 * Nothing here allocates or looks at a key: as with btree.c, a step that needs memory says so, and
 * after each the index is whole. The object's lock is held throughout, but when it is torn down.
 */
#include <linux/log2.h>
#include <linux/string.h>

#include "object.h"

#define NODE_BITS	9
#define NODE_CHILDREN	BIT(NODE_BITS)
#define MAX_DEPTH	(2 * NODE_BITS)
#define LEAF_SHIFT	9
#define FIRST_SHIFT	4

/* A child of the root that is a node. */
#define IS_NODE		1UL

/* Whether a leaf can be merged is looked at when so many entries have gone. */
#define MERGE_STEP	64
#define MERGE_MAX	192

/* @where: the entry's position and 1, 0: the cell is free */
struct cell {
	u32 hash;
	u32 where;
};

/**
 * struct refslab_index_leaf - the first of a hash table's 2^@shift cells; no entry is there
 * @nr:		entries
 * @depth:	hash bits, from the highest, by which this leaf was found, and no other
 * @shift:	its size; 2^LEAF_SHIFT cells wherever there are others
 * @unused:	fills the cell
 */
struct refslab_index_leaf {
	u16 nr;
	u8 depth;
	u8 shift;
	u32 unused;
};

struct refslab_index_node {
	unsigned long child[NODE_CHILDREN];
};

static_assert(sizeof(struct refslab_index_leaf) == sizeof(struct cell));
static_assert(sizeof(struct refslab_index_node) == REFSLAB_INDEX_BLOCK);
static_assert(sizeof(struct cell) << LEAF_SHIFT == REFSLAB_INDEX_BLOCK);

static u32 mask_of(const struct refslab_index_leaf *leaf)
{
	return BIT(leaf->shift) - 1;
}

static struct cell *cell_at(struct refslab_index_leaf *leaf, u32 i)
{
	return (struct cell *)leaf + i;
}

/* Entries in a leaf before it grows or is split. */
static u32 room_in(const struct refslab_index_leaf *leaf)
{
	return BIT(leaf->shift) / 4 * 3;
}

/* The cell where an entry would best be, never the first. */
static u32 home_of(const struct refslab_index_leaf *leaf, u32 hash)
{
	return (hash & mask_of(leaf)) ?: 1;
}

static u32 next_cell(const struct refslab_index_leaf *leaf, u32 i)
{
	return ((i + 1) & mask_of(leaf)) ?: 1;
}

static u32 root_slot(u32 hash)
{
	return hash >> (32 - NODE_BITS);
}

static u32 node_slot(u32 hash)
{
	return hash >> (32 - MAX_DEPTH) & (NODE_CHILDREN - 1);
}

static struct refslab_index_node *node_of(unsigned long child)
{
	return child & IS_NODE ? (void *)(child & ~IS_NODE) : NULL;
}

static struct refslab_index_leaf *find_leaf(const struct refslab_index *index, u32 hash)
{
	unsigned long child;

	if (!index->is_node)
		return index->leaf;
	child = index->node->child[root_slot(hash)];
	if (child & IS_NODE)
		child = node_of(child)->child[node_slot(hash)];
	return (void *)child;
}

/* The node below the root that the hash leads to, if there is one. */
static struct refslab_index_node *below_root(const struct refslab_index *index, u32 hash)
{
	return node_of(index->node->child[root_slot(hash)]);
}

/**
 * refslab_index_first() - the first entry that has a hash
 * @index: the index
 * @hash: the hash
 * @cursor: for refslab_index_next()
 *
 * Return: its position, or REFSLAB_INDEX_NONE.
 */
u32 refslab_index_first(const struct refslab_index *index, u32 hash,
			struct refslab_index_cursor *cursor)
{
	cursor->leaf = find_leaf(index, hash);
	cursor->hash = hash;
	if (!cursor->leaf)
		return REFSLAB_INDEX_NONE;
	cursor->i = home_of(cursor->leaf, hash);
	return refslab_index_next(cursor);
}
REFSLAB_EXPORT_TEST(refslab_index_first);

/**
 * refslab_index_next() - the next one
 * @cursor: good as long as nobody changes the index
 *
 * Return: its position, or REFSLAB_INDEX_NONE.
 */
u32 refslab_index_next(struct refslab_index_cursor *cursor)
{
	struct cell *cell;

	for (;;) {
		cell = cell_at(cursor->leaf, cursor->i);
		if (!cell->where)
			return REFSLAB_INDEX_NONE;
		cursor->i = next_cell(cursor->leaf, cursor->i);
		if (cell->hash == cursor->hash)
			return cell->where - 1;
	}
}
REFSLAB_EXPORT_TEST(refslab_index_next);

static void put_in(struct refslab_index_leaf *leaf, struct cell entry)
{
	u32 i = home_of(leaf, entry.hash);

	while (cell_at(leaf, i)->where)
		i = next_cell(leaf, i);
	*cell_at(leaf, i) = entry;
	leaf->nr++;
}

static void init_leaf(struct refslab_index_leaf *leaf, unsigned int shift, unsigned int depth)
{
	memset(leaf, 0, sizeof(struct cell) << shift);
	leaf->shift = shift;
	leaf->depth = depth;
}

/* --- growing -------------------------------------------------------------------------------- */

/*
 * Copies all entries of a leaf to another one, beginning behind a cell that is free: so those that
 * have the same hash stay in their order, on which searches rely.
 */
static void copy_leaf(struct refslab_index_leaf *to, struct refslab_index_leaf *from)
{
	u32 first = 1, i;

	while (cell_at(from, first)->where)
		first = next_cell(from, first);
	for (i = next_cell(from, first); i != first; i = next_cell(from, i))
		if (cell_at(from, i)->where)
			put_in(to, *cell_at(from, i));
}

/*
 * Moves what has the next bit of the hash set from @leaf to @other, which is empty. What stays is
 * put in anew, cell by cell, beginning behind one that was free: so each finds those before it
 * where they will stay.
 */
static void split_leaf(struct refslab_index_leaf *leaf, struct refslab_index_leaf *other)
{
	u32 bit = BIT(31 - leaf->depth), first = 1, i;
	struct cell entry;

	while (cell_at(leaf, first)->where)
		first = next_cell(leaf, first);
	leaf->depth++;
	init_leaf(other, LEAF_SHIFT, leaf->depth);
	for (i = next_cell(leaf, first); i != first; i = next_cell(leaf, i)) {
		entry = *cell_at(leaf, i);
		if (!entry.where)
			continue;
		cell_at(leaf, i)->where = 0;
		leaf->nr--;
		put_in(entry.hash & bit ? other : leaf, entry);
	}
}

/*
 * The pointers that lead to a leaf of a depth: the node they are in, the first one, and how many.
 * Bits of @hash beyond the depth do not matter.
 */
static struct refslab_index_node *pointers(const struct refslab_index *index, u32 hash, u32 depth,
					   u32 *first, u32 *nr)
{
	struct refslab_index_node *node = below_root(index, hash);

	if (node) {
		*nr = BIT(MAX_DEPTH - depth);
		*first = node_slot(hash) & ~(*nr - 1);
		return node;
	}
	*nr = BIT(NODE_BITS - depth);
	*first = root_slot(hash) & ~(*nr - 1);
	return index->node;
}

/* A node all of whose pointers lead to @leaf. */
static void init_node(struct refslab_index_node *node, struct refslab_index_leaf *leaf)
{
	u32 i;

	for (i = 0; i < NODE_CHILDREN; i++)
		node->child[i] = (unsigned long)leaf;
}

/* One step towards room in @leaf, which has its full size, by means of @block. */
static void make_room(struct refslab_index *index, u32 hash, struct refslab_index_leaf *leaf,
		      void *block)
{
	struct refslab_index_node *node;
	u32 first, nr, i;

	index->blocks++;
	if (!index->is_node) {
		init_node(block, leaf);
		index->node = block;
		index->is_node = true;
	} else if (leaf->depth == NODE_BITS && !below_root(index, hash)) {
		init_node(block, leaf);
		index->node->child[root_slot(hash)] = (unsigned long)block | IS_NODE;
	} else {
		node = pointers(index, hash, leaf->depth, &first, &nr);
		split_leaf(leaf, block);
		for (i = first + nr / 2; i < first + nr; i++)
			node->child[i] = (unsigned long)block;
	}
}

/**
 * refslab_index_make_room() - see to it that an entry can be added
 * @index: the index
 * @hash: the entry's hash
 * @spare: memory for one step; what is there afterwards is not needed, and may be used again, if
 *	its size fits
 *
 * Return: 0, -EAGAIN when @spare must have a block of @spare->wanted bytes, -E2BIG when too many
 * entries have nearly the same hash.
 */
int refslab_index_make_room(struct refslab_index *index, u32 hash,
			    struct refslab_index_spare *spare)
{
	struct refslab_index_leaf *leaf;
	void *block;

	for (;;) {
		leaf = find_leaf(index, hash);
		if (leaf && leaf->nr < room_in(leaf))
			return 0;
		/* a cell must be free for searches to end */
		if (leaf && leaf->depth == MAX_DEPTH)
			return leaf->nr < mask_of(leaf) - 1 ? 0 : -E2BIG;
		spare->wanted = sizeof(struct cell) << (leaf ? leaf->shift + 1 : FIRST_SHIFT);
		spare->wanted = min_t(u32, spare->wanted, REFSLAB_INDEX_BLOCK);
		block = spare->block;
		if (!block || spare->size != spare->wanted)
			return -EAGAIN;
		spare->block = NULL;
		if (!leaf) {
			index->leaf = block;
			init_leaf(block, FIRST_SHIFT, 0);
		} else if (leaf->shift < LEAF_SHIFT) {
			init_leaf(block, leaf->shift + 1, 0);
			copy_leaf(block, leaf);
			index->leaf = block;
			spare->block = leaf;
			spare->size = sizeof(struct cell) << leaf->shift;
		} else {
			make_room(index, hash, leaf, block);
		}
	}
}
REFSLAB_EXPORT_TEST(refslab_index_make_room);

/**
 * refslab_index_add() - add an entry
 * @index: the index, with room for it
 * @hash: the key's hash
 * @position: where the entry is
 */
void refslab_index_add(struct refslab_index *index, u32 hash, u32 position)
{
	put_in(find_leaf(index, hash), (struct cell){ hash, position + 1 });
}
REFSLAB_EXPORT_TEST(refslab_index_add);

/* --- changing and shrinking ----------------------------------------------------------------- */

static u32 find_cell(struct refslab_index_leaf *leaf, u32 hash, u32 position)
{
	struct cell *cell;
	u32 i;

	for (i = home_of(leaf, hash);; i = next_cell(leaf, i)) {
		cell = cell_at(leaf, i);
		if (cell->where == position + 1)
			return i;
		if (WARN_ON_ONCE(!cell->where))
			return 0;
	}
}

/**
 * refslab_index_move() - an entry has another position
 * @index: the index
 * @hash: the key's hash
 * @from: where it was
 * @to: where it is
 */
void refslab_index_move(struct refslab_index *index, u32 hash, u32 from, u32 to)
{
	struct refslab_index_leaf *leaf = find_leaf(index, hash);
	u32 i = find_cell(leaf, hash, from);

	if (i)
		cell_at(leaf, i)->where = to + 1;
}
REFSLAB_EXPORT_TEST(refslab_index_move);

/* Frees a cell, and has those that follow close up, so that none is beyond a free one. */
static void take_out(struct refslab_index_leaf *leaf, u32 hole)
{
	u32 size = mask_of(leaf), i = hole, away;
	struct cell *cell;

	leaf->nr--;
	for (;;) {
		i = next_cell(leaf, i);
		cell = cell_at(leaf, i);
		if (!cell->where)
			break;
		/* cells between its home and where it is: it may move back as far as that */
		away = (i + size - home_of(leaf, cell->hash)) % size;
		if (away < (i + size - hole) % size)
			continue;
		*cell_at(leaf, hole) = *cell;
		hole = i;
	}
	cell_at(leaf, hole)->where = 0;
}

static void discard(struct refslab_index *index, void *block, void **unused)
{
	*(void **)block = *unused;
	*unused = block;
	index->blocks--;
}

/* Makes @leaf and the one that differs in its last bit one, if that is one, too, and both small. */
static bool merge(struct refslab_index *index, u32 hash, struct refslab_index_leaf *leaf,
		  void **unused)
{
	u32 buddy = hash ^ BIT(32 - leaf->depth), first, nr, i;
	struct refslab_index_leaf *other;
	struct refslab_index_node *node;

	if (leaf->depth <= NODE_BITS && below_root(index, buddy))
		return false;
	other = find_leaf(index, buddy);
	if (other->depth != leaf->depth || leaf->nr + other->nr > MERGE_MAX)
		return false;
	if (leaf->nr < other->nr)
		swap(leaf, other);
	copy_leaf(leaf, other);
	discard(index, other, unused);
	leaf->depth--;
	node = pointers(index, hash, leaf->depth, &first, &nr);
	for (i = first; i < first + nr; i++)
		node->child[i] = (unsigned long)leaf;
	return true;
}

/* One step towards less memory for what @hash leads to. Returns whether there was one. */
static bool give_back(struct refslab_index *index, u32 hash, void **unused)
{
	struct refslab_index_leaf *leaf = find_leaf(index, hash);
	struct refslab_index_node *node = below_root(index, hash);

	/* a node for one leaf */
	if (node && leaf->depth == NODE_BITS) {
		index->node->child[root_slot(hash)] = (unsigned long)leaf;
		discard(index, node, unused);
		return true;
	}
	if (!leaf->depth) {
		node = index->node;
		index->leaf = leaf;
		index->is_node = false;
		discard(index, node, unused);
		return false;
	}
	return merge(index, hash, leaf, unused);
}

/**
 * refslab_index_remove() - forget an entry
 * @index: the index
 * @hash: the key's hash
 * @position: where the entry was
 * @unused: blocks of REFSLAB_INDEX_BLOCK bytes that are not needed any more are put before these,
 *	each with the next one's address in its first word
 */
void refslab_index_remove(struct refslab_index *index, u32 hash, u32 position, void **unused)
{
	struct refslab_index_leaf *leaf = find_leaf(index, hash);
	u32 i = find_cell(leaf, hash, position);

	if (!i)
		return;
	take_out(leaf, i);
	if (leaf->nr % MERGE_STEP)
		return;
	while (index->is_node && give_back(index, hash, unused))
		;
}
REFSLAB_EXPORT_TEST(refslab_index_remove);

/**
 * refslab_index_wasteful() - could the index do with less memory?
 * @index: the index
 *
 * Return: bytes that refslab_index_shrink() would want, 0 when not; the index has no entries, and
 * can be thrown away, when it is REFSLAB_INDEX_NONE.
 */
u32 refslab_index_wasteful(const struct refslab_index *index)
{
	const struct refslab_index_leaf *leaf = index->leaf;

	if (index->is_node || !leaf)
		return 0;
	if (!leaf->nr)
		return REFSLAB_INDEX_NONE;
	if (leaf->shift == FIRST_SHIFT || leaf->nr > BIT(leaf->shift) / 8)
		return 0;
	return sizeof(struct cell) << (leaf->shift - 1);
}
REFSLAB_EXPORT_TEST(refslab_index_wasteful);

/**
 * refslab_index_shrink() - let an index that is one leaf have a smaller one, or none
 * @index: the index
 * @block: what refslab_index_wasteful() wanted, or NULL when the index is to be thrown away
 * @size: its size; out: of what is to be freed
 *
 * Does nothing when it does not fit any more. Return: what is to be freed, or NULL.
 */
void *refslab_index_shrink(struct refslab_index *index, void *block, u32 *size)
{
	struct refslab_index_leaf *leaf = index->leaf;
	u32 wanted = refslab_index_wasteful(index);

	if (!wanted || wanted != (block ? *size : REFSLAB_INDEX_NONE))
		return block;
	if (block) {
		init_leaf(block, leaf->shift - 1, 0);
		copy_leaf(block, leaf);
	}
	*size = sizeof(struct cell) << leaf->shift;
	index->leaf = block;
	return leaf;
}
REFSLAB_EXPORT_TEST(refslab_index_shrink);

/* --- the whole of it ------------------------------------------------------------------------ */

/**
 * refslab_index_bytes() - bytes of the index's storage
 * @index: the index
 */
u64 refslab_index_bytes(const struct refslab_index *index)
{
	if (!index->leaf)
		return 0;
	if (!index->is_node)
		return sizeof(struct cell) << index->leaf->shift;
	return (u64)(index->blocks + 1) * REFSLAB_INDEX_BLOCK;
}
REFSLAB_EXPORT_TEST(refslab_index_bytes);

/* Leaves counted at a time. */
#define COUNTED		64

/**
 * refslab_index_count() - count what an index has, some leaves at a time
 * @index: the index
 * @at: where to go on, 0 for the beginning
 * @n: what was counted is added here
 *
 * Others may change the index between two calls; then the number means nothing. Return: whether
 * there is more.
 */
bool refslab_index_count(const struct refslab_index *index, u32 *at, u32 *n)
{
	const struct refslab_index_leaf *leaf;
	u32 i, span;

	for (i = 0; i < COUNTED && *at < BIT(MAX_DEPTH); i++) {
		leaf = find_leaf(index, *at << (32 - MAX_DEPTH));
		if (!leaf)
			return false;
		span = BIT(MAX_DEPTH - leaf->depth);
		*n += leaf->nr;
		*at = (*at | (span - 1)) + 1;
	}
	return *at < BIT(MAX_DEPTH);
}

/**
 * refslab_index_entries() - count what an index has
 * @index: the index
 */
u32 refslab_index_entries(const struct refslab_index *index)
{
	u32 at = 0, n = 0;

	while (refslab_index_count(index, &at, &n))
		;
	return n;
}
REFSLAB_EXPORT_TEST(refslab_index_entries);

static void free_block(struct refslab_objects *objects, void *block, u32 size)
{
	refslab_mem_free(&objects->mem, REFSLAB_MEM_RAW, size, block);
}

/**
 * refslab_index_free_blocks() - free blocks that are not needed any more
 * @objects: the heap's objects
 * @unused: the first, or NULL; see refslab_index_remove()
 *
 * Context: task context, no object's lock held.
 */
void refslab_index_free_blocks(struct refslab_objects *objects, void *unused)
{
	void *next;

	for (; unused; unused = next) {
		next = *(void **)unused;
		free_block(objects, unused, REFSLAB_INDEX_BLOCK);
	}
}
REFSLAB_EXPORT_TEST(refslab_index_free_blocks);

/* Frees what a node's pointers from the last on lead to. Returns whether all of it is gone. */
static bool free_children(struct refslab_objects *objects, struct refslab_index_node *node,
			  u32 *from, u32 *budget)
{
	unsigned long child;

	for (; *from < NODE_CHILDREN; ++*from) {
		child = node->child[*from];
		if (*from && child == node->child[*from - 1])
			continue;
		if (!*budget)
			return false;
		--*budget;
		free_block(objects, (void *)child, REFSLAB_INDEX_BLOCK);
	}
	*from = 0;
	return true;
}

/* Likewise of the root, with the nodes. */
static bool free_tree(struct refslab_objects *objects, struct refslab_index *index, u32 *budget)
{
	unsigned long child, last = 0;
	u32 i = index->freed;

	if (i)
		last = index->node->child[i - 1];
	for (; i < NODE_CHILDREN; i++) {
		child = index->node->child[i];
		index->freed = i;
		if (child == last)
			continue;
		if (!node_of(child) && !*budget)
			return false;
		if (!node_of(child))
			--*budget;
		else if (!free_children(objects, node_of(child), &index->freed_below, budget))
			return false;
		free_block(objects, (void *)(child & ~IS_NODE), REFSLAB_INDEX_BLOCK);
		last = child;
	}
	return true;
}

static bool free_all(struct refslab_objects *objects, struct refslab_index *index, u32 *budget)
{
	if (index->is_node) {
		if (!free_tree(objects, index, budget))
			return false;
		free_block(objects, index->node, REFSLAB_INDEX_BLOCK);
	} else if (index->leaf) {
		free_block(objects, index->leaf, sizeof(struct cell) << index->leaf->shift);
	}
	return true;
}

/**
 * refslab_index_free() - free the index of a keyed container, in bites
 * @obj: the container, without entries, used by nobody but a scan
 * @budget: blocks that may still be freed; lowered
 *
 * Context: task context, no object's lock held. Return: true when all of it is free, and the body
 * as in a new object.
 */
bool refslab_index_free(struct refslab_object *obj, u32 *budget)
{
	struct refslab_keyed *keyed = refslab_object_keyed(obj);

	if (!free_all(refslab_object_type(obj)->objects, &keyed->index, budget))
		return false;
	/* a scan looks at the table alone */
	memset_after(keyed, 0, table);
	return true;
}
REFSLAB_EXPORT_TEST(refslab_index_free);
