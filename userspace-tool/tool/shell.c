// SPDX-License-Identifier: GPL-2.0
/*
 * refslab shell: script lines as they are typed, with line editing, history and completion by
 * libedit. What is no terminal is read like a script, but goes on after lines that fail.
 *
 * ^C ends neither the shell nor what a line did so far: it abandons the line that is being typed,
 * and interrupts the operation that a line waits for. libedit's handler sets the terminal right and
 * sends the signal on; ours wakes the one place that waits for a key.
 */
#define _GNU_SOURCE		/* pipe2(), asprintf() */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "complete.h"
#include "lexer.h"
#include "lines.h"
#include "run.h"
#include "shell.h"
#include "tool.h"

#define HISTORY_LINES	1000
#define INVALID		0xfffd	/* the character that stands for bytes that are none */

struct shell {
	struct lines lines;
	EditLine *el;
	History *history;
	char *history_file;		/* NULL: nowhere to keep it */
	bool quit;
	bool told;			/* that there are events */
};

/* A byte for each SIGINT. */
static int interrupts[2] = { -1, -1 };

static const struct parser_word own_words[] = {
	{ .word = "help", .form = "?w", .kind = PARSER_DOES, .usage = "help [WORD]" },
	{ .word = "quit", .form = "", .kind = PARSER_DOES, .usage = "quit" },
	{ .word = "exit", .form = "", .kind = PARSER_DOES, .usage = "exit" },
	{ }
};

const struct parser_word *refslab_shell_find(const char *word)
{
	const struct parser_word *w;

	for (w = own_words; w->word; w++)
		if (!strcmp(word, w->word))
			return w;
	return refslab_parser_find(word);
}

void refslab_shell_for_each(void (*fn)(const char *word, __u32 unused, void *arg), void *arg)
{
	const struct parser_word *w;

	for (w = own_words; w->word; w++)
		fn(w->word, 0, arg);
}

/* --- what is typed -------------------------------------------------------------------------- */

static void interrupt(int sig)
{
	int saved = errno;
	ssize_t n;

	(void)sig;
	/* when it is full there is more than enough in it */
	n = write(interrupts[1], "", 1);
	(void)n;
	errno = saved;
}

static bool was_interrupted(void)
{
	char bytes[64];
	bool some = false;

	while (read(interrupts[0], bytes, sizeof(bytes)) > 0)
		some = true;
	return some;
}

static bool catch_interrupts(void)
{
	/* without SA_RESTART: what waits in the kernel ends */
	struct sigaction action = { .sa_handler = interrupt };

	sigemptyset(&action.sa_mask);
	return !pipe2(interrupts, O_CLOEXEC | O_NONBLOCK) && !sigaction(SIGINT, &action, NULL);
}

/* libedit's source of characters: 1, 0 at the end, -1 when the line is abandoned. */
static int read_char(EditLine *el, wchar_t *c)
{
	struct pollfd fds[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN }, { .fd = interrupts[0], .events = POLLIN },
	};
	mbstate_t state = { };
	size_t n;
	char byte;

	(void)el;
	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (fds[1].revents) {
			errno = EINTR;
			return -1;
		}
		switch (read(STDIN_FILENO, &byte, 1)) {
		case 0:
			return 0;
		case 1:
			break;
		default:
			if (errno == EINTR || errno == EAGAIN)
				continue;
			/* the terminal has gone */
			return 0;
		}
		n = mbrtowc(c, &byte, 1, &state);
		if (n == (size_t)-2)
			continue;
		if (n == (size_t)-1)
			*c = INVALID;
		return 1;
	}
}

static char *prompt(EditLine *el)
{
	(void)el;
	return (char *)"refslab> ";
}

/* In columns, below the line, which is shown again. */
static void list_words(const struct complete *c)
{
	const char *columns_text = getenv("COLUMNS");
	int columns = columns_text ? atoi(columns_text) : 0;
	size_t i, width = 0, per_line;

	if (columns <= 0)
		columns = 80;
	for (i = 0; i < c->nr_words; i++)
		if (strlen(c->words[i]) > width)
			width = strlen(c->words[i]);
	width += 2;
	per_line = width < (size_t)columns ? columns / width : 1;
	for (i = 0; i < c->nr_words; i++)
		printf("%s%-*s", i % per_line ? "" : "\n", (int)width, c->words[i]);
	putchar('\n');
	fflush(stdout);
}

