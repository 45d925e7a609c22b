#!/usr/bin/env python3
"""Goal: `kubectl pannier` works as a plug-in of the real kubectl on a real API server, with our
real definitions, and scripts can go by its exit codes.

Method: the test plays the operator by writing statuses; a pseudo-terminal plays the person who is
asked. Needs $KUBECONFIG, and $PANNIER_KUBE_PROGRAMS with kubectl; expects build/bin.
"""

import json
import os
import pty
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import closing_line  # noqa: E402

KUBECTL = str(Path(os.environ["PANNIER_KUBE_PROGRAMS"]) / "kubectl")
ENVIRONMENT = {**os.environ, "PATH": f"{ROOT / 'build/bin'}:{os.environ['PATH']}"}
API = "pannier.dev/v1alpha1"
PLAN = {"source": "snapshot of 08:00", "bytes": 4096, "dataLossSeconds": 300, "steps": ["fetch", "swap"]}


def kubectl(*arguments: str, given: str = "") -> str:
    done = subprocess.run([KUBECTL, *arguments], input=given, text=True, capture_output=True,
                          check=False, env=ENVIRONMENT)
    if done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def condition(kind: str, status: str, reason: str, message: str = "") -> dict:
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z"}


class Plugin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
        kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")

    def setUp(self):
        self.namespace = f"plugin-{uuid.uuid4().hex[:8]}"
        kubectl("create", "namespace", self.namespace)
        self.create("SnapshotRepository", "s3", {"s3": {"bucket": "bucket"}})
        self.create("VectorStore", "docs", {"storage": {"emptyDir": {}}, "repositoryRef": {"name": "s3"}})

    def create(self, kind: str, name: str, spec: dict):
        kubectl("create", "-f", "-", given=json.dumps(
            {"apiVersion": API, "kind": kind, "spec": spec,
             "metadata": {"name": name, "namespace": self.namespace}}))

    def write_status(self, kind: str, name: str, status: dict):
        kubectl("-n", self.namespace, "patch", f"{kind}.pannier.dev", name, "--subresource=status",
                "--type=merge", "-p", json.dumps({"status": status}))

    def items(self, kind: str) -> list[dict]:
        return json.loads(kubectl("-n", self.namespace, "get", f"{kind}.pannier.dev", "-o", "json",
                                  "--show-managed-fields"))["items"]

    def command(self, *words: str) -> list[str]:
        return [KUBECTL, "pannier", *words, "-n", self.namespace]

    def run_plugin(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*words), text=True, capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=60, env=ENVIRONMENT)

    def begin(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(self.command(*words), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)

    def the_only(self, kind: str, wanted=lambda each: True) -> dict:
        """The object that a command creates meanwhile, once it is as wanted."""
        for _ in range(600):
            found = [each for each in self.items(kind) if wanted(each)]
            if found:
                self.assertEqual(len(found), 1)
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no such {kind}")

    def end(self, kind: str, name: str, status: str, reason: str, **more):
        self.write_status(kind, name, {"conditions": [condition("Succeeded", status, reason)], **more})

    def test_status_by_exit_codes(self):
        self.assertEqual(self.run_plugin("status").returncode, 4)  # nobody has looked at it
        for kind, name in (("vectorstores", "docs"), ("snapshotrepositories", "s3")):
            self.write_status(kind, name, {"conditions": [condition("Ready", "True", "Fine")]})
        done = self.run_plugin("status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("docs", done.stdout)
        self.write_status("vectorstores", "docs", {"stores": {"total": 2, "corrupt": 1}})
        self.assertEqual(self.run_plugin("status").returncode, 3)
        tree = json.loads(self.run_plugin("status", "-o", "json").stdout)
        self.assertEqual(tree["vectorStores"][0]["status"]["stores"]["corrupt"], 1)
        everywhere = subprocess.run([KUBECTL, "pannier", "status", "-A"], text=True,
                                    capture_output=True, check=False, env=ENVIRONMENT)
        self.assertIn(self.namespace, everywhere.stdout)

    def test_a_snapshot_is_waited_for(self):
        running = self.begin("snapshot", "docs", "--store", "main", "--expire-after", "7d", "--wait")
        made = self.the_only("storesnapshots")
        self.assertEqual(made["spec"]["storeNames"], ["default_tenant/main"])
        self.assertEqual(made["metadata"]["managedFields"][0]["manager"], "kubectl-pannier")
        self.end("storesnapshots", made["metadata"]["name"], "True", "Completed")
        output, errors = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0, errors)
        self.assertIn("Completed", output)

    def test_a_restore_asks_on_a_terminal_and_goes_on(self):
        ours, theirs = pty.openpty()
        running = subprocess.Popen(
            self.command("restore", "docs", "--pod", "docs-0", "--store", "main", "--latest", "--wait"),
            stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        os.close(theirs)
        self.addCleanup(os.close, ours)
        name = self.the_only("storeoperations", lambda each: each["spec"]["suspend"])["metadata"]["name"]
        self.end("storeoperations", name, "Unknown", "Suspended", plan=PLAN)
        shown = ""
        while "[y/N]" not in shown:
            shown += os.read(ours, 4096).decode()
        self.assertIn("dataLossSeconds", shown)
        os.write(ours, b"y\n")
        self.the_only("storeoperations", lambda each: not each["spec"].get("suspend"))
        self.end("storeoperations", name, "True", "Completed")
        output, _ = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0)
        self.assertIn("Completed", output)

    def test_a_restore_without_anybody_to_ask(self):
        words = ("restore", "docs", "--pod", "docs-0", "--store", "main", "--latest")
        self.assertEqual(self.run_plugin(*words).returncode, 2)
        self.assertEqual(self.items("storeoperations"), [])
        running = self.begin(*words, "--dry-run")
        name = self.the_only("storeoperations", lambda each: each["spec"]["dryRun"])["metadata"]["name"]
        self.end("storeoperations", name, "True", "Completed", plan=PLAN)
        output, errors = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0, errors)
        self.assertIn("snapshot of 08:00", output)

    def test_a_check_that_finds_damage(self):
        running = self.begin("verify", "docs", "--pod", "docs-0", "--store", "main", "--wait")
        made = self.the_only("storeoperations")
        self.assertEqual(made["spec"]["action"]["verify"]["level"], "Full")
        self.end("storeoperations", made["metadata"]["name"], "False", "Failed", result={"checked": 9})
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 3)
        listed = self.run_plugin("operations", "docs", "-o", "wide")
        self.assertIn("verify", listed.stdout)

    def test_what_the_server_refuses_is_told(self):
        done = self.run_plugin("snapshot", "docs", "--store", "x" * 600)
        self.assertEqual(done.returncode, 2)
        self.assertIn("spec.storeNames", done.stderr)
        absent = self.run_plugin("snapshot", "absent")
        self.assertEqual(absent.returncode, 1)
        self.assertIn('no VectorStore "absent"', absent.stderr)
        self.assertIn("try: ", absent.stderr)

    def test_a_cleanup_report(self):
        self.create("StoreCleanupPolicy", "weekly",
                    {"schedule": "@weekly", "rules": {"sessions": {"idleSeconds": 600}}})
        self.write_status("storecleanuppolicies", "weekly", {
            "conditions": [condition("Ready", "True", "Reported")],
            "rules": [{"rule": "sessions", "candidates": 4, "deleted": 0, "reclaimedBytes": 0}]})
        done = self.run_plugin("cleanup", "report", "weekly")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sessions", done.stdout)

    def test_a_support_bundle_holds_no_secret(self):
        kubectl("-n", self.namespace, "create", "secret", "generic", "creds", "--from-literal=key=hunter2")
        kubectl("-n", self.namespace, "create", "serviceaccount", "default")
        kubectl("create", "-f", "-", given=json.dumps({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "docs-0", "namespace": self.namespace,
                         "labels": {"pannier.dev/vectorstore": "docs"}},
            "spec": {"containers": [{"name": "app", "image": "app",
                                     "env": [{"name": "KEY", "value": "hunter2"}]}]}}))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle.tar"
            done = self.run_plugin("support-bundle", "-o", str(path))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn(b"hunter2", path.read_bytes())
            with tarfile.open(path) as archive:
                names = archive.getnames()
                pods = json.load(archive.extractfile("pannier-support/pods.json"))
                stores = json.load(archive.extractfile("pannier-support/vectorstores.json"))
                about = json.load(archive.extractfile("pannier-support/about.json"))
        self.assertEqual(len(names), 10)
        self.assertEqual([each["name"] for each in pods], ["docs-0"])
        self.assertEqual([each["metadata"]["name"] for each in stores], ["docs"])
        self.assertTrue(about["server"]["gitVersion"].startswith("v1."))

    def test_the_same_as_a_word_of_pannierctl(self):
        done = subprocess.run([str(ROOT / "build/bin/pannierctl"), "kube", "operations", "-n", self.namespace],
                              text=True, capture_output=True, check=False, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no StoreOperation", done.stdout)


if __name__ == "__main__":
    closing_line.run("kubectl pannier")
