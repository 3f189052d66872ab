# SPDX-License-Identifier: GPL-2.0
"""Lists and tuples, as Python's own."""

from __future__ import annotations

import errno
import operator
import typing as t
from collections.abc import MutableSequence, Sequence

from . import bulk
from ._abi import Op
from ._errors import Error
from .atoms import Object


class _Sequence(Object):
    """What lists and tuples have in common."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._heap._call(Op.LEN, self._use())[0]

    def _index(self, index: t.SupportsIndex) -> int:
        i = operator.index(index)
        if i < 0:
            i += len(self)
        if i < 0:
            raise IndexError(f"{self._name().lower()} index out of range")
        return i

    def _out_of_range(self, error: Error) -> Exception:
        if error.errno == errno.ERANGE:
            return IndexError(f"{self._name().lower()} index out of range")
        return error

    def _get(self, index: t.Any) -> t.Any:
        try:
            if isinstance(index, slice):
                return bulk.items(self, range(*index.indices(len(self))))
            return self._heap._load(Op.ITEM, self._use(), self._index(index))
        except Error as e:
            raise self._out_of_range(e) from None

    def at(self, index: int) -> Object:
        """The element as an object of the heap, also where [] gives a value."""
        try:
            return self._heap._object(Op.ITEM, self._use(), self._index(index))
        except Error as e:
            raise self._out_of_range(e) from None

    def _elements(self) -> t.Iterator[t.Any]:
        """By index, as Python goes; many elements by one call, until the program changes some."""
        index = cursor = 0
        writes = self._writes
        while self._writes == writes:
            found, cursor = bulk.some(self, cursor, False)
            found.reverse()
            while found and self._writes == writes:
                index += 1
                yield found.pop()[0]
            if not cursor and not found and self._writes == writes:
                return
        del found
        while True:
            try:
                element = self._get(index)
            except IndexError:
                return
            index += 1
            yield element

    def _contains(self, value: t.Any) -> bool:
        return any(x is value or x == value for x in self._elements())

    def _equal(self, other: t.Any) -> bool:
        if self is other:
            return True
        if len(self) != len(other):
            return False
        return all(x is y or x == y for x, y in zip(self._elements(), other))

    def index(self, value: t.Any, start: int = 0, stop: t.Optional[int] = None) -> int:
        """Where the first equal element is."""
        length = len(self)
        start, stop, _ = slice(start, stop).indices(length)
        for i, x in enumerate(self._elements()):
            if i >= stop:
                break
            if i >= start and (x is value or x == value):
                return i
        if isinstance(self, Tuple):
            raise ValueError("tuple.index(x): x not in tuple")
        raise ValueError(f"{value!r} is not in list")

    def _kin(self, other: t.Any) -> t.Any:
        """The other's elements, as a list or a tuple of Python's; NotImplemented for others."""
        mine, plain = (Tuple, tuple) if isinstance(self, Tuple) else (List, list)
        if isinstance(other, (mine, plain)):
            return plain(other)
        return NotImplemented

    def _compare(self, op: t.Callable[[t.Any, t.Any], t.Any], other: t.Any) -> t.Any:
        theirs = self._kin(other)
        return theirs if theirs is NotImplemented else op(self._kin(self), theirs)

    def __lt__(self, other: t.Any) -> t.Any:
        return self._compare(operator.lt, other)

    def __le__(self, other: t.Any) -> t.Any:
        return self._compare(operator.le, other)

    def __gt__(self, other: t.Any) -> t.Any:
        return self._compare(operator.gt, other)

    def __ge__(self, other: t.Any) -> t.Any:
        return self._compare(operator.ge, other)

    def __add__(self, other: t.Any) -> t.Any:
        return self._compare(operator.add, other)

    def __radd__(self, other: t.Any) -> t.Any:
        return self._compare(lambda mine, theirs: theirs + mine, other)

    def __mul__(self, times: t.SupportsIndex) -> t.Any:
        return self._kin(self) * operator.index(times)

    __rmul__ = __mul__

    def _show(self, brackets: str) -> str:
        if self.closed:
            return super().__repr__()
        shown = self._heap._shown
        if self._id in shown:
            return f"{brackets[0]}...{brackets[1]}"
        shown.add(self._id)
        try:
            inside = ", ".join(map(repr, self._elements()))
        finally:
            shown.discard(self._id)
        return brackets[0] + inside + brackets[1]


class List(_Sequence, MutableSequence):  # type: ignore[type-arg]
    """A list."""

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, index: t.Any) -> t.Any:
        return self._get(index)

    def __setitem__(self, index: t.Any, value: t.Any) -> None:
        if isinstance(index, slice):
            self._set_slice(index, value)
            return
        self._writes += 1
        try:
            self._heap._store(Op.SETITEM, self._use(), self._index(index), value=value)
        except Error as e:
            raise self._out_of_range(e) from None

    def _set_slice(self, index: slice, values: t.Iterable[t.Any]) -> None:
        values = list(values)
        start, stop, step = index.indices(len(self))
        if step != 1:
            places = range(start, stop, step)
            if len(places) != len(values):
                raise ValueError(
                    f"attempt to assign sequence of size {len(values)} to extended slice of size "
                    f"{len(places)}"
                )
            for i, value in zip(places, values):
                self[i] = value
            return
        del self[start : max(start, stop)]
        for i, value in enumerate(values):
            self.insert(start + i, value)

    def __delitem__(self, index: t.Any) -> None:
        self._writes += 1
        if isinstance(index, slice):
            places = sorted(range(*index.indices(len(self))), reverse=True)
            self._heap._many([(Op.DELITEM, (self._use(), i)) for i in places])
            return
        try:
            self._heap._call(Op.DELITEM, self._use(), self._index(index))
        except Error as e:
            raise self._out_of_range(e) from None

    def insert(self, index: t.SupportsIndex, value: t.Any) -> None:
        """Inserts before index, which is brought within the list."""
        length = len(self)
        i = operator.index(index)
        i = max(0, i + length) if i < 0 else min(i, length)
        self._writes += 1
        self._heap._store(Op.INSERT, self._use(), i, value=value)

    def append(self, value: t.Any) -> None:
        """Appends to the end."""
        self._writes += 1
        self._heap._store(Op.APPEND, self._use(), value=value)

    def extend(self, values: t.Iterable[t.Any]) -> None:
        """Appends all of them."""
        if values is self:
            values = list(values)
        self._writes += 1
        self._heap._fill(self, values)

    def pop(self, index: t.SupportsIndex = -1) -> t.Any:
        """Takes an element out, the last one if not told otherwise."""
        length = len(self)
        if not length:
            raise IndexError("pop from empty list")
        self._writes += 1
        try:
            return self._heap._load(Op.POP, self._use(), self._index(index))
        except Error as e:
            if e.errno == errno.ERANGE:
                raise IndexError("pop index out of range") from None
            raise

    def clear(self) -> None:
        """Takes all elements out."""
        del self[:]

    def remove(self, value: t.Any) -> None:
        """Takes the first equal element out."""
        try:
            place = self.index(value)
        except ValueError:
            raise ValueError("list.remove(x): x not in list") from None
        del self[place]

    def copy(self) -> List:
        """A new list of the heap with the same elements."""
        return self._heap.list(iter(bulk.elements(self)))

    def reverse(self) -> None:
        """Turns it round."""
        self._writes += 1
        bulk.place(self, bulk.elements(self)[::-1])

    def sort(
        self, *, key: t.Optional[t.Callable[[t.Any], t.Any]] = None, reverse: bool = False
    ) -> None:
        """Sorts it, by values where elements are atoms. The elements stay the objects they are."""
        writes = self._writes
        elements = bulk.elements(self)
        values = list(self._elements())
        if len(values) != len(elements):
            raise ValueError("list modified during sort")
        keys = values if key is None else [key(value) for value in values]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
        if self._writes != writes:
            raise ValueError("list modified during sort")
        self._writes += 1
        bulk.place(self, [elements[i] for i in order])

    def __imul__(self, times: t.SupportsIndex) -> List:
        n = operator.index(times)
        if n <= 0:
            self.clear()
        elif n > 1:
            self.extend(bulk.elements(self) * (n - 1))
        return self

    def __iter__(self) -> t.Iterator[t.Any]:
        return self._elements()

    def __contains__(self, value: object) -> bool:
        return self._contains(value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, List)):
            return NotImplemented
        return self._equal(other)

    def __repr__(self) -> str:
        return self._show("[]")


class Tuple(_Sequence, Sequence):  # type: ignore[type-arg]
    """A tuple."""

    __slots__ = ()

    def __getitem__(self, index: t.Any) -> t.Any:
        found = self._get(index)
        return tuple(found) if isinstance(index, slice) else found

    def __iter__(self) -> t.Iterator[t.Any]:
        return self._elements()

    def __contains__(self, value: object) -> bool:
        return self._contains(value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, Tuple)):
            return NotImplemented
        return self._equal(other)

    def __hash__(self) -> int:
        return hash(tuple(self._elements()))

    def __repr__(self) -> str:
        if not self.closed and len(self) == 1:
            return self._show("()")[:-1] + ",)"
        return self._show("()")
