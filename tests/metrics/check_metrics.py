#!/usr/bin/env python3
"""Checks what a real daemon says on /metrics: promtool has nothing to say, names and labels keep our
rules, and what was done is what was counted.

Exit code 1 with one line per complaint, else 0.
"""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
SERIES_MAX = 2000                      # of one daemon; more means that a label is not bounded
# Values that must not be labels: ids, paths on disk, names that users chose.
UNBOUNDED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|secret-collection|\.sock|\.db\b")
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")


def scrape(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200, f"/metrics answered {answer.status}: {body}"
    assert answer.getheader("content-type", "").startswith("text/plain"), "not a text format"
    return body


def work(server: launcher.Server) -> None:
    """Some of everything: good requests, bad ones, unknown paths."""
    status, body = server.request("POST", f"{DATABASE}/collections",
                                  json.dumps({"name": "secret-collection"}))
    assert status == 200, body
    collection = f"{DATABASE}/collections/{json.loads(body)['id']}"
    for path, sent in [
            ("add", {"ids": ["a", "b"], "embeddings": [[1, 0], [0, 1]], "documents": ["x", "y"],
                     "metadatas": [{"k": 1}, {"k": 2}]}),
            ("query", {"query_embeddings": [[1, 0]], "n_results": 1}),
            ("get", {"where": {"k": 1}}),
            ("query", {"query_embeddings": [[1, 0, 0]], "n_results": 1}),   # wrong dimension
            ("add", "not json")]:
        body = sent if isinstance(sent, str) else json.dumps(sent)
        server.request("POST", f"{collection}/{path}", body, {"content-type": "application/json"})
    for number in range(50):
        server.request("GET", f"/nothing/{number}")
        server.request("GET", f"/api/v2/tenants/t{number}")


def complaints(before: str, after: str) -> list[str]:
    found = []
    promtool = subprocess.run(["promtool", "check", "metrics"], input=after, text=True,
                              capture_output=True)
    found += [f"promtool: {line}" for line in (promtool.stdout + promtool.stderr).splitlines()]
    if promtool.returncode and not found:
        found.append(f"promtool ended with {promtool.returncode}")
    samples = [SAMPLE.match(line) for line in after.splitlines() if not line.startswith("#")]
    found += [f"not a sample: {line}" for line, sample in
              zip((row for row in after.splitlines() if not row.startswith("#")), samples)
              if sample is None]
    for sample in filter(None, samples):
        name, labels, _ = sample.groups()
        if not name.startswith("pannier_daemon_"):
            found.append(f"{name}: does not begin with pannier_daemon_")
        if labels and UNBOUNDED.search(labels):
            found.append(f"{name}{{{labels}}}: a label of unbounded values")
    if len(samples) > SERIES_MAX:
        found.append(f"{len(samples)} series, at most {SERIES_MAX}")
    if samples_of(after, "_total") == samples_of(before, "_total"):
        found.append("no counter moved")
    return found


def samples_of(text: str, ending: str) -> dict[str, str]:
    return {found.group(1) + (found.group(2) or ""): found.group(3)
            for found in map(SAMPLE.match, text.splitlines())
            if found and found.group(1).endswith(ending)}


def main() -> int:
    with launcher.start("pannierd", "socket", metrics=True) as server:
        before = scrape(server.metrics_port)
        work(server)
        after = scrape(server.metrics_port)
        found = complaints(before, after)
    for line in found:
        print(line)
    families = after.count("# TYPE ")
    print(f"metrics: {families} families, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
