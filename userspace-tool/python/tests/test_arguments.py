# SPDX-License-Identifier: GPL-2.0
"""Arguments that make no sense raise, and are not cut off to what fits."""

import refslab
from common import HeapTest

BEYOND = (-1, 1 << 64, (1 << 64) + 5)


class Arguments(HeapTest):
    def test_limits(self):
        for n in BEYOND:
            for what in ("max_bytes", "max_objects", "max_handles"):
                self.assertRaises(ValueError, refslab.Heap, "bad", **{what: n})
                self.assertRaises(ValueError, self.heap.limits, **{what: n})
        self.assertRaises(TypeError, refslab.Heap, "bad", "1")
        self.assertRaises(TypeError, refslab.Heap, "bad", max_objects=1.5)
        self.assertRaises(TypeError, self.heap.limits, max_handles=1.5)
        self.assertEqual(set(self.heap.limits().values()), {0})
        self.assertEqual(self.heap.limits(max_objects=(1 << 64) - 1)["max_objects"], (1 << 64) - 1)

    def test_descriptors(self):
        fd = self.heap.fileno()

        class Has:
            def __init__(self, fd):
                self.fd = fd

            def fileno(self):
                return self.fd

        for n in (fd + (1 << 32), fd - (1 << 32), 1 << 31):
            self.assertRaises(ValueError, refslab.Heap.attach, n)
            self.assertRaises(ValueError, refslab.Heap.attach, Has(n))
        for thing in ("3", None, 3.0, Has("3"), Has(None)):
            self.assertRaises(TypeError, refslab.Heap.attach, thing)
        with refslab.Heap.attach(Has(fd)) as other:
            self.assertEqual(other.number, self.heap.number)

    def test_ids(self):
        made = self.heap.list()
        for n in (-1, self.heap.id(made) + (1 << 64)):
            self.assertRaises(ValueError, self.heap.by_id, n)
        self.assertRaises(TypeError, self.heap.by_id, "1")
        self.assertIs(self.heap.by_id(self.heap.id(made)), made)
        self.assertRaises(TypeError, self.heap.id, "no object")

    def test_names(self):
        self.assertRaises(ValueError, refslab.Heap, "a\0b")
        self.assertRaises(ValueError, refslab.Heap, "a b")
        self.assertRaises(TypeError, refslab.Heap, 5)
        self.assertRaises(TypeError, refslab.Heap, b"bytes")
        self.assertRaises(ValueError, refslab.Heap, device="/dev/refslab\0")
        for name, error in (("a\0b", ValueError), (5, TypeError), (None, TypeError),
                            (b"a", TypeError)):
            self.assertRaises(error, self.heap.publish, name, [])
            self.assertRaises(error, self.heap.lookup, name)
            self.assertRaises(error, self.heap.unpublish, name)
            self.assertRaises(error, self.heap.type, name)
        self.assert_nothing_left()

    def test_functions(self):
        self.assertRaises(TypeError, self.heap.type, "Node", finalizer="print")
        node = self.heap.type("Node")
        self.assertRaises(TypeError, self.heap.ref, node(), "print")
        self.assertRaises(TypeError, self.heap.ref, 5)

    def test_the_collector(self):
        for n in (-1, 1 << 31, (1 << 64) + 5):
            self.assertRaises(ValueError, self.gc.set_threshold, n)
            self.assertRaises(ValueError, self.gc.set_threshold, 1, 2, n)
        self.assertRaises(TypeError, self.gc.set_threshold, "1")
        for n in BEYOND:
            self.assertRaises(ValueError, self.gc.set_debug, n)
        self.assertEqual((self.gc.get_threshold(), self.gc.get_debug()), ((700, 10, 10), 0))
