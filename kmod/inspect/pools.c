// SPDX-License-Identifier: GPL-2.0
/*
 * heaps/<id>/pools in debugfs: a row for each pool of each arena, from which the map of a heap's
 * memory is drawn.
 *
 * The memory is held from start to stop, which seq_read() calls around a page of rows, so that no
 * arena goes meanwhile. No lock is taken: a row of a pool that others work on tells what it was at
 * some moment, and its numbers may be of two.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "inspect.h"

/* The position is 1 + the number of the pool in the heap; 0 is the header. */
static struct refslab_pool *find_pool(struct seq_file *m, loff_t *pos)
{
	struct refslab_heap *heap = m->private;
	unsigned long number, wanted;
	struct refslab_arena *arena;
	u64 at = *pos - 1;

	wanted = at / REFSLAB_ARENA_POOLS;
	number = wanted;
	if (wanted > U32_MAX)
		return NULL;
	arena = xa_find(&heap->objects.mem.arenas, &number, U32_MAX, XA_PRESENT);
	if (!arena)
		return NULL;
	/* numbers of arenas have gaps */
	if (number != wanted)
		at = (u64)number * REFSLAB_ARENA_POOLS;
	*pos = at + 1;
	return &arena->pools[at % REFSLAB_ARENA_POOLS];
}

static void *pools_start(struct seq_file *m, loff_t *pos)
{
	struct refslab_heap *heap = m->private;

	refslab_mem_hold(&heap->objects.mem);
	return *pos ? find_pool(m, pos) : SEQ_START_TOKEN;
}

static void *pools_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return find_pool(m, pos);
}

static void pools_stop(struct seq_file *m, void *v)
{
	struct refslab_heap *heap = m->private;

	refslab_mem_release(&heap->objects.mem);
}

static int pools_show(struct seq_file *m, void *v)
{
	static const char *const states[] = {
		[REFSLAB_POOL_EMPTY] = "empty",
		[REFSLAB_POOL_USED] = "used",
		[REFSLAB_POOL_FULL] = "full",
		[REFSLAB_POOL_LIMBO] = "limbo",
	};
	static const char *const kinds[REFSLAB_MEM_KINDS] = {
		[REFSLAB_MEM_RAW] = "raw",
		[REFSLAB_MEM_ATOM] = "atom",
		[REFSLAB_MEM_CONTAINER] = "container",
	};
	const struct refslab_pool *pool = v;
	u8 state;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "arena      pool state kind      size used carved total\n");
		return 0;
	}
	state = READ_ONCE(pool->state);
	seq_printf(m, "%-10u %4u %-5s ", pool->arena->number, pool->number, states[state]);
	/* what the last class has left behind says nothing */
	if (state == REFSLAB_POOL_EMPTY)
		seq_puts(m, "-            0    0      0     0\n");
	else
		seq_printf(m, "%-9s %4u %4u %6u %5u\n", kinds[READ_ONCE(pool->kind)],
			   READ_ONCE(pool->size), READ_ONCE(pool->used), READ_ONCE(pool->carved),
			   READ_ONCE(pool->capacity));
	return 0;
}

static const struct seq_operations pools_sops = {
	.start = pools_start,
	.next = pools_next,
	.stop = pools_stop,
	.show = pools_show,
};

static int pools_open(struct inode *inode, struct file *file)
{
	struct refslab_heap *heap = inode->i_private;
	int err = seq_open(file, &pools_sops);

	if (err)
		return err;
	refslab_cache_settle(&heap->objects);
	((struct seq_file *)file->private_data)->private = heap;
	return 0;
}

const struct file_operations refslab_pools_fops = {
	.owner = THIS_MODULE,
	.open = pools_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};
REFSLAB_EXPORT_TEST(refslab_pools_fops);
