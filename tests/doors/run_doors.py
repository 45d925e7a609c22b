#!/usr/bin/env python3
"""Goal: who may come in gets in, others get nothing; what the daemon is trusted with stays out of its
log, its answers, its metrics and its core dumps; and it runs as the shipped unit and profile confine it.

Method: one real daemon with every door (socket with a list, TLS with tokens, admin with mutual TLS),
seen from outside; then others of their own where a start is the question.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[0] / "chroma"), str(HERE.parents[0] / "support")]
import closing_line  # noqa: E402
import launcher  # noqa: E402
from confined import confine_or_die  # noqa: E402
from keys import Authority  # noqa: E402

ROOT = HERE.parents[1]
UNIT, PROFILE = ROOT / "images/systemd/pannierd.service", ROOT / "images/seccomp/pannierd.json"
OTHER_USER = 65534
SECRETS = {"alice": "token-of-alice-8d1f", "basic": "bob:password-of-bob-77", "root": "token-of-root-c0ffee",
           "s3": "secret-key-of-the-bucket-5Aq", "unknown": "guessed-token-0000"}
ACME = "/api/v2/tenants/acme/databases"


def digest(token: str) -> str:
    import hashlib
    return hashlib.sha256(token.encode()).hexdigest()


class Doors:
    """The daemon, its certificates and its tokens."""

    def __init__(self):
        self.port, self.admin_port, self.metrics_port = (launcher.free_port() for _ in range(3))
        self.server = launcher.prepare("pannierd", "socket")
        self.home = self.server.home
        self.authority = Authority(self.home, "authority")
        self.authority.issue("server", "localhost")
        self.authority.issue("operator", "pannier-operator")
        Authority(self.home, "others").issue("impostor", "pannier-operator")
        self.write_tokens("alice", "basic", "root")
        (self.home / "key-id").write_text("KEYID")
        (self.home / "key").write_text(SECRETS["s3"])
        config = self.home / "pannierd.yaml"
        config.write_text(self.config())
        self.server.command += ["--config", str(config)]
        self.home.chmod(0o711)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        self.server.start()

    def config(self) -> str:
        tls = f"certFile: {self.home}/server.pem, keyFile: {self.home}/server.key"
        return f"""
listen:
  socket: {{mode: "0666", allowUsers: ["{OTHER_USER - 1}"]}}
  admin: {{address: "127.0.0.1:{self.admin_port}", allowedNames: [pannier-operator],
          tls: {{{tls}, clientCAFile: {self.home}/authority.pem}}}}
  tcp: {{address: "127.0.0.1:{self.port}", tokenFile: {self.home}/tokens, tls: {{{tls}}}}}
  metrics: {{address: "127.0.0.1:{self.metrics_port}"}}
repositories:
- name: away
  s3: {{bucket: b, endpoint: "http://127.0.0.1:9", accessKeyFile: {self.home}/key-id, secretKeyFile: {self.home}/key}}
