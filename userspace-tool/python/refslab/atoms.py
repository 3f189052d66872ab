# SPDX-License-Identifier: GPL-2.0
"""What all objects of a heap are, and those that have a value and refer to nothing."""

from __future__ import annotations

import math
import operator
import typing as t

from ._abi import REFCOUNT_IMMORTAL, Op
from ._errors import ClosedError

if t.TYPE_CHECKING:
    from .heap import Heap

Binary = t.Callable[[t.Any, t.Any], t.Any]


class Object:
    """
    An object of a heap, by one handle: one reference. All names that a program has for the object
    are this one Python object, so that `is` and == tell whether two are the same. The handle is
    dropped when the last name goes (`del`), by close(), or at the end of a `with`.
    """

    __slots__ = ("_heap", "_handle", "_id", "_writes", "__weakref__")

    _heap: Heap
    _handle: int
    _id: int
    # How often the program has written to it, which iterations of a container look at.
    _writes: int

    def __init__(self, heap: Heap, handle: int, number: int) -> None:
        object.__setattr__(self, "_heap", heap)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_id", number)
        object.__setattr__(self, "_writes", 0)

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


def _plain(x: t.Any) -> t.Any:
    """What an operator works on."""
    return x.value if isinstance(x, Atom) else x


def _forward(op: Binary) -> Binary:
    """The method for atom OP other. It gives a value of Python's, or is Python's error."""

    def method(self: t.Any, other: t.Any) -> t.Any:
        return op(self.value, _plain(other))

    return method


def _reflected(op: Binary) -> Binary:
    """The method for other OP atom."""

    def method(self: t.Any, other: t.Any) -> t.Any:
        return op(_plain(other), self.value)

    return method


class Atom(Object):
    """
    An object that has a value and refers to nothing. Equal to others by its value; operators take
    it for its value, and give values of Python's.
    """

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
        return bool(self.value == _plain(other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        if self.closed:
            return super().__repr__()
        # A constant of the heap, such as a small int, is no object of the program's.
        constant = self._heap._call(Op.REFCOUNT, self._use())[0] == REFCOUNT_IMMORTAL
        return f"<refslab.{self._name()} {'' if constant else f'{self._id} '}{self.value!r}>"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    __lt__ = _forward(operator.lt)
    __le__ = _forward(operator.le)
    __gt__ = _forward(operator.gt)
    __ge__ = _forward(operator.ge)


class _Number(Atom):
    """What ints and floats have in common."""

    __slots__ = ()

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __neg__(self) -> t.Any:
        return -self.value

    def __pos__(self) -> t.Any:
        return +self.value

    def __abs__(self) -> t.Any:
        return abs(self.value)

    def __round__(self, digits: t.Optional[int] = None) -> t.Any:
        return round(self.value, digits)

    def __trunc__(self) -> int:
        return int(math.trunc(self.value))

    def __floor__(self) -> int:
        return int(math.floor(self.value))

    def __ceil__(self) -> int:
        return int(math.ceil(self.value))

    def __pow__(self, other: t.Any, modulus: t.Any = None) -> t.Any:
        return pow(self.value, _plain(other), _plain(modulus))

    __rpow__ = _reflected(operator.pow)
    __add__ = _forward(operator.add)
    __radd__ = _reflected(operator.add)
    __sub__ = _forward(operator.sub)
    __rsub__ = _reflected(operator.sub)
    __mul__ = _forward(operator.mul)
    __rmul__ = _reflected(operator.mul)
    __truediv__ = _forward(operator.truediv)
    __rtruediv__ = _reflected(operator.truediv)
    __floordiv__ = _forward(operator.floordiv)
    __rfloordiv__ = _reflected(operator.floordiv)
    __mod__ = _forward(operator.mod)
    __rmod__ = _reflected(operator.mod)
    __divmod__ = _forward(divmod)
    __rdivmod__ = _reflected(divmod)


class Int(_Number):
    """An int of 64 bits, signed."""

    __slots__ = ()

    def __index__(self) -> int:
        return int(self.value)

    def __invert__(self) -> int:
        return ~int(self.value)

    __and__ = _forward(operator.and_)
    __rand__ = _reflected(operator.and_)
    __or__ = _forward(operator.or_)
    __ror__ = _reflected(operator.or_)
    __xor__ = _forward(operator.xor)
    __rxor__ = _reflected(operator.xor)
    __lshift__ = _forward(operator.lshift)
    __rlshift__ = _reflected(operator.lshift)
    __rshift__ = _forward(operator.rshift)
    __rrshift__ = _reflected(operator.rshift)


class Float(_Number):
    """A float."""

    __slots__ = ()


class _Text(Atom):
    """What strs and bytes have in common."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> t.Iterator[t.Any]:
        return iter(self.value)

    __getitem__ = _forward(operator.getitem)
    __contains__ = _forward(operator.contains)
    __add__ = _forward(operator.add)
    __radd__ = _reflected(operator.add)
    __mul__ = _forward(operator.mul)
    __rmul__ = _reflected(operator.mul)
    __mod__ = _forward(operator.mod)
    __rmod__ = _reflected(operator.mod)


class Str(_Text):
    """A str."""

    __slots__ = ()


class Bytes(_Text):
    """Bytes."""

    __slots__ = ()

    def __bytes__(self) -> bytes:
        return bytes(self.value)


# What a value read from the heap becomes; and the operation that reads it.
VALUES: t.Dict[t.Type[Object], Op] = {
    Int: Op.INT_VALUE,
    Float: Op.FLOAT_VALUE,
    Str: Op.STR_VALUE,
    Bytes: Op.BYTES_VALUE,
}
