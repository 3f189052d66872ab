// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: what an open file owns. A handle holds one strong reference on its object, so whoever
 * finds an object through a handle may take another under the handles' lock (the collector counts
 * both). However the process ended, the file's release drops every handle.
 */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dev.h"

static_assert(REFSLAB_BUDGET == REFSLAB_DESTROY_BUDGET);

#define HANDLES		XA_LIMIT(1, REFSLAB_MAX_HANDLE)

/**
 * refslab_session_open() - make a session without a heap
 * @file: its file, which nobody else has yet
 *
 * Context: may sleep. Return: the session, or an ERR_PTR.
 */
struct refslab_session *refslab_session_open(struct file *file)
{
	struct refslab_session *session = kzalloc(sizeof(*session), REFSLAB_DEV_GFP);
	int err;

	if (!session)
		return ERR_PTR(-ENOMEM);
	err = refslab_mmap_open(session, file);
	if (err) {
		kfree(session);
		return ERR_PTR(err);
	}
	mutex_init(&session->create_lock);
	xa_init_flags(&session->handles, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&session->node);
	session->pid = task_tgid_nr(current);
	get_task_comm(session->comm, current);
	return session;
}

static void free_session(struct refslab_session *session)
{
	kvfree(session->buffer);
	xa_destroy(&session->handles);
	mutex_destroy(&session->create_lock);
	/* its quota may still be looked at */
	kfree_rcu(session, rcu);
}

/*
 * Drops events nobody will read and handles, and destroys what only they kept, up to a budget. True
 * when none is left.
 */
static bool drop_handles(struct refslab_session *session, u32 budget)
{
	struct refslab_heap *heap = session->heap;
	struct refslab_dead dead = { };
	struct refslab_object *obj;
	unsigned long handle;
	u32 dropped = 0;
	bool all = true;

	/* what nobody is left to hear dies without a finalizer */
	while (!refslab_event_heard(&heap->objects.events) && dropped < budget &&
	       (obj = refslab_event_take(&heap->objects.events))) {
		dropped++;
		refslab_destroy_put(&dead, obj);
	}
	if (dropped == budget)
		all = false;
	/* nobody else changes them any more, but debugfs may look */
	xa_for_each_start(&session->handles, handle, obj, session->next) {
		if (dropped == budget) {
			session->next = handle;
			all = false;
			break;
		}
		xa_lock(&session->handles);
		__xa_erase(&session->handles, handle);
		refslab_quota_give(&session->quota);
		xa_unlock(&session->handles);
		dropped++;
		refslab_destroy_put(&dead, obj);
	}
	if (dead.first)
		refslab_destroy_run(&heap->objects, &dead, budget - dropped);
	return all;
}

static void detach(struct refslab_session *session)
{
	struct refslab_heap *heap = session->heap;

	mutex_lock(&heap->sessions_lock);
	list_del(&session->node);
	mutex_unlock(&heap->sessions_lock);
	refslab_quota_remove(&session->quota);
	free_session(session);
	/* the last session's reference ends the heap */
	refslab_heap_put(heap);
}

static void release_work(struct work_struct *work)
{
	struct refslab_session *session = container_of(work, struct refslab_session, release_work);

	while (!drop_handles(session, REFSLAB_DESTROY_BUDGET))
		cond_resched();
	detach(session);
}

/**
 * refslab_session_release() - the file is closed: drop everything
 * @session: used by nobody else
 *
 * Does at most REFSLAB_DESTROY_BUDGET dropped handles and destroyed objects in the caller; the
 * rest is the heap's worker's, and nobody waits for it. Context: may sleep.
 */
void refslab_session_release(struct refslab_session *session)
{
	refslab_mmap_release(session);
	if (!session->heap) {
		free_session(session);
		return;
	}
	refslab_watch_free(session);
	if (refslab_session_changes(session))
		refslab_event_unlisten(&session->heap->objects.events);
	if (drop_handles(session, REFSLAB_DESTROY_BUDGET)) {
		detach(session);
		return;
	}
	INIT_WORK(&session->release_work, release_work);
	queue_work(session->heap->objects.wq, &session->release_work);
}