"""

    def write_tokens(self, *names: str) -> None:
        places = {"alice": "write acme/* alice", "basic": "read acme/* bob", "root": "admin */* root"}
        lines = [f"{digest(SECRETS[name])} {places[name]}\n" for name in names]
        beside = self.home / "tokens.new"
        beside.write_text("".join(lines))
        beside.rename(self.home / "tokens")

    def ask(self, method: str, path: str, token: str | None = None, body: dict | None = None,
            headers: dict | None = None) -> tuple[int, dict | list | str]:
        """Over TLS."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {SECRETS[token]}"
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=20,
                                                 context=self.authority.client())
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text

    def admin(self, method: str, path: str, certificate: str | None, body: dict | None = None) -> int:
        context = self.authority.client()
        if certificate:
            context.load_cert_chain(self.home / f"{certificate}.pem", self.home / f"{certificate}.key")
        connection = http.client.HTTPSConnection("localhost", self.admin_port, timeout=20, context=context)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None)
            return connection.getresponse().status

    def metrics(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def log(self) -> str:
        return self.server.log.read_text(errors="replace")


class DoorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.doors = Doors()
        status, _ = cls.doors.ask("POST", "/api/v2/tenants", "root", {"name": "acme"})
        assert status == 200, status
        assert cls.doors.ask("POST", ACME, "root", {"name": "lab"})[0] == 200

    @classmethod
    def tearDownClass(cls):
        cls.doors.server.__exit__()

    def await_that(self, holds, seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, "it did not come true in time")
            time.sleep(0.05)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_a_process_that_is_not_on_the_list_gets_nothing(self):
        program = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])\n"
                   "try: s.sendall(b'GET /api/v2/heartbeat HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
                   "except BrokenPipeError: pass\n"
                   "try: print(len(s.recv(100)))\n"
                   "except ConnectionResetError: print(0)")

        def bytes_for(user: int) -> str:
            return subprocess.run(["/usr/bin/python3", "-c", program, self.doors.server.socket_path], user=user,
                                  group=user, extra_groups=[], capture_output=True, text=True, cwd="/").stdout.strip()

        self.assertEqual(bytes_for(OTHER_USER), "0")
        self.assertEqual(bytes_for(OTHER_USER - 1), "100")
        self.assertIn("not on the list", self.doors.log())

    def test_tokens_come_and_go_without_a_restart(self):
        pid = self.doors.server.process.pid
        self.assertEqual(self.doors.ask("GET", f"{ACME}/lab", "alice")[0], 200)
        self.doors.write_tokens("basic", "root")
        self.await_that(lambda: self.doors.ask("GET", f"{ACME}/lab", "alice")[0] == 401)
        self.doors.write_tokens("alice", "basic", "root")
        self.await_that(lambda: self.doors.ask("GET", f"{ACME}/lab", "alice")[0] == 200)
        self.assertEqual(self.doors.server.process.pid, pid)

    def test_every_form_of_a_token_is_taken(self):
        basic = base64.b64encode(SECRETS["basic"].encode()).decode()
        for headers, status in [({"Authorization": f"Basic {basic}"}, 200), ({"x-chroma-token": SECRETS["alice"]}, 200),
                                ({"Authorization": f"Bearer {SECRETS['unknown']}"}, 401), ({}, 401)]:
            self.assertEqual(self.doors.ask("GET", f"{ACME}/lab", headers=headers)[0], status, headers)
        self.assertEqual(self.doors.ask("POST", f"{ACME}/lab/collections", None, {"name": "new"},
                                        {"Authorization": f"Basic {basic}"})[0], 403)

    def test_who_one_is_is_told(self):
        self.assertEqual(self.doors.ask("GET", "/api/v2/auth/identity", "alice"),
                         (200, {"user_id": "alice", "tenant": "acme", "databases": ["*"]}))
        self.assertEqual(self.doors.ask("GET", "/api/v2/auth/identity", "unknown")[0], 401)

    def test_tls_is_1_2_or_newer(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertTrue(self.shake_hands(version))
        self.assertFalse(self.shake_hands(ssl.TLSVersion.TLSv1_1))

    def shake_hands(self, version) -> bytes | None:
        """The certificate that is shown; nothing when there is no agreement."""
        context = ssl.create_default_context(cafile=str(self.doors.home / "authority.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.minimum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", self.doors.port), 10) as plain:
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                with context.wrap_socket(plain, server_hostname="localhost") as tls:
                    return tls.getpeercert(True)
        return None

    def test_a_new_certificate_is_shown_without_a_restart(self):
        before = self.shake_hands(ssl.TLSVersion.TLSv1_3)
        self.doors.authority.issue("server", "localhost")
        self.await_that(lambda: self.shake_hands(ssl.TLSVersion.TLSv1_3) not in (None, before))

    def test_the_admin_door_opens_to_the_right_certificate_alone(self):
        self.assertEqual(self.doors.admin("GET", "/admin/v1/status", "operator"), 200)
        self.assertEqual(self.doors.admin("GET", "/admin/v1/status", "server"), 403)     # its name is another
        for certificate in ("impostor", None):
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                self.doors.admin("GET", "/admin/v1/status", certificate)

    def test_admin_calls_and_refusals_are_told(self):
        self.doors.admin("PUT", "/admin/v1/mode", "operator", {"mode": "normal"})
        self.assertRegex(self.doors.log(), r'msg="admin call[^"]*" who=pannier-operator call="PUT /admin/v1/mode"')
        self.doors.ask("POST", ACME, "root", {"name": "audited"})
        self.assertRegex(self.doors.log(), rf'msg="admin call" who=127\.0\.0\.1:\d+ user=root call="POST {ACME}"')

        def refused_and_told() -> bool:     # the first of each second
            self.doors.ask("DELETE", f"{ACME}/audited", "alice")
            return 'msg="request refused"' in self.doors.log() and f'user=alice call="DELETE {ACME}/audited"' in self.doors.log()

        self.await_that(refused_and_told)

    def test_secrets_are_nowhere(self):
        uid = "0b9c6f0e-5d3a-4a63-9b1b-4f6a52f5b001"
        self.doors.ask("GET", f"{ACME}/lab", "unknown")
        self.doors.admin("PUT", f"/admin/v1/operations/{uid}", "operator",
                         {"action": "snapshot", "store": "acme/lab", "repository": "away"})
        connection = launcher.SocketConnection(str(self.doors.home / "admin.sock"), 20)
        answers = ""

        def ended() -> bool:
            nonlocal answers
            connection.request("GET", f"/admin/v1/operations/{uid}")
            answers = connection.getresponse().read().decode()
            return "Failed" in answers or "retry" in answers.lower() or "refused" in answers.lower()

        self.await_that(ended, 20)
        for path in ("/admin/v1/repositories", "/admin/v1/events", "/admin/v1/status"):
            connection.request("GET", path)
            answers += connection.getresponse().read().decode()
        everything = self.doors.log() + self.doors.metrics() + answers
        for name, secret in SECRETS.items():
            self.assertNotIn(secret, everything, name)
            self.assertNotIn(digest(secret), everything, name)

    def test_a_crash_leaves_no_core(self):
        pid = Path(f"/proc/{self.doors.server.process.pid}")
        limits = (pid / "limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0")
        self.assertEqual(int((pid / "coredump_filter").read_text(), 16), 0)
        with launcher.start("pannierd", "socket") as victim:
            victim.process.send_signal(signal.SIGSEGV)
            self.assertEqual(victim.process.wait(20), -signal.SIGSEGV)
            self.assertEqual(list(victim.home.glob("core*")), [])


class StartTest(unittest.TestCase):
    def test_no_address_beyond_loopback_without_token_and_tls(self):
        home = Path(launcher.tempfile.mkdtemp(prefix="pannier-doors-"))
        try:
            flags = ["--data", f"{home}/data", "--socket", f"{home}/s", "--tcp", "0.0.0.0:0", "--check-config"]
            done = subprocess.run([launcher.default_binary(), *flags], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("insecureAllowRemote", done.stderr)
            forced = [*flags, "--set", "listen.tcp.insecureAllowRemote=true"]
            self.assertEqual(subprocess.run([launcher.default_binary(), *forced], capture_output=True).returncode, 0)
        finally:
            shutil.rmtree(home)

    def test_the_seccomp_profile_lets_a_daemon_do_all_its_work(self):
        """What the profile lacks ends the process here, where a container would answer EPERM."""
        names = [name for group in json.loads(PROFILE.read_text())["syscalls"] for name in group["names"]]
        sys.path.insert(0, str(ROOT / "tests/recovery"))
        from sidecar import Sidecar
        backup = Path(launcher.tempfile.mkdtemp(prefix="pannier-backup-"))
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, backup)
            sidecar = Sidecar(backup, "index: {graphThreshold: 100}\n")
            before = launcher.die_with_parent
            launcher.die_with_parent = lambda: (before(), confine_or_die(names))
            stack.callback(setattr, launcher, "die_with_parent", before)
            stack.enter_context(sidecar)
            self.do_everything(sidecar)
            self.assertEqual(sidecar.server.stop(), 0)

    def do_everything(self, sidecar) -> None:
        store = "default_tenant/work"
        sidecar.create_database(store)
        path = sidecar.collection(store, "docs")
        ids = [f"r{n}" for n in range(400)]
        sidecar.chroma("POST", f"{path}/upsert", {"ids": ids, "documents": [f"words of {n}" for n in ids],
                                                  "embeddings": [[n / 7, n % 5, 1.0] for n in range(400)]})
        sidecar.chroma("POST", f"{path}/query", {"query_embeddings": [[1, 2, 3]], "where_document": {"$contains": "r7"}})
        sidecar.operate("repositoryInit", repository="local")
        taken = sidecar.operate("snapshot", store=store, repository="local", verification="Deep")
        sidecar.operate("restore", store=store, repository="local", snapshot=taken["uid"])
        for action in ("verify", "compact", "rebuildIndex", "salvage"):
            sidecar.operate(action, store=store)
        sidecar.operate("sweep", mode="Report", graceSeconds=0)
        sidecar.pannierctl("store", "export", "--store", store, "--file", f"{sidecar.server.home}/out.jsonl", "--wait")
        self.assertEqual(len(sidecar.content(store)["docs"]), 400)

    def test_who_connects_while_the_daemon_starts_again_waits_at_systemd_s_socket(self):
        with contextlib.ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pannier-doors-")))
            path = str(home / "s")
            kept = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            kept.bind(path)
            kept.listen()

            def activated() -> subprocess.Popen:
                # A shell knows the number of the process that it becomes, which systemd tells its services.
                handed = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{kept.fileno()}'
                daemon = subprocess.Popen(
                    ["/bin/sh", "-c", handed, "sh", launcher.default_binary(), "--data", home / "data", "--socket", path,
                     "--admin-socket", home / "a"],
                    pass_fds=[kept.fileno()], stderr=subprocess.DEVNULL, preexec_fn=launcher.die_with_parent)
                stack.callback(daemon.wait)
                stack.callback(daemon.kill)
                return daemon

            for end in (signal.SIGKILL, signal.SIGTERM):
                waiting = launcher.SocketConnection(path, timeout=20)
                waiting.request("GET", "/api/v2/heartbeat")      # nobody serves
                daemon = activated()
                self.assertEqual(waiting.getresponse().status, 200)
                waiting.close()
                daemon.send_signal(end)
                self.assertEqual(daemon.wait(20), -end if end == signal.SIGKILL else 0)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_the_unit_is_sound_and_confines(self):
        units = [UNIT, UNIT.with_suffix(".socket")]
        found = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True).stderr
        wrong = [line for line in found.splitlines()
                 if "is not executable" not in line and any(unit.name in line for unit in units)]
        self.assertEqual(wrong, [])
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-600:])


if __name__ == "__main__":
    launcher.use_venv()
    closing_line.run("doors")
