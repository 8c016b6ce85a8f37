"""A source of advisories that a test can fill: the OSV API, on this machine.

It stands for https://api.osv.dev, which no test machine may depend on, and speaks its protocol:
https://google.github.io/osv.dev/api/. By itself it knows one advisory, old and real.

    with Advisories() as advisories:
        advisories.add(Advisory("PYSEC-2026-1", "starlette", versions=("1.0.0",), fixed="1.0.1"))
        project.nox("-s", "scan", OSV_URL=advisories.url)

`Advisories(known=())` answers as it should and knows nothing: its data is empty.
"""

import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


def normal(package: str) -> str:
    """Return a name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", package).lower()


@dataclass(frozen=True)
class Advisory:
    """What is known against some versions of a package."""

    id: str
    package: str
    versions: tuple[str, ...]
    summary: str = "Something bad."
    fixed: str | None = None
    aliases: tuple[str, ...] = ()
    severity: str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    modified: str = "2026-01-01T00:00:00Z"

    def covers(self, query: dict[str, Any]) -> bool:
        """Tell whether a query asks about a version that has the weakness."""
        package = query.get("package", {})
        name, version = package.get("name"), query.get("version")
        if purl := re.fullmatch(r"pkg:pypi/([^@]+)(?:@(.+))?", package.get("purl", "")):
            name, version = purl[1], purl[2] or version
        elif package.get("ecosystem") != "PyPI":
            return False
        return normal(name or "") == normal(self.package) and version in self.versions

    def record(self) -> dict[str, Any]:
        """Return it in the OSV schema: https://ossf.github.io/osv-schema/."""
        events = [{"introduced": "0"}, *([{"fixed": self.fixed}] if self.fixed else [])]
        return {
            "schema_version": "1.7.0",
            "id": self.id,
            "published": self.modified,
            "modified": self.modified,
            "aliases": list(self.aliases),
            "summary": self.summary,
            "details": self.summary,
            "severity": [{"type": "CVSS_V3", "score": self.severity}],
            "affected": [
                {
                    "package": {
                        "ecosystem": "PyPI",
                        "name": normal(self.package),
                        "purl": f"pkg:pypi/{normal(self.package)}",
                    },
                    "ranges": [{"type": "ECOSYSTEM", "events": events}],
                    "versions": list(self.versions),
                }
            ],
        }


JINJA2 = Advisory(
    id="PYSEC-2014-8",
    package="jinja2",
    versions=("2.4.1", "2.5", "2.5.5", "2.6", "2.7", "2.7.1"),
    summary="The default bytecode cache does not create temporary files properly.",
    fixed="2.7.2",
    aliases=("CVE-2014-1402",),
    severity="CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:L",
    modified="2021-07-05T00:01:22Z",
)


class Handler(BaseHTTPRequestHandler):
    """The three calls that `uv audit` and pipeline/advisories.py make."""

    protocol_version = "HTTP/1.1"
    source: "Advisories"

    def do_GET(self) -> None:
        advisory = self.source.known.get(self.path.removeprefix("/v1/vulns/"))
        if advisory is None:
            return self.answer(404, {"code": 5, "message": "Bug not found."})
        return self.answer(200, advisory.record())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            asked = json.loads(body)
            if self.path == "/v1/query":
                found = [advisory.record() for advisory in self.source.about(asked)]
                return self.answer(200, {"vulns": found} if found else {})
            if self.path == "/v1/querybatch":
                results = [self.brief(query) for query in asked["queries"]]
                return self.answer(200, {"results": results})
        except (ValueError, KeyError, AttributeError, TypeError):
            return self.answer(400, {"code": 3, "message": "Invalid query."})
        return self.answer(404, {"code": 5, "message": "Not Found"})

    def brief(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return what a batch tells of one query: where to read on, and no more."""
        found = [{"id": each.id, "modified": each.modified} for each in self.source.about(query)]
        return {"vulns": found} if found else {}

    def answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Print nothing."""


class Advisories:
    """An OSV service; a context manager that serves while it is open."""

    def __init__(self, known: Iterable[Advisory] = (JINJA2,)) -> None:
        self.known = {advisory.id: advisory for advisory in known}
        self.asked: list[dict[str, Any]] = []
        """Each query since it was opened, as `{"package": {"name": …}, "version": …}`."""
        handler = type("Handler", (Handler,), {"source": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """What OSV_URL should be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, advisory: Advisory) -> None:
        """Publish an advisory, from now on."""
        self.known[advisory.id] = advisory

    def about(self, query: dict[str, Any]) -> list[Advisory]:
        """Return the advisories that a query asks for."""
        self.asked.append(query)
        return [advisory for advisory in self.known.values() if advisory.covers(query)]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
