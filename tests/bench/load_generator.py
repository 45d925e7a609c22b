"""pannier_bench: one measurement of one server a call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def run(program: Path, server, scenario: str, *arguments: str) -> dict:
    """`server`: a launcher.Server that runs. Ends the program when something failed."""
    address = f"unix:{server.socket_path}" if server.socket_path else f"http://{server.host}:{server.port}"
    command = [str(program), scenario, *arguments, "--address", address, "--pid", str(server.process.pid)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {scenario} on {server.kind}: {done.stderr.strip()}\n{server.tail()}")
    result = json.loads(done.stdout)
    if result.get("refused"):
        sys.exit(f"error: {server.kind} refused {result['refused']} requests of {scenario} {arguments}")
    return result
