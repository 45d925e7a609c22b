"""SnapshotPipeline: every step once, whole or not at all, and nothing left. (Kills at random, over S3:
tests/clients/pipeline_kills.py.)"""

import os
import signal
import threading

import pytest
from conftest import KIND

import pannier
from pannier import SnapshotPipeline, _private, errors

pytestmark = pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")


def chunks_of(client):
    return client.get_or_create_collection("chunks", embedding_function=None)


def adding(*ids, text="first"):
    def fill(client):
        chunks_of(client).add(ids=list(ids), embeddings=[[len(id), 1] for id in ids],
                              documents=[text] * len(ids))
    return fill


@pytest.fixture
def place(tmp_path):
    (tmp_path / "repository").mkdir()
    return tmp_path


@pytest.fixture
def make(place):
    def make(**options):
        repository = {"volume": {"path": os.path.relpath(place / "repository")}}
        return SnapshotPipeline("books", repository, place / "work", **options)
    return make


@pytest.fixture
def pipeline(make):
    made = make()
    made.initialise(chunks_of)
    return made


def left_in(place):
    return sorted(path.name for path in (place / "work" / "books").iterdir())


def records(folder, **options):
    with pannier.PersistentClient(folder, **options) as client:
        found = chunks_of(client).get()
    return dict(zip(found["ids"], found["documents"]))


def test_parts_become_one_store_in_a_folder_of_its_own(pipeline, place, daemons):
    assert pipeline.write("one", adding("a", "b")).records == 2
    pipeline.write("two", adding("c", "d"))
    assert pipeline.merge("all", ["one", "two"]).records == 4
    done = pipeline.compact("done", "all")
    assert pipeline.check("done") == pipeline.find("done") == done
    assert pipeline.take("done", place / "new" / "store") == done
    assert sorted(records(place / "new" / "store")) == ["a", "b", "c", "d"]
    assert left_in(place) == []
    assert os.listdir(place / "new") == ["store"]
    assert daemons(place / "new" / "store") == []


def test_a_step_that_is_done_is_not_done_again(pipeline, make):
    first = pipeline.write("one", adding("a"))

    def never(client):
        raise AssertionError("it was called")

    assert pipeline.write("one", never) == first
    another = make()  # as after a restart, or on another machine
    assert another.initialise(never).step == "base"
    assert another.write("one", never) == first
    assert another.find("two") is None
    pipeline.write("two", adding("b"))
    assert another.find("two") is not None  # done by somebody else meanwhile


@pytest.mark.parametrize("rule, text", [("Keep", "first"), ("Replace", "second")])
def test_of_an_id_in_several_parts_the_rule_decides(pipeline, place, rule, text):
    pipeline.write("one", adding("a"))
    pipeline.write("two", adding("a", text="second"))
    pipeline.merge("all", ["one", "two"], on_conflict=rule)
    pipeline.take("all", place / "store")
    assert records(place / "store") == {"a": text}


def test_what_is_not_there_is_named(make, place):
    pipeline = make()
    with pytest.raises(errors.OperationError, match="not a repository yet"):
        pipeline.write("one", adding("a"))
    pipeline.initialise()
    with pytest.raises(errors.NotFoundError, match="step one of pipeline books"):
        pipeline.merge("all", ["one"])
    with pytest.raises(errors.NotFoundError):
        pipeline.take("all", place / "store")
    assert not (place / "store").exists()
    assert left_in(place) == []


@pytest.mark.parametrize("name, repository", [
    ("a/b", {"volume": {"path": "/x"}}), ("", {"volume": {"path": "/x"}}), ("a", {}),
    ("a", {"disk": {}}), ("a", {"volume": {"path": "/x"}, "s3": {}})])
def test_names_and_repositories_that_cannot_be_are_refused(name, repository):
    with pytest.raises(errors.ConfigurationError):
        SnapshotPipeline(name, repository)


def test_steps_that_cannot_be_are_refused_before_anything_is_done(make):
    pipeline = make(daemon="no-such-daemon")
    for wrong in (lambda: pipeline.write("..", adding("a")), lambda: pipeline.merge("all", []),
                  lambda: pipeline.merge("all", ["../x"]),
                  lambda: pipeline.merge("all", ["one"], on_conflict="Newest")):
        with pytest.raises(errors.ConfigurationError):
            wrong()
    with pytest.raises(errors.DaemonMissingError):
        pipeline.initialise()


