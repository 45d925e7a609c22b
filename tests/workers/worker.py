"""One client process of the workers test: writes and reads registers, and records when and what.

A register is a record whose metadata holds a version. Only one worker writes a given register, with
versions that grow; all read all. The history goes to a file, one JSON array per operation:
["w"|"r"|"q"|"c", register, version or count, begin, end], times from one monotonic clock of the machine.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import SocketConnection  # noqa: E402

DIMENSION = 8


def vector_of(register: str, version: int) -> list[float]:
    source = random.Random(f"{register}/{version}")
    return [round(source.uniform(-1, 1), 4) for _ in range(DIMENSION)]


class Client:
    def __init__(self, socket_path: str):
        self.connection = SocketConnection(socket_path, 60)

    def post(self, path: str, body: dict) -> tuple[int, dict | list]:
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def get(self, path: str):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


class Worker:
    def __init__(self, client: Client, base: str, name: int, registers: list[str], seed: str, history):
        self.client, self.base, self.name, self.registers = client, base, name, registers
        self.source = random.Random(f"{seed}/{name}")
        self.versions = {r: 0 for r in registers if int(r.split("-")[1]) == name}
        self.history = history

    def timed(self, kind: str, register: str, call) -> None:
        begin = time.monotonic()
        status, body = call()
        end = time.monotonic()
        if status not in (200, 201):
            raise RuntimeError(f"{kind} {register}: {status} {body}")
        self.history.write(json.dumps([kind, register, self.seen(kind, register, body), begin, end]) + "\n")

    def seen(self, kind: str, register: str, body) -> int:
        if kind == "w":
            return self.versions[register]
        if kind == "c":
            return body
        metadatas = body["metadatas"][0] if kind == "q" else body["metadatas"]
        return metadatas[0]["version"] if metadatas else 0

    def write(self) -> None:
        register = self.source.choice(list(self.versions))
        self.versions[register] += 1
        version = self.versions[register]
        body = {"ids": [register], "embeddings": [vector_of(register, version)],
                "documents": [f"{register} {version}"], "metadatas": [{"version": version, "name": register}]}
        self.timed("w", register, lambda: self.client.post(f"{self.base}/upsert", body))

    def read(self) -> None:
        register = self.source.choice(self.registers)
        self.timed("r", register, lambda: self.client.post(f"{self.base}/get", {"ids": [register]}))

    def query(self) -> None:
        """Finds the register by filter and any vector: it must come back in its newest version."""
        register = self.source.choice(self.registers)
        body = {"query_embeddings": [vector_of(register, 1)], "n_results": 1, "where": {"name": register}}
        self.timed("q", register, lambda: self.client.post(f"{self.base}/query", body))

    def count(self) -> None:
        self.timed("c", "", lambda: self.client.get(f"{self.base}/count"))

    def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.source.choices([self.write, self.read, self.query, self.count], [4, 4, 3, 1])[0]()


def main() -> None:
    socket_path, base, name, registers, seed, history_path, seconds = sys.argv[1:8]
    with open(history_path, "w") as history:
        Worker(Client(socket_path), base, int(name), json.loads(registers), seed, history).run(float(seconds))


if __name__ == "__main__":
    main()
