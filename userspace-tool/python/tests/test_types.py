# SPDX-License-Identifier: GPL-2.0
"""Types of the program: slots, payload, weak references, finalizers."""

import threading
import time

import refslab
from common import HeapTest


class Slots(HeapTest):
    def test_by_name_and_by_number(self):
        node = self.heap.type("Node", slots=["left", "right"])
        a = node()
        self.assertIsNone(a.left)
        a.left = 1
        a.right = a
        self.assertEqual(a[0], 1)
        self.assertIs(a[1], a)
        self.assertIs(a[-1], a)
        self.assertEqual(list(a)[0], 1)
        self.assertEqual(len(a), 2)
        self.assertTrue(a)
        a.left = None
        self.assertIsNone(a.left)
        a[0] = "again"
        del a.left
        self.assertIsNone(a[0])
        with self.assertRaises(AttributeError):
            del a.left
        with self.assertRaises(AttributeError):
            a.middle = 1
        self.assertRaises(AttributeError, lambda: a.middle)
        self.assertRaises(IndexError, lambda: a[2])
        self.assertRaises(IndexError, a.__setitem__, -3, 1)
        for index in ("ref", 1.0, None, slice(0, 1)):
            self.assertRaises(TypeError, lambda: a[index])
            self.assertRaises(TypeError, a.__setitem__, index, 1)
        self.assertIsInstance(a, refslab.UserObject)
        self.assertIn("Node", repr(a))
        self.assertIn("left", dir(a))

    def test_arguments_fill_the_slots(self):
        pair = self.heap.type("Pair", ["car", "cdr"])
        p = pair(1, cdr=pair(2, 3))
        self.assertEqual((p.car, p.cdr.car, p.cdr.cdr), (1, 2, 3))
        self.assertRaises(TypeError, pair, 1, 2, 3)
        self.assertRaises(TypeError, pair, cadr=1)

    def test_definitions_that_make_no_sense(self):
        self.heap.type("T")
        for wrong in (
            lambda: self.heap.type("T"),
            lambda: self.heap.type("no name"),
            lambda: self.heap.type("U", ["a", "a"]),
            lambda: self.heap.type("U", ["close"]),
            lambda: self.heap.type("U", 65536),
        ):
            self.assertRaises(ValueError, wrong)
        with self.assertRaises(refslab.Error) as caught:
            self.heap.type("T")
        self.assertEqual(caught.exception.operation, "type")
        self.assertIn("has a type of that name already", caught.exception.strerror)

    def test_definitions_say_what_is_wrong(self):
        for kind, text, make in (
            (TypeError, "a str, not int", lambda: self.heap.type(5)),
            (TypeError, "a list of names, not str", lambda: self.heap.type("Y", slots="abc")),
            (TypeError, "a slot is a str, not int", lambda: self.heap.type("Y", [1])),
            (ValueError, "an ASCII identifier", lambda: self.heap.type("Größe")),
            (ValueError, "slots is 65536, and can be 0 to 65535",
             lambda: self.heap.type("Y", 65536)),
            (ValueError, "payload is -1,", lambda: self.heap.type("Y", payload=-1)),
            (ValueError, "cache is 65537,", lambda: self.heap.type("Y", cache=65537)),
        ):
            with self.assertRaisesRegex(kind, text):
                make()

    def test_memory(self):
        frame = self.heap.type("Frame", slots=1, payload=10000, mapped=True)
        a = frame()
        with a.memory() as m, a.memory(readonly=True) as n:
            self.assertEqual((len(m), m.readonly, n.readonly), (10000, False, True))
            self.assertEqual(bytes(m), bytes(10000))
            m[4094:4099] = b"hello"
            self.assertEqual(bytes(n[4094:4099]), b"hello")
            self.assertEqual(a.payload[4094:4099], b"hello")
            a.payload[9999] = 7
            self.assertEqual(n[9999], 7)
            with self.assertRaises(TypeError):
                n[0] = 1
        self.assertEqual(self.heap.stat()["bytes_mapped"], 12288)
        # a view keeps the object
        m = a.memory()
        a.close()
        m[4094] = ord("j")
        self.assertEqual(bytes(m[4094:4099]), b"jello")
        self.assertEqual(self.heap.stat()["objects"], 1)
        part = m[4094:4099]
        del m
        self.assertEqual(bytes(part), b"jello")
        part.release()
        del part
        self.assertEqual(self.heap.stat()["objects"], 0)
        self.assertEqual(self.heap.stat()["bytes_mapped"], 0)
        with self.assertRaises(refslab.HeapTypeError):
            self.heap.type("Blob", payload=16)().memory()
        self.assertRaises(ValueError, self.heap.type, "None", mapped=True)
        self.assertRaises(ValueError, self.heap.type, "Much", payload=(1 << 30) + 1, mapped=True)

    def test_memory_in_pieces(self):
        a = self.heap.type("Large", payload=3 << 20, mapped=True)()
        data = bytes(range(256)) * (3 << 12)
        a.payload[:] = data
        self.assertEqual(bytes(a.payload), data)
        with a.memory() as m:
            self.assertEqual(bytes(m), data)

    def test_memory_outlives_the_heap(self):
        with refslab.Heap() as heap:
            m = heap.type("Frame", payload=10, mapped=True)().memory()
            m[:5] = b"hello"
        self.assertEqual(bytes(m[:5]), b"hello")
        m.release()

    def test_payload(self):
        a = self.heap.type("Blob", payload=16)()
        self.assertEqual(bytes(a.payload), bytes(16))
        a.payload[0:5] = b"hello"
        a.payload[15] = 255
        self.assertEqual(a.payload[:6], b"hello\0")
        self.assertEqual(a.payload[-1], 255)
        self.assertEqual(len(a.payload), 16)
        self.assertRaises(IndexError, lambda: a.payload[16])
        self.assertRaises(ValueError, a.payload.__setitem__, slice(0, 2), b"abc")
        for value in (5, True, self.heap.int(5), None, "abc"):
            self.assertRaises(TypeError, a.payload.__setitem__, slice(0, 5), value)
        self.assertEqual(a.payload[:5], b"hello")
        with self.assertRaises(AttributeError):
            a.payload = b""

    def test_a_cycle(self):
        node = self.heap.type("Node", slots=["ref"])
        a, b = node(), node()
        a.ref, b.ref = b, a
        self.assertIs(a.ref.ref, a)
        self.assertEqual(self.gc.getrefcount(a), 2)
        del a, b
        self.assertEqual(self.objects(), 2)
        self.assertEqual(self.gc.collect(), 2)
        self.assert_nothing_left()


