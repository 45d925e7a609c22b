"""Random faults among random actions. A seed chooses both, and their order; what they meet is a matter of timing.
At the end all faults stop, and everything must settle with every invariant.
"""

import random
import signal
import time

import faults
from daemon_rows import by_url
from ground import Ground, is_event, is_lease, rows_of
from kube import condition, eventually
from proxy import Call
from table import Row

RANDOM = "a random run"
STEPS = 12
ENDS_WITHIN = 80


def any_write(call: Call) -> bool:
    return call.changes and not is_lease(call) and not is_event(call)


def any_call(_: Call) -> bool:
    return True


# Where, what, which calls.
SPOILS = [
    ("kube", faults.kube_status(409, "Conflict"), any_write),
    ("kube", faults.kube_status(500, "InternalError"), any_write),
    ("kube", faults.kube_status(503, "ServiceUnavailable"), any_call),
    ("kube", faults.kube_status(429, "TooManyRequests", ("Retry-After", "1")), any_write),
    ("kube", faults.kube_status(403, "Forbidden"), any_write),
    ("kube", faults.kube_status(410, "Expired"), lambda call: call.is_watch),
    ("kube", faults.watch_says("ERROR", faults.GONE), lambda call: call.is_watch),
    ("kube", faults.cut_watch, lambda call: call.is_watch),
    ("kube", faults.lost_reply, any_write),
    ("kube", faults.reset, any_call),
    ("kube", faults.truncated, lambda call: call.is_list),
    ("kube", faults.late(1), any_write),
    ("link", faults.reset, any_call),
    ("link", faults.lost_reply, any_call),
    ("link", faults.half_reply, any_call),
    ("link", faults.late(2), any_call),
    ("s3", faults.s3_error(500, "InternalError"), any_call),
    ("s3", faults.s3_error(503, "SlowDown"), any_call),
    ("s3", faults.s3_error(403, "AccessDenied"), by_url),
    ("s3", faults.reset, any_call),
    ("s3", faults.lost_reply, any_call),
    ("s3", faults.truncated, lambda call: call.method == "GET"),
    ("s3", faults.late(2), by_url),
]


