/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The character device: sessions, handles, the operation table.
 *
 *   device.c      /dev/refslab, the table of ioctls, arguments in and out
 *   session.c     what an open file owns: a heap and handles
 *   uring.c       the same by io_uring
 *   submit.c      the table of operations: operands checked and resolved in one place
 *   ops_*.c       the operations themselves
 *   mmap.c        mmap(): payloads without copying
 *   events.c      read() and poll(): finalizers and callbacks that user space has to run
 *   watch.c       and start and stop of scans, for those who asked
 *
 * Locks: a session's handles are under their xarray's lock. Quick operations are carried out under
 * it, several in one hold: references are taken and dropped, objects' locks nest in it, but nothing
 * is allocated, copied from or to programs, or destroyed. struct refslab_session.create_lock is
 * outermost. refslab_heap.sessions_lock is taken with no other lock of this directory held but that
 * one, and the handles' lock nests in it, as it does in the lock of the heap's quota (quota.c).
 */
#ifndef _REFSLAB_DEV_H
#define _REFSLAB_DEV_H

#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../heap.h"
#include "../../uapi/refslab.h"

struct refslab_probe;

/*
 * For what programs ask for: charged to their memory cgroup, and refused rather than having
 * somebody killed for it. They are told (-ENOMEM), so the log is not.
 */
#define REFSLAB_DEV_GFP		(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * Places of closed handles that a session keeps for the next ones. Each may keep a node of the
 * xarray from being freed.
 */
#define REFSLAB_SPARE_HANDLES	64

/**
 * struct refslab_session - an open file of the device
 * @heap:	its heap; set once, by REFSLAB_IOC_CREATE or REFSLAB_IOC_ATTACH
 * @rights:	REFSLAB_RIGHT_*; set before @heap is, and constant from then on
 * @watch:	what it is told of scans; set once, when it first asks
 * @create_lock: serialises that
 * @handles:	objects by handle; each holds a strong reference
 * @quota:	how many, under the lock of @handles
 * @nr_spare:	how many there are of the next, likewise
 * @spare:	handles that stand for nothing and are reserved in @handles: last in, first out
 * @buffer:	room for a submit's operations, once there was one
 * @buffer_used: bit 0: a submit uses it
 * @submits:	submits under way
 * @operations:	operations carried out
 * @last_opcode: the one carried out last, for people
 * @node:	on the heap's list of sessions
 * @view:	of the mappings of its file; among those of the heap's window while it has a heap
 * @release_work: drops the handles that are too many for close()
 * @next:	first handle not yet dropped by it
 * @pid:	who opened the file, as the initial namespace calls it
 * @comm:	name of that
 * @rcu:	frees it
 */
struct refslab_session {
	struct refslab_heap *heap;
	u32 rights;
	struct refslab_watch *watch;
	struct mutex create_lock;	/* @heap and @watch are set under it */
	struct xarray handles;
	struct refslab_quota quota;
	u32 nr_spare;
	u32 spare[REFSLAB_SPARE_HANDLES];
	struct refslab_op *buffer;
	unsigned long buffer_used;
	atomic_t submits;
	atomic64_t operations;
	u16 last_opcode;
	struct list_head node;
	struct refslab_payload_view view;
	struct work_struct release_work;
	unsigned long next;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct rcu_head rcu;
};

/**
 * struct refslab_ucmd - an ioctl under way
 * @session:	of the file
 * @ubuffer:	the argument in user memory
 * @user_size:	its size as the caller knows it
 * @cmd:	the argument as read, zeroes where the caller's is shorter
 */
struct refslab_ucmd {
	struct refslab_session *session;
	void __user *ubuffer;
	u32 user_size;
	union {
		u32 size;
		struct refslab_query query;
		struct refslab_create create;
		struct refslab_attach attach;
		struct refslab_submit submit;
	} cmd;
};

/**
 * struct refslab_call - an operation under way
 * @session:	who asks
 * @heap:	the session's heap
 * @arg:	the operands, as numbers
 * @obj:	of operands that are handles to be looked up, the objects; in a quick operation kept
 *		by the handles, in others each with a reference that belongs to the operation in
 *		flight and is dropped after it; of other operands, nothing
 * @run:	quick operations in the present hold of the handles' lock; 0: it is not held
 * @last:	out, of a quick operation: an object that lost its last reference, to be destroyed
 *		without the lock
 * @result:	out: the results
 */