def test_an_error_of_the_callers_passes_and_the_step_is_tried_afresh(pipeline, place):
    def half(client):
        adding("a")(client)
        raise KeyError("half")

    with pytest.raises(KeyError, match="half"):
        pipeline.write("one", half)
    assert pipeline.find("one") is None and left_in(place) == []
    assert pipeline.write("one", adding("b")).records == 1


def test_a_daemon_that_dies_costs_a_try_and_three_the_step(pipeline, place, daemons):
    deaths = []

    def fill_and_kill(client, most):
        adding("a")(client)
        if len(deaths) < most:
            deaths.append(daemons(client.get_settings().pannier_home)[0])
            os.kill(deaths[-1], signal.SIGKILL)
            raise errors.ConnectError("lost", sent=True)

    assert pipeline.write("one", lambda client: fill_and_kill(client, 2)).records == 1
    assert len(deaths) == 2
    with pytest.raises(errors.ConnectError):
        pipeline.write("two", lambda client: fill_and_kill(client, 5))
    assert len(deaths) == 5 and left_in(place) == []


def test_what_a_killed_try_left_is_removed_by_the_next(pipeline, place, daemons):
    child = os.fork()
    if child == 0:
        try:
            pipeline.write("one", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = left_in(place)
    assert len(left) == 2 and left[0] == "one.lock" and left[1].startswith("one~")
    assert pipeline.write("one", adding("b")).records == 1
    assert left_in(place) == []
    assert daemons(place / "work" / "books" / left[1]) == []


def test_what_a_try_left_that_was_killed_when_it_was_done_is_removed_too(pipeline, place):
    done = pipeline.write("one", adding("a"))
    (place / "work" / "books" / "one~left").mkdir()
    assert pipeline.write("one", adding("b")) == done
    assert left_in(place) == []


def test_a_folder_that_somebody_still_uses_is_left_alone(pipeline, place, monkeypatch):
    monkeypatch.setattr(_private, "END_SECONDS", 0.1)
    with pannier.PersistentClient(place / "work" / "books" / "one~left"):
        pipeline.write("one", adding("a"))
        assert left_in(place) == ["one~left"]
    pipeline.check("one")
    assert left_in(place) == []
    assert _private.await_end(str(place / "none"))


def test_of_one_step_one_works_and_the_other_takes_its_result(pipeline, make):
    begun, tried, calls, results = threading.Event(), threading.Event(), [], []

    def fill(client):
        calls.append(client)
        begun.set()
        assert tried.wait(60)
        adding("a")(client)

    first = threading.Thread(target=lambda: results.append(pipeline.write("one", fill)))
    waiting = threading.Thread(target=lambda: results.append(make().write("one", fill)))
    first.start()
    assert begun.wait(60)
    waiting.start()
    with pytest.raises(errors.TimeoutError, match="another process"):
        make(seconds=0.1).write("one", fill)
    tried.set()
    first.join(60)
    waiting.join(60)
    assert len(calls) == 1 and results[0] == results[1]


def test_a_snapshot_that_was_damaged_is_found_and_made_again(pipeline, place):
    pipeline.write("one", adding("a"))
    for chunk in (place / "repository" / "chunks").glob("*/*"):
        chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(errors.OperationError, match="one is damaged"):
        pipeline.check("one")
    assert pipeline.find("one") is None
    with pytest.raises(errors.OperationError):  # of the base, from which it would be made
        pipeline.write("one", adding("a"))


def test_what_is_discarded_is_not_done_any_more_and_what_came_of_it_is(pipeline, make, place):
    pipeline.write("one", adding("a"))
    pipeline.merge("all", ["one"])
    assert pipeline.discard(["one", "never"]) == 1
    assert make().find("one") is None
    pipeline.take("all", place / "store")
    assert records(place / "store") == {"a": "first"}
    assert pipeline.write("one", adding("b", "c")).records == 2


def test_a_folder_that_is_there_already_is_left_alone(pipeline, place):
    pipeline.write("one", adding("a"))
    (place / "store").mkdir()
    pipeline.take("one", place / "store", database="mine")
    assert records(place / "store", database="mine") == {"a": "first"}
    with pytest.raises(errors.ConfigurationError, match="there already"):
        pipeline.take("one", place / "store")
