#!/usr/bin/env python3
"""Goal: the operator does its work with exactly the rights and flags that the chart gives it: in the
whole cluster, and in one namespace.

Method: the real program on a real API server, as the chart's service account, with the arguments of
the rendered Deployment; objects of each kind are made, and it must write their statuses without the
server ever saying 403. What it asked for is then compared with each rule: one that nobody used is
one too many. Webhooks are made to match nothing, since nobody can reach the program by its Service
here. Needs $KUBECONFIG, $PANNIER_TEST_CLUSTER, $PANNIER_KUBE_PROGRAMS; expects build/bin.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
import urllib.request
import uuid
from pathlib import Path

import yaml

from apply import KUBECTL, RIGHTS, apply, closing_line, helm, kubectl

AUDIT = Path(os.environ["PANNIER_TEST_CLUSTER"]) / "log" / "audit.log"
OPERATOR = helm.ROOT / "build" / "bin" / "pannier-operator"
SECONDS = 90  # a schedule of minutes is due within one


def eventually(what: str, look):
    """What `look` returns, once that is something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"not within {SECONDS} s: {what}")


def kubeconfig_of(account: str) -> dict:
    """The admin's kubeconfig with the account's token instead."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "-o", "yaml").stdout)
    token = kubectl("create", "token", account, "-n", helm.NAMESPACE).stdout.strip()
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    return config


def asked_by(user: str) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of all that a user asked for; resources as rules write them."""
    asked = set()
    for line in AUDIT.read_text().splitlines():
        event = json.loads(line)
        about = event.get("objectRef", {})
        if event["user"]["username"] == user and "resource" in about:
            resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
            asked.add((about.get("apiGroup", ""), resource, event["verb"]))
    return asked


def unused(objects: list[dict], asked: set[tuple[str, str, str]]) -> list[str]:
    """Resources of the operator's rules that none of it was about."""
    bound = {each["roleRef"]["name"] for each in objects if each["kind"].endswith("RoleBinding")}
    return sorted({
        f"{group}/{resource} of {each['metadata']['name']}"
        for each in objects if each["kind"] in ("Role", "ClusterRole") and each["metadata"]["name"] in bound
        for rule in each["rules"] for group in rule["apiGroups"] for resource in rule["resources"]
        if not any((group, resource, verb) in asked for verb in rule["verbs"])})


class Running:
    """The program as the chart would start it."""

    def __init__(self, objects: list[dict], folder: Path):
        account = next(each for each in objects if each["kind"] == "ServiceAccount")["metadata"]["name"]
        self.user = f"system:serviceaccount:{helm.NAMESPACE}:{account}"
        container = next(each for each in objects if each["kind"] == "Deployment")[
            "spec"]["template"]["spec"]["containers"][0]
        arguments = [re.sub(r"-address=.*", "-address=127.0.0.1:0", each) for each in container["args"]]
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig_of(account)))
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [OPERATOR, *arguments, "--kubeconfig", str(folder / "kubeconfig")], stderr=log,
                stdout=log, env={"POD_NAMESPACE": helm.NAMESPACE, "POD_NAME": "operator-0"})
        self.url = "http://" + eventually("an address", self.address)

    def address(self) -> str:
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r'metrics and health are served.*?(127\.0\.0\.1:[0-9]+)', self.log.read_text())
        return found.group(1) if found else ""

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)


