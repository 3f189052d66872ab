# SPDX-License-Identifier: GPL-2.0
"""Many references at once: what is in a container, by few calls."""

from __future__ import annotations

import ctypes
import errno
import struct
import typing as t

from . import _abi
from ._abi import Op
from ._errors import Error
from ._session import Batch
from .atoms import VALUES, Float, Int, Object, Str

if t.TYPE_CHECKING:
    from .heap import Heap

_ENTRIES = 256
_PLACES = 1024
_SHORT = 64
_AGAIN = 15

Pair = t.Tuple[t.Any, t.Any]


def number(cls: t.Type[Object], bits: int) -> t.Any:
    """The value of an int or a float."""
    return struct.unpack("=q" if cls is Int else "=d", struct.pack("=Q", bits))[0]


def _close(heap: Heap, handles: t.Iterable[int]) -> None:
    heap._many([(Op.CLOSE, (handle,)) for handle in handles])


def _values(heap: Heap, atoms: t.Sequence[t.Tuple[t.Type[Object], int]]) -> t.List[t.Any]:
    """The values of many atoms, by one call, and one more for each that is long."""
    batch = Batch(heap._session)
    room = ctypes.create_string_buffer((_SHORT * len(atoms)) or 1)
    for i, (cls, handle) in enumerate(atoms):
        if cls in (Int, Float):
            batch.add(VALUES[cls], handle)
        else:
            batch.add(VALUES[cls], handle, ctypes.addressof(room) + i * _SHORT, _SHORT)
    results = batch.submit()
    data = room.raw
    values: t.List[t.Any] = []
    for i, ((cls, handle), (result, _)) in enumerate(zip(atoms, results)):
        if cls in (Int, Float):
            values.append(number(cls, result))
        elif result > _SHORT:
            values.append(heap._value(cls, handle))
        else:
            text = data[i * _SHORT : i * _SHORT + result]
            values.append(text.decode() if cls is Str else text)
    return values


def plain(heap: Heap, handles: t.Sequence[int], atoms: bool = True) -> t.List[t.Any]:
    """
    Handles as Python wants them: values of atoms, and objects for the rest. Without atoms all are
    objects. The handles are the objects' afterwards, or dropped, also when that fails.
    """
    left = set(handles)
    try:
        batch = Batch(heap._session)
        for handle in handles:
            batch.add(Op.TYPEOF, handle, 0, 0)
        infos = [heap._info(kind, handle) for handle, (kind, _) in zip(handles, batch.submit())]
        # Nobody asks for the ids of atoms, which the kernel would have to remember.
        idents = Batch(heap._session)
        known: t.List[t.Tuple[t.Type[Object], int]] = []
        for handle, info in zip(handles, infos):
            if atoms and info.cls in VALUES:
                known.append((info.cls, handle))
            else:
                idents.add(Op.ID, handle)
        read, ids = iter(_values(heap, known)), iter(idents.submit())
        found: t.List[t.Any] = []
        for handle, info in zip(handles, infos):
            if atoms and info.cls in VALUES:
                found.append(next(read))
            else:
                left.discard(handle)
                found.append(heap._adopt(handle, next(ids)[0], info))
        return found
    finally:
        if left and not heap.closed:
            _close(heap, left)


def _entries(obj: Object, cursor: int) -> t.Tuple[t.List[int], t.List[int], int]:
    """Handles of some keys, and of their values if they have any, and the next cursor."""
    entries = (_abi.Entry * _ENTRIES)()
    count, cursor = obj._heap._call(
        Op.ITEMS, obj._use(), cursor, ctypes.addressof(entries), ctypes.sizeof(entries)
    )
    keys = [entry.key for entry in entries[:count]]
    return keys, [entry.value for entry in entries[:count] if entry.value], cursor


def some(obj: Object, cursor: int, values: bool) -> t.Tuple[t.List[Pair], int]:
    """Some entries of a container, and the cursor for those after them, 0 at the end."""
    heap = obj._heap
    keys, theirs, cursor = _entries(obj, cursor)
    if not values:
        _close(heap, theirs)
        theirs = []
    found = plain(heap, keys + theirs)
    return list(zip(found, found[len(keys) :] if theirs else [None] * len(keys))), cursor


