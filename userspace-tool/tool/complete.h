/* SPDX-License-Identifier: GPL-2.0 */
/* How a line of the shell may go on. */
#ifndef _REFSLAB_COMPLETE_H
#define _REFSLAB_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

struct names;
struct refslab_session;

struct complete {
	char **words;			/* sorted, each once */
	size_t nr_words;
	size_t room;
	size_t prefix_len;		/* bytes of them that are on the line already */
	size_t common_len;		/* bytes that are the same in all of them */
	bool takes_number;		/* the only one is an option that = comes after */
	bool failed;			/* no memory */
};

/*
 * Words that the last one of @line, which ends at the cursor, is the beginning of; roots are those
 * of the session's heap.
 */
void refslab_complete_find(struct complete *complete, struct refslab_session *session,
			   const struct names *names, const char *line, size_t len);
void refslab_complete_free(struct complete *complete);

#endif /* _REFSLAB_COMPLETE_H */
