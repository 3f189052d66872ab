# SPDX-License-Identifier: GPL-2.0
"""All objects there are; and those with attributes, slots and payloads, and weak references."""

from __future__ import annotations

import errno
import operator
import typing as t

from . import bulk, mapping
from ._abi import MAX_ATTRIBUTE, Op
from ._errors import Error
from .atoms import VALUES, Bytes, Float, Int, Object, Str
from .keyed import Dict, Set
from .sequences import List, Tuple

if t.TYPE_CHECKING:
    from .operations import TypeInfo

__all__ = [
    "BUILT_IN", "VALUES", "Bytes", "Dict", "Float", "Instance", "Int", "List", "Object", "Set",
    "Str", "Tuple", "UserObject", "WeakRef",
]


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
        i = operator.index(slot)
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
        if isinstance(index, slice) and isinstance(value, (int, Int)):
            # bytes(5) would be five zeroes
            raise TypeError(f"a range of a payload is set to bytes, not {type(value).__name__}")
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
