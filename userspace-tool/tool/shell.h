/* SPDX-License-Identifier: GPL-2.0 */
/* What the shell has besides the script's words. */
#ifndef _REFSLAB_SHELL_H
#define _REFSLAB_SHELL_H

#include <linux/types.h>

struct parser_word;

/* A word of the shell's own, or of the script language; NULL: there is no such word. */
const struct parser_word *refslab_shell_find(const char *word);

/* The words of its own. */
void refslab_shell_for_each(void (*fn)(const char *word, __u32 unused, void *arg), void *arg);

#endif /* _REFSLAB_SHELL_H */
