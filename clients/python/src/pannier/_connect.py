"""connect() and connect_async(): the stock client, closable, over the socket."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, Generator, List, Mapping, Optional, Tuple, Union, cast

from pannier import errors
from pannier._target import Path, Target, check_socket, find_target, find_token

try:
    import chromadb.errors
    from chromadb.api import ServerAPI
    from chromadb.api.async_client import AsyncClient
    from chromadb.api.client import AdminClient, Client
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings, System
except ImportError as error:
    raise errors.ClientMissingError(
        f"the Chroma client cannot be imported: {error}",
        "pip install chromadb, or chromadb-client, which is smaller",
    ) from error

from pannier._api import ASYNC, SYNC, AsyncApi, PannierSettings, SyncApi
from pannier._health import Health
from pannier._retry import Retry

TIMEOUT_SECONDS = 60.0


class Connection(Client):
    """chromadb's client, made by connect(). close() gives back all sockets; also `with`."""

    def health(self) -> Health:
        """How the server is. Never raises because it is away or unwell: that is what it tells."""
        return Health.of(cast(SyncApi, self._server))

    def close(self) -> None:
        if self._closed:
            return
        mine = _systems_of(self, getattr(self, "_admin_client", None))
        super().close()
        _forget(mine)


class AsyncConnection(AsyncClient):
    """chromadb's asynchronous client, made by connect_async(). Close it in the loop that used it."""

    async def close(self) -> None:
        mine = _systems_of(self, getattr(self, "_admin_client", None))
        for system in mine:
            for component in system.components():
                if isinstance(component, AsyncApi):
                    await component.aclose()
        _forget(mine)

    async def __aenter__(self) -> "AsyncConnection":
        return self

    async def __aexit__(self, *_exc: Any) -> None:
        await self.close()


def _systems_of(*clients: Any) -> List[System]:
    known = SharedSystemClient._identifier_to_system
    return [known[c._identifier] for c in clients if c is not None and c._identifier in known]


def _forget(systems: List[System]) -> None:
    """Drops all of chromadb's own references; it keeps one per from_system() for good."""
    known = SharedSystemClient._identifier_to_system
    for identifier in [key for key, system in known.items() if any(system is s for s in systems)]:
        known.pop(identifier, None)
        SharedSystemClient._identifier_to_refcount.pop(identifier, None)


def connect(
    socket: Optional[Path] = None,
    *,
    tenant: str = DEFAULT_TENANT,
    database: str = DEFAULT_DATABASE,
    headers: Optional[Mapping[str, str]] = None,
    settings: Optional[Settings] = None,
    timeout: Optional[float] = TIMEOUT_SECONDS,
    create: bool = False,
    retry: Optional[Retry] = None,
    environment: Optional[Mapping[str, str]] = None,
) -> Connection:
    """Connects to the daemon and returns the stock Chroma client.

    Without `socket` the environment decides: PANNIER_SOCKET, else CHROMA_HOST, CHROMA_PORT and
    CHROMA_SSL, else the default socket. `timeout` is in seconds, for each request; None waits for
    ever. `create` makes the tenant and the database if they are not there yet. `retry` sends again
    what may be sent again (Retry says what); None leaves all to the caller. `environment` is asked
    instead of the process's.

    Raises, from pannier.errors:
      SocketMissingError, SocketRefusedError, SocketForbiddenError  the daemon cannot be reached
      ConnectError, TimeoutError                                    nor over TCP, nor in time
      NotFoundError                                                 no such tenant or database
      ConfigurationError                                            the address makes no sense
    """
    target = find_target(socket, environment)
    token = find_token(environment)
    ours = make_settings(SYNC, target, headers, settings, timeout, retry, token=token)
    if target.socket:
        check_socket(target.socket, timeout)
    if create:
        with ClosingAdmin(ours) as admin:
            create_store(admin, tenant, database)
    try:
        return Connection(tenant=tenant, database=database, settings=ours)
    except Exception as error:
        raise typed(error, target, tenant, database) from error


class _Connecting:
    """What connect_async() returns: to be awaited, or entered by `async with`."""

    def __init__(self, arguments: Dict[str, Any]) -> None:
        self._arguments = arguments
        self._client: Optional[AsyncConnection] = None

    def __await__(self) -> Generator[Any, None, AsyncConnection]:
        return _connect_async(**self._arguments).__await__()

    async def __aenter__(self) -> AsyncConnection:
        self._client = await self
        return self._client

    async def __aexit__(self, *_exc: Any) -> None:
        if self._client is not None:
            await self._client.close()


