// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/refslab: stats (of all heaps together) and heaps/<id>/{name, stats,
 * generations, arenas, pools, types, objects, sessions, roots, check}. For people and their
 * scripts, root only; no stable interface but the names in stats. Never an address: objects have
 * their ids.
 *
 * Life times: debugfs_remove() waits for the reads that are under way and lets no other begin, so
 * a heap that removes its directory before anything else ends needs no reference from open files.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "../dev/dev.h"
#include "inspect.h"

static struct dentry *root;
static struct dentry *heaps;

/* --- stats ---------------------------------------------------------------------------------- */

#define FIELD(_name)	{ #_name, offsetof(struct refslab_stat, _name) / sizeof(u64) }

/* Named as in struct refslab_stat. */
static const struct {
	const char *name;
	size_t index;
} fields[] = {
	FIELD(objects),
	FIELD(tracked),
	FIELD(handles),
	FIELD(bytes_used),
	FIELD(bytes_cached),
	FIELD(bytes_reserved),
	FIELD(arenas),
	FIELD(pools_used),
	FIELD(pools_full),
	FIELD(pools_empty),
	FIELD(large),
	FIELD(arenas_made),
	FIELD(arenas_returned),
	FIELD(max_trash),
	FIELD(events),
	FIELD(roots),
	FIELD(bytes_mapped),
};

static_assert(sizeof(struct refslab_stat) == ARRAY_SIZE(fields) * sizeof(u64));

static void show_stat(struct seq_file *m, const struct refslab_stat *stat)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		seq_printf(m, "%s %llu\n", fields[i].name, ((const u64 *)stat)[fields[i].index]);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;
	struct refslab_stat stat;

	refslab_heap_stat(heap, &stat);
	show_stat(m, &stat);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Apart from stats, where all values are numbers. */
