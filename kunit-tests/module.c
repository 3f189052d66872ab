// SPDX-License-Identifier: GPL-2.0
/*
 * refslab_kunit.ko: all suites of this folder, run when the module is loaded.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of refslab");
MODULE_LICENSE("GPL");
REFSLAB_IMPORT_TEST();
