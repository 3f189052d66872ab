# SPDX-License-Identifier: GPL-2.0
"""Floats, bytes, tuples, dicts, sets and instances; each where the kernel has it."""

import gc
import math

import refslab
from common import HeapTest


class Atoms(HeapTest):
    def test_floats(self):
        values = [0.0, -0.0, 1.5, -1e300, 5e-324, math.inf, -math.inf, math.pi]
        box = self.heap.list(values)
        self.assertEqual(list(box), values)
        self.assertEqual(math.copysign(1, box[1]), -1)
        box.append(math.nan)
        self.assertTrue(math.isnan(box[-1]))
        half = self.heap.float(0.5)
        self.assertEqual(half, 0.5)
        self.assertEqual((float(half), int(half), bool(half)), (0.5, 0, True))
        self.assertFalse(self.gc.is_tracked(half))

    def test_bytes(self):
        for value in (b"", b"a", bytes(range(256)), b"x" * 70000):
            box = self.heap.list([value])
            self.assertEqual(box[0], value)
            self.assertIs(type(box[0]), bytes)
        data = self.heap.bytes(b"abc")
        self.assertEqual((data, len(data), bytes(data)), (b"abc", 3, b"abc"))
        self.assertEqual(self.heap.list([bytearray(b"xy")])[0], b"xy")


class Tuples(HeapTest):
    def test_protocol(self):
        t = self.heap.tuple([1, "two", 3.0])
        self.assertEqual(len(t), 3)
        self.assertEqual((t[0], t[-1]), (1, 3.0))
        self.assertEqual(t, (1, "two", 3.0))
        self.assertEqual(tuple(t), (1, "two", 3.0))
        self.assertEqual(t[1:], ("two", 3.0))
        self.assertEqual(hash(t), hash((1, "two", 3.0)))
        self.assertIn("two", t)
        self.assertEqual(t.index(3), 2)
        self.assertEqual(repr(t), "(1, 'two', 3.0)")
        self.assertEqual(repr(self.heap.tuple([1])), "(1,)")
        self.assertRaises(IndexError, lambda: t[3])
        with self.assertRaises(TypeError):
            t[0] = 1
        self.assertNotEqual(t, [1, "two", 3.0])

    def test_the_empty_one(self):
        self.assertIs(self.heap.tuple(), self.heap.tuple(()))
        self.assertEqual(self.heap.tuple(), ())

    def test_in_a_cycle(self):
        x = self.heap.list()
        x.append((x, 1))
        self.assertIs(x[0][0], x)
        del x
        gc.collect()
        self.assertEqual(self.gc.collect(), 2)
        self.assert_nothing_left()

    def test_conversion(self):
        inner = [1]
        value = (inner, (inner, "x"), b"y")
        inner.append(value)
        t = self.heap.convert(value)
        self.assertIsInstance(t, refslab.Tuple)
        self.assertIs(t[0], t[1][0])
        self.assertIs(t[0][1], t)
        del t
        gc.collect()
        self.assertEqual(self.gc.collect(), 3)
        self.assert_nothing_left()


