// SPDX-License-Identifier: GPL-2.0
/* Events that were read, as objects for people and programs. */
#include <json-c/json.h>

#include "events.h"
#include "librefslab.h"

/* An event of a scan. */
static void describe_scan(struct json_object *row, const struct refslab_gc_record *gc)
{
	const char *what = "gc_start";

	if (gc->event == REFSLAB_EVENT_GC_STOP)
		what = "gc_stop";
	else if (gc->event == REFSLAB_EVENT_GC_LOST)
		what = "gc_lost";
	json_object_object_add(row, "event", json_object_new_string(what));
	if (gc->event == REFSLAB_EVENT_GC_LOST) {
		json_object_object_add(row, "lost", json_object_new_uint64(gc->collected));
		return;
	}
	json_object_object_add(row, "generation", json_object_new_int64(gc->generation));
	if (gc->event == REFSLAB_EVENT_GC_START)
		return;
	json_object_object_add(row, "collected", json_object_new_uint64(gc->collected));
	json_object_object_add(row, "uncollectable", json_object_new_int64(gc->uncollectable));
	json_object_object_add(row, "duration_ns", json_object_new_uint64(gc->duration_ns));
}

struct json_object *refslab_events_row(struct refslab_session *session,
				       const struct refslab_event_record *event)
{
	const char *what = event->event == REFSLAB_EVENT_WEAKREF ? "weakref" : "finalize";
	struct json_object *row = json_object_new_object();
	char type[REFSLAB_NAME_MAX + 1] = "";
	struct refslab_gc_record gc;

	if (!row)
		return NULL;
	if (refslab_event_of_gc(event, &gc)) {
		describe_scan(row, &gc);
		return row;
	}
	json_object_object_add(row, "event", json_object_new_string(what));
	json_object_object_add(row, "id", json_object_new_uint64(event->id));
	if (event->event == REFSLAB_EVENT_FINALIZE &&
	    !refslab_op_typeof(session, event->handle, type, REFSLAB_NAME_MAX, NULL, NULL))
		json_object_object_add(row, "type", json_object_new_string(type));
	return row;
}
