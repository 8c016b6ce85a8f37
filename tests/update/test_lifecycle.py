"""Whatever version a project is of, and whatever people did to it, an update loses nothing."""

from pathlib import Path

import pytest

from tests.answers import Answers
from tests.conftest import ROOT
from tests.project import Project
from tests.update.changes import make, that_fit
from tests.update.conftest import Desk, answered, fresh_project, tree
from tests.update.history import OLDER, releases, told, versions

SETS: dict[str, Answers] = {
    "default": {},
    "fullest": {"preset": "api-postgres-redis", "deploy": "[kubernetes, compose]"},
    "odd": {
        "project_name": '1st "Café" & <Söhne>: a service with a name that is long',
        "preset": "mcp-postgres",
        "license": "Proprietary",
        "author_email": "first.last+tag@mail.example.org",
    },
    "old Python": {"package_name": "a", "python_version": "3.11", "license": "Apache-2.0"},
}
MARKERS = (b"<<<<<<< ", b"=======\n", b">>>>>>> ")


def known(version: str, answers: Answers) -> Answers:
    """Return the answers to what a version asks already; the others are given later, by nobody."""
    commit = versions(ROOT)[version]
    asked = told(ROOT, "show", f"{commit}:copier.yml").splitlines()
    return {name: text for name, text in answers.items() if f"{name}:" in asked}


def cases() -> list[pytest.ParameterSet]:
    """Return each version with each set, but for those that are the same there.

    By day, the odd sets are those of the newest release alone.
    """
    found: dict[str, pytest.ParameterSet] = {}
    for version in [*OLDER, *releases(ROOT)]:
        for name, answers in SETS.items():
            by_day = version == next(iter(releases(ROOT))) or name in {"default", "fullest"}
            case = pytest.param(version, name, marks=() if by_day else pytest.mark.fresh)
            found.setdefault(f"{version} {known(version, answers)}", case)
    return list(found.values())


def added(project: Project, since: str) -> dict[str, list[str]]:
    """Return the lines that people added to each file since a commit."""
    lines: dict[str, list[str]] = {}
    path = ""
    for line in project.must("git", "diff", "--unified=0", since, "HEAD").splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
        elif line.startswith("+") and path != "uv.lock":
            lines.setdefault(path, []).append(line[1:])
    return lines


def assert_nothing_is_lost(project: Project, since: str) -> None:
    """Look for every line that people added, and for nothing that they deleted."""
    deleted = project.must("git", "diff", "--name-only", "--diff-filter=D", since, "HEAD").split()
    assert [path for path in deleted if (project.path / path).exists()] == []
    for path, lines in added(project, since).items():
        there = (project.path / path).read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line not in there] == [], path


def assert_clean(project: Project) -> None:
    """Look for conflicts."""
    files = tree(project)
    assert [name for name in files if name.endswith((".rej", ".orig"))] == []
    assert [name for name, it in files.items() if any(mark in it for mark in MARKERS)] == []


def assert_equal(found: dict[str, bytes], wanted: dict[str, bytes]) -> None:
    """Compare two trees, so that a reader sees what differs."""
    assert sorted(found) == sorted(wanted)
    for name, content in found.items():
        assert content.decode().splitlines() == wanted[name].decode().splitlines(), name


@pytest.mark.parametrize(("version", "name"), cases())
def test_a_changed_project_becomes_a_fresh_one_with_the_same_changes(
    desk: Desk, tmp_path: Path, version: str, name: str
) -> None:
    project = desk.copy(version, tmp_path / "my project", known(version, SETS[name]))
    package = str(answered(project)["package_name"])
    first = project.must("git", "rev-parse", "HEAD").strip()
    changes = that_fit(project, package)
    make(project, package, changes)

    desk.update(project)

    assert_clean(project)
    assert_nothing_is_lost(project, first)
    fresh = fresh_project(desk, answered(project), tmp_path / "fresh")
    make(fresh, package, changes)
    assert_equal(tree(project), tree(fresh))


@pytest.mark.parametrize(
    "name",
    [
        "default",
        *(pytest.param(name, marks=pytest.mark.fresh) for name in SETS if name != "default"),
    ],
)
def test_the_sessions_of_a_changed_project_pass(desk: Desk, tmp_path: Path, name: str) -> None:
    """All versions end in this tree, so that it is tried once; the other sets are for the night."""
    project = fresh_project(desk, SETS[name], tmp_path / "my project")
    package = str(answered(project)["package_name"])
    make(project, package, that_fit(project, package))
    project.must("uv", "lock", "--quiet")

    project.must("uv", "run", "nox", "-s", "lint", "typecheck", "test-3.13")