class Dicts(HeapTest):
    def test_protocol(self):
        d = self.heap.dict({"a": 1, 2: "b"})
        self.assertEqual(len(d), 2)
        self.assertEqual(d["a"], 1)
        self.assertEqual(d[2.0], "b")
        d["c"] = [1, 2]
        self.assertIsInstance(d["c"], refslab.List)
        self.assertIs(d["c"], d["c"])
        self.assertIn("c", d)
        self.assertNotIn("x", d)
        self.assertEqual(list(d), ["a", 2, "c"])
        self.assertEqual(list(d.items())[:2], [("a", 1), (2, "b")])
        self.assertEqual(list(d.values())[-1], [1, 2])
        self.assertEqual(repr(d), "{'a': 1, 2: 'b', 'c': [1, 2]}")
        self.assertEqual(d, {"a": 1, 2: "b", "c": [1, 2]})
        self.assertNotEqual(d, {"a": 1})
        self.assertEqual(d.get("x", 9), 9)
        self.assertEqual(d.setdefault("x", 5), 5)
        self.assertEqual(d.pop("x"), 5)
        d.update(y=1)
        self.assertEqual(d.popitem(), ("a", 1))
        del d["y"]
        d.clear()
        self.assertFalse(d)
        self.assertRaises(TypeError, hash, d)

    def test_errors_are_those_of_a_dict(self):
        d = self.heap.dict(a=1)
        for use in (lambda: d["b"], lambda: d.pop("b"), lambda: d.at("b")):
            with self.assertRaises(KeyError) as caught:
                use()
            self.assertEqual(caught.exception.args, ("b",))
        with self.assertRaises(KeyError):
            del d["b"]
        for key in ([], {}, self.heap.list()):
            with self.assertRaises(TypeError):
                d[key] = 1
        with self.assertRaises(TypeError):
            d["b"] = None
        self.assertEqual(d, {"a": 1})

    def test_keys(self):
        node = self.heap.type("Node")
        a, b = node(), self.heap.instance()
        d = self.heap.dict()
        d[a] = "a"
        d[b] = "b"
        d[(1, "x")] = "t"
        d[b"y"] = "bytes"
        self.assertEqual([d[a], d[b], d[1, "x"], d[b"y"]], ["a", "b", "t", "bytes"])
        self.assertNotIn(node(), d)
        self.assertEqual(list(d)[0], a)
        self.assertEqual(list(d)[2], (1, "x"))

    def test_what_no_heap_can_hold_is_not_there(self):
        d, s = self.heap.dict({2.0**63: 1, 7: 2}), self.heap.set([-(2.0**70), 7])
        with refslab.Heap.attach(self.heap, readonly=True) as other:
            seen = other.by_id(self.heap.id(d)), other.by_id(self.heap.id(s))
            for m, e in ((d, s), seen):
                for key in (2**63 + 1, -(2**80), 10**400, "\ud800", "x" * 1048577, b"x" * 1048577):
                    self.assertNotIn(key, m)
                    self.assertNotIn(key, e)
                    self.assertEqual(m.get(key, "no"), "no")
                    self.assertRaises(KeyError, lambda: m[key])
                    self.assertRaises(KeyError, m.at, key)
                # but these are
                self.assertEqual(m[2**63], 1)
                self.assertIn(-(2**70), e)
        for key in (2**64, 10**400, "\ud800", "x" * 1048577):
            s.discard(key)
            self.assertRaises(KeyError, s.remove, key)
            self.assertRaises(KeyError, d.__delitem__, key)
            self.assertEqual(d.pop(key, 3), 3)
        self.assertEqual((len(d), len(s)), (2, 2))
        del d[2**63]
        s.discard(-(2**70))
        self.assertEqual((d, s), ({7: 2}, {7}))
        self.assertRaises(OverflowError, d.__setitem__, 2**64, 1)
        self.assertRaises(OverflowError, s.add, 2**64)

    def test_changes_during_iteration(self):
        d = self.heap.dict({n: n for n in range(1000)})
        seen = 0
        with self.assertRaises(RuntimeError):
            for key in d:
                seen += 1
                d[key + 5000] = 1
        self.assertGreater(seen, 0)
        d.clear()
        self.assertEqual(self.handles(), 1)

    def test_changes_of_small_ones(self):
        for n in (1, 3, 300):
            for use in (lambda d, k: d.pop(k), lambda d, k: d.update({k + 1000: 1})):
                d = self.heap.dict({i: [i] for i in range(n)})
                with self.assertRaisesRegex(
                    RuntimeError, "^dictionary changed size during iteration$"
                ):
                    for key in d:
                        use(d, key)
                d = self.heap.dict({i: i for i in range(n)})
                with self.assertRaises(RuntimeError):
                    for key, _ in d.items():
                        use(d, key)
            s = self.heap.set(range(n))
            with self.assertRaisesRegex(RuntimeError, "^Set changed size during iteration$"):
                for x in s:
                    s.remove(x)
            s = self.heap.set(range(n))
            with self.assertRaises(RuntimeError):
                for x in s:
                    s.add(x + 1000)
        d = self.heap.dict({1: 1})
        iterator = iter(d)
        d[2] = 2
        self.assertRaises(RuntimeError, next, iterator)

    def test_values_may_change_during_iteration(self):
        d = self.heap.dict({n: n for n in range(300)})
        for key in d:
            d[key] += 1
        self.assertEqual(list(d.values()), list(range(1, 301)))
        seen = []
        for key, value in d.items():
            d[299] = "new"
            seen.append(value)
        self.assertEqual(seen[-2:], [299, "new"])

    def test_a_key_that_is_replaced_during_iteration(self):
        d = self.heap.dict({n: n for n in range(10)})
        with self.assertRaises(RuntimeError):
            for key in d:
                if not key:
                    del d[5]
                    d["new"] = 5

    def test_many_entries_of_all_kinds(self):
        values = [7, 10**12, -1.5, "s", "x" * 63, "y" * 64, "z" * 65, "ü" * 5000, b"", b"b" * 9000]
        d = self.heap.dict({n: values[n % 10] for n in range(1000)})
        self.assertEqual(dict(d.items()), {n: values[n % 10] for n in range(1000)})
        self.assertEqual(list(d.values()), values * 100)
        self.assertEqual(self.handles(), 1)
        box = self.heap.list(values * 100)
        self.assertEqual(list(box), values * 100)
        self.assertEqual(box[3:777:2], (values * 100)[3:777:2])
        self.assertEqual(self.handles(), 2)

    def test_operators_and_methods(self):
        d = self.heap.dict(a=1, b=2)
        self.assertEqual(d | {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4})
        self.assertIs(type(d | d), dict)
        self.assertEqual({"a": 0, "z": 1} | d, {"a": 1, "z": 1, "b": 2})
        same = d
        d |= {"c": [3]}
        self.assertIs(same, d)
        self.assertEqual(list(reversed(d)), ["c", "b", "a"])
        self.assertEqual(list(reversed(d.items()))[-1], ("a", 1))
        copy = d.copy()
        self.assertIsInstance(copy, refslab.Dict)
        self.assertIsNot(copy, d)
        self.assertIs(copy["c"], d["c"])
        self.assertEqual(d.fromkeys("ab", 1), {"a": 1, "b": 1})
        self.assertEqual(d.keys() & {"a"}, {"a"})
        self.assertIn(("a", 1), d.items())
        self.assertRaises(TypeError, lambda: d | [1])

    def test_messages(self):
        d = self.heap.dict(a=1)
        for wrong, kind, text in (
            (lambda: self.heap.dict([1]), TypeError,
             "cannot convert dictionary update sequence element #0 to a sequence"),
            (lambda: self.heap.dict([(1, 2, 3)]), ValueError,
             "dictionary update sequence element #0 has length 3; 2 is required"),
            (lambda: d.update({"a": None}), TypeError, "a heap cannot hold a NoneType"),
            (lambda: d[[]], TypeError, "a List cannot be a key"),
            (lambda: d.update({"a": 1}) or {} in d, TypeError, "a Dict cannot be a key"),
            (lambda: d.setdefault(self.heap.set(), 1), TypeError, "a Set cannot be a key"),
            (lambda: self.heap.set([[1]]), TypeError, "a List cannot be a key"),
        ):
            with self.assertRaises(kind) as caught:
                wrong()
            self.assertEqual(str(caught.exception), text)

    def test_an_iteration_that_ends_early_leaves_nothing(self):
        d = self.heap.dict({n: [n] for n in range(600)})
        for key in d:
            if key == 300:
                break
        del d
        gc.collect()
        self.assert_nothing_left()

    def test_a_dict_in_itself(self):
        d = self.heap.dict()
        d["self"] = d
        self.assertEqual(repr(d), "{'self': {...}}")
        self.assertIs(d["self"], d)
        del d
        self.assertEqual(self.gc.collect(), 1)
        self.assert_nothing_left()

    def test_an_atom_as_an_object(self):
        d = self.heap.dict(n=10**12)
        self.assertIsInstance(d.at("n"), refslab.Int)
        self.assertEqual(d.at("n"), 10**12)


