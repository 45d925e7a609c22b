"""pannierd over its socket beside Chroma's real server, on real texts, at equal recall.

Both servers run at once; of each measurement each takes its turn in every round, in changing order, so that
what disturbs the machine disturbs them alike. The figures are medians over the rounds. The client is
pannier_bench: prepared bytes on kept connections, next to no cost of its own. run_bench.py calls measure().
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402
import load_generator  # noqa: E402
import numpy  # noqa: E402
import processes  # noqa: E402
from api_client import COLLECTIONS, ApiClient  # noqa: E402
from dataset import EFFORTS, K, Data  # noqa: E402

OURS, CHROMA = "pannierd, socket", "Chroma, TCP"
SERVERS = {OURS: ("pannierd", "socket"), CHROMA: ("chroma", "tcp")}
RECALLS = (0.95, 0.99)
IDLE_CONNECTIONS = 2_000

ADDS = {
    "add 1, 1 connection": ["--batch", "1", "--requests", "20000"],
    "add 1, 4 connections": ["--batch", "1", "--requests", "20000", "--connections", "4"],
    "add 100": ["--batch", "100", "--requests", "600"],
    "add 1000": ["--batch", "1000", "--requests", "60"],
}
# What passes this share of the records, and how a client asks for it.
FILTERS = {
    **{f"filter {name}": ({"uniform": {"$lt": below}}, lambda uniform, _, below=below: uniform < below)
       for name, below in {"50 %": 500, "10 %": 100, "1 %": 10, "0.1 %": 1}.items()},
    "filter AND": ({"$and": [{"uniform": {"$lt": 100}}, {"other": {"$gte": 900}}]},
                   lambda uniform, other: (uniform < 100) & (other >= 900)),
}
CONTAINS = {"contains 10 %": 0.1, "contains 1 %": 0.01, "contains 0.1 %": 0.001}


def text_filters(data: Data) -> dict[str, dict]:
    found = {name: {"$contains": data.word_in(share)} for name, share in CONTAINS.items()}
    literal = data.word_in(0.01)
    found["regex, literal"] = {"$regex": f"{literal[:-1]}[{literal[-1]}-z] ?"}
    found["regex, no literal"] = {"$regex": "[xq][jz][a-c]"}
    return found


class Bench:
    """The load generator and the servers it is pointed at."""

    def __init__(self, program: Path, data: Data):
        self.program, self.data = program, data
        self.servers: dict[str, launcher.Server] = {}

    def run(self, name: str, scenario: str, *arguments: str) -> dict:
        return load_generator.run(self.program, self.servers[name], scenario, *arguments, "--texts",
                                  str(self.data.folder), "--records", str(len(self.data.vectors)))

    def rounds(self, label: str, count: int, scenario: str, *arguments: str) -> dict:
        """The medians of every server's results."""
        results: dict[str, list[dict]] = {name: [] for name in self.servers}
        for number in range(count):
            order = list(self.servers)
            for name in order[number % len(order):] + order[:number % len(order)]:
                results[name].append(self.run(name, scenario, *arguments))
        medians = {name: median_of(runs) for name, runs in results.items()}
        say(f"{label:26}" + "   ".join(f"{name}: {brief(run)}" for name, run in medians.items()))
        return medians


def median_of(runs: list[dict]) -> dict:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def say(text: str) -> None:
    print(text, flush=True)


def brief(run: dict) -> str:
    for key, form in (("records_per_second", "{records_per_second:,.0f} records/s"),
                      ("upserts_per_second", "p99 {p99_us:,.0f} us at {upserts_per_second:,.0f} upserts/s"),
                      ("p50_us", "p50 {p50_us:,.0f} p99 {p99_us:,.0f} us, {requests_per_second:,.0f}/s, CPU "
                                 "{server_cpu_us_per_request:,.0f}"),
                      ("server_cpu_percent", "{server_cpu_percent:.2f} % CPU"),
                      ("seconds", "{seconds:.1f} s, caught up {caught_up_seconds:.1f} s later")):
        if key in run:
            return form.format(**run)
    return ""


