"""One worker of the soak: writes, reads, searches and uses sessions, against a model of its own records.

Faults come and go around it: any request may fail, and then its outcome is found out once the daemon
takes writes again. What it never forgives: an acknowledged change that is not there, a change in part, a
record that is not found by its own vector, a temporary store that outlives its session. Prints one JSON
object at its end: what it did, its model, and what was wrong.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("chroma", "crash")]
from launcher import SocketConnection  # noqa: E402
from run_crash import applied  # noqa: E402
from writer import body_of, plan, vector_of  # noqa: E402

RECORDS_MAX = 250
TENANT = "/api/v2/tenants/default_tenant/databases"
TAKEN = (200, 201)
FAULT_SECONDS = 120     # longer than any fault lasts, with its restart
GONE_SECONDS = 60       # a temporary store goes within its time-out, also through a restart
SESSION_SECONDS = 5


class Violation(AssertionError):
    """A promise was broken; the text says which."""


class Unsure(Exception):
    """The request failed; whether it had an effect is not known."""


class Soaker:
    def __init__(self, socket_path: str, name: str, database: str, collection: str, seed: str):
        self.socket_path, self.name, self.database = socket_path, name, database
        self.base = f"{TENANT}/{database}/collections/{collection}"
        self.random = random.Random(f"soak/{seed}/{name}")
        self.model: dict[str, int] = {}
        self.turn = 0
        self.done: dict[str, int] = {}
        self.connection: SocketConnection | None = None

    # --- requests ---
    def send(self, method: str, path: str, body: dict | None = None, headers: dict | None = None) -> tuple[int, bytes]:
        try:
            if self.connection is None:
                self.connection = SocketConnection(self.socket_path, 30)
            self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                    {"Content-Type": "application/json", **(headers or {})})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            time.sleep(0.05)
            raise Unsure(str(error)) from error

    def ask(self, method: str, path: str, body: dict | None = None, headers: dict | None = None):
        """The answer; Unsure where there is none, or a refusal that a fault explains."""
        status, text = self.send(method, path, body, headers)
        if status in TAKEN:
            return json.loads(text or b"null")
        if status in (429, 500, 503, 504, 507):
            time.sleep(0.05)
            raise Unsure(f"{status} {text[:200]!r}")
        raise Violation(f"{method} {path}: {status} {text[:300]!r}")

    def insist(self, method: str, path: str, body: dict | None = None):
        """For what may be repeated: until it is answered."""
        end = time.monotonic() + FAULT_SECONDS
        while True:
            try:
                return self.ask(method, path, body)
            except Unsure as error:
                if time.monotonic() > end:
                    raise Violation(f"{method} {path} is not answered for {FAULT_SECONDS} s: {error}") from error

    # --- what a worker does ---
    def write(self) -> None:
        self.turn += 1
        if len(self.model) > RECORDS_MAX:
            verb, change = "delete", dict.fromkeys(self.random.sample(sorted(self.model), RECORDS_MAX // 2))
        else:
            verb, change = plan(self.random, self.model, self.name, self.turn)
        try:
            self.ask("POST", f"{self.base}/{verb}", body_of(verb, change))
        except Unsure:
            self.find_out(change)
            return
        self.model = applied(self.model, change)

    def find_out(self, change: dict[str, int | None]) -> None:
        """Whether the change happened: as a whole or not at all. Once another write is on disk the answer stays."""
        mark = f"mark-{self.name}"
        self.insist("POST", f"{self.base}/upsert", {"ids": [mark], "embeddings": [vector_of(mark, 0)]})
        seen = self.stored(list(change))
        before = {record: version for record, version in self.model.items() if record in change}
        after = {record: version for record, version in change.items() if version is not None}
        if seen not in (before, after):
            raise Violation(f"a write that failed is there in part: before {before}, after {after}, seen {seen}")
        if seen == after:
            self.model = applied(self.model, change)

    def stored(self, ids: list[str] | None) -> dict[str, int]:
        """These records as they are, or all of this worker; each checked against itself."""
        wanted = {"ids": ids} if ids is not None else {"where": {"owner": self.name}}
        got = self.insist("POST", f"{self.base}/get", wanted | {"include": ["documents", "metadatas", "embeddings"]})
        seen = {}
        for record, document, metadata, vector in zip(got["ids"], got["documents"], got["metadatas"], got["embeddings"]):
            version = metadata["version"]
            if document != f"{record} version {version}":
                raise Violation(f"{record}: document and metadata are of different versions")
            if max(abs(a - b) for a, b in zip(vector, vector_of(record, version))) > 1e-6:
                raise Violation(f"{record}: the vector is not that of version {version}")
            seen[record] = version
        return seen

    def sample(self, count: int) -> list[str]:
        known = sorted(self.model)
        return self.random.sample(known, min(len(known), count))

    def read(self) -> None:
        ids = self.sample(20) + ["never-there"]
        wanted = {record: self.model[record] for record in ids if record in self.model}
        seen = self.stored(ids)
        if seen != wanted:
            raise Violation(f"read {seen}, acknowledged {wanted}")

    def read_all(self) -> None:
        seen = self.stored(None)
        if seen != self.model:
            odd = sorted(set(seen.items()) ^ set(self.model.items()))[:6]
            raise Violation(f"{len(seen)} records of {self.name}, acknowledged {len(self.model)}; e.g. {odd}")

    def search(self) -> None:
        ids = self.sample(5)
        if not ids:
            return
        found = self.insist("POST", f"{self.base}/query", {
            "query_embeddings": [vector_of(record, self.model[record]) for record in ids], "n_results": 1,
            "include": ["distances"]})
        for record, hits, distances in zip(ids, found["ids"], found["distances"]):
            if hits != [record] or distances[0] > 1e-6:
                raise Violation(f"{record} is not found by its own vector: {hits} at {distances}")

    def upkeep(self) -> None:
        verb = self.random.choice(["close", "close", "warm", "flush"])
        with contextlib.suppress(Unsure):
            self.ask("POST", f"/pannier/v1/stores/default_tenant/{self.database}/{verb}")

    # --- sessions ---
    def temporary(self, session: str) -> str:
        """A temporary database with a record in it."""
        name = f"tmp-{self.name}-{self.turn}-{os.getpid()}-{self.random.randrange(1 << 30)}"
        self.ask("POST", TENANT, {"name": name, "ephemeral": True}, {"x-pannier-session": session})
        base = f"{TENANT}/{name}/collections"
        made = self.ask("POST", base, {"name": "things"})
        self.ask("POST", f"{base}/{made['id']}/add", {"ids": ["a"], "embeddings": [[1, 2]]})
        if self.ask("GET", f"{base}/{made['id']}/count") != 1:
            raise Violation(f"{name} does not hold what was put into it")
        return name

    def session(self) -> None:
        """Registers, makes a temporary store, and ends by its word."""
        uid = f"soak-{self.name}-{self.turn}"
        with contextlib.suppress(Unsure):
            self.ask("POST", "/pannier/v1/sessions", {"id": uid, "timeout_seconds": SESSION_SECONDS})
            name = self.temporary(uid)
            ended = self.ask("DELETE", f"/pannier/v1/sessions/{uid}")
            if ended["stores_removed"] == 1:
                self.require_gone(name, 0)

    def dying_session(self) -> None:
        """A child process registers, makes a temporary store and dies: its store goes by itself."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            self.connection = None
            with contextlib.suppress(BaseException):
                uid = f"soak-{self.name}-{self.turn}-{os.getpid()}"
                self.ask("POST", "/pannier/v1/sessions", {"id": uid, "cleanup_on_exit": True,
                                                          "timeout_seconds": SESSION_SECONDS})
                os.write(writer, self.temporary(uid).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            name = said.read()
        os.waitpid(child, 0)
        if name:
            self.require_gone(name, GONE_SECONDS)

    def require_gone(self, name: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(Unsure):
                status, _ = self.send("GET", f"{TENANT}/{name}")
                if status == 404:
                    return
                if status == 200 and time.monotonic() > end:
                    raise Violation(f"{name} is still there after its session")
            time.sleep(0.2)

    def work(self, until: float) -> None:
        actions = {"write": 12, "read": 6, "search": 5, "read_all": 1, "upkeep": 2, "session": 1, "dying_session": 0.2}
        names, weights = list(actions), list(actions.values())
        while time.time() < until:
            action = self.random.choices(names, weights)[0]
            getattr(self, action)()
            self.done[action] = self.done.get(action, 0) + 1
            time.sleep(self.random.uniform(0, 0.05))
        self.read_all()


def main() -> None:
    socket_path, name, database, collection, seed, until = sys.argv[1:7]
    soaker = Soaker(socket_path, name, database, collection, seed)
    wrong = ""
    try:
        soaker.work(float(until))
    except Violation as violation:
        wrong = f"at {time.strftime('%H:%M:%S')}, turn {soaker.turn}: {violation}"
    print(json.dumps({"name": name, "database": database, "collection": collection, "done": soaker.done,
                      "model": soaker.model, "wrong": wrong}))


if __name__ == "__main__":
    main()
