"""The ASGI application, put together."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from ..health import Health
from ..limits import Limits
from ..metrics import Metrics
from ..notes import NoteRepository
from ..observation import Observation
from ..probes import probe_routes
from ..problems import problem_response
from ..settings import Settings
from ..store import Store
from .attended import Attended
from .guard import Guard
from .notes import add_resources, tools
from .server import Server

PATH = "/mcp"


def create_server(notes: NoteRepository, metrics: Metrics) -> Server:
    """Return a new MCP server of some notes."""
    server = Server(tools(notes), metrics)
    add_resources(server, notes)
    return server


def create_app(settings: Settings, *, health: Health | None = None) -> Starlette:
    """Return a new application that shares no state with any other.

    Pass a `health` to take part in it: to tell that the process stops, or to add checks.

    Raises:
        SettingsError: nobody could be let in, for there is no token.
    """
    health = health or Health()
    metrics = Metrics(__version__)
    store = Store(settings, health, metrics)
    server = create_server(store.notes, metrics)
    # Each request stands alone, so that any replica can answer it, and its answer is one piece of
    # JSON, which every proxy and client can take. Tools that tell their progress need streams.
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=settings.max_body_bytes,
        # `Guard` does it, with the settings that an operator knows.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    sessions = server.session_manager

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with store, sessions.run():
            yield

    # Without GET, a stream on which a server speaks unasked: it would never end, and hold a place.
    endpoint = Guard(Attended(StreamableHTTPASGIApp(sessions)), settings)
    app = Starlette(
        routes=[
            *probe_routes(health, metrics),
            Route(PATH, endpoint, methods=["POST"]),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(Observation, metrics=metrics),
            Middleware(Limits, settings=settings),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _http_exception(_: Request, error: HTTPException) -> Response:
    return problem_response(error.status_code, error.detail, headers=error.headers)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Any], Any]] = {HTTPException: _http_exception}
