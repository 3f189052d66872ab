# SPDX-License-Identifier: GPL-2.0
"""Objects of a heap, as Python's own."""

from __future__ import annotations

import errno
import operator
import typing as t
from collections.abc import MutableMapping, MutableSequence, MutableSet, Sequence

from ._abi import Op
from ._errors import ClosedError, Error

if t.TYPE_CHECKING:
    from .heap import Heap, TypeInfo


class Object:
    """
    An object of a heap, by one handle: one reference. All names that a program has for the object
    are this one Python object, so that `is` and == tell whether two are the same. The handle is
    dropped when the last name goes (`del`), by close(), or at the end of a `with`.
    """

    __slots__ = ("_heap", "_handle", "_id", "__weakref__")

    _heap: Heap
    _handle: int
    _id: int

    def __init__(self, heap: Heap, handle: int, number: int) -> None:
        object.__setattr__(self, "_heap", heap)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_id", number)

    def _use(self) -> int:
        """The handle, as an operand."""
        if not self._handle:
            raise ClosedError("the object's handle is closed")
        return self._handle

    def close(self) -> None:
        """Drops the handle, for all names there are."""
        self._heap._drop(self)

    @property
    def closed(self) -> bool:
        """Is the handle dropped?"""
        return not self._handle or self._heap.closed

    def __enter__(self: T) -> T:
        self._use()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Objects that never came to be have no handle, and at the end of the interpreter anything
        # may be gone already; the kernel then drops what is left.
        try:
            self._heap._drop(self)
        except Exception:
            pass

    def __copy__(self: T) -> T:
        return self

    def __reduce__(self) -> t.NoReturn:
        raise TypeError(f"cannot pickle a {type(self).__name__} of a heap")

    def __repr__(self) -> str:
        return f"<refslab.{self._name()} {self._id}{' closed' if self.closed else ''}>"

    def _name(self) -> str:
        return type(self).__name__


T = t.TypeVar("T", bound=Object)


class Atom(Object):
    """An object that has a value and refers to nothing. Equal to others by its value."""

    __slots__ = ("_cached",)

    _cached: t.Any

    @property
    def value(self) -> t.Any:
        """The value, as Python's."""
        try:
            return self._cached
        except AttributeError:
            value = self._heap._value(type(self), self._use())
            object.__setattr__(self, "_cached", value)
            return value

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Atom) else other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        if self.closed:
            return super().__repr__()
        return f"<refslab.{self._name()} {self._id} {self.value!r}>"

    def __str__(self) -> str:
        return str(self.value)


class Int(Atom):
    """An int of 64 bits, signed."""

    __slots__ = ()

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


class Float(Atom):
    """A float."""

    __slots__ = ()

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


