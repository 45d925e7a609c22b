"""Chroma's HTTP classes with another transport underneath.

The stock client makes its API object by the class name in its settings. `PannierSettings` gives the
names below instead, so that the whole client, its first requests included, uses the socket; nothing
in chromadb is replaced or patched.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, TypeVar, cast

import httpx
from chromadb.api.async_fastapi import AsyncFastAPI
from chromadb.api.fastapi import FastAPI
from chromadb.config import Settings, System
from overrides import override

from pannier import _private, errors
from pannier._answers import AnswerWatch
from pannier._retry import pause_before_retry

SYNC = "chromadb.api.fastapi.FastAPI"
ASYNC = "chromadb.api.async_fastapi.AsyncFastAPI"
OURS = {SYNC: "pannier._api.SyncApi", ASYNC: "pannier._api.AsyncApi"}
SESSION_HEADER = "x-pannier-session"
AS_IT_IS = "pannier_as_it_is"  # of a request: its answer's status is the caller's to judge
Sent = TypeVar("Sent")  # what a request's answer was made into
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class PannierSettings(Settings):
    """Chroma's settings, and the socket. Usable for every client: AdminClient(settings) too."""

    pannier_socket: Optional[str] = None
    pannier_timeout: Optional[float] = None
    pannier_retry: Optional[Any] = None  # a Retry
    pannier_home: Optional[str] = None  # the folder of a private daemon, which is started when away

    def require(self, key: str) -> Any:
        value = super().require(key)
        return OURS.get(value, value) if key == "chroma_api_impl" else value

    @property
    def where(self) -> str:
        return str(self.pannier_socket or self.chroma_server_host)


