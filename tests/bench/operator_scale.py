"""What pannier-operator costs with ten thousand custom resources and a thousand pods, on a real API server.
run_bench.py calls measure().

    tests/bench/operator_scale.py [--pods N] [--storm] [--within SECONDS] [--keep FILE]
                                 the JSON, then each figure beside its promise

A thousand daemons would need more memory than most machines have, so DAEMONS real ones stand in for the daemons of
all pods: every pod leads to one of them, and each VectorStore has a store of its own there. Their certificates are
made out to the names of all VectorStores. Nothing else is pretended: kube-apiserver and etcd, an S3 server, the
rights of charts/pannier.
"""

from __future__ import annotations

import argparse
import base64
import collections
import contextlib
import hashlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import report  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
E2E = ROOT / "tests" / "e2e"
BIN = Path(os.environ.get("PANNIER_PROGRAMS", ROOT / "build" / "bin"))
NAMESPACES, DAEMONS, CALLERS = 10, 40, 12
SNAPSHOTS_EACH = 8  # that have ended, of each VectorStore
RECORDS = 20
STORM_SECONDS = 50  # over which jitterSeconds spreads the slots of one minute


@contextlib.contextmanager
def cluster():
    """A Kubernetes API of our own; what is asked of it by tests/e2e/operator goes there."""
    with tempfile.TemporaryDirectory(prefix="pannier-bench.") as folder:
        programs = subprocess.run([E2E / "cluster" / "build.sh"], check=True, capture_output=True, text=True)
        os.environ["PANNIER_KUBE_PROGRAMS"] = programs.stdout.strip()
        os.environ["PANNIER_TEST_CLUSTER"] = folder
        try:
            subprocess.run([E2E / "cluster" / "up.sh", folder], check=True, capture_output=True)
            yield
        finally:
            subprocess.run([E2E / "cluster" / "down.sh", folder], check=False, capture_output=True)


