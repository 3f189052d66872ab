// SPDX-License-Identifier: GPL-2.0
/*
 * What of a graph is worth a box of its own. Objects of a type that hang alone on the same other
 * one share a box, and so does the middle of a long chain; what has a name has a box. Then as many
 * boxes as there may be stay, those nearest to where the picture begins. Keys that are labels have
 * no box, unless there is another reason for one.
 */
#include <stdlib.h>

#include "graph.h"

#define GROUP_MIN	4	/* objects that share a box, at least */
#define LABELLED_MIN	10	/* likewise, when the arrows to them have labels */
#define CHAIN_MIN	9	/* links of a chain whose middle is one box */
#define CHAIN_ENDS	2	/* of which so many stay at either end */

/* An object that hangs on one other only. */
struct hanging {
	__u32 on;
	__u32 type;
	__u32 node;
};

static int compare_hanging(const void *a, const void *b)
{
	const struct hanging *x = a, *y = b;

	if (x->on != y->on)
		return x->on < y->on ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* By one reference to it and none of its own; or, looking back, by its own and none to it. */
static bool hangs(const struct graph *graph, const struct graph_node *node, const __u32 *parent,
		  __u32 *on)
{
	__u32 i;

	if (node->names || node->nr_rest || !node->read || node->in_label)
		return false;
	if (!graph->back) {
		*on = parent[node - graph->nodes];
		return node->nr_in == 1 && !node->nr_edges;
	}
	for (i = 1; i < node->nr_edges; i++)
		if (node->edges[i].to != node->edges[0].to)
			return false;
	if (node->nr_in || !node->nr_edges)
		return false;
	*on = node->edges[0].to;
	return true;
}

static void share(struct graph *graph, const struct hanging *hanging, __u32 n)
{
	__u32 i;

	if (n < (graph->nodes[hanging->on].labelled && !graph->back ? LABELLED_MIN : GROUP_MIN))
		return;
	for (i = 1; i < n; i++)
		graph->nodes[hanging[i].node].box = hanging[0].node;
	graph->nodes[hanging[0].node].boxed = n;
}

static void fold_leaves(struct graph *graph, const __u32 *parent)
{
	struct hanging *hanging = calloc(graph->nr_nodes + 1, sizeof(*hanging));
	__u32 i, first, n = 0;

	/* without memory nothing is folded */
	for (i = 0; hanging && i < graph->nr_nodes; i++) {
		hanging[n].node = i;
		hanging[n].type = graph->nodes[i].type;
		n += hangs(graph, &graph->nodes[i], parent, &hanging[n].on);
	}
	if (n)
		qsort(hanging, n, sizeof(*hanging), compare_hanging);
	for (i = 0, first = 0; i < n; i++) {
		if (i + 1 < n && hanging[i + 1].on == hanging[first].on &&
		    hanging[i + 1].type == hanging[first].type)
			continue;
		share(graph, &hanging[first], i + 1 - first);
		first = i + 1;
	}
	free(hanging);
}

/* One in, one out, to another of the type, nothing else to say of it. */
static bool is_link(const struct graph *graph, __u32 i)
{
	const struct graph_node *node = &graph->nodes[i];
	__u32 to;

	if (node->names || node->nr_rest || node->nr_in != 1 || node->nr_edges != 1 ||
	    node->edges[0].weak || node->boxed != 1 || node->box != i)
		return false;
	to = node->edges[0].to;
	return to != i && graph->nodes[to].type == node->type;
}

/* @i: the first link */
static void fold_chain(struct graph *graph, __u32 i)
{
	__u32 n = 0, at, first = i, middle = 0;

	for (at = i; is_link(graph, at) && (at != first || !n); n++)
		at = graph->nodes[at].edges[0].to;
	if (n < CHAIN_MIN)
		return;
	for (at = i, i = 0; i < n; i++) {
		if (i == CHAIN_ENDS) {
			middle = at;
			graph->nodes[at].boxed = n - 2 * CHAIN_ENDS;
			graph->nodes[at].chain = true;
		} else if (i > CHAIN_ENDS && i < n - CHAIN_ENDS) {
			graph->nodes[at].box = middle;
		}
		at = graph->nodes[at].edges[0].to;
	}
}

static void fold_chains(struct graph *graph, const __u32 *parent)
{
	bool *seen = calloc(graph->nr_nodes + 1, sizeof(*seen)), ring;
	__u32 i, at;

	/* chains have a beginning; what is left then are rings, and any link will do */
	for (ring = false; seen; ring = true) {
		for (i = 0; i < graph->nr_nodes; i++) {
			if (seen[i] || !is_link(graph, i) ||
			    (!ring && is_link(graph, parent[i])))
				continue;
			for (at = i; is_link(graph, at) && !seen[at];) {
				seen[at] = true;
				at = graph->nodes[at].edges[0].to;
			}
			fold_chain(graph, i);
		}
		if (ring)
			break;
	}
	free(seen);
}

static void take_labels(struct graph *graph)
{
	__u32 i, j;

	for (i = 0; i < graph->nr_nodes; i++) {
		struct graph_node *node = &graph->nodes[i];

		node->in_label = node->nr_told && node->nr_told == node->nr_in && !node->names;
	}
	for (i = 0; i < graph->nr_nodes; i++) {
		struct graph_node *node = &graph->nodes[i];

		for (j = 0; j < node->nr_edges;) {
			struct graph_edge edge = node->edges[j];

			if (!edge.told || !graph->nodes[edge.to].in_label) {
				j++;
				continue;
			}
			node->edges[j] = node->edges[--node->nr_edges];
			node->edges[node->nr_edges] = edge;
			node->nr_labels++;
		}
	}
}

/* What is in the label of a box that is drawn is in the picture. */
static void show_labels(struct graph *graph)
{
	__u32 i, j;

	for (i = 0; i < graph->nr_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];

		for (j = 0; !node->hidden && j < node->nr_labels; j++)
			graph->nodes[node->edges[node->nr_edges + j].to].shown = true;
	}
}

void refslab_graph_fold(struct graph *graph)
{
	__u32 *parent = calloc(graph->nr_nodes + 1, sizeof(*parent));
	__u32 i, j, boxes = 0;

	take_labels(graph);
	for (i = 0; i < graph->nr_nodes; i++) {
		graph->nodes[i].box = i;
		graph->nodes[i].boxed = 1;
		for (j = 0; parent && j < graph->nodes[i].nr_edges; j++)
			parent[graph->nodes[i].edges[j].to] = i;
	}
	if (parent) {
		fold_leaves(graph, parent);
		fold_chains(graph, parent);
	}
	free(parent);
	/* The box of a group is the first of it that was met. */
	for (i = 0; i < graph->nr_nodes; i++) {
		struct graph_node *node = &graph->nodes[i];

		if (node->in_label)
			node->hidden = true;
		else
			node->hidden = node->box == i ? boxes++ >= graph->max_nodes :
						graph->nodes[node->box].hidden;
	}
	/* A chain may be met from behind. */
	for (i = 0; i < graph->nr_nodes; i++)
		graph->nodes[i].hidden = graph->nodes[graph->nodes[i].box].hidden;
	show_labels(graph);
}
