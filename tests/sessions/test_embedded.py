"""The servers of the tests end with whoever started them, however that ends."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import Render
from tests.project import Project

STARTS = "from pipeline import {0}\nwith {0}.server() as at: print(at, flush=True); input()"


@pytest.fixture(scope="module")
def service(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A service with a database and a cache, and its environment."""
    project = Project(tmp_path_factory.mktemp("servers") / "project")
    project.begin(render(preset="api-postgres-redis"))
    project.must("uv", "sync", "--quiet")
    return project


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where temporary folders are made; others may look into it, as PostgreSQL does for root."""
    with TemporaryDirectory(prefix="slipway-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def start(service: Project, scratch: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Return a function that starts a process with a server of that name."""
    with_scratch = {n: v for n, v in service.environment.items() if not n.startswith("TEST_")}
    with_scratch["TMPDIR"] = str(scratch)
    begun: list[subprocess.Popen[str]] = []

    def start(server: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [".venv/bin/python", "-c", STARTS.format(server)],
            cwd=service.path,
            env=with_scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def soon(question: Callable[[], object]) -> None:
    """Wait until the answer is yes."""
    end = time.monotonic() + 30
    while not question():
        assert time.monotonic() < end
        time.sleep(0.001)


def is_over(scratch: Path) -> bool:
    """Tell whether neither a folder nor a process is left."""
    found = subprocess.run(["pgrep", "-f", scratch], capture_output=True, check=False)
    return not any(scratch.iterdir()) and not found.stdout


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_a_server_ends_when_it_is_needed_no_more(
    server: str, start: Callable[[str], subprocess.Popen[str]], scratch: Path
) -> None:
    process = start(server)
    assert process.stdout
    assert str(scratch) in process.stdout.readline().replace("%2F", "/")
    process.communicate("\n")
    assert process.returncode == 0
    assert is_over(scratch)


@pytest.mark.parametrize(
    ("server", "sign"),
    [
        ("postgres", "*/data"),  # it is being made
        ("postgres", "*/.s.PGSQL.5432"),
        ("redis", "*/socket"),
    ],
)
def test_a_server_ends_when_who_started_it_is_killed(
    server: str, sign: str, start: Callable[[str], subprocess.Popen[str]], scratch: Path
) -> None:
    process = start(server)
    soon(lambda: any(scratch.glob(sign)))
    process.kill()
    soon(lambda: is_over(scratch))
