"""The composed system, from outside: `nox -s integration` starts it, and names it in SERVICE."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

SERVICE = os.environ.get("SERVICE", "http://127.0.0.1:8000")
HEADERS = {"Authorization": f"Bearer {os.environ.get('APP_TOKENS', '')}"}

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """Yield a client of the server."""
    async with (
        httpx2.AsyncClient(headers=HEADERS) as http,
        Client(streamable_http_client(f"{SERVICE}/mcp", http_client=http)) as client,
    ):
        yield client


async def ask(path: str) -> httpx2.Response:
    """Return what the server answers to who has no token."""
    async with httpx2.AsyncClient(base_url=SERVICE) as http:
        return await http.get(path)


async def test_it_is_ready() -> None:
    assert (await ask("/readyz")).json() == {"status": "ok"}
    assert (await ask("/health")).json()["status"] == "ok"


async def test_a_note_lives_and_dies() -> None:
    async with connected() as client:
        draft = {"title": "from outside", "text": "through every layer"}
        made = await client.call_tool("create_note", draft)
        assert not made.is_error, made.content
        note = {"note_id": (made.structured_content or {})["id"]}
        read = await client.call_tool("get_note", note)
        assert (read.structured_content or {}).items() >= draft.items()
        assert not (await client.call_tool("delete_note", note | {"expected_version": 1})).is_error
        assert (await client.call_tool("get_note", note)).is_error


async def test_nobody_is_let_in_without_a_token() -> None:
    async with httpx2.AsyncClient(base_url=SERVICE) as http:
        assert (await http.post("/mcp", json={})).status_code == 401


async def test_what_happens_is_counted() -> None:
    async with connected() as client:
        await client.call_tool("list_notes", {})
    assert 'mcp_tool_calls_total{outcome="ok",tool="list_notes"}' in (await ask("/metrics")).text
