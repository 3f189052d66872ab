// SPDX-License-Identifier: GPL-2.0
/*
 * Events of the collector for a session that asked for them: start and stop of every scan.
 *
 * They carry no reference, so they have a queue apart from the events that do: a ring for each
 * session, of REFSLAB_MAX_GC_EVENTS records. When it is full, what comes is dropped and counted,
 * and the reader is told how many at the place where they are missing.
 *
 * A scan never waits here: it takes a spinlock that is held for a copy of a record.
 */
#include <linux/kfifo.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"

/**
 * struct refslab_watch - what a session is told of scans
 * @nb:		called at the start and the stop of each
 * @on:		it is registered; changed under the session's create_lock
 * @wait:	those who wait for events of the heap
 * @read_lock:	keeps readers apart, and those who drop records; outside of @lock
 * @lock:	protects the rest
 * @records:	the ring
 * @lost:	how many were dropped since the last one in it
 */
struct refslab_watch {
	struct notifier_block nb;
	bool on;
	wait_queue_head_t *wait;
	struct mutex read_lock;		/* see above */
	spinlock_t lock;		/* see above */
	DECLARE_KFIFO(records, struct refslab_gc_record, REFSLAB_MAX_GC_EVENTS);
	u64 lost;
};

/* Says how many are missing, when some are. @lock is held, and there is room. */
static void put_lost(struct refslab_watch *watch)
{
	const struct refslab_gc_record record = {
		.event = REFSLAB_EVENT_GC_LOST,
		.collected = watch->lost,
	};

	if (watch->lost)
		kfifo_put(&watch->records, record);
	watch->lost = 0;
}

static int on_scan(struct notifier_block *nb, unsigned long action, void *data)
{
	struct refslab_watch *watch = container_of(nb, struct refslab_watch, nb);
	const struct refslab_gc_info *info = data;
	const struct refslab_gc_record record = {
		.event = action == REFSLAB_GC_START ? REFSLAB_EVENT_GC_START :
						      REFSLAB_EVENT_GC_STOP,
		.collected = info->collected,
		.duration_ns = info->duration_ns,
		.generation = info->generation,
		.uncollectable = min_t(u64, info->uncollectable, U32_MAX),
	};

	spin_lock(&watch->lock);
	if (kfifo_avail(&watch->records) > !!watch->lost) {
		put_lost(watch);
		kfifo_put(&watch->records, record);
	} else {
		watch->lost++;
	}
	spin_unlock(&watch->lock);
	wake_up_interruptible(watch->wait);
	return NOTIFY_OK;
}

static int stop(struct refslab_session *session)
{
	struct refslab_watch *watch = session->watch;

	if (!watch || !watch->on)
		return 0;
	/* before anything is changed: who has it may be waiting for user memory */
	if (mutex_lock_killable(&watch->read_lock))
		return -EINTR;
	blocking_notifier_chain_unregister(&session->heap->gc.notifier, &watch->nb);
	WRITE_ONCE(watch->on, false);
	spin_lock(&watch->lock);
	kfifo_reset(&watch->records);
	watch->lost = 0;
	spin_unlock(&watch->lock);
	mutex_unlock(&watch->read_lock);
	return 0;
}

static int start(struct refslab_session *session)
{
	struct refslab_watch *watch = session->watch;
	int err;

	if (!watch) {
		watch = kzalloc(sizeof(*watch), REFSLAB_DEV_GFP);
		if (!watch)
			return -ENOMEM;
		watch->nb.notifier_call = on_scan;
		watch->wait = &session->heap->objects.events.wait;
		mutex_init(&watch->read_lock);
		spin_lock_init(&watch->lock);
		INIT_KFIFO(watch->records);
		/* pairs with the acquires of readers; it stays until the file is closed */
		smp_store_release(&session->watch, watch);
	}
	if (watch->on)
		return 0;
	err = blocking_notifier_chain_register(&session->heap->gc.notifier, &watch->nb);
	WRITE_ONCE(watch->on, !err);
	return err;
}

int refslab_op_watch(struct refslab_call *call)
{
	struct refslab_session *session = call->session;
	int err;

	if (call->arg[0] & ~(u64)REFSLAB_WATCH_GC)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&session->create_lock))
		return -EINTR;
	err = call->arg[0] ? start(session) : stop(session);
	mutex_unlock(&session->create_lock);
	return err;
}

/**
 * refslab_watch_free() - end what a session is told, with the session
 * @session: used by nobody else; its heap is still there
 */
void refslab_watch_free(struct refslab_session *session)
{
	struct refslab_watch *watch = session->watch;

	if (!watch)
		return;
	if (watch->on)
		blocking_notifier_chain_unregister(&session->heap->gc.notifier, &watch->nb);
	mutex_destroy(&watch->read_lock);
	kfree(watch);
}

/**
 * refslab_watch_on() - is the session to be told of scans?
 * @session: the session
 */
bool refslab_watch_on(struct refslab_session *session)
{
	/* pairs with the release in start() */
	struct refslab_watch *watch = smp_load_acquire(&session->watch);

	return watch && READ_ONCE(watch->on);
}

/**
 * refslab_watch_pending() - is there something to read?
 * @session: the session
 */
bool refslab_watch_pending(struct refslab_session *session)
{
	/* pairs with the release in start() */
	struct refslab_watch *watch = smp_load_acquire(&session->watch);

	return watch && (!kfifo_is_empty(&watch->records) || READ_ONCE(watch->lost));
}

static bool peek(struct refslab_watch *watch, struct refslab_gc_record *record)
{
	bool any;

	spin_lock(&watch->lock);
	if (kfifo_is_empty(&watch->records))
		put_lost(watch);
	any = kfifo_peek(&watch->records, record);
	spin_unlock(&watch->lock);
	return any;
}

/**
 * refslab_watch_hand_out() - copy the oldest record to user space
 * @session: the session
 * @to: where to
 *
 * Context: may sleep. Return: 1, 0 when there is none, -ERESTARTSYS, -EFAULT: it stays.
 */
int refslab_watch_hand_out(struct refslab_session *session, void __user *to)
{
	/* pairs with the release in start() */
	struct refslab_watch *watch = smp_load_acquire(&session->watch);
	struct refslab_gc_record record;
	int ret = 0;

	if (!watch)
		return 0;
	if (mutex_lock_interruptible(&watch->read_lock))
		return -ERESTARTSYS;
	if (peek(watch, &record)) {
		ret = copy_to_user(to, &record, sizeof(record)) ? -EFAULT : 1;
		spin_lock(&watch->lock);
		if (ret > 0)
			kfifo_skip(&watch->records);
		spin_unlock(&watch->lock);
	}
	mutex_unlock(&watch->read_lock);
	return ret;
}
