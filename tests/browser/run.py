#!/usr/bin/env python3
"""The examples in a headless browser, with the packages of `scripts/deps.sh --browser`.

Pictures of what they show go to build/pictures, or with --pictures where they are said to:
docs/pictures has those that the documentation shows.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "chroma"))
import launcher  # noqa: E402


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pictures", type=Path, default=ROOT / "build" / "pictures")
    options = parser.parse_args(arguments)
    command = ["pytest", "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:codspeed",
               "--tb=short", "--pictures", str(options.pictures.resolve()), str(HERE)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-m", *command], cwd=HERE, env=environment).returncode


if __name__ == "__main__":
    launcher.use_venv()
    sys.exit(main(sys.argv[1:]))
