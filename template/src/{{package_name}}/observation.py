"""What is known of every request: its ids, one access line, its metrics, and its failure."""

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from secrets import token_hex
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import request_context
from .metrics import Metrics
from .probes import PROBES
from .problems import problem_response

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header, where zeros and version ff are invalid.
TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
# nginx's number for a request that ended without a response.
NO_RESPONSE = 499

logger = logging.getLogger(__name__)


class Observation:
    """ASGI middleware that observes each request, and answers 500 where the application fails."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, observed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        ids = request_ids(scope["headers"])
        traffic = scope["path"] not in PROBES
        status = NO_RESPONSE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", ids["request_id"].encode()),
                ]
            await send(message)

        token = request_context.set(ids)
        self._metrics.in_flight.inc(traffic)
        started = perf_counter()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            # Not raised again, for the server would log it a second time.
            logger.exception("unhandled exception")
            if status == NO_RESPONSE:
                response = problem_response(
                    HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed; its id is in our logs."
                )
                await response(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - started
            # Never the path itself: it is the caller's text, without bounds and perhaps a secret.
            route = getattr(scope.get("route"), "path", "other") if traffic else scope["path"]
            self._metrics.in_flight.dec(traffic)
            if traffic:
                self._metrics.count(scope["method"], route, status, seconds)
            logger.log(
                logging.INFO if traffic else logging.DEBUG,
                "request",
                extra={
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 3),
                },
            )
            request_context.reset(token)


def request_ids(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the caller's ids where they are well formed, and a new `request_id` where not."""
    values = dict(headers)
    request_id = REQUEST_ID.fullmatch(values.get(b"x-request-id", b""))
    traceparent = TRACEPARENT.fullmatch(values.get(b"traceparent", b""))
    ids = {"request_id": request_id[0].decode() if request_id else token_hex(16)}
    if traceparent:
        ids["trace_id"] = traceparent[1].decode()
    return ids
