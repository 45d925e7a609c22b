"""What is sent again, how often, and what refusals and modes become. The server here is a script."""

import json
import socket
import threading
import warnings

import httpx
import pytest

import pannier
from pannier import Retry, errors
from pannier._answers import AnswerWatch
from pannier._retry import is_repeatable, pause_before_retry

QUICK = Retry(first_seconds=0.001)


class Script:
    """Answers each request of one kind with the next of some answers: a status, or None to hang up."""

    def __init__(self, path, answers, mode=None):
        self.path, self.answers, self.mode, self.seen = path, list(answers), mode, []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            self._answer_all(connection, reader)

    def _answer_all(self, connection, reader):
        while line := reader.readline():
            target, length = line.split()[1].decode(), 0
            while (header := reader.readline().strip()):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            reader.read(length)
            status, body = 200, {"nanosecond heartbeat": 1, "name": "n", "tenant": "t", "id": "0" * 32}
            if target.endswith("/identity"):
                body = {"user_id": "", "tenant": "default_tenant", "databases": []}
            if target.endswith(("/heartbeat", "/api/v2", "/upsert", "/add", "/health/chromadb")):
                self.seen.append(target.rsplit("/", 1)[1])
                answer = self.answers.pop(0) if self.answers else 200
                if answer is None:
                    return
                status, body = answer, body if answer == 200 else {"error": "ChromaError",
                                                                  "message": f"says {answer}"}
            text = json.dumps(body).encode()
            mode = f"pannier-mode: {self.mode}\r\n" if self.mode else ""
            connection.sendall(f"HTTP/1.1 {status} x\r\n{mode}content-length: {len(text)}\r\n"
                               f"retry-after: 0\r\n\r\n".encode() + text)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def script(tmp_path):
    made = []

    def make(answers, mode=None):
        made.append(Script(str(tmp_path / f"{len(made)}.sock"), answers, mode))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("answers, tries", [
    ([429, 429, 200], 3), ([503, 200], 2), ([504, 200], 2), ([None, 200], 2), ([200], 1)])
def test_reads_pass_what_goes_by(script, answers, tries):
    server = script(answers)
    with pannier.connect(server.path, retry=QUICK) as client:
        assert client.heartbeat() == 1
    assert len(server.seen) == tries


@pytest.mark.parametrize("answer, kind", [
    (429, errors.BusyError), (503, errors.UnavailableError), (504, errors.DeadlineError),
    (507, errors.StorageFullError), (None, errors.ConnectError)])
def test_what_does_not_go_by_is_an_error_with_a_type_and_a_hint(script, answer, kind):
    server = script([answer] * 10)
    with pannier.connect(server.path, retry=QUICK) as client:
        with pytest.raises(kind) as caught:
            client.heartbeat()
    assert caught.value.hint
    assert len(server.seen) == (1 if answer == 507 else 3)
    if answer is not None:
        assert caught.value.status == answer and f"says {answer}" in caught.value.what


def test_without_retry_all_is_left_to_the_caller(script):
    server = script([429, 200])
    with pannier.connect(server.path) as client:
        with pytest.raises(errors.BusyError):
            client.heartbeat()
        assert client.heartbeat() == 1


async def test_the_asynchronous_client_retries_too(script):
    server = script([503, None, 200, 507])
    async with pannier.connect_async(server.path, retry=QUICK) as client:
        assert await client.heartbeat() == 1
        assert server.answers == [507]
        with pytest.raises(errors.StorageFullError):
            await client.heartbeat()
    assert len(server.seen) == 4


def test_an_add_that_may_have_been_done_is_not_sent_again():
    lost = errors.ConnectError("lost", sent=True)
    never_sent = errors.ConnectError("away", sent=False)
    for error, path, again in [
            (lost, "/c/add", False), (lost, "/c/upsert", True), (lost, "/c/query", True),
            (never_sent, "/c/add", True), (errors.BusyError("full"), "/c/add", True),
            (errors.UnavailableError("x"), "/c/add", False),
            (errors.UnavailableError("x"), "/c/get", True),
            (errors.StorageFullError("x"), "/c/upsert", False), (ValueError("x"), "/c/get", False)]:
        assert (pause_before_retry(QUICK, 1, error, "post", path, None) is not None) == again, path
    assert pause_before_retry(QUICK, 3, never_sent, "get", "/x", None) is None


def test_what_may_be_done_twice():
    assert is_repeatable("GET", "/anything", None)
    assert is_repeatable("post", "/t/databases/d/collections", {"get_or_create": True})
    assert not is_repeatable("post", "/t/databases/d/collections", {"get_or_create": False})
    assert not is_repeatable("post", "/c/delete", {})
    assert not is_repeatable("delete", "/c", None)


def test_pauses_double_and_vary_and_have_a_limit():
    retry = Retry(attempts=9, first_seconds=1, longest_seconds=4)
    for attempt, longest in [(1, 1), (2, 2), (3, 4), (4, 4)]:
        pauses = {retry.pause(attempt) for _ in range(50)}
        assert len(pauses) > 1 and longest / 2 <= min(pauses) and max(pauses) <= longest
    assert retry.pause(1, least_seconds=3) == 3
    busy = errors.BusyError("full", retry_after=2)
    assert pause_before_retry(retry, 1, busy, "get", "/x", None) == 2
    with pytest.raises(errors.ConfigurationError):
        Retry(attempts=0)


def test_a_mode_is_a_warning_once(script):
    server = script([503, 503], mode="read-only")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pannier.connect(server.path) as client:
            with pytest.raises(errors.ReadOnlyError, match="can be read"):
                client.heartbeat()
            with pytest.raises(errors.ReadOnlyError):
                client.heartbeat()
    degraded = [w for w in told if w.category is errors.DegradedModeWarning]
    assert {str(w.message).split(" is in ")[1] for w in degraded} == {
        "read-only mode; pannierctl status says why"}
    assert len(degraded) <= 2  # the client's, and that of the client inside that looks at databases


def test_answers_of_other_servers_do_no_harm():
    def answer(status, text="", **headers):
        return httpx.Response(status, text=text, headers=headers)

    watch = AnswerWatch("x")
    watch.see(answer(404))
    with pytest.raises(errors.UnavailableError, match="a proxy says no") as caught:
        watch.see(answer(503, "a proxy says no", **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}))
    assert caught.value.retry_after == 0
    with pytest.raises(errors.BusyError, match="HTTP status 429") as caught:
        watch.see(answer(429, **{"retry-after": "99999"}))
    assert caught.value.retry_after == 3600


@pytest.mark.parametrize("status, mode", [(500, "unknown"), (503, "normal")])
def test_a_health_page_that_is_not_well_is_told(script, status, mode):
    server = script([200])
    with pannier.connect(server.path) as client:
        server.answers = [status]
        health = client.health()
        assert not health and health.mode == mode


def test_a_server_without_a_health_page_is_asked_for_its_heart(script):
    server = script([])
    with pannier.connect(server.path) as client:
        server.answers = [404, 200]
        assert client.health()
    assert server.seen == ["chromadb", "heartbeat"]
