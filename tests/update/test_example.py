"""The example is rendered once: where it was renamed or deleted, no update brings it back."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.pages import Page
from tests.project import Project
from tests.update.conftest import Desk, answered, fresh_project, tree
from tests.update.history import OLDER, releases
from tests.update.test_lifecycle import assert_clean, assert_equal

PAGE = Page(ROOT / "docs" / "how-to" / "make-the-service-yours.md")
# What is all their people's, once the example is gone.
YOURS = re.compile(r"src/|migrations/versions/|tests/(?!image/)")
SESSIONS = ("uv", "run", "nox", "-s", "lint", "typecheck", "test-3.13")


def fences(heading: str, language: str = "sh") -> list[str]:
    """Return what the page shows below a heading, in a language."""
    lines = PAGE.path.read_text(encoding="utf-8").splitlines()
    begin = lines.index(f"## {heading}")
    after = (n for n, line in enumerate(lines) if n > begin and line.startswith("## "))
    end = next(after, len(lines))
    return [
        fence.text
        for fence in PAGE.fences
        if begin < fence.line <= end and fence.language == language
    ]


def follow(project: Project, heading: str) -> None:
    """Do what the page says, but for its sessions, and commit."""
    project.must("bash", "-euc", fences(heading)[0])
    project.commit()


VERSIONS = [
    *releases(ROOT),
    *(pytest.param(version, marks=pytest.mark.fresh) for version in OLDER),  # at night
]


@pytest.mark.parametrize("heading", ["Rename the example", "Delete the example"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_service_stays_as_it_is_and_all_else_is_new(
    desk: Desk, tmp_path: Path, version: str, heading: str
) -> None:
    project = desk.copy(version, tmp_path / "project", {})
    follow(project, heading)
    before = {name: it for name, it in tree(project).items() if YOURS.match(name)}

    desk.update(project)

    assert_clean(project)
    after = tree(project)
    assert_equal({name: it for name, it in after.items() if YOURS.match(name)}, before)
    fresh = tree(fresh_project(desk, answered(project), tmp_path / "fresh"))
    assert_equal(
        {name: it for name, it in after.items() if not YOURS.match(name)},
        {name: it for name, it in fresh.items() if not YOURS.match(name)},
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_renamed_passes_its_sessions_after_an_update(
    desk: Desk, tmp_path: Path, version: str
) -> None:
    project = desk.copy(version, tmp_path / "project", {})
    follow(project, "Rename the example")

    desk.update(project)

    if "pythonjsonlogger" in (project.path / "src/my_service/logs.py").read_text("utf-8"):
        # The changelog tells those whose service is theirs what to do.
        [told] = re.findall(r"`(uv add \S+)`", (ROOT / "CHANGELOG.md").read_text("utf-8"))
        project.must("bash", "-euc", f"{told} --quiet --no-sync")
    project.must("uv", "lock", "--quiet")
    project.run("uv", "run", "nox", "-s", "lint")  # as the page says: it mends the order
    done = project.run(*SESSIONS)
    assert done.status == 0, done.out


def test_what_is_left_without_the_example_passes_its_sessions(desk: Desk, tmp_path: Path) -> None:
    project, heading = fresh_project(desk, {}, tmp_path / "project"), "Delete the example"
    [greeting], [difference] = fences(heading, "python"), fences(heading, "diff")
    project.write("src/my_service/api/greetings.py", greeting)
    follow(project, heading)
    (tmp_path / "page.diff").write_text(difference, encoding="utf-8")

    project.must("git", "apply", tmp_path / "page.diff")

    assert project.run("git", "grep", "-i", "note", "--", "src", "tests", "deploy").out == ""
    project.must("uv", "lock", "--quiet")
    done = project.run(*SESSIONS)
    assert done.status == 0, done.out
