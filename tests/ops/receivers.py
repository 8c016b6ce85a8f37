"""Whom a deployment is told to: servers with the real protocols, on this machine."""

import json
import socket
import ssl
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller


class Webhook:
    """A receiver of JSON over HTTP; also the proxy through which https://hooks.slack.com is itself.

    Slack's host is fixed in its clients, so that none of them can be told another.
    """

    def __init__(self, status: int = 200, said: str = "ok") -> None:
        self.received: list[tuple[str, Any]] = []
        """Path and JSON of what came; for the proxy, with the host before the path."""
        self.ca = trustme.CA()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            host = ""

            def do_CONNECT(self) -> None:  # its name there
                self.host = self.path.partition(":")[0]
                self.send_response(200, "Connection established")
                self.end_headers()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                receiver.ca.issue_cert(self.host).configure_cert(context)
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
                self.handle_one_request()
                self.connection.close()
                self.close_connection = True

            def do_POST(self) -> None:  # its name there
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((self.host + self.path, json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.port = int(door.getsockname()[1])
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # its name there
        """Take a mail."""
        self.received.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
