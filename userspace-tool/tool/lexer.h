/* SPDX-License-Identifier: GPL-2.0 */
/* A script line as tokens. */
#ifndef _REFSLAB_LEXER_H
#define _REFSLAB_LEXER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

enum lexer_kind {
	LEXER_END,
	LEXER_WORD,		/* [A-Za-z_][A-Za-z0-9_]* */
	LEXER_NUMBER,		/* -2^63 .. 2^63 - 1 */
	LEXER_STRING,		/* "...", with escapes */
	LEXER_EQUALS,
	LEXER_MINUS,		/* only in front of a statement */
};

struct lexer_token {
	enum lexer_kind kind;
	char *text;		/* a word; or the bytes of a string, then a NUL beyond @len */
	size_t len;
	__s64 number;
};

struct lexer {
	const char *at;
	const char *end;
	char error[128];	/* why refslab_lexer_next() failed */
};

void refslab_lexer_start(struct lexer *lexer, const char *line, size_t len);

/*
 * Reads the next token; its text, where it has one, is the caller's to free. False, with a message
 * in @error, when there is none.
 */
bool refslab_lexer_next(struct lexer *lexer, struct lexer_token *token);

/*
 * The same where a path, a float or hexadecimal digits are wanted: what is there up to the next
 * blank or #, as a LEXER_WORD, or a string.
 */
bool refslab_lexer_next_raw(struct lexer *lexer, struct lexer_token *token);

/* [A-Za-z_][A-Za-z0-9_]*, from the first byte to the last */
bool refslab_lexer_is_word(const char *text, size_t len);

/* 0 to 15, or -1 */
int refslab_lexer_hex_digit(char c);

#endif /* _REFSLAB_LEXER_H */