struct refslab_call {
	struct refslab_session *session;
	struct refslab_heap *heap;
	u64 arg[4];
	struct refslab_object *obj[4];
	unsigned int run;
	struct refslab_object *last;
	u64 result[2];
};

/* device.c */
int refslab_device_init(void);
void refslab_device_exit(void);
long refslab_device_call(struct refslab_session *session, unsigned int cmd, void __user *arg);
int refslab_device_respond(struct refslab_ucmd *ucmd, size_t size);
struct refslab_session *refslab_device_session(struct file *file);

/* uring.c */
struct io_uring_cmd;
int refslab_uring_cmd(struct io_uring_cmd *ioucmd, unsigned int issue_flags);

/* session.c */
struct refslab_session *refslab_session_open(struct file *file);
void refslab_session_release(struct refslab_session *session);
int refslab_session_create(struct refslab_ucmd *ucmd);
int refslab_session_attach(struct refslab_ucmd *ucmd);
int refslab_session_reserve(struct refslab_session *session, u32 *handle);
void refslab_session_commit(struct refslab_session *session, u32 handle,
			    struct refslab_object *obj);
void refslab_session_abort(struct refslab_session *session, u32 handle);
int refslab_session_install(struct refslab_session *session, struct refslab_object *obj,
			    u64 *handle);
int refslab_session_answer(struct refslab_call *call, struct refslab_object *obj);
int refslab_session_answer_new(struct refslab_call *call, struct refslab_object *obj);
int refslab_session_answer_quick(struct refslab_call *call, struct refslab_object *obj);
struct refslab_object *refslab_session_get(struct refslab_session *session, u64 handle);
struct refslab_object *refslab_session_find(struct refslab_session *session, u64 handle);
int refslab_session_close(struct refslab_session *session, u64 handle,
			  struct refslab_object **last);
void refslab_session_show(struct refslab_session *session, struct seq_file *m);

/**
 * refslab_session_run() - one more operation under the handles' lock
 * @call: the operation; takes the lock unless it is held from the one before
 */
static inline void refslab_session_run(struct refslab_call *call)
{
	if (call->run++)
		return;
	xa_lock(&call->session->handles);
	/* sparse cannot follow a lock that is held or not by what a variable says */
	__release(&call->session->handles.xa_lock);
}

/*
 * May it change objects? Only then is it told of their events, too, as who reads one gets a
 * reference on what others made.
 */
static inline bool refslab_session_changes(const struct refslab_session *session)
{
	return session->rights & REFSLAB_RIGHT_CHANGE;
}

/* mmap.c */
int refslab_mmap_open(struct refslab_session *session, struct file *file);
void refslab_mmap_release(struct refslab_session *session);
int refslab_mmap(struct file *file, struct vm_area_struct *vma);

/* submit.c */
int refslab_submit_ioctl(struct refslab_ucmd *ucmd);
const char *refslab_submit_name(u16 opcode);
int refslab_submit_copy_name(const struct refslab_call *call, unsigned int arg, char *name,
			     size_t max);
int refslab_submit_copy_out(const struct refslab_call *call, unsigned int arg, const void *from,
			    size_t len);

/* ops_payload.c */
int refslab_op_write(struct refslab_call *call);
int refslab_op_read(struct refslab_call *call);
int refslab_op_map(struct refslab_call *call);

/* ops_object.c */
int refslab_op_type(struct refslab_call *call);
int refslab_op_type_find(struct refslab_call *call);
int refslab_op_new(struct refslab_call *call);
int refslab_op_dup(struct refslab_call *call);
int refslab_op_close(struct refslab_call *call);
int refslab_op_is(struct refslab_call *call);
int refslab_op_setslot(struct refslab_call *call);
int refslab_op_clearslot(struct refslab_call *call);
int refslab_op_slot(struct refslab_call *call);
int refslab_op_typeof(struct refslab_call *call);
int refslab_op_refcount(struct refslab_call *call);
int refslab_op_id(struct refslab_call *call);
int refslab_op_tracked(struct refslab_call *call);
int refslab_op_block(struct refslab_call *call);

