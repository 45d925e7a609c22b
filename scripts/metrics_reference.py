#!/usr/bin/env python3
"""Writes docs/metrics.md from what a real daemon says of its metrics (HELP and TYPE lines).

With --check: exit 1 when the page is not what would be written.
"""

import argparse
import http.client
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import launcher  # noqa: E402

PAGE = ROOT / "docs" / "metrics.md"
HEAD = """# Metrics of pannierd

Written by `scripts/metrics_reference.py` from a running daemon; do not edit. Served at `/metrics` of the metrics listener (`--metrics`) and of
the admin socket. Labels are short fixed sets: a route's pattern, a status code, a kind of error; never a name, an id or a path.

| metric | type | meaning |
|---|---|---|
"""


def scrape() -> str:
    with launcher.start("pannierd", "socket", metrics=True) as server:
        for _ in range(2):  # one request of each kind, so that every family has a member
            server.request("GET", "/nothing")
            server.request("GET", "/api/v2/tenants/absent")
        connection = http.client.HTTPConnection("127.0.0.1", server.metrics_port, timeout=10)
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def page(text: str) -> str:
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    types = dict(re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE))
    return HEAD + "".join(f"| `{name}` | {types[name]} | {helps[name]} |\n" for name in sorted(types))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    launcher.use_venv()
    wanted = page(scrape())
    if not options.check:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        print("docs/metrics.md is not current; run scripts/metrics_reference.py")
        return 1
    print("docs/metrics.md is current: 1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