static int name_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;

	/* kernel code may call its heap anything */
	if (*heap->name) {
		seq_puts(m, "name ");
		seq_escape(m, heap->name, " \t\n\\");
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(name);

static int totals_show(struct seq_file *m, void *unused)
{
	struct refslab_stat totals;

	refslab_heap_totals(&totals);
	/* a heap counts until it is gone altogether, longer than what is in it */
	seq_printf(m, "heaps %u\n", refslab_heap_number());
	show_stat(m, &totals);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(totals);

/* --- generations ---------------------------------------------------------------------------- */

/*
 * Objects by generation, frozen ones last, without taking references: that would touch every
 * object, and a scan under way would keep them all. The memory is held, so what is looked at is or
 * was an object.
 */
static void count_generations(struct refslab_heap *heap, u64 nr[REFSLAB_GENERATIONS + 1])
{
	struct refslab_mem *mem = &heap->objects.mem;
	struct refslab_object *obj;
	struct refslab_pool *pool;
	unsigned int i, carved;
	u64 cursor = 0;

	refslab_mem_hold(mem);
	while ((pool = refslab_mem_next_pool(mem, &cursor))) {
		if (pool->kind != REFSLAB_MEM_CONTAINER)
			continue;
		/* pairs with the release in pool_take(): what is below was zeroed */
		carved = smp_load_acquire(&pool->carved);
		for (i = 0; i < carved; i++) {
			obj = refslab_mem_block(pool, i);
			/* acquire: a count above 0 comes with the object's type */
			if (refslab_word_count(atomic64_read_acquire(&obj->word)) &&
			    refslab_object_tracked(obj))
				nr[refslab_generation_of(obj)]++;
		}
		cond_resched();
	}
	refslab_mem_release(mem);
}

static int generations_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;
	const struct refslab_generation *generation = heap->gc.generation;
	const struct refslab_gc_last *last = &heap->gc.last;
	u32 threshold[REFSLAB_GENERATIONS], count[REFSLAB_GENERATIONS];
	u64 objects[REFSLAB_GENERATIONS + 1] = { };
	unsigned int i;

	refslab_generation_get_thresholds(&heap->gc, threshold);
	refslab_generation_get_counts(&heap->gc, count);
	count_generations(heap, objects);
	seq_puts(m, "generation  threshold       count collections   collected uncollectable     objects\n");
	for (i = 0; i < REFSLAB_GENERATIONS; i++)
		seq_printf(m, "%-10u %10u %11u %11llu %11llu %13llu %11llu\n", i, threshold[i],
			   count[i], READ_ONCE(generation[i].collections),
			   READ_ONCE(generation[i].collected),
			   READ_ONCE(generation[i].uncollectable), objects[i]);

	seq_printf(m, "# frozen: %llu objects\n", objects[REFSLAB_GENERATION_FROZEN]);
	seq_printf(m, "# garbage: %llu objects kept, %llu could not be; debug flags %#x\n",
		   READ_ONCE(heap->gc.garbage_nr), READ_ONCE(heap->gc.garbage_lost),
		   READ_ONCE(heap->gc.debug));
	/* without the scan's lock, so as not to wait for one: the numbers may be of two scans */
	seq_printf(m, "# automatic scans: %s\n", READ_ONCE(heap->gc.enabled) ? "on" : "off");
	seq_printf(m, "# last scan: generation %u, %llu objects, %llu left out, %llu touched meanwhile, %llu unreachable\n",
		   READ_ONCE(last->generation), READ_ONCE(last->visited), READ_ONCE(last->skipped),
		   READ_ONCE(last->touched), READ_ONCE(last->unreachable));
	seq_printf(m, "# trash: %lld found and not yet destroyed, max_trash %llu\n",
		   atomic64_read(&heap->gc.trash), READ_ONCE(heap->gc.max_trash));
	seq_printf(m, "# last scan took: %llu ns to the verdict, %u settling passes\n",
		   READ_ONCE(last->window_ns), READ_ONCE(last->passes));
	seq_printf(m, "# parts of it, ns: snapshot %llu, subtract %llu, mark %llu, settle %llu, finalize %llu\n",
		   READ_ONCE(last->part_ns[REFSLAB_GC_SNAPSHOT]),
		   READ_ONCE(last->part_ns[REFSLAB_GC_SUBTRACT]),
		   READ_ONCE(last->part_ns[REFSLAB_GC_MARK]),
		   READ_ONCE(last->part_ns[REFSLAB_GC_SETTLE]),
		   READ_ONCE(last->part_ns[REFSLAB_GC_FINALIZE]));
	seq_printf(m, "# longest stretch without giving way: %llu ns\n",
		   READ_ONCE(last->longest_ns));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(generations);

/* --- arenas --------------------------------------------------------------------------------- */

/*
 * A row for each arena. The position is the arena's number + 1; 0 is the header. The memory is held
 * from start to stop, so that no arena goes meanwhile; the pools' states are read without locks.
 */
static void *find_arena(struct seq_file *m, loff_t *pos)
{
	struct refslab_heap *heap = m->private;
	struct refslab_arena *arena;
	unsigned long number;

	if (*pos > U32_MAX)
		return NULL;
	number = *pos - 1;
	arena = xa_find(&heap->objects.mem.arenas, &number, U32_MAX, XA_PRESENT);
	if (arena)
		*pos = (loff_t)number + 1;
	return arena;
}

static void *arenas_start(struct seq_file *m, loff_t *pos)
{
	struct refslab_heap *heap = m->private;

	refslab_mem_hold(&heap->objects.mem);
	return *pos ? find_arena(m, pos) : SEQ_START_TOKEN;
}

static void *arenas_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return find_arena(m, pos);
}

static void arenas_stop(struct seq_file *m, void *v)
{
	struct refslab_heap *heap = m->private;

	refslab_mem_release(&heap->objects.mem);
}

/* What the pools in use are for, as kind/size:number. */
static void show_contents(struct seq_file *m, const struct refslab_arena *arena)
{
	static const char *const kinds[REFSLAB_MEM_KINDS] = {
		[REFSLAB_MEM_RAW] = "raw",
		[REFSLAB_MEM_ATOM] = "atom",
		[REFSLAB_MEM_CONTAINER] = "container",
	};
	u32 what[REFSLAB_ARENA_POOLS];	/* size and kind */
	unsigned int i, j, nr;
	bool any = false;

	for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
		const struct refslab_pool *pool = &arena->pools[i];

		what[i] = 0;
		if (READ_ONCE(pool->state) != REFSLAB_POOL_EMPTY)
			what[i] = READ_ONCE(pool->size) * REFSLAB_MEM_KINDS + READ_ONCE(pool->kind);
	}
	for (i = 0; i < REFSLAB_ARENA_POOLS; i++) {
		if (!what[i])
			continue;
		for (j = i + 1, nr = 1; j < REFSLAB_ARENA_POOLS; j++) {
			if (what[j] == what[i]) {
				what[j] = 0;
				nr++;
			}
		}
		seq_printf(m, " %s/%u:%u", kinds[what[i] % REFSLAB_MEM_KINDS],
			   what[i] / REFSLAB_MEM_KINDS, nr);
		any = true;
	}
	seq_puts(m, any ? "\n" : " -\n");
}

