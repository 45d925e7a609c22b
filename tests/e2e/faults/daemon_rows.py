"""Rows between operator and daemon, and of daemons that die."""

import signal
import time

import faults
from ground import STORE, Ground, rows_of
from kube import condition, eventually
from proxy import Broken, Call, Exchange
from table import row

LINK, DAEMON = "operator and daemon", "the daemon"


def starts(call: Call) -> bool:
    return call.method == "PUT" and "/operations/" in call.path


def grants(call: Call) -> bool:
    return call.path.endswith("/grants")


def by_url(call: Call) -> bool:
    """Of the daemon, by a URL that the operator gave it."""
    return "X-Amz-Signature" in call.target


def of_key(prefix: str, method: str, ending: str = ""):
    def matches(call: Call) -> bool:
        key = call.path.split("/", 2)[-1]
        return call.method == method and key.startswith(prefix) and key.endswith(ending)
    return matches


# --- the way between them ---

@row(LINK, "every connection is reset, five times")
def resets(ground: Ground):
    ground.link.spoil("reset", faults.reset, starts)
    ground.link.spoil("reset", faults.reset, grants)
    name = ground.snapshot()
    for _ in range(5):
        time.sleep(0.5)
        ground.link.drop()
    ground.completed("StoreSnapshot", name)


@row(LINK, "answers to starts and grants are lost")
def lost_replies(ground: Ground):
    ground.link.spoil("lost reply", faults.lost_reply, starts)
    ground.link.spoil("lost reply", faults.lost_reply, grants, count=2)
    ground.completed("StoreSnapshot", ground.snapshot())
    assert len({call.path for call in ground.link.calls(starts)}) == 1, "begun twice"


@row(LINK, "answers stall, and break off")
def stalls(ground: Ground):
    name = ground.snapshot()
    ground.link.spoil("silence", faults.silence, starts)
    ground.link.spoil("half", faults.half_reply, lambda call: call.path.endswith("/stores"), count=2)
    ground.completed("StoreSnapshot", name)
    assert ground.link.calls(lambda call: call.spoiled == "half")


@row(LINK, "are parted for eight seconds in the middle of a snapshot")
def parted(ground: Ground):
    ground.s3.spoil("late", faults.late(2), of_key("chunks/", "PUT"))
    name = ground.snapshot()
    eventually(lambda: ground.link.calls(starts), 20, ground.story)
    ground.link.refuse()
    ground.touch("VectorStore", "notes")
    tree = ground.wait("VectorStore", "notes", "False/Unreachable")
    # Who does not answer is unknown, never corrupt.
    assert condition(tree, "Healthy")["status"] == "Unknown", tree["status"]
    time.sleep(6)
    assert not ground.api.list("StoreOperation", ground.ns)
    ground.heal()
    ground.completed("StoreSnapshot", name)
    ground.touch("VectorStore", "notes")
    ground.wait("VectorStore", "notes", "True/AsWanted")


@row(LINK, "differ in age: the daemon does not know what it is asked for")
def older_daemon(ground: Ground):
    body = b'{"error": "invalid argument", "message": "there is no member owner", "hint": ""}'
    ground.link.spoil("400", lambda exchange: exchange.answer(400, body, ("Content-Type", "application/json")),
                      starts, count=1000)
    name = ground.snapshot(timeoutSeconds=60, backoffLimit=0)
    eventually(lambda: ground.link.calls(starts), 20, ground.story)
    time.sleep(1)
    ground.heal()  # it was upgraded
    ground.completed("StoreSnapshot", name)


# --- daemons that die ---

def dies(ground: Ground, after: bool = False):
    """The daemon is killed by what it does, before the server hears of it or after."""
    def fault(exchange: Exchange):
        if after:
            exchange.fetch()
        ground.daemon.process.end(signal.SIGKILL)
        raise Broken
    return fault


def come_back(ground: Ground):
    eventually(lambda: ground.daemon.process.running.poll() is not None, 40, ground.story)
    time.sleep(0.3)
    ground.daemon.start()


def dies_in_snapshot(ground: Ground, where, after: bool):
    ground.s3.spoil("death", dies(ground, after), lambda call: by_url(call) and where(call))
    name = ground.snapshot()
    come_back(ground)
    tree = ground.completed("StoreSnapshot", name)
    assert rows_of(ground.daemon) == ground.rows.now(), "rows were lost"
    sessions = {item["sessionID"] for item in tree["status"]["items"]}
    current = ground.daemon.call("GET", "/admin/v1/status", admin=True)[1]["sessionID"]
    assert sessions <= {current} or tree["status"]["attempt"] == 1, tree["status"]
    # Whatever the first attempt left, one snapshot is one manifest.
    taken = [each for each in ground.world.s3.files(ground.bucket, "snapshots/")
             if each.endswith(".json") and not each.endswith(".verified.json")]
    assert len(taken) <= tree["status"]["attempt"], (taken, tree["status"])


