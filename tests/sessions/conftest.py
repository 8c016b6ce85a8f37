"""One project that has its environments already, put back between two stories."""

from collections.abc import Iterator

import pytest

from tests.conftest import Render
from tests.project import Project, put_back


@pytest.fixture(scope="session")
def warm_project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default project in a folder with a space, committed; its environments are kept."""
    project = Project(tmp_path_factory.mktemp("desk") / "my service")
    project.begin(render())
    return project


@pytest.fixture
def project(warm_project: Project) -> Iterator[Project]:
    """The project of somebody who pressed Enter all the way, as committed."""
    with put_back(warm_project):
        yield warm_project
