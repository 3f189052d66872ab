// SPDX-License-Identifier: GPL-2.0
/*
 * The listing of a heap's pools: a row for each, whatever is read of it at once, and none of arenas
 * that are gone; and that no arena goes while rows are made.
 */
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "../kmod/inspect/inspect.h"
#include "fixture.h"

#define TEXT	(64 * 1024)
#define BLOCK	512
#define BLOCKS	(3 * REFSLAB_ARENA_POOLS * (REFSLAB_POOL_SIZE / BLOCK))

static const char head[] = "arena      pool state kind      size used carved total\n";

/**
 * struct listing - the file, opened as the VFS does
 * @inode:	of which nothing but its heap is looked at
 * @file:	likewise
 * @text:	what was read
 * @len:	its length
 */
struct listing {
	struct inode inode;
	struct file file;
	char text[TEXT];
	size_t len;
};

static struct listing *listing_open(struct kunit *test, struct refslab_heap *heap)
{
	struct listing *listing = kvzalloc(sizeof(*listing), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, listing);
	listing->inode.i_private = heap;
	listing->file.f_mode = FMODE_READ;
	KUNIT_ASSERT_EQ(test, refslab_pools_fops.open(&listing->inode, &listing->file), 0);
	return listing;
}

static void listing_close(struct listing *listing)
{
	refslab_pools_fops.release(&listing->inode, &listing->file);
	kvfree(listing);
}

/* One read() of at most @size bytes, from where the last one ended. */
static ssize_t listing_read(struct listing *listing, loff_t *pos, size_t size)
{
	struct kiocb iocb = { .ki_filp = &listing->file, .ki_pos = *pos };
	struct kvec vec = { .iov_base = listing->text + listing->len };
	struct iov_iter iter;
	ssize_t n;

	vec.iov_len = min(size, TEXT - 1 - listing->len);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
	n = seq_read_iter(&iocb, &iter);
	*pos = iocb.ki_pos;
	if (n > 0)
		listing->len += n;
	return n;
}

/* All of it, @size bytes at a time; nothing is held between two reads. */
static struct listing *list(struct kunit *test, struct refslab_heap *heap, size_t size)
{
	struct listing *listing = listing_open(test, heap);
	loff_t pos = 0;
	ssize_t n;

	do {
		n = listing_read(listing, &pos, size);
		KUNIT_EXPECT_EQ(test, heap->objects.mem.holds, 0);
	} while (n > 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_ASSERT_LT(test, listing->len, TEXT - 1);
	return listing;
}

/* What a row says is what the pool has. */
static void check_row(struct kunit *test, struct refslab_heap *heap, const char *row,
		      unsigned int arena, unsigned int number)
{
	static const char *const states[] = { "empty", "used", "full", "limbo" };
	static const char *const kinds[] = { "raw", "atom", "container" };
	unsigned int got_arena, got_number, size, used, carved, total;
	const struct refslab_pool *pool;
	struct refslab_arena *found;
	char state[8], kind[12];
	int fields;

	fields = sscanf(row, "%u %u %7s %11s %u %u %u %u", &got_arena, &got_number, state, kind,
			&size, &used, &carved, &total);
	KUNIT_ASSERT_EQ_MSG(test, fields, 8, "%.60s", row);
	KUNIT_EXPECT_EQ(test, got_arena, arena);
	KUNIT_EXPECT_EQ(test, got_number, number);
	found = xa_load(&heap->objects.mem.arenas, arena);
	KUNIT_ASSERT_NOT_NULL(test, found);
	pool = &found->pools[number];
	KUNIT_EXPECT_STREQ(test, state, states[pool->state]);
	if (pool->state == REFSLAB_POOL_EMPTY) {
		KUNIT_EXPECT_STREQ(test, kind, "-");
		KUNIT_EXPECT_EQ(test, size + used + carved + total, 0);
		return;
	}
	KUNIT_EXPECT_STREQ(test, kind, kinds[pool->kind]);
	KUNIT_EXPECT_EQ(test, size, pool->size);
	KUNIT_EXPECT_EQ(test, used, pool->used);
	KUNIT_EXPECT_EQ(test, carved, pool->carved);
	KUNIT_EXPECT_EQ(test, total, pool->capacity);
}

/* The header, and every pool of every arena there is, in order. Returns the rows. */
static unsigned int check_listing(struct kunit *test, struct refslab_heap *heap, const char *text)
{
	unsigned int number, rows = 0;
	struct refslab_arena *arena;
	unsigned long index;

	KUNIT_ASSERT_EQ(test, strncmp(text, head, strlen(head)), 0);
	text += strlen(head);
	xa_for_each(&heap->objects.mem.arenas, index, arena) {
		for (number = 0; number < REFSLAB_ARENA_POOLS; number++, rows++) {
			check_row(test, heap, text, index, number);
			text = strchr(text, '\n');
			KUNIT_ASSERT_NOT_NULL(test, text);
			text++;
		}
	}
	KUNIT_EXPECT_EQ(test, *text, 0);
	return rows;
}

/* Blocks that fill some arenas, beside what the heap has. */
static void **fill(struct kunit *test, struct refslab_mem *mem)
{
	void **blocks = kunit_kcalloc(test, BLOCKS, sizeof(*blocks), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, blocks);
	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = refslab_mem_alloc(mem, REFSLAB_MEM_RAW, BLOCK, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, blocks[i]);
	}
	KUNIT_ASSERT_GE(test, mem->nr_arenas, 3);
	return blocks;
}

