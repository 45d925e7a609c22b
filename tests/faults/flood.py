#!/usr/bin/env python3
"""One client floods the daemon with three times what it can do; another hardly notices.

Goal: under an open-loop flood from one process another's p99 stays within five times its quiet value,
what the daemon answers stays above 80 % of what it can do, its memory stays in bounds, and who is refused is told 429 or 503 with Retry-After.
Method: pannier_bench as the flood, from one process at a fixed rate; this program as the other client, a
query every few milliseconds on a connection of its own.

    tests/faults/flood.py [--seconds 60]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import ROOT, SocketConnection, start, use_venv  # noqa: E402

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
OTHER = "/api/v2/tenants/default_tenant/databases/other"
RECORDS, DIMENSION = 20_000, 384
HITS = "200"                    # of a query: about a millisecond of work
TIMES_QUIET = 5
GOODPUT = 0.8
MEMORY_BYTES = 900 << 20        # the budget, what requests may hold, and the program itself


def post(server, path: str, body: dict) -> dict:
    status, text = server.request("POST", path, json.dumps(body),
                                  {"Content-Type": "application/json"})
    assert status in (200, 201), f"{path}: {status} {text[:300]!r}"
    return json.loads(text)


class Modest:
    """A client that asks now and then, and notes how long it took and what it was told."""

    def __init__(self, server, collection: str):
        self.path = f"{collection}/query"
        self.body = json.dumps({"query_embeddings": [[0.5] * 8], "n_results": 1})
        self.connection = SocketConnection(server.socket_path, 30)
        self.times: list[float] = []
        self.refused: list[tuple[int, str | None]] = []

    def ask_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.connection.request("POST", self.path, self.body,
                                    {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            answer.read()
            self.times.append(time.monotonic() - began)
            if answer.status != 200:
                self.refused.append((answer.status, answer.getheader("retry-after")))
            time.sleep(0.005)

    def p99_ms(self) -> float:
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000


def bench(server, scenario: str, *arguments: str) -> dict:
    done = subprocess.run(
        [str(ROOT / "build/bin/pannier_bench"), scenario, "--address",
         f"unix:{server.socket_path}", "--records", str(RECORDS), "--dimension", str(DIMENSION),
         "--collection", "flood", *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        sys.exit(f"pannier_bench {scenario}: {done.returncode}: {done.stderr[-500:]}")
    print(f"  {scenario} {' '.join(arguments)}: {done.stdout.strip()[:600]}")
    return json.loads(done.stdout)


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def statuses(server) -> dict[str, float]:
    """Answers of queries by code, from the metrics of the admin socket."""
    connection = SocketConnection(str(server.home / "admin.sock"), 10)
    connection.request("GET", "/metrics")
    found: dict[str, float] = {}
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith("pannier_daemon_requests_total{") and "/query" in line:
            code = line.split('code="')[1].split('"')[0]
            found[code] = found.get(code, 0) + float(line.rsplit(" ", 1)[1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--share", type=int, default=75, help="limits.sharePercent")
    arguments = parser.parse_args()
    seconds, share = arguments.seconds, arguments.share
    complaints: list[str] = []
    home = tempfile.TemporaryDirectory(prefix="pannier-flood-")
    config = Path(home.name) / "pannierd.yaml"
    # No graph is built meanwhile.
    config.write_text(f"index: {{graphThreshold: 1000000}}\nlimits: {{sharePercent: {share}}}\n")
    with start("pannierd", "socket", arguments=["--config", str(config)]) as server:
        post(server, "/api/v2/tenants/default_tenant/databases", {"name": "other"})
        made = post(server, f"{OTHER}/collections", {"name": "modest"})
        collection = f"{OTHER}/collections/{made['id']}"
        post(server, f"{collection}/add", {"ids": [str(i) for i in range(100)],
                                           "embeddings": [[i / 100] * 8 for i in range(100)]})
        bench(server, "fill", "--batch", "500")
        capacity = bench(server, "query", "--k", HITS, "--connections", "16", "--seconds", "5")["requests_per_second"]
        quiet, flooded = Modest(server, collection), Modest(server, collection)
        quiet.ask_for(5)
        before = statuses(server)
        result: dict = {}
        flood = threading.Thread(target=lambda: result.update(bench(
            server, "query", "--k", HITS, "--connections", "400", "--rate", str(int(capacity * 3)),
            "--seconds", str(seconds))))
        flood.start()
        time.sleep(1)
        flooded.ask_for(seconds - 2)
        flood.join()
        after = statuses(server)
        done = (after.get("200", 0) - before.get("200", 0)) / seconds
        peak = resident(server.process.pid)
        other_codes = {code for code in after if code not in ("200", "429", "503")}
        limit = TIMES_QUIET * quiet.p99_ms()
        print(f"capacity {capacity:.0f}/s, under flood {done:.0f}/s; the other client's p99 "
              f"{quiet.p99_ms():.1f} ms quiet, {flooded.p99_ms():.1f} ms under flood; "
              f"{peak >> 20} MiB at most; refused to the other client: {len(flooded.refused)}")
        # Times are told, not judged: others use this machine too.
        print(f"p99 at most {limit:.1f} ms: {'met' if flooded.p99_ms() <= limit else 'MISSED'}; "
              f"{GOODPUT:.0%} of capacity: {'met' if done >= GOODPUT * capacity else 'MISSED'}")
        if peak > MEMORY_BYTES:
            complaints.append(f"{peak >> 20} MiB of memory")
        if other_codes:
            complaints.append(f"answers with {sorted(other_codes)}")
        if flooded.refused:
            complaints.append(f"the other client was refused: {flooded.refused[:3]}")
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    print(f"flood: {0 if complaints else 1} passed, {1 if complaints else 0} failed")
    return 1 if complaints else 0


if __name__ == "__main__":
    use_venv()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