class Sets(HeapTest):
    def test_protocol(self):
        s = self.heap.set([1, "a", 1])
        self.assertEqual(len(s), 2)
        self.assertIn(1.0, s)
        s.add((1, 2))
        s.discard("b")
        self.assertEqual(set(s), {1, "a", (1, 2)})
        self.assertEqual(s, {1, "a", (1, 2)})
        s.remove("a")
        self.assertRaises(KeyError, s.remove, "a")
        self.assertEqual(s | {5}, {1, (1, 2), 5})
        self.assertEqual(s & {1}, {1})
        self.assertTrue(s.isdisjoint({9}))
        self.assertRaises(TypeError, s.add, [])
        s.clear()
        self.assertEqual(repr(s), "set()")

    def test_methods(self):
        s = self.heap.set([1, 2, 3])
        for given in (s.union([4], [5]), s | {4, 5}):
            self.assertEqual(given, {1, 2, 3, 4, 5})
            self.assertIs(type(given), set)
        self.assertEqual(s.intersection([1, 9]), {1})
        self.assertEqual(s.difference([1], [2]), {3})
        self.assertEqual(s.symmetric_difference([1, 7]), {2, 3, 7})
        self.assertTrue(s.issubset(range(9)))
        self.assertTrue(s.issuperset([1]))
        self.assertFalse(s.issuperset([9]))
        self.assertTrue(s.isdisjoint([9]))
        copy = s.copy()
        self.assertIsInstance(copy, refslab.Set)
        copy.update([4], s, (5,))
        self.assertEqual(copy, {1, 2, 3, 4, 5})
        copy.difference_update([1], copy & {2})
        copy.intersection_update([3, 4])
        self.assertEqual(copy, {3, 4})
        copy.symmetric_difference_update([4, 6])
        self.assertEqual(copy, {3, 6})
        self.assertEqual(s, {1, 2, 3})

    def test_conversion(self):
        s = self.heap.convert({1, 2})
        self.assertIsInstance(s, refslab.Set)
        self.assertEqual(self.heap.list([{1, 2}])[0], {1, 2})


