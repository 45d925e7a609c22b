"""Rows of programs and definitions of different ages."""

import re
import time

import faults
from api_rows import is_alive
from daemon_rows import LINK, starts
from ground import Ground
from kube import condition, eventually
from operator_rows import VERSIONS
from table import row

DOCUMENT = "/openapi/v3/apis/pannier.dev/v1alpha1"


def is_status(call) -> bool:
    return call.path == "/admin/v1/status"


def away(ground: Ground, releases: int) -> str:
    """A version so many releases after the operator's."""
    built = re.search(r'build_info\{version="(\d+)\.(\d+)\.', ground.operator.ask("/metrics")[1])
    return f"{built[1]}.{int(built[2]) + releases}.0"


def says(ground: Ground, version: str):
    """The daemon is of that version from now on."""
    ground.link.heal()
    ground.link.spoil("version", faults.rewritten(lambda tree: {**tree, "version": version}), is_status, count=100_000)
    ground.touch("VectorStore", "notes")


@row(LINK, "are two releases apart, then one")
def skewed(ground: Ground):
    far, near = away(ground, 2), away(ground, 1)
    says(ground, far)
    tree = ground.wait("VectorStore", "notes", "False/VersionSkew")
    assert condition(tree, "DaemonsReachable")["reason"] == "VersionSkew", tree["status"]
    assert far in condition(tree, "DaemonsReachable")["message"], tree["status"]
    assert condition(tree, "Healthy")["status"] == "Unknown", tree["status"]
    assert tree["status"]["daemonVersions"] == [{"version": far, "pods": 1}], tree["status"]
    before = len(ground.link.calls(starts))
    name = ground.snapshot()
    operation = ground.operate({"compact": {}})
    ground.wait("StoreSnapshot", name, "Unknown/Queued", "Succeeded")
    time.sleep(4)
    assert len(ground.link.calls(starts)) == before, "asked of whom it does not understand"
    assert condition(ground.get("StoreOperation", operation), "Succeeded")["status"] == "Unknown"
    says(ground, near)
    ground.completed("StoreSnapshot", name)
    ground.completed("StoreOperation", operation)
    assert ground.wait("VectorStore", "notes", "True/AsWanted")["status"]["daemonVersions"][0]["version"] == near
    is_alive(ground)
    ground.heal()
    ground.touch("VectorStore", "notes")
    eventually(lambda: ground.get("VectorStore", "notes")["status"]["daemonVersions"][0]["version"] != near, 20,
               ground.story)


def without_fields(tree: dict) -> dict:
    schemas = tree["components"]["schemas"]

    def fields(kind: str, part: str) -> dict:
        return schemas[f"dev.pannier.v1alpha1.{kind}"]["properties"][part]["properties"]
    del fields("StoreSnapshot", "spec")["hold"]
    del fields("VectorStore", "spec")["recovery"]["properties"]["mode"]
    del fields("VectorStore", "status")["unhealthyStores"]["items"]["properties"]["since"]
    return tree


@row(VERSIONS, "definitions are older than the operator: it says so, works, and removes nothing by itself")
def older_fields(ground: Ground):
    ground.api.create("StoreSnapshotSchedule", ground.ns, "daily", {
        "schedule": "0 0 1 1 *", "retention": {"keepLast": 2},
        "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
    uid = ground.wait("StoreSnapshotSchedule", "daily", "True")["metadata"]["uid"]
    names = ["oldest", "older", "newest"]

    def take(name: str):
        ground.api.create("StoreSnapshot", ground.ns, name, {"vectorStoreRef": {"name": "notes"}},
                          metadata={"labels": {"pannier.dev/schedule": uid}})
        ground.completed("StoreSnapshot", name)
        time.sleep(1.1)  # creation has the resolution of a second

    take(names[0])
    take(names[1])
    ground.kube.spoil("older", faults.rewritten(without_fields), lambda call: call.path == DOCUMENT, count=1000)
    ground.follow_operator()
    tree = ground.wait("VectorStore", "notes", "False/DefinitionOutdated", "DefinitionCurrent")
    message = condition(tree, "DefinitionCurrent")["message"]
    assert "spec.recovery.mode" in message and "status.unhealthyStores[].since" in message, message
    assert condition(tree, "Ready")["status"] == "True", tree["status"]
    take(names[2])
    ground.touch("StoreSnapshotSchedule", "daily")
    eventually(lambda: "NotRemoved" in ground.world.events(ground.ns, "daily"), 30, ground.story)
    left = [each["metadata"]["name"] for each in ground.api.list("StoreSnapshot", ground.ns)
            if "deletionTimestamp" not in each["metadata"]]
    assert sorted(left) == sorted(names), left
    ground.heal()  # the definitions were upgraded
    ground.follow_operator()
    ground.gone("StoreSnapshot", names[0])
    ground.touch("VectorStore", "notes")

    def is_told_no_more() -> bool:
        conditions = ground.get("VectorStore", "notes")["status"]["conditions"]
        return all(each["type"] != "DefinitionCurrent" for each in conditions)
    eventually(is_told_no_more, 30, ground.story)
