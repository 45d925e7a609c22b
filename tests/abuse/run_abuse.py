#!/usr/bin/env python3
"""Everything hostile on every listener of real daemons, beside well-behaved clients.

Goal: no crash; a well-behaved client never waits longer than a second; memory stays in bounds.
Method: two daemons with all kinds of listeners (Unix socket, TLS with tokens, admin socket, admin by
mutual TLS, metrics; and plain TCP); the attacks of attacks.py on each, several at a time; a client in a
process of its own on each data listener (modest.py); memory read from /proc.

    tests/abuse/run_abuse.py [--seconds 20] [--connections 1500] [--seed 7]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import random
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[0] / "chroma"), str(HERE.parents[0] / "doors")]
import attacks  # noqa: E402
import launcher  # noqa: E402
from attacks import Held, Target  # noqa: E402
from keys import Authority  # noqa: E402

TOKEN = "token-of-the-abuse-suite"
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
MIB = 1 << 20
WAIT_MAX = 1.0
RSS_MAX = 320 * MIB         # 64 of caches, 64 of requests, and what parsing and 12,000 connections take
LIMITS = f"""
memory: {{budget: 64MiB}}
limits: {{bufferedBytes: 64MiB, bodyBytes: 16MiB, connections: 12000, requestTimeout: {attacks.REQUEST_SECONDS}s,
         writeTimeout: 5s, deadline: 10s}}
"""


class Daemons:
    """`guarded` has every door, `plain` loopback TCP without any."""

    def __init__(self):
        self.guarded = launcher.prepare("pannierd", "socket")
        self.plain = launcher.prepare("pannierd", "tcp")
        home = self.guarded.home
        self.authority = Authority(home, "authority")
        for name in ("server", "operator"):
            self.authority.issue(name, "localhost")
        (home / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} admin */* tester\n")
        self.tls_port, self.admin_port, self.metrics_port = (launcher.free_port() for _ in range(3))
        tls = f"certFile: {home}/server.pem, keyFile: {home}/server.key"
        self.configure(self.guarded, f"""
listen:
  tcp: {{address: "localhost:{self.tls_port}", tokenFile: {home}/tokens, tls: {{{tls}}}}}
  admin: {{address: "localhost:{self.admin_port}", tls: {{{tls}, clientCAFile: {home}/authority.pem}}}}
  metrics: {{address: "127.0.0.1:{self.metrics_port}"}}
