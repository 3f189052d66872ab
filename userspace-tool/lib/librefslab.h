/* SPDX-License-Identifier: GPL-2.0 */
/*
 * librefslab: the user ABI of refslab as C functions.
 *
 * The library is thin: every function is one call on /dev/refslab, and what the operations mean is
 * said in refslab.h, the ABI itself. There is no global state. Functions return 0 (or what they
 * say) when they succeeded and a negative errno when not; errno itself is not part of the
 * interface. Results are only written on success.
 *
 * Threads: a session may be used by any number of threads at once, the kernel does the ordering.
 * Only refslab_session_close() must not run beside other uses of the same session. A batch belongs
 * to one thread at a time.
 *
 *	struct refslab_session *s;
 *	__u32 list, seven;
 *	int err;
 *
 *	err = refslab_session_open(NULL, &s);
 *	if (!err)
 *		err = refslab_session_create(s, "mine", 0, NULL);
 *	if (!err)
 *		err = refslab_op_list(s, &list);
 *	if (!err)
 *		err = refslab_op_int(s, 7, &seven);
 *	if (!err)
 *		err = refslab_op_append(s, list, seven);
 *	refslab_session_close(s);
 */
#ifndef _LIBREFSLAB_H
#define _LIBREFSLAB_H

#include <stdbool.h>
#include <stddef.h>

#include "refslab.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REFSLAB_DEVICE	"/dev/refslab"

/* The library's own version, as text. */
const char *refslab_version(void);

/*
 * Sessions
 */

struct refslab_session;

/* @path: NULL for REFSLAB_DEVICE. Errors: those of open(2), -ENOMEM. */
int refslab_session_open(const char *path, struct refslab_session **session);

/* Drops every handle of the session. NULL is fine. */
void refslab_session_close(struct refslab_session *session);

/* The descriptor, close-on-exec, to poll or to hand on. It stays the session's. */
int refslab_session_fd(const struct refslab_session *session);

int refslab_session_query(struct refslab_session *session, struct refslab_query *query);

/*
 * Makes a heap and attaches the session to it.
 * @name:	at most REFSLAB_NAME_MAX bytes (-EINVAL), printable ASCII without spaces
 * @max_bytes:	limit of the heap's memory, 0 for none
 * @heap_id:	out, may be NULL: the heap's number in debugfs
 */
int refslab_session_create(struct refslab_session *session, const char *name, __u64 max_bytes,
			   __u32 *heap_id);

/* The same with all limits there are; NULL for none. */
int refslab_session_create_limited(struct refslab_session *session, const char *name,
				   const struct refslab_limits *limits, __u32 *heap_id);

/*
 * Attaches the session to the heap of another one, whose descriptor this process has: it was
 * inherited, came by SCM_RIGHTS or from pidfd_getfd(2). The descriptor may be closed afterwards.
 * @fd:		of the other session
 * @flags:	REFSLAB_ATTACH_*: rights that this session is not to have
 * @heap_id:	out, may be NULL
 * @rights:	out, may be NULL: REFSLAB_RIGHT_* that it has; those of the other one at most
 * -EBADF: no descriptor; -EINVAL: not of a session, or of this one; -ENOTCONN: of one without a
 * heap; -EISCONN: this session has a heap; -EOPNOTSUPP: an unknown flag.
 */
int refslab_session_attach(struct refslab_session *session, int fd, __u32 flags, __u32 *heap_id,
			   __u32 *rights);

/*
 * Carries out operations in order, as REFSLAB_IOC_SUBMIT does.
 * @done:	out, may be NULL: how many were carried out; they stay done
 * Returns 0, or the error that stopped the call: when @done < @count and ops[@done].error is set
 * that operation's, otherwise the call's own.
 */
int refslab_session_submit(struct refslab_session *session, struct refslab_op *ops,
			   unsigned int count, unsigned int *done);

/*
 * Events: finalizers that are to run, and weak references whose object died
 */

/*
 * Reads at most @max events, the oldest first, as read(2) on the session does, and writes their
 * number, at least 1, to @count. Each brings a handle that is the caller's, to be dropped with
 * refslab_op_close(); an object that was to be finalized then dies for good, unless there is
 * another reference by now.
 *
 * Waits for the first event. Who does not want to sets O_NONBLOCK on refslab_session_fd(), and gets
 * -EAGAIN when there is none, or asks poll(2), which says POLLIN when there is one; but another
 * thread may be quicker. -EINVAL: @max is 0; -EINTR: a signal came first; -ENOTCONN, -EFAULT,
 * -EMFILE, -ENOMEM: no event is lost.
 */
