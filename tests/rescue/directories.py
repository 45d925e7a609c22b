"""Chroma persist directories, made by the real Chroma server, and what it answered about them."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402

DEFAULT = ("default_tenant", "default_database")
OTHER = ("other_tenant", "other_database")
PAGE = 300


class Failed(AssertionError):
    """A server refused, or content is not what it must be."""


@dataclass
class Record:
    document: str | None
    metadata: dict | None
    uri: str | None
    vector: list[float] | None


@dataclass
class Content:
    """A collection as a server answers it; records in the order of the answer."""

    metadata: dict | None
    configuration: dict
    records: dict[str, Record] = field(default_factory=dict)


class Server:
    """Chroma's API of a running server, Chroma's own or pannierd."""

    def __init__(self, server: launcher.Server):
        self.server = server

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        status, text = self.server.request(method, "/api/v2" + path,
                                           json.dumps(body) if body is not None else None,
                                           {"Content-Type": "application/json"})
        if status >= 300:
            raise Failed(f"{method} {path}: {status} {text[:300]!r}")
        return json.loads(text) if text else {}

    def collections(self, tenant: str, database: str) -> list[dict]:
        return self.ask("GET", f"/tenants/{tenant}/databases/{database}/collections?limit=1000")

    def databases(self, tenant: str) -> list[str]:
        return [each["name"] for each in self.ask("GET", f"/tenants/{tenant}/databases")]

    def content(self, tenant: str, database: str, collection: dict, vectors: bool = True) -> Content:
        path = f"/tenants/{tenant}/databases/{database}/collections/{collection['id']}/get"
        include = ["documents", "metadatas", "uris"] + (["embeddings"] if vectors else [])
        content = Content(collection["metadata"], collection["configuration_json"])
        offset = 0
        while True:
            page = self.ask("POST", path, {"limit": PAGE, "offset": offset, "include": include})
            for i, each in enumerate(page["ids"]):
                vector = page["embeddings"][i] if vectors else None
                content.records[each] = Record(page["documents"][i], page["metadatas"][i],
                                               page["uris"][i], vector or None)
            if len(page["ids"]) < PAGE:
                return content
            offset += PAGE

    def everything(self) -> dict[tuple[str, str, str], Content]:
        found = {}
        for tenant, database in (DEFAULT, OTHER):
            with contextlib.suppress(Failed):
                for each in self.collections(tenant, database):
                    found[tenant, database, each["name"]] = self.content(tenant, database, each)
        return found


class Chroma:
    """The real server on a directory. Leaves the directory behind."""

    def __init__(self, data: Path):
        self.server = launcher.prepare("chroma", "tcp")
        config = self.server.home / "config.yaml"
        config.write_text(config.read_text().replace(f"{self.server.home}/data", str(data)))

    def __enter__(self) -> Server:
        self.server.start()
        return Server(self.server)

    def __exit__(self, *_exc) -> None:
        self.server.__exit__()

    def kill(self) -> None:
        self.server.kill()


def answers_of(data: Path, scratch: Path) -> dict[tuple[str, str, str], Content]:
    """What the real server says about a directory, asked on a copy."""
    copy = scratch / "asked"
    shutil.copytree(data, copy)
    try:
        with Chroma(copy) as server:
            return server.everything()
    finally:
        shutil.rmtree(copy)


class Writer:
    """Adds, updates and deletes in one collection over HTTP."""

    def __init__(self, server: Server, name: str, where: tuple[str, str], **settings):
        self.server = server
        tenant, database = where
        self.base = f"/tenants/{tenant}/databases/{database}/collections"
        self.id = server.ask("POST", self.base, {"name": name, **settings})["id"]

    def call(self, verb: str, body: dict) -> dict:
        return self.server.ask("POST", f"{self.base}/{self.id}/{verb}", body)


def metadata_of(number: int) -> dict:
    return {"number": number, "ratio": number / 3, "even": number % 2 == 0,
            "word": "x" * (number % 5 + 1), "numbers": [number, number + 1],
            "words": ["a", f"b{number}"], "reals": [0.5, number / 7], "flags": [True, number % 2 == 0]}


def fill(writer: Writer, rng, first: int, count: int, dimension: int, metadata=metadata_of) -> None:
    for begin in range(first, first + count, 250):
        numbers = range(begin, min(begin + 250, first + count))
        writer.call("add", {
            "ids": [f"id-{n}" for n in numbers],
            "embeddings": [[float(rng.gauss(0, 2)) for _ in range(dimension)] for _ in numbers],
            "documents": [f"document {n} of many, größer" if n % 7 else None for n in numbers],
            "metadatas": [metadata(n) if n % 5 else None for n in numbers],
            "uris": [f"file:///{n}" if n % 3 == 0 else None for n in numbers]})


def change(writer: Writer, rng, dimension: int, numbers: range) -> None:
    """Updates, upserts and deletes among existing records, and adds of ids that exist."""
    def vectors(count: int) -> list:
        return [[float(rng.gauss(0, 2)) for _ in range(dimension)] for _ in range(count)]
    ids = [f"id-{n}" for n in numbers]
    fifth = max(1, len(ids) // 5)
    writer.call("update", {"ids": ids[:fifth], "documents": ["updated"] * fifth,
                           "metadatas": [{"number": None, "new": 1.5, "words": ["c"]}] * fifth})
    writer.call("update", {"ids": ids[fifth:2 * fifth], "embeddings": vectors(fifth)})
    writer.call("upsert", {"ids": ids[2 * fifth:3 * fifth] + ["new-" + ids[0]],
                           "embeddings": vectors(fifth + 1),
                           "documents": ["upserted"] * (fifth + 1)})
    writer.call("add", {"ids": ids[3 * fifth:4 * fifth], "embeddings": vectors(fifth),
                        "documents": ["must not count"] * fifth})
    writer.call("delete", {"ids": ids[4 * fifth:]})


def make(data: Path, rng) -> None:
    """Cosine, inner product and l2; more and fewer records than reach the HNSW files; two databases."""
    with Chroma(data) as server:
        tenant, database = OTHER
        server.ask("POST", "/tenants", {"name": tenant})
        server.ask("POST", f"/tenants/{tenant}/databases", {"name": database})
        cosine = Writer(server, "cosine", DEFAULT,
                        metadata={"hnsw:space": "cosine", "text": "t", "n": 1, "f": 2.5, "b": True})
        fill(cosine, rng, 0, 1500, 8)
        change(cosine, rng, 8, range(100, 150))
        fill(cosine, rng, 1500, 700, 8)
        change(cosine, rng, 8, range(1400, 1500))
        inner = Writer(server, "inner", OTHER, configuration={
            "hnsw": {"space": "ip", "ef_search": 77, "sync_threshold": 100, "batch_size": 50}})
        fill(inner, rng, 0, 420, 5)
        change(inner, rng, 5, range(50, 100))
        plain = Writer(server, "plain", OTHER)
        fill(plain, rng, 0, 1100, 3)
        fill(Writer(server, "few", DEFAULT), rng, 0, 40, 3)
        Writer(server, "empty", DEFAULT)
        gone = Writer(server, "deleted", DEFAULT)
        # Chroma leaves the arrays of deleted records behind and shows them on records to come.
        fill(gone, rng, 0, 1050, 2, metadata=lambda n: {"number": n})
        server.ask("DELETE", f"{gone.base}/deleted")
        time.sleep(0.2)      # the server writes its HNSW files behind the answer
