/* SPDX-License-Identifier: GPL-2.0 */
/* Events that were read, as objects for people and programs. */
#ifndef _REFSLAB_EVENTS_H
#define _REFSLAB_EVENTS_H

struct json_object;
struct refslab_event_record;
struct refslab_session;

/* What an event says, "event" first; NULL when there is no memory. Its handle stays as it is. */
struct json_object *refslab_events_row(struct refslab_session *session,
				       const struct refslab_event_record *event);

#endif /* _REFSLAB_EVENTS_H */