int refslab_read_events(struct refslab_session *session, struct refslab_event_record *records,
			size_t max, size_t *count);

/*
 * Is it an event of a scan? Then it brings no handle, and *@gc becomes what it says. Only sessions
 * that asked with refslab_op_watch() get any.
 */
bool refslab_event_of_gc(const struct refslab_event_record *record, struct refslab_gc_record *gc);

/*
 * Errors as sentences
 */

/* Calls of this library that are no operations, for refslab_strerror(). */
enum refslab_call {
	REFSLAB_CALL_OPEN = 0x10000,	/* refslab_session_open() */
	REFSLAB_CALL_QUERY,		/* refslab_session_query() */
	REFSLAB_CALL_CREATE,		/* refslab_session_create() and _create_limited() */
	REFSLAB_CALL_ATTACH,		/* refslab_session_attach() */
	REFSLAB_CALL_SUBMIT,		/* refslab_session_submit(), if no operation failed */
	REFSLAB_CALL_READ_EVENTS,	/* refslab_read_events() */
	REFSLAB_CALL_MAP_OBJECT,	/* refslab_map_object() */
	REFSLAB_CALL_MAP_WINDOW,	/* refslab_map_window() */
};

/*
 * What @err (an errno of either sign) means after operation @opcode, or after an enum refslab_call;
 * @opcode 0: after one of these calls, whichever it was. Never NULL; the text is constant and need
 * not be freed.
 */
const char *refslab_strerror(unsigned int opcode, int err);

/* "setslot" for REFSLAB_OP_SETSLOT; NULL for an unknown opcode. */
const char *refslab_opcode_name(unsigned int opcode);

/*
 * Batches: operations that refer to one another's results, carried out by one call
 *
 *	struct refslab_batch *b = refslab_batch_new();
 *	int list = refslab_batch_op(b, REFSLAB_OP_LIST);
 *
 *	refslab_batch_op(b, REFSLAB_OP_APPEND, refslab_result(list), refslab_value(x));
 *	err = refslab_batch_submit(b, session, NULL);
 *	if (!err)
 *		handle = refslab_batch_result(b, list, 0);
 *	refslab_batch_free(b);
 *
 * An error while adding is remembered and returned by refslab_batch_submit(), which then does
 * nothing, so that only its answer needs to be looked at.
 */

struct refslab_batch;

/* An operand: a value, or result[0] of an earlier operation of the batch. */
struct refslab_operand {
	__u64 value;
	bool is_result;
};

static inline struct refslab_operand refslab_value(__u64 value)
{
	struct refslab_operand o = { value, false };

	return o;
}

static inline struct refslab_operand refslab_pointer(const void *p)
{
	return refslab_value((__u64)(size_t)p);
}

/* @index: what refslab_batch_add() returned for that operation. */
static inline struct refslab_operand refslab_result(int index)
{
	struct refslab_operand o = { (__u64)(__s64)index, true };

	return o;
}

/* NULL when there is no memory. */
struct refslab_batch *refslab_batch_new(void);
void refslab_batch_free(struct refslab_batch *batch);

/* Forgets the operations and the error; the memory is kept for the next ones. */
void refslab_batch_reset(struct refslab_batch *batch);

/*
 * Adds an operation and returns its index, from 0. -E2BIG: REFSLAB_MAX_OPS are there already;
 * -EINVAL: more than four operands, or a result of an operation that is not an earlier one;
 * -ENOMEM.
 */
int refslab_batch_add(struct refslab_batch *batch, unsigned int opcode,
		      const struct refslab_operand *operands, unsigned int count);

#ifndef __cplusplus
/* refslab_batch_add() with the operands as arguments. */
#define refslab_batch_op(batch, opcode, ...)						\
	refslab_batch_add(batch, opcode,						\
			  (const struct refslab_operand[5]) { __VA_ARGS__ },		\
			  sizeof((const struct refslab_operand[]) { __VA_ARGS__ }) /	\
			  sizeof(struct refslab_operand))
#endif