@contextmanager
def _typed_errors(settings: PannierSettings) -> Iterator[None]:
    """Turns httpx's connection errors into ours."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise errors.TimeoutError(
            f"no answer from {settings.where} in {settings.pannier_timeout} s",
            "a longer timeout",
            sent=not isinstance(error, NOT_SENT),
        ) from error
    except httpx.TransportError as error:
        raise errors.ConnectError(
            f"lost the connection to {settings.where}: {error or type(error).__name__}",
            "again once the daemon runs; nothing it acknowledged is lost",
            sent=not isinstance(error, NOT_SENT),
        ) from error


def _pause(
    settings: PannierSettings, attempt: int, error: BaseException, method: str, path: str,
    arguments: Mapping[str, Any],
) -> Optional[float]:
    body = arguments.get("json")
    return pause_before_retry(settings.pannier_retry, attempt, error, method, path, body)


def _may_revive(settings: PannierSettings, error: BaseException, revived: bool) -> bool:
    away = isinstance(error, errors.ConnectError) and not error.sent
    return away and not revived and settings.pannier_home is not None


class SyncApi(FastAPI):
    """FastAPI over the socket. Threads: any. After fork() a child opens connections of its own."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self._ours = cast(PannierSettings, system.settings)
        self._headers = dict(self._session.headers)
        self._tcp_session = self._session
        self._answers = AnswerWatch(self._ours.where)
        self._opening = threading.Lock()
        self._open()

    def _open(self) -> None:
        settings = self._ours
        if settings.pannier_socket:
            transport = httpx.HTTPTransport(
                uds=settings.pannier_socket, limits=self.http_limits, verify=False
            )
            self._session = httpx.Client(transport=transport, headers=self._headers)
        elif self._tcp_session.is_closed:
            verify = settings.chroma_server_ssl_verify
            self._session = httpx.Client(
                limits=self.http_limits,
                headers=self._headers,
                verify=True if verify is None else verify,
            )
        self._session.timeout = httpx.Timeout(settings.pannier_timeout)
        self._session.event_hooks = {"response": [self._see]}
        self._pid = os.getpid()
        self._stopped = False

    def _see(self, response: httpx.Response) -> None:
        if AS_IT_IS in response.request.extensions:
            return
        response.read()
        self._answers.see(response)

    def _renew_after_fork(self) -> None:
        """Connections shared with the parent would mix answers."""
        if self._pid == os.getpid():
            return
        with self._opening:
            if self._pid != os.getpid():
                self._tcp_session = httpx.Client(verify=False)  # noqa: S501 - it is closed at once
                self._tcp_session.close()
                self._open()

    @override
    def _make_request(self, method: str, path: str, **kwargs: Dict[str, Any]) -> Any:
        chromas = super()._make_request
        return self._send(lambda: chromas(method, path, **dict(kwargs)), method, path, kwargs)

    def _send(
        self, send: Callable[[], Sent], method: str, path: str, arguments: Mapping[str, Any]
    ) -> Sent:
        """What `send` returns, sent again as often as the settings and the request allow. A private
        daemon that died is started again for it."""
        attempt, revived = 1, False
        while True:
            if self._stopped:
                raise errors.ClosedError("this client is closed", "pannier.connect() makes a new one")
            self._renew_after_fork()
            try:
                with _typed_errors(self._ours):
                    return send()
            except Exception as error:
                if _may_revive(self._ours, error, revived):
                    _private.revive(str(self._ours.pannier_home))
                    revived = True
                    continue
                pause = _pause(self._ours, attempt, error, method, path, arguments)
                if pause is None:
                    raise
                time.sleep(pause)
                attempt, revived = attempt + 1, False

    def plain_headers(self) -> Dict[str, str]:
        """What every request carries, such as the token."""
        return {name: value for name, value in self._headers.items()
                if name.lower() not in ("content-type", SESSION_HEADER)}

    def name_session(self, session_id: Optional[str]) -> None:
        """Every request from now on belongs to that session, or to none."""
        for headers in (self._headers, self._session.headers):
            headers.pop(SESSION_HEADER, None)
            if session_id is not None:
                headers[SESSION_HEADER] = session_id

    def create_temporary_database(self, name: str, tenant: str) -> None:
        """create_database() of one that goes with the session of this client."""
        self._make_request(
            "post", f"/tenants/{tenant}/databases", json={"name": name, "ephemeral": True}
        )

    def fetch(
        self, path: str, method: str = "GET", body: Optional[Dict[str, Any]] = None
    ) -> httpx.Response:
        """The answer of a path that is not Chroma's, whatever its status."""
        url = httpx.URL(self.get_api_url()).copy_with(raw_path=path.encode())

        def send() -> httpx.Response:
            request = self._session.build_request(method, url, json=body, extensions={AS_IT_IS: True})
            return self._session.send(request)

        return self._send(send, method, path, {"json": body})

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
        self._answers = AnswerWatch(self._ours.where)
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
                uds=settings.pannier_socket, limits=self.http_limits, verify=False)}
        else:
            options["limits"] = self.http_limits
        headers: Mapping[str, str] = {
            **(settings.chroma_server_headers or {}),
            "Content-Type": "application/json",
        }
        return httpx.AsyncClient(
            timeout=settings.pannier_timeout,
            headers=headers,
            event_hooks={"response": [self._see]},
            **options,
        )

    async def _see(self, response: httpx.Response) -> None:
        await response.aread()
        self._answers.see(response)

    @override
    async def _make_request(self, method: str, path: str, **kwargs: Dict[str, Any]) -> Any:
        attempt = 1
        while True:
            if self._stopped:
                raise errors.ClosedError("this client is closed", "pannier.connect_async() again")
            try:
                with _typed_errors(self._ours):
                    return await super()._make_request(method, path, **dict(kwargs))
            except Exception as error:
                pause = _pause(self._ours, attempt, error, method, path, kwargs)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                attempt += 1

    async def aclose(self) -> None:
        self._stopped = True
        await self._cleanup()

    @override
    def stop(self) -> None:
        self._stopped = True  # connections are closed by aclose(), in the loop they belong to
