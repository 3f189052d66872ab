/* SPDX-License-Identifier: GPL-2.0 */
/* Results for people; programs get the JSON objects as they are. */
#ifndef _REFSLAB_OUTPUT_H
#define _REFSLAB_OUTPUT_H

struct json_object;
struct parser_line;

/* What a script line has to say. */
void refslab_output_line(const struct parser_line *line, struct json_object *result);

/* An event, as of events.h, on a line: event: finalize, id 12, type Node */
void refslab_output_event(struct json_object *event);

/* The keys and values of an object below one another, values aligned. */
void refslab_output_pairs(struct json_object *object);

#endif /* _REFSLAB_OUTPUT_H */
