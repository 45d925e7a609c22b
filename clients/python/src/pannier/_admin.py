"""Operations of the daemon (docs/admin-api.md) over its admin socket, as calls."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any, Dict, List, Optional
from urllib.parse import quote

import httpx

from pannier import errors
from pannier._persistent import PersistentClient
from pannier._private import admin_socket_beside
from pannier._target import Path, check_socket

OPERATION_SECONDS = 3600.0
REQUEST_SECONDS = 30.0
LOOK_SECONDS = 0.05
ENDED = ("Succeeded", "Failed", "Cancelled")


class Admin:
    """The admin side of a daemon, for who may open its admin socket. Also `with`. Threads: any."""

    def __init__(self, socket: Path) -> None:
        path = os.fspath(socket)
        check_socket(path, REQUEST_SECONDS)
        self._session = httpx.Client(
            transport=httpx.HTTPTransport(uds=path, verify=False),
            base_url="http://pannierd",
            timeout=REQUEST_SECONDS,
        )
        self._where = path

    def run(self, action: str, seconds: float = OPERATION_SECONDS, **members: Any) -> Dict[str, Any]:
        """Asks for an operation, such as run("snapshot", store="default_tenant/docs",
        repository="local"), waits for its end, and returns its result.

        Raises OperationError when it is refused or fails; ConnectError when the daemon is away, and
        TimeoutError after `seconds`: then it may still be running, by the uid that the error names.
        """
        uid, until = str(uuid.uuid4()), time.monotonic() + seconds
        body = {"action": action, "timeoutSeconds": max(1, int(seconds)), **members}
        operation = self.ask("PUT", f"/admin/v1/operations/{uid}", body)
        while operation["state"] not in ENDED:
            if time.monotonic() > until:
                raise errors.TimeoutError(
                    f"{action} {uid} has not ended in {seconds} s",
                    "pannierctl operation list",
                    sent=True,
                )
            time.sleep(LOOK_SECONDS)
            operation = self.ask("GET", f"/admin/v1/operations/{uid}")
        if operation["state"] != "Succeeded":
            raise errors.OperationError(*_reason(action, operation.get("error")))
        return dict(operation.get("result") or {})

    def ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Any call of docs/admin-api.md: ask("GET", "/admin/v1/status"). Raises OperationError when it
        is refused, ConnectError when the daemon is away."""
        try:
            answer = self._session.request(method, path, json=body)
        except httpx.TransportError as error:
            raise errors.ConnectError(
                f"lost the admin connection to {self._where}: {error}", "again once the daemon runs",
                sent=True,
            ) from error
        page = answer.json()
        if answer.is_error:
            raise errors.OperationError(*_reason(f"{method} {path}", page))
        return dict(page)

    def snapshots(self, repository: str, store: Optional[str] = None) -> List[Dict[str, Any]]:
        """Of a store ("TENANT/DATABASE"), or of all: what docs/admin-api.md says, the newest first."""
        path = f"/admin/v1/repositories/{quote(repository, safe='')}/snapshots"
        query = f"?store={quote(store, safe='')}" if store is not None else ""
        return list(self.ask("GET", path + query)["snapshots"])

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> "Admin":
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.close()


def _reason(what: str, error: Any) -> List[str]:
    if not isinstance(error, dict):
        return [f"{what}: {error or 'it was cancelled'}"]
    return [f"{what}: {error.get('message', error)}", str(error.get("hint") or "")]


def import_chroma(old_folder: Path, new_folder: Path, **options: Any) -> Dict[str, Any]:
    """Takes the files of chromadb.PersistentClient over into a folder for pannier's, and returns
    what came: {"databases": [{"store", "collections"}], "messages"}. `options` are those of
    PersistentClient.

    The old folder is only read and stays as it is; nobody may write to it meanwhile. A store of the
    new folder that holds collections already is left alone, with an OperationError.
    """
    old = os.path.realpath(os.fspath(old_folder))
    if not os.path.exists(os.path.join(old, "chroma.sqlite3")):
        raise errors.ConfigurationError(
            f"{old} has no chroma.sqlite3", "the folder that chromadb was given"
        )
    with PersistentClient(new_folder, **options) as client:
        socket = str(client.get_settings().pannier_socket)  # type: ignore[attr-defined]
        with Admin(admin_socket_beside(socket)) as admin:
            return admin.run("import", directory=old)
