#!/usr/bin/env python3
"""Writes what Prometheus and Grafana load, from the data in scripts/monitoring: the rules and the
dashboards of charts/pannier, which are plain files for those who run no Prometheus operator too, and
docs/alerts.md.

With --check: exit 1 when one of them is not what would be written.
"""

import json
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "monitoring"))
import alert_rules  # noqa: E402
import dashboards  # noqa: E402
import generated  # noqa: E402

CHART = ROOT / "charts" / "pannier"
WRITTEN = "Written by scripts/monitoring.py; do not edit."
PAGE = f"""# Alerts and recorded series

{WRITTEN} How to load them: [monitoring.md](monitoring.md).

| alert | severity | when | what it means | runbook |
|---|---|---|---|---|
"""


class Dumper(yaml.SafeDumper):
    """Texts of several lines as such, lists within their key."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def rules_file(file: alert_rules.File) -> str:
    body = yaml.dump(alert_rules.groups(file), Dumper=Dumper, sort_keys=False, width=100, allow_unicode=True)
    return f"# Rules for Prometheus about {file.about}.\n# {WRITTEN}\n{body}"


def in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    rows = [f"| `{each.name}` | {each.severity} | `{in_cell(each.expression)}`"
            + (f" for {each.held}" if each.held != "0m" else "")
            + f" | {in_cell(each.description)} | [{Path(each.runbook).stem}]({each.runbook.removeprefix('docs/')}) |\n"
            for file in alert_rules.FILES for each in sorted(file.alerts, key=lambda alert: alert.name)]
    recorded = "".join(f"| `{each.name}` | {each.meaning} |\n"
                       for file in alert_rules.FILES for each in file.recorded)
    return PAGE + "".join(rows) + "\n## Recorded series\n\nLabels are those of the target.\n\n| series | meaning |\n|---|---|\n" + recorded


def wanted() -> dict[Path, str]:
    files = {CHART / "rules" / f"{file.name}.yaml": rules_file(file) for file in alert_rules.FILES}
    for name, dashboard in dashboards.all_of_them().items():
        files[CHART / "dashboards" / f"{name}.json"] = json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"
    files[ROOT / "docs" / "alerts.md"] = page()
    return files


def main() -> int:
    return generated.main(__doc__, "rules and dashboards are", wanted, [CHART / "rules", CHART / "dashboards"])


if __name__ == "__main__":
    sys.exit(main())
