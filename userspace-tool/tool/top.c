// SPDX-License-Identifier: GPL-2.0
/*
 * refslab top: the heaps there are, live.
 *
 * Signals only set a flag, and are blocked but while the program waits, so that none comes between
 * the look at the flag and the wait; the terminal is put back on the way out, and the signal raised
 * again, so that whoever started us sees what ended us.
 */
#define _GNU_SOURCE		/* ppoll() */
#include <ctype.h>
#include <curses.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "look.h"
#include "tool.h"
#include "top.h"

#define KEY_ESCAPE	27

static atomic_int ended_by;

static void on_signal(int sig)
{
	ended_by = sig;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* @waiting: the mask for the time of waiting */
static void catch_signals(sigset_t *waiting)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaddset(&block, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, waiting);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigdelset(waiting, signals[i]);
}

/* As if it had not been caught. */
static void raise_again(int sig, const sigset_t *waiting)
{
	signal(sig, SIG_DFL);
	raise(sig);
	sigprocmask(SIG_SETMASK, waiting, NULL);
}

/* --- the screen ------------------------------------------------------------------------------ */

/* Rows scroll below their title when they are more than fit, so that the marked one is seen. */
static void draw(const struct top *top, const struct top_page *page)
{
	size_t rows, first, i, at = 0, skip = 0;

	erase();
	first = page->title + 1;
	rows = LINES > (int)first + 1 ? LINES - 1 - first : 0;
	if (rows && page->marked >= first + rows)
		skip = page->marked - first - rows + 1;
	for (i = 0; i < page->nr && (int)at < LINES - 1; i++) {
		if (i >= first && i < first + skip)
			continue;
		if ((page->title && i == page->title) || (page->marked && i == page->marked))
			attron(i == page->title ? A_REVERSE : A_BOLD);
		mvaddnstr(at, 0, page->lines[i], COLS);
		/* the whole of the title's line, and a mark that is seen without bold, too */
		if (page->title && i == page->title)
			hline(' ' | A_REVERSE, COLS);
		if (page->marked && i == page->marked)
			mvaddch(at, 0, '>');
		attrset(A_NORMAL);
		at++;
	}
	if (LINES > 0)
		mvaddnstr(LINES - 1, 0, top->inside ?
			  "q quit  Backspace all heaps" :
			  "q quit  Up Down Enter a heap  sort: n o t b r a s l p", COLS);
	refresh();
}

static void move_mark(struct top *top, int by)
{
	size_t i;

	for (i = 0; i < top->nr_heaps; i++)
		if (top->heaps[i].value[TOP_HEAP] == top->heap)
			break;
	if (i == top->nr_heaps)
		i = 0;
	else if (by < 0 && i)
		i--;
	else if (by > 0 && i + 1 < top->nr_heaps)
		i++;
	if (top->nr_heaps)
		top->heap = top->heaps[i].value[TOP_HEAP];
}

/* Returns whether to go on. */
static bool handle_key(struct top *top, int key)
{
	enum top_column column;
	char letter;

	switch (key) {
	case 'q':
		return false;
	case KEY_UP:
	case 'k':
		move_mark(top, -1);
		return true;
	case KEY_DOWN:
	case 'j':
		move_mark(top, 1);
		return true;
	case KEY_ENTER:
	case '\n':
	case '\r':
	case KEY_RIGHT:
		move_mark(top, 0);
		top->inside = top->nr_heaps;
		return true;
	case KEY_BACKSPACE:
	case KEY_LEFT:
	case KEY_ESCAPE:
	case '\b':
	case 0x7f:
		top->inside = false;
		return true;
	}
	for (column = 0; column < TOP_COLUMNS; column++) {
		refslab_top_title(column, &letter);
		if (key == letter)
			top->sort = column;
	}
	return true;
}

/* Returns whether to go on; all keys that are there are handled. */
static bool handle_keys(struct top *top)
{
	int key;

	while ((key = getch()) != ERR)
		if (!handle_key(top, key))
			return false;
	return true;
}

/* Until it is time for the next look. Returns whether to go on. */
static bool wait_and_draw(struct top *top, double until, const sigset_t *waiting)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec time;
	struct top_page page;
	double left;

	for (;;) {
		refslab_top_fill(top, &page);
		draw(top, &page);
		refslab_top_clear(&page);
		left = until - refslab_look_clock();
		if (left <= 0)
			return true;
		time.tv_sec = left;
		time.tv_nsec = (left - time.tv_sec) * 1e9;
		/* a change of size comes as a signal, and then as a key */
		if (ppoll(&input, 1, &time, waiting) > 0 &&
		    input.revents & (POLLHUP | POLLERR | POLLNVAL))
			return false;
		if (ended_by || !handle_keys(top))
			return false;
		refslab_top_sort(top);
	}
}

/* Is the heap there that was asked for? Otherwise says so. */
static bool has_heap(const struct top *top)
{
	size_t i;

	for (i = 0; top->inside && i < top->nr_heaps; i++)
		if (top->heaps[i].value[TOP_HEAP] == top->heap)
			break;
	if (!top->inside || i < top->nr_heaps)
		return true;
	refslab_debugfs_explain(top->mount, ENOENT);
	return false;
}