def now(offset: float = 0) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=offset)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Scale:
    """The objects, and the daemons that stand in."""

    def __init__(self, world, count: int):
        from kube import eventually
        self.world, self.count, self.eventually = world, count, eventually
        self.pool = ThreadPoolExecutor(CALLERS)
        self.bucket = world.s3.bucket()
        self.daemons: list = []
        self.spaces: list[str] = []

    def all(self, work, items) -> list:
        return list(self.pool.map(work, items))

    def where(self, number: int) -> str:
        return self.spaces[number % len(self.spaces)]

    # --- daemons ---

    def certificate(self) -> dict:
        """As the operator would put it into a VectorStore's Secret, for all of them at once."""
        authority = self.world.api.get("Secret", "pannier-system", "pannier-operator-admin")["data"]
        folder = self.world.folder
        for name in ("ca.crt", "ca.key"):
            (folder / name).write_bytes(base64.b64decode(authority[name]))
        (folder / "names").write_text("subjectAltName=DNS:*.vectorstore.pannier.dev\n"
                                      "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n")
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
                        "-subj", "/CN=stand-in", "-keyout", folder / "tls.key", "-out", folder / "tls.csr"],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", folder / "tls.csr", "-CA", folder / "ca.crt", "-CAkey",
                        folder / "ca.key", "-days", "30", "-out", folder / "tls.crt", "-extfile", folder / "names"],
                       check=True, capture_output=True)
        return {"data": {name: base64.b64encode((folder / name).read_bytes()).decode()
                         for name in ("tls.crt", "tls.key", "ca.crt")}}

    def start_daemons(self, count: int) -> None:
        from world import Daemon
        secret = self.certificate()

        def start(number: int):
            config = {"listen": {"socket": {}, "admin": {}}, "operations": {"parallel": 16}, "log": {"level": "warn"}}
            return Daemon(self.world, f"stand-in-{number}", config, secret)

        self.daemons = self.all(start, range(count))
        self.world.daemons.update({str(each.folder): each for each in self.daemons})  # ends with the world

    def fill(self, numbers) -> None:
        """One database for each VectorStore that a daemon stands in for."""
        def fill(number: int):
            daemon = self.daemons[number % len(self.daemons)]
            base = f"/api/v2/tenants/default_tenant/databases/db{number}"
            daemon.call("POST", "/api/v2/tenants/default_tenant/databases", {"name": f"db{number}"})
            made = daemon.call("POST", base + "/collections", {"name": "books"})[1]
            status, said = daemon.call("POST", f"{base}/collections/{made['id']}/add", {
                "ids": [f"r{each}" for each in range(RECORDS)],
                "embeddings": [[each / 7, 1.0, float(number)] for each in range(RECORDS)]})
            assert status == 201, said
        self.all(fill, numbers)

    # --- objects ---

    def make_repository(self, ns: str) -> None:
        self.world.s3_repository(ns, "backups", self.bucket)

    def make_stores(self, numbers) -> None:
        def make(number: int):
            self.world.api.create("VectorStore", self.where(number), f"store-{number}", {
                "storage": {"emptyDir": {}}, "loopbackPort": 0, "repositoryRef": {"name": "backups"}})
            self.make_pod(number)
        self.all(make, numbers)

    def make_pod(self, number: int) -> None:
        ns, name, daemon = self.where(number), f"pod-{number}", self.daemons[number % len(self.daemons)]
        self.world.api.create("Pod", ns, name, {
            "containers": [{"name": "work", "image": "work"}], "automountServiceAccountToken": False},
            metadata={"labels": {"pannier.dev/vectorstore": f"store-{number}", "pannier.dev/injected": "true"},
                      "annotations": {"pannier.dev/admin-address": f"127.0.0.1:{daemon.port}"}})
        self.world.api.patch("Pod", ns, name, {"status": {"phase": "Running", "podIP": "127.0.0.1"}}, status=True)

    def make_schedules(self, numbers) -> list[str]:
        def make(number: int):
            return self.world.api.create("StoreSnapshotSchedule", self.where(number), f"nightly-{number}", {
                "schedule": "0 0 29 2 *", "jitterSeconds": STORM_SECONDS, "retention": {"keepLast": 100},
                "template": {"spec": {"vectorStoreRef": {"name": f"store-{number}"},
                                      "storeNames": [f"default_tenant/db{number}"],
                                      "timeoutSeconds": 900}}})["metadata"]["uid"]
        return self.all(make, numbers)

    def make_snapshots(self, schedules: list[str], each: int) -> None:
        """Snapshots that have ended, as the operator leaves them."""
        def make(number: int):
            store, which = divmod(number, each)
            ns, name = self.where(store), f"nightly-{store}-{which}"
            self.world.api.create("StoreSnapshot", ns, name, {"vectorStoreRef": {"name": f"store-{store}"}}, metadata={
                "labels": {"pannier.dev/schedule": schedules[store]}, "finalizers": ["pannier.dev/snapshot-data"],
                "annotations": {"pannier.dev/slot": now(-3600 * (which + 1))}})
            at = now(-3600 * (which + 1))
            state = {"status": "True", "lastTransitionTime": at, "message": "1 stores", "observedGeneration": 1}
            self.world.api.patch("StoreSnapshot", ns, name, {"status": {
                "conditions": [{"type": "Accepted", "reason": "Accepted", **state},
                               {"type": "Succeeded", "reason": "Completed", **state},
                               {"type": "Verified", "reason": "Sound", **state}],
                "startTime": at, "completionTime": at, "attempt": 1, "bytes": 40960, "newBytes": 4096,
                "repositoryName": "backups", "repositoryID": "6f1c2d3e-0000-4000-8000-000000000000",
                "stores": {"total": 1, "succeeded": 1, "failed": 0},
                "items": [{"podUID": f"00000000-0000-4000-8000-{number:012}", "podName": f"pod-{store}",
                           "storeName": f"default_tenant/db{store}", "state": "Succeeded", "attempt": 1,
                           "storeID": f"00000000-0000-4000-9000-{store:012}", "bytes": 40960, "newBytes": 4096,
                           "sequence": 20 + which, "snapshotUID": f"00000000-0000-4000-a000-{number:012}",
                           "manifestKey": f"snapshots/0000/{store:012}/{number:020}.json",
                           "manifestSHA256": "0" * 64, "sessionID": "0" * 32, "verified": True}]}}, status=True)
        self.all(make, range(self.count * each))

    def make_policies(self) -> None:
        for ns in self.spaces:
            self.world.api.create("StoreCleanupPolicy", ns, "tidy", {
                "schedule": "0 0 29 2 *", "rules": {"snapshots": {"failedOlderThanSeconds": 3600}}})

    def snapshot_states(self, slot: str) -> list[dict]:
        """The snapshots of the storm: how each stands, when it began and ended."""
        found = []
        for ns in self.spaces:
            for each in self.world.api.list("StoreSnapshot", ns):
                if each["metadata"].get("annotations", {}).get("pannier.dev/slot") != slot:
                    continue
                status = each.get("status", {})
                reason = next((one["reason"] for one in status.get("conditions", [])
                               if one["type"] == "Succeeded"), "")
                found.append({"reason": reason, "created": each["metadata"]["creationTimestamp"],
                              "ended": status.get("completionTime")})
        return found


