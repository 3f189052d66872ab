// SPDX-License-Identifier: GPL-2.0
/* A script line as tokens. The locale plays no part: words and blanks are ASCII. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lexer.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c);
}

int refslab_lexer_hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool fail(struct lexer *lexer, const char *message)
{
	snprintf(lexer->error, sizeof(lexer->error), "%s", message);
	return false;
}

void refslab_lexer_start(struct lexer *lexer, const char *line, size_t len)
{
	lexer->at = line;
	lexer->end = line + len;
	lexer->error[0] = '\0';
}

static bool read_word(struct lexer *lexer, struct lexer_token *token)
{
	const char *start = lexer->at;

	while (lexer->at < lexer->end && is_word(*lexer->at))
		lexer->at++;
	token->kind = LEXER_WORD;
	token->len = lexer->at - start;
	token->text = strndup(start, token->len);
	return token->text ? true : fail(lexer, "no memory");
}

static bool read_number(struct lexer *lexer, struct lexer_token *token)
{
	const char *start = lexer->at;
	char *digits;

	lexer->at++;
	while (lexer->at < lexer->end && is_word(*lexer->at))
		if (!is_digit(*lexer->at++))
			return fail(lexer, "a number has decimal digits only");
	digits = strndup(start, lexer->at - start);
	if (!digits)
		return fail(lexer, "no memory");
	errno = 0;
	token->kind = LEXER_NUMBER;
	token->number = strtoll(digits, NULL, 10);
	free(digits);
	return errno ? fail(lexer, "a number is from -2^63 to 2^63 - 1") : true;
}

/* What follows a backslash. */
static bool read_escape(struct lexer *lexer, char *byte)
{
	size_t left = lexer->end - lexer->at;
	int high, low;

	switch (left ? *lexer->at++ : '\0') {
	case 'n':
		*byte = '\n';
		return true;
	case 't':
		*byte = '\t';
		return true;
	case '\\':
		*byte = '\\';
		return true;
	case '"':
		*byte = '"';
		return true;
	case 'x':
		high = left > 2 ? refslab_lexer_hex_digit(lexer->at[0]) : -1;
		low = left > 2 ? refslab_lexer_hex_digit(lexer->at[1]) : -1;
		if (high < 0 || low < 0)
			return fail(lexer, "\\x takes two hexadecimal digits");
		*byte = 16 * high + low;
		lexer->at += 2;
		return true;
	default:
		return fail(lexer, "after a backslash comes one of n t \\ \" xHH");
	}
}

static bool read_string(struct lexer *lexer, struct lexer_token *token)
{
	char c;

	/* Escapes only make it shorter. */
	token->kind = LEXER_STRING;
	token->text = malloc(lexer->end - lexer->at);
	if (!token->text)
		return fail(lexer, "no memory");
	for (lexer->at++; lexer->at < lexer->end && *lexer->at != '"'; ) {
		c = *lexer->at++;
		if (c == '\\' && !read_escape(lexer, &c))
			goto failed;
		token->text[token->len++] = c;
	}
	if (lexer->at == lexer->end) {
		fail(lexer, "the string does not end on its line");
		goto failed;
	}
	lexer->at++;
	token->text[token->len] = '\0';
	if (lexer->at == lexer->end || !is_word(*lexer->at))
		return true;
	fail(lexer, "a blank is missing after the string");
failed:
	free(token->text);
	token->text = NULL;
	return false;
}

static bool fail_at(struct lexer *lexer)
{
	unsigned char c = *lexer->at;

	if (c == '\'')
		return fail(lexer, "strings stand between double quotes");
	if (c > ' ' && c < 0x7f)
		snprintf(lexer->error, sizeof(lexer->error), "unexpected character '%c'", c);
	else
		snprintf(lexer->error, sizeof(lexer->error), "unexpected byte 0x%02x", c);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is something left on the line? Then the lexer stands before it. */
static bool skip_blanks(struct lexer *lexer)
{
	while (lexer->at < lexer->end && is_blank(*lexer->at))
		lexer->at++;
	return lexer->at < lexer->end && *lexer->at != '#';
}

bool refslab_lexer_is_word(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_word(text[i]))
			return false;
	return len && is_word_start(*text);
}

bool refslab_lexer_next(struct lexer *lexer, struct lexer_token *token)
{
	const char *end = lexer->end;
	char c;

	*token = (struct lexer_token){ .kind = LEXER_END };
	if (!skip_blanks(lexer))
		return true;

	c = *lexer->at;
	if (is_word_start(c))
		return read_word(lexer, token);
	if (is_digit(c) || (c == '-' && end - lexer->at > 1 && is_digit(lexer->at[1])))
		return read_number(lexer, token);
	if (c == '"')
		return read_string(lexer, token);
	if (c == '=' || c == '-') {
		lexer->at++;
		token->kind = c == '=' ? LEXER_EQUALS : LEXER_MINUS;
		return true;
	}
	return fail_at(lexer);
}

bool refslab_lexer_next_raw(struct lexer *lexer, struct lexer_token *token)
{
	const char *start;

	*token = (struct lexer_token){ .kind = LEXER_END };
	if (!skip_blanks(lexer))
		return true;
	if (*lexer->at == '"')
		return read_string(lexer, token);
	for (start = lexer->at; lexer->at < lexer->end; lexer->at++) {
		if (is_blank(*lexer->at) || *lexer->at == '#')
			break;
		if ((unsigned char)*lexer->at < ' ' || *lexer->at == 0x7f)
			return fail_at(lexer);
	}
	token->kind = LEXER_WORD;
	token->len = lexer->at - start;
	token->text = strndup(start, token->len);
	return token->text ? true : fail(lexer, "no memory");
}