/* Number of operations added. */
unsigned int refslab_batch_count(const struct refslab_batch *batch);

/*
 * Submits the operations; an empty batch is fine. May be called again: everything is then done
 * once more. @done as for refslab_session_submit().
 */
int refslab_batch_submit(struct refslab_batch *batch, struct refslab_session *session,
			 unsigned int *done);

/* result[@which] of operation @index in the last submit; 0 when that was not carried out. */
__u64 refslab_batch_result(const struct refslab_batch *batch, int index, unsigned int which);

/* The opcode of operation @index, for refslab_strerror(); 0 when there is no such operation. */
unsigned int refslab_batch_opcode(const struct refslab_batch *batch, unsigned int index);

/*
 * One function per operation, named after its opcode. A handle that is returned is the caller's,
 * to be dropped with refslab_op_close().
 */

int refslab_op_type(struct refslab_session *s, const char *name, const struct refslab_type_def *def,
		    __u32 *type);
/*
 * The type of that name, whoever defined it.
 * @def:	out, may be NULL: what refslab_op_type() was told; all zeroes for a built-in type
 * @own:	out, may be NULL: a program defined it, and refslab_op_new() makes its objects
 */
int refslab_op_type_find(struct refslab_session *s, const char *name, struct refslab_type_def *def,
			 __u32 *type, bool *own);
int refslab_op_new(struct refslab_session *s, __u32 type, __u32 *handle);
int refslab_op_int(struct refslab_session *s, __s64 value, __u32 *handle);
int refslab_op_str(struct refslab_session *s, const char *text, size_t len, __u32 *handle);
int refslab_op_list(struct refslab_session *s, __u32 *handle);
int refslab_op_float(struct refslab_session *s, double value, __u32 *handle);
int refslab_op_bytes(struct refslab_session *s, const void *data, size_t len, __u32 *handle);
/* @elements: handles, which stay the caller's */
int refslab_op_tuple(struct refslab_session *s, const __u32 *elements, size_t len, __u32 *handle);

int refslab_op_dup(struct refslab_session *s, __u32 handle, __u32 *copy);
int refslab_op_close(struct refslab_session *s, __u32 handle);
int refslab_op_is(struct refslab_session *s, __u32 handle, __u32 other, bool *same);

int refslab_op_setslot(struct refslab_session *s, __u32 handle, __u64 slot, __u32 target);
int refslab_op_clearslot(struct refslab_session *s, __u32 handle, __u64 slot);
int refslab_op_slot(struct refslab_session *s, __u32 handle, __u64 slot, __u32 *target);

int refslab_op_write(struct refslab_session *s, __u32 handle, __u64 offset, const void *buf,
		     size_t len);
int refslab_op_read(struct refslab_session *s, __u32 handle, __u64 offset, void *buf, size_t len);

int refslab_op_append(struct refslab_session *s, __u32 list, __u32 element);
int refslab_op_insert(struct refslab_session *s, __u32 list, __u64 index, __u32 element);
int refslab_op_pop(struct refslab_session *s, __u32 list, __u64 index, __u32 *element);
int refslab_op_setitem(struct refslab_session *s, __u32 list, __u64 index, __u32 element);
int refslab_op_delitem(struct refslab_session *s, __u32 list, __u64 index);
int refslab_op_item(struct refslab_session *s, __u32 list, __u64 index, __u32 *element);
int refslab_op_len(struct refslab_session *s, __u32 handle, __u64 *len);

int refslab_op_dict(struct refslab_session *s, __u32 *handle);
int refslab_op_set(struct refslab_session *s, __u32 *handle);
int refslab_op_instance(struct refslab_session *s, __u32 *handle);
int refslab_op_dict_setitem(struct refslab_session *s, __u32 dict, __u32 key, __u32 value);
int refslab_op_dict_item(struct refslab_session *s, __u32 dict, __u32 key, __u32 *value);
int refslab_op_dict_delitem(struct refslab_session *s, __u32 dict, __u32 key);
/* @added, may be NULL: no equal one was there. */
int refslab_op_add(struct refslab_session *s, __u32 set, __u32 element, bool *added);
/* @removed, may be NULL: it was there. */
int refslab_op_discard(struct refslab_session *s, __u32 set, __u32 element, bool *removed);
int refslab_op_contains(struct refslab_session *s, __u32 handle, __u32 element, bool *contained);

