"""The stock Chroma client over the Unix socket of the Pannier daemon.

    import pannier

    with pannier.connect() as client:            # a chromadb.Client like any other
        docs = client.get_or_create_collection("docs")

    with pannier.PersistentClient("./store") as client:  # needs no server: starts or joins one

`StoreManager` keeps many stores by (file_id, embedding_type); `from_environment()` is the client that
CHROMA_MODE asks for; `pannier.fastapi` has a lifespan and a health page.

Where to connect is an argument, or comes from the environment: PANNIER_SOCKET, else CHROMA_HOST and
CHROMA_PORT. Errors of connecting are in `pannier.errors` and say what to try.
"""

from pannier import errors
from pannier._admin import Admin, import_chroma
from pannier._connect import AsyncConnection, Connection, connect, connect_async
from pannier._environment import from_environment
from pannier._health import Health
from pannier._persistent import PersistentClient
from pannier._pipeline import Snapshot, SnapshotPipeline
from pannier._retry import Retry
from pannier._session import Session
from pannier._store_manager import StoreManager
from pannier._target import Target, find_target

__all__ = [
    "Admin",
    "AsyncConnection",
    "Connection",
    "Health",
    "PersistentClient",
    "Retry",
    "Session",
    "Snapshot",
    "SnapshotPipeline",
    "StoreManager",
    "Target",
    "connect",
    "connect_async",
    "errors",
    "find_target",
    "from_environment",
    "import_chroma",
]
__version__ = "0.1.0"
