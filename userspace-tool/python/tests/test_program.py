# SPDX-License-Identifier: GPL-2.0
"""Whole programs: the interpreter's end, fork(), signals; and what the package says of itself."""

import errno
import os
import signal
import subprocess
import sys
import unittest

import refslab
from common import HeapTest
from refslab import _abi, _session

CLASSIC = """
import refslab

heap = refslab.Heap()
gc = heap.gc
gc.disable()
Node = heap.type("Node", slots=["ref"], finalizer=lambda node: print("finalized"))

a = Node()
b = Node()
a.ref = b
b.ref = a
print(gc.getrefcount(a), gc.is_tracked(a), gc.get_count())
del a, b
print(gc.collect(), heap.run_events(), gc.collect())

l = heap.list([1, 2, 3])
l.append(l)
print(l, l[3] is l)
del l
print(gc.collect(), gc.collect())
"""


def run(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(refslab.__file__))},
    )


ATTACHED = """
import sys
import refslab

heap = refslab.Heap.attach(int(sys.argv[1]), readonly=len(sys.argv) > 3)
l = heap.by_id(int(sys.argv[2]))
print(list(l))
try:
    l.append(4)
except PermissionError as e:
    print(e.errno)
"""


class Attached(HeapTest):
    def attached(self, made, *more):
        return subprocess.run(
            [sys.executable, "-c", ATTACHED, str(self.heap.fileno()), str(self.heap.id(made)),
             *more],
            capture_output=True, text=True, timeout=60, pass_fds=[self.heap.fileno()],
            env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(refslab.__file__))},
        )

    def test_a_process_that_was_given_the_descriptor(self):
        made = self.heap.list([1, 2, 3])
        done = self.attached(made)
        self.assertEqual((done.stdout, done.stderr), ("[1, 2, 3]\n", ""))
        self.assertEqual(list(made), [1, 2, 3, 4])
        self.assertEqual(self.gc.getrefcount(made), 1)

    def test_one_that_may_only_look(self):
        made = self.heap.list([1, 2, 3])
        done = self.attached(made, "readonly")
        self.assertEqual((done.stdout, done.stderr), ("[1, 2, 3]\n1\n", ""))
        self.assertEqual(list(made), [1, 2, 3])

    def test_rights_shrink(self):
        with refslab.Heap.attach(self.heap, collect=False) as other:
            self.assertRaises(PermissionError, other.gc.collect)
            l = other.list([1])
            with refslab.Heap.attach(other) as third:
                self.assertRaises(PermissionError, third.gc.collect)
                self.assertEqual(list(third.by_id(other.id(l))), [1])
        self.assert_nothing_left()

    def test_published(self):
        inbox = self.heap.list(["message"])
        self.heap.publish("inbox", inbox)
        self.heap.publish("answer", 42)
        self.assertRaises(ValueError, self.heap.publish, "inbox", [])
        self.assertRaises(ValueError, self.heap.publish, "no name", [])
        self.assertEqual(self.gc.getrefcount(inbox), 2)
        with refslab.Heap.attach(self.heap, readonly=True) as other:
            self.assertEqual(list(other.lookup("inbox")), ["message"])
            self.assertEqual(other.lookup("answer"), 42)
            self.assertRaises(KeyError, other.lookup, "outbox")
            self.assertRaises(PermissionError, other.publish, "outbox", other.lookup("inbox"))
            self.assertRaises(PermissionError, other.unpublish, "inbox")
            self.assertEqual(set(other.roots()), {"inbox", "answer"})
            self.assertEqual(other.roots()["inbox"], self.heap.id(inbox))
        self.heap.unpublish("inbox")
        self.heap.unpublish("answer")
        self.assertRaises(KeyError, self.heap.unpublish, "inbox")
        self.assertEqual(self.heap.roots(), {})
        del inbox
        self.assert_nothing_left()

    def test_more_roots_than_one_call_lists(self):
        for i in range(200):
            self.heap.publish(f"r{i}", 1000 + i)
        self.assertEqual(set(self.heap.roots()), {f"r{i}" for i in range(200)})

    def test_limits(self):
        none = {"max_bytes": 0, "max_objects": 0, "max_handles": 0}
        self.assertEqual(self.heap.limits(), none)
        with refslab.Heap("few", max_objects=1000, max_handles=3) as few:
            self.assertEqual(
                few.limits(), {"max_bytes": 0, "max_objects": 1000, "max_handles": 3}
            )
            keep = [few.list() for _ in range(3)]
            with self.assertRaises(refslab.Error) as caught:
                few.list()
            self.assertEqual(caught.exception.errno, errno.EMFILE)
            self.assertEqual(few.limits(max_handles=0)["max_objects"], 1000)
            self.assertEqual(few.limits(max_objects=1)["max_handles"], 0)
            with self.assertRaises(MemoryError):
                for _ in range(4096):
                    keep.append(few.list())
            with refslab.Heap.attach(few, limits=False) as other:
                self.assertEqual(other.limits()["max_objects"], 1)
                self.assertRaises(PermissionError, other.limits, max_objects=0)

    def test_what_is_no_session(self):
        with open(os.devnull) as other:
            self.assertRaises(OSError, refslab.Heap.attach, other)
        self.assertRaises(OSError, refslab.Heap.attach, -1)


