"""Goal: stores come back from S3 with daemons that have no credentials: every URL is granted by the operator.

Method: as happy_path.py.
"""

import signal

import shared
from kube import condition, eventually


class Repairs(shared.Case):
    def operate(self, name: str, action: dict, **more) -> dict:
        shared.world.api.create("StoreOperation", self.ns, name, {
            "vectorStoreRef": {"name": "notes"}, "action": action,
            "target": {"podName": "notes-0", "storeName": shared.STORE}, **more})
        return self.wait("StoreOperation", name, "True/Completed", "Succeeded", within=60)

    def test_a_store_comes_back_from_s3_and_takes_up_what_another_has(self):
        _, daemon = self.with_store(200)
        self.assertNotIn("accessKey", (daemon.folder / "config.yaml").read_text())
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        daemon.fill("books", 10, first=200)
        self.operate("fork", {"fork": {"toStoreName": "default_tenant/copy"}})
        plan = self.operate("plan", {"restore": {"snapshotRef": {"name": "one"}}}, dryRun=True)["status"]["plan"]
        self.assertIn("steps", plan)
        self.assertEqual(daemon.count("books"), 210)
        self.operate("back", {"restore": {"snapshotRef": {"name": "one"}}})
        self.assertEqual(daemon.count("books"), 200)
        self.operate("merge", {"merge": {"fromStoreName": "default_tenant/copy"}})
        self.assertEqual(daemon.count("books"), 210)
        self.operate("latest", {"restore": {"latest": {}, "toStoreName": "default_tenant/old"}})
        self.assertIn("old", [each["database"] for each in daemon.stores()])

    def test_a_restore_without_any_snapshot_is_rejected(self):
        self.with_store(5)
        shared.world.api.create("StoreOperation", self.ns, "none", {
            "vectorStoreRef": {"name": "notes"}, "action": {"restore": {"latest": {}}},
            "target": {"podName": "notes-0", "storeName": shared.STORE}})
        self.wait("StoreOperation", "none", "False/SnapshotNotFound", "Accepted")

    def test_a_salvage_fills_gaps_from_s3(self):
        _, daemon = self.with_store(300, recovery={"mode": "Manual"})
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        daemon.damage()
        result = self.operate("mend", {"salvage": {}})["status"]["result"]
        self.assertEqual(result["lost"], 0, result)
        self.assertEqual(daemon.count("books"), 300)

    def test_an_empty_volume_begins_with_the_latest_snapshot(self):
        # The first of all has none, and begins empty.
        _, daemon = self.with_store(repository=True, records=0, bootstrap="LatestSnapshot")
        daemon.fill("books", 40)
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        daemon.process.end(signal.SIGKILL)
        shared.world.api.delete("Pod", self.ns, "notes-0")
        again = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        self.assertNotEqual(again.folder, daemon.folder)
        eventually(lambda: again.call("GET", "/api/v2/heartbeat")[0] == 200, 60, self.operator.process.said)
        self.assertEqual(again.count("books"), 40)
        tree = self.wait("VectorStore", "notes", "True/AsWanted")
        self.assertEqual(condition(tree, "Healthy")["status"], "True")
