/* SPDX-License-Identifier: GPL-2.0 */
/* A memory cgroup of the tests' own, to see what the module charges. */
#ifndef _CGROUP_TEST_H
#define _CGROUP_TEST_H

#include <stdio.h>

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/refslab-test"

/* Bytes charged to CGROUP, or -1. */
static inline long long memory_current(void)
{
	FILE *f = fopen(CGROUP "/memory.current", "re");
	long long bytes = -1;

	if (f && fscanf(f, "%lld", &bytes) != 1)
		bytes = -1;
	if (f)
		fclose(f);
	return bytes;
}

#endif /* _CGROUP_TEST_H */
