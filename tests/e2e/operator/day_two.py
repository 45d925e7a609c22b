"""Goal: what docs/operations.md says of repositories that move.

Method: as happy_path.py.
"""

import shutil

import shared
from kube import condition, eventually


class DayTwo(shared.Case):
    def restore(self, name: str, snapshot: str, records: int, daemon) -> None:
        shared.world.api.create("StoreOperation", self.ns, name, {
            "vectorStoreRef": {"name": "notes"}, "target": {"podName": "notes-0", "storeName": shared.STORE},
            "action": {"restore": {"snapshotRef": {"name": snapshot}}}})
        self.wait("StoreOperation", name, "True/Completed", "Succeeded", within=60)
        self.assertEqual(daemon.count("books"), records)

    def test_a_repository_moves_and_its_snapshots_stay_readable(self):
        bucket, daemon = self.with_store(40)
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        buckets = shared.world.s3.folder / "buckets"
        moved = shared.world.s3.bucket()
        shutil.copytree(buckets / bucket, buckets / moved, dirs_exist_ok=True)
        shared.world.api.delete("SnapshotRepository", self.ns, "backups")
        shutil.rmtree(buckets / bucket)
        shared.world.s3_repository(self.ns, "backups", moved)
        self.wait("SnapshotRepository", "backups", "True/Validated")
        daemon.fill("books", 5, first=40)
        self.restore("back", "one", 40, daemon)
        self.snapshot("two")
        tree = self.wait("StoreSnapshot", "two", "True/Completed", "Succeeded")
        self.assertIn(tree["status"]["items"][0]["manifestKey"], shared.world.s3.files(moved))
        # What goes, goes in the new place.
        key = shared.world.api.get("StoreSnapshot", self.ns, "one")["status"]["items"][0]["manifestKey"]
        shared.world.api.delete("StoreSnapshot", self.ns, "one")
        eventually(lambda: self.gone("StoreSnapshot", "one"), 30, self.operator.process.said)
        self.assertNotIn(key, shared.world.s3.files(moved))

    def test_a_second_repository_takes_over_and_the_first_is_still_restored_from(self):
        _, daemon = self.with_store(40)
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        other = shared.world.s3_repository(self.ns, "elsewhere")
        self.wait("SnapshotRepository", "elsewhere", "True/Validated")
        shared.world.api.patch("VectorStore", self.ns, "notes", {"spec": {"repositoryRef": {"name": "elsewhere"}}})
        daemon.fill("books", 5, first=40)
        self.snapshot("two")
        tree = self.wait("StoreSnapshot", "two", "True/Completed", "Succeeded", within=60)
        self.assertIn(tree["status"]["items"][0]["manifestKey"], shared.world.s3.files(other))
        self.restore("old", "one", 40, daemon)
        self.restore("new", "two", 45, daemon)
        tree = shared.world.api.get("VectorStore", self.ns, "notes")
        self.assertEqual(condition(tree, "BackedUp")["status"], "True")