/*
 * A value to look up, for which nothing is made in the heap: sessions that may only read can do it.
 * Which member it is, is said by @kind, REFSLAB_VALUE_*: @integer, @real, or @data and @len of a
 * str, as UTF-8, or a bytes.
 */
struct refslab_key {
	__u32 kind;
	__u32 reserved;
	union {
		__s64 integer;
		double real;
		struct {
			const void *data;
			size_t len;
		};
	};
};

int refslab_op_dict_item_byvalue(struct refslab_session *s, __u32 dict,
				 const struct refslab_key *key, __u32 *value);
int refslab_op_contains_byvalue(struct refslab_session *s, __u32 handle,
				const struct refslab_key *element, bool *contained);
/* @name: an identifier, with a NUL */
int refslab_op_setattr(struct refslab_session *s, __u32 instance, const char *name, __u32 value);
int refslab_op_getattr(struct refslab_session *s, __u32 instance, const char *name, __u32 *value);
int refslab_op_delattr(struct refslab_session *s, __u32 instance, const char *name);

/*
 * What is in a container, in order: writes at most @max entries and their number to @count. All
 * handles in them are the caller's. *@cursor is 0 on the first call, and 0 again after the last.
 */
int refslab_op_items(struct refslab_session *s, __u32 handle, __u64 *cursor,
		     struct refslab_entry *entries, size_t max, size_t *count);

int refslab_op_int_value(struct refslab_session *s, __u32 handle, __s64 *value);
int refslab_op_float_value(struct refslab_session *s, __u32 handle, double *value);

/* Copies at most @size bytes without a NUL; @len, may be NULL: the whole length. */
int refslab_op_str_value(struct refslab_session *s, __u32 handle, void *buf, size_t size,
			 size_t *len);
int refslab_op_bytes_value(struct refslab_session *s, __u32 handle, void *buf, size_t size,
			   size_t *len);
/* @type and @len may be NULL. */
int refslab_op_typeof(struct refslab_session *s, __u32 handle, void *buf, size_t size, __u32 *type,
		      size_t *len);
/* @count: REFSLAB_REFCOUNT_IMMORTAL of a constant. */
int refslab_op_refcount(struct refslab_session *s, __u32 handle, __u32 *count);
int refslab_op_id(struct refslab_session *s, __u32 handle, __u64 *id);
/* @generation, may be NULL: only meaningful when @tracked. */
int refslab_op_tracked(struct refslab_session *s, __u32 handle, bool *tracked,
		       unsigned int *generation);

/*
 * A large block has @arena REFSLAB_ARENA_LARGE and its number in @pool; a constant has that, and
 * REFSLAB_POOL_CONSTANT as @pool.
 */
#define REFSLAB_ARENA_LARGE	(~0ull)
#define REFSLAB_POOL_CONSTANT	(~0u)
struct refslab_block {
	__u64 arena;
	__u32 pool;
	__u32 block;
};

int refslab_op_block(struct refslab_session *s, __u32 handle, struct refslab_block *block);

/* @generation may have REFSLAB_COLLECT_ALL with it; @uncollectable may be NULL. */
int refslab_op_collect(struct refslab_session *s, unsigned int generation, __u64 *unreachable,
		       __u64 *uncollectable);
int refslab_op_enable(struct refslab_session *s);
int refslab_op_disable(struct refslab_session *s);
int refslab_op_isenabled(struct refslab_session *s, bool *enabled);
int refslab_op_set_threshold(struct refslab_session *s, const __u32 threshold[REFSLAB_GENERATIONS]);
int refslab_op_get_threshold(struct refslab_session *s, __u32 threshold[REFSLAB_GENERATIONS]);
int refslab_op_get_count(struct refslab_session *s, __u32 count[REFSLAB_GENERATIONS]);
int refslab_op_get_stats(struct refslab_session *s, struct refslab_gc_stats *stats);

/*
 * Writes at most @max records and their number to @count; one call writes no more than 1 MiB of
 * them. *@cursor is 0 on the first call, and 0 again after the last.
 */
int refslab_op_objects(struct refslab_session *s, __u64 *cursor, __u32 generation,
		       struct refslab_record *records, size_t max, size_t *count);

/* @bytes, may be NULL: given back to the kernel. */
int refslab_op_trim(struct refslab_session *s, __u64 *bytes);

