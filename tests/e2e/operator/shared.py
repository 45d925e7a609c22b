"""What the tests of this folder share: one world, one operator, a namespace for each test."""

import unittest

from world import Operator, World

STORE = "default_tenant/default_database"
world: World = None
operator: Operator = None


class Case(unittest.TestCase):
    def setUp(self):
        self.ns = world.namespace()
        self.operator = operator

    def wait(self, *arguments, **more) -> dict:
        """kind, name, condition"""
        return world.await_condition(arguments[0], self.ns, *arguments[1:], **more)

    def gone(self, kind: str, name: str) -> bool:
        return world.api.get(kind, self.ns, name) is None

    def with_store(self, records: int = 50, repository: bool = True, **spec):
        """A VectorStore with one pod of one store. Returns the bucket and the daemon."""
        bucket = None
        if repository:
            bucket = world.s3_repository(self.ns, "backups")
            self.wait("SnapshotRepository", "backups", "True/Validated")
        world.vector_store(self.ns, "notes", "backups" if repository else None, **spec)
        daemon = world.pod(self.ns, "notes-0", "notes", self.operator)
        if records:
            daemon.fill("books", records)
        self.wait("VectorStore", "notes", "True/AsWanted")
        return bucket, daemon

    def snapshot(self, name: str, **spec):
        world.api.create("StoreSnapshot", self.ns, name, {"vectorStoreRef": {"name": "notes"}, **spec})
