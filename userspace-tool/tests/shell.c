// SPDX-License-Identifier: GPL-2.0
/*
 * refslab shell, driven through a pseudo-terminal as somebody at a keyboard would: what is typed,
 * what must come on the screen. And without a terminal, where it reads on after a line that failed.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "refslab_test.h"

#define PATIENCE_MS	20000
#define PROMPT		"refslab> "

struct terminal {
	char home[32];
	int fd;			/* the other side */
	pid_t pid;
	char *screen;		/* all that came, without the escapes that move the cursor */
	size_t len, seen, room;
	bool escape;
};

FIXTURE(shell)
{
	struct terminal t;
};

static void start(struct __test_metadata *_metadata, struct terminal *t, const char *option)
{
	const struct winsize size = { .ws_row = 25, .ws_col = 80 };

	t->len = 0;
	t->seen = 0;
	if (t->screen)
		t->screen[0] = '\0';
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	ASSERT_LE(0, t->pid);
	if (!t->pid) {
		setenv("HOME", t->home, 1);
		setenv("TERM", "vt100", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		execlp("refslab", "refslab", "shell", option, NULL);
		_exit(127);
	}
}

/* What comes within @ms milliseconds; false when nothing does. */
static bool read_screen(struct terminal *t, int ms)
{
	struct pollfd pollfd = { .fd = t->fd, .events = POLLIN };
	char text[4096];
	ssize_t i, n;

	if (poll(&pollfd, 1, ms) <= 0)
		return false;
	n = read(t->fd, text, sizeof(text));
	if (n <= 0)
		return false;
	if (t->len + n + 1 > t->room) {
		t->room = 2 * (t->len + n + 1);
		t->screen = realloc(t->screen, t->room);
	}
	for (i = 0; i < n; i++) {
		/* vt100: escape sequences end with a letter, and padding is NULs */
		if (text[i] == '\033')
			t->escape = true;
		else if (t->escape)
			t->escape = text[i] == '[' || (text[i] >= '0' && text[i] <= '?');
		else if (text[i])
			t->screen[t->len++] = text[i];
	}
	t->screen[t->len] = '\0';
	return true;
}

/* Waits until @text is there, after what was seen before. */
static bool comes(struct terminal *t, const char *text)
{
	double end = test_now() + PATIENCE_MS / 1e3;
	const char *at;

	do {
		at = t->screen ? strstr(t->screen + t->seen, text) : NULL;
		if (!at)
			read_screen(t, 100);
	} while (!at && test_now() < end);
	if (at)
		t->seen = at + strlen(text) - t->screen;
	return at;
}

/* Does the shell read keys, not lines? Of a terminal's two sides it is the other one's modes. */
static bool is_editing(const struct terminal *t)
{
	struct termios modes;

	return !tcgetattr(t->fd, &modes) && !(modes.c_lflag & ICANON);
}

static void see(struct __test_metadata *_metadata, struct terminal *t, const char *text)
{
	EXPECT_TRUE(comes(t, text)) {
		TH_LOG("not there: '%s' in '%s'", text, t->screen ? t->screen + t->seen : "");
	}
	/*
	 * libedit shows the prompt and changes the modes then. What is typed between is a line's:
	 * an end of file becomes a NUL.
	 */
	if (!strcmp(text, PROMPT))
		EXPECT_TRUE(wait_for(PATIENCE_MS, is_editing(t)));
}

#define SEE(text)	see(_metadata, &self->t, text)

#define TYPE(text)							\
	EXPECT_EQ((ssize_t)strlen(text), write(self->t.fd, text, strlen(text)))

/* A line at the prompt, and what it prints. */
#define LINE(line, answer) do {						\
	SEE(PROMPT);						\
	TYPE(line "\n");						\
	SEE(answer);							\
} while (0)

