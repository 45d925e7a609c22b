"""A small installation of its own for each run of faults: a namespace with a repository and a VectorStore of one
pod, and an operator that serves nothing else. The operator reaches the API server, the daemon and the bucket
through proxies alone; the daemon, which has no keys, reaches the bucket by the operator's URLs, so through the same
proxy.
"""

import base64
import calendar
import datetime
import json
import signal
import ssl
import time
import uuid
from pathlib import Path

import yaml

from kube import CLUSTER, condition, eventually, kubectl
from proxy import Call, Proxy
from world import SYSTEM, Daemon, Operator, World, free_port

STORE = "default_tenant/default_database"
LEASE = "pannier-operator"
COLLECTION = "books"


def is_lease(call: Call) -> bool:
    return "/leases" in call.target


def is_event(call: Call) -> bool:
    return "/events" in call.target


def of(plural: str, *methods: str):
    """Calls about objects of a kind that are no watches."""
    return lambda call: f"/{plural}" in call.path and not call.is_watch and (not methods or call.method in methods)


def watches(plural: str):
    return lambda call: call.path.endswith(f"/{plural}") and call.is_watch


def moment(text: str) -> float:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class Rows:
    """What a store held after each write, as told by who wrote."""

    def __init__(self):
        self.history: list[tuple[float, int, dict]] = []

    def add(self, when: float, sequence: int, rows: dict):
        self.history.append((when, sequence, rows))

    def now(self) -> dict:
        return self.history[-1][2] if self.history else {}

    def at(self, sequence: int, before: float) -> dict:
        """As of a sequence that was read at a time; a restore turns sequences back, so the last such counts."""
        held = [rows for when, number, rows in self.history if number <= sequence and when <= before]
        return held[-1] if held else {}


def rows_of(daemon: Daemon, base: str = Daemon.BASE) -> dict:
    status, found = daemon.call("GET", f"{base}/{COLLECTION}")
    if status == 404:
        return {}
    status, held = daemon.call("POST", f"{base}/{found['id']}/get", {"include": ["documents", "embeddings"]})
    assert status == 200, held
    return {each: (text, [round(float(x), 3) for x in vector])
            for each, text, vector in zip(held["ids"], held["documents"], held["embeddings"])}


