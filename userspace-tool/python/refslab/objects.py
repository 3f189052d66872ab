# SPDX-License-Identifier: GPL-2.0
"""Objects that refer to others, as Python's own."""

from __future__ import annotations

import errno
import operator
import typing as t
from collections.abc import ItemsView, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import ValuesView

from . import bulk, mapping
from ._abi import MAX_ATTRIBUTE, Op
from ._errors import Error, HeapPermissionError, HeapTypeError
from .atoms import VALUES, Bytes, Float, Int, Object, Str

if t.TYPE_CHECKING:
    from .heap import TypeInfo

__all__ = [
    "BUILT_IN", "VALUES", "Bytes", "Dict", "Float", "Instance", "Int", "List", "Object", "Set",
    "Str", "Tuple", "UserObject", "WeakRef",
]

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


def _not_a_key(error: Error, key: t.Any) -> Exception:
    """The exception for a key that a dict or set does not take."""
    if not isinstance(error, HeapTypeError):
        return error
    if isinstance(key, (tuple, Tuple)):
        return TypeError("a Tuple with something in it that cannot be a key cannot be a key")
    name = key._name() if isinstance(key, Object) else _CONTAINERS.get(type(key), "object")
    return TypeError(f"a {name} cannot be a key")


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

    def _there(self, key: t.Any) -> Object:
        """The key that is there, for a session that cannot make one to compare with."""
        found = _search(self, key)
        if found is None:
            raise KeyError(key)
        return found

    def __getitem__(self, key: t.Any) -> t.Any:
        try:
            return self._heap._load(Op.DICT_ITEM, self._use(), value=key)
        except HeapPermissionError:
            return self[self._there(key)]
        except Error as e:
            raise self._missing(e, key) from None

    def at(self, key: t.Any) -> Object:
        """The value as an object of the heap, also where [] gives a Python value."""
        try:
            return self._heap._object(Op.DICT_ITEM, self._use(), value=key)
        except HeapPermissionError:
            return self.at(self._there(key))
        except Error as e:
            raise self._missing(e, key) from None

    def __setitem__(self, key: t.Any, value: t.Any) -> None:
        self._writes += 1
        try:
            self._heap._store(Op.DICT_SETITEM, self._use(), value=key, second=value)
        except Error as e:
            raise self._missing(e, key) from None

    def __delitem__(self, key: t.Any) -> None:
        self._writes += 1
        try:
            self._heap._store(Op.DICT_DELITEM, self._use(), value=key)
        except Error as e:
            raise self._missing(e, key) from None

    def __contains__(self, key: object) -> bool:
        try:
            return bool(self._heap._store(Op.CONTAINS, self._use(), value=key))
        except HeapPermissionError:
            return _search(self, key) is not None
        except Error as e:
            raise self._missing(e, key) from None

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
            return bool(self._heap._store(Op.CONTAINS, self._use(), value=value))
        except HeapPermissionError:
            return _search(self, value) is not None
        except Error as e:
            raise _not_a_key(e, value) from None

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
            self._heap._store(Op.DISCARD, self._use(), value=value)
        except Error as e:
            raise _not_a_key(e, value) from None

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


class _Attributes(Object):
    """Objects whose attributes are references in the heap."""

    __slots__ = ()

    def _taken(self, name: str) -> bool:
        """Names that mean something else."""
        return name.startswith("__") or hasattr(type(self), name)


class Instance(_Attributes):
    """An object with any attributes: o.name = value."""

    __slots__ = ()

    def _identifier(self, name: str) -> None:
        if not (name.isascii() and name.isidentifier() and len(name) <= MAX_ATTRIBUTE):
            raise AttributeError(
                f"an attribute's name is an ASCII identifier of at most {MAX_ATTRIBUTE} letters, "
                f"not {name!r}"
            )

    def __getattr__(self, name: str) -> t.Any:
        if self._taken(name):
            raise AttributeError(name)
        self._identifier(name)
        text = name.encode()
        try:
            return self._heap._load(Op.GETATTR, self._use(), text=text)
        except Error as e:
            if e.errno == errno.ENOKEY:
                raise AttributeError(f"the instance has no attribute {name!r}") from None
            raise

    def __setattr__(self, name: str, value: t.Any) -> None:
        if self._taken(name):
            raise AttributeError(f"the name {name!r} is taken")
        self._identifier(name)
        self._heap._store(Op.SETATTR, self._use(), text=name.encode(), value=value)

    def __delattr__(self, name: str) -> None:
        self._identifier(name)
        try:
            self._heap._store(Op.DELATTR, self._use(), text=name.encode())
        except Error as e:
            if e.errno == errno.ENOKEY:
                raise AttributeError(f"the instance has no attribute {name!r}") from None
            raise

    def __dir__(self) -> t.List[str]:
        return sorted(str(name) for name, _ in bulk.entries(self, "instance", sized=False))


