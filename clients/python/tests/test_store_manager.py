"""StoreManager: many stores from many threads and processes, and nothing lost or left."""

import multiprocessing
import os
import signal
import threading
import uuid
import warnings

import chromadb
import launcher
import pytest
from conftest import KIND, wait_until

import pannier
from pannier import StoreManager, _store_manager, errors
from pannier._names import store_name

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def file_id():
    return f"file-{uuid.uuid4().hex}"


@pytest.fixture
def manager(server):
    with StoreManager(server.socket_path) as made:
        yield made


def test_records_are_added_and_found(manager, file_id):
    manager.add(file_id, "minilm", "chunks", ids=["a", "b"], embeddings=[[1, 0], [0, 1]],
                documents=["red", "blue"])
    manager.upsert(file_id, "minilm", "chunks", ids=["b"], embeddings=[[0, 1]], documents=["green"])
    found = manager.query(file_id, "minilm", "chunks", query_embeddings=[[0, 1]], n_results=1)
    assert found["documents"] == [["green"]]
    assert isinstance(manager.get_client(file_id, "minilm"), chromadb.ClientAPI)
    assert manager.instances() == [(file_id, "minilm")]


def test_stores_are_apart_by_file_and_by_embedding_type(manager, file_id):
    manager.add(file_id, "one", "chunks", ids=["a"], embeddings=[[1, 0]])
    manager.add(file_id, "two", "chunks", ids=["a", "b"], embeddings=[[1, 0, 0], [0, 1, 0]])
    assert manager.get_collection(file_id, "one", "chunks").count() == 1
    assert manager.get_collection(file_id, "two", "chunks").count() == 2
    assert manager.get_collection(file_id + "x", "one", "chunks").count() == 0


def test_names_of_stores_are_legal_and_different(manager):
    odd = ["a", "A", "..", "a.b", "a_b", "a-b", "-", "ü", "x/y", "x y", "1.2.3.4", "z" * 600, "z" * 601,
           "%", "a.-b", "\N{SNOWMAN}" * 200]
    names = {store_name(file_id, kind) for file_id in odd for kind in ("t", "b.-t", "ü")}
    assert len(names) == len(odd) * 3
    for file_id in odd:
        manager.add(file_id, "t", "chunks", ids=[file_id[:9]], embeddings=[[1, 2]])
        assert manager.get_collection(file_id, "t", "chunks").get()["ids"] == [file_id[:9]]
        assert manager.cleanup_instance(file_id, "t", delete=True)
    with pytest.raises(errors.ConfigurationError, match="not empty"):
        store_name("", "t")


def test_what_is_forgotten_is_still_there_and_what_is_removed_is_not(manager, file_id):
    manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    assert manager.cleanup_instance(file_id, "t")
    assert not manager.cleanup_instance(file_id, "t")
    assert manager.get_collection(file_id, "t", "chunks").count() == 1
    assert manager.cleanup_all(idle_seconds=3600) == 0
    assert manager.cleanup_all() == 1
    assert manager.instances() == []
    assert manager.cleanup_instance(file_id, "t", delete=True)
    assert not manager.cleanup_instance(file_id, "t", delete=True)
    assert manager.get_collection(file_id, "t", "chunks").count() == 0


def test_a_store_that_another_process_removed_is_made_anew(server, manager, file_id):
    manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    with StoreManager(server.socket_path) as other:
        assert other.cleanup_instance(file_id, "t", delete=True)
    manager.add(file_id, "t", "chunks", ids=["b"], embeddings=[[1, 2]])
    assert manager.get_collection(file_id, "t", "chunks").get()["ids"] == ["b"]


def test_a_collection_that_another_process_removed_is_made_anew(server, manager, file_id):
    manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    for _ in range(2):  # of another dimension than the one that was removed
        with StoreManager(server.socket_path) as other:
            other.get_client(file_id, "t").delete_collection("chunks")
        manager.add(file_id, "t", "chunks", ids=["b"], embeddings=[[1, 2, 3]])
    assert manager.get_collection(file_id, "t", "chunks").get()["ids"] == ["b"]
    with pytest.raises(chromadb.errors.InvalidArgumentError, match="dimension"):
        manager.add(file_id, "t", "chunks", ids=["c"], embeddings=[[1, 2]])