class Ground:
    """`whole`: what goes through cases takes all of them; else some that `seed` chooses."""

    def __init__(self, world: World, records: int = 60, seed: int = 1, whole: bool = False):
        self.world, self.api, self.seed, self.whole = world, world.api, seed, whole
        self.note = ""  # what a run tells of itself
        self.system = "system-" + uuid.uuid4().hex[:6]
        self.ns = world.namespace()
        self.rows = Rows()
        self.operators: list[Operator] = []
        self.flags: tuple[str, ...] = ()  # of operators that start from now on
        self.env: dict[str, str] = {}
        self.tells_time = True  # whether times in statuses are true; else nobody writes rows
        self.others: list[Proxy] = []  # between other operators and the API server
        self.judge: Daemon | None = None
        self.by_hand: dict[str, float] = {}  # uids of objects that a person deleted, and when
        self.kube = self.proxy_of_api()
        self.s3 = Proxy(("127.0.0.1", world.s3.port))
        self.link: Proxy | None = None
        self.grant_rights()
        self.operator = self.start_operator()
        self.bucket = world.s3_repository(self.ns, "backups", port=self.s3.port)
        world.vector_store(self.ns, "notes", "backups", recovery={"mode": "Manual"})
        self.daemon = world.pod(self.ns, "notes-0", "notes", self.operator, through=self.link_to)
        self.write(records)
        self.wait("VectorStore", "notes", "True/AsWanted")
        self.wait("SnapshotRepository", "backups", "True/Validated")

    # --- making it ---

    def proxy_of_api(self) -> Proxy:
        pki = CLUSTER / "pki"
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
        return Proxy(("127.0.0.1", self.api.port), server, ssl.create_default_context(cafile=pki / "ca.crt"))

    def grant_rights(self):
        """The chart's Role of the operator's own namespace, for ours; the rest it has everywhere."""
        kubectl("create", "namespace", self.system)
        made = []
        for kind in ("role", "rolebinding"):
            for each in yaml.safe_load(kubectl("get", kind, "-n", SYSTEM, "-o", "yaml"))["items"]:
                each["metadata"] = {"name": each["metadata"]["name"], "namespace": self.system}
                made.append(each)
        kubectl("apply", "-f", "-", given=yaml.safe_dump_all(made))
        self.kubeconfig = self.kubeconfig_by(self.kube)

    def kubeconfig_by(self, proxy: Proxy) -> Path:
        config = yaml.safe_load(self.world.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        path = self.world.folder / f"{self.system}-{proxy.port}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def repository_of_daemon(self, name: str, port: int, bucket: str | None = None) -> dict:
        # Of this ground alone: others beside it would write them while a daemon of ours reads.
        key, secret = self.world.folder / f"{self.ns}.s3.key", self.world.folder / f"{self.ns}.s3.secret"
        key.write_text(self.world.s3.key)
        secret.write_text(self.world.s3.secret)
        return {"name": name, "s3": {"bucket": bucket or self.bucket, "endpoint": f"http://127.0.0.1:{port}",
                                     "addressing": "path", "accessKeyFile": str(key), "secretKeyFile": str(secret)}}

    def link_to(self, daemon: Daemon) -> int:
        """Ends the mutual TLS of operator and daemon, with the certificates of both."""
        keys = self.world.folder / f"{self.system}-keys"
        keys.mkdir()
        held = self.api.get("Secret", self.system, f"{LEASE}-admin")["data"]
        for name in ("ca.crt", "tls.crt", "tls.key"):
            (keys / name).write_bytes(base64.b64decode(held[name]))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(daemon.folder / "tls.crt", daemon.folder / "tls.key")
        server.load_verify_locations(keys / "ca.crt")
        server.verify_mode = ssl.CERT_REQUIRED
        client = ssl.create_default_context(cafile=keys / "ca.crt")
        client.load_cert_chain(keys / "tls.crt", keys / "tls.key")
        name = self.api.get("VectorStore", self.ns, "notes")["metadata"]["uid"] + ".vectorstore.pannier.dev"
        self.link = Proxy(("127.0.0.1", daemon.port), server, client, name)
        return self.link.port

    # --- operators ---

    def start_operator(self, kubeconfig: Path | None = None, name: str = "operator") -> Operator:
        made = Operator(self.world, f"--watch-namespace={self.ns}", *self.flags, name=f"{self.ns}-{name}",
                        system=self.system, kubeconfig=kubeconfig or self.kubeconfig, env=self.env)
        self.operators.append(made)
        self.world.operators.append(made)
        return made

    def start_second(self) -> tuple[Operator, Proxy]:
        """Another of the same installation, by a way of its own; it follows."""
        proxy = self.proxy_of_api()
        self.others.append(proxy)
        second = self.start_operator(self.kubeconfig_by(proxy), "second")
        second.await_ready()
        return second, proxy

    def change_over(self, operator: Operator, proxy: Proxy):
        """That one leads from now on."""
        self.others = [self.kube if each is proxy else each for each in self.others]
        self.operator, self.kube = operator, proxy

    def api_calls(self, match) -> list[Call]:
        """Of all operators, in their order."""
        return sorted((call for proxy in (self.kube, *self.others) for call in proxy.calls(match)),
                      key=lambda call: call.at)

    def await_leading(self):
        eventually(self.operator.leads, 40, self.operator.process.said)

    def free_lease(self):
        """As if the time of a leader that was killed had run out."""
        if self.api.get("Lease", self.system, LEASE):
            self.api.patch("Lease", self.system, LEASE, {"spec": {"holderIdentity": ""}})

    def follow_operator(self):
        """The one that there was is dead; another takes its place at once."""
        self.operator.process.end(signal.SIGKILL)
        self.free_lease()
        self.operator = self.start_operator()

    # --- what people do ---

    def sequence(self) -> int:
        return next((each["sequence"] for each in self.daemon.stores() if each["database"] == "default_database"), 0)

    def write(self, records: int):
        """More rows, which are remembered with the sequence that they made."""
        first = len(self.rows.history) * 100_000
        began = time.time()  # a snapshot may hold them before they are read back
        self.daemon.fill(COLLECTION, records, first=first)
        self.remember(began)

    def remember(self, when: float | None = None):
        rows = rows_of(self.daemon)
        self.rows.add(when or time.time(), self.sequence(), rows)

    @property
    def bucket_folder(self) -> Path:
        """Where the S3 server keeps the objects of its bucket, as files of their names."""
        return self.world.s3.folder / "buckets" / self.bucket

    def rows_in(self, snapshot: dict) -> dict:
        """What a snapshot that is completed must hold."""
        item = snapshot["status"]["items"][0]
        if not self.tells_time:
            return self.rows.now()
        manifest = self.bucket_folder / item["manifestKey"]
        if not manifest.exists():
            return self.rows.at(item["sequence"], moment(snapshot["status"]["completionTime"]) + 1)
        # When it was pinned: its status may come later than a restore that turned the sequence back.
        pinned = datetime.datetime.fromisoformat(json.loads(manifest.read_bytes())["time"].rstrip("Z")[:26] + "+00:00")
        return self.rows.at(item["sequence"], pinned.timestamp())

    def snapshot(self, name: str | None = None, **spec) -> str:
        name = name or "s-" + uuid.uuid4().hex[:6]
        self.api.create("StoreSnapshot", self.ns, name, {"vectorStoreRef": {"name": "notes"}, **spec})
        return name

    def operate(self, action: dict, name: str | None = None, **spec) -> str:
        name = name or "o-" + uuid.uuid4().hex[:6]
        self.api.create("StoreOperation", self.ns, name, {
            "vectorStoreRef": {"name": "notes"}, "action": action,
            "target": {"podName": "notes-0", "storeName": STORE}, **spec})
        return name

    def delete(self, kind: str, name: str):
        tree = self.api.get(kind, self.ns, name)
        if tree:
            self.by_hand[tree["metadata"]["uid"]] = time.time()
            self.api.delete(kind, self.ns, name)

    def get(self, kind: str, name: str) -> dict | None:
        return self.api.get(kind, self.ns, name)

    def wait(self, kind: str, name: str, wanted: str, type_: str = "Ready", within: float = 60) -> dict:
        def holds():
            tree = self.get(kind, name)
            found = condition(tree, type_)
            return tree if wanted in (f"{found['status']}/{found['reason']}", found["status"]) else None
        return eventually(holds, within, lambda: f"{kind} {name}: wanted {wanted}, is "
                          f"{(self.get(kind, name) or {}).get('status')}\n" + self.story())

    def completed(self, kind: str, name: str, within: float = 60) -> dict:
        return self.wait(kind, name, "True/Completed", "Succeeded", within)

    def gone(self, kind: str, name: str, within: float = 60):
        eventually(lambda: self.get(kind, name) is None, within, lambda: f"{kind} {name} stays\n" + self.story())

    def touch(self, kind: str, name: str):
        """Has the operator look at it again."""
        self.api.patch(kind, self.ns, name, {"metadata": {"annotations": {"test/touched": uuid.uuid4().hex[:8]}}})

    # --- looking ---

    def story(self) -> str:
        tail = "\n".join(self.operator.process.said().splitlines()[-12:])
        calls = [("api", each) for each in self.kube.calls(lambda call: not is_lease(call))[-8:]]
        calls += [("s3", each) for each in self.s3.calls()[-6:]]
        return "\n".join([tail, *(f"{which}: {each}" for which, each in calls)])

    def start_judge(self) -> Daemon:
        """A daemon of nobody's that reads the bucket, past all proxies."""
        if self.judge is None:
            self.judge = Plain(self.world, self.repository_of_daemon("backups", self.world.s3.port))
        return self.judge

    def heal(self):
        for each in (self.kube, self.s3, self.link, *self.others):
            if each is not None:
                each.heal()

    def close(self):
        for each in self.operators:
            each.process.end(signal.SIGKILL)
        for daemon in (getattr(self, "daemon", None), self.judge):
            if daemon is not None:
                daemon.process.end(signal.SIGKILL)
        for each in (self.kube, self.s3, self.link, *self.others):
            if each is not None:
                each.close()
        self.world.forget(self.ns)
        self.world.api.delete("Lease", self.system, LEASE)


class Plain(Daemon):
    """A daemon without a pod."""

    def __init__(self, world: World, repository: dict):
        self.world, self.pod = world, "judge"
        self.folder = world.folder / f"judge-{uuid.uuid4().hex[:6]}"
        self.folder.mkdir()
        self.socket, self.port = self.folder / "s", free_port()
        (self.folder / "config.yaml").write_text(yaml.safe_dump({
            "dataDir": str(self.folder / "data"), "repositories": [repository],
            "listen": {"socket": {"path": str(self.socket)}, "admin": {"path": str(self.folder / "a")}}}))
        self.start()
