"""A service that a test can make ill, with the metrics and probes of the generated one.

    with Service(leak=50) as service:
        assert httpx.get(f"{service.url}/v1/notes").status_code == 200

It is one for Prometheus, too.
"""

import asyncio
import importlib.util
import json
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import trustme
import uvicorn
from prometheus_client import Counter, generate_latest

METRICS = Path(__file__).parents[2] / "template/src/{{package_name}}/metrics.py"

type Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def metrics_of(version: str) -> Any:
    """Return the metrics of the generated service: its own, so that names are what they are."""
    spec = importlib.util.spec_from_file_location("service_metrics", METRICS)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Metrics(version)


class Service:
    """A service at a port of this machine, in a thread; a context manager."""

    def __init__(
        self,
        *,
        leak: int = 0,
        delay: float = 0,
        version: str = "1.2.3",
        answers: Mapping[str, tuple[int, str]] | None = None,
        certificate: trustme.LeafCert | None = None,
    ) -> None:
        """Make it ill.

        Args:
            leak: every so-manieth counted request is answered 500.
            delay: seconds that a counted request takes.
            version: what /health says.
            answers: status and body by path, instead of what would be said.
            certificate: for https.
        """
        self.leak, self.delay, self.version = leak, delay, version
        self.answers = dict(answers or {})
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of what came."""
        self.connections: set[Any] = set()
        self.counted = 0
        self.restart()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://localhost:{self.port}"
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        if certificate:
            config.load()
            config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(config.ssl)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._door],))

    def restart(self) -> None:
        """Count from 0 again, as a new process does."""
        self.metrics = metrics_of(self.version)
        self.calls = Counter(
            "mcp_tool_calls", "Tool calls.", ["tool", "outcome"], registry=self.metrics.registry
        )

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away."""
        self._server.should_exit = True
        self._thread.join()
        self._door.close()

    async def _app(self, scope: Mapping[str, Any], receive: Any, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        path, method = scope["path"], scope["method"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append((method, path, headers))
        self.connections.add(scope["client"])
        if path in {"/livez", "/readyz", "/health", "/metrics"}:
            await self._probe(path, send)
            return
        began = time.perf_counter()
        await asyncio.sleep(self.delay)
        status, body = self.serve(path, time.perf_counter() - began, method)
        await answer(send, status, body.encode())

    def serve(self, path: str, seconds: float, method: str = "GET") -> tuple[int, str]:
        """Count a request that took so long; return the status and the body of its answer."""
        self.counted += 1
        status, body = self.answers.get(path, (200, "[]"))
        if self.leak and self.counted % self.leak == 0:
            status, body = int(HTTPStatus.INTERNAL_SERVER_ERROR), "{}"
        self.metrics.count(method, path, status, seconds)
        return status, body

    async def _probe(self, path: str, send: Send) -> None:
        if path == "/metrics" and path not in self.answers:
            await answer(send, 200, generate_latest(self.metrics.registry), "text/plain")
            return
        said = json.dumps({"status": "ok", "version": self.version})
        status, body = self.answers.get(path, (200, said))
        await answer(send, status, body.encode())


async def answer(send: Send, status: int, body: bytes, kind: str = "application/json") -> None:
    """Send a whole response."""
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])
