// SPDX-License-Identifier: GPL-2.0
/* The refslab command: finds the sub-command. */
#define _GNU_SOURCE		/* program_invocation_short_name */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct refslab_command * const commands[] = {
	&refslab_run_command,
	&refslab_shell_command,
	&refslab_stat_command,
	&refslab_heaps_command,
	&refslab_top_command,
	&refslab_types_command,
	&refslab_watch_command,
	&refslab_map_command,
	&refslab_graph_command,
	&refslab_metrics_command,
	&refslab_stress_command,
	&refslab_bench_command,
	&refslab_version_command,
};

static void print_help(FILE *to)
{
	size_t i;

	fputs("Usage: refslab COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Reference-counted objects with cycle collection, in the kernel.\n\n"
	      "Commands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'refslab help COMMAND' says more. Exit status: 0 fine, 1 failed, 2 usage.\n",
	      to);
}

/* Output that could not be written is a failure like any other. */
static int finish(int status)
{
	if (refslab_tool_flush(stdout))
		return status;
	perror("refslab: standard output");
	return status ? status : REFSLAB_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	size_t i;

	/* Whoever reads a pipe sees each line when it is there. */
	setvbuf(stdout, NULL, _IOLBF, 0);

	if (!name) {
		print_help(stderr);
		return REFSLAB_EXIT_USAGE;
	}
	/* help COMMAND: as COMMAND --help */
	if (!strcmp(name, "help") && argc > 2) {
		argc = 3;
		name = argv[2];
		argv[2] = (char *)"--help";
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return finish(REFSLAB_EXIT_OK);
	}
	if (!strcmp(name, "--version"))
		name = refslab_version_command.name;
	/* So that getopt_long() calls us by our name. */
	argv[1] = program_invocation_short_name;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i]->name))
			return finish(commands[i]->main(argc - 1, argv + 1));
	refslab_tool_error("there is no command '%s'", name);
	fputs("Try 'refslab --help'.\n", stderr);
	return REFSLAB_EXIT_USAGE;
}
