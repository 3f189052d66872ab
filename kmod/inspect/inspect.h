/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking at heaps from outside: debugfs, and the checker of invariants.
 */
#ifndef _REFSLAB_INSPECT_H
#define _REFSLAB_INSPECT_H

#include "../heap.h"

/* debugfs.c */
void refslab_debugfs_init(void);
void refslab_debugfs_exit(void);
void refslab_debugfs_heap_add(struct refslab_heap *heap);
void refslab_debugfs_heap_remove(struct refslab_heap *heap);

/* pools.c */
extern const struct file_operations refslab_pools_fops;

/* check.c; see also refslab_heap_check() in heap.h */
int refslab_check_heap(struct refslab_heap *heap, struct refslab_object *const *held,
		       size_t nr_held, char *why, size_t len);

#endif /* _REFSLAB_INSPECT_H */
