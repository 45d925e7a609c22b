"""Goal: what a user gets by applying a few objects, for every kind, on a real API server with real
daemons and a real S3 server; the operator has the rights of charts/pannier and no others.

Method: run.py runs these side by side, each in a namespace of its own.
"""

import shared
from kube import condition, eventually, kubectl


class HappyPath(shared.Case):
    def test_a_vector_store_shows_its_pods_and_stores(self):
        shared.world.vector_store(self.ns, "notes")
        self.wait("VectorStore", "notes", "False/NoPods")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 50)
        tree = self.wait("VectorStore", "notes", "True/AsWanted")
        self.assertEqual(tree["status"]["pods"], {"matched": 1, "injected": 1, "reachable": 1})
        eventually(lambda: shared.world.api.get("VectorStore", self.ns, "notes")["status"]["stores"].get("healthy") == 1)
        listed = kubectl("get", "vectorstores", "-n", self.ns)
        self.assertRegex(listed, r"notes +True +1 ")
        kubectl("wait", "--for=condition=Ready", "vst/notes", "-n", self.ns, "--timeout=5s")

    def test_a_snapshot_goes_to_s3_and_back(self):
        bucket = shared.world.s3_repository(self.ns, "backups")
        self.wait("SnapshotRepository", "backups", "True/Validated")
        shared.world.vector_store(self.ns, "notes", "backups")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 200)
        self.wait("VectorStore", "notes", "True/AsWanted")
        shared.world.api.create("StoreSnapshot", self.ns, "one", {"vectorStoreRef": {"name": "notes"}})
        tree = self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        self.assertEqual(condition(tree, "Verified")["status"], "True")
        item = tree["status"]["items"][0]
        self.assertIn(item["manifestKey"], shared.world.s3.files(bucket, "snapshots/"))
        self.assertEqual(tree["metadata"]["finalizers"], ["pannier.dev/snapshot-data"])
        eventually(lambda: "Completed" in shared.world.events(self.ns, "one"))
        # The repository and the VectorStore know of it; deleting it takes the data along.
        eventually(lambda: shared.world.api.get("VectorStore", self.ns, "notes")["status"].get("lastSnapshotName") == "one")
        shared.world.api.delete("StoreSnapshot", self.ns, "one")
        eventually(lambda: shared.world.api.get("StoreSnapshot", self.ns, "one") is None, 30, self.operator.process.said)
        self.assertNotIn(item["manifestKey"], shared.world.s3.files(bucket, "snapshots/"))

    def test_a_snapshot_in_s3_is_read_whole_when_its_time_has_come_and_damage_is_told(self):
        bucket, _ = self.with_store(200)
        self.snapshot("one")
        taken = self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")["status"]["items"][0]
        shared.world.api.patch("SnapshotRepository", self.ns, "backups", {"spec": {"deepVerifySchedule": "* * * * *"}})

        def found(result: str) -> bool:
            status = shared.world.api.get("SnapshotRepository", self.ns, "backups")["status"]
            return status.get("lastDeepVerify", {}).get("result") == result
        eventually(lambda: found("Sound"), 100, self.operator.process.said)
        tree = shared.world.api.get("SnapshotRepository", self.ns, "backups")
        self.assertEqual(tree["status"]["lastDeepVerify"]["snapshot"], taken["snapshotUID"])
        for chunk in (shared.world.s3.folder / "buckets" / bucket).glob("**/chunks/**/*"):
            if chunk.is_file():
                data = bytearray(chunk.read_bytes())
                data[len(data) // 2] ^= 1
                chunk.write_bytes(data)
        eventually(lambda: found("Unsound"), 130, self.operator.process.said)

    def test_a_repository_on_a_volume_serves_snapshots_restores_and_their_deletion(self):
        shared.world.api.create("SnapshotRepository", self.ns, "disk-" + self.ns, {"volume": {"claimName": "disk"}})
        disk = "disk-" + self.ns
        shared.world.vector_store(self.ns, "notes", disk)
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 100)
        self.wait("SnapshotRepository", disk, "True/Validated")
        shared.world.api.create("StoreSnapshot", self.ns, "one", {"vectorStoreRef": {"name": "notes"}})
        tree = self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded")
        key = tree["status"]["items"][0]["manifestKey"]
        self.assertTrue((shared.world.volume(disk) / key).exists())

        daemon.fill("books", 10, first=100)
        target = {"podName": "notes-0", "storeName": shared.STORE}
        base = {"vectorStoreRef": {"name": "notes"}, "target": target}
        restore = {"restore": {"snapshotRef": {"name": "one"}}}
        shared.world.api.create("StoreOperation", self.ns, "dry", {**base, "action": restore, "dryRun": True})
        tree = self.wait("StoreOperation", "dry", "True/Completed", "Succeeded")
        self.assertIn("steps", tree["status"]["plan"])
        self.assertEqual(daemon.count("books"), 110)
        shared.world.api.create("StoreOperation", self.ns, "back", {**base, "action": restore, "suspend": True})
        self.wait("StoreOperation", "back", "Unknown/Suspended", "Succeeded")
        self.assertEqual(daemon.count("books"), 110)
        shared.world.api.patch("StoreOperation", self.ns, "back", {"spec": {"suspend": False}})
        self.wait("StoreOperation", "back", "True/Completed", "Succeeded")
        self.assertEqual(daemon.count("books"), 100)

        shared.world.api.delete("StoreSnapshot", self.ns, "one")
        eventually(lambda: shared.world.api.get("StoreSnapshot", self.ns, "one") is None, 30, self.operator.process.said)
        self.assertFalse((shared.world.volume(disk) / key).exists())

    def test_operations_check_and_rebuild_a_store(self):
        shared.world.vector_store(self.ns, "notes")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 100)
        for name, action in (("check", {"verify": {"level": "Full"}}), ("rebuild", {"rebuildIndex": {}}),
                             ("compact", {"compact": {}}), ("copy", {"fork": {"toStoreName": "default_tenant/copy"}})):
            shared.world.api.create("StoreOperation", self.ns, name, {
                "vectorStoreRef": {"name": "notes"}, "action": action,
                "target": {"podName": "notes-0", "storeName": shared.STORE}})
        tree = self.wait("StoreOperation", "check", "True/Completed", "Succeeded")
        self.assertEqual(tree["status"]["result"]["checked"], 100)
        self.assertEqual(tree["status"]["executor"]["podName"], "notes-0")
        for name in ("rebuild", "compact", "copy"):
            self.wait("StoreOperation", name, "True/Completed", "Succeeded")
        self.assertIn("copy", [each["database"] for each in daemon.stores()])

    def test_a_schedule_takes_snapshots_and_keeps_as_many_as_it_says(self):
        shared.world.s3_repository(self.ns, "backups")
        shared.world.vector_store(self.ns, "notes", "backups")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 20)
        shared.world.api.create("StoreSnapshotSchedule", self.ns, "often", {
            "schedule": "* * * * *", "retention": {"keepLast": 1},
            "template": {"metadata": {"labels": {"kind": "often"}}, "spec": {"vectorStoreRef": {"name": "notes"}}}})
        self.wait("StoreSnapshotSchedule", "often", "True/Scheduled")

        def names() -> list[str]:
            return sorted(each["metadata"]["name"] for each in shared.world.api.list("StoreSnapshot", self.ns))

        first = eventually(names, 75, self.operator.process.said)
        self.wait("StoreSnapshot", first[0], "True/Completed", "Succeeded")
        eventually(lambda: shared.world.api.get("StoreSnapshotSchedule", self.ns, "often")["status"].get("lastSuccessfulTime"))
        # The next one pushes the first out, and its data with it.
        eventually(lambda: names() and first[0] not in names(), 90, self.operator.process.said)
        shared.world.api.patch("StoreSnapshotSchedule", self.ns, "often", {"spec": {"suspend": True}})
        self.wait("StoreSnapshotSchedule", "often", "False/Suspended")

    def test_a_clean_up_policy_reports(self):
        shared.world.vector_store(self.ns, "notes")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 20)
        shared.world.api.create("PersistentVolumeClaim", self.ns, "left", {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            metadata={"labels": {"app": "x"}})
        shared.world.api.create("StoreCleanupPolicy", self.ns, "tidy", {
            "schedule": "* * * * *", "mode": "Report",
            "rules": {"persistentVolumeClaims": {"selector": {"matchLabels": {"app": "x"}}, "unusedSeconds": 86400},
                      "orphanFiles": {"olderThanSeconds": 3600}, "snapshots": {"failedOlderThanSeconds": 3600}}})
        eventually(lambda: shared.world.api.get("StoreCleanupPolicy", self.ns, "tidy").get("status", {}).get("lastRunTime"), 80,
                   self.operator.process.said)
        status = shared.world.api.get("StoreCleanupPolicy", self.ns, "tidy")["status"]
        rules = {each["rule"]: each for each in status["rules"]}
        self.assertEqual(set(rules), {"persistentVolumeClaims", "orphanFiles", "snapshots"})
        self.assertEqual(rules["persistentVolumeClaims"]["candidates"], 1)
        self.assertEqual(condition({"status": status}, "Ready")["status"], "True")
        self.assertIsNotNone(shared.world.api.get("PersistentVolumeClaim", self.ns, "left"))

    def test_a_corrupt_store_gets_a_repair(self):
        shared.world.vector_store(self.ns, "notes")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        daemon.fill("books", 100)
        self.wait("VectorStore", "notes", "True/AsWanted")
        daemon.damage()
        tree = self.wait("VectorStore", "notes", "False/CorruptStores", within=60)
        self.assertEqual(tree["status"]["unhealthyStores"][0]["storeName"], shared.STORE)
        made = eventually(lambda: shared.world.api.list("StoreOperation", self.ns), 40, self.operator.process.said)
        self.assertIn("rebuildIndex", made[0]["spec"]["action"])
        self.assertEqual(made[0]["metadata"]["ownerReferences"][0]["kind"], "VectorStore")

    def test_the_webhook_refuses_what_crds_cannot(self):
        schedule = {"apiVersion": "pannier.dev/v1alpha1", "kind": "StoreSnapshotSchedule",
                    "metadata": {"name": "x", "namespace": self.ns}, "spec": {"schedule": "61 0 * * *"}}
        answer = self.operator.review("/validate", {"kind": {"kind": "StoreSnapshotSchedule"}, "object": schedule})
        self.assertFalse(answer["allowed"])
        self.assertIn("spec.schedule", answer["status"]["message"])

    def test_metrics_tell_of_objects_and_of_the_runtime(self):
        shared.world.vector_store(self.ns, "notes")
        self.wait("VectorStore", "notes", "False/NoPods")
        text = self.operator.ask("/metrics")[1]
        self.assertIn(f'pannier_operator_stores{{namespace="{self.ns}",vectorstore="notes",state="healthy"}} 0', text)
        self.assertIn('leader_election_master_status{name="pannier-operator"} 1', text)
        self.assertIn('controller_runtime_reconcile_total{controller="vectorstore",result="requeue_after"}', text)
