/* SPDX-License-Identifier: GPL-2.0 */
/* A script line as a statement: its word, what is made, the operands, all checked for form. */
#ifndef _REFSLAB_PARSER_H
#define _REFSLAB_PARSER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Of an operand that is one of some fixed words; the one with word NULL is the last of them. */
struct parser_option {
	const char *word;
	__u32 value;		/* for whoever carries the statement out */
	__s64 max;		/* word=N, with N from 0 to this; 0: it takes no number */
	bool alone;		/* has no other beside it */
	bool bytes;		/* word=N, with N for refslab_tool_bytes() */
};

struct parser_arg {
	char form;		/* which letter of the word's form it is */
	char *text;		/* a name, an option's name, or a string's or other bytes */
	size_t len;
	const struct parser_option *option;
	__s64 number;		/* of bytes, a __u64 */
	double real;
	__u32 value;			/* of a value: REFSLAB_VALUE_* */
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
 * Forms, a letter for each operand:
 *
 *	n	the name of an object		i	an integer
 *	t	that of a type			u	an integer from 0 to @max
 *	k	an index, or the name of a key	f	a float
 *	s	a string			x	bytes: hexadecimal digits, or a string
 *	a	a string that is a name		p	a path: up to a blank, or a string
 *	o	one of @options			w	a word of the language
 *	r	the name of a root		v	a value: a number, a string, bytes:HEX
 *
 * The operand after ? may be left out, with all behind it that has no ? of its own; the one after *
 * comes any number of times, after + at least once.
 */
struct parser_word {
	const char *word;
	const char *form;
	enum parser_kind {
		PARSER_DOES,		/* stands alone */
		PARSER_MAKES,		/* NAME = word ... */
		PARSER_BOTH,		/* may do either */
	} kind;
	const char *usage;
	const struct parser_option *options;
	__s64 max;			/* 0: any */
	enum {
		PARSER_DISTINCT = 1,	/* no operand comes twice */
		PARSER_PAIRS = 2,	/* an even number of operands */
	} rules;
};

/* The words there are; the one with word NULL is the last. refslab_parser_copy is y = x. */
extern const struct parser_word refslab_parser_words[];
extern const struct parser_word refslab_parser_copy;

/* NULL: there is no such word. */
const struct parser_word *refslab_parser_find(const char *word);

/* False, with a message in @line->error, when the line makes no sense. Free it in both cases. */
bool refslab_parser_read(struct parser_line *line, const char *text, size_t len);
void refslab_parser_free(struct parser_line *line);

#endif /* _REFSLAB_PARSER_H */
