"""What Prometheus is told of the API."""

import httpx
import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.anyio


async def test_every_operation_has_its_template_as_label(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    templates = app.openapi()["paths"]
    for path, methods in templates.items():
        for method in methods:
            await client.request(method, path.format(note_id="x"))
    counted = (await client.get("/metrics")).text
    for path, methods in templates.items():
        for method in methods:
            assert f'http_requests_total{{method="{method.upper()}",route="{path}",' in counted


async def test_hostile_requests_add_no_time_series(client: httpx.AsyncClient) -> None:
    async def series_after(numbers: range) -> int:
        for number in numbers:
            await client.get(f"/{number}/{'x' * number}")
            await client.get(f"/v1/notes/{number}?{number}={number}")
            await client.request(f"VERB{number}", f"/v1/notes/{number}")
            await client.get("/nowhere", headers={"Host": f"{number}.example.org"})
        return len((await client.get("/metrics")).text.splitlines())

    assert await series_after(range(5)) == await series_after(range(5, 10))


async def test_metrics_tell_rate_errors_and_duration_of_users_only(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await client.get("/v1/notes")
    app.state.notes = None
    await client.get("/v1/notes")
    await client.get("/livez")
    exposed = await client.get("/metrics")
    assert exposed.headers["Content-Type"].startswith("text/plain; version=")
    assert 'http_requests_total{method="GET",route="/v1/notes",status="200"} 1.0' in exposed.text
    assert 'http_requests_total{method="GET",route="/v1/notes",status="500"} 1.0' in exposed.text
    duration = 'http_request_duration_seconds_count{method="GET",route="/v1/notes"}'
    assert f"{duration} 2.0" in exposed.text
    assert "app_build_info{" in exposed.text
    assert "livez" not in exposed.text
