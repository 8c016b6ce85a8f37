"""One project that has its environments already, put back between two stories."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.project import Project


@pytest.fixture(scope="session")
def warm_project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default project in a folder with a space, committed; its environments are kept."""
    project = Project(tmp_path_factory.mktemp("desk") / "my service")
    shutil.copytree(render(), project.path)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.must("uv", "lock", "--quiet")
    project.commit("feat: start from Slipway")
    return project


@pytest.fixture
def project(warm_project: Project) -> Iterator[Project]:
    """The project of somebody who pressed Enter all the way, as committed."""
    first = warm_project.must("git", "rev-parse", "HEAD").strip()
    yield warm_project
    warm_project.must("git", "checkout", "--quiet", "--force", "main")
    warm_project.must("git", "reset", "--quiet", "--hard", first)
    warm_project.must("git", "clean", "--quiet", "--force", "-d")
    # Nothing that a story committed may be found in the history of the next.
    warm_project.must("git", "reflog", "expire", "--expire=now", "--all")
    warm_project.must("git", "gc", "--quiet", "--prune=now")


def without(program: str, path: str, folder: Path) -> str:
    """Return a PATH on which every program of `path` is found but one."""
    folder.mkdir()
    for entry in reversed(path.split(os.pathsep)):
        if Path(entry).is_dir():
            for file in Path(entry).iterdir():
                link = folder / file.name
                if file.name != program:
                    link.unlink(missing_ok=True)
                    link.symlink_to(file)
    return str(folder)
