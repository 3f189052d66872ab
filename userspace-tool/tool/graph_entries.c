// SPDX-License-Identifier: GPL-2.0
/*
 * What a dict or an instance refers to, by its entries: the key is the label of the arrow to the
 * value when it is something that can be written there.
 *
 * Entries come with handles of ours, which are dropped before the next ones come. The counts that
 * the picture shows are known by then, without them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define AT_ONCE		128	/* entries */
#define MAX_ENTRIES	4096	/* larger ones have no labels */
#define MAX_TRIES	5	/* as keys come and go */

static bool record_of(struct graph *graph, __u32 handle, struct refslab_record *record)
{
	int err;

	*record = (struct refslab_record){ };
	err = refslab_op_id(graph->session, handle, (__u64 *)&record->id);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_ID, err);
	err = refslab_op_typeof(graph->session, handle, NULL, 0, &record->type, NULL);
	return err ? refslab_graph_fail(graph, REFSLAB_OP_TYPEOF, err) : true;
}

struct reading {
	__u32 from;
	bool instance;
	__u64 at;		/* the entry's number */
};

/* @label: freed by the graph from now on */
static bool link_to(struct graph *graph, const struct reading *reading, __u32 handle, char *label,
		    bool told)
{
	struct graph_edge edge = { .at = reading->at, .label = label, .told = told };
	struct refslab_record record;

	if (label && record_of(graph, handle, &record))
		return refslab_graph_link(graph, reading->from, &record, &edge);
	free(label);
	return label ? false : refslab_graph_fail(graph, 0, -ENOMEM);
}

static bool link_entry(struct graph *graph, const struct reading *reading,
		       const struct refslab_entry *entry)
{
	char *label = NULL;

	if (!(reading->instance ? refslab_graph_attribute(graph, entry->key, &label) :
				  refslab_graph_key_value(graph, entry->key, &label)))
		return false;
	if (!label)
		return link_to(graph, reading, entry->key, strdup("key"), false) &&
		       link_to(graph, reading, entry->value, strdup("value"), false);
	return link_to(graph, reading, entry->value, label, false) &&
	       link_to(graph, reading, entry->key, strdup(reading->instance ? "name" : "key"),
		       true);
}

/* False with graph->err 0: keys came or went, and what is there so far is of no use. */
static bool link_entries(struct graph *graph, __u32 handle, struct reading *reading)
{
	struct refslab_entry entries[AT_ONCE];
	__u64 cursor = 0;
	size_t count, i;
	bool ok = true;
	int err;

	reading->at = 0;
	do {
		err = refslab_op_items(graph->session, handle, &cursor, entries, AT_ONCE, &count);
		if (err == -ESTALE)
			return false;
		if (err)
			return refslab_graph_fail(graph, REFSLAB_OP_ITEMS, err);
		for (i = 0; i < count; i++) {
			ok = ok && link_entry(graph, reading, &entries[i]);
			reading->at++;
			refslab_op_close(graph->session, entries[i].key);
			if (entries[i].value)
				refslab_op_close(graph->session, entries[i].value);
		}
	} while (ok && cursor);
	return ok;
}

static void undo(struct graph *graph, struct graph_node *node)
{
	__u32 i;

	for (i = 0; i < node->nr_edges; i++) {
		graph->nodes[node->edges[i].to].nr_in--;
		graph->nodes[node->edges[i].to].nr_told -= node->edges[i].told;
		free(node->edges[i].label);
	}
	node->nr_edges = 0;
	node->nr_rest = 0;
}

bool refslab_graph_read_entries(struct graph *graph, __u32 handle, __u32 from)
{
	struct graph_node *node = &graph->nodes[from];
	const char *type = refslab_graph_type_name(graph, node->type);
	struct reading reading = { .from = from, .instance = !strcmp(type, "instance") };
	int tries;
	__u64 len;

	if (!reading.instance && strcmp(type, "dict"))
		return false;
	/* a dict has a length, and an instance rarely many attributes */
	if (!reading.instance &&
	    (refslab_op_len(graph->session, handle, &len) || len > MAX_ENTRIES))
		return false;
	for (tries = 0; tries < MAX_TRIES && !graph->err; tries++) {
		node->labelled = link_entries(graph, handle, &reading);
		if (node->labelled)
			return true;
		undo(graph, node);
	}
	/* a program may call a type of its own like that */
	if (graph->opcode == REFSLAB_OP_ITEMS && graph->err == -EPROTOTYPE)
		refslab_graph_fail(graph, 0, 0);
	return false;
}
