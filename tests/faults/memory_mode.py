#!/usr/bin/env python3
"""Mode memory as docs/modes.md describes it: a daemon without a data directory serves from memory and
says so, and what was written there comes into the directory that is back, by the commands of that page.
What a killed daemon leaves in memory is gone after the next.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import use_venv  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recovery"))
from sidecar import Sidecar  # noqa: E402

STORE, BESIDE = "default_tenant/default_database", "default_tenant/docs-from-memory"
NOWHERE = "/proc/none/data"
MEMORY = Path("/dev/shm")


def daemon(home: Path, data: str) -> Sidecar:
    made = Sidecar(home / "backup", "fallback: {memory: true}\n")
    command = made.server.command
    command[command.index("--data") + 1] = data
    return made


def folder_of(pid: int) -> Path:
    """Where the process keeps its data: the folder of its lock."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            path = Path(os.readlink(fd))
            if path.name == "LOCK":
                return path.parent
    raise AssertionError("no lock is held")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="pannier-memory-") as name:
        home = Path(name)
        lines = home / "docs.jsonl"
        with daemon(home, NOWHERE) as killed:
            left = folder_of(killed.server.process.pid)
            assert left.parent == MEMORY, left
            os.kill(killed.server.process.pid, signal.SIGKILL)
            killed.server.process.wait()
            assert left.exists()
        with daemon(home, NOWHERE) as lost:
            assert not left.exists(), f"{left} is still there"
            folder = folder_of(lost.server.process.pid)
            collection = lost.collection(STORE, "docs")
            lost.chroma("POST", f"{collection}/add",
                        {"ids": ["a"], "embeddings": [[1, 2]], "documents": ["kept"]})
            lost.data.request("GET", "/api/v2/heartbeat")
            answer = lost.data.getresponse()
            answer.read()
            assert answer.getheader("pannier-mode") == "memory"
            health = lost.chroma("GET", "/health/chromadb")
            assert health["mode"] == "memory" and "lost" in health["action"], health
            lost.pannierctl("store", "export", "--store", STORE, "--file", str(lines), "--wait")
            written = lost.content(STORE)
        assert not folder.exists(), f"{folder} is still there"
        with daemon(home, str(home / "data")) as back:
            assert back.chroma("GET", "/health/chromadb")["mode"] == "normal"
            assert back.content(STORE) == {}
            back.pannierctl("store", "import", str(lines), "--store", BESIDE, "--wait")
            back.pannierctl("store", "merge", "--store", STORE, "--from", BESIDE, "--on-conflict",
                            "Replace", "--wait")
            assert back.content(STORE) == written
    print("memory mode: 1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    use_venv()
    sys.exit(main())
