# SPDX-License-Identifier: GPL-2.0
"""From handles to Python's objects and back: what a heap's methods are made of."""

from __future__ import annotations

import ctypes
import struct
import threading
import typing as t
import weakref

from . import _abi, objects
from ._abi import Op
from ._session import Batch, Result, Session
from .bulk import number
from .objects import Object

if t.TYPE_CHECKING:
    from .heap import Heap

Finalizer = t.Callable[[t.Any], object]

_MISSING = object()
_TEXT = 512
_CHUNK = 1024
_CONTAINERS = (list, tuple, dict, set, frozenset)

_MAKERS = {
    _abi.VALUE_INT: Op.INT,
    _abi.VALUE_FLOAT: Op.FLOAT,
    _abi.VALUE_STR: Op.STR,
    _abi.VALUE_BYTES: Op.BYTES,
}

# What is only looked for need not be made first: a session that may only look can do it, too.
_BY_VALUE = {Op.DICT_ITEM: Op.DICT_ITEM_BYVALUE, Op.CONTAINS: Op.CONTAINS_BYVALUE}


def class_name(thing: object) -> str:
    """Its type's name."""
    return type(thing).__name__


class TypeInfo:
    """What is known of a type of the heap."""

    def __init__(self, name: str, number: int, cls: t.Type[Object]) -> None:
        self.name = name
        self.number = number
        self.cls = cls
        self.slots = 0
        self.payload = 0
        # The program's own, which knows the names of the slots and what is to be called.
        self.own = False
        self.names: t.Dict[str, int] = {}
        self.finalizer: t.Optional[Finalizer] = None


