"""Goal: a StoreSnapshot of more stores than its status lists is taken whole, restored from, and goes whole.

Method: as happy_path.py, with one daemon of many databases.
"""

import shared
from kube import eventually

STORES = 104


class Pieces(shared.Case):
    def pieces(self) -> list[dict]:
        return [each for each in shared.world.api.list("StoreSnapshot", self.ns)
                if each["metadata"].get("ownerReferences")]

    def most_at_once(self, daemon) -> int:
        """How many snapshots the daemon had at a time, done or waiting."""
        _, found = daemon.call("GET", "/admin/v1/operations?limit=1000", admin=True)
        steps = []
        for each in found["operations"]:
            if each["action"] == "snapshot":
                steps += [(each["createdAt"], 1), (each["endedAt"], -1)]
        self.assertGreaterEqual(len(steps), 2 * STORES)
        most = now = 0
        for _, step in sorted(steps):  # at the same time ends come first
            now += step
            most = max(most, now)
        return most

    def test_more_stores_than_a_status_lists_are_taken_in_pieces(self):
        bucket, daemon = self.with_store(5, daemon={"config": {"operations": {"parallel": 16}}})
        shared.world.api.patch("SnapshotRepository", self.ns, "backups", {"spec": {"maxConcurrentTransfers": 40}})
        for number in range(STORES - 1):
            status, said = daemon.call("POST", "/api/v2/tenants/default_tenant/databases", {"name": f"db{number}"})
            assert status == 200, said
        daemon.call("POST", "/api/v2/tenants/default_tenant/databases/db7/collections", {"name": "kept"})
        self.snapshot("all", verification="Manifest")
        whole = self.wait("StoreSnapshot", "all", "True/Completed", "Succeeded", within=120)["status"]
        self.assertLessEqual(self.most_at_once(daemon), 40)
        self.assertEqual(whole["stores"], {"total": STORES, "succeeded": STORES, "failed": 0})
        pieces = self.pieces()
        self.assertEqual(whole["pieces"], len(pieces))
        names = [item["storeName"] for each in pieces for item in each["status"]["items"]]
        self.assertEqual((len(names), len(set(names))), (STORES, STORES))
        self.assertTrue(all(len(each["status"]["items"]) <= 100 for each in pieces))
        manifests = [each for each in shared.world.s3.files(bucket, "snapshots/")
                     if each.endswith(".json") and not each.endswith(".verified.json")]
        self.assertEqual(len(manifests), STORES)

        shared.world.api.create("StoreOperation", self.ns, "back", {
            "vectorStoreRef": {"name": "notes"}, "action": {"restore": {"snapshotRef": {"name": "all"}}},
            "target": {"podName": "notes-0", "storeName": "default_tenant/db7"}})
        self.wait("StoreOperation", "back", "True/Completed", "Succeeded", within=60)

        shared.world.api.delete("StoreSnapshot", self.ns, "all")
        eventually(lambda: self.gone("StoreSnapshot", "all") and not self.pieces(), 90,
                   self.operator.process.said)
        self.assertEqual([each for each in shared.world.s3.files(bucket, "snapshots/") if each.endswith(".json")], [])
