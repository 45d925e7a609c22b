"""What every peer of the benchmark can do, and how its process answers the one that measures.

A peer is one class in libraries.py (vectors only) or stores.py (documents and metadata too). Each runs in
a process of its own, so that memory and processor time are its own; run_peers.py asks the processes in
turns. One line of JSON is a question, one is the answer.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import processes
from dataset import EFFORTS, K, Data


@dataclass(frozen=True)
class Record:
    number: int
    vector: numpy.ndarray  # float32, of length 1
    document: str
    uniform: int  # 0 … 999: what filters ask for
    word: str


class Peer:
    """In this process, or a server that it starts. Distances are by cosine; vectors have length 1."""

    name = ""
    without = ""  # what it does not do, for readers of the table
    filters = False
    documents = False
    efforts: tuple[int, ...] = EFFORTS
    resident_before = 0.0  # MiB of this process before it was opened

    def open(self, folder: Path, sample: numpy.ndarray, records: int) -> None:
        """Makes it empty, for `records` vectors like those of `sample`."""
        raise NotImplementedError

    def pack(self, records: list[Record]):
        """What add() takes; not timed."""
        return records

    def add(self, packed) -> None:
        """Acknowledged when it returns, as durable as this peer is."""
        raise NotImplementedError

    def settle(self) -> None:
        """Waits for the index, builds it where it is made at the end."""

    def search(self, effort: int) -> None:
        """From now on queries look this hard."""

    def prepare(self, query: numpy.ndarray, below: int | None):
        """What query() takes; not timed. `below`: only records whose `uniform` is less."""
        del below
        return query

    def query(self, prepared):
        """The K nearest, with documents and metadata where the peer has them."""
        raise NotImplementedError

    def numbers(self, answer) -> list[int]:
        """The records of an answer; not timed."""
        raise NotImplementedError

    def cpu(self) -> float:
        """Seconds that it has computed, and its children."""
        return time.process_time()

    def resident_mib(self) -> float:
        """In this process: without the data that it is filled from."""
        return processes.memory_kib(os.getpid()) / 1024 - self.resident_before

    def disk_mib(self, folder: Path) -> float:
        return processes.disk_mib(folder)

    def close(self) -> None:
        pass


class Session:
    """The questions to one peer, with the first `records` of the data."""

    def __init__(self, peer: Peer, folder: Path, records: int):
        self.peer, self.folder = peer, folder
        self.data = Data(records, queries=200)
        self.vectors, self.queries = self.data.vectors, self.data.queries
        self.uniform = self.data.column("uniform")
        self.truths: dict[int | None, list[set[int]]] = {}
        peer.resident_before = processes.memory_kib(os.getpid()) / 1024

    def records(self, begin: int, end: int) -> list[Record]:
        data = self.data
        return [Record(n, data.vectors[n], data.documents[n], int(self.uniform[n]), data.metadatas[n]["section"])
                for n in range(begin, end)]

    def open(self) -> dict:
        self.peer.open(self.folder, self.vectors[:1000], len(self.vectors))
        return {"resident_mib": self.peer.resident_mib()}

    def add(self, begin: int, end: int, size: int) -> dict:
        took = 0.0
        for at in range(begin, end, size):
            packed = self.peer.pack(self.records(at, min(at + size, end)))
            began = time.perf_counter()
            self.peer.add(packed)
            took += time.perf_counter() - began
        return {"per_second": (end - begin) / took}

    def settle(self) -> dict:
        began = time.perf_counter()
        self.peer.settle()
        return {"seconds": time.perf_counter() - began, "resident_mib": self.peer.resident_mib()}

    def truth(self, below: int | None) -> list[set[int]]:
        if below not in self.truths:
            self.truths[below] = self.data.nearest(None if below is None else numpy.flatnonzero(self.uniform < below))
        return self.truths[below]

    def recall(self, below: int | None = None) -> float:
        hits = wanted = 0
        for query, best in zip(self.queries, self.truth(below)):
            found = self.peer.numbers(self.peer.query(self.peer.prepare(query, below)))
            hits += len(best & set(found))
            wanted += len(best)
        return hits / wanted if wanted else 1.0

    def tune(self, recall: float) -> dict:
        """The least effort with that recall."""
        for effort in self.peer.efforts:
            self.peer.search(effort)
            reached = self.recall()
            if reached >= recall:
                return {"effort": effort, "recall": reached}
        return {"effort": None, "recall": reached}

    def use(self, effort: int) -> dict:
        self.peer.search(effort)
        return {}

    def query(self, seconds: float, below: int | None = None, recall: bool = False) -> dict:
        prepared = [self.peer.prepare(query, below) for query in self.queries]
        for each in prepared[:10]:
            self.peer.query(each)
        times: list[float] = []
        cpu, began = self.peer.cpu(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            at = time.perf_counter()
            self.peer.query(prepared[len(times) % len(prepared)])
            times.append(time.perf_counter() - at)
        took, cpu = time.perf_counter() - began, self.peer.cpu() - cpu
        times.sort()
        answer = {"per_second": len(times) / took, "p50_us": statistics.median(times) * 1e6,
                  "p99_us": times[int(len(times) * 0.99)] * 1e6, "cpu_us": cpu / len(times) * 1e6}
        if recall:
            answer["recall"] = self.recall(below)
        return answer

    def close(self) -> dict:
        answer = {"disk_mib": self.peer.disk_mib(self.folder), "resident_mib": self.peer.resident_mib()}
        self.peer.close()
        return answer


def serve(peer: Peer, folder: Path, records: int) -> None:
    """Answers questions until there are no more. What the library prints does not reach the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = Session(peer, folder, records)
    for line in sys.stdin:
        question = json.loads(line)
        answer = getattr(session, question.pop("ask"))(**question)
        print(json.dumps(answer), file=answers, flush=True)
