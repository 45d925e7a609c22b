"""Goal: a cluster is gone with all its objects; a new one that has the repository alone gets every record back.

Method: all objects of a namespace are removed while their data stays; uids of what is made anew are others, as in a
new cluster. No pod begins empty for want of an answer.
"""

import hashlib
import json
import os
import re
import signal

import shared
from kube import condition, eventually
from world import free_port

ETAG = "user.etag"  # where the S3 server keeps it
PODS = {"notes-0": 40, "notes-1": 25}


class Disaster(shared.Case):
    def lose_everything(self, repository: str, daemons: list) -> None:
        """But what is in the repository."""
        api = shared.world.api
        for daemon in daemons:
            daemon.process.end(signal.SIGKILL)
            api.delete("Pod", self.ns, daemon.pod)
        api.delete("SnapshotRepository", self.ns, repository)
        gauge = f'pannier_operator_repository_ready{{namespace="{self.ns}"'
        eventually(lambda: gauge not in self.operator.ask("/metrics")[1], 20, self.operator.process.said)
        for each in api.list("StoreSnapshot", self.ns):
            api.delete("StoreSnapshot", self.ns, each["metadata"]["name"])
        api.delete("VectorStore", self.ns, "notes")
        api.delete("Secret", self.ns, "notes-pannier-admin")  # as the garbage collector does
        eventually(lambda: not api.list("StoreSnapshot", self.ns), 20, self.operator.process.said)

    def filled(self, store: str, repository: str) -> list:
        shared.world.vector_store(self.ns, store, repository, bootstrap="LatestSnapshot")
        daemons = [shared.world.pod(self.ns, pod, store, self.operator) for pod in PODS]
        for daemon in daemons:
            eventually(lambda each=daemon: each.call("GET", "/api/v2/heartbeat")[0] == 200, 60, self.operator.process.said)
            daemon.fill("books", PODS[daemon.pod])
        return daemons

    def waits(self, why: str) -> None:
        """It says so, and no daemon serves."""
        def says() -> bool:
            tree = shared.world.api.get("VectorStore", self.ns, "notes")
            return why in condition(tree, "Healthy").get("message", "")
        eventually(says, 30, self.status)

    def status(self) -> str:
        return json.dumps(shared.world.api.get("VectorStore", self.ns, "notes").get("status"))

    def have(self, daemons: list) -> None:
        for daemon in daemons:
            eventually(lambda each=daemon: each.call("GET", "/api/v2/heartbeat")[0] == 200, 60,
                       lambda each=daemon: self.status() + each.process.said()[-2000:])
            self.assertEqual(daemon.count("books"), PODS[daemon.pod])

    def test_every_pod_gets_its_own_records_from_the_bucket_alone(self):
        bucket = shared.world.s3_repository(self.ns, "backups")
        self.wait("SnapshotRepository", "backups", "True/Validated")
        daemons = self.filled("notes", "backups")
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded", within=60)
        self.lose_everything("backups", daemons)

        # The VectorStore may come first: nobody begins before the repository is there and was read.
        shared.world.vector_store(self.ns, "notes", "backups", bootstrap="LatestSnapshot")
        daemons = [shared.world.pod(self.ns, pod, "notes", self.operator) for pod in PODS]
        self.waits("there is no SnapshotRepository backups")
        for daemon in daemons:
            self.assertEqual(daemon.call("GET", "/api/v2/heartbeat")[0], 503)
        shared.world.s3_repository(self.ns, "backups", bucket, port=free_port())
        self.waits("is not ready: Unreachable")
        shared.world.api.delete("SnapshotRepository", self.ns, "backups")
        shared.world.s3_repository(self.ns, "backups", bucket)
        self.have(daemons)
        self.wait("VectorStore", "notes", "True/AsWanted")
        # And work goes on as before: what is taken now lies beside what was.
        daemons[0].fill("books", 5, first=40)
        self.snapshot("two")
        self.wait("StoreSnapshot", "two", "True/Completed", "Succeeded", within=60)

    def test_snapshots_that_say_of_nobody_are_waited_for_until_somebody_says_whose_they_are(self):
        bucket = shared.world.s3_repository(self.ns, "backups")
        self.wait("SnapshotRepository", "backups", "True/Validated")
        daemons = self.filled("notes", "backups")
        daemons.pop().process.end(signal.SIGKILL)
        shared.world.api.delete("Pod", self.ns, "notes-1")
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded", within=60)
        owner = shared.world.api.get("VectorStore", self.ns, "notes")["metadata"]["uid"]
        self.lose_everything("backups", daemons)
        for name in shared.world.s3.files(bucket, "snapshots"):  # as versions before this one wrote them
            file = shared.world.s3.folder / "buckets" / bucket / name
            manifest = json.loads(file.read_text())
            if manifest.pop("origin", None):
                file.write_text(json.dumps(manifest))
                etag = hashlib.md5(file.read_bytes()).hexdigest().encode()
                os.setxattr(file, ETAG, re.sub(rb"[0-9a-f]{32}", etag, os.getxattr(file, ETAG)))
        shared.world.s3_repository(self.ns, "backups", bucket)
        shared.world.vector_store(self.ns, "notes", "backups", bootstrap="LatestSnapshot")
        daemon = shared.world.pod(self.ns, "notes-0", "notes", self.operator)
        self.waits(owner)
        self.assertEqual(daemon.call("GET", "/api/v2/heartbeat")[0], 503)
        shared.world.api.patch("VectorStore", self.ns, "notes", {
            "metadata": {"annotations": {"pannier.dev/bootstrap-owner": owner}}})
        self.have([daemon])

    def test_a_repository_on_a_volume_that_is_left_is_as_good(self):
        disk = "disk-" + self.ns
        shared.world.api.create("SnapshotRepository", self.ns, disk, {"volume": {"claimName": "disk"}})
        daemons = self.filled("notes", disk)
        self.wait("SnapshotRepository", disk, "True/Validated")
        self.snapshot("one")
        self.wait("StoreSnapshot", "one", "True/Completed", "Succeeded", within=60)
        self.lose_everything(disk, daemons)
        shared.world.api.create("SnapshotRepository", self.ns, disk, {"volume": {"claimName": "disk"}})
        shared.world.vector_store(self.ns, "notes", disk, bootstrap="LatestSnapshot")
        self.have([shared.world.pod(self.ns, pod, "notes", self.operator) for pod in PODS])
