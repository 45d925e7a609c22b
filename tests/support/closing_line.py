"""Runs the tests of a program by unittest and ends it with the line that all our runners end with."""

import sys
import unittest


def run(what: str) -> None:
    """Of the program's own tests; its arguments are unittest's. Does not return."""
    result = unittest.main(module="__main__", exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{what}: {max(result.testsRun - bad, 0)} passed, {bad} failed")
    sys.exit(1 if bad else 0)
