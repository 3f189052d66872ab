# SPDX-License-Identifier: GPL-2.0
"""The examples, as programs: what they say when all is well."""

import os
import subprocess
import sys
import unittest

import refslab

PACKAGE = os.path.dirname(os.path.dirname(refslab.__file__))
EXAMPLES = os.path.join(PACKAGE, "examples")


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, os.path.join(EXAMPLES, name), *arguments], capture_output=True, text=True,
        timeout=300, env={**os.environ, "PYTHONPATH": PACKAGE},
    )


class Examples(unittest.TestCase):
    def test_messages(self):
        done = run("messages.py", "2")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        counts = dict(line.split(": ") for line in done.stdout.splitlines())
        for name in ("messages lost", "answered twice", "answered wrongly", "processes failed",
                     "objects left"):
            self.assertEqual(counts[name], "0", done.stdout)
        for name in ("messages sent", "consumers killed", "objects found by the collector"):
            self.assertGreater(int(counts[name]), 0, done.stdout)

    def test_arguments_of_messages(self):
        for given in (("0",), ("x",), ("nan",), ("1e9",), ("5", "0"), ("5", "65"), ("5", "1.5"),
                      ("5", "3", "1"), ("--seconds",)):
            done = run("messages.py", *given)
            self.assertEqual(done.returncode, 2, given)
            self.assertTrue(done.stderr.startswith("usage: "), done.stderr)
