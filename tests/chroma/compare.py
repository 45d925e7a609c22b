"""Says whether two servers gave the same answer to one request.

Ids that the servers chose are compared by the label they were given; floats by tolerance where they
were computed; texts of messages only where Chroma's own tests look at them.
"""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass, field

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FIXED = {"00000000-0000-0000-0000-000000000000", "11111111-2222-4333-8444-555555555555"}
# Texts that Chroma's own tests assert: an error whose message has one must have it everywhere.
ASSERTED = ["does not exist", "dimension", "Cannot filter using metadata key", "source_key"]


@dataclass
class Answer:
    """One server's answer; status 0 says that it closed the connection instead."""

    status: int
    content: bytes = b""
    headers: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)          # uuid -> label

    def __post_init__(self):
        self.problem = ""
        self.body = None
        text = self.content.decode("utf-8", "surrogateescape")
        if self.headers.get("content-type", "").startswith("application/json") and text:
            try:
                self.body = json.loads(self.name_ids(text), parse_constant=self._no_constant)
            except ValueError as error:
                self.problem = f"not JSON: {error}"

    @staticmethod
    def _no_constant(name: str):
        raise ValueError(f"{name} in the body")

    def name_ids(self, text: str) -> str:
        def name(match):
            found = match.group(0)
            return found if found in FIXED else self.labels.get(found, "<uuid>")
        return UUID.sub(name, text)

    @property
    def error(self) -> str | None:
        return self.body.get("error") if isinstance(self.body, dict) else None

    @property
    def message(self) -> str:
        found = self.body.get("message") if isinstance(self.body, dict) else None
        return found if isinstance(found, str) else ""

    def __str__(self) -> str:
        if self.status == 0:
            return "(connection closed without an answer)"
        text = self.name_ids(self.content.decode("utf-8", "backslashreplace"))
        return f"{self.status} {text if len(text) < 1500 else text[:1500] + '…'}"


def close(left: float, right: float, relative=2e-5, absolute=2e-6) -> bool:
    return math.isclose(left, right, rel_tol=relative, abs_tol=absolute)


def number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def difference(left, right, path="body", loose=False) -> str | None:
    """The first place where two JSON values differ; `loose` compares numbers by tolerance."""
    if loose and number(left) and number(right):
        return None if close(left, right) else f"{path}: {left} against {right}"
    if type(left) is not type(right):
        return f"{path}: {shown(left)} against {shown(right)}"
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return f"{path}: keys {sorted(left.keys() ^ right.keys())} on one side only"
        parts = ((left[key], right[key], f"{path}.{key}") for key in left)
    elif isinstance(left, list):
        if len(left) != len(right):
            return f"{path}: {len(left)} items against {len(right)}"
        parts = ((a, b, f"{path}[{n}]") for n, (a, b) in enumerate(zip(left, right)))
    else:
        return None if left == right else f"{path}: {shown(left)} against {shown(right)}"
    return next((found for a, b, where in parts if (found := difference(a, b, where, loose))), None)


def shown(value) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 120 else text[:120] + "…"


def without_threads(value):
    """num_threads defaults to the number of CPUs, and is nobody's concern."""
    if isinstance(value, dict):
        return {key: without_threads(item) for key, item in value.items() if key != "num_threads"}
    return [without_threads(item) for item in value] if isinstance(value, list) else value


def compare_get(left: dict, right: dict) -> str | None:
    rest = {key: value for key, value in left.items() if key != "embeddings"}
    others = {key: value for key, value in right.items() if key != "embeddings"}
    return difference(rest, others) or difference(
        left.get("embeddings"), right.get("embeddings"), "body.embeddings", loose=True)


def compare_query(left: dict, right: dict) -> str | None:
    """Equal up to the order of equal distances, and to which of the last equal ones are shown."""
    if left.keys() != right.keys() or left["include"] != right["include"]:
        return difference(left, right)
    found = difference([len(ids) for ids in left["ids"]], [len(ids) for ids in right["ids"]],
                       "number of results")
    found = found or difference(left["distances"], right["distances"], "body.distances", loose=True)
    for row, (ids, others) in enumerate(zip(left["ids"], right["ids"])):
        found = found or compare_rows(left, right, row, ids, others)
    return found


