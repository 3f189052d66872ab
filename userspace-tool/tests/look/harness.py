# SPDX-License-Identifier: GPL-2.0
"""What the tests of the looking commands share: running them, a heap that stays, a terminal."""
import ctypes
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

REFSLAB = os.environ.get('REFSLAB', 'refslab')
DEBUGFS = '/sys/kernel/debug/refslab'


class Failed(Exception):
    """A test found something wrong."""


class Skipped(Exception):
    """The kernel lacks something that a test needs."""


def check(true, *what):
    """Fails with a text unless it is true."""
    if not true:
        raise Failed(' '.join(str(w) for w in what))


def equal(got, want, what=''):
    """Fails unless both are the same."""
    check(got == want, what, 'is', repr(got), 'and not', repr(want))


def run(*args, status=0, env=None, **more):
    """Runs refslab: (stdout, stderr), after a look at the exit status."""
    done = subprocess.run([REFSLAB, *map(str, args)], capture_output=True, text=True,
                          timeout=120, check=False, env=env, **more)
    check(done.returncode == status, 'refslab', *args, 'ends with', done.returncode, done.stdout,
          done.stderr)
    return done.stdout, done.stderr


def run_json(*args, **more):
    """The objects that refslab prints with --json."""
    return [json.loads(line) for line in run(*args, '--json', **more)[0].splitlines()]


def wait_until(test, seconds=20):
    """Waits until test() is true."""
    end = time.monotonic() + seconds
    while not test():
        check(time.monotonic() < end, 'this never came true')
        time.sleep(0.02)


def script(*lines):
    """The arguments that make a script of lines."""
    return [a for line in lines for a in ('-e', line)]


