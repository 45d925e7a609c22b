"""Rows between operator and API server."""

import re
import time

import faults
from ground import Ground, is_lease, of, watches
from kube import condition, eventually
from proxy import Call
from table import row

API = "the API server"
WATCHED = 7


def lists(ground: Ground, since: int) -> dict[str, int]:
    """Of each kind, the lists since a place in the journal."""
    found: dict[str, int] = {}
    for call in ground.kube.calls()[since:]:
        if call.is_list:
            plural = call.path.rsplit("/", 1)[1]
            found[plural] = found.get(plural, 0) + 1
    return found


def is_alive(ground: Ground):
    assert ground.operator.process.running.poll() is None, "the operator ended: " + ground.operator.process.said()


def known(ground: Ground, kind: str) -> int:
    """How many objects of a kind the operator knows."""
    found = re.search(rf'pannier_operator_objects{{kind="{kind}"}} (\d+)', ground.operator.ask("/metrics")[1])
    return int(found[1]) if found else -1


def relist(ground: Ground, plural: str):
    """Has the operator list a kind anew: its next watch is told that its version is too old."""
    ground.kube.spoil("410", faults.kube_status(410, "Expired"), watches(plural))
    ground.kube.drop()


# --- away, and back ---

def outage(ground: Ground, seconds: float):
    before, dialled = len(ground.kube.calls()), ground.kube.dialled
    ground.kube.refuse()
    name = ground.snapshot()
    time.sleep(seconds)
    attempts = ground.kube.dialled - dialled
    ground.kube.heal()
    ground.completed("StoreSnapshot", name)
    is_alive(ground)
    # The elector looks each second; watches wait longer and longer.
    assert attempts < (seconds + 2) + WATCHED * 7 + 10, f"{attempts} attempts in {seconds} s"
    counted = lists(ground, before)
    assert all(number <= 1 for number in counted.values()), counted


@row(API, "is away for twelve seconds")
def away(ground: Ground):
    outage(ground, 12)


@row(API, "is away for thirty seconds", long=True)
def away_long(ground: Ground):
    outage(ground, 30)


@row(API, "resets every connection, five times")
def resets(ground: Ground):
    before = len(ground.kube.calls())
    name = ground.snapshot()
    for _ in range(5):
        ground.kube.drop()
        time.sleep(0.4)
    ground.completed("StoreSnapshot", name)
    is_alive(ground)
    assert not any(number > 1 for number in lists(ground, before).values()), lists(ground, before)


@row(API, "says nothing for twelve seconds")
def silent(ground: Ground):
    ground.kube.freeze()
    name = ground.snapshot()
    # It cannot know that it leads, so it does not.
    eventually(lambda: not ground.operator.leads(), 14, ground.operator.process.said)
    ground.kube.heal()
    ground.completed("StoreSnapshot", name)
    is_alive(ground)


@row(API, "loses the answers to writes")
def lost_replies(ground: Ground):
    ground.kube.spoil("lost reply", faults.lost_reply, of("storesnapshots", "PATCH"), count=3)
    ground.completed("StoreSnapshot", ground.snapshot())


@row(API, "breaks answers off in the middle")
def half_replies(ground: Ground):
    ground.kube.spoil("half", faults.half_reply, of("storesnapshots", "PATCH"), count=2)
    ground.kube.spoil("truncated", faults.truncated, of("vectorstores", "PATCH"), count=2)
    ground.touch("VectorStore", "notes")
    ground.completed("StoreSnapshot", ground.snapshot())


# --- watches and lists ---

@row(API, "says 410 at the start of a watch, after a deletion")
def gone_at_start(ground: Ground):
    name = ground.snapshot()
    ground.completed("StoreSnapshot", name)
    eventually(lambda: known(ground, "StoreSnapshot") == 1)
    # What was deleted while nobody listened is found by the list alone.
    ground.kube.refuse()
    ground.api.patch("StoreSnapshot", ground.ns, name, {"metadata": {"finalizers": None}})
    ground.delete("StoreSnapshot", name)
    before = len(ground.kube.calls())
    ground.kube.spoil("410", faults.kube_status(410, "Expired"), watches("storesnapshots"))
    ground.kube.refuses = False
    eventually(lambda: known(ground, "StoreSnapshot") == 0, 40, ground.story)
    assert lists(ground, before).get("storesnapshots") == 1, lists(ground, before)


