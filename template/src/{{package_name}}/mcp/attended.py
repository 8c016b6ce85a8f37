"""No work for a caller who has gone."""

import asyncio

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Attended:
    """ASGI middleware that cancels what nobody waits for any more.

    So a client cancels a call by closing the connection. Nothing else could reach the call: without
    sessions, what a client sends next may be served by another replica.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve while the caller is there."""
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            if not messages:
                await anyio.sleep_forever()
            return messages.pop()

        async def watch(call: anyio.CancelScope) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            call.cancel()

        # A task group would do it too, and cost 6 % of a short call.
        with anyio.CancelScope() as call:
            watching = asyncio.create_task(watch(call))
            try:
                await self._app(scope, replay, send)
            finally:
                watching.cancel()
