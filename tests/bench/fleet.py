"""Many small stores in one daemon: how quickly they are made, what they cost asleep, how soon they answer.

    tests/bench/fleet.py [stores]      prints the JSON; run_bench.py calls measure()
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402

if __name__ == "__main__":
    launcher.use_venv()
import processes  # noqa: E402
from api_client import DATABASES, ApiClient  # noqa: E402
from dataset import Data  # noqa: E402

RECORDS = 100  # of a store
BUDGET_MIB = 256
SECONDS = 5


class Fleet:
    """Databases store-0 …, each with a collection of RECORDS records."""

    def __init__(self, server: launcher.Server, data: Data):
        self.server, self.data = server, data
        self.collections: list[str] = []
        self.queries = [json.dumps({"query_embeddings": [query.tolist()], "n_results": 10,
                                    "include": ["documents", "metadatas", "distances"]}).encode()
                        for query in data.queries]
        self.client = ApiClient(server)

    def post(self, path: str, body: bytes) -> bytes:
        return self.client.call("POST", path, body)

    def records(self, store: int) -> bytes:
        begin = store * RECORDS % (len(self.data.vectors) - RECORDS)
        return self.data.add_body(begin, begin + RECORDS)

    def make(self, count: int) -> float:
        """Stores per second, with their records; what is sent is prepared before."""
        took = 0.0
        for store in range(len(self.collections), len(self.collections) + count):
            body = self.records(store)
            began = time.perf_counter()
            self.post(DATABASES, json.dumps({"name": f"store-{store}"}).encode())
            path = f"{DATABASES}/store-{store}/collections"
            made = self.post(path, b'{"name":"records","configuration":{"hnsw":{"space":"cosine"}}}')
            self.collections.append(f"{path}/{json.loads(made)['id']}")
            self.post(self.collections[-1] + "/add", body)
            took += time.perf_counter() - began
        return count / took

    def query_ms(self, store: int, number: int) -> float:
        began = time.perf_counter()
        self.post(self.collections[store] + "/query", self.queries[number % len(self.queries)])
        return (time.perf_counter() - began) * 1e3

    def rate(self, stores, seconds: float) -> float:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.query_ms(next(stores), count)
            count += 1
        return count / (time.perf_counter() - began)

    def restart(self) -> None:
        self.server.stop()
        self.server.start()
        self.client = ApiClient(self.server)

    def rss_mib(self) -> float:
        return processes.memory_kib(self.server.process.pid) / 1024


def zipf(count: int, seed: int):
    """Stores, the k-th most popular one 1/k as often as the first, in an order of their own."""
    drawn = random.Random(seed)
    order = list(range(count))
    drawn.shuffle(order)
    weights = [1 / (place + 1) for place in range(count)]
    while True:
        yield from drawn.choices(order, weights, k=1000)


def measure(stores: int = 1_000, many: int = 5_000, seed: int = 42) -> dict:
    data = Data(20_000)
    budget = ["--set", f"memory.budget={BUDGET_MIB}MiB"]
    with launcher.start("pannierd", "socket", arguments=budget) as server:
        fleet = Fleet(server, data)
        found = {"stores": stores, "records": RECORDS, "made_per_second": fleet.make(stores),
                 "rss_open_mib": fleet.rss_mib(),
                 "descriptors_open": len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))}
        fleet.restart()
        found["rss_closed_mib"] = fleet.rss_mib()
        order = list(range(stores))
        random.Random(seed).shuffle(order)
        first = sorted(fleet.query_ms(store, store) for store in order)
        found["first_query_p50_ms"] = statistics.median(first)
        found["first_query_p99_ms"] = first[int(len(first) * 0.99)]
        fleet.make(many - stores)
        fleet.restart()
        chosen = zipf(many, seed)
        fleet.rate(chosen, SECONDS)
        found.update(many=many, budget_mib=BUDGET_MIB, zipf_per_second=fleet.rate(chosen, SECONDS),
                     zipf_rss_mib=fleet.rss_mib(), one_per_second=fleet.rate(iter(lambda: 0, 1), SECONDS))
        return found


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print(json.dumps(measure(count, count * 5), indent=1))
