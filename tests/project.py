"""A generated project, and a person in front of it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def user_environment() -> dict[str, str]:
    """Return what a person's shell would have: nothing of the session that runs these tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV", "GIT_", "GITHUB_", "NOX", "PYTEST", "PYTHON", "VIRTUAL_ENV"))
        and name not in {"CI", "UV_LOCKED", "UV_PROJECT_ENVIRONMENT", "UV_NO_SYNC", "OSV_URL"}
    }
    path = [
        folder
        for folder in kept["PATH"].split(os.pathsep)
        if not {".nox", ".venv"} & set(Path(folder).parts)
    ]
    return kept | {
        "PATH": os.pathsep.join(path),
        "NO_COLOR": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Somebody",
        "GIT_AUTHOR_EMAIL": "somebody@example.org",
        "GIT_COMMITTER_NAME": "Somebody",
        "GIT_COMMITTER_EMAIL": "somebody@example.org",
    }


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    status: int
    out: str
    """What it printed, standard output and standard error as they came."""


@dataclass(frozen=True)
class Project:
    """A generated project, and a person in front of it."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=user_environment)

    def run(self, *command: str | Path, **variables: str) -> Done:
        """Run a command in the project, with these environment variables added."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def must(self, *command: str | Path, **variables: str) -> str:
        """Run a command that has to succeed; return what it printed."""
        done = self.run(*command, **variables)
        assert done.status == 0, f"{' '.join(map(str, command))}\n{done.out}"
        return done.out

    def nox(self, *arguments: str, **variables: str) -> Done:
        """Run nox as people and workflows do."""
        return self.run("uv", "run", "nox", *arguments, **variables)

    def write(self, path: str, text: str) -> None:
        """Write a file, its folders included."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace the one place in a file that holds `old`."""
        text = (self.path / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def commit(self, message: str = "feat: change") -> None:
        """Commit everything."""
        self.must("git", "add", "--all")
        self.must("git", "commit", "--quiet", "--no-verify", "--message", message)
