"""`summary` tells what the last run was, and never another."""

from tests.conftest import MakeProject
from tests.project import Project


def test_a_run_is_told_again_and_again(project: Project) -> None:
    assert project.nox("-s", "typecheck").status == 0

    for _ in range(2):
        assert "| typecheck | success | " in project.nox("-s", "summary").out


def test_a_failed_run_has_no_figures_of_an_older_one(project: Project) -> None:
    assert project.nox("-s", "test-3.13").status == 0
    project.write("tests/unit/test_new.py", "def test_new(:\n")
    assert project.nox("-s", "test-3.13", "--", "-k", "summary").status == 1

    told = project.nox("-s", "summary").out

    (row,) = (line for line in told.splitlines() if line.startswith("| test-3.13 | failed |"))
    assert row.endswith(" |  |  |")


def test_a_folder_may_be_called_anything(make_project: MakeProject) -> None:
    project = make_project(folder="summary of notes")

    assert project.nox("-s", "lint").status == 0
    assert "| lint | success | " in project.nox("-s", "summary").out


def test_a_job_that_did_not_succeed_is_told_even_where_no_session_ran(project: Project) -> None:
    project.must("rm", "-r", "-f", "reports")

    done = project.nox("-s", "summary", NEEDS='{"plan": {"result": "failure"}}')

    assert done.status == 1
    assert "summary: these jobs did not succeed: plan (failure)" in done.out


def test_without_a_run_there_is_nothing_to_tell(project: Project) -> None:
    project.must("rm", "-r", "-f", "reports")

    done = project.nox("-s", "summary")

    assert done.status == 1
    assert "summary: no run left a report in reports/: run `uv run nox` first" in done.out
