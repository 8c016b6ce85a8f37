"""The MCP server as a person meets it: `uv run NAME`, over HTTP and over stdio."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Render
from tests.project import Project

NAME = 'Łódź · "Café" & <Söhne>: 100 % {{ x }} \\n $HOME'
DESCRIPTION = 'It\'s "fine" \\ # {% raw %} ${HOME} <!-- ·'
SLUG = "notes"
TOKEN = "a-token-of-these-tests"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a person", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a name that has to be quoted everywhere."""
    project = Project(tmp_path_factory.mktemp("mcp") / "project")
    answers = {"project_name": NAME, "description": DESCRIPTION, "project_slug": SLUG}
    shutil.copytree(render(kind="mcp", **answers), project.path)
    project.must("uv", "sync", "--quiet")
    return project


@pytest.fixture(scope="module")
def url(project: Project) -> Iterator[str]:
    """Where it is served."""
    with subprocess.Popen(
        ["uv", "run", "--quiet", SLUG],
        cwd=project.path,
        env={**project.environment, "APP_PORT": "0", "APP_TOKENS": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
        os.killpg(process.pid, signal.SIGKILL)


def ask(url: str, method: str, **params: Any) -> Any:
    """Return what the server answers, as a client of 2025 asks."""
    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {TOKEN}",
        "MCP-Protocol-Version": "2025-06-18",
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return httpx.post(f"{url}/mcp", json=message, headers=headers).raise_for_status().json()


def test_it_has_its_name_as_it_was_given(url: str) -> None:
    info = ask(url, "initialize", **HELLO["params"])["result"]["serverInfo"]  # type: ignore[arg-type]

    assert info == {"name": SLUG, "title": NAME, "version": "0.0.0", "description": DESCRIPTION}


def test_it_keeps_notes(url: str) -> None:
    def call(tool: str, **arguments: Any) -> Any:
        return ask(url, "tools/call", name=tool, arguments=arguments)["result"]

    note = {"title": "Milk", "text": "Two litres."}
    made = call("create_note", **note)["structuredContent"]
    assert made.items() >= note.items()
    assert call("delete_note", note_id=made["id"], expected_version=1)["isError"] is False
    gone = call("get_note", note_id=made["id"])
    assert gone["isError"] is True
    assert gone["content"][0]["text"] == f"there is no note {made['id']}"


def test_it_lets_nobody_in_without_a_token(url: str) -> None:
    assert httpx.post(f"{url}/mcp", json=HELLO).status_code == 401


def test_it_does_not_start_where_nobody_would_be_let_in(project: Project) -> None:
    done = project.run("uv", "run", "--quiet", SLUG)

    assert done.status == 2
    assert done.out.startswith("APP_TOKENS must be set")
    assert done.out.count("\n") == 1


def test_the_client_configuration_of_its_readme_starts_it(project: Project) -> None:
    readme = (project.path / "README.md").read_text(encoding="utf-8")
    blocks = [json.loads(text.split("```")[0]) for text in readme.split("```json\n")[1:]]
    server = blocks[0]["mcpServers"][SLUG]
    command = [server["command"], *server["args"]]
    command = [str(project.path) if word == f"/path/to/{SLUG}" else word for word in command]
    done = subprocess.run(
        command,
        cwd=Path.home(),
        env=dict(project.environment),
        input=json.dumps(HELLO) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )

    [answer] = [json.loads(line) for line in done.stdout.splitlines()]
    assert answer["result"]["serverInfo"]["name"] == SLUG
    assert json.loads(done.stderr.splitlines()[0])["message"] == "serving stdio"
