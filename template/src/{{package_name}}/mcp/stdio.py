"""The server on the standard streams of a process that its one client has started."""

import logging
import os
import signal
from types import FrameType

import anyio

from .. import __version__
from ..health import Health
from ..metrics import Metrics
from ..settings import Settings
from ..store import Store
from .app import create_server

logger = logging.getLogger(__name__)


def serve_stdio(settings: Settings) -> None:
    """Serve until stdin ends, or a signal tells to stop. Only messages of MCP go to stdout."""
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, _exit)
    logger.info("serving stdio", extra={"version": __version__})
    anyio.run(_serve, settings)
    logger.info("stopped")


async def _serve(settings: Settings) -> None:
    metrics = Metrics(__version__)
    async with Store(settings, Health(), metrics) as store:
        await create_server(store.notes, metrics).run_stdio_async()


def _exit(_signal: int, _frame: FrameType | None) -> None:
    # At once: stdin is read by a thread that nothing else ends, and the one who would read another
    # answer is who says stop.
    logger.info("stopped")
    os._exit(0)