/* Those that lie in an arena, and that is then gone, unless somebody holds it; -1: all. */
static void empty(struct refslab_mem *mem, void **blocks, int arena)
{
	unsigned int i;

	for (i = 0; i < BLOCKS; i++) {
		if (!blocks[i] || (arena >= 0 &&
				   refslab_mem_arena_of(mem, blocks[i])->number != arena))
			continue;
		refslab_mem_free(mem, REFSLAB_MEM_RAW, BLOCK, blocks[i]);
		blocks[i] = NULL;
	}
}

static void each_pool_has_a_row(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_mem *mem = &heap->objects.mem;
	struct refslab_object *obj = refslab_fixture_int(test, 12345);
	void **blocks = fill(test, mem);
	struct listing *listing = list(test, heap, TEXT);

	KUNIT_EXPECT_EQ(test, check_listing(test, heap, listing->text),
			mem->nr_arenas * REFSLAB_ARENA_POOLS);
	/* some of each state; limbo is seen only while somebody walks the heap */
	KUNIT_EXPECT_NOT_NULL(test, strstr(listing->text, " full  raw "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(listing->text, " used  atom "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(listing->text, " empty - "));
	listing_close(listing);
	empty(mem, blocks, -1);
	refslab_object_put(obj);
}

/* However little is read at once, and wherever a read ends, it is the same text. */
static void it_can_be_read_in_pieces(struct kunit *test)
{
	static const size_t sizes[] = { 7, 54, 100, PAGE_SIZE, PAGE_SIZE + 1 };
	struct refslab_heap *heap = refslab_fixture_heap(test);
	void **blocks = fill(test, &heap->objects.mem);
	struct listing *whole = list(test, heap, TEXT), *listing;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		listing = list(test, heap, sizes[i]);
		KUNIT_EXPECT_EQ(test, listing->len, whole->len);
		KUNIT_EXPECT_TRUE_MSG(test, !strcmp(listing->text, whole->text), "%zu at a time",
				      sizes[i]);
		listing_close(listing);
	}
	listing_close(whole);
	empty(&heap->objects.mem, blocks, -1);
}

static void arenas_that_are_gone_have_none(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_mem *mem = &heap->objects.mem;
	unsigned long arenas;
	struct listing *listing;
	void **blocks;

	blocks = fill(test, mem);
	arenas = mem->nr_arenas;
	empty(mem, blocks, 1);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, arenas - 1);
	KUNIT_EXPECT_NULL(test, xa_load(&mem->arenas, 1));
	listing = list(test, heap, TEXT);
	KUNIT_EXPECT_EQ(test, check_listing(test, heap, listing->text),
			(arenas - 1) * REFSLAB_ARENA_POOLS);
	listing_close(listing);
	empty(mem, blocks, -1);
}

