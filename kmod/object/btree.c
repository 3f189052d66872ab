// SPDX-License-Identifier: GPL-2.0
/*
 * The references of a long table: a B-tree whose keys are positions.
 *
 * A leaf is an array of up to 512 references and nothing else. A node above knows for each child
 * how many references lie before it within the node, so an index is found by one search a level,
 * and an insertion or removal moves at most one leaf's references and a few nodes' counts: that
 * bounds how long anybody holds the object's lock. A table of up to 512 references is one leaf,
 * of just the size it needs; that is table.c's.
 *
 * Nothing here allocates: a step that needs a node is told so, and takes one step at a time up the
 * tree, after each of which the tree is whole. So whoever has to get memory lets go of the lock and
 * just begins again. None of the kernel's trees (maple tree, xarray, lib/btree) fits, as their keys
 * stay what they are when something is inserted before them.
 *
 * Removals merge two neighbours with one parent that could fill three quarters of one. It is looked
 * whether they could when a leaf has come down to a multiple of 64, and splits leave half, or
 * everything, on one side; so two neighbouring leaves never have less than 3 * 64, and two nodes
 * above never less than half of what one can have. That bounds the height: see
 * REFSLAB_BTREE_HEIGHT.
 *
 * The object's lock is held throughout.
 */
#include <linux/string.h>

#include "object.h"

#define LEAF_SHIFT	9
#define FANOUT_SHIFT	8
#define FANOUT		BIT(FANOUT_SHIFT)
/* Whether a leaf can be merged is looked at when so many references have gone. */
#define MERGE_STEP	64

static_assert(REFSLAB_BTREE_LEAF == BIT(LEAF_SHIFT));

/*
 * @nr children, the references of child k being those from @start[k] on; ABSENT behind the last.
 * One child more than FANOUT may be there, so that what is only appended to has nodes with FANOUT
 * children each, and child_of() guesses right.
 *
 * The root may know the last leaf, @tail, which has @tail_nr references, at least one.
 */
struct refslab_btree_node {
	u32 nr;
	u32 tail_nr;
	void **tail;
	u32 start[FANOUT + 3];
	void *child[FANOUT + 1];
};

#define ABSENT		U32_MAX

static_assert(sizeof(struct refslab_btree_node) <= REFSLAB_BTREE_NODE);

/*
 * The way to a reference: at each level, from the leaf's parent (0) up, the node, how many
 * references it has, and which child; then the leaf, how many it has, and which of them.
 */
struct way {
	struct refslab_btree_node *node[REFSLAB_BTREE_HEIGHT];
	u32 total[REFSLAB_BTREE_HEIGHT];
	u32 at[REFSLAB_BTREE_HEIGHT];
	void **leaf;
	u32 nr;
	u32 index;
};

