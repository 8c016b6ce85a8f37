"""What somebody has already is never overwritten unless they say so."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Done, Project
from tests.render.conftest import files

Copy = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path) -> Project:
    """Somebody's folder with a README and a file of their own."""
    home = Project(tmp_path / "home")
    home.write("README.md", "mine\n")
    home.write("notes.txt", "mine too\n")
    return home


@pytest.fixture
def copy(template: Path, home: Project) -> Copy:
    """Return a function that copies the template into that folder, with nobody there to ask."""
    copier = Path(sys.executable).with_name("copier")

    def run(*options: str) -> Done:
        return home.run(copier, "copy", "--defaults", "--vcs-ref=HEAD", *options, template, ".")

    return run


def test_a_file_in_the_way_stops_the_copy_and_stays(home: Project, copy: Copy) -> None:
    done = copy()

    assert done.status == 1
    assert re.search(r"conflict\S*  README.md\n", done.out)
    assert done.out.endswith("Interactive session required: Consider using `--overwrite`\n")
    assert "Traceback" not in done.out
    assert (home.path / "README.md").read_text() == "mine\n"
    assert (home.path / "notes.txt").read_text() == "mine too\n"


def test_overwrite_replaces_what_the_template_has_and_nothing_else(
    home: Project, copy: Copy
) -> None:
    assert copy("--overwrite").status == 0
    assert (home.path / "README.md").read_text().startswith("# My Service\n")
    assert (home.path / "notes.txt").read_text() == "mine too\n"


def test_skip_keeps_what_is_there(home: Project, copy: Copy) -> None:
    assert copy("--skip=README.md").status == 0
    assert (home.path / "README.md").read_text() == "mine\n"
    assert "pyproject.toml" in files(home.path)


def test_a_folder_with_other_files_is_no_conflict(home: Project, copy: Copy) -> None:
    (home.path / "README.md").unlink()
    assert copy().status == 0
    assert (home.path / "notes.txt").read_text() == "mine too\n"


def test_a_second_copy_of_the_same_changes_nothing(home: Project, copy: Copy) -> None:
    assert copy("--overwrite").status == 0
    before = {name: path.read_bytes() for name, path in files(home.path).items()}

    again = copy()

    assert again.status == 0
    assert "conflict" not in again.out
    assert {name: path.read_bytes() for name, path in files(home.path).items()} == before


def test_a_bad_answer_leaves_a_folder_as_it_was(home: Project, copy: Copy) -> None:
    assert copy("--overwrite", "--data=project_name=").status == 1
    assert set(files(home.path)) == {"README.md", "notes.txt"}
    assert (home.path / "README.md").read_text() == "mine\n"


def test_a_file_where_the_project_should_be_is_refused(home: Project, template: Path) -> None:
    copier = Path(sys.executable).with_name("copier")
    done = home.run(copier, "copy", "--defaults", "--vcs-ref=HEAD", template, "notes.txt")
    assert done.status != 0
    assert (home.path / "notes.txt").read_text() == "mine too\n"
