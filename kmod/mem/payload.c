// SPDX-License-Identifier: GPL-2.0
/*
 * Mappable payloads: pages of their own, never shared with a header, a slot or a free-list link,
 * populated and zeroed before anybody sees them; so no fault waits for memory or fails for want of
 * it. Each has a place in its heap's *window*, the lowest that is free; page 0 stays empty.
 *
 * A mapping of a payload keeps the payload's place, not its pages: what was mapped there is never
 * another object's. A mapping of the whole window keeps nothing, and shows what is at each place
 * now.
 *
 * An object's death
 *
 *   1. the payload is dead: @pages is NULL. Under the window's lock for writing; a fault holds it
 *	for reading from its look-up until the page is mapped. So what faults later finds nothing
 *	(SIGBUS), and what was mapped before is there for step 2 to find.
 *   2. all of its mappings are undone, in each session's address space
 *   3. the references on the pages go; who has pinned one (a pipe, direct I/O) keeps that page, as
 *	it is, until it lets go. Not before that is a page anybody else's.
 *
 * That sleeps, and objects die where sleeping is not allowed: refslab_payload_free() only leaves it
 * to the worker that gives other mapped memory back. Who may sleep can do it at once,
 * refslab_payload_reap(), and does before it tells user space that something is done.
 *
 * Locks: mem->unmap_lock > views_lock > the mappings' i_mmap_rwsem; unmap_lock > window.lock;
 * mmap_lock > window.lock.
 *
 * Nodes of the tree are allocated under window.lock, as it is known only then which are needed, and
 * under unmap_lock and mmap_lock, whose holders let go of places. Reclaim takes none of the three:
 * the shrinker only queues works, and reclaim waits for none of ours. A fault that waits meanwhile
 * holds mmap_lock for reading, which is no obstacle to the OOM reaper. might_alloc() has lockdep
 * know of it also when the first attempt, without reclaim, is all it takes.
 */
#include <linux/highmem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mem.h"

/* Pages mapped by one fault: those that follow come with it. */
#define AROUND	16

static void free_pages_of(struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		put_page(pages[i]);
		if (i % 1024 == 1023)
			cond_resched();
	}
	kvfree(pages);
}

static struct page **alloc_pages_for(struct refslab_mem *mem, unsigned long nr, gfp_t gfp)
{
	unsigned long have = 0, got;
	struct page **pages;

	if (refslab_mem_fail(mem))
		return NULL;
	pages = kvcalloc(nr, sizeof(*pages), gfp);
	if (!pages)
		return NULL;
	while (have < nr) {
		/* a program that is being killed need not have it all */
		if (refslab_mem_fail(mem) || fatal_signal_pending(current))
			break;
		/* the rest of a list that is too long for one call, or one page at least */
		got = refslab_compat_alloc_pages(gfp | __GFP_ZERO, min(nr - have, 512UL),
						 pages + have);
		if (!got)
			break;
		have += got;
		cond_resched();
	}
	if (have == nr)
		return pages;
	free_pages_of(pages, have);
	return NULL;
}

/* Finds a place and puts it there. */
static bool settle(struct refslab_window *window, struct refslab_payload *payload, gfp_t gfp)
{
	MA_STATE(mas, &window->tree, 0, 0);
	int err;

	if (refslab_mem_fail(payload->mem))
		return false;
	down_write(&window->lock);
	might_alloc(gfp);
	mas_lock(&mas);
	err = mas_empty_area(&mas, 1, REFSLAB_WINDOW_PAGES - 1, payload->nr);
	mas_unlock(&mas);
	/* nobody else puts something there under our lock */
	if (!err)
		err = mtree_insert_range(&window->tree, mas.index, mas.last, payload, gfp);
	if (!err)
		payload->first = mas.index;
	up_write(&window->lock);
	return !err;
}

/**
 * refslab_payload_alloc() - make a payload
 * @mem: the memory it is charged to
 * @bytes: how many, from 1; whole pages are taken
 * @gfp: allocation flags; may sleep
 *
 * Context: may sleep. Return: the payload, all zeroes, which only an object refers to; or NULL: no
 * memory, or the limit reached.
 */
struct refslab_payload *refslab_payload_alloc(struct refslab_mem *mem, u32 bytes, gfp_t gfp)
{
	unsigned long nr = DIV_ROUND_UP((unsigned long)bytes, PAGE_SIZE);
	struct refslab_payload *payload;