@row(DAEMON, "dies before a chunk is sent")
def dies_before_chunk(ground: Ground):
    dies_in_snapshot(ground, of_key("chunks/", "PUT"), after=False)


@row(DAEMON, "dies before the manifest is sent")
def dies_before_manifest(ground: Ground):
    dies_in_snapshot(ground, of_key("snapshots/", "PUT", ".json"), after=False)


@row(DAEMON, "dies once the manifest is there, before it knows")
def dies_after_manifest(ground: Ground):
    dies_in_snapshot(ground, of_key("snapshots/", "PUT", ".json"), after=True)


@row(DAEMON, "dies in the verification")
def dies_in_verification(ground: Ground):
    dies_in_snapshot(ground, of_key("chunks/", "GET"), after=False)


@row(DAEMON, "dies in a restore")
def dies_in_restore(ground: Ground):
    name = ground.snapshot()
    ground.completed("StoreSnapshot", name)
    then = ground.rows.now()
    ground.write(20)
    ground.s3.spoil("death", dies(ground), of_key("chunks/", "GET"))
    operation = ground.operate({"restore": {"snapshotRef": {"name": name}}})
    come_back(ground)
    held = rows_of(ground.daemon)
    assert held in (then, ground.rows.now()), "the store is a mixture"
    ground.completed("StoreOperation", operation)
    assert rows_of(ground.daemon) == then
    ground.remember()


@row(DAEMON, "dies once it has all rows of a restore, before they take their place or while they do")
def dies_in_swap(ground: Ground):
    name = ground.snapshot()
    ground.completed("StoreSnapshot", name)
    then = ground.rows.now()
    chunks = len(ground.world.s3.files(ground.bucket, "chunks/"))
    for pause in (0.0, 0.05, 0.15):
        ground.write(20)
        ends = ground.s3.spoil("death", late_death(ground, pause), of_key("chunks/", "GET"), skip=chunks - 1)
        operation = ground.operate({"restore": {"snapshotRef": {"name": name}}})
        eventually(lambda ends=ends: ends.hit > ends.skip, 40, ground.story)
        come_back(ground)
        assert rows_of(ground.daemon) in (then, ground.rows.now()), "the store is a mixture"
        ground.completed("StoreOperation", operation)
        assert rows_of(ground.daemon) == then
        ground.remember()
        ground.s3.heal()


def late_death(ground: Ground, pause: float):
    """It gets its answer, and dies some time after it."""
    def fault(exchange: Exchange):
        exchange.pass_on()
        time.sleep(pause)
        ground.daemon.process.end(signal.SIGKILL)
    return fault


def dies_when_asked(ground: Ground, action: dict):
    ground.link.spoil("death", dies(ground, after=True), starts)
    operation = ground.operate(action)
    come_back(ground)
    assert rows_of(ground.daemon) == ground.rows.now(), "rows were lost"
    ground.completed("StoreOperation", operation)
    assert rows_of(ground.daemon) == ground.rows.now(), "rows were lost"


@row(DAEMON, "dies in a rebuild")
def dies_in_rebuild(ground: Ground):
    dies_when_asked(ground, {"rebuildIndex": {}})


@row(DAEMON, "dies in a compaction, and in a fork")
def dies_in_compaction(ground: Ground):
    dies_when_asked(ground, {"compact": {}})
    dies_when_asked(ground, {"fork": {"toStoreName": "default_tenant/copy"}})


@row(DAEMON, "dies again and again, until a snapshot is given up")
def dies_always(ground: Ground):
    def fault(exchange: Exchange):
        ground.daemon.process.end(signal.SIGKILL)
        ground.daemon.start()
        exchange.reset()
    ground.s3.spoil("death", fault, lambda call: by_url(call) and of_key("chunks/", "PUT")(call), count=1000)
    name = ground.snapshot(backoffLimit=1)
    tree = ground.wait("StoreSnapshot", name, "False/Failed", "Succeeded", within=90)
    assert tree["status"]["items"][0]["storeName"] == STORE
    assert rows_of(ground.daemon) == ground.rows.now(), "rows were lost"
    ground.heal()
    ground.completed("StoreSnapshot", ground.snapshot())
