"""The template as it was: its releases, some older commits, and what is in the working tree."""

import re
import subprocess
from pathlib import Path

from tests.needed import need
from tests.project import Project

NEWEST = "v1000.0.0"  # of the working tree
# Commits of main, taken as if they had been released.
OLDER = {
    # Before images, releases and the tasks: no compose.yaml, no tasks.py, no `registry`.
    "v0.0.1": "511aa6317633eb235ac8506cdfbfbb8c0f112125",
    # After the first release, with kinds, databases and caches, before deployments.
    "v0.1.1.dev1": "a07070fbbbb4e01f75a1b5129de2fcdfc57fcb49",
    # With deployments, as they were first; after it, every question of today.
    "v0.1.1.dev2": "d31b71f95c8bf43aeccd409f401260205e73f92c",
}
TITLE = re.compile(r"([0-9a-f]{40}) chore\(release\): (\S+)")


def told(root: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def releases(root: Path) -> dict[str, str]:
    """Return the tag and commit of every release: a clone may lack the tags."""
    need(
        told(root, "rev-parse", "--is-shallow-repository") == "false",
        "whole history here, in which older versions are: git fetch --unshallow",
    )
    log = told(root, "log", "--format=%H %s", "HEAD")
    return {f"v{version}": commit for commit, version in TITLE.findall(log)}


def versions(root: Path) -> dict[str, str]:
    """Return the tag and commit of each version that projects are updated from."""
    return OLDER | releases(root)


def with_history(root: Path, files: Path, folder: Path) -> Project:
    """Return a repository with all of it, the newest version being what some files are.

    Args:
        root: the repository with the history.
        files: a clone with the files of the newest version.
        folder: where to make it.
    """
    repository = Project(folder)
    subprocess.run(
        ["git", "clone", "--quiet", "--shared", "--no-checkout", root, folder], check=True
    )
    for tag in told(folder, "tag", "--list").split():
        repository.must("git", "tag", "--delete", tag)
    for tag, commit in versions(root).items():
        repository.must("git", "tag", tag, commit)
    repository.must("git", "fetch", "--quiet", files, "HEAD")
    message = "feat: the working tree"
    newest = ("commit-tree", "FETCH_HEAD^{tree}", "-p", "HEAD", "-m", message)
    commit = repository.must("git", *newest).strip()
    repository.must("git", "tag", NEWEST, commit)
    repository.must("git", "reset", "--quiet", "--hard", commit)
    return repository
