"""Releases of one generated service, good and bad, in the registry: built once, the rest derived.

def test_a_release_that_crashes_is_undone(service_images: ServiceImages) -> None:
    deploy(service_images.good)
    assert deploy(service_images.crashes).failed
    assert served() == "1.0.0"
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Render
from tests.images.containers import docker, images_of
from tests.project import Project, user_environment
from tests.registry import digest

FAULTY = Path(__file__).with_name("faulty.py")
PACKAGE = "my_service"
SITE = "/app/.venv/lib/python3.13/site-packages"


@dataclass(frozen=True)
class ServiceImages:
    """Images by digest, of the service of a project."""

    project: Project
    """Committed and tagged as v1.0.0; deploys to both targets. Not to be changed: copy its path."""
    name: str
    """Of the project, its image and what it starts; nobody else's."""
    repository: str
    """Where the images are: host:port/name."""

    @property
    def good(self) -> str:
        """Version 1.0.0."""
        return self._of("1.0.0")

    @property
    def newer(self) -> str:
        """Version 2.0.0, as good."""
        return self._of("2.0.0")

    @property
    def crashes(self) -> str:
        """Ends at its start, with words on its standard error; as all the bad, of version 2.0.0."""
        return self._of("crashes")

    @property
    def unready(self) -> str:
        """Starts, and never becomes ready."""
        return self._of("unready")

    @property
    def errors(self) -> str:
        """Becomes ready, and answers every request with 500."""
        return self._of("errors")

    @property
    def leaks(self) -> str:
        """Becomes ready, and answers every 50th request with 500, the 26th of a process first."""
        return self._of("leaks")

    @property
    def dies(self) -> str:
        """Becomes ready, and ends 6 seconds later; again, when it is started again."""
        return self._of("dies")

    @property
    def missing(self) -> str:
        """Is not there."""
        return f"{self.repository}@sha256:{'0' * 64}"

    def build(self) -> None:
        """Make the project version 1.0.0, and push that and a 2.0.0 of the same parts."""
        project = self.project
        project.replace("pyproject.toml", 'version = "0.0.0"', 'version = "1.0.0"')
        text = (project.path / "pyproject.toml").read_text(encoding="utf-8")
        [name] = [line for line in text.splitlines() if line.startswith('name = "ghcr.io/')]
        project.replace("pyproject.toml", name, f'name = "{self.repository}"')
        project.must("uv", "lock", "--quiet")
        project.commit("chore: release 1.0.0")
        project.must("git", "tag", "v1.0.0")
        first = f"{self.repository}:1.0.0"
        project.must(sys.executable, "-m", "pipeline.image", first)
        docker("push", "--quiet", first)
        self.make(
            "2.0.0",
            "USER 0",
            f"RUN sed -i 's/^Version: .*/Version: 2.0.0/' {SITE}/*-1.0.0.dist-info/METADATA",
            "USER 10001:10001",
            "LABEL org.opencontainers.image.version=2.0.0",
            base="1.0.0",
        )

    def make(self, tag: str, *lines: str, base: str = "2.0.0") -> str:
        """Push an image of a base and these lines of a Dockerfile; return its name by digest."""
        text = "\n".join([f"FROM {self.repository}:{base}", *lines, ""])
        named = f"--tag={self.repository}:{tag}"
        subprocess.run(
            # A file given by `-` could not be beside the context that it copies from.
            [
                "docker",
                "buildx",
                "build",
                "--quiet",
                "--provenance=false",
                "--load",
                named,
                "--file=-",
                ".",
            ],
            cwd=FAULTY.parent,
            input=text,
            text=True,
            check=True,
            capture_output=True,
        )
        docker("push", "--quiet", f"{self.repository}:{tag}")
        return self._of(tag)

    def _of(self, tag: str) -> str:
        found = digest(self.repository, tag)
        assert found, f"{self.repository}:{tag} is not in the registry"
        return f"{self.repository}@{found}"


@pytest.fixture(scope="session")
def service_images(
    registry: str, render: Render, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceImages]:
    """Return the releases of a service."""
    name = f"slipway-{uuid4().hex[:12]}"
    project = Project(
        tmp_path_factory.mktemp("service") / "project",
        user_environment() | {"UV_SYSTEM_CERTS": "1"},
    )
    project.begin(render(project_slug=name, package_name=PACKAGE, deploy="[kubernetes, compose]"))
    images = ServiceImages(project, name, f"{registry}/slipway-test/{name}")
    images.build()
    for fault in ("crashes", "unready", "errors", "leaks", "dies"):
        images.make(
            fault,
            "COPY faulty.py /app/",
            f"ENV FAULT={fault} FAULT_MODULE={PACKAGE}",
            'CMD ["python", "/app/faulty.py"]',
        )
    yield images
    for wait in (5, 10, 20, 40, None):  # an engine keeps what a container still runs of
        try:
            if found := images_of(name):
                docker("image", "rm", "--force", *found)
            break
        except AssertionError:
            if wait is None:
                raise
            time.sleep(wait)
