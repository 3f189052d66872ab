# SPDX-License-Identifier: GPL-2.0
"""Our side and memfd's of what goes through shared mappings."""

import contextlib
import ctypes
import fcntl
import mmap
import os
import time

CREATE, SUBMIT = 0xe201, 0xe202
TYPE, NEW, CLOSE, MAP = 1, 2, 7, 77
MAPPED = 1 << 3


class _Create(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("features", ctypes.c_uint64), ("max_bytes", ctypes.c_uint64),
                ("name", ctypes.c_char * 32), ("heap_id", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32)]


class _Op(ctypes.Structure):
    _fields_ = [("opcode", ctypes.c_uint16), ("flags", ctypes.c_uint16),
                ("from_", ctypes.c_uint32), ("arg", ctypes.c_uint64 * 4),
                ("result", ctypes.c_uint64 * 2), ("error", ctypes.c_int32),
                ("reserved", ctypes.c_uint32)]


class _Submit(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("ops", ctypes.c_uint64),
                ("count", ctypes.c_uint32), ("done", ctypes.c_uint32), ("error", ctypes.c_int32),
                ("reserved", ctypes.c_uint32)]


class Heap:
    """A heap with a type whose objects have a mappable payload."""

    def __init__(self, size):
        self.size = size
        self.fd = os.open("/dev/refslab", os.O_RDWR)
        create = _Create(size=ctypes.sizeof(_Create), name=b"bench")
        fcntl.ioctl(self.fd, CREATE, create)
        definition = (ctypes.c_uint32 * 4)(MAPPED, 0, size, 0)
        name = ctypes.create_string_buffer(b"Payload")
        self.type = self.op(TYPE, ctypes.addressof(name), 7, ctypes.addressof(definition), 16)[0]

    def op(self, opcode, *args):
        op = _Op(opcode=opcode)
        op.arg[:len(args)] = args
        submit = _Submit(size=ctypes.sizeof(_Submit), ops=ctypes.addressof(op), count=1)
        fcntl.ioctl(self.fd, SUBMIT, submit)
        if submit.error:
            raise SystemExit(f"bench: operation {opcode}: {os.strerror(-submit.error)}")
        return op.result

    @contextlib.contextmanager
    def mapping(self):
        handle = self.op(NEW, self.type)[0]
        with mmap.mmap(self.fd, self.size, offset=self.op(MAP, handle)[0]) as mapped:
            yield mapped
        self.op(CLOSE, handle)

    def close(self):
        os.close(self.fd)


class Memfd:
    """The same of memfd_create()."""

    def __init__(self, size):
        self.size = size

    @contextlib.contextmanager
    def mapping(self):
        fd = os.memfd_create("bench")
        os.ftruncate(fd, self.size)
        with mmap.mmap(fd, self.size) as mapped:
            yield mapped
        os.close(fd)

    def close(self):
        pass


def copy(mapped, data, room):
    """All of it in, and out again; returns ns."""
    with memoryview(mapped) as view:
        begin = time.perf_counter_ns()
        view[:] = data
        room[:] = view
        return time.perf_counter_ns() - begin


def bandwidth(size, runs):
    """Bytes per ns through mappings that are there, ours and memfd's, in turns."""
    data, room = bytearray(os.urandom(4096)) * (size // 4096), bytearray(size)
    sides = Heap(size), Memfd(size)
    rates = [], []
    with sides[0].mapping() as ours, sides[1].mapping() as theirs:
        for run in range(runs + 1):
            for mapped, mine in zip((ours, theirs), rates):
                ns = copy(mapped, data, room)
                if room != data:
                    raise SystemExit("bench: a payload does not hold what was written")
                # the first one populates
                if run:
                    mine.append(2 * size / ns)
    for side in sides:
        side.close()
    return rates


def first(size, runs):
    """ns to make, map, write and drop, ours and memfd's, in turns."""
    data = bytes(size)
    sides = Heap(size), Memfd(size)
    times = [], []
    for _ in range(runs):
        for side, mine in zip(sides, times):
            begin = time.perf_counter_ns()
            with side.mapping() as mapped:
                mapped[:] = data
            mine.append(time.perf_counter_ns() - begin)
    for side in sides:
        side.close()
    return times
