# SPDX-License-Identifier: GPL-2.0
"""
compare.py make DIR COUNT SEED KIND...   writes scripts, and what they have to answer, into DIR
compare.py check DIR                     compares with NAME.got, the answers of `refslab run --json`

The second prints each difference, sums, and at last `N passed, N failed`.
"""

import collections
import json
import os
import sys

SHOWN = 5


def make(directory, count, seed, kinds):
    """Scripts, one a seed."""
    from generate import generate

    for number in range(seed, seed + count):
        lines, answers = generate(number, kinds)
        stem = os.path.join(directory, f"{number:06}")
        with open(stem + ".refslab", "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
        with open(stem + ".expected", "w", encoding="ascii") as f:
            f.writelines(json.dumps(answer) + "\n" for answer in answers)


class Answers:
    """What refslab said, in the terms of the machine: ids become numbers."""

    def __init__(self, lines):
        self.lines = lines
        self.ids = {}

    def next(self, expected):
        """The next answer, to be compared with this one."""
        if "events" in expected:
            # One line each, read together: in no order.
            count = len(expected["events"])
            events = [self.plain(self.line()) for _ in range(count)]
            return {"events": sorted(events, key=repr)}
        answer = self.line()
        if "id" in answer and "event" not in answer:
            self.ids[answer["id"]] = len(self.ids) + 1
        return self.plain(answer)

    def line(self):
        """One line."""
        if not self.lines:
            return {"nothing": "more"}
        return self.lines.pop(0)

    def plain(self, answer):
        """An answer without what differs from heap to heap."""
        answer = dict(answer)
        answer.pop("duration_ns", None)
        if "id" in answer:
            answer["id"] = self.ids.get(answer["id"], answer["id"])
        if "objects" in answer and "tracked" in answer:
            return {"tracked": answer["tracked"]}
        if "objects" in answer:
            return {"objects": sorted([self.ids.get(o["id"], o["id"]), o["refcount"]]
                                      for o in answer["objects"])}
        if "count" in answer:
            return {"count": [None, *answer["count"][1:]]}
        return answer


def compare(stem, sums):
    """The first difference, or None."""
    with open(stem + ".expected", encoding="ascii") as f:
        expected = [json.loads(line) for line in f]
    with open(stem + ".got", encoding="utf-8") as f:
        text = f.read().splitlines()
    try:
        answers = Answers([json.loads(line) for line in text])
    except ValueError:
        return "\n".join(text[-3:])
    for number, want in enumerate(expected):
        got = answers.next(want)
        if got != want:
            return f"answer {number + 1}: CPython {json.dumps(want)}, refslab {json.dumps(got)}"
        count(want, sums)
    if answers.lines:
        return f"more than {len(expected)} answers: {answers.lines[0]}"
    return None


def count(answer, sums):
    """What was compared, so that nobody need believe that it was something."""
    if "unreachable" in answer:
        sums["collections"] += 1
        sums["unreachable"] += answer["unreachable"]
    elif "dead" in answer:
        sums["weak references dead"] += 1
    elif "objects" in answer:
        sums["objects looked at"] += len(answer["objects"])
    for event in answer.get("events", [answer] if "event" in answer else []):
        what = {"finalize": "finalizers", "weakref": "callbacks"}
        sums[what.get(event["event"], "events of scans")] += 1
    sums["answers"] += 1


def check(directory):
    """All scripts."""
    passed = failed = 0
    sums = collections.Counter()
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".refslab"):
            continue
        stem = os.path.join(directory, name[: -len(".refslab")])
        difference = compare(stem, sums)
        if difference is None:
            passed += 1
            continue
        failed += 1
        if failed <= SHOWN:
            print(f"not ok {name}: {difference}")
    for what in sorted(sums):
        print(f"# {sums[what]} {what}")
    print(f"{passed} passed, {failed} failed")
    wanted = ("collections", "unreachable", "weak references dead", "finalizers", "callbacks",
              "events of scans")
    for what in wanted:
        if not sums[what]:
            print(f"error: there were no {what}")
            return 1
    return 1 if failed or not passed else 0


def main():
    if len(sys.argv) >= 6 and sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        return check(sys.argv[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
