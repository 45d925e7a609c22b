"""StoreManager: many stores, any number of threads and processes, one object."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar, Union, cast

import chromadb.errors
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.api.types import QueryResult
from chromadb.config import DEFAULT_TENANT, Settings

from pannier import errors
from pannier._api import SyncApi
from pannier._connect import TIMEOUT_SECONDS, Connection, connect, create_store
from pannier._environment import from_environment
from pannier._health import Health
from pannier._names import store_name
from pannier._persistent import PersistentClient
from pannier._retry import Retry
from pannier._session import Session
from pannier._target import Path

INSTANCES_MAX = 1024
COLLECTIONS_MAX = 64  # of a store, that are remembered
MISSING = (chromadb.errors.NotFoundError, chromadb.errors.InvalidArgumentError)
Key = Tuple[str, str]
Result = TypeVar("Result")


class StoreClient(Client):
    """chromadb's client for one store of a manager, over the manager's connections.

    It lives as long as the manager; close() has nothing of its own to give back.
    """

    def __init__(self, owner: Connection, tenant: str, database: str) -> None:  # shares, makes none
        self._identifier = owner._identifier
        self._server = owner._server
        self._admin_client = owner._admin_client
        self.tenant = tenant
        self.database = database

    def close(self) -> None:
        pass


@dataclass
class _Instance:
    client: StoreClient
    last_used: float
    collections: Dict[str, Collection] = field(default_factory=dict)


@dataclass(frozen=True)
class _Wanted:
    """What the caller says of the manager's session."""

    session: Union[bool, str]
    ephemeral: bool
    cleanup_on_exit: Optional[bool]
    seconds: Optional[float]

    def made_for(self, owner: Connection) -> Optional[Session]:
        if self.session is False:
            return None
        return Session(
            cast(SyncApi, owner._server),
            None if self.session is True else str(self.session),
            cleanup_on_exit=self.cleanup_on_exit,
            timeout_seconds=self.seconds,
        )


