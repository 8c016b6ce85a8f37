"""What the documentation is compared with: the two houses as they are."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.project import Project

# A line of `nox --list`, whose `--json` leaves out what is not selected.
LISTED = re.compile(r"^[*-] (\S+)(?: \[(.*)\])? -> (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class House:
    """A folder with a noxfile."""

    path: Path
    sessions: Mapping[str, str]
    """What each session says of itself, by name."""
    full_names: frozenset[str]
    """Every name that `nox -s` takes, such as test and test-3.13."""
    pipeline: frozenset[str]
    """The full names of those tagged ci."""

    @classmethod
    def at(cls, project: Project) -> "House":
        """Ask nox."""
        project.must("uv", "sync", "--quiet")
        listed = LISTED.findall(project.must(".venv/bin/nox", "--list"))
        names = {full: re.sub(r"-3\.\d+$", "", full) for full, _, _ in listed}
        return cls(
            path=project.path,
            sessions={names[full]: description for full, _, description in listed},
            full_names=frozenset([*names, *names.values()]),
            pipeline=frozenset(full for full, tags, _ in listed if tags == "ci"),
        )


@pytest.fixture(scope="session")
def generated(render: Render, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The project of somebody who pressed Enter all the way."""
    project = Project(tmp_path_factory.mktemp("docs") / "my-service")
    shutil.copytree(render(), project.path)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    return House.at(project)


@pytest.fixture(scope="session")
def root(template: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """This repository, as somebody would have cloned it."""
    project = Project(tmp_path_factory.mktemp("docs") / "slipway")
    shutil.copytree(template, project.path)
    return House.at(project)


@pytest.fixture(scope="session")
def chosen(render: Render, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The project of somebody who chose all that adds a session."""
    project = Project(tmp_path_factory.mktemp("docs") / "my-service")
    shutil.copytree(render(database="postgres", deploy="[kubernetes, compose]"), project.path)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    return House.at(project)
