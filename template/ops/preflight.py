"""What has to be true of an image before anything is touched."""

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline import trivy, verdict
from pipeline.image import project
from pipeline.shell import FailedError, read
from pipeline.signature import Verifier, origin_of, verify

LABEL = "org.opencontainers.image"


@dataclass(frozen=True)
class Image:
    """What is known of a published image."""

    name: str
    """With its digest."""
    version: str
    """As it says of itself: `1.2.3`, or of what is no release `1.2.3+1a2b3c4`."""
    commit: str
    committed: datetime | None
    """The time of the commit, which the image has as its own."""


def tag_of(version: str) -> str:
    """Return what an image is tagged with: of `v1.2.3`, which is git's tag, `1.2.3`."""
    return re.sub(r"^v(?=\d)", "", version)


def find(version: str) -> Image:
    """Return the image that was published under a version, or any other of its tags.

    Raises:
        FailedError: there is none.
    """
    name = project()["tool"]["image"]["name"]
    tagged, both = f"{name}:{tag_of(version)}", "[{{json .Manifest}}, {{json .Image}}]"
    try:
        shown = read("docker", "buildx", "imagetools", "inspect", f"--format={both}", tagged)
    except FailedError as error:
        msg = f"there is no image {tagged}: was it published, and may you read it? ({error})"
        raise FailedError(msg) from None
    manifest, told = json.loads(shown)
    # Of several platforms, each has its own; what matters here is the same in all of them.
    config = told if "config" in told else next(iter(told.values()))
    labels = config["config"].get("Labels") or {}
    made = config.get("created")
    return Image(
        f"{name}@{manifest['digest']}",
        labels.get(f"{LABEL}.version", ""),
        labels.get(f"{LABEL}.revision", ""),
        datetime.fromisoformat(made) if made else None,
    )


def verify_origin(image: Image) -> str:
    """Return who signed it, what it was built from and by whom, a line each.

    Raises:
        FailedError: it is not signed by whom this project trusts, or was built from another.
    """
    verifier = Verifier.find()
    origins = {origin_of(image.name, provenance) for provenance in verify(image.name, verifier)}
    return "\n".join([f"signed by   {verifier}", *sorted(origins)])


def refuse_findings(image: Image) -> None:
    """Make sure that no weakness that matters is known of it, by the database that there is.

    Raises:
        FailedError: there is one that `exceptions.toml` does not accept, or nobody can tell.
    """
    Path("reports").mkdir(exist_ok=True)
    own = f"deployed-{os.getpid()}"  # another may look at another image in this folder
    # What does not change with time was looked for before it was published.
    what = ("image", "--image-src=remote", "--scanners=vuln", *trivy.BESIDE, image.name)
    found = trivy.scan(own, *what)
    try:
        accepted = verdict.read_exemptions(
            verdict.EXCEPTIONS.read_text(encoding="utf-8"), datetime.now(UTC).date()
        )
        findings = list(verdict.findings_of_sarif("trivy", {"runs": [found]}))
    except (FileNotFoundError, verdict.UnusableError) as error:
        raise FailedError(str(error)) from None
    if left := [str(each) for each in findings if not any(e.covers(each) for e in accepted)]:
        msg = (
            f"{image.name} has {len(left)} open findings: mend them, or accept each for a time "
            f"in {verdict.EXCEPTIONS}, with a reason:\n" + "\n".join(left)
        )
        raise FailedError(msg)
