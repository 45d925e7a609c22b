"""pannier.fastapi in a real uvicorn with several workers, and its parts alone."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import launcher
import pytest
from conftest import KIND, ROOT, wait_until
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pannier import StoreManager, errors
from pannier.fastapi import health_router, lifespan

EXAMPLES = ROOT / "clients" / "python" / "examples"


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def is_up(port):
    with contextlib.suppress(OSError):
        return ask(port, "GET", "/health/chromadb")[0] == 200
    return False


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
def test_the_example_serves_with_two_workers_and_leaves_no_daemon(tmp_path, daemons):
    folder, port = tmp_path / "store", launcher.free_port()
    environment = {**os.environ, "CHROMA_MODE": "persistent", "CHROMA_DB_PATH": str(folder),
                   "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "fastapi_example:app", "--workers", "2",
             "--port", str(port)], cwd=EXAMPLES, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_up(port), 60)
        texts = ["Interest rates rose again.", "The cat sleeps on the sofa.", "A dog chased the ball."]
        chunks = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
        assert ask(port, "PUT", "/files/a%20b/chunks", chunks) == (200, 3)
        os.kill(daemons(folder)[0], signal.SIGKILL)
        status, found = ask(port, "GET", "/files/a%20b/search?question=central%20banks")
        assert status == 200 and found[0] == texts[0]
        assert len(daemons(folder)) == 1
        status, page = ask(port, "GET", "/health/chromadb")
        assert status == 200 and page["documents"] == 3
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    wait_until(lambda: not daemons(folder))


def application(make, then=None):
    app = FastAPI(lifespan=lifespan(make, then))
    app.include_router(health_router("/health"))
    return app


def test_the_health_page_says_when_the_daemon_is_away(own_server):
    with TestClient(application(lambda: StoreManager(own_server.socket_path))) as client:
        assert client.get("/health").json()["status"] == "healthy"
        own_server.kill()
        answer = client.get("/health")
        assert answer.status_code == 503
        assert "lost the connection" in answer.json()["reason"]


def test_the_lifespan_of_the_application_runs_within(server):
    steps = []

    @asynccontextmanager
    async def theirs(app):
        steps.append(app.state.pannier.health_check().healthy)
        yield {"mine": 1}
        steps.append(app.state.pannier.health_check().healthy)

    made = []

    def make():
        made.append(StoreManager(server.socket_path))
        return made[0]

    with TestClient(application(make, theirs)):
        pass
    assert steps == [True, True]
    with pytest.raises(errors.ClosedError):
        made[0].get_client("f")


def test_an_application_without_the_lifespan_is_told():
    app = FastAPI()
    app.include_router(health_router())
    with TestClient(app) as client, pytest.raises(errors.ConfigurationError, match="lifespan"):
        client.get("/health/chromadb")
