# SPDX-License-Identifier: GPL-2.0
"""What the tests share: a heap without automatic scans, of which nothing is left at the end."""

import gc
import unittest

import refslab


class HeapTest(unittest.TestCase):
    """self.heap and self.gc; what a test made it has to have let go of, or to have put on keep."""

    def setUp(self):
        self.heap = refslab.Heap("test")
        self.addCleanup(self.heap.close)
        self.gc = self.heap.gc
        self.gc.disable()

    def objects(self):
        """Live objects of the heap."""
        return self.heap.stat()["objects"]

    def handles(self):
        """Handles of the heap."""
        return self.heap.stat()["handles"]

    def assert_nothing_left(self):
        """No handle, and no object either once garbage is gone."""
        gc.collect()
        self.gc.collect()
        self.heap.run_events()
        self.gc.collect()
        self.assertEqual((self.handles(), self.objects()), (0, 0))
