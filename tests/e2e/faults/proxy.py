"""Stands between one HTTP/1.1 client and one server, passes calls on one by one, keeps a journal of them, and
spoils those that a test names. Ends TLS on both sides where it is given contexts, so that it can answer for
the server, and lose or change what the server says. Connections, calls and answers have bounds; watches
("watch=true") are passed on line by line as they come.
"""

import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

BODY_MAX = 64 << 20
CONNECT_SECONDS = 10


class Broken(Exception):
    """This connection is over."""


@dataclass
class Call:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float = field(default_factory=time.time)
    status: int | None = None  # of the server, or of the fault that answered for it
    answer: bytes = b""  # of a call that changes something
    spoiled: str = ""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def path(self) -> str:
        return self.target.split("?")[0]

    @property
    def is_watch(self) -> bool:
        return "watch=true" in self.target

    @property
    def is_list(self) -> bool:
        return "limit=" in self.target and not self.is_watch

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def __str__(self) -> str:
        return f"{self.method} {self.target} -> {self.status}{' ' + self.spoiled if self.spoiled else ''}"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {'OK' if self.status < 300 else 'Spoiled'}"]
        return ("\r\n".join(lines + [f"{key}: {value}" for key, value in self.headers]) + "\r\n\r\n").encode("latin-1")


def read_head(stream) -> tuple[str, list[tuple[str, str]]]:
    first = stream.readline(65536)
    if not first.endswith(b"\n"):
        raise Broken
    headers = []
    while (line := stream.readline(65536)) not in (b"\r\n", b"\n"):
        if not line.endswith(b"\n") or len(headers) > 200:
            raise Broken
        key, _, value = line.decode("latin-1").partition(":")
        headers.append((key.strip(), value.strip()))
    return first.decode("latin-1").strip(), headers


