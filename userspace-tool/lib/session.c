// SPDX-License-Identifier: GPL-2.0
/* Sessions: the device file, its ioctls, its events and its mappings. */
/* offsets of the window, for 32-bit programs, too */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "librefslab.h"

struct refslab_session {
	int fd;
};

const char *refslab_version(void)
{
	return REFSLAB_VERSION;
}

int refslab_session_open(const char *path, struct refslab_session **session)
{
	struct refslab_session *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fd = open(path ? path : REFSLAB_DEVICE, O_RDWR | O_CLOEXEC);
	if (s->fd < 0) {
		int err = -errno;

		free(s);
		return err;
	}
	*session = s;
	return 0;
}

void refslab_session_close(struct refslab_session *session)
{
	if (!session)
		return;
	close(session->fd);
	free(session);
}

int refslab_session_fd(const struct refslab_session *session)
{
	return session->fd;
}

int refslab_session_query(struct refslab_session *session, struct refslab_query *query)
{
	struct refslab_query q = { .size = sizeof(q) };

	if (ioctl(session->fd, REFSLAB_IOC_QUERY, &q))
		return -errno;
	*query = q;
	return 0;
}

int refslab_session_create(struct refslab_session *session, const char *name, __u64 max_bytes,
			   __u32 *heap_id)
{
	const struct refslab_limits limits = { .max_bytes = max_bytes };

	return refslab_session_create_limited(session, name, &limits, heap_id);
}

int refslab_session_create_limited(struct refslab_session *session, const char *name,
				   const struct refslab_limits *limits, __u32 *heap_id)
{
	struct refslab_create c = { .size = sizeof(c) };
	size_t len = strlen(name);

	if (limits) {
		c.max_bytes = limits->max_bytes;
		c.max_objects = limits->max_objects;
		c.max_handles = limits->max_handles;
	}

	if (len > REFSLAB_NAME_MAX)
		return -EINVAL;
	memcpy(c.name, name, len);
	if (ioctl(session->fd, REFSLAB_IOC_CREATE, &c))
		return -errno;
	if (heap_id)
		*heap_id = c.heap_id;
	return 0;
}

int refslab_session_attach(struct refslab_session *session, int fd, __u32 flags, __u32 *heap_id,
			   __u32 *rights)
{
	struct refslab_attach a = { .size = sizeof(a), .flags = flags, .fd = fd };

	if (ioctl(session->fd, REFSLAB_IOC_ATTACH, &a))
		return -errno;
	if (heap_id)
		*heap_id = a.heap_id;
	if (rights)
		*rights = a.rights;
	return 0;
}

int refslab_session_submit(struct refslab_session *session, struct refslab_op *ops,
			   unsigned int count, unsigned int *done)
{
	struct refslab_submit sub = {
		.size = sizeof(sub),
		.ops = (__u64)(size_t)ops,
		.count = count,
	};

	if (done)
		*done = 0;
	if (ioctl(session->fd, REFSLAB_IOC_SUBMIT, &sub))
		return -errno;
	if (done)
		*done = sub.done;
	return sub.error;
}

int refslab_read_events(struct refslab_session *session, struct refslab_event_record *records,
			size_t max, size_t *count)
{
	ssize_t n = read(session->fd, records, max * sizeof(*records));

	if (n < 0)
		return -errno;
	*count = n / sizeof(*records);
	return 0;
}

bool refslab_event_of_gc(const struct refslab_event_record *record, struct refslab_gc_record *gc)
{
	if (record->event < REFSLAB_EVENT_GC_START || record->event > REFSLAB_EVENT_GC_LOST)
		return false;
	memcpy(gc, record, sizeof(*gc));
	return true;
}

static int map(struct refslab_session *session, int prot, __u64 offset, size_t len, void **addr)
{
	void *at = mmap(NULL, len, prot, MAP_SHARED, session->fd, offset);

	if (at == MAP_FAILED)
		return -errno;
	*addr = at;
	return 0;
}

int refslab_map_object(struct refslab_session *session, __u32 handle, int prot, void **addr,
		       size_t *len)
{
	__u64 offset, bytes;
	int err = refslab_op_map(session, handle, &offset, &bytes);

	if (err)
		return err;
	err = map(session, prot, offset, bytes, addr);
	if (!err)
		*len = bytes;
	return err;
}

int refslab_map_window(struct refslab_session *session, int prot, size_t len, void **addr)
{
	return map(session, prot, 0, len, addr);
}
