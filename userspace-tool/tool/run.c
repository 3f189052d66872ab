// SPDX-License-Identifier: GPL-2.0
/* refslab run: a script from a file, a pipe or the command line. */
#define _GNU_SOURCE		/* sched_getcpu() */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "output.h"
#include "run.h"
#include "script.h"
#include "tool.h"

struct run {
	bool json;
	bool echo;
	bool check;
	const char *heap_name;
	__u64 max_bytes;
	bool (*at_end)(struct script *script, void *arg);	/* then answers are not printed */
	void *arg;
	struct script script;
	const char *file;		/* for messages */
	unsigned long line;
	bool failed;
};

static void complain(const struct run *run, const char *message, bool ignored)
{
	fprintf(stderr, "refslab: %s:%lu: %s%s\n", run->file, run->line, message,
		ignored ? " (ignored)" : "");
}

/* False when the script stops here. */
static bool run_line(struct run *run, const char *text, size_t len)
{
	struct json_object *result = NULL;
	const char *error = NULL;
	struct parser_line line;
	bool go_on;

	run->line++;
	if (run->echo)
		printf("> %.*s\n", (int)len, text);
	if (!refslab_parser_read(&line, text, len))
		error = line.error;
	else if (!run->check && !refslab_statements_run(&run->script, &line, &result))
		error = run->script.error;

	if (error)
		complain(run, error, line.ignore && !run->check);
	if (result && run->json)
		refslab_tool_json(result);
	else if (result && !run->at_end)
		refslab_output_line(&line, result);
	if (result && !run->json)
		json_object_put(result);

	/* A check goes on, to find all there is to find. */
	run->failed |= error && (!line.ignore || run->check);
	go_on = !run->failed || run->check;
	refslab_parser_free(&line);
	return go_on;
}

static void run_stream(struct run *run, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&text, &room, f)) >= 0) {
		if (len && text[len - 1] == '\n')
			len--;
		if (!run_line(run, text, len))
			break;
	}
	free(text);
	if (ferror(f)) {
		complain(run, "cannot be read", false);
		run->failed = true;
	}
}

/* All of -e is one script; where a line of it has line breaks, they are no lines of their own. */
static void run_strings(struct run *run, char **lines, unsigned int count)
{
	unsigned int i;

	run->file = "-e";
	for (i = 0; i < count; i++)
		if (!run_line(run, lines[i], strlen(lines[i])))
			break;
}

static int run_script(struct run *run, const char *path, char **lines, unsigned int count)
{
	struct refslab_session *session = NULL;
	FILE *f = NULL;

	if (path && strcmp(path, "-")) {
		run->file = path;
		f = fopen(path, "re");
		if (!f) {
			refslab_tool_error("%s: %s", path, strerror(errno));
			return REFSLAB_EXIT_FAILED;
		}
	} else if (path) {
		run->file = "-";
	}
	if (!run->check) {
		session = refslab_tool_session(run->heap_name, run->max_bytes, NULL);
		run->failed = !session;
		if (session && !refslab_statements_start(&run->script, session)) {
			refslab_tool_error("%s", run->script.error);
			run->failed = true;
		}
	}
	if (!run->failed) {
		if (path)
			run_stream(run, f ? f : stdin);
		else
			run_strings(run, lines, count);
		if (run->at_end && !run->failed)
			run->failed = !run->at_end(&run->script, run->arg);
		if (session)
			refslab_statements_stop(&run->script);
	}
	refslab_session_close(session);
	if (f)
		fclose(f);
	return run->failed ? REFSLAB_EXIT_FAILED : REFSLAB_EXIT_OK;
}

/* Caches are per CPU: on one of them the block freed last is the one that is used next. */
static void pin(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		refslab_tool_error("cannot stay on CPU %d: %s", cpu, strerror(errno));
}

int refslab_run_quietly(const char *heap_name, const char *path, char **lines, unsigned int count,
			bool (*at_end)(struct script *script, void *arg), void *arg)
{
	struct run run = { .heap_name = heap_name, .at_end = at_end, .arg = arg };

	return run_script(&run, path, lines, count);
}