/* While a page of rows is made all arenas stay. Between two they may go; then the next follows. */
static void rows_hold_the_memory(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_mem *mem = &heap->objects.mem;
	loff_t pos = 1 + REFSLAB_ARENA_POOLS + 5;
	const struct refslab_pool *pool;
	const struct seq_operations *op;
	struct listing *listing;
	unsigned long arenas;
	struct seq_file *m;
	void **blocks;

	blocks = fill(test, mem);
	arenas = mem->nr_arenas;
	listing = listing_open(test, heap);
	m = listing->file.private_data;
	op = m->op;
	pool = op->start(m, &pos);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->arena->number, 1);
	KUNIT_EXPECT_EQ(test, pool->number, 5);
	empty(mem, blocks, 1);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, arenas);
	KUNIT_EXPECT_EQ(test, op->show(m, (void *)pool), 0);
	pool = op->next(m, (void *)pool, &pos);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->number, 6);
	op->stop(m, (void *)pool);
	KUNIT_EXPECT_EQ(test, mem->holds, 0);
	KUNIT_EXPECT_EQ(test, mem->nr_arenas, arenas - 1);
	pool = op->start(m, &pos);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->arena->number, 2);
	KUNIT_EXPECT_EQ(test, pool->number, 0);
	KUNIT_EXPECT_EQ(test, pos, 1 + 2 * REFSLAB_ARENA_POOLS);
	op->stop(m, (void *)pool);
	listing_close(listing);
	empty(mem, blocks, -1);
}

/* Behind the last row there is nothing, however far; and nothing stays held. */
static void beyond_the_end(struct kunit *test)
{
	struct refslab_heap *heap = refslab_fixture_heap(test);
	struct refslab_mem *mem = &heap->objects.mem;
	const loff_t far[] = {
		1 + REFSLAB_ARENA_POOLS * (loff_t)mem->next_arena,
		1 + REFSLAB_ARENA_POOLS * (loff_t)U32_MAX,
		1 + REFSLAB_ARENA_POOLS * ((loff_t)U32_MAX + 1),
		LLONG_MAX,
	};
	struct listing *listing = listing_open(test, heap);
	struct seq_file *m = listing->file.private_data;
	const struct seq_operations *op = m->op;
	unsigned int i;
	loff_t pos;

	for (i = 0; i < ARRAY_SIZE(far); i++) {
		pos = far[i];
		KUNIT_EXPECT_NULL(test, op->start(m, &pos));
		op->stop(m, NULL);
		KUNIT_EXPECT_EQ(test, mem->holds, 0);
	}
	pos = TEXT;
	KUNIT_EXPECT_EQ(test, listing_read(listing, &pos, 100), 0);
	KUNIT_EXPECT_EQ(test, mem->holds, 0);
	listing_close(listing);
}

/* No arena, no row. */
static void a_heap_without_memory(struct kunit *test)
{
	struct refslab_heap *heap = refslab_heap_new("kunit", &(struct refslab_heap_params) {
		.disabled = true }, false, GFP_KERNEL);
	struct listing *listing;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, heap);
	KUNIT_EXPECT_EQ(test, heap->objects.mem.nr_arenas, 0);
	listing = list(test, heap, TEXT);
	KUNIT_EXPECT_STREQ(test, listing->text, head);
	listing_close(listing);
	refslab_heap_put_sync(heap);
}

static struct kunit_case pools_cases[] = {
	KUNIT_CASE(each_pool_has_a_row),
	KUNIT_CASE(it_can_be_read_in_pieces),
	KUNIT_CASE(arenas_that_are_gone_have_none),
	KUNIT_CASE(rows_hold_the_memory),
	KUNIT_CASE(beyond_the_end),
	KUNIT_CASE(a_heap_without_memory),
	{}
};

static struct kunit_suite pools_suite = {
	.name = "refslab-pools",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = pools_cases,
};

kunit_test_suite(pools_suite);
