# SPDX-License-Identifier: GPL-2.0
"""Several sessions on one heap: what one of them does not know, may not do, or is not to hear."""

import os
import signal
import warnings

import refslab
from common import HeapTest


class ReadOnly(HeapTest):
    def setUp(self):
        super().setUp()
        self.other = refslab.Heap.attach(self.heap, readonly=True)
        self.addCleanup(self.other.close)

    def seen(self, made):
        return self.other.by_id(self.heap.id(made))

    def test_keys_are_searched(self):
        node = self.heap.type("Node")
        key = node()
        made = self.heap.dict(
            {1: "one", 2.5: "float", "s": "str", b"s": "bytes", (1, "a"): "tuple"}
        )
        made[key] = "identity"
        d = self.seen(made)
        for given, wanted in ((1, "one"), (1.0, "one"), (True, "one"), (2.5, "float"), ("s", "str"),
                              (b"s", "bytes"), ((1, "a"), "tuple"), ((1.0, "a"), "tuple"),
                              (self.seen(key), "identity")):
            self.assertEqual(d[given], wanted)
            self.assertEqual(d.get(given), wanted)
            self.assertIn(given, d)
            self.assertEqual(d.at(given).value, wanted)
        for given in (2, 1.5, "one", b"", (1,), (1, "b"), 1 << 62, float("nan")):
            self.assertRaises(KeyError, d.__getitem__, given)
            self.assertIsNone(d.get(given))
            self.assertNotIn(given, d)
        for given in ([1], {}, {1}, frozenset(), (1, [])):
            self.assertRaises(TypeError, d.__getitem__, given)
            self.assertRaises(TypeError, d.__contains__, given)
        self.assertRaises(PermissionError, d.__setitem__, 1, 2)
        self.assertRaises(PermissionError, d.__delitem__, 1)
        handles = self.handles()
        self.assertIn("s", d)
        self.assertNotIn("t", d)
        self.assertEqual(self.handles(), handles)

    def test_many_keys(self):
        made = self.heap.dict({i: i * i for i in range(1000)})
        d = self.seen(made)
        self.assertEqual(d[999.0], 999 * 999)
        self.assertNotIn(1000, d)

    def test_elements_are_searched(self):
        made = self.heap.set([1, "a", (2, 3)])
        s = self.seen(made)
        for given in (1, 1.0, "a", (2, 3.0)):
            self.assertIn(given, s)
        for given in (2, "b", (2,)):
            self.assertNotIn(given, s)
        self.assertRaises(TypeError, s.__contains__, [])


class OthersTypes(HeapTest):
    def test_slots_and_payload(self):
        frame = self.heap.type("Frame", ["next"], payload=1000)
        bare = self.heap.type("Bare", 2)
        page = self.heap.type("Page", payload=5000, mapped=True)
        a, b, c = frame(), bare(), page()
        a.next = b
        a.payload[995:1000] = b"hello"
        c.payload[4995:] = b"world"
        with refslab.Heap.attach(self.heap, readonly=True) as other:
            seen = other.by_id(self.heap.id(a))
            self.assertEqual(len(seen.payload), 1000)
            self.assertEqual(seen.payload[995:], b"hello")
            self.assertEqual(len(seen), 1)
            self.assertIs(seen[0], other.by_id(self.heap.id(b)))
            self.assertEqual(len(seen[0].payload), 0)
            with self.assertRaisesRegex(AttributeError, "another session"):
                seen.next
            paged = other.by_id(self.heap.id(c))
            self.assertEqual((len(paged.payload), paged.payload[-5:]), (5000, b"world"))
            with paged.memory(readonly=True) as m:
                self.assertEqual(bytes(m[4995:5000]), b"world")


    def test_found_by_name(self):
        frame = self.heap.type("Frame", ["next"], payload=1000)
        self.assertIs(self.heap.find_type("Frame")(None)[0], None)
        with refslab.Heap.attach(self.heap) as other:
            found = other.find_type("Frame")
            made = other.find_type("Frame")(5)
            self.assertEqual(repr(found), "<refslab type 'Frame'>")
            self.assertEqual((len(made), made[0], len(made.payload)), (1, 5, 1000))
            self.assertIsInstance(made, found)
            mine = self.heap.by_id(other.id(made))
            self.assertIsInstance(mine, frame)
            self.assertEqual(mine.next, 5)
            for name in ("list", "Other", "", "x y", "x" * 40, "Frame\0", "Fr\xe4me", "\ud800"):
                self.assertRaises(KeyError, other.find_type, name)
            for name in (b"Frame", 5, None):
                self.assertRaises(TypeError, other.find_type, name)
        with refslab.Heap.attach(self.heap, readonly=True) as other:
            self.assertRaises(PermissionError, other.find_type("Frame"))

    def test_what_is_asked_for_is_not_made(self):
        d = self.heap.dict({1: 2, "a name, not interned": 3})
        with refslab.Heap.attach(self.heap, readonly=True) as other:
            seen = other.by_id(self.heap.id(d))
            calls = []
            call = other._call
            other._call = lambda op, *args: calls.append(op) or call(op, *args)
            self.assertEqual(seen["a name, not interned"], 3)
            self.assertNotIn("another", seen)
            # nor searched entry by entry
            self.assertEqual(calls, [])


