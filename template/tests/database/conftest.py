"""A network between the service and its database, for a test to break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest


class Network:
    """Forwards connections to a database; `url` is the database's, by way of this."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._forwards = asyncio.Event()
        self._port = 0

    @property
    def url(self) -> str:
        user = self._target.netloc.rpartition("@")[0]
        return f"postgresql://{user}@127.0.0.1:{self._port}{self._target.path}"

    async def be(self, state: Literal["up", "down", "silent"]) -> None:
        """Forward, refuse, or accept and swallow; what once was swallowed up stays so."""
        if state == "down":
            await self.close()
            return
        if state == "silent":
            self._forwards.clear()
        self._forwards = asyncio.Event()
        if state == "up":
            self._forwards.set()
        if not self._server:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = parse_qs(self._target.query).get("host")
        if folder:
            there = await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.5432")
        else:
            host, port = self._target.hostname, self._target.port or 5432
            there = await asyncio.open_connection(host, port)
        for source, sink in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._forward(source, sink, self._forwards))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, forwards: asyncio.Event
    ) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(65_536):
                    await forwards.wait()
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Network]:
    network = Network(database_url)
    await network.be("up")
    yield network
    await network.close()
