#!/usr/bin/env python3
"""Sends the same random requests to Chroma's real server and to ours, and compares the answers.

Compared are status, `error` and body; see compare.py for how, and deviations.md for where ours is
meant to differ. A difference is printed as the shortest list of requests that shows it, found by
sending parts of the epoch again. The seed reproduces a run.

Exit codes: 0 no difference, 1 differences, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import collections
import copy
import http.client
import re
import sys
import time

import compare
import deviations
import edges
import launcher
from generator import UNKNOWN_ID, Epoch, Request

LABEL = re.compile(r"\{c:(\w+)\}")
SHRINK_SECONDS = 12


class Client:
    """One server, over one kept connection, and the ids it gave to collections."""

    def __init__(self, server: launcher.Server):
        self.server = server
        self.connection = server.connection()
        self.ids: dict[str, str] = {}

    def reset(self) -> None:
        self.ids = {}
        status = self.raw("POST", "/api/v2/reset", None, {}).status
        if status != 200:
            raise SystemExit(f"error: {self.server.kind} answered {status} to reset: "
                             f"{self.server.tail()}")

    def send(self, request: Request) -> compare.Answer:
        path = LABEL.sub(lambda m: self.ids.get(m.group(1), UNKNOWN_ID), request.path)
        answer = self.raw(request.method, path, request.content(), request.headers, request.chunked)
        if request.binds and answer.status == 200 and isinstance(answer.body, dict):
            found = compare.UUID.search(answer.content.decode("utf-8", "replace"))
            if found:
                self.ids[request.binds] = found.group(0)
                answer = self.named(answer)
        return answer

    def ask(self, method: str, path: str, body) -> compare.Answer:
        return self.send(Request("ask", method, path, body))

    def named(self, answer: compare.Answer) -> compare.Answer:
        labels = {uuid: label for label, uuid in self.ids.items()}
        return compare.Answer(answer.status, answer.content, answer.headers, labels)

    def raw(self, method, path, content, headers, chunked=False) -> compare.Answer:
        if chunked and content is not None:
            middle = len(content) // 2
            parts = [part for part in (content[:middle], content[middle:]) if part]
        else:
            parts = None
        while True:
            fresh = self.connection.sock is None
            try:
                if parts is None:
                    self.connection.request(method, path, content, headers)
                else:
                    chunks = {**headers, "transfer-encoding": "chunked"}
                    self.connection.request(method, path, iter(parts), chunks, encode_chunked=True)
                got = self.connection.getresponse()
                body = got.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                if not fresh:            # a kept connection may be closed at any time: once more
                    continue
                if not self.server.alive():
                    self.server.start()
                return compare.Answer(0)
            names = {key.lower(): value for key, value in got.getheaders()}
            return self.named(compare.Answer(got.status, body, names))


class Differ:
    """Runs epochs on both servers and keeps what was found."""

    def __init__(self, oracle: Client, subject: Client, options: argparse.Namespace):
        self.oracle, self.subject, self.options = oracle, subject, options
        self.kinds: collections.Counter = collections.Counter()
        self.statuses: collections.Counter = collections.Counter()
        self.deviated: collections.Counter = collections.Counter()
        self.found: dict[tuple, str] = {}

    def step(self, request: Request, count=True):
        """Sends one request to both. Returns (what differs or None, answers)."""
        left, right = self.oracle.send(request), self.subject.send(request)
        text = compare.compare(request, left, right)
        if left.status == right.status == 0 and self.subject.server.kind == "chroma":
            text = None
        if text:
            case = deviations.Case(request, left, right, self.oracle.ask, self.subject.ask)
            if known := deviations.find(case):
                text = None
                self.deviated[known.name] += count
                if known.repair:
                    known.repair(case)
        refused = left.status >= 400 and right.status >= 400
        if refused and request.kind in ("add", "upsert", "update"):
            self.align_dimensions(request, count)
        if count:
            self.kinds[request.kind] += 1
            self.statuses[left.status] += 1
        return text, left, right

    def align_dimensions(self, request: Request, count: bool) -> None:
        """Chroma's server lets a refused write fix the dimension; gives ours the same one."""
        base, _, rest = request.path.partition("/collections/")
        path = f"{base}/collections/by-id/{rest.partition('/')[0]}"
        left, right = self.oracle.ask("GET", path, None), self.subject.ask("GET", path, None)
        if left.status != 200 or right.status != 200:
            return
        dimension = left.body["dimension"]
        if dimension and right.body["dimension"] is None:
            self.deviated["dimension-of-refused-write"] += count
            update = request.path.rpartition("/")[0] + "/update"
            self.subject.ask("POST", update, {"ids": ["no such record"],
                                              "embeddings": [[0] * dimension]})

    def reset(self) -> None:
        self.oracle.reset()
        self.subject.reset()

    def epoch(self, seed: int, length: int) -> int:
        """One epoch; ends at its first difference. Returns how many requests were sent."""
        return self.send_all(seed, Epoch(seed, length).requests[:length])

    def edge_cases(self) -> int:
        """The fixed requests; goes on after a difference. Returns how many were sent."""
        requests = edges.edge_cases()
        self.reset()
        for request in requests:
            text, left, right = self.step(request)
            if text:
                self.report("none, an edge case", [request], text, left, right, shrink=False)
        return len(requests)

    def send_all(self, seed, requests) -> int:
        self.reset()
        for at, request in enumerate(requests):
            text, left, right = self.step(request)
            if text:
                self.report(seed, requests[:at + 1], text, left, right)
                return at + 1
        return len(requests)

    def report(self, seed, requests, text, left, right, shrink=True) -> None:
        path = re.sub(r"\[\d+\]| of '.*'", "", text.split(":")[0])
        signature = (requests[-1].kind, left.status, right.status, left.error, right.error, path)
        if signature in self.found:
            return
        if shrink and not self.options.no_shrink:
            requests, text, left, right = self.shrink(requests, text, left, right)
        lines = [f"difference {len(self.found) + 1} (epoch seed {seed}): {text}"]
        lines += [f"    {edges.described(request)}" for request in requests]
        lines += [f"  {self.oracle.server.kind:>9}: {left}", f"  {self.subject.server.kind:>9}: {right}"]
        self.found[signature] = "\n".join(lines)
        print(self.found[signature] + "\n", flush=True)

    # --- making a failing list of requests smaller

    def fails(self, requests, text):
        """Whether the last request still differs in the same way, on empty servers."""
        self.reset()
        for request in requests[:-1]:
            self.step(request, count=False)
        seen = self.step(requests[-1], count=False)
        return seen if seen[0] and seen[0].split(":")[0] == text.split(":")[0] else None

    def shrink(self, requests, text, left, right):
        deadline = time.monotonic() + SHRINK_SECONDS
        best = (requests, text, left, right)
        if not self.fails(requests, text):
            return (requests, text + " (not seen again when repeated)", left, right)
        size = max(1, len(requests) // 2)
        while size and time.monotonic() < deadline:
            at = 0
            while at < len(best[0]) - 1 and time.monotonic() < deadline:
                fewer = best[0][:at] + best[0][min(at + size, len(best[0]) - 1):]
                if seen := self.fails(fewer, text):
                    best = (fewer, *seen)
                else:
                    at += size
            size //= 2
        return self.shrink_bodies(best, deadline)

    def shrink_bodies(self, best, deadline):
        for index in range(len(best[0]) - 1, -1, -1):
            again = True
            while again and time.monotonic() < deadline:
                again = False
                for smaller in variants(best[0][index]):
                    if time.monotonic() > deadline:
                        break
                    tried = best[0][:index] + [smaller] + best[0][index + 1:]
                    if seen := self.fails(tried, best[1]):
                        best, again = (tried, *seen), True
                        break
        return best


def variants(request: Request):
    """Copies of a request with one part of its body left out."""
    if request.raw is not None or not isinstance(request.body, dict):
        return
    if len(request.body.get("ids") or []) > 1:              # one record less, in all columns
        size = len(request.body["ids"])
        for gone in range(size):
            yield with_body(request, {
                key: value[:gone] + value[gone + 1:]
                if isinstance(value, list) and len(value) == size else value
                for key, value in request.body.items()})
    paths = []

    def walk(node, path):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            paths.append((*path, key))
            if isinstance(value, (dict, list)) and len(path) < 4:
                walk(value, (*path, key))

    walk(request.body, ())
    for path in paths:
        body = copy.deepcopy(request.body)
        node = body
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]
        yield with_body(request, body)


