# SPDX-License-Identifier: GPL-2.0
"""Atoms and lists."""

import gc
import refslab
from common import HeapTest


class Atoms(HeapTest):
    def test_values_come_back(self):
        values = [0, 7, -1, 256, 257, 2**63 - 1, -(2**63), "", "a", "grüße", "𝄞" * 300, "x" * 70000]
        for value in values:
            with self.subTest(str(value)[:10]):
                box = self.heap.list([value])
                self.assertEqual(box[0], value)
                self.assertIs(type(box[0]), type(value))
                del box
        self.assert_nothing_left()

    def test_objects(self):
        seven = self.heap.int(7)
        text = self.heap.str("hello")
        self.assertEqual(seven, 7)
        self.assertEqual(7, seven)
        self.assertEqual(int(seven) + 1, 8)
        self.assertEqual([1, 2, 3][self.heap.int(1)], 2)
        self.assertEqual(text, "hello")
        self.assertEqual(len(text), 5)
        self.assertEqual(hash(text), hash("hello"))
        self.assertEqual(str(text), "hello")
        self.assertIn("'hello'", repr(text))
        self.assertFalse(self.gc.is_tracked(seven))
        self.assertNotEqual(seven, None)
        del seven, text
        self.assertEqual(self.heap._objects, {})
        self.assert_nothing_left()

    def test_operators(self):
        seven, half = self.heap.int(7), self.heap.float(0.5)
        self.assertEqual((seven + 1, 1 + seven, seven - half, 2 ** seven), (8, 8, 6.5, 128))
        self.assertEqual((seven // 2, divmod(seven, 2), -seven, abs(-seven)), (3, (3, 1), -7, 7))
        self.assertEqual((seven & 3, seven << 1, 1 | seven, ~seven), (3, 14, 7, -8))
        self.assertIs(type(seven + seven), int)
        self.assertTrue(half < 1 < seven and seven >= 7)
        self.assertEqual((sum([seven, half]), max(half, seven)), (7.5, seven))
        self.assertEqual((f"{seven:03d}", f"{half:.2f}", round(half)), ("007", "0.50", 0))
        self.assertEqual(list(range(10))[seven], 7)
        text, data = self.heap.str("ab"), self.heap.bytes(b"ab")
        self.assertEqual((text + "c", "c" + text, text * 2, text[0]), ("abc", "cab", "abab", "a"))
        self.assertEqual((f"{text:>4}", "a" in text, list(data), data + b"c"),
                         ("  ab", True, [97, 98], b"abc"))
        self.assertTrue(text < "b")
        self.assertRaises(TypeError, lambda: seven + "x")
        self.assertRaises(TypeError, lambda: text < 1)
        self.assertRaises(TypeError, lambda: half & 1)

    def test_constants_have_no_id(self):
        self.assertEqual(repr(self.heap.int(7)), "<refslab.Int 7>")
        large = self.heap.int(10**12)
        self.assertEqual(repr(large), f"<refslab.Int {self.heap.id(large)} {10**12}>")

    def test_messages(self):
        for wrong in ("5", 1.5):
            with self.assertRaises(TypeError) as caught:
                self.heap.int(wrong)
            self.assertIn("cannot be interpreted as an integer", str(caught.exception))
        box = self.heap.list([1])
        with self.assertRaisesRegex(ValueError, "x not in list"):
            box.remove(777)
        with self.assertRaisesRegex(ValueError, "777 is not in list"):
            box.index(777)
        with self.assertRaisesRegex(ValueError, "x not in tuple"):
            self.heap.tuple([1]).index(777)
        with self.assertRaisesRegex(TypeError, "^a heap cannot hold a NoneType$"):
            box.append(None)

    def test_what_has_no_counterpart(self):
        box = self.heap.list()
        for value in (None, object(), 1j):
            self.assertRaises(TypeError, box.append, value)
        self.assertRaises(OverflowError, box.append, 2**63)
        self.assertRaises(OverflowError, box.append, -(2**63) - 1)
        self.assertRaises(ValueError, box.append, "\ud800")
        box.append(10**6)
        self.assertEqual(len(box), 1)
        self.assertEqual((self.handles(), self.objects()), (1, 2))

    def test_a_bool_is_an_int(self):
        box = self.heap.list([True])
        self.assertEqual(box[0], 1)
        self.assertIs(type(box[0]), int)

    def test_an_atom_in_a_list_as_an_object(self):
        box = self.heap.list([10**10, "a"])
        number = box.at(0)
        self.assertIsInstance(number, refslab.Int)
        self.assertEqual(number, 10**10)
        self.assertEqual(self.gc.getrefcount(number), 2)
        self.assertIs(box.at(0), number)
        self.assertRaises(IndexError, box.at, 2)


class Lists(HeapTest):
    def test_protocol(self):
        x = self.heap.list([1, 2, 3])
        self.assertEqual(len(x), 3)
        self.assertEqual([x[0], x[-1]], [1, 3])
        self.assertEqual(list(x), [1, 2, 3])
        self.assertEqual(x[1:], [2, 3])
        self.assertEqual(x[::-1], [3, 2, 1])
        self.assertIn(2, x)
        self.assertNotIn(4, x)
        self.assertEqual(x, [1, 2, 3])
        self.assertNotEqual(x, [1, 2])
        self.assertEqual(x.index(3), 2)
        self.assertEqual(x.count(1), 1)
        self.assertEqual(repr(x), "[1, 2, 3]")
        self.assertEqual(sum(x), 6)
        self.assertRaises(TypeError, hash, x)
        x.append(4)
        x += [5, 6]
        x.insert(0, 0)
        x.insert(-1, 55)
        x.insert(100, 7)
        self.assertEqual(list(x), [0, 1, 2, 3, 4, 5, 55, 6, 7])
        self.assertEqual([x.pop(), x.pop(0), x.pop(-2)], [7, 0, 55])
        x[0] = "one"
        del x[1]
        self.assertEqual(x, ["one", 3, 4, 5, 6])
        x[1:3] = [9]
        self.assertEqual(x, ["one", 9, 5, 6])
        x[::2] = ["a", "b"]
        self.assertEqual(x, ["a", 9, "b", 6])
        x.remove(9)
        x.reverse()
        self.assertEqual(x, [6, "b", "a"])
        del x[:]
        self.assertEqual(len(x), 0)
        self.assertTrue(not x)
        del x
        self.assert_nothing_left()

    def test_sort(self):
        values = [3, 1.5, -(10**12), 2, 2, 10**12]
        x = self.heap.list(values)
        large = x.at(5)
        x.sort()
        self.assertEqual(x, sorted(values))
        self.assertIs(x.at(5), large)
        x.sort(reverse=True)
        self.assertEqual(x, sorted(values, reverse=True))
        words = self.heap.list(["bb", "a", "ccc"])
        words.sort(key=len, reverse=True)
        self.assertEqual(words, ["ccc", "bb", "a"])
        lists = self.heap.list([[2], [1, 5], [1]])
        lists.sort()
        self.assertEqual(lists, [[1], [1, 5], [2]])
        self.assertRaises(TypeError, self.heap.list([1, "a"]).sort)
        with self.assertRaises(ValueError):
            x.sort(key=lambda value: x.append(1) or value)

    def test_operators(self):
        x, y = self.heap.list([1, 2]), self.heap.tuple([1, 2])
        self.assertEqual((x + [3], [0] + x, x + x), ([1, 2, 3], [0, 1, 2], [1, 2, 1, 2]))
        self.assertEqual((y + (3,), (0,) + y, 2 * y), ((1, 2, 3), (0, 1, 2), (1, 2, 1, 2)))
        self.assertIs(type(x + x), list)
        self.assertEqual((x * 2, 2 * x), ([1, 2, 1, 2],) * 2)
        self.assertTrue(x < [1, 3] and [1] < x and x <= x and x > [1] and y < (2,) and y >= y)
        for wrong in (lambda: x + (1,), lambda: y + [1], lambda: x < y, lambda: x * 1.5):
            self.assertRaises(TypeError, wrong)
        copy = x.copy()
        self.assertIsInstance(copy, refslab.List)
        copy *= 2
        copy += [9]
        self.assertEqual((copy, x), ([1, 2, 1, 2, 9], [1, 2]))

    def test_changes_during_iteration(self):
        for n in (3, 600):
            for change in (
                lambda x, i: len(x) < 2 * n and x.append(0), lambda x, i: x.pop(0),
                lambda x, i: x.__setitem__(-1, "last"), lambda x, i: i == 1 and x.clear(),
                lambda x, i: i % 2 and x.reverse(), lambda x, i: i < 5 and x.insert(0, "first"),
            ):
                mine, pythons = self.heap.list(range(n)), list(range(n))
                seen = [[], []]
                for out, x in zip(seen, (mine, pythons)):
                    for i, value in enumerate(x):
                        out.append(value)
                        if i % 97 in (0, 1, 2):
                            change(x, i)
                self.assertEqual(seen[0], seen[1])
                self.assertEqual(mine, pythons)

    def test_iteration_takes_few_calls(self):
        calls = []
        submit = self.heap._session.submit
        for made in (self.heap.list(range(1000)), self.heap.tuple(range(1000)),
                     self.heap.set(range(1000)), self.heap.dict({n: n for n in range(1000)})):
            self.heap._session.submit = lambda *args: calls.append(1) or submit(*args)
            try:
                self.assertEqual(sorted(made), list(range(1000)))
            finally:
                del self.heap._session.submit
            self.assertTrue(0 < len(calls) < 30, len(calls))
            calls.clear()

    def test_errors_are_those_of_a_list(self):
        x = self.heap.list([10**6])
        for index in (1, -2, 2**40):
            self.assertRaises(IndexError, lambda: x[index])
            self.assertRaises(IndexError, x.__setitem__, index, 2)
            self.assertRaises(IndexError, x.__delitem__, index)
            self.assertRaises(IndexError, x.pop, index)
        self.assertRaises(TypeError, lambda: x["a"])
        self.assertRaises(ValueError, x.remove, 2)
        self.assertRaises(IndexError, self.heap.list().pop)
        self.assertEqual((self.handles(), self.objects()), (1, 2))

    def test_long(self):
        x = self.heap.list(range(10000))
        self.assertEqual(len(x), 10000)
        self.assertEqual([x[0], x[9999]], [0, 9999])
        self.assertEqual(self.handles(), 1)
        x.clear()
        self.assertEqual(len(x), 0)

    def test_conversion_keeps_the_shape(self):
        shared = [1]
        cycle = [shared, shared]
        cycle.append(cycle)
        x = self.heap.list(cycle)
        self.assertIs(x[0], x[1])
        self.assertIs(x[2], x)
        self.assertEqual(repr(x), "[[1], [1], [...]]")
        del x
        gc.collect()
        self.assertEqual(self.gc.collect(), 2)
        self.assert_nothing_left()

    def test_an_error_in_the_middle_leaves_nothing(self):
        self.assertRaises(TypeError, self.heap.list, [1, [2, None], 3])
        self.assert_nothing_left()


class Handles(HeapTest):
    def test_one_object_one_proxy(self):
        a = self.heap.list()
        b = self.heap.list([a])
        self.assertIs(b[0], a)
        self.assertEqual(self.handles(), 2)
        self.assertEqual(self.gc.getrefcount(a), 2)
        self.assertTrue(self.heap.is_same(a, b[0]))
        self.assertFalse(self.heap.is_same(a, b))

    def test_del_drops_it_at_once(self):
        a = self.heap.list([[]])
        self.assertEqual(self.objects(), 2)
        del a
        self.assertEqual((self.handles(), self.objects()), (0, 0))

    def test_close_and_with(self):
        a = self.heap.list()
        a.close()
        a.close()
        self.assertTrue(a.closed)
        self.assertRaises(ValueError, len, a)
        self.assertIn("closed", repr(a))
        with self.heap.list() as b:
            b.append(10**6)
            self.assertEqual(self.objects(), 2)
        self.assertRaises(refslab.ClosedError, b.append, 1)
        self.assertEqual(self.objects(), 0)

    def test_a_closed_object_can_be_had_again(self):
        box = self.heap.list([[1]])
        inner = box[0]
        inner.close()
        again = box[0]
        self.assertIsNot(inner, again)
        self.assertEqual(again, [1])

    def test_heaps_do_not_mix(self):
        with refslab.Heap("other") as other:
            self.assertRaises(ValueError, self.heap.list().append, other.list())
            self.assertRaises(ValueError, self.gc.getrefcount, other.list())
        self.assertRaises(refslab.ClosedError, other.list)

    def test_ids(self):
        a = self.heap.list()
        number = self.heap.id(a)
        self.assertIs(self.heap.by_id(number), a)
        del a
        self.assertIsNone(self.heap.by_id(number))
        b = self.heap.list()
        self.assertNotEqual(self.heap.id(b), number)

    def test_no_pickle(self):
        import copy
        import pickle

        a = self.heap.list()
        self.assertRaises(TypeError, pickle.dumps, a)
        self.assertIs(copy.copy(a), a)