static int arenas_show(struct seq_file *m, void *v)
{
	unsigned int nr[] = {
		[REFSLAB_POOL_EMPTY] = 0,
		[REFSLAB_POOL_USED] = 0,
		[REFSLAB_POOL_FULL] = 0,
		[REFSLAB_POOL_LIMBO] = 0,
	};
	const struct refslab_arena *arena = v;
	unsigned int i;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "arena       used   full  empty  limbo contents\n");
		return 0;
	}
	for (i = 0; i < REFSLAB_ARENA_POOLS; i++)
		nr[READ_ONCE(arena->pools[i].state)]++;
	seq_printf(m, "%-10u %5u %6u %6u %6u", arena->number, nr[REFSLAB_POOL_USED],
		   nr[REFSLAB_POOL_FULL], nr[REFSLAB_POOL_EMPTY], nr[REFSLAB_POOL_LIMBO]);
	show_contents(m, arena);
	return 0;
}

static const struct seq_operations arenas_sops = {
	.start = arenas_start,
	.next = arenas_next,
	.stop = arenas_stop,
	.show = arenas_show,
};

static int arenas_open(struct inode *inode, struct file *file)
{
	struct refslab_heap *heap = inode->i_private;
	int err = seq_open(file, &arenas_sops);

	if (err)
		return err;
	refslab_cache_settle(&heap->objects);
	((struct seq_file *)file->private_data)->private = heap;
	return 0;
}

static const struct file_operations arenas_fops = {
	.owner = THIS_MODULE,
	.open = arenas_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};

/* --- types ---------------------------------------------------------------------------------- */

static void show_type(struct seq_file *m, struct refslab_type *type)
{
	u64 made = 0, freed = 0, hits = 0;
	struct refslab_cache_cpu *cpu;
	int i;

	for_each_possible_cpu(i) {
		cpu = per_cpu_ptr(type->cache.cpu, i);
		made += READ_ONCE(cpu->made);
		freed += READ_ONCE(cpu->freed);
		hits += READ_ONCE(cpu->hits);
	}
	seq_printf(m, "%-31s %6u %8llu %6u %8u %c%c%c%c%c%c %11u %7llu %12llu %12llu %12llu %12llu %12lld\n",
		   type->name, type->base->number, refslab_type_block(type), type->nr_slots,
		   type->payload,
		   type->flags & REFSLAB_TYPE_CONTAINER ? 'c' : '-',
		   type->flags & REFSLAB_TYPE_TRACKED ? 't' : '-',
		   type->flags & REFSLAB_TYPE_TABLE ? 'l' : '-',
		   type->flags & REFSLAB_TYPE_USER ? 'u' : '-',
		   type->flags & REFSLAB_TYPE_SIZED ? 's' : '-',
		   type->flags & REFSLAB_TYPE_PAGES ? 'm' : '-',
		   type->cache.limit, refslab_cache_count(type), hits, made - hits, made,
		   freed, (s64)(made - freed));
}

/*
 * A row for each, with one for each form of those that have several, under the number that people
 * are told. flags: container, tracked, with a table (list), of user space, sized one by one, with
 * a payload that is mapped
 */