@row(API, "says 410 within a watch")
def gone_within(ground: Ground):
    before = len(ground.kube.calls())
    ground.kube.spoil("410", faults.watch_says("ERROR", faults.GONE), watches("storesnapshots"))
    ground.kube.drop()
    ground.completed("StoreSnapshot", ground.snapshot())
    eventually(lambda: lists(ground, before).get("storesnapshots") == 1, 20, ground.story)
    assert len(lists(ground, before)) == 1, lists(ground, before)


@row(API, "forgets a continue token between two pages")
def expired_continue(ground: Ground):
    def more(tree: dict) -> dict:
        tree["metadata"]["continue"] = "spoiled"
        return tree
    ground.completed("StoreSnapshot", ground.snapshot())
    ground.kube.spoil("page", faults.rewritten(more), lambda call: of("storesnapshots")(call) and call.is_list)
    ground.kube.spoil("410", faults.kube_status(410, "Expired"), lambda call: "continue=spoiled" in call.target)
    relist(ground, "storesnapshots")
    eventually(lambda: ground.kube.calls(lambda call: "continue=spoiled" in call.target), 20, ground.story)
    ground.completed("StoreSnapshot", ground.snapshot())
    assert known(ground, "StoreSnapshot") == 2


@row(API, "cuts chunks of watches")
def cut_chunks(ground: Ground):
    ground.kube.spoil("cut", faults.cut_watch, watches("storesnapshots"), count=3)
    ground.kube.drop()
    before = len(ground.kube.calls())
    ground.completed("StoreSnapshot", ground.snapshot())
    assert ground.kube.calls(lambda call: call.spoiled == "cut"), "no watch was cut"
    assert "storesnapshots" not in lists(ground, before), lists(ground, before)


@row(API, "sends a line of two megabytes, then one of six")
def long_lines(ground: Ground):
    name = ground.snapshot()
    tree = ground.completed("StoreSnapshot", name)
    before = len(ground.kube.calls())
    for megabytes, wanted in ((2, 0), (6, 1)):
        tree["metadata"]["annotations"] = {"pad": "x" * (megabytes << 20)}
        line = ground.kube.spoil("line", faults.watch_says("MODIFIED", tree), watches("storesnapshots"))
        ground.kube.drop()
        eventually(lambda line=line: line.hit, 30, ground.story)
        ground.completed("StoreSnapshot", ground.snapshot())
        assert lists(ground, before).get("storesnapshots", 0) == wanted, lists(ground, before)
    assert ground.operator.rss_kib() < 64 << 10, ground.operator.rss_kib()


# --- refusals ---

def statuses(ground: Ground) -> list[Call]:
    return ground.kube.calls(lambda call: of("storesnapshots", "PATCH")(call))


@row(API, "finds conflicts in writes")
def conflicts(ground: Ground):
    ground.kube.spoil("409", faults.kube_status(409, "Conflict"), of("storesnapshots", "PATCH"), count=4)
    ground.completed("StoreSnapshot", ground.snapshot())


@row(API, "asks for patience (429)")
def too_many(ground: Ground):
    rule = ground.kube.spoil("429", faults.kube_status(429, "TooManyRequests", ("Retry-After", "2")),
                             of("storesnapshots", "PATCH"), count=2)
    ground.completed("StoreSnapshot", ground.snapshot())
    calls = statuses(ground)
    spoiled = [at for at, call in enumerate(calls) if call.spoiled == rule.name]
    assert len(spoiled) == 2, calls
    for at in spoiled:
        waited = calls[at + 1].at - calls[at].at
        assert waited >= 2, f"sent again after {waited:.2f} s"


@row(API, "fails at writes (500, 503)")
def failing(ground: Ground):
    writes = lambda call: call.changes and not is_lease(call)  # noqa: E731
    ground.kube.spoil("500", faults.kube_status(500, "InternalError"), writes, count=3)
    ground.kube.spoil("503", faults.kube_status(503, "ServiceUnavailable"), writes, count=2)
    ground.completed("StoreSnapshot", ground.snapshot())