class Events(HeapTest):
    def test_an_attached_heap_reads_none(self):
        called = []
        node = self.heap.type("Node", finalizer=lambda o: called.append("finalizer"))
        plain = self.heap.type("Plain")
        with refslab.Heap.attach(self.heap) as other:
            a, b = node(), plain()
            w = self.heap.ref(b, lambda w: called.append("callback"))
            del a, b
            self.assertEqual(other.run_events(), 0)
            self.assertEqual(other.run_events(10), 0)
            self.assertEqual(self.heap.run_events(), 2)
            self.assertEqual(sorted(called), ["callback", "finalizer"])
            self.assertIsNone(w())

    def test_one_that_was_asked_to_warns_once(self):
        node = self.heap.type("Node", finalizer=lambda o: self.fail("not here"))
        with refslab.Heap.attach(self.heap) as other:
            mine = []
            kind = other.type("Mine", finalizer=lambda o: mine.append(1))
            node(), node(), kind()
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                self.assertEqual(other.run_events(), 3)
            self.assertEqual([w.category for w in said], [RuntimeWarning])
            self.assertIn("'Node'", str(said[0].message))
            self.assertEqual(mine, [1])

    def test_what_is_only_announced_is_no_surprise(self):
        node = self.heap.type("Node", finalizer=True)
        node()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(self.heap.run_events(), 1)


class Views(HeapTest):
    def test_a_child_has_none(self):
        page = self.heap.type("Page", payload=8192, mapped=True)
        a = page()
        m = a.memory()
        m[0] = 1

        def mapped():
            with open("/proc/self/maps", encoding="ascii") as maps:
                return sum("/dev/refslab" in line for line in maps)

        def descriptors():
            names = []
            for fd in os.listdir("/proc/self/fd"):
                try:
                    names.append(os.readlink(f"/proc/self/fd/{fd}"))
                except FileNotFoundError:
                    pass
            return names.count("/dev/refslab")

        self.assertEqual((mapped(), descriptors()), (1, 1))
        child = os.fork()
        if not child:
            status = 1
            try:
                if (mapped(), descriptors()) == (0, 0):
                    m.release()
                    status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        child = os.fork()
        if not child:
            m[0] = 2
            os._exit(0)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), -signal.SIGSEGV)
        self.assertEqual(m[0], 1)
        m.release()
        del m, a
        self.assert_nothing_left()

    def test_it_keeps_the_heap(self):
        heap = refslab.Heap("kept")
        m = heap.type("Page", payload=10, mapped=True)().memory()
        m[0] = 7
        heap.close()
        self.assertEqual(m[0], 7)
        m.release()