class RandomRun:
    def __init__(self, ground: Ground, seed: int):
        self.ground, self.random = ground, random.Random(seed)
        self.schedules: list[str] = []
        self.did: list[str] = []

    # --- faults ---

    def spoil(self):
        where, fault, match = self.random.choice(SPOILS)
        getattr(self.ground, where).spoil("random", fault, match, count=self.random.randint(1, 3),
                                          skip=self.random.randint(0, 4))

    def part(self):
        proxy = getattr(self.ground, self.random.choice(["kube", "link", "s3"]))
        (proxy.refuse if self.random.random() < 0.5 else proxy.freeze)()
        time.sleep(self.random.uniform(0.3, 2))
        proxy.refuses = False
        proxy.gate.set()

    def drop(self):
        getattr(self.ground, self.random.choice(["kube", "link", "s3"])).drop()

    def kill_daemon(self):
        self.ground.daemon.process.end(signal.SIGKILL)
        time.sleep(self.random.uniform(0, 1))
        self.ground.daemon.start()

    def kill_operator(self):
        self.ground.follow_operator()

    def freeze_operator(self):
        process = self.ground.operator.process.running
        process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.2, 1.5))
        process.send_signal(signal.SIGCONT)

    def heal(self):
        self.ground.heal()

    # --- what people do ---

    def write(self):
        self.ground.write(self.random.randint(1, 40))

    def snapshot(self):
        labels = {}
        if self.schedules and self.random.random() < 0.5:
            labels = {"labels": {"pannier.dev/schedule": self.random.choice(self.schedules)}}
        self.ground.api.create("StoreSnapshot", self.ground.ns, f"s-{len(self.did)}", {
            "vectorStoreRef": {"name": "notes"}, "backoffLimit": self.random.randint(0, 2), "timeoutSeconds": 60,
            "includeIndex": self.random.choice(["Always", "IfClean", "Never"]),
            "verification": self.random.choice(["Manifest", "Deep"])}, metadata=labels)

    def some(self, kind: str, fits=lambda tree: True) -> dict | None:
        found = sorted(filter(fits, self.ground.api.list(kind, self.ground.ns)), key=lambda tree: tree["metadata"]["name"])
        return self.random.choice(found) if found else None

    def delete_snapshot(self):
        if tree := self.some("StoreSnapshot"):
            self.ground.delete("StoreSnapshot", tree["metadata"]["name"])

    def schedule(self):
        name = f"h-{len(self.did)}"
        made = self.ground.api.create("StoreSnapshotSchedule", self.ground.ns, name, {
            "schedule": self.random.choice(["0 0 1 1 *", "* * * * *"]), "suspend": self.random.random() < 0.3,
            "retention": {"keepLast": self.random.randint(1, 2)}, "failedHistoryLimit": 1,
            "template": {"spec": {"vectorStoreRef": {"name": "notes"}, "backoffLimit": 1, "timeoutSeconds": 60}}})
        self.schedules.append(made["metadata"]["uid"])

    def change_schedule(self):
        tree = self.some("StoreSnapshotSchedule")
        if tree is None:
            return self.schedule()
        name = tree["metadata"]["name"]
        if self.random.random() < 0.3:
            return self.ground.api.delete("StoreSnapshotSchedule", self.ground.ns, name)
        return self.ground.api.patch("StoreSnapshotSchedule", self.ground.ns, name, {
            "spec": {"suspend": self.random.random() < 0.5, "retention": {"keepLast": self.random.randint(1, 2)}}})

    def operate(self):
        action = self.random.choice([{"verify": {"level": "Full"}}, {"verify": {"level": "Quick"}},
                                     {"rebuildIndex": {}}, {"compact": {}}])
        self.ground.operate(action, f"o-{len(self.did)}", timeoutSeconds=60, backoffLimit=1)

    def restore(self):
        """The rows are those of the snapshot then, or the old ones; never others."""
        ground = self.ground
        tree = self.some("StoreSnapshot", lambda tree: condition(tree, "Verified")["status"] == "True"
                         and "deletionTimestamp" not in tree["metadata"])
        if tree is None:
            return
        before = ground.rows.now()
        name = ground.operate({"restore": {"snapshotRef": {"name": tree["metadata"]["name"]}}}, f"o-{len(self.did)}",
                              timeoutSeconds=60, backoffLimit=1)
        time.sleep(self.random.uniform(0, 2))
        self.heal()
        eventually(lambda: condition(ground.get("StoreOperation", name), "Succeeded")["status"] in ("True", "False"),
                   ENDS_WITHIN, lambda: f"{name} has no end\n" + ground.story())
        ended = condition(ground.get("StoreOperation", name), "Succeeded")
        held, wanted = rows_of(ground.daemon), ground.rows_in(tree)
        assert held in (before, wanted), f"a mixture: {len(held)} of {len(before)} or {len(wanted)} rows"
        assert ended["status"] == "False" or held == wanted, ended
        ground.remember()

    # --- all of it ---

    def run(self):
        weighted = {self.spoil: 8, self.part: 2, self.drop: 2, self.kill_daemon: 2, self.kill_operator: 2,
                    self.freeze_operator: 1, self.heal: 1, self.write: 4, self.snapshot: 6, self.delete_snapshot: 2,
                    self.schedule: 2, self.change_schedule: 1, self.operate: 2, self.restore: 3}
        for step in self.random.choices(list(weighted), list(weighted.values()), k=STEPS):
            self.did.append(step.__name__)
            self.ground.note = ", ".join(self.did)
            step()
            time.sleep(self.random.uniform(0, 0.5))
        self.ground.heal()
        # Slots that come with the minute would disturb what is to be at rest.
        for tree in self.ground.api.list("StoreSnapshotSchedule", self.ground.ns):
            self.ground.api.patch("StoreSnapshotSchedule", self.ground.ns, tree["metadata"]["name"],
                                  {"spec": {"suspend": True}})


def rows(seed: int, count: int) -> list[Row]:
    return [Row(RANDOM, f"of seed {each}", lambda ground, each=each: RandomRun(ground, each).run())
            for each in range(seed, seed + count)]
