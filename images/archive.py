"""OCI image archives, written without a builder or a registry. The same entries give the same bytes.

Format: OCI image specification 1.0, as a tar archive of its layout.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from contents import Entry

OCI = "application/vnd.oci.image"


def member(path: str, mode: int, owner: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.uid, info.gid, info.mtime = mode, owner, owner, 0
    return info


def layer(entries: Iterable[Entry]) -> bytes:
    """A tar archive: folders first, all in the order of their names."""
    known = {entry.path: entry for entry in entries}
    for path in list(known):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                known.setdefault(str(parent), Entry(str(parent), mode=0o755))
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(known):
            entry = known[path]
            info = member(path, entry.mode, entry.owner)
            if entry.link:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
            elif entry.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(entry.content)
            tar.addfile(info, io.BytesIO(entry.content or b""))
    return written.getvalue()


class Layout:
    """The blobs of one image."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def add(self, content: bytes, kind: str) -> dict:
        """Returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(self, document: dict, kind: str) -> dict:
        return self.add(json.dumps(document, separators=(",", ":"), sort_keys=True).encode(), kind)


def write(target: Path, name: str, architecture: str, config: dict, layers: list[bytes], created: str) -> None:
    """`name`: with its tag; `config`: the image's "config" object; `layers`: tar archives, lowest first."""
    layout = Layout()
    image = layout.add_json(
        {"architecture": architecture, "os": "linux", "created": created, "config": config,
         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(each).hexdigest() for each in layers]}},
        "config.v1+json")
    packed = [layout.add(gzip.compress(each, 6, mtime=0), "layer.v1.tar+gzip") for each in layers]
    manifest = layout.add_json({"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": image,
                                "layers": packed}, "manifest.v1+json")
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    manifest["annotations"] = {"io.containerd.image.name": name,
                               "org.opencontainers.image.ref.name": name.rsplit(":", 1)[-1]}
    files = {"index.json": json.dumps({"schemaVersion": 2, "manifests": [manifest]}, sort_keys=True).encode(),
             "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    files |= {f"blobs/sha256/{digest}": content for digest, content in layout.blobs.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with tarfile.open(fresh, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(files):
            info = member(path, 0o644)
            info.size = len(files[path])
            tar.addfile(info, io.BytesIO(files[path]))
    fresh.rename(target)
