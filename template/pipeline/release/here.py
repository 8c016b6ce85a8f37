"""A commit that is to be released: what its own files say, and which releases it sees."""

import contextlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.version import Version

from pipeline.release import changelog
from pipeline.release.history import Releases, changes, since
from pipeline.release.version import CHANNELS
from pipeline.shell import FailedError, read
from pipeline.tags import released

LOCK, MANIFEST, CHANGELOG = "uv.lock", "pyproject.toml", "CHANGELOG.md"
DEFAULTS = {"channels": CHANNELS, "pull-request": False}
ADDRESS = re.compile(r"https?://[\w.:-]+/[\w.-]+(/[\w.-]+)+")


def text_at(commit: str, path: str) -> str:
    """Return the content of a file in a commit; empty where there is none."""
    if not read("git", "ls-tree", "--name-only", "--full-tree", commit, path):
        return ""
    return read("git", "cat-file", "blob", f"{commit}:{path}") + "\n"


@dataclass(frozen=True)
class Here:
    """A commit that is to be released."""

    commit: str
    branch: str
    """Its branch; empty for a bare commit."""

    @classmethod
    def find(cls) -> "Here":
        """Return what is checked out.

        Raises:
            FailedError: there is no commit, or it lacks what a release needs.
        """
        try:
            inside = read("git", "rev-parse", "--show-prefix")
            commit = read("git", "rev-parse", "--verify", "HEAD")
        except FailedError as error:
            if not re.search("not a git repository|single revision", error.said):
                raise
            msg = "there is no commit to release: git init, and commit"
            raise FailedError(msg) from None
        found = cls(commit, read("git", "branch", "--show-current"))
        if inside:
            msg = f"a whole repository is released, and {inside} is a folder of one: cd to its top"
            raise FailedError(msg)
        if not read("git", "ls-tree", "--name-only", commit, LOCK):
            msg = f"{LOCK} is not in git, so nobody could build this again: uv lock, and commit"
            raise FailedError(msg)
        if "\ufffd" in found.changelog:
            msg = f"{CHANGELOG} is not in UTF-8, and would lose letters: save it so, and commit"
            raise FailedError(msg)
        found.check()
        return found

    def check(self) -> None:
        """Refuse a pyproject.toml that lacks what a release needs.

        Raises:
            FailedError: it does; the message names the first such key.
        """
        try:
            project = self.manifest.get("project", {})
        except tomllib.TOMLDecodeError as error:
            msg = f"{MANIFEST} of {self.commit[:7]}: {error}"
            raise FailedError(msg) from None
        settings, told = self.settings, str(project.get("version"))
        wrong = {
            "project.name is missing": "name" not in project,
            "project.version is missing: set it to the last release, or 0.0.0": "version"
            not in project,
            f"project.version must be like 1.2.3 (got {told})": not released([told]),
            "project.urls.Repository is missing: set it to where the code is": not self.url,
            f"project.urls.Repository must be like https://host/owner/name (got {self.url})": (
                not ADDRESS.fullmatch(self.url)
            ),
            "tool.release must be a table of channels and pull-request (got"
            f" {', '.join(settings) or settings.get('')})": bool(settings.keys() - DEFAULTS.keys()),
            "tool.release.channels must be a table": not isinstance(settings["channels"], dict),
            "tool.release.pull-request must be true or false": not isinstance(
                settings["pull-request"], bool
            ),
        }
        if found := [what for what, is_wrong in wrong.items() if is_wrong]:
            msg = f"{MANIFEST}: {found[0]}"
            raise FailedError(msg)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Its pyproject.toml."""
        return tomllib.loads(text_at(self.commit, MANIFEST))

    @property
    def name(self) -> str:
        """Of its project."""
        return str(self.manifest.get("project", {}).get("name", ""))

    @property
    def version(self) -> Version:
        """What its pyproject.toml says; 0.0.0 where that is no version."""
        told = []
        with contextlib.suppress(tomllib.TOMLDecodeError):
            told = [str(self.manifest.get("project", {}).get("version", ""))]
        return max(released(told), default=Version("0.0.0"))

    @property
    def settings(self) -> dict[str, Any]:
        """Its [tool.release]."""
        own = self.manifest.get("tool", {}).get("release", {})
        return DEFAULTS | (own if isinstance(own, dict) else {"": own})

    @property
    def image(self) -> str:
        """The name of its image; empty where it makes none."""
        return str(self.manifest.get("tool", {}).get("image", {}).get("name", ""))

    @property
    def url(self) -> str:
        """Of its repository, for people."""
        urls = self.manifest.get("project", {}).get("urls", {})
        return str(urls.get("Repository", "")).rstrip("/").removesuffix(".git")

    @cached_property
    def changelog(self) -> str:
        """Its CHANGELOG.md."""
        return text_at(self.commit, CHANGELOG)

    @cached_property
    def releases(self) -> Releases:
        """What is released, as seen from it."""
        return Releases.seen_from(self.commit)

    @cached_property
    def prepared(self) -> str:
        """The commit that prepared its version, which has no tag yet; empty for none."""
        made = changelog.is_made(self.changelog, self.version)
        if self.version in self.releases.names or not made:
            return ""
        newest = ""
        for commit in read(
            "git", "rev-list", "--first-parent", self.commit, "--", MANIFEST
        ).split():
            if Here(commit, "").version != self.version:
                break
            newest = commit
        return newest

    @cached_property
    def is_ready(self) -> bool:
        """Whether nothing but its tag is missing: it is prepared, and its entry tells all of it.

        What came in beside or after that has to be told, too, and nothing that was taken back.
        """
        if not self.prepared:
            return False
        told = changelog.commits(self.changelog, self.version)
        before = self.releases.before(self.version.pre[0] if self.version.pre else "")
        new = changes(since(self.commit, self.releases.names[before] if before else ""))
        return told == {it.commit for it in new}
