"""The gates before the services that are generated, with what their environments.toml asks for."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from ops import gate
from ops.gate import Result, Watcher
from ops.health import examine
from ops.load import loadtest
from ops.model import Environment, Instance, read_environments

from tests.conftest import Render
from tests.project import Project

TOKEN = "a-token-of-these-tests"


@contextmanager
def served(project: Project) -> Iterator[str]:
    """Start the service of a project; yield where it is."""
    log = project.path / "service.log"  # a pipe that nobody reads would stop it
    with log.open("w") as file:
        process = subprocess.Popen(
            ["uv", "run", "--quiet", "my-service"],
            cwd=project.path,
            # As instances are, it is reached at an address that it does not take for its name.
            env={
                **project.environment,
                "APP_ALLOWED_HOSTS": "localhost",
                "APP_PORT": "0",
                "APP_TOKENS": TOKEN,
            },
            stdout=file,
            start_new_session=True,
        )
    try:
        while not (found := re.search(r'"port": (\d+)', log.read_text())):
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module", params=["api", "mcp"])
def place(
    request: pytest.FixtureRequest, render: Render, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Environment, str]]:
    """Staging, with less to watch, and where a service of that kind is."""
    project = Project(tmp_path_factory.mktemp(request.param) / "project")
    shutil.copytree(render(kind=request.param, deploy="[compose]"), project.path)
    project.must("uv", "sync", "--quiet")
    staging = read_environments(project.path / "deploy/environments.toml")["staging"]
    watch = staging.watch.model_copy(update={"seconds": 4.0, "requests": 40})
    with served(project) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMOKE_TOKEN", TOKEN)
        yield staging.model_copy(update={"watch": watch, "replicas": 1}), url


def test_one_that_does_not_know_the_name_of_its_users_url_is_not_let_through(
    place: tuple[Environment, str],
) -> None:
    environment, url = place
    named = environment.model_copy(update={"url": "https://notes.example.org"})
    tried = gate.smoke(named, url, "0.0.0")
    if "mcp" in str(environment.smoke):
        assert tried == gate.Verdict(Result.FAIL, "POST /mcp: status 421")
    else:
        assert tried.result is Result.PASS, "it answers to every name"


def test_a_release_as_generated_passes(place: tuple[Environment, str]) -> None:
    environment, url = place
    gate.check(environment)
    tried = gate.smoke(environment, url, "0.0.0")
    assert tried.result is Result.PASS, tried
    with closing(Watcher(environment, 1, url)) as watcher:
        while (verdict := watcher.step()) is None:
            time.sleep(0.1)
    assert verdict.result is Result.PASS, verdict
    request = environment.smoke[-1]
    assert not loadtest(url, 50, 5, request=request).errors
    instance = Instance("a", release=1, ready=True, restarts=0, live=True)
    report = examine(environment, url, [instance], None)
    assert report.healthy, str(report)


def test_a_wrong_token_does_not_pass(
    place: tuple[Environment, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, url = place
    monkeypatch.setenv("SMOKE_TOKEN", "wrong")
    verdict = gate.smoke(environment, url, "0.0.0")
    asks = any(request.token for request in environment.smoke)
    assert verdict.result is (Result.FAIL if asks else Result.PASS)
    assert not asks or "POST /mcp: status 401" in verdict.reason
    assert "wrong" not in verdict.reason
