// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a graph of objects.
 *
 * Objects are told by their ids, and one at a time is held by a handle of ours, dropped before the
 * next: what it adds to a count is subtracted, so that counts are shown as they are without us. All
 * counts are read before the edges are.
 */
#define _GNU_SOURCE		/* tdestroy() */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define AT_ONCE		1024	/* records */
#define MAX_SLOTS	64	/* that are asked for one by one, for their numbers */

bool refslab_graph_fail(struct graph *graph, unsigned int opcode, int err)
{
	graph->err = err;
	graph->opcode = opcode;
	return false;
}

static int compare_keys(const void *a, const void *b)
{
	const struct graph_key *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct graph_key *refslab_graph_key(struct graph *graph, __u64 id)
{
	struct graph_key *key = malloc(sizeof(*key));
	struct graph_key **found;

	if (!key)
		return NULL;
	*key = (struct graph_key){ .id = id, .node = ~0u };
	found = tsearch(key, &graph->by_id, compare_keys);
	if (!found || *found != key)
		free(key);
	return found ? *found : NULL;
}

struct graph_node *refslab_graph_find(const struct graph *graph, __u64 id)
{
	struct graph_key key = { .id = id }, **found;

	found = tfind(&key, &graph->by_id, compare_keys);
	return found && (*found)->node != ~0u ? &graph->nodes[(*found)->node] : NULL;
}

void refslab_graph_start(struct graph *graph, struct refslab_session *session)
{
	*graph = (struct graph){
		.session = session,
		.depth = ~0u,
		.max_nodes = GRAPH_MAX_NODES,
	};
}

void refslab_graph_free(struct graph *graph)
{
	__u32 i, j;

	for (i = 0; i < graph->nr_nodes; i++) {
		for (j = 0; j < graph->nodes[i].nr_edges + graph->nodes[i].nr_labels; j++)
			free(graph->nodes[i].edges[j].label);
		free(graph->nodes[i].names);
		free(graph->nodes[i].value);
		free(graph->nodes[i].edges);
		free(graph->nodes[i].rest);
	}
	for (i = 0; i < graph->nr_types; i++)
		free(graph->types[i].name);
	free(graph->nodes);
	free(graph->types);
	tdestroy(graph->by_id, free);
	*graph = (struct graph){ };
}

const char *refslab_graph_type_name(const struct graph *graph, __u32 type)
{
	__u32 i;

	for (i = 0; i < graph->nr_types; i++)
		if (graph->types[i].number == type)
			return graph->types[i].name;
	return "?";
}

static bool add_type(struct graph *graph, __u32 handle)
{
	char name[REFSLAB_NAME_MAX + 1] = "";
	struct graph_type *more;
	__u32 i, type;
	size_t len;
	int err;

	err = refslab_op_typeof(graph->session, handle, name, sizeof(name) - 1, &type, &len);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_TYPEOF, err);
	for (i = 0; i < graph->nr_types; i++)
		if (graph->types[i].number == type)
			return true;
	more = reallocarray(graph->types, graph->nr_types + 1, sizeof(*more));
	if (!more)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	graph->types = more;
	more[graph->nr_types].number = type;
	more[graph->nr_types].name = strdup(name);
	if (!more[graph->nr_types].name)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	graph->nr_types++;
	return true;
}

/* The node of a record, made when it is new and there is room; false with err 0: no room. */
static bool add_node(struct graph *graph, const struct refslab_record *record, __u32 depth)
{
	struct graph_key *key = refslab_graph_key(graph, record->id);
	struct graph_node *more;
	__u32 room = graph->room ? 2 * graph->room : 64;

	if (!key)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	if (key->node != ~0u)
		return true;
	if (graph->nr_nodes == GRAPH_MAX_READ)
		return false;
	if (graph->nr_nodes == graph->room) {
		more = reallocarray(graph->nodes, room, sizeof(*more));
		if (!more)
			return refslab_graph_fail(graph, 0, -ENOMEM);
		graph->nodes = more;
		graph->room = room;
	}
	key->node = graph->nr_nodes++;
	graph->nodes[key->node] = (struct graph_node){
		.id = record->id,
		.type = record->type,
		.refcount = record->refcount,
		.generation = record->generation,
		.depth = depth,
	};
	return true;
}

/* Those of our handles; where nothing is counted, there is nothing to take off. */
static void take_off(struct refslab_record *record, __u32 ours)
{
	if (record->refcount != REFSLAB_REFCOUNT_IMMORTAL)
		record->refcount -= ours;
}

/* @ours: handles on it that nobody else knows of */
static int record_of(struct refslab_session *session, __u32 handle, __u32 ours,
		     struct refslab_record *record)
{
	unsigned int generation = 0;
	bool tracked = false;
	int err;