/* A name, or none, and nothing but zeroes after it. */
static bool name_is_valid(const char name[REFSLAB_NAME_MAX + 1])
{
	int len = refslab_heap_name_len(name);

	return len >= 0 && !memchr_inv(name + len, 0, REFSLAB_NAME_MAX + 1 - len);
}

/* The caller's reference on the heap becomes the session's. @create_lock is held. */
static void join(struct refslab_session *session, struct refslab_heap *heap, u32 rights)
{
	session->rights = rights;
	refslab_quota_add(heap, &session->quota, &session->handles.xa_lock);
	mutex_lock(&heap->sessions_lock);
	list_add_tail(&session->node, &heap->sessions);
	mutex_unlock(&heap->sessions_lock);
	refslab_payload_view_add(&heap->objects.mem, &session->view);
	if (refslab_session_changes(session))
		refslab_event_listen(&heap->objects.events);
	/*
	 * Pairs with the acquires in submit.c, events.c and attach_to(): the heap is complete, and
	 * the rights are what they will be.
	 */
	smp_store_release(&session->heap, heap);
}

static int create_heap(struct refslab_ucmd *ucmd)
{
	struct refslab_create *create = &ucmd->cmd.create;
	struct refslab_heap_params params = { .max_bytes = create->max_bytes };
	struct refslab_session *session = ucmd->session;
	struct refslab_heap *heap;
	int err;

	if (session->heap)
		return -EISCONN;
	heap = refslab_heap_new(create->name, &params, true, REFSLAB_DEV_GFP);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	heap->objects.max_objects = create->max_objects;
	refslab_quota_limit(heap, create->max_handles);

	create->features = REFSLAB_FEATURES;
	create->heap_id = heap->id;
	err = refslab_device_respond(ucmd, sizeof(*create));
	if (err) {
		refslab_heap_put(heap);
		return err;
	}
	join(session, heap, REFSLAB_RIGHTS_ALL);
	return 0;
}

/**
 * refslab_session_create() - REFSLAB_IOC_CREATE
 * @ucmd: the ioctl
 *
 * Return: 0 or a negative errno.
 */
int refslab_session_create(struct refslab_ucmd *ucmd)
{
	struct refslab_create *create = &ucmd->cmd.create;
	struct refslab_session *session = ucmd->session;
	int err;

	if (create->flags || (create->features & ~REFSLAB_FEATURES))
		return -EOPNOTSUPP;
	if (create->reserved || !name_is_valid(create->name))
		return -EINVAL;
	/* who has it may be waiting for user memory */
	if (mutex_lock_killable(&session->create_lock))
		return -EINTR;
	err = create_heap(ucmd);
	mutex_unlock(&session->create_lock);
	return err;
}

static u32 rights_left(u32 rights, u32 flags)
{
	if (flags & REFSLAB_ATTACH_READONLY)
		return 0;
	if (flags & REFSLAB_ATTACH_NO_COLLECT)
		rights &= ~REFSLAB_RIGHT_COLLECT;
	if (flags & REFSLAB_ATTACH_NO_LIMITS)
		rights &= ~REFSLAB_RIGHT_LIMITS;
	return rights;
}

/*
 * The caller has a reference on the file of @other, so that one is not released meanwhile and its
 * reference keeps the heap. Its create_lock is not taken: two may attach through one another.
 */
static int attach_to(struct refslab_ucmd *ucmd, const struct refslab_session *other)
{
	struct refslab_attach *attach = &ucmd->cmd.attach;
	struct refslab_session *session = ucmd->session;
	struct refslab_heap *heap;
	int err;

	if (session->heap)
		return -EISCONN;
	/* pairs with the release in join(): the rights are as they will be, too */
	heap = smp_load_acquire(&other->heap);
	if (!heap)
		return -ENOTCONN;
	attach->features = REFSLAB_FEATURES;
	attach->heap_id = heap->id;
	attach->rights = rights_left(other->rights, attach->flags);
	err = refslab_device_respond(ucmd, sizeof(*attach));
	if (err)
		return err;
	refslab_heap_get(heap);
	join(session, heap, attach->rights);
	return 0;
}

