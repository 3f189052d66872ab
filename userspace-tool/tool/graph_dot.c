// SPDX-License-Identifier: GPL-2.0
/*
 * A graph in Graphviz' language. Labels are its HTML-like ones, so that only & < > " need quoting;
 * nodes are called n and a number, and nothing that comes from a heap is outside of such a label.
 */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "tool.h"

/* References out of the picture that are a line in the label, and no box of their own. */
#define REST_MIN	4
#define LABELS_MAX	4	/* numbers or keys on one arrow */
#define FAN_MIN		30	/* arrows of a box, for them to be pale */

static const struct {
	const char *name;
	const char *colour;
} known[] = {
	{ "list", "#cfe2f3" },
	{ "tuple", "#d9d2e9" },
	{ "dict", "#ffe8b8" },
	{ "set", "#fbdcc4" },
	{ "instance", "#f3cfdf" },
	{ "int", "#e3f1da" },
	{ "float", "#d3ecd9" },
	{ "str", "#f6f3cf" },
	{ "bytes", "#ebe4c6" },
	{ "weakref", "#ececec" },
};

/* For types of programs, in the order they are met. */
static const char *const palette[] = {
	"#b7dba6", "#f7c799", "#a5cdd3", "#dcaac2", "#f5df86", "#b9addb", "#eda49b", "#a3c3ea",
};

static bool is_known(const char *name, const char **colour)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name))
			continue;
		*colour = known[i].colour;
		return true;
	}
	return false;
}

static const char *colour_of(const struct graph *graph, __u32 type)
{
	const char *colour = "#ffffff";
	__u32 i, n = 0;

	for (i = 0; i < graph->nr_types; i++) {
		if (is_known(graph->types[i].name, &colour)) {
			if (graph->types[i].number == type)
				return colour;
			continue;
		}
		if (graph->types[i].number == type)
			return palette[n % ARRAY_SIZE(palette)];
		n++;
	}
	return "#ffffff";
}

/* 1,234,567 */
static void put_number(FILE *to, __u64 n)
{
	if (n >= 1000) {
		put_number(to, n / 1000);
		fprintf(to, ",%03llu", n % 1000);
	} else {
		fprintf(to, "%llu", n);
	}
}

/* References of a box that lead to what is not drawn, by type. */
struct rest {
	struct graph_rest *of;
	__u32 nr;
	__u64 total;
};

static void add_rest(struct rest *rest, const struct graph *graph, __u32 type, __u64 count)
{
	__u32 i;

	for (i = 0; i < rest->nr && rest->of[i].type != type; i++)
		;
	/* a row for each type there is */
	if (i == rest->nr) {
		if (!rest->of)
			rest->of = calloc(graph->nr_types + 8, sizeof(*rest->of));
		if (!rest->of || rest->nr == graph->nr_types + 8)
			return;
		rest->of[rest->nr++] = (struct graph_rest){ .type = type };
	}
	rest->of[i].count += count;
	rest->total += count;
}

static void rest_of(const struct graph *graph, __u32 box, struct rest *rest)
{
	const struct graph_node *node = &graph->nodes[box];
	__u32 i;

	*rest = (struct rest){ };
	/* Looking back, where else they lead to is another question. */
	if (graph->back || node->boxed > 1)
		return;
	for (i = 0; i < node->nr_edges; i++) {
		const struct graph_node *target = &graph->nodes[node->edges[i].to];

		if (target->hidden)
			add_rest(rest, graph, target->type, 1);
	}
	for (i = 0; i < node->nr_rest; i++)
		add_rest(rest, graph, node->rest[i].type, node->rest[i].count);
}

static void put_generation(FILE *to, const struct graph_node *node)
{
	if (node->generation == REFSLAB_GEN_FROZEN)
		fputs(", frozen", to);
	else if (node->generation != REFSLAB_GEN_ALL)
		fprintf(to, ", gen %u", node->generation);
}