def test_known_collections_are_asked_for_once_and_are_few(manager, file_id, monkeypatch):
    monkeypatch.setattr(_store_manager, "COLLECTIONS_MAX", 2)
    manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
    asked = []
    ask = manager._owner._server.create_collection
    monkeypatch.setattr(manager._owner._server, "create_collection",
                        lambda *a, **k: asked.append(k["name"]) or ask(*a, **k))
    for name in ("chunks", "chunks", "two", "three", "chunks"):
        manager.upsert(file_id, "t", name, ids=["a"], embeddings=[[1, 2]])
        manager.query(file_id, "t", name, query_embeddings=[[1, 2]])
    assert asked == ["two", "three", "chunks"]


def test_clients_beyond_the_maximum_are_let_go(server, file_id):
    with StoreManager(server.socket_path, instances_max=2) as manager:
        kept = manager.get_client(file_id, "0")
        manager.get_client(file_id, "1")
        assert manager.get_client(file_id, "0") is kept
        manager.get_client(file_id, "2")
        assert manager.instances() == [(file_id, "0"), (file_id, "2")]
        kept.close()  # gives back nothing that others need
        assert manager.get_client(file_id, "1").heartbeat() > 0


def test_a_closed_manager_says_so(server, file_id):
    manager = StoreManager(server.socket_path)
    client = manager.get_client(file_id)
    manager.close()
    manager.close()
    for use in (lambda: manager.get_client(file_id), lambda: manager.cleanup_instance(file_id),
                client.heartbeat):
        with pytest.raises(errors.ClosedError):
            use()


def test_two_places_at_once_are_refused(tmp_path):
    with pytest.raises(errors.ConfigurationError, match="both"):
        StoreManager("/a.sock", path=tmp_path)


def test_health_tells_what_is_there_and_that_the_daemon_is_away(own_server, file_id):
    with StoreManager(own_server.socket_path, retry=None) as manager:
        manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
        health = manager.health_check()
        assert health and health.mode == "normal"
        if KIND == "pannierd":
            assert health.documents == 1
            assert health.page()["collections"] == 1
        own_server.kill()
        away = manager.health_check()
        assert not away and away.mode == "away" and "lost the connection" in away.reason
        assert away.page()["status"] == "unhealthy"


