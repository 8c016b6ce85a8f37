"""Which version comes next: pure functions of the branch, the changes and what is released."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from commitizen.version_increment import VersionIncrement
from commitizen.version_schemes import Pep440
from packaging.version import Version

from pipeline.release.history import Releases
from pipeline.shell import FailedError
from pipeline.tags import released

CHANNELS = {"main": "stable"}  # where a project sets none
LETTERS: Mapping[str, Literal["", "a", "b", "rc"]] = {
    "stable": "",
    "rc": "rc",
    "beta": "b",
    "alpha": "a",
}


@dataclass(frozen=True)
class Channel:
    """What a branch releases."""

    branch: str
    letter: Literal["", "a", "b", "rc"]
    """Of its pre-releases; empty for stable ones."""
    line: tuple[int, ...] = ()
    """The first numbers of every version of a maintenance branch, like (1, 2) of `1.2.x`."""

    @classmethod
    def of(cls, branch: str, channels: Mapping[str, str]) -> "Channel":
        """Return the channel of a branch.

        Args:
            branch: its name; a maintenance branch is called like `1.2.x` or `1.x`.
            channels: `stable`, `beta`, `alpha` or `rc` for each other branch that releases.

        Raises:
            FailedError: nothing is released from that branch.
        """
        if re.fullmatch(r"\d+(\.\d+)?\.x", branch):
            return cls(branch, "", tuple(int(part) for part in branch.split(".")[:-1]))
        kind = str(channels.get(branch, ""))
        if kind in LETTERS:
            return cls(branch, LETTERS[kind])
        if kind:
            setting = f"pyproject.toml: tool.release.channels.{branch}"
            msg = f"{setting} must be one of {', '.join(LETTERS)} (got {kind})"
        else:
            where = ", ".join([*channels, "1.2.x"])
            what = f"the branch {branch}" if branch else "a bare commit"
            msg = f"nothing is released from {what}: releases come from {where}"
        raise FailedError(msg)

    def releases(self, version: Version) -> bool:
        """Tell whether a version is of its kind: a stable one, a beta and so on."""
        return (version.pre[0] if version.pre else "") == self.letter


def next_version(
    channel: Channel,
    increment: VersionIncrement,
    releases: Releases,
    begin: Version,
    *,
    zero: bool,
) -> Version:
    """Return the version that the changes since the last stable release ask for.

    Args:
        channel: of the branch.
        increment: the largest of those changes.
        releases: as seen from the commit.
        begin: what a first release goes up from.
        zero: below 1.0.0 a breaking change moves the second number, not the first.

    Raises:
        FailedError: that version must not be released from here.
    """
    tried = [Version(each.base_version) for each in (begin, *releases.merged) if each.is_prerelease]
    stable = releases.before("") or (Version("0.0.0") if begin.is_prerelease else begin)
    if increment == VersionIncrement.MAJOR and zero and stable.major == 0:
        increment = VersionIncrement.MINOR
    target = Version(Pep440(str(stable)).increment_base(increment.name))  # type: ignore[arg-type]
    target = max([target, *tried])  # what was tried as 2.0.0 beta does not become 1.3.0
    if channel.letter:
        rivals = [each.pre for each in releases.names if each.base_version == str(target)]
        numbers = [pre[1] for pre in rivals if pre and pre[0] == channel.letter]
        target = Version(f"{target}{channel.letter}{max(numbers, default=0) + 1}")
    return admitted(target, channel, releases, begin)


def admitted(version: Version, channel: Channel, releases: Releases, begin: Version) -> Version:
    """Return a version that may be released from a branch.

    Raises:
        FailedError: it may not; the message says why and what to do.
    """
    branch, letter = channel.branch, channel.letter
    behind, everywhere = releases.merged, releases.names.keys()
    newest = max([begin, *behind])
    later = [each for each in everywhere - behind if each > newest and not each.is_prerelease]
    if channel.line and version.release[: len(channel.line)] != channel.line:
        msg = f"{branch} cannot release {version}: what asks for that belongs on main"
    elif version in everywhere:
        msg = f"{version} is released already: merge it into {branch}, or give another --version"
    elif version < newest:
        msg = f"{version} goes back: {branch} is at {newest} already; try a higher --version"
    elif not channel.releases(version):
        like = f"1.2.0{letter}1" if letter else "1.2.0: give what is tried a branch of its own"
        msg = f"{version} is no version for {branch}, which releases like {like}"
    elif channel.line and version > min(later, default=version):
        msg = f"{branch} cannot release {version}: {min(later)} is released already, from elsewhere"
    elif version.is_prerelease and Version(version.base_version) in everywhere:
        msg = f"{version.base_version} is released already: merge it into {branch} first"
    else:
        return version
    raise FailedError(msg)


def given(text: str) -> Version:
    """Return a version that a person typed.

    Raises:
        FailedError: it is none that can be released.
    """
    for version in released([text]):
        if not version.is_devrelease:
            return version
    msg = f"--version {text}: write it like 1.2.3, or 1.3.0b1 for a beta"
    raise FailedError(msg)