def value_of(headers: list[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def without(headers: list[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    return [(key, value) for key, value in headers if key.lower() not in names]


def read_exactly(stream, size: int) -> bytes:
    data = stream.read(size) if size <= BODY_MAX else b""
    if len(data) != size:
        raise Broken
    return data


def chunks(stream):
    while size := int(stream.readline(1024).split(b";")[0] or b"0", 16):
        yield read_exactly(stream, size)
        stream.readline(16)
    stream.readline(1024)


def read_body(stream, headers: list[tuple[str, str]]) -> bytes:
    if value_of(headers, "transfer-encoding").lower() == "chunked":
        return b"".join(chunks(stream))
    return read_exactly(stream, int(value_of(headers, "content-length") or 0))


class Exchange:
    """One call on one connection. A fault gets it in place of the usual way, `pass_on`."""

    def __init__(self, proxy: "Proxy", client: socket.socket, stream, call: Call):
        self.proxy, self.client, self.stream, self.call = proxy, client, stream, call

    def ask(self) -> tuple[str, list[tuple[str, str]], object]:
        """Has the server carry it out. Its status line, its headers, the stream of its body."""
        upstream = self.proxy.dial()
        self.upstream = upstream
        call = self.call
        kept = without(call.headers, "connection", "expect", "accept-encoding", "content-length", "transfer-encoding")
        if call.changes or call.body:
            kept.append(("Content-Length", str(len(call.body))))
        lines = [f"{call.method} {call.target} HTTP/1.1"] + [f"{key}: {value}" for key, value in kept]
        self.proxy.gate.wait()
        upstream.sendall(("\r\n".join(lines + ["Connection: close"]) + "\r\n\r\n").encode("latin-1") + call.body)
        stream = upstream.makefile("rb")
        first, headers = read_head(stream)
        while first.split()[1] == "100":
            first, headers = read_head(stream)
        call.status = int(first.split()[1])
        return first, headers, stream

    def fetch(self) -> Answer:
        """The server's whole answer; the client has none of it yet."""
        _, headers, stream = self.ask()
        bodiless = self.call.method == "HEAD" or self.call.status in (204, 304)
        body = b"" if bodiless else read_body(stream, headers)
        if self.call.changes:
            self.call.answer = body
        kept = without(headers, "connection", "transfer-encoding", *(() if bodiless else ("content-length",)))
        return Answer(self.call.status, kept + ([] if bodiless else [("Content-Length", str(len(body)))]), body)

    def send(self, answer: Answer, upto: int | None = None):
        self.proxy.gate.wait()
        self.client.sendall(answer.head() + answer.body[:upto])

    def pass_on(self):
        if self.call.is_watch:
            return self.pass_watch()
        answer = self.fetch()
        for look in self.proxy.after:
            look(self.call)
        return self.send(answer)

    def open_watch(self):
        """The client has its head now. The pieces of the server's answer."""
        first, headers, stream = self.ask()
        head = [first] + [f"{key}: {value}" for key, value in without(headers, "connection")]
        self.client.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if self.call.status != 200:
            self.client.sendall(stream.read())
            raise Broken
        return chunks(stream)

    def say(self, piece: bytes):
        self.proxy.gate.wait()
        self.client.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def pass_watch(self):
        for piece in self.open_watch():
            self.say(piece)
        self.end_watch()

    def end_watch(self):
        self.client.sendall(b"0\r\n\r\n")
        raise Broken

    def answer(self, status: int, body: bytes = b"", *headers: tuple[str, str]):
        self.call.status = status
        self.send(Answer(status, [*headers, ("Content-Length", str(len(body)))], body))

    def reset(self):
        """The other side finds the connection reset, not closed."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Broken


@dataclass
class Rule:
    name: str
    fault: Callable[[Exchange], None]
    match: Callable[[Call], bool]
    skip: int  # of the calls that match, before the first that is spoiled
    count: int
    hit: int = 0


class Proxy:
    """Threads: any; one for each connection. `upstream` outlives it, or may go and come."""

    def __init__(self, upstream: tuple[str, int], server: ssl.SSLContext | None = None,
                 client: ssl.SSLContext | None = None, upstream_name: str | None = None):
        self.upstream, self.server, self.context, self.upstream_name = upstream, server, client, upstream_name
        self.lock = threading.Lock()
        self.rules: list[Rule] = []
        self.journal: list[Call] = []
        self.before: list[Callable[[Call], None]] = []
        self.after: list[Callable[[Call], None]] = []
        self.sockets: set[socket.socket] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.refuses = self.closed = False
        self.dialled = 0  # connections that clients made, refused ones too
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    # --- what tests say ---

    def spoil(self, name: str, fault: Callable[[Exchange], None], match: Callable[[Call], bool] = lambda call: True,
              count: int = 1, skip: int = 0) -> Rule:
        rule = Rule(name, fault, match, skip, count)
        with self.lock:
            self.rules.append(rule)
        return rule

    def refuse(self):
        """A partition, or a server that is down: what is open is reset, what comes is refused."""
        self.refuses = True
        self.drop()

    def freeze(self):
        """Nothing is refused, nothing is answered."""
        self.gate.clear()

    def heal(self):
        with self.lock:
            self.rules.clear()
        self.refuses = False
        self.gate.set()

    def drop(self):
        with self.lock:
            doomed = list(self.sockets)
        for each in doomed:
            try:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def calls(self, match: Callable[[Call], bool] = lambda call: True) -> list[Call]:
        with self.lock:
            return [each for each in self.journal if match(each)]

    def close(self):
        self.closed = True
        self.heal()
        self.listener.close()
        self.drop()

    # --- its work ---

    def dial(self) -> socket.socket:
        made = socket.create_connection(self.upstream, CONNECT_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(None)
        if self.context is not None:
            made = self.context.wrap_socket(made, server_hostname=self.upstream_name or self.upstream[0])
        with self.lock:
            self.sockets.add(made)
        return made

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
                self.dialled += 1
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket):
        try:
            if self.refuses:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            self.gate.wait()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets.add(client)
            if self.server is not None:
                plain, client = client, self.server.wrap_socket(client, server_side=True)
                with self.lock:
                    self.sockets.discard(plain)
                    self.sockets.add(client)
            stream = client.makefile("rb")
            while self.one(client, stream):
                pass
        except (Broken, OSError, ValueError, IndexError):
            pass
        finally:
            self.forget(client)

    def forget(self, one: socket.socket):
        with self.lock:
            self.sockets.discard(one)
        one.close()

    def one(self, client: socket.socket, stream) -> bool:
        first, headers = read_head(stream)
        method, target, _ = first.split(" ", 2)
        if value_of(headers, "expect").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        call = Call(method, target, headers, read_body(stream, headers))
        exchange = Exchange(self, client, stream, call)
        self.gate.wait()
        for look in self.before:
            look(call)
        rule = self.rule_for(call)
        try:
            if rule is None:
                exchange.pass_on()
            else:
                rule.fault(exchange)
        finally:
            if hasattr(exchange, "upstream"):
                self.forget(exchange.upstream)
        return value_of(headers, "connection").lower() != "close"

    def rule_for(self, call: Call) -> Rule | None:
        with self.lock:
            self.journal.append(call)
            for rule in self.rules:
                if rule.hit < rule.skip + rule.count and rule.match(call):
                    rule.hit += 1
                    if rule.hit > rule.skip:
                        call.spoiled = rule.name
                        return rule
        return None
