"""Where an image comes from, in the words of https://slsa.dev/spec/v1.0/provenance."""

import json
import os
from datetime import UTC, datetime
from typing import Any

from pipeline.image import Source, project
from pipeline.shell import read

# What the parameters mean. For the person who reads a statement years later.
BUILD_TYPE = (
    "https://github.com/slipway-template/slipway/blob/main/docs/reference/image.md#provenance"
)


def bases(build: str, platforms: list[str]) -> list[dict[str, Any]]:
    """Return the images that a build began with, by name and digest, as the builder recorded it.

    Args:
        build: the builder's name for the build.
        platforms: what it was built for, like `linux/amd64`.
    """
    found = {}
    command = ("docker", "buildx", "history", "inspect", "attachment", "--type=provenance")
    # A build for one platform alone is recorded without its name.
    for chosen in [[f"--platform={each}"] for each in platforms] if len(platforms) > 1 else [[]]:
        told = json.loads(read(*command, *chosen, build))
        # SLSA 0.2 has materials, 1.0 dependencies.
        images = told.get("materials") or told["buildDefinition"]["resolvedDependencies"]
        found.update({image["uri"]: image["digest"] for image in images})
    return [{"uri": uri, "digest": digest} for uri, digest in sorted(found.items())]


def provenance(
    ref: str, built: Source, images: list[dict[str, Any]], begun: datetime
) -> dict[str, Any]:
    """Return the predicate of an image.

    Args:
        ref: git's full name of what was built; may be empty.
        built: the commit.
        images: what it began with, from `bases`.
        begun: when it began.
    """
    origin = f"git+{project()['project']['urls']['Repository']}"
    host, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    workflow, number = os.environ.get("GITHUB_WORKFLOW_REF"), os.environ.get("GITHUB_RUN_ID")
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "source": origin,
                "ref": ref,
                "dockerfile": "Dockerfile",
                "platforms": project()["tool"]["image"]["platforms"],
            },
            "resolvedDependencies": [
                {"uri": f"{origin}@{ref}", "digest": {"gitCommit": built.commit}},
                *images,
            ],
        },
        "runDetails": {
            "builder": {"id": f"{host}/{workflow}" if workflow else "urn:slipway:desk"},
            "metadata": {
                "invocationId": f"{host}/{repository}/actions/runs/{number}" if number else "",
                "startedOn": begun.isoformat(timespec="seconds"),
                "finishedOn": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        },
    }
