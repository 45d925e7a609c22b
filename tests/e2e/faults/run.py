#!/usr/bin/env python3
"""Faults between operator, API server, daemon and bucket, on the real ones: needs $PANNIER_TEST_CLUSTER,
$PANNIER_KUBE_PROGRAMS and build/bin.

Goal: each row of the table does what its name says, and every invariant holds after it.
Method: each run has an installation of its own (ground.py) behind proxies (proxy.py); some run side by side, as
they wait more than they compute.

    run.py [--long] [--seed N] [--random COUNT] [PART OF A TITLE...]     rows whose titles have one of these in them
"""

import argparse
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "operator"))
# pylint: disable=wrong-import-position
import api_rows  # noqa: E402,F401
import certificate_rows  # noqa: E402,F401
import clock_rows  # noqa: E402,F401
import daemon_rows  # noqa: E402,F401
import operator_rows  # noqa: E402,F401
import random_runs  # noqa: E402
import s3_rows  # noqa: E402,F401
import sweep  # noqa: E402,F401
import version_rows  # noqa: E402,F401
from ground import Ground  # noqa: E402
from invariants import Invariants  # noqa: E402
from table import ROWS, Row  # noqa: E402
from world import World  # noqa: E402

SIDE_BY_SIDE = 10
printing = threading.Lock()


def run(world: World, row: Row, given) -> bool:
    began, failed, ground = time.monotonic(), "", None
    try:
        ground = Ground(world, row.records, given.seed, given.long)
        row.run(ground)
        acted = time.monotonic() - began
        Invariants(ground).check(row.settles)
    except BaseException:  # pylint: disable=broad-except
        failed = traceback.format_exc() + told(ground)
    finally:
        if ground is not None:
            ground.close()
    with printing:
        took = time.monotonic() - began
        print(f"{'FAILED' if failed else 'ok    '} {took:5.1f} s  {row.title}"
              + ("" if failed else f" (checked in {took - acted:.1f} s) {ground.note}"), flush=True)
        if failed:
            print(failed, flush=True)
    return not failed


def told(ground: Ground | None) -> str:
    if ground is None:
        return ""
    ended = [each.process.running.returncode for each in ground.operators]
    return f"{ground.note}\nexit codes of its operators, in their order: {ended}\n" + ground.story()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", type=int, default=20, help="how many random runs, of seeds from --seed on")
    parser.add_argument("parts", nargs="*")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    chosen = [row for row in ROWS + random_runs.rows(given.seed, given.random) if (given.long or not row.long)
              and (not given.parts or any(part in row.title for part in given.parts))]
    chosen.sort(key=lambda row: not row.slow)
    world = World()
    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            outcomes = list(pool.map(lambda row: run(world, row, given), [row for row in chosen if not row.alone]))
        outcomes += [run(world, row, given) for row in chosen if row.alone]
    finally:
        world.close()
    print(f"faults around the operator: {outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
