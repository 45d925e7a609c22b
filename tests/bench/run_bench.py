#!/usr/bin/env python3
"""Measures pannierd beside what people use instead, and what it costs by itself; writes docs/benchmarks.md.

    tests/bench/run_bench.py                      all parts, about an hour
    tests/bench/run_bench.py servers fleet        these; others stay as the last run left them
    tests/bench/run_bench.py --quick              beside Chroma's server, small and short, printed only
    tests/bench/run_bench.py --compare COMMIT     the index alone, at that commit and as it is here, in turns

Each part keeps its figures in build/bench/PART.json.
"""

from __future__ import annotations

import argparse
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

if __name__ == "__main__":
    launcher.use_venv()
import fleet  # noqa: E402
import growth  # noqa: E402
import operator_scale  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
import snapshots  # noqa: E402

PROGRAMS = ("pannierd", "pannier_bench", "pannier_engine", "pannier-operator")
SIZES = (10_000, None)  # None: all there are
ROUNDS, SECONDS = 3, 2.0


def build(source: Path = ROOT) -> Path:
    """The programs, in release mode; the folder they lie in."""
    folder = source / "build"
    subprocess.run(["cmake", "-S", str(source), "-B", str(folder), "-G", "Ninja",
                    "-DCMAKE_BUILD_TYPE=RelWithDebInfo"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["ninja", "-C", str(folder), *PROGRAMS], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: the build failed; try: make build\n{done.stdout[-2000:]}")
    return folder / "bin"


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
    return {"processor": first_line("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory_gib": round(int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
            "kernel": os.uname().release, "file_system": output_of("stat", "-f", "-c", "%T", folder),
            "sync_4k_us": round(sync_cost_us(folder), 1), "compiler": output_of("c++", "--version").splitlines()[0]}


def origin() -> dict:
    """Of what, when and on how busy a machine something is measured."""
    commit = output_of("git", "rev-parse", "--short=12", "HEAD")
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no", "--", "daemon", "lib", "CMakeLists.txt")
    return {"commit": commit + (" with changes" if changed else ""), "load_before": round(os.getloadavg()[0], 1),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")}


def of_servers(programs: Path) -> dict:
    return {"sizes": [servers.measure(programs / "pannier_bench", size, ROUNDS, SECONDS) for size in SIZES]}


def of_peers(programs: Path) -> dict:
    """In their own Python environment."""
    output = programs.parent / "bench" / "run_peers.json"
    subprocess.run([sys.executable, str(Path(__file__).parent / "peers" / "run_peers.py"), "--output", str(output)],
                   check=True, stdout=subprocess.DEVNULL)
    return json.loads(output.read_text())


def of_operator(programs: Path) -> dict:
    return operator_scale.measure(keep=programs.parent / "bench" / "operator_run.json")


PARTS = {
    "servers": of_servers,
    "peers": of_peers,
    "fleet": lambda _programs: fleet.measure(),
    "growth": lambda programs: {"sizes": growth.measure(programs / "pannier_bench")},
    "snapshots": lambda _programs: snapshots.measure(1_000_000_000, snapshots.ROUNDS),
    "operator": of_operator,
}


def measure(part: str, programs: Path, folder: Path) -> None:
    """A part that does not come to its end leaves its last figures, and ends nothing else."""
    found = origin()
    try:
        found.update(PARTS[part](programs))
    except (AssertionError, RuntimeError, TimeoutError) as error:
        servers.say(f"{part} was not measured: {error}")
        return
    (folder / f"{part}.json").write_text(json.dumps(found, indent=1) + "\n")


def render(folder: Path, docs: Path) -> None:
    document = {"machine": machine()}
    for part in PARTS:
        path = folder / f"{part}.json"
        if path.exists():
            document[part] = json.loads(path.read_text())
    (docs / "benchmarks.md").write_text(report.render(document))
    (docs / "benchmarks").mkdir(exist_ok=True)
    for name, picture in report.charts(document).items():
        (docs / "benchmarks" / name).write_text(picture)


def quick(programs: Path) -> None:
    figures = servers.measure(programs / "pannier_bench", 10_000, 1, 0.5)
    servers.say("\n" + "\n".join(report.one_size(figures)))


def compare(commit: str) -> None:
    """The least time of each effort over rounds in turns: what a change of the index did."""
    folder = servers.Data(1).folder
    with tempfile.TemporaryDirectory(prefix="pannier-bench-") as scratch:
        other = Path(scratch) / "source"
        subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "--detach", str(other), commit], check=True)
        try:
            programs = {commit: build(other), "here": build()}
            best: dict[str, dict[int, float]] = {name: {} for name in programs}
            for _ in range(ROUNDS):
                for name, bin_folder in programs.items():
                    done = subprocess.run([str(bin_folder / "pannier_engine"), "--texts", str(folder), "--records", "50000"],
                                          check=True, capture_output=True, text=True)
                    for each in json.loads(done.stdout)["efforts"]:
                        known = best[name].get(each["effort"], float("inf"))
                        best[name][each["effort"]] = min(known, each["us_per_query"])
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(other)], check=True)
    for effort, before in best[commit].items():
        after = best["here"][effort]
        servers.say(f"ef {effort:3}: {before:7.1f} us at {commit}, {after:7.1f} here: {after / before:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small and short; prints only")
    parser.add_argument("--compare", metavar="COMMIT", help="the index alone, against that commit")
    parser.add_argument("--render", action="store_true", help="the page of what was measured before")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if options.compare:
        return compare(options.compare)
    programs = build()
    folder = programs.parent / "bench"
    folder.mkdir(exist_ok=True)
    if options.quick:
        return quick(programs)
    for part in [] if options.render else options.parts or PARTS:
        measure(part, programs, folder)
    render(folder, ROOT / "docs")
    servers.say("report: docs/benchmarks.md")


if __name__ == "__main__":
    main()
