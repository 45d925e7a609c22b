#!/usr/bin/env python3
"""Goal: no panel of the dashboards is empty where Pannier is in use, no rule is broken, nothing fires while
all is well, and damage raises its alert in a real Prometheus until it is repaired.

Method: a real API server, the operator, a daemon of a pod and a Prometheus that scrapes both each second; a
small load, a snapshot; then each query of each panel is asked, as Grafana would. Needs $PANNIER_TEST_CLUSTER,
$PANNIER_KUBE_PROGRAMS and build/bin.

    run.py --pictures FOLDER    instead: two minutes of more load, then both dashboards as SVG, for README.md
"""

import json
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "operator"), str(Path(__file__).resolve().parents[2] / "support")]
import closing_line  # noqa: E402
import picture  # noqa: E402
from kube import eventually  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from world import BIN, ROOT, Daemon, World, free_port  # noqa: E402

CHART = ROOT / "charts" / "pannier"
STORE = "default_tenant/default_database"
# What Grafana would put in; a window that a test can fill.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".+"}
WINDOW_SECONDS = 60
QUIET_KINDS = ("row",)
PICTURE_SECONDS = 120


def scraped(daemon: Daemon) -> str:
    """The daemon again, with a listener for its metrics; returns its address."""
    daemon.process.end()
    path = daemon.folder / "config.yaml"
    config = json.loads(path.read_text())
    address = f"127.0.0.1:{free_port()}"
    config["listen"]["metrics"] = {"address": address}
    path.write_text(json.dumps(config))
    daemon.start()
    return address


def load(daemon: Daemon, first: int):
    """Some of all that workers do, and a mistake."""
    daemon.fill("books", 20, first)
    collection = daemon.call("GET", f"{daemon.BASE}/books")[1]["id"]
    for number in range(10):
        assert daemon.call("POST", f"{daemon.BASE}/{collection}/query",
                           {"query_embeddings": [[number, 1, 2]], "n_results": 3})[0] == 200
    assert daemon.call("POST", f"{daemon.BASE}/{collection}/get", {"limit": 5})[0] == 200
    assert daemon.call("GET", f"{daemon.BASE}/absent")[0] == 404


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert not re.search(r"\$[a-zA-Z_{]", expression), f"an unknown variable in {expression}"
    return expression


