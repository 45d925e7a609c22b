#!/usr/bin/env python3
"""Measures pannierd against Chroma's real server on the same data, in turns.

All servers run at once; of each measurement every server takes its turn in every round, in changing
order, so that what disturbs the machine disturbs them alike. The figures are medians over the rounds.

    tests/bench/run_bench.py            all of it; writes docs/benchmarks.md
    tests/bench/run_bench.py --quick    small, printed only
    tests/bench/run_bench.py --servers  without other peers and the operator; writes the page
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import launcher  # noqa: E402
import operator_scale  # noqa: E402
import report  # noqa: E402
import snapshots  # noqa: E402

SERVERS = [("pannierd, socket", "pannierd", "socket"), ("pannierd, TCP", "pannierd", "tcp"),
           ("Chroma, TCP", "chroma", "tcp")]
CHROMA = SERVERS[-1][0]
IDLE_CONNECTIONS = 2_000

# name, arguments of pannier_bench; {…} is filled in from the size of the run.
ADDS = [
    ("add 1, 1 connection", ["add", "--batch", "1", "--requests", "{adds}"]),
    ("add 1, 4 connections", ["add", "--batch", "1", "--requests", "{adds}", "--connections", "4"]),
    ("add 100", ["add", "--batch", "100", "--requests", "{adds100}"]),
    ("add 1000", ["add", "--batch", "1000", "--requests", "{adds1000}"]),
]
QUERIES = [
    ("query, 1 connection", ["query"]),
    ("query, 4 connections", ["query", "--connections", "4"]),
    ("query, 1 % match", ["query", "--where", '{"uniform":{"$lt":10}}']),
    ("query, 10 % match", ["query", "--where", '{"uniform":{"$lt":100}}']),
    ("query, 50 % match", ["query", "--where", '{"uniform":{"$lt":500}}']),
]
OPEN_LOOP = "query, open loop"


class Bench:
    """The load generator and the servers it is pointed at."""

    def __init__(self, program: Path, common: list[str]):
        self.program = program
        self.common = common
        self.servers: dict[str, launcher.Server] = {}

    def run(self, name: str, arguments: list[str]) -> dict:
        server = self.servers[name]
        address = (f"unix:{server.socket_path}" if server.socket_path
                   else f"http://{server.host}:{server.port}")
        command = [str(self.program), *arguments, *self.common,
                   "--address", address, "--pid", str(server.process.pid)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"error: {' '.join(arguments)} on {name}: {done.stderr.strip()}\n"
                     f"{server.tail()}")
        result = json.loads(done.stdout)
        if result.get("refused"):
            sys.exit(f"error: {name} refused {result['refused']} requests of {arguments}")
        return result

    def rounds(self, label: str, arguments: list[str], count: int) -> dict:
        """Every server's results, one per round: {server: [result]}."""
        results: dict[str, list[dict]] = {name: [] for name in self.servers}
        for number in range(count):
            order = list(self.servers)
            for name in order[number % len(order):] + order[:number % len(order)]:
                results[name].append(self.run(name, arguments))
        say(f"{label:24}" + "   ".join(f"{name}: {brief(runs)}" for name, runs in results.items()))
        return results


def say(text: str) -> None:
    print(text, flush=True)


def brief(runs: list[dict]) -> str:
    for key, form in (("records_per_second", "{:,.0f} records/s"), ("p50_us", "p50 {:,.0f} us"),
                      ("recall", "recall {:.4f}"), ("server_cpu_percent", "{:.2f} % CPU"),
                      ("seconds", "{:.1f} s")):
        if key in runs[0]:
            return form.format(statistics.median(run[key] for run in runs))
    return ""