/* Of a group: some of the values in it. */
static void put_values(const struct graph *graph, FILE *to, __u32 box)
{
	size_t room = 28, n = 0;
	__u32 i;

	for (i = box; i < graph->nr_nodes; i++) {
		const char *value = graph->nodes[i].value;

		if (graph->nodes[i].box != box || !value)
			continue;
		if (n && n + strlen(value) > room) {
			fputs(", …", to);
			break;
		}
		fputs(n ? ", " : "<BR/>", to);
		refslab_tool_markup(to, value);
		n += strlen(value) + 2;
	}
}

static void put_label(const struct graph *graph, FILE *to, __u32 box, const struct rest *rest,
		      bool small)
{
	const struct graph_node *node = &graph->nodes[box];
	const char *type = refslab_graph_type_name(graph, node->type);

	putc('<', to);
	if (node->boxed > 1) {
		put_number(to, node->boxed);
		putc(' ', to);
		refslab_tool_markup(to, type);
		if (node->chain)
			fputs(small ? "…" : "<BR/>one after the other", to);
		else if (!small)
			put_values(graph, to, box);
		putc('>', to);
		return;
	}
	if (node->names) {
		fputs("<B>", to);
		refslab_tool_markup(to, node->names);
		fputs(small ? "</B>" : "</B><BR/>", to);
	}
	if (small && !node->names) {
		if (node->value)
			refslab_tool_markup(to, node->value);
		else
			fprintf(to, "#%llu", node->id);
	}
	if (small && rest->total && rest->total < REST_MIN)
		fprintf(to, "<FONT COLOR=\"#606060\"> +%llu</FONT>", rest->total);
	if (!small) {
		refslab_tool_markup(to, type);
		if (node->value) {
			putc(' ', to);
			refslab_tool_markup(to, node->value);
		}
		fputs("<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#606060\">", to);
		if (node->refcount == REFSLAB_REFCOUNT_IMMORTAL)
			fputs("constant", to);
		else
			fprintf(to, "#%llu, %u ref%s", node->id, node->refcount,
				node->refcount == 1 ? "" : "s");
		put_generation(to, node);
		if (rest->total && rest->total < REST_MIN)
			fprintf(to, "<BR/>+%llu not drawn", rest->total);
		fputs("</FONT>", to);
	}
	putc('>', to);
}

static void put_node(const struct graph *graph, FILE *to, __u32 box, bool small)
{
	const struct graph_node *node = &graph->nodes[box];
	struct rest rest;
	__u32 i;

	rest_of(graph, box, &rest);
	fprintf(to, "\tn%u [label=", box);
	put_label(graph, to, box, &rest, small);
	fprintf(to, " fillcolor=\"%s\"", colour_of(graph, node->type));
	if (node->boxed > 1)
		fputs(" style=\"filled\" peripheries=2", to);
	else if (node->names)
		fputs(" penwidth=2", to);
	if (graph->reach_known && node->unreached)
		fputs(" color=\"#c00000\" style=\"filled,rounded,dashed\"", to);
	fputs("]\n", to);

	if (rest.total >= REST_MIN) {
		fprintf(to, "\tm%u [shape=plaintext style=\"\" label=<", box);
		for (i = 0; i < rest.nr; i++) {
			fputs(i ? "<BR/>… " : "… ", to);
			put_number(to, rest.of[i].count);
			fputs(" more ", to);
			refslab_tool_markup(to, refslab_graph_type_name(graph, rest.of[i].type));
		}
		fprintf(to, ">]\n\tn%u -> m%u [style=dashed color=\"#909090\" arrowhead=none]\n",
			box, box);
	}
	free(rest.of);
}

static int compare_edges(const void *a, const void *b)
{
	const struct graph_edge *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->weak != y->weak)
		return x->weak ? 1 : -1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* The edges of a box, by where they lead: those to the same one are one arrow. */
static __u32 edges_of(const struct graph *graph, __u32 box, struct graph_edge **edges)
{
	__u32 i, j, n = 0, room = 0;

	*edges = NULL;
	/* of a group the first is its box, of a chain any */
	for (i = graph->nodes[box].chain ? 0 : box; i < graph->nr_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];

		if (node->box != box)
			continue;
		for (j = 0; j < node->nr_edges; j++) {
			struct graph_edge edge = node->edges[j];

			edge.to = graph->nodes[edge.to].box;
			if (graph->nodes[edge.to].hidden || (edge.to == box && node->boxed > 1) ||
			    (edge.to == box && node->box != i))
				continue;
			if (n == room) {
				struct graph_edge *more;

				room = room ? 2 * room : 16;
				more = reallocarray(*edges, room, sizeof(*more));
				if (!more)
					return n;
				*edges = more;
			}
			(*edges)[n++] = edge;
		}
		if (graph->nodes[box].boxed == 1)
			break;
	}
	if (n)
		qsort(*edges, n, sizeof(**edges), compare_edges);
	return n;
}