class Operations:
    """What a heap has of its session, and how it is used."""

    _session: Session
    _objects: t.Dict[int, weakref.ref[Object]]
    _types: t.Dict[int, TypeInfo]
    _lock: threading.RLock
    _local: threading.local
    _callbacks: t.Dict[int, t.Callable[[objects.WeakRef], object]]

    @property
    def _shown(self) -> t.Set[int]:
        """Objects whose repr() is under way in this thread."""
        try:
            shown: t.Set[int] = self._local.shown
        except AttributeError:
            shown = self._local.shown = set()
        return shown

    def _handle(self, obj: Object) -> int:
        if not isinstance(obj, Object):
            raise TypeError(f"{obj!r} is not an object of a heap")
        if obj._heap is not self:
            raise ValueError("the object is of another heap")
        return obj._use()

    def _call(self, opcode: Op, *args: int) -> t.Tuple[int, int]:
        return self._session.call(opcode, *args)

    def _many(self, ops: t.List[t.Tuple[Op, t.Tuple[int, ...]]]) -> None:
        batch = Batch(self._session)
        for opcode, args in ops:
            batch.add(opcode, *args)
        batch.submit()

    def _drop(self, obj: Object) -> None:
        with self._lock:
            handle = obj._handle
            object.__setattr__(obj, "_handle", 0)
            known = self._objects.get(obj._id)
            other = known() if known is not None else obj
            if other is None or other is obj:
                self._objects.pop(obj._id, None)
        if not handle or self._session.closed:
            return
        callback = isinstance(obj, objects.WeakRef) and obj._id in self._callbacks
        if callback and self._session.call(Op.REFCOUNT, handle)[0] == 1:
            self._callbacks.pop(obj._id, None)
        self._session.call(Op.CLOSE, handle)

    def _info(self, number: int, handle: int) -> TypeInfo:
        """The type of that number, which the object behind the handle has."""
        info = self._types.get(number)
        if info is None:
            name = ctypes.create_string_buffer(64)
            _, length = self._session.call(Op.TYPEOF, handle, ctypes.addressof(name), 64)
            text = name.raw[:length].decode()
            info = TypeInfo(text, number, objects.BUILT_IN.get(text, objects.UserObject))
            if info.cls is objects.UserObject:
                # Somebody else's: without names for its slots.
                definition = _abi.TypeDef()
                self._session.call(
                    Op.TYPE_FIND, ctypes.addressof(name), length, ctypes.addressof(definition),
                    ctypes.sizeof(definition),
                )
                info.slots = definition.nr_slots
                info.payload = definition.payload
            self._types[number] = info
        return info

    def _type_of(self, obj: Object) -> int:
        return self._session.call(Op.TYPEOF, obj._use(), 0, 0)[0]

    def _adopt(self, handle: int, number: int, info: TypeInfo) -> Object:
        """The one Python object for an object of the heap. The handle becomes its or is dropped."""
        with self._lock:
            known = self._objects.get(number)
            obj = known() if known is not None else None
            if obj is None or not obj._handle:
                obj = info.cls(t.cast("Heap", self), handle, number)
                if isinstance(obj, objects.UserObject):
                    object.__setattr__(obj, "_info", info)
                self._objects[number] = weakref.ref(obj)
                return obj
        self._session.call(Op.CLOSE, handle)
        return obj

    def _wrap(self, handle: int) -> Object:
        """The same for a handle of which nothing is known."""
        try:
            batch = Batch(self._session)
            batch.add(Op.TYPEOF, handle, 0, 0)
            batch.add(Op.ID, handle)
            (number, _), (ident, _) = batch.submit()
            info = self._info(number, handle)
        except BaseException:
            self._session.call(Op.CLOSE, handle)
            raise
        return self._adopt(handle, ident, info)

    def _finish(self, handle: int, number: int, ident: int) -> t.Any:
        """A handle as Python wants it: values of atoms, and objects for the rest."""
        info = self._info(number, handle)
        if info.cls not in objects.VALUES:
            return self._adopt(handle, ident, info)
        try:
            return self._value(info.cls, handle)
        finally:
            self._session.call(Op.CLOSE, handle)

    def _value(self, cls: t.Type[Object], handle: int) -> t.Any:
        """The value of an atom."""
        opcode = objects.VALUES[cls]
        if cls is objects.Int or cls is objects.Float:
            return number(cls, self._session.call(opcode, handle)[0])
        size = _TEXT
        while True:
            text = ctypes.create_string_buffer(size)
            length, _ = self._session.call(opcode, handle, ctypes.addressof(text), size)
            if length <= size:
                data = text.raw[:length]
                return data.decode() if cls is objects.Str else data
            size = length

    # Operations with operands that are values of Python's.

    def _operand(self, batch: Batch, value: t.Any, temporary: t.List[Result]) -> int:
        """A value as an operand. What is made for it is dropped when the batch is done."""
        if isinstance(value, Object):
            batch.keep(value)
            return self._handle(value)
        if isinstance(value, _CONTAINERS):
            new = self.convert(value)
            batch.keep(new)
            return new._use()
        made = self._make(batch, value)
        temporary.append(made)
        return made

    def _make(self, batch: Batch, value: t.Any) -> Result:
        """The operation that makes an atom."""
        kind, operand, length = self._by_value(batch, value)
        if kind in (_abi.VALUE_INT, _abi.VALUE_FLOAT):
            return batch.add(_MAKERS[kind], operand)
        return batch.add(_MAKERS[kind], operand, length)

    def _by_value(self, batch: Batch, value: t.Any) -> t.Tuple[int, int, int]:
        """An atom's value as operands: the kind, the value or where it is, how long that is."""
        if isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 63:
                raise OverflowError("an int of the heap has 64 bits")
            return _abi.VALUE_INT, value & (1 << 64) - 1, 0
        if isinstance(value, float):
            return _abi.VALUE_FLOAT, struct.unpack("=Q", struct.pack("=d", value))[0], 0
        if isinstance(value, str):
            data = value.encode()
            return _abi.VALUE_STR, batch.buffer(data), len(data)
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            return _abi.VALUE_BYTES, batch.buffer(data), len(data)
        raise TypeError(f"a heap cannot hold a {class_name(value)}")

    def _ops(
        self,
        opcode: Op,
        args: t.Tuple[int, ...],
        text: t.Optional[bytes],
        value: t.Any,
        second: t.Any,
    ) -> t.Tuple[Batch, Result, t.List[Result]]:
        batch = Batch(self._session)
        temporary: t.List[Result] = []
        operands = [*args]
        if opcode in _BY_VALUE and not isinstance(value, (Object, *_CONTAINERS)):
            operands += self._by_value(batch, value)
            return batch, batch.add(_BY_VALUE[opcode], *operands), temporary
        if text is not None:
            operands += [batch.buffer(text), len(text)]
        for operand in (value, second):
            if operand is not _MISSING:
                operands.append(self._operand(batch, operand, temporary))
        return batch, batch.add(opcode, *operands), temporary

    def _store(
        self,
        opcode: Op,
        *args: int,
        text: t.Optional[bytes] = None,
        value: t.Any = _MISSING,
        second: t.Any = _MISSING,
    ) -> int:
        """An operation whose last operands are values; its result."""
        batch, result, temporary = self._ops(opcode, args, text, value, second)
        for made in temporary:
            batch.add(Op.CLOSE, made)
        return batch.submit()[result][0]

    def _get(
        self, opcode: Op, args: t.Tuple[int, ...], text: t.Optional[bytes], value: t.Any
    ) -> t.Tuple[int, int, int]:
        """An operation that gives a handle: the handle, its type's number, the object's id."""
        batch, result, temporary = self._ops(opcode, args, text, value, _MISSING)
        kind = batch.add(Op.TYPEOF, result, 0, 0)
        ident = batch.add(Op.ID, result)
        for made in temporary:
            batch.add(Op.CLOSE, made)
        results = batch.submit()
        return results[result][0], results[kind][0], results[ident][0]

    def _load(
        self,
        opcode: Op,
        *args: int,
        text: t.Optional[bytes] = None,
        value: t.Any = _MISSING,
    ) -> t.Any:
        """An operation that gives a handle, as Python wants it."""
        return self._finish(*self._get(opcode, args, text, value))

    def _object(self, opcode: Op, *args: int, value: t.Any = _MISSING) -> Object:
        """An operation that gives a handle, as an object of the heap."""
        handle, kind, ident = self._get(opcode, args, None, value)
        return self._adopt(handle, ident, self._info(kind, handle))

    def _alive(self, opcode: Op, arg: int) -> t.Optional[Object]:
        handle, _ = self._session.call(opcode, arg)
        return self._wrap(handle) if handle else None

    def _read(self, handle: int, offset: int, length: int) -> bytes:
        if not length:
            return b""
        data = ctypes.create_string_buffer(length)
        for at in range(0, length, _abi.MAX_PAYLOAD):
            n = min(length - at, _abi.MAX_PAYLOAD)
            self._session.call(Op.READ, handle, offset + at, ctypes.addressof(data) + at, n)
        return data.raw

    def _write(self, handle: int, offset: int, data: bytes) -> None:
        if not data:
            return
        copy = ctypes.create_string_buffer(data, len(data))
        for at in range(0, len(data), _abi.MAX_PAYLOAD):
            n = min(len(data) - at, _abi.MAX_PAYLOAD)
            self._session.call(Op.WRITE, handle, offset + at, ctypes.addressof(copy) + at, n)

    # Values of Python's as objects.

    def convert(self, value: t.Any) -> Object:
        """
        An object of the heap for a value of Python's: ints, floats, strs, bytes, lists, tuples,
        dicts and sets, with all that is in them; what is shared there, or a cycle, is so here.
        """
        return self._convert(value, {})

    def _made(self, value: t.Any) -> Object:
        batch = Batch(self._session)
        made = self._make(batch, value)
        batch.add(Op.TYPEOF, made, 0, 0)
        batch.add(Op.ID, made)
        (handle, _), (kind, _), (ident, _) = batch.submit()
        return self._adopt(handle, ident, self._info(kind, handle))

    def _fill(self, to: objects.List, values: t.Iterable[t.Any]) -> None:
        """Appends many values, in as few calls as possible."""
        batch = Batch(self._session)
        temporary: t.List[Result] = []
        for value in values:
            batch.add(Op.APPEND, to._use(), self._operand(batch, value, temporary))
            for made in temporary:
                batch.add(Op.CLOSE, made)
            temporary.clear()
            if len(batch) >= _CHUNK:
                batch.submit()
                batch = Batch(self._session)
        batch.submit()

    def _convert(self, value: t.Any, memo: t.Dict[int, Object]) -> Object:
        if isinstance(value, Object):
            self._handle(value)
            return value
        if not isinstance(value, _CONTAINERS):
            return self._made(value)
        new = memo.get(id(value))
        if new is not None:
            return new
        if isinstance(value, tuple):
            return self._convert_tuple(value, memo)
        # Known before what it contains is made, which may contain it.
        opcode = (
            Op.LIST if isinstance(value, list) else Op.DICT if isinstance(value, dict) else Op.SET
        )
        new = memo[id(value)] = self._object(opcode)
        if isinstance(new, objects.List):
            self._fill(new, (self._inner(x, memo) for x in value))
        elif isinstance(value, dict):
            for key, x in value.items():
                t.cast(objects.Dict, new)[self._inner(key, memo)] = self._inner(x, memo)
        elif isinstance(new, objects.Set):
            for x in value:
                new.add(self._inner(x, memo))
        return new

    def _inner(self, value: t.Any, memo: t.Dict[int, Object]) -> t.Any:
        return self._convert(value, memo) if isinstance(value, _CONTAINERS) else value

    def _convert_tuple(self, value: t.Any, memo: t.Dict[int, Object]) -> Object:
        inside = [self._convert(x, memo) for x in value]
        # A list in the tuple may have led back to it.
        if id(value) in memo:
            return memo[id(value)]
        handles = (ctypes.c_uint32 * (len(inside) or 1))(*[self._handle(x) for x in inside])
        new = self._object(Op.TUPLE, ctypes.addressof(handles), len(inside))
        memo[id(value)] = new
        return new