static int types_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;
	struct refslab_type *type;
	unsigned long number;

	seq_puts(m, "name                            number     size  slots  payload flags  cache_limit  cached         hits       misses         made        freed         live\n");
	xa_for_each(&heap->objects.types, number, type)
		show_type(m, type);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(types);

/* --- objects -------------------------------------------------------------------------------- */

/* Rows fetched in one go, and so the most that is walked at a time. */
#define OBJECTS_BATCH	64

struct object_row {
	u64 id;
	const struct refslab_type *type;
	u32 refcount;
	u32 generation;
	u32 arena;		/* U32_MAX: a large block */
	u32 pool;
	u32 block;
};

/**
 * struct objects_iter - where a reader of objects is
 * @heap:	whose
 * @cursor:	for refslab_walk(); 0 at the end when @nr is not 0
 * @nr:		rows in @rows
 * @at:		the row to show next
 * @rows:	what was fetched last
 */
struct objects_iter {
	struct refslab_heap *heap;
	u64 cursor;
	unsigned int nr;
	unsigned int at;
	struct object_row rows[OBJECTS_BATCH];
};

static int add_row(struct refslab_object *obj, void *arg)
{
	struct objects_iter *iter = arg;
	struct object_row *row = &iter->rows[iter->nr];
	struct refslab_pool *pool = refslab_mem_pool_of(&iter->heap->objects.mem, obj);

	if (iter->nr == OBJECTS_BATCH)
		return 1;
	/* without memory for it, the id is as good as any, but for REFSLAB_OP_BYID */
	refslab_ident_publish(obj, GFP_KERNEL);
	row->id = obj->id;
	row->type = refslab_object_type(obj)->base;
	/* without the walker's reference */
	row->refcount = refslab_word_told(refslab_word_read(&obj->word), 1);
	row->generation = refslab_object_tracked(obj) ? refslab_generation_of(obj) :
							REFSLAB_GEN_ALL;
	row->arena = pool->arena ? pool->arena->number : U32_MAX;
	row->pool = pool->number;
	row->block = refslab_mem_index(pool, obj);
	iter->nr++;
	return 0;
}

static struct object_row *fetch_rows(struct objects_iter *iter)
{
	iter->nr = 0;
	iter->at = 0;
	refslab_walk(&iter->heap->objects, &iter->cursor, add_row, iter);
	return iter->nr ? &iter->rows[0] : NULL;
}

/* Position 0 begins anew; any other is where the reader is, as there is no going elsewhere. */
static void *objects_start(struct seq_file *m, loff_t *pos)
{
	struct objects_iter *iter = m->private;

	if (!*pos) {
		iter->cursor = 0;
		iter->nr = 0;
		iter->at = 0;
		return SEQ_START_TOKEN;
	}
	return iter->at < iter->nr ? &iter->rows[iter->at] : NULL;
}

static void *objects_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct objects_iter *iter = m->private;

	++*pos;
	if (v == SEQ_START_TOKEN)
		return fetch_rows(iter);
	if (++iter->at < iter->nr)
		return &iter->rows[iter->at];
	return iter->cursor ? fetch_rows(iter) : NULL;
}

static void objects_stop(struct seq_file *m, void *v)
{
}

static int objects_show(struct seq_file *m, void *v)
{
	const struct object_row *row = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "id                   type                            refcount generation block\n");
		return 0;
	}
	seq_printf(m, "%-20llu %-31s %8u ", row->id, row->type->name, row->refcount);
	if (row->generation == REFSLAB_GEN_ALL)
		seq_puts(m, "         -");
	else if (row->generation == REFSLAB_GENERATION_FROZEN)
		seq_puts(m, "    frozen");
	else
		seq_printf(m, "%10u", row->generation);
	if (row->arena == U32_MAX)
		seq_printf(m, " large.%u.%u\n", row->pool, row->block);
	else
		seq_printf(m, " %u.%u.%u\n", row->arena, row->pool, row->block);
	return 0;
}

static const struct seq_operations objects_sops = {
	.start = objects_start,
	.next = objects_next,
	.stop = objects_stop,
	.show = objects_show,
};

