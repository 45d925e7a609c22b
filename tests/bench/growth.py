"""What a record more costs: one collection of generated records, from a thousand up.

    tests/bench/growth.py [sizes]      prints the JSON; run_bench.py calls measure()
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chroma"))
import launcher  # noqa: E402

if __name__ == "__main__":
    launcher.use_venv()
import load_generator  # noqa: E402
import processes  # noqa: E402

SIZES = (1_000, 10_000, 100_000, 500_000, 1_000_000)


def of_size(program: Path, records: int, seconds: float) -> dict:
    with launcher.start("pannierd", "socket", arguments=["--set", "memory.budget=4GiB"]) as server:
        def run(scenario: str, *arguments: str) -> dict:
            return load_generator.run(program, server, scenario, "--records", str(records), *arguments)
        filled = run("fill", "--batch", "1000")
        asked = run("query", "--seconds", str(seconds))
        disk = processes.disk_mib(server.home)
        resident = processes.memory_kib(server.process.pid) / 1024
        server.stop()
        server.start()
        began = time.perf_counter()
        run("query", "--seconds", "0.001")
        return {"records": records, "adds_per_second": records / filled["seconds"],
                "caught_up_seconds": filled["caught_up_seconds"], "p50_us": asked["p50_us"], "p99_us": asked["p99_us"],
                "cpu_us": asked["server_cpu_us_per_request"], "rss_mib": resident, "disk_mib": disk,
                "open_ms": (time.perf_counter() - began) * 1e3}


def measure(program: Path, sizes=SIZES, seconds: float = 3) -> list[dict]:
    return [of_size(program, size, seconds) for size in sizes]


if __name__ == "__main__":
    wanted = [int(size) for size in sys.argv[1:]] or SIZES
    print(json.dumps(measure(launcher.ROOT / "build" / "bin" / "pannier_bench", wanted), indent=1))
