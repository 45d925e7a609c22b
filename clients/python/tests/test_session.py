"""Sessions of managers: the daemon lists them, and what is temporary goes, however they end."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
import uuid
import warnings

import chromadb.errors
import httpx
import pytest
from conftest import KIND, ROOT, wait_until

from pannier import Session, StoreManager, _session, connect, errors
from pannier._names import store_name

pytestmark = pytest.mark.skipif(KIND != "pannierd", reason="Chroma's server has no sessions")
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def file_id():
    return f"file-{uuid.uuid4().hex[:8]}"


def ask(server, path="", method="GET"):
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(server.socket_path))) as client:
        return client.request(method, f"http://d/pannier/v1/sessions{path}").json()


def find(server, session_id):
    return next((s for s in ask(server)["sessions"] if s["id"] == session_id), None)


def has_store(server, file_id):
    with connect(server.socket_path) as client:
        try:
            client._server.get_database(store_name(file_id, "t"))
        except chromadb.errors.NotFoundError:
            return False
        return True


def use(manager, file_id):
    manager.upsert(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    return manager.session_id


def test_a_manager_is_a_session_from_its_first_use_to_its_end(server, file_id):
    with StoreManager(server.socket_path) as manager:
        assert manager.session_id is None
        session_id = use(manager, file_id)
        listed = find(server, session_id)
        assert listed["pid"] == os.getpid()
        assert [s["database"] for s in listed["stores"]] == [store_name(file_id, "t")]
    assert find(server, session_id) is None
    assert has_store(server, file_id)


def test_a_manager_may_do_without(server, file_id):
    with StoreManager(server.socket_path, session=False) as manager:
        assert use(manager, file_id) is None
    with pytest.raises(errors.ConfigurationError, match="session"):
        StoreManager(server.socket_path, session=False, ephemeral=True)


def test_ephemeral_stores_go_with_the_manager(server, file_id):
    with StoreManager(server.socket_path, ephemeral=True) as manager:
        use(manager, file_id)
        assert has_store(server, file_id)
    assert not has_store(server, file_id)


def test_the_same_id_picks_up_where_it_was(server, file_id):
    tab = f"tab-{file_id}"
    for turn in range(2):
        with StoreManager(server.socket_path, session=tab, ephemeral=True) as manager:
            manager.upsert(file_id, "t", "chunks", ids=[str(turn)], embeddings=[[1, turn]])
            assert manager.get_collection(file_id, "t", "chunks").count() == turn + 1
        assert find(server, tab) is not None
    with StoreManager(server.socket_path, session=tab, cleanup_on_exit=True) as manager:
        assert use(manager, file_id) == tab
    assert not has_store(server, file_id)


def test_heartbeats_keep_an_idle_session_and_its_end_stops_them(server, file_id):
    manager = StoreManager(server.socket_path, session_seconds=1, ephemeral=True)
    session_id = use(manager, file_id)
    beats = find(server, session_id)["requests"]
    wait_until(lambda: find(server, session_id)["requests"] > beats + 4)
    assert find(server, session_id)["timeout_seconds"] == 1
    manager._session._stop.set()  # the thread alone is gone
    wait_until(lambda: find(server, session_id) is None)
    wait_until(lambda: not has_store(server, file_id))
    # What comes again begins anew, under the same id.
    assert use(manager, file_id) == session_id
    manager.close()
    assert not has_store(server, file_id)


def test_a_manager_that_is_dropped_is_heard_of_no_more(server, file_id):
    manager = StoreManager(server.socket_path, session_seconds=1)
    session_id = use(manager, file_id)
    del manager
    wait_until(lambda: find(server, session_id) is None)


PROGRAM = """
    import os, sys, time
    from pannier import StoreManager
    manager = StoreManager(sys.argv[1], ephemeral=True, **eval(sys.argv[3]))
    manager.upsert(sys.argv[2], "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    print(manager.session_id, flush=True)
    if len(sys.argv) > 4:
        time.sleep(600)
"""


def program(server, file_id, options="{}", *more):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(server.socket_path), file_id, options,
         *more],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python" / "src")})


def test_stores_of_a_killed_process_go_soon(server, file_id):
    with program(server, file_id, "{}", "stay") as process:
        session_id = process.stdout.readline().strip()
        assert has_store(server, file_id)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    wait_until(lambda: find(server, session_id) is None)
    wait_until(lambda: not has_store(server, file_id))


def test_a_program_that_ends_without_close_ends_its_session(server, file_id):
    with program(server, file_id) as process:
        session_id = process.stdout.read().strip()
        process.wait(30)
    assert find(server, session_id) is None
    assert not has_store(server, file_id)


def in_child(manager, file_id, results):
    results.put((manager.session_id, use(manager, file_id + "c")))


def test_a_child_of_fork_is_a_session_of_its_own(server, file_id):
    with StoreManager(server.socket_path, ephemeral=True) as manager:
        mine = use(manager, file_id)
        results = FORK.Queue()
        child = FORK.Process(target=in_child, args=(manager, file_id, results))
        child.start()
        before, theirs = results.get(timeout=30)
        child.join(30)
        assert child.exitcode == 0
        assert before is None
        assert theirs not in (None, mine)
        wait_until(lambda: find(server, theirs) is None)
        wait_until(lambda: not has_store(server, file_id + "c"))
        assert find(server, mine) is not None
        assert has_store(server, file_id)


def test_a_given_id_is_shared_by_children(server, file_id):
    with StoreManager(server.socket_path, session=f"shared-{file_id}") as manager:
        mine = use(manager, file_id)
        results = FORK.Queue()
        child = FORK.Process(target=in_child, args=(manager, file_id, results))
        child.start()
        assert results.get(timeout=30) == (None, mine)
        child.join(30)
    assert find(server, mine)["requests"] > 2
    ask(server, f"/{mine}", "DELETE")


def test_a_restarted_daemon_learns_of_its_sessions_again(own_server, file_id):
    with StoreManager(own_server.socket_path, ephemeral=True, session_seconds=3) as manager:
        session_id = use(manager, file_id)
        own_server.kill()
        own_server.start()
        assert has_store(own_server, file_id)
        wait_until(lambda: (find(own_server, session_id) or {"requests": 0})["requests"] > 2)
        assert manager.get_collection(file_id, "t", "chunks").count() == 1
    assert not has_store(own_server, file_id)


def test_a_daemon_that_is_away_when_a_session_begins_or_ends_is_said_so_once(own_server, file_id):
    manager = StoreManager(own_server.socket_path, retry=None)
    own_server.kill()
    with pytest.raises(errors.ConnectError):
        use(manager, file_id)
    own_server.start()
    assert use(manager, file_id) is not None
    own_server.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manager.close()
        manager.close()


def test_ids_that_cannot_be_and_servers_without_sessions_are_told_apart(server, file_id, monkeypatch):
    with StoreManager(server.socket_path, session="a b") as manager:
        with pytest.raises(errors.ConfigurationError, match="id is 1 to"):
            use(manager, file_id)
    with pytest.raises(errors.ConfigurationError, match="time-out"):
        StoreManager(server.socket_path, session_seconds=0.5)
    monkeypatch.setattr(_session, "PATH", "/pannier/v1/nothing")
    with StoreManager(server.socket_path) as manager:
        assert use(manager, file_id) is None
    with StoreManager(server.socket_path, ephemeral=True) as manager:
        with pytest.raises(errors.UnavailableError, match="no session"):
            use(manager, file_id + "e")


def test_an_answer_that_comes_before_all_was_read_is_heard(tmp_path):
    """As other servers refuse a path that they do not have."""
    path = str(tmp_path / "refuses.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        line = _session._SocketLine(path, {})
        line._connection = line._connect()
        server, _ = listener.accept()
        with server:
            server.sendall(b"HTTP/1.1 404 x\r\ncontent-length: 2\r\n\r\n{}")
        assert line.ask("POST", "/pannier/v1/sessions", {"id": "a"}) == (404, {})
        line.close()


def test_sessions_go_over_tcp_too(tcp_server, monkeypatch):
    monkeypatch.setenv("CHROMA_HOST", "127.0.0.1")
    monkeypatch.setenv("CHROMA_PORT", str(tcp_server.port))
    with connect() as client:
        session = Session(client._server, name="worker", timeout_seconds=60)
        assert session.begin() and session.begin()
        assert session.beat() == 20
        client.heartbeat()
        listed = client._server.fetch(f"/pannier/v1/sessions/{session.id}").json()
        assert listed["name"] == "worker" and listed["pid"] is None
        session.end()
        session.end()
        assert session.beat() == 20
        assert not session.begin() or session.is_known
        assert client._server.fetch(f"/pannier/v1/sessions/{session.id}").status_code == 404


def test_what_a_child_and_the_end_of_a_program_do_to_sessions(server, file_id):
    """In this process, step by step: forks and exits are tried above as they are."""
    manager = StoreManager(server.socket_path, ephemeral=True)
    mine = use(manager, file_id)
    manager._session._stop.set()
    _session._renew_all_after_fork()
    assert manager.session_id is None
    theirs = use(manager, file_id + "c")
    assert theirs != mine
    manager._session._pid = 1  # another process's is left alone
    _session._end_all()
    assert find(server, theirs) is not None
    manager._session._pid = os.getpid()
    _session._end_all()
    assert find(server, theirs) is None
    assert not has_store(server, file_id + "c")
    ask(server, f"/{mine}", "DELETE")
    manager.close()
