"""Every commit is checked by the lock's own tools, its message too."""

from collections.abc import Iterator

import pytest

from tests.project import Project


@pytest.fixture
def project(project: Project) -> Iterator[Project]:
    """A project whose hooks somebody installed."""
    project.must("uv", "run", "--quiet", "pre-commit", "install")
    yield project
    project.must("uv", "run", "--quiet", "pre-commit", "uninstall")


def test_a_conventional_commit_lands_without_a_network(project: Project) -> None:
    project.write("src/my_service/new.py", '"""New."""\n')
    project.must("git", "add", "--all")

    done = project.run("git", "commit", "-m", "feat: add new", UV_OFFLINE="1")

    assert done.status == 0, done.out


def test_another_message_is_refused_with_the_form_to_use(project: Project) -> None:
    project.write("src/my_service/new.py", '"""New."""\n')
    project.must("git", "add", "--all")

    done = project.run("git", "commit", "-m", "Added new.")

    assert done.status == 1
    assert "conventional commit message" in done.out
    assert "Added new." in done.out
    assert project.must("git", "log", "--oneline").count("\n") == 1


def test_a_fault_is_refused(project: Project) -> None:
    project.write("src/my_service/new.py", '"""New."""\n\nprint(1)\n')
    project.must("git", "add", "--all")

    done = project.run("git", "commit", "-m", "feat: add new")

    assert done.status == 1
    assert "src/my_service/new.py:3:1" in done.out


def test_a_stale_lock_is_refused(project: Project) -> None:
    project.replace("pyproject.toml", 'uvicorn>=0.50,<1"', 'uvicorn>=0.51,<1"')
    project.must("git", "add", "--all")

    done = project.run("git", "commit", "-m", "fix: need a newer fastapi", UV_FROZEN="1")

    assert done.status == 1
    assert "uv.lock fits pyproject.toml" in done.out
