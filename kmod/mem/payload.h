/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappable payloads: whole pages that user space may map, and the window through which it does.
 */
#ifndef _REFSLAB_PAYLOAD_H
#define _REFSLAB_PAYLOAD_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>

struct refslab_mem;

/* Pages of the window: 16 TiB with pages of 4 KiB, and what a 32-bit program can give to mmap(). */
#define REFSLAB_WINDOW_PAGES	BIT(32)

/**
 * struct refslab_payload - whole pages that belong to one object
 * @mem:	the memory they are charged to
 * @pages:	the pages; NULL: the object is dead. Changes under struct refslab_window.lock
 * @first:	where in the window they are, in pages
 * @nr:		how many
 * @refs:	the object's while it lives, and one for each mapping of the payload: they keep the
 *		place in the window, and none of the pages
 * @dead:	link while the payload waits to be unmapped and freed
 */
struct refslab_payload {
	struct refslab_mem *mem;
	struct page **pages;
	unsigned long first;
	unsigned long nr;
	refcount_t refs;
	struct llist_node dead;
};

/**
 * struct refslab_payload_view - somebody who may have mapped payloads
 * @node:	on struct refslab_window.views
 * @mapping:	the address space that all of its mappings belong to
 */
struct refslab_payload_view {
	struct list_head node;
	struct address_space *mapping;
};

/**
 * struct refslab_window - the mappable payloads of a heap, by place; see payload.c
 * @lock:	held for reading while a page is looked up and mapped
 * @tree:	payloads by page; changes under @lock
 * @views:	those who may have mapped some
 * @views_lock:	protects the list
 * @dead:	payloads to unmap and free; taken from under struct refslab_mem.unmap_lock
 * @dying:	how many there are, with those being freed
 * @bytes:	bytes of pages, those of payloads on @dead included
 */
struct refslab_window {
	struct rw_semaphore lock;	/* see payload.c */
	struct maple_tree tree;
	struct list_head views;
	struct mutex views_lock;	/* see above */
	struct llist_head dead;
	atomic_long_t dying;
	atomic64_t bytes;
};

void refslab_payload_init(struct refslab_mem *mem);
void refslab_payload_destroy(struct refslab_mem *mem);
struct refslab_payload *refslab_payload_alloc(struct refslab_mem *mem, u32 bytes, gfp_t gfp);
void refslab_payload_free(struct refslab_payload *payload);
void refslab_payload_reap(struct refslab_mem *mem, u64 budget);
void refslab_payload_settle(struct refslab_mem *mem);
void refslab_payload_copy(struct refslab_payload *payload, u32 offset, void *buf, size_t n,
			  bool write);
void refslab_payload_view_add(struct refslab_mem *mem, struct refslab_payload_view *view);
void refslab_payload_view_del(struct refslab_mem *mem, struct refslab_payload_view *view);
struct refslab_payload *refslab_payload_find(struct refslab_mem *mem, unsigned long first,
					     unsigned long nr);
void refslab_payload_get(struct refslab_payload *payload);
void refslab_payload_put(struct refslab_payload *payload);
vm_fault_t refslab_payload_fault(struct refslab_mem *mem, struct refslab_payload *payload,
				 struct vm_fault *vmf);
bool refslab_payload_check(struct refslab_mem *mem, u64 *bytes);

#endif /* _REFSLAB_PAYLOAD_H */
