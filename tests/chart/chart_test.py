#!/usr/bin/env python3
"""Goal: the chart is current, whole and tight for every set of values that it accepts, and refuses
the others with the name of the value.

Method: helm lint and helm template; what comes out is looked at as objects. That a real API server
takes it is tried by tests/e2e/chart.
"""

import json
import subprocess
import sys
import unittest

import helm
import yaml

sys.path.insert(0, str(helm.ROOT / "tests" / "support"))
import closing_line  # noqa: E402

FILES = {path.stem: ["--values", str(path)] for path in sorted(helm.VALUES.glob("*.yaml"))}
SETS = {"defaults": [], **FILES}
KINDS = 6
# What must be refused, and what the refusal must name.
REFUSED = [
    ("replicas=0", "replicas"), ("replicas=two", "replicas"), ("replica=2", "replica"),
    ("image.tag=a b", "tag"), ("image.digest=md5:1", "digest"), ("image.repository=", "repository"),
    ("image.pullPolicy=Sometimes", "pullPolicy"), ("watchNamespace=Team_A", "watchNamespace"),
    ("logLevel=loud", "logLevel"), ("crds.install=maybe", "install"), ("crds.keep=false", "keep"),
    ("cleanup.allowClaimDeletion=1", "allowClaimDeletion"), ("webhook.timeoutSeconds=60", "timeoutSeconds"),
    ("webhook.failurePolicy=Ignore", "failurePolicy"), ("runAsUser=0", "runAsUser"),
    ("tempSizeLimit=some", "tempSizeLimit"), ("resources.limits.memory=lots", "memory"),
    ("fullnameOverride=-x", "fullnameOverride"),
    ("monitoring.interval=often", "interval"), ("monitoring.prometheusRule.disabled={StoreCorupt}", "disabled"),
    ("monitoring.prometheusRule.runbookBaseUrl=wiki", "runbookBaseUrl"), ("monitoring.alerts=true", "alerts"),
    ("networkPolicy.create=yes", "create"),
]
MONITORS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
WITH_MONITORS = [word for kind in MONITORS for word in ("--api-versions", f"monitoring.coreos.com/v1/{kind}")]


def of_kind(objects: list[dict], kind: str) -> list[dict]:
    return [each for each in objects if each["kind"] == kind]


def only(objects: list[dict], kind: str) -> dict:
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]


def operator_rules(objects: list[dict]) -> list[dict]:
    """Rules that somebody bound to the operator."""
    bound = {(each["roleRef"]["kind"], each["roleRef"]["name"])
             for each in objects if each["kind"].endswith("RoleBinding")}
    return [rule for each in objects if (each["kind"], each["metadata"]["name"]) in bound
            for rule in each["rules"]]


def verbs_of(rules: list[dict], resource: str) -> set[str]:
    return {verb for rule in rules if resource in rule["resources"] for verb in rule["verbs"]}


