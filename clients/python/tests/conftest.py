"""One daemon for all tests of a run; each test has a database of its own.

PANNIER_TEST_SERVER=chroma runs the same tests against Chroma's own server behind a relay.
"""

import os
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
import launcher  # noqa: E402

KIND = os.environ.get("PANNIER_TEST_SERVER", "pannierd")
VARIABLES = ("PANNIER_SOCKET", "CHROMA_HOST", "CHROMA_PORT", "CHROMA_SSL", "CHROMA_TOKEN",
             "CHROMA_CLIENT_AUTH_CREDENTIALS")


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
