"""What these stories begin with: two houses, and a runner."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.github import CodeHost
from tests.images.publisher import Publisher
from tests.parity.act import Act
from tests.parity.houses import House
from tests.parity.shipping import Shipping
from tests.project import Project
from tests.releases.releaser import OWNER, Releaser
from tests.trivy import write_database


@pytest.fixture(scope="session")
def generated(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return the project of somebody who pressed Enter all the way; not to be changed."""
    folder = tmp_path_factory.mktemp("generated") / "project"
    shutil.copytree(render(), folder)
    return settled("the generated project", folder)


@pytest.fixture(scope="session")
def deploying(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a project that deploys what it publishes; not to be changed."""
    folder = tmp_path_factory.mktemp("deploying") / "project"
    shutil.copytree(render(deploy="[kubernetes, compose]"), folder)
    return settled("a project that deploys", folder)


@pytest.fixture(scope="session")
def repository(template: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return this repository, cloned; not to be changed."""
    folder = tmp_path_factory.mktemp("repository") / "slipway"
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns(".git"))
    return settled("this repository", folder)


def settled(name: str, folder: Path) -> House:
    """Return a house in git, with a lock file."""
    project = Project(folder)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.must("uv", "lock", "--quiet")
    project.commit()
    return House(name, project)


@pytest.fixture(params=["generated", "deploying", "repository"])
def house(request: pytest.FixtureRequest) -> House:
    """Return one of the houses: what is proved of it is proved of all."""
    found: House = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def images(tmp_path: Path) -> dict[str, str]:
    """Return what the sessions that build images need here: a database for Trivy."""
    write_database(tmp_path / "trivy")
    return {
        "TRIVY_CACHE_DIR": str(tmp_path / "trivy"),
        "TRIVY_SKIP_DB_UPDATE": "true",
        "UV_SYSTEM_CERTS": "1",
    }


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Return a runner whose every trace is in a folder of this test."""
    return Act(tmp_path / "act")


@pytest.fixture
def shipping(
    publisher: Publisher, act: Act, images: dict[str, str], tmp_path: Path
) -> Iterator[Shipping]:
    """The default project, pushed, at a code host that may push its image to a registry."""
    remote = tmp_path / "remote.git"
    publisher.project.must("git", "init", "--quiet", "--bare", "--initial-branch=main", remote)
    publisher.project.must("git", "remote", "add", "origin", remote)
    publisher.gate.require("robot", "secret-of-the-robot")
    config = tmp_path / "docker"
    config.mkdir()
    with CodeHost(f"{OWNER}/my-service", remote=remote) as host:
        releaser = Releaser(publisher.project, remote, host)
        releaser.push()
        yield Shipping(publisher, releaser, act, images | {"DOCKER_CONFIG": str(config)})
