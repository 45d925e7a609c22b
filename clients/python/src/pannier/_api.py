"""Chroma's HTTP classes with another transport underneath.

The stock client makes its API object by the class name in its settings. `PannierSettings` gives the
names below instead, so that the whole client, its first requests included, uses the socket; nothing
in chromadb is replaced or patched.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Mapping, Optional, cast

import httpx
from chromadb.api.async_fastapi import AsyncFastAPI
from chromadb.api.fastapi import FastAPI
from chromadb.config import Settings, System
from overrides import override

from pannier import errors

SYNC = "chromadb.api.fastapi.FastAPI"
ASYNC = "chromadb.api.async_fastapi.AsyncFastAPI"
OURS = {SYNC: "pannier._api.SyncApi", ASYNC: "pannier._api.AsyncApi"}


class PannierSettings(Settings):
    """Chroma's settings, and the socket. Usable for every client: AdminClient(settings) too."""

    pannier_socket: Optional[str] = None
    pannier_timeout: Optional[float] = None

    def require(self, key: str) -> Any:
        value = super().require(key)
        return OURS.get(value, value) if key == "chroma_api_impl" else value


@contextmanager
def _typed_errors(settings: PannierSettings) -> Iterator[None]:
    """Turns httpx's connection errors into ours."""
    where = settings.pannier_socket or settings.chroma_server_host
    try:
        yield
    except httpx.TimeoutException as error:
        raise errors.TimeoutError(
            f"no answer from {where} in {settings.pannier_timeout} s", "a longer timeout"
        ) from error
    except httpx.TransportError as error:
        raise errors.ConnectError(
            f"lost the connection to {where}: {error or type(error).__name__}",
            "again once the daemon runs; nothing it acknowledged is lost",
        ) from error


class SyncApi(FastAPI):
    """FastAPI over the socket. Threads: any. Survives fork(): a child opens connections of its own."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self._ours = cast(PannierSettings, system.settings)
        self._headers = dict(self._session.headers)
        self._tcp_session = self._session
        self._open()

    def _open(self) -> None:
        settings = self._ours
        if settings.pannier_socket:
            transport = httpx.HTTPTransport(uds=settings.pannier_socket, limits=self.http_limits)
            self._session = httpx.Client(transport=transport, headers=self._headers)
        elif self._tcp_session.is_closed:
            verify = settings.chroma_server_ssl_verify
            self._session = httpx.Client(
                limits=self.http_limits, headers=self._headers, verify=True if verify is None else verify
            )
        self._session.timeout = httpx.Timeout(settings.pannier_timeout)
        self._pid = os.getpid()
        self._stopped = False

    @override
    def _make_request(self, method: str, path: str, **kwargs: Dict[str, Any]) -> Any:
        if self._stopped:
            raise errors.ClosedError("this client is closed", "pannier.connect() makes a new one")
        if self._pid != os.getpid():  # connections shared with the parent would mix answers
            self._tcp_session = httpx.Client()
            self._tcp_session.close()
            self._open()
        with _typed_errors(self._ours):
            return super()._make_request(method, path, **kwargs)

    @override
    def stop(self) -> None:
        super().stop()
        self._stopped = True
        self._session.close()
        self._tcp_session.close()


class AsyncApi(AsyncFastAPI):
    """AsyncFastAPI over the socket; one httpx client for each event loop it is used in."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self._ours = cast(PannierSettings, system.settings)
        self._clients = {}  # chromadb's is shared by all instances, whatever their address
        self._loops: Dict[int, "weakref.ref[asyncio.AbstractEventLoop]"] = {}
        self._pid = os.getpid()
        self._stopped = False

    @override
    def _get_client(self) -> httpx.AsyncClient:
        if self._pid != os.getpid():
            self._clients, self._pid = {}, os.getpid()
        try:
            loop: Optional[asyncio.AbstractEventLoop] = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        key = id(loop) if loop else 0
        known = self._loops.get(key)
        if loop and (known is None or known() is not loop):
            self._clients.pop(key, None)   # of an ended loop whose address the new one got
            self._loops[key] = weakref.ref(loop)
        if key not in self._clients:
            self._clients[key] = self._new_client()
        return self._clients[key]

    def _new_client(self) -> httpx.AsyncClient:
        settings = self._ours
        verify = settings.chroma_server_ssl_verify
        options: Dict[str, Any] = {"verify": True if verify is None else verify}
        if settings.pannier_socket:
            options = {"transport": httpx.AsyncHTTPTransport(
                uds=settings.pannier_socket, limits=self.http_limits)}
        else:
            options["limits"] = self.http_limits
        headers: Mapping[str, str] = {
            **(settings.chroma_server_headers or {}),
            "Content-Type": "application/json",
        }
        return httpx.AsyncClient(timeout=settings.pannier_timeout, headers=headers, **options)

    @override
    async def _make_request(self, method: str, path: str, **kwargs: Dict[str, Any]) -> Any:
        if self._stopped:
            raise errors.ClosedError("this client is closed", "pannier.connect_async() again")
        with _typed_errors(self._ours):
            return await super()._make_request(method, path, **kwargs)

    async def aclose(self) -> None:
        self._stopped = True
        await self._cleanup()

    @override
    def stop(self) -> None:
        self._stopped = True  # connections are closed by aclose(), in the loop they belong to
