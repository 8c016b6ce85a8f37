"""A gate before the cluster's API server: it can be shut, and it can deny what the cluster allows.

Behind it is `kubectl proxy`, which has the credentials; so what passes is answered by the real one.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml


@dataclass
class ApiServer:
    """What stands between kubectl and the cluster."""

    url: str = ""
    is_shut: bool = False
    """Whether it hangs up on whoever comes."""
    denied: set[tuple[str, str]] = field(default_factory=set)
    """What nobody may do: verb and resource."""

    def kubeconfig(self, path: Path, context: str) -> Path:
        """Write a kubeconfig that leads here, with one context."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "gate", "cluster": {"server": self.url}}],
            "contexts": [{"name": context, "context": {"cluster": "gate", "user": ""}}],
        }
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def judged(self, body: bytes) -> bytes:
        """Return an answer as it is after what is denied is denied."""
        try:
            found = json.loads(body)
            asked = found["spec"]["resourceAttributes"]
        except (ValueError, KeyError, TypeError):
            return body
        if (asked["verb"], asked["resource"]) in self.denied:
            found["status"] = {"allowed": False}
        return json.dumps(found).encode()


@contextmanager
def api_server(context: str) -> Iterator[ApiServer]:
    """Return a gate before the cluster of a context."""
    command = ["kubectl", f"--context={context}", "proxy", "--port=0"]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout
    behind = f"http://{proxy.stdout.readline().split()[-1]}"
    gate = ApiServer()
    client = httpx.Client(base_url=behind, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = self.rfile.read(length)
            if gate.is_shut:
                self.close_connection = True
                return
            kept = {"accept", "content-type"}
            headers = {name: it for name, it in self.headers.items() if name.lower() in kept}
            # Its answers are looked into, so they must not be compressed or in protobuf.
            headers |= {"Accept-Encoding": "identity"}
            told = client.request(self.command, self.path, content=body, headers=headers)
            content = gate.judged(told.content)
            self.send_response(told.status_code)
            self.send_header("Content-Type", told.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = answer  # noqa: N815  # names there

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gate.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        client.close()
        proxy.terminate()
        proxy.communicate()