	*record = (struct refslab_record){ };
	err = refslab_op_id(session, handle, (__u64 *)&record->id);
	if (!err)
		err = refslab_op_typeof(session, handle, NULL, 0, &record->type, NULL);
	if (!err)
		err = refslab_op_refcount(session, handle, &record->refcount);
	if (!err)
		err = refslab_op_tracked(session, handle, &tracked, &generation);
	take_off(record, ours);
	record->generation = tracked ? generation : REFSLAB_GEN_ALL;
	return err;
}

bool refslab_graph_add_root(struct graph *graph, __u32 handle)
{
	struct refslab_record record;
	int err = record_of(graph->session, handle, 0, &record);

	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_ID, err);
	return add_node(graph, &record, 0) || !graph->err;
}

bool refslab_graph_add_all(struct graph *graph)
{
	struct refslab_record *records = calloc(AT_ONCE, sizeof(*records));
	__u64 cursor = 0;
	size_t count, i;
	bool ok = true;
	int err;

	if (!records)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	do {
		err = refslab_op_objects(graph->session, &cursor, REFSLAB_GEN_ALL, records,
					 AT_ONCE, &count);
		for (i = 0; ok && !err && i < count; i++)
			ok = add_node(graph, &records[i], 0);
	} while (ok && !err && cursor);
	free(records);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_OBJECTS, err);
	return !graph->err;
}

/* --- one object ------------------------------------------------------------------------------ */

bool refslab_graph_for_each(struct graph *graph, __u32 handle, __u64 id, bool back,
			    graph_record_fn fn, void *arg)
{
	struct refslab_record *records = calloc(AT_ONCE, sizeof(*records));
	unsigned int opcode = back ? REFSLAB_OP_REFERRERS : REFSLAB_OP_REFERENTS;
	__u64 cursor = 0, at = 0;
	size_t count, i;
	bool ok = true;
	int err;

	if (!records)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	do {
		if (back)
			err = refslab_op_referrers(graph->session, handle, &cursor, records,
						   AT_ONCE, &count);
		else
			err = refslab_op_referents(graph->session, handle, &cursor, records,
						   AT_ONCE, &count);
		for (i = 0; ok && !err && i < count; i++) {
			/* our handle is on the object itself */
			if (records[i].id == id)
				take_off(&records[i], 1);
			ok = fn(graph, &records[i], at++, arg);
		}
	} while (ok && !err && cursor);
	free(records);
	return err ? refslab_graph_fail(graph, opcode, err) : ok;
}

/* The number of the node whose edges are read, as nodes move when there are more. */
static bool add_neighbour(struct graph *graph, const struct refslab_record *record, __u64 at,
			  void *arg)
{
	__u32 from = *(__u32 *)arg;
	__u32 depth = graph->nodes[from].depth;

	(void)at;
	if (depth >= graph->depth)
		return true;
	return add_node(graph, record, depth + 1) || !graph->err;
}

static bool add_edge(struct graph *graph, struct graph_node *node, const struct graph_edge *edge)
{
	__u32 n = node->nr_edges;
	struct graph_edge *more = node->edges;

	if (!(n & (n - 1))) {
		more = reallocarray(node->edges, n ? 2 * n : 1, sizeof(*more));
		if (!more)
			return refslab_graph_fail(graph, 0, -ENOMEM);
	}
	node->edges = more;
	node->edges[node->nr_edges++] = *edge;
	graph->nodes[edge->to].nr_in++;
	graph->nodes[edge->to].nr_told += edge->told;
	return true;
}

/* An object that is not in the picture may be the first of its type. */
static bool learn_type(struct graph *graph, const struct refslab_record *record)
{
	__u32 handle;
	bool ok;
	int err;

	if (*refslab_graph_type_name(graph, record->type) != '?')
		return true;
	err = refslab_op_byid(graph->session, record->id, &handle);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_BYID, err);
	ok = !handle || add_type(graph, handle);
	if (handle)
		refslab_op_close(graph->session, handle);
	return ok;
}

static bool add_rest(struct graph *graph, struct graph_node *node, __u32 type)
{
	struct graph_rest *more;
	__u32 i;

	for (i = 0; i < node->nr_rest; i++) {
		if (node->rest[i].type == type) {
			node->rest[i].count++;
			return true;
		}
	}
	more = reallocarray(node->rest, node->nr_rest + 1, sizeof(*more));
	if (!more)
		return refslab_graph_fail(graph, 0, -ENOMEM);
	node->rest = more;
	node->rest[node->nr_rest++] = (struct graph_rest){ .type = type, .count = 1 };
	return true;
}

bool refslab_graph_link(struct graph *graph, __u32 from, const struct refslab_record *record,
			struct graph_edge *edge)
{
	struct graph_node *node = &graph->nodes[from];
	struct graph_node *target = refslab_graph_find(graph, record->id);
	char *label = edge->label;

	if (target) {
		edge->to = target - graph->nodes;
		if (add_edge(graph, node, edge))
			return true;
		free(label);
		return false;
	}
	free(label);
	return edge->told || (learn_type(graph, record) && add_rest(graph, node, record->type));
}

