// SPDX-License-Identifier: GPL-2.0
/*
 * The 32-bit builds of the tests, run on this 64-bit kernel. Skipped, and said so, where they were
 * not built or the kernel runs no 32-bit programs (User Mode Linux is one that does not).
 */
#include <libgen.h>
#include <sys/wait.h>

#include "refslab_test.h"

#define CANNOT_RUN	121

/* Runs a program of our own directory; its output becomes comments of ours. */
static int run(const char *name)
{
	char self[4096], path[4200], line[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int pipefd[2], status = 0;
	FILE *out;
	pid_t pid;

	if (n < 0 || pipe(pipefd))
		return -1;
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dirname(self), name);
	pid = fork();
	if (!pid) {
		dup2(pipefd[1], 1);
		dup2(pipefd[1], 2);
		close(pipefd[0]);
		close(pipefd[1]);
		execl(path, name, NULL);
		_exit(errno == ENOEXEC || errno == ENOENT ? CANNOT_RUN : 1);
	}
	close(pipefd[1]);
	out = fdopen(pipefd[0], "r");
	while (out && fgets(line, sizeof(line), out))
		printf("#   %s", line);
	fflush(stdout);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE(compat) {
};

FIXTURE_VARIANT(compat) {
	const char *program;
};

FIXTURE_VARIANT_ADD(compat, abi) {
	.program = "abi-32",
};

FIXTURE_VARIANT_ADD(compat, bad_input) {
	.program = "bad_input-32",
};

FIXTURE_VARIANT_ADD(compat, objects) {
	.program = "objects-32",
};

FIXTURE_VARIANT_ADD(compat, atoms) {
	.program = "atoms-32",
};

FIXTURE_VARIANT_ADD(compat, keyed) {
	.program = "keyed-32",
};

FIXTURE_VARIANT_ADD(compat, gc) {
	.program = "gc-32",
};

FIXTURE_VARIANT_ADD(compat, weak) {
	.program = "weak-32",
};

FIXTURE_VARIANT_ADD(compat, finalizer) {
	.program = "finalizer-32",
};

FIXTURE_VARIANT_ADD(compat, events) {
	.program = "events-32",
};

FIXTURE_VARIANT_ADD(compat, controls) {
	.program = "controls-32",
};

FIXTURE_VARIANT_ADD(compat, attach) {
	.program = "attach-32",
};

FIXTURE_VARIANT_ADD(compat, roots) {
	.program = "roots-32",
};

FIXTURE_VARIANT_ADD(compat, limits) {
	.program = "limits-32",
};

FIXTURE_VARIANT_ADD(compat, payload) {
	.program = "payload-32",
};

FIXTURE_VARIANT_ADD(compat, library) {
	.program = "library-32",
};

FIXTURE_SETUP(compat)
{
}

FIXTURE_TEARDOWN(compat)
{
}

TEST_F_TIMEOUT(compat, passes, 1800)
{
	int status = run(variant->program);

	if (status == CANNOT_RUN)
		SKIP(return, "%s was not built, or cannot run here", variant->program);
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
