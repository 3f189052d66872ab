# SPDX-License-Identifier: GPL-2.0
"""Heaps: what makes objects, stores and loads references, and hands events out."""

from __future__ import annotations

import ctypes
import errno
import operator
import struct
import threading
import traceback
import typing as t
import warnings
import weakref

from . import _abi, _arguments, objects
from ._abi import Op
from ._errors import Error, HeapTypeError
from ._session import Batch, Result, Session, attach, create
from .bulk import number
from .collector import Collector
from .objects import Object

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

# Names that are methods inside of Heap.
_Int = int
_Float = float
_Str = str
_Bytes = bytes

Finalizer = t.Callable[[t.Any], object]
GcCallback = t.Callable[[str, t.Dict[str, int]], object]


def _class_name(thing: object) -> str:
    """Heap.type hides the function."""
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


class Type:
    """A type of the program. Called, it makes an object; its arguments are what the slots hold."""

    def __init__(self, heap: Heap, info: TypeInfo) -> None:
        self._heap = heap
        self._info = info

    @property
    def name(self) -> str:
        """Its name."""
        return self._info.name

    def __call__(self, *slots: t.Any, **named: t.Any) -> objects.UserObject:
        if len(slots) > self._info.slots:
            raise TypeError(f"{self.name!r} has {self._info.slots} slots, {len(slots)} given")
        for name in named:
            if name not in self._info.names:
                raise TypeError(f"{self.name!r} has no slot {name!r}")
        new = t.cast(objects.UserObject, self._heap._object(Op.NEW, self._info.number))
        for i, value in enumerate(slots):
            new[i] = value
        for name, value in named.items():
            new[self._info.names[name]] = value
        return new

    def __instancecheck__(self, thing: object) -> bool:
        return isinstance(thing, objects.UserObject) and thing._info is self._info

    def __repr__(self) -> str:
        return f"<refslab type {self.name!r}>"


