// SPDX-License-Identifier: GPL-2.0
/* A script line as a statement. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lexer.h"
#include "parser.h"
#include "tool.h"

#define MAX_ATTRIBUTE	255	/* bytes of an attribute's name */

static __printf(2, 3) bool fail(struct parser_line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line->error, sizeof(line->error), fmt, ap);
	va_end(ap);
	return false;
}

const struct parser_word *refslab_parser_find(const char *word)
{
	const struct parser_word *w;

	for (w = refslab_parser_words; w->word; w++)
		if (!strcmp(word, w->word))
			return w;
	return NULL;
}

/* What is on the line can be as long as that, and anything: not in a message. */
static const char *shorten(const char *word)
{
	static __thread char shown[40];
	char *c;

	snprintf(shown, sizeof(shown), strlen(word) < sizeof(shown) ? "%s" : "%.36s...", word);
	for (c = shown; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return shown;
}

static bool next(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	if (refslab_lexer_next(lexer, token))
		return true;
	return fail(line, "%s", lexer->error);
}

/* The next token as an operand of this form wants it. */
static bool next_operand(struct parser_line *line, struct lexer *lexer, char form,
			 struct lexer_token *token)
{
	if (!strchr("fxprv", form) || !form)
		return next(line, lexer, token);
	if (refslab_lexer_next_raw(lexer, token))
		return true;
	return fail(line, "%s", lexer->error);
}

/* One more operand; the token's text becomes its. */
static bool add_arg(struct parser_line *line, char form, struct lexer_token *token)
{
	struct parser_arg *more, *arg;

	more = reallocarray(line->args, line->nr_args + 1, sizeof(*more));
	if (!more)
		return fail(line, "no memory");
	line->args = more;
	arg = &line->args[line->nr_args++];
	*arg = (struct parser_arg){
		.form = form,
		.text = token->text,
		.len = token->len,
		.number = token->number,
		.has_number = token->kind == LEXER_NUMBER,
	};
	token->text = NULL;
	return true;
}

/* What an operand has to be, for a message. */
static const char *what_is(char form)
{
	switch (form) {
	case 'n':
		return "a name";
	case 't':
		return "the name of a type";
	case 'r':
		return "the name of a root";
	case 'k':
		return "an index or the name of a key";
	case 'i':
	case 'u':
	case 'f':
		return "a number";
	case 's':
		return "a string";
	case 'x':
		return "hexadecimal digits or a string";
	case 'v':
		return "a number, a string or bytes:HEX";
	case 'a':
		return "a name in quotes";
	case 'p':
		return "a file";
	case 'w':
		return "a word of the language";
	default:
		return "an option";
	}
}

static bool fits(char form, enum lexer_kind kind)
{
	switch (form) {
	case 's':
	case 'a':
		return kind == LEXER_STRING;
	case 'x':
	case 'p':
	case 'v':
		return kind == LEXER_STRING || kind == LEXER_WORD;
	case 'i':
	case 'u':
		return kind == LEXER_NUMBER;
	case 'k':
		return kind == LEXER_NUMBER || kind == LEXER_WORD;
	default:
		return kind == LEXER_WORD;
	}
}

/* For 'f', and for a 'v' that is nothing else. */
static bool read_float(struct parser_line *line, struct parser_arg *arg)
{
	char *end;

	errno = 0;
	arg->real = strtod(arg->text, &end);
	/* strtod() also takes nan(...) and what only C writes so */
	if (*end || strpbrk(arg->text, "(xX"))
		return fail(line, "'%s' is no %s: %s", shorten(arg->text),
			    arg->form == 'v' ? "value" : "float", line->word->usage);
	if (errno && fabs(arg->real) > 1)
		return fail(line, "'%s' is too large for a float", shorten(arg->text));
	return true;
}

/* A string stays as it is. */
static bool read_bytes(struct parser_line *line, struct parser_arg *arg, enum lexer_kind kind)
{
	size_t i;

	if (kind == LEXER_STRING)
		return true;
	for (i = 0; i < arg->len; i++)
		if (refslab_lexer_hex_digit(arg->text[i]) < 0)
			return fail(line, "'%s' is not hexadecimal", shorten(arg->text));
	if (arg->len % 2)
		return fail(line, "a byte has two hexadecimal digits");
	arg->len /= 2;
	for (i = 0; i < arg->len; i++)
		arg->text[i] = 16 * refslab_lexer_hex_digit(arg->text[2 * i]) +
			       refslab_lexer_hex_digit(arg->text[2 * i + 1]);
	return true;
}

/* 7, 2.5, "text", bytes:00ff */
static bool read_value(struct parser_line *line, struct parser_arg *arg, enum lexer_kind kind)
{
	static const char bytes[] = "bytes:";
	const size_t n = sizeof(bytes) - 1;
	char *end;

	arg->value = REFSLAB_VALUE_STR;
	if (kind == LEXER_STRING)
		return true;
	if (!strncmp(arg->text, bytes, n)) {
		arg->value = REFSLAB_VALUE_BYTES;
		arg->len -= n;
		memmove(arg->text, arg->text + n, arg->len + 1);
		return read_bytes(line, arg, kind);
	}
	arg->value = REFSLAB_VALUE_INT;
	errno = 0;
	arg->number = strtoll(arg->text, &end, 10);
	if (!*end)
		return !errno || fail(line, "a number is from -2^63 to 2^63 - 1");
	arg->value = REFSLAB_VALUE_FLOAT;
	return read_float(line, arg);
}

static const struct parser_option *find_option(const struct parser_line *line, const char *word)
{
	const struct parser_option *o = line->word->options;

	while (o->word && strcasecmp(o->word, word))
		o++;
	return o;
}

static bool check_option(struct parser_line *line, struct parser_arg *arg)
{
	const struct parser_option *o = find_option(line, arg->text);
	unsigned int i;

	if (!o->word)
		return fail(line, "there is no option '%s': %s", shorten(arg->text),
			    line->word->usage);
	arg->option = o;
	if (!o->max && !o->bytes && arg->has_number)
		return fail(line, "%s takes no number", o->word);
	if ((o->max || o->bytes) && !arg->has_number)
		return fail(line, "%s takes a number: %s=N", o->word, o->word);
	if (o->max && (arg->number < 0 || arg->number > o->max))
		return fail(line, "%s= is from 0 to %lld", o->word, o->max);
	for (i = 0; &line->args[i] < arg; i++) {
		if (line->args[i].option == o)
			return fail(line, "%s comes twice", o->word);
		if (line->args[i].option && (line->args[i].option->alone || o->alone))
			return fail(line, "%s and %s do not go together",
				    line->args[i].option->word, o->word);
	}
	return true;
}

/* What stands behind the = of an option that is a number of bytes. */
static bool read_limit(struct parser_line *line, struct lexer *lexer, struct parser_arg *arg)
{
	struct lexer_token token;
	const char *wrong;
	__u64 bytes;

	if (!refslab_lexer_next_raw(lexer, &token))
		return fail(line, "%s", lexer->error);
	wrong = refslab_tool_bytes(token.kind == LEXER_WORD ? token.text : "", &bytes);
	free(token.text);
	if (wrong)
		return fail(line, "%s= %s", shorten(arg->text), wrong);
	arg->number = bytes;
	arg->has_number = true;
	return check_option(line, arg);
}

/* A word, or word=N. */
static bool read_option(struct parser_line *line, struct lexer *lexer, struct parser_arg *arg)
{
	struct lexer ahead = *lexer;
	struct lexer_token token;

	if (!refslab_lexer_next(&ahead, &token))
		return check_option(line, arg);	/* whoever reads on complains */
	free(token.text);
	if (token.kind != LEXER_EQUALS)
		return check_option(line, arg);
	*lexer = ahead;
	if (find_option(line, arg->text)->bytes)
		return read_limit(line, lexer, arg);
	if (!next(line, lexer, &token))
		return false;
	free(token.text);
	if (token.kind != LEXER_NUMBER)
		return fail(line, "%s= takes a number", shorten(arg->text));
	arg->number = token.number;
	arg->has_number = true;
	return check_option(line, arg);
}

/* What is more than a form: the operand was added last, from a token of this kind. */
static bool check_arg(struct parser_line *line, struct lexer *lexer, enum lexer_kind kind)
{
	struct parser_arg *arg = &line->args[line->nr_args - 1];
	const struct parser_word *word = line->word;
	unsigned int i;

	for (i = 0; word->rules & PARSER_DISTINCT && i < line->nr_args - 1; i++)
		if (!strcmp(line->args[i].text, arg->text))
			return fail(line, "'%s' comes twice", shorten(arg->text));
	switch (arg->form) {
	case 'u':
	case 'k':
		if (arg->number < 0)
			return fail(line, "expected a number from 0: %s", word->usage);
		if (word->max && arg->number > word->max)
			return fail(line, "expected a number from 0 to %lld: %s", word->max,
				    word->usage);
		return true;
	case 'f':
		return read_float(line, arg);
	case 'x':
		return read_bytes(line, arg, kind);
	case 'v':
		return read_value(line, arg, kind);
	case 'o':
		return read_option(line, lexer, arg);
	case 'a':
		if (refslab_lexer_is_word(arg->text, arg->len) && arg->len <= MAX_ATTRIBUTE)
			return true;
		return fail(line, "an attribute is [A-Za-z_][A-Za-z0-9_]*, at most %d long",
			    MAX_ATTRIBUTE);
	case 'r':
		return (refslab_lexer_is_word(arg->text, arg->len) &&
			arg->len <= REFSLAB_MAX_ROOT_NAME) ||
		       fail(line, "a root's name is an identifier of at most %u bytes",
			    REFSLAB_MAX_ROOT_NAME);
	case 'p':
		if (arg->len && strlen(arg->text) == arg->len)
			return true;
		return fail(line, "that is no name of a file");
	case 'w':
		return refslab_parser_find(arg->text) ||
		       fail(line, "there is no statement '%s'", shorten(arg->text));
	default:
		return true;
	}
}

static bool read_args(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	const char *form = line->word->form;
	bool optional = false, repeated = false;
	enum lexer_kind kind;
	struct lexer before;

	for (;;) {
		if (*form == '?' || *form == '*')
			optional = true;
		if (*form == '*' || *form == '+')
			repeated = true;
		if (*form == '?' || *form == '*' || *form == '+')
			form++;

		before = *lexer;
		if (!next_operand(line, lexer, *form, token))
			return false;
		kind = token->kind;
		if (kind == LEXER_END) {
			if (*form && !optional)
				return fail(line, "something is missing: %s", line->word->usage);
			break;
		}
		if (!*form)
			return fail(line, "something is left over: %s", line->word->usage);
		/* not this one, but perhaps the next that may be left out */
		if (optional && form[1] == '?' && !fits(*form, kind)) {
			free(token->text);
			token->text = NULL;
			*lexer = before;
			form++;
			continue;
		}
		if (!fits(*form, kind))
			return fail(line, "expected %s: %s", what_is(*form), line->word->usage);
		if (!add_arg(line, *form, token) || !check_arg(line, lexer, kind))
			return false;
		/* With the first of "?uuu" come the others; "+n" has what it needs. */
		optional = repeated;
		if (!repeated)
			form++;
	}
	if (line->word->rules & PARSER_PAIRS && line->nr_args % 2)
		return fail(line, "the last key has no value: %s", line->word->usage);
	return true;
}

/* The name on the right side of y = x. */
static bool read_copy(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	struct lexer_token end;

	if (!next(line, lexer, &end))
		return false;
	free(end.text);
	if (end.kind != LEXER_END)
		return fail(line, "nothing is made by '%s'", shorten(token->text));
	line->word = &refslab_parser_copy;
	return add_arg(line, 'n', token);
}

/* The statement's word, or what stands in its place. */
static bool read_word(struct parser_line *line, struct lexer *lexer, struct lexer_token *token)
{
	line->word = refslab_parser_find(token->text);
	if (!line->word && line->target)
		return read_copy(line, lexer, token);
	if (!line->word)
		return fail(line, "there is no statement '%s'", shorten(token->text));
	if (line->word->kind == PARSER_DOES && line->target)
		return fail(line, "makes no object: %s", line->word->usage);
	if (line->word->kind == PARSER_MAKES && !line->target)
		return fail(line, "makes an object that needs a name: %s", line->word->usage);
	free(token->text);
	token->text = NULL;
	return read_args(line, lexer, token);
}

/* x = 5, as Python writes it */
static bool fail_value(struct parser_line *line, const struct lexer_token *token)
{
	static const char expected[] = "expected a word after '='";

	if (token->kind == LEXER_NUMBER)
		return fail(line, "%s, as in %s = int %lld", expected, shorten(line->target),
			    token->number);
	if (token->kind == LEXER_STRING)
		return fail(line, "%s, as in %s = str \"...\"", expected, shorten(line->target));
	return fail(line, "%s", expected);
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
				return fail_value(line, token);
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
