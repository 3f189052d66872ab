#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""outside.py DIR: run CPython's side of cyclotron for the guest that DIR is shared with.

CPython takes memory from the kernel all the time there, and gives it back: under User Mode Linux
that is some ten times as slow as on the machine, and would be most of what is measured.

The guest puts the arguments into DIR/ask, and finds what was measured in DIR/answer. DIR/outside
says that somebody is here. Ends when it is told to, or when whoever started it has gone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
INTERVAL = 0.01  # seconds; what runs meanwhile is ours, so look seldom


def put(path, text):
    """All of it or nothing."""
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    os.rename(f"{path}.new", path)


def take(path):
    """The text, once somebody has put it there, and it is gone; or None."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    os.remove(path)
    return text


def ask(directory, args, limit=600):
    """The guest's side: what cyclotron.py says."""
    if not os.path.exists(f"{directory}/outside"):
        raise SystemExit("bench: start peer/outside.py first, outside of the guest")
    put(f"{directory}/ask", args)
    end = time.monotonic() + limit
    while (found := take(f"{directory}/answer")) is None:
        if time.monotonic() > end:
            raise SystemExit("bench: no answer from outside")
        time.sleep(INTERVAL)
    if not found:
        raise SystemExit("bench: CPython has failed outside")
    return found


def serve(directory):
    parent = os.getppid()
    while os.getppid() == parent:
        if (args := take(f"{directory}/ask")) is None:
            time.sleep(INTERVAL)
            continue
        done = subprocess.run([PYTHON, "-BIS", f"{HERE}/cyclotron.py", *args.split()],
                              stdout=subprocess.PIPE, text=True, check=False)
        put(f"{directory}/answer", "" if done.returncode else done.stdout)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__.splitlines()[0])
    directory = sys.argv[1]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    for old in ("ask", "answer"):
        take(f"{directory}/{old}")
    put(f"{directory}/outside", "")
    try:
        serve(directory)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{directory}/outside")


if __name__ == "__main__":
    main()
