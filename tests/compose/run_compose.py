#!/usr/bin/env python3
"""Goal: the services of images/compose/compose.yaml work together: workers behind TLS keep their
documents in the daemon, and lose none when it is killed.

Method: the commands of that file, run by this machine instead of an engine, in a network of their own with
the file's ports, and in a temporary folder instead of its volumes.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parents[0] / "chroma"), str(HERE.parents[0] / "support")]
import closing_line  # noqa: E402
import launcher  # noqa: E402

COMPOSE = ROOT / "images/compose"
WAIT_SECONDS = 60
CLONE_NEWUSER, CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x1000_0000, 0x4000_0000, 0x8914, 1


def enter_own_network() -> None:
    """With nothing but its loopback, as the containers of one network_mode have it."""
    libc = ctypes.CDLL(None, use_errno=True)
    own_user = 0 if os.geteuid() == 0 else CLONE_NEWUSER
    if libc.unshare(CLONE_NEWNET | own_user) != 0:
        raise unittest.SkipTest(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


class Services:
    """The services of the file, as processes in a folder of their own."""

    def __init__(self, stack: contextlib.ExitStack):
        self._stack = stack
        self.home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pannier-compose-")))
        self._here = {"/var/lib/pannier": self.home / "stores", "/run/pannier": self.home / "sockets",
                      "/app": ROOT / "charts/pannier-example/app"}
        for folder in ("stores", "sockets"):
            (self.home / folder).mkdir(mode=0o700)
        self.definitions = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]

    def _as_here(self, text: str) -> str:
        for theirs, ours in self._here.items():
            text = text.replace(theirs, str(ours))
        return text

    def start(self, name: str, program: list[str]) -> subprocess.Popen:
        service = self.definitions[name]
        environment = {key: self._as_here(value) for key, value in service.get("environment", {}).items()}
        environment["PATH"] = f"{launcher.venv() / 'bin'}:{os.environ['PATH']}"   # the image's Python
        with open(self.home / f"{name}.log", "ab") as log:
            process = subprocess.Popen([*program, *map(self._as_here, service.get("command", []))], cwd=self.home,
                                       env={**os.environ, **environment}, stdout=log, stderr=log,
                                       preexec_fn=launcher.die_with_parent)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def start_proxy(self) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out",
                        "tls.crt", "-days", "2", "-subj", "/CN=localhost"], cwd=self.home, check=True,
                       capture_output=True)
        (self.home / "nginx.conf").write_text(self._as_here((COMPOSE / "nginx.conf").read_text()))
        self.start("proxy", ["nginx", "-p", str(self.home), "-c", str(self.home / "nginx.conf"), "-e", "stderr",
                             "-g", "daemon off; pid nginx.pid;"])

    def ask(self, method: str, path: str, body: dict | None = None) -> dict | list:
        context = ssl.create_default_context(cafile=str(self.home / "tls.crt"))
        request = urllib.request.Request(f"https://localhost:8443{path}", method=method,
                                         headers={"Content-Type": "application/json"},
                                         data=json.dumps(body).encode() if body else None)
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS, context=context) as answer:
            return json.load(answer)

    def await_answer(self, method: str, path: str) -> dict | list:
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return self.ask(method, path)
            except (OSError, urllib.error.HTTPError) as error:
                if time.monotonic() > end:
                    logs = "\n".join(each.read_text()[-2000:] for each in self.home.glob("*.log"))
                    raise AssertionError(f"{path}: {error}\n{logs}") from error
                time.sleep(0.05)


class ComposeTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which("nginx"), "there is no nginx: scripts/deps.sh")
    def test_workers_behind_tls_keep_their_documents_when_the_daemon_is_killed(self):
        enter_own_network()
        with contextlib.ExitStack() as stack:
            services = Services(stack)
            daemon = services.start("pannierd", [str(launcher.default_binary())])
            services.start("application", [])
            services.start_proxy()
            services.await_answer("GET", "/health")
            texts = {f"d{n}": f"note {n} about " + ["apples", "rivers", "engines"][n % 3] for n in range(60)}
            with ThreadPoolExecutor(8) as crowd:
                list(crowd.map(lambda item: services.ask("PUT", "/documents", {"id": item[0], "text": item[1]}),
                               texts.items()))
            daemon.kill()
            daemon.wait()
            services.start("pannierd", [str(launcher.default_binary())])
            self.assertEqual(services.await_answer("GET", "/health"), {"documents": len(texts)})
            for name in ("d7", "d31"):
                found = services.ask("GET", "/search?text=" + urllib.parse.quote(texts[name]))
                self.assertEqual(found[0]["id"], name)

    def test_the_daemon_of_the_file_is_confined_and_has_time_to_close(self):
        service = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]["pannierd"]
        profile = [each.split("=")[1] for each in service["security_opt"] if each.startswith("seccomp=")]
        self.assertTrue((COMPOSE / profile[0]).is_file())
        self.assertTrue(service["read_only"])
        self.assertEqual(service["cap_drop"], ["ALL"])
        self.assertEqual(service["stop_grace_period"], "30s")
        context = (COMPOSE / service["build"]["context"]).resolve()
        self.assertTrue((context / service["build"]["dockerfile"]).is_file())


if __name__ == "__main__":
    launcher.use_venv()
    closing_line.run("compose")
