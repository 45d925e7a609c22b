"""Goal: what happens to a cluster after the first day costs no acknowledged record, and a sidecar costs little.

Method: the cluster of one node, real pods, and the faults themselves: a node that is drained, a volume that
is full, a daemon that the kernel kills for its memory, keys that change, a namespace that goes.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import existing
import objects as make
from case import Case, SnapshotCase, node
from node import NODE_NAME, SYSTEM, condition, eventually

MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")


def stat_of(pid: int) -> list[str]:
    """Of /proc/PID/stat what follows the name: [19] is the start, in ticks."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def started(pid: int) -> float:
    return int(stat_of(pid)[19]) / TICKS


def cpu(pid: int) -> float:
    """Seconds that its threads have run."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


def take_memory_from(pid: int) -> None:
    """Of the container that it is in: the kernel kills whoever wants more."""
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    root = Path("/sys/fs/cgroup")
    if "memory" not in groups:
        with (root / groups[""].strip("/") / "memory.max").open("r+") as limit:
            limit.write(str(MIB))
        return
    folder = root / "memory" / groups["memory"].strip("/")
    # The older kind refuses less than what cannot be given back: as close as it lets us.
    for step in range(1, 65):
        usage = int((folder / "memory.usage_in_bytes").read_text())
        with contextlib.suppress(OSError), (folder / "memory.limit_in_bytes").open("r+") as limit:
            limit.write(str(usage * step // 64))
            return


@existing.of_node
class Footprint(Case):
    def test_a_sidecar_that_nobody_uses_costs_little_and_keeps_the_worker_waiting_briefly(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"emptyDir": {}}))
        node.apply(self.ns, make.pod("app", make.restricted_worker("exec sleep 600")))
        node.kubectl("-n", self.ns, "wait", "pod/app", "--for=condition=Ready", "--timeout=60s")
        pod = node.pod_of(self.ns)
        daemon, worker = node.daemon_pid(pod), node.pid_of(pod, "sleep")
        waited = started(worker) - started(daemon)
        time.sleep(2)
        before = cpu(daemon)
        time.sleep(10)
        share = (cpu(daemon) - before) / 10 * 1000
        operators = [resident(pid) for pid in node.pids("pannier-operator")]
        print(f"the worker started {waited:.2f} s after its sidecar, which idles with {resident(daemon) / MIB:.1f} MiB and "
              f"{share:.1f} m CPU; operators: {', '.join(f'{each / MIB:.1f}' for each in operators)} MiB")
        self.assertLess(resident(daemon), 15 * MIB)
        self.assertTrue(operators)


class DayTwo(SnapshotCase):
    @existing.of_node
    def test_a_drained_node_gives_its_pods_back_with_their_records(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"existingVolume": {"name": "data", "subPath": "pannier"}}))
        node.apply(self.ns, make.stateful_set(self.writer(), "data"),
                   {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "app"},
                    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "app"}}}})
        self.rolled_out("statefulset/app")
        self.goes_on()
        pod = node.pod_of(self.ns)
        self.addCleanup(node.kubectl, "uncordon", NODE_NAME)
        node.kubectl("drain", NODE_NAME, "--pod-selector=app=app", "--ignore-daemonsets", "--delete-emptydir-data",
                     "--timeout=90s")
        eventually("the next pod waits", lambda: node.pod_of(self.ns)["status"]["phase"] == "Pending")
        node.kubectl("uncordon", NODE_NAME)
        self.rolled_out("statefulset/app")
        self.goes_on()
        self.assertNotEqual(node.pod_of(self.ns)["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(self.lost(), [])

    @existing.of_node
    def test_writes_that_a_full_volume_refused_go_on_when_there_is_room(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"existingVolume": {"name": "data"}}))
        spec = self.writer()
        spec["volumes"].append({"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "96Mi"}})
        node.apply(self.ns, make.deployment(spec))
        self.rolled_out("deployment/app")
        self.goes_on()
        daemon = node.daemon_pid(node.pod_of(self.ns))
        filler = Path("/proc", str(daemon), "root", "var/lib/pannier", "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * MIB)
            except OSError:
                pass

        def refused() -> bool:
            before = self.acknowledged()
            time.sleep(2)
            return self.acknowledged() == before
        eventually("writes are refused", refused)
        self.assertEqual(self.lost(), [])  # reads go on
        filler.unlink()
        self.goes_on()
        self.assertEqual(self.lost(), [])

    def test_claims_to_come_are_larger_while_the_pods_that_there_are_go_on(self):
        self.in_namespace()
        node.apply(self.ns, make.vector_store(storage={"existingVolume": {"name": "data", "subPath": "pannier"}}))
        workload = make.stateful_set(self.writer(), "data")
        node.apply(self.ns, workload)
        self.rolled_out("statefulset/app")
        self.goes_on()
        pod = node.pod_of(self.ns)
        node.kubectl("-n", self.ns, "delete", "statefulset", "app", "--cascade=orphan")
        workload["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "2Gi"
        node.apply(self.ns, workload)
        self.goes_on()
        self.rolled_out("statefulset/app")
        self.assertEqual(node.pod_of(self.ns)["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertEqual(self.lost(), [])
        node.kubectl("-n", self.ns, "scale", "statefulset/app", "--replicas=2")
        self.rolled_out("statefulset/app")
        sizes = {each["metadata"]["name"]: each["spec"]["resources"]["requests"]["storage"]
                 for each in node.get(self.ns, "persistentvolumeclaims")["items"] if each["metadata"]["name"] != "journal"}
        self.assertEqual(sizes, {"data-app-0": "1Gi", "data-app-1": "2Gi"})

    @existing.of_node
    def test_a_daemon_killed_for_its_memory_in_mid_snapshot_comes_back(self):
        self.with_repository()
        self.start(storage={"ephemeralClaim": {"size": "1Gi"}})
        pod = node.pod_of(self.ns)
        daemon = node.daemon_pid(pod)
        node.apply(self.ns, make.of_pannier("StoreSnapshot", "cut", vectorStoreRef={"name": "docs"}))
        take_memory_from(daemon)
        eventually("the kernel kills it", lambda: not Path(f"/proc/{daemon}").exists())
        self.goes_on()
        eventually("its status says why", lambda: node.pod_of(self.ns)["status"]["initContainerStatuses"][0]["lastState"]
                   ["terminated"]["reason"] == "OOMKilled")

        def ended() -> str:
            state = condition(node.get(self.ns, "storesnapshot", "cut"), "Succeeded")
            return "" if state.startswith("Unknown") else state
        print(f"the snapshot that was cut ended with {eventually('the snapshot ends', ended, 180)}")
        self.snapshot("after")
        self.assertEqual(self.lost(), [])

    @existing.of_node
    def test_wrong_keys_are_told_and_right_ones_are_taken_without_a_restart(self):
        self.with_repository()
        self.start(storage={"ephemeralClaim": {"size": "1Gi"}})
        secret, _ = make.s3_repository(self.ns)
        node.apply(self.ns, {**secret, "stringData": {**secret["stringData"], "secretAccessKey": "revoked"}})
        eventually("the repository says so",
                   lambda: condition(node.get(self.ns, "snapshotrepository", "s3"), "Ready").startswith("False/"), 150)
        self.goes_on()
        node.apply(self.ns, secret)
        self.ready("snapshotrepository", "s3", "True/Validated", seconds=150)
        self.snapshot("after")

    @existing.of_node
    def test_a_namespace_that_goes_in_mid_snapshot_is_gone_and_others_go_on(self):
        self.with_repository()
        self.start(storage={"emptyDir": {}})
        node.apply(self.ns, make.of_pannier("StoreSnapshot", "cut", vectorStoreRef={"name": "docs"}))
        going = self.ns
        node.kubectl("delete", "namespace", going, "--wait=false")
        self.running_writer()
        eventually("it is gone", lambda: not node.kubectl("get", "namespace", going, "--ignore-not-found").strip(), 120)
        self.ready("vectorstore", "docs", "True/AsWanted")
        restarts = [status["restartCount"] for pod in node.get(SYSTEM, "pods")["items"]
                    for status in pod["status"].get("containerStatuses", [])]
        print(f"restarts of operators so far: {restarts}")
        self.assertEqual(self.lost(), [])
