"""What answers say beside their body: refusals become types, a mode becomes a warning."""

from __future__ import annotations

import json
import threading
import warnings
from typing import Dict, Set, Tuple, Type

import httpx

from pannier import errors

HINTS: Dict[int, Tuple[Type[errors.RefusedError], str]] = {
    429: (errors.BusyError, "the same again a little later, or fewer at a time"),
    503: (errors.UnavailableError, "again a little later; pannierctl status says what is wrong"),
    504: (errors.DeadlineError, "less at a time, or a larger limits.deadline"),
    507: (errors.StorageFullError, "free disk space, or delete records: that still works"),
}
READ_ONLY_HINT = "pannierctl status says why; what was written before is safe and can be read"
RETRY_AFTER_MAX_SECONDS = 3600.0


class AnswerWatch:
    """Looks at every answer of one client. Threads: any."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._lock = threading.Lock()
        self._warned: Set[str] = set()

    def see(self, response: httpx.Response) -> None:
        """Raises what a refusal means; the response has been read."""
        mode = response.headers.get("pannier-mode", "normal")
        if mode != "normal":
            self._warn(mode)
        if response.status_code in HINTS:
            raise self._refusal(response, mode)

    def _warn(self, mode: str) -> None:
        with self._lock:
            if mode in self._warned:
                return
            self._warned.add(mode)
        warnings.warn(
            f"the daemon at {self._where} is in {mode} mode; pannierctl status says why",
            errors.DegradedModeWarning,
            stacklevel=2,
        )

    def _refusal(self, response: httpx.Response, mode: str) -> errors.RefusedError:
        kind, hint = HINTS[response.status_code]
        if response.status_code == 503 and mode == "read-only":
            kind, hint = errors.ReadOnlyError, READ_ONLY_HINT
        return kind(
            _message(response),
            hint,
            status=response.status_code,
            retry_after=_seconds(response.headers.get("retry-after", "0")),
        )


def _message(response: httpx.Response) -> str:
    try:
        return str(json.loads(response.text)["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:1000] or f"HTTP status {response.status_code}"


def _seconds(text: str) -> float:
    """Of a Retry-After header; a date, which no daemon sends, counts as none."""
    return min(float(text), RETRY_AFTER_MAX_SECONDS) if text.isdigit() else 0.0
