"""The cluster of one node that the tests run in, and what they ask of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "tests" / "e2e" / "cluster" / "node"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pannier"
VENV = Path(os.environ.get("PANNIER_VENV") or CACHE / "venv")
SYSTEM = "pannier-system"
NODE_NAME = "node"  # as cluster/node/env.sh has it


class Cluster:
    """What is asked of any cluster, by kubectl and helm."""

    def __init__(self, kubeconfig: Path | str, programs: Path) -> None:
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig),
                            "PATH": f"{ROOT / 'build/bin'}:{VENV / 'bin'}:{CACHE / 'bin'}:{programs}:{os.environ['PATH']}"}

    def up(self) -> None:
        self.kubectl("version")  # it is there

    def down(self) -> None:
        """Others use it."""

    def import_image(self, archive: Path) -> None:
        """It has its own ways to get them."""

    def run(self, *command: str, given: str = "", seconds: float = 180) -> str:
        done = subprocess.run(command, input=given, text=True, capture_output=True, check=False, timeout=seconds,
                              env=self.environment)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def kubectl(self, *words: str, given: str = "") -> str:
        return self.run("kubectl", *words, given=given)

    def helm(self, *words: str) -> str:
        return self.run("helm", *words)

    def apply(self, namespace: str, *objects: dict, dry_run: bool = False) -> str:
        options = ["--dry-run=server"] if dry_run else []
        return self.kubectl("-n", namespace, "apply", *options, "-f", "-", given=json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def get(self, namespace: str, *words: str) -> dict:
        return json.loads(self.kubectl("-n", namespace, "get", *words, "-o", "json"))

    def exists(self, namespace: str, *words: str) -> bool:
        return bool(self.kubectl("-n", namespace, "get", *words, "--ignore-not-found", "-o", "name").strip())

    def new_namespace(self, name: str, pod_security: str = "privileged") -> str:
        namespace = f"{name}-{uuid.uuid4().hex[:6]}"
        self.kubectl("create", "namespace", namespace)
        # Pods are refused until then.
        eventually("it has its service account", lambda: self.exists(namespace, "serviceaccount", "default"))
        self.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/enforce={pod_security}")
        return namespace

    def pod_of(self, namespace: str, selector: str = "app=app") -> dict:
        """The one that runs and is not going."""
        pods = [pod for pod in self.get(namespace, "pods", "-l", selector)["items"]
                if "deletionTimestamp" not in pod["metadata"]]
        assert len(pods) == 1, [pod["metadata"]["name"] for pod in pods]
        return pods[0]

class Node(Cluster):
    """One of our own. Everything of it is below `folder`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pannier-node-"))
        super().__init__(self.folder / "admin.kubeconfig", Path(self.script("build.sh").splitlines()[-1]))

    def script(self, name: str, *arguments: str) -> str:
        done = subprocess.run([str(SCRIPTS / name), *arguments], text=True, capture_output=True, check=False)
        if done.returncode:
            raise AssertionError(f"{name}: {done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.script("up.sh", str(self.folder))

    def down(self, *processes: str) -> None:
        """All of it, or these processes alone."""
        self.script("down.sh", str(self.folder), *processes)

    def kill(self, process: str) -> None:
        os.kill(int((self.folder / f"{process}.pid").read_text()), signal.SIGKILL)

    def import_image(self, archive: Path) -> None:
        self.run("ctr", "--address", str(self.folder / "containerd.sock"), "--namespace", "k8s.io", "images", "import",
                 str(archive))

    def pids(self, name: str, group: str = "") -> list[int]:
        """Of the processes of that name, as this machine sees them; `group`: a part of their cgroup's name."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "comm").read_text().strip() == name[:15] and group in (folder / "cgroup").read_text():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def pid_of(self, pod: dict, name: str) -> int:
        pids = self.pids(name, pod["metadata"]["uid"])
        if not pids:
            raise AssertionError(f"no {name} runs in {pod['metadata']['name']}")
        return pids[0]

    def daemon_pid(self, pod: dict) -> int:
        return self.pid_of(pod, "pannierd")


def eventually(what: str, probe: Callable[[], object], seconds: float = 90):
    """The probe's first true answer; it may fail until then."""
    end, last = time.monotonic() + seconds, "it answers no"
    while time.monotonic() < end:
        try:
            found = probe()
            if found:
                return found
        except (AssertionError, LookupError, ValueError) as error:
            last = str(error)[:1000]
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:.0f} s: {what}: {last}")


def condition(tree: dict, kind: str) -> str:
    """Its status and reason, such as True/AsWanted."""
    for each in tree.get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return f"{each['status']}/{each['reason']}"
    return ""
