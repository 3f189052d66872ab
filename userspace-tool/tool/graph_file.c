// SPDX-License-Identifier: GPL-2.0
/* The file that a picture goes to; Graphviz makes it when it is to be more than text. */
#define _GNU_SOURCE		/* environ */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph.h"
#include "tool.h"

static const char *const formats[] = { "svg", "png", "pdf" };

/* What Graphviz is to make of it; NULL: its text will do. False: there is no such format. */
static bool format_of(const char *path, const char **format)
{
	const char *dot = strrchr(path, '.');
	size_t i;

	*format = NULL;
	if (!strcmp(path, "-"))
		return true;
	if (!dot || strchr(dot, '/'))
		return false;
	if (!strcmp(dot, ".dot") || !strcmp(dot, ".gv"))
		return true;
	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(dot + 1, formats[i]))
			*format = formats[i];
	return *format;
}

bool refslab_graph_path_ok(const char *path)
{
	const char *format;

	return format_of(path, &format);
}

/* Returns an errno, or -1 when Graphviz failed and said why. */
static int run_dot(FILE *text, const char *format, const char *path)
{
	posix_spawn_file_actions_t actions;
	char option[16];
	char *argv[3] = { "dot", option };
	int status, err;
	pid_t pid;

	snprintf(option, sizeof(option), "-T%s", format);
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, fileno(text), STDIN_FILENO);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path,
						       O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (!err)
		err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

/* Whether there is a program of that name; posix_spawn() does not tell what it did not find. */
static bool have_dot(void)
{
	const char *path = getenv("PATH") ?: "/usr/bin:/bin";
	char file[512];
	int len;

	while (*path) {
		len = strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/dot", len, path);
		if (!access(file, X_OK))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static bool write_file(struct graph *graph, const char *path, struct graph_sum *sum, char *error,
		       size_t len)
{
	FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
	bool ok;

	if (!to) {
		snprintf(error, len, "%s: %s", path, strerror(errno));
		return false;
	}
	refslab_graph_write(graph, to, sum);
	ok = refslab_tool_flush(to);
	if (!ok)
		snprintf(error, len, "%s: %s", path, strerror(errno));
	if (to != stdout)
		fclose(to);
	return ok;
}

static bool write_picture(struct graph *graph, const char *path, const char *format,
			  struct graph_sum *sum, char *error, size_t len)
{
	FILE *text;
	int err;

	if (!have_dot()) {
		snprintf(error, len, "%s takes Graphviz' 'dot', which is not there: install %s",
			 path, "graphviz, or write a .dot file");
		return false;
	}
	text = tmpfile();
	if (!text) {
		snprintf(error, len, "a temporary file: %s", strerror(errno));
		return false;
	}
	refslab_graph_write(graph, text, sum);
	err = fflush(text) || fseek(text, 0, SEEK_SET) ? errno : run_dot(text, format, path);
	fclose(text);
	if (err)
		snprintf(error, len, "%s: %s", path, err < 0 ? "Graphviz failed" : strerror(err));
	return !err;
}

bool refslab_graph_draw(struct graph *graph, const struct names *names, const char *path,
			struct graph_sum *sum, char *error, size_t len)
{
	const char *format;

	if (!format_of(path, &format)) {
		snprintf(error, len, "'%.80s' does not end in .dot, .gv, .svg, .png or .pdf", path);
		return false;
	}
	if (!refslab_graph_read(graph, names)) {
		snprintf(error, len, "%s", refslab_strerror(graph->opcode, graph->err));
		return false;
	}
	refslab_graph_fold(graph);
	if (format)
		return write_picture(graph, path, format, sum, error, len);
	return write_file(graph, path, sum, error, len);
}
