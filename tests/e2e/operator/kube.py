"""A small client of the real API server, for tests: JSON over HTTPS, as the cluster's admin or by a token."""

import http.client
import json
import os
import ssl
import subprocess
import threading
import time
from pathlib import Path

CLUSTER = Path(os.environ["PANNIER_TEST_CLUSTER"])
KUBECTL = str(Path(os.environ["PANNIER_KUBE_PROGRAMS"]) / "kubectl")
KUBECONFIG = CLUSTER / "admin.kubeconfig"
GROUP = "apis/pannier.dev/v1alpha1"
# kind: where the API serves it
PATHS = {
    "VectorStore": f"{GROUP}/namespaces/{{ns}}/vectorstores",
    "SnapshotRepository": f"{GROUP}/namespaces/{{ns}}/snapshotrepositories",
    "StoreSnapshot": f"{GROUP}/namespaces/{{ns}}/storesnapshots",
    "StoreSnapshotSchedule": f"{GROUP}/namespaces/{{ns}}/storesnapshotschedules",
    "StoreOperation": f"{GROUP}/namespaces/{{ns}}/storeoperations",
    "StoreCleanupPolicy": f"{GROUP}/namespaces/{{ns}}/storecleanuppolicies",
    "Pod": "api/v1/namespaces/{ns}/pods",
    "Secret": "api/v1/namespaces/{ns}/secrets",
    "PersistentVolumeClaim": "api/v1/namespaces/{ns}/persistentvolumeclaims",
    "Event": "apis/events.k8s.io/v1/namespaces/{ns}/events",
    "Lease": "apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
    "Namespace": "api/v1/namespaces",
    "MutatingWebhookConfiguration": "apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration":
        "apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
VERSIONS = {"Pod": "v1", "Secret": "v1", "Namespace": "v1", "PersistentVolumeClaim": "v1"}


class Refused(Exception):
    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """Threads: any; a connection for each."""

    def __init__(self):
        self.port = int((CLUSTER / "ports").read_text().split()[0])
        self.context = ssl.create_default_context(cafile=CLUSTER / "pki" / "ca.crt")
        self.context.load_cert_chain(CLUSTER / "pki" / "admin.crt", CLUSTER / "pki" / "admin.key")
        self.local = threading.local()

    def close(self):
        """The connection of the thread that asks; others' end with their threads."""
        if hasattr(self.local, "connection"):
            self.local.connection.close()
            del self.local.connection

    def call(self, method: str, path: str, body=None, content="application/json") -> dict:
        for attempt in (1, 2, 3):
            try:
                if not hasattr(self.local, "connection"):
                    self.local.connection = http.client.HTTPSConnection(
                        "127.0.0.1", self.port, context=self.context, timeout=30)
                self.local.connection.request(method, "/" + path, json.dumps(body) if body is not None else None,
                                              {"Content-Type": content})
                answer = self.local.connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException):
                del self.local.connection
                if attempt == 3:
                    raise
                time.sleep(0.2)
        tree = json.loads(text) if text[:1] == b"{" else {"message": text.decode(errors="replace")}
        if answer.status >= 300:
            raise Refused(answer.status, tree.get("message", ""))
        return tree

    def path(self, kind: str, ns: str, name: str = "") -> str:
        return PATHS[kind].format(ns=ns) + (f"/{name}" if name else "")

    def get(self, kind: str, ns: str, name: str) -> dict | None:
        try:
            return self.call("GET", self.path(kind, ns, name))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, ns: str) -> list[dict]:
        return self.call("GET", self.path(kind, ns))["items"]

    def create(self, kind: str, ns: str, name: str, spec=None, **more) -> dict:
        metadata = {"name": name, **({"namespace": ns} if ns else {}), **more.pop("metadata", {})}
        body = {"apiVersion": VERSIONS.get(kind, "pannier.dev/v1alpha1"), "kind": kind, "metadata": metadata, **more}
        if spec is not None:
            body["spec"] = spec
        return self.call("POST", self.path(kind, ns), body)

    def patch(self, kind: str, ns: str, name: str, change: dict, status: bool = False) -> dict:
        path = self.path(kind, ns, name) + ("/status" if status else "")
        return self.call("PATCH", path, change, "application/merge-patch+json")

    def delete(self, kind: str, ns: str, name: str) -> None:
        try:
            self.call("DELETE", self.path(kind, ns, name) + ("?gracePeriodSeconds=0" if kind == "Pod" else ""))
        except Refused as error:
            if error.status != 404:
                raise


def kubectl(*arguments: str, given: str = "", check: bool = True) -> str:
    done = subprocess.run([KUBECTL, "--kubeconfig", str(KUBECONFIG), *arguments], input=given, text=True,
                          capture_output=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout + done.stderr


def condition(tree: dict | None, kind: str) -> dict:
    for each in (tree or {}).get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return each
    return {"status": "", "reason": "", "message": ""}


def eventually(holds, within: float = 40, what: str = "it never came true"):
    """The value of `holds` once it is one."""
    until = time.monotonic() + within
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.1)
