"""A daemon over the socket and one over TCP, shared by all tests of a run.

PANNIER_TEST_SERVER=chroma runs the same tests against Chroma's own server.
"""

import os
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
import launcher  # noqa: E402

KIND = os.environ.get("PANNIER_TEST_SERVER", "pannierd")


@pytest.fixture(scope="session")
def socket_server():
    with launcher.start(KIND, "socket") as server:
        yield server


@pytest.fixture(scope="session")
def tcp_server():
    with launcher.start(KIND, "tcp") as server:
        yield server


@pytest.fixture(params=["socket", "tcp"])
def server(request):
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def database():
    return f"db-{uuid.uuid4().hex[:12]}"


def client_environment(server):
    """Environment in which a client program finds `server`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PANNIER_", "CHROMA_"))}
    if server.socket_path:
        return {**kept, "PANNIER_SOCKET": server.socket_path}
    return {**kept, "CHROMA_HOST": server.host, "CHROMA_PORT": str(server.port)}


@pytest.fixture
def environment(server):
    return client_environment(server)
