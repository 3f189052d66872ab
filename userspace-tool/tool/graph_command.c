// SPDX-License-Identifier: GPL-2.0
/* Pictures of objects: the statement graph of a script, and refslab graph. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "graph.h"
#include "job.h"
#include "run.h"
#include "words.h"

static struct json_object *json_of(const char *path, const struct graph_sum *sum)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "graph", json_object_new_string(path));
	json_object_object_add(o, "objects", json_object_new_uint64(sum->objects));
	json_object_object_add(o, "references", json_object_new_uint64(sum->references));
	json_object_object_add(o, "boxes", json_object_new_int64(sum->boxes));
	json_object_object_add(o, "left_out", json_object_new_uint64(sum->left_out));
	return o;
}

/* --- graph X FILE [back] [depth=N] ------------------------------------------------------------ */

static void read_options(const struct parser_line *line, struct graph *graph)
{
	unsigned int i;

	for (i = 2; i < line->nr_args; i++) {
		if (line->args[i].option->value == WORDS_BACK)
			graph->back = true;
		else
			graph->depth = line->args[i].number;
	}
}

static bool do_graph(struct job *job)
{
	const char *path = job->line->args[1].text;
	struct graph_sum sum;
	struct graph graph;
	char error[160];
	bool ok;

	if (job->script->json && !strcmp(path, "-"))
		return refslab_job_fail(job, "with --json the picture goes to a file");
	refslab_graph_start(&graph, job->session);
	read_options(job->line, &graph);
	ok = refslab_graph_add_root(&graph, job->arg[0]) ||
	     refslab_job_check(job, graph.opcode, graph.err);
	if (ok && !refslab_graph_draw(&graph, job->script->names, path, &sum, error,
				      sizeof(error)))
		ok = refslab_job_fail(job, "%s", error);
	refslab_graph_free(&graph);
	/* who writes to the standard output wants nothing else there */
	if (!ok || !strcmp(path, "-"))
		return ok;
	job->result = json_of(path, &sum);
	return job->result ? true : refslab_job_no_memory(job);
}

const struct job_statement refslab_graph_statements[] = {
	{ "graph", do_graph },
	{ }
};

/* --- refslab graph --------------------------------------------------------------------------- */

struct picture {
	const char *path;
	char **roots;
	unsigned int nr_roots;
	bool back;
	bool all;
	bool json;
	__u64 depth;
	__u64 max_nodes;
};

struct rooting {
	struct graph *graph;
	bool ok;
};

static void add_name(const char *name, __u32 handle, void *arg)
{
	struct rooting *rooting = arg;

	(void)name;
	rooting->ok = rooting->ok && refslab_graph_add_root(rooting->graph, handle);
}

static bool add_roots(const struct picture *picture, const struct script *script,
		      struct graph *graph, char *error, size_t len)
{
	struct rooting rooting = { .graph = graph, .ok = true };
	unsigned int i;

	for (i = 0; rooting.ok && i < picture->nr_roots; i++) {
		__u32 handle = refslab_names_get(script->names, picture->roots[i]);

		if (!handle) {
			snprintf(error, len, "--root: there is no object '%.40s'",
				 picture->roots[i]);
			return false;
		}
		add_name(NULL, handle, &rooting);
	}
	if (!picture->nr_roots)
		refslab_names_for_each(script->names, add_name, &rooting);
	if (rooting.ok && picture->all)
		rooting.ok = refslab_graph_add_all(graph);
	if (!rooting.ok)
		snprintf(error, len, "%s", refslab_strerror(graph->opcode, graph->err));
	return rooting.ok;
}

/* At the end of the script, while its names are there. */
static bool draw(struct script *script, void *arg)
{
	const struct picture *picture = arg;
	struct graph_sum sum;
	struct graph graph;
	char error[160];
	bool ok;

	refslab_graph_start(&graph, script->session);
	graph.back = picture->back;
	graph.depth = picture->depth;
	graph.max_nodes = picture->max_nodes;
	ok = add_roots(picture, script, &graph, error, sizeof(error)) &&
	     refslab_graph_draw(&graph, script->names, picture->path, &sum, error, sizeof(error));
	refslab_graph_free(&graph);
	if (!ok)
		refslab_tool_error("%s", error);
	else if (picture->json)
		refslab_tool_json(json_of(picture->path, &sum));
	return ok;
}

