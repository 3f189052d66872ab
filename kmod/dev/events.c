// SPDX-License-Identifier: GPL-2.0
/*
 * read() and poll() of a session: events, and with them handles.
 *
 * The place for the handle is made first, then an event is taken and copied, then the handle stands
 * for its object: whatever fails in between, the event goes back to where it was.
 *
 * Events of the collector come after all of these, so that they never keep one waiting.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "dev.h"

static void describe(struct refslab_event_record *record, struct refslab_object *obj, u32 handle)
{
	struct refslab_type *type = refslab_object_type(obj);

	*record = (struct refslab_event_record) { .handle = handle };
	if (type == type->objects->weak_type) {
		record->event = REFSLAB_EVENT_WEAKREF;
		record->id = refslab_weak_target(obj);
	} else {
		record->event = REFSLAB_EVENT_FINALIZE;
		record->id = obj->id;
	}
}

/* Hands out one event of an object. Returns 1, 0 when there is none, or a negative errno. */
static int hand_out_object(struct refslab_session *session, struct refslab_event_record __user *to)
{
	struct refslab_events *events = &session->heap->objects.events;
	struct refslab_event_record record;
	struct refslab_object *obj;
	u32 handle;
	int err;

	if (!refslab_event_pending(events))
		return 0;
	err = refslab_session_reserve(session, &handle);
	if (err)
		return err;
	obj = refslab_event_take(events);
	if (!obj)
		goto out_abort;
	describe(&record, obj, handle);
	/* whoever is told an id may ask for it */
	if (record.event == REFSLAB_EVENT_FINALIZE)
		err = refslab_ident_publish(obj, REFSLAB_DEV_GFP);
	if (!err && copy_to_user(to, &record, sizeof(record)))
		err = -EFAULT;
	if (err) {
		refslab_event_untake(events, obj);
		goto out_abort;
	}
	refslab_session_commit(session, handle, obj);
	return 1;

out_abort:
	refslab_session_abort(session, handle);
	return err;
}

static int hand_out(struct refslab_session *session, void __user *to)
{
	int ret = refslab_session_changes(session) ? hand_out_object(session, to) : 0;

	return ret ?: refslab_watch_hand_out(session, to);
}

static bool pending(struct refslab_session *session)
{
	if (refslab_session_changes(session) &&
	    refslab_event_pending(&session->heap->objects.events))
		return true;
	return refslab_watch_pending(session);
}

/**
 * refslab_events_read() - read() on the device
 * @session: of the file
 * @buf: where to
 * @count: room there, in bytes
 * @nonblock: do not wait
 *
 * Waits for the first event, not for more. Context: may sleep.
 *
 * Return: bytes, whole records only; -ENOTCONN, -EINVAL no room for one, -EPERM neither the right
 * nor a watch, -EAGAIN, -ERESTARTSYS, -EFAULT, -EMFILE, -ENOMEM.
 */
ssize_t refslab_events_read(struct refslab_session *session, char __user *buf, size_t count,
			    bool nonblock)
{
	/* pairs with the release in session.c */
	struct refslab_heap *heap = smp_load_acquire(&session->heap);
	size_t done = 0;
	int ret = 0;

	if (!heap)
		return -ENOTCONN;
	if (count < sizeof(struct refslab_event_record))
		return -EINVAL;
	/* there is never going to be anything */
	if (!refslab_session_changes(session) && !refslab_watch_on(session))
		return -EPERM;
	while (count - done >= sizeof(struct refslab_event_record)) {
		ret = hand_out(session, buf + done);
		if (ret > 0) {
			done += sizeof(struct refslab_event_record);
			if (signal_pending(current))
				break;
			cond_resched();
			continue;
		}
		if (ret < 0 || done)
			break;
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(heap->objects.events.wait, pending(session)))
			return -ERESTARTSYS;
	}
	return done ?: ret;
}

/**
 * refslab_events_poll() - poll() on the device
 * @session: of the file
 * @file: the file
 * @wait: as given to poll()
 *
 * Return: EPOLLIN when there is an event; EPOLLERR without a heap.
 */
__poll_t refslab_events_poll(struct refslab_session *session, struct file *file, poll_table *wait)
{
	/* pairs with the release in session.c */
	struct refslab_heap *heap = smp_load_acquire(&session->heap);

	if (!heap)
		return EPOLLERR;
	poll_wait(file, &heap->objects.events.wait, wait);
	return pending(session) ? EPOLLIN | EPOLLRDNORM : 0;
}
