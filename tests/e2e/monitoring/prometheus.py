"""A real Prometheus (Debian's) that scrapes processes of a test each second, with the rules of
charts/pannier. It ends with the test that started it."""

import ctypes
import json
import math
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

START_SECONDS = 30


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Prometheus:
    """`targets`: for each job its (instance, address)."""

    def __init__(self, folder: Path, port: int, targets: dict[str, list[tuple[str, str]]], rules: list[Path]):
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        folder.mkdir()
        for path in rules:  # as they are, but evaluated each second
            text = re.sub(r"^(    interval:) \S+$", r"\1 1s", path.read_text(), flags=re.MULTILINE)
            (folder / path.name).write_text(text)
        (folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / path.name) for path in rules],
            "scrape_configs": [
                {"job_name": job, "honor_labels": True, "static_configs": [
                    {"targets": [address], "labels": {"instance": instance}} for instance, address in each]}
                for job, each in targets.items()]}))
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.await_targets(sum(map(len, targets.values())))

    def await_targets(self, count: int):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                active = self.get("targets", state="active")["activeTargets"]
                if [each["health"] for each in active].count("up") == count:
                    return
            except (OSError, AssertionError):  # it does not listen yet, or it listens and is not ready
                assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.2)
        raise AssertionError(f"not all are scraped: {(self.folder / 'log').read_text()[-2000:]}")

    def get(self, what: str, **arguments):
        query = urllib.parse.urlencode(arguments, doseq=True)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{arguments}: {error.read().decode()}") from error

    def numbers(self, expression: str, over_seconds: int) -> int:
        """How many series of the answer have a number in them; now, or over so many seconds."""
        if over_seconds:
            now = time.time()
            found = self.get("query_range", query=expression, start=now - over_seconds, end=now, step=1)["result"]
            values = [[value for _, value in each["values"]] for each in found]
        else:
            found = self.get("query", query=expression)["result"]
            values = [[each["value"][1]] for each in found]
        return sum(any(not math.isnan(float(value)) for value in each) for each in values)

    def firing(self) -> list[str]:
        return sorted({each["labels"]["alertname"] for each in self.get("alerts")["alerts"]
                       if each["state"] == "firing"})

    def broken_rules(self) -> list[str]:
        return [f"{rule['name']}: {rule.get('lastError', rule['health'])}" for group in self.get("rules")["groups"]
                for rule in group["rules"] if rule["health"] != "ok"]

    def end(self):
        self.process.kill()
        self.process.wait()