enum { OPTION_ALL = 256, OPTION_BACK, OPTION_DEPTH, OPTION_MAX_NODES, OPTION_ROOT };

/* An exit status, or -1 to go on. */
static int read_command_line(int argc, char **argv, struct picture *picture, char **lines,
			     unsigned int *nr_lines)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ "back", no_argument, NULL, OPTION_BACK },
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "depth", required_argument, NULL, OPTION_DEPTH },
		{ "max-nodes", required_argument, NULL, OPTION_MAX_NODES },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_graph_command;
	int c;

	while ((c = getopt_long(argc, argv, "e:o:jh", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			lines[(*nr_lines)++] = optarg;
			break;
		case 'o':
			picture->path = optarg;
			break;
		case OPTION_ROOT:
			picture->roots[picture->nr_roots++] = optarg;
			break;
		case OPTION_BACK:
			picture->back = true;
			break;
		case OPTION_ALL:
			picture->all = true;
			break;
		case OPTION_DEPTH:
			if (!refslab_tool_number(cmd, "--depth", optarg, ~0u, &picture->depth))
				return REFSLAB_EXIT_USAGE;
			break;
		case OPTION_MAX_NODES:
			if (!refslab_tool_number(cmd, "--max-nodes", optarg, GRAPH_MAX_READ,
						 &picture->max_nodes))
				return REFSLAB_EXIT_USAGE;
			if (!picture->max_nodes)
				return refslab_tool_usage(cmd, "--max-nodes is 1 at least");
			break;
		case 'j':
			picture->json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (argc - optind + !!*nr_lines != 1)
		return refslab_tool_usage(cmd, "graph takes one script: FILE, - or -e LINE...");
	if (!refslab_graph_path_ok(picture->path))
		return refslab_tool_usage(cmd, "-o %s: %s", picture->path,
					  "does not end in .dot, .gv, .svg, .png or .pdf");
	if (picture->json && !strcmp(picture->path, "-"))
		return refslab_tool_usage(cmd, "--json goes with -o FILE");
	return -1;
}

static int graph_main(int argc, char **argv)
{
	struct picture picture = {
		.path = "-",
		.depth = ~0u,
		.max_nodes = GRAPH_MAX_NODES,
	};
	unsigned int nr_lines = 0;
	char **lines;
	int status;

	lines = calloc(argc, sizeof(*lines));
	picture.roots = calloc(argc, sizeof(*picture.roots));
	if (!lines || !picture.roots)
		status = REFSLAB_EXIT_FAILED;
	else
		status = read_command_line(argc, argv, &picture, lines, &nr_lines);
	if (status < 0)
		status = refslab_run_quietly("graph", argv[optind], lines, nr_lines, draw,
					     &picture);
	free(picture.roots);
	free(lines);
	return status;
}

const struct refslab_command refslab_graph_command = {
	.name = "graph",
	.summary = "a picture of the objects that a script makes",
	.help =
	"Usage: refslab graph [OPTION...] FILE|-\n"
	"       refslab graph [OPTION...] -e LINE [-e LINE...]\n"
	"Carries out a script as 'refslab run' does, without printing its answers, and at its end\n"
	"draws the objects that its names stand for and all that these refer to.\n\n"
	"  -e LINE            one line of the script; may be repeated\n"
	"  -o, --output FILE  where the picture goes: .svg, .png or .pdf, which takes Graphviz, or\n"
	"                     .dot, its text; - is the standard output, as text, the default\n"
	"      --root NAME    begin with the object of this name; may be repeated\n"
	"      --back         the objects that refer to those, and on, instead\n"
	"      --all          objects that no name reaches, too: cycles not yet collected\n"
	"      --depth N      at most N references away from where it begins (no limit)\n"
	"      --max-nodes N  at most N boxes, the nearest (100); what is left out is summed up\n"
	"  -j, --json         with -o FILE: one object that says what is in the picture\n"
	"  -h, --help         this text\n\n"
	"A box has the names of an object, its type and value, #ID, its count of references and\n"
	"its generation; an arrow has the number of the slot or the element, the name of the\n"
	"attribute, or the key. Objects of a type that hang alone on the same one share a box with a\n"
	"double frame, and so does the middle of a chain. Counts are those without the picture,\n"
	"which holds few objects at a time while it looks, and takes that off.\n",
	.main = graph_main,
};
