# SPDX-License-Identifier: GPL-2.0
"""Dicts and sets, as Python's own."""

from __future__ import annotations

import errno
import typing as t
from collections.abc import ItemsView, MutableMapping, MutableSet, ValuesView

from . import bulk
from ._abi import Op
from ._errors import Error, HeapPermissionError, HeapTypeError
from .atoms import Object
from .sequences import Tuple


def _not_a_key(error: Error, key: t.Any) -> Exception:
    """The exception for a key that a dict or set does not take."""
    if not isinstance(error, HeapTypeError):
        return error
    if isinstance(key, (tuple, Tuple)):
        return TypeError("a Tuple with something in it that cannot be a key cannot be a key")
    name = key._name() if isinstance(key, Object) else _CONTAINERS.get(type(key), "object")
    return TypeError(f"a {name} cannot be a key")


# The heap's, and Python's own of values that cannot be given to it.
_LOOKUP_ERRORS = (Error, OverflowError, UnicodeEncodeError)


def _sought(key: t.Any) -> t.Any:
    """What to look for: an int that is too large for the heap may be equal to a float."""
    if isinstance(key, int) and not -(1 << 63) <= key < 1 << 63:
        try:
            real = float(key)
        except OverflowError:
            return key
        if real == key:
            return real
    return key


def _is_nowhere(error: Exception, key: t.Any) -> bool:
    """No heap can have that key: it is too large, or no UTF-8."""
    if not isinstance(key, (int, str, bytes, bytearray, memoryview)):
        return False
    return not isinstance(error, Error) or error.errno == errno.E2BIG


def _not_found(error: Exception, key: t.Any) -> Exception:
    """The exception for a key that was only looked for."""
    return _not_a_key(error, key) if isinstance(error, Error) else error


def _search(of: Object, key: t.Any) -> t.Optional[Object]:
    """The key or element that equals key, by a look at all of them."""
    try:
        hash(key)
        if isinstance(key, frozenset):
            raise TypeError
    except TypeError:
        raise _not_a_key(HeapTypeError(), key) from None
    return bulk.search(of, key)


_CONTAINERS: t.Dict[type, str] = {list: "List", dict: "Dict", set: "Set", frozenset: "Set"}


class _Items(ItemsView):  # type: ignore[type-arg]
    """Many pairs by one call."""

    __slots__ = ()

    _mapping: Dict

    def __iter__(self) -> t.Iterator[t.Tuple[t.Any, t.Any]]:
        return bulk.entries(self._mapping, "dictionary")

    def __reversed__(self) -> t.Iterator[t.Tuple[t.Any, t.Any]]:
        return reversed(list(self))

    @classmethod
    def _from_iterable(cls, it: t.Iterable[t.Any]) -> t.Any:
        return set(it)


class _Values(ValuesView):  # type: ignore[type-arg]
    """Likewise."""

    __slots__ = ()

    _mapping: Dict

    def __iter__(self) -> t.Iterator[t.Any]:
        return (value for _, value in bulk.entries(self._mapping, "dictionary"))

    def __reversed__(self) -> t.Iterator[t.Any]:
        return reversed(list(self))

    def __contains__(self, value: object) -> bool:
        return any(x is value or x == value for x in self)


