"""What git tells: the releases so far, and the changes since."""

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from commitizen.git import GitCommit
from commitizen.version_increment import VersionIncrement
from packaging.version import Version

from pipeline.shell import FailedError, read
from pipeline.tags import released

CONVENTIONAL = re.compile(r"(?P<kind>\w+)(\((?P<scope>.*?)\))?(?P<mark>!)?: +(?P<text>.+)")
BREAKING = re.compile(r"^BREAKING[ -]CHANGE:\s*((?:.+(?:\n(?![\w-]+(?:: | #)).+)*)?)", re.MULTILINE)
REVERTING = re.compile(r'revert(\(.*\))?!?: |(?:Revert|Reapply) "')
UNDONE = re.compile(
    r"^(?:This reverts commit|Refs:?) ([0-9a-f]{7,40}(?:, *[0-9a-f]{7,40})*)", re.MULTILINE
)
QUOTED = re.compile(r'(Revert|Reapply) "(?P<title>.*)"( \(#\d+\))?')
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
INCREMENTS = {
    "feat": VersionIncrement.MINOR,
    "fix": VersionIncrement.PATCH,
    "perf": VersionIncrement.PATCH,
}
LOG = ("git", "-c", "log.showSignature=false", "log", "--encoding=UTF-8", "-z")
ORDER = ("a", "b", "rc", "")  # of pre-releases, the last of which is none


@dataclass(frozen=True)
class Change:
    """A commit that asks for a release."""

    commit: str
    """Its full hash."""
    title: str
    """The first line of its message."""
    kind: str
    """`feat`, `fix`, `perf`, `revert`, or what else breaks something."""
    scope: str
    text: str
    increment: VersionIncrement
    breaking: str = ""
    """What breaks, as the message tells it."""


def log(*selection: str) -> list[GitCommit]:
    """Return the selected commits, the newest first, and each before what is below it."""
    told = read(*LOG, "--topo-order", "--format=%H%n%P%n%s%n%b", *selection)
    return [parsed(record) for record in told.split("\0") if record]


def parsed(record: str) -> GitCommit:
    """Return the commit of a record of `log`, without what would control a terminal."""
    revision, parents, title, *body = CONTROL.sub(" ", record).split("\n")
    return GitCommit(revision, title, "\n".join(body), parents=parents.split())


def change(commit: GitCommit) -> Change | None:
    """Return what a commit asks for; None for nothing.

    Only the title tells the kind, and a footer what breaks: a body may quote what it likes.
    """
    found = CONVENTIONAL.fullmatch(commit.title)
    if found is None:
        return None
    kind, text = found["kind"].lower(), found["text"]
    footers = [" ".join(footer.split()) for footer in BREAKING.findall(commit.body)]
    breaking, increment = "", INCREMENTS.get(kind, VersionIncrement.NONE)
    if footers or found["mark"]:
        breaking, increment = "; ".join(filter(None, footers)) or text, VersionIncrement.MAJOR
    if increment == VersionIncrement.NONE:
        return None
    scope = (found["scope"] or "").strip()
    return Change(commit.rev, commit.title, kind, scope, text, increment, breaking)


def changes(commits: Sequence[GitCommit]) -> list[Change]:
    """Return what commits ask for, the newest first.

    A commit and its revert ask for nothing together. The revert of something that is released is a
    patch.

    Args:
        commits: as from `log`.
    """
    undone: set[str] = set()
    found = []
    for place, commit in enumerate(commits):
        if commit.rev in undone:
            continue
        if not (named(commit) or QUOTED.fullmatch(commit.title)):
            found.append(change(commit))
        elif targets := reverted(commit, commits[place:]):
            undone.update(each for target in targets for each in merged_by(target))
        elif asks(commit):
            title = commit.title
            found.append(Change(commit.rev, title, "revert", "", title, VersionIncrement.PATCH))
    return [each for each in found if each and each.commit not in undone]


def reverted(commit: GitCommit, commits: Iterable[GitCommit]) -> list[GitCommit]:
    """Return those of some commits that another takes back: by hash, or by what it quotes."""
    if hashes := named(commit):
        return [each for each in commits if each.rev.startswith(hashes)]
    if not (quoted := QUOTED.fullmatch(commit.title)):
        return []
    title = quoted["title"] if commit.title.startswith("Revert") else f'Revert "{quoted["title"]}"'
    below = [each for each in commits if each.title == title]
    return below[:1]


def named(commit: GitCommit) -> tuple[str, ...]:
    """Return the hashes, whole or short, of what a commit says that it takes back."""
    if not REVERTING.match(commit.title):
        return ()
    told = " ".join(UNDONE.findall(commit.body))
    return tuple(re.findall(r"[0-9a-f]{7,40}", told))


def merged_by(commit: GitCommit) -> Iterable[str]:
    """Return a commit and all that it brought, which for a merge is more than itself."""
    if len(commit.parents) < 2:  # noqa: PLR2004  # no merge
        return [commit.rev]
    return read("git", "rev-list", f"{commit.rev}^1..{commit.rev}").split()


def asks(commit: GitCommit) -> bool:
    """Tell whether a commit asks for a release; a revert does if what it takes back did.

    What cannot be found any more may have.
    """
    with suppress(FailedError):
        if hashes := named(commit):
            return any(asks(log("-1", each)[0]) for each in hashes)
    if quoted := QUOTED.fullmatch(commit.title):
        return change(GitCommit("", quoted["title"])) is not None
    return len(commit.parents) > 1 or bool(named(commit)) or change(commit) is not None


@dataclass(frozen=True)
class Releases:
    """The tags that are versions."""

    names: dict[Version, str]
    """What git calls each, wherever it is."""
    merged: frozenset[Version]
    """Those that the commit has behind it, or is itself."""
    here: frozenset[Version]
    """Those that are the commit itself."""

    @classmethod
    def seen_from(cls, commit: str) -> "Releases":
        """Return what is released, as seen from a commit."""
        everywhere = versions(read("git", "tag", "--list").split())
        merged = versions(read("git", "tag", "--merged", commit).split())
        here = versions(read("git", "tag", "--points-at", commit).split())
        return cls(everywhere, frozenset(merged), frozenset(here))

    def done(self, letter: str) -> bool:
        """Tell whether the commit is a release that counts for a channel; see `before`."""
        return any(maturity(each) >= maturity(letter) for each in self.here)

    def before(self, letter: str) -> Version | None:
        """Return the newest release behind a commit that counts for a channel; None for none.

        What is less mature does not: an alpha is no beta, and no pre-release is a release.

        Args:
            letter: of the channel's pre-releases; empty for a stable one.
        """
        counted = (each for each in self.merged if maturity(each) >= maturity(letter))
        return max(counted, default=None)


def maturity(it: Version | str) -> int:
    """Return how far a version, or a letter of pre-releases, has come; more is more mature."""
    if isinstance(it, str):
        return ORDER.index(it)
    return maturity(it.pre[0] if it.pre else "a" if it.is_prerelease else "")


def versions(tags: Collection[str]) -> dict[Version, str]:
    """Return what git calls each version."""
    return {version: name for name in tags for version in released([name])}


def since(commit: str, tag: str) -> list[GitCommit]:
    """Return what is in a commit and not in a release, as from `log`; all there is without one."""
    return log(commit, *(["--not", f"refs/tags/{tag}"] if tag else []), "--")
