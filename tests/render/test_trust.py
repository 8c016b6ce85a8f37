"""The template asks for no trust: it renders text, the same everywhere, and runs nothing."""

import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from copier._cli import CopierApp

from tests.answers import COPIER_YML
from tests.conftest import Render
from tests.project import Project
from tests.render.conftest import files

# What Copier lets a template do beside rendering: run commands, load code, read other files.
POWERS = {
    "_external_data",
    "_extensions",
    "_jinja_extensions",
    "_migrations",
    "_tasks",
}


@pytest.fixture
def copy(template: Path, tmp_path: Path) -> Project:
    """A folder beside the template, to copy it into by the real command."""
    project = Project(tmp_path / "desk")
    project.path.mkdir()
    (project.path / "template").symlink_to(template)
    return project


def command(*arguments: str) -> list[str]:
    copier = Path(sys.executable).with_name("copier")
    return [sys.executable, "-W", "always", str(copier), "copy", "--vcs-ref=HEAD", *arguments]


def content(project: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files(project).items()}


def test_it_has_nothing_that_needs_trust() -> None:
    document = yaml.safe_load(COPIER_YML.read_text(encoding="utf-8"))
    assert POWERS & set(document) == set()


def test_it_renders_without_trust_and_without_a_warning(copy: Project) -> None:
    told = copy.must(*command("--defaults", "template", "project"))

    assert "arning" not in told
    assert "rust" not in told
    assert told.startswith("\nCopying from template version ")
    assert "Made My Service. In the folder project:" in told


@pytest.mark.parametrize(
    "desk",
    [
        {"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONHASHSEED": "2"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "COLUMNS": "20"},
    ],
    ids=["C", "C without UTF-8", "Turkish"],
)
def test_every_desk_gets_the_same(copy: Project, render: Render, desk: dict[str, str]) -> None:
    name = 'İstanbul "注文" 💡'
    copy.write("answers.yml", f"project_name: '{name}'\n")
    copy.must(*command("--defaults", "--data-file=answers.yml", "template", "project"), **desk)

    made, expected = content(copy.path / "project"), content(render(project_name=name))
    source = re.compile(rb"^_src_path: .*$", re.MULTILINE)
    for texts in (made, expected):
        texts[".copier-answers.yml"] = source.sub(b"", texts[".copier-answers.yml"])
    assert made == expected


def test_two_copies_are_equal_and_quiet_if_told_so(copy: Project) -> None:
    for project, umask in (("one", 0o022), ("two", 0o077)):
        before = os.umask(umask)
        try:
            assert copy.must(*command("--quiet", "--defaults", "template", project)) == ""
        finally:
            os.umask(before)
    assert content(copy.path / "one") == content(copy.path / "two")


@pytest.mark.parametrize(
    "folder", ["my service", "it's", 'a "b"', "日本", "$HOME", "-- {{ x }}", "a'; b"]
)
def test_any_folder_will_do(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], folder: str
) -> None:
    options = ["--defaults", "--vcs-ref=HEAD", str(template), str(tmp_path / folder)]
    _, status = CopierApp.run(["copier", "copy", *options], exit=False)
    assert status == 0
    assert f"Made My Service. In the folder {tmp_path / folder}:" in capfd.readouterr().err
    assert "pyproject.toml" in files(tmp_path / folder)
