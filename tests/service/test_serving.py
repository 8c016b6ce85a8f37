"""The service as a person meets it: `uv run NAME`, from outside."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.conftest import Render
from tests.project import Project

NAME = 'Łódź · "Café" & <Söhne>: 100 % {{ x }} \\n $HOME'
DESCRIPTION = 'It\'s "fine" \\ # {% raw %} ${HOME} <!-- ·'
SLUG = "notes"


@pytest.fixture(scope="module")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a name that has to be quoted everywhere."""
    project = Project(tmp_path_factory.mktemp("service") / "project")
    answers = {"project_name": NAME, "description": DESCRIPTION, "project_slug": SLUG}
    shutil.copytree(render(**answers), project.path)
    project.must("uv", "sync", "--quiet")
    return project


@dataclass(frozen=True)
class Serving:
    """The service, started."""

    process: subprocess.Popen[str]
    url: str
    first_line: dict[str, Any]


@pytest.fixture
def serving(project: Project) -> Iterator[Serving]:
    command = ["uv", "run", "--quiet", SLUG]
    environment = {**project.environment} | {"APP_PORT": "0"}
    with subprocess.Popen(
        command,
        cwd=project.path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        line = json.loads(process.stdout.readline())
        yield Serving(process, f"http://127.0.0.1:{line['port']}", line)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_its_first_line_tells_where_it_listens(serving: Serving) -> None:
    assert serving.first_line["message"] == "listening"
    assert serving.first_line["host"] == "127.0.0.1"
    assert serving.first_line["version"] == "0.0.0"


def test_its_description_has_the_name_as_it_was_given(serving: Serving) -> None:
    info = httpx.get(f"{serving.url}/openapi.json").json()["info"]

    assert info == {"title": NAME, "description": DESCRIPTION, "version": "0.0.0"}


def test_it_keeps_notes(serving: Serving) -> None:
    with httpx.Client(base_url=serving.url) as client:
        note = {"title": "Milk", "text": "Two litres."}
        made = client.post("/v1/notes", json=note)
        assert made.status_code == 201
        assert client.get(made.headers["Location"]).json().items() >= note.items()
        assert client.delete(made.headers["Location"]).status_code == 204
        gone = client.get(made.headers["Location"])
        assert gone.status_code == 404
        assert gone.headers["Content-Type"] == "application/problem+json"


def test_it_tells_how_it_is(serving: Serving) -> None:
    with httpx.Client(base_url=serving.url) as client:
        assert [client.get(path).status_code for path in ("/livez", "/readyz", "/health")] == [
            200,
            200,
            200,
        ]
        client.get("/v1/notes")
        client.get("/v1/notes/unknown")
        metrics = client.get("/metrics").text
        assert 'http_requests_total{method="GET",route="/v1/notes",status="200"} 1.0' in metrics
        assert 'route="/v1/notes/{note_id}"' in metrics


def test_each_request_is_one_json_line_with_its_id(serving: Serving) -> None:
    httpx.get(f"{serving.url}/v1/notes", headers={"X-Request-ID": "mine"})

    line = json.loads(cast(Any, serving.process.stdout).readline())

    assert line["request_id"] == "mine"
    assert line["route"] == "/v1/notes"
    assert line["status"] == 200


def test_it_stops_with_0_when_it_is_told_to(serving: Serving) -> None:
    serving.process.terminate()

    assert serving.process.wait(timeout=30) == 0


def test_a_setting_that_cannot_be_is_one_sentence(project: Project) -> None:
    done = project.run("uv", "run", "--quiet", SLUG, APP_PORT="http")

    assert done.status == 2
    assert done.out.startswith("APP_PORT")
    assert "'http'" in done.out
    assert done.out.count("\n") == 1


def test_an_address_in_use_is_one_line(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = project.run("uv", "run", "--quiet", SLUG, APP_PORT=str(taken.getsockname()[1]))

    assert done.status == 1
    assert "Address already in use" in json.loads(done.out)["message"]


def test_it_is_found_where_a_wheel_of_it_is_installed(project: Project, tmp_path: Path) -> None:
    project.must("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path)
    wheel = next(tmp_path.glob("*.whl"))
    project.must("uv", "venv", "--quiet", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    project.must("uv", "pip", "install", "--quiet", "--python", python, wheel)

    done = project.run(tmp_path / "venv/bin" / SLUG, APP_PORT="http")

    assert done.out.startswith("APP_PORT")