class Client(ApiClient):
    """Of the collection that the load generator fills."""

    def __init__(self, server: launcher.Server):
        super().__init__(server)
        self.path = f"{COLLECTIONS}/{json.loads(self.call('GET', COLLECTIONS + '/bench'))['id']}"

    def use(self, effort: int) -> None:
        self.call("PUT", self.path, {"new_configuration": {"hnsw": {"ef_search": effort}}})

    def query(self, vector: numpy.ndarray, **extra) -> list[int]:
        body = {"query_embeddings": [vector.tolist()], "n_results": K, "include": ["documents"], **extra}
        answer = json.loads(self.call("POST", self.path + "/query", body))
        return [int(each.removeprefix("record-")) for each in answer["ids"][0]]

    def recall(self, data: Data, nearest: list[set[int]], **extra) -> float:
        hits = sum(len(best & set(self.query(query, **extra))) for query, best in zip(data.queries, nearest))
        return hits / max(sum(map(len, nearest)), 1)


def tune(bench: Bench, clients: dict[str, Client], nearest: list[set[int]], wanted: float) -> dict:
    """Sets each server to the least effort with that recall."""
    found = {}
    for name, client in clients.items():
        for effort in EFFORTS:
            client.use(effort)
            recall = client.recall(bench.data, nearest)
            if recall >= wanted:
                break
        found[name] = {"effort": effort, "recall": recall}
    say(f"recall {wanted}: " + "   ".join(f"{name}: {each['recall']:.4f} at ef {each['effort']}"
                                          for name, each in found.items()))
    return found


def resources(bench: Bench) -> dict:
    return {name: {"rss_mib": processes.memory_kib(server.process.pid) / 1024,
                   "disk_mib": processes.disk_mib(server.home)}
            for name, server in bench.servers.items()}


def cold(bench: Bench, rounds: int) -> dict:
    """From a start to the first answer on a new connection; ms."""
    found = {}
    for name, server in bench.servers.items():
        taken = []
        for _ in range(rounds):
            server.stop()
            server.start()
            began = time.perf_counter()
            Client(server).query(bench.data.queries[0])
            taken.append((time.perf_counter() - began) * 1e3)
        found[name] = {"first_answer_ms": statistics.median(taken),
                       "rss_mib": processes.memory_kib(server.process.pid) / 1024}
    say("cold: " + "   ".join(f"{name}: {each['first_answer_ms']:.1f} ms" for name, each in found.items()))
    return found


def queries(bench: Bench, clients: dict[str, Client], timed) -> dict:
    results: dict[str, dict] = {}
    data, nearest = bench.data, bench.data.nearest()
    for wanted in RECALLS:
        results[f"recall {wanted}"] = tune(bench, clients, nearest, wanted)
        for connections in (1, 4):
            label = f"query {wanted}, {connections} connection" + ("s" if connections > 1 else "")
            results[label] = timed(label, "query", "--connections", str(connections))
    for client in clients.values():
        client.use(100)  # what collections have when nobody says anything
    uniform, other = data.column("uniform"), data.column("other")
    for label, (where, passes) in FILTERS.items():
        results[label] = timed(label, "query", "--where", json.dumps(where))
        allowed = numpy.flatnonzero(passes(uniform, other))
        truth = data.nearest(allowed)
        for name, client in clients.items():
            results[label][name]["recall"] = client.recall(data, truth, where=where)
    for label, where in text_filters(data).items():
        results[label] = timed(label, "query", "--where-document", json.dumps(where))
    results["mixed"] = timed("queries beside upserts", "mixed")
    return results


def measure(program: Path, records: int | None, rounds: int, seconds: float) -> dict:
    """Everything of one size. None: all records there are."""
    data = Data(records)
    bench = Bench(program, data)
    with contextlib.ExitStack() as stack:
        for name, (kind, transport) in SERVERS.items():
            bench.servers[name] = stack.enter_context(launcher.start(kind, transport))

        def timed(label: str, scenario: str, *arguments: str) -> dict:
            return bench.rounds(label, rounds, scenario, "--seconds", str(seconds), *arguments)

        results = {"empty": resources(bench)}
        for label, arguments in ADDS.items():
            results[label] = timed(label, "add", *arguments)
        results["fill"] = bench.rounds("fill", 1, "fill", "--batch", "1000")
        clients = {name: Client(server) for name, server in bench.servers.items()}
        results.update(queries(bench, clients, timed))
        results["idle"] = bench.rounds("idle connections", 1, "idle", "--connections", str(IDLE_CONNECTIONS),
                                       "--seconds", "5")
        results["full"] = resources(bench)  # nobody has written for seconds by now
        results["cold"] = cold(bench, rounds)
    return {"records": len(data.vectors), "rounds": rounds, "seconds": seconds, **data.difficulty(),
            "document_bytes": round(statistics.mean(len(each.encode()) for each in data.documents)),
            "results": results}
