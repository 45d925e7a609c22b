"""pytest plug-in: the clients under test are those of pannier.PersistentClient.

Settings of a client of localhost:CHROMA_SERVER_HTTP_PORT, where nothing listens, become those that
PersistentClient makes for the folder PANNIER_SUITE_FOLDER, whose daemon lives as long as pytest; and
chromadb.PersistentClient is pannier's.
"""

import os

import chromadb
import pannier
from chromadb.config import Settings, System
from pannier._api import ASYNC, SYNC
from pannier._connect import make_settings

LABEL = ("localhost", int(os.environ["CHROMA_SERVER_HTTP_PORT"]))
_client = pannier.PersistentClient(os.environ["PANNIER_SUITE_FOLDER"], Settings(allow_reset=True))
_ours = _client.get_settings()
_target = pannier.Target(socket=_ours.pannier_socket)


def converted(settings: Settings) -> Settings:
    server = (settings.chroma_server_host, settings.chroma_server_http_port)
    if settings.chroma_api_impl not in (SYNC, ASYNC) or server != LABEL:
        return settings
    made = make_settings(settings.chroma_api_impl, _target, None, settings, _ours.pannier_timeout,
                         _ours.pannier_retry, _ours.pannier_home)
    made.chroma_server_host, made.chroma_server_http_port = server  # some tests look at them
    return made


def init(self, settings, *, _original=System.__init__):
    _original(self, converted(settings))


System.__init__ = init
chromadb.PersistentClient = pannier.PersistentClient


def pytest_unconfigure() -> None:
    _client.close()