class StoreManager:
    """Stores by (file_id, embedding_type), each a Chroma database of its own, made when first asked
    for; many processes may do so at once.

        with StoreManager() as manager:
            manager.add("report-7", "minilm", "chunks", ids=["1"], embeddings=[[0.1, 0.2]])
            manager.query("report-7", "minilm", "chunks", query_embeddings=[[0.1, 0.2]], n_results=3)

    With `path` the stores lie in that folder and a private daemon keeps them (PersistentClient);
    else `socket` or the environment say where the daemon is, as for connect().

    What may be sent again is (Retry); other failures are raised with types, from pannier.errors or
    chromadb.errors. Threads: any. A child of fork() may use the manager it inherits. At most
    `instances_max` clients are kept, the ones least recently used go first; each is small, for all
    share the manager's connections.

    From its first use on the manager is a session of the daemon, which lists it with the stores it
    uses. `session="tab-42"` gives that an id by which it can be picked up again; False: there is none.
    With `ephemeral` the stores that this manager makes are temporary, and go with the session: on
    close(), after the process has ended, however it did, and after `session_seconds` of silence. With
    an id only the last counts, unless `cleanup_on_exit` is set.
    """

    _session: Optional[Session]

    def __init__(
        self,
        socket: Optional[Path] = None,
        *,
        path: Optional[Path] = None,
        tenant: str = DEFAULT_TENANT,
        headers: Optional[Mapping[str, str]] = None,
        settings: Optional[Settings] = None,
        timeout: Optional[float] = TIMEOUT_SECONDS,
        retry: Optional[Retry] = Retry(),
        instances_max: int = INSTANCES_MAX,
        session: Union[bool, str] = True,
        ephemeral: bool = False,
        cleanup_on_exit: Optional[bool] = None,
        session_seconds: Optional[float] = None,
    ) -> None:
        if socket is not None and path is not None:
            raise errors.ConfigurationError("socket and path are both given", "one of them")

        def make() -> Connection:
            if path is not None:
                return PersistentClient(path, settings, timeout=timeout, retry=retry)
            return connect(socket, headers=headers, settings=settings, timeout=timeout, retry=retry)

        wanted = _Wanted(session, ephemeral, cleanup_on_exit, session_seconds)
        self._begin(make, tenant, instances_max, wanted)

    @classmethod
    def from_environment(
        cls,
        environment: Optional[Mapping[str, str]] = None,
        *,
        tenant: str = DEFAULT_TENANT,
        instances_max: int = INSTANCES_MAX,
        session: Union[bool, str] = True,
        ephemeral: bool = False,
        cleanup_on_exit: Optional[bool] = None,
        session_seconds: Optional[float] = None,
    ) -> "StoreManager":
        """A manager of the server that from_environment() finds."""
        manager = cls.__new__(cls)
        wanted = _Wanted(session, ephemeral, cleanup_on_exit, session_seconds)
        manager._begin(
            lambda: from_environment(environment, retry=Retry()), tenant, instances_max, wanted
        )
        return manager

    def _begin(
        self, make: Callable[[], Connection], tenant: str, instances_max: int, wanted: _Wanted
    ) -> None:
        if wanted.ephemeral and wanted.session is False:
            raise errors.ConfigurationError(
                "ephemeral stores belong to a session, and there is to be none", "session=True"
            )
        self._owner = make()
        self._tenant = tenant
        self._instances_max = max(1, instances_max)
        self._lock = threading.Lock()
        self._instances: "OrderedDict[Key, _Instance]" = OrderedDict()
        self._closed = False
        self._ephemeral = wanted.ephemeral
        self._session = wanted.made_for(self._owner)
        _managers.add(self)

    # Stores

    def get_client(self, file_id: str, embedding_type: str = "default") -> StoreClient:
        """chromadb's client of that store, which is made unless it is there."""
        key = (file_id, embedding_type)
        with self._lock:
            self._check_open()
            known = self._instances.get(key)
            if known is not None:
                known.last_used = time.monotonic()
                self._instances.move_to_end(key)
                return known.client
        name = store_name(file_id, embedding_type)
        self._create(name)
        made = _Instance(StoreClient(self._owner, self._tenant, name), time.monotonic())
        with self._lock:
            self._check_open()
            kept = self._instances.setdefault(key, made)
            while len(self._instances) > self._instances_max:
                self._instances.popitem(last=False)
            return kept.client

    def _create(self, name: str) -> None:
        if not self._begin_session() and self._ephemeral:
            raise errors.UnavailableError(
                "the daemon gives this manager no session", "raise sessions.maximum", status=429
            )
        create_store(self._owner._server, self._tenant, name, ephemeral=self._ephemeral)

    def _begin_session(self) -> bool:
        if self._session is None:
            return False
        try:
            return self._session.begin()
        except errors.ConnectError:
            self._owner._server.heartbeat()  # waits, or starts it again, or says what is wrong
            return self._session.begin()

    def get_collection(
        self,
        file_id: str,
        embedding_type: str,
        collection_name: str,
        embedding_function: Optional[Any] = None,
        metadata: Optional[Dict[str, Any]] = None,
    ) -> Collection:
        """That collection, which is made unless it is there. Without `embedding_function` embeddings
        are the caller's to give."""

        def get(client: StoreClient) -> Collection:
            return client.get_or_create_collection(
                collection_name, metadata=metadata, embedding_function=embedding_function
            )

        key = (file_id, embedding_type)
        collection = self._in_store(key, get)
        self._remember(key, collection)
        return collection

    def add(
        self,
        file_id: str,
        embedding_type: str,
        collection_name: str,
        embedding_function: Optional[Any] = None,
        **records: Any,
    ) -> None:
        """Collection.add(); an id that is there keeps what it has. The store has the records, on
        disk, on return; where the answer is lost (ConnectError with `sent`) they may be there or
        not, and may be added again."""
        self._in_collection(
            (file_id, embedding_type), collection_name, embedding_function,
            lambda collection: collection.add(**records),
        )

    def upsert(
        self,
        file_id: str,
        embedding_type: str,
        collection_name: str,
        embedding_function: Optional[Any] = None,
        **records: Any,
    ) -> None:
        """Collection.upsert(), which is sent again when its answer is lost."""
        self._in_collection(
            (file_id, embedding_type), collection_name, embedding_function,
            lambda collection: collection.upsert(**records),
        )

    def query(
        self,
        file_id: str,
        embedding_type: str,
        collection_name: str,
        embedding_function: Optional[Any] = None,
        **question: Any,
    ) -> QueryResult:
        """Collection.query()."""
        return self._in_collection(
            (file_id, embedding_type), collection_name, embedding_function,
            lambda collection: collection.query(**question),
        )

    # Clean-up

    def cleanup_instance(
        self, file_id: str, embedding_type: str = "default", *, delete: bool = False
    ) -> bool:
        """Forgets what this process keeps of a store, and with `delete` removes the store itself,
        for all processes. True: there was something to forget or to remove."""
        with self._lock:
            self._check_open()
            found = self._instances.pop((file_id, embedding_type), None) is not None
        if not delete:
            return found
        try:
            self._owner._server.delete_database(store_name(file_id, embedding_type), self._tenant)
        except chromadb.errors.NotFoundError:
            return found
        return True

    def cleanup_all(self, idle_seconds: float = 0) -> int:
        """Forgets all stores that this process has not asked for in so long; removes none. Returns
        how many. (The daemon closes idle stores by itself: stores.idleAfter.)"""
        latest = time.monotonic() - idle_seconds
        with self._lock:
            idle = [key for key, kept in self._instances.items() if kept.last_used <= latest]
            for key in idle:
                del self._instances[key]
        return len(idle)

    def instances(self) -> List[Key]:
        """The stores that this process keeps a client of, least recently used first."""
        with self._lock:
            return list(self._instances)

    @property
    def session_id(self) -> Optional[str]:
        """By which the daemon lists this manager; None: it has no session, or none yet."""
        known = self._session is not None and self._session.is_known
        return self._session.id if self._session is not None and known else None

    def health_check(self) -> Health:
        """How the daemon is; raises nothing because it is away."""
        return self._owner.health()

    def close(self) -> None:
        """Gives back all connections; what was acknowledged is on disk anyway. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._instances.clear()
        if self._session is not None:
            self._session.end()
        self._owner.close()

    def __enter__(self) -> "StoreManager":
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.close()

    def _in_collection(
        self, key: Key, name: str, embed: Optional[Any], work: Callable[[Collection], Result]
    ) -> Result:
        """Does `work` in a collection: in the one we know, unless another process has removed that."""
        known = self._recall(key, name, embed)
        if known is not None:
            try:
                return work(known)
            except MISSING:  # nothing was done; where it is the request that is wrong, it is so again
                with self._lock:
                    kept = self._instances.get(key)
                    if kept is not None:
                        kept.collections.pop(name, None)
        return work(self.get_collection(*key, name, embed))

    def _recall(self, key: Key, name: str, embed: Optional[Any]) -> Optional[Collection]:
        with self._lock:
            self._check_open()
            kept = self._instances.get(key)
            found = kept.collections.get(name) if kept is not None else None
            if kept is None or found is None or found._embedding_function is not embed:
                return None
            kept.last_used = time.monotonic()
            self._instances.move_to_end(key)
            return found

    def _remember(self, key: Key, collection: Collection) -> None:
        with self._lock:
            kept = self._instances.get(key)
            if kept is not None:
                if len(kept.collections) >= COLLECTIONS_MAX:
                    kept.collections.clear()
                kept.collections[collection.name] = collection

    def _in_store(self, key: Key, work: Callable[[StoreClient], Result]) -> Result:
        """Does `work` in a store, which another process may have removed since we last saw it."""
        client = self.get_client(*key)
        try:
            return work(client)
        except MISSING:
            if not self._is_removed(client):
                raise
            with self._lock:
                self._instances.pop(key, None)
            return work(self.get_client(*key))

    def _is_removed(self, client: StoreClient) -> bool:
        try:
            self._owner._server.get_database(client.database, client.tenant)
        except chromadb.errors.NotFoundError:
            return True
        return False

    def _check_open(self) -> None:
        if self._closed:
            raise errors.ClosedError("this manager is closed", "make a new one")

    def _renew_after_fork(self) -> None:
        self._lock = threading.Lock()


_managers: "weakref.WeakSet[StoreManager]" = weakref.WeakSet()


def _renew_all_after_fork() -> None:
    for manager in list(_managers):
        manager._renew_after_fork()


os.register_at_fork(after_in_child=_renew_all_after_fork)
