"""The two houses: what is generated, and the repository that generates it."""

import json
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.project import Project


@dataclass(frozen=True)
class House:
    """A repository with workflows and a noxfile."""

    name: str
    project: Project

    def text(self, path: str) -> str:
        """Return the content of a file."""
        return (self.project.path / path).read_text(encoding="utf-8")

    def automation(self) -> Iterator[str]:
        """Yield the path of each workflow and each action of its own."""
        for pattern in (".github/workflows/*", ".github/actions/**/action.y*ml"):
            for path in sorted(self.project.path.glob(pattern)):
                yield path.relative_to(self.project.path).as_posix()

    @cached_property
    def workflows(self) -> dict[str, str]:
        """What its workflows hold, by the name that a job calls them by."""
        paths = (path for path in self.automation() if "/workflows/" in path)
        return {f"./{path}": self.text(path) for path in paths}

    @cached_property
    def listed(self) -> list[dict[str, Any]]:
        """What nox itself says that its sessions are, not only those it runs by default."""
        listed: list[dict[str, Any]] = json.loads(
            self.project.must(
                "uv", "run", "--quiet", "nox", "-k", "not nothing", "--list", "--json"
            )
        )
        return listed

    @property
    def sessions(self) -> frozenset[str]:
        """Every name that `nox -s` knows, like `test` and `test-3.13`."""
        return frozenset(entry[key] for entry in self.listed for key in ("session", "name"))

    @property
    def pipeline(self) -> list[str]:
        """The sessions tagged `ci`, in nox's order."""
        return [entry["session"] for entry in self.listed if "ci" in entry["tags"]]


def tool(name: str) -> Path:
    """Return a tool of the environment that runs the tests."""
    return Path(sysconfig.get_path("scripts"), name)
