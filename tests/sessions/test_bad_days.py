"""What a person sees when something is missing: what, where, and what to do."""

import signal
import sys
from pathlib import Path

from tests.conftest import MakeProject
from tests.project import Project, stopped, without


def test_the_first_run_writes_the_lock_and_says_so(project: Project) -> None:
    project.must("uv", "sync", "--quiet")
    (project.path / "uv.lock").unlink()

    done = project.run(".venv/bin/nox", "-s", "lint")

    assert done.status == 0, done.out
    assert "There was no uv.lock, so it was written: commit it." in done.out
    assert (project.path / "uv.lock").exists()


def test_a_stale_lock_is_an_error_that_says_uv_lock(project: Project) -> None:
    project.must("uv", "sync", "--quiet")
    project.replace("pyproject.toml", 'uvicorn>=0.50,<1"', 'uvicorn>=0.51,<1"')

    for command in ([".venv/bin/nox"], ["uv", "run", "--locked", "nox"]):
        done = project.run(*command, "-s", "typecheck")
        assert done.status != 0
        assert "To update the lockfile, run `uv lock`" in done.out


def test_a_session_that_does_not_exist_is_named(project: Project) -> None:
    done = project.nox("-s", "tset")

    assert done.status == 3
    assert done.out.endswith("Sessions not found: tset\n")


def test_a_missing_interpreter_is_an_error_and_not_a_skip(project: Project, tmp_path: Path) -> None:
    project.must("uv", "sync", "--quiet", "--python", sys.executable)
    path = without("python3.12", project.environment["PATH"], tmp_path / "bin")

    done = project.run(
        ".venv/bin/nox", "-s", "test-3.12", PATH=path, UV_OFFLINE="1", UV_PYTHON_INSTALL_DIR=path
    )

    assert done.status == 1
    assert "Session test-3.12 failed: Python interpreter 3.12 not found" in done.out


def test_missing_git_is_named(project: Project, tmp_path: Path) -> None:
    path = without("git", project.environment["PATH"], tmp_path / "bin")
    for session in ("lint", "scan"):
        done = project.nox("-s", session, PATH=path)
        assert done.status == 1
        assert "Program git not found." in done.out


def test_sessions_bring_their_own_uv(project: Project, tmp_path: Path) -> None:
    project.must("uv", "sync", "--quiet")
    path = without("uv", project.environment["PATH"], tmp_path / "bin")

    done = project.run(".venv/bin/nox", "-s", "lint", PATH=path)

    assert done.status == 0, done.out


def test_without_a_network_a_warm_cache_is_enough(make_project: MakeProject) -> None:
    project = make_project()
    project.must("uv", "sync", "--quiet")  # fills uv's cache, where nobody did before
    project.must(".venv/bin/nox", "--install-only")
    for folder in (".venv", ".nox"):
        project.must("rm", "-r", folder)

    done = project.nox("-s", "lint", "typecheck", UV_OFFLINE="1")

    assert done.status == 0, done.out


def test_without_a_network_a_cold_cache_is_told(project: Project, tmp_path: Path) -> None:
    done = project.nox(
        *("-s", "lint"),
        UV_OFFLINE="1",
        UV_CACHE_DIR=str(tmp_path / "cache"),
        UV_PROJECT_ENVIRONMENT=str(tmp_path / "venv"),
    )

    assert done.status != 0
    assert "Network connectivity is disabled" in done.out


def test_ctrl_c_ends_a_session_and_what_it_started(project: Project) -> None:
    project.write(
        "tests/unit/test_slow.py",
        "import pathlib, time\n\n\ndef test_slow() -> None:\n"
        '    pathlib.Path("reports/started").touch()\n    time.sleep(600)\n',
    )

    done = stopped(project, signal.SIGINT, "test-3.13", "--", "tests/unit/test_slow.py")

    assert done.status in {1, 130}, done.out
    assert "Session test-3.13 interrupted" in done.out
