"""The ASGI application, put together."""

from collections.abc import Callable, Mapping
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
from ..notes import MemoryNotes
from ..observation import Observation
from ..probes import probe_routes
from ..problems import problem_response
from ..settings import Settings
from .attended import Attended
from .guard import Guard
from .notes import add_resources, tools
from .server import Server

PATH = "/mcp"


def create_server(settings: Settings, metrics: Metrics) -> Server:
    """Return a new MCP server that shares no state with any other."""
    notes = MemoryNotes(settings.notes_capacity)
    server = Server(tools(notes), metrics)
    add_resources(server, notes)
    return server


def create_app(settings: Settings, *, health: Health | None = None) -> Starlette:
    """Return a new application that shares no state with any other.

    Pass a `health` to take part in it: to tell that the process stops, or to add checks.

    Raises:
        SettingsError: nobody could be let in, for there is no token.
    """
    metrics = Metrics(__version__)
    server = create_server(settings, metrics)
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
    # Without GET, a stream on which a server speaks unasked: it would never end, and hold a place.
    endpoint = Guard(Attended(StreamableHTTPASGIApp(sessions)), settings)
    app = Starlette(
        routes=[
            *probe_routes(health or Health(), metrics),
            Route(PATH, endpoint, methods=["POST"]),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(Observation, metrics=metrics),
            Middleware(Limits, settings=settings),
        ],
        lifespan=lambda _: sessions.run(),
    )
    app.router.redirect_slashes = False
    return app


async def _http_exception(_: Request, error: HTTPException) -> Response:
    return problem_response(error.status_code, error.detail, headers=error.headers)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Any], Any]] = {HTTPException: _http_exception}
