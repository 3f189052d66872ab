# SPDX-License-Identifier: GPL-2.0
"""A session: the descriptor, calls that may come from any thread, and batches of operations."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import threading
import weakref
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

from . import _abi, _errors
from ._abi import Op

_lib = _abi.load()
# Sessions that a child process must let go of: it would close its parent's handles.
_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


def library_version() -> str:
    """Version of librefslab, as text."""
    version: bytes = _lib.refslab_version()
    return version.decode()


def opcode_name(opcode: int) -> Optional[str]:
    """What the library calls an operation; None when it does not know it."""
    name: Optional[bytes] = _lib.refslab_opcode_name(opcode)
    return name.decode() if name else None


def error(opcode: int, err: int) -> _errors.Error:
    """The exception for an error of an operation, or of a call of the library."""
    err = abs(err)
    sentence: bytes = _lib.refslab_strerror(opcode, err)
    return _errors.make(err, sentence.decode(), opcode_name(opcode))


class Result(int):
    """An operand: the first result of an earlier operation of the batch."""


Results = List[Tuple[int, int]]


# Gives a session a heap.
Start = Callable[[ctypes.c_void_p, ctypes.c_uint32], None]


def create(name: bytes, limits: _abi.Limits) -> Start:
    """A new heap."""

    def start(session: ctypes.c_void_p, heap_id: ctypes.c_uint32) -> None:
        err: int = _lib.refslab_session_create_limited(
            session, name, ctypes.byref(limits), ctypes.byref(heap_id)
        )
        if err:
            raise error(_abi.CALL_CREATE, err)

    return start


def attach(fd: int, flags: int) -> Start:
    """The heap of another session."""

    def start(session: ctypes.c_void_p, heap_id: ctypes.c_uint32) -> None:
        err: int = _lib.refslab_session_attach(session, fd, flags, ctypes.byref(heap_id), None)
        if err:
            raise error(_abi.CALL_ATTACH, err)

    return start


class Session:
    """
    An open /dev/refslab with a heap: what start() makes or attaches it to, given the library's
    session and where to put the heap's number. Calls may come from any thread; close() waits for
    those under way.
    """

    def __init__(self, start: Start, path: Optional[str]) -> None:
        self._session: Optional[int] = None
        self._calls = 0
        # An object's __del__ may interrupt a thread inside of this lock, and takes it, too.
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._closing = False
        handle = ctypes.c_void_p()
        heap_id = ctypes.c_uint32()
        device = os.fsencode(path) if path else None
        if device and b"\0" in device:
            raise ValueError("the path of a device has no NUL in it")
        err: int = _lib.refslab_session_open(device, ctypes.byref(handle))
        if err:
            raise error(_abi.CALL_OPEN, err)
        try:
            start(handle, heap_id)
            self._fd: int = _lib.refslab_session_fd(handle)
            flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
            self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except BaseException:
            _lib.refslab_session_close(handle)
            raise
        self._session = handle.value
        self.heap_id = heap_id.value
        _sessions.add(self)

    @property
    def closed(self) -> bool:
        """Is it closed, or about to be?"""
        return self._closing or self._session is None

    def fileno(self) -> int:
        """The descriptor, for poll() and the like."""
        with self._lock:
            if self.closed:
                raise _errors.ClosedError("the heap is closed")
            return self._fd

    def _enter(self) -> int:
        with self._lock:
            if self._closing or self._session is None:
                raise _errors.ClosedError("the heap is closed")
            self._calls += 1
            return self._session

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            if not self._calls and self._closing:
                self._idle.notify_all()

    def close(self) -> None:
        """Drops every handle, after calls under way have ended."""
        with self._lock:
            if self.closed:
                return
            self._closing = True
            os.write(self._wake[1], b"x")
            while self._calls:
                self._idle.wait()
            self._end()

    def _end(self) -> None:
        session, self._session = self._session, None
        _lib.refslab_session_close(session)
        os.close(self._wake[0])
        os.close(self._wake[1])

    def forget(self) -> None:
        """In a child after fork(): the descriptor is closed, the handles stay the parent's."""
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        if self._session is not None:
            self._closing = True
            self._end()

    def submit(self, ops: "ctypes.Array[_abi.Operation]", count: int) -> Tuple[int, int]:
        """Operations in order: how many were carried out, and what stopped them, or 0."""
        done = ctypes.c_uint()
        session = self._enter()
        try:
            err: int = _lib.refslab_session_submit(session, ops, count, ctypes.byref(done))
        finally:
            self._leave()
        return done.value, err

    def call(self, opcode: Op, *args: int) -> Tuple[int, int]:
        """One operation; its results."""
        ops = (_abi.Operation * 1)()
        op = ops[0]
        op.opcode = opcode
        op.arg[: len(args)] = args
        while True:
            _, err = self.submit(ops, 1)
            if err != -errno.EINTR:
                break
            op.error = 0
        if err:
            raise error(opcode, err)
        return op.result[0], op.result[1]

    def wait(self, timeout: Optional[float]) -> bool:
        """Waits for an event, timeout seconds at most; False when there is none."""
        self._enter()
        try:
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            poll.register(self._wake[0], select.POLLIN)
            ready = poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
            return any(fd == self._fd for fd, _ in ready)
        finally:
            self._leave()

    def read_events(self, most: int) -> "Sequence[_abi.EventRecord]":
        """The events there are, most of them at most; does not wait."""
        records = (_abi.EventRecord * most)()
        count = ctypes.c_size_t()
        session = self._enter()
        try:
            err: int = _lib.refslab_read_events(session, records, most, ctypes.byref(count))
        finally:
            self._leave()
        if err in (-errno.EAGAIN, -errno.EINTR):
            return []
        if err:
            raise error(_abi.CALL_READ_EVENTS, err)
        return records[: count.value]


