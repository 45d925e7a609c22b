"""Finds the commands of our programs in Markdown pages and asks the programs whether they know them; and what
kubectl is asked about, and whether there is such a kind."""

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("PANNIER_PROGRAMS", ROOT / "build" / "bin"))
# How a command begins, and the program that it runs.
BEGINNINGS = {"kubectl pannier": "kubectl-pannier", "pannierctl": "pannierctl", "pannierd": "pannierd"}
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(rf"(?:^|\s)({'|'.join(BEGINNINGS)})((?: +[a-z][a-z-]*\b(?!/))*)((?: +[^|>#]*)?)")


# Of Kubernetes itself, as the pages call them.
KINDS = {"pod", "pods", "secret", "secrets", "pvc", "lease", "deployment", "mutatingwebhookconfiguration",
         "mutatingwebhookconfigurations"}
ASKED = re.compile(r"\bkubectl (?:get|describe|patch|delete|edit|rollout restart|auth can-i \w+) ([a-z.]+)")


def our_kinds() -> set[str]:
    found = set()
    for path in (ROOT / "crds").glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        names = spec["names"]
        found |= {names["singular"], names["plural"], f"{names['plural']}.{spec['group']}", *names["shortNames"]}
    return found


def unknown_kinds(pages: list[Path]) -> list[str]:
    known = KINDS | our_kinds()
    return [f"{page.name}: {kind}" for page in pages for kind in ASKED.findall(page.read_text()) if kind not in known]


def commands(text: str):
    """(program, words, flags) of each; words are what may be subcommands."""
    for fenced, quoted in CODE.findall(text):
        for line in (fenced or quoted).replace("\\\n", " ").splitlines():
            for beginning, words, rest in COMMAND.findall(line):
                flags = re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", rest)
                yield BEGINNINGS[beginning], tuple(words.split()), tuple(flags)


def helped(program: str, words: tuple[str, ...]) -> str | None:
    done = subprocess.run([BIN / program, *words, "--help"], text=True, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def subcommands(text: str) -> set[str]:
    _, _, listed = text.partition("Subcommands:\n")
    return set(re.findall(r"^  ([a-z][a-z-]*)\s", listed.split("\n\n")[0], re.MULTILINE))


def problem(program: str, words: tuple[str, ...], flags: tuple[str, ...]) -> str | None:
    top = helped(program, ())
    if top is None:
        return f"no {program} in {BIN}; try: make build"
    text, known, path = top, top, ()
    for word in words:
        below = subcommands(text)
        if not below:
            break   # what follows is an argument
        if word not in below:
            return f"{program} {' '.join(path)}: no subcommand {word}"
        path += (word,)
        text = helped(program, path) or ""
        known += text
    if subcommands(text) and path and "SUBCOMMAND" in text.splitlines()[1]:
        return f"{program} {' '.join(path)}: needs a subcommand"
    for flag in flags:
        if not re.search(rf"{flag}\b", known):
            return f"{program} {' '.join(path)}: no flag {flag}"
    return None


def unknown(pages: list[Path]) -> tuple[list[str], int]:
    """What is wrong, and how many different commands there are."""
    found, seen = [], set()
    for page in pages:
        for command in commands(page.read_text()):
            if command not in seen:
                seen.add(command)
                if wrong := problem(*command):
                    found.append(f"{page.name}: {wrong}")
    return found, len(seen)
