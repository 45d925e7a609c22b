"""PersistentClient: the embedded way, without a server to run."""

from __future__ import annotations

import os
import weakref
from typing import Optional

from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings

from pannier import _private, errors
from pannier._api import SYNC
from pannier._connect import (
    TIMEOUT_SECONDS,
    ClosingAdmin,
    Connection,
    create_store,
    make_settings,
    typed,
)
from pannier._retry import Retry
from pannier._target import Path, Target


def _refuse_files_of_chromadb(home: str) -> None:
    if os.path.exists(os.path.join(home, "chroma.sqlite3")) and not os.path.exists(
        os.path.join(home, "data")
    ):
        raise errors.ConfigurationError(
            f"{home} holds the files of chromadb's own PersistentClient",
            "pannier.import_chroma(old_folder, new_folder), which leaves the old one as it is",
        )


class PersistentClient(Connection):
    """chromadb.PersistentClient in which any number of processes may share a folder.

    The first process that asks starts a private `pannierd` for the folder, all others join it, and
    it ends when the last client of all processes is gone, closed or killed. When it dies, the next
    request starts it again; what it had acknowledged is there.

    close() gives back all that this client holds. When no other client is left, the daemon has
    ended when close() returns, and the folder may be moved or removed. A client that is dropped
    or whose process ends closes by itself, without waiting for that.

    A child of fork() may use the client it inherits, and keeps the daemon until it closes that or
    ends. Threads: any.

    Raises, from pannier.errors:
      DaemonMissingError   there is no program pannierd
      DaemonStartError     it does not come up; says why
      SocketForbiddenError the folder is another user's
      ConfigurationError   the folder holds files of chromadb, or there is no place for a socket
      NotFoundError        no such tenant or database (the default ones are always there)
    """

    def __init__(
        self,
        path: Path = "./chroma",
        settings: Optional[Settings] = None,
        tenant: str = DEFAULT_TENANT,
        database: str = DEFAULT_DATABASE,
        *,
        create: bool = False,
        timeout: Optional[float] = TIMEOUT_SECONDS,
        retry: Optional[Retry] = Retry(),
        daemon: Optional[str] = None,
    ) -> None:
        """`create`, `timeout` and `retry` are those of connect(). `daemon` names the program."""
        home = os.path.realpath(os.fspath(path))
        _refuse_files_of_chromadb(home)
        allow_reset = settings is not None and settings.allow_reset
        options = _private.DaemonOptions(daemon, allow_reset)
        target = Target(socket=_private.join(home, options).socket)
        leave = weakref.finalize(self, _private.leave, home, wait=False)
        try:
            ours = make_settings(SYNC, target, None, settings, timeout, retry, home)
            ours.persist_directory, ours.is_persistent = home, True
            if create:
                with ClosingAdmin(ours) as admin:
                    create_store(admin, tenant, database)
            super().__init__(tenant=tenant, database=database, settings=ours)
        except Exception as error:
            leave.detach()
            _private.leave(home)
            raise typed(error, target, tenant, database) from error
        self._home = home
        self._leave = leave

    def close(self) -> None:
        if self._closed:
            return
        super().close()
        if self._leave.detach():
            _private.leave(self._home)
