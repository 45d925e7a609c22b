"""Runs the tests of a program by unittest and ends it with the line that all our runners end with."""

import sys
import unittest


def run(what: str) -> None:
    """Of the program's own tests; its arguments are unittest's. Does not return."""
    result = unittest.main(module="__main__", exit=False).result
    bad, left_out = len(result.failures) + len(result.errors), len(result.skipped)
    told = f", {left_out} left out" if left_out else ""
    print(f"{what}: {max(result.testsRun - bad - left_out, 0)} passed, {bad} failed{told}")
    sys.exit(1 if bad else 0)
