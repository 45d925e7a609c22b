"""The objects that the tests give to the API server."""

from __future__ import annotations

import sys
from pathlib import Path

import existing
from node import VENV

API = "pannier.dev/v1alpha1"
BUSYBOX = existing.BUSYBOX
WORKER = "/test/worker.py"
PYTHON = "python" if existing.WORKER else str(VENV / "bin" / "python")
# The Python of this machine, so that no image with Chroma's client has to be made: its folders, as
# they are mounted into a worker. Folders of pods that may not do that have busybox for a worker.
FOLDERS = {"/usr": "/usr", "/lib": "/usr/lib", "/lib64": "/usr/lib64", "/etc/ssl": "/etc/ssl"}


def of_pannier(kind: str, name: str, **spec) -> dict:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def vector_store(**spec) -> dict:
    return of_pannier("VectorStore", "docs", **spec)


def python_folders() -> dict[str, str]:
    """Where this Python and its packages are, beside the machine's folders."""
    own = {str(Path(each).resolve()) for each in (sys.base_prefix, VENV)}
    return {**FOLDERS, **{each: each for each in own if not each.startswith("/usr")}}


def python_worker(journal: dict, *arguments: str) -> dict:
    """A pod's spec whose worker runs worker.py with Chroma's client; as root where it mounts folders of the node.
    `journal`: the volume of what it was told."""
    mounts = {} if existing.WORKER else python_folders()
    return {"terminationGracePeriodSeconds": 2,
            "containers": [{
                "name": "worker", "image": existing.WORKER or BUSYBOX, "command": [PYTHON, WORKER, *arguments],
                "env": [{"name": "ANONYMIZED_TELEMETRY", "value": "False"}],
                "volumeMounts": [{"name": f"node-{n}", "mountPath": path, "readOnly": True}
                                 for n, path in enumerate(mounts)]
                + [{"name": "test", "mountPath": "/test", "readOnly": True}, {"name": "journal", "mountPath": "/journal"}]}],
            "volumes": [{"name": f"node-{n}", "hostPath": {"path": path}} for n, path in enumerate(mounts.values())]
            + [{"name": "test", "configMap": {"name": "worker"}}, {"name": "journal", **journal}]}


def worker_program() -> dict:
    text = Path(__file__).with_name("worker.py").read_text()
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "worker"}, "data": {"worker.py": text}}


def claim(name: str, size: str) -> dict:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}


def restricted_worker(command: str) -> dict:
    """A pod's spec that Pod Security "restricted" allows; its worker is a shell of busybox."""
    return {"terminationGracePeriodSeconds": 2,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "worker", "image": BUSYBOX, "command": ["sh", "-c", command],
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]}


def template(spec: dict, opted_in: bool = True) -> dict:
    labels = {"app": "app", **({"pannier.dev/vectorstore": "docs"} if opted_in else {})}
    return {"metadata": {"labels": labels}, "spec": spec}


def pod(name: str, spec: dict, opted_in: bool = True) -> dict:
    made = template({"restartPolicy": "Never", **spec}, opted_in)
    made["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **made}


def deployment(spec: dict) -> dict:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "app"}}, "strategy": {"type": "Recreate"},
                     "template": template(spec)}}


def stateful_set(spec: dict, volume: str) -> dict:
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "app"},
            "spec": {"replicas": 1, "serviceName": "app", "selector": {"matchLabels": {"app": "app"}},
                     "template": template(spec),
                     "volumeClaimTemplates": [{"metadata": {"name": volume}, "spec": {
                         "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}


def job(spec: dict) -> dict:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "app"},
            "spec": {"backoffLimit": 0, "template": template({"restartPolicy": "Never", **spec})}}


def cron_job(spec: dict) -> dict:
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "app"},
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job(spec)["spec"]}}}


def s3_server(image: str) -> list[dict]:
    """versitygw with one bucket, and its Service; what is in it goes with its pod."""
    server = {"containers": [{
        "name": "s3", "image": image, "command": ["/usr/bin/versitygw", "--port", ":7070", "posix", "/data"],
        "env": [{"name": "ROOT_ACCESS_KEY", "value": "key"}, {"name": "ROOT_SECRET_KEY", "value": "secret"}],
        "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "initContainers": [{"name": "bucket", "image": BUSYBOX, "command": ["mkdir", "-p", "/data/bucket"],
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "volumes": [{"name": "data", "emptyDir": {}}]}
    labels = {"app": "s3"}
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s3", "labels": labels}, "spec": server},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s3"},
             "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 7070}]}}]


def s3_repository(namespace: str) -> list[dict]:
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"},
             "stringData": {"accessKeyID": "key", "secretAccessKey": "secret"}},
            of_pannier("SnapshotRepository", "s3", validationIntervalSeconds=30, s3={
                "bucket": "bucket", "prefix": namespace, "region": "us-east-1", "addressingStyle": "Path",
                "endpoint": f"http://s3.{namespace}.svc.cluster.local", "credentialsSecretRef": {"name": "s3"}})]
