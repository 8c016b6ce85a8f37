"""A service of another kind passes what needs an engine, as the default one does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.images.containers import docker, images_of, left_of, take_away
from tests.osv import Advisories
from tests.project import Project

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(name: str, warm_project: Project, render: Render, tmp_path: Path) -> Iterator[Project]:
    """An MCP server, committed; what it builds and starts has a name of its own."""
    own = f"{name}-mcp"
    environment = {**warm_project.environment, "COMPOSE_PROJECT_NAME": own}
    project = Project(tmp_path / "my server", environment)
    project.begin(render(kind="mcp", project_slug=own, package_name="my_server"))
    yield project
    take_away(own)
    if images := images_of(own):
        docker("image", "rm", "--force", *images)


def test_an_mcp_server_passes_its_sessions(server: Project, advisories: Advisories) -> None:
    done = server.nox("-s", "scan", "docker", "integration", OSV_URL=advisories.url)
    assert done.status == 0, done.out
    assert (server.path / "reports/junit-docker.xml").exists()
    assert "tests/integration/test_mcp.py" in done.out
    assert left_of(server.environment["COMPOSE_PROJECT_NAME"]) == []
