"""What every story of a release begins with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github import CodeHost
from tests.project import Project
from tests.releases.releaser import OWNER, Releaser


@pytest.fixture
def releaser(project: Project, tmp_path: Path) -> Iterator[Releaser]:
    """The default project, its first commit pushed, with nothing released yet."""
    yield from released_from(project, tmp_path)


def released_from(project: Project, tmp_path: Path) -> Iterator[Releaser]:
    """Give a project a remote and a code host."""
    remote = tmp_path / "remote.git"
    project.must("git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    project.must("git", "remote", "add", "origin", str(remote))
    with CodeHost(f"{OWNER}/my-service", remote=remote) as host:
        releaser = Releaser(project, remote, host)
        releaser.push()
        yield releaser