class Weak(HeapTest):
    def setUp(self):
        super().setUp()
        self.node = self.heap.type("Node", slots=["ref"])

    def test_dead_and_alive(self):
        a = self.node()
        w = self.heap.ref(a)
        self.assertIs(w(), a)
        self.assertEqual(self.gc.getrefcount(a), 1)
        del a
        self.assertIsNone(w())

    def test_only_some_types(self):
        plain = self.heap.type("Plain", weakref=False)
        for thing in (self.heap.list(), self.heap.int(7), plain()):
            self.assertRaises(TypeError, self.heap.ref, thing)
        self.assertRaises(TypeError, self.heap.ref, 7)

    def test_callback(self):
        called = []
        a = self.node()
        w = self.heap.ref(a, called.append)
        self.assertEqual(self.heap.run_events(), 0)
        del a
        self.assertEqual(called, [])
        self.assertEqual(self.heap.run_events(), 1)
        self.assertEqual(called, [w])
        self.assertIs(called[0], w)
        self.assertEqual(self.heap.run_events(), 0)

    def test_callback_of_garbage(self):
        called = []
        a, b = self.node(), self.node()
        a.ref, b.ref = b, a
        w = self.heap.ref(a, lambda ref: called.append(ref()))
        del a, b
        self.assertEqual(self.gc.collect(), 2)
        self.heap.run_events()
        self.assertEqual(called, [None])
        self.assertIsNone(w())

    def test_no_callback_when_the_weak_reference_died_first(self):
        a = self.node()
        w = self.heap.ref(a, lambda ref: self.fail("called"))
        del w
        self.assertEqual(self.heap._callbacks, {})
        del a
        self.assertEqual(self.heap.run_events(), 0)

    def test_a_weak_reference_that_only_the_heap_holds(self):
        called = []
        a = self.node()
        box = self.heap.list([self.heap.ref(a, called.append)])
        del a
        self.heap.run_events()
        self.assertEqual(called, [box[0]])

    def test_callbacks_that_cannot_come_are_forgotten(self):
        a = self.node()
        for _ in range(200):
            box = self.heap.list([self.heap.ref(a, print)])
            del box
        self.assertLess(len(self.heap._callbacks), 100)


