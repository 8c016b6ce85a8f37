"""What one caller, or many, cannot make the service hold."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_a_body_announced_as_too_large_is_refused_unread(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    call["headers"]["Content-Length"] = "200001"
    refused = await client.post(**call | {"content": unread()})
    assert refused.status_code == 413


async def test_a_body_that_becomes_too_large_is_read_no_further(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 50_000
            yield b" " * 50_000

    refused = await client.post(**call | {"content": endless()})
    assert refused.status_code == 413
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert sent == 250_000


async def test_a_body_of_just_the_limit_is_read(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    answer = await client.post(**call | {"content": call["content"].ljust(200_000)})
    assert answer.is_success


async def test_too_many_requests_at_a_time_are_told_to_come_back(
    client: httpx.AsyncClient, call: dict[str, Any]
) -> None:
    started, finish = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        started.release()
        await finish.wait()
        yield call["content"]

    in_flight = [asyncio.create_task(client.post(**call | {"content": slow()})) for _ in range(2)]
    for _ in in_flight:
        await started.acquire()

    refused = await client.post(**call)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (await client.get("/readyz")).status_code == 200
    assert "http_requests_in_flight 2.0" in (await client.get("/metrics")).text

    finish.set()
    assert all(response.is_success for response in await asyncio.gather(*in_flight))
    assert (await client.post(**call)).is_success
    assert "http_requests_in_flight 0.0" in (await client.get("/metrics")).text
