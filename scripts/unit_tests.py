#!/usr/bin/env python3
"""Runs the C++ tests of a build directory and adds up their test cases.

Prints the output of programs that failed, and one closing line.
"""

import re
import subprocess
import sys
from pathlib import Path

ALL_PASSED = re.compile(r"All tests passed \(.* in (\d+) test cases?\)")
PYTHON_RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
PYTHON_FAILED = re.compile(r"^FAILED \((.*)\)$", re.MULTILINE)
SOME_FAILED = re.compile(r"test cases:\s*\d+ \|(?:\s*(\d+) passed \|)?\s*(\d+) failed")


def main(build: Path, arguments: list[str]) -> int:
    command = ["ctest", "--test-dir", str(build), "--output-on-failure", "-j2", "--no-tests=error",
               *arguments]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log = (build / "Testing" / "Temporary" / "LastTest.log").read_text(errors="replace")
    passed = sum(int(count) for count in ALL_PASSED.findall(log))
    failed = 0
    for some_passed, some_failed in SOME_FAILED.findall(log):
        passed += int(some_passed or 0)
        failed += int(some_failed)
    bad = sum(int(count) for line in PYTHON_FAILED.findall(log)
              for count in re.findall(r"(?:failures|errors)=(\d+)", line))
    passed += sum(int(count) for count in PYTHON_RAN.findall(log)) - bad
    failed += bad
    if done.returncode:
        print(done.stdout)
        failed = max(failed, 1)                       # a program that crashed has no summary
    print(f"unit tests: {passed} passed, {failed} failed")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: unit_tests.py BUILD_DIR [ctest arguments]")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
