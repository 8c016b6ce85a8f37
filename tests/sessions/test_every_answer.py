"""Whatever somebody answers, what they get passes its own sessions, and goes on doing so."""

import shutil
from pathlib import Path

import pytest

from tests.answers import Answers, answer_sets, completed, pairwise_sets
from tests.conftest import Render
from tests.project import Project

CHECKS = ("-s", "lint", "typecheck", "test")
COOL_DOWN = 'exclude-newer = "7 days"'
# How the night resolves: as a newcomer does, with what a newcomer gets in a week, and with the
# oldest of everything that pyproject.toml claims to work with.
RESOLUTIONS = {
    "as locked today": COOL_DOWN,
    "newest": "",
    "oldest": f'{COOL_DOWN}\nresolution = "lowest-direct"',
}


def copied(render: Render, tmp_path: Path, answers: Answers) -> Project:
    """Return what `copier copy` leaves, in a folder with a space: not in git, not locked."""
    project = Project(tmp_path / "my project")
    shutil.copytree(render(**answers), project.path)
    return project


@pytest.mark.parametrize("answers", pairwise_sets().values(), ids=pairwise_sets())
def test_what_is_generated_passes(render: Render, tmp_path: Path, answers: Answers) -> None:
    project = copied(render, tmp_path, answers)
    oldest = completed(answers)["python_version"]  # each other answer comes by with each of them

    assert project.must("uv", "run", "nox", "-s", "lint", "typecheck", f"test-{oldest}")
    assert not (project.path / ".git").exists()


@pytest.mark.fresh
@pytest.mark.parametrize("resolution", RESOLUTIONS.values(), ids=RESOLUTIONS)
@pytest.mark.parametrize("answers", answer_sets().values(), ids=answer_sets())
def test_what_is_generated_tonight_passes(
    render: Render, tmp_path: Path, answers: Answers, resolution: str
) -> None:
    project = copied(render, tmp_path, answers)
    project.replace("pyproject.toml", COOL_DOWN, resolution)

    assert project.must("uv", "run", "nox", *CHECKS)
