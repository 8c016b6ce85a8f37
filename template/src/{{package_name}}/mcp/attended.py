"""No work for a caller who has gone."""

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

        async def watch(tasks: anyio.CancelScope) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, tasks.cancel_scope)
            await self._app(scope, replay, send)
            tasks.cancel_scope.cancel()
