"""A real daemon with a volume repository, as tests and benchmarks of snapshots drive it: Chroma's API
over its socket, operations over its admin socket, pannierctl beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402

TENANT = "default_tenant"
ENDED = ("Succeeded", "Failed", "Cancelled")
OPERATION_SECONDS = 600


class Failed(RuntimeError):
    """A request or an operation failed; the text is the daemon's."""

    def __init__(self, what: str, status: int = 0):
        super().__init__(what)
        self.status = status


def database_path(store: str) -> str:
    tenant, database = store.split("/")
    return f"/api/v2/tenants/{tenant}/databases/{database}"


class Sidecar:
    """Starts in start(), or by `with`. The repository `local` lies in `backup` and outlives it."""

    def __init__(self, backup: Path, config: str = ""):
        self.server = launcher.prepare("pannierd", "socket")
        path = self.server.home / "pannierd.yaml"
        path.write_text(f"repositories:\n- {{name: local, volume: {{path: {backup}}}}}\n{config}")
        self.server.command += ["--config", str(path)]
        self.admin_path = str(self.server.home / "admin.sock")

    def start(self) -> "Sidecar":
        self.server.start()
        self.connect()
        return self

    def connect(self) -> None:
        self.admin = launcher.SocketConnection(self.admin_path, timeout=OPERATION_SECONDS)
        self.data = launcher.SocketConnection(self.server.socket_path, timeout=OPERATION_SECONDS)

    def __enter__(self) -> "Sidecar":
        return self.start()

    def __exit__(self, *_exc) -> None:
        self.server.__exit__()

    def ask(self, connection, method: str, path: str, body: dict | None = None) -> dict:
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Failed(f"{method} {path}: {answer.status} {text[:500]!r}", answer.status)
        return json.loads(text or b"null")

    def chroma(self, method: str, path: str, body: dict | None = None) -> dict:
        return self.ask(self.data, method, path, body)

    # --- operations ---
    def begin(self, action: str, **members) -> str:
        uid = str(uuid.uuid4())
        self.ask(self.admin, "PUT", f"/admin/v1/operations/{uid}", {"action": action, **members})
        return uid

    def operation(self, uid: str) -> dict:
        return self.ask(self.admin, "GET", f"/admin/v1/operations/{uid}")

    def wait(self, uid: str) -> dict:
        deadline = time.monotonic() + OPERATION_SECONDS
        while time.monotonic() < deadline:
            operation = self.operation(uid)
            if operation["state"] in ENDED:
                return operation
            time.sleep(0.002)
        raise Failed(f"operation {uid} did not end in {OPERATION_SECONDS} s")

    def operate(self, action: str, **members) -> dict:
        """The result of an operation that must succeed."""
        operation = self.wait(self.begin(action, **members))
        if operation["state"] != "Succeeded":
            raise Failed(f"{action} {members}: {operation['state']}: {operation['error']}")
        return operation["result"]

    def pannierctl(self, *arguments: str, code: int = 0) -> str:
        """Its output; its exit code must be `code`."""
        program = launcher.default_binary().with_name("pannierctl")
        done = subprocess.run([str(program), "--admin-socket", self.admin_path, *arguments],
                              capture_output=True, text=True, timeout=OPERATION_SECONDS)
        if done.returncode != code:
            raise Failed(f"pannierctl {' '.join(arguments)}: exit code {done.returncode}, not {code}: "
                         f"{done.stderr.strip()}")
        return done.stdout

    # --- data ---
    def create_database(self, store: str) -> None:
        tenant, database = store.split("/")
        for path, name in (("/api/v2/tenants", tenant),
                           (f"/api/v2/tenants/{tenant}/databases", database)):
            try:
                self.chroma("POST", path, {"name": name})
            except Failed as error:
                if error.status != 409:
                    raise

    def collection(self, store: str, name: str) -> str:
        """The path of the collection, which is made if it is not there."""
        base = database_path(store) + "/collections"
        return f"{base}/{self.chroma('POST', base, {'name': name, 'get_or_create': True})['id']}"

    def content(self, store: str) -> dict[str, dict]:
        """All records of all collections: {name: {id: (document, metadata, vector)}}."""
        base = database_path(store) + "/collections"
        found = {}
        for collection in self.chroma("GET", base):
            records = self.chroma("POST", f"{base}/{collection['id']}/get",
                                  {"include": ["documents", "metadatas", "embeddings"]})
            found[collection["name"]] = dict(zip(records["ids"], zip(
                records["documents"], records["metadatas"], map(tuple, records["embeddings"]))))
        return found
