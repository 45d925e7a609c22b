"""A FastAPI application on a Pannier daemon: one manager for its whole life, and a health page.

    from fastapi import FastAPI
    from pannier.fastapi import Manager, health_router, lifespan

    app = FastAPI(lifespan=lifespan())
    app.include_router(health_router())

    @app.post("/files/{file_id}/search")
    def search(file_id: str, vector: list[float], manager: Manager):
        return manager.query(file_id, "minilm", "chunks", query_embeddings=[vector])

Routes that use the manager are plain `def`: FastAPI runs them in threads, and the manager is made for
those. Each worker process of uvicorn or gunicorn makes a manager of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated, Any, AsyncIterator, Callable, Optional

from pannier import errors
from pannier._store_manager import StoreManager

try:
    from fastapi import APIRouter, Depends, Request
    from fastapi.responses import JSONResponse
except ImportError as error:
    raise errors.ClientMissingError(
        f"FastAPI cannot be imported: {error}", "pip install fastapi"
    ) from error

HEALTH_PATH = "/health/chromadb"
Lifespan = Callable[[Any], Any]


def lifespan(
    make: Callable[[], StoreManager] = StoreManager.from_environment,
    then: Optional[Lifespan] = None,
) -> Lifespan:
    """For FastAPI(lifespan=…): makes the manager before the first request, and closes it after the
    last. `then` is the application's own lifespan, entered within."""

    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[Any]:
        manager = await asyncio.to_thread(make)
        app.state.pannier = manager
        try:
            if then is None:
                yield
            else:
                async with then(app) as state:
                    yield state
        finally:
            await asyncio.to_thread(manager.close)

    return run


def get_manager(request: Request) -> StoreManager:
    """The application's manager, as a dependency."""
    manager = getattr(request.app.state, "pannier", None)
    if not isinstance(manager, StoreManager):
        raise errors.ConfigurationError(
            "this application has no StoreManager", "FastAPI(lifespan=pannier.fastapi.lifespan())"
        )
    return manager


Manager = Annotated[StoreManager, Depends(get_manager)]


def health_router(path: str = HEALTH_PATH) -> APIRouter:
    """A router with the health page: 200 when the daemon serves, else 503 with the reason."""
    router = APIRouter()

    @router.get(path)
    def health(request: Request) -> JSONResponse:
        found = get_manager(request).health_check()
        return JSONResponse(found.page(), status_code=200 if found else 503)

    return router
