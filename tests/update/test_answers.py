"""An answer that is changed later does what a person expects, and keeps what people did."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline.shell import FailedError
from pipeline.template import merge
from pipeline.template.here import Here
from pipeline.template.source import Source
from pipeline.template.update import Update, target, worked_out

from tests.answers import Answers
from tests.project import Project
from tests.update.changes import make, that_fit
from tests.update.conftest import Desk, answered, fresh_project, tree
from tests.update.test_lifecycle import assert_clean, assert_equal

BOTH = "[kubernetes, compose]"


def taken_in(project: Project, **data: str) -> Update:
    """Do what `inv template-update` does, but for the sessions."""
    with contextlib.chdir(project.path), Source.cloned(Here.find().url) as source:
        here = Here.find()
        found = worked_out(here, source, target(here, source, ""), data)
        merge.apply(here.head, found.merged)
    return found


Way = Callable[[Desk, Project, str, str], None]


def by_copier(desk: Desk, project: Project, name: str, value: str) -> None:
    desk.update(project, **{name: value})


def by_task(_: Desk, project: Project, name: str, value: str) -> None:
    found = taken_in(project, **{name: value})
    assert (found.merged.conflicts, found.left) == (
        {},
        ["uv.lock is not in git: uv lock, and commit"],
    )


CASES: dict[str, tuple[Answers, str, str]] = {
    "a database": ({}, "database", "postgres"),
    "no database any more": ({"preset": "api-postgres"}, "database", "none"),
    "a target": ({}, "deploy", "[compose]"),
    "no target any more": ({"deploy": BOTH}, "deploy", "[]"),
    "an older Python": ({}, "python_version", "3.11"),
    "a licence": ({}, "license", "Apache-2.0"),
}


# By day, each case comes by in one way, and one that adds and one that takes away in both.
@pytest.mark.parametrize(
    ("case", "way"),
    [
        pytest.param(
            case,
            way,
            id=f"{name}-{way.__name__}",
            marks=() if way is by_copier or "database" in name else pytest.mark.fresh,
        )
        for name, case in CASES.items()
        for way in (by_copier, by_task)
    ],
)
def test_a_changed_answer_is_as_if_it_had_been_given_first(
    desk: Desk, tmp_path: Path, case: tuple[Answers, str, str], way: Way
) -> None:
    answers, name, value = case
    project = fresh_project(desk, answers, tmp_path / "project")
    changes = [it for it in that_fit(project, "my_service") if it != "add an environment"]
    make(project, "my_service", changes)

    way(desk, project, name, value)

    assert_clean(project)
    fresh = fresh_project(desk, answered(project), tmp_path / "fresh")
    make(fresh, "my_service", changes)
    assert_equal(tree(project), tree(fresh))


def test_an_environment_of_ones_own_is_not_dropped_with_its_target(
    desk: Desk, tmp_path: Path
) -> None:
    project = fresh_project(desk, {"deploy": BOTH}, tmp_path / "project")
    make(project, "my_service", ["add an environment"])

    found = taken_in(project, deploy="[]")

    assert list(found.merged.conflicts) == ["deploy/environments.toml"]
    assert "[demonstration]" in (project.path / "deploy/environments.toml").read_text("utf-8")
    assert not (project.path / "ops").exists()


def test_another_name_of_the_package_takes_ones_own_files_along(desk: Desk, tmp_path: Path) -> None:
    project = fresh_project(desk, {}, tmp_path / "project")
    changes = that_fit(project, "my_service")
    make(project, "my_service", changes)

    found = taken_in(project, package_name="keeper")

    assert found.merged.conflicts == {}
    assert not (project.path / "src" / "my_service").exists()
    assert (project.path / "src" / "keeper" / "greeting.py").exists()
    fresh = fresh_project(desk, answered(project), tmp_path / "fresh")
    make(fresh, "keeper", changes)
    files, wanted = tree(project), tree(fresh)
    # What is not imported stays: here, in a test of one's own.
    assert b"assert my_service.TITLE" in files["tests/unit/test_own.py"]
    assert found.left[0] == "my_service is named still in tests/unit/test_own.py"
    files["tests/unit/test_own.py"] = wanted["tests/unit/test_own.py"]
    assert_equal(files, wanted)


def test_where_the_example_is_gone_it_says_what_it_leaves_to_people(
    desk: Desk, tmp_path: Path
) -> None:
    project = fresh_project(desk, {}, tmp_path / "project")
    shutil.rmtree(project.path / "src/my_service/notes")
    project.commit()
    before = {name: it for name, it in tree(project).items() if name.startswith("src/")}

    found = taken_in(project, database="postgres")

    after = {name: it for name, it in tree(project).items() if name.startswith("src/")}
    assert after == before
    assert (project.path / "pipeline/postgres.py").exists()
    assert found.left[0].startswith("src and tests are yours, without the example: ")


def test_a_preset_is_for_a_new_project(desk: Desk, tmp_path: Path) -> None:
    project = fresh_project(desk, {}, tmp_path / "project")
    with pytest.raises(FailedError, match="--data preset=mcp: preset is for a new project"):
        taken_in(project, preset="mcp")