/* The last child that begins at @index or before. */
static noinline u32 search(const struct refslab_btree_node *node, u32 index)
{
	u32 low = 0, high = node->nr, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (node->start[mid] <= index)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Likewise; at first where it is when all before are full. */
static inline u32 child_of(const struct refslab_btree_node *node, u32 index, unsigned int shift)
{
	u32 k = index >> shift;

	if (likely(node->start[k] <= index && node->start[k + 1] > index))
		return k;
	return search(node, index);
}

/* References of child @k of a node that has @total. */
static inline u32 size_of_child(const struct refslab_btree_node *node, u32 k, u32 total)
{
	return min(node->start[k + 1], total) - node->start[k];
}

static void descend(const struct refslab_table *table, u32 index, struct way *way)
{
	void *child = table->vec;
	u32 h, k, nr = table->len;
	struct refslab_btree_node *node;

	for (h = table->height; h--;) {
		node = child;
		k = child_of(node, index, LEAF_SHIFT + h * FANOUT_SHIFT);
		way->node[h] = node;
		way->total[h] = nr;
		way->at[h] = k;
		nr = size_of_child(node, k, nr);
		index -= node->start[k];
		child = node->child[k];
	}
	way->leaf = child;
	way->nr = nr;
	way->index = index;
}

/**
 * refslab_btree_find() - where an element is
 * @table: a table with a tree; the object's lock is held
 * @index: below its length
 * @run: out: elements that lie there one after the other, from this one on
 */
void **refslab_btree_find(const struct refslab_table *table, u32 index, u32 *run)
{
	const struct refslab_btree_node *node = table->root;
	u32 h = table->height - 1, nr = table->len, k;

	/* as descend(), without notes */
	for (;;) {
		k = child_of(node, index, LEAF_SHIFT + h * FANOUT_SHIFT);
		nr = size_of_child(node, k, nr);
		index -= node->start[k];
		if (!h--)
			break;
		node = node->child[k];
	}
	*run = nr - index;
	return (void **)node->child[k] + index;
}
REFSLAB_EXPORT_TEST(refslab_btree_find);

/* If that is where @way leads, the root knows the last leaf, with @nr references, from now on. */
static void remember_tail(struct refslab_table *table, const struct way *way, u32 nr)
{
	u32 h;

	for (h = 0; h < table->height; h++)
		if (way->at[h] != way->node[h]->nr - 1)
			return;
	table->root->tail = way->leaf;
	table->root->tail_nr = nr;
}

static void forget_tail(struct refslab_table *table)
{
	if (table->height)
		table->root->tail = NULL;
}

/* What follows on the way has moved by one. */
static void shift_starts(const struct refslab_table *table, struct way *way, u32 by)
{
	struct refslab_btree_node *node;
	u32 h, k;

	for (h = 0; h < table->height; h++) {
		node = way->node[h];
		for (k = way->at[h] + 1; k < node->nr; k++)
			node->start[k] += by;
		way->total[h] += by;
	}
}

/* A child of @node that begins at @start, before child @k. */
static void add_child(struct refslab_btree_node *node, u32 k, void *child, u32 start)
{
	u32 rest = node->nr - k;

	memmove(&node->child[k + 1], &node->child[k], rest * sizeof(node->child[0]));
	memmove(&node->start[k + 1], &node->start[k], rest * sizeof(node->start[0]));
	node->child[k] = child;
	node->start[k] = start;
	node->start[++node->nr] = ABSENT;
}

static void remove_child(struct refslab_btree_node *node, u32 k)
{
	u32 rest = --node->nr - k;

	memmove(&node->child[k], &node->child[k + 1], rest * sizeof(node->child[0]));
	memmove(&node->start[k], &node->start[k + 1], rest * sizeof(node->start[0]));
	node->start[node->nr] = ABSENT;
}

/* Moves what a full leaf has from @at on to @to. Returns how many references stay. */
static u32 split_leaf(void **leaf, u32 at, void **to)
{
	memcpy(to, leaf + at, (REFSLAB_BTREE_LEAF - at) * sizeof(void *));
	return at;
}

static void init_node(struct refslab_btree_node *node)
{
	node->nr = 0;
	node->tail = NULL;
	memset32(node->start, ABSENT, ARRAY_SIZE(node->start));
}

/* Likewise of a node. */
static u32 split_node(struct refslab_btree_node *node, u32 at, struct refslab_btree_node *to)
{
	u32 k, stays = node->start[at];

	init_node(to);
	to->nr = node->nr - at;
	memcpy(to->child, &node->child[at], to->nr * sizeof(node->child[0]));
	for (k = 0; k < to->nr; k++) {
		to->start[k] = node->start[at + k] - stays;
		node->start[at + k] = ABSENT;
	}
	node->nr = at;
	return stays;
}

/*
 * One step towards room for a reference at @index, to which @way leads: splits the leaf, or the
 * highest of the full nodes right above it, by means of @spare. Who only appends, or only inserts
 * at the front, leaves full ones behind; otherwise halves are best.
 */
static void make_room(struct refslab_table *table, u32 index, const struct way *way, void *spare)
{
	bool front = !index, back = index == table->len;
	struct refslab_btree_node *node = spare, *parent;
	u32 h = 0, k, stays;

	while (h < table->height && way->node[h]->nr > FANOUT)
		h++;
	forget_tail(table);
	table->cap += REFSLAB_BTREE_LEAF;
	if (h == table->height) {
		init_node(node);
		add_child(node, 0, table->vec, 0);
		table->vec = spare;
		table->height++;
		return;
	}
	parent = way->node[h];
	k = way->at[h];
	if (h)
		stays = split_node(parent->child[k],
				   front ? 1 : back ? FANOUT : FANOUT / 2, spare);
	else
		stays = split_leaf(parent->child[k],
				   front ? 1 : back ? REFSLAB_BTREE_LEAF : REFSLAB_BTREE_LEAF / 2,
				   spare);
	add_child(parent, k + 1, spare, parent->start[k] + stays);
}

/**
 * refslab_btree_insert() - insert an element
 * @table: a table with a tree, or with one leaf of full size; the object's lock is held
 * @index: before this one; at most the length
 * @to: the element
 * @spare: REFSLAB_BTREE_NODE bytes, or NULL; NULL afterwards if they were used
 *
 * Return: 0; -EAGAIN when it takes a node (more), -E2BIG, which is not known to happen.
 */
int refslab_btree_insert(struct refslab_table *table, u32 index, void *to, void **spare)
{
	struct way way;
	void **where;

	/* nothing follows */
	if (index == table->len && table->height && table->root->tail &&
	    table->root->tail_nr < REFSLAB_BTREE_LEAF) {
		table->root->tail[table->root->tail_nr++] = to;
		table->len++;
		return 0;
	}
	for (;;) {
		descend(table, index, &way);
		if (way.nr < REFSLAB_BTREE_LEAF)
			break;
		if (!*spare)
			return -EAGAIN;
		if (WARN_ON_ONCE(table->height == REFSLAB_BTREE_HEIGHT))
			return -E2BIG;
		make_room(table, index, &way, *spare);
		*spare = NULL;
	}
	where = way.leaf + way.index;
	memmove(where + 1, where, (way.nr - way.index) * sizeof(*where));
	*where = to;
	shift_starts(table, &way, 1);
	table->len++;
	if (table->height)
		remember_tail(table, &way, way.nr + 1);
	return 0;
}

static void discard(struct refslab_table *table, void *node, void **unused)
{
	*(void **)node = *unused;
	*unused = node;
	table->cap -= REFSLAB_BTREE_LEAF;
}

/* Moves the references of leaf @k + 1 to leaf @k, if they are few. */
static bool merge_leaves(struct refslab_btree_node *parent, u32 k, u32 total)
{
	u32 left = size_of_child(parent, k, total), right = size_of_child(parent, k + 1, total);

	if (left + right > REFSLAB_BTREE_LEAF * 3 / 4)
		return false;
	memcpy((void **)parent->child[k] + left, parent->child[k + 1], right * sizeof(void *));
	return true;
}

/* Likewise the children of nodes. */
static bool merge_nodes(struct refslab_btree_node *parent, u32 k)
{
	struct refslab_btree_node *left = parent->child[k], *right = parent->child[k + 1];
	u32 i, by = parent->start[k + 1] - parent->start[k];

	if (left->nr + right->nr > FANOUT * 3 / 4)
		return false;
	for (i = 0; i < right->nr; i++) {
		left->child[left->nr + i] = right->child[i];
		left->start[left->nr + i] = right->start[i] + by;
	}
	left->nr += right->nr;
	return true;
}

/* A root with one child is none. */
static void lower(struct refslab_table *table, void **unused)
{
	struct refslab_btree_node *root;

	while (table->height && table->root->nr == 1) {
		root = table->root;
		table->vec = root->child[0];
		table->height--;
		discard(table, root, unused);
	}
}

/* Merges what has become small with a neighbour, from the leaf up. */
static void merge_up(struct refslab_table *table, const struct way *way, void **unused)
{
	struct refslab_btree_node *parent;
	u32 h, k;
	int d;

	for (h = 0; h < table->height; h++) {
		parent = way->node[h];
		for (d = 0; d < 2; d++) {
			/* with the next one, else with the one before, if there is one */
			k = way->at[h] - d;
			if (k < parent->nr - 1 &&
			    (h ? merge_nodes(parent, k) :
				 merge_leaves(parent, k, way->total[h])))
				break;
		}
		if (d == 2)
			break;
		discard(table, parent->child[k + 1], unused);
		remove_child(parent, k + 1);
	}
	lower(table, unused);
}

/**
 * refslab_btree_remove() - take an element out
 * @table: a table with a tree; the object's lock is held
 * @index: below its length
 * @unused: nodes not needed any more are put before these, each with the next one's address in its
 *	first word
 *
 * The table may have a leaf alone afterwards. Return: the element.
 */
void *refslab_btree_remove(struct refslab_table *table, u32 index, void **unused)
{
	struct way way;
	void **where, *element;

	if (index + 1 == table->len && table->root->tail &&
	    (table->root->tail_nr - 1) % MERGE_STEP) {
		table->len--;
		return table->root->tail[--table->root->tail_nr];
	}
	descend(table, index, &way);
	where = way.leaf + way.index;
	element = *where;
	memmove(where, where + 1, (way.nr - way.index - 1) * sizeof(*where));
	shift_starts(table, &way, -1);
	table->len--;
	if ((way.nr - 1) % MERGE_STEP) {
		remember_tail(table, &way, way.nr - 1);
	} else {
		merge_up(table, &way, unused);
		forget_tail(table);
	}
	return element;
}

/**
 * refslab_btree_tail() - the last leaf
 * @table: a table with a tree; the object's lock is held
 * @nr: out: how many elements it has; may be none
 */
void **refslab_btree_tail(const struct refslab_table *table, u32 *nr)
{
	void *child = table->vec;
	struct refslab_btree_node *node;
	u32 h;

	*nr = table->len;
	for (h = table->height; h--;) {
		node = child;
		*nr -= node->start[node->nr - 1];
		child = node->child[node->nr - 1];
	}
	return child;
}

/**
 * refslab_btree_cut() - take the last leaf off, with what is in it
 * @table: a table with a tree; the object's lock is held
 * @unused: see refslab_btree_remove()
 *
 * Only for a table that is being taken apart. It has no tree, and nothing at all, when this was the
 * last one.
 */
void refslab_btree_cut(struct refslab_table *table, void **unused)
{
	struct refslab_btree_node *node[REFSLAB_BTREE_HEIGHT];
	void *child = table->vec;
	u32 h, nr;

	refslab_btree_tail(table, &nr);
	table->len -= nr;
	forget_tail(table);
	for (h = table->height; h--;) {
		node[h] = child;
		child = node[h]->child[node[h]->nr - 1];
	}
	discard(table, child, unused);
	for (h = 0; h < table->height; h++) {
		node[h]->start[--node[h]->nr] = ABSENT;
		if (node[h]->nr)
			return;
		discard(table, node[h], unused);
	}
	table->vec = NULL;
	table->height = 0;
}

/**
 * refslab_btree_shorten() - forget elements of the last leaf, and the leaf when it is empty
 * @table: a table with a tree; the object's lock is held
 * @n: how many, from the end
 * @unused: see refslab_btree_remove()
 *
 * The table may have a leaf alone afterwards.
 */
void refslab_btree_shorten(struct refslab_table *table, u32 n, void **unused)
{
	u32 nr;

	table->len -= n;
	forget_tail(table);
	refslab_btree_tail(table, &nr);
	if (nr)
		return;
	refslab_btree_cut(table, unused);
	lower(table, unused);
}
