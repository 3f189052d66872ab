#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""CPython's side of cyclotron: the workload of module/cyclotron.c, step for step.

Arguments are key=value as for the module's command; prints name=value words.
"""

import re
import sys
import time

MASK = (1 << 64) - 1
BRANCH_BITS = 4
BRANCH_SLOTS = 1 << BRANCH_BITS
REINSERTED = 20  # percent


class Node:
    __slots__ = ("next", "witness")


class Record:
    __slots__ = ("key", "value")


class Tree:
    __slots__ = ("root", "loop", "witness")


class Run:
    """What module/cyclotron.c has in struct cyclotron."""

    def __init__(self, shape, size, percent, seed):
        self.size = size
        self.percent = percent
        self.make = self.make_tree if shape == "tree" else self.make_chain
        self.seed = seed
        self.trash = 0
        self.bits = 0
        while size > 1 << (self.bits + BRANCH_BITS):
            self.bits += BRANCH_BITS

    def below(self, n):
        self.seed = (self.seed * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.seed >> 33) % n

    def make_chain(self, cyclic):
        first = last = Node()
        first.witness = Witness(self)
        for _ in range(self.size - 1):
            last.next = Node()
            last = last.next
        if cyclic:
            last.next = first
        return first

    def find_branch(self, tree, key):
        at, bits = tree.root, self.bits
        while bits:
            slot = (key >> bits) % BRANCH_SLOTS
            if at[slot] is None:
                at[slot] = [None] * BRANCH_SLOTS
            at = at[slot]
            bits -= BRANCH_BITS
        return at

    def insert(self, tree, key):
        record = Record()
        record.key = key
        record.value = None
        self.find_branch(tree, key)[key % BRANCH_SLOTS] = record

    def delete(self, tree, key):
        self.find_branch(tree, key)[key % BRANCH_SLOTS] = None

    def make_tree(self, cyclic):
        tree = Tree()
        tree.root = [None] * BRANCH_SLOTS
        tree.witness = Witness(self)
        order = list(range(self.size))
        for i in range(self.size - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        for key in order:
            self.insert(tree, key)
        again = self.size * REINSERTED // 100
        for key in range(again):
            self.delete(tree, key)
        for key in range(again):
            self.insert(tree, key)
        if cyclic:
            tree.loop = tree
        return tree


class Witness:
    """Knows when its unit is freed."""

    __slots__ = ("run", "count")

    def __init__(self, run):
        self.run = run
        self.count = run.size

    def __del__(self):
        self.run.trash -= self.count


def resident(name):
    with open("/proc/self/status", encoding="ascii") as file:
        return int(re.search(rf"^{name}:\s*(\d+)", file.read(), re.M)[1]) << 10


def spin(run, live, total):
    clock = time.perf_counter_ns
    stall = made = max_trash = 0
    holder = []
    resting = resident("VmRSS")
    begin = clock()
    while made < total:
        start = clock()
        unit = run.make(run.below(100) < run.percent)
        stall = max(stall, clock() - start)
        holder.append(unit)
        del unit
        made += run.size
        if len(holder) * run.size < live:
            continue
        run.trash += len(holder) * run.size
        holder.clear()
        max_trash = max(max_trash, run.trash)
    ns = clock() - begin
    return {
        "ns": ns,
        "peak_bytes": resident("VmHWM") - resting,
        "stall_ns": stall,
        "max_trash": max_trash,
        "seed": run.seed,
    }


def main():
    args = dict(word.split("=", 1) for word in sys.argv[1:])
    run = Run(args["shape"], int(args["size"]), int(args["percent"]), int(args["seed"]))
    found = spin(run, int(args["live"]), int(args["total"]))
    print(" ".join(f"{key}={value}" for key, value in found.items()))


main()
