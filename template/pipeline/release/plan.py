"""What a release would be, as far as git and the tree tell: offline, and without a trace."""

import contextlib
import os
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from commitizen.config import read_cfg
from commitizen.config.base_config import BaseConfig
from commitizen.providers import UvProvider
from commitizen.version_increment import VersionIncrement
from packaging.version import Version

from pipeline.release import changelog
from pipeline.release.history import Change, Releases, changes, since
from pipeline.release.version import Channel, admitted, next_version
from pipeline.shell import FailedError, read
from pipeline.tags import Ref, released, tags

LOCK, MANIFEST, CHANGELOG = "uv.lock", "pyproject.toml", "CHANGELOG.md"
CHANGED = (CHANGELOG, MANIFEST, LOCK)
ASKS = {
    VersionIncrement.MAJOR: "breaks",
    VersionIncrement.MINOR: "minor ",
    VersionIncrement.PATCH: "patch ",
}
TITLE = "chore(release): "  # and the version, of a release's commit
DEFAULTS = {"channels": {"main": "stable"}, "pull-request": False}
ADDRESS = re.compile(r"https?://[\w.:-]+/[\w.-]+(/[\w.-]+)+")
UNKNOWN = "0" * 40  # the hash of a commit that is yet to be made


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


@dataclass(frozen=True)
class Plan:
    """A release that is to be made."""

    version: Version
    tag: str
    previous: str
    """The tag of the release before; empty for the first."""
    changes: list[Change]
    """What asks for it, the newest first."""
    changelog: str
    """CHANGELOG.md with its entry."""
    prepared: bool = False
    """The commit holds all of it already, and only its tag is missing."""

    @property
    def title(self) -> str:
        """The message of its commit."""
        return f"{TITLE}{self.version}"

    @property
    def entry(self) -> str:
        """Its entry in the changelog."""
        return changelog.of(self.changelog, self.version)

    def write(self, folder: Path) -> None:
        """Change the files of `CHANGED` in a folder."""
        with contextlib.chdir(folder):
            files = [Path(name) for name in CHANGED]
            windows = [it for it in files if it.exists() and b"\r\n" in it.read_bytes()]
            UvProvider(BaseConfig()).set_version(str(self.version))
            files[0].write_text(self.changelog, encoding="utf-8", newline="\n")
            for file in windows:
                file.write_text(file.read_text(encoding="utf-8"), encoding="utf-8", newline="\r\n")


def planned(here: Here, wanted: Version | None = None) -> Plan | None:
    """Return the release of a commit; None where nothing asks for one.

    Args:
        here: the commit.
        wanted: the version that a person asks for.

    Raises:
        FailedError: it asks for one that must not be made from its branch.
    """
    if read("git", "rev-parse", "--is-shallow-repository") == "true":
        msg = "the history is cut off, and releases with it: git fetch --unshallow --tags"
        raise FailedError(msg)
    releases, first = here.releases, begin(here)
    channel = Channel.of(here.branch, here.settings["channels"])
    if (releases.done(channel.letter) and wanted is None) or wanted in releases.here:
        return None
    before = releases.before(channel.letter)
    previous = releases.names[before] if before else ""
    if here.is_ready and wanted in {None, here.version}:
        version = admitted(here.version, channel, releases, first)
        return Plan(version, f"v{version}", previous, [], here.changelog, prepared=True)
    new = changes(since(here.commit, previous))
    if not new and wanted is None:
        return None
    if wanted:
        version = admitted(wanted, channel, releases, first)
    else:
        stable = releases.before("")
        whole = changes(since(here.commit, releases.names[stable] if stable else ""))
        largest = max((it.increment for it in whole), default=new[0].increment)
        zero = read_cfg().settings["major_version_zero"]
        version = next_version(channel, largest, releases, first, zero=zero)
        if here.prepared and channel.releases(here.version):  # the tree does not go back
            version = admitted(max(version, here.version), channel, releases, first)
    told = Releases.seen_from(f"refs/tags/{previous}").merged if previous else frozenset()
    gone = {each for each in releases.merged - told if each.is_prerelease}
    if here.prepared:
        gone.add(here.version)
    text = changelog.released(
        here.changelog,
        version,
        datetime.now(UTC).date().isoformat(),
        changelog.entry(new, here.url),
        gone,
    )
    return Plan(version, f"v{version}", previous, new, text)


def begin(here: Here) -> Version:
    """Return the version that the tree had before anything that git shows was released or prepared.

    Where releases are stable, it is the newest of those or what somebody has set since.
    """
    if here.prepared:
        return below(here.prepared)
    return here.version


def below(commit: str) -> Version:
    """Return the version of the tree before a commit."""
    parents = read("git", "rev-list", "--first-parent", "--max-count=2", commit).split()[1:]
    return Here(parents[0], "").version if parents else Version("0.0.0")


def report(here: Here, plan: Plan | None) -> str:
    """Return what a person wants to know of a release before it is made."""
    if plan is None:
        newest = max(here.releases.merged, default=None)
        last = f" since {here.releases.names[newest]}" if newest else ""
        return f"Nothing to release: no commit{last} is a feat, a fix, a perf or breaks something."
    after = f"after {plan.previous}" if plan.previous else "the first"
    lines = [f"{here.name} {plan.version}, {after}", ""]
    if plan.prepared:
        lines += ["Everything is prepared in this commit; only its tag is missing.", ""]
    else:
        lines += [f"{CHANGELOG} gets", ""]
    lines += [f"  {line}".rstrip() for line in f"## {plan.version}\n\n{plan.entry}".splitlines()]
    lines += ["", f"git tag    {plan.tag}"]
    if here.image:
        everything = [*here.releases.names.values(), plan.tag]
        chosen = tags(Ref("release", str(plan.version), UNKNOWN), everything)
        told = ", ".join(tag for tag in chosen if not tag.startswith("sha-"))
        lines += [f"image      {here.image}: {told}"]
    if not plan.prepared:
        lines += [f"files      {CHANGELOG}; {MANIFEST}, {LOCK}: {here.version} → {plan.version}"]
        lines += ["", "because of"] if plan.changes else []
        for it in plan.changes:
            lines.append(f"  {it.commit[:7]}  {ASKS[it.increment]}  {it.title}")
    return "\n".join(lines)


def tell(text: str) -> None:
    """Print a text, and show it in the job's summary where there is one."""
    # What a commit says must not be a command to the runner.
    text = re.sub(r"(?m)##(?=\[)|^\s*:(?=:)", r"\g<0> ", text)
    fence = max(re.findall("`{3,}", text), key=len, default="``") + "`"
    print(text, flush=True)
    if target := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(f"{fence}text\n{text}\n{fence}\n")