/* The shell's exit status, or -1. */
static int end_of(struct terminal *t)
{
	int status = -1;
	bool ended = wait_for(PATIENCE_MS, (read_screen(t, 0),
					    waitpid(t->pid, &status, WNOHANG) == t->pid));

	if (!ended) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, &status, 0);
	}
	close(t->fd);
	t->pid = 0;
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE_SETUP(shell)
{
	memset(self, 0, sizeof(*self));
	snprintf(self->t.home, sizeof(self->t.home), "/tmp/refslab-shell.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->t.home));
	unsetenv("XDG_STATE_HOME");
	start(_metadata, &self->t, NULL);
}

FIXTURE_TEARDOWN(shell)
{
	char text[4096] = "";

	if (self->t.pid) {
		TYPE("\nquit\n");
		EXPECT_EQ(0, end_of(&self->t));
	}
	EXPECT_TRUE(wait_for(TEST_SETTLE_MS, test_nothing_left(text, sizeof(text))));
	free(self->t.screen);
}

TEST_F(shell, lines)
{
	LINE("x = int 7", "\n");
	LINE("value x", "\nvalue x: 7\r\n");
	LINE("s = str \"\303\244\342\202\254\"", "\n");
	LINE("value s", "\nvalue s: \"\303\244\342\202\254\"\r\n");
	LINE("  # nothing", "\n");
	LINE("count", "\ncount: ");
}

TEST_F(shell, goes_on_after_errors)
{
	LINE("value x", "\nrefslab: value: there is no object 'x'\r\n");
	LINE("collect 3", "\nrefslab: expected a number from 0 to 2: collect");
	LINE("- value x", "\nrefslab: value: there is no object 'x' (ignored)\r\n");
	LINE("enabled", "\nenabled: yes\r\n");
	SEE(PROMPT);
	TYPE("\004");
	EXPECT_EQ(0, end_of(&self->t));
}

TEST_F(shell, completes_words)
{
	LINE("apple = int 7", "\n");
	LINE("banana = li\tapple", "\n");
	/* the only word, and the only name */
	LINE("refc\tba\t", "\nrefcount banana: 1\r\n");
	/* after NAME = only what makes something, and names */
	LINE("c = app\t", "\n");
	LINE("refcount c", "\nrefcount c: ");
	LINE("len ban\t", "\nlen banana: 1\r\n");
}

TEST_F(shell, completes_types_and_options)
{
	LINE("type Tree slo\t2 wea\t", "\n");
	LINE("t = new Tr\t", "\n");
	LINE("typeof t", "\ntypeof t: Tree\r\n");
	LINE("w = weak t ca\t", "\n");
	LINE("typeof w", "\ntypeof w: weakref\r\n");
	LINE("collect a\t", "\ncollect 2: 0 unreachable");
}

TEST_F(shell, completes_roots)
{
	LINE("x = list", "\n");
	LINE("publish x mailbox", "\n");
	LINE("y = lookup mai\t", "\n");
	LINE("is x y", "\nis x y: yes\r\n");
	LINE("unpublish ma\t", "\n");
	LINE("roots", "\nroots: 0\r\n");
}

TEST_F(shell, lists_what_fits)
{
	SEE(PROMPT);
	TYPE("un");
	TYPE("\t");
	/* there is one only */
	SEE("freeze");
	TYPE("\025");
	/* as far as they are the same, and then what there is */
	TYPE("refe\t\t");
	SEE("\nreferents");
	SEE("referrers");
	/* the line is there again */
	SEE("refslab> refer");
	TYPE("\025count\n");
	SEE("\ncount: ");
}

TEST_F(shell, interrupt_abandons_the_line)
{
	SEE(PROMPT);
	TYPE("value nonsen");
	SEE("nonsen");
	TYPE("\003");
	SEE("^C");
	LINE("count", "\ncount: ");
	/* nothing of it was carried out */
	EXPECT_EQ(NULL, strstr(self->t.screen, "there is no object"));
}

TEST_F(shell, interrupt_ends_what_a_line_waits_for)
{
	double begin = test_now();

	SEE(PROMPT);
	TYPE("sleep 3600000\n");
	SEE("\n");
	test_sleep_ms(300);
	TYPE("\003");
	SEE("refslab: sleep: interrupted\r\n");
	EXPECT_GT(100, test_now() - begin);
	LINE("count", "\ncount: ");
}

TEST_F(shell, history)
{
	struct stat st;
	char path[64];

	LINE("x = int 7", "\n");
	LINE("value x", "\nvalue x: 7\r\n");
	SEE(PROMPT);
	/* the line before */
	TYPE("\020\n");
	SEE("\nvalue x: 7\r\n");
	SEE(PROMPT);
	TYPE("\004");
	ASSERT_EQ(0, end_of(&self->t));

	snprintf(path, sizeof(path), "%s/.refslab_history", self->t.home);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0600, st.st_mode & 0777);
	start(_metadata, &self->t, NULL);
	SEE(PROMPT);
	TYPE("\020\020\n");
	SEE("x = int 7");
	SEE(PROMPT);
	TYPE("\020\020\n");
	SEE("\nvalue x: 7\r\n");
}

