"""Rows of several operators, of webhooks, of upgrades, and of things that go while they are worked on."""

import base64
import json
import signal
import subprocess
import threading
import time
from datetime import datetime, timedelta

import faults
from api_rows import API, is_alive
from daemon_rows import of_key, starts
from ground import LEASE, Ground, is_lease
from kube import CLUSTER, condition, eventually
from table import row
from world import ROOT, apply_json_patch

OPERATORS, WEBHOOK, VERSIONS, DELETION = "two operators", "the webhook", "versions", "deletion"
TAKEN_OVER_WITHIN = 20


def takes_over(second, began: float):
    eventually(second.leads, TAKEN_OVER_WITHIN + 5, second.process.said)
    assert time.monotonic() - began < TAKEN_OVER_WITHIN, time.monotonic() - began


# --- who leads ---

@row(OPERATORS, "the leader is parted from the API server, not from the daemons", slow=True)
def parted(ground: Ground):
    second, proxy = ground.start_second()
    first, way = ground.operator, ground.kube
    ground.s3.spoil("late", faults.late(2), of_key("chunks/", "PUT"))
    name = ground.snapshot()
    eventually(lambda: ground.link.calls(starts), 20, ground.story)
    began = time.monotonic()
    way.refuse()
    takes_over(second, began)
    ground.change_over(second, proxy)
    ground.completed("StoreSnapshot", name)
    way.heal()
    eventually(lambda: len(way.calls(is_lease)) and not first.leads(), 20, first.process.said)
    time.sleep(2)
    assert second.leads() and not first.leads()
    assert first.process.running.poll() is None


@row(OPERATORS, "a call of the leader before arrives late at the daemon", slow=True)
def late_call(ground: Ground):
    second, proxy = ground.start_second()
    first, arrives = ground.operator, threading.Event()
    ground.link.spoil("held", faults.held_until(arrives), starts)
    name = ground.snapshot()
    eventually(lambda: ground.link.calls(starts), 20, ground.story)
    held = ground.link.calls(starts)[0]
    began = time.monotonic()
    first.process.end(signal.SIGKILL)
    takes_over(second, began)
    ground.change_over(second, proxy)
    ground.completed("StoreSnapshot", name)
    arrives.set()
    eventually(lambda: held.status, 20, ground.story)
    assert held.status == 403, held


@row(OPERATORS, "clocks are ten minutes off, either way", slow=True)
def skewed(ground: Ground):
    second, proxy = ground.start_second()
    epoch = ground.api.get("Lease", ground.system, LEASE)["spec"]["leaseTransitions"]

    def off(minutes: int):
        def change(tree: dict) -> dict:
            when = datetime.strptime(tree["spec"]["renewTime"], "%Y-%m-%dT%H:%M:%S.%fZ") + timedelta(minutes=minutes)
            tree["spec"]["renewTime"] = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            return tree
        return faults.rewritten(change)

    for minutes in (10, -10):
        proxy.heal()
        proxy.spoil("clock", off(minutes), lambda call: is_lease(call) and call.method == "GET", count=1000)
        time.sleep(5)
        assert ground.operator.leads() and not second.leads()
        assert ground.api.get("Lease", ground.system, LEASE)["spec"]["leaseTransitions"] == epoch
    began = time.monotonic()
    ground.operator.process.end(signal.SIGKILL)
    takes_over(second, began)
    ground.change_over(second, proxy)
    ground.completed("StoreSnapshot", ground.snapshot())


@row(API, "is killed, and started again", alone=True)
def api_server_restarts(ground: Ground):
    before = len(ground.kube.calls())
    name = ground.snapshot()
    cluster = ROOT / "tests" / "e2e" / "cluster"
    subprocess.run([cluster / "down.sh", CLUSTER, "kube-apiserver"], check=True)
    time.sleep(3)
    is_alive(ground)
    subprocess.run([cluster / "up.sh", CLUSTER], check=True, stdout=subprocess.DEVNULL)
    ground.completed("StoreSnapshot", name)
    is_alive(ground)
    counted: dict[str, int] = {}
    for call in ground.kube.calls()[before:]:
        if call.is_list and call.status == 200:
            counted[call.path] = counted.get(call.path, 0) + 1
    assert all(number <= 1 for number in counted.values()), counted


# --- the webhook ---

@row(WEBHOOK, "gets a pod of 2,000 containers, a dry run, and the same pod again")
def reviews(ground: Ground):
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "big", "namespace": ground.ns, "labels": {"pannier.dev/vectorstore": "notes"}},
           "spec": {"containers": [{"name": f"c{number}", "image": "work"} for number in range(2000)]}}
    asked = {"kind": {"kind": "Pod", "version": "v1", "group": ""}, "namespace": ground.ns}
    answer = ground.operator.review("/mutate", {**asked, "object": pod})
    assert answer["allowed"], answer
    patch = base64.b64decode(answer["patch"])
    dry = ground.operator.review("/mutate", {**asked, "object": pod, "dryRun": True})
    assert dry["allowed"] and base64.b64decode(dry["patch"]) == patch
    injected = apply_json_patch(json.loads(json.dumps(pod)), json.loads(patch))
    assert all(any(mount["mountPath"] == "/run/pannier" for mount in each["volumeMounts"])
               for each in injected["spec"]["containers"])
    again = ground.operator.review("/mutate", {**asked, "object": injected})
    assert again["allowed"] and apply_json_patch(json.loads(json.dumps(injected)), json.loads(
        base64.b64decode(again.get("patch", "W10=")))) == injected
    assert not ground.api.list("StoreOperation", ground.ns)


# --- versions ---

