#!/usr/bin/env python3
"""Goal: a real API server takes what the chart renders, for each set of values, and its rights are
what the operator needs and no more.

Method: server-side apply, dry; the rights and definitions also for real, then the server's own
authorizer is asked what the operator's account may do. Helm installs, upgrades and uninstalls it; no
pod runs, since the server stands alone. Needs $KUBECONFIG, and $PANNIER_KUBE_PROGRAMS with kubectl.
"""

import base64
import os
import subprocess
import sys
import unittest
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / each) for each in ("chart", "support")]
import closing_line  # noqa: E402
import helm  # noqa: E402

KUBECTL = str(Path(os.environ["PANNIER_KUBE_PROGRAMS"]) / "kubectl")
SETS = [None, *sorted(helm.VALUES.glob("*.yaml"))]
RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
# verb, resource, namespace: with the defaults, and with one namespace ("team") and deletion of claims.
QUESTIONS = [
    ("list", "vectorstores.pannier.dev", "team", True, True),
    ("list", "vectorstores.pannier.dev", "other", True, False),
    ("delete", "vectorstores.pannier.dev", "team", False, False),
    ("patch", "vectorstores.pannier.dev/status", "team", True, True),
    ("patch", "vectorstores.pannier.dev", "team", False, False),
    ("create", "storesnapshots.pannier.dev", "team", True, True),
    ("delete", "storesnapshots.pannier.dev", "team", True, True),
    ("create", "storeoperations.pannier.dev", "other", True, False),
    ("watch", "pods", "team", True, True),
    ("delete", "pods", "team", False, False),
    ("create", "pods/exec", "team", False, False),
    ("get", "secrets/some-credentials", "team", True, True),
    ("get", "secrets/some-credentials", "other", True, False),
    ("list", "secrets", "team", False, False),
    ("watch", "secrets", helm.NAMESPACE, False, False),
    ("update", "secrets/pannier-operator-admin", helm.NAMESPACE, True, True),
    ("get", "secrets/of-somebody-else", helm.NAMESPACE, True, False),
    ("delete", "secrets/some-credentials", "team", False, False),
    ("create", "secrets", helm.NAMESPACE, True, True),
    ("list", "persistentvolumeclaims", "team", True, True),
    ("delete", "persistentvolumeclaims", "team", False, True),
    ("create", "leases.coordination.k8s.io", helm.NAMESPACE, True, True),
    ("update", "leases.coordination.k8s.io/pannier-operator", helm.NAMESPACE, True, True),
    ("update", "leases.coordination.k8s.io/of-somebody-else", helm.NAMESPACE, False, False),
    ("create", "leases.coordination.k8s.io", "team", False, False),
    ("create", "events.events.k8s.io", "team", True, True),
    ("get", "namespaces/team", "", True, True),
    ("list", "namespaces", "", False, False),
    ("patch", "mutatingwebhookconfigurations/OURS", "", True, True),
    ("patch", "validatingwebhookconfigurations/OURS", "", True, True),
    ("patch", "mutatingwebhookconfigurations/of-somebody-else", "", False, False),
    ("delete", "mutatingwebhookconfigurations/OURS", "", False, False),
]


