"""Starts and stops the servers under test: Chroma's own server and pannierd.

Every server gets a data directory of its own, which is removed with it, and listens where no other
does: TCP ports come from bind(0), sockets lie in the server's own directory. A server dies with the
program that started it, even when that one is killed.

    with start("pannierd", "socket") as server:
        server.request("GET", "/api/v2/heartbeat")

Used by the suites in tests/chroma, tests/clients and clients/python/tests.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
START_SECONDS = 60
STOP_SECONDS = 10

_libc = ctypes.CDLL(None, use_errno=True)


class LaunchError(RuntimeError):
    """A server did not come up; the text says why and ends with its log's last lines."""


def venv() -> Path:
    """The virtual environment that scripts/deps.sh makes."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("PANNIER_VENV") or Path(cache) / "pannier" / "venv")


def use_venv() -> None:
    """Runs the calling script again under the environment's Python, unless it already does."""
    python = venv() / "bin" / "python"
    if Path(sys.prefix).resolve() == venv().resolve():
        return
    if not python.exists():
        sys.exit(f"error: no Python environment at {venv()}\ntry: scripts/deps.sh")
    os.execv(str(python), [str(python), *sys.argv])


def default_binary() -> Path:
    return Path(os.environ.get("PANNIERD") or ROOT / "build" / "bin" / "pannierd")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class SocketConnection(http.client.HTTPConnection):
    """http.client over a Unix socket."""

    def __init__(self, path: str, timeout: float | None = None):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass
class Server:
    """A running server. Exactly one of `socket_path` and `port` is how clients reach it."""

    kind: str
    home: Path
    command: list[str]
    host: str = "127.0.0.1"
    port: int | None = None
    socket_path: str | None = None
    metrics_port: int | None = None
    environment: dict = field(default_factory=dict)
    process: subprocess.Popen | None = None
    keep: bool = False

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def transport(self) -> str:
        return "socket" if self.socket_path else "tcp"

    def connection(self, timeout: float | None = 60) -> http.client.HTTPConnection:
        if self.socket_path:
            return SocketConnection(self.socket_path, timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method: str, path: str, body=None, headers=None):
        """One request on a connection of its own: (status, body bytes)."""
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def start(self) -> "Server":
        environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False", **self.environment}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home,
                env=environment, start_new_session=True, preexec_fn=die_with_parent)
        self._await_ready()
        return self

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise LaunchError(f"{self.kind} ended with {self.process.returncode}: {self.tail()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/api/v2/heartbeat")[0] == 200:
                    return
            time.sleep(0.02)
        self.kill()
        raise LaunchError(f"{self.kind} did not answer in {START_SECONDS} s: {self.tail()}")

    def tail(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(nothing in its log)"

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the server and what it started; the data stays for the next start()."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL after a while. Returns the exit code; negative: the signal."""
        if self.process is None:
            return None
        if self.alive():
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        code = self.process.poll()
        self.kill()
        return code

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_exc) -> None:
        self.stop()
        if not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)


def _chroma(home: Path, transport: str, options: dict) -> Server:
    port = free_port()
    config = home / "config.yaml"
    config.write_text(f'port: {port}\nlisten_address: "127.0.0.1"\npersist_path: "{home}/data"\n'
                      "allow_reset: true\n")
    command = [str(venv() / "bin" / "chroma"), "run", str(config)]
    if transport == "tcp":
        return Server("chroma", home, command, port=port)
    path = str(home / "chroma.sock")        # it knows no sockets of this kind: a relay in front
    relay = [sys.executable, str(Path(__file__).with_name("relay.py")), path, str(port), *command]
    return Server("chroma", home, relay, socket_path=path)


def _pannierd(home: Path, transport: str, options: dict) -> Server:
    binary = Path(options.get("binary") or default_binary())
    if not binary.exists():
        raise LaunchError(f"no daemon at {binary}; try: make build")
    path = str(home / "pannier.sock")
    command = [str(binary), "--data", str(home / "data"), "--socket", path,
               "--admin-socket", str(home / "admin.sock"), "--allow-reset"]
    server = Server("pannierd", home, command, environment=options.get("environment") or {})
    if options.get("metrics"):
        server.metrics_port = free_port()
        command += ["--metrics", f"127.0.0.1:{server.metrics_port}"]
    if transport == "tcp":
        server.port = free_port()
        command += ["--tcp", f"127.0.0.1:{server.port}"]
    else:
        server.socket_path = path
    command += options.get("arguments") or []
    return server


def prepare(kind: str, transport: str, **options) -> Server:
    """A server that is not started yet. Options: binary, arguments, metrics, environment."""
    home = Path(tempfile.mkdtemp(prefix=f"pannier-{kind}-"))
    try:
        return {"chroma": _chroma, "pannierd": _pannierd}[kind](home, transport, options)
    except LaunchError:
        shutil.rmtree(home)
        raise


def start(kind: str, transport: str, **options) -> Server:
    """Starts a server and returns when it answers; a port taken meanwhile is chosen anew."""
    while True:
        server = prepare(kind, transport, **options)
        try:
            return server.start()
        except LaunchError as error:
            server.__exit__()
            if "in use" not in str(error):
                raise
