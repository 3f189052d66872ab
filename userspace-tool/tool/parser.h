/* SPDX-License-Identifier: GPL-2.0 */
/* A script line as a statement: its word, what is made, the operands, all checked for form. */
#ifndef _REFSLAB_PARSER_H
#define _REFSLAB_PARSER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct parser_word;

struct parser_arg {
	char *text;		/* a name, an option's name, or a string's bytes */
	size_t len;
	__s64 number;
	bool has_number;	/* it is a number, or an option that has one */
};

struct parser_line {
	bool ignore;			/* began with -: the script goes on when it fails */
	char *target;			/* NAME = ..., or NULL */
	const struct parser_word *word;	/* NULL: nothing on the line */
	struct parser_arg *args;
	unsigned int nr_args;
	char error[192];
};

/*
 * Forms, a letter for each operand: n the name of an object, t that of a type, i an integer, u an
 * integer from 0, s a string, f a file, o an option (word, or word=N). The operand after ? may be
 * left out, with all behind it; the one after * comes any number of times, after + at least once.
 */
struct parser_word {
	const char *word;
	const char *form;
	enum {
		PARSER_DOES,		/* stands alone */
		PARSER_MAKES,		/* NAME = word ... */
		PARSER_BOTH,		/* may do either */
	} kind;
	const char *usage;
};

/* The words there are; the one with word NULL is the last. refslab_parser_copy is y = x. */
extern const struct parser_word refslab_parser_words[];
extern const struct parser_word refslab_parser_copy;

/* False, with a message in @line->error, when the line makes no sense. Free it in both cases. */
bool refslab_parser_read(struct parser_line *line, const char *text, size_t len);
void refslab_parser_free(struct parser_line *line);

#endif /* _REFSLAB_PARSER_H */
