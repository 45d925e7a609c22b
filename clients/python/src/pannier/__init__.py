"""The stock Chroma client over the Unix socket of the Pannier daemon.

    import pannier

    with pannier.connect() as client:            # a chromadb.Client like any other
        docs = client.get_or_create_collection("docs")

Where to connect is an argument, or comes from the environment: PANNIER_SOCKET, else CHROMA_HOST and
CHROMA_PORT. Errors of connecting are in `pannier.errors` and say what to try.
"""

from pannier import errors
from pannier._connect import AsyncConnection, Connection, connect, connect_async
from pannier._target import Target, find_target

__all__ = [
    "AsyncConnection",
    "Connection",
    "Target",
    "connect",
    "connect_async",
    "errors",
    "find_target",
]
__version__ = "0.1.0"
