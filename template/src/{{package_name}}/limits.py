"""Bounds on what callers can make this process hold: a body, and requests at a time."""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .probes import PROBES
from .problems import problem_response
from .settings import Settings


class Limits:
    """ASGI middleware that answers 408, 413 or 503 where a request would go beyond a limit."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_body_bytes = settings.max_body_bytes
        self._max_body_seconds = settings.max_body_seconds
        self._max_concurrent_requests = settings.max_concurrent_requests
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve within the limits."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
        elif self._requests >= self._max_concurrent_requests:
            response = problem_response(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many requests are being served",
                headers={"Retry-After": "1"},
            )
            await response(scope, receive, send)
        else:
            self._requests += 1
            try:
                await self._serve(scope, receive, send)
            finally:
                self._requests -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        too_large = f"the body has more than {self._max_body_bytes} bytes"
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_body_bytes:
            response = problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
            await response(scope, receive, send)
            return

        received = 0
        more = True
        deadline = asyncio.get_running_loop().time() + self._max_body_seconds

        async def receive_within_limit() -> Message:
            nonlocal received, more
            if not more:
                return await receive()  # the end of the connection
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                too_slow = f"the body took more than {self._max_body_seconds:g} seconds"
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, too_slow) from None
            more = message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
            return message

        await self._app(scope, receive_within_limit, send)
