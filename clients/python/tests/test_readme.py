"""Every Python block of README.md runs as it stands there, but for where the daemon and S3 are."""

import ast
import asyncio
import re
from pathlib import Path

import pytest
from conftest import KIND

import pannier

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
BUCKET = re.compile(r'{"s3": {[^}]*}}')

pytestmark = pytest.mark.skipif(KIND != "pannierd", reason="some start a private daemon")


@pytest.fixture
def place(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PANNIER_SOCKET", server.socket_path)
    (tmp_path / "pannier.sock").symlink_to(server.socket_path)
    (tmp_path / "repository").mkdir()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
@pytest.mark.usefixtures("place")
def test_blocks_of_the_readme_run(number):
    block = BUCKET.sub('{"volume": {"path": "./repository"}}', BLOCKS[number])
    code = compile(block, f"block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, {"pannier": pannier})  # noqa: S307 - it is ours
    if asyncio.iscoroutine(running):
        asyncio.run(running)


def test_the_whole_program_prints_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[0], {})  # noqa: S102 - it is ours
    said = capsys.readouterr().out.strip()
    assert said == BLOCKS[0].rsplit("# ", 1)[1].strip()
    assert len(BLOCKS[0].splitlines()) <= 15
