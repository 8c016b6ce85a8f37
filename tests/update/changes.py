"""What people do to a project: a table, in which a new kind of change is a new row.

A change is made of edits that fit whatever version of the template a project is of, so that the
very same ones can be made to a fresh project.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.project import Project

PACKAGE = "PACKAGE"  # in a path or text: the name of the project's package


class Edit(Protocol):
    """A step of a change."""

    def fits(self, project: Project, package: str) -> bool:
        """Tell whether the project has what is to be edited."""

    def make(self, project: Project, package: str) -> None:
        """Do it."""


@dataclass(frozen=True)
class Write:
    """A file of one's own."""

    path: str
    text: str

    def fits(self, project: Project, package: str) -> bool:
        return (project.path / named(self.path, package)).parents[1].exists()

    def make(self, project: Project, package: str) -> None:
        project.write(named(self.path, package), named(self.text, package))


@dataclass(frozen=True)
class Append:
    """Lines at the end of a file."""

    path: str
    text: str
    unless: str = "\0"
    """Words of a version in which the end of that file was no place for them."""

    def fits(self, project: Project, package: str) -> bool:
        path = project.path / named(self.path, package)
        return path.exists() and self.unless not in path.read_text(encoding="utf-8")

    def make(self, project: Project, package: str) -> None:
        path = named(self.path, package)
        before = (project.path / path).read_text(encoding="utf-8")
        project.write(path, before + named(self.text, package))


@dataclass(frozen=True)
class Replace:
    """Other words in the one place that has some."""

    path: str
    old: str
    new: str

    def fits(self, project: Project, package: str) -> bool:
        path = project.path / named(self.path, package)
        return path.exists() and self.old in path.read_text(encoding="utf-8")

    def make(self, project: Project, package: str) -> None:
        project.replace(named(self.path, package), self.old, self.new)


@dataclass(frozen=True)
class Delete:
    """A file or folder that nobody needs."""

    path: str

    def fits(self, project: Project, package: str) -> bool:
        return (project.path / named(self.path, package)).exists()

    def make(self, project: Project, package: str) -> None:
        path = project.path / named(self.path, package)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@dataclass(frozen=True)
class Type:
    """A command."""

    command: Sequence[str]

    def fits(self, project: Project, package: str) -> bool:  # noqa: ARG002
        return True

    def make(self, project: Project, package: str) -> None:  # noqa: ARG002
        project.must(*self.command)


def named(text: str, package: str) -> str:
    return text.replace(PACKAGE, package)


def make(project: Project, package: str, changes: Sequence[str]) -> None:
    """Make some of the changes of the table, and commit them."""
    for name in changes:
        for edit in CHANGES[name]:
            edit.make(project, package)
    project.commit()


def that_fit(project: Project, package: str) -> list[str]:
    """Return the changes for which a project has all that they edit."""
    return [
        name
        for name, edits in CHANGES.items()
        if all(edit.fits(project, package) for edit in edits)
    ]


ROUTE = '''

@router.get("/{note_id}/length")
async def measure_note(note_id: UUID, notes: Notes) -> int:
    """Tell how long a note is."""
    return len((await notes.get(note_id)).text)
'''
TEST = '''"""What is tested of this project alone."""

import PACKAGE


def test_the_package_has_a_title() -> None:
    assert PACKAGE.TITLE
'''
SETTING = """\
    greeting: Annotated[str, Field(min_length=1, description="what callers are greeted with")] = (
        "Hello"
    )
"""
SESSION = '''

@nox.session(tags=["ci"], python=PYTHONS[-1])
def spelling(session: nox.Session) -> None:
    """Prove that words are spelled as they should be."""
    sync(session, "--only-group=spelling")
    session.run("codespell", "README.md", *session.posargs)
'''
TASK = '''

@task
def greet(context: Context) -> None:
    """Say hello."""
    context.run("echo hello")
'''
SERVICE = """\

  mail: # takes what the service sends, and shows it
    image: axllent/mailpit:v1.27
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 64m
    pids_limit: 64
"""
ENVIRONMENT = """
[demonstration]
target = "compose"
strategy = "rolling"
replicas = 1

[demonstration.compose]
host = "ssh://deploy@demonstration.example.org"
publish = "127.0.0.1:8080"
"""
JOB = """
  greet:
    name: greet
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read # to check out
    steps:
      - name: Say hello
        run: echo hello
"""
README = """
## Where to ask

In the channel of the team.
"""
HOOK = """\
      - id: no-todo
        name: nothing is left to do
        language: pygrep
        entry: TO-DO
        files: ^src/
"""
DEPENDABOT = """
  - package-ecosystem: gitsubmodule
    directory: /
    schedule:
      interval: weekly
    cooldown:
      default-days: 7
"""

GROUP = 'spelling = ["codespell>=2.4,<3"]\n'
COOL_DOWN = 'exclude-newer = "7 days"\n'
CONSTRAINT = 'constraint-dependencies = ["mypy==2.4.1"]\n'

CHANGES: dict[str, Sequence[Edit]] = {
    "add a dependency": [Type(["uv", "add", "--quiet", "--frozen", "humanize>=4.12,<5"])],
    "add a route": [Append("src/PACKAGE/api/notes.py", ROUTE)],
    "add a test": [Write("tests/unit/test_own.py", TEST)],
    "add a module": [Write("src/PACKAGE/greeting.py", '"""Greets."""\n\nHELLO = "Hello"\n')],
    "add a setting": [Replace("src/PACKAGE/settings.py", "    ] = 20\n", f"    ] = 20\n{SETTING}")],
    "add a session": [
        Replace("pyproject.toml", "\n[build-system]", f"{GROUP}\n[build-system]"),
        Append("noxfile.py", SESSION),
    ],
    "add a task": [Append("tasks.py", TASK, unless="namespace = ")],
    "add a service": [Replace("compose.yaml", "\nconfigs:\n", f"{SERVICE}\nconfigs:\n")],
    "add an environment": [Append("deploy/environments.toml", ENVIRONMENT)],
    "add a job": [Append(".github/workflows/ci.yml", JOB)],
    "add a workflow": [Write(".github/workflows/own.yml", f"name: own\n\non: push\n\njobs:{JOB}")],
    "add a hook": [Append(".pre-commit-config.yaml", HOOK)],
    "ignore a file": [Append(".gitignore", "/scratch/\n")],
    "let Dependabot look at more": [Append(".github/dependabot.yml", DEPENDABOT)],
    "edit the README": [
        Replace("README.md", "\n## Five minutes\n", "\nIt greets, too.\n\n## Five minutes\n"),
        Append("README.md", README),
    ],
    "pin a tool": [Replace("pyproject.toml", '["commitizen>=4.19,<5"]', '["commitizen==4.19.1"]')],
    "pin what is below": [Replace("pyproject.toml", COOL_DOWN, f"{COOL_DOWN}{CONSTRAINT}")],
    "delete a file": [Delete("SECURITY.md")],
}
"""Name to edits. Those that a version of the template lacks the files for are left out there."""
