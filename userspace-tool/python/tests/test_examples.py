# SPDX-License-Identifier: GPL-2.0
"""The examples, as programs: what they say when all is well."""

import os
import subprocess
import sys
import unittest

import refslab

PACKAGE = os.path.dirname(os.path.dirname(refslab.__file__))
EXAMPLES = os.path.join(PACKAGE, "examples")


class Examples(unittest.TestCase):
    def test_messages(self):
        done = subprocess.run(
            [sys.executable, os.path.join(EXAMPLES, "messages.py"), "2"], capture_output=True,
            text=True, timeout=300, env={**os.environ, "PYTHONPATH": PACKAGE},
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        counts = dict(line.split(": ") for line in done.stdout.splitlines())
        for name in ("messages lost", "answered twice", "answered wrongly", "processes failed",
                     "objects left"):
            self.assertEqual(counts[name], "0", done.stdout)
        for name in ("messages sent", "consumers killed", "objects found by the collector"):
            self.assertGreater(int(counts[name]), 0, done.stdout)
