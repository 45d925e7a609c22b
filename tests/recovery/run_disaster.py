#!/usr/bin/env python3
"""The README's disaster: the volume is lost, and one command on an empty machine brings every store back.

Goal: what was snapshotted is there again, record by record, from the repository alone; the plan says
beforehand what is lost; snapshots go on after the restore.
Method: a real daemon, a volume repository, pannierctl; the data directory is removed after a SIGKILL.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from sidecar import TENANT, Sidecar, launcher  # noqa: E402

STORES = [f"{TENANT}/docs", f"{TENANT}/chats", "acme/docs"]
RECORDS = 300


def fill(sidecar: Sidecar, store: str, first: int, count: int) -> None:
    path = sidecar.collection(store, "notes")
    numbers = range(first, first + count)
    sidecar.chroma("POST", f"{path}/add", {
        "ids": [f"{store}-{n}" for n in numbers],
        "embeddings": [[n, len(store), 0.25] for n in numbers],
        "documents": [f"note {n} of {store}" for n in numbers],
        "metadatas": [{"n": n, "even": n % 2 == 0} for n in numbers]})


def snapshot(sidecar: Sidecar, store: str) -> dict:
    made = json.loads(sidecar.pannierctl("snapshot", "create", "--store", store, "--repository",
                                         "local", "--wait", "-o", "json"))
    assert made["verified"] is True, made
    assert made["store"] == store and made["bytes"] > 0, made
    return made


def before(backup: Path) -> dict[str, dict]:
    """Fills stores, snapshots them, writes more, and loses the volume. What the snapshots hold."""
    with Sidecar(backup) as sidecar:
        sidecar.pannierctl("repository", "init", "--repository", "local", "--wait")
        for store in STORES:
            sidecar.create_database(store)
            fill(sidecar, store, 0, RECORDS)
            snapshot(sidecar, store)
        fill(sidecar, STORES[0], RECORDS, 10)
        again = snapshot(sidecar, STORES[0])
        assert again["newBytes"] < again["bytes"] / 2 or again["bytes"] < 1 << 21, again
        held = {store: sidecar.content(store) for store in STORES}
        fill(sidecar, STORES[0], 5_000, 5)   # after the last snapshot: lost, and the plan says so
        plan = json.loads(sidecar.pannierctl("restore", "--store", STORES[0], "--repository", "local",
                                             "--latest", "--dry-run", "--wait", "-o", "json"))["plan"]
        assert plan["dataLossSeconds"] >= 0 and plan["sequence"] == again["sequence"], plan
        assert len(sidecar.content(STORES[0])["notes"]) == RECORDS + 15, "a dry run changed something"
        sidecar.server.kill()
    return held


def after(backup: Path, held: dict[str, dict]) -> None:
    with Sidecar(backup) as sidecar:
        began = time.monotonic()
        sidecar.pannierctl("restore", "--all", "--repository", "local", "--wait")
        print(f"restored {len(STORES)} stores in {time.monotonic() - began:.1f} s")
        for store, content in held.items():
            assert sidecar.content(store) == content, f"{store} differs"
        fill(sidecar, STORES[0], 9_000, 5)
        snapshot(sidecar, STORES[0])
        assert sidecar.pannierctl("store", "verify", "--store", STORES[0], "--wait")


def main() -> None:
    launcher.use_venv()
    backup = Path(tempfile.mkdtemp(prefix="pannier-backup-"))
    try:
        after(backup, before(backup))
    finally:
        shutil.rmtree(backup)
    print("disaster: 1 passed, 0 failed")


if __name__ == "__main__":
    main()
