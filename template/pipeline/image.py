"""Build the image of the service, the same for this machine and for a registry.

`python -m pipeline.image TAG` builds it for this machine's engine.
"""

import os
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.shell import FailedError, read, run

# Taken from the environment of whoever builds, where they are set: mirrors and their certificates.
ARGUMENTS = ("PYTHON_IMAGE", "UV_DEFAULT_INDEX", "UV_IMAGE", "UV_SYSTEM_CERTS")


@dataclass(frozen=True)
class Source:
    """What is built: a commit, and whether the tree has changed since."""

    commit: str
    """Its full hash; empty without a history."""
    seconds: int
    """When it was made, as seconds since 1970; 0 without a history."""
    dirty: bool
    tags: tuple[str, ...] = ()
    """What git calls that commit."""

    @property
    def revision(self) -> str:
        """What the image says that it was built from; empty without a history."""
        return f"{self.commit}-dirty" if self.commit and self.dirty else self.commit

    def version(self, declared: str) -> str:
        """Return the version of what is built: the declared one, for the release of that alone."""
        if {declared, f"v{declared}"} & set(self.tags) and not self.dirty:
            return declared
        local = f"{self.commit[:7]}.dirty" if self.dirty else self.commit[:7]
        return f"{declared}+{local if self.commit else 'unknown'}"


def source() -> Source:
    """Return what the working tree is."""
    try:
        show = ("git", "show", "--no-patch", "--no-show-signature", "--format=%H %ct")
        commit, seconds = read(*show).split()
    except FailedError:
        return Source(commit="", seconds=0, dirty=True)
    dirty = bool(read("git", "status", "--porcelain"))
    return Source(commit, int(seconds), dirty, tuple(read("git", "tag", "--points-at").split()))


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))


def labels(manifest: dict[str, Any], built: Source) -> dict[str, str]:
    """Return the labels of https://github.com/opencontainers/image-spec/blob/main/annotations.md.

    The same commit always gives the same: `created` is when it was made.
    """
    known = manifest["project"]
    values = {
        "created": datetime.fromtimestamp(built.seconds, UTC).isoformat(),
        "description": known["description"],
        "licenses": known["license"],
        "revision": built.revision,
        "source": known["urls"]["Repository"],
        "title": known["name"],
        "version": built.version(known["version"]),
    }
    return {f"org.opencontainers.image.{name}": value for name, value in values.items()}


def build(*options: str, context: str = ".") -> None:
    """Build the Dockerfile of a folder with these options of `docker buildx build`.

    Raises:
        FailedError: it cannot be built; its own words are on the standard error.
    """
    built = source()
    run(
        *("docker", "buildx", "build", "--provenance=false"),
        *(f"--build-arg={name}" for name in ARGUMENTS if os.environ.get(name)),
        *(f"--label={name}={value}" for name, value in labels(project(), built).items()),
        *options,
        context,
        env={"SOURCE_DATE_EPOCH": str(built.seconds)},
    )


if __name__ == "__main__":
    try:
        build("--load", f"--tag={sys.argv[1]}")
    except FailedError as error:
        sys.exit(f"image: {error}")