# --- the operator's process ---


def start(world) -> tuple:
    """An operator, and the seconds until all objects were known to it."""
    began = time.monotonic()
    operator = world.operator()
    while "all objects are known" not in operator.process.said():
        if time.monotonic() - began > 60 or operator.process.running.poll() is not None:
            raise AssertionError(operator.process.said())
        time.sleep(0.005)
    return operator, time.monotonic() - began


def written(operator) -> int:
    """Writes so far but for the lease's renewals, which are by PUT."""
    calls = operator.calls()
    return int(sum(calls.get(each, 0) for each in ("POST", "PATCH", "DELETE")))


def all_calls(operator) -> int:
    return int(sum(operator.calls().values()))


def asked(since: int) -> collections.Counter:
    """What operators asked of the API server, by verb and kind, since a place in its audit log."""
    log = Path(os.environ["PANNIER_TEST_CLUSTER"]) / "log" / "audit.log"
    found: collections.Counter = collections.Counter()
    with log.open("rb") as lines:
        lines.seek(since)
        for line in lines:
            try:
                call = json.loads(line)
            except ValueError:
                continue  # the last one is being written
            about, code = call.get("objectRef", {}), call.get("responseStatus", {}).get("code", 0)
            kind = about.get("resource", "?") + ("/" + about["subresource"] if "subresource" in about else "")
            found[f"{call['verb']} {kind}" + (f" {code}" if code >= 400 else "")] += 1
    return found


def audit_size() -> int:
    return (Path(os.environ["PANNIER_TEST_CLUSTER"]) / "log" / "audit.log").stat().st_size