/* One line each, as there may be much in one. */
static void put_keys(FILE *to, const struct graph_edge *edges, __u32 n)
{
	__u32 i;

	fputs(n > LABELS_MAX ? "penwidth=1.5 label=<" : "label=<", to);
	for (i = 0; i < n && i < LABELS_MAX; i++) {
		fputs(i ? ",<BR/>" : "", to);
		refslab_tool_markup(to, edges[i].label);
	}
	if (n > LABELS_MAX)
		fprintf(to, ",<BR/>… %u more", n - LABELS_MAX);
	putc('>', to);
}

static void put_arrow(const struct graph *graph, FILE *to, __u32 box,
		      const struct graph_edge *edges, __u32 n, bool small)
{
	bool shared = graph->nodes[box].boxed > 1;
	__u32 i;

	fprintf(to, "\tn%u -> n%u [", box, edges->to);
	if (edges->weak)
		fputs("style=dotted arrowhead=empty label=\"weak\"", to);
	else if (n > LABELS_MAX && (small || shared || !(edges->has_at || edges->label)))
		fprintf(to, "penwidth=1.5 label=\"× %u\"", n);
	else if (n > LABELS_MAX && !edges->label)
		fprintf(to, "penwidth=1.5 label=\"%llu … %llu\"", edges[0].at, edges[n - 1].at);
	else if (edges->label && !small && !shared)
		put_keys(to, edges, n);
	for (i = 0; i < n && n <= LABELS_MAX && edges->has_at && !small && !shared &&
	     !edges->weak; i++)
		fprintf(to, "%s%llu%s", i ? ", " : "label=\"", edges[i].at, i + 1 < n ? "" : "\"");
	/* what fans out widely must not hide the rest */
	if (small && graph->nodes[box].nr_edges > FAN_MIN)
		fputs(" color=\"#40404028\"", to);
	fputs("]\n", to);
}

static void put_arrows(const struct graph *graph, FILE *to, __u32 box, bool small)
{
	struct graph_edge *edges;
	__u32 i, first, n = edges_of(graph, box, &edges);

	for (i = 0, first = 0; i < n; i++) {
		if (i + 1 < n && edges[i + 1].to == edges[first].to &&
		    edges[i + 1].weak == edges[first].weak)
			continue;
		put_arrow(graph, to, box, &edges[first], i + 1 - first, small);
		first = i + 1;
	}
	free(edges);
}

static void put_legend(const struct graph *graph, FILE *to, const struct graph_sum *sum)
{
	bool unreached = false, groups = false, more = false;
	struct rest rest;
	__u32 i, j;

	fputs("\tlabel=<<TABLE BORDER=\"0\" CELLSPACING=\"4\" CELLPADDING=\"3\"><TR>\n", to);
	for (i = 0; i < graph->nr_types; i++) {
		__u64 n = 0;

		for (j = 0; j < graph->nr_nodes; j++)
			n += !graph->nodes[j].hidden &&
			     graph->nodes[j].type == graph->types[i].number;
		if (!n)
			continue;
		fprintf(to, "\t\t<TD BORDER=\"1\" BGCOLOR=\"%s\">",
			colour_of(graph, graph->types[i].number));
		put_number(to, n);
		putc(' ', to);
		refslab_tool_markup(to, graph->types[i].name);
		fputs("</TD>\n", to);
	}
	for (i = 0; i < graph->nr_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];

		unreached |= graph->reach_known && node->unreached && !node->hidden;
		groups |= node->boxed > 1 && !node->hidden;
		if (node->hidden || node->box != i)
			continue;
		rest_of(graph, i, &rest);
		more |= rest.total && rest.total < REST_MIN;
		free(rest.of);
	}
	if (groups)
		fputs("\t\t<TD>double frame: several objects</TD>\n", to);
	if (unreached)
		fprintf(to, "\t\t<TD><FONT COLOR=\"#c00000\">%s</FONT></TD>\n",
			"red, dashed: no name reaches it");
	if (more)
		fprintf(to, "\t\t<TD>+N%s: references to what is not in the picture</TD>\n",
			sum->boxes > GRAPH_MANY ? "" : " not drawn");
	if (!graph->reach_known)
		fputs("\t\t<TD>too many objects to tell what names reach</TD>\n", to);
	if (sum->left_out) {
		fputs("\t\t<TD>", to);
		put_number(to, sum->left_out);
		fprintf(to, " more object%s not drawn</TD>\n",
			sum->left_out == 1 ? " is" : "s are");
	}
	/* a row must have a cell */
	if (!sum->objects)
		fputs("\t\t<TD>no object</TD>\n", to);
	fputs("\t</TR></TABLE>>\n", to);
}

