"""One writer process of the crash test: changes records of its own and notes what was acknowledged.

Each line of its journal is a JSON object, written in whole before the request ("try") and after the
answer ("ok"), so that whoever reads the journal after a kill knows what must be there, what must not,
and the one batch that may be either.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
from launcher import SocketConnection  # noqa: E402

DIMENSION = 16


def vector_of(record: str, version: int) -> list[float]:
    """A vector that no other (record, version) has."""
    source = random.Random(f"{record}/{version}")
    return [round(source.uniform(-1, 1), 4) for _ in range(DIMENSION)]


def plan(source: random.Random, model: dict[str, int], prefix: str, turn: int) -> tuple[str, dict[str, int | None]]:
    """The next change: a verb and what it makes of each record (None: gone)."""
    verb = source.choices(["add", "upsert", "update", "delete"], [6, 3, 2, 1])[0]
    known = sorted(model)
    if verb == "add" or not known:
        return "add", {f"{prefix}-{turn}-{i}": turn for i in range(source.choice([1, 1, 5, 40]))}
    chosen = source.sample(known, min(len(known), source.choice([1, 3, 20])))
    if verb == "delete":
        return verb, {record: None for record in chosen}
    changed: dict[str, int | None] = {record: turn for record in chosen}
    if verb == "upsert":
        changed[f"{prefix}-{turn}-new"] = turn
    return verb, changed


def body_of(verb: str, change: dict[str, int | None]) -> dict:
    ids = list(change)
    if verb == "delete":
        return {"ids": ids}
    return {"ids": ids, "embeddings": [vector_of(i, change[i]) for i in ids],
            "documents": [f"{i} version {change[i]}" for i in ids],
            "metadatas": [{"version": change[i], "owner": i.split("-")[0]} for i in ids]}


def main() -> None:
    socket_path, base, prefix, journal_path, seed, first_turn, state_path = sys.argv[1:8]
    source = random.Random(f"{seed}/{prefix}/{first_turn}")
    model: dict[str, int] = json.loads(Path(state_path).read_text())
    connection = SocketConnection(socket_path, 30)
    with open(journal_path, "a") as journal:
        turn = int(first_turn)
        while True:
            turn += 1
            verb, change = plan(source, model, prefix, turn)
            print(json.dumps({"try": change}), file=journal, flush=True)
            connection.request("POST", f"{base}/{verb}", json.dumps(body_of(verb, change)),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in (200, 201):
                print(json.dumps({"error": f"{verb}: {answer.status} {text[:300]!r}"}), file=journal, flush=True)
                return
            print(json.dumps({"ok": True}), file=journal, flush=True)
            for record, version in change.items():
                if version is None:
                    model.pop(record, None)
                else:
                    model[record] = version


if __name__ == "__main__":
    # The daemon is killed in the middle of a request: that ends this process, and is what the test wants.
    with contextlib.suppress(OSError, http.client.HTTPException):
        main()
