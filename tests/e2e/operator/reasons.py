"""Goal: each way in which things go wrong has its reason, loses nothing, and ends.

Method: as happy_path.py.
"""

import signal

import shared
from kube import condition, eventually


class Reasons(shared.Case):
    def test_reasons_of_repositories(self):
        shared.world.s3_repository(self.ns, "fine")
        shared.world.s3_repository(self.ns, "missing", bucket="no-such-bucket")
        foreign = shared.world.s3.bucket()
        (shared.world.s3.folder / "buckets" / foreign / "photo.jpg").write_text("mine")
        shared.world.s3_repository(self.ns, "foreign", bucket=foreign)
        empty = shared.world.s3.bucket()
        shared.world.s3_repository(self.ns, "readonly", bucket=empty, accessMode="ReadOnly")
        shared.world.api.create("SnapshotRepository", self.ns, "nokeys", {
            "s3": {"bucket": foreign, "endpoint": f"http://127.0.0.1:{shared.world.s3.port}", "addressingStyle": "Path",
                   "credentialsSecretRef": {"name": "no-such-secret"}}})
        shared.world.api.create("SnapshotRepository", self.ns, "gone", {
            "s3": {"bucket": foreign, "endpoint": "http://127.0.0.1:9", "addressingStyle": "Path",
                   "credentialsSecretRef": {"name": "s3-keys"}}})
        self.wait("SnapshotRepository", "fine", "True/Validated")
        self.wait("SnapshotRepository", "missing", "False/NotFound")
        self.wait("SnapshotRepository", "foreign", "False/IdentityMismatch")
        self.wait("SnapshotRepository", "readonly", "False/NotFound")
        self.wait("SnapshotRepository", "nokeys", "False/AccessDenied")
        self.wait("SnapshotRepository", "gone", "Unknown/Unreachable", within=60)
        self.assertEqual(shared.world.s3.files(foreign), ["photo.jpg"])

    def test_reasons_of_snapshots_and_operations(self):
        self.snapshot("alone")
        self.wait("StoreSnapshot", "alone", "Unknown/VectorStoreNotFound", "Accepted")
        shared.world.vector_store(self.ns, "notes")
        self.wait("StoreSnapshot", "alone", "False/NoRepository", "Accepted")
        self.wait("StoreSnapshot", "alone", "False/Rejected", "Succeeded")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 5)
        target = {"podName": "notes-0", "storeName": "default_tenant/none"}
        base = {"vectorStoreRef": {"name": "notes"}, "target": target}
        shared.world.api.create("StoreOperation", self.ns, "nothing", {**base, "action": {"verify": {}}})
        self.wait("StoreOperation", "nothing", "False/StoreNotFound", "Accepted")
        shared.world.api.create("StoreOperation", self.ns, "nobody", {
            **base, "target": {"podName": "x", "storeName": "default_tenant/none"}, "action": {"compact": {}}})
        self.wait("StoreOperation", "nobody", "False/PodNotFound", "Accepted")
        shared.world.api.create("StoreOperation", self.ns, "lost", {
            **base, "action": {"restore": {"snapshotRef": {"name": "alone"}}}})
        self.wait("StoreOperation", "lost", "False/SnapshotNotSound", "Accepted")
        # A daemon that does not answer is unknown, never corrupt.
        daemon.process.end(signal.SIGKILL)
        self.wait("VectorStore", "notes", "False/Unreachable", within=60)
        tree = shared.world.api.get("VectorStore", self.ns, "notes")
        self.assertEqual(condition(tree, "Healthy")["status"], "Unknown")

    def test_a_held_snapshot_stays_until_it_is_let_go_and_an_emptied_bucket_frees_nothing(self):
        bucket, _ = self.with_store()
        self.snapshot("kept", hold=True)
        tree = self.wait("StoreSnapshot", "kept", "True/Completed", "Succeeded")
        key = tree["status"]["items"][0]["manifestKey"]
        shared.world.api.delete("StoreSnapshot", self.ns, "kept")
        eventually(lambda: "Held" in shared.world.events(self.ns, "kept"), 20, self.operator.process.said)
        self.assertIn(key, shared.world.s3.files(bucket))
        shared.world.api.patch("StoreSnapshot", self.ns, "kept", {"spec": {"hold": False}})
        eventually(lambda: shared.world.api.get("StoreSnapshot", self.ns, "kept") is None, 20, self.operator.process.said)
        self.assertNotIn(key, shared.world.s3.files(bucket))

    def test_a_snapshot_of_a_repository_that_is_gone_is_let_go(self):
        bucket, _ = self.with_store()
        self.snapshot("one")
        tree = self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        shared.world.api.delete("SnapshotRepository", self.ns, "backups")
        # As long as the operator knows it, the manifest goes with the snapshot.
        gauge = f'pannier_operator_repository_ready{{namespace="{self.ns}"'
        eventually(lambda: gauge not in self.operator.ask("/metrics")[1], 20, self.operator.process.said)
        shared.world.api.delete("StoreSnapshot", self.ns, "one")
        eventually(lambda: shared.world.api.get("StoreSnapshot", self.ns, "one") is None, 20, self.operator.process.said)
        self.assertIn(tree["status"]["items"][0]["manifestKey"], shared.world.s3.files(bucket))
        eventually(lambda: "DataLeft" in shared.world.events(self.ns, "one"), 10)
