#!/usr/bin/env python3
"""Sixteen workers for as long as it takes, with everything going wrong around them that can.

Goal: zero violations of what the workers were told (soaker.py), every snapshot whole, no temporary store
left; and at the end memory, open files and threads are back where they were.
Method: the faults of tests/faults, kills, snapshots, forks, compactions, verifications and sweeps at
random, one after the other; few stores may be open, so that they are evicted all the time. In the last
third nothing is killed, so that what a process gathers is seen.

    tests/soak/run_soak.py [--seconds 600] [--seed 7]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[0] / folder) for folder in ("faults", "recovery", "chroma"))]
import disk  # noqa: E402
import launcher  # noqa: E402
from sidecar import Failed  # noqa: E402
from soaker import Soaker, Violation  # noqa: E402

WORKERS, STORES = 16, 6
DISK_BYTES = 448 << 20      # a fork wants 256 MiB free
TENANT = "default_tenant"
CONFIG = """index: {graphThreshold: 100}
stores: {maxOpen: 4, idleAfter: 2s, diskReserve: 1MiB, checkpointBytes: 1MiB}
sessions: {timeout: 5s}
recovery: {scrub: {every: 5s}}
"""
# Faults end by themselves within seconds; the process may die in these.
KILLING = {"memory limit", "index files gone", "catalog damaged"}
QUIET_SECONDS = 90          # threads end when they had nothing to do for a minute
RSS_MORE_MAX = 48 << 20
FILES_MORE_MAX, THREADS_MORE_MAX = 8, 2
SNAPSHOTS_MAX = 80


class Machine(disk.Machine):
    """Faults hit the files of a store that stays: temporary ones are removed meanwhile."""

    def store_folder(self) -> Path:
        return self.data / self.daemon.chroma("GET", f"/pannier/v1/stores/{TENANT}/soak0")["folder"]


class Soak:
    def __init__(self, seed: str, seconds: float):
        self.seed, self.seconds = seed, seconds
        self.random = random.Random(f"soak/{seed}")
        self.machine = Machine(CONFIG, DISK_BYTES)
        self.events: dict[str, int] = {}
        self.snapshots: list[str] = []
        self.copies = 0
        self.wrong: list[str] = []
        self.began = time.monotonic()

    @property
    def sidecar(self):
        return self.machine.daemon

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)

    def prepare(self) -> list[tuple[str, str]]:
        """The collections, one for each store."""
        places = []
        for n in range(STORES):
            self.sidecar.create_database(f"{TENANT}/soak{n}")
            path = self.sidecar.collection(f"{TENANT}/soak{n}", "shared")
            places.append((f"soak{n}", path.rsplit("/", 1)[1]))
        return places

    # --- resources ---
    def close_all(self) -> None:
        for store in self.sidecar.chroma("GET", "/pannier/v1/stores")["stores"]:
            with contextlib.suppress(Failed):
                self.sidecar.chroma("POST", f"/pannier/v1/stores/{store['tenant']}/{store['database']}/close")

    def resources(self) -> dict[str, int]:
        process = Path(f"/proc/{self.machine.pid}")
        return {"rss": int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
                "files": len(os.listdir(process / "fd")), "threads": len(os.listdir(process / "task"))}

    def check_resources(self, before: dict[str, int]) -> None:
        limits = {"rss": RSS_MORE_MAX, "files": FILES_MORE_MAX, "threads": THREADS_MORE_MAX}
        end = time.monotonic() + QUIET_SECONDS
        while True:
            self.close_all()
            now = self.resources()
            over = [what for what, more in limits.items() if now[what] > before[what] + more]
            if not over or time.monotonic() > end:
                break
            time.sleep(2)
        self.say("before: {rss} bytes, {files} files, {threads} threads".format(**before))
        self.say("after:  {rss} bytes, {files} files, {threads} threads".format(**now))
        self.wrong += [f"{what}: {now[what]}, at the beginning {before[what]}" for what in over]

    # --- what happens ---
    def note(self, what: str) -> None:
        self.events[what] = self.events.get(what, 0) + 1

    def kill(self) -> None:
        self.note("kill")
        self.machine.restart()

    def fault(self, kind: type[disk.Fault]) -> None:
        self.note(kind.name)
        fault = kind(self.machine)
        try:
            fault.begin()
            time.sleep(self.random.uniform(0.2, 2))
        finally:
            fault.end()
            getattr(fault, "close", lambda: None)()
        if not self.machine.alive():
            if not fault.restarts:
                raise Violation(f"the daemon died of: {kind.name}")
            self.machine.restart()
        elif fault.restarts:
            self.sidecar.connect()

    def operation(self, action: str, **members) -> dict | None:
        """One that may meet no fault, since they come one after the other."""
        self.note(action)
        return self.sidecar.operate(action, **members)

    def snapshot(self) -> None:
        if len(self.snapshots) < SNAPSHOTS_MAX:
            store = f"{TENANT}/soak{self.random.randrange(STORES)}"
            taken = self.operation("snapshot", store=store, repository="local",
                                   verification=self.random.choice(["Manifest", "Deep"]))
            self.snapshots.append(taken["uid"])

    def interrupted_snapshot(self) -> None:
        """Killed in the middle: it goes on by itself."""
        self.note("snapshot and kill")
        uid = self.sidecar.begin("snapshot", store=f"{TENANT}/soak{self.random.randrange(STORES)}",
                                 repository="local", verification="Manifest")
        time.sleep(self.random.random() ** 2 * 0.3)
        self.machine.restart()
        operation = self.sidecar.wait(uid)
        if operation["state"] != "Succeeded":
            raise Violation(f"snapshot {uid} ended {operation['state']}: {operation['error']}")
        self.snapshots.append(operation["result"]["uid"])

    def copy(self) -> None:
        """A fork, checked and removed."""
        self.copies += 1
        name = f"copy{self.copies}"
        self.operation("fork", store=f"{TENANT}/soak{self.random.randrange(STORES)}", to=f"{TENANT}/{name}")
        if not self.operation("verify", store=f"{TENANT}/{name}")["sound"]:
            raise Violation(f"the fork {name} is not sound")
        self.sidecar.chroma("DELETE", f"/api/v2/tenants/{TENANT}/databases/{name}")

    def tidy(self) -> None:
        action = self.random.choice(["compact", "rebuildIndex", "verify"])
        result = self.operation(action, store=f"{TENANT}/soak{self.random.randrange(STORES)}")
        if action == "verify" and not result["sound"]:
            raise Violation(f"a store is not sound: {result}")

    def step(self, may_kill: bool) -> None:
        faults = [fault for fault in disk.FAULTS if may_kill or fault.name not in KILLING]
        choice = self.random.random()
        if choice < 0.5:
            self.fault(self.random.choice(faults))
        elif choice < 0.6:
            (self.kill if may_kill else self.snapshot)()
        elif choice < 0.65:
            (self.interrupted_snapshot if may_kill else self.snapshot)()
        elif choice < 0.75:
            self.snapshot()
        elif choice < 0.85:
            self.copy()
        elif choice < 0.95:
            self.tidy()
        else:
            self.operation("sweep", mode="Report", graceSeconds=3600)
        time.sleep(self.random.uniform(0, 1.5))

    # --- the whole ---
    def begin_workers(self, places: list[tuple[str, str]]) -> list[subprocess.Popen]:
        until = str(time.time() + self.seconds)
        return [subprocess.Popen(
            [sys.executable, str(HERE / "soaker.py"), self.sidecar.server.socket_path, f"w{n}",
             *places[n % STORES], self.seed, until], stdout=subprocess.PIPE, text=True,
            preexec_fn=launcher.die_with_parent) for n in range(WORKERS)]

    def finish_workers(self, workers: list[subprocess.Popen]) -> list[dict]:
        reports = []
        for number, worker in enumerate(workers):
            text, _ = worker.communicate(timeout=300)
            if not text:
                self.wrong.append(f"worker {number} ended with {worker.returncode} and said nothing")
                continue
            reports.append(json.loads(text.splitlines()[-1]))
            if reports[-1]["wrong"]:
                self.wrong.append(f"worker {reports[-1]['name']}: {reports[-1]['wrong']}")
        return reports

    def disturb(self, workers: list[subprocess.Popen]) -> None:
        end = self.began + self.seconds
        while time.monotonic() < end:
            if any(worker.poll() is not None for worker in workers):
                return          # one has found something: what led to it is not written over
            self.step(may_kill=time.monotonic() < self.began + self.seconds * 2 / 3)

    def check_all(self, reports: list[dict]) -> None:
        """After a kill at the very end: what each worker was told, temporary stores, snapshots, stores."""
        self.machine.restart()
        for report in reports:
            again = Soaker(self.sidecar.server.socket_path, report["name"], report["database"],
                           report["collection"], self.seed)
            again.model = report["model"]
            again.read_all()
        self.require_no_temporary_store()
        for n in range(STORES):
            if not self.sidecar.operate("verify", store=f"{TENANT}/soak{n}")["sound"]:
                raise Violation(f"soak{n} is not sound")
        for uid in self.snapshots:
            found = self.sidecar.operate("snapshotVerify", repository="local", snapshot=uid, level="Manifest")
            if not found["sound"]:
                raise Violation(f"snapshot {uid} is not whole: {found['message']}")
        left = self.sidecar.operate("sweep", mode="Report", graceSeconds=0)["found"]
        if left:
            raise Violation(f"left behind: {left}")

    def require_no_temporary_store(self) -> None:
        end = time.monotonic() + 60
        while True:
            databases = self.sidecar.chroma("GET", f"/api/v2/tenants/{TENANT}/databases?limit=1000")
            left = [database["name"] for database in databases if database["name"].startswith("tmp-")]
            if not left:
                return
            if time.monotonic() > end:
                raise Violation(f"temporary stores without a session: {left}")
            time.sleep(0.5)

    def run(self) -> None:
        workers: list[subprocess.Popen] = []
        try:
            places = self.prepare()
            self.close_all()
            before = self.resources()
            workers = self.begin_workers(places)
            self.disturb(workers)
            reports = self.finish_workers(workers)
            if not self.wrong:
                self.check_resources(before)
                self.check_all(reports)
            done: dict[str, int] = {}
            for report in reports:
                for action, times in report["done"].items():
                    done[action] = done.get(action, 0) + times
            self.say("workers: " + ", ".join(f"{times} {action}" for action, times in sorted(done.items())))
        except (Violation, Failed, OSError) as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            for worker in workers:
                worker.kill()
            self.say("around them: " + ", ".join(f"{times} {what}" for what, times in sorted(self.events.items())))


def main() -> int:
    launcher.use_venv()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--keep-log", default="", help="a file for the daemon's log")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"soak: seed {options.seed}, {options.seconds:.0f} s")
    soak = Soak(options.seed, options.seconds)
    try:
        soak.run()
    finally:
        if options.keep_log:
            Path(options.keep_log).write_bytes(soak.sidecar.server.log.read_bytes())
        if soak.wrong:
            lines = soak.sidecar.server.log.read_text(errors="replace").splitlines()
            print("\n".join([line for line in lines if "request failed" not in line][-40:]))
        soak.machine.close()
    for complaint in soak.wrong:
        print(f"WRONG: {complaint}")
    print(f"soak: {0 if soak.wrong else 1} passed, {1 if soak.wrong else 0} failed, seed {options.seed}")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
