"""Renders charts/pannier with the Helm that scripts/deps.sh installed."""

import os
import subprocess
from functools import lru_cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "pannier"
VALUES = ROOT / "tests" / "chart" / "values"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pannier"
HELM = CACHE / "bin" / "helm"
NAMESPACE = "pannier-system"


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([HELM, *arguments], text=True, capture_output=True, check=False)


def template(*arguments: str, release: str = "pannier") -> subprocess.CompletedProcess:
    # A Helm built by Go from its module takes the cluster for an ancient one unless told.
    return run("template", release, str(CHART), "--namespace", NAMESPACE,
               "--kube-version", "1.34.0", *arguments)


@lru_cache
def text_of(*arguments: str) -> str:
    done = template(*arguments)
    if done.returncode:
        raise AssertionError(f"helm template {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def rendered(*arguments: str) -> list[dict]:
    """Objects that the caller may change."""
    return [each for each in yaml.safe_load_all(text_of(*arguments)) if each]