/* ops_atom.c */
int refslab_op_int(struct refslab_call *call);
int refslab_op_int_value(struct refslab_call *call);
int refslab_op_float(struct refslab_call *call);
int refslab_op_float_value(struct refslab_call *call);
int refslab_op_str(struct refslab_call *call);
int refslab_op_str_value(struct refslab_call *call);
int refslab_op_bytes(struct refslab_call *call);
int refslab_op_bytes_value(struct refslab_call *call);
int refslab_op_tuple(struct refslab_call *call);
int refslab_atom_read_probe(const struct refslab_call *call, unsigned int arg,
			    struct refslab_probe *probe);

/* ops_list.c */
int refslab_op_list(struct refslab_call *call);
int refslab_op_append(struct refslab_call *call);
int refslab_op_insert(struct refslab_call *call);
int refslab_op_pop(struct refslab_call *call);
int refslab_op_setitem(struct refslab_call *call);
int refslab_op_delitem(struct refslab_call *call);
int refslab_op_item(struct refslab_call *call);
int refslab_op_len(struct refslab_call *call);

/* ops_keyed.c */
int refslab_op_dict(struct refslab_call *call);
int refslab_op_set(struct refslab_call *call);
int refslab_op_instance(struct refslab_call *call);
int refslab_op_dict_setitem(struct refslab_call *call);
int refslab_op_dict_item(struct refslab_call *call);
int refslab_op_dict_item_byvalue(struct refslab_call *call);
int refslab_op_dict_delitem(struct refslab_call *call);
int refslab_op_add(struct refslab_call *call);
int refslab_op_discard(struct refslab_call *call);
int refslab_op_contains(struct refslab_call *call);
int refslab_op_contains_byvalue(struct refslab_call *call);
int refslab_op_setattr(struct refslab_call *call);
int refslab_op_getattr(struct refslab_call *call);
int refslab_op_delattr(struct refslab_call *call);
int refslab_op_items(struct refslab_call *call);

/* ops_heap.c */
int refslab_op_collect(struct refslab_call *call);
int refslab_op_enable(struct refslab_call *call);
int refslab_op_disable(struct refslab_call *call);
int refslab_op_isenabled(struct refslab_call *call);
int refslab_op_set_threshold(struct refslab_call *call);
int refslab_op_get_threshold(struct refslab_call *call);
int refslab_op_get_count(struct refslab_call *call);
int refslab_op_get_stats(struct refslab_call *call);
int refslab_op_trim(struct refslab_call *call);
int refslab_op_set_debug(struct refslab_call *call);
int refslab_op_get_debug(struct refslab_call *call);
int refslab_op_empty_garbage(struct refslab_call *call);
int refslab_op_freeze(struct refslab_call *call);
int refslab_op_unfreeze(struct refslab_call *call);
int refslab_op_freezecount(struct refslab_call *call);
int refslab_op_stat(struct refslab_call *call);
int refslab_op_set_limits(struct refslab_call *call);
int refslab_op_get_limits(struct refslab_call *call);

/* ops_weak.c */
int refslab_op_weak(struct refslab_call *call);
int refslab_op_deref(struct refslab_call *call);
int refslab_op_byid(struct refslab_call *call);
int refslab_op_finalized(struct refslab_call *call);

/* ops_records.c */
int refslab_op_objects(struct refslab_call *call);
int refslab_op_referents(struct refslab_call *call);
int refslab_op_referrers(struct refslab_call *call);
int refslab_op_garbage(struct refslab_call *call);

/* ops_roots.c */
int refslab_op_publish(struct refslab_call *call);
int refslab_op_lookup(struct refslab_call *call);
int refslab_op_unpublish(struct refslab_call *call);
int refslab_op_roots(struct refslab_call *call);

/* watch.c */
int refslab_op_watch(struct refslab_call *call);
void refslab_watch_free(struct refslab_session *session);
bool refslab_watch_on(struct refslab_session *session);
bool refslab_watch_pending(struct refslab_session *session);
int refslab_watch_hand_out(struct refslab_session *session, void __user *to);

/* events.c */
ssize_t refslab_events_read(struct refslab_session *session, char __user *buf, size_t count,
			    bool nonblock);
__poll_t refslab_events_poll(struct refslab_session *session, struct file *file, poll_table *wait);

#endif /* _REFSLAB_DEV_H */
