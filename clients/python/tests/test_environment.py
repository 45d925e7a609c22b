"""from_environment(): the variables that applications have already."""

import os

import pytest
from conftest import KIND

import pannier
from pannier import StoreManager, errors, from_environment
from pannier._environment import find_mode


@pytest.mark.parametrize("environment, mode", [
    ({}, "socket"),
    ({"CHROMA_MODE": " HTTP "}, "http"),
    ({"CHROMA_MODE": "persistent", "PANNIER_SOCKET": "/a.sock"}, "persistent"),
    ({"CHROMA_HOST": "h", "CHROMA_DB_PATH": "/d"}, "http"),
    ({"CHROMA_HOST": "h", "PANNIER_SOCKET": "/a.sock"}, "socket"),
    ({"CHROMA_DB_PATH": "/d"}, "persistent"),
    ({"CHROMA_PERSIST_DIR": "/d"}, "persistent"),
])
def test_the_mode_is_said_or_follows_from_what_is_set(environment, mode):
    assert find_mode(environment) == mode


def test_a_mode_that_is_not_known_is_refused():
    with pytest.raises(errors.ConfigurationError, match="persistent, http, socket"):
        from_environment({"CHROMA_MODE": "memory"})


def test_socket(server, monkeypatch):
    monkeypatch.setenv("CHROMA_MODE", "socket")
    monkeypatch.setenv("CHROMA_HOST", "not-this.invalid")
    monkeypatch.setenv("PANNIER_SOCKET", server.socket_path)
    with from_environment() as client:
        assert client.heartbeat() > 0


def test_http_with_a_token(tcp_server):
    environment = {"CHROMA_MODE": "http", "CHROMA_HOST": tcp_server.host,
                   "CHROMA_PORT": str(tcp_server.port), "PANNIER_SOCKET": "/not/this.sock",
                   "CHROMA_AUTH_TOKEN": "secret"}
    with from_environment(environment, timeout=10) as client:
        assert client._server.get_request_headers()["authorization"] == "Bearer secret"
        assert client.heartbeat() > 0
    with StoreManager.from_environment(environment) as manager:
        assert manager.health_check()


def test_http_without_a_host_is_this_machine():
    with pytest.raises(errors.ConnectError, match="localhost"):
        from_environment({"CHROMA_MODE": "http", "CHROMA_PORT": "1"})


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
@pytest.mark.parametrize("name", ["CHROMA_DB_PATH", "CHROMA_PERSIST_DIR"])
def test_persistent(tmp_path, daemons, name):
    folder = tmp_path / "store"
    with from_environment({"CHROMA_MODE": "persistent", name: str(folder)}) as client:
        assert isinstance(client, pannier.PersistentClient)
        assert len(daemons(folder)) == 1


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
def test_persistent_without_a_folder_is_where_chromadb_would_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with StoreManager.from_environment({"CHROMA_MODE": "persistent"}) as manager:
        manager.get_client("f")
    environment = {"CHROMA_MODE": "persistent", "CHROMA_DB_PATH": str(tmp_path / "temporary")}
    with StoreManager.from_environment(environment, ephemeral=True, session="tab") as manager:
        manager.get_client("f")
        assert manager.session_id == "tab"
    with pytest.raises(errors.ConfigurationError, match="session"):
        StoreManager.from_environment(environment, ephemeral=True, session=False)
    assert os.path.isdir(tmp_path / "chroma" / "data")
