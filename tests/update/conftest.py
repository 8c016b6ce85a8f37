"""What these stories begin with: a template with a history, and projects of each version of it."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from copier import run_copy, run_update

from tests.answers import Answers
from tests.conftest import ROOT
from tests.project import Project
from tests.update.history import NEWEST, with_history


@pytest.fixture(scope="session")
def slipway(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The template's repository: its real history, and the working tree as the newest release."""
    return with_history(ROOT, template, tmp_path_factory.mktemp("slipway") / "slipway")


@dataclass(frozen=True)
class Desk:
    """Somebody with the template at hand."""

    slipway: Project
    fresh: Callable[[Answers], Path]
    """What the newest version makes of answers; made once, not to be changed."""

    def copy(self, version: str, folder: Path, answers: Answers) -> Project:
        """Return a project of a version: in git, committed."""
        project = Project(folder)
        run_copy(
            str(self.slipway.path),
            folder,
            dict(answers),
            defaults=True,
            quiet=True,
            vcs_ref=version,
        )
        project.must("git", "init", "--quiet", "--initial-branch=main")
        project.commit("feat: start from Slipway")
        return project

    def update(self, project: Project, **data: str) -> None:
        """Do what `copier update --defaults` does, in the project's folder."""
        with contextlib.chdir(project.path):
            run_update(".", dict(data), defaults=True, overwrite=True, quiet=True)


def answered(project: Project) -> Answers:
    """Return the answers that a project records."""
    text = (project.path / ".copier-answers.yml").read_text(encoding="utf-8")
    return {name: it for name, it in yaml.safe_load(text).items() if not name.startswith("_")}


def tree(project: Project) -> dict[str, bytes]:
    """Return the files of a project that git does not ignore, but for the lock."""
    listed = project.must("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = (project.path / name for name in sorted(set(filter(None, listed.split("\0")))))
    files = {path.relative_to(project.path).as_posix(): path for path in paths if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "uv.lock"}


@pytest.fixture(scope="session")
def desk(slipway: Project, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Somebody with the template at hand."""
    made: dict[str, Path] = {}

    def fresh(answers: Answers) -> Path:
        key = repr(sorted(answers.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("fresh") / "project"
            source = str(slipway.path)
            run_copy(source, folder, dict(answers), defaults=True, quiet=True, vcs_ref=NEWEST)
            made[key] = folder
        return made[key]

    return Desk(slipway, fresh)


def fresh_project(desk: Desk, answers: Answers, folder: Path) -> Project:
    """Return a fresh project of the newest version: in git, committed."""
    shutil.copytree(desk.fresh(answers), folder)
    project = Project(folder)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.commit("feat: start from Slipway")
    return project


FUTURE = "v1000.1.0"
# What the template may add one day: beside, and never after, what people add at the end of a list.
ADDITIONS = {
    "template/noxfile.py": (
        "@nox.session\ndef summary",
        '@nox.session\ndef future(session: nox.Session) -> None:\n    """Prove nothing."""\n\n\n',
    ),
    "template/tasks.py": (
        '@task(\n    positional=["image"]',
        '@task\ndef future(_: Context) -> None:\n    """Do nothing."""\n\n\n',
    ),
    "template/compose.yaml.jinja": ("  proxy: #", "  future:\n    image: future:1\n\n"),
    "template/.gitignore": ("/reports/", "/future/\n"),
    "template/.pre-commit-config.yaml": (
        "      - id: commit-message",
        "      - id: future\n        name: of it\n        language: pygrep\n        entry: F{9}\n",
    ),
    "template/.github/workflows/ci.yml": (
        "  ci:\n    name: ci #",
        "  future:\n    name: future\n    runs-on: ubuntu-24.04\n\n",
    ),
    "template/pyproject.toml.jinja": ('  "noxfile.py",', '  "future.py",\n'),
    "template/README.md.jinja": ("## Settings", "## Future\n\nIt will be.\n\n"),
    "CHANGELOG.md": (
        "## Unreleased",
        "## 1000.1.0 (3000-01-01)\n\n### Generated projects\n\n- Wait for the future.\n\n",
    ),
}


def release(slipway: Project, tag: str, change: Callable[[Project], None], folder: Path) -> Project:
    """Return another clone of the template, with one more release."""
    slipway.must("git", "clone", "--quiet", "--shared", ".", folder)
    clone = Project(folder)
    change(clone)
    clone.commit(f"feat: {tag}")
    clone.must("git", "tag", tag)
    return clone


def add(clone: Project) -> None:
    """Make all of the additions."""
    for path, (before, text) in ADDITIONS.items():
        clone.replace(path, before, text + before)
    clone.write("template/future.py", '"""Of the future."""\n')


@pytest.fixture(scope="session")
def future(slipway: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The template with a release after the newest."""
    return release(slipway, FUTURE, add, tmp_path_factory.mktemp("future") / "slipway")


def moved(project: Project, template: Project) -> None:
    """Let a project take its updates from another clone of the template."""
    path = project.path / ".copier-answers.yml"
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [f"_src_path: {template.path}" if it.startswith("_src_path: ") else it for it in lines]
    project.write(path.name, "\n".join([*told, ""]))
    project.commit("build: move the template")


@pytest.fixture(scope="session")
def prepared(desk: Desk, future: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A default project of the newest version, locked and committed; there is a newer one."""
    project = fresh_project(desk, {}, tmp_path_factory.mktemp("prepared") / "project")
    project.must("uv", "lock", "--quiet")
    moved(project, future)
    return project


@pytest.fixture
def project(prepared: Project, tmp_path: Path) -> Project:
    """A copy of it of one's own, in a folder with a space."""
    shutil.copytree(prepared.path, tmp_path / "my project")
    return Project(tmp_path / "my project")


@pytest.fixture
def awkward(slipway: Project, tmp_path: Path) -> Project:
    """A release that changes what people change, removes a file, and changes another one."""

    def change(clone: Project) -> None:
        add(clone)
        clone.replace("template/README.md.jinja", "## Five minutes", "## Four minutes")
        (clone.path / "template/SECURITY.md").unlink()
        clone.write("template/trivy.yaml", "# new\n")

    return release(slipway, FUTURE, change, tmp_path / "awkward")
