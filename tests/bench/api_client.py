"""One kept connection to a server of Chroma's API, for what is not timed to the microsecond."""

from __future__ import annotations

import json

DATABASES = "/api/v2/tenants/default_tenant/databases"
COLLECTIONS = f"{DATABASES}/default_database/collections"


class ApiClient:
    def __init__(self, server):
        """`server`: a launcher.Server that runs."""
        self.kind = server.kind
        self.connection = server.connection(timeout=600)
        self.connection.connect()

    def call(self, method: str, path: str, body=None) -> bytes:
        """The answer's body; `body` is sent as it is when it is bytes, else as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{self.kind}: {method} {path}: {answer.status} {text[:300]!r}")
        return text