def connect_async(
    socket: Optional[Path] = None,
    *,
    tenant: str = DEFAULT_TENANT,
    database: str = DEFAULT_DATABASE,
    headers: Optional[Mapping[str, str]] = None,
    settings: Optional[Settings] = None,
    timeout: Optional[float] = TIMEOUT_SECONDS,
    create: bool = False,
    retry: Optional[Retry] = None,
) -> _Connecting:
    """As connect(), for the asynchronous client.

    client = await pannier.connect_async()            …and await client.close() later
    async with pannier.connect_async() as client:     …closes by itself
    """
    return _Connecting(
        {"socket": socket, "tenant": tenant, "database": database, "headers": headers,
         "settings": settings, "timeout": timeout, "create": create, "retry": retry})


async def _connect_async(
    socket: Optional[Path], tenant: str, database: str, headers: Optional[Mapping[str, str]],
    settings: Optional[Settings], timeout: Optional[float], create: bool, retry: Optional[Retry],
) -> AsyncConnection:
    target = find_target(socket)
    asynchronous = make_settings(
        ASYNC, target, headers, settings, timeout, retry, token=find_token()
    )

    def prepare() -> None:
        if target.socket:
            check_socket(target.socket, timeout)
        if create:
            ours = make_settings(
                SYNC, target, headers, settings, timeout, retry, token=find_token()
            )
            with ClosingAdmin(ours) as admin:
                create_store(admin, tenant, database)

    await asyncio.to_thread(prepare)  # what waits there must not hold up the loop
    try:
        client = await AsyncConnection.create(tenant=tenant, database=database, settings=asynchronous)
    except Exception as error:
        raise typed(error, target, tenant, database) from error
    return client  # type: ignore[return-value]


def make_settings(
    api: str, target: Target, headers: Optional[Mapping[str, str]], settings: Optional[Settings],
    timeout: Optional[float], retry: Optional[Retry], home: Optional[str] = None,
    token: Optional[str] = None,
) -> PannierSettings:
    """The settings of a client of `target`: those of the caller, and how we reach it."""
    values: Dict[str, Any] = {"anonymized_telemetry": False}
    if settings is not None:
        values = settings.model_dump()
    all_headers = {**(values.get("chroma_server_headers") or {}), **(headers or {})}
    given = {name.lower() for name in all_headers}
    if token and not values.get("chroma_client_auth_provider") and not given & {
            "authorization", "x-chroma-token"}:
        all_headers["Authorization"] = f"Bearer {token}"
    values.update(
        chroma_api_impl=api,
        chroma_server_host=target.host,
        chroma_server_http_port=target.port,
        chroma_server_ssl_enabled=target.ssl,
        chroma_server_headers=all_headers,
        pannier_socket=target.socket,
        pannier_timeout=timeout,
        pannier_retry=retry,
        pannier_home=home,
    )
    if (target.socket or not target.ssl) and values.get("chroma_server_ssl_verify") is None:
        # Without TLS nothing is verified, but each client would load all authorities: 30 ms.
        values["chroma_server_ssl_verify"] = False
    return PannierSettings(**values)


class ClosingAdmin:
    """A short-lived AdminClient that leaves nothing open."""

    def __init__(self, settings: PannierSettings) -> None:
        self._settings = settings

    def __enter__(self) -> AdminClient:
        self._admin = AdminClient(self._settings)
        return self._admin

    def __exit__(self, *_exc: Any) -> None:
        SharedSystemClient._release_system(self._admin._identifier)


def create_store(
    admin: Union[AdminClient, ServerAPI], tenant: str, database: str, *, ephemeral: bool = False
) -> None:
    """Makes tenant and database unless they are there; many processes may do so at once. With
    `ephemeral`, of a SyncApi, a new database goes with the client's session."""

    def make_database() -> None:
        if ephemeral:
            cast(SyncApi, admin).create_temporary_database(database, tenant)
        else:
            admin.create_database(database, tenant)

    steps: List[Tuple[Callable[[], object], Callable[[], object]]] = [
        (lambda: admin.get_tenant(tenant), lambda: admin.create_tenant(tenant)),
        (lambda: admin.get_database(database, tenant), make_database),
    ]
    for find, make in steps:
        try:
            find()
        except chromadb.errors.NotFoundError:
            try:
                make()
            except chromadb.errors.ChromaError:
                find()  # somebody else made it meanwhile, or this says why it cannot be made


def typed(error: BaseException, target: Target, tenant: str, database: str) -> BaseException:
    """The error behind a failed construction: chromadb wraps all in ValueError."""
    seen: Optional[BaseException] = error
    while seen is not None:
        if isinstance(seen, errors.PannierError):
            return seen
        if isinstance(seen, chromadb.errors.NotFoundError):
            return errors.NotFoundError(
                f"{target} has no database {database!r} of tenant {tenant!r}: {seen}",
                "connect(..., create=True)",
            )
        seen = seen.__cause__ or seen.__context__
    return error
