"""The operator is killed (SIGKILL) after its n-th outward call, n = 1, 2, … until a run needs fewer: the call is
carried out, its answer is never seen. Another operator follows and must reach the same end. Calls are those to
the API server that change something (but for the lease and events), those to the daemon that do, and all that
it makes to the bucket itself.
"""

import random
import threading
import time

from daemon_rows import by_url
from ground import Ground, is_event, is_lease, rows_of
from invariants import Invariants, is_sound
from kube import condition, eventually
from proxy import Broken, Call
from table import row

SWEEP = "the operator is killed after each call"
CALLS_MAX = 60  # no run needs so many
STRIDE = 5  # in CI: every fifth call, from one that the seed chooses


class Killer:
    """Counts outward calls of the ground's operator, whichever process that is, and kills it at one of them."""

    def __init__(self, ground: Ground):
        self.ground, self.lock = ground, threading.Lock()
        self.count = self.target = 0
        self.hit: Call | None = None
        ground.kube.after.append(self.of_api)
        ground.link.after.append(self.of_daemon)
        ground.s3.after.append(self.of_bucket)

    def arm(self, target: int):
        with self.lock:
            self.count, self.target, self.hit = 0, target, None

    def disarm(self) -> Call | None:
        with self.lock:
            self.target = 0
            return self.hit

    def of_api(self, call: Call):
        if call.changes and not is_lease(call) and not is_event(call):
            self.next(call)

    def of_daemon(self, call: Call):
        if call.changes:
            self.next(call)

    def of_bucket(self, call: Call):
        if not by_url(call):
            self.next(call)

    def next(self, call: Call):
        with self.lock:
            self.count += 1
            if self.count != self.target:
                return
            self.hit = call
        self.ground.operator.process.running.kill()
        self.ground.operator.process.running.wait()
        raise Broken


class Sweep:
    """One thing that is asked for again and again. Subclasses say what."""

    def __init__(self, ground: Ground):
        self.ground, self.killer = ground, Killer(ground)
        self.name = ""
        self.died: list[str] = []

    def prepare(self):
        """Before the operator's calls are counted."""

    def begin(self):
        raise NotImplementedError

    def is_over(self) -> bool:
        raise NotImplementedError

    def check(self):
        """What must be so at the end."""

    def one(self, target: int) -> bool:
        """Whether the operator was killed; a run that needs fewer calls ends the sweep."""
        ground, killer = self.ground, self.killer
        self.prepare()
        killer.arm(target)
        self.begin()
        eventually(lambda: killer.hit or self.is_over(), 60, ground.story)
        hit = killer.disarm()
        if hit is not None:
            ground.follow_operator()
            self.died.append(f"{target}: {hit.method} {hit.path.split('/', 4)[-1][:60]}")
        eventually(self.is_over, 60, lambda: f"after a death at {hit}\n" + ground.story())
        self.check()
        return hit is not None

    def run(self):
        ground = self.ground
        first, stride = (1, 1) if ground.whole else (random.Random(ground.seed).randint(1, STRIDE), STRIDE)
        for target in range(first, CALLS_MAX, stride):
            if not self.one(target):
                break
        else:
            raise AssertionError(f"{CALLS_MAX} calls and no end")
        assert self.died, "never killed"
        ground.note = f"killed after calls {first}, {first + stride}, … {target - stride}"


class Snapshots(Sweep):
    def begin(self):
        self.ground.write(5)
        self.name = self.ground.snapshot()

    def is_over(self) -> bool:
        return condition(self.ground.get("StoreSnapshot", self.name), "Succeeded")["reason"] == "Completed"

    def check(self):
        taken, asked = Invariants(self.ground).manifests(), self.ground.api.list("StoreSnapshot", self.ground.ns)
        assert len(taken) == len(asked), f"{len(asked)} snapshots, {len(taken)} manifests: {taken}"


class Deletions(Sweep):
    def prepare(self):
        self.name = self.ground.snapshot()
        self.ground.completed("StoreSnapshot", self.name)

    def begin(self):
        self.ground.delete("StoreSnapshot", self.name)

    def is_over(self) -> bool:
        return self.ground.get("StoreSnapshot", self.name) is None

    def check(self):
        assert not Invariants(self.ground).manifests(), "its manifest stays"


class Restores(Sweep):
    def __init__(self, ground: Ground):
        super().__init__(ground)
        self.source = ground.snapshot()
        ground.completed("StoreSnapshot", self.source)
        self.then = ground.rows.now()

    def begin(self):
        self.ground.write(5)
        self.name = self.ground.operate({"restore": {"snapshotRef": {"name": self.source}}})

    def is_over(self) -> bool:
        return condition(self.ground.get("StoreOperation", self.name), "Succeeded")["reason"] == "Completed"

    def check(self):
        assert rows_of(self.ground.daemon) == self.then, "it is not as it was in the snapshot"
        self.ground.remember()


class Runs(Sweep):
    """Of a schedule that keeps one: the next one comes, is taken, and pushes the one before out."""

    def __init__(self, ground: Ground):
        super().__init__(ground)
        ground.api.create("StoreSnapshotSchedule", ground.ns, "yearly", {
            "schedule": "0 0 1 1 *", "retention": {"keepLast": 1},
            "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
        self.uid = ground.wait("StoreSnapshotSchedule", "yearly", "True")["metadata"]["uid"]

    def prepare(self):
        time.sleep(1.1)  # creation has the resolution of a second

    def begin(self):
        self.name = f"run-{time.time_ns()}"
        self.ground.api.create("StoreSnapshot", self.ground.ns, self.name, {"vectorStoreRef": {"name": "notes"}},
                               metadata={"labels": {"pannier.dev/schedule": self.uid}})

    def is_over(self) -> bool:
        left = self.ground.api.list("StoreSnapshot", self.ground.ns)
        return [each["metadata"]["name"] for each in left] == [self.name] and is_sound(left[0])

    def check(self):
        assert len(Invariants(self.ground).manifests()) == 1, Invariants(self.ground).manifests()


for about, kind in (("of a snapshot", Snapshots), ("of a deletion", Deletions), ("of a restore", Restores),
                    ("of a schedule's run that pushes another out", Runs)):
    row(SWEEP, about, slow=True)(lambda ground, kind=kind: kind(ground).run())
