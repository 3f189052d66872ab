# SPDX-License-Identifier: GPL-2.0
"""Errors of the kernel as Python's: an OSError with the library's sentence, and more if it fits."""

from __future__ import annotations

import errno as _errno
from typing import Dict, Optional, Type


class Error(OSError):
    """
    What the kernel refused. errno is the reason, strerror a sentence that says what it means after
    this operation, and operation its name, such as "append"; None when it was none.
    """

    operation: Optional[str] = None


class HeapTypeError(Error, TypeError):
    """The object is of another type than the operation works on."""


class HeapValueError(Error, ValueError):
    """Something that makes no sense, or is beyond a limit."""


class HeapMemoryError(Error, MemoryError):
    """No memory, or the limit of the heap or of the memory cgroup, after a full collection."""


class HeapOverflowError(Error, OverflowError):
    """The object has as many references as can be counted."""


class HeapPermissionError(Error, PermissionError):
    """The session was attached without the right to do that."""


class ClosedError(ValueError):
    """The heap, or the object's handle, is closed."""


# As programs import them, and tracebacks show them.
for _class in (Error, HeapTypeError, HeapValueError, HeapMemoryError, HeapOverflowError,
               HeapPermissionError, ClosedError):
    _class.__module__ = "refslab"

_CLASSES: Dict[int, Type[Error]] = {
    _errno.EPROTOTYPE: HeapTypeError,
    _errno.EINVAL: HeapValueError,
    _errno.E2BIG: HeapValueError,
    _errno.EILSEQ: HeapValueError,
    _errno.EEXIST: HeapValueError,
    _errno.ENOMEM: HeapMemoryError,
    _errno.EOVERFLOW: HeapOverflowError,
    _errno.EPERM: HeapPermissionError,
}


def make(error: int, sentence: str, operation: Optional[str]) -> Error:
    """The exception for an errno."""
    exception = _CLASSES.get(error, Error)(error, sentence)
    exception.operation = operation
    return exception
