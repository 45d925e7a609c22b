"""What holds after every run, whatever went wrong in it; one checker for all.

S1 a Verified snapshot restores to exactly the rows of its sequence.
S2 the last Verified snapshot is never removed by the operator.
S3 nothing is deleted but with the uid that was meant; manifests only of snapshots that are to go.
S4 at most one epoch acts: what a daemon accepts never comes from an earlier leader.
S5 a status never claims more than the repository holds.
L1 every object comes to its end.
L2 once faults stop, all is at rest: ten looks at everything, and nothing is written.
"""

import hashlib
import json
import time
import uuid

from ground import COLLECTION, Ground, is_event, is_lease, rows_of
from kube import condition, eventually
from proxy import Call

SETTLES_WITHIN = 90
A_MOMENT = 0.5  # between what the operator reads and what it does
QUIET_LOOKS = 10
QUIET_TRIES = 6
LOOKED_AT = {"VectorStore": "vectorstore", "SnapshotRepository": "snapshotrepository"}


def is_sound(tree: dict) -> bool:
    return condition(tree, "Succeeded")["status"] == "True" and condition(tree, "Verified")["status"] == "True"


def is_write(call: Call) -> bool:
    return call.changes and not is_lease(call)


class Invariants:
    """Of one ground. What it has found good once is not restored again."""

    def __init__(self, ground: Ground):
        self.ground = ground
        self.proved: set[str] = set()  # uids
        self.broken: list[str] = []

    def check(self, settles: bool = True):
        self.ground.heal()
        if settles:
            self.settle()
        snapshots = self.ground.api.list("StoreSnapshot", self.ground.ns)
        for tree in filter(is_sound, snapshots):
            self.restores_exactly(tree)
        self.deletions_name_uids()
        self.last_one_is_kept()
        self.one_epoch_acts()
        for tree in snapshots:
            self.claims_what_is_there(tree)
        self.repository_counts_what_is_there()
        if settles:
            self.is_at_rest()
        if self.broken:
            raise AssertionError("\n".join([*self.broken, self.ground.story()]))

    # --- S1 ---

    def restores_exactly(self, tree: dict):
        if tree["metadata"]["uid"] in self.proved or "deletionTimestamp" in tree["metadata"]:
            return
        judge = self.ground.start_judge()
        for item in tree["status"]["items"]:
            name = "j" + uuid.uuid4().hex[:10]
            asked, path = str(uuid.uuid4()), "/admin/v1/operations/"
            judge.call("PUT", path + asked, {"action": "restore", "repository": "backups", "store": item["storeName"],
                                             "snapshot": item["snapshotUID"], "to": f"default_tenant/{name}"}, admin=True)
            def ended(asked=asked):
                return (done := judge.call("GET", path + asked, admin=True)[1]).get("state") not in (
                    "Pending", "Running") and done
            done = eventually(ended, 30)
            if done["state"] != "Succeeded":
                self.broken.append(f"S1: {tree['metadata']['name']} is not restored: {done}")
                continue
            held = rows_of(judge, f"/api/v2/tenants/default_tenant/databases/{name}/collections")
            wanted = self.ground.rows_in(tree)
            if held != wanted:
                self.broken.append(f"S1: {tree['metadata']['name']} at {item['sequence']} holds {len(held)} rows of "
                                   f"{COLLECTION}, {len(wanted)} were written: {set(held) ^ set(wanted)}")
        self.proved.add(tree["metadata"]["uid"])

    # --- S2, S3, S4: of what was sent ---

    def last_one_is_kept(self):
        """Whenever the operator deleted a Verified one, another was there: one that nobody had deleted by then."""
        sound: dict[str, float] = {}  # since when, by uid
        gone = {uid: when + A_MOMENT for uid, when in self.ground.by_hand.items()}
        for call in self.ground.api_calls(lambda call: "/storesnapshots/" in call.path and (call.status or 500) < 300):
            if call.method == "PATCH" and call.path.endswith("/status") and call.answer[:1] == b"{":
                tree = json.loads(call.answer)
                if is_sound(tree):
                    sound.setdefault(tree["metadata"]["uid"], call.at)
            elif call.method == "DELETE":
                uid = json.loads(call.body)["preconditions"]["uid"]
                others = [each for each in sound if each != uid and gone.get(each, call.at) >= call.at]
                if uid in sound and not others:
                    self.broken.append(f"S2: the last Verified snapshot was deleted: {call}")
                gone.setdefault(uid, call.at)

    def deletions_name_uids(self):
        for call in self.ground.api_calls(lambda call: call.method == "DELETE" and not is_event(call)):
            body = json.loads(call.body or b"{}")
            if not body.get("preconditions", {}).get("uid"):
                self.broken.append(f"S3: deleted without a uid: {call} {call.body!r}")
        # A manifest goes while its snapshot is on its way out; never one of a snapshot that stays.
        kept = {item["manifestKey"]: tree["metadata"]["name"]
                for tree in self.ground.api.list("StoreSnapshot", self.ground.ns)
                for item in tree.get("status", {}).get("items", [])
                if item.get("manifestKey") and "deletionTimestamp" not in tree["metadata"]}
        for call in self.ground.s3.calls(lambda call: call.method == "DELETE"):
            key = call.path.split("/", 2)[2]
            if key in kept:
                self.broken.append(f"S3: the manifest of {kept[key]}, which stays, was deleted: {call}")
            elif not key.startswith(("snapshots/", "probe/")):
                self.broken.append(f"S3: deleted: {call}")

    def one_epoch_acts(self):
        highest = 0
        for call in self.ground.link.calls(lambda call: call.changes and (call.status or 500) < 300):
            epoch = json.loads(call.body)["epoch"] if call.body else int(call.target.split("epoch=")[1])
            if epoch < highest:
                self.broken.append(f"S4: epoch {epoch} acted after {highest}: {call}")
            highest = max(highest, epoch)

    # --- S5 ---

    def claims_what_is_there(self, tree: dict):
        if "deletionTimestamp" in tree["metadata"]:
            return
        items = tree.get("status", {}).get("items", [])
        done = [item for item in items if item["state"] == "Succeeded"]
        for item in done:
            manifest = self.ground.bucket_folder / item["manifestKey"]
            if not manifest.exists():
                self.broken.append(f"S5: {tree['metadata']['name']} claims {item['manifestKey']}, which is not there")
            elif hashlib.sha256(manifest.read_bytes()).hexdigest() != item.get("manifestSHA256", ""):
                if item.get("manifestSHA256"):
                    self.broken.append(f"S5: {tree['metadata']['name']}: the manifest is another one")
        if condition(tree, "Succeeded")["status"] == "True" and (not items or len(done) != len(items)):
            self.broken.append(f"S5: {tree['metadata']['name']} is Completed with {len(done)} of {len(items)} items")

    def manifests(self) -> list[str]:
        return [each for each in self.ground.world.s3.files(self.ground.bucket, "snapshots/")
                if each.endswith(".json") and not each.endswith(".verified.json")]

    def repository_counts_what_is_there(self):
        status = (self.ground.get("SnapshotRepository", "backups") or {}).get("status", {})
        has_deleted = self.ground.s3.calls(lambda call: call.method == "DELETE" and "/snapshots/" in call.path)
        if status.get("snapshots", 0) > len(self.manifests()) and not has_deleted:
            self.broken.append(f"S5: the repository counts {status['snapshots']}, holds {len(self.manifests())}")

    # --- L1 ---

    def unsettled(self) -> list[str]:
        found = []
        for kind in ("StoreSnapshot", "StoreOperation"):
            for tree in self.ground.api.list(kind, self.ground.ns):
                state = condition(tree, "Succeeded")
                waits = state["reason"] == "Suspended"
                held = "deletionTimestamp" in tree["metadata"] and not tree["spec"].get("hold")
                if (state["status"] in ("", "Unknown") and not waits) or held:
                    found.append(f"{kind} {tree['metadata']['name']}: {state}{' and deleting' if held else ''}")
        for kind in LOOKED_AT:
            for tree in self.ground.api.list(kind, self.ground.ns):
                if condition(tree, "Ready")["status"] in ("", "Unknown"):
                    found.append(f"{kind} {tree['metadata']['name']}: {condition(tree, 'Ready')}")
        return found

    def settle(self):
        eventually(lambda: not self.unsettled(), SETTLES_WITHIN,
                   lambda: "L1: not at an end: " + "; ".join(self.unsettled()) + "\n" + self.ground.story())

    # --- L2 ---

    def is_at_rest(self):
        eventually(self.ground.operator.leads, 30, self.ground.operator.process.said)
        wrote: list[Call] = []
        for _ in range(QUIET_TRIES):  # a daemon may still tidy its stores, whose sizes are told
            before = len(self.ground.kube.calls(is_write))
            for _ in range(QUIET_LOOKS):
                self.look_at_everything()
            wrote = self.ground.kube.calls(is_write)[before:]
            if not wrote:
                return
            time.sleep(0.5)
        self.broken.append("L2: writes without an end: " + "; ".join(f"{call} {call.body[:300]!r}" for call in wrote))

    def look_at_everything(self):
        """As a resync does: each object is reconciled once more."""
        before = self.reconciled()
        for kind in LOOKED_AT:
            for tree in self.ground.api.list(kind, self.ground.ns):
                self.ground.touch(kind, tree["metadata"]["name"])
        for kind in ("StoreSnapshot", "StoreSnapshotSchedule", "StoreOperation", "StoreCleanupPolicy"):
            for tree in self.ground.api.list(kind, self.ground.ns)[-3:]:
                self.ground.touch(kind, tree["metadata"]["name"])
        wanted = [name for kind, name in LOOKED_AT.items() if self.ground.api.list(kind, self.ground.ns)]
        eventually(lambda: all(self.reconciled()[name] > before[name] for name in wanted), 20,
                   lambda: "L2: touched objects are not looked at\n" + self.ground.story())

    def reconciled(self) -> dict[str, float]:
        total = dict.fromkeys(LOOKED_AT.values(), 0.0)
        for line in self.ground.operator.ask("/metrics")[1].splitlines():
            if line.startswith("controller_runtime_reconcile_total{"):
                name = line.split('controller="')[1].split('"')[0]
                if name in total:
                    total[name] += float(line.split()[-1])
        return total
