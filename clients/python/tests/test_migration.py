"""Each step of docs/migration.md, on folders and programs as chromadb leaves them; and Admin."""

import subprocess
import sys

import launcher
import pytest
from conftest import KIND

import pannier
from pannier import Admin, errors

pytestmark = pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")

THEIRS = """
import sys, chromadb
client = chromadb.PersistentClient(sys.argv[1])
notes = client.create_collection("notes", embedding_function=None)
notes.add(ids=["a", "b"], embeddings=[[1, 0], [0, 1]], documents=["red", "blue"],
          metadatas=[{"n": 1}, {"n": 2}])
"""


def check(client):
    notes = client.get_collection("notes", embedding_function=None)
    assert notes.count() == 2
    assert notes.query(query_embeddings=[[0, 1]], n_results=1)["documents"] == [["blue"]]
    assert notes.get(where={"n": 1})["ids"] == ["a"]


@pytest.fixture
def old_folder(tmp_path):
    subprocess.run([sys.executable, "-c", THEIRS, str(tmp_path / "old")], check=True, timeout=60)
    return tmp_path / "old"


def test_from_chromadbs_persistent_client(old_folder, tmp_path, daemons):
    before = (old_folder / "chroma.sqlite3").read_bytes()
    with pytest.raises(errors.ConfigurationError, match="import_chroma"):
        pannier.PersistentClient(old_folder)
    report = pannier.import_chroma(old_folder, tmp_path / "new")
    assert [database["store"] for database in report["databases"]] == [
        "default_tenant/default_database"]
    with pannier.PersistentClient(tmp_path / "new") as client:
        check(client)
    assert (old_folder / "chroma.sqlite3").read_bytes() == before
    with pytest.raises(errors.OperationError):
        pannier.import_chroma(old_folder, tmp_path / "new")
    assert daemons(tmp_path / "new") == []
    with pytest.raises(errors.ConfigurationError, match=r"chroma\.sqlite3"):
        pannier.import_chroma(tmp_path / "none", tmp_path / "new")


def test_from_chroma_run(old_folder, monkeypatch):
    import chromadb

    with launcher.start("pannierd", "tcp") as server:
        pannierctl = launcher.default_binary().with_name("pannierctl")
        subprocess.run([pannierctl, "--socket", server.home / "pannier.sock", "--admin-socket",
                        server.home / "admin.sock", "store", "import", old_folder, "--wait"],
                       check=True, timeout=60)
        check(chromadb.HttpClient(host=server.host, port=server.port))  # nothing changed in it
        monkeypatch.setenv("PANNIER_SOCKET", str(server.home / "pannier.sock"))
        with pannier.connect() as client:
            check(client)


def test_operations_say_why_they_fail(own_server, tmp_path):
    with Admin(own_server.home / "admin.sock") as admin:
        with pytest.raises(errors.OperationError, match="nothing"):
            admin.run("nothing")
        with pytest.raises(errors.OperationError):
            admin.run("verify", store="default_tenant/none")
        assert admin.run("verify", store="default_tenant/default_database")["sound"]
        with pytest.raises(errors.TimeoutError, match="verify"):
            admin.run("verify", seconds=-1, store="default_tenant/default_database")
        own_server.kill()
        with pytest.raises(errors.ConnectError, match="lost the admin"):
            admin.run("verify", store="default_tenant/default_database")
    with pytest.raises(errors.SocketMissingError):
        Admin(tmp_path / "none.sock")
