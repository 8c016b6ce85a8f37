"""A preset answers the questions for the parts of a new project, and is then forgotten."""

import sys
from pathlib import Path

import pytest

from tests.answers import Answers, choices, questions
from tests.conftest import Render
from tests.project import Project
from tests.render.conftest import files
from tests.render.test_files import recorded

COPIER = Path(sys.executable).with_name("copier")

PARTS: dict[str, Answers] = {
    "api": {"kind": "api", "database": "none"},
    "api-postgres": {"kind": "api", "database": "postgres", "cache": "none"},
    "api-postgres-redis": {"kind": "api", "database": "postgres", "cache": "redis"},
    "mcp": {"kind": "mcp", "database": "none"},
    "mcp-postgres": {"kind": "mcp", "database": "postgres", "cache": "none"},
    "custom": {"kind": "api", "database": "none"},  # each part's own default
}


def content(project: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files(project).items()}


@pytest.mark.parametrize("preset", choices(questions()["preset"]))
def test_it_is_its_parts(render: Render, preset: str) -> None:
    made = render(preset=preset)
    assert content(made) == content(render(**PARTS[preset]))
    answers = recorded(made)
    assert "preset" not in answers
    assert {name: answers[name] for name in PARTS[preset]} == PARTS[preset]


@pytest.mark.parametrize(
    ("given", "preset"),
    [
        ({"preset": "api-postgres-redis", "cache": "none"}, "api-postgres"),
        ({"preset": "api-postgres-redis", "database": "none"}, "api"),
        ({"preset": "mcp", "database": "postgres"}, "mcp-postgres"),
        ({"preset": "mcp-postgres", "kind": "api"}, "api-postgres"),
    ],
)
def test_a_part_that_is_given_wins(render: Render, given: Answers, preset: str) -> None:
    assert content(render(**given)) == content(render(preset=preset))


def test_an_update_takes_parts_and_no_preset(render: Render, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.begin(render(preset="api"))
    before = content(project.path)
    update = (COPIER, "update", "--vcs-ref=HEAD", "--defaults")

    refused = project.run(*update, "--data=preset=mcp-postgres")
    assert refused.status == 1
    told = "is for a new project: give kind, database or cache"
    assert refused.out.endswith(f"\nValueError: Validation error for question 'preset': {told}\n")
    assert content(project.path) == before

    project.must(*update, "--data=kind=mcp", "--data=database=postgres")
    fresh = content(render(preset="mcp-postgres"))
    updated = content(project.path)
    assert {name: updated.get(name) for name in fresh} == fresh
    assert not [path for path in project.path.rglob("api") if ".git" not in path.parts]
