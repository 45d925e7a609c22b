"""Goal: operators may be killed, frozen and followed by others at any time; one acts, and what was begun
ends once.

Method: one after the other, since all of it is about who leads.
"""

import signal
import time

import shared
from kube import eventually


class TakeOver(shared.Case):
    def setUp(self):
        super().setUp()
        self.operator = shared.world.operator()
        self.operator.await_ready()
        eventually(self.operator.leads, 25, self.operator.process.said)

    def tearDown(self):
        shared.world.end_operators()

    def test_an_operator_that_is_killed_in_the_middle_is_followed_by_one_that_ends_the_work(self):
        bucket, _ = self.with_store(records=2000)
        for number in range(2):
            self.snapshot(f"cut-{number}")
            time.sleep(0.4 + number)
            self.operator.process.end(signal.SIGKILL)
            self.operator = shared.world.operator()
            self.operator.await_ready()
            self.wait("StoreSnapshot", f"cut-{number}", "True/Completed", "Succeeded", within=60)
        manifests = [each for each in shared.world.s3.files(bucket, "snapshots/") if each.endswith(".json")]
        taken = [each for each in manifests if "verif" not in each]
        self.assertEqual(len(taken), 2, manifests)

    def test_another_operator_takes_over_and_the_deposed_one_is_refused(self):
        _, daemon = self.with_store()
        second = shared.world.operator(name="second")
        second.await_ready()
        self.assertFalse(second.leads())
        # In good order: at once.
        began = time.monotonic()
        self.operator.process.end()
        eventually(second.leads, 10, second.process.said)
        released = time.monotonic() - began
        self.assertLess(released, 6)
        # Killed: once the lease has run out.
        third = shared.world.operator(name="third")
        third.await_ready()
        began = time.monotonic()
        second.process.end(signal.SIGKILL)
        eventually(third.leads, 30, third.process.said)
        killed = time.monotonic() - began
        self.assertLess(killed, 20)
        print(f"take-over: released {released:.1f} s, killed {killed:.1f} s")
        self.snapshot("after")
        self.wait("StoreSnapshot", "after", "True/Completed", "Succeeded")
        # The daemon has seen the new epoch: what an older leader asks for is refused.
        epoch = shared.world.api.get("Lease", "pannier-system", "pannier-operator")["spec"]["leaseTransitions"]
        body = {"action": "verify", "store": "default_tenant/default_database", "level": "Quick"}
        path = "/admin/v1/operations/00000000-0000-4000-8000-00000000000"
        self.assertEqual(daemon.call("PUT", path + "1", {**body, "epoch": epoch - 1}, admin=True)[0], 403)
        self.assertEqual(daemon.call("PUT", path + "2", {**body, "epoch": epoch}, admin=True)[0], 201)

    def test_a_frozen_leader_writes_nothing_when_it_wakes(self):
        self.with_store()
        second = shared.world.operator(name="second")
        second.await_ready()
        self.operator.process.running.send_signal(signal.SIGSTOP)
        eventually(second.leads, 30, second.process.said)
        self.snapshot("after")
        self.operator.process.running.send_signal(signal.SIGCONT)
        self.wait("StoreSnapshot", "after", "True/Completed", "Succeeded")
        eventually(lambda: not self.operator.leads(), 15, self.operator.process.said)
        self.assertIsNone(self.operator.process.running.poll())  # it goes on, and follows
        self.assertEqual(self.operator.ask("/readyz")[0], 200)

    def test_when_nothing_changes_nothing_is_written(self):
        self.with_store()
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        # A look at every daemon fits in; the first few may still find that a daemon tidied its stores.
        written = None
        for _ in range(5):
            before = self.operator.calls()
            time.sleep(36)
            after = self.operator.calls()
            written = [after.get(each, 0) - before.get(each, 0) for each in ("PATCH", "POST", "DELETE")]
            if not any(written):
                break
        self.assertEqual(written, [0, 0, 0])  # the lease is renewed, by PUT; that is all
        print(f"RSS {self.operator.rss_kib()} KiB")

    def test_a_snapshot_costs_few_calls(self):
        self.with_store()
        self.snapshot("warm")
        self.wait("StoreSnapshot", "warm", "True/Completed", "Succeeded")
        before = self.calls_at_rest()
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        after = self.calls_at_rest()
        # The lease's renewals are GETs and PUTs, so those are not counted.
        print("calls of the API for a snapshot, besides the lease's:",
              {each: after[each] - before.get(each, 0) for each in after if each in ("POST", "PATCH", "DELETE")})
        self.assertLessEqual(after.get("PATCH", 0) - before.get("PATCH", 0), 10)

    def calls_at_rest(self) -> dict[str, float]:
        """Once nothing has been written for a while: what came before is not of what comes now."""
        writes = lambda calls: [calls.get(each, 0) for each in ("PATCH", "POST", "DELETE")]  # noqa: E731
        seen = self.operator.calls()
        for _ in range(10):
            time.sleep(3)
            before, seen = seen, self.operator.calls()
            if writes(before) == writes(seen):
                break
        return seen