static unsigned char complete(EditLine *el, int key)
{
	const LineInfo *line = el_line(el);
	unsigned char ret = CC_ERROR;
	struct complete c;
	struct shell *shell;
	const char *end;
	char *rest;

	(void)key;
	el_get(el, EL_CLIENTDATA, &shell);
	refslab_complete_find(&c, shell->lines.script.session, shell->lines.script.names,
			      line->buffer, line->cursor - line->buffer);
	end = c.nr_words != 1 ? "" : c.takes_number ? "=" : " ";
	if (c.nr_words && !c.failed && (c.common_len > c.prefix_len || *end)) {
		if (asprintf(&rest, "%.*s%s", (int)(c.common_len - c.prefix_len),
			     c.words[0] + c.prefix_len, end) >= 0) {
			ret = el_insertstr(el, rest) ? CC_ERROR : CC_REFRESH;
			free(rest);
		}
	} else if (c.nr_words > 1 && !c.failed) {
		list_words(&c);
		ret = CC_REDISPLAY;
	}
	refslab_complete_free(&c);
	return ret;
}

/* --- history -------------------------------------------------------------------------------- */

/* Where the specification of XDG_STATE_HOME has it, for whoever sets that, or at home. */
static char *find_history_file(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path;

	if (state && *state == '/') {
		if (asprintf(&path, "%s/refslab", state) < 0)
			return NULL;
		mkdir(state, 0700);
		mkdir(path, 0700);
		free(path);
		if (asprintf(&path, "%s/refslab/history", state) < 0)
			return NULL;
		return path;
	}
	if (!home || asprintf(&path, "%s/.refslab_history", home) < 0)
		return NULL;
	return path;
}

static bool history_open(struct shell *shell)
{
	HistEvent ev;

	shell->history = history_init();
	if (!shell->history)
		return false;
	history(shell->history, &ev, H_SETSIZE, HISTORY_LINES);
	history(shell->history, &ev, H_SETUNIQUE, 1);
	shell->history_file = find_history_file();
	/* there is none the first time */
	if (shell->history_file)
		history(shell->history, &ev, H_LOAD, shell->history_file);
	el_set(shell->el, EL_HIST, history, shell->history);
	return true;
}

static void history_close(struct shell *shell)
{
	HistEvent ev;

	if (!shell->history)
		return;
	if (shell->history_file &&
	    history(shell->history, &ev, H_SAVE, shell->history_file) < 0)
		refslab_tool_error("the history is lost: %s: %s", shell->history_file, ev.str);
	history_end(shell->history);
	free(shell->history_file);
}

/* --- lines ---------------------------------------------------------------------------------- */

static void print_help(void)
{
	fputs(refslab_run_words, stdout);
	puts("  help [WORD]             quit, exit\n"
	     "refslab(8) says what they do. TAB completes words and names, ^D ends the shell.");
}

static void help_with(struct shell *shell, const char *word)
{
	const struct parser_word *w = refslab_shell_find(word);

	if (w)
		puts(w->usage);
	else
		refslab_lines_complain(&shell->lines, "there is no statement '%.40s'", word);
}

static bool is_end(struct lexer *lexer)
{
	struct lexer_token token;
	bool ok = refslab_lexer_next(lexer, &token);

	free(token.text);
	return ok && token.kind == LEXER_END;
}

/* Whoever knows Python types a name to see what it is. */
static bool is_object(struct shell *shell, const char *word)
{
	return !refslab_shell_find(word) && refslab_names_get(shell->lines.script.names, word);
}

/*
 * help [WORD...], quit, exit, and what is neither a statement nor NAME = ... but begins with the
 * name of an object. False when the line is none of these: as names they are like any others.
 */
static bool run_own(struct shell *shell, const char *text, size_t len)
{
	struct lexer_token token = { }, word = { };
	struct lexer lexer, after;
	bool own = false;

	refslab_lexer_start(&lexer, text, len);
	if (!refslab_lexer_next(&lexer, &token) || token.kind != LEXER_WORD)
		goto out;
	after = lexer;
	/* of help collect all, the first word is the one */
	if (!refslab_lexer_next(&lexer, &word))
		goto out;
	own = word.kind != LEXER_EQUALS;
	if (!own)
		goto out;
	lexer = after;
	shell->lines.line++;
	if ((!strcmp(token.text, "quit") || !strcmp(token.text, "exit")) && is_end(&lexer))
		shell->quit = true;
	else if (!strcmp(token.text, "help") && word.kind == LEXER_END)
		print_help();
	else if (!strcmp(token.text, "help") && word.kind == LEXER_WORD)
		help_with(shell, word.text);
	else if (is_object(shell, token.text))
		refslab_lines_complain(&shell->lines,
				       "there is no statement '%.40s'; value %.40s says what it is",
				       token.text, token.text);
	else
		own = false;
	/* whoever carries it out counts it */
	shell->lines.line -= !own;
out:
	free(token.text);
	free(word.text);
	return own;
}

static void run_line(struct shell *shell, const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (!run_own(shell, text, len))
		refslab_lines_run(&shell->lines, text, len);
}

