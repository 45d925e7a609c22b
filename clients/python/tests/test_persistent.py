"""PersistentClient: one private daemon for a folder, there while somebody needs it and no longer."""

import gc
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import chromadb
import pytest
from conftest import KIND, wait_until

import pannier
from pannier import _private, errors

pytestmark = pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
FORK = multiprocessing.get_context("fork")


def notes_of(client):
    return client.get_or_create_collection("notes", embedding_function=None)


def left_in(folder):
    return sorted(set(os.listdir(folder)) - {"data"})


QUIET = ["clients.lock", "daemon.log", "start.lock"]


def test_it_needs_no_server_and_leaves_none(tmp_path, daemons):
    folder = tmp_path / "store"
    with pannier.PersistentClient(folder) as client:
        assert isinstance(client, chromadb.ClientAPI)
        notes_of(client).add(ids=["a"], embeddings=[[1, 2]], documents=["red"])
        assert len(daemons(folder)) == 1
        assert client.health()
    assert daemons(folder) == []
    assert left_in(folder) == QUIET
    with pannier.PersistentClient(str(folder)) as again:
        assert notes_of(again).get()["documents"] == ["red"]


def test_clients_of_one_process_share_the_daemon(tmp_path, daemons):
    first, second = pannier.PersistentClient(tmp_path), pannier.PersistentClient(tmp_path)
    notes_of(first).add(ids=["a"], embeddings=[[1, 2]])
    first.close()
    first.close()
    assert notes_of(second).count() == 1
    assert len(daemons(tmp_path)) == 1
    with pytest.raises(errors.ClosedError):
        first.heartbeat()
    second.close()
    assert daemons(tmp_path) == []


def work_at_once(folder, barrier, results, number):
    barrier.wait()
    try:
        with pannier.PersistentClient(folder) as client:
            notes_of(client).add(ids=[str(number)], embeddings=[[number, 1]])
            pid = _private.find_pid(client.get_settings().pannier_socket)
            barrier.wait()
        results.put(pid)
    except BaseException as error:
        results.put(repr(error))


