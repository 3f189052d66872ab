/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions, and nowhere else. Included in front of every file.
 */
#ifndef _REFSLAB_COMPAT_H
#define _REFSLAB_COMPAT_H

#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* Objects are released with preemption off, and under spin locks that sleep there. */
#ifdef CONFIG_PREEMPT_RT
#error "refslab does not work in a PREEMPT_RT kernel"
#endif
#ifndef CONFIG_64BIT
#error "refslab needs a 64-bit kernel"
#endif

/* Commands of io_uring have had a header of their own since 6.8. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* Symbols for the tests' module only. From 6.13 on a namespace is a string. */
#if !IS_ENABLED(CONFIG_KUNIT)
#define REFSLAB_EXPORT_TEST(sym)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define REFSLAB_EXPORT_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, "REFSLAB_TEST")
#define REFSLAB_IMPORT_TEST()		MODULE_IMPORT_NS("REFSLAB_TEST")
#else
#define REFSLAB_EXPORT_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, REFSLAB_TEST)
#define REFSLAB_IMPORT_TEST()		MODULE_IMPORT_NS(REFSLAB_TEST)
#endif

/*
 * Before 6.12 at the latest, KUnit ran a module's suites before the module's parameters were set:
 * then a test reads one itself, when it is "name=" and a number.
 */
static inline void refslab_compat_param(const char *name, unsigned int *value)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	const char *at = THIS_MODULE->args ? strstr(THIS_MODULE->args, name) : NULL;

	if (at && at[strlen(name)] == '=')
		sscanf(at + strlen(name) + 1, "%u", value);
#endif
}

/* What generates the parameters of a KUnit case. Since 6.18 it is told the test. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define REFSLAB_COMPAT_PARAMS(name)	name(struct kunit *test, const void *prev, char *desc)
#else
#define REFSLAB_COMPAT_PARAMS(name)	name(const void *prev, char *desc)
#endif

/* What a command of io_uring carries. Since 6.5 it is told the whole entry. */
static inline const void *refslab_compat_uring_payload(const struct io_uring_cmd *ioucmd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return ioucmd->sqe->cmd;
#else
	return ioucmd->cmd;
#endif
}

/* The unbound workqueue has had a second name since 6.17. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_dfl_wq	system_unbound_wq
#endif

/* In a tracepoint. From 6.10 on it finds the source itself, in the string's definition. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define refslab_compat_assign_str(to, from)	({ (void)(from); __assign_str(to); })
#else
#define refslab_compat_assign_str(to, from)	__assign_str(to, from)
#endif

/* Fills an array of NULLs with pages, or a part of it; returns how many. Renamed in 6.14. */
static inline unsigned long refslab_compat_alloc_pages(gfp_t gfp, unsigned long nr,
						       struct page **pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return alloc_pages_bulk(gfp, nr, pages);
#else
	return alloc_pages_bulk_array(gfp, nr, pages);
#endif
}

/* Until 6.3 the flags of a mapping were changed as they are. */
static inline void refslab_compat_vm_flags(struct vm_area_struct *vma, unsigned long set,
					   unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* From 6.7 on shrinkers are allocated by the core. */
static inline struct shrinker *
refslab_compat_shrinker_register(const char *name,
				 unsigned long (*count)(struct shrinker *, struct shrink_control *),
				 unsigned long (*scan)(struct shrinker *, struct shrink_control *))
{
	struct shrinker *shrinker;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker = shrinker_alloc(0, "%s", name);
#else
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
#endif
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(shrinker);
#else
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
#endif
	return shrinker;
}

static inline void refslab_compat_shrinker_free(struct shrinker *shrinker)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
	kfree(shrinker);
#endif
}

#endif /* _REFSLAB_COMPAT_H */
