"""One project whose images are its own, put back between two stories, and what they are scanned by.

Stories run side by side on one engine: what a worker builds and starts has a name of its own.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Render
from tests.images.containers import docker, images_of, take_away
from tests.project import Project, put_back, user_environment


@pytest.fixture(scope="session")
def name(engine: str) -> Iterator[str]:  # noqa: ARG001  # without an engine, no story
    """Return the name of a project that nobody else has, and of all that it builds and starts."""
    name = f"slipway-{uuid4().hex[:12]}"
    yield name
    take_away(name)
    for _ in range(3):  # now and then an engine keeps one of several that it is told to remove
        if images := images_of(name):
            docker("image", "rm", "--force", *images)


@pytest.fixture(scope="session")
def warm_project(
    name: str, render: Render, trivy_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The default project in a folder with a space, committed; its environments are kept."""
    environment = user_environment() | {
        "COMPOSE_PROJECT_NAME": name,
        "TRIVY_CACHE_DIR": str(trivy_cache),
        "TRIVY_SKIP_DB_UPDATE": "true",
        "UV_SYSTEM_CERTS": "1",  # a base image may trust a proxy's certificate, as a company's does
    }
    project = Project(tmp_path_factory.mktemp("desk") / "my service", environment)
    project.begin(render(project_slug=name, package_name="my_service"))
    return project


@pytest.fixture
def project(name: str, warm_project: Project) -> Iterator[Project]:
    """The project of somebody who pressed Enter all the way, as committed, and nothing running."""
    with put_back(warm_project):
        yield warm_project
    # Here, what git ignores is part of the stories: reports, and files that must not be in images.
    kept = ("--exclude=.nox", "--exclude=.venv")
    warm_project.must("git", "clean", "--quiet", "--force", "-d", "-x", *kept)
    take_away(name)


@pytest.fixture
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


@pytest.fixture
def ports() -> dict[str, int]:
    """Return free ports of this machine, for what `inv up` publishes: variables of compose.yaml."""
    names = ("PUBLISH", "PUBLISH_DEBUG", "PUBLISH_PROXY")
    with ExitStack() as stack:  # all open at once, so that no two are the same
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: door.getsockname()[1] for name, door in zip(names, doors, strict=True)}
