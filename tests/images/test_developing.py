"""`inv up`: a place to develop in, and what production will be."""

import json
import re
import socket
import time
from collections.abc import Callable

import httpx
import pytest

from tests.images.containers import docker, left_of
from tests.project import Project

pytestmark = pytest.mark.e2e

INITIALIZE = {
    "seq": 1,
    "type": "request",
    "command": "initialize",
    "arguments": {"adapterID": "slipway", "clientID": "test"},
}


def address(ports: dict[str, int]) -> dict[str, str]:
    """Return the variables that have compose publish there."""
    return {name: f"127.0.0.1:{port}" for name, port in ports.items()}


def soon(question: Callable[[], object], seconds: float = 20) -> None:
    """Wait until the answer is yes."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def get(url: str) -> httpx.Response | None:
    """Return an answer; None while the service is between two starts."""
    try:
        return httpx.get(url, timeout=5)
    except httpx.TransportError:
        return None


def ask_debugger(port: int) -> dict[str, object]:
    """Attach as an editor does, and ask what the debugger can do.

    https://microsoft.github.io/debug-adapter-protocol/overview
    """
    body = json.dumps(INITIALIZE).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        stream = connection.makefile("rb")
        for _ in range(10):  # events come before the response
            length = int(stream.readline().removeprefix(b"Content-Length: "))
            stream.readline()
            message: dict[str, object] = json.loads(stream.read(length))
            if message["type"] == "response":
                return message
    pytest.fail("it sends no response")


def test_a_change_is_served_as_soon_as_it_is_saved(
    project: Project, ports: dict[str, int], name: str
) -> None:
    url = f"http://127.0.0.1:{ports['PUBLISH']}"

    published = "registry.invalid/published:1.0.0"
    up = project.run("uv", "run", "inv", "up", IMAGE=published, **address(ports))
    assert not docker("image", "ls", "--quiet", published), "what is built here got its name"

    assert up.status == 0, up.out
    said = dict(line.split(maxsplit=1) for line in up.out.splitlines()[-3:])
    assert said["service"] == url
    assert said["debugger"] == f"127.0.0.1:{ports['PUBLISH_DEBUG']}"
    assert "proxy" not in said
    assert "Saving a file in src/ starts the service anew." in up.out
    assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}
    answer = ask_debugger(ports["PUBLISH_DEBUG"])
    assert (answer["command"], answer["success"]) == ("initialize", True)

    project.replace("src/my_service/api/notes.py", 'prefix="/v1/notes"', 'prefix="/v2/notes"')
    soon(lambda: (found := get(f"{url}/v2/notes")) and found.status_code == 200)
    # A file that does not parse stops nothing for good.
    good = (project.path / "src/my_service/api/notes.py").read_text(encoding="utf-8")
    project.write("src/my_service/api/notes.py", "def\n")
    logs = ("uv", "run", "inv", "logs", "--service", "app")
    soon(lambda: "SyntaxError" in project.must(*logs))
    assert get(f"{url}/v2/notes") is None
    project.write("src/my_service/api/notes.py", good)
    soon(lambda: (found := get(f"{url}/v2/notes")) and found.status_code == 200)

    assert '"route": "/v2/notes"' in project.must(*logs)

    project.must("uv", "run", "inv", "down")
    assert left_of(name) == []


def test_production_is_served_through_the_proxy(
    project: Project, ports: dict[str, int], name: str
) -> None:
    proxy = f"http://127.0.0.1:{ports['PUBLISH_PROXY']}"

    up = project.run("uv", "run", "inv", "up", "--production", "--proxy", **address(ports))

    assert up.status == 0, up.out
    said = dict(line.split(maxsplit=1) for line in up.out.splitlines()[-2:])
    assert said == {"service": f"http://127.0.0.1:{ports['PUBLISH']}", "proxy": proxy}
    with httpx.Client(base_url=proxy) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 404
        made = client.post("/v1/notes", json={"title": "a", "text": "b"})
        assert made.status_code == 201
        assert client.get(made.headers["Location"]).json()["title"] == "a"
        assert client.post("/v1/notes", content=b" " * 2_000_000).status_code == 413
    assert httpx.get(f"{said['service']}/metrics").status_code == 200  # for who watches

    project.must("uv", "run", "inv", "down", "--volumes")
    assert left_of(name) == []


def test_a_port_that_is_taken_is_named(project: Project, ports: dict[str, int], name: str) -> None:
    with socket.create_server(("127.0.0.1", ports["PUBLISH"])):
        up = project.run("uv", "run", "inv", "up", "--production", **address(ports))

    assert up.status == 1
    assert re.search(rf"127\.0\.0\.1:{ports['PUBLISH']}\S* .*already in use", up.out), up.out
    assert "Traceback" not in up.out

    # It is free again.
    project.must("uv", "run", "inv", "up", "--production", **address(ports))
    project.must("uv", "run", "inv", "down")
    assert left_of(name) == []


@pytest.mark.parametrize("service", ["api-postgres"], indirect=True)
def test_what_does_not_start_is_named_with_its_words(
    service: Project, ports: dict[str, int]
) -> None:
    upgrade = "def upgrade() -> None:\n"
    broken = f"{upgrade}    raise RuntimeError('out of order')\n"
    service.replace("migrations/versions/0001_create_notes.py", upgrade, broken)

    up = service.run("uv", "run", "inv", "up", "--production", **address(ports))

    assert up.status == 1
    assert "RuntimeError: out of order\n" in up.out
    assert up.out.endswith("\nNot started: migrate, with these last words. inv down\n")

    service.must("uv", "run", "inv", "down", "--volumes")
    assert left_of(service.environment["COMPOSE_PROJECT_NAME"]) == []


def test_help_is_enough_to_go_by(project: Project) -> None:
    tasks = project.must("uv", "run", "inv", "--list")
    for task in ("up", "down", "logs"):
        assert re.search(rf"^  {task} +[A-Z].+", tasks, re.MULTILINE), tasks

    for task in ("up", "down", "logs"):
        text = project.must("uv", "run", "inv", "--help", task)
        docstring, _, options = text.partition("Options:")
        assert docstring.strip().endswith(".")
        described = re.findall(
            r"^  -\w(?: STRING)?, --(\w+)(?:=STRING)? {2,}\S", options, re.MULTILINE
        )
        assert len(described) == len(re.findall(r"^  -", options, re.MULTILINE)), text