class OperatorOnServer(unittest.TestCase):
    def start(self, *arguments: str) -> tuple[Running, list[dict]]:
        """The operator, and all that the chart says."""
        objects = helm.rendered(*arguments)
        for namespace in (helm.NAMESPACE, "team"):
            kubectl("create", "namespace", namespace)
        # As on the first day, so that what must be created is.
        kubectl("-n", helm.NAMESPACE, "delete", "leases,secrets", "--all")
        crds = [each for each in helm.rendered() if each["kind"] == "CustomResourceDefinition"]
        self.assertEqual(apply(crds, "--force-conflicts").returncode, 0)
        hooks = [each for each in objects if each["kind"].endswith("WebhookConfiguration")]
        for hook in hooks:
            hook["webhooks"][0]["objectSelector"] = {"matchLabels": {"nobody": "has-this"}}
        made = hooks + [each for each in objects if each["kind"] in RIGHTS]
        done = apply(made)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(kubectl, "delete", "--ignore-not-found", "-f", "-",
                        given=yaml.safe_dump_all(made))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        running = Running(objects, Path(folder.name))
        self.addCleanup(running.process.kill)
        return running, objects

    def create(self, kind: str, name: str, spec: dict, api: str = "pannier.dev/v1alpha1"):
        done = kubectl("create", "-f", "-", given=json.dumps(
            {"apiVersion": api, "kind": kind, "spec": spec,
             "metadata": {"name": name, "namespace": "team", "labels": {"app": "docs"}}}))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.forget, kind, name)

    def forget(self, kind: str, name: str):
        # Nobody is there any more who would take the finalizer away.
        kubectl("-n", "team", "patch", kind, name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        kubectl("-n", "team", "delete", kind, name, "--ignore-not-found", "--wait=false")

    def condition(self, kind: str, name: str, condition: str) -> str:
        tree = json.loads(kubectl("-n", "team", "get", kind, name, "-o", "json").stdout or "{}")
        return next((each["reason"] for each in tree.get("status", {}).get("conditions", [])
                     if each["type"] == condition), "")

    def work(self, running: Running, objects: list[dict]):
        eventually("ready", lambda: running.get("/readyz"))
        eventually("leading", lambda: 'leader_election_master_status' in running.get("/metrics") and re.search(
            r"^leader_election_master_status\S* 1$", running.get("/metrics"), re.M))
        for hook in (each for each in objects if each["kind"].endswith("WebhookConfiguration")):
            eventually("caBundle", lambda: kubectl(
                "get", hook["kind"], hook["metadata"]["name"], "-o",
                "jsonpath={.webhooks[0].clientConfig.caBundle}").stdout)
        mark = uuid.uuid4().hex[:6]
        store, repository = f"store-{mark}", f"repository-{mark}"
        self.create("SnapshotRepository", repository, {"s3": {
            "bucket": "bucket", "region": "here", "endpoint": "http://127.0.0.1:9",
            "credentialsSecretRef": {"name": "absent"}}})
        self.create("VectorStore", store, {"storage": {"emptyDir": {}}, "repositoryRef": {"name": repository}})
        self.create("StoreSnapshot", f"snapshot-{mark}", {"vectorStoreRef": {"name": store}})
        self.create("StoreSnapshotSchedule", f"schedule-{mark}", {
            "schedule": "0 0 1 1 *", "template": {"spec": {"vectorStoreRef": {"name": store}}}})
        self.create("StoreOperation", f"operation-{mark}", {
            "vectorStoreRef": {"name": "absent"}, "target": {"podName": "p", "storeName": "t/d"},
            "action": {"compact": {}}})
        self.create("PersistentVolumeClaim", f"claim-{mark}", {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}, "v1")
        self.create("StoreCleanupPolicy", f"policy-{mark}", {
            "schedule": "* * * * *", "rules": {"persistentVolumeClaims": {
                "selector": {"matchLabels": {"app": "docs"}}, "unusedSeconds": 86400}}})
        for kind, name, condition in (
                ("vectorstores", store, "Ready"), ("snapshotrepositories", repository, "Ready"),
                ("storesnapshots", f"snapshot-{mark}", "Succeeded"),
                ("storesnapshotschedules", f"schedule-{mark}", "Ready"),
                ("storeoperations", f"operation-{mark}", "Succeeded"),
                ("storecleanuppolicies", f"policy-{mark}", "Ready")):
            eventually(f"a status of {name}",
                       lambda: self.condition(f"{kind}.pannier.dev", name, condition))
        # Its finalizer is taken away again; and the policy has run.
        kubectl("-n", "team", "delete", "storesnapshots.pannier.dev", f"snapshot-{mark}", "--timeout=40s")
        eventually("a run of the policy", lambda: kubectl(
            "-n", "team", "get", "storecleanuppolicies.pannier.dev", f"policy-{mark}", "-o",
            "jsonpath={.status.lastRunTime}").stdout)
        metrics = running.get("/metrics")
        self.assertIn("rest_client_requests_total", metrics)
        self.assertNotIn('code="403"', metrics, running.log.read_text())
        self.assertNotIn("forbidden", running.log.read_text())
        self.assertEqual(running.stop(), 0)
        self.assertEqual(unused(objects, asked_by(running.user)), [])
        self.assertEqual(kubectl("-n", helm.NAMESPACE, "get", "lease", "pannier-operator", "-o",
                                 "jsonpath={.spec.holderIdentity}").stdout, "")

    def test_in_the_whole_cluster(self):
        self.work(*self.start())

    def test_in_one_namespace(self):
        self.work(*self.start("--values", str(helm.VALUES / "one-namespace.yaml")))


if __name__ == "__main__":
    assert KUBECTL
    closing_line.run("the operator as the chart runs it")
