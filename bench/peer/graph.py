#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""CPython's side of the scans: the graphs of module/graph.c, made of two-element lists.

Reads commands from standard input, as the module does from its file, and answers each with a line
of name=value words. Only the collector is timed.
"""

import gc
import os
import re
import sys
import tempfile
import time

MASK = (1 << 64) - 1


def numbers(seed):
    """The generator of module/bench.h."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) & MASK
        yield seed >> 33


def free_bytes():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"^MemFree: *(\d+)", file.read(), re.M)[1]) << 10


def arena_bytes():
    """What the interpreter's allocator has taken for arenas; it only tells by printing it."""
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        file.seek(0)
        text = file.read().decode()
    count, size = re.search(r"^(\d+) arenas \* (\d+) bytes/arena", text, re.M).groups()
    return int(count) * int(size)


class Graph:
    """What the commands work on; each method of it is one."""

    def __init__(self):
        self.node = []
        self.arenas = arena_bytes()

    def graph(self, kind="loose", n="1000000", seed="1"):
        n, total = int(n), 0
        before = free_bytes()
        self.node = node = [[None, None] for _ in range(n)]
        if kind == "random":
            rand = numbers(int(seed))
            for obj in node:
                a, b = next(rand) % n, next(rand) % n
                obj[0] = node[a]
                obj[1] = node[b]
                total = ((total * 31 + a) * 31 + b) & MASK
        elif kind == "ring":
            for i, obj in enumerate(node):
                obj[0] = node[i - 1]
                obj[1] = node[i + 1 if i + 1 < n else 0]
        return {"bytes": max(before - free_bytes(), 0), "sum": total}

    def pairs(self, n="1000000"):
        for _ in range(int(n) // 2):
            a, b = [None, None], [None, None]
            a[0] = b
            b[0] = a
        return {}

    def collect(self, generation="2"):
        generation = int(generation)
        begin = time.perf_counter_ns()
        found = gc.collect(generation)
        end = time.perf_counter_ns()
        return {"ns": end - begin, "unreachable": found}

    def thin(self, percent="90", seed="1"):
        percent, rand, node = int(percent), numbers(int(seed)), self.node
        for i in range(len(node)):
            if next(rand) % 100 < percent:
                node[i] = None
        return {}

    def empty(self):
        self.node = []
        gc.collect()
        return {}

    def reserved(self):
        return {"bytes": max(arena_bytes() - self.arenas, 0)}


def main():
    gc.disable()
    graph = Graph()
    print("ready=1", flush=True)
    for line in sys.stdin:
        name, *words = line.split()
        found = getattr(graph, name)(**dict(word.split("=", 1) for word in words))
        print(" ".join(f"{key}={value}" for key, value in found.items()), flush=True)


main()