	might_sleep();
	if (!refslab_mem_charge(mem, (u64)nr << PAGE_SHIFT, gfp))
		return NULL;
	payload = refslab_mem_fail(mem) ? NULL : kzalloc(sizeof(*payload), gfp);
	if (!payload)
		goto out_uncharge;
	payload->mem = mem;
	payload->nr = nr;
	refcount_set(&payload->refs, 1);
	payload->pages = alloc_pages_for(mem, nr, gfp);
	if (!payload->pages)
		goto out_free;
	if (!settle(&mem->window, payload, gfp))
		goto out_pages;
	atomic64_add((u64)nr << PAGE_SHIFT, &mem->window.bytes);
	return payload;

out_pages:
	free_pages_of(payload->pages, nr);
out_free:
	kfree(payload);
out_uncharge:
	refslab_mem_uncharge(mem, (u64)nr << PAGE_SHIFT);
	return NULL;
}
REFSLAB_EXPORT_TEST(refslab_payload_alloc);

/**
 * refslab_payload_free() - the object is dead
 * @payload: its payload; unmapped and freed by a worker, see refslab_payload_reap()
 *
 * Context: any that may queue a work.
 */
void refslab_payload_free(struct refslab_payload *payload)
{
	struct refslab_mem *mem = payload->mem;

	atomic_long_inc(&mem->window.dying);
	llist_add(&payload->dead, &mem->window.dead);
	queue_work(system_dfl_wq, &mem->unmap_work);
}
REFSLAB_EXPORT_TEST(refslab_payload_free);

static void unmap(struct refslab_window *window, const struct refslab_payload *payload)
{
	struct refslab_payload_view *view;

	mutex_lock(&window->views_lock);
	list_for_each_entry(view, &window->views, node)
		if (mapping_mapped(view->mapping))
			unmap_mapping_range(view->mapping, (loff_t)payload->first << PAGE_SHIFT,
					    (loff_t)payload->nr << PAGE_SHIFT, 1);
	mutex_unlock(&window->views_lock);
}

/* The three steps at the top of this file. */
static void bury(struct refslab_mem *mem, struct refslab_payload *payload)
{
	u64 bytes = (u64)payload->nr << PAGE_SHIFT;
	struct refslab_window *window = &mem->window;
	struct page **pages = payload->pages;

	down_write(&window->lock);
	payload->pages = NULL;
	up_write(&window->lock);
	unmap(window, payload);
	free_pages_of(pages, payload->nr);
	atomic64_sub(bytes, &window->bytes);
	refslab_mem_uncharge(mem, bytes);
	refslab_payload_put(payload);
}

/* Returns how many bytes that was; 0: there is none. */
static u64 bury_first(struct refslab_mem *mem)
{
	struct refslab_window *window = &mem->window;
	struct refslab_payload *payload;
	struct llist_node *node;
	u64 bytes = 0;

	mutex_lock(&mem->unmap_lock);
	node = llist_del_first(&window->dead);
	if (node) {
		payload = llist_entry(node, struct refslab_payload, dead);
		bytes = (u64)payload->nr << PAGE_SHIFT;
		bury(mem, payload);
		atomic_long_dec(&window->dying);
	}
	mutex_unlock(&mem->unmap_lock);
	return bytes;
}

/**
 * refslab_payload_reap() - have dead payloads unmapped and freed
 * @mem: their memory
 * @budget: bytes after which the rest is left to the worker; U64_MAX: all of it
 *
 * Waits for one that somebody else is at, too. With a budget, a task that is being killed leaves
 * the rest at once: how long one takes is up to those who map it. Context: may sleep; no lock is
 * held that is taken on the way to a mapping (mmap_lock).
 */
void refslab_payload_reap(struct refslab_mem *mem, u64 budget)
{
	u64 done = 0, bytes;

	while (done < budget && atomic_long_read(&mem->window.dying)) {
		bytes = bury_first(mem);
		if (!bytes)
			return;
		done += bytes;
		if (budget != U64_MAX && fatal_signal_pending(current))
			return;
		cond_resched();
	}
}
REFSLAB_EXPORT_TEST(refslab_payload_reap);

/**
 * refslab_payload_settle() - have as many dead payloads unmapped and freed as there are now
 * @mem: their memory
 *
 * That is all of them while nobody lets go of others. With somebody who does all the time there
 * might be no end to it. Context: as refslab_payload_reap(); a task that is being killed goes on.
 */
