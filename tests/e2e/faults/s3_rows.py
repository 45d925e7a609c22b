"""Rows between the bucket and both operator and daemon."""

import email.utils
import json
import time
import uuid

import faults
from daemon_rows import by_url, of_key
from ground import Ground, rows_of
from kube import condition, eventually
from proxy import Call
from table import row

S3 = "the bucket"


def own(call: Call) -> bool:
    """Of the operator, which signs in a header."""
    return not by_url(call)


def removals(ground: Ground, since: int = 0) -> list[Call]:
    return [call for call in ground.s3.calls()[since:] if call.method == "DELETE" and "/probe/" not in call.path]


def spoil_all(ground: Ground, name: str, fault, match=lambda call: True):
    """For operator and daemon, until it heals."""
    ground.s3.spoil(name, fault, match, count=100_000)
    return ground.heal


def validate(ground: Ground):
    """Has the repository looked at now: its spec is another one."""
    tree = ground.get("SnapshotRepository", "backups")
    every = 30 + (tree["spec"].get("validationIntervalSeconds", 300) + 7) % 200
    ground.api.patch("SnapshotRepository", ground.ns, "backups", {"spec": {"validationIntervalSeconds": every}})


def taken_in_spite_of(ground: Ground, name: str, fault, match, count: int = 2):
    rule = ground.s3.spoil(name, fault, match, count=count)
    ground.completed("StoreSnapshot", ground.snapshot())
    assert rule.hit == count, f"met {rule.hit} of {count}"


CHUNKS = lambda call: by_url(call) and of_key("chunks/", "PUT")(call)  # noqa: E731
MANIFESTS = lambda call: by_url(call) and of_key("snapshots/", "PUT", ".json")(call)  # noqa: E731


@row(S3, "fails (500)")
def fails(ground: Ground):
    taken_in_spite_of(ground, "500", faults.s3_error(500, "InternalError"), by_url, 3)


@row(S3, "asks to slow down (503)")
def slow_down(ground: Ground):
    taken_in_spite_of(ground, "503", faults.s3_error(503, "SlowDown", ("Retry-After", "1")), CHUNKS)


@row(S3, "answers as a gateway that is down (502, a page)")
def gateway(ground: Ground):
    page = b"<html>502 Bad Gateway</html>"
    taken_in_spite_of(ground, "502", lambda exchange: exchange.answer(502, page, ("Content-Type", "text/html")),
                      MANIFESTS)


@row(S3, "resets in the middle of an upload")
def resets(ground: Ground):
    taken_in_spite_of(ground, "reset", faults.reset, lambda call: by_url(call) and call.method == "PUT", 3)


@row(S3, "says 200 with an error for a body, of a chunk")
def error_body_chunk(ground: Ground):
    taken_in_spite_of(ground, "200", faults.s3_error(200, "InternalError"), CHUNKS, 1)


@row(S3, "says 200 with an error for a body, of a manifest")
def error_body_manifest(ground: Ground):
    taken_in_spite_of(ground, "200", faults.s3_error(200, "InternalError"), MANIFESTS, 1)


@row(S3, "loses the answer to a chunk and to a manifest")
def lost_replies(ground: Ground):
    ground.s3.spoil("lost chunk", faults.lost_reply, CHUNKS)
    ground.s3.spoil("lost manifest", faults.lost_reply, MANIFESTS)
    ground.completed("StoreSnapshot", ground.snapshot())


@row(S3, "finds URLs expired")
def expired(ground: Ground):
    taken_in_spite_of(ground, "expired", faults.s3_error(403, "AccessDenied"), CHUNKS, 1)


@row(S3, "does not answer an upload", slow=True)
def silent(ground: Ground):
    taken_in_spite_of(ground, "silence", faults.silence, CHUNKS, 1)


@row(S3, "cuts answers to the operator short")
def truncated(ground: Ground):
    name = ground.snapshot()
    ground.completed("StoreSnapshot", name)
    ground.s3.spoil("truncated", faults.truncated, own, count=2)
    ground.delete("StoreSnapshot", name)
    ground.gone("StoreSnapshot", name)


@row(S3, "loses the answer to the deletion of a manifest")
def lost_deletion(ground: Ground):
    name = ground.snapshot()
    key = ground.completed("StoreSnapshot", name)["status"]["items"][0]["manifestKey"]
    ground.s3.spoil("lost reply", faults.lost_reply, of_key("snapshots/", "DELETE"))
    ground.delete("StoreSnapshot", name)
    ground.gone("StoreSnapshot", name)
    assert key not in ground.world.s3.files(ground.bucket)


