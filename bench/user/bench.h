/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs have in common: a session and its submits, the clock, processes on a CPU of
 * their own. Whatever goes wrong ends the program: there is no figure then.
 */
#ifndef REFSLAB_BENCH_USER_H
#define REFSLAB_BENCH_USER_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <refslab.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static inline void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline void submit(int fd, struct refslab_op *ops, __u32 count)
{
	struct refslab_submit submit = {
		.size = sizeof(submit),
		.ops = (__u64)(unsigned long)ops,
		.count = count,
	};

	if (ioctl(fd, REFSLAB_IOC_SUBMIT, &submit))
		fail("submit");
	if (submit.done != count) {
		errno = -submit.error;
		fail("operation");
	}
}

static inline __u64 one(int fd, struct refslab_op op)
{
	submit(fd, &op, 1);
	return op.result[0];
}

static inline int open_session(void)
{
	int fd = open("/dev/refslab", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/refslab");
	return fd;
}

/* A session with a heap of its own. */
static inline int make_heap(void)
{
	struct refslab_create create = { .size = sizeof(create), .name = "bench" };
	int fd = open_session();

	if (ioctl(fd, REFSLAB_IOC_CREATE, &create))
		fail("create");
	return fd;
}

/* A session on the heap of session @other. */
static inline int attach_heap(int other)
{
	struct refslab_attach attach = { .size = sizeof(attach), .fd = other };
	int fd = open_session();

	if (ioctl(fd, REFSLAB_IOC_ATTACH, &attach))
		fail("attach");
	return fd;
}

/* The number of a new type with @nr_slots slots. */
static inline __u64 make_type(int fd, const char *name, __u32 nr_slots)
{
	struct refslab_type_def def = { .nr_slots = nr_slots, .cache_limit = 80 };

	return one(fd, (struct refslab_op) {
		.opcode = REFSLAB_OP_TYPE,
		.arg = { (unsigned long)name, strlen(name), (unsigned long)&def, sizeof(def) },
	});
}

static inline void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("a CPU of its own");
}

/* A process that does not outlive this one; as fork(). */
static inline pid_t fork_along(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		fail("fork");
	if (!pid && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent))
		_exit(1);
	return pid;
}

/*
 * Has the CPUs from @first on spin until this process ends: where a CPU of the host sleeps, and is
 * woken up for each way into the guest's kernel and back, that is most of what is measured.
 */
static inline void keep_busy(unsigned int first)
{
	unsigned int cpu, nr = sysconf(_SC_NPROCESSORS_ONLN);

	for (cpu = first; cpu < nr; cpu++) {
		if (fork_along())
			continue;
		pin(cpu);
		for (;;)
			__asm__ volatile ("" : : : "memory");
	}
}

#endif /* REFSLAB_BENCH_USER_H */
