"""Files that a generator writes: one way to write them, and to tell that they are current.

A generator's main() is `return generated.main(__doc__, wanted)`; with --check nothing is written, and
the exit code is 1 when a file is not what would be.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(description: str, what: str, wanted: Callable[[], dict[Path, str]],
         folders: Iterable[Path] = ()) -> int:
    """`what`: of the closing line. `wanted`: every file and its text. `folders`: hold nothing else."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = wanted()
    there = {each for folder in folders for each in folder.glob("*")}
    old = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    old += sorted(there - set(files))
    if options.check and old:
        names = ", ".join(str(path.relative_to(ROOT)) for path in old)
        print(f"not current; run scripts/{Path(sys.argv[0]).name}: {names}")
        return 1
    for path in old:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
        else:
            path.unlink()
    print(f"{what} current: {len(files)} passed, 0 failed")
    return 0
