"""What may be sent again, and when.

A request may be sent again when nothing of it was sent, when the daemon refused it before it did
anything, or when doing it twice comes to the same as doing it once. Everything else is the
caller's to judge: an `add` whose answer was lost may be done or not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from pannier import errors

# What these ends of a path ask for changes nothing, or comes to the same when done twice.
REPEATABLE_POSTS = ("/get", "/query", "/search", "/upsert")


@dataclass(frozen=True)
class Retry:
    """`attempts` in all; the pause before the second is `first_seconds`, then `factor` times as long
    each time, up to `longest_seconds`. Each is shortened by chance, by half at most, so that workers
    that failed together do not come back together."""

    attempts: int = 3
    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_seconds < 0 or self.factor < 1:
            raise errors.ConfigurationError(
                f"no way to retry: {self}", "attempts from 1, no pause below 0, a factor from 1"
            )

    def pause(self, attempt: int, least_seconds: float = 0.0) -> float:
        """Seconds between attempt number `attempt`, from 1, and the next."""
        grown = self.first_seconds * self.factor ** (attempt - 1)
        chance = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(least_seconds, min(grown, self.longest_seconds) * chance)


def pause_before_retry(
    retry: Optional[Retry],
    attempt: int,
    error: BaseException,
    method: str,
    path: str,
    body: Optional[Mapping[str, Any]],
) -> Optional[float]:
    """Seconds to wait before the request goes out again; None: it must not."""
    if retry is None or attempt >= retry.attempts:
        return None
    if isinstance(error, errors.BusyError):  # refused before anything was done
        return retry.pause(attempt, min(error.retry_after, retry.longest_seconds))
    if isinstance(error, errors.ConnectError) and not error.sent:
        return retry.pause(attempt)
    if isinstance(error, errors.RETRIED) and is_repeatable(method, path, body):
        return retry.pause(attempt)
    return None


def is_repeatable(method: str, path: str, body: Optional[Mapping[str, Any]]) -> bool:
    """Whether a request that may have been done can be done once more without harm."""
    if method.lower() == "get":
        return True
    if method.lower() != "post":
        return False
    if path.endswith("/collections"):
        return bool(body and body.get("get_or_create"))
    return path.endswith(REPEATABLE_POSTS)
