"""Load: requests at a rate, and what came of each; gates, `inv loadtest` and tests build on it."""

import asyncio
import ipaddress
import json
import math
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, Self

import httpx
from pydantic import ValidationError
from tabulate import tabulate

from ops.credentials import bearer
from ops.model import Request
from pipeline.shell import FailedError

TIMEOUT = 10.0
"""Seconds that a request may take, from its first byte to the answer's last."""
MOST_REQUESTS = 1_000_000
MOST_AT_A_TIME = 500
"""More would run into the files that a process may have open."""
READY = Request(path="/readyz")


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    seconds: float
    trouble: str
    """What was wrong with it, like `status 503`; empty if it was answered below 400."""


class Load:
    """Requests that a thread sends in turn, for as long as the context lasts.

        with Load(url, [Request(path="/v1/notes")], rate=50) as load:
            deploy()
        assert not load.troubles

    Connections are kept alive, and nothing is sent twice. Leaving waits for what is on its way.
    """

    def __init__(  # noqa: PLR0913  # each but two is an option
        self,
        url: str,
        requests: Sequence[Request],
        *,
        rate: float | None = None,
        concurrency: int = 10,
        total: int | None = None,
        called: str = "",
    ) -> None:
        """Take what is to be sent.

        Args:
            url: the service.
            requests: what is sent, in turn.
            rate: requests a second; None for as fast as they are answered.
            concurrency: how many are on their way at most, and so the connections.
            total: after how many it ends by itself; None for never.
            called: what its users call an instance that is reached straight, as in their URL.

        Raises:
            FailedError: a token is in no environment variable.
        """
        self.answers: list[Answer] = []
        """What has come so far, in the order of its coming."""
        self.waiting: dict[int, float] = {}
        """When what is on its way was sent, in the clock of `time.monotonic`."""
        self._rate, self._total, self._concurrency = rate, total, concurrency
        self._client = to_service(url, called)
        self._messages = [(request, arguments(request)) for request in requests]
        self._numbers = count()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    @property
    def troubles(self) -> Mapping[str, int]:
        """What went wrong, and how often."""
        return Counter(answer.trouble for answer in list(self.answers) if answer.trouble)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.wait()

    def start(self) -> None:
        """Begin to send."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more, and return at once."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)

    def wait(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        limits = httpx.Limits(
            max_connections=self._concurrency, max_keepalive_connections=self._concurrency
        )
        async with httpx.AsyncClient(**self._client, limits=limits) as client:
            await asyncio.gather(*(self._work(client) for _ in range(self._concurrency)))

    async def _work(self, client: httpx.AsyncClient) -> None:
        for number in self._numbers:  # each worker takes the next
            if not self._messages:
                return
            if self._total is not None and number >= self._total:
                return
            if self._rate:
                due = self._began + number / self._rate - time.monotonic()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), max(0.0, due))
            if self._stop.is_set():
                return
            await self._send(client, number)

    async def _send(self, client: httpx.AsyncClient, number: int) -> None:
        request, message = self._messages[number % len(self._messages)]
        began = self.waiting[number] = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT):
                trouble = trouble_of(request, await client.request(**message))
        except TimeoutError:
            trouble = f"no answer within {TIMEOUT:g} s"
        except Exception as error:  # noqa: BLE001  # whatever it is, there is no answer
            trouble = reason(error)
        self.answers.append(Answer(time.monotonic() - began, trouble))
        del self.waiting[number]


def options(url: str) -> dict[str, Any]:
    """Return how a client of httpx is made for a URL: never through a proxy to this machine."""
    here = _kind(url) in {"loopback", "localhost"}
    secured = {"verify": httpx.create_ssl_context()} if url.startswith("https://") else {}
    return {"base_url": url, "timeout": TIMEOUT, "trust_env": not here, **secured}


def to_service(url: str, called: str = "") -> dict[str, Any]:
    """Return how a client of the service is made.

    An instance is reached straight, at an address that is another with each start. It may let in
    only who asks for a name that it knows: so that is what its users call it, or `localhost`.
    """
    if _kind(url) not in {"loopback", "private"}:
        return options(url)
    return options(url) | {"headers": {"Host": called or "localhost"}, "trust_env": False}


def _kind(url: str) -> str:
    host = httpx.URL(url).host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return "loopback" if address.is_loopback else "private" if address.is_private else "public"


def arguments(request: Request) -> dict[str, Any]:
    """Return a request as httpx takes it.

    Raises:
        FailedError: its token is in no environment variable, or is none.
    """
    headers = {"User-Agent": "ops"}
    if request.body:
        headers |= {  # both, for MCP
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
    if request.token:
        shown = bearer(request.token)
        if not shown:
            msg = f"{request.token} is not set: {request.method} {request.path} needs its token"
            raise FailedError(msg)
        headers |= shown
    content = request.body.encode() or None
    return {"method": request.method, "url": request.path, "content": content, "headers": headers}


def asking(path: str) -> Request:
    """Return a request for a path.

    Raises:
        FailedError: it is none.
    """
    try:
        return Request(path=path)
    except ValidationError:
        msg = f"loadtest: path must be a path like /readyz (got {path!r})"
        raise FailedError(msg) from None


def trouble_of(request: Request, response: httpx.Response) -> str:
    """Return what is wrong with an answer; empty for nothing."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        return f"status {response.status_code}"
    if '"jsonrpc"' in request.body:  # MCP answers 200, too, where a tool fails
        with suppress(ValueError, AttributeError):  # a stream of events: not looked into
            told = json.loads(response.content)
            if "error" in told or told["result"].get("isError"):
                return "an error in the JSON-RPC answer"
    return ""


