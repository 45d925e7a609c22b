#!/usr/bin/env python3
"""Runs one Catch2 program and ends with what it counted: "name: N passed, M failed"."""

import subprocess
import sys
from pathlib import Path

from unit_tests import ALL_PASSED, SOME_FAILED


def main(program: str, arguments: list[str]) -> int:
    done = subprocess.run([program, "--use-colour", "no", *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout)
    passed = sum(int(count) for count in ALL_PASSED.findall(done.stdout))
    failed = 0
    for some_passed, some_failed in SOME_FAILED.findall(done.stdout):
        passed += int(some_passed or 0)
        failed += int(some_failed)
    if done.returncode:
        failed = max(failed, 1)  # a program that crashed has no summary
    print(f"{Path(program).name}: {passed} passed, {failed} failed")
    return 1 if done.returncode or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: catch_program.py PROGRAM [arguments]")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
