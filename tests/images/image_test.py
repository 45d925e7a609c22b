#!/usr/bin/env python3
"""Goal: the container images hold all that the programs need and nothing else, are small, are the same
bytes each time, and say what is in them.

Method: makes both from build/bin twice, unpacks the layers, and runs the programs by the loader and the
libraries of the image alone. Needs no root and no container runtime.
"""

import hashlib
import json
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "tests" / "support")]
import closing_line  # noqa: E402
import make  # noqa: E402

BYTES_MAX = 40_000_000
PAPERS = "usr/share/doc/pannier"


class Image:
    """An archive, unpacked: its configuration, its members, and its files below `root`."""

    def __init__(self, archive: Path, folder: Path):
        with tarfile.open(archive) as tar:
            blobs = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
        for name, content in blobs.items():
            if name.startswith("blobs/"):
                assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", name
        blob = lambda descriptor: blobs["blobs/" + descriptor["digest"].replace(":", "/")]  # noqa: E731
        self.index = json.loads(blobs["index.json"])
        manifest = json.loads(blob(self.index["manifests"][0]))
        self.config = json.loads(blob(manifest["config"]))
        self.root = folder
        self.members: dict[str, tarfile.TarInfo] = {}
        for layer in manifest["layers"]:
            packed = folder / "layer"
            packed.parent.mkdir(parents=True, exist_ok=True)
            packed.write_bytes(blob(layer))
            with tarfile.open(packed) as tar:
                self.members |= {member.name: member for member in tar}
                tar.extractall(folder, filter="fully_trusted")
            packed.unlink()

    def run(self, program: str, *arguments: str) -> str:
        """By the image's own loader, which is told to look nowhere else."""
        libraries = next(self.root.glob("usr/lib/*-linux-gnu*"))
        loader = next(self.root.glob("lib*/ld-linux*"))
        done = subprocess.run([str(loader), "--inhibit-cache", "--library-path", str(libraries),
                               str(self.root / "usr/bin" / program), *arguments],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, path: str) -> str:
        return (self.root / path).read_text()


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        folder = Path(cls.scratch.name)
        cls.archives = {name: make.write_image(name, ROOT / "build/bin", folder / "once") for name in make.IMAGES}
        cls.again = {name: make.write_image(name, ROOT / "build/bin", folder / "again") for name in make.IMAGES}
        cls.images = {name: Image(path, folder / name) for name, path in cls.archives.items()}

    def each(self):
        for name, image in self.images.items():
            with self.subTest(image=name):
                yield name, image

    def test_made_twice_they_are_the_same_bytes(self):
        for name, path in self.archives.items():
            self.assertEqual(path.read_bytes(), self.again[name].read_bytes(), name)

    def test_they_are_small(self):
        for name, path in self.archives.items():
            self.assertLess(path.stat().st_size, BYTES_MAX, name)

    def test_programs_run_with_what_is_in_the_image(self):
        for name, image in self.each():
            for program in make.IMAGES[name]:
                self.assertIn(make.version(), image.run(program, "--version"))

    def test_libraries_that_are_loaded_later_are_there_with_all_that_they_need(self):
        for _, image in self.each():
            curl = next(image.root.glob("usr/lib/*/libcurl.so.4"))
            listed = subprocess.run([str(next(image.root.glob("lib*/ld-linux*"))), "--inhibit-cache", "--library-path",
                                     str(curl.parent), "--list", str(curl)], capture_output=True, text=True, check=True)
            self.assertNotIn("not found", listed.stdout)
            for line in listed.stdout.splitlines():
                if " => " in line:
                    self.assertIn(str(image.root), line)

    def test_nobody_is_root_and_nothing_lets_one_become_it(self):
        for _, image in self.each():
            self.assertEqual(image.config["config"]["User"], "65532:65532")
            self.assertEqual([each.name for each in image.members.values() if each.mode & (stat.S_ISUID | stat.S_ISGID)], [])
            writable = {each.name for each in image.members.values() if each.mode & 0o022 and not each.issym()}
            self.assertEqual(writable, {"tmp"})
            owned = {each.name for each in image.members.values() if each.uid != 0}
            self.assertEqual(owned, {"var/lib/pannier", "run/pannier"})
            self.assertFalse(list(image.root.glob("**/*sh")), "a shell")

    def test_they_say_what_they_are_and_what_is_in_them(self):
        for name, image in self.each():
            labels = image.config["config"]["Labels"]
            self.assertEqual(labels["org.opencontainers.image.version"], make.version())
            bill = json.loads(image.text(f"{PAPERS}/sbom.spdx.json"))
            self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
            listed = {each["name"]: each["versionInfo"] for each in bill["packages"]}
            self.assertEqual(listed[name], make.version())
            self.assertIn("libc6", listed)
            identifiers = [each["SPDXID"] for each in bill["packages"]]
            self.assertEqual(len(identifiers), len(set(identifiers)))
            for package in set(listed) - {name}:
                self.assertTrue(image.text(f"usr/share/doc/{package}/copyright"), package)
                self.assertIn(f"\n{package} {listed[package]}: ", image.text(f"{PAPERS}/licences.txt"))
            self.assertIn("Apache License", image.text(f"{PAPERS}/LICENSE"))

    def test_the_operator_knows_time_zones_and_all_know_authorities(self):
        for _, image in self.each():
            self.assertIn("BEGIN CERTIFICATE", image.text("etc/ssl/certs/ca-certificates.crt"))
        zones = self.images["pannier-operator"].members
        self.assertIn("usr/share/zoneinfo/Europe/Berlin", zones)
        self.assertIn("usr/share/zoneinfo/UTC", zones)

    def test_names_are_those_that_the_chart_asks_for(self):
        values = (ROOT / "charts/pannier/values.yaml").read_text()
        for name, image in self.each():
            named = image.index["manifests"][0]["annotations"]["io.containerd.image.name"]
            self.assertEqual(named, f"docker.io/pannier/{name}:{make.version()}")
            self.assertIn(f"repository: pannier/{name}\n", values)


if __name__ == "__main__":
    closing_line.run("images")
