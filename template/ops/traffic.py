"""What requests to a release come to: as Prometheus has it, or as who sends them sees it."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from ops.credentials import bearer
from ops.load import Load, options, reason
from ops.model import Environment, Request, Watch

PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""What the service does not count as traffic, so that none of it shows how it serves."""
LOOKBACK = 300
"""Seconds for which Prometheus takes a sample to be the present."""
VARIABLE = "PROMETHEUS_TOKEN"
"""What holds the token that Prometheus wants, where it does."""
RATE = 5.0
"""Requests a second that we send ourselves, at least: over minutes it tells 2 % from 1 %."""


def counted(environment: Environment) -> Sequence[Request]:
    """Return the smoke requests that are traffic to the service."""
    return [each for each in environment.smoke if urlsplit(each.path).path not in PROBES]


@dataclass(frozen=True)
class Seen:
    """What requests to a release came to, since the watch began."""

    requests: float = 0
    errors: float = 0
    slow: float = 0
    """Those that took longer than `watch.latency`."""
    until: float = 0
    """Seconds after the beginning up to which this is known."""
    kinds: Mapping[str, float] = field(default_factory=dict)
    """What went wrong, and how often."""
    trouble: str = ""
    """Why nothing newer is known."""

    def __str__(self) -> str:
        """Say it in a few words."""
        kinds = ", ".join(f"{number:.0f}x {kind}" for kind, number in self.kinds.items())
        errors = f"{self.errors:.0f} errors{f' ({kinds})' if kinds else ''}"
        return f"{self.requests:.0f} requests, {errors}, {self.slow:.0f} slow"


class Own:
    """Requests of our own, and what they come to for who sends them."""

    def __init__(self, environment: Environment, url: str) -> None:
        self._watch = environment.watch
        rate = max(RATE, 2 * self._watch.requests / self._watch.seconds)
        self._load = Load(
            url, counted(environment), rate=rate, concurrency=50, called=environment.called
        )
        self._load.start()

    def look(self, elapsed: float) -> Seen:
        """Return what came until that many seconds after the beginning, and what is late."""
        answers, now = list(self._load.answers), time.monotonic()
        waiting = [now - sent for sent in list(self._load.waiting.values())]
        late = sum(seconds > self._watch.latency for seconds in waiting)
        kinds = Counter(answer.trouble for answer in answers if answer.trouble)
        return Seen(
            requests=len(answers) + late,
            errors=kinds.total(),
            slow=late + sum(answer.seconds > self._watch.latency for answer in answers),
            until=elapsed,
            kinds=kinds,
        )

    def close(self) -> None:
        """Send nothing more."""
        self._load.stop()


class Prometheus:
    """What Prometheus has of a release, counted from its samples.

    Not by `increase()`: that is blind to the first sample of a series, which is where the first
    errors of a new release are, and guesses what lies beyond the samples.
    """

    METRICS = "http_requests_total|http_request_duration_seconds_bucket|mcp_tool_calls_total"
    ALWAYS = "app_build_info"
    """There without traffic, too: it tells a service without any from a wrong selector."""

    def __init__(self, watch: Watch, release: int) -> None:
        shown = bearer(VARIABLE)
        self._client = httpx.Client(**options(watch.prometheus) | {"timeout": 5}, headers=shown)
        self._watch = watch
        self._labels = watch.selector.replace("{release}", str(release))
        self._start: float | None = None
        self._known = 0.0
        self._counts = Counts()

    def look(self, elapsed: float) -> Seen:
        """Return what its samples say; it takes seconds at most, and trouble may pass."""
        trouble = ""
        try:
            if self._start is None:  # in its clock, which need not be ours
                self._start = float(self._query("time()")[1]) - elapsed
                self._counts.start = self._start
            window = math.ceil(elapsed - self._known) + LOOKBACK
            names = f'__name__=~"{self.METRICS}|{self.ALWAYS}"'
            series = self._query(f"{{{names},{self._labels}}}[{window}s]")
            for each in series:
                self._counts.add(each["metric"], each["values"])
            self._known = elapsed
            if not series:
                trouble = (
                    f"Prometheus has nothing with {{{self._labels}}}: is watch.selector right?"
                )
        except httpx.HTTPError as error:
            trouble = f"{self._watch.prometheus}: {reason(error)}"
        except (ValueError, KeyError, TypeError, IndexError) as error:
            trouble = f"{self._watch.prometheus}: {error}"
        return self._counts.seen(self._watch.latency, trouble)

    def _query(self, promql: str) -> Any:
        response = self._client.get("/api/v1/query", params={"query": promql})
        try:
            told = response.json()
        except ValueError:
            msg = f"status {response.status_code}, and not as Prometheus answers"
            raise ValueError(msg) from None
        if not isinstance(told, dict) or told.get("status") != "success":
            msg = (
                f"says {told.get('error', 'no reason')}" if isinstance(told, dict) else "no object"
            )
            raise ValueError(msg)
        return told["data"]["result"]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class Counts:
    """How much counters have grown since a time, from samples that may come twice."""

    def __init__(self) -> None:
        self.start = 0.0
        """In seconds since 1970."""
        self._last: dict[frozenset[tuple[str, str]], tuple[float, float]] = {}
        self._requests = 0.0
        self._kinds: dict[str, float] = defaultdict(float)
        self._within: dict[float, float] = defaultdict(float)
        """Requests by upper bound of a histogram's bucket, cumulative as in Prometheus."""

    def add(self, labels: Mapping[str, str], samples: Sequence[tuple[float, str]]) -> None:
        """Take samples of one series, in the order of their time."""
        key = frozenset(labels.items())
        for moment, text in samples:
            # One that began after the start began at 0.
            known, before = self._last.get(key, (self.start, 0.0))
            value = float(text)
            if key in self._last and moment <= known:
                continue
            if moment > self.start:
                self._grow(labels, value - before if value >= before else value)
            self._last[key] = moment, value

    def _grow(self, labels: Mapping[str, str], by: float) -> None:
        match labels["__name__"]:
            case "http_requests_total":
                self._requests += by
                if labels["status"].startswith("5") and by:
                    self._kinds[f"status {labels['status']}"] += by
            case "http_request_duration_seconds_bucket":
                self._within[float(labels["le"])] += by
            case "mcp_tool_calls_total" if labels["outcome"] in {"error", "failed"} and by:
                self._kinds[f"{labels['tool']} {labels['outcome']}"] += by

    def seen(self, latency: float, trouble: str = "") -> Seen:
        """Return what it comes to."""
        newest = max((moment for moment, _ in self._last.values()), default=self.start)
        return Seen(
            requests=self._requests,
            errors=sum(self._kinds.values()),
            slow=slower(self._within, latency),
            until=max(0.0, newest - self.start),
            kinds=dict(self._kinds),
            trouble=trouble,
        )


def slower(within: Mapping[float, float], latency: float) -> float:
    """Return how many requests took longer, by a histogram, spread evenly between two bounds.

    What is above its last finite bound counts as slow, for nobody knows better.
    """
    total = within.get(math.inf, 0.0)
    low, below = 0.0, 0.0
    for bound in sorted(within):
        if bound >= latency:
            if bound == math.inf:
                return total - below
            share = (latency - low) / (bound - low)
            return total - below - share * (within[bound] - below)
        low, below = bound, within[bound]
    return 0.0