class Chart(unittest.TestCase):
    def each_set(self):
        for name, arguments in SETS.items():
            yield name, helm.rendered(*arguments)

    def test_lint_finds_nothing_for_any_set_of_values(self):
        for name, arguments in SETS.items():
            with self.subTest(values=name):
                done = helm.run("lint", "--strict", "--kube-version", "1.34.0", str(helm.CHART), *arguments)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_example_is_sound_with_and_without_a_bucket(self):
        example = str(helm.ROOT / "charts" / "pannier-example")
        self.assertEqual(helm.run("lint", example).returncode, 0)
        kinds = []
        for values in ([], ["--set", "s3.bucket=b"]):
            done = helm.run("template", "example", example, "--kube-version", "1.34.0", *values)
            self.assertEqual(done.returncode, 0, done.stderr)
            kinds.append({each["kind"] for each in yaml.safe_load_all(done.stdout)})
        self.assertEqual(kinds[1] - kinds[0], {"SnapshotRepository", "StoreSnapshotSchedule"})

    def test_generated_parts_are_current(self):
        done = subprocess.run([sys.executable, str(helm.ROOT / "scripts/chart.py"), "--check"],
                              text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_wrong_values_are_refused_by_name(self):
        for value, place in REFUSED:
            with self.subTest(value=value):
                done = helm.template("--set", value)
                self.assertNotEqual(done.returncode, 0, "it was taken")
                self.assertIn(place, done.stderr)

    def test_an_older_kubernetes_is_refused(self):
        done = helm.run("template", "x", str(helm.CHART), "--kube-version", "1.28.9")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("1.29", done.stderr)

    def test_definitions_are_behind_their_value_and_kept(self):
        for _, objects in self.each_set():
            crds = of_kind(objects, "CustomResourceDefinition")
            self.assertIn(len(crds), (0, KINDS))
            for crd in crds:
                self.assertEqual(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        self.assertEqual(len(of_kind(helm.rendered(), "CustomResourceDefinition")), KINDS)
        self.assertFalse(of_kind(helm.rendered("--set", "crds.install=false"),
                                 "CustomResourceDefinition"))

    def test_the_operator_is_what_pod_security_restricted_asks_for(self):
        for _, objects in self.each_set():
            pod = only(objects, "Deployment")["spec"]["template"]["spec"]
            context = pod["securityContext"]
            self.assertTrue(context["runAsNonRoot"])
            self.assertGreater(context["runAsUser"], 0)
            self.assertEqual(context["seccompProfile"]["type"], "RuntimeDefault")
            (container,) = pod["containers"]
            self.assertEqual(container["securityContext"], {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]}})
            (volume,) = pod["volumes"]
            self.assertEqual(volume["emptyDir"]["medium"], "Memory")
            self.assertIn("memory", container["resources"]["limits"])
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                self.assertEqual(container[probe]["httpGet"]["port"], "metrics")

    def test_webhooks_fail_closed_on_pods_that_opted_in_only(self):
        for name, objects in self.each_set():
            for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
                (hook,) = only(objects, kind)["webhooks"]
                self.assertEqual(hook["failurePolicy"], "Fail")
                self.assertNotIn("caBundle", hook["clientConfig"])
                self.assertLessEqual(hook["timeoutSeconds"], 10)
                self.assertEqual("team" in str(hook["namespaceSelector"]), name == "one-namespace")
            (hook,) = only(objects, "MutatingWebhookConfiguration")["webhooks"]
            self.assertEqual(hook["objectSelector"]["matchExpressions"],
                             [{"key": "pannier.dev/vectorstore", "operator": "Exists"}])

    def test_flags_name_what_is_there(self):
        for name, objects in self.each_set():
            container = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
            flags = dict(each.lstrip("-").partition("=")[::2] for each in container["args"][1:])
            services = {each["metadata"]["name"] for each in of_kind(objects, "Service")}
            self.assertIn(flags["webhook-service"], services)
            for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
                hook = only(objects, kind)
                self.assertEqual(flags["webhook-name"], hook["metadata"]["name"])
                self.assertEqual(flags["webhook-service"],
                                 hook["webhooks"][0]["clientConfig"]["service"]["name"])
            self.assertEqual(flags["namespace"], helm.NAMESPACE)
            self.assertEqual("allow-claim-deletion" in flags, name == "one-namespace")
            self.assertEqual(flags["watch-namespace"], "team" if name == "one-namespace" else "")
            self.assertEqual({each["name"] for each in container["env"]}, {"POD_NAMESPACE", "POD_NAME"})

    def test_images_come_from_registry_tag_or_digest(self):
        def images(*arguments: str):
            container = only(helm.rendered(*arguments), "Deployment")[
                "spec"]["template"]["spec"]["containers"][0]
            return container["image"], next(
                each.partition("=")[2] for each in container["args"] if "daemon-image" in each)
        version = helm.run("show", "chart", str(helm.CHART)).stdout.split("appVersion: ")[1].split()[0]
        self.assertEqual(images(), (f"pannier/pannier-operator:{version}", f"pannier/pannierd:{version}"))
        self.assertEqual(images(*FILES["everything"]),
                         ("mirror.example:5000/team/op/erator@sha256:" + 4 * "0123456789abcdef",
                          "mirror.example:5000/team/daemon:1.2.3-rc.1"))

    def test_rights_hold_no_wildcard_no_exec_and_no_list_of_secrets(self):
        for name, objects in self.each_set():
            rules = operator_rules(objects)
            self.assertEqual(not rules, name == "without-rights")
            for rule in rules:
                self.assertNotIn("*", rule["verbs"] + rule["resources"] + rule["apiGroups"])
                self.assertFalse({"pods/exec", "nodes", "configmaps"} & set(rule["resources"]))
                if "mutatingwebhookconfigurations" in rule["resources"] or (
                        "leases" in rule["resources"] and rule["verbs"] != ["create"]):
                    self.assertTrue(rule.get("resourceNames"))
            self.assertLessEqual(verbs_of(rules, "secrets"), {"get", "create", "update"})
            self.assertLessEqual(verbs_of(rules, "pods"), {"get", "list", "watch"})
            self.assertEqual("delete" in verbs_of(rules, "persistentvolumeclaims"),
                             name == "one-namespace")

    def test_with_one_namespace_rights_to_objects_are_of_that_namespace(self):
        objects = helm.rendered(*FILES["one-namespace"])
        for role in of_kind(objects, "ClusterRole"):
            if "aggregate" in str(role["metadata"]["labels"]):
                continue
            for rule in role["rules"]:
                self.assertTrue(rule.get("resourceNames"), rule)
        places = {each["metadata"]["namespace"] for each in of_kind(objects, "Role")}
        self.assertEqual(places, {"team", helm.NAMESPACE})

    def test_monitors_and_rules_are_made_where_the_cluster_knows_them(self):
        for name, objects in self.each_set():
            self.assertFalse([each for each in objects if each["kind"] in MONITORS], name)
            made = helm.rendered(*SETS[name], *WITH_MONITORS)
            self.assertEqual(len(of_kind(made, "ServiceMonitor")), int(name != "one-namespace"))
            self.assertEqual(len(of_kind(made, "PrometheusRule")), 2)
            where = only(made, "PodMonitor")["spec"]["namespaceSelector"]
            self.assertEqual(where, {"matchNames": ["team"]} if name == "one-namespace" else {"any": True})
        off = [f"--set=monitoring.{kind[0].lower() + kind[1:]}.create=false" for kind in MONITORS]
        self.assertFalse([each for each in helm.rendered(*WITH_MONITORS, *off) if each["kind"] in MONITORS])

    def test_monitors_find_what_they_are_for(self):
        made = helm.rendered(*WITH_MONITORS)
        monitor = only(made, "ServiceMonitor")["spec"]
        found = [each for each in of_kind(made, "Service")
                 if monitor["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
                 and monitor["endpoints"][0]["port"] in [port["name"] for port in each["spec"]["ports"]]]
        self.assertEqual(len(found), 1)
        # What the injection writes into pods.
        source = (helm.ROOT / "lib/inject/container.cc").read_text()
        endpoint = only(made, "PodMonitor")["spec"]["podMetricsEndpoints"][0]
        self.assertIn(f'{{"name", "{endpoint["port"]}"}}', source)
        self.assertIn('"pannier.dev/injected"', (helm.ROOT / "lib/inject/sidecar.h").read_text())

    def test_rules_are_those_of_the_files(self):
        def rules(objects: list[dict]) -> list[dict]:
            return [rule for each in of_kind(objects, "PrometheusRule")
                    for group in each["spec"]["groups"] for rule in group["rules"]]
        files = [yaml.safe_load(path.read_text()) for path in sorted((helm.CHART / "rules").glob("*.yaml"))]
        plain = [rule for each in files for group in each["groups"] for rule in group["rules"]]
        self.assertEqual(rules(helm.rendered(*WITH_MONITORS)), plain)
        fewer = rules(helm.rendered(*FILES["everything"], *WITH_MONITORS))
        self.assertEqual([rule for rule in fewer if rule.get("alert") in ("LatencyHigh", "WatchStale")], [])
        self.assertEqual(len(fewer), len(plain) - 2)
        for rule in fewer:
            if "alert" in rule:
                self.assertRegex(rule["annotations"]["runbook_url"], r"^https://wiki\.example/pannier/[a-z-]+\.md$")

    def test_dashboards_are_config_maps_behind_a_value(self):
        for name, objects in self.each_set():
            found = [each for each in of_kind(objects, "ConfigMap") if "dashboard" in each["metadata"]["name"]]
            self.assertEqual(len(found), 2 if name in ("everything", "one-namespace") else 0)
            for each in found:
                self.assertEqual(each["metadata"]["labels"]["grafana_dashboard"], "1")
                (file, text), = each["data"].items()
                plain = helm.CHART / "dashboards" / file.removeprefix("pannier-")
                self.assertEqual(json.loads(text), json.loads(plain.read_text()))

    def test_a_network_policy_leaves_open_what_is_needed(self):
        self.assertFalse(of_kind(helm.rendered(), "NetworkPolicy"))
        policy = only(helm.rendered(*FILES["everything"]), "NetworkPolicy")["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress"])
        webhook, metrics = policy["ingress"]
        self.assertEqual((webhook["ports"], "from" in webhook), ([{"port": "webhook"}], False))
        self.assertEqual((metrics["ports"], len(metrics["from"])), ([{"port": "metrics"}], 1))

    def test_long_names_fit(self):
        done = helm.template(release="r" * 53)
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            if line.startswith("  name: ") and "pannier.dev" not in line:
                self.assertLessEqual(len(line.removeprefix("  name: ").strip()), 68)


if __name__ == "__main__":
    closing_line.run("chart")
