"""An update: worked out beside the project, told, and brought into it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.shell import FailedError, read
from pipeline.template import notes
from pipeline.template.here import ANSWERS, Here
from pipeline.template.merge import Merged, Scratch
from pipeline.template.source import Source

LOCK, MANIFEST = "uv.lock", "pyproject.toml"
EXAMPLE = "src/*/notes/__init__.py"  # where it is gone, an update leaves the service alone
OF_SERVICE = {"kind", "database", "cache"}  # answers by which its code differs


@dataclass(frozen=True)
class Target:
    """A version of the template to go to."""

    commit: str
    name: str
    is_new: bool
    """Whether the project was not made from it already."""


@dataclass(frozen=True)
class Update:
    """What an update would make of a project."""

    before: str
    after: str
    """The two versions of the template."""
    merged: Merged
    news: dict[str, str]
    """The sections of the template's changelog that are new."""
    left: list[str]
    """Sentences about what is left to do by hand."""


def target(here: Here, source: Source, wanted: str) -> Target:
    """Return where to go.

    Args:
        here: the project.
        source: its template.
        wanted: a version, branch or commit; empty for the newest release.

    Raises:
        FailedError: it is not there, or older than what the project was made from.
    """
    try:
        current = source.commit(here.version)
    except FailedError:
        msg = f"the template at {source.url} does not have {here.version}, of which the project is"
        raise FailedError(msg) from None
    name = wanted or source.newest()
    commit = source.commit(name)
    if source.contains(current, commit):  # it is that one, or was there before
        if wanted and commit != current:
            msg = f"{wanted} is older than {here.version}, of which the project is: no way back"
            raise FailedError(msg)
        return Target(current, here.version.removeprefix("v"), is_new=False)
    return Target(commit, name.removeprefix("v"), is_new=True)


def checked(data: Mapping[str, str], source: Source, commit: str) -> None:
    """Refuse answers to questions that nobody asks.

    Raises:
        FailedError: there is one.
    """
    questions = source.questions(commit)
    for name, value in data.items():
        if name not in questions or name.startswith("_"):
            msg = f"--data {name}={value}: no question is called {name}"
            raise FailedError(msg)
        if questions[name].get("secret"):  # it answers others, which are recorded
            msg = f"--data {name}={value}: {name} is for a new project; answer what it is made of"
            raise FailedError(msg)


def worked_out(here: Here, source: Source, goal: Target, data: Mapping[str, str]) -> Update:
    """Return what an update would make of a project; nothing of it is touched.

    Args:
        here: the project.
        source: its template.
        goal: the version of the template to go to.
        data: answers that change.

    Raises:
        FailedError: it cannot be worked out.
    """
    checked(data, source, goal.commit)
    current = source.commit(here.version)
    patterns = source.questions(goal.commit).get("_exclude", [])
    answers = dict(here.answers)
    left: list[str] = []
    with Scratch.beside() as scratch:

        def rendered(commit: str, given: Mapping[str, Any], *exclude: str) -> str:
            return scratch.rendered(
                lambda folder: source.render(commit, given, [*patterns, *exclude], folder),
                here.folder,
            )

        ours = here.head
        old_name, new_name = answers.get("package_name"), data.get("package_name")
        if old_name and new_name and new_name != old_name:
            answers["package_name"] = new_name
            first, second = (rendered(current, it, "src") for it in (here.answers, answers))
            moved = scratch.merge(first, ours, second)
            ours = renamed(scratch, moved.tree, here.folder, str(old_name), new_name)
        old = rendered(current, answers)
        new = rendered(goal.commit, answers | dict(data))
        merged = scratch.merge(old, ours, new)
        if here.answers.get("package_name") != answers.get("package_name"):
            left += still_named(scratch, merged.tree, here.folder, str(old_name))
        path = here.folder + ANSWERS
        told = scratch.content(new, path) or b""
        tree = scratch.changed(merged.tree, {path: sourced(told, here.source)})
        merged.conflicts.pop(path, None)
        if OF_SERVICE & data.keys() and not any(Path().glob(EXAMPLE)):
            left.append("src and tests are yours, without the example: bring in there what is new")
        if f"{here.folder}{MANIFEST}" in merged.conflicts:
            left.append(f"{LOCK} is as it was: when {MANIFEST} is mended, uv lock")
        elif scratch.content(tree, here.folder + LOCK) is None:
            left.append(f"{LOCK} is not in git: uv lock, and commit")
        else:
            lock = locked(scratch, tree, here.folder)
            tree = scratch.changed(tree, {here.folder + LOCK: lock})
    news = notes.between(
        source.text(current, "CHANGELOG.md"), source.text(goal.commit, "CHANGELOG.md")
    )
    merged = Merged(tree, merged.conflicts)
    return Update(here.version.removeprefix("v"), goal.name, merged, news, left)


def sourced(answers: bytes, source: str) -> bytes:
    """Return an answers file that says where the template is, and not where its clone was."""
    line = f"_src_path: {yaml.safe_dump(source, width=10**6).splitlines()[0]}\n"
    block = r"(?ms)^_src_path:.*?(?=^\S|\Z)"
    return re.sub(block, lambda _: line, answers.decode()).encode()


def locked(scratch: Scratch, tree: str, folder: str) -> bytes:
    """Return the lock of a project in a tree, made anew where it does not fit.

    Raises:
        FailedError: uv cannot make it.
    """
    there = scratch.path / "project"
    scratch.files(tree, folder, there)
    read("uv", "lock", f"--directory={there}", env={"UV_LOCKED": "0"})
    return (there / LOCK).read_bytes()


def renamed(scratch: Scratch, tree: str, folder: str, old: str, new: str) -> str:
    """Return a tree in which the package of a project has another name.

    Its folder moves, and what is imported by its name is imported by the new one.
    """
    listed = scratch.git("ls-tree", "-r", "-z", "--name-only", tree, "--", folder or ".")
    imports = re.compile(rb"(?m)^(\s*(?:from|import)\s+)%b(?=[\s.])" % old.encode())
    files, gone = {}, []
    for path in filter(None, listed.split("\0")):
        content = scratch.content(tree, path) or b""
        there = path
        if path.startswith(f"{folder}src/{old}/"):
            there = f"{folder}src/{new}/{path.removeprefix(f'{folder}src/{old}/')}"
            gone.append(path)
        if path.endswith(".py"):
            content = imports.sub(rb"\g<1>%b" % new.encode(), content)
        files[there] = content
    return scratch.changed(tree, files, gone)


def still_named(scratch: Scratch, tree: str, folder: str, name: str) -> list[str]:
    """Return a sentence about the files that name a package still, if there are any."""
    grep = ("git", "grep", "--files-with-matches", "--word-regexp", "--full-name", "-I")
    where = f":(top){folder}*.py", f":(top){folder}*.toml", f":(top){folder}Dockerfile"
    try:
        told = scratch.git(*grep[1:], "-e", name, tree, "--", *where)
    except FailedError:  # there is none
        return []
    files = ", ".join(line.partition(":")[2] for line in told.splitlines())
    return [f"{name} is named still in {files}"]
