#!/usr/bin/env python3
"""Writes docs/crds.md, the reference of our custom resources, from crds/.

With --check: exit 1 when the page is not what would be written.
"""

import sys
from pathlib import Path

import generated
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "crds.md"
ORDER = ["vectorstore", "snapshotrepository", "storesnapshot", "storesnapshotschedule",
         "storeoperation", "storecleanuppolicy"]
HEAD = """# Custom resources

Written by `scripts/crd_reference.py` from `crds/`; do not edit. Group `pannier.dev`, version `v1alpha1`, category `pannier`
(`kubectl get pannier`). References are to objects of the same namespace. `kubectl explain` says the same.
"""


def kind_of(schema: dict) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {kind_of(schema['items'])}"
    if kind == "object" and "additionalProperties" in schema:
        return f"map of {kind_of(schema['additionalProperties'])}"
    return "time" if schema.get("format") == "date-time" else kind


def limits_of(schema: dict) -> str:
    words = []
    if "enum" in schema:
        words.append(", ".join(f"`{each}`" for each in schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        words.append(f"{'' if low is None else low} … {'' if high is None else high}".strip())
    if "maxItems" in schema:
        words.append(f"at most {schema['maxItems']}")
    if "default" in schema:
        words.append(f"default `{schema['default'] if not isinstance(schema['default'], bool) else str(schema['default']).lower()}`")
    return "; ".join(words)


def rows(schema: dict, path: str, rules: list[tuple[str, str]]):
    for rule in schema.get("x-kubernetes-validations", []):
        rules.append((path + rule.get("fieldPath", ""), rule["message"]))
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        must = " **required**" if name in required else ""
        yield f"| `{place}` | {kind_of(member)} | {member.get('description', '')}{must} | {limits_of(member)} |"
        inner, inner_path = member, place
        if member.get("type") == "array" and "properties" in member["items"]:
            inner, inner_path = member["items"], place + "[]"
            for rule in member.get("x-kubernetes-validations", []):
                rules.append((place, rule["message"]))
        yield from rows(inner, inner_path, rules)


def section(crd: dict) -> str:
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    rules = [(rule.get("fieldPath", "metadata.name"), rule["message"])
             for rule in schema.get("x-kubernetes-validations", [])]
    text = f"\n## {names['kind']} (`{names['shortNames'][0]}`)\n\n{schema['description']}\n"
    for part in ("spec", "status"):
        text += f"\n| {part} | type | meaning | limits |\n|---|---|---|---|\n"
        # The schema of the template is that of StoreSnapshot, which has its own section.
        for row in rows(schema["properties"][part], "", rules):
            if not row.startswith("| `template.spec."):
                text += row + "\n"
    text += "\nRules that the API server checks:\n\n"
    text += "".join(f"- `{place or 'spec'}`: {message}\n" for place, message in dict.fromkeys(
        each for each in rules if not each[0].startswith("template.spec.")))
    columns = [f"{each['name']}{' (wide)' if each.get('priority') else ''}"
               for each in version["additionalPrinterColumns"]]
    return text + f"\nColumns: {', '.join(columns)}.\n"


def page() -> str:
    return HEAD + "".join(
        section(yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())) for name in ORDER)


def main() -> int:
    return generated.main(__doc__, "docs/crds.md is", lambda: {PAGE: page()})


if __name__ == "__main__":
    sys.exit(main())
