// SPDX-License-Identifier: GPL-2.0
/*
 * Events: finalizers and callbacks of weak references that user space has to run.
 *
 * An event holds a strong reference on its object and lies in it, so that queueing needs no memory
 * and none is ever lost. Who takes an event gets the reference. While nobody listens nothing is
 * queued, and objects die without.
 */
#include "object.h"
#include "../refslab.h"

/**
 * refslab_event_init() - make an empty queue without listeners
 * @events: to fill in
 */
void refslab_event_init(struct refslab_events *events)
{
	spin_lock_init(&events->lock);
	INIT_LIST_HEAD(&events->queue);
	init_waitqueue_head(&events->wait);
}

/**
 * refslab_event_listen() - somebody may read events from now on
 * @events: the queue
 */
void refslab_event_listen(struct refslab_events *events)
{
	spin_lock(&events->lock);
	WRITE_ONCE(events->listeners, events->listeners + 1);
	spin_unlock(&events->lock);
}
REFSLAB_EXPORT_TEST(refslab_event_listen);

/**
 * refslab_event_unlisten() - the opposite
 * @events: the queue
 *
 * Nothing is queued after the last one left; what is left is the caller's to take out.
 */
void refslab_event_unlisten(struct refslab_events *events)
{
	spin_lock(&events->lock);
	WRITE_ONCE(events->listeners, events->listeners - 1);
	spin_unlock(&events->lock);
}
REFSLAB_EXPORT_TEST(refslab_event_unlisten);

/**
 * refslab_event_heard() - is there anybody who listens?
 * @events: the queue
 */
bool refslab_event_heard(const struct refslab_events *events)
{
	return READ_ONCE(events->listeners);
}

/**
 * refslab_event_of() - where the event of an object lies
 * @obj: an object of a type with a finalizer, or a weak reference
 */
struct refslab_event *refslab_event_of(struct refslab_object *obj)
{
	struct refslab_type *type = refslab_object_type(obj);

	if (type == type->objects->weak_type)
		return refslab_weak_event(obj);
	return &refslab_object_extra(obj, type)->event;
}
REFSLAB_EXPORT_TEST(refslab_event_of);

/**
 * refslab_event_post() - queue an event
 * @events: the queue
 * @obj: its object, once only; the caller's reference becomes the event's
 *
 * Context: task context, no lock of the heap held.
 *
 * Return: false when nobody listens: the reference stays the caller's.
 */
bool refslab_event_post(struct refslab_events *events, struct refslab_object *obj)
{
	struct refslab_event *event = refslab_event_of(obj);
	bool heard;

	spin_lock(&events->lock);
	heard = events->listeners;
	if (heard) {
		event->obj = obj;
		list_add_tail(&event->node, &events->queue);
		WRITE_ONCE(events->nr, events->nr + 1);
	}
	spin_unlock(&events->lock);
	if (heard)
		wake_up_interruptible(&events->wait);
	return heard;
}

/**
 * refslab_event_pending() - is there an event?
 * @events: the queue
 */
bool refslab_event_pending(const struct refslab_events *events)
{
	return !list_empty_careful(&events->queue);
}
REFSLAB_EXPORT_TEST(refslab_event_pending);

/**
 * refslab_event_take() - take the oldest event
 * @events: the queue
 *
 * Context: task context. Return: its object with the event's reference, now the caller's; NULL when
 * there is none.
 */
struct refslab_object *refslab_event_take(struct refslab_events *events)
{
	struct refslab_event *event;

	spin_lock(&events->lock);
	event = list_first_entry_or_null(&events->queue, struct refslab_event, node);
	if (event) {
		list_del_init(&event->node);
		WRITE_ONCE(events->nr, events->nr - 1);
	}
	spin_unlock(&events->lock);
	return event ? event->obj : NULL;
}
REFSLAB_EXPORT_TEST(refslab_event_take);

/**
 * refslab_event_untake() - put an event back that could not be handed out
 * @events: the queue
 * @obj: from refslab_event_take(), with its reference
 *
 * It is the oldest again.
 */
void refslab_event_untake(struct refslab_events *events, struct refslab_object *obj)
{
	spin_lock(&events->lock);
	list_add(&refslab_event_of(obj)->node, &events->queue);
	WRITE_ONCE(events->nr, events->nr + 1);
	spin_unlock(&events->lock);
	wake_up_interruptible(&events->wait);
}
REFSLAB_EXPORT_TEST(refslab_event_untake);