/**
 * refslab_session_attach() - REFSLAB_IOC_ATTACH
 * @ucmd: the ioctl
 *
 * The other session's file is referred to for the time of the call only.
 *
 * Return: 0 or a negative errno.
 */
int refslab_session_attach(struct refslab_ucmd *ucmd)
{
	const u32 known = REFSLAB_ATTACH_READONLY | REFSLAB_ATTACH_NO_COLLECT |
			  REFSLAB_ATTACH_NO_LIMITS;
	struct refslab_attach *attach = &ucmd->cmd.attach;
	struct refslab_session *other;
	struct file *file;
	int err = -EINVAL;

	if ((attach->flags & ~known) || (attach->features & ~REFSLAB_FEATURES))
		return -EOPNOTSUPP;
	if (attach->reserved)
		return -EINVAL;
	file = fget(attach->fd);
	if (!file)
		return -EBADF;
	other = refslab_device_session(file);
	if (other && other != ucmd->session) {
		err = mutex_lock_killable(&ucmd->session->create_lock);
		if (!err) {
			err = attach_to(ucmd, other);
			mutex_unlock(&ucmd->session->create_lock);
		}
	}
	fput(file);
	return err;
}

/*
 * What a place of the handles stands for from now on: an object, or nothing yet. It is there, as
 * xas_load() has found something in it, so its node stays as it is; xas_store() would go from the
 * root once more and look at what may change with an entry. Who follows the pointer has the lock,
 * which is why nothing needs to be published. The handles' lock is held.
 */
static void set_place(struct xa_state *xas, void *entry)
{
	WRITE_ONCE(*(void __force **)&xas->xa_node->slots[xas->xa_offset], entry);
}

/*
 * A free handle, which counts, and stands for @obj from now on; NULL: for nothing yet. The handles'
 * lock is held, and may be let go of while memory is allocated.
 */
static int alloc_handle(struct refslab_session *session, u32 *handle, struct refslab_object *obj)
{
	int err;

	if (!refslab_quota_take(&session->quota))
		return -EMFILE;
	if (likely(session->nr_spare)) {
		*handle = session->spare[--session->nr_spare];
		if (obj) {
			XA_STATE(xas, &session->handles, *handle);

			xas_load(&xas);
			set_place(&xas, obj);
		}
		return 0;
	}
	err = __xa_alloc(&session->handles, handle, obj, HANDLES, REFSLAB_DEV_GFP);
	if (err)
		refslab_quota_give(&session->quota);
	return err == -EBUSY ? -EMFILE : err;
}

/*
 * A handle stands for nothing any more, and does not count. Its place stays reserved for the next
 * one, unless there are enough of these. The handles' lock is held.
 */
static void free_handle(struct refslab_session *session, struct xa_state *xas)
{
	refslab_quota_give(&session->quota);
	if (likely(session->nr_spare < ARRAY_SIZE(session->spare))) {
		session->spare[session->nr_spare++] = xas->xa_index;
		set_place(xas, XA_ZERO_ENTRY);
	} else {
		xas_store(xas, NULL);
	}
}

/**
 * refslab_session_reserve() - take a handle that stands for nothing yet
 * @session: the session
 * @handle: out: the handle; nobody finds anything by it until refslab_session_commit()
 *
 * It counts from now on. Context: may sleep. Return: 0, -EMFILE or -ENOMEM.
 */
int refslab_session_reserve(struct refslab_session *session, u32 *handle)
{
	int err;

	xa_lock(&session->handles);
	err = alloc_handle(session, handle, NULL);
	xa_unlock(&session->handles);
	return err;
}

