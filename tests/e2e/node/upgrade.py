"""Goal: an upgrade and a rollback, as docs/operations.md has them, cost no acknowledged record and no snapshot.

Method: the cluster of one node, a worker that writes all the time, and a release that is yet to come: the same
programs under the next version (build/next), in a chart of that version whose definitions have one field more.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import existing
import make as images
import objects as make
from case import SnapshotCase, node
from node import ROOT, SYSTEM, condition

CHART = ROOT / "charts" / "pannier"
NEXT = ROOT / "build" / "next" / "bin"


def next_release(folder: Path) -> str:
    """Makes its chart, and gives its images to the node. Returns its version."""
    assert NEXT.exists(), "ninja -C build next"
    version = node.run(str(NEXT / "pannierd"), "--version").split()[1]
    for image in images.IMAGES:
        node.import_image(images.write_image(image, NEXT, folder, version))
    shutil.copytree(CHART, folder / "pannier")
    chart = folder / "pannier" / "Chart.yaml"
    chart.write_text(re.sub(r"^(version|appVersion): .*", rf"\1: {version}", chart.read_text(), flags=re.MULTILINE))
    definition = folder / "pannier" / "templates" / "crds" / "vectorstore.yaml"
    text, count = re.subn(r"^( +)(bootstrap:)$", r"\1next: {type: string}\n\1\2", definition.read_text(), count=1,
                          flags=re.MULTILINE)
    assert count == 1
    definition.write_text(text)
    return version


@existing.of_node
class Releases(SnapshotCase):
    def start_on_a_claim(self) -> None:
        self.with_repository()
        self.store = make.vector_store(repositoryRef={"name": "s3"},
                                       storage={"existingVolume": {"name": "data", "subPath": "pannier"}})
        node.apply(self.ns, self.store, make.stateful_set(self.writer(), "data"))
        self.rolled_out("statefulset/app")
        self.goes_on()

    def install_again(self) -> None:
        """Whatever became of the test, the others find the release that they know."""
        if images.version() not in node.helm("list", "-n", SYSTEM):
            node.helm("upgrade", "--install", "pannier", str(CHART), "-n", SYSTEM, "--wait", "--timeout", "120s")

    def moves(self, operators: str, *helm: str) -> None:
        """To operators of that version, while the worker goes on beside the daemon that it has."""
        pod, before = node.pod_of(self.ns), self.acknowledged()
        node.helm(*helm, "-n", SYSTEM, "--wait", "--timeout", "120s")
        self.assertGreater(self.acknowledged(), before + 50)
        self.assertEqual(node.pod_of(self.ns)["metadata"]["uid"], pod["metadata"]["uid"])
        self.ready("vectorstore", "docs", "True/OtherVersion", "Injected")
        self.ready("vectorstore", "docs", "True/AsWanted")
        label = node.get(self.ns, "crd", "vectorstores.pannier.dev")["metadata"]["labels"]["app.kubernetes.io/version"]
        self.assertEqual(label, operators)
        self.snapshot(f"by-{operators}")

    def rolls(self, version: str) -> None:
        """The pods are made anew, and get daemons of that version with the records that were there."""
        node.kubectl("-n", self.ns, "rollout", "restart", "statefulset/app")
        self.rolled_out("statefulset/app")
        self.goes_on()
        self.ready("vectorstore", "docs", "True/Injected", "Injected")
        self.assertEqual(node.get(self.ns, "vectorstore", "docs")["status"]["daemonVersions"],
                         [{"version": version, "pods": 1}])
        self.assertEqual(self.lost(), [])
        self.snapshot(f"of-{version}")

    def takes_new_field(self) -> bool:
        try:
            node.apply(self.ns, {**self.store, "spec": {**self.store["spec"], "next": "x"}})
        except AssertionError as error:
            self.assertIn("unknown field", str(error))
            return False
        return "next" in node.get(self.ns, "vectorstore", "docs")["spec"]

    def test_an_upgrade_and_a_rollback_cost_no_acknowledged_record(self):
        old = images.version()
        self.start_on_a_claim()
        self.assertFalse(self.takes_new_field())
        self.addCleanup(self.install_again)
        with tempfile.TemporaryDirectory() as folder:
            new = next_release(Path(folder))
            self.moves(new, "upgrade", "pannier", f"{folder}/pannier")
        self.assertTrue(self.takes_new_field())
        self.rolls(new)
        self.moves(old, "rollback", "pannier")
        self.assertFalse(self.takes_new_field())
        self.assertNotIn("next", node.get(self.ns, "vectorstore", "docs")["spec"])
        self.rolls(old)
        for each in node.get(self.ns, "storesnapshots")["items"]:
            self.assertTrue(condition(each, "Verified").startswith("True/"), each["metadata"]["name"])
