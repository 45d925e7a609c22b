"""The demo's worker processes: each connects for itself and writes to stores it shares with others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import pannier
from documents import Document, embed

COUNT = 4
BATCH = 100
CRASH_BATCH = 10
CRASH_DIMENSION = 32
STORES = ("desktop", "tools")
CRASH_STORE = "crash-test"
_fork = multiprocessing.get_context("fork")


def quietly(worker, *arguments) -> None:
    """A worker ends without a traceback when the demo is interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker(*arguments)


def run_all(worker, arguments: list[tuple]) -> list:
    """Starts one process per tuple; returns them."""
    processes = [_fork.Process(target=quietly, args=(worker, *each), daemon=True)
                 for each in arguments]
    for process in processes:
        process.start()
    return processes


def collection(client, space="cosine"):
    return client.get_or_create_collection(
        "packages", embedding_function=None, configuration={"hnsw": {"space": space}})


def ingest(socket: str, documents: list[Document], model, results) -> None:
    """Embeds its share and writes it to both stores; reports seconds and records."""
    spent, written = defaultdict(float), 0
    for store in STORES:
        mine = [d for d in documents if d.store == store]
        with pannier.connect(socket, database=store, create=True) as client:
            target = collection(client)
            for at in range(0, len(mine), BATCH):
                part = mine[at:at + BATCH]
                began = time.monotonic()
                vectors = embed(model, [d.meaning for d in part])
                middle = time.monotonic()
                target.add(ids=[d.name for d in part], embeddings=vectors,
                           documents=[d.text for d in part], metadatas=[d.metadata for d in part])
                spent["embed"] += middle - began
                spent["write"] += time.monotonic() - middle
                written += len(part)
    results.put((written, dict(spent)))


def ingest_all(socket: str, documents: list[Document], model) -> list[tuple]:
    results = _fork.Queue()
    processes = run_all(ingest, [(socket, documents[n::COUNT], model, results)
                                 for n in range(COUNT)])
    reports = []
    for process in processes:
        process.join(120)
        if process.exitcode != 0:
            raise RuntimeError(f"a worker ended with {process.exitcode}")
        reports.append(results.get(timeout=10))
    return reports


def vector_of(record: str) -> np.ndarray:
    """The vector a record of the crash test must have: its own, drawn from its name."""
    seed = np.frombuffer(record.encode().ljust(16)[:16], dtype=np.uint32)
    vector = np.random.default_rng(seed).standard_normal(CRASH_DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def write_until_killed(socket: str, worker: int, journal: str) -> None:
    """Adds batch after batch; notes a batch in its journal only once the daemon acknowledged it."""
    with pannier.connect(socket, database=CRASH_STORE, create=True) as client, \
            open(journal, "a", buffering=1) as acknowledged:
        target = collection(client, space="l2")
        batch = 0
        while True:
            ids = [f"w{worker}-{batch:05}-{n}" for n in range(CRASH_BATCH)]
            try:
                target.add(ids=ids, embeddings=[vector_of(i) for i in ids],
                           documents=[f"text of {i}" for i in ids])
            except (pannier.errors.ConnectError, OSError):
                os._exit(0)                        # the daemon is gone: that was the plan
            acknowledged.write(f"{batch}\n")
            batch += 1


def start_crash_writers(socket: str, folder: Path) -> tuple[list, list[Path]]:
    journals = [folder / f"acknowledged-{n}" for n in range(COUNT)]
    for journal in journals:
        journal.touch()
    processes = run_all(write_until_killed, [(socket, n, str(j)) for n, j in enumerate(journals)])
    return processes, journals


def wait_until_writing(journals: list[Path], seconds: float = 15) -> None:
    """Returns when every worker has had a batch acknowledged."""
    deadline = time.monotonic() + seconds
    while not all(journal.stat().st_size for journal in journals):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the workers wrote nothing in {seconds} s")
        time.sleep(0.01)


def acknowledged(journals: list[Path]) -> list[str]:
    return [f"w{n}-{int(batch):05}-{k}" for n, journal in enumerate(journals)
            for batch in journal.read_text().split() for k in range(CRASH_BATCH)]