class UserObject(_Attributes):
    """
    An object of a type of the program. Slots are attributes when the type names them, and elements
    by their number. An empty slot reads as None, and None empties it.
    """

    __slots__ = ("_info",)

    _info: TypeInfo

    def _name(self) -> str:
        return self._info.name

    def _slot(self, name: str) -> int:
        try:
            return self._info.names[name]
        except KeyError:
            if not self._info.own:
                raise AttributeError(
                    f"{self._info.name!r} was defined by another session, and this one does not "
                    f"know which slot {name!r} is: slots have numbers, o[0]"
                ) from None
            raise AttributeError(f"{self._info.name!r} has no slot {name!r}") from None

    def __len__(self) -> int:
        return self._info.slots

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, slot: int) -> t.Any:
        try:
            return self._heap._load(Op.SLOT, self._use(), self._number(slot))
        except Error as e:
            if e.errno == errno.ENODATA:
                return None
            raise self._out_of_range(e, slot) from None

    def __setitem__(self, slot: int, value: t.Any) -> None:
        try:
            if value is None:
                self._heap._call(Op.CLEARSLOT, self._use(), self._number(slot))
            else:
                self._heap._store(Op.SETSLOT, self._use(), self._number(slot), value=value)
        except Error as e:
            raise self._out_of_range(e, slot) from None

    def __delitem__(self, slot: int) -> None:
        self[slot] = None

    def __iter__(self) -> t.Iterator[t.Any]:
        return (self[i] for i in range(self._info.slots))

    def _number(self, slot: t.SupportsIndex) -> int:
        i = slot.__index__()
        if not -self._info.slots <= i < self._info.slots:
            raise IndexError(f"{self._info.name!r} has {self._info.slots} slots")
        return i % self._info.slots

    def _out_of_range(self, error: Error, slot: int) -> Exception:
        return IndexError(f"no slot {slot}") if error.errno == errno.ERANGE else error

    def __getattr__(self, name: str) -> t.Any:
        return self[self._slot(name)]

    def __setattr__(self, name: str, value: t.Any) -> None:
        if name == "payload":
            raise AttributeError("the payload has a place: o.payload[0:5] = b'hello'")
        self[self._slot(name)] = value

    def __delattr__(self, name: str) -> None:
        if self[self._slot(name)] is None:
            raise AttributeError(name)
        self[self._slot(name)] = None

    def __dir__(self) -> t.List[str]:
        return sorted([*self._info.names, "close", "closed", "memory", "payload"])

    @property
    def payload(self) -> Payload:
        """The payload's bytes."""
        return Payload(self)

    def memory(self, readonly: bool = False) -> memoryview:
        """
        The payload of a type with mapped, as memory: what is written to it is there for all who
        have it mapped. It keeps the object until it is released: with o.memory() as m: ...
        """
        return mapping.view(self._heap._session, self._use(), readonly)


class Payload:
    """The payload of an object: bytes that are read and written by slices."""

    __slots__ = ("_of",)

    def __init__(self, of: UserObject) -> None:
        self._of = of

    def __len__(self) -> int:
        return self._of._info.payload

    def _range(self, index: t.Union[int, slice]) -> t.Tuple[int, int]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a payload is read and written without gaps")
            return start, max(0, stop - start)
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError("payload index out of range")
        return i % len(self), 1

    def __getitem__(self, index: t.Any) -> t.Any:
        start, length = self._range(index)
        data = self._of._heap._read(self._of._use(), start, length)
        return data if isinstance(index, slice) else data[0]

    def __setitem__(self, index: t.Any, value: t.Any) -> None:
        start, length = self._range(index)
        data = bytes(value) if isinstance(index, slice) else bytes([value])
        if len(data) > length:
            raise ValueError(f"{len(data)} bytes do not fit into {length}")
        self._of._heap._write(self._of._use(), start, data)

    def __bytes__(self) -> bytes:
        return bytes(self[:])

    def __repr__(self) -> str:
        return f"<payload {bytes(self)!r}>"


class WeakRef(Object):
    """A weak reference: called, it gives its object, or None when that is dead."""

    __slots__ = ()

    def __call__(self) -> t.Optional[Object]:
        return self._heap._alive(Op.DEREF, self._use())

    def __hash__(self) -> int:
        return object.__hash__(self)


BUILT_IN: t.Dict[str, t.Type[Object]] = {
    "int": Int,
    "float": Float,
    "str": Str,
    "bytes": Bytes,
    "list": List,
    "tuple": Tuple,
    "dict": Dict,
    "set": Set,
    "instance": Instance,
    "weakref": WeakRef,
}