def test_sixteen_processes_that_start_at_the_same_instant_get_one_daemon(tmp_path, daemons):
    folder, barrier, results = tmp_path / "new", FORK.Barrier(16), FORK.Queue()
    workers = [FORK.Process(target=work_at_once, args=(folder, barrier, results, n))
               for n in range(16)]
    for worker in workers:
        worker.start()
    pids = {results.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(pids) == 1 and isinstance(pids.pop(), int)
    assert daemons(folder) == []
    assert left_in(folder) == QUIET
    with pannier.PersistentClient(folder) as client:
        assert notes_of(client).count() == 16


def test_processes_that_come_and_go_all_the_time_never_fail(tmp_path, daemons):
    """A client often comes when the daemon has just decided to end."""
    results = FORK.Queue()

    def come_and_go(number):
        try:
            for turn in range(6):
                with pannier.PersistentClient(tmp_path) as client:
                    notes_of(client).upsert(ids=[f"{number}-{turn}"], embeddings=[[number, turn]])
            results.put("done")
        except BaseException as error:
            results.put(repr(error))

    workers = [FORK.Process(target=come_and_go, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=120) for _ in workers] == ["done"] * 4
    for worker in workers:
        worker.join(60)
    assert daemons(tmp_path) == []
    with pannier.PersistentClient(tmp_path) as client:
        assert notes_of(client).count() == 24


def test_a_killed_daemon_is_started_again_and_has_what_it_acknowledged(tmp_path, daemons):
    with pannier.PersistentClient(tmp_path) as client:
        notes = notes_of(client)
        for turn in range(3):
            notes.add(ids=[str(turn)], embeddings=[[turn, 1]])
            os.kill(daemons(tmp_path)[0], signal.SIGKILL)
            wait_until(lambda: not daemons(tmp_path))
            assert notes.count() == turn + 1
    assert daemons(tmp_path) == []


def test_health_starts_a_daemon_that_died_and_says_why_it_cannot(tmp_path, daemons):
    with pannier.PersistentClient(tmp_path) as client:
        for broken in (False, True):
            os.kill(daemons(tmp_path)[0], signal.SIGKILL)
            wait_until(lambda: not daemons(tmp_path))
            if broken:
                (tmp_path / "pannierd.yaml").write_text("nonsense: 1\n")
            health = client.health()
            assert health.healthy != broken
        assert "nonsense" in health.reason


def test_health_outlives_a_daemon_whose_socket_is_still_there_while_it_dies(tmp_path, daemons):
    with pannier.PersistentClient(tmp_path) as client:
        os.kill(daemons(tmp_path)[0], signal.SIGKILL)
        wait_until(lambda: not daemons(tmp_path))
        path = tmp_path / "pannier.sock"
        wait_until(lambda: not _private._listens(str(path)))
        path.unlink()
        with socket.socket(socket.AF_UNIX) as dying:
            dying.bind(str(path))
            dying.listen()
            end = threading.Thread(target=lambda: dying.accept()[0].close() or dying.close())
            end.start()
            assert client.health().healthy
            end.join(20)


def test_threads_that_meet_a_killed_daemon_start_one(tmp_path, daemons):
    with pannier.PersistentClient(tmp_path) as client:
        notes, problems = notes_of(client), []

        def write(number):
            for turn in range(20):
                try:
                    notes.upsert(ids=[f"{number}-{turn}"], embeddings=[[number, turn]])
                except Exception as error:
                    problems.append(error)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            wait_until(lambda: daemons(tmp_path) or not any(t.is_alive() for t in threads))
            for pid in daemons(tmp_path):
                os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        assert problems == []
        assert notes.count() == 160
        assert len(daemons(tmp_path)) == 1


def test_a_daemon_that_was_told_to_stop_is_replaced(tmp_path, daemons):
    with pannier.PersistentClient(tmp_path) as client:
        notes_of(client).add(ids=["a"], embeddings=[[1, 2]])
        os.kill(daemons(tmp_path)[0], signal.SIGTERM)
        wait_until(lambda: not os.path.exists(client.get_settings().pannier_socket))
        assert notes_of(client).count() == 1


def hold(folder, ready):
    client = pannier.PersistentClient(folder)
    notes_of(client)
    ready.release()
    while True:
        notes_of(client).upsert(ids=["x"], embeddings=[[1, 2]])


def test_killed_clients_leave_no_daemon(tmp_path, daemons):
    ready = FORK.Semaphore(0)
    workers = [FORK.Process(target=hold, args=(tmp_path, ready)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert ready.acquire(timeout=60)
    for worker in workers:
        worker.kill()
        worker.join()
    wait_until(lambda: not daemons(tmp_path))
    assert left_in(tmp_path) == QUIET


def test_clients_killed_while_they_start_disturb_nobody(tmp_path, daemons):
    seed = int(os.environ.get("PANNIER_SEED") or time.time())
    chance = random.Random(seed)
    print(f"seed: {seed}")
    for turn in range(3):
        folder, ready = tmp_path / str(turn), FORK.Semaphore(0)
        doomed = [FORK.Process(target=hold, args=(folder, ready)) for _ in range(6)]
        for worker in doomed:
            worker.start()
        killer = threading.Timer(chance.uniform(0, 0.3), lambda d=doomed: [w.kill() for w in d])
        killer.start()
        with pannier.PersistentClient(folder) as client:
            notes_of(client).upsert(ids=["a"], embeddings=[[1, 2]])
            killer.join()
            for worker in doomed:
                worker.join()
            assert notes_of(client).get(ids=["a"])["ids"] == ["a"]
            # One that a killed client has just started goes when it finds the folder locked.
            wait_until(lambda f=folder: len(daemons(f)) == 1)
        wait_until(lambda f=folder: not daemons(f))


def test_a_child_of_a_fork_keeps_the_daemon_that_its_parent_closes(tmp_path, daemons):
    client = pannier.PersistentClient(tmp_path)
    notes_of(client).add(ids=["parent"], embeddings=[[1, 2]])
    closed, child_done = FORK.Event(), FORK.Queue()

    def use_it():
        closed.wait(30)
        notes_of(client).add(ids=["child"], embeddings=[[3, 4]])
        os.kill(daemons(tmp_path)[0], signal.SIGKILL)
        child_done.put(notes_of(client).count())
        client.close()

    child = FORK.Process(target=use_it)
    child.start()
    client.close()
    assert len(daemons(tmp_path)) == 1
    closed.set()
    assert child_done.get(timeout=60) == 2
    child.join(60)
    assert child.exitcode == 0
    assert daemons(tmp_path) == []


def test_a_client_that_is_dropped_or_not_closed_at_exit_leaves_no_daemon(tmp_path, daemons):
    client = pannier.PersistentClient(tmp_path)
    client.clear_system_cache()  # chromadb keeps a reference of its own
    del client
    gc.collect()
    wait_until(lambda: not daemons(tmp_path))
    child = FORK.Process(target=pannier.PersistentClient, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    wait_until(lambda: not daemons(tmp_path))


def test_a_folder_whose_name_is_too_long_for_a_socket(tmp_path, daemons, monkeypatch):
    runtime = tempfile.mkdtemp()
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    folder = tmp_path / ("long" * 30)
    with pannier.PersistentClient(folder) as client:
        notes_of(client).add(ids=["a"], embeddings=[[1, 2]])
        assert os.readlink(folder / "pannier.sock").startswith(runtime)
        monkeypatch.delenv("XDG_RUNTIME_DIR")  # others may have another environment
        with pannier.PersistentClient(folder) as other:
            assert notes_of(other).count() == 1
        assert len(daemons(folder)) == 1
    assert left_in(folder) == QUIET
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    client = pannier.PersistentClient(folder)
    os.kill(daemons(folder)[0], signal.SIGKILL)
    wait_until(lambda: not daemons(folder))
    assert len(os.listdir(runtime)) == 2
    client.close()  # removes what the daemon could not
    os.rmdir(runtime)


def test_the_runtime_folder_must_be_ones_own(tmp_path, monkeypatch):
    temporary = tempfile.mkdtemp()
    monkeypatch.setattr(_private.tempfile, "gettempdir", lambda: temporary)
    monkeypatch.setattr(_private.os, "access", lambda *_: False)
    made = _private._runtime_folder("a.sock")
    assert os.stat(made).st_mode & 0o777 == 0o700
    assert _private._runtime_folder("a.sock") == made
    with pytest.raises(errors.ConfigurationError, match="too long"):
        _private._runtime_folder("a" * 100)
    os.chmod(made, 0o777)
    with pytest.raises(errors.ConfigurationError, match="XDG_RUNTIME_DIR"):
        _private._runtime_folder("a.sock")
    shutil.rmtree(temporary)


def test_a_daemon_that_does_not_come_up_says_why(tmp_path):
    (tmp_path / "pannierd.yaml").write_text("nonsense: 1\n")
    with pytest.raises(errors.DaemonStartError, match="nonsense"):
        pannier.PersistentClient(tmp_path)
    (tmp_path / "pannierd.yaml").write_text("memory: {budget: 64MiB}\n")
    with pannier.PersistentClient(tmp_path) as client:
        assert client.heartbeat() > 0


def test_a_daemon_that_dies_without_a_word_is_tried_a_few_times(tmp_path):
    with pytest.raises(errors.DaemonStartError, match="killed 5 times"):
        pannier.PersistentClient(tmp_path, daemon="/bin/true")


def test_a_folder_that_another_daemon_serves_is_named(tmp_path, daemons):
    other = subprocess.Popen(
        [os.environ["PANNIERD"], "--data", str(tmp_path / "data"),
         "--socket", str(tmp_path / "other.sock")], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(tmp_path / "other.sock"))
        options = _private.DaemonOptions(start_seconds=1)
        with pytest.raises(errors.DaemonStartError, match=f"locked by pid {other.pid}"):
            _private.join(os.path.realpath(tmp_path), options)
    finally:
        other.kill()
        other.wait()


def test_waiting_for_another_that_starts_it_has_an_end(tmp_path):
    with _private._opened(str(tmp_path / "start.lock")) as starting:
        assert starting.take(_private.fcntl.LOCK_EX)
        with pytest.raises(errors.DaemonStartError, match="still starting"):
            _private.join(str(tmp_path), _private.DaemonOptions(start_seconds=0.1))
    with _private._opened(str(tmp_path / "clients.lock")) as ending:
        assert ending.take(_private.fcntl.LOCK_EX)
        with pytest.raises(errors.DaemonStartError, match="is ending"):
            _private.join(str(tmp_path), _private.DaemonOptions(start_seconds=0.1))


def test_a_missing_program_is_said_so(tmp_path, monkeypatch):
    with pytest.raises(errors.DaemonMissingError, match="no-such-daemon"):
        pannier.PersistentClient(tmp_path, daemon="no-such-daemon")
    monkeypatch.delenv("PANNIERD")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_private.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(errors.DaemonMissingError, match="pannierd"):
        pannier.PersistentClient(tmp_path)
    (tmp_path / "pannierd").write_text("")
    (tmp_path / "pannierd").chmod(0o755)
    assert _private.find_program() == str(tmp_path / "pannierd")


def test_files_of_chromadb_are_not_touched(tmp_path):
    (tmp_path / "chroma.sqlite3").write_text("")
    with pytest.raises(errors.ConfigurationError, match="import_chroma"):
        pannier.PersistentClient(tmp_path)
    assert os.listdir(tmp_path) == ["chroma.sqlite3"]


def test_settings_of_chromadb_are_heard(tmp_path):
    settings = chromadb.Settings(allow_reset=True)
    with pannier.PersistentClient(tmp_path, settings) as client:
        notes_of(client)
        assert client.reset()
        assert client.list_collections() == []
        assert client.get_settings().persist_directory == os.path.realpath(tmp_path)


def test_a_missing_database_is_an_error_and_leaves_no_daemon(tmp_path, daemons):
    with pytest.raises(errors.NotFoundError, match="nothing"):
        pannier.PersistentClient(tmp_path, database="nothing")
    assert daemons(tmp_path) == []
    with pannier.PersistentClient(tmp_path, tenant="mine", database="made", create=True) as client:
        assert client.database == "made"


def test_a_folder_that_was_removed_under_its_client_is_made_anew(tmp_path, daemons):
    folder = tmp_path / "store"
    with pannier.PersistentClient(folder) as client:
        os.kill(daemons(folder)[0], signal.SIGKILL)
        wait_until(lambda: not daemons(folder))
        shutil.rmtree(folder)
        assert notes_of(client).count() == 0
    assert daemons(folder) == []


def test_a_log_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(_private, "LOG_BYTES_MAX", 10)
    for _ in range(3):
        with pannier.PersistentClient(tmp_path):
            pass
    assert left_in(tmp_path) == sorted([*QUIET, "daemon.log.1"])
