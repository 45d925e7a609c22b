"""What a Proxy can do to a call. Each is a function of an Exchange, or makes one."""

import json
import time

from proxy import Answer, Broken, Exchange, without

# The server is not asked:


def reset(exchange: Exchange):
    exchange.reset()


def silence(exchange: Exchange):
    """No answer, until the client gives up."""
    while exchange.client.recv(1):
        pass
    raise Broken


def kube_status(code: int, reason: str, *headers: tuple[str, str], message: str = "spoiled by a test"):
    """As the API server says no."""
    body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                       "message": message}).encode()
    return lambda exchange: exchange.answer(code, body, ("Content-Type", "application/json"), *headers)


def s3_error(status: int, code: str, *headers: tuple[str, str]):
    """As an S3 server says no; with 200 it says so in the body alone."""
    body = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>spoiled by a test</Message></Error>".encode()

    def fault(exchange: Exchange):
        exchange.answer(status, b"" if exchange.call.method == "HEAD" else body,
                        ("Content-Type", "application/xml"), *headers)
    return fault


# The server carries it out, but:


def lost_reply(exchange: Exchange):
    exchange.fetch()
    exchange.reset()


def half_reply(exchange: Exchange):
    answer = exchange.fetch()
    exchange.send(answer, len(answer.body) // 2)
    exchange.reset()


def truncated(exchange: Exchange):
    """Half of the body, then a clean end."""
    answer = exchange.fetch()
    exchange.send(answer, len(answer.body) // 2)
    raise Broken


def late(seconds: float):
    def fault(exchange: Exchange):
        answer = exchange.fetch()
        time.sleep(seconds)
        exchange.send(answer)
    return fault


def held_until(event):
    """Lies about in the network, and arrives then."""
    def fault(exchange: Exchange):
        event.wait(60)
        exchange.pass_on()
    return fault


def rewritten(change):
    """`change` gets the JSON of the answer and returns another one."""
    def fault(exchange: Exchange):
        answer = exchange.fetch()
        if answer.status == 200:
            answer.body = json.dumps(change(json.loads(answer.body))).encode()
        answer.headers = without(answer.headers, "content-length") + [("Content-Length", str(len(answer.body)))]
        exchange.send(answer)
    return fault


def replaced(body: bytes):
    """Another answer, with the server's own head."""
    def fault(exchange: Exchange):
        answer = exchange.fetch()
        exchange.send(Answer(200, without(answer.headers, "content-length")
                             + [("Content-Length", str(len(body)))], body))
    return fault


def skewed_date(text: str):
    def fault(exchange: Exchange):
        answer = exchange.fetch()
        answer.headers = without(answer.headers, "date") + [("Date", text)]
        exchange.send(answer)
    return fault


# Of a watch:


def cut_watch(exchange: Exchange):
    """Half of its first piece, then a reset."""
    piece = next(exchange.open_watch(), b"")
    exchange.client.sendall(b"%x\r\n%s" % (len(piece), piece[:len(piece) // 2]))
    exchange.reset()


def watch_says(kind: str, tree: dict):
    """It begins with an event of ours, and ends with it."""
    def fault(exchange: Exchange):
        exchange.open_watch()
        exchange.say(json.dumps({"type": kind, "object": tree}).encode() + b"\n")
        exchange.end_watch()
    return fault


GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version: spoiled by a test"}
