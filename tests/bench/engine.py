#!/usr/bin/env python3
"""What a query costs, kind by kind: plain, filtered, by text; wall time and the server's CPU time.

    tests/bench/engine.py --records 50000            pannierd alone
    tests/bench/engine.py --records 10000 --chroma   and Chroma's server, in turns

Meant for daily use while the engine is worked on; prints a table, and JSON with --output.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import launcher  # noqa: E402

launcher.use_venv()
import numpy  # noqa: E402
import processes  # noqa: E402
from dataset import Data  # noqa: E402

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
# What passes this share of the records.
SHARES = {"50 %": 500, "10 %": 100, "1 %": 10, "0.1 %": 1}
WHERE = {f"filter {name}": {"where": {"uniform": {"$lt": below}}} for name, below in SHARES.items()}
WHERE["filter AND"] = {"where": {"$and": [{"uniform": {"$lt": 100}}, {"other": {"$gte": 900}}]}}
WHERE["filter $in"] = {"where": {"word": {"$in": [f"w{i}" for i in range(0, 1000, 10)]}}}
TEXT = {f"contains {name}": {"where_document": {"$contains": token}}
        for name, token in (("10 %", "marten"), ("1 %", "ocelot"), ("0.1 %", "quokka"))}
TEXT["regex, literal"] = {"where_document": {"$regex": "ocel[oa]t s"}}
TEXT["regex, no literal"] = {"where_document": {"$regex": "[xq][jz][a-c]"}}
KINDS = {"plain": {}, **WHERE, **TEXT}


class Client:
    """One keep-alive connection, and what the server's process spends."""

    def __init__(self, server: launcher.Server):
        self.server = server
        self.connection = server.connection(timeout=600)

    def post(self, path: str, body: bytes) -> bytes:
        self.connection.request("POST", path, body=body, headers={"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            sys.exit(f"error: {self.server.kind}: {answer.status} {content[:300]!r}")
        return content

    def cpu(self) -> float:
        return processes.cpu_seconds(self.server.process.pid)

    def resident_mib(self) -> float:
        return processes.memory_kib(self.server.process.pid) / 1024


def fill(client: Client, data: Data, size: int) -> tuple[str, dict]:
    made = client.post(COLLECTIONS, json.dumps({
        "name": "bench", "configuration": {"hnsw": {"space": "cosine"}}}).encode())
    path = f"{COLLECTIONS}/{json.loads(made)['id']}"
    took, cpu = 0.0, client.cpu()
    for body in data.batches(size):
        began = time.perf_counter()
        client.post(path + "/add", body)
        took += time.perf_counter() - began
    result = {"adds per second": len(data.vectors) / took, "RSS after adds": client.resident_mib()}
    settle(client, path)
    result["caught up after s"] = settle.took
    result["CPU s of all"] = client.cpu() - cpu
    return path, result


def settle(client: Client, path: str) -> None:
    """Until background work has ended: the server's CPU stands still."""
    began, quiet, last = time.perf_counter(), 0, client.cpu()
    settle.took = 0.0
    while quiet < 15 and time.perf_counter() - began < 120:
        time.sleep(0.1)
        now = client.cpu()
        quiet = quiet + 1 if now - last < 0.01 else 0
        if quiet == 0:
            settle.took = time.perf_counter() - began
        last = now


def bodies(data: Data, extra: dict) -> list[bytes]:
    return [json.dumps({"query_embeddings": [[round(float(x), 7) for x in query]], "n_results": 10,
                        "include": ["documents", "metadatas", "distances"], **extra}).encode()
            for query in data.queries]


def measure(client: Client, path: str, requests: list[bytes], seconds: float) -> dict:
    for body in requests[:3]:
        client.post(path + "/query", body)
    times, cpu, began = [], client.cpu(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        at = time.perf_counter()
        client.post(path + "/query", requests[len(times) % len(requests)])
        times.append(time.perf_counter() - at)
    cpu = client.cpu() - cpu
    return {"p50 us": statistics.median(times) * 1e6, "cpu us": cpu / len(times) * 1e6,
            "p99 us": sorted(times)[int(len(times) * 0.99)] * 1e6}


def recall(client: Client, path: str, data: Data) -> float:
    hits = 0
    for query, body in zip(data.queries, bodies(data, {})):
        best = numpy.argsort(-(data.vectors @ query), kind="stable")[:10]
        found = json.loads(client.post(path + "/query", body))["ids"][0]
        hits += len({f"id{n}" for n in best} & set(found))
    return hits / (10 * len(data.queries))


def cold(server: launcher.Server, path: str, data: Data) -> dict:
    """From a start to the first answer, and the memory then."""
    result = {}
    for name, extra in (("plain", {}), ("filter 1 %", WHERE["filter 1 %"]),
                        ("contains 1 %", TEXT["contains 1 %"])):
        server.stop()
        server.start()
        client = Client(server)
        client.connection.connect()
        began = time.perf_counter()
        client.post(path + "/query", bodies(data, extra)[0])
        result[f"cold {name} ms"] = (time.perf_counter() - began) * 1e3
        result["RSS cold"] = client.resident_mib()
    return result


def table(results: dict) -> None:
    names = list(results)
    keys = [key for key in results[names[0]]]
    print(f"{'':22}" + "".join(f"{name:>34}" for name in names) + ("      ratio" if len(names) > 1 else ""))
    for key in keys:
        cells, firsts = [], []
        for name in names:
            value = results[name].get(key)
            if isinstance(value, dict):
                cells.append("p50 {p50 us:,.0f} p99 {p99 us:,.0f} cpu {cpu us:,.0f} us".format(**value))
                firsts.append(value["p50 us"])
            else:
                cells.append(f"{value:,.3f}")
                firsts.append(value)
        ratio = f"{firsts[1] / firsts[0]:11.1f}" if len(firsts) > 1 and firsts[0] else ""
        print(f"{key:22}" + "".join(f"{cell:>34}" for cell in cells) + ratio)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1.0, help="per measurement")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--chroma", action="store_true", help="measure Chroma's server too")
    parser.add_argument("--only", help="kinds that contain this")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    options = parser.parse_args()
    data = Data(options.records, options.seed)
    results: dict[str, dict] = {}
    with contextlib.ExitStack() as stack:
        running = {}
        for kind in ["pannierd"] + (["chroma"] if options.chroma else []):
            transport = "socket" if kind == "pannierd" else "tcp"
            client = Client(stack.enter_context(launcher.start(kind, transport)))
            data.words.seed(options.seed)
            path, results[kind] = fill(client, data, options.batch)
            running[kind] = (client, path)
            results[kind]["recall@10"] = recall(client, path, data)
        for label, extra in KINDS.items():
            if options.only and options.only not in label:
                continue
            requests = bodies(data, extra)
            for kind, (client, path) in running.items():
                results[kind][label] = measure(client, path, requests, options.seconds)
        for kind, (client, path) in running.items():
            results[kind]["RSS"] = client.resident_mib()
            results[kind].update(cold(client.server, path, data))
    table(results)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
