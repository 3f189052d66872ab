/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of a heap and who refers to whom, for a picture: read (graph.c), folded to what is
 * worth a box (graph_fold.c), written (graph_dot.c).
 */
#ifndef _REFSLAB_GRAPH_H
#define _REFSLAB_GRAPH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

#include "librefslab.h"
#include "names.h"

/* Objects read for one picture, at most; what they refer to beyond that is only counted. */
#define GRAPH_MAX_READ		20000
/* Objects looked at, at most, to find out what names reach. */
#define GRAPH_MAX_REACH		200000

#define GRAPH_MAX_NODES		100	/* boxes, unless asked for others */
/* With more boxes than this they are small, and placed by springs instead of in rows. */
#define GRAPH_MANY		40

struct graph_edge {
	__u32 to;		/* number of a node */
	__u64 at;		/* the slot's or the element's number */
	bool has_at;
	bool weak;		/* does not count */
	char *label;		/* in place of a number, NULL: none */
	bool told;		/* leads to a key, which is the label of another edge */
};

/* Objects of a type that are not in the picture. */
struct graph_rest {
	__u32 type;
	__u64 count;
};

struct graph_node {
	__u64 id;
	__u32 type;
	__u32 refcount;
	__u32 generation;	/* REFSLAB_GEN_ALL: not tracked */
	__u32 depth;
	char *names;		/* those that stand for it: "a, b"; NULL: none */
	char *value;		/* of an int, float, str or bytes, NULL: none */
	struct graph_edge *edges;
	__u32 nr_edges;
	struct graph_rest *rest;	/* referents that were not read */
	__u32 nr_rest;
	__u32 nr_in;		/* edges that come here */
	__u32 nr_told;		/* of those: as to what is a label elsewhere */
	bool labelled;		/* its edges have labels, of a dict or an instance */
	bool read;		/* its edges are known */
	bool unreached;		/* no name reaches it */
	/* graph_fold.c */
	bool in_label;		/* in place of a box */
	bool shown;		/* that label is in the picture */
	__u32 nr_labels;	/* edges behind the others, to what is in labels of those */
	bool hidden;		/* not in the picture, nor part of a box */
	__u32 box;		/* the node whose box it is part of, usually itself */
	__u32 boxed;		/* nodes in this one's box */
	bool chain;		/* they are a chain, not leaves */
};

struct graph_type {
	__u32 number;
	char *name;
};

struct graph {
	struct refslab_session *session;
	bool back;		/* who refers to the roots, not what they refer to */
	__u32 depth;		/* steps from a root; ~0: no limit */
	__u32 max_nodes;	/* boxes */
	struct graph_node *nodes;	/* in the order they were met: roots, their neighbours... */
	__u32 nr_nodes;
	__u32 room;
	struct graph_type *types;
	__u32 nr_types;
	void *by_id;		/* tree of struct graph_key */
	bool reach_known;	/* graph_node.unreached is */
	int err;		/* what stopped the reading */
	unsigned int opcode;	/* of which operation */
};

/* What is known of an id. */
struct graph_key {
	__u64 id;
	__u32 node;		/* ~0: not in the picture */
	bool reached;		/* by a name */
};

void refslab_graph_start(struct graph *graph, struct refslab_session *session);
void refslab_graph_free(struct graph *graph);

/* The object of @handle is where the picture begins. False: see graph->err. */
bool refslab_graph_add_root(struct graph *graph, __u32 handle);

/* Every object of the heap is in the picture that there is room for. */
bool refslab_graph_add_all(struct graph *graph);

/* Reads on from the roots, and what stands for what is read. @names: of the script */
bool refslab_graph_read(struct graph *graph, const struct names *names);

const char *refslab_graph_type_name(const struct graph *graph, __u32 type);

/* Decides what is a box. */
void refslab_graph_fold(struct graph *graph);

/* Between graph.c and graph_names.c. */
typedef bool (*graph_record_fn)(struct graph *graph, const struct refslab_record *record, __u64 at,
				void *arg);

/* Keeps what went wrong; returns false. */
bool refslab_graph_fail(struct graph *graph, unsigned int opcode, int err);
/* The key of an id, made when it is new; NULL: no memory. */
struct graph_key *refslab_graph_key(struct graph *graph, __u64 id);
/* NULL: not in the picture. */
struct graph_node *refslab_graph_find(const struct graph *graph, __u64 id);
/*
 * Calls @fn for all that an object refers to, or with @back all that refer to it. @handle: on it,
 * and not counted
 */
bool refslab_graph_for_each(struct graph *graph, __u32 handle, __u64 id, bool back,
			    graph_record_fn fn, void *arg);
/*
 * Adds an edge to the object of a record, or to what is not in the picture. The label is the
 * graph's from now on
 */
bool refslab_graph_link(struct graph *graph, __u32 from, const struct refslab_record *record,
			struct graph_edge *edge);
/*
 * The edges of a dict or an instance, with labels. False with graph->err 0: it is none, or not to
 * be read as one, and has no edges yet
 */
bool refslab_graph_read_entries(struct graph *graph, __u32 handle, __u32 from);
/* The value of an int, float, str or bytes as a text to be freed; NULL when it has none. */
bool refslab_graph_value(struct graph *graph, __u32 handle, char **value);
/* The same of an int, a float or a short str, for a label. */
bool refslab_graph_key_value(struct graph *graph, __u32 handle, char **value);
/* The name of an attribute, likewise. */
bool refslab_graph_attribute(struct graph *graph, __u32 handle, char **name);
/* The names on the nodes, and which nodes no name reaches. */
bool refslab_graph_read_names(struct graph *graph, const struct names *names);

/* What a picture has. */
struct graph_sum {
	__u32 boxes;		/* and in them */
	__u64 objects;
	__u64 references;
	__u64 left_out;		/* objects met that are not in it; not all of them are met */
};

void refslab_graph_write(const struct graph *graph, FILE *to, struct graph_sum *sum);

/* Does the file's name end in something that can be drawn? */
bool refslab_graph_path_ok(const char *path);

/*
 * Reads, folds and writes a picture of the objects of @roots into @path, as Graphviz' text when it
 * ends in .dot or .gv or is "-", otherwise by running Graphviz. False with a message in @error.
 */
bool refslab_graph_draw(struct graph *graph, const struct names *names, const char *path,
			struct graph_sum *sum, char *error, size_t len);

#endif /* _REFSLAB_GRAPH_H */