@row(API, "takes rights away for some seconds (403)")
def forbidden(ground: Ground):
    ours = of("storesnapshots")
    before = len(ground.operator.process.said())
    ground.kube.spoil("403", faults.kube_status(403, "Forbidden"),
                      lambda call: ours(call) or watches("storesnapshots")(call), count=1000)
    ground.kube.drop()
    eventually(lambda: "spoiled by a test" in ground.operator.ask("/healthz")[1], 20, ground.story)
    name = ground.snapshot()
    time.sleep(4)
    is_alive(ground)
    ground.kube.heal()
    ground.completed("StoreSnapshot", name)
    said = [line for line in ground.operator.process.said()[before:].splitlines() if "a watch broke off" in line
            and "spoiled by a test" in line]
    assert len(said) == 1, said
    assert "spoiled by a test" not in ground.operator.ask("/healthz")[1]


# --- what is old ---

@row(API, "answers a list from the past, in which a snapshot of the same name lived")
def stale_list(ground: Ground):
    name = ground.snapshot()
    old = ground.completed("StoreSnapshot", name)
    path = ground.api.path("StoreSnapshot", ground.ns)
    past = faults.replaced(faults.json.dumps(ground.api.call("GET", path + "?limit=500")).encode())
    ground.delete("StoreSnapshot", name)
    ground.gone("StoreSnapshot", name)
    ground.snapshot(name)
    new = ground.completed("StoreSnapshot", name)
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    ground.kube.spoil("past", past, lambda call: of("storesnapshots")(call) and call.is_list)
    relist(ground, "storesnapshots")
    eventually(lambda: ground.kube.calls(lambda call: call.spoiled == "past"), 20, ground.story)
    time.sleep(2)
    left = ground.get("StoreSnapshot", name)
    assert left["metadata"]["uid"] == new["metadata"]["uid"] and "deletionTimestamp" not in left["metadata"]
    assert condition(left, "Succeeded") == condition(new, "Succeeded")


@row(API, "tells once more of a deletion, of an earlier object of the same name")
def replayed_delete(ground: Ground):
    old = ground.get("VectorStore", "notes")
    old["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"
    rule = ground.kube.spoil("replay", faults.watch_says("DELETED", old), watches("vectorstores"))
    ground.kube.drop()
    eventually(lambda: rule.hit, 20, ground.story)
    ground.completed("StoreSnapshot", ground.snapshot())
    assert known(ground, "VectorStore") == 1


@row(API, "hides that somebody deleted the newest snapshot, while retention gets stricter")
def stale_retention(ground: Ground):
    """Of two, the newer is deleted by a person, which the operator is not told; then it is to keep one."""
    ground.api.create("StoreSnapshotSchedule", ground.ns, "daily", {
        "schedule": "0 0 1 1 *", "retention": {"keepLast": 2}, "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
    uid = ground.wait("StoreSnapshotSchedule", "daily", "True")["metadata"]["uid"]
    for name in ("older", "newer"):
        ground.api.create("StoreSnapshot", ground.ns, name, {"vectorStoreRef": {"name": "notes"}},
                          metadata={"labels": {"pannier.dev/schedule": uid}})
        ground.completed("StoreSnapshot", name)
        time.sleep(1.1)  # creation has the resolution of a second
    ground.kube.spoil("deaf", faults.silence, watches("storesnapshots"), count=1000)
    ground.kube.drop()
    time.sleep(1.5)
    ground.api.patch("StoreSnapshot", ground.ns, "newer", {"metadata": {"finalizers": None}})
    ground.delete("StoreSnapshot", "newer")
    ground.api.patch("StoreSnapshotSchedule", ground.ns, "daily", {"spec": {"retention": {"keepLast": 1}}})
    time.sleep(4)
    assert known(ground, "StoreSnapshot") == 2, "it was told after all"
    older = ground.get("StoreSnapshot", "older")
    assert older and "deletionTimestamp" not in older["metadata"], "S2: the last snapshot was removed"
