"""What an operator reads of the API's requests, and what nobody should."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.anyio

Logged = Callable[[], list[dict[str, Any]]]


async def test_what_users_send_is_not_in_the_logs(
    client: httpx.AsyncClient, logged: Logged, call: dict[str, Any]
) -> None:
    await client.post(f"{call['url']}?token=hunter2", json={"title": "hunter2"})
    await client.post(call["url"], json={"hunter2": "hunter2"})
    await client.get("/hunter2", headers={"X-Request-ID": "hunter2 " * 99})
    lines = logged()
    assert len(lines) == 3
    assert "hunter2" not in str(lines)


async def test_a_failure_is_logged_once_with_its_stack(
    app: FastAPI, client: httpx.AsyncClient, logged: Logged
) -> None:
    @app.get("/fail")
    async def fail() -> None:
        raise LookupError

    response = await client.get("/fail")
    failure, access = logged()
    assert failure["level"] == "ERROR"
    assert failure["exception"].startswith("Traceback")
    assert "LookupError" in failure["exception"]
    assert failure["request_id"] == access["request_id"] == response.headers["X-Request-ID"]
    assert access["status"] == 500