def cpu_seconds(operator) -> float:
    fields = Path(f"/proc/{operator.process.running.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_kib(operator) -> int:
    status = Path(f"/proc/{operator.process.running.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def scrape_ms(operator) -> float:
    """The median of nine, with the connection."""
    taken = []
    for _ in range(9):
        began = time.perf_counter()
        assert operator.ask("/metrics")[0] == 200
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def await_calm(operator, seconds: float, within: float) -> None:
    """Until nothing was written for so long."""
    until = time.monotonic() + within
    seen, since = written(operator), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(1)
        count = written(operator)
        if count != seen:
            seen, since = count, time.monotonic()
        if time.monotonic() > until:
            raise AssertionError("the operator does not come to rest:\n" + operator.process.said()[-3000:])


# --- the parts ---


def idle(world, scale: Scale) -> dict:
    """One VectorStore with a pod, a repository in S3, one snapshot: what every installation has."""
    operator, _ = start(world)
    scale.eventually(operator.leads, 25)
    ns = world.namespace()
    scale.spaces = [ns]
    scale.make_repository(ns)
    world.vector_store(ns, "store-0", "backups")  # makes the operator's authority, too
    scale.start_daemons(1)
    scale.fill([0])
    scale.make_pod(0)
    world.await_condition("VectorStore", ns, "store-0", "True/AsWanted")
    world.api.create("StoreSnapshot", ns, "one", {"vectorStoreRef": {"name": "store-0"}})
    world.await_condition("StoreSnapshot", ns, "one", "True/Completed", "Succeeded")
    await_calm(operator, 32, 120)
    before, began = cpu_seconds(operator), time.monotonic()
    time.sleep(10)
    figures = {"idle_rss_kib": operator.rss_kib(),
               "idle_cpu_percent": 100 * (cpu_seconds(operator) - before) / (time.monotonic() - began)}
    operator.process.end()
    world.forget(ns)
    world.api.delete("Pod", ns, "pod-0")
    return figures


def prepare(world, scale: Scale) -> None:
    """The operator's authority, which the stand-ins need."""
    if world.api.get("Secret", "pannier-system", "pannier-operator-admin"):
        return
    operator, _ = start(world)
    ns = world.namespace()
    world.vector_store(ns, "store-0")
    operator.process.end()
    world.forget(ns)


def create(world, scale: Scale) -> dict:
    began = time.monotonic()
    scale.start_daemons(max(2, min(DAEMONS, scale.count // 5)))
    scale.spaces = [world.namespace() for _ in range(NAMESPACES)]
    for ns in scale.spaces:
        scale.make_repository(ns)
    scale.fill(range(scale.count))
    scale.make_stores(range(scale.count))
    scale.make_snapshots(scale.make_schedules(range(scale.count)), SNAPSHOTS_EACH)
    scale.make_policies()
    kinds = ("VectorStore", "SnapshotRepository", "StoreSnapshot", "StoreSnapshotSchedule", "StoreCleanupPolicy")
    counts = {kind: sum(len(world.api.list(kind, ns)) for ns in scale.spaces) for kind in kinds}
    return {"objects": sum(counts.values()), "pods": scale.count, "daemons": len(scale.daemons),
            "objects_by_kind": counts, "create_seconds": time.monotonic() - began}


def at_rest(world) -> tuple:
    """A first run, until everything has its status and its Secrets; then another that finds all as it is."""
    operator, _ = start(world)
    await_calm(operator, 20, 400)
    operator.process.end()
    operator, synced = start(world)
    leading = time.monotonic()
    while not operator.leads():
        time.sleep(0.05)
        assert time.monotonic() - leading < 30, operator.process.said()
    time.sleep(45)  # everything is looked at once, and every daemon
    before, cpu, began = all_calls(operator), cpu_seconds(operator), time.monotonic()
    time.sleep(30)
    took = time.monotonic() - began
    figures = {"synced_seconds": synced, "rest_writes": written(operator), "rest_rss_kib": operator.rss_kib(),
               "rest_peak_kib": peak_kib(operator), "metrics_ms": scrape_ms(operator),
               "rest_cpu_percent": 100 * (cpu_seconds(operator) - cpu) / took,
               "rest_calls_per_second": (all_calls(operator) - before) / took}
    return operator, figures


def storm(world, scale: Scale, operator) -> dict:
    """All schedules are due in one minute."""
    moment = datetime.now(timezone.utc) + timedelta(seconds=75 if scale.count > 200 else 30)
    moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    text = f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"
    scale.all(lambda number: world.api.patch("StoreSnapshotSchedule", scale.where(number), f"nightly-{number}",
                                             {"spec": {"schedule": text}}), range(scale.count))
    await_calm(operator, 3, 60)
    before, cpu, audit = all_calls(operator), cpu_seconds(operator), audit_size()
    scrapes, states, slot = [], [], moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    time.sleep(max(0.0, moment.timestamp() - time.time()))
    until = time.monotonic() + 900
    while time.monotonic() < until:
        time.sleep(4)
        scrapes.append(scrape_ms(operator))
        states = scale.snapshot_states(slot)
        if len(states) == scale.count and all(each["ended"] for each in states):
            break
    seconds = [parse(each["created"]) - moment.timestamp() for each in states]
    ends = [parse(each["ended"]) - moment.timestamp() for each in states if each["ended"]]
    taken = [parse(each["ended"]) - parse(each["created"]) for each in states if each["ended"]]
    busiest = max(seconds.count(second) for second in set(seconds)) if seconds else 0
    return {"storm_snapshots": len(states), "storm_completed": sum(each["reason"] == "Completed" for each in states),
            "storm_last_created_seconds": max(seconds, default=0), "storm_busiest_second": busiest,
            "storm_finished_seconds": max(ends, default=0), "storm_snapshot_median_seconds": statistics.median(taken),
            "storm_snapshot_longest_seconds": max(taken), "storm_metrics_ms": max(scrapes),
            "storm_calls_per_snapshot": (all_calls(operator) - before) / max(len(states), 1),
            "storm_calls": {name: count / max(len(states), 1) for name, count in asked(audit).most_common(20)},
            "storm_cpu_seconds": cpu_seconds(operator) - cpu, "storm_rss_kib": operator.rss_kib(),
            "storm_peak_kib": peak_kib(operator)}


def parse(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


class Kept:
    """What the parts found: written down after each, so that a run that is cut short has told what it knows, and
    one that follows on the same programs does not do again what stands alone."""

    def __init__(self, path: Path | None):
        self.path, self.figures = path, {}
        self.programs = hashlib.sha256((BIN / "pannier-operator").read_bytes()).hexdigest()
        if path and path.exists():
            found = json.loads(path.read_text())
            self.figures = found["figures"] if found.get("programs") == self.programs else {}

    def add(self, figures: dict) -> None:
        self.figures.update(figures)
        if self.path:
            self.path.write_text(json.dumps({"programs": self.programs, "figures": self.figures}, indent=1))


@contextlib.contextmanager
def bounded(seconds: int):
    """Ends what takes longer, wherever it is; what it started ends with it."""
    def end(*_):
        raise TimeoutError(f"not done within {seconds} s")
    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def measure(pods: int = 1_000, storm_alone: bool = False, within: int = 2_400, keep: Path | None = None) -> dict:
    kept = Kept(keep)
    with bounded(within), cluster():
        sys.path.insert(0, str(E2E / "operator"))
        from world import World
        world = World()
        scale = Scale(world, pods)
        try:
            if "idle_rss_kib" not in kept.figures and not storm_alone:
                say("one VectorStore")
                kept.add(idle(world, scale))
            prepare(world, scale)
            say("making the objects")
            kept.add(create(world, scale))
            say(f"at rest (made in {kept.figures['create_seconds']:.0f} s)")
            operator, found = at_rest(world)
            kept.add(found)
            say("the storm")
            kept.add(storm(world, scale, operator))
            return kept.figures
        finally:
            scale.pool.shutdown(wait=False, cancel_futures=True)
            for each in world.daemons.values():
                each.process.running.kill()
            world.namespaces = []  # the API server ends with the world
            world.close()


def brief(figures: dict) -> str:
    return "\n".join(f"{name:70} {relation} {bar:<8} {seen:10.2f}  {'met' if met else 'NOT MET'}"
                     for name, relation, bar, seen, met in report.operator_promises(figures))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=1_000, help="ten custom resources for each")
    parser.add_argument("--storm", action="store_true", help="without the part of one VectorStore")
    parser.add_argument("--within", type=int, default=2_400, help="seconds, after which it ends")
    parser.add_argument("--keep", type=Path, help="what each part found is written there; later runs go on from it")
    given = parser.parse_args()
    results = measure(given.pods, given.storm, given.within, given.keep)
    print(json.dumps(results, indent=1))
    print(brief(results))


if __name__ == "__main__":
    main()