struct linking {
	__u32 from;
	bool ordered;		/* a record's position is its element's number */
};

static bool link_record(struct graph *graph, const struct refslab_record *record, __u64 at,
			void *arg)
{
	const struct linking *linking = arg;
	struct graph_edge edge = { .at = at, .has_at = linking->ordered };

	return refslab_graph_link(graph, linking->from, record, &edge);
}

/* Slots some of which are empty: ask each, so that its number is known. */
static bool number_slots(struct graph *graph, __u32 handle, struct graph_node *node, __u64 len)
{
	__u64 slot, id;
	__u32 target, i = 0;
	int err;

	for (slot = 0; slot < len && i < node->nr_edges; slot++) {
		err = refslab_op_slot(graph->session, handle, slot, &target);
		if (err == -ENODATA)
			continue;
		/* of a type without slots: edges without numbers */
		if (err == -EPROTOTYPE)
			return true;
		if (err)
			return refslab_graph_fail(graph, REFSLAB_OP_SLOT, err);
		err = refslab_op_id(graph->session, target, &id);
		refslab_op_close(graph->session, target);
		if (err)
			return refslab_graph_fail(graph, REFSLAB_OP_ID, err);
		/* edges are in order, but for those that lead out of the picture */
		if (graph->nodes[node->edges[i].to].id == id) {
			node->edges[i].at = slot;
			node->edges[i++].has_at = true;
		}
	}
	return true;
}

static bool read_weak(struct graph *graph, __u32 handle, __u32 from, bool deeper)
{
	struct graph_node *target, *node = &graph->nodes[from];
	struct graph_edge edge = { .weak = true };
	struct refslab_record record;
	__u32 referent;
	int err;

	err = refslab_op_deref(graph->session, handle, &referent);
	/* no weak reference, or one whose object is dead */
	if (err == -EPROTOTYPE || (!err && !referent))
		return true;
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_DEREF, err);
	err = record_of(graph->session, referent, 1, &record);
	if (!err && deeper && node->depth < graph->depth && !add_type(graph, referent))
		err = graph->err;
	refslab_op_close(graph->session, referent);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_ID, err);
	if (deeper) {
		if (node->depth < graph->depth)
			add_node(graph, &record, node->depth + 1);
		return !graph->err;
	}
	target = refslab_graph_find(graph, record.id);
	if (!target)
		return true;
	edge.to = target - graph->nodes;
	return add_edge(graph, node, &edge);
}

/* Its neighbours become nodes. What died meanwhile stays as it is. */
static bool read_neighbours(struct graph *graph, __u32 from)
{
	__u64 id = graph->nodes[from].id;
	__u32 handle;
	bool ok;
	int err;

	err = refslab_op_byid(graph->session, id, &handle);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_BYID, err);
	if (!handle)
		return true;
	ok = add_type(graph, handle) &&
	     refslab_graph_for_each(graph, handle, id, graph->back, add_neighbour, &from) &&
	     (graph->back || read_weak(graph, handle, from, true));
	refslab_op_close(graph->session, handle);
	return ok;
}

/* The edges between nodes, once all of them are there, and what it is worth saying of it. */
static bool read_edges(struct graph *graph, __u32 from)
{
	struct graph_node *node = &graph->nodes[from];
	const char *type = refslab_graph_type_name(graph, node->type);
	struct linking linking = {
		.from = from,
		.ordered = !strcmp(type, "list") || !strcmp(type, "tuple"),
	};
	__u64 len = 0, records;
	__u32 handle, i;
	bool ok;
	int err;

	err = refslab_op_byid(graph->session, node->id, &handle);
	if (err)
		return refslab_graph_fail(graph, REFSLAB_OP_BYID, err);
	if (!handle)
		return true;
	ok = refslab_graph_read_entries(graph, handle, from) ||
	     (!graph->err && refslab_graph_for_each(graph, handle, node->id, false, link_record,
						    &linking));
	node->read = ok;
	for (i = 0, records = node->nr_edges; i < node->nr_rest; i++)
		records += node->rest[i].count;
	if (ok && records && !linking.ordered && !node->labelled &&
	    !refslab_op_len(graph->session, handle, &len) && len && len <= MAX_SLOTS)
		ok = number_slots(graph, handle, node, len);
	if (ok && !records)
		ok = refslab_graph_value(graph, handle, &node->value) &&
		     read_weak(graph, handle, from, false);
	refslab_op_close(graph->session, handle);
	return ok;
}

bool refslab_graph_read(struct graph *graph, const struct names *names)
{
	__u32 i;

	/* Those that are met on the way are at the end. */
	for (i = 0; i < graph->nr_nodes; i++)
		if (!read_neighbours(graph, i))
			return false;
	for (i = 0; i < graph->nr_nodes; i++)
		if (!read_edges(graph, i))
			return false;
	return refslab_graph_read_names(graph, names);
}
