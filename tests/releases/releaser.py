"""A person who releases: a project, the remote it is pushed to, and the code host beside it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.github import CodeHost
from tests.project import Done, Project

OWNER = "your-organization"  # the default answer


@dataclass(frozen=True)
class Releaser:
    """A clone of a project, its bare remote, and the API of the code host."""

    project: Project
    remote: Path
    host: CodeHost

    @property
    def online(self) -> dict[str, str]:
        """What tells the session where the code host is, and who may write there."""
        return {"GITHUB_API_URL": self.host.url, "GITHUB_TOKEN": self.host.token}

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """Return what the session runs, in the environment of these tests."""
        return [sys.executable, "-m", "pipeline.release", *arguments]

    def dry_run(self, *arguments: str, **variables: str) -> Done:
        """Ask for the next release."""
        return self.project.run(*self.command(*arguments), **variables)

    def publish(self, *arguments: str, **variables: str) -> Done:
        """Make the next release."""
        return self.dry_run("--publish", *arguments, **{**self.online, **variables})

    def must_publish(self, *arguments: str, **variables: str) -> str:
        """Make the next release, which has to succeed; return what it printed."""
        done = self.publish(*arguments, **variables)
        assert done.status == 0, done.out
        return done.out

    def commit(self, message: str, *, push: bool = True) -> str:
        """Commit nothing but a message, push it, and return the commit."""
        self.project.must("git", "commit", "--quiet", "--allow-empty", f"--message={message}")
        if push:
            self.push()
        return self.git("rev-parse", "HEAD")

    def push(self) -> None:
        """Push the current branch."""
        self.project.must("git", "push", "--quiet", "--set-upstream", "origin", "HEAD")

    def git(self, *arguments: str) -> str:
        """Return what git says in the clone."""
        return self.project.must("git", *arguments).strip()

    def there(self, *arguments: str) -> str:
        """Return what git says in the remote."""
        return subprocess.run(
            ["git", "--git-dir", self.remote, *arguments],
            env={**os.environ, **self.project.environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def tags(self) -> list[str]:
        """Return the tags of the remote, sorted as text."""
        return self.there("tag", "--list").split()

    def clone(self, folder: Path) -> "Releaser":
        """Return somebody else, with a clone of the remote."""
        self.project.must("git", "clone", "--quiet", str(self.remote), str(folder))
        return Releaser(Project(folder, self.project.environment), self.remote, self.host)

    def published(self, version: str) -> None:
        """Leave what `nox -s publish` leaves of an image."""
        image = {
            "name": f"ghcr.io/{OWNER}/my-service",
            "digest": f"sha256:{'0' * 64}",
            "tags": [version, "latest"],
            "platforms": {"linux/amd64": {"digest": f"sha256:{'1' * 64}", "bytes": 1}},
        }
        self.project.write("reports/image.json", json.dumps(image))
        for kind in ("spdx", "cdx"):
            self.project.write(f"reports/sbom-linux-amd64.{kind}.json", "{}")

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Begin to make a release, in a process group of its own."""
        return subprocess.Popen(
            self.command("--publish", *arguments),
            cwd=self.project.path,
            env={**self.project.environment, **self.online, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
