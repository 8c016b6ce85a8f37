"""What Prometheus is told."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_hostile_requests_add_no_time_series(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    async def series_after(numbers: range) -> int:
        for number in numbers:
            await client.get(f"/{number}/{'x' * number}")
            await client.post(**call | {"url": f"{call['url']}?{number}={number}"})
            await client.post(**call | {"url": f"{call['url']}/{number}/{number}"})
            await client.request(f"VERB{number}", call["url"])
            await client.get("/nowhere", headers={"Host": f"{number}.example.org"})
        return len((await client.get("/metrics")).text.splitlines())

    assert await series_after(range(5)) == await series_after(range(5, 10))


async def test_metrics_tell_rate_errors_and_duration_of_users_only(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    route = call["url"]
    status = (await client.post(**call)).status_code
    await client.patch(call["url"])
    await client.get("/livez")
    exposed = await client.get("/metrics")
    assert exposed.headers["Content-Type"].startswith("text/plain; version=")
    counted = f'http_requests_total{{method="POST",route="{route}",status="{status}"}} 1.0'
    assert counted in exposed.text
    assert f'http_requests_total{{method="PATCH",route="{route}",status="405"}} 1.0' in exposed.text
    duration = f'http_request_duration_seconds_count{{method="POST",route="{route}"}}'
    assert f"{duration} 1.0" in exposed.text
    assert "app_build_info{" in exposed.text
    assert "livez" not in exposed.text
