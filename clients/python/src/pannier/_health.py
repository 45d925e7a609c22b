"""How a server is, as one value."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Dict, Optional

from pannier import errors
from pannier._api import SyncApi


@dataclass(frozen=True)
class Health:
    """What `/health/chromadb` says. Numbers are None where the server does not tell them."""

    healthy: bool
    mode: str = "normal"
    reason: str = ""
    stores: Optional[int] = None
    open_stores: Optional[int] = None
    collections: Optional[int] = None
    documents: Optional[int] = None
    latency_ms: float = 0.0

    def __bool__(self) -> bool:
        return self.healthy

    def page(self) -> Dict[str, Any]:
        """As the daemon's own page has it."""
        page: Dict[str, Any] = {
            "status": "healthy" if self.healthy else "unhealthy",
            "mode": self.mode,
            "latency_ms": round(self.latency_ms, 3),
        }
        for name in ("stores", "open_stores", "collections", "documents"):
            if getattr(self, name) is not None:
                page[name] = getattr(self, name)
        return {**page, "reason": self.reason} if self.reason else page

    @classmethod
    def of(cls, server: SyncApi) -> "Health":
        started = time.monotonic()
        try:
            return _ask(server, started)
        except errors.PannierError as error:
            return cls(False, mode="away", reason=str(error), latency_ms=_since(started))


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000


def _ask(server: SyncApi, started: float) -> Health:
    answer = server.fetch("/health/chromadb")
    if answer.status_code == 404:  # Chroma's own server has no such page
        answer = server.fetch("/api/v2/heartbeat")
    took = _since(started)
    try:
        page = answer.json()
    except ValueError:
        page = {}
    if not isinstance(page, dict) or answer.status_code not in (200, 503):
        return Health(False, mode="unknown", reason=f"HTTP {answer.status_code}", latency_ms=took)
    return Health(
        healthy=answer.status_code == 200,
        mode=str(page.get("mode", "normal")),
        reason=str(page.get("reason", "")),
        stores=page.get("stores"),
        open_stores=page.get("open_stores"),
        collections=page.get("collections"),
        documents=page.get("documents"),
        latency_ms=took,
    )
