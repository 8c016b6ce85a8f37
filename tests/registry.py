"""The registry of this machine, and bad days in front of it.

The registry is a real one. A Gate stands before it at an address of its own, where the engine,
buildx and cosign speak plain HTTP because it is in 127.0.0.0/8, and passes everything until it is
told not to:

    with Gate(registry) as gate:
        gate.refuse("PUT", "/manifests/", status=503)
        project.inv("release", "--repository", f"{gate.address}/service")
        assert digest(f"{registry}/service", "1.0.0") is None

A refusal is an answer of the protocol: https://distribution.github.io/distribution/spec/api/#errors.
"""

import base64
import json
import os
import re
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

BLOCK = 64 * 1024
CODES = {
    401: "UNAUTHORIZED",
    403: "DENIED",
    404: "NAME_UNKNOWN",
    429: "TOOMANYREQUESTS",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
}
HOP = {"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"}
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


def find_registry() -> str | None:
    """Return the host:port of a registry that answers and that the engine may use without TLS.

    It is TEST_REGISTRY if that is set, whether it answers or not; else one of `docker info`.
    """
    if given := os.environ.get("TEST_REGISTRY"):
        return given
    ask = ["docker", "info", "--format", "{{json .RegistryConfig.IndexConfigs}}"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    insecure = (name for name, index in json.loads(told).items() if not index["Secure"])
    return next(filter(answers, insecure), None)


def answers(registry: str) -> bool:
    """Tell whether a registry answers at a host:port, be it only that it wants credentials."""
    try:
        return ask(registry, "")[0] in {200, 401}
    except (OSError, HTTPException):
        return False


def digest(repository: str, tag: str) -> str | None:
    """Return the sha256:… that a tag of host:port/name leads to, or None if there is none."""
    status, found, _ = ask(repository, f"manifests/{tag}", "HEAD")
    assert status in {200, 404}, f"{repository}:{tag}: {status}"
    return found if status == 200 else None


def tags(repository: str) -> set[str]:
    """Return the tags of host:port/name; none if there is no such repository."""
    status, _, body = ask(repository, "tags/list")
    assert status in {200, 404}, f"{repository}: {status} {body.decode()}"
    return set(json.loads(body)["tags"] or []) if status == 200 else set()


def manifest(repository: str, reference: str) -> dict[str, Any]:
    """Return the manifest or index that a tag or digest of host:port/name leads to."""
    status, _, body = ask(repository, f"manifests/{reference}")
    assert status == 200, f"{repository} {reference}: {status} {body.decode()}"
    found: dict[str, Any] = json.loads(body)
    return found


def ask(repository: str, what: str, method: str = "GET") -> tuple[int, str | None, bytes]:
    """Return a registry's answer: its status, the digest in its headers and its body."""
    host, _, name = repository.partition("/")
    path = f"/v2/{name}/{what}" if name else "/v2/"
    with closing(HTTPConnection(host, timeout=10)) as connection:
        connection.request(method, path, headers={"Accept": MANIFESTS})
        response = connection.getresponse()
        return response.status, response.headers["Docker-Content-Digest"], response.read()


class Request(NamedTuple):
    """What a Gate was asked, and what it answered."""

    method: str
    path: str
    status: int


@dataclass
class Refusal:
    """An error in answer to `times` of the requests that match, after the first `after` of them."""

    method: str
    pattern: str
    status: int
    times: int | None
    after: int
    matched: int = 0

    def covers(self, method: str, path: str) -> bool:
        """Count a request if it matches; tell whether it is refused."""
        if method != self.method or not re.search(self.pattern, path):
            return False
        self.matched += 1
        turn = self.matched - self.after
        return turn > 0 and (self.times is None or turn <= self.times)


class Handler(BaseHTTPRequestHandler):
    """A connection: each request goes to the registry as it came, unless it is refused."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    gate: "Gate"

    def setup(self) -> None:
        super().setup()
        self.gate.connections.add(self.connection)

    def finish(self) -> None:
        self.gate.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        with suppress(OSError, HTTPException, ValueError):  # a side left, and so does the other
            if self.connection.recv(1, socket.MSG_PEEK) != b"\x16":
                super().handle()
            else:  # BuildKit and cosign try TLS first, and HTTP if it is HTTP that answers
                self.connection.recv(BLOCK)
                self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    def answer(self) -> None:
        if status := self.gate.refusal(self.command, self.path, self.headers["Authorization"]):
            self.error(status, "refused by a test")
            return
        with closing(HTTPConnection(self.gate.registry, timeout=60)) as registry:
            try:
                registry.connect()
            except OSError as error:
                self.error(502, f"no registry answers at {self.gate.registry}: {error}")
            else:
                self.forward(registry)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = answer  # noqa: N815  # names there

    def error(self, status: int, message: str) -> None:
        deque(self.body(), maxlen=0)
        error = {"code": CODES.get(status, "UNKNOWN"), "message": message, "detail": None}
        content = json.dumps({"errors": [error]}).encode()
        self.gate.requests.append(Request(self.command, self.path, status))
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def forward(self, registry: HTTPConnection) -> None:
        """Ask under the name that we were asked by, so that the registry's locations lead here."""
        ours = HOP | {"authorization"} if self.gate.credentials else HOP
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ours}
        sends = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        body = self.body() if sends else None
        try:
            registry.request(self.command, self.path, body, headers, encode_chunked=True)
        except BrokenPipeError:  # it answers without reading on
            deque(body or (), maxlen=0)
        response = registry.getresponse()
        self.gate.requests.append(Request(self.command, self.path, response.status))
        self.send_response_only(response.status, response.reason)
        for key, value in response.getheaders():
            if key.lower() not in HOP:
                self.send_header(key, value)
        self.end_headers()
        chunked = response.chunked and self.command != "HEAD"
        while block := response.read1(BLOCK):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        elif response.length != 0:  # the registry broke off
            self.close_connection = True

    def body(self) -> Iterator[bytes]:
        """Yield what the client sends, as it comes."""
        if "Transfer-Encoding" in self.headers:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left:
            block = self.rfile.read1(min(left, BLOCK))
            if not block:
                raise ConnectionAbortedError
            left -= len(block)
            yield block

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A server for as many connections at a time as an engine opens."""

    request_queue_size = 128


class Gate:
    """A registry's other address, where it can be told to refuse; a context manager."""

    def __init__(self, registry: str) -> None:
        self.registry = registry
        self.requests: list[Request] = []
        """What was asked since it was opened, and the answers, in the order of the answers."""
        self.credentials: str | None = None
        self.connections: set[socket.socket] = set()
        self._refusals: list[Refusal] = []
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), type("Handler", (Handler,), {"gate": self}))
        self.address = f"127.0.0.1:{self._server.server_port}"
        """What stands in for the registry's host:port."""

    def refuse(
        self, method: str, pattern: str, status: int = 500, times: int | None = None, after: int = 0
    ) -> None:
        """Answer with an error, from now on, where a path with its query matches a regex.

        The first `after` that match pass, the next `times` are refused (None: all), the rest pass.
        """
        self._refusals.append(Refusal(method, pattern, status, times, after))

    def require(self, user: str, password: str) -> None:
        """Refuse everybody, from now on, who does not give these credentials."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.credentials = f"Basic {token}"

    def recover(self) -> None:
        """Pass everything again."""
        self._refusals.clear()
        self.credentials = None

    def refusal(self, method: str, path: str, authorization: str | None) -> int | None:
        """Return the status to answer a request with, or None if it may pass."""
        if self.credentials and authorization != self.credentials:
            return 401
        with self._lock:
            covering = [each for each in self._refusals if each.covers(method, path)]
        return covering[0].status if covering else None

    def __enter__(self) -> Self:
        assert answers(self.registry), f"no registry answers at http://{self.registry}/v2/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.connections):
            with suppress(OSError):  # it has just ended by itself
                connection.shutdown(socket.SHUT_RDWR)