@row(VERSIONS, "the API server does not know a kind yet")
def older_definitions(ground: Ground):
    def without_policies(tree: dict) -> dict:
        tree["resources"] = [each for each in tree["resources"] if not each["name"].startswith("storecleanup")]
        return tree
    ground.operator.process.end(signal.SIGKILL)
    ground.free_lease()
    ground.kube.spoil("older", faults.rewritten(without_policies),
                      lambda call: call.path == "/apis/pannier.dev/v1alpha1", count=1000)
    before = len(ground.kube.calls())
    ground.operator = ground.start_operator()
    eventually(lambda: "the operator cannot begin" in ground.operator.process.said(), 20, ground.operator.process.said)
    assert "storecleanuppolicies" in ground.operator.process.said()
    name = ground.snapshot()
    time.sleep(2)
    assert ground.operator.ask("/readyz")[0] == 503 and ground.operator.ask("/healthz")[0] == 200
    wrote = [call for call in ground.kube.calls()[before:] if call.changes and "/secrets" not in call.path]
    assert not wrote, wrote
    ground.heal()
    ground.completed("StoreSnapshot", name)


# --- deletion ---

KINDS = ("StoreSnapshot", "StoreOperation", "StoreSnapshotSchedule", "VectorStore", "SnapshotRepository")


def delete_all(ground: Ground, kinds=KINDS):
    for kind in kinds:
        for tree in ground.api.list(kind, ground.ns):
            ground.delete(kind, tree["metadata"]["name"])


def all_gone(ground: Ground, within: float = 60):
    eventually(lambda: not any(ground.api.list(kind, ground.ns) for kind in KINDS), within, lambda: str(
        {kind: [(each["metadata"]["name"], each["metadata"].get("finalizers")) for each in
                ground.api.list(kind, ground.ns)] for kind in KINDS}) + "\n" + ground.story())


def busy(ground: Ground) -> str:
    """A snapshot that is there, one at work, an operation and a schedule. The manifest of the first."""
    done = ground.snapshot()
    tree = ground.completed("StoreSnapshot", done)
    ground.api.create("StoreSnapshotSchedule", ground.ns, "yearly", {
        "schedule": "0 0 1 1 *", "retention": {"keepLast": 1},
        "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
    ground.s3.spoil("late", faults.late(2), of_key("chunks/", "PUT"))
    before = len(ground.link.calls(starts))
    ground.write(10)
    ground.snapshot()
    eventually(lambda: len(ground.link.calls(starts)) > before, 20, ground.story)
    ground.operate({"compact": {}})
    return tree["status"]["items"][0]["manifestKey"]


@row(DELETION, "of all at once, while they are worked on")
def all_at_once(ground: Ground):
    key = busy(ground)
    delete_all(ground, reversed(KINDS))
    ground.api.call("DELETE", ground.api.path("Secret", ground.ns, "s3-keys"))
    all_gone(ground)
    assert key in ground.world.s3.files(ground.bucket), "data went with a repository that was deleted"


@row(DELETION, "of the namespace")
def of_namespace(ground: Ground):
    key = busy(ground)
    ground.api.call("DELETE", ground.api.path("Namespace", "", ground.ns))
    delete_all(ground)  # as the controller of namespaces does
    all_gone(ground)
    assert key in ground.world.s3.files(ground.bucket), "data went with a namespace"


@row(DELETION, "of snapshots while no operator is there, and while the bucket is away")
def while_away(ground: Ground):
    names = [ground.snapshot() for _ in range(2)]
    for name in names:
        ground.completed("StoreSnapshot", name)
    ground.operator.process.end()
    for name in names:
        ground.delete("StoreSnapshot", name)
    ground.s3.refuse()
    ground.operator = ground.start_operator()
    ground.await_leading()
    # Who does not want to wait for the bucket says so.
    ground.api.patch("StoreSnapshot", ground.ns, names[0], {"metadata": {"annotations": {
        "pannier.dev/force-finalize": "true"}}})
    ground.gone("StoreSnapshot", names[0])
    assert ground.get("StoreSnapshot", names[1]), "it went although its data is there"
    ground.s3.heal()
    ground.gone("StoreSnapshot", names[1])
    left = [each for each in ground.world.s3.files(ground.bucket, "snapshots/") if not each.endswith(".verified.json")]
    assert len(left) == 1, left


@row(DELETION, "of a VectorStore that is made anew under its name, in the middle of a snapshot")
def made_anew(ground: Ground):
    name = ground.snapshot()
    key = ground.completed("StoreSnapshot", name)["status"]["items"][0]["manifestKey"]
    ground.s3.spoil("late", faults.late(3), of_key("chunks/", "PUT"))
    ground.write(10)
    other = ground.snapshot()
    eventually(lambda: ground.get("StoreSnapshot", other).get("status", {}).get("items"), 20, ground.story)
    ground.delete("VectorStore", "notes")
    ground.api.create("VectorStore", ground.ns, "notes", {
        "storage": {"emptyDir": {}}, "loopbackPort": 0, "repositoryRef": {"name": "backups"}})
    # Nothing collects garbage here: the Secret is that of the one before, and is not taken over.
    ground.wait("VectorStore", "notes", "False/NoCertificate")
    ground.api.call("DELETE", ground.api.path("Secret", ground.ns, "notes-pannier-admin"))
    ground.wait("VectorStore", "notes", "False/Unreachable")  # its daemon knows the one before
    ground.api.delete("Pod", ground.ns, "notes-0")
    ground.wait("VectorStore", "notes", "False/NoPods")
    eventually(lambda: condition(ground.get("StoreSnapshot", other), "Succeeded")["status"] in ("True", "False"), 60,
               ground.story)
    assert key in ground.world.s3.files(ground.bucket)
