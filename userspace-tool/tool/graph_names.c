// SPDX-License-Identifier: GPL-2.0
/*
 * The names of a script in a graph: on the nodes they stand for, and what they reach. That takes a
 * walk over all they reach, in the picture or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

struct reach {
	__u64 *ids;		/* reached; those from @at on are to be looked at */
	size_t nr;
	size_t at;
	bool too_many;
};

static bool reach(struct graph *graph, struct reach *r, __u64 id)
{
	struct graph_key *key = refslab_graph_key(graph, id);

	if (!key)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	if (key->reached || r->too_many)
		return true;
	r->too_many = r->nr == GRAPH_MAX_REACH;
	if (r->too_many)
		return true;
	key->reached = true;
	r->ids[r->nr++] = id;
	return true;
}

static bool reach_record(struct graph *graph, const struct refslab_record *record, __u64 at,
			 void *arg)
{
	(void)at;
	return reach(graph, arg, record->id);
}

static bool follow(struct graph *graph, struct reach *r)
{
	bool ok = true;
	__u32 handle;
	int err;

	while (ok && r->at < r->nr && !r->too_many) {
		err = refslab_op_byid(graph->session, r->ids[r->at], &handle);
		if (err)
			return refslab_graph_fail(graph, REFSLAB_OP_BYID, err);
		if (handle) {
			ok = refslab_graph_for_each(graph, handle, r->ids[r->at], false,
						    reach_record, r);
			refslab_op_close(graph->session, handle);
		}
		r->at++;
	}
	return ok;
}

struct naming {
	struct graph *graph;
	struct reach *reach;
	bool ok;
};

static void add_name(const char *name, __u32 handle, void *arg)
{
	struct naming *naming = arg;
	struct graph *graph = naming->graph;
	struct graph_node *node;
	char *names;
	__u64 id;
	int err;

	if (!naming->ok)
		return;
	err = refslab_op_id(graph->session, handle, &id);
	if (err) {
		naming->ok = refslab_graph_fail(graph, REFSLAB_OP_ID, err);
		return;
	}
	naming->ok = reach(graph, naming->reach, id);
	node = refslab_graph_find(graph, id);
	if (!node)
		return;
	names = malloc(strlen(name) + (node->names ? strlen(node->names) : 0) + 3);
	if (!names) {
		naming->ok = refslab_graph_fail(graph, 0, -ENOMEM);
		return;
	}
	sprintf(names, "%s%s%s", node->names ?: "", node->names ? ", " : "", name);
	free(node->names);
	node->names = names;
}

bool refslab_graph_read_names(struct graph *graph, const struct names *names)
{
	struct reach r = { .ids = calloc(GRAPH_MAX_REACH, sizeof(*r.ids)) };
	struct naming naming = { .graph = graph, .reach = &r, .ok = true };
	struct graph_key *key;
	__u32 i;

	if (!r.ids)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	refslab_names_for_each(names, add_name, &naming);
	if (naming.ok)
		naming.ok = follow(graph, &r);
	free(r.ids);
	graph->reach_known = !r.too_many;
	for (i = 0; naming.ok && graph->reach_known && i < graph->nr_nodes; i++) {
		key = refslab_graph_key(graph, graph->nodes[i].id);
		graph->nodes[i].unreached = !key || !key->reached;
	}
	return naming.ok;
}
