"""What metrics, logs, ids and limits cost: a generated service beside the bare framework."""

import asyncio
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Measure
from tests.project import Project

BARE = Path(__file__).parent / "bare"
CLIENTS = 8
ROUNDS = 9
SECONDS = 0.7
TOKEN = "a-token-of-the-bench"
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")


@dataclass(frozen=True)
class Traffic:
    """What is asked of a service, over and over."""

    name: str
    create: bytes
    """A request that creates a note; its answer tells the id."""
    read: Callable[[str], bytes]
    """Return the request that reads the note of an id."""


def http(start: str, body: object = None) -> bytes:
    """Return a request for which the connection is kept, as most are in production."""
    content = b"" if body is None else json.dumps(body).encode()
    return (
        f"{start} HTTP/1.1\r\nHost: localhost:8000\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode() + content


def call(name: str, **arguments: str) -> bytes:
    """Return a request that calls a tool."""
    parameters = {"name": name, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    return http("POST /mcp", message)


API = Traffic(
    "GET /v1/notes/ID",
    http("POST /v1/notes", {"title": "milk"}),
    lambda i: http(f"GET /v1/notes/{i}"),
)
MCP = Traffic("get_note", call("create_note", title="milk"), lambda i: call("get_note", note_id=i))


def services(api: Project, mcp: Project) -> list[Measure]:
    """Measure an API and an MCP server, each in an environment that has it installed."""
    return [
        beside("API, requests beside bare FastAPI", api, BARE / "http_api.py", API),
        beside("MCP server, calls beside the bare SDK", mcp, BARE / "mcp_server.py", MCP),
    ]


def beside(name: str, project: Project, bare: Path, traffic: Traffic) -> Measure:
    """Measure a service as it starts by default, its logs in a file, in turn with the bare one."""
    with serving(project, "-m", "my_service") as ours, serving(project, bare) as theirs:
        requests = {port: traffic.read(note_id(port, traffic.create)) for port in (ours, theirs)}
        rates: dict[int, list[float]] = {ours: [], theirs: []}
        for _ in range(ROUNDS):
            for port, request in requests.items():
                rates[port].append(asyncio.run(load(port, request)))
    ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[theirs], strict=True))
    told = " beside ".join(f"{statistics.median(rates[port]):.0f}" for port in (ours, theirs))
    made_of = f"{told} a second: {traffic.name}, {CLIENTS} connections, median of {ROUNDS}"
    return Measure(name, ratio, "x", 0.75, made_of, at_least=True)


@contextmanager
def serving(project: Project, *arguments: str | Path) -> Iterator[int]:
    """Serve by the project's Python, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = project.path / "reports" / f"bench-{port}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [project.path / ".venv" / "bin" / "python", *arguments],
            cwd=project.path,
            env={**project.environment, "APP_PORT": str(port), "APP_TOKENS": TOKEN},
            stdout=file,
            stderr=file,
        )
    try:
        while not listens(port):
            if process.poll() is not None:
                sys.exit(f"bench: it does not serve:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Return whether anybody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def note_id(port: int, create: bytes) -> str:
    """Create a note, and return its id."""

    async def answer() -> bytes:
        return await exchange(*await asyncio.open_connection("127.0.0.1", port), create)

    told = json.loads(asyncio.run(answer()))
    note: dict[str, str] = told["result"]["structuredContent"] if "result" in told else told
    return note["id"]


async def load(port: int, request: bytes) -> float:
    """Return the requests a second that some clients get answers to."""
    started = time.perf_counter()

    async def client() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = 0
        while time.perf_counter() < started + SECONDS:
            await exchange(reader, writer, request)
            answers += 1
        writer.close()
        return answers

    answers = await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return sum(answers) / (time.perf_counter() - started)


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> bytes:
    """Send a request, and return the body of its answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 20") or not length:
        sys.exit(f"bench: {head.decode()}")
    return await reader.readexactly(int(length[1]))