def reason(error: Exception) -> str:
    """Return why there is no answer, in a few words."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return f"{type(error).__name__} {error}".strip()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class LoadResult:
    """What a load test found."""

    requests: int
    errors: Mapping[str, int]
    """What went wrong, and how often."""
    p50: float
    """Milliseconds within which half of the requests were answered."""
    p95: float
    p99: float
    rate: float
    """Requests a second that were answered."""
    breaches: Sequence[str]
    """Which thresholds it did not hold; none: it passed."""

    def __str__(self) -> str:
        """Return a table that a person can paste."""
        wrong = ", ".join(f"{number}x {trouble}" for trouble, number in self.errors.items())
        rows = [
            ("requests", str(self.requests)),
            ("errors", f"{sum(self.errors.values())}{f': {wrong}' if wrong else ''}"),
            ("p50, p95, p99", f"{self.p50:.1f} ms, {self.p95:.1f} ms, {self.p99:.1f} ms"),
            ("requests a second", f"{self.rate:.1f}"),
            ("verdict", "; ".join(self.breaches) or "passed"),
        ]
        return tabulate(rows, tablefmt="plain", disable_numparse=True)


def loadtest(  # noqa: PLR0913  # each is an option of `inv loadtest`
    url: str,
    requests: int = 100,
    concurrency: int = 10,
    rate: float | None = None,
    *,
    request: Request = READY,
    error_rate: float = 0.01,
    p95: float = 1.0,
) -> LoadResult:
    """Send requests, and return how they were answered.

    Args:
        url: the service.
        requests: how many.
        concurrency: how many at a time.
        rate: how many a second at most; None for as many as can be.
        request: which.
        error_rate: the share that may go wrong.
        p95: seconds within which 95 % must be answered.

    Raises:
        FailedError: it makes no sense so.
    """
    for name, valid, rule in (
        ("url", httpx.URL(url).scheme in {"http", "https"}, "must begin with http:// or https://"),
        ("requests", 1 <= requests <= MOST_REQUESTS, f"must be from 1 to {MOST_REQUESTS}"),
        ("concurrency", 1 <= concurrency <= MOST_AT_A_TIME, f"must be from 1 to {MOST_AT_A_TIME}"),
        ("rate", rate is None or 0 < rate < math.inf, "must be more than 0"),
        ("error_rate", 0 <= error_rate <= 1, "must be from 0 to 1"),
        ("p95", 0 < p95 < math.inf, "must be more than 0"),
    ):
        if not valid:
            msg = f"loadtest: {name} {rule} (got {locals()[name]!r})"
            raise FailedError(msg)
    began = time.monotonic()
    with (
        Load(url, [request], rate=rate, concurrency=concurrency, total=requests) as load,
        suppress(KeyboardInterrupt),  # what came until then is worth telling
    ):
        load.wait()
    took = time.monotonic() - began
    times = [answer.seconds * 1000 for answer in load.answers]
    if not times:
        msg = "loadtest: it was stopped before anything was answered"
        raise FailedError(msg)
    failed = sum(load.troubles.values())
    worst = percentile(times, 0.95)
    breaches = []
    if len(times) < requests:
        breaches.append(f"stopped after {len(times)} of {requests} requests")
    if failed / len(times) > error_rate:
        breaches.append(f"{failed / len(times):.2%} went wrong, {error_rate:.2%} may")
    if worst > p95 * 1000:
        breaches.append(f"p95 is {worst:.0f} ms, {p95 * 1000:.0f} ms may be")
    return LoadResult(
        requests=len(times),
        errors=load.troubles,
        p50=percentile(times, 0.5),
        p95=worst,
        p99=percentile(times, 0.99),
        rate=(len(times) - failed) / took,
        breaches=breaches,
    )
