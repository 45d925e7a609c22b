"""What the tests of the node have in common: a namespace, a worker that writes, and what it was told."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import tempfile
import unittest
from pathlib import Path

import existing
import make as images
import objects as make
from node import CACHE, ROOT, Cluster, Node, condition, eventually

node = Cluster(existing.KUBECONFIG, CACHE / "kube" / "bin") if existing.KUBECONFIG else Node()


class Case(unittest.TestCase):
    def in_namespace(self, pod_security: str = "privileged") -> str:
        self.ns = node.new_namespace("app", pod_security)
        self.addCleanup(node.kubectl, "delete", "namespace", self.ns, "--wait=false", "--ignore-not-found")
        node.apply(self.ns, make.worker_program())
        if existing.KUBECONFIG:
            node.apply(self.ns, make.claim("journal", "16Mi"))
            self.journal_volume = {"persistentVolumeClaim": {"claimName": "journal"}}
        else:
            self.journal = node.folder / "journals" / self.ns
            self.journal_volume = {"hostPath": {"path": str(self.journal), "type": "DirectoryOrCreate"}}
        return self.ns

    def rolled_out(self, what: str) -> None:
        node.kubectl("-n", self.ns, "rollout", "status", what, "--timeout=90s")

    def acknowledged(self) -> int:
        if existing.KUBECONFIG:
            return len(self.in_worker("cat", "/journal/acknowledged").splitlines())
        with contextlib.suppress(FileNotFoundError):
            return len((self.journal / "acknowledged").read_text().splitlines())
        return 0

    def in_worker(self, *command: str) -> str:
        pod = node.pod_of(self.ns)["metadata"]["name"]
        return node.kubectl("-n", self.ns, "exec", pod, "-c", "worker", "--", *command)

    def goes_on(self, seconds: float = 90) -> None:
        """The worker's writes are acknowledged, from now on."""
        before = []

        def writes() -> bool:
            before.append(self.acknowledged())
            return before[-1] > before[0] + 5
        eventually("the worker writes", writes, seconds)

    def lost(self) -> list:
        """Of the acknowledged records, those that Chroma's client does not find."""
        text = self.in_worker(make.PYTHON, make.WORKER, "check", "/journal/acknowledged")
        found = json.loads(text.splitlines()[-1])
        self.assertGreater(found["acknowledged"], 0)
        return found["lost"]

    def ready(self, kind: str, name: str, wanted: str, which: str = "Ready", seconds: float = 90) -> dict:
        def probe():
            tree = node.get(self.ns, kind, name)
            if condition(tree, which) != wanted:
                raise AssertionError(json.dumps(tree.get("status", {}).get("conditions", []))[:800])
            return tree
        return eventually(f"{kind} {name}: {which} is {wanted}", probe, seconds)

    def writer(self) -> dict:
        return make.python_worker(self.journal_volume, "write", "/journal/acknowledged")

    def running_writer(self, **spec) -> dict:
        """A namespace, a VectorStore, and a Deployment whose worker writes."""
        self.in_namespace()
        store = make.vector_store(**{"storage": {"ephemeralClaim": {"size": "1Gi"}}, **spec})
        # The Service may still lead to an operator that has just gone.
        eventually("the webhook answers", lambda: node.apply(self.ns, store), 30)
        node.apply(self.ns, make.deployment(self.writer()))
        self.rolled_out("deployment/app")
        self.goes_on()
        return node.pod_of(self.ns)


@functools.cache
def import_s3_server() -> str:
    """The S3 server as an image: a program and its libraries, like ours. Returns its name."""
    name = "localhost/s3:test"
    with tempfile.TemporaryDirectory() as folder:
        contents = images.collect([CACHE / "bin" / "versitygw"], zones=False, licence=ROOT / "LICENSE", scratch=Path(folder))
        layer = images.archive.layer([*contents.base.values(), *contents.programs.values()])
        archive = Path(folder) / "s3.tar"
        images.archive.write(archive, name, images.output("dpkg", "--print-architecture").strip(), {}, [layer],
                             "1970-01-01T00:00:00Z")
        node.import_image(archive)
    return name


def answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 1):
            return True
    except OSError:
        return False


class SnapshotCase(Case):
    def with_repository(self) -> None:
        self.in_namespace()
        node.apply(self.ns, *make.s3_server(import_s3_server()))
        node.kubectl("-n", self.ns, "wait", "pod/s3", "--for=condition=Ready", "--timeout=60s")
        address = node.get(self.ns, "service", "s3")["spec"]["clusterIP"]
        # Else the operator finds nobody there, and looks again after half a minute.
        eventually("the Service leads there", lambda: answers(address, 80))
        node.apply(self.ns, *make.s3_repository(self.ns))
        self.ready("snapshotrepository", "s3", "True/Validated")

    def snapshot(self, name: str) -> None:
        node.apply(self.ns, make.of_pannier("StoreSnapshot", name, vectorStoreRef={"name": "docs"}))
        self.ready("storesnapshot", name, "True/Completed", "Succeeded")
        self.assertTrue(condition(node.get(self.ns, "storesnapshot", name), "Verified").startswith("True/"))

    def start(self, **spec) -> None:
        node.apply(self.ns, make.vector_store(repositoryRef={"name": "s3"}, **spec))
        node.apply(self.ns, make.deployment(self.writer()))
        self.rolled_out("deployment/app")
        self.goes_on()
