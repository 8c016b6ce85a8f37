"""What people wait for who take in a new version of the template, in one project or in many."""

import shutil
import statistics
import sys
from functools import partial
from itertools import count
from pathlib import Path

from bench.measure import Measure, seconds
from tests.project import Project
from tests.update.conftest import FUTURE, add, release

PROJECTS = 100
UPDATE = (sys.executable, "-m", "pipeline.template", "--proposal", "reports/template")


def updates(folder: Path, template: Path) -> list[Measure]:
    """Measure updates to a version that changes ten files, beside a rendering of the same."""
    before = Project(template)
    before.must("git", "tag", "--force", "v1000.0.0")
    newer = release(before, FUTURE, add, folder / "newer")
    first = made(newer, folder / "first")
    number = count()
    whole = seconds(lambda: render(newer, folder / f"rendered-{next(number)}"), repeat=5)
    ours = seconds(lambda: first.must(*UPDATE), repeat=5)
    theirs = statistics.median(by_copier(first, folder / f"copied-{n}") for n in range(3))
    times = []
    for each in range(PROJECTS):
        project = Project(folder / f"project-{each}")
        shutil.copytree(first.path, project.path)
        times.append(seconds(partial(project.must, *UPDATE)))
    half = PROJECTS // 2
    late = statistics.median(times[half:]) / statistics.median(times[:half])
    return [
        Measure(
            "update, beside rendering",
            ours / whole,
            "x",
            2,
            f"inv template-update but for its sessions, {ours:.2f} s beside {whole:.2f} s",
        ),
        Measure(
            "update by Copier alone, beside rendering",
            theirs / whole,
            "x",
            None,  # it renders three times
            f"copier update, {theirs:.2f} s beside {whole:.2f} s",
        ),
        Measure(
            f"{PROJECTS} projects, the second half beside the first",
            late,
            "x",
            1.2,
            f"updated one after another, {sum(times) / PROJECTS:.2f} s a project",
        ),
    ]


def render(template: Project, folder: Path) -> None:
    """Copy the newest version but one, as a person does."""
    command = ("copy", "--quiet", "--defaults", "--vcs-ref=v1000.0.0")
    template.must(sys.executable, "-m", "copier", *command, template.path, folder)


def made(template: Project, folder: Path) -> Project:
    """Return a project of the newest version but one: in git, locked, committed."""
    render(template, folder)
    project = Project(folder)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.must("uv", "lock", "--quiet")
    project.commit()
    return project


def by_copier(project: Project, folder: Path) -> float:
    """Return the seconds of Copier's own update, of a copy of a project."""
    shutil.copytree(project.path, folder)
    command = (sys.executable, "-m", "copier", "update", "--quiet", "--defaults")
    return seconds(lambda: Project(folder).must(*command))
