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
    """The daemon cannot be reached; subclasses say why, where that is known.

    `sent` is False when nothing of the request had been sent; else it may have been done.
    """

    def __init__(self, what: str, hint: str = "", *, sent: bool = False) -> None:
        super().__init__(what, hint)
        self.sent = sent


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


class DaemonMissingError(PannierError, FileNotFoundError):
    """A private daemon is wanted, but there is no program `pannierd`."""


class DaemonStartError(ConnectError):
    """The private daemon of a folder does not come up; says what its log ends with."""


class RefusedError(PannierError, RuntimeError):
    """The daemon answers that it cannot do this now. Subclasses say what to do about it.

    `status` is that of HTTP, `retry_after` the seconds the daemon asks for.
    """

    def __init__(self, what: str, hint: str = "", *, status: int = 0, retry_after: float = 0) -> None:
        super().__init__(what, hint)
        self.status = status
        self.retry_after = retry_after


class BusyError(RefusedError):
    """A queue is full. Nothing was done; the same may be sent again."""


class UnavailableError(RefusedError):
    """The daemon or the store cannot serve right now; it may pass by itself."""


class ReadOnlyError(RefusedError):
    """The daemon takes no writes at the moment; reads go on."""


class DeadlineError(RefusedError, builtins.TimeoutError):
    """The daemon gave up after its own limit of time. Whether a write was done is not known."""


class StorageFullError(RefusedError):
    """The disk is full. Nothing was written; reads and deletions go on."""


class DegradedModeWarning(UserWarning):
    """The daemon serves, but not as usual: read-only, say. Told once for each client and mode."""


# May pass, but what was sent may have been done.
RETRIED = (ConnectError, UnavailableError, DeadlineError)


class OperationError(PannierError, RuntimeError):
    """The daemon refused an operation, or it failed; says why."""
