#!/usr/bin/env python3
"""Kills a real daemon with SIGKILL at random moments and checks it against what was acknowledged.

Goal: every acknowledged write is readable, and findable by query; of a batch that was not
acknowledged either all is there or nothing.
Method: writer processes change records of their own over the Unix socket and note intent and answer
outside the daemon (writer.py). After each kill the daemon is started again on the same data and every
record is compared: value by value with get, and by its own vector with query.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import Server, prepare, use_venv  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from writer import DIMENSION, vector_of  # noqa: E402

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
QUERY_BATCH = 200


@dataclass
class Owner:
    """One writer's records as they must be, and the change that may or may not have happened."""

    name: str
    state: dict[str, int] = field(default_factory=dict)
    pending: dict[str, int | None] | None = None
    turn: int = 0


class Loss(AssertionError):
    """The daemon broke its promise; the text says which."""


def post(server: Server, path: str, body: dict) -> dict:
    status, text = server.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    if status not in (200, 201):
        raise Loss(f"POST {path}: {status} {text[:300]!r}")
    return json.loads(text)


def applied(state: dict[str, int], change: dict[str, int | None]) -> dict[str, int]:
    result = dict(state)
    for record, version in change.items():
        if version is None:
            result.pop(record, None)
        else:
            result[record] = version
    return result


def replay(owner: Owner, journal: Path) -> int:
    """Takes the journal's acknowledged changes into the owner's state; returns how many there were."""
    acknowledged = 0
    owner.pending = None
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        if "error" in entry:
            raise Loss(f"writer {owner.name}: {entry['error']}")
        if "try" in entry:
            owner.pending = entry["try"]
            owner.turn += 1
        else:
            owner.state = applied(owner.state, owner.pending)
            owner.pending = None
            acknowledged += 1
    return acknowledged


def stored(server: Server, base: str) -> dict[str, dict]:
    """Everything the collection holds, by id, each row checked against itself."""
    got = post(server, f"{base}/get", {"include": ["documents", "metadatas", "embeddings"]})
    rows = {}
    for i, record in enumerate(got["ids"]):
        version = got["metadatas"][i]["version"]
        if got["documents"][i] != f"{record} version {version}":
            raise Loss(f"{record}: document and metadata are of different versions")
        expected = vector_of(record, version)
        if max(abs(a - b) for a, b in zip(got["embeddings"][i], expected)) > 1e-6:
            raise Loss(f"{record}: the vector is not that of version {version}")
        rows[record] = version
    return rows


def settle(owner: Owner, rows: dict[str, int]) -> None:
    """The owner's rows must be its state, with or without the pending change as a whole."""
    mine = {record: version for record, version in rows.items() if record.split("-")[0] == owner.name}
    if mine == owner.state:
        return
    if owner.pending is not None and mine == applied(owner.state, owner.pending):
        owner.state = mine
        return
    missing = [r for r in owner.state if r not in mine and (owner.pending is None or r not in owner.pending)]
    raise Loss(f"writer {owner.name}: {len(mine)} records, {len(owner.state)} acknowledged; missing e.g. "
               f"{missing[:3]}; or a batch is there in part: {owner.pending}")


def check_findable(server: Server, base: str, rows: dict[str, int]) -> None:
    records = sorted(rows)
    for start in range(0, len(records), QUERY_BATCH):
        batch = records[start:start + QUERY_BATCH]
        found = post(server, f"{base}/query",
                     {"query_embeddings": [vector_of(r, rows[r]) for r in batch], "n_results": 1,
                      "include": ["distances"]})
        for record, ids, distances in zip(batch, found["ids"], found["distances"]):
            if ids != [record] or distances[0] > 1e-6:
                raise Loss(f"{record} is not found by its own vector: {ids} at {distances}")


def run_writers(server: Server, base: str, owners: list[Owner], seed: str, seconds: float) -> int:
    """Lets them write for a moment, kills the daemon, and returns how many changes were acknowledged."""
    processes = []
    for owner in owners:
        journal, state = server.home / f"{owner.name}.journal", server.home / f"{owner.name}.state"
        journal.write_text("")
        state.write_text(json.dumps(owner.state))
        processes.append(subprocess.Popen([sys.executable, str(Path(__file__).with_name("writer.py")),
                                           server.socket_path, base, owner.name, str(journal), seed,
                                           str(owner.turn), str(state)]))
    time.sleep(seconds)  # the random moment
    server.kill()
    for process in processes:
        process.wait(60)
    return sum(replay(owner, server.home / f"{owner.name}.journal") for owner in owners)


def fill(server: Server, base: str, records: int) -> None:
    for start in range(0, records, 2000):
        ids = [f"f-{i}" for i in range(start, min(records, start + 2000))]
        post(server, f"{base}/add", {"ids": ids, "embeddings": [vector_of(i, 0) for i in ids]})


def report_restart(server: Server, records: int) -> None:
    """How long after a kill a store of that size gives its first right answer: reported, not asserted."""
    base = f"{DATABASE}/collections/" + post(server, f"{DATABASE}/collections", {"name": "large"})["id"]
    fill(server, base, records)
    server.kill()
    began = time.monotonic()
    server.start()
    check_findable(server, base, {"f-7": 0})
    print(f"restart to first right answer with {records} records: {(time.monotonic() - began) * 1e3:.0f} ms "
          "(process start and polling included)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="kills; 0: until --seconds have passed")
    parser.add_argument("--seconds", "--time", type=float, default=0, help="go on with rounds until then")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--restart-records", type=int, default=20_000)
    parser.add_argument("--bin", default=None, help="the daemon (build/bin/pannierd)")
    options = parser.parse_args()
    use_venv()
    source = random.Random(f"crash/{options.seed}")
    rounds = acknowledged = 0
    began = time.monotonic()
    with prepare("pannierd", "socket", binary=options.bin) as server:
        server.start()
        base = f"{DATABASE}/collections/" + post(
            server, f"{DATABASE}/collections", {"name": "crash"})["id"]
        owners = [Owner(f"w{n}") for n in range(options.writers)]
        try:
            while rounds < options.rounds or time.monotonic() - began < options.seconds:
                rounds += 1
                acknowledged += run_writers(server, base, owners, options.seed, source.uniform(0.15, 1.2))
                server.start()
                rows = stored(server, base)
                for owner in owners:
                    settle(owner, rows)
                check_findable(server, base, rows)
            if options.restart_records:
                report_restart(server, options.restart_records)
        except Loss as loss:
            server.keep = True
            print(f"round {rounds}: {loss}\nseed {options.seed}; the data is kept in {server.home}")
            print(f"{rounds - 1} passed, 1 failed")
            return 1
    print(f"{rounds} kills, {acknowledged} acknowledged writes, 0 lost, {len(rows)} records at the end, "
          f"seed {options.seed}, {DIMENSION} dimensions")
    print(f"{rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