@row(S3, "is down for eight seconds in the middle of a snapshot")
def down(ground: Ground):
    ground.s3.spoil("late", faults.late(1), CHUNKS)
    name = ground.snapshot()
    eventually(lambda: ground.s3.calls(CHUNKS), 20, ground.story)
    ground.s3.refuse()
    validate(ground)
    ground.wait("SnapshotRepository", "backups", "Unknown/Unreachable")
    time.sleep(5)
    ground.heal()
    ground.completed("StoreSnapshot", name, within=90)
    validate(ground)
    ground.wait("SnapshotRepository", "backups", "True/Validated")


@row(S3, "has a clock that is an hour off")
def skewed(ground: Ground):
    off = email.utils.formatdate(time.time() + 3600, usegmt=True)
    ground.s3.spoil("Date", faults.skewed_date(off), own, count=1000)
    validate(ground)
    ground.wait("SnapshotRepository", "backups", "False/ClockSkewed")
    name = ground.snapshot()
    ground.wait("StoreSnapshot", name, "Unknown/RepositoryNotReady", "Accepted")
    ground.heal()
    ground.s3.spoil("403", faults.s3_error(403, "RequestTimeTooSkewed"), own)
    validate(ground)
    tree = ground.wait("SnapshotRepository", "backups", "False/AccessDenied")
    assert "clock" in condition(tree, "Ready")["message"], tree["status"]
    validate(ground)
    ground.wait("SnapshotRepository", "backups", "True/Validated")
    ground.completed("StoreSnapshot", name)


# --- another one, an empty one, none ---

def touches_nothing(ground: Ground, reason: str, restore):
    """With a snapshot to delete, one to take and one to restore, and a bucket that is not ours."""
    kept = ground.snapshot()
    ground.completed("StoreSnapshot", kept)
    doomed = ground.snapshot()
    ground.completed("StoreSnapshot", doomed)
    ground.write(10)
    return_it = restore()
    validate(ground)
    ground.wait("SnapshotRepository", "backups", reason)
    before = len(ground.s3.calls())
    ground.delete("StoreSnapshot", doomed)
    waiting = ground.snapshot()
    ground.wait("StoreSnapshot", waiting, "Unknown/RepositoryNotReady", "Accepted")
    operation = ground.operate({"restore": {"snapshotRef": {"name": kept}}})
    time.sleep(4)
    assert not removals(ground, before), removals(ground, before)
    puts = [call for call in ground.s3.calls()[before:] if call.method == "PUT"]
    assert not puts, puts
    assert ground.get("StoreSnapshot", doomed), "let go while nobody knows of its data"
    assert rows_of(ground.daemon) == ground.rows.now(), "restored from another repository"
    assert condition(ground.get("StoreOperation", operation), "Succeeded")["status"] != "True"
    return_it()
    ground.delete("StoreOperation", operation)
    validate(ground)
    ground.wait("SnapshotRepository", "backups", "True/Validated")
    ground.gone("StoreSnapshot", doomed)
    ground.completed("StoreSnapshot", waiting)


@row(S3, "is another repository now")
def another(ground: Ground):
    def swap():
        identity = ground.bucket_folder / "repository.json"
        tree = json.loads(identity.read_text())
        tree["id"] = str(uuid.uuid4())
        return spoil_all(ground, "another", faults.replaced(json.dumps(tree).encode()), of_key("repository.json", "GET"))
    touches_nothing(ground, "False/IdentityMismatch", swap)


@row(S3, "is empty now")
def empty(ground: Ground):
    def swap():
        folder = ground.bucket_folder
        aside = folder.with_name(folder.name + "-aside")
        folder.rename(aside)
        folder.mkdir()

        def back():
            assert not any(each.is_file() for each in folder.rglob("*")), "something was written into it"
            folder.rename(folder.with_name(folder.name + "-empty"))
            aside.rename(folder)
        return back
    touches_nothing(ground, "False/IdentityMismatch", swap)


@row(S3, "is gone")
def gone(ground: Ground):
    touches_nothing(ground, "False/NotFound", lambda: spoil_all(ground, "404", faults.s3_error(404, "NoSuchBucket")))


@row(S3, "refuses the keys (403)")
def denied(ground: Ground):
    touches_nothing(ground, "False/AccessDenied", lambda: spoil_all(ground, "403", faults.s3_error(403, "AccessDenied")))
