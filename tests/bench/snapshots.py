"""What snapshots, restores, verification and salvage cost: on one store of about a gigabyte, through the
admin API of a real daemon, with a worker that writes meanwhile. run_bench.py calls measure().

    tests/bench/snapshots.py [gigabytes]    the JSON, then each figure beside its promise
"""

from __future__ import annotations

import base64
import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recovery"))
import processes  # noqa: E402
import report  # noqa: E402
from sidecar import TENANT, Sidecar, launcher  # noqa: E402

if __name__ == "__main__":
    launcher.use_venv()
import numpy  # noqa: E402

DIMENSION = 384
BATCH = 1_000
TOUCHED = 20
CHUNK = 1 << 20
ROUNDS = 6


class Daemon(Sidecar):
    """A sidecar that can be filled, timed and weighed."""

    def timed(self, action: str, **members) -> tuple[dict, float]:
        """The operation's result and the seconds it took."""
        began = time.perf_counter()
        result = self.operate(action, **members)
        return result, time.perf_counter() - began

    def write(self, path: str, verb: str, first: int, count: int, seed: int) -> None:
        generator = numpy.random.default_rng(seed)
        vectors = generator.standard_normal((count, DIMENSION), dtype=numpy.float32)
        self.chroma("POST", f"{path}/{verb}", {
            "ids": [f"record-{first + i:08}" for i in range(count)],
            "embeddings": [base64.b64encode(vector.tobytes()).decode() for vector in vectors],
            "documents": [generator.bytes(512).hex() for _ in range(count)],
            "metadatas": [{"number": first + i} for i in range(count)]})

    def resident_kib(self, peak: bool = False, pid: int | None = None) -> int:
        return processes.memory_kib(pid or self.server.process.pid, "VmHWM" if peak else "VmRSS")

    def cpu_seconds(self) -> float:
        """Of the daemon and of the children that it has waited for."""
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.server.process.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]

    def forget_peak(self) -> None:
        Path(f"/proc/{self.server.process.pid}/clear_refs").write_text("5")

    def disk_bytes(self) -> int:
        total = 0
        for folder, _, names in os.walk(self.server.home / "data"):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
        return total


def work(socket_path: str, path: str, ended,
         samples: multiprocessing.connection.Connection) -> None:
    """Writes single records until `ended`; then sends when each began and what it took."""
    connection = launcher.SocketConnection(socket_path, timeout=60)
    vector = [0.5] * DIMENSION
    seen: list[tuple[float, float]] = []
    while not ended.is_set():
        body = json.dumps({"ids": [f"worker-{len(seen) % 1000}"], "embeddings": [vector]})
        began = time.perf_counter()
        connection.request("POST", path + "/upsert", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        seen.append((began, time.perf_counter() - began))
        time.sleep(0.001)
    samples.send(seen)


class Worker:
    """A process that writes: nothing that this one does is in what its requests take."""

    def __init__(self, daemon: Daemon, path: str):
        context = multiprocessing.get_context("fork")
        self.ended = context.Event()
        self.samples: list[tuple[float, float]] = []
        self.receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(
            target=work, args=(daemon.server.socket_path, path, self.ended, sender), daemon=True)
        self.process.start()

    def stop(self) -> None:
        self.ended.set()
        if not self.receiver.poll(60):
            raise RuntimeError("the worker did not end")
        self.samples = self.receiver.recv()
        self.process.join()

    def between(self, begin: float, end: float) -> list[float]:
        return sorted(took for at, took in self.samples if begin <= at < end)


class DiskWatch(threading.Thread):
    """The most disk that the data directory took while it ran."""

    def __init__(self, daemon: Daemon):
        super().__init__(daemon=True)
        self.owner = daemon
        self.ended = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self.ended.wait(0.1):  # seldom: its own work must not be in what is measured
            self.peak = max(self.peak, self.owner.disk_bytes())


class ChildWatch(threading.Thread):
    """The most memory that a child process of the daemon took: salvage works in one."""

    def __init__(self, daemon: Daemon):
        super().__init__(daemon=True)
        self.owner = daemon
        self.ended = threading.Event()
        self.peak_kib = 0

    def run(self) -> None:
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError):
                for pid in self.owner.children():
                    self.peak_kib = max(self.peak_kib, self.owner.resident_kib(True, pid))


