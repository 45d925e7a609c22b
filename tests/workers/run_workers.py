#!/usr/bin/env python3
"""Sixteen client processes on one store, then on sixteen: no error, and one linear view.

Goal: a write that was answered is in every read that begins later, from any process.
Method: the workers record begin, end and what they saw of each operation (worker.py); the checker looks
for a read that saw less than a write that had been answered before it began, more than any write that
had begun before it ended, or less than an earlier read had seen; and for counts that shrink.
"""

from __future__ import annotations

import argparse
import bisect
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import Server, start, use_venv  # noqa: E402

TENANT = "/api/v2/tenants/default_tenant/databases"
REGISTERS_PER_WORKER = 2


def post(server: Server, path: str, body: dict) -> dict:
    status, text = server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    if status not in (200, 201):
        raise RuntimeError(f"POST {path}: {status} {text[:300]!r}")
    return json.loads(text)


def make_collection(server: Server, database: str) -> str:
    if database != "default_database":
        post(server, TENANT, {"name": database})
    base = f"{TENANT}/{database}/collections"
    return f"{base}/{post(server, base, {'name': 'registers'})['id']}"


class HighWater:
    """The largest value seen by a time: operations in order of that time."""

    def __init__(self, points: list[tuple[float, int]]):
        self.times, self.values = [], []
        best = 0
        for when, value in sorted(points):
            best = max(best, value)
            self.times.append(when)
            self.values.append(best)

    def before(self, when: float) -> int:
        at = bisect.bisect_left(self.times, when)
        return self.values[at - 1] if at else 0


def check_register(name: str, operations: list[list]) -> list[str]:
    writes = [o for o in operations if o[0] == "w"]
    answered = HighWater([(o[4], o[2]) for o in writes])
    begun = HighWater([(o[3], o[2]) for o in writes])
    seen = HighWater([(o[4], o[2]) for o in operations if o[0] in "rq"])
    found = []
    for kind, _, version, begin, end in operations:
        if kind == "w":
            continue
        if version < answered.before(begin):
            found.append(f"{name}: a {kind} saw version {version} after {answered.before(begin)} was answered")
        if version > begun.before(end):
            found.append(f"{name}: a {kind} saw version {version} that nobody had written")
        if version < seen.before(begin):
            found.append(f"{name}: a {kind} saw version {version} after another had seen {seen.before(begin)}")
    return found


def check(histories: list[Path]) -> tuple[int, list[str]]:
    by_register: dict[str, list[list]] = defaultdict(list)
    counts: list[tuple[float, float, int]] = []
    operations = 0
    for path in histories:
        for line in path.read_text().splitlines():
            operation = json.loads(line)
            operations += 1
            if operation[0] == "c":
                counts.append((operation[3], operation[4], operation[2]))
            else:
                by_register[operation[1]].append(operation)
    found = [complaint for name, history in by_register.items() for complaint in check_register(name, history)]
    found += check_counts(by_register, counts)
    return operations, found


def check_counts(by_register: dict[str, list[list]], counts: list[tuple[float, float, int]]) -> list[str]:
    """Nothing is deleted, so a count holds every register written before it, and never shrinks."""
    firsts = [min((o[4] for o in history if o[0] == "w"), default=None) for history in by_register.values()]
    added = sorted(end for end in firsts if end is not None)
    found = [f"count {value} after {bisect.bisect_left(added, begin)} registers had been added"
             for begin, _, value in counts if value < bisect.bisect_left(added, begin)]
    highest = HighWater([(end, value) for _, end, value in counts])
    found += [f"count {value} after {highest.before(begin)} had been counted"
              for begin, _, value in counts if value < highest.before(begin)]
    return found


def check_the_checker() -> None:
    """A checker that finds nothing proves nothing: histories with a known fault, and one without."""
    write = ["w", "x", 1, 0.0, 1.0]
    assert check_register("x", [write, ["r", "x", 0, 2.0, 3.0]]), "a stale read goes unnoticed"
    assert check_register("x", [write, ["r", "x", 2, 2.0, 3.0]]), "a version from nowhere goes unnoticed"
    late = ["w", "x", 1, 0.0, 9.0]
    assert check_register("x", [late, ["r", "x", 1, 2.0, 3.0], ["q", "x", 0, 4.0, 5.0]]), "going back goes unnoticed"
    assert check_counts({"x": [write]}, [(2.0, 3.0, 0)]), "a count without an added record goes unnoticed"
    assert check_counts({}, [(0.0, 1.0, 2), (2.0, 3.0, 1)]), "a shrinking count goes unnoticed"
    assert not check_counts({"x": [write]}, [(0.5, 3.0, 0), (3.5, 4.0, 1)])
    assert not check_register("x", [late, ["r", "x", 0, 2.0, 3.0], ["r", "x", 1, 2.5, 3.5]])


def run(server: Server, bases: list[str], workers: int, seed: str, seconds: float, label: str) -> tuple[int, list[str]]:
    """Workers spread over the stores; those of one store share its registers."""
    processes, groups = [], defaultdict(list)
    for worker in range(workers):
        mates = [w for w in range(workers) if w % len(bases) == worker % len(bases)]
        registers = [f"r-{mate}-{n}" for mate in mates for n in range(REGISTERS_PER_WORKER)]
        history = server.home / f"{label}-{worker}.history"
        groups[worker % len(bases)].append(history)
        processes.append(subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), server.socket_path,
             bases[worker % len(bases)], str(worker), json.dumps(registers), seed, str(history), str(seconds)],
            stderr=subprocess.PIPE, text=True))
    complaints = []
    for number, process in enumerate(processes):
        _, errors = process.communicate(timeout=seconds + 60)
        if process.returncode:
            complaints.append(f"worker {number}: {errors.strip().splitlines()[-1] if errors else process.returncode}")
    total = 0
    for histories in groups.values():
        operations, found = check(histories)
        total += operations
        complaints += found
    return total, complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8, help="of each of the two parts")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    use_venv()
    check_the_checker()
    failed = 0
    with start("pannierd", "socket") as server:
        one = [make_collection(server, "default_database")]
        many = [make_collection(server, f"store-{n}") for n in range(options.workers)]
        for label, bases in [("one store", one), (f"{len(many)} stores", many)]:
            operations, complaints = run(server, bases, options.workers, options.seed, options.seconds,
                                         label.replace(" ", "-"))
            print(f"{options.workers} processes on {label}: {operations} operations, {len(complaints)} complaints, "
                  f"seed {options.seed}")
            for complaint in complaints[:20]:
                print(f"  {complaint}")
            failed += bool(complaints) or operations == 0
        log = server.log.read_text(errors="replace")
        if "locked" in log:
            failed += 1
            print("the daemon's log speaks of a lock:\n" + server.tail())
    print(f"{2 - min(failed, 2)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