void refslab_payload_settle(struct refslab_mem *mem)
{
	long left = atomic_long_read(&mem->window.dying);

	while (left-- > 0 && !fatal_signal_pending(current) && bury_first(mem))
		cond_resched();
}

/**
 * refslab_payload_copy() - copy from or to a payload
 * @payload: of an object that is alive
 * @offset: from where
 * @buf: the other side
 * @n: bytes, all within the payload
 * @write: to it
 *
 * Context: any.
 */
void refslab_payload_copy(struct refslab_payload *payload, u32 offset, void *buf, size_t n,
			  bool write)
{
	while (n) {
		struct page *page = payload->pages[offset >> PAGE_SHIFT];
		size_t at = offset_in_page(offset), len = min_t(size_t, n, PAGE_SIZE - at);

		if (write)
			memcpy_to_page(page, at, buf, len);
		else
			memcpy_from_page(buf, page, at, len);
		n -= len;
		buf += len;
		offset += len;
	}
}
REFSLAB_EXPORT_TEST(refslab_payload_copy);

/* --- mappings ------------------------------------------------------------------------------- */

/**
 * refslab_payload_view_add() - somebody may map payloads from now on
 * @mem: their memory
 * @view: with its mapping
 *
 * Context: may sleep.
 */
void refslab_payload_view_add(struct refslab_mem *mem, struct refslab_payload_view *view)
{
	mutex_lock(&mem->window.views_lock);
	list_add_tail(&view->node, &mem->window.views);
	mutex_unlock(&mem->window.views_lock);
}
REFSLAB_EXPORT_TEST(refslab_payload_view_add);

/**
 * refslab_payload_view_del() - and nothing is mapped any more
 * @mem: their memory
 * @view: as added
 *
 * Context: may sleep.
 */
void refslab_payload_view_del(struct refslab_mem *mem, struct refslab_payload_view *view)
{
	mutex_lock(&mem->window.views_lock);
	list_del(&view->node);
	mutex_unlock(&mem->window.views_lock);
}
REFSLAB_EXPORT_TEST(refslab_payload_view_del);

/**
 * refslab_payload_find() - the payload that a range of the window lies in
 * @mem: the memory
 * @first: first page
 * @nr: pages
 *
 * Context: may sleep. Return: the payload, with a reference that keeps its place; NULL when there
 * is none that is alive and has all of it.
 */
struct refslab_payload *refslab_payload_find(struct refslab_mem *mem, unsigned long first,
					     unsigned long nr)
{
	struct refslab_window *window = &mem->window;
	struct refslab_payload *payload;

	down_read(&window->lock);
	payload = mtree_load(&window->tree, first);
	/* one that is alive has the object's reference */
	if (payload && payload->pages && nr <= payload->nr &&
	    first - payload->first <= payload->nr - nr)
		refcount_inc(&payload->refs);
	else
		payload = NULL;
	up_read(&window->lock);
	return payload;
}
REFSLAB_EXPORT_TEST(refslab_payload_find);

/**
 * refslab_payload_get() - keep a payload's place once more
 * @payload: the caller has a reference
 */
void refslab_payload_get(struct refslab_payload *payload)
{
	refcount_inc(&payload->refs);
}

/* mtree_erase() does not tell when there is no memory for a node, and then nothing is erased. */
static int erase(struct refslab_window *window, const struct refslab_payload *payload)
{
	MA_STATE(mas, &window->tree, payload->first, payload->first + payload->nr - 1);
	int err;

	might_alloc(GFP_KERNEL);
	if (refslab_mem_fail(payload->mem))
		return -ENOMEM;
	mas_lock(&mas);
	err = mas_store_gfp(&mas, NULL, GFP_KERNEL);
	mas_unlock(&mas);
	return err;
}

/**
 * refslab_payload_put() - let go of a payload's place
 * @payload: with the last reference, the place is free
 *
 * Context: may sleep.
 */
void refslab_payload_put(struct refslab_payload *payload)
{
	struct refslab_window *window = &payload->mem->window;

	if (!refcount_dec_and_test(&payload->refs))
		return;
	down_write(&window->lock);
	/* it must not fail; and faults need not wait until there is memory */
	while (erase(window, payload)) {
		up_write(&window->lock);
		schedule_timeout_uninterruptible(1);
		down_write(&window->lock);
	}
	up_write(&window->lock);
	kfree(payload);
}
REFSLAB_EXPORT_TEST(refslab_payload_put);

