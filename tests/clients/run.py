#!/usr/bin/env python3
"""Tests of the clients against a daemon: our Python package, npm chromadb, langchain-chroma.

Prints failures and pytest's closing line for each folder. Exit code 1 if any test fails.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chroma"))
import launcher  # noqa: E402

FOLDERS = {"clients/python": HERE.parents[1] / "clients" / "python", "tests/clients": HERE}


def closing_line(output: str) -> str:
    return (output.strip().splitlines() or ["no output"])[-1]


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
    failed = 0
    for name, folder in FOLDERS.items():
        command = [sys.executable, "-m", "pytest", "--tb=short", "-p", "no:benchmark",
                   "-p", "no:codspeed", "-k", options.keyword]
        done = subprocess.run(command, cwd=folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        bad = done.returncode not in (0, 5)                     # 5: -k left no test
        failed += bad
        print(f"{done.stdout}\n" if bad else "", end="")
        print(f"{name}: {closing_line(done.stdout)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
