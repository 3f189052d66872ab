// SPDX-License-Identifier: GPL-2.0
/* refslab run: a script from a file, a pipe or the command line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lines.h"
#include "run.h"
#include "tool.h"

struct run {
	struct lines lines;
	const char *heap_name;
	__u64 max_bytes;
	bool (*at_end)(struct script *script, void *arg);	/* NULL: nothing */
	void *arg;
};

static FILE *open_script(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "re");

	if (f && !fstat(fileno(f), &st) && S_ISDIR(st.st_mode)) {
		fclose(f);
		f = NULL;
		errno = EISDIR;
	}
	if (!f)
		refslab_tool_error("%s: %s", path, strerror(errno));
	return f;
}

/* All of -e is one script; where a line of it has line breaks, they are no lines of their own. */
static void run_strings(struct run *run, char **lines, unsigned int count)
{
	unsigned int i;

	run->lines.file = "-e";
	for (i = 0; i < count; i++)
		if (!refslab_lines_run(&run->lines, lines[i], strlen(lines[i])))
			break;
}

static int run_script(struct run *run, const char *path, char **lines, unsigned int count)
{
	FILE *f = NULL;

	run->lines.file = path;
	if (path && strcmp(path, "-")) {
		f = open_script(path);
		if (!f)
			return REFSLAB_EXIT_FAILED;
	}
	if (run->lines.check || refslab_lines_open(&run->lines, run->heap_name, run->max_bytes)) {
		if (path)
			refslab_lines_run_stream(&run->lines, f ? f : stdin);
		else
			run_strings(run, lines, count);
		if (run->at_end && !run->lines.failed)
			run->lines.failed = !run->at_end(&run->lines.script, run->arg);
		refslab_lines_close(&run->lines);
	}
	if (f)
		fclose(f);
	return run->lines.failed ? REFSLAB_EXIT_FAILED : REFSLAB_EXIT_OK;
}

int refslab_run_quietly(const char *heap_name, const char *path, char **lines, unsigned int count,
			bool (*at_end)(struct script *script, void *arg), void *arg)
{
	struct run run = {
		.lines.quiet = true, .heap_name = heap_name, .at_end = at_end, .arg = arg,
	};

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
			run.lines.check = true;
			break;
		case OPTION_ECHO:
			run.lines.echo = true;
			break;
		case OPTION_LIMIT:
			if (!refslab_lines_limit(cmd, optarg, &run.max_bytes))
				status = REFSLAB_EXIT_USAGE;
			break;
		case OPTION_NAME:
			run.heap_name = optarg;
			break;
		case 'j':
			run.lines.json = true;
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
	if (status < 0 && run.lines.json && run.lines.echo)
		status = refslab_tool_usage(cmd, "--echo is for people: not with --json");
	if (status < 0)
		status = run_script(&run, argv[optind], lines, nr_lines);
	free(lines);
	return status;
}

#define WORDS \
	"  x = int N               x = float N              x = str \"TEXT\"\n" \
	"  x = bytes HEX           t = tuple [X...]         l = list [X...]\n" \
	"  d = dict [KEY X...]     s = set [X...]           o = instance\n" \
	"  type T [slots=N] [payload=N] [cache=N] [acyclic] [finalizer] [weakref] [mapped]\n" \
	"  n = new T               y = x                    del X...\n" \
	"  append L X              insert L INDEX X         [y =] pop L INDEX\n" \
	"  setitem L INDEX X       delitem L INDEX          y = item L INDEX      len X\n" \
	"  setitem D KEY X         delitem D KEY            y = item D KEY\n" \
	"  add S X                 discard S X              contains S X\n" \
	"  [y =] find X VALUE      typeinfo TYPE\n" \
	"  setattr O \"NAME\" X      delattr O \"NAME\"         y = getattr O \"NAME\"\n" \
	"  setslot N SLOT X        clearslot N SLOT         y = slot N SLOT\n" \
	"  write N OFFSET \"BYTES\"  read N OFFSET LENGTH     map N\n" \
	"  w = weak X [callback]   y = deref W              y = byid ID\n" \
	"  finalized X             y = event                events                watch gc|off\n" \
	"  publish X NAME          unpublish NAME           y = lookup NAME       roots\n" \
	"  refcount X   id X   typeof X   value X   is X Y   tracked X   block X\n" \
	"  referents X  referrers X  graph X FILE [back] [depth=N]\n" \
	"  collect [G] [all]  threshold [T0 T1 T2]  count  enable  disable  enabled  stats\n" \
	"  objects [G]  freeze  unfreeze  freezecount  debug [FLAG...]  garbage [clear]\n" \
	"  trim  stat  limits [bytes=N] [objects=N] [handles=N]  sleep MS\n"

const char refslab_run_words[] = WORDS;

const struct refslab_command refslab_run_command = {
	.name = "run",
	.summary = "run a script on a heap of its own",
	.help =
	"Usage: refslab run [OPTION...] FILE|-\n"
	"       refslab run [OPTION...] -e LINE [-e LINE...]\n"
	"Opens a session, makes a heap, carries out the script line by line, and ends both.\n\n"
	"  -e LINE         one line of the script; may be repeated\n"
	"      --check     only look for lines that make no sense; needs no device\n"
	"      --echo      print each line before it is carried out; not with --json\n"
	"      --limit N   the heap may have N bytes of memory, 262144 at least (0: no limit);\n"
	"                  K, M or G behind N stands for 1024, 1024^2, 1024^3\n"
	"      --name NAME the heap's name (run)\n"
	"  -j, --json      one JSON object for each line that prints something\n"
	"  -h, --help      this text\n\n"
	"The first line that fails ends the script with exit status 1 and a message\n"
	"'refslab: FILE:LINE: what is wrong', unless the line begins with '-'.\n"
	"The process stays on the CPU it starts on: free blocks are cached per CPU, so that reuse\n"
	"of a block is repeatable.\n\n"
	"Lines ('#' begins a comment, names are [A-Za-z_][A-Za-z0-9_]*):\n"
	WORDS
	"Strings know \\n \\t \\\\ \\\" and \\xHH. refslab(8) explains all of them.\n",
	.main = run_main,
};