class Heap:
    """A heap that a script keeps while others look at it; lines are carried out as they come."""

    def __init__(self, name='test', *lines):
        self.process = subprocess.Popen([REFSLAB, 'run', '--json', '--name', name, '-'], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.do('disable', *lines)
        shown = name.replace('\\', '\\134')
        ids = [h['heap'] for h in run_json('heaps') if h.get('name') == shown]
        equal(len(ids), 1, 'heaps called ' + name)
        self.id = ids[0]

    def do(self, *lines):
        """Carries out lines; returns what the last of them answers."""
        answer = None
        for line in (*lines, 'count'):
            self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        # count is answered always, and so marks the end
        while True:
            line = self.process.stdout.readline()
            check(line, 'the script ended:', *lines[:3])
            said = json.loads(line)
            if 'count' in said:
                return answer
            answer = said

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def sessions_of(pid):
    """The sessions with a heap of a process, by descriptor: what fdinfo says, without refslab-."""
    found = {}
    folder = '/proc/%d/fdinfo/' % pid
    for fd in os.listdir(folder):
        try:
            with open(folder + fd, encoding='ascii') as f:
                lines = [line.rstrip('\n').split(':\t', 1) for line in f]
        except OSError:
            continue
        said = {key[8:]: value for key, value in lines if key.startswith('refslab-')}
        if said.get('heap', '0') != '0':
            found[int(fd)] = said
    return found


def take(heap):
    """The session of a Heap: a descriptor of our own, which keeps it when the Heap ends."""
    pid = heap.process.pid
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    fd = libc.syscall(PIDFD_GETFD, pidfd, next(iter(sessions_of(pid))), 0)
    check(pidfd >= 0 and fd >= 0, 'pidfd_getfd:', os.strerror(ctypes.get_errno()))
    os.close(pidfd)
    return fd


def refuse(number, error):
    """A preexec_fn with which a system call does nothing but to fail."""
    if libc.prctl(21, 0, 0, 0, 0) < 0:
        raise Skipped('the kernel has no seccomp')
    code = b''.join(struct.pack('=HBBI', *op) for op in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | error),
        (0x06, 0, 0, 0x7fff0000)))
    text = ctypes.create_string_buffer(code, len(code))
    program = struct.pack('@HP', len(code) // 8, ctypes.addressof(text))

    def install(text=text):
        check(libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0,
              'seccomp', text)
    return install


class Watch:
    """refslab watch, from when it has begun to watch."""

    def __init__(self, *args, json_lines=True, **more):
        self.json, self.text = json_lines, ''
        self.process = subprocess.Popen([REFSLAB, 'watch', *(['--json'] if json_lines else []),
                                         *map(str, args)], stdout=more.pop('stdout', -1),
                                        stderr=subprocess.PIPE, **more)
        wait_until(lambda: self.process.poll() is not None or
                   any(s['rights'] == 'none' and s['operations'] != '0'
                       for s in sessions_of(self.process.pid).values()), 60)

    def rows(self, n):
        """Waits for the next lines."""
        end = time.monotonic() + 60
        while self.text.count('\n') < n:
            check(time.monotonic() < end, n, 'lines do not come:', self.text)
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                more = os.read(self.process.stdout.fileno(), 65536).decode()
                check(more, 'it ends with', self.text)
                self.text += more
        lines = self.text.split('\n', n)
        self.text = lines.pop()
        return [json.loads(line) if self.json else line for line in lines]

    def end(self, sig=None):
        """After a signal, or as it is: the status, what was not read, and messages."""
        if sig:
            self.process.send_signal(sig)
        try:
            out, error = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        return self.process.returncode, self.text + (out or b'').decode(), error.decode()


class Screen:
    """A VT52, which has few sequences: what is on it after some output."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[' '] * columns for _ in range(rows)]
        self.y = self.x = 0
        self.rest = ''

    def resize(self, rows, columns):
        """As a terminal does: what there was stays where it was."""
        self.cells = [[self.cells[y][x] if y < self.rows and x < self.columns else ' '
                       for x in range(columns)] for y in range(rows)]
        self.rows, self.columns = rows, columns
        self.y, self.x = min(self.y, rows - 1), min(self.x, columns - 1)

    def feed(self, text):
        """Takes output."""
        text = self.rest + text
        self.rest = ''
        i = 0
        while i < len(text):
            c = text[i]
            if c == '\033':
                n = 4 if text[i + 1:i + 2] == 'Y' else 2
                if len(text) - i < n:
                    self.rest = text[i:]
                    return
                self.escape(text[i + 1:i + n])
                i += n
                continue
            self.put(c)
            i += 1

    def put(self, c):
        """One character."""
        if c == '\r':
            self.x = 0
        elif c == '\n':
            if self.y == self.rows - 1:
                self.cells = self.cells[1:] + [[' '] * self.columns]
            else:
                self.y += 1
        elif c == '\b':
            self.x = max(self.x - 1, 0)
        elif c == '\t':
            self.x = min((self.x // 8 + 1) * 8, self.columns - 1)
        elif c >= ' ':
            self.cells[self.y][self.x] = c
            self.x = min(self.x + 1, self.columns - 1)

    def escape(self, what):
        """One sequence."""
        if what[0] == 'Y':
            self.y = min(ord(what[1]) - 32, self.rows - 1)
            self.x = min(ord(what[2]) - 32, self.columns - 1)
        elif what == 'H':
            self.y = self.x = 0
        elif what in 'ABCD':
            dy, dx = {'A': (-1, 0), 'B': (1, 0), 'C': (0, 1), 'D': (0, -1)}[what]
            self.y = min(max(self.y + dy, 0), self.rows - 1)
            self.x = min(max(self.x + dx, 0), self.columns - 1)
        elif what == 'I':
            if self.y:
                self.y -= 1
            else:
                self.cells = [[' '] * self.columns] + self.cells[:-1]
        elif what in 'JK':
            self.cells[self.y][self.x:] = [' '] * (self.columns - self.x)
            for y in range(self.y + 1, self.rows if what == 'J' else 0):
                self.cells[y] = [' '] * self.columns

    def lines(self):
        """What is to be seen."""
        return [''.join(row).rstrip() for row in self.cells]


class Terminal:
    """refslab in a terminal of its own."""

    def __init__(self, *args, rows=24, columns=80, term='vt52'):
        self.screen = Screen(rows, columns)
        self.raw = ''
        # The terminal is ready, and stays open, whatever becomes of the program.
        self.master, self.slave = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if not self.pid:
            os.close(self.master)
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.environ.update(TERM=term, LANG='C.UTF-8', LC_ALL='C.UTF-8')
            for name in ('LINES', 'COLUMNS'):
                os.environ.pop(name, None)
            try:
                os.execvp(REFSLAB, [REFSLAB, *map(str, args)])
            finally:
                os._exit(127)

    def size(self, rows, columns):
        """Sets the size, of which the program is told by a signal."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('4H', rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, seconds):
        """Takes what comes within a time."""
        until = time.monotonic() + seconds
        while select.select([self.master], [], [], max(until - time.monotonic(), 0))[0]:
            text = os.read(self.master, 65536).decode('utf-8', 'replace')
            self.raw += text
            self.screen.feed(text)

    def wait(self, test, what, seconds=20):
        """Until the screen is as it should be."""
        until = time.monotonic() + seconds
        while not test(self.screen.lines()):
            check(time.monotonic() < until, what, 'does not come:', *self.screen.lines())
            self.read(0.1)

    def key(self, keys):
        """Types something."""
        os.write(self.master, keys.encode())

    def end(self, sig=None):
        """The status it ends with, after a signal; and the terminal has to be as it was."""
        if sig:
            os.kill(self.pid, sig)
        until = time.monotonic() + 20
        while True:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise Failed('it does not end')
        after = termios.tcgetattr(self.slave)
        self.read(0)
        os.close(self.master)
        os.close(self.slave)
        equal(after, self.before, 'the terminal afterwards')
        return status