static void count(const struct graph *graph, struct graph_sum *sum)
{
	__u32 i, j;

	*sum = (struct graph_sum){ };
	for (i = 0; i < graph->nr_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];

		sum->left_out += node->hidden && !node->shown;
		sum->objects += !node->hidden || node->shown;
		sum->references += node->hidden ? 0 : node->nr_labels;
		sum->boxes += !node->hidden && node->box == i;
		for (j = 0; !node->hidden && j < node->nr_edges; j++)
			sum->references += !node->edges[j].weak &&
					   !graph->nodes[node->edges[j].to].hidden;
		/* those that were not even read are referred to, maybe by several */
		for (j = 0; !graph->back && graph->nr_nodes == GRAPH_MAX_READ &&
		     j < node->nr_rest; j++)
			sum->left_out += node->rest[j].count;
	}
}

static void put_boxes(const struct graph *graph, FILE *to, bool unreached, bool small)
{
	bool apart = false;
	__u32 i;

	for (i = 0; i < graph->nr_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];

		if (node->hidden || node->box != i ||
		    (graph->reach_known && node->unreached) != unreached)
			continue;
		if (unreached && !small && !apart)
			fputs("\tsubgraph cluster_unreached {\n"
			      "\tlabel=\"no name reaches these\" style=\"dashed,rounded\"\n"
			      "\tlabelloc=t labeljust=l\n"
			      "\tcolor=\"#c00000\" fontcolor=\"#c00000\"\n", to);
		apart = unreached && !small;
		put_node(graph, to, i, small);
	}
	if (apart)
		fputs("\t}\n", to);
}

void refslab_graph_write(const struct graph *graph, FILE *to, struct graph_sum *sum)
{
	bool small;
	__u32 i;

	count(graph, sum);
	small = sum->boxes > GRAPH_MANY;
	fputs("digraph refslab {\n"
	      "\tgraph [fontname=\"Helvetica\" fontsize=10 labelloc=b labeljust=l\n"
	      "\t\toutputorder=edgesfirst ", to);
	if (small)
		fputs("layout=sfdp overlap=prism overlap_scaling=-3 splines=line K=0.8]\n", to);
	else
		fputs("rankdir=LR ranksep=0.6 nodesep=0.25]\n", to);
	fprintf(to, "\tnode [fontname=\"Helvetica\" fontsize=%u shape=box color=\"#505050\"\n",
		small ? 9 : 11);
	fprintf(to, "\t\tstyle=\"filled,rounded\" margin=\"%s\" height=0.2 width=0.2]\n",
		small ? "0.04,0.02" : "0.12,0.06");
	fprintf(to, "\tedge [fontname=\"Helvetica\" fontsize=9 color=\"%s\" arrowsize=%s]\n",
		small ? "#40404070" : "#404040", small ? "0.4" : "0.7");
	put_legend(graph, to, sum);
	put_boxes(graph, to, false, small);
	put_boxes(graph, to, true, small);
	for (i = 0; i < graph->nr_nodes; i++)
		if (!graph->nodes[i].hidden && graph->nodes[i].box == i)
			put_arrows(graph, to, i, small);
	fputs("}\n", to);
}