def search(obj: Object, key: t.Any) -> t.Optional[Object]:
    """
    The key of a dict, or the element of a set, that equals key, as an object; None when there is
    none. When keys come or go meanwhile it begins again.
    """
    for _ in range(_AGAIN):
        try:
            return _search(obj, key)
        except Error as e:
            if e.errno != errno.ESTALE:
                raise
    return _search(obj, key)


def _search(obj: Object, key: t.Any) -> t.Optional[Object]:
    heap = obj._heap
    cursor = 0
    while True:
        handles, theirs, cursor = _entries(obj, cursor)
        left = handles + theirs
        try:
            batch = Batch(heap._session)
            for handle in handles:
                batch.add(Op.DUP, handle)
            copies = [copy for copy, _ in batch.submit()]
            for handle, found in zip(handles, plain(heap, copies)):
                if found is key or found == key:
                    left.remove(handle)
                    return heap._wrap(handle)
        finally:
            _close(heap, left)
        if not cursor:
            return None


def entries(
    obj: Object, kind: str, values: bool = True, sized: bool = True
) -> t.Iterator[Pair]:
    """
    Keys and values of a dict or an instance, elements of a set; without values None for them. When
    keys came or went the kernel says so at the next call; before that, once the program wrote to
    obj, the number of keys does where obj is sized, or that the next one is gone.
    """
    length = obj._heap._call(Op.LEN, obj._use())[0] if sized else 0
    return _walk(obj, RuntimeError(f"{kind} changed size during iteration"), values, length)


def _walk(obj: Object, changed: RuntimeError, values: bool, length: int) -> t.Iterator[Pair]:
    cursor = checked = 0
    while True:
        if obj._writes != checked:
            _check(obj, length, changed)
        checked = obj._writes
        try:
            found, cursor = some(obj, cursor, values)
        except Error as e:
            if e.errno == errno.ESTALE:
                raise changed from None
            raise
        found.reverse()
        while found:
            pair = found.pop()
            if obj._writes != checked:
                _check(obj, length, changed)
                pair = _again(obj, pair[0], values, changed)
            yield pair
            del pair
        if not cursor:
            break
    if obj._writes != checked:
        _check(obj, length, changed)


def _check(obj: Object, length: int, changed: RuntimeError) -> None:
    if obj._heap._call(Op.LEN, obj._use())[0] != length:
        raise changed


def _again(obj: Object, key: t.Any, values: bool, changed: RuntimeError) -> Pair:
    """The entry of that key, as it is now."""
    try:
        if values:
            return key, obj._heap._load(Op.DICT_ITEM, obj._use(), value=key)
        if obj._heap._store(Op.CONTAINS, obj._use(), value=key):
            return key, None
    except Error as e:
        if e.errno != errno.ENOKEY:
            raise
    raise changed from None


def items(of: Object, places: t.Sequence[int]) -> t.List[t.Any]:
    """Elements of a list or tuple, by their places."""
    found: t.List[t.Any] = []
    for begin in range(0, len(places), _PLACES):
        batch = Batch(of._heap._session)
        for i in places[begin : begin + _PLACES]:
            batch.add(Op.ITEM, of._use(), i)
        found += plain(of._heap, [handle for handle, _ in batch.submit()])
    return found


def elements(of: Object) -> t.List[Object]:
    """All elements of a list, as objects."""
    batch = Batch(of._heap._session)
    for i in range(of._heap._call(Op.LEN, of._use())[0]):
        batch.add(Op.ITEM, of._use(), i)
    return plain(of._heap, [handle for handle, _ in batch.submit()], atoms=False)


def place(to: Object, what: t.Sequence[Object]) -> None:
    """Makes a list's elements those."""
    to._heap._many([(Op.SETITEM, (to._use(), i, x._use())) for i, x in enumerate(what)])
