// SPDX-License-Identifier: GPL-2.0
/* A script line as a statement. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lexer.h"
#include "parser.h"
#include "tool.h"

/* Words of the language that this version has no operation for. */
static const char * const later_words[] = {
	"float", "bytes", "tuple", "dict", "set", "instance", "setattr", "getattr", "delattr",
	"contains",
};

static __printf(2, 3) bool fail(struct parser_line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line->error, sizeof(line->error), fmt, ap);
	va_end(ap);
	return false;
}

static bool comes_later(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(later_words); i++)
		if (!strcmp(word, later_words[i]))
			return true;
	return false;
}

static const struct parser_word *find_word(const char *word)
{
	const struct parser_word *w;

	for (w = refslab_parser_words; w->word; w++)
		if (!strcmp(word, w->word))
			return w;
	return NULL;
}

/* Names and words can be as long as the line: not in a message. */
static const char *shorten(const char *word)
{
	static __thread char shown[40];

	snprintf(shown, sizeof(shown), strlen(word) < sizeof(shown) ? "%s" : "%.36s...", word);
	return shown;
}

static bool next(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	if (refslab_lexer_next(lexer, token))
		return true;
	return fail(line, "%s", lexer->error);
}

static bool next_file(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	if (refslab_lexer_next_file(lexer, token))
		return true;
	return fail(line, "%s", lexer->error);
}

/* One more operand; the token's text becomes its. */
static bool add_arg(struct parser_line *line, struct lexer_token *token)
{
	struct parser_arg *more, *arg;

	more = reallocarray(line->args, line->nr_args + 1, sizeof(*more));
	if (!more)
		return fail(line, "no memory");
	line->args = more;
	arg = &line->args[line->nr_args++];
	*arg = (struct parser_arg){
		.text = token->text,
		.len = token->len,
		.number = token->number,
		.has_number = token->kind == LEXER_NUMBER,
	};
	token->text = NULL;
	return true;
}

/* The number of an option word=N; the token behind it is read in any case. */
static bool read_option(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	struct parser_arg *arg = &line->args[line->nr_args - 1];

	if (!next(line, lexer, token))
		return false;
	if (token->kind != LEXER_EQUALS)
		return true;
	if (!next(line, lexer, token))
		return false;
	if (token->kind != LEXER_NUMBER)
		return fail(line, "%s= takes a number", shorten(arg->text));
	arg->number = token->number;
	arg->has_number = true;
	return next(line, lexer, token);
}

static bool check_form(struct parser_line *line, char form, const struct lexer_token *token)
{
	enum lexer_kind want = LEXER_WORD;
	const char *what = "a name";

	if (form == 's' || form == 'f') {
		want = LEXER_STRING;
		what = form == 's' ? "a string" : "a file";
	} else if (form == 'i' || form == 'u') {
		want = LEXER_NUMBER;
		what = "a number";
	} else if (form == 't') {
		what = "the name of a type";
	} else if (form == 'o') {
		what = "an option";
	}
	if (token->kind != want)
		return fail(line, "expected %s: %s", what, line->word->usage);
	if (form == 'u' && token->number < 0)
		return fail(line, "expected a number from 0: %s", line->word->usage);
	return true;
}

static bool read_args(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	const char *form = line->word->form;
	bool optional = false, repeated = false;

	for (;;) {
		if (*form == '?' || *form == '*')
			optional = true;
		if (*form == '*' || *form == '+')
			repeated = true;
		if (*form == '?' || *form == '*' || *form == '+')
			form++;

		if (token->kind == LEXER_END) {
			if (!*form || optional)
				return true;
			return fail(line, "something is missing: %s", line->word->usage);
		}
		if (!*form)
			return fail(line, "something is left over: %s", line->word->usage);
		if (!check_form(line, *form, token) || !add_arg(line, token))
			return false;
		if (form[1] == 'f' ? !next_file(line, lexer, token) :
		    *form == 'o' ? !read_option(line, lexer, token) : !next(line, lexer, token))
			return false;
		/* With the first of "?uuu" come the others; "+n" has what it needs. */
		optional = repeated;
		if (!repeated)
			form++;
	}
}

/* The statement's word, which may be the name on the right side of y = x. */
static bool read_word(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	const char *word = token->text;

	line->word = find_word(word);
	if (!line->word && comes_later(word))
		return fail(line, "'%s' is not in this version", word);
	if (!line->word && line->target) {
		struct lexer_token name = *token;

		line->word = &refslab_parser_copy;
		token->text = NULL;
		if (!next(line, lexer, token)) {
			free(name.text);
			return false;
		}
		if (token->kind != LEXER_END) {
			fail(line, "nothing is made by '%s'", shorten(name.text));
			free(name.text);
			return false;
		}
		if (add_arg(line, &name))
			return true;
		free(name.text);
		return false;
	}
	if (!line->word)
		return fail(line, "there is no statement '%s'", shorten(word));
	if (line->word->kind == PARSER_DOES && line->target)
		return fail(line, "makes no object: %s", line->word->usage);
	if (line->word->kind == PARSER_MAKES && !line->target)
		return fail(line, "makes an object that needs a name: %s", line->word->usage);
	free(token->text);
	token->text = NULL;
	return next(line, lexer, token) && read_args(line, lexer, token);
}

static bool read_statement(struct parser_line *line, struct lexer *lexer,
			   struct lexer_token *token)
{
	struct lexer ahead;
	struct lexer_token second;

	if (!next(line, lexer, token))
		return false;
	if (token->kind == LEXER_MINUS) {
		line->ignore = true;
		if (!next(line, lexer, token))
			return false;
	}
	if (token->kind == LEXER_END)
		return true;
	if (token->kind != LEXER_WORD)
		return fail(line, "a statement begins with a word");

	/* NAME = ... : any word may be a name. */
	ahead = *lexer;
	if (refslab_lexer_next(&ahead, &second)) {
		free(second.text);
		if (second.kind == LEXER_EQUALS) {
			line->target = token->text;
			token->text = NULL;
			*lexer = ahead;
			if (!next(line, lexer, token))
				return false;
			if (token->kind != LEXER_WORD)
				return fail(line, "expected a word after '='");
		}
	}
	return read_word(line, lexer, token);
}

bool refslab_parser_read(struct parser_line *line, const char *text, size_t len)
{
	struct lexer_token token = { };
	struct lexer lexer;
	bool ok;

	*line = (struct parser_line){ };
	refslab_lexer_start(&lexer, text, len);
	ok = read_statement(line, &lexer, &token);
	free(token.text);
	return ok;
}

void refslab_parser_free(struct parser_line *line)
{
	unsigned int i;

	for (i = 0; i < line->nr_args; i++)
		free(line->args[i].text);
	free(line->args);
	free(line->target);
	*line = (struct parser_line){ };
}
