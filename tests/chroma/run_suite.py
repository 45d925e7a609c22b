#!/usr/bin/env python3
"""Runs Chroma's own test-suite, as it is in the installed wheel, against a server.

Each part of the suite gets a pytest process and a fresh server of its own. What passes on Chroma's
real server is listed in passing_on_chroma.txt (made by --server chroma --record); every test of that
list must pass on the server under test. Printed are the failures, and one closing line.

Exit codes: 0 all listed tests passed, 1 some did not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

import launcher

HERE = Path(__file__).resolve().parent
LIST = HERE / "passing_on_chroma.txt"
UNLISTED = "unlisted that did not pass"  # on Chroma's server they do not, or not always
ORDER = ("failed", "passed", "skipped", "xfailed", "error", UNLISTED)

# Parts of the suite: what pytest is given. Cut so that two processes finish at about the same time.
CORE = {
    "api": ["api"],
    "test_api": ["test_api.py"],
    "client": ["client", "test_client.py", "test_chroma.py"],
    "rest": ["configurations", "data_loader", "ef/test_multimodal_ef.py", "ef/test_custom_ef.py",
             "test_multithreaded.py", "stress"],
}
PROPERTY = {
    name: [f"property/test_{name}.py"]
    for name in ("embeddings", "add", "filtering", "collections",
                 "collections_with_database_tenant", "schema", "base64_conversion", "client_url",
                 "fork")
}
SELECTIONS = {"core": CORE, "property": PROPERTY, "all": {**CORE, **PROPERTY}}

# With --transport persistent also: tests of chromadb.PersistentClient itself, which is then ours.
EMBEDDED = "embedded"
EMBEDDED_TESTS = {f"test_client.py::test_{name}[single-region]" for name in (
    "persistent_client", "persistent_client_close", "persistent_client_context_manager",
    "client_close_idempotent")}
PATHS = {**CORE, **PROPERTY, EMBEDDED: ["test_client.py"]}

# Listed nowhere though they may pass: they decide nothing about a server.
NOT_ABOUT_SERVERS = {
    # Hypothesis' health check on how long its own data takes to make; depends on the machine.
    "property/test_base64_conversion.py::test_base64_conversion_is_identity_f16",
}


@dataclass
class Outcome:
    part: str
    tests: dict[str, dict] = field(default_factory=dict)
    output: str = ""
    code: int = 0
    broken: bool = False  # the server, whatever the tests say


def suite_folder() -> Path:
    found = sorted(launcher.venv().glob("lib/python3*/site-packages/chromadb/test"))
    if not found:
        sys.exit("error: chromadb is not installed\ntry: scripts/deps.sh")
    return found[0]


def short(test_id: str) -> str:
    return test_id.removeprefix("chromadb/test/")


def environment_for(part: str, work: Path, port: int) -> tuple[dict, list[str]]:
    """Environment and plug-ins that every part of the suite gets."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE / "plugins"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(work),
        "PATH": f"{launcher.venv() / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "CHROMA_INTEGRATION_TEST_ONLY": "1",
        "CHROMA_SERVER_HOST": "localhost",
        "CHROMA_SERVER_HTTP_PORT": str(port),
        "ANONYMIZED_TELEMETRY": "False",
        "PROPERTY_TESTING_PRESET": "fast",
        "PANNIER_SUITE_OUTCOMES": str(work / "outcomes"),
    }
    if part == EMBEDDED:
        del environment["CHROMA_INTEGRATION_TEST_ONLY"]
    return environment, ["default_embedding", "outcomes"]


@contextlib.contextmanager
def served(part: str, options: argparse.Namespace, work: Path) -> Iterator[tuple]:
    """Environment, plug-ins, and a function that tells afterwards what is wrong with the server."""
    if options.transport == "persistent":
        yield private_daemon(part, options, work)
        return
    with launcher.start(options.server, options.transport, binary=options.server_bin) as server:
        # over a socket the port is only a label
        environment, plugins = environment_for(part, work, server.port or 1)
        if server.socket_path:
            plugins.append("unix_socket")
            environment["PANNIER_SUITE_SOCKET"] = server.socket_path

        def wrong() -> str:
            return "" if server.alive() else (
                f"the server died with {server.process.returncode} (negative: the signal): {server.tail()}")

        yield environment, plugins, wrong