/* Events are for the script to take; that there are any is said once. */
static void tell_events(struct shell *shell)
{
	struct pollfd pollfd = {
		.fd = refslab_session_fd(shell->lines.script.session), .events = POLLIN,
	};
	bool some = poll(&pollfd, 1, 0) > 0 && pollfd.revents & POLLIN;

	if (some && !shell->told && !shell->lines.json)
		puts("(there are events: events, or NAME = event)");
	shell->told = some;
}

static void run_terminal(struct shell *shell)
{
	HistEvent ev;
	const char *text;
	int len;

	if (!shell->lines.json)
		printf("refslab %s - help, quit, TAB\n", refslab_version());
	while (!shell->quit) {
		tell_events(shell);
		fflush(stdout);
		text = el_gets(shell->el, &len);
		if (!text && was_interrupted()) {
			puts("^C");
			continue;
		}
		if (!text || len <= 0) {
			putchar('\n');
			return;
		}
		if (strspn(text, " \t\n") < (size_t)len)
			history(shell->history, &ev, H_ENTER, text);
		run_line(shell, text, len);
		/* it was the line's */
		was_interrupted();
	}
}

static void run_input(struct shell *shell)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	while (!shell->quit && (len = getline(&text, &room, stdin)) >= 0)
		run_line(shell, text, len);
	free(text);
	if (ferror(stdin)) {
		refslab_tool_error("standard input: %s", strerror(errno));
		shell->lines.failed = true;
	}
}

static bool open_terminal(struct shell *shell)
{
	setlocale(LC_CTYPE, "");
	if (!catch_interrupts())
		return false;
	shell->el = el_init("refslab", stdin, stdout, stderr);
	if (!shell->el)
		return false;
	el_set(shell->el, EL_CLIENTDATA, shell);
	el_set(shell->el, EL_SIGNAL, 1);
	el_set(shell->el, EL_PROMPT, prompt);
	el_set(shell->el, EL_EDITOR, "emacs");
	el_set(shell->el, EL_GETCFN, read_char);
	el_set(shell->el, EL_ADDFN, "refslab-complete", "Complete the word", complete);
	el_set(shell->el, EL_BIND, "^I", "refslab-complete", NULL);
	return history_open(shell);
}

static void close_terminal(struct shell *shell)
{
	history_close(shell);
	if (shell->el)
		el_end(shell->el);
}

static int run_shell(struct shell *shell, const char *heap_name, __u64 max_bytes)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	shell->lines.go_on = true;
	shell->lines.file = terminal ? NULL : "-";
	if (!refslab_lines_open(&shell->lines, heap_name, max_bytes))
		return REFSLAB_EXIT_FAILED;
	if (!terminal) {
		run_input(shell);
	} else if (open_terminal(shell)) {
		run_terminal(shell);
		/* who sees his mistakes need not be told at the end */
		shell->lines.failed = false;
	} else {
		refslab_tool_error("the terminal cannot be used: %s", strerror(errno));
		shell->lines.failed = true;
	}
	close_terminal(shell);
	refslab_lines_close(&shell->lines);
	return shell->lines.failed ? REFSLAB_EXIT_FAILED : REFSLAB_EXIT_OK;
}

enum { OPTION_LIMIT = 256, OPTION_NAME };

static int shell_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "name", required_argument, NULL, OPTION_NAME },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_shell_command;
	const char *heap_name = "shell";
	struct shell shell = { };
	__u64 max_bytes = 0;
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (c) {
		case OPTION_LIMIT:
			if (!refslab_lines_limit(cmd, optarg, &max_bytes))
				return REFSLAB_EXIT_USAGE;
			break;
		case OPTION_NAME:
			heap_name = optarg;
			break;
		case 'j':
			shell.lines.json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (optind < argc)
		return refslab_tool_usage(cmd, "shell takes no argument; 'refslab run' does");
	return run_shell(&shell, heap_name, max_bytes);
}

const struct refslab_command refslab_shell_command = {
	.name = "shell",
	.summary = "carry out script lines as they are typed",
	.help =
	"Usage: refslab shell [OPTION...]\n"
	"Opens a session, makes a heap, and carries out the lines that are typed: those of 'refslab\n"
	"run', and help [WORD], quit and exit. TAB completes words, names of objects and types; lines of\n"
	"earlier times are kept in $XDG_STATE_HOME/refslab/history or ~/.refslab_history. ^C abandons\n"
	"the line, or interrupts what it waits for; ^D on an empty line ends the shell.\n\n"
	"      --limit N   the heap may have N bytes of memory, 262144 at least (0: no limit);\n"
	"                  K, M or G behind N stands for 1024, 1024^2, 1024^3\n"
	"      --name NAME the heap's name (shell)\n"
	"  -j, --json      one JSON object for each line that prints something\n"
	"  -h, --help      this text\n\n"
	"When standard input and output are not both a terminal, lines are read as by 'refslab run -',\n"
	"but one that fails does not end the shell: the exit status says at the end that there was one.\n",
	.main = shell_main,
};