def work(manager, number, results):
    """Eight threads, of one process, each with its own file and one that all share."""
    problems = []

    def thread(n):
        try:
            for turn in range(5):
                name = f"{number}-{n}-{turn}"
                manager.add(f"own-{number}-{n}", "t", "chunks", ids=[name], embeddings=[[n, turn]])
                manager.add("shared", "t", "chunks", ids=[name], embeddings=[[n, turn]])
                manager.query("shared", "t", "chunks", query_embeddings=[[n, turn]], n_results=1)
        except BaseException as error:
            problems.append(repr(error))

    threads = [threading.Thread(target=thread, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    results.put(problems)


def test_eight_processes_of_eight_threads_share_stores_over_a_manager_made_before_the_fork(
        own_server):
    with StoreManager(own_server.socket_path) as manager:
        manager.get_client("shared", "t")
        results = FORK.Queue()
        workers = [FORK.Process(target=work, args=(manager, n, results))
                   for n in range(8)]
        for worker in workers:
            worker.start()
        assert [results.get(timeout=120) for _ in workers] == [[]] * 8
        for worker in workers:
            worker.join(60)
        assert manager.get_collection("shared", "t", "chunks").count() == 8 * 8 * 5
        assert manager.get_collection("own-7-7", "t", "chunks").count() == 5


def test_a_fork_while_a_thread_holds_the_lock_does_no_harm(manager, file_id):
    with manager._lock:
        child = FORK.Process(target=manager.get_client, args=(file_id,))
        child.start()
        child.join(30)
        assert child.exitcode == 0


class Load:
    """One process of eight threads that write and read until they are told to stop."""

    def __init__(self, manager, number, stop, writes, refusals, reads):
        self.manager, self.number, self.stop = manager, number, stop
        self.writes, self.refusals, self.reads = writes, refusals, reads
        self.acknowledged, self.problems, self.warned = [], [], []

    def run(self, results):
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: self.warned.append(str(message))
        threads = [threading.Thread(target=self.work, args=(n,)) for n in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        results.put((self.acknowledged, self.problems, self.warned))

    def work(self, thread):
        turn = 0
        while not self.stop.is_set():
            name = f"{self.number}-{thread}-{turn}"
            try:
                self.write(name, [thread, turn])
                self.count(self.reads)  # below: a read that fails is a problem
                self.manager.query("load", "t", "chunks", query_embeddings=[[thread, turn]],
                                   n_results=1)
            except Exception as error:
                self.problems.append(repr(error))
            turn += 1

    def write(self, name, vector):
        try:
            self.manager.upsert("load", "t", "chunks", ids=[name], embeddings=[vector])
            self.acknowledged.append(name)
            self.count(self.writes)
        except errors.ReadOnlyError:
            self.count(self.refusals)

    def count(self, what):
        with what.get_lock():
            what.value += 1


def wait_for_more(*counters):
    before = [counter.value for counter in counters]
    wait_until(lambda: all(counter.value > b + 50 for counter, b in zip(counters, before)), 120)


@pytest.mark.skipif(KIND != "pannierd", reason="modes are pannierd's")
def test_eight_processes_of_eight_threads_pass_restarts_and_modes_under_load(own_server):
    """Each outage is shorter than what the retries wait for."""
    retry = pannier.Retry(attempts=20, first_seconds=0.05, longest_seconds=2)
    stop, results = FORK.Event(), FORK.Queue()
    writes, refusals, reads = FORK.Value("i", 0), FORK.Value("i", 0), FORK.Value("i", 0)
    with StoreManager(own_server.socket_path, retry=retry) as manager:
        manager.get_collection("load", "t", "chunks")
        loads = [Load(manager, n, stop, writes, refusals, reads) for n in range(8)]
        workers = [FORK.Process(target=load.run, args=(results,)) for load in loads]
        for worker in workers:
            worker.start()
        for _ in range(2):
            wait_for_more(writes)
            own_server.kill()
            own_server.start()
        wait_for_more(writes)
        with pannier.Admin(own_server.home / "admin.sock") as admin:
            admin.ask("PUT", "/admin/v1/mode", {"mode": "read-only", "reason": "a test"})
            wait_for_more(refusals, reads)
            admin.ask("PUT", "/admin/v1/mode", {"mode": "normal"})
        wait_for_more(writes)
        stop.set()
        told = [results.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join(60)
        assert [problem for _, problems, _ in told for problem in problems] == []
        warned = [sum("read-only mode" in text for text in said) for _, _, said in told]
        assert max(warned) == 1, told  # once in each process that met it
        there = set(manager.get_collection("load", "t", "chunks").get(include=[])["ids"])
        assert {name for acknowledged, _, _ in told for name in acknowledged} <= there


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
def test_a_manager_of_a_folder_needs_no_server(tmp_path, daemons):
    with StoreManager(path=tmp_path) as manager:
        manager.add("f", "t", "chunks", ids=["a"], embeddings=[[1, 2]])
        os.kill(daemons(tmp_path)[0], signal.SIGKILL)
        assert manager.get_collection("f", "t", "chunks").count() == 1
        assert manager.health_check()
    assert daemons(tmp_path) == []


@pytest.mark.skipif(KIND != "pannierd", reason="modes are pannierd's")
def test_a_daemon_that_serves_from_memory_is_a_warning_and_told_by_health(file_id):
    with launcher.prepare("pannierd", "socket", arguments=["--set", "fallback.memory=true"]) as server:
        (server.home / "data").write_text("no folder")
        server.start()
        with pytest.warns(errors.DegradedModeWarning) as told:
            with StoreManager(server.socket_path) as manager:
                manager.add(file_id, "t", "chunks", ids=["a"], embeddings=[[1, 2]])
                manager.add(file_id, "t", "chunks", ids=["b"], embeddings=[[1, 2]])
                health = manager.health_check()
        assert health.mode == "memory" and health.reason
        said = [str(one.message) for one in told if one.category is errors.DegradedModeWarning]
        assert len(said) <= 2 and all("memory mode" in text for text in said)
