#!/usr/bin/env python3
"""Shows Pannier's main job on real input: four processes share stores, and a kill loses nothing.

Starts the daemon on a Unix socket in a fresh folder, writes some 4,000 package descriptions with
the stock Chroma client from four processes at once, queries them by meaning, metadata and text,
kills the daemon in the middle of writing, and checks that every acknowledged record is there.
Exit code 0 says that all checks held.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "clients" / "python" / "src")]
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")

WRITING_SECONDS = 1.0
MEANINGS = [("desktop", "edit photos"), ("desktop", "free image editor from GNU"),
            ("desktop", "play chess"), ("tools", "back up files to another machine")]


def use_venv() -> None:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    venv = Path(os.environ.get("PANNIER_VENV") or Path(cache) / "pannier" / "venv")
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    python = venv / "bin" / "python"
    if not python.exists():
        sys.exit(f"error: no Python environment at {venv}\ntry: scripts/deps.sh")
    os.execv(str(python), [str(python), *sys.argv])


def shown(result: dict, row: int = 0) -> list[tuple]:
    """A query's answers as a table: distance, section, text."""
    return [(distance, metadata["section"], text) for distance, metadata, text in zip(
        result["distances"][row], result["metadatas"][row], result["documents"][row])]


def collect_documents(screen, documents):
    screen.heading("1  Real documents")
    with screen.step("read package descriptions from ") as more:
        found, source = documents.collect()
        more.append(f"{source}: {len(found):,}")
    with screen.step("loaded wordllama, 256 dimensions, weights from its package"):
        model = documents.load_model()
    if len(found) < 200:
        sys.exit("error: this machine has too few documents\ntry: sudo apt-get update")
    return found, model


def ingest(screen, checks, workers, pannier, daemon, found, model) -> None:
    screen.heading("2  Four worker processes write to two stores at once")
    began = time.monotonic()
    reports = workers.ingest_all(daemon.socket, found, model)
    took = time.monotonic() - began
    for number, (written, spent) in enumerate(reports, 1):
        screen.line(f"worker {number}: {written:>5,} records in batches of {workers.BATCH}; "
                    f"embedding {spent['embed']:.2f} s, writing", spent["write"])
    screen.line(f"all: {len(found) / took:,.0f} records a second", took)
    counts = {}
    for store in workers.STORES:
        with pannier.connect(daemon.socket, database=store) as client:
            counts[store] = workers.collection(client).count()
    wanted = {s: sum(d.store == s for d in found) for s in workers.STORES}
    checks.expect(counts == wanted, "every record is counted: " + ", ".join(
        f"{store} {count:,}" for store, count in counts.items()))


def query_by_meaning(screen, checks, documents, clients, model) -> None:
    screen.heading("3  Query by meaning (vectors)")
    found = {}
    for store, question in MEANINGS:
        vector = documents.embed(model, [question])
        with screen.step(f"“{question}” in {store}"):
            result = clients[store].query(query_embeddings=vector, n_results=5)
        screen.rows(shown(result))
        found[question] = result
    sections = [metadata["section"] for metadata in found["edit photos"]["metadatas"][0]]
    checks.expect(sections.count("graphics") >= 3, "“edit photos” finds graphics programs")
    if clients["desktop"].get(ids=["gimp"])["ids"]:        # it is where apt knows all packages
        checks.expect("gimp" in found["free image editor from GNU"]["ids"][0],
                      "“free image editor from GNU” finds GIMP")


def query_by_metadata(screen, checks, documents, clients, model, found) -> None:
    screen.heading("4  Query by metadata")
    where = {"$and": [{"section": "graphics"}, {"size": {"$gt": 5_000_000}}]}
    with screen.step("graphics packages above 5 MB, nearest to “draw in three dimensions”"):
        result = clients["desktop"].query(
            query_embeddings=documents.embed(model, ["draw in three dimensions"]),
            n_results=3, where=where)
    screen.rows([(f"{m['size'] / 1e6:,.1f} MB", text) for m, text in zip(
        result["metadatas"][0], result["documents"][0])])
    with screen.step("all of them") as more:
        ids = clients["desktop"].get(where=where, include=[])["ids"]
        more.append(f": {len(ids):,}")
    right = {d.name for d in found if d.metadata["section"] == "graphics"
             and d.metadata["size"] > 5_000_000}
    checks.expect(set(ids) == right, f"exactly the {len(right)} that Python finds")


def query_by_text(screen, checks, clients, found) -> None:
    import re

    screen.heading("5  Query by text")
    tests = [("desktop", "$contains", "chess", lambda text: "chess" in text),
             ("tools", "$regex", r"(?i)\bbackup\b.*\brestore\b",
              lambda text: re.search(r"(?i)\bbackup\b.*\brestore\b", text))]
    for store, operator, operand, holds in tests:
        with screen.step(f"{operator} {operand} in {store}") as more:
            result = clients[store].get(where_document={operator: operand})
            more.append(f": {len(result['ids'])}")
        screen.rows([(text,) for text in result["documents"][:3]] or [("(none)",)])
        right = {d.name for d in found if d.store == store and holds(d.text)}
        checks.expect(set(result["ids"]) == right, f"exactly the {len(right)} that Python finds")


def show_metrics(screen, before: dict, after: dict, skip=()) -> None:
    screen.heading("7  Metrics that moved before the kill")
    moved = [(name, after[name] - before.get(name, 0.0)) for name in sorted(after)
             if after[name] != before.get(name, 0.0) and not name.endswith(skip)]
    screen.rows([(name, f"{change:+,.6g}") for name, change in moved[:24]] or [("(none)", "")])