class Programs(unittest.TestCase):
    def test_the_classic_one(self):
        done = run(CLASSIC)
        self.assertEqual(done.stderr, "")
        self.assertEqual(
            done.stdout,
            "2 True (2, 0, 0)\nfinalized\nfinalized\n0 2 2\n[1, 2, 3, [...]] True\n1 0\n",
        )

    def test_the_end_of_the_interpreter_is_silent(self):
        for more in ("", "heap.close()", "import sys; sys.exit()", "x.self = x",
                     "other = refslab.Heap(event_thread=True)"):
            done = run(
                "import refslab\nheap = refslab.Heap()\nkeep = [heap.list([1, [2]])]\n"
                "class C: pass\nx = C()\nx.list = heap.list()\n" + more
            )
            self.assertEqual((done.stderr, done.returncode), ("", 0), more)

    def test_no_device(self):
        with self.assertRaises(refslab.Error) as caught:
            refslab.Heap(device="/nonexistent")
        self.assertIn("not loaded", caught.exception.strerror)
        self.assertIsNone(caught.exception.operation)

    def test_names_of_heaps(self):
        self.assertRaises(ValueError, refslab.Heap, "no name")
        with refslab.Heap("fine") as heap:
            self.assertGreater(heap.number, 0)
            self.assertIn(str(heap.number), repr(heap))


class Processes(HeapTest):
    def test_fork_leaves_the_parent_alone(self):
        x = self.heap.list([1, [2]])
        pid = os.fork()
        if not pid:
            status = 1
            try:
                closed = self.heap.closed and x.closed
                del x
                status = 0 if closed else 1
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertEqual(x, [1, [2]])
        self.assertEqual(self.handles(), 1)

    def test_signals_do_not_disturb(self):
        x = self.heap.list()
        seen = []
        old = signal.signal(signal.SIGALRM, lambda *args: seen.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            for i in range(30):
                x.extend(range(i * 100, i * 100 + 100))
                self.gc.collect()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        self.assertEqual(list(x[::100]), list(range(0, 3000, 100)))
        self.assertEqual(len(x), 3000)
        self.assertTrue(seen)


class Package(unittest.TestCase):
    def test_operations_have_the_numbers_of_the_library(self):
        known = 0
        for op in _abi.Op:
            name = _session.opcode_name(op)
            if name is not None:
                known += 1
                self.assertEqual(name, op.name.lower())
        self.assertGreaterEqual(known, _abi.Op.WATCH)
        self.assertIsNone(_session.opcode_name(max(_abi.Op) + 1))

    def test_errors_have_sentences(self):
        error = _session.error(_abi.Op.SETSLOT, -34)
        self.assertIsInstance(error, OSError)
        self.assertEqual(error.errno, 34)
        self.assertEqual(error.strerror, "the object has no such slot")
        self.assertEqual(error.operation, "setslot")

    def test_without_the_library(self):
        done = subprocess.run(
            [sys.executable, "-c", "import refslab"], capture_output=True, text=True, timeout=60,
            env={**os.environ, "REFSLAB_LIBRARY": "/nonexistent.so",
                 "PYTHONPATH": os.path.dirname(os.path.dirname(refslab.__file__))},
        )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "ImportError: .*nonexistent.*set REFSLAB_LIBRARY.*README")

    def test_where_exceptions_are(self):
        for name in ("Error", "HeapTypeError", "HeapValueError", "ClosedError"):
            self.assertEqual(getattr(refslab, name).__module__, "refslab")

    def test_version(self):
        self.assertEqual(refslab.__version__, refslab.library_version())
