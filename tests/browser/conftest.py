"""A headless Chromium, and the examples as programs of their own on a private daemon."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import launcher  # noqa: E402

EXAMPLES = ROOT / "clients" / "python" / "examples"
ANSWER_MILLISECONDS = 180_000  # imports take long where much else runs
START_SECONDS = 120


def pytest_addoption(parser):
    parser.addoption("--pictures", default=str(ROOT / "build" / "pictures"), help="where pictures go")


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, tmp_path):
    """Opens an address as another person would: with a browser profile of its own. What it showed last
    is kept beside the log, to look at when a test failed."""
    with contextlib.ExitStack() as opened:
        def open_it(address):
            context = chromium.new_context(viewport={"width": 760, "height": 620})
            opened.callback(context.close)
            context.set_default_timeout(ANSWER_MILLISECONDS)
            page = context.new_page()
            last = tmp_path / f"last-{len(chromium.contexts)}.png"
            opened.callback(lambda: page.screenshot(path=last))
            page.goto(address)
            return page
        yield open_it


@pytest.fixture
def picture(request):
    """Keeps what a page shows, as a person sees it."""
    folder = Path(request.config.getoption("--pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def daemons(folder):
    wanted, found = os.fsencode(f"{os.path.realpath(folder)}/data"), []
    for page in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if wanted in page.read_bytes().split(b"\0"):
                found.append(int(page.parent.name))
    return found


def wait_until(done, what):
    until = time.monotonic() + START_SECONDS
    while not done():
        assert time.monotonic() < until, what()
        time.sleep(0.05)


@contextlib.contextmanager
def running(store, log, *command):
    """An example's program. When it has ended its daemon must end, too."""
    environment = {**os.environ, "CHROMA_MODE": "persistent", "CHROMA_DB_PATH": str(store),
                   "PANNIERD": str(launcher.default_binary()),
                   "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    with open(log, "wb") as out:
        program = subprocess.Popen([sys.executable, "-m", *command], cwd=EXAMPLES, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield program
        program.send_signal(signal.SIGINT)
        program.wait(60)
        wait_until(lambda: not daemons(store), lambda: f"a daemon is left: {daemons(store)}")
    finally:
        program.kill()
        program.wait()


def answers(port):
    with contextlib.suppress(OSError), contextlib.closing(launcher.http.client.HTTPConnection(
            "127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    return False
