# SPDX-License-Identifier: GPL-2.0
"""What the package's README shows is what happens."""

import doctest
import os
import unittest


README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "README.md")


class Readme(unittest.TestCase):
    def test_examples(self):
        failures, tests = doctest.testfile(README, module_relative=False)
        self.assertEqual(failures, 0)
        self.assertGreater(tests, 30)