def private_daemon(part: str, options: argparse.Namespace, work: Path) -> tuple:
    """The plug-in's PersistentClient starts it; it must be gone when pytest has ended."""
    environment, plugins = environment_for(part, work, 1)
    folder = work / "store"
    environment["PANNIER_SUITE_FOLDER"] = str(folder)
    environment["PANNIERD"] = str(Path(options.server_bin or launcher.default_binary()).resolve())
    environment["PYTHONPATH"] += f":{launcher.ROOT / 'clients' / 'python' / 'src'}"

    def wrong() -> str:
        until = time.monotonic() + launcher.STOP_SECONDS
        while (folder / "pannier.sock").exists() and time.monotonic() < until:
            time.sleep(0.05)
        left = sorted(set(os.listdir(folder)) - {"data", "clients.lock", "daemon.log", "start.lock"})
        return f"the server died, or left behind {left}" if left else ""

    return environment, [*plugins, "persistent_client"], wrong


def pytest_command(part: str, options: argparse.Namespace, plugins: list[str]) -> list[str]:
    suite = suite_folder()
    paths = [str(suite / path) for path in PATHS[part]]
    selector = f"not ssl and ({options.keyword})" if options.keyword else "not ssl"
    if part == EMBEDDED:
        selector += " and (persistent or idempotent)"
    return [sys.executable, "-m", "pytest", "-q", "-x" if options.exitfirst else "-q",
            "--rootdir", str(suite.parents[1]), "-c", os.devnull, "-p", "no:cacheprovider",
            "-p", "no:codspeed", "-p", "no:benchmark", "-o", "asyncio_mode=strict",
            "-W", "ignore", "--tb=short", "--timeout", str(options.timeout),
            "--hypothesis-seed", str(options.seed), *(f"-p{name}" for name in plugins),
            "-k", selector, *paths]


def run_part(part: str, options: argparse.Namespace, children: list) -> Outcome:
    outcome = Outcome(part)
    work = Path(tempfile.mkdtemp(prefix="pannier-suite-"))
    try:
        with served(part, options, work) as (environment, plugins, wrong):
            child = subprocess.Popen(
                pytest_command(part, options, plugins), cwd=work, env=environment, text=True,
                errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, preexec_fn=launcher.die_with_parent)
            children.append(child)
            outcome.output = child.communicate()[0]
            outcome.code = child.returncode
            if said := wrong():
                outcome.output += f"\n{said}"
                outcome.code = outcome.code or 1
                outcome.broken = True
        lines = work / "outcomes"
        for line in lines.read_text().splitlines() if lines.exists() else ():
            test = json.loads(line)
            outcome.tests[short(test["id"])] = test
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return outcome


def belongs(test_id: str, parts: dict[str, list[str]]) -> bool:
    return any(test_id.startswith(path if path.endswith(".py") else path + "/")
               for paths in parts.values() for path in paths)


def read_list() -> set[str]:
    if not LIST.exists():
        return set()
    return {line for line in LIST.read_text().splitlines() if line and not line.startswith("#")}


def write_list(passed: set[str], parts: dict[str, list[str]]) -> None:
    kept = {test for test in read_list() if not belongs(test, parts)}
    listed = sorted((kept | passed) - {t for t in passed if t.split("[")[0] in NOT_ABOUT_SERVERS})
    LIST.write_text("# Tests of chromadb 1.5.9 that pass on Chroma's real server.\n"
                    "# Made by: tests/chroma/run_suite.py --server chroma --record\n"
                    + "".join(f"{test}\n" for test in listed))


def complaints(outcome: Outcome, expected: set[str]) -> list[tuple[str, str]]:
    """What must have passed and did not: pairs of test id and what was seen."""
    found = []
    for test_id in sorted(expected):
        test = outcome.tests.get(test_id)
        if test is None:
            found.append((test_id, "did not run"))
        elif test["outcome"] != "passed":
            found.append((test_id, f"{test['outcome']}\n{test['text']}".strip()))
    return found


def report(outcome: Outcome, wrong: list[tuple[str, str]], verbose: bool) -> None:
    for test_id, text in wrong:
        lines = text.splitlines()
        shown = lines if verbose else [lines[0], *(lines[1:][-25:])]
        print(f"FAILED {test_id}: " + "\n    ".join(shown), flush=True)
    if outcome.code not in (0, 1) or not outcome.tests or outcome.broken:
        print(f"pytest on {outcome.part} ended with {outcome.code}:\n{outcome.output[-3000:]}")


