#!/usr/bin/env python3
"""What a daemon costs when it has little to do, measured from outside through /proc.

Goal: a fresh daemon is small; a store that is known but not open costs nothing; open files stay
bounded however many stores are used, and a pool of five stays one; idle connections cost neither threads nor
time.
Method: a real daemon, 1,000 databases, used one after the other with a small stores.maxOpen; then
2,000 idle connections. Every bound is asserted; the figures are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import Server, start, use_venv  # noqa: E402

MIB = 1 << 20
FRESH_RSS_MAX = 15 * MIB
KNOWN_STORES_RSS_MAX = 1 * MIB
OPEN_MAX = 32
FILES_PER_STORE = 8  # writer and readers: database, log and its index each
IDLE_CPU_MAX = 0.005  # of one core
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")

failures: list[str] = []
checks = 0


def check(what: str, value: float, limit: float, unit: str = "") -> None:
    global checks
    checks += 1
    fine = value <= limit
    print(f"  {'ok  ' if fine else 'FAIL'} {what}: {value:.4g}{unit} (at most {limit:.4g}{unit})")
    if not fine:
        failures.append(what)


def rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def count(pid: int, what: str) -> int:
    return len(os.listdir(f"/proc/{pid}/{what}"))


def post(connection, path: str, body: dict) -> dict:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"POST {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


def databases(stores: int) -> list[str]:
    return [f"db-{n:04d}" for n in range(stores)]


def measure_fresh(server: Server) -> None:
    check("resident memory of a fresh daemon", rss(server.process.pid) / MIB, FRESH_RSS_MAX / MIB, " MiB")


def create_stores(server: Server, stores: int) -> None:
    with contextlib.closing(server.connection()) as connection:
        for name in databases(stores):
            post(connection, "/api/v2/tenants/default_tenant/databases", {"name": name})


def measure_known(server: Server, fresh: int, stores: int) -> None:
    """After a restart all are known and none is open."""
    known = rss(server.process.pid)
    check(f"memory of {stores} stores that are known and closed", max(0, known - fresh) / MIB,
          KNOWN_STORES_RSS_MAX / MIB, " MiB")


def use_stores(server: Server, stores: int) -> None:
    """Writes to and queries each store in turn, and watches the open files."""
    pid = server.process.pid
    most_files = 0
    with contextlib.closing(server.connection()) as connection:
        for name in databases(stores):
            base = f"/api/v2/tenants/default_tenant/databases/{name}/collections"
            collection = post(connection, base, {"name": "docs", "get_or_create": True})["id"]
            post(connection, f"{base}/{collection}/upsert",
                 {"ids": ["a"], "embeddings": [[1.0, 2.0]], "documents": [name]})
            found = post(connection, f"{base}/{collection}/query",
                         {"query_embeddings": [[1.0, 2.0]], "n_results": 1})
            if found["documents"] != [[name]]:
                failures.append(f"store {name} answered {found['documents']}")
            most_files = max(most_files, count(pid, "fd"))
    check(f"open files while {stores} stores were used in turn, {OPEN_MAX} at most open", most_files,
          64 + OPEN_MAX * FILES_PER_STORE)


def measure_idle(server: Server, connections: int, seconds: float) -> None:
    pid = server.process.pid
    threads = count(pid, "task")
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            connection = stack.enter_context(contextlib.closing(server.connection()))
            connection.request("GET", "/api/v2/heartbeat")
            connection.getresponse().read()
        check(f"threads that {connections} idle connections cost", max(0, count(pid, "task") - threads), 2)
        before, began = cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)  # the measurement itself: what does the daemon do while nobody asks?
        used = (cpu_seconds(pid) - before) / (time.monotonic() - began)
        check(f"processor that {connections} idle connections cost", used * 100, IDLE_CPU_MAX * 100, " %")


def open_stores(server: Server) -> dict[str, dict]:
    stores = json.loads(server.request("GET", "/pannier/v1/stores")[1])["stores"]
    return {store["database"]: store for store in stores if store["open"]}


def use_pool(server: Server, name: str, rounds: int, refused: list) -> None:
    with contextlib.closing(server.connection()) as connection:
        base = f"/api/v2/tenants/default_tenant/databases/{name}/collections"
        try:
            collection = post(connection, base, {"name": "docs", "get_or_create": True})["id"]
            for n in range(rounds):
                post(connection, f"{base}/{collection}/upsert", {"ids": [str(n)], "embeddings": [[n, 1.0]]})
                post(connection, f"{base}/{collection}/query", {"query_embeddings": [[1, 2]], "n_results": 1})
        except RuntimeError as error:
            refused.append(str(error))


def measure_pool() -> None:
    """A pool of five with a time-out, asked by more than it takes; one store has a time of its own."""
    with start("pannierd", "socket") as server:
        config = server.home / "pannierd.yaml"
        config.write_text("stores: {maxOpen: 5, idleAfter: 2s}\n")
        server.command += ["--config", str(config)]
        server.stop()
        server.start()
        names = databases(12)
        create_stores(server, len(names))
        server.request("PATCH", f"/pannier/v1/stores/default_tenant/{names[0]}", '{"idle_after_seconds": 3600}',
                       {"Content-Type": "application/json"})
        refused: list[str] = []
        threads = [threading.Thread(target=use_pool, args=(server, name, 20, refused)) for name in names]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, len(open_stores(server)))
            time.sleep(0.02)
        check("stores open at a time in a pool of five", most, 5)
        check(f"requests refused to {len(names)} workers on {len(names)} stores of that pool", len(refused), 0)
        for name in (names[0], names[1]):
            status, _ = server.request("POST", f"/pannier/v1/stores/default_tenant/{name}/warm")
            check(f"warming {name}: answers other than 200", int(status != 200), 0)
        check("warmed stores that are not loaded", sum(
            open_stores(server)[name]["bytes_in_memory"] == 0 for name in (names[0], names[1])), 0)
        end = time.monotonic() + 30
        while len(open_stores(server)) > 1 and time.monotonic() < end:
            time.sleep(0.1)
        check("stores open once the time-out is over, but for the one with its own",
              len(set(open_stores(server)) - {names[0]}), 0)
        check("stores with a longer time of their own that were closed", int(names[0] not in open_stores(server)), 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--idle-seconds", type=float, default=10)
    options = parser.parse_args()
    use_venv()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, options.connections + 256)), hard))
    with start("pannierd", "socket") as server:
        measure_fresh(server)
        fresh = rss(server.process.pid)
        create_stores(server, options.stores)
        config = server.home / "pannierd.yaml"
        config.write_text(f"stores:\n  maxOpen: {OPEN_MAX}\n")
        server.command += ["--config", str(config)]
        server.stop()
        server.start()
        measure_known(server, fresh, options.stores)
        use_stores(server, options.stores)
        measure_idle(server, options.connections, options.idle_seconds)
    measure_pool()
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