def compare_rows(left: dict, right: dict, row: int, ids: list, others: list) -> str | None:
    if left["distances"] is None and set(ids) != set(others):
        return f"body.ids[{row}]: {ids} against {others}"
    if left["distances"] is not None:
        worst = left["distances"][row][-1] if ids else None
        for found in set(ids) ^ set(others):
            side, names = (left, ids) if found in ids else (right, others)
            away = side["distances"][row][names.index(found)]
            if away is not None and worst is not None and not close(away, worst):
                return f"body.ids[{row}]: {found!r} on one side only"
    for name in ("documents", "metadatas", "uris", "embeddings"):
        if (left[name] is None) != (right[name] is None):
            return f"body.{name}: on one side only"
        for found in set(ids) & set(others) if left[name] is not None else ():
            ours = left[name][row][ids.index(found)]
            theirs = right[name][row][others.index(found)]
            if text := difference(ours, theirs, f"body.{name} of {found!r}", name == "embeddings"):
                return text
    return None


def compare_list(left: list, right: list, paged: bool) -> str | None:
    """Collections are listed by their random ids: two servers agree on sets, not on pages."""
    if paged:
        return difference(len(left), len(right), "number of collections")
    return difference(*(without_threads(sorted(side, key=lambda c: c["name"]))
                        for side in (left, right)))


def compare_system(path: str, left, right) -> str | None:
    if path in ("/api/v2", "/api/v2/heartbeat", "/api/v2/heartbeat?x=1"):
        now, seen = time.time(), right.get("nanosecond heartbeat")
        fresh = isinstance(seen, int) and abs(seen / 1e9 - now) < 60
        return None if fresh and right.keys() == left.keys() else f"heartbeat: {shown(right)}"
    return difference(left, right)


def compare_bodies(request, left, right) -> str | None:
    if isinstance(left, dict) and isinstance(right, dict) and "ids" in left and "ids" in right:
        if request.kind == "get":
            return compare_get(left, right)
        if request.kind == "query":
            return compare_query(left, right)
    path, _, query = request.path.partition("?")
    if path.endswith("/collections") and isinstance(left, list) and isinstance(right, list):
        return compare_list(left, right, "limit" in query or "offset" in query)
    if request.method == "HEAD":
        return None
    if request.path.startswith("/api/v2/heartbeat") or request.kind == "system":
        return compare_system(request.path, left, right)
    return difference(without_threads(left), without_threads(right))


def compare_errors(left: Answer, right: Answer) -> str | None:
    if left.body is None:                               # an answer without a JSON body
        same = left.content == right.content
        return None if same else f"body: {left.content[:80]!r} against {right.content[:80]!r}"
    if left.error != right.error:
        return f"error: {left.error!r} against {right.error!r}"
    if not isinstance(right.body.get("message"), str):
        return "the error has no message"
    if not re.fullmatch("[0-9a-f]{32}", right.headers.get("chroma-trace-id", "")):
        return "the error has no chroma-trace-id header of 32 hex digits"
    for text in ASSERTED:
        if text in left.message and text not in right.message:
            return f"message: {left.message!r} against {right.message!r}"
    return None


def compare(request, left: Answer, right: Answer) -> str | None:
    """What differs, or None. `left` is the oracle's answer."""
    if right.problem:
        return right.problem
    if left.status != right.status:
        return f"status: {left.status} against {right.status}"
    if left.status == 0:
        return "both closed the connection"
    if left.status >= 400:
        return compare_errors(left, right)
    kinds = [answer.headers.get("content-type", "").split(";")[0] for answer in (left, right)]
    if kinds[0] != kinds[1]:
        return f"content-type: {kinds[0]!r} against {kinds[1]!r}"
    return compare_bodies(request, left.body, right.body)
