"""Starts, kills and asks the daemon of the demo."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

MARKER = "made-by-pannier-demo"
SOCKET_PATH_MAX_BYTES = 107
READY_SECONDS = 20
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class DemoError(Exception):
    """Something the demo cannot go on from; the text is for the user."""


def default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "pannier" / "demo"


def fresh_folder(path: Path) -> Path:
    """Empties a folder that an earlier demo made; refuses any other that has something in it."""
    if path.exists() and any(path.iterdir()):
        if not (path / MARKER).exists():
            raise DemoError(f"{path} is not empty and was not made by this demo; try: another --dir")
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / MARKER).write_text("This folder is emptied whenever the demo runs.\n")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """One pannierd on a Unix socket; its data stays in the folder when it ends."""

    def __init__(self, binary: Path, folder: Path):
        if not binary.exists():
            raise DemoError(f"there is no daemon at {binary}; try: make build")
        self.folder = folder
        self.log = folder / "log"
        self.socket = str(folder / "pannier.sock")
        if len(self.socket.encode()) > SOCKET_PATH_MAX_BYTES:
            self.socket = str(Path(tempfile.mkdtemp(prefix="pannier-")) / "pannier.sock")
        self.metrics_port = free_port()
        self.command = [str(binary), "--data", str(folder / "data"), "--socket", self.socket,
                        "--admin-socket", str(Path(self.socket).with_name("admin.sock")),
                        "--metrics", f"127.0.0.1:{self.metrics_port}"]
        self.process: subprocess.Popen | None = None

    def start(self) -> float:
        """Starts it; returns the seconds until it answered."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        while time.monotonic() - began < READY_SECONDS:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.socket)
                return time.monotonic() - began
            time.sleep(0.002)
        lines = self.log.read_text(errors="replace").splitlines()[-6:]
        raise DemoError("the daemon did not start; it said:\n  " + "\n  ".join(lines))

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> int | None:
        """SIGTERM, as an init system would; returns the exit code."""
        if not self.process or self.process.poll() is not None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def metrics(self) -> dict[str, float]:
        """Values by metric name, summed over labels; histograms by their _count and _sum."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for line in text.splitlines():
            match = re.match(r"(pannier_\w+)(\{.*\})? (\S+)", line)
            if match and not match.group(1).endswith("_bucket"):
                found[match.group(1)] = found.get(match.group(1), 0.0) + float(match.group(3))
        return found