static int objects_open(struct inode *inode, struct file *file)
{
	struct objects_iter *iter = __seq_open_private(file, &objects_sops, sizeof(*iter));

	if (!iter)
		return -ENOMEM;
	iter->heap = inode->i_private;
	return 0;
}

static const struct file_operations objects_fops = {
	.owner = THIS_MODULE,
	.open = objects_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/* --- sessions ------------------------------------------------------------------------------- */

static int sessions_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;
	struct refslab_session *session;

	seq_puts(m, "pid        comm                handles           operations last\n");
	mutex_lock(&heap->sessions_lock);
	list_for_each_entry(session, &heap->sessions, node) {
		seq_printf(m, "%-10d ", session->pid);
		/* a process may call itself anything */
		seq_escape(m, session->comm, " \t\n\\");
		seq_printf(m, " %*llu %20lld %s\n",
			   (int)(26 - min_t(size_t, strlen(session->comm), 15)),
			   READ_ONCE(session->quota.taken), atomic64_read(&session->operations),
			   refslab_submit_name(READ_ONCE(session->last_opcode)));
	}
	mutex_unlock(&heap->sessions_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sessions);

/* --- roots ---------------------------------------------------------------------------------- */

static int roots_show(struct seq_file *m, void *unused)
{
	struct refslab_heap *heap = m->private;
	struct refslab_root_record record;
	struct refslab_object *obj;
	struct refslab_type *type;
	unsigned long number = 0;

	seq_puts(m, "id                   type                            refcount name\n");
	while ((obj = refslab_roots_next(heap, &number, &record))) {
		type = refslab_object_type(obj)->base;
		/* as with objects */
		refslab_ident_publish(obj, GFP_KERNEL);
		seq_printf(m, "%-20llu %-31s %8u %.*s\n", record.id, type->name,
			   refslab_word_told(refslab_word_read(&obj->word), 1), record.len,
			   record.name);
		refslab_object_put(obj);
		number++;
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(roots);

/* --- check ---------------------------------------------------------------------------------- */

static int check_show(struct seq_file *m, void *unused)
{
	char why[160];
	int err = refslab_heap_check(m->private, why, sizeof(why));

	if (err && err != -EUCLEAN)
		return err;
	seq_printf(m, "%s\n", err ? why : "ok");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(check);

/* --- directories ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const struct file_operations *fops;
} files[] = {
	{ "name", &name_fops },
	{ "stats", &stats_fops },
	{ "generations", &generations_fops },
	{ "arenas", &arenas_fops },
	{ "pools", &refslab_pools_fops },
	{ "types", &types_fops },
	{ "objects", &objects_fops },
	{ "sessions", &sessions_fops },
	{ "roots", &roots_fops },
	{ "check", &check_fops },
};

/**
 * refslab_debugfs_heap_add() - make the directory of a heap
 * @heap: the heap, complete
 *
 * Nothing depends on it: failure is no error. Context: may sleep.
 */
void refslab_debugfs_heap_add(struct refslab_heap *heap)
{
	char name[16];
	size_t i;

	snprintf(name, sizeof(name), "%u", heap->id);
	heap->dir = debugfs_create_dir(name, heaps);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file(files[i].name, 0400, heap->dir, heap, files[i].fops);
}

/**
 * refslab_debugfs_heap_remove() - remove the directory of a heap
 * @heap: the heap, still complete
 *
 * Waits for those who read there. Context: may sleep; no lock held that a read takes.
 */
void refslab_debugfs_heap_remove(struct refslab_heap *heap)
{
	debugfs_remove(heap->dir);
	heap->dir = NULL;
}

/**
 * refslab_debugfs_init() - make /sys/kernel/debug/refslab
 */
void refslab_debugfs_init(void)
{
	root = debugfs_create_dir("refslab", NULL);
	heaps = debugfs_create_dir("heaps", root);
	debugfs_create_file("stats", 0400, root, NULL, &totals_fops);
}

/**
 * refslab_debugfs_exit() - remove it; no heap is left
 */
void refslab_debugfs_exit(void)
{
	debugfs_remove(root);
}