class Instances(HeapTest):
    def test_attributes(self):
        o = self.heap.instance(name="n")
        o.value = 7
        o.me = o
        self.assertEqual((o.name, o.value), ("n", 7))
        self.assertIs(o.me, o)
        o.value = [1]
        self.assertEqual(o.value, [1])
        del o.value
        self.assertRaises(AttributeError, lambda: o.value)
        with self.assertRaises(AttributeError):
            del o.value
        self.assertFalse(hasattr(o, "other"))
        self.assertEqual(getattr(o, "other", 5), 5)
        self.assertEqual(dir(o), ["me", "name"])
        with self.assertRaises(AttributeError):
            o.close = 1
        self.assertEqual(len({o, o}), 1)
        o.close()
        self.assertEqual(self.gc.collect(), 1)
        self.assert_nothing_left()

    def test_weak_references(self):
        o = self.heap.instance()
        w = self.heap.ref(o)
        self.assertIs(w(), o)
        del o
        self.assertIsNone(w())

    def test_names_that_cannot_be(self):
        o = self.heap.instance()
        for name in ("größe", "a b", "", "x" * 256):
            self.assertFalse(hasattr(o, name))
            with self.assertRaisesRegex(AttributeError, "an ASCII identifier"):
                setattr(o, name, 1)
            with self.assertRaisesRegex(AttributeError, "an ASCII identifier"):
                delattr(o, name)
        setattr(o, "x" * 255, 1)
        self.assertEqual(dir(o), ["x" * 255])

    def test_two_instances(self):
        a, b = self.heap.instance(), self.heap.instance()
        a.other, b.other = b, a
        self.assertEqual(self.gc.getrefcount(a), 2)
        del a, b
        self.assertEqual(self.gc.collect(), 2)
        self.assert_nothing_left()
