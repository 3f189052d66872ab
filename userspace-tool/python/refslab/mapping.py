# SPDX-License-Identifier: GPL-2.0
"""Payloads as memory, without copying."""

from __future__ import annotations

import ctypes
import mmap
import os
import typing as t
import weakref

from ._abi import Op
from ._errors import ClosedError

if t.TYPE_CHECKING:
    from ._session import Session

# Not by Python's mmap: that has a descriptor of its own, which a child process would inherit, and
# with it the session.
_libc = ctypes.CDLL(None, use_errno=True)
_mmap = getattr(_libc, "mmap64", _libc.mmap)
_mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64
]
_mmap.restype = ctypes.c_void_p
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_FAILED = ctypes.c_void_p(-1).value

# What undoes each mapping there is, by its address.
_mappings: t.Dict[int, t.Any] = {}


def _failed() -> OSError:
    error = ctypes.get_errno()
    return OSError(error, os.strerror(error))


def _map(fd: int, offset: int, length: int, protection: int) -> int:
    """The address."""
    address: t.Optional[int] = _mmap(None, length, protection, mmap.MAP_SHARED, fd, offset)
    if address is None or address == _FAILED:
        raise _failed()
    if _libc.madvise(address, length, mmap.MADV_DONTFORK):
        error = _failed()
        _libc.munmap(address, length)
        raise error
    return address


def _undo(address: int, length: int, session: Session, handle: int) -> None:
    """Nobody has a view of it any more; without it the session may end with its heap."""
    _mappings.pop(address, None)
    _libc.munmap(address, length)
    try:
        session.call(Op.CLOSE, handle)
    except ClosedError:
        pass


def view(session: Session, handle: int, readonly: bool) -> memoryview:
    """The mapped payload of an object, which a handle of the view's own keeps alive."""
    offset, length = session.call(Op.MAP, handle)
    own, _ = session.call(Op.DUP, handle)
    protection = mmap.PROT_READ if readonly else mmap.PROT_READ | mmap.PROT_WRITE
    try:
        address = _map(session.fileno(), offset, length, protection)
    except BaseException:
        session.call(Op.CLOSE, own)
        raise
    memory = (ctypes.c_ubyte * length).from_address(address)
    undo = _mappings[address] = weakref.finalize(memory, _undo, address, length, session, own)
    undo.atexit = False
    whole = memoryview(memory).cast("B")
    return whole.toreadonly() if readonly else whole


def _after_fork() -> None:
    """A child has none of it, and what lies there by and by is not to be unmapped."""
    for undo in _mappings.values():
        undo.detach()
    _mappings.clear()


os.register_at_fork(after_in_child=_after_fork)
