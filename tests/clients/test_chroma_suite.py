"""Chroma's own tests of PersistentClient pass on ours. The whole suite through it takes a quarter of an
hour: tests/chroma/run_suite.py --transport persistent --selection all."""

import subprocess
import sys

import pytest
from conftest import KIND, ROOT


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
def test_chromas_own_tests_of_a_persistent_client_pass():
    suite = [sys.executable, str(ROOT / "tests" / "chroma" / "run_suite.py")]
    done = subprocess.run([*suite, "--transport", "persistent", "--part", "embedded"],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
