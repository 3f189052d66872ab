// SPDX-License-Identifier: GPL-2.0
/* refslab bench: how fast refslab is on this machine, from a program. */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "bench.h"

#define MAX_LINES	32
#define MAX_RUNS	1000
#define RUN_NS		50000000ull	/* that a run takes, about */

struct options {
	__u64 objects;
	unsigned int runs;
	bool json;
};

/**
 * struct run - a line that is being measured
 * @line:	the line
 * @state:	what its @begin made
 * @times:	repetitions of a run
 * @values:	one of each run
 * @ok:		nothing went wrong so far
 */
struct run {
	const struct bench_line *line;
	void *state;
	__u64 times;
	double *values;
	bool ok;
};

static const struct bench_line * const tables[] = {
	refslab_bench_submit_lines,
	refslab_bench_pass_lines,
	refslab_bench_scan_lines,
	refslab_bench_payload_lines,
};

/* All lines in their order; returns how many there are. */
static unsigned int list_lines(const struct bench_line *lines[MAX_LINES])
{
	const struct bench_line *line;
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (line = tables[i]; line->name && n < MAX_LINES; line++)
			lines[n++] = line;
	return n;
}

/* How often a run has to do it; what that takes to find out warms up, too. */
static bool calibrate(struct run *run)
{
	__u64 ns, most = 1ull << 32;
	double value;

	for (run->times = 1;; run->times *= 2) {
		if (!run->line->measure(run->state, run->times, &ns, &value))
			return false;
		if (run->line->once)
			return true;
		if (ns >= RUN_NS / 8 || run->times >= most)
			break;
	}
	run->times = (double)run->times * RUN_NS / (ns ? ns : 1);
	if (!run->times)
		run->times = 1;
	return true;
}

static void begin(struct run *run, const struct options *options)
{
	run->values = refslab_bench_alloc(run->line->name, options->runs * sizeof(*run->values));
	if (!run->values)
		return;
	run->state = run->line->begin(run->line, options->objects);
	run->ok = run->state && calibrate(run);
}

