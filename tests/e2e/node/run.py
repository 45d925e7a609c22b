#!/usr/bin/env python3
"""Goal: what a user of Kubernetes is promised holds in a real cluster: installed by Helm, injected by the
label alone, stores that outlive pods, daemons, operators and nodes, with no acknowledged record lost.

Method: a cluster of one node (cluster/node), our images, the chart as it is, and workers with Chroma's
own client or a shell. Needs root; builds what is missing. run.py [NAME...] runs some of the tests.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "support"), str(Path(__file__).resolve().parents[3] / "images")]
import closing_line  # noqa: E402
import existing  # noqa: E402
import make as images  # noqa: E402
import objects as make  # noqa: E402
from case import Case, SnapshotCase, node  # noqa: E402
from day_two import DayTwo, Footprint  # noqa: E402, F401
from node import ROOT, SYSTEM, condition, eventually  # noqa: E402
from upgrade import Releases  # noqa: E402

for each in (DayTwo, Footprint, Releases):
    each.__module__ = __name__  # unittest sets up and tears down by module
del each  # a test case by another name would run once more

PAGE = 16_384  # of a store's file

archives = Path(tempfile.mkdtemp(prefix="pannier-images-"))


def setUpModule():  # noqa: N802: unittest's name
    node.up()
    for image in images.IMAGES:
        node.import_image(images.write_image(image, ROOT / "build" / "bin", archives))
    node.kubectl("create", "namespace", SYSTEM)
    node.kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted")
    install()


def tearDownModule():  # noqa: N802
    if os.environ.get("PANNIER_KEEP"):
        print(f"kept: KUBECONFIG={node.folder}/admin.kubeconfig")
        return
    node.down()
    shutil.rmtree(archives)


def install():
    node.helm("install", "pannier", str(ROOT / "charts" / "pannier"), "-n", SYSTEM, *existing.helm_values(), "--wait",
              "--timeout", "120s")


class QuickStart(Case):
    def test_a_label_is_all_that_a_worker_with_the_stock_client_needs(self):
        pod = self.running_writer()
        self.ready("vectorstore", "docs", "True/AsWanted")
        self.assertEqual(pod["spec"]["initContainers"][0]["name"], "pannierd")
        self.assertEqual(self.lost(), [])
        table = node.kubectl("-n", self.ns, "get", "pannier")
        self.assertRegex(table, r"vectorstore\S*/docs +True +1 +1 ")


    def test_the_chart_s_own_test_passes(self):
        said = node.helm("test", "pannier", "-n", SYSTEM, "--timeout", "90s")
        self.assertIn("Phase:          Succeeded", said)


    @existing.of_node
    def test_the_example_s_workers_share_a_store(self):
        self.in_namespace()
        node.helm("install", "example", str(ROOT / "charts" / "pannier-example"), "-n", self.ns, "--wait", "--timeout", "120s",
                  "--post-renderer", str(Path(__file__).with_name("with_python.py")))
        ask = ("import json, urllib.request as r\n"
               "for n in range(20):\n"
               "    body = json.dumps({'id': str(n), 'text': f'pannier number {n} on a bicycle'}).encode()\n"
               "    r.urlopen(r.Request('http://127.0.0.1:8080/documents', body, {'Content-Type': 'application/json'},\n"
               "                        method='PUT'))\n"
               "print(r.urlopen('http://127.0.0.1:8080/search?text=number+7').read().decode())")
        found = json.loads(node.kubectl("-n", self.ns, "exec", "example-0", "-c", "app", "--", "python", "-c", ask))
        self.assertEqual(found[0]["id"], "7")
        self.ready("vectorstore", "example", "True/AsWanted")


class Shapes(Case):
    def test_a_stateful_set_keeps_its_records_when_its_pod_is_deleted(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"existingVolume": {"name": "data", "subPath": "pannier"}}))
        node.apply(self.ns, make.stateful_set(self.writer(), "data"))
        self.rolled_out("statefulset/app")
        self.goes_on()
        node.kubectl("-n", self.ns, "delete", "pod", "app-0", "--wait")
        self.rolled_out("statefulset/app")
        self.goes_on()
        self.assertEqual(self.lost(), [])

    def test_jobs_end_although_their_sidecar_runs(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"emptyDir": {}}))
        worker = make.python_worker(self.journal_volume, "once")
        node.apply(self.ns, make.job(worker), make.cron_job(worker))
        node.kubectl("-n", self.ns, "create", "job", "by-cron", "--from=cronjob/app")
        for job in ("app", "by-cron"):
            node.kubectl("-n", self.ns, "wait", f"job/{job}", "--for=condition=Complete", "--timeout=90s")

    def test_a_restricted_namespace_takes_injected_pods(self):
        self.in_namespace("restricted")
        node.apply(self.ns, make.vector_store(storage={"emptyDir": {}}))
        ask = "wget -q -O - http://$CHROMA_HOST:$CHROMA_PORT/api/v2/heartbeat && test -S $PANNIER_SOCKET"
        node.apply(self.ns, make.pod("app", make.restricted_worker(ask)))
        node.kubectl("-n", self.ns, "wait", "pod/app", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        self.assertIn("nanosecond heartbeat", node.kubectl("-n", self.ns, "logs", "app", "-c", "worker"))

    def test_a_dry_run_shows_the_sidecar_and_a_manifest_injected_by_hand_gets_no_second(self):
        self.in_namespace()
        store = make.vector_store(storage={"emptyDir": {}})
        node.apply(self.ns, store)
        pod = make.pod("app", make.restricted_worker("sleep 60"))
        shown = json.loads(node.kubectl("-n", self.ns, "create", "--dry-run=server", "-o", "json", "-f", "-",
                                        given=json.dumps(pod)))
        self.assertEqual([each["name"] for each in shown["spec"]["initContainers"]], ["pannierd"])
        self.assertFalse(node.exists(self.ns, "pod", "app"))
        with tempfile.TemporaryDirectory() as folder:
            for name, tree in (("pod.json", pod), ("store.json", store)):
                (Path(folder) / name).write_text(json.dumps(tree))
            manifest = node.run("pannierctl", "inject", "-f", f"{folder}/pod.json", "--vector-store", f"{folder}/store.json",
                                "--image", f"{existing.REGISTRY or 'docker.io'}/pannier/pannierd:{images.version()}")
        node.kubectl("-n", self.ns, "create", "-f", "-", given=manifest)
        made = node.get(self.ns, "pod", "app")
        self.assertEqual([each["name"] for each in made["spec"]["initContainers"]], ["pannierd"])

    def test_without_an_operator_pods_that_opted_in_are_refused_and_others_are_not(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"emptyDir": {}}))
        node.kubectl("-n", SYSTEM, "scale", "deployment/pannier", "--replicas=0")
        self.addCleanup(node.kubectl, "-n", SYSTEM, "rollout", "status", "deployment/pannier", "--timeout=90s")
        self.addCleanup(node.kubectl, "-n", SYSTEM, "scale", "deployment/pannier", "--replicas=2")
        eventually("no operator runs",
                   lambda: not node.get(SYSTEM, "pods", "-l", "app.kubernetes.io/name=pannier-operator")["items"])
        worker = make.restricted_worker("sleep 60")
        node.apply(self.ns, make.pod("other", worker, opted_in=False))

        def refused():
            try:
                node.apply(self.ns, make.pod("app", worker), dry_run=True)
            except AssertionError as error:
                return "failed calling webhook" in str(error)
            return False
        eventually("the pod is refused", refused, 30)


class Faults(Case):
    @existing.of_node
    def test_a_killed_daemon_comes_back_with_every_acknowledged_record(self):
        pod = self.running_writer()
        for _ in range(3):
            os.kill(node.daemon_pid(pod), signal.SIGKILL)
            self.goes_on()
        self.assertEqual(self.lost(), [])
        again = node.pod_of(self.ns)
        self.assertEqual(again["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(again["status"]["initContainerStatuses"][0]["restartCount"], 3)

    @existing.of_node
    def test_workers_go_on_while_kubelet_and_container_runtime_are_killed(self):
        pod = self.running_writer()
        for process in ("kubelet", "containerd"):
            node.kill(process)
        self.goes_on(20)
        node.up()
        self.goes_on()
        self.assertEqual(node.pod_of(self.ns)["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(self.lost(), [])

    @existing.of_node
    def test_workers_go_on_while_the_api_server_is_away_and_the_operator_returns(self):
        self.running_writer()
        self.ready("vectorstore", "docs", "True/AsWanted")
        node.kill("kube-apiserver")
        before = self.acknowledged()
        time.sleep(60)  # longer than a lease lasts
        self.assertGreater(self.acknowledged(), before + 150)
        node.up()
        eventually("one leads again", lambda: node.get(SYSTEM, "lease", "pannier-operator")["spec"].get("holderIdentity"))
        node.kubectl("-n", self.ns, "scale", "deployment/app", "--replicas=0")
        eventually("the operator sees that the pod is gone",
                   lambda: node.get(self.ns, "vectorstore", "docs")["status"]["pods"]["matched"] == 0)

    def test_the_other_operator_takes_over_when_the_leader_is_deleted(self):
        def holder() -> str:
            return node.get(SYSTEM, "lease", "pannier-operator")["spec"].get("holderIdentity", "")
        leader = eventually("one leads", holder)
        node.kubectl("-n", SYSTEM, "delete", "pod", re.sub("_.*", "", leader), "--wait=false")
        began = time.monotonic()
        eventually("another leads", lambda: holder() not in ("", leader), 30)
        print(f"another operator led after {time.monotonic() - began:.1f} s")

    def test_a_lost_webhook_certificate_is_made_anew(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"emptyDir": {}}))
        secrets = node.kubectl("-n", SYSTEM, "get", "secrets", "-o", "name").split()
        certificate = next(each for each in secrets if each.endswith("-certs"))
        node.kubectl("-n", SYSTEM, "delete", certificate)
        eventually("there is another", lambda: node.exists(SYSTEM, certificate), 120)
        worker = make.restricted_worker("sleep 1")
        eventually("pods are injected", lambda: node.apply(self.ns, make.pod("app", worker)), 120)
        self.assertEqual(node.get(self.ns, "pod", "app")["spec"]["initContainers"][0]["name"], "pannierd")


@existing.of_node
class Snapshots(SnapshotCase):
    def test_a_pod_on_an_empty_volume_begins_with_the_latest_snapshot(self):
        self.with_repository()
        self.start(storage={"emptyDir": {}}, bootstrap="LatestSnapshot")
        node.kubectl("-n", self.ns, "scale", "deployment/app", "--replicas=0")
        node.kubectl("-n", self.ns, "wait", "--for=delete", "pod", "-l", "app=app", "--timeout=60s")
        # The records went with the pod; what follows is the same with a snapshot taken before.
        (self.journal / "acknowledged").unlink()
        node.kubectl("-n", self.ns, "scale", "deployment/app", "--replicas=1")
        self.rolled_out("deployment/app")
        self.goes_on()
        written = self.acknowledged()
        self.snapshot("first")
        kept = (self.journal / "acknowledged").read_text().splitlines()[:written]
        node.kubectl("-n", self.ns, "scale", "deployment/app", "--replicas=0")
        node.kubectl("-n", self.ns, "wait", "--for=delete", "pod", "-l", "app=app", "--timeout=60s")
        (self.journal / "acknowledged").write_text("\n".join(kept) + "\n")
        node.kubectl("-n", self.ns, "scale", "deployment/app", "--replicas=1")
        self.rolled_out("deployment/app")
        self.goes_on()
        self.assertEqual(self.lost(), [])

    def test_a_store_that_was_overwritten_by_hand_is_repaired(self):
        self.with_repository()
        self.start(storage={"ephemeralClaim": {"size": "1Gi"}},
                   recovery={"mode": "Automatic", "maxDataLossSeconds": 86400})
        written = self.acknowledged()
        self.snapshot("before")
        pod = node.pod_of(self.ns)
        data = Path("/proc", str(node.daemon_pid(pod)), "root", "var/lib/pannier")
        store = next(data.glob("stores/*/store.db"))
        daemon = node.daemon_pid(pod)
        node.kubectl("-n", self.ns, "exec", pod["metadata"]["name"], "-c", "pannierd", "--", "pannierctl", "--admin-socket",
                     "/tmp/admin.sock", "stores", "flush", "default_database")
        self.assertGreater(store.stat().st_size, 4 * PAGE)
        with open(store, "r+b") as file:  # all pages but the first
            file.seek(PAGE)
            file.write(b"\xa5" * (store.stat().st_size - PAGE))
        os.kill(daemon, signal.SIGKILL)  # what it remembers of the pages is right
        operations = eventually("the operator repairs", lambda: [
            each["metadata"]["name"] for each in node.get(self.ns, "storeoperations")["items"]
            if condition(each, "Succeeded") == "True/Completed"], 180)
        print(f"repaired by {', '.join(operations)}")
        self.goes_on()
        # What was written since the snapshot may be lost, as recovery allows; nothing from before it.
        self.assertEqual([n for n in self.lost() if n < written], [])
        self.ready("vectorstore", "docs", "True/AsWanted", seconds=120)


class Uninstalled(Case):
    """The last: it takes the operator away, and brings it back."""

    def test_uninstalling_leaves_objects_and_data_and_a_new_install_goes_on_with_them(self):
        pod = self.running_writer()
        said = node.helm("uninstall", "pannier", "-n", SYSTEM, "--wait")
        self.assertIn("kept", said)
        self.goes_on()
        self.assertTrue(node.exists(self.ns, "vectorstore", "docs"))
        install()
        self.ready("vectorstore", "docs", "True/AsWanted")
        self.assertEqual(node.pod_of(self.ns)["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(self.lost(), [])


def end_with_the_cluster(*_) -> None:
    """Who is told to end leaves no node behind."""
    node.down()
    os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_with_the_cluster)
    closing_line.run("a cluster of one node")
