#!/usr/bin/env python3
"""Makes the container images of Pannier from what is built, as OCI archives.

No builder, no registry, no root: `ctr -n k8s.io images import` or `docker load` takes them. The same
commit, built by the same compiler, gives the same bytes.

  images/make.py [--bin build/bin] [--to build/images]    both images
  images/make.py --release 0.2.0                          as of a release that is not the chart's
  images/make.py --root DIR IMAGE                         one image's files as a folder
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import archive
from contents import PAPERS, USER, Contents, Entry, Missing, collect, output
from papers import bill_of_materials, licence_list

ROOT = Path(__file__).resolve().parents[1]
# The image's name, and its programs; the first is what it runs.
IMAGES = {"pannierd": ["pannierd", "pannierctl"], "pannier-operator": ["pannier-operator"]}
TITLES = {"pannierd": "Serves a pod's Chroma stores over a Unix socket", "pannier-operator": "Pannier's Kubernetes operator"}


def version() -> str:
    return re.search(r"^appVersion: (\S+)", (ROOT / "charts/pannier/Chart.yaml").read_text(), re.MULTILINE)[1]


def git(*arguments: str) -> str:
    """Nothing where the sources are not in git, as in a builder's context."""
    asked = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""


def moment() -> int:
    """Of the sources, in seconds since 1970."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or 0)


def contents_of(image: str, programs: Path, release: str) -> Contents:
    with tempfile.TemporaryDirectory() as scratch:
        contents = collect([programs / each for each in IMAGES[image]], zones=image == "pannier-operator",
                           licence=ROOT / "LICENSE", scratch=Path(scratch))
    papers = {"sbom.spdx.json": bill_of_materials(image, release, git("rev-parse", "HEAD"), moment(), contents),
              "licences.txt": licence_list(contents)}
    for name, text in papers.items():
        path = f"{PAPERS}/pannier/{name}"
        contents.base[path] = Entry(path, text.encode())
    return contents


def config_of(image: str, release: str) -> dict:
    labels = {"title": TITLES[image], "version": release, "revision": git("rev-parse", "HEAD"),
              "licenses": "Apache-2.0"}
    return {"User": f"{USER}:{USER}", "Entrypoint": [f"/usr/bin/{IMAGES[image][0]}"],
            "Env": ["PATH=/usr/bin"], "WorkingDir": "/",
            "Labels": {f"org.opencontainers.image.{key}": text for key, text in labels.items() if text}}


def write_image(image: str, programs: Path, target: Path, release: str = "") -> Path:
    """`release`: the programs' version, and so the tag; the chart's if it is not said."""
    release = release or version()
    contents = contents_of(image, programs, release)
    created = datetime.fromtimestamp(moment(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = target / f"{image}.tar"
    archive.write(path, f"docker.io/pannier/{image}:{release}", output("dpkg", "--print-architecture").strip(),
                  config_of(image, release),
                  [archive.layer(contents.base.values()), archive.layer(contents.programs.values())], created)
    for name in ("sbom.spdx.json", "licences.txt"):
        (target / f"{image}.{name}").write_bytes(contents.base[f"{PAPERS}/pannier/{name}"].content)
    return path


def write_root(image: str, programs: Path, target: Path, release: str) -> None:
    """Owners are left out: whoever copies the folder into an image sets the user."""
    contents = contents_of(image, programs, release)
    for entry in [*contents.base.values(), *contents.programs.values()]:
        path = target / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            path.symlink_to(entry.link)
        elif entry.content is None:
            path.mkdir(exist_ok=True)
            path.chmod(entry.mode)
        else:
            path.write_bytes(entry.content)
            path.chmod(entry.mode)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build" / "bin", help="where the programs are")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "images", help="where the archives go")
    parser.add_argument("--release", default=version(), help="the programs' version, and the tag")
    parser.add_argument("--root", type=Path, help="write the files of IMAGE into this folder instead")
    parser.add_argument("image", nargs="?", choices=IMAGES)
    options = parser.parse_args()
    try:
        if options.root:
            if not options.image:
                parser.error("--root needs IMAGE")
            write_root(options.image, options.bin, options.root, options.release)
            return 0
        for image in [options.image] if options.image else IMAGES:
            path = write_image(image, options.bin, options.to, options.release)
            print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, docker.io/pannier/{image}:{options.release}")
    except Missing as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