def queries() -> list[tuple[str, str, bool]]:
    """(where it stands, expression, whether over a time) of each panel's."""
    found = []
    for path in sorted((CHART / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] in QUIET_KINDS:
                continue
            for target in panel["targets"]:
                found.append((f"{path.stem}: {panel['title']} {target['refId']}", filled(target["expr"]),
                              target["range"]))
    return found


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.ns = cls.world.namespace()
        cls.operator = cls.world.operator()
        cls.operator.await_ready()
        eventually(cls.operator.leads, 25, cls.operator.process.said)
        cls.disk = f"disk-{cls.ns}"
        cls.world.api.create("SnapshotRepository", cls.ns, cls.disk, {
            "volume": {"claimName": "disk"}, "validationIntervalSeconds": 30})
        cls.world.vector_store(cls.ns, "notes", cls.disk, snapshotFreshnessSeconds=3600)
        cls.daemon = cls.world.pod(cls.ns, "notes-0", "notes", cls.operator)
        daemon_address = scraped(cls.daemon)
        cls.make_objects()
        host, port = cls.operator.address("metrics and health are served")
        cls.prometheus = Prometheus(
            cls.world.folder / "prometheus", free_port(),
            {"pannierd": [(f"{cls.ns}/notes-0", daemon_address)], "pannier-metrics": [("operator-0", f"{host}:{port}")]},
            sorted((CHART / "rules").glob("*.yaml")))
        cls.addClassCleanup(cls.prometheus.end)
        cls.use()

    @classmethod
    def make_objects(cls):
        cls.world.api.create("StoreSnapshotSchedule", cls.ns, "yearly", {
            "schedule": "0 0 1 1 *", "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
        cls.world.api.create("StoreCleanupPolicy", cls.ns, "tidy", {
            "schedule": "0 0 1 1 *", "rules": {"orphanFiles": {"olderThanSeconds": 3600}}})

    @classmethod
    def use(cls):
        load(cls.daemon, 0)  # a series must have been there before it can grow
        for kind, name in (("SnapshotRepository", cls.disk), ("VectorStore", "notes")):
            cls.world.await_condition(kind, cls.ns, name, "True")
        time.sleep(2)        # two scrapes
        load(cls.daemon, 20)
        cls.world.api.create("StoreSnapshot", cls.ns, "one", {"vectorStoreRef": {"name": "notes"}})
        cls.world.await_condition("StoreSnapshot", cls.ns, "one", "True/Completed", "Succeeded")
        eventually(lambda: cls.world.api.get("VectorStore", cls.ns, "notes")["status"].get("lastSnapshotTime"))

    def test_1_no_panel_is_empty(self):
        empty = queries()
        self.assertGreater(len(empty), 60)
        until = time.monotonic() + 30
        while empty and time.monotonic() < until:
            empty = [each for each in empty
                     if not self.prometheus.numbers(each[1], WINDOW_SECONDS if each[2] else 0)]
            time.sleep(0.5 if empty else 0)
        self.assertEqual([f"{where}: {expression}" for where, expression, _ in empty], [])

    def test_2_what_a_dashboard_lets_one_choose_is_there(self):
        for path in (CHART / "dashboards").glob("*.json"):
            for variable in json.loads(path.read_text())["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
                self.assertEqual(self.prometheus.get(f"label/{label}/values", **{"match[]": metric}),
                                 [f"{self.ns}/notes-0"])

    def test_3_rules_work_and_nothing_fires_while_all_is_well(self):
        eventually(lambda: not self.prometheus.broken_rules(), 10, lambda: str(self.prometheus.broken_rules()))
        self.assertEqual(self.prometheus.firing(), [])
        for recorded in ("pannier:requests:rate5m", "pannier:request_errors:ratio_rate1h", "pannier:reads_slow:ratio_rate5m",
                         "pannier:writes_seconds:p99_rate5m"):
            eventually(lambda: self.prometheus.numbers(recorded, 0), 10, f"{recorded} is not recorded")

    def test_4_sizes_arrive(self):
        """What daemons say in numbers, the operator passes on."""
        for metric in ("pannier_operator_store_bytes", "pannier_daemon_store_disk_bytes"):
            eventually(lambda: self.prometheus.numbers(f"{metric} > 0", 0), 45, f"{metric} stays 0")

    def test_5_damage_raises_its_alert_until_it_is_repaired(self):
        self.daemon.damage()
        eventually(lambda: "StoreCorrupt" in self.prometheus.firing(), 20, "damage raised nothing")
        self.assertNotIn("SnapshotUnverified", self.prometheus.firing())
        done = subprocess.run(
            [BIN / "pannierctl", "--socket", self.daemon.socket, "--admin-socket", self.daemon.folder / "a",
             "restore", "--store", STORE, "--repository", self.disk, "--latest", "--wait"],
            text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        eventually(lambda: "StoreCorrupt" not in self.prometheus.firing(), 30, "repaired, and it goes on firing")
        self.assertEqual(self.daemon.count("books"), 40)


def draw(folder: Path):
    try:
        Monitoring.setUpClass()
        began, first = time.time(), 40
        while time.time() - began < PICTURE_SECONDS:
            load(Monitoring.daemon, first)
            first += 20
            time.sleep(0.2 + 2 * abs((time.time() - began) / PICTURE_SECONDS - 0.5))  # busiest in the middle
            if first % 400 == 0:
                Monitoring.world.api.create("StoreSnapshot", Monitoring.ns, f"at-{first}",
                                            {"vectorStoreRef": {"name": "notes"}})
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted((CHART / "dashboards").glob("*.json")):
            drawn = picture.svg(json.loads(path.read_text()), lambda expression: Monitoring.prometheus.get(
                "query_range", query=filled(expression), start=began, end=time.time(), step=2)["result"])
            (folder / f"{path.stem}.svg").write_text(drawn.replace(Monitoring.ns, "team"))
    finally:
        Monitoring.doClassCleanups()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if sys.argv[1:2] == ["--pictures"]:
        draw(Path(sys.argv[2]))
        sys.exit(0)
    closing_line.run("dashboards and rules in a real Prometheus")