class Finalizers(HeapTest):
    def test_once_and_whole(self):
        seen = []

        def finalizer(obj):
            seen.append((obj.ref, bytes(obj.payload), self.gc.is_finalized(obj)))

        node = self.heap.type("Node", ["ref"], 4, finalizer=finalizer)
        a = node(10**6)
        a.payload[:] = b"abcd"
        self.assertFalse(self.gc.is_finalized(a))
        del a
        self.assertEqual(seen, [])
        self.assertEqual(self.objects(), 2)
        self.assertEqual(self.heap.run_events(), 1)
        self.assertEqual(seen, [(10**6, b"abcd", True)])
        self.assert_nothing_left()

    def test_in_a_cycle(self):
        names = []
        node = self.heap.type("Node", ["ref", "name"], finalizer=lambda o: names.append(o.name))
        a, b = node(name="a"), node(name="b")
        a.ref, b.ref = b, a
        w = self.heap.ref(a)
        del a, b
        self.assertEqual(self.gc.collect(), 0)
        self.assertIsNone(w())
        self.assertEqual(self.heap.run_events(), 2)
        self.assertEqual(sorted(names), ["a", "b"])
        self.assertEqual(self.gc.collect(), 2)
        del w
        self.assert_nothing_left()

    def test_resurrection(self):
        kept = []
        node = self.heap.type("Node", ["ref"], finalizer=kept.append)
        a = node()
        number = self.heap.id(a)
        del a
        self.heap.run_events()
        self.assertEqual(self.heap.id(kept[0]), number)
        kept.clear()
        self.assertEqual(self.heap.run_events(), 0)
        self.assert_nothing_left()

    def test_what_follows_is_run_too(self):
        count = []
        node = self.heap.type("Node", ["ref"], finalizer=lambda o: count.append(1))
        head = None
        for _ in range(50):
            head = node(head) if head is not None else node()
        del head
        self.assertEqual(self.heap.run_events(), 50)
        self.assertEqual(len(count), 50)
        self.assert_nothing_left()

    def test_an_error_of_a_callback_comes_out(self):
        def fail(obj):
            raise RuntimeError("finalizer")

        node = self.heap.type("Node", ["ref"], finalizer=fail)
        del node  # the type stays known to the heap
        make = self.heap.type("Other", finalizer=lambda o: fail(o))
        x, y = make(), make()
        del x, y
        self.assertRaises(RuntimeError, self.heap.run_events)
        self.assertRaises(RuntimeError, self.heap.run_events)
        self.assertEqual(self.heap.run_events(), 0)
        self.assert_nothing_left()

    def test_only_announced(self):
        node = self.heap.type("Node", finalizer=True)
        a = node()
        del a
        self.assertEqual(self.objects(), 1)
        self.assertEqual(self.heap.run_events(), 1)
        self.assertEqual(self.objects(), 0)


class Threads(HeapTest):
    def test_waiting_for_an_event(self):
        seen = []
        node = self.heap.type("Node", finalizer=seen.append)
        begin = time.monotonic()
        self.assertEqual(self.heap.run_events(0.05), 0)
        self.assertGreaterEqual(time.monotonic() - begin, 0.04)
        waiter = threading.Thread(target=self.heap.run_events, args=(30,))
        waiter.start()
        a = node()
        del a
        waiter.join(30)
        self.assertEqual(len(seen), 1)

    def test_event_thread(self):
        with refslab.Heap("events", event_thread=True) as heap:
            called = threading.Event()
            finalized = threading.Event()
            node = heap.type("Node", ["ref"], finalizer=lambda o: finalized.set())
            plain = heap.type("Plain")
            a, b = node(), plain()
            w = heap.ref(b, lambda ref: called.set())
            del a, b
            self.assertTrue(called.wait(30))
            self.assertTrue(finalized.wait(30))
            self.assertIsNone(w())

    def test_many_threads_on_one_heap(self):
        shared = self.heap.list()
        node = self.heap.type("Node", ["ref"])
        errors = []

        def work(number):
            try:
                for i in range(200):
                    shared.append(number * 1000 + i)
                    a = node()
                    a.ref = a
                    box = self.heap.list([a, i, "x"])
                    assert box[0] is a and box[1] == i
                    del a, box
                    if i % 50 == 0:
                        self.gc.collect(0)
            except Exception as e:
                errors.append(e)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(sorted(shared), [n * 1000 + i for n in range(4) for i in range(200)])
        shared.close()
        self.assert_nothing_left()

    def test_closing_beside_calls(self):
        heap = refslab.Heap("closing")
        stopped = []

        def work():
            try:
                while True:
                    heap.list([1, 2])
            except refslab.ClosedError:
                stopped.append(True)

        def wait():
            try:
                heap.run_events(None)
                heap.run_events(None)
            except refslab.ClosedError:
                stopped.append(True)

        threads = [threading.Thread(target=f) for f in (work, work, wait)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        heap.close()
        for thread in threads:
            thread.join(30)
        self.assertEqual(stopped, [True] * 3)