def kubectl(*arguments: str, given: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([KUBECTL, *arguments], input=given, text=True, capture_output=True, check=False)


def apply(objects: list[dict], *arguments: str) -> subprocess.CompletedProcess:
    return kubectl("apply", "--server-side", "--field-manager=helm", *arguments, "-f", "-",
                   given=yaml.safe_dump_all(objects))


def may(account: str, verb: str, resource: str, namespace: str) -> str:
    kind, slash, name = resource.partition("/")
    if name in ("status", "exec"):
        what = [kind, f"--subresource={name}"]
    else:
        what = [kind + slash + name]
    place = ["--namespace", namespace] if namespace else []
    return kubectl("auth", "can-i", verb, *what, *place, f"--as={account}").stdout.strip()


class ChartOnServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for namespace in (helm.NAMESPACE, "team", "other"):
            kubectl("create", "namespace", namespace)
            # What a controller would make, so that pods of the namespace are taken.
            kubectl("--namespace", namespace, "create", "serviceaccount", "default")
        # The server then warns of pods that are not as Pod Security "restricted" wants them.
        kubectl("label", "namespace", helm.NAMESPACE, "pod-security.kubernetes.io/warn=restricted")
        crds = [each for each in helm.rendered() if each["kind"] == "CustomResourceDefinition"]
        done = apply(crds, "--force-conflicts")
        assert done.returncode == 0, done.stderr

    def rights(self, *arguments: str) -> list[dict]:
        objects = [each for each in helm.rendered(*arguments) if each["kind"] in RIGHTS]
        done = apply(objects)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(kubectl, "delete", "--ignore-not-found", "-f", "-",
                        given=yaml.safe_dump_all(objects))
        return objects

    def test_the_server_takes_every_set_of_values(self):
        for values in SETS:
            with self.subTest(values=values and values.stem):
                objects = helm.rendered(*(["--values", str(values)] if values else []))
                done = apply(objects, "--dry-run=server")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.count("serverside-applied"), len(objects), done.stdout)
                self.assertNotIn("Warning", done.stderr)

    def ask(self, column: int, objects: list[dict]):
        account = next(each for each in objects if each["kind"] == "ServiceAccount")["metadata"]
        user = f"system:serviceaccount:{helm.NAMESPACE}:{account['name']}"
        ours = next(name for each in objects if each["kind"] == "ClusterRole"
                    for rule in each["rules"] for name in rule.get("resourceNames", [])
                    if "mutatingwebhookconfigurations" in rule["resources"])
        for question in QUESTIONS:
            verb, resource, namespace = question[:3]
            with self.subTest(question=question[:3]):
                self.assertEqual(may(user, verb, resource.replace("OURS", ours), namespace),
                                 "yes" if question[3 + column] else "no")

    def test_rights_in_the_whole_cluster(self):
        self.ask(0, self.rights())

    def test_rights_in_one_namespace(self):
        self.ask(1, self.rights("--values", str(helm.VALUES / "one-namespace.yaml")))

    def publish_bundle(self, release: str) -> str:
        """As the operator does it: this field, under its own manager."""
        certificate = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
             "-keyout", "/dev/null", "-subj", "/CN=x"], capture_output=True, check=True).stdout
        bundle = base64.b64encode(certificate).decode()
        for kind, hook in (("Mutating", "inject"), ("Validating", "validate")):
            done = kubectl("apply", "--server-side", "--field-manager=pannier-operator", "-f", "-",
                           given=yaml.safe_dump({
                               "apiVersion": "admissionregistration.k8s.io/v1",
                               "kind": f"{kind}WebhookConfiguration", "metadata": {"name": release},
                               "webhooks": [{"name": f"{hook}.pannier.dev",
                                             "clientConfig": {"caBundle": bundle}}]}))
            self.assertEqual(done.returncode, 0, done.stderr)
        return bundle

    def helm(self, *arguments: str):
        done = helm.run(*arguments, "--namespace", "by-helm")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def look(self, kind: str, name: str, path: str) -> str:
        return kubectl("-n", "by-helm", "get", kind, name, "--ignore-not-found", "-o",
                       f"jsonpath={{{path}}}").stdout

    def test_helm_installs_upgrades_and_uninstalls(self):
        chart = str(helm.CHART)
        # Should it fail half-way, its webhooks must not stand in the way of others.
        self.addCleanup(helm.run, "uninstall", "pannier", "--namespace", "by-helm", "--ignore-not-found")
        # The definitions are there from elsewhere.
        self.helm("install", "pannier", chart, "--create-namespace", "--take-ownership")
        self.assertEqual(self.look("deployment", "pannier", ".spec.replicas"), "2")
        bundle = self.publish_bundle("pannier-by-helm")
        self.helm("upgrade", "pannier", chart, "--set", "webhook.timeoutSeconds=7,replicas=3")
        self.assertEqual(self.look("deployment", "pannier", ".spec.replicas"), "3")
        for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
            self.assertEqual(self.look(kind, "pannier-by-helm", ".webhooks[0].timeoutSeconds"), "7")
            self.assertEqual(self.look(kind, "pannier-by-helm", ".webhooks[0].clientConfig.caBundle"), bundle)
        self.helm("uninstall", "pannier")
        self.assertEqual(self.look("deployment", "pannier", ".metadata.name"), "")
        crds = kubectl("get", "crd", "-l", "app.kubernetes.io/part-of=pannier", "-o", "name").stdout
        self.assertEqual(len(crds.split()), 6, crds)
        # And once more, over the definitions that stayed.
        self.helm("install", "pannier", chart)
        self.helm("uninstall", "pannier")


if __name__ == "__main__":
    closing_line.run("chart on the API server")
