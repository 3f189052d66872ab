# SPDX-License-Identifier: GPL-2.0
"""The user ABI (uapi/refslab.h) and librefslab, as ctypes knows them."""

from __future__ import annotations

import ctypes
import enum
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint16, c_uint32
from ctypes import c_uint64, c_void_p

LIBRARY = "librefslab.so.0"

MAX_OPS = 4096
NAME_MAX = 31
MAX_SLOTS = 65535
MAX_PAYLOAD = 1 << 20
MAX_MAPPED = 1 << 30
MAX_CACHE = 65536
MAX_ATTRIBUTE = 255
MAX_ROOT_NAME = 255
REFCOUNT_IMMORTAL = 0xFFFFFFFF
GENERATIONS = 3
GEN_FROZEN = 3
GEN_ALL = 0xFFFFFFFF
COLLECT_ALL = 0x100

TYPE_ACYCLIC = 1 << 0
TYPE_FINALIZER = 1 << 1
TYPE_WEAKREF = 1 << 2
TYPE_MAPPED = 1 << 3
VALUE_INT = 1
VALUE_FLOAT = 2
VALUE_STR = 3
VALUE_BYTES = 4
WEAK_CALLBACK = 1 << 0
WATCH_GC = 1 << 0
ATTACH_READONLY = 1 << 0
ATTACH_NO_COLLECT = 1 << 1
ATTACH_NO_LIMITS = 1 << 2

# enum refslab_call of librefslab.h
CALL_OPEN = 0x10000
CALL_CREATE = CALL_OPEN + 2
CALL_ATTACH = CALL_OPEN + 3
CALL_SUBMIT = CALL_OPEN + 4
CALL_READ_EVENTS = CALL_OPEN + 5

EVENT_FINALIZE = 1
EVENT_WEAKREF = 2
EVENT_GC_START = 3
EVENT_GC_STOP = 4
EVENT_GC_LOST = 5


class Op(enum.IntEnum):
    """enum refslab_opcode. The library names each of them, which the tests compare."""

    TYPE = 1
    NEW = 2
    INT = 3
    STR = 4
    LIST = 5
    DUP = 6
    CLOSE = 7
    IS = 8
    SETSLOT = 9
    CLEARSLOT = 10
    SLOT = 11
    WRITE = 12
    READ = 13
    APPEND = 14
    INSERT = 15
    POP = 16
    SETITEM = 17
    DELITEM = 18
    ITEM = 19
    LEN = 20
    INT_VALUE = 21
    STR_VALUE = 22
    TYPEOF = 23
    REFCOUNT = 24
    ID = 25
    TRACKED = 26
    BLOCK = 27
    COLLECT = 28
    ENABLE = 29
    DISABLE = 30
    ISENABLED = 31
    SET_THRESHOLD = 32
    GET_THRESHOLD = 33
    GET_COUNT = 34
    GET_STATS = 35
    OBJECTS = 36
    TRIM = 37
    STAT = 38
    WEAK = 39
    DEREF = 40
    BYID = 41
    FINALIZED = 42
    FREEZE = 43
    UNFREEZE = 44
    FREEZECOUNT = 45
    REFERENTS = 46
    REFERRERS = 47
    SET_DEBUG = 48
    GET_DEBUG = 49
    GARBAGE = 50
    EMPTY_GARBAGE = 51
    WATCH = 52
    FLOAT = 53
    FLOAT_VALUE = 54
    BYTES = 55
    BYTES_VALUE = 56
    TUPLE = 57
    DICT = 58
    SET = 59
    INSTANCE = 60
    DICT_SETITEM = 61
    DICT_ITEM = 62
    DICT_DELITEM = 63
    ADD = 64
    DISCARD = 65
    CONTAINS = 66
    SETATTR = 67
    GETATTR = 68
    DELATTR = 69
    ITEMS = 70
    PUBLISH = 71
    LOOKUP = 72
    UNPUBLISH = 73
    ROOTS = 74
    SET_LIMITS = 75
    GET_LIMITS = 76
    MAP = 77
    TYPE_FIND = 78
    DICT_ITEM_BYVALUE = 79
    CONTAINS_BYVALUE = 80


# Operations whose result[0] is a new handle, or 0.
MAKES_HANDLE = frozenset(
    {
        Op.NEW, Op.INT, Op.STR, Op.LIST, Op.DUP, Op.SLOT, Op.POP, Op.ITEM, Op.WEAK, Op.DEREF,
        Op.BYID, Op.FLOAT, Op.BYTES, Op.TUPLE, Op.DICT, Op.SET, Op.INSTANCE, Op.DICT_ITEM,
        Op.GETATTR, Op.LOOKUP, Op.DICT_ITEM_BYVALUE,
    }
)


