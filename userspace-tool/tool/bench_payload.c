// SPDX-License-Identifier: GPL-2.0
/* Lines of refslab bench: what goes through a mapped payload, and through a memfd's mapping. */
#define _GNU_SOURCE		/* memfd_create() */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define SIZE	(8u << 20)
#define PROBE	4096		/* bytes that are read without the mapping, in the end */

struct payload {
	struct bench_heap heap;		/* without a session: of a memfd */
	int fd;				/* the memfd */
	void *map;
	size_t len;
	unsigned char *data, *room;	/* SIZE bytes each: copied in, and out again */
};

static const struct refslab_type_def type = { .flags = REFSLAB_TYPE_MAPPED, .payload = SIZE };

static bool map_payload(struct payload *payload)
{
	struct bench_heap *heap = &payload->heap;
	int err;

	if (!refslab_bench_open(heap, payload->heap.line, &type))
		return false;
	if (!refslab_bench_hold(heap))
		return false;
	err = refslab_map_object(heap->session, heap->held[0], PROT_READ | PROT_WRITE,
				 &payload->map, &payload->len);
	return refslab_bench_check(payload->heap.line, REFSLAB_CALL_MAP_OBJECT, err);
}

static bool map_memfd(struct payload *payload)
{
	void *map;

	payload->fd = memfd_create("bench", MFD_CLOEXEC);
	if (payload->fd < 0 || ftruncate(payload->fd, SIZE))
		return refslab_bench_fail(payload->heap.line, "memfd: %s", strerror(errno));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, payload->fd, 0);
	if (map == MAP_FAILED)
		return refslab_bench_fail(payload->heap.line, "mmap: %s", strerror(errno));
	payload->map = map;
	payload->len = SIZE;
	return true;
}

static bool make_data(struct payload *payload)
{
	unsigned int i;

	payload->data = malloc(SIZE);
	payload->room = malloc(SIZE);
	if (!payload->data || !payload->room)
		return refslab_bench_fail(payload->heap.line, "out of memory");
	for (i = 0; i < SIZE; i++)
		payload->data[i] = i * 2654435761u >> 24;
	memset(payload->room, 0, SIZE);
	return true;
}

static bool release(struct payload *payload, bool ok)
{
	/* A mapping keeps the session open. */
	if (payload->map)
		munmap(payload->map, payload->len);
	if (payload->fd >= 0)
		close(payload->fd);
	if (payload->heap.session)
		ok = refslab_bench_close(&payload->heap, ok);
	free(payload->data);
	free(payload->room);
	free(payload);
	return ok;
}

static void *begin(const struct bench_line *line, __u64 objects)
{
	bool (*map)(struct payload *payload) = line->arg ? map_payload : map_memfd;
	struct payload *payload = refslab_bench_alloc(line->name, sizeof(*payload));

	(void)objects;
	if (!payload)
		return NULL;
	payload->heap.line = line->name;
	payload->fd = -1;
	if (make_data(payload) && map(payload))
		return payload;
	release(payload, false);
	return NULL;
}

static bool measure(void *state, __u64 times, __u64 *ns, double *value)
{
	struct payload *payload = state;
	__u64 i, start;

	/* not what the last run left there */
	payload->data[0]++;
	payload->data[SIZE - 1]++;
	start = refslab_bench_now();
	for (i = 0; i < times; i++) {
		memcpy(payload->map, payload->data, SIZE);
		/* Others may see it, and change it: the compiler must not know better. */
		__asm__ volatile ("" : : : "memory");
		memcpy(payload->room, payload->map, SIZE);
		__asm__ volatile ("" : : : "memory");
	}
	*ns = refslab_bench_now() - start;
	*value = 2.0 * SIZE * times / (*ns ? *ns : 1);
	if (memcmp(payload->room, payload->data, SIZE))
		return refslab_bench_fail(payload->heap.line, "other bytes than were written");
	return true;
}

/* What was written to the mapping is in the object, or in the file. */
static bool is_there(struct payload *payload)
{
	unsigned char probe[PROBE];
	int err;

	if (payload->heap.session) {
		err = refslab_op_read(payload->heap.session, payload->heap.held[0], SIZE - PROBE,
				      probe, PROBE);
		if (!refslab_bench_check(payload->heap.line, REFSLAB_OP_READ, err))
			return false;
	} else if (pread(payload->fd, probe, PROBE, SIZE - PROBE) != PROBE) {
		return refslab_bench_fail(payload->heap.line, "read: %s", strerror(errno));
	}
	return !memcmp(probe, payload->data + SIZE - PROBE, PROBE) ||
	       refslab_bench_fail(payload->heap.line, "what was mapped is not what is there");
}

static bool end(void *state, bool ok)
{
	struct payload *payload = state;

	return release(payload, ok && is_there(payload));
}

const struct bench_line refslab_bench_payload_lines[] = {
	{
		.name = "mmap_payload", .unit = "GB/s", .in_turns = true, .arg = &type,
		.what = "copied into a mapped payload and out",
		.begin = begin, .measure = measure, .end = end,
	},
	{
		.name = "mmap_memfd", .unit = "GB/s",
		.what = "the same of a memfd",
		.begin = begin, .measure = measure, .end = end,
	},
	{ }
};
