#!/usr/bin/env python3
"""Writes what charts/pannier holds of other files: its CRDs, from crds/, and the table of values in
its README.md, from the comments of values.yaml.

With --check: exit 1 when one of them is not what would be written.
"""

import json
import re
import sys
from pathlib import Path

import generated
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "pannier"
BEGIN, END = "<!-- values: written by scripts/chart.py from values.yaml -->\n", "<!-- end of values -->\n"


def crd_template(name: str) -> str:
    """A definition as a template: behind crds.install, kept when the release goes, labelled ours."""
    body = (ROOT / "crds" / name).read_text()
    if "{{" in body:
        sys.exit(f"error: crds/{name}: has braces that a template would read")
    body = re.sub(r"\A#.*\n", "", body)
    body, count = re.subn(
        r"^(metadata:\n  name: .*\n)",
        r"\1  annotations:\n    helm.sh/resource-policy: keep\n  labels:\n"
        r'    {{- include "pannier.labels" . | nindent 4 }}' "\n", body, count=1, flags=re.M)
    if count != 1:
        sys.exit(f"error: crds/{name}: its metadata is not where it should be")
    return ("{{- /* Written by scripts/chart.py from crds/" + name + "; do not edit. */}}\n"
            "{{- if .Values.crds.install }}\n" + body + "{{- end }}\n")


def described(text: str):
    """(path, default, description) of each value below a comment that begins with "--"."""
    values, keys, description = yaml.safe_load(text), [], None
    for line in text.splitlines():
        if found := re.match(r"\s*# -- (.*)", line):
            description = found.group(1)
        elif found := re.match(r"( *)([A-Za-z]+):", line):
            keys = keys[:len(found.group(1)) // 2] + [found.group(2)]
            if description is None:
                continue
            value = values
            for key in keys:
                value = value[key]
            yield ".".join(keys), value, description
            description = None


def leaves(tree: dict, described_paths: set, path: str = ""):
    """Paths of values.yaml that no comment describes."""
    for key, value in tree.items():
        place = f"{path}.{key}".lstrip(".")
        if place in described_paths:
            continue
        if isinstance(value, dict) and value:
            yield from leaves(value, described_paths, place)
        else:
            yield place


def values_table() -> str:
    text = (CHART / "values.yaml").read_text()
    rows = list(described(text))
    if missing := list(leaves(yaml.safe_load(text), {path for path, _, _ in rows})):
        sys.exit(f"error: values.yaml: no description of {', '.join(missing)}")
    return "| value | meaning | default |\n|---|---|---|\n" + "".join(
        f"| `{path}` | {meaning} | `{json.dumps(value)}` |\n" for path, value, meaning in rows)


def wanted() -> dict[Path, str]:
    files = {CHART / "templates" / "crds" / path.name: crd_template(path.name)
             for path in sorted((ROOT / "crds").glob("*.yaml"))}
    readme = (CHART / "README.md").read_text()
    head, rest = readme.split(BEGIN)
    files[CHART / "README.md"] = head + BEGIN + "\n" + values_table() + "\n" + END + rest.split(END)[1]
    return files


def main() -> int:
    return generated.main(__doc__, "charts/pannier is", wanted, [CHART / "templates" / "crds"])


if __name__ == "__main__":
    sys.exit(main())
