"""`inv template-update` updates, locks, proves and tells; and does all of that or nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.project import Project
from tests.update.changes import make, that_fit
from tests.update.conftest import (
    ADDITIONS,
    FUTURE,
    Desk,
    fresh_project,
    moved,
    tree,
)

COMMAND = (sys.executable, "-B", "-m", "pipeline.template")


def state(project: Project) -> tuple[str, ...]:
    """Return all that an update could have touched: files, index, branch, refs."""
    files = sorted(it for it in project.path.rglob("*") if it.is_file() and ".git" not in it.parts)
    return (
        project.must("git", "status", "--porcelain=v2", "--branch", "--ignored"),
        project.must("git", "for-each-ref"),
        project.must("git", "stash", "list"),
        *(f"{it} {it.stat().st_mtime_ns}" for it in files if "__pycache__" not in it.parts),
    )


def refused(project: Project, sentence: str, *arguments: str, **variables: str) -> None:
    """Ask for something that is refused in one sentence, and leaves everything as it was."""
    before = state(project)
    done = project.run(*COMMAND, *arguments, **variables)
    assert (done.status, done.out.strip()) == (2, f"template-update: {sentence}")
    assert state(project) == before


def test_it_updates_locks_proves_and_tells(project: Project) -> None:
    changes = that_fit(project, "my_service")
    make(project, "my_service", [name for name in changes if name != "add an environment"])
    project.must("uv", "lock", "--quiet")
    project.commit("build: lock")
    project.must("uv", "sync", "--quiet")
    before = tree(project)

    done = project.run("uv", "run", "inv", "template-update")

    assert done.status == 0, done.out
    assert "1000.0.0 → 1000.1.0" in done.out
    assert "| noxfile.py | updated |" in done.out
    assert "session was" in done.out or "was successful" in done.out
    assert "- Wait for the future." in done.out
    assert project.must("uv", "lock", "--check")
    after = tree(project)
    for path, (_, text) in ADDITIONS.items():
        name = path.removeprefix("template/").removesuffix(".jinja")
        if path.startswith("template/"):
            assert after[name] != before[name]
            assert text.encode() in after[name]
    gone = {line for name, it in before.items() for line in it.splitlines()} - {
        line for it in after.values() for line in it.splitlines()
    }
    assert {line for line in gone if not line.startswith(b"_commit: ")} == set()
    assert f"_commit: {FUTURE}\n".encode() in after[".copier-answers.yml"]
    assert project.must("git", "diff", "--staged") == ""


def test_both_ways_end_in_the_same_tree(desk: Desk, project: Project, tmp_path: Path) -> None:
    make(project, "my_service", that_fit(project, "my_service"))
    other = Project(tmp_path / "other")
    project.must("git", "clone", "--quiet", project.path, other.path)

    desk.update(other)
    done = project.run(*COMMAND, "--proposal", str(tmp_path / "proposal"))

    assert done.status == 0, done.out
    project.must("git", "pull", "--quiet", str(tmp_path / "proposal" / "update.bundle"),
                 "refs/template/template-update")  # fmt: skip
    assert tree(project) == tree(other)


def test_check_tells_whether_there_is_a_newer_version(slipway: Project, project: Project) -> None:
    before = state(project)
    done = project.run(*COMMAND, "--check")
    assert (done.status, done.out) == (1, "There is 1000.1.0, and the project is of 1000.0.0.\n")
    assert state(project) == before

    moved(project, slipway)
    done = project.run(*COMMAND, "--check")
    assert (done.status, done.out) == (0, "Nothing new: the project is of 1000.0.0.\n")
    assert project.run(*COMMAND).out == done.out


def test_what_cannot_be_updated_is_refused(project: Project) -> None:
    answers = ".copier-answers.yml"
    text = (project.path / answers).read_text(encoding="utf-8")

    project.write("README.md", "changed\n")
    refused(
        project,
        "there are changes that no commit holds: commit them, or git stash --include-untracked",
    )
    project.must("git", "checkout", "--quiet", "README.md")
    project.write("new.txt", "new\n")
    refused(
        project,
        "there are changes that no commit holds: commit them, or git stash --include-untracked",
    )
    (project.path / "new.txt").unlink()

    refused(project, "--data license: write it as NAME=VALUE", "--data", "license")
    refused(project, "--data licence=MIT: no question is called licence", "--data", "licence=MIT")
    refused(
        project,
        "Invalid choice for 'license': 'GPL' is not in"
        " ['MIT', 'Apache-2.0', 'BSD-3-Clause', 'Proprietary']",
        "--data=license=GPL",
    )
    refused(
        project,
        "the template has no version 9.9.9: it has 1000.1.0, 1000.0.0, 0.1.0, 0.0.1",
        "--to=9.9.9",
    )
    refused(
        project,
        "0.1.0 is older than v1000.0.0, of which the project is: no way back",
        "--to=0.1.0",
    )

    project.write(answers, "\n".join(it for it in text.splitlines() if "_commit" not in it) + "\n")
    project.commit()
    refused(
        project,
        f"{answers} has no _commit, so nobody knows what the project was made from: take the file"
        " back from git's history",
    )
    (project.path / answers).unlink()
    project.commit()
    refused(project, f"{answers} is not here: run it in the folder of a project, as it was made")


def test_outside_git_there_is_no_way_back(desk: Desk, tmp_path: Path) -> None:
    project = fresh_project(desk, {}, tmp_path / "project")
    (project.path / ".git").rename(tmp_path / "elsewhere")
    done = project.run(*COMMAND, GIT_CEILING_DIRECTORIES=str(tmp_path))
    sentence = "template-update: there is no commit to go back to: git init, and commit\n"
    assert (done.status, done.out) == (2, sentence)


def test_a_template_that_is_away_is_a_failure(project: Project, future: Project) -> None:
    away = future.path.with_name("away")
    future.path.rename(away)
    try:
        before = state(project)
        for arguments in ([], ["--check"], ["--proposal", "reports/template"]):
            done = project.run(*COMMAND, *arguments)
            assert done.status == 2
            assert done.out.startswith(
                f"template-update: the template cannot be reached at {future.path}: git says: "
            )
            assert done.out.count("\n") == 1
        assert state(project) == before
    finally:
        away.rename(future.path)


def test_without_a_lock_nothing_is_touched(project: Project, tmp_path: Path) -> None:
    project.must("uv", "add", "--quiet", "--frozen", "no-such-package-of-anybody==1")
    project.commit()
    before = state(project)
    done = project.run(*COMMAND, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "cache"))
    assert done.status == 2
    assert done.out.startswith("template-update: uv says: "), done.out
    assert done.out.count("\n") == 1, done.out
    assert state(project) == before


def conflict(project: Project) -> None:
    """Change a line that the template changes, a file that it removes; delete one it changes."""
    project.replace("README.md", "## Five minutes", "## Ten minutes")
    project.write("SECURITY.md", "# Ours\n")
    (project.path / "trivy.yaml").unlink()
    project.commit()


def test_conflicts_are_shown_where_they_are_and_nothing_else_is_lost(
    project: Project, awkward: Project
) -> None:
    moved(project, awkward)
    conflict(project)

    done = project.run(*COMMAND)

    assert done.status == 1
    assert "| README.md | conflict |\n| SECURITY.md | conflict |\n" in done.out
    assert "To do: mend the conflicts, then: uv run nox." in done.out
    readme = (project.path / "README.md").read_text(encoding="utf-8")
    assert "<<<<<<< yours\n## Ten minutes\n=======\n## Four minutes\n>>>>>>> the-template" in readme
    assert (project.path / "SECURITY.md").read_text(encoding="utf-8") == "# Ours\n"
    assert not (project.path / "trivy.yaml").exists()  # deleted is deleted
    told = project.must("git", "status", "--porcelain")
    assert "UU README.md\n" in told
    assert "UD SECURITY.md\n" in told
    refused = project.run("git", "commit", "--message=feat: go on")
    assert "unmerged files" in refused.out


def changed_at(file: Path) -> int:
    """Return when a file was written; 0 while it is not there."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("early", signal.SIGKILL),
        ("while files change", signal.SIGKILL),
        ("while files change", signal.SIGINT),
    ],
)
def test_stopped_at_any_time_it_leaves_nothing_half_done(
    project: Project, when: str, number: signal.Signals
) -> None:
    before = state(project)
    answers = project.path / ".copier-answers.yml"
    run = subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND],  # pytest-xdist's workers ignore it
        cwd=project.path,
        env=dict(project.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    written = changed_at(answers)
    time.sleep(1)
    while when == "while files change" and changed_at(answers) == written:
        assert run.poll() is None
    os.killpg(run.pid, number)
    run.wait()
    time.sleep(0.5)  # what was begun is ended, by git alone
    if state(project) != before:
        project.must("git", "add", "--all")
        changed = project.must("git", "diff", "--staged", "--name-only", "HEAD").split()
        assert {"noxfile.py", "tasks.py", "README.md", ".copier-answers.yml"} <= set(changed)
        assert FUTURE in answers.read_text(encoding="utf-8")
        assert project.must("uv", "lock", "--check")
    assert not (project.path / ".git" / "index.lock").exists()


def test_a_project_in_a_folder_of_a_repository_is_updated_there(
    desk: Desk, future: Project, tmp_path: Path
) -> None:
    repository = Project(tmp_path / "all")
    inner = fresh_project(desk, {}, tmp_path / "all" / "services" / "notes")
    inner.must("uv", "lock", "--quiet")
    (inner.path / ".git").rename(tmp_path / "all" / ".git")
    repository.write("other.txt", "of somebody else\n")
    repository.commit()
    repository.must("git", "checkout", "--quiet", "--detach")
    moved(inner, future)

    proposed = inner.run(*COMMAND, "--proposal", str(tmp_path / "out"))

    assert proposed.status == 0, proposed.out
    bundle = str(tmp_path / "out" / "update.bundle")
    repository.must("git", "pull", "--quiet", bundle, "refs/template/template-update")
    changed = repository.must("git", "diff", "--name-only", "HEAD~1", "HEAD").split()
    assert "services/notes/noxfile.py" in changed
    assert all(path.startswith("services/notes/") for path in changed)
