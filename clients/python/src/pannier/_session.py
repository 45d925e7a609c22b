"""Sessions: a worker tells the daemon that it is there, and what is to go with it."""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import os
import socket
import threading
import uuid
import weakref
from typing import Any, Dict, Optional, Tuple

from pannier import errors
from pannier._api import SESSION_HEADER, SyncApi

PATH = "/pannier/v1/sessions"
TIMEOUT_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 60.0
BEATS_PER_TIMEOUT = 3
ANSWER_SECONDS = 5.0
NOT_FOUND = 404

Answer = Tuple[int, Dict[str, Any]]


class _SocketLine:
    """A connection of its own, kept open: where the daemon cannot see this process, as from another
    container, the end of it is how it sees that the process is gone. Without locks, so that a child of
    fork() can let go of what it inherits."""

    def __init__(self, path: str, headers: Dict[str, str]) -> None:
        self._path = path
        self._headers = headers
        self._connection: Optional[http.client.HTTPConnection] = None

    def ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Answer:
        """Raises OSError or HTTPException when the daemon is away. What is asked may be asked twice: a
        connection that was closed meanwhile is made anew."""
        if self._connection is not None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self._ask(method, path, body)
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: Optional[Dict[str, Any]]) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with contextlib.suppress(BrokenPipeError):  # who answered before all was read
                self._connection.request(
                    method, path, json.dumps(body) if body is not None else None,
                    {**self._headers, "Content-Type": "application/json"},
                )
            answer = self._connection.getresponse()
            return answer.status, _page(answer.read())
        except Exception:
            self.close()
            raise

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("pannierd", timeout=ANSWER_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(ANSWER_SECONDS)
        try:
            connection.sock.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _PoolLine:
    """Over TCP, by the client's own connections."""

    def __init__(self, server: SyncApi) -> None:
        self._server = server

    def ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Answer:
        answer = self._server.fetch(path, method, body)
        return answer.status_code, _page(answer.content)

    def close(self) -> None:
        pass


def _page(text: bytes) -> Dict[str, Any]:
    try:
        page = json.loads(text or b"{}")
    except ValueError:  # of a server that has no such page
        page = {}
    return page if isinstance(page, dict) else {}


# What a line raises when the daemon is away, restarts, or refuses.
AWAY = (OSError, http.client.HTTPException, errors.PannierError)


class Session:
    """This process, as the daemon lists it: when it was last heard of, which stores it uses.

    Registered by begin(), kept alive by requests and by a thread, registered again when a restarted
    daemon knows it no more. Databases that are made with `ephemeral` go with it: when it is ended,
    when nothing is heard of it for `timeout_seconds`, and with `cleanup_on_exit` also soon after the
    last process that registered it has ended or was killed.

    With an `id` it can be picked up again, by this or another process, as after the refresh of a
    page; without one it has an id of its own, and cleans up. A child of fork() is a session of its own
    unless the id was given. Threads: any.
    """

    def __init__(
        self,
        server: SyncApi,
        id: Optional[str] = None,  # noqa: A002 - it is called so everywhere
        *,
        name: Optional[str] = None,
        cleanup_on_exit: Optional[bool] = None,
        timeout_seconds: Optional[float] = None,
    ) -> None:
        self._stop = threading.Event()
        if timeout_seconds is not None and timeout_seconds < 1:
            raise errors.ConfigurationError(
                f"a session's time-out of {timeout_seconds} s", "a second or more"
            )
        self._server = server
        self._is_named = id is not None
        self._has_none = False  # Chroma's own server knows nothing of sessions
        self.id = id if id is not None else uuid.uuid4().hex
        self.cleanup_on_exit = not self._is_named if cleanup_on_exit is None else cleanup_on_exit
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._pid = os.getpid()
        self._begin_anew()
        _sessions.add(self)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._begun = self._ended = False
        self._stop = threading.Event()
        self._line = self._new_line()
        self._pause = LONGEST_PAUSE_SECONDS

    def _new_line(self) -> Any:
        settings = self._server._ours
        if settings.pannier_socket:
            return _SocketLine(settings.pannier_socket, self._server.plain_headers())
        return _PoolLine(self._server)

    @property
    def is_known(self) -> bool:
        """Whether the daemon has it, as far as we know. Chroma's own server has no sessions."""
        return self._begun

    def begin(self) -> bool:
        """Registers it unless that was done. False: the server has no sessions, or no room for more.

        Raises ConfigurationError when the daemon says that the id cannot be, ConnectError when it is
        away.
        """
        with self._lock:
            if self._begun or self._ended or self._has_none:
                return self._begun
            try:
                status, page = self._register()
            except (OSError, http.client.HTTPException) as error:
                raise errors.ConnectError(
                    f"no session: {error or type(error).__name__}", "again once the daemon runs"
                ) from error
            if status == 400:
                raise errors.ConfigurationError(f"no session: {page.get('message')}", "another id")
            self._has_none = status == NOT_FOUND
            if status not in (200, 201):
                return False
            self._begun = True
            self._server.name_session(self.id)
            threading.Thread(
                target=_beat, args=(weakref.ref(self), self._stop), name="pannier-session", daemon=True
            ).start()
            return True

    def _register(self) -> Answer:
        body: Dict[str, Any] = {
            "id": self.id, "name": self._name, "cleanup_on_exit": self.cleanup_on_exit
        }
        if self._timeout_seconds is not None:
            body["timeout_seconds"] = int(self._timeout_seconds)
        status, page = self._line.ask("POST", PATH, body)
        seconds = float(page.get("timeout_seconds") or TIMEOUT_SECONDS)
        self._pause = min(seconds / BEATS_PER_TIMEOUT, LONGEST_PAUSE_SECONDS)
        return status, page

    def beat(self) -> float:
        """Tells the daemon that this process is there. Returns the seconds until the next time."""
        with self._lock:
            if self._ended:
                return self._pause
            try:
                status, _ = self._line.ask("PUT", f"{PATH}/{self.id}/heartbeat")
                if status == NOT_FOUND:
                    self._register()
            except AWAY:
                return min(1.0, self._pause)
            return self._pause

    def end(self) -> None:
        """Stops being there. With cleanup_on_exit the session is over for all who share its id, and
        its temporary stores are gone on return; else it can be picked up until its time-out.
        Idempotent; raises nothing because the daemon is away."""
        self._stop.set()
        with self._lock:
            if self._ended:
                return
            self._ended = True
            if self._begun and self.cleanup_on_exit:
                with contextlib.suppress(*AWAY):  # then it ends by its time-out
                    self._line.ask("DELETE", f"{PATH}/{self.id}")
            self._line.close()
            if self._begun:
                self._server.name_session(None)

    def _end_at_exit(self) -> None:
        if self._pid == os.getpid():
            self.end()

    def _renew_after_fork(self) -> None:
        self._line.close()  # or the parent's would stay open while we live
        self._pid = os.getpid()
        was_ended = self._ended
        if not self._is_named:
            self.id = uuid.uuid4().hex
        self._begin_anew()
        self._ended = was_ended

    def __del__(self) -> None:
        self._stop.set()


def _beat(session: "weakref.ref[Session]", stop: threading.Event) -> None:
    """The thread of a session, which ends with it, also when nobody says so."""
    pause = 0.0
    while not stop.wait(pause):
        known = session()
        if known is None:
            return
        pause = known.beat()
        del known


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _renew_all_after_fork() -> None:
    for session in list(_sessions):
        session._renew_after_fork()


def _end_all() -> None:
    for session in list(_sessions):
        session._end_at_exit()


os.register_at_fork(after_in_child=_renew_all_after_fork)
atexit.register(_end_all)

__all__ = ["SESSION_HEADER", "Session"]
