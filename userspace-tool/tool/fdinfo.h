/* SPDX-License-Identifier: GPL-2.0 */
/* What /proc tells of sessions, for those who may not look into debugfs. */
#ifndef _REFSLAB_FDINFO_H
#define _REFSLAB_FDINFO_H

#include <linux/types.h>

struct json_object;

/*
 * The sessions with a heap of a process, or with @pid 0 of all that the caller may look into, as an
 * array of objects: "pid", "fd", and the keys of /proc/PID/fdinfo/FD without "refslab-". One that
 * several processes or descriptors have is there for each. NULL with errno set.
 */
struct json_object *refslab_fdinfo_sessions(__u32 pid);

/* Their heaps, once each, with what is known of "heap", "name" and the counters of debugfs. */
struct json_object *refslab_fdinfo_heaps(void);

#endif /* _REFSLAB_FDINFO_H */
