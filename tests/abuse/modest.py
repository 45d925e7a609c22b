"""A well-behaved client in a process of its own: now and then a write and a query, and how long each took.

Runs until its standard input ends, then prints one JSON object. `waits`: the longest answers, in seconds,
less what this machine kept the process itself from running meanwhile (others use it too).
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import SocketConnection  # noqa: E402

PAUSE, TICK = 0.02, 0.01


class Stalls:
    """How long a thread that wants to run every few milliseconds was kept from it."""

    def __init__(self):
        self.total = 0.0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(TICK)
            self.total += max(0.0, time.monotonic() - before - TICK)


def connect(address: str, authority: str) -> http.client.HTTPConnection:
    kind, place = address.split(":", 1)
    if kind == "unix":
        return SocketConnection(place, 60)
    host, port = place.rsplit(":", 1)
    if kind == "http":
        return http.client.HTTPConnection(host, int(port), timeout=60)
    return http.client.HTTPSConnection(host, int(port), timeout=60,
                                       context=ssl.create_default_context(cafile=authority))


def main() -> None:
    address, authority, collection, token = sys.argv[1:5]
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    stalls, connection = Stalls(), connect(address, authority)
    headers = {"Content-Type": "application/json", "x-chroma-token": token}
    waits, refused, asked = [], [], 0
    while not over.wait(PAUSE):
        for verb, body in (("upsert", {"ids": [f"m{asked % 50}"], "embeddings": [[asked % 7, 1.0]], "documents": ["x"]}),
                           ("query", {"query_embeddings": [[1, 2]], "n_results": 3})):
            began, stalled = time.monotonic(), stalls.total
            try:
                connection.request("POST", f"{collection}/{verb}", json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (200, 201):
                    refused.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                refused.append(str(error))
                connection.close()
            waits.append(max(0.0, time.monotonic() - began - (stalls.total - stalled)))
            asked += 1
    print(json.dumps({"asked": asked, "refused": refused[:5], "waits": sorted(waits)[-3:]}))


if __name__ == "__main__":
    main()
