# SPDX-License-Identifier: GPL-2.0
"""The lines of the benchmark: names, units, peers and goals."""

import fnmatch


class Line:
    """A line: `goal` is what the ratio, ours / theirs, is to be at most, or (`least`) at least.

    Ours may be the `difference` of two times: below 0, when they differ by less than the noise.
    """

    def __init__(self, name, unit, peer, goal=None, least=False, difference=False):
        self.name = name
        self.unit = unit
        self.peer = peer
        self.goal = goal
        self.least = least
        self.difference = difference

    def ratio(self, ours, theirs):
        """Or None, where there is none to speak of."""
        if not theirs or self.difference and ours <= 0:
            return None
        return ours / theirs

    def met(self, ratio):
        """True, False, or None when there is no goal."""
        if self.goal is None:
            return None
        if ratio is None:
            return False
        return ratio >= self.goal if self.least else ratio <= self.goal

    def goal_text(self):
        if self.goal is None:
            return ""
        return f"{'>=' if self.least else '<='} {self.goal:g}"


# Cyclotron's grid: shape, objects of a unit, objects that live, percent of cyclic units.
CYCLOTRON = [
    (shape, size, live, percent)
    for shape in ("chain", "tree")
    for size in (4, 100)
    for live in (10000, 100000)
    for percent in (20, 100)
]


def cyclotron_name(shape, size, live, percent):
    return f"cyclotron_{shape}_{size}_{live // 1000}k_{percent}"


def _cyclotron():
    for point in CYCLOTRON:
        name = cyclotron_name(*point)
        yield Line(f"{name}_time", "ms", "CPython", 0.25)
        yield Line(f"{name}_peak", "B", "CPython", 0.6)
        yield Line(f"{name}_trash", "objects", "CPython", 1.0)
        yield Line(f"{name}_stall", "us", "CPython")


# Passing references: name of the peer, as program and as line; what it is; CPUs, references.
PASS_PEERS = [
    ("scm", "SCM_RIGHTS"),
    ("scm-alone", "SCM_RIGHTS, no futex"),
    ("socket", "Unix socket, 8 bytes"),
    ("socket-alone", "same, no futex"),
    ("robust", "robust mutex"),
    ("nothing", "the wake-up alone"),
]
PASSES = [("", 2, 1), ("1cpu_", 1, 1), ("256_", 2, 256)]


def pass_name(prefix, peer):
    return f"reference_pass_{prefix}{peer.replace('-', '_')}"


def _passes():
    for prefix, _, _ in PASSES:
        for peer, text in PASS_PEERS:
            yield Line(pass_name(prefix, peer), "ns", text)


LINES = [
    Line("alloc_free_pair", "ns", "kmem_cache", 1.0),
    Line("alloc_free_tracked", "ns", "kmem_cache+kref+list", 0.33),
    Line("bulk_alloc", "ns", "kmem_cache", 0.5),
    Line("bulk_free", "ns", "kmem_cache", 0.5),
    Line("get_put", "ns", "kref", 1.0),
    Line("scan_live_random_1m", "ns/object", "CPython", 0.25),
    Line("scan_live_ring_1m", "ns/object", "CPython", 0.25),
    Line("scan_garbage_pairs_1m", "ns/object", "CPython", 0.25),
    Line("scan_live_random_10m", "ns/object", "refslab, 1 M objects", 1.5),
    Line("young_scan", "ns", "refslab, 0 older objects", 1.2),
    Line("scan_idle_1m", "ns/object", "CPython", 0.03),
    Line("lock_hold_max_1m", "ns", "50 us", 1.0),
    Line("lock_hold_max_10m", "ns", "50 us", 1.0),
    Line("lock_hold_floor_1m", "ns", "50 us"),
    Line("lock_hold_floor_10m", "ns", "50 us"),
    Line("op_p9999_1m", "ns", "refslab, no scan", 2.0),
    Line("op_p9999_10m", "ns", "refslab, no scan", 2.0),
    Line("busy_throughput", "op/s", "refslab, no scan", 0.8, least=True),
    Line("scaling_2cpu", "op/s", "refslab, 1 CPU", 1.8, least=True),
    Line("scaling_2cpu_kmem_cache", "op/s", "kmem_cache, 1 CPU"),
    Line("scaling_2cpu_sessions", "op/s", "refslab, 1 session", 1.8, least=True),
    Line("scaling_2cpu_heaps", "op/s", "refslab, 1 heap"),
    Line("submit_op", "ns", "in the kernel", 1.5),
    Line("submit_op_inside", "ns", "in the kernel", 1.5, difference=True),
    Line("submit_op_link", "ns", "in the kernel"),
    Line("submit_op_load", "ns", "in the kernel"),
    Line("submit_op_new", "ns", "in the kernel"),
    Line("submit_one", "ns", "an ioctl that does nothing"),
    *_passes(),
    Line("bytes_per_object", "B", "CPython", 0.6),
    Line("returned", "B", "CPython", 1.0),
    Line("returned_kmem_cache", "B", "kmem_cache", 1.0),
    Line("returned_all", "B", "CPython", 0.0),
    Line("mmap_payload", "B/ns", "memfd", 0.95, least=True),
    Line("mmap_payload_first", "ns/page", "memfd"),
    *_cyclotron(),
]

BY_NAME = {line.name: line for line in LINES}


def chosen(pattern):
    """Names that match a pattern of the shell; all without one."""
    return [line.name for line in LINES if fnmatch.fnmatchcase(line.name, pattern or "*")]