TEST_F(shell, history_where_xdg_wants_it)
{
	char path[64];

	SEE(PROMPT);
	TYPE("quit\n");
	ASSERT_EQ(0, end_of(&self->t));
	snprintf(path, sizeof(path), "%s/state", self->t.home);
	setenv("XDG_STATE_HOME", path, 1);
	start(_metadata, &self->t, NULL);
	LINE("count", "\ncount: ");
	SEE(PROMPT);
	TYPE("quit\n");
	ASSERT_EQ(0, end_of(&self->t));
	unsetenv("XDG_STATE_HOME");
	snprintf(path, sizeof(path), "%s/state/refslab/history", self->t.home);
	EXPECT_EQ(0, access(path, R_OK));
}

TEST_F(shell, tells_of_events)
{
	LINE("type T finalizer", "\n");
	LINE("t = new T", "\n");
	LINE("del t", "\n(there are events: events, or NAME = event)\r\n");
	LINE("y = event", "\nevent: finalize, id ");
	LINE("finalized y", "\nfinalized y: yes\r\n");
}

TEST_F(shell, greets)
{
	SEE("refslab ");
	SEE(" - help, quit, TAB\r\n");
	SEE(PROMPT);
	TYPE("exit\n");
	EXPECT_EQ(0, end_of(&self->t));
}

TEST_F(shell, help)
{
	LINE("help collect", "\ncollect [GENERATION] [all]\r\n");
	LINE("help collect all", "\ncollect [GENERATION] [all]\r\n");
	LINE("help exit", "\nexit\r\n");
	LINE("help", "\n  x = int N               x = float N ");
	SEE("sleep MS\r\n  help [WORD] ");
	LINE("help frobnicate", "\nrefslab: there is no statement 'frobnicate'\r\n");
	/* a name like any other */
	LINE("help = int 3", "\n");
	LINE("value help", "\nvalue help: 3\r\n");
}

TEST_F(shell, a_name_alone)
{
	LINE("l = list", "\n");
	LINE("l", "\nrefslab: there is no statement 'l'; value l says what it is\r\n");
	LINE("l append l", "\nrefslab: there is no statement 'l'; value l says what it is\r\n");
	LINE("m", "\nrefslab: there is no statement 'm'\r\n");
	LINE("l = int 3", "\n");
	LINE("value l", "\nvalue l: 3\r\n");
}

TEST_F(shell, json)
{
	SEE(PROMPT);
	TYPE("quit\n");
	ASSERT_EQ(0, end_of(&self->t));
	start(_metadata, &self->t, "--json");
	LINE("x = int 7", "\n");
	LINE("value x", "\n{\"value\":7}\r\n");
	EXPECT_EQ(NULL, strstr(self->t.screen, "TAB"));
}

TEST_F(shell, terminal_goes_away)
{
	int status = -1;

	LINE("x = int 7", "\n");
	SEE(PROMPT);
	close(self->t.fd);
	EXPECT_TRUE(wait_for(PATIENCE_MS, waitpid(self->t.pid, &status, WNOHANG) == self->t.pid));
	self->t.pid = 0;
}

/* Without a terminal: what @input makes of it, and how it ends. */
static int run_input(const char *input, char *output, size_t size)
{
	char command[512];
	int status;
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "printf -- '%s' | refslab shell 2>&1", input);
	f = popen(command, "r");
	if (!f)
		return -1;
	n = fread(output, 1, size - 1, f);
	output[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(no_terminal)
{
	char output[1024];

	EXPECT_EQ(0, run_input("x = int 7\\nvalue x", output, sizeof(output)));
	EXPECT_STREQ("value x: 7\n", output);
	EXPECT_EQ(1, run_input("value x\\nhelp stat\\n-value y\\nenabled\\n", output,
			       sizeof(output)));
	EXPECT_STREQ("refslab: -:1: value: there is no object 'x'\n"
		     "stat\n"
		     "refslab: -:3: value: there is no object 'y' (ignored)\n"
		     "enabled: yes\n", output);
	EXPECT_EQ(0, run_input("-value x\\nquit\\nvalue x\\n", output, sizeof(output)));
	EXPECT_STREQ("refslab: -:1: value: there is no object 'x' (ignored)\n", output);
	EXPECT_EQ(1, run_input("x = int 7\\nx\\nhelp frob\\nexit\\nvalue x\\n", output,
			       sizeof(output)));
	EXPECT_STREQ("refslab: -:2: there is no statement 'x'; value x says what it is\n"
		     "refslab: -:3: there is no statement 'frob'\n", output);
	EXPECT_EQ(0, run_input("", output, sizeof(output)));
	EXPECT_STREQ("", output);
}

TEST_HARNESS_MAIN
