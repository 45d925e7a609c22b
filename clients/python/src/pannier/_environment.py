"""from_environment(): the client that an application's environment asks for."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from pannier import errors
from pannier._connect import Connection, connect
from pannier._persistent import PersistentClient

MODES = ("persistent", "http", "socket")


def from_environment(
    environment: Optional[Mapping[str, str]] = None, **options: Any
) -> Connection:
    """The client that CHROMA_MODE names; `options` are those of connect() and PersistentClient.

    persistent  PersistentClient of CHROMA_DB_PATH, else CHROMA_PERSIST_DIR, else ./chroma
    http        connect() to CHROMA_HOST (localhost) and CHROMA_PORT (8000), with CHROMA_SSL
    socket      connect() to PANNIER_SOCKET, else the default socket

    Without CHROMA_MODE the first of these decides that is set: PANNIER_SOCKET, CHROMA_HOST,
    CHROMA_DB_PATH, CHROMA_PERSIST_DIR; else it is the default socket. CHROMA_AUTH_TOKEN is sent as a
    bearer token.

    Raises ConfigurationError where a value makes no sense, and what those calls raise.
    """
    env = os.environ if environment is None else environment
    mode = find_mode(env)
    folder = env.get("CHROMA_DB_PATH") or env.get("CHROMA_PERSIST_DIR")
    if mode == "persistent":
        return PersistentClient(folder or "./chroma", **options)
    return connect(environment=_of_mode(mode, env), **options)


def find_mode(env: Mapping[str, str]) -> str:
    """persistent, http or socket."""
    mode = env.get("CHROMA_MODE", "").strip().lower()
    if mode:
        if mode not in MODES:
            raise errors.ConfigurationError(f"CHROMA_MODE is {mode!r}", "one of " + ", ".join(MODES))
        return mode
    if env.get("PANNIER_SOCKET"):
        return "socket"
    if env.get("CHROMA_HOST"):
        return "http"
    if env.get("CHROMA_DB_PATH") or env.get("CHROMA_PERSIST_DIR"):
        return "persistent"
    return "socket"


def _of_mode(mode: str, env: Mapping[str, str]) -> Dict[str, str]:
    """What find_target() shall see, so that it comes to the mode asked for."""
    if mode == "http":
        others = {name: value for name, value in env.items() if name != "PANNIER_SOCKET"}
        return {**others, "CHROMA_HOST": env.get("CHROMA_HOST") or "localhost"}
    return {name: value for name, value in env.items() if name != "CHROMA_HOST"}
