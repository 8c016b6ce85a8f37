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
    remote = tmp_path / "remote.git"
    project.must("git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    project.must("git", "remote", "add", "origin", str(remote))
    with CodeHost(f"{OWNER}/my-service", remote=remote) as host:
        releaser = Releaser(project, remote, host)
        releaser.push()
        yield releaser