def fill(daemon: Daemon, path: str, size_bytes: int) -> int:
    per_record = DIMENSION * 4 + 1024 + 150
    records = max(size_bytes // per_record // BATCH, 2) * BATCH
    for first in range(0, records, BATCH):
        daemon.write(path, "add", first, BATCH, first)
    return records


def percentile(samples: list[float], part: float) -> float:
    return samples[min(int(len(samples) * part), len(samples) - 1)] * 1e3 if samples else 0.0


def with_worker(daemon: Daemon, path: str, rounds: int) -> dict:
    """A worker's latencies without a snapshot and beside one, in turns: what else the machine does
    changes from second to second, and is in both."""
    worker = Worker(daemon, path)
    time.sleep(1)
    disk = daemon.disk_bytes()
    watch = DiskWatch(daemon)
    watch.start()
    new_bytes, quiet, busy = 0, [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        time.sleep(1.5)
        snapshot_begin = time.perf_counter()
        result = daemon.operate("snapshot", store=f"{TENANT}/big", repository="local",
                                verification="Manifest")
        quiet.append((begin, snapshot_begin))
        busy.append((snapshot_begin, time.perf_counter()))
        new_bytes = max(new_bytes, result["newBytes"])
    watch.ended.set()
    worker.stop()
    alone = sorted(took for span in quiet for took in worker.between(*span))
    during = sorted(took for span in busy for took in worker.between(*span))
    return {"p99_quiet_ms": percentile(alone, 0.99), "p99_snapshot_ms": percentile(during, 0.99),
            "stall_quiet_ms": percentile(alone, 1), "stall_ms": percentile(during, 1),
            "snapshots": len(busy),
            "snapshot_seconds": sum(end - begin for begin, end in busy) / len(busy),
            "extra_disk_bytes": max(watch.peak - disk, 0), "new_bytes": new_bytes}


def measured(daemon: Daemon, action: str, **members) -> dict:
    daemon.forget_peak()
    before, cpu_before = daemon.resident_kib(), daemon.cpu_seconds()
    watch = ChildWatch(daemon)
    watch.start()
    result, took = daemon.timed(action, **members)
    watch.ended.set()
    watch.join()
    grown = max(daemon.resident_kib(peak=True) - before, 0)
    return {"seconds": took, "cpu_seconds": daemon.cpu_seconds() - cpu_before,
            "memory_kib": max(grown, watch.peak_kib), "result": result}


def measure(size_bytes: int, rounds: int) -> dict:
    with contextlib.ExitStack() as stack:
        backup = stack.enter_context(tempfile.TemporaryDirectory(prefix="pannier-backup-"))
        daemon = stack.enter_context(Daemon(Path(backup)))
        store = f"{TENANT}/big"
        daemon.create_database(store)
        path = daemon.collection(store, "records")
        records = fill(daemon, path, size_bytes)
        # A store at rest: no index is built beside what is measured.
        daemon.server.stop()
        daemon.start()
        daemon.operate("repositoryInit", repository="local")
        first = measured(daemon, "snapshot", store=store, repository="local", verification="Manifest")
        size = first["result"]["bytes"]
        again = [measured(daemon, "snapshot", store=store, repository="local",
                          verification="Manifest") for _ in range(3)]
        for number in range(TOUCHED):
            daemon.write(path, "upsert", number * (records // TOUCHED), 1, 7 + number)
        touched = measured(daemon, "snapshot", store=store, repository="local",
                           verification="Manifest")
        deep = measured(daemon, "snapshotVerify", snapshot=touched["result"]["uid"], level="Deep",
                        repository="local")
        restore = measured(daemon, "restore", store=store, to=f"{TENANT}/copy", latest=True,
                           repository="local")
        salvage = measured(daemon, "salvage", store=f"{TENANT}/copy")
        worker = with_worker(daemon, path, rounds)
    unchanged = min(again, key=lambda run: run["seconds"])
    runs = {"first snapshot": first, "snapshot, nothing changed, and its verification": unchanged,
            "snapshot, 20 records changed": touched,
            "deep verification": deep, "restore": restore, "salvage": salvage}
    copied = min(run["result"]["copySeconds"] for run in again)
    return {"bytes": size, "records": records, "worker": worker,
            "unchanged_bytes_per_second": size / copied,
            "touched_new_bytes": touched["result"]["newBytes"],
            "touched_allowed_bytes": 3 * TOUCHED * CHUNK + size // 100,
            "operations": {name: {"seconds": run["seconds"], "cpu_seconds": run["cpu_seconds"],
                                  "bytes_per_second": size / run["seconds"],
                                  "memory_kib": run["memory_kib"]} for name, run in runs.items()}}


def brief(figures: dict) -> str:
    lines = [f"  {name:64}{seen:10,.1f}  ({relation} {bar:,.4g}){'' if met else '  not met'}"
             for name, relation, bar, seen, met in report.snapshot_promises(figures)]
    return "\n".join(["snapshots", *lines])


if __name__ == "__main__":
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    measurement = measure(int(gigabytes * 1e9), ROUNDS)
    print(json.dumps(measurement, indent=1))
    print(brief(measurement))