def with_body(request: Request, body) -> Request:
    smaller = copy.copy(request)
    smaller.body = body
    return smaller


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000, help="requests to send")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--epoch-length", type=int, default=60, help="requests between resets")
    parser.add_argument("--epoch-seed", type=int, help="only this epoch")
    parser.add_argument("--subject", choices=["pannierd", "chroma"], default="pannierd",
                        help="chroma compares the real server with itself")
    parser.add_argument("--transport", choices=["socket", "tcp"], default="socket",
                        help="how the subject is reached")
    parser.add_argument("--server-bin", help="the daemon; default build/bin/pannierd")
    parser.add_argument("--max-differences", type=int, default=20, help="stop after so many")
    parser.add_argument("--no-edges", action="store_true", help="leave out the fixed requests")
    parser.add_argument("--no-shrink", action="store_true",
                        help="print the whole epoch that led to a difference")
    parser.add_argument("-v", "--verbose", action="store_true", help="counts by route and status")
    return parser.parse_args(arguments)


def run(differ: Differ, options: argparse.Namespace) -> int:
    sent, index = 0, 0
    if options.epoch_seed is not None:
        return differ.epoch(options.epoch_seed, options.epoch_length)
    if not options.no_edges:
        sent += differ.edge_cases()
    while sent < options.rounds and len(differ.found) < options.max_differences:
        length = min(options.epoch_length, options.rounds - sent)
        sent += differ.epoch(options.seed * 100_003 + index, length)
        index += 1
    return sent


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    began = time.monotonic()
    try:
        with launcher.start("chroma", "tcp") as oracle, launcher.start(
                options.subject, options.transport, binary=options.server_bin) as subject:
            differ = Differ(Client(oracle), Client(subject), options)
            sent = run(differ, options)
    except launcher.LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.verbose:
        for name, counter in (("routes", differ.kinds), ("statuses", differ.statuses),
                              ("deviations", differ.deviated)):
            print(f"{name}: " + ", ".join(f"{k} {n}" for k, n in counter.most_common()))
    print(f"differential: {sent} requests, {len(differ.found)} differences, "
          f"{sum(differ.deviated.values())} known deviations, seed {options.seed}, "
          f"{time.monotonic() - began:.1f} s")
    return 1 if differ.found else 0


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
