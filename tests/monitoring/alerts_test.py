#!/usr/bin/env python3
"""Goal: each alert fires for its fault and no sooner, clears when that is over, and stays silent while all
is well; and who is woken by it finds a runbook whose commands exist.

Method: `promtool test rules` over series of a healthy fleet with one fault at a time (cases.py), the
alerts' texts included; the runbooks are read, and their commands asked for --help.
"""

import re
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "monitoring"), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]
import alert_rules  # noqa: E402
import closing_line  # noqa: E402
import dashboards  # noqa: E402
import runbook_commands  # noqa: E402
from cases import CASES, HEALTHY, MINUTES, Case  # noqa: E402

RULES = ROOT / "charts" / "pannier" / "rules"
SECTIONS = ["**What you see.**", "**What it means.**", "**First look.**", "**Fix.**"]
# What every case asks of quiet times, beside its own.
QUIET = [5, 60, 300, 1000, MINUTES - 5]


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *arguments], text=True, capture_output=True, check=False)


def rule_of(case: Case) -> alert_rules.Alert:
    file = next(each for each in alert_rules.FILES if each.name == case.file)
    return next(each for each in file.alerts
                if each.name == case.alert and case.severity in ("", each.severity))


def filled(text: str, labels: dict) -> str:
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels.get(found.group(1), ""), text)


def expected(case: Case) -> dict:
    rule = rule_of(case)
    return {"exp_labels": {**case.labels, "severity": rule.severity, "service": "pannier"},
            "exp_annotations": {"summary": filled(rule.summary, case.labels),
                                "description": rule.description, "runbook_url": rule.runbook}}


def asked(minute: int, alert: str, alerts: list) -> dict:
    return {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": alerts}


def tests_of(case: Case) -> dict:
    series = {**HEALTHY, **case.series}
    return {
        "name": case.what, "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [asked(case.quiet, case.alert, []), asked(case.fires, case.alert, [expected(case)]),
                            asked(case.clears, case.alert, [])],
        # One fault, one alert: no other fires meanwhile. (ErrorsHigh is one at two speeds.)
        "promql_expr_test": [{"expr": f'count(ALERTS{{alertstate="firing",alertname!="{case.alert}"}})',
                              "eval_time": f"{case.fires}m", "exp_samples": []}]}


def of_health() -> dict:
    return {"name": "all is well", "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in HEALTHY.items()],
            "alert_rule_test": [],
            "promql_expr_test": [{"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{minute}m", "exp_samples": []}
                                 for minute in QUIET]}


class Alerts(unittest.TestCase):
    def run_test(self, test: dict, files: list[str]):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "test.yaml"
            path.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "tests": [test]}))
            return test["name"], promtool("test", "rules", str(path))

    def test_each_alert_fires_for_its_fault_and_clears(self):
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda case: self.run_test(tests_of(case), [str(RULES / f"{case.file}.yaml")]), CASES))
        for what, result in done:
            with self.subTest(fault=what):
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_nothing_fires_while_all_is_well(self):
        _, result = self.run_test(of_health(), [str(each) for each in sorted(RULES.glob("*.yaml"))])
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_each_rule_has_a_fault_that_raises_it(self):
        raised = {(each.file, rule_of(each)) for each in CASES}
        for file in alert_rules.FILES:
            for alert in file.alerts:
                self.assertIn((file.name, alert), raised, alert.name)

    def test_promtool_finds_nothing_in_the_rules(self):
        done = promtool("check", "rules", "--lint-fatal", *map(str, sorted(RULES.glob("*.yaml"))))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_generated_is_current(self):
        done = subprocess.run([sys.executable, str(ROOT / "scripts/monitoring.py"), "--check"], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_ask_only_for_metrics_that_there_are(self):
        pages = "".join((ROOT / "docs" / name).read_text() for name in ("metrics.md", "operator.md"))
        recorded = {each.name for file in alert_rules.FILES for each in file.recorded}
        for file in alert_rules.FILES:
            for rule in (*file.recorded, *file.alerts):
                for name in re.findall(r"\b(pannier_\w+|leader_election_\w+)", rule.expression):
                    self.assertIn(f"`{re.sub('_(bucket|count|sum)$', '', name)}", pages, rule.name)
                for name in re.findall(r"\bpannier:[\w:]+", rule.expression):
                    self.assertIn(name, recorded)


class Runbooks(unittest.TestCase):
    def test_each_alert_has_one_with_all_its_sections(self):
        index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
        for file in alert_rules.FILES:
            for alert in file.alerts:
                with self.subTest(alert=alert.name):
                    text = (ROOT / alert.runbook).read_text()
                    self.assertTrue(text.startswith(f"# {alert.name}"), "its title is another's")
                    places = [text.find(section) for section in SECTIONS]
                    self.assertEqual(places, sorted(places))
                    self.assertNotIn(-1, places)
                    self.assertIn(f"({Path(alert.runbook).name})", index)

    def test_their_commands_exist(self):
        pages = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
        wrong, count = runbook_commands.unknown(pages)
        self.assertEqual(wrong, [])
        self.assertEqual(runbook_commands.unknown_kinds(pages), [])
        self.assertGreater(count, len(alert_rules.names()))


class Dashboards(unittest.TestCase):
    def test_panels_have_numbers_of_their_own_and_do_not_overlap(self):
        for name, dashboard in dashboards.all_of_them().items():
            panels = dashboard["panels"]
            self.assertEqual(len({each["id"] for each in panels}), len(panels), name)
            taken = set()
            for each in panels:
                grid = each["gridPos"]
                cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"])
                         for y in range(grid["y"], grid["y"] + grid["h"])}
                self.assertFalse(cells & taken, f"{name}: {each['title']}")
                self.assertLessEqual(grid["x"] + grid["w"], dashboards.GRID)
                taken |= cells

    def test_variables_that_queries_use_are_there(self):
        for name, dashboard in dashboards.all_of_them().items():
            known = {each["name"] for each in dashboard["templating"]["list"]} | {"__rate_interval"}
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    used = set(re.findall(r"\$([a-z_]\w*)", target["expr"]))
                    self.assertLessEqual(used, known, f"{name}: {panel['title']}")


class Objectives(unittest.TestCase):
    def test_the_page_names_series_and_numbers_that_are_recorded(self):
        text = (ROOT / "docs" / "slo.md").read_text()
        recorded = {each.name for file in alert_rules.FILES for each in file.recorded}
        named = set(re.findall(r"pannier:[\w:]+", text))
        self.assertTrue(named)
        self.assertLessEqual(named, recorded)
        for number in (f"{alert_rules.AVAILABILITY * 100:g} %", f"{alert_rules.READ_SECONDS} s",
                       f"{alert_rules.WRITE_SECONDS} s", f"{alert_rules.BURN_FAST:g}", f"{alert_rules.BURN_SLOW:g}"):
            self.assertIn(number, text)


if __name__ == "__main__":
    closing_line.run("alerts")
