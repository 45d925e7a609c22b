"""LangChain's standard tests of vector stores, on langchain-chroma over the socket."""

import os
import subprocess
import sys

import pannier
import pytest
from conftest import ROOT, client_environment
from langchain_chroma import Chroma
from langchain_tests.integration_tests import VectorStoreIntegrationTests

EXAMPLE = ROOT / "clients" / "python" / "examples" / "langchain_example.py"


class TestChromaOverTheSocket(VectorStoreIntegrationTests):
    """All of them, synchronous and asynchronous."""

    @pytest.fixture
    def vectorstore(self, socket_server, database):
        with pannier.connect(socket_server.socket_path, database=database, create=True) as client:
            store = Chroma("standard", self.get_embeddings(), client=client)
            yield store
            store.delete_collection()


def test_the_example_answers_from_the_right_document(socket_server):
    environment = client_environment(socket_server)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "clients" / "python" / "src")])
    done = subprocess.run([sys.executable, str(EXAMPLE)], env=environment, capture_output=True,
                          text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith("Interest rates rose again. (money, ")
    assert lines[1] == "['cat', 'dog']"
