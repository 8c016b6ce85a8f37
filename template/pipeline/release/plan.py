"""What a release would be, as far as git and the tree tell: offline, and without a trace."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from commitizen.config import read_cfg
from commitizen.config.base_config import BaseConfig
from commitizen.providers import UvProvider
from packaging.version import Version

from pipeline.release import changelog
from pipeline.release.here import CHANGELOG, LOCK, MANIFEST, Here
from pipeline.release.history import Change, Releases, changes, since
from pipeline.release.version import Channel, admitted, next_version
from pipeline.shell import FailedError, read

CHANGED = (CHANGELOG, MANIFEST, LOCK)
TITLE = "chore(release): "  # and the version, of a release's commit


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
