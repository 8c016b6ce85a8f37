"""`nox -s integration` tries the composed system from outside, and leaves nothing of it behind."""

import signal
from dataclasses import dataclass

import pytest

from tests.images.containers import folder_of, left_of
from tests.project import Project, stopped

pytestmark = pytest.mark.e2e

ALWAYS, NEVER = "restart: unless-stopped", 'restart: "no"'
APP = f"    {ALWAYS}\n    stop_grace_period: 30s"
SLOW = (
    "import pathlib, time\n\n\ndef test_slow() -> None:\n"
    '    pathlib.Path("reports/started").touch()\n    time.sleep(600)\n'
)


def killed(project: Project, number: signal.Signals) -> str:
    """Run the session, and kill it while its tests run; return what it said."""
    project.write("tests/integration/test_slow.py", SLOW)
    done = stopped(project, number, "integration")
    assert done.status != 0, done.out
    (project.path / "tests/integration/test_slow.py").unlink()
    return done.out


def test_the_composed_system_passes_and_is_taken_down(project: Project, name: str) -> None:
    # Volumes go, too: what a run stored must not decide the next.
    project.replace("compose.yaml", APP, f"    volumes: [kept:/kept]\n{APP}")
    project.replace("compose.yaml", "\nconfigs:\n", "\nvolumes:\n  kept:\n\nconfigs:\n")

    done = project.nox("-s", "integration")

    assert done.status == 0, done.out
    assert f"{name}-{folder_of(project.path)}-integration_kept" in done.out
    assert (project.path / "reports/junit-integration.xml").exists()
    assert not (project.path / "reports/compose.log").exists()
    assert left_of(name) == []


def test_a_service_that_answers_wrongly_fails_and_leaves_its_log(
    project: Project, name: str
) -> None:
    project.replace(
        "src/my_service/api/notes.py", "status_code=HTTPStatus.CREATED", "status_code=HTTPStatus.OK"
    )

    done = project.nox("-s", "integration")

    assert done.status == 1
    assert "FAILED tests/integration/test_api.py::test_a_note_lives_and_dies" in done.out
    assert "What the containers said is in reports/compose.log." in done.out
    log = (project.path / "reports/compose.log").read_text(encoding="utf-8")
    assert '"message": "listening"' in log
    assert '"message": "stopped"' not in log  # it was still running
    assert left_of(name) == []


@dataclass(frozen=True)
class Unready:
    """Why a service does not become ready."""

    check: str
    """What compose.yaml asks for its health."""
    source: str | None
    """Its source, if that is the reason."""
    told: str
    """What the session says of its container."""
    logged: str
    """What the container says."""


UNREADY = {
    "unhealthy": Unready('[CMD, "false"]', None, "is unhealthy", '"message": "listening"'),
    "ended": Unready('[CMD, "true"]', "raise SystemExit('no map')\n", "exited (1)", "no map"),
}


@pytest.mark.parametrize("reason", UNREADY.values(), ids=UNREADY)
def test_a_service_that_never_becomes_ready_fails_and_says_why(
    project: Project, name: str, reason: Unready
) -> None:
    impatient = f"test: {reason.check}, interval: 5s, start_period: 1s, retries: 1"  # it has begun
    changed = f"    healthcheck: {{{impatient}}}\n{APP}".replace(ALWAYS, NEVER)
    project.replace("compose.yaml", APP, changed)
    if reason.source:
        project.write("src/my_service/__main__.py", reason.source)

    done = project.nox("-s", "integration")

    assert done.status == 1
    assert f"{folder_of(project.path)}-integration-app-1 {reason.told}" in done.out, done.out
    assert "What the containers said is in reports/compose.log." in done.out
    log = (project.path / "reports/compose.log").read_text(encoding="utf-8")
    assert reason.logged in log
    assert left_of(name) == []


def test_ctrl_c_takes_everything_down(project: Project, name: str) -> None:
    out = killed(project, signal.SIGINT)

    assert "Session integration interrupted" in out
    assert left_of(name) == []


def test_what_a_killed_run_left_is_no_hindrance(project: Project, name: str) -> None:
    killed(project, signal.SIGKILL)
    assert f"{name}-{folder_of(project.path)}-integration-app-1" in left_of(name)
    project.write("src/my_service/new.py", '"""What changed since."""\n')

    done = project.nox("-s", "integration")

    assert done.status == 0, done.out
    assert left_of(name) == []
