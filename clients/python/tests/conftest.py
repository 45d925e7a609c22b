"""One daemon for all tests of a run; each test has a database of its own.

PANNIER_TEST_SERVER=chroma runs the same tests against Chroma's own server behind a relay.
"""

import contextlib
import os
import signal
import sys
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
import launcher  # noqa: E402

KIND = os.environ.get("PANNIER_TEST_SERVER", "pannierd")
VARIABLES = ("PANNIER_SOCKET", "CHROMA_HOST", "CHROMA_PORT", "CHROMA_SSL", "CHROMA_TOKEN",
             "CHROMA_CLIENT_AUTH_CREDENTIALS", "CHROMA_AUTH_TOKEN", "CHROMA_MODE", "CHROMA_DB_PATH",
             "CHROMA_PERSIST_DIR")


@pytest.fixture(scope="session")
def server():
    with launcher.start(KIND, "socket") as running:
        yield running


@pytest.fixture(scope="session")
def tcp_server():
    with launcher.start(KIND, "tcp") as running:
        yield running


@pytest.fixture
def own_server():
    """A server that the test may kill."""
    with launcher.start(KIND, "socket") as running:
        yield running


@pytest.fixture
def database():
    return f"db-{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PANNIERD", str(launcher.default_binary()))


@pytest.fixture
def daemons():
    """Finds the daemons of a folder, and ends those that a failed test left."""
    folders = []

    def find(folder):
        folders.append(folder)
        return private_daemons(folder)

    yield find
    for folder in folders:
        for pid in private_daemons(folder):
            os.kill(pid, signal.SIGKILL)


def private_daemons(folder):
    """The process ids of the daemons that keep their data below `folder`."""
    wanted, found = f"{os.path.realpath(folder)}/data".encode(), []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = status.read_bytes().split(b"\0")
            if b"--data" in words and words[words.index(b"--data") + 1] == wanted:
                found.append(int(status.parent.name))
    return found


def wait_until(done, seconds=20):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
