"""The application, put together."""

from importlib.metadata import metadata
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from .. import DISTRIBUTION, TITLE, __version__
from ..health import Health
from ..limits import Limits
from ..metrics import Metrics
from ..notes import MemoryNotes
from ..observation import Observation
from ..probes import probe_routes
from ..problems import component_schemas
from ..settings import Settings
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
    metrics = Metrics(__version__)
    app = Application(
        title=TITLE,
        description=metadata(DISTRIBUTION)["Summary"],
        version=__version__,
        redoc_url=None,
        redirect_slashes=False,
        routes=probe_routes(health or Health(), metrics),
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(Observation, metrics=metrics),
            Middleware(Limits, settings=settings),
        ],
    )
    app.include_router(notes.router)
    app.state.notes = MemoryNotes(settings.notes_capacity)
    return app
