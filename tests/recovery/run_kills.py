#!/usr/bin/env python3
"""Kills a real daemon at random moments of its operations, and checks that each store is old or new.

Goal: after SIGKILL in the middle of a snapshot, restore, compact, fork, merge, salvage or garbage
collection, every acknowledged record is there (or, where a restore had committed, exactly those of the
snapshot); the operation ends by itself after the restart; every snapshot that exists is whole; and a
sweep finds nothing left behind.
Method: one model of what each store must hold; operations are begun, the daemon is killed after a random
time, started again, and the operation awaited.

    tests/recovery/run_kills.py --rounds 10 --seed 7
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from sidecar import TENANT, Failed, Sidecar, launcher  # noqa: E402

HOME = f"{TENANT}/home"
DIMENSION = 16
COLLECTION = "things"


class Lost(AssertionError):
    """The daemon broke its promise; the text says which."""


class Run:
    """The daemon, and what its store must hold."""

    def __init__(self, sidecar: Sidecar, generator: random.Random):
        self.sidecar = sidecar
        self.random = generator
        self.model: dict[str, str] = {}
        self.snapshots: dict[str, dict[str, str]] = {}   # uid: what it holds
        self.copies = 0
        sidecar.create_database(HOME)
        sidecar.operate("repositoryInit", repository="local")

    def write(self) -> None:
        path = self.sidecar.collection(HOME, COLLECTION)
        for _ in range(self.random.randint(1, 5)):
            ids = [f"r{self.random.randrange(2_000)}" for _ in range(self.random.randint(1, 60))]
            ids = list(dict.fromkeys(ids))
            texts = [f"{name} {self.random.random()} " + "x" * self.random.randrange(3_000)
                     for name in ids]
            self.sidecar.chroma("POST", f"{path}/upsert", {
                "ids": ids, "documents": texts,
                "embeddings": [[self.random.random() for _ in range(DIMENSION)] for _ in ids]})
            self.model.update(zip(ids, texts))

    def texts(self, store: str) -> dict[str, str]:
        content = self.sidecar.content(store).get(COLLECTION, {})
        return {name: record[0] for name, record in content.items()}

    def restart_after(self, seconds: float) -> None:
        time.sleep(seconds)
        self.sidecar.server.kill()
        self.sidecar.server.start()
        self.sidecar.connect()

    # --- one round ---
    def plan(self) -> tuple[str, dict]:
        """An action and its members."""
        actions = ["snapshot", "snapshot", "compact", "fork", "salvage", "repositoryGc", "merge"]
        if self.snapshots:
            actions += ["restore", "restore", "snapshotVerify"]
        action = self.random.choice(actions)
        members: dict = {"store": HOME}
        if action == "snapshot":
            members |= {"repository": "local", "verification": self.random.choice(["Manifest", "Deep"])}
        elif action == "restore":
            members |= {"repository": "local", "snapshot": self.random.choice(list(self.snapshots))}
        elif action == "snapshotVerify":
            members = {"repository": "local", "snapshot": self.random.choice(list(self.snapshots)),
                       "level": "Deep"}
        elif action == "repositoryGc":
            members = {"repository": "local", "graceSeconds": 3600}
        elif action == "fork":
            self.copies += 1
            members["to"] = f"{TENANT}/copy{self.copies}"
        elif action == "merge":
            self.copies += 1
            members["from"] = f"{TENANT}/copy{self.copies}"
            self.sidecar.operate("fork", store=HOME, to=members["from"])
        return action, members

    def judge(self, action: str, members: dict, operation: dict) -> None:
        ended_well = operation["state"] == "Succeeded"
        if not ended_well:
            raise Lost(f"{action} {members} ended {operation['state']}: {operation['error']}")
        if action == "snapshot":
            self.snapshots[operation["result"]["uid"]] = dict(self.model)
        if action == "restore":
            self.model = dict(self.snapshots[members["snapshot"]])
        seen = self.texts(HOME)
        if seen != self.model:
            missing = sorted(set(self.model) - set(seen))[:5]
            further = sorted(set(seen) - set(self.model))[:5]
            raise Lost(f"after {action}: {len(seen)} records, not {len(self.model)}; "
                       f"missing {missing}, further {further}")
        if action == "fork" and self.texts(members["to"]) != self.model:
            raise Lost("the fork differs from its source")

    def round(self) -> str:
        self.write()
        action, members = self.plan()
        uid = self.sidecar.begin(action, **members)
        self.restart_after(self.random.random() ** 2 * 0.3)
        try:
            operation = self.sidecar.wait(uid)
        except Failed as error:
            raise Lost(f"{action} {uid} was accepted and is not known any more: {error}") from error
        self.judge(action, members, operation)
        return action

    def finish(self) -> None:
        for uid in self.snapshots:
            found = self.sidecar.operate("snapshotVerify", repository="local", snapshot=uid, level="Deep")
            if not found["sound"]:
                raise Lost(f"snapshot {uid} is not whole: {found['message']}")
        if not self.sidecar.operate("verify", store=HOME)["sound"]:
            raise Lost("the store is not sound")
        left = self.sidecar.operate("sweep", mode="Report", graceSeconds=0)["found"]
        if left:
            raise Lost(f"left behind: {left}")


def main() -> None:
    launcher.use_venv()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0, help="rather than rounds")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    began, done = time.monotonic(), []
    backup = Path(tempfile.mkdtemp(prefix="pannier-backup-"))
    try:
        with Sidecar(backup) as sidecar:
            run = Run(sidecar, random.Random(options.seed))
            while (time.monotonic() - began < options.seconds if options.seconds
                   else len(done) < options.rounds):
                done.append(run.round())
            run.finish()
    except (Lost, Failed) as error:
        print(f"seed {options.seed}, round {len(done) + 1}: {error}")
        print(f"operation kills: {len(done)} passed, 1 failed, seed {options.seed}")
        sys.exit(1)
    finally:
        shutil.rmtree(backup)
    counts = ", ".join(f"{done.count(action)} {action}" for action in sorted(set(done)))
    print(f"killed during: {counts}")
    print(f"operation kills: {len(done)} passed, 0 failed, seed {options.seed}, "
          f"{time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
