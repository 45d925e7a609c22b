"""Rows of clocks that step: the operator's is turned by hand (stepped_clock.cc), while time itself (its steady
clock, and everybody else's) goes on.
"""

import struct
import time

from ground import Ground
from kube import eventually
from s3_rows import validate
from sweep import SWEEP, Sweep
from table import row
from world import BIN

CLOCK = "the operator's clock"
LIBRARY = BIN.parent / "e2e" / "libstepped_clock.so"
HOUR = 3600


class Clock:
    """Of the operators that a ground starts from now on."""

    def __init__(self, ground: Ground):
        assert LIBRARY.exists(), f"{LIBRARY} is not built"
        self.file, self.seconds = ground.world.folder / f"{ground.ns}.clock", 0
        self.file.write_bytes(struct.pack("q", 0))
        ground.env = {"LD_PRELOAD": str(LIBRARY), "STEPPED_CLOCK": str(self.file)}
        ground.tells_time = False
        ground.follow_operator()
        ground.await_leading()

    def put(self, seconds: int):
        self.seconds = seconds
        with self.file.open("r+b", buffering=0) as out:
            out.write(struct.pack("q", seconds))

    def step(self, seconds: int):
        self.put(self.seconds + seconds)


def schedule(ground: Ground, name: str, when: str, **spec):
    ground.api.create("StoreSnapshotSchedule", ground.ns, name, {
        "schedule": when, **spec,
        "template": {"spec": {"vectorStoreRef": {"name": "notes"}, "timeoutSeconds": 86400}}})


@row(CLOCK, "is put forward by an hour, back, and forward again: no slot is left out, none runs twice")
def steps(ground: Ground):
    clock = Clock(ground)
    schedule(ground, "hourly", "0 * * * *", concurrencyPolicy="Allow", retention={"keepLast": 10})
    ground.wait("StoreSnapshotSchedule", "hourly", "True")

    def after(seconds: int, wanted: int) -> list[str]:
        """Whatever there is once the operator has looked at the stepped clock, at least twice."""
        clock.step(seconds)
        made: list[str] = []
        for look in range(12):
            ground.touch("StoreSnapshotSchedule", "hourly")
            time.sleep(1)
            made = sorted(each["metadata"]["name"] for each in ground.api.list("StoreSnapshot", ground.ns))
            if look and len(made) >= wanted:
                break
        assert len(made) == wanted, f"{made} after a step of {seconds} s\n{ground.story()}"
        return made

    after(0, 0)
    first = after(HOUR, 1)
    for back_and_forth in (-HOUR, -HOUR, 2 * HOUR):
        assert after(back_and_forth, 1) == first
    assert set(first) < set(after(HOUR, 2))
    # Most of a day without it is caught up by one run.
    after(20 * HOUR, 3)
    clock.put(0)
    for tree in ground.api.list("StoreSnapshot", ground.ns):
        ground.completed("StoreSnapshot", tree["metadata"]["name"], within=90)


@row(CLOCK, "goes on by an hour without an operator: one snapshot catches up, what was asked meanwhile is done")
def operator_away(ground: Ground):
    every = 240
    clock, doomed = Clock(ground), ground.snapshot()
    # Some seconds after a run is due that comes after the schedule is made, so that no other comes while we look.
    now = int(time.time()) + 10
    clock.put(10 + every - now % every + 20)
    schedule(ground, "often", "*/4 * * * *", retention={"keepLast": 1})

    def runs() -> set[str]:
        return {each["metadata"]["name"] for each in ground.api.list("StoreSnapshot", ground.ns)
                if each["metadata"]["name"].startswith("often")}
    first = eventually(runs, 20, ground.story)
    for name in (doomed, min(first)):
        ground.completed("StoreSnapshot", name)
    missed = ground.get("StoreSnapshotSchedule", "often")["status"].get("missedRuns", 0)

    ground.operator.process.end()
    ground.delete("StoreSnapshot", doomed)
    operation = ground.operate({"compact": {}})
    clock.step(HOUR)
    ground.operator = ground.start_operator()
    ground.await_leading()
    ground.completed("StoreOperation", operation)
    caught_up = eventually(lambda: runs() - first, 20, ground.story)
    for _ in range(2):
        ground.touch("StoreSnapshotSchedule", "often")
        time.sleep(1)
        caught_up |= runs() - first
    assert len(caught_up) == 1, caught_up
    status = ground.get("StoreSnapshotSchedule", "often")["status"]
    assert status["missedRuns"] == missed + HOUR // every - 1, status
    clock.put(0)  # for the S3 server, which knows nothing of that hour
    validate(ground)
    ground.touch("StoreSnapshot", doomed)
    ground.gone("StoreSnapshot", doomed)
    ground.completed("StoreSnapshot", min(caught_up), within=90)
    ground.gone("StoreSnapshot", min(first))


class CleanUps(Sweep):
    """Of a claim that nobody uses, beside one that a pod uses."""

    def __init__(self, ground: Ground):
        ground.flags = ("--allow-claim-deletion",)
        self.clock, self.count = Clock(ground), 0
        super().__init__(ground)
        self.claim("used")
        ground.api.call("POST", ground.api.path("Pod", ground.ns), {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user", "namespace": ground.ns},
            "spec": {"containers": [{"name": "work", "image": "work"}], "automountServiceAccountToken": False,
                     "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "used"}}]}})
        ground.api.create("StoreCleanupPolicy", ground.ns, "tidy", {
            "schedule": "0 * * * *", "mode": "Delete", "limits": {"maxDeletions": 20, "maxPercent": 50},
            "rules": {"persistentVolumeClaims": {"selector": {"matchLabels": {"app": "x"}}, "unusedSeconds": 86400}}})

    def claim(self, name: str):
        self.ground.api.create("PersistentVolumeClaim", self.ground.ns, name, {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            metadata={"labels": {"app": "x"}})

    def begin(self):
        self.count += 1
        self.name = f"left-{self.count}"
        self.claim(self.name)
        self.seen = self.runs()
        self.clock.step(2 * HOUR)
        self.look_at = 0.0

    def runs(self) -> str:
        return (self.ground.get("StoreCleanupPolicy", "tidy") or {}).get("status", {}).get("lastRunTime", "")

    def is_over(self) -> bool:
        """The clock goes on with each run, until the claim is gone."""
        if self.runs() != self.seen:
            self.seen = self.runs()
            self.clock.step(25 * HOUR)
            self.look_at = 0
        if time.monotonic() > self.look_at:
            self.ground.touch("StoreCleanupPolicy", "tidy")
            self.look_at = time.monotonic() + 1
        tree = self.ground.get("PersistentVolumeClaim", self.name)
        if "deletionTimestamp" in (tree or {}).get("metadata", {}):
            # As the controller that protects claims in use does.
            self.ground.api.patch("PersistentVolumeClaim", self.ground.ns, self.name, {"metadata": {"finalizers": None}})
        return tree is None

    def check(self):
        assert self.ground.get("PersistentVolumeClaim", "used"), "a claim that a pod uses was deleted"

    def run(self):
        super().run()
        self.clock.put(0)


row(SWEEP, "of a clean-up", slow=True)(lambda ground: CleanUps(ground).run())
