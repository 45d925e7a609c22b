"""What a stranger, or a broken client, may do to a listener. Each attack is a function of a Target; it
raises Held when the daemon did not refuse, or kept the connection longer than its own time-outs allow."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Callable

REQUEST_SECONDS = 3         # limits.requestTimeout of the daemon under test
PATIENCE = 30               # beyond every time-out, on a busy machine
HOST = b"Host: x\r\n"
GET = b"GET /api/v2/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
TLS_ALERT = b"\x15\x03"
GARBAGE = bytes(range(256)) * 8


class Held(AssertionError):
    """A listener did not do what it promises; the text says what."""


@dataclass
class Target:
    """One listener: how to reach it, and where on it a body is read."""

    name: str
    connect: Callable[[], socket.socket]
    post: str = ""              # a path that takes JSON; empty: none
    headers: bytes = b""

    def request(self, body: bytes, verb: str = "query", extra: bytes = b"") -> bytes:
        return (f"POST {self.post}/{verb} HTTP/1.1\r\n".encode() + HOST + self.headers + extra +
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def read_all(connection: socket.socket, seconds: float = PATIENCE) -> bytes:
    """What comes until the other side closes or says no more; empty when it closes at once."""
    connection.settimeout(seconds)
    parts = []
    try:
        while data := connection.recv(65536):
            parts.append(data)
    except (ConnectionError, ssl.SSLError):
        pass
    except TimeoutError as error:
        raise Held(f"open after {seconds} s: {b''.join(parts)[:200]!r}") from error
    return b"".join(parts)


def status_of(answer: bytes) -> int:
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.") and answer[9:12].isdigit() else 0


def say(target: Target, *pieces: bytes) -> bytes:
    """Everything that comes back; what is sent has an end, so that nothing is waited for."""
    with target.connect() as connection:
        connection.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            for piece in pieces:
                connection.sendall(piece)
            if isinstance(connection, ssl.SSLSocket):
                connection.sendall(LAST)        # TLS knows no half-closed connection
            else:
                connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def must_refuse(target: Target, what: str, answer: bytes) -> None:
    status = status_of(answer)
    if answer and not 400 <= status < 600 and not answer.startswith(TLS_ALERT):
        raise Held(f"{what}: answered {answer[:120]!r}")


# --- framing ---

MALFORMED: dict[str, bytes] = {
    "garbage": GARBAGE + b"\r\n\r\n",
    "nothing but line ends": b"\r\n" * 10_000 + b"x\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "a method of 10,000 letters": b"A" * 10_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method with a NUL": b"GE\0T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length : 3\r\n\r\nabc",
    "a folded header": b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
    "a header with a NUL": b"GET / HTTP/1.1\r\n" + HOST + b"A: b\0c\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length of 10^30": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n",
    "a length beyond the limit": b"POST /api/v2/tenants HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "chunks and length": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + GET,
    "chunked twice": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding in disguise": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk of 2^64": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx",
    "a chunk size with a sign": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "a chunk longer than told": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n",
    "a chunk extension without end": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 300_000,
    "trailers without end": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 60_000,
    "a request line of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header of 1 MB": b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 1_000_000 + b"\r\n\r\n",
    "50,000 headers": b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 50_000 + b"\r\n",
    "CONNECT": b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "half a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
PATHS = ["/../../../../etc/passwd", "/api/v2/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v2/tenants/%00",
         "/api/v2/tenants/..%2f..%2f/databases/x", "/api/v2/tenants/%c0%ae%c0%ae/databases/%ff", "//api//v2//",
         "/api/v2/tenants/" + "a" * 8_000, "/api/v2/tenants/%", "/api/v2/tenants/%zz/databases/%u002e", "/\\..\\..\\",
         "/admin/v1/../../api/v2/reset", "/api/v2/tenants/a/databases/..", "/" + "/" * 8_000, "/api/v2/" + "%2f" * 2_500,
         "/api/v2/tenants/CON/databases/$(id)/collections/`id`", "/metrics/../admin/v1/status", "*", "http://elsewhere/api/v2"]


def malformed(target: Target) -> None:
    for what, request in MALFORMED.items():
        must_refuse(target, what, say(target, request))


def smuggling(target: Target) -> None:
    """Of what hides behind an ambiguous length nothing is answered."""
    for what in ("length and chunks", "chunks and length", "two lengths", "a space before the colon"):
        answer = say(target, MALFORMED[what] + GET)
        if answer.count(b"HTTP/1.1 ") > 1:
            raise Held(f"{what}: the hidden request was answered: {answer[:400]!r}")


def paths(target: Target) -> None:
    for path in PATHS:
        answer = say(target, f"GET {path} HTTP/1.1\r\n".encode() + HOST + target.headers + b"Connection: close\r\n\r\n")
        if b"root:" in answer or 500 <= status_of(answer) < 600:
            raise Held(f"{path}: {answer[:200]!r}")


def mutated(target: Target, source: random.Random, rounds: int) -> None:
    """Requests with some bytes changed, dropped or said twice: answered or refused, never held."""
    whole = target.request(b'{"query_embeddings":[[1,2]]}') if target.post else GET
    for _ in range(rounds):
        request = bytearray(whole)
        for _ in range(source.randint(1, 6)):
            at = source.randrange(len(request))
            choice = source.random()
            if choice < 0.5:
                request[at] = source.randrange(256)
            elif choice < 0.75:
                del request[at:at + source.randint(1, 8)]
            else:
                request[at:at] = request[max(0, at - 12):at] * source.randint(1, 4)
        say(target, bytes(request))


# --- many at a time ---

def pipelining(target: Target, count: int) -> None:
    answer = say(target, GET.replace(b"\r\n\r\n", b"\r\n" + target.headers + b"\r\n") * count)
    if target.post and answer.count(b"HTTP/1.1 200") != count:
        raise Held(f"{answer.count(b'HTTP/1.1 200')} answers to {count} pipelined requests")


def slow(target: Target, connections: int, seconds: float) -> None:
    """Heads and bodies that drip, and answers that nobody takes; each is ended by a time-out."""
    body = b'{"query_embeddings":[[1,2]],"n_results":100}'
    request = target.request(body) if target.post else GET
    with contextlib.ExitStack() as stack:
        dripping = []
        for n in range(connections):
            with contextlib.suppress(OSError):
                connection = stack.enter_context(target.connect())
                connection.settimeout(1)
                at = 0 if n % 2 else max(0, len(request) - len(body))
                connection.sendall(request[:at] if at else request[:1])
                dripping.append([connection, max(at, 1)])
        end = time.monotonic() + seconds
        while time.monotonic() < end and dripping:
            for drip in list(dripping):
                connection, at = drip
                try:
                    connection.sendall(request[at:at + 1])
                    drip[1] = at + 1
                except OSError:
                    dripping.remove(drip)
                if drip[1] >= len(request) - 2:
                    drip[1] = len(request) - 2      # never the last ones
            time.sleep(0.3)
        if seconds > 3 * REQUEST_SECONDS and dripping:
            raise Held(f"{len(dripping)} of {connections} slow requests outlive their time-out")


def unread_answers(target: Target, connections: int) -> None:
    """Large answers are asked for and never taken."""
    body = b'{"include":["documents","embeddings","metadatas"]}'
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            with contextlib.suppress(OSError):
                connection = stack.enter_context(target.connect())
                connection.settimeout(0.2)
                connection.sendall(target.request(body, "get") * 8)
        time.sleep(1)


def hoarding(target: Target, connections: int) -> int:
    """Idle connections, as many as this process may have; returns how many were open at a time."""
    held: list[socket.socket] = []
    try:
        for _ in range(connections):
            try:
                held.append(target.connect())
            except (OSError, ssl.SSLError):
                break
        for connection in held[::101]:
            with contextlib.suppress(OSError):
                connection.sendall(GET[:20])
        time.sleep(1)
        return len(held)
    finally:
        for connection in held:
            connection.close()


def hanging_up(target: Target, count: int) -> None:
    for n in range(count):
        with contextlib.suppress(OSError, ssl.SSLError), target.connect() as connection:
            connection.sendall(GET[:n % len(GET)])


# --- what is in a body ---

def deep(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


BODIES: dict[str, bytes] = {
    "100,000 brackets": b"[" * 100_000,
    "100,000 levels": deep(100_000),
    "a number of a million digits": b'{"n_results":' + b"9" * 1_000_000 + b"}",
    "1e999999": b'{"query_embeddings":[[1e999999,-1e999999]]}',
    "a tiny exponent": b'{"query_embeddings":[[1e-999999999999,2]]}',
    "100,000 equal keys": b"{" + b'"ids":[],' * 100_000 + b'"ids":[]}',
    "a million ids": b'{"ids":[' + b'"",' * 1_000_000 + b'""]}',
    "a vector of a million": b'{"query_embeddings":[[' + b"1," * 1_000_000 + b"1]]}",
    "100,000 vectors": b'{"query_embeddings":[' + b"[1,2]," * 100_000 + b"[1]]}",
    "NaN": b'{"query_embeddings":[[NaN,Infinity]]}',
    "lone surrogates": b'{"ids":["\\ud800\\ud800"],"where":{"\\udfff":"x"}}',
    "bytes that are no text": b'{"ids":["\xff\xfe\xc0\xaf"]}',
    "a mark at the beginning": b"\xef\xbb\xbf{}",
    "a million escapes": b'{"ids":["' + b"\\u0041" * 1_000_000 + b'"]}',
    "another type": b"[[[]]]",
    "nothing": b"",
    "a deep filter": b'{"query_embeddings":[[1,2]],"where":' + b'{"$and":[' * 3_000 + b"{}" + b"]}" * 3_000 + b"}",
    "a wide filter": b'{"query_embeddings":[[1,2]],"where":{"$or":[' + b'{"k":1},' * 200_000 + b'{"k":1}]}}',
    "n_results of 2^63": b'{"query_embeddings":[[1,2]],"n_results":9223372036854775807}',
    "negative n_results": b'{"query_embeddings":[[1,2]],"n_results":-1}',
}
PATTERNS = ["(a+)+$", "(a|aa)*b", "(.*)*(.*)*(.*)*x", "a{1000}{1000}{1000}", "((a{0,100}){0,100}){0,100}", "(" * 5_000 + ")" * 5_000,
            "|".join(["aaaa"] * 20_000), "[" + "a-z" * 20_000 + "]+b", "(?:" * 300 + "a" + ")*" * 300, "\\", "a" * 100_000]


def bodies(target: Target) -> None:
    for what, body in BODIES.items():
        for verb in ("query", "upsert", "get"):
            answer = say(target, target.request(body, verb, b"Connection: close\r\n"))
            if status_of(answer) >= 500 and status_of(answer) != 503:
                raise Held(f"{verb} with {what}: {answer[:300]!r}")


def patterns(target: Target) -> None:
    for pattern in PATTERNS:
        body = json.dumps({"where_document": {"$regex": pattern}, "limit": 3}).encode()
        answer = say(target, target.request(body, "get", b"Connection: close\r\n"))
        if status_of(answer) >= 500 and status_of(answer) not in (503, 504):
            raise Held(f"{pattern[:40]}: {answer[:300]!r}")


def guessing(target: Target, count: int, source: random.Random) -> None:
    """Wrong tokens, many on a connection: each is refused."""
    requests = b""
    for _ in range(count):
        requests += (b"GET /api/v2/tenants/default_tenant HTTP/1.1\r\n" + HOST +
                     b"Authorization: Bearer %032x\r\n\r\n" % source.getrandbits(128))
    answer = say(target, requests)
    if answer.count(b"HTTP/1.1 401") != count:
        raise Held(f"{answer.count(b'HTTP/1.1 401')} refusals of {count} guessed tokens")