static void add_number(struct json_object *o, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

static void print_result(const struct run *run, const struct options *options)
{
	const double value = refslab_bench_median(run->values, options->runs);
	const double lowest = run->values[0], highest = run->values[options->runs - 1];
	struct json_object *o;

	if (!options->json) {
		printf("%-16s %12.2f %12.2f %12.2f %-9s  %s\n", run->line->name, value, lowest,
		       highest, run->line->unit, run->line->what);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(run->line->name));
	json_object_object_add(o, "unit", json_object_new_string(run->line->unit));
	add_number(o, "value", value);
	add_number(o, "lowest", lowest);
	add_number(o, "highest", highest);
	json_object_object_add(o, "runs", json_object_new_int64(options->runs));
	refslab_tool_json(o);
}

/* Cleans up, and says what came of it. */
static bool finish(struct run *run, const struct options *options)
{
	if (run->state)
		run->ok = run->line->end(run->state, run->ok);
	if (run->ok)
		print_result(run, options);
	free(run->values);
	return run->ok;
}

/* Lines that are measured in turns: what disturbs one disturbs the others, too. */
static bool measure(const struct bench_line *const *lines, unsigned int n,
		    const struct options *options)
{
	struct run runs[MAX_LINES] = { };
	unsigned int i, r;
	bool ok = true;
	__u64 ns;

	for (i = 0; i < n; i++) {
		runs[i].line = lines[i];
		begin(&runs[i], options);
	}
	for (r = 0; r < options->runs; r++)
		for (i = 0; i < n; i++)
			if (runs[i].ok)
				runs[i].ok = lines[i]->measure(runs[i].state, runs[i].times, &ns,
							       &runs[i].values[r]);
	for (i = 0; i < n; i++)
		ok &= finish(&runs[i], options);
	return ok;
}

/* Without the module one message is enough. */
static bool is_there(void)
{
	struct refslab_session *session = refslab_tool_session("bench", 0, NULL);

	refslab_session_close(session);
	return session;
}

static int measure_all(const struct bench_line *const *lines, unsigned int n,
		       const struct options *options)
{
	unsigned int i, next;
	bool ok = true;

	if (!is_there())
		return REFSLAB_EXIT_FAILED;
	if (!options->json)
		printf("%-16s %12s %12s %12s UNIT\n", "LINE", "MEDIAN", "LOWEST", "HIGHEST");
	for (i = 0; i < n; i = next) {
		next = i + 1;
		while (next < n && lines[next - 1]->in_turns && lines[next] == lines[next - 1] + 1)
			next++;
		ok &= measure(&lines[i], next - i, options);
	}
	return ok ? REFSLAB_EXIT_OK : REFSLAB_EXIT_FAILED;
}

/* A pattern that fits nothing: which names there are. */
static int no_such_line(const char *pattern, const struct bench_line *const *lines, unsigned int n)
{
	char names[1024] = "";
	unsigned int i;

	for (i = 0; i < n; i++) {
		strcat(names, i ? ", " : "");
		strcat(names, lines[i]->name);
	}
	return refslab_tool_usage(&refslab_bench_command, "there is no line '%s'; there are %s",
				  pattern, names);
}

/* Leaves of @lines those that one of @patterns fits, all without any; an exit status, or -1. */
static int choose(char **patterns, int nr_patterns, const struct bench_line **lines,
		  unsigned int *nr_lines)
{
	bool chosen[MAX_LINES] = { }, fits;
	unsigned int i, n = 0;
	int p;

	if (!nr_patterns)
		return -1;
	for (p = 0; p < nr_patterns; p++) {
		fits = false;
		for (i = 0; i < *nr_lines; i++) {
			if (fnmatch(patterns[p], lines[i]->name, 0))
				continue;
			fits = true;
			chosen[i] = true;
		}
		if (!fits)
			return no_such_line(patterns[p], lines, *nr_lines);
	}
	for (i = 0; i < *nr_lines; i++)
		if (chosen[i])
			lines[n++] = lines[i];
	*nr_lines = n;
	return -1;
}

enum {
	OPTION_OBJECTS = 256,
	OPTION_RUNS,
};

static int bench_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "objects", required_argument, NULL, OPTION_OBJECTS },
		{ "runs", required_argument, NULL, OPTION_RUNS },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_bench_command;
	const struct bench_line *lines[MAX_LINES];
	struct options options = { .objects = 200000 };
	unsigned int n = list_lines(lines);
	__u64 runs = 7;
	bool ok = true;
	int c, status;

	while (ok && (c = getopt_long(argc, argv, "jh", long_options, NULL)) != -1) {
		switch (c) {
		case OPTION_OBJECTS:
			ok = refslab_tool_number(cmd, "--objects", optarg, REFSLAB_MAX_LIST,
						 &options.objects);
			break;
		case OPTION_RUNS:
			ok = refslab_tool_number(cmd, "--runs", optarg, MAX_RUNS, &runs);
			break;
		case 'j':
			options.json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (!ok)
		return REFSLAB_EXIT_USAGE;
	if (options.objects < 2 || !runs)
		return refslab_tool_usage(cmd, "--objects is at least 2, --runs at least 1");
	options.runs = runs;
	status = choose(argv + optind, argc - optind, lines, &n);
	return status < 0 ? measure_all(lines, n, &options) : status;
}

const struct refslab_command refslab_bench_command = {
	.name = "bench",
	.summary = "how fast it is on this machine",
	.help =
	"Usage: refslab bench [OPTION...] [LINE...]\n"
	"Measures what a program gets on this machine, within some seconds, with heaps that are gone\n"
	"afterwards: all lines, or those with the names given, which may be patterns like 'scan_*'.\n"
	"Prints the median of several runs, the lowest and the highest. What else the machine does\n"
	"meanwhile is in them: where they are far apart, it was busy.\n\n"
	"  ioctl_refused     an ioctl that is refused at once: the way into the kernel and back\n"
	"  submit_one        a submit of one operation, which stores a reference\n"
	"  submit_op         an operation, 256 in a submit, in rounds of eight: an object is made,\n"
	"                    stored, given a reference, loaded and dropped, taken out and freed\n"
	"  submit_op_link    the same when all store a reference\n"
	"  submit_op_load    the same in pairs: a reference is loaded, and dropped\n"
	"  submit_op_new     the same in pairs: an object is made, and dropped, which frees it\n"
	"  reference_pass    a reference goes from one session to another: two submits of two\n"
	"                    operations; nobody has to be woken up\n"
	"  scan_live         a full scan of objects that are all alive and refer to two others at\n"
	"                    random, for each object\n"
	"  scan_garbage      a full scan that finds objects dead, in pairs, and frees them, for each\n"
	"  scan_idle         a further scan of a heap in which nothing happened, for each object;\n"
	"                    ten in a row, the median\n"
	"  bytes_per_object  memory that the heap takes from the kernel for objects of two slots, for\n"
	"                    each; what of its last arena is not in use included\n"
	"  mmap_payload      8 MiB are copied into a payload that is mapped, and out again\n"
	"  mmap_memfd        the same of a memfd, in turns with the payload when both are asked for\n\n"
	"'make bench' of the sources compares with other systems.\n\n"
	"      --objects N   of scan_* and bytes_per_object (200000)\n"
	"      --runs N      of each line (7); one more, or some short ones, come before\n"
	"  -j, --json        one object a line: \"name\", \"unit\", \"value\" (the median), \"lowest\",\n"
	"                    \"highest\", \"runs\"\n"
	"  -h, --help        this text\n\n"
	"Exit status 1 when something failed, or less was done than should have been.\n",
	.main = bench_main,
};