class Operation(ctypes.Structure):
    """struct refslab_op"""

    _fields_ = [
        ("opcode", c_uint16),
        ("flags", c_uint16),
        ("from_", c_uint32),
        ("arg", c_uint64 * 4),
        ("result", c_uint64 * 2),
        ("error", c_int32),
        ("reserved", c_uint32),
    ]


class TypeDef(ctypes.Structure):
    """struct refslab_type_def"""

    _fields_ = [
        ("flags", c_uint32),
        ("nr_slots", c_uint32),
        ("payload", c_uint32),
        ("cache_limit", c_uint32),
    ]


class EventRecord(ctypes.Structure):
    """struct refslab_event_record"""

    _fields_ = [
        ("event", c_uint32),
        ("handle", c_uint32),
        ("id", c_uint64),
        ("reserved", c_uint64 * 2),
    ]


class GcRecord(ctypes.Structure):
    """struct refslab_gc_record, which lies in the same place as an event's"""

    _fields_ = [
        ("event", c_uint32),
        ("handle", c_uint32),
        ("collected", c_uint64),
        ("duration_ns", c_uint64),
        ("generation", c_uint32),
        ("uncollectable", c_uint32),
    ]


class Record(ctypes.Structure):
    """struct refslab_record"""

    _fields_ = [
        ("id", c_uint64),
        ("type", c_uint32),
        ("refcount", c_uint32),
        ("generation", c_uint32),
        ("bytes", c_uint32),
    ]


class Entry(ctypes.Structure):
    """struct refslab_entry"""

    _fields_ = [("key", c_uint32), ("value", c_uint32)]


class RootRecord(ctypes.Structure):
    """struct refslab_root_record"""

    _fields_ = [
        ("id", c_uint64),
        ("type", c_uint32),
        ("len", c_uint32),
        ("name", c_char * (MAX_ROOT_NAME + 1)),
    ]


class Limits(ctypes.Structure):
    """struct refslab_limits"""

    _fields_ = [
        ("max_bytes", c_uint64),
        ("max_objects", c_uint64),
        ("max_handles", c_uint64),
    ]


class GenerationStats(ctypes.Structure):
    """One generation of struct refslab_gc_stats"""

    _fields_ = [
        ("collections", c_uint64),
        ("collected", c_uint64),
        ("uncollectable", c_uint64),
    ]


class Stat(ctypes.Structure):
    """struct refslab_stat"""

    _fields_ = [
        (name, c_uint64)
        for name in (
            "objects", "tracked", "handles", "bytes_used", "bytes_cached", "bytes_reserved",
            "arenas", "pools_used", "pools_full", "pools_empty", "large", "arenas_made",
            "arenas_returned", "max_trash", "events", "roots",
            "bytes_mapped",
        )
    ]


def load() -> ctypes.CDLL:
    """librefslab, with the functions that are used; REFSLAB_LIBRARY names another file."""
    name = os.environ.get("REFSLAB_LIBRARY") or LIBRARY
    try:
        lib = ctypes.CDLL(name)
    except OSError as e:
        raise ImportError(
            f"{e}: set REFSLAB_LIBRARY to where librefslab is; see the package's README",
            name="refslab",
        ) from None
    session = c_void_p
    lib.refslab_version.argtypes = []
    lib.refslab_version.restype = c_char_p
    lib.refslab_strerror.argtypes = [c_uint, c_int]
    lib.refslab_strerror.restype = c_char_p
    lib.refslab_opcode_name.argtypes = [c_uint]
    lib.refslab_opcode_name.restype = c_char_p
    lib.refslab_session_open.argtypes = [c_char_p, POINTER(session)]
    lib.refslab_session_open.restype = c_int
    lib.refslab_session_close.argtypes = [session]
    lib.refslab_session_close.restype = None
    lib.refslab_session_fd.argtypes = [session]
    lib.refslab_session_fd.restype = c_int
    lib.refslab_session_create_limited.argtypes = [
        session, c_char_p, POINTER(Limits), POINTER(c_uint32)
    ]
    lib.refslab_session_create_limited.restype = c_int
    lib.refslab_session_attach.argtypes = [
        session, c_int, c_uint32, POINTER(c_uint32), POINTER(c_uint32)
    ]
    lib.refslab_session_attach.restype = c_int
    lib.refslab_session_submit.argtypes = [
        session, POINTER(Operation), c_uint, POINTER(c_uint)
    ]
    lib.refslab_session_submit.restype = c_int
    lib.refslab_read_events.argtypes = [
        session, POINTER(EventRecord), c_size_t, POINTER(c_size_t)
    ]
    lib.refslab_read_events.restype = c_int
    return lib
