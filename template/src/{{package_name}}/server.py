"""The process: where it listens, and how it stops without losing a request."""

import asyncio
import logging
import os
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from . import __version__
from .health import Health
from .settings import Settings

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A server that on SIGTERM or SIGINT becomes unready, serves on for a while, and exits with 0.

    A second signal ends the process at once.
    """

    def __init__(self, app: ASGIApp, settings: Settings, health: Health) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=settings.shutdown_grace,
            )
        )
        self._settings = settings
        self._health = health

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            logger.info("listening", extra={"host": host, "port": port, "version": __version__})
        # What is missing is told now, and not when somebody asks.
        self._first_look = asyncio.create_task(self._health.report())

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Begin to stop. Unlike uvicorn, do not keep the signal to die of it in the end."""
        if self.should_exit:
            # A clean stop would wait for the very requests that are to be cut off.
            os._exit(128 + sig)
        self._health.drain()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on until nobody sends requests here, then finish those in flight."""
        # From now on a response ends its connection, or callers that keep one would be cut off.
        self.server_state.default_headers.append((b"connection", b"close"))
        logger.info("draining", extra={"seconds": self._settings.shutdown_delay})
        await asyncio.sleep(self._settings.shutdown_delay)
        await super().shutdown(sockets)
        logger.info("stopped")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there, or raise `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # asyncio does so only for sockets of its own. Without, a response may wait 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
