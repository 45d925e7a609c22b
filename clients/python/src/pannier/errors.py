"""What can go wrong between a program and the daemon, as types.

Each error says what happened, and in `hint` what to try. Errors the server itself answers stay
what they are in the stock client: subclasses of `chromadb.errors.ChromaError`.
"""

from __future__ import annotations

import builtins


class PannierError(Exception):
    """Base of all errors of this package."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what}; try: {hint}" if hint else what)
        self.what = what
        self.hint = hint


class ConfigurationError(PannierError, ValueError):
    """Arguments and environment do not say where to connect, or contradict each other."""


class ClientMissingError(PannierError, ImportError):
    """Neither chromadb nor chromadb-client is installed."""


class ConnectError(PannierError, ConnectionError):
    """The daemon cannot be reached; subclasses say why, where that is known."""


class SocketMissingError(ConnectError):
    """Nothing is at the socket's path, or what is there is no socket."""


class SocketRefusedError(ConnectError):
    """The socket is there but nobody listens: the daemon ended and left it behind."""


class SocketForbiddenError(ConnectError, PermissionError):
    """This user may not open the socket."""


class TimeoutError(ConnectError, builtins.TimeoutError):
    """The daemon did not answer in time. Whether a write was done is not known."""


class NotFoundError(PannierError, LookupError):
    """The daemon answers, but has no such tenant or database."""


class ClosedError(PannierError, RuntimeError):
    """The client was used after close()."""
