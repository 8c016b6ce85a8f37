"""`inv new` makes a project that is ready to work in; `inv preview` tells what a change changes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers import choices, questions
from tests.project import Done, Project
from tests.render.conftest import files
from tests.render.test_files import recorded

INV = Path(sys.executable).with_name("inv")


@pytest.fixture
def slipway(template: Path, tmp_path: Path) -> Project:
    """A clone of the template, of one's own."""
    shutil.copytree(template, tmp_path / "my slipway")
    return Project(tmp_path / "my slipway")


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Return a folder with a space and a quote, to make projects in."""
    folder = tmp_path / "Ann's projects"
    folder.mkdir()
    return folder


def changes(project: Project) -> str:
    return project.must("git", "status", "--porcelain", "--ignored")


def test_new_makes_a_project_in_git_with_its_lock(slipway: Project, projects: Path) -> None:
    made = Project(projects / "note keeper")

    told = slipway.must(INV, "new", str(made.path), "--defaults", "--data=project_name=Notes: 1=1")

    assert made.must("git", "log", "--format=%s", "--all") == "feat: start from Slipway\n"
    assert made.must("git", "branch", "--show-current") == "main\n"
    assert changes(made) == ""
    assert made.must("uv", "lock", "--check")
    assert recorded(made.path)["project_name"] == "Notes: 1=1"
    assert told.splitlines() == [
        f"copier copy {slipway.path} {made.path}",
        "git init --quiet --initial-branch=main",
        "uv lock --quiet",
        "git add --all",
        "git commit --quiet --message='feat: start from Slipway'",
        "",
        told.splitlines()[-1],
    ]
    assert changes(slipway) == ""

    # The last line is a command that can be pasted.
    command = told.splitlines()[-1].removeprefix("Done. Next: ").removesuffix(" && uv run nox")
    there = subprocess.run(
        ["sh", "-c", f"{command} && pwd"], capture_output=True, text=True, check=False
    )
    assert there.stdout == f"{made.path}\n", there.stderr


def test_new_can_be_told_a_folder_beside_this_one(slipway: Project, projects: Path) -> None:
    slipway.must(INV, "new", f"../{projects.name}/a", "--defaults")
    assert "uv.lock" in files(projects / "a")


def refused(done: Done, sentence: str) -> bool:
    """Tell whether one sentence is all there is, apart from the steps."""
    said = [line for line in done.out.splitlines() if not line.startswith("copier copy ")]
    assert (done.status, said) == (2, [sentence])
    return True


def test_new_takes_a_new_or_empty_folder_only(slipway: Project, projects: Path) -> None:
    (projects / "empty").mkdir()
    (projects / "full").mkdir()
    (projects / "full" / "mine").write_text("mine\n")
    (projects / "file").write_text("mine\n")

    for name in ("full", "file"):
        done = slipway.run(INV, "new", str(projects / name), "--defaults")
        refused(done, f"{projects / name} exists and is not empty: choose another folder")
    assert set(files(projects)) == {"full/mine", "file"}

    slipway.must(INV, "new", str(projects / "empty"), "--defaults")
    assert "uv.lock" in files(projects / "empty")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            "project_name=",
            "Validation error for question 'project_name': is empty: name the service",
        ),
        (
            "license=GPL",
            f"Invalid choice for 'license': 'GPL' is not in {choices(questions()['license'])}",
        ),
        ("license", "--data license: write it as NAME=VALUE"),
        ("projectname=a", "--data projectname=a: no question is called projectname"),
    ],
)
def test_new_tells_a_bad_answer_in_one_sentence(
    slipway: Project, projects: Path, data: str, sentence: str
) -> None:
    done = slipway.run(INV, "new", str(projects / "a"), "--defaults", "--data", data)
    refused(done, sentence)
    assert not any(projects.iterdir())


def test_new_asks_who_somebody_is_before_it_makes_anything(
    slipway: Project, projects: Path
) -> None:
    nobody = {name: value for name, value in slipway.environment.items() if "GIT_" not in name}
    nobody |= {"HOME": str(projects), "GIT_CONFIG_GLOBAL": os.devnull, "EMAIL": ""}
    nobody |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly"}
    nobody |= {"GIT_CONFIG_VALUE_0": "true"}  # whatever the machine is called
    done = Project(slipway.path, nobody).run(INV, "new", str(projects / "a"), "--defaults")
    refused(done, "git does not know you: git config --global user.name NAME, and user.email")
    assert not any(projects.iterdir())


def test_new_that_fails_half_way_leaves_nothing(
    slipway: Project, projects: Path, tmp_path: Path
) -> None:
    done = slipway.run(
        *(INV, "new", str(projects / "a"), "--defaults"),
        UV_OFFLINE="1",
        UV_CACHE_DIR=str(tmp_path / "cache"),
    )

    assert done.status == 1
    assert "uv lock --quiet" in done.out
    assert "network was disabled" in done.out
    assert not any(projects.iterdir())


Preview = Callable[..., str]


@pytest.fixture
def preview(slipway: Project, tmp_path: Path) -> Preview:
    """Return a function that runs `inv preview` and makes sure that it leaves nothing behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(*options: str) -> str:
        before = (
            changes(slipway),
            {n: p.read_bytes() for n, p in files(slipway.path / ".git").items()},
        )
        told = slipway.must(INV, "preview", *options, TMPDIR=str(scratch))
        assert not any(scratch.iterdir())
        now = changes(slipway), {n: p.read_bytes() for n, p in files(slipway.path / ".git").items()}
        assert now[0] == before[0]
        assert now[1].keys() - before[1].keys() == set()
        return told

    return run


def test_preview_shows_nothing_when_nothing_changed(preview: Preview) -> None:
    assert preview() == ""


def test_preview_shows_what_a_change_changes(slipway: Project, preview: Preview) -> None:
    slipway.write("template/new.txt.jinja", "{{ project_name }}\n")
    slipway.replace("copier.yml", "default: My Service", "default: Your Service")
    (slipway.path / "template" / "exceptions.toml").unlink()
    slipway.write("docs/new.md", "nothing that is generated\n")

    told = preview("--data=license=MIT")

    changed = [line.split()[2:] for line in told.splitlines() if line.startswith("diff --git ")]
    assert ["a/before/exceptions.toml", "b/before/exceptions.toml"] in changed
    assert ["a/after/new.txt", "b/after/new.txt"] in changed
    assert "-# My Service\n+# Your Service\n" in told
    assert "+Your Service\n" in told
    assert "DirtyLocalWarning" not in told
    assert "copier-answers" not in told


def test_preview_takes_answers(slipway: Project, preview: Preview) -> None:
    slipway.write("template/LICENSE.jinja", "{{ license }}\n")
    told = preview("--data=license=Apache-2.0", "--data=project_name=Notes")
    assert "\n+Apache-2.0\n" in told


def test_preview_tells_a_bad_answer_in_one_sentence(slipway: Project) -> None:
    done = slipway.run(INV, "preview", "--data=project_name=")
    refused(done, "Validation error for question 'project_name': is empty: name the service")
