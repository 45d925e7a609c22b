"""The npm client over the socket and over TCP: its tests in js/, and the example of clients/js."""

import shutil
import subprocess
from pathlib import Path

import node_modules
import pytest

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "clients" / "js" / "example.mjs"


@pytest.fixture(scope="session")
def packages():
    return node_modules.install()


@pytest.fixture
def run_node(packages, tmp_path, environment):
    def run(script, *arguments):
        (tmp_path / "node_modules").symlink_to(packages / "node_modules")
        shutil.copy(script, tmp_path)
        command = [node_modules.node(packages), *arguments, script.name]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True,
                              text=True, timeout=120)
    return run


def test_the_example_finds_the_nearest_note(run_node):
    done = run_node(EXAMPLE)
    assert done.stdout == "nearest: a, red\n", done.stderr


def test_the_stock_client_does_what_programs_do(run_node):
    done = run_node(HERE / "js" / "client.test.mjs", "--test")
    assert done.returncode == 0, done.stdout + done.stderr
