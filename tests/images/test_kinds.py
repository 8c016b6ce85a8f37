"""A service of another kind passes what needs an engine, as the default one does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.images.containers import docker, images_of, left_of, take_away
from tests.osv import Advisories
from tests.project import Project

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["mcp", "api-postgres-redis"])
def service(
    request: pytest.FixtureRequest,
    name: str,
    warm_project: Project,
    render: Render,
    tmp_path: Path,
) -> Iterator[Project]:
    """A service of a preset, committed; what it builds and starts has a name of its own."""
    own = f"{name}-{request.param}"[:40]
    environment = {**warm_project.environment, "COMPOSE_PROJECT_NAME": own}
    project = Project(tmp_path / "my service", environment)
    project.begin(render(preset=request.param, project_slug=own, package_name="my_server"))
    yield project
    take_away(own)
    if images := images_of(own):
        docker("image", "rm", "--force", *images)


def test_a_service_of_another_kind_passes_its_sessions(
    service: Project, advisories: Advisories
) -> None:
    done = service.nox("-s", "scan", "docker", "integration", OSV_URL=advisories.url)
    assert done.status == 0, done.out
    assert (service.path / "reports/junit-docker.xml").exists()
    assert "tests/integration/test_" in done.out
    assert left_of(service.environment["COMPOSE_PROJECT_NAME"]) == []
