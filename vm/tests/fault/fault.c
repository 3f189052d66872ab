// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does what a broken one would, so that the tests can see that a
 * run notices: insmod fault.ko what=oops.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static char *what = "nothing";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "oops, warn, panic, hang, leak, deadlock, overrun, vmalloc, race, sleep, pin or refuse");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void *dropped;

static noinline void fault_oops(void)
{
	WRITE_ONCE(*(int *)NULL, 1);
}

static noinline void fault_hang(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static noinline void fault_leak(void)
{
	int i;

	/* Several: one may still be seen in a register or on a stack. */
	for (i = 0; i < 16; i++)
		WRITE_ONCE(dropped, kmalloc(128, GFP_KERNEL));
	WRITE_ONCE(dropped, NULL);
}

/* Never a deadlock on its own: only lockdep can see that it could be one. */
static noinline void fault_deadlock(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static noinline void fault_overrun(void)
{
	char *p = kmalloc(24, GFP_KERNEL);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(p);
	p[24] = 1;
	kfree(p);
}

/*
 * An area of vmalloc that others are freed on both sides of: its shadow must not
 * go with theirs. Per-CPU memory beyond the first chunks is at the other end of
 * the address space.
 */
static noinline void fault_vmalloc(void)
{
	void __percpu *chunks[32];
	void *below = vmalloc(PAGE_SIZE);
	char *p = vmalloc(24);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chunks); i++)
		chunks[i] = __alloc_percpu(PCPU_MIN_UNIT_SIZE, 8);
	for (i = 0; i < ARRAY_SIZE(chunks); i++)
		free_percpu(chunks[i]);
	vfree(below);
	/* Empty chunks are given back by a work item. */
	msleep(500);
	vm_unmap_aliases();
	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(p);
	p[24] = 1;
	vfree(p);
}

static int raced;

static void race_work(struct work_struct *work)
{
	unsigned long end = jiffies + HZ;

	while (time_before(jiffies, end)) {
		raced++;
		cpu_relax();
	}
}

/* Wrong answers at worst: only KCSAN can see that it is done on two processors at once. */
static noinline void fault_race(void)
{
	static struct work_struct work;
	unsigned int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	if (cpu >= nr_cpu_ids)
		return;
	INIT_WORK(&work, race_work);
	schedule_work_on(cpu, &work);
	race_work(NULL);
	flush_work(&work);
}

static noinline void fault_sleep(void)
{
	preempt_disable();
	msleep(20);
	preempt_enable();
}

static int __init fault_init(void)
{
	if (!strcmp(what, "oops"))
		fault_oops();
	else if (!strcmp(what, "warn"))
		WARN(1, "as the test asked for\n");
	else if (!strcmp(what, "panic"))
		panic("as the test asked for");
	else if (!strcmp(what, "hang"))
		fault_hang();
	else if (!strcmp(what, "leak"))
		fault_leak();
	else if (!strcmp(what, "deadlock"))
		fault_deadlock();
	else if (!strcmp(what, "overrun"))
		fault_overrun();
	else if (!strcmp(what, "vmalloc"))
		fault_vmalloc();
	else if (!strcmp(what, "race"))
		fault_race();
	else if (!strcmp(what, "sleep"))
		fault_sleep();
	else if (!strcmp(what, "pin"))
		__module_get(THIS_MODULE);
	else if (!strcmp(what, "refuse"))
		return -ENODEV;
	return 0;
}
module_init(fault_init);

static void __exit fault_exit(void)
{
}
module_exit(fault_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults for the tests of the guest runner");
