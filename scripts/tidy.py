#!/usr/bin/env python3
"""Runs clang-tidy on all sources that a build directory compiles, as many at once as there are cores.

    scripts/tidy.py BUILD_DIR FILE...     prints findings and one closing line
    TIDY_SECONDS=n                        begins with no file after so long, those changed last first

What was clean stays clean until something changes that clang-tidy reads: the file, a header, the list
of checks, the command, clang-tidy itself. That is remembered in the user's cache; nothing else is.
So what one run had no time for is looked at by the next.
Needs a built BUILD_DIR (ninja's record of who includes what).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLANG_TIDY = "clang-tidy-14"
KEPT = 5_000


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "pannier" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fingerprint(path: Path) -> bytes:
    """Of ours the content; of the system's headers what a package changes."""
    try:
        if path.is_relative_to(ROOT):
            return hashlib.sha256(path.read_bytes()).digest()
        status = path.stat()
        return f"{path} {status.st_size} {status.st_mtime_ns}".encode()
    except OSError:
        return b"gone"


def included(build: Path) -> dict[str, list[str]]:
    """Of every object that was built, what it was made of, as ninja names it."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    found: dict[str, list[str]] = {}
    object_name = ""
    for line in listing.splitlines():
        if line.startswith("    "):
            found[object_name].append(line.strip())
        elif ": #deps" in line:
            object_name = line.split(": #deps")[0]
            found[object_name] = []
    return found


def keys(build: Path) -> dict[Path, str]:
    """Of every source of the build: what names this state of all that clang-tidy reads for it."""
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, stdout=subprocess.PIPE).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes()
    made_of = included(build)
    prints: dict[str, bytes] = {}
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = entry["command"].split()
        parts = made_of.get(words[words.index("-o") + 1])
        if not parts:
            continue  # not built, so nothing is known of it
        state = hashlib.sha256(common + entry["command"].replace(str(ROOT), "").encode())
        # What was precompiled is not named again.
        for part in parts + made_of.get(next((each + ".pch" for each in parts
                                              if each.endswith("cmake_pch.hxx")), ""), []):
            if part not in prints:
                prints[part] = fingerprint((build / part).resolve())
            state.update(prints[part])
        found[Path(entry["directory"], entry["file"]).resolve()] = state.hexdigest()
    return found


def look(build: Path, source: Path) -> str:
    """What clang-tidy finds; empty when it is clean."""
    done = subprocess.run([CLANG_TIDY, "--quiet", "-p", str(build), str(source)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 0 and not done.stdout.strip():
        return ""
    return done.stdout.strip() or f"{source}: error: {done.stderr.strip()}"


def newest_first(sources: list[Path]) -> list[Path]:
    """By the last commit that changed them; what is not committed comes first."""
    log = subprocess.run(["git", "log", "-n", "500", "--format=", "--name-only"], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE).stdout
    age: dict[Path, int] = {}
    for place, name in enumerate(log.split()):
        age.setdefault(ROOT / name, place)
    return sorted(sources, key=lambda each: age.get(each, -1))


def main(build: Path, names: list[str]) -> int:
    folder = cache_folder()
    known = keys(build)
    sources = [Path(name).resolve() for name in names]
    wanted = newest_first([source for source in sources
                           if source not in known or not (folder / known[source]).exists()])
    end = time.monotonic() + float(os.environ.get("TIDY_SECONDS") or "inf")
    findings = left = 0
    with ThreadPoolExecutor(os.cpu_count()) as crew:
        looks = crew.map(lambda each: look(build, each) if time.monotonic() < end else None, wanted)
        for source, found in zip(wanted, looks):
            if found is None:
                left += 1
            elif found:
                print(found, flush=True)
                findings += max(found.count("error:") + found.count("warning:"), 1)
            elif source in known:
                (folder / known[source]).touch()
    oldest_first = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)
    for each in oldest_first[:-KEPT]:
        each.unlink(missing_ok=True)
    unchanged = len(sources) - len(wanted)
    rest = f"; {left} left to the next run: the time was over" if left else ""
    print(f"tidy: {findings} findings" if findings else
          f"tidy: {len(sources) - left} files, clean ({unchanged} unchanged since they were){rest}")
    return 1 if findings else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