class Heap:
    """
    A heap of its own in the kernel, and the session that uses it. Closing it drops all handles, and
    ends the heap.

    name is for people, max_bytes the most memory the heap may take, max_objects and max_handles how
    many there may be, 0 for no limit. With event_thread a thread calls finalizers and callbacks as
    they come; without, run_events() does. A heap may be used by many threads. It does not go with
    fork(): in the child it is closed.
    """

    def __init__(
        self,
        name: str = "python",
        max_bytes: int = 0,
        *,
        max_objects: int = 0,
        max_handles: int = 0,
        event_thread: bool = False,
        device: t.Optional[str] = None,
    ) -> None:
        limits = _abi.Limits(
            _arguments.number(max_bytes, "max_bytes"),
            _arguments.number(max_objects, "max_objects"),
            _arguments.number(max_handles, "max_handles"),
        )
        start = create(_arguments.name(name, "heap"), limits)
        self._begin(Session(start, device), f"refslab {name}", event_thread)
        self._hears = True

    @classmethod
    def attach(
        cls,
        fd: t.Union[_Int, t.Any],
        *,
        readonly: bool = False,
        collect: bool = True,
        limits: bool = True,
        event_thread: bool = False,
        device: t.Optional[_Str] = None,
    ) -> Heap:
        """
        The heap of another session, whose descriptor (a number, or what has fileno()) came from
        another process, by a session of its own. It has the other's rights: with readonly it can
        only look, without collect it cannot use the collector's controls, without limits not change
        the heap's limits. The descriptor may be closed afterwards.

        Events of objects go to whichever session asks first. This one does not ask before it has a
        finalizer, a callback or an event_thread of its own.
        """
        flags = 0 if not readonly else _abi.ATTACH_READONLY
        flags |= 0 if collect else _abi.ATTACH_NO_COLLECT
        flags |= 0 if limits else _abi.ATTACH_NO_LIMITS
        number = _arguments.descriptor(fd)
        heap = cls.__new__(cls)
        heap._begin(Session(attach(number, flags), device), "refslab attached", event_thread)
        return heap

    def _begin(self, session: Session, thread: _Str, event_thread: bool) -> None:
        self._session = session
        self._objects: t.Dict[int, weakref.ref[Object]] = {}
        self._types: t.Dict[int, TypeInfo] = {}
        # As in a session: __del__ comes at any moment.
        self._lock = threading.RLock()
        self._local = threading.local()
        self._callbacks: t.Dict[int, t.Callable[[objects.WeakRef], object]] = {}
        self._prune_at = 64
        self._gc_callbacks: t.List[GcCallback] = []
        self._watching = False
        # Does run_events() read events, and did it say that it cannot do anything with some?
        self._hears = event_thread
        self._warned = False
        self._pending: t.List[_abi.EventRecord] = []
        self._thread: t.Optional[threading.Thread] = None
        if event_thread:
            self._thread = threading.Thread(
                target=self._serve, name=thread, daemon=True
            )
            self._thread.start()

    # The session's life.

    def close(self) -> None:
        """Drops all handles and ends the heap. What is to be finalized then is not told of it."""
        self._session.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def closed(self) -> bool:
        """Is it closed?"""
        return self._session.closed

    def fileno(self) -> int:
        """The descriptor, readable when there are events: for select, poll and event loops."""
        return self._session.fileno()

    @property
    def number(self) -> int:
        """The heap's number, as in debugfs."""
        return self._session.heap_id

    def __enter__(self) -> Heap:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self._session.close()
        except Exception:
            pass

    def __repr__(self) -> str:
        return f"<refslab.Heap {self.number}{' closed' if self.closed else ''}>"

    # Making objects.

    def int(self, value: t.SupportsIndex) -> objects.Int:
        """An int as an object."""
        return t.cast(objects.Int, self._made(operator.index(value)))

    def float(self, value: t.SupportsFloat) -> objects.Float:
        """A float as an object."""
        return t.cast(objects.Float, self._made(float(value)))

    def str(self, value: object = "") -> objects.Str:
        """A str as an object."""
        return t.cast(objects.Str, self._made(str(value)))

    def bytes(self, value: t.Union[_Bytes, t.Iterable[_Int]] = b"") -> objects.Bytes:
        """Bytes as an object."""
        return t.cast(objects.Bytes, self._made(bytes(value)))

    def list(self, values: t.Iterable[t.Any] = ()) -> objects.List:
        """A list."""
        if isinstance(values, list):
            return t.cast(objects.List, self.convert(values))
        new = t.cast(objects.List, self._object(Op.LIST))
        self._fill(new, values)
        return new

    def tuple(self, values: t.Iterable[t.Any] = ()) -> objects.Tuple:
        """A tuple."""
        return t.cast(objects.Tuple, self.convert(tuple(values)))

    def dict(
        self,
        items: t.Union[t.Mapping[t.Any, t.Any], t.Iterable[t.Tuple[t.Any, t.Any]]] = (),
        **named: t.Any,
    ) -> objects.Dict:
        """A dict."""
        new = t.cast(objects.Dict, self._object(Op.DICT))
        new.update(items, **named)
        return new

    def set(self, values: t.Iterable[t.Any] = ()) -> objects.Set:
        """A set."""
        new = t.cast(objects.Set, self._object(Op.SET))
        for value in values:
            new.add(value)
        return new

    def instance(self, **attributes: t.Any) -> objects.Instance:
        """An instance, an object with any attributes."""
        new = t.cast(objects.Instance, self._object(Op.INSTANCE))
        for name, value in attributes.items():
            setattr(new, name, value)
        return new

    def type(
        self,
        name: _Str,
        slots: t.Union[_Int, t.Iterable[_Str]] = 0,
        payload: _Int = 0,
        *,
        cache: _Int = 0,
        finalizer: t.Union[None, t.Literal[True], Finalizer] = None,
        weakref: bool = True,
        acyclic: bool = False,
        mapped: bool = False,
    ) -> Type:
        """
        Defines a type. slots is a number of references, or their names; payload a number of bytes;
        cache how many dead objects are kept for reuse. finalizer is called with each object that is
        about to die, by run_events() or the heap's thread; True only has them announced.
        weakref says whether objects may have weak references, acyclic promises that they are never
        part of a cycle. With mapped, the payload is pages of its own: see the objects' memory().
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a type is a str, not {_class_name(name)}")
        if isinstance(slots, (str, bytes)):
            raise TypeError(f"slots are a number or a list of names, not {_class_name(slots)}")
        names = [] if isinstance(slots, int) else list(slots)
        count = slots if isinstance(slots, int) else len(names)
        if not (name.isascii() and name.isidentifier() and len(name) <= _abi.NAME_MAX):
            raise ValueError(
                f"the name of a type is an ASCII identifier of at most {_abi.NAME_MAX} letters, "
                f"not {name!r}"
            )
        for what, number, most in (
            ("slots", count, _abi.MAX_SLOTS),
            ("payload", payload, _abi.MAX_MAPPED if mapped else _abi.MAX_PAYLOAD),
            ("cache", cache, _abi.MAX_CACHE),
        ):
            if not 0 <= operator.index(number) <= most:
                raise ValueError(f"{what} is {number}, and can be 0 to {most}")
        if mapped and not payload:
            raise ValueError("a payload that is mapped has at least one byte")
        for slot in names:
            if not isinstance(slot, str):
                raise TypeError(f"the name of a slot is a str, not {_class_name(slot)}")
            if hasattr(objects.UserObject, slot) or not slot.isidentifier():
                raise ValueError(f"a slot cannot have the name {slot!r}")
        if len(set(names)) != len(names):
            raise ValueError("slots have different names")
        flags = (
            (_abi.TYPE_FINALIZER if finalizer else 0)
            | (_abi.TYPE_WEAKREF if weakref else 0)
            | (_abi.TYPE_ACYCLIC if acyclic else 0)
            | (_abi.TYPE_MAPPED if mapped else 0)
        )
        if finalizer and finalizer is not True:
            _arguments.function(finalizer, "finalizer")
        definition = _abi.TypeDef(flags, count, payload, cache)
        text = ctypes.create_string_buffer(name.encode())
        number, _ = self._session.call(
            Op.TYPE, ctypes.addressof(text), len(text) - 1, ctypes.addressof(definition),
            ctypes.sizeof(definition),
        )
        info = TypeInfo(name, number, objects.UserObject)
        info.slots = count
        info.payload = payload
        info.own = True
        info.names = {slot: i for i, slot in enumerate(names)}
        info.finalizer = finalizer if callable(finalizer) else None
        self._hears = self._hears or bool(finalizer)
        self._types[number] = info
        return Type(self, info)

    def find_type(self, name: _Str) -> Type:
        """
        The type of that name that a program defined, whichever session did: KeyError when there is
        none. Of another session's only the numbers of the slots are known.
        """
        for info in self._types.values():
            if info.own and info.name == name:
                return Type(self, info)
        text = name.encode()
        batch = Batch(self._session)
        definition = _abi.TypeDef()
        batch.add(
            Op.TYPE_FIND, batch.buffer(text), len(text), ctypes.addressof(definition),
            ctypes.sizeof(definition),
        )
        try:
            ((number, user),) = batch.submit()
        except Error as e:
            if e.errno not in (errno.ENOENT, errno.EINVAL):
                raise
            raise KeyError(name) from None
        if not user:
            raise KeyError(name)
        info = self._types.get(number) or TypeInfo(name, number, objects.UserObject)
        info.slots, info.payload = definition.nr_slots, definition.payload
        self._types[number] = info
        return Type(self, info)

    def convert(self, value: t.Any) -> Object:
        """
        An object of the heap for a value of Python's: ints, floats, strs, bytes, lists, tuples,
        dicts and sets, with all that is in them; what is shared there, or a cycle, is so here.
        """
        return self._convert(value, {})

    # References.

    def ref(
        self,
        obj: Object,
        callback: t.Optional[t.Callable[[objects.WeakRef], object]] = None,
    ) -> objects.WeakRef:
        """
        A weak reference. callback is called with it, by run_events() or the heap's thread, when the
        object has died or is to be finalized, unless the weak reference itself died before.
        """
        if not isinstance(obj, Object):
            raise TypeError(f"cannot create a weak reference to {obj!r}")
        if callback is not None:
            _arguments.function(callback, "callback")
        try:
            new = self._object(
                Op.WEAK, self._handle(obj), _abi.WEAK_CALLBACK if callback is not None else 0
            )
        except HeapTypeError as e:
            raise TypeError(f"cannot create weak reference to {obj!r}: {e.strerror}") from None
        if callback is not None:
            with self._lock:
                self._callbacks[new._id] = callback
                self._hears = True
            self._prune()
        return t.cast(objects.WeakRef, new)

    def _prune(self) -> None:
        """Callbacks of weak references that died, in something that died, will not come."""
        with self._lock:
            if len(self._callbacks) < self._prune_at:
                return
            numbers = list(self._callbacks)
        for number in numbers:
            handle, _ = self._session.call(Op.BYID, number)
            if handle:
                self._session.call(Op.CLOSE, handle)
            else:
                self._callbacks.pop(number, None)
        self._prune_at = max(64, 2 * len(self._callbacks))

    def id(self, obj: Object) -> _Int:
        """The object's id, never used again in this heap."""
        self._handle(obj)
        return obj._id

    def by_id(self, number: _Int) -> t.Optional[Object]:
        """The object with that id, or None when it is dead or nobody was told the id."""
        return self._alive(Op.BYID, _arguments.number(number, "an id"))

    def publish(self, name: _Str, value: t.Any) -> None:
        """
        Has the heap keep an object under a name, for all its sessions, until unpublish() or the
        heap's end. What is no object of the heap becomes one. The name is an identifier.
        """
        data = _arguments.name(name, "root")
        obj = self.convert(value)
        text = ctypes.create_string_buffer(data, len(data) or 1)
        self._call(Op.PUBLISH, self._handle(obj), ctypes.addressof(text), len(data))

    def lookup(self, name: _Str) -> t.Any:
        """What is published under that name, as a program loads it; KeyError."""
        data = _arguments.name(name, "root")
        try:
            return self._load(Op.LOOKUP, text=data)
        except Error as e:
            if e.errno == errno.ENODATA:
                raise KeyError(name) from None
            raise

    def unpublish(self, name: _Str) -> None:
        """Ends a root; KeyError."""
        data = _arguments.name(name, "root")
        text = ctypes.create_string_buffer(data, len(data) or 1)
        try:
            self._call(Op.UNPUBLISH, ctypes.addressof(text), len(data))
        except Error as e:
            if e.errno == errno.ENODATA:
                raise KeyError(name) from None
            raise

    def roots(self) -> t.Dict[_Str, _Int]:
        """What is published: names, and ids for by_id()."""
        records = (_abi.RootRecord * 64)()
        found: t.Dict[str, int] = {}
        cursor = 0
        while True:
            count, cursor = self._call(
                Op.ROOTS, cursor, ctypes.addressof(records), ctypes.sizeof(records)
            )
            found.update((record.name.decode(), record.id) for record in records[:count])
            if not cursor:
                return found

    def limits(
        self,
        *,
        max_bytes: t.Optional[_Int] = None,
        max_objects: t.Optional[_Int] = None,
        max_handles: t.Optional[_Int] = None,
    ) -> t.Dict[_Str, _Int]:
        """The heap's limits, 0 for none, after those that are given were set."""
        given = {
            what: _arguments.number(n, what)
            for what, n in (
                ("max_bytes", max_bytes), ("max_objects", max_objects), ("max_handles", max_handles)
            )
            if n is not None
        }
        limits = _abi.Limits()
        size = ctypes.sizeof(limits)
        self._call(Op.GET_LIMITS, ctypes.addressof(limits), size)
        if given:
            for what, n in given.items():
                setattr(limits, what, n)
            self._call(Op.SET_LIMITS, ctypes.addressof(limits), size)
        return {field[0]: getattr(limits, field[0]) for field in _abi.Limits._fields_}

    def is_same(self, a: Object, b: Object) -> bool:
        """Are they the same object? So says `a is b`; this asks the kernel."""
        return bool(self._call(Op.IS, self._handle(a), self._handle(b))[0])

    # The heap as a whole.

    @property
    def gc(self) -> Collector:
        """The collector's controls, under the names of Python's module gc."""
        return Collector(self)

    def stat(self) -> t.Dict[_Str, _Int]:
        """Counters of the heap: objects, tracked, handles, bytes_used and others."""
        stat = _abi.Stat()
        self._session.call(Op.STAT, ctypes.addressof(stat), ctypes.sizeof(stat))
        return {name: getattr(stat, name) for name, _ in _abi.Stat._fields_}

    def trim(self) -> _Int:
        """Empties the caches and gives empty arenas back; how many bytes that were."""
        return self._session.call(Op.TRIM)[0]

    # Events.

    def run_events(self, timeout: t.Optional[_Float] = 0) -> _Int:
        """
        Calls the finalizers and callbacks that are due, with those that are due because of that,
        and returns how many events there were. Waits timeout seconds for the first, None for ever.
        What a callback raises comes out of here; the events after it are for the next time. Of an
        attached heap that has neither finalizers nor callbacks it returns 0 at once.
        """
        if not self._hears:
            return 0
        count = 0
        wait = timeout
        while True:
            with self._lock:
                record = self._pending.pop(0) if self._pending else None
            if record is None:
                if wait != 0 and not self._session.wait(wait):
                    return count
                wait = 0.0
                records = self._session.read_events(64)
                if not records:
                    return count
                with self._lock:
                    self._pending.extend(records)
                continue
            count += 1
            wait = 0.0
            self._dispatch(record)

    def _serve(self) -> None:
        """The heap's thread. Errors of callbacks are shown, as Python shows those of its own."""
        while not self.closed:
            try:
                self.run_events(None)
            except ValueError:
                if self.closed:
                    return
                traceback.print_exc()
            except Exception:
                traceback.print_exc()

    def _dispatch(self, record: _abi.EventRecord) -> None:
        if record.event >= _abi.EVENT_GC_START:
            self._dispatch_gc(_abi.GcRecord.from_buffer_copy(record))
            return
        # Whatever happens, the event's handle goes, unless an object has it by then.
        obj = self._wrap(record.handle)
        if record.event == _abi.EVENT_FINALIZE:
            info = self._types[self._type_of(obj)]
            if info.finalizer is not None:
                info.finalizer(obj)
            elif not info.own:
                self._warn(f"a finalizer of {info.name!r}")
        elif record.event == _abi.EVENT_WEAKREF:
            callback = self._callbacks.pop(obj._id, None)
            if callback is not None:
                callback(t.cast(objects.WeakRef, obj))
            else:
                self._warn("a callback of a weak reference")

    def _warn(self, what: _Str) -> None:
        """An event that another session was to have is lost to it. Said once."""
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"{self!r} was told of {what} that this session does not have: let only the session "
            "that has it read events", RuntimeWarning, stacklevel=4,
        )

    def _dispatch_gc(self, record: _abi.GcRecord) -> None:
        if record.event == _abi.EVENT_GC_LOST:
            return
        info = {"generation": record.generation, "collected": 0, "uncollectable": 0}
        phase = "start"
        if record.event == _abi.EVENT_GC_STOP:
            phase = "stop"
            info["collected"] = record.collected
            info["uncollectable"] = record.uncollectable
            info["duration_ns"] = record.duration_ns
        for callback in list(self._gc_callbacks):
            callback(phase, info)

    # What objects are made of.

    @property
    def _shown(self) -> t.Set[_Int]:
        """Objects whose repr() is under way in this thread."""
        try:
            shown: t.Set[int] = self._local.shown
        except AttributeError:
            shown = self._local.shown = set()
        return shown

    def _handle(self, obj: Object) -> _Int:
        if not isinstance(obj, Object):
            raise TypeError(f"{obj!r} is not an object of a heap")
        if obj._heap is not self:
            raise ValueError("the object is of another heap")
        return obj._use()

    def _call(self, opcode: Op, *args: _Int) -> t.Tuple[_Int, _Int]:
        return self._session.call(opcode, *args)

    def _many(self, ops: t.List[t.Tuple[Op, t.Tuple[_Int, ...]]]) -> None:
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

    def _info(self, number: _Int, handle: _Int) -> TypeInfo:
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

    def _type_of(self, obj: Object) -> _Int:
        return self._session.call(Op.TYPEOF, obj._use(), 0, 0)[0]

    def _adopt(self, handle: _Int, number: _Int, info: TypeInfo) -> Object:
        """The one Python object for an object of the heap. The handle becomes its or is dropped."""
        with self._lock:
            known = self._objects.get(number)
            obj = known() if known is not None else None
            if obj is None or not obj._handle:
                obj = info.cls(self, handle, number)
                if isinstance(obj, objects.UserObject):
                    object.__setattr__(obj, "_info", info)
                self._objects[number] = weakref.ref(obj)
                return obj
        self._session.call(Op.CLOSE, handle)
        return obj

    def _wrap(self, handle: _Int) -> Object:
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

    def _finish(self, handle: _Int, number: _Int, ident: _Int) -> t.Any:
        """A handle as Python wants it: values of atoms, and objects for the rest."""
        info = self._info(number, handle)
        if info.cls not in objects.VALUES:
            return self._adopt(handle, ident, info)
        try:
            return self._value(info.cls, handle)
        finally:
            self._session.call(Op.CLOSE, handle)

    def _value(self, cls: t.Type[Object], handle: _Int) -> t.Any:
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

    def _operand(self, batch: Batch, value: t.Any, temporary: t.List[Result]) -> _Int:
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

    def _by_value(self, batch: Batch, value: t.Any) -> t.Tuple[_Int, _Int, _Int]:
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
        raise TypeError(f"a heap cannot hold a {_class_name(value)}")

    def _ops(
        self,
        opcode: Op,
        args: t.Tuple[_Int, ...],
        text: t.Optional[_Bytes],
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
        *args: _Int,
        text: t.Optional[_Bytes] = None,
        value: t.Any = _MISSING,
        second: t.Any = _MISSING,
    ) -> _Int:
        """An operation whose last operands are values; its result."""
        batch, result, temporary = self._ops(opcode, args, text, value, second)
        for made in temporary:
            batch.add(Op.CLOSE, made)
        return batch.submit()[result][0]

    def _get(
        self, opcode: Op, args: t.Tuple[_Int, ...], text: t.Optional[_Bytes], value: t.Any
    ) -> t.Tuple[_Int, _Int, _Int]:
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
        *args: _Int,
        text: t.Optional[_Bytes] = None,
        value: t.Any = _MISSING,
    ) -> t.Any:
        """An operation that gives a handle, as Python wants it."""
        return self._finish(*self._get(opcode, args, text, value))

    def _object(self, opcode: Op, *args: _Int, value: t.Any = _MISSING) -> Object:
        """An operation that gives a handle, as an object of the heap."""
        handle, kind, ident = self._get(opcode, args, None, value)
        return self._adopt(handle, ident, self._info(kind, handle))

    def _alive(self, opcode: Op, arg: _Int) -> t.Optional[Object]:
        handle, _ = self._session.call(opcode, arg)
        return self._wrap(handle) if handle else None

    def _read(self, handle: _Int, offset: _Int, length: _Int) -> _Bytes:
        if not length:
            return b""
        data = ctypes.create_string_buffer(length)
        for at in range(0, length, _abi.MAX_PAYLOAD):
            n = min(length - at, _abi.MAX_PAYLOAD)
            self._session.call(Op.READ, handle, offset + at, ctypes.addressof(data) + at, n)
        return data.raw

    def _write(self, handle: _Int, offset: _Int, data: _Bytes) -> None:
        if not data:
            return
        copy = ctypes.create_string_buffer(data, len(data))
        for at in range(0, len(data), _abi.MAX_PAYLOAD):
            n = min(len(data) - at, _abi.MAX_PAYLOAD)
            self._session.call(Op.WRITE, handle, offset + at, ctypes.addressof(copy) + at, n)

    # Values of Python's as objects.

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

    def _convert(self, value: t.Any, memo: t.Dict[_Int, Object]) -> Object:
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

    def _inner(self, value: t.Any, memo: t.Dict[_Int, Object]) -> t.Any:
        return self._convert(value, memo) if isinstance(value, _CONTAINERS) else value

    def _convert_tuple(self, value: t.Any, memo: t.Dict[_Int, Object]) -> Object:
        inside = [self._convert(x, memo) for x in value]
        # A list in the tuple may have led back to it.
        if id(value) in memo:
            return memo[id(value)]
        handles = (ctypes.c_uint32 * (len(inside) or 1))(*[self._handle(x) for x in inside])
        new = self._object(Op.TUPLE, ctypes.addressof(handles), len(inside))
        memo[id(value)] = new
        return new
