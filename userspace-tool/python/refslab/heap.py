# SPDX-License-Identifier: GPL-2.0
"""Heaps: what makes objects, stores and loads references, and hands events out."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import operator
import threading
import traceback
import typing as t
import warnings
import weakref

from . import _abi, _arguments, objects
from ._abi import Op
from ._errors import Error, HeapTypeError
from ._session import Batch, Session, attach, create
from .collector import Collector
from .objects import Object
from .operations import Finalizer, Operations, TypeInfo, class_name

# Names that are methods inside of Heap.
_Int = int
_Float = float
_Str = str
_Bytes = bytes

GcCallback = t.Callable[[str, t.Dict[str, int]], object]


@contextlib.contextmanager
def _missing(name: str, *errnos: int) -> t.Iterator[None]:
    """What the heap does not have under a name is a KeyError."""
    try:
        yield
    except Error as e:
        if e.errno not in errnos:
            raise
        raise KeyError(name) from None


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


class Heap(Operations):
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
            raise TypeError(f"the name of a type is a str, not {class_name(name)}")
        if isinstance(slots, (str, bytes)):
            raise TypeError(f"slots are a number or a list of names, not {class_name(slots)}")
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
                raise TypeError(f"the name of a slot is a str, not {class_name(slot)}")
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
        if not isinstance(name, str):
            raise TypeError(f"the name of a type is a str, not {class_name(name)}")
        for info in list(self._types.values()):
            if info.own and info.name == name:
                return Type(self, info)
        if not name.isascii():
            raise KeyError(name)
        text = name.encode()
        batch = Batch(self._session)
        definition = _abi.TypeDef()
        batch.add(
            Op.TYPE_FIND, batch.buffer(text), len(text), ctypes.addressof(definition),
            ctypes.sizeof(definition),
        )
        with _missing(name, errno.ENOENT, errno.EINVAL):
            ((number, user),) = batch.submit()
        if not user:
            raise KeyError(name)
        info = TypeInfo(name, number, objects.UserObject)
        info.slots, info.payload = definition.nr_slots, definition.payload
        # not over what another thread knows, or defines, meanwhile
        return Type(self, self._types.setdefault(number, info))

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
        self._store(Op.PUBLISH, self._handle(obj), text=data)

    def lookup(self, name: _Str) -> t.Any:
        """What is published under that name, as a program loads it; KeyError."""
        data = _arguments.name(name, "root")
        with _missing(name, errno.ENODATA):
            return self._load(Op.LOOKUP, text=data)

    def unpublish(self, name: _Str) -> None:
        """Ends a root; KeyError."""
        data = _arguments.name(name, "root")
        with _missing(name, errno.ENODATA):
            self._store(Op.UNPUBLISH, text=data)

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