/**
 * refslab_session_commit() - let a reserved handle stand for an object; cannot fail
 * @session: the session
 * @handle: from refslab_session_reserve()
 * @obj: the object; the caller's reference becomes the handle's
 */
void refslab_session_commit(struct refslab_session *session, u32 handle,
			    struct refslab_object *obj)
{
	void *old;

	xa_lock(&session->handles);
	/* the place is there already: nothing is allocated */
	old = __xa_store(&session->handles, handle, obj, GFP_NOWAIT);
	xa_unlock(&session->handles);
	WARN_ON_ONCE(old);
}

/**
 * refslab_session_abort() - give a reserved handle back
 * @session: the session
 * @handle: from refslab_session_reserve()
 */
void refslab_session_abort(struct refslab_session *session, u32 handle)
{
	XA_STATE(xas, &session->handles, handle);

	xa_lock(&session->handles);
	xas_load(&xas);
	free_handle(session, &xas);
	xa_unlock(&session->handles);
}

static int install(struct refslab_session *session, struct refslab_object *obj, u64 *handle)
{
	u32 number;
	int err = alloc_handle(session, &number, obj);

	if (err)
		return err;
	*handle = number;
	return 0;
}

/**
 * refslab_session_install() - make a handle for an object
 * @session: the session
 * @obj: the object; the caller's reference becomes the handle's, or is dropped on failure
 * @handle: out: the handle
 *
 * Context: may sleep. Return: 0, -EMFILE or -ENOMEM.
 */
int refslab_session_install(struct refslab_session *session, struct refslab_object *obj,
			    u64 *handle)
{
	int err;

	xa_lock(&session->handles);
	err = install(session, obj, handle);
	xa_unlock(&session->handles);
	if (err)
		refslab_object_put(obj);
	return err;
}

/**
 * refslab_session_answer() - have a handle be an operation's first result
 * @call: the operation
 * @obj: as for refslab_session_install(); or NULL, there was no memory for it, or an ERR_PTR
 *
 * Context: may sleep. Return: 0, -EMFILE, -ENOMEM, or what @obj says.
 */
int refslab_session_answer(struct refslab_call *call, struct refslab_object *obj)
{
	if (IS_ERR_OR_NULL(obj))
		return obj ? PTR_ERR(obj) : -ENOMEM;
	return refslab_session_install(call->session, obj, &call->result[0]);
}

/**
 * refslab_session_answer_quick() - refslab_session_answer() from within a quick operation
 * @call: the operation; its operands must not be used any more: the lock of the handles may be let
 *	go of and taken again
 * @obj: as there
 *
 * Context: may sleep, but for that lock. Return: as there.
 */
int refslab_session_answer_quick(struct refslab_call *call, struct refslab_object *obj)
{
	int err;

	if (IS_ERR_OR_NULL(obj))
		return obj ? PTR_ERR(obj) : -ENOMEM;
	err = install(call->session, obj, &call->result[0]);
	if (err && refslab_word_put(&obj->word))
		call->last = obj;
	return err;
}

/**
 * refslab_session_answer_new() - refslab_session_answer() as the last thing that an operation does
 * @call: the operation
 * @obj: as there
 *
 * Leaves the lock of the handles held: what makes an object is followed by what uses it.
 *
 * Context: may sleep. Return: as there.
 */
int refslab_session_answer_new(struct refslab_call *call, struct refslab_object *obj)
{
	refslab_session_run(call);
	return refslab_session_answer_quick(call, obj);
}

/**
 * refslab_session_find() - the object of a handle
 * @session: the session
 * @handle: as given by user space
 *
 * Context: the lock of the handles is held, for as long as the object is used: nobody closes the
 * handle, whose reference keeps it. Return: the object, or NULL when there is no such handle.
 */
struct refslab_object *refslab_session_find(struct refslab_session *session, u64 handle)
{
	XA_STATE(xas, &session->handles, handle);
	struct refslab_object *obj;

