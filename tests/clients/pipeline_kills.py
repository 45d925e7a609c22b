#!/usr/bin/env python3
"""Kills the pipeline example at random, and runs it again, until it ends with the same records.

What is killed: the program with its workers, one worker, a daemon of a step, or all at once as a
machine would. Over a real S3 server. One closing line; exit code 1 when records differ, a run fails
that nobody killed, or something is left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
sys.path.insert(0, str(ROOT / "tests" / "clients"))
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
sys.path.insert(0, str(ROOT / "clients" / "python" / "examples"))
import launcher  # noqa: E402
import s3_server  # noqa: E402

EXAMPLE = ROOT / "clients" / "python" / "examples" / "pipeline_example.py"
VICTIMS = ("program", "worker", "daemon", "machine")
KILL_WITHIN_SECONDS = 5.0  # of its work; whole runs take ten or more
RUN_SECONDS = 300


class Failure(AssertionError):
    """What should not be."""


def processes_below(folder: Path) -> list[int]:
    """The daemons whose data is below `folder`."""
    found = []
    for page in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = page.read_bytes().split(b"\0")
            if b"--data" in words and words[words.index(b"--data") + 1].startswith(os.fsencode(folder)):
                found.append(int(page.parent.name))
    return found


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class Pipeline:
    """One pipeline, in a place of its own, whose program is started as often as needed."""

    def __init__(self, folder: Path, number: int, environment: dict) -> None:
        self.name, self.folder = f"texts-{number}", folder / str(number)
        self.folder.mkdir()
        self.work, self.store = self.folder / "work", self.folder / "store"
        self._environment = {**os.environ, **environment, "PIPELINE": self.name, "WORK": str(self.work),
                             "PANNIERD": str(launcher.default_binary()),
                             "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(EXAMPLE), str(self.store)], env=self._environment, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=launcher.die_with_parent)

    def await_work(self) -> None:
        """Returns when the first step has begun, or the program has ended: imports alone may take long."""
        until = time.monotonic() + RUN_SECONDS
        while self.process.poll() is None and not list(self.work.glob("*/*")):
            if time.monotonic() > until:
                raise Failure(f"it does not begin: {self.tail()}")
            time.sleep(0.02)

    def kill(self, victim: str, chance: random.Random) -> bool:
        """False: there was none of that kind."""
        if victim in ("worker", "daemon"):
            found = children_of(self.process.pid) if victim == "worker" else processes_below(self.folder)
            with contextlib.suppress(ProcessLookupError):
                if found:
                    os.kill(chance.choice(found), signal.SIGKILL)
                    return True
            return False
        if victim == "machine":
            for pid in processes_below(self.folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def check(self) -> None:
        """The records are those of a run that nobody killed, and nothing is left."""
        os.environ.update({key: self._environment[key] for key in self._environment
                           if key.startswith(("S3_", "PANNIERD", "PIPELINE"))})
        import pannier
        import pipeline_example as example

        expected = {}
        for number in range(example.CHUNKS):
            chunk = example.read_chunk(number)
            rows = zip(chunk["ids"], chunk["documents"], chunk["metadatas"], chunk["embeddings"])
            expected.update({row[0]: row[1:] for row in rows})
        with pannier.PersistentClient(self.store) as client:
            found = client.get_collection("paragraphs", embedding_function=None).get(
                include=["documents", "metadatas", "embeddings"])
        rows = zip(found["ids"], found["documents"], found["metadatas"], found["embeddings"].tolist())
        if {row[0]: row[1:] for row in rows} != expected:
            raise Failure(f"{len(found['ids'])} records, not the {len(expected)} that were written")
        until = time.monotonic() + 30
        while left := [*(self.work / self.name).iterdir(), *processes_below(self.folder)]:
            if time.monotonic() > until:
                raise Failure(f"left behind: {left}")
            time.sleep(0.1)


def run(rounds: int, seed: int, folder: Path) -> dict:
    """Counts of what was killed, and of pipelines that came to their end."""
    chance = random.Random(seed)
    counts = {**dict.fromkeys(VICTIMS, 0), "pipelines": 0, "runs": 0}
    with s3_server.start(folder, "texts") as environment:
        kills, number = 0, 0
        while kills < rounds:
            pipeline = Pipeline(folder, number, environment)
            number += 1
            kills += finish(pipeline, rounds - kills, chance, counts)
            pipeline.check()
            counts["pipelines"] += 1
            shutil.rmtree(pipeline.folder)
    return counts


def finish(pipeline: Pipeline, kills_max: int, chance: random.Random, counts: dict) -> int:
    """Runs a pipeline to its end; returns how often something was killed."""
    kills, pardoned = 0, True
    pipeline.start()
    try:
        while True:
            counts["runs"] += 1
            pipeline.await_work()
            until = time.monotonic() + RUN_SECONDS
            while pipeline.process.poll() is None:
                if kills >= kills_max:
                    pipeline.process.wait(RUN_SECONDS)
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pipeline.process.wait(chance.uniform(0, KILL_WITHIN_SECONDS))
                    break
                victim = chance.choice(VICTIMS)
                if pipeline.kill(victim, chance):
                    kills += 1
                    counts[victim] += 1
                    pardoned = False if victim != "daemon" else pardoned
                if time.monotonic() > until:
                    raise Failure(f"no end of it: {pipeline.tail()}")
            if pipeline.process.returncode == 0:
                return kills
            if pardoned:
                raise Failure(f"it failed although nobody killed it: {pipeline.tail()}")
            pardoned = True
            pipeline.start()
    finally:
        pipeline.end()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=50, help="kills in all")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    folder, began = Path(tempfile.mkdtemp(prefix="pannier-pipeline-")), time.monotonic()
    try:
        counts = run(options.rounds, options.seed, folder)
    except Failure as failure:
        print(f"{failure}\nseed {options.seed}; {folder} is kept\n0 passed, 1 failed")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"pipeline kills: {said} in {time.monotonic() - began:.0f} s, seed {options.seed}")
    print(f"{options.rounds} passed, 0 failed")
    return 0


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
