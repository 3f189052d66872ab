/* SPDX-License-Identifier: GPL-2.0 */
/* Scripts that are run for what they leave behind. */
#ifndef _REFSLAB_RUN_H
#define _REFSLAB_RUN_H

#include <stdbool.h>

struct script;

/*
 * Carries out a script on a heap of its own without printing answers, and calls @at_end before the
 * heap ends. @path: as for refslab run, or NULL: @lines are the script. Returns an exit status.
 */
int refslab_run_quietly(const char *heap_name, const char *path, char **lines, unsigned int count,
			bool (*at_end)(struct script *script, void *arg), void *arg);

/* The form of all statements, in columns. */
extern const char refslab_run_words[];

#endif /* _REFSLAB_RUN_H */
