#!/usr/bin/env python3
"""Writes docs/metrics.md from what a real daemon says of its metrics (HELP and TYPE lines).

With --check: exit 1 when the page is not what would be written.
"""

import http.client
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import generated  # noqa: E402
import launcher  # noqa: E402

PAGE = ROOT / "docs" / "metrics.md"
HEAD = """# Metrics of pannierd

Written by `scripts/metrics_reference.py` from a running daemon; do not edit. Served at `/metrics` of the metrics listener (`--metrics`) and of
the admin socket. Labels are short fixed sets: a route's pattern, a status code, a kind of error; never a name, an id or a path.

| metric | type | meaning |
|---|---|---|
"""


def tls_arguments(folder: Path) -> list[str]:
    """A listener with TLS, so that what is said of its certificate is there."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
                    "-subj", "/CN=reference", "-keyout", "key", "-out", "certificate"],
                   cwd=folder, capture_output=True, check=True)
    return ["--set", "listen.admin.address=127.0.0.1:0", "--set", f"listen.admin.tls.certFile={folder}/certificate",
            "--set", f"listen.admin.tls.keyFile={folder}/key",
            "--set", f"listen.admin.tls.clientCAFile={folder}/certificate"]


def scrape() -> str:
    with tempfile.TemporaryDirectory() as folder, launcher.start(
            "pannierd", "socket", metrics=True, arguments=tls_arguments(Path(folder))) as server:
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
    launcher.use_venv()
    return generated.main(__doc__, "docs/metrics.md is", lambda: {PAGE: page(scrape())})


if __name__ == "__main__":
    sys.exit(main())
