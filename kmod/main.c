// SPDX-License-Identifier: GPL-2.0
/*
 * The module.
 */
#include <linux/module.h>

#include "dev/dev.h"
#include "heap.h"
#include "inspect/inspect.h"

static int __init refslab_init(void)
{
	int err;

	err = refslab_heap_module_init();
	if (err)
		return err;
	refslab_debugfs_init();
	err = refslab_device_init();
	if (err) {
		refslab_debugfs_exit();
		refslab_heap_module_exit();
	}
	return err;
}

static void __exit refslab_exit(void)
{
	refslab_device_exit();
	refslab_heap_module_exit();
	refslab_debugfs_exit();
}

module_init(refslab_init);
module_exit(refslab_exit);

MODULE_DESCRIPTION("A slab of reference-counted objects with cycle collection");
MODULE_LICENSE("GPL");
MODULE_VERSION(REFSLAB_VERSION);
