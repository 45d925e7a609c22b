#!/usr/bin/env python3
"""The fault matrix: everything that can go wrong around a daemon, while it is idle, read, written to
and snapshotted.

Goal: nothing acknowledged is lost, no answer is wrong, reads go on where the fault leaves them their
bytes, and service returns by itself (or with the process, where that died).
Method: a real daemon and real faults (disk.py). In each cell clients work, the fault begins, stays a
while, and ends; then it is measured how long until a write and a read succeed, and where one was
going on, a snapshot must. After each row the daemon is killed and started again, and every acknowledged record is compared.

    tests/faults/matrix.py [--only "disk full"] [--write]     --write: the table of docs/reliability.md
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import SocketConnection, use_venv  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from disk import FAULTS, ROOT, STORE, Fault, Machine  # noqa: E402

ACTIVITIES = ("idle", "reading", "writing", "snapshotting")
RETURN_SECONDS = 10             # more is a failure
SEEDED = 300                    # records, so that there is a graph
# What a client may be told while the fault lasts; 0: the connection broke or was refused.
ALLOWED = {200, 201, 0, 429, 500, 503, 504, 507}
BEGIN, END = "<!-- fault matrix: begin -->", "<!-- fault matrix: end -->"


def vector_of(name: str) -> list[float]:
    return [((hash_of(name) >> shift) & 255) / 256 for shift in range(0, 64, 8)]


def document_of(name: str) -> str:
    """Long enough that a full disk is met at once."""
    return f"document {name} " + "lorem ipsum " * 2_000


def hash_of(name: str) -> int:
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return value


@dataclass
class Seen:
    """What one kind of call met: how often each status, and the first words of each refusal."""

    statuses: collections.Counter = field(default_factory=collections.Counter)
    modes: set = field(default_factory=set)
    messages: dict = field(default_factory=dict)

    def note(self, status: int, mode: str, text: str) -> None:
        self.statuses[status] += 1
        if mode:
            self.modes.add(mode)
        if status >= 300:
            self.messages.setdefault(status, text[:300])

    def text(self) -> str:
        parts = [f"{status or 'no answer'} ×{count}" for status, count in sorted(self.statuses.items())]
        modes = f" ({', '.join(sorted(self.modes))})" if self.modes else ""
        return (", ".join(parts) or "–") + modes


class Client:
    """Calls the daemon as a worker does; a connection that broke is made anew."""

    def __init__(self, machine: Machine, collection: str):
        self.path, self.collection = machine.daemon.server.socket_path, collection
        self.connection = None

    def call(self, verb: str, body: dict, timeout: float = 15) -> tuple[int, str, str]:
        try:
            if self.connection is None:
                self.connection = SocketConnection(self.path, timeout)
            self.connection.request("POST", f"{self.collection}/{verb}", json.dumps(body),
                                    {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            text = answer.read().decode()
            if answer.will_close:
                self.close()
            return answer.status, answer.getheader("pannier-mode", ""), text
        except Exception as error:  # noqa: BLE001: whatever a broken connection may raise
            self.close()
            return 0, "", repr(error)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def add(self, name: str) -> tuple[int, str, str]:
        return self.call("upsert", {"ids": [name], "embeddings": [vector_of(name)],
                                    "documents": [document_of(name)]})


class Wrong(AssertionError):
    """A promise was broken; the text says which."""


class Row:
    """One fault, through all activities."""

    def __init__(self, kind: type[Fault]):
        self.machine = Machine()
        self.fault = kind(self.machine)
        self.acknowledged: set[str] = set()
        self.cells: dict[str, str] = {}
        self.complaints: list[str] = []

    def prepare(self) -> None:
        collection = self.machine.daemon.collection(STORE, "docs")
        self.client = Client(self.machine, collection)
        names = [f"seed-{i}" for i in range(SEEDED)]
        body = {"ids": names, "embeddings": [vector_of(name) for name in names],
                "documents": [document_of(name) for name in names]}
        assert self.client.call("add", body)[0] == 201
        self.acknowledged.update(names)
        self.machine.daemon.operate("snapshot", store=STORE, repository="local",
                                    verification="Manifest", includeIndex="Always")

    def run(self) -> None:
        try:
            self.prepare()
            for activity in ACTIVITIES:
                self.cell(activity)
            self.machine.restart()
            self.compare("after the kill")
        finally:
            self.fault.end() if getattr(self.fault, "active", False) else None
            self.machine.close()
            if hasattr(self.fault, "close"):
                self.fault.close()

    # --- what clients do ---
    def write_until(self, stop: threading.Event, seen: Seen, client: Client, prefix: str) -> None:
        number = 0
        while not stop.is_set():
            name = f"{prefix}-{number}"
            number += 1
            status, mode, text = client.add(name)
            if status in (200, 201):
                self.acknowledged.add(name)
            seen.note(status, mode, text)
            stop.wait(0.01)

    def read_until(self, stop: threading.Event, seen: Seen, client: Client) -> None:
        number = 0
        while not stop.is_set():
            name = f"seed-{number % SEEDED}"
            number += 1
            status, mode, text = client.call("get", {"ids": [name], "include": ["documents"]})
            if status == 200 and json.loads(text)["documents"] != [document_of(name)]:
                self.complaints.append(f"wrong answer for {name}: {text[:200]}")
            seen.note(status, mode, text)
            stop.wait(0.01)

    def snapshot_until(self, stop: threading.Event, seen: Seen, _client: Client) -> None:
        while not stop.is_set():
            self.snapshot(seen)
            stop.wait(0.02)

    def snapshot(self, seen: Seen) -> bool:
        try:
            daemon = self.machine.daemon
            operation = daemon.wait(daemon.begin("snapshot", store=STORE, repository="local",
                                                 verification="Manifest"))
            done = operation["state"] == "Succeeded"
            seen.note(200 if done else 500, "", json.dumps(operation["error"]))
            return done
        except Exception as error:  # noqa: BLE001: the daemon may be gone
            status = getattr(error, "status", 0)
            seen.note(status, "", repr(error))
            try:
                self.machine.daemon.connect()
            except OSError:
                pass
            return False

    # --- one cell ---
    def cell(self, activity: str) -> None:
        seen, stop = Seen(), threading.Event()
        client = Client(self.machine, self.client.collection)
        target = {"reading": lambda: self.read_until(stop, seen, client),
                  "writing": lambda: self.write_until(stop, seen, client, f"w-{activity}"),
                  "snapshotting": lambda: self.snapshot_until(stop, seen, client)}.get(activity)
        worker = threading.Thread(target=target) if target else None
        if worker:
            worker.start()
            time.sleep(0.1)
        seen.statuses.clear()
        seen.modes.clear()
        self.fault.active = True
        self.fault.begin()
        time.sleep(self.fault.hold_seconds)
        probes = self.probe(activity) if self.machine.alive() and activity == "idle" else None
        self.fault.end()
        self.fault.active = False
        ended = time.monotonic()
        died = "" if self.machine.alive() else "; the process died, and was started again"
        if died:
            self.machine.daemon.server.process.wait()
            self.machine.daemon.start()
            self.client.close()
        back = self.await_service(ended, activity)
        stop.set()
        if worker:
            worker.join(30)
            if worker.is_alive():
                self.complaints.append(f"{activity}: a call never ended")
        if activity == "snapshotting" and not self.snapshot(Seen()) and not self.snapshot(Seen()):
            self.complaints.append("no snapshot after the fault")
        lost = self.compare(activity)
        self.judge(activity, probes or seen)
        said = self.fault.other_name_of_success
        what = probes.text() if probes else seen.text()
        self.cells[activity] = f"{said + '; ' if said else ''}{what}{died}; {back:.1f} s; {lost}"
        for status, text in (probes or seen).messages.items():
            print(f"    {activity}: {status}: {text[:160]}")

    def probe(self, activity: str) -> Seen:
        """What a client that comes in the middle of the fault is told."""
        seen = Seen()
        client = Client(self.machine, self.client.collection)
        for number in range(3):
            name = f"p-{activity}-{number}"
            status, mode, text = client.add(name)
            if status in (200, 201):
                self.acknowledged.add(name)
            seen.note(status, mode, text)
        return seen

    def await_service(self, began: float, activity: str) -> float:
        deadline = began + RETURN_SECONDS
        failure, number = "", 0
        while time.monotonic() < deadline:
            number += 1
            name = f"back-{activity}-{number}"
            status, _, failure = self.client.add(name)
            if status in (200, 201):
                self.acknowledged.add(name)
                status, _, failure = self.client.call("get", {"ids": [name]})
                if status == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        self.complaints.append(f"{activity}: no service {RETURN_SECONDS} s after: {failure[:300]}")
        return float("inf")

    def compare(self, when: str) -> int:
        names = sorted(self.acknowledged)
        found: dict[str, str] = {}
        for at in range(0, len(names), 500):
            status, _, text = self.client.call("get", {"ids": names[at:at + 500],
                                                       "include": ["documents"]})
            if status == 0:         # the daemon was started anew
                status, _, text = self.client.call("get", {"ids": names[at:at + 500],
                                                           "include": ["documents"]})
            if status != 200:
                self.complaints.append(f"{when}: records cannot be read: {status} {text[:200]}")
                return len(names)
            answer = json.loads(text)
            found.update(zip(answer["ids"], answer["documents"]))
        lost = [name for name in names if found.get(name) != document_of(name)]
        if lost:
            self.complaints.append(f"{when}: {len(lost)} acknowledged records lost: {lost[:5]}")
        return len(lost)

    def judge(self, activity: str, seen: Seen) -> None:
        statuses = {status for status, count in seen.statuses.items() if count}
        strange = statuses - ALLOWED
        if strange:
            self.complaints.append(f"{activity}: {sorted(strange)}: {seen.messages}")
        failed = statuses - {200, 201}
        if activity == "reading" and self.fault.reads_go_on and not self.fault.restarts and failed:
            self.complaints.append(f"reads failed: {seen.text()} {seen.messages}")
        writes_fail = self.fault.writes_go_on and not self.fault.restarts and failed - {0, 503}
        if activity == "writing" and writes_fail:
            self.complaints.append(f"writes failed: {seen.text()} {seen.messages}")


def table(rows: list[Row]) -> str:
    lines = ["| fault | how | " + " | ".join(ACTIVITIES) + " |", "|" + "---|" * (2 + len(ACTIVITIES))]
    for row in rows:
        cells = [row.cells.get(activity, "–") for activity in ACTIVITIES]
        lines.append(f"| {row.fault.name} | {row.fault.note} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_page(text: str) -> None:
    page = ROOT / "docs" / "reliability.md"
    old = page.read_text()
    page.write_text(re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{text}\n{END}", old, flags=re.S))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", help="the name of a fault")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for kind in FAULTS:
        if arguments.only and kind.name not in arguments.only:
            continue
        began = time.monotonic()
        row = Row(kind)
        rows.append(row)
        print(f"{kind.name}:", flush=True)
        row.run()
        for complaint in row.complaints:
            print(f"  WRONG: {complaint}")
        print(f"  {time.monotonic() - began:.1f} s", flush=True)
    text = table(rows)
    print(text)
    if arguments.write:
        write_page(text)
    failed = sum(1 for row in rows if row.complaints)
    cells = sum(len(row.cells) for row in rows)
    print(f"{cells} cells of {len(rows)} faults: {len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    use_venv()
    sys.exit(main())
