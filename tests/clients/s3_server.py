"""A real S3 server (versitygw) over a folder; a bucket is a folder in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import uuid
from pathlib import Path
from typing import Iterator

import launcher

START_SECONDS = 30


def program() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pannier"
    return os.environ.get("PANNIER_VERSITYGW", str(cache / "bin" / "versitygw"))


@contextlib.contextmanager
def start(folder: Path, bucket: str) -> Iterator[dict]:
    """What the examples' environment says of it: S3_ENDPOINT, S3_BUCKET, and the files of its keys."""
    key, secret, port = f"AK{uuid.uuid4().hex[:8]}", uuid.uuid4().hex, launcher.free_port()
    (folder / "buckets" / bucket).mkdir(parents=True)
    (folder / "key").write_text(key)
    (folder / "secret").write_text(secret)
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            [program(), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder / "buckets")],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=launcher.die_with_parent,
            env={**os.environ, "ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret})
    try:
        until = time.monotonic() + START_SECONDS
        while not _accepts(port):
            if server.poll() is not None or time.monotonic() > until:
                raise launcher.LaunchError(f"no S3 server: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)
        yield {"S3_ENDPOINT": f"http://127.0.0.1:{port}", "S3_BUCKET": bucket,
               "S3_ACCESS_KEY_FILE": str(folder / "key"), "S3_SECRET_KEY_FILE": str(folder / "secret")}
    finally:
        server.kill()
        server.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
