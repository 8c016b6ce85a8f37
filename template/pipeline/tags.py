"""Which tags an image gets: a pure function of what it was built from and what is released."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from packaging.version import InvalidVersion, Version

# What a branch must not be called, for its image would take another's tag.
RESERVED = re.compile(
    r"latest|pr-\d+|sha(256)?-.+|v?\d+(\.\d+)*([-.]?(a|b|rc|alpha|beta)[-.]?\d*)?"
)
LONGEST = 128
PARTS = 3  # major, minor, patch


@dataclass(frozen=True)
class Ref:
    """What an image is built from: a commit, and the name by which it was reached."""

    kind: Literal["release", "branch", "pull request", "commit"]
    name: str
    """A release's version, a branch's name, a pull request's number; empty for a bare commit."""
    commit: str

    @classmethod
    def parse(cls, ref: str, commit: str) -> "Ref":
        """Return what git's full name of a ref means, like `refs/tags/v1.2.3`; "" for none.

        Raises:
            ValueError: it is a tag that is no version, or no full name.
        """
        if match := re.fullmatch(r"refs/pull/(\d+)/.+", ref):
            return cls("pull request", match[1], commit)
        if ref.startswith("refs/heads/"):
            return cls("branch", ref.removeprefix("refs/heads/"), commit)
        if ref.startswith("refs/tags/"):
            tag = ref.removeprefix("refs/tags/")
            for name in released([tag]).values():
                return cls("release", name, commit)
            msg = f"the tag {tag} is no version: tag a release like v1.2.3"
            raise ValueError(msg)
        if ref:
            msg = f"{ref} is not git's full name of a ref: write it like refs/heads/main"
            raise ValueError(msg)
        return cls("commit", "", commit)


def released(tags: Iterable[str]) -> dict[Version, str]:
    """Return those of git's tags that are versions, with or without a `v`."""
    found = {}
    for tag in tags:
        try:
            version = Version(tag)
        except InvalidVersion:
            continue
        odd = version.epoch or version.local or version.is_postrelease
        if len(version.release) == PARTS and not odd:
            found[version] = tag.removeprefix("v")
    return found


def tags(ref: Ref, others: Iterable[str]) -> list[str]:
    """Return the tags for an image, the one that is never moved first.

    Args:
        ref: what it was built from.
        others: every tag of the repository. A floating tag (`1.2`, `1`, `latest`) belongs to the
            newest stable release that it describes, so that an older line's release leaves it.
    """
    exact = f"sha-{ref.commit[:7]}"
    if ref.kind == "release":
        return [ref.name, exact, *floating(ref.name, others)]
    if ref.kind == "branch":
        name = re.sub(r"[^\w.-]+", "-", ref.name, flags=re.ASCII).lstrip("-.") or "branch"
        pinned = f"{name[: LONGEST - 8]}-{ref.commit[:7]}"
        return [pinned, exact] if RESERVED.fullmatch(name) else [pinned, exact, name[:LONGEST]]
    if ref.kind == "pull request":
        return [exact, f"pr-{ref.name}"]
    return [exact]


def floating(name: str, others: Iterable[str]) -> list[str]:
    """Return the floating tags that a release takes over."""
    version = Version(name)
    if version.is_prerelease:
        return []
    stable = [other for other in released(others) if not other.is_prerelease]
    newest = {
        f"{version.major}.{version.minor}": [
            o for o in stable if o.release[:2] == version.release[:2]
        ],
        f"{version.major}": [o for o in stable if o.major == version.major],
        "latest": stable,
    }
    if version.major == 0:  # each 0.x may break, so nobody can want whichever is the newest
        del newest["0"]
    return [tag for tag, rivals in newest.items() if version >= max(rivals, default=version)]