def closing_line(counts: collections.Counter, seconds: float, title: str) -> str:
    parts = [f"{counts[name]} {name}" for name in ORDER if counts[name]]
    took = f"{seconds:.2f}s"
    if seconds >= 60:
        took += f" ({int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02})"
    return f"{title}: {', '.join(parts) or 'no tests ran'} in {took}".center(100, "=").replace(
        f"={title}", f"= {title}").replace(f"{took}=", f"{took} =")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--server", choices=["chroma", "pannierd"], default="pannierd")
    parser.add_argument("--transport", choices=["tcp", "socket", "persistent"], default="socket",
                        help="persistent: through pannier.PersistentClient")
    parser.add_argument("--selection", choices=sorted(SELECTIONS), default="core")
    parser.add_argument("--part", action="append", choices=sorted(PATHS),
                        help="only this part of the selection; may be repeated")
    parser.add_argument("-k", dest="keyword", help="only tests that match, as pytest's -k")
    parser.add_argument("-j", dest="jobs", type=int, default=2, help="parts at once")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000,
                        help="for Hypothesis")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one test")
    parser.add_argument("--server-bin", help="the daemon; default build/bin/pannierd")
    parser.add_argument("-x", dest="exitfirst", action="store_true",
                        help="stop a part at its first failure")
    parser.add_argument("-v", dest="verbose", action="store_true", help="whole tracebacks")
    parser.add_argument("--record", action="store_true",
                        help="write what passed to passing_on_chroma.txt (real server only)")
    options = parser.parse_args(arguments)
    if options.record and (options.server != "chroma" or options.keyword):
        parser.error("--record needs --server chroma and no -k")
    if options.transport == "persistent" and options.server != "pannierd":
        parser.error("--transport persistent needs --server pannierd")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    parts = dict(SELECTIONS[options.selection])
    if options.transport == "persistent" and options.selection != "property":
        parts[EMBEDDED] = PATHS[EMBEDDED]
    parts = {name: parts[name] for name in options.part or parts if name in parts}
    expected = read_list()
    if not options.record and not any(belongs(test, parts) for test in expected):
        sys.exit(f"error: no test of this selection is in {LIST.name}\ntry: --server chroma --record")
    began = time.monotonic()
    counts: collections.Counter = collections.Counter()
    passed: set[str] = set()
    failures = 0
    children: list[subprocess.Popen] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run_part, name, options, children): name for name in parts}
        try:
            for done in as_completed(running):
                outcome = done.result()
                mine = {t for t in expected if belongs(t, {outcome.part: parts[outcome.part]})}
                if outcome.part == EMBEDDED:
                    mine = set(EMBEDDED_TESTS)
                if options.keyword:
                    mine &= outcome.tests.keys()
                wrong = [] if options.record else complaints(outcome, mine)
                failures += len(wrong) + (outcome.code not in (0, 1) or outcome.broken)
                report(outcome, wrong, options.verbose)
                counts.update(
                    UNLISTED if test["outcome"] in ("failed", "error") and not options.record and t not in mine
                    else test["outcome"] for t, test in outcome.tests.items())
                passed |= {t for t, test in outcome.tests.items() if test["outcome"] == "passed"}
                if options.record:
                    show_unpassed(outcome)
                    write_list({t for t in passed if belongs(t, {outcome.part: parts[outcome.part]})},
                               {outcome.part: parts[outcome.part]})
        except (KeyboardInterrupt, launcher.LaunchError) as problem:
            for child in children:
                child.kill()
            pool.shutdown(wait=False, cancel_futures=True)
            print(f"error: {problem or 'interrupted'}", file=sys.stderr)
            return 1
    if failures:
        print(f"{failures} failures that Chroma's server does not have; seed {options.seed}")
    title = f"{options.selection} on {options.server} over {options.transport}"
    print(closing_line(counts, time.monotonic() - began, title))
    return 1 if failures else 0


def show_unpassed(outcome: Outcome) -> None:
    for test_id, test in sorted(outcome.tests.items()):
        if test["outcome"] in ("failed", "error"):
            print(f"not passed on Chroma's server: {test_id}\n    "
                  + "\n    ".join(test["text"].splitlines()[-6:]), flush=True)


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