class Str(Atom):
    """A str."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.value)


class Bytes(Atom):
    """Bytes."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.value)

    def __bytes__(self) -> bytes:
        return bytes(self.value)


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
        if isinstance(index, slice):
            return [self._get(i) for i in range(*index.indices(len(self)))]
        try:
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
        i = 0
        while True:
            try:
                element = self._get(i)
            except IndexError:
                return
            yield element
            i += 1

    def _contains(self, value: t.Any) -> bool:
        return any(x is value or x == value for x in self._elements())

    def _equal(self, other: t.Any) -> bool:
        if self is other:
            return True
        if len(self) != len(other):
            return False
        return all(x is y or x == y for x, y in zip(self._elements(), other))

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
        del self[start:stop]
        for i, value in enumerate(values):
            self.insert(start + i, value)

    def __delitem__(self, index: t.Any) -> None:
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
        self._heap._store(Op.INSERT, self._use(), i, value=value)

    def append(self, value: t.Any) -> None:
        """Appends to the end."""
        self._heap._store(Op.APPEND, self._use(), value=value)

    def extend(self, values: t.Iterable[t.Any]) -> None:
        """Appends all of them."""
        if values is self:
            values = list(values)
        self._heap._fill(self, values)

    def pop(self, index: t.SupportsIndex = -1) -> t.Any:
        """Takes an element out, the last one if not told otherwise."""
        length = len(self)
        if not length:
            raise IndexError("pop from empty list")
        try:
            return self._heap._load(Op.POP, self._use(), self._index(index))
        except Error as e:
            if e.errno == errno.ERANGE:
                raise IndexError("pop index out of range") from None
            raise

    def clear(self) -> None:
        """Takes all elements out."""
        del self[:]

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
        return error

    def __getitem__(self, key: t.Any) -> t.Any:
        try:
            return self._heap._load(Op.DICT_ITEM, self._use(), value=key)
        except Error as e:
            raise self._missing(e, key) from None

    def at(self, key: t.Any) -> Object:
        """The value as an object of the heap, also where [] gives a Python value."""
        try:
            return self._heap._object(Op.DICT_ITEM, self._use(), value=key)
        except Error as e:
            raise self._missing(e, key) from None

    def __setitem__(self, key: t.Any, value: t.Any) -> None:
        self._heap._store(Op.DICT_SETITEM, self._use(), value=key, second=value)

    def __delitem__(self, key: t.Any) -> None:
        try:
            self._heap._store(Op.DICT_DELITEM, self._use(), value=key)
        except Error as e:
            raise self._missing(e, key) from None

    def __contains__(self, key: object) -> bool:
        return bool(self._heap._store(Op.CONTAINS, self._use(), value=key))

    def __iter__(self) -> t.Iterator[t.Any]:
        return (key for key, _ in self._heap._entries(self))

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
            other.get(key, missing) == value for key, value in self._heap._entries(self)
        )

    def __repr__(self) -> str:
        if self.closed:
            return super().__repr__()
        shown = self._heap._shown
        if self._id in shown:
            return "{...}"
        shown.add(self._id)
        try:
            pairs = [f"{key!r}: {value!r}" for key, value in self._heap._entries(self)]
        finally:
            shown.discard(self._id)
        return "{" + ", ".join(pairs) + "}"


class Set(Object, MutableSet):  # type: ignore[type-arg]
    """A set. Operators like | give sets of Python's."""

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def _from_iterable(cls, values: t.Iterable[t.Any]) -> t.Any:
        return set(values)

    def __len__(self) -> int:
        return self._heap._call(Op.LEN, self._use())[0]

    def __contains__(self, value: object) -> bool:
        return bool(self._heap._store(Op.CONTAINS, self._use(), value=value))

    def __iter__(self) -> t.Iterator[t.Any]:
        return (value for value, _ in self._heap._entries(self))

    def add(self, value: t.Any) -> None:
        """Adds, if it is not in."""
        self._heap._store(Op.ADD, self._use(), value=value)

    def discard(self, value: t.Any) -> None:
        """Takes it out, if it is in."""
        self._heap._store(Op.DISCARD, self._use(), value=value)

    def clear(self) -> None:
        """Takes all out."""
        for value in list(self):
            self.discard(value)

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

    def __getattr__(self, name: str) -> t.Any:
        if self._taken(name):
            raise AttributeError(name)
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
        self._heap._store(Op.SETATTR, self._use(), text=name.encode(), value=value)

    def __delattr__(self, name: str) -> None:
        try:
            self._heap._store(Op.DELATTR, self._use(), text=name.encode())
        except Error as e:
            if e.errno == errno.ENOKEY:
                raise AttributeError(f"the instance has no attribute {name!r}") from None
            raise

    def __dir__(self) -> t.List[str]:
        return sorted(str(name) for name, _ in self._heap._entries(self))


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
        return sorted([*self._info.names, "close", "closed", "payload"])

    @property
    def payload(self) -> Payload:
        """The payload's bytes."""
        return Payload(self)


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

# What a value read from the heap becomes; and the operation that reads it.
VALUES: t.Dict[t.Type[Object], Op] = {
    Int: Op.INT_VALUE,
    Float: Op.FLOAT_VALUE,
    Str: Op.STR_VALUE,
    Bytes: Op.BYTES_VALUE,
}
