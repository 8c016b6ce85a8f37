"""A project for each set of answers, and the template cut down to what answers change."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.answers import Answers, answer_sets
from tests.conftest import Render

SETS = answer_sets()


@pytest.fixture(scope="session", autouse=True)
def _trust_nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no setting of the person who runs the tests trust a template."""
    settings = tmp_path_factory.mktemp("settings") / "settings.yml"
    settings.write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        yield


@pytest.fixture(scope="session", params=list(SETS))
def answers(request: pytest.FixtureRequest) -> Answers:
    """One of the answer sets; session-wide, so that tests of the same set follow each other."""
    return SETS[request.param]


@pytest.fixture(scope="session")
def rendered(render: Render, answers: Answers) -> Path:
    """What one of the answer sets generates; not to be changed."""
    return render(**answers)


@pytest.fixture(scope="session")
def quick_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without git and without the files that no answer changes: quick to render."""
    folder = tmp_path_factory.mktemp("quick") / "template"

    def leave_out(directory: str, names: list[str]) -> list[str]:
        plain = Path(directory).is_relative_to(template / "template")
        files = [name for name in names if (Path(directory) / name).is_file()]
        return [".git", *(name for name in files if plain and not name.endswith(".jinja"))]

    shutil.copytree(template, folder, ignore=leave_out)
    return folder


@pytest.fixture
def quick_render(quick_template: Path, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function from answers to what they generate; the next call removes it again."""
    folder = tmp_path / "quick"

    def render_quickly(**given: str) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        run_copy(str(quick_template), folder, given, defaults=True, quiet=True)
        return folder

    yield render_quickly
    shutil.rmtree(folder, ignore_errors=True)


def files(project: Path) -> dict[str, Path]:
    """Return the files of a rendered project by their path in it."""
    found = (path for path in project.rglob("*") if path.is_file() or path.is_symlink())
    return {path.relative_to(project).as_posix(): path for path in sorted(found)}