/* Fields that the kernel does not know are 0. */
int refslab_op_stat(struct refslab_session *s, struct refslab_stat *stat);

/* @flags: REFSLAB_WEAK_*. */
int refslab_op_weak(struct refslab_session *s, __u32 handle, __u32 flags, __u32 *weak);

/* Of something dead, *@handle becomes 0, which is never a handle, and 0 is returned. */
int refslab_op_deref(struct refslab_session *s, __u32 weak, __u32 *handle);
int refslab_op_byid(struct refslab_session *s, __u64 id, __u32 *handle);
int refslab_op_finalized(struct refslab_session *s, __u32 handle, bool *finalized);

int refslab_op_freeze(struct refslab_session *s);
int refslab_op_unfreeze(struct refslab_session *s);
int refslab_op_freezecount(struct refslab_session *s, __u64 *count);

/*
 * What @handle refers to, and the objects that refer to it: as refslab_op_objects(). There may be
 * fewer records than @max, or none, before the last call.
 */
int refslab_op_referents(struct refslab_session *s, __u32 handle, __u64 *cursor,
			 struct refslab_record *records, size_t max, size_t *count);
int refslab_op_referrers(struct refslab_session *s, __u32 handle, __u64 *cursor,
			 struct refslab_record *records, size_t max, size_t *count);

/* @flags: REFSLAB_DEBUG_*. */
int refslab_op_set_debug(struct refslab_session *s, __u32 flags);
int refslab_op_get_debug(struct refslab_session *s, __u32 *flags);

/* What scans kept: as refslab_op_objects(). */
int refslab_op_garbage(struct refslab_session *s, __u64 *cursor, struct refslab_record *records,
		       size_t max, size_t *count);
/* @count, may be NULL: how many there were. */
int refslab_op_empty_garbage(struct refslab_session *s, __u64 *count);

/* @flags: REFSLAB_WATCH_*, which events besides those of objects the session reads. */
int refslab_op_watch(struct refslab_session *s, __u32 flags);

/* @name: an identifier, with a NUL */
int refslab_op_publish(struct refslab_session *s, __u32 handle, const char *name);
int refslab_op_lookup(struct refslab_session *s, const char *name, __u32 *handle);
int refslab_op_unpublish(struct refslab_session *s, const char *name);

/* What is published, in no special order: cursor and count as with refslab_op_objects(). */
int refslab_op_roots(struct refslab_session *s, __u64 *cursor, struct refslab_root_record *records,
		     size_t max, size_t *count);

/* Limits of the heap, 0 for none; those that the kernel does not know are 0. */
int refslab_op_set_limits(struct refslab_session *s, const struct refslab_limits *limits);
int refslab_op_get_limits(struct refslab_session *s, struct refslab_limits *limits);

/* Where the payload of an object of a type with REFSLAB_TYPE_MAPPED is in the heap's window. */
int refslab_op_map(struct refslab_session *s, __u32 handle, __u64 *offset, __u64 *len);

/*
 * Maps an object's payload, shared; prot: PROT_READ, or with PROT_WRITE. *@addr and *@len are for
 * munmap(). When the object dies, touching it is SIGBUS, as the mapping is no reference; but it
 * keeps the session open, like a file descriptor, until it is undone.
 * -ENOENT: no such handle; -EPROTOTYPE: not of a type with REFSLAB_TYPE_MAPPED; -EACCES: PROT_WRITE
 * on a session that may only read, or PROT_EXEC; -ENXIO: the object died meanwhile; -ENOTCONN: no
 * heap; -ENOMEM: no memory, or the process has as many mappings as it can have.
 */
int refslab_map_object(struct refslab_session *s, __u32 handle, int prot, void **addr, size_t *len);

/*
 * Maps the first @len bytes of the heap's window, at most REFSLAB_WINDOW: all payloads that are or
 * will be there, each at the offset that refslab_op_map() tells. Touching what is nobody's place is
 * SIGBUS. -EINVAL: @len is 0; -ENXIO: @len is over REFSLAB_WINDOW; -EACCES, -ENOTCONN, -ENOMEM: as
 * for refslab_map_object().
 */
int refslab_map_window(struct refslab_session *s, int prot, size_t len, void **addr);

#ifdef __cplusplus
}
#endif

#endif /* _LIBREFSLAB_H */
