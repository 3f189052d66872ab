# SPDX-License-Identifier: GPL-2.0
"""Arguments, looked at before ctypes makes something else of them."""

from __future__ import annotations

import operator
import typing as t

UINT64 = (1 << 64) - 1
INT = (1 << 31) - 1


def number(value: t.SupportsIndex, what: str, most: int = UINT64) -> int:
    """An int from 0 to most; ctypes would cut others off."""
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{what} is an int, not {type(value).__name__}") from None
    if not 0 <= n <= most:
        raise ValueError(f"{what} is {n}, and can be 0 to {most}")
    return n


def descriptor(thing: t.Any) -> int:
    """A file descriptor, or what has fileno()."""
    if not hasattr(thing, "__index__"):
        try:
            thing = thing.fileno()
        except AttributeError:
            raise TypeError(
                f"a descriptor is an int or has fileno(), not {type(thing).__name__}"
            ) from None
    try:
        fd = operator.index(thing)
    except TypeError:
        raise TypeError(f"a descriptor is an int, not {type(thing).__name__}") from None
    # Below 0 there is none, as the kernel says itself.
    if fd > INT or fd < -INT:
        raise ValueError(f"a descriptor is at most {INT}, not {fd}")
    return fd


def name(value: str, what: str) -> bytes:
    """A name as the kernel is given it; a NUL would be its end."""
    if not isinstance(value, str):
        raise TypeError(f"the name of a {what} is a str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"the name of a {what} has no NUL in it")
    return value.encode()


def function(value: t.Any, what: str) -> None:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"a {what} is a function, not {type(value).__name__}")
