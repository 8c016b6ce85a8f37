"""What one caller, or many, cannot make the service hold."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def test_a_body_announced_as_too_large_is_refused_unread(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    announced = {"Content-Length": "200001"}
    refused = await client.post("/v1/notes", content=body(), headers=JSON | announced)
    assert refused.status_code == 413


async def test_a_body_that_becomes_too_large_is_read_no_further(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 50_000
            yield b" " * 50_000

    refused = await client.post("/v1/notes", content=endless(), headers=JSON)
    assert refused.status_code == 413
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert sent == 250_000


async def test_a_body_of_just_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"title": "milk"}'.ljust(200_000)
    assert (await client.post("/v1/notes", content=body, headers=JSON)).status_code == 201


async def test_too_many_requests_at_a_time_are_told_to_come_back(
    client: httpx.AsyncClient,
) -> None:
    started, finish = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        started.release()
        await finish.wait()
        yield b'{"title": "milk"}'

    in_flight = [
        asyncio.create_task(client.post("/v1/notes", content=slow(), headers=JSON))
        for _ in range(2)
    ]
    for _ in in_flight:
        await started.acquire()

    refused = await client.get("/v1/notes")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (await client.get("/readyz")).status_code == 200
    assert "http_requests_in_flight 2.0" in (await client.get("/metrics")).text

    finish.set()
    assert [response.status_code for response in await asyncio.gather(*in_flight)] == [201, 201]
    assert (await client.get("/v1/notes")).status_code == 200
    assert "http_requests_in_flight 0.0" in (await client.get("/metrics")).text
