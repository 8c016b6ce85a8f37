"""What every story here begins with: a template, and projects made from it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.osv import Advisories
from tests.project import Project

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree as somebody would have cloned it: committed, and nothing that is ignored."""
    clone = Project(tmp_path_factory.mktemp("template"))
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (clone.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone.path / name)
    clone.must("git", "init", "--quiet", "--initial-branch=main")
    clone.commit("feat: template")
    return clone.path


Render = Callable[..., Path]


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function from answers to the folder they generate, made once; not to be changed."""
    rendered: dict[tuple[tuple[str, str], ...], Path] = {}

    def render_once(**answers: str) -> Path:
        key = tuple(sorted(answers.items()))
        if key not in rendered:
            folder = tmp_path_factory.mktemp("rendered") / "project"
            run_copy(str(template), folder, answers, defaults=True, quiet=True, vcs_ref="HEAD")
            rendered[key] = folder
        return rendered[key]

    return render_once


MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(render: Render, tmp_path: Path) -> MakeProject:
    """Return a function from answers to a project of one's own: in git, locked, committed."""

    def make(folder: str = "project", **answers: str) -> Project:
        project = Project(tmp_path / folder)
        shutil.copytree(render(**answers), project.path)
        project.must("git", "init", "--quiet", "--initial-branch=main")
        project.must("uv", "lock", "--quiet")
        project.commit("feat: start from Slipway")
        return project

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """The project of somebody who pressed Enter all the way."""
    return make_project()


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    """Return a source of advisories that knows what tests add to it."""
    with Advisories() as source:
        yield source
