"""The end points for platforms, not for users: never limited, nor counted as traffic."""

from dataclasses import asdict
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import __version__
from .health import Health
from .metrics import Metrics
from .problems import problem_response

# Counted, they would make a canary without users look served, and one that stops look broken.
PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


def probe_routes(health: Health, metrics: Metrics) -> list[BaseRoute]:
    """Return the routes of `PROBES`."""

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        report = await health.report()
        if report.status == "ok":
            return JSONResponse({"status": "ok"})
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {report.status}")

    async def full_report(_: Request) -> Response:
        report = await health.report()
        status = HTTPStatus.OK if report.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"version": __version__, **asdict(report)}, status)

    async def scrape(_: Request) -> Response:
        return Response(
            generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/health", full_report),
        Route("/metrics", scrape),
    ]
