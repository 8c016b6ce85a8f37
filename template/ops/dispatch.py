"""Start a deployment of what was just published, for each environment that takes such.

It is started as a run of its own, the same as one by hand: it may wait days for an approval, and
nothing waits with it.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import httpx
from packaging.version import Version

from ops.credentials import bearer
from ops.model import Environment
from pipeline.publish import is_overtaken
from pipeline.shell import FailedError
from pipeline.tags import Ref, tags

WORKFLOW = "deploy.yml"


@dataclass(frozen=True)
class Due:
    """A deployment that is to be started."""

    environment: str
    version: str
    ref: str
    """The tag or branch whose files say how it is deployed."""


def due(environments: Iterable[Environment], refs: Sequence[str], commit: str) -> list[Due]:
    """Return what is to be deployed; what a branch has newer commits than is left to theirs.

    Args:
        environments: all of them.
        refs: git's full names of what the published image is, like `refs/tags/v1.2.3`.
        commit: what it was built from.

    Raises:
        FailedError: a ref is none.
    """
    try:
        published = {ref: Ref.parse(ref, commit) for ref in refs}
    except ValueError as error:
        raise FailedError(str(error)) from None
    found = []
    for environment in environments:
        for ref, parsed in published.items():
            name = parsed.name
            if parsed.kind == "release":
                name = "pre-releases" if Version(parsed.name).is_prerelease else "releases"
            if name and name == environment.takes and not is_overtaken(parsed):
                version = tags(parsed, [])[0]
                found.append(Due(environment.name, version, ref.split("/", 2)[2]))
                break
    return found


def start(wanted: Due) -> None:
    """Start the workflow at the code host, with the token of GITHUB_TOKEN.

    Raises:
        FailedError: it cannot be started, and why.
    """
    for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN"):
        if not os.environ.get(name):
            msg = f"{name} is not set: it is in a workflow, which is where this runs"
            raise FailedError(msg)
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    where = f"{api}/repos/{os.environ['GITHUB_REPOSITORY']}/actions/workflows/{WORKFLOW}/dispatches"
    given = {"verb": "deploy", "environment": wanted.environment, "version": wanted.version}
    try:
        answer = httpx.post(
            where,
            json={"ref": wanted.ref, "inputs": given},
            headers=bearer("GITHUB_TOKEN"),
            timeout=30,
        )
    except httpx.HTTPError as error:
        trouble = f"{type(error).__name__} {error}"
    else:
        trouble = "" if answer.is_success else f"{answer.status_code} {answer.text}"
    if trouble:
        msg = f"{WORKFLOW} cannot be started for {wanted.environment}: {trouble}"
        raise FailedError(msg)
