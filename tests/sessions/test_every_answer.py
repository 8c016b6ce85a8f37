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


def by_day() -> dict[str, list[str]]:
    """Return answer sets with their sessions, so that every combination of parts comes by once.

    The night proves all of them, and each of the other answers, with every session.
    """
    chosen: dict[str, list[str]] = {}
    combined, served = set(), set()
    for name, answers in pairwise_sets().items():
        known = completed(answers)
        service = (known["kind"], known["database"])
        parts = (*service, known["cache"], *known["deploy"])
        if parts not in combined:
            tests = [] if service in served else [f"test-{known['python_version']}"]
            chosen[name] = ["lint", "typecheck", *tests]
        combined.add(parts)
        served.add(service)
    return chosen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one project after another stands: what is installed for one is there for the next."""
    return tmp_path_factory.mktemp("desk") / "my project"


@pytest.mark.parametrize(("name", "sessions"), by_day().items(), ids=by_day())
def test_what_is_generated_passes(
    render: Render, folder: Path, name: str, sessions: list[str]
) -> None:
    project = Project(folder)
    for left in set(folder.glob("*")) - {folder / ".nox"}:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    shutil.copytree(render(**pairwise_sets()[name]), folder, dirs_exist_ok=True)

    assert project.must("uv", "run", "nox", "-s", *sessions)
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