	if (unlikely(handle > REFSLAB_MAX_HANDLE))
		return NULL;
	obj = xas_load(&xas);
	/* one that is only reserved stands for nothing */
	return likely(!xa_is_zero(obj)) ? obj : NULL;
}

/**
 * refslab_session_get() - the object of a handle
 * @session: the session
 * @handle: as given by user space
 *
 * Return: the object with a reference for the caller, or NULL when there is no such handle.
 */
struct refslab_object *refslab_session_get(struct refslab_session *session, u64 handle)
{
	struct refslab_object *obj;

	xa_lock(&session->handles);
	obj = refslab_session_find(session, handle);
	/*
	 * The handle's own reference keeps it alive. References of operations in flight have the
	 * room between REFSLAB_COUNT_MAX and saturation to themselves, so this need not fail.
	 */
	if (obj)
		refslab_word_get(&obj->word);
	xa_unlock(&session->handles);
	return obj;
}

/**
 * refslab_session_close() - drop a handle and its reference
 * @session: the session
 * @handle: as given by user space
 * @last: out: its object when that was the last reference, for refslab_destroy_last() without the
 *	lock
 *
 * Context: the lock of the handles is held. Return: 0 or -ENOENT.
 */
int refslab_session_close(struct refslab_session *session, u64 handle,
			  struct refslab_object **last)
{
	XA_STATE(xas, &session->handles, handle);
	struct refslab_object *obj;

	if (handle > REFSLAB_MAX_HANDLE)
		return -ENOENT;
	obj = xas_load(&xas);
	/* one that is only reserved must stay */
	if (!obj || xa_is_zero(obj))
		return -ENOENT;
	free_handle(session, &xas);
	if (refslab_word_put(&obj->word))
		*last = obj;
	return 0;
}

static void show_rights(struct seq_file *m, u32 rights)
{
	static const char *const names[] = { "change", "collect", "limits" };
	const char *separator = "\t";
	unsigned int i;

	seq_puts(m, "refslab-rights:");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(rights & BIT(i)))
			continue;
		seq_printf(m, "%s%s", separator, names[i]);
		separator = " ";
	}
	seq_puts(m, rights ? "\n" : "\tnone\n");
}

/**
 * refslab_session_show() - the session's lines in /proc/PID/fdinfo/FD
 * @session: the session
 * @m: where to
 *
 * The keys are part of the ABI, see refslab(8). Nothing is settled or waited for: who may read this
 * may read it all the time. Context: may sleep.
 */
void refslab_session_show(struct refslab_session *session, struct seq_file *m)
{
	/* pairs with the release in join() */
	struct refslab_heap *heap = smp_load_acquire(&session->heap);
	u64 objects, tracked, cached_bytes;
	struct refslab_limits limits;

	/* 0: none yet */
	seq_printf(m, "refslab-heap:\t%u\n", heap ? heap->id : 0);
	if (!heap)
		return;
	refslab_objects_count(&heap->objects, &objects, &tracked, &cached_bytes);
	refslab_heap_get_limits(heap, &limits);
	seq_printf(m, "refslab-heap-name:\t%s\n", heap->name);
	show_rights(m, session->rights);
	seq_printf(m, "refslab-handles:\t%llu\n", READ_ONCE(session->quota.taken));
	seq_printf(m, "refslab-operations:\t%lld\n", atomic64_read(&session->operations));
	seq_printf(m, "refslab-heap-objects:\t%llu\n", objects);
	seq_printf(m, "refslab-heap-handles:\t%llu\n", refslab_quota_taken(heap));
	seq_printf(m, "refslab-heap-bytes:\t%lld\n", atomic64_read(&heap->objects.mem.reserved));
	seq_printf(m, "refslab-heap-roots:\t%llu\n", READ_ONCE(heap->roots.nr));
	seq_printf(m, "refslab-heap-max-bytes:\t%llu\n", limits.max_bytes);
	seq_printf(m, "refslab-heap-max-objects:\t%llu\n", limits.max_objects);
	seq_printf(m, "refslab-heap-max-handles:\t%llu\n", limits.max_handles);
}
