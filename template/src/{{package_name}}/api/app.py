"""The application, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import metadata
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from .. import DISTRIBUTION, TITLE, __version__
from ..health import Health
from ..limits import Limits
from ..metrics import Metrics
from ..observation import Observation
from ..probes import probe_routes
from ..problems import component_schemas
from ..settings import Settings
from ..store import Store
from . import notes
from .errors import EXCEPTION_HANDLERS


class Application(FastAPI):
    """FastAPI whose description knows the schema of problems."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        description["components"]["schemas"].update(component_schemas())
        return description


def create_app(settings: Settings, *, health: Health | None = None) -> FastAPI:
    """Return a new application that shares no state with any other.

    Pass a `health` to take part in it: to tell that the process stops, or to add checks.
    """
    health = health or Health()
    metrics = Metrics(__version__)
    store = Store(settings, health, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store:
            yield

    app = Application(
        title=TITLE,
        description=metadata(DISTRIBUTION)["Summary"],
        version=__version__,
        redoc_url=None,
        redirect_slashes=False,
        routes=probe_routes(health, metrics),
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(Observation, metrics=metrics),
            Middleware(Limits, settings=settings),
        ],
        lifespan=lifespan,
    )
    app.include_router(notes.router)
    app.state.notes = store.notes
    return app
