#!/usr/bin/env python3
"""Tests of the clients against a daemon: our Python package, npm chromadb, langchain-chroma.

Also: our Python package is clean for mypy --strict and ruff, and its tests run 95 % of it.
Prints failures and the closing line of each. Exit code 1 if any fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chroma"))
import launcher  # noqa: E402

FOLDERS = {"clients/python": HERE.parents[1] / "clients" / "python", "tests/clients": HERE}


PACKAGE = FOLDERS["clients/python"]


def closing_line(output: str) -> str:
    return (output.strip().splitlines() or ["no output"])[-1]


def report(name: str, done: subprocess.CompletedProcess, good: tuple = (0,)) -> bool:
    bad = done.returncode not in good
    print(f"{done.stdout}\n" if bad else "", end="")
    print(f"{name}: {closing_line(done.stdout)}", flush=True)
    return bad


def run(command: list, folder: Path, environment: dict) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check_package(environment: dict) -> int:
    cache = HERE.parents[1] / "build"
    mypy = run(["mypy", "--cache-dir", str(cache / "mypy")], PACKAGE, environment)
    ruff = run(["ruff", "check", "--no-cache", "src", "tests", "examples"], PACKAGE, environment)
    return report("mypy --strict", mypy) + report("ruff", ruff)


def report_coverage(environment: dict) -> bool:
    run(["coverage", "combine"], PACKAGE, environment)
    return report("coverage", run(["coverage", "report"], PACKAGE, environment))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", choices=["pannierd", "chroma"], default="pannierd")
    parser.add_argument("--server-bin", help="the daemon; default build/bin/pannierd")
    parser.add_argument("-k", dest="keyword", default="", help="only tests that match")
    options = parser.parse_args(arguments)
    environment = {**os.environ, "PANNIER_TEST_SERVER": options.server,
                   "PYTHONDONTWRITEBYTECODE": "1"}
    if options.server_bin:
        environment["PANNIERD"] = str(Path(options.server_bin).resolve())
    failed = check_package(environment)
    with tempfile.TemporaryDirectory() as notes:
        environment["COVERAGE_FILE"] = str(Path(notes) / "coverage")
        for name, folder in FOLDERS.items():
            command = ["pytest", "--tb=short", "-p", "no:benchmark", "-p", "no:codspeed",
                       "-k", options.keyword]
            if folder == PACKAGE:
                command = ["coverage", "run", "-m", *command]
            failed += report(name, run(command, folder, environment), (0, 5))  # 5: -k left no test
            if folder == PACKAGE and options.server == "pannierd" and not options.keyword:
                failed += report_coverage(environment)
    return 1 if failed else 0


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
