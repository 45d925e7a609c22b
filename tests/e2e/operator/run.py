#!/usr/bin/env python3
"""Runs the operator's tests against a real API server: needs $PANNIER_TEST_CLUSTER,
$PANNIER_KUBE_PROGRAMS and build/bin. Those that only use an operator run side by side.

    run.py [PART OF A NAME...]    only tests whose names have one of these in them
"""

import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

import shared
from admission import Admission
from day_two import DayTwo
from disaster import Disaster
from happy_path import HappyPath
from kube import eventually
from pieces import Pieces
from reasons import Reasons
from repairs import Repairs
from take_over import TakeOver
from world import World

SIDE_BY_SIDE = 8


def tests_of(*cases) -> list[unittest.TestCase]:
    found = [test for case in cases for test in unittest.defaultTestLoader.loadTestsFromTestCase(case)]
    return [test for test in found if not sys.argv[1:] or any(part in test.id() for part in sys.argv[1:])]


def run(test: unittest.TestCase) -> tuple[unittest.TestCase, list[str]]:
    result = unittest.TestResult()
    test.run(result)
    return test, [text for _, text in result.failures + result.errors]


def main() -> int:
    shared.world = World()
    outcomes = []
    try:
        together = tests_of(HappyPath, Reasons, Repairs, DayTwo, Disaster, Pieces, Admission)
        if together:
            shared.operator = shared.world.operator()
            shared.operator.await_ready()
            eventually(shared.operator.leads, 25, shared.operator.process.said)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                outcomes += pool.map(run, together)
            print(f"RSS with {len(together)} tests side by side: {shared.operator.rss_kib()} KiB")
            shared.world.end_operators()
        outcomes += map(run, tests_of(TakeOver))
    finally:
        shared.world.close()
    bad = 0
    for test, texts in outcomes:
        bad += bool(texts)
        print(("FAILED " if texts else "ok     ") + test.id(), *texts, sep="\n" if texts else "")
    print(f"the operator on a real API server: {len(outcomes) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
