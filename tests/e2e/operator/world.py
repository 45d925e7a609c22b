"""A world for the operator: a real API server, real daemons as the daemons of pods that are API objects
alone, a real S3 server. Everything it starts ends with it."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import yaml

from kube import KUBECONFIG, PATHS, Api, condition, eventually, kubectl

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "chart"))
import helm  # noqa: E402

BIN = Path(os.environ.get("PANNIER_PROGRAMS", ROOT / "build" / "bin"))
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pannier"
S3_SERVER = os.environ.get("PANNIER_VERSITYGW", str(CACHE / "bin" / "versitygw"))
SYSTEM = helm.NAMESPACE


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Process:
    def __init__(self, log: Path, *command: str, env: dict | None = None):
        self.log = log
        with log.open("ab") as out:
            self.running = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})

    def end(self, how: int = signal.SIGTERM) -> int:
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGCONT)
            self.running.send_signal(how)
        try:
            return self.running.wait(30)
        except subprocess.TimeoutExpired:
            self.running.kill()
            return self.running.wait()

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class S3:
    """versitygw over a folder; a bucket is a folder in it."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.key, self.secret = "AK" + uuid.uuid4().hex[:8], uuid.uuid4().hex
        (folder / "buckets").mkdir(parents=True)
        self.start()

    def start(self):
        self.process = Process(self.folder / "log", S3_SERVER, "--port", f"127.0.0.1:{self.port}", "--quiet", "posix",
                               self.folder / "buckets",
                               env={"ROOT_ACCESS_KEY": self.key, "ROOT_SECRET_KEY": self.secret})
        eventually(self.accepts, 20, lambda: "the S3 server did not start: " + self.process.said())

    def accepts(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def bucket(self) -> str:
        name = "bucket-" + uuid.uuid4().hex[:8]
        (self.folder / "buckets" / name).mkdir()
        return name

    def files(self, bucket: str, prefix: str = "") -> list[str]:
        base = self.folder / "buckets" / bucket
        return sorted(str(each.relative_to(base)) for each in base.rglob("*")
                      if each.is_file() and str(each.relative_to(base)).startswith(prefix))


class Daemon:
    """A pannierd that stands for the sidecar of a pod, by the configuration that the webhook gave it."""

    def __init__(self, world: "World", pod: str, config: dict, secret: dict):
        self.world, self.pod = world, pod
        self.folder = world.folder / f"{pod}-{uuid.uuid4().hex[:4]}"
        self.folder.mkdir()
        self.port = free_port()
        self.socket = self.folder / "s"
        for name, value in secret["data"].items():
            (self.folder / name).write_bytes(base64.b64decode(value))
        config["dataDir"] = str(self.folder / "data")
        listen = config["listen"]
        listen["socket"]["path"] = str(self.socket)
        listen["admin"]["path"] = str(self.folder / "a")
        listen["admin"]["address"] = f"127.0.0.1:{self.port}"
        listen["admin"]["tls"] = {"certFile": str(self.folder / "tls.crt"), "keyFile": str(self.folder / "tls.key"),
                                  "clientCAFile": str(self.folder / "ca.crt")}
        listen.pop("metrics", None)
        for each in config.get("repositories", []):
            if "volume" in each:  # one folder for all pods, as a shared volume is
                each["volume"]["path"] = str(world.volume(each["name"]))
        (self.folder / "config.yaml").write_text(json.dumps(config))
        self.start()

    def start(self):
        self.process = Process(self.folder / "log", BIN / "pannierd", "--config", self.folder / "config.yaml")
        eventually(lambda: self.process.running.poll() is not None or self.answers(), 20)
        if self.process.running.poll() is not None:
            raise AssertionError("the daemon did not start: " + self.process.said())

    def answers(self) -> bool:
        """Also one that waits for its first snapshot, and therefore refuses."""
        try:
            return self.call("GET", "/api/v2/heartbeat")[0] in (200, 503)
        except OSError:
            return False

    def call(self, method: str, path: str, body=None, admin: bool = False) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self.folder / "a") if admin else str(self.socket))
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else {}

    BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"

    def fill(self, collection: str, records: int, first: int = 0):
        status, made = self.call("POST", self.BASE, {"name": collection, "get_or_create": True})
        assert status == 200, made
        ids = [f"r{number}" for number in range(first, first + records)]
        status, said = self.call("POST", f"{self.BASE}/{made['id']}/add", {
            "ids": ids, "embeddings": [[number / 7, 1.0, 2.0] for number in range(first, first + records)],
            "documents": [f"text {each}" for each in ids]})
        assert status == 201, said

    def count(self, collection: str) -> int:
        status, found = self.call("GET", f"{self.BASE}/{collection}")
        if status != 200:
            return -1
        return self.call("GET", f"{self.BASE}/{found['id']}/count")[1]

    def damage(self):
        """Turns bits in the middle of the store's rows, as a bad disk does, and has them looked at."""
        self.process.end()
        files = sorted((self.folder / "data").rglob("*.db"), key=lambda each: each.stat().st_size)
        store = next(each for each in reversed(files) if each.name != "catalog.db")
        with store.open("r+b") as out:
            for page in range(2, store.stat().st_size // 4096):
                out.seek(page * 4096 + 2048)
                out.write(b"\xa5" * 512)
        self.start()
        for collection in ("books",):
            status, found = self.call("GET", f"{self.BASE}/{collection}")
            if status == 200:
                self.call("POST", f"{self.BASE}/{found['id']}/get", {"include": ["documents", "embeddings"]})

    def stores(self) -> list[dict]:
        return self.call("GET", "/admin/v1/stores", admin=True)[1]["stores"]


class Operator:
    """`kubeconfig` and `system`, its namespace, are the world's unless told; then it keeps no caBundle."""

    def __init__(self, world: "World", *flags: str, name: str = "operator", kubeconfig: Path | None = None,
                 system: str = SYSTEM, env: dict | None = None):
        self.world, self.system = world, system
        self.log = world.folder / f"{name}-{uuid.uuid4().hex[:4]}.log"
        webhook = () if kubeconfig else (f"--webhook-name={world.webhook_name}",)
        self.process = Process(self.log, BIN / "pannier-operator", "run", f"--namespace={system}",
                               f"--kubeconfig={kubeconfig or world.kubeconfig}", "--webhook-address=127.0.0.1:0",
                               f"--webhook-service={world.webhook_service}", *webhook,
                               "--metrics-address=127.0.0.1:0", "--daemon-image=pannier/pannierd:test",
                               "--honour-admin-address", *flags, env={"TMPDIR": str(world.folder), **(env or {})})

    def address(self, what: str) -> tuple[str, int]:
        found = eventually(lambda: re.search(rf'{what}.* address=\S*?//([\d.]+):(\d+)', self.process.said()), 20,
                           self.process.said)
        return found[1], int(found[2])

    def ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(*self.address("metrics and health are served"), timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def await_ready(self):
        eventually(lambda: self.ask("/readyz")[0] == 200, 30, self.process.said)

    def leads(self) -> bool:
        lines = [line for line in self.process.said().splitlines() if "msg=leading" in line or "msg=following" in line]
        return bool(lines) and "msg=leading" in lines[-1]

    def rss_kib(self) -> int:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.running.pid}/status").read_text())[1])

    def calls(self) -> dict[str, float]:
        """Requests to the API server so far, by method; GETs of watches count when they end."""
        total: dict[str, float] = {}
        for method, count in re.findall(r'rest_client_requests_total\{code="\d+",method="(\w+)"\} (\S+)',
                                        self.ask("/metrics")[1]):
            total[method] = total.get(method, 0) + float(count)
        return total

    def webhook_authority(self) -> str:
        if self.system == SYSTEM:
            found = self.world.api.get("MutatingWebhookConfiguration", "", self.world.webhook_name)
            bundle = found["webhooks"][0]["clientConfig"]["caBundle"]
        else:
            bundle = self.world.api.get("Secret", self.system, self.world.webhook_service + "-certs")["data"]["ca.crt"]
        return base64.b64decode(bundle).decode()

    def review(self, path: str, request: dict) -> dict:
        """Asks the webhook as the API server does: its certificate must be trusted by caBundle."""
        context = ssl.create_default_context(cadata=self.webhook_authority())
        host, port = self.address("the webhook listens")
        name = f"{self.world.webhook_service}.{self.system}.svc"
        with context.wrap_socket(socket.create_connection((host, port)), server_hostname=name) as secured:
            connection = http.client.HTTPConnection(name)
            connection.sock = secured
            connection.request("POST", path, json.dumps(
                {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                 "request": {"uid": str(uuid.uuid4()), "operation": "CREATE", **request}}))
            return json.loads(connection.getresponse().read())["response"]


def apply_json_patch(document: dict, patch: list[dict]) -> dict:
    for step in patch:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
        place = document
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            if step["op"] == "add":
                place.insert(len(place) if last == "-" else int(last), step["value"])
            elif step["op"] == "replace":
                place[int(last)] = step["value"]
            else:
                del place[int(last)]
        elif step["op"] == "remove":
            del place[last]
        else:
            place[last] = step["value"]
    return document


class World:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pannier-op."))
        self.api = Api()
        self.daemons: dict[str, Daemon] = {}
        self.operators: list[Operator] = []
        self.namespaces: list[str] = []
        self.install()
        self.s3 = S3(self.folder / "s3")

    # --- what Helm would do ---

    def install(self):
        objects = [each for each in helm.rendered("--set", "cleanup.allowClaimDeletion=true")]
        names = {each["kind"]: each["metadata"]["name"] for each in objects}
        self.webhook_name = names["MutatingWebhookConfiguration"]
        service = next(each for each in objects if each["kind"] == "MutatingWebhookConfiguration")
        self.webhook_service = service["webhooks"][0]["clientConfig"]["service"]["name"]
        kubectl("create", "namespace", SYSTEM, check=False)
        wanted = ("CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role",
                  "RoleBinding")
        chosen = [each for each in objects if each["kind"] in wanted]
        for each in objects:
            # Asked by the test itself, as nothing routes Services here: never by the API server.
            if each["kind"].endswith("WebhookConfiguration"):
                for webhook in each["webhooks"]:
                    webhook["namespaceSelector"] = {"matchLabels": {"pannier.test/never": "true"}}
                chosen.append(each)
        kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-",
                given=yaml.safe_dump_all(chosen))
        account = next(each for each in objects if each["kind"] == "ServiceAccount")["metadata"]["name"]
        token = kubectl("create", "token", account, "-n", SYSTEM, "--duration=2h").strip()
        config = yaml.safe_load(KUBECONFIG.read_text())
        config["users"] = [{"name": "operator", "user": {"token": token}}]
        config["contexts"][0]["context"]["user"] = "operator"
        self.kubeconfig = self.folder / "operator.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def namespace(self) -> str:
        name = "team-" + uuid.uuid4().hex[:6]
        self.api.create("Namespace", "", name)
        kubectl("create", "serviceaccount", "default", "-n", name)  # nobody else does here
        self.namespaces.append(name)
        return name

    # --- what people and kubelet do ---

    def operator(self, *flags: str, name: str = "operator") -> Operator:
        made = Operator(self, *flags, name=name)
        self.operators.append(made)
        return made

    def volume(self, name: str) -> Path:
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def s3_repository(self, ns: str, name: str, bucket: str | None = None, port: int | None = None, **spec) -> str:
        bucket = bucket or self.s3.bucket()
        if self.api.get("Secret", ns, "s3-keys") is None:
            self.api.create("Secret", ns, "s3-keys", stringData={"accessKeyID": self.s3.key,
                                                                 "secretAccessKey": self.s3.secret})
        self.api.create("SnapshotRepository", ns, name, {
            "s3": {"bucket": bucket, "endpoint": f"http://127.0.0.1:{port or self.s3.port}", "region": "us-east-1",
                   "addressingStyle": "Path", "credentialsSecretRef": {"name": "s3-keys"}}, **spec})
        return bucket

    def vector_store(self, ns: str, name: str, repository: str | None = None, **spec) -> dict:
        spec = {"storage": {"emptyDir": {}}, "loopbackPort": 0, **spec}
        if repository:
            spec["repositoryRef"] = {"name": repository}
        made = self.api.create("VectorStore", ns, name, spec)
        eventually(lambda: self.api.get("Secret", ns, f"{name}-pannier-admin"),
                   what=lambda: "no admin Secret: " + self.operators[-1].process.said())
        return made

    def pod(self, ns: str, name: str, store: str, operator: Operator, config: dict | None = None,
            through=lambda daemon: daemon.port) -> Daemon:
        """As the webhook would have it, kubelet would run it, and the scheduler would place it. `through`: the
        port at which the operator is to look for the daemon."""
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": name, "namespace": ns, "labels": {"pannier.dev/vectorstore": store}},
               "spec": {"containers": [{"name": "work", "image": "work"}], "automountServiceAccountToken": False}}
        review = {"kind": {"kind": "Pod", "version": "v1", "group": ""}, "namespace": ns, "object": pod}
        answer = operator.review("/mutate", review)
        assert answer["allowed"], answer
        pod = apply_json_patch(pod, json.loads(base64.b64decode(answer["patch"])))
        settings = yaml.safe_load(pod["metadata"]["annotations"]["pannier.dev/daemon-config"])
        settings.update(config or {})
        daemon = Daemon(self, name, settings, self.api.get("Secret", ns, f"{store}-pannier-admin"))
        self.daemons[f"{ns}/{name}"] = daemon
        pod["metadata"]["annotations"]["pannier.dev/admin-address"] = f"127.0.0.1:{through(daemon)}"
        pod["spec"]["containers"][0].pop("env", None)
        self.api.call("POST", self.api.path("Pod", ns), pod)
        self.api.patch("Pod", ns, name, {"status": {"phase": "Running", "podIP": "127.0.0.1"}}, status=True)
        return daemon

    def await_condition(self, kind: str, ns: str, name: str, wanted: str, type_: str = "Ready", within: float = 40):
        """Waits for "True/Reason", or "True"."""
        def holds():
            tree = self.api.get(kind, ns, name)
            found = condition(tree, type_)
            said = f"{found['status']}/{found['reason']}"
            return tree if said == wanted or found["status"] == wanted else None
        return eventually(holds, within, lambda: f"{kind} {name}: wanted {wanted}, is "
                          f"{json.dumps((self.api.get(kind, ns, name) or {}).get('status'), indent=1)}\n"
                          + "\n".join(self.operators[-1].process.said().splitlines()[-15:]))

    def events(self, ns: str, name: str) -> list[str]:
        return [each["reason"] for each in self.api.list("Event", ns) if each["regarding"]["name"] == name]

    def forget(self, ns: str):
        """Removes our objects of a namespace, whatever holds them."""
        for kind in PATHS:
            if PATHS[kind].startswith("apis/pannier.dev"):
                for each in self.api.list(kind, ns):
                    name = each["metadata"]["name"]
                    self.api.delete(kind, ns, name)
                    if self.api.get(kind, ns, name):
                        self.api.patch(kind, ns, name, {"metadata": {"finalizers": None}})

    def end_operators(self):
        for each in self.operators:
            each.process.end()

    def close(self):
        self.end_operators()
        for ns in self.namespaces:
            self.forget(ns)
        self.api.close()
        for each in self.daemons.values():
            each.process.end(signal.SIGKILL)
        self.s3.process.end(signal.SIGKILL)
        if os.environ.get("PANNIER_KEEP") is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print("kept:", self.folder)