class Batch:
    """Operations that refer to one another's results, carried out by one call."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ops: List[Tuple[Op, Tuple[int, ...]]] = []
        self._results: Results = []
        self._keep: List[Any] = []

    def __len__(self) -> int:
        return len(self._ops)

    def add(self, opcode: Op, *args: int) -> Result:
        """One more operation; what it returns is an operand of later ones."""
        self._ops.append((opcode, args))
        return Result(len(self._ops) - 1)

    def keep(self, thing: Any) -> None:
        """Keeps what operands point to, until the batch is gone."""
        self._keep.append(thing)

    def buffer(self, data: Union[bytes, bytearray]) -> int:
        """The address of a copy of data."""
        copy = ctypes.create_string_buffer(bytes(data), len(data) or 1)
        self._keep.append(copy)
        return ctypes.addressof(copy)

    def _chunk(self, begin: int) -> "ctypes.Array[_abi.Operation]":
        """Operations from begin on. What earlier calls answered is filled in."""
        todo = self._ops[begin : begin + _abi.MAX_OPS]
        ops = (_abi.Operation * len(todo))()
        for op, (opcode, args) in zip(ops, todo):
            op.opcode = opcode
            for i, arg in enumerate(args):
                if not isinstance(arg, Result):
                    op.arg[i] = arg
                elif arg < begin:
                    op.arg[i] = self._results[arg][0]
                else:
                    op.arg[i] = arg - begin
                    op.from_ |= 1 << i
        return ops

    def submit(self) -> Results:
        """
        The results of all operations. When one fails the handles made by the others are dropped
        again, and what it says is raised. A signal's handler runs, and the rest is carried out.
        """
        results = self._results = []
        while len(results) < len(self._ops):
            ops = self._chunk(len(results))
            try:
                done, err = self._session.submit(ops, len(ops))
                results.extend((op.result[0], op.result[1]) for op in ops[:done])
                if err and err != -errno.EINTR:
                    raise error(
                        self._ops[len(results)][0] if done < len(ops) else _abi.CALL_SUBMIT, err
                    )
            except BaseException:
                self._undo()
                raise
        return results

    def _undo(self) -> None:
        made = set()
        for (opcode, args), result in zip(self._ops, self._results):
            if opcode in _abi.MAKES_HANDLE:
                made.add(result[0])
            elif opcode == Op.CLOSE:
                arg = args[0]
                made.discard(self._results[arg][0] if isinstance(arg, Result) else arg)
        made.discard(0)
        for handle in made:
            try:
                self._session.call(Op.CLOSE, handle)
            except (OSError, _errors.ClosedError):
                pass


def _after_fork() -> None:
    for session in list(_sessions):
        session.forget()


os.register_at_fork(after_in_child=_after_fork)