class Dict(Object, MutableMapping):  # type: ignore[type-arg]
    """
    A dict, in the order of insertion. Keys are ints, floats, strs, bytes, tuples of those, and, by
    identity, instances and objects of types of the program.
    """

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return self._heap._call(Op.LEN, self._use())[0]

    def _missing(self, error: Error, key: t.Any) -> Exception:
        if error.errno == errno.ENOKEY:
            return KeyError(key)
        return _not_a_key(error, key)

    def _not_found(self, error: Exception, key: t.Any) -> Exception:
        """Likewise, where the key is only looked for."""
        if _is_nowhere(error, key) or isinstance(error, Error) and error.errno == errno.ENOKEY:
            return KeyError(key)
        return _not_found(error, key)

    def _there(self, key: t.Any) -> Object:
        """The key that is there, for a session that cannot make one to compare with."""
        found = _search(self, key)
        if found is None:
            raise KeyError(key)
        return found

    def __getitem__(self, key: t.Any) -> t.Any:
        try:
            return self._heap._load(Op.DICT_ITEM, self._use(), value=_sought(key))
        except HeapPermissionError:
            return self[self._there(key)]
        except _LOOKUP_ERRORS as e:
            raise self._not_found(e, key) from None

    def at(self, key: t.Any) -> Object:
        """The value as an object of the heap, also where [] gives a Python value."""
        try:
            return self._heap._object(Op.DICT_ITEM, self._use(), value=_sought(key))
        except HeapPermissionError:
            return self.at(self._there(key))
        except _LOOKUP_ERRORS as e:
            raise self._not_found(e, key) from None

    def __setitem__(self, key: t.Any, value: t.Any) -> None:
        self._writes += 1
        try:
            self._heap._store(Op.DICT_SETITEM, self._use(), value=key, second=value)
        except Error as e:
            raise self._missing(e, key) from None

    def __delitem__(self, key: t.Any) -> None:
        self._writes += 1
        try:
            self._heap._store(Op.DICT_DELITEM, self._use(), value=_sought(key))
        except _LOOKUP_ERRORS as e:
            raise self._not_found(e, key) from None

    def __contains__(self, key: object) -> bool:
        try:
            return bool(self._heap._store(Op.CONTAINS, self._use(), value=_sought(key)))
        except HeapPermissionError:
            return _search(self, key) is not None
        except _LOOKUP_ERRORS as e:
            if _is_nowhere(e, key):
                return False
            raise self._not_found(e, key) from None

    def __iter__(self) -> t.Iterator[t.Any]:
        return (key for key, _ in bulk.entries(self, "dictionary", values=False))

    def __reversed__(self) -> t.Iterator[t.Any]:
        return reversed(list(self))

    def items(self) -> t.Any:
        """The pairs of keys and values."""
        return _Items(self)

    def values(self) -> t.Any:
        """The values."""
        return _Values(self)

    def update(self, items: t.Any = (), /, **named: t.Any) -> None:
        """Sets what a mapping has, or pairs of keys and values, and what is named."""
        if hasattr(items, "keys"):
            items = items.items() if isinstance(items, (dict, Dict)) else [
                (key, items[key]) for key in items.keys()
            ]
        for n, pair in enumerate(list(items)):
            try:
                pair = tuple(pair)
            except TypeError:
                raise TypeError(
                    f"cannot convert dictionary update sequence element #{n} to a sequence"
                ) from None
            if len(pair) != 2:
                raise ValueError(
                    f"dictionary update sequence element #{n} has length {len(pair)}; "
                    "2 is required"
                )
            self[pair[0]] = pair[1]
        for key, value in named.items():
            self[key] = value

    def copy(self) -> Dict:
        """A new dict of the heap with the same keys and values."""
        return self._heap.dict(self)

    def fromkeys(self, keys: t.Iterable[t.Any], value: t.Any) -> Dict:
        """A new dict of the heap; each key has the one value, which cannot be None."""
        return self._heap.dict([(key, value) for key in keys])

    def __or__(self, other: t.Any) -> t.Any:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        return {**self, **other}

    def __ror__(self, other: t.Any) -> t.Any:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        return {**other, **self}

    def __ior__(self, other: t.Any) -> Dict:
        self.update(other)
        return self

    def clear(self) -> None:
        """Takes all keys out."""
        for key in list(self):
            del self[key]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (dict, Dict)):
            return NotImplemented
        if self is other:
            return True
        missing = object()
        return len(self) == len(other) and all(
            other.get(key, missing) == value for key, value in bulk.entries(self, "dictionary")
        )

    def __repr__(self) -> str:
        if self.closed:
            return super().__repr__()
        shown = self._heap._shown
        if self._id in shown:
            return "{...}"
        shown.add(self._id)
        try:
            pairs = [f"{key!r}: {value!r}" for key, value in bulk.entries(self, "dictionary")]
        finally:
            shown.discard(self._id)
        return "{" + ", ".join(pairs) + "}"


