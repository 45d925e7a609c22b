"""One kept connection to a server of Chroma's API, by the bare socket: http.client costs more than many an answer."""

from __future__ import annotations

import json
import socket
import struct

DATABASES = "/api/v2/tenants/default_tenant/databases"
COLLECTIONS = f"{DATABASES}/default_database/collections"
RECEIVED = 1 << 16
PATIENCE_SECONDS = 600


def request(method: str, path: str, body=None) -> bytes:
    """The bytes to send; `body` is sent as it is when it is bytes, else as JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


class ApiClient:
    def __init__(self, server):
        """`server`: a launcher.Server that runs."""
        self.kind = server.kind
        connection = server.connection()
        connection.connect()
        self.socket = connection.sock
        # Python's own time-outs cost a call of poll() for each call.
        self.socket.settimeout(None)
        patience = struct.pack("ll", PATIENCE_SECONDS, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)

    def call(self, method: str, path: str, body=None) -> bytes:
        return self.exchange(request(method, path, body))

    def exchange(self, sent: bytes) -> bytes:
        """The body of the answer to what request() made. A server that sends no length is not understood."""
        self.socket.sendall(sent)
        received = self.receive()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self.receive()
        head, body = received[:end].lower(), received[end + 4:]
        size = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(body) < size:
            body += self.receive()
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(f"{self.kind}: {sent[:100]!r}: {head[9:12].decode()} {body[:300]!r}")
        return body

    def receive(self) -> bytes:
        received = self.socket.recv(RECEIVED)
        if not received:
            raise RuntimeError(f"{self.kind} closed the connection")
        return received