static int run_screen(struct top *top, double interval, __u64 times)
{
	sigset_t waiting;
	SCREEN *screen;
	__u64 i;
	int err = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		refslab_tool_error("top needs a terminal; -b goes without");
		return REFSLAB_EXIT_FAILED;
	}
	/* what is wrong is said before the screen is taken */
	if (!refslab_top_read(top)) {
		refslab_debugfs_explain(top->mount, errno);
		return REFSLAB_EXIT_FAILED;
	}
	if (!has_heap(top))
		return REFSLAB_EXIT_FAILED;
	setlocale(LC_ALL, "");
	catch_signals(&waiting);
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		refslab_tool_error("top cannot work with the terminal '%s'", getenv("TERM") ?: "");
		return REFSLAB_EXIT_FAILED;
	}
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	for (i = 1; wait_and_draw(top, top->clock + interval, &waiting); i++) {
		if (i == times)
			break;
		if (!refslab_top_read(top)) {
			err = errno;
			break;
		}
	}
	endwin();
	delscreen(screen);
	if (err)
		refslab_debugfs_explain(top->mount, err);
	if (ended_by)
		raise_again(ended_by, &waiting);
	return err ? REFSLAB_EXIT_FAILED : REFSLAB_EXIT_OK;
}

/* --- without one ----------------------------------------------------------------------------- */

static void print_page(const struct top *top, bool first)
{
	struct top_page page;
	size_t i;

	refslab_top_fill(top, &page);
	if (!first)
		putchar('\n');
	for (i = 0; i < page.nr; i++)
		puts(page.lines[i]);
	refslab_top_clear(&page);
}

static int run_batch(struct top *top, double interval, __u64 times, bool json)
{
	struct timespec time = { .tv_sec = interval };
	__u64 i;
	size_t j;

	time.tv_nsec = (interval - time.tv_sec) * 1e9;
	for (i = 0; !times || i < times; i++) {
		if (i)
			nanosleep(&time, NULL);
		if (!refslab_top_read(top)) {
			refslab_debugfs_explain(top->mount, errno);
			return REFSLAB_EXIT_FAILED;
		}
		/* one that ends while it is shown is another thing */
		if (!i && !has_heap(top))
			return REFSLAB_EXIT_FAILED;
		for (j = 0; json && j < top->nr_heaps; j++)
			refslab_tool_json(refslab_top_json(&top->heaps[j]));
		if (!json)
			print_page(top, !i);
		/* nobody reads any more */
		if (!refslab_tool_flush(stdout))
			return REFSLAB_EXIT_FAILED;
	}
	return REFSLAB_EXIT_OK;
}

/* --- the command ----------------------------------------------------------------------------- */

static bool read_sort(const struct refslab_command *cmd, const char *text, enum top_column *sort)
{
	char letter;

	for (*sort = 0; *sort < TOP_COLUMNS; (*sort)++) {
		refslab_top_title(*sort, &letter);
		if (text[0] == letter && !text[1])
			return true;
	}
	refslab_tool_usage(cmd, "--sort is one of the letters n o t b r a s l p, not '%s'", text);
	return false;
}

enum { OPTION_ALL = 256, OPTION_INTERVAL, OPTION_SORT };

static int top_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "batch", no_argument, NULL, 'b' },
		{ "debugfs", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, OPTION_INTERVAL },
		{ "iterations", required_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, OPTION_SORT },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_top_command;
	struct top top = { .mount = REFSLAB_DEBUGFS_MOUNT, .sort = TOP_USED };
	bool batch = false, json = false;
	double interval = 1;
	__u64 times = 0, heap;
	int c, status;

	while ((c = getopt_long(argc, argv, "bd:n:jh", options, NULL)) != -1) {
		switch (c) {
		case OPTION_ALL:
			top.all = true;
			break;
		case 'b':
			batch = true;
			break;
		case 'd':
			top.mount = optarg;
			break;
		case OPTION_INTERVAL:
			if (!refslab_look_seconds(cmd, "--interval", optarg, &interval))
				return REFSLAB_EXIT_USAGE;
			break;
		case 'n':
			if (!refslab_tool_number(cmd, "-n", optarg, ~0u, &times))
				return REFSLAB_EXIT_USAGE;
			if (!times)
				return refslab_tool_usage(cmd, "-n is at least 1");
			break;
		case OPTION_SORT:
			if (!read_sort(cmd, optarg, &top.sort))
				return REFSLAB_EXIT_USAGE;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (argc - optind > 1)
		return refslab_tool_usage(cmd, "top takes one heap at most");
	if (optind < argc) {
		if (!refslab_tool_number(cmd, "HEAP", argv[optind], ~0u, &heap))
			return REFSLAB_EXIT_USAGE;
		top.heap = heap;
		top.inside = true;
	}
	if (batch || json)
		status = run_batch(&top, interval, times, json);
	else
		status = run_screen(&top, interval, times);
	refslab_top_free(&top);
	return status;
}

const struct refslab_command refslab_top_command = {
	.name = "top",
	.summary = "the heaps there are, live",
	.help =
	"Usage: refslab top [OPTION...] [HEAP]\n"
	"Shows the heaps, or one with its generations and types, once a second: objects, those that\n"
	"are tracked, bytes used and reserved, objects made per second, scans, how long the last one\n"
	"took (SCAN), and the longest time that it did not give way (PAUSE).\n"
	"Reads debugfs, which only root may.\n\n"
	"Keys: q quit; Up, Down and Enter a heap, Backspace all heaps; sort by n number, o objects,\n"
	"t tracked, b bytes used, r reserved, a made per second, s scans, l last scan, p pause.\n\n"
	"      --all           types of a heap with no object live, kept or just made, too\n"
	"  -b, --batch         print pages one after the other, without a terminal\n"
	"  -n, --iterations N  end after N looks (never)\n"
	"      --interval S    seconds from one look to the next (1)\n"
	"      --sort KEY      the letter of a key above (b)\n"
	"  -d, --debugfs DIR   where debugfs is mounted (" REFSLAB_DEBUGFS_MOUNT ")\n"
	"  -j, --json          with or without -b: one object a heap and look\n"
	"  -h, --help          this text\n",
	.main = top_main,
};
