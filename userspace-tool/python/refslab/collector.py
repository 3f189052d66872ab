# SPDX-License-Identifier: GPL-2.0
"""The collector's controls, under the names of Python's module gc."""

from __future__ import annotations

import ctypes
import typing as t
from collections.abc import Sequence

from . import _abi, _arguments
from ._abi import Op
from .objects import Object

if t.TYPE_CHECKING:
    from .heap import Heap

_RECORDS = 512


class Collector:
    """
    The controls of one heap's collector, as Python's module gc has them for the interpreter's.
    Scans run beside the program, in the kernel.
    """

    DEBUG_STATS = 0x1
    DEBUG_COLLECTABLE = 0x2
    DEBUG_UNCOLLECTABLE = 0x4
    DEBUG_SAVEALL = 0x20
    DEBUG_LEAK = DEBUG_COLLECTABLE | DEBUG_UNCOLLECTABLE | DEBUG_SAVEALL

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def _call(self, opcode: Op, *args: int) -> t.Tuple[int, int]:
        return self._heap._session.call(opcode, *args)

    def collect(self, generation: int = 2, *, everything: bool = False) -> int:
        """
        Scans a generation and the younger ones, and returns how many objects were unreachable and
        have been destroyed. Those with finalizers, and what they reach, are announced, and counted
        by the collection that finds them afterwards. A scan of 2 leaves out what cannot have become
        garbage since the last one; with everything it does not.
        """
        if not 0 <= generation < _abi.GENERATIONS:
            raise ValueError("invalid generation")
        return self._call(
            Op.COLLECT, generation | (_abi.COLLECT_ALL if everything else 0)
        )[0]

    def enable(self) -> None:
        """Automatic scans on."""
        self._call(Op.ENABLE)

    def disable(self) -> None:
        """Automatic scans off."""
        self._call(Op.DISABLE)

    def isenabled(self) -> bool:
        """Are automatic scans on?"""
        return bool(self._call(Op.ISENABLED)[0])

    def _three(self, opcode: Op) -> t.Tuple[int, int, int]:
        numbers = (ctypes.c_uint32 * 3)()
        self._call(opcode, ctypes.addressof(numbers), ctypes.sizeof(numbers))
        return numbers[0], numbers[1], numbers[2]

    def get_threshold(self) -> t.Tuple[int, int, int]:
        """The thresholds of the generations."""
        return self._three(Op.GET_THRESHOLD)

    def set_threshold(
        self, threshold0: int, threshold1: t.Optional[int] = None,
        threshold2: t.Optional[int] = None,
    ) -> None:
        """Sets the thresholds; those not given stay. 0 for the first turns automatic scans off."""
        now = self.get_threshold()
        given = (threshold0, threshold1, threshold2)
        self._call(
            Op.SET_THRESHOLD,
            *(
                was if n is None else _arguments.number(n, "a threshold", _arguments.INT)
                for n, was in zip(given, now)
            ),
        )

    def get_count(self) -> t.Tuple[int, int, int]:
        """The counts that are compared with the thresholds."""
        return self._three(Op.GET_COUNT)

    def get_stats(self) -> t.List[t.Dict[str, int]]:
        """Per generation: collections, collected, uncollectable."""
        stats = (_abi.GenerationStats * _abi.GENERATIONS)()
        self._call(Op.GET_STATS, ctypes.addressof(stats), ctypes.sizeof(stats))
        return [
            {name: getattr(stat, name) for name in ("collections", "collected", "uncollectable")}
            for stat in stats
        ]

    def set_debug(self, flags: int) -> None:
        """Sets the debug flags, DEBUG_... The kernel's log has what they tell."""
        self._call(Op.SET_DEBUG, _arguments.number(flags, "flags"))

    def get_debug(self) -> int:
        """The debug flags."""
        return self._call(Op.GET_DEBUG)[0]

    @property
    def garbage(self) -> Garbage:
        """What scans kept because of DEBUG_SAVEALL."""
        return Garbage(self)

    @property
    def callbacks(self) -> t.List[t.Callable[[str, t.Dict[str, int]], object]]:
        """
        Functions to be called with "start" or "stop" and a dict, for every scan, by
        Heap.run_events() or the heap's thread: after the scan, not during it. At most 64 starts
        and stops wait for that; what comes beyond is left out, so a "start" may have no "stop".
        """
        heap = self._heap
        if not heap._watching:
            self._call(Op.WATCH, _abi.WATCH_GC)
            heap._watching = True
            heap._hears = True
        return heap._gc_callbacks

    def _records(self, opcode: Op, *args: int, last: int = -1) -> t.Iterator[_abi.Record]:
        """Records of an operation with a cursor, which stands before last, or at the end."""
        cursor = 0
        records = (_abi.Record * _RECORDS)()
        place = (ctypes.addressof(records), ctypes.sizeof(records))
        while True:
            operands = (*args, cursor, *place) if last < 0 else (*args, cursor, last, *place)
            count, cursor = self._call(opcode, *operands)
            yield from [_abi.Record.from_buffer_copy(r) for r in records[:count]]
            if not cursor:
                return

    def _objects(self, records: t.Iterable[_abi.Record]) -> t.List[t.Any]:
        """The objects themselves, of those that are alive still."""
        found = []
        for record in list(records):
            handle, _ = self._call(Op.BYID, record.id)
            if handle:
                found.append(self._heap._finish(handle, record.type, record.id))
        return found

    def get_objects(self, generation: t.Optional[int] = None) -> t.List[Object]:
        """The tracked objects of a generation, or of all three."""
        if generation is not None and not 0 <= generation < _abi.GENERATIONS:
            raise ValueError("generation must be 0, 1 or 2")
        found: t.List[Object] = []
        for g in range(_abi.GENERATIONS) if generation is None else [generation]:
            found += self._objects(self._records(Op.OBJECTS, last=g))
        return found

    def get_referrers(self, *objs: Object) -> t.List[Object]:
        """The objects that refer to any of them."""
        found: t.Dict[int, Object] = {}
        for obj in objs:
            for referrer in self._objects(
                self._records(Op.REFERRERS, self._heap._handle(obj))
            ):
                found[referrer._id] = referrer
        return list(found.values())

    def get_referents(self, *objs: Object) -> t.List[t.Any]:
        """What they refer to, one for each reference."""
        found: t.List[t.Any] = []
        for obj in objs:
            found += self._objects(self._records(Op.REFERENTS, self._heap._handle(obj)))
        return found

    def is_tracked(self, obj: t.Any) -> bool:
        """Does the collector look after it?"""
        return isinstance(obj, Object) and bool(
            self._call(Op.TRACKED, self._heap._handle(obj))[0]
        )

    def is_finalized(self, obj: t.Any) -> bool:
        """Has it been finalized, or is it being?"""
        return isinstance(obj, Object) and bool(
            self._call(Op.FINALIZED, self._heap._handle(obj))[0]
        )

    def getrefcount(self, obj: Object) -> int:
        """
        References to the object: those of other objects, and one for the program, however many
        names it has for it. sys.getrefcount() counts every name, and its own argument.
        """
        return self._call(Op.REFCOUNT, self._heap._handle(obj))[0]

    def freeze(self) -> None:
        """Sets all objects there are aside: scans do not look at them any more."""
        self._call(Op.FREEZE)

    def unfreeze(self) -> None:
        """Moves the frozen objects to generation 2."""
        self._call(Op.UNFREEZE)

    def get_freeze_count(self) -> int:
        """How many objects are frozen."""
        return self._call(Op.FREEZECOUNT)[0]


class Garbage(Sequence):  # type: ignore[type-arg]
    """What scans kept; clear(), or del garbage[:], lets go of it."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def _now(self) -> t.List[Object]:
        return self._collector._objects(self._collector._records(Op.GARBAGE))

    def __len__(self) -> int:
        return sum(1 for _ in self._collector._records(Op.GARBAGE))

    def __getitem__(self, index: t.Any) -> t.Any:
        return self._now()[index]

    def __iter__(self) -> t.Iterator[Object]:
        return iter(self._now())

    def __delitem__(self, index: slice) -> None:
        if not isinstance(index, slice) or index != slice(None):
            raise TypeError("garbage is let go of as a whole: del garbage[:]")
        self.clear()

    def clear(self) -> None:
        """Lets go of all. Cycles are garbage again, for the next scan."""
        self._collector._call(Op.EMPTY_GARBAGE)

    def __repr__(self) -> str:
        return repr(self._now())