/* Maps the page that is asked for, and those behind it. The window's lock is held. */
static vm_fault_t map_pages_of(const struct refslab_payload *payload, struct vm_fault *vmf)
{
	unsigned long at = vmf->pgoff - payload->first, address = vmf->address & PAGE_MASK;
	unsigned long nr = min3((unsigned long)AROUND, payload->nr - at,
				(vmf->vma->vm_end - address) >> PAGE_SHIFT);
	unsigned long left = nr;
	int err;

	err = vm_insert_pages(vmf->vma, address, payload->pages + at, &left);
	/*
	 * What is there instead of a page, userfaultfd's mark of one that was to be protected
	 * before there was any, will not go by itself: the fault would be taken for ever.
	 */
	if (err == -EBUSY && left == nr && (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID) &&
	    !pte_none(vmf->orig_pte))
		return VM_FAULT_SIGBUS;
	/*
	 * Another thread may have been here before (-EBUSY), or have had an empty page table freed
	 * under our feet (-EFAULT: all is in the mapping): to be tried again.
	 */
	if (!err || left < nr || err == -EBUSY || err == -EFAULT)
		return VM_FAULT_NOPAGE;
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/**
 * refslab_payload_fault() - map what is touched
 * @mem: the memory
 * @payload: what is mapped there, with a reference; NULL: the whole window
 * @vmf: the fault
 *
 * Return: VM_FAULT_NOPAGE, VM_FAULT_SIGBUS: there is no object, or VM_FAULT_OOM.
 */
vm_fault_t refslab_payload_fault(struct refslab_mem *mem, struct refslab_payload *payload,
				 struct vm_fault *vmf)
{
	struct refslab_window *window = &mem->window;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&window->lock);
	if (!payload)
		payload = mtree_load(&window->tree, vmf->pgoff);
	if (payload && payload->pages && vmf->pgoff - payload->first < payload->nr)
		ret = map_pages_of(payload, vmf);
	up_read(&window->lock);
	return ret;
}

/* --- beginning and end ---------------------------------------------------------------------- */

/**
 * refslab_payload_init() - make an empty window
 * @mem: the memory, zeroed
 */
void refslab_payload_init(struct refslab_mem *mem)
{
	struct refslab_window *window = &mem->window;

	init_rwsem(&window->lock);
	mt_init_flags(&window->tree, MT_FLAGS_ALLOC_RANGE);
	INIT_LIST_HEAD(&window->views);
	mutex_init(&window->views_lock);
	init_llist_head(&window->dead);
}

/**
 * refslab_payload_destroy() - end a window
 * @mem: the memory; all objects are dead, nothing is mapped
 *
 * Context: may sleep.
 */
void refslab_payload_destroy(struct refslab_mem *mem)
{
	refslab_payload_reap(mem, U64_MAX);
	WARN_ON_ONCE(!mtree_empty(&mem->window.tree));
	mtree_destroy(&mem->window.tree);
	mutex_destroy(&mem->window.views_lock);
}

/**
 * refslab_payload_check() - is the window sound?
 * @mem: the memory
 * @bytes: out: bytes of the payloads found that are alive
 *
 * Context: may sleep.
 */
bool refslab_payload_check(struct refslab_mem *mem, u64 *bytes)
{
	struct refslab_window *window = &mem->window;
	unsigned long index = 0, place, last = 0;
	struct refslab_payload *payload;
	bool sound = true;

	*bytes = 0;
	down_read(&window->lock);
	for (;;) {
		payload = mt_find(&window->tree, &index, REFSLAB_WINDOW_PAGES - 1);
		if (!payload)
			break;
		place = payload->first;
		if (payload->mem != mem || !payload->nr || place <= last ||
		    index != place + payload->nr)
			sound = false;
		/* a dead one's may have gone before its place: refslab_payload_put() */
		if (payload->pages && !refcount_read(&payload->refs))
			sound = false;
		last = place + payload->nr - 1;
		if (payload->pages)
			*bytes += (u64)payload->nr << PAGE_SHIFT;
	}
	up_read(&window->lock);
	return sound;
}
REFSLAB_EXPORT_TEST(refslab_payload_check);