class Set(Object, MutableSet):  # type: ignore[type-arg]
    """A set. Operators like |, and union() and the like, give sets of Python's."""

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def _from_iterable(cls, values: t.Iterable[t.Any]) -> t.Any:
        return set(values)

    def __len__(self) -> int:
        return self._heap._call(Op.LEN, self._use())[0]

    def __contains__(self, value: object) -> bool:
        try:
            return bool(self._heap._store(Op.CONTAINS, self._use(), value=_sought(value)))
        except HeapPermissionError:
            return _search(self, value) is not None
        except _LOOKUP_ERRORS as e:
            if _is_nowhere(e, value):
                return False
            raise _not_found(e, value) from None

    def __iter__(self) -> t.Iterator[t.Any]:
        return (value for value, _ in bulk.entries(self, "Set", values=False))

    def add(self, value: t.Any) -> None:
        """Adds, if it is not in."""
        self._writes += 1
        try:
            self._heap._store(Op.ADD, self._use(), value=value)
        except Error as e:
            raise _not_a_key(e, value) from None

    def discard(self, value: t.Any) -> None:
        """Takes it out, if it is in."""
        self._writes += 1
        try:
            self._heap._store(Op.DISCARD, self._use(), value=_sought(value))
        except _LOOKUP_ERRORS as e:
            if not _is_nowhere(e, value):
                raise _not_found(e, value) from None

    def clear(self) -> None:
        """Takes all out."""
        for value in list(self):
            self.discard(value)

    def copy(self) -> Set:
        """A new set of the heap with the same elements."""
        return self._heap.set(self)

    def union(self, *others: t.Iterable[t.Any]) -> t.Set[t.Any]:
        """What is in any of them."""
        return set(self).union(*others)

    def intersection(self, *others: t.Iterable[t.Any]) -> t.Set[t.Any]:
        """What is in all of them."""
        return set(self).intersection(*others)

    def difference(self, *others: t.Iterable[t.Any]) -> t.Set[t.Any]:
        """What is in none of the others."""
        return set(self).difference(*others)

    def symmetric_difference(self, other: t.Iterable[t.Any]) -> t.Set[t.Any]:
        """What is in one of both."""
        return set(self).symmetric_difference(other)

    def issubset(self, other: t.Iterable[t.Any]) -> bool:
        """Is all of it in the other?"""
        return set(self).issubset(other)

    def issuperset(self, other: t.Iterable[t.Any]) -> bool:
        """Is all of the other in it?"""
        return set(self).issuperset(other)

    def isdisjoint(self, other: t.Iterable[t.Any]) -> bool:
        """Is nothing in both?"""
        return set(self).isdisjoint(other)

    def update(self, *others: t.Iterable[t.Any]) -> None:
        """Adds what is in the others."""
        for other in others:
            for value in list(other):
                self.add(value)

    def difference_update(self, *others: t.Iterable[t.Any]) -> None:
        """Takes out what is in the others."""
        for other in others:
            for value in list(other):
                self.discard(value)

    def intersection_update(self, *others: t.Iterable[t.Any]) -> None:
        """Leaves what is in all of them."""
        self.difference_update(self.difference(self.intersection(*others)))

    def symmetric_difference_update(self, other: t.Iterable[t.Any]) -> None:
        """Leaves what is in one of both."""
        theirs = set(other)
        both = self.intersection(theirs)
        self.update(theirs)
        self.difference_update(both)

    def __repr__(self) -> str:
        if self.closed:
            return super().__repr__()
        return "{" + ", ".join(map(repr, self)) + "}" if len(self) else "set()"
