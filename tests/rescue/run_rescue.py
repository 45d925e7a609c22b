#!/usr/bin/env python3
"""Brings directories of the real Chroma server over, whole ones and damaged ones.

Goal: what is physically there comes over, exactly; what is not is told; nothing is made up.
Method: the real server makes directories and says what is in them; copies are damaged in the ways
that happen; each is imported through the admin API of a real pannierd and read back from it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import directories  # noqa: E402
from directories import DEFAULT, Chroma, Content, Failed, Server, answers_of, launcher  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recovery"))

SQL = "chroma.sqlite3"
All = dict[tuple[str, str, str], Content]


class Imported:
    """What an import brought: the content, and its report by collection."""

    def __init__(self, content: All, result: dict):
        self.content = content
        self.messages = result["messages"]
        self.reports = {}
        for database in result["databases"]:
            tenant, name = database["store"].split("/")
            for each in database["collections"]:
                self.reports[tenant, name, each["name"]] = each


def bring_over(data: Path, scratch: Path) -> Imported:
    from sidecar import Sidecar
    with Sidecar(scratch / "backup") as sidecar:
        result = sidecar.operate("import", directory=str(data))
        return Imported(Server(sidecar.server).everything(), result)


# --- comparing ---

def near(a: list[float], b: list[float]) -> bool:
    """Equal, but for the last digits: Chroma itself answers cosine vectors divided and multiplied."""
    scale = max(map(abs, a), default=0)
    return len(a) == len(b) and all(abs(x - y) <= 2e-6 * scale for x, y in zip(a, b))


def require(good: bool, what: str) -> None:
    if not good:
        raise Failed(what)


def compare_record(name: str, got: directories.Record, want: directories.Record) -> None:
    require(got.document == want.document, f"{name}: document {got.document!r}, not {want.document!r}")
    require(got.uri == want.uri, f"{name}: uri {got.uri!r}, not {want.uri!r}")
    require((got.metadata or {}) == (want.metadata or {}),
            f"{name}: metadata {got.metadata}, not {want.metadata}")


def compare(imported: Imported, want: All, *, partial: set[str] = frozenset(),
            without_vectors: set[str] = frozenset()) -> None:
    """Collections named in `partial` may lack records, or parts of those the report counts; those in
    `without_vectors` may lack vectors, which the report counts."""
    require(imported.content.keys() == want.keys() or bool(partial),
            f"collections {sorted(imported.content)}, not {sorted(want)}")
    for key, content in want.items():
        name = key[2]
        if key not in imported.content and name in partial:
            continue
        got, report = imported.content[key], imported.reports[key]
        require(got.metadata == content.metadata, f"{name}: metadata {got.metadata}")
        require(got.configuration == content.configuration,
                f"{name}: configuration {got.configuration}, not {content.configuration}")
        require(len(got.records) == report["records"], f"{name}: report of {report['records']} records")
        if name not in partial:
            require(list(got.records) == list(content.records), f"{name}: ids, or their order")
        differing = bare = 0
        for each, record in got.records.items():
            wanted = content.records.get(each)
            if wanted is None:
                require(name in partial, f"{name}: {each} was not there")
                continue
            try:
                compare_record(f"{name} {each}", record, wanted)
            except Failed:
                differing += 1
                if name not in partial:
                    raise
            bare += record.vector is None
            if record.vector is not None:
                require(near(record.vector, wanted.vector),
                        f"{name} {each}: vector {record.vector}, not {wanted.vector}")
        require(bare == report["withoutVector"], f"{name}: {bare} without vector, {report}")
        require(bare == 0 or name in without_vectors, f"{name}: {bare} without vector, {report}")
        require(differing <= report["incomplete"] + len(content.records) - len(got.records) + 200
                if name in partial else differing == 0, f"{name}: {differing} differ, {report}")


def vectors_of(imported: Imported, name: str) -> int:
    return sum(record.vector is not None for key, content in imported.content.items()
               if key[2] == name for record in content.records.values())


# --- damage ---

def segment(data: Path, collection: str) -> Path:
    with sqlite3.connect(data / SQL) as connection:
        row = connection.execute(
            "SELECT s.id FROM segments s JOIN collections c ON s.collection = c.id WHERE "
            "c.name = ? AND s.scope = 'VECTOR'", (collection,)).fetchone()
    return data / row[0]


def cut(path: Path, share: float) -> None:
    with open(path, "r+b") as file:
        file.truncate(int(path.stat().st_size * share))


def overwrite(path: Path, at: int, what: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(what)


def in_queue(data: Path, collection: str) -> int:
    """Records whose last vector the queue still holds, at least."""
    with sqlite3.connect(data / SQL) as connection:
        return connection.execute(
            "SELECT count(DISTINCT q.id) FROM embeddings_queue q JOIN collections c ON q.topic LIKE "
            "'%/' || c.id JOIN embeddings e ON e.embedding_id = q.id AND e.seq_id = q.seq_id WHERE "
            "c.name = ? AND q.vector IS NOT NULL", (collection,)).fetchone()[0]


class Case:
    def __init__(self, data: Path, want: All, scratch: Path, rng: random.Random):
        self.data, self.want, self.scratch, self.rng = data, want, scratch, rng

    def imported(self) -> Imported:
        return bring_over(self.data, self.scratch)


def intact(case: Case) -> None:
    compare(case.imported(), case.want)


def torn_pickle(case: Case) -> None:
    cut(segment(case.data, "cosine") / "index_metadata.pickle", 0.2)
    imported = case.imported()
    # The rest is told by the order of labels, but for who stands beside an element that is nobody's.
    compare(imported, case.want, without_vectors={"cosine"})
    records = len(case.want[*DEFAULT, "cosine"].records)
    require(vectors_of(imported, "cosine") >= records - 20, "vectors that are there did not come over")
    require("index_metadata.pickle" in str(imported.reports), "the report does not name the file")


def no_pickle(case: Case) -> None:
    (segment(case.data, "plain") / "index_metadata.pickle").unlink()
    compare(case.imported(), case.want)


def no_hnsw_files(case: Case) -> None:
    for path in segment(case.data, "cosine").iterdir():
        path.unlink()
    shutil.rmtree(segment(case.data, "inner"))
    imported = case.imported()
    compare(imported, case.want, without_vectors={"cosine", "inner"})
    for name in ("cosine", "inner"):
        require(vectors_of(imported, name) >= in_queue(case.data, name) > 0, f"{name}: vectors")


def short_data(case: Case) -> None:
    cut(segment(case.data, "cosine") / "data_level0.bin", 0.5)
    imported = case.imported()
    compare(imported, case.want, without_vectors={"cosine"})
    require(vectors_of(imported, "cosine") > 800, "vectors that are there did not come over")


def no_header(case: Case) -> None:
    (segment(case.data, "cosine") / "header.bin").unlink()
    overwrite(segment(case.data, "plain") / "header.bin", 0, b"\xff" * 100)
    compare(case.imported(), case.want)


def no_lengths(case: Case) -> None:
    (segment(case.data, "cosine") / "length.bin").unlink()
    imported = case.imported()
    compare(imported, case.want, without_vectors={"cosine"})
    require(vectors_of(imported, "cosine") >= in_queue(case.data, "cosine"), "vectors of the queue")


def holes_in_sqlite(case: Case) -> None:
    """Pages of the tables of records are zeros or garbage."""
    path = case.data / SQL
    with sqlite3.connect(path) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    for _ in range(6):
        page = case.rng.randrange(pages // 3, pages)
        overwrite(path, page * size, case.rng.choice([b"\0" * size, case.rng.randbytes(size)]))
    imported = case.imported()
    names = {key[2] for key in case.want}
    compare(imported, case.want, partial=names, without_vectors=names)
    total = sum(len(content.records) for content in case.want.values())
    came = sum(len(content.records) for content in imported.content.values())
    require(came > total * 0.6, f"only {came} of {total} records came over")
    require(bool(imported.messages), "nothing was said about the damage")


def short_sqlite(case: Case) -> None:
    cut(case.data / SQL, 0.85)
    imported = case.imported()
    names = {key[2] for key in case.want}
    compare(imported, case.want, partial=names, without_vectors=names)
    require(sum(len(c.records) for c in imported.content.values()) > 1000, "too little came over")


def waiting_queue(case: Case) -> None:
    """Entries that neither segment has taken in: the real server says what they come to."""
    with sqlite3.connect(case.data / SQL) as connection:
        until = connection.execute(
            "SELECT m.segment_id, m.seq_id FROM max_seq_id m JOIN segments s ON s.id = m.segment_id "
            "JOIN collections c ON c.id = s.collection WHERE c.name = 'cosine' AND s.scope = 'VECTOR'"
        ).fetchone()
        topic, last = connection.execute(
            "SELECT topic, max(seq_id) FROM embeddings_queue q JOIN collections c ON q.topic LIKE "
            "'%/' || c.id WHERE c.name = 'cosine'").fetchone()
        last = connection.execute("SELECT max(seq_id) FROM embeddings_queue").fetchone()[0]
        vector = sqlite3.Binary(b"\0\0\x80?" * 8)
        entries = [(0, "id-3", vector, '{"chroma:document":"must not count"}'),
                   (0, "fresh", vector, '{"chroma:document":"new","n":7,"a":[1.5,2.0]}'),
                   (1, "fresh", None, '{"n":null,"m":true}'), (2, "id-4", vector, '{"k":"v"}'),
                   (1, "absent", vector, '{"k":"v"}'), (3, "id-2000", None, "{}"),
                   (0, "id-2000", vector, '{"again":1}'), (3, "id-2001", None, None)]
        for i, (operation, record, bytes_, metadata) in enumerate(entries, 1):
            connection.execute(
                "INSERT INTO embeddings_queue(seq_id, operation, topic, id, vector, encoding, metadata)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (last + i, operation, topic, record, bytes_, "FLOAT32" if bytes_ else None, metadata))
    assert until is not None
    compare(case.imported(), answers_of(case.data, case.scratch))


def write_ahead_log(case: Case) -> None:
    """A log that a killed process left, with changes that are nowhere else."""
    program = ("import os, sqlite3, sys\n"
               "c = sqlite3.connect(sys.argv[1])\n"
               "c.execute('PRAGMA journal_mode=WAL')\n"
               "c.execute('PRAGMA wal_autocheckpoint=0')\n"
               "c.execute(\"UPDATE embedding_metadata SET string_value = 'of the log' WHERE key = "
               "'chroma:document' AND id % 3 = 0\")\n"
               "c.commit()\n"
               "os._exit(0)\n")
    subprocess.run([sys.executable, "-c", program, str(case.data / SQL)], check=True)
    require((case.data / (SQL + "-wal")).stat().st_size > 0, "no log was left")
    want = answers_of(case.data, case.scratch)
    require(any(r.document == "of the log" for c in want.values() for r in c.records.values()), "log")
    compare(case.imported(), want)


def killed_while_writing(case: Case) -> None:
    """kill -9 again and again among writers; what was acknowledged comes over, vectors included."""
    acknowledged: dict[str, list[float]] = {}
    for turn in range(4):
        chroma = Chroma(case.data)
        with chroma as server:
            stop = threading.Event()

            def write(worker: int, turn: int = turn, server: Server = server) -> None:
                rng = random.Random(turn * 10 + worker)
                path = f"/tenants/{DEFAULT[0]}/databases/{DEFAULT[1]}/collections"
                collection = next(c for c in server.collections(*DEFAULT) if c["name"] == "cosine")
                for batch in range(1000):
                    ids = [f"w{turn}-{worker}-{batch}-{i}" for i in range(20)]
                    vectors = [[rng.gauss(0, 1) for _ in range(8)] for _ in ids]
                    try:
                        server.ask("POST", f"{path}/{collection['id']}/add",
                                   {"ids": ids, "embeddings": vectors,
                                    "documents": [f"of {each}" for each in ids]})
                    except (OSError, Failed, ValueError):
                        return
                    except Exception:   # http.client's own, of a connection cut off
                        return
                    acknowledged.update(zip(ids, vectors))
                    if stop.is_set():
                        return
            workers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
            for worker in workers:
                worker.start()
            time.sleep(0.4 + case.rng.random() * 0.5)
            chroma.kill()
            stop.set()
            for worker in workers:
                worker.join()
    imported = case.imported()
    records = imported.content[*DEFAULT, "cosine"].records
    require(len(acknowledged) > 200, f"only {len(acknowledged)} writes were acknowledged")
    for each, vector in acknowledged.items():
        require(each in records, f"{each} was acknowledged and did not come over")
        require(records[each].document == f"of {each}", f"{each}: {records[each].document}")
        require(records[each].vector is not None and near(records[each].vector, vector),
                f"{each}: vector {records[each].vector}")
    for each, record in case.want[*DEFAULT, "cosine"].records.items():
        compare_record(each, records[each], record)


def kept_queue(case: Case) -> None:
    """A queue that is never purged and holds all there ever was; the HNSW files are gone as well."""
    data = case.scratch / "kept"
    data.mkdir()
    with Chroma(data) as server:
        directories.Writer(server, "kept", DEFAULT)
    with sqlite3.connect(data / SQL) as connection:
        connection.execute("UPDATE embeddings_queue_config SET config_json_str = "
                           "replace(config_json_str, 'true', 'false')")
        connection.execute("INSERT INTO embeddings_queue_config(config_json_str) SELECT "
                           "'{\"automatically_purge\":false,\"_type\":"
                           "\"EmbeddingsQueueConfigurationInternal\"}' WHERE NOT EXISTS (SELECT 1 "
                           "FROM embeddings_queue_config)")
    with Chroma(data) as server:
        writer = directories.Writer(server, "kept", DEFAULT, get_or_create=True)
        directories.fill(writer, case.rng, 0, 1100, 4)
        directories.change(writer, case.rng, 4, range(200, 300))
    want = answers_of(data, case.scratch)
    with sqlite3.connect(data / SQL) as connection:
        held = connection.execute("SELECT count(*) FROM embeddings_queue").fetchone()[0]
    require(held > 1100, f"the queue was purged to {held}")
    compare(bring_over(data, case.scratch), want)
    shutil.rmtree(segment(data, "kept"), ignore_errors=True)
    compare(bring_over(data, case.scratch), want)


def export_and_back(case: Case) -> None:
    """Out as JSON Lines, in again under another name, out again: the same content, the same bytes."""
    from sidecar import Sidecar
    first, second = case.scratch / "first.jsonl", case.scratch / "second.jsonl"
    with Sidecar(case.scratch / "backup") as sidecar:
        sidecar.operate("import", directory=str(case.data))
        store = "/".join(DEFAULT)
        done = sidecar.operate("export", store=store, file=str(first))
        require(done["bytes"] == first.stat().st_size, f"{done}")
        sidecar.operate("import", directory=str(first), store="fresh/copy")
        sidecar.operate("export", store="fresh/copy", file=str(second))
        require(first.read_bytes() == second.read_bytes(), "an export of an import differs")
        server = Server(sidecar.server)
        for each in server.collections("fresh", "copy"):
            got = server.content("fresh", "copy", each)
            want = server.content(*DEFAULT, next(c for c in server.collections(*DEFAULT)
                                                 if c["name"] == each["name"]))
            require(got == want, f"{each['name']} differs")
        text = sidecar.pannierctl("store", "export", "--store", store, "--file", str(first),
                                  "--wait", code=1)
        require(text == "", "an export over a file that exists")


def export_into_chroma(case: Case) -> None:
    """Into a running Chroma server of an empty directory, which then answers the same."""
    from sidecar import Sidecar
    with Sidecar(case.scratch / "backup") as sidecar, Chroma(case.scratch / "there") as there:
        sidecar.operate("import", directory=str(case.data))
        for store in ("/".join(DEFAULT), "/".join(directories.OTHER)):
            sidecar.operate("export", store=store, url=f"http://127.0.0.1:{there.server.port}")
        want, got = Server(sidecar.server).everything(), there.everything()
        require(got.keys() == want.keys(), f"collections {sorted(got)}")
        for key, content in want.items():
            require(got[key].metadata == content.metadata, f"{key}: metadata")
            require(got[key].configuration["hnsw"]["space"] == content.configuration["hnsw"]["space"],
                    f"{key}: space")
            require(list(got[key].records) == list(content.records), f"{key}: ids")
            for each, record in content.records.items():
                compare_record(f"{key} {each}", got[key].records[each], record)
                require(near(got[key].records[each].vector, record.vector), f"{key} {each}: vector")
        try:
            sidecar.operate("export", store="/".join(DEFAULT),
                            url=f"http://127.0.0.1:{there.server.port}")
        except Exception as error:
            require("already" in str(error), str(error))
        else:
            raise Failed("collections that exist were written over")


def not_chroma(case: Case) -> None:
    from sidecar import Failed as Refused
    for name, words in (("nothing", "no chroma.sqlite3"), ("foreign", "not Chroma's")):
        data = case.scratch / name
        data.mkdir()
        if name == "foreign":
            with sqlite3.connect(data / SQL) as connection:
                connection.execute("CREATE TABLE t(x)")
        try:
            bring_over(data, case.scratch)
        except Refused as error:
            require(words in str(error), f"{name}: {error}")
        else:
            raise Failed(f"{name} was imported")


CASES = [intact, torn_pickle, no_pickle, no_hnsw_files, short_data, no_header, no_lengths,
         holes_in_sqlite, short_sqlite, waiting_queue, write_ahead_log, killed_while_writing,
         kept_queue, export_and_back, export_into_chroma, not_chroma]


def main() -> int:
    launcher.use_venv()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("cases", nargs="*", help="only these")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="pannier-rescue-"))
    passed = failed = 0
    try:
        made = root / "made"
        directories.make(made, random.Random(arguments.seed))
        want = answers_of(made, root)
        for run in CASES:
            if arguments.cases and run.__name__ not in arguments.cases:
                continue
            scratch = root / run.__name__
            scratch.mkdir()
            data = scratch / "data"
            shutil.copytree(made, data)
            began = time.monotonic()
            try:
                run(Case(data, want, scratch, random.Random(arguments.seed)))
                passed += 1
                print(f"ok      {run.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception:   # one case must not hide the others
                failed += 1
                print(f"FAILED  {run.__name__}\n{traceback.format_exc()}", flush=True)
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"rescue: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