""")
        self.configure(self.plain, "")
        for server in self.servers:
            server.start()
        self.collections = {server.home: self.fill(server) for server in self.servers}

    @property
    def servers(self) -> list[launcher.Server]:
        return [self.guarded, self.plain]

    def configure(self, server: launcher.Server, listeners: str) -> None:
        path = server.home / "pannierd.yaml"
        path.write_text(listeners + LIMITS)
        server.command += ["--config", str(path)]

    def fill(self, server: launcher.Server) -> str:
        """A collection with documents that patterns have to work for; its path."""
        def post(path: str, body: dict) -> dict:
            status, text = server.request("POST", path, json.dumps(body),
                                          {"Content-Type": "application/json", "x-chroma-token": TOKEN})
            assert status in (200, 201), (status, text)
            return json.loads(text)

        path = f"{DATABASE}/collections/" + post(f"{DATABASE}/collections", {"name": "abused"})["id"]
        post(f"{path}/add", {"ids": [f"r{n}" for n in range(300)], "embeddings": [[n % 9, 1.0] for n in range(300)],
                             "documents": ["a" * 2_000 + str(n) for n in range(300)]})
        return path

    def over_unix(self, path: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(attacks.PATIENCE)
        connection.connect(path)
        return connection

    def over_tcp(self, port: int) -> socket.socket:
        return socket.create_connection(("localhost", port), attacks.PATIENCE)

    def over_tls(self, port: int, certificate: str | None = None) -> ssl.SSLSocket:
        context = self.authority.client()
        if certificate:
            context.load_cert_chain(self.guarded.home / f"{certificate}.pem", self.guarded.home / f"{certificate}.key")
        return context.wrap_socket(self.over_tcp(port), server_hostname="localhost")

    def targets(self) -> list[Target]:
        guarded, plain = self.collections[self.guarded.home], self.collections[self.plain.home]
        token = b"x-chroma-token: " + TOKEN.encode() + b"\r\n"
        unix, tcp, tls = self.over_unix, self.over_tcp, self.over_tls
        return [
            Target("socket", functools.partial(unix, self.guarded.socket_path), guarded, token),
            Target("TLS", functools.partial(tls, self.tls_port), guarded, token),
            Target("TCP", functools.partial(tcp, self.plain.port), plain),
            Target("admin socket", functools.partial(unix, str(self.guarded.home / "admin.sock"))),
            Target("admin TLS", functools.partial(tls, self.admin_port, "operator")),
            Target("metrics", functools.partial(tcp, self.metrics_port)),
            Target("TLS without TLS", functools.partial(tcp, self.tls_port)),
            Target("admin TLS without TLS", functools.partial(tcp, self.admin_port)),
        ]

    def modest_clients(self) -> list[subprocess.Popen]:
        guarded, plain = self.collections[self.guarded.home], self.collections[self.plain.home]
        places = [(f"unix:{self.guarded.socket_path}", guarded), (f"https:localhost:{self.tls_port}", guarded),
                  (f"http:localhost:{self.plain.port}", plain)]
        return [subprocess.Popen([sys.executable, str(HERE / "modest.py"), address,
                                  str(self.guarded.home / "authority.pem"), path, TOKEN],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 start_new_session=True, preexec_fn=launcher.die_with_parent) for address, path in places]

    def close(self) -> None:
        for server in self.servers:
            server.__exit__()


def peak(server: launcher.Server) -> int:
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class Abuse:
    def __init__(self, daemons: Daemons, connections: int, seed: str, is_short: bool):
        self.daemons, self.connections, self.seed, self.is_short = daemons, connections, seed, is_short
        # What costs much, and is the same behind each listener, is tried on one when time is short.
        self.parsed = random.Random(f"abuse/{seed}").choice(["socket", "TLS", "TCP"])
        self.wrong: list[str] = []
        self.done: dict[str, int] = {}
        self.most_connections = 0

    def attacks_on(self, target: Target, source: random.Random) -> list:
        """Names and calls, small first; those of a body only where one is read."""
        framed = [("malformed", attacks.malformed), ("smuggling", attacks.smuggling), ("paths", attacks.paths),
                  ("mutated", lambda t: attacks.mutated(t, source, 15 if self.is_short else 60)), ("pipelining", lambda t: attacks.pipelining(t, 400)),
                  ("hanging up", lambda t: attacks.hanging_up(t, 150)), ("slow", lambda t: attacks.slow(t, 40, 4))]
        if "without" in target.name:
            framed = [one for one in framed if one[0] in ("malformed", "hanging up")]
        if target.post:
            framed.append(("unread answers", lambda t: attacks.unread_answers(t, 20)))
        if target.post and (not self.is_short or target.name == self.parsed):
            framed += [("bodies", attacks.bodies), ("patterns", attacks.patterns)]
        if target.post and target.headers:
            framed.append(("guessing", lambda t: attacks.guessing(t, 300, source)))
        return framed

    def round(self, number: int) -> None:
        """Every attack on every listener, one thread for each listener."""
        def against(target: Target) -> None:
            source = random.Random(f"abuse/{self.seed}/{number}/{target.name}")
            attempts = self.attacks_on(target, source)
            source.shuffle(attempts)
            for name, attack in attempts:
                try:
                    attack(target)
                    self.done[name] = self.done.get(name, 0) + 1
                except Held as held:
                    self.wrong.append(f"{name} on {target.name}: {held}")
                except OSError as error:
                    self.wrong.append(f"{name} on {target.name}: {type(error).__name__} {error}")

        threads = [threading.Thread(target=against, args=(target,)) for target in self.daemons.targets()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def hoard(self) -> None:
        self.most_connections = attacks.hoarding(self.daemons.targets()[0], self.connections)
        attacks.hoarding(self.daemons.targets()[2], min(self.connections, 1_000))

    def judge(self, clients: list[subprocess.Popen]) -> None:
        for client, name in zip(clients, ("socket", "TLS", "TCP")):
            report = json.loads(client.communicate("", timeout=90)[0])
            print(f"  the client on {name}: {report['asked']} requests, longest {report['waits'][-1]:.2f} s")
            if report["waits"][-1] > WAIT_MAX:
                self.wrong.append(f"the client on {name} waited {report['waits']} s")
            if report["refused"]:
                self.wrong.append(f"the client on {name} was refused: {report['refused']}")
        for server in self.daemons.servers:
            if not server.alive():
                self.wrong.append(f"a daemon ended with {server.process.returncode}: {server.tail(5)}")
                continue
            print(f"  {peak(server) / MIB:.0f} MiB at most")
            if peak(server) > RSS_MAX:
                self.wrong.append(f"{peak(server) // MIB} MiB of memory, at most {RSS_MAX // MIB}")
            if server.stop() != 0:
                self.wrong.append("a daemon did not stop in order")


def main() -> int:
    launcher.use_venv()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0, help="go on with rounds until then; 0: a short one")
    parser.add_argument("--connections", type=int, default=1_500, help="idle ones at a time")
    parser.add_argument("--seed", default=str(int(time.time())))
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began, rounds = time.monotonic(), 0
    daemons = Daemons()
    with contextlib.suppress(OSError):      # those who attack leave the processors to daemons and clients
        Path("/proc/self/autogroup").write_text("5")
    abuse = Abuse(daemons, options.connections, options.seed, is_short=options.seconds == 0)
    with contextlib.closing(daemons):
        clients = daemons.modest_clients()
        abuse.hoard()
        while rounds == 0 or time.monotonic() - began < options.seconds and not abuse.wrong:
            abuse.round(rounds)
            rounds += 1
        abuse.judge(clients)
    print(f"  {rounds} rounds of {sum(abuse.done.values()) // rounds} attacks; {abuse.most_connections} idle connections at a time "
          f"(this process may have {hard} files); {time.monotonic() - began:.0f} s")
    for complaint in abuse.wrong[:20]:
        print(f"WRONG: {complaint}")
    print(f"abuse: {0 if abuse.wrong else 1} passed, {1 if abuse.wrong else 0} failed, seed {options.seed}")
    return 1 if abuse.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
