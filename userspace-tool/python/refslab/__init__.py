# SPDX-License-Identifier: GPL-2.0
"""
Reference-counted objects with a cycle collector, in the kernel.

    import refslab

    heap = refslab.Heap()
    gc = heap.gc                      # the controls of Python's module gc

    Node = heap.type("Node", slots=["ref"])
    a = Node()
    b = Node()
    a.ref = b
    b.ref = a                         # a cycle
    del a, b                          # nobody can reach them any more
    print(gc.collect())               # 2
"""

from ._errors import (
    ClosedError,
    Error,
    HeapMemoryError,
    HeapOverflowError,
    HeapPermissionError,
    HeapTypeError,
    HeapValueError,
)
from ._session import library_version
from .atoms import Bytes, Float, Int, Object, Str
from .collector import Collector
from .heap import Heap, Type
from .objects import Dict, Instance, List, Set, Tuple, UserObject, WeakRef

__version__ = "0.1.0"

__all__ = [
    "Bytes", "ClosedError", "Collector", "Dict", "Error", "Float", "Heap", "HeapMemoryError",
    "HeapOverflowError", "HeapPermissionError", "HeapTypeError", "HeapValueError", "Instance",
    "Int", "List", "Object", "Set", "Str", "Tuple", "Type", "UserObject", "WeakRef", "library_version",
]
