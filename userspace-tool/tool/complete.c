// SPDX-License-Identifier: GPL-2.0
/* How a line of the shell may go on: the grammar knows what comes next, the names what there is. */
#include <stdlib.h>
#include <string.h>

#include "complete.h"
#include "lexer.h"
#include "librefslab.h"
#include "names.h"
#include "parser.h"
#include "shell.h"
#include "tool.h"

/* Where on the line the cursor is. */
struct place {
	const char *prefix;		/* the beginning of the word it is in */
	size_t len;
	const struct parser_word *word;	/* of the statement; NULL: that is what is wanted */
	bool made;			/* after NAME = */
	unsigned int nr_args;		/* operands in front of it */
};

static void offer(struct complete *c, const struct place *place, const char *word)
{
	char **more;

	if (strncmp(word, place->prefix, place->len))
		return;
	if (c->nr_words == c->room) {
		size_t room = c->room ? 2 * c->room : 32;

		more = reallocarray(c->words, room, sizeof(*more));
		c->failed |= !more;
		if (!more)
			return;
		c->words = more;
		c->room = room;
	}
	c->words[c->nr_words] = strdup(word);
	if (c->words[c->nr_words])
		c->nr_words++;
	else
		c->failed = true;
}

struct offering {
	struct complete *complete;
	const struct place *place;
};

static void offer_name(const char *name, __u32 handle, void *arg)
{
	struct offering *offering = arg;

	(void)handle;
	offer(offering->complete, offering->place, name);
}

static void offer_words(struct complete *c, const struct place *place, bool all)
{
	const struct parser_word *w;

	enum parser_kind other = place->made ? PARSER_DOES : PARSER_MAKES;

	for (w = refslab_parser_words; w->word; w++)
		if (all || w->kind != other)
			offer(c, place, w->word);
}

static void offer_options(struct complete *c, const struct place *place)
{
	const struct parser_option *o, *last = NULL;
	size_t before = c->nr_words;

	for (o = place->word->options; o->word; o++) {
		size_t n = c->nr_words;

		offer(c, place, o->word);
		if (c->nr_words > n)
			last = o;
	}
	c->takes_number = c->nr_words == before + 1 && last->max;
}

/* The letters of the operand that comes after so many, and of those it may be left out for. */
static void letters_at(const char *form, unsigned int nr_args, char letters[3])
{
	bool repeated = false;
	unsigned int n = 0;

	for (;; form++) {
		if (*form == '*' || *form == '+')
			repeated = true;
		if (*form == '*' || *form == '+' || *form == '?')
			continue;
		if (!*form || !nr_args || (repeated && !form[1]))
			break;
		nr_args--;
	}
	letters[n++] = *form;
	if (*form && form[1] == '?')
		letters[n++] = form[2];
	letters[n] = '\0';
}

/* What is published in the heap. */
static void offer_roots(struct complete *c, struct refslab_session *session,
			const struct place *place)
{
	struct refslab_root_record roots[32];
	__u64 cursor = 0;
	size_t n, i;

	do {
		if (refslab_op_roots(session, &cursor, roots, ARRAY_SIZE(roots), &n))
			return;
		for (i = 0; i < n; i++)
			offer(c, place, roots[i].name);
	} while (cursor);
}

static void offer_operands(struct complete *c, struct refslab_session *session,
			   const struct names *names, const struct place *place)
{
	struct offering offering = { c, place };
	char letters[3], *l;

	letters_at(place->word->form, place->nr_args, letters);
	for (l = letters; *l; l++) {
		switch (*l) {
		case 'n':
		case 'k':
			refslab_names_for_each(names, offer_name, &offering);
			break;
		case 't':
			refslab_names_each_type(names, offer_name, &offering);
			break;
		case 'r':
			/* not of the name that is to be given */
			if (!strchr(place->word->form, 'n'))
				offer_roots(c, session, place);
			break;
		case 'o':
			offer_options(c, place);
			break;
		case 'w':
			offer_words(c, place, true);
			break;
		}
	}
}

static bool is_word_char(char c)
{
	return refslab_lexer_is_word(&c, 1) || (c >= '0' && c <= '9');
}

/* One token in front of the cursor; false: there is no more. */
static bool step(struct lexer *lexer, struct lexer_token *token)
{
	free(token->text);
	token->text = NULL;
	return refslab_lexer_next(lexer, token) && token->kind != LEXER_END;
}

/* The statement so far. False when nothing can be said about what comes next. */
static bool read_place(struct place *place, struct lexer *lexer, struct lexer_token *token)
{
	struct lexer ahead;
	struct lexer_token second = { };

	if (!step(lexer, token))
		return !lexer->error[0];
	if (token->kind == LEXER_MINUS && !step(lexer, token))
		return !lexer->error[0];
	ahead = *lexer;
	place->made = step(&ahead, &second) && second.kind == LEXER_EQUALS;
	free(second.text);
	if (place->made) {
		*lexer = ahead;
		if (!step(lexer, token))
			return !lexer->error[0];
	}
	if (token->kind != LEXER_WORD)
		return false;
	place->word = refslab_shell_find(token->text);
	if (!place->word)
		return false;
	while (step(lexer, token)) {
		/* slots=2 is one operand */
		if (token->kind != LEXER_EQUALS)
			place->nr_args++;
		else if (!step(lexer, token))
			return false;
	}
	return !lexer->error[0];
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

static void tidy(struct complete *c)
{
	size_t i, n = 0;

	qsort(c->words, c->nr_words, sizeof(*c->words), compare);
	for (i = 0; i < c->nr_words; i++) {
		if (n && !strcmp(c->words[i], c->words[n - 1]))
			free(c->words[i]);
		else
			c->words[n++] = c->words[i];
	}
	c->nr_words = n;
	if (!n)
		return;
	/* in order, so that the first and the last differ most */
	while (c->words[0][c->common_len] &&
	       c->words[0][c->common_len] == c->words[n - 1][c->common_len])
		c->common_len++;
}

void refslab_complete_find(struct complete *c, struct refslab_session *session,
			   const struct names *names, const char *line, size_t len)
{
	struct place place = { .prefix = line + len };
	struct offering offering = { c, &place };
	struct lexer_token token = { };
	struct lexer lexer;

	*c = (struct complete){ };
	while (place.prefix > line && is_word_char(place.prefix[-1]))
		place.prefix--;
	place.len = line + len - place.prefix;
	c->prefix_len = place.len;

	refslab_lexer_start(&lexer, line, place.prefix - line);
	if (read_place(&place, &lexer, &token)) {
		if (place.word) {
			offer_operands(c, session, names, &place);
		} else {
			offer_words(c, &place, false);
			if (place.made)
				refslab_names_for_each(names, offer_name, &offering);
			else
				refslab_shell_for_each(offer_name, &offering);
		}
	}
	free(token.text);
	tidy(c);
}

void refslab_complete_free(struct complete *c)
{
	size_t i;

	for (i = 0; i < c->nr_words; i++)
		free(c->words[i]);
	free(c->words);
}
