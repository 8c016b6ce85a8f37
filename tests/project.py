"""A generated project, and a person in front of it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


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

    def begin(self, generated: Path) -> None:
        """Be a copy of a generated folder: in git, locked, committed."""
        shutil.copytree(generated, self.path)
        self.must("git", "init", "--quiet", "--initial-branch=main")
        self.must("uv", "lock", "--quiet")
        self.commit("feat: start from Slipway")

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


@contextmanager
def put_back(project: Project) -> Iterator[None]:
    """Undo, at the end, what a story did to what git tracks; environments and reports stay."""
    first = project.must("git", "rev-parse", "HEAD").strip()
    yield
    project.must("git", "checkout", "--quiet", "--force", "main")
    project.must("git", "reset", "--quiet", "--hard", first)
    project.must("git", "clean", "--quiet", "--force", "-d")
    # Nothing that a story committed may be found in the history of the next.
    project.must("git", "reflog", "expire", "--expire=now", "--all")
    project.must("git", "gc", "--quiet", "--prune=now")


def without(program: str, path: str, folder: Path) -> str:
    """Return a PATH on which every program of `path` is found but one."""
    folder.mkdir()
    for entry in reversed(path.split(os.pathsep)):
        if Path(entry).is_dir():
            for file in Path(entry).iterdir():
                link = folder / file.name
                if file.name != program:
                    link.unlink(missing_ok=True)
                    link.symlink_to(file)
    return str(folder)


def stopped(project: Project, number: signal.Signals, session: str, *arguments: str) -> Done:
    """Run a session whose tests touch reports/started, and send it a signal then."""
    project.must("uv", "sync", "--quiet")
    started = project.path / "reports" / "started"
    started.unlink(missing_ok=True)
    run = subprocess.Popen(
        # pytest-xdist's workers ignore the signal, and what they start would inherit that.
        ["env", "--default-signal=INT", ".venv/bin/nox", "-s", session, *arguments],
        cwd=project.path,
        env=dict(project.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not started.exists() and run.poll() is None:
        time.sleep(0.05)
    if run.poll() is None:
        os.killpg(run.pid, number)  # all of it, as a terminal does
    out, _ = run.communicate(timeout=60)
    assert started.exists(), out
    if number != signal.SIGKILL:  # after which nobody is there to wait for what was killed
        with pytest.raises(ProcessLookupError):
            os.killpg(run.pid, 0)
    return Done(run.returncode, out)
