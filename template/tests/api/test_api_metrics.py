"""What Prometheus is told of the API."""

import re

import httpx
import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.anyio


def filled(path: str, value: object) -> str:
    """Return a path with a value for each of its parameters."""
    return re.sub(r"\{\w+\}", str(value), path)


async def test_every_operation_has_its_template_as_label(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    templates = app.openapi()["paths"]
    for path, methods in templates.items():
        for method in methods:
            await client.request(method, filled(path, "x"))
    counted = (await client.get("/metrics")).text
    for path, methods in templates.items():
        for method in methods:
            assert f'http_requests_total{{method="{method.upper()}",route="{path}",' in counted


async def test_hostile_requests_add_no_time_series(app: FastAPI, client: httpx.AsyncClient) -> None:
    async def series_after(numbers: range) -> int:
        for number in numbers:
            for path in app.openapi()["paths"]:
                await client.get(f"{filled(path, number)}?{number}={number}")
                await client.request(f"VERB{number}", filled(path, number))
        return len((await client.get("/metrics")).text.splitlines())

    assert await series_after(range(5)) == await series_after(range(5, 10))


async def test_metrics_tell_rate_errors_and_duration(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/even/{number}")
    async def even(number: int) -> None:
        if number % 2:
            raise LookupError

    for number in (2, 4, 5):
        await client.get(f"/even/{number}")
    told = (await client.get("/metrics")).text
    of = 'method="GET",route="/even/{number}"'
    assert f'http_requests_total{{{of},status="200"}} 2.0' in told
    assert f'http_requests_total{{{of},status="500"}} 1.0' in told
    assert f"http_request_duration_seconds_count{{{of}}} 3.0" in told
