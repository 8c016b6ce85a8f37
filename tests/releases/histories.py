"""Histories of git, built from tables, in a project that is as small as a release allows."""

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from unittest.mock import patch

from packaging.version import Version
from pipeline.release.here import Here
from pipeline.release.history import Change, changes, log
from pipeline.release.plan import Plan, planned
from pipeline.release.report import report

from tests.project import Done, Project

TEMPLATE = Path(__file__).parents[2] / "template"
URL = "https://code.example.org/us/small"
BEGIN = 1_700_000_000  # the first commit's time; each takes a minute, so that the order is told

MANIFEST = """\
[project]
name = "small"
version = "{version}"

[project.urls]
Repository = "https://code.example.org/us/small"

[tool.commitizen]
name = "cz_conventional_commits"
version_provider = "uv"
major_version_zero = true
allowed_prefixes = ["Merge", "Revert", "Reapply", "fixup!", "squash!", "amend!"]

[tool.release]
channels = {{ main = "stable", develop = "beta", alpha = "alpha" }}
"""
LOCK = """\
version = 1

[[package]]
name = "small"
version = "{version}"
source = {{ editable = "." }}
"""
CHANGELOG = "# Changelog\n\n## Unreleased\n"


@dataclass(frozen=True)
class History(Project):
    """A repository whose commits a table tells, and the person who releases from it.

    What decides is called here as the session calls it; `session` is the real process.
    """

    minutes: Iterator[int] = field(default_factory=count)

    def begin_at(self, version: str, changelog: str = CHANGELOG) -> None:
        """Commit a project of that version, with nothing released."""
        self.path.mkdir(parents=True)
        self.must("git", "init", "--quiet", "--template=", "--initial-branch=main")
        self.write("pyproject.toml", MANIFEST.format(version=version))
        self.write("uv.lock", LOCK.format(version=version))
        self.write("CHANGELOG.md", changelog)
        self.commit("chore: begin")

    def git(self, *arguments: str, **variables: str) -> str:
        """Return what git says, a minute after it was asked before."""
        date = f"{BEGIN + 60 * next(self.minutes)} +0000"
        variables = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} | variables
        return self.must("git", *arguments, **variables).strip()

    def commit(self, message: str = "feat: change", **variables: str) -> None:
        """Commit everything, and at least a file that no other commit touches."""
        self.write(f"changes/{next(self.minutes)}", message)
        self.git("add", "--all")
        options = ("--quiet", "--allow-empty-message", "--cleanup=verbatim")
        self.git("commit", *options, f"--message={message}", **variables)

    def follow(self, steps: Iterable[str]) -> None:
        """Do what a table says, a step each.

        `on develop v1.0.0`: switch to that branch, which begins there if it is new
        `merge develop`: merge it, or several, into where one is
        `undo feat: a`: revert the commit of that title
        `tag v1.0.0`: tag what is checked out, by hand
        `release 2.0.0`: release that version, or without one what is due
        `$ gc --prune=now`: that command of git
        anything else: commit with that message

        `{feat: a}` is the hash of the commit of that title.
        """
        for step in steps:
            told = re.sub(r"\{([^{}]+: [^{}]+)\}", lambda found: self.find(found[1]), step)
            verb, _, rest = told.partition(" ")
            if verb == "$":
                self.git(*shlex.split(rest))
            elif verb == "on":
                known = self.git("branch", "--list", rest)
                self.git("switch", "--quiet", *([] if known else ["--create"]), *rest.split())
            elif verb == "merge":
                message = f"--message=Merge {rest}"
                self.git("merge", "--quiet", "--no-ff", message, *rest.split())
            elif verb == "undo":
                found = self.find(rest)
                mainline = (
                    ["--mainline=1"] if " " in self.git("log", "-1", "--format=%P", found) else []
                )
                self.git("revert", "--no-edit", *mainline, found)
            elif verb == "tag":
                self.git("tag", *rest.split())
            elif verb == "release":
                self.release(rest)
            else:
                self.commit(told)

    def find(self, title: str) -> str:
        """Return the newest commit of a title, wherever it is."""
        told = self.git("log", "--all", "--format=%H %s").splitlines()
        return next(line[:40] for line in told if line[41:] == title)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Be that person for a while: their folder, their environment."""
        with patch.dict(os.environ, self.environment, clear=True), contextlib.chdir(self.path):
            yield

    def plan(self, version: str = "") -> Plan | None:
        """Return what would be released."""
        with self.inside():
            return planned(Here.find(), Version(version) if version else None)

    def next(self, version: str = "") -> str:
        """Return the version that would be released; empty for none."""
        plan = self.plan(version)
        return str(plan.version) if plan else ""

    def report(self, version: str = "") -> str:
        """Return what the session would print of it."""
        with self.inside():
            here = Here.find()
            return report(here, planned(here, Version(version) if version else None))

    def changes(self, *selection: str) -> list[Change]:
        """Return what the selected commits ask for, the newest first."""
        with self.inside():
            return changes(log(*(selection or ["HEAD"]), "--"))

    def release(self, version: str = "") -> Plan:
        """Release it, as far as git is concerned and nobody else: commit and annotated tag."""
        plan = self.plan(version)
        assert plan, "nothing to release"
        if not plan.prepared:
            with self.inside():
                plan.write(self.path)
            self.git("commit", "--quiet", "--all", f"--message=chore(release): {plan.version}")
        self.git("tag", "--annotate", f"--message={plan.version}", plan.tag)
        return plan

    def session(self, *arguments: str | Path, **variables: str) -> Done:
        """Run what the session `release` runs."""
        return self.python("pipeline.release", *arguments, **variables)

    def python(self, module: str, *arguments: str | Path, **variables: str) -> Done:
        """Run a module of the pipeline, which the project has only for this."""
        told = {"PYTHONPATH": str(TEMPLATE), **variables}
        return self.run(sys.executable, "-m", module, *arguments, **told)
