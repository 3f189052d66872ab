# SPDX-License-Identifier: GPL-2.0
"""The controls, under the names of Python's gc."""

import gc as python_gc

import refslab
from common import HeapTest


class Controls(HeapTest):
    def cycle(self):
        x = self.heap.list()
        x.append(x)
        return x

    def test_names_are_those_of_python(self):
        missing = [
            name for name in dir(python_gc)
            if not name.startswith("_") and not hasattr(self.gc, name)
        ]
        self.assertEqual(missing, [])

    def test_flags_have_the_values_of_python(self):
        for name in dir(python_gc):
            if name.startswith("DEBUG_"):
                self.assertEqual(getattr(self.gc, name), getattr(python_gc, name), name)

    def test_collect(self):
        del (x := self.cycle())[1:]
        self.assertEqual(self.gc.collect(), 0)
        del x
        self.assertEqual(self.gc.collect(0), 0)
        self.assertEqual(self.gc.collect(), 1)
        self.cycle()
        self.assertEqual(self.gc.collect(0), 1)
        self.cycle()
        self.assertEqual(self.gc.collect(2, everything=True), 1)
        for generation in (-1, 3):
            self.assertRaises(ValueError, self.gc.collect, generation)

    def test_switch(self):
        self.assertFalse(self.gc.isenabled())
        self.gc.enable()
        self.assertTrue(self.gc.isenabled())
        self.gc.disable()

    def test_thresholds_and_counts(self):
        self.assertEqual(self.gc.get_threshold(), (700, 10, 10))
        self.gc.set_threshold(100)
        self.assertEqual(self.gc.get_threshold(), (100, 10, 10))
        self.gc.set_threshold(1, 2, 3)
        self.assertEqual(self.gc.get_threshold(), (1, 2, 3))
        x = [self.heap.list() for _ in range(3)]
        self.assertEqual(self.gc.get_count(), (3, 0, 0))
        self.gc.collect(0)
        self.assertEqual(self.gc.get_count(), (0, 1, 0))
        self.gc.collect(1)
        self.assertEqual(self.gc.get_count(), (0, 0, 1))
        del x

    def test_stats(self):
        self.cycle()
        self.gc.collect()
        stats = self.gc.get_stats()
        self.assertEqual(len(stats), 3)
        self.assertEqual(stats[2], {"collections": 1, "collected": 1, "uncollectable": 0})

    def test_objects(self):
        x = self.heap.list([1, "two"])
        self.assertEqual([o is x for o in self.gc.get_objects()], [True])
        self.assertEqual(self.gc.get_objects(0), [x])
        self.assertEqual(self.gc.get_objects(1), [])
        self.gc.collect(0)
        self.assertEqual(self.gc.get_objects(0), [])
        self.assertIs(self.gc.get_objects(1)[0], x)
        self.assertRaises(ValueError, self.gc.get_objects, 3)

    def test_referrers_and_referents(self):
        inner = self.heap.list()
        one, two = self.heap.list([inner, 7]), self.heap.list([inner])
        referrers = self.gc.get_referrers(inner)
        self.assertEqual({id(o) for o in referrers}, {id(one), id(two)})
        self.assertEqual(self.gc.get_referents(one), [inner, 7])
        self.assertIs(self.gc.get_referents(two)[0], inner)

    def test_tracked(self):
        self.assertTrue(self.gc.is_tracked(self.heap.list()))
        self.assertFalse(self.gc.is_tracked(self.heap.str("x")))
        self.assertFalse(self.gc.is_tracked(7))
        self.assertFalse(self.gc.is_finalized(7))

    def test_freeze(self):
        x = self.heap.list()
        self.gc.freeze()
        self.assertEqual(self.gc.get_freeze_count(), 1)
        self.assertEqual(self.gc.get_objects(), [])
        self.gc.unfreeze()
        self.assertEqual(self.gc.get_freeze_count(), 0)
        self.assertIs(self.gc.get_objects(2)[0], x)

    def test_garbage(self):
        self.gc.set_debug(self.gc.DEBUG_SAVEALL)
        self.assertEqual(self.gc.get_debug(), self.gc.DEBUG_SAVEALL)
        number = self.heap.id(self.cycle())
        self.assertEqual(self.gc.collect(), 1)
        self.assertEqual(len(self.gc.garbage), 1)
        self.assertEqual(self.heap.id(self.gc.garbage[0]), number)
        self.gc.set_debug(0)
        del self.gc.garbage[:]
        self.assertEqual(list(self.gc.garbage), [])
        self.assertEqual(self.gc.collect(), 1)
        self.assert_nothing_left()

    def test_callbacks(self):
        seen = []
        self.gc.callbacks.append(lambda phase, info: seen.append((phase, info)))
        self.cycle()
        self.gc.collect(1)
        self.assertEqual(self.heap.run_events(), 2)
        self.assertEqual([phase for phase, _ in seen], ["start", "stop"])
        self.assertEqual(seen[0][1]["generation"], 1)
        self.assertEqual(seen[1][1]["collected"], 1)
        self.assertGreater(seen[1][1]["duration_ns"], 0)

    def test_trim_and_stat(self):
        x = self.heap.list()
        stat = self.heap.stat()
        self.assertEqual((stat["objects"], stat["tracked"], stat["handles"]), (1, 1, 1))
        self.assertGreater(stat["bytes_used"], 0)
        del x
        self.assertGreater(self.heap.trim(), 0)
        self.assertEqual(self.heap.stat()["bytes_reserved"], 0)


class Limits(HeapTest):
    def test_a_heap_that_is_full(self):
        with refslab.Heap("small", max_bytes=1 << 20) as heap:
            node = heap.type("Node", payload=4096)
            kept = []
            with self.assertRaises(MemoryError) as caught:
                while True:
                    kept.append(node())
            self.assertIsInstance(caught.exception, OSError)
            self.assertGreater(len(kept), 10)
            kept.clear()
            node()
