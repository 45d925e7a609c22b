#!/usr/bin/env python3
"""Measures pannierd beside the stores and libraries that people use instead, on the same data, in turns.

    tests/bench/peers/run_peers.py [--records 10000] [--only pannierd,hnswlib] [--output FILE]

Each peer runs in a process of its own (peer.py). All are filled one after another; then every question
goes to all of them in turns, `--rounds` times, and the median counts. Queries ask for the ten nearest,
with documents and metadata where a peer has them, at the least effort that reaches a recall of .95, and
then of .99. Makes its own Python environment the first time (requirements.txt beside this file).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINE = HERE.parents[2] / "build" / "bin" / "pannier_engine"
sys.path[:0] = [str(HERE), str(HERE.parent)]
import report  # noqa: E402
RECALLS = (0.95, 0.99)
SHARES = {"50 %": 500, "10 %": 100, "1 %": 10, "0.1 %": 1}
SINGLE, HUNDREDS = 300, 2_000  # records that are added one by one, and by a hundred


def use_venv() -> None:
    """Runs this script again under an environment that has the peers, made when there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = Path(os.environ.get("PANNIER_BENCH_VENV") or cache / "pannier" / "bench-venv")
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    python = venv / "bin" / "python"
    wanted = HERE / "requirements.txt"
    done = venv / "done"
    if not done.exists() or done.read_text() != wanted.read_text():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        done.write_text(wanted.read_text())
    os.execv(str(python), [str(python), *sys.argv])


class Runner:
    """A peer's process."""

    def __init__(self, key: str, records: int):
        self.key = key
        self.folder = tempfile.TemporaryDirectory(prefix=f"pannier-bench-{key}-", ignore_cleanup_errors=True)
        self.log = open(Path(self.folder.name) / "log", "wb")
        store = Path(self.folder.name) / "store"
        store.mkdir()
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", key, str(store), str(records)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def ask(self, ask: str, **members):
        self.process.stdin.write(json.dumps({"ask": ask, **members}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.key} ended: {Path(self.log.name).read_bytes()[-600:].decode(errors='replace')}")
        return json.loads(line)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()


def fill(runner: Runner, records: int) -> dict:
    found = {"empty": runner.ask("open")}
    hundreds = min(HUNDREDS, records // 4)
    found["add 1"] = runner.ask("add", begin=0, end=SINGLE, size=1)["per_second"]
    found["add 100"] = runner.ask("add", begin=SINGLE, end=SINGLE + hundreds, size=100)["per_second"]
    found["add 1000"] = runner.ask("add", begin=SINGLE + hundreds, end=records, size=1000)["per_second"]
    found["indexed after s"] = runner.ask("settle")["seconds"]
    found["tuned"] = {str(recall): runner.ask("tune", recall=recall) for recall in RECALLS}
    return found


def median_of(runs: list[dict]) -> dict:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def query_in_turns(runners: list[Runner], found: dict, title: str, rounds: int, **question) -> None:
    runs: dict[str, list[dict]] = {runner.key: [] for runner in runners}
    for _ in range(rounds):
        for runner in runners:
            runs[runner.key].append(runner.ask("query", **question))
    for key, each in runs.items():
        found[key][title] = median_of(each)


def measure(runners: list[Runner], options) -> dict:
    found: dict[str, dict] = {}
    alive = []
    for runner in runners:
        try:
            found[runner.key] = fill(runner, options.records)
            alive.append(runner)
        except (RuntimeError, BrokenPipeError) as error:
            found[runner.key] = {"failed": str(error)}
        said = {name: value for name, value in found[runner.key].items() if not isinstance(value, dict)}
        print(f"{runner.key}: {said}", file=sys.stderr, flush=True)
    for recall in RECALLS:
        able = [runner for runner in alive if found[runner.key]["tuned"][str(recall)]["effort"]]
        for runner in able:
            runner.ask("use", effort=found[runner.key]["tuned"][str(recall)]["effort"])
        query_in_turns(able, found, f"query {recall}", options.rounds, seconds=options.seconds)
    for runner in alive:
        runner.ask("use", effort=found[runner.key]["tuned"]["0.95"]["effort"] or 512)
    for share, below in SHARES.items():
        able = [runner for runner in alive if peer_class(runner.key).filters]
        query_in_turns(able, found, f"filter {share}", options.rounds, seconds=options.seconds, below=below,
                       recall=True)
    for runner in alive:
        found[runner.key]["end"] = runner.ask("close")
    return found


def engine_alone(records: int) -> dict:
    """pannierd's index as a program of its own (engine.cc), at the least effort for each recall."""
    from dataset import EFFORTS, Data
    data = Data(records)
    done = subprocess.run([str(ENGINE), "--texts", str(data.folder), "--records", str(len(data.vectors)),
                           "--queries", "200", "--rounds", "9", "--two-cores", "--efforts", *map(str, EFFORTS)],
                          check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    found = {key: measured[key] for key in ("build_per_second", "bytes", "two_cores_over_one")}
    for recall in RECALLS:
        enough = [each for each in measured["efforts"] if each["recall"] >= recall]
        if enough:
            least = enough[0]
            found[f"query {recall}"] = {"cpu_us": least["us_per_query"], "per_second": 1e6 / least["us_per_query"],
                                        "effort": least["effort"], "recall": least["recall"]}
    return found


def peer_class(key: str):
    from libraries import LIBRARIES
    from stores import STORES
    return {**STORES, **LIBRARIES}[key]


def names() -> list[str]:
    peer_class("pannierd")
    from libraries import LIBRARIES
    from stores import STORES
    return [*STORES, *LIBRARIES]


def cell(found: dict, key: str) -> str:
    value = found.get(key)
    if isinstance(value, dict) and "p50_us" in value:
        recall = f", recall {value['recall']:.3f}" if "recall" in value else ""
        return f"{value['per_second']:,.0f}/s ({value['p50_us']:,.0f} µs, CPU {value['cpu_us']:,.0f}{recall})"
    return "–" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def table(document: dict) -> list[str]:
    keys = ["add 1", "add 100", "add 1000", "indexed after s", *(f"query {recall}" for recall in RECALLS),
            *(f"filter {share}" for share in SHARES)]
    rows = []
    for key, found in document["peers"].items():
        peer = peer_class(key)
        title = peer.name + (f" ({peer.without})" if peer.without else "")
        if "failed" in found:
            reason = found["failed"].strip().splitlines()[-1].removeprefix(f"{key} ended: ")
            rows.append([title, f"does not run here: {reason}", *[""] * len(keys)])
            continue
        end = found["end"]
        rows.append([title, *(cell(found, each) for each in keys),
                     f"{end['resident_mib']:,.0f}, {end['disk_mib']:,.0f}"])
    return report.table(["peer", *keys, "RSS, disk MiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.0, help="per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="keys of peers, with commas")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else names()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        runners = [Runner(key, options.records) for key in wanted]
        for runner in runners:
            stack.callback(runner.end)
        document = {"records": options.records, "peers": measure(runners, options)}
        document["engine"] = [engine_alone(options.records) for _ in range(options.rounds)]
    document["took_seconds"] = round(time.monotonic() - began)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n")
    print("\n".join(table(document)))


if __name__ == "__main__":
    use_venv()
    if sys.argv[1:2] == ["--serve"]:
        import peer
        peer.serve(peer_class(sys.argv[2])(), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