def build() -> Path:
    """The load generator beside the daemon that is measured; both in release mode."""
    folder = launcher.default_binary().parents[1]
    done = subprocess.run(["ninja", "-C", str(folder), "pannierd", "pannier_bench",
                           "pannier-operator"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: the build failed; try: make build\n{done.stdout[-2000:]}")
    return folder / "bin" / "pannier_bench"


def first_line(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return "unknown"


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def sync_cost_us(folder: str) -> float:
    """What one durable append of 4 KiB costs where the servers keep their data."""
    block = b"x" * 4096
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(200):
            began = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def machine() -> dict:
    folder = tempfile.gettempdir()
    return {
        "processor": first_line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": os.uname().release,
        "file_system": output_of("stat", "-f", "-c", "%T", folder),
        "sync_4k_us": round(sync_cost_us(folder), 1),
        "load_before": round(os.getloadavg()[0], 1),
    }


def versions() -> dict:
    commit = output_of("git", "rev-parse", "--short=12", "HEAD")
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no", "--",
                        "daemon", "lib", "CMakeLists.txt", "tests/bench")
    chroma = output_of(str(launcher.venv() / "bin" / "python"), "-c",
                       "import importlib.metadata as m; print(m.version('chromadb'))")
    return {"commit": commit + (" with changes" if changed else ""), "chroma": chroma,
            "compiler": output_of("c++", "--version").splitlines()[0]}


def measure(bench: Bench, options: argparse.Namespace) -> dict:
    sizes = {"adds": 20_000, "adds100": 200, "adds1000": 30}
    if options.quick:
        sizes = {"adds": 3_000, "adds100": 40, "adds1000": 5}
    seconds = ["--seconds", str(options.seconds)]
    results = {"fill": bench.rounds("fill", ["fill"], 1)}
    for label, arguments in ADDS:
        filled = [argument.format(**sizes) for argument in arguments]
        results[label] = bench.rounds(label, filled + seconds, options.rounds)
    for label, arguments in QUERIES:
        results[label] = bench.rounds(label, arguments + seconds, options.rounds)
    # Half of what the slower server can do: both are asked the same, at the same moments.
    closed = statistics.median(run["requests_per_second"]
                               for run in results["query, 4 connections"][CHROMA])
    rate = max(round(closed / 2), 1)
    arguments = ["query", "--rate", str(rate), "--connections", "16"]
    results[OPEN_LOOP] = bench.rounds(OPEN_LOOP, arguments + seconds, options.rounds)
    for runs in results[OPEN_LOOP].values():
        for run in runs:
            run["rate"] = rate
    results["recall@10"] = bench.rounds("recall@10", ["recall"], 1)
    results["idle"] = bench.rounds(
        "idle", ["idle", "--connections", str(IDLE_CONNECTIONS), "--seconds", "5"], 1)
    return results


def beside_peers(folder: Path, options: argparse.Namespace) -> dict:
    """What peers/run_peers.py measures, in its own Python environment."""
    output = folder / "peers.json"
    folder.mkdir(parents=True, exist_ok=True)
    size = ["--records", "2000", "--rounds", "1", "--seconds", "0.3"] if options.quick else []
    subprocess.run([sys.executable, str(Path(__file__).parent / "peers" / "run_peers.py"), *size,
                    "--seed", str(options.seed), "--output", str(output)], check=True,
                   stdout=subprocess.DEVNULL)
    return json.loads(output.read_text())


def of_operator(folder: Path) -> dict | None:
    """Its figures, with when and of what; nothing when it did not come to its end, which ends nothing else."""
    load = round(os.getloadavg()[0], 1)
    try:
        figures = operator_scale.measure(keep=folder / "operator.json")
    except (AssertionError, TimeoutError) as error:
        say(f"the operator was not measured: {error}")
        return None
    figures.update(date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), load_before=load,
                   commit=output_of("git", "rev-parse", "--short=12", "HEAD"))
    say(operator_scale.brief(figures))
    return figures


def operator_alone(output: Path) -> None:
    """Measures the operator and puts its figures beside those of the last whole run."""
    document = json.loads(output.read_text())
    figures = of_operator(output.parent)
    if figures is None:
        sys.exit(1)
    document["operator"] = figures
    output.write_text(json.dumps(document, indent=1) + "\n")
    (ROOT / "docs" / "benchmarks.md").write_text(report.render(document))


def main() -> None:
    launcher.use_venv()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and short; prints only")
    parser.add_argument("--records", type=int, help="in the collection that is queried")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="per measurement")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    parser.add_argument("--servers", action="store_true",
                        help="beside Chroma's server, and snapshots; neither other peers nor the operator")
    parser.add_argument("--operator", action="store_true",
                        help="the operator alone; other figures stay as the last run left them")
    options = parser.parse_args()
    options.records = options.records or (2_000 if options.quick else 20_000)
    options.store_bytes = 50_000_000 if options.quick else 1_000_000_000
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 3)

    program = build()
    output = options.output or program.parents[1] / "bench" / "results.json"
    if options.operator:
        return operator_alone(output)
    common = ["--records", str(options.records), "--dimension", str(options.dimension),
              "--seed", str(options.seed)]
    bench = Bench(program, common)
    began = time.monotonic()
    document = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
                "machine": machine(), "versions": versions(),
                "data": {"records": options.records, "dimension": options.dimension,
                         "seed": options.seed, "document_bytes": 1024},
                "rounds": options.rounds, "seconds": options.seconds}
    with contextlib.ExitStack() as stack:
        for name, kind, transport in SERVERS:
            bench.servers[name] = stack.enter_context(launcher.start(kind, transport))
        document["results"] = measure(bench, options)
    document["snapshots"] = snapshots.measure(options.store_bytes, snapshots.ROUNDS)
    say(snapshots.brief(document["snapshots"]))
    if not options.servers:
        document["peers"] = beside_peers(program.parents[1] / "bench", options)
    if not options.quick and not options.servers:
        document["operator"] = of_operator(program.parents[1] / "bench")
    document["took_seconds"] = round(time.monotonic() - began)

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=1) + "\n")
    say(f"\nresults: {output}")
    if options.quick:
        say(report.render(document))
    else:
        page = ROOT / "docs" / "benchmarks.md"
        page.write_text(report.render(document))
        say(f"report: {page}")


if __name__ == "__main__":
    main()
