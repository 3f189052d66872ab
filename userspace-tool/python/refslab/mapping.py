# SPDX-License-Identifier: GPL-2.0
"""Payloads as memory, without copying."""

from __future__ import annotations

import mmap
import typing as t

from ._abi import Op

if t.TYPE_CHECKING:
    from ._session import Session


class _Mapping(mmap.mmap):
    """A mapping with a handle of its own: the memory of a dead object is no more (SIGBUS)."""

    _session: t.Optional[Session] = None
    _handle = 0

    def keep(self, session: Session, handle: int) -> None:
        """The handle is the mapping's from now on."""
        self._session = session
        self._handle = handle

    def __del__(self) -> None:
        # nobody has a view of it any more; without it the session may end with its heap
        self.close()
        if self._session is not None and not self._session.closed:
            self._session.call(Op.CLOSE, self._handle)


def view(session: Session, handle: int, readonly: bool) -> memoryview:
    """The mapped payload of an object."""
    offset, length = session.call(Op.MAP, handle)
    own, _ = session.call(Op.DUP, handle)
    try:
        mapped = _Mapping(
            session.fileno(), length, offset=offset,
            access=mmap.ACCESS_READ if readonly else mmap.ACCESS_WRITE,
        )
    except BaseException:
        session.call(Op.CLOSE, own)
        raise
    mapped.keep(session, own)
    return memoryview(mapped)
