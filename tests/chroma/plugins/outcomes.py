"""pytest plug-in: writes each test's outcome as one JSON line to PANNIER_SUITE_OUTCOMES."""

import json
import os

import pytest

_worst: dict[str, dict] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome == "rerun":
        return
    seen = _worst.setdefault(report.nodeid, {"id": report.nodeid, "outcome": "passed", "text": ""})
    if report.failed:
        seen["outcome"] = "failed" if report.when == "call" else "error"
        seen["text"] += report.longreprtext
    elif report.skipped and seen["outcome"] == "passed":
        seen["outcome"] = "xfailed" if hasattr(report, "wasxfail") else "skipped"


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _worst[report.nodeid] = {"id": report.nodeid, "outcome": "error",
                                 "text": report.longreprtext}


def pytest_runtest_logfinish(nodeid: str) -> None:
    if nodeid in _worst:
        with open(os.environ["PANNIER_SUITE_OUTCOMES"], "a", encoding="utf-8") as out:
            out.write(json.dumps(_worst.pop(nodeid)) + "\n")


def pytest_sessionfinish() -> None:
    for nodeid in list(_worst):
        pytest_runtest_logfinish(nodeid)