enum { OPTION_CHECK = 256, OPTION_ECHO, OPTION_LIMIT, OPTION_NAME };

static int run_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "echo", no_argument, NULL, OPTION_ECHO },
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "name", required_argument, NULL, OPTION_NAME },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_run_command;
	struct run run = { .heap_name = "run" };
	unsigned int nr_lines = 0;
	int c, status;
	char **lines;

	lines = calloc(argc, sizeof(*lines));
	if (!lines)
		return REFSLAB_EXIT_FAILED;
	status = -1;
	while (status < 0 && (c = getopt_long(argc, argv, "e:jh", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			lines[nr_lines++] = optarg;
			break;
		case OPTION_CHECK:
			run.check = true;
			break;
		case OPTION_ECHO:
			run.echo = true;
			break;
		case OPTION_LIMIT:
			if (!refslab_tool_number(cmd, "--limit", optarg, ~0ull, &run.max_bytes))
				status = REFSLAB_EXIT_USAGE;
			break;
		case OPTION_NAME:
			run.heap_name = optarg;
			break;
		case 'j':
			run.json = true;
			break;
		case 'h':
			status = refslab_tool_help(cmd);
			break;
		default:
			status = refslab_tool_usage(cmd, NULL);
		}
	}
	if (status < 0 && argc - optind + !!nr_lines != 1)
		status = refslab_tool_usage(cmd, "run takes one script: FILE, - or -e LINE...");
	if (status < 0) {
		pin();
		status = run_script(&run, argv[optind], lines, nr_lines);
	}
	free(lines);
	return status;
}

const struct refslab_command refslab_run_command = {
	.name = "run",
	.summary = "run a script on a heap of its own",
	.help =
	"Usage: refslab run [OPTION...] FILE|-\n"
	"       refslab run [OPTION...] -e LINE [-e LINE...]\n"
	"Opens a session, makes a heap, carries out the script line by line, and ends both.\n\n"
	"  -e LINE         one line of the script; may be repeated\n"
	"      --check     only look for lines that make no sense; needs no device\n"
	"      --echo      print each line before it is carried out\n"
	"      --limit N   the heap may have N bytes of memory (0: no limit)\n"
	"      --name NAME the heap's name (run)\n"
	"  -j, --json      one JSON object for each line that prints something\n"
	"  -h, --help      this text\n\n"
	"The first line that fails ends the script with exit status 1 and a message\n"
	"'refslab: FILE:LINE: what is wrong', unless the line begins with '-'.\n"
	"The process stays on the CPU it starts on: free blocks are cached per CPU, so that reuse\n"
	"of a block is repeatable.\n\n"
	"Lines ('#' begins a comment, names are [A-Za-z_][A-Za-z0-9_]*):\n"
	"  x = int N               x = str \"TEXT\"           l = list [X...]\n"
	"  type T [slots=N] [payload=N] [cache=N] [acyclic] [finalizer] [weakref]\n"
	"  n = new T               y = x                    del X...\n"
	"  append L X              insert L INDEX X         [y =] pop L INDEX\n"
	"  setitem L INDEX X       delitem L INDEX          y = item L INDEX      len X\n"
	"  setslot N SLOT X        clearslot N SLOT         y = slot N SLOT\n"
	"  write N OFFSET \"BYTES\"  read N OFFSET LENGTH\n"
	"  w = weak X [callback]   y = deref W              y = byid ID\n"
	"  finalized X             y = event                events                watch gc|off\n"
	"  refcount X   id X   typeof X   value X   is X Y   tracked X   block X\n"
	"  referents X  referrers X  graph X FILE [back] [depth=N]\n"
	"  collect [G [all]]  threshold [T0 T1 T2]  count  enable  disable  enabled  stats\n"
	"  objects [G]  freeze  unfreeze  freezecount  debug [FLAG...]  garbage [clear]\n"
	"  trim  stat  sleep MS\n"
	"Strings know \\n \\t \\\\ \\\" and \\xHH. refslab(8) explains all of them.\n",
	.main = run_main,
};