def crash(screen, checks, workers, pannier, daemon) -> dict:
    screen.heading("6  SIGKILL in the middle of writing")
    processes, journals = workers.start_crash_writers(daemon.socket, daemon.folder)
    workers.wait_until_writing(journals)
    time.sleep(WRITING_SECONDS)
    metrics = daemon.metrics()
    daemon.kill()
    for process in processes:
        process.join(30)
    ids = workers.acknowledged(journals)
    screen.line(f"killed while four workers were writing; {len(ids):,} records had been acknowledged")
    checks.expect(bool(ids) and all(p.exitcode == 0 for p in processes),
                  "all four were writing when the daemon was killed")
    screen.line("the daemon starts again and answers after", daemon.start())
    with pannier.connect(daemon.socket, database=workers.CRASH_STORE) as client:
        verify(screen, checks, workers, workers.collection(client), ids)
    return metrics


def verify(screen, checks, workers, target, ids: list[str]) -> None:
    with screen.step("read all records back"):
        have = target.get(include=["documents"])
    texts = dict(zip(have["ids"], have["documents"]))
    lost = [i for i in ids if texts.get(i) != f"text of {i}"]
    checks.expect(not lost, f"{len(ids) - len(lost):,} of {len(ids):,} acknowledged records are "
                            f"readable")
    missed = 0
    with screen.step("looked for each by its vector"):
        for at in range(0, len(ids), 200):
            part = ids[at:at + 200]
            nearest = target.query(query_embeddings=[workers.vector_of(i) for i in part],
                                   n_results=1, include=[])["ids"]
            missed += sum(found != [i] for found, i in zip(nearest, part))
    checks.expect(not missed, f"{len(ids) - missed:,} of {len(ids):,} are found by query")
    batches: dict[str, int] = {}
    for record in texts:
        key = record.rsplit("-", 1)[0]
        batches[key] = batches.get(key, 0) + 1
    torn = [key for key, count in batches.items() if count != workers.CRASH_BATCH]
    extra = len(batches) - len(ids) // workers.CRASH_BATCH
    checks.expect(not torn, f"no batch is there in part ({extra} whole ones had been written but "
                            "not yet acknowledged)")


def farewell(screen, daemon) -> None:
    screen.heading("Go on with it")
    screen.line("The data is kept. Start the daemon:")
    print(f"    {shlex.join(daemon.command)}")
    screen.line("and connect, from any number of processes:")
    print(f"    PYTHONPATH={shlex.quote(str(ROOT / 'clients/python/src'))} "
          f"PANNIER_SOCKET={shlex.quote(daemon.socket)} {sys.executable}")
    print("    >>> import pannier\n"
          "    >>> client = pannier.connect(database=\"desktop\")\n"
          "    >>> packages = client.get_collection(\"packages\", embedding_function=None)\n"
          "    >>> packages.get(where_document={\"$contains\": \"chess\"}, limit=3)")


def show(daemon, screen) -> list[str]:
    import documents
    import pannier
    import workers

    checks = screen.Checks()
    found, model = collect_documents(screen, documents)
    before = daemon.metrics()
    ingest(screen, checks, workers, pannier, daemon, found, model)
    with pannier.connect(daemon.socket, database="desktop") as one, \
            pannier.connect(daemon.socket, database="tools") as other:
        clients = {"desktop": workers.collection(one), "tools": workers.collection(other)}
        query_by_meaning(screen, checks, documents, clients, model)
        query_by_metadata(screen, checks, documents, clients, model, found)
        query_by_text(screen, checks, clients, found)
    show_metrics(screen, before, crash(screen, checks, workers, pannier, daemon))
    with pannier.connect(daemon.socket, database="desktop") as client:
        checks.expect(workers.collection(client).count() == sum(d.store == "desktop" for d in found),
                      "the other stores are as they were")
    checks.expect(daemon.stop() == 0, "SIGTERM: the daemon drained and ended with 0")
    return checks.failed


def parse(arguments: list[str], folder: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dir", type=Path, default=folder, help="its folder, emptied first")
    parser.add_argument("--daemon", type=Path, default=ROOT / "build" / "bin" / "pannierd")
    parser.add_argument("--verbose", action="store_true", help="tracebacks")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    import daemon as daemons
    import screen

    logging.getLogger("httpx").setLevel(logging.WARNING)
    options = parse(arguments, daemons.default_folder())
    began = time.monotonic()
    daemon = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        daemon = daemons.Daemon(options.daemon, daemons.fresh_folder(options.dir.resolve()))
        print(f"Pannier: {daemon.command[0]}\nin {daemon.folder}", flush=True)
        screen.line("the daemon starts and takes connections after", daemon.start())
        failed = show(daemon, screen)
        farewell(screen, daemon)
        screen.heading(f"{'FAILED: ' + '; '.join(failed) if failed else 'All checks held'} "
                       f"in {time.monotonic() - began:.1f} s")
        return 1 if failed else 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:                       # a reader of the demo needs no traceback
        if options.verbose:
            raise
        log = f"\nlog: {daemon.log}" if daemon else ""
        print(f"error: {error}{log}\ntry: again with --verbose", file=sys.stderr)
        return 1
    finally:
        if daemon:
            daemon.kill()


if __name__ == "__main__":
    use_venv()
    sys.exit(main(sys.argv[1:]))
