"""Prometheus metrics: rate, errors and duration by route template, and what is running."""

import platform
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Metrics:
    """The metrics of one application, in a registry of their own.

    Labels come from fixed sets, so that no caller can add time series: a route is a template of the
    application or `other`, a method is a known one or `OTHER`.
    """

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Gauge(
            "app_build_info",
            "Always 1; the labels tell what is running.",
            ["version", "python"],
            registry=self.registry,
        ).labels(version, platform.python_version()).set(1)
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being served.", registry=self.registry
        )
        requests = Counter(
            "http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's head to the end of its response.",
            ["method", "route"],
            registry=self.registry,
        )

        # To find them by their labels takes longer than to count, and there are few.
        @cache
        def series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
            labels = method, route
            return requests.labels(*labels, status), duration.labels(*labels)

        self._series = series

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        method = method if method in METHODS else "OTHER"
        requests, duration = self._series(method, route, status)
        requests.inc()
        duration.observe(seconds)
